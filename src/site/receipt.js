// The receipt of one message: what it has cost by each mechanism, side by side.
//
//     GET /c/10086/receipts/1763712345678-10
//     {"id":…,"bytes":5,"batch":1,"mechanisms":[{"mechanism":"sse","subscribers":1,…},…]}

import { askInTurn, reasonOf } from "./ask.js";
import { MECHANISMS, ratio } from "./ledger.js";
import { brief, bytes, time, whole } from "./number.js";
import { Plot } from "./plot.js";
import { Table } from "./table.js";

/** The receipt in its section; it is asked for again until the slowest poll may have come. */
export class Receipt {
  #section;
  #table;
  #plot;
  /** Which receipt is shown, so that an answer to an earlier question is not. */
  #shown = {};
  #timers = [];

  constructor(section) {
    this.#section = section;
    this.#table = new Table(part(section, "table"), {
      caption: "Summed over the subscribers of each way.",
      columns: COLUMNS,
      rows: MECHANISMS,
    });
    this.#plot = new Plot(part(section, "plot"), { title: "Bytes of this message", unit: "B" });
  }

  /** Shows the receipt of a message, and keeps it up to date for a while. */
  show(channel, id) {
    this.clear();
    this.#shown = { channel, id };
    this.#section.hidden = false;
    this.#timers = AGAIN_MS.map((after_ms) => setTimeout(() => this.#ask(this.#shown), after_ms));
  }

  /** Goes to where it is. */
  focus() {
    this.#section.querySelector("h2").focus();
  }

  /** There is none. */
  clear() {
    this.#timers.forEach(clearTimeout);
    this.#timers = [];
    this.#shown = {};
    this.#section.hidden = true;
    delete this.#section.dataset.id;
  }

  async #ask(wanted) {
    const { channel, id } = wanted;
    try {
      const path = `/c/${encodeURIComponent(channel)}/receipts/${encodeURIComponent(id)}`;
      const answer = await (await askInTurn(path)).json();
      if (wanted === this.#shown) this.#show(answer);
    } catch (error) {
      if (wanted === this.#shown) this.#complain(error);
    }
  }

  #show({ id, bytes: size, batch, mechanisms }) {
    const shares = Object.fromEntries(mechanisms.map((share) => [share.mechanism, share]));
    this.#section.dataset.id = id;
    part(this.#section, "id").textContent = id;
    part(this.#section, "words").textContent = described(size, batch, mechanisms);
    this.#table.show(mapped(shares, (share) => ({ ...share, size })));
    const rows = Object.entries(MECHANISMS).filter(([name]) => shares[name]);
    this.#plot.show(
      rows.map(([name, label]) => ({ label, bars: [{ parts: kinds(shares[name]) }] })),
    );
  }

  #complain(error) {
    part(this.#section, "id").textContent = this.#shown.id;
    const reason = error.status === 404 ? "the server no longer keeps it" : reasonOf(error);
    part(this.#section, "words").textContent = `There is no receipt: ${reason}.`;
    this.#table.show({});
    this.#plot.show([]);
  }
}

/** The payload's own size, beside what became of it. */
function described(size, batch, mechanisms) {
  const reached = mechanisms.reduce((total, { delivered }) => total + delivered, 0);
  const sent = mechanisms.reduce((total, share) => total + allBytes(share), 0);
  const words = [`The message itself is ${bytes(size)}.`];
  if (reached > 0) {
    const deliveries = reached === 1 ? "1 delivery" : `${whole(reached)} deliveries`;
    const times = size > 0 ? `, ${brief(sent / (size * reached))} times its own` : "";
    words.push(`In ${deliveries} it has left as ${bytes(Math.round(sent))}${times}.`);
  }
  if (batch > 1) {
    words.push(`It went together with ${batch - 1} more; what they share is told in equal parts.`);
  }
  return words.join(" ");
}

function kinds({ payload, framing, head }) {
  return { payload, framing, head };
}

function allBytes({ payload, framing, head }) {
  return payload + framing + head;
}

function mapped(object, of) {
  return Object.fromEntries(Object.entries(object).map(([name, value]) => [name, of(value)]));
}

function part(section, name) {
  return section.querySelector(`[data-part=${name}]`);
}

const COLUMNS = [
  { title: "Subscribers", of: ({ subscribers }) => subscribers, shown: whole, isSum: true },
  { title: "Delivered", of: ({ delivered }) => delivered, shown: whole, isSum: true },
  { title: "Payload", unit: "B", of: ({ payload }) => payload, shown: brief, isSum: true },
  { title: "Framing", unit: "B", of: ({ framing }) => framing, shown: brief, isSum: true },
  { title: "Head", unit: "B", of: ({ head }) => head, shown: brief, isSum: true },
  { title: "All", unit: "B", of: allBytes, shown: brief, isSum: true },
  {
    title: "All / payload",
    unit: "×",
    of: (share) => ratio(allBytes(share), share.payload),
    shown: brief,
  },
  { title: "Calls", of: ({ calls }) => calls, shown: brief, isSum: true },
  {
    title: "Allocations",
    of: ({ allocations }) => allocations,
    shown: brief,
    isSum: true,
    isOptional: true,
  },
  {
    title: "CPU",
    unit: "µs",
    of: ({ cpu_ns }) => (cpu_ns > 0 ? cpu_ns / 1_000 : undefined), // nothing takes no time
    shown: brief,
    isSum: true,
  },
  {
    title: "Delay",
    unit: "mean",
    of: ({ delivered, delay_us_mean }) => (delivered > 0 ? delay_us_mean : undefined),
    shown: time,
  },
  {
    title: "Slowest",
    of: ({ delivered, delay_us_max }) => (delivered > 0 ? delay_us_max : undefined),
    shown: time,
  },
];

/** A stream has it at once, a short poll within its interval of 2 s. */
const AGAIN_MS = [100, 1_000, 2_500];
