// The reasons in a browser: they look well, wide and narrow, and each has an address of its own.
//
//     node faults.mjs http://127.0.0.1:7777 [directory for screenshots [words of a check's name]]

import assert from "node:assert/strict";
import { assertLooks, perform } from "./room.mjs";

await perform([
  ["the reasons look well", (room) => assertLooks("faults", (options) => open(room, options))],
  ["a reason that was given leads to what it means", meaning],
]);

function open(room, options) {
  return room.page("/faults", options);
}

async function meaning(room) {
  const page = await open(room, { javaScriptEnabled: false });
  const reason = await page.request.get(new URL("/nothing", page.url()).href);
  const { error } = await reason.json();
  await page.locator(`#${error.reason} a`, { hasText: error.reason }).click();
  const row = page.locator("tr:target");
  assert.equal(await row.getAttribute("id"), error.reason);
  const text = await row.innerText();
  for (const said of [error.message, error.clause, String(error.code)]) {
    assert.ok(text.includes(said), `${said}: ${text}`);
  }
}
