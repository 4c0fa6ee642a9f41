// The messages of a connection, newest last. There may be thousands: only those that are seen have
// elements, and a new one costs the same however many there are.

import { element, roled } from "./element.js";
import { SIDES, splitBar, splitWords } from "./unit.js";

/** `chosen(message)` is told of the message that the reader wants. */
export class Messages {
  #place;
  #sheet;
  #chosen;
  #items = [];
  /** Rows that have elements, by their places. */
  #rows = new Map();
  #row_px = 0;
  #current = -1;
  #selected;
  #showsConnection = false;
  #isAtEnd = true;
  #frame;

  constructor(place, chosen) {
    this.#place = place;
    this.#chosen = chosen;
    this.#sheet = roled("rowgroup", "sheet");
    place.setAttribute("role", "grid");
    place.setAttribute("aria-label", "Messages, newest last");
    place.setAttribute("aria-readonly", "true");
    place.tabIndex = 0;
    place.append(this.#sheet);
    place.addEventListener("scroll", () => this.#scrolled(), { passive: true });
    place.addEventListener("click", ({ target }) => this.#click(target));
    place.addEventListener("keydown", (key) => this.#press(key));
    place.addEventListener("focus", () => this.#enter());
    new ResizeObserver(() => this.#measure()).observe(place);
  }

  /** Shows these, and no others. */
  show(items, { showsConnection }) {
    this.#items = items;
    this.#showsConnection = showsConnection;
    this.#current = items.indexOf(this.#selected);
    this.#isAtEnd = true;
    this.#forget();
    this.#drawSoon();
  }

  /** One more was added to the end of what is shown. */
  added() {
    this.#drawSoon();
  }

  /** So many were taken away at the beginning. */
  removed(count) {
    this.#current = Math.max(-1, this.#current - count);
    if (!this.#isAtEnd) this.#place.scrollTop -= count * this.#row_px;
    this.#forget();
    this.#drawSoon();
  }

  /** Marks a message as the one that is looked at. */
  select(message) {
    this.#selected = message;
    this.#current = this.#items.indexOf(message);
    if (this.#current >= 0) this.#reveal(this.#current);
    this.#forget();
    this.#drawSoon();
  }

  #measure() {
    const probe = roled("row", "message");
    this.#sheet.append(probe);
    this.#row_px = probe.getBoundingClientRect().height;
    probe.remove();
    this.#forget();
    this.#drawSoon();
  }

  #forget() {
    this.#rows.forEach((row) => row.remove());
    this.#rows.clear();
  }

  #scrolled() {
    const { scrollHeight, scrollTop, clientHeight } = this.#place;
    this.#isAtEnd = scrollHeight - scrollTop - clientHeight < this.#row_px;
    this.#drawSoon();
  }

  /** Draws at the browser's pace, however fast the messages come. */
  #drawSoon() {
    this.#frame ??= requestAnimationFrame(() => {
      this.#frame = undefined;
      this.#draw();
    });
  }

  #draw() {
    const count = this.#items.length;
    if (this.#row_px === 0) return;
    this.#place.setAttribute("aria-rowcount", String(count));
    this.#sheet.style.height = `${count * this.#row_px}px`;
    const height = this.#place.clientHeight;
    // Follows the newest, unless the reader has scrolled away from it.
    if (this.#isAtEnd) this.#place.scrollTop = Math.max(0, count * this.#row_px - height);
    const top = this.#place.scrollTop;
    const first = Math.max(0, Math.floor(top / this.#row_px) - OVERSCAN);
    const end = Math.min(count, Math.ceil((top + height) / this.#row_px) + OVERSCAN);
    for (const [at, row] of this.#rows) {
      if (at >= first && at < end) continue;
      row.remove();
      this.#rows.delete(at);
    }
    for (let at = first; at < end; at += 1) this.#rows.get(at) ?? this.#make(at);
    const active = this.#rows.get(this.#current);
    if (active) this.#place.setAttribute("aria-activedescendant", active.id);
    else this.#place.removeAttribute("aria-activedescendant");
  }

  #make(at) {
    const item = this.#items[at];
    const row = item.missed === undefined ? messageRow(item, this.#showsConnection) : gapRow(item);
    row.id = `message-${at}`;
    row.dataset.at = at;
    row.setAttribute("aria-rowindex", String(at + 1));
    row.setAttribute("aria-selected", String(item === this.#selected));
    row.classList.toggle("is-current", at === this.#current);
    row.style.transform = `translateY(${at * this.#row_px}px)`;
    this.#rows.set(at, row);
    // In the order in which they are read.
    const next = [...this.#rows].filter(([place]) => place > at);
    const behind = next.sort(([one], [other]) => one - other)[0]?.[1];
    this.#sheet.insertBefore(row, behind ?? null);
  }

  #reveal(at) {
    const [top, height] = [at * this.#row_px, this.#place.clientHeight];
    if (top < this.#place.scrollTop) this.#place.scrollTop = top;
    else if (top + this.#row_px > this.#place.scrollTop + height) {
      this.#place.scrollTop = top + this.#row_px - height;
    }
    this.#isAtEnd = at === this.#items.length - 1;
  }

  /** Who comes by keyboard begins at the newest. */
  #enter() {
    if (this.#current >= 0 || this.#items.length === 0) return;
    if (this.#place.matches(":focus-visible")) this.#go(this.#items.length - 1);
  }

  #go(to) {
    this.#current = Math.min(Math.max(to, 0), this.#items.length - 1);
    this.#reveal(this.#current);
    this.#forget();
    this.#draw();
  }

  #click(target) {
    const at = target.closest("[data-at]")?.dataset.at;
    if (at !== undefined) this.#choose(Number(at));
  }

  #choose(at) {
    const item = this.#items[at];
    if (item === undefined || item.missed !== undefined) return;
    this.#chosen(item);
  }

  #press(key) {
    if (key.ctrlKey || key.metaKey || key.altKey) return;
    const page = Math.max(1, Math.floor(this.#place.clientHeight / this.#row_px) - 1);
    const to = {
      ArrowDown: this.#current + 1,
      ArrowUp: this.#current - 1,
      PageDown: this.#current + page,
      PageUp: this.#current - page,
      Home: 0,
      End: this.#items.length - 1,
    }[key.key];
    if (key.key === "Enter" || key.key === " ") this.#choose(this.#current);
    else if (to === undefined || this.#items.length === 0) return;
    else this.#go(to);
    key.preventDefault();
  }
}

function messageRow({ connection, unit, length, time_us, isHeartbeat }, showsConnection) {
  const row = roled("row", "message");
  row.classList.toggle("is-heartbeat", isHeartbeat);
  row.classList.toggle("is-broken", unit.violation !== null);
  const side = SIDES[unit.from];
  const arrow = roled("gridcell", `arrow from-${unit.from}`, side?.arrow);
  arrow.setAttribute("aria-label", side?.words);
  const about = roled("gridcell", "about");
  about.append(element("b", "", unit.name), " ", element("span", "said", unit.summary));
  const size = roled("gridcell", "size", `${length.toLocaleString("en")} B`);
  const when = roled("gridcell", "when", clock(time_us));
  if (showsConnection) when.append(" ", element("code", "", connection));
  const share = roled("gridcell", "share");
  share.setAttribute("aria-label", splitWords(unit.share));
  const bar = splitBar(unit.share);
  bar.style.setProperty("--size", Math.min(1, Math.log10(length + 1) / 4));
  share.append(bar);
  row.append(arrow, about, size, when, share);
  return row;
}

/** Messages that nobody will see. */
function gapRow({ missed }) {
  const row = roled("row", "message is-gap");
  row.append(roled("gridcell", "about", missed));
  return row;
}

/** The time of day, to the millisecond. */
function clock(time_us) {
  const date = new Date(time_us / 1_000);
  const two = (number) => String(number).padStart(2, "0");
  const ms = String(date.getMilliseconds()).padStart(3, "0");
  return `${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}.${ms}`;
}

/** Rows above and below what is seen. */
const OVERSCAN = 6;
