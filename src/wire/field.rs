//! Field lines: what heads of requests and of responses have in common.

use std::mem::MaybeUninit;

use httparse::Header;
use memchr::memchr;

use crate::id;
use crate::limits::{
    EMPTY_LINES_MAX, FIELDS_MAX, HEAD_BYTES_MAX, Limits, METHOD_BYTES_MAX, PIPELINE_BYTES_MAX,
    TARGET_BYTES_MAX,
};
use crate::wire::span::Recorder;

pub mod fields;
pub mod known;

/// The field lines of a head, in the order in which they came.
///
/// Wire: `*( field-name ":" OWS field-value OWS CRLF ) CRLF`.
///
/// Clause: RFC 9112 §5, RFC 9110 §5. Cost: 4 bytes a line (`:`, SP, CRLF), 2 for the blank line.
///
/// Departs: the obsolete line folding is refused, and so is a line that ends in a bare LF.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Fields<'b, 'r> {
    lines: &'r [Header<'b>],
}

impl<'b, 'r> Fields<'b, 'r> {
    /// The lines that httparse found; [`Fields::checked`] has still to walk over them.
    pub(super) const fn new(lines: &'r [Header<'b>]) -> Self {
        Self { lines }
    }

    /// Each line of this head, if it ends in CRLF.
    ///
    /// httparse lets a bare LF end a line. Where a name begins tells how the line before it ends,
    /// so that no byte is searched twice.
    pub(super) fn checked(
        &self,
        head: &[u8],
    ) -> impl Iterator<Item = Result<(&'b str, &'b [u8]), FieldError>> {
        let begin = head.as_ptr().addr();
        self.lines.iter().map(move |line| {
            let at = line.name.as_ptr().addr().wrapping_sub(begin);
            match head.get(..at) {
                Some(before) if before.ends_with(b"\r\n") => Ok((line.name, line.value)),
                _ => Err(FieldError::LfBare),
            }
        })
    }

    /// Each line: its name as it was sent, and its value without the white space around it.
    pub fn iter(&self) -> impl Iterator<Item = (&'b str, &'b [u8])> + use<'b, 'r> {
        self.lines.iter().map(|line| (line.name, line.value))
    }

    /// The values of all lines called `name`, compared without case. Clause: RFC 9110 §5.1.
    pub fn all(&self, name: &str) -> impl Iterator<Item = &'b [u8]> {
        self.iter()
            .filter(move |(this, _)| this.len() == name.len() && this.eq_ignore_ascii_case(name))
            .map(|(_, value)| value)
    }

    /// The value of the first line called `name`.
    pub fn first(&self, name: &str) -> Option<&'b [u8]> {
        self.all(name).next()
    }

    /// The same as text; `None` also when it is not UTF-8, or holds a control character.
    pub fn text(&self, name: &str) -> Option<&'b str> {
        let text = str::from_utf8(self.first(name)?).ok()?;
        (!text.contains(char::is_control)).then_some(text)
    }

    /// Whether a comma-separated list, which may span several lines, has this member; letters are
    /// compared without case. Clause: RFC 9110 §5.6.1.
    pub fn lists(&self, name: &str, token: &str) -> bool {
        self.all(name).any(|list| lists(list, token.as_bytes()))
    }
}

/// The protocol version. Clause: RFC 9112 §2.3.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub enum Version {
    /// `HTTP/1.0`.
    Http10,
    /// `HTTP/1.1`.
    Http11,
}

/// The framing of the content that a head announces. Clause: RFC 9112 §6.3.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub enum Content {
    /// Neither Content-Length nor Transfer-Encoding.
    None,
    /// So many bytes.
    Length(u64),
    /// Chunks, see [`crate::wire::chunked`].
    Chunked,
}

impl Content {
    /// Whether no byte of content follows the head.
    pub const fn is_empty(self) -> bool {
        matches!(self, Self::None | Self::Length(0))
    }
}

/// What the fields that frame the content and keep the connection say, taken line by line.
///
/// Clause: RFC 9112 §6.1–6.3, §9.3.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) struct Framing {
    length: Option<u64>,
    chunked: bool,
    close: bool,
    keep_alive: bool,
    /// Connection lists `upgrade`. Clause: RFC 9110 §7.8.
    pub(super) upgrade: bool,
}

impl Framing {
    /// Takes a line; most have other names, and most of these another length.
    ///
    /// What is rare is done elsewhere: so whoever takes what is common saves no registers.
    #[inline]
    pub(super) fn take(&mut self, name: &str, value: &[u8]) -> Result<(), FieldError> {
        match name.len() {
            10 if is(name, "Connection") => self.connection(value),
            14 if is(name, "Content-Length") => return self.length(value),
            17 if is(name, "Transfer-Encoding") => return self.encoding(value),
            _ => {}
        }
        Ok(())
    }

    /// The content, now that all lines are taken.
    pub(super) fn content(&self, version: Version) -> Result<Content, FieldError> {
        match (self.chunked, self.length) {
            // RFC 9112 §6.1: "A server MAY reject a request that contains both Content-Length and
            // Transfer-Encoding": it smells of smuggling.
            (true, Some(_)) => Err(FieldError::LengthBesideEncoding),
            // RFC 9112 §6.1: "A server or client that receives an HTTP/1.0 message containing a
            // Transfer-Encoding header field MUST treat the message as if the framing is faulty".
            (true, None) if version == Version::Http10 => Err(FieldError::EncodingInHttp10),
            (true, None) => Ok(Content::Chunked),
            (false, Some(length)) => Ok(Content::Length(length)),
            (false, None) => Ok(Content::None),
        }
    }

    /// Whether the connection outlives this exchange. Clause: RFC 9112 §9.3.
    pub(super) fn keep_alive(&self, version: Version) -> bool {
        !self.close && (version == Version::Http11 || self.keep_alive)
    }

    #[inline]
    fn connection(&mut self, value: &[u8]) {
        match value {
            // What browsers say.
            b"keep-alive" => self.keep_alive = true,
            b"Upgrade" => self.upgrade = true,
            _ => self.options(value),
        }
    }

    #[inline(never)]
    fn options(&mut self, list: &[u8]) {
        for option in members(list) {
            self.close |= option.eq_ignore_ascii_case(b"close");
            self.keep_alive |= option.eq_ignore_ascii_case(b"keep-alive");
            self.upgrade |= option.eq_ignore_ascii_case(b"upgrade");
        }
    }

    #[inline(never)]
    fn length(&mut self, value: &[u8]) -> Result<(), FieldError> {
        // RFC 9110 §8.6 lets identical repetitions pass or fail: they fail.
        if self.length.is_some() {
            return Err(FieldError::LengthRepeated);
        }
        let digits = str::from_utf8(value).map_err(|_| FieldError::LengthInvalid)?;
        self.length = Some(id::decimal(digits).ok_or(FieldError::LengthInvalid)?);
        Ok(())
    }

    #[inline(never)]
    fn encoding(&mut self, value: &[u8]) -> Result<(), FieldError> {
        if self.chunked {
            return Err(FieldError::EncodingRepeated);
        }
        let mut codings = value.rsplitn(2, |&byte| byte == b',');
        let last = codings.next().unwrap_or_default().trim_ascii();
        // RFC 9112 §6.3: "If a Transfer-Encoding header field is present in a request and the
        // chunked transfer coding is not the final encoding, … the server MUST respond with the
        // 400 (Bad Request) status code and then close the connection."
        if !last.eq_ignore_ascii_case(b"chunked") {
            return Err(FieldError::EncodingNotChunked);
        }
        if let Some(before) = codings.next() {
            // RFC 9112 §6.1: "A sender MUST NOT apply the chunked transfer coding more than once".
            let twice = members(before).any(|coding| coding.eq_ignore_ascii_case(b"chunked"));
            return Err(if twice {
                FieldError::EncodingRepeated
            } else {
                FieldError::CodingUnknown
            });
        }
        self.chunked = true;
        Ok(())
    }
}

/// How much a head may be.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Bounds {
    /// Bytes of the head.
    pub head_bytes: usize,
    /// Bytes of the request target; less than those of the head.
    pub target_bytes: usize,
    /// Field lines; there is never room for more than [`FIELDS_MAX`].
    pub fields: usize,
}

impl Bounds {
    /// What of `bytes` may belong to the head.
    pub(super) fn window<'b>(&self, bytes: &'b [u8]) -> &'b [u8] {
        bytes.get(..self.head_bytes).unwrap_or(bytes)
    }
}

/// What every server takes that is not told otherwise.
pub const BOUNDS: Bounds =
    Bounds { head_bytes: HEAD_BYTES_MAX, target_bytes: TARGET_BYTES_MAX, fields: FIELDS_MAX };

/// Bytes in front of the first field line, besides the target: empty lines, method, version.
pub(super) const REQUEST_LINE_BYTES: usize = 2 * EMPTY_LINES_MAX + METHOD_BYTES_MAX + 16;

impl From<&Limits> for Bounds {
    /// What is too long in the first line is refused before the head is.
    fn from(limits: &Limits) -> Self {
        let rest = limits.head_bytes_max.saturating_sub(REQUEST_LINE_BYTES);
        Self {
            head_bytes: limits.head_bytes_max.min(PIPELINE_BYTES_MAX),
            target_bytes: limits.target_bytes_max.min(rest),
            fields: limits.fields_max.min(FIELDS_MAX),
        }
    }
}

/// Where the search for the blank line stands, so that no byte is searched twice.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) struct Lines {
    /// Bytes that were looked at.
    pub(super) at: usize,
    /// Where the line or element begins that is being looked at.
    pub(super) from: usize,
    count: usize,
}

impl Lines {
    /// Checks the lines of `head` that are complete by now; `Some` is where the blank line ends.
    ///
    /// A line is refused when its end is there, not when the whole head is.
    pub(super) fn advance(
        &mut self,
        head: &[u8],
        bounds: &Bounds,
        rec: &mut impl Recorder,
    ) -> Result<Option<usize>, FieldError> {
        let window = bounds.window(head);
        while let Some(distance) = memchr(b'\n', window.get(self.at..).unwrap_or_default()) {
            let end = self.at + distance;
            let line = window.get(self.from..end).and_then(|line| line.strip_suffix(b"\r"));
            let line = line.ok_or(FieldError::LfBare)?;
            self.at = end + 1;
            self.from = self.at;
            if line.is_empty() {
                rec.take(2, &fields::HEAD_END);
                return Ok(Some(self.at));
            }
            let value_at = check(line)?;
            record_line(line, value_at, rec);
            self.count += 1;
            if self.count > bounds.fields {
                return Err(FieldError::LinesTooMany);
            }
        }
        self.at = window.len();
        if self.at >= bounds.head_bytes { Err(FieldError::HeadTooLong) } else { Ok(None) }
    }
}

/// What a peer did wrong in field lines, or in what frames the content.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub enum FieldError {
    /// A line ends in LF without CR. RFC 9112 §2.2 permits a server to accept that: ours does not.
    LfBare,
    /// A CR stands before something else than LF. RFC 9112 §2.2.
    CrBare,
    /// A line begins with white space: the obsolete line folding. RFC 9112 §5.2.
    LineFolded,
    /// A line has no colon. RFC 9112 §5.
    ColonMissing,
    /// Nothing stands before the colon. RFC 9110 §5.1.
    NameEmpty,
    /// A field name is no token. RFC 9110 §5.1, §5.6.2.
    NameInvalid,
    /// White space stands between a field name and its colon. RFC 9112 §5.1.
    SpaceBeforeColon,
    /// A field value holds a control character, such as NUL. RFC 9110 §5.5.
    ValueControl,
    /// There are more field lines than [`Bounds::fields`]. RFC 6585 §5.
    LinesTooMany,
    /// The head is longer than [`Bounds::head_bytes`]. RFC 6585 §5.
    HeadTooLong,
    /// Content-Length is not 1 to 19 digits. RFC 9110 §8.6.
    LengthInvalid,
    /// Content-Length came twice, even if both agree. RFC 9110 §8.6.
    LengthRepeated,
    /// Content-Length and Transfer-Encoding came together. RFC 9112 §6.1.
    LengthBesideEncoding,
    /// Transfer-Encoding came in HTTP/1.0. RFC 9112 §6.1.
    EncodingInHttp10,
    /// Transfer-Encoding came twice, or names `chunked` twice. RFC 9112 §6.1.
    EncodingRepeated,
    /// The last transfer coding is not `chunked`. RFC 9112 §6.3.
    EncodingNotChunked,
    /// Another transfer coding stands before `chunked`. RFC 9112 §6.1, §7.
    CodingUnknown,
}

impl FieldError {
    /// Every variant.
    pub const ALL: &[Self] = &[
        Self::LfBare,
        Self::CrBare,
        Self::LineFolded,
        Self::ColonMissing,
        Self::NameEmpty,
        Self::NameInvalid,
        Self::SpaceBeforeColon,
        Self::ValueControl,
        Self::LinesTooMany,
        Self::HeadTooLong,
        Self::LengthInvalid,
        Self::LengthRepeated,
        Self::LengthBesideEncoding,
        Self::EncodingInHttp10,
        Self::EncodingRepeated,
        Self::EncodingNotChunked,
        Self::CodingUnknown,
    ];
}

/// Room for the field lines of one head; it lives on the stack of whoever parses.
pub type Room<'b> = [MaybeUninit<Header<'b>>; FIELDS_MAX];

/// Empty room. Nothing is written: a head pays for the lines that it has.
pub const fn room<'b>() -> Room<'b> {
    [const { MaybeUninit::uninit() }; FIELDS_MAX]
}

/// The members of a comma-separated list, empty ones left out. Clause: RFC 9110 §5.6.1.2.
pub(super) fn members(list: &[u8]) -> impl Iterator<Item = &[u8]> {
    list.split(|&byte| byte == b',').map(<[u8]>::trim_ascii).filter(|member| !member.is_empty())
}

/// Whether a comma-separated list has this member, compared without case; mostly it is all of it.
#[inline]
pub(super) fn lists(list: &[u8], token: &[u8]) -> bool {
    list == token || has_member(list, token)
}

#[inline(never)]
fn has_member(list: &[u8], token: &[u8]) -> bool {
    members(list).any(|member| member.eq_ignore_ascii_case(token))
}

/// Whether a field has this name, compared without case; mostly it is spelled like this.
#[inline]
pub(super) fn is(name: &str, spelled: &str) -> bool {
    name == spelled || name.eq_ignore_ascii_case(spelled)
}

/// `tchar`. Clause: RFC 9110 §5.6.2.
#[allow(clippy::indexing_slicing, reason = "it has a place for every byte")]
pub(super) const fn is_tchar(byte: u8) -> bool {
    TCHAR[byte as usize]
}

/// Whether a byte may never stand in a field value: all control characters but HTAB.
pub(super) fn is_control(byte: u8) -> bool {
    byte.is_ascii_control() && byte != b'\t'
}

/// Whether one of them does; without an early end, so that many bytes are looked at at once.
pub(super) fn has_control(value: &[u8]) -> bool {
    value.iter().fold(false, |found, &byte| found | is_control(byte))
}

/// Tells a field line of which the value, and the white space around it, begins there.
fn record_line<R: Recorder>(line: &[u8], value_at: usize, rec: &mut R) {
    if !R::ON {
        return;
    }
    let (name, value) = line.split_at_checked(value_at).unwrap_or((line, &[]));
    let name = name.strip_suffix(b":").unwrap_or(name);
    let behind = value.trim_ascii_start().len();
    let text = value.trim_ascii().len();
    rec.enter(known::line(name));
    rec.take(name.len(), &fields::NAME);
    rec.take(1, &fields::COLON);
    rec.take(value.len() - behind, &fields::OWS);
    rec.take(text, &fields::VALUE);
    rec.take(behind - text, &fields::OWS);
    rec.take(2, &fields::LINE_END);
    rec.leave();
}

/// Checks a line without its CRLF, and says where its value begins. It must agree with httparse on
/// what is right.
fn check(line: &[u8]) -> Result<usize, FieldError> {
    // RFC 9112 §2.2: "A recipient of such a bare CR MUST consider that element to be invalid or
    // replace each bare CR with SP before processing the element or forwarding the message."
    if memchr(b'\r', line).is_some() {
        return Err(FieldError::CrBare);
    }
    // RFC 9112 §5.2: "A server that receives an obs-fold in a request message … MUST either reject
    // the message by sending a 400 (Bad Request) … or replace each received obs-fold".
    if matches!(line.first(), Some(b' ' | b'\t')) {
        return Err(FieldError::LineFolded);
    }
    let colon = memchr(b':', line).ok_or(FieldError::ColonMissing)?;
    let (name, value) = line.split_at_checked(colon).ok_or(FieldError::ColonMissing)?;
    match name.last() {
        None => return Err(FieldError::NameEmpty),
        // RFC 9112 §5.1: "A server MUST reject, with a response status code of 400 (Bad Request),
        // any received request message that contains whitespace between a header field name and
        // colon."
        Some(b' ' | b'\t') => return Err(FieldError::SpaceBeforeColon),
        Some(_) if !name.iter().copied().all(is_tchar) => return Err(FieldError::NameInvalid),
        Some(_) => {}
    }
    // RFC 9110 §5.5: "a recipient of CR, LF, or NUL within a field value MUST either reject the
    // message or replace each of those characters with SP".
    if has_control(value) {
        return Err(FieldError::ValueControl);
    }
    Ok(colon + 1)
}

/// Which bytes are `tchar`.
const TCHAR: [bool; 256] = among(b"!#$%&'*+-.^_`|~");

/// The set of these bytes, of letters and of digits.
pub(super) const fn among(mut others: &[u8]) -> [bool; 256] {
    let mut set = [false; 256];
    let mut byte = 0_u8;
    #[allow(clippy::indexing_slicing, reason = "evaluated by the compiler")]
    while byte < 128 {
        set[byte as usize] = byte.is_ascii_alphanumeric();
        byte += 1;
    }
    #[allow(clippy::indexing_slicing, reason = "evaluated by the compiler")]
    while let [other, rest @ ..] = others {
        set[*other as usize] = true;
        others = rest;
    }
    set
}
