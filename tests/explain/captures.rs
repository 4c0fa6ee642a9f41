//! Captures: every way they are written, everything that they lack, and every byte told.

use std::io;

use pushscope::explain::{Audience, Explainer, Settings, Told};
use serde_json::{Value, json};

use crate::pcap::{self, ACK, FIN, Link, SYN, Segment, pcap, pcapng};
use crate::{
    ANSWER, HELLO, REQUEST, STREAM, conversation, errors, explain, lines, notes, text, units,
};

const CONVERSATION: [&str; 4] = [
    "client request head: GET /ws/a",
    "server response head: 101 Switching Protocols",
    "client frame: text Hello",
    "server frame: text hi",
];

#[test]
fn a_capture_is_put_together_in_whatever_way_it_is_written() {
    for link in Link::ALL {
        for bytes in [pcap(&conversation(50_000, 7), link), pcapng(&conversation(50_000, 7), link)]
        {
            for arguments in [&["--json"][..], &["--json", "--port", "7777"]] {
                let output = explain(arguments, &bytes);
                assert_eq!(units(&output), CONVERSATION, "{link:?} {output:?}");
                assert_eq!(notes(&output), [""; 0], "{link:?}");
                assert_eq!(output.status.code(), Some(0));
            }
        }
    }
}

#[test]
fn sequence_numbers_wrap() {
    let bytes = pcap(&conversation(50_000, u32::MAX - 50), Link::Ethernet);
    assert_eq!(units(&explain(&["--json"], &bytes)), CONVERSATION);
}

#[test]
fn connections_are_explained_one_after_another() {
    let (first, second) = (conversation(50_000, 7), conversation(50_001, 9));
    let mixed: Vec<Segment> =
        first.iter().zip(&second).flat_map(|(a, b)| [a.clone(), b.clone()]).collect();
    let output = explain(&["--json"], &pcap(&mixed, Link::Ethernet));
    assert_eq!(units(&output), [CONVERSATION, CONVERSATION].concat());
    let lines = lines(&output);
    let ends: Vec<&Value> = lines.iter().filter(|line| line["client"].is_string()).collect();
    assert_eq!(ends.len(), 2);
    assert_eq!(
        (&ends[0]["client"], &ends[0]["server"]),
        (&json!("10.0.0.1:50000"), &json!("10.0.0.1:7777"))
    );
    // The same ports are used again.
    let again: Vec<Segment> = [conversation(50_000, 7), conversation(50_000, 70_000)].concat();
    let output = explain(&["--json"], &pcap(&again, Link::Ethernet));
    assert_eq!(units(&output), [CONVERSATION, CONVERSATION].concat());
    // Only one of several servers.
    let output = explain(&["--json", "--port", "80"], &pcap(&mixed, Link::Ethernet));
    assert_eq!(output.status.code(), Some(2));
    assert!(errors(&output).contains("nothing to explain"), "{output:?}");
}

#[test]
fn what_a_capture_lacks_is_said() {
    let mut segments = conversation(50_000, 7);
    // The head of the server's frame.
    segments.remove(10);
    let output = explain(&["--json"], &pcap(&segments, Link::Ethernet));
    assert_eq!(
        notes(&output),
        [
            "2 bytes of the server are missing here: nothing behind them can be read",
            "2 bytes of the server are not read: what stands before them is wrong or missing",
        ],
        "{output:?}"
    );
    assert_eq!(output.status.code(), Some(0));
    // Packets that were kept up to 120 bytes.
    let bytes = pcap::cut(&conversation(50_000, 7), 120);
    let output = explain(&["--json"], &bytes);
    assert!(notes(&output).iter().any(|note| note.contains("missing here")), "{output:?}");
}

#[test]
fn a_violation_in_a_capture_has_its_unit_and_its_answer_is_told() {
    let mut segments = conversation(50_000, 7);
    let mut unmasked = HELLO.to_vec();
    unmasked[1] = 0x05;
    segments[9].payload = unmasked;
    let output = explain(&[], &pcap(&segments, Link::Ethernet));
    assert_eq!(output.status.code(), Some(1));
    let text = text(&output);
    assert!(text.contains("connection 1: client 10.0.0.1:50000, server 10.0.0.1:7777"), "{text}");
    assert!(text.contains("The first violation is in #3, client → server"), "{text}");
    // The server's side goes on.
    assert!(text.contains("frame: text hi"), "{text}");
}

#[test]
fn a_capture_may_end_anywhere() {
    let bytes = pcap(&conversation(50_000, 7), Link::Ethernet);
    for end in 1..bytes.len() {
        let mut explainer = Explainer::new(Settings::default(), Notes::default());
        let received = explainer.receive(&bytes[..end]);
        let (findings, Notes(notes)) = explainer.end();
        let is_whole_packet = pcap_ends(&bytes).contains(&end);
        let says = |note: &String| note.contains("unfinished: the capture ends within a packet");
        match received.and(findings) {
            Ok(_) => assert_eq!(notes.iter().any(says), !is_whole_packet, "{end} {notes:?}"),
            Err(error) => assert!(end < 500, "{end} {error}"),
        }
    }
}

/// Where packets of a capture end.
fn pcap_ends(bytes: &[u8]) -> Vec<usize> {
    let mut ends = vec![24];
    while let Some(head) = bytes.get(ends[ends.len() - 1]..).and_then(|rest| rest.get(..12)) {
        let length = u32::from_be_bytes(head[8..].try_into().unwrap());
        ends.push(ends[ends.len() - 1] + 16 + usize::try_from(length).unwrap());
    }
    ends
}

/// The notes of what is told.
#[derive(Default)]
struct Notes(Vec<String>);

impl Audience for Notes {
    fn tell(&mut self, told: &Told<'_>) -> io::Result<()> {
        if let Told::Note { words, .. } = told {
            self.0.push((*words).to_owned());
        }
        Ok(())
    }
}

/// A connection of which the client has asked this, and the server has answered that.
fn exchange(client: u16, request: &[u8], answer: &[u8]) -> Vec<Segment> {
    let [asked, answered] = [request, answer].map(|bytes| u32::try_from(bytes.len()).unwrap());
    vec![
        Segment::to(client, 7777, 6, SYN, b""),
        Segment::to(7777, client, 899, SYN | ACK, b""),
        Segment::to(client, 7777, 7, ACK, request),
        Segment::to(7777, client, 900, ACK, answer),
        Segment::to(client, 7777, 7 + asked, FIN | ACK, b""),
        Segment::to(7777, client, 900 + answered, FIN | ACK, b""),
    ]
}

const GET: &[u8] = b"GET / HTTP/1.1\r\nHost: h\r\n\r\n";

/// The last line, which tells what was found.
fn findings(output: &std::process::Output) -> Value {
    lines(output).pop().unwrap()["findings"].clone()
}

/// Bytes that were told or noted, and whether an end within something was.
fn accounted(output: &std::process::Output) -> (u64, bool) {
    let findings = findings(output);
    let bytes = ["bytes", "unread"].map(|name| findings[name].as_u64().unwrap());
    let is_unfinished = notes(output).iter().any(|note| note.starts_with("unfinished: "));
    (bytes.iter().sum(), is_unfinished)
}

#[test]
fn the_tail_of_a_connection_is_told() {
    let answer = b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n0123456789";
    // With its ends, and without: the capture was stopped before.
    for segments in [6, 4] {
        let bytes = pcap(&exchange(50_000, GET, answer)[..segments], Link::Ethernet);
        let output = explain(&["--json"], &bytes);
        assert_eq!(
            units(&output),
            [
                "client request head: GET /",
                "server response head: 200 OK",
                "server content: 10 bytes"
            ],
            "{output:?}"
        );
        assert_eq!(accounted(&output), ((GET.len() + answer.len()) as u64, true), "{output:?}");
    }
}

#[test]
fn every_byte_of_a_connection_is_told_wherever_it_ends() {
    for (request, answer) in [(GET, STREAM), (REQUEST, &[ANSWER, b"\x81\x02hi"].concat())] {
        for end in 0..=answer.len() {
            let bytes = pcap(&exchange(50_000, request, &answer[..end]), Link::Ethernet);
            let output = explain(&["--json"], &bytes);
            let is_whole = [0, answer.len()].contains(&end) || answer[..end].ends_with(b"\r\n\r\n");
            let (all, is_unfinished) = accounted(&output);
            assert_eq!(all, (request.len() + end) as u64, "{end} {output:?}");
            assert!(is_unfinished || is_whole, "{end} {output:?}");
        }
    }
}

#[test]
fn what_stands_behind_a_violation_is_noted() {
    let mut segments = exchange(50_000, GET, b"HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n");
    segments.truncate(4);
    segments.push(Segment::to(7777, 50_000, 938, ACK, b"0123456789"));
    let output = explain(&["--json"], &pcap(&segments, Link::Ethernet));
    assert_eq!(
        notes(&output),
        ["10 bytes of the server are not read: what stands before them is wrong or missing"]
    );
    let findings = findings(&output);
    assert_eq!(findings["unread"], 10);
    assert_eq!(findings["violation"]["field"], "Content-Length", "{findings}");
    assert_eq!(findings["violation"]["offset"], 17, "{findings}");
    assert_eq!(output.status.code(), Some(1));
}

#[test]
fn what_was_found_is_told_in_the_last_line_of_json() {
    let output = explain(&["--json", "--as", "websocket", "--from", "client"], b"\x81\x02hi");
    let expected = json!({
        "units": 1,
        "bytes": 4,
        "unread": 0,
        "violation": {
            "number": 1,
            "connection": 1,
            "from": "client",
            "offset": 1,
            "field": "MASK",
            "name": "mask_missing",
            "clause": "RFC 6455 §5.1",
            "message": findings(&output)["violation"]["message"],
            "answer": findings(&output)["violation"]["answer"],
        },
        "bound": null,
    });
    assert_eq!(findings(&output), expected);
    let output = explain(&["--json"], HELLO);
    assert_eq!(findings(&output)["violation"], Value::Null);
    assert_eq!(lines(&output).iter().filter(|line| line["findings"].is_object()).count(), 1);
}

#[test]
fn what_cannot_be_read_at_all_is_said_once() {
    let hello = [&[22, 3, 1, 0, 200][..], &[7; 200]].concat();
    let tls = exchange(50_000, &hello, &hello);
    let output = explain(&[], &pcap(&tls, Link::Ethernet));
    assert_eq!(output.status.code(), Some(2));
    assert!(errors(&output).contains("they are encrypted with TLS"), "{output:?}");
    assert!(text(&output).contains("205 bytes of the client are not read"), "{output:?}");
    let output = explain(&[], &pcap(&exchange(50_000, b"\xff\xfe", b"\xff"), Link::Ethernet));
    assert!(errors(&output).contains("no protocol that is known"), "{output:?}");
    // Radio.
    let mut bytes = pcap(&exchange(50_000, GET, STREAM), Link::Ethernet);
    bytes[23] = 105;
    for end in [bytes.len(), bytes.len() - 1] {
        let output = explain(&[], &bytes[..end]);
        assert_eq!(output.status.code(), Some(2));
        assert_eq!(text(&output), "");
        assert_eq!(
            errors(&output),
            "pushscope: the capture cannot be read: its packets are of link type 105, and known \
             are only Ethernet, Linux cooked, loopback and raw IP\n"
        );
    }
}

#[test]
fn ports_may_be_used_again_while_others_are_explained() {
    let first = exchange(50_000, GET, STREAM);
    let second = exchange(50_001, GET, STREAM);
    let mut third = exchange(50_001, GET, b"HTTP/1.1 204 No Content\r\n\r\n");
    third[0] = Segment::to(50_001, 7777, 6_006, SYN, b"");
    third.truncate(4);
    third[2] = Segment::to(50_001, 7777, 6_007, ACK, GET);
    // The first one goes on while the ports of the second are used again.
    let all = [&first[..3], &second, &third, &first[3..]].concat();
    let output = explain(&["--json"], &pcap(&all, Link::Ethernet));
    let expected = (3 * GET.len() + 2 * STREAM.len() + 27) as u64;
    assert_eq!(accounted(&output).0, expected, "{output:?}");
}
