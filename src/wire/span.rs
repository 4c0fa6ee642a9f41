//! What bytes are for, in the words of their specification: the tape that codecs speak onto.
//!
//! A codec that goes over bytes says, field by field, what the next of them are. It never says
//! where they are: a tape adds up, so that what it has recorded tiles the bytes by construction,
//! without a gap and without an overlap. While nobody looks, codecs speak to [`Silent`], and the
//! compiler leaves nothing of it.
//!
//! Those who parse speak, the client's codecs about what a server sends and the server's about what
//! a client does. Those who encode do not: what they have made is read back by the codec of the
//! other side, which has nothing but the bytes. `tests/dissect.rs` holds what is said then against
//! what the encoders have booked, and the fuzz target `encoded` against what was encoded.

mod tape;

pub use tape::{Mark, Severity, Span, Tape};

use crate::wire::cursor::Cursor;

/// Whoever listens to a codec.
pub trait Recorder {
    /// Whether anything is recorded: what is only said for a listener need not be found out.
    const ON: bool;

    /// The next so many bytes are this field; none are no field. Bytes that go on where the same
    /// field ended belong to it, so that a field may come in pieces.
    fn take(&mut self, bytes: usize, field: &'static Field);

    /// The next so many bits are this field, from the most significant on.
    fn bits(&mut self, bits: u8, field: &'static Field);

    /// What follows, until [`Recorder::leave`], is part of this.
    fn enter(&mut self, group: &'static Field);

    /// The group that was entered last is whole.
    fn leave(&mut self);

    /// All of the group in hand is control: it carries no message.
    fn is_control(&mut self);

    /// Where the tape is now.
    fn mark(&self) -> Mark;

    /// Forgets what was said since then: it will be said again.
    fn rewind(&mut self, mark: Mark);
}

/// Nobody listens.
#[derive(Clone, Copy, Debug, Default)]
pub struct Silent;

impl Recorder for Silent {
    const ON: bool = false;

    #[inline(always)]
    fn take(&mut self, _: usize, _: &'static Field) {}

    #[inline(always)]
    fn bits(&mut self, _: u8, _: &'static Field) {}

    #[inline(always)]
    fn enter(&mut self, _: &'static Field) {}

    #[inline(always)]
    fn leave(&mut self) {}

    #[inline(always)]
    fn is_control(&mut self) {}

    #[inline(always)]
    fn mark(&self) -> Mark {
        Mark::default()
    }

    #[inline(always)]
    fn rewind(&mut self, _: Mark) {}
}

/// What a run of bytes is.
#[derive(Debug)]
pub struct Field {
    /// Its name, in the specification's words.
    pub name: &'static str,
    /// Where the specification says so.
    pub clause: &'static str,
    /// What it is for, in one sentence.
    pub meaning: &'static str,
    /// On which side of the books its bytes stand.
    pub part: Part,
    /// How its bytes are to be read.
    pub reading: Reading,
}

impl Field {
    /// A field that is read as text.
    pub const fn text(
        part: Part,
        name: &'static str,
        clause: &'static str,
        meaning: &'static str,
    ) -> Self {
        Self { name, clause, meaning, part, reading: Reading::Text }
    }

    /// The same field, read in another way.
    pub const fn read(self, reading: Reading) -> Self {
        Self { reading, ..self }
    }
}

/// What bytes are booked as: the kinds of [`crate::cost::Bytes`].
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub enum Part {
    /// Request lines, status lines, field lines and the blank line behind them.
    Head,
    /// What wraps a payload.
    Framing,
    /// The message's own bytes.
    Payload,
    /// What carries no message.
    Control,
}

impl Part {
    /// Its name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Head => "head",
            Self::Framing => "framing",
            Self::Payload => "payload",
            Self::Control => "control",
        }
    }
}

/// How the bytes of a field are to be read.
#[derive(Clone, Copy, Debug)]
pub enum Reading {
    /// As text, in UTF-8.
    Text,
    /// As an unsigned integer in network order, of at most 8 bytes.
    Unsigned,
    /// As bytes that mean nothing alone.
    Hex,
    /// Not at all: the bytes are always the same, or are told by the fields within.
    Fixed,
    /// As a number that has a name.
    Named(fn(u64) -> &'static str),
}

impl Reading {
    /// The value of a field with these bytes, or with these bits of a byte.
    pub fn value(self, bytes: &[u8], bits: Option<Bits>) -> String {
        let number = match bits {
            Some(bits) => bits.of(bytes),
            None => unsigned(bytes),
        };
        match self {
            Self::Fixed => String::new(),
            Self::Named(name) => match name(number) {
                "" => number.to_string(),
                name => format!("{number} {name}"),
            },
            Self::Unsigned => number.to_string(),
            Self::Text if bits.is_none() => String::from_utf8_lossy(bytes).into_owned(),
            Self::Text | Self::Hex => hex(bytes),
        }
    }
}

/// Bits of one byte: so many behind the first so many, from the most significant on.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub struct Bits {
    /// Bits of the byte in front of them.
    pub from: u8,
    /// How many they are, 1 to 8.
    pub count: u8,
}

impl Bits {
    /// The number that they are.
    pub fn of(self, bytes: &[u8]) -> u64 {
        let byte = bytes.first().copied().unwrap_or_default();
        let behind = 8_u8.saturating_sub(self.from + self.count);
        u64::from(byte >> behind & u8::MAX.checked_shr(8 - u32::from(self.count)).unwrap_or(0))
    }

    /// Their byte in two halves: they are digits, and a dot stands for each of the others.
    ///
    /// ```
    /// use pushscope::wire::span::Bits;
    /// assert_eq!(Bits { from: 1, count: 3 }.drawn(&[0x95], '.'), ".001 ....");
    /// ```
    pub fn drawn(self, bytes: &[u8], dot: char) -> String {
        let byte = bytes.first().copied().unwrap_or_default();
        let own = self.from..self.from.saturating_add(self.count);
        let digit = |at: u8| match byte & 0x80 >> at {
            _ if !own.contains(&at) => dot,
            0 => '0',
            _ => '1',
        };
        let (high, low): (String, String) =
            ((0..4).map(digit).collect(), (4..8).map(digit).collect());
        format!("{high} {low}")
    }
}

/// What is wrong with spans that should tile so many bytes: the first place at which the leaves
/// leave a gap, overlap, or end too early.
pub fn untiled(spans: &[Span], bytes: usize) -> Option<usize> {
    let mut at = (0, 0_u8);
    for leaf in spans.iter().filter(|span| !span.is_group) {
        let begins = (leaf.start, leaf.bits.map_or(0, |bits| bits.from));
        if begins != at || leaf.end <= leaf.start {
            return Some(at.0);
        }
        at = match leaf.bits {
            Some(Bits { from, count }) if from + count < 8 => (leaf.start, from + count),
            _ => (leaf.end, 0),
        };
    }
    (at != (bytes, 0)).then_some(at.0)
}

/// Bytes as two digits each, with spaces between them.
pub fn hex(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(3 * bytes.len());
    for byte in bytes {
        if !text.is_empty() {
            text.push(' ');
        }
        for digit in [byte >> 4, byte & 0xf] {
            text.extend(char::from_digit(u32::from(digit), 16));
        }
    }
    text
}

/// The number that at most 8 bytes are, in network order.
fn unsigned(bytes: &[u8]) -> u64 {
    let mut cursor = Cursor::new(bytes.get(..8).unwrap_or(bytes));
    let mut number = 0;
    while let Some(byte) = cursor.u8() {
        number = number << 8 | u64::from(byte);
    }
    number
}

#[cfg(test)]
mod tests;
