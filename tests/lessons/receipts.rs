//! What a receipt says of one message: its own deliveries, its own writes, its own delay.

use pushscope::clock::SECOND_US;
use pushscope::id::Kind;
use pushscope::limits;
use pushscope::statement::{Receipt, Share};

use crate::ledger::{account, get};
use crate::support::{Answer, World, request};

#[test]
fn a_poll_is_on_the_receipts_of_what_it_brings_alone() {
    let mut world = World::new();
    let ids = burst(&mut world, "news");
    assert_eq!(receipt(&mut world, "news", &ids[0]).batch, 3, "they are handed over at once");
    world.advance(SECOND_US / 4);
    let answer = world.get(&format!("/c/news/poll?since={}", ids[1]));
    assert!(answer.text().contains("three") && !answer.text().contains("two"));
    for id in &ids[..2] {
        assert_eq!(receipt(&mut world, "news", id).mechanisms, [], "{id}");
    }
    let share = only_share(&mut world, "news", &ids[2], Kind::Poll);
    assert_eq!((share.subscribers, share.delivered), (1, 1));
    assert_eq!((share.payload, share.calls), (5.0, 1.0));
    assert_eq!((share.delay_us_min, share.delay_us_max), (SECOND_US / 4, SECOND_US / 4));
}

#[test]
fn a_first_poll_is_on_the_receipts_without_a_delay() {
    let mut world = World::new();
    let ids = burst(&mut world, "news");
    world.advance(SECOND_US);
    assert_eq!(world.get("/c/news/poll").status, 200);
    for id in &ids {
        let share = only_share(&mut world, "news", id, Kind::Poll);
        assert_eq!((share.subscribers, share.delivered), (1, 1), "{id}");
        assert_eq!((share.delay_us_mean, share.delay_us_max), (0.0, 0), "{id}");
        assert!((share.calls - 1.0 / 3.0).abs() < 1e-9, "{id}: {share:?}");
    }
    let poll = account(&mut world, "poll");
    assert_eq!((poll.deliveries, poll.delay_us.count), (3, 0));
}

#[test]
fn a_clock_tells_of_a_message_and_delivers_none() {
    let mut world = World::new();
    world.tell("clock", get("/iframe/message/7"));
    let before = world.said("clock").len();
    let id = world.publish("7", "hello").id();
    let script = String::from_utf8_lossy(&world.said("clock")[before..]).into_owned();
    assert!(script.contains("'count').textContent = \"1\""), "{script}");
    let iframe = account(&mut world, "iframe");
    assert_eq!((iframe.deliveries, iframe.delay_us.count, iframe.sent.made.payload), (0, 0, 0));
    assert_eq!(receipt(&mut world, "7", &id).mechanisms, [], "it was queued for nobody");
}

#[test]
fn a_watch_delivers_the_newest_message_alone() {
    let mut world = World::new();
    world.tell("watch", get("/polling/watch/7"));
    let ids = burst(&mut world, "7");
    assert!(world.said("watch").ends_with(b"\r\n\r\nthree"));
    let long_poll = account(&mut world, "long_poll");
    assert_eq!((long_poll.deliveries, long_poll.delay_us.count), (1, 1));
    assert_eq!(long_poll.sent.made.payload, 5);
    for id in &ids[..2] {
        assert_eq!(receipt(&mut world, "7", id).mechanisms, [], "{id} was queued for nobody");
    }
    let share = only_share(&mut world, "7", &ids[2], Kind::LongPoll);
    assert_eq!((share.subscribers, share.delivered), (1, 1));
    assert_eq!((share.payload, share.calls), (5.0, 1.0));
}

#[test]
fn every_write_that_took_some_of_a_message_is_on_its_receipt() {
    let mut world = World::new();
    world.tell("narrow", request(Kind::Sse, "/c/news/sse"));
    let opened = world.sends("narrow");
    world.narrow("narrow", 0);
    let id = world.publish("news", &"x".repeat(1_000_000)).id();
    let share = only_share(&mut world, "news", &id, Kind::Sse);
    assert_eq!((share.subscribers, share.delivered), (1, 0));
    while only_share(&mut world, "news", &id, Kind::Sse).delivered == 0 {
        let before = world.said("narrow").len();
        world.widen("narrow", 33_333);
        assert!(world.said("narrow").len() > before, "nothing moves any more");
    }
    let sends = world.sends("narrow") - opened;
    assert_eq!(sends, 31, "1,000,000 bytes and their frame, by 33,333");
    let share = only_share(&mut world, "news", &id, Kind::Sse);
    assert_eq!((share.calls, share.payload), (sends as f64, 1_000_000.0));
}

#[test]
fn the_writes_of_a_row_of_messages_are_shared_out_among_them() {
    let mut world = World::new();
    world.tell("narrow", request(Kind::Sse, "/c/news/sse"));
    let opened = world.sends("narrow");
    world.narrow("narrow", 0);
    let sizes = [1, 50_000, 7, 9, 120_000, 3];
    let publish = |size: &usize| world.publish("news", &"x".repeat(*size)).id();
    let ids: Vec<String> = sizes.iter().map(publish).collect();
    for _ in 0..sizes.iter().sum::<usize>() / 20_000 + 1 {
        world.widen("narrow", 20_000);
    }
    let shares: Vec<Share> =
        ids.iter().map(|id| only_share(&mut world, "news", id, Kind::Sse)).collect();
    assert!(shares.iter().all(|share| share.delivered == 1), "{shares:?}");
    assert_eq!(world.sends("narrow") - opened, 9);
    // A call that takes k messages to their last byte is 1/k for each; the rest is the first's.
    let expected = [1.0, 1.0 + 1.0 / 3.0, 1.0 / 3.0, 1.0 / 3.0, 5.0 + 0.5, 0.5];
    for (share, expected) in shares.iter().zip(expected) {
        assert!((share.calls - expected).abs() < 1e-9, "{expected} calls: {share:?}");
    }
}

#[test]
fn an_answer_that_brings_much_is_on_the_newest_receipts() {
    let mut world = World::new();
    let count = limits::RECEIPTS_PER_ANSWER + 1;
    let ids: Vec<String> = (0..count).map(|_| world.publish("news", "x").id()).collect();
    assert_eq!(world.get("/c/news/poll").status, 200);
    assert_eq!(receipt(&mut world, "news", &ids[0]).mechanisms, [], "the oldest");
    for id in &ids[1..] {
        let share = only_share(&mut world, "news", id, Kind::Poll);
        assert!((share.calls - 1.0 / count as f64).abs() < 1e-9, "{id}: {share:?}");
    }
    assert_eq!(account(&mut world, "poll").deliveries, count as u64);
}

/// Publishes `one`, `two` and `three` in one turn; returns their ids.
fn burst(world: &mut World, channel: &str) -> Vec<String> {
    let texts = ["one", "two", "three"].map(str::to_owned);
    world.publish_burst(channel, &texts);
    let epoch = world.unix_s() * 1_000;
    (1..=3).map(|offset| format!("{epoch}-{offset}")).collect()
}

fn receipt(world: &mut World, channel: &str, id: &str) -> Receipt {
    let answer: Answer = world.get(&format!("/c/{channel}/receipts/{id}"));
    serde_json::from_slice(&answer.content).unwrap_or_else(|error| panic!("{error}: {answer:?}"))
}

/// What a message has cost by the one mechanism by which it has left.
pub(crate) fn only_share(world: &mut World, channel: &str, id: &str, kind: Kind) -> Share {
    let mut shares = receipt(world, channel, id).mechanisms;
    assert!(matches!(&shares[..], [share] if share.mechanism == kind.name()), "{id}: {shares:?}");
    shares.remove(0)
}
