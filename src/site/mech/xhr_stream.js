// Streaming over a response that does not end: the page reads it as it grows, one JSON object a
// line.
//
//     GET /c/10086/stream?since=1763712345678-9
//     {"next":"1763712345678-9","padding":"…"}
//     {"id":"1763712345678-10","time":…,"data":"hello"}
//     {"heartbeat":true}
//
// Two readers of the same bytes: XMLHttpRequest, the older, keeps all the text that it was ever
// sent; fetch hands over each piece once, and forgets it.

import { refusalOf } from "../ask.js";
import { Backoff, address, isGap, retry } from "./mould.js";

export function connect(channel, since, sink) {
  return stream(channel, since, sink, readByXhr);
}

export function connectByFetch(channel, since, sink) {
  return stream(channel, since, sink, readByFetch);
}

/** Keeps a stream open, whoever reads it. */
function stream(channel, since, sink, read) {
  const backoff = new Backoff();
  let cursor = since;
  let request;
  let silence;
  let rest;
  let length;

  function open() {
    sink.state("connecting");
    request = new AbortController();
    rest = "";
    length = 0;
    read(address(channel, "stream", { since: cursor }), receive, request.signal).then(lost, lost);
  }

  function receive(text, bytes) {
    // A heartbeat is due every 15 s. Without it, a peer that has vanished would be waited for
    // until TCP notices, which may be never.
    clearTimeout(silence);
    silence = setTimeout(() => request.abort(new Error("no heartbeat")), SILENCE_MS);
    sink.bytes(bytes);
    length += text.length;
    const lines = (rest + text).split("\n");
    rest = lines.pop(); // a line that has only begun
    lines.filter(Boolean).forEach((line) => take(JSON.parse(line)));
  }

  function take(object) {
    if ("id" in object) {
      cursor = object.id;
      sink.message(object);
      if (length > LENGTH_MAX) request.abort(FULL);
    } else if ("next" in object) {
      backoff.reset();
      sink.state("open");
    } else if (isGap(object)) {
      sink.gap(object);
    } else if (object.end === "deleted") {
      close();
      sink.state("closed", "the channel was deleted");
    }
  }

  function lost(error) {
    clearTimeout(silence);
    if (error === CLOSED) return;
    if (error === FULL) open();
    else retry(error ?? new Error("the response has ended"), open, backoff, sink);
  }

  function close() {
    clearTimeout(silence);
    backoff.cancel();
    request.abort(CLOSED);
    return cursor;
  }

  open();
  return { close };
}

/** Calls `receive(text, bytes)` with each piece, until the response ends or `signal` says so. */
async function readByFetch(url, receive, signal) {
  const answer = await fetch(url, { cache: "no-store", signal });
  if (!answer.ok) throw await refusalOf(answer);
  const decoder = new TextDecoder(); // keeps the first bytes of a character that was cut in two
  const reader = answer.body.getReader();
  for (;;) {
    const { done, value } = await reader.read();
    signal.throwIfAborted();
    if (done) return;
    receive(decoder.decode(value, { stream: true }), value.byteLength);
  }
}

/** The same by XMLHttpRequest. */
function readByXhr(url, receive, signal) {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    let seen = 0;
    // `progress` would tell the bytes, but it comes at most every 50 ms; `readystatechange` comes
    // with each piece.
    request.addEventListener("readystatechange", () => {
      if (request.readyState < XMLHttpRequest.LOADING || request.status !== 200) return;
      const text = request.responseText.slice(seen);
      if (text === "" || signal.aborted) return;
      seen += text.length;
      receive(text, new TextEncoder().encode(text).length);
    });
    request.addEventListener("load", () => {
      if (request.status === 200) resolve();
      else refusalOf(new Response(request.responseText, request)).then(reject);
    });
    request.addEventListener("error", () => reject(new TypeError("the connection was lost")));
    signal.addEventListener("abort", () => {
      reject(signal.reason);
      request.abort();
    });
    request.open("GET", url);
    request.send();
  });
}

/** Three heartbeats. */
const SILENCE_MS = 45_000;

/** Characters of one response, after which a new one takes its place: it is kept whole. */
const LENGTH_MAX = 4 * 1024 * 1024;

/** Why a request was aborted: the stream was closed, or its response has grown too long. */
const CLOSED = new Error("closed");
const FULL = new Error("full");
