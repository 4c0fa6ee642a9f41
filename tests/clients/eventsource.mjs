// The EventSource of npm's eventsource, which reads and reconnects as HTML says.
//
//     node eventsource.mjs http://127.0.0.1:7777
//
// Connections are lost by a relay between the client and the server, which cuts them.

import assert from "node:assert/strict";
import { get } from "node:http";
import { connect, createServer } from "node:net";
import { EventSource } from "eventsource";
import { Inbox, base, eventually, info, newChannel, publish, tally } from "./tally.mjs";

const url = base();

const CHECKS = [
  ["payloads arrive as they were published", payloads],
  ["what has a carriage return or no text at all arrives in an envelope", envelopes],
  ["events have their names", names],
  ["events carry the cursor", ids],
  ["every address of an event stream", addresses],
  ["Accept alone asks for a stream", accept],
  ["a lost connection resumes by itself and loses nothing", resume],
  ["a silent stream begins with its cursor", silent],
  ["a cursor of another log is told of the gap", gap],
  ["a deleted channel says that it has ended", deleted],
  ["the reconnection time of an order is obeyed", retry],
  ["an order is paid", order],
  ["an address where nothing is stays closed", notFound],
  ["a page of its own origin may read the stream, a foreign one may not", origins],
];

async function payloads() {
  const channel = newChannel("payloads");
  const source = await open(`/c/${channel}/sse`);
  const texts = ["hello", "", "two\nlines", "\n", " leading", "a: b", ":", "end\n"];
  texts.push("é 🔴 \u2028 \u0000");
  for (const text of [...texts, "x".repeat(1_000_000)]) {
    await publish(url, channel, text, { type: "text/plain" });
    assert.equal((await source.inbox.next()).data, text);
  }
  source.close();
}

async function envelopes() {
  const channel = newChannel("envelopes");
  const source = await open(`/c/${channel}/sse`, ["envelope"]);
  await publish(url, channel, "a\rb\r\nc");
  assert.equal(JSON.parse((await source.inbox.next()).data).data, "a\rb\r\nc");
  await publish(url, channel, Buffer.from([0, 255, 13]), { type: "application/octet-stream" });
  assert.equal(JSON.parse((await source.inbox.next()).data).base64, "AP8N");
  source.close();
}

async function names() {
  const channel = newChannel("names");
  const source = await open(`/c/${channel}/sse`, ["price", "größe"]);
  for (const event of ["price", "größe"]) {
    await publish(url, channel, "1", { event });
    const { type, data } = await source.inbox.next();
    assert.deepEqual([type, data], [event, "1"]);
  }
  source.close();
}

async function ids() {
  const channel = newChannel("ids");
  const source = await open(`/c/${channel}/sse`);
  for (const text of ["one", "two", "three"]) {
    const { id } = await publish(url, channel, text);
    assert.equal((await source.inbox.next()).lastEventId, id);
  }
  source.close();
}

async function addresses() {
  const user = newChannel("user");
  const source = await open(`/sse/sub/${user}`);
  const response = await fetch(`${url}/socket/publish?userId=${user}&message=to%20a+user`);
  assert.equal(await response.text(), "success");
  assert.equal((await source.inbox.next()).data, "to a user");
  source.close();
}

async function accept() {
  const channel = newChannel("accept");
  const source = await open(`/c/${channel}`);
  await publish(url, channel, "negotiated");
  assert.equal((await source.inbox.next()).data, "negotiated");
  source.close();
}

async function resume() {
  const channel = newChannel("resume");
  const relay = await Relay.start();
  const source = await open(`/c/${channel}/sse`, [], relay.url);
  let published = 0;
  for (let cut = 0; cut < 3; cut += 1) {
    await publish(url, channel, String((published += 1)));
    assert.equal((await source.inbox.next()).data, String(published));
    relay.cut();
    await publish(url, channel, String((published += 1)));
    await publish(url, channel, String((published += 1)));
    assert.equal((await source.inbox.next()).data, String(published - 1));
    assert.equal((await source.inbox.next()).data, String(published));
  }
  source.close();
  relay.close();
}

async function silent() {
  // Browsers take up an id without data (HTML §9.2.6); this client does not, so look at the bytes.
  const channel = newChannel("silent");
  const { id } = await publish(url, channel, "before");
  const { body } = await fetch(`${url}/c/${channel}/sse`);
  const reader = body.getReader();
  const { value } = await reader.read();
  assert.equal(Buffer.from(value).toString(), `id: ${id}\n\n`);
  await reader.cancel();
}

async function gap() {
  const channel = newChannel("gap");
  await publish(url, channel, "one");
  const source = await open(`/c/${channel}/sse?since=1-1`, ["gap"]);
  const told = await source.inbox.next();
  assert.equal(told.type, "gap");
  assert.equal(typeof JSON.parse(told.data).gap, "number", told.data);
  assert.equal((await source.inbox.next()).data, "one");
  source.close();
}

async function deleted() {
  const channel = newChannel("deleted");
  const source = await open(`/c/${channel}/sse`, ["end"]);
  assert.equal((await fetch(`${url}/c/${channel}`, { method: "DELETE" })).status, 200);
  const { type, data } = await source.inbox.next();
  assert.deepEqual([type, data], ["end", "the channel was deleted"]);
  source.close();
}

async function retry() {
  const relay = await Relay.start();
  const source = await open(`/orderpay?payid=${newChannel("retry")}`, [], relay.url);
  assert.equal((await source.inbox.next()).data, "Connection succeeded");
  const errors = new Inbox();
  source.addEventListener("error", () => errors.put(performance.now()));
  relay.cut();
  const lost = await errors.next();
  assert.equal((await source.inbox.next()).data, "Connection succeeded");
  const waited = performance.now() - lost;
  assert.ok(waited > 900 && waited < 3_000, `${waited} ms instead of 1,000`);
  source.close();
  relay.close();
}

async function order() {
  const payid = newChannel("order");
  const source = await open(`/orderpay?payid=${payid}`, ["finish"]);
  assert.equal((await source.inbox.next()).data, "Connection succeeded");
  assert.equal(await (await fetch(`${url}/payback?payid=${payid}`)).text(), "success");
  assert.equal((await source.inbox.next()).data, "User payment succeeded");
  const { type, data, lastEventId } = await source.inbox.next();
  assert.deepEqual([type, data, lastEventId], ["finish", "ha-ha", "6666"]);
  source.close();
}

async function notFound() {
  const source = new EventSource(`${url}/nothing/here`);
  const error = await new Promise((resolve) => source.addEventListener("error", resolve));
  assert.deepEqual([error.code, source.readyState], [404, EventSource.CLOSED]);
}

async function origins() {
  const channel = newChannel("origins");
  assert.equal(await allowed(channel, url), url);
  assert.equal(await allowed(channel, "http://foreign.example"), undefined);
  assert.equal(await allowed(channel, "null"), undefined);
}

// A source whose events wait to be taken, and whose place in the log is known to the server.
async function open(path, events = [], from = url) {
  const source = new EventSource(`${from}${path}`);
  source.inbox = new Inbox();
  for (const event of ["message", ...events]) {
    source.addEventListener(event, (message) => source.inbox.put(message));
  }
  await new Promise((resolve) => source.addEventListener("open", resolve, { once: true }));
  const channel = path.match(/^\/c\/([^/?]+)/)?.[1];
  if (channel) {
    await eventually("subscribed", async () => (await info(url, channel)).subscribers.sse > 0);
  }
  return source;
}

// Access-Control-Allow-Origin, as a page of that origin would see it.
function allowed(channel, origin) {
  return new Promise((resolve, reject) => {
    const request = get(`${url}/c/${channel}/sse`, { headers: { origin } }, (response) => {
      resolve(response.headers["access-control-allow-origin"]);
      request.destroy();
    });
    request.on("error", reject);
  });
}

// Passes bytes on, until it cuts every connection there is.
class Relay {
  #pairs = new Set();

  static async start() {
    const relay = new Relay();
    const { hostname, port } = new URL(url);
    relay.server = createServer((near) => {
      const far = connect(Number(port), hostname);
      const pair = [near, far];
      relay.#pairs.add(pair);
      near.pipe(far).pipe(near);
      for (const end of pair) {
        // A cut is an error for whoever is still talking.
        end.on("error", () => {});
        end.on("close", () => relay.#pairs.delete(pair));
      }
    });
    await new Promise((resolve) => relay.server.listen(0, "127.0.0.1", resolve));
    relay.url = `http://127.0.0.1:${relay.server.address().port}`;
    return relay;
  }

  cut() {
    for (const pair of this.#pairs) for (const end of pair) end.destroy();
  }

  close() {
    this.cut();
    this.server.close();
  }
}

await tally(CHECKS);
