// That a journey calls every method that the client has for some resources: found by looking at the
// client, so that a method of a newer one is missed loudly.

import assert from "node:assert/strict";

// Resources of the client that are no administration of tenants, people, keys and providers.
const OTHERS = new Set([
  "analytics", "audio", "batches", "beta", "chat", "collections", "completions", "configs", "containers",
  "conversations", "embeddings", "evals", "feedback", "files", "fineTuning", "generations", "guardrails",
  "images", "labels", "logs", "mcpIntegrations", "mcpServers", "models", "moderations", "prompts",
  "realtime", "responses", "uploads", "vectorStores", "videos", "webhooks",
]);
const OURS = new Set(["admin", "apiKeys", "integrations", "providers", "virtualKeys"]);

// A resource holds the client that it belongs to.
const isResource = (value, client) => value?.client === client;

function* resources(client, holder = client, name = "") {
  for (const [part, value] of Object.entries(holder)) {
    if (part === "client" || !isResource(value, client)) continue;
    const path = name ? `${name}.${part}` : part;
    yield [path, value];
    yield* resources(client, value, path);
  }
}

// Notes the calls of every method of and below those resources, or, where a name ends with a dot, of
// that one alone. What it returns checks that none was forgotten.
export function watch(client, ...roots) {
  const missing = new Set();
  for (const [path, resource] of resources(client)) {
    const first = path.split(".")[0];
    assert.ok(OURS.has(first) || OTHERS.has(first), `no journey knows of the resource ${path}`);
    if (!roots.some((root) => `${path}.` === root || `${path}.`.startsWith(`${root}.`))) continue;
    for (const name of Object.getOwnPropertyNames(Object.getPrototypeOf(resource))) {
      if (name === "constructor") continue;
      const method = resource[name].bind(resource);
      missing.add(`${path}.${name}`);
      resource[name] = async (...args) => {
        const answer = await method(...args);
        missing.delete(`${path}.${name}`);
        return answer;
      };
    }
  }
  assert.ok(missing.size > 0, "the client has none of these resources");
  return () => assert.deepEqual([...missing], [], "never called with success");
}
