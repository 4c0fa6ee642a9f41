//! Every reason for which a connection is closed: what its peer is told, that it is counted once,
//! and that it stands in the log.

use std::cell::RefCell;
use std::sync::Once;

use log::{Level, Log, Metadata, Record};
use pushscope::clock::SECOND_US;
use pushscope::fault::{FAULTS, Fault, Protocol, Row, Told};
use pushscope::id::Kind;
use pushscope::limits::{self, Limits};

use crate::support::{Client, UPGRADE, World, answers, frames, masked};

/// A reason, the reasons that are given besides on the way, and what brings it about.
type Closing = (&'static str, &'static [&'static str], fn(&mut World));

/// A reason, and what gives it to whoever is pushed to.
type Ending = (&'static str, fn(&mut World, &Client));

/// What ends a connection without a word.
const UNSAID: &[Closing] = &[
    ("silent", &[], |world| {
        world.enter("a");
        world.advance(limits::HEAD_US_MAX);
    }),
    ("idle", &[], |world| {
        world.tell("a", LIVEZ);
        world.advance(limits::KEEP_ALIVE_US_MAX);
    }),
    ("linger_slow", &[], |world| {
        world.tell("a", LAST);
        world.advance(limits::LINGER_US_MAX);
    }),
    ("linger_input", &[], |world| {
        world.tell("a", LAST);
        world.tell("a", "x".repeat(1 << 20));
    }),
    ("stalled", &[], |world| {
        let client = Client::open(world, Kind::Sse, "news", "latest");
        world.narrow(&client.name, 0);
        world.publish("news", "unread");
        world.advance(limits::STALL_US_MAX);
    }),
    ("peer_lost", &[], |world| {
        let client = Client::open(world, Kind::Sse, "news", "latest");
        world.break_off(&client.name);
    }),
    ("close_missing", &["channel_deleted"], |world| {
        Client::open(world, Kind::WebSocket, "news", "latest");
        delete(world);
        world.advance(limits::CLOSE_US_MAX);
    }),
    ("gave_way", &[], |world| {
        world.tell("a", LIVEZ);
        let token = world.token("a");
        world.engine.give_up(token, Fault::GaveWay);
        world.turn();
    }),
    ("watch_refused", &[], |world| {
        world.enter("a");
        let token = world.token("a");
        world.engine.give_up(token, Fault::WatchRefused);
        world.turn();
    }),
    ("drain_over", &["draining"], |world| {
        Client::open(world, Kind::Sse, "news", "latest");
        world.drain();
        world.engine.leave_all();
        world.turn();
    }),
];

/// What ends what is pushed, by every mechanism that can meet it.
const SAID: &[Ending] = &[
    ("draining", |world, _| world.drain()),
    ("channel_deleted", |world, _| delete(world)),
    ("stream_input", |world, client| {
        if !matches!(client.kind, Kind::LongPoll | Kind::WebSocket) {
            world.tell(&client.name, "x".repeat(limits::STREAM_INPUT_BYTES_MAX + 1));
        }
    }),
    ("queue_full", |world, client| {
        // A parked poll has nothing queued: whoever is slow is so before it asks.
        if client.kind == Kind::LongPoll {
            return;
        }
        world.narrow(&client.name, 0);
        let text = "x".repeat(100_000);
        while world.subscribers("news") == 1 {
            world.publish("news", &text);
        }
        world.widen(&client.name, usize::MAX);
    }),
    ("pong_missing", |world, client| {
        if client.kind == Kind::WebSocket {
            world.advance(4 * limits::PING_US);
        }
    }),
];

/// The reasons that are caused here.
pub(crate) fn closings() -> impl Iterator<Item = &'static str> {
    let said = SAID.iter().map(|(reason, _)| *reason);
    said.chain(UNSAID.iter().map(|(reason, ..)| *reason)).chain(["chat_binary", "witness_slow"])
}

/// How often which reason was given so far, in the order of the table.
pub(crate) fn blamed(world: &mut World) -> Vec<(&'static str, u64)> {
    let snapshot = world.engine.snapshot();
    let given = snapshot.faults().by_reason().filter(|(_, count)| *count > 0);
    given.map(|(row, count)| (row.name, count)).collect()
}

#[test]
fn what_is_closed_without_a_word_is_counted_and_logged() {
    for (reason, besides, play) in UNSAID {
        let row = row(reason);
        let mut world = World::new();
        logged();
        play(&mut world);
        let mut expected: Vec<&str> = [&[*reason], *besides].concat();
        expected.sort_unstable();
        let mut given = blamed(&mut world);
        given.sort_unstable();
        assert_eq!(given, expected.iter().map(|name| (*name, 1)).collect::<Vec<_>>());
        let line = logged().into_iter().find(|(_, line)| line.contains(&format!(", {reason}")));
        let (level, line) = line.unwrap_or_else(|| panic!("{reason} is not in the log"));
        assert_eq!(level, row.level(), "{line}");
        assert!(line.starts_with("connection 0: closed"), "{line}");
    }
}

#[test]
fn whoever_is_pushed_to_is_told_as_the_table_says() {
    for (reason, play) in SAID {
        for kind in Kind::ALL {
            if kind == Kind::Poll {
                assert_eq!(
                    row(reason).told(Protocol::Push(kind)),
                    Told::Nothing,
                    "it is never open"
                );
                continue;
            }
            let mut world = World::new();
            let client = Client::open(&mut world, kind, "news", "latest");
            logged();
            play(&mut world, &client);
            let (expected, what) =
                (row(reason).told(Protocol::Push(kind)), format!("{reason} by {kind:?}"));
            if expected == Told::Nothing || (*reason, kind) == ("queue_full", Kind::LongPoll) {
                assert!(!world.is_over(&client.name), "{what}");
                continue;
            }
            assert_eq!(told(&world, &client, expected), expected, "{what}");
            assert!(blamed(&mut world).contains(&(*reason, 1)), "{what}");
            let line = format!("connection 0: closed, {reason}");
            assert!(logged().contains(&(row(reason).level(), line)), "{what}");
        }
    }
}

/// What the client was told in the end; words are those that are expected, if they are there.
fn told(world: &World, client: &Client, expected: Told) -> Told {
    let said = world.said(&client.name);
    let last = answers(said).pop().expect("an answer");
    match (client.kind, expected) {
        (Kind::WebSocket, _) => match frames(&last.content).pop() {
            Some((0x88, payload)) => {
                let close = FAULTS.iter().map(|row| row.close);
                let is_sent = |code: &u16| payload.starts_with(&code.to_be_bytes());
                let code = close.into_iter().find(|code| is_sent(&code.as_u16()));
                Told::Close(code.expect("a code of the table"))
            }
            _ => Told::Cut,
        },
        (Kind::LongPoll, _) => Told::Status(last.status),
        // What has no length of its own ends with its connection, and cannot be cut short.
        (kind, Told::Words(words)) => {
            let text = String::from_utf8_lossy(&last.content);
            assert!(text.contains(words) && (last.whole || kind == Kind::Sse), "{text}");
            expected
        }
        (kind, _) => {
            assert!(!last.whole && world.is_over(&client.name), "{kind:?}");
            Told::Cut
        }
    }
}

#[test]
fn a_refusal_stands_in_the_log_with_its_status() {
    let mut world = World::new();
    logged();
    world.tell("a", "GET /nothing HTTP/1.1\r\nHost: h\r\n\r\n");
    let line = "connection 0: refused with 404, not_found".to_owned();
    assert_eq!(logged(), [(Level::Debug, line)]);
    let metrics = world.get("/metrics");
    assert!(metrics.text().contains("\npushscope_faults_total{reason=\"not_found\"} 1\n"));
    assert!(metrics.text().contains("\npushscope_faults_total{reason=\"idle\"} 0\n"));
    assert_eq!(world.get("/ledger").json()["faults"]["not_found"], 1);
    let since = world.get("/ledger").json()["snapshot"].as_str().unwrap().to_owned();
    world.get("/c/n/receipts/7-1");
    let gained = world.get(&format!("/ledger?since={since}")).json()["faults"].clone();
    assert_eq!(gained, serde_json::json!({ "receipt_unknown": 1 }));
}

/// A warning that anybody can cause must not fill a disk.
#[test]
fn a_warning_is_repeated_each_time_its_count_has_doubled() {
    let mut world = World::new();
    logged();
    for _ in 0..1_000 {
        world.engine.book_fault(Fault::ChannelsFull);
    }
    let warnings: Vec<String> =
        logged().into_iter().filter(|(level, _)| *level == Level::Warn).map(|it| it.1).collect();
    assert_eq!(warnings.len(), 10, "{warnings:?}");
    assert!(warnings[9].starts_with("turned away, channels_full, for the 512. time: There are"));
    assert_eq!(blamed(&mut world), [("channels_full", 1_000)]);
}

#[test]
fn the_chat_takes_text() {
    let mut world = World::new();
    world.tell("a", format!("GET /ws/asset HTTP/1.1\r\nHost: h\r\n{UPGRADE}\r\n"));
    world.tell("a", masked(0x82, b"\xff"));
    let answer = answers(world.said("a")).pop().expect("an answer");
    let close = [&1003_u16.to_be_bytes()[..], b"chat_binary"].concat();
    assert_eq!(frames(&answer.content).pop(), Some((0x88, close)));
    assert!(world.is_over("a"));
    assert_eq!(blamed(&mut world), [("chat_binary", 1)]);
}

#[test]
fn who_asks_the_kernel_about_too_many_is_told_so_in_time() {
    // Of so many the kernel is asked every 1.76 ms; an answer is owed within 1 ms.
    let many = limits::WITNESS_FEW + 44;
    let mut world = World::with(Limits { head_us_max: SECOND_US / 1_000, ..Limits::default() });
    for at in 0..many {
        world.tell(&format!("{at}"), LIVEZ);
    }
    let ask = "GET /ledger?kernel=1 HTTP/1.1\r\nHost: h\r\n\r\n";
    assert_eq!(world.ask(ask).status, if pushscope::ledger::ON { 200 } else { 501 });
    world.tell("late", ask);
    world.advance(SECOND_US / 1_000);
    let late = answers(world.said("late")).pop().map(|answer| (answer.status, answer.reason()));
    if pushscope::ledger::ON {
        assert_eq!(late, Some((503, "witness_slow".to_owned())));
    }
    world.advance(SECOND_US);
    assert_eq!(answers(world.said("late")).len(), 1, "and is not answered again");
}

fn row(reason: &str) -> &'static Row {
    FAULTS.iter().find(|row| row.name == reason).expect("a row of the table")
}

fn delete(world: &mut World) {
    world.ask("DELETE /c/news HTTP/1.1\r\nHost: h\r\n\r\n");
}

/// The log of this thread.
struct Tape;

thread_local! {
    static LINES: RefCell<Vec<(Level, String)>> = const { RefCell::new(Vec::new()) };
}

impl Log for Tape {
    fn enabled(&self, _metadata: &Metadata<'_>) -> bool {
        true
    }

    fn log(&self, record: &Record<'_>) {
        if record.target() == "pushscope::engine::reasons" {
            let line = (record.level(), record.args().to_string());
            LINES.with_borrow_mut(|lines| lines.push(line));
        }
    }

    fn flush(&self) {}
}

/// What this thread has logged about reasons since it last asked.
fn logged() -> Vec<(Level, String)> {
    static TAPE: Tape = Tape;
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        log::set_logger(&TAPE).expect("the only logger");
        log::set_max_level(log::LevelFilter::Debug);
    });
    LINES.take()
}

const LIVEZ: &str = "GET /livez HTTP/1.1\r\nHost: h\r\n\r\n";
const LAST: &str =
    "POST /c/a HTTP/1.1\r\nHost: h\r\nConnection: close\r\nContent-Length: 1\r\n\r\nx";
