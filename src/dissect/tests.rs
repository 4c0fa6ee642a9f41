mod carried;
mod foreign;

use proptest::prelude::*;

use super::*;
use crate::wire::span::{Severity, untiled};

const CLIENT: Role = Role::Client;
const SERVER: Role = Role::Server;

/// A request, an upgrade, a greeting in both directions, and a goodbye.
const WEBSOCKET: &[(Role, &[u8])] = &[
    (
        CLIENT,
        b"GET /ws/asset HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
          Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n\
          \x81\x82\x00\x00\x00\x00hi",
    ),
    (
        SERVER,
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n\
          \x81\x02hi\x89\x00",
    ),
    (CLIENT, b"\x8a\x80\x01\x02\x03\x04\x88\x85\x37\xfa\x21\x3d\x34\x13\x43\x44\x52"),
    (SERVER, b"\x88\x05\x03\xe9bye"),
];

/// A poll that finds nothing, a publish, a stream in chunks.
const HTTP: &[(Role, &[u8])] = &[
    (CLIENT, b"HEAD /c/news/poll HTTP/1.1\r\nHost: h\r\n\r\n"),
    (SERVER, b"HTTP/1.1 304 Not Modified\r\nETag: \"7-1\"\r\n\r\n"),
    (CLIENT, b"POST /c/news HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nhello"),
    (
        SERVER,
        b"HTTP/1.1 201 Created\r\nContent-Type: application/json\r\nContent-Length: 12\r\n\r\n\
          {\"id\":\"7-1\"}",
    ),
    (CLIENT, b"GET /c/news/sse HTTP/1.1\r\nHost: h\r\n\r\n"),
    (
        SERVER,
        b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n\
          9\r\nid: 7-1\n\n\r\n14\r\nid: 7-2\ndata: hello\n\r\n4\r\n\n:\n\n\r\n0\r\n\r\n",
    ),
];

fn dissected(conversation: &[(Role, &[u8])], cut: usize) -> Vec<Unit> {
    let mut dissector = Dissector::new();
    let mut units = Vec::new();
    for (from, bytes) in conversation {
        for piece in bytes.chunks(cut) {
            dissector.receive(*from, piece, &mut units);
        }
    }
    dissector.end(CLIENT, &mut units);
    dissector.end(SERVER, &mut units);
    units
}

/// Every layer is tiled, and the units of each direction are all of its bytes.
fn check(conversation: &[(Role, &[u8])], units: &[Unit]) {
    for from in [CLIENT, SERVER] {
        let sent: Vec<u8> = conversation
            .iter()
            .filter(|(by, _)| *by == from)
            .flat_map(|(_, b)| *b)
            .copied()
            .collect();
        let mut told = Vec::new();
        for unit in units.iter().filter(|unit| unit.from == from) {
            assert_eq!(unit.offset, told.len() as u64, "{}", unit.name);
            told.extend_from_slice(unit.bytes());
            for layer in &unit.layers {
                let hole = untiled(&layer.spans, layer.bytes.len());
                assert_eq!(hole, None, "{} {}: {:#?}", unit.name, layer.name, layer);
            }
        }
        assert_eq!(told.escape_ascii().to_string(), sent.escape_ascii().to_string());
    }
}

fn said(units: &[Unit]) -> Vec<String> {
    units.iter().map(|unit| format!("{:?} {}: {}", unit.from, unit.name, unit.summary)).collect()
}

#[test]
fn a_websocket_is_told_frame_by_frame() {
    let units = dissected(WEBSOCKET, 1000);
    check(WEBSOCKET, &units);
    assert_eq!(
        said(&units),
        [
            "Client request head: GET /ws/asset",
            "Server response head: 101 Switching Protocols",
            "Client frame: text hi",
            "Server frame: text hi",
            "Server frame: ping, 0 bytes",
            "Client frame: pong, 0 bytes",
            "Client frame: close 1001 going away bye",
            "Server frame: close 1001 going away bye",
        ]
    );
    let hi = &units[2];
    assert_eq!((hi.layers.len(), &hi.layers[1].bytes[..]), (2, &b"hi"[..]));
    let fields: Vec<&str> = hi.layers[0].spans.iter().map(|span| span.field.name).collect();
    let expected = [
        "frame",
        "FIN",
        "RSV1, RSV2, RSV3",
        "opcode",
        "MASK",
        "Payload len",
        "Masking-key",
        "Payload Data, masked",
    ];
    assert_eq!(fields, expected);
}

#[test]
fn a_stream_is_told_chunk_by_chunk_and_event_by_event() {
    let units = dissected(HTTP, 1000);
    check(HTTP, &units);
    let said = said(&units);
    assert!(said.contains(&"Client content: 5 bytes".to_owned()), "{said:#?}");
    assert!(said.contains(&"Server chunk: hello".to_owned()), "{said:#?}");
    assert!(said.contains(&"Server chunk: the end".to_owned()), "{said:#?}");
    assert_eq!(units.iter().filter(|unit| unit.name == "chunk").count(), 4);
}

#[test]
fn what_is_wrong_is_blamed() {
    for (bytes, name, blamed) in [
        (&b"GET / HTTP/1.1\r\n\r\n"[..], "host_missing", "CRLF"),
        (b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\nrest", "host_repeated", "Host"),
        (b"GET / HTTP/1.1\r\nHost : a\r\n\r\n", "space_before_colon", "line"),
        (b"GET  / HTTP/1.1\r\nHost: a\r\n\r\n", "target_missing", "line"),
        (
            b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nx\r\n",
            "chunk_size_missing",
            "unexpected byte",
        ),
    ] {
        let units = dissected(&[(CLIENT, bytes)], 1000);
        check(&[(CLIENT, bytes)], &units);
        let unit = units.iter().find(|unit| unit.violation.is_some()).unwrap();
        assert_eq!(unit.violation.unwrap().name, name);
        let wrong = unit.layers[0].spans.iter().rfind(|span| span.severity == Severity::Wrong);
        assert_eq!(wrong.map(|span| span.field.name), Some(blamed), "{name}: {unit:#?}");
    }
}

#[test]
fn a_frame_that_is_wrong_is_told_up_to_what_is_wrong() {
    let mut dissector = Dissector::alone(Protocol::WebSocket);
    let mut units = Vec::new();
    dissector.receive(CLIENT, b"\x81\x02hi", &mut units);
    let [unit] = &units[..] else { panic!("{units:#?}") };
    assert_eq!(unit.violation.unwrap().name, "mask_missing");
    assert_eq!(unit.violation.unwrap().answer, Remedy::MayClose(1002));
    assert_eq!(untiled(&unit.layers[0].spans, 4), None);
}

#[test]
fn the_field_that_is_wrong_is_blamed_though_others_were_told_behind_it() {
    for (bytes, blamed) in
        [(&b"\x00\x00"[..], "opcode"), (b"\x01\x01a\x81\x00", "opcode"), (b"\x09\x00", "FIN")]
    {
        let mut dissector = Dissector::alone(Protocol::WebSocket);
        let mut units = Vec::new();
        dissector.receive(SERVER, bytes, &mut units);
        let spans = &units.last().unwrap().layers[0].spans;
        let wrong: Vec<&str> = spans
            .iter()
            .filter(|span| span.severity == Severity::Wrong)
            .map(|span| span.field.name)
            .collect();
        assert_eq!(wrong, ["frame", blamed]);
    }
}

#[test]
fn what_is_awaited_is_known() {
    let head = "HTTP/1.1 200 OK\r\nContent-Type: ";
    for (protocol, bytes, awaits) in [
        (Protocol::WebSocket, "\x01\x01a\0\x01a".to_owned(), Some("a fragmented message")),
        (Protocol::WebSocket, "\x01\x02a".to_owned(), Some("a frame")),
        (Protocol::WebSocket, "\x01".to_owned(), Some("a frame")),
        (Protocol::EventStream, "data: a\n\n".to_owned(), None),
        (Protocol::EventStream, "data: a\n".to_owned(), Some("an event")),
        (Protocol::Chunked, "1\r\na\r\n".to_owned(), Some("the content of a response")),
        (Protocol::Chunked, "1\r\na".to_owned(), Some("a chunk")),
        (Protocol::Chunked, "1\r\na\r\n0\r\n\r\n".to_owned(), None),
        (Protocol::Http, "HTTP/1.1 2".to_owned(), Some("the head of a response")),
        (Protocol::Http, format!("{head}application/x-ndjson\r\n\r\n{{"), Some("a line")),
        (Protocol::Http, format!("{head}application/json\r\n\r\n[1,"), Some("a JSON text")),
        (Protocol::Http, format!("{head}application/json\r\n\r\n[1,2]"), None),
        (Protocol::Http, format!("{head}text/html\r\n\r\n<html>"), None),
    ] {
        let mut dissector = Dissector::alone(protocol);
        dissector.receive(SERVER, bytes.as_bytes(), &mut Vec::new());
        assert_eq!(dissector.awaits(SERVER), awaits, "{}", bytes.escape_debug());
    }
}

#[test]
fn an_answer_that_is_whole_awaits_nothing() {
    for (media_type, content) in [
        ("application/json", "[1,2]"),
        ("application/json", "\"a\""),
        ("application/json", "17"),
        ("application/json", "{\"a\":"),
        ("application/json", "{\"a\":1}\n"),
        ("text/html", "<html></html>"),
        ("application/x-ndjson", "{\"a\":1}\n{\"b\":2}"),
        ("text/event-stream", "data: a"),
    ] {
        let length = content.len();
        let answers = [
            format!("Content-Length: {length}\r\n\r\n{content}"),
            format!("Transfer-Encoding: chunked\r\n\r\n{length:x}\r\n{content}\r\n0\r\n\r\n"),
        ];
        for answer in answers {
            let answer = format!("HTTP/1.1 200 OK\r\nContent-Type: {media_type}\r\n{answer}");
            for cut in [1, 7, 1000] {
                let (mut dissector, mut units) = (Dissector::alone(Protocol::Http), Vec::new());
                for piece in answer.as_bytes().chunks(cut) {
                    dissector.receive(SERVER, piece, &mut units);
                }
                assert_eq!(dissector.awaits(SERVER), None, "{answer}");
                check(&[(SERVER, answer.as_bytes())], &units);
            }
        }
    }
}

#[test]
fn what_bytes_look_like() {
    for (bytes, guess) in [
        (&b"GET / HTTP/1.1\r\n"[..], Some((Protocol::Http, CLIENT))),
        (b"HTTP/1.1 200 OK\r\n", Some((Protocol::Http, SERVER))),
        (b"data: a\n\n", Some((Protocol::EventStream, SERVER))),
        (b"5\r\nhello\r\n", Some((Protocol::Chunked, SERVER))),
        (b"\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58", Some((Protocol::WebSocket, CLIENT))),
        (b"\x81\x05hello", Some((Protocol::WebSocket, SERVER))),
        (b"\xff\xff", None),
        (b"", None),
    ] {
        assert_eq!(Protocol::guess(bytes), guess, "{}", bytes.escape_ascii());
    }
}

proptest! {
    #[test]
    fn cuts_change_nothing(cut in 1_usize..40) {
        for conversation in [WEBSOCKET, HTTP] {
            let units = dissected(conversation, cut);
            check(conversation, &units);
            prop_assert_eq!(said(&units), said(&dissected(conversation, 1000)));
        }
    }

    #[test]
    fn whatever_comes_is_tiled(
        pieces in prop::collection::vec((any::<bool>(), any::<[u8; 13]>()), 0..12),
        place in 0_usize..4,
        is_spoilt in any::<bool>(),
        at in any::<prop::sample::Index>(),
    ) {
        let conversation = if place % 2 == 0 { WEBSOCKET } else { HTTP };
        let mut owned: Vec<(Role, Vec<u8>)> =
            conversation.iter().map(|(from, bytes)| (*from, bytes.to_vec())).collect();
        if is_spoilt {
            let (_, bytes) = &mut owned[place];
            let index = at.index(bytes.len());
            bytes[index] ^= 0x20;
        }
        owned.extend(pieces.into_iter().map(|(is_client, bytes)| {
            (if is_client { CLIENT } else { SERVER }, bytes.to_vec())
        }));
        let borrowed: Vec<(Role, &[u8])> =
            owned.iter().map(|(from, bytes)| (*from, &bytes[..])).collect();
        check(&borrowed, &dissected(&borrowed, 7));
    }
}
