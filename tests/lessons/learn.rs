//! What the lessons say is what is so: their figures are what the formulae say, their words those
//! of the documentation and of the golden exchanges, and their links lead somewhere. That the
//! exchanges are the engine's is held by `tests/golden.rs`.

use std::collections::BTreeSet;

use pushscope::dissect::Unit;
use pushscope::id::Kind;
use pushscope::mech::CARDS;
use pushscope::mech::mould::{Costs, ENVELOPE};
use pushscope::site::learn::doc::{Block, blocks};
use pushscope::site::learn::exchange::{Exchange, Turn, golden};
use pushscope::site::learn::formula;
use pushscope::site::learn::golden::{Line, halves};
use pushscope::site::learn::{PAYLOADS, lesson, lessons, source, value};
use pushscope::site::page;
use pushscope::wire::span::untiled;
use pushscope::wire::ws_frame::Role;

use crate::support::evaluate;

#[test]
fn every_byte_of_a_lesson_is_told_and_none_is_wrong() {
    for kind in Kind::ALL {
        let turns = Exchange::of(kind).turns;
        assert!(turns.len() >= 4, "{}", kind.name());
        for turn in &turns {
            let place = format!("{}, {}", kind.name(), turn.title);
            assert!(!turn.told.is_empty(), "{place}: no word about it");
            for unit in &turn.units {
                assert!(unit.violation.is_none(), "{place}: {unit:?}");
                for layer in &unit.layers {
                    assert_eq!(untiled(&layer.spans, layer.bytes.len()), None, "{place}");
                }
            }
        }
        for from in [Role::Client, Role::Server] {
            let lines = halves(golden(kind)).0.lines().map(Line::parse);
            let rows = lines.filter_map(|line| match line.expect("a golden file can be read") {
                Line::Bytes(by, bytes) if by == from => Some(bytes),
                _ => None,
            });
            let told: Vec<u8> = turns.iter().flat_map(|turn| said(turn, from)).collect();
            assert_eq!(text(&told), text(&rows.flatten().collect::<Vec<u8>>()), "{}", kind.name());
        }
    }
}

#[test]
fn an_exchange_costs_what_the_formulae_say() {
    for card in CARDS {
        let exchange = Exchange::of(card.kind);
        let Costs { open, message, quiet, .. } = card.costs;
        let (payload, lines) = match card.kind {
            Kind::Sse => ("first line\nsecond line", 2),
            _ => ("hello", 1),
        };
        let sum = |formula: &str| {
            formula::evaluate(formula, |name| match name {
                "n" => Some(lines),
                _ => value(&exchange, payload.len() as u64, name),
            })
        };
        let down = |turn: &Turn<'_>| Some(said(turn, Role::Server).len() as u64);
        let told = exchange.turns.iter().find(|turn| turn.made().payload > 0);
        let told = told.expect("a message is told");
        assert_eq!(told.made().payload, payload.len() as u64, "{}: its payload", card.title);
        assert_eq!(down(told), sum(message.down), "{}: a message", card.title);
        let is_silence =
            |turn: &&Turn<'_>| ["Nothing is new", "Nothing happens"].contains(&turn.title);
        let silence = exchange.turns.iter().find(is_silence).expect("nothing happens");
        assert_eq!(down(silence), sum(quiet.down), "{}: silence", card.title);
        assert_eq!(silence.made().control, silence.made().total(), "{}", card.title);
        let first = exchange.turns.first().expect("a turn");
        if card.kind != Kind::Poll {
            assert_eq!(down(first), sum(open.down), "{}: to open", card.title);
        }
        assert_eq!(Some(said(first, Role::Client).len() as u64), sum("h"), "{}", card.title);
        assert_eq!(exchange.channel(), Some("news"), "{}", card.title);
        let id = exchange.id();
        assert_eq!(id.is_none(), card.kind == Kind::WebSocket, "{}: {id:?}", card.title);
    }
}

#[test]
fn two_readers_of_formulae_agree() {
    for card in CARDS {
        let exchange = Exchange::of(card.kind);
        let Costs { open, message, quiet, .. } = card.costs;
        let formulae = [open, message, quiet].map(|cost| [cost.down, cost.up]);
        let has_id = exchange.id().is_some();
        for formula in formulae.into_iter().flatten().chain(has_id.then_some(ENVELOPE)) {
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

#[test]
fn a_lesson_says_what_the_golden_exchange_says() {
    for kind in Kind::ALL {
        let words = words(&html(lesson(kind)));
        let mut rest = words.as_str();
        for line in halves(golden(kind)).0.lines().map(Line::parse) {
            let said = match line.expect("a golden file can be read") {
                Line::Heading(heading) => heading.split(", at ").next().unwrap_or_default(),
                Line::Comment(comment) => comment,
                Line::Bytes(..) | Line::Begin(_) | Line::Empty => continue,
            };
            let said = said.replace('`', "");
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
        let turns = Exchange::of(kind).turns;
        for bytes in turns.iter().flat_map(|turn| &turn.units).map(Unit::bytes) {
            let digits: Vec<String> = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
            let text = String::from_utf8_lossy(bytes);
            wire.push_str(&format!("{text}\n{}\n", digits.join(" ")));
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
                None => link.starts_with("https://") || page(link).is_some(),
            };
            assert!(leads, "{link} leads nowhere");
        }
        assert!(!page_html.contains("<!-- "), "a place that nothing was put in");
        assert!(!page_html.contains("style="), "the policy refuses it");
    }
}

/// All that one side says in a turn.
fn said(turn: &Turn<'_>, from: Role) -> Vec<u8> {
    let units = turn.units.iter().filter(|unit| unit.from == from);
    units.flat_map(Unit::bytes).copied().collect()
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

/// What a sketch shows instead: the other answer to the same question.
const OTHERWISE: [(Kind, &str); 1] = [(Kind::LongPoll, "ETag: \"1763712345678-1\"")];
