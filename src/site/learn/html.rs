//! Text and clauses in HTML. All text that goes into a page goes through here.

pub(crate) use crate::prose::{escaped as escape, number};

/// A clause, with a link to where it stands if that is known.
pub(crate) fn clause(clause: &str) -> String {
    let text = escape(clause);
    match address(clause) {
        Some(address) => format!("<a href=\"{}\">{text}</a>", escape(&address)),
        None => text,
    }
}

/// So many bytes, in words.
pub(crate) fn bytes(count: u64) -> String {
    crate::prose::counted(count, "byte")
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
const ADDRESSES: [(&str, &str); 15] = [
    ("HTML §4.12.1", "https://html.spec.whatwg.org/multipage/scripting.html#the-script-element"),
    (
        "HTML §9.2.4",
        "https://html.spec.whatwg.org/multipage/server-sent-events.html#the-last-event-id-header",
    ),
    (
        "HTML §9.2.6",
        "https://html.spec.whatwg.org/multipage/server-sent-events.html\
         #event-stream-interpretation",
    ),
    (
        "HTML §9.2.7",
        "https://html.spec.whatwg.org/multipage/server-sent-events.html#authoring-notes",
    ),
    (
        "HTML §9.2",
        "https://html.spec.whatwg.org/multipage/server-sent-events.html#parsing-an-event-stream",
    ),
    ("HTML §13.1.2.1", "https://html.spec.whatwg.org/multipage/syntax.html#start-tags"),
    ("HTML §13.1.2.2", "https://html.spec.whatwg.org/multipage/syntax.html#end-tags"),
    ("HTML §13.1.2", "https://html.spec.whatwg.org/multipage/syntax.html#elements-2"),
    ("HTML §13.1.6", "https://html.spec.whatwg.org/multipage/syntax.html#comments"),
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
    fn clauses_lead_to_where_they_stand() {
        let rfc =
            "<a href=\"https://www.rfc-editor.org/rfc/rfc9112#section-7.1\">RFC 9112 §7.1</a>";
        assert_eq!(clause("RFC 9112 §7.1"), rfc);
        assert_eq!(clause("README, Channels"), "README, Channels");
        assert!(clause("HTML §9.2.6").contains("#event-stream-interpretation\""));
        assert!(clause("HTML §9.2.5").contains("#parsing-an-event-stream\""));
        assert!(clause("mech/iframe.rs").starts_with("<a href=\"/src/mech/iframe.rs\">"));
    }
}
