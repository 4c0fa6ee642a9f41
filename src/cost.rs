//! What bytes are booked as: each made byte once, and each taken byte once.

use std::ops::{Add, AddAssign};

/// Bytes that an encoder made, by what they are for.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Bytes {
    /// Status lines, field lines and the blank line behind them.
    pub head: u64,
    /// What a mechanism wraps around a payload, escapes and padding included.
    pub framing: u64,
    /// The message's own bytes, as they were published.
    pub payload: u64,
    /// What carries no message: heartbeats, pings, closes, timeouts, errors.
    pub control: u64,
}

impl Bytes {
    /// `bytes` bytes of head.
    pub const fn head(bytes: usize) -> Self {
        Self { head: bytes as u64, framing: 0, payload: 0, control: 0 }
    }

    /// `bytes` bytes of control.
    pub const fn control(bytes: usize) -> Self {
        Self { head: 0, framing: 0, payload: 0, control: bytes as u64 }
    }

    /// `bytes` bytes of framing.
    pub const fn framing(bytes: usize) -> Self {
        Self { head: 0, framing: bytes as u64, payload: 0, control: 0 }
    }

    /// `total` bytes, of which `payload` are the message's own and the rest wraps it.
    ///
    /// An encoding never makes a message shorter, so `payload <= total`.
    pub const fn wrapped(total: usize, payload: usize) -> Self {
        Self { head: 0, framing: (total - payload) as u64, payload: payload as u64, control: 0 }
    }

    /// The same bytes, all of them booked as control.
    pub const fn as_control(&self) -> Self {
        Self { head: 0, framing: 0, payload: 0, control: self.total() }
    }

    /// All bytes of all kinds.
    pub const fn total(&self) -> u64 {
        self.head + self.framing + self.payload + self.control
    }
}

impl Add for Bytes {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self {
            head: self.head + other.head,
            framing: self.framing + other.framing,
            payload: self.payload + other.payload,
            control: self.control + other.control,
        }
    }
}

impl AddAssign for Bytes {
    fn add_assign(&mut self, other: Self) {
        *self = *self + other;
    }
}

/// One connection's books, in bytes. Double entry: `made = taken + queued + dropped`.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Account {
    /// What the codecs made, by kind.
    pub made: Bytes,
    /// What the socket took.
    pub taken: u64,
    /// What was thrown away unsent, with the connection.
    pub dropped: u64,
    /// What the peer sent.
    pub received: u64,
}

impl Account {
    /// Whether the books balance with `queued` bytes still waiting.
    pub const fn balances(&self, queued: u64) -> bool {
        self.made.total() == self.taken + queued + self.dropped
    }
}
