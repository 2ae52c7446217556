"""openai: a realtime session over a WebSocket, and its one log."""

import asyncio

import openai
import websockets
from openai import AsyncOpenAI, OpenAI
from portkey_ai import Portkey
from portkey_ai.api_resources.utils import GenericResponse

from common import KEY, PROVIDER_KEY, UPSTREAM, URL, WORKSPACE, calls, eventually, finish, step

BASE = URL + "/v1"
TRACE = "realtime-session"
MODEL = "@openai-realtime/gpt-realtime"

step("a virtual key")
portkey = Portkey(api_key=KEY, base_url=BASE)
portkey.integrations.create(
    name="For realtime",
    ai_provider_id="openai",
    key=PROVIDER_KEY,
    slug="openai-realtime",
    configurations={"custom_host": UPSTREAM},
)
client = OpenAI(api_key=KEY, base_url=BASE, max_retries=0)


def said(text):
    content = [{"type": "input_text", "text": text}]
    return {"type": "message", "role": "user", "content": content}


step("a session: two responses, and an error that does not end it")
headers = {"x-portkey-trace-id": TRACE}
with client.realtime.connect(model=MODEL, extra_headers=headers) as connection:
    created = connection.recv()
    assert created.type == "session.created" and created.session.model == "gpt-realtime", created
    connection.session.update(session={"type": "realtime", "output_modalities": ["text"]})
    assert connection.recv().type == "session.updated"
    for number in (1, 2):
        connection.conversation.item.create(item=said("hello"))
        connection.response.create()
        text = ""
        for event in connection:
            if event.type == "response.output_text.delta":
                text += event.delta
            elif event.type == "response.done":
                break
        assert text == "You said something."
        assert event.response.usage.input_tokens == number * 10, event
    connection.send({"type": "invented"})
    assert connection.recv().type == "error"
calls()

step("its log: usage of both responses, and a cost")


def logged():
    path = f"/logs?trace_id={TRACE}&workspace_id={WORKSPACE}"
    return portkey.get(path=path, cast_to=GenericResponse).data


logs = eventually(logged)
assert len(logs) == 1, logs
log = logs[0] if isinstance(logs[0], dict) else logs[0].model_dump()
assert log["endpoint"] == "realtime" and log["response_status_code"] == 101, log
assert log["is_success"] and log["ai_model"] == "gpt-realtime", log
assert log["usage"]["input_tokens"] == 30 and log["usage"]["output_tokens"] == 60, log
assert log["cost"] > 0, log

step("the same, asynchronously, with the provider named by a header")


async def session():
    other = AsyncOpenAI(
        api_key=KEY,
        base_url=BASE,
        default_headers={"x-portkey-virtual-key": "openai-realtime"},
    )
    async with other.realtime.connect(model="gpt-realtime") as connection:
        await connection.response.create()
        async for event in connection:
            if event.type == "response.done":
                return event.response.status


assert asyncio.run(session()) == "completed"
calls()

step("a browser's way: the key among the subprotocols")


async def browser():
    protocols = ["realtime", "openai-insecure-api-key." + KEY]
    query = "?model=%40openai-realtime%2Fgpt-realtime"
    url = BASE.replace("http", "ws", 1) + "/realtime" + query
    async with websockets.connect(url, subprotocols=protocols) as socket:
        assert socket.subprotocol == "realtime", socket.subprotocol
        assert "session.created" in await socket.recv()


asyncio.run(browser())
calls()

step("an unknown key")
stranger = OpenAI(api_key="sk-nobody", base_url=BASE)
try:
    with stranger.realtime.connect(model=MODEL):
        raise AssertionError("a stranger was let in")
except (websockets.exceptions.InvalidStatus, openai.APIError) as refused:
    assert "401" in str(refused), refused

finish()
