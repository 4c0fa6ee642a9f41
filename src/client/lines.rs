//! Lines out of bytes as they arrive.

use memchr::memchr;

use crate::client::error::ClientError;
use crate::limits::CLIENT_CONTENT_BYTES_MAX as CONTENT_BYTES_MAX;

/// Splits what arrives at LF; no byte is searched twice.
#[derive(Debug, Default)]
pub(super) struct Lines {
    bytes: Vec<u8>,
    /// Where the next line begins.
    from: usize,
    /// Up to where there is no LF behind that.
    searched: usize,
}

impl Lines {
    /// Takes what has arrived.
    pub(super) fn receive(&mut self, bytes: &[u8]) -> Result<(), ClientError> {
        self.bytes.drain(..self.from);
        self.searched -= self.from;
        self.from = 0;
        if self.bytes.len() + bytes.len() > CONTENT_BYTES_MAX {
            return Err(ClientError::ContentTooLong);
        }
        self.bytes.extend_from_slice(bytes);
        Ok(())
    }

    /// The next line that is whole, without its LF.
    pub(super) fn next(&mut self) -> Option<&[u8]> {
        let Some(distance) = memchr(b'\n', self.bytes.get(self.searched..)?) else {
            self.searched = self.bytes.len();
            return None;
        };
        let (from, end) = (self.from, self.searched + distance);
        self.from = end + 1;
        self.searched = self.from;
        self.bytes.get(from..end)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cuts_change_nothing() {
        let bytes = b"a\n\nbc\nd";
        for size in 1..=bytes.len() {
            let mut lines = Lines::default();
            let mut found = Vec::new();
            for piece in bytes.chunks(size) {
                lines.receive(piece).unwrap();
                while let Some(line) = lines.next() {
                    found.push(line.to_vec());
                }
            }
            assert_eq!(found, [&b"a"[..], b"", b"bc"], "pieces of {size}");
        }
    }
}
