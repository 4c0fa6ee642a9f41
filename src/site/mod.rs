//! The pages, embedded: no build step, and no path is ever opened from a request.

pub mod faults;
pub mod learn;
mod outline;

use std::sync::LazyLock;

use outline::complete;

use crate::answer::{Answer, Manner, TEXT};
use crate::id::Kind;
use crate::mech::CARDS;
use crate::mech::mould::LEGEND;
use crate::wire::date::Date;

/// A page, or a part of one.
#[derive(Debug)]
pub struct Page {
    /// Its address.
    pub path: &'static str,
    media_type: &'static str,
    bytes: Source,
}

#[derive(Debug)]
enum Source {
    File(&'static [u8]),
    /// Made when it is first asked for.
    Made(&'static LazyLock<Vec<u8>>),
    Lesson(Kind),
    Lessons,
}

impl Page {
    /// The answer that carries it.
    pub fn answer(&self, manner: &Manner, date: &Date) -> Answer {
        let head = manner
            .head(200, date)
            .field("Content-Type", self.media_type)
            .field("Cache-Control", "no-cache")
            .field("Content-Security-Policy", POLICY)
            .field("Referrer-Policy", "no-referrer")
            .field("X-Content-Type-Options", "nosniff");
        manner.end(head, self.bytes())
    }

    fn bytes(&self) -> &[u8] {
        match &self.bytes {
            Source::File(bytes) => bytes,
            Source::Made(bytes) => bytes,
            Source::Lesson(kind) => learn::lesson(*kind),
            Source::Lessons => learn::lessons(),
        }
    }
}

/// The page at an address, if there is one.
pub fn page(path: &str) -> Option<&'static Page> {
    PAGES.iter().find(|page| page.path == path)
}

/// The home page, with the table of mechanisms in it.
fn home() -> Vec<u8> {
    let html = complete(include_str!("home.html"), "/");
    html.replace("<!-- cards -->", &cards_html()).into_bytes()
}

/// The comparison table, from the cards.
fn cards_html() -> String {
    let mut html = String::from(
        "<table class=\"cards\" role=\"table\">\n<caption>The mechanisms</caption>\n\
         <thead><tr role=\"row\">",
    );
    for column in COLUMNS {
        html.push_str(&format!("<th scope=\"col\" role=\"columnheader\">{column}</th>"));
    }
    html.push_str("</tr></thead>\n<tbody>\n");
    for card in CARDS {
        let cells = [
            card.address,
            card.opens_with,
            card.direction,
            &format!("<code>{}</code>", card.costs.message.down),
            card.client,
            card.reconnects,
            card.cannot,
            &format!("<a href=\"/{0}\">{0}</a>", card.source),
        ];
        html.push_str(&format!(
            "<tr role=\"row\"><th scope=\"row\" role=\"rowheader\">\
             <a href=\"/learn/{}\">{}</a></th>",
            card.kind.name(),
            card.title
        ));
        for (column, cell) in COLUMNS.iter().skip(1).zip(cells) {
            html.push_str(&format!("<td role=\"cell\" data-label=\"{column}\">{cell}</td>"));
        }
        html.push_str("</tr>\n");
    }
    html.push_str("</tbody>\n</table>\n<p class=\"legend\">");
    for (name, meaning) in LEGEND {
        html.push_str(&format!("<code>{name}</code>: {meaning}; "));
    }
    html.push_str(
        "<code>hex</code>, <code>dec</code>: how many digits a number has; <code>[…]</code>: 1 if \
         that is true, else 0. A poll’s answer is followed by the next question.</p>",
    );
    html
}

const COLUMNS: [&str; 9] = [
    "Mechanism",
    "Address",
    "Opens with",
    "Direction",
    "Bytes per message",
    "Client API",
    "Reconnects",
    "Cannot",
    "Read",
];

/// Nothing but what this server itself sends may run, load or be contacted.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; \
                      connect-src 'self'; frame-src 'self'; base-uri 'none'; form-action 'self'; \
                      frame-ancestors 'none'";
const HTML: &str = "text/html; charset=utf-8";
const STYLE: &str = "text/css; charset=utf-8";
const ICON: &str = "image/svg+xml";

const fn file(path: &'static str, media_type: &'static str, bytes: &'static [u8]) -> Page {
    Page { path, media_type, bytes: Source::File(bytes) }
}

const fn script(path: &'static str, bytes: &'static [u8]) -> Page {
    file(path, "text/javascript; charset=utf-8", bytes)
}

const fn made(path: &'static str, bytes: &'static LazyLock<Vec<u8>>) -> Page {
    Page { path, media_type: HTML, bytes: Source::Made(bytes) }
}

const fn lesson(path: &'static str, kind: Kind) -> Page {
    Page { path, media_type: HTML, bytes: Source::Lesson(kind) }
}

const fn source(path: &'static str, kind: Kind) -> Page {
    file(path, TEXT, learn::source(kind).as_bytes())
}

static HOME: LazyLock<Vec<u8>> = LazyLock::new(home);
static FAULTS: LazyLock<Vec<u8>> = LazyLock::new(faults::page);
static CHAT: LazyLock<Vec<u8>> =
    LazyLock::new(|| complete(include_str!("chat.html"), "/chat").into_bytes());
static PAYMENT: LazyLock<Vec<u8>> =
    LazyLock::new(|| complete(include_str!("payment.html"), "/payment").into_bytes());
static COSTS: LazyLock<Vec<u8>> =
    LazyLock::new(|| complete(include_str!("costs.html"), "/costs").into_bytes());
static INSPECT: LazyLock<Vec<u8>> =
    LazyLock::new(|| complete(include_str!("inspect.html"), "/inspect").into_bytes());
static ENVELOPES: LazyLock<Vec<u8>> =
    LazyLock::new(|| complete(include_str!("envelopes.html"), "/envelopes").into_bytes());

/// Every page and every part of one; nothing else is ever served.
static PAGES: &[Page] = &[
    made("/", &HOME),
    Page { path: "/learn", media_type: HTML, bytes: Source::Lessons },
    lesson("/learn/poll", Kind::Poll),
    lesson("/learn/long_poll", Kind::LongPoll),
    lesson("/learn/iframe", Kind::Iframe),
    lesson("/learn/xhr_stream", Kind::XhrStream),
    lesson("/learn/sse", Kind::Sse),
    lesson("/learn/websocket", Kind::WebSocket),
    file("/site/learn.css", STYLE, include_bytes!("learn.css")),
    script("/site/learn.js", include_bytes!("learn.js")),
    source("/src/mech/poll.rs", Kind::Poll),
    source("/src/mech/long_poll.rs", Kind::LongPoll),
    source("/src/mech/iframe.rs", Kind::Iframe),
    source("/src/mech/xhr_stream.rs", Kind::XhrStream),
    source("/src/mech/sse.rs", Kind::Sse),
    source("/src/mech/websocket.rs", Kind::WebSocket),
    made("/chat", &CHAT),
    made("/payment", &PAYMENT),
    made("/costs", &COSTS),
    made("/inspect", &INSPECT),
    made("/envelopes", &ENVELOPES),
    made("/faults", &FAULTS),
    file("/favicon.svg", ICON, include_bytes!("favicon.svg")),
    file("/site/style.css", STYLE, include_bytes!("style.css")),
    file("/site/costs.css", STYLE, include_bytes!("costs.css")),
    file("/site/inspect.css", STYLE, include_bytes!("inspect.css")),
    script("/site/announce.js", include_bytes!("announce.js")),
    script("/site/ask.js", include_bytes!("ask.js")),
    script("/site/books.js", include_bytes!("books.js")),
    script("/site/chat.js", include_bytes!("chat.js")),
    script("/site/connections.js", include_bytes!("connections.js")),
    script("/site/copy.js", include_bytes!("copy.js")),
    script("/site/costs.js", include_bytes!("costs.js")),
    script("/site/crowd.js", include_bytes!("crowd.js")),
    script("/site/cursor.js", include_bytes!("cursor.js")),
    script("/site/envelopes.js", include_bytes!("envelopes.js")),
    script("/site/experiment.js", include_bytes!("experiment.js")),
    script("/site/home.js", include_bytes!("home.js")),
    script("/site/laboratory.js", include_bytes!("laboratory.js")),
    script("/site/ledger.js", include_bytes!("ledger.js")),
    script("/site/live.js", include_bytes!("live.js")),
    script("/site/number.js", include_bytes!("number.js")),
    script("/site/panel.js", include_bytes!("panel.js")),
    script("/site/payment.js", include_bytes!("payment.js")),
    script("/site/plot.js", include_bytes!("plot.js")),
    script("/site/publish.js", include_bytes!("publish.js")),
    script("/site/question.js", include_bytes!("question.js")),
    script("/site/race.js", include_bytes!("race.js")),
    script("/site/receipt.js", include_bytes!("receipt.js")),
    script("/site/table.js", include_bytes!("table.js")),
    script("/site/token.js", include_bytes!("token.js")),
    script("/site/inspect/address.js", include_bytes!("inspect/address.js")),
    script("/site/inspect/capture.js", include_bytes!("inspect/capture.js")),
    script("/site/inspect/clause.js", include_bytes!("inspect/clause.js")),
    script("/site/inspect/connections.js", include_bytes!("inspect/connections.js")),
    script("/site/inspect/dissection.js", include_bytes!("inspect/dissection.js")),
    script("/site/inspect/element.js", include_bytes!("inspect/element.js")),
    script("/site/inspect/envelope.js", include_bytes!("inspect/envelope.js")),
    script("/site/inspect/fields.js", include_bytes!("inspect/fields.js")),
    script("/site/inspect/hex.js", include_bytes!("inspect/hex.js")),
    script("/site/inspect/inspect.js", include_bytes!("inspect/inspect.js")),
    script("/site/inspect/mask.js", include_bytes!("inspect/mask.js")),
    script("/site/inspect/messages.js", include_bytes!("inspect/messages.js")),
    script("/site/inspect/prose.js", include_bytes!("inspect/prose.js")),
    script("/site/inspect/share.js", include_bytes!("inspect/share.js")),
    script("/site/inspect/store.js", include_bytes!("inspect/store.js")),
    script("/site/inspect/unit.js", include_bytes!("inspect/unit.js")),
    script("/site/mech/iframe.js", include_bytes!("mech/iframe.js")),
    script("/site/mech/long_poll.js", include_bytes!("mech/long_poll.js")),
    script("/site/mech/mould.js", include_bytes!("mech/mould.js")),
    script("/site/mech/poll.js", include_bytes!("mech/poll.js")),
    script("/site/mech/sse.js", include_bytes!("mech/sse.js")),
    script("/site/mech/websocket.js", include_bytes!("mech/websocket.js")),
    script("/site/mech/xhr_stream.js", include_bytes!("mech/xhr_stream.js")),
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::SECOND_US;

    #[test]
    fn the_page_of_costs_knows_the_ticks_of_the_cards() {
        let script = include_str!("live.js");
        for card in CARDS {
            let Some(period_us) = card.costs.quiet_us else { continue };
            let (name, period_s) = (card.kind.name(), period_us / SECOND_US);
            let (down, up) = (card.costs.quiet.down, card.costs.quiet.up);
            let tick = match down.parse::<u64>() {
                Ok(_) => format!("  {name}: {{ period_s: {period_s}, down: {down}, up: {up} }},"),
                Err(_) => format!("  {name}: {{ period_s: {period_s} }},"),
            };
            assert!(script.lines().any(|line| line == tick), "{tick}");
        }
    }
}
