//! The dissector against a second witness: what it says of conversations over the loopback is
//! what `tshark`, which shares no line of code with it, says of the same bytes.
//!
//! Compared field by field: request and status lines, field lines, sizes of chunks, and of frames
//! fin, reserved bits, opcode, mask, lengths, key and close; and of field lines, chunks and frames
//! where in their message they are. Nothing may differ, and `pushscope explain` tells all bytes of
//! the same capture.
//!
//! Where `tshark` is missing, or may not capture, the test fails unless `PUSHSCOPE_NO_TSHARK` is
//! set.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test may panic")]

#[path = "tshark/capture.rs"]
mod capture;
#[path = "tshark/dissected.rs"]
mod dissected;
#[path = "tshark/places.rs"]
mod places;
#[path = "tshark/seen.rs"]
mod seen;
mod support;
#[path = "tshark/talk.rs"]
mod talk;

use std::collections::HashMap;
use std::path::Path;
use std::process::Command;

use pushscope::dissect::shape::role_named;
use pushscope::wire::ws_frame::Role;
use serde_json::{Value, json};

use capture::Capture;
use talk::{Line, Server};

#[test]
fn tshark_sees_what_the_dissector_tells() {
    if let Err(error) = capture::check() {
        let excused = std::env::var_os("PUSHSCOPE_NO_TSHARK").is_some();
        assert!(
            excused,
            "tshark is missing or may not capture: {error}\nInstall the Debian package tshark; \
             whoever is not root is let capture by `dpkg-reconfigure wireshark-common`. \
             PUSHSCOPE_NO_TSHARK=1 goes without this proof."
        );
        eprintln!("without tshark: PUSHSCOPE_NO_TSHARK is set");
        return;
    }
    let server = Server::start();
    let capture = Capture::begin(server.address.port());
    let lines = talk::all(&server);
    let file = capture.end(|| server.ask("GET", capture::LAST, ""));
    let seen = seen::read(file.path(), server.address.port());
    let places = places::seen(file.path(), server.address.port());
    let mut compared = 0;
    for line in &lines {
        for from in [Role::Client, Role::Server] {
            let seen = seen.get(&(line.port, from)).expect("the conversation was captured");
            let of_line = format!("{from:?} of {}", line.name);
            assert!(seen.bytes == line.bytes(from), "{of_line}: other bytes were captured");
            let told = dissected::facts(line, from);
            assert_eq!(told, seen.facts, "{of_line}: told, and seen by tshark");
            compared += told.len();
            let told = places::told(&dissected::units(line, from));
            let places = places.get(&(line.port, from)).cloned().unwrap_or_default();
            assert_eq!(told, places, "{of_line}: where it is told, and seen by tshark");
            compared += told.len();
        }
    }
    check_coverage(&lines, compared);
    check_explained(file.path(), &seen);
}

/// Every byte of the capture is explained, and none of them breaks a rule.
fn check_explained(file: &Path, seen: &seen::All) {
    let explain = || Command::new(env!("CARGO_BIN_EXE_pushscope"));
    let output = explain().args(["explain", "--json"]).arg(file).env_clear().output().unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{errors} {}", said.lines().last().unwrap());
    let mut ports = HashMap::new();
    let mut told: HashMap<(u16, Role), u64> = HashMap::new();
    let mut findings = Value::Null;
    for line in said.lines() {
        let line: Value = serde_json::from_str(line).unwrap();
        assert!(line["note"].is_null(), "{line}");
        if let Some(client) = line["client"].as_str() {
            let (_, port) = client.rsplit_once(':').unwrap();
            ports.insert(line["connection"].as_u64(), port.parse::<u16>().unwrap());
        }
        if let Some(layer) = line["layers"].get(0) {
            let from = role_named(line["from"].as_str().unwrap()).unwrap();
            let digits = layer["hex"].as_str().unwrap().len() as u64;
            *told.entry((ports[&line["connection"].as_u64()], from)).or_default() += digits / 2;
        }
        findings = line["findings"].clone();
    }
    assert_eq!((&findings["violation"], &findings["unread"]), (&Value::Null, &json!(0)));
    let seen: HashMap<(u16, Role), u64> =
        seen.iter().map(|(of, seen)| (*of, seen.bytes.len() as u64)).collect();
    assert_eq!(findings["bytes"].as_u64(), Some(seen.values().sum()));
    assert_eq!(told, seen, "bytes told of each side, and captured");
}

/// Everything that is to be compared has come.
fn check_coverage(lines: &[Line], compared: usize) {
    let facts: Vec<String> = lines
        .iter()
        .flat_map(|line| [Role::Client, Role::Server].map(|from| dissected::facts(line, from)))
        .flatten()
        .collect();
    for part in [
        "GET /c/poll/poll",
        "POST /c/poll",
        "HTTP/1.1 200 OK",
        "HTTP/1.1 304 Not Modified",
        "HTTP/1.1 101 Switching Protocols",
        "Content-Type: text/event-stream",
        "chunk of 0",
        "fin 1, reserved 0, opcode 1, mask 0, length 2",
        "fin 1, reserved 0, opcode 1, mask 1, length 126 is 300, key",
        "fin 1, reserved 0, opcode 1, mask 0, length 127 is 70000",
        "fin 0, reserved 0, opcode 1, mask 1",
        "fin 1, reserved 0, opcode 0, mask 1",
        "opcode 9, mask 0",
        "opcode 10, mask 1",
        "opcode 8, mask 1, length 5, key 37fa213d, close 1000 bye",
        "opcode 8, mask 0, length 2, close 1000",
    ] {
        assert!(facts.iter().any(|fact| fact.contains(part)), "nobody said {part:?}: {facts:#?}");
    }
    assert!(compared > 400, "{compared} facts");
}
