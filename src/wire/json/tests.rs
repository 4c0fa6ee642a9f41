use proptest::prelude::*;

use super::*;
use crate::clock::Instant;
use crate::event::Course;
use crate::id::Kind;

fn event(name: Option<&str>, payload: Payload) -> Event {
    Event {
        id: Id { epoch: 17, offset: 2 },
        time_ms: 99,
        at: Instant::ZERO,
        channel: "c".into(),
        name: name.map(Into::into),
        payload,
    }
}

fn text(text: &str) -> Event {
    event(None, Payload::Text(text.into()))
}

fn binary(bytes: &[u8]) -> Event {
    event(None, Payload::Binary(bytes.into()))
}

fn message(event: &Event) -> Message {
    Message {
        id: event.id,
        time: event.time_ms,
        channel: event.channel.to_string(),
        event: event.name.as_deref().map(Into::into),
        payload: event.payload.clone(),
    }
}

/// The payload's member, plain and for a script; `=` where both are the same.
fn cases() -> [(&'static str, Event, &'static str, &'static str); 12] {
    [
        ("no bytes", text(""), r#""data":"""#, "="),
        ("lines", text("a\nb\r\nc\t"), r#""data":"a\nb\r\nc\t""#, "="),
        ("quotes", text(r#"say "\""#), r#""data":"say \"\\\"""#, "="),
        ("NUL and other controls", text("\0\u{1b}"), r#""data":"\u0000\u001b""#, "="),
        ("DEL is no control here", text("\u{7f}"), "\"data\":\"\u{7f}\"", "="),
        ("an emoji", text("😀"), r#""data":"😀""#, "="),
        (
            "the end of a script",
            text("</script>"),
            r#""data":"</script>""#,
            r#""data":"\u003c/script\u003e""#,
        ),
        (
            "a comment",
            text("<!--&amp;"),
            r#""data":"<!--&amp;""#,
            r#""data":"\u003c!--\u0026amp;""#,
        ),
        (
            "line ends of old JavaScript",
            text("é\u{2028}\n\u{2029}"),
            "\"data\":\"é\u{2028}\\n\u{2029}\"",
            r#""data":"é\u2028\n\u2029""#,
        ),
        (
            "an event type that looks like an end",
            event(Some("<x>"), Payload::Text("y".into())),
            r#""event":"<x>","data":"y""#,
            r#""event":"\u003cx\u003e","data":"y""#,
        ),
        ("binary", binary(&[0x00, 0xff]), r#""base64":"AP8=""#, "="),
        ("no binary bytes", binary(&[]), r#""base64":"""#, "="),
    ]
}

fn assert_encodes(
    name: &str,
    event: &Event,
    encode: fn(&Event, &mut Vec<u8>) -> Bytes,
    member: &str,
) {
    let mut bytes = vec![0xa5];
    let made = encode(event, &mut bytes);
    let (_, bytes) = bytes.split_first().unwrap();
    let expected = format!(r#"{{"id":"17-2","time":99,"channel":"c",{member}}}"#);
    assert_eq!(str::from_utf8(bytes), Ok(expected.as_str()), "{name}");
    assert_eq!(made.total(), bytes.len() as u64, "{name}: booked whole");
    assert_eq!(made.payload, event.payload.bytes().len() as u64, "{name}: payload");
    assert_eq!(parse_message(bytes), Ok(message(event)), "{name}: parsed");
}

#[test]
fn payloads_come_back_exactly() {
    for (name, event, plain, script) in cases() {
        assert_encodes(name, &event, encode_message, plain);
        let script = if script == "=" { plain } else { script };
        assert_encodes(name, &event, encode_message_for_script, script);
    }
}

#[test]
fn refused() {
    let rows: &[(&str, &str, JsonError)] = &[
        ("nothing", "", JsonError::NotJson),
        ("half of it", r#"{"id":"1-1","time":1"#, JsonError::NotJson),
        ("more behind it", r#"{"id":"1-1","time":1,"channel":"c","data":""}x"#, JsonError::NotJson),
        ("no object", "7", JsonError::MemberWrong),
        ("no channel", r#"{"id":"1-1","time":1,"data":""}"#, JsonError::MemberWrong),
        ("a negative time", r#"{"id":"1-1","time":-1,"channel":"c"}"#, JsonError::MemberWrong),
        ("an id twice", r#"{"id":"1-1","id":"1-1"}"#, JsonError::MemberWrong),
        (
            "an id that is none",
            r#"{"id":"x","time":1,"channel":"c","data":""}"#,
            JsonError::IdWrong,
        ),
        ("no payload", r#"{"id":"1-1","time":1,"channel":"c"}"#, JsonError::PayloadMissing),
        (
            "two payloads",
            r#"{"id":"1-1","time":1,"channel":"c","data":"","base64":""}"#,
            JsonError::PayloadTwice,
        ),
        (
            "base64 without padding",
            r#"{"id":"1-1","time":1,"channel":"c","base64":"AP8"}"#,
            JsonError::Base64Wrong,
        ),
    ];
    for &(name, bytes, error) in rows {
        assert_eq!(parse_message(bytes.as_bytes()), Err(error), "{name}");
    }
    let errors: Vec<_> = rows.iter().map(|row| row.2).collect();
    assert!(JsonError::ALL.iter().all(|error| errors.contains(error)), "a row for each error");
}

#[test]
fn a_batch_comes_back_with_its_gap() {
    let events: Vec<_> = cases().into_iter().map(|(_, event, ..)| event).collect();
    let next = Id { epoch: 17, offset: 3 };
    for gap in [
        None,
        Some(Gap { missed: 0, epoch_changed: true }),
        Some(Gap { missed: 3, epoch_changed: false }),
    ] {
        for events in [events.as_slice(), &[]] {
            let batch = Batch {
                events,
                gap,
                cursor: next,
                unread: 0,
                time_ms: 0,
                course: Course::Replayed,
            };
            let mut bytes = Vec::new();
            let made = encode_batch(&batch, &mut bytes);
            let payload: usize = events.iter().map(|event| event.payload.bytes().len()).sum();
            assert_eq!((made.total(), made.payload), (bytes.len() as u64, payload as u64));
            let messages = events.iter().map(message).collect();
            assert_eq!(parse_batch(&bytes), Ok(Messages { messages, next, gap }));
        }
        if let Some(gap) = gap {
            let mut bytes = Vec::new();
            encode_gap(gap, &mut bytes);
            assert_eq!(parse_gap(&bytes), Ok(gap));
        }
    }
}

proptest! {
    #[test]
    fn any_text_comes_back_and_is_one_line(text in any::<String>()) {
        let event = event(Some(&text), Payload::Text(text.as_str().into()));
        for encode in [encode_message, encode_message_for_script] {
            let mut bytes = Vec::new();
            encode(&event, &mut bytes);
            prop_assert!(!bytes.contains(&b'\n') && !bytes.contains(&b'\r'));
            prop_assert_eq!(parse_message(&bytes), Ok(message(&event)));
        }
        let mut bytes = Vec::new();
        encode_string(&text, Place::Line, &mut bytes);
        prop_assert_eq!(bytes, serde_json::to_vec(&text).unwrap(), "as others escape it");
        let mut bytes = Vec::new();
        encode_message_for_script(&event, &mut bytes);
        let written = String::from_utf8(bytes).unwrap();
        let unfit = ['<', '>', '&', '\u{2028}', '\u{2029}'];
        prop_assert!(!written.contains(unfit));
    }
}

#[test]
fn a_publisher_is_told_who_was_there() {
    let told = |channel, subscribers: &Census| {
        let mut bytes = Vec::new();
        encode_published(Id { epoch: 17, offset: 2 }, channel, 0, subscribers, &mut bytes);
        serde_json::from_slice::<serde_json::Value>(&bytes).unwrap()
    };
    let expected = |channel, subscribers| {
        serde_json::json!({
            "id": "17-2",
            "channel": channel,
            "bytes": 0,
            "subscribers": serde_json::Value::from(subscribers),
        })
    };
    let mut there = Census::default();
    let name = "a \"name\"\n";
    assert_eq!(told(name, &there), expected(name, serde_json::Map::new()));
    for kind in [Kind::Sse, Kind::Poll, Kind::Sse] {
        there.enter(kind);
    }
    let counted = [("sse", 2), ("poll", 1)].map(|(name, count)| (name.to_owned(), count.into()));
    assert_eq!(told("c", &there), expected("c", counted.into_iter().collect()));
}
