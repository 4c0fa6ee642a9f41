//! How a server leaves: everybody is told, in the words of their protocol.

use std::net::TcpStream;
use std::time::{Duration, Instant};

use crate::peer::{Peer, eventually, frame};
use crate::server::{Process, Server};

#[test]
fn sigterm_says_goodbye_to_everybody_and_exits_with_0() {
    let process = Process::serve(&[]);
    let mut events = Peer::connect(process.address);
    events.get("/c/leave/sse");
    events.until(b"\r\n\r\n");
    events.until(b"\n\n");
    let mut socket = Peer::connect(process.address);
    socket.upgrade("/c/leave/ws");
    let mut stream = Peer::connect(process.address);
    stream.get("/c/leave/stream");
    let mut parked = Peer::connect(process.address);
    parked.get("/c/leave/longpoll?timeout=60");
    let mut publishing = Peer::connect(process.address);
    publishing.say(b"POST /c/leave HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\n\r\nhe");
    let mut kept = Peer::connect(process.address);
    eventually("everybody has come", || kept.ask("/online").text().contains(r#""online":4"#));

    process.signal("TERM");
    assert!(String::from_utf8(events.rest()).unwrap().contains("retry: 3000\n"));
    let (first, payload) = socket.frame();
    assert_eq!((first, payload.get(..2)), (0x88, Some(&1001_u16.to_be_bytes()[..])));
    socket.say(&frame(0x88, &1001_u16.to_be_bytes()));
    assert_eq!(socket.rest(), b"");
    assert!(String::from_utf8(stream.rest()).unwrap().ends_with("\r\n0\r\n\r\n"));
    let response = parked.response();
    assert_eq!((response.status, response.field("Retry-After")), (503, Some("3")));
    assert_eq!(parked.rest(), b"");
    assert_eq!(kept.rest(), b"");
    assert!(TcpStream::connect(process.address).is_err(), "it still listens");

    // Nobody would hear it.
    publishing.say(b"llo");
    let response = publishing.response();
    assert_eq!((response.status, response.field("Connection")), (503, Some("close")));
    assert_eq!(publishing.rest(), b"");
    assert_eq!(process.end().code(), Some(0));
}

#[test]
fn a_second_signal_ends_at_once() {
    for names in [["TERM", "TERM"], ["INT", "TERM"]] {
        let process = Process::serve(&[]);
        let mut holding = Peer::connect(process.address);
        holding.say(b"POST /c/hold HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\n\r\nhe");
        let mut kept = Peer::connect(process.address);
        assert_eq!(kept.ask("/livez").status, 200);
        let began = Instant::now();
        process.signal(names[0]);
        assert_eq!(kept.rest(), b"", "nobody was told");
        holding.hears_nothing_for(Duration::from_millis(200));
        process.signal(names[1]);
        assert_eq!(process.end().code(), Some(0));
        assert!(began.elapsed() < Duration::from_secs(5), "it waited all the same");
    }
}

#[test]
fn who_does_not_leave_is_left() {
    let server = Server::start();
    let mut holding = Peer::connect(server.address);
    holding.get("/livez");
    assert_eq!(holding.response().status, 200);
    holding.say(b"POST /c/hold HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\n\r\nhe");
    let mut asking = Peer::connect(server.address);
    assert_eq!(asking.ask("/readyz").status, 200);
    server.drain();
    // The time to drain is one second here; the loop ends, and with it every connection.
    assert_eq!(asking.rest(), b"");
    assert!(holding.rest_or_reset().is_none_or(|rest| rest.is_empty()));
}
