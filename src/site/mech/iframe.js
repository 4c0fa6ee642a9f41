// Iframe streaming: a hidden document that never finishes loading, also called a forever frame.
// Each chunk that arrives is a script, and the browser runs it on arrival.
//
//     GET /c/10086/iframe?since=1763712345678-9
//     <script>parent.pushscope.open("1763712345678-9")</script>
//     <script>parent.pushscope.message({"id":"1763712345678-10",…})</script>
//
// It works wherever scripts do, which is why it was invented. The page learns neither a status nor
// a byte count, and the browser shows it as loading for as long as the frame lives.
//
// Nor does the page learn that the connection was lost. A document that ends, or that cannot be
// had, fires `load`; of one that is cut short nothing is ever heard again.

import { Backoff, address, retryUntold } from "./mould.js";

/** `host` is the window that is the frame's parent, and has its functions. */
export function connect(channel, since, sink, { host = window } = {}) {
  const backoff = new Backoff();
  let cursor = since;
  let frame;
  let scripts;
  let silence;

  function open() {
    sink.state("connecting");
    scripts = 0;
    host.pushscope = { open: opened, message, gap: (gap) => sink.gap(gap), end };
    // A new element each time: to change the address of an old one would be a step in the history
    // of the window, and the Back button would lead through all of them.
    frame = host.document.createElement("iframe");
    frame.title = "Iframe streaming; there is nothing to read in it";
    frame.hidden = true;
    frame.src = address(channel, "iframe", { since: cursor });
    frame.addEventListener("load", () => lost("the document has ended"));
    host.document.body.append(frame);
  }

  function opened() {
    backoff.reset();
    sink.state("open");
    // The heartbeat, every 15 s, is an HTML comment: no script runs, but the document grows.
    const observer = new MutationObserver(hear);
    observer.observe(frame.contentDocument, { childList: true, subtree: true });
    hear();
  }

  function hear() {
    clearTimeout(silence);
    silence = setTimeout(() => lost("no heartbeat"), SILENCE_MS);
  }

  function message(message) {
    cursor = message.id;
    sink.message(message);
    scripts += 1;
    // The document keeps every script that it was sent: now and then a new one takes its place.
    if (scripts === SCRIPTS_MAX) setTimeout(renew);
  }

  function end(reason) {
    if (reason !== "deleted") return; // `load` follows, and with it the next attempt
    close();
    sink.state("closed", "the channel was deleted");
  }

  function lost(reason) {
    discard();
    retryUntold(new Error(reason), open, backoff, sink);
  }

  function renew() {
    if (!frame.isConnected) return;
    discard();
    open();
  }

  function discard() {
    clearTimeout(silence);
    frame.remove(); // with its document goes its connection
  }

  function close() {
    backoff.cancel();
    discard();
    delete host.pushscope;
    return cursor;
  }

  open();
  return { close };
}

/** Three heartbeats. */
const SILENCE_MS = 45_000;

/** Messages that one document is let grow by. */
const SCRIPTS_MAX = 1_000;
