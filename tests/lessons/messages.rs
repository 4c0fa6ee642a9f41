//! Obligations about opening, and about messages that arrive whole, exact and in order.

use pushscope::event::Payload;
use pushscope::id::Kind;

use crate::support::request;
use crate::support::{Answer, Client, Dress, Message, Seen, World, address, answers, hear};

pub(crate) fn opens(kind: Kind) {
    let mut world = World::new();
    let id = world.publish("news", "hello").id();
    let before = id.replace("-1", "-0");
    let client = Client::open(&mut world, kind, "news", &before);
    let answer = client.answer(&world);
    match kind {
        Kind::Poll | Kind::LongPoll => {
            assert_eq!(answer.status, 200);
            let fields = ["application/json", "no-store", "nosniff", &format!("\"{id}\"")];
            assert_fields(&answer, ["Content-Type", "Cache-Control", SNIFF, "ETag"], fields);
            assert_eq!(answer.field("Connection"), None);
        }
        Kind::Iframe => assert_stream(&answer, "text/html; charset=utf-8", "no-store", "chunked"),
        Kind::XhrStream => assert_stream(&answer, "application/x-ndjson", "no-store", "chunked"),
        Kind::Sse => {
            assert_stream(&answer, "text/event-stream", "no-cache, no-transform", "");
        }
        Kind::WebSocket => {
            assert_eq!(answer.status, 101);
            let names = ["Upgrade", "Connection", "Sec-WebSocket-Accept"];
            let values = ["websocket", "Upgrade", "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="];
            assert_fields(&answer, names, values);
        }
    }
}

fn assert_stream(answer: &Answer, content_type: &str, cache: &str, coding: &str) {
    assert_eq!(answer.status, 200);
    let names = ["Content-Type", "Cache-Control", SNIFF, "X-Accel-Buffering", "Connection"];
    assert_fields(answer, names, [content_type, cache, "nosniff", "no", "close"]);
    assert_eq!(answer.field("Transfer-Encoding").unwrap_or_default(), coding);
    assert_eq!(answer.field("Content-Length"), None);
    assert!(answer.field("Date").is_some());
}

fn assert_fields<const N: usize>(answer: &Answer, names: [&str; N], values: [&str; N]) {
    for (name, value) in names.into_iter().zip(values) {
        assert_eq!(answer.field(name), Some(value), "{name}");
    }
}

pub(crate) fn opens_nothing_for_head(kind: Kind) {
    let mut world = World::new();
    world.publish("news", "hello");
    let head = request(kind, &address(kind, "news")).replacen("GET", "HEAD", 1);
    world.tell("h", &head);
    let said = world.said("h").to_vec();
    // RFC 6455 §4.2.1: a handshake is a GET.
    let status = if kind == Kind::WebSocket { 426 } else { 200 };
    let line = format!("HTTP/1.1 {status} ");
    assert!(said.starts_with(line.as_bytes()), "{}", String::from_utf8_lossy(&said));
    assert!(said.ends_with(b"\r\n\r\n") && answers(&said).len() == 1);
    assert_eq!((world.online(kind), world.subscribers("news")), (0, 0));
    // The connection is as good as before.
    world.tell("h", "GET /livez HTTP/1.1\r\nHost: h\r\n\r\n");
    assert!(world.said("h").ends_with(b"\r\n\r\nok\n"));
}

pub(crate) fn speaks_http_10(kind: Kind) {
    let mut world = World::new();
    let id = world.publish("news", "one").id();
    let target = format!("{}?since={}", address(kind, "news"), id.replace("-1", "-0"));
    world.tell("old", format!("GET {target} HTTP/1.0\r\n\r\n"));
    world.publish("news", "two");
    let said = world.said("old").to_vec();
    let answer = answers(&said).remove(0);
    assert_eq!((answer.status, answer.field("Transfer-Encoding")), (200, None));
    assert_eq!(answer.field("Connection"), Some("close"));
    let once = matches!(kind, Kind::Poll | Kind::LongPoll);
    assert_eq!(world.is_over("old"), once);
    let heard = hear(kind, &said).seen.len();
    assert_eq!(heard, if once { 1 } else { 2 });
}

/// Texts that a mechanism could mistake for its own syntax.
const TEXTS: &[&str] = &[
    "hello",
    "",
    " leading and trailing ",
    "\n",
    "a\nb",
    "a\n\nb\n",
    "\r",
    "a\rb",
    "a\r\nb",
    "\r\n\r\n",
    "data: x\n\nid: 9-9\nevent: gap",
    ": comment",
    "\"quotes\" and \\backslash\\",
    "</script><script>alert(1)</script>",
    "<!-- <script",
    "-->",
    "]]>&amp;&#10;",
    "a\u{2028}b\u{2029}c",
    "\0",
    "\u{feff}mark",
    "\u{7f}\u{1}\u{1b}[31m",
    "🙂 günstig 漢字",
    "0\r\n\r\n",
    "\u{fffd}",
    "'single' `back` ${dollar}",
];

pub(crate) fn delivers_texts(kind: Kind) {
    for dress in [Dress::Envelope, Dress::Bare] {
        let mut world = World::new();
        let mut client = Client::dressed(&mut world, kind, "news", "", dress);
        client.hear(&mut world);
        for text in TEXTS {
            world.publish("news", text);
            let heard = client.texts(&mut world).pop();
            assert_eq!(heard.as_deref(), Some(*text), "live");
        }
        let mut late = Client::dressed(&mut world, kind, "news", "all", dress);
        assert_eq!(late.texts(&mut world), TEXTS, "replayed");
    }
}

pub(crate) fn delivers_64_kib(kind: Kind) {
    let mut world = World::new();
    let mut client = Client::open(&mut world, kind, "news", "latest");
    client.hear(&mut world);
    for size in [125, 126, 127, 4_096, 65_535, 65_536, 65_537] {
        let text: String = ('a'..='z').chain(['\n', 'é', '"']).cycle().take(size).collect();
        world.publish("news", &text);
        assert_eq!(client.texts(&mut world).pop(), Some(text), "{size}");
    }
}

pub(crate) fn delivers_binary(kind: Kind) {
    for dress in [Dress::Envelope, Dress::Bare] {
        let mut world = World::new();
        let mut client = Client::dressed(&mut world, kind, "news", "latest", dress);
        client.hear(&mut world);
        let every: Vec<u8> = (0..=255).collect();
        for bytes in [&every[..], b"", b"\xff", b"text all the same", b"\r\n\0"] {
            let octets = "application/octet-stream";
            assert!(world.post("/c/news", octets, bytes).status < 300);
            let message = client.messages(&mut world).pop().expect("a message");
            assert_eq!(message.payload, Payload::Binary(bytes.into()));
        }
    }
}

pub(crate) fn delivers_names(kind: Kind) {
    let mut world = World::new();
    let mut client = Client::open(&mut world, kind, "news", "latest");
    client.hear(&mut world);
    for name in ["price", "günstig 🙂", "a: b", "\"<&", "message"] {
        let target = format!("/c/news?event={}", escaped(name));
        assert!(world.post(&target, "text/plain", b"1").status < 300, "{name}");
        let message = client.messages(&mut world).pop().expect("a message");
        assert_eq!(message.name.as_deref(), Some(name));
    }
    for (name, reason) in [
        ("gap", "event_name_reserved"),
        ("envelope", "event_name_reserved"),
        ("end", "event_name_reserved"),
        ("a\nb", "event_name_refused"),
        ("a\rdata: x", "event_name_refused"),
        ("", "event_name_refused"),
    ] {
        let target = format!("/c/news?event={}", escaped(name));
        let answer = world.post(&target, "text/plain", b"1");
        assert_eq!((answer.status, answer.reason().as_str()), (400, reason), "{name:?}");
    }
    assert_eq!(client.messages(&mut world).len(), 5);
}

pub(crate) fn delivers_no_broken_text(kind: Kind) {
    let mut world = World::new();
    let mut client = Client::open(&mut world, kind, "news", "latest");
    client.hear(&mut world);
    for content_type in ["text/plain", "application/json", "text/html; charset=UTF-8"] {
        let answer = world.post("/c/news", content_type, b"caf\xe9");
        assert_eq!((answer.status, answer.reason().as_str()), (400, "text_not_utf8"));
    }
    let answer = world.post("/c/news", "text/plain; charset=latin1", b"caf\xe9");
    assert_eq!((answer.status, answer.reason().as_str()), (415, "content_type_refused"));
    assert_eq!(client.messages(&mut world), []);
    assert_eq!(world.get("/c/news").json()["messages"], 0);
}

pub(crate) fn keeps_order(kind: Kind) {
    let mut world = World::new();
    let mut client = Client::open(&mut world, kind, "news", "latest");
    client.hear(&mut world);
    let all: Vec<String> = (0..1_000).map(|number| number.to_string()).collect();
    let mut rest = &all[..];
    for burst in [1, 63, 64, 65, 2, 128, 200, 7, 256, 214] {
        let (now, later) = rest.split_at(burst);
        world.publish_burst("news", now);
        client.hear(&mut world);
        rest = later;
    }
    assert_eq!(rest.len(), 0);
    assert_eq!(client.texts(&mut world), all);
    let ids: Vec<u64> = client.messages(&mut world).iter().map(offset).collect();
    assert_eq!(ids, (1..=1_000).collect::<Vec<u64>>());
}

pub(crate) fn keeps_channels_apart(kind: Kind) {
    let mut world = World::new();
    let mut ours = Client::open(&mut world, kind, "ours/günstig 🙂", "latest");
    let mut theirs = Client::open(&mut world, kind, "theirs", "latest");
    ours.hear(&mut world);
    theirs.hear(&mut world);
    world.publish("theirs", "1");
    world.publish(&escaped("ours/günstig 🙂"), "2");
    assert_eq!(theirs.texts(&mut world), ["1"]);
    assert_eq!(ours.texts(&mut world), ["2"]);
}

pub(crate) fn survives_short_writes(kind: Kind) {
    let mut world = World::new();
    for text in TEXTS {
        world.publish("news", text);
    }
    let mut whole = Client::open(&mut world, kind, "news", "all");
    let expected = whole.texts(&mut world);
    let target = format!("{}?since=all&envelope=json", address(kind, "news"));
    world.enter("narrow");
    world.narrow("narrow", 0);
    world.tell("narrow", request(kind, &target));
    assert_eq!(world.said("narrow"), b"");
    for step in (1..).take(200) {
        world.widen("narrow", step % 97);
    }
    let heard = hear(kind, world.said("narrow"));
    let texts = heard.seen.into_iter().filter_map(|seen| match seen {
        Seen::Message(Message { payload: Payload::Text(text), .. }) => Some(text.to_string()),
        _ => None,
    });
    assert_eq!(texts.collect::<Vec<_>>(), expected);
}

pub(crate) fn leaves_the_read_mark(kind: Kind) {
    let mut world = World::new();
    let mut client = Client::open(&mut world, kind, "42", "latest");
    client.hear(&mut world);
    for text in ["a", "b", "c"] {
        world.publish("42", text);
    }
    assert_eq!(client.texts(&mut world).len(), 3);
    assert_eq!(world.get("/message/count/42").json()["data"], 3);
    let read = "POST /message/read/42?upto=2 HTTP/1.1\r\nHost: h\r\n\r\n";
    assert_eq!(world.ask(read).json()["data"], 1);
    assert_eq!(world.ask(read.replace("?upto=2", "")).json()["data"], 0);
    assert_eq!(world.get("/message/count/42").text(), r#"{"code":200,"data":0}"#);
    assert_eq!(client.texts(&mut world).len(), 3, "reading is no message");
}

fn offset(message: &Message) -> u64 {
    let id = message.id.as_deref().expect("an id");
    id.split_once('-').and_then(|(_, offset)| offset.parse().ok()).expect("an offset")
}

/// As one segment, or one value, of a target.
pub(crate) fn escaped(text: &str) -> String {
    text.bytes().map(|byte| format!("%{byte:02X}")).collect()
}

const SNIFF: &str = "X-Content-Type-Options";
