//! Obligations about readers that are silent, slow, talkative, or gone.

use pushscope::clock::SECOND_US;
use pushscope::engine::Farewell;
use pushscope::id::Kind;
use pushscope::limits::{self, Limits};

use crate::support::{Client, Seen, World, address, answers, hear, masked, request};

pub(crate) fn heartbeat_in_time(kind: Kind) {
    let silence_us = silence_us(kind);
    let mut world = World::new();
    world.advance(SECOND_US / 3);
    let mut client = Client::open(&mut world, kind, "news", "latest");
    world.advance(silence_us - limits::HEARTBEAT_GRAIN_US);
    assert_eq!(heartbeats(&mut client, &mut world), 0, "too early");
    world.advance(limits::HEARTBEAT_GRAIN_US);
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
        world.advance(silence_us(kind) - limits::HEARTBEAT_GRAIN_US);
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
        assert!(queued <= limits::QUEUE_BYTES_MAX as u64 + 110_000, "{queued}");
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

/// Where a response head is expected nothing else may stand: who has not begun to read it is reset.
pub(crate) fn says_nothing_before_its_head(kind: Kind) {
    for room in [0, 1, 60] {
        let mut world = World::new();
        world.enter("slow");
        world.narrow("slow", room);
        world.tell("slow", request(kind, &address(kind, "news")));
        let text = "x".repeat(100_000);
        while world.subscribers("news") == 1 {
            world.publish("news", &text);
        }
        assert_eq!(world.farewell("slow"), Some(Farewell::Reset), "{room} bytes taken");
        assert_eq!(world.said("slow").len(), room);
        assert!(b"HTTP/1.1 ".iter().zip(world.said("slow")).all(|(head, said)| head == said));
    }
}

/// Only a socket that was tried can show that its reader does not read.
pub(crate) fn forgives_a_long_replay(kind: Kind) {
    let mut world = World::new();
    let text = "x".repeat(limits::HISTORY_BYTES_MAX / limits::HISTORY_MESSAGES_MAX);
    let texts = vec![text; limits::HISTORY_MESSAGES_MAX];
    world.publish_burst("news", &texts);
    let since = "since=all&envelope=json";
    world.say("all", request(kind, &format!("{}?{since}", address(kind, "news"))));
    world.say("publisher", "POST /c/news HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nnew");
    world.turn();
    assert!(!world.is_over("all"), "its socket was never tried");
    let heard = hear(kind, world.said("all")).seen;
    let messages = heard.iter().filter(|seen| matches!(seen, Seen::Message(_))).count();
    assert_eq!(messages, limits::HISTORY_MESSAGES_MAX + 1);
}

/// A request and a FIN that come together: what was asked for still leaves.
pub(crate) fn answers_a_closed_half(kind: Kind) {
    let mut world = World::new();
    world.publish("news", "ready");
    let target = format!("{}?since=all&envelope=json", address(kind, "news"));
    world.say("half", request(kind, &target));
    world.end("half");
    let heard = hear(kind, world.said("half")).seen;
    let messages = heard.iter().filter(|seen| matches!(seen, Seen::Message(_))).count();
    assert_eq!(messages, 1, "{heard:?}");
    assert!(world.is_over("half"));
    assert_eq!(world.subscribers("news"), 0);
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

/// We do not parse what is behind an answer that nobody reads; so it is not late either.
#[test]
fn a_request_behind_an_unread_answer_is_not_late() {
    let mut world = World::new();
    world.enter("slow");
    world.narrow("slow", 0);
    let next = "GET /c/news/poll?since=all HTTP/1.1\r\nHost: h\r\n\r\n";
    world.tell("slow", format!("GET /c/news/longpoll HTTP/1.1\r\nHost: h\r\n\r\n{next}"));
    world.publish("news", &"x".repeat(900_000));
    let paused_us = 4 * limits::HEAD_US_MAX;
    for _ in 0..paused_us / SECOND_US {
        world.advance(SECOND_US);
        world.widen("slow", 10_000);
    }
    assert!(world.conn("slow").expect("it reads").is_full(), "it is paused all the time");
    world.widen("slow", usize::MAX);
    let told = answers(world.said("slow"));
    let statuses: Vec<u16> = told.iter().map(|answer| answer.status).collect();
    assert_eq!(statuses, [200, 200]);
    // Once it may speak again it has the time that everybody has, and no more.
    world.tell("slow", "GET /c/news");
    world.advance(limits::HEAD_US_MAX);
    assert_eq!(answers(world.said("slow")).pop().map(|answer| answer.status), Some(408));
}

/// What a closed connection still sends is dropped: left in the kernel, its end would be an RST.
#[test]
fn who_is_closed_while_it_is_paused_is_read_on() {
    let mut world = World::new();
    let row = "GET /livez HTTP/1.1\r\nHost: h\r\n\r\n".repeat(10_000);
    world.tell("l", request(Kind::LongPoll, "/c/news/longpoll") + &row);
    assert!(world.is_unread("l"), "a parked request is to wait in front of a bounded rest");
    world.drain();
    assert!(world.is_over("l"));
    let told = answers(world.said("l"));
    assert_eq!(told.iter().map(|answer| answer.status).collect::<Vec<_>>(), [503]);
    assert!(!world.is_unread("l"), "its end would be an RST");
    world.end("l");
    assert_eq!(world.farewell("l"), Some(Farewell::Close));
}

/// A burst is to leave before more of it is read.
#[test]
fn a_burst_makes_the_engine_crowded_once() {
    let mut world = World::new();
    world.tell("s", request(Kind::Sse, "/c/news/sse"));
    world.tell("w", request(Kind::WebSocket, "/c/news/ws"));
    let token = world.token("w");
    assert!(!world.engine.take_crowded());
    world.give(token, &masked(0x81, b"x").repeat(64));
    assert!(!world.engine.take_crowded(), "a few messages wait for the end of the turn");
    world.give(token, &masked(0x81, b"x").repeat(9_000));
    assert!(world.engine.take_crowded());
    assert!(!world.engine.take_crowded(), "it says so once");
    world.turn();
}

/// A long answer is to leave before others are read: the cache has it still.
#[test]
fn a_long_answer_leaves_before_others_are_read() {
    let mut world = World::new();
    world.tell("w", request(Kind::WebSocket, "/echo"));
    let token = world.token("w");
    // The head of such a frame has four bytes.
    for (bytes, is_long) in
        [(limits::QUEUE_BYTES_WARM - 5, false), (limits::QUEUE_BYTES_WARM - 4, true)]
    {
        world.give(token, &masked(0x82, &vec![b'x'; bytes]));
        assert_eq!(world.engine.take_crowded(), is_long, "{bytes} bytes");
        world.turn();
    }
    world.narrow("w", 0);
    world.tell("w", masked(0x82, b"x"));
    world.give(token, &masked(0x82, &vec![b'x'; limits::QUEUE_BYTES_WARM]));
    assert!(!world.engine.take_crowded(), "its socket would take nothing");
}

/// Who reads all the time gets everything, however much is published within one turn.
#[test]
fn a_burst_closes_nobody_who_reads() {
    let mut world = World::new();
    world.tell("s", request(Kind::Sse, "/c/news/sse"));
    world.tell("w", request(Kind::WebSocket, "/c/news/ws"));
    world.tell("w", masked(0x81, b"x").repeat(40_000));
    for (name, kind) in [("s", Kind::Sse), ("w", Kind::WebSocket)] {
        assert!(!world.is_over(name), "{name}");
        let heard = hear(kind, world.said(name)).seen;
        let messages = heard.iter().filter(|seen| matches!(seen, Seen::Message(_))).count();
        assert_eq!(messages, 40_000, "{name}");
    }
}

/// Empty lines between requests are none: who sends one and leaves has asked for nothing.
#[test]
fn an_empty_line_before_an_end_asks_for_nothing() {
    for empty in ["\r\n", "\r", "\r\n\r\n"] {
        let mut world = World::new();
        world.say("a", format!("GET /livez HTTP/1.1\r\nHost: h\r\n\r\n{empty}"));
        world.end("a");
        assert_eq!(answers(world.said("a")).len(), 1, "{empty:?}");
        assert!(world.is_over("a"), "{empty:?}");
        let mut world = World::new();
        world.tell("a", format!("GET /livez HTTP/1.1\r\nHost: h\r\n\r\n{empty}"));
        world.advance(limits::KEEP_ALIVE_US_MAX);
        assert_eq!(answers(world.said("a")).len(), 1, "{empty:?}: it was only silent");
        assert!(world.is_over("a"), "{empty:?}");
    }
}

/// The same behind a parked request.
#[test]
fn an_empty_line_behind_a_parked_request_asks_for_nothing() {
    let mut world = World::new();
    world.tell("l", request(Kind::LongPoll, "/c/news/longpoll") + "\r\n");
    world.publish("news", "now");
    world.end("l");
    let told = answers(world.said("l"));
    assert_eq!(told.iter().map(|answer| answer.status).collect::<Vec<_>>(), [200]);
    assert!(world.is_over("l"));
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
