//! What content carries: how much of it is kept, what it costs to find out, and how it is booked.

use std::time::{Duration, Instant};

use super::{CLIENT, SERVER, said};
use crate::cost::Bytes;
use crate::dissect::{Dissector, Joining, Protocol, Unit};
use crate::limits::DISSECT_CARRIED_BYTES_MAX;
use crate::wire::span::untiled;

/// Units of an answer of this type, of which the content comes in such pieces.
fn answered(media_type: &str, content: &[u8], cut: usize) -> Vec<Unit> {
    let (mut dissector, mut units) = (Dissector::alone(Protocol::Http), Vec::new());
    let head = format!("HTTP/1.1 200 OK\r\nContent-Type: {media_type}\r\n\r\n");
    dissector.receive(SERVER, head.as_bytes(), &mut units);
    units.clear();
    for piece in content.chunks(cut) {
        dissector.receive(SERVER, piece, &mut units);
    }
    for unit in &units {
        assert!(unit.violation.is_none(), "{unit:#?}");
        assert_eq!(unit.books().total(), unit.bytes().len() as u64, "{unit:#?}");
        for layer in &unit.layers {
            assert_eq!(untiled(&layer.spans, layer.bytes.len()), None, "{layer:#?}");
        }
    }
    units
}

fn booked(units: &[Unit]) -> Bytes {
    let mut sum = Bytes::ZERO;
    units.iter().for_each(|unit| sum += unit.books());
    sum
}

#[test]
fn json_is_read_once_however_it_is_cut() {
    let numbers: Vec<String> = (0..6_700).map(|number| format!("{number:05}")).collect();
    let text = format!("{{\"a\":[{}]}}", numbers.join(","));
    assert!(text.len() > 40_000);
    let chunks: String = text.chars().map(|byte| format!("1\r\n{byte}\r\n")).collect();
    let head = "POST / HTTP/1.1\r\nHost: h\r\nContent-Type: application/json\r\n\
                Transfer-Encoding: chunked\r\n\r\n";
    let request = format!("{head}{chunks}0\r\n\r\n");
    let (mut dissector, mut units) = (Dissector::new(), Vec::new());
    let start = Instant::now();
    for piece in request.as_bytes().chunks(16 * 1024) {
        dissector.receive(CLIENT, piece, &mut units);
    }
    let spent = start.elapsed();
    assert!(spent < SOON, "{spent:?}");
    assert_eq!(units.len(), text.len() + 2);
    let whole: Vec<&Unit> = units.iter().filter(|unit| unit.layers.len() > 1).collect();
    assert_eq!(whole.len(), 1);
    assert_eq!(whole[0].layers[1].bytes, text.as_bytes());
}

#[test]
fn many_small_units_in_one_piece_cost_what_they_are() {
    let chunks = "1\r\na\r\n".repeat(60_000);
    let head = "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n";
    let (mut dissector, mut units) = (Dissector::new(), Vec::new());
    let start = Instant::now();
    dissector.receive(CLIENT, format!("{head}{chunks}0\r\n\r\n").as_bytes(), &mut units);
    assert!(start.elapsed() < SOON, "{:?}", start.elapsed());
    assert_eq!(units.len(), 60_002);
}

#[test]
fn a_line_that_comes_byte_by_byte_costs_what_it_is() {
    let line = [b"{\"a\":\"", &b"x".repeat(60_000)[..], b"\"}\n"].concat();
    let start = Instant::now();
    let units = answered("application/x-ndjson", &line, 1);
    assert!(start.elapsed() < SOON, "{:?}", start.elapsed());
    assert_eq!(units.last().unwrap().layers[1].bytes, line);
}

#[test]
fn an_event_as_long_as_ours_is_read() {
    let data = "x".repeat(1_000_000);
    let event = format!("id: 7-1\ndata: {data}\n\n");
    for cut in [usize::MAX, 64 * 1024, 1000] {
        let units = answered("text/event-stream", event.as_bytes(), cut);
        let expected = Bytes { framing: 16, payload: 1_000_000, ..Bytes::ZERO };
        assert_eq!(booked(&units), expected, "cut at {cut}");
    }
}

#[test]
fn what_is_too_long_is_told_in_pieces_and_the_next_one_is_read() {
    let long = "x".repeat(2 * DISSECT_CARRIED_BYTES_MAX);
    let (half, rest) = long.split_at(1_000_000);
    for (media_type, content, word) in [
        (
            "text/event-stream",
            format!("id: 1\ndata: {long}\ndata: b\n\nid: 3\ndata: three\n\n"),
            "event",
        ),
        ("text/event-stream", format!("data: {long}\r\n\r\ndata: three\r\n\r\n"), "event"),
        ("text/event-stream", format!("data: {long}\r\rdata: three\r\r"), "event"),
        ("text/event-stream", format!("data: {half}\ndata: {rest}\n\ndata: three\n\n"), "event"),
        (
            "text/event-stream",
            format!("data: {half}\r\ndata: {half}\r\n\r\ndata: three\r\n\r\n"),
            "event",
        ),
        ("application/x-ndjson", format!("{{\"a\":\"{long}\"}}\n{{\"three\":3}}\n"), "line"),
        ("text/html", format!("<p>{long}\n<p>three\n"), "<p>"),
    ] {
        for cut in [1_000, 64 * 1024, 300_000] {
            let units = answered(media_type, content.as_bytes(), cut);
            let last = units.last().unwrap();
            let says_three = last.summary.contains("three") || media_type == "text/html";
            assert!(says_three, "{}", last.summary);
            let layer = &last.layers[1];
            assert_ne!(layer.spans.last().unwrap().field.name, "an event that is too long");
            assert!(units.iter().any(|unit| unit.summary.contains(word)), "{media_type}");
            let layers = units.iter().filter_map(|unit| unit.layers.get(1));
            let told: usize = layers.map(|layer| layer.bytes.len()).sum();
            assert_eq!(told, content.len(), "{media_type}, cut at {cut}");
        }
    }
}

#[test]
fn json_that_is_too_long_is_opaque_with_a_word() {
    let long = format!("[\"{}\"]", "x".repeat(2 * DISSECT_CARRIED_BYTES_MAX));
    let units = answered("application/json", long.as_bytes(), 64 * 1024);
    let word = "JSON that is too long to be read";
    assert!(units.iter().any(|unit| unit.summary.contains(word)), "{:?}", said(&units));
    // What came at once is not kept, and may have any length.
    let units = answered("application/json", long.as_bytes(), usize::MAX);
    assert_eq!(units[0].layers[1].name, "JSON");
}

#[test]
fn what_users_publish_is_payload_whatever_it_looks_like() {
    for text in [
        "{\"gap\":1}",
        "{\"data\":\"abc\",\"user\":\"x\"}",
        "{\"id\":\"7-1\",\"time\":1,\"channel\":\"c\",\"data\":\"abc\"}",
        "{\"next\":\"7-1\"}",
        "1",
        "gap",
        "event: gap",
    ] {
        let length = text.len() as u64;
        let mut frame = vec![0x81, u8::try_from(length).unwrap()];
        frame.extend_from_slice(text.as_bytes());
        let (mut dissector, mut units) = (Dissector::alone(Protocol::WebSocket), Vec::new());
        dissector.receive(SERVER, &frame, &mut units);
        let expected = Bytes { framing: 2, payload: length, ..Bytes::ZERO };
        assert_eq!(booked(&units), expected, "{text}");
        assert_eq!(units[0].summary, format!("text {text}"));

        let units = answered("text/event-stream", format!("data: {text}\n\n").as_bytes(), 1000);
        let expected = Bytes { framing: 8, payload: length, ..Bytes::ZERO };
        assert_eq!(booked(&units), expected, "{text}");
        assert_eq!(units[0].summary, text);
    }
    let units = answered("text/event-stream", b"event: gap\ndata: {\"gap\":1}\n\n", 1000);
    assert_eq!(booked(&units), Bytes::control(28));
}

#[test]
fn envelopes_are_told_where_both_sides_have_agreed_to_them() {
    let gap = b"\x81\x09{\"gap\":1}";
    let plain = "GET /c/a/ws HTTP/1.1\r\n";
    let asks = "GET /c/a/ws?envelope=json HTTP/1.1\r\n";
    let agrees = "Sec-WebSocket-Protocol: pushscope.json\r\n";
    for (line, field, control) in [(plain, "", 0), (asks, "", 11), (plain, agrees, 11)] {
        let rest = "Host: h\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n";
        let answer = format!("HTTP/1.1 101 Switching Protocols\r\n{field}\r\n");
        let request = format!("{line}{rest}");
        let (mut dissector, mut units) = (Dissector::new(), Vec::new());
        dissector.receive(CLIENT, request.as_bytes(), &mut units);
        dissector.receive(SERVER, answer.as_bytes(), &mut units);
        units.clear();
        dissector.receive(SERVER, gap, &mut units);
        assert_eq!(booked(&units).control, control, "{line}{field}");
        // What the client says is published as it is.
        units.clear();
        dissector.receive(CLIENT, b"\x81\x89\0\0\0\0{\"gap\":1}", &mut units);
        assert_eq!(booked(&units).payload, 9);
    }
    let (mut dissector, mut units) = (Dissector::joining(Joining::Envelopes), Vec::new());
    dissector.receive(SERVER, gap, &mut units);
    assert_eq!(booked(&units), Bytes::control(11));
}

#[test]
fn a_head_without_news_is_control() {
    for (status, is_control) in
        [("304 Not Modified", true), ("204 No Content", true), ("200 OK", false)]
    {
        let answer = format!("HTTP/1.1 {status}\r\nETag: \"7-1\"\r\n\r\n");
        let (mut dissector, mut units) = (Dissector::alone(Protocol::Http), Vec::new());
        dissector.receive(SERVER, answer.as_bytes(), &mut units);
        let books = units[0].books();
        let expected = Bytes::head(answer.len());
        assert_eq!(books, if is_control { expected.as_control() } else { expected }, "{status}");
    }
}

/// Far longer than it takes, and far shorter than what grows with the square of it.
/// What costs more than it is takes hundreds of times as long.
const SOON: Duration = Duration::from_secs(30);
