// The ledger, as the server states it: an account for every owner, and the arithmetic on accounts.
//
//     GET /ledger             since the server began
//     GET /ledger?since=7     the difference to the snapshot of that name
//     {"snapshot":"8","since":"7","span_us":…,"balances":true,"accounts":[{"owner":"sse",…},…]}

import { askInTurn } from "./ask.js";

/** The mechanisms, by the names of their files. */
export const MECHANISMS = {
  poll: "Short polling",
  long_poll: "Long polling",
  iframe: "Iframe streaming",
  xhr_stream: "XHR / fetch streaming",
  sse: "Server-sent events",
  websocket: "WebSocket",
};

/** Whoever has an account: the mechanisms, and what else the loop does. */
export const OWNERS = {
  ...MECHANISMS,
  publish: "publish",
  request: "request",
  loop: "loop",
};

/** Kinds of bytes, in the order in which they are always shown. */
export const KINDS = ["payload", "framing", "head", "control"];

/** System calls and phases, in the order of tables. */
export const CALLS = [
  "accept",
  "accept_blocked",
  "epoll_ctl",
  "read",
  "read_blocked",
  "send",
  "send_short",
  "writev",
  "writev_short",
  "shutdown",
  "setsockopt",
  "getsockopt",
  "close",
  "epoll_wait",
  "wake",
  "cpu_clock",
];
export const PHASES = ["accept", "receive", "deliver", "flush", "tick", "close", "turn"];

/** What the ledger says now, or of the time since a snapshot. */
export async function statement({ since, kernel } = {}) {
  const query = new URLSearchParams();
  if (since !== undefined) query.set("since", since);
  if (kernel) query.set("kernel", "1");
  const answer = await askInTurn(`/ledger?${query}`);
  return answer.json();
}

/** The account of an owner. */
export function accountOf({ accounts }, owner) {
  return accounts.find((account) => account.owner === owner);
}

/** All counts of an object, or those of some names. */
export function sum(counts, names = Object.keys(counts)) {
  return names.reduce((total, name) => total + (counts[name] ?? 0), 0);
}

/** Of bytes by kind, each divided; undefined when there is nothing to divide by. */
export function share(side, divisor, kinds = KINDS) {
  if (!(divisor > 0)) return undefined;
  return Object.fromEntries(kinds.map((kind) => [kind, side[kind] / divisor]));
}

/** A quotient; undefined when there is nothing to divide by. */
export function ratio(dividend, divisor) {
  return divisor > 0 ? dividend / divisor : undefined;
}
