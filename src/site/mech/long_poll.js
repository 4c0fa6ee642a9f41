// Long polling: ask, and be answered when there is something to say.
//
//     GET /c/10086/longpoll?since=1763712345678-9&timeout=25
//     (parked)
//     200 OK  {"messages":[…],"next":"1763712345678-10"}   or, after 25 s:
//     304 Not Modified
//
// A message comes as fast as by a stream, but each answer costs a whole request. What is published
// between two requests waits in the log, and the cursor asks for it.

import { ask } from "../ask.js";
import { Backoff, address, receiveBatch, retry } from "./mould.js";

export function connect(channel, since, sink) {
  const backoff = new Backoff();
  const stop = new AbortController();
  let cursor = since;

  async function poll() {
    // Parked at the server, or still in the browser's own queue for a free connection: from here
    // the two look the same.
    sink.state("waiting", "asked, not yet answered");
    try {
      const query = { since: cursor, timeout: PARK_S };
      const answer = await ask(address(channel, "longpoll", query), {
        signal: stop.signal,
        patience_ms: (PARK_S + 10) * 1000,
      });
      cursor = (await receiveBatch(answer, sink, stop.signal)) ?? cursor;
      backoff.reset();
      poll();
    } catch (error) {
      if (!stop.signal.aborted) retry(error, poll, backoff, sink);
    }
  }

  poll();

  return {
    close() {
      stop.abort();
      backoff.cancel();
      return cursor;
    },
  };
}

/** Shorter than the 30 s after which many a proxy gives up on a silent server. */
const PARK_S = 25;
