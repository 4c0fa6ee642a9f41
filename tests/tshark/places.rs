//! Where each field is in the bytes of its message, by both witnesses.

use std::collections::HashMap;
use std::path::Path;
use std::process::Command;

use pushscope::dissect::{Layer, Unit};
use pushscope::wire::span::Span;
use pushscope::wire::ws_frame::Role;

/// A field, how far it is behind the first byte of its message, and how long it is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Place {
    name: String,
    start: usize,
    bytes: usize,
}

/// Places by the client's port, and by side.
pub(crate) type Places = HashMap<(u16, Role), Vec<Place>>;

/// Where the dissector has told the fields of one side.
pub(crate) fn told(units: &[Unit]) -> Vec<Place> {
    let mut places: Vec<Place> = Vec::new();
    let mut head = 0;
    for unit in units {
        let wire = unit.layers.first().expect("a unit has bytes");
        match unit.name {
            "request head" | "response head" => {
                head = unit.offset;
                let name = ["http.response.line", "http.request.line"]
                    [usize::from(unit.from == Role::Client)];
                let lines = wire.spans.iter().filter(|span| span.is_group && span.depth == 1);
                places.extend(lines.map(|line| place(name, line.start, line.end)));
            }
            "chunk" | "last-chunk" => {
                places.extend(chunk(wire, usize::try_from(unit.offset - head).unwrap()))
            }
            // A long one is told in pieces, of which only the first has a head.
            "frame" if !has(wire, "FIN") => places.last_mut().unwrap().bytes += wire.bytes.len(),
            "frame" => places.extend(frame(wire)),
            _ => {}
        }
    }
    places
}

/// A chunk that begins so far behind its head; `tshark` counts the end of a line with it.
fn chunk(wire: &Layer, begin: usize) -> Vec<Place> {
    let leaves: Vec<&Span> = wire.spans.iter().filter(|span| !span.is_group).collect();
    let line = leaves.iter().find(|span| span.field.name == "CRLF").unwrap();
    let place = |name, start, end| place(name, begin + start, begin + end);
    let mut places = vec![place("http.chunk_size", 0, line.end)];
    let data = leaves.iter().position(|span| span.field.name == "chunk-data");
    if let Some([data, end]) = data.and_then(|at| leaves.get(at..at + 2)) {
        places.push(place("http.chunk_data", data.start, data.end));
        places.push(place("http.chunk_boundary", end.start, end.end));
    }
    places
}

fn frame(wire: &Layer) -> Vec<Place> {
    let leaves = wire.spans.iter().filter(|span| !span.is_group);
    let places = leaves.map(|span| {
        let name = match span.field.name {
            "FIN" => "fin",
            "RSV1, RSV2, RSV3" => "rsv",
            "opcode" => "opcode",
            "MASK" => "mask",
            "Payload len" => "payload_length",
            "Extended payload length (16)" => "payload_length_ext_16",
            "Extended payload length (64)" => "payload_length_ext_64",
            "Masking-key" => "masking_key",
            "Payload Data" => "payload",
            "Payload Data, masked" => "masked_payload",
            name => panic!("a field of a frame that nobody knows: {name}"),
        };
        place(&format!("websocket.{name}"), span.start, span.end)
    });
    places.collect()
}

fn place(name: &str, start: usize, end: usize) -> Place {
    Place { name: name.to_owned(), start, bytes: end - start }
}

fn has(layer: &Layer, name: &str) -> bool {
    layer.spans.iter().any(|span| span.field.name == name)
}

/// Where `tshark` has seen them.
pub(crate) fn seen(file: &Path, server: u16) -> Places {
    let mut command = Command::new("tshark");
    command.args(["-n", "-r"]).arg(file).args(["-d", &format!("tcp.port=={server},http")]);
    let output = command.args(["-T", "pdml"]).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let mut places = Places::new();
    let (mut ports, mut begin) = ([0; 2], 0);
    for line in String::from_utf8_lossy(&output.stdout).lines() {
        let Some(name) = attribute(line, "name") else { continue };
        let number = |name| attribute(line, name).and_then(|value| value.parse::<usize>().ok());
        let port = || attribute(line, "show").unwrap().parse::<u16>().unwrap();
        if line.trim_start().starts_with("<proto ") {
            begin = number("pos").unwrap_or_default();
        }
        match name {
            "tcp.srcport" => ports[0] = port(),
            "tcp.dstport" => ports[1] = port(),
            _ => {}
        }
        let [from, to] = ports;
        let key = if to == server { (from, Role::Client) } else { (to, Role::Server) };
        if is_compared(name) {
            let (pos, size) = (number("pos").unwrap(), number("size").unwrap());
            let is_unmasked = name == "websocket.payload" && pos == begin;
            // What is unmasked is in no message; what is empty is nowhere.
            if size > 0 && !is_unmasked {
                let start = pos - begin;
                places.entry(key).or_default().push(place(name, start, start + size));
            }
        }
    }
    places
}

fn is_compared(name: &str) -> bool {
    // What is put together from fragments is in none of them.
    let is_field = |name: &str| !name.contains('.') && !name.starts_with("fragment");
    let is_frame = name.strip_prefix("websocket.").is_some_and(is_field);
    let is_chunk = ["http.chunk_size", "http.chunk_data", "http.chunk_boundary"].contains(&name);
    let is_line = ["http.request.line", "http.response.line"].contains(&name);
    is_frame || is_chunk || is_line
}

/// What an element says of this; quotation marks in values are escaped.
fn attribute<'l>(line: &'l str, name: &str) -> Option<&'l str> {
    let (_, rest) = line.split_once(&format!(" {name}=\""))?;
    rest.split('"').next()
}
