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
    // od -t x1: offsets in base 8, and a row that comes again.
    (OD_STARRED, &[b'a'; 0o540]),
    // od -A d -t x1.
    (
        "0000000 61 61 61 61 61 61 61 61 61 61 61 61 61 61 61 61\n\
         0000016 62 62 62 62 62 62 62 62 62 62 62 62 62 62 62 62\n*\n0000064 63\n0000065\n",
        b"aaaaaaaaaaaaaaaabbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbc",
    ),
    // od -A x -t x1 -w20.
    (
        "000000 50 4f 53 54 20 2f 63 2f 61 20 48 54 54 50 2f 31 2e 31 0d 0a\n\
         000014 48 6f 73 74 3a 20 61 0d 0a 43 6f 6e 74 65 6e 74 2d 4c 65 6e\n\
         000028 67 74 68\n00002b\n",
        b"POST /c/a HTTP/1.1\r\nHost: a\r\nContent-Length",
    ),
    // od -A x -t x1z, of bytes that begin behind others (-j 32).
    ("000020 74 65 6e 74  >tent<\n000024\n", b"tent"),
    // Format-Hex: the text is behind two spaces.
    (
        "00000000  47 45 54 20 2F 20 48 54 54 50 2F 31 2E 31 0D 0A  GET / HTTP/1.1..\n",
        b"GET / HTTP/1.1\r\n",
    ),
    ("00000000: 10000001 00000010  ........\n", b"\x10\0\0\x01\0\0\0\x10"),
    // xxd -g 4 and xxd -c 4.
    ("00000000: 4745 5420  GET \n00000004: 2f20       / \n", b"GET / "),
    ("00000000: 47455420 2f20  GET / \n", b"GET / "),
    // xxd -i, of a file and of the standard input.
    (
        "unsigned char hi[] = {\n  0x81, 0x02, 0x68, 0x69\n};\nunsigned int hi_len = 4;\n",
        b"\x81\x02hi",
    ),
    ("  0x81, 0x02, 0x68, 0x69\n", b"\x81\x02hi"),
    // Rust, Python and JavaScript.
    ("[0x81, 2]", b"\x81\x02"),
    ("const HI: [u8; 4] = [129, 2, b'h', 0x69];\n", b"\x81\x02hi"),
    ("let hi: &'static [u8] =\n    &[129,\n    2, 104, 105];\n41", b"\x81\x02hiA"),
    (r#"let hi = b"\x81\x02hi";"#, b"\x81\x02hi"),
    (r#"b"\x81=""#, b"\x81="),
    (r"b'\x81'", b"\x81"),
    (r#"hi = b'\x81\x02h"i'"#, b"\x81\x02h\"i"),
    ("new Uint8Array([0x81, 10])", b"\x81\x0a"),
    ("vec![129, 0x0a]", b"\x81\x0a"),
    ("0x8102 [47 45]", b"\x81\x02GE"),
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

/// What `od -t x1` writes of many equal bytes.
const OD_STARRED: &str = "0000000 61 61 61 61 61 61 61 61 61 61 61 61 61 61 61 61\n*\n0000540\n";

const fn offset(found: u64, expected: u64, radix: Radix) -> HexFault {
    HexFault::Offset { found, expected, radix }
}

#[test]
fn what_is_wrong_has_a_place() {
    for (text, line, column, fault) in [
        ("47\n4g", 2, 2, HexFault::Half),
        ("47 zz", 1, 4, HexFault::Digit(b'z')),
        ("474", 1, 4, HexFault::Half),
        ("00000000: 4745 5x  GET\n", 1, 17, HexFault::Digit(b'x')),
        ("00000000: 4745 5  GET\n", 1, 16, HexFault::Half),
        ("00000000: 4745\n00000004: 54\n", 2, 1, offset(4, 2, Radix::Hex)),
        // A row was lost.
        ("0000000 61 61\n0000002 61 61\n0000010 61 61\n", 3, 1, offset(8, 4, Radix::Octal)),
        (" 61 61 61\n*\n 62\n", 2, 1, HexFault::Alone),
        ("00000000  61  |a|\n*\n", 3, 1, HexFault::Open),
        // hexdump, od -x, od, od -c, od -A x -x, xxd -e.
        ("0000000 4f50 5453 2f20 2f63\n0000008\n", 1, 1, HexFault::Words),
        ("0000000 047520 052123\n", 1, 1, HexFault::Words),
        ("0000000   P   O   S   T\n", 1, 1, HexFault::Words),
        ("000000 4f50 5453\n", 1, 1, HexFault::Words),
        ("00000000: 54534f50 2f632f20  POST /c/\n", 1, 10, HexFault::Words),
        // xxd -b, od -t u1.
        ("00000000: 10000001 00000010 01101000 01101001  ..hi\n", 1, 10, HexFault::Words),
        ("0000000  10  11\n0000002\n", 1, 1, HexFault::Words),
        ("[12, 0x81]", 1, 7, HexFault::Mixed),
        ("a = [300]", 1, 8, HexFault::Large),
        ("let a = vec![0x81; 4];", 1, 18, HexFault::Digit(b';')),
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
