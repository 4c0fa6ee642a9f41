//! The lens: what the inspector sees of live connections, while somebody looks.
//!
//! Bytes are taken down as the sockets give and take them, secrets blotted out, dissected at the
//! end of the turn by the codecs that serve, and told in units. Nothing is taken down when nobody
//! looks; what is, is bounded, and what does not fit is told as such.

mod blot;

use std::collections::HashMap;

use serde::Serialize;

use crate::dissect::shape::UnitShape;
use crate::dissect::{Dissector, Unit};
use crate::id::Token;
use crate::limits;
use crate::wire::ws_frame::Role;

use blot::Blot;

/// Whoever looks, and what at.
#[derive(Debug, Default)]
pub struct Lens {
    watched: HashMap<Token, Watched>,
    /// What this turn has brought, in order.
    pieces: Vec<(Token, Role, Vec<u8>)>,
    /// Bytes of all of them.
    bytes: usize,
    /// What did not fit: see [`Missed`].
    missed: u64,
    /// What is told of the viewers' own connections, when somebody wants that.
    own: Own,
    /// Connections that are not looked at, and whose they are: there were too many, or too much
    /// came at once. They will be when there is room, from where they are then.
    outside: HashMap<Token, Whose>,
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
    whose: Whose,
    /// Of the client's bytes, and of the server's.
    blots: [Blot; 2],
}

/// Whose a connection is.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
enum Whose {
    /// Somebody else's.
    #[default]
    Other,
    /// A viewer has asked something over it. A browser asks for other things over it, too.
    Asking,
    /// A viewer is told over it, to its end.
    Told,
}

impl Whose {
    const fn is_own(self) -> bool {
        matches!(self, Self::Asking | Self::Told)
    }
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

/// What could not be told.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
pub struct Missed {
    /// How many units, or pieces of input or output of which the units are not known.
    pub missed: u64,
}

impl Lens {
    /// A connection is looked at from now on; so many bytes to its peer were queued before.
    pub fn watch(&mut self, token: Token, dissector: Dissector, unseen: u64) {
        let whose = self.outside.remove(&token).unwrap_or_default();
        if self.watched.len() >= limits::LENS_CONNECTIONS_MAX {
            self.outside.insert(token, whose);
            return;
        }
        self.watched.insert(token, Watched { dissector, unseen, whose, blots: Default::default() });
    }

    /// A connection cannot be looked at now.
    pub fn leave(&mut self, token: Token) {
        let whose = self.watched.remove(&token).map(|watched| watched.whose);
        self.outside.insert(token, whose.unwrap_or_default());
    }

    /// Connections that may be looked at again, now that there is room for them.
    pub fn outside(&self) -> Vec<Token> {
        let room = limits::LENS_CONNECTIONS_MAX.saturating_sub(self.watched.len());
        self.outside.keys().copied().take(room).collect()
    }

    /// What is asked over a connection is a viewer's own question, or is not.
    pub fn asks(&mut self, token: Token, is_own: bool) {
        self.belongs(token, if is_own { Whose::Asking } else { Whose::Other });
    }

    /// A viewer is told over this connection.
    pub fn tells(&mut self, token: Token) {
        self.belongs(token, Whose::Told);
    }

    fn belongs(&mut self, token: Token, to: Whose) {
        let watched = self.watched.get_mut(&token).map(|watched| &mut watched.whose);
        if let Some(whose) = watched.or_else(|| self.outside.get_mut(&token)) {
            *whose = to;
        }
    }

    /// Whether somebody wants to see the viewers' own connections, too.
    pub fn show_own(&mut self, is_shown: bool) {
        if is_shown && !self.own.is_shown {
            // What was told over them so far was not taken down.
            let told = self.watched.extract_if(|_, watched| watched.whose == Whose::Told);
            self.outside.extend(told.map(|(token, watched)| (token, watched.whose)));
        }
        self.own.is_shown = is_shown;
    }

    /// Whether a connection is a viewer's own.
    pub fn is_own(&self, token: Token) -> bool {
        let watched = self.watched.get(&token).map(|watched| watched.whose);
        watched.or_else(|| self.outside.get(&token).copied()).is_some_and(Whose::is_own)
    }

    /// Whether a connection is looked at.
    pub fn is_watched(&self, token: Token) -> bool {
        self.watched.contains_key(&token)
    }

    /// Takes down what a socket has given, or taken.
    pub fn note(&mut self, token: Token, from: Role, bytes: &[u8]) {
        let Some(watched) = self.watched.get_mut(&token) else { return };
        if watched.whose == Whose::Told && !self.own.is_shown {
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
            self.missed += 1;
            self.leave(token);
            return;
        }
        self.bytes += bytes.len();
        let mut bytes = bytes.to_vec();
        watched.blots[usize::from(from == Role::Server)].out(&mut bytes);
        self.pieces.push((token, from, bytes));
    }

    /// A connection is no more: what was unfinished is told, and it is forgotten.
    pub fn end(&mut self, token: Token, unix_us: u64) -> Vec<Told> {
        let mut told = self.tell(unix_us);
        self.outside.remove(&token);
        if let Some(mut watched) = self.watched.remove(&token)
            && !watched.whose.is_own()
        {
            let mut units = Vec::new();
            watched.dissector.end(Role::Client, &mut units);
            watched.dissector.end(Role::Server, &mut units);
            told.extend(units.iter_mut().map(|unit| Told::of(token, false, unix_us, unit)));
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
    pub fn take_missed(&mut self) -> Option<Missed> {
        let missed = std::mem::take(&mut self.missed);
        (missed > 0).then_some(Missed { missed })
    }

    /// Dissects what was taken down.
    pub fn tell(&mut self, unix_us: u64) -> Vec<Told> {
        self.bytes = 0;
        let mut told = Vec::new();
        for (token, from, bytes) in std::mem::take(&mut self.pieces) {
            let Some(watched) = self.watched.get_mut(&token) else {
                self.missed += 1;
                continue;
            };
            let is_own = watched.whose.is_own();
            let mut units = Vec::new();
            watched.dissector.receive(from, &bytes, &mut units);
            let (told, most) = match is_own {
                true => (&mut self.own.units, limits::LENS_OWN_UNITS_MAX),
                false => (&mut told, limits::LENS_UNITS_PER_TURN),
            };
            if is_own && !self.own.is_shown {
                continue;
            }
            let room = most.saturating_sub(told.len());
            if !is_own {
                self.missed += units.len().saturating_sub(room) as u64;
            }
            told.extend(
                units.iter_mut().take(room).map(|unit| Told::of(token, is_own, unix_us, unit)),
            );
        }
        told
    }

    /// What is to be told of the viewers' own connections: asked once in a while.
    pub fn take_own(&mut self) -> Vec<Told> {
        std::mem::take(&mut self.own.units)
    }
}

impl Told {
    fn of(token: Token, own: bool, time_us: u64, unit: &mut Unit) -> Self {
        let most = if own { limits::LENS_OWN_BYTES_MAX } else { limits::LENS_UNIT_BYTES_MAX };
        let mut unit = UnitShape::beginning(unit, most);
        if own {
            unit.layers.truncate(1);
            unit.summary = unit.summary.chars().take(limits::LENS_OWN_BYTES_MAX / 4).collect();
        }
        Self { connection: name(token), time_us, own, unit }
    }
}

/// The name of a connection: `<slot>-<tenant>`.
pub fn name(token: Token) -> String {
    format!("{}-{}", token.index, token.generation)
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
    /// Bytes that the kernel has taken and not sent yet.
    pub unsent: Option<u64>,
    /// How many messages its reader is behind the channel's log, because it is slow.
    pub behind: u64,
    /// What is done about that; none where nothing is queued.
    pub slow: Option<&'static str>,
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
    /// Bytes that it has taken and not sent yet.
    pub unsent: Option<u64>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dissect::Protocol;

    const TOKEN: Token = Token { index: 3, generation: 7 };

    fn watching() -> Lens {
        let mut lens = Lens::default();
        lens.watch(TOKEN, Dissector::new(), 0);
        lens
    }

    #[test]
    fn secrets_are_blotted_out() {
        let mut lens = watching();
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
    fn secrets_are_blotted_out_of_what_is_refused_cut_or_out_of_place() {
        for pieces in [
            &["GET / HTTP/1.1\r\nHost: h\r\nCookie: a\r\n s3cret\r\n\r\n"][..],
            &["GET / HTTP/1.1\r\nHost: h\r\nCoo", "kie: s3c", "ret\r\n\r\n"],
            &["no head\r\n", "Cookie: s3cret\r\n"],
            &["GET / HTTP/1.1\r\nHost: h\r\nCookie: s3cret"],
            &[
                "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n",
                "Authorization: s3cret\r\n\r\n",
            ],
            &["POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nx\r\nCookie: s3cret\r\n"],
        ] {
            let mut lens = watching();
            let mut told = Vec::new();
            for piece in pieces {
                lens.note(TOKEN, Role::Client, piece.as_bytes());
                told.extend(lens.tell(0));
            }
            told.extend(lens.end(TOKEN, 0));
            let all = serde_json::to_string(&told).unwrap();
            let hex =
                |text: &str| text.bytes().map(|byte| format!("{byte:02x}")).collect::<String>();
            assert!(!told.is_empty() && all.contains(&hex("***")), "{pieces:?}: {all}");
            assert!(!all.contains("s3c") && !all.contains(&hex("s3c")), "{pieces:?}: {all}");
        }
    }

    #[test]
    fn what_a_viewers_connection_is_used_for_besides_is_shown() {
        let mut lens = watching();
        let mut ask = |own, target: &str| {
            let head = format!("GET {target} HTTP/1.1\r\nHost: h\r\n\r\n");
            lens.note(TOKEN, Role::Client, head.as_bytes());
            lens.asks(TOKEN, own);
            lens.tell(0).len()
        };
        assert_eq!(ask(true, "/inspect/connections"), 0);
        assert_eq!(ask(false, "/c/news"), 1);
        assert_eq!(ask(true, "/inspect/connections"), 0);
    }

    #[test]
    fn who_was_lost_is_looked_at_again() {
        let mut lens = watching();
        lens.note(TOKEN, Role::Client, &vec![b'x'; limits::LENS_BYTES_PER_TURN + 1]);
        assert_eq!(lens.outside(), [TOKEN]);
        lens.watch(TOKEN, Dissector::beginning(Protocol::WebSocket), 0);
        assert!(lens.outside().is_empty());
        lens.tell(0);
        lens.note(TOKEN, Role::Server, b"\x81\x02hi");
        assert_eq!(lens.tell(0)[0].unit.summary, "text hi");
    }

    #[test]
    fn what_was_queued_before_is_not_seen() {
        let mut lens = Lens::default();
        lens.watch(TOKEN, Dissector::beginning(Protocol::WebSocket), 3);
        lens.note(TOKEN, Role::Server, b"abc\x81\x02hi");
        assert_eq!(lens.tell(0)[0].unit.summary, "text hi");
    }

    #[test]
    fn a_viewers_own_is_left_out_or_cut() {
        let mut lens = watching();
        lens.tells(TOKEN);
        let head = format!("GET /{} HTTP/1.1\r\nHost: h\r\n\r\n", "x".repeat(2_000));
        lens.note(TOKEN, Role::Client, head.as_bytes());
        assert!(!lens.is_waiting() && lens.tell(0).is_empty());
        lens.show_own(true);
        lens.watch(TOKEN, Dissector::new(), 0);
        lens.note(TOKEN, Role::Client, head.as_bytes());
        assert!(lens.tell(0).is_empty());
        let own = lens.take_own();
        assert_eq!(own.len(), 1);
        assert_eq!(own[0].unit.layers[0].hex.len(), 2 * limits::LENS_OWN_BYTES_MAX);
    }

    #[test]
    fn of_what_is_long_the_beginning_is_shown_and_all_is_counted() {
        let mut lens = Lens::default();
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
        let mut lens = watching();
        lens.note(TOKEN, Role::Client, &vec![b'x'; limits::LENS_BYTES_PER_TURN + 1]);
        assert_eq!(lens.take_missed(), Some(Missed { missed: 1 }));
        assert!(!lens.is_watched(TOKEN) && lens.take_missed().is_none());
    }

    #[test]
    fn what_is_unfinished_is_told_in_the_end() {
        let mut lens = watching();
        lens.note(TOKEN, Role::Client, b"GET / HT");
        assert!(lens.tell(0).is_empty());
        let told = lens.end(TOKEN, 0);
        assert_eq!(told.len(), 1);
        assert!(!lens.is_watched(TOKEN));
    }
}
