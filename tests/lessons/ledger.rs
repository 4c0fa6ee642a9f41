//! What the ledger says of whom: nothing is on another's account, nothing is lost, and what was
//! counted once stays counted.

use std::collections::BTreeMap;

use proptest::prelude::*;
use pushscope::clock::SECOND_US;
use pushscope::id::Kind;
use pushscope::limits::Limits;
use pushscope::statement::{Account, Statement};
use serde_json::Value;

use crate::receipts::only_share;
use crate::support::{Answer, World, address, answers, masked, request};

#[test]
fn questions_for_the_kernel_are_answered_behind_each_other() {
    for count in 1..=3 {
        let mut world = World::new();
        world.tell("keeping", get(KERNEL).repeat(count));
        assert_eq!(statuses(&world, "keeping"), vec![200; count]);
        assert!(!world.is_over("keeping"));
        world.say("ending", get(KERNEL).repeat(count));
        world.end("ending");
        assert_eq!(statuses(&world, "ending"), vec![200; count], "before an end");
        assert!(world.is_over("ending"), "an end behind {count} questions");
        world.sweep_all();
    }
}

#[test]
fn a_question_behind_a_parked_one_is_answered_when_the_park_is_over() {
    let mut world = World::new();
    world.tell("asking", get("/c/news/longpoll?timeout=1") + &get(KERNEL));
    assert!(world.said("asking").is_empty());
    world.advance(SECOND_US);
    assert_eq!(statuses(&world, "asking"), [304, 200]);
}

#[test]
fn a_delivery_is_the_polls_whoever_is_asked_behind_it() {
    for behind in ["/healthz", "/c/news/longpoll", "/c/other/sse", "/ledger", KERNEL] {
        let mut world = World::new();
        let cursor = world.publish("news", "old").id();
        let id = world.publish("news", "hello").id();
        world.advance(SECOND_US / 4);
        world.tell("reader", get(&format!("/c/news/poll?since={cursor}")) + &get(behind));
        let statement = statement(&world.get("/ledger"));
        let delivered = statement.accounts.iter().filter(|account| account.deliveries > 0);
        let delivered: Vec<&str> = delivered.map(|account| account.owner.as_str()).collect();
        assert_eq!(delivered, ["poll"], "{behind}");
        let poll = statement.account("poll").unwrap();
        assert_eq!((poll.deliveries, poll.delay_us.count), (1, 1), "{behind}");
        assert_eq!(poll.sent.made.payload, 5, "{behind}");
        let share = only_share(&mut world, "news", &id, Kind::Poll);
        assert_eq!((share.delivered, share.delay_us_max), (1, SECOND_US / 4), "{behind}");
    }
}

#[test]
fn who_has_not_asked_yet_is_on_nobodys_account() {
    let mut world = World::new();
    world.enter("silent");
    let request = request(Kind::Sse, "/c/news/sse");
    let (begun, rest) = request.split_at(20);
    world.tell("halfway", begun);
    let asker = get("/ledger");
    let before = statement(&world.get("/ledger"));
    assert_eq!(sum(&before, |account| call(account, "accept")), 1, "the asker's");
    assert_eq!(sum(&before, |account| call(account, "epoll_ctl")), 1);
    // The ledger is read before its own read is booked.
    assert_eq!(sum(&before, |account| call(account, "read")), 0);
    assert_eq!(sum(&before, |account| account.received.read), asker.len() as u64);
    let unasked = before.unasked;
    assert_eq!((unasked.connections, unasked.read), (2, begun.len() as u64));
    assert_eq!((unasked.calls["accept"], unasked.calls["read"]), (2, 1));
    assert!(unasked.held_bytes > 0);
    world.tell("halfway", rest);
    let sse = account(&mut world, "sse");
    let calls = ["accept", "epoll_ctl", "read", "send"].map(|name| call(&sse, name));
    assert_eq!(calls, [1, 1, 2, 1], "all of it is its owner's now");
    assert_eq!(sse.received.read, request.len() as u64);
}

#[test]
fn what_has_come_of_an_unfinished_message_is_held() {
    let mut world = World::new();
    world.tell("socket", request(Kind::WebSocket, "/c/news/ws"));
    let frame = masked(0x82, &[0; 1_000_000]);
    let head = "POST /c/news HTTP/1.1\r\nHost: h\r\nContent-Length: 1000000\r\n\r\n";
    world.tell("publisher", head);
    let held = |world: &mut World| ["websocket", "publish"].map(|of| account(world, of).held_bytes);
    for idle in held(&mut world) {
        assert!(idle < 2_000, "{idle} bytes of nothing");
    }
    world.tell("socket", &frame[..frame.len() - 200_000]);
    world.tell("publisher", vec![b'x'; 800_000]);
    for unfinished in held(&mut world) {
        assert!((800_000..1_700_000).contains(&unfinished), "{unfinished} bytes");
    }
    world.tell("socket", &frame[frame.len() - 200_000..]);
    world.tell("publisher", vec![b'x'; 200_000]);
    for idle in held(&mut world) {
        assert!(idle < 2_000, "{idle} bytes behind the message");
    }
}

#[test]
fn a_kept_connection_that_expires_is_no_tick_of_its_mechanism() {
    let mut world = World::new();
    let cursor = world.publish("news", "hello").id();
    for kind in [Kind::Poll, Kind::LongPoll] {
        world.tell(kind.name(), get(&(address(kind, "news") + "?since=all")));
        assert_eq!(statuses(&world, kind.name()), [200]);
    }
    world.advance(Limits::default().keep_alive_us_max);
    for kind in [Kind::Poll, Kind::LongPoll] {
        assert!(world.is_over(kind.name()));
        assert_eq!(account(&mut world, kind.name()).ticks, 0, "{}", kind.name());
    }
    world.tell("parked", get(&format!("/c/news/longpoll?timeout=1&since={cursor}")));
    world.advance(SECOND_US);
    assert_eq!(account(&mut world, "long_poll").ticks, 1, "a park that is over");
}

#[test]
fn a_snapshot_is_known_to_the_loop_that_made_it() {
    let mut world = World::new();
    let epoch = world.unix_s() * 1_000;
    world.advance(SECOND_US);
    for number in 1..=3 {
        let name = statement(&world.get("/ledger")).snapshot;
        assert_eq!(name, format!("{epoch}-{number}"));
    }
    let status = |world: &mut World, name: &str| {
        let answer = world.get(&format!("/ledger?since={name}"));
        (answer.status, answer.reason())
    };
    assert_eq!(status(&mut world, &format!("{epoch}-2")).0, 200);
    let unknown = (404, "snapshot_unknown".to_owned());
    for name in [format!("{}-2", epoch - 1), format!("{epoch}-0"), "2".to_owned()] {
        assert_eq!(status(&mut world, &name), unknown, "{name}");
    }
}

fn config() -> ProptestConfig {
    // A failure prints its case; no file of it is written beside the sources.
    ProptestConfig { cases: 32, failure_persistence: None, ..ProptestConfig::default() }
}

#[test]
fn what_prometheus_counts_does_not_fall_when_a_connection_changes_hands() {
    let mut world = World::new();
    let stream = request(Kind::Sse, "/c/news/sse");
    let (begun, rest) = stream.split_at(20);
    world.tell("reader", get("/c/news/poll"));
    let mut before = counters(&mut world);
    for text in [begun, rest, "what a stream ignores"] {
        world.tell("reader", text);
        let after = counters(&mut world);
        for (name, was) in before {
            assert!(was <= after[&name], "{name} falls from {was} to {}", after[&name]);
        }
        before = after;
    }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn no_counter_falls_and_every_difference_adds_up(
        steps in prop::collection::vec((0_usize..4, 0_u8..9, 0_usize..500), 1..30),
    ) {
        let mut world = World::new();
        let mut crowd = Crowd::default();
        let mut before = statement_pair(&mut world, 0, None).1;
        for (at, (who, deed, amount)) in steps.into_iter().enumerate() {
            crowd.act(&mut world, who, deed, amount);
            let (gain, whole) = statement_pair(&mut world, at + 1, Some(&before.snapshot));
            assert_adds_up(&before, &gain, &whole);
            before = whole;
        }
        world.sweep_all();
    }
}

/// Peers that say the same again and again, in pieces.
#[derive(Default)]
struct Crowd {
    lives: [usize; 4],
    said: [usize; 4],
}

impl Crowd {
    fn act(&mut self, world: &mut World, who: usize, deed: u8, amount: usize) {
        let mut name = format!("{who}, life {}", self.lives[who]);
        if world.conn(&name).is_none() {
            (self.lives[who], self.said[who]) = (self.lives[who] + 1, 0);
            name = format!("{who}, life {}", self.lives[who]);
            world.enter(&name);
        }
        match deed {
            0..4 => {
                let speech = speech(who);
                let said = speech.iter().cycle().skip(self.said[who] % speech.len()).take(amount);
                self.said[who] += amount;
                world.tell(&name, said.copied().collect::<Vec<u8>>());
            }
            4 => world.narrow(&name, amount),
            5 => world.widen(&name, 10 * amount),
            6 => drop(world.publish("news", &"x".repeat(amount))),
            7 => world.advance(SECOND_US / 20 * amount as u64),
            _ if amount.is_multiple_of(2) => world.end(&name),
            _ => world.break_off(&name),
        }
    }
}

/// What one of the crowd says.
fn speech(who: usize) -> Vec<u8> {
    let post = "POST /c/news HTTP/1.1\r\nHost: h\r\nContent-Length: 40\r\n\r\n";
    let post = format!("{post}{}", "y".repeat(40));
    match who {
        0 => {
            let questions = ["/c/news/poll", "/livez", "/c/news/longpoll?timeout=3", KERNEL];
            (questions.map(get).concat() + &post + &get("/ledger")).into_bytes()
        }
        1 => (post + &get("/c/news/longpoll") + &get("/c/news/poll")).into_bytes(),
        2 => (get("/livez") + &get("/c/news/sse")).into_bytes(),
        _ => {
            let upgrade = request(Kind::WebSocket, "/c/news/ws").into_bytes();
            [upgrade, masked(0x81, b"hello").repeat(3), masked(0x88, b"")].concat()
        }
    }
}

/// What has come since a snapshot, and all there is: both at one moment.
fn statement_pair(world: &mut World, at: usize, since: Option<&str>) -> (Statement, Statement) {
    let names = [format!("gain {at}"), format!("whole {at}")];
    let since = since.map(|name| format!("{KERNEL}&since={name}"));
    world.say(&names[0], get(since.as_deref().unwrap_or(KERNEL)));
    world.say(&names[1], get(KERNEL));
    world.turn();
    let [gain, whole] = names.map(|name| {
        let statement = statement(&answers(world.said(&name)).remove(0));
        world.end(&name);
        statement
    });
    (gain, whole)
}

/// Checks every counter of every account: what it was, and what has come, is what it is.
fn assert_adds_up(before: &Statement, gain: &Statement, whole: &Statement) {
    assert!(gain.balances && whole.balances);
    assert_eq!(before.span_us + gain.span_us, whole.span_us);
    for before in &before.accounts {
        let owner = &before.owner;
        let [was, came, is] =
            [before, gain.account(owner).unwrap(), whole.account(owner).unwrap()].map(figures);
        for (name, is) in is {
            let (was_left, falls) = match name.as_str() {
                // What was there already is brought forward, or was read already.
                "/sent/brought" => (was["/sent/queued"], false),
                // What waits is the next owner's when it is parsed.
                "/received/read" => (was["/received/waiting"], true),
                _ => (0, false),
            };
            if GAUGES.contains(&name.as_str()) {
                assert_eq!(came[&name], is, "{owner}{name}");
                continue;
            }
            assert!(falls || was[&name] <= is, "{owner}{name} falls from {} to {is}", was[&name]);
            assert_eq!(was[&name] + came[&name] - was_left, is, "{owner}{name}");
        }
    }
}

/// Every whole number of an account, by its place in the JSON.
fn figures(account: &Account) -> BTreeMap<String, u64> {
    fn collect(place: &str, value: &Value, figures: &mut BTreeMap<String, u64>) {
        if let Some(fields) = value.as_object() {
            for (name, value) in fields {
                collect(&format!("{place}/{name}"), value, figures);
            }
        } else if let Some(figure) = value.as_u64().filter(|_| !DISTRIBUTION.contains(&place)) {
            figures.insert(place.to_owned(), figure);
        }
    }
    let mut figures = BTreeMap::new();
    collect("", &serde_json::to_value(account).unwrap(), &mut figures);
    figures
}

/// Every sample for Prometheus that only grows.
fn counters(world: &mut World) -> BTreeMap<String, f64> {
    let answer = world.get("/metrics");
    let lines = answer.text().lines().filter(|line| !line.starts_with('#'));
    let samples = lines.map(|line| line.split_once("} ").or(line.split_once(' ')).unwrap());
    let counters = samples.filter(|(name, _)| name.contains("_total") || name.contains("_count"));
    counters.map(|(name, value)| (name.to_owned(), value.parse().unwrap())).collect()
}

/// The request for an address.
pub(crate) fn get(target: &str) -> String {
    format!("GET {target} HTTP/1.1\r\nHost: h\r\n\r\n")
}

/// What the ledger says of an owner now.
pub(crate) fn account(world: &mut World, owner: &str) -> Account {
    statement(&world.get("/ledger")).account(owner).cloned().unwrap()
}

fn statement(answer: &Answer) -> Statement {
    serde_json::from_slice(&answer.content).unwrap_or_else(|error| panic!("{error}: {answer:?}"))
}

fn sum(statement: &Statement, of: impl Fn(&Account) -> u64) -> u64 {
    statement.accounts.iter().map(of).sum()
}

fn call(account: &Account, name: &str) -> u64 {
    account.calls.get(name).copied().unwrap_or(0)
}

fn statuses(world: &World, name: &str) -> Vec<u16> {
    answers(world.said(name)).iter().map(|answer| answer.status).collect()
}

/// A statement that takes the kernel's word, too.
const KERNEL: &str = "/ledger?kernel=1";
/// What rises and falls: a difference tells it as it is.
const GAUGES: &[&str] = &["/open", "/sent/queued", "/received/waiting", "/held_bytes"];
/// What is no count.
const DISTRIBUTION: &[&str] = &["/delay_us/p50", "/delay_us/p90", "/delay_us/p99", "/delay_us/max"];
