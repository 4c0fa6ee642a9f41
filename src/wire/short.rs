//! A few bytes that own no heap.

use std::fmt;

/// At most `N` bytes, and at most 255, without heap.
#[derive(Clone, Copy)]
pub struct Short<const N: usize> {
    length: u8,
    bytes: [u8; N],
}

impl<const N: usize> Short<N> {
    /// The bytes that are there.
    pub fn as_slice(&self) -> &[u8] {
        self.bytes.get(..usize::from(self.length)).unwrap_or_default()
    }

    /// These bytes, as far as there is room.
    pub(super) fn of(bytes: &[u8]) -> Self {
        let mut short = Self::default();
        bytes.iter().for_each(|&byte| short.push(byte));
        short
    }

    /// Appends a byte, if there is room.
    pub(super) fn push(&mut self, byte: u8) {
        if let Some(place) = self.bytes.get_mut(usize::from(self.length)) {
            *place = byte;
            self.length += 1;
        }
    }

    /// Appends what this key unmasks, as far as there is room: whoever calls has compared lengths.
    pub(super) fn append(&mut self, payload: &[u8], key: [u8; 4]) {
        debug_assert!(self.as_slice().len() + payload.len() <= N.min(255));
        let unmasked = payload.iter().zip(key.into_iter().cycle()).map(|(byte, key)| byte ^ key);
        let room = self.bytes.iter_mut().skip(usize::from(self.length));
        for (room, byte) in room.zip(unmasked) {
            *room = byte;
            self.length += 1;
        }
    }
}

impl<const N: usize> Default for Short<N> {
    fn default() -> Self {
        Self { length: 0, bytes: [0; N] }
    }
}

impl<const N: usize> PartialEq for Short<N> {
    fn eq(&self, other: &Self) -> bool {
        self.as_slice() == other.as_slice()
    }
}

impl<const N: usize> Eq for Short<N> {}

impl<const N: usize> fmt::Debug for Short<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.as_slice().fmt(f)
    }
}
