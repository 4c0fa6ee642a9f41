//! A connection as two kernels keep it: what is on its way, what is held, and what has gone wrong.

use std::collections::VecDeque;

use pushscope::engine::Farewell;
use pushscope::id::Token;

/// Both ends of a connection, and the way between.
#[derive(Debug, Default)]
pub(crate) struct Socket {
    /// What the server calls it, from accept to close.
    pub(crate) token: Option<Token>,
    /// Said by the client, and not arrived.
    coming: Pipe,
    /// Arrived, and not read by the server.
    unread: Pipe,
    /// Taken from the server, and not read by the client.
    held: Pipe,
    /// How much of that may be held.
    pub(crate) room: usize,
    client_end: End,
    server_end: End,
    /// Whether the server was told of the client's end by a `read`.
    told_end: bool,
    /// Bytes that the server was given, and that it has said.
    pub(crate) given: u64,
    pub(crate) taken: u64,
    /// Until this step the socket takes nothing.
    pub(crate) blocked_until: u64,
    /// Whether the server was refused, and waits to hear that there is room.
    pub(crate) wants_room: bool,
    /// Whether it ever was.
    pub(crate) was_short: bool,
    /// When it was told that there is room, and has not tried since; in microseconds.
    pub(crate) told_room_us: Option<u64>,
    /// When readiness to be read is to be told, and to be written; a step.
    pub(crate) readable_at: Option<u64>,
    pub(crate) writable_at: Option<u64>,
    /// When the client has left without a word, in microseconds.
    pub(crate) vanished_us: Option<u64>,
    /// Whether anything has been done to it that no client does.
    pub(crate) is_troubled: bool,
    /// What the server is to notice when it has been given so many bytes.
    pub(crate) marks: VecDeque<(u64, Mark)>,
    /// Bytes that the client has said.
    pub(crate) said: u64,
}

/// Bytes that go in at one end and come out at the other.
#[derive(Debug, Default)]
struct Pipe {
    bytes: Vec<u8>,
    /// How many of them have come out.
    pulled: usize,
}

impl Pipe {
    fn push(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    /// Up to so many of them.
    fn pull(&mut self, most: usize) -> Vec<u8> {
        let end = self.pulled + most.min(self.len());
        let bytes = self.bytes[self.pulled..end].to_vec();
        self.pulled = end;
        if self.is_empty() {
            self.clear();
        }
        bytes
    }

    const fn len(&self) -> usize {
        self.bytes.len() - self.pulled
    }

    const fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn clear(&mut self) {
        *self = Self::default();
    }
}

/// How one side of a connection has ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) enum End {
    /// It has not.
    #[default]
    Open,
    /// By a FIN, behind all that was said.
    Fin,
    /// By an RST: what was on its way is lost.
    Reset,
}

/// What a client has said, once the server has been given all of it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Mark {
    /// A question, from which a subscription is counted.
    Asked,
    /// A message, by its number in the book.
    Published(usize),
}

/// What a `read` of the server's comes to.
#[derive(Debug)]
pub(crate) enum Read {
    Bytes(Vec<u8>),
    Nothing,
    End,
    Broken,
}

/// What a `write` of the server's comes to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Write {
    Took(usize),
    Blocked,
    Broken,
}

impl Socket {
    /// A connection whose buffers hold so many bytes.
    pub(crate) fn new(room: usize) -> Self {
        Self { room, ..Self::default() }
    }

    // The client's side.

    /// The client says something.
    pub(crate) fn say(&mut self, bytes: &[u8]) {
        if self.client_end == End::Open && self.vanished_us.is_none() {
            self.coming.push(bytes);
            self.said += bytes.len() as u64;
        }
    }

    /// The client will say nothing more.
    pub(crate) fn finish(&mut self) {
        if self.client_end == End::Open {
            self.client_end = End::Fin;
        }
    }

    /// The client, or something on the way, resets the connection.
    pub(crate) fn reset(&mut self) {
        self.client_end = End::Reset;
        self.coming.clear();
        self.unread.clear();
        self.held.clear();
    }

    /// The client reads up to so many bytes.
    pub(crate) fn read(&mut self, most: usize) -> Vec<u8> {
        self.held.pull(most)
    }

    /// How the server has ended it, when all that it has said is read.
    pub(crate) fn heard_end(&self) -> End {
        if self.held.is_empty() { self.server_end } else { End::Open }
    }

    /// Whether the client still could say something.
    pub(crate) fn is_open(&self) -> bool {
        self.client_end == End::Open
    }

    /// Whether the client has reset it.
    pub(crate) fn is_reset(&self) -> bool {
        self.client_end == End::Reset
    }

    // The way between.

    /// What the client has said arrives, up to so many bytes; whether there is something to tell.
    pub(crate) fn arrive(&mut self, most: usize) -> bool {
        let bytes = self.coming.pull(most);
        self.unread.push(&bytes);
        let count = bytes.len();
        let ends = self.client_end != End::Open && self.coming.is_empty() && !self.told_end;
        count > 0 || (ends && self.readable_at.is_none())
    }

    /// Whether something is on its way to the server.
    pub(crate) fn is_coming(&self) -> bool {
        !self.coming.is_empty() || (self.client_end != End::Open && !self.told_end)
    }

    /// Whether the server's end of stream stands behind what it can read.
    pub(crate) fn is_closing(&self) -> bool {
        self.client_end != End::Open && self.coming.is_empty()
    }

    /// Whether there is room again for a server that was refused.
    pub(crate) fn has_room(&self, step: u64) -> bool {
        step >= self.blocked_until && self.held.len() < self.room
    }

    // The server's side.

    /// The server reads up to so many bytes.
    pub(crate) fn give(&mut self, most: usize) -> Read {
        if self.client_end == End::Reset {
            self.told_end = true;
            return Read::Broken;
        }
        if !self.unread.is_empty() {
            let bytes = self.unread.pull(most);
            self.given += bytes.len() as u64;
            return Read::Bytes(bytes);
        }
        if self.client_end == End::Fin && self.coming.is_empty() {
            self.told_end = true;
            return Read::End;
        }
        Read::Nothing
    }

    /// The server writes: the socket takes up to `most` of it.
    pub(crate) fn take(&mut self, bytes: &[u8], most: usize, step: u64) -> Write {
        if self.client_end == End::Reset {
            return Write::Broken;
        }
        let room = self.room.saturating_sub(self.held.len());
        let count = bytes.len().min(most).min(if step < self.blocked_until { 0 } else { room });
        self.told_room_us = None;
        if count < bytes.len() {
            self.wants_room = true;
            self.was_short = true;
        }
        if count == 0 {
            return Write::Blocked;
        }
        if self.vanished_us.is_none() {
            self.held.push(&bytes[..count]);
        } else {
            // Nobody takes it out again.
            self.room -= count;
        }
        self.taken += count as u64;
        Write::Took(count)
    }

    /// The server will say nothing more.
    pub(crate) fn shut(&mut self) {
        assert_eq!(self.server_end, End::Open, "a FIN is sent once");
        self.server_end = End::Fin;
    }

    /// The server closes it. Who closes on what it has not read resets it (RFC 9112 §9.6).
    pub(crate) fn close(&mut self, farewell: Farewell) {
        self.token = None;
        let is_rude = !self.unread.is_empty() || !self.coming.is_empty();
        if farewell == Farewell::Reset || (is_rude && self.server_end == End::Open) {
            self.server_end = End::Reset;
        } else if self.server_end == End::Open {
            self.server_end = End::Fin;
        }
        self.unread.clear();
    }

    /// The server lets nobody in, and says so at once; returns how much it drops of what has come.
    pub(crate) fn dismiss(&mut self, answer: &[u8]) -> usize {
        if self.client_end != End::Reset {
            self.held.push(answer);
        }
        let received = self.unread.len();
        self.coming.clear();
        self.unread.clear();
        self.server_end = End::Fin;
        received
    }

    /// Whether the server has nothing more to say.
    pub(crate) fn is_shut(&self) -> bool {
        self.server_end != End::Open
    }
}
