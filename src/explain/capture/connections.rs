//! The connections of a capture: who talks to whom, and whose turn it is to be explained.
//!
//! They are explained one after another, though their packets are mixed: what comes of others
//! waits, as long as there is room.

use core::net::SocketAddr;
use std::collections::{BTreeMap, VecDeque};
use std::io;

use super::packet::Segment;
use super::stream::{Piece, Stream};
use crate::dissect::Protocol;
use crate::explain::conversation::Conversation;
use crate::explain::{Audience, Ends, Telling, Told};
use crate::limits::{EXPLAIN_CONNECTIONS_MAX, EXPLAIN_HELD_BYTES_MAX, EXPLAIN_PIECE_BYTES};
use crate::wire::ws_frame::Role;

/// All connections of a capture.
#[derive(Debug)]
pub(super) struct Connections {
    protocol: Option<Protocol>,
    port: Option<u16>,
    /// Where the connection between two ends stands; the lower end first.
    places: BTreeMap<(SocketAddr, SocketAddr), u64>,
    /// By the order in which they were first seen.
    open: BTreeMap<u64, Connection>,
    seen: u64,
    /// How many were told.
    told: u32,
    /// The place of the one that was told last.
    last: Option<u64>,
    /// Bytes that all of them keep.
    held: usize,
    /// Bytes that were put in order.
    joined: u64,
    strays: u64,
    /// What those look like that look like nothing that is known.
    unknown: Option<&'static str>,
}

/// A connection.
#[derive(Debug)]
struct Connection {
    client: SocketAddr,
    server: SocketAddr,
    /// What the client has sent, and what the server has.
    streams: [Stream; 2],
    /// What is in order, and waits for its turn.
    queue: VecDeque<(Role, Piece)>,
    queue_bytes: usize,
    /// Bytes that were ever in it.
    joined: u64,
    /// Once something of it was told.
    conversation: Option<(u32, Conversation)>,
    /// Nothing more comes: once it is told, only its ends are kept, for what comes late.
    is_over: bool,
    /// All of it was told, that nothing more comes included.
    is_told: bool,
}

impl Connections {
    pub(super) const fn new(protocol: Option<Protocol>, port: Option<u16>) -> Self {
        Self {
            protocol,
            port,
            places: BTreeMap::new(),
            open: BTreeMap::new(),
            seen: 0,
            told: 0,
            last: None,
            held: 0,
            joined: 0,
            strays: 0,
            unknown: None,
        }
    }

    /// Packets that could not be used.
    pub(super) const fn strays(&self) -> u64 {
        self.strays
    }

    /// What a connection looks like that looks like nothing that is known.
    pub(super) const fn unknown(&self) -> Option<&'static str> {
        self.unknown
    }

    /// Bytes that were put in order: each must be told, or noted as what cannot be read.
    pub(super) const fn joined(&self) -> u64 {
        self.joined
    }

    /// Bytes that are kept.
    pub(super) const fn held(&self) -> usize {
        self.held
    }

    /// Takes a segment, and tells what can be told with it.
    pub(super) fn receive<A: Audience>(
        &mut self,
        segment: &Segment<'_>,
        telling: &mut Telling<A>,
    ) -> io::Result<()> {
        let ports = [segment.source.port(), segment.destination.port()];
        if self.port.is_some_and(|port| !ports.contains(&port)) {
            return Ok(());
        }
        let ends = (segment.source, segment.destination);
        let ends = if ends.0 <= ends.1 { ends } else { (ends.1, ends.0) };
        let mut place = self.places.get(&ends).copied();
        let is_new = segment.flags.is_syn() && !segment.flags.is_ack();
        if let Some(old) = place
            && is_new
            && self.open.get(&old).is_some_and(|connection| connection.is_another(segment))
        {
            // The same ports are used again: what was sent before waits for its turn.
            self.change(old, Connection::close);
            self.take_turns(telling)?;
            place = None;
        }
        let Some(place) = place.or_else(|| self.add(ends, segment)) else {
            self.strays += 1;
            return Ok(());
        };
        self.change(place, |connection| connection.receive(segment));
        self.take_turns(telling)
    }

    /// The capture ends.
    pub(super) fn end<A: Audience>(&mut self, telling: &mut Telling<A>) -> io::Result<()> {
        let places: Vec<u64> = self.open.keys().copied().collect();
        for place in places {
            self.change(place, Connection::close);
            self.take_turns(telling)?;
        }
        debug_assert!(!self.open.values().any(Connection::is_waiting), "all is told");
        Ok(())
    }

    /// A connection that was not seen before; none when it cannot be one, or there are too many.
    fn add(&mut self, ends: (SocketAddr, SocketAddr), segment: &Segment<'_>) -> Option<u64> {
        if !segment.flags.is_syn() && segment.payload.is_empty() && segment.cut == 0 {
            // An acknowledgment of what was sent before the capture began says nothing.
            return None;
        }
        if self.open.len() >= EXPLAIN_CONNECTIONS_MAX {
            let over = self.open.iter().find(|(_, connection)| connection.is_done());
            let place = *over?.0;
            self.forget(place);
        }
        let place = self.seen;
        self.seen += 1;
        self.places.insert(ends, place);
        self.open.insert(place, Connection::new(segment, self.port));
        Some(place)
    }

    fn forget(&mut self, place: u64) {
        let Some(old) = self.open.remove(&place) else { return };
        self.held -= old.held();
        self.places.retain(|_, other| *other != place);
    }

    /// Changes a connection, and books what it keeps.
    fn change(&mut self, place: u64, change: impl FnOnce(&mut Connection)) {
        let Some(connection) = self.open.get_mut(&place) else { return };
        let (held, joined) = (connection.held(), connection.joined);
        change(connection);
        self.held = self.held - held + connection.held();
        self.joined += connection.joined - joined;
    }

    /// Tells what is in order of the first connection, and of the next one once that is over. When
    /// too much waits for its turn, who holds most is told out of turn.
    fn take_turns<A: Audience>(&mut self, telling: &mut Telling<A>) -> io::Result<()> {
        while let Some(place) = self.turn() {
            self.tell(place, telling)?;
            if !self.open.get(&place).is_some_and(Connection::is_done) {
                break;
            }
        }
        while self.held > EXPLAIN_HELD_BYTES_MAX {
            let most = self.open.iter().max_by_key(|(_, connection)| connection.held());
            let Some((&place, _)) = most else { break };
            self.change(place, Connection::hurry);
            self.tell(place, telling)?;
        }
        Ok(())
    }

    /// Whose turn it is: who was told last, as long as it goes on, or who came first.
    fn turn(&self) -> Option<u64> {
        let goes_on = |place: &u64| self.open.get(place).is_some_and(|it| !it.is_done());
        let first = || self.open.iter().find(|(_, it)| it.is_waiting()).map(|(place, _)| *place);
        self.last.filter(goes_on).or_else(first)
    }

    /// Tells what waits of a connection.
    fn tell<A: Audience>(&mut self, place: u64, telling: &mut Telling<A>) -> io::Result<()> {
        let Some(connection) = self.open.get_mut(&place) else { return Ok(()) };
        let before = connection.held();
        let is_back = connection.conversation.is_some();
        let (number, conversation) = connection.conversation.get_or_insert_with(|| {
            self.told += 1;
            (self.told, Conversation::new(self.told, self.protocol))
        });
        if self.last != Some(place) {
            self.last = Some(place);
            let [client, server] =
                [connection.client, connection.server].map(|end| end.to_string());
            let ends = Ends { number: *number, client: &client, server: &server, is_back };
            telling.audience.tell(&Told::Connection(ends))?;
        }
        while let Some((from, piece)) = connection.queue.pop_front() {
            match piece {
                Piece::Bytes(bytes) => conversation.receive(from, &bytes, telling)?,
                Piece::Hole(missing) => conversation.hole(from, missing, telling)?,
                Piece::End => conversation.end(from, telling)?,
            }
        }
        connection.queue_bytes = 0;
        if connection.is_over && !connection.is_told {
            connection.is_told = true;
            connection.queue = VecDeque::new();
            connection.streams.iter_mut().for_each(Stream::forget);
            if let Some(unknown) = conversation.close(telling)? {
                self.unknown = Some(unknown);
            }
        }
        self.held = self.held - before + connection.held();
        Ok(())
    }
}

impl Connection {
    fn new(segment: &Segment<'_>, port: Option<u16>) -> Self {
        let (source, destination) = (segment.source, segment.destination);
        let is_asked = segment.flags.is_syn() && !segment.flags.is_ack();
        let is_answered = segment.flags.is_syn() && segment.flags.is_ack();
        let guess = Protocol::guess(segment.payload).map(|(_, from)| from);
        let from = match port {
            Some(port) if destination.port() == port => Role::Client,
            Some(_) => Role::Server,
            None if is_asked => Role::Client,
            None if is_answered => Role::Server,
            // Servers have the lower port, mostly.
            None if destination.port() <= source.port() => guess.unwrap_or(Role::Client),
            None => guess.unwrap_or(Role::Server),
        };
        let (client, server) = match from {
            Role::Client => (source, destination),
            Role::Server => (destination, source),
        };
        Self {
            client,
            server,
            streams: [Stream::default(), Stream::default()],
            queue: VecDeque::new(),
            queue_bytes: 0,
            joined: 0,
            conversation: None,
            is_over: false,
            is_told: false,
        }
    }

    fn receive(&mut self, segment: &Segment<'_>) {
        if self.is_over {
            return;
        }
        let from = if segment.source == self.client { Role::Client } else { Role::Server };
        let mut pieces = Vec::new();
        let [client, server] = &mut self.streams;
        let stream = if from == Role::Client { client } else { server };
        let flags = segment.flags;
        let mut sequence = segment.sequence;
        if flags.is_syn() {
            // The SYN itself has a number, and bytes may come with it (RFC 7413).
            sequence = sequence.wrapping_add(1);
            if stream.is_new() {
                stream.begin(sequence);
            }
        }
        if !segment.payload.is_empty() || segment.cut > 0 || flags.is_fin() {
            stream.receive(sequence, segment.payload, segment.cut, flags.is_fin(), &mut pieces);
        }
        self.push(from, pieces);
        if flags.is_reset() || self.streams.iter().all(Stream::has_ended) {
            self.close();
        }
    }

    /// Nothing more comes.
    fn close(&mut self) {
        for (index, from) in [(0, Role::Client), (1, Role::Server)] {
            let mut pieces = Vec::new();
            if let Some(stream) = self.streams.get_mut(index) {
                stream.close(&mut pieces);
            }
            self.push(from, pieces);
        }
        self.is_over = true;
    }

    /// Gives up on what is missing, so that nothing need be kept.
    fn hurry(&mut self) {
        for (index, from) in [(0, Role::Client), (1, Role::Server)] {
            let mut pieces = Vec::new();
            if let Some(stream) = self.streams.get_mut(index) {
                while stream.held() > 0 {
                    stream.leap(&mut pieces);
                }
            }
            self.push(from, pieces);
        }
    }

    fn push(&mut self, from: Role, pieces: Vec<Piece>) {
        for piece in pieces {
            if let Piece::Bytes(bytes) = &piece {
                self.queue_bytes += bytes.len();
                self.joined += bytes.len() as u64;
            }
            self.queue_bytes += EXPLAIN_PIECE_BYTES;
            self.queue.push_back((from, piece));
        }
    }

    /// What it keeps, with what keeping it takes.
    fn held(&self) -> usize {
        self.queue_bytes + self.streams.iter().map(Stream::held).sum::<usize>()
    }

    /// Whether a request for a connection is for another one than this.
    fn is_another(&self, segment: &Segment<'_>) -> bool {
        let [client, server] = &self.streams;
        let stream = if segment.source == self.client { client } else { server };
        let first = segment.sequence.wrapping_add(1);
        self.is_over || !stream.is_new() && !stream.has_begun_at(first)
    }

    /// Whether there is something to tell: that nothing more comes, too, of what was told so far.
    fn is_waiting(&self) -> bool {
        let is_bytes = |(_, piece): &(Role, Piece)| *piece != Piece::End;
        let is_ending = self.is_over && self.conversation.is_some();
        !self.is_told && (is_ending || self.queue.iter().any(is_bytes))
    }

    /// Whether all of it was told.
    fn is_done(&self) -> bool {
        self.is_over && !self.is_waiting()
    }
}
