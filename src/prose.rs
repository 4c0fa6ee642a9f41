//! Numbers and text as people read them, in a terminal and on a page.

/// Text in HTML, in an attribute too: no character of it means anything to a browser.
pub fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            _ => escaped.push(character),
        }
    }
    escaped
}

/// A number with its thousands apart: `12,345`.
pub fn number(number: u64) -> String {
    apart(&number.to_string())
}

/// A count and its noun, in the singular where it is one: `1 byte`, `2,048 bytes`.
pub fn counted(count: u64, noun: &str) -> String {
    let plural = if count == 1 { "" } else { "s" };
    format!("{} {noun}{plural}", number(count))
}

/// Digits with a comma before every third from the end.
pub fn apart(digits: &str) -> String {
    let mut apart = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            apart.push(',');
        }
        apart.push(digit);
    }
    apart
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_in_a_text_means_anything() {
        assert_eq!(escaped("<a href=\"'&"), "&lt;a href=&quot;&#39;&amp;");
    }

    #[test]
    fn numbers_are_written_in_threes() {
        assert_eq!([0, 999, 1_000, 65_536].map(number), ["0", "999", "1,000", "65,536"]);
        assert_eq!(
            (counted(1, "byte"), counted(2_048, "byte")),
            ("1 byte".into(), "2,048 bytes".into())
        );
    }
}
