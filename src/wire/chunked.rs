//! The chunked transfer coding, both ways.

use crate::limits::CHUNK_SIZE_DIGITS_MAX as SIZE_DIGITS_MAX;
use crate::limits::{CHUNK_OVERHEAD_BYTES_MAX, TRAILER_BYTES_MAX, TRAILER_FIELDS_MAX};
use crate::wire::digits;
use crate::wire::field::is_tchar;
use crate::wire::span::{Field, Recorder, Silent};

pub mod fields;

/// Undoes the chunked transfer coding of one body, however its bytes are cut.
///
/// Wire: `*( chunk-size [ chunk-ext ] CRLF chunk-data CRLF ) 1*"0" [ chunk-ext ] CRLF
/// trailer-section CRLF`.
///
/// Clause: RFC 9112 §7.1. Cost: for a chunk of n bytes the hexadecimal digits of n, and 4 bytes;
/// 5 bytes at the end.
///
/// Departs: CRLF alone ends a line. A size has at most 15 digits, so that none wraps. Extensions
/// are dropped, and their inner grammar is not checked; with leading zeros and white space they
/// share one budget for the body, [`CHUNK_OVERHEAD_BYTES_MAX`], since they carry nothing. Trailer
/// fields are bounded and dropped: RFC 9110 §6.5.1 forbids to merge what is not known to be safe.
///
/// ```
/// use pushscope::wire::chunked::{Decoder, Step};
///
/// let mut content = Vec::new();
/// let bytes = b"5;a=b\r\nhello\r\n1\r\n!\r\n0\r\nTrailer: dropped\r\n\r\nGET";
/// let step = Decoder::new(1024).receive(bytes, &mut content);
/// assert_eq!(step, Ok(Step { taken: bytes.len() - 3, done: true }));
/// assert_eq!(content, b"hello!");
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Decoder {
    state: State,
    failed: Option<ChunkedError>,
    /// Bytes of the chunk that are still to come, or the size as far as its digits are read.
    size: u64,
    /// Bytes of content that the limit still allows.
    left: u64,
    digits: usize,
    overhead_bytes: usize,
    trailer_bytes: usize,
    trailer_lines: usize,
}

/// How far a body has come.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Step {
    /// How many of the given bytes belong to the body: all of them unless it is done.
    pub taken: usize,
    /// The body is complete.
    pub done: bool,
}

impl Decoder {
    /// A body of at most so many bytes of content.
    pub const fn new(content_bytes_max: u64) -> Self {
        Self {
            state: State::Size,
            failed: None,
            size: 0,
            left: content_bytes_max,
            digits: 0,
            overhead_bytes: 0,
            trailer_bytes: 0,
            trailer_lines: 0,
        }
    }

    /// Takes what has come, and appends what of it is content.
    ///
    /// `content` grows by bytes that are here, never by a size that is only announced.
    ///
    /// # Errors
    /// What the first wrong byte is; a decoder that has failed stays failed.
    pub fn receive(&mut self, bytes: &[u8], content: &mut Vec<u8>) -> Result<Step, ChunkedError> {
        self.receive_recorded(bytes, content, &mut Silent)
    }

    /// The same, said to a recorder, a group for each chunk; after an error, up to the first wrong
    /// byte.
    pub fn receive_recorded(
        &mut self,
        bytes: &[u8],
        content: &mut Vec<u8>,
        rec: &mut impl Recorder,
    ) -> Result<Step, ChunkedError> {
        if let Some(error) = self.failed {
            return Err(error);
        }
        let step = self.walk(bytes, content, rec);
        self.failed = step.err();
        step
    }

    /// Whether what comes next goes on with a trailer field that has begun.
    pub const fn is_in_field(&self) -> bool {
        matches!(self.state, State::Name | State::Value | State::LineLf)
    }

    /// Whether the last chunk and the trailer section are complete.
    pub fn is_done(&self) -> bool {
        self.state == State::Done
    }

    fn walk(
        &mut self,
        bytes: &[u8],
        content: &mut Vec<u8>,
        rec: &mut impl Recorder,
    ) -> Result<Step, ChunkedError> {
        let mut rest = bytes;
        while self.state != State::Done {
            if self.state == State::Data {
                let here = usize::try_from(self.size).unwrap_or(usize::MAX).min(rest.len());
                let (data, after) = rest.split_at_checked(here).unwrap_or((rest, &[]));
                content.extend_from_slice(data);
                rec.take(data.len(), &fields::CHUNK_DATA);
                self.size -= data.len() as u64;
                self.left -= data.len() as u64;
                rest = after;
                if self.size > 0 {
                    break;
                }
                self.state = State::DataCr;
            }
            let Some((&byte, after)) = rest.split_first() else {
                break;
            };
            self.framing(byte, rec)?;
            rest = after;
        }
        Ok(Step { taken: bytes.len() - rest.len(), done: self.is_done() })
    }

    /// Takes one byte that is not content.
    fn framing(&mut self, byte: u8, rec: &mut impl Recorder) -> Result<(), ChunkedError> {
        if self.state == State::Size {
            rec.enter(&fields::CHUNK);
        }
        let next = next(self.state, byte);
        rec.take(1, next.map_or(&fields::WRONG, |next| self.state.field(next)));
        let next = next?;
        match self.state {
            State::Trailer | State::Name | State::Value | State::LineLf | State::LastLf => {
                self.trailer_bytes += 1;
                if self.trailer_bytes > TRAILER_BYTES_MAX {
                    return Err(ChunkedError::TrailerTooLong);
                }
            }
            _ => {}
        }
        match (self.state, next) {
            (_, State::Digits) => self.digit(byte)?,
            (_, State::Padding | State::Extension) => self.overhead()?,
            (State::DataLf, _) => self.digits = 0,
            (State::Trailer, State::Name) => {
                self.trailer_lines += 1;
                if self.trailer_lines > TRAILER_FIELDS_MAX {
                    return Err(ChunkedError::TrailerLinesTooMany);
                }
            }
            _ => {}
        }
        if matches!(next, State::Size | State::Done) {
            rec.leave();
        }
        let last_chunk = next == State::Data && self.size == 0;
        self.state = if last_chunk { State::Trailer } else { next };
        Ok(())
    }

    fn digit(&mut self, byte: u8) -> Result<(), ChunkedError> {
        if self.digits > 0 && self.size == 0 {
            // The digit before was a leading zero.
            self.overhead()?;
        }
        // RFC 9112 §7.1: "Recipients MUST anticipate potentially large hexadecimal numerals and
        // prevent parsing errors due to integer conversion overflows".
        if self.digits == SIZE_DIGITS_MAX {
            return Err(ChunkedError::SizeTooLong);
        }
        self.digits += 1;
        self.size = self.size << 4 | u64::from(char::from(byte).to_digit(16).unwrap_or_default());
        // Compared as it stands, before anything is added to it or grows by it.
        if self.size > self.left { Err(ChunkedError::ContentTooLong) } else { Ok(()) }
    }

    fn overhead(&mut self) -> Result<(), ChunkedError> {
        self.overhead_bytes += 1;
        if self.overhead_bytes > CHUNK_OVERHEAD_BYTES_MAX {
            return Err(ChunkedError::OverheadTooLong);
        }
        Ok(())
    }
}

/// What the next byte of a body is part of. `receive` may be called in each.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum State {
    /// The first digit of a chunk size. Next: Digits.
    Size,
    /// Further digits. Next: Padding, Extension, SizeLf.
    Digits,
    /// White space before an extension. Next: Extension.
    Padding,
    /// Extensions. Next: SizeLf.
    Extension,
    /// The LF behind a chunk size. Next: Data, or Trailer if the size was 0.
    SizeLf,
    /// The CR behind chunk data. Next: DataLf.
    DataCr,
    /// The LF behind chunk data. Next: Size.
    DataLf,
    /// The beginning of a trailer field, or the CR of the blank line. Next: Name, LastLf.
    Trailer,
    /// A trailer field's name. Next: Value.
    Name,
    /// A trailer field's value. Next: LineLf.
    Value,
    /// The LF behind a trailer field. Next: Trailer.
    LineLf,
    /// The LF of the blank line. Next: Done.
    LastLf,
    /// Content, of any bytes. Next: DataCr.
    Data,
    /// Nothing: the body is complete.
    Done,
}

impl State {
    /// What a byte is that leads from here to there.
    const fn field(self, next: Self) -> &'static Field {
        match (self, next) {
            (Self::Size | Self::Digits, Self::Digits) => &fields::CHUNK_SIZE,
            (_, Self::Padding | Self::Extension) => &fields::CHUNK_EXT,
            (_, Self::SizeLf) | (Self::SizeLf, _) => &fields::SIZE_END,
            (Self::DataCr | Self::DataLf, _) => &fields::DATA_END,
            (_, Self::LastLf) | (Self::LastLf, _) => &fields::TRAILER_END,
            _ => &fields::TRAILER,
        }
    }
}

/// The kinds of bytes that framing tells apart: the columns of [`TABLE`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Class {
    /// A hexadecimal digit.
    Hex,
    /// Another character of a token.
    Token,
    Semicolon,
    Colon,
    /// SP and HTAB.
    Space,
    /// Any other visible character, and obs-text.
    Text,
    Cr,
    Lf,
    /// Any other control character.
    Control,
}

impl Class {
    const fn of(byte: u8) -> Self {
        match byte {
            b'\r' => Self::Cr,
            b'\n' => Self::Lf,
            b' ' | b'\t' => Self::Space,
            b';' => Self::Semicolon,
            b':' => Self::Colon,
            _ if byte.is_ascii_hexdigit() => Self::Hex,
            _ if is_tchar(byte) => Self::Token,
            _ if byte.is_ascii_control() => Self::Control,
            _ => Self::Text,
        }
    }
}

/// What a peer did wrong in a chunked body.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub enum ChunkedError {
    /// A chunk begins without a hexadecimal digit. RFC 9112 §7.1.
    SizeMissing,
    /// Something else than an extension or CRLF follows a chunk size. RFC 9112 §7.1.
    SizeInvalid,
    /// A chunk size has more than 15 digits. RFC 9112 §7.1.
    SizeTooLong,
    /// The chunks announce more content than is allowed. RFC 9110 §15.5.14 wants 413.
    ContentTooLong,
    /// Extensions, leading zeros and white space exceed [`CHUNK_OVERHEAD_BYTES_MAX`].
    /// RFC 9112 §7.1.1: "A server ought to limit the total length of chunk extensions received".
    OverheadTooLong,
    /// No CRLF follows the content of a chunk: its size was wrong. RFC 9112 §7.1.
    DataUnterminated,
    /// A line ends in LF without CR. RFC 9112 §2.2, §7.1.
    LfBare,
    /// A CR stands before something else than LF. RFC 9112 §2.2, §7.1.
    CrBare,
    /// A control character stands in an extension or in a trailer field's value. RFC 9110 §5.5.
    ControlCharacter,
    /// A trailer line begins with white space: the obsolete line folding. RFC 9112 §5.2.
    TrailerFolded,
    /// A trailer line does not begin with a token and a colon. RFC 9112 §5, §7.1.2.
    TrailerNameInvalid,
    /// The trailer section is longer than [`TRAILER_BYTES_MAX`]. RFC 6585 §5.
    TrailerTooLong,
    /// The trailer section has more lines than [`TRAILER_FIELDS_MAX`]. RFC 6585 §5.
    TrailerLinesTooMany,
}

impl ChunkedError {
    /// Every variant.
    pub const ALL: &[Self] = &[
        Self::SizeMissing,
        Self::SizeInvalid,
        Self::SizeTooLong,
        Self::ContentTooLong,
        Self::OverheadTooLong,
        Self::DataUnterminated,
        Self::LfBare,
        Self::CrBare,
        Self::ControlCharacter,
        Self::TrailerFolded,
        Self::TrailerNameInvalid,
        Self::TrailerTooLong,
        Self::TrailerLinesTooMany,
    ];
}

/// Appends the head of a chunk with so many bytes of content; CRLF must follow the content.
///
/// The size must not be 0: a chunk without content ends the body, see [`LAST_CHUNK`].
///
/// ```
/// let mut bytes = Vec::new();
/// pushscope::wire::chunked::encode_head(26, &mut bytes);
/// assert_eq!(bytes, b"1a\r\n");
/// ```
pub fn encode_head(content: usize, into: &mut Vec<u8>) {
    debug_assert!(content > 0, "a chunk without content ends the body");
    digits::encode_hex(content as u64, into);
    into.extend_from_slice(b"\r\n");
}

/// Appends a whole chunk; nothing if there is no content, since that would end the body.
///
/// ```
/// let mut bytes = Vec::new();
/// pushscope::wire::chunked::encode(b"hello", &mut bytes);
/// assert_eq!(bytes, b"5\r\nhello\r\n");
/// ```
pub fn encode(content: &[u8], into: &mut Vec<u8>) {
    if content.is_empty() {
        return;
    }
    encode_head(content.len(), into);
    into.extend_from_slice(content);
    into.extend_from_slice(b"\r\n");
}

/// The last chunk, and a trailer section without fields. Clause: RFC 9112 §7.1.
pub const LAST_CHUNK: &[u8] = b"0\r\n\r\n";

fn next(state: State, byte: u8) -> Led {
    let class = CLASSES.get(usize::from(byte)).copied().unwrap_or(Class::Control);
    match TABLE.get(state as usize).and_then(|row| row.get(class as usize)) {
        Some(&next) => next,
        None => Ok(state),
    }
}

/// By its value, the kind of each byte.
const CLASSES: [Class; 256] = {
    let mut classes = [Class::of(u8::MAX); 256];
    let mut byte = 0;
    #[allow(clippy::indexing_slicing, reason = "evaluated by the compiler")]
    while byte < u8::MAX {
        classes[byte as usize] = Class::of(byte);
        byte += 1;
    }
    classes
};

/// What a byte of framing leads to.
type Led = Result<State, ChunkedError>;

/// By state (rows, in order) and class of the next byte (columns, in order). Data and Done have no
/// row: no framing is read in them.
const TABLE: [[Led; 9]; State::Data as usize] = {
    const DIGITS: Led = Ok(State::Digits);
    const PADDING: Led = Ok(State::Padding);
    const EXTEND: Led = Ok(State::Extension);
    const SIZE_LF: Led = Ok(State::SizeLf);
    const DATA: Led = Ok(State::Data);
    const DATA_LF: Led = Ok(State::DataLf);
    const SIZE: Led = Ok(State::Size);
    const NAME: Led = Ok(State::Name);
    const VALUE: Led = Ok(State::Value);
    const LINE_LF: Led = Ok(State::LineLf);
    const TRAILER: Led = Ok(State::Trailer);
    const LAST_LF: Led = Ok(State::LastLf);
    const DONE: Led = Ok(State::Done);
    const NO_SIZE: Led = Err(ChunkedError::SizeMissing);
    const NO_MORE: Led = Err(ChunkedError::SizeInvalid);
    const NO_END: Led = Err(ChunkedError::DataUnterminated);
    const NO_NAME: Led = Err(ChunkedError::TrailerNameInvalid);
    const FOLDED: Led = Err(ChunkedError::TrailerFolded);
    const CONTROL: Led = Err(ChunkedError::ControlCharacter);
    const LF: Led = Err(ChunkedError::LfBare);
    const CR: Led = Err(ChunkedError::CrBare);
    [
        // Hex, Token, Semicolon, Colon, Space, Text, Cr, Lf, Control
        // Size
        [DIGITS, NO_SIZE, NO_SIZE, NO_SIZE, NO_SIZE, NO_SIZE, NO_SIZE, NO_SIZE, NO_SIZE],
        // Digits
        [DIGITS, NO_MORE, EXTEND, NO_MORE, PADDING, NO_MORE, SIZE_LF, LF, NO_MORE],
        // Padding
        [NO_MORE, NO_MORE, EXTEND, NO_MORE, PADDING, NO_MORE, NO_MORE, LF, NO_MORE],
        // Extension
        [EXTEND, EXTEND, EXTEND, EXTEND, EXTEND, EXTEND, SIZE_LF, LF, CONTROL],
        // SizeLf
        [CR, CR, CR, CR, CR, CR, CR, DATA, CR],
        // DataCr
        [NO_END, NO_END, NO_END, NO_END, NO_END, NO_END, DATA_LF, NO_END, NO_END],
        // DataLf
        [NO_END, NO_END, NO_END, NO_END, NO_END, NO_END, NO_END, SIZE, NO_END],
        // Trailer
        [NAME, NAME, NO_NAME, NO_NAME, FOLDED, NO_NAME, LAST_LF, LF, NO_NAME],
        // Name
        [NAME, NAME, NO_NAME, VALUE, NO_NAME, NO_NAME, NO_NAME, LF, NO_NAME],
        // Value
        [VALUE, VALUE, VALUE, VALUE, VALUE, VALUE, LINE_LF, LF, CONTROL],
        // LineLf
        [CR, CR, CR, CR, CR, CR, CR, TRAILER, CR],
        // LastLf
        [CR, CR, CR, CR, CR, CR, CR, DONE, CR],
    ]
};

#[cfg(test)]
mod tests;
