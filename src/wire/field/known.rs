//! The fields of HTTP heads that pushscope meets, and what each is for.

use crate::wire::span::Part::Head;
use crate::wire::span::{Field, Reading};

/// The group of a field line with this name.
pub fn line(name: &[u8]) -> &'static Field {
    let known = KNOWN.iter().find(|field| field.name.as_bytes().eq_ignore_ascii_case(name));
    known.unwrap_or(&UNKNOWN)
}

const fn field(name: &'static str, clause: &'static str, meaning: &'static str) -> Field {
    Field::text(Head, name, clause, meaning).read(Reading::Fixed)
}

static UNKNOWN: Field = field(
    "field line",
    "RFC 9112 §5",
    "A field that pushscope does not know: it is kept for whoever asks, and means nothing here.",
);

static KNOWN: [Field; 58] = [
    field("Accept", "RFC 9110 §12.5.1", "Which media types the client can use for an answer."),
    field("Accept-Encoding", "RFC 9110 §12.5.3", "Which compressions the client can undo."),
    field("Accept-Language", "RFC 9110 §12.5.4", "Which languages the user reads."),
    field(
        "Access-Control-Allow-Credentials",
        "Fetch, CORS protocol",
        "Whether pages of that origin may read the answer even if it was asked for with cookies.",
    ),
    field(
        "Access-Control-Allow-Headers",
        "Fetch, CORS protocol",
        "Which fields pages of other origins may send.",
    ),
    field(
        "Access-Control-Allow-Methods",
        "Fetch, CORS protocol",
        "Which methods pages of other origins may use.",
    ),
    field(
        "Access-Control-Allow-Origin",
        "Fetch, CORS protocol",
        "The origin whose pages may read the answer.",
    ),
    field(
        "Access-Control-Expose-Headers",
        "Fetch, CORS protocol",
        "Which fields of the answer pages of other origins may read.",
    ),
    field(
        "Access-Control-Request-Headers",
        "Fetch, CORS protocol",
        "Which fields a page of another origin is about to send.",
    ),
    field(
        "Access-Control-Request-Method",
        "Fetch, CORS protocol",
        "Which method a page of another origin is about to use.",
    ),
    field("Allow", "RFC 9110 §10.2.1", "Which methods the target knows."),
    field("Authorization", "RFC 9110 §11.6.2", "What proves who asks: a secret."),
    field(
        "Cache-Control",
        "RFC 9111 §5.2",
        "Whether caches may keep or give an answer, and for how long.",
    ),
    field("Connection", "RFC 9110 §7.6.1", "What is to become of this very connection."),
    field("Content-Length", "RFC 9110 §8.6", "How many bytes of content follow the head."),
    field(
        "Content-Security-Policy",
        "CSP3 §3.1",
        "What a document may load and run, and who may frame it.",
    ),
    field("Content-Type", "RFC 9110 §8.3", "What the content is."),
    field(
        "Cookie",
        "RFC 6265 §4.2",
        "What the server has asked the browser to send back: a secret.",
    ),
    field("Date", "RFC 9110 §6.6.1", "When the answer was made."),
    field("DNT", "TPE §5.2", "That the user does not want to be tracked."),
    field("ETag", "RFC 9110 §8.8.3", "The version of what is answered: here, the cursor."),
    field("Expect", "RFC 9110 §10.1.1", "That the client waits for a 100 before it sends content."),
    field("Host", "RFC 9110 §7.2", "Which of the hosts at this address is meant."),
    field("If-Modified-Since", "RFC 9110 §13.1.3", "Asks for what has changed since then."),
    field(
        "If-None-Match",
        "RFC 9110 §13.1.2",
        "The version that the client has: without a newer one, 304 answers.",
    ),
    field("Keep-Alive", "RFC 2068 §19.7.1.1", "How long the connection may stay idle."),
    field(
        "Last-Event-ID",
        "HTML §9.2.4",
        "The id of the last event that the client has heard: the stream goes on behind it.",
    ),
    field("Last-Modified", "RFC 9110 §8.8.2", "When what is answered was last changed."),
    field("Location", "RFC 9110 §10.2.2", "Where to go on."),
    field("Origin", "Fetch, Origin header", "Whose page asks: browsers tell, and do not lie."),
    field("Pragma", "RFC 9111 §5.4", "What Cache-Control was in HTTP/1.0."),
    field(
        "Priority",
        "RFC 9218 §5",
        "How urgent the answer is, and whether parts of it are of use.",
    ),
    field("Proxy-Authorization", "RFC 9110 §11.7.2", "What proves to a proxy who asks: a secret."),
    field(
        "Pushscope-Gap",
        "README, Channels",
        "How many messages between the client's cursor and this answer are no longer in the log.",
    ),
    field("Referer", "RFC 9110 §10.1.3", "Where the link was that led here."),
    field("Retry-After", "RFC 9110 §10.2.3", "How many seconds to wait, or until when."),
    field("Sec-CH-UA", "UA Client Hints §3.1", "Which browser it is."),
    field("Sec-CH-UA-Mobile", "UA Client Hints §3.7", "Whether it is a phone's browser."),
    field("Sec-CH-UA-Platform", "UA Client Hints §3.9", "On which system the browser runs."),
    field(
        "Sec-Fetch-Dest",
        "Fetch Metadata §2.1",
        "What the answer is for: a document, a script, …",
    ),
    field(
        "Sec-Fetch-Mode",
        "Fetch Metadata §2.2",
        "How it is fetched: navigate, cors, websocket, …",
    ),
    field(
        "Sec-Fetch-Site",
        "Fetch Metadata §2.3",
        "Whether the page that asks is of the same site.",
    ),
    field("Sec-Fetch-User", "Fetch Metadata §2.4", "Whether a user's click has led here."),
    field(
        "Sec-WebSocket-Accept",
        "RFC 6455 §4.2.2",
        "SHA-1, in base64, of the client's key and a fixed text: from a server that means it.",
    ),
    field(
        "Sec-WebSocket-Extensions",
        "RFC 6455 §9.1",
        "Which extensions are offered or agreed on; pushscope agrees on none.",
    ),
    field(
        "Sec-WebSocket-Key",
        "RFC 6455 §4.1",
        "16 random bytes in base64: no proof of anything but that the server speaks WebSocket.",
    ),
    field(
        "Sec-WebSocket-Protocol",
        "RFC 6455 §1.9",
        "Which protocols may be spoken in the frames.",
    ),
    field(
        "Sec-WebSocket-Version",
        "RFC 6455 §11.3.5",
        "The version of the protocol: 13. A refusal lists those that the server speaks.",
    ),
    field("Server", "RFC 9110 §10.2.4", "Which software has answered."),
    field("Set-Cookie", "RFC 6265 §4.1", "What the browser is to send back from now on: a secret."),
    field("TE", "RFC 9110 §10.1.4", "Which transfer codings, besides chunks, the client can undo."),
    field(
        "Transfer-Encoding",
        "RFC 9112 §6.1",
        "How the content is framed: in chunks, when its length is not known beforehand.",
    ),
    field("Upgrade", "RFC 9110 §7.8", "To which protocol this connection is to change."),
    field(
        "Upgrade-Insecure-Requests",
        "Upgrade Insecure Requests §3.2.1",
        "That the browser would rather have a secure page.",
    ),
    field("User-Agent", "RFC 9110 §10.1.5", "Which software asks."),
    field("Vary", "RFC 9110 §12.5.5", "Which fields of the request the answer depends on."),
    field(
        "X-Accel-Buffering",
        "nginx, ngx_http_proxy_module",
        "Asks a proxy before the server not to hold the stream back.",
    ),
    field(
        "X-Content-Type-Options",
        "Fetch, nosniff",
        "Forbids the browser to guess another type than Content-Type says.",
    ),
];

/// Whether the value of a field with this name is a secret that is not to be shown.
pub fn is_secret(name: &[u8]) -> bool {
    const SECRETS: [&[u8]; 7] = [
        b"authorization",
        b"cookie",
        b"cookie2",
        b"proxy-authorization",
        b"set-cookie",
        b"x-api-key",
        b"x-auth-token",
    ];
    SECRETS.iter().any(|secret| secret.eq_ignore_ascii_case(name))
}
