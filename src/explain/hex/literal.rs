//! Bytes written as digits, numbers and literals, one after the other.

use super::{HexFault, digit_of};

/// Reads them character by character.
#[derive(Debug, Default)]
pub(super) struct Literal {
    state: State,
    /// Between these quotation marks, where characters stand for themselves.
    quote: Option<u8>,
    /// Brackets and braces that are open.
    depth: usize,
    numbers: Numbers,
}

/// What numbers of a list are that have no prefix.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
enum Numbers {
    /// Digits of a byte, in base 16.
    #[default]
    Hex,
    /// The same, and there was one that would be another one in base 10.
    SeenHex,
    /// As in source code, in base 10: the list was declared, or another number has a prefix.
    Decimal,
}

/// What was begun.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
enum State {
    /// Nothing.
    #[default]
    Between,
    /// A byte that has one digit so far.
    Half(u8),
    /// `0x`, and perhaps one digit.
    Number(Option<u8>),
    /// Behind two digits with a prefix: there may be more.
    Run,
    /// A number in base 10.
    Decimal(u8),
    /// A `b` in source code.
    Prefix,
    /// A backslash.
    Escape,
    /// `\x`, and perhaps one digit.
    Hex(Option<u8>),
    /// `\` and this many octal digits.
    Octal(u8, u8),
    /// A backslash ended the line: the white space in front of the next one is none.
    Continued,
    /// One slash.
    Slash,
    /// What is for people, up to the end of the line.
    Comment,
}

impl Literal {
    /// Whether nothing was begun.
    pub(super) fn is_between(&self) -> bool {
        self.state == State::Between && self.quote.is_none()
    }

    /// What stood here declares what follows.
    pub(super) fn declare(&mut self) {
        self.numbers = Numbers::Decimal;
    }

    /// Takes a character.
    pub(super) fn take(&mut self, byte: u8, bytes: &mut Vec<u8>) -> Result<(), HexFault> {
        // What ends with the first character that is no part of it leaves that to what follows.
        if !self.go_on(byte, bytes)? {
            self.state = State::Between;
            self.begin(byte, bytes)?;
        }
        Ok(())
    }

    /// The text ends.
    pub(super) fn end(&mut self, bytes: &mut Vec<u8>) -> Result<(), HexFault> {
        match self.state {
            _ if self.quote.is_some() => return Err(HexFault::Quote),
            State::Half(_) | State::Number(None) => return Err(HexFault::Half),
            State::Number(Some(byte)) | State::Hex(Some(byte)) | State::Octal(byte, _) => {
                bytes.push(byte);
            }
            State::Escape | State::Hex(None) => return Err(HexFault::Escape),
            State::Slash => return Err(HexFault::Digit(b'/')),
            State::Prefix => return Err(HexFault::Digit(b'b')),
            State::Decimal(byte) => bytes.push(byte),
            State::Between | State::Run | State::Continued | State::Comment => {}
        }
        self.state = State::Between;
        Ok(())
    }

    /// Goes on with what was begun; whether the character belonged to it.
    fn go_on(&mut self, byte: u8, bytes: &mut Vec<u8>) -> Result<bool, HexFault> {
        let digit = digit_of(byte);
        self.state = match (self.state, digit) {
            (State::Between, _) => return Ok(false),
            (State::Half(0) | State::Decimal(0), _) if matches!(byte, b'x' | b'X') => {
                self.prefix()?
            }
            // b"…", as Rust and Python have it.
            (State::Half(0xb) | State::Prefix, _) if is_quote(byte) => return Ok(false),
            (State::Prefix, _) => return Err(HexFault::Digit(b'b')),
            (State::Run, Some(digit)) => State::Half(digit),
            (State::Run, None) => return Ok(false),
            (State::Decimal(value), Some(digit)) if digit < 10 => {
                let value = value.checked_mul(10).and_then(|value| value.checked_add(digit));
                State::Decimal(value.ok_or(HexFault::Large)?)
            }
            (State::Decimal(value), _) => {
                bytes.push(value);
                return Ok(false);
            }
            (State::Number(None), Some(digit)) => State::Number(Some(digit)),
            (State::Hex(None), Some(digit)) => State::Hex(Some(digit)),
            (State::Half(high) | State::Number(Some(high)) | State::Hex(Some(high)), Some(low)) => {
                bytes.push(high << 4 | low);
                self.pair(high)
            }
            (State::Half(_) | State::Number(None), None) => return Err(HexFault::Half),
            (State::Hex(None), None) => return Err(HexFault::Escape),
            (State::Number(Some(byte)) | State::Hex(Some(byte)), None) => {
                bytes.push(byte);
                return Ok(false);
            }
            (State::Escape, _) => self.escape(byte, bytes)?,
            (State::Octal(value, digits), Some(digit)) if digit < 8 && digits < 3 => {
                State::Octal(value.wrapping_mul(8) | digit, digits + 1)
            }
            (State::Octal(value, _), _) => {
                bytes.push(value);
                return Ok(false);
            }
            (State::Continued, _) if byte.is_ascii_whitespace() => State::Continued,
            (State::Continued, _) => return Ok(false),
            (State::Slash, _) if byte == b'/' => State::Comment,
            (State::Slash, _) => return Err(HexFault::Digit(b'/')),
            (State::Comment, _) if byte == b'\n' => State::Between,
            (State::Comment, _) => State::Comment,
        };
        Ok(true)
    }

    fn begin(&mut self, byte: u8, bytes: &mut Vec<u8>) -> Result<(), HexFault> {
        match byte {
            b'\\' => self.state = State::Escape,
            _ if self.quote == Some(byte) => self.quote = None,
            _ if self.quote.is_some() => bytes.push(byte),
            _ if is_quote(byte) => self.quote = Some(byte),
            b'[' | b'{' => self.depth += 1,
            b']' | b'}' => self.close(),
            // `[0; 4]` is four bytes, and not two.
            b';' if self.depth > 0 => return Err(HexFault::Digit(byte)),
            b',' | b';' | b':' | b'-' | b'(' | b')' => {}
            b'#' => self.state = State::Comment,
            b'/' => self.state = State::Slash,
            b'b' if self.is_code() => self.state = State::Prefix,
            b'0'..=b'9' if self.is_code() => self.state = State::Decimal(byte - b'0'),
            _ if byte.is_ascii_whitespace() => {}
            _ if self.is_code() => return Err(HexFault::Digit(byte)),
            _ => self.state = State::Half(digit_of(byte).ok_or(HexFault::Digit(byte))?),
        }
        Ok(())
    }

    /// Whether numbers without a prefix are in base 10.
    fn is_code(&self) -> bool {
        self.depth > 0 && self.numbers == Numbers::Decimal
    }

    fn close(&mut self) {
        self.depth = self.depth.saturating_sub(1);
        if self.depth == 0 {
            self.numbers = Numbers::Hex;
        }
    }

    /// A number has a prefix: those of its list that have none are in base 10.
    fn prefix(&mut self) -> Result<State, HexFault> {
        if self.depth > 0 && self.numbers == Numbers::SeenHex {
            return Err(HexFault::Mixed);
        }
        if self.depth > 0 {
            self.numbers = Numbers::Decimal;
        }
        Ok(State::Number(None))
    }

    /// Two digits are a byte; what follows them.
    fn pair(&mut self, high: u8) -> State {
        if self.is_code() {
            return State::Run;
        }
        if self.depth > 0 && high > 0 && self.quote.is_none() {
            self.numbers = Numbers::SeenHex;
        }
        State::Between
    }

    /// What follows a backslash.
    fn escape(&self, byte: u8, bytes: &mut Vec<u8>) -> Result<State, HexFault> {
        let plain = match byte {
            b'x' => return Ok(State::Hex(None)),
            b'0'..=b'7' => return Ok(State::Octal(byte - b'0', 1)),
            b'\n' => return Ok(State::Continued),
            b'n' => b'\n',
            b'r' => b'\r',
            b't' => b'\t',
            b'a' => 0x07,
            b'b' => 0x08,
            b'v' => 0x0b,
            b'f' => 0x0c,
            b'e' => 0x1b,
            b'\\' | b'"' | b'\'' | b'?' => byte,
            _ => return Err(HexFault::Escape),
        };
        bytes.push(plain);
        Ok(State::Between)
    }
}

const fn is_quote(byte: u8) -> bool {
    matches!(byte, b'"' | b'\'')
}
