//! The formulae of the cards, held against the engine: what a mechanism says that it costs is what
//! it costs, for every size of payload around which a framing changes.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

mod support;

use std::collections::BTreeMap;
use std::ops::RangeInclusive;

use pushscope::cost::{Bytes, Owner, Syscall};
use pushscope::id::Kind;
use pushscope::limits;
use pushscope::mech::CARDS;
use pushscope::mech::mould::{Card, Cost, Costs, ENVELOPE, LEGEND};
use pushscope::wire::target::encode_segment;

use support::{World, address, evaluate, masked, names, request};

#[test]
fn formulae_are_read_as_they_are_written() {
    let cases = [
        ("0", 0),
        ("i + 13", 28),
        ("2·i + 3·p·2", 630),
        ("hex(255) + hex(256) + hex(0)", 6),
        ("dec(99) + dec(100) + dec(0)", 6),
        ("hex(i + 1)", 2),
        ("2 + 2·[p > 99] + 6·[p > 100]", 4),
    ];
    let value = |name: &str| match name {
        "i" => Some(15),
        "p" => Some(100),
        _ => None,
    };
    for (formula, expected) in cases {
        assert_eq!(evaluate(formula, &value), expected, "{formula}");
    }
    for formula in ["", "i +", "i i", "q", "(1)", "[1]", "hex 1", "2 - 1"] {
        let read = std::panic::catch_unwind(|| evaluate(formula, &value));
        assert!(read.is_err(), "{formula:?} is no formula");
    }
}

#[test]
fn every_name_is_in_the_legend_and_every_call_in_the_ledger() {
    let mut used: Vec<&str> = names(ENVELOPE);
    for (card, _, cost) in costs() {
        for formula in [cost.down, cost.up] {
            for name in names(formula) {
                let known = LEGEND.iter().any(|(known, _)| *known == name);
                assert!(known, "{}: {name} in {formula:?}", card.title);
                used.push(name);
            }
        }
        for name in names(cost.calls) {
            let known = Syscall::ALL.into_iter().any(|call| call.name() == name);
            assert!(known, "{}: {name} in {:?}", card.title, cost.calls);
        }
    }
    for (name, _) in LEGEND {
        assert!(used.contains(&name), "{name} is in no formula");
    }
}

#[test]
fn files_and_readme_state_the_formulae_of_the_cards() {
    for (card, what, cost) in costs() {
        let text = std::fs::read_to_string(card.source).unwrap();
        let lines = text.lines().map_while(|line| line.strip_prefix("//!")).map(str::trim);
        let lines = lines.skip_while(|line| !line.starts_with("Cost: "));
        let stated = lines.take_while(|line| !line.is_empty()).collect::<Vec<_>>().join(" ");
        for formula in [cost.down, cost.up, cost.calls] {
            let known = formula == "0" || stated.contains(&format!("`{formula}`"));
            assert!(known, "{}: no `{formula}` ({what}) in {stated:?}", card.source);
        }
    }
    let readme = std::fs::read_to_string("README.md").unwrap();
    for card in CARDS {
        let address = format!("| `{}` |", card.address);
        let row = readme.lines().find(|line| line.contains(&address)).expect(card.address);
        let formula = card.costs.message.down;
        assert!(row.contains(&format!("| `{formula}` |")), "README: no `{formula}` in {row:?}");
    }
    assert!(readme.contains(&format!("`{ENVELOPE}`")), "README: {ENVELOPE}");
}

#[test]
fn to_open_costs_what_the_formula_says() {
    openings().iter().for_each(Sample::check);
}

#[test]
fn a_message_costs_what_the_formula_says() {
    messages().iter().for_each(Sample::check);
}

#[test]
fn silence_costs_what_the_formula_says() {
    silences().iter().for_each(Sample::check);
}

/// Otherwise the tests above would hold a formula that is wrong by one.
#[test]
fn every_number_in_a_formula_counts() {
    let samples: Vec<Sample> = [openings(), messages(), silences()].into_iter().flatten().collect();
    for (card, what, cost) in costs() {
        let of_this = |sample: &&Sample| sample.kind == card.kind && sample.what == what;
        let samples: Vec<&Sample> = samples.iter().filter(of_this).collect();
        for mutant in mutants(cost.down) {
            let noticed = samples.iter().any(|sample| sample.evaluate(&mutant) != sample.down);
            assert!(noticed, "{}, {what}: {mutant} would do as well", card.title);
        }
        for mutant in mutants(cost.up) {
            let noticed = samples.iter().any(|sample| sample.evaluate(&mutant) != sample.up);
            assert!(noticed, "{}, {what}: {mutant} would do as well", card.title);
        }
    }
}

/// The formula with one of its numbers one more, for each of them.
fn mutants(formula: &str) -> Vec<String> {
    let is_digit = |char: char| char.is_ascii_digit();
    let starts = formula
        .char_indices()
        .filter(|(at, char)| is_digit(*char) && !formula[..*at].ends_with(is_digit));
    let mutate = |(at, _): (usize, char)| {
        let (front, rest) = formula.split_at(at);
        let end = rest.find(|char| !is_digit(char)).unwrap_or(rest.len());
        let (number, rest) = rest.split_at(end);
        format!("{front}{}{rest}", number.parse::<u64>().unwrap() + 1)
    };
    starts.map(mutate).collect()
}

fn openings() -> Vec<Sample> {
    stages().into_iter().map(|mut stage| stage.sample("open", "", Stage::open)).collect()
}

fn messages() -> Vec<Sample> {
    let mut samples = Vec::new();
    for mut stage in stages() {
        stage.open();
        let mut sizes = SIZES.to_vec();
        if stage.channel == CHANNELS[0] {
            sizes.extend(DIGITS.into_iter().flatten());
        }
        let payloads = sizes.into_iter().map(|size| "x".repeat(size));
        let payloads = payloads.chain(PAYLOADS.map(str::to_owned));
        for payload in payloads {
            samples.push(stage.sample("message", &payload, |stage| stage.message(&payload)));
        }
    }
    samples
}

fn silences() -> Vec<Sample> {
    let mut samples = Vec::new();
    for mut stage in stages() {
        stage.open();
        samples.extend((0..3).map(|_| stage.sample("quiet", "", Stage::silence)));
    }
    samples
}

/// What something has cost, and what the names of formulae stood for.
struct Sample {
    kind: Kind,
    what: &'static str,
    values: BTreeMap<&'static str, u64>,
    down: u64,
    up: u64,
}

impl Sample {
    fn check(&self) {
        let Costs { open, message, quiet, .. } = CARDS[self.kind as usize].costs;
        let cost = match self.what {
            "open" => open,
            "message" => message,
            _ => quiet,
        };
        let place = format!("{}, {}, where {:?}", self.kind.name(), self.what, self.values);
        assert_eq!(self.down, self.evaluate(cost.down), "{place}: down is not {}", cost.down);
        assert_eq!(self.up, self.evaluate(cost.up), "{place}: up is not {}", cost.up);
    }

    fn evaluate(&self, formula: &str) -> u64 {
        evaluate(formula, &|name| match name {
            "j" => Some(self.evaluate(ENVELOPE)),
            _ => self.values.get(name).copied(),
        })
    }
}

/// Every mechanism, on channels with names and ids of different lengths.
fn stages() -> Vec<Stage> {
    let mut stages = Vec::new();
    for kind in Kind::ALL {
        for channel in CHANNELS {
            stages.extend(OFFSETS.map(|offset| Stage::new(kind, channel, offset)));
        }
    }
    stages
}

/// One subscriber by one mechanism, and a channel.
struct Stage {
    world: World,
    kind: Kind,
    channel: &'static str,
    /// The newest message's id.
    id: String,
    /// What the subscriber has asked last.
    request: String,
}

impl Stage {
    /// A channel with so many messages, and a connection that has said nothing yet.
    fn new(kind: Kind, channel: &'static str, messages: usize) -> Self {
        let (world, id, request) = (World::new(), String::new(), String::new());
        let mut stage = Self { world, kind, channel, id, request };
        for _ in 0..messages {
            stage.publish("x");
        }
        stage.world.enter(NAME);
        stage
    }

    /// Does something that returns how many bytes the subscriber said.
    fn sample(
        &mut self,
        what: &'static str,
        payload: &str,
        act: impl FnOnce(&mut Self) -> u64,
    ) -> Sample {
        let (said, made, parsed) = self.books();
        let up = act(self);
        let (said_then, made_then, parsed_then) = self.books();
        let (made, parsed) = (made_then - made, parsed_then - parsed);
        let place = format!("{}, {what}, {} bytes", self.kind.name(), payload.len());
        assert_eq!(made.total(), said_then - said, "{place}: what was booked was not said");
        assert_eq!(parsed.total(), up, "{place}: what was booked was not heard");
        assert_eq!(made.payload, payload.len() as u64, "{place}: {made:?}");
        match what {
            "message" => assert_eq!(made.control, 0, "{place}: {made:?}"),
            "quiet" => assert_eq!(made, made.as_control(), "{place}"),
            _ => {}
        }
        let values = self.values(payload);
        Sample { kind: self.kind, what, values, down: made.total(), up: parsed.total() }
    }

    /// Bytes that the subscriber was told, and what the ledger says of bytes in both directions.
    fn books(&mut self) -> (u64, Bytes, Bytes) {
        let snapshot = self.world.engine.snapshot();
        let mut rows = snapshot.rows();
        let (_, row) = rows.find(|(owner, _)| *owner == Owner::Mech(self.kind)).unwrap();
        (self.world.said(NAME).len() as u64, row.made, row.parsed)
    }

    /// Subscribes; by short polling there is nothing to open.
    fn open(&mut self) -> u64 {
        if self.kind == Kind::Poll { 0 } else { self.ask() }
    }

    /// One message; a short poll asks for it, a long poll for the next one.
    fn message(&mut self, payload: &str) -> u64 {
        match self.kind {
            Kind::Poll => {
                self.prepare();
                self.publish(payload);
                self.tell_request()
            }
            Kind::LongPoll => {
                self.publish(payload);
                self.ask()
            }
            Kind::Iframe | Kind::XhrStream | Kind::Sse | Kind::WebSocket => {
                self.publish(payload);
                0
            }
        }
    }

    /// As long as it takes until something must be said.
    fn silence(&mut self) -> u64 {
        let us = CARDS[self.kind as usize].costs.quiet_us;
        self.world.advance(us.map_or(0, |us| us + limits::HEARTBEAT_GRAIN_US));
        match self.kind {
            Kind::Poll | Kind::LongPoll => self.ask(),
            Kind::WebSocket => self.tell(&masked(PONG, b"")),
            Kind::Iframe | Kind::XhrStream | Kind::Sse => 0,
        }
    }

    fn publish(&mut self, payload: &str) {
        let mut target = String::from("/c/");
        encode_segment(self.channel, &mut target);
        let answer = self.world.post(&target, "text/plain", payload.as_bytes());
        self.id = answer.json()["id"].as_str().expect("an id").to_owned();
    }

    /// Asks for what comes after the newest message.
    fn ask(&mut self) -> u64 {
        self.prepare();
        self.tell_request()
    }

    fn prepare(&mut self) {
        let address = address(self.kind, self.channel);
        self.request = request(self.kind, &format!("{address}?since={}", self.id));
    }

    fn tell_request(&mut self) -> u64 {
        let request = self.request.clone();
        self.tell(request.as_bytes())
    }

    fn tell(&mut self, bytes: &[u8]) -> u64 {
        self.world.tell(NAME, bytes);
        bytes.len() as u64
    }

    /// What the names of the legend stand for here.
    fn values(&self, payload: &str) -> BTreeMap<&'static str, u64> {
        let time = (self.world.unix_s() * 1_000).to_string();
        let values = [
            ("p", payload.len()),
            ("n", payload.split('\n').count()),
            ("e", payload.chars().map(|char| self.escape(char)).sum()),
            ("i", self.id.len()),
            ("c", self.channel.len()),
            ("t", time.len()),
            ("h", self.request.len()),
        ];
        values.into_iter().map(|(name, value)| (name, value as u64)).collect()
    }

    /// Bytes that the escape of a character adds in JSON, and in a script.
    fn escape(&self, char: char) -> usize {
        match char {
            '"' | '\\' | '\n' | '\r' | '\t' => 1,
            '\0'..' ' => 5,
            '<' | '>' | '&' if self.kind == Kind::Iframe => 5,
            '\u{2028}' | '\u{2029}' if self.kind == Kind::Iframe => 3,
            _ => 0,
        }
    }
}

/// Every cost of every card, with what it is the cost of.
fn costs() -> impl Iterator<Item = (Card, &'static str, Cost)> {
    CARDS.into_iter().flat_map(|card| {
        let Costs { open, message, quiet, .. } = card.costs;
        [("open", open), ("message", message), ("quiet", quiet)]
            .map(|(what, cost)| (card, what, cost))
    })
}

/// The subscriber's connection.
const NAME: &str = "subscriber";
const CHANNELS: [&str; 2] = ["c", "a channel with a longer name, é included"];
/// Messages that are there before: the ids after them have 15 bytes and more, or 17.
const OFFSETS: [usize; 2] = [1, 99];
/// Bytes around which a framing changes.
const SIZES: [usize; 6] = [0, 1, 125, 126, 65_535, 65_536];
/// More of them, for the first channel: here a length gets one more digit.
const DIGITS: [RangeInclusive<usize>; 3] = [140..=145, 184..=188, 880..=895];
/// Lines, escapes, and characters of several bytes.
const PAYLOADS: [&str; 3] = ["a\nb\n", "\"quoted\" \\ é 😀\t\u{1}", "<b>&\u{2028}\u{2029}</b>"];
/// FIN and the opcode of a pong.
const PONG: u8 = 0x8a;
