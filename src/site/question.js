// The four questions, and how an answer to each is shown: a table, and plots beside it.
//
// An answer is an object of figures per mechanism, wherever they come from, the running ledger or
// an experiment; what is undefined nobody can tell:
//
//     { count, down: { payload, framing, head, control }, up: { … }, ticks, calls, allocations,
//       held_bytes, cpu_us, delay_p50_us, delay_p99_us }

import { MECHANISMS, sum } from "./ledger.js";
import { brief, time, whole } from "./number.js";
import { Plot } from "./plot.js";
import { Table } from "./table.js";

/** A question, in the section that explains it. */
export class Question {
  #table;
  #plots;
  #rows;
  #place;

  /**
   * `whence` says where the figures come from, `counted` what is counted; `rows` are the mechanisms
   * that are compared.
   */
  constructor(section, { whence, counted, rows = MECHANISMS }) {
    const { per, columns, plots } = QUESTIONS[section.dataset.question];
    this.#rows = rows;
    this.#place = document.createElement("div");
    this.#place.className = "pair";
    const tables = document.createElement("div");
    const figures = document.createElement("div");
    this.#place.append(tables, figures);
    section.append(this.#place);
    const count = { title: counted, of: (row) => row.count, shown: brief };
    this.#table = new Table(tables, {
      caption: `${whence}: ${section.querySelector("h3, h4").textContent.toLowerCase()}, ${per}`,
      columns: [count, ...columns.map((name) => COLUMNS[name])],
      rows,
    });
    this.#plots = plots.map((name) => {
      const figure = document.createElement("figure");
      figures.append(figure);
      const { title, unit, mayBeLog, bars } = PLOTS[name];
      return { plot: new Plot(figure, { title: `${title} ${per}`, unit, mayBeLog }), bars };
    });
  }

  /** Shows figures: an object of them by mechanism. */
  show(figures) {
    this.#table.show(figures);
    const known = Object.entries(this.#rows).filter(([name]) => figures[name] !== undefined);
    for (const { plot, bars } of this.#plots) {
      const rows = known.map(([name, label]) => ({ label, bars: bars(figures[name]) }));
      plot.show(rows.filter(({ bars }) => bars.length > 0));
    }
  }

  remove() {
    this.#place.remove();
  }
}

/** Bytes in both directions for each byte of the message. */
export function overhead({ down, up }) {
  return down?.payload > 0 ? (sum(down) + sum(up ?? {})) / down.payload : undefined;
}

const COLUMNS = {
  payload: { title: "Payload", unit: "B", of: ({ down }) => down?.payload, shown: brief },
  down: { title: "Down", unit: "B", of: ({ down }) => down && sum(down), shown: brief },
  up: { title: "Up", unit: "B", of: ({ up }) => up && sum(up), shown: brief },
  overhead: { title: "Both / payload", unit: "×", of: overhead, shown: brief, isOptional: true },
  ticks: { title: "Ticks", of: ({ ticks }) => ticks, shown: brief },
  calls: { title: "Calls", of: ({ calls }) => calls, shown: brief, isOptional: true },
  allocations: {
    title: "Allocations",
    of: ({ allocations }) => allocations,
    shown: brief,
    isOptional: true,
  },
  held: { title: "Held", unit: "B", of: (row) => row.held_bytes, shown: whole, isOptional: true },
  cpu: { title: "CPU", unit: "µs", of: ({ cpu_us }) => cpu_us, shown: brief },
  p50: { title: "Delay p50", of: (row) => row.delay_p50_us, shown: time },
  p99: { title: "Delay p99", of: (row) => row.delay_p99_us, shown: time },
};

const PLOTS = {
  bytes: {
    title: "Bytes",
    unit: "down and up, B",
    bars: ({ down, up }) =>
      [{ label: "↓", parts: down }, { label: "↑", parts: up }].filter(({ parts }) => parts),
  },
  cpu: {
    title: "CPU time",
    unit: "µs",
    mayBeLog: true,
    bars: ({ cpu_us }) => (cpu_us > 0 ? [{ parts: { plain: cpu_us } }] : []),
  },
  delay: {
    title: "Delay p50 and p99",
    unit: "µs",
    mayBeLog: true,
    bars: (row) => [
      { label: "p50", parts: { plain: row.delay_p50_us } },
      { label: "p99", parts: { plain: row.delay_p99_us } },
    ].filter(({ parts }) => parts.plain > 0),
  },
};

const QUESTIONS = {
  open: {
    per: "per subscriber",
    columns: ["down", "up", "calls", "allocations", "held", "cpu"],
    plots: ["bytes"],
  },
  quiet: {
    per: "per subscriber and minute",
    columns: ["ticks", "down", "up", "calls", "allocations", "cpu"],
    plots: ["bytes"],
  },
  message: {
    per: "per message and subscriber",
    columns: ["payload", "down", "up", "overhead", "calls", "allocations", "cpu", "p50", "p99"],
    plots: ["bytes", "delay"],
  },
  close: {
    per: "per subscriber",
    columns: ["down", "up", "calls", "allocations", "cpu"],
    plots: ["cpu"],
  },
};
