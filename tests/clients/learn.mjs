// The lessons in a browser: they look well, wide and narrow, light and dark; every field has an
// address of its own, and bytes and rows point at each other.
//
//     node learn.mjs http://127.0.0.1:7777 [directory for screenshots [words of a check's name]]

import assert from "node:assert/strict";
import { assertLooks, perform } from "./room.mjs";

const LESSONS = ["poll", "long_poll", "iframe", "xhr_stream", "sse", "websocket"];

const open = (room, path) => (options) => room.page(`/learn${path}`, options);

await perform([
  ["the lessons look well", (room) => assertLooks("learn", open(room, ""))],
  ...LESSONS.map((name) => [
    `the lesson on ${name} looks well`,
    (room) => assertLooks(`learn-${name}`, open(room, `/${name}`)),
  ]),
  ["a masked greeting is told bit by bit", greeting],
  ["a field has an address of its own", address],
  ["bytes and rows point at each other", pointing],
  ["a lesson needs no script", plain],
]);

async function greeting(room) {
  const page = await room.page("/learn/websocket");
  const frame = page.locator(".unit.is-client", { hasText: "Masking-key" }).first();
  const rows = await frame.locator("tbody tr").evaluateAll((rows) =>
    rows.map((row) => [".hex", "th"].map((part) => row.querySelector(part).textContent.trim())),
  );
  assert.deepEqual(rows, [
    ["11 bytes", "frame"],
    ["1··· ····", "FIN 1"],
    ["·000 ····", "RSV1, RSV2, RSV3 0"],
    ["···· 0001", "opcode 1 text"],
    ["1··· ····", "MASK 1"],
    ["·000 0101", "Payload len 5"],
    ["37 fa 21 3d", "Masking-key 37 fa 21 3d"],
    ["5f 9f 4d 51 58", "Payload Data, masked 5f 9f 4d 51 58"],
    ["68 65 6c 6c 6f", "Payload Data hello"],
  ]);
}

async function address(room) {
  const page = await room.page("/learn/sse");
  const row = page.locator(".fields tr", { hasText: "Cache-Control" }).first();
  await row.locator(".offset a").click();
  const { hash } = new URL(page.url());
  assert.match(hash, /^#u\d+-f\d+$/);
  const again = await room.page(`/learn/sse${hash}`);
  await again.locator(".fields tr:target", { hasText: "Cache-Control" }).waitFor();
}

async function pointing(room) {
  const page = await room.page("/learn/sse");
  const row = page.locator(".fields tr", { hasText: "Cache-Control" }).first();
  const id = await row.getAttribute("id");
  const drawn = page.locator(`.strip a[href="#${id}"]`);
  await row.locator("th").hover();
  await drawn.locator("css=:scope.is-pointed").first().waitFor();
  await drawn.first().hover();
  await page.locator(`#${id}.is-pointed`).waitFor();
}

async function plain(room) {
  const page = await room.page("/learn/poll", { javaScriptEnabled: false });
  await page.locator("h3", { hasText: "Nothing is new" }).waitFor();
  await page.locator(".neighbours a", { hasText: "Long polling" }).click();
  await page.locator("h1", { hasText: "Long polling" }).waitFor();
}
