//! A conversation, dissected: what every byte of both directions of a connection is for.
//!
//! The bytes go through the codecs that serve, which say as they go what they have found
//! ([`crate::wire::span`]). What comes out is told in units, each a head, a chunk, a frame or a
//! run of content, and each in layers: the bytes as they were on the wire, what they carry, and
//! what that carries in turn.
//!
//! A violation is what a specification forbids. What is legal and not read here (other codings,
//! tunnels, HTTP/2, what is too long to be kept) is told as that, and what follows it is read.
//!
//! ```text
//!   TCP ─▶ request head                 TCP ─▶ response head
//!       ─▶ content ─▶ JSON                  ─▶ chunk ─▶ event | script | line ─▶ JSON
//!       ─▶ frame   ─▶ unmasked payload      ─▶ frame ─▶ payload
//! ```

mod books;
mod carried;
mod content;
mod fields;
mod heads;
mod json;
pub mod shape;
mod side;
mod words;

use std::collections::VecDeque;

use crate::cost::Bytes;
use crate::wire::body::Body;
use crate::wire::head::Method;
use crate::wire::span::{Field, Part, Span};
use crate::wire::ws_frame::Role;
use side::Side;

pub(crate) use fields::UNREAD;

/// Dissects both directions of one connection, as their bytes come.
#[derive(Debug)]
pub struct Dissector {
    client: Side,
    server: Side,
    shared: Shared,
}

/// What one direction knows of the other.
#[derive(Debug, Default)]
struct Shared {
    /// Requests that have no answer yet.
    asked: VecDeque<Asked>,
    /// What the server has said to a request for an upgrade.
    upgrade: Upgrade,
    /// Whoever asked for the upgrade wants envelopes.
    is_enveloped: bool,
    /// Only one direction is there: what the other says is guessed.
    is_alone: bool,
}

/// A request that awaits its answer.
#[derive(Clone, Copy, Debug)]
struct Asked {
    method: Method,
    leads: Leads,
}

/// What the connection speaks when a request has got what it asks for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Leads {
    /// HTTP, as before.
    On,
    /// WebSocket.
    WebSocket,
    /// Whatever the client wants to say to somebody else.
    Tunnel,
}

/// What has become of a request for an upgrade.
#[derive(Clone, Copy, Debug, Default)]
enum Upgrade {
    /// Nobody knows yet.
    #[default]
    Open,
    /// The connection speaks WebSocket.
    Frames,
    /// It speaks what is not read here.
    Other(&'static Field),
    /// It was refused.
    Refused,
}

/// Where a connection is when somebody begins to look at it.
#[derive(Clone, Copy, Debug)]
pub enum Joining<'a> {
    /// Between two requests.
    Between,
    /// A request awaits its answer.
    Asked,
    /// The content of a request is arriving.
    Content(Option<Body>),
    /// The content of an answer is being sent.
    Stream {
        /// What it is.
        content_type: &'a str,
        /// How it is framed; until the end of the connection when it is not.
        body: Option<Body>,
    },
    /// Frames go both ways, and one is about to begin.
    Frames,
    /// The same, and the server's text is in envelopes.
    Envelopes,
}

/// What a direction begins with.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Protocol {
    /// A head.
    Http,
    /// A chunk.
    Chunked,
    /// An event stream, without anything around it.
    EventStream,
    /// A frame.
    WebSocket,
}

impl Protocol {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Http, Self::Chunked, Self::EventStream, Self::WebSocket];

    /// Its name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Chunked => "chunked",
            Self::EventStream => "sse",
            Self::WebSocket => "websocket",
        }
    }

    /// What the first bytes look like, and who has sent them; none when they look like nothing.
    pub fn guess(bytes: &[u8]) -> Option<(Self, Role)> {
        words::guess(bytes)
    }
}

impl Dissector {
    /// Of a connection that begins with a request.
    pub fn new() -> Self {
        Self::beginning(Protocol::Http)
    }

    /// Of a connection of which both directions begin with this.
    pub fn beginning(protocol: Protocol) -> Self {
        Self {
            client: Side::new(Role::Client, protocol),
            server: Side::new(Role::Server, protocol),
            shared: Shared::default(),
        }
    }

    /// Of a connection that is looked at from here on.
    pub fn joining(place: Joining<'_>) -> Self {
        let mut dissector = Self::new();
        match place {
            Joining::Between => {}
            Joining::Asked => {
                let asked = Asked { method: Method::Get, leads: Leads::On };
                dissector.shared.asked.push_back(asked);
            }
            Joining::Content(body) => dissector.client.join(body, ""),
            Joining::Stream { content_type, body } => dissector.server.join(body, content_type),
            Joining::Frames => return Self::beginning(Protocol::WebSocket),
            Joining::Envelopes => {
                dissector = Self::beginning(Protocol::WebSocket);
                dissector.server.join_envelopes();
            }
        }
        dissector
    }

    /// Of bytes of one side alone: what the other has said is guessed from them.
    pub fn alone(protocol: Protocol) -> Self {
        let mut dissector = Self::beginning(protocol);
        dissector.shared.is_alone = true;
        dissector
    }

    /// Takes bytes that one side has sent, and tells the units that are whole with them.
    pub fn receive(&mut self, from: Role, bytes: &[u8], units: &mut Vec<Unit>) {
        self.side(from).add(bytes);
        self.advance(units);
    }

    /// One side sends nothing more: what is unfinished is told as such.
    pub fn end(&mut self, from: Role, units: &mut Vec<Unit>) {
        self.shared.is_alone |= from == Role::Server;
        self.advance(units);
        self.side(from).end(units);
    }

    /// What of one side has no unit yet.
    pub fn waiting(&self, from: Role) -> usize {
        match from {
            Role::Client => self.client.waiting(),
            Role::Server => self.server.waiting(),
        }
    }

    /// What one side has begun, or announced, and not ended: its bytes would end within that.
    pub fn awaits(&self, from: Role) -> Option<&'static str> {
        match from {
            Role::Client => self.client.awaits(),
            Role::Server => self.server.awaits(),
        }
    }

    /// An answer may tell what follows a request, and a request what its answer is.
    fn advance(&mut self, units: &mut Vec<Unit>) {
        loop {
            self.client.advance(&mut self.shared, units);
            let before = std::mem::discriminant(&self.shared.upgrade);
            self.server.advance(&mut self.shared, units);
            if before == std::mem::discriminant(&self.shared.upgrade) {
                return;
            }
        }
    }

    fn side(&mut self, from: Role) -> &mut Side {
        match from {
            Role::Client => &mut self.client,
            Role::Server => &mut self.server,
        }
    }
}

impl Default for Dissector {
    fn default() -> Self {
        Self::new()
    }
}

/// What belongs together on the wire, dissected.
#[derive(Clone, Debug)]
pub struct Unit {
    /// Who has sent it.
    pub from: Role,
    /// Bytes of that direction in front of it.
    pub offset: u64,
    /// What it is.
    pub name: &'static str,
    /// What it says, in a few words.
    pub summary: String,
    /// The bytes as they were on the wire, and what they carry.
    pub layers: Vec<Layer>,
    /// The first rule that it breaks, or the bound of ours that it meets; nothing behind it is
    /// read.
    pub violation: Option<Violation>,
}

impl Unit {
    /// Its bytes by what they are for, through all of its layers, as the ledger books them.
    pub fn books(&self) -> Bytes {
        books::books(self)
    }

    /// Its bytes on the wire.
    pub fn bytes(&self) -> &[u8] {
        self.layers.first().map_or(&[], |layer| &layer.bytes)
    }
}

/// Bytes, and what they are.
#[derive(Clone, Debug)]
pub struct Layer {
    /// What kind of bytes.
    pub name: &'static str,
    /// The bytes.
    pub bytes: Vec<u8>,
    /// What they are: the leaves tile them.
    pub spans: Vec<Span>,
}

impl Layer {
    /// The bytes of a span.
    pub fn of(&self, span: &Span) -> &[u8] {
        self.bytes.get(span.start..span.end).unwrap_or_default()
    }

    /// What the span says.
    pub fn value(&self, span: &Span) -> String {
        span.field.reading.value(self.of(span), span.bits)
    }

    /// How many of its bytes are this; a byte that several fields share is its first one's.
    pub fn share(&self, part: Part) -> usize {
        let leaves = self.spans.iter().filter(|span| !span.is_group && span.part == part);
        let bytes = |span: &Span| match span.bits {
            Some(bits) if bits.from > 0 => 0,
            _ => span.end - span.start,
        };
        leaves.map(bytes).sum()
    }
}

/// A rule that was broken.
#[derive(Clone, Copy, Debug)]
pub struct Violation {
    /// Its name in the reason table.
    pub name: &'static str,
    /// The clause that was broken; empty where the bound is ours.
    pub clause: &'static str,
    /// What a person reads.
    pub message: &'static str,
    /// What must be answered.
    pub answer: Remedy,
}

/// What whoever receives a violation must do.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Remedy {
    /// A server answers with this status, and closes.
    Status(u16),
    /// Whoever receives it closes, and should send a Close frame with this code before.
    Close(u16),
    /// The same, but that it may as well not send it.
    MayClose(u16),
    /// A client closes the connection: there is nobody to be told.
    Hang,
}

#[cfg(test)]
mod tests;
