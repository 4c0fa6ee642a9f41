//! UTF-8 that arrives in pieces: each byte is looked at once, wherever a character is cut.

use crate::wire::short::Short;

/// Checks a text as it comes, and owns nothing of it but the beginning of a cut character.
///
/// Wire: characters of 1 to 4 bytes. Clause: RFC 3629 §3, §4.
///
/// ```
/// use pushscope::wire::utf8::{Checker, Whole};
///
/// let mut checker = Checker::default();
/// assert_eq!(checker.receive(b"1 \xe2\x82"), Ok(Whole { character: None, text: "1 " }));
/// assert!(!checker.is_whole());
/// assert_eq!(checker.receive(b"\xac!"), Ok(Whole { character: Some('€'), text: "!" }));
/// assert!(checker.is_whole());
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Checker {
    /// The first bytes of a character whose end is to come.
    cut: Short<3>,
    failed: bool,
}

impl Checker {
    /// Takes a piece, and says what of the text is whole with it.
    ///
    /// # Errors
    /// [`NotUtf8`] at the first byte that makes it certain, and ever after.
    pub fn receive<'p>(&mut self, piece: &'p [u8]) -> Result<Whole<'p>, NotUtf8> {
        if self.failed {
            return Err(NotUtf8);
        }
        let whole = self.take(piece);
        self.failed = whole.is_err();
        whole
    }

    fn take<'p>(&mut self, piece: &'p [u8]) -> Result<Whole<'p>, NotUtf8> {
        let (character, rest) = if self.is_whole() { (None, piece) } else { self.go_on(piece)? };
        let whole = rest.len() - cut_bytes(rest);
        let (whole, cut) = rest.split_at_checked(whole).unwrap_or_default();
        let text = str::from_utf8(whole).map_err(|_| NotUtf8)?;
        if !cut.is_empty() {
            self.keep(cut)?;
        }
        Ok(Whole { character, text })
    }

    /// Whether no character is cut: the text may end here.
    pub fn is_whole(&self) -> bool {
        self.cut.as_slice().is_empty()
    }

    /// Bytes of a cut character that are kept.
    pub fn kept_bytes(&self) -> usize {
        self.cut.as_slice().len()
    }

    /// Goes on with a cut character, byte by byte, and says what follows it.
    fn go_on<'p>(&mut self, piece: &'p [u8]) -> Result<(Option<char>, &'p [u8]), NotUtf8> {
        let mut begun = Short::<4>::of(self.cut.as_slice());
        let mut rest = piece;
        while let Some((byte, more)) = rest.split_first() {
            begun.push(*byte);
            rest = more;
            match str::from_utf8(begun.as_slice()) {
                Ok(whole) => {
                    self.cut = Short::default();
                    return Ok((whole.chars().next(), rest));
                }
                Err(error) if error.error_len().is_some() => return Err(NotUtf8),
                Err(_) => {}
            }
        }
        self.cut = Short::of(begun.as_slice());
        Ok((None, rest))
    }

    /// Keeps what may be the beginning of a character.
    fn keep(&mut self, cut: &[u8]) -> Result<(), NotUtf8> {
        self.cut = Short::of(cut);
        match str::from_utf8(cut) {
            Err(error) if error.error_len().is_none() => Ok(()),
            _ => Err(NotUtf8),
        }
    }
}

/// What of a text is whole with one more piece of it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Whole<'p> {
    /// The character that began in an earlier piece, and ends in this one.
    pub character: Option<char>,
    /// What follows it, as it stands in the piece.
    pub text: &'p str,
}

/// A text has a byte that is not UTF-8. Clause: RFC 3629 §4.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub struct NotUtf8;

/// How many of the last bytes belong to a character that is not complete: 0 to 3.
fn cut_bytes(bytes: &[u8]) -> usize {
    let last = bytes.iter().rev().zip(1..=3).find(|(byte, _)| !matches!(byte, 0x80..=0xbf));
    match last {
        Some((0xc0..=0xdf, cut @ 1)) => cut,
        Some((0xe0..=0xef, cut @ 1..=2)) => cut,
        Some((0xf0..=0xff, cut)) => cut,
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// What a text is that comes in these pieces, or how much of it was right.
    fn checked<'p>(pieces: impl IntoIterator<Item = &'p [u8]>) -> Result<String, String> {
        let mut checker = Checker::default();
        let mut text = String::new();
        for piece in pieces {
            let Ok(whole) = checker.receive(piece) else {
                assert_eq!(checker.receive(b"a"), Err(NotUtf8), "what has failed stays failed");
                return Err(text);
            };
            text.extend(whole.character);
            text.push_str(whole.text);
        }
        if checker.is_whole() { Ok(text) } else { Err(text) }
    }

    #[test]
    fn a_cut_changes_nothing() {
        let text = "a é € \u{10ffff} \u{7ff}\u{800}\u{ffff}\u{10000} z";
        for first in 0..=text.len() {
            for second in first..=text.len() {
                let (front, back) = text.as_bytes().split_at(second);
                let (front, middle) = front.split_at(first);
                assert_eq!(checked([front, middle, back]).as_deref(), Ok(text), "{first} {second}");
            }
        }
        assert_eq!(checked(text.as_bytes().chunks(1)).as_deref(), Ok(text));
    }

    #[test]
    fn what_cannot_become_a_character_is_refused_at_once() {
        // Overlong forms, surrogates, beyond the last character, a stray byte, a missing one.
        let wrong: [&[u8]; 10] = [
            b"\xc0",
            b"\xe0\x80",
            b"\xed\xa0",
            b"\xf0\x80",
            b"\xf4\x90",
            b"\xf5",
            b"\x80",
            b"\xe2\x82a",
            b"\xf0\x9f\x98\xc3",
            b"\xff",
        ];
        for bytes in wrong {
            assert_eq!(checked([bytes]), Err(String::new()), "{bytes:x?}");
            assert_eq!(checked(bytes.chunks(1)), Err(String::new()), "{bytes:x?}");
            let (last, before) = bytes.split_last().unwrap();
            let mut checker = Checker::default();
            assert!(checker.receive(before).is_ok(), "{bytes:x?}");
            assert_eq!(checker.receive(&[*last]), Err(NotUtf8), "{bytes:x?}");
        }
    }

    proptest! {
        #[test]
        fn any_cuts_agree_with_std(
            bytes in prop_oneof![
                prop::collection::vec(any::<u8>(), 0..12),
                "\\PC{0,12}".prop_map(String::into_bytes),
            ],
            cut in any::<prop::sample::Index>(),
        ) {
            let expected = str::from_utf8(&bytes).map(str::to_owned).map_err(|_| ());
            let (front, back) = bytes.split_at(cut.index(bytes.len() + 1));
            prop_assert_eq!(&checked([front, back]).map_err(|_| ()), &expected);
            prop_assert_eq!(&checked(bytes.chunks(1)).map_err(|_| ()), &expected);
        }
    }
}
