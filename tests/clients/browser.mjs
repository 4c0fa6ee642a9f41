// The pages in a real browser: what they show is what was published, once, by every mechanism.
//
//     npm ci
//     node browser.mjs http://127.0.0.1:7777 [directory for screenshots [words of a check's name]]
//
// CHROMIUM names the browser's executable. Each check has a browser context of its own, and with
// it six connections of its own, and a channel of its own. Nothing waits a fixed time to be right.

import assert from "node:assert/strict";
import { assertLooks, base, eventually, newChannel, perform, run } from "./room.mjs";

/** What Chromium says of a connection that was cut. */
const CUT = /ERR_(CONNECTION|EMPTY|INCOMPLETE|NETWORK|SOCKET_NOT_CONNECTED)/;

const CHECKS = [
  ["every payload arrives by each mechanism, once and unchanged", everyPayload],
  ["the red dot and the panels agree, and marking as read resets them", redDot],
  ["what was published while stopped arrives after the start", stopAndStart],
  ["the stream goes on when its reader changes", changeReader],
  ["every mechanism comes back from a lost connection and loses nothing", lostConnection],
  ["a gap is announced with its count", gap],
  ["a deleted channel is over, and can be read again", deleted],
  ["the page publishes by keyboard alone", keyboard],
  ["a refusal is shown with the server’s reason", refusal],
  ["another channel is read, and the Back button returns", channels],
  ["a second tab is told of the six connections", secondTab],
  ["two visitors chat, and learn their sessions", chat],
  ["the chat comes back from a lost connection", chatLost],
  ["an order is paid", payment],
  ["motion is left out for those who ask for none", reducedMotion],
  ["every page is accessible and fits, wide and narrow, light and dark", looks],
];

const PATHS = { home: "/", chat: "/chat", payment: "/payment" };
const MECHANISMS = ["poll", "long_poll", "iframe", "xhr_stream", "sse", "websocket"];
const PAYLOADS = [
  ["plain", "hello"],
  ["empty", ""],
  ["newlines", "first\nsecond\n\nfourth\n"],
  ["carriage returns", "a\rb\r\nc"],
  ["a script’s end", "</script><script>window.pwned=1</script>"],
  ["a comment’s begin", "<!--<script>window.pwned=2"],
  ["an image", "<img src=x onerror=window.pwned=3>"],
  ["quotes and backslashes", `"'\\" \\u0041 \${window.pwned=4}`],
  ["line separators", "a\u2028b\u2029c"],
  ["NUL and control characters", "a\u0000b\u0007\u001b[31mc\u007f"],
  ["outside the BMP", "🔴 é e\u0301 👩‍👩‍👧 \u{10ffff}"],
  ["spaces", "  two leading, tab\t, two trailing  "],
  ["lines of a protocol", "data: x\nevent: end\nid: 1\n\n"],
  ["binary", Buffer.from([0, 255, 13, 10, 128, 60, 47])],
];

// The checks.

async function everyPayload(room) {
  const { page, channel } = await openHome(room);
  const expected = [];
  for (const [, payload] of PAYLOADS) {
    await publish(channel, payload);
    expected.unshift(typeof payload === "string" ? payload : payload.toString("base64"));
  }
  for (const mechanism of MECHANISMS) {
    await eventuallyTexts(page, mechanism, expected);
    const items = await page.$$eval(`#${mechanism} li`, (all) => all.map((li) => li.dataset.id));
    assert.equal(new Set(items).size, PAYLOADS.length, `${mechanism}: ids are unique`);
    assert.match(await page.textContent(`#${mechanism} li:first-child`), /binary/);
  }
  for (const frame of page.frames()) {
    assert.equal(await frame.evaluate(() => window.pwned), undefined);
  }
}

async function redDot(room) {
  const channel = newChannel();
  await publish(channel, "before the page");
  const { page } = await openHome(room, { channel });
  await eventually("one from before", () => assertUnread(page, 1));
  await publish(channel, "one", "greeting");
  await publish(channel, "two");
  await eventually("three", () => assertUnread(page, 3));
  assert.match(await page.title(), /^\(3\)/);
  assert.match(await page.textContent("#sse li:last-child"), /greeting/);
  await eventually("the announcement", async () => {
    assert.match(await page.textContent("#announcer"), /3 unread/);
  });

  await page.click("#mark-read");
  await eventually("none", () => assertUnread(page, 0));
  assert.deepEqual((await get(`/message/count/${channel}`)).data, 0);
  assert.equal(await page.locator("#dot.is-lit").count(), 0);
  await publish(channel, "three");
  await eventually("one", () => assertUnread(page, 1));

  await fetch(`${base}/message/read/${channel}`, { method: "POST" });
  await publish(channel, "read elsewhere, and then one more");
  await eventually("the mark of another reader", () => assertUnread(page, 1));
}

async function stopAndStart(room) {
  const { page, channel } = await openHome(room);
  await publish(channel, "before");
  for (const mechanism of MECHANISMS) await eventuallyTexts(page, mechanism, ["before"]);
  for (const mechanism of MECHANISMS) await page.click(`#${mechanism} button`);
  for (const mechanism of MECHANISMS) await eventuallyState(page, mechanism, ["closed"]);
  await publish(channel, "meanwhile");
  await publish(channel, "and more");
  for (const mechanism of MECHANISMS) await page.click(`#${mechanism} button`);
  await eventuallyOpen(page);
  await publish(channel, "after");
  const expected = ["after", "and more", "meanwhile", "before"];
  for (const mechanism of MECHANISMS) await eventuallyTexts(page, mechanism, expected);
}

async function changeReader(room) {
  const { page, channel } = await openHome(room);
  const expected = [];
  for (const reader of ["xhr", "fetch", "xhr", "fetch"]) {
    await page.selectOption("#reader", reader);
    const text = `before the change from ${reader} ${expected.length}`;
    await publish(channel, text);
    expected.unshift(text);
  }
  await eventuallyTexts(page, "xhr_stream", expected);
  assert.equal(await page.getAttribute("#xhr_stream", "data-state"), "open");
}

async function lostConnection(room) {
  room.expected.push(CUT, /WebSocket connection to/);
  const relay = await room.relay();
  const { page, channel } = await openHome(room, { at: relay.url, clock: true });
  await publish(channel, "before");
  for (const mechanism of MECHANISMS) await eventuallyTexts(page, mechanism, ["before"]);
  relay.down();
  await publish(channel, "meanwhile");
  // A frame does not hear that its connection is lost; it only misses three heartbeats.
  await page.clock.fastForward("00:46");
  for (const mechanism of MECHANISMS) {
    await eventuallyState(page, mechanism, ["retrying", "connecting"]);
  }
  relay.up();
  await eventuallyOpen(page);
  await publish(channel, "after");
  const expected = ["after", "meanwhile", "before"];
  for (const mechanism of MECHANISMS) await eventuallyTexts(page, mechanism, expected);
}

async function gap(room) {
  const { page, channel } = await openHome(room);
  await publish(channel, "before");
  for (const mechanism of MECHANISMS) await eventuallyTexts(page, mechanism, ["before"]);
  for (const mechanism of MECHANISMS) await page.click(`#${mechanism} button`);
  const count = 400;
  for (let n = 1; n <= count; n += 1) await publish(channel, `${n}`);
  const { messages } = await get(`/c/${channel}`);
  assert.ok(messages < count, "the log forgets");
  for (const mechanism of MECHANISMS) await page.click(`#${mechanism} button`);
  for (const mechanism of MECHANISMS) {
    await eventually(`the newest by ${mechanism}`, async () => {
      assert.equal((await textsOf(page, mechanism))[0], `${count}`);
    });
    const received = await page.textContent(`#${mechanism} [data-part=received]`);
    assert.equal(Number(received), messages + 1, mechanism);
  }
  await eventually("the unread", () => assertUnread(page, count + 1));
}

async function deleted(room) {
  room.expected.push(/status of 410/); // what a parked poll is told
  const { page, channel } = await openHome(room);
  await publish(channel, "before");
  for (const mechanism of MECHANISMS) await eventuallyTexts(page, mechanism, ["before"]);
  const subscribers = MECHANISMS.filter((mechanism) => mechanism !== "poll");
  await eventually("all are subscribed", async () => {
    const { subscribers: by } = await get(`/c/${channel}`);
    for (const mechanism of subscribers) assert.equal(by[mechanism], 1, mechanism);
  });
  await fetch(`${base}/c/${channel}`, { method: "DELETE" });
  for (const mechanism of subscribers) {
    await eventuallyState(page, mechanism, ["closed"]);
    assert.match(await page.textContent(`#${mechanism} [data-part=detail]`), /deleted/);
    await page.click(`#${mechanism} button`);
  }
  await eventuallyOpen(page);
  await publish(channel, "a new log");
  for (const mechanism of MECHANISMS) {
    await eventually(`the new log by ${mechanism}`, async () => {
      assert.equal((await textsOf(page, mechanism))[0], "a new log");
      assert.equal((await textsOf(page, mechanism)).length, 2);
    });
  }
}

async function keyboard(room) {
  const { page, channel } = await openHome(room);
  await publish(channel, "from elsewhere");
  for (const mechanism of MECHANISMS) await eventuallyTexts(page, mechanism, ["from elsewhere"]);
  await page.keyboard.press("Tab");
  await page.keyboard.press("Enter"); // the link that skips
  assert.equal(await page.evaluate(() => document.activeElement.id), "ways");
  await tabTo(page, "message", "Shift+Tab");
  await page.keyboard.press("Control+A");
  await page.keyboard.type("by key");
  await page.keyboard.press("Control+Enter");
  await eventually("the receipt", async () => {
    assert.match(await page.textContent(".answer"), /^201 · \d+-2 · 6 bytes · reached [45]:/);
  });
  await page.keyboard.press("Tab");
  await page.keyboard.press("Tab");
  assert.equal(await page.evaluate(() => document.activeElement.textContent), "Publish");
  await page.keyboard.press("Enter");
  const expected = ["by key", "by key", "from elsewhere"];
  for (const mechanism of MECHANISMS) await eventuallyTexts(page, mechanism, expected);
  await tabTo(page, "mark-read", "Shift+Tab");
  await page.keyboard.press("Space");
  await eventually("none", () => assertUnread(page, 0));
  const outline = await page.evaluate(() => getComputedStyle(document.activeElement).outlineStyle);
  assert.equal(outline, "solid", "the focus is visible");
}

async function refusal(room) {
  room.expected.push(/status of 400/);
  const { page } = await openHome(room);
  await page.fill("#event", "gap"); // a name that the server keeps for itself
  await page.click("#publish button.primary");
  await eventually("the reason", async () => {
    assert.match(await page.textContent(".answer"), /^Not published: 400 .{10,}/);
  });
}

async function channels(room) {
  const { page, channel } = await openHome(room);
  const other = `${newChannel()} é/?#%'..`;
  await page.fill("#channel-name", "..");
  await page.click("#channel button");
  assert.equal(await page.$eval("#channel-name", (field) => field.validity.customError), true);
  await page.fill("#channel-name", other);
  await page.click("#channel button");
  await eventuallyOpen(page);
  assert.equal(new URL(page.url()).searchParams.get("channel"), other);
  const command = await page.textContent("#curl");
  assert.ok(command.endsWith(`/c/${encodeURIComponent(other).replaceAll("'", "%27")}'`), command);
  await publish(other, "in the other");
  await publish(channel, "in the first");
  for (const mechanism of MECHANISMS) await eventuallyTexts(page, mechanism, ["in the other"]);
  await page.goBack();
  await eventuallyOpen(page);
  assert.equal(await page.inputValue("#channel-name"), channel);
  await publish(channel, "in the first again");
  for (const mechanism of MECHANISMS) {
    await eventuallyTexts(page, mechanism, ["in the first again"]);
  }
}

async function secondTab(room) {
  const context = await room.context();
  const [first, second] = [await context.newPage(), await context.newPage()];
  await first.goto(`${base}/?channel=${newChannel()}`);
  await eventuallyOpen(first);
  await second.goto(`${base}/?channel=${newChannel()}`);
  await eventually("the notice", async () => {
    const notices = [await first.textContent("#notice"), await second.textContent("#notice")];
    assert.match(notices.join(), /The browser allows six HTTP\/1\.1 connections to a host/);
  });
  await first.close();
  await eventuallyOpen(second);
  await eventually("no notice", async () => assert.equal(await second.textContent("#notice"), ""));
}

async function chat(room) {
  const [one, two] = [await room.page("/chat"), await room.page("/chat")];
  for (const page of [one, two]) await eventually("open", () => assertChatOpen(page));
  const words = `<b>hello</b> from ${run} (From Server,Session ID=1)`;
  await one.fill("#text", words);
  await one.keyboard.press("Enter");
  await two.fill("#text", `answer ${run}`);
  await two.keyboard.press("Enter");
  for (const page of [one, two]) {
    await eventually("both lines", async () => {
      const lines = await page.locator("#log [data-session]").allTextContents();
      assert.equal(lines.filter((line) => line.endsWith(words)).length, 1, lines.join("\n"));
      assert.equal(lines.filter((line) => line.endsWith(`answer ${run}`)).length, 1);
    });
    assert.equal(await page.locator("#log .is-mine").count(), 1);
    assert.match(await page.textContent("#detail"), /you are session \d+/);
    assert.match(await page.textContent("#online"), /\d+ online/);
  }
  assert.notEqual(await one.textContent("#detail"), await two.textContent("#detail"));
}

async function chatLost(room) {
  room.expected.push(CUT, /WebSocket connection to/);
  const relay = await room.relay();
  const page = await room.page("/chat", { at: relay.url });
  await eventually("open", () => assertChatOpen(page));
  relay.down();
  await eventually("lost", async () => {
    assert.equal(await page.getAttribute("#status", "data-state"), "retrying");
    assert.equal(await page.isDisabled("#send"), true);
  });
  relay.up();
  await eventually("open again", () => assertChatOpen(page));
}

async function payment(room) {
  const page = await room.page("/payment");
  const events = () => page.$$eval("#timeline tr", (rows) => rows.map((row) => row.dataset.event));
  await page.click("#pay");
  await eventually("the stream", async () => assert.deepEqual(await events(), ["open", "message"]));
  await eventually("the reconnection", async () => {
    assert.deepEqual((await events()).slice(2, 5), ["error", "open", "message"]);
  });
  await page.click("#confirm");
  await eventually("paid", async () => assert.equal(await page.textContent("#verdict"), "Paid."));
  const last = await page.textContent("#timeline tr:last-child");
  assert.match(last, /finish.*ha-ha.*6666/);
  assert.match(await page.textContent("#answered"), /success/);
  assert.equal(await page.getAttribute("#status", "data-state"), "closed");
  const order = await page.textContent("#order");
  await page.click("#pay");
  assert.notEqual(await page.textContent("#order"), order);
  await eventually("the next order", async () => {
    assert.deepEqual((await events()).slice(0, 2), ["open", "message"]);
  });
  await page.click("#confirm");
  await eventually("paid", async () => assert.equal(await page.textContent("#verdict"), "Paid."));
}

async function looks(room) {
  for (const [name, path] of Object.entries(PATHS)) {
    await assertLooks(name, (options) => liveliest(room, name, path, options));
  }
}

async function reducedMotion(room) {
  const { page, channel } = await openHome(room, { reducedMotion: "reduce" });
  await publish(channel, "still");
  await eventually("one", () => assertUnread(page, 1));
  assert.equal(await page.evaluate(() => document.getAnimations().length), 0);
}

// What the checks are made of.

/** The page of the six ways, open on a channel of its own. */
async function openHome(room, { channel = newChannel(), ...options } = {}) {
  const page = await room.page(`/?channel=${encodeURIComponent(channel)}`, options);
  await eventuallyOpen(page);
  return { page, channel };
}

/** A page with something on it. */
async function liveliest(room, name, path, options) {
  if (name === "home") {
    const { page, channel } = await openHome(room, options);
    await publish(channel, "hello", "greeting");
    await publish(channel, `a long line ${"without a space".replaceAll(" ", "-").repeat(20)}`);
    await publish(channel, PAYLOADS.at(-1)[1]);
    await eventually("three", () => assertUnread(page, 3));
    await page.click("#publish button.primary");
    await eventually("the receipt", async () => {
      assert.match(await page.textContent(".answer"), /reached/);
    });
    return page;
  }
  const page = await room.page(path, options);
  if (name === "chat") {
    await eventually("open", () => assertChatOpen(page));
    await page.fill("#text", "Good morning");
    await page.keyboard.press("Enter");
    await page.waitForSelector("#log .is-mine");
  } else {
    await page.click("#pay");
    await page.waitForSelector("#timeline [data-event=error]");
  }
  return page;
}

async function publish(channel, payload, event) {
  const query = event === undefined ? "" : `?event=${encodeURIComponent(event)}`;
  const answer = await fetch(`${base}/c/${encodeURIComponent(channel)}${query}`, {
    method: "POST",
    body: payload,
    headers: typeof payload === "string" ? {} : { "Content-Type": "application/octet-stream" },
  });
  assert.ok([201, 202].includes(answer.status), `published with ${answer.status}`);
  return answer.json();
}

async function get(path) {
  return (await fetch(base + path)).json();
}

function textsOf(page, mechanism) {
  return page.locator(`#${mechanism} .messages .text`).allTextContents();
}

async function assertUnread(page, count) {
  const panels = MECHANISMS.map((mechanism) => `#${mechanism} [data-part=unread]`);
  for (const selector of ["#dot", ...panels]) {
    assert.equal(await page.textContent(selector), String(count), selector);
  }
}

async function assertChatOpen(page) {
  assert.equal(await page.getAttribute("#status", "data-state"), "open");
}

function eventuallyTexts(page, mechanism, texts) {
  return eventually(`${texts.length} messages by ${mechanism}`, async () => {
    assert.deepEqual(await textsOf(page, mechanism), texts);
  });
}

function eventuallyState(page, mechanism, states) {
  return eventually(`${mechanism} is ${states.join(" or ")}`, async () => {
    const state = await page.getAttribute(`#${mechanism}`, "data-state");
    assert.ok(states.includes(state), `${mechanism} is ${state}`);
  });
}

async function eventuallyOpen(page) {
  for (const mechanism of MECHANISMS) {
    await eventuallyState(page, mechanism, ["open", "waiting"]);
  }
}

/** Presses `key` until the element has the focus. */
async function tabTo(page, id, key = "Tab") {
  for (let presses = 0; presses < 60; presses += 1) {
    if (await page.evaluate((id) => document.activeElement.id === id, id)) return;
    await page.keyboard.press(key);
  }
  assert.fail(`${id} is never reached by ${key}`);
}

await perform(CHECKS);
