// What the server captures while somebody looks, as it comes, over the server's own SSE; first what
// is kept of before.
//
//     GET /inspect/events?since=all
//     id: 1763712345678-10
//     event: unit
//     data: {"connection":"17-3","time_us":1763712345678901,"own":false,"unit":{…}}
//
//     event: drop                  the ring was too short: so many are lost
//     data: {"missed":12}

import { parse } from "../cursor.js";
import { Backoff } from "../mech/mould.js";
import { isHeartbeat, lengthOf } from "./unit.js";

/** A path of the inspector, with the token of this page's own address. */
export function inspectPath(path, query = {}) {
  const token = new URLSearchParams(location.search).get("token");
  const all = new URLSearchParams(token === null ? query : { ...query, token });
  return all.size > 0 ? `${path}?${all}` : path;
}

/** `sink.message(message)`, `sink.missed(words)` and `sink.state(name)` are told what comes. */
export class Capture {
  #sink;
  #source;
  #backoff = new Backoff();
  #isOwn = false;
  /** The last of what was told. */
  #cursor = "all";
  /** Until when what others do was told. */
  #told_us = 0;

  constructor(sink) {
    this.#sink = sink;
  }

  /** Begins anew; `isOwn` says whether this page's own connection is to be shown as well. */
  open(isOwn) {
    this.close();
    // What viewers do as well is told elsewhere, and counted anew.
    if (isOwn !== this.#isOwn && this.#cursor !== "all") {
      this.#cursor = String(Math.floor(this.#told_us / 1_000_000));
    }
    this.#isOwn = isOwn;
    const query = { since: this.#cursor, ...(isOwn && { own: "1" }) };
    this.#sink.state("connecting");
    this.#source = new EventSource(inspectPath("/inspect/events", query));
    this.#source.addEventListener("open", () => {
      this.#backoff.reset();
      this.#sink.state("open");
    });
    const after_us = this.#told_us;
    const isById = this.#cursor.includes("-");
    this.#source.addEventListener("unit", (event) => {
      this.#cursor = event.lastEventId;
      const message = messageOf(event, isOwn);
      // A time is a second, of which some was told.
      if (!isById && !message.own && message.time_us <= after_us) return;
      if (!message.own) this.#told_us = message.time_us;
      this.#sink.message(message);
    });
    this.#source.addEventListener("drop", ({ data }) => this.#lost(JSON.parse(data).missed));
    this.#source.addEventListener("gap", ({ data }) => this.#lost(JSON.parse(data).gap));
    this.#source.addEventListener("error", () => this.#retry());
  }

  close() {
    this.#backoff.cancel();
    this.#source?.close();
    this.#source = undefined;
  }

  #lost(count) {
    const words = count > 0 ? `${count.toLocaleString("en")} were` : "Something was";
    this.#sink.missed(`${words} missed here: they came faster than they could be shown.`);
  }

  #retry() {
    this.#sink.state("retrying");
    // EventSource comes back by itself, unless it was refused.
    if (this.#source.readyState !== EventSource.CLOSED) return;
    this.#backoff.wait(() => this.open(this.#isOwn));
  }
}

/** A message: a unit, and what a list shows of it. Where viewers are shown as well, it has another
 * number: `o12`. */
function messageOf({ lastEventId, data }, isOwn) {
  const { connection, time_us, own, unit } = JSON.parse(data);
  return {
    number: `${isOwn ? "o" : ""}${parse(lastEventId).offset}`,
    connection,
    time_us,
    own,
    unit,
    length: lengthOf(unit),
    isHeartbeat: isHeartbeat(unit),
    text: `${unit.name} ${unit.summary}`.toLowerCase(),
  };
}
