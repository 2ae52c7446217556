// openai: only a base URL, a key and `@slug/model`.

import assert from "node:assert/strict";
import OpenAI from "openai";
import { Portkey } from "portkey-ai";

import { KEY, PROVIDER_KEY, UPSTREAM, URL, WEATHER, all, calls, failsWith, finish, step } from "./common.mjs";

const BASE = `${URL}/v1`;
const MODEL = "@openai-node/gpt-4o-mini";
const hello = [{ role: "user", content: "hello" }];

step("a virtual key");
await new Portkey({ apiKey: KEY, baseURL: BASE }).integrations.create({
  name: "For openai", ai_provider_id: "openai", key: PROVIDER_KEY, slug: "openai-node",
  configurations: { custom_host: UPSTREAM },
});
const client = new OpenAI({ apiKey: KEY, baseURL: BASE, maxRetries: 0 });

step("chat");
const answer = await client.chat.completions.create({ model: MODEL, messages: hello });
assert.equal(answer.choices[0].message.content, "You said: hello");
calls();

step("a stream with usage");
const chunks = await all(
  await client.chat.completions.create({
    model: MODEL, messages: hello, stream: true, stream_options: { include_usage: true },
  }),
);
assert.equal(chunks.at(-1).usage.prompt_tokens, 2);
calls();

step("streamed tools");
const tools = [{ type: "function", function: { name: "weather", parameters: WEATHER } }];
const runner = client.chat.completions.stream({ model: MODEL, messages: hello, tools });
const message = await runner.finalMessage();
assert.deepEqual(JSON.parse(message.tool_calls[0].function.arguments), { city: "Lisbon", days: 3 });
calls();

step("embeddings");
const embedded = await client.embeddings.create({
  model: "@openai-node/text-embedding-3-small", input: "hello",
});
assert.equal(embedded.data[0].embedding.length, 8);
calls();

step("responses, whole and streamed");
const whole = await client.responses.create({ model: MODEL, input: "hello" });
assert.equal(whole.output_text, "You said: hello");
const events = await all(await client.responses.create({ model: MODEL, input: "hello", stream: true }));
assert.equal(events.at(-1).type, "response.completed");
calls(2);

step("models");
assert.ok((await all(client.models.list())).some(({ id }) => id === MODEL));

step("errors");
await failsWith(429, () =>
  client.chat.completions.create({ model: "@openai-node/status-429", messages: hello }),
);
calls();
const stranger = new OpenAI({ apiKey: "sk-nobody", baseURL: BASE, maxRetries: 0 });
await failsWith(401, () => stranger.chat.completions.create({ model: MODEL, messages: hello }));

finish();
