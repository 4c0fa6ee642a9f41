//! Response heads: written by the server, parsed by the client.

use httparse::Status;
use memchr::memchr;

use crate::id::Id;
use crate::wire::cursor::Parse;
use crate::wire::date::Date;
use crate::wire::digits;
use crate::wire::field::{BOUNDS, fields, has_control, is_tchar};
use crate::wire::field::{Content, FieldError, Fields, Framing, Room, Version};
use crate::wire::head::{Method, Place, Scan};
use crate::wire::span::{Recorder, Silent};

/// A response head that is being written.
///
/// Wire: `HTTP-version SP status-code SP [reason-phrase] CRLF *( field-line CRLF ) CRLF`.
///
/// Clause: RFC 9112 §4, RFC 9110 §15. Cost: 54 bytes for `200 OK` and its Date, 2 for
/// the blank line.
///
/// Departs: the version is always HTTP/1.1, also in answer to 1.0: RFC 9110 §2.5 wants the highest
/// version that the server speaks.
///
/// ```
/// use pushscope::wire::date::Date;
/// use pushscope::wire::response::ResponseHead;
///
/// let bytes = ResponseHead::new(200, &Date::at(0)).field("ETag", "\"1-2\"").end_with(b"ok");
/// assert_eq!(
///     bytes,
///     b"HTTP/1.1 200 OK\r\nDate: Thu, 01 Jan 1970 00:00:00 GMT\r\n\
///       ETag: \"1-2\"\r\nContent-Length: 2\r\n\r\nok"
/// );
/// ```
#[derive(Clone, PartialEq, Eq, Debug)]
#[must_use]
pub struct ResponseHead {
    bytes: Vec<u8>,
    status: u16,
}

impl ResponseHead {
    /// The status line, and the Date that RFC 9110 §6.6.1 asks of a server with a clock.
    ///
    /// A status is three digits: whatever has another length is written as 500.
    pub fn new(status: u16, date: &Date) -> Self {
        let status = if (100..=999).contains(&status) { status } else { 500 };
        let mut head = Self { bytes: Vec::with_capacity(BYTES_USUAL), status };
        head.put(b"HTTP/1.1 ");
        digits::encode(status.into(), &mut head.bytes);
        head.put(b" ");
        head.put(reason(status).as_bytes());
        head.put(b"\r\nDate: ");
        head.put(date.as_bytes());
        head.put(b"\r\n");
        head
    }

    /// Adds a field line.
    ///
    /// A name that is no token, or a value with a control character other than HTAB, would split
    /// the head or forge a field. Such a line is left out whole: a value cut or escaped would be
    /// another value, which nobody meant, while a missing field is visible and harmless.
    pub fn field(mut self, name: &str, value: &str) -> Self {
        if is_token(name) && !has_control(value.as_bytes()) {
            self.put(name.as_bytes());
            self.put(b": ");
            self.put(value.as_bytes());
            self.put(b"\r\n");
        }
        self
    }

    /// Adds a field line whose value is a decimal number.
    pub fn number(mut self, name: &str, value: u64) -> Self {
        if is_token(name) {
            self.put(name.as_bytes());
            self.put(b": ");
            digits::encode(value, &mut self.bytes);
            self.put(b"\r\n");
        }
        self
    }

    /// Adds an ETag that is a message's id, or a cursor.
    ///
    /// Wire: `"<epoch>-<offset>"`. Clause: RFC 9110 §8.8.3. Cost: 13 bytes and more, mostly 25.
    pub fn etag(mut self, id: Id) -> Self {
        self.put(b"ETag: \"");
        digits::encode_id(id, &mut self.bytes);
        self.put(b"\"\r\n");
        self
    }

    /// Adds the blank line.
    pub fn end(mut self) -> Vec<u8> {
        self.put(b"\r\n");
        self.bytes
    }

    /// Adds Content-Length, the blank line and the content.
    ///
    /// A status that can have no content (1xx, 204, 304) gets neither Content-Length nor content.
    pub fn end_with(self, content: &[u8]) -> Vec<u8> {
        // RFC 9110 §8.6: "A server MUST NOT send a Content-Length header field in any response with
        // a status code of 1xx (Informational) or 204 (No Content)."
        if !has_content(self.status) {
            return self.end();
        }
        let mut bytes = self.number("Content-Length", content.len() as u64).end();
        bytes.extend_from_slice(content);
        bytes
    }

    fn put(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }
}

/// A response head, borrowed from the bytes that it was parsed from.
///
/// Wire and clause: see [`ResponseHead`]; RFC 9112 §6.3 for the content.
///
/// Departs: a status outside 100 to 599 is refused, and so is a transfer coding other than
/// `chunked`, which RFC 9112 lets run until the connection closes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Answer<'b, 'r> {
    /// The status code, 100 to 599. After a 1xx other than 101 another head follows.
    pub status: u16,
    /// The protocol version.
    pub version: Version,
    /// The framing of the content.
    pub content: Answered,
    /// Whether the connection outlives this exchange. Clause: RFC 9112 §9.3.
    pub keep_alive: bool,
    fields: Fields<'b, 'r>,
}

impl<'b> Answer<'b, '_> {
    /// The value of the first field called `name`, without the white space around it.
    pub fn field(&self, name: &str) -> Option<&'b [u8]> {
        self.fields.first(name)
    }

    /// The same as text; `None` also when it is not UTF-8, or holds a control character.
    pub fn text(&self, name: &str) -> Option<&'b str> {
        self.fields.text(name)
    }

    /// Whether the comma-separated list called `name` has this member, compared without case.
    pub fn lists(&self, name: &str, token: &str) -> bool {
        self.fields.lists(name, token)
    }
}

/// The framing of a response's content. Clause: RFC 9112 §6.3.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub enum Answered {
    /// There is none: an answer to HEAD, 1xx, 204, 304, or a tunnel.
    None,
    /// So many bytes.
    Length(u64),
    /// Chunks, see [`crate::wire::chunked`].
    Chunked,
    /// All that comes until the connection closes.
    UntilClose,
}

/// Parses the response head at the front of `bytes`, which answers a request of this method.
///
/// `bytes` begin with the head each time, and hold more of it each time; `scan` is new for each
/// head.
///
/// ```
/// use pushscope::wire::cursor::Parse;
/// use pushscope::wire::head::{Method, Scan, room};
/// use pushscope::wire::response::{self, Answered};
///
/// let bytes = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
/// let (mut scan, mut room) = (Scan::default(), room());
/// let parsed = response::parse(bytes, Method::Get, &mut scan, &mut room);
/// let Ok(Parse::Complete(answer, taken)) = parsed else { panic!() };
/// assert_eq!((answer.status, answer.content), (200, Answered::Length(2)));
/// assert_eq!(bytes[taken..], *b"ok");
/// ```
///
/// # Errors
/// What the first wrong byte or line is, however the bytes were cut.
pub fn parse<'b, 'r>(
    bytes: &'b [u8],
    method: Method,
    scan: &mut Scan,
    room: &'r mut Room<'b>,
) -> Result<Parse<Answer<'b, 'r>>, AnswerError> {
    parse_recorded(bytes, method, scan, room, &mut Silent)
}

/// The same, said to a recorder, line by line as they come; after an error, up to the line that is
/// wrong.
pub fn parse_recorded<'b, 'r>(
    bytes: &'b [u8],
    method: Method,
    scan: &mut Scan,
    room: &'r mut Room<'b>,
    rec: &mut impl Recorder,
) -> Result<Parse<Answer<'b, 'r>>, AnswerError> {
    let window = BOUNDS.window(bytes);
    if scan.place == Place::First {
        status_line(scan, window, rec)?;
    }
    if scan.place != Place::Fields {
        return Ok(Parse::Partial);
    }
    let Some(end) = scan.lines.advance(window, &BOUNDS, rec)? else {
        return Ok(Parse::Partial);
    };
    rec.leave();
    let head = window.get(..end).unwrap_or(window);
    let mut response = httparse::Response::new(&mut []);
    let parsed = httparse::ParserConfig::default().parse_response_with_uninit_headers(
        &mut response,
        head,
        room,
    );
    // The scan has accepted each line: httparse agrees.
    let (Ok(Status::Complete(taken)), Some(status)) = (parsed, response.code) else {
        return Err(AnswerError::StatusInvalid);
    };
    let version = if response.version == Some(0) { Version::Http10 } else { Version::Http11 };
    let fields = Fields::new(response.headers);
    let mut framing = Framing::default();
    for (name, value) in fields.iter() {
        framing.take(name, value)?;
    }
    let answer = Answer {
        status,
        version,
        content: content(status, method, framing.content(version)?),
        keep_alive: framing.keep_alive(version),
        fields,
    };
    Ok(Parse::Complete(answer, taken))
}

/// What a server did wrong in a response head.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub enum AnswerError {
    /// The first bytes are no HTTP-version: perhaps another protocol. RFC 9112 §4.
    VersionInvalid,
    /// It is a version other than 1.0 and 1.1. RFC 9112 §2.3.
    VersionUnsupported,
    /// The status code is not three digits from 100 to 599. RFC 9110 §15.
    StatusInvalid,
    /// The reason phrase holds a control character. RFC 9112 §4.
    ReasonInvalid,
    /// The field lines are wrong.
    Field(FieldError),
}

impl AnswerError {
    /// Every variant of its own; those of the field lines are in [`FieldError::ALL`].
    pub const ALL: &[Self] =
        &[Self::VersionInvalid, Self::VersionUnsupported, Self::StatusInvalid, Self::ReasonInvalid];
}

impl From<FieldError> for AnswerError {
    fn from(error: FieldError) -> Self {
        Self::Field(error)
    }
}

/// The reason phrase of a status; empty for one that has none. Clause: RFC 9110 §15, RFC 6585.
pub const fn reason(status: u16) -> &'static str {
    match status {
        100 => "Continue",
        101 => "Switching Protocols",
        200 => "OK",
        201 => "Created",
        202 => "Accepted",
        204 => "No Content",
        206 => "Partial Content",
        301 => "Moved Permanently",
        302 => "Found",
        303 => "See Other",
        304 => "Not Modified",
        307 => "Temporary Redirect",
        308 => "Permanent Redirect",
        400 => "Bad Request",
        401 => "Unauthorized",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        406 => "Not Acceptable",
        408 => "Request Timeout",
        409 => "Conflict",
        410 => "Gone",
        411 => "Length Required",
        412 => "Precondition Failed",
        413 => "Content Too Large",
        414 => "URI Too Long",
        415 => "Unsupported Media Type",
        417 => "Expectation Failed",
        421 => "Misdirected Request",
        422 => "Unprocessable Content",
        426 => "Upgrade Required",
        428 => "Precondition Required",
        429 => "Too Many Requests",
        431 => "Request Header Fields Too Large",
        500 => "Internal Server Error",
        501 => "Not Implemented",
        502 => "Bad Gateway",
        503 => "Service Unavailable",
        504 => "Gateway Timeout",
        505 => "HTTP Version Not Supported",
        507 => "Insufficient Storage",
        _ => "",
    }
}

/// The interim response to `Expect: 100-continue`. Clause: RFC 9110 §15.2.1.
pub const CONTINUE: &[u8] = b"HTTP/1.1 100 Continue\r\n\r\n";

/// Whether a response with this status may have content. Clause: RFC 9110 §6.4.1.
const fn has_content(status: u16) -> bool {
    !matches!(status, 100..=199 | 204 | 304)
}

/// RFC 9112 §6.3, rules 1, 2 and 8: what follows from the status and from the request's method.
fn content(status: u16, method: Method, announced: Content) -> Answered {
    if method == Method::Head || !has_content(status) {
        return Answered::None;
    }
    if method == Method::Connect && matches!(status, 200..=299) {
        return Answered::None;
    }
    match announced {
        Content::None => Answered::UntilClose,
        Content::Length(length) => Answered::Length(length),
        Content::Chunked => Answered::Chunked,
    }
}

/// Checks the status line as it comes, and moves the scan behind it.
fn status_line(scan: &mut Scan, window: &[u8], rec: &mut impl Recorder) -> Result<(), AnswerError> {
    for (index, (&byte, &right)) in window.iter().zip(VERSION).enumerate() {
        if byte == right || (index == 7 && byte == b'0') {
            continue;
        }
        return Err(match (index, byte) {
            (5 | 7, b'0'..=b'9') => AnswerError::VersionUnsupported,
            _ => AnswerError::VersionInvalid,
        });
    }
    let lines = &mut scan.lines;
    let Some(distance) = memchr(b'\n', window.get(lines.at..).unwrap_or_default()) else {
        lines.at = window.len();
        return if lines.at == BOUNDS.head_bytes {
            Err(AnswerError::Field(FieldError::HeadTooLong))
        } else {
            Ok(())
        };
    };
    let end = lines.at + distance;
    let line = window.get(VERSION.len()..end).unwrap_or_default();
    let line = line.strip_suffix(b"\r").ok_or(FieldError::LfBare)?;
    match line.split_first_chunk() {
        Some(([b'1'..=b'5', b'0'..=b'9', b'0'..=b'9'], [])) => {}
        Some(([b'1'..=b'5', b'0'..=b'9', b'0'..=b'9'], [b' ', phrase @ ..])) => {
            if phrase.contains(&b'\r') {
                return Err(AnswerError::Field(FieldError::CrBare));
            }
            if has_control(phrase) {
                return Err(AnswerError::ReasonInvalid);
            }
        }
        _ => return Err(AnswerError::StatusInvalid),
    }
    rec.enter(&fields::RESPONSE);
    rec.take(VERSION.len() - 1, &fields::VERSION);
    rec.take(1, &fields::STATUS_SPACE);
    rec.take(3, &fields::STATUS);
    let phrase = line.len() - 3;
    rec.take(phrase.min(1), &fields::STATUS_SPACE);
    rec.take(phrase.saturating_sub(1), &fields::REASON);
    rec.take(2, &fields::LINE_END);
    lines.at = end + 1;
    lines.from = lines.at;
    scan.place = Place::Fields;
    Ok(())
}

/// Whether it may be a field's name; without an early end, since it always is.
fn is_token(name: &str) -> bool {
    !name.is_empty() && name.bytes().fold(true, |fits, byte| fits & is_tchar(byte))
}

/// The beginning of a status line in HTTP/1.1; the last digit may also be 0.
const VERSION: &[u8] = b"HTTP/1.1 ";
/// Bytes that a head of ours and a short content seldom exceed, so that their buffer does not grow.
const BYTES_USUAL: usize = 512;

#[cfg(test)]
mod tests;
