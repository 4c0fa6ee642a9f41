//! Every refusal that a client can cause, end to end: what it says, what it is answered, and
//! whether the connection is as good as before.

use std::collections::BTreeSet;

use pushscope::fault::{Ends, FAULTS};
use pushscope::limits;

use crate::reasons::blamed;
use crate::support::{World, answers};
use After::{Closed, Kept};

/// What becomes of the connection.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum After {
    /// The next request is answered: nothing was left in doubt.
    Kept,
    /// The next request could not be found, so it is not looked for.
    Closed,
}

/// The reason, what is said, the status, and what becomes of the connection.
type Row = (&'static str, Vec<u8>, u16, After);

fn rows() -> Vec<Row> {
    [request_lines(), field_lines(), framings(), targets(), contents(), handshakes(), meanings()]
        .concat()
}

fn request_lines() -> Vec<Row> {
    vec![
        row("empty_lines_too_many", "\r\n\r\n\r\nGET / HTTP/1.1\r\n", 400, Closed),
        row("method_invalid", b"\x16\x03\x01\x02\x00", 400, Closed),
        row("method_invalid", " GET / HTTP/1.1\r\n", 400, Closed),
        row("method_too_long", "X".repeat(100), 501, Closed),
        row("target_missing", "GET  / HTTP/1.1\r\n", 400, Closed),
        row("target_invalid", "GET /\u{e9} HTTP/1.1\r\n", 400, Closed),
        row("target_invalid", "GET /\tx HTTP/1.1\r\n", 400, Closed),
        row("target_too_long", format!("GET /{}", "x".repeat(8_192)), 414, Closed),
        row("version_missing", "GET /\r\n", 400, Closed),
        row("version_invalid", "GET / HTTX/1.1\r\n", 400, Closed),
        row("version_invalid", "GET / x HTTP/1.1\r\n", 400, Closed),
        row("version_unsupported", "GET / HTTP/2.0\r\n", 505, Closed),
        row("version_unsupported", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505, Closed),
        row("lf_bare", "GET / HTTP/1.1\nHost: h\n\n", 400, Closed),
    ]
}

fn field_lines() -> Vec<Row> {
    let many = "X: y\r\n".repeat(limits::FIELDS_MAX + 1);
    vec![
        row("host_missing", "GET / HTTP/1.1\r\n\r\n", 400, Closed),
        with("host_repeated", "Host: h\r\n", 400),
        row("host_invalid", "GET / HTTP/1.1\r\nHost: a b\r\n\r\n", 400, Closed),
        row("host_invalid", "GET / HTTP/1.1\r\nHost: u@h\r\n\r\n", 400, Closed),
        with("expectation_unknown", "Expect: 200-maybe\r\n", 417),
        with("lf_bare", "X: y\n", 400),
        with("cr_bare", "X: y\rz\r\n", 400),
        with("line_folded", "X: y\r\n z\r\n", 400),
        with("colon_missing", "X\r\n", 400),
        with("field_name_empty", ": y\r\n", 400),
        with("field_name_invalid", "X@: y\r\n", 400),
        with("space_before_colon", "X : y\r\n", 400),
        with("field_value_control", "X: \0\r\n", 400),
        with("fields_too_many", &many, 431),
        with("head_too_long", &format!("X: {}", "y".repeat(limits::HEAD_BYTES_MAX)), 431),
    ]
}

fn framings() -> Vec<Row> {
    let coded = "Transfer-Encoding: chunked\r\n";
    vec![
        with("content_length_invalid", "Content-Length: +5\r\n", 400),
        with("content_length_invalid", "Content-Length:\r\n", 400),
        with("content_length_invalid", "Content-Length: 5, 5\r\n", 400),
        with("content_length_invalid", "Content-Length: 99999999999999999999\r\n", 400),
        with("content_length_repeated", "Content-Length: 5\r\nContent-Length: 5\r\n", 400),
        with("content_length_and_transfer_encoding", &format!("Content-Length: 5\r\n{coded}"), 400),
        row(
            "transfer_encoding_in_http10",
            format!("POST /c/n HTTP/1.0\r\n{coded}\r\n"),
            400,
            Closed,
        ),
        with("transfer_encoding_repeated", &coded.repeat(2), 400),
        with("transfer_encoding_repeated", "Transfer-Encoding: chunked, chunked\r\n", 400),
        with("transfer_encoding_not_chunked", "Transfer-Encoding: gzip\r\n", 400),
        with("transfer_encoding_not_chunked", "Transfer-Encoding: xchunked\r\n", 400),
        with("transfer_coding_unknown", "Transfer-Encoding: gzip, chunked\r\n", 501),
    ]
}

fn targets() -> Vec<Row> {
    let pairs = "a&".repeat(limits::QUERY_PAIRS_MAX);
    vec![
        get("target_form_unknown", "c/news/poll", 400),
        row("target_form_unknown", "CONNECT h:80 HTTP/1.1\r\nHost: h\r\n\r\n", 400, Kept),
        get("target_fragment", "/c/news/poll#x", 400),
        get("escape_invalid", "/c/%zz/poll", 400),
        get("escape_invalid", "/c/news/poll?since=%4", 400),
        get("target_not_utf8", "/c/%ff/poll", 400),
        get("target_not_utf8", "/c/news/poll?since=%c3", 400),
        get("query_pairs_too_many", &format!("/c/news/poll?{pairs}since=all"), 400),
    ]
}

fn contents() -> Vec<Row> {
    let long = limits::MESSAGE_BYTES_MAX + 1;
    let extension = format!("1;{}\r\n", "x".repeat(limits::CHUNK_OVERHEAD_BYTES_MAX));
    let trailer = format!("0\r\nX: {}\r\n", "y".repeat(limits::TRAILER_BYTES_MAX));
    let lines = format!("0\r\n{}", "X: y\r\n".repeat(limits::TRAILER_FIELDS_MAX + 1));
    vec![
        post("content_too_long", &format!("Content-Length: {long}\r\n"), "", 413, Closed),
        chunked("chunk_size_missing", "\r\n", 400),
        chunked("chunk_size_missing", "-1\r\n", 400),
        chunked("chunk_size_invalid", "1x\r\n", 400),
        chunked("chunk_size_too_long", "0000000000000001\r\n", 400),
        chunked("chunks_too_long", "100001\r\n", 413),
        chunked("chunks_too_long", "fffffffffffffff\r\n", 413),
        chunked("chunk_overhead_too_long", &extension, 400),
        chunked("chunk_unterminated", "1\r\nab\r\n", 400),
        chunked("chunk_lf_bare", "1\na\r\n", 400),
        chunked("chunk_cr_bare", "1\rx", 400),
        chunked("chunk_control", "1;a=\0\r\n", 400),
        chunked("trailer_folded", "0\r\nX: y\r\n z\r\n", 400),
        chunked("trailer_name_invalid", "0\r\nX y\r\n", 400),
        chunked("trailer_too_long", &trailer, 431),
        chunked("trailer_fields_too_many", &lines, 431),
        post(
            "text_not_utf8",
            "Content-Type: text/plain\r\nContent-Length: 2\r\n",
            "\u{1}",
            400,
            Kept,
        ),
        post("content_type_refused", "Content-Type: text/plain; charset=latin1\r\n", "", 415, Kept),
        post(
            "content_type_refused",
            "Content-Type: text/plain; charset=latin1\r\nContent-Length: 1\r\n",
            "x",
            415,
            Closed,
        ),
        row(
            "content_refused",
            "GET /c/n/sse HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\n\r\nx",
            400,
            Closed,
        ),
    ]
}

fn handshakes() -> Vec<Row> {
    let key = "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
    let version = "Sec-WebSocket-Version: 13\r\n";
    let asked = "Upgrade: websocket\r\nConnection: Upgrade\r\n";
    let ws = |reason, fields: &str, status| {
        let head = format!("GET /c/news/ws HTTP/1.1\r\nHost: h\r\n{fields}\r\n");
        (reason, head.into_bytes(), status, Kept)
    };
    vec![
        row(
            "ws_http_too_old",
            format!("GET /echo HTTP/1.0\r\n{asked}{version}{key}\r\n"),
            426,
            Closed,
        ),
        ws("upgrade_missing", "", 426),
        ws(
            "upgrade_missing",
            &format!("Upgrade: h2c\r\nConnection: Upgrade\r\n{version}{key}"),
            426,
        ),
        ws("connection_upgrade_missing", &format!("Upgrade: websocket\r\n{version}{key}"), 426),
        ws("ws_version_not_13", &format!("{asked}{key}"), 426),
        ws("ws_version_not_13", &format!("{asked}Sec-WebSocket-Version: 8\r\n{key}"), 426),
        ws("ws_key_missing", &format!("{asked}{version}"), 400),
        ws("ws_key_repeated", &format!("{asked}{version}{key}{key}"), 400),
        ws("ws_key_invalid", &format!("{asked}{version}Sec-WebSocket-Key: dGhl\r\n"), 400),
        ws("ws_key_invalid", &format!("{asked}{version}Sec-WebSocket-Key: \r\n"), 400),
    ]
}

fn meanings() -> Vec<Row> {
    let name = "x".repeat(limits::CHANNEL_BYTES_MAX + 1);
    vec![
        get("not_found", "/nothing", 404),
        get("not_found", "/c/news/poll/x/y/z", 404),
        get("not_found", "*", 404),
        row("method_refused", "DELETE /livez HTTP/1.1\r\nHost: h\r\n\r\n", 405, Kept),
        row("method_refused", "POST / HTTP/1.1\r\nHost: h\r\n\r\n", 405, Kept),
        row("method_unknown", "BREW / HTTP/1.1\r\nHost: h\r\n\r\n", 501, Kept),
        row("method_unknown", "get / HTTP/1.1\r\nHost: h\r\n\r\n", 501, Kept),
        get("channel_refused", "/c/a%00b/poll", 400),
        get("channel_refused", "/c//poll", 400),
        get("channel_refused", &format!("/c/{name}/poll"), 400),
        row("channel_unknown", "DELETE /c/x HTTP/1.1\r\nHost: h\r\n\r\n", 404, Kept),
        get("cursor_refused", "/c/news/sse?since=yesterday", 400),
        get("snapshot_unknown", "/ledger?since=7-1", 404),
        get("witness_refused", "/ledger?kernel=yes", 400),
        get("receipt_unknown", "/c/news/receipts/7-1", 404),
        get("message_unknown", "/c/news/envelopes/x", 404),
        get("inspect_refused", "/inspect/connections", 403),
        get("inspect_refused", "/inspect/events", 403),
        get("timeout_refused", "/c/news/longpoll?timeout=soon", 400),
        get("envelope_refused", "/c/news/sse?envelope=xml", 400),
        get("slow_refused", "/c/news/sse?slow=fast", 400),
        row("event_name_refused", "POST /c/n?event= HTTP/1.1\r\nHost: h\r\n\r\n", 400, Kept),
        row("event_name_reserved", "POST /c/n?event=gap HTTP/1.1\r\nHost: h\r\n\r\n", 400, Kept),
        get("parameter_missing", "/payback", 400),
        row(
            "origin_refused",
            "POST /c/n HTTP/1.1\r\nHost: h\r\nOrigin: http://x\r\n\r\n",
            403,
            Kept,
        ),
    ]
}

fn row(reason: &'static str, bytes: impl AsRef<[u8]>, status: u16, after: After) -> Row {
    (reason, bytes.as_ref().to_vec(), status, after)
}

fn get(reason: &'static str, target: &str, status: u16) -> Row {
    row(reason, format!("GET {target} HTTP/1.1\r\nHost: h\r\n\r\n"), status, Kept)
}

fn with(reason: &'static str, fields: &str, status: u16) -> Row {
    row(reason, format!("GET / HTTP/1.1\r\nHost: h\r\n{fields}\r\n"), status, Closed)
}

fn post(reason: &'static str, fields: &str, content: &str, status: u16, after: After) -> Row {
    let mut bytes = format!("POST /c/n HTTP/1.1\r\nHost: h\r\n{fields}\r\n").into_bytes();
    match content {
        // Two bytes that are no UTF-8.
        "\u{1}" => bytes.extend_from_slice(b"\xff\xfe"),
        content => bytes.extend_from_slice(content.as_bytes()),
    }
    row(reason, bytes, status, after)
}

fn chunked(reason: &'static str, content: &str, status: u16) -> Row {
    post(reason, "Transfer-Encoding: chunked\r\n", content, status, Closed)
}

#[test]
fn every_refusal_says_what_the_table_of_faults_says() {
    for (reason, bytes, status, after) in rows() {
        let what = String::from_utf8_lossy(&bytes[..bytes.len().min(80)]).into_owned();
        let fault = FAULTS.iter().find(|row| row.name == reason).expect("a row of the table");
        let mut world = World::new();
        world.tell("a", &bytes);
        let told = answers(world.said("a"));
        let [answer] = &told[..] else { panic!("{reason}: {what:?} has {told:?}") };
        assert_eq!((answer.status, answer.reason().as_str()), (status, reason), "{what:?}");
        let error = &answer.json()["error"];
        let expected = (u64::from(status), Some(fault.clause), Some(fault.message));
        let code = error["code"].as_u64().expect("a code");
        assert_eq!((code, error["clause"].as_str(), error["message"].as_str()), expected);
        assert_eq!(answer.field("Content-Type"), Some("application/json"));
        assert_eq!(answer.field("Allow").is_some(), status == 405);
        assert_eq!(answer.field("Sec-WebSocket-Version"), (status == 426).then_some("13"));
        let option = |name: &str| answer.fields.contains(&("Connection".into(), name.into()));
        assert_eq!(option("close"), after == Closed, "{what:?}");
        assert_eq!(option("Upgrade"), status == 426, "{what:?}");
        assert_eq!(world.is_over("a"), after == Closed, "{what:?}");
        assert_eq!(blamed(&mut world), [(reason, 1)], "{what:?}");
        world.tell("a", "GET /livez HTTP/1.1\r\nHost: h\r\n\r\n");
        let next = answers(world.said("a")).get(1).map(|answer| answer.status);
        assert_eq!(next, (after == Kept).then_some(200), "{what:?}");
        world.advance(limits::LINGER_US_MAX);
        assert_eq!(world.farewell("a").is_some(), after == Closed, "{what:?}");
        world.sweep_all();
    }
}

/// What cannot be said in one row, and where it is said.
const ELSEWHERE: &[(&str, &str)] = &[
    ("token_missing", "access::who_shows_no_token_or_a_wrong_one_is_refused"),
    ("token_refused", "access::who_shows_no_token_or_a_wrong_one_is_refused"),
    ("token_repeated", "access::who_shows_no_token_or_a_wrong_one_is_refused"),
    ("host_unknown", "access::a_server_answers_to_its_own_names_only"),
    ("head_slow", "slowness_is_refused_in_time"),
    ("body_slow", "slowness_is_refused_in_time"),
    ("request_cut", "a_request_that_is_cut_is_answered"),
    ("envelopes_refused", "inspect::a_message_is_shown_in_all_envelopes"),
    ("frame_too_long", "limits::every_bound_holds"),
    ("slow_untold", "slow::what_cannot_be_told_is_not_dropped"),
    ("queues_full", "slow::the_longest_queue_gives_way_when_all_are_too_long"),
    ("channels_full", "hub::tests"),
    ("loop_behind", "tests/loops: moments"),
    ("ledger_absent", "a build without the ledger: tests/cost"),
    ("connections_full", "loopback: crowd"),
    ("connections_per_address_full", "neighbours::one_connection_too_many_is_told_so"),
    ("publish_rate", "neighbours::who_publishes_too_fast_is_told_and_waits"),
    ("ws_method_not_get", "its answer has no content: messages::opens_nothing_for_head"),
    ("ws_content_announced", "content_refused comes first: wire/ws_handshake"),
];

#[test]
fn every_fault_is_caused_somewhere() {
    let mut caused: BTreeSet<&str> = rows().iter().map(|(reason, ..)| *reason).collect();
    caused.extend(crate::websocket::reasons());
    caused.extend(crate::reasons::closings());
    for (reason, _) in ELSEWHERE {
        assert!(caused.insert(reason), "{reason} is caused by a row");
    }
    let rows = FAULTS.iter().filter(|row| row.fault.ends() != Ends::Answer);
    let missing: Vec<&str> =
        rows.map(|row| row.name).filter(|name| !caused.contains(name)).collect();
    assert_eq!(missing, [""; 0]);
}

#[test]
fn slowness_is_refused_in_time() {
    let second = 1_000_000;
    let mut world = World::new();
    // One byte a second never completes a head: an inactivity timer would not see it.
    for byte in "GET / HTTP".bytes() {
        world.tell("head", [byte]);
        world.advance(second - 1);
    }
    assert_eq!(world.said("head"), b"");
    world.advance(10);
    let answer = answers(world.said("head")).remove(0);
    assert_eq!((answer.status, answer.reason().as_str()), (408, "head_slow"));
    world.enter("silent");
    world.advance(limits::HEAD_US_MAX);
    assert!(world.is_over("silent") && world.said("silent").is_empty());
    // A pause of ten seconds is too long for content, and so is a trickle of fifteen.
    let head = "POST /c/n HTTP/1.1\r\nHost: h\r\nContent-Length: 999\r\n\r\n";
    for (name, pause) in [("pause", 10 * second), ("trickle", second)] {
        world.tell(name, head);
        for _ in 0..15 {
            if world.is_over(name) {
                break;
            }
            world.tell(name, "x");
            world.advance(pause);
        }
        let answer = answers(world.said(name)).remove(0);
        assert_eq!((answer.status, answer.reason().as_str()), (408, "body_slow"), "{name}");
        assert!(world.is_over(name));
    }
    // Pauses are borne, if they are short and the pace is right.
    world.tell("paced", head.replace("999", "180000"));
    for _ in 0..3 {
        world.advance(9 * second);
        world.tell("paced", "x".repeat(60_000));
    }
    assert_eq!(answers(world.said("paced")).remove(0).status, 202);
    world.tell("idle", "GET /livez HTTP/1.1\r\nHost: h\r\n\r\n");
    world.advance(limits::KEEP_ALIVE_US_MAX - 1);
    assert!(!world.is_over("idle"));
    world.advance(1);
    assert!(world.is_over("idle") && answers(world.said("idle")).len() == 1);
}

#[test]
fn a_request_that_is_cut_is_answered() {
    for cut in [
        "GET",
        "GET / HTTP/1.1\r\nHost: h\r\n",
        "POST /c/n HTTP/1.1\r\nHost: h\r\nContent-Length: 9\r\n\r\nabc",
    ] {
        let mut world = World::new();
        world.tell("a", cut);
        world.end("a");
        let answer = answers(world.said("a")).remove(0);
        assert_eq!((answer.status, answer.reason().as_str()), (400, "request_cut"), "{cut}");
        world.sweep_all();
    }
}

#[test]
fn a_refusal_of_head_has_no_content() {
    let mut world = World::new();
    world.tell("a", "HEAD /nothing HTTP/1.1\r\nHost: h\r\n\r\n");
    let said = String::from_utf8_lossy(world.said("a")).into_owned();
    assert!(said.starts_with("HTTP/1.1 404") && said.ends_with("\r\n\r\n"), "{said}");
    assert!(said.contains("Content-Length: "));
}

/// RFC 9110 §8.6: a Content-Length of 0 announces no content.
#[test]
fn content_of_no_bytes_is_no_content() {
    for target in ["/", "/c/news/poll", "/c/news/sse"] {
        let mut world = World::new();
        world.tell("a", format!("GET {target} HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n"));
        assert_eq!(answers(world.said("a")).remove(0).status, 200, "{target}");
    }
}
