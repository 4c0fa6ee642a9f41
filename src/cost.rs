//! What is counted, and for whom: bytes by kind, system calls by name, heap, and their owners.

mod account;

pub use account::{Account, OwnCalls};

use std::ops::{Add, AddAssign, Sub};

use serde::{Deserialize, Serialize};

use crate::id::Kind;

/// Bytes by what they are for. Each byte is booked once, under one of them.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Bytes {
    /// Request lines, status lines, field lines and the blank line behind them.
    pub head: u64,
    /// What a mechanism wraps around a payload, escapes, padding and masking keys included.
    pub framing: u64,
    /// The message's own bytes, as they were published.
    pub payload: u64,
    /// What carries no message: heartbeats, pings, closes, timeouts, errors, the heads of polls
    /// that only ask again, and whatever arrives and means nothing.
    pub control: u64,
}

impl Bytes {
    /// None.
    pub const ZERO: Self = Self { head: 0, framing: 0, payload: 0, control: 0 };

    /// `bytes` bytes of head.
    pub const fn head(bytes: usize) -> Self {
        Self { head: bytes as u64, ..Self::ZERO }
    }

    /// `bytes` bytes of control.
    pub const fn control(bytes: usize) -> Self {
        Self { control: bytes as u64, ..Self::ZERO }
    }

    /// `bytes` bytes of framing.
    pub const fn framing(bytes: usize) -> Self {
        Self { framing: bytes as u64, ..Self::ZERO }
    }

    /// `total` bytes, of which `payload` are the message's own and the rest wraps it.
    ///
    /// An encoding never makes a message shorter, so `payload <= total`.
    pub const fn wrapped(total: usize, payload: usize) -> Self {
        Self { framing: (total - payload) as u64, payload: payload as u64, ..Self::ZERO }
    }

    /// The same bytes, all of them booked as control.
    pub const fn as_control(&self) -> Self {
        Self { control: self.total(), ..Self::ZERO }
    }

    /// All bytes of all kinds.
    pub const fn total(&self) -> u64 {
        self.head + self.framing + self.payload + self.control
    }

    /// So often the same bytes.
    pub const fn times(&self, count: u64) -> Self {
        Self {
            head: self.head * count,
            framing: self.framing * count,
            payload: self.payload * count,
            control: self.control * count,
        }
    }
}

impl Add for Bytes {
    type Output = Self;

    fn add(mut self, more: Self) -> Self {
        self += more;
        self
    }
}

/// A system call of the loop, told apart by what came of it where that is a cost of its own.
///
/// First, before `Shutdown`, those that a connection counts itself: it may not have an owner yet.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Hash)]
pub enum Syscall {
    /// `accept4` that brought a connection.
    Accept,
    /// `epoll_ctl`.
    EpollCtl,
    /// `recv` that brought bytes, or the end of the stream.
    Read,
    /// `recv` that would have blocked, or failed.
    ReadBlocked,
    /// `send` of one piece that the kernel took whole.
    Send,
    /// `send` that the kernel took in part, or not at all.
    SendShort,
    /// `writev` of several pieces that the kernel took whole.
    Writev,
    /// `writev` that the kernel took in part, or not at all.
    WritevShort,
    /// `shutdown` of the sending half.
    Shutdown,
    /// `setsockopt`.
    Setsockopt,
    /// `accept4` that brought none.
    AcceptBlocked,
    /// `getsockopt`: the kernel's own figures.
    Getsockopt,
    /// `getpeername`: who is at the other end.
    Getpeername,
    /// `close`.
    Close,
    /// `openat`: the descriptor that the listener holds in reserve.
    Open,
    /// `epoll_wait`.
    EpollWait,
    /// `write` to the loop's own wake-up descriptor.
    Wake,
    /// `clock_gettime` of the thread's CPU time; other clocks cost no call.
    CpuClock,
}

impl Syscall {
    /// Every call, in the order of tables.
    pub const ALL: [Self; 18] = [
        Self::Accept,
        Self::EpollCtl,
        Self::Read,
        Self::ReadBlocked,
        Self::Send,
        Self::SendShort,
        Self::Writev,
        Self::WritevShort,
        Self::Shutdown,
        Self::Setsockopt,
        Self::AcceptBlocked,
        Self::Getsockopt,
        Self::Getpeername,
        Self::Close,
        Self::Open,
        Self::EpollWait,
        Self::Wake,
        Self::CpuClock,
    ];

    /// Its name in the ledger.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Accept => "accept",
            Self::AcceptBlocked => "accept_blocked",
            Self::EpollCtl => "epoll_ctl",
            Self::Read => "read",
            Self::ReadBlocked => "read_blocked",
            Self::Send => "send",
            Self::SendShort => "send_short",
            Self::Writev => "writev",
            Self::WritevShort => "writev_short",
            Self::Shutdown => "shutdown",
            Self::Setsockopt => "setsockopt",
            Self::Getsockopt => "getsockopt",
            Self::Getpeername => "getpeername",
            Self::Close => "close",
            Self::Open => "open",
            Self::EpollWait => "epoll_wait",
            Self::Wake => "wake",
            Self::CpuClock => "cpu_clock",
        }
    }

    /// What the kernel calls it, and with it `strace` and `perf`.
    pub const fn kernel_name(self) -> &'static str {
        match self {
            Self::Accept | Self::AcceptBlocked => "accept4",
            Self::Read | Self::ReadBlocked => "recvfrom",
            Self::Send | Self::SendShort => "sendto",
            Self::Writev | Self::WritevShort => "writev",
            Self::Open => "openat",
            Self::Wake => "write",
            Self::CpuClock => "clock_gettime",
            Self::EpollCtl
            | Self::Shutdown
            | Self::Setsockopt
            | Self::Getsockopt
            | Self::Getpeername
            | Self::Close
            | Self::EpollWait => self.name(),
        }
    }
}

/// How many of each system call.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Calls {
    counts: [u64; Syscall::ALL.len()],
}

impl<const N: usize> From<[Syscall; N]> for Calls {
    fn from(made: [Syscall; N]) -> Self {
        let mut calls = Self::default();
        made.into_iter().for_each(|call| calls.book(call));
        calls
    }
}

impl Calls {
    /// How many of this call.
    pub const fn of(&self, call: Syscall) -> u64 {
        self.counts[call as usize]
    }

    /// All calls of all names.
    pub fn total(&self) -> u64 {
        self.counts.iter().sum()
    }

    /// Every call with its count.
    pub fn by_name(&self) -> impl Iterator<Item = (Syscall, u64)> + '_ {
        Syscall::ALL.into_iter().zip(self.counts)
    }

    /// One more.
    pub const fn book(&mut self, call: Syscall) {
        self.counts[call as usize] += 1;
    }

    /// So many more.
    pub fn add(&mut self, more: &Self) {
        for (count, more) in self.counts.iter_mut().zip(more.counts) {
            *count += more;
        }
    }

    /// So many more of those that a connection counts itself.
    pub fn add_own(&mut self, more: &OwnCalls) {
        for (count, more) in self.counts.iter_mut().zip(more.counts()) {
            *count += u64::from(more);
        }
    }
}

impl Sub for Calls {
    type Output = Self;

    /// What came since an earlier count of the same calls.
    fn sub(mut self, earlier: Self) -> Self {
        for (count, before) in self.counts.iter_mut().zip(earlier.counts) {
            *count = count.saturating_sub(before);
        }
        self
    }
}

/// What an allocator was asked for.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Heap {
    /// Blocks handed out; a block that grows or moves is handed out anew.
    pub allocations: u64,
    /// Blocks taken back.
    pub frees: u64,
    /// Bytes of the blocks handed out.
    pub allocated_bytes: u64,
    /// Bytes of the blocks taken back.
    pub freed_bytes: u64,
}

/// What the kernel says about a socket: the second witness (`TCP_INFO`, `SO_MEMINFO`).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Kernel {
    /// Sockets that were looked at.
    pub sockets: u64,
    /// Bytes sent, those that were sent again included (`tcpi_bytes_sent`).
    pub bytes_sent: u64,
    /// Bytes sent again (`tcpi_bytes_retrans`).
    pub bytes_retransmitted: u64,
    /// Bytes that the peer has acknowledged (`tcpi_bytes_acked`).
    pub bytes_acked: u64,
    /// Bytes received (`tcpi_bytes_received`).
    pub bytes_received: u64,
    /// Segments sent (`tcpi_segs_out`).
    pub segments_out: u64,
    /// Segments received (`tcpi_segs_in`).
    pub segments_in: u64,
    /// Segments sent again (`tcpi_total_retrans`).
    pub segments_retransmitted: u64,
    /// Memory that the socket's queues hold (`SO_MEMINFO`), in bytes.
    pub memory_bytes: u64,
}

/// On whose account something is. Every byte, call and nanosecond of the loop has an owner.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Hash)]
pub enum Owner {
    /// A mechanism.
    Mech(Kind),
    /// Publishing over HTTP.
    Publish,
    /// Every other request: pages, questions, refusals.
    Request,
    /// The loop itself: waiting, accepting, housekeeping.
    Loop,
}

impl Owner {
    /// How many there are.
    pub const COUNT: usize = Kind::ALL.len() + 3;

    /// Every owner, in the order of tables.
    pub fn all() -> impl Iterator<Item = Self> {
        let others = [Self::Publish, Self::Request, Self::Loop];
        Kind::ALL.into_iter().map(Self::Mech).chain(others)
    }

    /// Its place in that order.
    pub const fn place(self) -> usize {
        match self {
            Self::Mech(kind) => kind as usize,
            Self::Publish => Kind::ALL.len(),
            Self::Request => Kind::ALL.len() + 1,
            Self::Loop => Kind::ALL.len() + 2,
        }
    }

    /// Its name in tables: a mechanism's own, or `publish`, `request`, `loop`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Mech(kind) => kind.name(),
            Self::Publish => "publish",
            Self::Request => "request",
            Self::Loop => "loop",
        }
    }
}

/// What the loop is doing for an owner.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Hash)]
pub enum Phase {
    /// Accepting connections: nobody knows yet for whom.
    Accept,
    /// Reading, parsing, answering.
    Receive,
    /// Encoding a message and queueing it for its subscribers.
    Deliver,
    /// Writing.
    Flush,
    /// Deadlines: heartbeats, pings, parks that are over.
    Tick,
    /// Closing.
    Close,
    /// What none of these explains: waiting, and the turn itself.
    Turn,
}

impl Phase {
    /// Every phase, in the order of a turn.
    pub const ALL: [Self; 7] = [
        Self::Accept,
        Self::Receive,
        Self::Deliver,
        Self::Flush,
        Self::Tick,
        Self::Close,
        Self::Turn,
    ];

    /// Its name in tables.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Accept => "accept",
            Self::Receive => "receive",
            Self::Deliver => "deliver",
            Self::Flush => "flush",
            Self::Tick => "tick",
            Self::Close => "close",
            Self::Turn => "turn",
        }
    }
}

/// Sum and difference, field by field.
#[rustfmt::skip]
macro_rules! counts {
    ($name:ident: $($field:ident)*) => {
        impl AddAssign for $name {
            fn add_assign(&mut self, more: Self) { $(self.$field += more.$field;)* }
        }
        impl Sub for $name { type Output = Self;
            fn sub(self, before: Self) -> Self { Self { $($field: self.$field.saturating_sub(before.$field)),* } }
        }
    };
}

counts!(Bytes: head framing payload control);
counts!(Heap: allocations frees allocated_bytes freed_bytes);
counts!(Kernel: sockets bytes_sent bytes_retransmitted bytes_acked bytes_received
    segments_out segments_in segments_retransmitted memory_bytes);
