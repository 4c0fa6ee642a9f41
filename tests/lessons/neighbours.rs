//! What one address may, beside others: connections, messages; and what one connection may.

use pushscope::clock::SECOND_US;
use pushscope::limits::{self, Limits};

use crate::support::{Answer, UPGRADE, World, answers, frames, masked};

const HERE: u8 = 1;
const THERE: u8 = 2;

fn crowded(connections: usize) -> World {
    World::with(Limits { connections_per_address_max: connections, ..Limits::default() })
}

fn hasty(publishes_per_s: usize) -> World {
    World::with(Limits { publishes_per_s_max: publishes_per_s, ..Limits::default() })
}

#[test]
fn one_connection_too_many_is_told_so() {
    let mut world = crowded(2);
    for name in ["a", "b", "c"] {
        world.come(name, HERE);
    }
    world.tell("c", get("/livez"));
    let told = answers(world.said("c"));
    let [answer] = &told[..] else { panic!("{told:?}") };
    assert_eq!((answer.status, &*answer.reason()), (429, "connections_per_address_full"));
    let fields = [answer.field("Connection"), answer.field("Retry-After")];
    assert_eq!(fields, [Some("close"), Some("3")]);
    assert!(world.is_over("c"));
    assert_eq!((world.engine.len(), world.engine.admitted()), (3, 2));

    world.come("d", THERE);
    for name in ["a", "b", "d"] {
        world.tell(name, get("/livez"));
        assert_eq!(answers(world.said(name))[0].status, 200, "{name}");
    }
    // Whoever was refused has no place that another could take; whoever leaves gives one back.
    world.end("c");
    world.come("e", HERE);
    world.turn();
    assert!(world.is_over("e"));
    world.end("a");
    world.come("f", HERE);
    world.tell("f", get("/livez"));
    assert_eq!(answers(world.said("f"))[0].status, 200);
    world.sweep_all();
}

#[test]
fn the_refused_make_room_for_each_other_and_all_are_told() {
    let mut world = crowded(1);
    world.come("in", HERE);
    let out: Vec<String> = (0..4 * limits::REFUSED_MAX).map(|at| format!("out {at}")).collect();
    for name in &out {
        world.come(name, HERE);
        assert_eq!(world.engine.admitted(), 1);
    }
    world.turn();
    assert!(world.engine.len() <= 1 + limits::REFUSED_MAX, "{} linger", world.engine.len());
    // Who is let in takes none of their places.
    let lingering = world.engine.len();
    world.come("there", THERE);
    world.turn();
    assert_eq!(world.engine.len(), lingering + 1);
    for name in &out {
        assert_eq!(answers(world.said(name))[0].status, 429, "{name}");
    }
    world.tell("in", get("/livez"));
    assert_eq!(answers(world.said("in"))[0].status, 200);
    world.sweep_all();
}

#[test]
fn who_publishes_too_fast_is_told_and_waits() {
    let mut world = hasty(3);
    world.come("a", HERE);
    world.come("beside", HERE);
    world.come("c", THERE);
    let publish = "POST /c/n HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\nhi";
    let article = get("/polling/publish/n");
    for (name, asked) in [("a", publish), ("beside", &*article), ("beside", &*article)] {
        world.tell(name, asked);
    }
    // However many connections it has, and by whatever address it publishes.
    world.tell("beside", &article);
    assert_too_fast(&answers(world.said("beside"))[2], None);
    // What is not refused costs nothing, and what is not published neither.
    world.tell("beside", get("/c/n/poll?since=all"));
    assert_eq!(answers(world.said("beside"))[3].json()["messages"].as_array().unwrap().len(), 3);
    world.tell("c", publish);
    assert_eq!(answers(world.said("c"))[0].status, 202);
    // Its content is not read: the next request could not be found behind it.
    world.tell("a", publish);
    assert_too_fast(&answers(world.said("a"))[1], Some("close"));
    world.advance(limits::RETRY_AFTER_S * SECOND_US);
    world.tell("beside", &article);
    assert_eq!(answers(world.said("beside"))[4].status, 200);
    world.sweep_all();
}

fn get(target: &str) -> String {
    format!("GET {target} HTTP/1.1\r\nHost: h\r\n\r\n")
}

fn assert_too_fast(answer: &Answer, connection: Option<&str>) {
    assert_eq!((answer.status, &*answer.reason()), (429, "publish_rate"));
    assert_eq!(answer.field("Retry-After"), Some("3"));
    assert_eq!(answer.field("Connection"), connection);
}

#[test]
fn a_websocket_that_publishes_too_fast_is_closed_with_the_reason() {
    let mut world = hasty(2);
    world.come("w", HERE);
    world.tell("w", format!("GET /c/n/ws HTTP/1.1\r\nHost: h\r\n{UPGRADE}\r\n"));
    world.tell("w", ["1", "2", "3", "4"].map(|text| masked(0x81, text.as_bytes())).concat());
    let told = frames(after_head(world.said("w")));
    let last = [&1008_u16.to_be_bytes()[..], b"publish_rate"].concat();
    assert_eq!(told.last(), Some(&(0x88, last)), "{told:?}");
    assert!(world.is_over("w"));
    let log = world.get("/c/n/poll?since=all").json();
    assert_eq!(log["messages"].as_array().unwrap().len(), 2, "{log}");
    world.sweep_all();
}

fn after_head(said: &[u8]) -> &[u8] {
    let end = memchr::memmem::find(said, b"\r\n\r\n").expect("a head");
    &said[end + 4..]
}

#[test]
fn the_last_request_of_a_connection_is_told_so() {
    let mut world = World::with(Limits { requests_max: 3, ..Limits::default() });
    world.tell("a", get("/livez").repeat(5));
    let told = answers(world.said("a"));
    let closing: Vec<Option<&str>> = told.iter().map(|one| one.field("Connection")).collect();
    assert_eq!(closing, [None, None, Some("close")]);
    assert!(world.is_over("a"));
    // A mechanism is a request like any other, and a stream is not cut short by it.
    world.tell("b", get("/livez").repeat(2));
    world.tell("b", get("/c/n/sse"));
    world.publish("n", "still there");
    assert!(String::from_utf8_lossy(world.said("b")).contains("still there"));
    assert!(!world.is_over("b"));
    world.sweep_all();
}

/// Who has promised to send no more is let go at once; who may still be sending is heard out, or an
/// RST would overtake the answer.
#[test]
fn only_who_may_send_more_is_lingered_for() {
    let close = "Connection: close\r\n\r\n";
    let upgrade = UPGRADE.replace("Connection: ", "Connection: close, ");
    let goodbye = masked(0x88, &1000_u16.to_be_bytes());
    let asked = [
        ("promised", format!("GET /livez HTTP/1.1\r\nHost: h\r\n{close}"), &b""[..], true),
        ("of old", "GET /livez HTTP/1.0\r\n\r\n".to_owned(), b"", true),
        ("a stream", format!("HEAD /c/n/sse HTTP/1.1\r\nHost: h\r\n{close}"), b"", true),
        (
            "content",
            format!("POST /c/n HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\n{close}"),
            b"x",
            false,
        ),
        ("refused", format!("GET /livez HTTP/1.1\r\n{close}"), b"", false),
        (
            "unread",
            format!("POST /livez HTTP/1.1\r\nHost: h\r\nContent-Length: 9\r\n{close}"),
            b"",
            false,
        ),
        ("upgraded", format!("GET /c/n/ws HTTP/1.1\r\nHost: h\r\n{upgrade}\r\n"), &goodbye, false),
    ];
    let mut world = World::new();
    for (name, head, behind, is_gone) in asked {
        world.enter(name);
        world.narrow(name, 10);
        world.tell(name, [head.as_bytes(), behind].concat());
        assert!(world.conn(name).is_some(), "{name}: all that was said leaves first");
        world.widen(name, usize::MAX);
        assert!(!answers(world.said(name)).is_empty(), "{name}");
        assert!(world.is_over(name), "{name}");
        assert_eq!(world.conn(name).is_none(), is_gone, "{name}");
    }
    world.sweep_all();
}

#[test]
fn the_longest_idle_one_gives_way() {
    let mut world = World::new();
    for name in ["a", "b", "c", "a", "parked", "a"] {
        world.advance(1);
        let parks = name == "parked";
        world.tell(name, get(if parks { "/c/n/longpoll" } else { "/livez" }));
    }
    world.enter("silent");
    for name in ["b", "c", "a"] {
        assert_eq!(world.engine.idlest(), Some(world.token(name)), "{name}");
        world.break_off(name);
    }
    assert_eq!(world.engine.idlest(), None, "who is parked or has not spoken is not idle");
}
