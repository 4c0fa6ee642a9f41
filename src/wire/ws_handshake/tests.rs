use super::*;
use crate::wire::cursor::Parse;
use crate::wire::head::{self, Scan};
use crate::wire::response;

const KEY: &str = "dGhlIHNhbXBsZSBub25jZQ==";

/// The fields of a good request, by name: a row replaces, drops or adds some.
const FIELDS: &[(&str, &str)] = &[
    ("Host", "h"),
    ("Upgrade", "websocket"),
    ("Connection", "Upgrade"),
    ("Sec-WebSocket-Key", KEY),
    ("Sec-WebSocket-Version", "13"),
];

fn request(line: &str, changes: &[(&str, &str)]) -> Vec<u8> {
    let kept = FIELDS.iter().filter(|(name, _)| !changes.iter().any(|(other, _)| name == other));
    let mut text = format!("{line}\r\n");
    for (name, value) in kept.chain(changes).filter(|(_, value)| !value.is_empty()) {
        text += &format!("{name}: {value}\r\n");
    }
    (text + "\r\n").into_bytes()
}

/// What the server says to a request that comes in `reads` of so many bytes.
fn answer(bytes: &[u8], read: usize, known: &[&'static str]) -> Result<Vec<u8>, HandshakeError> {
    let mut scan = Scan::default();
    for end in (read..).step_by(read) {
        let mut room = head::room();
        let come = bytes.get(..end).unwrap_or(bytes);
        let Parse::Complete(head, _) = head::parse(come, &mut scan, &mut room).unwrap() else {
            continue;
        };
        let handshake = check(&head)?;
        return Ok(encode_answer(&handshake, handshake.protocol(known), &[]));
    }
    unreachable!("the bytes hold a whole head")
}

const ANSWER: &str = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\
    Connection: Upgrade\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n";

type Change = &'static [(&'static str, &'static str)];

/// (name, what is changed, the subprotocol that is chosen from `a` and `b`)
const CASES: &[(&str, Change, Option<&str>)] = &[
    ("the specification's own", &[], None),
    ("as Firefox writes it", &[("Connection", "keep-alive, Upgrade")], None),
    ("in any case", &[("Upgrade", "WebSocket"), ("Connection", "upgrade")], None),
    ("lists over two lines", &[("Connection", "keep-alive"), ("Connection", "Upgrade")], None),
    ("extensions are declined", &[("Sec-WebSocket-Extensions", "permessage-deflate")], None),
    ("content of no bytes", &[("Content-Length", "0")], None),
    ("one subprotocol", &[("Sec-WebSocket-Protocol", "b")], Some("b")),
    ("the client's order counts", &[("Sec-WebSocket-Protocol", "x, b ,a")], Some("b")),
    (
        "two lines",
        &[("Sec-WebSocket-Protocol", "x,"), ("Sec-WebSocket-Protocol", ",a, b")],
        Some("a"),
    ),
    ("none that is known", &[("Sec-WebSocket-Protocol", "A, ab")], None),
];

const REFUSED: &[(&str, &str, Change, HandshakeError)] = &[
    ("POST", "POST / HTTP/1.1", &[], HandshakeError::MethodNotGet),
    ("HTTP/1.0", "GET / HTTP/1.0", &[], HandshakeError::HttpTooOld),
    ("no Upgrade", GET, &[("Upgrade", "")], HandshakeError::UpgradeMissing),
    ("another Upgrade", GET, &[("Upgrade", "h2c")], HandshakeError::UpgradeMissing),
    ("a longer word", GET, &[("Upgrade", "websockets")], HandshakeError::UpgradeMissing),
    ("no Connection", GET, &[("Connection", "")], HandshakeError::ConnectionMissing),
    ("keep-alive", GET, &[("Connection", "keep-alive")], HandshakeError::ConnectionMissing),
    ("content", GET, &[("Content-Length", "1")], HandshakeError::ContentAnnounced),
    ("chunks", GET, &[("Transfer-Encoding", "chunked")], HandshakeError::ContentAnnounced),
    ("no version", GET, &[("Sec-WebSocket-Version", "")], HandshakeError::VersionNot13),
    ("version 8", GET, &[("Sec-WebSocket-Version", "8")], HandshakeError::VersionNot13),
    ("version 013", GET, &[("Sec-WebSocket-Version", "013")], HandshakeError::VersionNot13),
    ("two versions", GET, &[("Sec-WebSocket-Version", "13, 8")], HandshakeError::VersionNot13),
    (
        "13 twice",
        GET,
        &[("Sec-WebSocket-Version", "13"), ("Sec-WebSocket-Version", "13")],
        HandshakeError::VersionNot13,
    ),
    ("no key", GET, &[("Sec-WebSocket-Key", "")], HandshakeError::KeyMissing),
    (
        "two keys",
        GET,
        &[("Sec-WebSocket-Key", KEY), ("Sec-WebSocket-Key", KEY)],
        HandshakeError::KeyRepeated,
    ),
    ("15 bytes", GET, &[("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25j")], INVALID),
    ("17 bytes", GET, &[("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZWU=")], INVALID),
    ("18 bytes", GET, &[("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZWVl")], INVALID),
    ("no padding", GET, &[("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ")], INVALID),
    ("base64url", GET, &[("Sec-WebSocket-Key", "____________________-w==")], INVALID),
    ("not base64", GET, &[("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZ!==")], INVALID),
];

const GET: &str = "GET / HTTP/1.1";
const INVALID: HandshakeError = HandshakeError::KeyInvalid;

#[test]
fn cases() {
    for &(name, changes, protocol) in CASES {
        let bytes = request(GET, changes);
        let chosen = protocol.map(|name| format!("Sec-WebSocket-Protocol: {name}\r\n"));
        let expected = format!("{ANSWER}{}\r\n", chosen.unwrap_or_default()).into_bytes();
        let trailed = [bytes.as_slice(), b"\x81\x85"].concat();
        let known = &["a", "b"];
        assert_eq!(answer(&bytes, bytes.len(), known), Ok(expected.clone()), "{name}: whole");
        assert_eq!(answer(&bytes, 1, known), Ok(expected.clone()), "{name}: byte by byte");
        assert_eq!(answer(&trailed, trailed.len(), known), Ok(expected), "{name}: trailed");
    }
}

#[test]
fn refused() {
    for &(name, line, changes, error) in REFUSED {
        let bytes = request(line, changes);
        assert_eq!(answer(&bytes, bytes.len(), &[]), Err(error), "{name}: whole");
        assert_eq!(answer(&bytes, 1, &[]), Err(error), "{name}: byte by byte");
    }
}

fn checked(bytes: &[u8]) -> Result<(), HandshakeError> {
    let (mut scan, mut room) = (Scan::default(), head::room());
    let parsed = response::parse(bytes, Method::Get, &mut scan, &mut room);
    let Ok(Parse::Complete(answer, taken)) = parsed else { panic!("{parsed:?}") };
    assert_eq!(taken, bytes.len());
    check_answer(&answer, KEY)
}

#[test]
fn both_sides_understand_each_other() {
    let bytes = encode_request("127.0.0.1:7777", "/c/news/ws?since=all", KEY, Some("b"), &[]);
    let answer = answer(&bytes, bytes.len(), &["a", "b"]).unwrap();
    assert!(answer.ends_with(b"\r\nSec-WebSocket-Protocol: b\r\n\r\n"));
    assert_eq!(checked(&answer), Ok(()));
}

#[test]
fn an_answer_that_proves_nothing_is_refused() {
    use HandshakeError as E;
    let rows = [
        ("another status", "101 Switching Protocols", "200 OK", E::StatusNot101),
        ("another upgrade", "websocket", "h2c", E::UpgradeMissing),
        ("a list of upgrades", "websocket", "websocket, h2c", E::UpgradeMissing),
        ("no upgrade", "Upgrade: websocket\r\n", "", E::UpgradeMissing),
        ("no connection", "Connection: Upgrade\r\n", "", E::ConnectionMissing),
        ("another key's accept", "s3pP", "s3pQ", E::AcceptWrong),
        ("accept in another case", "xOo=", "xoo=", E::AcceptWrong),
        ("no accept", "Sec-WebSocket-Accept", "Accept", E::AcceptWrong),
        ("an extension", "Sec-", "Sec-WebSocket-Extensions: x\r\nSec-", E::ExtensionUnasked),
    ];
    let good = format!("{ANSWER}\r\n");
    assert_eq!(checked(good.as_bytes()), Ok(()));
    for (name, from, to, error) in rows {
        assert_eq!(checked(good.replace(from, to).as_bytes()), Err(error), "{name}");
    }
}

#[test]
fn every_error_has_its_row() {
    let of_answers = [
        HandshakeError::StatusNot101,
        HandshakeError::AcceptWrong,
        HandshakeError::ExtensionUnasked,
    ];
    for error in HandshakeError::ALL {
        let in_rows = REFUSED.iter().any(|row| row.3 == *error);
        assert!(in_rows || of_answers.contains(error), "{error:?}");
    }
}

#[test]
fn nothing_that_is_given_can_split_a_head() {
    let bytes = request(GET, &[]);
    let mut room = head::room();
    let parsed = head::parse(&bytes, &mut Scan::default(), &mut room);
    let Ok(Parse::Complete(head, _)) = parsed else { panic!("{parsed:?}") };
    let handshake = check(&head).unwrap();
    let extra = [("X-Good", "é"), ("X-Bad", "a\r\nb"), ("X\r\nBad", "c"), ("", "d"), ("Y", "\0")];
    let answer = encode_answer(&handshake, None, &extra);
    assert_eq!(answer, format!("{ANSWER}X-Good: é\r\n\r\n").into_bytes());

    let request = encode_request(
        "h\r\nX: y",
        "/a b\r\n/é%20",
        KEY,
        Some("p\n"),
        &[("Authorization", "a\r\nX: y")],
    );
    assert!(request.starts_with(b"GET /a%20b%0D%0A/%C3%A9%20 HTTP/1.1\r\nUpgrade: websocket\r\n"));
    let lines = String::from_utf8(request).unwrap();
    assert_eq!(lines.matches('\n').count(), FIELDS.len() + 1, "no Host, no subprotocol");
}

#[test]
fn an_answer_costs_what_its_doc_says() {
    assert_eq!(ANSWER.len() + 2, 129);
    assert_eq!("Sec-WebSocket-Protocol: \r\n".len(), 26);
}
