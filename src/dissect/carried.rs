//! What a unit says, in layers above the wire and in a few words.

use super::content::{Carried, finish};
use super::{Layer, fields, json};
use crate::wire::span::{Bits, Field, Part, Reading, Recorder, Span, Tape};
use crate::wire::ws_frame::fields as frame;
use crate::wire::ws_frame::{mask, parse_close_recorded};
use crate::wire::{body, chunked, field};

/// What one direction carries, across its units.
#[derive(Debug)]
pub(super) struct Carrier {
    content: Carried,
    /// Text frames are envelopes: both sides have agreed to that.
    is_enveloped: bool,
    /// The frame of which more is to come.
    frame: Option<Arriving>,
}

/// A frame that comes in pieces.
#[derive(Clone, Copy, Debug)]
struct Arriving {
    key: Option<[u8; 4]>,
    opcode: u8,
    is_final: bool,
    length: usize,
    /// Bytes of its payload that have come.
    at: usize,
}

/// Whether more of a message is to come.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Place {
    /// It is.
    Within,
    /// It ends with this unit.
    Last,
}

impl Carrier {
    /// It carries this content.
    pub(super) const fn of(content: Carried) -> Self {
        Self { content, is_enveloped: false, frame: None }
    }

    /// It carries frames, of which text is in envelopes or as it is.
    pub(super) const fn frames(content: Carried, is_enveloped: bool) -> Self {
        Self { content, is_enveloped, frame: None }
    }

    /// What content has begun and not ended.
    pub(super) fn awaits(&self) -> Option<&'static str> {
        self.content.awaits()
    }

    /// Adds what the wire's layer carries, and says in a few words what that is.
    pub(super) fn carry(&mut self, layers: &mut Vec<Layer>, place: Place) -> String {
        let Some(wire) = layers.first() else { return String::new() };
        let Some(first) = wire.spans.first().map(|span| span.field) else { return String::new() };
        if fields::is(first, &frame::FRAME) {
            let (summary, payload) = self.frame(wire);
            layers.extend(payload);
            return summary;
        }
        if fields::is(first, &field::fields::REQUEST) {
            let [method, target] =
                [&field::fields::METHOD, &field::fields::TARGET].map(|part| said(wire, part));
            return format!("{method} {target}");
        }
        if fields::is(first, &field::fields::RESPONSE) {
            return answer(wire);
        }
        let bytes = wire.bytes.len();
        if OTHERS.iter().any(|other| fields::is(first, other)) {
            return format!("{bytes} bytes, not read");
        }
        self.content(layers, place)
    }

    fn content(&mut self, layers: &mut Vec<Layer>, place: Place) -> String {
        let Some(wire) = layers.first() else { return String::new() };
        let content = content(wire);
        let bytes = if content.is_empty() { wire.bytes.len() } else { content.len() };
        let is_end = find(wire, &chunked::fields::TRAILER_END).is_some();
        self.content.receive(&content, layers);
        let why = self.content.why.clone().filter(|_| !content.is_empty());
        if place == Place::Last {
            self.content.end(layers);
        }
        match (layers.get(1..), why) {
            (Some([_, objects @ ..]), _) if !objects.is_empty() => {
                joined(objects.iter().map(words))
            }
            (Some([layer, ..]), _) => words(layer),
            (_, Some(why)) => format!("{bytes} bytes, {why}"),
            _ if is_end => "the end".to_owned(),
            _ => format!("{bytes} bytes"),
        }
    }

    /// What a frame carries, unmasked, and in a few words.
    fn frame(&mut self, wire: &Layer) -> (String, Option<Layer>) {
        if find(wire, &frame::FIN).is_some() {
            self.frame = Arriving::of(wire);
        }
        let Some(arriving) = &mut self.frame else {
            return ("a frame that is not read".to_owned(), None);
        };
        let payload = find(wire, &frame::MASKED).or_else(|| find(wire, &frame::PAYLOAD));
        let mut bytes = payload.map_or(&[][..], |span| wire.of(span)).to_vec();
        mask(&mut bytes, arriving.key.unwrap_or_default(), arriving.at);
        let piece = *arriving;
        arriving.at += bytes.len();
        let name = piece.name();
        if piece.opcode == CLOSE && !bytes.is_empty() {
            let mut tape = Tape::default();
            let _ = parse_close_recorded(&bytes, &mut tape);
            let layer = finish(PAYLOAD, bytes, tape);
            return (format!("{name} {}", words(&layer)), Some(layer));
        }
        let (is_text, end) = (piece.opcode == TEXT, piece.at + bytes.len());
        let mut summary = match piece.opcode {
            TEXT | CONTINUATION => format!("{name} {}", text(&bytes)),
            _ => format!("{name}, {} bytes", bytes.len()),
        };
        if bytes.len() < piece.length {
            summary = format!("{summary} (bytes {} to {end} of {})", piece.at, piece.length);
        }
        let is_whole = bytes.len() == piece.length && piece.is_final && is_text;
        let object = match is_whole {
            true if self.is_enveloped => json::envelope(&bytes).or_else(|| json::object(&bytes)),
            true => json::object(&bytes),
            false => None,
        };
        let layer = match object {
            Some(tape) => {
                let layer = finish("JSON", bytes, tape);
                if self.is_enveloped {
                    summary = format!("{name} {}", words(&layer));
                }
                Some(layer)
            }
            None if piece.key.is_some() && !bytes.is_empty() => {
                let mut tape = Tape::default();
                tape.take(bytes.len(), piece.plain());
                Some(finish(PAYLOAD, bytes, tape))
            }
            None => None,
        };
        (summary, layer)
    }
}

impl Arriving {
    /// The frame that begins there.
    fn of(wire: &Layer) -> Option<Self> {
        let opcode = u8::try_from(number(wire, &frame::OPCODE)?).ok()?;
        let key = find(wire, &frame::MASKING_KEY).and_then(|span| wire.of(span).try_into().ok());
        let long = [&frame::LENGTH_64, &frame::LENGTH_16].into_iter();
        let long = long.filter_map(|field| find(wire, field)).next();
        let length = match long {
            Some(span) => wire.of(span).iter().fold(0, |sum, byte| sum << 8 | u64::from(*byte)),
            None => number(wire, &frame::LENGTH).unwrap_or_default(),
        };
        let length = usize::try_from(length).unwrap_or(usize::MAX);
        let is_final = number(wire, &frame::FIN) == Some(1);
        Some(Self { key, opcode, is_final, length, at: 0 })
    }

    fn name(&self) -> String {
        let name = Reading::value(frame::OPCODE.reading, &[self.opcode], LOW);
        name.split_once(' ').map_or("frame", |(_, name)| name).to_owned()
    }

    /// What an unmasked payload is.
    const fn plain(&self) -> &'static Field {
        match self.opcode {
            PING | PONG => &frame::APPLICATION_DATA,
            _ => &frame::PAYLOAD,
        }
    }
}

/// What the first line of a response says.
fn answer(wire: &Layer) -> String {
    let [status, reason] =
        [&field::fields::STATUS, &field::fields::REASON].map(|part| said(wire, part));
    // "A client that receives a response with an invalid status code SHOULD process the response
    // as if it had a 5xx (Server Error) status code." (RFC 9110 §15)
    let odd = match status.as_bytes() {
        [b'6'..=b'9', ..] => " (no valid status: read as a 5xx, RFC 9110 §15)",
        _ => "",
    };
    format!("{status} {reason}{odd}")
}

/// The content that a chunk or a run of content carries.
fn content(wire: &Layer) -> Vec<u8> {
    let carries = |span: &&Span| CONTENTS.iter().any(|content| fields::is(span.field, content));
    wire.spans.iter().filter(carries).flat_map(|span| wire.of(span)).copied().collect()
}

fn find<'l>(layer: &'l Layer, field: &'static Field) -> Option<&'l Span> {
    layer.spans.iter().find(|span| fields::is(span.field, field))
}

fn said(layer: &Layer, field: &'static Field) -> String {
    find(layer, field).map(|span| layer.value(span)).unwrap_or_default()
}

fn number(layer: &Layer, field: &'static Field) -> Option<u64> {
    let span = find(layer, field)?;
    Some(span.bits?.of(layer.of(span)))
}

/// What a layer says, in a few words: its payload, or what else has a value.
fn words(layer: &Layer) -> String {
    let leaves = || layer.spans.iter().filter(|span| !span.is_group);
    let long = |span: &&Span| LONG.iter().any(|long| fields::is(span.field, long));
    if let Some(long) = leaves().rfind(long) {
        let behind = leaves().filter(|span| span.start >= long.end);
        let behind = behind.filter(|span| span.part == Part::Payload);
        let (bytes, name) = (long.end - long.start, long.field.name);
        let long = format!("{bytes} bytes of {name} to be kept");
        return joined([long].into_iter().chain(behind.map(|span| text(layer.of(span)))));
    }
    if leaves().all(|span| span.part == Part::Payload) {
        return text(&layer.bytes);
    }
    let payload = || leaves().filter(|span| span.part == Part::Payload);
    if payload().next().is_some() {
        return joined(payload().map(|span| text(layer.of(span))));
    }
    let values = leaves().filter(|span| !fields::is(span.field, fields::OURS.name));
    let values = values.map(|span| text(layer.value(span).trim_matches('"').as_bytes()));
    let said = joined(values.filter(|value| !value.is_empty()).take(4));
    if said.is_empty() { "heartbeat".to_owned() } else { said }
}

/// Words side by side, as many as a line has room for.
fn joined(words: impl Iterator<Item = String>) -> String {
    let mut line = String::new();
    for word in words {
        if line.len() > 4 * WORDS_CHARS {
            line.push_str(" …");
            break;
        }
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(&word);
    }
    line
}

/// The beginning of a text, fit for a line.
pub(super) fn text(bytes: &[u8]) -> String {
    // A character has at most four bytes.
    let is_long = bytes.len() > 4 * WORDS_CHARS;
    let text = String::from_utf8_lossy(bytes.get(..4 * WORDS_CHARS).unwrap_or(bytes));
    let mut shown = String::new();
    for character in text.chars().take(WORDS_CHARS) {
        match character.is_control() {
            true => shown.extend(character.escape_default()),
            false => shown.push(character),
        }
    }
    if is_long || text.chars().nth(WORDS_CHARS).is_some() { format!("{shown}…") } else { shown }
}

/// What is on the wire where HTTP and WebSocket have ended.
pub(super) static OTHERS: [&Field; 3] = [&fields::TUNNEL, &fields::UPGRADED, &fields::HTTP2];

/// What content stands in.
static CONTENTS: [&Field; 3] =
    [&chunked::fields::CHUNK_DATA, &body::CONTENT, &body::CONTENT_UNTIL_CLOSE];
/// What is told in pieces.
static LONG: [&Field; 2] = [&fields::LONG_EVENT, &fields::LONG_LINE];

const CONTINUATION: u8 = 0x0;
const TEXT: u8 = 0x1;
const CLOSE: u8 = 0x8;
const PING: u8 = 0x9;
const PONG: u8 = 0xa;
const LOW: Option<Bits> = Some(Bits { from: 4, count: 4 });
const PAYLOAD: &str = "payload";
/// Characters of a text that a summary shows.
const WORDS_CHARS: usize = 60;
