//! The lessons: a page for each mechanism, and one that leads to them.
//!
//! Nothing on them is written down twice. What a mechanism is, what it cannot do and what is to be
//! read beside it is the documentation of its module; its card and its costs are the card's; the
//! bytes, and the words between them, are the golden exchange of the mechanism, and the codecs
//! explain it.

mod bytes;
pub mod doc;
pub mod exchange;
pub mod formula;
pub mod golden;
pub(super) mod html;

use std::sync::LazyLock;

use super::outline::complete;
use crate::cost::Bytes;
use crate::id::Kind;
use crate::mech::CARDS;
use crate::mech::mould::{Card, Cost, ENVELOPE, LEGEND};
use crate::wire::span::Part;
use doc::Block;
use exchange::Exchange;
use html::escape;

/// The lesson on a mechanism.
pub fn lesson(kind: Kind) -> &'static [u8] {
    match LESSONS.get(kind as usize) {
        Some(page) => page,
        None => &[],
    }
}

/// The page that leads to all of them.
pub fn lessons() -> &'static [u8] {
    &INDEX
}

/// The source of a mechanism.
pub const fn source(kind: Kind) -> &'static str {
    match kind {
        Kind::Poll => include_str!("../mech/poll.rs"),
        Kind::LongPoll => include_str!("../mech/long_poll.rs"),
        Kind::Iframe => include_str!("../mech/iframe.rs"),
        Kind::XhrStream => include_str!("../mech/xhr_stream.rs"),
        Kind::Sse => include_str!("../mech/sse.rs"),
        Kind::WebSocket => include_str!("../mech/websocket.rs"),
    }
}

/// What the names of the legend stand for when a payload of `payload` bytes, a line of text
/// without anything to be escaped, is told in this exchange.
pub fn value(exchange: &Exchange<'_>, payload: u64, name: &str) -> Option<u64> {
    let count = |text: &str| text.len() as u64;
    match name {
        "p" => Some(payload),
        "n" => Some(1),
        "e" => Some(0),
        "i" => exchange.id().as_deref().map(count),
        "c" => exchange.channel().map(count),
        // The id of a message begins with the time at which its channel began, and that has as
        // many digits as its own.
        "t" => exchange.id()?.split_once('-').map(|(epoch, _)| count(epoch)),
        "h" => Some(exchange.turns.first()?.units.first()?.bytes().len() as u64),
        "j" => formula::evaluate(ENVELOPE, |name| value(exchange, payload, name)),
        _ => None,
    }
}

/// The mechanism of that name.
fn kind_named(name: &str) -> Option<Kind> {
    Kind::ALL.into_iter().find(|kind| kind.name() == name)
}

/// Each is made when it is first asked for: that takes a few milliseconds, once.
static LESSONS: [LazyLock<Vec<u8>>; Kind::ALL.len()] = [
    LazyLock::new(|| lesson_html(Kind::Poll)),
    LazyLock::new(|| lesson_html(Kind::LongPoll)),
    LazyLock::new(|| lesson_html(Kind::Iframe)),
    LazyLock::new(|| lesson_html(Kind::XhrStream)),
    LazyLock::new(|| lesson_html(Kind::Sse)),
    LazyLock::new(|| lesson_html(Kind::WebSocket)),
];

static INDEX: LazyLock<Vec<u8>> = LazyLock::new(index_html);

fn lesson_html(kind: Kind) -> Vec<u8> {
    let Some(card) = CARDS.iter().find(|card| card.kind == kind) else { return Vec::new() };
    let (blocks, exchange) = (doc::blocks(source(kind)), Exchange::of(kind));
    let (lede, body) =
        blocks.split_first().map_or((None, &[][..]), |(lede, rest)| (Some(lede), rest));
    let mut main = format!("<h1>{}</h1>\n", escape(card.title));
    main.push_str("<div class=\"lede\">");
    main.extend(lede.map(Block::html));
    main.push_str("</div>\n");
    main.push_str(&neighbours_html(kind));
    main.push_str(include_str!("learn/contents.html"));
    let at = |word: &str| body.iter().position(|block| block.begins(word)).unwrap_or(body.len());
    let (costs, cannot, beside) = (at("Cost: "), at("It cannot "), at("Read beside it: "));
    let mut section = |id: &str, title: &str, blocks: &[Block], rest: &str| {
        main.push_str(&format!("<h2 id=\"{id}\">{title}</h2>\n<div class=\"words\">\n"));
        main.extend(blocks.iter().map(Block::html));
        main.push_str("</div>\n");
        main.push_str(rest);
    };
    let part = |from: usize, to: usize| body.get(from..to).unwrap_or_default();
    section("sketch", "In short", part(0, costs), &card_html(card));
    section("costs", "What it costs", part(costs, cannot), &costs_html(card, &exchange));
    section("cannot", "What it cannot do", part(cannot, beside), "");
    section("beside", "What to read beside it", part(beside, body.len()), &elsewhere_html(card));
    let introduction = &exchange.introduction;
    section("exchange", "The exchange, byte by byte", introduction, &exchange_html(&exchange));
    page_html(card.title, &main)
}

fn index_html() -> Vec<u8> {
    let mut main = include_str!("learn/index.html").to_owned();
    main.push_str("<div class=\"lessons\">\n");
    for card in CARDS {
        let (name, title) = (card.kind.name(), escape(card.title));
        let exchange = Exchange::of(card.kind);
        let cost = |payload| comes_to(card.costs.message.down, &exchange, payload);
        main.push_str(&format!(
            "<section>\n<h2><a href=\"/learn/{name}\">{title}</a></h2>\n{}\
             <p class=\"hint\">64 bytes of payload come in {}. Opens with {}. Cannot {}.</p>\n\
             </section>\n",
            doc::blocks(source(card.kind)).first().map(Block::html).unwrap_or_default(),
            html::bytes(cost(64).unwrap_or_default()),
            escape(card.opens_with),
            escape(card.cannot),
        ));
    }
    main.push_str("</div>\n");
    page_html("Learn", &main)
}

fn page_html(title: &str, main: &str) -> Vec<u8> {
    let current = if title == "Learn" { "/learn" } else { "" };
    let page = complete(include_str!("learn/page.html"), current);
    page.replace("<!-- title -->", &escape(title)).replace("<!-- main -->", main).into_bytes()
}

/// All lessons, to go from one to the next.
fn neighbours_html(current: Kind) -> String {
    let mut html = String::from("<nav class=\"neighbours\" aria-label=\"Lessons\">\n");
    for card in CARDS {
        let mark = if card.kind == current { " aria-current=\"page\"" } else { "" };
        let (name, title) = (card.kind.name(), escape(card.title));
        html.push_str(&format!("<a href=\"/learn/{name}\"{mark}>{title}</a>\n"));
    }
    html + "</nav>\n"
}

/// The row of the comparison.
fn card_html(card: &Card) -> String {
    let source = format!("<a href=\"/{0}\"><code>{0}</code></a>", escape(card.source));
    let rows = [
        ("Address", format!("<code>GET {}</code>", escape(card.address))),
        ("Opens with", escape(card.opens_with)),
        ("Direction", escape(card.direction)),
        ("What a page uses", escape(card.client)),
        ("Reconnects", escape(card.reconnects)),
        ("Cannot", escape(card.cannot)),
        ("Its source", source),
    ];
    let mut html = String::from("<table class=\"card\">\n<caption>Its card</caption>\n<tbody>\n");
    for (name, value) in rows {
        html.push_str(&format!("<tr><th scope=\"row\">{name}</th><td>{value}</td></tr>\n"));
    }
    html + "</tbody>\n</table>\n"
}

/// The formulae, and what they come to.
fn costs_html(card: &Card, exchange: &Exchange<'_>) -> String {
    let costs = card.costs;
    let mut html = String::from(
        "<div class=\"sums\" tabindex=\"0\" role=\"region\" aria-label=\"Costs\">\n<table>\n\
         <caption>In bytes and in system calls of the server</caption>\n<thead><tr>\
         <th scope=\"col\">What</th><th scope=\"col\">Down</th><th scope=\"col\">Up</th>\
         <th scope=\"col\">Calls</th>",
    );
    for payload in PAYLOADS {
        let payload = html::number(payload);
        html.push_str(&format!("<th scope=\"col\" class=\"sum\">Payload {payload}</th>"));
    }
    html.push_str("</tr></thead>\n<tbody>\n");
    let period = match costs.quiet_us {
        Some(us) => format!("Nothing happens, every {} s", us / crate::clock::SECOND_US),
        None => "Nothing is new, per question".to_owned(),
    };
    for (what, cost) in
        [("To open", costs.open), ("A message", costs.message), (&period, costs.quiet)]
    {
        html.push_str(&cost_html(what, &cost, exchange));
    }
    html.push_str("</tbody>\n</table>\n</div>\n<p class=\"legend\">");
    html.push_str(&legend_html(card, exchange));
    html + "</p>\n"
}

fn cost_html(what: &str, cost: &Cost, exchange: &Exchange<'_>) -> String {
    let mut html = format!("<tr><th scope=\"row\">{what}</th>");
    for formula in [cost.down, cost.up, cost.calls] {
        html.push_str(&format!("<td><code>{}</code></td>", escape(formula)));
    }
    for payload in PAYLOADS {
        let sum = |formula| {
            comes_to(formula, exchange, payload).map_or_else(|| "–".to_owned(), html::number)
        };
        let (down, up) = (sum(cost.down), sum(cost.up));
        let up = if up == "0" { String::new() } else { format!(" + {up} up") };
        html.push_str(&format!("<td class=\"sum\">{down}{up}</td>"));
    }
    html + "</tr>\n"
}

/// The names in this card's formulae, and what they are here.
fn legend_html(card: &Card, exchange: &Exchange<'_>) -> String {
    let costs = card.costs;
    let formulae = [costs.open, costs.message, costs.quiet].map(|cost| [cost.down, cost.up]);
    let mut used: Vec<&str> = formulae.iter().flatten().flat_map(|text| names(text)).collect();
    if used.contains(&"j") {
        used.extend(names(ENVELOPE));
    }
    let mut html = String::new();
    for (name, meaning) in LEGEND {
        if !used.contains(&name) {
            continue;
        }
        let here = match name {
            "p" | "j" => String::new(),
            _ => value(exchange, 0, name).map_or_else(String::new, |value| format!(" ({value})")),
        };
        html.push_str(&format!("<code>{name}</code>{here}: {}; ", escape(meaning)));
    }
    html.push_str(
        "in parentheses what they are here, for a line of text without escapes in the exchange \
         below. A browser’s head <code>h</code> is five to ten times as long.",
    );
    html
}

fn names(formula: &str) -> impl Iterator<Item = &str> {
    let words = formula.split(|char: char| !char.is_ascii_alphabetic());
    words.filter(|word| !word.is_empty() && !matches!(*word, "hex" | "dec"))
}

fn comes_to(formula: &str, exchange: &Exchange<'_>, payload: u64) -> Option<u64> {
    formula::evaluate(formula, |name| value(exchange, payload, name))
}

fn elsewhere_html(card: &Card) -> String {
    format!(
        "<ul class=\"elsewhere\">\n\
         <li>its source: <a href=\"/{0}\"><code>{0}</code></a>, and the client of this site\n\
         <a href=\"/site/mech/{1}.js\"><code>{1}.js</code></a></li>\n\
         <li><a href=\"/inspect\">the inspector</a>: the same of live connections</li>\n\
         <li><a href=\"/envelopes\">all envelopes</a>: one message by all six, side by side</li>\n\
         <li><a href=\"/costs\">costs</a>: what it has cost this server so far</li>\n</ul>\n",
        escape(card.source),
        card.kind.name(),
    )
}

/// The whole conversation.
fn exchange_html(exchange: &Exchange<'_>) -> String {
    let mut html = String::from(include_str!("learn/reading.html"));
    let mut place = 0;
    for (at, turn) in exchange.turns.iter().enumerate() {
        html.push_str(&format!(
            "<section class=\"turn\" id=\"t{0}\">\n<h3>{0}. {1}</h3>\n\
             <p class=\"when\">{2} s</p>\n",
            at + 1,
            doc::inline(turn.title),
            escape(turn.at),
        ));
        html.extend(turn.told.iter().map(Block::html));
        html.push_str(&split_html(turn.made()));
        for unit in &turn.units {
            place += 1;
            html.push_str(&bytes::unit_html(unit, place));
        }
        html.push_str("</section>\n");
    }
    html
}

/// What the server's bytes of a turn were for, as a bar and in words.
fn split_html(made: Bytes) -> String {
    let Bytes { head, framing, payload, control } = made;
    let parts = [
        (Part::Payload, payload),
        (Part::Framing, framing),
        (Part::Head, head),
        (Part::Control, control),
    ];
    let total = made.total();
    if total == 0 {
        return String::new();
    }
    let (mut bar, mut words, mut x) = (String::new(), Vec::new(), 0);
    for (part, count) in parts.into_iter().filter(|(_, count)| *count > 0) {
        let (class, name) = (bytes::class_of(part), part.name());
        // In thousandths of the bar: nothing that is there is too small to be seen.
        let width = (count * 1_000 / total).max(4);
        bar.push_str(&format!(
            "<rect class=\"{class}\" x=\"{x}\" width=\"{width}\" height=\"8\"/>"
        ));
        words.push(format!("<b class=\"{class}\">{name}</b> {}", html::number(count)));
        x += width;
    }
    format!(
        "<p class=\"split\"><svg viewBox=\"0 0 1000 8\" preserveAspectRatio=\"none\" \
         aria-hidden=\"true\">{bar}</svg>\nThe server says {}: {}</p>\n",
        html::bytes(total),
        words.join(", "),
    )
}

/// Sizes of payloads for which formulae are evaluated.
pub const PAYLOADS: [u64; 3] = [0, 64, 1_024];
