"""openai: only a base URL, a key and `@slug/model`."""

import json

import openai
from openai import OpenAI
from portkey_ai import Portkey

from common import KEY, PROVIDER_KEY, UPSTREAM, URL, WEATHER, calls, fails_with, finish, step

BASE = URL + "/v1"

step("a virtual key")
Portkey(api_key=KEY, base_url=BASE).integrations.create(
    name="For openai",
    ai_provider_id="openai",
    key=PROVIDER_KEY,
    slug="openai-python",
    configurations={"custom_host": UPSTREAM},
)
client = OpenAI(api_key=KEY, base_url=BASE, max_retries=0)
MODEL = "@openai-python/gpt-4o-mini"
hello = [{"role": "user", "content": "hello"}]

step("chat, and a field nobody knows")
answer = client.chat.completions.create(model=MODEL, messages=hello, extra_body={"brand_new": 1})
assert answer.choices[0].message.content == "You said: hello"
calls()

step("a stream")
with client.chat.completions.stream(model=MODEL, messages=hello) as stream:
    final = stream.get_final_completion()
assert final.choices[0].message.content == "You said: hello"
calls()

step("streamed tools")
tools = [{"type": "function", "function": {"name": "weather", "parameters": WEATHER}}]
with client.chat.completions.stream(model=MODEL, messages=hello, tools=tools) as stream:
    final = stream.get_final_completion()
function = final.choices[0].message.tool_calls[0].function
assert json.loads(function.arguments) == {"city": "Lisbon", "days": 3}, function
calls()

step("embeddings in the client's own encoding")
answer = client.embeddings.create(model="@openai-python/text-embedding-3-small", input="hello")
plain = client.embeddings.create(
    model="@openai-python/text-embedding-3-small", input="hello", encoding_format="float"
)
assert answer.data[0].embedding == plain.data[0].embedding
calls(2)

step("responses, whole, streamed and with a tool")
assert client.responses.create(model=MODEL, input="hello").output_text == "You said: hello"
with client.responses.stream(model=MODEL, input="hello") as stream:
    assert stream.get_final_response().output_text == "You said: hello"
tool = {"type": "function", "name": "weather", "parameters": WEATHER, "strict": False}
call = client.responses.create(model=MODEL, input="hello", tools=[tool]).output[0]
assert call.type == "function_call" and json.loads(call.arguments)["city"] == "Lisbon"
calls(3)

step("models")
assert MODEL in [model.id for model in client.models.list()]

step("a provider's 429 arrives as one, once")
error = fails_with(
    429,
    openai.RateLimitError,
    lambda: client.chat.completions.create(
        model="@openai-python/status-429+retry-after-7", messages=hello
    ),
)
assert error.response.headers["retry-after"] == "7"
calls()

step("a stream that breaks is an error, not an end")
try:
    for _ in client.chat.completions.create(
        model="@openai-python/die-after-3-chunks", messages=hello, stream=True
    ):
        pass
    raise AssertionError("a broken stream looked whole")
except (openai.APIError, openai.APIConnectionError):
    calls()

step("an unknown key")
stranger = OpenAI(api_key="sk-nobody", base_url=BASE, max_retries=0)
fails_with(
    401,
    openai.AuthenticationError,
    lambda: stranger.chat.completions.create(model=MODEL, messages=hello),
)

finish()
