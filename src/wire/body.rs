//! A body, as its head has framed it.

use crate::wire::chunked::{ChunkedError, Decoder, Step};
use crate::wire::field::Content;
use crate::wire::span::{Field, Part, Recorder, Silent};

/// The content of one message, on its way in.
///
/// Wire: so many bytes, or chunks. Clause: RFC 9112 §6.
///
/// ```
/// use pushscope::wire::body::Body;
/// use pushscope::wire::chunked::Step;
/// use pushscope::wire::head::Content;
///
/// let mut content = Vec::new();
/// let mut body = Body::new(Content::Length(3), 1024).unwrap();
/// assert_eq!(body.receive(b"abcGET", &mut content), Ok(Step { taken: 3, done: true }));
/// assert_eq!(content, b"abc");
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Body {
    /// Framed by Content-Length, or without content.
    Length {
        /// Bytes that are still to come.
        left: u64,
    },
    /// Framed by chunks.
    Chunked(Decoder),
}

impl Body {
    /// A body of at most `bytes_max` bytes.
    ///
    /// # Errors
    /// [`BodyError::TooLong`] if the head announces more: nothing of it needs to be read.
    pub fn new(content: Content, bytes_max: usize) -> Result<Self, BodyError> {
        let bytes_max = bytes_max as u64;
        match content {
            Content::None => Ok(Self::Length { left: 0 }),
            Content::Length(length) if length > bytes_max => Err(BodyError::TooLong),
            Content::Length(length) => Ok(Self::Length { left: length }),
            Content::Chunked => Ok(Self::Chunked(Decoder::new(bytes_max))),
        }
    }

    /// Takes what has come, and appends what of it is content.
    ///
    /// # Errors
    /// [`BodyError::Chunked`]; a body that has failed stays failed.
    pub fn receive(&mut self, bytes: &[u8], content: &mut Vec<u8>) -> Result<Step, BodyError> {
        self.receive_recorded(bytes, content, &mut Silent)
    }

    /// The same, said to a recorder.
    pub fn receive_recorded(
        &mut self,
        bytes: &[u8],
        content: &mut Vec<u8>,
        rec: &mut impl Recorder,
    ) -> Result<Step, BodyError> {
        match self {
            Self::Length { left } => {
                let here = usize::try_from(*left).unwrap_or(usize::MAX).min(bytes.len());
                content.extend_from_slice(bytes.get(..here).unwrap_or_default());
                *left -= here as u64;
                rec.take(here, &CONTENT);
                Ok(Step { taken: here, done: *left == 0 })
            }
            Self::Chunked(decoder) => {
                decoder.receive_recorded(bytes, content, rec).map_err(BodyError::Chunked)
            }
        }
    }

    /// Whether what comes next goes on with a trailer field that has begun.
    pub const fn is_in_field(&self) -> bool {
        matches!(self, Self::Chunked(decoder) if decoder.is_in_field())
    }

    /// Whether nothing is still to come.
    pub fn is_empty(&self) -> bool {
        match self {
            Self::Length { left } => *left == 0,
            Self::Chunked(decoder) => decoder.is_done(),
        }
    }
}

/// Content that a Content-Length has announced.
pub static CONTENT: Field = Field::text(
    Part::Payload,
    "content",
    "RFC 9110 §6.4",
    "What the message carries: the head has said how long it is.",
);

/// Content that the end of the connection ends.
pub static CONTENT_UNTIL_CLOSE: Field = Field::text(
    Part::Payload,
    "content",
    "RFC 9112 §6.3",
    "What the message carries: with neither a length nor chunks, it ends when the connection does.",
);

/// What a peer did wrong in a body.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub enum BodyError {
    /// Content-Length announces more than is allowed. RFC 9110 §15.5.14 wants 413.
    TooLong,
    /// The chunks are wrong, or too long.
    Chunked(ChunkedError),
}

impl BodyError {
    /// Every variant of its own; those of the chunks are in [`ChunkedError::ALL`].
    pub const ALL: &[Self] = &[Self::TooLong];
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The outcome of a body that is fed in these pieces: content, bytes taken, whether it is done.
    fn fed<'b>(
        framing: Content,
        pieces: impl IntoIterator<Item = &'b [u8]>,
    ) -> (Vec<u8>, usize, Result<bool, BodyError>) {
        let mut body = Body::new(framing, 16).unwrap();
        let mut content = Vec::new();
        let mut taken = 0;
        for piece in pieces {
            match body.receive(piece, &mut content) {
                Ok(step) => {
                    taken += step.taken;
                    assert_eq!(step.done, body.is_empty());
                }
                // What was taken before the error depends on the cuts: it is of no use to anybody.
                Err(error) => return (content, 0, Err(error)),
            }
        }
        (content, taken, Ok(body.is_empty()))
    }

    #[test]
    fn a_body_ends_where_its_framing_says() {
        for (framing, bytes, content, taken, done) in [
            (Content::None, "GET", "", 0, true),
            (Content::Length(0), "GET", "", 0, true),
            (Content::Length(3), "ab", "ab", 2, false),
            (Content::Length(3), "abcGET", "abc", 3, true),
            (Content::Chunked, "3\r\nabc\r\n", "abc", 8, false),
            (Content::Chunked, "3\r\nabc\r\n0\r\n\r\nGET", "abc", 13, true),
        ] {
            let expected = (content.into(), taken, Ok(done));
            assert_eq!(fed(framing, [bytes.as_bytes()]), expected, "{framing:?}");
            let pieces = bytes.as_bytes().chunks(1);
            assert_eq!(fed(framing, pieces), expected, "{framing:?}, byte by byte");
        }
        assert!(Body::new(Content::None, 0).unwrap().is_empty());
        assert!(!Body::new(Content::Chunked, 0).unwrap().is_empty());
    }

    #[test]
    fn too_much_is_refused_when_it_is_announced() {
        assert_eq!(Body::new(Content::Length(17), 16), Err(BodyError::TooLong));
        assert_eq!(Body::new(Content::Length(u64::MAX), 16), Err(BodyError::TooLong));
        assert!(Body::new(Content::Length(16), 16).is_ok());
        let error = BodyError::Chunked(ChunkedError::ContentTooLong);
        assert_eq!(fed(Content::Chunked, [&b"11"[..]]).2, Err(error));
    }

    proptest! {
        #[test]
        fn cuts_change_nothing(
            framing in prop_oneof![
                Just(Content::None),
                (0_u64..16).prop_map(Content::Length),
                Just(Content::Chunked),
            ],
            bytes in "[0-3]\r\n[a\r\n]{0,3}\r\n[02]\r\n\r?\n.{0,5}",
            cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..6),
        ) {
            let bytes = bytes.as_bytes();
            let expected = fed(framing, [bytes]);
            prop_assert_eq!(&fed(framing, bytes.chunks(1)), &expected);
            let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(bytes.len() + 1)).collect();
            cuts.extend([0, bytes.len()]);
            cuts.sort_unstable();
            let pieces = cuts.windows(2).filter_map(|cut| bytes.get(*cut.first()?..*cut.last()?));
            prop_assert_eq!(&fed(framing, pieces), &expected);
        }
    }
}
