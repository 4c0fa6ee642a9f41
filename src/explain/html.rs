//! Explained bytes as a page: label, bytes, explanation, one file that reads and prints offline.
//!
//! Each unit is a section `#u3`, each field of it an item `#u3-f7`; pointing at bytes shows their
//! field, and pointing at a field its bytes.

use std::fmt::Write;
use std::io;

use super::text::{bits_of, shown};
use super::{Audience, Ends, Findings, Told, counted, direction, shares, value};
use crate::dissect::shape::{remedy, role};
use crate::dissect::{Layer, Unit, Violation};
use crate::limits::EXPLAIN_PAGE_BYTES_MAX;
use crate::wire::span::{Severity, Span, hex};

/// Makes a page of what is told.
#[derive(Debug, Default)]
pub struct Page {
    links: String,
    body: String,
    /// Units that there was no room for.
    left_out: u64,
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
        let left_out = match self.left_out {
            0 => String::new(),
            units => format!(
                "<p class=\"note\">{} more did not fit on this page.</p>\n",
                counted(units, "unit")
            ),
        };
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

    fn connection(&mut self, ends: Ends<'_>) {
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
        if self.body.len() + self.links.len() > EXPLAIN_PAGE_BYTES_MAX && unit.violation.is_none() {
            self.left_out += 1;
            return;
        }
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
            unit.offset,
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
            let offset = begin + span.start as u64;
            format!("byte {offset}, bits <code>{}</code>", bits_of(bits, layer.of(span)))
        }
        None => {
            let offset = begin + span.start as u64;
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
        more => format!(" <span class=\"more\">… {more} more</span>"),
    };
    (hex(head), more)
}

fn class(span: &Span) -> String {
    let group = if span.is_group { "group " } else { "" };
    format!("{group}{} {}", span.part.name(), span.severity.name())
}

fn verdict(findings: &Findings) -> String {
    findings.broken.map_or_else(
        || "No rule is broken.".to_owned(),
        |broken| format!("<a href=\"#violation\">A rule is broken</a> in unit {}.", broken.unit),
    )
}

/// The first violation: where, which rule, what must be answered.
fn ending(findings: &Findings) -> String {
    let Some(found) = findings.broken else { return String::new() };
    format!(
        "<section id=\"violation\">\n<h2>The first violation</h2>\n\
         <p class=\"note\"><a href=\"#u{0}\">Unit {0}</a>, {1}, byte {2}: {3}</p>\n{4}</section>\n",
        found.unit,
        direction(found.from),
        found.offset,
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

/// Text in HTML, in an attribute too.
fn escaped(text: &str) -> String {
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

/// Bytes of a field that are shown.
const BYTES_MAX: usize = 256;
/// Bytes of a value that are shown.
const VALUE_BYTES: usize = 256;
/// Groups within groups that are indented, each more than the one before.
const DEPTH_MAX: u8 = 4;
const OUR_BOUND: &str = "a bound of pushscope";
const STYLE: &str = include_str!("html/style.css");
const SCRIPT: &str = include_str!("html/link.js");
const KEY: &str = "<p class=\"key\">Bytes are <span class=\"head\">head</span>, \
                   <span class=\"framing\">framing</span>, \
                   <span class=\"payload\">payload</span> or \
                   <span class=\"control\">control</span>.</p>\n";
