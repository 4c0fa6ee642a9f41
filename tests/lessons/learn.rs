//! What the lessons say is what is so: their exchanges are the engine's, their figures what was
//! booked, their words those of the documentation, and their links lead somewhere.

use std::collections::BTreeSet;
use std::io::IoSlice;

use pushscope::clock::Now;
use pushscope::cost::{Bytes, Owner};
use pushscope::dissect::Unit;
use pushscope::engine::{Config, Engine};
use pushscope::event::Payload;
use pushscope::hub::Draft;
use pushscope::id::{Kind, Token};
use pushscope::limits;
use pushscope::mech::CARDS;
use pushscope::mech::mould::{Costs, ENVELOPE};
use pushscope::site::learn::doc::{Block, blocks};
use pushscope::site::learn::exchange::{
    CHANNEL, Cause, EARLIER, Exchange, Turn, at, begins_behind,
};
use pushscope::site::learn::formula;
use pushscope::site::learn::{PAYLOADS, lesson, lessons, source, value};
use pushscope::site::page;
use pushscope::wire::span::untiled;

use crate::support::evaluate;

#[test]
fn the_engine_says_what_the_lessons_say() {
    for kind in Kind::ALL {
        let exchange = Exchange::of(kind);
        let mut server = Server::new(kind);
        assert!(exchange.turns.len() >= 4, "{}", kind.name());
        for turn in &exchange.turns {
            let (said, made) = server.turn(turn);
            let place = format!("{}, {}", kind.name(), turn.title);
            assert_eq!(text(&turn.answer), text(&said), "{place}");
            assert_eq!(turn.made, made, "{place}");
        }
    }
}

#[test]
fn every_byte_of_a_lesson_is_told_and_none_is_wrong() {
    for kind in Kind::ALL {
        let exchange = Exchange::of(kind);
        for (turn, units) in exchange.turns.iter().zip(exchange.units()) {
            let place = format!("{}, {}", kind.name(), turn.title);
            let mut said = Vec::new();
            if let Cause::Says(bytes) = &turn.cause {
                said.extend_from_slice(bytes);
            }
            said.extend_from_slice(&turn.answer);
            let told: Vec<u8> = units.iter().flat_map(Unit::bytes).copied().collect();
            assert_eq!(text(&told), text(&said), "{place}");
            for unit in &units {
                assert!(unit.violation.is_none(), "{place}: {unit:?}");
                for layer in &unit.layers {
                    assert_eq!(untiled(&layer.spans, layer.bytes.len()), None, "{place}");
                }
            }
        }
    }
}

#[test]
fn an_exchange_costs_what_the_formulae_say() {
    for card in CARDS {
        let exchange = Exchange::of(card.kind);
        let Costs { open, message, quiet, .. } = card.costs;
        let sum = |formula: &str| formula::evaluate(formula, |name| value(&exchange, 5, name));
        let (_, told) = exchange.message().expect("a message");
        let down = |turn: &Turn| Some(turn.answer.len() as u64);
        assert_eq!(down(told), sum(message.down), "{}: a message", card.title);
        let first = exchange.turns.first().expect("a turn");
        let silence = match card.kind {
            Kind::Poll => Some(first),
            _ => exchange.turns.iter().find(|turn| turn.cause == Cause::Waits),
        };
        assert_eq!(silence.and_then(down), sum(quiet.down), "{}: silence", card.title);
        if card.kind != Kind::Poll {
            assert_eq!(down(first), sum(open.down), "{}: to open", card.title);
        }
        let Cause::Says(request) = &first.cause else { panic!("{:?}", first.cause) };
        assert_eq!(Some(request.len() as u64), sum("h"));
    }
}

#[test]
fn two_readers_of_formulae_agree() {
    for card in CARDS {
        let exchange = Exchange::of(card.kind);
        let Costs { open, message, quiet, .. } = card.costs;
        let formulae = [open, message, quiet].map(|cost| [cost.down, cost.up]);
        for formula in formulae.into_iter().flatten().chain([ENVELOPE]) {
            for payload in PAYLOADS.into_iter().chain([125, 126, 65_535, 65_536]) {
                let value = |name: &str| value(&exchange, payload, name);
                let sum = formula::evaluate(formula, value);
                assert_eq!(sum, Some(evaluate(formula, &value)), "{formula} of {payload}");
            }
        }
    }
    for formula in ["", "i +", "i i", "q", "(1)", "[1]", "hex 1", "2 - 1", "hex(", "[1 > 2"] {
        assert_eq!(formula::evaluate(formula, |_| None), None, "{formula:?} is no formula");
    }
}

#[test]
fn a_lesson_says_what_the_documentation_says() {
    for kind in Kind::ALL {
        let words = words(&html(lesson(kind)));
        let mut rest = words.as_str();
        for block in blocks(source(kind)) {
            let said = match &block {
                Block::Paragraph(text) => text.replace('`', ""),
                Block::Fence(text) => text.clone(),
            };
            let said = said.split_whitespace().collect::<Vec<_>>().join(" ");
            let place = rest.find(&said);
            let place = place.unwrap_or_else(|| panic!("{}: not here: {said}", kind.name()));
            rest = &rest[place + said.len()..];
        }
    }
}

/// The documentation draws, shortened, what happens in the lesson.
#[test]
fn a_sketch_is_of_the_exchange() {
    for kind in Kind::ALL {
        let mut wire = String::new();
        for turn in &Exchange::of(kind).turns {
            let said = match &turn.cause {
                Cause::Says(bytes) => &bytes[..],
                _ => &[],
            };
            for bytes in [said, &turn.answer] {
                let digits: Vec<String> = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
                wire.push_str(&format!(
                    "{}\n{}\n",
                    String::from_utf8_lossy(bytes),
                    digits.join(" ")
                ));
            }
        }
        for block in blocks(source(kind)) {
            let Block::Fence(sketch) = block else { continue };
            // What stands behind two spaces is a remark, and `…` stands for what is left out.
            for line in sketch.lines().filter_map(|line| line.split("  ").next()) {
                if line.starts_with('…') || OTHERWISE.contains(&(kind, line)) {
                    continue;
                }
                let found = line.split('…').all(|part| wire.contains(part.trim()));
                assert!(found, "{}: nobody says {line:?}", kind.name());
            }
        }
    }
}

#[test]
fn links_lead_somewhere_and_addresses_are_unique() {
    let pages = Kind::ALL.into_iter().map(lesson).chain([lessons()]);
    for page_html in pages.map(html) {
        let ids: Vec<&str> = attributes(&page_html, "id").collect();
        let known: BTreeSet<&str> = ids.iter().copied().collect();
        assert_eq!(known.len(), ids.len(), "an address is there twice");
        for link in attributes(&page_html, "href") {
            let leads = match link.strip_prefix('#') {
                Some(id) => known.contains(id),
                None if ELSEWHERE.contains(&link) => true,
                None => link.starts_with("https://") || page(link).is_some(),
            };
            assert!(leads, "{link} leads nowhere");
        }
        assert!(!page_html.contains("<!-- "), "a place that nothing was put in");
        assert!(!page_html.contains("style="), "the policy refuses it");
    }
}

/// A server, and the one client that a lesson has.
struct Server {
    engine: Engine,
    client: Token,
    kind: Kind,
}

impl Server {
    fn new(kind: Kind) -> Self {
        let mut engine = Engine::new(Config::default(), at(0));
        if begins_behind(kind) {
            publish(&mut engine, at(0), EARLIER);
            engine.settle();
        }
        engine.begin(at(0));
        let client = engine.open().expect("a slab has room");
        Self { engine, client, kind }
    }

    /// Lets the same happen; returns what the client hears, and what is booked for it.
    fn turn(&mut self, turn: &Turn) -> (Vec<u8>, Bytes) {
        let before = self.made();
        self.engine.begin(turn.now);
        match &turn.cause {
            Cause::Says(bytes) => self.engine.receive(self.client, bytes),
            Cause::Publishes(text) => publish(&mut self.engine, turn.now, text),
            Cause::Waits => {}
            Cause::Leaves => self.engine.drain(),
        }
        self.engine.tick();
        self.engine.settle();
        let mut said = Vec::new();
        while let Some(token) = self.engine.next_dirty() {
            assert_eq!(token, self.client);
            loop {
                let mut slices = [IoSlice::new(&[]); limits::GATHER_MAX];
                let count = self.engine.gather(token, &mut slices);
                let bytes: Vec<u8> =
                    slices[..count].iter().flat_map(|slice| slice.to_vec()).collect();
                if bytes.is_empty() {
                    break;
                }
                self.engine.sent(token, bytes.len());
                said.extend_from_slice(&bytes);
            }
            self.engine.flushed(token);
        }
        (said, self.made() - before)
    }

    fn made(&mut self) -> Bytes {
        let snapshot = self.engine.snapshot();
        let mut rows = snapshot.rows();
        let row = rows.find(|(owner, _)| *owner == Owner::Mech(self.kind));
        row.expect("every mechanism has a row").1.made
    }
}

fn publish(engine: &mut Engine, now: Now, text: &str) {
    engine.begin(now);
    let draft = Draft { name: None, payload: Payload::Text(text.into()) };
    engine.publish(CHANNEL, draft).expect("a channel has room");
}

fn html(page: &[u8]) -> String {
    String::from_utf8(page.to_vec()).expect("a page is text")
}

/// The words of a page, with a space between any two.
fn words(html: &str) -> String {
    let mut text = String::new();
    let mut is_tag = false;
    for char in html.chars() {
        match char {
            '<' => is_tag = true,
            '>' if is_tag => is_tag = false,
            _ if !is_tag => text.push(char),
            _ => {}
        }
    }
    let entities = [("&lt;", "<"), ("&gt;", ">"), ("&quot;", "\""), ("&#39;", "'"), ("&amp;", "&")];
    let text = entities.iter().fold(text, |text, (entity, char)| text.replace(entity, char));
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The values of an attribute in a page.
fn attributes<'h>(html: &'h str, name: &str) -> impl Iterator<Item = &'h str> {
    let begins = format!(" {name}=\"");
    let places: Vec<usize> =
        html.match_indices(&begins).map(|(place, _)| place + begins.len()).collect();
    places.into_iter().filter_map(|place| html[place..].split('"').next())
}

fn text(bytes: &[u8]) -> String {
    bytes.escape_ascii().to_string()
}

/// What a sketch shows instead: the other answer to the same question, a payload of two lines.
const OTHERWISE: [(Kind, &str); 3] = [
    (Kind::LongPoll, "ETag: \"1763712345678-1\""),
    (Kind::Sse, "data: first line"),
    (Kind::Sse, "data: second line"),
];
/// Pages that are no files: their sources are elsewhere.
const ELSEWHERE: [&str; 2] = ["/inspect", "/envelopes"];
