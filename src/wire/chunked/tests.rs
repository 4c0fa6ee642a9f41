#![allow(clippy::indexing_slicing, reason = "a test may panic")]

use proptest::prelude::*;

use super::*;
use ChunkedError as E;

/// The content that was decoded, and how that ended.
type Fed = (Vec<u8>, Result<Step, ChunkedError>);
/// Name, pieces of content, bytes as we write them.
type Case = (&'static str, &'static [&'static [u8]], &'static [u8]);

/// The outcome of a body that is fed in these pieces: the content, and how it ended.
fn fed<'b>(pieces: impl IntoIterator<Item = &'b [u8]>, content_bytes_max: u64) -> Fed {
    let mut decoder = Decoder::new(content_bytes_max);
    let mut content = Vec::new();
    let mut taken = 0;
    for piece in pieces {
        match decoder.receive(piece, &mut content) {
            Ok(step) => {
                taken += step.taken;
                assert!(step.done || step.taken == piece.len(), "what is not done takes all");
            }
            Err(error) => {
                assert_eq!(decoder.receive(b"0\r\n\r\n", &mut Vec::new()), Err(error));
                return (content, Err(error));
            }
        }
    }
    (content, Ok(Step { taken, done: decoder.is_done() }))
}

fn whole(bytes: &[u8], content_bytes_max: u64) -> Fed {
    fed([bytes], content_bytes_max)
}

fn byte_by_byte(bytes: &[u8], content_bytes_max: u64) -> Fed {
    fed(bytes.chunks(1), content_bytes_max)
}

const CASES: &[Case] = &[
    ("no content", &[], b"0\r\n\r\n"),
    ("an empty piece is no chunk", &[b""], b"0\r\n\r\n"),
    ("one byte", &[b"a"], b"1\r\na\r\n0\r\n\r\n"),
    ("any bytes", &[b"\r\n0\r\n\r\n"], b"7\r\n\r\n0\r\n\r\n\r\n0\r\n\r\n"),
    (
        "15 and 16 bytes",
        &[&[b'a'; 15], &[b'b'; 16]],
        b"f\r\naaaaaaaaaaaaaaa\r\n\
        10\r\nbbbbbbbbbbbbbbbb\r\n0\r\n\r\n",
    ),
];

/// (name, content, bytes): right, but nothing that we would write.
const FOREIGN: &[(&str, &[u8], &[u8])] = &[
    ("capitals", &[b'a'; 10], b"A\r\naaaaaaaaaa\r\n0\r\n\r\n"),
    ("leading zeros", b"a", b"000000000000001\r\na\r\n000\r\n\r\n"),
    ("an extension", b"a", b"1;a=b;c=\"d e:f;\"\r\na\r\n0;g\r\n\r\n"),
    ("white space before an extension", b"a", b"1 \t;\ta = b\r\na\r\n0\r\n\r\n"),
    ("trailer fields", b"a", b"1\r\na\r\n0\r\nA: b\r\nC:\r\nD:\t e\xff\r\n\r\n"),
];

/// (name, bytes, error): the error is certain at the last byte.
const REFUSED: &[(&str, &[u8], ChunkedError)] = &[
    ("nothing where a size should be", b"\r", E::SizeMissing),
    ("an extension without a size", b";", E::SizeMissing),
    ("a negative size", b"-", E::SizeMissing),
    ("a signed size", b"+", E::SizeMissing),
    ("a space before the size", b" ", E::SizeMissing),
    ("a size of other letters", b"g", E::SizeMissing),
    ("a size with a prefix", b"0x", E::SizeInvalid),
    ("a size with a separator", b"1_", E::SizeInvalid),
    ("a space behind the size", b"1 \r", E::SizeInvalid),
    ("digits behind a space", b"1 1", E::SizeInvalid),
    ("NUL behind the size", b"1\0", E::SizeInvalid),
    ("16 digits", b"0000000000000001", E::SizeTooLong),
    ("more than the limit", b"65", E::ContentTooLong),
    ("much more than the limit", b"ff", E::ContentTooLong),
    ("more than the limit in the end", b"2\r\naa\r\n63", E::ContentTooLong),
    ("LF behind the size", b"1\n", E::LfBare),
    ("LF behind an extension", b"1;a\n", E::LfBare),
    ("LF in a quoted extension", b"1;a=\"\n", E::LfBare),
    ("CR alone behind the size", b"1\ra", E::CrBare),
    ("CR twice behind the size", b"1\r\r", E::CrBare),
    ("CR alone in an extension", b"1;a\rb", E::CrBare),
    ("NUL in an extension", b"1;\0", E::ControlCharacter),
    ("more content than the size", b"1\r\nab", E::DataUnterminated),
    ("LF behind the content", b"1\r\na\n", E::DataUnterminated),
    ("CR alone behind the content", b"1\r\na\r0", E::DataUnterminated),
    ("LF behind the last chunk", b"0\n", E::LfBare),
    ("LF as the blank line", b"0\r\n\n", E::LfBare),
    ("CR alone as the blank line", b"0\r\n\rG", E::CrBare),
    ("a folded trailer", b"0\r\n ", E::TrailerFolded),
    ("a folded second trailer", b"0\r\nA: b\r\n\t", E::TrailerFolded),
    ("a trailer without a name", b"0\r\n:", E::TrailerNameInvalid),
    ("a trailer without a colon", b"0\r\nA\r", E::TrailerNameInvalid),
    ("a space before a trailer's colon", b"0\r\nA ", E::TrailerNameInvalid),
    ("NUL in a trailer's name", b"0\r\nA\0", E::TrailerNameInvalid),
    ("LF in a trailer's name", b"0\r\nA\n", E::LfBare),
    ("LF behind a trailer", b"0\r\nA: b\n", E::LfBare),
    ("CR alone in a trailer", b"0\r\nA: b\rc", E::CrBare),
    ("NUL in a trailer", b"0\r\nA: \0", E::ControlCharacter),
    ("DEL in a trailer", b"0\r\nA: \x7f", E::ControlCharacter),
];

#[test]
fn bodies_are_decoded_however_they_come() {
    for (name, pieces, bytes) in CASES {
        let mut encoded = Vec::from([0xa5]);
        for piece in *pieces {
            encode(piece, &mut encoded);
        }
        encoded.extend_from_slice(LAST_CHUNK);
        assert_eq!(&encoded[1..], *bytes, "{name}, encoded");
    }
    let ours = CASES.iter().map(|(name, pieces, bytes)| (name, pieces.concat(), bytes));
    let foreign = FOREIGN.iter().map(|(name, content, bytes)| (name, content.to_vec(), bytes));
    for (name, content, bytes) in ours.chain(foreign) {
        let expected = (content, Ok(Step { taken: bytes.len(), done: true }));
        assert_eq!(whole(bytes, 100), expected, "{name}");
        assert_eq!(byte_by_byte(bytes, 100), expected, "{name}, byte by byte");
        assert_eq!(whole(&[bytes, &b"0\r\n"[..]].concat(), 100), expected, "{name}, and more");
        for end in 0..bytes.len() {
            let (_, step) = whole(&bytes[..end], 100);
            assert_eq!(step, Ok(Step { taken: end, done: false }), "{name}, {end} bytes of it");
        }
    }
}

#[test]
fn what_is_wrong_is_refused_at_its_byte() {
    for (name, bytes, error) in REFUSED {
        assert_eq!(whole(bytes, 100).1, Err(*error), "{name}");
        assert_eq!(byte_by_byte(bytes, 100), whole(bytes, 100), "{name}, byte by byte");
        let (_, step) = whole(&bytes[..bytes.len() - 1], 100);
        assert_eq!(step, Ok(Step { taken: bytes.len() - 1, done: false }), "{name}, too early");
    }
}

#[test]
fn every_error_is_listed_and_met() {
    for error in E::ALL {
        let limits = [E::OverheadTooLong, E::TrailerTooLong, E::TrailerLinesTooMany];
        let met = REFUSED.iter().any(|(_, _, refused)| refused == error);
        assert!(met || limits.contains(error), "{error:?}");
        assert_eq!(E::ALL.iter().filter(|other| *other == error).count(), 1);
    }
    assert!(REFUSED.iter().all(|(_, _, error)| E::ALL.contains(error)));
}

#[test]
fn what_carries_nothing_has_a_budget() {
    let fits = format!("1;{}\r\na\r\n0\r\n\r\n", "e".repeat(CHUNK_OVERHEAD_BYTES_MAX - 1));
    assert!(whole(fits.as_bytes(), 1).1.unwrap().done);
    let beyond = format!("1;{}", "e".repeat(CHUNK_OVERHEAD_BYTES_MAX));
    assert_eq!(whole(beyond.as_bytes(), 1).1, Err(E::OverheadTooLong));
    assert_eq!(byte_by_byte(beyond.as_bytes(), 1).1, Err(E::OverheadTooLong));

    for chunk in ["1;\r\na\r\n", "01\r\na\r\n"] {
        let fits = chunk.repeat(CHUNK_OVERHEAD_BYTES_MAX) + "0\r\n\r\n";
        assert!(whole(fits.as_bytes(), u64::MAX).1.unwrap().done, "{chunk:?}");
        let beyond = chunk.repeat(CHUNK_OVERHEAD_BYTES_MAX + 1);
        assert_eq!(whole(beyond.as_bytes(), u64::MAX).1, Err(E::OverheadTooLong), "{chunk:?}");
    }
    let honest = "1\r\na\r\n".repeat(2 * CHUNK_OVERHEAD_BYTES_MAX) + "0\r\n\r\n";
    assert!(whole(honest.as_bytes(), u64::MAX).1.unwrap().done, "small chunks are no offence");
}

#[test]
fn trailers_are_bounded_and_dropped() {
    let fits = format!("0\r\nA:{}\r\n\r\n", "b".repeat(TRAILER_BYTES_MAX - 6));
    assert!(whole(fits.as_bytes(), 0).1.unwrap().done);
    let beyond = format!("0\r\nA:{}\r\n\r\n", "b".repeat(TRAILER_BYTES_MAX - 5));
    assert_eq!(whole(beyond.as_bytes(), 0), (vec![], Err(E::TrailerTooLong)));
    assert_eq!(byte_by_byte(beyond.as_bytes(), 0), (vec![], Err(E::TrailerTooLong)));

    let fits = format!("0\r\n{}\r\n", "A:\r\n".repeat(TRAILER_FIELDS_MAX));
    assert!(whole(fits.as_bytes(), 0).1.unwrap().done);
    let beyond = format!("0\r\n{}A", "A:\r\n".repeat(TRAILER_FIELDS_MAX));
    assert_eq!(whole(beyond.as_bytes(), 0).1, Err(E::TrailerLinesTooMany));
}

#[test]
fn nothing_grows_by_what_is_only_announced() {
    let mut content = Vec::new();
    let mut decoder = Decoder::new(u64::MAX);
    assert!(decoder.receive(b"fffffffffffffff\r\nab", &mut content).is_ok());
    assert_eq!(content, b"ab");
    assert!(content.capacity() < 64);
}

#[test]
fn sizes_are_written_in_hexadecimal() {
    for content in [1, 9, 10, 15, 16, 255, 256, 0x0123_4567, usize::MAX] {
        let mut bytes = vec![0xa5];
        encode_head(content, &mut bytes);
        assert_eq!(bytes[1..], *format!("{content:x}\r\n").as_bytes());
    }
}

/// How each state is reached, and a byte of each class.
const REACHED: &[(State, &[u8])] = &[
    (State::Size, b""),
    (State::Digits, b"1"),
    (State::Padding, b"1 "),
    (State::Extension, b"1;"),
    (State::SizeLf, b"1\r"),
    (State::DataCr, b"1\r\na"),
    (State::DataLf, b"1\r\na\r"),
    (State::Trailer, b"0\r\n"),
    (State::Name, b"0\r\na"),
    (State::Value, b"0\r\na:"),
    (State::LineLf, b"0\r\na:\r"),
    (State::LastLf, b"0\r\n\r"),
];
const BYTES: &[(Class, &[u8])] = &[
    (Class::Hex, b"09afAF"),
    (Class::Token, b"gGzZ!#$%&'*+-.^_`|~"),
    (Class::Semicolon, b";"),
    (Class::Colon, b":"),
    (Class::Space, b" \t"),
    (Class::Text, b"\"(),/<=>?@[\\]{}\x80\xff"),
    (Class::Cr, b"\r"),
    (Class::Lf, b"\n"),
    (Class::Control, b"\0\x08\x0b\x1f\x7f"),
];

#[test]
fn each_state_and_byte_does_what_the_table_says() {
    assert_eq!(REACHED.len(), TABLE.len());
    for (row, (state, before)) in REACHED.iter().enumerate() {
        assert_eq!(*state as usize, row, "rows stand in the order of the states");
        for (column, (class, bytes)) in BYTES.iter().enumerate() {
            assert_eq!(*class as usize, column, "columns stand in the order of the classes");
            for &byte in *bytes {
                let mut decoder = Decoder::new(u64::MAX);
                decoder.receive(before, &mut Vec::new()).unwrap();
                assert_eq!(decoder.state, *state, "{before:?}");
                let led = decoder.receive(&[byte], &mut Vec::new()).map(|_| decoder.state);
                assert_eq!(led, TABLE[row][column], "{state:?}, {byte:#04x}");
            }
        }
    }
}

/// A decoder by another plan: the whole body at once, by searching for line ends.
fn reference(bytes: &[u8]) -> Option<(Vec<u8>, usize)> {
    let line = |at: usize| {
        let end = at + bytes[at..].windows(2).position(|pair| pair == b"\r\n")?;
        let line = &bytes[at..end];
        let text = line.iter().all(|&byte| byte == b'\t' || !byte.is_ascii_control());
        text.then_some((line, end + 2))
    };
    let mut content = Vec::new();
    let mut at = 0;
    loop {
        let (size, after) = line(at)?;
        let size = str::from_utf8(size.split(|&byte| byte == b';').next()?).ok()?;
        let extended = after - at - 2 > size.len();
        let size = if extended { size.trim_end_matches([' ', '\t']) } else { size };
        if size.starts_with('+') || size.len() > SIZE_DIGITS_MAX {
            return None;
        }
        at = after;
        match usize::from_str_radix(size, 16).ok()? {
            0 => break,
            size => {
                content.extend_from_slice(bytes.get(at..at + size)?);
                at += size;
                (bytes.get(at..at + 2)? == b"\r\n").then_some(())?;
                at += 2;
            }
        }
    }
    loop {
        let (field, after) = line(at)?;
        at = after;
        if field.is_empty() {
            return Some((content, at));
        }
        let colon = field.iter().position(|&byte| byte == b':')?;
        let token = colon > 0 && field[..colon].iter().copied().all(is_tchar);
        token.then_some(())?;
    }
}

/// Bytes that are a chunked body, or nearly one.
fn nearly_chunked() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop::sample::select(vec![
        "1\r\na\r\n",
        "3\r\n\r\n0\r\n",
        "02;a=b\r\n\r\n\r\n",
        "0\r\n",
        "\r\n",
        "A: b\r\n",
        "\n",
        "\r",
        "1 ;\r\n",
        "1 \r\n",
        "f",
        "0",
        ";",
        ":",
        " ",
        "\0",
        "é",
        "+1",
        "a",
        "\t",
        "10000000000000000",
    ]);
    let pieces = prop::collection::vec(piece, 0..8).prop_map(|pieces| pieces.concat());
    let ends = prop::sample::select(vec!["0\r\n\r\n", "0\r\nA: b\r\n\r\n", "\r\n", ""]);
    let flip = prop::option::of((any::<prop::sample::Index>(), any::<u8>()));
    (pieces, ends, flip).prop_map(|(pieces, ends, flip)| {
        let mut bytes = [pieces.as_bytes(), ends.as_bytes()].concat();
        if let (Some((index, byte)), false) = (flip, bytes.is_empty()) {
            *index.get_mut(&mut bytes) = byte;
        }
        bytes
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4_000))]

    #[test]
    fn cuts_change_nothing(
        bytes in nearly_chunked(),
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..6),
        content_bytes_max in 0_u64..12,
    ) {
        let expected = whole(&bytes, content_bytes_max);
        prop_assert_eq!(&byte_by_byte(&bytes, content_bytes_max), &expected);
        let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(bytes.len() + 1)).collect();
        cuts.extend([0, bytes.len()]);
        cuts.sort_unstable();
        let pieces = cuts.windows(2).map(|cut| &bytes[cut[0]..cut[1]]);
        prop_assert_eq!(&fed(pieces, content_bytes_max), &expected);
        prop_assert!(expected.0.len() as u64 <= content_bytes_max);
    }

    #[test]
    fn another_decoder_agrees(bytes in nearly_chunked()) {
        let decoded = match whole(&bytes, u64::MAX) {
            (content, Ok(Step { taken, done: true })) => Some((content, taken)),
            _ => None,
        };
        prop_assert_eq!(decoded, reference(&bytes));
    }

    #[test]
    fn what_is_encoded_comes_back(
        pieces in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..40), 0..8),
    ) {
        let mut bytes = Vec::new();
        for piece in &pieces {
            encode(piece, &mut bytes);
        }
        bytes.extend_from_slice(LAST_CHUNK);
        let expected = (pieces.concat(), Ok(Step { taken: bytes.len(), done: true }));
        prop_assert_eq!(byte_by_byte(&bytes, u64::MAX), expected);
    }
}
