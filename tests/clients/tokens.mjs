// The pages of a server that wants tokens, in a real browser: with the token of their address they
// do what they always do, and without it they say in words what is missing.
//
//     PUSHSCOPE=target/release/pushscope node tokens.mjs http://127.0.0.1:7777
//
// The server of the address wants none; the one that these pages come from is begun here.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { eventually, newChannel, perform } from "./room.mjs";

const TOKEN = "both+rights/1~2==";
const QUERY = `token=${encodeURIComponent(TOKEN)}`;

const CHECKS = [
  ["with the token of its address a page publishes, and hears by each mechanism", home],
  ["links and the address of another channel keep the token", links],
  ["what is copied to a shell has no token in it", shell],
  ["with the token two visitors chat, and an order is paid", others],
  ["without a token a page says that one is missing, and asks no more", missing],
  ["who may listen and not speak is told so by the chat", speechless],
];

const MECHANISMS = ["poll", "long_poll", "iframe", "xhr_stream", "sse", "websocket"];

// The checks.

async function home(room) {
  const channel = newChannel();
  const page = await room.page(`/?channel=${channel}&${QUERY}`, { at: shut.url });
  for (const mechanism of MECHANISMS) {
    await eventually(`${mechanism} is open`, async () => {
      const state = await page.getAttribute(`#${mechanism}`, "data-state");
      assert.ok(["open", "waiting"].includes(state), state);
    });
  }
  await page.fill("#publish textarea", "hello");
  await page.click("#publish button.primary");
  for (const mechanism of MECHANISMS) {
    await eventually(`a message by ${mechanism}`, async () => {
      const texts = await page.locator(`#${mechanism} .messages .text`).allTextContents();
      assert.deepEqual(texts, ["hello"]);
    });
  }
}

async function links(room) {
  for (const path of ["/learn", "/learn/sse", "/faults", "/costs", "/envelopes"]) {
    const page = await room.page(`${path}?${QUERY}`, { at: shut.url });
    assertKept(path, await hrefs(page));
  }
  const page = await room.page(`/?channel=${newChannel()}&${QUERY}`, { at: shut.url });
  assertKept("/", await hrefs(page));
  await page.fill("#channel-name", newChannel());
  await page.keyboard.press("Enter");
  await eventually("the address is another", () => {
    assert.equal(new URL(page.url()).searchParams.get("token"), TOKEN);
    assert.notEqual(new URL(page.url()).searchParams.get("channel"), null);
  });
}

function hrefs(page) {
  return page.$$eval('a[href*="/learn"], a[href*="/chat"]', (all) => all.map((link) => link.href));
}

function assertKept(path, hrefs) {
  assert.ok(hrefs.length >= 2, `${path}: ${hrefs.length} links`);
  for (const href of hrefs) {
    assert.equal(new URL(href).searchParams.get("token"), TOKEN, `${path}: ${href}`);
  }
}

async function shell(room) {
  const page = await room.page(`/?channel=${newChannel()}&${QUERY}`, { at: shut.url });
  const payment = await room.page(`/payment?${QUERY}`, { at: shut.url });
  const lines = [page.textContent("#curl"), payment.textContent("#curl-order")];
  for (const line of await Promise.all(lines)) {
    assert.match(line, /\$PUSHSCOPE_TOKEN/);
    assert.ok(!line.includes(TOKEN) && !line.includes(encodeURIComponent(TOKEN)), line);
  }
}

async function others(room) {
  const page = await room.page(`/chat?${QUERY}`, { at: shut.url });
  await eventually("the chat is open", async () => {
    assert.equal(await page.getAttribute("#status", "data-state"), "open");
  });
  await page.fill("#text", "Good morning");
  await page.keyboard.press("Enter");
  await page.waitForSelector("#log .is-mine");
  const order = await room.page(`/payment?${QUERY}`, { at: shut.url });
  await order.click("#pay");
  await order.waitForSelector("#timeline [data-event=message]");
  await order.click("#confirm");
  await eventually("it is paid", async () => {
    assert.equal(await order.getAttribute("#verdict", "data-verdict"), "paid");
  });
}

async function missing(room) {
  room.expected.push(/401/, /403/, /WebSocket/);
  const cases = [
    ["/", "main"],
    ["/chat", "#detail"],
    ["/payment", "main"],
  ];
  for (const [path, place] of cases) {
    const page = await room.page(path, { at: shut.url });
    if (path === "/payment") await page.click("#pay");
    await eventually(`${path} says so`, async () => {
      assert.match(await page.textContent(place), /needs a token/);
    });
  }
}

async function speechless(room) {
  room.expected.push(/40[13]/, /WebSocket/);
  const page = await room.page("/chat?token=only-to-listen", { at: shut.url });
  await eventually("the chat is open", async () => {
    assert.equal(await page.getAttribute("#status", "data-state"), "open");
  });
  await page.fill("#text", "Good morning");
  await page.keyboard.press("Enter");
  await eventually("the chat is closed", async () => {
    assert.equal(await page.getAttribute("#status", "data-state"), "closed");
    assert.match(await page.textContent("#detail"), /token_refused/);
  });
}

/** A server whose every address wants a token. */
async function begin() {
  const subscribe = ["--subscribe-token", TOKEN, "--subscribe-token", "only-to-listen"];
  const flags = ["serve", "--listen", "127.0.0.1:0", "--publish-token", TOKEN, ...subscribe];
  const server = spawn(process.env.PUSHSCOPE, flags, { stdio: ["ignore", "pipe", "ignore"] });
  process.on("exit", () => server.kill());
  for await (const line of createInterface(server.stdout)) {
    return { url: line.replace("pushscope listens on ", "").replace(/\/$/, "") };
  }
  throw new Error("the server has not started");
}

const shut = await begin();
await perform(CHECKS);
