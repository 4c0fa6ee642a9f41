use super::*;

fn decoded(text: &str, cut: usize) -> Result<Vec<u8>, HexError> {
    let mut hex = Hex::default();
    let mut bytes = Vec::new();
    for piece in text.as_bytes().chunks(cut) {
        hex.receive(piece, &mut bytes)?;
    }
    hex.end(&mut bytes)?;
    Ok(bytes)
}

/// Texts, and what they say.
const CASES: &[(&str, &[u8])] = &[
    ("", b""),
    ("474554\n", b"GET"),
    ("47:45:54", b"GET"),
    ("47 45-54, [0x0a]; 0XD,0x1\n", b"GET\n\r\x01"),
    ("{0x47, 0x45}; // a comment\n# another: xyz\n54", b"GET"),
    (r#""GET /\r\n\x00\0\101\"" b"hi" \x81\x2"#, b"GET /\r\n\0\0A\"hi\x81\x02"),
    ("\"a\\\n   b\"", b"ab"),
    ("00000000: 4745 5420 2f20  GET / 41\n00000006: 0d0a  ..\n", b"GET / \r\n"),
    ("00000000: 47 45 54  GET\r\n00000003: 0d  .\r\n", b"GET\r"),
    ("\t0x0000:  4745 54  GET\n", b"GET"),
    (
        "00000000  47 45 54 20 2f 20 48 54  54 50 2f 31 2e 31 0d 0a  |GET / HTTP/1.1..|\n\
         00000010  0d 0a                                             |..|\n00000012\n",
        b"GET / HTTP/1.1\r\n\r\n",
    ),
    (
        "0000  47 45 54 20 2f 20 48 54 54 50 2f 31 2e 31 0d 0a   GET / HTTP/1.1..\n\
         0010  0d 0a                                             ..\n",
        b"GET / HTTP/1.1\r\n\r\n",
    ),
    (
        "0000000 47 45 54 20 2f 20 48 54 54 50 2f 31 2e 31 0d 0a\n0000020 0d 0a\n0000022\n",
        b"GET / HTTP/1.1\r\n\r\n",
    ),
    (
        "00000000  61 61 61 61 61 61 61 61  61 61 61 61 61 61 61 61  |aaaaaaaaaaaaaaaa|\n*\n\
         00000030  62  |b|\n",
        b"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab",
    ),
];

#[test]
fn whatever_people_have_is_read() {
    for (text, bytes) in CASES {
        for cut in [1, 7, 1000] {
            let decoded = decoded(text, cut).unwrap_or_else(|error| panic!("{text}: {error}"));
            assert_eq!(
                decoded.escape_ascii().to_string(),
                bytes.escape_ascii().to_string(),
                "{text}"
            );
        }
    }
}

#[test]
fn what_is_wrong_has_a_place() {
    for (text, line, column, fault) in [
        ("47\n4g", 2, 2, HexFault::Half),
        ("47 zz", 1, 4, HexFault::Digit(b'z')),
        ("474", 1, 4, HexFault::Half),
        ("00000000: 4745 5x  GET\n", 1, 17, HexFault::Digit(b'x')),
        ("00000000: 4745 5  GET\n", 1, 16, HexFault::Half),
        ("00000000: 4745\n00000004: 54\n", 2, 1, HexFault::Offset { found: 4, expected: 2 }),
        ("\"abc", 1, 5, HexFault::Quote),
        ("\\q", 1, 2, HexFault::Escape),
        ("00000000  61  |a|\n*\nff000000  62  |b|\n", 3, 1, HexFault::Star),
    ] {
        for cut in [1, 1000] {
            let error = decoded(text, cut).unwrap_err();
            assert_eq!((error.line, error.column, error.fault), (line, column, fault), "{text}");
        }
    }
}

#[test]
fn a_line_without_end_is_read_in_parts() {
    let text = "47".repeat(EXPLAIN_HEX_LINE_BYTES_MAX);
    assert_eq!(decoded(&text, 999).unwrap().len(), EXPLAIN_HEX_LINE_BYTES_MAX);
    let error = decoded(&(text.clone() + "x"), 999).unwrap_err();
    assert_eq!((error.line, error.column), (1, text.len() as u64 + 1));
}
