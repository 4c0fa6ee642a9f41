// An experiment on this server, from this browser: one mechanism after the other, through four
// phases, with a statement of the ledger between them. What the account of the mechanism has gained
// from one statement to the next is what the phase has cost.
//
//     open     the subscribers connect
//     quiet    nothing is published
//     message  messages are published, one by one
//     close    the subscribers leave

import { ask, askInTurn, reasonOf } from "./ask.js";
import { SIX_CONNECTIONS } from "./connections.js";
import { Crowd } from "./crowd.js";
import { MECHANISMS, accountOf, ratio, share, statement, sum } from "./ledger.js";

/**
 * Runs it, and yields `{ mechanism, phase, done }`, `done` growing from 0 to 1, and, when a
 * mechanism is through, `{ mechanism, finding }`. In the end, whatever that is, its channel is
 * deleted.
 *
 * `settings`: `{ mechanisms, subscribers, messages, bytes, quiet_s, interval_ms }`.
 */
export async function* experiment(settings, signal) {
  const log = { channel: `costs-${randomId()}`, newest: "all" };
  try {
    for (const [at, mechanism] of settings.mechanisms.entries()) {
      const whole = settings.mechanisms.length;
      for await (const step of new Trial(mechanism, settings, log, signal).run()) {
        yield { mechanism, ...step, done: (at + (step.part ?? 1)) / whole };
      }
    }
  } finally {
    // Nobody may have read or written it, and it may never have been: then there is nothing to end.
    await ask(`/c/${log.channel}`, { method: "DELETE" }).catch(() => {});
  }
}

/** One mechanism's part of it. */
class Trial {
  #mechanism;
  #settings;
  #log;
  #signal;
  #crowd;
  #ids = [];
  /** The last statement, and the account of the mechanism in it. */
  #statement;

  constructor(mechanism, settings, log, signal) {
    this.#mechanism = mechanism;
    this.#settings = settings;
    this.#log = log;
    this.#signal = signal;
    this.#crowd = new Crowd(mechanism);
  }

  async *run() {
    try {
      const before = await this.#since();
      const gains = [
        yield* this.#open(),
        yield* this.#quiet(),
        yield* this.#publish(),
        yield* this.#close(),
      ];
      yield { finding: { ...this.#figures(gains), disturbed: this.#disturbance(before, gains) } };
    } catch (error) {
      this.#crowd.close();
      this.#signal.throwIfAborted();
      yield { finding: { refused: error instanceof Refused ? error.message : reasonOf(error) } };
    } finally {
      this.#crowd.close();
    }
  }

  async *#open() {
    yield { phase: "open", part: 0 };
    const { subscribers } = this.#settings;
    this.#crowd.open(subscribers, this.#log.channel, this.#log.newest, this.#settings);
    if (!(await this.#soon(() => this.#stands()))) {
      throw new Refused(`not every subscriber was connected in time. ${SIX_CONNECTIONS}`);
    }
    return this.#since();
  }

  async *#quiet() {
    const { quiet_s } = this.#settings;
    for (let second = 0; second < quiet_s; second += 1) {
      yield { phase: "quiet", part: (0.5 * second) / quiet_s };
      await this.#pause(1_000);
    }
    return this.#since();
  }

  async *#publish() {
    const { messages, bytes } = this.#settings;
    const body = TEXT.repeat(Math.ceil(bytes / TEXT.length)).slice(0, bytes);
    for (let number = 1; number <= messages; number += 1) {
      yield { phase: "message", part: 0.5 + (0.45 * number) / messages };
      const url = `/c/${this.#log.channel}`;
      const answer = await askInTurn(url, { method: "POST", body, signal: this.#signal });
      this.#ids.push((await answer.json()).id);
      this.#log.newest = this.#ids.at(-1);
      await this.#keepPace(number);
    }
    await this.#awaitDeliveries();
    await this.#soon(() => this.#stands()); // a long poll has asked again
    return this.#since();
  }

  async *#close() {
    yield { phase: "close", part: 0.95 };
    this.#crowd.close();
    const { snapshot } = this.#statement;
    // The server is told by the end of a stream, and closes a moment later; of a short poll there
    // is nothing to close.
    await this.#soon(async () => {
      const { calls } = await this.#since(snapshot);
      return this.#mechanism === "poll" || calls.close >= this.#settings.subscribers;
    }, CLOSE_MS, CLOSE_LOOK_MS);
    return this.#since(snapshot);
  }

  /**
   * One by one: the next is published when this one is with everybody. Who polls now and then takes
   * what has gathered, but the log must not forget it before.
   */
  async #keepPace(number) {
    const room = Math.floor(GATHER_BYTES_MAX / Math.max(1, this.#settings.bytes));
    if (this.#mechanism === "poll" && number % room !== 0) return;
    await this.#awaitDeliveries();
  }

  /** What was published is with everybody, once; or there are no figures. */
  async #awaitDeliveries() {
    const count = () => this.#crowd.check(this.#ids);
    const isOver = () => count().missing === 0 || this.#crowd.trouble !== undefined;
    await this.#soon(isOver, PATIENCE_MS + this.#settings.interval_ms);
    const wanted = this.#ids.length * this.#settings.subscribers;
    const { missing, doubled } = count();
    if (this.#crowd.trouble) throw new Refused(this.#crowd.trouble);
    if (missing > 0) throw new Refused(`${missing} of ${wanted} deliveries are missing`);
    if (doubled > 0) throw new Refused(`${doubled} of ${wanted} deliveries came more than once`);
  }

  /** Whether the server, too, has them all. */
  async #stands() {
    if (this.#crowd.trouble) throw new Refused(this.#crowd.trouble);
    if (!this.#crowd.isOpen) return false;
    if (this.#mechanism === "poll") return true;
    const answer = await askInTurn(`/c/${this.#log.channel}`, { signal: this.#signal });
    const { subscribers } = await answer.json();
    return subscribers[this.#mechanism] === this.#settings.subscribers;
  }

  /** What the account has gained since the last statement, or since a snapshot. */
  async #since(snapshot = this.#statement?.snapshot) {
    this.#statement = await statement({ since: snapshot });
    const { span_us, heap_counted } = this.#statement;
    return { ...accountOf(this.#statement, this.#mechanism), span_us, heap_counted };
  }

  #figures([open, quiet, message, close]) {
    const { subscribers, messages } = this.#settings;
    const minutes = (subscribers * quiet.span_us) / 60_000_000;
    const { delay_us } = message;
    return {
      open: {
        ...figures(open, subscribers, subscribers),
        held_bytes: ratio(open.held_bytes, open.open),
      },
      quiet: { ...figures(quiet, minutes, minutes), ticks: ratio(quiet.ticks, minutes) },
      message: {
        ...figures(message, messages * subscribers, messages * subscribers),
        delay_p50_us: delay_us.p50,
        delay_p99_us: delay_us.p99,
      },
      close: figures(close, subscribers, subscribers),
    };
  }

  /** Who else was there, if the ledger has seen more than us. */
  #disturbance(before, gains) {
    const others = before.open;
    const opened = gains.reduce((total, gain) => total + gain.opened, 0);
    const deliveries = gains.reduce((total, gain) => total + gain.deliveries, 0);
    const wanted = this.#ids.length * this.#settings.subscribers;
    if (others > 0) return `${others} others were connected by it before`;
    if (opened > this.#crowd.opened_max) {
      return `it was opened ${opened} times, at most ${this.#crowd.opened_max} of them by us`;
    }
    if (deliveries > wanted) return `the ledger saw ${deliveries} deliveries, ${wanted} to us`;
    return "";
  }

  /** Waits until it is so, and answers whether it was, within a patience. */
  async #soon(isSo, patience_ms = PATIENCE_MS, look_ms = LOOK_MS) {
    const end_ms = performance.now() + patience_ms;
    while (!(await isSo())) {
      if (performance.now() > end_ms) return false;
      await this.#pause(look_ms);
    }
    return true;
  }

  #pause(pause_ms) {
    return new Promise((resolve, reject) => {
      const stop = () => reject(this.#signal.reason);
      if (this.#signal.aborted) return stop();
      setTimeout(() => {
        this.#signal.removeEventListener("abort", stop);
        resolve();
      }, pause_ms);
      this.#signal.addEventListener("abort", stop, { once: true });
    });
  }
}

/** Why there are no figures of a mechanism. */
class Refused extends Error {}

function figures({ sent, received, calls, cpu_ns, heap, heap_counted }, divisor, count) {
  return {
    count,
    down: share(sent, divisor),
    up: share(received, divisor),
    calls: ratio(sum(calls), divisor),
    allocations: heap_counted ? ratio(heap.allocations, divisor) : undefined,
    cpu_us: ratio(sum(cpu_ns) / 1_000, divisor),
  };
}

function randomId() {
  const words = crypto.getRandomValues(new Uint32Array(2));
  return Array.from(words, (word) => word.toString(16).padStart(8, "0")).join("");
}

/** What is published: nothing in it needs to be escaped by any mechanism. */
const TEXT = "You have a red dot. ";

/** Half of what a log keeps. */
const GATHER_BYTES_MAX = 512 * 1024;

const PATIENCE_MS = 5_000;
const CLOSE_MS = 1_500;
const LOOK_MS = 15;
/** Each look is a snapshot, and the server keeps only so many. */
const CLOSE_LOOK_MS = 200;
