//! What every parser answers, and the bounds-checked reader through which input is indexed.

/// A parser's answer to bytes that are right so far.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Parse<T> {
    /// The value, and how many of the given bytes it took.
    Complete(T, usize),
    /// More bytes are needed; none was taken.
    Partial,
}

/// Reads numbers and runs from the front of a slice; every step may find too little.
#[derive(Clone, Copy, Debug)]
pub struct Cursor<'b> {
    rest: &'b [u8],
    taken: usize,
}

impl<'b> Cursor<'b> {
    /// A reader at the front of `bytes`.
    pub const fn new(bytes: &'b [u8]) -> Self {
        Self { rest: bytes, taken: 0 }
    }

    /// Bytes taken so far.
    pub const fn taken(&self) -> usize {
        self.taken
    }

    /// Bytes that are left.
    pub const fn left(&self) -> usize {
        self.rest.len()
    }

    /// The next `count` bytes.
    pub fn bytes(&mut self, count: usize) -> Option<&'b [u8]> {
        let (front, rest) = self.rest.split_at_checked(count)?;
        self.rest = rest;
        self.taken += count;
        Some(front)
    }

    /// The next `N` bytes, by value.
    pub fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        self.bytes(N)?.try_into().ok()
    }

    /// The next byte.
    pub fn u8(&mut self) -> Option<u8> {
        self.array::<1>().map(|[byte]| byte)
    }

    /// The next two bytes, network order.
    pub fn u16(&mut self) -> Option<u16> {
        self.array().map(u16::from_be_bytes)
    }

    /// The next eight bytes, network order.
    pub fn u64(&mut self) -> Option<u64> {
        self.array().map(u64::from_be_bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_taken_when_too_little_is_there() {
        let mut cursor = Cursor::new(&[0x01, 0x02, 0x03]);
        assert_eq!(cursor.u16(), Some(0x0102));
        assert_eq!(cursor.u16(), None);
        assert_eq!(cursor.taken(), 2);
        assert_eq!(cursor.u8(), Some(3));
        assert_eq!(cursor.u8(), None);
    }
}
