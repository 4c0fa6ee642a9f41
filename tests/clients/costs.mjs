// The page of costs and the receipts in a real browser: what they show is what the ledger says.
//
//     npm ci
//     node costs.mjs http://127.0.0.1:7777 [directory for screenshots [words of a check's name]]
//
// The server is to be nobody else's meanwhile: its ledger is compared with what this browser did.

import assert from "node:assert/strict";
import { assertLooks, base, eventually, newChannel, perform } from "./room.mjs";

const CHECKS = [
  ["the tables show what the ledger says, and it balances", books],
  ["the figures of an experiment are what the ledger has gained", experiment],
  ["each mechanism can be measured, several subscribers at once", sixMechanisms],
  ["without all deliveries there are no figures", missing],
  ["a cancelled experiment lets go of everything", cancelled],
  ["who else was there is told", disturbed],
  ["the count begins anew, and can be taken back", reset],
  ["an opening is no quiet, and an empty answer no message", apart],
  ["a published message has a receipt by all six mechanisms", receipt],
  ["a message in a panel has a receipt on demand", receiptOnDemand],
  ["an experiment is run by keyboard alone", keyboard],
  ["the pages of costs are accessible and fit, wide and narrow, light and dark", looks],
];

const MECHANISMS = ["poll", "long_poll", "iframe", "xhr_stream", "sse", "websocket"];
const OWNERS = [...MECHANISMS, "publish", "request", "loop"];
const KINDS = ["payload", "framing", "head", "control"];

// The checks.

async function books(room) {
  await quiet();
  const page = await room.page("/costs");
  await eventually("every account balances", async () => {
    assert.match(await page.textContent("#verdict"), /balances ✔/);
  });
  await page.click("#pause");
  assert.deepEqual(await ownersOf(page, "#overview"), OWNERS);
  const { accounts } = await ledger();
  for (const { owner, sent, received, opened, deliveries } of accounts) {
    if (owner === "request" || owner === "loop") continue; // who asks for the ledger is in it
    const shown = await rowOf(page, "#overview", owner);
    assert.equal(shown.Opened, opened, owner);
    assert.equal(shown.Deliveries, deliveries, owner);
    assert.equal(shown.Down, sent.taken, owner);
    assert.equal(shown.Up, received.read, owner);
    const down = await rowOf(page, "#sent", owner);
    const up = await rowOf(page, "#received", owner);
    for (const kind of KINDS) {
      const title = kind[0].toUpperCase() + kind.slice(1);
      assert.equal(down[title], sent[kind], `${owner}: ${kind} down`);
      assert.equal(up[title], received[kind], `${owner}: ${kind} up`);
    }
    assert.deepEqual([down.Balance, up.Balance], [1, 1], owner);
  }
}

async function experiment(room) {
  await quiet();
  const page = await room.page("/costs");
  await page.click("#pause");
  const before = await ledger();
  const asked = { mechanisms: ["sse", "websocket"], messages: 5, size: 100, subscribers: 2 };
  await runExperiment(page, asked);
  const { accounts } = await ledger(before.snapshot);
  for (const mechanism of asked.mechanisms) {
    const account = accounts.find(({ owner }) => owner === mechanism);
    const sum = { Down: 0, Up: 0, Calls: 0, CPU: 0 };
    for (const question of ["open", "quiet", "message", "close"]) {
      const row = await rowOf(page, `#report [data-question=${question}]`, mechanism);
      const count = row.Openings ?? row.Opened ?? row.Minutes ?? row.Deliveries ?? row.Closed;
      for (const column of Object.keys(sum)) sum[column] += count * (row[column] ?? 0);
      if (question === "message") {
        assert.deepEqual([row.Deliveries, row.Payload], [10, 100], mechanism);
        assert.ok(row["Both / payload"] > 1 && row["Delay p99"] >= row["Delay p50"], mechanism);
      }
    }
    assert.equal(account.deliveries, 10);
    assertClose(sum.Down, account.sent.taken, `${mechanism}: bytes down`);
    assertClose(sum.Up, account.received.read, `${mechanism}: bytes up`);
    const calls = Object.values(account.calls).reduce((all, count) => all + count, 0);
    assertClose(sum.Calls, calls, `${mechanism}: calls`);
  }
  assert.equal(await page.textContent("#words"), "Done.");
}

async function sixMechanisms(room) {
  await quiet();
  const page = await room.page("/costs");
  const deleted = page.waitForRequest((request) => request.method() === "DELETE");
  await runExperiment(page, { messages: 3, size: 0, subscribers: 4 });
  const shown = await ownersOf(page, "#report [data-question=message]");
  assert.deepEqual(shown, MECHANISMS, await page.textContent("#remarks"));
  for (const mechanism of MECHANISMS) {
    const row = await rowOf(page, "#report [data-question=message]", mechanism);
    assert.deepEqual([row.Deliveries, row.Payload], [12, 0], mechanism);
  }
  assert.doesNotMatch(await page.textContent("#remarks"), /somebody else/);
  assert.equal((await get(new URL((await deleted).url()).pathname)).messages, 0);
  assert.ok((await page.locator("#report svg[role=img]").count()) >= 4, "plots");
}

async function missing(room) {
  const page = await room.page("/costs", { script: loseTheSecond });
  await runExperiment(page, { mechanisms: ["websocket"], messages: 3, subscribers: 1 });
  assert.match(await page.textContent("#remarks"), /because 1 of 2 deliveries are missing/);
  assert.equal(await page.isVisible("#report [data-question=message]"), false);
}

async function cancelled(room) {
  const page = await room.page("/costs");
  const deleted = page.waitForRequest((request) => request.method() === "DELETE");
  await begin(page, { mechanisms: ["sse"], quiet: 30 });
  await eventually("it runs", async () => {
    assert.match(await page.textContent("#words"), /nothing is published/);
  });
  assert.equal(await page.isDisabled("#messages"), true);
  await page.click("#experiment [name=cancel]");
  await eventually("it ends", async () => {
    assert.match(await page.textContent("#words"), /^Cancelled\. Nothing was measured\./);
  });
  assert.equal(await page.isDisabled("#messages"), false);
  const { pathname } = new URL((await deleted).url());
  await eventually("nobody is left", async () => {
    const { subscribers } = await get(pathname);
    assert.equal(subscribers.sse ?? 0, 0);
  });
}

async function disturbed(room) {
  await quiet();
  const stop = new AbortController();
  const stranger = await fetch(`${base}/c/${newChannel()}/sse`, { signal: stop.signal });
  assert.equal(stranger.status, 200);
  const page = await room.page("/costs");
  await runExperiment(page, { mechanisms: ["sse"], messages: 2, subscribers: 1 });
  assert.match(await page.textContent("#remarks"), /events: somebody else disturbed it/);
  stop.abort();
}

async function reset(room) {
  await quiet();
  const page = await room.page("/costs");
  await page.click("#reset");
  await eventually("the count begins", async () => {
    assert.match(await page.textContent("#span"), /^\d+ s since the count began$/);
    assert.equal((await rowOf(page, "#overview", "publish")).Up, 0);
  });
  await publish(newChannel(), "one");
  await eventually("one is counted", async () => {
    assert.ok((await rowOf(page, "#overview", "publish")).Up > 0);
  });
  await page.click("#whole");
  await eventually("all is counted", async () => {
    assert.match(await page.textContent("#span"), /since the server began$/);
    assert.equal(await page.isVisible("#whole"), false);
  });
}

async function apart(room) {
  await quiet();
  const page = await room.page("/costs");
  await page.click("#reset");
  await eventually("the count begins", async () => {
    assert.match(await page.textContent("#span"), /since the count began$/);
  });
  const stop = new AbortController();
  const channel = newChannel();
  await fetch(`${base}/c/${channel}/stream`, { signal: stop.signal });
  const { id } = await publish(channel, "one");
  await (await fetch(`${base}/c/${channel}/poll?since=all`)).text();
  for (let count = 0; count < 3; count += 1) {
    await (await fetch(`${base}/c/${channel}/poll?since=${id}`)).text();
  }
  await eventually("all is counted", async () => {
    assert.equal((await rowOf(page, "#live [data-question=open]", "poll")).Openings, 4);
  });
  const poll = await rowOf(page, "#live [data-question=message]", "poll");
  assert.deepEqual([poll.Deliveries, poll.Payload], [1, 3]);
  assert.deepEqual([poll.Calls, poll.CPU], [undefined, undefined]);
  const stream = await rowOf(page, "#live [data-question=message]", "xhr_stream");
  // The beginning, and the message.
  assert.deepEqual([stream.Deliveries, stream.Calls], [1, 2]);
  assert.deepEqual(await rowOf(page, "#live [data-question=quiet]", "xhr_stream"), {});
  stop.abort();
}

async function receipt(room) {
  const { page, channel } = await openHome(room);
  assert.equal(await page.isVisible("#receipt"), false);
  await page.fill("#message", "red");
  await page.click("#publish button.primary");
  await eventually("six deliveries", async () => {
    for (const mechanism of MECHANISMS) {
      const { Delivered: delivered } = await rowOf(page, "#receipt", mechanism);
      assert.equal(delivered, 1, mechanism);
    }
  });
  const id = await page.getAttribute("#receipt", "data-id");
  const { bytes, mechanisms } = await get(`/c/${channel}/receipts/${id}`);
  assert.equal(bytes, 3);
  for (const share of mechanisms) {
    const row = await rowOf(page, "#receipt", share.mechanism);
    const { payload, framing, head, calls, cpu_ns } = share;
    assert.deepEqual([row.Payload, row.Framing, row.Head], [payload, framing, head]);
    assert.deepEqual([row.Calls, row.CPU ?? 0], [calls, cpu_ns / 1_000]);
    assert.equal(row.Payload, 3);
  }
  assert.match(await page.textContent("#receipt [data-part=words]"), /itself is 3 bytes/);
  assert.equal(await page.locator("#receipt svg[role=img] rect.payload").count(), 6);
}

async function receiptOnDemand(room) {
  const { page, channel } = await openHome(room);
  const { id } = await publish(channel, "first");
  await publish(channel, "second");
  const button = page.locator("#sse li:last-child [data-receipt]");
  await button.click();
  assert.equal(await page.evaluate(() => document.activeElement.id), "receipt-title");
  await eventually("the first one’s receipt", async () => {
    assert.equal(await page.getAttribute("#receipt", "data-id"), id);
    assert.equal((await rowOf(page, "#receipt", "sse")).Payload, 5);
  });
}

async function keyboard(room) {
  const page = await room.page("/costs");
  await page.focus("#experiment [value=poll]");
  for (const mechanism of MECHANISMS) {
    if (mechanism !== "xhr_stream") await page.keyboard.press("Space");
    await page.keyboard.press("Tab");
  }
  const fields = [["subscribers", 1], ["messages", 2], ["size", 8], ["quiet", 1]];
  for (const [id, value] of fields) {
    assert.equal(await page.evaluate(() => document.activeElement.id), id);
    await page.keyboard.press("Control+A");
    await page.keyboard.type(String(value));
    await page.keyboard.press("Tab");
  }
  await page.keyboard.press("Tab");
  await page.keyboard.press("Enter");
  await eventuallyOver(page);
  const shown = await ownersOf(page, "#report [data-question=open]");
  assert.deepEqual(shown, ["xhr_stream"], await page.textContent("#remarks"));
}

async function looks(room) {
  await assertLooks("costs-before", async (options) => {
    const page = await room.page("/costs", options);
    await eventually("figures", async () => {
      assert.match(await page.textContent("#span"), /since/);
    });
    return page;
  });
  await assertLooks("costs-after", async (options) => {
    const page = await room.page("/costs", options);
    await page.check("#ask-kernel");
    await runExperiment(page, { messages: 10 });
    await page.$$eval("details", (all) => all.forEach((details) => (details.open = true)));
    return page;
  });
  await assertLooks("receipt", async (options) => {
    const { page } = await openHome(room, options);
    await page.click("#publish button.primary");
    await eventually("the poll’s delivery", async () => {
      assert.equal((await rowOf(page, "#receipt", "poll")).Delivered, 1);
    });
    return page;
  });
}

// What the checks are made of.

/** Fills in the form, and runs it to its end. */
async function runExperiment(page, settings) {
  await begin(page, settings);
  await eventuallyOver(page);
}

async function begin(page, { mechanisms = MECHANISMS, ...numbers }) {
  for (const mechanism of MECHANISMS) {
    const box = page.locator(`#experiment [value=${mechanism}]`);
    await box.setChecked(mechanisms.includes(mechanism));
  }
  for (const [id, value] of Object.entries({ quiet: 1, interval: 0.3, ...numbers })) {
    await page.fill(`#${id}`, String(value));
  }
  await page.click("#experiment [name=begin]");
}

function eventuallyOver(page) {
  return eventually("the experiment is over", async () => {
    assert.match(await page.textContent("#words"), /^(Done|Nothing|Cancelled)/);
  });
}

function ownersOf(page, place) {
  return page.$$eval(`${place} tbody tr`, (rows) => rows.map((row) => row.dataset.owner));
}

/** The values of a row by the titles of its columns; what is hidden or a dash is not there. */
function rowOf(page, place, owner) {
  return page.$eval(`${place} table`, (table, owner) => {
    const row = table.querySelector(`tr[data-owner="${owner}"]`);
    const titles = [...table.tHead.rows[0].cells].map((cell) => cell.firstChild?.data.trim());
    const cells = [...row.cells].map((cell, at) => [titles[at], cell]);
    const told = cells.filter(([, cell]) => cell.dataset.value !== undefined && !cell.hidden);
    return Object.fromEntries(told.map(([title, cell]) => [title, Number(cell.dataset.value)]));
  }, owner);
}

/** Swallows the second message of a WebSocket, as a bad client would; runs in the page. */
function loseTheSecond() {
  const listen = WebSocket.prototype.addEventListener;
  let count = 0;
  WebSocket.prototype.addEventListener = function (type, listener) {
    const isSecond = (event) => event.data?.startsWith('{"id"') && (count += 1) === 2;
    listen.call(this, type, (event) => {
      if (type !== "message" || !isSecond(event)) listener(event);
    });
  };
}

/** The page of the six ways, open on a channel of its own. */
async function openHome(room, options) {
  const channel = newChannel();
  const page = await room.page(`/?channel=${channel}`, options);
  for (const mechanism of MECHANISMS) {
    await eventually(`${mechanism} is open`, async () => {
      const state = await page.getAttribute(`#${mechanism}`, "data-state");
      assert.ok(["open", "waiting"].includes(state), state);
    });
  }
  await eventually("all are subscribed", async () => {
    const { subscribers } = await get(`/c/${channel}`);
    for (const mechanism of MECHANISMS.slice(1)) assert.equal(subscribers[mechanism], 1, mechanism);
  });
  return { page, channel };
}

/** Waits until nobody is connected: browsers of earlier checks may still be leaving. */
function quiet() {
  return eventually("nobody is connected", async () => {
    const { accounts } = await ledger();
    const open = accounts.filter(({ owner, open }) => MECHANISMS.includes(owner) && open > 0);
    assert.deepEqual(open.map(({ owner }) => owner), []);
  });
}

function ledger(since) {
  return get(since === undefined ? "/ledger" : `/ledger?since=${since}`);
}

async function get(path) {
  return (await fetch(base + path)).json();
}

async function publish(channel, body) {
  return (await fetch(`${base}/c/${channel}`, { method: "POST", body })).json();
}

function assertClose(one, other, what) {
  assert.ok(Math.abs(one - other) < 1e-6 * Math.max(1, other), `${what}: ${one} and ${other}`);
}

await perform(CHECKS);
