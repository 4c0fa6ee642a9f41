//! Obligations about readers that are silent, slow, talkative, or gone.

use pushscope::clock::SECOND_US;
use pushscope::engine::Farewell;
use pushscope::id::Kind;
use pushscope::limits::{self, Limits};

use crate::support::{Client, Seen, World, masked, request};

pub(crate) fn heartbeat_in_time(kind: Kind) {
    let silence_us = silence_us(kind);
    let mut world = World::new();
    world.advance(SECOND_US / 3);
    let mut client = Client::open(&mut world, kind, "news", "latest");
    world.advance(silence_us - 1);
    assert_eq!(heartbeats(&mut client, &mut world), 0, "too early");
    world.advance(1 + limits::HEARTBEAT_GRAIN_US);
    assert_eq!(heartbeats(&mut client, &mut world), 1, "too late");
    if kind != Kind::WebSocket {
        world.advance(10 * silence_us);
        let count = heartbeats(&mut client, &mut world);
        assert!((10..=11).contains(&count), "{count} heartbeats in 11 silences");
    }
    assert!(!world.is_over(&client.name));
}

pub(crate) fn silent_when_told(kind: Kind) {
    let mut world = World::with(Limits { heartbeat_us: 0, ping_us: 0, ..Limits::default() });
    let mut client = Client::open(&mut world, kind, "news", "latest");
    client.hear(&mut world);
    let said = world.said(&client.name).len();
    world.advance(24 * 3_600 * SECOND_US);
    assert_eq!(world.said(&client.name).len(), said);
    world.publish("news", "still here");
    assert_eq!(client.texts(&mut world), ["still here"]);
}

pub(crate) fn no_heartbeat_while_busy(kind: Kind) {
    let mut world = World::new();
    let mut client = Client::open(&mut world, kind, "news", "latest");
    for _ in 0..10 {
        world.advance(silence_us(kind) - 1);
        world.publish("news", "x");
    }
    assert_eq!(heartbeats(&mut client, &mut world), 0);
    assert_eq!(client.texts(&mut world).len(), 10);
}

pub(crate) fn closes_a_slow_reader(kind: Kind) {
    let mut world = World::new();
    let mut quick = Client::open(&mut world, kind, "news", "latest");
    let slow = Client::open(&mut world, kind, "news", "latest");
    world.narrow(&slow.name, 10);
    let text = "x".repeat(100_000);
    let mut published = 0;
    while world.subscribers("news") == 2 {
        assert!(published < 20, "the queue has no bound");
        world.publish("news", &text);
        published += 1;
        let queued = world.conn(&slow.name).expect("still there").queue.bytes();
        assert!(queued <= limits::QUEUE_BYTES_MAX + 110_000, "{queued}");
    }
    assert!(published > 10, "closed after {published} messages only");
    assert_eq!(world.farewell(&slow.name), None);
    world.advance(limits::STALL_US_MAX);
    assert_eq!(world.farewell(&slow.name), Some(Farewell::Reset), "its memory is given back");
    assert!(world.conn(&slow.name).is_none());
    world.publish("news", "still here");
    let texts = quick.texts(&mut world);
    assert_eq!(
        (texts.len(), texts.last().map(String::as_str)),
        (published + 1, Some("still here"))
    );
}

/// Slowness is judged by progress: ten bytes in ten seconds are some.
pub(crate) fn bears_a_slow_reader(kind: Kind) {
    let mut world = World::new();
    let client = Client::open(&mut world, kind, "news", "latest");
    world.narrow(&client.name, 0);
    world.publish("news", &"x".repeat(10_000));
    for _ in 0..30 {
        world.advance(limits::STALL_US_MAX - 1);
        assert!(world.conn(&client.name).is_some(), "it has made progress");
        world.widen(&client.name, 10);
        if kind == Kind::WebSocket {
            world.tell(&client.name, masked(0x8a, b""));
        }
    }
    world.advance(limits::STALL_US_MAX);
    assert_eq!(world.farewell(&client.name), Some(Farewell::Reset));
}

pub(crate) fn drops_input(kind: Kind) {
    let mut world = World::new();
    let mut client = Client::open(&mut world, kind, "news", "latest");
    let mut left = limits::STREAM_INPUT_BYTES_MAX;
    for part in ["GET / HTTP/1.1\r\n\r\n", "\0\u{ff}", "x"] {
        world.tell(&client.name, part);
        left -= part.len();
    }
    world.tell(&client.name, vec![b'x'; left]);
    world.publish("news", "still here");
    assert_eq!(client.texts(&mut world), ["still here"]);
    let said = world.said(&client.name).len();
    world.tell(&client.name, "y");
    assert!(world.is_over(&client.name), "the budget is spent");
    assert_eq!(world.said(&client.name).len(), said, "a stream that is cut must not look whole");
    assert_eq!(world.subscribers("news"), 0);
}

pub(crate) fn strikes_off(kind: Kind) {
    let mut world = World::new();
    let clients: Vec<Client> =
        (0..4).map(|_| Client::open(&mut world, kind, "news", "latest")).collect();
    assert_eq!((world.online(kind), world.subscribers("news")), (4, 4));
    let receipt = world.publish("other", "x");
    assert_eq!((receipt.status, receipt.json()["subscribers"].to_string()), (202, "{}".to_owned()));
    world.end(&clients[1].name);
    assert_eq!((world.online(kind), world.subscribers("news")), (3, 3));
    world.break_off(&clients[0].name);
    assert_eq!((world.online(kind), world.subscribers("news")), (2, 2));
    let receipt = world.publish("news", "x");
    assert_eq!(
        (receipt.status, receipt.json()["subscribers"][kind.name()].as_u64()),
        (201, Some(2))
    );
    for client in &clients[2..] {
        assert!(String::from_utf8_lossy(world.said(&client.name)).contains('x'));
    }
    world.sweep_all();
    assert_eq!((world.online(kind), world.subscribers("news")), (0, 0));
}

/// What the kernel reports of a socket that is closed reaches nobody, though its slot is taken.
#[test]
fn a_stale_token_reaches_nobody() {
    let mut world = World::new();
    world.tell("old", request(Kind::Sse, "/c/news/sse"));
    let stale = world.token("old");
    world.break_off("old");
    world.tell("new", request(Kind::Sse, "/c/news/sse"));
    assert_eq!(world.token("new").index, stale.index, "the slot is taken again");
    let said = world.said("new").len();
    for _ in 0..2 {
        world.engine.receive(stale, &vec![b'x'; limits::STREAM_INPUT_BYTES_MAX + 1]);
        world.engine.writable(stale);
        world.engine.sent(stale, 1);
        world.engine.flushed(stale);
        world.engine.ended(stale);
        world.engine.broken(stale);
        world.turn();
    }
    assert!(!world.engine.is_reading(stale) && world.engine.conn(stale).is_none());
    assert!(world.conn("new").is_some());
    assert_eq!((world.said("new").len(), world.subscribers("news")), (said, 1));
}

fn silence_us(kind: Kind) -> u64 {
    match kind {
        Kind::WebSocket => limits::PING_US,
        _ => limits::HEARTBEAT_US,
    }
}

fn heartbeats(client: &mut Client, world: &mut World) -> usize {
    client.hear(world).seen.iter().filter(|seen| **seen == Seen::Heartbeat).count()
}
