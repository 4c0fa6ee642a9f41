// A unit, as the server dissects it (src/dissect/shape.rs), and what a page asks of it.
//
//     {"from":"client","offset":158,"name":"frame","summary":"text hi","share":{…},
//      "layers":[{"name":"WebSocket","hex":"8182…","spans":[{"name":"FIN","start":0,…},…]},…],
//      "violation":null}

import { KINDS, sum } from "../ledger.js";

/** The bytes of a layer. */
export function bytesOf({ hex }) {
  const bytes = new Uint8Array(hex.length / 2);
  for (let at = 0; at < bytes.length; at += 1) {
    bytes[at] = Number.parseInt(hex.slice(2 * at, 2 * at + 2), 16);
  }
  return bytes;
}

/** How many bytes it has on the wire. */
export function lengthOf({ share }) {
  return sum(share);
}

/** Whether only the first of its bytes are here: it is too long to be shown whole. */
export function isCut({ share, layers: [wire] }) {
  return sum(share) > (wire?.hex.length ?? 0) / 2;
}

/** For each byte of a layer, the places of the leaves that it belongs to: several if they share
 * its bits. */
export function leavesOf({ hex, spans }) {
  const leaves = Array.from({ length: hex.length / 2 }, () => []);
  spans.forEach(({ group, start, end }, place) => {
    if (group) return;
    for (let at = start; at < end; at += 1) leaves[at]?.push(place);
  });
  return leaves;
}

/** For each byte of a layer, what it is for. What a payload carries knows better than the payload,
 * if it is the same bytes: a message may be wrapped within it once more. */
export function partsOf({ layers }, at) {
  const [{ hex, spans }, inner] = [layers[at], layers[at + 1]];
  const parts = leavesOf({ hex, spans }).map(([place]) => spans[place]?.part);
  const payload = [...parts.keys()].filter((byte) => parts[byte] === "payload");
  if (inner === undefined || inner.hex.length / 2 !== payload.length) return parts;
  const carried = partsOf({ layers }, at + 1);
  payload.forEach((byte, place) => (parts[byte] = carried[place]));
  return parts;
}

/** The bits of a byte that are a field's, as `1··· ····`. */
export function bitsOf(byte, [from, count]) {
  const digits = [...byte.toString(2).padStart(8, "0")];
  const shown = digits.map((digit, at) => (at >= from && at < from + count ? digit : "·"));
  return `${shown.slice(0, 4).join("")} ${shown.slice(4).join("")}`;
}

/** Whether it only says that somebody is there. */
export function isHeartbeat({ summary, share, layers }) {
  if (sum(share) > share.control) return false;
  return /^(ping|pong|heartbeat)\b/.test(summary) || HEARTBEATS.includes(layers.at(-1)?.hex);
}

/** Bytes as two digits each, 16 a line. */
export function hexLines({ hex }) {
  const bytes = hex.match(/../g) ?? [];
  const lines = [];
  for (let at = 0; at < bytes.length; at += 16) lines.push(bytes.slice(at, at + 16).join(" "));
  return lines.join("\n");
}

/** The layer that says the most: what is content to HTTP, and no more, may be an event within. */
export function tellingLayer({ layers }) {
  const at = layers.findIndex(({ spans }) => spans.length > 1);
  return Math.max(0, at);
}

/** A bar of the kinds, as wide as they are many. */
export function splitBar(split) {
  const bar = document.createElement("span");
  bar.className = "split";
  for (const kind of KINDS) {
    if (!(split[kind] > 0)) continue;
    const part = document.createElement("i");
    part.className = `is-${kind}`;
    part.style.flexGrow = split[kind];
    bar.append(part);
  }
  return bar;
}

/** The same in words: `2 payload, 8 framing`. */
export function splitWords(split) {
  const told = KINDS.filter((kind) => split[kind] > 0);
  return told.map((kind) => `${split[kind].toLocaleString("en")} ${kind}`).join(", ");
}

/** Who has sent it, in a word and in an arrow. */
export const SIDES = {
  client: { arrow: "↑", words: "client to server" },
  server: { arrow: "↓", words: "server to client" },
};

/** `<!---->` and `{"heartbeat":true}`, each with its LF: their formats know no difference. */
const HEARTBEATS = ["3c212d2d2d2d3e0a", "7b22686561727462656174223a747275657d0a"];
