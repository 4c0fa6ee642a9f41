// Several subscribers of one channel by one mechanism, in this page: the same clients as on the
// page of the six ways, with a list of what each of them has received.

import { connect as iframe } from "./mech/iframe.js";
import { connect as longPoll } from "./mech/long_poll.js";
import { connect as poll } from "./mech/poll.js";
import { connect as sse } from "./mech/sse.js";
import { connect as websocket } from "./mech/websocket.js";
import { connect as xhrStream } from "./mech/xhr_stream.js";

export class Crowd {
  #subscribers = [];
  #mechanism;

  constructor(mechanism) {
    this.#mechanism = mechanism;
  }

  /** Opens so many, after a cursor. */
  open(count, channel, since, { interval_ms }) {
    this.#subscribers = Array.from(
      { length: count },
      () => new Subscriber(CLIENTS[this.#mechanism], channel, since, interval_ms),
    );
  }

  /** Whether each has its connection, or its first answer. */
  get isOpen() {
    return this.#subscribers.every(({ state }) => STANDING.includes(state));
  }

  /** How often they have opened their mechanism at most: each question of a poll is one. */
  get opened_max() {
    return this.#subscribers.reduce((total, { opened_max }) => total + opened_max, 0);
  }

  /** Why the figures would not be those of an undisturbed connection, if they would not. */
  get trouble() {
    return this.#subscribers.map(({ trouble }) => trouble).find(Boolean);
  }

  /** How many deliveries of these messages are missing, and how many came more than once. */
  check(ids) {
    let missing = 0;
    let doubled = 0;
    for (const { received } of this.#subscribers) {
      for (const id of ids) {
        const times = received.get(id) ?? 0;
        missing += times === 0 ? 1 : 0;
        doubled += Math.max(0, times - 1);
      }
    }
    return { missing, doubled };
  }

  close() {
    this.#subscribers.forEach((subscriber) => subscriber.close());
  }
}

class Subscriber {
  state = "connecting";
  trouble = "";
  /** How often each message has come, by its id. */
  received = new Map();

  #client;
  #host;
  #asked = 0;
  #isOver = false;

  constructor(connect, channel, since, interval_ms) {
    this.#host = connect === iframe ? hostFrame() : undefined;
    const options = { interval_ms, host: this.#host?.contentWindow };
    this.#client = connect(channel, since, this.#sink(), options);
  }

  /** One more than it was answered: a question may be on its way. */
  get opened_max() {
    return this.#asked + 1;
  }

  close() {
    if (!this.#isOver) this.#client.close();
    this.#isOver = true;
    this.#host?.remove();
  }

  #sink() {
    return {
      state: (name, detail) => {
        this.state = name;
        if (name === "waiting") this.#asked += 1; // a poll has asked, or been answered
        if (name === "retrying") this.trouble ||= `a connection was lost (${detail})`;
        if (name === "closed" && !this.#isOver) {
          this.#isOver = true;
          this.trouble ||= `a subscriber was refused (${detail})`;
        }
      },
      message: ({ id }) => this.received.set(id, (this.received.get(id) ?? 0) + 1),
      gap: ({ gap }) => (this.trouble ||= `the log had forgotten ${gap} messages already`),
      bytes: () => {},
    };
  }
}

/** A document of its own: a forever frame speaks to its parent, and there is one to each. */
function hostFrame() {
  const frame = document.createElement("iframe");
  frame.title = "Host of a forever frame; there is nothing to read in it";
  frame.hidden = true;
  document.body.append(frame);
  return frame;
}

const CLIENTS = { poll, long_poll: longPoll, iframe, xhr_stream: xhrStream, sse, websocket };
const STANDING = ["open", "waiting"];
