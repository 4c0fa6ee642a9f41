//! Event streams, as server-sent events use them (HTML §9.2).

use std::mem;

use memchr::{memchr, memchr_iter, memchr2};

use crate::cost::Bytes;
use crate::id;
use crate::wire::digits;
use crate::wire::span::{Recorder, Silent};

pub mod fields;

/// Reads an event stream as a user agent does, from bytes as they arrive.
///
/// An event is dispatched by the blank line behind it; what is unfinished when the stream ends is
/// never dispatched. Bytes that are not UTF-8 are replaced by U+FFFD.
///
/// Wire: lines that end with CR, LF or CR LF, behind at most one byte order mark:
///
/// | line | does |
/// |---|---|
/// | `data: text` | appends `text` and LF to the data |
/// | `event: name` | names the event; without one it is a `message` |
/// | `id: id` | sets the last event ID, of this event and of those that follow |
/// | `retry: digits` | sets the reconnection time, in milliseconds |
/// | `: comment`, any other field | nothing |
/// | empty | dispatches the event, if it has data |
///
/// Clause: HTML §9.2.5 (parsing), §9.2.6 (interpreting).
/// Departs: lines, and the data of an event, have a limit of bytes; a reconnection time of more
/// than 19 digits is ignored.
///
/// ```
/// use pushscope::wire::event_stream::{Decoder, StreamEvent};
///
/// let mut decoder = Decoder::new(1024);
/// let mut events = Vec::new();
/// decoder.receive(b"id: 7\ndata: a\r\ndata: b\n\ndata: c", &mut events).unwrap();
/// let (name, data, last_event_id) = ("message".into(), "a\nb".into(), "7".into());
/// assert_eq!(events, [StreamEvent { name, data, last_event_id }]);
/// ```
#[derive(Debug)]
pub struct Decoder {
    bytes_max: usize,
    failed: Option<EventStreamError>,
    /// Whether the first line, which may begin with a byte order mark, has ended.
    begun: bool,
    /// Whether a line has just ended with CR: LF would belong to it.
    behind_cr: bool,
    /// Whether lines have come since the last empty one.
    within: bool,
    /// The line that has no end yet.
    line: Vec<u8>,
    data: String,
    event_type: String,
    /// What the next blank line makes the last event ID.
    id: String,
    last_event_id: String,
    retry_ms: Option<u64>,
}

impl Decoder {
    /// A decoder of events whose data, name and id have at most `bytes_max` bytes each.
    pub const fn new(bytes_max: usize) -> Self {
        Self {
            bytes_max,
            failed: None,
            begun: false,
            behind_cr: false,
            within: false,
            line: Vec::new(),
            data: String::new(),
            event_type: String::new(),
            id: String::new(),
            last_event_id: String::new(),
            retry_ms: None,
        }
    }

    /// Takes all `bytes` and appends the events that are complete with them.
    ///
    /// After an error every call answers with the same error; events in front of it stand.
    ///
    /// Clause: HTML §9.2.6.
    pub fn receive(
        &mut self,
        bytes: &[u8],
        into: &mut Vec<StreamEvent>,
    ) -> Result<(), EventStreamError> {
        self.receive_recorded(bytes, into, &mut Silent)
    }

    /// The same, said to a recorder, a group for each event; a line is told when it has ended.
    pub fn receive_recorded(
        &mut self,
        bytes: &[u8],
        into: &mut Vec<StreamEvent>,
        rec: &mut impl Recorder,
    ) -> Result<(), EventStreamError> {
        if let Some(error) = self.failed {
            return Err(error);
        }
        self.take_lines(bytes, into, rec).inspect_err(|&error| self.failed = Some(error))
    }

    /// The last event ID, with which a client resumes; empty until the server gives one.
    pub fn last_event_id(&self) -> &str {
        &self.last_event_id
    }

    /// The reconnection time that the server asked for last, in milliseconds.
    pub const fn retry_ms(&self) -> Option<u64> {
        self.retry_ms
    }

    fn take_lines(
        &mut self,
        bytes: &[u8],
        into: &mut Vec<StreamEvent>,
        rec: &mut impl Recorder,
    ) -> Result<(), EventStreamError> {
        let mut rest = bytes;
        while let Some((&first, behind_first)) = rest.split_first() {
            if mem::take(&mut self.behind_cr) && first == LF {
                rest = behind_first;
                rec.take(1, &fields::LINE_END);
                continue;
            }
            let end = memchr2(CR, LF, rest).unwrap_or(rest.len());
            let (piece, end_and_more) = rest.split_at_checked(end).unwrap_or_default();
            if self.line.len() + piece.len() > self.bytes_max.saturating_add(DATA.len()) {
                return Err(EventStreamError::LineTooLong);
            }
            self.line.extend_from_slice(piece);
            let Some((&line_end, more)) = end_and_more.split_first() else { break };
            self.behind_cr = line_end == CR;
            rest = more;

            let mut line = mem::take(&mut self.line);
            self.end_line(&line, into, rec)?;
            line.clear();
            self.line = line;
        }
        Ok(())
    }

    fn end_line(
        &mut self,
        line: &[u8],
        into: &mut Vec<StreamEvent>,
        rec: &mut impl Recorder,
    ) -> Result<(), EventStreamError> {
        let mark = if mem::replace(&mut self.begun, true) { b"" } else { BYTE_ORDER_MARK };
        let whole = line.len();
        let line = line.strip_prefix(mark).unwrap_or(line);
        rec.take(whole - line.len(), &fields::BYTE_ORDER_MARK);
        if line.is_empty() {
            if self.data.is_empty() {
                rec.take(1, &fields::NO_EVENT);
                rec.is_control();
            } else {
                rec.take(1, &fields::DISPATCH);
            }
            if mem::take(&mut self.within) {
                rec.leave();
            }
            self.dispatch(into);
            return Ok(());
        }
        if !mem::replace(&mut self.within, true) {
            rec.enter(&fields::EVENT);
        }
        // A comment is a field without a name.
        let mut halves = line.splitn(2, |&byte| byte == b':');
        let field = halves.next().unwrap_or_default();
        let value = halves.next();
        record_line(field, value, rec);
        let value = value.unwrap_or_default();
        let value = value.strip_prefix(b" ").unwrap_or(value);
        let text = String::from_utf8_lossy(value);
        match field {
            b"data" if self.data.len() + text.len() > self.bytes_max => {
                return Err(EventStreamError::DataTooLong);
            }
            b"data" => {
                self.data.push_str(&text);
                self.data.push('\n');
            }
            b"event" => self.event_type = text.into_owned(),
            // "If the field value does not contain U+0000 NULL, then set the last event ID buffer
            // to the field value. Otherwise, ignore the field."
            b"id" if !value.contains(&0) => self.id = text.into_owned(),
            b"retry" => self.retry_ms = id::decimal(&text).or(self.retry_ms),
            _ => {}
        }
        Ok(())
    }

    fn dispatch(&mut self, into: &mut Vec<StreamEvent>) {
        self.last_event_id.clone_from(&self.id);
        let event_type = mem::take(&mut self.event_type);
        let mut data = mem::take(&mut self.data);
        // "If the data buffer is an empty string, set the data buffer and the event type buffer to
        // the empty string and return." A `data` field always leaves LF in it.
        if data.pop().is_none() {
            return;
        }
        let name = if event_type.is_empty() { "message".into() } else { event_type };
        into.push(StreamEvent { name, data, last_event_id: self.last_event_id.clone() });
    }
}

/// Tells a line and its end.
fn record_line(name: &[u8], value: Option<&[u8]>, rec: &mut impl Recorder) {
    let (name_field, value_field) = match name {
        b"data" => (&fields::DATA_NAME, &fields::DATA),
        b"event" => (&fields::EVENT_NAME, &fields::VALUE),
        b"id" => (&fields::ID_NAME, &fields::VALUE),
        b"retry" => (&fields::RETRY_NAME, &fields::VALUE),
        b"" => (&fields::NAME, &fields::COMMENT),
        _ => (&fields::NAME, &fields::VALUE),
    };
    rec.take(name.len(), name_field);
    if let Some(value) = value {
        let text = value.strip_prefix(b" ").unwrap_or(value);
        rec.take(1, &fields::COLON);
        rec.take(value.len() - text.len(), &fields::SPACE);
        rec.take(text.len(), value_field);
    }
    rec.take(1, &fields::LINE_END);
}

/// An event as a user agent dispatches it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct StreamEvent {
    /// The event type; `message` if the stream gave none.
    pub name: String,
    /// The data; lines are divided by LF.
    pub data: String,
    /// The last event ID when it was dispatched, which an earlier event may have set.
    pub last_event_id: String,
}

/// Appends one event, which the blank line behind it dispatches.
///
/// Wire: `id` and `event` if they are given, `data` for each line of the data, a blank line.
/// Clause: HTML §9.2.5.
/// Cost: 8 bytes, 6 more for each LF in the data, 5 and the id, 8 and the name.
/// Departs: data with CR is refused, because the user agent would make LF of it; an id or a name
/// that could begin another line is refused, and an id with NUL, which would be ignored. After an
/// error nothing has been written.
///
/// ```
/// use pushscope::wire::event_stream::encode;
///
/// let mut bytes = Vec::new();
/// let made = encode(Some("17-2"), Some("price"), "a\nb", &mut bytes).unwrap();
/// assert_eq!(bytes, b"id: 17-2\nevent: price\ndata: a\ndata: b\n\n");
/// assert_eq!((made.payload, made.framing), (3, 36));
/// ```
pub fn encode(
    id: Option<&str>,
    name: Option<&str>,
    data: &str,
    into: &mut Vec<u8>,
) -> Result<Bytes, EventStreamError> {
    // What has no such byte is one line, and nothing in it has to be looked for.
    let is_line = is_plain(data);
    if !is_line && !carries(data) {
        return Err(EventStreamError::DataHasCr);
    }
    if let Some(id) = id.filter(|id| !is_plain(id)) {
        if has_line_end(id) {
            return Err(EventStreamError::IdHasLineEnd);
        }
        if id.contains('\0') {
            return Err(EventStreamError::IdHasNul);
        }
    }
    if name.is_some_and(|name| !is_plain(name) && has_line_end(name)) {
        return Err(EventStreamError::NameHasLineEnd);
    }
    let start = into.len();
    into.reserve(data.len() + FIELDS_BYTES_USUAL);
    if let Some(id) = id {
        encode_line(b"id: ", id, into);
    }
    if let Some(name) = name {
        encode_line(b"event: ", name, into);
    }
    if is_line {
        encode_line(DATA, data, into);
    } else {
        encode_lines(DATA, data, into);
    }
    into.push(LF);
    Ok(Bytes::wrapped(into.len() - start, data.len()))
}

/// Whether an event can carry this data unchanged: it has no CR, which would arrive as LF.
///
/// Clause: HTML §9.2.6.
pub fn carries(data: &str) -> bool {
    memchr(CR, data.as_bytes()).is_none()
}

/// Appends the reconnection time in milliseconds, as an event without data: it is not dispatched.
///
/// Clause: HTML §9.2.6.
/// Cost: 9 bytes and the digits: all of it is control.
///
/// ```
/// let mut bytes = Vec::new();
/// pushscope::wire::event_stream::encode_retry(3_000, &mut bytes);
/// assert_eq!(bytes, b"retry: 3000\n\n");
/// ```
pub fn encode_retry(ms: u64, into: &mut Vec<u8>) -> Bytes {
    let start = into.len();
    into.extend_from_slice(b"retry: ");
    digits::encode(ms, into);
    into.extend_from_slice(b"\n\n");
    Bytes::control(into.len() - start)
}

fn encode_line(field: &[u8], value: &str, into: &mut Vec<u8>) {
    into.extend_from_slice(field);
    into.extend_from_slice(value.as_bytes());
    into.push(LF);
}

/// Appends a line for each line of the value.
fn encode_lines(field: &[u8], value: &str, into: &mut Vec<u8>) {
    let mut from = 0;
    for end in memchr_iter(LF, value.as_bytes()) {
        encode_line(field, value.get(from..end).unwrap_or_default(), into);
        from = end + 1;
    }
    encode_line(field, value.get(from..).unwrap_or_default(), into);
}

fn has_line_end(text: &str) -> bool {
    memchr2(CR, LF, text.as_bytes()).is_some()
}

/// Whether no byte is as small as a line end, as in most texts. To find the least of all bytes
/// nothing is decided before the end, so that many are compared at once.
fn is_plain(text: &str) -> bool {
    let (chunks, rest) = text.as_bytes().as_chunks::<64>();
    let mut least = [u8::MAX; 64];
    for chunk in chunks {
        for (least, &byte) in least.iter_mut().zip(chunk) {
            *least = byte.min(*least);
        }
    }
    let least = least.into_iter().fold(u8::MAX, u8::min);
    rest.iter().copied().fold(least, u8::min) > CR
}

/// What an event stream cannot carry, or what a client does not take from one.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub enum EventStreamError {
    /// Data to be sent has CR, which would arrive as LF (HTML §9.2.6).
    DataHasCr,
    /// An id to be sent has CR or LF, behind which another field would begin (HTML §9.2.5).
    IdHasLineEnd,
    /// An id to be sent has NUL, for which it would be ignored (HTML §9.2.6).
    IdHasNul,
    /// A name to be sent has CR or LF, behind which another field would begin (HTML §9.2.5).
    NameHasLineEnd,
    /// A line that was received is longer than accepted (ours).
    LineTooLong,
    /// The data of an event that was received is longer than accepted (ours).
    DataTooLong,
}

impl EventStreamError {
    /// All of them, in the order of their declaration.
    pub const ALL: &[Self] = &[
        Self::DataHasCr,
        Self::IdHasLineEnd,
        Self::IdHasNul,
        Self::NameHasLineEnd,
        Self::LineTooLong,
        Self::DataTooLong,
    ];
}

/// What keeps an idle stream alive: a comment, and the end of an event that has no data.
///
/// Clause: HTML §9.2.7 (a comment every 15 seconds or so).
pub const HEARTBEAT: &[u8] = b":\n\n";

/// Bytes that id, name and the names of the fields seldom exceed, so that a buffer grows once.
const FIELDS_BYTES_USUAL: usize = 64;
const CR: u8 = b'\r';
const LF: u8 = b'\n';
const DATA: &[u8] = b"data: ";
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

#[cfg(test)]
mod tests;
