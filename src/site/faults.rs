//! The page of reasons: why a request is refused and a connection closed, from the reason table.

use super::learn::html::{clause, escape};
use super::outline::complete;
use crate::fault::{Ends, FAULTS, Fault, Protocol, Row, Told};
use crate::mech::CARDS;

/// The page.
pub fn page() -> Vec<u8> {
    let html = complete(include_str!("faults.html"), "/faults");
    html.replace("<!-- main -->", &sections_html()).into_bytes()
}

/// Reasons that are met at the same place.
struct Section {
    id: &'static str,
    title: &'static str,
    words: &'static str,
    has: fn(&Row) -> bool,
}

fn sections_html() -> String {
    let mut html = String::new();
    for Section { id, title, words, has } in SECTIONS {
        let rows: Vec<&Row> = FAULTS.iter().filter(|row| has(row)).collect();
        // Nothing stands in a column by which nobody in this section is told.
        let is_used = |by: &Protocol| rows.iter().any(|row| row.told(*by) != Told::Nothing);
        let protocols: Vec<Protocol> = Protocol::ALL.into_iter().filter(is_used).collect();
        html.push_str(&format!(
            "<section aria-labelledby=\"{id}\">\n<h2 id=\"{id}\">{title}</h2>\n\
             <p class=\"legend\">{words}</p>\n\
             <table class=\"cards reasons\" role=\"table\">\n\
             <caption class=\"unseen\">{title}</caption>\n<thead><tr role=\"row\">"
        ));
        let titles = protocols.iter().map(|by| protocol_title(*by));
        for column in [REASON, MEANS].into_iter().chain(titles).chain([CULPRIT, CLAUSE]) {
            html.push_str(&format!("<th scope=\"col\" role=\"columnheader\">{column}</th>"));
        }
        html.push_str("</tr></thead>\n<tbody>\n");
        rows.iter().for_each(|row| html.push_str(&row_html(row, &protocols)));
        html.push_str("</tbody>\n</table>\n</section>\n");
    }
    html
}

fn row_html(row: &Row, protocols: &[Protocol]) -> String {
    let name = escape(row.name);
    let mut html = format!(
        "<tr id=\"{name}\" role=\"row\"><th scope=\"row\" role=\"rowheader\">\
         <a href=\"#{name}\"><code>{name}</code></a></th>"
    );
    let mut cell = |column: &str, content: &str| {
        html.push_str(&format!("<td role=\"cell\" data-label=\"{column}\">{content}</td>"));
    };
    cell(MEANS, &escape(row.message));
    for by in protocols {
        cell(protocol_title(*by), &told_html(row.told(*by)));
    }
    cell(CULPRIT, row.culprit.name());
    let bound = || "a bound of this server".to_owned();
    cell(CLAUSE, &if row.clause.is_empty() { bound() } else { clause(row.clause) });
    html + "</tr>\n"
}

fn told_html(told: Told) -> String {
    match told {
        Told::Nothing => "–".to_owned(),
        Told::Words(words) => format!("<code>{}</code>", escape(words).replace('\n', "<br>")),
        Told::Status(_) | Told::Close(_) | Told::Cut => told.to_string(),
    }
}

fn protocol_title(by: Protocol) -> &'static str {
    match by {
        Protocol::Http => "HTTP status",
        Protocol::Push(kind) => {
            CARDS.iter().find(|card| card.kind == kind).map_or("", |card| card.title)
        }
    }
}

/// Whether it may end what was granted, besides a request.
fn is_told_later(row: &Row) -> bool {
    let is_told = |by: &Protocol| row.told(*by) != Told::Nothing;
    row.fault.ends() == Ends::Request && Protocol::ALL.iter().filter(|by| is_told(by)).count() > 1
}

const REASON: &str = "Reason";
const MEANS: &str = "What it means";
const CULPRIT: &str = "Whose fault";
const CLAUSE: &str = "Clause";

/// Every section, in the order in which a connection can come to it.
const SECTIONS: [Section; 9] = [
    Section {
        id: "head",
        title: "A request head that cannot be read",
        words: "It is answered, and the connection closes: where the next request begins is not \
                known any more.",
        has: |row| matches!(row.fault, Fault::Head(_)),
    },
    Section {
        id: "target",
        title: "An address that cannot be read",
        words: "The request is answered, and the connection is kept.",
        has: |row| matches!(row.fault, Fault::Target(_)),
    },
    Section {
        id: "content",
        title: "Content that cannot be read",
        words: "It is answered, and the connection closes.",
        has: |row| matches!(row.fault, Fault::Body(_)),
    },
    Section {
        id: "handshake",
        title: "A WebSocket handshake that is none",
        words: "It is answered as any other request: there is no WebSocket yet.",
        has: |row| matches!(row.fault, Fault::Handshake(_)) && row.fault.ends() == Ends::Request,
    },
    Section {
        id: "request",
        title: "A request that cannot be granted",
        words: "Whoever asks is answered in JSON, by whatever mechanism or call it was to be \
                served: <code>{\"error\":{\"code\",\"reason\",\"clause\",\"message\"}}</code>.",
        has: |row| {
            let is_codecs = matches!(row.fault, Fault::Head(_) | Fault::Target(_) | Fault::Body(_))
                || matches!(row.fault, Fault::Handshake(_));
            row.fault.ends() == Ends::Request && !is_codecs && !is_told_later(row)
        },
    },
    Section {
        id: "later",
        title: "What was granted once, and is not any more",
        words: "A request is answered. Who was let in before is told, too: when it says something \
                over a WebSocket, or when its token is gone from a file that was read anew.",
        has: is_told_later,
    },
    Section {
        id: "websocket",
        title: "What a WebSocket may not say",
        words: "The connection is failed with this close code, and the reason’s name behind it.",
        has: |row| row.fault.ends() == Ends::WebSocket,
    },
    Section {
        id: "stream",
        title: "The end of what is pushed",
        words: "Each mechanism says it in its own words. What is cut short ends where an answer \
                may not end: the client comes back with its cursor, and misses nothing that the \
                log still has.",
        has: |row| row.fault.ends() == Ends::Stream,
    },
    Section {
        id: "connection",
        title: "The end of a connection",
        words: "Nobody waits for an answer here, or would hear one: the connection closes without \
                a word. A WebSocket’s own interface calls that 1006.",
        has: |row| row.fault.ends() == Ends::Connection,
    },
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reason_that_a_server_gives_stands_in_one_section() {
        for row in FAULTS {
            let sections = SECTIONS.iter().filter(|section| (section.has)(row)).count();
            assert_eq!(sections == 1, row.fault.ends() != Ends::Answer, "{}", row.name);
            assert!(sections <= 1, "{}", row.name);
        }
    }

    #[test]
    fn no_reason_has_the_anchor_of_a_section() {
        for Section { id, .. } in SECTIONS {
            assert!(FAULTS.iter().all(|row| row.name != id), "{id}");
        }
    }

    #[test]
    fn a_row_says_what_each_protocol_says() {
        let html = row_html(Fault::Draining.row(), &Protocol::ALL);
        for told in ["503", "1001", "retry: 3000", "end(&quot;drain&quot;)", "RFC 9110 §15.6.4"] {
            assert!(html.contains(told), "{told}: {html}");
        }
        let bound = row_html(Fault::CursorRefused.row(), &[Protocol::Http]);
        assert!(bound.contains("<td role=\"cell\" data-label=\"Clause\">a bound of this server"));
    }

    /// A clause that leads nowhere may be looked for in vain.
    #[test]
    fn every_clause_leads_to_where_it_stands() {
        let clauses = FAULTS.iter().map(|row| row.clause).filter(|clause| !clause.is_empty());
        for text in clauses {
            assert!(clause(text).starts_with("<a href="), "{text}");
        }
    }
}
