use proptest::prelude::*;

use super::*;
use crate::wire::ws_frame::{encode, encode_close, encode_frame};

const KEY: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];

fn frame(fin: bool, opcode: Opcode, payload: &[u8], from: Role) -> Vec<u8> {
    let masking_key = (from == Role::Client).then_some(KEY);
    let mut bytes = Vec::new();
    encode(FrameHead { fin, opcode, masking_key, length: payload.len() as u64 }, &mut bytes);
    append_unmasked(payload, masking_key.unwrap_or(UNMASKED), &mut bytes);
    bytes
}

fn control(payload: &[u8]) -> Control {
    let mut control = Control::default();
    control.append(payload, UNMASKED);
    control
}

/// Everything that `reads` bring, then what ended it.
fn receive_all<'b>(
    from: Role,
    reads: impl Iterator<Item = &'b [u8]>,
    message_bytes_max: usize,
) -> (Vec<Message>, Option<MessageError>) {
    let (messages, _, error) = receive_booked(from, reads, message_bytes_max);
    (messages, error)
}

/// The same, and what the bytes were. The caller's remainder is kept.
fn receive_booked<'b>(
    from: Role,
    reads: impl Iterator<Item = &'b [u8]>,
    message_bytes_max: usize,
) -> (Vec<Message>, Bytes, Option<MessageError>) {
    let mut assembler = Assembler::new(from);
    let (mut messages, mut booked) = (Vec::new(), Bytes::ZERO);
    let mut held: Vec<u8> = Vec::new();
    for read in reads {
        held.extend_from_slice(read);
        loop {
            match assembler.receive(&held, message_bytes_max) {
                Err(error) => {
                    let again = assembler.receive(b"", message_bytes_max);
                    assert_eq!(again, Err(error), "a failed assembler stays failed");
                    return (messages, booked, Some(error));
                }
                Ok(Received { taken, parsed, message }) => {
                    held.drain(..taken);
                    assert_eq!(parsed.total(), taken as u64, "each byte is booked once");
                    booked += parsed;
                    match message {
                        Some(message) => messages.push(message),
                        None => break,
                    }
                }
            }
        }
        assert!(held.len() <= 13, "only an unfinished head is left");
    }
    (messages, booked, None)
}

fn whole(from: Role, bytes: &[u8], max: usize) -> (Vec<Message>, Option<MessageError>) {
    receive_all(from, std::iter::once(bytes), max)
}

fn byte_by_byte(from: Role, bytes: &[u8], max: usize) -> (Vec<Message>, Option<MessageError>) {
    receive_all(from, bytes.chunks(1), max)
}

fn cases() -> Vec<(&'static str, Vec<Message>, Vec<u8>)> {
    use Opcode::{Binary, Continuation, Ping, Pong, Text};
    let close = |code, reason| {
        let mut bytes = Vec::new();
        encode_close(code, reason, &mut bytes);
        bytes
    };
    let part = |fin, opcode, payload| frame(fin, opcode, payload, Role::Server);
    vec![
        ("a text", vec![Message::Text("Hello".into())], part(true, Text, b"Hello")),
        ("an empty text", vec![Message::Text(String::new())], part(true, Text, b"")),
        ("an empty binary", vec![Message::Binary(vec![])], part(true, Binary, b"")),
        ("any bytes", vec![Message::Binary(vec![0xff; 300])], part(true, Binary, &[0xff; 300])),
        (
            "three fragments that cut characters",
            vec![Message::Text("a€😀".into())],
            [
                part(false, Text, b"a\xe2\x82"),
                part(false, Continuation, b"\xac\xf0\x9f\x98"),
                part(true, Continuation, b"\x80"),
            ]
            .concat(),
        ),
        (
            "fragments without bytes",
            vec![Message::Text("x".into())],
            [
                part(false, Text, b""),
                part(false, Continuation, b"x"),
                part(true, Continuation, b""),
            ]
            .concat(),
        ),
        (
            "control frames between fragments",
            vec![
                Message::Ping(control(b"are you there")),
                Message::Pong(control(b"")),
                Message::Binary(b"ab".to_vec()),
            ],
            [
                part(false, Binary, b"a"),
                part(true, Ping, b"are you there"),
                part(true, Pong, b""),
                part(true, Continuation, b"b"),
            ]
            .concat(),
        ),
        (
            "two halves of a closing handshake",
            vec![
                Message::Close(Some((CloseCode::NORMAL, control("tschüß".as_bytes())))),
                Message::Close(None),
            ],
            [close(CloseCode::NORMAL, "tschüß"), part(true, Opcode::Close, b"")].concat(),
        ),
        (
            "a text longer than a piece",
            vec![Message::Text("€".repeat(3 * PIECE_BYTES))],
            part(true, Text, "€".repeat(3 * PIECE_BYTES).as_bytes()),
        ),
    ]
}

#[test]
fn the_cases_are_put_together_however_they_are_cut() {
    for (name, messages, bytes) in cases() {
        let complete = (messages, None);
        assert_eq!(whole(Role::Server, &bytes, usize::MAX), complete, "{name}: whole");
        assert_eq!(byte_by_byte(Role::Server, &bytes, usize::MAX), complete, "{name}: bytes");
        let trailed = [&bytes, b"\x82\x7e".as_slice()].concat();
        assert_eq!(whole(Role::Server, &trailed, usize::MAX), complete, "{name}: trailed");
    }
}

#[test]
fn refused() {
    use MessageError as E;
    let many = [b"\x01\x00".to_vec(), b"\x00\x00".repeat(FRAGMENTS_MAX)].concat();
    let rows: &[(&str, &[u8], MessageError)] = &[
        ("a bad frame", b"\xf1", E::Frame(FrameError::ReservedBitSet)),
        ("a continuation of nothing", b"\x80\x00", E::ContinuationUnexpected),
        ("one after a whole message", b"\x81\x01a\x80\x00", E::ContinuationUnexpected),
        ("a text within a text", b"\x01\x01a\x81\x01", E::MessageInterrupted),
        ("a binary within an empty text", b"\x01\x00\x82\x00", E::MessageInterrupted),
        ("more fragments than accepted", &many, E::FragmentsTooMany),
        ("101 bytes announced", b"\x82\x65", E::MessageTooLong),
        ("2^63 - 1 bytes", b"\x82\x7f\x7f\xff\xff\xff\xff\xff\xff\xff", E::MessageTooLong),
        ("1 + 100 bytes in fragments", b"\x02\x01a\x80\x64", E::MessageTooLong),
        ("a text of 0xff", b"\x81\x01\xff", E::TextNotUtf8),
        ("0xff at the front of five bytes", b"\x81\x05\xff", E::TextNotUtf8),
        ("a surrogate's first two bytes", b"\x81\x05\xed\xa0", E::TextNotUtf8),
        ("an overlong slash", b"\x81\x02\xc0", E::TextNotUtf8),
        ("beyond U+10FFFF", b"\x81\x04\xf4\x90", E::TextNotUtf8),
        ("a text that ends in a character", b"\x01\x01\xe2\x80\x01\x82", E::TextCutOff),
        ("a last frame that ends in one", b"\x81\x02a\xc3", E::TextCutOff),
        ("a close of one byte", b"\x88\x01\x03", E::Frame(FrameError::CloseCodeCutOff)),
        ("a close with 1005", b"\x88\x02\x03\xed", E::Frame(FrameError::CloseCodeReserved)),
    ];
    for &(name, bytes, error) in rows {
        assert_eq!(whole(Role::Server, bytes, 100).1, Some(error), "{name}: whole");
        assert_eq!(byte_by_byte(Role::Server, bytes, 100).1, Some(error), "{name}: bytes");
        let (_, before) = bytes.split_last().unwrap();
        assert_eq!(whole(Role::Server, before, 100).1, None, "{name}: before the bad byte");
    }
}

#[test]
fn exactly_the_limits_are_accepted() {
    let parts = b"\x00\x00".repeat(FRAGMENTS_MAX - 2);
    let bytes = [b"\x02\x00".to_vec(), parts, b"\x80\x64".to_vec(), vec![7; 100]].concat();
    let complete = (vec![Message::Binary(vec![7; 100])], None);
    assert_eq!(whole(Role::Server, &bytes, 100), complete);
}

#[test]
fn nothing_is_kept_for_what_is_only_announced() {
    let mut assembler = Assembler::new(Role::Server);
    let announced = b"\x82\x7f\x00\x00\x00\x00\x40\x00\x00\x00";
    assert!(assembler.receive(announced, usize::MAX).is_ok());
    assert!(assembler.unfinished.is_some_and(|unfinished| unfinished.content.len() == 0));
}

/// A buffer of twice the length is a page fault for each of its pages, message by message.
#[test]
fn what_comes_in_two_reads_has_room_for_itself_and_little_more() {
    const LENGTH: usize = 64 * 1024;
    for (opcode, payload) in
        [(Opcode::Binary, "a".repeat(LENGTH)), (Opcode::Text, "é".repeat(LENGTH / 2))]
    {
        let wire = frame(true, opcode, payload.as_bytes(), Role::Client);
        let (first, last) = wire.split_at(wire.len() - 101);
        let mut assembler = Assembler::new(Role::Client);
        assembler.receive(first, LENGTH).unwrap();
        let message = assembler.receive(last, LENGTH).unwrap().message;
        let capacity = match message {
            Some(Message::Text(text)) => text.capacity(),
            Some(Message::Binary(bytes)) => bytes.capacity(),
            other => panic!("{other:?}"),
        };
        assert!((LENGTH..LENGTH + 8).contains(&capacity), "{capacity} bytes");
    }
}

#[test]
fn an_idle_assembler_owns_no_heap() {
    let mut assembler = Assembler::new(Role::Server);
    for (_, messages, bytes) in cases() {
        let mut bytes = bytes.as_slice();
        for message in messages {
            let received = assembler.receive(bytes, usize::MAX).unwrap();
            assert_eq!(received.message, Some(message));
            bytes = bytes.get(received.taken..).unwrap();
        }
        assert!(assembler.unfinished.is_none());
    }
}

#[test]
fn what_comes_in_one_piece_is_never_unfinished() {
    let mut assembler = Assembler::new(Role::Server);
    for bytes in [b"\x81\x01a".as_slice(), b"\x82\x00", b"\x89\x02hi", b"\x8a\x00"] {
        assert!(assembler.receive(bytes, 1).unwrap().message.is_some());
        assert!(assembler.unfinished.is_none(), "{bytes:?}");
    }
    assert!(assembler.receive(b"\x02\x01a", 1).unwrap().message.is_none());
    assert!(assembler.unfinished.is_some());
}

#[test]
fn bytes_are_booked_by_what_they_are_for() {
    let text = frame(true, Opcode::Text, b"hello", Role::Client);
    let first = frame(false, Opcode::Binary, b"abc", Role::Client);
    let ping = frame(true, Opcode::Ping, b"hi", Role::Client);
    let long = frame(true, Opcode::Continuation, &[7; 126], Role::Client);
    let wire = [text, first, ping, long].concat();
    let booked = Bytes { head: 0, framing: 6 + 6 + 8, payload: 5 + 3 + 126, control: 6 + 2 };
    for size in [1, 2, 3, 5, 7, 11, wire.len()] {
        let (_, sum, error) = receive_booked(Role::Client, wire.chunks(size), 1024);
        assert_eq!((sum, error), (booked, None), "pieces of {size}");
    }
}

#[test]
fn an_error_books_nothing() {
    let mut assembler = Assembler::new(Role::Server);
    assert!(assembler.receive(b"\x81\x01a\xff", 10).is_ok_and(|received| received.taken == 3));
    assert_eq!(assembler.receive(b"\xff", 10), Err(FrameError::ReservedBitSet.into()));
}

/// A message and where its fragments end, or a control frame.
#[derive(Clone, Debug)]
enum Sent {
    Text(String, Vec<proptest::sample::Index>),
    Binary(Vec<u8>, Vec<proptest::sample::Index>),
    Ping(Vec<u8>),
}

fn sent() -> impl Strategy<Value = Sent> {
    let cuts = || proptest::collection::vec(any::<proptest::sample::Index>(), 0..4);
    prop_oneof![
        (any::<String>(), cuts()).prop_map(|(text, cuts)| Sent::Text(text, cuts)),
        (proptest::collection::vec(any::<u8>(), 0..400), cuts())
            .prop_map(|(bytes, cuts)| Sent::Binary(bytes, cuts)),
        proptest::collection::vec(any::<u8>(), 0..=125).prop_map(Sent::Ping),
    ]
}

fn pieces<'b>(bytes: &'b [u8], cuts: &[proptest::sample::Index]) -> Vec<&'b [u8]> {
    let mut ends: Vec<usize> = cuts.iter().map(|cut| cut.index(bytes.len() + 1)).collect();
    ends.sort_unstable();
    let mut pieces = Vec::new();
    let mut start = 0;
    for end in ends.into_iter().chain([bytes.len()]) {
        pieces.push(bytes.get(start..end).unwrap());
        start = end;
    }
    pieces
}

fn put_on_the_wire(sent: &Sent, wire: &mut Vec<u8>) -> Message {
    let (first, bytes, cuts, message) = match sent {
        Sent::Ping(payload) => {
            wire.extend(frame(true, Opcode::Ping, payload, Role::Client));
            return Message::Ping(control(payload));
        }
        Sent::Text(text, cuts) => {
            (Opcode::Text, text.as_bytes(), cuts, Message::Text(text.clone()))
        }
        Sent::Binary(bytes, cuts) => {
            (Opcode::Binary, bytes.as_slice(), cuts, Message::Binary(bytes.clone()))
        }
    };
    let parts = pieces(bytes, cuts);
    let last = parts.len() - 1;
    for (index, part) in parts.into_iter().enumerate() {
        let opcode = if index == 0 { first } else { Opcode::Continuation };
        wire.extend(frame(index == last, opcode, part, Role::Client));
    }
    message
}

#[test]
fn who_keeps_nothing_has_no_bound_and_the_same_eyes() {
    let mut walker = Assembler::keeping_nothing(Role::Server);
    let mut length = b"\x82\x7f".to_vec();
    length.extend_from_slice(&(1_u64 << 40).to_be_bytes());
    assert_eq!(walker.receive(&length, usize::MAX).unwrap().taken, length.len());
    for _ in 0..64 {
        walker.receive(&[7; 4096], usize::MAX).unwrap();
    }
    assert!(walker.is_within_frame() && walker.heap_bytes() < 256, "{walker:?}");

    let mut walker = Assembler::keeping_nothing(Role::Server);
    walker.receive(b"\x01\x01\xc3", usize::MAX).unwrap();
    for _ in 0..2 * FRAGMENTS_MAX {
        walker.receive(b"\x00\x02\xa9\xc3", usize::MAX).unwrap();
    }
    assert!(!walker.is_within_frame() && walker.heap_bytes() > 0);
    let ended = walker.receive(b"\x80\x00", usize::MAX);
    assert_eq!(ended, Err(MessageError::TextCutOff));
    assert_eq!(walker.receive(b"\x80\x00", usize::MAX), Err(MessageError::TextCutOff));
}

proptest! {
    #[test]
    fn messages_arrive_as_they_were_sent_however_they_are_cut(
        sent in proptest::collection::vec(sent(), 0..6),
        cuts in proptest::collection::vec(any::<proptest::sample::Index>(), 0..12),
    ) {
        let mut wire = Vec::new();
        let messages = sent.iter().map(|sent| put_on_the_wire(sent, &mut wire)).collect();
        let complete = (messages, None);
        prop_assert_eq!(&whole(Role::Client, &wire, usize::MAX), &complete);
        prop_assert_eq!(&byte_by_byte(Role::Client, &wire, usize::MAX), &complete);
        let cut = receive_all(Role::Client, pieces(&wire, &cuts).into_iter(), usize::MAX);
        prop_assert_eq!(&cut, &complete);
    }

    #[test]
    fn bytes_are_booked_alike_however_they_are_cut(
        sent in proptest::collection::vec(sent(), 0..6),
        cuts in proptest::collection::vec(any::<proptest::sample::Index>(), 0..12),
    ) {
        let mut wire = Vec::new();
        let mut booked = Bytes::ZERO;
        for sent in &sent {
            let before = wire.len();
            put_on_the_wire(sent, &mut wire);
            let total = wire.len() - before;
            booked += match sent {
                Sent::Text(text, _) => Bytes::wrapped(total, text.len()),
                Sent::Binary(bytes, _) => Bytes::wrapped(total, bytes.len()),
                Sent::Ping(_) => Bytes::control(total),
            };
        }
        for reads in [vec![&wire[..]], wire.chunks(1).collect(), pieces(&wire, &cuts)] {
            let (_, sum, error) = receive_booked(Role::Client, reads.into_iter(), usize::MAX);
            prop_assert_eq!((sum, error), (booked, None));
        }
    }

    #[test]
    fn text_is_accepted_exactly_when_it_is_utf8(
        bytes in nearly_utf8(),
        cuts in proptest::collection::vec(any::<proptest::sample::Index>(), 0..6),
    ) {
        let mut in_one = Vec::new();
        encode_frame(Opcode::Text, &bytes, &mut in_one);
        let mut in_fragments = frame(false, Opcode::Text, b"", Role::Server);
        for part in pieces(&bytes, &cuts) {
            in_fragments.extend(frame(false, Opcode::Continuation, part, Role::Server));
        }
        in_fragments.extend(frame(true, Opcode::Continuation, b"", Role::Server));
        let expected = str::from_utf8(&bytes).ok().map(|text| Message::Text(text.into()));
        for wire in [in_one, in_fragments] {
            for (messages, error) in
                [whole(Role::Server, &wire, 4096), byte_by_byte(Role::Server, &wire, 4096)]
            {
                prop_assert_eq!(error.is_none(), expected.is_some());
                prop_assert_eq!(messages.first(), expected.as_ref());
            }
        }
    }

    #[test]
    fn garbage_gives_the_same_in_any_cuts(
        bytes in proptest::collection::vec(any::<u8>(), 0..64),
        opening in proptest::sample::select(vec![
            b"\x81".as_slice(),
            b"\x01",
            b"\x02\x80\x01\x02\x03\x04",
        ]),
    ) {
        let wire = [opening, &bytes].concat();
        let in_one = whole(Role::Client, &wire, 100);
        prop_assert_eq!(byte_by_byte(Role::Client, &wire, 100), in_one);
    }
}

/// UTF-8 in which, often, one byte is changed or the end is missing.
fn nearly_utf8() -> impl Strategy<Value = Vec<u8>> {
    let spoiled = proptest::option::of((any::<proptest::sample::Index>(), any::<u8>()));
    (any::<String>(), spoiled, 0..3_usize).prop_map(|(text, spoiled, missing)| {
        let mut bytes = text.into_bytes();
        if let Some((at, byte)) = spoiled
            && !bytes.is_empty()
        {
            let at = at.index(bytes.len());
            *bytes.get_mut(at).unwrap() = byte;
        }
        bytes.truncate(bytes.len().saturating_sub(missing));
        bytes
    })
}
