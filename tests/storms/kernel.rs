//! What the kernel refuses: each call that can fail when there is no descriptor or no memory left,
//! and how a server that met it goes on.

use std::process::Command;
use std::time::Duration;

use crate::peer::{Peer, eventually};
use crate::server::Process;

/// The calls that the kernel refuses, the error, and who of those who come meanwhile are told.
const ROWS: &[(&str, &str, Told)] = &[
    ("accept4", "ECONNABORTED", Told::Served),
    ("accept4", "EPERM", Told::Served),
    ("accept4", "EMFILE", Told::Either),
    ("accept4", "ENFILE", Told::Either),
    ("accept4", "ENOBUFS", Told::Served),
    ("accept4", "ENOMEM", Told::Served),
    ("epoll_ctl", "ENOMEM", Told::Full),
    ("epoll_ctl", "ENOSPC", Told::Full),
];

/// What becomes of whoever meets the refusal.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Told {
    /// They are served at the next attempt.
    Served,
    /// They are told that there is no room.
    Full,
    /// One or the other, as the reserve is refused, too, or not.
    Either,
}

#[test]
fn a_refusal_of_the_kernels_is_survived() {
    if let Err(why) = Command::new("strace").args(["-o", "/dev/null", "true"]).status() {
        return println!("no strace, so no kernel that refuses: {why}");
    }
    for (call, error, told) in ROWS {
        // The calls from the third on are refused, four of them: the first two connections are
        // there already. Registered before them were the listener, the waker and the signals.
        let from = if *call == "epoll_ctl" { "6..9" } else { "5..8" };
        let process = Process::serve_refusing(&format!("{call}:error={error}:when={from}"));
        let mut staying = Peer::connect(process.address);
        staying.get("/c/n/sse");
        staying.until(b"\n\n");
        let mut publisher = Peer::connect(process.address);
        assert_eq!(publisher.publish("n", b"before").status, 201);

        let mut full = 0;
        eventually(&format!("{call} {error}: somebody is served again"), || {
            let mut peer = Peer::connect(process.address);
            // Whoever is turned away may be before it has asked; it has its answer all the same.
            peer.try_say(b"GET /livez HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
            let answer = String::from_utf8(peer.rest_or_reset().unwrap_or_default()).unwrap();
            full += usize::from(answer.contains("\"connections_full\""));
            assert!(answer.ends_with("ok\n") || answer.starts_with("HTTP/1.1 503 "), "{answer:?}");
            answer.ends_with("ok\n")
        });
        println!("  {call} {error}: {full} are turned away");
        assert!(*told == Told::Either || (full > 0) == (*told == Told::Full));
        // Whoever was idle may have given way.
        let mut publisher = Peer::connect(process.address);
        assert_eq!(publisher.publish("n", b"after").status, 201, "{call} {error}");
        staying.until(b"data: before\n\n");
        staying.until(b"data: after\n\n");
        publisher.hears_nothing_for(Duration::from_millis(200));
        let sleeps = process.sleeps();
        publisher.hears_nothing_for(Duration::from_millis(500));
        assert!(process.sleeps() - sleeps <= 3, "{call} {error}: it spins");
    }
}
