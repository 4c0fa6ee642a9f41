// The inspector in a real browser: what it tells is what was sent.
//
//     npm ci
//     node inspect.mjs http://127.0.0.1:7777 [directory for screenshots [words of a check's name]]

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { fakeCapture, tabTo, tell, unit } from "./capture.mjs";
import { assertLooks, base, eventually, newChannel, perform } from "./room.mjs";

const CHECKS = [
  ["while nothing has come, the page says what to do", nothingYet],
  ["each byte of a hi from the chat is named", hi],
  ["bytes, fields and sentences light up one another", lights],
  ["what is pinned is in the address, and the address leads back", pins],
  ["a message is found and read by keyboard alone", keyboard],
  ["connections are listed while they are there", connections],
  ["the filter, the pause and the clearing", filter],
  ["a recording, a command, digits and a test can be taken along", takeAlong],
  ["what is missed is told where it is missing", missed],
  ["the viewer leaves itself out, unless it is asked for", own],
  ["what came over the wire is text, whatever it looks like", harmless],
  ["what another tab hears by all its connections is seen", sixWays],
  ["a lost connection is told, and the capture goes on behind what has come", lost],
  ["the token of the address is handed on", token],
  ["five thousand messages stay fluid", fluid],
  ["the page is accessible and fits, wide and narrow, light and dark", looks],
];

// The checks.

async function nothingYet(room) {
  const page = await room.page("/inspect", { script: fakeCapture });
  assert.match(await page.textContent("#none-yet"), /Open \/chat in another tab and say hi\./);
  assert.equal(await page.getAttribute("#none-yet a", "href"), "/chat");
  assert.match(await page.textContent("#choose"), /^\s*Choose a message/);
}

async function hi(room) {
  const { page } = await sayHi(room);
  const fields = await fieldsOf(page);
  assert.deepEqual(
    fields.map(({ name, value, bytes }) => [name, bytes, value]),
    [
      ["frame", "0–7", ""],
      ["FIN", "0", "1··· ···· 1"],
      ["RSV1, RSV2, RSV3", "0", "·000 ···· 0"],
      ["opcode", "0", "···· 0001 1 text"],
      ["MASK", "1", "1··· ···· 1"],
      ["Payload len", "1", "·000 0010 2"],
      ["Masking-key", "2–5", fields[6].value],
      ["Payload Data, masked", "6–7", fields[7].value],
    ],
  );
  const bytes = await page.$$eval(".hex .byte", (all) => all.map((byte) => byte.textContent));
  assert.deepEqual(bytes.slice(0, 2), ["81", "82"]);
  assert.equal(bytes.slice(2, 6).join(" "), fields[6].value);
  assert.equal(bytes.length, 8);
  // XORed with its key, the payload is what was said.
  const [key, masked] = [bytes.slice(2, 6), bytes.slice(6)];
  const plain = masked.map((byte, at) => Number.parseInt(byte, 16) ^ Number.parseInt(key[at], 16));
  assert.equal(String.fromCharCode(...plain), "hi");
  // The page says so, too.
  const sums = await page.$$eval(".unmasking tr", (rows) => rows.map((row) => row.textContent));
  assert.deepEqual([sums[2], sums[3]], ["meant6869", "as texthi"]);
  assert.match(await page.textContent(".dissection .share"), /8 bytes: 2 payload, 6 framing/);
  await page.click(".layers [role=tab]:nth-child(2)");
  assert.match(await page.textContent(".layers [aria-selected=true]"), /^payload/);
  assert.equal(await page.textContent(".hex .ascii"), "hi");
  assert.deepEqual((await fieldsOf(page)).map(({ name }) => name), ["Payload Data"]);
}

async function lights(room) {
  const { page } = await sayHi(room);
  await page.hover(".byte[data-at='3']");
  assert.deepEqual(await lit(page), {
    bytes: ["2", "3", "4", "5"],
    fields: ["Masking-key"],
    sentences: ["Masking-key"],
  });
  await page.hover(".byte[data-at='0']");
  const bits = ["FIN", "RSV1, RSV2, RSV3", "opcode"];
  assert.deepEqual(await lit(page), { bytes: ["0"], fields: bits, sentences: bits });
  await page.hover(".field[data-place='5']");
  const length = ["Payload len"];
  assert.deepEqual(await lit(page), { bytes: ["1"], fields: length, sentences: length });
  const sentence = page.locator(".prose li", { hasText: "Masking-key" });
  await sentence.hover();
  assert.deepEqual((await lit(page)).bytes, ["2", "3", "4", "5"]);
  const link = sentence.locator("a");
  assert.equal(await link.textContent(), "RFC 6455 §5.3");
  assert.equal(
    await link.getAttribute("href"),
    "https://www.rfc-editor.org/rfc/rfc6455#section-5.3",
  );
  const opcode = page.locator(".prose li", { hasText: "opcode" }).locator(".bits .is-its");
  assert.deepEqual(await opcode.allTextContents(), ["0", "0", "0", "1"]);
  await page.mouse.move(5, 5);
  assert.deepEqual(await lit(page), { bytes: [], fields: [], sentences: [] });
}

async function pins(room) {
  const { page, context } = await sayHi(room);
  // A byte that several fields share pins one after the other.
  await page.click(".byte[data-at='0']");
  await page.click(".byte[data-at='0']");
  await page.click(".byte[data-at='0']");
  const { hash } = new URL(page.url());
  assert.match(hash, /^#c=[\w-]+&m=\d+&l=0&f=3$/);
  const other = await context.newPage();
  await other.goto(page.url());
  await eventually("the same is shown", async () => {
    assert.match(await other.textContent(".headline"), /frame text hi/);
    assert.deepEqual((await lit(other)).fields, ["opcode"]);
  });
  assert.equal(new URL(other.url()).hash, hash);
  await page.reload();
  await eventually("the same is shown again", async () => {
    assert.match(await page.textContent(".headline"), /frame text hi/);
    assert.deepEqual((await lit(page)).bytes, ["0"]);
  });
  // Again, and nothing is pinned.
  await page.click(".field.is-pinned");
  await page.mouse.move(5, 5);
  assert.deepEqual((await lit(page)).fields, []);
  assert.doesNotMatch(page.url(), /f=/);
}

async function keyboard(room) {
  const { page } = await sayHi(room, { isChosen: false });
  await page.focus("#words");
  await page.keyboard.type("frame hi");
  await eventually("two are left", async () => {
    assert.equal(await page.locator(".message").count(), 2);
  });
  await tabTo(page, "#messages");
  await page.keyboard.press("Home");
  const current = await page.getAttribute("#messages", "aria-activedescendant");
  assert.equal(current, "message-0");
  await page.keyboard.press("Enter");
  assert.match(await page.textContent(".headline"), /client to server frame text hi/);
  await tabTo(page, "[role=tab][aria-selected=true]");
  await page.keyboard.press("ArrowRight");
  assert.match(await page.textContent("[role=tab]:focus"), /^payload/);
  await page.keyboard.press("Home");
  await tabTo(page, ".hex");
  await page.keyboard.press("ArrowRight");
  assert.deepEqual((await lit(page)).fields, ["MASK", "Payload len"]);
  await tabTo(page, ".field");
  await page.keyboard.press("ArrowDown");
  assert.deepEqual((await lit(page)).fields, ["FIN"]);
  await page.keyboard.press("ArrowLeft"); // to the group, and close it
  await page.keyboard.press("ArrowLeft");
  assert.equal(await page.getAttribute(".field:focus", "aria-expanded"), "false");
  assert.equal(await page.locator(".field:visible").count(), 1);
  await page.keyboard.press("ArrowRight");
  await page.keyboard.press("End");
  await page.keyboard.press("Enter");
  assert.match(page.url(), /&f=7$/);
  assert.equal(await page.getAttribute(".field:focus", "aria-selected"), "true");
  const outline = await page.$eval(".field:focus", (row) => getComputedStyle(row).outlineStyle);
  assert.equal(outline, "solid");
}

async function connections(room) {
  const { page, chat } = await sayHi(room, { isChosen: false });
  const row = page.locator(".connection[data-id]", { hasText: "WebSocket" }).last();
  await eventually("the chat is listed", async () => {
    const cells = await row.locator("[role=gridcell]").allTextContents();
    assert.match(cells[2], /^127\.0\.0\.1:\d+$/);
    assert.equal(cells[3], "open");
    assert.ok(Number(cells[4]) >= 4, cells[4]);
    assert.match(cells[5], /B$/);
    assert.match(cells[6], /B$/);
  });
  await page.focus(".connection[aria-selected=true]");
  await page.keyboard.press("End");
  const id = await page.getAttribute(".connection:focus", "data-id");
  await page.keyboard.press("Enter");
  assert.equal(await page.getAttribute(`.connection[data-id='${id}']`, "aria-selected"), "true");
  await row.click();
  const chosen = await row.getAttribute("data-id");
  await eventually("only its messages are shown", async () => {
    assert.equal(await page.locator(".message .when code").count(), 0);
    assert.ok((await page.locator(".message").count()) >= 4);
  });
  assert.equal(new URL(page.url()).hash, `#c=${chosen}`);
  await chat.close();
  await eventually("it is gone, and its messages are not", async () => {
    assert.match(await row.textContent(), /gone/);
    assert.ok((await page.locator(".message", { hasText: "text hi" }).count()) >= 1);
  });
}

async function filter(room) {
  const page = await room.page("/inspect", { script: fakeCapture });
  await tell(page, [
    unit({ summary: "text one" }),
    unit({ summary: "text two", from: "server" }),
    unit({ summary: "ping, 0 bytes", from: "server", part: "control" }),
  ]);
  const shown = (count) =>
    eventually(`${count} are shown`, async () => {
      assert.equal(await page.locator(".message").count(), count);
    });
  await shown(3);
  await page.check("#filter [name=heartbeats]");
  await shown(2);
  await page.selectOption("#from", "server");
  await shown(1);
  await page.selectOption("#from", "");
  await page.fill("#words", "FRAME two");
  await shown(1);
  await page.fill("#words", "three");
  await shown(0);
  await page.waitForSelector("#none-match", { state: "visible" });
  await page.fill("#words", "");
  await shown(2);
  await page.click("#pause");
  await tell(page, [unit({ summary: "text four" }), unit({ summary: "text five" })]);
  await eventually("it goes on counting", async () => {
    assert.match(await page.textContent("#count"), /^5 messages, 2 shown, 2 since the pause$/);
  });
  await shown(2);
  await page.click("#pause");
  await shown(4);
  await page.click("#clear");
  await shown(0);
  assert.equal(await page.textContent("#count"), "0 messages");
}

async function takeAlong(room) {
  const { page, context } = await sayHi(room);
  await context.grantPermissions(["clipboard-read", "clipboard-write"]);
  const copied = async (id) => {
    await page.click(`#${id}`);
    await eventually("it is copied", async () => {
      assert.equal(await page.textContent("#copy-words"), "Copied.");
    });
    return page.evaluate(() => navigator.clipboard.readText());
  };
  assert.match(await copied("copy-hex"), /^81 82( [0-9a-f]{2}){6}$/);
  const test = await copied("copy-rust");
  assert.match(test, /^#\[test\]\nfn client_frame_text_hi\(\) \{/);
  assert.match(test, /Dissector::alone\(Protocol::WebSocket\)/);
  assert.match(test, /0x81, 0x82,/);
  assert.equal(await page.isVisible("#copy-curl"), false);
  const download = page.waitForEvent("download");
  await page.click("#export");
  const file = await download;
  assert.match(file.suggestedFilename(), /^pushscope-[\w-]+\.json$/);
  const recording = JSON.parse(await readFile(await file.path(), "utf8"));
  assert.equal(recording.format, "pushscope recording 1");
  const text = ({ hex }) => Buffer.from(hex, "hex").toString("latin1");
  assert.match(text(recording.pieces[0]), /^GET \/ws\/asset HTTP\/1\.1\r\n/);
  assert.ok(recording.pieces.some(({ from, hex }) => from === "client" && /^8182/.test(hex)));
  await page.fill("#words", "request /ws/asset");
  await page.locator(".message").last().click();
  const curl = await copied("copy-curl");
  assert.match(curl, /^curl --http1\.1 -iN \\\n/);
  assert.match(curl, /-H 'Sec-WebSocket-Version: 13'/);
  assert.match(curl, /http:\/\/127\.0\.0\.1:\d+\/ws\/asset$/);
}

async function missed(room) {
  const page = await room.page("/inspect", { script: fakeCapture });
  await tell(page, [unit({}), ["drop", { missed: 12 }], unit({})]);
  await eventually("it is told in its place", async () => {
    const rows = await page.locator("#messages [role=row]").allTextContents();
    assert.equal(rows.length, 3);
    assert.match(rows[1], /^12 were missed here/);
  });
}

async function own(room) {
  const page = await room.page("/inspect");
  await live(page);
  await page.waitForResponse((response) => response.url().includes("/inspect/connections"));
  const channel = await publish("x");
  await eventually("somebody else is seen", async () => {
    assert.ok((await page.locator(".message", { hasText: "POST /c/" }).count()) > 0);
  });
  const events = page.locator(".message", { hasText: "/inspect/" });
  assert.equal(await events.count(), 0);
  await page.check("#own");
  await eventually("this page is seen", async () => {
    assert.match(await page.textContent("#connections"), /this page/);
    assert.ok((await events.count()) > 0);
  });
  await events.last().click();
  assert.match(page.url(), /&m=o\d+$/);
  // What was told before is not told again.
  await page.fill("#words", `POST ${channel}`);
  await eventually("once", async () => {
    assert.equal(await page.locator(".message").count(), 1);
  });
  assert.equal(await page.locator(".is-gap").count(), 0);
}

async function sixWays(room) {
  const context = await room.context();
  const page = await context.newPage();
  await page.goto(`${base}/inspect`);
  const channel = newChannel();
  await (await context.newPage()).goto(`${base}/?channel=${channel}`);
  await page.bringToFront();
  for (const way of ["poll", "longpoll", "iframe", "stream", "sse", "ws"]) {
    await page.fill("#words", `request /c/${channel}/${way}`);
    await eventually(`${way} is seen`, async () => {
      assert.ok((await page.locator(".message").count()) > 0);
    });
  }
  await page.click("#clear");
  await publish("hi by all", channel);
  // By polls and events, in chunks, and in a frame.
  for (const [words, count] of [["content hi by", 3], ["chunk hi by", 2], ["frame hi by", 1]]) {
    await page.fill("#words", words);
    await eventually(`${words} is seen ${count} times`, async () => {
      assert.equal(await page.locator(".message").count(), count);
    });
  }
}

async function lost(room) {
  room.expected.push(/ERR_(CONNECTION|EMPTY|INCOMPLETE|NETWORK|SOCKET_NOT_CONNECTED)/);
  const relay = await room.relay();
  const page = await room.page("/inspect", { at: relay.url });
  const other = await room.page("/inspect"); // somebody looks all the time
  await Promise.all([live(page), live(other)]);
  const seen = async (body) => {
    const channel = await publish(body);
    await page.fill("#words", channel);
    return () => page.locator(".message", { hasText: "POST" }).count();
  };
  const before = await seen("before");
  await eventually("it is seen", async () => assert.equal(await before(), 1));
  relay.down();
  await eventually("it is told", async () => {
    assert.match(await page.textContent("#capture"), /lost/);
    assert.match(await page.textContent("#notice"), /not answered/);
  });
  const meanwhile = await seen("meanwhile");
  assert.equal(await meanwhile(), 0);
  relay.up();
  await live(page);
  await eventually("it is made up for", async () => {
    assert.equal(await meanwhile(), 1);
    assert.equal(await page.textContent("#notice"), "");
  });
  assert.equal(await page.locator(".is-gap").count(), 0);
}

async function token(room) {
  const page = await (await room.context()).newPage();
  const asked = ["connections", "events"].map((what) =>
    page.waitForRequest((request) => new URL(request.url()).pathname === `/inspect/${what}`),
  );
  await page.goto(`${base}/inspect?token=s3cret`);
  for (const request of await Promise.all(asked)) {
    assert.equal(new URL(request.url()).searchParams.get("token"), "s3cret");
  }
}

async function harmless(room) {
  const page = await room.page("/inspect", { script: fakeCapture });
  const name = "<img src=x onerror=document.title='bad'>";
  await tell(page, [unit({ name, summary: name, value: name, meaning: name, clause: name })]);
  await page.click(".message");
  assert.equal(await page.locator("main img").count(), 0);
  assert.match(await page.textContent(".headline"), /<img src=x/);
  assert.match(await page.textContent(".prose"), /<img src=x/);
  assert.equal(await page.title(), "Inspector – pushscope");
}

async function fluid(room) {
  const page = await room.page("/inspect", { script: fakeCapture });
  const shape = unit({ summary: "text hello" });
  const { each_ms, worst_ms } = await page.evaluate(async ([kind, data]) => {
    const told = (count) => {
      data.unit.offset = count * 8;
      window.tellCapture(kind, JSON.stringify(data));
    };
    const frame = () =>
      new Promise((drawn) => requestAnimationFrame(() => drawn(performance.now())));
    const began_ms = performance.now();
    for (let count = 0; count < 5_000; count += 1) told(count);
    const each_ms = (performance.now() - began_ms) / 5_000;
    await frame();
    // One by one, with all the others there: what it takes, and what drawing it takes.
    const all_ms = [];
    for (let count = 5_000; count < 5_100; count += 1) {
      const before = frame(); // asked for before the page asks, so it is called before the page is
      const asked_ms = performance.now();
      told(count);
      const taken_ms = performance.now() - asked_ms;
      const behind = frame().then(() => {
        document.body.getBoundingClientRect(); // what is to be laid out is laid out now
        return performance.now();
      });
      all_ms.push(taken_ms + (await behind) - (await before));
    }
    const sorted = all_ms.toSorted((one, other) => one - other);
    return { each_ms, worst_ms: sorted.at(-10) }; // whatever else this machine did is not counted
  }, shape);
  const rows = await page.locator("#messages [role=row]").count();
  const [each, worst] = [each_ms.toFixed(3), worst_ms.toFixed(1)];
  console.log(`        ${each} ms to take a message, ${worst} ms to show one more, ${rows} rows`);
  assert.ok(worst_ms < 16, `${worst_ms} ms for one more message`);
  assert.ok(each_ms < 1, `${each_ms} ms for a message`);
  assert.ok(rows < 60, `${rows} rows`);
  assert.match(await page.textContent("#count"), /^5,100 messages$/);
  assert.equal(await page.getAttribute("#messages", "aria-rowcount"), "5100");
  const last = page.locator("#messages [role=row]").last();
  assert.equal(await last.getAttribute("aria-rowindex"), "5100");
  await page.focus("#messages");
  await page.keyboard.press("Home");
  assert.equal(await page.locator("#message-0").isVisible(), true);
}

async function looks(room) {
  await assertLooks("inspect-empty", (options) =>
    room.page("/inspect", { ...options, script: fakeCapture }),
  );
  await assertLooks("inspect-hi", async (options) => {
    const { page } = await sayHi(room, { options });
    await page.click(".byte[data-at='0']");
    return page;
  });
  await assertLooks("inspect-head", async (options) => {
    const { page } = await sayHi(room, { options });
    await page.fill("#words", "request /ws/asset");
    await page.locator(".message").last().click();
    await page.locator(".field", { hasText: "Upgrade" }).first().click();
    return page;
  });
}

// What the checks are made of.

/** An inspector that has seen a hi from the chat, which stays open beside it. */
async function sayHi(room, { isChosen = true, options } = {}) {
  const context = await room.context(options);
  const page = await context.newPage();
  await page.goto(`${base}/inspect`);
  await live(page);
  await page.click("#clear"); // what is kept of earlier checks
  const chat = await context.newPage();
  await chat.goto(`${base}/chat`);
  await chat.fill("#text", "hi");
  await eventually("the room is open", async () => {
    assert.equal(await chat.isDisabled("#send"), false);
  });
  await chat.click("#send");
  await page.bringToFront();
  await page.fill("#words", "frame hi"); // the list rests, whatever else the browser loads
  const hi = page.locator(".message", { hasText: "frame text hi" }).first();
  await eventually("it is seen", async () => {
    assert.ok(await hi.isVisible());
  });
  if (isChosen) await hi.click();
  await page.fill("#words", "");
  return { page, chat, context };
}

function live(page) {
  return eventually("the capture has begun", async () => {
    assert.equal(await page.getAttribute("#capture", "data-state"), "open");
  });
}

/** Publishes, in a channel of its own unless one is given, and says in which. */
async function publish(body, channel = newChannel()) {
  const answer = await fetch(`${base}/c/${channel}`, { method: "POST", body });
  assert.equal(answer.ok, true);
  return channel;
}

/** The rows of the field tree. */
function fieldsOf(page) {
  return page.$$eval(".field", (rows) =>
    rows.map((row) => {
      const [name, value, bytes] = [...row.children].map((cell) => cell.textContent);
      return { name, value, bytes };
    }),
  );
}

/** What is lit up, in each of the three views. */
function lit(page) {
  return page.evaluate(() => {
    const all = (selector, of) => [...document.querySelectorAll(selector)].map(of);
    return {
      bytes: all(".byte.is-lit", ({ dataset }) => dataset.at),
      fields: all(".field.is-lit .field-name", ({ textContent }) => textContent),
      sentences: all(".prose .is-lit b", ({ textContent }) => textContent),
    };
  });
}

await perform(CHECKS);
