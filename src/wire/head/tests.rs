#![allow(clippy::indexing_slicing, reason = "a test may panic")]

use proptest::prelude::*;

use super::*;
use crate::limits::{FIELDS_MAX, HEAD_BYTES_MAX, TARGET_BYTES_MAX};

/// What a head says, in one line; a head that is refused or unfinished says that.
fn shown(parsed: Result<Parse<Head<'_, '_>>, HeadError>) -> String {
    let (head, taken) = match parsed {
        Ok(Parse::Complete(head, taken)) => (head, taken),
        Ok(Parse::Partial) => return "partial".into(),
        Err(error) => return format!("{error:?}"),
    };
    let mut said =
        format!("{:?} {} {:?} host={}", head.method, head.target, head.version, head.host());
    match head.content {
        Content::None => {}
        content => said += &format!(" {content:?}"),
    }
    for (flag, name) in [
        (head.keep_alive, " keep"),
        (head.expect_continue, " expect"),
        (head.upgrade_websocket, " websocket"),
    ] {
        said += if flag { name } else { "" };
    }
    let fields = head.lines().fold(String::new(), |said, (name, value)| {
        format!("{said} {name}={}", String::from_utf8_lossy(value))
    });
    format!("{said} [{}] {taken}", fields.trim_start())
}

fn whole(bytes: &[u8]) -> String {
    shown(parse(bytes, &mut Scan::default(), &mut room()))
}

/// Feeds prefixes that end at these cuts, then everything; the first answer that is not partial.
fn cut(bytes: &[u8], cuts: impl IntoIterator<Item = usize>) -> String {
    let mut scan = Scan::default();
    for end in cuts.into_iter().chain([bytes.len()]) {
        let said = shown(parse(&bytes[..end], &mut scan, &mut room()));
        if said != "partial" {
            return said;
        }
        // Only a version that has begun is looked at again.
        assert!(end - scan.lines.at < VERSION_LINE.len(), "scanned to {scan:?} of {end}");
    }
    "partial".into()
}

fn byte_by_byte(bytes: &[u8]) -> String {
    cut(bytes, 0..bytes.len())
}

/// (name, what the head says, bytes); the bytes are one head and nothing else.
const CASES: &[(&str, &str, &[u8])] = &[
    (
        "the least that 1.1 allows",
        "Get / Http11 host=h keep [Host=h]",
        b"GET / HTTP/1.1\r\nHost: h\r\n\r\n",
    ),
    ("the least that 1.0 allows", "Get / Http10 host= []", b"GET / HTTP/1.0\r\n\r\n"),
    ("an empty Host", "Get / Http11 host= keep [Host=]", b"GET / HTTP/1.1\r\nHost:\r\n\r\n"),
    ("two empty lines before", "Get / Http10 host= []", b"\r\n\r\nGET / HTTP/1.0\r\n\r\n"),
    (
        "white space around a value",
        "Get / Http11 host=h keep [Host=h A=b \t c B=]",
        b"GET / HTTP/1.1\r\nHost:\t h \t\r\nA:b \t c\r\nB: \t \r\n\r\n",
    ),
    (
        "obs-text in a value",
        "Get / Http11 host=h keep [Host=h A=\u{fffd}]",
        b"GET / HTTP/1.1\r\nHost: h\r\nA: \xff\r\n\r\n",
    ),
    (
        "asterisk-form",
        "Options * Http11 host=h keep [Host=h]",
        b"OPTIONS * HTTP/1.1\r\nHost: h\r\n\r\n",
    ),
    (
        "absolute-form wins over Host",
        "Get HTTP://a:1/p Http11 host=a:1 keep [Host=h]",
        b"GET HTTP://a:1/p HTTP/1.1\r\nHost: h\r\n\r\n",
    ),
    (
        "absolute-form without a path",
        "Get https://a?q Http10 host=a []",
        b"GET https://a?q HTTP/1.0\r\n\r\n",
    ),
    (
        "an address in a query is no absolute-form",
        "Get /?u=http://a/ Http11 host=h keep [Host=h]",
        b"GET /?u=http://a/ HTTP/1.1\r\nHost: h\r\n\r\n",
    ),
    (
        "a method that nobody knows",
        "Unknown / Http11 host=h keep [Host=h]",
        b"get / HTTP/1.1\r\nHost: h\r\n\r\n",
    ),
    (
        "Content-Length, whatever the method",
        "Get / Http11 host=h Length(5) keep [Host=h content-length=5]",
        b"GET / HTTP/1.1\r\nHost: h\r\ncontent-length: 5\r\n\r\n",
    ),
    (
        "Content-Length of 19 digits",
        "Put / Http10 host= Length(9999999999999999999) [Content-Length=9999999999999999999]",
        b"PUT / HTTP/1.0\r\nContent-Length: 9999999999999999999\r\n\r\n",
    ),
    (
        "Content-Length 0",
        "Post / Http10 host= Length(0) [Content-Length=00]",
        b"POST / HTTP/1.0\r\nContent-Length: 00\r\n\r\n",
    ),
    (
        "chunked",
        "Post / Http11 host=h Chunked keep [Host=h Transfer-Encoding=ChunkeD]",
        b"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: ChunkeD\r\n\r\n",
    ),
    (
        "close, in the second of two lines",
        "Get / Http11 host=h [Host=h Connection=a CONNECTION=b ,, Close]",
        b"GET / HTTP/1.1\r\nHost: h\r\nConnection: a\r\nCONNECTION: b ,, Close\r\n\r\n",
    ),
    (
        "keep-alive in 1.0",
        "Get / Http10 host= keep [Connection=Keep-Alive]",
        b"GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n",
    ),
    (
        "close wins over keep-alive",
        "Get / Http10 host= [Connection=keep-alive, close]",
        b"GET / HTTP/1.0\r\nConnection: keep-alive, close\r\n\r\n",
    ),
    (
        "Upgrade with Connection",
        "Get / Http11 host=h keep websocket [Host=h Upgrade=a/1, WebSocket Connection=x, Upgrade]",
        b"GET / HTTP/1.1\r\nHost: h\r\nUpgrade: a/1, WebSocket\r\nConnection: x, Upgrade\r\n\r\n",
    ),
    (
        "Upgrade without Connection",
        "Get / Http11 host=h keep [Host=h Upgrade=websocket]",
        b"GET / HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\n\r\n",
    ),
    (
        "Upgrade in 1.0",
        "Get / Http10 host= [Upgrade=websocket Connection=Upgrade]",
        b"GET / HTTP/1.0\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n",
    ),
    (
        "Expect",
        "Put / Http11 host=h Length(1) keep expect [Host=h Expect=100-Continue Content-Length=1]",
        b"PUT / HTTP/1.1\r\nHost: h\r\nExpect: 100-Continue\r\nContent-Length: 1\r\n\r\n",
    ),
    (
        "Expect in 1.0",
        "Put / Http10 host= [Expect=100-continue]",
        b"PUT / HTTP/1.0\r\nExpect: 100-continue\r\n\r\n",
    ),
];

#[test]
fn heads_are_parsed_however_they_come() {
    for (name, said, bytes) in CASES {
        let said = format!("{said} {}", bytes.len());
        assert_eq!(whole(bytes), said, "{name}");
        assert_eq!(byte_by_byte(bytes), said, "{name}, byte by byte");
        for trailing in [&b"GET "[..], b"\r\n", b"\n", b"\0"] {
            assert_eq!(whole(&[bytes, trailing].concat()), said, "{name}, with trailing bytes");
        }
        for end in 0..bytes.len() {
            assert_eq!(whole(&bytes[..end]), "partial", "{name}, {end} bytes of it");
        }
    }
}

use FieldError as F;
use HeadError as H;

/// (name, bytes, error): the error is certain at the last byte, and no earlier.
const EARLY: &[(&str, &[u8], HeadError)] = &[
    ("TLS", b"\x16", H::MethodInvalid),
    ("a NUL", b"GE\0", H::MethodInvalid),
    ("a space before the method", b" ", H::MethodInvalid),
    ("no space behind the method", b"GET\r", H::MethodInvalid),
    ("not ASCII", b"\xc3", H::MethodInvalid),
    ("a method without end", b"AAAAAAAAAAAAAAAAAAAAAAAAA", H::MethodTooLong),
    ("three empty lines", b"\r\n\r\n\r\n", H::EmptyLinesTooMany),
    ("an empty line of LF", b"\n", H::Field(F::LfBare)),
    ("an empty line of CR", b"\rG", H::Field(F::CrBare)),
    ("LF in the method", b"GE\n", H::Field(F::LfBare)),
    ("two spaces before the target", b"GET  ", H::TargetMissing),
    ("HTTP/0.9", b"GET /\r", H::VersionMissing),
    ("HTTP/0.9 with LF", b"GET /\n", H::VersionMissing),
    ("a target that is not ASCII", b"GET /\xc3", H::TargetInvalid),
    ("a target with a control", b"GET /\x7f", H::TargetInvalid),
    ("a target with HTAB", b"GET /\t", H::TargetInvalid),
    ("a space in the target", b"GET /a b", H::VersionInvalid),
    ("two spaces before the version", b"GET /  ", H::VersionInvalid),
    ("a version in small letters", b"GET / h", H::VersionInvalid),
    ("a version of letters", b"GET / HTTP/x", H::VersionInvalid),
    ("HTTP/2.0", b"GET / HTTP/2", H::VersionUnsupported),
    ("the preface of HTTP/2", b"PRI * HTTP/2", H::VersionUnsupported),
    ("HTTP/1.2", b"GET / HTTP/1.2", H::VersionUnsupported),
    ("HTTP/1.10", b"GET / HTTP/1.10", H::VersionInvalid),
    ("a space behind the version", b"GET / HTTP/1.1 ", H::VersionInvalid),
    ("LF behind the version", b"GET / HTTP/1.1\n", H::Field(F::LfBare)),
    ("CR behind the version", b"GET / HTTP/1.1\r\r", H::Field(F::CrBare)),
    ("LF behind a field", b"GET / HTTP/1.1\r\nHost: h\n", H::Field(F::LfBare)),
    ("LF as the blank line", b"GET / HTTP/1.1\r\nHost: h\r\n\n", H::Field(F::LfBare)),
    ("CR in a value", b"GET / HTTP/1.1\r\nHost: h\ri\r\n", H::Field(F::CrBare)),
    ("CR before CRLF", b"GET / HTTP/1.1\r\nHost: h\r\r\n", H::Field(F::CrBare)),
    ("a folded first line", b"GET / HTTP/1.1\r\n Host: h\r\n", H::Field(F::LineFolded)),
    ("a folded line", b"GET / HTTP/1.1\r\nHost: h\r\n\ti: j\r\n", H::Field(F::LineFolded)),
    ("no colon", b"GET / HTTP/1.1\r\nHost\r\n", H::Field(F::ColonMissing)),
    ("an empty name", b"GET / HTTP/1.1\r\n: h\r\n", H::Field(F::NameEmpty)),
    ("a space before the colon", b"GET / HTTP/1.1\r\nHost : h\r\n", H::Field(F::SpaceBeforeColon)),
    ("HTAB before the colon", b"GET / HTTP/1.1\r\nHost\t: h\r\n", H::Field(F::SpaceBeforeColon)),
    ("a space in a name", b"GET / HTTP/1.1\r\nHo st: h\r\n", H::Field(F::NameInvalid)),
    ("NUL in a name", b"GET / HTTP/1.1\r\nHost\0: h\r\n", H::Field(F::NameInvalid)),
    ("a name that is not ASCII", b"GET / HTTP/1.1\r\nH\xf6st: h\r\n", H::Field(F::NameInvalid)),
    ("NUL in a value", b"GET / HTTP/1.1\r\nHost: \0\r\n", H::Field(F::ValueControl)),
    ("ESC in a value", b"GET / HTTP/1.1\r\nHost: \x1b[m\r\n", H::Field(F::ValueControl)),
    ("DEL in a value", b"GET / HTTP/1.1\r\nHost: \x7f\r\n", H::Field(F::ValueControl)),
];

/// (name, field lines behind `POST /p HTTP/1.1`, error): certain when the head is whole.
const REFUSED: &[(&str, &str, HeadError)] = &[
    ("no Host", "", H::HostMissing),
    ("two Hosts", "Host: h\r\nhost: h\r\n", H::HostRepeated),
    ("a Host with a space", "Host: a b\r\n", H::HostInvalid),
    ("a Host with userinfo", "Host: u@h\r\n", H::HostInvalid),
    ("a Host with a path", "Host: h/p\r\n", H::HostInvalid),
    ("a Host with a long port", "Host: h:123456\r\n", H::HostInvalid),
    ("a Host of letters beyond ASCII", "Host: hé\r\n", H::HostInvalid),
    ("a list of Hosts", "Host: h, [\r\n", H::HostInvalid),
    ("Expect of something else", "Host: h\r\nExpect: 200-ok\r\n", H::ExpectationUnknown),
    ("an empty Expect", "Host: h\r\nExpect:\r\n", H::ExpectationUnknown),
    ("an empty length", "Host: h\r\nContent-Length:\r\n", H::Field(F::LengthInvalid)),
    ("a signed length", "Host: h\r\nContent-Length: +5\r\n", H::Field(F::LengthInvalid)),
    ("a negative length", "Host: h\r\nContent-Length: -5\r\n", H::Field(F::LengthInvalid)),
    ("a hexadecimal length", "Host: h\r\nContent-Length: 0x5\r\n", H::Field(F::LengthInvalid)),
    ("a length with a space", "Host: h\r\nContent-Length: 1 0\r\n", H::Field(F::LengthInvalid)),
    ("a length of other digits", "Host: h\r\nContent-Length: ٣\r\n", H::Field(F::LengthInvalid)),
    (
        "a length of 20 digits",
        "Host: h\r\nContent-Length: 00000000000000000005\r\n",
        H::Field(F::LengthInvalid),
    ),
    ("a list of lengths", "Host: h\r\nContent-Length: 5, 5\r\n", H::Field(F::LengthInvalid)),
    (
        "the same length twice",
        "Host: h\r\nContent-Length: 5\r\nContent-Length: 5\r\n",
        H::Field(F::LengthRepeated),
    ),
    (
        "two lengths",
        "Host: h\r\nContent-Length: 5\r\ncontent-length: 6\r\n",
        H::Field(F::LengthRepeated),
    ),
    (
        "a length and chunks",
        "Host: h\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n",
        H::Field(F::LengthBesideEncoding),
    ),
    (
        "chunks and a length",
        "Host: h\r\nTransfer-Encoding: chunked\r\nContent-Length: 0\r\n",
        H::Field(F::LengthBesideEncoding),
    ),
    ("an empty coding", "Host: h\r\nTransfer-Encoding:\r\n", H::Field(F::EncodingNotChunked)),
    ("gzip alone", "Host: h\r\nTransfer-Encoding: gzip\r\n", H::Field(F::EncodingNotChunked)),
    ("identity", "Host: h\r\nTransfer-Encoding: identity\r\n", H::Field(F::EncodingNotChunked)),
    ("xchunked", "Host: h\r\nTransfer-Encoding: xchunked\r\n", H::Field(F::EncodingNotChunked)),
    (
        "a parameter of chunked",
        "Host: h\r\nTransfer-Encoding: chunked;q=1\r\n",
        H::Field(F::EncodingNotChunked),
    ),
    (
        "chunked, but not last",
        "Host: h\r\nTransfer-Encoding: chunked, gzip\r\n",
        H::Field(F::EncodingNotChunked),
    ),
    (
        "chunked and nothing",
        "Host: h\r\nTransfer-Encoding: chunked,\r\n",
        H::Field(F::EncodingNotChunked),
    ),
    (
        "gzip, then chunked",
        "Host: h\r\nTransfer-Encoding: gzip, chunked\r\n",
        H::Field(F::CodingUnknown),
    ),
    (
        "chunked twice in a list",
        "Host: h\r\nTransfer-Encoding: chunked, chunked\r\n",
        H::Field(F::EncodingRepeated),
    ),
    (
        "chunked twice",
        "Host: h\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
        H::Field(F::EncodingRepeated),
    ),
];

#[test]
fn what_is_wrong_is_refused_at_its_first_byte() {
    for (name, bytes, error) in EARLY {
        let said = format!("{error:?}");
        assert_eq!(whole(bytes), said, "{name}");
        assert_eq!(byte_by_byte(bytes), said, "{name}, byte by byte");
        assert_eq!(whole(&[bytes, &b"\r\n\r\n"[..]].concat()), said, "{name}, and more");
        assert_eq!(whole(&bytes[..bytes.len() - 1]), "partial", "{name}, too early");
    }
}

/// (name, bytes, error): whole heads in which httparse sees nothing wrong.
const TOLERATED: &[(&str, &[u8], HeadError)] = &[
    ("LF before", b"\nGET / HTTP/1.0\r\n\r\n", H::Field(F::LfBare)),
    ("CRLF and LF before", b"\r\n\nGET / HTTP/1.0\r\n\r\n", H::Field(F::LfBare)),
    ("three empty lines", b"\r\n\r\n\r\nGET / HTTP/1.0\r\n\r\n", H::EmptyLinesTooMany),
    ("a long method", b"ABCDEFGHIJKLMNOPQRSTUVWXY / HTTP/1.0\r\n\r\n", H::MethodTooLong),
    ("a target of UTF-8", b"GET /\xc3\xa9 HTTP/1.0\r\n\r\n", H::TargetInvalid),
    ("LF behind the version", b"GET / HTTP/1.0\nA: b\r\n\r\n", H::Field(F::LfBare)),
    ("LF behind the first field", b"GET / HTTP/1.0\r\nA: b\nC: d\r\n\r\n", H::Field(F::LfBare)),
    ("LF behind the last field", b"GET / HTTP/1.0\r\nA: b\n\r\n", H::Field(F::LfBare)),
    ("LF behind white space", b"GET / HTTP/1.0\r\nA: b \nC: d\r\n\r\n", H::Field(F::LfBare)),
    ("LF behind an empty value", b"GET / HTTP/1.0\r\nA:\nC: d\r\n\r\n", H::Field(F::LfBare)),
    ("LF as the blank line", b"GET / HTTP/1.0\r\nA: b\r\n\n", H::Field(F::LfBare)),
    ("LF as the blank line at once", b"GET / HTTP/1.0\r\n\n", H::Field(F::LfBare)),
    ("LF everywhere", b"GET / HTTP/1.0\nA: b\n\n", H::Field(F::LfBare)),
];

#[test]
fn what_httparse_tolerates_is_refused() {
    for (name, bytes, error) in TOLERATED {
        let mut lines = [httparse::EMPTY_HEADER; FIELDS_MAX];
        let parsed = httparse::Request::new(&mut lines).parse(bytes);
        assert_eq!(parsed, Ok(Status::Complete(bytes.len())), "{name}");
        assert_eq!(whole(bytes), format!("{error:?}"), "{name}");
        assert_eq!(byte_by_byte(bytes), format!("{error:?}"), "{name}, byte by byte");
    }
}

#[test]
fn what_a_head_may_not_say_is_refused() {
    for (name, lines, error) in REFUSED {
        let bytes = format!("POST /p HTTP/1.1\r\n{lines}\r\n");
        let said = format!("{error:?}");
        assert_eq!(whole(bytes.as_bytes()), said, "{name}");
        assert_eq!(byte_by_byte(bytes.as_bytes()), said, "{name}, byte by byte");
    }
    let chunks_in_1_0 = b"POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n";
    assert_eq!(whole(chunks_in_1_0), "Field(EncodingInHttp10)");
    for authority in ["", ":80", "u@h", "h:x", "["] {
        let bytes = format!("GET http://{authority}/ HTTP/1.1\r\nHost: h\r\n\r\n");
        assert_eq!(whole(bytes.as_bytes()), "HostInvalid", "{authority}");
    }
}

#[test]
fn what_is_too_long_is_refused_as_soon_as_that_is_certain() {
    let target = "a".repeat(TARGET_BYTES_MAX - 1);
    let fits = format!("GET /{target} HTTP/1.0\r\n\r\n");
    assert!(whole(fits.as_bytes()).starts_with("Get /a"));
    for beyond in [format!("GET /{target}b"), format!("GET /{target}b HTTP/1.0\r\n\r\n")] {
        assert_eq!(whole(beyond.as_bytes()), "TargetTooLong");
        assert_eq!(byte_by_byte(beyond.as_bytes()), "TargetTooLong");
    }

    let line = "GET / HTTP/1.0\r\nA: ";
    let value = "a".repeat(HEAD_BYTES_MAX - line.len() - 4);
    let fits = format!("{line}{value}\r\n\r\n");
    assert!(whole(fits.as_bytes()).starts_with("Get / "));
    assert!(byte_by_byte(fits.as_bytes()).starts_with("Get / "));
    for beyond in [format!("{line}{value}b\r\n\r\n"), format!("{line}{value}\r\nbcde\0")] {
        assert_eq!(whole(beyond.as_bytes()), "Field(HeadTooLong)");
        assert_eq!(byte_by_byte(beyond.as_bytes()), "Field(HeadTooLong)");
    }

    let fits = format!("GET / HTTP/1.0\r\n{}\r\n", "a:\r\n".repeat(FIELDS_MAX));
    assert!(whole(fits.as_bytes()).starts_with("Get / "));
    let beyond = format!("GET / HTTP/1.0\r\n{}", "a:\r\n".repeat(FIELDS_MAX + 1));
    assert_eq!(whole(beyond.as_bytes()), "Field(LinesTooMany)");
    assert_eq!(byte_by_byte(beyond.as_bytes()), "Field(LinesTooMany)");
}

#[test]
fn fields_are_found_by_name() {
    let bytes =
        b"GET / HTTP/1.1\r\nHost: h\r\nA: 1\r\na: 2, Three\r\nB: \x01\xff\r\nC: \xc2\x85\r\n\r\n";
    let bytes = bytes.map(|byte| if byte == 1 { b'\t' } else { byte });
    let (mut scan, mut room) = (Scan::default(), room());
    let Ok(Parse::Complete(head, _)) = parse(&bytes, &mut scan, &mut room) else { panic!() };
    assert_eq!(head.field("a"), Some(&b"1"[..]));
    assert_eq!(head.text("A"), Some("1"));
    assert_eq!(head.fields("A").collect::<Vec<_>>(), [&b"1"[..], b"2, Three"]);
    assert!(head.lists("a", "three") && head.lists("a", "1") && !head.lists("a", "thre"));
    assert_eq!((head.field("b"), head.text("b")), (Some(&b"\xff"[..]), None));
    assert_eq!((head.field("d"), head.text("c")), (None, None));
}

#[test]
fn every_error_is_listed_once() {
    for (index, error) in H::ALL.iter().enumerate() {
        assert!(!H::ALL[..index].contains(error), "{error:?}");
    }
    let early = EARLY.iter().map(|(_, _, error)| error);
    let late = REFUSED.iter().map(|(_, _, error)| error);
    for error in early.chain(late) {
        let listed = match error {
            H::Field(error) => F::ALL.contains(error),
            error => H::ALL.contains(error),
        };
        assert!(listed, "{error:?}");
    }
}

/// Bytes that are a head, or nearly one.
fn nearly_a_head() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop::sample::select(vec![
        "GET ",
        "POST ",
        "/",
        "/a%20b?c=d",
        "http://h/",
        "*",
        " ",
        " HTTP/1.1",
        " HTTP/1.0",
        "\r\n",
        "\r\n\r\n",
        "\n",
        "\r",
        "\t",
        "\0",
        ":",
        "Host: h\r\n",
        "Content-Length: 5\r\n",
        "A: b\r\n",
        "Transfer-Encoding: chunked\r\n",
        "Connection: close\r\n",
        "Host",
        "é",
        "\u{7f}",
        "x",
    ]);
    let pieces = prop::collection::vec(piece, 0..12).prop_map(|pieces| pieces.concat());
    let begun =
        prop::sample::select(vec!["", "GET / HTTP/1.1\r\n", "GET / HTTP/1.1\r\nHost: h\r\n"]);
    let nearly = (begun, pieces).prop_map(|(begun, pieces)| [begun, &pieces, "\r\n\r\n"].concat());
    let right = prop::sample::select(CASES).prop_map(|(_, _, bytes)| bytes.to_vec());
    let byte = prop_oneof![prop::sample::select(b"\r\n \t:\0/,".to_vec()), any::<u8>()];
    let edit = (any::<prop::sample::Index>(), 0..2_usize, prop::option::of(byte));
    let edits = prop::collection::vec(edit, 0..3);
    (prop_oneof![nearly.prop_map(String::into_bytes), right], edits).prop_map(|(bytes, edits)| {
        edits.iter().fold(bytes, |mut bytes, (at, removed, added)| {
            let at = at.index(bytes.len() - 1);
            bytes.splice(at..at + removed, *added);
            bytes
        })
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn cuts_change_nothing(
        bytes in nearly_a_head(),
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..6),
    ) {
        let said = whole(&bytes);
        prop_assert_eq!(&byte_by_byte(&bytes), &said);
        let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(bytes.len() + 1)).collect();
        cuts.sort_unstable();
        prop_assert_eq!(&cut(&bytes, cuts), &said);
    }

    #[test]
    fn the_scan_accepts_what_httparse_accepts(bytes in nearly_a_head()) {
        let mut scan = Scan::default();
        let Ok(Some(end)) = scan.advance(&bytes, &BOUNDS, &mut Silent) else { return Ok(()) };
        let mut lines = [httparse::EMPTY_HEADER; FIELDS_MAX];
        let parsed = httparse::Request::new(&mut lines).parse(&bytes);
        prop_assert_eq!(parsed, Ok(Status::Complete(end)));
    }

    #[test]
    fn any_bytes_are_parsed_without_harm(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        prop_assert_eq!(byte_by_byte(&bytes), whole(&bytes));
    }
}
