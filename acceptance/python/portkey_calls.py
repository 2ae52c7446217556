"""portkey-ai: every kind of data-plane call through a virtual key made with the same client."""

import base64
import json
import os
import struct
import tempfile
import wave

from portkey_ai import Portkey
from portkey_ai._vendor import openai
from portkey_ai.api_resources import exceptions

from common import KEY, PROVIDER_KEY, UPSTREAM, URL, WEATHER, WORKSPACE, calls, fails_with, finish, step

BASE = URL + "/v1"
# The client's own calls and those of the OpenAI client inside it fail with different types.
APIStatusError = (exceptions.APIStatusError, openai.APIStatusError)

step("a virtual key")
admin = Portkey(api_key=KEY, base_url=BASE)
slug = admin.virtual_keys.create(
    name="Python calls",
    provider="openai",
    key=PROVIDER_KEY,
    workspace_id=WORKSPACE,
    custom_host=UPSTREAM,
).slug
client = Portkey(
    api_key=KEY,
    base_url=BASE,
    virtual_key=slug,
    trace_id="python-journey",
    metadata={"_user": "u1", "team": "acceptance"},
)
hello = [{"role": "user", "content": "hello"}]

step("chat")
answer = client.chat.completions.create(model="gpt-4o-mini", messages=hello)
assert answer.choices[0].message.content == "You said: hello"
assert answer.usage.prompt_tokens == 2
assert answer.get_headers()["trace-id"] == "python-journey", answer.get_headers()
calls()

step("a stream, without usage that was not asked for")
chunks = list(client.chat.completions.create(model="gpt-4o-mini", messages=hello, stream=True))
text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks)
assert text == "You said: hello", text
assert all(chunk.choices and not chunk.usage for chunk in chunks)
calls()

step("a stream with usage")
chunks = list(
    client.chat.completions.create(
        model="gpt-4o-mini", messages=hello, stream=True, stream_options={"include_usage": True}
    )
)
assert chunks[-1].usage.prompt_tokens == 2 and not chunks[-1].choices
calls()

step("tools")
tools = [{"type": "function", "function": {"name": "weather", "parameters": WEATHER}}]
answer = client.chat.completions.create(model="gpt-4o-mini", messages=hello, tools=tools)
call = answer.choices[0].message.tool_calls[0]
assert call.function.name == "weather" and json.loads(call.function.arguments)["city"] == "Lisbon"
followed = hello + [
    {"role": "assistant", "tool_calls": [call.model_dump()]},
    {"role": "tool", "tool_call_id": call.id, "content": "sunny"},
]
answer = client.chat.completions.create(model="gpt-4o-mini", messages=followed, tools=tools)
assert answer.choices[0].message.content == "You said: sunny"
calls(2)

step("the provider named as @slug, and in the model")
for choice in ({"provider": f"@{slug}"}, {}):
    other = Portkey(api_key=KEY, base_url=BASE, **choice)
    model = "gpt-4o-mini" if choice else f"@{slug}/gpt-4o-mini"
    answer = other.chat.completions.create(model=model, messages=hello)
    assert answer.choices[0].message.content == "You said: hello"
    calls()

step("completions")
answer = client.completions.create(model="gpt-3.5-turbo-instruct", prompt="hello")
assert answer.choices[0].text == "You said: hello"
calls()

step("embeddings")
ask = {"model": "text-embedding-3-small", "input": ["one", "two"]}
plain = client.embeddings.create(encoding_format="float", **ask)
assert len(plain.data) == 2 and len(plain.data[0].embedding) == 8
# Left alone, this client asks for base64 and hands it on as it came.
packed = client.embeddings.create(**ask)
numbers = struct.unpack("<8f", base64.b64decode(packed.data[0].embedding))
assert list(numbers) == plain.data[0].embedding
calls(2)

step("responses, whole and streamed")
answer = client.responses.create(model="gpt-4o-mini", input="hello")
assert answer.output[0].content[0].text == "You said: hello", answer
events = list(client.responses.create(model="gpt-4o-mini", input="hello", stream=True))
text = "".join(event.delta for event in events if event.type == "response.output_text.delta")
assert text == "You said: hello"
assert events[-1].type == "response.completed" and events[-1].response.usage.input_tokens == 2
calls(2)

step("models of the provider, and of the catalogue")
assert "gpt-4o-mini" in [model.id for model in client.models.list().data]
calls()
assert "@" in admin.models.list().data[0].id

step("moderations, images, speech, transcription")
assert client.moderations.create(input="some violence").results[0].flagged
image = client.images.generate(model="gpt-image-1", prompt="a gate")
assert image.data[0].b64_json.startswith("iVBOR")
speech = client.audio.speech.create(model="tts-1", voice="alloy", input="hello")
assert speech.content == bytes(i % 256 for i in range(4096))
# This client measures the sound, so it has to be one, in a file.
with tempfile.NamedTemporaryFile(suffix=".wav") as file:
    with wave.open(file.name, "wb") as sound:
        sound.setnchannels(1)
        sound.setsampwidth(2)
        sound.setframerate(8000)
        sound.writeframes(bytes(range(256)) * 64)
    size = os.path.getsize(file.name)
    heard = client.audio.transcriptions.create(model="whisper-1", file=open(file.name, "rb"))
    assert heard.text == f"I heard {size} bytes.", heard
calls(4)

step("files and batches")
line = json.dumps({"custom_id": "1", "method": "POST", "url": "/v1/chat/completions", "body": {}})
file = client.files.create(file=("in.jsonl", line.encode()), purpose="batch")
assert client.files.retrieve(file.id).filename == "in.jsonl"
assert client.files.content(file.id).content.decode() == line
batch = client.batches.create(
    input_file_id=file.id, endpoint="/v1/chat/completions", completion_window="24h"
)
assert client.batches.retrieve(batch.id).status == "validating"
assert client.files.delete(file.id).deleted
calls(6)

step("an unknown path is proxied")
echo = client.post(url="/some/new/thing", question="unchanged?", deep={"er": [1, 2.5, None]})
assert echo.path == "/v1/some/new/thing" and echo.method == "POST"
assert echo.model_dump()["json"]["deep"] == {"er": [1, 2.5, None]}, echo
calls()

step("errors keep their status and are not repeated")
for status in (400, 429, 500):
    fails_with(
        status,
        APIStatusError,
        lambda: client.chat.completions.create(model=f"status-{status}", messages=hello),
    )
    calls()
stranger = Portkey(api_key="pck_nobody", base_url=BASE, virtual_key=slug)
fails_with(
    401, APIStatusError, lambda: stranger.chat.completions.create(model="gpt-4o-mini", messages=hello)
)
lost = Portkey(api_key=KEY, base_url=BASE, virtual_key="no-such-virtual-key")
fails_with(
    400, APIStatusError, lambda: lost.chat.completions.create(model="gpt-4o-mini", messages=hello)
)
step("a caller cannot send the vault's credential to a host of its own")
thief = Portkey(api_key=KEY, base_url=BASE, virtual_key=slug, custom_host=UPSTREAM)
fails_with(
    400, APIStatusError, lambda: thief.chat.completions.create(model="gpt-4o-mini", messages=hello)
)

step("an inline credential goes where its caller says")
inline = Portkey(
    api_key=KEY, base_url=BASE, provider="openai", custom_host=UPSTREAM, Authorization=PROVIDER_KEY
)
answer = inline.chat.completions.create(model="gpt-4o-mini", messages=hello)
assert answer.choices[0].message.content == "You said: hello"
calls()

finish()
