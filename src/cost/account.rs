//! The books of one connection, in few bytes: thousands of them lie idle.

use crate::cost::{Bytes, Syscall};

/// One connection's books since its owner took it over. Double entry, both ways:
/// `brought + made = taken + queued + dropped` and `received = parsed + waiting`.
///
/// A count has four bytes, until it outgrows them: its first 4 GiB, or a multiple of that, are
/// written down on another page then.
#[derive(Clone, Debug, Default)]
pub struct Account {
    counts: [u32; COUNTS],
    page: Option<Box<[u64; COUNTS]>>,
    /// System calls.
    pub calls: OwnCalls,
}

impl Account {
    /// The books of a new owner: `queued` bytes wait for the socket, and `waiting` for a parser.
    pub fn forward(queued: u64, waiting: u64) -> Self {
        let mut account = Self::default();
        account.add(BROUGHT, queued);
        account.add(RECEIVED, waiting);
        account
    }

    /// The codecs made these bytes.
    pub fn book_made(&mut self, bytes: Bytes) {
        self.add_bytes::<MADE>(bytes);
    }

    /// The socket took so many bytes.
    pub fn book_taken(&mut self, bytes: usize) {
        self.add(TAKEN, bytes as u64);
    }

    /// So many bytes were thrown away unsent.
    pub fn book_dropped(&mut self, bytes: u64) {
        self.add(DROPPED, bytes);
    }

    /// The socket gave so many bytes.
    pub fn book_received(&mut self, bytes: usize) {
        self.add(RECEIVED, bytes as u64);
    }

    /// The codecs parsed these bytes; of what was received, the rest waits.
    pub fn book_parsed(&mut self, bytes: Bytes) {
        self.add_bytes::<PARSED>(bytes);
    }

    /// Bytes that were queued for an earlier owner: the balance brought forward.
    pub fn brought(&self) -> u64 {
        self.count(BROUGHT)
    }

    /// What the codecs made, by kind.
    pub fn made(&self) -> Bytes {
        self.bytes(MADE)
    }

    /// Bytes that the socket took.
    pub fn taken(&self) -> u64 {
        self.count(TAKEN)
    }

    /// Bytes that were thrown away unsent.
    pub fn dropped(&self) -> u64 {
        self.count(DROPPED)
    }

    /// Bytes that the socket gave.
    pub fn received(&self) -> u64 {
        self.count(RECEIVED)
    }

    /// What the codecs parsed of them, by kind.
    pub fn parsed(&self) -> Bytes {
        self.bytes(PARSED)
    }

    /// What they have not parsed yet: it waits in the connection's tail.
    pub fn waiting(&self) -> u64 {
        self.received() - self.parsed().total()
    }

    /// Whether the books balance with `queued` bytes still to be sent.
    pub fn balances(&self, queued: u64) -> bool {
        self.brought() + self.made().total() == self.taken() + queued + self.dropped()
    }

    /// Whether the books balance with `waiting` bytes still to be parsed.
    pub fn balances_received(&self, waiting: usize) -> bool {
        self.received() == self.parsed().total() + waiting as u64
    }

    /// Bytes of heap that it owns: none before a count has outgrown its place.
    pub fn heap_bytes(&self) -> usize {
        self.page.as_deref().map_or(0, size_of_val)
    }

    fn add_bytes<const FIRST: usize>(&mut self, bytes: Bytes) {
        self.add(FIRST, bytes.head);
        self.add(FIRST + 1, bytes.framing);
        self.add(FIRST + 2, bytes.payload);
        self.add(FIRST + 3, bytes.control);
    }

    fn bytes(&self, first: usize) -> Bytes {
        let [head, framing, payload, control] =
            [first, first + 1, first + 2, first + 3].map(|place| self.count(place));
        Bytes { head, framing, payload, control }
    }

    fn count(&self, place: usize) -> u64 {
        let before = self.page.as_ref().map_or(0, |page| page[place]);
        before + u64::from(self.counts[place])
    }

    fn add(&mut self, place: usize, more: u64) {
        let sum = u64::from(self.counts[place]) + more;
        match u32::try_from(sum) {
            Ok(sum) => self.counts[place] = sum,
            Err(_) => self.turn_page(place, sum),
        }
    }

    #[cold]
    fn turn_page(&mut self, place: usize, sum: u64) {
        self.page.get_or_insert_default()[place] += sum;
        self.counts[place] = 0;
    }
}

/// The system calls that a connection makes before anybody knows for whom, and while it works, in
/// few bytes.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct OwnCalls {
    counts: [u16; OWN_CALLS],
}

impl OwnCalls {
    /// One more; false when it is none of them, or more than can be counted.
    #[must_use]
    pub fn book(&mut self, call: Syscall) -> bool {
        let Some(count) = self.counts.get_mut(call as usize) else { return false };
        let Some(more) = count.checked_add(1) else { return false };
        *count = more;
        true
    }

    /// How many of each, in the order of [`Syscall::ALL`].
    pub(super) const fn counts(&self) -> [u16; OWN_CALLS] {
        self.counts
    }
}

/// Those in front of it are for a connection to count; its owner does what is behind.
const OWN_CALLS: usize = Syscall::Shutdown as usize;
// Places of the counts: bytes by kind have four.
const BROUGHT: usize = 0;
const MADE: usize = 1;
const TAKEN: usize = 5;
const DROPPED: usize = 6;
const RECEIVED: usize = 7;
const PARSED: usize = 8;
const COUNTS: usize = 12;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_count_that_outgrows_its_place_loses_nothing() {
        let mut account = Account::forward(3, 7);
        let large = usize::try_from(u32::MAX).unwrap();
        for _ in 0..3 {
            account.book_made(Bytes::wrapped(2 * large, large - 1));
            account.book_taken(2 * large);
            account.book_received(5 * large);
            account.book_parsed(Bytes::control(5 * large));
        }
        account.book_dropped(1);
        let large = large as u64;
        let made = Bytes { framing: 3 * (large + 1), payload: 3 * (large - 1), ..Bytes::ZERO };
        assert_eq!(account.made(), made);
        assert_eq!((account.taken(), account.received()), (6 * large, 15 * large + 7));
        assert_eq!((account.brought(), account.dropped(), account.waiting()), (3, 1, 7));
        assert!(account.balances(2) && account.balances_received(7));
        assert_eq!(account.heap_bytes(), 8 * COUNTS);
    }

    #[test]
    fn books_are_small_and_own_no_heap() {
        let mut account = Account::default();
        account.book_taken(usize::try_from(u32::MAX).unwrap());
        assert_eq!(account.heap_bytes(), 0);
        assert!(size_of::<Account>() <= 72, "{} bytes", size_of::<Account>());
    }

    #[test]
    fn calls_that_no_connection_counts_are_left_to_its_owner() {
        let mut calls = OwnCalls::default();
        assert!((0..u16::MAX).all(|_| calls.book(Syscall::Send)));
        assert!(!calls.book(Syscall::Send) && !calls.book(Syscall::Close));
        assert_eq!(calls.counts()[Syscall::Send as usize], u16::MAX);
    }
}
