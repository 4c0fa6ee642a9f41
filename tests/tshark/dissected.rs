//! What the dissector says, in facts that both witnesses can tell.

use pushscope::dissect::{Dissector, Layer, Unit};
use pushscope::wire::span::Span;
use pushscope::wire::ws_frame::Role;

use crate::talk::Line;

/// What one side of a conversation has said.
pub(crate) fn facts(line: &Line, from: Role) -> Vec<String> {
    units(line, from).iter().flat_map(facts_of).collect()
}

/// The same in units.
pub(crate) fn units(line: &Line, from: Role) -> Vec<Unit> {
    let (mut dissector, mut units) = (Dissector::new(), Vec::new());
    for (by, bytes) in &line.said {
        dissector.receive(*by, bytes, &mut units);
    }
    dissector.end(Role::Client, &mut units);
    dissector.end(Role::Server, &mut units);
    units.retain(|unit| unit.from == from);
    units
}

fn facts_of(unit: &Unit) -> Vec<String> {
    assert!(unit.violation.is_none(), "{unit:#?}");
    let wire = unit.layers.first().expect("a unit has bytes");
    let value = |name: &str| value(wire, name);
    match unit.name {
        "request head" => {
            let line = ["method", "request-target", "HTTP-version"].map(&value);
            [vec![line.map(Option::unwrap).join(" ")], field_lines(wire)].concat()
        }
        "response head" => {
            let line = ["HTTP-version", "status-code", "reason-phrase"].map(&value);
            [vec![line.map(Option::unwrap).join(" ")], field_lines(wire)].concat()
        }
        "chunk" | "last-chunk" => {
            let size = usize::from_str_radix(&value("chunk-size").unwrap(), 16).unwrap();
            vec![format!("chunk of {size}")]
        }
        // A long one is told in pieces, of which only the first has a head.
        "frame" if value("FIN").is_none() => Vec::new(),
        "frame" => vec![frame(unit, wire)],
        "content" => Vec::new(),
        name => panic!("a unit that nobody knows: {name}"),
    }
}

fn field_lines(head: &Layer) -> Vec<String> {
    let leaves: Vec<&Span> = head.spans.iter().filter(|span| !span.is_group).collect();
    let names = leaves.iter().enumerate().filter(|(_, span)| span.field.name == "field-name");
    let lines = names.map(|(at, name)| {
        let value = leaves[at..].iter().take_while(|span| span.field.name != "CRLF");
        let value = value.last().filter(|span| span.field.name == "field-value");
        let value = value.map(|span| head.value(span)).unwrap_or_default();
        format!("{}: {value}", head.value(name))
    });
    lines.collect()
}

fn frame(unit: &Unit, wire: &Layer) -> String {
    let number = |name: &str| {
        let said = value(wire, name)?;
        said.split(' ').next().map(str::to_owned)
    };
    let is = |name: &str| number(name).unwrap();
    let mut fact = format!(
        "fin {}, reserved {}, opcode {}, mask {}, length {}",
        is("FIN"),
        is("RSV1, RSV2, RSV3"),
        is("opcode"),
        is("MASK"),
        is("Payload len")
    );
    let long = ["Extended payload length (16)", "Extended payload length (64)"];
    if let Some(length) = long.iter().find_map(|name| number(name)) {
        fact += &format!(" is {length}");
    }
    if let Some(key) = value(wire, "Masking-key") {
        fact += &format!(", key {}", key.replace(' ', ""));
    }
    // A close is told where it is not masked.
    let close = unit.layers.iter().find_map(|layer| Some((layer, value(layer, "Status code")?)));
    if let Some((layer, code)) = close {
        let code = code.split(' ').next().unwrap_or_default().to_owned();
        let reason = value(layer, "Reason").unwrap_or_default();
        fact += format!(", close {code} {reason}").trim_end();
    }
    fact
}

fn value(layer: &Layer, name: &str) -> Option<String> {
    let found = layer.spans.iter().find(|span| !span.is_group && span.field.name == name);
    found.map(|span| layer.value(span))
}
