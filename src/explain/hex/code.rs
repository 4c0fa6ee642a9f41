//! What stands in front of bytes in source code.
//!
//! ```text
//! unsigned char hi[] = {                C, as xxd -i writes it
//! unsigned int hi_len = 4;              nothing of this line is a byte
//! const HI: [u8; 4] = [0x81, 2, 104, 105];
//! hi = b'\x81\x02hi'
//! send(vec![0x81, 0x02])
//! ```

/// Bytes of a line that declare what follows them; 0 when there is no declaration.
pub(super) fn front(line: &[u8]) -> usize {
    let code = line.get(..quoted(line)).unwrap_or_default();
    let Some(at) = memchr::memrchr(b'=', code) else { return call(line) };
    let value = line.get(at + 1..).unwrap_or_default();
    if is_scalar(value) { line.len() } else { at + 1 + call(value) }
}

/// Where text or a comment begins, in which nothing is a declaration.
fn quoted(line: &[u8]) -> usize {
    let is_quote = |at: usize, byte: u8| match byte {
        b'"' | b'#' => true,
        // A lifetime is none.
        b'\'' => !matches!(at.checked_sub(1).and_then(|at| line.get(at)), Some(b'&' | b'<')),
        b'/' => line.get(at + 1) == Some(&b'/'),
        _ => false,
    };
    line.iter().enumerate().position(|(at, byte)| is_quote(at, *byte)).unwrap_or(line.len())
}

/// Whether it is one number, as that of an array's bytes.
fn is_scalar(value: &[u8]) -> bool {
    let value = value.trim_ascii();
    let value = value.strip_suffix(b";").unwrap_or(value);
    !value.is_empty() && value.iter().all(u8::is_ascii_alphanumeric)
}

/// Bytes in front of a list or of text that are words: `vec!`, `bytes(`, `&`.
fn call(value: &[u8]) -> usize {
    let is_bytes = |byte: &u8| matches!(byte, b'[' | b'{' | b'"' | b'\'');
    let Some(end) = value.iter().position(is_bytes) else { return 0 };
    let words = value.get(..end).unwrap_or_default();
    let first = words.trim_ascii_start().first();
    let is_word = |byte: &u8| byte.is_ascii_alphabetic() && !byte.is_ascii_hexdigit();
    let is_called = first.is_some_and(|byte| byte.is_ascii_alphabetic() || *byte == b'_')
        && words.iter().any(is_word)
        // In raw text a backslash is one.
        && !matches!(words.last(), Some(b'r' | b'R'));
    if is_called || words.trim_ascii() == b"&" { end } else { 0 }
}
