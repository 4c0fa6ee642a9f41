//! The payload of a text message, as it comes.

use super::{Frame, Keep, MessageError, PIECE_BYTES, UNMASKED};
use crate::wire::utf8::Checker;
use crate::wire::ws_frame::{WORD_BYTES, unmask};

/// Text that arrives in pieces; each byte is validated once, as it comes.
#[derive(Debug, Default)]
pub(super) struct Text {
    valid: String,
    checker: Checker,
}

impl Text {
    /// Bytes that are kept.
    pub(super) fn len(&self) -> usize {
        self.valid.len() + self.checker.kept_bytes()
    }

    /// Bytes of heap that it holds.
    pub(super) const fn heap_bytes(&self) -> usize {
        self.valid.capacity()
    }

    /// Appends a part of a frame's payload.
    ///
    /// A `String` takes only what is already known to be UTF-8, so pieces are unmasked and
    /// validated beside it; going over the whole message again at its end would cost more.
    pub(super) fn append(
        &mut self,
        frame: &Frame,
        payload: &[u8],
        keep: Keep,
    ) -> Result<(), MessageError> {
        if keep == Keep::Messages {
            let come = self.checker.kept_bytes() + payload.len();
            self.valid.reserve_exact(frame.room(come, self.valid.capacity()));
        }
        if frame.key == UNMASKED {
            return self.take(payload, keep);
        }
        let mut words = Vec::with_capacity(payload.len().min(PIECE_BYTES).div_ceil(WORD_BYTES));
        // As pieces are whole words, the key begins anew with each of them.
        for masked in payload.chunks(PIECE_BYTES) {
            words.clear();
            unmask(masked, frame.key, &mut words);
            self.take(words.as_flattened().get(..masked.len()).unwrap_or_default(), keep)?;
        }
        Ok(())
    }

    pub(super) fn end(self) -> Result<String, MessageError> {
        // "When an endpoint is to interpret a byte stream as UTF-8 but finds that the byte stream
        // is not, in fact, a valid UTF-8 stream, that endpoint MUST _Fail the WebSocket
        // Connection_."
        if self.checker.is_whole() { Ok(self.valid) } else { Err(MessageError::TextCutOff) }
    }

    fn take(&mut self, piece: &[u8], keep: Keep) -> Result<(), MessageError> {
        let whole = self.checker.receive(piece).map_err(|_| MessageError::TextNotUtf8)?;
        if keep == Keep::Messages {
            self.valid.extend(whole.character);
            self.valid.push_str(whole.text);
        }
        Ok(())
    }
}
