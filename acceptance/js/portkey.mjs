// portkey-ai: administration from creation to deletion, and the calls between.

import assert from "node:assert/strict";
import { Portkey } from "portkey-ai";

import {
  KEY, PROVIDER_KEY, UPSTREAM, URL, WEATHER, WORKSPACE,
  all, calls, eventually, failsWith, finish, step,
} from "./common.mjs";
import { watch } from "./every-method.mjs";

const BASE = `${URL}/v1`;
const admin = new Portkey({ apiKey: KEY, baseURL: BASE });
// What lies below integrations is another journey's.
const everyMethodWasCalled = watch(admin, "virtualKeys", "apiKeys", "providers", "integrations.");
const hello = [{ role: "user", content: "hello" }];
const holds = (value, text) => JSON.stringify(value).includes(text);

step("virtual keys");
const { slug } = await admin.virtualKeys.create({
  name: "Node OpenAI", provider: "openai", key: PROVIDER_KEY, note: "first", workspace_id: WORKSPACE,
  custom_host: UPSTREAM,
});
assert.ok(slug);
const listed = await admin.virtualKeys.list({ workspace_id: WORKSPACE });
assert.ok(listed.data.some((one) => one.slug === slug));
assert.ok(!holds(listed, PROVIDER_KEY), "a list shows a credential");
await admin.virtualKeys.update({ slug, name: "Renamed", note: "second" });
assert.equal((await admin.virtualKeys.retrieve({ slug })).name, "Renamed");

step("integrations and providers");
await admin.integrations.create({
  name: "Scripted", ai_provider_id: "openai", key: PROVIDER_KEY, slug: "node-admin",
  configurations: { custom_host: UPSTREAM }, create_default_provider: false,
});
await admin.integrations.update({ slug: "node-admin", description: "a local provider" });
const integration = await admin.integrations.retrieve({ slug: "node-admin" });
assert.equal(integration.description, "a local provider");
assert.ok(!holds(integration, PROVIDER_KEY), "an integration shows its credential");
assert.ok(holds(await admin.integrations.list({}), "node-admin"));
await admin.providers.create({
  name: "Node provider", integration_id: "node-admin", slug: "node-provider", workspace_id: WORKSPACE,
});
assert.ok(holds(await admin.providers.list({ workspace_id: WORKSPACE }), "node-provider"));
const provider = await admin.providers.retrieve({ slug: "node-provider", workspace_id: WORKSPACE });
assert.equal(provider.name, "Node provider");
await admin.providers.update({ slug: "node-provider", workspace_id: WORKSPACE, name: "Other name" });
const renamed = await admin.providers.retrieve({ slug: "node-provider", workspace_id: WORKSPACE });
assert.equal(renamed.name, "Other name");

step("API keys");
const key = await admin.apiKeys.create({
  type: "workspace", "sub-type": "service", name: "node journey", workspace_id: WORKSPACE,
  scopes: ["completions.write"],
});
assert.ok(key.id && key.key);
assert.ok(holds(await admin.apiKeys.list({ workspace_id: WORKSPACE }), key.id));
await admin.apiKeys.update({ id: key.id, name: "renamed journey" });
const found = await admin.apiKeys.retrieve({ id: key.id });
assert.equal(found.name, "renamed journey");
assert.notEqual(found.key, key.key);

step("chat through a virtual key");
const client = new Portkey({
  apiKey: key.key, baseURL: BASE, virtualKey: slug,
  traceID: "node-journey", metadata: { _user: "u1" },
});
const answer = await client.chat.completions.create({ model: "gpt-4o-mini", messages: hello });
assert.equal(answer.choices[0].message.content, "You said: hello");
assert.equal(answer.getHeaders()["trace-id"], "node-journey");
calls();

step("a stream");
const chunks = await all(
  await client.chat.completions.create({ model: "gpt-4o-mini", messages: hello, stream: true }),
);
const text = chunks.map((chunk) => chunk.choices[0].delta.content ?? "").join("");
assert.equal(text, "You said: hello");
assert.ok(chunks.every((chunk) => !chunk.usage));
calls();

step("tools");
const tools = [{ type: "function", function: { name: "weather", parameters: WEATHER } }];
const tooled = await client.chat.completions.create({ model: "gpt-4o-mini", messages: hello, tools });
assert.equal(tooled.choices[0].message.tool_calls[0].function.name, "weather");
calls();

step("the provider named as @slug");
const named = new Portkey({ apiKey: key.key, baseURL: BASE, provider: "@node-provider" });
const other = await named.chat.completions.create({ model: "gpt-4o-mini", messages: hello });
assert.equal(other.choices[0].message.content, "You said: hello");
calls();

step("embeddings");
const embedded = await client.embeddings.create({ model: "text-embedding-3-small", input: "hello" });
assert.equal(embedded.data[0].embedding.length, 8);
calls();

step("responses, whole and streamed");
const response = await client.responses.create({ model: "gpt-4o-mini", input: "hello" });
assert.equal(response.output[0].content[0].text, "You said: hello");
const events = await all(
  await client.responses.create({ model: "gpt-4o-mini", input: "hello", stream: true }),
);
assert.equal(events.at(-1).type, "response.completed");
calls(2);

step("models");
const models = await client.models.list();
assert.ok(holds(models, "gpt-4o-mini"));
calls();

step("errors keep their status and are not repeated");
for (const status of [400, 429, 500]) {
  const model = `status-${status}`;
  await failsWith(status, () => client.chat.completions.create({ model, messages: hello }));
  calls();
}

step("deletion");
await admin.apiKeys.delete({ id: key.id });
await eventually(async () => {
  try {
    await client.chat.completions.create({ model: "gpt-4o-mini", messages: hello });
  } catch (error) {
    assert.equal(error.status, 401, `${error}`);
    return true;
  }
  calls();
  return false;
}, 1000);
await admin.virtualKeys.delete({ slug });
await admin.providers.delete({ slug: "node-provider", workspace_id: WORKSPACE });
await admin.integrations.delete({ slug: "node-admin" });
await failsWith(404, () => admin.integrations.retrieve({ slug: "node-admin" }));

everyMethodWasCalled();
finish();
