//! The addresses of the reference articles, byte for byte as their pages expect them.

use pushscope::clock::SECOND_US;
use pushscope::id::Kind;

use crate::support::{UPGRADE, World, answers, frames, masked, request};

#[test]
fn polling_watch_answers_the_newest_message_bare() {
    let mut world = World::new();
    world.tell("w", "GET /polling/watch/7 HTTP/1.1\r\nHost: h\r\n\r\n");
    assert_eq!(world.said("w"), b"", "parked");
    let answer = world.get("/polling/publish/7");
    assert_eq!((answer.status, answer.text()), (200, "success"));
    let told = answers(world.said("w")).remove(0);
    assert_eq!((told.status, told.text()), (200, "I updated at Tue, 14 Nov 2023 22:13:20 GMT"));
    assert_eq!(told.field("Content-Type"), Some("text/plain; charset=utf-8"));
    world.tell("w", "GET /polling/watch/7 HTTP/1.1\r\nHost: h\r\n\r\n");
    world.get("/polling/publish/7?message=a+b%0Ac");
    assert_eq!(answers(world.said("w")).remove(1).text(), "a b\nc");
}

#[test]
fn polling_watch_answers_304_when_its_park_is_over() {
    let mut world = World::new();
    for (target, park_s) in [("/polling/watch/7", 25), ("/c/7/longpoll?timeout=3", 3)] {
        let name = target;
        world.tell(name, request(Kind::LongPoll, target));
        world.advance(park_s * SECOND_US - 1);
        assert_eq!(world.said(name), b"", "{target}");
        world.advance(1);
        assert_eq!(answers(world.said(name)).remove(0).status, 304, "{target}");
        assert!(!world.is_over(name));
    }
    let answer = world.get("/c/7/longpoll?timeout=0");
    assert_eq!(answer.status, 304);
    for timeout in ["-1", "1.5", "", "x"] {
        let answer = world.get(&format!("/c/7/longpoll?timeout={timeout}"));
        assert_eq!((answer.status, answer.reason().as_str()), (400, "timeout_refused"));
    }
}

#[test]
fn message_count_and_read_answer_what_the_page_shows() {
    let mut world = World::new();
    assert_eq!(world.get("/message/count/7").text(), r#"{"code":200,"data":0}"#);
    let ids: Vec<String> = (0..5).map(|n| world.publish("7", &n.to_string()).id()).collect();
    assert_eq!(world.get("/message/count/7").text(), r#"{"code":200,"data":5}"#);
    for (upto, left) in [("2", 3), (ids[2].as_str(), 2), ("1", 2), ("99", 0)] {
        let target = format!("/message/read/7?upto={upto}");
        assert_eq!(world.post(&target, "text/plain", b"").json()["data"], left, "{upto}");
    }
    world.publish("7", "unread");
    // An id of another log of that name says nothing about this one.
    for upto in ["1-99", "99999999999999-99", "0-1"] {
        let target = format!("/message/read/7?upto={upto}");
        assert_eq!(world.post(&target, "text/plain", b"").json()["data"], 1, "{upto}");
    }
    let refused = world.post("/message/read/7?upto=x", "text/plain", b"");
    assert_eq!((refused.status, refused.reason().as_str()), (400, "cursor_refused"));
    let refused = world.get("/message/read/7");
    assert_eq!((refused.status, refused.field("Allow")), (405, Some("POST, OPTIONS")));
}

#[test]
fn iframe_message_sets_clock_and_count_on_every_change() {
    for target in ["/iframe/message", "/iframe/message/10086"] {
        let mut world = World::new();
        world.tell("f", request(Kind::Iframe, target));
        world.advance(5 * SECOND_US);
        world.publish("10086", "a");
        world.advance(60 * SECOND_US);
        world.post("/message/read/10086", "text/plain", b"");
        let answer = answers(world.said("f")).remove(0);
        assert_eq!(answer.status, 200);
        let scripts: Vec<&str> =
            answer.text().lines().filter(|line| line.starts_with("<script>")).collect();
        let script = |time: &str, count: u32| {
            format!(
                "<script>parent.document.getElementById('clock').textContent = \"{time}\";\
                 parent.document.getElementById('count').textContent = \"{count}\";</script>"
            )
        };
        let expected = [script("22:13:20", 0), script("22:13:25", 1), script("22:14:25", 0)];
        assert_eq!(scripts, expected, "{target}");
    }
}

#[test]
fn sse_sub_is_an_event_stream() {
    let mut world = World::new();
    world.tell("s", request(Kind::Sse, "/sse/sub/7"));
    let id = world.publish("7", "hello").id();
    let answer = answers(world.said("s")).remove(0);
    assert_eq!(answer.field("Content-Type"), Some("text/event-stream"));
    let before = id.replace("-1", "-0");
    assert_eq!(answer.text(), format!("id: {before}\n\nid: {id}\ndata: hello\n\n"));
}

#[test]
fn orderpay_and_payback_say_exactly_what_the_article_says() {
    let mut world = World::new();
    world.tell("o", request(Kind::Sse, "/orderpay?payid=1"));
    world.tell("other", request(Kind::Sse, "/orderpay?payid=2"));
    let greeting = "retry: 1000\ndata: Connection succeeded\n\n";
    assert_eq!(answers(world.said("o")).remove(0).text(), greeting);
    world.advance(2 * SECOND_US);
    assert_eq!(world.get("/payback?payid=1").text(), "success");
    let paid = "data: User payment succeeded\n\nid: 6666\nevent: finish\ndata: ha-ha\n\n";
    assert_eq!(answers(world.said("o")).remove(0).text(), format!("{greeting}{paid}"));
    assert_eq!(answers(world.said("other")).remove(0).text(), greeting);
    world.advance(3 * SECOND_US - 1);
    assert!(!world.is_over("o") && world.is_over("other"));
    world.advance(1);
    assert!(world.is_over("o"), "it ends 3 s after its last data");
    // Whoever was between two connections when the payment came hears of it all the same.
    world.get("/payback?payid=3");
    world.advance(SECOND_US);
    world.tell("late", request(Kind::Sse, "/orderpay?payid=3"));
    assert_eq!(answers(world.said("late")).remove(0).text(), format!("{greeting}{paid}"));
    for target in ["/orderpay", "/payback"] {
        let refused = world.get(target);
        assert_eq!((refused.status, refused.reason().as_str()), (400, "parameter_missing"));
    }
}

#[test]
fn ws_asset_is_a_chat_with_session_ids() {
    let mut world = World::new();
    for name in ["a", "b"] {
        world.tell(name, request(Kind::WebSocket, "/ws/asset"));
    }
    world.tell("a", masked(0x81, "hi 🙂".as_bytes()));
    world.tell("b", masked(0x81, b"hello"));
    let expected = ["hi 🙂 (From Server,Session ID=1)", "hello (From Server,Session ID=2)"];
    for name in ["a", "b"] {
        let told = frames(&answers(world.said(name)).remove(0).content);
        let texts: Vec<(u8, Vec<u8>)> =
            expected.iter().map(|text| (0x81, text.as_bytes().to_vec())).collect();
        assert_eq!(told, texts);
    }
    world.tell("a", masked(0x82, b"binary"));
    let told = frames(&answers(world.said("a")).remove(0).content);
    assert_eq!(
        told.last().map(|(first, payload)| (*first, &payload[..2])),
        Some((0x88, &[3, 0xeb][..]))
    );
}

#[test]
fn online_counts_by_mechanism() {
    let mut world = World::new();
    assert_eq!(world.get("/online").text(), r#"{"by":{},"online":0}"#);
    world.tell("s", request(Kind::Sse, "/sse/sub/7"));
    world.tell("t", request(Kind::Sse, "/c/x/sse"));
    world.tell("w", request(Kind::WebSocket, "/echo"));
    world.tell("l", request(Kind::LongPoll, "/polling/watch/7"));
    let expected = r#"{"by":{"long_poll":1,"sse":2,"websocket":1},"online":4}"#;
    assert_eq!(world.get("/online").text(), expected);
    world.sweep_all();
    assert_eq!(world.get("/online").text(), r#"{"by":{},"online":0}"#);
}

#[test]
fn socket_publish_reaches_a_user_on_all_mechanisms() {
    let mut world = World::new();
    world.tell("l", request(Kind::LongPoll, "/c/7/longpoll"));
    world.tell("s", request(Kind::Sse, "/sse/sub/7"));
    world.tell("w", request(Kind::WebSocket, "/webSocket/7"));
    let answer = world.get("/socket/publish?userId=7&message=hello");
    assert_eq!((answer.status, answer.text()), (200, "success"));
    for name in ["l", "s", "w"] {
        assert!(String::from_utf8_lossy(world.said(name)).contains("hello"), "{name}");
    }
    for target in ["/socket/publish?userId=7", "/socket/publish?message=x"] {
        let refused = world.get(target);
        assert_eq!((refused.status, refused.reason().as_str()), (400, "parameter_missing"));
    }
}

/// The articles change things by GET; HEAD at least must not (RFC 9110 §9.2.1).
#[test]
fn what_changes_things_does_not_do_so_for_head() {
    let mut world = World::new();
    for target in CHANGING {
        world.tell(target, format!("HEAD {target} HTTP/1.1\r\nHost: h\r\n\r\n"));
        let said = String::from_utf8_lossy(world.said(target)).into_owned();
        assert!(said.starts_with("HTTP/1.1 405 "), "{target}: {said}");
        assert!(said.contains("\r\nAllow: GET, OPTIONS\r\n"), "{target}: {said}");
        assert!(said.ends_with("\r\n\r\n"), "{target}: an answer to HEAD has no content");
    }
    assert_eq!(world.get("/c/7").json()["messages"], 0);
    world.tell("o", request(Kind::Sse, "/orderpay?payid=7"));
    let told = answers(world.said("o")).remove(0);
    assert!(!told.text().contains("succeeded\n\nid:"), "paid by HEAD: {}", told.text());
}

/// An image or a form of a foreign page sends no `Origin`; browsers say where it stands all the
/// same (Fetch Metadata).
#[test]
fn what_changes_things_does_not_do_so_for_foreign_pages() {
    let posts = ["POST /c/7", "POST /message/read/7", "DELETE /c/7", "PUT /c/7"];
    let gets = CHANGING.iter().map(|target| format!("GET {target}"));
    let lines: Vec<String> = gets.chain(posts.map(str::to_owned)).collect();
    for line in &lines {
        let mut world = World::new();
        world.publish("7", "before");
        for site in ["cross-site", "same-site"] {
            let refused =
                world.ask(format!("{line} HTTP/1.1\r\nHost: h\r\nSec-Fetch-Site: {site}\r\n\r\n"));
            let told = (refused.status, refused.reason());
            assert_eq!(told, (403, "origin_refused".to_owned()), "{line}, {site}");
            assert_eq!(world.get("/c/7").json()["messages"], 1, "{line}, {site}");
        }
        for fields in [
            "Sec-Fetch-Site: same-origin\r\n",
            "Sec-Fetch-Site: none\r\n",
            "",
            // Where there is an Origin, it decides.
            "Sec-Fetch-Site: same-site\r\nOrigin: http://h\r\n",
        ] {
            let answer = world.ask(format!("{line} HTTP/1.1\r\nHost: h\r\n{fields}\r\n"));
            assert_ne!(answer.status, 403, "{line}, {fields}");
        }
    }
    // What only reads may be read from everywhere.
    let mut world = World::new();
    let read = "GET /c/7/poll HTTP/1.1\r\nHost: h\r\nSec-Fetch-Site: cross-site\r\n\r\n";
    assert_eq!(world.ask(read).status, 200);
}

#[test]
fn what_a_client_says_to_web_socket_is_received_and_not_published() {
    let mut world = World::new();
    for target in ["/webSocket/7", "/websocket/7"] {
        world.tell(target, request(Kind::WebSocket, target));
        world.tell(target, masked(0x81, target.as_bytes()));
        assert_eq!(answers(world.said(target)).remove(0).content, b"", "nothing comes back");
    }
    world.tell("/webSocket/7", masked(0x82, &[0xff; 2_000]));
    let received = world.get("/received/7").json();
    let rows: Vec<(&str, u64)> = received
        .as_array()
        .expect("rows")
        .iter()
        .filter_map(|row| Some((row["text"].as_str()?, row["bytes"].as_u64()?)))
        .collect();
    assert_eq!(rows, [("/webSocket/7", 12), ("/websocket/7", 12), ("", 2_000)]);
    assert_eq!(world.get("/c/7").json()["messages"], 0);
    assert_eq!(world.get("/received/8").text(), "[]");
}

#[test]
fn echo_sends_every_message_back() {
    let mut world = World::new();
    world.tell("e", format!("GET /echo HTTP/1.1\r\nHost: h\r\n{UPGRADE}\r\n"));
    let long = vec![b'x'; 70_000];
    let messages = [(0x81, &b"text"[..]), (0x82, &[0, 255]), (0x81, b""), (0x82, &long)];
    for (first, payload) in messages {
        world.tell("e", masked(first, payload));
    }
    let told = frames(&answers(world.said("e")).remove(0).content);
    let expected: Vec<(u8, Vec<u8>)> =
        messages.iter().map(|(first, payload)| (*first, payload.to_vec())).collect();
    assert_eq!(told, expected);
}

#[test]
fn one_address_is_told_apart_by_upgrade_and_accept() {
    let mut world = World::new();
    let info = world.get("/c/news");
    assert_eq!(info.json()["channel"], "news");
    let sse =
        "GET /c/news HTTP/1.1\r\nHost: h\r\nAccept: text/html, text/event-stream;q=0.9\r\n\r\n";
    world.tell("s", sse);
    assert_eq!((world.online(Kind::Sse), world.online(Kind::WebSocket)), (1, 0));
    world.tell("w", request(Kind::WebSocket, "/c/news"));
    assert_eq!((world.online(Kind::Sse), world.online(Kind::WebSocket)), (1, 1));
}

/// Addresses that change things by GET, as the articles have them.
const CHANGING: [&str; 3] =
    ["/polling/publish/7", "/socket/publish?userId=7&message=x", "/payback?payid=7"];
