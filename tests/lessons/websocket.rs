//! WebSocket to the letter of RFC 6455: frames in, frames and close codes out.

use pushscope::clock::SECOND_US;
use pushscope::engine::Config;
use pushscope::fault::FAULTS;
use pushscope::id::Kind;
use pushscope::limits;
use pushscope::origin::Origins;

use crate::reasons::blamed;
use crate::support::{Answer, UPGRADE, World, answers, frames, masked, request};

/// The reason, what the client sends, and the code that it is closed with.
type Row = (&'static str, Vec<u8>, u16);

fn rows() -> Vec<Row> {
    let fragments = [masked(0x01, b"x"), masked(0x00, b"").repeat(limits::FRAGMENTS_MAX)];
    vec![
        ("mask_missing", b"\x81\x02hi".to_vec(), 1002),
        ("mask_missing", b"\x81\x00".to_vec(), 1002),
        ("reserved_bit_set", masked(0xc1, b"hi"), 1002),
        ("reserved_bit_set", masked(0xa1, b"hi"), 1002),
        ("reserved_bit_set", masked(0x91, b"hi"), 1002),
        ("opcode_reserved", masked(0x83, b""), 1002),
        ("opcode_reserved", masked(0x87, b""), 1002),
        ("opcode_reserved", masked(0x8b, b""), 1002),
        ("opcode_reserved", masked(0x8f, b""), 1002),
        ("control_fragmented", masked(0x09, b"x"), 1002),
        ("control_fragmented", masked(0x08, b""), 1002),
        ("control_too_long", masked(0x89, &[b'x'; 126]), 1002),
        ("control_too_long", masked(0x88, &[3; 70_000]), 1002),
        ("length_not_minimal", b"\x81\xfe\x00\x7dABCD".to_vec(), 1002),
        ("length_not_minimal", b"\x82\xff\x00\x00\x00\x00\x00\x00\xff\xff".to_vec(), 1002),
        ("length_top_bit_set", b"\x82\xff\x80".to_vec(), 1002),
        ("continuation_unexpected", masked(0x80, b"x"), 1002),
        ("continuation_unexpected", masked(0x00, b"x"), 1002),
        ("continuation_unexpected", [masked(0x81, b"x"), masked(0x80, b"x")].concat(), 1002),
        ("message_interrupted", [masked(0x01, b"x"), masked(0x81, b"y")].concat(), 1002),
        ("message_interrupted", [masked(0x02, b"x"), masked(0x02, b"y")].concat(), 1002),
        ("fragments_too_many", fragments.concat(), 1008),
        // At the announcement: none of its bytes has come.
        ("message_too_long", b"\x82\xff\x00\x00\x00\x00\x00\x10\x00\x01key!".to_vec(), 1009),
        (
            "message_too_long",
            [masked(0x01, b"x"), b"\x80\xff\x00\x00\x00\x00\x00\x10\x00\x00key!".to_vec()].concat(),
            1009,
        ),
        ("ws_text_not_utf8", masked(0x81, b"caf\xe9!"), 1007),
        ("ws_text_not_utf8", masked(0x81, b"\xed\xa0\x80"), 1007),
        ("ws_text_not_utf8", masked(0x81, b"\xc0\xaf"), 1007),
        ("ws_text_not_utf8", masked(0x81, b"\xf4\x90\x80\x80"), 1007),
        // At the first wrong byte: the frame and the message are far from complete.
        (
            "ws_text_not_utf8",
            masked(0x81, b"ok \xff and so on, for very long")[..10].to_vec(),
            1007,
        ),
        ("ws_text_not_utf8", [masked(0x01, b"\xe2\x82"), masked(0x00, b"\x28")].concat(), 1007),
        ("ws_text_cut_off", masked(0x81, b"\xe2\x82"), 1007),
        ("ws_text_cut_off", [masked(0x01, b"\xf0\x9f"), masked(0x80, b"\x99")].concat(), 1007),
        ("close_code_cut_off", masked(0x88, b"\x03"), 1002),
        ("close_code_reserved", masked(0x88, &0_u16.to_be_bytes()), 1002),
        ("close_code_reserved", masked(0x88, &999_u16.to_be_bytes()), 1002),
        ("close_code_reserved", masked(0x88, &1004_u16.to_be_bytes()), 1002),
        ("close_code_reserved", masked(0x88, &1005_u16.to_be_bytes()), 1002),
        ("close_code_reserved", masked(0x88, &1006_u16.to_be_bytes()), 1002),
        ("close_code_reserved", masked(0x88, &1015_u16.to_be_bytes()), 1002),
        ("close_code_reserved", masked(0x88, &2999_u16.to_be_bytes()), 1002),
        ("close_code_reserved", masked(0x88, &5000_u16.to_be_bytes()), 1002),
        ("close_reason_not_utf8", masked(0x88, b"\x03\xe8\xff"), 1007),
    ]
}

/// Which faults the rows cause.
pub(crate) fn reasons() -> impl Iterator<Item = &'static str> {
    rows().into_iter().map(|(reason, ..)| reason)
}

#[test]
fn every_fault_fails_the_connection_with_its_code() {
    for (reason, sent, code) in rows() {
        let fault = FAULTS.iter().find(|row| row.name == reason).expect("a row of the table");
        assert_eq!(fault.close.as_u16(), code, "{reason}");
        let mut world = opened("/echo");
        world.tell("w", &sent);
        let last = told(&world).pop();
        assert_eq!(last, Some(close(code, reason)), "{reason}: {:x?}", &sent[..sent.len().min(16)]);
        assert_eq!(blamed(&mut world), [(reason, 1)]);
        assert!(world.is_over("w"), "{reason}");
        let said = world.said("w").len();
        world.tell("w", masked(0x81, b"more"));
        assert_eq!(world.said("w").len(), said, "who fails the connection reads no further");
        world.advance(limits::LINGER_US_MAX);
        assert!(world.farewell("w").is_some());
    }
}

#[test]
fn a_close_is_answered_with_its_code_and_the_server_closes_first() {
    let codes = (1000..=1003).chain(1007..=1014).chain([3000, 3999, 4000, 4999]);
    for code in codes {
        let mut world = opened("/echo");
        world.tell("w", masked(0x88, &[&u16::to_be_bytes(code)[..], b"bye"].concat()));
        assert_eq!(told(&world), [close(code, "")]);
        assert!(world.is_over("w"));
    }
    let mut world = opened("/echo");
    world.tell("w", masked(0x88, b""));
    assert_eq!(told(&world), [(0x88, Vec::new())]);
    assert!(world.is_over("w"));
}

#[test]
fn the_peers_half_of_the_closing_handshake_is_awaited_for_two_seconds() {
    let delete = "DELETE /c/news HTTP/1.1\r\nHost: h\r\n\r\n";
    let mut world = opened("/c/news/ws");
    world.ask(delete);
    let bye = [close(1000, "the channel was deleted")];
    assert_eq!(told(&world), bye);
    // What was under way when we closed means nothing any more, and is no fault.
    world.tell("w", [masked(0x81, b"late"), masked(0x89, b"late")].concat());
    world.advance(limits::CLOSE_US_MAX - 1);
    assert!(!world.is_over("w"));
    world.tell("w", masked(0x88, b"\x03\xe8"));
    assert!(world.is_over("w"));
    assert_eq!(told(&world), bye, "no second close frame");
    assert_eq!(world.get("/c/news").json()["messages"], 0);

    let mut world = opened("/c/news/ws");
    world.ask(delete);
    world.advance(limits::CLOSE_US_MAX);
    assert!(world.is_over("w"));
    assert_eq!(told(&world), bye);
}

#[test]
fn a_ping_is_answered_with_its_data() {
    let mut world = opened("/echo");
    let long = [b'x'; 125];
    for data in [&b""[..], b"data", &long] {
        world.tell("w", masked(0x89, data));
        assert_eq!(told(&world).pop(), Some((0x8a, data.to_vec())));
    }
    world.tell("w", masked(0x8a, b"nobody asked"));
    assert_eq!(told(&world).len(), 3);
}

#[test]
fn control_frames_may_stand_between_fragments() {
    let mut world = opened("/echo");
    let sent = [
        masked(0x01, b"\xf0\x9f"),
        masked(0x89, b"now"),
        masked(0x00, b""),
        masked(0x8a, b""),
        masked(0x80, b"\x99\x82"),
        masked(0x02, b"a"),
        masked(0x80, b"b"),
    ];
    world.tell("w", sent.concat());
    let expected = [(0x8a, b"now".to_vec()), (0x81, "🙂".into()), (0x82, b"ab".to_vec())];
    assert_eq!(told(&world), expected);
}

#[test]
fn a_message_may_have_exactly_as_many_bytes_as_it_may() {
    let mut world = opened("/c/news/ws");
    world.tell("w", masked(0x82, &vec![7; limits::MESSAGE_BYTES_MAX]));
    assert_eq!(told(&world), [(0x82, vec![7; limits::MESSAGE_BYTES_MAX])]);
    let half = vec![7; limits::MESSAGE_BYTES_MAX / 2];
    world.tell("w", [masked(0x02, &half), masked(0x80, &half)].concat());
    assert_eq!(told(&world).len(), 2);
    world.tell("w", [masked(0x02, &half), masked(0x00, &half), masked(0x80, b"x")].concat());
    assert_eq!(told(&world).pop(), Some(close(1009, "message_too_long")));
}

#[test]
fn two_pings_may_stay_unanswered() {
    let mut world = opened("/c/news/ws");
    world.advance(2 * limits::PING_US);
    let ping = (0x89, Vec::new());
    assert_eq!(told(&world), [ping.clone(), ping.clone()]);
    world.advance(limits::PING_US - 1);
    assert!(!world.is_over("w"));
    world.advance(1);
    assert_eq!(told(&world).pop(), Some(close(1011, "pong_missing")));
    assert!(world.is_over("w"));

    let mut world = opened("/c/news/ws");
    for _ in 0..10 {
        world.advance(2 * limits::PING_US);
        world.tell("w", masked(0x8a, b""));
    }
    assert!(!world.is_over("w"));
    assert_eq!(told(&world).len(), 20);
}

/// A ping behind what is not read yet could not be answered: nobody is blamed for that.
#[test]
fn no_pong_is_missed_behind_a_backlog() {
    let mut world = opened("/c/news/ws");
    world.narrow("w", 0);
    let text = "x".repeat(900_000);
    world.publish("news", &text);
    for _ in 0..8 * limits::PING_US / SECOND_US {
        world.advance(SECOND_US);
        world.widen("w", 4_000);
        assert!(!world.is_over("w"), "at {} s", world.now_us() / SECOND_US);
    }
    world.widen("w", usize::MAX);
    assert_eq!(told(&world), [(0x81, text.into_bytes())], "no ping was added to the backlog");
    world.advance(3 * limits::PING_US);
    assert_eq!(told(&world).pop(), Some(close(1011, "pong_missing")), "now it has no excuse");
    assert!(world.is_over("w"));
}

#[test]
fn a_slow_reader_is_told_1013() {
    let mut world = opened("/c/news/ws");
    world.narrow("w", 0);
    let text = "x".repeat(100_000);
    while world.subscribers("news") == 1 {
        world.publish("news", &text);
    }
    for _ in 0..20 {
        world.widen("w", 100_000);
    }
    assert_eq!(told(&world).pop(), Some(close(1013, "queue_full")), "no frame is torn");
    assert!(world.is_over("w"));
}

#[test]
fn a_subprotocol_is_chosen_in_the_clients_order() {
    let cases = [
        ("Sec-WebSocket-Protocol: x, pushscope.json, pushscope.raw\r\n", Some("pushscope.json")),
        (
            "Sec-WebSocket-Protocol: x\r\nSec-WebSocket-Protocol: pushscope.raw\r\n",
            Some("pushscope.raw"),
        ),
        ("Sec-WebSocket-Protocol: pushscope.raw,pushscope.json\r\n", Some("pushscope.raw")),
        ("Sec-WebSocket-Protocol: PUSHSCOPE.JSON, x\r\n", None),
        ("", None),
    ];
    for (fields, chosen) in cases {
        let (world, answer) = upgraded(World::new(), "/c/news/ws", fields);
        assert_eq!(answer.status, 101);
        assert_eq!(answer.field("Sec-WebSocket-Protocol"), chosen);
        let greeted = !told(&world).is_empty();
        assert_eq!(greeted, chosen == Some("pushscope.json"), "an envelope says where it stands");
    }
}

#[test]
fn an_offer_of_extensions_is_declined_by_silence() {
    let offer = "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n";
    let (_, answer) = upgraded(World::new(), "/echo", offer);
    assert_eq!((answer.status, answer.field("Sec-WebSocket-Extensions")), (101, None));
}

#[test]
fn only_pages_of_allowed_origins_may_connect() {
    let allowed = |origins: &[&str]| {
        let origins = Origins::new(origins.iter().map(|origin| (*origin).to_owned()).collect());
        World::configured(Config { origins, ..Config::default() })
    };
    let shop = &["https://shop.example"][..];
    let cases: &[(&[&str], &str, u16)] = &[
        (&[], "", 101),
        (&[], "Origin: http://h\r\n", 101),
        (&[], "Origin: https://H\r\n", 101),
        (&[], "Origin: http://evil\r\n", 403),
        (&[], "Origin: http://h.evil\r\n", 403),
        (&[], "Origin: http://h:81\r\n", 403),
        (&[], "Origin: null\r\n", 403),
        (&[], "Origin:\r\n", 403),
        (&[], "Sec-Fetch-Site: cross-site\r\n", 403),
        (&[], "Sec-Fetch-Site: same-origin\r\n", 101),
        (&[], "Referer: http://h/page?a=http://evil\r\n", 101),
        (&[], "Referer: http://evil/http://h/\r\n", 403),
        (&[], "Referer: android-app\r\n", 403),
        (&[], "Sec-Fetch-Site: none\r\nReferer: http://evil/\r\n", 101),
        (shop, "Referer: https://shop.example/cart\r\n", 101),
        (shop, "Origin: https://shop.example\r\n", 101),
        (shop, "Origin: http://shop.example\r\n", 403),
        (&["*"], "Origin: null\r\n", 101),
    ];
    for (origins, fields, status) in cases {
        let (_, answer) = upgraded(allowed(origins), "/c/news/ws", fields);
        assert_eq!(answer.status, *status, "{origins:?}, {fields}");
        let reason = if *status == 403 { "origin_refused" } else { "" };
        assert_eq!(answer.reason(), reason);
    }
}

#[test]
fn what_a_client_says_is_published_as_what_it_is() {
    let mut world = opened("/c/news/ws");
    world.tell("w", [masked(0x81, "a\r\n🙂".as_bytes()), masked(0x82, b"\xff")].concat());
    world.advance(SECOND_US);
    let messages = world.get("/c/news/poll").json()["messages"].clone();
    assert_eq!(
        (messages[0]["data"].as_str(), messages[1]["base64"].as_str()),
        (Some("a\r\n🙂"), Some("/w=="))
    );
    assert_eq!(told(&world), [(0x81, "a\r\n🙂".into()), (0x82, vec![0xff])]);
}

fn opened(target: &str) -> World {
    let mut world = World::new();
    world.tell("w", request(Kind::WebSocket, target));
    world
}

fn upgraded(mut world: World, target: &str, fields: &str) -> (World, Answer) {
    world.tell("w", format!("GET {target} HTTP/1.1\r\nHost: h\r\n{UPGRADE}{fields}\r\n"));
    let answer = answers(world.said("w")).remove(0);
    (world, answer)
}

/// The frames that the client was told.
fn told(world: &World) -> Vec<(u8, Vec<u8>)> {
    frames(&answers(world.said("w")).remove(0).content)
}

fn close(code: u16, reason: &str) -> (u8, Vec<u8>) {
    (0x88, [&code.to_be_bytes()[..], reason.as_bytes()].concat())
}
