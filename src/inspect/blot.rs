//! Secrets are blotted out before anything is kept: the values of secret fields, and of `token=`
//! in a target.
//!
//! It goes by lines, before any codec has a say: what is refused, cut, or stands where it may not,
//! has secrets, too. So a line of content that looks like such a field is blotted out as well.

use memchr::memchr2;
use percent_encoding::percent_decode;

use crate::wire::field::known;

/// What is known of one side's bytes so far.
#[derive(Clone, Debug, Default)]
pub(super) struct Blot {
    at: At,
}

/// Where the next byte stands.
#[derive(Clone, Debug)]
enum At {
    /// At the beginning of a line, behind one whose value was a secret or not: a line that begins
    /// with a blank goes on with it (RFC 9112 §5.2).
    Begin { secret: bool, behind_cr: bool },
    /// In the first word of a line.
    Name(Word),
    /// Between the name of a secret field and its colon: that is refused, and seen all the same.
    Blank,
    /// In front of a secret value.
    Before,
    /// In a secret value.
    Secret,
    /// In a target, at a key of its query, perhaps.
    Key(Word),
    /// In a target, elsewhere.
    Target,
    /// In front of a secret value of a target's query.
    BeforeToken,
    /// In such a value.
    Token,
    /// In what is no secret.
    Rest,
}

/// What may be the name of a secret.
type Word = Vec<u8>;

/// The longest is `Proxy-Authorization`; `token` with each of its letters escaped has 15 bytes.
const WORD_BYTES_MAX: usize = 20;

impl Default for At {
    fn default() -> Self {
        Self::Begin { secret: false, behind_cr: false }
    }
}

impl Blot {
    /// Blots out what is secret in the bytes that come next.
    pub(super) fn out(&mut self, bytes: &mut [u8]) {
        let mut rest = bytes;
        while !rest.is_empty() {
            let skipped = match self.at {
                At::Rest => memchr2(b'\r', b'\n', rest).unwrap_or(rest.len()),
                _ => 0,
            };
            let Some((byte, behind)) = rest.get_mut(skipped..).and_then(<[u8]>::split_first_mut)
            else {
                return;
            };
            self.at = std::mem::take(&mut self.at).next(*byte);
            if matches!(self.at, At::Secret | At::Token) {
                *byte = b'*';
            }
            rest = behind;
        }
    }
}

impl At {
    fn next(self, byte: u8) -> Self {
        match (self, byte) {
            (at, b'\r' | b'\n') => at.end(byte),
            (Self::Begin { secret: true, .. } | Self::Before, BLANK | TAB) => Self::Before,
            (Self::Begin { .. }, BLANK | TAB) => Self::Name(Word::new()),
            (Self::Begin { .. }, _) => Self::Name(Word::new()).next(byte),
            (Self::Name(word), BLANK | TAB) if word.is_empty() => Self::Name(word),
            (Self::Name(word), BLANK | TAB) if known::is_secret(&word) => Self::Blank,
            (Self::Name(_), BLANK | TAB) => Self::Target,
            (Self::Name(word), b':') if known::is_secret(&word) => Self::Before,
            // No name has them, and somebody may still take it for one.
            (Self::Name(word), 0..b' ' | 0x7f) => Self::Name(word),
            (Self::Name(word), b':') if word.eq_ignore_ascii_case(b"referer") => Self::Target,
            (Self::Name(word), _) if byte != b':' => {
                longer(word, byte).map_or(Self::Rest, Self::Name)
            }
            (Self::Blank, BLANK | TAB) => Self::Blank,
            (Self::Blank, b':') => Self::Before,
            (Self::Before | Self::Secret, _) => Self::Secret,
            (at, b'?' | b'&') if at.is_target() => Self::Key(Word::new()),
            (at, BLANK | b'#') if at.is_target() => Self::Target,
            (Self::Key(word), b'=') if is_token(&word) => Self::BeforeToken,
            (Self::Key(word), _) => longer(word, byte).map_or(Self::Target, Self::Key),
            (Self::Target, _) => Self::Target,
            (Self::BeforeToken | Self::Token, _) => Self::Token,
            (Self::Name(_) | Self::Blank | Self::Rest, _) => Self::Rest,
        }
    }

    const fn is_target(&self) -> bool {
        matches!(self, Self::Target | Self::Key(_) | Self::BeforeToken | Self::Token)
    }

    /// Behind the first byte of a line's end, or the second.
    const fn end(&self, byte: u8) -> Self {
        let secret = match self {
            // An empty line ends a head, and with it what was folded.
            Self::Begin { secret, behind_cr } => *secret && *behind_cr && byte == b'\n',
            at => matches!(at, Self::Before | Self::Secret),
        };
        Self::Begin { secret, behind_cr: byte == b'\r' }
    }
}

fn longer(mut word: Word, byte: u8) -> Option<Word> {
    word.push(byte);
    (word.len() <= WORD_BYTES_MAX).then_some(word)
}

fn is_token(key: &[u8]) -> bool {
    percent_decode(key).eq(b"token".iter().copied())
}

const BLANK: u8 = b' ';
const TAB: u8 = b'\t';

#[cfg(test)]
mod tests {
    use super::*;

    fn blotted(text: &str) -> String {
        let mut bytes = text.as_bytes().to_vec();
        Blot::default().out(&mut bytes);
        String::from_utf8(bytes).unwrap()
    }

    #[test]
    fn secrets_are_blotted_out_wherever_a_line_has_them() {
        for (seen, shown) in [
            ("GET / HTTP/1.1\r\nCookie: a=b\r\n\r\n", "GET / HTTP/1.1\r\nCookie: ***\r\n\r\n"),
            ("Proxy-Authorization:x\r\n", "Proxy-Authorization:*\r\n"),
            ("set-cookie:\t a b \r\n", "set-cookie:\t ****\r\n"),
            // Refused, and seen all the same.
            ("COOKIE : a\r\n", "COOKIE : *\r\n"),
            (" Cookie: a\r\n", " Cookie: *\r\n"),
            ("Cookie: a\r\n b\r\n\tc\r\nd: e", "Cookie: *\r\n *\r\n\t*\r\nd: e"),
            ("A: b\nCookie: a\n b\n", "A: b\nCookie: *\n *\n"),
            ("A: b\rCookie: a\r", "A: b\rCookie: *\r"),
            // Behind an empty line nothing is folded.
            ("Cookie: a\r\n\r\n b", "Cookie: *\r\n\r\n b"),
            ("Cookie: a\n\n b", "Cookie: *\n\n b"),
            ("Cookie\x0b: a\r\nCo\0okie: a", "Cookie\x0b: *\r\nCo\0okie: *"),
            // A trailer, or what looks like one.
            ("0\r\nAuthorization: x\r\n\r\n", "0\r\nAuthorization: *\r\n\r\n"),
            // No secrets.
            ("Cookie monster: a\r\n", "Cookie monster: a\r\n"),
            ("Cookies: a\r\n a", "Cookies: a\r\n a"),
            ("a Cookie: a", "a Cookie: a"),
        ] {
            assert_eq!(blotted(seen), shown);
        }
    }

    #[test]
    fn tokens_in_targets_are_blotted_out() {
        for (seen, shown) in [
            ("GET /i?token=abc HTTP/1.1\r\n", "GET /i?token=*** HTTP/1.1\r\n"),
            ("GET /i?a=token&token=a=b&c=d#e", "GET /i?a=token&token=***&c=d#e"),
            ("GET /i?%74oken=abc&own=1 ", "GET /i?%74oken=***&own=1 "),
            ("GET /i?tokens=abc&atoken=b ", "GET /i?tokens=abc&atoken=b "),
            ("Referer: http://h/i?token=abc\r\n", "Referer: http://h/i?token=***\r\n"),
            ("GET /i?token=&a=b ", "GET /i?token=&a=b "),
            ("X: http://h/i?token=abc\r\n", "X: http://h/i?token=abc\r\n"),
        ] {
            assert_eq!(blotted(seen), shown);
        }
    }

    #[test]
    fn cuts_change_nothing() {
        let text = "GET /i?a&token=abc HTTP/1.1\r\nCookie: a\r\n b\r\nReferer: /?token=x\r\n\r\n b";
        let whole = blotted(text);
        for cut in 0..text.len() {
            let mut blot = Blot::default();
            let mut bytes = text.as_bytes().to_vec();
            let (one, other) = bytes.split_at_mut(cut);
            blot.out(one);
            blot.out(other);
            assert_eq!(String::from_utf8(bytes).unwrap(), whole, "cut at {cut}");
        }
    }
}
