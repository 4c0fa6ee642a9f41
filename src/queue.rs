//! The output of one connection: pieces in order, some shared with thousands of others.
//!
//! One piece lies in the queue itself, so that a fan-out allocates nothing; what comes behind it
//! lies on the heap and is given back when the queue runs dry. An idle connection owns no heap.

use std::collections::VecDeque;
use std::io::IoSlice;

use crate::event::Course;
use crate::frame::Frame;
use crate::limits;

/// Bytes on their way to one socket.
#[derive(Debug)]
pub enum Piece {
    /// Messages, encoded once for many.
    Shared(Frame),
    /// Bytes for this connection alone.
    Own(Vec<u8>),
    /// Never changes.
    Static(&'static [u8]),
}

impl Piece {
    /// The bytes.
    pub fn bytes(&self) -> &[u8] {
        match self {
            Self::Shared(frame) => frame.bytes(),
            Self::Own(bytes) => bytes,
            Self::Static(bytes) => bytes,
        }
    }

    /// Bytes of memory that it keeps.
    fn held_bytes(&self) -> u64 {
        match self {
            Self::Static(_) => 0,
            Self::Shared(_) | Self::Own(_) => self.bytes().len() as u64,
        }
    }

    /// How many keep them.
    fn holders(&self) -> u64 {
        match self {
            Self::Shared(frame) => frame.holders().max(1) as u64,
            Self::Own(_) | Self::Static(_) => 1,
        }
    }
}

impl From<Vec<u8>> for Piece {
    fn from(bytes: Vec<u8>) -> Self {
        Self::Own(bytes)
    }
}

impl<const N: usize> From<&'static [u8; N]> for Piece {
    fn from(bytes: &'static [u8; N]) -> Self {
        Self::Static(bytes)
    }
}

impl From<&'static [u8]> for Piece {
    fn from(bytes: &'static [u8]) -> Self {
        Self::Static(bytes)
    }
}

/// Pieces in the order in which the socket is to take them.
#[derive(Debug, Default)]
pub struct Queue {
    /// The socket may have taken part of it: `bytes` tells how much.
    front: Option<Piece>,
    behind: Option<Box<Behind>>,
    /// Bytes that the socket has not taken yet.
    bytes: u64,
}

/// What waits behind the first piece: few connections ever have it.
#[derive(Debug, Default)]
struct Behind {
    pieces: VecDeque<Piece>,
    bytes: u64,
}

impl Queue {
    /// Bytes that the socket has not taken yet.
    pub const fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Bytes that wait, and what it takes to keep them apart: pieces are memory, too.
    pub fn weight(&self) -> u64 {
        let pieces = self.behind.as_ref().map_or(0, |behind| behind.pieces.len()) as u64;
        self.bytes + pieces * limits::PIECE_BYTES
    }

    /// Whether everything has been taken.
    pub const fn is_empty(&self) -> bool {
        self.front.is_none()
    }

    /// What is next to be written, if it is one piece, as mostly, or nothing.
    pub fn sole(&self) -> Option<&[u8]> {
        match (&self.front, &self.behind) {
            (None, _) => Some(&[]),
            (Some(front), None) => front.bytes().get(self.front_taken()..),
            (Some(_), Some(_)) => None,
        }
    }

    /// Adds a piece behind all others. An empty piece is none.
    pub fn push(&mut self, piece: Piece) {
        let bytes = piece.bytes().len() as u64;
        if bytes == 0 {
            return;
        }
        self.bytes += bytes;
        if self.front.is_none() {
            self.front = Some(piece);
            return;
        }
        let behind = self.behind.get_or_insert_default();
        behind.bytes += bytes;
        match (behind.pieces.back_mut(), &piece) {
            // Small answers that wait, such as pongs, are one piece: pieces are memory too.
            (Some(Piece::Own(last)), Piece::Own(next))
                if last.len() + next.len() <= limits::PIECE_BYTES_JOINED =>
            {
                last.extend_from_slice(next);
            }
            _ => behind.pieces.push_back(piece),
        }
    }

    /// The frame that was added last, if it carries what was handed over in this course.
    pub fn newest(&self, course: Course) -> Option<&Frame> {
        let behind = self.behind.as_ref().and_then(|behind| behind.pieces.back());
        match behind.or(self.front.as_ref())? {
            Piece::Shared(frame) if frame.messages().course == course => Some(frame),
            _ => None,
        }
    }

    /// Fills `slices` with what is next to be written, for one `writev`; returns how many it set.
    pub fn gather<'q>(&'q self, slices: &mut [IoSlice<'q>]) -> usize {
        let Some(front) = &self.front else { return 0 };
        let front = front.bytes().get(self.front_taken()..).unwrap_or_default();
        let behind = self.behind.iter().flat_map(|behind| behind.pieces.iter().map(Piece::bytes));
        let mut count = 0;
        for (slice, bytes) in slices.iter_mut().zip(std::iter::once(front).chain(behind)) {
            *slice = IoSlice::new(bytes);
            count += 1;
        }
        count
    }

    /// A copy of what is to be sent next, of so many bytes: for whoever looks.
    pub fn front_bytes(&self, bytes: usize) -> Vec<u8> {
        let all = self.pieces().flat_map(|piece| piece.bytes()).skip(self.front_taken());
        all.take(bytes).copied().collect()
    }

    /// Books that the socket took the next `bytes` bytes; adds the messages that it has taken to
    /// their last byte to `done`.
    pub fn sent(&mut self, bytes: usize, done: &mut Vec<Frame>) {
        debug_assert!(bytes as u64 <= self.bytes);
        let mut left = bytes as u64;
        while self.front.is_some() {
            let rest = self.front_rest();
            if left < rest {
                self.bytes -= left;
                return;
            }
            left -= rest;
            self.bytes -= rest;
            let next = self.behind.as_mut().and_then(|behind| behind.pop());
            if let Some(Piece::Shared(frame)) = std::mem::replace(&mut self.front, next) {
                done.push(frame);
            }
        }
        self.behind = None;
    }

    /// Bytes of heap that it owns alone.
    pub fn heap_bytes(&self) -> usize {
        let own = |piece: &Piece| match piece {
            Piece::Own(bytes) => bytes.capacity(),
            Piece::Shared(_) | Piece::Static(_) => 0,
        };
        let front = self.front.as_ref().map_or(0, own);
        let Some(behind) = &self.behind else { return front };
        let pieces: usize = behind.pieces.iter().map(own).sum();
        front + pieces + behind.pieces.capacity() * size_of::<Piece>() + size_of::<Behind>()
    }

    /// Its share of the memory that all queues hold: a piece that many share is there once.
    pub fn share_bytes(&self) -> u64 {
        self.pieces().map(|piece| limits::PIECE_BYTES + piece.held_bytes() / piece.holders()).sum()
    }

    /// Bytes that nobody holds but this queue: what its end gives back.
    pub fn sole_bytes(&self) -> u64 {
        let alone = |piece: &Piece| if piece.holders() == 1 { piece.held_bytes() } else { 0 };
        self.pieces().map(|piece| limits::PIECE_BYTES + alone(piece)).sum()
    }

    fn pieces(&self) -> impl Iterator<Item = &Piece> {
        self.front.iter().chain(self.behind.iter().flat_map(|behind| behind.pieces.iter()))
    }

    /// Bytes of the first piece that the socket has not taken.
    fn front_rest(&self) -> u64 {
        self.bytes - self.behind.as_ref().map_or(0, |behind| behind.bytes)
    }

    /// Bytes of the first piece that it has taken.
    fn front_taken(&self) -> usize {
        let whole = self.front.as_ref().map_or(0, |front| front.bytes().len());
        whole - usize::try_from(self.front_rest()).unwrap_or(whole)
    }

    /// Throws everything away; returns how many bytes that were.
    pub fn clear(&mut self) -> u64 {
        let dropped = self.bytes;
        *self = Self::default();
        dropped
    }

    /// Throws away what has not begun to leave: a piece is finished, or never begun.
    pub fn keep_begun(&mut self) -> u64 {
        if self.front_taken() == 0 {
            return self.clear();
        }
        let dropped = self.behind.take().map_or(0, |behind| behind.bytes);
        self.bytes -= dropped;
        dropped
    }
}

impl Behind {
    fn pop(&mut self) -> Option<Piece> {
        let piece = self.pieces.pop_front()?;
        self.bytes -= piece.bytes().len() as u64;
        Some(piece)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cost::Bytes;
    use crate::event::Batch;
    use crate::id::Kind;

    fn shared(bytes: &[u8]) -> Frame {
        Frame::new(Kind::Sse, bytes.to_vec(), Bytes::framing(bytes.len()), &Batch::none(0))
    }

    fn filled() -> Queue {
        let mut queue = Queue::default();
        queue.push(Piece::Static(b"abc"));
        queue.push(Piece::Own(b"".to_vec()));
        queue.push(Piece::Own(b"defg".to_vec()));
        queue.push(Piece::Shared(shared(b"hi")));
        queue
    }

    fn rest(queue: &Queue) -> Vec<u8> {
        let mut slices = [IoSlice::new(&[]); 8];
        let count = queue.gather(&mut slices);
        slices[..count].iter().flat_map(|slice| slice.to_vec()).collect()
    }

    #[test]
    fn a_short_write_at_every_byte_loses_nothing() {
        let whole = rest(&filled());
        assert_eq!(whole, b"abcdefghi");
        for cut in 0..=whole.len() {
            let mut queue = filled();
            let mut done = Vec::new();
            queue.sent(cut, &mut done);
            assert_eq!(done.len(), usize::from(cut == whole.len()), "the last piece is shared");
            assert_eq!(rest(&queue), &whole[cut..]);
            assert_eq!(queue.bytes(), (whole.len() - cut) as u64);
            assert_eq!(queue.is_empty(), cut == whole.len());
        }
    }

    #[test]
    fn gather_takes_no_more_slices_than_it_is_given() {
        let queue = filled();
        let mut slices = [IoSlice::new(&[]); 2];
        assert_eq!(queue.gather(&mut slices), 2);
    }

    #[test]
    fn a_dry_queue_owns_no_heap() {
        let mut queue = filled();
        queue.sent(9, &mut Vec::new());
        assert!(queue.behind.is_none());
        assert!(size_of::<Queue>() <= 40, "{}", size_of::<Queue>());
    }

    #[test]
    fn small_pieces_that_wait_are_joined() {
        let mut queue = Queue::default();
        let pongs = 100_000;
        let pong = |number: usize| [0x8a, u8::try_from(number % 251).unwrap()];
        for number in 0..pongs {
            queue.push(Piece::Own(pong(number).to_vec()));
        }
        let pieces = queue.behind.as_ref().unwrap().pieces.len() + 1;
        assert!(pieces <= 2 + 2 * pongs / limits::PIECE_BYTES_JOINED, "{pieces} pieces");
        assert_eq!(queue.bytes(), 2 * pongs as u64);
        let mut slices = [IoSlice::new(&[]); 64];
        let count = queue.gather(&mut slices);
        let bytes = slices[..count].iter().flat_map(|slice| slice.to_vec());
        assert!(bytes.eq((0..pongs).flat_map(pong)), "joined in another order");
    }

    #[test]
    fn what_is_shared_or_large_is_not_copied() {
        let mut queue = Queue::default();
        let frame = shared(b"for all");
        for _ in 0..3 {
            queue.push(Piece::Shared(frame.clone()));
            queue.push(Piece::Own(vec![b'x'; limits::PIECE_BYTES_JOINED]));
            queue.push(Piece::Own(b"y".to_vec()));
        }
        assert_eq!(frame.holders(), 4);
        assert_eq!(queue.behind.as_ref().unwrap().pieces.len(), 8);
    }

    #[test]
    fn what_has_begun_is_finished() {
        let mut queue = filled();
        assert_eq!(queue.keep_begun(), 9);
        let mut queue = filled();
        queue.sent(4, &mut Vec::new());
        assert_eq!(queue.keep_begun(), 2);
        assert_eq!(rest(&queue), b"efg");
    }
}
