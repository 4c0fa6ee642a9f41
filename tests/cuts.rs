//! Bytes arrive as the network likes: however they are cut, everybody is told the same.
//!
//! A script is what several peers say, step by step, with a turn after each step. It is played
//! whole, with each step cut in two at every byte, byte by byte, and with random cuts and short
//! writes; each time every socket must have taken the same bytes. Messages of one step must not
//! meet a parked poll twice, nor an answer of their own sender: those depend on turns by design.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

mod support;

use std::collections::BTreeMap;

use proptest::prelude::*;
use pushscope::id::Kind;

use support::{UPGRADE, World, answers, masked, request};

/// What somebody says, and who.
type Step = (&'static str, Vec<u8>);

/// A script by name.
type Script = (&'static str, Vec<Step>);

fn scripts() -> Vec<Script> {
    vec![
        ("requests in a row", requests()),
        ("content in every framing", contents()),
        ("content that is awaited", awaited()),
        ("requests behind a parked one", parked()),
        ("a WebSocket that echoes", echo()),
        ("a WebSocket that publishes", publisher()),
        ("streams, and what is said to them", streams()),
        ("a channel that ends", deleted()),
        ("requests that are refused", refused()),
        ("requests that are lost", lost()),
        ("content that is lost", content_lost()),
        ("frames that are lost", frames_lost()),
    ]
}

fn requests() -> Vec<Step> {
    let bytes = "\r\nGET /livez HTTP/1.1\r\nHost: h\r\n\r\n\
        HEAD /c/news/sse HTTP/1.1\r\nHost: h\r\n\r\n\
        GET /c/n%65ws/poll?since=all HTTP/1.1\r\nhOST:h\r\nAccept: */*\r\nAccept: x\r\n\r\n\
        OPTIONS * HTTP/1.1\r\nHost: h\r\n\r\n\
        GET http://h/favicon.svg HTTP/1.1\r\nHost: other\r\nOrigin: http://h\r\n\r\n\
        GET /livez HTTP/1.0\r\n\r\n\
        GET /dropped HTTP/1.1\r\n";
    vec![said("a", bytes)]
}

fn contents() -> Vec<Step> {
    let bytes = "POST /c/news HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nhello\
        PUT /c/news?event=price HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n\
        3;x=\"y\"\r\na\r\n\r\n0004 \r\n🙂\r\n0\r\nTrailer: dropped\r\n\r\n\
        POST /c/news HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n\
        POST /c/news HTTP/1.1\r\nHost: h\r\nContent-Type: text/plain\r\nContent-Length: 1\r\n\r\n\
        \u{1}\
        POST /c/news HTTP/1.1\r\nHost: h\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok\
        dropped";
    vec![
        said("s", request(Kind::Sse, "/c/news/sse")),
        said("x", request(Kind::XhrStream, "/c/news/stream")),
        said("w", request(Kind::WebSocket, "/c/news/ws?envelope=json")),
        said("p", bytes),
    ]
}

fn awaited() -> Vec<Step> {
    let bytes = "POST /c/news HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\
        \r\nabcGET /livez HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n";
    vec![said("s", request(Kind::Sse, "/c/news/sse")), said("p", bytes)]
}

fn parked() -> Vec<Step> {
    let behind = "GET /c/news/longpoll HTTP/1.1\r\nHost: h\r\n\r\n\
        POST /c/other HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nabc\
        GET /livez HTTP/1.1\r\nHost: h\r\n\r\n\
        GET /c/news/longpoll?since=latest HTTP/1.1\r\nHost: h\r\n\r\n\
        GET /c/ne";
    let rest = "ws/longpoll HTTP/1.1\r\nHost: h\r\n\r\n";
    vec![
        said("s", request(Kind::Sse, "/c/other/sse")),
        said("l", behind),
        published("news", "1"),
        published("news", "2"),
        said("l", rest),
        published("news", "3"),
    ]
}

fn echo() -> Vec<Step> {
    let parts = [
        format!("GET /echo HTTP/1.1\r\nHost: h\r\n{UPGRADE}\r\n").into_bytes(),
        masked(0x81, b"hello"),
        masked(0x89, b"ping"),
        masked(0x01, "h\u{e9}".as_bytes()),
        masked(0x8a, b"unasked"),
        masked(0x89, b""),
        masked(0x00, b""),
        masked(0x80, "🙂".as_bytes()),
        masked(0x82, &[0xff; 200]),
        masked(0x88, b"\x03\xe8bye"),
        masked(0x81, b"dropped"),
    ];
    vec![said("e", parts.concat())]
}

fn publisher() -> Vec<Step> {
    let opening = request(Kind::WebSocket, "/c/news/ws").into_bytes();
    let chat = request(Kind::WebSocket, "/ws/asset").into_bytes();
    let messages = [masked(0x81, b"one"), masked(0x02, b"tw"), masked(0x80, b"o")].concat();
    vec![
        said("s", request(Kind::Sse, "/c/news/sse")),
        said("i", request(Kind::Iframe, "/c/news/iframe")),
        said("w", [opening, messages.clone()].concat()),
        said("c", [chat, masked(0x81, "hi 🙂".as_bytes())].concat()),
        said("w", messages),
    ]
}

fn streams() -> Vec<Step> {
    vec![
        published("10086", "before"),
        said("i", "GET /c/10086/iframe?since=all HTTP/1.1\r\nHost: h\r\n\r\nGET / HTTP/1.1\r\n"),
        said("k", request(Kind::Iframe, "/iframe/message")),
        said("o", "GET /c/10086/stream HTTP/1.0\r\nOrigin: http://h\r\n\r\nwhatever"),
        said("s", "GET /c/10086 HTTP/1.1\r\nHost: h\r\nAccept: text/event-stream\r\n\r\n\r\n\r\n"),
        published("10086", "<after>\r"),
        said("r", "POST /message/read/10086 HTTP/1.1\r\nHost: h\r\n\r\n"),
    ]
}

fn deleted() -> Vec<Step> {
    vec![
        published("news", "1"),
        said("s", request(Kind::Sse, "/c/news/sse")),
        said("l", request(Kind::LongPoll, "/c/news/longpoll")),
        said(
            "w",
            [request(Kind::WebSocket, "/c/news/ws").into_bytes(), masked(0x8a, b"")].concat(),
        ),
        said("d", "DELETE /c/news HTTP/1.1\r\nHost: h\r\n\r\n"),
        said("w", [masked(0x81, b"dropped"), masked(0x88, b"\x03\xe8")].concat()),
        published("news", "2"),
        said("l", "GET /c/news/poll?since=1-1 HTTP/1.1\r\nHost: h\r\n\r\n"),
    ]
}

fn refused() -> Vec<Step> {
    let bytes = "GET /nothing HTTP/1.1\r\nHost: h\r\n\r\n\
        POST /livez HTTP/1.1\r\nHost: h\r\n\r\n\
        GET /c/news/ws HTTP/1.1\r\nHost: h\r\n\r\n\
        GET /c/a%00b/sse HTTP/1.1\r\nHost: h\r\n\r\n\
        GET /c/news/sse?since=x HTTP/1.1\r\nHost: h\r\n\r\n\
        POST /c/news HTTP/1.1\r\nHost: h\r\nContent-Type: text/plain\r\nContent-Length: 2\r\n\r\n";
    let too_long = "POST /c/news HTTP/1.1\r\nHost: h\r\nContent-Length: 9999999\r\n\r\nabc";
    let bytes = [bytes.as_bytes(), b"\xe9\xff", too_long.as_bytes()].concat();
    vec![said("a", bytes)]
}

fn lost() -> Vec<Step> {
    let good = "GET /livez HTTP/1.1\r\nHost: h\r\n\r\n";
    let heads = [
        ("a", "GET /livez HTTP/1.1\r\nHost h\r\n\r\n"),
        ("b", "GET /livez HTTP/1.1\r\nHost: h\n\r\n"),
        ("c", "\u{16}\u{3}\u{1}"),
        ("d", "GET /livez HTTP/2.0\r\nHost: h\r\n\r\n"),
        ("e", "GET /livez HTTP/1.1\r\n\r\n"),
        (
            "f",
            "GET / HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
        ),
        ("g", "GET /li\u{e9} HTTP/1.1\r\nHost: h\r\n\r\n"),
    ];
    heads.into_iter().map(|(name, head)| said(name, format!("{good}{head}{good}"))).collect()
}

fn content_lost() -> Vec<Step> {
    let head = "POST /c/news HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n";
    let chunks = [("a", "g\r\n"), ("b", "1\nx"), ("c", "1\r\nxy\r\n"), ("d", "fffffff\r\n")];
    let mut steps = vec![said("s", request(Kind::Sse, "/c/news/sse"))];
    steps.extend(chunks.map(|(name, rest)| said(name, format!("{head}{rest}0\r\n\r\nGET / "))));
    steps
}

fn frames_lost() -> Vec<Step> {
    let opening = request(Kind::WebSocket, "/echo").into_bytes();
    let frames: [(&str, Vec<u8>); 6] = [
        ("a", b"\x81\x02hi".to_vec()),
        ("b", masked(0xc1, b"hi")),
        ("c", masked(0x81, b"caf\xe9 and more")),
        ("d", [masked(0x01, b"x"), masked(0x81, b"y")].concat()),
        ("e", b"\x82\xff\x00\x00\x00\x00\x00\x10\x00\x01key!".to_vec()),
        ("f", masked(0x88, b"\x03\xed")),
    ];
    let behind =
        |frame: Vec<u8>| [opening.clone(), masked(0x81, b"ok"), frame, vec![b'x'; 9]].concat();
    frames.map(|(name, frame)| said(name, behind(frame))).to_vec()
}

fn said(name: &'static str, bytes: impl AsRef<[u8]>) -> Step {
    (name, bytes.as_ref().to_vec())
}

fn published(channel: &str, text: &str) -> Step {
    let length = text.len();
    let head = format!("POST /c/{channel} HTTP/1.1\r\nHost: h\r\nContent-Length: {length}\r\n\r\n");
    said("publisher", format!("{head}{text}"))
}

/// Plays a script, each step cut at these of its bytes.
fn play(script: &[Step], cuts: impl Fn(usize, usize) -> bool) -> World {
    let mut world = World::new();
    for (number, (name, bytes)) in script.iter().enumerate() {
        for (at, byte) in bytes.iter().enumerate() {
            if at > 0 && cuts(number, at) {
                world.turn();
            }
            world.say(name, [*byte]);
        }
        world.turn();
    }
    world
}

#[test]
fn scripts_do_what_they_are_for() {
    for (name, script) in scripts() {
        let told = play(&script, |_, _| false).all_said();
        assert!(!told.values().any(Vec::is_empty), "{name}: somebody was told nothing");
    }
    let told = play(&refused(), |_, _| false);
    let statuses: Vec<u16> = answers(told.said("a")).iter().map(|answer| answer.status).collect();
    assert_eq!(statuses, [404, 405, 426, 400, 400, 400, 413]);
}

#[test]
fn a_cut_anywhere_changes_nothing() {
    for (name, script) in scripts() {
        let whole = play(&script, |_, _| false).all_said();
        for (number, (_, bytes)) in script.iter().enumerate() {
            for at in 1..bytes.len() {
                let cut = play(&script, |step, byte| (step, byte) == (number, at)).all_said();
                assert_same(&whole, &cut, &format!("{name}: step {number} cut at byte {at}"));
            }
        }
    }
}

#[test]
fn byte_by_byte_changes_nothing() {
    for (name, script) in scripts() {
        let whole = play(&script, |_, _| false).all_said();
        let bytes = play(&script, |_, _| true).all_said();
        assert_same(&whole, &bytes, &format!("{name}: byte by byte"));
    }
}

#[test]
fn a_close_anywhere_leaves_nobody_behind() {
    for (_, script) in scripts() {
        for number in 0..script.len() {
            let (steps, rest) = script.split_at(number);
            let (name, bytes) = &rest[0];
            for at in 0..=bytes.len() {
                let mut world = play(steps, |_, _| false);
                world.tell(name, &bytes[..at]);
                world.end(name);
                world.sweep_all();
            }
        }
    }
}

#[test]
fn a_break_anywhere_leaves_nobody_behind() {
    for (_, script) in scripts() {
        for number in 0..script.len() {
            let (steps, rest) = script.split_at(number);
            let (name, bytes) = &rest[0];
            for at in (0..=bytes.len()).step_by(7) {
                let mut world = play(steps, |_, _| false);
                world.tell(name, &bytes[..at]);
                world.break_off(name);
                world.sweep_all();
            }
        }
    }
}

fn config() -> ProptestConfig {
    // A failure prints its case; no file of it is written beside the sources.
    ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn random_cuts_and_short_writes_change_nothing(
        which in any::<prop::sample::Index>(),
        pieces in prop::collection::vec(1_usize..40, 1..20),
        room in 1_usize..200,
    ) {
        let scripts = scripts();
        let (name, script) = which.get(&scripts);
        let whole = play(script, |_, _| false).all_said();
        let mut world = World::new();
        let mut sizes = pieces.iter().copied().cycle();
        for (peer, bytes) in script {
            let mut rest = &bytes[..];
            while !rest.is_empty() {
                let size = sizes.next().unwrap_or(1).min(rest.len());
                let (piece, more) = rest.split_at(size);
                world.say(peer, piece);
                world.narrow(peer, room);
                world.turn();
                rest = more;
            }
        }
        for peer in whole.keys() {
            world.narrow(peer, 0);
            world.widen(peer, usize::MAX);
        }
        assert_same(&whole, &world.all_said(), name);
    }
}

fn assert_same(whole: &BTreeMap<String, Vec<u8>>, other: &BTreeMap<String, Vec<u8>>, what: &str) {
    for (name, expected) in whole {
        let found = &other[name];
        if expected != found {
            let [expected, found] = [expected, found].map(|bytes| String::from_utf8_lossy(bytes));
            panic!("{what}: {name} was told\n{found}\n… instead of\n{expected}");
        }
    }
}

/// More than is kept behind a parked request stays in the kernel, and is read when its turn comes.
#[test]
fn what_is_left_in_the_kernel_behind_a_parked_request_is_read_on() {
    let mut world = World::new();
    let length = 300_000;
    world.tell("l", "GET /c/news/longpoll HTTP/1.1\r\nHost: h\r\n\r\n");
    world.say("l", format!("POST /c/big HTTP/1.1\r\nHost: h\r\nContent-Length: {length}\r\n\r\n"));
    world.tell("l", vec![b'x'; length]);
    assert!(world.is_unread("l"), "a parked request is to wait in front of a bounded rest");
    let (name, bytes) = published("news", "now");
    world.tell(name, bytes);
    let statuses: Vec<u16> = answers(world.said("l")).iter().map(|answer| answer.status).collect();
    assert_eq!(statuses, [200, 202], "the content in the kernel was not read on");
    assert!(!world.is_unread("l"));
}

/// The same, when all that is left in the kernel is the end.
#[test]
fn an_end_that_is_left_in_the_kernel_is_read_on() {
    let mut world = World::new();
    world.tell("l", "GET /c/news/longpoll HTTP/1.1\r\nHost: h\r\n\r\n");
    let get = "GET /livez HTTP/1.1\r\nHost: h\r\nX: ".to_owned();
    let filled = format!("{get}{}\r\n\r\n", "x".repeat(15_000)).repeat(5);
    world.tell("l", filled);
    world.end("l");
    let (name, bytes) = published("news", "now");
    world.tell(name, bytes);
    assert_eq!(answers(world.said("l")).len(), 6);
    assert!(world.is_over("l"), "the end in the kernel was not read");
}

/// Requests that have come already go on as soon as the answers before them have left.
#[test]
fn a_long_row_behind_a_parked_request_is_answered_to_its_end() {
    let mut world = World::new();
    world.tell("l", "GET /c/news/longpoll HTTP/1.1\r\nHost: h\r\n\r\n");
    let row = "GET /livez HTTP/1.1\r\nHost: h\r\n\r\n".repeat(6_000);
    // What is kept is just below the bound when the last of it is read.
    world.tell("l", &row[..65_000]);
    world.tell("l", &row[65_000..]);
    let (name, bytes) = published("news", "now");
    world.tell(name, bytes);
    assert_eq!(answers(world.said("l")).len(), 6_001);
}

/// A peer that says all it has to say, ends, and reads slowly is answered to the end.
#[test]
fn a_long_row_before_an_end_is_answered_to_its_end() {
    let mut world = World::new();
    world.enter("a");
    world.narrow("a", 1_000);
    world.say("a", "GET /livez HTTP/1.1\r\nHost: h\r\n\r\n".repeat(6_000));
    world.end("a");
    while !world.is_over("a") {
        let before = world.said("a").len();
        world.widen("a", 50_000);
        assert!(world.said("a").len() > before, "nothing moves any more");
    }
    assert_eq!(answers(world.said("a")).len(), 6_000);
    world.sweep_all();
}
