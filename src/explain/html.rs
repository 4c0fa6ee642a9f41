//! Explained bytes as a page: label, bytes, explanation, one file that reads and prints offline.
//!
//! Each unit is a section `#u3`, each field of it an item `#u3-f7`; pointing at bytes shows their
//! field, and pointing at a field its bytes.

use std::fmt::Write;
use std::io;

use super::text::shown;
use super::{Audience, Ends, Findings, OUR_BOUND, Told, direction, is_bound, shares, value};
use crate::dissect::shape::{remedy, role};
use crate::dissect::{Layer, Unit, Violation};
use crate::limits::EXPLAIN_PAGE_BYTES_MAX;
use crate::prose::{self, counted, escaped};
use crate::wire::span::{Severity, Span, hex};

/// Makes a page of what is told.
#[derive(Debug, Default)]
pub struct Page {
    links: String,
    body: String,
    /// A unit that breaks a rule is on it.
    has_violation: bool,
    /// What there was no room for.
    left_out: LeftOut,
}

/// What there is no room for on a page.
#[derive(Debug, Default)]
struct LeftOut {
    connections: u64,
    units: u64,
    notes: u64,
}

impl LeftOut {
    /// What it is, in words; none if all has room.
    fn words(&self) -> Option<String> {
        let all = [(self.connections, "connection"), (self.units, "unit"), (self.notes, "note")];
        let counts = all.into_iter().filter(|(count, _)| *count > 0);
        let words: Vec<String> = counts.map(|(count, noun)| counted(count, noun)).collect();
        (!words.is_empty()).then(|| words.join(", "))
    }
}

impl Page {
    /// An empty page.
    pub fn new() -> Self {
        Self::default()
    }

    /// The page: what it is of, what was told, and what was found.
    pub fn end(&self, name: &str, findings: &Findings) -> String {
        let all =
            format!("{}, {}", counted(findings.units, "unit"), counted(findings.bytes, "byte"));
        let left_out = self.left_out.words().map_or_else(String::new, |words| {
            format!("<p class=\"note\">More that did not fit on this page: {words}.</p>\n")
        });
        let Self { links, body, .. } = self;
        let name = escaped(&shown(name));
        format!(
            "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
             <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
             <meta name=\"color-scheme\" content=\"light dark\">\n\
             <title>{name}, byte by byte · pushscope</title>\n<style>\n{STYLE}</style>\n</head>\n\
             <body>\n<header class=\"top\">\n<p class=\"brand\">pushscope</p>\n</header>\n<main>\n\
             <h1>{name}, byte by byte</h1>\n<p class=\"lede\">{all}. {}</p>\n{KEY}\
             <nav aria-label=\"Units\">\n<ol class=\"units\">\n{links}</ol>\n</nav>\n\
             {body}{left_out}{}</main>\n<script>\n{SCRIPT}</script>\n</body>\n</html>\n",
            verdict(findings),
            ending(findings),
        )
    }

    /// Whether there is room for more.
    const fn has_room(&self) -> bool {
        self.body.len() + self.links.len() < EXPLAIN_PAGE_BYTES_MAX
    }

    fn connection(&mut self, ends: Ends<'_>) {
        if !self.has_room() {
            self.left_out.connections += u64::from(!ends.is_back);
            return;
        }
        let Ends { number, client, server, is_back } = ends;
        let more = if is_back { ", continued" } else { "" };
        let (client, server) = (escaped(client), escaped(server));
        // A String takes everything.
        let _ = writeln!(
            self.body,
            "<h2 class=\"connection\">Connection {number}{more}</h2>\n\
             <p class=\"note\">client <code>{client}</code>, server <code>{server}</code></p>"
        );
    }

    fn unit(&mut self, number: u64, unit: &Unit) {
        // The first violation is led to, whatever came before it.
        let is_needed = unit.violation.is_some() && !self.has_violation;
        if !self.has_room() && !is_needed {
            self.left_out.units += 1;
            return;
        }
        self.has_violation |= unit.violation.is_some_and(|violation| !is_bound(violation));
        let (name, summary) = (escaped(unit.name), escaped(&shown(&unit.summary)));
        let side = role(unit.from);
        let _ = writeln!(
            self.links,
            "<li value=\"{number}\"><a href=\"#u{number}\">{name}</a> <span>{side}</span> \
             <span class=\"says\">{summary}</span></li>"
        );
        let bytes = counted(unit.bytes().len() as u64, "byte");
        let _ = writeln!(
            self.body,
            "<section class=\"unit {side}\" id=\"u{number}\" aria-labelledby=\"u{number}-title\">\n\
             <h2 id=\"u{number}-title\"><a href=\"#u{number}\">{number}</a> {name} \
             <span class=\"says\">{summary}</span></h2>\n\
             <p class=\"note\">{}; {bytes} at {}: {}</p>",
            direction(unit.from),
            prose::number(unit.offset),
            shares(unit),
        );
        let mut field = 0;
        for (nested, layer) in unit.layers.iter().enumerate() {
            let begin = if nested == 0 { unit.offset } else { 0 };
            self.layer(layer, &format!("u{number}-f"), begin, field, nested);
            field += layer.spans.len();
        }
        if let Some(violation) = unit.violation {
            self.body.push_str(&broken(violation));
        }
        self.body.push_str("</section>\n");
    }

    /// A layer: its bytes, and the fields that they are.
    fn layer(&mut self, layer: &Layer, id: &str, begin: u64, fields: usize, nested: usize) {
        let within = if nested == 0 { "" } else { "carries: " };
        let bytes = counted(layer.bytes.len() as u64, "byte");
        let _ = write!(
            self.body,
            "<h3>{within}{} <span>{bytes}</span></h3>\n<div class=\"layer\">\n<p class=\"bytes\">",
            escaped(layer.name)
        );
        let ids: Vec<(&Span, String)> = (fields + 1..)
            .zip(&layer.spans)
            .map(|(number, span)| (span, format!("{id}{number}")))
            .collect();
        let leaves: Vec<&(&Span, String)> = ids.iter().filter(|(span, _)| !span.is_group).collect();
        // Fields that share a byte are shown once, and belong to it all.
        for shared in leaves.chunk_by(|(a, _), (b, _)| a.bits.is_some() && a.start == b.start) {
            let Some((span, first)) = shared.first() else { continue };
            let all: Vec<&str> = shared.iter().map(|(_, id)| id.as_str()).collect();
            let (digits, more) = digits(layer, span);
            let _ = write!(
                self.body,
                "<a class=\"{}\" href=\"#{first}\" data-f=\"{}\">{digits}</a>{more} ",
                class(span),
                all.join(" "),
            );
        }
        self.body.push_str("</p>\n<ol class=\"fields\">\n");
        for (span, id) in &ids {
            self.body.push_str(&item(layer, span, id, begin));
        }
        self.body.push_str("</ol>\n</div>\n");
    }
}

impl Audience for Page {
    fn tell(&mut self, told: &Told<'_>) -> io::Result<()> {
        match *told {
            Told::Connection(ends) => self.connection(ends),
            Told::Unit { number, unit, .. } => self.unit(number, unit),
            Told::Note { .. } if !self.has_room() => self.left_out.notes += 1,
            Told::Note { words, .. } => {
                let _ = writeln!(self.body, "<p class=\"note open\">{}</p>", escaped(words));
            }
        }
        Ok(())
    }
}

/// A field: its name, what it says, its bytes, and what it is for.
fn item(layer: &Layer, span: &Span, id: &str, begin: u64) -> String {
    let field = span.field;
    let depth = span.depth.min(DEPTH_MAX);
    let value = match value(layer, span, VALUE_BYTES).as_str() {
        "" => String::new(),
        _ if span.is_group => String::new(),
        value => format!(" <code class=\"value\">{}</code>", escaped(&shown(value))),
    };
    let place = match span.bits {
        _ if span.is_group => String::new(),
        Some(bits) => {
            let offset = prose::number(begin + span.start as u64);
            format!("byte {offset}, bits <code>{}</code>", bits.drawn(layer.of(span), '.'))
        }
        None => {
            let offset = prose::number(begin + span.start as u64);
            format!("{} at {offset}", counted((span.end - span.start) as u64, "byte"))
        }
    };
    let severity = match span.severity {
        Severity::Right => "",
        Severity::Open => " · unfinished or not read",
        Severity::Wrong => " · <strong>wrong</strong>",
    };
    let part = if span.is_group { "" } else { span.part.name() };
    let parted = if span.is_group { "" } else { " · " };
    let clause = match field.clause {
        "" => String::new(),
        clause => format!(" <cite>{}</cite>", escaped(clause)),
    };
    format!(
        "<li class=\"{} d{depth}\" id=\"{id}\" data-f=\"{id}\"><p class=\"label\">\
         <a href=\"#{id}\">{}</a>{value}</p><p class=\"place\">{place}{parted}{part}{severity}</p>\
         <p class=\"meaning\">{}{clause}</p></li>\n",
        class(span),
        escaped(field.name),
        escaped(field.meaning),
    )
}

/// The bytes of a field as digits, and what is left out of them.
fn digits(layer: &Layer, span: &Span) -> (String, String) {
    let bytes = layer.of(span);
    let head = bytes.get(..BYTES_MAX).unwrap_or(bytes);
    let more = match bytes.len() - head.len() {
        0 => String::new(),
        more => format!(" <span class=\"more\">… {} more</span>", prose::number(more as u64)),
    };
    (hex(head), more)
}

fn class(span: &Span) -> String {
    let group = if span.is_group { "group " } else { "" };
    format!("{group}{} {}", span.part.name(), span.severity.name())
}

fn verdict(findings: &Findings) -> String {
    match (findings.broken, findings.bound) {
        (Some(broken), _) => {
            format!("<a href=\"#violation\">A rule is broken</a> in unit {}.", broken.unit)
        }
        (None, Some(bound)) => format!(
            "No rule is broken; <a href=\"#u{0}\">unit {0}</a> is not read on, for {OUR_BOUND}.",
            bound.unit
        ),
        (None, None) => "No rule is broken.".to_owned(),
    }
}

/// The first violation: where, which rule, what must be answered.
fn ending(findings: &Findings) -> String {
    let Some(found) = findings.broken else { return String::new() };
    format!(
        "<section id=\"violation\">\n<h2>The first violation</h2>\n\
         <p class=\"note\"><a href=\"#u{0}\">Unit {0}</a>, {1}, byte {2}: {3}</p>\n{4}</section>\n",
        found.unit,
        direction(found.from),
        prose::number(found.offset),
        escaped(found.field),
        broken(found.violation),
    )
}

fn broken(violation: Violation) -> String {
    let clause = if violation.clause.is_empty() { OUR_BOUND } else { violation.clause };
    format!(
        "<p class=\"violation\"><strong>{}</strong> {} <cite>{}</cite> {}</p>\n",
        escaped(violation.name),
        escaped(violation.message),
        escaped(clause),
        escaped(&remedy(violation.answer)),
    )
}

/// Bytes of a field that are shown.
const BYTES_MAX: usize = 256;
/// Bytes of a value that are shown.
const VALUE_BYTES: usize = 256;
/// Groups within groups that are indented, each more than the one before.
const DEPTH_MAX: u8 = 4;
const STYLE: &str = include_str!("html/style.css");
const SCRIPT: &str = include_str!("html/link.js");
const KEY: &str = "<p class=\"key\">Bytes are <span class=\"head\">head</span>, \
                   <span class=\"framing\">framing</span>, \
                   <span class=\"payload\">payload</span> or \
                   <span class=\"control\">control</span>.</p>\n";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_is_bounded_whatever_is_told() {
        let mut page = Page::new();
        let words = "x".repeat(10_000);
        for number in 1..=1_000 {
            let ends = Ends { number, client: &words, server: "b", is_back: false };
            page.tell(&Told::Connection(ends)).unwrap();
            page.tell(&Told::Note { connection: number, words: &words }).unwrap();
        }
        assert!(page.body.len() < EXPLAIN_PAGE_BYTES_MAX + 2 * words.len());
        let html = page.end("a", &Findings::default());
        let LeftOut { connections, notes, .. } = page.left_out;
        assert!(connections > 0 && notes > 0);
        let words = format!("this page: {connections} connections, {notes} notes.");
        assert!(html.contains(&words), "{words}");
    }
}
