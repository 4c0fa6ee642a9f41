// A masked payload, read as its receiver reads it (RFC 6455 §5.3): each byte is XORed with a byte
// of the key, in turn.

import { element } from "./element.js";
import { bytesOf } from "./unit.js";

/** The first bytes of a masked payload in a table, above those of its key and what they make;
 * undefined for any other span. */
export function unmasking(layer, place) {
  const { name, start, end } = layer.spans[place];
  if (name !== MASKED) return undefined;
  const key = layer.spans.slice(0, place).findLast((span) => span.name === KEY);
  if (key === undefined) return undefined;
  const bytes = bytesOf(layer);
  const masked = [...bytes.subarray(start, Math.min(end, start + SHOWN))];
  const keys = masked.map((_, at) => bytes[key.start + (at % 4)]);
  const plain = masked.map((byte, at) => byte ^ keys[at]);
  const table = element("table", "unmasking");
  table.append(
    row("sent", masked.map(digits)),
    row("XOR key", keys.map(digits), "is-framing"),
    row("meant", plain.map(digits), "is-payload"),
    row("as text", plain.map(character), "is-text"),
  );
  return table;
}

function row(title, texts, name) {
  const made = element("tr", name);
  const head = element("th", "", title);
  head.scope = "row";
  made.append(head, ...texts.map((text) => element("td", "", text)));
  return made;
}

function digits(byte) {
  return byte.toString(16).padStart(2, "0");
}

function character(byte) {
  return byte > 0x20 && byte < 0x7f ? String.fromCharCode(byte) : "·";
}

/** As src/wire/ws_frame/fields.rs has them. */
const MASKED = "Payload Data, masked";
const KEY = "Masking-key";
/** So many that the key is seen to begin anew, if there is room. */
const SHOWN = 8;
