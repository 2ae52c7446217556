"""portkey-ai: every administrative resource from creation to deletion, and that keys obey."""

from portkey_ai import Portkey
from portkey_ai._vendor import openai
from portkey_ai.api_resources import exceptions
from portkey_ai.api_resources.utils import GenericResponse

from common import KEY, PROVIDER_KEY, UPSTREAM, URL, WORKSPACE, calls, eventually, fails_with, finish, step
from every_method import watch

BASE = URL + "/v1"
# The client's own calls and those of the OpenAI client inside it fail with different types.
APIStatusError = (exceptions.APIStatusError, openai.APIStatusError)
admin = Portkey(api_key=KEY, base_url=BASE)
# What lies below integrations is another journey's.
every_method_was_called = watch(admin, "virtual_keys", "api_keys", "providers", "integrations.")


def chat(key, provider):
    client = Portkey(api_key=key, base_url=BASE, provider=provider)
    return client.chat.completions.create(
        model="gpt-4o-mini", messages=[{"role": "user", "content": "are you there?"}]
    )


step("virtual keys")
slug = admin.virtual_keys.create(
    name="Python OpenAI", provider="openai", key=PROVIDER_KEY, note="first", workspace_id=WORKSPACE
).slug
assert slug
listed = admin.virtual_keys.list(workspace_id=WORKSPACE)
assert slug in [one["slug"] if isinstance(one, dict) else one.slug for one in listed.data]
assert PROVIDER_KEY not in str(listed), "a list shows a credential"
one = admin.virtual_keys.retrieve(slug=slug)
assert one.name == "Python OpenAI" and one.note == "first", one
assert PROVIDER_KEY not in str(one), "a virtual key shows its credential"
admin.virtual_keys.update(slug=slug, name="Renamed", note="second")
one = admin.virtual_keys.retrieve(slug=slug)
assert one.name == "Renamed" and one.note == "second", one
admin.virtual_keys.delete(slug=slug)
fails_with(404, APIStatusError, lambda: admin.virtual_keys.retrieve(slug=slug))

step("integrations")
integration = admin.integrations.create(
    name="Scripted",
    ai_provider_id="openai",
    key=PROVIDER_KEY,
    slug="python-admin",
    description="a local provider",
    configurations={"custom_host": UPSTREAM},
    create_default_provider=False,
)
assert integration.slug == "python-admin", integration
assert "python-admin" in str(admin.integrations.list())
detail = admin.integrations.retrieve(slug="python-admin")
assert detail.ai_provider_id == "openai", detail
assert PROVIDER_KEY not in str(detail), "an integration shows its credential"
admin.integrations.update(slug="python-admin", name="Scripted again", description="still local")
assert admin.integrations.retrieve(slug="python-admin").name == "Scripted again"

step("providers")
provider = admin.providers.create(
    name="Python provider", integration_id="python-admin", slug="python-provider", workspace_id=WORKSPACE
)
assert provider.slug == "python-provider", provider
assert "python-provider" in str(admin.providers.list(workspace_id=WORKSPACE))
assert admin.providers.retrieve(slug="python-provider", workspace_id=WORKSPACE).name == "Python provider"
admin.providers.update(slug="python-provider", workspace_id=WORKSPACE, name="Other name")
assert admin.providers.retrieve(slug="python-provider", workspace_id=WORKSPACE).name == "Other name"

step("an API key calls, is rotated, and its calls are logged")
created = admin.api_keys.create(
    type="workspace",
    sub_type="service",
    name="python journey",
    description="made by the acceptance suite",
    workspace_id=WORKSPACE,
    scopes=["completions.write", "logs.view", "logs.list"],
)
assert created.id and created.key, created
listed = admin.api_keys.list(workspace_id=WORKSPACE)
assert created.id in str(listed) and created.key not in str(listed)
one = admin.api_keys.retrieve(id=created.id)
assert one.name == "python journey" and one.key != created.key, one
admin.api_keys.update(id=created.id, name="renamed journey")
assert admin.api_keys.retrieve(id=created.id).name == "renamed journey"

answer = chat(created.key, "@python-provider")
assert answer.choices[0].message.content == "You said: are you there?"
calls()
trace = answer.get_headers()["trace-id"]
assert trace

denied = Portkey(api_key=created.key, base_url=BASE)
fails_with(403, APIStatusError, lambda: denied.virtual_keys.list(workspace_id=WORKSPACE))

rotated = admin.post(url=f"/api-keys/{created.id}/rotate", key_transition_period_ms=1_800_000)
assert rotated.key and rotated.key != created.key, rotated
for key in (created.key, rotated.key):
    # Both work while the old one is in its overlap window.
    chat(key, "@python-provider")
    calls()

step("logs")


def logged():
    listed = admin.get(path=f"/logs?trace_id={trace}&workspace_id={WORKSPACE}", cast_to=GenericResponse)
    return listed.data


log = eventually(logged)[0]
log = log if isinstance(log, dict) else log.model_dump()
one = admin.get(path=f"/logs/{log['id']}", cast_to=GenericResponse).model_dump_json()
assert trace in one, one
assert created.key not in one and PROVIDER_KEY not in one, "a log shows a secret"

step("deletion")
admin.api_keys.delete(id=created.id)


def refused(key):
    try:
        chat(key, "@python-provider")
    except APIStatusError as problem:
        assert problem.status_code == 401, problem
        return True
    calls()
    return False


for key in (created.key, rotated.key):
    eventually(lambda: refused(key), within=1.0)
admin.providers.delete(slug="python-provider", workspace_id=WORKSPACE)
fails_with(404, APIStatusError, lambda: admin.providers.retrieve(slug="python-provider", workspace_id=WORKSPACE))
admin.integrations.delete(slug="python-admin")
fails_with(404, APIStatusError, lambda: admin.integrations.retrieve(slug="python-admin"))

every_method_was_called()
finish()
