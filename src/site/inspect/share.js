// What was seen, as something that others can use: a recording, a command, digits, a test.

import { bytesOf, hexLines, isCut } from "./unit.js";

/** The messages of one connection, as `pushscope explain` reads them (src/dissect/shape.rs), up to
 * the first that is not whole: what is behind a hole could not be understood. */
export function recording(messages) {
  const cut = messages.findIndex(({ unit }) => isCut(unit));
  const whole = cut < 0 ? messages : messages.slice(0, cut);
  const pieces = whole.map(({ unit, time_us }) => ({
    from: unit.from,
    time_us,
    hex: unit.layers[0]?.hex ?? "",
  }));
  return JSON.stringify({ format: "pushscope recording 1", pieces }, null, 1);
}

/** Offers a text as a file. */
export function save(name, text) {
  const url = URL.createObjectURL(new Blob([text], { type: "application/json" }));
  const link = document.createElement("a");
  link.href = url;
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(url), KEPT_MS);
}

/** A request head as a command; `content` is what was sent behind it, when that is text. */
export function asCurl({ unit }, content) {
  const [line, ...lines] = latin(unit.layers[0]).split("\r\n");
  const [method, target] = line.split(" ");
  const fields = lines.filter(Boolean).map((field) => {
    const colon = field.indexOf(":");
    return [field.slice(0, colon), field.slice(colon + 1).trim()];
  });
  const host = fields.find(([name]) => name.toLowerCase() === "host")?.[1] ?? "127.0.0.1:7777";
  const words = ["curl --http1.1 -iN"];
  if (method === "HEAD") words.push("--head");
  else if (method !== (content === undefined ? "GET" : "POST")) words.push(`-X ${quoted(method)}`);
  for (const [name, value] of fields) {
    if (!OWN_FIELDS.includes(name.toLowerCase())) words.push(`-H ${quoted(`${name}: ${value}`)}`);
  }
  if (content !== undefined) words.push(`--data-binary ${quoted(content)}`);
  words.push(quoted(`http://${host}${target}`));
  return words.join(" \\\n  ");
}

/** The text of a content that a shell's argument can be; undefined for any other. */
export function contentText({ unit }) {
  if (unit.name !== "content") return undefined;
  try {
    const text = new TextDecoder("utf-8", { fatal: true }).decode(bytesOf(unit.layers[0]));
    return text.includes("\0") ? undefined : text;
  } catch {
    return undefined;
  }
}

/** Its bytes on the wire, 16 a line. */
export function asHex({ unit }) {
  return hexLines(unit.layers[0]);
}

/** A test that dissects the same bytes, and expects the same of them. */
export function asRust({ unit }) {
  const { from, name, summary, layers: [wire] } = unit;
  const title = `${from}_${name}_${summary}`.toLowerCase().replace(/[^a-z0-9]+/g, "_");
  const lines = wire.hex.match(/.{1,24}/g) ?? []; // 12 bytes, as rustfmt has room for them
  const bytes = lines.map((line) => `        ${line.replace(/../g, "0x$&, ").trim()}`);
  const role = from === "client" ? "Client" : "Server";
  const { uses, begin } = beginningOf(unit);
  return `#[test]
fn ${title.slice(0, TITLE_MAX).replace(/_$/, "")}() {
    use pushscope::dissect::{Dissector, ${uses[0]}};
${uses.slice(1).map((path) => `    use pushscope::wire::${path};\n`).join("")}\
    use pushscope::wire::ws_frame::Role;

    let bytes = [
${bytes.join("\n")}
    ];
    let mut units = Vec::new();
${begin.map((line) => `    ${line}\n`).join("")}\
    dissector.receive(Role::${role}, &bytes, &mut units);
    let unit = units.first().expect("a whole unit");
    assert_eq!((unit.name, &unit.summary[..]), (${rust(name)}, ${rust(summary)}));
}
`;
}

/** The dissector that takes a unit's bytes as if those before it had been there, and what it uses
 * besides. */
function beginningOf({ from, name, layers: [wire, inner] }) {
  const dissector = (call) => `let mut dissector = Dissector::${call};`;
  if (name !== "content" && name !== "chunk") {
    const protocol = wire.name === "WebSocket" ? "WebSocket" : "Http";
    return { uses: ["Protocol"], begin: [dissector(`alone(Protocol::${protocol})`)] };
  }
  const [uses, body] = name === "chunk"
    ? [["Joining", "body::Body", "field::Content"], "Body::new(Content::Chunked, usize::MAX).ok()"]
    : [["Joining"], "None"];
  const begin = [`let body = ${body};`];
  if (from === "client") begin.push(dissector("joining(Joining::Content(body))"));
  else {
    begin.push(`let content_type = ${rust(CONTENT_TYPES[inner?.name] ?? "")};`);
    begin.push(dissector("joining(Joining::Stream { content_type, body })"));
  }
  return { uses, begin };
}

function latin(layer) {
  return String.fromCharCode(...bytesOf(layer));
}

/** For a shell, where only an apostrophe ends a quotation. */
function quoted(text) {
  return /^[\w./:=@%+-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}

/** A string as Rust writes it. */
function rust(text) {
  const code = (character) => `\\x${character.charCodeAt(0).toString(16).padStart(2, "0")}`;
  return `"${text.replace(/[\\"]/g, "\\$&").replace(/[\0-\x1f\x7f]/g, code)}"`;
}

/** Fields that curl writes itself. */
const OWN_FIELDS = ["host", "content-length", "transfer-encoding"];
/** By what it carries, what content is said to be. */
const CONTENT_TYPES = {
  "event stream": "text/event-stream",
  JSON: "application/json",
  lines: "application/x-ndjson",
};
const TITLE_MAX = 60;
const KEPT_MS = 10_000;
