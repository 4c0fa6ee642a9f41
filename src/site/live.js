// The four questions, as far as running books can answer them. The ledger does not know when a
// byte was sent, only for what; but the kinds of bytes, the phases of CPU time and the names of
// calls are the questions, nearly: a head opens, control keeps, framing and payload are a message.
// What they cannot tell apart is left to the experiment.

import { MECHANISMS, accountOf, ratio, share, sum } from "./ledger.js";

/**
 * Figures for each question and mechanism. `before` is the statement at which the count began: who
 * was open then may have been closed since.
 */
export function answers(statement, before) {
  const found = { open: {}, quiet: {}, message: {}, close: {} };
  for (const name of Object.keys(MECHANISMS)) {
    const account = accountOf(statement, name);
    const wasOpen = before === undefined ? 0 : accountOf(before, name).open;
    const closed = account.opened + wasOpen - account.open;
    found.open[name] = open(account);
    found.quiet[name] = quiet(account);
    found.message[name] = message(account, closed);
    found.close[name] = close(account, closed);
  }
  return found;
}

function open({ owner, opened, open, sent, received, calls, cpu_ns, held_bytes }) {
  // A question that brings nothing opens a poll, too: what it cost is booked as control.
  const kinds = POLLS.includes(owner) ? ["head", "control"] : ["head"];
  return {
    count: opened,
    down: share(sent, opened, kinds),
    up: share(received, opened, kinds),
    calls: ratio(sum(calls, OPENING), opened),
    held_bytes: ratio(held_bytes, open),
    cpu_us: ratio(sum(cpu_ns, ["receive"]) / 1_000, opened),
  };
}

function quiet({ owner, open, open_us, ticks, sent, received, cpu_ns }) {
  const tick = TICKS[owner];
  // Before a tick can have come for each, the quiet is too short to be taken to a minute.
  if (!tick || open_us < tick.period_s * 1_000_000 * Math.max(open, 1)) return {};
  const minutes = open_us / 60_000_000;
  const found = {
    count: minutes,
    ticks: ticks / minutes,
    cpu_us: sum(cpu_ns, ["tick"]) / 1_000 / minutes,
  };
  if (tick.down === undefined) return found;
  // Openings and goodbyes make control bytes, too: of all that are booked, those of the ticks.
  const part = (booked, each) => ({ control: Math.min(booked, ticks * each) / minutes });
  return { ...found, down: part(sent.control, tick.down), up: part(received.control, tick.up) };
}

function message(account, closed) {
  const { owner, opened, ticks, deliveries, sent, received, calls, cpu_ns, delay_us } = account;
  // What is written without a message. An answer brings one or more: of the polls that are over, at
  // least these brought none. A stream writes its beginning and its ticks.
  const others = POLLS.includes(owner) ? closed - deliveries : opened + ticks;
  const spent = others > deliveries ? {} : {
    calls: ratio(sum(calls, SENDING), deliveries),
    cpu_us: ratio(sum(cpu_ns, ["deliver", "flush"]) / 1_000, deliveries),
  };
  return {
    count: deliveries,
    down: share(sent, deliveries, ["payload", "framing"]),
    up: share(received, deliveries, ["payload", "framing"]),
    ...spent,
    delay_p50_us: delay_us.count > 0 ? delay_us.p50 : undefined,
    delay_p99_us: delay_us.count > 0 ? delay_us.p99 : undefined,
  };
}

function close({ calls, cpu_ns }, closed) {
  return {
    count: closed,
    calls: ratio(sum(calls, CLOSING), closed),
    cpu_us: ratio(sum(cpu_ns, ["close"]) / 1_000, closed),
  };
}

const POLLS = ["poll", "long_poll"];
const OPENING = ["accept", "accept_blocked", "epoll_ctl", "setsockopt", "read", "read_blocked"];
const SENDING = ["send", "send_short", "writev", "writev_short"];
const CLOSING = ["shutdown", "getsockopt", "close"];

/**
 * How often something must be said although nothing has happened, by default, and the bytes of it,
 * as the mechanism's formula has them; those of a poll depend on its question.
 */
const TICKS = {
  long_poll: { period_s: 25 },
  iframe: { period_s: 15, down: 13, up: 0 },
  xhr_stream: { period_s: 15, down: 25, up: 0 },
  sse: { period_s: 15, down: 3, up: 0 },
  websocket: { period_s: 25, down: 2, up: 6 },
};
