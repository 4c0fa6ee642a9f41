//! Hex text, as people have it: dumps with offsets and an ASCII column, bare digits, literals and
//! arrays of C, Rust and Python.
//!
//! ```text
//! 00000000: 4745 5420 2f20  GET /         xxd
//! 00000000  47 45 54 20 2f 20  |GET / |   hexdump -C; tshark -x and od -A x -t x1 are like it
//! 47:45:54, 4745542f                      digits by two, however they are parted
//! 0x47, 0x45, 0x54                        numbers
//! "GET / HTTP/1.1\r\n" \x81\x02           literals; // and # begin a comment
//! const HI: [u8; 4] = [0x81, 2, 104, 105];   source of Rust, of C (xxd -i), of Python
//! ```

mod code;
mod dump;
mod literal;

use std::fmt;

use crate::limits::EXPLAIN_HEX_LINE_BYTES_MAX;
use dump::{Dump, Offset};
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
    /// A number of a list is none of a byte.
    Large,
    /// In a list some numbers have a prefix, and others in front of them had none.
    Mixed,
    /// An offset is not where the bytes in front of it end: a row is damaged or missing.
    Offset {
        /// What stands there.
        found: u64,
        /// What should.
        expected: u64,
        /// How offsets are written in this dump.
        radix: Radix,
    },
    /// An offset has digits that the others do not have.
    Radix,
    /// A star stands for more bytes than anybody wants.
    Star,
    /// A star stands for rows, and without offsets nobody knows for how many.
    Alone,
    /// The same, as nothing follows it.
    Open,
    /// Words of several bytes, or characters: the order of their bytes is not told.
    Words,
}

/// How offsets are written.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Radix {
    /// In base 16, as xxd and hexdump do.
    Hex,
    /// In base 8, as od does.
    Octal,
    /// In base 10, as od -A d does.
    Decimal,
}

impl Radix {
    const ALL: [Self; 3] = [Self::Hex, Self::Octal, Self::Decimal];

    const fn base(self) -> u32 {
        match self {
            Self::Hex => 16,
            Self::Octal => 8,
            Self::Decimal => 10,
        }
    }

    const fn index(self) -> usize {
        match self {
            Self::Hex => 0,
            Self::Octal => 1,
            Self::Decimal => 2,
        }
    }

    /// An offset, as it stands in such a dump.
    fn written(self, offset: u64) -> String {
        match self {
            Self::Hex => format!("{offset:08x}"),
            Self::Octal => format!("{offset:07o}"),
            Self::Decimal => format!("{offset:07}"),
        }
    }
}

impl fmt::Display for HexError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}, column {}: ", self.line, self.column)?;
        match self.fault {
            HexFault::Digit(byte) => write!(f, "`{}` is no hex digit", byte.escape_ascii()),
            HexFault::Half => f.write_str("a byte has two hex digits, and here is one"),
            HexFault::Escape => f.write_str("this escape sequence is not known"),
            HexFault::Quote => f.write_str("the text ends without a quotation mark"),
            HexFault::Large => f.write_str("a byte is at most 255"),
            HexFault::Mixed => f.write_str(
                "this number has a prefix, and those in front of it have none: hex or decimal?",
            ),
            HexFault::Offset { found, expected, radix } => write!(
                f,
                "the offset is {}, and the bytes in front of it end at {}",
                radix.written(found),
                radix.written(expected)
            ),
            HexFault::Radix => f.write_str("the offset is not in the base of the others"),
            HexFault::Alone => f.write_str(
                "`*` stands for rows that are left out, and without offsets nobody knows how \
                 many: hexdump -v and od -v write all of them",
            ),
            HexFault::Open => f.write_str(
                "the dump ends with `*`, so nobody knows how many rows it stands for: the line \
                 behind it has the last offset",
            ),
            HexFault::Words => f.write_str(
                "these are words or characters, not bytes in their order; hexdump -C, xxd and \
                 od -t x1 write bytes",
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
        let ended = match &self.dump {
            Some(dump) if dump.is_open() => Err(HexFault::Open),
            _ => self.literal.end(bytes),
        };
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
        let front = match self.taken {
            0 if self.literal.is_between() => code::front(&line),
            _ => 0,
        };
        if front > 0 {
            self.literal.declare();
        }
        for (at, byte) in line.iter().enumerate().skip(front) {
            let taken = self.literal.take(*byte, bytes);
            taken.map_err(|fault| self.error(at, fault))?;
        }
        self.taken += line.len() as u64;
        Ok(())
    }

    /// Takes the line if it is a row of a dump, or its star.
    fn row(&mut self, bytes: &mut Vec<u8>) -> Result<bool, HexError> {
        let text = self.line.trim_ascii_end();
        if text == b"*" {
            let Some(dump) = &mut self.dump else { return Err(self.error(0, HexFault::Alone)) };
            dump.star();
            return Ok(true);
        }
        let offset = Offset::parse(text, self.dump.as_ref());
        let Some(offset) = offset.map_err(|fault| self.error(0, fault))? else { return Ok(false) };
        let dump = self.dump.get_or_insert_with(|| Dump::beginning(&offset));
        let met = dump.meet(&offset, bytes);
        // White space may be part of the text beside the bytes.
        let line = self.line.strip_suffix(b"\n").unwrap_or(&self.line);
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        let row = met.map_err(|fault| (0, fault)).and_then(|()| offset.row(line));
        match row {
            Ok(row) if row.is_empty() => {}
            Ok(row) => dump.push(row, bytes),
            Err((at, fault)) => return Err(self.error(at, fault)),
        }
        Ok(true)
    }

    const fn error(&self, at: usize, fault: HexFault) -> HexError {
        HexError { line: self.lines + 1, column: self.taken + at as u64 + 1, fault }
    }
}

/// What a hex digit is worth.
fn digit_of(byte: u8) -> Option<u8> {
    char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok())
}

#[cfg(test)]
mod tests;
