//! Obligations about cursors: nothing is lost, nothing comes twice, and what is gone is counted.

use std::collections::BTreeSet;

use pushscope::id::Kind;
use pushscope::limits::{self, Limits};

use crate::support::{Client, Dress, Message, Seen, World, address, hear, request};

pub(crate) fn resumes_from_every_id(kind: Kind) {
    let mut world = World::new();
    let ids = published(&mut world, 20);
    for read in 0..=ids.len() {
        let since = place(&ids, read);
        let mut client = Client::open(&mut world, kind, "news", &since);
        assert_eq!(client.texts(&mut world), numbers(read + 1..=20), "since {since}");
        assert_eq!(gaps(&mut client, &mut world), []);
        assert_eq!(client.cursor(&mut world), ids[19]);
    }
}

pub(crate) fn begins_where_it_is_told(kind: Kind) {
    let mut world = World::new();
    published(&mut world, 2);
    world.advance(600_000_000);
    let middle = world.unix_s().to_string();
    published(&mut world, 1);
    let cases = [
        ("all", 3),
        ("latest", 0),
        ("1h", 3),
        ("10m", 3),
        ("599s", 1),
        ("250ms", 1),
        ("0s", 1),
        (&middle, 1),
        ("0", 3),
        ("1699999999", 3),
        ("9999999999", 0),
    ];
    for (since, count) in cases {
        let mut client = Client::open(&mut world, kind, "news", since);
        assert_eq!(client.texts(&mut world).len(), count, "since {since}");
        assert_eq!(gaps(&mut client, &mut world), []);
        client.leave(&mut world);
    }
}

pub(crate) fn announces_a_gap(kind: Kind) {
    let mut world = World::with(Limits { history_messages_max: 5, ..Limits::default() });
    let ids = published(&mut world, 12);
    for read in 0..=12 {
        let mut client = Client::open(&mut world, kind, "news", &place(&ids, read));
        assert_eq!(client.texts(&mut world), numbers(read.max(7) + 1..=12));
        let missed = 7_u64.saturating_sub(read as u64);
        let expected = if missed > 0 { vec![(missed, false)] } else { Vec::new() };
        assert_eq!(gaps(&mut client, &mut world), expected, "read {read}");
        let cursor = client.cursor(&mut world);
        assert_eq!(cursor, ids[11], "whoever was told of a gap is not told again");
        client.leave(&mut world);
    }
    let mut bare = Client::dressed(&mut world, kind, "news", &place(&ids, 3), Dress::Bare);
    assert_eq!(bare.texts(&mut world), numbers(8..=12));
    if kind == Kind::WebSocket {
        assert_eq!(bare.answer(&world).field("Pushscope-Gap"), Some("4"));
    }
}

pub(crate) fn announces_another_epoch(kind: Kind) {
    let mut world = World::with(Limits { history_messages_max: 5, ..Limits::default() });
    published(&mut world, 7);
    for (channel, missed, count) in [("news", 2, 5), ("empty", 0, 0)] {
        let mut client = Client::open(&mut world, kind, channel, "1234-3");
        assert_eq!(client.texts(&mut world).len(), count);
        assert_eq!(gaps(&mut client, &mut world), [(missed, true)], "{channel}");
        // Coming back with the new cursor, there is nothing to announce.
        let cursor = client.cursor(&mut world);
        let mut again = Client::open(&mut world, kind, channel, &cursor);
        assert_eq!(gaps(&mut again, &mut world), []);
        assert_eq!(again.texts(&mut world).len(), 0);
    }
}

/// An id from before a DELETE is not mistaken for one of the new log.
pub(crate) fn announces_a_new_beginning(kind: Kind) {
    let mut world = World::new();
    let old = published(&mut world, 3);
    world.ask("DELETE /c/news HTTP/1.1\r\nHost: h\r\n\r\n");
    let new = published(&mut world, 2);
    assert!(old.iter().all(|id| !new.contains(id)), "an id never returns");
    let mut client = Client::open(&mut world, kind, "news", &old[1]);
    assert_eq!(client.texts(&mut world), numbers(1..=2));
    assert_eq!(gaps(&mut client, &mut world), [(0, true)]);
    assert_eq!(client.cursor(&mut world), new[1]);
}

pub(crate) fn announces_what_aged(kind: Kind) {
    let mut world = World::new();
    let ids = published(&mut world, 3);
    world.advance(limits::HISTORY_US_MAX / 2);
    published(&mut world, 1);
    world.advance(limits::HISTORY_US_MAX / 2 + 2 * limits::HEARTBEAT_GRAIN_US);
    let kept = world.get("/c/news").json()["messages"].clone();
    assert_eq!(kept, 1, "what has aged is forgotten without being asked for");
    let mut client = Client::open(&mut world, kind, "news", &ids[0]);
    assert_eq!(client.texts(&mut world), ["1"]);
    assert_eq!(gaps(&mut client, &mut world), [(2, false)]);
}

/// A burst that is longer than the history reaches a stream whole; a poll is told what it missed.
pub(crate) fn counts_every_burst(kind: Kind) {
    let mut world = World::new();
    let start = published(&mut world, 1).remove(0);
    let mut client = Client::open(&mut world, kind, "news", &start);
    client.hear(&mut world);
    let burst: Vec<String> = (2..=2_000).map(|number| number.to_string()).collect();
    world.publish_burst("news", &burst);
    let texts = client.texts(&mut world);
    let missed: u64 = gaps(&mut client, &mut world).iter().map(|(missed, _)| missed).sum();
    assert_eq!(texts.len() as u64 + missed, 1_999);
    assert!(texts.is_sorted_by_key(|text| text.parse::<u64>().expect("a number")));
    assert_eq!(texts.last().map(String::as_str), Some("2000"));
    if !matches!(kind, Kind::Poll | Kind::LongPoll) {
        assert_eq!(missed, 0);
    }
}

pub(crate) fn refuses_a_garbage_cursor(kind: Kind) {
    let mut world = World::new();
    for since in
        ["yesterday", "-1", "1-", "1--2", "1-2-3", "%2B1-2", "5%20m", "", "1-99999999999999999999"]
    {
        let target = format!("{}?since={since}", address(kind, "news"));
        let answer = world.ask(request(kind, &target));
        assert_eq!((answer.status, answer.reason().as_str()), (400, "cursor_refused"), "{since:?}");
        assert_eq!(world.online(kind), 0);
    }
}

pub(crate) fn ignores_a_garbage_field(kind: Kind) {
    let mut world = World::new();
    let ids = published(&mut world, 3);
    let field = match kind {
        Kind::Sse => "Last-Event-ID",
        _ => "If-None-Match",
    };
    let quote = |id: &str| if kind == Kind::Sse { id.to_owned() } else { format!("W/\"{id}\"") };
    let cases = [
        ("garbage".to_owned(), 3),
        ("*".to_owned(), 3),
        (quote("1-2-3"), 3),
        ("\u{e9}".to_owned(), 3),
        (quote(&ids[1]), 1),
        (quote(&ids[0]), 2),
    ];
    for (number, (value, count)) in cases.iter().enumerate() {
        let name = format!("case {number}");
        // The field goes before the address, which is as old as the page; garbage does not.
        let opening = request(kind, &format!("{}?since={}", address(kind, "news"), place(&ids, 0)));
        let head = opening.replace("\r\n\r\n", &format!("\r\n{field}: {value}\r\n\r\n"));
        world.tell(&name, head);
        let seen = hear(kind, world.said(&name)).seen;
        assert_eq!(seen.len(), *count, "{field}: {value}");
        world.end(&name);
    }
}

pub(crate) fn loses_nothing_between(kind: Kind) {
    let mut world = World::new();
    let mut texts = Vec::new();
    let mut cursor = published(&mut world, 1).remove(0);
    for round in 0..20 {
        let mut client = Client::open(&mut world, kind, "news", &cursor);
        world.publish("news", &format!("{round} open"));
        texts.extend(client.texts(&mut world));
        cursor = client.cursor(&mut world);
        client.leave(&mut world);
        world.publish("news", &format!("{round} closed"));
    }
    let expected = (0..20).flat_map(|n| [format!("{n} open"), format!("{n} closed")]);
    assert_eq!(texts, expected.take(39).collect::<Vec<_>>());
}

pub(crate) fn changes_mechanism(kind: Kind) {
    for other in Kind::ALL {
        let mut world = World::new();
        let start = published(&mut world, 1).remove(0);
        let mut first = Client::open(&mut world, kind, "news", &start);
        first.hear(&mut world);
        published(&mut world, 3);
        let mut texts = first.texts(&mut world);
        let cursor = first.cursor(&mut world);
        first.leave(&mut world);
        published(&mut world, 2);
        let mut second = Client::open(&mut world, other, "news", &cursor);
        second.hear(&mut world);
        published(&mut world, 1);
        texts.extend(second.texts(&mut world));
        let expected = [numbers(1..=3), numbers(1..=2), numbers(1..=1)].concat();
        assert_eq!(texts, expected, "from {kind:?} to {other:?}");
    }
}

/// A client that was cut off after any byte comes back with the cursor that it had by then.
pub(crate) fn survives_every_cut(kind: Kind) {
    let mut world = World::new();
    let ids = published(&mut world, 4);
    for since in [place(&ids, 1), "all".to_owned()] {
        let client = Client::open(&mut world, kind, "news", &since);
        let said = world.said(&client.name).to_vec();
        let first = if since == "all" { 1 } else { 2 };
        let mut tried = BTreeSet::new();
        for cut in 0..=said.len() {
            let heard = hear(kind, &said[..cut]);
            let cursor = heard.cursor.unwrap_or_else(|| since.clone());
            let mut texts: Vec<String> = heard.seen.iter().filter_map(text).collect();
            if !tried.insert((cursor.clone(), texts.len())) {
                continue;
            }
            let mut again = Client::open(&mut world, Kind::Poll, "news", &cursor);
            texts.extend(again.texts(&mut world));
            assert_eq!(texts, numbers(first..=4), "cut after {cut} bytes, back with {cursor}");
        }
    }
}

/// Whoever was cut off before it was told of a gap is told when it comes back.
pub(crate) fn announces_a_gap_through_every_cut(kind: Kind) {
    let mut world = World::with(Limits { history_messages_max: 2, ..Limits::default() });
    let ids = published(&mut world, 6);
    let since = place(&ids, 1);
    let client = Client::open(&mut world, kind, "news", &since);
    let said = world.said(&client.name).to_vec();
    let mut tried = BTreeSet::new();
    for cut in 0..=said.len() {
        let heard = hear(kind, &said[..cut]);
        let told = heard.seen.iter().any(|seen| matches!(seen, Seen::Gap { missed: 3, .. }));
        let cursor = heard.cursor.unwrap_or_else(|| since.clone());
        if told || !tried.insert(cursor.clone()) {
            continue;
        }
        let mut again = Client::open(&mut world, Kind::Poll, "news", &cursor);
        let gaps = gaps(&mut again, &mut world);
        assert_eq!(gaps, [(3, false)], "cut after {cut} bytes, back with {cursor}");
    }
}

pub(crate) fn doubles_nothing(kind: Kind) {
    let mut world = World::new();
    let id = published(&mut world, 1).remove(0);
    let request = request(kind, &format!("{}?since={id}&envelope=json", address(kind, "news")));
    let publish = |text: &str| {
        let length = text.len();
        format!("POST /c/news HTTP/1.1\r\nHost: h\r\nContent-Length: {length}\r\n\r\n{text}")
    };
    // One turn: somebody publishes, a subscriber comes, somebody publishes again.
    world.say("a", publish("before"));
    world.say("b", request);
    world.say("c", publish("after"));
    world.turn();
    let seen = hear(kind, world.said("b")).seen;
    let texts: Vec<String> = seen.iter().filter_map(text).collect();
    let once = matches!(kind, Kind::Poll | Kind::LongPoll);
    let expected: &[&str] = if once { &["before"] } else { &["before", "after"] };
    assert_eq!(texts, expected);
}

/// Publishes `1` to `count`; returns the ids.
fn published(world: &mut World, count: usize) -> Vec<String> {
    (1..=count).map(|number| world.publish("news", &number.to_string()).id()).collect()
}

/// The cursor of whoever has read so many of these.
fn place(ids: &[String], read: usize) -> String {
    let (epoch, first) = ids[0].split_once('-').expect("an id");
    let first: usize = first.parse().expect("an offset");
    format!("{epoch}-{}", first + read - 1)
}

fn numbers(range: std::ops::RangeInclusive<usize>) -> Vec<String> {
    range.map(|number| number.to_string()).collect()
}

fn gaps(client: &mut Client, world: &mut World) -> Vec<(u64, bool)> {
    let seen = client.hear(world).seen.iter();
    let gaps = seen.filter_map(|seen| match seen {
        Seen::Gap { missed, epoch_changed } => Some((*missed, *epoch_changed)),
        _ => None,
    });
    gaps.collect()
}

fn text(seen: &Seen) -> Option<String> {
    match seen {
        Seen::Message(Message { payload, .. }) => {
            Some(String::from_utf8_lossy(payload.bytes()).into_owned())
        }
        _ => None,
    }
}
