// Server-sent events: a stream with a client built into the browser.
//
//     GET /c/10086/sse?since=1763712345678-9&envelope=json
//     id: 1763712345678-10
//     event: envelope
//     data: {"id":"1763712345678-10","time":…,"data":"hello"}
//
// EventSource reconnects by itself, after the pause the server asked for, with the id it saw last
// in `Last-Event-ID`; that header, not `?since=`, is then the cursor.
//
// Without `envelope=json` the message itself is the data, under the name its publisher gave it.
// That is how a page listens that knows which names to expect. This one expects any name, and
// EventSource has no way to listen to all: so every message comes in one envelope, which also
// carries the publication time, and what an event stream cannot carry bare (bytes, CR).

import { Backoff, address, retryUntold } from "./mould.js";

export function connect(channel, since, sink) {
  const backoff = new Backoff();
  let cursor = since;
  let source;

  function open() {
    sink.state("connecting");
    source = new EventSource(address(channel, "sse", { since: cursor, envelope: "json" }));
    source.addEventListener("open", opened);
    source.addEventListener("envelope", message);
    source.addEventListener("gap", (event) => sink.gap(JSON.parse(event.data)));
    source.addEventListener("end", end);
    source.addEventListener("error", lost);
  }

  function opened() {
    backoff.reset();
    sink.state("open");
  }

  function message(event) {
    const message = JSON.parse(event.data);
    cursor = message.id;
    sink.message(message);
  }

  function end(event) {
    // An EventSource that is not closed would ask again, for ever.
    close();
    sink.state("closed", event.data);
  }

  function lost() {
    if (source.readyState === EventSource.CONNECTING) {
      sink.state("retrying", "EventSource does it by itself");
      return;
    }
    // It gave up: the status was not 200, or the type not text/event-stream. It does not say which.
    retryUntold(new Error("EventSource gave up"), open, backoff, sink);
  }

  function close() {
    backoff.cancel();
    source.close();
    return cursor;
  }

  open();
  return { close };
}
