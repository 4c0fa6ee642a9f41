//! Golden files: bytes, and what each of them is for, to be read alone.
//!
//! Each of `tests/golden/*/*.txt` begins with bytes as a person would teach them. What stands
//! behind `---` is what the dissector says of them; `UPDATE_GOLDEN=1 cargo test --test golden`
//! writes it anew, and the bytes of the exchanges too: those are what the real server says.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test may panic")]

#[path = "golden/exchange.rs"]
mod exchange;
#[path = "golden/page.rs"]
mod page;
mod support;
#[path = "golden/table.rs"]
mod table;

use std::fs;
use std::path::{Path, PathBuf};

use pushscope::dissect::Unit;
use pushscope::mech::CARDS;
use pushscope::site::learn::exchange::Exchange;
use pushscope::wire::span::untiled;
use pushscope::wire::ws_frame::Role;

use exchange::{Step, record};
use page::Page;
use table::tell;

#[test]
fn what_is_written_is_what_the_dissector_says() {
    for path in pages(&FOLDERS) {
        let mut page = read(&path);
        page.told = tell(&page.dissect());
        compare_or_update(&path, &page);
    }
}

#[test]
fn an_exchange_is_what_the_server_says() {
    for card in CARDS {
        let path = folder().join(format!("exchange/{}.txt", card.kind.name()));
        let mut page = read(&path);
        let steps = record(card.kind);
        let said: Vec<_> = steps.iter().flat_map(|step| &step.said).collect();
        page.replace(&said);
        page.told = tell(&page.dissect());
        compare_or_update(&path, &page);
        compare_turns(&steps, &page.to_string(), card.title);
    }
    assert_eq!(pages(&["exchange"]).len(), CARDS.len(), "no other exchanges");
}

#[test]
fn every_byte_is_told_once() {
    for path in pages(&FOLDERS).iter().chain(&pages(&["exchange"])) {
        let page = read(path);
        let units = page.dissect();
        for from in [Role::Client, Role::Server] {
            let of = |unit: &&Unit| unit.from == from;
            let told: Vec<u8> = units.iter().filter(of).flat_map(Unit::bytes).copied().collect();
            assert_eq!(told.escape_ascii().to_string(), page.said(from), "{}", path.display());
        }
        for layer in units.iter().flat_map(|unit| &unit.layers) {
            let hole = untiled(&layer.spans, layer.bytes.len());
            assert_eq!(hole, None, "{}: {layer:?}", path.display());
        }
    }
}

#[test]
fn only_what_is_wrong_breaks_a_rule() {
    for path in pages(&FOLDERS).iter().chain(&pages(&["exchange"])) {
        let units = read(path).dissect();
        let broken: Vec<&Unit> = units.iter().filter(|unit| unit.violation.is_some()).collect();
        let is_wrong = path.parent().is_some_and(|parent| parent.ends_with("wrong"));
        assert_eq!(broken.len(), usize::from(is_wrong), "{}: {broken:#?}", path.display());
        let name = path.file_stem().map(|stem| stem.to_string_lossy().into_owned());
        for violation in broken.iter().filter_map(|unit| unit.violation) {
            assert_eq!(name.as_deref(), Some(violation.name), "a file is named for its violation");
        }
    }
}

#[test]
fn every_folder_is_read() {
    let entries = fs::read_dir(folder()).expect("the folder is there");
    let mut found: Vec<String> = entries
        .map(|entry| entry.expect("an entry"))
        .filter(|entry| entry.path().is_dir())
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .collect();
    found.sort();
    let mut expected: Vec<&str> = FOLDERS.iter().copied().chain(["exchange"]).collect();
    expected.sort_unstable();
    assert_eq!(found, expected);
}

fn read(path: &Path) -> Page {
    let text = fs::read_to_string(path).unwrap_or_else(|error| panic!("{path:?}: {error}"));
    Page::parse(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn compare_or_update(path: &Path, page: &Page) {
    let (text, found) = (page.to_string(), fs::read_to_string(path).expect("it was read before"));
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        if text != found {
            fs::write(path, text).expect("a golden file can be written");
        }
        return;
    }
    let differs = text.lines().zip(found.lines()).position(|(one, other)| one != other);
    let line = differs.unwrap_or_else(|| text.lines().count().min(found.lines().count()));
    assert!(
        text == found,
        "{}:{}\n  written: {}\n     true: {}\nIf that is meant: UPDATE_GOLDEN=1 cargo test --test \
         golden, and read the difference.",
        path.display(),
        line + 1,
        found.lines().nth(line).unwrap_or("(the end)"),
        text.lines().nth(line).unwrap_or("(the end)"),
    );
}

/// Under each heading stands what was said then, and it says when that was.
fn compare_turns(steps: &[Step], text: &str, title: &str) {
    let turns = Exchange::parse(text).expect("what was written can be read").turns;
    let titles: Vec<&str> = turns.iter().map(|turn| turn.title).collect();
    assert_eq!(titles.len(), steps.len(), "{title}: {titles:?}");
    for (turn, step) in turns.iter().zip(steps) {
        let (s, ms) = (step.at_us / 1_000_000, step.at_us / 1_000 % 1_000);
        let at = if ms == 0 { s.to_string() } else { format!("{s}.{ms:03}") };
        assert_eq!(turn.at, at, "{title}, {}", turn.title);
        let said: Vec<u8> = step.said.iter().flat_map(|(_, bytes)| bytes).copied().collect();
        let told: Vec<u8> = turn.units.iter().flat_map(Unit::bytes).copied().collect();
        let (said, told) = (said.escape_ascii().to_string(), told.escape_ascii().to_string());
        assert_eq!(told, said, "{title}, {}", turn.title);
    }
}

fn pages(folders: &[&str]) -> Vec<PathBuf> {
    let mut paths = Vec::new();
    for name in folders {
        let entries = fs::read_dir(folder().join(name)).unwrap_or_else(|_| panic!("no {name}"));
        paths.extend(entries.map(|entry| entry.expect("an entry").path()));
    }
    paths.sort();
    assert!(!paths.is_empty());
    paths
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden")
}

/// The folders in which a person has written the bytes.
const FOLDERS: [&str; 8] =
    ["chunked", "event_stream", "head", "json", "response", "script", "wrong", "ws_frame"];
