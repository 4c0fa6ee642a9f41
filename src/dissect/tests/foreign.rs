//! What others may say, and we do not read: none of it breaks a rule.

use super::{CLIENT, SERVER, check, dissected, said};
use crate::dissect::{Dissector, Protocol};
use crate::wire::span::Severity;
use crate::wire::ws_frame::Role;

/// What is said of a conversation, in which nothing is wrong.
fn right(conversation: &[(Role, &[u8])]) -> Vec<String> {
    for cut in [1, 5, 100_000] {
        let units = dissected(conversation, cut);
        check(conversation, &units);
        for unit in &units {
            assert!(unit.violation.is_none(), "{unit:#?}");
            assert!(unit.name != "not read" && unit.name != "unfinished", "{unit:#?}");
        }
    }
    said(&dissected(conversation, 100_000))
}

const GET: (Role, &[u8]) = (CLIENT, b"GET / HTTP/1.1\r\nHost: h\r\n\r\n");
const NEXT: (Role, &[u8]) = (SERVER, b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");

#[test]
fn other_transfer_codings_are_legal() {
    let said = right(&[
        GET,
        GET,
        (
            SERVER,
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n\
              3\r\n\x1f\x8b\0\r\n0\r\n\r\n",
        ),
        NEXT,
    ]);
    assert_eq!(said[3], "Server chunk: 3 bytes, in gzip, chunked, which is not read here");
    assert_eq!(said[4], "Server chunk: the end");
    assert_eq!(said[5], "Server response head: 200 OK", "{said:#?}");

    let until_close = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked, x\r\n\r\nHTTP/1.1 2";
    let said = right(&[GET, (SERVER, until_close)]);
    assert_eq!(said[2], "Server content: 10 bytes, in chunked, x, which is not read here");

    let request = b"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: gzip, chunked\r\n\r\n\
        1\r\na\r\n0\r\n\r\nGET / HTTP/1.1\r\nHost: h\r\n\r\n";
    let said = right(&[(CLIENT, request), NEXT, NEXT]);
    assert_eq!(said[3], "Client request head: GET /", "{said:#?}");

    // A request must end in chunks: RFC 9112 §6.3.
    let units = dissected(
        &[(CLIENT, b"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: gzip\r\n\r\n")],
        1000,
    );
    let violation = units.last().unwrap().violation.unwrap();
    assert_eq!(violation.name, "transfer_encoding_not_chunked");
}

#[test]
fn content_in_a_coding_is_not_read() {
    let head = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nContent-Length: 9\r\n";
    let coded = format!("{head}Content-Encoding: gzip\r\n\r\ndata: a\n\n");
    let said_coded = right(&[GET, (SERVER, coded.as_bytes())]);
    assert_eq!(said_coded[2], "Server content: 9 bytes, in gzip, which is not read here");
    let plain = format!("{head}Content-Encoding: identity\r\n\r\ndata: a\n\n");
    let said_plain = right(&[GET, (SERVER, plain.as_bytes())]);
    assert_eq!(said_plain[2], "Server content: a");
}

#[test]
fn a_status_that_is_none_is_read_as_5xx() {
    let answer = b"HTTP/1.1 999 Denied\r\nContent-Length: 2\r\n\r\nno";
    let said = right(&[GET, GET, (SERVER, answer), NEXT]);
    let words = "Server response head: 999 Denied (no valid status: read as a 5xx, RFC 9110 §15)";
    assert_eq!(said[2], words);
    assert_eq!(said[4], "Server response head: 200 OK");
    for status in ["099", "20", "1000", "6x0"] {
        let answer = format!("HTTP/1.1 {status} Denied\r\n\r\n");
        let units = dissected(&[GET, (SERVER, answer.as_bytes())], 1000);
        assert_eq!(units[1].violation.unwrap().name, "status_invalid", "{status}");
    }
}

#[test]
fn a_tunnel_carries_whatever_it_likes() {
    let connect = b"CONNECT h:443 HTTP/1.1\r\nHost: h:443\r\n\r\n";
    let said = right(&[
        (CLIENT, connect),
        (CLIENT, b"\x16\x03\x01"),
        (SERVER, b"HTTP/1.1 200 Connection established\r\n\r\n\x16\x03\x03\0"),
        (CLIENT, b"\x17"),
    ]);
    assert_eq!(
        said[1..],
        [
            "Server response head: 200 Connection established",
            "Client tunnel: 3 bytes, not read",
            "Server tunnel: 4 bytes, not read",
            "Client tunnel: 1 bytes, not read",
        ]
    );
    let refused = b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n";
    let said = right(&[(CLIENT, connect), GET, (SERVER, refused), NEXT]);
    assert_eq!(said[2], "Client request head: GET /", "{said:#?}");
}

#[test]
fn http_2_and_other_protocols_are_left_alone() {
    let said = right(&[
        (CLIENT, b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0"),
        (SERVER, b"\0\0\0\x04\0\0\0\0\0"),
    ]);
    assert_eq!(said, ["Client HTTP/2: 33 bytes, not read", "Server HTTP/2: 9 bytes, not read"]);

    let upgrade = b"GET / HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n";
    let said = right(&[
        (CLIENT, upgrade),
        (SERVER, b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: h2c\r\n\r\n\0\0\0"),
        (CLIENT, b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
    ]);
    assert_eq!(said[2], "Server other protocol: 3 bytes, not read");
    assert_eq!(said[3], "Client other protocol: 24 bytes, not read");

    let units = dissected(&[(CLIENT, b"PRI * HTTP/2.0\r\nHost: h\r\n\r\n")], 1000);
    assert_eq!(units[0].violation.unwrap().name, "version_unsupported");
}

#[test]
fn a_frame_may_have_any_length_and_a_message_any_number_of_fragments() {
    let (mut dissector, mut units) = (Dissector::alone(Protocol::WebSocket), Vec::new());
    let mut sent = 10_u64;
    let length: u64 = 200_000_000;
    dissector.receive(SERVER, &[&b"\x82\x7f"[..], &length.to_be_bytes()].concat(), &mut units);
    for _ in 0..64 {
        dissector.receive(SERVER, &[7; 16 * 1024], &mut units);
        sent += 16 * 1024;
        assert!(dissector.waiting(SERVER) <= 80 * 1024, "{}", dissector.waiting(SERVER));
    }
    let told: usize = units.iter().map(|unit| unit.bytes().len()).sum();
    assert_eq!(told + dissector.waiting(SERVER), usize::try_from(sent).unwrap());
    assert!(units.len() > 4 && units.iter().all(|unit| unit.violation.is_none()), "{units:#?}");
    assert_eq!(dissector.awaits(SERVER), Some("a frame"));
    assert!(units[1].summary.ends_with(" of 200000000)"), "{}", units[1].summary);

    let many = [&b"\x01\x00"[..], &b"\x00\x01a".repeat(10_000), b"\x80\x00"].concat();
    let (mut dissector, mut units) = (Dissector::alone(Protocol::WebSocket), Vec::new());
    dissector.receive(SERVER, &many, &mut units);
    assert!(units.iter().all(|unit| unit.violation.is_none()));
    assert_eq!((units.len(), dissector.awaits(SERVER)), (10_002, None));

    // The text of a long frame is looked at as it comes.
    let (mut dissector, mut units) = (Dissector::alone(Protocol::WebSocket), Vec::new());
    dissector.receive(SERVER, b"\x81\x7f\0\0\0\0\0\x01\0\0ab\xff", &mut units);
    assert_eq!(units.last().unwrap().violation.unwrap().name, "ws_text_not_utf8");
}

#[test]
fn a_bound_of_ours_is_nobodys_fault() {
    let value = "x".repeat(100_000);
    let lines = "A: b\r\n".repeat(1_000);
    let chunked = "Transfer-Encoding: chunked\r\n\r\n";
    for (from, text, name) in [
        (SERVER, format!("HTTP/1.1 200 OK\r\nA: {value}\r\n\r\n"), "head_too_long"),
        (SERVER, format!("HTTP/1.1 200 OK\r\n{lines}\r\n"), "fields_too_many"),
        (
            SERVER,
            format!("HTTP/1.1 200 OK\r\n{chunked}0\r\n{lines}\r\n"),
            "trailer_fields_too_many",
        ),
        (CLIENT, format!("GET /{value} HTTP/1.1\r\nHost: h\r\n\r\n"), "target_too_long"),
    ] {
        let conversation = [(from, text.as_bytes())];
        let units = dissected(&conversation, 1000);
        check(&conversation, &units);
        let violation = units.iter().find_map(|unit| unit.violation).unwrap();
        assert_eq!((violation.name, violation.clause), (name, ""), "{violation:?}");
        let spans = units.iter().flat_map(|unit| &unit.layers).flat_map(|layer| &layer.spans);
        assert!(spans.into_iter().all(|span| span.severity != Severity::Wrong), "{name}");
    }
}
