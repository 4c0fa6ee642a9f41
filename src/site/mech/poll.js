// Short polling: ask, be answered at once, pause, ask again.
//
//     GET /c/10086/poll?since=1763712345678-9
//     304 Not Modified                                  nothing is new: the answer nearly always
//     200 OK  {"messages":[…],"next":"1763712345678-10"}
//
// A message waits half an interval on average, and an idle channel costs as much as a busy one.
// Nothing is held open between the requests, so nothing can be lost.

import { ask } from "../ask.js";
import { Backoff, address, receiveBatch, retry } from "./mould.js";

export function connect(channel, since, sink, { interval_ms = INTERVAL_MS } = {}) {
  const backoff = new Backoff();
  const stop = new AbortController();
  let cursor = since;
  let pause;

  async function poll() {
    try {
      const url = address(channel, "poll", { since: cursor });
      const answer = await ask(url, { signal: stop.signal });
      cursor = (await receiveBatch(answer, sink, stop.signal)) ?? cursor;
      backoff.reset();
      sink.state("waiting", `asks every ${interval_ms / 1000} s`);
      pause = setTimeout(poll, interval_ms);
    } catch (error) {
      if (!stop.signal.aborted) retry(error, poll, backoff, sink);
    }
  }

  sink.state("connecting");
  poll();

  return {
    close() {
      stop.abort();
      backoff.cancel();
      clearTimeout(pause);
      return cursor;
    },
  };
}

/** The whole choice of short polling: half of it is the mean delay, its inverse the cost. */
const INTERVAL_MS = 2_000;
