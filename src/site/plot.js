// Plots of horizontal bars, drawn as SVG in the width that there is. The numbers stand in the table
// beside them; a plot shows how they compare.

import { brief, short } from "./number.js";

/**
 * A plot in a `<figure>`: `{ title, unit, mayBeLog? }`. Its axis begins at zero, unless the values
 * lie too far apart to be seen on one axis, and may be: then it says that it is logarithmic.
 */
export class Plot {
  #figure;
  #question;
  #rows = [];
  #width = 0;

  constructor(figure, question) {
    this.#figure = figure;
    this.#question = question;
    figure.classList.add("plot");
    const observer = new ResizeObserver(([{ contentRect }]) => {
      const width = Math.floor(contentRect.width);
      if (width === this.#width) return;
      this.#width = width;
      this.#draw();
    });
    observer.observe(figure);
  }

  /** Shows rows `{ label, bars: [{ label?, parts: { kind: value } }] }`; without any, nothing. */
  show(rows) {
    this.#rows = rows;
    this.#draw();
  }

  #draw() {
    const { title, unit, mayBeLog } = this.#question;
    const values = this.#rows.flatMap(({ bars }) => bars.map(({ parts }) => total(parts)));
    const largest = Math.max(0, ...values);
    if (largest === 0 || this.#width === 0) {
      this.#figure.replaceChildren();
      return;
    }
    const frame = frameOf(this.#width);
    const scale = mayBeLog && isFarApart(values)
      ? logarithmic(values, frame)
      : linear(largest, frame);
    const caption = document.createElement("figcaption");
    caption.textContent = `${title}, ${unit}${scale.isLog ? " (log scale)" : ""}`;
    this.#figure.replaceChildren(caption, drawing(this.#rows, frame, scale, caption.textContent));
  }
}

/** Where things stand: names beside the bars, or above them where it is narrow. */
function frameOf(width) {
  const isNarrow = width < NARROW;
  const left = isNarrow ? 0 : NAME_WIDTH;
  return { width, left, right: width - VALUE_WIDTH, head: isNarrow ? NAME_HEIGHT : 0 };
}

function drawing(rows, frame, scale, title) {
  const marks = [];
  let y = 4;
  for (const { label, bars } of rows) {
    const baseline = frame.head > 0 ? y + 12 : y + (bars.length * BAR_STEP) / 2 + 3;
    const isAbove = frame.head > 0;
    marks.push(text(label, isAbove ? 0 : frame.left, baseline, isAbove ? "name" : "name end"));
    y += frame.head;
    for (const bar of bars) {
      marks.push(...barOf(bar, y, scale));
      y += BAR_STEP;
    }
    y += ROW_GAP;
  }
  const height = y + AXIS_HEIGHT;
  const svg = element("svg", { viewBox: `0 0 ${frame.width} ${height}`, role: "img", height });
  svg.setAttribute("width", frame.width);
  svg.setAttribute("aria-label", `${title}. ${spoken(rows)}`);
  svg.append(...axis(scale, y), ...marks);
  return svg;
}

/** One bar: a mark of what it is, its parts one behind the other, and its length in digits. */
function barOf({ label = "", parts }, y, scale) {
  const marks = label === "" ? [] : [text(label, scale.zero - 5, y + 11, "mark end")];
  let from = scale.zero;
  let sum = 0;
  for (const [kind, value] of Object.entries(parts)) {
    if (!(value > 0)) continue;
    sum += value;
    const to = scale.at(sum);
    const part = element("rect", { class: kind, x: from, y, height: BAR_HEIGHT });
    part.setAttribute("width", Math.max(to - from, 0.5));
    const title = element("title", {});
    title.textContent = `${kind}: ${brief(value)}`;
    part.append(title);
    marks.push(part);
    from = to;
  }
  marks.push(text(brief(sum), from + 5, y + 11, "value"));
  return marks;
}

function axis({ zero, ticks, at }, bottom) {
  const marks = [element("path", { class: "zero", d: `M${zero} 0V${bottom}` })];
  let room = -Infinity;
  for (const tick of ticks) {
    const x = at(tick);
    if (x - room < TICK_WIDTH) continue; // no two of them write over each other
    room = x;
    if (x !== zero) marks.push(element("path", { class: "grid", d: `M${x} 0V${bottom}` }));
    marks.push(text(short(tick), x, bottom + 15, "tick middle"));
  }
  return marks;
}

/** From zero; steps of 1, 2 or 5 times a power of ten. */
function linear(largest, { left, right }) {
  const rough = largest / TICKS;
  const decade = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((digit) => digit * decade).find((step) => step >= rough);
  const end = Math.ceil(largest / step) * step;
  const ticks = [];
  for (let n = 0; n * step <= end * 1.0001; n += 1) ticks.push(n * step);
  const at = (value) => left + MARK_WIDTH + ((right - left - MARK_WIDTH) * value) / end;
  return { zero: at(0), at, ticks, isLog: false };
}

/** From the power of ten below the smallest to the one above the largest. */
function logarithmic(values, { left, right }) {
  const logs = values.filter((value) => value > 0).map(Math.log10);
  const low = Math.ceil(Math.min(...logs)) - 1;
  const high = Math.ceil(Math.max(...logs));
  const ticks = [];
  for (let power = low; power <= high; power += 1) ticks.push(10 ** power);
  const span = right - left - MARK_WIDTH;
  const place = (value) => (Math.log10(value) - low) / (high - low);
  const at = (value) => left + MARK_WIDTH + span * Math.max(0, place(value));
  return { zero: left + MARK_WIDTH, at, ticks, isLog: true };
}

function isFarApart(values) {
  const above = values.filter((value) => value > 0);
  return Math.max(...above) > FAR * Math.min(...above);
}

function spoken(rows) {
  const said = rows.map(({ label, bars }) => {
    const values = bars.map(({ label = "", parts }) =>
      `${WORDS[label] ?? label} ${brief(total(parts))}`.trim(),
    );
    return `${label}: ${values.join(", ")}`;
  });
  return `${said.join("; ")}.`;
}

function total(parts) {
  return Object.values(parts).reduce((sum, value) => sum + (value ?? 0), 0);
}

function text(content, x, y, className) {
  const made = element("text", { x, y, class: className });
  made.textContent = content;
  return made;
}

function element(name, attributes) {
  const made = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  return made;
}

/** What the marks before the bars are called. */
const WORDS = { "↓": "down", "↑": "up" };

/** All in CSS pixels. */
const NARROW = 400;
const NAME_WIDTH = 145;
const NAME_HEIGHT = 18;
const MARK_WIDTH = 38;
const VALUE_WIDTH = 64;
const BAR_HEIGHT = 13;
const BAR_STEP = 16;
const ROW_GAP = 9;
const AXIS_HEIGHT = 20;
const TICK_WIDTH = 34;

const TICKS = 4;
/** Beyond this ratio the shortest bar of a linear axis cannot be seen. */
const FAR = 100;
