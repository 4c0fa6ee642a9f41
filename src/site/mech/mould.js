// The mould of a mechanism's client. Each file beside this one exports
//
//     connect(channel, since, sink, options?) → { close() }
//
// which reads `channel` after the cursor `since`: the id of a message, or `all`. When its
// connection is lost it opens another, after the last message that it was given; only `close()`, or
// the server's word that there is nothing more to come, ends it. `close()` answers the cursor: any
// other mechanism may go on from there, and loses nothing.
//
// The cursor of a stream is the last message that arrived. It is not the `next` that the stream
// begins with: that is where it will be when all that was missed has been sent, and it may be cut
// before.
//
// What it learns goes to the sink:
//
//     sink.state(name, detail)   connecting  asked, not yet answered
//                                open        a stream stands; messages come when they come
//                                waiting     the next answer may bring some
//                                retrying    lost; another attempt follows
//                                closed      there is nothing more to come
//     sink.message(message)      {id, time, channel, event?, data} or base64 in place of data
//     sink.gap(gap)              {gap, epoch_changed?}: so many messages were missed
//     sink.bytes(count)          bytes of content received, where the browser's API tells
//
// Read two of the files side by side: what differs is the mechanism.

import { reasonFor, reasonOf } from "../ask.js";
import { withToken } from "../token.js";

/** Where `channel` is read by `mechanism`. */
export function address(channel, mechanism, query) {
  const path = `/c/${encodeURIComponent(channel)}/${mechanism}`;
  return withToken(`${path}?${new URLSearchParams(query)}`);
}

/** Pauses of 1, 2, 4 … 30 s between attempts. */
export class Backoff {
  isCancelled = false;
  #attempts = 0;
  #timer;

  /** Calls `again` after a pause of at least `least_ms`, and answers the pause. */
  wait(again, least_ms = 0) {
    const whole_ms = Math.min(PAUSE_MS * 2 ** this.#attempts, PAUSE_MS_MAX);
    this.#attempts += 1;
    // Half of it is chance: or all who lost the same server would be back in the same instant.
    const pause_ms = least_ms + whole_ms * (0.5 + Math.random() / 2);
    this.#timer = setTimeout(again, pause_ms);
    return pause_ms;
  }

  /** It works again: the next pause is a short one. */
  reset() {
    this.#attempts = 0;
  }

  /** Nobody waits any more. */
  cancel() {
    this.isCancelled = true;
    clearTimeout(this.#timer);
  }
}

/** Decides what follows when an attempt has failed, and says so. */
export function retry(error, again, backoff, sink) {
  if (error.isFinal) {
    sink.state("closed", error.message);
    return;
  }
  if (error.name === "TimeoutError") {
    // Nobody refused: whoever holds the connections may be about to let one go.
    sink.state("connecting", "no answer yet");
    backoff.reset();
    backoff.wait(again);
    return;
  }
  const pause_ms = backoff.wait(again, error.retryAfter_ms);
  sink.state("retrying", `in ${seconds(pause_ms)}: ${reasonOf(error)}`);
}

/** The same where the browser hides why: the server is asked, unless nobody waits any more. */
export async function retryUntold(error, again, backoff, sink) {
  const why = await reasonFor(error);
  if (!backoff.isCancelled) retry(why, again, backoff, sink);
}

/** Hands a poll's answer to the sink, and answers the cursor after it. */
export async function receiveBatch(answer, sink, signal) {
  const content = await answer.arrayBuffer();
  signal.throwIfAborted(); // closed meanwhile: what came too late was not received
  if (answer.status === 304) {
    return answer.headers.get("ETag")?.replace(/^(W\/)?"(.*)"$/, "$2");
  }
  const batch = JSON.parse(new TextDecoder().decode(content));
  sink.bytes(content.byteLength);
  if (isGap(batch)) sink.gap(batch);
  batch.messages.forEach((message) => sink.message(message));
  return batch.next;
}

/** Whether an object announces lost messages. */
export function isGap(object) {
  return "gap" in object || "epoch_changed" in object;
}

/** A pause for a person: `0.7 s`, `12 s`. */
export function seconds(pause_ms) {
  const pause_s = pause_ms / 1000;
  return `${pause_s < 10 ? pause_s.toFixed(1) : Math.round(pause_s)} s`;
}

const PAUSE_MS = 1_000;
const PAUSE_MS_MAX = 30_000;
