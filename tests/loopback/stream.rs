//! Streams on sockets: peers that break off, do not read, or send what is very large.

use std::io::Write;
use std::time::{Duration, Instant};

use pushscope::event::Payload;
use pushscope::hub::Draft;
use pushscope::limits;
use pushscope::reactor::Handle;

use crate::peer::{PATIENCE, Peer, eventually, frame};
use crate::server::{Process, Server};

#[test]
fn who_breaks_off_in_mid_stream_is_missed_by_nobody() {
    let server = Server::start();
    let mut asking = Peer::connect(server.address);
    let mut staying = sse(&server, "reset");
    let mut leaving: Vec<Peer> = (0..20).map(|_| sse(&server, "reset")).collect();
    for at in 0..40 {
        if let Some(peer) = leaving.pop() {
            peer.reset();
        }
        let message = format!("message {at}");
        assert_eq!(asking.publish("reset", message.as_bytes()).status, 201);
        staying.until(format!("data: {message}\n\n").as_bytes());
    }
    eventually("those who left are forgotten", || {
        asking.ask("/c/reset").text().contains(r#""subscribers":{"sse":1}"#)
    });
}

#[test]
fn a_token_outlives_no_connection() {
    let server = Server::start();
    let mut asking = Peer::connect(server.address);
    for round in 0..300 {
        // The slot of the one is the slot of the next, within a turn when it is quick enough.
        let mut old = Peer::connect(server.address);
        old.get("/c/old/sse");
        old.reset();
        let mut new = Peer::connect(server.address);
        let name = format!("new{round}");
        new.get(&format!("/c/{name}/longpoll"));
        eventually("the poll is parked", || {
            asking.ask(&format!("/c/{name}")).text().contains(r#"{"long_poll":1}"#)
        });
        assert_eq!(asking.publish("old", b"for the old").status / 100, 2);
        assert_eq!(asking.publish(&name, b"for the new").status, 201);
        let response = new.response();
        assert!(response.text().contains("for the new"), "{}", response.text());
        assert!(!response.text().contains("for the old"), "{}", response.text());
    }
}

#[test]
fn who_does_not_read_is_reset_and_nobody_else_notices() {
    let server = Server::start();
    let mut asking = Peer::connect(server.address);
    let mut slow = Peer::connect_narrow(server.address);
    slow.get("/c/slow/sse");
    slow.until(b"\n\n");
    let mut fast = sse(&server, "slow");

    let message = vec![b'x'; 64 * 1024];
    // Enough for the queue, the kernel's buffers on both sides, and then some.
    for _ in 0..8 * limits::QUEUE_BYTES_MAX / 65_536 {
        asking.publish("slow", &message);
        fast.until(b"data: ");
        assert_eq!(fast.take(message.len()), message);
    }
    let told = asking.ask("/c/slow");
    assert!(told.text().contains(r#""subscribers":{"sse":1}"#), "{}", told.text());

    let mut watching = Peer::connect(server.address);
    eventually("the slow reader is reset", || {
        watching.hears_nothing_for(Duration::from_millis(100));
        assert_eq!(watching.ask("/livez").status, 200);
        slow.was_reset()
    });
}

#[test]
fn a_reader_that_pauses_gets_everything() {
    let server = Server::start();
    let mut asking = Peer::connect(server.address);
    let mut pausing = Peer::connect_narrow(server.address);
    pausing.upgrade("/c/pause/ws");
    let message = vec![b'y'; 60_000];
    for _ in 0..12 {
        assert_eq!(asking.publish("pause", &message).status, 201);
    }
    for _ in 0..12 {
        assert_eq!(pausing.frame(), (0x81, message.clone()));
    }
    pausing.say(&frame(0x89, b"still there?"));
    assert_eq!(pausing.frame(), (0x8a, b"still there?".to_vec()));
}

#[test]
fn other_threads_publish_without_losing_a_message_or_a_wake_up() {
    const THREADS: usize = 4;
    const MESSAGES: usize = 5_000;
    let server = Server::start();
    let mut peer = Peer::connect(server.address);
    peer.upgrade("/c/threads/ws");
    let mut asking = Peer::connect(server.address);
    eventually("subscribed", || asking.ask("/c/threads").text().contains(r#"{"websocket":1}"#));
    std::thread::scope(|scope| {
        for thread in 0..THREADS {
            let handle = server.handle();
            scope.spawn(move || {
                for at in 0..MESSAGES {
                    let draft = || Draft {
                        name: None,
                        payload: Payload::Text(format!("{thread} {at}").into()),
                    };
                    while handle.publish("threads", draft()).is_err() {
                        std::thread::yield_now();
                    }
                }
            });
        }
        let mut next = [0; THREADS];
        for _ in 0..THREADS * MESSAGES {
            let text = String::from_utf8(peer.frame().1).unwrap();
            let (thread, at) = text.split_once(' ').unwrap();
            let next = &mut next[thread.parse::<usize>().unwrap()];
            assert_eq!(at.parse(), Ok(*next), "out of order: {text}");
            *next += 1;
        }
    });
}

#[test]
fn a_burst_closes_no_reader_that_reads() {
    const TEXTS: usize = 40_000;
    let server = Server::start();
    let mut reading = sse(&server, "burst");
    let mut publishing = Peer::connect(server.address);
    publishing.upgrade("/c/burst/ws");
    let (mut mouth, mut ears) = (publishing.mouth(), publishing.mouth());
    std::thread::spawn(move || std::io::copy(&mut ears, &mut std::io::sink()));
    let burst = frame(0x81, b"x").repeat(TEXTS);
    let talking = std::thread::spawn(move || mouth.write_all(&burst).unwrap());
    let told = reading.until(format!("-{TEXTS}\ndata: x\n\n").as_bytes());
    assert_eq!(memchr::memmem::find_iter(&told, b"data: x\n").count(), TEXTS);
    talking.join().unwrap();
}

/// Threads in a hurry keep the inbox full; threads that pause find it empty again and again, and
/// meet the loop just when it is about to sleep.
#[test]
fn no_wake_up_is_lost_however_threads_publish() {
    const MESSAGES: usize = 50_000;
    for (threads, pause) in [(4, 0), (1, 3), (2, 3), (4, 20)] {
        let server = Server::start();
        std::thread::scope(|scope| {
            for _ in 0..threads {
                let handle = server.handle();
                scope.spawn(move || {
                    for at in 0..MESSAGES {
                        publish_patiently(&handle);
                        (0..at % 97 * pause).for_each(|_| std::hint::spin_loop());
                    }
                });
            }
        });
        let mut asking = Peer::connect(server.address);
        let last = format!("-{}\"", threads * MESSAGES);
        eventually("all have arrived", || asking.ask("/c/many").text().contains(&last));
    }
}

/// Publishes as soon as there is room: while there is none, the loop must be awake.
fn publish_patiently(handle: &Handle) {
    let began = Instant::now();
    let draft = || Draft { name: None, payload: Payload::Text("x".into()) };
    while handle.publish("many", draft()).is_err() {
        assert!(began.elapsed() < PATIENCE / 4, "the loop sleeps in front of a full inbox");
        std::thread::yield_now();
    }
}

#[test]
fn a_client_that_says_close_is_answered_and_closed_first() {
    let server = Server::start();
    let mut peer = Peer::connect(server.address);
    peer.upgrade("/echo");
    peer.say(&frame(0x81, "héllo".as_bytes()));
    assert_eq!(peer.frame(), (0x81, "héllo".as_bytes().to_vec()));
    peer.say(&frame(0x88, &[0x03, 0xe8]));
    assert_eq!(peer.frame(), (0x88, vec![0x03, 0xe8]));
    assert_eq!(peer.rest(), b"");
}

#[test]
fn sixty_four_mebibytes_come_back_as_they_went() {
    let process = Process::serve(&["--message-bytes-max", "64MiB"]);
    let payload: Vec<u8> = (0..64 * 1024 * 1024_u32).map(|at| at.to_le_bytes()[1]).collect();
    let mut peer = Peer::connect(process.address);
    peer.upgrade("/echo");
    let (mut mouth, bytes) = (peer.mouth(), frame(0x82, &payload));
    let talking = std::thread::spawn(move || mouth.write_all(&bytes).unwrap());
    let (first, echoed) = peer.frame();
    talking.join().unwrap();
    assert_eq!(first, 0x82);
    assert!(echoed == payload, "the echo differs");

    let mut beyond = Peer::connect(process.address);
    beyond.upgrade("/echo");
    // One byte more is refused at its announcement: no payload follows.
    let head = [&[0x82, 0xff][..], &(64 * 1024 * 1024_u64 + 1).to_be_bytes(), &[0; 4]].concat();
    beyond.say(&head);
    let (first, payload) = beyond.frame();
    assert_eq!((first, payload.get(..2)), (0x88, Some(&1009_u16.to_be_bytes()[..])));
}

#[test]
fn sixty_four_mebibytes_are_published_to_everybody() {
    let process = Process::serve(&["--message-bytes-max", "64MiB"]);
    let text = "0123456789abcdef".repeat(4 * 1024 * 1024);
    let mut socket = Peer::connect(process.address);
    socket.upgrade("/c/large/ws");
    let mut events = Peer::connect(process.address);
    events.get("/c/large/sse");
    events.until(b"\r\n\r\n");
    let mut publisher = Peer::connect(process.address);
    let (published, (first, payload), data) = std::thread::scope(|scope| {
        let published = scope.spawn(|| publisher.publish("large", text.as_bytes()));
        let framed = scope.spawn(|| socket.frame());
        events.until(b"data: ");
        let data = events.take(text.len() + 2);
        (published.join().unwrap(), framed.join().unwrap(), data)
    });
    assert_eq!(published.status, 201);
    assert_eq!(first, 0x81);
    assert!(payload == text.as_bytes(), "the frame differs");
    assert!(data == format!("{text}\n\n").as_bytes(), "the event differs");
}

/// Subscribes, and reads as far as the place where the stream stands.
fn sse(server: &Server, channel: &str) -> Peer {
    let mut peer = Peer::connect(server.address);
    peer.get(&format!("/c/{channel}/sse"));
    peer.until(b"\r\n\r\n");
    peer.until(b"\n\n");
    peer
}
