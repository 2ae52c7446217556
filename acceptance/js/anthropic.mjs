// @anthropic-ai/sdk: the base URL without a version path, our key as its API key, `@slug/model`.

import assert from "node:assert/strict";
import Anthropic from "@anthropic-ai/sdk";
import { Portkey } from "portkey-ai";

import { KEY, PROVIDER_KEY, UPSTREAM, URL, WEATHER, all, calls, failsWith, finish, step } from "./common.mjs";

const model = "@claude-node/claude-sonnet-4-20250514";
const messages = [{ role: "user", content: "hello" }];

step("a virtual key");
await new Portkey({ apiKey: KEY, baseURL: `${URL}/v1` }).integrations.create({
  name: "For anthropic", ai_provider_id: "anthropic", key: PROVIDER_KEY, slug: "claude-node",
  configurations: { custom_host: UPSTREAM },
});
const client = new Anthropic({ apiKey: KEY, baseURL: URL, maxRetries: 0 });

step("messages");
const answer = await client.messages.create({ model, max_tokens: 100, messages });
assert.equal(answer.content[0].text, "You said: hello");
calls();

step("a stream");
const final = await client.messages.stream({ model, max_tokens: 100, messages }).finalMessage();
assert.equal(final.content[0].text, "You said: hello");
calls();

step("streamed tools");
const tools = [{ name: "weather", input_schema: WEATHER }];
const used = await client.messages.stream({ model, max_tokens: 100, messages, tools }).finalMessage();
assert.deepEqual(used.content[0].input, { city: "Lisbon", days: 3 });
calls();

step("token counts");
assert.equal((await client.messages.countTokens({ model, messages })).input_tokens, 2);
calls();

step("models");
assert.ok((await all(client.models.list())).some(({ id }) => id === model));

step("errors");
await failsWith(429, () =>
  client.messages.create({ model: "@claude-node/status-429", max_tokens: 1, messages }),
);
calls();

finish();
