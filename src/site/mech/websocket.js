// WebSocket: after one HTTP request, frames in both directions.
//
//     GET /c/10086/ws?since=1763712345678-9&envelope=json     Upgrade: websocket
//     101 Switching Protocols
//     {"next":"1763712345678-9"}
//     {"id":"1763712345678-10","time":…,"data":"hello"}
//
// The only one here that can also send, and the only one that is not counted among the six
// connections to a host. Nothing is built in: cursor and reconnection are ours to write. Why a
// handshake failed, the page is never told: every failure is close code 1006.

import { Backoff, address, isGap, retryUntold } from "./mould.js";

export function connect(channel, since, sink) {
  const backoff = new Backoff();
  let cursor = since;
  let socket;

  function open() {
    sink.state("connecting");
    const url = address(channel, "ws", { since: cursor, envelope: "json" });
    url.protocol = url.protocol.replace("http", "ws"); // https becomes wss
    socket = new WebSocket(url);
    socket.addEventListener("open", opened);
    socket.addEventListener("message", receive);
    socket.addEventListener("close", lost);
  }

  function opened() {
    backoff.reset();
    sink.state("open");
  }

  function receive(event) {
    sink.bytes(new TextEncoder().encode(event.data).length);
    const object = JSON.parse(event.data);
    if ("id" in object) {
      cursor = object.id;
      sink.message(object);
    } else if (isGap(object)) {
      sink.gap(object);
    }
  }

  function lost({ code, reason }) {
    if (code === NORMAL) {
      sink.state("closed", reason);
      return;
    }
    retryUntold(new Error(`close code ${code} ${reason}`.trim()), open, backoff, sink);
  }

  function close() {
    backoff.cancel();
    socket.removeEventListener("open", opened);
    socket.removeEventListener("message", receive);
    socket.removeEventListener("close", lost);
    socket.close(NORMAL);
    return cursor;
  }

  open();
  return { close };
}

/** RFC 6455 §7.4.1: the purpose is fulfilled; there is nothing to come back for. */
const NORMAL = 1000;
