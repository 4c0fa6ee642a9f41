// Runs checks one after the other and counts them, for the clients written in JavaScript.

import assert from "node:assert/strict";

const CHECK_MS = 30_000;

// What every client script is called with: the server's base URL.
export function base() {
  const [url] = process.argv.slice(2);
  if (!url) {
    console.error("usage: node <script> http://127.0.0.1:7777");
    process.exit(2);
  }
  return url.replace(/\/$/, "");
}

// Each check is [name, function]; the last line is the count, and the exit code says the same.
export async function tally(checks) {
  let failed = 0;
  for (const [name, check] of checks) {
    try {
      await within(CHECK_MS, check(), name);
      console.log(`ok      ${name}`);
    } catch (error) {
      failed += 1;
      console.log(`FAILED  ${name}\n${error.stack}`);
    }
  }
  console.log(`${checks.length - failed} passed, ${failed} failed`);
  process.exit(failed === 0 ? 0 : 1);
}

// Publishes, and says what the server answered.
export async function publish(url, channel, body, { event, type } = {}) {
  const query = event === undefined ? "" : `?event=${encodeURIComponent(event)}`;
  const headers = type === undefined ? {} : { "content-type": type };
  const address = `${url}/c/${encodeURIComponent(channel)}${query}`;
  const response = await fetch(address, { method: "POST", body, headers });
  assert.ok(response.ok, `${response.status} ${await response.clone().text()}`);
  return response.json();
}

export async function info(url, channel) {
  return (await fetch(`${url}/c/${encodeURIComponent(channel)}`)).json();
}

// Awaits what is to happen, however soon it does.
export async function eventually(what, isSo) {
  const deadline = Date.now() + CHECK_MS;
  while (!(await isSo())) {
    assert.ok(Date.now() < deadline, `${what}: not within ${CHECK_MS} ms`);
  }
}

let channels = 0;
export function newChannel(word) {
  channels += 1;
  return `${word}-${process.pid}-${channels}`;
}

// Values that come one by one, for whoever awaits the next.
export class Inbox {
  #values = [];
  #waiting = [];

  put(value) {
    const next = this.#waiting.shift();
    if (next) next(value);
    else this.#values.push(value);
  }

  next() {
    if (this.#values.length > 0) return Promise.resolve(this.#values.shift());
    return new Promise((resolve) => this.#waiting.push(resolve));
  }
}

function within(ms, promise, name) {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`${name}: not within ${ms} ms`)), ms);
  });
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}
