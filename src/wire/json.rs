//! Messages as JSON, wherever a mechanism carries them (RFC 8259).

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::error::Category;

use crate::cost::Bytes;
use crate::event::{Batch, Event, Gap, Payload};
use crate::id::{Census, Id};
use crate::wire::digits;

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
    encode_object(event, Place::Line, into);
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
    encode_object(event, Place::Script, into);
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
    into.extend_from_slice(b"{\"messages\":[");
    for (at, event) in batch.events.iter().enumerate() {
        if at > 0 {
            into.push(b',');
        }
        encode_object(event, Place::Line, into);
    }
    into.extend_from_slice(b"],\"next\":");
    encode_id(batch.cursor, into);
    if let Some(gap) = batch.gap {
        into.push(b',');
        encode_gap_members(gap, into);
    }
    into.push(b'}');
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
    into.push(b'{');
    encode_gap_members(gap, into);
    into.push(b'}');
}

/// Appends the answer to a publisher as a JSON object.
///
/// Wire: `id` (as in [`encode_message`]), `channel` (text), `bytes` (of the payload) and
/// `subscribers` (an object: how many of each mechanism that anybody is subscribed by).
/// Clause: RFC 8259 §4, §7.
/// Cost: about 65 bytes, and those of the channel: all of it carries no message.
///
/// ```
/// use pushscope::{id::{Census, Id, Kind}, wire::json::encode_published};
///
/// let mut subscribers = Census::default();
/// subscribers.enter(Kind::Sse);
/// let mut bytes = Vec::new();
/// encode_published(Id { epoch: 1700, offset: 1 }, "news", 5, &subscribers, &mut bytes);
/// assert_eq!(
///     bytes,
///     br#"{"id":"1700-1","channel":"news","bytes":5,"subscribers":{"sse":1}}"#
/// );
/// ```
pub fn encode_published(
    id: Id,
    channel: &str,
    payload_bytes: usize,
    subscribers: &Census,
    into: &mut Vec<u8>,
) {
    into.extend_from_slice(b"{\"id\":");
    encode_id(id, into);
    into.extend_from_slice(b",\"channel\":");
    encode_string(channel, Place::Line, into);
    into.extend_from_slice(b",\"bytes\":");
    digits::encode(payload_bytes as u64, into);
    into.extend_from_slice(b",\"subscribers\":{");
    for (at, (kind, count)) in subscribers.present().enumerate() {
        if at > 0 {
            into.push(b',');
        }
        encode_string(kind.name(), Place::Line, into);
        into.push(b':');
        digits::encode(count.into(), into);
    }
    into.extend_from_slice(b"}}");
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

/// Where an object is to stand.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Place {
    /// In a line of its own.
    Line,
    /// In a script element.
    Script,
}

fn encode_object(event: &Event, place: Place, into: &mut Vec<u8>) {
    into.reserve(event.payload.bytes().len() + MEMBERS_BYTES_USUAL);
    into.extend_from_slice(b"{\"id\":");
    encode_id(event.id, into);
    into.extend_from_slice(b",\"time\":");
    digits::encode(event.time_ms, into);
    into.extend_from_slice(b",\"channel\":");
    encode_string(&event.channel, place, into);
    if let Some(name) = &event.name {
        into.extend_from_slice(b",\"event\":");
        encode_string(name, place, into);
    }
    match &event.payload {
        Payload::Text(text) => {
            into.extend_from_slice(b",\"data\":");
            encode_string(text, place, into);
        }
        Payload::Binary(bytes) => {
            into.extend_from_slice(b",\"base64\":\"");
            encode_base64(bytes, into);
            into.push(b'"');
        }
    }
    into.push(b'}');
}

fn encode_gap_members(gap: Gap, into: &mut Vec<u8>) {
    into.extend_from_slice(b"\"gap\":");
    digits::encode(gap.missed, into);
    if gap.epoch_changed {
        into.extend_from_slice(b",\"epoch_changed\":true");
    }
}

fn encode_id(id: Id, into: &mut Vec<u8>) {
    into.push(b'"');
    digits::encode_id(id, into);
    into.push(b'"');
}

fn encode_base64(bytes: &[u8], into: &mut Vec<u8>) {
    let start = into.len();
    into.resize(start + bytes.len().div_ceil(3) * 4, 0);
    let written = STANDARD.encode_slice(bytes, into.get_mut(start..).unwrap_or_default());
    debug_assert_eq!(written.ok(), Some(into.len() - start), "4 characters for 3 bytes");
}

/// Appends a text in quotation marks: whatever can stand there as it is, run by run, and escapes
/// between.
fn encode_string(text: &str, place: Place, into: &mut Vec<u8>) {
    into.push(b'"');
    let mut rest = text.as_bytes();
    loop {
        let run = match place {
            Place::Line => run_bytes(rest, is_unfit),
            Place::Script => run_bytes(rest, may_be_unfit_for_script),
        };
        let (run, more) = rest.split_at_checked(run).unwrap_or((rest, &[]));
        into.extend_from_slice(run);
        let Some((&first, behind)) = more.split_first() else { break };
        rest = behind;
        match more {
            [0xe2, 0x80, last @ (0xa8 | 0xa9), behind @ ..] => {
                into.extend_from_slice(if *last == 0xa8 { b"\\u2028" } else { b"\\u2029" });
                rest = behind;
            }
            // Another character that begins like these.
            [0xe2, ..] => into.push(first),
            _ => encode_escape(first, into),
        }
    }
    into.push(b'"');
}

/// How many bytes can stand in a string as they are, in front of one that may not.
///
/// Within a group nothing is decided before its end, so that its bytes are compared at once.
fn run_bytes(bytes: &[u8], is_unfit: impl Fn(u8) -> bool) -> usize {
    let (groups, _) = bytes.as_chunks::<16>();
    let is_fit = |group: &&[u8; 16]| {
        group.iter().fold(0, |unfit, &byte| unfit | u8::from(is_unfit(byte))) == 0
    };
    let fit = groups.iter().take_while(is_fit).count() * 16;
    let rest = bytes.get(fit..).unwrap_or_default();
    fit + rest.iter().position(|&byte| is_unfit(byte)).unwrap_or(rest.len())
}

/// Whether a byte is a character that no string has. Clause: RFC 8259 §7.
const fn is_unfit(byte: u8) -> bool {
    byte < b' ' || byte == b'"' || byte == b'\\'
}

/// Whether it is one that no string in a script has, or begins U+2028 or U+2029, or others.
const fn may_be_unfit_for_script(byte: u8) -> bool {
    is_unfit(byte) || byte == b'<' || byte == b'>' || byte == b'&' || byte == 0xe2
}

/// Appends a character of ASCII as an escape: the short one, if there is one.
fn encode_escape(byte: u8, into: &mut Vec<u8>) {
    let short = match byte {
        b'"' | b'\\' => byte,
        0x08 => b'b',
        0x0c => b'f',
        b'\n' => b'n',
        b'\r' => b'r',
        b'\t' => b't',
        _ => {
            into.extend_from_slice(if byte < 0x10 { b"\\u000" } else { b"\\u00" });
            return digits::encode_hex(byte.into(), into);
        }
    };
    into.extend_from_slice(&[b'\\', short]);
}

fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, JsonError> {
    serde_json::from_slice(bytes).map_err(|error| match error.classify() {
        Category::Data => JsonError::MemberWrong,
        Category::Io | Category::Syntax | Category::Eof => JsonError::NotJson,
    })
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

/// Bytes that names, id, time and channel seldom exceed: a buffer grows once, but for escapes and
/// base64.
const MEMBERS_BYTES_USUAL: usize = 128;

#[cfg(test)]
mod tests;
