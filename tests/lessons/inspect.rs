//! The inspector: who may look, what is shown, and what is not.

use pushscope::clock::SECOND_US;
use pushscope::engine::Config;
use pushscope::id::Kind;
use pushscope::limits;
use pushscope::origin::Origins;
use serde_json::Value;

use crate::ledger::get;
use crate::support::{World, masked, request};

const EVENTS: &str = "/inspect/events";

/// A world in which the viewer sits at the machine.
fn viewed(address: &str) -> World {
    let mut world = World::new();
    look(&mut world, address);
    world
}

fn look(world: &mut World, address: &str) {
    world.enter("viewer");
    world.seat("viewer");
    world.tell("viewer", local(address));
}

/// A request by a local name.
fn local(address: &str) -> String {
    format!("GET {address} HTTP/1.1\r\nHost: localhost:7777\r\n\r\n")
}

/// What the viewer was told: the data of its events, by name.
fn told(world: &World) -> Vec<(String, Value)> {
    let said = text(world, "viewer");
    let events = said.split("\n\n").filter_map(|event| {
        let name = event.split_once("event: ")?.1.lines().next()?.to_owned();
        let data = event.split_once("data: ")?.1;
        Some((name, serde_json::from_str(data).ok()?))
    });
    events.collect()
}

fn text(world: &World, name: &str) -> String {
    String::from_utf8_lossy(world.said(name)).into_owned()
}

fn summaries(world: &World) -> Vec<String> {
    let told = told(world);
    let units = told.iter().filter(|(name, _)| name == "unit");
    units.map(|(_, told)| told["unit"]["summary"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn what_others_say_and_hear_is_shown() {
    let mut world = viewed(EVENTS);
    world.tell("chat", request(Kind::WebSocket, "/ws/asset"));
    world.tell("chat", masked(0x81, b"hi"));
    world.turn();
    let said = summaries(&world);
    assert_eq!(said[..2], ["GET /ws/asset", "101 Switching Protocols"], "{said:?}");
    assert!(said.contains(&"text hi".to_owned()), "{said:?}");
    let told = told(&world);
    let frame = told.iter().find(|(_, told)| told["unit"]["summary"] == "text hi").unwrap();
    let fields = frame.1["unit"]["layers"][0]["spans"].as_array().unwrap();
    let names: Vec<&str> = fields.iter().map(|span| span["name"].as_str().unwrap()).collect();
    assert!(names.contains(&"opcode") && names.contains(&"Masking-key"), "{names:?}");
}

#[test]
fn who_was_there_before_is_shown_from_here_on() {
    let mut world = World::new();
    for (kind, address) in [
        (Kind::Sse, "/c/news/sse"),
        (Kind::XhrStream, "/c/news/stream"),
        (Kind::Iframe, "/c/news/iframe"),
        (Kind::LongPoll, "/c/news/longpoll"),
        (Kind::WebSocket, "/c/news/ws"),
    ] {
        world.tell(kind.name(), request(kind, address));
    }
    look(&mut world, EVENTS);
    world.publish("news", "hello");
    world.turn();
    let told = told(&world);
    let carries = |told: &Value| {
        let layers = told["unit"]["layers"].as_array().unwrap().iter();
        let spans = layers.flat_map(|layer| layer["spans"].as_array().unwrap());
        spans.into_iter().any(|span| span["part"] == "payload" && span["value"] == "hello")
    };
    let heard = told.iter().filter(|(_, told)| told["unit"]["from"] == "server" && carries(told));
    assert_eq!(heard.count(), 5, "{:#?}", summaries(&world));
}

#[test]
fn a_secret_of_which_the_beginning_was_not_seen_is_not_shown() {
    let mut world = World::new();
    let head = "POST /c/news HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n";
    world.tell("sender", format!("{head}1\r\na\r\n0\r\nAuthori"));
    look(&mut world, EVENTS);
    world.tell("sender", "zation: s3cret\r\n\r\n");
    world.turn();
    let said = text(&world, "viewer");
    assert!(!said.contains("s3cret") && !said.contains("733363726574"), "{said}");
    assert!(text(&world, "sender").starts_with("HTTP/1.1 202"));
}

#[test]
fn a_viewers_own_connection_is_left_out_unless_it_wants_to_see_it() {
    let mut world = viewed(EVENTS);
    world.tell("viewer", "");
    for _ in 0..3 {
        world.turn();
    }
    assert!(told(&world).is_empty());
    let mut world = viewed("/inspect/events?own=1");
    for _ in 0..20 {
        world.advance(SECOND_US / 4);
    }
    let told = told(&world);
    assert!(told.iter().all(|(_, told)| told["own"] == true));
    assert!((1..=6).contains(&told.len()), "seldom: {}", told.len());
}

#[test]
fn what_a_viewers_connection_is_used_for_besides_is_shown() {
    // A browser keeps connections, and does not ask which page a request is of.
    let mut world = viewed(EVENTS);
    world.enter("browser");
    world.seat("browser");
    for address in ["/inspect/connections", "/c/news", "/inspect/connections", "/online"] {
        world.tell("browser", local(address));
        world.turn();
    }
    let said = summaries(&world);
    let asked: Vec<_> = said.iter().filter(|said| said.starts_with("GET ")).collect();
    assert_eq!(asked, ["GET /c/news", "GET /online"], "{said:?}");
}

#[test]
fn who_does_not_ask_for_it_is_not_shown_what_viewers_do() {
    let mut world = viewed(EVENTS);
    world.enter("curious");
    world.seat("curious");
    world.tell("curious", local("/inspect/events?own=1"));
    for _ in 0..20 {
        world.advance(SECOND_US / 4);
    }
    assert!(told(&world).is_empty(), "{:?}", summaries(&world));
    let curious = text(&world, "curious");
    assert!(curious.contains("\"own\":true"), "{curious}");
    assert!(!curious.contains("\"severity\":\"wrong\""), "{curious}");
}

#[test]
fn who_has_got_too_much_at_once_is_shown_again() {
    let mut world = viewed(EVENTS);
    for number in 0..30 {
        world.tell(&number.to_string(), request(Kind::Sse, "/c/news/sse"));
    }
    world.turn();
    world.publish("news", &"x".repeat(60_000));
    world.turn();
    let missed = told(&world).iter().filter(|(name, _)| name == "drop").count();
    assert!(missed > 0, "60 KB to thirty at once is more than is taken down");
    world.publish("news", "hello");
    world.turn();
    let said = summaries(&world);
    assert_eq!(said.iter().filter(|said| said.contains("hello")).count(), 30, "{said:?}");
}

#[test]
fn nothing_is_taken_down_when_nobody_looks() {
    let mut world = viewed(EVENTS);
    world.tell("reader", request(Kind::Sse, "/c/news/sse"));
    world.enter("asker");
    world.seat("asker");
    let is_watched = |world: &mut World| {
        world.tell("asker", local("/inspect/connections"));
        world.turn();
        let said = text(world, "asker");
        let (_, last) = said.rsplit_once("\r\n\r\n").unwrap();
        let list: Value = serde_json::from_str(last).unwrap();
        let all = list["connections"].as_array().unwrap();
        all.iter().find(|one| one["own"] == false).unwrap()["watched"] == true
    };
    assert!(is_watched(&mut world));
    world.break_off("viewer");
    assert!(!is_watched(&mut world));
}

#[test]
fn only_who_sits_at_the_machine_may_look() {
    for (head, status) in [
        (local("/inspect/connections"), 200),
        (local("/inspect/connections?token=wrong"), 200),
        ("GET /inspect/connections HTTP/1.1\r\nHost: evil.example\r\n\r\n".to_owned(), 403),
        (
            "GET /inspect/connections HTTP/1.1\r\nHost: localhost\r\n\
             Origin: http://evil.example\r\n\r\n"
                .to_owned(),
            403,
        ),
        (
            // Who may subscribe from elsewhere may not look.
            "GET /inspect/connections HTTP/1.1\r\nHost: localhost\r\n\
             Origin: https://shop.example\r\n\r\n"
                .to_owned(),
            403,
        ),
        (
            "GET /inspect/connections HTTP/1.1\r\nHost: localhost\r\n\
             X-Forwarded-For: 8.8.8.8\r\n\r\n"
                .to_owned(),
            403,
        ),
    ] {
        let origins = Origins::new(vec!["https://shop.example".to_owned()]);
        let mut world = World::configured(Config { origins, ..Config::default() });
        world.enter("here");
        world.seat("here");
        world.tell("here", head.clone());
        assert!(text(&world, "here").starts_with(&format!("HTTP/1.1 {status}")), "{head}");
        world.tell("elsewhere", head.clone());
        assert!(text(&world, "elsewhere").starts_with("HTTP/1.1 403"), "{head}");
    }
}

#[test]
fn with_the_token_others_may_look_too() {
    let inspect_token = Some("s3cret".to_owned());
    let mut world = World::configured(Config { inspect_token, ..Config::default() });
    world.tell("elsewhere", get("/inspect/connections?token=s3cret"));
    assert!(text(&world, "elsewhere").starts_with("HTTP/1.1 200"));
    for wrong in ["s3cre", "s3crets", ""] {
        world.tell(wrong, get(&format!("/inspect/events?token={wrong}")));
        assert!(text(&world, wrong).starts_with("HTTP/1.1 403"), "{wrong}");
    }
    // No token at all lets in nobody.
    let inspect_token = Some(String::new());
    let mut world = World::configured(Config { inspect_token, ..Config::default() });
    world.tell("elsewhere", get("/inspect/connections?token="));
    assert!(text(&world, "elsewhere").starts_with("HTTP/1.1 403"));
}

#[test]
fn a_message_is_shown_in_all_envelopes() {
    let mut world = World::new();
    let id = world.publish("news", "hello").id();
    let answer = world.get(&format!("/c/news/envelopes/{id}"));
    let told: Value = serde_json::from_slice(&answer.content).unwrap();
    let mechanisms: Vec<&str> = told["mechanisms"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one["mechanism"].as_str().unwrap())
        .collect();
    assert_eq!(mechanisms, Kind::ALL.map(Kind::name));
    // Of a long one the beginning is told.
    let long = world.publish("news", &"x".repeat(limits::ENVELOPES_BYTES_MAX)).id();
    let answer = world.get(&format!("/c/news/envelopes/{long}"));
    assert!((1 << 18..1 << 20).contains(&answer.content.len()), "{}", answer.content.len());
    let longer = world.publish("news", &"x".repeat(limits::ENVELOPES_BYTES_MAX + 1)).id();
    let answer = world.get(&format!("/c/news/envelopes/{longer}"));
    let said = String::from_utf8_lossy(&answer.content).into_owned();
    assert!(answer.status == 403 && said.contains("\"envelopes_refused\""), "{said}");
    for wrong in ["x", "1-1", "", &format!("{id}9")] {
        let answer = world.get(&format!("/c/news/envelopes/{wrong}"));
        assert_eq!(answer.status, 404, "{wrong}");
    }
}
