//! The dissector against a second witness: what it says of conversations over the loopback is
//! what `tshark`, which shares no line of code with it, says of the same bytes.
//!
//! Compared field by field: request and status lines, field lines, sizes of chunks, and of frames
//! fin, reserved bits, opcode, mask, lengths, key and close. Nothing may differ.
//!
//! Where `tshark` is missing, or may not capture, the test fails unless `PUSHSCOPE_NO_TSHARK` is
//! set.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test may panic")]

#[path = "tshark/capture.rs"]
mod capture;
#[path = "tshark/dissected.rs"]
mod dissected;
#[path = "tshark/seen.rs"]
mod seen;
mod support;
#[path = "tshark/talk.rs"]
mod talk;

use pushscope::wire::ws_frame::Role;

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
    let seen = seen::read(&file, server.address.port());
    let mut compared = 0;
    for line in &lines {
        for from in [Role::Client, Role::Server] {
            let seen = seen.get(&(line.port, from)).expect("the conversation was captured");
            let of_line = format!("{from:?} of {}", line.name);
            assert!(seen.bytes == line.bytes(from), "{of_line}: other bytes were captured");
            let told = dissected::facts(line, from);
            assert_eq!(told, seen.facts, "{of_line}: told, and seen by tshark");
            compared += told.len();
        }
    }
    check_coverage(&lines, compared);
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
    assert!(compared > 150, "{compared} facts");
}
