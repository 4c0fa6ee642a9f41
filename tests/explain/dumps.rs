//! Dumps of the tools that people have: each is read as what it is, or refused with what to do.

use crate::{errors, explain, lines, units};

/// A request of which the content is many equal bytes, as `od -t x1` writes it.
const OD: &str = "\
0000000 50 4f 53 54 20 2f 63 2f 61 20 48 54 54 50 2f 31
0000020 2e 31 0d 0a 48 6f 73 74 3a 20 61 0d 0a 43 6f 6e
0000040 74 65 6e 74 2d 4c 65 6e 67 74 68 3a 20 33 30 30
0000060 0d 0a 0d 0a 61 61 61 61 61 61 61 61 61 61 61 61
0000100 61 61 61 61 61 61 61 61 61 61 61 61 61 61 61 61
*
0000540
";
/// The same, as `od -A d -t x1` does.
const OD_DECIMAL: &str = "\
0000000 50 4f 53 54 20 2f 63 2f 61 20 48 54 54 50 2f 31
0000016 2e 31 0d 0a 48 6f 73 74 3a 20 61 0d 0a 43 6f 6e
0000032 74 65 6e 74 2d 4c 65 6e 67 74 68 3a 20 33 30 30
0000048 0d 0a 0d 0a 61 61 61 61 61 61 61 61 61 61 61 61
0000064 61 61 61 61 61 61 61 61 61 61 61 61 61 61 61 61
*
0000352
";
/// The same, as `od -A x -t x1 -w24` does.
const OD_WIDE: &str = "\
000000 50 4f 53 54 20 2f 63 2f 61 20 48 54 54 50 2f 31 2e 31 0d 0a 48 6f 73 74
000018 3a 20 61 0d 0a 43 6f 6e 74 65 6e 74 2d 4c 65 6e 67 74 68 3a 20 33 30 30
000030 0d 0a 0d 0a 61 61 61 61 61 61 61 61 61 61 61 61 61 61 61 61 61 61 61 61
000048 61 61 61 61 61 61 61 61 61 61 61 61 61 61 61 61 61 61 61 61 61 61 61 61
*
000150 61 61 61 61 61 61 61 61 61 61 61 61 61 61 61 61
000160
";
/// The same, as `hexdump -C` does.
const HEXDUMP: &str = "\
00000000  50 4f 53 54 20 2f 63 2f  61 20 48 54 54 50 2f 31  |POST /c/a HTTP/1|
00000010  2e 31 0d 0a 48 6f 73 74  3a 20 61 0d 0a 43 6f 6e  |.1..Host: a..Con|
00000020  74 65 6e 74 2d 4c 65 6e  67 74 68 3a 20 33 30 30  |tent-Length: 300|
00000030  0d 0a 0d 0a 61 61 61 61  61 61 61 61 61 61 61 61  |....aaaaaaaaaaaa|
00000040  61 61 61 61 61 61 61 61  61 61 61 61 61 61 61 61  |aaaaaaaaaaaaaaaa|
*
00000160
";

#[test]
fn rows_that_are_left_out_are_put_back() {
    for dump in [OD, OD_DECIMAL, OD_WIDE, HEXDUMP] {
        let output = explain(&["--hex", "--json"], dump.as_bytes());
        assert_eq!(
            units(&output),
            ["client request head: POST /c/a", "client content: 300 bytes"],
            "{dump}: {output:?}"
        );
        assert_eq!(lines(&output).pop().unwrap()["findings"]["bytes"], 352);
        assert_eq!(output.status.code(), Some(0));
    }
}

#[test]
fn source_code_is_read() {
    for code in [
        "unsigned char hi[] = {\n  0x81, 0x02, 0x68, 0x69\n};\nunsigned int hi_len = 4;\n",
        "const HI: [u8; 4] = [0x81, 2, 104, 105];",
        "pub static HI: &'static [u8] = b\"\\x81\\x02hi\";",
        "hi = b'\\x81\\x02hi'",
        "[0x81, 2, 104, 105]",
    ] {
        let output = explain(&["--hex", "--json"], code.as_bytes());
        assert_eq!(units(&output), ["server frame: text hi"], "{code}: {output:?}");
    }
}

#[test]
fn what_does_not_say_its_bytes_is_refused_with_what_to_do() {
    for (dump, words) in [
        // hexdump, od -x, od -c, xxd -e.
        ("0000000 0281 6968\n0000004\n", "hexdump -C"),
        ("0000000 001201 064550\n0000004\n", "hexdump -C"),
        ("0000000 201 002   h   i\n0000004\n", "hexdump -C"),
        ("00000000: 69680281                             ..hi\n", "hexdump -C"),
        // od -A n -t x1.
        (" 61 61\n*\n", "od -v"),
        ("00000000: 6161  aa\n*\n", "ends with `*`"),
    ] {
        let output = explain(&["--hex"], dump.as_bytes());
        assert!(errors(&output).contains(words), "{dump}: {output:?}");
        assert_eq!(output.status.code(), Some(2), "{dump}: {output:?}");
    }
}
