//! Many connections: what they cost when nothing happens, and what happens beyond the last.

use std::time::{Duration, Instant};

use pushscope::sys;

use crate::peer::{Peer, eventually, frame};
use crate::server::Process;

#[test]
fn thousands_of_idle_connections_cost_no_time_and_little_memory() {
    // Both ends take a descriptor, here and there; a process has 20,000 at most.
    let crowd = usize::try_from(sys::raise_descriptor_limit().unwrap() / 2).unwrap().min(8_000);
    let process = Process::serve(&[]);
    let mut asking = Peer::connect(process.address);
    assert_eq!(asking.ask("/livez").status, 200);
    let before = process.private_bytes();
    let began = Instant::now();
    let peers: Vec<Peer> = (0..crowd).map(|at| idle(&process, at)).collect();
    let connected = began.elapsed();
    let each = process.private_bytes().saturating_sub(before) / u64::try_from(crowd).unwrap();

    let cpu = process.cpu_ns();
    asking.hears_nothing_for(Duration::from_secs(3));
    let spent = Duration::from_nanos(process.cpu_ns() - cpu);
    println!(
        "{crowd} idle connections: made in {connected:?}, {each} bytes each, {spent:?} in 3 s"
    );
    assert!(spent < Duration::from_millis(30), "{spent:?} of CPU for nothing");
    assert!(each < 2_048, "{each} bytes of private memory for each idle connection");
    assert_eq!(asking.ask("/livez").status, 200);
    drop(peers);
    eventually("all are gone", || asking.ask("/online").text().contains(r#""online":0"#));
}

/// A third kept alive, a third parked, a third on a WebSocket.
fn idle(process: &Process, at: usize) -> Peer {
    let mut peer = Peer::connect(process.address);
    match at % 3 {
        0 => assert_eq!(peer.ask("/livez").status, 200),
        1 => peer.get("/c/crowd/longpoll?timeout=120"),
        _ => drop(peer.upgrade("/c/crowd/ws")),
    }
    peer
}

#[test]
fn who_has_ended_and_does_not_read_costs_no_time() {
    let process = Process::serve(&[]);
    let mut asking = Peer::connect(process.address);
    assert_eq!(asking.publish("ended", &vec![b'x'; 1024 * 1024]).status, 202);
    let mut ended: Vec<Peer> = (0..3).map(|_| Peer::connect_narrow(process.address)).collect();
    // One that is closed after its answer, one with requests behind it, one cut off in a body.
    ended[0].say(b"GET /c/ended/poll HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    ended[1].say(&b"GET /c/ended/poll HTTP/1.1\r\nHost: localhost\r\n\r\n".repeat(3));
    ended[2].get("/c/ended/poll");
    ended[2].say(b"POST /c/ended HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\nhalf");
    ended.iter_mut().for_each(Peer::close_half);
    // Their answers are made; from now on there is nothing to do but to wait.
    asking.hears_nothing_for(Duration::from_secs(1));

    let cpu = process.cpu_ns();
    asking.hears_nothing_for(Duration::from_secs(1));
    let spent = Duration::from_nanos(process.cpu_ns() - cpu);
    assert!(spent < Duration::from_millis(50), "{spent:?} of CPU for peers that do not read");

    for _ in 0..3 {
        assert_eq!(ended[1].response().status, 200);
    }
    assert_eq!(ended[0].response().status, 200);
    assert_eq!(ended[2].response().status, 200);
    for peer in &mut ended[..2] {
        assert_eq!(peer.rest(), b"");
    }
}

#[test]
fn at_the_cap_idle_connections_give_way() {
    let process = Process::serve_with_descriptors(80);
    let idle: Vec<Peer> = (0..16).map(|_| kept(&process)).collect();
    assert_the_first_gives_way(idle, &process);
}

/// Somebody else comes, for whom the longest idle one is closed and nobody else.
fn assert_the_first_gives_way(mut idle: Vec<Peer>, process: &Process) {
    let mut newest = kept(process);
    assert_eq!(idle.remove(0).rest(), b"", "the longest idle one was not closed");
    for peer in &mut idle {
        assert_eq!(peer.ask("/livez").status, 200);
    }
    assert_eq!(newest.ask("/livez").status, 200);
}

#[test]
fn at_the_cap_nobody_is_let_in_until_somebody_leaves() {
    let process = Process::serve_with_descriptors(80);
    let mut crowd: Vec<Peer> = (0..16).map(|_| streaming(&process)).collect();
    let mut waiting = Peer::connect(process.address);
    waiting.get("/livez");

    let (cpu, sleeps) = (process.cpu_ns(), process.sleeps());
    waiting.hears_nothing_for(Duration::from_secs(1));
    let spent = Duration::from_nanos(process.cpu_ns() - cpu);
    assert!(spent < Duration::from_millis(50), "{spent:?} of CPU spent on waiting");
    let woken = process.sleeps() - sleeps;
    assert!(woken <= 3, "woken {woken} times, though nobody can be let in");

    drop(crowd.pop());
    assert_eq!(waiting.response().text(), "ok\n");
    assert_eq!(waiting.publish("cap", b"to all").status, 201);
    for peer in &mut crowd {
        peer.until(b"data: to all\n\n");
    }
}

#[test]
fn at_the_cap_who_falls_idle_gives_way() {
    let process = Process::serve_with_descriptors(80);
    let mut crowd: Vec<Peer> = (0..14).map(|_| streaming(&process)).collect();
    let mut talking = Peer::connect(process.address);
    talking.upgrade("/c/parked/ws");
    let mut parked = Peer::connect(process.address);
    parked.get("/c/parked/longpoll?timeout=120");
    let mut waiting = Peer::connect(process.address);
    waiting.get("/livez");
    waiting.hears_nothing_for(Duration::from_millis(200));

    talking.say(&frame(0x81, b"now"));
    assert!(parked.response().text().contains("now"));
    let began = Instant::now();
    assert_eq!(waiting.response().text(), "ok\n");
    assert!(began.elapsed() < Duration::from_secs(5), "let in by chance: {:?}", began.elapsed());
    assert_eq!(parked.rest(), b"", "it gave way");
    assert_eq!(waiting.publish("cap", b"to all").status, 201);
    for peer in &mut crowd {
        peer.until(b"data: to all\n\n");
    }
}

#[test]
fn a_storm_beyond_the_cap_costs_nobody_a_connection() {
    let process = Process::serve_with_descriptors(80);
    let mut storm: Vec<Peer> = (0..80).map(|_| Peer::connect(process.address)).collect();
    for peer in &mut storm {
        peer.get("/c/cap/sse");
    }
    // Sixteen at a time are let in, in the order in which they came; who waits waits its turn.
    for mut peer in storm {
        peer.until(b"\r\n\r\n");
        peer.until(b"\n\n");
    }
}

#[test]
fn without_descriptors_the_server_serves_those_it_has() {
    let process = Process::serve_with_descriptors(200);
    let mut crowd: Vec<Peer> = (0..20).map(|_| streaming(&process)).collect();
    let mut asking = Peer::connect(process.address);
    // Its busy streams keep what they have; `accept` meets EMFILE from now on.
    asking.publish("cap", b"before");
    process.limit_descriptors(24);

    let cpu = process.cpu_ns();
    let mut outside: Vec<Peer> = (0..10).map(|_| asking_once(&process)).collect();
    for peer in &mut outside {
        // Each is told why not: nobody is left to wait, and nobody is cut off by an RST.
        let answer = String::from_utf8(peer.rest()).unwrap();
        assert!(
            answer.starts_with("HTTP/1.1 503 ") && answer.contains("Retry-After: 3"),
            "{answer}"
        );
        assert!(answer.contains("\"connections_full\""), "{answer}");
    }
    for peer in &mut crowd {
        peer.until(b"data: before\n\n");
        peer.hears_nothing_for(Duration::from_millis(10));
    }
    let spent = Duration::from_nanos(process.cpu_ns() - cpu);
    assert!(spent < Duration::from_millis(100), "{spent:?} of CPU spent on waiting");

    crowd.truncate(5);
    eventually("a new connection is served", || {
        asking_once(&process).rest_or_reset().is_some_and(|text| text.ends_with(b"ok\n"))
    });
    let mut publisher = Peer::connect(process.address);
    assert_eq!(publisher.publish("cap", b"after").status, 201);
    for peer in &mut crowd {
        peer.until(b"data: after\n\n");
    }
}

#[test]
fn without_a_descriptor_who_is_idle_gives_way_before_anybody_is_turned_away() {
    let process = Process::serve_with_descriptors(200);
    let idle: Vec<Peer> = (0..8).map(|_| kept(&process)).collect();
    // As many as it has now: none is left for the next but its reserve.
    process.limit_descriptors(process.next_descriptor());
    assert_the_first_gives_way(idle, &process);
}

#[test]
fn without_a_reserve_nobody_is_told_and_nobody_is_lost() {
    let process = Process::serve_with_descriptors(200);
    let mut inside = streaming(&process);
    let open = process.descriptors();
    // Not even the reserve's number may be used again, once it is given up.
    process.limit_descriptors(4);
    let mut waiting: Vec<Peer> = (0..5).map(|_| asking_once(&process)).collect();
    let cpu = process.cpu_ns();
    for peer in &mut waiting {
        peer.hears_nothing_for(Duration::from_millis(200));
    }
    let spent = Duration::from_nanos(process.cpu_ns() - cpu);
    assert!(spent < Duration::from_millis(50), "{spent:?} of CPU spent on waiting");
    process.limit_descriptors(200);
    for peer in &mut waiting {
        assert!(peer.rest().ends_with(b"ok\n"));
    }
    eventually("they are gone", || process.descriptors() == open);
    // And there is a reserve again: who comes beyond the limit is told.
    process.limit_descriptors(process.next_descriptor());
    let answer = String::from_utf8(asking_once(&process).rest()).unwrap();
    assert!(answer.starts_with("HTTP/1.1 503 "), "{answer:?}");
    process.limit_descriptors(200);
    assert_eq!(Peer::connect(process.address).publish("cap", b"on").status, 201);
    inside.until(b"data: on\n\n");
}

#[test]
fn an_address_has_as_many_connections_as_it_may() {
    let process = Process::serve(&["--connections-per-address-max", "3"]);
    let mut inside: Vec<Peer> = (0..3).map(|_| kept(&process)).collect();
    for _ in 0..100 {
        let mut outside = asking_once(&process);
        let answer = String::from_utf8(outside.rest()).unwrap();
        assert!(answer.starts_with("HTTP/1.1 429 "), "{answer}");
        assert!(answer.contains("\"connections_per_address_full\""), "{answer}");
    }
    for peer in &mut inside {
        assert_eq!(peer.ask("/livez").status, 200);
    }
    drop(inside.pop());
    eventually("a place is free", || {
        asking_once(&process).rest_or_reset().is_some_and(|text| text.ends_with(b"ok\n"))
    });
}

#[test]
fn at_the_cap_who_is_refused_makes_nobody_give_way() {
    let bounds = ["--connections-max", "3", "--connections-per-address-max", "3"];
    // One loop: for who waits at another, somebody gives way before it is known whence they come.
    let process = Process::serve(&[&bounds[..], &["--reactors", "1"]].concat());
    let mut inside: Vec<Peer> = (0..3).map(|_| kept(&process)).collect();
    for _ in 0..10 {
        assert!(asking_once(&process).rest().starts_with(b"HTTP/1.1 429 "));
    }
    for peer in &mut inside {
        assert_eq!(peer.ask("/livez").status, 200);
    }
}

/// A connection that asks, and is to be closed after the answer.
fn asking_once(process: &Process) -> Peer {
    let mut peer = Peer::connect(process.address);
    peer.say(b"GET /livez HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    peer
}

/// A connection that has asked once, and may ask again.
fn kept(process: &Process) -> Peer {
    let mut peer = Peer::connect(process.address);
    assert_eq!(peer.ask("/livez").status, 200);
    peer
}

/// A connection that does not give way.
fn streaming(process: &Process) -> Peer {
    let mut peer = Peer::connect(process.address);
    peer.get("/c/cap/sse");
    peer.until(b"\r\n\r\n");
    peer.until(b"\n\n");
    peer
}
