//! The payload of a text message, as it comes.

use super::{Keep, MessageError, UNMASKED, append_unmasked};
use crate::wire::short::Short;

/// Text that arrives in pieces; each byte is validated once, as it comes.
#[derive(Debug, Default)]
pub(super) struct Text {
    valid: String,
    /// The first bytes of a character whose end is to come.
    cut: Short<3>,
}

impl Text {
    /// Bytes that are kept.
    pub(super) fn len(&self) -> usize {
        self.valid.len() + self.cut.as_slice().len()
    }

    /// Bytes of heap that it holds.
    pub(super) const fn heap_bytes(&self) -> usize {
        self.valid.capacity()
    }

    /// Appends a part of a frame's payload, of which `key` unmasks the first byte first.
    ///
    /// A `String` takes only what is already known to be UTF-8, so pieces are unmasked and
    /// validated beside it; going over the whole message again at its end would cost more.
    pub(super) fn append(
        &mut self,
        payload: &[u8],
        key: [u8; 4],
        keep: Keep,
    ) -> Result<(), MessageError> {
        let mut piece =
            Vec::with_capacity(payload.len().min(PIECE_BYTES) + self.cut.as_slice().len());
        // As pieces are whole words, the key begins anew with each of them.
        for masked in payload.chunks(PIECE_BYTES) {
            piece.clear();
            piece.extend_from_slice(self.cut.as_slice());
            append_unmasked(masked, key, &mut piece);
            let whole = piece.len() - cut_bytes(&piece);
            let (whole, cut) = piece.split_at_checked(whole).unwrap_or_default();
            let valid = str::from_utf8(whole).map_err(|_| MessageError::TextNotUtf8)?;
            if str::from_utf8(cut).is_err_and(|error| error.error_len().is_some()) {
                return Err(MessageError::TextNotUtf8);
            }
            if keep == Keep::Messages {
                self.valid.push_str(valid);
            }
            self.cut = Short::default();
            self.cut.append(cut, UNMASKED);
        }
        Ok(())
    }

    pub(super) fn end(self) -> Result<String, MessageError> {
        // "When an endpoint is to interpret a byte stream as UTF-8 but finds that the byte stream
        // is not, in fact, a valid UTF-8 stream, that endpoint MUST _Fail the WebSocket
        // Connection_."
        if self.cut.as_slice().is_empty() { Ok(self.valid) } else { Err(MessageError::TextCutOff) }
    }
}

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

/// Bytes of text that are unmasked and validated at a time: they stay in the first-level cache.
pub(super) const PIECE_BYTES: usize = 4 * 1024;
const _: () = assert!(PIECE_BYTES.is_multiple_of(4), "the key begins anew with each piece");
