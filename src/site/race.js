// The figure of the last message: when it arrived by each mechanism, on one logarithmic axis.

import { isAfter, parse } from "./cursor.js";
import { milliseconds } from "./panel.js";

/** The rows `<tr data-mechanism>` of a table. */
export class Race {
  #rows;
  #message = parse();
  /** By mechanism, how long the message took. */
  #delays_ms = new Map();
  #frame;

  constructor(table) {
    this.#rows = [...table.querySelectorAll("[data-mechanism]")];
  }

  /** A message has arrived by one of them: the newest one has the figure. */
  arrived(mechanism, message, delay_ms) {
    const id = parse(message.id);
    if (isAfter(this.#message, id)) return;
    if (isAfter(id, this.#message)) this.clear();
    this.#message = id;
    this.#delays_ms.set(mechanism, delay_ms);
    this.#drawSoon();
  }

  /** Nothing has arrived yet. */
  clear() {
    this.#message = parse();
    this.#delays_ms.clear();
    this.#drawSoon();
  }

  #drawSoon() {
    this.#frame ??= requestAnimationFrame(() => {
      this.#frame = undefined;
      this.#rows.forEach((row) => this.#draw(row));
    });
  }

  #draw(row) {
    const delay_ms = this.#delays_ms.get(row.dataset.mechanism);
    const hasArrived = delay_ms !== undefined;
    row.classList.toggle("has-arrived", hasArrived);
    row.querySelector(".value").textContent = hasArrived ? milliseconds(delay_ms) : "–";
    if (hasArrived) row.style.setProperty("--at", place(delay_ms));
  }
}

/** Between 0 and 1: each of the five decades from 1 ms to 100 s takes a fifth. */
function place(delay_ms) {
  return Math.min(1, Math.log10(Math.max(1, delay_ms)) / 5);
}
