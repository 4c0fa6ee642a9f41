//! Every bound that a flag may set: what fits is taken, and what is beyond is refused as said.
//!
//! What cannot be said in one case stands in `tests/defects/bounds.rs`, which misses none.

use pushscope::clock::SECOND_US;
use pushscope::id::Kind;
use pushscope::limits::{Limits, SETTINGS};

use crate::support::{Client, World, answers, masked, request};

/// A bound, set to what its test needs, and what shows that it holds.
type Case = (&'static str, u64, fn(&mut World));

const CASES: &[Case] = &[
    ("head_bytes_max", 1_024, |world| {
        let fits = head(1_024);
        assert_eq!(status(world, &fits), 200);
        assert_eq!(refusal(world, &head(1_025)), (431, "head_too_long".into()));
    }),
    ("target_bytes_max", 64, |world| {
        let get = |bytes: usize| format!("GET /{} HTTP/1.1\r\nHost: h\r\n\r\n", "x".repeat(bytes));
        assert_eq!(refusal(world, &get(63)), (404, "not_found".into()));
        assert_eq!(refusal(world, &get(64)), (414, "target_too_long".into()));
    }),
    ("fields_max", 8, |world| {
        let get = |lines: usize| {
            format!("GET /livez HTTP/1.1\r\nHost: h\r\n{}\r\n", "X: y\r\n".repeat(lines))
        };
        assert_eq!(status(world, &get(7)), 200);
        assert_eq!(refusal(world, &get(8)), (431, "fields_too_many".into()));
    }),
    ("body_bytes_max", 10, |world| {
        assert_eq!(status(world, &post(10)), 202);
        assert_eq!(refusal(world, &post(11)), (413, "content_too_long".into()));
        assert_eq!(closed(world, masked(0x82, &[b'x'; 11])), None, "a frame is no content");
    }),
    ("message_bytes_max", 10, |world| {
        assert_eq!(status(world, &post(10)), 202);
        assert_eq!(refusal(world, &post(11)), (413, "content_too_long".into()));
        assert_eq!(closed(world, masked(0x82, &[b'x'; 10])), None);
        assert_eq!(closed(world, masked(0x82, &[b'x'; 11])), Some(1009));
    }),
    ("frame_bytes_max", 10, |world| {
        let two = [masked(0x02, &[b'x'; 10]), masked(0x80, &[b'x'; 10])].concat();
        assert_eq!(closed(world, two), None, "a message of two frames");
        assert_eq!(closed(world, masked(0x82, &[b'x'; 11])), Some(1009));
    }),
    ("fragments_max", 3, |world| {
        let fragments = |count: usize| {
            [masked(0x02, b"x"), masked(0x00, b"x").repeat(count - 2), masked(0x80, b"x")].concat()
        };
        assert_eq!(closed(world, fragments(3)), None);
        assert_eq!(closed(world, fragments(4)), Some(1008));
    }),
    ("head_us_max", 2 * SECOND_US, |world| {
        late(world, "GET / HT", 2 * SECOND_US, 408);
    }),
    ("body_pause_us_max", 2 * SECOND_US, |world| {
        late(world, &post(9)[..post(9).len() - 1], 2 * SECOND_US, 408);
    }),
    ("body_bytes_per_s_min", 1, |world| {
        // Twelve seconds for twelve bytes: a second for each, behind the ten that all have.
        world.tell("p", &post(12)[..post(12).len() - 12]);
        for _ in 0..11 {
            world.advance(SECOND_US);
            world.tell("p", "x");
        }
        world.advance(SECOND_US);
        world.tell("p", "x");
        assert_eq!(answers(world.said("p")).remove(0).status, 202);
    }),
    ("keep_alive_us_max", 2 * SECOND_US, |world| {
        late(world, "GET /livez HTTP/1.1\r\nHost: h\r\n\r\n", 2 * SECOND_US, 200);
    }),
    ("channels_max", 2, |world| {
        let _open = Client::open(world, Kind::Sse, "a", "latest");
        let _other = Client::open(world, Kind::Sse, "b", "latest");
        let third = "POST /c/c HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\n\r\nx";
        assert_eq!(refusal(world, third), (503, "channels_full".into()));
    }),
    ("channel_bytes_max", 4, |world| {
        let get = |name: &str| format!("GET /c/{name}/poll HTTP/1.1\r\nHost: h\r\n\r\n");
        assert_eq!(status(world, &get("abcd")), 200);
        assert_eq!(refusal(world, &get("abcde")), (400, "channel_refused".into()));
        let order = "GET /orderpay?payid=1 HTTP/1.1\r\nHost: h\r\n\r\n";
        assert_eq!(refusal(world, order), (400, "channel_refused".into()), "order/1");
    }),
    ("history_messages_max", 2, |world| {
        world.publish_burst("c", &["1", "2", "3"].map(str::to_owned));
        assert_eq!(Client::open(world, Kind::Sse, "c", "all").texts(world), ["2", "3"]);
    }),
    ("history_bytes_max", 2, |world| {
        world.publish_burst("c", &["1", "2", "3"].map(str::to_owned));
        assert_eq!(Client::open(world, Kind::Sse, "c", "all").texts(world), ["2", "3"]);
    }),
    ("history_us_max", 5 * SECOND_US, |world| {
        world.publish("c", "old");
        world.advance(4 * SECOND_US);
        world.publish("c", "young");
        world.advance(3 * SECOND_US);
        assert_eq!(Client::open(world, Kind::Sse, "c", "all").texts(world), ["young"]);
    }),
    ("history_all_bytes_max", 10, |world| {
        world.publish("a", "12345678");
        world.advance(1);
        world.publish("b", "12345678");
        assert_eq!(Client::open(world, Kind::Sse, "a", "all").texts(world), [""; 0]);
        assert_eq!(Client::open(world, Kind::Sse, "b", "all").texts(world), ["12345678"]);
    }),
    ("park_us", 2 * SECOND_US, |world| {
        late(world, &request(Kind::LongPoll, "/c/c/longpoll"), 2 * SECOND_US, 304);
    }),
    ("park_us_max", 30 * SECOND_US, |world| {
        late(world, &request(Kind::LongPoll, "/c/c/longpoll?timeout=99"), 30 * SECOND_US, 304);
    }),
    ("heartbeat_us", 2 * SECOND_US, |world| {
        silence(world, Kind::Sse, 2 * SECOND_US);
    }),
    ("ping_us", 2 * SECOND_US, |world| {
        silence(world, Kind::WebSocket, 2 * SECOND_US);
    }),
    ("pong_us_max", 30 * SECOND_US, |world| {
        let client = Client::open(world, Kind::WebSocket, "c", "latest");
        world.advance(world.limits.ping_us + 30 * SECOND_US - 1);
        assert!(!world.said(&client.name).ends_with(b"pong_missing"), "too early");
        world.advance(1);
        assert!(world.said(&client.name).ends_with(b"\x03\xf3pong_missing"));
    }),
    ("close_us_max", SECOND_US, |world| {
        let client = Client::open(world, Kind::WebSocket, "c", "latest");
        world.tell("d", "DELETE /c/c HTTP/1.1\r\nHost: h\r\n\r\n");
        world.advance(SECOND_US - 1);
        assert!(!world.is_over(&client.name), "the peer's half is awaited");
        world.advance(1);
        assert!(world.is_over(&client.name));
    }),
    ("stall_us_max", 2 * SECOND_US, |world| {
        let client = Client::open(world, Kind::Sse, "c", "latest");
        world.narrow(&client.name, 0);
        world.publish("c", "x");
        world.advance(2 * SECOND_US - 1);
        assert!(world.conn(&client.name).is_some());
        world.advance(1);
        assert!(world.conn(&client.name).is_none());
    }),
];

#[test]
fn every_bound_holds() {
    for (name, value, holds) in CASES {
        println!("{name} = {value}");
        let mut limits = Limits::default();
        let setting = SETTINGS.iter().find(|setting| setting.name == *name).expect("a row");
        setting.set(&mut limits, *value);
        holds(&mut World::with(limits));
    }
}

/// A request head of so many bytes.
fn head(bytes: usize) -> String {
    let (begin, end) = ("GET /livez HTTP/1.1\r\nHost: h\r\nX: ", "\r\n\r\n");
    format!("{begin}{}{end}", "x".repeat(bytes - begin.len() - end.len()))
}

/// A message of so many bytes.
fn post(bytes: usize) -> String {
    let content = "x".repeat(bytes);
    format!("POST /c/c HTTP/1.1\r\nHost: h\r\nContent-Length: {bytes}\r\n\r\n{content}")
}

fn status(world: &mut World, request: &str) -> u16 {
    world.ask(request).status
}

fn refusal(world: &mut World, request: &str) -> (u16, String) {
    let answer = world.ask(request);
    (answer.status, answer.reason())
}

/// With which code a WebSocket is closed that sends this.
fn closed(world: &mut World, bytes: Vec<u8>) -> Option<u16> {
    let client = Client::open(world, Kind::WebSocket, "c", "latest");
    let before = world.said(&client.name).len();
    world.tell(&client.name, bytes);
    match world.said(&client.name)[before..] {
        [0x88, _, high, low, ..] => Some(u16::from_be_bytes([high, low])),
        _ => None,
    }
}

/// Says something, and is answered and closed, or parted from, only when the time is over.
fn late(world: &mut World, said: &str, us: u64, status: u16) {
    world.tell("late", said);
    let statuses = |world: &World| -> Vec<u16> {
        answers(world.said("late")).iter().map(|answer| answer.status).collect()
    };
    world.advance(us - 1);
    let early = if status == 200 { vec![200] } else { vec![] };
    assert_eq!(statuses(world), early, "too early");
    assert!(!world.is_over("late"));
    world.advance(1);
    assert_eq!(statuses(world), [status]);
    assert_eq!(world.is_over("late"), status != 304, "who polls may ask again");
}

/// Says nothing for so long, and then something.
fn silence(world: &mut World, kind: Kind, us: u64) {
    let client = Client::open(world, kind, "c", "latest");
    let before = world.said(&client.name).len();
    world.advance(us - 1);
    assert_eq!(world.said(&client.name).len(), before, "too early");
    world.advance(1);
    assert!(world.said(&client.name).len() > before, "too late");
}
