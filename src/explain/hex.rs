//! Hex text, as people have it: dumps with offsets and an ASCII column, bare digits, C and Rust
//! literals.
//!
//! ```text
//! 00000000: 4745 5420 2f20  GET /         xxd
//! 00000000  47 45 54 20 2f 20  |GET / |   hexdump -C; tshark -x and od -A x -t x1 are like it
//! 47:45:54, 4745542f                      digits by two, however they are parted
//! 0x47, 0x45, 0x54                        numbers
//! "GET / HTTP/1.1\r\n" \x81\x02           literals; // and # begin a comment
//! ```

mod literal;

use std::fmt;

use crate::limits::{EXPLAIN_HEX_LINE_BYTES_MAX, EXPLAIN_HEX_REPEAT_BYTES_MAX};
use literal::Literal;

/// Decodes hex text as it comes.
#[derive(Debug, Default)]
pub(super) struct Hex {
    /// The line that has begun, up to the longest that a dump has.
    line: Vec<u8>,
    /// Lines in front of it.
    lines: u64,
    /// Bytes of it that were taken already, as it is longer.
    taken: u64,
    literal: Literal,
    dump: Option<Dump>,
}

/// The rows of a dump so far.
#[derive(Debug)]
struct Dump {
    /// What the next offset must be.
    next: u64,
    row: Vec<u8>,
    /// A star stands for rows that are as the last one.
    is_starred: bool,
}

/// Why a text is no hex, and where.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct HexError {
    /// The line, from 1 on.
    pub line: u64,
    /// The place in it, in bytes, from 1 on.
    pub column: u64,
    /// What is wrong there.
    pub fault: HexFault,
}

/// What is wrong with hex text.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum HexFault {
    /// This is neither a digit nor anything that may part them.
    Digit(u8),
    /// A byte has one digit.
    Half,
    /// An escape sequence that C and Rust do not have.
    Escape,
    /// A text between quotation marks does not end.
    Quote,
    /// An offset is not where the bytes in front of it end: a row is damaged or missing.
    Offset {
        /// What stands there.
        found: u64,
        /// What should.
        expected: u64,
    },
    /// A star stands for more bytes than anybody wants.
    Star,
}

impl fmt::Display for HexError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}, column {}: ", self.line, self.column)?;
        match self.fault {
            HexFault::Digit(byte) => write!(f, "`{}` is no hex digit", byte.escape_ascii()),
            HexFault::Half => f.write_str("a byte has two hex digits, and here is one"),
            HexFault::Escape => f.write_str("this escape sequence is not known"),
            HexFault::Quote => f.write_str("the text ends without a quotation mark"),
            HexFault::Offset { found, expected } => write!(
                f,
                "the offset is {found:08x}, and the bytes in front of it end at {expected:08x}"
            ),
            HexFault::Star => f.write_str("the star in front of it stands for too many bytes"),
        }
    }
}

impl std::error::Error for HexError {}

impl Hex {
    /// Takes text, and adds the bytes that it is.
    pub(super) fn receive(&mut self, text: &[u8], bytes: &mut Vec<u8>) -> Result<(), HexError> {
        for part in text.split_inclusive(|byte| *byte == b'\n') {
            self.line.extend_from_slice(part);
            if part.ends_with(b"\n") {
                self.end_line(bytes)?;
            } else if self.line.len() > EXPLAIN_HEX_LINE_BYTES_MAX {
                self.take_literally(bytes)?;
            }
        }
        Ok(())
    }

    /// The text ends.
    pub(super) fn end(&mut self, bytes: &mut Vec<u8>) -> Result<(), HexError> {
        if !self.line.is_empty() {
            self.end_line(bytes)?;
        }
        let ended = self.literal.end(bytes);
        ended.map_err(|fault| self.error(0, fault))
    }

    fn end_line(&mut self, bytes: &mut Vec<u8>) -> Result<(), HexError> {
        let is_whole = self.line.ends_with(b"\n");
        if self.taken == 0 && self.literal.is_between() && self.row(bytes)? {
            self.line.clear();
        } else {
            self.take_literally(bytes)?;
        }
        if is_whole {
            self.lines += 1;
            self.taken = 0;
        }
        Ok(())
    }

    /// Takes what there is of the line, which is no row of a dump.
    fn take_literally(&mut self, bytes: &mut Vec<u8>) -> Result<(), HexError> {
        let line = std::mem::take(&mut self.line);
        for (at, byte) in line.iter().enumerate() {
            let taken = self.literal.take(*byte, bytes);
            taken.map_err(|fault| self.error(at, fault))?;
        }
        self.taken += line.len() as u64;
        Ok(())
    }

    /// Takes the line if it is a row of a dump, or its star.
    fn row(&mut self, bytes: &mut Vec<u8>) -> Result<bool, HexError> {
        let line = self.line.trim_ascii_end();
        let next = self.dump.as_ref().map(|dump| dump.next);
        if let (b"*", Some(dump)) = (line, &mut self.dump) {
            dump.is_starred = true;
            return Ok(true);
        }
        let Some(offset) = Offset::parse(line, next) else { return Ok(false) };
        let repeated = self.meet(&offset)?;
        if let Some(dump) = &self.dump {
            bytes.extend(dump.row.iter().cycle().take(repeated));
        }
        let row = offset.row(line).map_err(|(at, fault)| self.error(at, fault))?;
        bytes.extend_from_slice(&row);
        let next = self.dump.as_ref().map_or(offset.value, |dump| dump.next) + row.len() as u64;
        let next = next + repeated as u64;
        self.dump = Some(Dump { next, row, is_starred: false });
        Ok(true)
    }

    /// Whether an offset is where it must be; bytes that a star in front of it stands for.
    fn meet(&self, offset: &Offset) -> Result<usize, HexError> {
        let Some(dump) = &self.dump else { return Ok(0) };
        if offset.is(dump.next) {
            return Ok(0);
        }
        let wrong = HexFault::Offset { found: offset.value, expected: dump.next };
        let gap = offset.value.checked_sub(dump.next).and_then(|gap| usize::try_from(gap).ok());
        match gap {
            Some(gap) if dump.is_starred && !dump.row.is_empty() => match gap {
                0..=EXPLAIN_HEX_REPEAT_BYTES_MAX => Ok(gap),
                _ => Err(self.error(0, HexFault::Star)),
            },
            _ => Err(self.error(0, wrong)),
        }
    }

    const fn error(&self, at: usize, fault: HexFault) -> HexError {
        HexError { line: self.lines + 1, column: self.taken + at as u64 + 1, fault }
    }
}

/// What a row of a dump begins with.
#[derive(Debug)]
struct Offset {
    value: u64,
    /// The same digits, read as od writes them without being asked.
    octal: Option<u64>,
    /// Where its bytes begin in the line.
    end: usize,
    /// A colon follows it: bytes are in groups, and the text is behind two spaces.
    has_colon: bool,
}

impl Offset {
    /// Finds the offset of a row; `next` is what it must be, if that is known.
    fn parse(line: &[u8], next: Option<u64>) -> Option<Self> {
        let text = line.trim_ascii_start();
        let text = text.strip_prefix(b"0x").unwrap_or(text);
        let digits = text.iter().take_while(|byte| byte.is_ascii_hexdigit()).count();
        let (number, rest) = text.split_at_checked(digits)?;
        if !(4..=16).contains(&digits) {
            return None;
        }
        let number = str::from_utf8(number).ok()?;
        let value = u64::from_str_radix(number, 16).ok()?;
        let octal = u64::from_str_radix(number, 8).ok();
        let offset = |rest: &[u8], has_colon| {
            Some(Self { value, octal, end: line.len() - rest.len(), has_colon })
        };
        if let Some(rest) = rest.strip_prefix(b":") {
            let is_parted = rest.first().is_none_or(u8::is_ascii_whitespace);
            return if is_parted { offset(rest, true) } else { None };
        }
        let found = offset(rest, false)?;
        let gap = rest.iter().take_while(|byte| byte.is_ascii_whitespace()).count();
        let is_met = found.is(next.unwrap_or_default());
        let pair = rest.get(gap..).unwrap_or_default();
        let pair = pair.iter().take_while(|byte| !byte.is_ascii_whitespace()).count();
        let is_row = match gap {
            0 => next.is_some() && rest.is_empty(),
            1 => digits >= 6 && is_met && pair == 2,
            _ => pair == 2,
        };
        is_row.then_some(found)
    }

    fn is(&self, expected: u64) -> bool {
        self.value == expected || self.octal == Some(expected)
    }

    /// The bytes of the row, up to the text beside them.
    fn row(&self, line: &[u8]) -> Result<Vec<u8>, (usize, HexFault)> {
        let mut bytes = Vec::new();
        let mut at = self.end;
        let gap_max = if self.has_colon { 1 } else { 2 };
        while let Some(rest) = line.get(at..)
            && !rest.is_empty()
        {
            let gap = rest.iter().take_while(|byte| byte.is_ascii_whitespace()).count();
            let group = rest.get(gap..).unwrap_or_default();
            let group = group.split(u8::is_ascii_whitespace).next().unwrap_or_default();
            let is_full = !self.has_colon && bytes.len() >= ROW_BYTES;
            let is_text =
                at > self.end && gap > gap_max || matches!(group.first(), Some(b'|' | b'>'));
            if is_full || is_text {
                break;
            }
            at += gap;
            read_group(group, &mut bytes).map_err(|(place, fault)| (at + place, fault))?;
            at += group.len();
        }
        Ok(bytes)
    }
}

/// Reads digits by two.
fn read_group(group: &[u8], bytes: &mut Vec<u8>) -> Result<(), (usize, HexFault)> {
    for (at, pair) in (0..).step_by(2).zip(group.chunks(2)) {
        let mut byte = 0;
        for (place, digit) in pair.iter().enumerate() {
            let value = digit_of(*digit).ok_or((at + place, HexFault::Digit(*digit)))?;
            byte = byte << 4 | value;
        }
        if pair.len() < 2 {
            return Err((at, HexFault::Half));
        }
        bytes.push(byte);
    }
    Ok(())
}

/// What a hex digit is worth.
fn digit_of(byte: u8) -> Option<u8> {
    char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok())
}

/// Bytes of a row of a dump whose groups are single bytes.
const ROW_BYTES: usize = 16;

#[cfg(test)]
mod tests;
