// What every journey shares: where things are, and how a journey tells its steps and its count.
//
// A journey ends with the number of calls that it meant to reach the provider; the runner compares
// that with the provider's journal.

import assert from "node:assert/strict";

function env(name) {
  const value = process.env[name];
  assert.ok(value, `${name} is not set`);
  return value;
}

export const URL = env("PORTCULLIS_URL");
export const KEY = env("PORTCULLIS_API_KEY");
export const WORKSPACE = env("PORTCULLIS_WORKSPACE");
// The scripted provider, with its version path, and a credential that it takes.
export const UPSTREAM = env("UPSTREAM_URL");
export const PROVIDER_KEY = env("UPSTREAM_KEY");

let count = 0;

export function step(what) {
  console.log(`  - ${what}`);
}

// Notes that calls just reached the provider.
export function calls(more = 1) {
  count += more;
}

export function finish() {
  console.log(`upstream calls: ${count}`);
}

// Runs `act` and returns its error, which must have this status.
export async function failsWith(status, act) {
  try {
    await act();
  } catch (error) {
    assert.equal(error.status, status, `${error}`);
    return error;
  }
  assert.fail(`wanted status ${status}, but the call succeeded`);
}

// The first truthy result of `find`.
export async function eventually(find, within = 10_000) {
  const deadline = Date.now() + within;
  for (;;) {
    const found = await find();
    if (found) return found;
    assert.ok(Date.now() < deadline, "it did not happen in time");
    await new Promise((wake) => setTimeout(wake, 50));
  }
}

export async function all(stream) {
  const items = [];
  for await (const item of stream) items.push(item);
  return items;
}

export const WEATHER = {
  type: "object",
  properties: { city: { type: "string" }, days: { type: "integer" } },
  required: ["city"],
};
