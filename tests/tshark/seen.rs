//! What `tshark` says, in facts that both witnesses can tell.

use std::collections::HashMap;
use std::path::Path;
use std::process::Command;

use pushscope::wire::ws_frame::Role;

/// What was seen of one side of a conversation.
#[derive(Default)]
pub(crate) struct Seen {
    pub(crate) bytes: Vec<u8>,
    pub(crate) facts: Vec<String>,
    /// Sequence numbers are told from the first one on: this comes next.
    next: u64,
}

/// By the client's port, and by side.
pub(crate) type All = HashMap<(u16, Role), Seen>;

/// Reads a capture of this server.
pub(crate) fn read(file: &Path, server: u16) -> All {
    let mut command = Command::new("tshark");
    command.args(["-n", "-r"]).arg(file).args(["-d", &format!("tcp.port=={server},http")]);
    command.args(["-T", "fields", "-E", "separator=/t", "-E", "aggregator=|"]);
    command.args(FIELDS.iter().flat_map(|field| ["-e", field]));
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let mut all = All::new();
    for line in str::from_utf8(&output.stdout).unwrap().lines() {
        let packet = Packet(line.split('\t').collect());
        assert_eq!(packet.0.len(), FIELDS.len(), "{line:?}");
        let [from, to]: [u16; 2] =
            ["tcp.srcport", "tcp.dstport"].map(|name| packet.one(name).parse().unwrap());
        let key = if to == server { (from, Role::Client) } else { (to, Role::Server) };
        let seen = all.entry(key).or_default();
        seen.receive(packet.one("tcp.seq").parse().unwrap(), &bytes(packet.one("tcp.payload")));
        seen.facts.extend(packet.facts());
    }
    all
}

impl Seen {
    /// A segment: a sender that waits for long sends some of its bytes again.
    fn receive(&mut self, seq: u64, payload: &[u8]) {
        if payload.is_empty() {
            return;
        }
        let first = if self.bytes.is_empty() { seq } else { self.next };
        assert!(seq <= first, "bytes {first} to {seq} were not captured");
        let known = usize::try_from(first - seq).unwrap().min(payload.len());
        self.bytes.extend(&payload[known..]);
        self.next = first + (payload.len() - known) as u64;
    }
}

/// A line of what `tshark` prints: a packet, and what is complete with it.
struct Packet<'t>(Vec<&'t str>);

impl<'t> Packet<'t> {
    fn one(&self, name: &str) -> &'t str {
        let at = FIELDS.iter().position(|field| *field == name).unwrap();
        self.0[at]
    }

    fn all(&self, name: &str) -> impl Iterator<Item = &'t str> + use<'t> {
        self.one(name).split('|').filter(|value| !value.is_empty())
    }

    fn facts(&self) -> Vec<String> {
        let mut facts = Vec::new();
        for [first, second, third, lines] in [
            [
                "http.request.method",
                "http.request.uri",
                "http.request.version",
                "http.request.line",
            ],
            [
                "http.response.version",
                "http.response.code",
                "http.response.phrase",
                "http.response.line",
            ],
        ] {
            if !self.one(first).is_empty() {
                facts.push([first, second, third].map(|name| self.one(name)).join(" "));
            }
            let lines = self.all(lines).map(|line| line.trim_end_matches("\\r\\n"));
            facts.extend(lines.map(|line| line.trim_end().to_owned()));
        }
        facts.extend(self.all("http.chunk_size").map(|size| format!("chunk of {size}")));
        facts.extend(self.frames());
        facts
    }

    fn frames(&self) -> Vec<String> {
        let [mut reserved, mut opcodes, mut masks, mut lengths] =
            ["rsv", "opcode", "mask", "payload_length"]
                .map(|name| self.all(&format!("websocket.{name}")));
        let [mut long, mut longest, mut keys] =
            ["payload_length_ext_16", "payload_length_ext_64", "masking_key"]
                .map(|name| self.all(&format!("websocket.{name}")));
        let mut codes = self.all("websocket.payload.close.status_code");
        let mut reasons = self.all("websocket.payload.close.reason");
        let mut facts = Vec::new();
        for fin in self.all("websocket.fin").map(bit) {
            let opcode = opcodes.next().unwrap();
            let (mask, reserved) = (masks.next().map(bit), reserved.next().map(number));
            let length = lengths.next().unwrap();
            let mut fact = format!(
                "fin {fin}, reserved {}, opcode {opcode}, mask {}, length {length}",
                reserved.unwrap(),
                mask.unwrap()
            );
            match length {
                "126" => fact += &format!(" is {}", long.next().unwrap()),
                "127" => fact += &format!(" is {}", longest.next().unwrap()),
                _ => {}
            }
            if mask == Some("1") {
                fact += &format!(", key {}", keys.next().unwrap().replace(':', ""));
            }
            if opcode == "8"
                && let Some(code) = codes.next()
            {
                let reason = if length == "2" { None } else { reasons.next() };
                fact += format!(", close {code} {}", reason.unwrap_or_default()).trim_end();
            }
            facts.push(fact);
        }
        facts
    }
}

/// A bit, which older and newer versions print differently.
fn bit(value: &str) -> &'static str {
    match value {
        "1" | "True" => "1",
        "0" | "False" => "0",
        _ => panic!("{value:?} is no bit"),
    }
}

/// A number, in base 16 or 10.
fn number(value: &str) -> u64 {
    match value.strip_prefix("0x") {
        Some(digits) => u64::from_str_radix(digits, 16).unwrap(),
        None => value.parse().unwrap(),
    }
}

fn bytes(hex: &str) -> Vec<u8> {
    let digits: Vec<u8> = hex.bytes().filter(u8::is_ascii_hexdigit).collect();
    let pairs = digits.chunks(2).map(|pair| str::from_utf8(pair).unwrap());
    pairs.map(|pair| u8::from_str_radix(pair, 16).unwrap()).collect()
}

const FIELDS: [&str; 23] = [
    "tcp.srcport",
    "tcp.dstport",
    "tcp.seq",
    "tcp.payload",
    "http.request.method",
    "http.request.uri",
    "http.request.version",
    "http.request.line",
    "http.response.version",
    "http.response.code",
    "http.response.phrase",
    "http.response.line",
    "http.chunk_size",
    "websocket.fin",
    "websocket.rsv",
    "websocket.opcode",
    "websocket.mask",
    "websocket.payload_length",
    "websocket.payload_length_ext_16",
    "websocket.payload_length_ext_64",
    "websocket.masking_key",
    "websocket.payload.close.status_code",
    "websocket.payload.close.reason",
];
