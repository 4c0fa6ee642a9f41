//! Text and clauses in HTML. All text that goes into a page goes through here.

/// Text, so that no character of it means anything to a browser.
pub(crate) fn escape(text: &str) -> String {
    let mut html = String::with_capacity(text.len());
    for char in text.chars() {
        match char {
            '&' => html.push_str("&amp;"),
            '<' => html.push_str("&lt;"),
            '>' => html.push_str("&gt;"),
            '"' => html.push_str("&quot;"),
            '\'' => html.push_str("&#39;"),
            _ => html.push(char),
        }
    }
    html
}

/// A clause, with a link to where it stands if that is known.
pub(crate) fn clause(clause: &str) -> String {
    let text = escape(clause);
    match address(clause) {
        Some(address) => format!("<a href=\"{}\">{text}</a>", escape(&address)),
        None => text,
    }
}

/// A number as people write it: `12,345`.
pub(crate) fn number(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// So many bytes, in words.
pub(crate) fn bytes(count: u64) -> String {
    let unit = if count == 1 { "byte" } else { "bytes" };
    format!("{} {unit}", number(count))
}

/// Where a clause stands.
fn address(clause: &str) -> Option<String> {
    if let Some(rest) = clause.strip_prefix("RFC ") {
        let (rfc, section) = rest.split_once(" §")?;
        return Some(format!("https://www.rfc-editor.org/rfc/rfc{rfc}#section-{section}"));
    }
    if let Some(file) = clause.strip_prefix("mech/") {
        return Some(format!("/src/mech/{file}"));
    }
    let known = ADDRESSES.iter().find(|(begins, _)| clause.starts_with(begins));
    known.map(|(_, address)| (*address).to_owned())
}

/// Other specifications, by the beginning of their clauses.
const ADDRESSES: [(&str, &str); 9] = [
    ("HTML §4.12.1", "https://html.spec.whatwg.org/multipage/scripting.html#the-script-element"),
    (
        "HTML §9.2.4",
        "https://html.spec.whatwg.org/multipage/server-sent-events.html#the-last-event-id-header",
    ),
    (
        "HTML §9.2",
        "https://html.spec.whatwg.org/multipage/server-sent-events.html#parsing-an-event-stream",
    ),
    ("HTML §13.1", "https://html.spec.whatwg.org/multipage/syntax.html#writing"),
    ("Fetch, nosniff", "https://fetch.spec.whatwg.org/#x-content-type-options-header"),
    ("Fetch, CORS", "https://fetch.spec.whatwg.org/#http-cors-protocol"),
    ("CSP3 §3.1", "https://www.w3.org/TR/CSP3/#csp-header"),
    ("nginx", "https://nginx.org/en/docs/http/ngx_http_proxy_module.html#proxy_buffering"),
    ("NDJSON", "https://github.com/ndjson/ndjson-spec"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_in_a_text_means_anything() {
        assert_eq!(escape("<a href=\"'&"), "&lt;a href=&quot;&#39;&amp;");
    }

    #[test]
    fn clauses_lead_to_where_they_stand() {
        let rfc =
            "<a href=\"https://www.rfc-editor.org/rfc/rfc9112#section-7.1\">RFC 9112 §7.1</a>";
        assert_eq!(clause("RFC 9112 §7.1"), rfc);
        assert_eq!(clause("README, Channels"), "README, Channels");
        assert!(clause("mech/iframe.rs").starts_with("<a href=\"/src/mech/iframe.rs\">"));
    }

    #[test]
    fn numbers_are_written_in_threes() {
        assert_eq!([0, 999, 1_000, 65_536].map(number), ["0", "999", "1,000", "65,536"]);
        assert_eq!((bytes(1), bytes(2_048)), ("1 byte".to_owned(), "2,048 bytes".to_owned()));
    }
}
