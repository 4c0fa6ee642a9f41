// One message in all envelopes, in a real browser: each is shown as it came, with what it cost.
//
//     npm ci
//     node envelopes.mjs http://127.0.0.1:7777 [directory for pictures [words of a check's name]]

import assert from "node:assert/strict";
import { assertLooks, eventually, perform } from "./room.mjs";

const CHECKS = [
  ["a message is shown in all six envelopes", envelopes],
  ["the page is accessible and fits, wide and narrow, light and dark", looks],
];

const MECHANISMS = ["poll", "long_poll", "iframe", "xhr_stream", "sse", "websocket"];

async function envelopes(room) {
  const page = await room.page("/envelopes");
  await publishEnvelope(page, "hi");
  for (const mechanism of MECHANISMS) {
    const place = page.locator(`.envelope[data-mechanism=${mechanism}]`);
    await eventually(`${mechanism} has it all`, async () => {
      const facts = await place.locator(".facts dd").allTextContents();
      assert.match(facts[0], /ms$|s$/, "arrived");
      assert.match(facts[1], /bytes$/, "booked");
    });
    assert.match(await place.locator(".share").first().textContent(), /\b2 payload\b/, mechanism);
    assert.ok((await place.locator(".byte").count()) > 2, mechanism);
  }
  const sse = page.locator(".envelope[data-mechanism=sse] .units details[open]").last();
  await sse.locator("[role=tab]").last().click();
  const data = sse.locator(".field", { hasText: "data" }).last();
  await data.hover();
  assert.equal(await sse.locator(".prose .is-lit").count(), 1);
  await eventually("the receipt is there", async () => {
    assert.match(await page.textContent("#receipt"), /itself is 2 bytes/);
  });
}

async function looks(room) {
  await assertLooks("envelopes", async (options) => {
    const page = await room.page("/envelopes", options);
    await publishEnvelope(page, "hi");
    await eventually("the poll’s delivery", async () => {
      const facts = await page.locator("[data-mechanism=poll] .facts dd").allTextContents();
      assert.match(facts[1], /bytes$/);
    });
    return page;
  });
}

async function publishEnvelope(page, text) {
  await eventually("all six are connected", async () => {
    assert.match(await page.textContent("#ready"), /^All six/);
  });
  await page.fill("#text", text);
  await page.click("#send");
  await page.waitForSelector(".envelope");
}

await perform(CHECKS);
