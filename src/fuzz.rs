//! The bodies of the fuzz targets: each takes any bytes, and has an oracle that is not a crash.
//!
//! They are compiled always, so that they cannot rot, and replayed over `fuzz/seeds` by
//! `tests/seeds.rs`. A parser's oracle is that cuts change nothing; an encoder's, that what it
//! wrote is read back; the engine's, that its invariants hold and everybody is swept in the end.

mod books;
mod dissect;
mod follow;
mod gauge;
mod phrases;
mod script;

use std::io;
use std::sync::Arc;

use crate::clock::Instant;
use crate::cost::Bytes;
use crate::event::{Batch, Course, Event, Gap, Payload};
use crate::explain::{Audience, Explainer, Settings, Told};
use crate::id::{self, Id, Since};
use crate::limits::EXPLAIN_HELD_BYTES_MAX;
use crate::wire::body::{Body, BodyError};
use crate::wire::chunked::{self, ChunkedError, Decoder};
use crate::wire::cursor::Parse;
use crate::wire::event_stream::{self, StreamEvent};
use crate::wire::head::{Content, HeadError, Method, Scan, room};
use crate::wire::span::untiled;
use crate::wire::target::{Target, encode_segment};
use crate::wire::utf8::{Checker, NotUtf8};
use crate::wire::ws_frame::{FrameError, Role};
use crate::wire::ws_message::{Assembler, Message, MessageError};
use crate::wire::{json, response, ws_frame, ws_handshake};

pub use dissect::{dissect, encoded};
pub use script::engine;

/// A request head means the same however it is cut.
pub fn head(data: &[u8]) {
    let whole = parse_head([data].into_iter());
    assert_eq!(parse_head(data.chunks(1)), whole, "byte by byte");
    assert_eq!(parse_head(pieces(data)), whole, "cut");
    if let Ok(Some((taken, _))) = whole {
        assert!(data.get(..taken).is_some_and(|head| head.ends_with(b"\r\n\r\n")));
    }
}

/// A capture means the same however it is cut; its bytes are tiled, what waits is bounded, and all
/// that was put in order is told, or noted as what cannot be read.
pub fn capture(data: &[u8]) {
    // What is no capture becomes one, of raw IP packets.
    let is_one = data.starts_with(b"\n\r\r\n") || data.starts_with(b"\xa1\xb2\xc3\xd4");
    let bytes = if is_one { data.to_vec() } else { [PCAP_HEADER, data].concat() };
    let whole = explained([&bytes[..]].into_iter());
    assert_eq!(explained(bytes.chunks(1)), whole, "byte by byte");
    assert_eq!(explained(pieces(&bytes)), whole, "cut");
}

/// A body of any framing means the same however it is cut.
pub fn body(data: &[u8]) {
    let Some(([framing, length], data)) = data.split_first_chunk() else { return };
    let framing = match framing % 3 {
        0 => Content::None,
        1 => Content::Length(u64::from(*length)),
        _ => Content::Chunked,
    };
    let whole = take_body(framing, [data].into_iter());
    assert_eq!(take_body(framing, data.chunks(1)), whole, "byte by byte");
    assert_eq!(take_body(framing, pieces(data)), whole, "cut");
}

/// Chunks mean the same however they are cut, and content survives being chunked.
pub fn chunked(data: &[u8]) {
    let whole = unchunk([data].into_iter());
    assert_eq!(unchunk(data.chunks(1)), whole, "byte by byte");
    assert_eq!(unchunk(pieces(data)), whole, "cut");
    let mut bytes = Vec::new();
    pieces(data).for_each(|piece| chunked::encode(piece, &mut bytes));
    bytes.extend_from_slice(chunked::LAST_CHUNK);
    assert_eq!(unchunk(pieces(&bytes)), (data.to_vec(), Ok((bytes.len(), true))), "round trip");
}

/// A target is split without a panic, and a segment survives being escaped.
pub fn target(data: &[u8]) {
    let Ok(text) = str::from_utf8(data) else { return };
    if let Ok(target) = Target::parse(text) {
        let _ = (target.segments(), target.query("since"), target.query(""), target.authority());
    }
    let mut escaped = String::from("/");
    encode_segment(text, &mut escaped);
    let segments = Target::parse(&escaped).and_then(|target| target.segments());
    let segments = segments.map(|segments| segments.as_slice().join("/"));
    assert_eq!(segments.as_deref(), Ok(text));
}

/// The head of a frame is written as it was read, and an error is certain once it is raised.
pub fn ws_frame(data: &[u8]) {
    for from in [Role::Client, Role::Server] {
        let whole = ws_frame::parse(data, from);
        for end in 0..=data.len().min(FRAME_HEAD_BYTES_MAX) {
            let part = ws_frame::parse(data.get(..end).unwrap_or_default(), from);
            assert!(part == whole || part == Ok(Parse::Partial), "{part:?}, then {whole:?}");
        }
        if let Ok(Parse::Complete(head, taken)) = whole {
            let mut bytes = Vec::new();
            ws_frame::encode(head, &mut bytes);
            assert_eq!(data.get(..taken), Some(&bytes[..]));
        }
        if whole == Err(FrameError::LengthTopBitSet) {
            assert!(data.len() > 2);
        }
    }
}

/// Frames mean the same however they are cut.
pub fn ws_message(data: &[u8]) {
    let Some((limit, data)) = data.split_first() else { return };
    for from in [Role::Client, Role::Server] {
        let limit = usize::from(*limit);
        let whole = assemble(from, limit, [data].into_iter());
        assert_eq!(assemble(from, limit, data.chunks(1)), whole, "byte by byte");
        assert_eq!(assemble(from, limit, pieces(data)), whole, "cut");
    }
}

/// A handshake that is accepted is answered so that a client accepts it, and ours is accepted.
pub fn ws_handshake(data: &[u8]) {
    let mut room = room();
    let parsed = crate::wire::head::parse(data, &mut Scan::default(), &mut room);
    if let Ok(Parse::Complete(head, _)) = parsed
        && let Ok(handshake) = ws_handshake::check(&head)
    {
        let protocol = handshake.protocol(&["pushscope.json"]);
        let answer = ws_handshake::encode_answer(&handshake, protocol, &[]);
        check_answer(&answer, handshake.key);
    }
    let Ok(text) = str::from_utf8(data) else { return };
    let request = ws_handshake::encode_request("h", &format!("/{text}"), KEY, Some(text), &[]);
    let mut room = crate::wire::head::room();
    match crate::wire::head::parse(&request, &mut Scan::default(), &mut room) {
        Ok(Parse::Complete(head, taken)) => {
            assert_eq!(taken, request.len(), "no text splits the head");
            assert_eq!(ws_handshake::check(&head).map(|handshake| handshake.key), Ok(KEY));
        }
        other => assert!(request.len() > HEAD_BYTES_FITTING, "{other:?}"),
    }
}

/// A text is what the standard library says of the whole of it, however it is cut, and what can
/// become none is refused with its first wrong byte.
pub fn utf8(data: &[u8]) {
    check_text(data, [data].into_iter());
    check_text(data, data.chunks(1));
    check_text(data, pieces(data));
}

/// An event stream means the same however it is cut, and an event survives it.
pub fn event_stream(data: &[u8]) {
    let whole = decode_events([data].into_iter());
    assert_eq!(decode_events(data.chunks(1)), whole, "byte by byte");
    assert_eq!(decode_events(pieces(data)), whole, "cut");
    let Ok(text) = str::from_utf8(data) else { return };
    let (id, text) = text.split_once('\u{1}').map_or((None, text), |(id, text)| (Some(id), text));
    let (name, text) =
        text.split_once('\u{2}').map_or((None, text), |(name, text)| (Some(name), text));
    let mut bytes = Vec::new();
    let Ok(made) = event_stream::encode(id, name, text, &mut bytes) else {
        return assert_eq!(bytes, b"", "what is refused leaves nothing behind");
    };
    assert_eq!(made.total(), bytes.len() as u64);
    let expected = StreamEvent {
        name: name.filter(|name| !name.is_empty()).unwrap_or("message").to_owned(),
        data: text.to_owned(),
        last_event_id: id.unwrap_or_default().to_owned(),
    };
    assert_eq!(decode_events(pieces(&bytes)), (vec![expected], true));
}

/// Messages survive JSON, also within a script.
pub fn json(data: &[u8]) {
    let _ = (json::parse_batch(data), json::parse_gap(data));
    if let Ok(message) = json::parse_message(data) {
        round_trip(&Event {
            id: message.id,
            time_ms: message.time,
            at: Instant::ZERO,
            channel: message.channel.into(),
            name: message.event.map(Arc::from),
            payload: message.payload,
        });
    }
    let payload = match str::from_utf8(data) {
        Ok(text) => Payload::Text(text.into()),
        Err(_) => Payload::Binary(data.into()),
    };
    let name = str::from_utf8(data).ok().map(Arc::from);
    let id = Id { epoch: 17, offset: data.len() as u64 };
    round_trip(&Event { id, time_ms: 0, at: Instant::ZERO, channel: "c".into(), name, payload });
}

/// A cursor is read as it is written; digits are read as numbers are.
pub fn cursor(data: &[u8]) {
    let Ok(text) = str::from_utf8(data) else { return };
    if let Some(id) = Id::parse(text) {
        assert_eq!(Id::parse(&id.to_string()), Some(id));
        assert_eq!(Since::parse(text), Some(Since::Id(id)));
    }
    if let Some(number) = id::decimal(text) {
        assert_eq!(text.parse(), Ok(number));
        assert!(text.len() <= 19 && text.bytes().all(|byte| byte.is_ascii_digit()));
    }
    let _ = Since::parse(text);
}

/// What a head says, as far as it can be compared when its bytes are gone.
type HeadSaid = (usize, String);

fn parse_head<'b>(pieces: impl Iterator<Item = &'b [u8]>) -> Result<Option<HeadSaid>, HeadError> {
    let (mut bytes, mut scan) = (Vec::new(), Scan::default());
    for piece in pieces {
        bytes.extend_from_slice(piece);
        let mut room = room();
        match crate::wire::head::parse(&bytes, &mut scan, &mut room)? {
            Parse::Complete(head, taken) => return Ok(Some((taken, format!("{head:?}")))),
            Parse::Partial => {}
        }
    }
    Ok(None)
}

/// The content, and how far it has come or what is wrong.
type BodySaid<E> = (Vec<u8>, Result<(usize, bool), E>);

fn take_body<'b>(framing: Content, pieces: impl Iterator<Item = &'b [u8]>) -> BodySaid<BodyError> {
    let mut content = Vec::new();
    let mut body = match Body::new(framing, CONTENT_BYTES_MAX) {
        Ok(body) => body,
        Err(error) => return (content, Err(error)),
    };
    let mut taken = 0;
    for piece in pieces {
        match body.receive(piece, &mut content) {
            Ok(step) => taken += step.taken,
            Err(error) => return (content, Err(error)),
        }
    }
    (content, Ok((taken, body.is_empty())))
}

fn unchunk<'b>(pieces: impl Iterator<Item = &'b [u8]>) -> BodySaid<ChunkedError> {
    let (mut content, mut taken) = (Vec::new(), 0);
    let mut decoder = Decoder::new(1 << 20);
    for piece in pieces {
        match decoder.receive(piece, &mut content) {
            Ok(step) => taken += step.taken,
            Err(error) => {
                assert_eq!(decoder.receive(b"0\r\n\r\n", &mut content), Err(error), "stays failed");
                return (content, Err(error));
            }
        }
    }
    (content, Ok((taken, decoder.is_done())))
}

/// Feeds an assembler as a connection does: what is not taken comes again.
fn assemble<'b>(
    from: Role,
    limit: usize,
    pieces: impl Iterator<Item = &'b [u8]>,
) -> (Vec<Message>, Result<Bytes, MessageError>) {
    let mut assembler = Assembler::new(from);
    let (mut messages, mut rest, mut parsed) = (Vec::new(), Vec::new(), Bytes::ZERO);
    for piece in pieces {
        rest.extend_from_slice(piece);
        loop {
            match assembler.receive(&rest, limit) {
                Ok(received) => {
                    rest.drain(..received.taken);
                    assert_eq!(received.parsed.total(), received.taken as u64);
                    parsed += received.parsed;
                    match received.message {
                        Some(message) => messages.push(message),
                        None => break,
                    }
                }
                Err(error) => return (messages, Err(error)),
            }
        }
    }
    (messages, Ok(parsed))
}

fn check_answer(answer: &[u8], key: &str) {
    let (mut scan, mut room) = (Scan::default(), crate::wire::head::room());
    let parsed = response::parse(answer, Method::Get, &mut scan, &mut room);
    let checked = parsed.map(|parsed| match parsed {
        Parse::Complete(head, taken) => Some((taken, ws_handshake::check_answer(&head, key))),
        Parse::Partial => None,
    });
    assert_eq!(checked, Ok(Some((answer.len(), Ok(())))));
}

/// What is told, in words, and whether the capture could be read to its end.
fn explained<'b>(pieces: impl Iterator<Item = &'b [u8]>) -> (Vec<String>, bool) {
    let mut explainer = Explainer::new(Settings::default(), Words::default());
    let mut is_readable = true;
    for piece in pieces {
        is_readable = is_readable && explainer.receive(piece).is_ok();
        assert!(explainer.held() <= EXPLAIN_HELD_BYTES_MAX, "what waits is bounded");
    }
    let (findings, Words { words, units, bytes }) = explainer.end();
    if let Ok(findings) = &findings {
        assert_eq!((findings.units, findings.bytes), (units, bytes));
        assert_eq!(findings.joined, bytes + findings.unread, "all is told, or noted: {words:#?}");
    }
    (words, is_readable && findings.is_ok())
}

/// What is told, in words.
#[derive(Default)]
struct Words {
    words: Vec<String>,
    units: u64,
    bytes: u64,
}

impl Audience for Words {
    fn tell(&mut self, told: &Told<'_>) -> io::Result<()> {
        if let Told::Unit { unit, .. } = told {
            self.units += 1;
            self.bytes += unit.bytes().len() as u64;
            for layer in &unit.layers {
                assert_eq!(untiled(&layer.spans, layer.bytes.len()), None, "{layer:?}");
            }
        }
        self.words.push(match told {
            Told::Unit { unit, .. } => format!("{} {}", unit.offset, unit.summary),
            other => format!("{other:?}"),
        });
        Ok(())
    }
}

/// Checks a text in these pieces of it.
fn check_text<'b>(data: &[u8], pieces: impl Iterator<Item = &'b [u8]>) {
    let valid = str::from_utf8(data).map_or_else(|error| error.valid_up_to(), str::len);
    let is_wrong = |end: &usize| {
        let front = str::from_utf8(data.get(..*end).unwrap_or_default());
        front.is_err_and(|error| error.error_len().is_some())
    };
    // Where the first wrong byte ends.
    let wrong = (valid..=data.len()).find(is_wrong);
    let (mut text, mut given) = (String::new(), 0);
    let mut checker = Checker::default();
    for piece in pieces {
        given += piece.len();
        let received = checker.receive(piece);
        assert_eq!(received.is_err(), wrong.is_some_and(|wrong| wrong <= given), "{given}");
        let Ok(whole) = received else {
            assert_eq!(checker.receive(b"a"), Err(NotUtf8), "stays failed");
            return;
        };
        text.extend(whole.character);
        text.push_str(whole.text);
        assert_eq!(text.len() + checker.kept_bytes(), given, "all is told, or kept");
        assert!(data.starts_with(text.as_bytes()), "what is told is what was given");
    }
    assert_eq!(data.get(..valid), Some(text.as_bytes()));
    assert_eq!(checker.is_whole(), valid == data.len());
}

/// The events, and whether all that came was taken.
fn decode_events<'b>(pieces: impl Iterator<Item = &'b [u8]>) -> (Vec<StreamEvent>, bool) {
    let mut decoder = event_stream::Decoder::new(1 << 16);
    let mut events = Vec::new();
    for piece in pieces {
        if decoder.receive(piece, &mut events).is_err() {
            return (events, false);
        }
    }
    (events, true)
}

fn round_trip(event: &Event) {
    let expected = json::Message {
        id: event.id,
        time: event.time_ms,
        channel: event.channel.to_string(),
        event: event.name.as_deref().map(str::to_owned),
        payload: event.payload.clone(),
    };
    let mut bytes = Vec::new();
    let made = json::encode_message(event, &mut bytes);
    assert_eq!(made.total(), bytes.len() as u64);
    assert_eq!(json::parse_message(&bytes).as_ref(), Ok(&expected));
    let mut script = Vec::new();
    json::encode_message_for_script(event, &mut script);
    assert_eq!(json::parse_message(&script).as_ref(), Ok(&expected));
    assert!(!script.iter().any(|byte| b"<>&\n\r".contains(byte)));
    let gap = Some(Gap { missed: 3, epoch_changed: true });
    let events = std::slice::from_ref(event);
    let batch =
        Batch { events, gap, cursor: event.id, unread: 1, time_ms: 0, course: Course::Replayed };
    let mut bytes = Vec::new();
    json::encode_batch(&batch, &mut bytes);
    let read = json::parse_batch(&bytes);
    let read = read.map(|read| (read.messages, read.next, read.gap));
    assert_eq!(read, Ok((vec![expected], event.id, gap)));
}

/// Cuts that follow from the bytes themselves, so that a seed alone says where they are.
fn pieces(bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut seed = bytes.iter().fold(0xcbf2_9ce4_8422_2325_u64, |seed, byte| {
        (seed ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3)
    });
    let mut rest = bytes;
    std::iter::from_fn(move || {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        let size = usize::try_from(seed % 12).unwrap_or_default();
        let (piece, more) = rest.split_at(size.min(rest.len()));
        let ended = rest.is_empty();
        rest = more;
        (!ended).then_some(piece)
    })
}

/// What a capture of raw IP packets begins with.
const PCAP_HEADER: &[u8] = b"\xa1\xb2\xc3\xd4\0\x02\0\x04\0\0\0\0\0\0\0\0\0\x04\0\0\0\0\0\x65";
/// 16 bytes in base64.
const KEY: &str = "dGhlIHNhbXBsZSBub25jZQ==";
/// The longest head of a frame.
const FRAME_HEAD_BYTES_MAX: usize = 14;
/// The bound that bodies have here: small, so that it is met.
const CONTENT_BYTES_MAX: usize = 200;
/// A request of ours that is not longer has neither a head nor a target that is too long.
const HEAD_BYTES_FITTING: usize = 8 * 1024;
