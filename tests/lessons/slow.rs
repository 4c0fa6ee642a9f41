//! Readers that do not keep up: what they are told, what they miss, and what they cost.

use pushscope::clock::SECOND_US;
use pushscope::engine::Config;
use pushscope::event::Payload;
use pushscope::id::{Id, Kind};
use pushscope::limits::Limits;
use pushscope::slow::{Policies, Policy, streams};

use crate::support::{Client, Seen, UPGRADE, World, address, hear, request};

const SOFT_BYTES: usize = 4_096;
const HISTORY: usize = 10;
const TEXT_BYTES: usize = 1_000;
/// What wraps one message, at most.
const WRAPPED_BYTES: usize = TEXT_BYTES + 256;

fn streaming() -> impl Iterator<Item = Kind> {
    Kind::ALL.into_iter().filter(|kind| streams(*kind))
}

fn bounded() -> Limits {
    Limits { queue_soft_bytes: SOFT_BYTES, history_messages_max: HISTORY, ..Limits::default() }
}

fn world(kind: Kind, policy: Policy) -> World {
    let mut slow = Policies::default();
    slow.set(kind, policy);
    World::configured(Config { limits: bounded(), slow, ..Config::default() })
}

/// `count` messages that say which they are, counted from 1.
fn publish(world: &mut World, numbers: std::ops::RangeInclusive<usize>) {
    for number in numbers {
        world.publish("news", &format!("{number:0TEXT_BYTES$}"));
    }
}

/// The numbers that were heard, and how many are said to be missing in front of which.
fn told(client: &mut Client, world: &mut World) -> (Vec<usize>, Vec<(usize, u64)>) {
    let (mut numbers, mut gaps) = (Vec::new(), Vec::new());
    for seen in &client.hear(world).seen {
        match seen {
            Seen::Message(message) => {
                let Payload::Text(text) = &message.payload else { panic!("{message:?}") };
                numbers.push(text.parse().expect("a number"));
            }
            Seen::Gap { missed, .. } => gaps.push((numbers.len(), *missed)),
            _ => {}
        }
    }
    (numbers, gaps)
}

/// Every number follows the one before, or a gap of the right size.
fn assert_complete(numbers: &[usize], gaps: &[(usize, u64)], newest: usize) {
    let mut expected = 1;
    let mut gaps = gaps.iter().peekable();
    for (at, number) in numbers.iter().enumerate() {
        while let Some((_, missed)) = gaps.next_if(|(place, _)| *place == at) {
            expected += usize::try_from(*missed).unwrap();
        }
        assert_eq!(*number, expected, "at {at} of {numbers:?}");
        expected += 1;
    }
    expected += gaps.map(|(_, missed)| usize::try_from(*missed).unwrap()).sum::<usize>();
    assert_eq!(expected, newest + 1, "what follows {numbers:?} is not told");
}

fn missed(world: &mut World, kind: Kind) -> u64 {
    let accounts = &world.get("/ledger").json()["accounts"];
    let accounts = accounts.as_array().expect("accounts");
    let of_kind = accounts.iter().find(|account| account["owner"] == kind.name());
    of_kind.and_then(|account| account["missed"].as_u64()).expect("a count")
}

/// What each policy leaves of a hundred messages to a reader that stood still meanwhile.
#[test]
fn who_stands_still_reads_on_as_its_policy_says() {
    for kind in streaming() {
        for policy in [Policy::Oldest, Policy::Newest, Policy::Latest] {
            let mut world = world(kind, policy);
            let mut slow = Client::open(&mut world, kind, "news", "latest");
            world.narrow(&slow.name, 0);
            for number in 1..=100 {
                publish(&mut world, number..=number);
                let queued = world.conn(&slow.name).expect("it stays").queue.bytes();
                assert!(queued <= (SOFT_BYTES + WRAPPED_BYTES) as u64, "{kind:?}: {queued}");
            }
            world.widen(&slow.name, usize::MAX);
            let (numbers, gaps) = told(&mut slow, &mut world);
            assert_complete(&numbers, &gaps, 100);
            match policy {
                Policy::Oldest => assert!(numbers.ends_with(&Vec::from_iter(91..=100))),
                Policy::Newest => assert!(numbers.len() < 10 && !numbers.contains(&100)),
                _ => assert_eq!(numbers, [1, 100], "{kind:?}"),
            }
            assert_eq!(gaps.len(), 1, "{kind:?}, {policy:?}: {gaps:?}");
            assert_eq!(missed(&mut world, kind), gaps[0].1, "it is booked");
            // It is level again, and gets what comes as everybody does.
            publish(&mut world, 101..=103);
            let (numbers, gaps) = told(&mut slow, &mut world);
            assert_complete(&numbers, &gaps, 103);
            assert!(numbers.ends_with(&[101, 102, 103]));
            assert_eq!(gaps.len(), 1);
        }
    }
}

/// A reader that is slow all the time is told of each gap, and misses none silently.
#[test]
fn who_reads_a_little_at_a_time_is_told_of_every_gap() {
    for kind in streaming() {
        for policy in [Policy::Oldest, Policy::Newest, Policy::Latest] {
            let mut world = world(kind, policy);
            let mut slow = Client::open(&mut world, kind, "news", "latest");
            world.narrow(&slow.name, 0);
            for number in 1..=200 {
                publish(&mut world, number..=number);
                world.widen(&slow.name, 37 * (number % 11));
                world.advance(SECOND_US / 100);
            }
            world.widen(&slow.name, usize::MAX);
            let (numbers, gaps) = told(&mut slow, &mut world);
            assert_complete(&numbers, &gaps, 200);
            let lost: u64 = gaps.iter().map(|(_, missed)| missed).sum();
            assert!(lost > 0, "{kind:?}, {policy:?}: it was not slow");
            assert_eq!(missed(&mut world, kind), lost, "{kind:?}, {policy:?}");
        }
    }
}

/// Who is cut off while it is behind comes back with its cursor, and misses nothing silently.
#[test]
fn who_is_cut_off_while_it_is_behind_resumes() {
    for kind in streaming() {
        for policy in [Policy::Oldest, Policy::Newest, Policy::Latest] {
            let mut world = world(kind, policy);
            let mut slow = Client::open(&mut world, kind, "news", "latest");
            let begin = slow.cursor(&mut world);
            world.narrow(&slow.name, 3 * WRAPPED_BYTES);
            publish(&mut world, 1..=8);
            let heard = told(&mut slow, &mut world).0.len();
            let cursor = slow.cursor(&mut world);
            world.break_off(&slow.name);
            let offset = |cursor: &str| Id::parse(cursor).expect("an id").offset;
            assert_eq!(offset(&cursor), offset(&begin) + heard as u64, "{kind:?}, {policy:?}");
            let mut back = Client::open(&mut world, kind, "news", &cursor);
            let (numbers, gaps) = told(&mut back, &mut world);
            assert_eq!((numbers, gaps), ((heard + 1..=8).collect(), vec![]));
        }
    }
}

/// A log is longer than a queue may be: who asks for all of it is fed as it reads, whatever its
/// policy, and what is published meanwhile finds nobody slow.
#[test]
fn who_asks_for_a_long_log_is_fed_as_it_reads() {
    for kind in streaming() {
        for policy in Policy::ALL {
            let mut slow = Policies::default();
            slow.set(kind, policy);
            let mut world = World::configured(Config { slow, ..Config::default() });
            // Control characters: in JSON each takes six bytes.
            let texts: Vec<String> = (0..200).map(|_| "\u{1}".repeat(4_000)).collect();
            world.publish_burst("news", &texts);
            world.enter("reader");
            let target = format!("{}?since=all&envelope=json", address(kind, "news"));
            world.narrow("reader", 10_000);
            world.tell("reader", request(kind, &target));
            for _ in 0..30 {
                let queued = world.conn("reader").expect("it reads").queue.bytes();
                assert!(queued <= 512 * 1024, "{kind:?}, {policy:?}: {queued}");
                world.publish("news", "and on it goes");
                world.widen("reader", 200_000);
            }
            world.widen("reader", usize::MAX);
            let heard = hear(kind, world.said("reader")).seen;
            let messages = heard.iter().filter(|seen| matches!(seen, Seen::Message(_))).count();
            let gaps: u64 = heard
                .iter()
                .map(|seen| match seen {
                    Seen::Gap { missed, .. } => *missed,
                    _ => 0,
                })
                .sum();
            assert_eq!(messages as u64 + gaps, 230, "{kind:?}, {policy:?}");
            let is_gap = |seen: &Seen| matches!(seen, Seen::Gap { .. });
            let first = heard.iter().position(is_gap).unwrap_or(heard.len());
            let before = heard[..first].iter().filter(|seen| matches!(seen, Seen::Message(_)));
            assert!(before.count() >= 200, "{kind:?}, {policy:?}: the log has all of it");
        }
    }
}

/// Who does not read on is not waited for by the log.
#[test]
fn who_reads_a_log_slower_than_it_grows_is_closed_or_told() {
    for kind in streaming() {
        for policy in [Policy::Close, Policy::Oldest] {
            let mut world = world(kind, policy);
            let long = vec!["x".repeat(60_000); HISTORY];
            world.publish_burst("news", &long);
            world.enter("reader");
            let target = format!("{}?since=all&envelope=json", address(kind, "news"));
            world.narrow("reader", 100_000);
            world.tell("reader", request(kind, &target));
            world.publish_burst("news", &long);
            world.widen("reader", usize::MAX);
            let heard = hear(kind, world.said("reader")).seen;
            let gaps = heard.iter().filter(|seen| matches!(seen, Seen::Gap { .. })).count();
            assert_eq!(gaps, usize::from(policy == Policy::Oldest), "{kind:?}, {policy:?}");
            assert_eq!(world.subscribers("news"), u32::from(policy == Policy::Oldest));
        }
    }
}

/// What is dropped is told before the last words are: there is nothing to come back for.
#[test]
fn who_is_behind_when_all_ends_is_told_what_it_has_missed() {
    for kind in streaming() {
        for policy in [Policy::Oldest, Policy::Newest, Policy::Latest] {
            for drains in [false, true] {
                let mut world = world(kind, policy);
                let mut slow = Client::open(&mut world, kind, "news", "latest");
                world.narrow(&slow.name, 0);
                publish(&mut world, 1..=100);
                if drains {
                    world.drain();
                } else {
                    world.say("d", "DELETE /c/news HTTP/1.1\r\nHost: h\r\n\r\n");
                    world.turn();
                }
                world.widen(&slow.name, usize::MAX);
                let (numbers, gaps) = told(&mut slow, &mut world);
                assert_complete(&numbers, &gaps, 100);
                let last = slow.hear(&mut world).seen.last().cloned();
                assert!(matches!(last, Some(Seen::End(_))), "{kind:?}, {policy:?}: {last:?}");
                let lost = gaps.iter().map(|(_, missed)| missed).sum::<u64>();
                assert_eq!(missed(&mut world, kind), lost, "it is booked");
            }
        }
    }
}

#[test]
fn a_client_chooses_its_policy() {
    for kind in streaming() {
        let mut world = World::with(bounded());
        world.enter("slow");
        let target = format!("{}?slow=latest&envelope=json", address(kind, "news"));
        world.tell("slow", request(kind, &target));
        world.narrow("slow", 0);
        publish(&mut world, 1..=100);
        world.widen("slow", usize::MAX);
        let heard = hear(kind, world.said("slow")).seen;
        let messages = heard.iter().filter(|seen| matches!(seen, Seen::Message(_))).count();
        assert_eq!(messages, 2, "the first and the last");
    }
    for (target, reason) in [
        ("/c/news/sse?slow=fast", "slow_refused"),
        ("/c/news/poll?slow=latest", "slow_refused"),
        ("/c/news/longpoll?slow=close", "slow_refused"),
    ] {
        let answer = World::new().get(target);
        assert_eq!((answer.status, answer.reason().as_str()), (400, reason), "{target}");
    }
}

#[test]
fn what_cannot_be_told_is_not_dropped() {
    let bare = |slow: &str| format!("GET /c/news/ws{slow} HTTP/1.1\r\nHost: h\r\n{UPGRADE}");
    let mut world = world(Kind::WebSocket, Policy::Latest);
    let answer = world.ask(format!("{}\r\n", bare("?slow=oldest")));
    assert_eq!((answer.status, answer.reason().as_str()), (400, "slow_untold"));
    let subprotocol = "Sec-WebSocket-Protocol: pushscope.json\r\n\r\n";
    for (name, request) in [
        ("by its subprotocol", format!("{}{subprotocol}", bare("?slow=oldest"))),
        ("as it is", format!("{}\r\n", bare("?slow=close"))),
    ] {
        world.tell(name, request);
        assert!(world.said(name).starts_with(b"HTTP/1.1 101 "), "{name}");
    }
    for target in ["/iframe/message/news?slow=latest", "/orderpay?payid=1&slow=oldest"] {
        let answer = world.get(target);
        assert_eq!((answer.status, answer.reason().as_str()), (400, "slow_untold"), "{target}");
    }
    // Set for all WebSockets, it holds for those that can be told.
    world.tell("bare", format!("{}\r\n", bare("")));
    world.narrow("bare", 0);
    publish(&mut world, 1..=50);
    assert!(world.conn("bare").expect("it stays").queue.bytes() > 40_000, "it was fed");
}

/// A queue may be long for a while; news find it so first, and its time begins then.
#[test]
fn a_queue_that_stays_long_is_closed() {
    for kind in streaming() {
        let mut world = World::with(Limits { stall_us_max: 60 * SECOND_US, ..bounded() });
        let slow = Client::open(&mut world, kind, "news", "latest");
        world.narrow(&slow.name, 0);
        publish(&mut world, 1..=10);
        world.advance(world.limits.queue_soft_us_max - 1);
        assert_eq!(world.subscribers("news"), 1, "{kind:?}: too early");
        world.advance(1);
        assert_eq!(world.subscribers("news"), 0, "{kind:?}: too late");
        let queued = world.conn(&slow.name).map_or(0, |conn| conn.queue.bytes());
        assert!(queued <= WRAPPED_BYTES as u64, "{kind:?}: {queued} bytes are kept");

        let mut world = World::with(Limits { stall_us_max: 60 * SECOND_US, ..bounded() });
        let slow = Client::open(&mut world, kind, "news", "latest");
        world.narrow(&slow.name, 0);
        publish(&mut world, 1..=10);
        world.advance(world.limits.queue_soft_us_max / 2);
        world.widen(&slow.name, 8 * WRAPPED_BYTES);
        world.advance(world.limits.queue_soft_us_max);
        assert_eq!(world.subscribers("news"), 1, "{kind:?}: its queue became short in time");
    }
}

/// Short messages are long for what keeps them apart: a few bytes that leave change nothing.
#[test]
fn a_long_queue_of_short_messages_stays_long_while_bytes_trickle_out() {
    for kind in streaming() {
        let mut world = World::with(Limits { stall_us_max: 60 * SECOND_US, ..bounded() });
        let slow = Client::open(&mut world, kind, "news", "latest");
        world.narrow(&slow.name, 0);
        for _ in 0..=SOFT_BYTES / 256 + 1 {
            world.publish("news", "a");
        }
        let queued = world.conn(&slow.name).expect("it has time").queue.bytes();
        assert!(queued < SOFT_BYTES as u64, "{kind:?}: {queued}");
        world.advance(world.limits.queue_soft_us_max / 2);
        world.widen(&slow.name, 1);
        world.advance(world.limits.queue_soft_us_max / 2);
        assert_eq!(world.subscribers("news"), 0, "{kind:?}: a byte has made it short");
    }
}

#[test]
fn the_longest_queue_gives_way_when_all_are_too_long() {
    for kind in streaming() {
        let limits = Limits { queue_all_bytes_max: 64 * 1024, ..Limits::default() };
        let mut world = World::with(limits);
        let short = Client::open(&mut world, kind, "news", "latest");
        let long = Client::open(&mut world, kind, "news", "latest");
        world.narrow(&short.name, 40 * WRAPPED_BYTES);
        world.narrow(&long.name, 0);
        let mut published = 0;
        while world.subscribers("news") == 2 {
            published += 1;
            assert!(published < 100, "{kind:?}: nobody gives way");
            publish(&mut world, published..=published);
        }
        assert!(published > 40, "{kind:?}: after {published}");
        assert_eq!(world.subscribers("news"), 1);
        assert!(!world.is_over(&short.name), "{kind:?}: the shorter gave way");
        // One message may be longer than all: what has begun to leave goes with its reader.
        let mut world = World::with(Limits { queue_all_bytes_max: 256 * 1024, ..limits });
        let stuck = ["a", "b", "c"].map(|channel| {
            let client = Client::open(&mut world, kind, channel, "latest");
            world.narrow(&client.name, 10);
            client
        });
        let innocent = Client::open(&mut world, kind, "news", "latest");
        world.narrow(&innocent.name, 0);
        publish(&mut world, 1..=1);
        for channel in ["a", "b", "c"] {
            world.publish(channel, &"x".repeat(200_000));
        }
        assert!(world.conn(&innocent.name).is_some(), "{kind:?}: who has the least gave way");
        assert_eq!(stuck.iter().filter(|one| world.conn(&one.name).is_some()).count(), 1);
        // What a crowd waits for is there once.
        let mut world = World::with(Limits { queue_all_bytes_max: 256 * 1024, ..limits });
        let crowd: Vec<Client> =
            (0..20).map(|_| Client::open(&mut world, kind, "big", "latest")).collect();
        crowd.iter().for_each(|one| world.narrow(&one.name, 10));
        world.publish("big", &"x".repeat(200_000));
        assert_eq!(world.subscribers("big"), 20, "{kind:?}: they were ended for one message");
        // An answer that nobody reads is a queue, too.
        let mut world = World::with(limits);
        publish(&mut world, 1..=100);
        world.enter("poll");
        world.narrow("poll", 0);
        world.tell("poll", request(Kind::Poll, "/c/news/poll?since=all"));
        assert!(world.conn("poll").is_none(), "{:?}", world.conn("poll"));
    }
}

/// Some that do not read, and a channel that goes on.
#[test]
fn queues_are_bounded_however_much_is_published() {
    for policy in Policy::ALL {
        let mut slow = Policies::default();
        slow.set(Kind::Sse, policy);
        let mut world = World::configured(Config { slow, ..Config::default() });
        let crowd: Vec<Client> =
            (0..20).map(|_| Client::open(&mut world, Kind::Sse, "news", "latest")).collect();
        crowd.iter().for_each(|one| world.narrow(&one.name, 0));
        let mut reader = Client::open(&mut world, Kind::Sse, "news", "latest");
        let text = "x".repeat(64 * 1024);
        for _ in 0..30 {
            world.publish("news", &text);
        }
        let bound = match policy {
            Policy::Close => world.limits.hard_bytes_max(),
            _ => world.limits.queue_soft_bytes as u64,
        };
        for one in &crowd {
            let queued = world.conn(&one.name).map_or(0, |conn| conn.queue.bytes());
            assert!(queued <= bound + 70_000, "{policy:?}: {queued}");
        }
        assert_eq!(reader.texts(&mut world).len(), 30);
    }
}
