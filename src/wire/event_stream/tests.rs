use proptest::prelude::*;
use proptest::sample::Index;

use super::*;

type Sent<'t> = (Option<&'t str>, Option<&'t str>, &'t str);

const CASES: &[(&str, Sent<'static>, &[u8])] = &[
    ("data alone", (None, None, "a"), b"data: a\n\n"),
    ("no data", (None, None, ""), b"data: \n\n"),
    ("one LF", (None, None, "\n"), b"data: \ndata: \n\n"),
    ("LF at the end", (None, None, "a\n"), b"data: a\ndata: \n\n"),
    ("a space in front", (None, None, " a"), b"data:  a\n\n"),
    ("a colon in front", (None, None, ":a"), b"data: :a\n\n"),
    ("what looks like a field", (None, None, "id: 9"), b"data: id: 9\n\n"),
    ("NUL and an emoji", (None, None, "\0😀"), b"data: \0\xf0\x9f\x98\x80\n\n"),
    ("U+2028 ends no line", (None, None, "\u{2028}"), b"data: \xe2\x80\xa8\n\n"),
    ("all fields", (Some("17-2"), Some("x"), "a"), b"id: 17-2\nevent: x\ndata: a\n\n"),
    ("an id that is taken back", (Some(""), None, "a"), b"id: \ndata: a\n\n"),
    ("a name of spaces", (None, Some("  "), "a"), b"event:   \ndata: a\n\n"),
];

const REFUSED: &[(&str, Sent<'static>, EventStreamError)] = &[
    ("CR", (None, None, "a\rb"), EventStreamError::DataHasCr),
    ("CR LF", (None, None, "a\r\n"), EventStreamError::DataHasCr),
    (
        "an id with a field behind it",
        (Some("1\ndata: x"), None, ""),
        EventStreamError::IdHasLineEnd,
    ),
    ("an id with CR", (Some("\r"), None, ""), EventStreamError::IdHasLineEnd),
    ("an id with NUL", (Some("1\0"), None, ""), EventStreamError::IdHasNul),
    ("a name with LF", (None, Some("x\n"), ""), EventStreamError::NameHasLineEnd),
    ("a name with CR", (None, Some("x\r\rdata: y"), ""), EventStreamError::NameHasLineEnd),
];

/// A stream, what is dispatched as (name, data, last event ID), and the reconnection time.
type Interpreted = (
    &'static str,
    &'static [u8],
    &'static [(&'static str, &'static str, &'static str)],
    Option<u64>,
);

const INTERPRETED: &[Interpreted] = &[
    (
        "the standard's stocks",
        b"data: YHOO\ndata: +2\ndata: 10\n\n",
        &[("message", "YHOO\n+2\n10", "")],
        None,
    ),
    (
        "the standard's four blocks",
        b": test stream\n\ndata: first event\nid: 1\n\ndata:second event\nid\n\ndata:  third event",
        &[("message", "first event", "1"), ("message", "second event", "")],
        None,
    ),
    (
        "the standard's empty data",
        b"data\n\ndata\ndata\n\ndata:",
        &[("message", "", ""), ("message", "\n", "")],
        None,
    ),
    (
        "the standard's optional space",
        b"data:test\n\ndata: test\n\n",
        &[("message", "test", ""), ("message", "test", "")],
        None,
    ),
    ("a byte order mark", b"\xef\xbb\xbfdata: a\n\n", &[("message", "a", "")], None),
    ("a second byte order mark", b"\xef\xbb\xbf\xef\xbb\xbfdata: a\n\n", &[], None),
    ("a byte order mark on the second line", b":\n\xef\xbb\xbfdata: a\n\n", &[], None),
    (
        "a byte order mark as the first line",
        b"\xef\xbb\xbf\ndata: a\n\n",
        &[("message", "a", "")],
        None,
    ),
    ("lines that end with CR", b"data: a\rdata: b\r\r", &[("message", "a\nb", "")], None),
    ("lines that end with CR LF", b"data: a\r\ndata: b\r\n\r\n", &[("message", "a\nb", "")], None),
    (
        "all three line ends",
        b"data: a\r\ndata: b\rdata: c\n\r",
        &[("message", "a\nb\nc", "")],
        None,
    ),
    (
        "LF CR is two lines",
        b"data: a\n\rdata: b\n\r",
        &[("message", "a", ""), ("message", "b", "")],
        None,
    ),
    (
        "an id stays",
        b"id: 1\ndata: a\n\ndata: b\n\n",
        &[("message", "a", "1"), ("message", "b", "1")],
        None,
    ),
    ("an id without data counts", b"id: 1\n\ndata: b\n\n", &[("message", "b", "1")], None),
    ("an id with NUL is ignored", b"id: 1\nid: 2\0\ndata: a\n\n", &[("message", "a", "1")], None),
    (
        "an id is replaced within an event",
        b"id: 1\nid: 2\ndata: a\n\n",
        &[("message", "a", "2")],
        None,
    ),
    (
        "a name lasts for one event",
        b"event: x\ndata: a\n\ndata: b\n\n",
        &[("x", "a", ""), ("message", "b", "")],
        None,
    ),
    ("a name without data is forgotten", b"event: x\n\ndata: a\n\n", &[("message", "a", "")], None),
    ("an empty name is none", b"event: x\nevent\ndata: a\n\n", &[("message", "a", "")], None),
    ("fields have one spelling", b"Data: a\n data: b\ndata : c\n\n", &[], None),
    (
        "bytes that are not UTF-8",
        b"data: \xff\xe2\x82\n\n",
        &[("message", "\u{fffd}\u{fffd}", "")],
        None,
    ),
    ("a reconnection time", b"retry: 250\n\n", &[], Some(250)),
    ("one without a blank line", b"retry:250\n", &[], Some(250)),
    (
        "times that are none",
        b"retry: 1\nretry: +2\nretry: 3s\nretry: \nretry\nretry:  4\n",
        &[],
        Some(1),
    ),
    ("a heartbeat", b":\n\n:\n\ndata: a\n:\n\n", &[("message", "a", "")], None),
];

fn decode<'b>(
    reads: impl Iterator<Item = &'b [u8]>,
    bytes_max: usize,
) -> (Vec<StreamEvent>, Result<(), EventStreamError>, Decoder) {
    let mut decoder = Decoder::new(bytes_max);
    let mut events = Vec::new();
    for read in reads {
        if let Err(error) = decoder.receive(read, &mut events) {
            let again = decoder.receive(b"data: a\n\n", &mut events);
            assert_eq!(again, Err(error), "a failed decoder stays failed");
            return (events, Err(error), decoder);
        }
    }
    (events, Ok(()), decoder)
}

fn event((id, name, data): Sent<'_>) -> StreamEvent {
    StreamEvent {
        name: name.filter(|name| !name.is_empty()).unwrap_or("message").into(),
        data: data.into(),
        last_event_id: id.unwrap_or_default().into(),
    }
}

fn run_four_ways(name: &str, sent: Sent<'_>, bytes: &[u8]) {
    let mut encoded = vec![0xa5];
    let made = encode(sent.0, sent.1, sent.2, &mut encoded).unwrap();
    assert_eq!(encoded, [b"\xa5", bytes].concat(), "{name}: encode");
    assert_eq!(made.total(), bytes.len() as u64, "{name}: booked whole");
    assert_eq!(made.payload, sent.2.len() as u64, "{name}: payload");

    let trailed = [bytes, b"id: 9\nevent: late\ndata: unfinished\n"].concat();
    let ways = [
        ("whole", decode(std::iter::once(bytes), 100)),
        ("byte by byte", decode(bytes.chunks(1), 100)),
        ("with trailing bytes", decode(std::iter::once(trailed.as_slice()), 100)),
    ];
    for (way, (events, result, decoder)) in ways {
        assert_eq!((events, result), (vec![event(sent)], Ok(())), "{name}: {way}");
        assert_eq!(decoder.last_event_id(), sent.0.unwrap_or_default(), "{name}: {way}");
    }
}

#[test]
fn cases() {
    for &(name, sent, bytes) in CASES {
        run_four_ways(name, sent, bytes);
    }
}

#[test]
fn refused() {
    for &(name, (id, event, data), error) in REFUSED {
        let mut bytes = vec![0xa5];
        assert_eq!(encode(id, event, data, &mut bytes), Err(error), "{name}");
        assert_eq!(bytes, [0xa5], "{name}: nothing is written");
    }
}

#[test]
fn streams_are_interpreted_as_the_standard_says() {
    for &(name, bytes, expected, retry_ms) in INTERPRETED {
        let expected: Vec<_> =
            expected.iter().map(|&(name, data, id)| event((Some(id), Some(name), data))).collect();
        for (way, (events, result, decoder)) in [
            ("whole", decode(std::iter::once(bytes), 1000)),
            ("byte by byte", decode(bytes.chunks(1), 1000)),
        ] {
            assert_eq!((&events, result), (&expected, Ok(())), "{name}: {way}");
            assert_eq!(decoder.retry_ms(), retry_ms, "{name}: {way}");
        }
    }
}

#[test]
fn what_is_too_long_is_refused_and_what_came_before_stands() {
    let before = b"data: a\n\n".as_slice();
    for (bytes, result) in [
        (b"data: 1234567890\n\n".as_slice(), Ok(())),
        (b"data: 12345678901", Err(EventStreamError::LineTooLong)),
        (b": a comment of 17", Err(EventStreamError::LineTooLong)),
        (b"data: 1234\ndata: 56789\n\n", Ok(())),
        (b"data: 1234\ndata: 567890\n", Err(EventStreamError::DataTooLong)),
        (b"data: \xff\xff\xff\xff\n", Err(EventStreamError::DataTooLong)),
    ] {
        let bytes = [before, bytes].concat();
        let in_one = decode(std::iter::once(bytes.as_slice()), 10);
        assert_eq!(in_one.1, result, "{bytes:?}");
        assert_eq!(in_one.0.first(), Some(&event((None, None, "a"))));
        assert_eq!(decode(bytes.chunks(1), 10).1, result, "{bytes:?}");
    }
}

#[test]
fn heartbeat_and_retry_dispatch_nothing() {
    let mut bytes = HEARTBEAT.to_vec();
    let made = encode_retry(u64::MAX / 2, &mut bytes);
    assert_eq!(made, Bytes::control(bytes.len() - HEARTBEAT.len()));
    let (events, result, decoder) = decode(std::iter::once(bytes.as_slice()), 100);
    assert_eq!((events, result), (vec![], Ok(())));
    assert_eq!(decoder.retry_ms(), Some(u64::MAX / 2));
}

fn cut<'b>(bytes: &'b [u8], cuts: &[Index]) -> Vec<&'b [u8]> {
    let mut ends: Vec<usize> = cuts.iter().map(|cut| cut.index(bytes.len() + 1)).collect();
    ends.sort_unstable();
    ends.push(bytes.len());
    let starts = std::iter::once(0).chain(ends.clone());
    starts.zip(ends).map(|(start, end)| bytes.get(start..end).unwrap()).collect()
}

proptest! {
    #[test]
    fn any_text_without_cr_comes_back(
        sent in proptest::collection::vec(("[^\r\n\0]*", "[^\r\n]*", "[^\r]*"), 0..5),
        cuts in proptest::collection::vec(any::<Index>(), 0..10),
    ) {
        let mut bytes = Vec::new();
        for (id, name, data) in &sent {
            prop_assert!(encode(Some(id), Some(name), data, &mut bytes).is_ok());
        }
        let expected: Vec<_> =
            sent.iter().map(|(id, name, data)| event((Some(id), Some(name), data))).collect();
        prop_assert_eq!(&decode(cut(&bytes, &cuts).into_iter(), 10_000).0, &expected);
    }

    #[test]
    fn any_stream_is_read_alike_in_any_cuts(
        lines in proptest::collection::vec(line(), 0..30),
        cuts in proptest::collection::vec(any::<Index>(), 0..10),
    ) {
        let bytes = lines.concat();
        let (events, result, decoder) = decode(std::iter::once(bytes.as_slice()), 40);
        for reads in [cut(&bytes, &cuts), bytes.chunks(1).collect()] {
            let other = decode(reads.into_iter(), 40);
            prop_assert_eq!((&other.0, other.1), (&events, result));
            prop_assert_eq!(other.2.last_event_id(), decoder.last_event_id());
            prop_assert_eq!(other.2.retry_ms(), decoder.retry_ms());
        }
    }

    #[test]
    fn text_is_refused_exactly_when_it_would_come_back_changed(data in "[a\r\n]{0,5}") {
        let mut bytes = Vec::new();
        prop_assert_eq!(encode(None, None, &data, &mut bytes).is_ok(), carries(&data));
        prop_assert_eq!(carries(&data), !data.contains('\r'));
    }
}

/// A piece of a stream: often a field, often a line end, sometimes garbage.
fn line() -> impl Strategy<Value = Vec<u8>> {
    let words: [&[u8]; 12] = [
        b"data",
        b"event",
        b"id",
        b"retry",
        b":",
        b": ",
        b"12",
        b"\xef\xbb\xbf",
        b"\0",
        b"\xe2\x82",
        b"x",
        b"",
    ];
    let ends: [&[u8]; 4] = [b"\r", b"\n", b"\r\n", b"\n\n"];
    prop_oneof![
        3 => proptest::sample::select(words.to_vec()).prop_map(<[u8]>::to_vec),
        2 => proptest::sample::select(ends.to_vec()).prop_map(<[u8]>::to_vec),
        1 => proptest::collection::vec(any::<u8>(), 0..8),
    ]
}
