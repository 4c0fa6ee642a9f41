//! Messages that tell their number, so that whoever hears them knows what is missing.

/// Messages of one size: their number in decimal digits, as many as fit, and a filler.
///
/// All of it is text that no encoding escapes: what a mechanism adds is its own.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Payloads {
    size_bytes: usize,
}

impl Payloads {
    /// Messages of so many bytes.
    pub(super) const fn new(size_bytes: usize) -> Self {
        Self { size_bytes }
    }

    /// The message of that number.
    pub(super) fn encode(self, number: u64) -> Vec<u8> {
        let digits = format!("{number:0DIGITS_MAX$}");
        let from = digits.len() - self.digits();
        let mut text = digits.as_bytes().get(from..).unwrap_or_default().to_vec();
        text.resize(self.size_bytes, FILLER);
        text
    }

    /// How far ahead of the number that is expected a message is; none if it is none of these.
    fn ahead(self, message: &[u8], expected: u64) -> Option<u64> {
        if message.len() != self.size_bytes {
            return None;
        }
        let digits = message.get(..self.digits())?;
        let number = digits.iter().try_fold(0, |number: u64, digit| {
            let digit = DIGITS.iter().position(|known| known == digit)?;
            Some(number * 10 + digit as u64)
        })?;
        let turn = self.turn();
        Some((number + turn - expected % turn) % turn)
    }

    /// Digits of a number; without room for all of them it is told modulo a power of ten.
    fn digits(self) -> usize {
        self.size_bytes.min(DIGITS_MAX)
    }

    /// After so many messages the numbers begin anew.
    fn turn(self) -> u64 {
        (0..self.digits()).fold(1, |turn, _| turn * 10)
    }
}

/// What one subscriber has heard.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) struct Heard {
    /// Messages, each counted once.
    pub(super) messages: u64,
    /// Messages that came again, or behind a later one, or were none of ours.
    pub(super) doubled: u64,
    /// The number that comes next.
    next: u64,
}

impl Heard {
    /// A message has come.
    ///
    /// All mechanisms deliver in order: one that is ahead tells that those between are missing.
    pub(super) fn hear(&mut self, payloads: Payloads, message: &[u8]) {
        match payloads.ahead(message, self.next) {
            Some(ahead) if ahead <= payloads.turn() / 2 => {
                self.messages += 1;
                self.next += ahead + 1;
            }
            _ => self.doubled += 1,
        }
    }
}

const DIGITS: &[u8; 10] = b"0123456789";
const DIGITS_MAX: usize = 9;
const FILLER: u8 = b'x';

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_tells_its_number() {
        assert_eq!(Payloads::new(12).encode(1_234), b"000001234xxx");
        assert_eq!(Payloads::new(2).encode(1_234), b"34");
        assert_eq!(Payloads::new(0).encode(7), b"");
    }

    #[test]
    fn what_is_missing_and_what_comes_twice_is_found() {
        for size_bytes in [1, 3, 64] {
            let payloads = Payloads::new(size_bytes);
            let mut heard = Heard::default();
            // 3 is missing, 5 comes twice, and 4 comes late.
            for number in (0..20).filter(|number| *number != 3).chain([19]) {
                heard.hear(payloads, &payloads.encode(number));
            }
            heard.hear(payloads, b"something else");
            assert_eq!((heard.messages, heard.doubled), (19, 2), "{size_bytes} bytes");
        }
    }

    #[test]
    fn messages_without_room_for_a_number_are_counted() {
        let mut heard = Heard::default();
        for _ in 0..3 {
            heard.hear(Payloads::new(0), b"");
        }
        assert_eq!((heard.messages, heard.doubled), (3, 0));
    }
}
