//! Readers that never read, in real sockets: what they cost the server, and those who do.

use std::time::{Duration, Instant};

use crate::peer::Peer;
use crate::server::Process;

const MIB: u64 = 1024 * 1024;
const MESSAGE_BYTES: usize = 64 * 1024;
const CROWD: usize = 100;

/// A hundred subscribers never read, whatever is done about them; `SLOW_MIB=1024` has a gigabyte
/// published.
#[test]
fn who_never_reads_costs_a_bounded_memory() {
    let mib = std::env::var("SLOW_MIB").map_or(48, |mib| mib.parse().expect("a number"));
    let messages = mib * MIB / MESSAGE_BYTES as u64;
    for policy in ["close", "oldest", "newest", "latest"] {
        let process = Process::serve(&["--slow", policy, "--stall-s-max", "600"]);
        let mut publisher = Peer::connect(process.address);
        let mut reader = Peer::connect(process.address);
        reader.get("/c/news/sse");
        reader.until(b"\n\n");
        let alone = delays(&mut publisher, &mut reader, messages);

        let before = process.private_bytes();
        let crowd: Vec<Peer> = (0..CROWD).map(|_| never_reading(&process)).collect();
        let beside = delays(&mut publisher, &mut reader, messages);
        let grown = process.private_bytes().saturating_sub(before) / MIB;
        println!(
            "{policy}: {mib} MiB beside {CROWD} that never read: {grown} MiB more memory; \
             delay p50 {:?} (alone {:?}), p99 {:?} (alone {:?})",
            quantile(&beside, 50),
            quantile(&alone, 50),
            quantile(&beside, 99),
            quantile(&alone, 99)
        );
        assert!(grown <= 32, "{policy}: {grown} MiB");
        if policy != "close" {
            assert_eq!(behind(&mut publisher), CROWD, "{policy}: those behind are not shown");
        }
        drop(crowd);
    }
}

/// Connections of which it is shown what waits for them, here and in the kernel, and what does not.
fn behind(asking: &mut Peer) -> usize {
    let list: serde_json::Value =
        serde_json::from_slice(&asking.ask("/inspect/connections").content).unwrap();
    let all = list["connections"].as_array().unwrap().iter();
    let waits = |one: &&serde_json::Value| {
        let some = |name: &str| one[name].as_u64().is_some_and(|count| count > 0);
        some("queued") && some("unsent") && some("behind")
    };
    all.filter(waits).count()
}

/// It subscribes, and its socket soon takes no more.
fn never_reading(process: &Process) -> Peer {
    let mut peer = Peer::connect_narrow(process.address);
    peer.get("/c/news/sse");
    peer.until(b"\n\n");
    peer
}

/// Publishes and reads message by message; how long each took to arrive.
fn delays(publisher: &mut Peer, reader: &mut Peer, messages: u64) -> Vec<Duration> {
    let message = [&b"x".repeat(MESSAGE_BYTES - 3)[..], b"end"].concat();
    let mut delays = Vec::new();
    for _ in 0..messages {
        let began = Instant::now();
        assert_eq!(publisher.publish("news", &message).status, 201);
        reader.until(b"end\n\n");
        delays.push(began.elapsed());
    }
    delays.sort_unstable();
    delays
}

fn quantile(sorted: &[Duration], percent: usize) -> Duration {
    sorted[(sorted.len() - 1) * percent / 100]
}
