//! `pushscope explain` as users run it: every kind of input, every way to print, every end.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may panic")]

#[path = "explain/captures.rs"]
mod captures;
#[path = "explain/dumps.rs"]
mod dumps;
#[path = "explain/pcap.rs"]
mod pcap;

use std::fs;
use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};
use std::thread;

use pcap::{ACK, FIN, Link, SYN, Segment, pcap};
use serde_json::{Value, json};

/// Runs it with this on its standard input.
fn explain(arguments: &[&str], input: &[u8]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_pushscope"));
    command.arg("explain").args(arguments).env_clear();
    run(command, input)
}

fn run(mut command: Command, input: &[u8]) -> Output {
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    thread::scope(|scope| {
        // It may stop reading before the end: it has said why then.
        scope.spawn(move || drop(stdin.write_all(input)));
        child.wait_with_output().unwrap()
    })
}

fn text(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn errors(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

/// What was told, a value for each line.
fn lines(output: &Output) -> Vec<Value> {
    text(output).lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// Units as side, name and summary.
fn units(output: &Output) -> Vec<String> {
    let word = |line: &Value, name: &str| line[name].as_str().unwrap_or_default().to_owned();
    lines(output)
        .iter()
        .filter(|line| line["layers"].is_array())
        .map(|line| {
            format!("{} {}: {}", word(line, "from"), word(line, "name"), word(line, "summary"))
        })
        .collect()
}

fn notes(output: &Output) -> Vec<String> {
    let lines = lines(output);
    lines.iter().filter_map(|line| line["note"].as_str()).map(str::to_owned).collect()
}

fn file(name: &str) -> PathBuf {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR"));
    folder.join(format!("explain-{}-{name}", std::process::id()))
}

const HELLO: &[u8] = b"\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58";
const REQUEST: &[u8] =
    b"GET /ws/a HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
      Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
const ANSWER: &[u8] = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\
      Connection: Upgrade\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";
const STREAM: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\
      Transfer-Encoding: chunked\r\n\r\n15\r\nid: 7-2\ndata: hello\n\n\r\n0\r\n\r\n";

#[test]
fn what_bytes_are_is_guessed() {
    for (bytes, expected) in [
        (HELLO, &["client frame: text Hello"][..]),
        (b"\x81\x02hi", &["server frame: text hi"]),
        (STREAM, &["server response head: 200 OK", "server chunk: hello", "server chunk: the end"]),
        (b"5\r\nhello\r\n0\r\n\r\n", &["server chunk: 5 bytes", "server chunk: the end"]),
        (b"data: a\n\n", &["server content: a"]),
        (b"GET / HTTP/1.1\r\nHost: h\r\n\r\n", &["client request head: GET /"]),
    ] {
        let output = explain(&["--json"], bytes);
        assert_eq!(units(&output), expected, "{output:?}");
        assert_eq!(output.status.code(), Some(0));
        assert_eq!(notes(&output), [""; 0]);
    }
}

#[test]
fn what_bytes_are_can_be_said() {
    let output = explain(&["--as", "websocket", "--from", "client"], b"\x81\x02hi");
    assert_eq!(output.status.code(), Some(1));
    let text = text(&output);
    for words in [
        "The first violation is in #1, client → server, byte 1: MASK",
        "mask_missing (RFC 6455 §5.1)",
        "MAY send a Close frame with 1002",
    ] {
        assert!(text.contains(words), "{words}: {text}");
    }
    let output = explain(&["--as", "sse"], b"x: y\n\ndata: z\n\n");
    assert_eq!(output.status.code(), Some(0), "{output:?}");
}

#[test]
fn what_is_too_long_for_us_breaks_no_rule() {
    let head = [b"GET / HTTP/1.1\r\nHost: h\r\nX: ", &[b'x'; 40_000][..], b"\r\n\r\n"].concat();
    let output = explain(&[], &head);
    assert_eq!(output.status.code(), Some(0));
    let text = text(&output);
    for words in ["not read on: head_too_long", "no rule is broken.\nNot read on from #1, client"] {
        assert!(text.contains(words), "{words}: {text}");
    }
    let lines = lines(&explain(&["--json"], &head));
    let findings = &lines[lines.len() - 1]["findings"];
    assert_eq!(findings["violation"], Value::Null);
    assert_eq!(findings["bound"]["name"], "head_too_long");
    let path = file("bound.html");
    explain(&["--html", path.to_str().unwrap()], &head);
    assert!(fs::read_to_string(&path).unwrap().contains("No rule is broken; <a href=\"#u1\">"));
    fs::remove_file(path).unwrap();
    // A frame of 16 EiB less one bit, of which a part has come.
    let frame = [&b"\x82\x7f\x7f\xff\xff\xff\xff\xff\xff\xff"[..], &[7; 100_000]].concat();
    assert_eq!(explain(&[], &frame).status.code(), Some(0));
}

#[test]
fn text_has_every_byte_and_no_escape_sequence() {
    let frame = b"\x81\x06\x1b[31m!";
    let output = explain(&[], frame);
    let text = text(&output);
    for words in [
        "00000000  81  1... ....",
        "FIN 1",
        "00000002  1b 5b 33 31 6d 21",
        "Payload Data \\x1b[31m!",
        "says that this frame is the last",
        "RFC 6455 §5.2",
        "1 unit, 8 bytes; no rule is broken.",
    ] {
        assert!(text.contains(words), "{words}: {text}");
    }
    assert!(!text.contains('\x1b'), "{text}");
}

#[test]
fn hex_is_read_as_people_have_it() {
    for hex in [
        "8185 37fa 213d 7f9f 4d51 58",
        "0x81, 0x85, 0x37, 0xfa, 0x21, 0x3d, 0x7f, 0x9f, 0x4d, 0x51, 0x58",
        r#""\x81\x85\x37\xfa\x21\x3d\x7f\x9fMQX""#,
        "00000000: 8185 37fa 213d 7f9f 4d51 58              ..7.!=..MQX\n",
        "00000000  81 85 37 fa 21 3d 7f 9f  4d 51 58                 |..7.!=..MQX|\n0000000b\n",
    ] {
        let output = explain(&["--hex", "--json"], hex.as_bytes());
        assert_eq!(units(&output), ["client frame: text Hello"], "{hex}: {output:?}");
    }
}

#[test]
fn what_cannot_be_read_is_said_with_its_place() {
    for (arguments, input, words) in [
        (&["--hex"][..], &b"81 85\n37 zz"[..], "line 2, column 4: `z` is no hex digit"),
        (&["--hex"], b"81 8", "a byte has two hex digits"),
        (&[], b"", "not one byte"),
        (&["--hex"], b"# nothing\n", "not one byte"),
        (&[], b"\x1f\x8b\x08\x00", "gunzip"),
        (&[], b"\x16\x03\x01\x02\x00", "TLS"),
        (&[], b"\\x81\\x02hi", "--hex"),
        (&[], b"\xff\xfe\xfd", "--as"),
        (&[], br#"{"format":"pushscope recording 9","pieces":[]}"#, "its format"),
        (&[], br#"{"format":"pushscope recording 1","pieces":[}"#, "line 1 column 45"),
        (&["/nowhere/at/all"], b"", "cannot be read"),
        (&["--html", "/nowhere/at/all"], HELLO, "cannot be written"),
    ] {
        let output = explain(arguments, input);
        // 1 would say that a rule is broken.
        assert_eq!(output.status.code(), Some(2), "{output:?}");
        assert!(errors(&output).contains(words), "{words}: {output:?}");
    }
    assert_eq!(explain(&["--port", "0"], b"").status.code(), Some(2));
    assert_eq!(explain(&["--json", "--html", "x"], b"").status.code(), Some(2));
}

#[test]
fn a_recording_is_explained() {
    let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    let piece = |from: &str, bytes| json!({"from": from, "time_us": 0, "hex": hex(bytes)});
    let recording = json!({
        "format": "pushscope recording 1",
        "pieces": [
            piece("client", REQUEST),
            piece("server", ANSWER),
            piece("server", b"\x81\x02h"),
            piece("server", b"i"),
            piece("client", HELLO),
        ],
    });
    let output = explain(&["--json"], &serde_json::to_vec_pretty(&recording).unwrap());
    assert_eq!(
        units(&output),
        [
            "client request head: GET /ws/a",
            "server response head: 101 Switching Protocols",
            "server frame: text hi",
            "client frame: text Hello",
        ],
        "{output:?}"
    );
}

/// A WebSocket, with segments that come twice, too early, and across each other.
fn conversation(client: u16, first: u32) -> Vec<Segment> {
    let of = |sequence: u32, flags, payload: &[u8]| {
        Segment::to(client, 7777, first.wrapping_add(sequence), flags, payload)
    };
    let from = |sequence: u32, flags, payload: &[u8]| {
        Segment::to(7777, client, 900_u32.wrapping_add(sequence), flags, payload)
    };
    let (asked, answered) =
        (u32::try_from(REQUEST.len()).unwrap(), u32::try_from(ANSWER.len()).unwrap());
    vec![
        of(0, SYN, b""),
        from(0, SYN | ACK, b""),
        of(1, ACK, &REQUEST[..40]),
        of(61, ACK, &REQUEST[60..]),
        of(31, ACK, &REQUEST[30..70]),
        of(1, ACK, &REQUEST[..40]),
        from(1, ACK, ANSWER),
        // A probe of a connection that is alive: a byte that was there already.
        from(answered, ACK, b"\n"),
        from(1 + answered + 2, ACK, b"hi"),
        of(1 + asked, ACK, HELLO),
        from(1 + answered, ACK, b"\x81\x02"),
        of(1 + asked + 11, FIN | ACK, b""),
        from(1 + answered + 4, FIN | ACK, b""),
    ]
}

#[test]
fn whatever_ends_too_early_is_unfinished() {
    let stream = (STREAM, &[][..]);
    for (bytes, arguments) in [stream, (HELLO, &["--as", "websocket", "--from", "client"])] {
        for end in 1..bytes.len() {
            let output = explain(arguments, &bytes[..end]);
            assert!(matches!(output.status.code(), Some(0 | 2)), "{end}: {output:?}");
            let said = text(&output) + &errors(&output);
            assert!(said.contains("unfinished"), "{end}: {said}");
        }
    }
}

#[test]
fn a_page_holds_nothing_that_runs_but_its_own_script() {
    let path = file("page.html");
    fs::write(&path, "x".repeat(1_000_000)).unwrap();
    let script = b"</script><script>alert(1)</script>\"'><img src=x onerror=alert(1)>&amp;<!--\x01";
    let attack = [&[0x81, u8::try_from(script.len()).unwrap()], &script[..]].concat();
    let output = explain(&["--html", path.to_str().unwrap()], &attack);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    assert!(text(&output).contains("1 unit, 77 bytes"), "{output:?}");
    let page = fs::read_to_string(&path).unwrap();
    assert_eq!(page.matches("<script").count(), 1);
    assert_eq!(page.matches("</script").count(), 1);
    assert!(page.contains("&lt;/script&gt;&lt;script&gt;alert(1)"), "{page}");
    for words in ["<img", "<!--", "http:", "https:", "url(", "@import", "<link", "xxx"] {
        assert!(!page.contains(words), "{words}");
    }
    for id in ["id=\"u1\"", "id=\"u1-f7\"", "href=\"#u1-f7\"", "data-f=\"u1-f2 u1-f3 u1-f4\""] {
        assert!(page.contains(id), "{id}: {page}");
    }
    fs::remove_file(path).unwrap();
}

#[test]
fn every_tag_of_a_page_is_closed() {
    let path = file("tags.html");
    let bytes = pcap(&conversation(50_000, 7), Link::Ethernet);
    explain(&["--html", path.to_str().unwrap()], &[&bytes[..], b"x"].concat());
    let page = fs::read_to_string(&path).unwrap();
    let begin = page.find("<body>").unwrap();
    let end = page.find("<script>").unwrap();
    let mut open: Vec<&str> = Vec::new();
    for tag in page[begin..end].split('<').skip(1) {
        let (tag, _) = tag.split_once('>').unwrap();
        assert_eq!(tag.matches('"').count() % 2, 0, "{tag}");
        let name = tag.split_whitespace().next().unwrap();
        match name.strip_prefix('/') {
            Some(name) => assert_eq!(open.pop(), Some(name), "{tag}"),
            None => open.push(name),
        }
    }
    assert_eq!(open, ["body"]);
    fs::remove_file(path).unwrap();
}

#[test]
#[cfg(target_os = "linux")]
fn whatever_comes_is_explained_in_little_memory() {
    let frame = [&[0x82, 0x7e, 0xff, 0xff][..], &[7; 0xffff]].concat();
    let frames = frame.repeat(300);
    let pings = b"\x89\x00".repeat(10_000);
    let zeros = vec![0; 4 << 20];
    let digits = "8900".repeat(30_000).into_bytes();
    let lines = vec![b'{'; 1 << 20];
    let captures = [waiting(false), waiting(true)];
    for (arguments, input, code) in [
        (&[][..], &captures[0][..], 0),
        (&["--json"], &captures[1], 0),
        (&[][..], &frames[..], 0),
        (&["--json"], &frames[..frame.len() * 20], 0),
        (&["--html", "/dev/null"], &frames, 0),
        (&[], &pings, 0),
        (&[], &zeros, 1),
        (&["--as", "http"], &zeros, 1),
        (&["--as", "chunked"], &zeros, 1),
        (&["--as", "sse"], &zeros, 0),
        (&["--hex"], &digits, 0),
        (&["--hex"], &zeros, 2),
        (&["--as", "http"], &lines, 1),
    ] {
        // All that it may map is bounded, the program itself included.
        let mut command = Command::new("sh");
        command.args([
            "-c",
            "ulimit -v 131072; exec \"$@\"",
            "sh",
            env!("CARGO_BIN_EXE_pushscope"),
        ]);
        command.arg("explain").args(arguments);
        let output = run(command, input);
        let errors = errors(&output);
        assert_eq!(output.status.code(), Some(code), "{arguments:?} {errors}");
    }
}

/// A capture of two connections: the first never ends, and the second brings more than can wait
/// for that; or it lacks one segment in front of all that.
fn waiting(lacks_one: bool) -> Vec<u8> {
    let first = conversation(50_000, 7);
    let mut segments = first[..9].to_vec();
    let second = &conversation(50_001, 7)[..7];
    segments.extend_from_slice(second);
    let frame = [&[0x82, 0x7e, 0xf0, 0x00][..], &[7; 0xf000]].concat();
    let mut sequence = 901 + u32::try_from(ANSWER.len()).unwrap() + u32::from(lacks_one);
    for _ in 0..400 {
        segments.push(Segment::to(7777, 50_001, sequence, ACK, &frame));
        sequence += u32::try_from(frame.len()).unwrap();
    }
    pcap(&segments, Link::Ethernet)
}
