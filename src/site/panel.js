// One mechanism on the page: what it has received, how, and how late.

import { announce } from "./announce.js";
import { distance, parse } from "./cursor.js";

/** A mechanism's panel: an instrument in the section that describes the mechanism. */
export class Panel {
  /** The state that the mechanism is in, and when the panel last heard of it. */
  state = "closed";
  stateSince_ms = 0;

  #section;
  #parts = {};
  #page;
  #connect;
  #client;
  #channel;
  #cursor;
  /** The last message it knows of; the user's read mark. */
  #seen = parse();
  #mark = parse();
  #received = 0;
  #bytes = 0;
  #delay_ms;
  /** What is to be drawn in the next frame. */
  #entries = [];
  #frame;

  /** `page.arrived(panel, message, delay_ms)` is told of each message. */
  constructor(section, connect, page) {
    this.name = section.id;
    this.#section = section;
    this.#connect = connect;
    this.#page = page;
    this.title = section.querySelector("h3").textContent;
    const instrument = document.getElementById("instrument").content.cloneNode(true);
    for (const part of instrument.querySelectorAll("[data-part]")) {
      this.#parts[part.dataset.part] = part;
    }
    section.append(instrument);
    this.#parts.messages.setAttribute("aria-label", `${this.title}: last messages, newest first`);
    this.#parts.toggle.addEventListener("click", () => {
      if (this.isRunning) this.stop();
      else this.start();
    });
    this.#draw();
  }

  get isRunning() {
    return this.#client !== undefined;
  }

  /** How many messages are unread, as far as this mechanism knows. */
  get unread() {
    return distance(this.#mark, this.#seen);
  }

  /** Forgets the channel; only `enter` starts it again. */
  leave() {
    this.stop();
    this.#channel = undefined;
  }

  /** Begins anew with a channel, after `cursor`. */
  enter(channel, cursor, mark) {
    this.stop();
    this.#channel = channel;
    this.#cursor = cursor;
    this.#seen = parse(cursor);
    this.#mark = mark;
    this.#received = 0;
    this.#bytes = 0;
    this.#delay_ms = undefined;
    this.#entries = [];
    this.#parts.messages.replaceChildren();
    this.start();
  }

  /** Goes on after the last message that it received. */
  start() {
    if (this.isRunning || this.#channel === undefined) return;
    this.#client = this.#connect(this.#channel, this.#cursor, this.#sink());
    this.#draw();
  }

  /** Lets go of the connection, and keeps the cursor. */
  stop() {
    if (!this.isRunning) return;
    this.#release();
    this.#enterState("closed", "stopped");
  }

  /** Goes on by another client of the same mechanism. */
  change(connect) {
    this.#connect = connect;
    if (!this.isRunning) return;
    this.stop();
    this.start();
  }

  /** The user has read up to `mark`. */
  read(mark) {
    this.#mark = mark;
    this.#draw();
  }

  #release() {
    this.#cursor = this.#client.close();
    this.#client = undefined;
  }

  #sink() {
    return {
      state: (name, detail) => {
        if (name === "closed") this.#release(); // by the server's word; it may be started again
        this.#enterState(name, detail);
      },
      message: (message) => this.#receive(message),
      gap: (gap) => this.#miss(gap),
      bytes: (count) => {
        this.#bytes += count;
        this.#draw();
      },
    };
  }

  #enterState(name, detail = "") {
    if (name !== this.state) {
      const isTrouble = name === "retrying" || this.state === "retrying";
      if (isTrouble) announce(this.title, `${this.title}: ${name}.`);
      this.stateSince_ms = performance.now();
      this.state = name;
    }
    this.#section.dataset.state = name;
    this.#parts.state.textContent = name;
    this.#parts.detail.textContent = detail;
    this.#draw();
  }

  #receive(message) {
    // By two clocks, ours and the server's: on one machine it is the delay, else it is off by
    // what they differ.
    const delay_ms = Date.now() - message.time;
    this.#received += 1;
    this.#seen = parse(message.id);
    this.#delay_ms = delay_ms;
    this.#keep({ message, delay_ms });
    this.#page.arrived(this, message, delay_ms);
  }

  #miss(gap) {
    this.#seen = { ...this.#seen, offset: this.#seen.offset + (gap.gap ?? 0) };
    this.#keep({ gap });
  }

  #keep(entry) {
    this.#entries = [...this.#entries, entry].slice(-ENTRIES_MAX);
    this.#draw();
  }

  /** Draws at the browser's pace, however fast the messages come. */
  #draw() {
    this.#frame ??= requestAnimationFrame(() => {
      this.#frame = undefined;
      this.#drawNow();
    });
  }

  #drawNow() {
    const { messages, received, unread, delay, bytes, toggle } = this.#parts;
    const items = this.#entries.map((entry) => (entry.gap ? gapItem(entry) : messageItem(entry)));
    this.#entries = [];
    messages.prepend(...items.reverse());
    while (messages.children.length > ENTRIES_MAX) messages.lastElementChild.remove();
    received.textContent = this.#received.toLocaleString("en");
    unread.textContent = this.unread.toLocaleString("en");
    unread.classList.toggle("is-lit", this.unread > 0);
    delay.textContent = this.#delay_ms === undefined ? "–" : milliseconds(this.#delay_ms);
    bytes.textContent = this.#section.dataset.bytes ?? `${this.#bytes.toLocaleString("en")} B`;
    toggle.textContent = this.isRunning ? "Stop" : "Start";
    toggle.setAttribute("aria-label", `${toggle.textContent} ${this.title}`);
  }
}

/** A delay for a person. */
export function milliseconds(delay_ms) {
  if (delay_ms >= 10_000) return `${(delay_ms / 1000).toFixed(1)} s`;
  return delay_ms === 0 ? "< 1 ms" : `${delay_ms.toLocaleString("en")} ms`;
}

function messageItem({ message, delay_ms }) {
  const item = document.createElement("li");
  item.dataset.id = message.id;
  const meta = document.createElement("p");
  meta.className = "meta";
  meta.append(time(message.time), " ", element("code", message.id), " ");
  if (message.event) meta.append(element("span", message.event, "event"), " ");
  meta.append(element("span", `after ${milliseconds(delay_ms)}`));
  if ("base64" in message) meta.append(" ", element("span", "binary, shown as base64", "note"));
  meta.append(" ", receiptButton(message.id));
  item.append(meta, text(message.base64 ?? message.data));
  return item;
}

/** What it has cost; the page hears of a click. */
function receiptButton(id) {
  const button = element("button", "receipt", "small");
  button.type = "button";
  button.dataset.receipt = id;
  button.setAttribute("aria-label", `Receipt of ${id}`);
  return button;
}

function gapItem({ gap }) {
  const count = gap.gap ?? 0;
  const lost = `${count} message${count === 1 ? " was" : "s were"} missed`;
  const words = gap.epoch_changed
    ? `the log has begun anew; ${lost} of it, and of the old one nobody knows how many`
    : `${lost}; the log no longer reaches back that far`;
  return element("li", `Gap: ${words}.`, "gap");
}

/** The message's text, and nothing but text. */
function text(content) {
  if (content.length <= TEXT_LENGTH_MAX) return element("p", content, "text");
  const shown = element("p", content.slice(0, TEXT_LENGTH_MAX), "text");
  const length = content.length.toLocaleString("en");
  shown.dataset.note = `… the first ${TEXT_LENGTH_MAX} of ${length} characters`;
  return shown;
}

function time(unix_ms) {
  const date = new Date(unix_ms);
  const shown = element("time", date.toLocaleTimeString("en-GB"));
  shown.dateTime = date.toISOString();
  return shown;
}

function element(name, content, className = "") {
  const made = document.createElement(name);
  made.textContent = content;
  if (className) made.className = className;
  return made;
}

/** Messages that a panel shows. */
const ENTRIES_MAX = 20;

/** Characters of a message that are shown: it may have a million. */
const TEXT_LENGTH_MAX = 4_096;
