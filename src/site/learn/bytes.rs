//! A unit of a conversation as HTML: its bytes, coloured by what they are for, and a table that
//! says of each of them what that is. Every field has an address of its own: `#u3-f7`.

use super::doc::inline;
use super::html::{bytes, clause, escape, number};
use crate::dissect::shape::role;
use crate::dissect::{Layer, Unit};
use crate::wire::span::{Part, Span, hex};

/// A unit, which has this number on its page.
pub(crate) fn unit_html(unit: &Unit, place: usize) -> String {
    let who = role(unit.from);
    let size = bytes(unit.bytes().len() as u64);
    let mut html = format!(
        "<article class=\"unit is-{who}\" id=\"u{place}\">\n\
         <h4><span class=\"who\">{who}</span> {} <span class=\"size\">{size}</span></h4>\n",
        escape(unit.name),
    );
    let mut first = 1;
    for (at, layer) in unit.layers.iter().enumerate() {
        let is_carried = at > 0;
        html.push_str(&layer_html(layer, &Place { unit: place, first, is_carried }));
        first += layer.spans.len();
    }
    html.push_str("</article>\n");
    html
}

/// Where a layer is.
struct Place {
    /// The number of its unit.
    unit: usize,
    /// The number of its first field.
    first: usize,
    /// Whether it is what the wire's layer carries.
    is_carried: bool,
}

impl Place {
    fn id(&self, field: usize) -> String {
        format!("u{}-f{}", self.unit, self.first + field)
    }
}

fn layer_html(layer: &Layer, place: &Place) -> String {
    let name = escape(layer.name);
    let caption = match place.is_carried {
        false => format!("On the wire: {name}"),
        true => format!("It carries: {name}, {}", bytes(layer.bytes.len() as u64)),
    };
    let class = if place.is_carried { "layer is-carried" } else { "layer" };
    let mut html = format!("<div class=\"{class}\">\n{}", strip_html(layer, place));
    html.push_str(&format!(
        "<table class=\"fields\" role=\"table\">\n<caption>{caption}</caption>\n\
         <thead role=\"rowgroup\"><tr role=\"row\">"
    ));
    for column in ["Offset", "Bytes", "Field", "What it is for"] {
        html.push_str(&format!("<th scope=\"col\" role=\"columnheader\">{column}</th>"));
    }
    html.push_str("</tr></thead>\n<tbody role=\"rowgroup\">\n");
    let mut is_told = false;
    let mut at = 0;
    while let Some(span) = layer.spans.get(at) {
        let within = held(&layer.spans, at);
        let line = field_line(layer, within);
        html.push_str(&row_html(layer, span, line.filter(|_| is_told), &place.id(at)));
        // One field line is told part by part; the parts of the others are the same.
        if line.is_some() && std::mem::replace(&mut is_told, true) {
            at += within.len();
        }
        at += 1;
    }
    html.push_str("</tbody>\n</table>\n</div>\n");
    html
}

/// What a group holds.
fn held(spans: &[Span], group: usize) -> &[Span] {
    let Some((first, behind)) = spans.get(group..).and_then(<[Span]>::split_first) else {
        return &[];
    };
    let count = behind.iter().take_while(|span| span.depth > first.depth).count();
    behind.get(..if first.is_group { count } else { 0 }).unwrap_or_default()
}

/// The value of a field line: what holds a name, a colon, a space, a value, and a line end.
fn field_line<'l>(layer: &'l Layer, parts: &'l [Span]) -> Option<&'l Span> {
    let [name, colon, space, value, end] = parts else { return None };
    let is_line = name.field.name == "field-name"
        && [(colon, &b":"[..]), (space, b" "), (end, b"\r\n")]
            .iter()
            .all(|(span, bytes)| layer.of(span) == *bytes);
    is_line.then_some(value)
}

/// A row of the table. Of a field line that is told whole, its value is the row's.
fn row_html(layer: &Layer, span: &Span, line: Option<&Span>, id: &str) -> String {
    let field = span.field;
    let class = match (span.is_group, line) {
        (true, None) => "is-group".to_owned(),
        (true, Some(_)) => format!("is-line {}", class_of(span.part)),
        _ => class_of(span.part).to_owned(),
    };
    let value = layer.value(line.unwrap_or(span));
    let value = match cut(
        &value.escape_debug().to_string().replace("\\\"", "\"").replace("\\'", "'"),
        VALUE_CHARS,
    ) {
        value if value.is_empty() => String::new(),
        value => format!(" <code class=\"said\">{}</code>", escape(&value)),
    };
    let source = match clause(field.clause) {
        source if source.is_empty() => source,
        source => format!(" <span class=\"clause\">{source}</span>"),
    };
    format!(
        "<tr role=\"row\" id=\"{id}\" class=\"{class} d{}\">\
         <td role=\"cell\" class=\"offset\"><a href=\"#{id}\">{}</a></td>\
         <td role=\"cell\" class=\"hex\">{}</td>\
         <th scope=\"row\" role=\"rowheader\">{}{value}</th>\
         <td role=\"cell\" class=\"meaning\">{}{source}</td></tr>\n",
        span.depth,
        number(span.start as u64),
        digits(layer, span, line.is_some()),
        escape(field.name),
        inline(field.meaning),
    )
}

/// The bytes of a row, or how many they are if its parts tell them.
fn digits(layer: &Layer, span: &Span, is_whole: bool) -> String {
    let all = layer.of(span);
    if let Some(bits) = span.bits {
        return format!("<span class=\"bits\">{}</span>", bits.drawn(all, '·'));
    }
    if span.is_group && !is_whole {
        return format!("<span class=\"count\">{}</span>", bytes(all.len() as u64));
    }
    match all.get(..HEX_BYTES).filter(|_| all.len() > HEX_BYTES + HEX_BYTES / 2) {
        Some(shown) => {
            let left = bytes((all.len() - shown.len()) as u64);
            format!("{} <span class=\"count\">… {left} more</span>", hex(shown))
        }
        None => hex(all),
    }
}

/// All bytes of a layer in a run, each field of it in its colour: what the table says, drawn. It
/// is for eyes and for the mouse; who reads otherwise has the table.
fn strip_html(layer: &Layer, place: &Place) -> String {
    let is_text = layer.name != "WebSocket"
        && str::from_utf8(&layer.bytes)
            .is_ok_and(|text| text.chars().all(|char| !char.is_control() || "\r\n".contains(char)));
    let mut html =
        format!("<p class=\"strip{}\" aria-hidden=\"true\">", if is_text { "" } else { " is-hex" });
    let leaves = layer.spans.iter().enumerate().filter(|(_, span)| !span.is_group);
    for (at, span) in leaves {
        if span.bits.is_some_and(|bits| bits.from > 0) {
            continue;
        }
        let shown = match is_text {
            true => marked(&String::from_utf8_lossy(layer.of(span))),
            false => hex(layer.of(span)),
        };
        html.push_str(&format!(
            "<a class=\"{}\" href=\"#{}\" tabindex=\"-1\">{shown}</a>",
            class_of(span.part),
            place.id(row_of(layer, at)),
        ));
    }
    html.push_str("</p>\n");
    html
}

/// The row that tells of a leaf: its own, or that of its field line.
fn row_of(layer: &Layer, leaf: usize) -> usize {
    let mut lines = (0..layer.spans.len()).filter(|at| {
        let parts = held(&layer.spans, *at);
        field_line(layer, parts).is_some()
    });
    let first = lines.next();
    let whole = lines.take_while(|line| *line < leaf).last();
    let holds = |line: &usize| leaf <= line + held(&layer.spans, *line).len();
    whole.filter(holds).filter(|line| Some(*line) != first).unwrap_or(leaf)
}

/// Text with its line ends drawn, and cut where it is long.
fn marked(text: &str) -> String {
    let mut html = String::new();
    for char in cut(text, STRIP_CHARS).chars() {
        match char {
            '\r' => html.push_str("<i>\\r</i>"),
            '\n' => html.push_str("<i>\\n</i>\n"),
            _ => html.push_str(&escape(char.encode_utf8(&mut [0; 4]))),
        }
    }
    html
}

/// The beginning of a text and its end, when it is long.
fn cut(text: &str, chars_max: usize) -> String {
    let count = text.chars().count();
    if count <= chars_max {
        return text.to_owned();
    }
    let (front, back) = (chars_max * 3 / 4, chars_max / 8);
    let head: String = text.chars().take(front).collect();
    let tail: String = text.chars().skip(count - back).collect();
    format!("{head} … {tail}")
}

/// The class of a field, by what it is booked as.
pub(crate) const fn class_of(part: Part) -> &'static str {
    match part {
        Part::Head => "is-head",
        Part::Framing => "is-framing",
        Part::Payload => "is-payload",
        Part::Control => "is-control",
    }
}

/// Bytes of a field that are shown.
const HEX_BYTES: usize = 40;
/// Characters of a value that are shown.
const VALUE_CHARS: usize = 72;
/// Characters of a field that are drawn.
const STRIP_CHARS: usize = 160;
