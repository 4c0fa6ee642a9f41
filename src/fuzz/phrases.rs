//! What a script need not spell: requests by number, and frames.

/// A client's frame of at most 125 bytes, masked with ones.
pub(super) fn masked(first: u8, payload: &[u8]) -> Vec<u8> {
    let length = u8::try_from(payload.len()).unwrap_or_default();
    let mut frame = vec![first, 0x80 | length, 1, 1, 1, 1];
    frame.extend(payload.iter().map(|byte| byte ^ 1));
    frame
}

/// Whether somebody has said what asks for something that was measured, in escapes or not.
pub(super) fn asks_for_figures(said: &[u8]) -> bool {
    let said: Vec<u8> = percent_encoding::percent_decode(said).collect();
    FIGURES.iter().any(|path| memchr::memmem::find(&said, path).is_some())
}

/// Where statements, receipts and the inspector are asked for.
const FIGURES: [&[u8]; 4] = [b"/ledger", b"/metrics", b"/receipts/", b"/inspect/"];
/// What opens mechanisms and what calls, so that a script need not spell it.
pub(super) const PHRASES: &[&str] = &[
    "GET /c/n/poll?since=all HTTP/1.1\r\nHost: h\r\n\r\n",
    "GET /c/n/longpoll HTTP/1.1\r\nHost: h\r\n\r\n",
    "GET /c/n/iframe?since=all HTTP/1.1\r\nHost: h\r\n\r\n",
    "GET /c/n/stream?since=1-1 HTTP/1.0\r\n\r\n",
    "GET /c/n/sse?since=all HTTP/1.1\r\nHost: h\r\n\r\n",
    "GET /c/n/ws?envelope=json HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
     Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
    "GET /echo HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
     Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
    "GET /ws/asset HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
     Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
    "POST /c/n HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nhello",
    "POST /c/n HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n",
    "0\r\n\r\n",
    "POST /c/n HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 4000\r\n\r\n",
    "DELETE /c/n HTTP/1.1\r\nHost: h\r\n\r\n",
    "HEAD /c/n/sse HTTP/1.1\r\nHost: h\r\n\r\n",
    "GET /iframe/message/n HTTP/1.1\r\nHost: h\r\n\r\n",
    "GET /polling/watch/n HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n",
    "GET /orderpay?payid=1 HTTP/1.1\r\nHost: h\r\n\r\n",
    "GET /payback?payid=1 HTTP/1.1\r\nHost: h\r\n\r\n",
    "POST /message/read/n HTTP/1.1\r\nHost: h\r\n\r\n",
    "GET /livez HTTP/1.1\r\nHost: h\r\n\r\n",
    "GET / HTTP/1.1\r\nHost: h\r\n\r\n",
    // Names are of the first channel, the first message, and the first statement, at time 0.
    "GET /ledger HTTP/1.1\r\nHost: h\r\n\r\n",
    "GET /ledger?kernel=1 HTTP/1.1\r\nHost: h\r\n\r\n",
    "GET /ledger?since=1700000000000-1 HTTP/1.1\r\nHost: h\r\n\r\n",
    "GET /ledger?kernel=1&since=1700000000000-1 HTTP/1.1\r\nHost: h\r\n\r\n",
    "GET /metrics HTTP/1.1\r\nHost: h\r\n\r\n",
    "GET /c/n/receipts/1700000000000-1 HTTP/1.1\r\nHost: h\r\n\r\n",
    "GET /c/n/poll?since=1700000000000-1 HTTP/1.1\r\nHost: h\r\n\r\n",
    "GET /c/n/longpoll?since=1700000000000-1&timeout=1 HTTP/1.1\r\nHost: h\r\n\r\n",
    "GET /c/n/envelopes/1700000000000-1 HTTP/1.1\r\nHost: h\r\n\r\n",
    "GET /inspect/connections HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "GET /inspect/events HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "GET /inspect/events?own=1 HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "GET /c/n/sse?slow=oldest HTTP/1.1\r\nHost: h\r\n\r\n",
    "GET /c/n/stream?slow=latest HTTP/1.1\r\nHost: h\r\n\r\n",
    "GET /c/n/iframe?slow=oldest HTTP/1.0\r\n\r\n",
    "GET /c/n/ws?envelope=json&slow=newest HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\n\
     Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n\
     Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_asked_for_in_escapes_too() {
        assert!(asks_for_figures(b"GET /ledger HTTP/1.1"));
        assert!(asks_for_figures(b"GET /%6Cedger HTTP/1.1"));
        assert!(!asks_for_figures(b"GET /livez HTTP/1.1"));
    }
}
