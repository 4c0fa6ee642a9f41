//! A server that is told to leave while everybody publishes and listens: what it has acknowledged
//! has reached whoever listens, or lies behind the place that they were told to come back to.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::Mutex;
use std::thread;

use crate::peer::{Peer, eventually, frame};
use crate::server::Process;

/// What a subscriber has heard, from the beginning of the log to its last words.
struct Heard {
    mechanism: &'static str,
    offsets: Vec<u64>,
    last_words: String,
}

#[test]
fn what_was_acknowledged_has_arrived_or_lies_behind_the_place_to_come_back_to() {
    for loops in ["1", "2"] {
        part(loops);
    }
}

fn part(loops: &str) {
    // Nobody is to fall behind what is kept, nor to be closed because the machine is busy.
    let kept = ["--history-messages-max", "1000000", "--history-bytes-max", "64MiB"];
    let queued = ["--queue-soft-bytes", "64MiB", "--queue-bytes-max", "64MiB"];
    let process = Process::serve(&[&kept[..], &queued, &["--reactors", loops]].concat());
    let address = process.address;
    let acknowledged = Mutex::new(BTreeSet::new());
    // With its process inside: if anything fails it is ended, and whoever listens with it.
    let heard = thread::scope(|scope| {
        let process = process;
        let streams = ["sse", "ws", "stream", "iframe"];
        let mut listening: Vec<_> =
            streams.map(|mechanism| scope.spawn(move || listen(address, mechanism))).into();
        listening.push(scope.spawn(move || ask_again_and_again(address, "longpoll")));
        listening.push(scope.spawn(move || ask_again_and_again(address, "poll")));
        let mut asking = Peer::connect(address);
        eventually("the streams stand", || {
            let online: serde_json::Value =
                serde_json::from_slice(&asking.ask("/online").content).unwrap();
            ["sse", "websocket", "xhr_stream", "iframe"].iter().all(|name| online["by"][name] == 1)
        });
        for _ in 0..PUBLISHERS {
            scope.spawn(|| publish(address, &acknowledged));
        }
        scope.spawn(move || publish_by_socket(address));
        eventually("there is traffic", || {
            // Whoever looks without a pause keeps the others from the lock.
            asking.ask("/livez").status == 200 && acknowledged.lock().unwrap().len() > 300
        });
        process.signal("TERM");
        let heard = listening.into_iter().map(|thread| thread.join().unwrap());
        let heard = heard.collect::<Vec<Heard>>();
        assert_eq!(process.end().code(), Some(0));
        heard
    });
    let acknowledged = acknowledged.into_inner().unwrap();
    for Heard { mechanism, offsets, last_words } in heard {
        let last = *offsets.last().unwrap();
        let whole: Vec<u64> = (1..=last).collect();
        assert_eq!(offsets, whole, "{mechanism} has missed or doubled some");
        let behind = acknowledged.iter().filter(|offset| **offset > last).count();
        // Whoever asks again and again may be between two questions.
        if !mechanism.ends_with("poll") {
            assert_eq!(behind, 0, "{loops}, {mechanism}: acknowledged and never handed over");
        }
        let words = match mechanism {
            "sse" => "retry: 3000\n",
            "ws" => "\u{3}\u{fffd}the server is restarting",
            "stream" => r#"{"end":"drain","retry":3000}"#,
            "iframe" => r#"end("drain""#,
            _ => continue,
        };
        assert!(last_words.contains(words), "{mechanism}: {last_words:?}");
    }
}

/// Listens to a stream until it ends.
fn listen(address: SocketAddr, mechanism: &'static str) -> Heard {
    let mut peer = Peer::connect(address);
    let target = format!("/c/load/{mechanism}?since=all&envelope=json");
    match mechanism {
        "ws" => drop(peer.upgrade(&target)),
        _ => peer.get(&target),
    }
    let said = peer.rest();
    let tail = said.get(said.len().saturating_sub(200)..).unwrap();
    let last_words = String::from_utf8_lossy(tail).into_owned();
    Heard { mechanism, offsets: offsets(&String::from_utf8_lossy(&said)), last_words }
}

/// Asks with the cursor of the last answer, until one says that it is the last.
fn ask_again_and_again(address: SocketAddr, mechanism: &'static str) -> Heard {
    let mut peer = Peer::connect(address);
    let (mut since, mut heard, mut last_words) = ("all".to_owned(), Vec::new(), String::new());
    while let Some(response) = peer.ask_if_open(&format!("/c/load/{mechanism}?since={since}")) {
        last_words.clone_from(&response.head);
        match response.status {
            200 => {
                let batch: serde_json::Value = serde_json::from_slice(&response.content).unwrap();
                since = batch["next"].as_str().unwrap().to_owned();
                heard.extend(offsets(response.text()));
            }
            304 => {}
            status => {
                assert_eq!((status, response.field("Retry-After")), (503, Some("3")));
            }
        }
        if response.field("Connection") == Some("close") {
            break;
        }
    }
    Heard { mechanism, offsets: heard, last_words }
}

/// Publishes over one connection, and keeps what was acknowledged.
fn publish(address: SocketAddr, acknowledged: &Mutex<BTreeSet<u64>>) {
    let mut peer = Peer::connect(address);
    let request = "POST /c/load HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\n\r\nhello";
    while let Some(response) = peer.exchange_if_open(request.as_bytes()) {
        if let 201 | 202 = response.status {
            acknowledged.lock().unwrap().extend(offsets(response.text()));
        }
        if response.field("Connection") == Some("close") {
            return;
        }
    }
}

/// Publishes over a WebSocket, where nothing is acknowledged, until the server leaves.
fn publish_by_socket(address: SocketAddr) {
    let mut peer = Peer::connect(address);
    peer.upgrade("/c/load/ws?envelope=json");
    let hello = frame(0x81, b"hello");
    // It hears what it says, and that paces it.
    while peer.send_if_open(&hello) {
        let (first, _) = peer.frame();
        if first == 0x88 {
            return;
        }
    }
}

/// The offsets of the messages in a text, in their order.
fn offsets(text: &str) -> Vec<u64> {
    let ids = text.split(r#""id":""#).skip(1);
    let offset = |id: &str| id.split('"').next()?.split_once('-')?.1.parse().ok();
    ids.map(|id| offset(id).unwrap()).collect()
}

const PUBLISHERS: usize = 2;
