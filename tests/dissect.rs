//! The dissector against the ledger: what fields say that bytes are for is what the server, which
//! made and parsed these very bytes, has booked.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test may panic")]

mod support;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use pushscope::clock::SECOND_US;
use pushscope::cost::{Bytes, Owner};
use pushscope::dissect::{Dissector, Layer, Unit};
use pushscope::id::Kind;
use pushscope::wire::span::{Part, Span};
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
                told.add(Role::Server, &said, asked(&said));
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

/// A conversation with everything in it that this mechanism says; the name of the connection.
fn converse(world: &mut World, kind: Kind, since: &str, dress: Dress) -> String {
    let mut client = Client::dressed(world, kind, "news", since, dress);
    for text in ["hello", "", "two\nlines", "a\rb", "\"quoted\" </script> \u{2028}\u{1}", "\n"] {
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

/// What the ledger has on a mechanism's account: made, and parsed.
fn booked(world: &mut World, kind: Kind) -> (Bytes, Bytes) {
    let snapshot = world.engine.snapshot();
    let row = snapshot.rows().find(|(owner, _)| *owner == Owner::Mech(kind)).expect("a row").1;
    (row.made, row.parsed)
}

/// What the other side must have said for this to be an answer.
fn asked(said: &[u8]) -> &'static [u8] {
    match said.starts_with(b"HTTP/1.1 101") {
        true => b"GET / HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n",
        false => b"",
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
            let books = books(unit);
            self.bytes += books;
            self.why.push(format!("{}: {}: {books:?}", unit.name, unit.summary));
        }
    }
}

/// A unit as the ledger books it: framing is all that is not the message's own, and what carries
/// no message at all is control.
fn books(unit: &Unit) -> Bytes {
    let share = |part| unit.share(part) as u64;
    let whole = unit.bytes().len() as u64;
    let wire = Bytes {
        head: share(Part::Head),
        framing: share(Part::Framing),
        payload: share(Part::Payload),
        control: share(Part::Control),
    };
    if unit.name == "response head" {
        // Who asked and hears of nothing new, or of a fault, has got no message.
        let is_news = unit.summary.starts_with("200") || unit.summary.starts_with("101");
        return if is_news { wire } else { wire.as_control() };
    }
    match (&unit.layers[..], unit.name) {
        ([_], "chunk") => wire.as_control(),
        ([_], _) => wire,
        ([_, stream, envelopes @ ..], _) if stream.name == "event stream" => {
            events(stream, envelopes)
        }
        ([_, carried], _) if wire.payload > 0 => match messages(carried) {
            None => wire.as_control(),
            Some(payload) => Bytes { framing: whole - payload, payload, ..Bytes::ZERO },
        },
        _ => wire,
    }
}

/// The events of a stream, one by one: some carry messages, some do not.
fn events(stream: &Layer, envelopes: &[Layer]) -> Bytes {
    let mut envelopes = envelopes.iter();
    let mut sum = Bytes::ZERO;
    let groups = stream.spans.iter().filter(|span| span.is_group && span.name() == "event");
    let mut told = 0;
    for group in groups {
        let whole = (group.end - group.start) as u64;
        told += whole;
        let inside = |span: &&Span| group.start <= span.start && span.end <= group.end;
        let values = |name: &str| -> Vec<&Span> {
            let spans = stream.spans.iter().filter(inside);
            spans.filter(|span| !span.is_group && span.name() == name).collect()
        };
        let lines = values("field data").len() as u64;
        let says = |word: &[u8]| values("value").iter().any(|span| stream.of(span) == word);
        let payload = match () {
            () if says(b"envelope") => messages(envelopes.next().expect("an envelope")),
            () if says(b"gap") => messages(envelopes.next().expect("a gap")),
            () if lines == 0 || says(b"end") => None,
            () => {
                let data: usize = values("data").iter().map(|span| span.end - span.start).sum();
                // The line ends within the data were published; the last is ours.
                Some(data as u64 + lines - 1)
            }
        };
        sum += match payload {
            Some(payload) => Bytes { framing: whole - payload, payload, ..Bytes::ZERO },
            None => Bytes::control(group.end - group.start),
        };
    }
    assert_eq!(told, stream.bytes.len() as u64, "nothing stands between events");
    sum
}

/// Bytes of the messages in a layer, as they were published; none if there are no messages.
fn messages(layer: &Layer) -> Option<u64> {
    let mut sum = None;
    for span in layer.spans.iter().filter(|span| !span.is_group) {
        let bytes = layer.of(span);
        match span.name() {
            // A batch is an answer, and what it wraps may be nothing.
            "name" if bytes == b"\"messages\"" => sum = Some(0),
            "quotation mark" => sum = Some(sum.unwrap_or(0)),
            "data" => {
                let quoted = [&b"\""[..], bytes, b"\""].concat();
                let text: String = serde_json::from_slice(&quoted).expect("a string");
                sum = Some(sum.unwrap_or(0) + text.len() as u64);
            }
            "base64" => {
                let decoded = STANDARD.decode(bytes).expect("base64");
                sum = Some(sum.unwrap_or(0) + decoded.len() as u64);
            }
            // A frame that carries a text which is no object of ours.
            "Payload Data" => sum = Some(sum.unwrap_or(0) + bytes.len() as u64),
            _ => {}
        }
    }
    sum
}

/// What a span is called.
trait Named {
    fn name(&self) -> &'static str;
}

impl Named for Span {
    fn name(&self) -> &'static str {
        self.field.name
    }
}
