//! Thousands who are slow: each state of a connection has a deadline.

use std::thread;
use std::time::Duration;

use pushscope::limits;

use crate::peer::Peer;
use crate::server::Process;
use crate::toll::{SOON, Toll, alone};

/// What they say at first, what they say then each second, and the answer that they are due.
type Row = (&'static str, &'static str, &'static str, &'static str);

const ROWS: &[Row] = &[
    ("nothing at all", "", "", ""),
    ("a head at 1 byte/s", "GET / HTTP/1.1\r\nX: ", "y", "408 head_slow"),
    ("a head at 1 field/s", "GET / HTTP/1.1\r\n", "X: y\r\n", "408 head_slow"),
    ("half a head, then silence", "GET / HTTP/1.1\r\nHost:", "", "408 head_slow"),
    ("a body that never comes", POST, "", "408 body_slow"),
    ("a body at 1 byte/s", POST, "x", "408 body_slow"),
    ("chunks of 1 byte/s", CHUNKED, "1\r\nx\r\n", "408 body_slow"),
    ("empty lines at 1/s", "", "\r\n", "400 empty_lines_too_many"),
];

const POST: &str = "POST /c/slow HTTP/1.1\r\nHost: localhost\r\nContent-Length: 500000\r\n\r\n";
const CHUNKED: &str =
    "POST /c/slow HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n";

/// Deadlines of two and three seconds, for the sake of the test.
const BOUNDS: [&str; 6] =
    ["--head-s-max", "2", "--body-pause-s-max", "3", "--keep-alive-s-max", "600"];

#[test]
fn the_slow_are_told_and_gone_in_time() {
    let _alone = alone();
    let process = Process::serve(&BOUNDS);
    let mut toll = Toll::begin("1,600 slow heads and bodies", &process);
    let mut crowd: Vec<(&Row, Peer)> = Vec::new();
    for row in ROWS.iter().cycle().take(200 * ROWS.len()) {
        let mut peer = Peer::connect(process.address);
        peer.say(row.1.as_bytes());
        crowd.push((row, peer));
    }
    toll.peak();
    for _ in 0..5 {
        toll.wait(Duration::from_secs(1));
        for ((_, _, more, _), peer) in &mut crowd {
            peer.try_say(more.as_bytes());
        }
    }
    for ((name, _, more, due), mut peer) in crowd {
        let Some(said) = peer.rest_or_reset() else {
            // What is said behind an answer that nobody reads ends in an RST, as it must.
            assert!(!more.is_empty(), "{name}: reset");
            continue;
        };
        let said = String::from_utf8(said).unwrap();
        let (status, reason) = due.split_once(' ').unwrap_or_default();
        assert!(said.contains(status) && said.contains(reason), "{name}: {said:?}");
        assert_eq!(said.is_empty(), due.is_empty(), "{name}: {said:?}");
    }
    let kept = 1_600 * 512;
    toll.end(SOON, kept);
}

#[test]
fn a_head_and_a_body_without_end_are_cut_off() {
    let _alone = alone();
    let process = Process::serve(&BOUNDS);
    let mut toll = Toll::begin("200 heads and bodies without end", &process);
    let endless = [
        ("GET / HTTP/1.1\r\n", "X: yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy\r\n", "431"),
        ("GET / HTTP/1.1\r\nX: ", "yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy", "431"),
        ("GET /", "yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy", "414"),
        (CHUNKED, "8000\r\n", "413"),
    ];
    for (begin, more, status) in endless.iter().cycle().take(200) {
        let mut peer = Peer::connect(process.address);
        peer.say(begin.as_bytes());
        let more = match *status {
            "413" => format!("{more}{}\r\n", "z".repeat(0x8000)),
            _ => more.repeat(1_000),
        };
        let mut said = 0;
        while said < ENDLESS_BYTES && peer.try_say(more.as_bytes()) {
            said += more.len();
        }
        assert!(said < ENDLESS_BYTES, "{status}: everything is taken");
        toll.peak();
        if let Some(answer) = peer.rest_or_reset().filter(|answer| !answer.is_empty()) {
            let answer = String::from_utf8(answer).unwrap();
            assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{answer}");
        }
    }
    let loops = thread::available_parallelism().map_or(1, usize::from) as u64;
    toll.end(SOON, loops * 2 * LONGEST_BYTES);
}

/// More than a server that reads nothing could be sent: `tcp_wmem` and `tcp_rmem` end before
/// (tcp(7)).
const ENDLESS_BYTES: usize = 64 * 1024 * 1024;

/// The longest content that is taken. An allocator that has once given back a block so long keeps
/// up to twice as much at hand (`M_TRIM_THRESHOLD`, mallopt(3)), for each thread.
const LONGEST_BYTES: u64 = limits::MESSAGE_BYTES_MAX as u64;
