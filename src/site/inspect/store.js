// The messages that have come, as many as are kept, and those of them that are wanted.

export class Store {
  all = [];
  /** Those that the connection and the filter let through, in their order. */
  shown = [];
  /** By connection, how many of its messages are here. */
  counts = new Map();
  /** The connection that is looked at; undefined for all. */
  connection;
  isPaused = false;
  /** How many have come since the pause, and how many were let go to keep the page small. */
  waiting = 0;
  dropped = 0;
  #bytes = 0;
  #filter = { words: [], from: "", hidesHeartbeats: false };

  /** Keeps a message, or `{ missed }`; answers whether it is shown, and how many rows had to go. */
  add(item) {
    this.all.push(item);
    this.#count(item, 1);
    if (this.isPaused) this.waiting += 1;
    const isShown = !this.isPaused && this.#lets(item);
    if (isShown) this.shown.push(item);
    const isFull = this.all.length > MESSAGES_MAX || this.#bytes > BYTES_MAX;
    return { isShown, removed: isFull ? this.#drop() : 0 };
  }

  /** Looks at one connection, or at all. */
  choose(connection) {
    this.connection = connection;
    this.#choose();
  }

  /** Lets through what has all the words, comes from that side, and is no heartbeat. */
  filter({ words, from, hidesHeartbeats }) {
    const wanted = words.toLowerCase().split(/\s+/).filter(Boolean);
    this.#filter = { words: wanted, from, hidesHeartbeats };
    this.#choose();
  }

  /** What comes meanwhile is kept, and not shown. */
  pause(isNow) {
    this.isPaused = isNow;
    if (isNow) return;
    this.waiting = 0;
    this.#choose();
  }

  clear() {
    this.all = [];
    this.counts.clear();
    this.waiting = 0;
    this.dropped = 0;
    this.#bytes = 0;
    this.#choose();
  }

  /** All messages of a connection. */
  of(connection) {
    return this.all.filter((item) => item.connection === connection);
  }

  /** The message of that number. */
  find(connection, number) {
    return this.all.find((item) => item.connection === connection && item.number === number);
  }

  /** What the same side has sent behind a message. */
  after({ connection, number, unit, length }) {
    const behind = this.all.slice(this.all.indexOf(this.find(connection, number)) + 1);
    return behind.find(
      (item) =>
        item.connection === connection &&
        item.unit.from === unit.from &&
        item.unit.offset === unit.offset + length,
    );
  }

  #choose() {
    const seen = this.all.slice(0, this.all.length - this.waiting);
    this.shown = seen.filter((item) => this.#lets(item));
  }

  #lets({ missed, connection, unit, text, isHeartbeat }) {
    if (missed !== undefined) return true;
    if (this.connection !== undefined && connection !== this.connection) return false;
    const { words, from, hidesHeartbeats } = this.#filter;
    if (from !== "" && unit.from !== from) return false;
    if (hidesHeartbeats && isHeartbeat) return false;
    return words.every((word) => text.includes(word));
  }

  /** Lets go of the oldest; answers how many of them were shown. */
  #drop() {
    const old = this.all.splice(0, Math.ceil(this.all.length / 10));
    old.forEach((item) => this.#count(item, -1));
    this.dropped += old.length;
    this.waiting = Math.min(this.waiting, this.all.length);
    const gone = new Set(old);
    const left = this.shown.findIndex((item) => !gone.has(item));
    return this.shown.splice(0, left < 0 ? this.shown.length : left).length;
  }

  #count({ connection, length }, step) {
    if (connection === undefined) return;
    this.#bytes += step * length;
    const count = (this.counts.get(connection) ?? 0) + step;
    if (count > 0) this.counts.set(connection, count);
    else this.counts.delete(connection);
  }
}

const MESSAGES_MAX = 10_000;
/** Bytes of the wire: what they are takes many times as much. */
const BYTES_MAX = 8 * 1024 * 1024;
