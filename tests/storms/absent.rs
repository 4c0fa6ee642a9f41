//! Half-open connections: peers that are gone without a word, and that no packet reaches.

use std::time::Duration;

use pushscope::conn::Conn;
use pushscope::limits;

use crate::peer::{Peer, eventually};
use crate::server::Process;
use crate::toll::{Toll, alone};

const BOUNDS: [&str; 10] = [
    "--heartbeat-s",
    "1",
    "--ping-s",
    "1",
    "--pong-s-max",
    "2",
    "--keep-alive-s-max",
    "40",
    "--park-s",
    "2",
];

#[test]
fn who_has_vanished_is_found_out() {
    let process = Process::serve(&BOUNDS);
    let (mut toll, crowd) = {
        let _alone = alone();
        let mut toll = Toll::begin("600 vanished, in every state", &process);
        let crowd: Vec<Peer> = (0..600).map(|at| vanished(&process, at)).collect();
        toll.peak();
        (toll, crowd)
    };
    // Messages for those who are gone: the kernel takes them, and nobody acknowledges them.
    let mut publisher = Peer::connect(process.address);
    for at in 0..10 {
        publisher.publish("gone", format!("{at}-{}", "x".repeat(10_000)).as_bytes());
    }
    drop(publisher);
    let asking = toll.asking();
    eventually("WebSockets are found out by their pongs", || {
        !asking.ask("/online").text().contains("websocket")
    });
    toll.peak();
    // Streams say something each second, and the kernel hears no acknowledgement for so long.
    let patience = Duration::from_millis(limits::USER_TIMEOUT_MS.into()) + Duration::from_secs(25);
    // Fewer than the slots that are kept in any case.
    toll.end(patience, 600 * (size_of::<Conn>() as u64 + 64));
    drop(crowd);
}

/// Gone in the midst of something.
fn vanished(process: &Process, at: usize) -> Peer {
    let mut peer = Peer::connect(process.address);
    match at % 6 {
        0 => peer.say(b"POST /c/gone HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\nhalf"),
        1 => assert_eq!(peer.ask("/livez").status, 200),
        2 => peer.get("/c/gone/longpoll"),
        3 => drop(peer.upgrade("/c/gone/ws")),
        4 => peer.get("/c/gone/sse"),
        _ => peer.get("/c/gone/stream"),
    }
    if at % 6 > 3 {
        peer.until(b"\r\n\r\n");
    }
    peer.vanish();
    peer
}
