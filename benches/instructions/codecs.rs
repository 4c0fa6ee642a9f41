//! The cases of codecs: one operation is one head, frame, chunk, event or message.

use std::hint::black_box;
use std::sync::Arc;

use pushscope::clock::Instant;
use pushscope::event::{Event, Payload};
use pushscope::id::Id;
use pushscope::limits::{Limits, MESSAGE_BYTES_MAX};
use pushscope::route;
use pushscope::wire::chunked::{self, Decoder};
use pushscope::wire::cursor::Parse;
use pushscope::wire::date::Date;
use pushscope::wire::event_stream;
use pushscope::wire::head::{self, Head, Scan};
use pushscope::wire::json;
use pushscope::wire::response::ResponseHead;
use pushscope::wire::ws_frame::{self, Opcode, Role};
use pushscope::wire::ws_handshake;
use pushscope::wire::ws_message::Assembler;

use crate::heads::{CHROMIUM, CURL, HANDSHAKE};
use crate::stage::{MESSAGE, masked};
use crate::{Case, Operation};

/// Every case.
pub(crate) const CASES: &[Case] = &[
    Case::of("chunk, 16 B, parse", || parse_chunk(16)),
    Case::of("chunk, 4 KiB, encode", || encode(&filled(4 * KIB), encode_chunk)),
    Case::of("chunk, 4 KiB, parse", || parse_chunk(4 * KIB)),
    Case::of("chunk, 64 B, encode", || encode(MESSAGE, encode_chunk)),
    Case::of("event stream, 4 KiB of 64 lines, encode", || encode(&lines(), encode_event)),
    Case::of("event stream, 4 KiB, encode", || encode(&filled(4 * KIB), encode_event)),
    Case::of("event stream, 64 B, encode", || encode(MESSAGE, encode_event)),
    Case::of("frame, 64 B, encode", || encode(MESSAGE, encode_frame)),
    Case::of("frame, head, parse", parse_frame_head),
    Case::of("head, Chromium's, parse", || parse_head(CHROMIUM)),
    Case::of("head, curl's, parse", || parse_head(CURL)),
    Case::of("head, of a handshake, parse", || parse_head(HANDSHAKE)),
    Case::of("json, 4 KiB of 64 lines, encode", || encode_json(&lines())),
    Case::of("json, 64 B, encode", || encode_json(MESSAGE)),
    Case::of("message, 16 KiB in four reads, parse", || parse_message(16 * KIB, 4 * KIB)),
    Case::of("message, 64 B, parse", || parse_message(64, KIB)),
    Case::of("response head, encode", encode_response_head),
    Case::of("route, /c/{channel}/poll?since=", || resolve(CHROMIUM)),
    Case::of("route, /healthz", || resolve(CURL)),
    Case::of("unmask, 16 KiB", || unmask(16 * KIB)),
    Case::of("unmask, 64 B", || unmask(64)),
    Case::of("websocket handshake, check and answer", handshake),
];

const KIB: usize = 1024;

fn encode(text: &str, encode: fn(&str, &mut Vec<u8>)) -> Operation {
    let text = text.to_owned();
    let mut into = Vec::with_capacity(2 * text.len() + 64);
    Box::new(move || {
        into.clear();
        encode(black_box(&text), &mut into);
        black_box(&into);
    })
}

fn encode_chunk(content: &str, into: &mut Vec<u8>) {
    chunked::encode(content.as_bytes(), into);
}

fn encode_event(data: &str, into: &mut Vec<u8>) {
    event_stream::encode(Some("1763712345678-1"), None, data, into).unwrap();
}

fn encode_frame(payload: &str, into: &mut Vec<u8>) {
    ws_frame::encode_frame(Opcode::Text, payload.as_bytes(), into);
}

fn encode_json(text: &str) -> Operation {
    let event = Event {
        id: Id { epoch: 1_763_712_345_678, offset: 1 },
        time_ms: 1_763_712_345_678,
        at: Instant::ZERO,
        channel: Arc::from("news"),
        name: None,
        payload: Payload::Text(Arc::from(text)),
    };
    let mut into = Vec::with_capacity(2 * text.len() + 256);
    Box::new(move || {
        into.clear();
        black_box(json::encode_message(black_box(&event), &mut into));
    })
}

fn encode_response_head() -> Operation {
    let date = Date::at(1_763_712_345);
    Box::new(move || {
        let head = ResponseHead::new(200, black_box(&date))
            .field("Content-Type", "application/json")
            .field("Cache-Control", "no-store")
            .number("Content-Length", 117);
        black_box(head.end());
    })
}

fn parse_chunk(bytes: usize) -> Operation {
    let mut chunk = Vec::new();
    chunked::encode(filled(bytes).as_bytes(), &mut chunk);
    let mut content = Vec::with_capacity(bytes);
    Box::new(move || {
        content.clear();
        let mut body = Decoder::new(MESSAGE_BYTES_MAX as u64);
        let step = body.receive(black_box(&chunk), &mut content).unwrap();
        assert_eq!(step.taken, chunk.len());
    })
}

fn parse_head(bytes: &'static str) -> Operation {
    Box::new(move || {
        let mut room = head::room();
        let parsed = head::parse(black_box(bytes.as_bytes()), &mut Scan::default(), &mut room);
        assert!(matches!(parsed, Ok(Parse::Complete(_, length)) if length == bytes.len()));
    })
}

fn parse_frame_head() -> Operation {
    let frame = masked(1, MESSAGE.as_bytes());
    Box::new(move || {
        black_box(ws_frame::parse(black_box(&frame), Role::Client)).unwrap();
    })
}

/// A text in two-byte characters, whose pieces end within one.
fn parse_message(bytes: usize, read_bytes: usize) -> Operation {
    let text = "é".repeat(bytes / 2);
    let frame = masked(1, text.as_bytes());
    let mut assembler = Assembler::new(Role::Client);
    Box::new(move || {
        let mut message = None;
        for piece in frame.chunks(read_bytes + 1) {
            let received = assembler.receive(black_box(piece), MESSAGE_BYTES_MAX).unwrap();
            assert_eq!(received.taken, piece.len());
            message = received.message;
        }
        assert!(message.is_some());
    })
}

fn resolve(bytes: &'static str) -> Operation {
    let (head, limits) = (parsed(bytes), Limits::default());
    Box::new(move || {
        black_box(route::resolve(black_box(&head), &limits)).unwrap();
    })
}

fn unmask(bytes: usize) -> Operation {
    let mut payload = vec![b'x'; bytes];
    Box::new(move || ws_frame::mask(black_box(&mut payload), [1, 2, 3, 4], 0))
}

fn handshake() -> Operation {
    let head = parsed(HANDSHAKE);
    Box::new(move || {
        let handshake = ws_handshake::check(black_box(&head)).unwrap();
        black_box(ws_handshake::encode_answer(&handshake, None, &[]));
    })
}

/// A head that stays for as long as this program, which runs one case.
fn parsed(bytes: &'static str) -> Head<'static, 'static> {
    let room = Box::leak(Box::new(head::room()));
    match head::parse(bytes.as_bytes(), &mut Scan::default(), room) {
        Ok(Parse::Complete(head, _)) => head,
        other => panic!("{other:?}"),
    }
}

fn filled(bytes: usize) -> String {
    "x".repeat(bytes)
}

/// 4 KiB in 64 lines.
fn lines() -> String {
    format!("{}\n", filled(63)).repeat(64)
}
