//! Text from outside, made harmless to whatever shows it.

use std::env;
use std::fmt::Write;

/// The text on one line: control characters are escaped, and so are those that change the
/// direction or the lines of what stands around them.
///
/// An escape sequence in a message would otherwise move the cursor, or answer for the user.
pub(super) fn escaped(text: &str) -> String {
    escape(text, |character| !character.is_control() && !is_invisible_control(character))
}

/// The text in visible ASCII: everything else is escaped, as the log wants it.
pub(super) fn ascii(text: &str) -> String {
    escape(text, |character| matches!(character, ' '..='~'))
}

/// JSON in visible ASCII: what is beyond it stands in strings, where it can be escaped.
pub(super) fn ascii_json(json: &str) -> String {
    let mut escaped = String::with_capacity(json.len());
    for character in json.chars() {
        if matches!(character, ' '..='~') {
            escaped.push(character);
            continue;
        }
        for unit in character.encode_utf16(&mut [0; 2]) {
            // A String takes everything.
            let _ = write!(escaped, "\\u{unit:04x}");
        }
    }
    escaped
}

/// JSON from elsewhere on one line: a line end in it stands between its parts.
pub(super) fn json_line(json: &str) -> String {
    ascii_json(json.trim().replace(['\n', '\r', '\t'], " ").as_str()) + "\n"
}

/// Whether whoever looks at a terminal wants text and no escape sequences.
pub(super) fn wants_bare() -> bool {
    // https://no-color.org: present and not empty.
    env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty())
        || env::var_os("TERM").is_some_and(|value| value == "dumb")
}

fn escape(text: &str, stays: impl Fn(char) -> bool) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '\n' => escaped.push_str("\\n"),
            '\r' => escaped.push_str("\\r"),
            '\t' => escaped.push_str("\\t"),
            _ if stays(character) => escaped.push(character),
            _ => {
                // A String takes everything.
                let _ = write!(escaped, "\\u{{{:x}}}", u32::from(character));
            }
        }
    }
    escaped
}

/// Line and paragraph separators, and the marks that turn the direction of text.
fn is_invisible_control(character: char) -> bool {
    matches!(character, '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_from_elsewhere_takes_one_line() {
        assert_eq!(
            json_line("{\n\t\"a\": \"\\n\u{7f}é\"\r\n}\n"),
            "{  \"a\": \"\\n\\u007f\\u00e9\"  }\n"
        );
    }

    #[test]
    fn nothing_reaches_a_terminal_but_text() {
        let cases = [
            ("a\"b \\ é 🦀", "a\"b \\ é 🦀", "a\"b \\ \\u{e9} \\u{1f980}"),
            ("a\nb\r\tc", "a\\nb\\r\\tc", "a\\nb\\r\\tc"),
            ("\u{1b}[2J\0", "\\u{1b}[2J\\u{0}", "\\u{1b}[2J\\u{0}"),
            ("\u{7f}\u{9b}1m", "\\u{7f}\\u{9b}1m", "\\u{7f}\\u{9b}1m"),
            ("\u{202e}exe", "\\u{202e}exe", "\\u{202e}exe"),
        ];
        for (text, shown, logged) in cases {
            assert_eq!(escaped(text), shown);
            assert_eq!(ascii(text), logged);
        }
    }
}
