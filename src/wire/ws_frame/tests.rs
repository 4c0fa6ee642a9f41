use proptest::prelude::*;

use super::*;

const KEY: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];

const fn head(opcode: Opcode, masking_key: Option<[u8; 4]>, length: u64) -> FrameHead {
    FrameHead { fin: true, opcode, masking_key, length }
}

const CASES: &[(&str, FrameHead, &[u8])] = &[
    ("a server's text", head(Opcode::Text, None, 5), b"\x81\x05"),
    ("a client's text", head(Opcode::Text, Some(KEY), 5), b"\x81\x85\x37\xfa\x21\x3d"),
    ("a ping without payload", head(Opcode::Ping, None, 0), b"\x89\x00"),
    ("the longest pong", head(Opcode::Pong, None, 125), b"\x8a\x7d"),
    ("a masked close", head(Opcode::Close, Some(KEY), 2), b"\x88\x82\x37\xfa\x21\x3d"),
    ("the longest 7-bit length", head(Opcode::Binary, None, 125), b"\x82\x7d"),
    ("the shortest 16-bit length", head(Opcode::Binary, None, 126), b"\x82\x7e\x00\x7e"),
    ("the longest 16-bit length", head(Opcode::Binary, None, 0xffff), b"\x82\x7e\xff\xff"),
    (
        "the shortest 64-bit length",
        head(Opcode::Binary, None, 0x1_0000),
        b"\x82\x7f\0\0\0\0\0\x01\0\0",
    ),
    (
        "the longest 64-bit length, masked",
        head(Opcode::Binary, Some(KEY), u64::MAX >> 1),
        b"\x82\xff\x7f\xff\xff\xff\xff\xff\xff\xff\x37\xfa\x21\x3d",
    ),
    ("the first fragment", FrameHead { fin: false, ..head(Opcode::Text, None, 3) }, b"\x01\x03"),
    ("the last fragment", head(Opcode::Continuation, None, 2), b"\x80\x02"),
];

/// Each ends with the byte at which the error becomes certain.
const REFUSED: &[(&str, Role, &[u8], FrameError)] = &[
    ("RSV1 without an extension", Role::Client, b"\xc1", FrameError::ReservedBitSet),
    ("RSV2", Role::Client, b"\xa1", FrameError::ReservedBitSet),
    ("RSV3", Role::Server, b"\x91", FrameError::ReservedBitSet),
    ("opcode 3", Role::Client, b"\x83", FrameError::OpcodeReserved),
    ("opcode 7", Role::Client, b"\x07", FrameError::OpcodeReserved),
    ("opcode 0xB", Role::Client, b"\x8b", FrameError::OpcodeReserved),
    ("opcode 0xF", Role::Server, b"\x8f", FrameError::OpcodeReserved),
    ("a fragmented ping", Role::Client, b"\x09", FrameError::ControlFragmented),
    ("a fragmented close", Role::Client, b"\x08", FrameError::ControlFragmented),
    ("a ping of 126 bytes", Role::Client, b"\x89\xfe", FrameError::ControlTooLong),
    ("a close in 64 bits", Role::Server, b"\x88\x7f", FrameError::ControlTooLong),
    ("a client that does not mask", Role::Client, b"\x81\x05", FrameError::MaskMissing),
    ("a server that masks", Role::Server, b"\x81\x85", FrameError::MaskPresent),
    ("125 in two bytes", Role::Server, b"\x81\x7e\x00\x7d", FrameError::LengthNotMinimal),
    ("16 bits in eight bytes", Role::Client, b"\x81\xff\0\0\0\0\0\0", FrameError::LengthNotMinimal),
    ("a negative length", Role::Client, b"\x81\xff\x80", FrameError::LengthTopBitSet),
];

fn run_four_ways(name: &str, value: FrameHead, bytes: &[u8]) {
    let from = if value.masking_key.is_some() { Role::Client } else { Role::Server };
    let complete = Ok(Parse::Complete(value, bytes.len()));

    let mut encoded = vec![0xa5];
    encode(value, &mut encoded);
    assert_eq!(encoded, [b"\xa5", bytes].concat(), "{name}: encode");

    assert_eq!(parse(bytes, from), complete, "{name}: whole");
    for end in 0..bytes.len() {
        let front = bytes.get(..end).unwrap();
        assert_eq!(parse(front, from), Ok(Parse::Partial), "{name}: {end} bytes");
    }
    let trailed = [bytes, b"\xff\xff"].concat();
    assert_eq!(parse(&trailed, from), complete, "{name}: with trailing bytes");
}

#[test]
fn cases() {
    for &(name, value, bytes) in CASES {
        run_four_ways(name, value, bytes);
        if value.masking_key.is_none() {
            let length = usize::try_from(value.length).unwrap();
            assert_eq!(head_bytes(length), bytes.len(), "{name}: cost");
        }
    }
}

#[test]
fn refused() {
    for &(name, from, bytes, error) in REFUSED {
        let (_, before) = bytes.split_last().unwrap();
        assert_eq!(parse(before, from), Ok(Parse::Partial), "{name}: before the bad byte");
        assert_eq!(parse(bytes, from), Err(error), "{name}: at the bad byte");
        let trailed = [bytes, &[0; 16]].concat();
        assert_eq!(parse(&trailed, from), Err(error), "{name}: with trailing bytes");
    }
}

#[test]
fn masking_is_the_naive_loop_at_every_alignment() {
    let plain: Vec<u8> = (0..=255).cycle().take(300).collect();
    for start in 0..33 {
        for length in 0..200 {
            let part = plain.get(start..start + length).unwrap();
            for at in 0..5 {
                let naive: Vec<u8> = part
                    .iter()
                    .zip(KEY.into_iter().cycle().skip(at))
                    .map(|(byte, key)| byte ^ key)
                    .collect();
                let mut room = plain.clone();
                mask(room.get_mut(start..start + length).unwrap(), KEY, at);
                assert_eq!(room.get(start..start + length).unwrap(), naive);
                assert_eq!(room.get(..start), plain.get(..start));
                assert_eq!(room.get(start + length..), plain.get(start + length..));
            }
        }
    }
}

#[test]
fn a_close_payload_is_nothing_or_a_code_that_may_be_sent() {
    assert_eq!(parse_close(b""), Ok(None));
    assert_eq!(parse_close(b"\x03"), Err(FrameError::CloseCodeCutOff));
    assert_eq!(parse_close(b"\x03\xe8"), Ok(Some((CloseCode::NORMAL, ""))));
    assert_eq!(parse_close(b"\x03\xe8\xc3"), Err(FrameError::CloseReasonNotUtf8));
    for code in 0..=u16::MAX {
        let sendable =
            matches!(code, 1000..5000) && !matches!(code, 1004 | 1005 | 1006 | 1015 | 1016..=2999);
        let answer = parse_close(&code.to_be_bytes()).map(|_| ());
        let expected = if sendable { Ok(()) } else { Err(FrameError::CloseCodeReserved) };
        assert_eq!(answer, expected, "{code}");
    }
}

#[test]
fn a_long_reason_is_cut_between_characters() {
    for (reason, kept) in [("a".repeat(124), 123), ("é".repeat(70), 122), ("😀".repeat(31), 120)]
    {
        let mut bytes = Vec::new();
        encode_close(CloseCode::POLICY, &reason, &mut bytes);
        assert_eq!(bytes.len(), 4 + kept);
        let (_, payload) = bytes.split_at_checked(2).unwrap();
        let (code, text) = parse_close(payload).unwrap().unwrap();
        assert_eq!(code, CloseCode::POLICY);
        assert!(text.len() == kept && reason.starts_with(text));
    }
}

proptest! {
    #[test]
    fn masking_twice_in_other_pieces_is_nothing(
        plain in proptest::collection::vec(any::<u8>(), 0..500),
        key: [u8; 4],
        cut: proptest::sample::Index,
    ) {
        let mut bytes = plain.clone();
        mask(&mut bytes, key, 0);
        prop_assert_eq!(&unmasked(&bytes, key), &plain);
        let cut = cut.index(bytes.len() + 1);
        let (front, back) = bytes.split_at_mut_checked(cut).unwrap();
        mask(front, key, 0);
        mask(back, key, cut);
        prop_assert_eq!(bytes, plain);
    }

    #[test]
    fn a_head_that_parses_encodes_to_the_same_bytes(
        bytes in proptest::collection::vec(any::<u8>(), 0..16),
        from in prop_oneof![Just(Role::Client), Just(Role::Server)],
    ) {
        if let Ok(Parse::Complete(head, taken)) = parse(&bytes, from) {
            let mut encoded = Vec::new();
            encode(head, &mut encoded);
            prop_assert_eq!(Some(encoded.as_slice()), bytes.get(..taken));
        }
    }
}
