"""anthropic: the base URL without a version path, our key as its API key, `@slug/model`."""

import anthropic
from anthropic import Anthropic
from portkey_ai import Portkey

from common import KEY, PROVIDER_KEY, UPSTREAM, URL, WEATHER, calls, fails_with, finish, step

step("virtual keys for an Anthropic and an OpenAI provider")
admin = Portkey(api_key=KEY, base_url=URL + "/v1")
for slug, provider in (("claude-python", "anthropic"), ("gpt-for-claude", "openai")):
    admin.integrations.create(
        name=slug,
        ai_provider_id=provider,
        key=PROVIDER_KEY,
        slug=slug,
        configurations={"custom_host": UPSTREAM},
    )
client = Anthropic(api_key=KEY, base_url=URL, max_retries=0)
MODEL = "@claude-python/claude-sonnet-4-20250514"
hello = [{"role": "user", "content": "hello"}]

step("messages")
answer = client.messages.create(model=MODEL, max_tokens=100, messages=hello)
assert answer.content[0].text == "You said: hello" and answer.usage.input_tokens == 2
calls()

step("a stream")
with client.messages.stream(model=MODEL, max_tokens=100, messages=hello) as stream:
    assert "".join(stream.text_stream) == "You said: hello"
    assert stream.get_final_message().stop_reason == "end_turn"
calls()

step("tools, streamed")
tools = [{"name": "weather", "input_schema": WEATHER}]
with client.messages.stream(model=MODEL, max_tokens=100, messages=hello, tools=tools) as stream:
    used = stream.get_final_message().content[0]
assert used.type == "tool_use" and used.input == {"city": "Lisbon", "days": 3}, used
followed = hello + [
    {"role": "assistant", "content": [used.model_dump(include={"type", "id", "name", "input"})]},
    {"role": "user", "content": [{"type": "tool_result", "tool_use_id": used.id, "content": "sunny"}]},
]
answer = client.messages.create(model=MODEL, max_tokens=100, messages=followed, tools=tools)
assert "sunny" in answer.content[0].text
calls(2)

step("thinking")
answer = client.messages.create(
    model=MODEL, max_tokens=2048, messages=hello, thinking={"type": "enabled", "budget_tokens": 1024}
)
assert [block.type for block in answer.content] == ["thinking", "text"]
calls()

step("token counts")
assert client.messages.count_tokens(model=MODEL, messages=hello).input_tokens == 2
calls()

step("models")
assert MODEL in [model.id for model in client.models.list()]

step("an OpenAI provider behind the same client")
other = "@gpt-for-claude/gpt-4o-mini"
answer = client.messages.create(model=other, max_tokens=100, messages=hello)
assert answer.content[0].text == "You said: hello" and answer.stop_reason == "end_turn"
with client.messages.stream(model=other, max_tokens=100, messages=hello, tools=tools) as stream:
    used = stream.get_final_message().content[-1]
assert used.type == "tool_use" and used.input["city"] == "Lisbon"
calls(2)

step("the Anthropic provider behind the OpenAI chat form")
chat = Portkey(api_key=KEY, base_url=URL + "/v1").chat.completions
answer = chat.create(model=MODEL, messages=hello, max_tokens=100)
assert answer.choices[0].message.content == "You said: hello" and answer.usage.prompt_tokens == 2
chunks = list(chat.create(model=MODEL, messages=hello, max_tokens=100, stream=True))
assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks) == "You said: hello"
calls(2)

step("the documented set-up: a bearer token and the key in a header of its own")
bearer = Anthropic(
    auth_token=KEY,
    base_url=URL,
    max_retries=0,
    default_headers={"x-portkey-api-key": KEY, "x-portkey-provider": "@claude-python"},
)
answer = bearer.messages.create(model="claude-sonnet-4-20250514", max_tokens=100, messages=hello)
assert answer.content[0].text == "You said: hello"
calls()

step("errors in the client's own form")
fails_with(
    429,
    anthropic.RateLimitError,
    lambda: client.messages.create(model="@claude-python/status-429", max_tokens=1, messages=hello),
)
calls()
stranger = Anthropic(api_key="sk-ant-nobody", base_url=URL, max_retries=0)
fails_with(
    401,
    anthropic.AuthenticationError,
    lambda: stranger.messages.create(model=MODEL, max_tokens=1, messages=hello),
)

finish()
