// The books: everything since the count began, whoever it was for, added up and balanced.

import { CALLS, KINDS, MECHANISMS, OWNERS, PHASES, ratio, sum } from "./ledger.js";
import { brief, time, whole } from "./number.js";
import { Plot } from "./plot.js";
import { Table } from "./table.js";

/** The tables of all accounts, each in its element: `{ overview, sent, received, … }`. */
export class Books {
  #tables;
  #plot;

  constructor(places) {
    this.#tables = Object.entries(COLUMNS).map(([name, [caption, columns]]) => [
      new Table(places[name], { caption, columns, rows: OWNERS }),
      ROWS[name],
    ]);
    this.#plot = new Plot(places.plot, {
      title: "Bytes of each mechanism",
      unit: "down and up, B",
    });
  }

  show(statement) {
    const accounts = Object.fromEntries(
      statement.accounts.map((account) => [account.owner, account]),
    );
    for (const [table, rowOf] of this.#tables) table.show(mapped(accounts, rowOf));
    const rows = Object.entries(MECHANISMS).map(([name, label]) => ({
      label,
      bars: [
        { label: "↓", parts: kindsOf(accounts[name].sent) },
        { label: "↑", parts: kindsOf(accounts[name].received) },
      ],
    }));
    const isBusy = ({ bars }) => bars.some(({ parts }) => sum(parts) > 0);
    this.#plot.show(rows.filter(isBusy));
  }
}

/** Both sides of both balances, for all accounts together. */
export function balances({ accounts }) {
  const all = (of) => accounts.reduce((total, account) => total + of(account), 0);
  const moved = all(({ sent }) => sent.carried - sent.brought);
  return {
    made: all(({ sent }) => sum(sent, KINDS)),
    taken: all(({ sent }) => sent.taken),
    queued: all(({ sent }) => sent.queued),
    dropped: all(({ sent }) => sent.dropped),
    moved,
    read: all(({ received }) => received.read),
    parsed: all(({ received }) => sum(received, KINDS)),
    waiting: all(({ received }) => received.waiting),
  };
}

/** Double entry, for one account. */
function isBalanced(sent) {
  const out = sent.taken + sent.queued + sent.dropped + sent.carried;
  return sent.brought + sum(sent, KINDS) === out;
}

function isBalancedUp(received) {
  return received.read === sum(received, KINDS) + received.waiting;
}

function titled(kind) {
  return kind[0].toUpperCase() + kind.slice(1);
}

function mapped(object, of) {
  return Object.fromEntries(Object.entries(object).map(([name, value]) => [name, of(value)]));
}

function kindsOf(side) {
  return Object.fromEntries(KINDS.map((kind) => [kind, side[kind]]));
}

function counter(title, of, options) {
  return { title, of, shown: whole, isSum: true, ...options };
}

function figure(title, unit, of, shown = brief) {
  return { title, unit, of, shown };
}

function us(title, of, options) {
  return { title, unit: "µs", of, shown: brief, isSum: true, ...options };
}

/** The row that a table is given of each account, where it is not the account itself. */
const ROWS = {
  overview: (account) => account,
  sent: ({ sent }) => sent,
  received: ({ received }) => received,
  calls: ({ calls }) => calls,
  cpu: ({ cpu_ns }) => cpu_ns,
  heap: ({ heap }) => heap,
  kernel: ({ kernel }) => kernel,
  kernel_open: ({ kernel_open }) => kernel_open ?? {},
};

const KERNEL = [
  counter("Sockets", ({ sockets }) => sockets),
  counter("Sent", (row) => row.bytes_sent, { unit: "B" }),
  counter("Acknowledged", (row) => row.bytes_acked, { unit: "B" }),
  counter("Received", (row) => row.bytes_received, { unit: "B" }),
  counter("Sent again", (row) => row.bytes_retransmitted, { unit: "B" }),
  counter("Segments out", (row) => row.segments_out),
  counter("Segments in", (row) => row.segments_in),
  counter("Segments again", (row) => row.segments_retransmitted),
];

const COLUMNS = {
  overview: [
    "Everything, by whom it was for.",
    [
      counter("Open now", ({ open }) => open),
      counter("Opened", ({ opened }) => opened),
      counter("Deliveries", ({ deliveries }) => deliveries),
      counter("Down", ({ sent }) => sent.taken, { unit: "B" }),
      counter("Up", ({ received }) => received.read, { unit: "B" }),
      figure("Both / delivery", "B", ({ sent, received, deliveries }) =>
        ratio(sent.taken + received.read, deliveries)),
      figure("Both / payload", "×", ({ sent, received }) =>
        ratio(sent.taken + received.read, sent.payload)),
      counter("Calls", ({ calls }) => sum(calls)),
      figure("Calls / delivery", "", ({ calls, deliveries }) => ratio(sum(calls), deliveries)),
      us("CPU", ({ cpu_ns }) => sum(cpu_ns) / 1_000, { shown: whole }),
      figure("CPU / delivery", "µs", ({ cpu_ns, deliveries }) =>
        ratio(sum(cpu_ns) / 1_000, deliveries)),
      figure("Delay p50", "", ({ delay_us }) => timed(delay_us, "p50"), time),
      figure("Delay p99", "", ({ delay_us }) => timed(delay_us, "p99"), time),
      figure("Held each", "B", ({ held_bytes, open }) => ratio(held_bytes, open), whole),
    ],
  ],
  sent: [
    "Bytes down: what was made, by kind, and what became of it.",
    [
      ...KINDS.map((kind) => counter(titled(kind), (sent) => sent[kind], { unit: "B" })),
      counter("= Made", (sent) => sum(sent, KINDS), { unit: "B" }),
      counter("+ Brought", (sent) => sent.brought, { unit: "B", isOptional: true }),
      counter("= Taken", (sent) => sent.taken, { unit: "B" }),
      counter("+ Queued", (sent) => sent.queued, { unit: "B" }),
      counter("+ Dropped", (sent) => sent.dropped, { unit: "B" }),
      counter("+ Carried", (sent) => sent.carried, { unit: "B", isOptional: true }),
      { title: "Balance", of: (sent) => isBalanced(sent) + 0, shown: (is) => (is ? "✔" : "✘") },
    ],
  ],
  received: [
    "Bytes up: what was read, and what it was.",
    [
      ...KINDS.map((kind) => counter(titled(kind), (received) => received[kind], { unit: "B" })),
      counter("= Parsed", (received) => sum(received, KINDS), { unit: "B" }),
      counter("+ Waiting", (received) => received.waiting, { unit: "B" }),
      counter("= Read", (received) => received.read, { unit: "B" }),
      { title: "Balance", of: (row) => isBalancedUp(row) + 0, shown: (is) => (is ? "✔" : "✘") },
    ],
  ],
  calls: [
    "System calls by name; those that nobody has made are left out.",
    CALLS.map((name) => counter(name, (calls) => calls[name] ?? 0, { isOptional: true })),
  ],
  cpu: [
    "CPU time by phase.",
    PHASES.map((phase) => us(phase, (cpu_ns) => (cpu_ns[phase] ?? 0) / 1_000)),
  ],
  heap: [
    "What the allocator was asked for.",
    [
      counter("Allocations", ({ allocations }) => allocations),
      counter("Frees", ({ frees }) => frees),
      counter("Allocated", (heap) => heap.allocated_bytes, { unit: "B" }),
      counter("Freed", (heap) => heap.freed_bytes, { unit: "B" }),
    ],
  ],
  kernel: [
    "The kernel’s own count of connections that are closed; received is one more than read for " +
      "each that its peer has closed, because the end of a stream takes a number as a byte does.",
    KERNEL,
  ],
  kernel_open: [
    "The kernel’s own count of connections that are open.",
    [...KERNEL, counter("Memory", (row) => row.memory_bytes, { unit: "B" })],
  ],
};

function timed(delay_us, quantile) {
  return delay_us.count > 0 ? delay_us[quantile] : undefined;
}
