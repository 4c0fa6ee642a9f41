//! Thousands who come and go, and thousands who stay.

use std::net::TcpStream;
use std::thread;
use std::time::{Duration, Instant};

use pushscope::conn::Conn;
use pushscope::{limits, sys};

use crate::peer::{Peer, eventually, frame};
use crate::server::Process;
use crate::toll::{SOON, Toll, alone};

#[test]
fn twenty_thousand_connect_and_close() {
    let _alone = alone();
    let process = Process::serve(&[]);
    let mut toll = Toll::begin("20,000 connect and close", &process);
    let mut listening = subscribed(&process, "storm");
    let mut publisher = Peer::connect(process.address);
    let address = process.address;
    let storms: Vec<_> = (0..4)
        .map(|_| {
            thread::spawn(move || {
                for _ in 0..5_000 {
                    drop(TcpStream::connect(address).unwrap());
                }
            })
        })
        .collect();
    // Whoever was there before is served in the midst of it.
    let mut worst = Duration::ZERO;
    let mut published: u64 = 0;
    while published < 20 || !storms.iter().all(thread::JoinHandle::is_finished) {
        let began = Instant::now();
        assert_eq!(publisher.publish("storm", format!("{published}!").as_bytes()).status, 201);
        listening.until(format!("data: {published}!\n\n").as_bytes());
        worst = worst.max(began.elapsed());
        published += 1;
        toll.peak();
    }
    storms.into_iter().for_each(|storm| storm.join().unwrap());
    println!("  {published} messages meanwhile, the slowest in {worst:?}");
    assert!(worst < Duration::from_secs(2), "a message took {worst:?}");
    drop((listening, publisher));
    toll.end(SOON, published * RECEIPT_BYTES);
}

#[test]
fn two_thousand_resets_at_once() {
    let _alone = alone();
    let process = Process::serve(&[]);
    let mut toll = Toll::begin("2,000 resets at once, in mid-stream", &process);
    let mut staying: Vec<Peer> = (0..3).map(|_| subscribed(&process, "storm")).collect();
    let crowd: Vec<Peer> = (0..2_000).map(|at| streaming(&process, at)).collect();
    let mut publisher = Peer::connect(process.address);
    let message = |at: usize| format!("{at}-{}", "x".repeat(1_000));
    for at in 0..20 {
        assert_eq!(publisher.publish("storm", message(at).as_bytes()).status, 201);
    }
    toll.peak();
    // What they were sent lies unread in the kernel, and more comes while they go.
    crowd.into_iter().for_each(Peer::reset);
    for at in 20..40 {
        assert_eq!(publisher.publish("storm", message(at).as_bytes()).status, 201);
    }
    for peer in &mut staying {
        for at in 0..40 {
            peer.until(format!("data: {}\n\n", message(at)).as_bytes());
        }
    }
    drop((staying, publisher));
    let kept = slots(&process, toll.connections()) + 40 * (RECEIPT_BYTES + 1_000);
    toll.end(SOON, kept);
}

#[test]
fn thousands_stay_and_leave_together() {
    let _alone = alone();
    // Both ends take a descriptor; each process has 20,000 at most, and needs some for itself.
    let most = usize::try_from(sys::raise_descriptor_limit().unwrap()).unwrap();
    let crowd = most.saturating_sub(2_000).min(18_000) / 3 * 3;
    let process =
        Process::serve(&["--keep-alive-s-max", "600", "--ping-s", "600", "--head-s-max", "60"]);
    let mut toll = Toll::begin("18,000 idle, kept alive, parked or open", &process);
    let hosts = (1..=16).cycle().take(crowd);
    let mut peers: Vec<Peer> =
        hosts.map(|host| Peer::connect_from(host, process.address)).collect();
    for (at, peer) in peers.iter_mut().enumerate() {
        peer.say(IDLE[at % IDLE.len()].0.as_bytes());
    }
    for (at, peer) in peers.iter_mut().enumerate() {
        peer.until(IDLE[at % IDLE.len()].1.as_bytes());
    }
    let (asking, parked) = (toll.asking(), format!("{{\"long_poll\":{},", crowd / 3));
    eventually("all are there", || asking.ask("/online").text().contains(&parked));
    toll.peak();
    assert!(toll.connections() as usize >= crowd);
    let cpu = process.cpu_ns();
    toll.wait(Duration::from_secs(1));
    let spent = Duration::from_nanos(process.cpu_ns() - cpu);
    assert!(spent < Duration::from_millis(20), "{spent:?} of CPU for {crowd} who are idle");
    let mut publisher = Peer::connect(process.address);
    let began = Instant::now();
    assert_eq!(publisher.publish("crowd", b"to all").status, 201);
    println!("  {} are told in {:?}", crowd / 3 * 2, began.elapsed());
    drop((peers, publisher));
    let kept = slots(&process, toll.connections());
    toll.end(SOON, kept);
}

#[test]
fn abandoned_polls_and_streams_are_reclaimed_at_once() {
    let _alone = alone();
    let process = Process::serve(&["--park-s", "120", "--heartbeat-s", "0"]);
    let mut toll = Toll::begin("3,000 polls and streams abandoned", &process);
    for half in [false, true] {
        let mut crowd: Vec<Peer> = (0..1_500).map(|at| parked(&process, at)).collect();
        let asking = toll.asking();
        eventually("all are there", || asking.ask("/online").text().contains("\"online\":1500"));
        toll.peak();
        if half {
            // No word more, but the socket stays: whoever ends a parked request is gone.
            crowd.iter_mut().for_each(Peer::close_half);
            let asking = toll.asking();
            eventually("all are gone", || asking.ask("/online").text().contains("\"online\":0"));
        }
    }
    let kept = slots(&process, toll.connections());
    toll.end(SOON, kept);
}

/// What is kept of each message for whoever asks what it has cost, up to 512 of them.
const RECEIPT_BYTES: u64 = 1_200;

/// What is kept for the next storm: so many slots of each loop, and the places of all sockets.
fn slots(process: &Process, connections: u32) -> u64 {
    let loops = process.loops("comm").len();
    (loops * limits::SLOTS_SPARE * (size_of::<Conn>() + 64)) as u64 + 8 * u64::from(connections)
}

fn subscribed(process: &Process, channel: &str) -> Peer {
    let mut peer = Peer::connect(process.address);
    peer.get(&format!("/c/{channel}/sse"));
    peer.until(b"\r\n\r\n");
    peer.until(b"\n\n");
    peer
}

/// In the middle of a stream, of one kind or another.
fn streaming(process: &Process, at: usize) -> Peer {
    let mut peer = Peer::connect(process.address);
    match at % 4 {
        0 => peer.get("/c/storm/sse"),
        1 => peer.get("/c/storm/stream"),
        2 => peer.get("/c/storm/iframe"),
        _ => {
            peer.upgrade("/c/storm/ws");
            // The half of a frame.
            peer.say(&frame(0x82, &[b'x'; 200])[..100]);
            return peer;
        }
    }
    peer.until(b"\r\n\r\n");
    peer
}

/// A third kept alive, a third parked, a third on a WebSocket: what they say, and what they hear.
const IDLE: [(&str, &str); 3] = [
    ("GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n", "ok\n"),
    ("GET /c/crowd/longpoll?timeout=120 HTTP/1.1\r\nHost: localhost\r\n\r\n", ""),
    (
        "GET /c/crowd/ws HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\n\
         Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
         Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
        "\r\n\r\n",
    ),
];

fn parked(process: &Process, at: usize) -> Peer {
    let mut peer = Peer::connect(process.address);
    let kinds = ["longpoll", "sse", "stream", "iframe"];
    peer.get(&format!("/c/parked/{}", kinds[at % kinds.len()]));
    peer
}
