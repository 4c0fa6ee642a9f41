// A capture that tells the inspector what a check wants, in place of the server's; and a keyboard.

import assert from "node:assert/strict";

/** Tells the page what a capture would. */
export async function tell(page, told) {
  await page.evaluate((all) => {
    for (const [type, data] of all) window.tellCapture(type, JSON.stringify(data));
  }, told);
}

/** A frame of 8 bytes, in the shape of src/dissect/shape.rs. */
export function unit({
  from = "client",
  name = "frame",
  summary = "text hi",
  part = "payload",
  value = "hi",
  meaning = "What is sent.",
  clause = "RFC 6455 §5.2",
}) {
  offset += 8;
  const span = { clause, meaning, severity: "right", bits: null, depth: 1, group: false };
  const framing = part === "control" ? part : "framing";
  const share = { head: 0, framing: 0, payload: 0, control: 0 };
  share[framing] += 6;
  share[part] += 2;
  const spans = [
    { ...span, name, part: framing, start: 0, end: 8, depth: 0, group: true, value: "" },
    { ...span, name: "Masking-key", part: framing, start: 0, end: 6, value: "00 00" },
    { ...span, name: "Payload Data", part, start: 6, end: 8, value },
  ];
  const layers = [{ name: "WebSocket", hex: "8182000000006869", spans }];
  const told = { from, offset, name, summary, share, layers, violation: null };
  return ["unit", { connection: "1-1", time_us: 1.7e15 + offset, own: false, unit: told }];
}

/** Stands in for the capture: what it tells is what the check says; runs in the page. */
export function fakeCapture() {
  window.EventSource = class extends EventTarget {
    static CLOSED = 2;
    readyState = 1;

    constructor() {
      super();
      let count = 0;
      window.tellCapture = (type, data) => {
        const lastEventId = `1-${(count += 1)}`;
        this.dispatchEvent(new MessageEvent(type, { data, lastEventId }));
      };
      setTimeout(() => this.dispatchEvent(new Event("open")));
    }

    close() {}
  };
}

/** Presses Tab until an element has the focus that is like this. */
export async function tabTo(page, selector) {
  for (let count = 0; count < 40; count += 1) {
    await page.keyboard.press("Tab");
    if (await page.evaluate((like) => document.activeElement.matches(like), selector)) return;
  }
  assert.fail(`no Tab leads to ${selector}`);
}

let offset = 0;
