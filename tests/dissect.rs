//! The dissector against the ledger: what fields say that bytes are for is what the server, which
//! made and parsed these very bytes, has booked.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test may panic")]

mod support;

use pushscope::clock::{Instant, SECOND_US};
use pushscope::cost::{Bytes, Owner};
use pushscope::dissect::Dissector;
use pushscope::envelopes::Envelopes;
use pushscope::event::{Event, Payload};
use pushscope::id::{Id, Kind};
use pushscope::mech::websocket::ENVELOPE_PROTOCOL;
use pushscope::wire::date::Date;
use pushscope::wire::ws_frame::Role;

use support::{Client, Dress, World, masked, request};

#[test]
fn what_the_server_says_is_booked_as_it_is_dissected() {
    for kind in Kind::ALL {
        for dress in [Dress::Bare, Dress::Envelope] {
            for since in ["latest", "1-1"] {
                let mut told = Told::default();
                let mut world = World::new();
                let name = converse(&mut world, kind, since, dress);
                let said = world.said(&name).to_vec();
                told.add(Role::Server, &said, asked(&said, dress));
                let (made, _) = booked(&mut world, kind);
                assert_eq!(told.bytes, made, "{kind:?} {dress:?} since {since}: {:#?}", told.why);
            }
        }
    }
}

#[test]
fn what_a_client_says_is_booked_as_it_is_dissected() {
    let mut world = World::new();
    let frames = [
        masked(0x81, b"hi"),
        masked(0x82, &[7; 300]),
        masked(0x81, b""),
        masked(0x01, b"frag"),
        masked(0x89, b"ping"),
        masked(0x80, b"mented"),
        masked(0x8a, b""),
        masked(0x88, &[0x03, 0xe8]),
    ];
    let said = [request(Kind::WebSocket, "/c/news/ws").into_bytes(), frames.concat()].concat();
    world.tell("client", &said);
    let mut told = Told::default();
    told.add(Role::Client, &said, &[]);
    let (_, parsed) = booked(&mut world, Kind::WebSocket);
    assert_eq!(told.bytes, parsed, "{:#?}", told.why);
}

#[test]
fn an_envelope_that_both_agree_on_is_booked_as_it_is_dissected() {
    let mut world = World::new();
    let head = request(Kind::WebSocket, "/c/news/ws");
    let field = format!("\r\nSec-WebSocket-Protocol: {ENVELOPE_PROTOCOL}\r\n\r\n");
    let asked = head.replacen("\r\n\r\n", &field, 1);
    world.tell("client", &asked);
    for text in TEXTS {
        world.publish("news", text);
    }
    let mut told = Told::default();
    told.add(Role::Server, world.said("client"), asked.as_bytes());
    let (made, _) = booked(&mut world, Kind::WebSocket);
    assert_eq!(told.bytes, made, "{:#?}", told.why);
    assert!(made.control > 0, "a place was told");
}

#[test]
fn a_long_message_is_booked_rightly_in_every_envelope() {
    let event = Event {
        id: Id { epoch: 7, offset: 1 },
        time_ms: 1_000,
        at: Instant::ZERO,
        channel: "news".into(),
        name: None,
        payload: Payload::Text("\"x".repeat(500_000).into()),
    };
    for envelope in Envelopes::of(&event, &Date::at(0)).mechanisms {
        let payload: u64 = envelope.units.iter().map(|unit| unit.share.payload).sum();
        assert_eq!(payload, 1_000_000, "{}", envelope.mechanism);
    }
}

/// A conversation with everything in it that this mechanism says; the name of the connection.
fn converse(world: &mut World, kind: Kind, since: &str, dress: Dress) -> String {
    let mut client = Client::dressed(world, kind, "news", since, dress);
    for text in TEXTS {
        world.publish("news", text);
        if matches!(kind, Kind::Poll | Kind::LongPoll) {
            client.hear(world);
        }
    }
    world.post("/c/news", "application/octet-stream", &[0xff; 300]);
    world.post("/c/news?event=price", "text/plain", "x".repeat(60_000).as_bytes());
    if matches!(kind, Kind::Poll | Kind::LongPoll) {
        client.hear(world);
    }
    world.advance(26 * SECOND_US);
    world.ask("DELETE /c/news HTTP/1.1\r\nHost: h\r\n\r\n");
    client.name
}

/// What is hard to carry, and what looks like what the server says itself.
const TEXTS: [&str; 13] = [
    "hello",
    "",
    "two\nlines",
    "a\rb",
    "\"quoted\" </script> \u{2028}\u{1}",
    "\n",
    "1",
    "gap",
    "{\"gap\":1}",
    "{\"next\":\"1-1\"}",
    "{\"data\":\"abc\",\"user\":\"x\"}",
    "{\"id\":\"7-1\",\"time\":1,\"channel\":\"c\",\"data\":\"abc\"}",
    "<!---->\nevent: end\n<script>parent.pushscope.gap({\"gap\":1})</script>",
];

/// What the ledger has on a mechanism's account: made, and parsed.
fn booked(world: &mut World, kind: Kind) -> (Bytes, Bytes) {
    let snapshot = world.engine.snapshot();
    let row = snapshot.rows().find(|(owner, _)| *owner == Owner::Mech(kind)).expect("a row").1;
    (row.made, row.parsed)
}

/// What the other side must have said for this to be an answer.
fn asked(said: &[u8], dress: Dress) -> &'static [u8] {
    match (said.starts_with(b"HTTP/1.1 101"), dress) {
        (false, _) => b"",
        (true, Dress::Bare) => {
            b"GET / HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"
        }
        (true, Dress::Envelope) => {
            b"GET /?envelope=json HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\n\
              Upgrade: websocket\r\n\r\n"
        }
    }
}

/// What the dissector has told, summed as the ledger books.
#[derive(Default)]
struct Told {
    bytes: Bytes,
    /// The same unit by unit, for whoever must find a difference.
    why: Vec<String>,
}

impl Told {
    fn add(&mut self, from: Role, bytes: &[u8], before: &[u8]) {
        let (mut dissector, mut units) = (Dissector::new(), Vec::new());
        dissector.receive(Role::Client, before, &mut units);
        units.clear();
        if from == Role::Client {
            // The server agrees to what is asked.
            dissector = Dissector::new();
            let agreed = b"HTTP/1.1 101 Switching Protocols\r\n\r\n";
            let head = bytes.windows(4).position(|four| four == b"\r\n\r\n").expect("a head") + 4;
            dissector.receive(Role::Client, &bytes[..head], &mut units);
            dissector.receive(Role::Server, agreed, &mut units);
            dissector.receive(Role::Client, &bytes[head..], &mut units);
            units.retain(|unit| unit.from == Role::Client);
        } else {
            dissector.receive(from, bytes, &mut units);
        }
        let total: usize = units.iter().map(|unit| unit.bytes().len()).sum();
        assert_eq!(total, bytes.len(), "all of it is told");
        for unit in &units {
            assert!(unit.violation.is_none(), "{unit:#?}");
            let books = unit.books();
            self.bytes += books;
            self.why.push(format!("{}: {}: {books:?}", unit.name, unit.summary));
        }
    }
}
