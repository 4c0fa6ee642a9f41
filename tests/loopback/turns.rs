//! A reactor that is turned by hand: what happens within one turn, and what has to wait.

use std::io::{ErrorKind, Write};
use std::net::TcpStream;
use std::time::Duration;

use pushscope::clock::SECOND_US;
use pushscope::engine::Config;
use pushscope::event::Payload;
use pushscope::hub::Draft;
use pushscope::limits::{self, Limits};
use pushscope::reactor::{InboxFull, Reactor};

use crate::peer::Peer;

#[test]
fn a_full_inbox_recovers() {
    let mut reactor = reactor(Limits::default());
    let handle = reactor.handle();
    for round in 1..=3 {
        for _ in 0..limits::INBOX_MAX {
            handle.publish("inbox", text("x")).unwrap();
        }
        assert_eq!(handle.publish("inbox", text("one more")), Err(InboxFull), "round {round}");
        reactor.turn(Some(LONG)).unwrap();
        handle.publish("inbox", text("in between")).unwrap();
        reactor.turn(Some(LONG)).unwrap();
        let published = round * (limits::INBOX_MAX + 1);
        let mut asking = Peer::connect(reactor.address().unwrap());
        asking.get(&format!("/c/inbox?round={round}"));
        turn_until_answered(&mut reactor, &mut asking, &format!("-{published}\""));
    }
}

#[test]
fn who_is_told_to_leave_leaves_however_many_messages_wait_and_hands_them_over_first() {
    let mut reactor = reactor(Limits::default());
    let handle = reactor.handle();
    let mut listening = Peer::connect(reactor.address().unwrap());
    listening.get("/c/inbox/sse");
    for _ in 0..2 {
        reactor.turn(Some(LONG / 100)).unwrap();
    }
    listening.until(b"\r\n\r\n");
    while handle.publish("inbox", text("x")).is_ok() {}
    handle.drain();
    reactor.turn(Some(LONG)).unwrap();
    let said = String::from_utf8(listening.rest()).unwrap();
    assert_eq!(said.matches("data: x\n").count(), limits::INBOX_MAX);
    assert!(said.ends_with("retry: 3000\n\n"), "{said}");
}

#[test]
fn who_is_told_to_leave_twice_leaves_at_once() {
    let mut reactor = reactor(Limits::default());
    let mut holding = Peer::connect(reactor.address().unwrap());
    holding.say(b"POST /c/hold HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\n\r\nhe");
    for _ in 0..2 {
        reactor.turn(Some(LONG / 100)).unwrap();
    }
    // Both are there before the loop looks.
    reactor.handle().drain();
    reactor.handle().drain();
    reactor.turn(Some(LONG)).unwrap();
    assert!(reactor.is_over(), "it waits for somebody");
}

#[test]
fn a_large_upload_leaves_every_turn_to_the_others() {
    let mut reactor = reactor(Limits { message_bytes_max: UPLOAD_BYTES, ..Limits::default() });
    let address = reactor.address().unwrap();
    let mut asking = Peer::connect(address);
    let mut uploading = TcpStream::connect(address).unwrap();
    uploading.set_nonblocking(true).unwrap();
    // Lets them in; from now on a turn is about what they say.
    reactor.turn(Some(LONG)).unwrap();
    let head = "POST /c/upload HTTP/1.1\r\nHost: localhost\r\n";
    let mut bytes = format!("{head}Content-Length: {UPLOAD_BYTES}\r\n\r\n").into_bytes();
    bytes.resize(bytes.len() + UPLOAD_BYTES, b'x');
    let mut rest = &bytes[..];
    let mut turns = 0;
    while !rest.is_empty() {
        // The kernel is full whenever a turn begins: each could go on reading for ever.
        rest = write_until_blocked(&mut uploading, rest);
        asking.get("/livez");
        reactor.turn(Some(LONG)).unwrap();
        turns += 1;
        assert_eq!(asking.response().text(), "ok\n", "turn {turns}");
    }
    let taken = UPLOAD_BYTES - KERNEL_BYTES_MAX;
    assert!(turns >= taken / (2 * limits::READ_BYTES_PER_TURN), "{turns} turns for {taken} bytes");
}

#[test]
fn a_connection_that_comes_with_the_drain_does_not_keep_the_loop_awake() {
    let mut reactor = reactor(Limits { drain_us_max: SECOND_US, ..Limits::default() });
    let address = reactor.address().unwrap();
    let mut holding = Peer::connect(address);
    holding.say(b"POST /c/hold HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\n\r\nhe");
    reactor.turn(Some(LONG)).unwrap();
    reactor.turn(Some(Duration::ZERO)).unwrap();
    // Both are events of one turn, in this order.
    reactor.handle().drain();
    let _arriving = TcpStream::connect(address).unwrap();
    reactor.turn(Some(LONG)).unwrap();
    assert!(!reactor.is_over(), "somebody is in the middle of a request");
    let before = cpu_ns();
    reactor.run().unwrap();
    let spent = Duration::from_nanos(cpu_ns() - before);
    assert!(spent < Duration::from_millis(100), "{spent:?} of CPU while it drains");
}

fn reactor(limits: Limits) -> Reactor {
    let config = Config { limits, ..Config::default() };
    Reactor::bind("127.0.0.1:0".parse().unwrap(), config).unwrap()
}

fn turn_until_answered(reactor: &mut Reactor, peer: &mut Peer, expected: &str) {
    // One turn lets it in, the next reads its request, if they are not one.
    for _ in 0..2 {
        reactor.turn(Some(LONG / 100)).unwrap();
    }
    let response = peer.response();
    assert!(response.text().contains(expected), "{expected}: {}", response.text());
}

/// Writes until the kernel takes no more; returns the rest.
fn write_until_blocked<'b>(stream: &mut TcpStream, mut bytes: &'b [u8]) -> &'b [u8] {
    while !bytes.is_empty() {
        match stream.write(bytes) {
            Ok(count) => bytes = &bytes[count..],
            Err(error) if error.kind() == ErrorKind::WouldBlock => break,
            Err(error) => panic!("{error}"),
        }
    }
    bytes
}

/// CPU time of this thread so far, in nanoseconds.
fn cpu_ns() -> u64 {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap();
    text.split(' ').next().unwrap().parse().unwrap()
}

fn text(text: &str) -> Draft {
    Draft { name: None, payload: Payload::Text(text.into()) }
}

/// How long a turn may sleep that has something to do.
const LONG: Duration = Duration::from_secs(10);
/// A message so large that it takes many turns to read.
const UPLOAD_BYTES: usize = 64 * 1024 * 1024;
/// What the kernel may hold of it when the last byte is written.
const KERNEL_BYTES_MAX: usize = 40 * 1024 * 1024;
