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
    found.open[name] = open(account);
    found.quiet[name] = quiet(account);
    found.message[name] = message(account);
    found.close[name] = close(account, account.opened + wasOpen - account.open);
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

function quiet({ owner, open_us, ticks, sent, received, cpu_ns }) {
  const minutes = open_us / 60_000_000;
  if (owner === "poll" || minutes < MINUTES_MIN) return {};
  const known = { count: minutes, ticks: ticks / minutes };
  const cpu_us = sum(cpu_ns, ["tick"]) / 1_000 / minutes;
  if (owner === "long_poll") return { ...known, cpu_us };
  const [down, up] = [sent, received].map((side) => share(side, minutes, ["control"]));
  return { ...known, down, up, cpu_us };
}

function message({ deliveries, sent, received, calls, cpu_ns, delay_us }) {
  return {
    count: deliveries,
    down: share(sent, deliveries, ["payload", "framing"]),
    up: share(received, deliveries, ["payload", "framing"]),
    calls: ratio(sum(calls, SENDING), deliveries),
    cpu_us: ratio(sum(cpu_ns, ["deliver", "flush"]) / 1_000, deliveries),
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

/** Less than this is no time over which to divide. */
const MINUTES_MIN = 0.01;
