// The fields of a layer as a tree: groups hold fields, and fields are bytes. Its keyboard is that
// of a treegrid whose rows have the focus (WAI-ARIA Authoring Practices).

import { element, reveal, roled } from "./element.js";
import { shown } from "./prose.js";
import { bitsOf, bytesOf } from "./unit.js";

/** `heard.enter(place)`, `heard.leave()` and `heard.choose(place)` are told which row is meant. */
export class Fields {
  #place;
  #heard;
  #spans = [];
  #rows = [];
  #closed = new Set();
  #current = 0;

  constructor(place, heard) {
    this.#place = place;
    this.#heard = heard;
    place.className = "tree";
    place.setAttribute("role", "treegrid");
    place.setAttribute("aria-label", "Fields");
    place.setAttribute("aria-readonly", "true");
    place.addEventListener("pointerover", ({ target }) => {
      const at = placeOf(target);
      if (at === undefined) heard.leave();
      else heard.enter(at);
    });
    place.addEventListener("pointerleave", () => heard.leave());
    place.addEventListener("focusin", ({ target }) => {
      const at = placeOf(target);
      if (at !== undefined && target.matches(":focus-visible")) heard.enter(at);
    });
    place.addEventListener("focusout", () => heard.leave());
    place.addEventListener("click", ({ target }) => this.#click(target));
    place.addEventListener("keydown", (key) => this.#press(key));
  }

  show(layer) {
    const bytes = bytesOf(layer);
    this.#spans = layer.spans.slice(0, ROWS_MAX);
    this.#closed.clear();
    this.#current = 0;
    this.#rows = this.#spans.map((span, place) => rowOf(span, place, bytes));
    this.#place.replaceChildren(headRow(), ...this.#rows);
    const left = layer.spans.length - this.#spans.length;
    if (left > 0) this.#place.append(rest(left));
    if (this.#rows.length > 0) this.#rows[0].tabIndex = 0;
    this.#place.scrollTop = 0;
  }

  /** Lights up the rows of these spans. */
  light(places, pinned) {
    this.#rows.forEach((row, place) => {
      row.classList.toggle("is-lit", places.includes(place));
      row.classList.toggle("is-pinned", place === pinned);
      row.setAttribute("aria-selected", String(place === pinned));
    });
  }

  /** Shows a row, if it is out of sight. */
  reveal(place) {
    const row = this.#rows[place];
    if (row && !row.hidden) reveal(this.#place, row);
  }

  /** The row that a Tab leads to. */
  settle(place) {
    if (this.#rows[place] === undefined) return;
    this.#rows[this.#current].tabIndex = -1;
    this.#current = place;
    this.#rows[place].tabIndex = 0;
  }

  #go(place) {
    if (this.#rows[place] === undefined) return;
    this.settle(place);
    this.#rows[place].focus({ preventScroll: true });
    this.reveal(place);
  }

  #click(target) {
    const place = placeOf(target);
    if (place === undefined) return;
    this.settle(place);
    if (target.closest(".knob")) this.#toggle(place, !this.#closed.has(place));
    else this.#heard.choose(place);
  }

  #press(key) {
    if (key.ctrlKey || key.metaKey || key.altKey) return;
    const place = this.#current;
    const act = {
      ArrowDown: () => this.#go(this.#next(place, 1)),
      ArrowUp: () => this.#go(this.#next(place, -1)),
      ArrowRight: () => this.#right(place),
      ArrowLeft: () => this.#left(place),
      Home: () => this.#go(0),
      End: () => this.#go(this.#next(this.#rows.length, -1)),
      Enter: () => this.#heard.choose(place),
      " ": () => this.#heard.choose(place),
    }[key.key];
    if (act === undefined) return;
    key.preventDefault();
    act();
  }

  /** Opens a group; one that is open is entered. */
  #right(place) {
    if (!this.#spans[place]?.group) return;
    if (this.#closed.has(place)) this.#toggle(place, false);
    else this.#go(this.#next(place, 1));
  }

  /** Closes a group; of what is closed or no group, the one around it is gone to. */
  #left(place) {
    const span = this.#spans[place];
    if (span?.group && !this.#closed.has(place)) {
      this.#toggle(place, true);
      return;
    }
    let around = place - 1;
    while (around >= 0 && this.#spans[around].depth >= span.depth) around -= 1;
    this.#go(around);
  }

  #next(place, step) {
    let next = place + step;
    while (this.#rows[next]?.hidden) next += step;
    return next;
  }

  #toggle(place, isClosed) {
    if (!this.#spans[place].group) return;
    if (isClosed) this.#closed.add(place);
    else this.#closed.delete(place);
    this.#rows[place].setAttribute("aria-expanded", String(!isClosed));
    let under = Infinity; // deeper than this is hidden
    this.#rows.forEach((row, at) => {
      const { depth } = this.#spans[at];
      if (depth <= under) under = Infinity;
      row.hidden = depth > under;
      if (this.#closed.has(at)) under = Math.min(under, depth);
    });
  }
}

function headRow() {
  const row = roled("row", "field-head");
  row.append(...["Field", "Value", "Bytes"].map((title) => roled("columnheader", "", title)));
  return row;
}

function rowOf(span, place, bytes) {
  const row = roled("row", `field is-${span.part}`);
  row.tabIndex = -1;
  row.dataset.place = place;
  row.setAttribute("aria-level", String(span.depth + 1));
  row.setAttribute("aria-selected", "false");
  row.style.setProperty("--depth", span.depth);
  row.classList.toggle("is-wrong", span.severity === "wrong");
  row.classList.toggle("is-open", span.severity === "open");
  const name = roled("gridcell", "field-name");
  name.append(element("span", span.group ? "knob" : "leaf"), span.name);
  if (span.severity === "wrong") name.append(element("span", "unseen", " (breaks a rule)"));
  if (span.group) row.setAttribute("aria-expanded", "true");
  const value = roled("gridcell", "field-value", span.group ? "" : shown(span.value));
  if (span.bits) value.prepend(pattern(span, bytes));
  row.append(name, value, roled("gridcell", "field-bytes", range(span)));
  return row;
}

function pattern({ start, bits }, bytes) {
  return element("span", "pattern", `${bitsOf(bytes[start], bits)} `);
}

/** `0`, `2–5`. */
function range({ start, end }) {
  return end - start > 1 ? `${start}–${end - 1}` : String(start);
}

function rest(count) {
  const row = roled("row", "field");
  row.append(roled("gridcell", "hint", `${count.toLocaleString("en")} more`));
  return row;
}

function placeOf(target) {
  const place = target.closest("[data-place]")?.dataset.place;
  return place === undefined ? undefined : Number(place);
}

const ROWS_MAX = 1_000;
