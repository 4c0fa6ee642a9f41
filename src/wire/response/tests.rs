#![allow(clippy::indexing_slicing, reason = "a test may panic")]

use proptest::prelude::*;

use super::*;
use crate::limits::{FIELDS_MAX, HEAD_BYTES_MAX};
use crate::wire::field::room;

fn shown(parsed: Result<Parse<Answer<'_, '_>>, AnswerError>) -> String {
    match parsed {
        Ok(Parse::Complete(answer, taken)) => {
            let keep = if answer.keep_alive { " keep" } else { "" };
            let Answer { status, version, content, .. } = answer;
            format!("{version:?} {status} {content:?}{keep} {taken}")
        }
        Ok(Parse::Partial) => "partial".into(),
        Err(error) => format!("{error:?}"),
    }
}

fn whole(bytes: &[u8], method: Method) -> String {
    shown(parse(bytes, method, &mut Scan::default(), &mut room()))
}

/// Feeds prefixes that end at these cuts, then everything; the first answer that is not partial.
fn cut(bytes: &[u8], method: Method, cuts: impl IntoIterator<Item = usize>) -> String {
    let mut scan = Scan::default();
    for end in cuts.into_iter().chain([bytes.len()]) {
        let said = shown(parse(&bytes[..end], method, &mut scan, &mut room()));
        if said != "partial" {
            return said;
        }
    }
    "partial".into()
}

/// (name, method of the request, what the head says, bytes).
const CASES: &[(&str, Method, &str, &[u8])] = &[
    (
        "a length",
        Method::Get,
        "Http11 200 Length(2) keep",
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n",
    ),
    (
        "chunks",
        Method::Get,
        "Http11 200 Chunked keep",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
    ),
    (
        "until the connection closes",
        Method::Post,
        "Http11 200 UntilClose",
        b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n",
    ),
    ("HTTP/1.0", Method::Get, "Http10 200 UntilClose", b"HTTP/1.0 200 OK\r\n\r\n"),
    ("no reason phrase", Method::Get, "Http11 599 UntilClose keep", b"HTTP/1.1 599 \r\n\r\n"),
    ("no space either", Method::Get, "Http11 200 UntilClose keep", b"HTTP/1.1 200\r\n\r\n"),
    (
        "a reason phrase of obs-text",
        Method::Get,
        "Http11 200 UntilClose keep",
        b"HTTP/1.1 200 \xff\t\r\n\r\n",
    ),
    (
        "an answer to HEAD",
        Method::Head,
        "Http11 200 None keep",
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n",
    ),
    ("a tunnel", Method::Connect, "Http11 200 None keep", b"HTTP/1.1 200 OK\r\n\r\n"),
    ("204", Method::Get, "Http11 204 None keep", b"HTTP/1.1 204 No Content\r\n\r\n"),
    (
        "304 with a length",
        Method::Get,
        "Http11 304 None keep",
        b"HTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\n\r\n",
    ),
    ("101", Method::Get, "Http11 101 None keep", b"HTTP/1.1 101 \r\nUpgrade: websocket\r\n\r\n"),
    ("100", Method::Put, "Http11 100 None keep", CONTINUE),
];

/// (name, bytes, error).
const REFUSED: &[(&str, &[u8], AnswerError)] = &[
    ("no HTTP", b"SSH", AnswerError::VersionInvalid),
    ("an empty line", b"\r\n", AnswerError::VersionInvalid),
    ("HTTP/2", b"HTTP/2", AnswerError::VersionUnsupported),
    ("HTTP/1.2", b"HTTP/1.2", AnswerError::VersionUnsupported),
    ("no status", b"HTTP/1.1 \r\n", AnswerError::StatusInvalid),
    ("two digits", b"HTTP/1.1 20\r\n", AnswerError::StatusInvalid),
    ("four digits", b"HTTP/1.1 2000\r\n", AnswerError::StatusInvalid),
    ("a status of 600", b"HTTP/1.1 600 \r\n", AnswerError::StatusInvalid),
    ("a status of 099", b"HTTP/1.1 099 \r\n", AnswerError::StatusInvalid),
    ("NUL in the phrase", b"HTTP/1.1 200 \0\r\n", AnswerError::ReasonInvalid),
    ("LF", b"HTTP/1.1 200 OK\n", AnswerError::Field(FieldError::LfBare)),
    ("CR", b"HTTP/1.1 200 O\rK\r\n", AnswerError::Field(FieldError::CrBare)),
    ("folding", b"HTTP/1.1 200 OK\r\n a:b\r\n", AnswerError::Field(FieldError::LineFolded)),
    (
        "a length and chunks",
        b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
        AnswerError::Field(FieldError::LengthBesideEncoding),
    ),
    (
        "two lengths",
        b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
        AnswerError::Field(FieldError::LengthRepeated),
    ),
];

#[test]
fn answers_are_parsed_however_they_come() {
    for (name, method, said, bytes) in CASES {
        let said = format!("{said} {}", bytes.len());
        assert_eq!(whole(bytes, *method), said, "{name}");
        assert_eq!(cut(bytes, *method, 0..bytes.len()), said, "{name}, byte by byte");
        let longer = [bytes, &b"\r\n\0"[..]].concat();
        assert_eq!(whole(&longer, *method), said, "{name}, with trailing bytes");
    }
}

#[test]
fn what_is_wrong_is_refused() {
    for (name, bytes, error) in REFUSED {
        let said = format!("{error:?}");
        assert_eq!(whole(bytes, Method::Get), said, "{name}");
        assert_eq!(cut(bytes, Method::Get, 0..bytes.len()), said, "{name}, byte by byte");
        let listed = match error {
            AnswerError::Field(error) => FieldError::ALL.contains(error),
            error => AnswerError::ALL.contains(error),
        };
        assert!(listed, "{name}");
    }
    for line in [format!("HTTP/1.1 200 {}", "a".repeat(HEAD_BYTES_MAX)), {
        format!("HTTP/1.1 200 OK\r\nA: {}", "a".repeat(HEAD_BYTES_MAX))
    }] {
        assert_eq!(whole(line.as_bytes(), Method::Get), "Field(HeadTooLong)");
        let cuts = 0..line.len();
        assert_eq!(cut(line.as_bytes(), Method::Get, cuts), "Field(HeadTooLong)");
    }
    let lines = format!("HTTP/1.1 200 OK\r\n{}", "a:\r\n".repeat(FIELDS_MAX + 1));
    assert_eq!(whole(lines.as_bytes(), Method::Get), "Field(LinesTooMany)");
}

#[test]
fn every_error_is_listed_once() {
    for (index, error) in AnswerError::ALL.iter().enumerate() {
        assert!(!AnswerError::ALL[..index].contains(error), "{error:?}");
    }
}

#[test]
fn what_is_written_can_be_parsed() {
    let date = Date::at(784_111_777);
    let bytes = ResponseHead::new(200, &date)
        .field("Content-Type", "text/plain;\tcharset=\"ü\"")
        .number("Age", 10_203)
        .end_with(b"ok");
    let mut room = room();
    let parsed = parse(&bytes, Method::Get, &mut Scan::default(), &mut room);
    let Ok(Parse::Complete(answer, taken)) = parsed else { panic!() };
    assert_eq!((answer.status, answer.content), (200, Answered::Length(2)));
    assert_eq!(answer.text("date"), Some(date.as_str()));
    assert_eq!(answer.field("content-type"), Some("text/plain;\tcharset=\"ü\"".as_bytes()));
    assert_eq!(answer.text("Age"), Some("10203"));
    assert_eq!(&bytes[taken..], b"ok");
}

#[test]
fn a_status_without_content_gets_none() {
    let date = Date::at(0);
    for status in [100, 101, 199, 204, 304] {
        let bytes = ResponseHead::new(status, &date).end_with(b"content");
        assert_eq!(bytes, ResponseHead::new(status, &date).end(), "{status}");
    }
    assert!(ResponseHead::new(200, &date).end_with(b"").ends_with(b"Content-Length: 0\r\n\r\n"));
}

#[test]
fn a_status_is_three_digits() {
    let date = Date::at(0);
    for (status, line) in [
        (0, "HTTP/1.1 500 Internal Server Error\r\n"),
        (99, "HTTP/1.1 500 Internal Server Error\r\n"),
        (299, "HTTP/1.1 299 \r\n"),
        (404, "HTTP/1.1 404 Not Found\r\n"),
        (1_000, "HTTP/1.1 500 Internal Server Error\r\n"),
    ] {
        assert!(ResponseHead::new(status, &date).end().starts_with(line.as_bytes()), "{status}");
    }
}

#[test]
fn numbers_are_written_in_full() {
    for number in [0, 9, 10, 99, 100, 1_000_000, u64::MAX] {
        let bytes = ResponseHead::new(200, &Date::at(0)).number("N", number).end();
        assert!(bytes.ends_with(format!("\r\nN: {number}\r\n\r\n").as_bytes()), "{number}");
    }
}

#[test]
fn no_value_splits_the_head() {
    let bare = ResponseHead::new(200, &Date::at(0)).end();
    for value in ["a\r\nB: c", "\n", "\r", "a\0", "\x1b[0m", "\x7f"] {
        let head = ResponseHead::new(200, &Date::at(0)).field("A", value).end();
        assert_eq!(head, bare, "{value:?}");
    }
    for name in ["", "A B", "A:", "A\r\nB", "ä"] {
        let head = ResponseHead::new(200, &Date::at(0)).field(name, "a").number(name, 1).end();
        assert_eq!(head, bare, "{name:?}");
    }
}

/// Bytes that are a response head, or nearly one.
fn nearly_an_answer() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop::sample::select(vec![
        "HTTP/1.1 200 OK",
        "HTTP/1.0 304",
        " ",
        "\r\n",
        "\r\n\r\n",
        "\n",
        "\r",
        "\t",
        "\0",
        ":",
        "é",
        "Content-Length: 5\r\n",
        "A: b\r\n",
        "Transfer-Encoding: chunked\r\n",
        "x",
    ]);
    let begun = prop::sample::select(vec!["", "HTTP/1.1 200 ", "HTTP/1.1 200 OK\r\n"]);
    let pieces = prop::collection::vec(piece, 0..8).prop_map(|pieces| pieces.concat());
    let flip = prop::option::of((any::<prop::sample::Index>(), any::<u8>()));
    (begun, pieces, flip).prop_map(|(begun, pieces, flip)| {
        let mut bytes = [begun.as_bytes(), pieces.as_bytes(), b"\r\n\r\n"].concat();
        if let Some((index, byte)) = flip {
            *index.get_mut(&mut bytes) = byte;
        }
        bytes
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    #[test]
    fn cuts_change_nothing(
        bytes in nearly_an_answer(),
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..6),
    ) {
        let said = whole(&bytes, Method::Get);
        prop_assert_eq!(&cut(&bytes, Method::Get, 0..bytes.len()), &said);
        let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(bytes.len() + 1)).collect();
        cuts.sort_unstable();
        prop_assert_eq!(&cut(&bytes, Method::Get, cuts), &said);
    }

    #[test]
    fn a_field_of_any_text_adds_one_line_or_none(name in ".{0,9}", value in "[\\PC\r\n\t]{0,20}") {
        let bytes = ResponseHead::new(200, &Date::at(0)).field(&name, &value).end();
        let mut room = room();
        let parsed = parse(&bytes, Method::Get, &mut Scan::default(), &mut room);
        let Ok(Parse::Complete(answer, taken)) = parsed else { panic!("{bytes:?}") };
        prop_assert_eq!(taken, bytes.len());
        prop_assert!(answer.fields.iter().count() <= 2);
    }
}
