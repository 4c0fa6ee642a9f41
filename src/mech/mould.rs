//! The mould: the blocks that every mechanism file has, in the same order.
//!
//! A mechanism is opened by a request head, receives bytes, is delivered batches of messages,
//! ticks when its deadline has passed, and ends. It never touches a socket: it queues bytes on its
//! [`Out`], and leaves there the [`Act`]s that the engine settles after the call.

#[cfg(test)]
pub(crate) mod stage;

use crate::answer::{Answer, Manner};
use crate::clock::{Instant, Now};
use crate::cost::{Account, Bytes};
use crate::event::{Batch, Payload};
use crate::fault::Fault;
use crate::frame::{Frame, Frames};
use crate::id::{ChannelKey, Id, Kind};
use crate::limits::{self, Limits};
use crate::queue::{Piece, Queue};
use crate::slow::Policy;
use crate::wire::chunked;
use crate::wire::date::Date;
use crate::wire::head::{Head, Version};
use crate::wire::response::ResponseHead;

/// One way of pushing.
pub trait Mechanism: Sized {
    /// Its row of the comparison.
    const CARD: Card;

    /// A request asks for it: answers the head and what the cursor has missed.
    fn open(door: &Door<'_>, out: &mut Out<'_>) -> Result<Self, Fault>;

    /// The peer has sent something; returns how many bytes are done with.
    fn receive(&mut self, bytes: &[u8], out: &mut Out<'_>) -> Result<usize, Fault>;

    /// Messages for its subscriber. It may send and may end; it may not publish.
    fn deliver(&mut self, batch: &Batch<'_>, frames: &mut Frames, out: &mut Out<'_>);

    /// Its deadline has passed.
    fn tick(&mut self, out: &mut Out<'_>) -> Result<(), Fault>;

    /// When it wants to be ticked.
    fn deadline(&self) -> Instant;

    /// Last words.
    fn end(&mut self, why: Why, out: &mut Out<'_>);
}

/// A row of the comparison table, and of every table that is generated from it.
#[derive(Clone, Copy, Debug)]
pub struct Card {
    /// Which mechanism.
    pub kind: Kind,
    /// What people call it.
    pub title: &'static str,
    /// Its canonical address.
    pub address: &'static str,
    /// The media type of its answer, or the protocol it switches to.
    pub opens_with: &'static str,
    /// Who may speak.
    pub direction: &'static str,
    /// What it costs a subscriber.
    pub costs: Costs,
    /// What a page uses.
    pub client: &'static str,
    /// What happens when the connection is lost.
    pub reconnects: &'static str,
    /// What it cannot do.
    pub cannot: &'static str,
    /// The file to read.
    pub source: &'static str,
}

/// What a mechanism costs a subscriber, in formulae.
///
/// Their names are those of [`LEGEND`]; `·` multiplies, `hex(x)` and `dec(x)` count the digits of
/// a number in base 16 and 10, and `[x > y]` is 1 where that is true, else 0.
/// `tests/formulae.rs` reads them, and holds them against what the engine books.
#[derive(Clone, Copy, Debug)]
pub struct Costs {
    /// To open, on a connection that is there.
    pub open: Cost,
    /// Per message, when it is the only one of its turn.
    pub message: Cost,
    /// Each time that something must be said although nothing has happened.
    pub quiet: Cost,
    /// How often that is by default, in microseconds; none where the client decides.
    pub quiet_us: Option<u64>,
}

/// What one thing costs.
#[derive(Clone, Copy, Debug)]
pub struct Cost {
    /// Bytes from the server to the client.
    pub down: &'static str,
    /// Bytes from the client to the server.
    pub up: &'static str,
    /// System calls of the server, by the names of [`Syscall`](crate::cost::Syscall).
    pub calls: &'static str,
}

impl Cost {
    /// What is not done costs nothing.
    pub const NOTHING: Self = Self::of("0", "0", "0");

    /// Bytes down, bytes up, system calls.
    pub const fn of(down: &'static str, up: &'static str, calls: &'static str) -> Self {
        Self { down, up, calls }
    }
}

/// The names in formulae, and what they stand for.
pub const LEGEND: [(&str, &str); 8] = [
    ("p", "bytes of the payload, a text"),
    ("n", "lines of the payload"),
    ("e", "bytes that escapes add to the payload"),
    ("i", "bytes of the id"),
    ("c", "bytes of the channel's name"),
    ("t", "digits of the time, in milliseconds"),
    ("h", "bytes of the client's request head"),
    ("j", ENVELOPE),
];

/// Bytes of a message in its JSON envelope, without an event type.
pub const ENVELOPE: &str = "p + e + i + c + t + 40";

/// What a mechanism is opened with.
#[derive(Debug)]
pub struct Door<'a> {
    /// The request.
    pub head: &'a Head<'a, 'a>,
    /// What the request asks of the answer.
    pub manner: &'a Manner,
    /// Which of the mechanism's addresses was called.
    pub address: Address,
    /// Whether payloads are wanted in their JSON envelope.
    pub dress: Dress,
    /// The channel; an echo has none.
    pub channel: Option<ChannelKey>,
    /// What the cursor has missed.
    pub replay: Batch<'a>,
    /// Whether the request brought a cursor.
    pub cursor: Brought,
    /// For how long it may be parked, in microseconds.
    pub park_us: u64,
    /// What the client wants done if it is slow.
    pub slow: Option<Policy>,
    /// The number that a session of the chat gets, counted from 1.
    pub session: u64,
}

/// Which of a mechanism's addresses was called.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Address {
    /// `/c/{channel}/…`.
    Canonical,
    /// The address that the reference articles use for the same thing.
    Article,
    /// `/orderpay`.
    Order,
    /// `/ws/asset`.
    Chat,
    /// `/echo`.
    Echo,
    /// `/inspect/events`; the viewer's own connection is shown, too, when it wants that.
    Inspector {
        /// Whether it does.
        shows_own: bool,
    },
}

/// How a payload is dressed where both forms can be carried.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Dress {
    /// As it was published.
    Bare,
    /// As JSON with id, time and channel.
    Envelope,
}

/// Whether a request brought a cursor of its own.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Brought {
    /// It did.
    Cursor,
    /// It begins somewhere by default.
    Nothing,
}

/// Why a mechanism must end.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Why {
    /// The server is about to leave; the client is to come back to its successor, with this cursor
    /// if it has no better one.
    Drain(Option<Id>),
    /// The channel was deleted; there is nothing to come back for.
    Deleted,
    /// Something is wrong with the peer or with the connection.
    Fault(Fault),
}

impl Why {
    /// The line of the reason table that it is counted under.
    pub const fn fault(self) -> Fault {
        match self {
            Self::Drain(_) => Fault::Draining,
            Self::Deleted => Fault::ChannelDeleted,
            Self::Fault(fault) => fault,
        }
    }
}

/// What a mechanism wants done outside of itself.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Act {
    /// Be handed what is published to this channel.
    Subscribe(ChannelKey),
    /// Publish to this channel.
    Publish(ChannelKey, Payload),
    /// Enter what the peer said into the table of received texts.
    Receive(ChannelKey, Payload),
    /// The request is answered: the connection is free for the next one.
    Done,
    /// Nothing more will be said: close when what is queued has left.
    Close,
}

/// Where a mechanism speaks: its connection's queue and account, and the time.
#[derive(Debug)]
pub struct Out<'a> {
    /// The time of this turn.
    pub now: Now,
    /// The same, as a field value.
    pub date: &'a Date,
    /// The bounds of this server.
    pub limits: &'a Limits,
    /// What is on its way to the socket.
    pub queue: &'a mut Queue,
    /// Where it is booked.
    pub account: &'a mut Account,
    /// What the engine is to settle after the call.
    pub acts: &'a mut Vec<Act>,
}

impl Out<'_> {
    /// Queues messages, which many connections may share.
    pub fn share(&mut self, frame: &Frame) {
        self.account.book_made(frame.made());
        self.queue.push(Piece::Shared(frame.clone()));
    }

    /// Queues bytes made for this connection. All of them must be booked in `made`.
    pub fn send(&mut self, bytes: Vec<u8>, made: Bytes) {
        debug_assert_eq!(bytes.len() as u64, made.total());
        self.account.book_made(made);
        self.queue.push(Piece::Own(bytes));
    }

    /// Queues bytes that carry no message.
    pub fn send_control(&mut self, piece: impl Into<Piece>) {
        let piece = piece.into();
        self.account.book_made(Bytes::control(piece.bytes().len()));
        self.queue.push(piece);
    }

    /// Queues a whole answer.
    pub fn answer(&mut self, answer: Answer) {
        self.send(answer.bytes, answer.made);
    }

    /// Queues a response head.
    pub fn send_head(&mut self, bytes: Vec<u8>) {
        let made = Bytes::head(bytes.len());
        self.send(bytes, made);
    }

    /// Books what bytes of the peer's were; all that are taken must be booked.
    pub fn parsed(&mut self, bytes: Bytes) {
        self.account.book_parsed(bytes);
    }

    /// Leaves something for the engine.
    pub fn act(&mut self, act: Act) {
        self.acts.push(act);
    }

    /// When a stream that says something now owes its next heartbeat.
    pub fn heartbeat_at(&self) -> Instant {
        self.silence_ends(self.limits.heartbeat_us)
    }

    /// When a WebSocket that hears something now is to be pinged.
    pub fn ping_at(&self) -> Instant {
        self.silence_ends(self.limits.ping_us)
    }

    /// 0 stands for never. Thousands share one wake-up, and nobody is silent for longer than said:
    /// rounded down, a deadline that is met a moment late is followed by the next in time.
    fn silence_ends(&self, us: u64) -> Instant {
        if us == 0 {
            return Instant::NEVER;
        }
        let end = self.now.at.after(us);
        let shared = end.round_down(limits::HEARTBEAT_GRAIN_US);
        if shared > self.now.at { shared } else { end }
    }
}

/// What a peer sends on a one-way stream means nothing: it is dropped, within a budget.
#[derive(Clone, Copy, Debug, Default)]
pub struct Ignored {
    bytes: usize,
}

impl Ignored {
    /// Drops `bytes`; too many of them are a fault.
    pub fn receive(&mut self, bytes: &[u8], out: &mut Out<'_>) -> Result<usize, Fault> {
        self.bytes += bytes.len();
        if self.bytes > limits::STREAM_INPUT_BYTES_MAX {
            return Err(Fault::StreamInput);
        }
        out.parsed(Bytes::control(bytes.len()));
        Ok(bytes.len())
    }
}

/// How the parts of an endless answer are told apart (RFC 9112 §7.1): HTTP/1.0 knows no chunks.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Coding {
    /// Each part in a chunk of its own.
    Chunked,
    /// Bare, until the connection closes.
    UntilClose,
}

impl Coding {
    /// What the peer's version allows.
    pub const fn of(manner: &Manner) -> Self {
        match manner.version {
            Version::Http11 => Self::Chunked,
            Version::Http10 => Self::UntilClose,
        }
    }

    /// The head of an endless answer: it is never kept, sniffed or held back, and when it ends so
    /// does the connection.
    pub fn head(self, manner: &Manner, date: &Date, content_type: &str) -> ResponseHead {
        let manner = Manner { keep_alive: false, ..manner.clone() };
        let head = manner
            .head(200, date)
            .field("Content-Type", content_type)
            .field("Cache-Control", "no-store")
            .field("X-Accel-Buffering", "no")
            .field("X-Content-Type-Options", "nosniff");
        match self {
            Self::Chunked => head.field("Transfer-Encoding", "chunked"),
            Self::UntilClose => head,
        }
    }

    /// Wraps one part that an encoder has written, `payload` bytes of it the message's own.
    pub fn wrap(self, part: &[u8], into: &mut Vec<u8>, payload: u64) -> Bytes {
        let before = into.len();
        match self {
            Self::Chunked => chunked::encode(part, into),
            Self::UntilClose => into.extend_from_slice(part),
        }
        let total = (into.len() - before) as u64;
        Bytes { framing: total.saturating_sub(payload), payload, ..Bytes::default() }
    }

    /// Queues a part that carries no message.
    pub fn send_control(self, part: &[u8], out: &mut Out<'_>) {
        let mut bytes = Vec::with_capacity(part.len() + 16);
        self.wrap(part, &mut bytes, 0);
        out.send_control(bytes);
    }

    /// Ends the answer.
    pub fn end(self, out: &mut Out<'_>) {
        if self == Self::Chunked {
            out.send_control(chunked::LAST_CHUNK);
        }
        out.act(Act::Close);
    }
}
