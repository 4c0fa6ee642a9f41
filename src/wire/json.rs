//! Messages as JSON, wherever a mechanism carries them (RFC 8259).

use std::fmt::Display;
use std::io;
use std::ops::Not;

use base64::Engine;
use base64::display::Base64Display;
use base64::engine::general_purpose::STANDARD;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize, Serializer};
use serde_json::error::Category;
use serde_json::ser::{CompactFormatter, Formatter};

use crate::cost::Bytes;
use crate::event::{Batch, Event, Gap, Payload};
use crate::id::Id;

/// A message as a client reads it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Message {
    /// Its place in the channel's log.
    pub id: Id,
    /// When it was published, in milliseconds since 1970-01-01T00:00:00Z.
    pub time: u64,
    /// The channel it belongs to.
    pub channel: String,
    /// The event type that its publisher gave it.
    pub event: Option<String>,
    /// What was published.
    pub payload: Payload,
}

/// The answer to a poll as a client reads it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Messages {
    /// The messages, oldest first.
    pub messages: Vec<Message>,
    /// The cursor to come back with.
    pub next: Id,
    /// What was lost before the first of them.
    pub gap: Option<Gap>,
}

/// Appends one message as a JSON object, without a line end.
///
/// Wire:
///
/// | member | value |
/// |---|---|
/// | `id` | `"<epoch>-<offset>"` |
/// | `time` | Unix time of publishing, in milliseconds |
/// | `channel` | text |
/// | `event` | text, only if the publisher gave one |
/// | `data` or `base64` | the payload: text as it is, other bytes in base64 with padding |
///
/// Clause: RFC 8259 §4, §7; RFC 4648 §4.
/// Cost: the names, the id, the time and the channel: about 60 bytes; an escape 1 to 5 bytes more
/// than its character; base64 a third of the payload.
/// Departs: of what may be escaped, only `"`, `\` and U+0000–U+001F are, so that an object is
/// always one line.
///
/// ```
/// use pushscope::{clock::Instant, event::{Event, Payload}, id::Id, wire::json::encode_message};
///
/// let event = Event {
///     id: Id { epoch: 1700, offset: 1 },
///     time_ms: 1763,
///     at: Instant::ZERO,
///     channel: "news".into(),
///     name: None,
///     payload: Payload::Text("a\nb".into()),
/// };
/// let mut bytes = Vec::new();
/// let made = encode_message(&event, &mut bytes);
/// assert_eq!(bytes, br#"{"id":"1700-1","time":1763,"channel":"news","data":"a\nb"}"#);
/// assert_eq!((made.payload, made.framing), (3, 55));
/// ```
pub fn encode_message(event: &Event, into: &mut Vec<u8>) -> Bytes {
    let start = into.len();
    encode(&MessageOut::of(event), CompactFormatter, into);
    Bytes::wrapped(into.len() - start, event.payload.bytes().len())
}

/// Appends one message like [`encode_message`], fit to stand within a `<script>` element.
///
/// Inside strings `<`, `>`, `&`, U+2028 and U+2029 are escaped, so that no payload can end the
/// element, open a comment in it, or end a string of an older JavaScript.
///
/// Clause: RFC 8259 §7; HTML §4.12.1.3 (restrictions for contents of script elements).
/// Cost: as [`encode_message`], and 3 to 5 bytes more for each of those characters.
pub fn encode_message_for_script(event: &Event, into: &mut Vec<u8>) -> Bytes {
    let start = into.len();
    encode(&MessageOut::of(event), ForScript, into);
    Bytes::wrapped(into.len() - start, event.payload.bytes().len())
}

/// Appends a batch as a JSON object: the answer to a poll.
///
/// Wire: `messages` (an array of what [`encode_message`] writes), `next` (the cursor of whoever
/// has read them), and after a loss `gap` and `epoch_changed`, as [`encode_gap`] writes them.
/// Clause: RFC 8259 §4, §5.
/// Cost: about 40 bytes, a comma between messages, and theirs.
///
/// ```
/// use pushscope::{event::{Batch, Course, Gap}, id::Id, wire::json::encode_batch};
///
/// let gap = Some(Gap { missed: 3, epoch_changed: false });
/// let (cursor, course) = (Id { epoch: 1700, offset: 9 }, Course::Replayed);
/// let batch = Batch { events: &[], gap, cursor, unread: 0, time_ms: 0, course };
/// let mut bytes = Vec::new();
/// encode_batch(&batch, &mut bytes);
/// assert_eq!(bytes, br#"{"messages":[],"next":"1700-9","gap":3}"#);
/// ```
pub fn encode_batch(batch: &Batch<'_>, into: &mut Vec<u8>) -> Bytes {
    let start = into.len();
    let out = BatchOut {
        messages: batch.events.iter().map(MessageOut::of),
        next: batch.cursor,
        gap: batch.gap.map(|gap| gap.missed),
        epoch_changed: batch.gap.is_some_and(|gap| gap.epoch_changed),
    };
    encode(&out, CompactFormatter, into);
    let payload = batch.events.iter().map(|event| event.payload.bytes().len()).sum();
    Bytes::wrapped(into.len() - start, payload)
}

/// Appends a gap as a JSON object, without a line end.
///
/// Wire: `gap` (how many messages are known to be lost) and, only if it is so,
/// `"epoch_changed":true`.
/// Clause: RFC 8259 §4.
/// Cost: 9 bytes and more: all of it carries no message.
///
/// ```
/// use pushscope::{event::Gap, wire::json::encode_gap};
///
/// let mut bytes = Vec::new();
/// encode_gap(Gap { missed: 3, epoch_changed: true }, &mut bytes);
/// assert_eq!(bytes, br#"{"gap":3,"epoch_changed":true}"#);
/// ```
pub fn encode_gap(gap: Gap, into: &mut Vec<u8>) {
    let out = GapOut { gap: gap.missed, epoch_changed: gap.epoch_changed };
    encode(&out, CompactFormatter, into);
}

/// Parses one message, for a client; members that it does not know are passed over.
///
/// Wire: what [`encode_message`] writes.
/// Clause: RFC 8259; RFC 4648 §4.
/// Departs: a member that comes twice, and anything behind the object but white space, is refused.
///
/// ```
/// use pushscope::{event::Payload, wire::json::parse_message};
///
/// let bytes = br#"{"id":"1700-1","time":1763,"channel":"news","base64":"AP8="}"#;
/// let message = parse_message(bytes).unwrap();
/// assert_eq!(message.payload, Payload::Binary([0x00, 0xff].into()));
/// ```
pub fn parse_message(bytes: &[u8]) -> Result<Message, JsonError> {
    parse::<MessageIn>(bytes)?.checked()
}

/// Parses the answer to a poll, for a client.
///
/// Wire: what [`encode_batch`] writes.
/// Clause: RFC 8259.
pub fn parse_batch(bytes: &[u8]) -> Result<Messages, JsonError> {
    let BatchIn { messages, next, gap, epoch_changed } = parse(bytes)?;
    Ok(Messages {
        messages: messages.into_iter().map(MessageIn::checked).collect::<Result<_, _>>()?,
        next: Id::parse(&next).ok_or(JsonError::IdWrong)?,
        gap: gap.map(|missed| Gap { missed, epoch_changed }),
    })
}

/// Parses a gap, for a client.
///
/// Wire: what [`encode_gap`] writes.
/// Clause: RFC 8259.
pub fn parse_gap(bytes: &[u8]) -> Result<Gap, JsonError> {
    let GapIn { gap: missed, epoch_changed } = parse(bytes)?;
    Ok(Gap { missed, epoch_changed })
}

fn encode(out: &impl Serialize, formatter: impl Formatter, into: &mut Vec<u8>) {
    let written = out.serialize(&mut serde_json::Serializer::with_formatter(into, formatter));
    debug_assert!(written.is_ok(), "every key is a string, and a Vec takes every byte");
}

fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, JsonError> {
    serde_json::from_slice(bytes).map_err(|error| match error.classify() {
        Category::Data => JsonError::MemberWrong,
        Category::Io | Category::Syntax | Category::Eof => JsonError::NotJson,
    })
}

#[derive(Serialize)]
struct MessageOut<'e> {
    #[serde(serialize_with = "as_text")]
    id: Id,
    time: u64,
    channel: &'e str,
    #[serde(skip_serializing_if = "Option::is_none")]
    event: Option<&'e str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    data: Option<&'e str>,
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "as_base64")]
    base64: Option<&'e [u8]>,
}

impl<'e> MessageOut<'e> {
    fn of(event: &'e Event) -> Self {
        let (data, base64) = match &event.payload {
            Payload::Text(text) => (Some(&**text), None),
            Payload::Binary(bytes) => (None, Some(&**bytes)),
        };
        Self {
            id: event.id,
            time: event.time_ms,
            channel: &event.channel,
            event: event.name.as_deref(),
            data,
            base64,
        }
    }
}

#[derive(Serialize)]
struct BatchOut<I: Iterator<Item: Serialize> + Clone> {
    #[serde(serialize_with = "as_array")]
    messages: I,
    #[serde(serialize_with = "as_text")]
    next: Id,
    #[serde(skip_serializing_if = "Option::is_none")]
    gap: Option<u64>,
    #[serde(skip_serializing_if = "Not::not")]
    epoch_changed: bool,
}

#[derive(Serialize)]
struct GapOut {
    gap: u64,
    #[serde(skip_serializing_if = "Not::not")]
    epoch_changed: bool,
}

#[derive(Deserialize)]
struct MessageIn {
    id: String,
    time: u64,
    channel: String,
    event: Option<String>,
    data: Option<String>,
    base64: Option<String>,
}

impl MessageIn {
    fn checked(self) -> Result<Message, JsonError> {
        let Self { id, time, channel, event, data, base64 } = self;
        let id = Id::parse(&id).ok_or(JsonError::IdWrong)?;
        let payload = match (data, base64) {
            (Some(text), None) => Payload::Text(text.into()),
            (None, Some(text)) => match STANDARD.decode(text) {
                Ok(bytes) => Payload::Binary(bytes.into()),
                Err(_) => return Err(JsonError::Base64Wrong),
            },
            (None, None) => return Err(JsonError::PayloadMissing),
            (Some(_), Some(_)) => return Err(JsonError::PayloadTwice),
        };
        Ok(Message { id, time, channel, event, payload })
    }
}

#[derive(Deserialize)]
struct BatchIn {
    messages: Vec<MessageIn>,
    next: String,
    gap: Option<u64>,
    #[serde(default)]
    epoch_changed: bool,
}

#[derive(Deserialize)]
struct GapIn {
    gap: u64,
    #[serde(default)]
    epoch_changed: bool,
}

/// Escapes in strings what a script element must not contain.
struct ForScript;

impl Formatter for ForScript {
    fn write_string_fragment<W: io::Write + ?Sized>(
        &mut self,
        writer: &mut W,
        fragment: &str,
    ) -> io::Result<()> {
        let mut rest = fragment;
        while let Some(at) = rest.bytes().position(may_be_unfit) {
            let (fit, more) = rest.split_at_checked(at).unwrap_or((rest, ""));
            writer.write_all(fit.as_bytes())?;
            let mut characters = more.chars();
            match characters.next() {
                Some(unfit) if UNFIT_FOR_SCRIPT.contains(&unfit) => {
                    write!(writer, "\\u{:04x}", u32::from(unfit))?;
                }
                Some(fit) => writer.write_all(fit.encode_utf8(&mut [0; 4]).as_bytes())?,
                None => {}
            }
            rest = characters.as_str();
        }
        writer.write_all(rest.as_bytes())
    }
}

/// Whether a byte begins a character of [`UNFIT_FOR_SCRIPT`], or one of a few others.
const fn may_be_unfit(byte: u8) -> bool {
    matches!(byte, b'<' | b'>' | b'&' | 0xe2)
}

fn as_text<S: Serializer>(value: &impl Display, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(value)
}

fn as_base64<S: Serializer>(bytes: &Option<&[u8]>, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(&Base64Display::new(bytes.unwrap_or_default(), &STANDARD))
}

fn as_array<S: Serializer>(
    items: &(impl Iterator<Item: Serialize> + Clone),
    serializer: S,
) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(items.clone())
}

/// What is wrong with JSON that a server sent.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub enum JsonError {
    /// It is no JSON text, or not a whole one (RFC 8259 §2).
    NotJson,
    /// A member is missing, comes twice, or has a value of another type (RFC 8259 §4).
    MemberWrong,
    /// An id is not `<epoch>-<offset>`.
    IdWrong,
    /// A message has neither `data` nor `base64`.
    PayloadMissing,
    /// A message has both `data` and `base64`.
    PayloadTwice,
    /// The value of `base64` is not base64 with padding (RFC 4648 §4).
    Base64Wrong,
}

impl JsonError {
    /// All of them, in the order of their declaration.
    pub const ALL: &[Self] = &[
        Self::NotJson,
        Self::MemberWrong,
        Self::IdWrong,
        Self::PayloadMissing,
        Self::PayloadTwice,
        Self::Base64Wrong,
    ];
}

/// Characters that could end a script element, begin a comment in it, or end an old string.
const UNFIT_FOR_SCRIPT: [char; 5] = ['<', '>', '&', '\u{2028}', '\u{2029}'];

#[cfg(test)]
mod tests;
