//! Requests and responses on sockets: keep-alive, pipelining, halves, deadlines, lingering.

use std::io::Write;
use std::time::Duration;

use pushscope::clock::SECOND_US;
use pushscope::limits::{self, Limits};

use crate::peer::{Peer, eventually};
use crate::server::{Process, Server};

#[test]
fn a_connection_is_used_again() {
    let server = Server::start();
    let mut peer = Peer::connect(server.address);
    for at in 1..=100 {
        let response = peer.publish("again", format!("message {at}").as_bytes());
        assert_eq!(response.status, 202);
        assert!(response.text().contains(&format!("-{at}\"")), "{}", response.text());
        assert_eq!(response.field("Connection"), None);
    }
}

#[test]
fn a_connection_is_closed_when_the_request_says_so() {
    let server = Server::start();
    let mut peer = Peer::connect(server.address);
    peer.say(b"GET /livez HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    let text = String::from_utf8(peer.rest()).unwrap();
    assert!(text.contains("\r\nConnection: close\r\n"), "{text}");
    assert!(text.ends_with("ok\n"), "{text}");
}

#[test]
fn a_thousand_pipelined_requests_are_answered_in_order() {
    let server = Server::start();
    let mut peer = Peer::connect(server.address);
    let (requests, names) = pipeline(1_000);
    let mut mouth = peer.mouth();
    let talking = std::thread::spawn(move || mouth.write_all(requests.as_bytes()).unwrap());
    read_in_order(&mut peer, &names);
    talking.join().unwrap();
}

#[test]
fn what_is_not_read_is_not_answered() {
    let process = Process::serve(&[]);
    let mut peer = Peer::connect_narrow(process.address);
    assert_eq!(peer.ask("/livez").status, 200);
    let before = process.private_bytes();

    let (requests, names) = pipeline(30_000);
    let bytes = requests.as_bytes();
    let taken = peer.say_until_blocked(bytes);
    assert!(taken < bytes.len(), "30,000 requests were taken from a peer that reads nothing");

    let grown = process.private_bytes().saturating_sub(before);
    assert!(grown < 1024 * 1024, "{grown} bytes for requests whose answers nobody reads");
    let mut other = Peer::connect(process.address);
    assert_eq!(other.ask("/livez").status, 200);

    let (mut mouth, rest) = (peer.mouth(), bytes.get(taken..).unwrap().to_vec());
    let talking = std::thread::spawn(move || mouth.write_all(&rest).unwrap());
    read_in_order(&mut peer, &names);
    talking.join().unwrap();
}

/// Requests whose answers tell them apart, and whose answers are larger than they are.
fn pipeline(count: usize) -> (String, Vec<String>) {
    let names: Vec<String> = (0..count).map(|at| format!("{at:0>200}")).collect();
    let request = |name| format!("GET /c/{name} HTTP/1.1\r\nHost: localhost\r\n\r\n");
    (names.iter().map(request).collect(), names)
}

fn read_in_order(peer: &mut Peer, names: &[String]) {
    for name in names {
        let response = peer.response();
        assert_eq!(response.status, 200);
        assert!(response.text().contains(name.as_str()), "expected {name}: {response:?}");
    }
}

#[test]
fn what_is_pipelined_behind_a_parked_poll_is_answered_after_it() {
    let server = Server::start();
    let mut peer = Peer::connect(server.address);
    let mut publisher = Peer::connect(server.address);
    peer.get("/c/parked/longpoll");
    peer.get("/c/parked");
    peer.get("/livez");
    eventually("the poll is parked", || {
        publisher.ask("/c/parked").text().contains(r#"{"long_poll":1}"#)
    });
    assert_eq!(publisher.publish("parked", b"now").status, 201);
    assert!(peer.response().text().contains("now"));
    assert!(peer.response().text().contains(r#""messages":1"#));
    assert_eq!(peer.response().text(), "ok\n");
}

#[test]
fn a_parked_poll_does_not_take_in_without_bound() {
    let server = Server::start();
    let mut peer = Peer::connect(server.address);
    peer.get("/c/behind/longpoll?timeout=60");
    let (requests, names) = pipeline(60_000);
    let bytes = requests.as_bytes();
    let taken = peer.say_until_blocked(bytes);
    assert!(taken < bytes.len(), "a parked peer may send {taken} bytes");

    let mut publisher = Peer::connect(server.address);
    assert_eq!(publisher.publish("behind", b"now").status, 201);
    assert!(peer.response().text().contains("now"));
    let (mut mouth, rest) = (peer.mouth(), bytes.get(taken..).unwrap().to_vec());
    let talking = std::thread::spawn(move || mouth.write_all(&rest).unwrap());
    read_in_order(&mut peer, &names);
    talking.join().unwrap();
}

#[test]
fn who_has_closed_its_half_is_still_answered() {
    let server = Server::start();
    let mut peer = Peer::connect(server.address);
    let (requests, names) = pipeline(2_000);
    let mut mouth = peer.mouth();
    let talking = std::thread::spawn(move || {
        mouth.write_all(requests.as_bytes()).unwrap();
        mouth.shutdown(std::net::Shutdown::Write).unwrap();
    });
    read_in_order(&mut peer, &names);
    talking.join().unwrap();
    assert_eq!(peer.rest(), b"");

    let mut peer = Peer::connect(server.address);
    peer.say(b"POST /c/half HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\n\r\nhello");
    peer.close_half();
    assert_eq!(peer.response().status, 202);
    assert_eq!(peer.rest(), b"");
}

#[test]
fn who_asks_and_closes_its_half_at_once_gets_what_is_ready() {
    let server = Server::start();
    let mut asking = Peer::connect(server.address);
    assert_eq!(asking.publish("half", b"ready").status, 202);
    for (target, expected) in [
        ("/c/half/sse", "\r\nContent-Type: text/event-stream\r\n"),
        ("/c/half/sse?since=all", "data: ready\n\n"),
        ("/c/half/stream?since=all", r#""data":"ready""#),
        ("/c/half/longpoll?since=all", r#""data":"ready""#),
        ("/c/half/poll?since=all", r#""data":"ready""#),
    ] {
        let mut peer = Peer::connect(server.address);
        peer.get(target);
        peer.close_half();
        let text = String::from_utf8(peer.rest()).unwrap();
        assert!(text.starts_with("HTTP/1.1 200 ") && text.contains(expected), "{target}: {text}");
    }
    let mut peer = Peer::connect(server.address);
    peer.say(b"GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n\r\n");
    peer.close_half();
    let text = String::from_utf8(peer.rest()).unwrap();
    assert!(text.ends_with("\r\n\r\nok\n"), "an empty line was answered: {text}");
}

#[test]
fn a_request_that_is_cut_off_is_told_so() {
    let server = Server::start();
    for cut in [
        &b"GET /livez HTTP/1.1\r\nHos"[..],
        b"POST /c/cut HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\nhalf",
    ] {
        let mut peer = Peer::connect(server.address);
        peer.say(cut);
        peer.close_half();
        let response = peer.response();
        assert_eq!(response.status, 400);
        assert!(response.text().contains("request_cut"), "{}", response.text());
        assert_eq!(peer.rest(), b"");
    }
}

#[test]
fn a_slow_head_ends_by_its_deadline_however_lively_it_is() {
    let server = Server::with(Limits { head_us_max: SECOND_US, ..Limits::default() });
    let mut peer = Peer::connect(server.address);
    let mut mouth = peer.mouth();
    let trickling = std::thread::spawn(move || {
        mouth.write_all(b"GET /livez HTTP/1.1\r\nX-Slow: ").unwrap();
        // A peer that is never silent for long, and never done.
        for _ in 0..4_000 {
            std::thread::park_timeout(Duration::from_millis(10));
            if mouth.write_all(b"x").is_err() {
                return true;
            }
        }
        false
    });
    let response = peer.response();
    assert_eq!(response.status, 408);
    assert!(response.text().contains("head_slow"), "{}", response.text());
    assert_eq!(response.field("Connection"), Some("close"));
    drop(peer);
    assert!(trickling.join().unwrap(), "the connection is still there");

    let mut silent = Peer::connect(server.address);
    assert_eq!(silent.rest(), b"", "who says nothing at all is closed without a word");
}

#[test]
fn a_slow_body_is_told_so() {
    let server = Server::start();
    let mut peer = Peer::connect(server.address);
    peer.say(b"POST /c/slow HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\nhalf");
    let response = peer.response();
    assert_eq!(response.status, 408);
    assert!(response.text().contains("body_slow"), "{}", response.text());
    assert_eq!(peer.rest(), b"");
}

#[test]
fn a_kept_connection_is_closed_when_it_stays_silent() {
    let limits = Limits { keep_alive_us_max: SECOND_US / 2, ..Limits::default() };
    let server = Server::with(limits);
    let mut peer = Peer::connect(server.address);
    assert_eq!(peer.ask("/livez").status, 200);
    assert_eq!(peer.rest(), b"");
}

#[test]
fn a_refusal_can_be_read_after_a_large_body_was_sent() {
    let server = Server::start();
    for size in [64 * 1024, 1024 * 1024 - 1, 1024 * 1024] {
        let mut peer = Peer::connect(server.address);
        let length = limits::MESSAGE_BYTES_MAX + size;
        let head = "POST /c/large HTTP/1.1\r\nHost: localhost\r\n";
        peer.say(format!("{head}Content-Length: {length}\r\n\r\n").as_bytes());
        peer.say(&vec![b'x'; size]);
        let response = peer.response();
        assert_eq!(response.status, 413);
        assert_eq!(peer.rest(), b"", "an RST, not a FIN, after {size} bytes");
    }
}

#[test]
fn who_sends_on_and_on_after_a_refusal_is_cut_off() {
    let server = Server::start();
    let mut peer = Peer::connect(server.address);
    peer.say(b"POST /c/large HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99999999\r\n\r\n");
    assert_eq!(peer.response().status, 413);
    let mut mouth = peer.mouth();
    let mut sent = 0;
    while mouth.write_all(&[b'x'; 64 * 1024]).is_ok() {
        sent += 64 * 1024;
        assert!(sent < 64 * 1024 * 1024, "{sent} bytes were taken and dropped");
    }
}
