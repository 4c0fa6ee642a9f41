//! The lens: what the inspector sees of live connections, while somebody looks.
//!
//! Bytes are taken down as the sockets give and take them, dissected at the end of the turn by the
//! codecs that serve, and told in units, secrets blotted out. Nothing is taken down when nobody
//! looks; what is, is bounded, and what does not fit is told as such.

use std::collections::HashMap;

use serde::Serialize;

use crate::dissect::shape::{self, UnitShape};
use crate::dissect::{Dissector, Layer, Unit};
use crate::id::Token;
use crate::limits;
use crate::wire::field::known;
use crate::wire::span::Span;
use crate::wire::ws_frame::Role;

/// Whoever looks, and what at.
#[derive(Debug, Default)]
pub struct Lens {
    watched: HashMap<Token, Watched>,
    /// What this turn has brought, in order.
    pieces: Vec<(Token, Role, Vec<u8>)>,
    /// Bytes of all of them.
    bytes: usize,
    /// Units of which the bytes did not fit.
    missed: u64,
    /// What is told of the viewers' own connections, when somebody wants that.
    own: Own,
    /// A secret that is blotted out wherever it stands in a head.
    secret: Option<String>,
}

/// What is told of the viewers' own connections: little, and seldom, because telling it is traffic
/// on them.
#[derive(Debug, Default)]
struct Own {
    is_shown: bool,
    units: Vec<Told>,
}

/// A connection that is looked at.
#[derive(Debug)]
struct Watched {
    dissector: Dissector,
    /// Bytes to the peer that were queued before anybody looked.
    unseen: u64,
    /// Whether it is a viewer's own.
    is_own: bool,
}

/// A unit of a connection: what a viewer is sent.
#[derive(Debug, Serialize)]
pub struct Told {
    /// The connection, as [`name`] has it.
    pub connection: String,
    /// When, in microseconds since 1970-01-01T00:00:00Z.
    pub time_us: u64,
    /// Whether the connection is a viewer's own.
    pub own: bool,
    /// The unit.
    pub unit: UnitShape,
}

/// Units that could not be told.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
pub struct Drop {
    /// How many pieces of input or output they were in.
    pub missed: u64,
}

impl Lens {
    /// Nothing is looked at yet; this secret is never shown.
    pub fn new(secret: Option<String>) -> Self {
        Self { secret, ..Self::default() }
    }

    /// A connection is looked at from now on; so many bytes to its peer were queued before.
    pub fn watch(&mut self, token: Token, dissector: Dissector, unseen: u64) {
        if self.watched.len() < limits::LENS_CONNECTIONS_MAX {
            self.watched.insert(token, Watched { dissector, unseen, is_own: false });
        }
    }

    /// A connection is a viewer's own.
    pub fn leave_out(&mut self, token: Token) {
        if let Some(watched) = self.watched.get_mut(&token) {
            watched.is_own = true;
        }
    }

    /// Somebody wants to see the viewers' own connections, too.
    pub const fn show_own(&mut self) {
        self.own.is_shown = true;
    }

    /// Whether a connection is a viewer's own.
    pub fn is_own(&self, token: Token) -> bool {
        self.watched.get(&token).is_some_and(|watched| watched.is_own)
    }

    /// Whether a connection is looked at.
    pub fn is_watched(&self, token: Token) -> bool {
        self.watched.contains_key(&token)
    }

    /// Takes down what a socket has given, or taken.
    pub fn note(&mut self, token: Token, from: Role, bytes: &[u8]) {
        let Some(watched) = self.watched.get_mut(&token) else { return };
        if watched.is_own && !self.own.is_shown {
            return;
        }
        let mut bytes = bytes;
        if from == Role::Server {
            let unseen = usize::try_from(watched.unseen).unwrap_or(usize::MAX).min(bytes.len());
            watched.unseen -= unseen as u64;
            bytes = bytes.get(unseen..).unwrap_or_default();
        }
        if bytes.is_empty() {
            return;
        }
        if self.bytes + bytes.len() > limits::LENS_BYTES_PER_TURN {
            // What follows a hole could not be understood.
            self.watched.remove(&token);
            self.missed += 1;
            return;
        }
        self.bytes += bytes.len();
        self.pieces.push((token, from, bytes.to_vec()));
    }

    /// A connection is no more: what was unfinished is told, and it is forgotten.
    pub fn end(&mut self, token: Token, unix_us: u64) -> Vec<Told> {
        let mut told = self.tell(unix_us);
        if let Some(mut watched) = self.watched.remove(&token)
            && !watched.is_own
        {
            let mut units = Vec::new();
            watched.dissector.end(Role::Client, &mut units);
            watched.dissector.end(Role::Server, &mut units);
            told.extend(units.iter_mut().map(|unit| self.told(token, false, unix_us, unit)));
        }
        told
    }

    /// Whether there is something to tell of viewers' own connections.
    pub const fn has_own(&self) -> bool {
        !self.own.units.is_empty()
    }

    /// Whether anything is to be told.
    pub const fn is_waiting(&self) -> bool {
        !self.pieces.is_empty() || self.missed > 0
    }

    /// What could not be told since this was asked last.
    pub fn take_missed(&mut self) -> Option<Drop> {
        let missed = std::mem::take(&mut self.missed);
        (missed > 0).then_some(Drop { missed })
    }

    /// Dissects what was taken down.
    pub fn tell(&mut self, unix_us: u64) -> Vec<Told> {
        self.bytes = 0;
        let mut told = Vec::new();
        for (token, from, bytes) in std::mem::take(&mut self.pieces) {
            let Some(watched) = self.watched.get_mut(&token) else { continue };
            let is_own = watched.is_own;
            if is_own && !self.own.is_shown {
                continue;
            }
            let mut units = Vec::new();
            watched.dissector.receive(from, &bytes, &mut units);
            for mut unit in units {
                let unit = self.told(token, is_own, unix_us, &mut unit);
                if !is_own {
                    told.push(unit);
                } else if self.own.units.len() < limits::LENS_OWN_UNITS_MAX {
                    self.own.units.push(unit);
                }
            }
        }
        told
    }

    /// What is to be told of the viewers' own connections: asked once in a while.
    pub fn take_own(&mut self) -> Vec<Told> {
        std::mem::take(&mut self.own.units)
    }

    fn told(&self, token: Token, own: bool, time_us: u64, unit: &mut Unit) -> Told {
        redact(unit, self.secret.as_deref());
        let share = shape::share(unit);
        if own {
            unit.layers.truncate(1);
            unit.summary = unit.summary.chars().take(limits::LENS_OWN_BYTES_MAX / 4).collect();
        }
        let most = if own { limits::LENS_OWN_BYTES_MAX } else { limits::LENS_UNIT_BYTES_MAX };
        unit.layers.iter_mut().for_each(|layer| cut(layer, most));
        let unit = UnitShape { share, ..UnitShape::of(unit) };
        Told { connection: name(token), time_us, own, unit }
    }
}

/// The name of a connection: `<slot>-<tenant>`.
pub fn name(token: Token) -> String {
    format!("{}-{}", token.index, token.generation)
}

/// Blots out what proves who somebody is: the values of secret fields, and this text in heads.
fn redact(unit: &mut Unit, secret: Option<&str>) {
    let Some(wire) = unit.layers.first_mut().filter(|wire| wire.name == "HTTP") else { return };
    if unit.name == "content" {
        return;
    }
    // Line by line, whatever the codec made of them: a head that is refused has secrets, too.
    let mut at = 0;
    while let Some(line) = wire.bytes.get(at..).filter(|rest| !rest.is_empty()) {
        let length = memchr::memchr(b'\n', line).map_or(line.len(), |end| end + 1);
        let colon = memchr::memchr(b':', line.get(..length).unwrap_or_default());
        if let Some((name, _)) = colon.and_then(|colon| line.split_at_checked(colon))
            && known::is_secret(name.trim_ascii())
        {
            let end = line.get(..length).unwrap_or_default().trim_ascii_end().len();
            let start = name.len() + 2;
            blot(&mut wire.bytes, at + start.min(end), at + end);
        }
        at += length;
    }
    let Some(secret) = secret.filter(|secret| !secret.is_empty()) else { return };
    while let Some(at) = memchr::memmem::find(&wire.bytes, secret.as_bytes()) {
        blot(&mut wire.bytes, at, at + secret.len());
        unit.summary = unit.summary.replace(secret, "•••");
    }
}

fn blot(bytes: &mut [u8], start: usize, end: usize) {
    if let Some(run) = bytes.get_mut(start..end) {
        run.fill(b'*');
    }
}

/// Keeps the beginning of a layer, so that viewers can keep up; what a viewer is sent itself would
/// else tell of itself without end.
fn cut(layer: &mut Layer, most: usize) {
    let end = layer.bytes.len().min(most);
    layer.bytes.truncate(end);
    layer.spans.retain(|span| span.start < end);
    layer.spans.iter_mut().for_each(|span: &mut Span| span.end = span.end.min(end));
}

/// A connection, for the list of all.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Connection {
    /// Its name, as [`name`] has it.
    pub id: String,
    /// Its mechanism, if it has one now.
    pub mechanism: Option<&'static str>,
    /// On whose account it is.
    pub owner: Option<&'static str>,
    /// The peer's address and port.
    pub peer: String,
    /// What it is doing.
    pub state: &'static str,
    /// Bytes that the socket gave since its owner has it.
    pub read: u64,
    /// Bytes that the socket took since then.
    pub taken: u64,
    /// Bytes that are queued.
    pub queued: u64,
    /// The kernel's smoothed round trip time, in microseconds.
    pub rtt_us: Option<u64>,
    /// Since when it is there, in milliseconds.
    pub age_ms: u64,
    /// Whether it is a viewer's own.
    pub own: bool,
    /// Whether its bytes are taken down.
    pub watched: bool,
}

/// What the kernel says about one connection.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Peer {
    /// Its address and port.
    pub address: String,
    /// The round trip time, in microseconds.
    pub rtt_us: Option<u64>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dissect::Protocol;

    const TOKEN: Token = Token { index: 3, generation: 7 };

    fn watching(secret: Option<&str>) -> Lens {
        let mut lens = Lens::new(secret.map(str::to_owned));
        lens.watch(TOKEN, Dissector::new(), 0);
        lens
    }

    #[test]
    fn secrets_are_blotted_out() {
        let mut lens = watching(Some("s3cret"));
        let head = b"GET /inspect?token=s3cret HTTP/1.1\r\nHost: h\r\nCookie: a=b\r\n\
            authorization: Basic xyz\r\n\r\n";
        lens.note(TOKEN, Role::Client, head);
        let told = lens.tell(5);
        let [told] = &told[..] else { panic!("{told:?}") };
        let hex = &told.unit.layers[0].hex;
        let bytes: Vec<u8> = (0..hex.len() / 2)
            .map(|at| u8::from_str_radix(&hex[at * 2..at * 2 + 2], 16).unwrap())
            .collect();
        let text = String::from_utf8(bytes).unwrap();
        assert!(text.contains("?token=****** HTTP") && text.contains("Cookie: ***\r"), "{text}");
        assert!(text.contains("authorization: *********\r"), "{text}");
        let said = serde_json::to_string(told).unwrap();
        assert!(!said.contains("s3cret") && !said.contains("xyz") && !said.contains("a=b"));
        assert_eq!((told.connection.as_str(), told.time_us), ("3-7", 5));
    }

    #[test]
    fn what_was_queued_before_is_not_seen() {
        let mut lens = Lens::new(None);
        lens.watch(TOKEN, Dissector::beginning(Protocol::WebSocket), 3);
        lens.note(TOKEN, Role::Server, b"abc\x81\x02hi");
        assert_eq!(lens.tell(0)[0].unit.summary, "text hi");
    }

    #[test]
    fn a_viewers_own_is_left_out_or_cut() {
        let mut lens = watching(None);
        lens.leave_out(TOKEN);
        let head = format!("GET /{} HTTP/1.1\r\nHost: h\r\n\r\n", "x".repeat(2_000));
        lens.note(TOKEN, Role::Client, head.as_bytes());
        assert!(!lens.is_waiting() && lens.tell(0).is_empty());
        lens.show_own();
        lens.note(TOKEN, Role::Client, head.as_bytes());
        assert!(lens.tell(0).is_empty());
        let own = lens.take_own();
        assert_eq!(own.len(), 1);
        assert_eq!(own[0].unit.layers[0].hex.len(), 2 * limits::LENS_OWN_BYTES_MAX);
    }

    #[test]
    fn of_what_is_long_the_beginning_is_shown_and_all_is_counted() {
        let mut lens = Lens::new(None);
        lens.watch(TOKEN, Dissector::beginning(Protocol::WebSocket), 0);
        let mut frame = b"\x82\x7e\x4e\x20".to_vec();
        frame.resize(4 + 20_000, 0);
        lens.note(TOKEN, Role::Server, &frame);
        let told = lens.tell(0);
        assert_eq!(told[0].unit.layers[0].hex.len(), 2 * limits::LENS_UNIT_BYTES_MAX);
        assert_eq!((told[0].unit.share.payload, told[0].unit.share.framing), (20_000, 4));
    }

    #[test]
    fn what_does_not_fit_is_told_as_missed() {
        let mut lens = watching(None);
        lens.note(TOKEN, Role::Client, &vec![b'x'; limits::LENS_BYTES_PER_TURN + 1]);
        assert_eq!(lens.take_missed(), Some(Drop { missed: 1 }));
        assert!(!lens.is_watched(TOKEN) && lens.take_missed().is_none());
    }

    #[test]
    fn what_is_unfinished_is_told_in_the_end() {
        let mut lens = watching(None);
        lens.note(TOKEN, Role::Client, b"GET / HT");
        assert!(lens.tell(0).is_empty());
        let told = lens.end(TOKEN, 0);
        assert_eq!(told.len(), 1);
        assert!(!lens.is_watched(TOKEN));
    }
}
