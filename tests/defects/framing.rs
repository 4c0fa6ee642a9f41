//! Where a message ends: nobody may read the same bytes in two ways.

use crate::support::{World, answers};

/// What a Content-Length may say besides digits.
const LENGTHS: &[&str] = &[
    "0",
    "5",
    "+5",
    "-5",
    "05x",
    "0x5",
    "5,5",
    "5, 5",
    "5 5",
    "5;",
    "1e1",
    "",
    " ",
    "\u{665}",
    "18446744073709551621",
    "00000000000000000005",
];
/// What a Transfer-Encoding may say besides `chunked`.
const CODINGS: &[&str] = &[
    "chunked",
    "CHUNKED",
    "chunked\t",
    "chunked, chunked",
    "gzip, chunked",
    "chunked, gzip",
    "identity",
    "xchunked",
    "chunked;q=1",
    "\u{b}chunked",
    "\"chunked\"",
    "chun\u{212a}ed",
    "",
];
/// Five bytes that are no content in chunks, and a request if they are none at all.
const CONTENT: &str = "0\r\n\r\n";
const NEXT: &str = "GET /livez HTTP/1.1\r\nHost: h\r\n\r\n";

/// A length of five or chunks are believed, each alone; whatever else is said about the framing is
/// refused, and what follows is read by nobody.
#[test]
fn a_message_is_framed_in_one_way_or_refused() {
    for length in LENGTHS.iter().map(Some).chain([None]) {
        for coding in CODINGS.iter().map(Some).chain([None]) {
            let said = length.map(|length| format!("Content-Length: {length}\r\n"));
            let coded = coding.map(|coding| format!("Transfer-Encoding: {coding}\r\n"));
            let (said, coded) = (said.unwrap_or_default(), coded.unwrap_or_default());
            let is_framed = match (length, coding) {
                (None, None) | (Some(&"0"), None) => continue,
                (Some(&length), None) => length == "5",
                (None, Some(coding)) => {
                    coding.trim_end_matches('\t').eq_ignore_ascii_case("chunked")
                }
                (Some(_), Some(_)) => false,
            };
            check(&format!("{said}{coded}"), is_framed);
            check(&format!("{coded}{said}"), is_framed);
            check(&format!("{said}{said}{coded}{coded}"), false);
        }
    }
}

/// Whether both requests are answered, or the first is refused and nothing behind it is read.
fn check(fields: &str, is_framed: bool) {
    let mut world = World::new();
    world.tell("a", format!("POST /c/n HTTP/1.1\r\nHost: h\r\n{fields}\r\n{CONTENT}{NEXT}"));
    let told: Vec<u16> = answers(world.said("a")).iter().map(|answer| answer.status).collect();
    if is_framed {
        assert_eq!(told, [202, 200], "{fields:?}");
    } else {
        assert!(matches!(told[..], [400 | 501]) && world.is_over("a"), "{fields:?}: {told:?}");
    }
}

/// A request in the content of another one is content, whatever the method.
#[test]
fn content_is_content_under_every_method() {
    let chunks = format!("{:x}\r\n{NEXT}\r\n0\r\n\r\n", NEXT.len());
    let framings = [
        (format!("Content-Length: {}", NEXT.len()), NEXT.to_owned()),
        ("Transfer-Encoding: chunked".to_owned(), chunks),
    ];
    for method in ["GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "TRACE", "BREW"] {
        for target in ["/livez", "/c/n", "/c/n/poll", "/nothing"] {
            for (framing, content) in &framings {
                let mut world = World::new();
                let head = format!("{method} {target} HTTP/1.1\r\nHost: h\r\n{framing}\r\n\r\n");
                world.tell("a", head + content);
                let said = String::from_utf8_lossy(world.said("a")).into_owned();
                let answers = said.matches("HTTP/1.1 ").count();
                assert_eq!(answers, 1, "{method} {target}, {framing}: {said}");
            }
        }
    }
}

/// No line of a head, of a chunk or of a trailer ends with anything but CR LF.
#[test]
fn no_line_ends_with_anything_else() {
    let request = "POST /c/n HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n\
                   1;a=b\r\nx\r\n0\r\nA: b\r\n\r\n";
    let mut world = World::new();
    assert_eq!(world.ask(request).status, 202);
    for (at, _) in request.match_indices("\r\n") {
        for end in ["\n", "\r", "\r\r\n", "\n\r", "\u{b}\r", "\u{85}", "\u{2028}"] {
            let broken = format!("{}{end}{}{NEXT}", &request[..at], &request[at + 2..]);
            let mut world = World::new();
            world.tell("a", &broken);
            let told: Vec<u16> =
                answers(world.said("a")).iter().map(|answer| answer.status).collect();
            assert!(matches!(told[..], [400..=599]), "{broken:?}: {told:?}");
            assert!(world.is_over("a"), "{broken:?}");
        }
    }
}

/// What stands beyond a bound is not cut off, with the rest taken for the whole.
#[test]
fn beyond_a_bound_nothing_is_taken_for_the_whole() {
    let fields = "X: y\r\n".repeat(pushscope::limits::FIELDS_MAX - 1);
    let pairs = "a&".repeat(pushscope::limits::QUERY_PAIRS_MAX);
    for (request, status) in [
        // The line that frames the content is the one too many.
        (format!("POST /c/n HTTP/1.1\r\nHost: h\r\n{fields}Content-Length: 5\r\n\r\nhello"), 431),
        // So is the one that says who may publish, from where, and to what.
        (format!("POST /c/n HTTP/1.1\r\nHost: h\r\n{fields}Origin: http://x\r\n\r\n"), 431),
        (format!("GET /c/n/poll?{pairs}since=all HTTP/1.1\r\nHost: h\r\n\r\n"), 400),
        ("GET /c/n/poll/x/y/z HTTP/1.1\r\nHost: h\r\n\r\n".to_owned(), 404),
    ] {
        let mut world = World::new();
        world.tell("a", &request);
        let told = answers(world.said("a"));
        assert_eq!(told.iter().map(|answer| answer.status).collect::<Vec<_>>(), [status]);
    }
}

/// Nobody is sent elsewhere, least of all where its own target says.
#[test]
fn no_answer_leads_elsewhere() {
    let ours = pushscope::route::ROUTES.iter().map(|route| route.path.replace("{channel}", "n"));
    for target in ours
        .chain(["//evil.example", "//evil.example/%2e%2e", "/c//evil.example"].map(str::to_owned))
    {
        for slash in ["", "/"] {
            let mut world = World::new();
            world.tell("a", format!("GET {target}{slash} HTTP/1.1\r\nHost: h\r\n\r\n"));
            for answer in answers(world.said("a")) {
                assert!(!(300..=399).contains(&answer.status), "{target}: {answer:?}");
                let fields = ["Location", "Content-Location", "Refresh"];
                assert!(fields.iter().all(|name| answer.field(name).is_none()), "{answer:?}");
            }
        }
    }
}
