"""portkey-ai: workspaces, invites, people, their keys, models, access: every method, create to delete."""

import json
import urllib.request

from portkey_ai import Portkey
from portkey_ai._vendor import openai
from portkey_ai.api_resources import exceptions
from portkey_ai.api_resources.utils import GenericResponse

from common import KEY, PROVIDER_KEY, UPSTREAM, URL, WORKSPACE, calls, eventually, fails_with, finish, step
from every_method import watch

BASE = URL + "/v1"
APIStatusError = (exceptions.APIStatusError, openai.APIStatusError)
admin = Portkey(api_key=KEY, base_url=BASE)
every_method_was_called = watch(
    admin, "admin.users", "admin.workspaces", "integrations.models", "integrations.workspaces"
)


def plain(value):
    """A part of an answer as Python has it."""
    return value if isinstance(value, (dict, str)) else json.loads(value.model_dump_json())


def accept(link, password):
    """What the console does with an invite's link."""
    body = json.dumps({"token": link.split("#")[1], "password": password}).encode()
    request = urllib.request.Request(URL + "/auth/invites/accept", body, {"content-type": "application/json"})
    return json.load(urllib.request.urlopen(request))


step("workspaces")
made = admin.admin.workspaces.create(
    name="Python Team", description="first", defaults={"metadata": {"team": "python"}}
)
assert made.id and made.slug.startswith("ws-"), made
listed = admin.admin.workspaces.list(page_size=1, current_page=0)
assert len(listed.data) == 1 and listed.total == 2, listed
assert made.id in str(admin.admin.workspaces.list(exact_name="Python Team"))
assert made.id not in str(admin.admin.workspaces.list(name="Other"))
one = admin.admin.workspaces.retrieve(workspace_id=made.id)
assert one.name == "Python Team" and plain(one.defaults)["metadata"]["team"] == "python", one
updated = admin.admin.workspaces.update(workspace_id=made.id, description="second", defaults={"metadata": {"team": "py"}})
assert updated.description == "second", updated
by_slug = admin.admin.workspaces.retrieve(workspace_id=made.slug)
assert by_slug.id == made.id

step("invites")
invite = admin.admin.users.invites.create(
    email="py@people.test",
    role="member",
    workspaces=[{"id": made.slug, "role": "member"}],
    workspace_api_key_details={"scopes": ["completions.write"]},
)
assert invite.id and "#" in invite.invite_link, invite
assert invite.id in str(admin.admin.users.invites.list(status="pending", role="member", email="py@people.test"))
one = admin.admin.users.invites.retrieve(invite_id=invite.id)
assert one.status == "pending" and one.email == "py@people.test", one
resent = admin.admin.users.invites.resend(invite_id=invite.id)
link = plain(resent).get("inviteLink")
assert link and link != invite.invite_link, resent
person = accept(link, "three blind mice")
assert admin.admin.users.invites.retrieve(invite_id=invite.id).status == "accepted"
other = admin.admin.users.invites.create(
    email="never@people.test", role="admin", workspaces=[], workspace_api_key_details={"scopes": []}
)
admin.admin.users.invites.delete(invite_id=other.id)
assert admin.admin.users.invites.retrieve(invite_id=other.id).status == "cancelled"

step("people of the organisation")
user = person["user"]["id"]
listed = admin.admin.users.list(email="py@people.test")
assert listed.total == 1 and user in str(listed), listed
assert admin.admin.users.list(role="owner", page_size=10, current_page=0).total == 1
assert admin.admin.users.retrieve(user_id=user).role == "member"
admin.admin.users.update(user_id=user, role="admin")
assert admin.admin.users.retrieve(user_id=user).role == "admin"
admin.admin.users.update(user_id=user, role="member")

step("people of a workspace")
listed = admin.admin.workspaces.users.list(workspace_id=made.id, role="member")
assert user in str(listed) and listed.total == 1, listed
assert admin.admin.workspaces.users.retrieve(workspace_id=made.id, user_id=user).role == "member"
admin.admin.workspaces.users.update(workspace_id=made.id, user_id=user, role="manager")
one = admin.admin.workspaces.users.retrieve(workspace_id=made.id, user_id=user)
assert one.role == "manager" and "virtual_keys.create" in one.scopes, one
admin.admin.workspaces.users.delete(workspace_id=made.id, user_id=user)
fails_with(404, APIStatusError, lambda: admin.admin.workspaces.users.retrieve(workspace_id=made.id, user_id=user))
admin.admin.workspaces.users.create(workspace_id=made.id, users=[{"id": user, "role": "member"}])
assert admin.admin.workspaces.users.list(workspace_id=made.id).total == 1

step("integrations: models and workspaces")
admin.integrations.create(
    name="Shared", ai_provider_id="openai", key=PROVIDER_KEY, slug="py-shared",
    configurations={"custom_host": UPSTREAM},
)
models = admin.integrations.models
models.update(slug="py-shared", allow_all_models=False, models=[{"slug": "gpt-4o-mini", "enabled": True}])
assert "gpt-4o-mini" in str(models.list(slug="py-shared"))
models.update(slug="py-shared", allow_all_models=False, models=[{"slug": "gpt-4o", "enabled": True}])
models.delete(slug="py-shared", slugs="gpt-4o")
assert "'gpt-4o'" not in str(plain(models.list(slug="py-shared")))
access = admin.integrations.workspaces
access.update(slug="py-shared", workspaces=[{"id": made.id, "enabled": True}])
assert made.id in str(access.list(slug="py-shared"))

step("keys of a workspace, of a person, of the organisation")
service = admin.api_keys.create(
    type="workspace", sub_type="service", name="py service", workspace_id=made.id, scopes=["completions.write"]
)
own = admin.api_keys.create(
    type="workspace", sub_type="user", name="py user", workspace_id=made.id, user_id=user,
    scopes=["completions.write", "virtual_keys.list"], defaults={"metadata": {"stage": "test"}},
)
whole = admin.api_keys.create(type="organisation", sub_type="service", name="py whole", scopes=["workspaces.list"])
for key, kind in [(service, "workspace-service"), (own, "workspace-user"), (whole, "organisation-service")]:
    one = admin.api_keys.retrieve(id=key.id)
    assert plain(one)["type"] == kind and key.key not in str(one), one
    admin.api_keys.update(id=key.id, description="updated")
    assert admin.api_keys.retrieve(id=key.id).description == "updated"
# The key that came with the invite went with the person's first place in the workspace.
assert admin.api_keys.list(workspace_id=made.id).total == 2
for key in (service, own):
    client = Portkey(api_key=key.key, base_url=BASE, provider="@py-shared")
    answer = client.chat.completions.create(model="gpt-4o-mini", messages=[{"role": "user", "content": "hello"}])
    assert answer.choices[0].message.content == "You said: hello"
    calls()
as_whole = Portkey(api_key=whole.key, base_url=BASE)
assert as_whole.admin.workspaces.list().total == 2
fails_with(403, APIStatusError, lambda: as_whole.admin.users.list())

step("what nothing enforces yet is refused")
limits = {"credit_limit": 10, "alert_threshold": 5}
fails_with(400, APIStatusError, lambda: admin.virtual_keys.create(
    name="limited", provider="openai", key=PROVIDER_KEY, usage_limits=limits))
fails_with(400, APIStatusError, lambda: admin.api_keys.update(
    id=service.id, rate_limits=[{"type": "requests", "unit": "rpm", "value": 5}]))
fails_with(400, APIStatusError, lambda: access.update(
    slug="py-shared", workspaces=[{"id": made.id, "enabled": True, "usage_limits": [limits]}]))

step("the audit trail")


def told(action):
    path = f"/audit-logs?resource_type=member&action={action}&user_type=api_key"
    return plain(admin.get(path=path, cast_to=GenericResponse))


assert told("update")["total"] >= 2
record = told("update")["records"][0]
assert record["action"] == "update" and record["uri"].endswith(user), record

step("deletion")
for key in (service, own, whole):
    admin.api_keys.delete(id=key.id)
    fails_with(404, APIStatusError, lambda: admin.api_keys.retrieve(id=key.id))
admin.admin.users.delete(user_id=user)
fails_with(404, APIStatusError, lambda: admin.admin.users.retrieve(user_id=user))
access.update(slug="py-shared", workspaces=[{"id": made.id, "enabled": False}])
admin.integrations.delete(slug="py-shared")
admin.admin.workspaces.delete(workspace_id=made.id, name="Python Team")
fails_with(404, APIStatusError, lambda: admin.admin.workspaces.retrieve(workspace_id=made.id))
assert admin.admin.workspaces.list().total == 1

every_method_was_called()
finish()
