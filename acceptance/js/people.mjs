// portkey-ai: workspaces, invites, people, their keys, models, access: every method, create to delete.

import assert from "node:assert/strict";
import { Portkey } from "portkey-ai";

import {
  KEY, PROVIDER_KEY, UPSTREAM, URL, calls, failsWith, finish, step,
} from "./common.mjs";
import { watch } from "./every-method.mjs";

const BASE = `${URL}/v1`;
const client = new Portkey({ apiKey: KEY, baseURL: BASE });
const { admin } = client;
const everyMethodWasCalled = watch(
  client, "admin.users", "admin.workspaces", "integrations.models", "integrations.workspaces",
);
const holds = (value, text) => JSON.stringify(value).includes(text);

// What the console does with an invite's link.
async function accept(link, password) {
  const answer = await fetch(`${URL}/auth/invites/accept`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ token: link.split("#")[1], password }),
  });
  assert.equal(answer.status, 200);
  return answer.json();
}

step("workspaces");
const made = await admin.workspaces.create({
  name: "Node Team", description: "first", defaults: { metadata: { team: "node" } },
});
assert.ok(made.id && made.slug.startsWith("ws-"));
assert.equal((await admin.workspaces.list({ page_size: 1, current_page: 0 })).data.length, 1);
assert.ok(holds(await admin.workspaces.list({ exact_name: "Node Team" }), made.id));
const workspace = await admin.workspaces.retrieve({ workspaceId: made.id });
assert.equal(workspace.defaults.metadata.team, "node");
const updated = await admin.workspaces.update({ workspaceId: made.id, description: "second" });
assert.equal(updated.description, "second");

step("invites");
const invite = await admin.users.invites.create({
  email: "node@people.test", role: "member", workspaces: [{ id: made.slug, role: "member" }],
});
assert.ok(invite.id && invite.invite_link.includes("#"));
assert.ok(holds(await admin.users.invites.list({ status: "pending" }), invite.id));
assert.equal((await admin.users.invites.retrieve({ inviteId: invite.id })).status, "pending");
const resent = await admin.users.invites.resend({ inviteId: invite.id });
const person = await accept(resent.inviteLink, "three blind mice");
assert.equal((await admin.users.invites.retrieve({ inviteId: invite.id })).status, "accepted");
const other = await admin.users.invites.create({
  email: "nobody@people.test", role: "member", workspaces: [],
});
await admin.users.invites.delete({ inviteId: other.id });
assert.equal((await admin.users.invites.retrieve({ inviteId: other.id })).status, "cancelled");

step("people of the organisation");
const userId = person.user.id;
assert.ok(holds(await admin.users.list({ email: "node@people.test" }), userId));
await admin.users.update({ userId, role: "admin" });
assert.equal((await admin.users.retrieve({ userId })).role, "admin");
await admin.users.update({ userId, role: "member" });

step("people of a workspace");
const { users } = admin.workspaces;
assert.ok(holds(await users.list({ workspaceId: made.id, role: "member" }), userId));
await users.update({ workspaceId: made.id, userId, role: "admin" });
assert.equal((await users.retrieve({ workspaceId: made.id, userId })).role, "admin");
await users.delete({ workspaceId: made.id, userId });
await failsWith(404, () => users.retrieve({ workspaceId: made.id, userId }));
await users.create({ workspaceId: made.id, users: [{ id: userId, role: "member" }] });

step("integrations: models and workspaces");
await client.integrations.create({
  name: "Shared", ai_provider_id: "openai", key: PROVIDER_KEY, slug: "node-shared",
  configurations: { custom_host: UPSTREAM },
});
const { models, workspaces } = client.integrations;
await models.update({
  slug: "node-shared", allow_all_models: false,
  models: [{ slug: "gpt-4o-mini", enabled: true }, { slug: "gpt-4o", enabled: true }],
});
assert.ok(holds(await models.list({ slug: "node-shared" }), "gpt-4o-mini"));
await models.delete({ slug: "node-shared", slugs: "gpt-4o" });
assert.ok(!holds(await models.list({ slug: "node-shared" }), '"gpt-4o"'));
await workspaces.update({ slug: "node-shared", workspaces: [{ id: made.id, enabled: true }] });
assert.ok(holds(await workspaces.list({ slug: "node-shared" }), made.id));

step("keys of a workspace, of a person, of the organisation");
const service = await client.apiKeys.create({
  type: "workspace", "sub-type": "service", name: "node service", workspace_id: made.id,
  scopes: ["completions.write"],
});
const own = await client.apiKeys.create({
  type: "workspace", "sub-type": "user", name: "node user", workspace_id: made.id,
  user_id: userId, scopes: ["completions.write"],
});
const whole = await client.apiKeys.create({
  type: "organisation", "sub-type": "service", name: "node whole", scopes: ["workspaces.list"],
});
for (const key of [service, own, whole]) {
  await client.apiKeys.update({ id: key.id, description: "updated" });
  const shown = await client.apiKeys.retrieve({ id: key.id });
  assert.equal(shown.description, "updated");
  assert.ok(!holds(shown, key.key), "a key shows itself");
}
assert.ok(holds(await client.apiKeys.list({ workspace_id: made.id }), own.id));
for (const key of [service, own]) {
  const caller = new Portkey({ apiKey: key.key, baseURL: BASE, provider: "@node-shared" });
  const messages = [{ role: "user", content: "hello" }];
  const answer = await caller.chat.completions.create({ model: "gpt-4o-mini", messages });
  assert.equal(answer.choices[0].message.content, "You said: hello");
  calls();
}
const asWhole = new Portkey({ apiKey: whole.key, baseURL: BASE });
assert.ok(holds(await asWhole.admin.workspaces.list({}), made.id));
await failsWith(403, () => asWhole.admin.users.list({}));

step("the audit trail");
const trail = await client.get("/audit-logs?resource_type=member&action=update");
assert.ok(trail.total >= 2 && trail.records[0].action === "update", JSON.stringify(trail));

step("deletion");
for (const key of [service, own, whole]) {
  await client.apiKeys.delete({ id: key.id });
  await failsWith(404, () => client.apiKeys.retrieve({ id: key.id }));
}
await admin.users.delete({ userId });
await failsWith(404, () => admin.users.retrieve({ userId }));
await workspaces.update({ slug: "node-shared", workspaces: [{ id: made.id, enabled: false }] });
await client.integrations.delete({ slug: "node-shared" });
await admin.workspaces.delete({ workspaceId: made.id, name: "Node Team" });
await failsWith(404, () => admin.workspaces.retrieve({ workspaceId: made.id }));

everyMethodWasCalled();
finish();
