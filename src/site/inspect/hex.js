// Bytes in rows: their place, two digits each, and the characters that they are. Each byte wears
// the colour of what it is for, and neighbours that belong together are joined.

import { element, reveal } from "./element.js";
import { bytesOf } from "./unit.js";

/** `heard.enter(at)`, `heard.leave()` and `heard.choose(at)` are told of the byte that is meant. */
export class Hex {
  #place;
  #columns;
  #heard;
  #layer;
  #leaves = [];
  #parts = [];
  /** By byte, its two elements. */
  #cells = [];
  #cursor = 0;
  #isWhole = false;

  constructor(place, columns, heard) {
    this.#place = place;
    this.#columns = columns;
    this.#heard = heard;
    place.className = "hex";
    place.tabIndex = 0;
    place.setAttribute("role", "group");
    place.setAttribute("aria-label", "Bytes. Arrow keys go from byte to byte, Enter pins a field.");
    place.addEventListener("pointerover", ({ target }) => this.#enter(target));
    place.addEventListener("pointerleave", () => heard.leave());
    place.addEventListener("click", ({ target }) => this.#click(target));
    place.addEventListener("keydown", (key) => this.#press(key));
    place.addEventListener("blur", () => heard.leave());
    const query = matchMedia(NARROW);
    query.addEventListener("change", () => this.#layer && this.#draw());
  }

  /** Shows a layer, of which each byte belongs to some leaves and is for something. */
  show(layer, leaves, parts) {
    this.#layer = layer;
    this.#leaves = leaves;
    this.#parts = parts;
    this.#cursor = 0;
    this.#isWhole = false;
    this.#draw();
    this.#place.scrollTop = 0;
  }

  /** Lights up ranges `[start, end)`, and nothing else. */
  light(ranges, pinned) {
    for (const lit of this.#place.querySelectorAll(".is-lit, .is-pinned")) {
      lit.classList.remove("is-lit", "is-pinned");
    }
    ranges.forEach((range) => this.#mark(range, "is-lit"));
    pinned.forEach((range) => this.#mark(range, "is-pinned"));
  }

  /** Shows a range, or its beginning, if it is out of sight. */
  reveal([start, end]) {
    for (const at of [end - 1, start]) {
      const cell = this.#cells[at]?.[0];
      if (cell) reveal(this.#place, cell);
    }
  }

  #draw() {
    const all = bytesOf(this.#layer);
    const bytes = this.#isWhole ? all : all.subarray(0, BYTES_MAX);
    const most = matchMedia(NARROW).matches ? 8 : this.#columns;
    const columns = Math.max(1, Math.min(most, bytes.length));
    this.#place.style.setProperty("--columns", columns);
    this.#cells = Array.from(bytes, (byte, at) => this.#cell(byte, at));
    const rows = [];
    for (let at = 0; at < bytes.length; at += columns) rows.push(this.#row(at, columns));
    this.#place.replaceChildren(...rows);
    if (bytes.length === 0) this.#place.append(element("p", "hint", "No bytes."));
    if (bytes.length < all.length) this.#place.append(this.#more(all.length));
  }

  #row(start, columns) {
    const row = element("div", "hex-row");
    const cells = this.#cells.slice(start, start + columns);
    row.append(element("span", "place", start.toString(16).padStart(4, "0")));
    row.append(...cells.map(([digits]) => digits));
    for (let rest = cells.length; rest < columns; rest += 1) row.append(element("span"));
    const text = element("span", "ascii");
    text.append(...cells.map(([, character]) => character));
    row.append(text);
    return row;
  }

  #cell(byte, at) {
    const [place] = this.#leaves[at];
    const { severity, start, end } = this.#layer.spans[place] ?? {};
    const part = this.#parts[at];
    const isPlain = byte >= 0x20 && byte < 0x7f;
    const cells = [
      element("span", `byte is-${part}`, byte.toString(16).padStart(2, "0")),
      element("span", `char is-${part}`, isPlain ? String.fromCharCode(byte) : "·"),
    ];
    for (const cell of cells) {
      cell.dataset.at = at;
      cell.classList.toggle("begins", at === start);
      cell.classList.toggle("ends", at + 1 === end);
      cell.classList.toggle("is-wrong", severity === "wrong");
      cell.classList.toggle("is-blank", !isPlain);
    }
    return cells;
  }

  #more(count) {
    const more = element("button", "small more", `Show all ${count.toLocaleString("en")} bytes`);
    more.type = "button";
    more.addEventListener("click", () => {
      this.#isWhole = true;
      this.#draw();
    });
    return more;
  }

  #mark([start, end], name) {
    for (const cells of this.#cells.slice(start, end)) {
      cells.forEach(({ classList }) => classList.add(name));
    }
  }

  #enter(target) {
    if (target.dataset.at === undefined) this.#heard.leave();
    else this.#heard.enter(Number(target.dataset.at));
  }

  #click(target) {
    if (target.dataset.at === undefined) return;
    this.#cursor = Number(target.dataset.at);
    this.#heard.choose(this.#cursor);
  }

  #press(key) {
    if (key.target !== this.#place || key.ctrlKey || key.metaKey || key.altKey) return;
    const columns = Number(this.#place.style.getPropertyValue("--columns"));
    const last = this.#cells.length - 1;
    const to = {
      ArrowLeft: this.#cursor - 1,
      ArrowRight: this.#cursor + 1,
      ArrowUp: this.#cursor - columns,
      ArrowDown: this.#cursor + columns,
      Home: 0,
      End: last,
    }[key.key];
    if (key.key === "Enter" || key.key === " ") this.#heard.choose(this.#cursor);
    else if (to === undefined || last < 0) return;
    else {
      this.#cursor = Math.min(Math.max(to, 0), last);
      this.#heard.enter(this.#cursor);
      this.reveal([this.#cursor, this.#cursor + 1]);
    }
    key.preventDefault();
  }
}

/** Where 16 bytes and their characters have no room in a line. */
const NARROW = "(max-width: 36rem)";
/** More are shown on demand. */
const BYTES_MAX = 2_048;
