// The figure of the last message: when it arrived by each mechanism, on one logarithmic axis.

import { isAfter, parse } from "./cursor.js";
import { milliseconds } from "./panel.js";

/** The rows of the figure, one per mechanism. */
export class Race {
  #rows = new Map();
  #message = parse();

  /** Reads the rows `<tr data-mechanism>` of a table. */
  constructor(table) {
    for (const row of table.querySelectorAll("[data-mechanism]")) {
      this.#rows.set(row.dataset.mechanism, row);
    }
  }

  /** A message has arrived by one of them: the newest one has the figure. */
  arrived(mechanism, message, delay_ms) {
    const id = parse(message.id);
    if (isAfter(this.#message, id)) return;
    if (isAfter(id, this.#message)) {
      this.clear();
      this.#message = id;
    }
    const row = this.#rows.get(mechanism);
    row.querySelector(".value").textContent = milliseconds(delay_ms);
    row.style.setProperty("--at", place(delay_ms));
    row.classList.add("has-arrived");
  }

  /** Nothing has arrived yet. */
  clear() {
    this.#message = parse();
    for (const row of this.#rows.values()) {
      row.querySelector(".value").textContent = "–";
      row.classList.remove("has-arrived");
    }
  }
}

/** Between 0 and 1: each of the five decades from 1 ms to 100 s takes a fifth. */
function place(delay_ms) {
  return Math.min(1, Math.log10(Math.max(1, delay_ms)) / 5);
}
