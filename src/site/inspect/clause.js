// Where a clause can be read: a plain link, which nothing here follows by itself.

/** An element that names a clause, and links to it where its address is known. */
export function clauseElement(clause) {
  const address = addressOf(clause);
  if (address === undefined) {
    const plain = document.createElement("span");
    plain.className = "clause";
    plain.textContent = clause;
    return plain;
  }
  const link = document.createElement("a");
  link.className = "clause";
  link.href = address;
  link.target = "_blank"; // what was captured would be lost with this page
  link.rel = "noreferrer";
  link.textContent = clause;
  return link;
}

/** `RFC 6455 §5.2`, `HTML §9.2.5`; undefined for what has no address. */
export function addressOf(clause) {
  const [, series, number, section] = clause.match(CLAUSE) ?? [];
  if (series === "RFC") {
    const rfc = `https://www.rfc-editor.org/rfc/rfc${number}`;
    return section === undefined ? rfc : `${rfc}#section-${section}`;
  }
  // The multipage edition has names for anchors, not numbers.
  if (series === "HTML") return HTML + (SECTIONS[section] ?? "");
  // Our own files are served, too.
  if (/^mech\/\w+\.rs$/.test(clause)) return `/src/${clause}`;
  return ADDRESSES.find(([beginning]) => clause.startsWith(beginning))?.[1];
}

const CLAUSE = /^(RFC|HTML)(?: (\d+))?(?: §([\d.]*\d))?/;
const HTML = "https://html.spec.whatwg.org/multipage/";
/** By how a clause begins, what comes first first. */
const ADDRESSES = [
  ["Fetch Metadata", "https://www.w3.org/TR/fetch-metadata/#framework"],
  ["Fetch, Origin", "https://fetch.spec.whatwg.org/#origin-header"],
  ["Fetch, nosniff", "https://fetch.spec.whatwg.org/#x-content-type-options-header"],
  ["Fetch, CORS", "https://fetch.spec.whatwg.org/#http-cors-protocol"],
  ["CSP3", "https://www.w3.org/TR/CSP3/#csp-header"],
  ["NDJSON", "https://github.com/ndjson/ndjson-spec"],
];
const SECTIONS = {
  "4.12.1": "scripting.html#the-script-element",
  "9.2.2": "server-sent-events.html#the-eventsource-interface",
  "9.2.3": "server-sent-events.html#sse-processing-model",
  "9.2.4": "server-sent-events.html#the-last-event-id-header",
  "9.2.5": "server-sent-events.html#parsing-an-event-stream",
  "9.2.6": "server-sent-events.html#event-stream-interpretation",
  "9.2.7": "server-sent-events.html#authoring-notes",
  "13.1": "syntax.html#writing",
};
