//! What a client reads, decoded a second time and naively: a witness against our own codecs.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use pushscope::event::Payload;
use pushscope::id::Kind;
use serde_json::Value;

/// An HTTP answer.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) fields: Vec<(String, String)>,
    pub(crate) content: Vec<u8>,
    /// Whether the content has come to its end.
    pub(crate) whole: bool,
}

impl Answer {
    pub(crate) fn field(&self, name: &str) -> Option<&str> {
        let found = self.fields.iter().find(|(this, _)| this.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.as_str())
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.content).unwrap_or_default()
    }

    pub(crate) fn text(&self) -> &str {
        str::from_utf8(&self.content).expect("text")
    }

    /// Why it is a refusal; empty if it is none.
    pub(crate) fn reason(&self) -> String {
        self.json()["error"]["reason"].as_str().unwrap_or_default().to_owned()
    }

    /// The id of what was published.
    pub(crate) fn id(&self) -> String {
        self.json()["id"].as_str().expect("an id").to_owned()
    }
}

/// The answers on a connection that was only asked with methods whose answers have content.
pub(crate) fn answers(bytes: &[u8]) -> Vec<Answer> {
    let mut rest = bytes;
    let mut found = Vec::new();
    while let Some(end) = position(rest, b"\r\n\r\n") {
        let head = str::from_utf8(&rest[..end]).expect("a head is text");
        assert!(!head.contains("\n\n") && head.starts_with("HTTP/1.1 "), "{head:?}");
        rest = &rest[end + 4..];
        let mut lines = head.split("\r\n");
        let status = lines.next().and_then(|line| line.get(9..12)?.parse().ok()).expect("a status");
        let fields = lines.map(|line| line.split_once(": ").expect("name: value"));
        let fields = fields.map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        let mut answer = Answer { status, fields, ..Answer::default() };
        let taken = content(&mut answer, rest);
        rest = &rest[taken..];
        found.push(answer);
    }
    found
}

fn content(answer: &mut Answer, rest: &[u8]) -> usize {
    if matches!(answer.status, 100..=199 | 204 | 304) {
        answer.whole = true;
        // What follows a 101 is another protocol.
        answer.content = if answer.status == 101 { rest.to_vec() } else { Vec::new() };
        return answer.content.len();
    }
    if answer.field("Transfer-Encoding") == Some("chunked") {
        let (chunks, whole, taken) = unchunk(rest);
        answer.content = chunks.concat();
        answer.whole = whole;
        return taken;
    }
    let length = answer.field("Content-Length").map(|value| value.parse().expect("a length"));
    let taken = length.unwrap_or(rest.len()).min(rest.len());
    answer.content = rest[..taken].to_vec();
    answer.whole = length == Some(taken);
    taken
}

/// The chunks that are complete, whether the last one is, and how many bytes those were.
fn unchunk(bytes: &[u8]) -> (Vec<Vec<u8>>, bool, usize) {
    let (mut chunks, mut at) = (Vec::new(), 0);
    while let Some(line) = position(&bytes[at..], b"\r\n") {
        let digits = str::from_utf8(&bytes[at..at + line]).expect("a chunk size is text");
        let size = usize::from_str_radix(digits, 16).expect("a chunk size");
        let data = at + line + 2;
        let Some(chunk) = bytes.get(data..data + size) else { break };
        let Some(end) = bytes.get(data + size..data + size + 2) else { break };
        assert_eq!(end, b"\r\n", "a chunk ends with its line");
        at = data + size + 2;
        if size == 0 {
            return (chunks, true, at);
        }
        chunks.push(chunk.to_vec());
    }
    (chunks, false, at)
}

/// Something that a subscriber was told.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Seen {
    Message(Message),
    Gap { missed: u64, epoch_changed: bool },
    Heartbeat,
    End(String),
}

/// A message as it arrived; a bare WebSocket message has no id.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Message {
    pub(crate) id: Option<String>,
    pub(crate) name: Option<String>,
    pub(crate) payload: Payload,
}

/// Everything that a connection has told, and the cursor to come back with.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct Heard {
    pub(crate) seen: Vec<Seen>,
    pub(crate) cursor: Option<String>,
}

impl Heard {
    fn message(&mut self, json: &Value) {
        let text = |name: &str| json[name].as_str().map(str::to_owned);
        let payload = match (text("data"), text("base64")) {
            (Some(text), None) => Payload::Text(text.into()),
            (None, Some(text)) => Payload::Binary(STANDARD.decode(text).expect("base64").into()),
            _ => panic!("either data or base64: {json}"),
        };
        self.cursor = text("id").or(self.cursor.take());
        self.seen.push(Seen::Message(Message { id: text("id"), name: text("event"), payload }));
    }

    fn gap(&mut self, json: &Value) {
        let missed = json["gap"].as_u64().expect("a count");
        let epoch_changed = json["epoch_changed"].as_bool().unwrap_or(false);
        self.seen.push(Seen::Gap { missed, epoch_changed });
    }

    /// An object of a stream of JSON: a message, a gap, where the stream stands, or its end.
    fn object(&mut self, json: &Value) {
        if json["gap"].is_u64() {
            self.gap(json);
        } else if let Some(reason) = json["end"].as_str() {
            self.seen.push(Seen::End(reason.to_owned()));
        } else if json["heartbeat"] == true {
            self.seen.push(Seen::Heartbeat);
        } else if json["next"].is_string() {
            self.cursor = json["next"].as_str().map(str::to_owned);
        } else if json["padding"].is_null() {
            self.message(json);
        }
    }
}

/// What a connection that a mechanism was opened on has told, from its first byte.
pub(crate) fn hear(kind: Kind, bytes: &[u8]) -> Heard {
    let mut heard = Heard::default();
    for answer in answers(bytes) {
        match (kind, answer.status) {
            (_, 100) => {}
            (Kind::Poll | Kind::LongPoll, _) => hear_answer(&answer, &mut heard),
            (Kind::Iframe, 200) => hear_scripts(&answer, &mut heard),
            (Kind::XhrStream, 200) => hear_lines(&answer, &mut heard),
            (Kind::Sse, 200) => hear_events(&answer.content, &mut heard),
            (Kind::WebSocket, 101) => hear_frames(&answer.content, &mut heard),
            _ => heard.seen.push(Seen::End(answer.reason())),
        }
        if answer.field("Transfer-Encoding").is_some() && answer.whole {
            heard.seen.push(Seen::End("last chunk".to_owned()));
        }
    }
    heard
}

fn hear_answer(answer: &Answer, heard: &mut Heard) {
    let etag = || answer.field("ETag").map(|etag| etag.trim_matches('"').to_owned());
    match answer.status {
        _ if !answer.whole => {}
        304 => heard.cursor = etag(),
        200 => {
            let json = answer.json();
            if json["gap"].is_u64() {
                heard.gap(&json);
                let missed = json["gap"].to_string();
                assert_eq!(answer.field("Pushscope-Gap"), Some(missed.as_str()));
            }
            json["messages"].as_array().expect("messages").iter().for_each(|m| heard.message(m));
            heard.cursor = json["next"].as_str().map(str::to_owned);
            assert_eq!(heard.cursor, etag(), "the cursor is the same in head and content");
        }
        _ => heard.seen.push(Seen::End(format!("{} {}", answer.status, answer.reason()))),
    }
}

fn hear_lines(answer: &Answer, heard: &mut Heard) {
    let text = String::from_utf8_lossy(&answer.content);
    for line in text.split_inclusive('\n').filter(|line| line.ends_with('\n')) {
        heard.object(&serde_json::from_str(line).expect("a line of JSON"));
    }
}

fn hear_scripts(answer: &Answer, heard: &mut Heard) {
    let text = String::from_utf8_lossy(&answer.content);
    for part in text.split_inclusive("</script>\n").filter(|part| part.ends_with("</script>\n")) {
        heard.seen.extend(part.matches("<!---->\n").map(|_| Seen::Heartbeat));
        let Some((_, script)) = part.split_once("<script>parent.pushscope.") else { continue };
        let script = script.strip_suffix(")</script>\n").expect("a call");
        let (call, argument) = script.split_once('(').expect("a call");
        assert!(!argument.contains(['<', '>', '&', '\u{2028}', '\u{2029}']), "{argument}");
        let json: Value = serde_json::from_str(argument).expect("an argument in JSON");
        match (call, json.as_str()) {
            ("open", cursor) => heard.cursor = cursor.map(str::to_owned),
            ("message", _) => heard.message(&json),
            ("gap", _) => heard.gap(&json),
            ("end", Some(reason)) => heard.seen.push(Seen::End(reason.to_owned())),
            _ => panic!("parent.pushscope.{call}"),
        }
    }
    let rest = text.rsplit("</script>\n").next().unwrap_or_default();
    heard.seen.extend(rest.matches("<!---->\n").map(|_| Seen::Heartbeat));
}

/// As a browser reads an event stream (HTML §9.2.6): CR, LF and CR LF end lines.
fn hear_events(bytes: &[u8], heard: &mut Heard) {
    let text = String::from_utf8_lossy(bytes).replace("\r\n", "\n").replace('\r', "\n");
    let mut lines: Vec<&str> = text.split('\n').collect();
    lines.pop();
    let (mut id, mut name, mut data) = (None, None, Vec::new());
    for line in lines {
        let (field, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match field {
            "" if line.is_empty() => {
                heard.cursor = id.clone().or(heard.cursor.take());
                dispatch(id.take(), name.take(), std::mem::take(&mut data), heard);
            }
            "" => heard.seen.push(Seen::Heartbeat),
            "id" => id = Some(value.to_owned()),
            "event" => name = Some(value.to_owned()),
            "data" => data.push(value.to_owned()),
            "retry" => heard.seen.push(Seen::End(line.to_owned())),
            _ => panic!("an unknown field: {line:?}"),
        }
    }
}

fn dispatch(id: Option<String>, name: Option<String>, data: Vec<String>, heard: &mut Heard) {
    if data.is_empty() {
        return;
    }
    let data = data.join("\n");
    let json = || serde_json::from_str::<Value>(&data).expect("JSON");
    match name.as_deref() {
        Some("gap") => heard.gap(&json()),
        Some("envelope") => heard.message(&json()),
        Some("end") => heard.seen.push(Seen::End(data)),
        _ => heard.seen.push(Seen::Message(Message {
            id,
            name,
            payload: Payload::Text(data.into()),
        })),
    }
}

/// The frames of a server that are complete: first byte, and payload.
pub(crate) fn frames(bytes: &[u8]) -> Vec<(u8, Vec<u8>)> {
    let (mut rest, mut found) = (bytes, Vec::new());
    while let [first, second, more @ ..] = rest {
        assert_eq!(second & 0x80, 0, "a server does not mask");
        let width = match second {
            126 => 2,
            127 => 8,
            _ => 0,
        };
        let Some((length, more)) = more.split_at_checked(width) else { break };
        let length = match width {
            0 => usize::from(*second),
            _ => length.iter().fold(0, |length, byte| length << 8 | usize::from(*byte)),
        };
        let Some((payload, more)) = more.split_at_checked(length) else { break };
        found.push((*first, payload.to_vec()));
        rest = more;
    }
    found
}

fn hear_frames(bytes: &[u8], heard: &mut Heard) {
    for (first, payload) in frames(bytes) {
        let text = || String::from_utf8(payload.clone()).expect("UTF-8");
        let bare = |payload| Seen::Message(Message { id: None, name: None, payload });
        match first {
            0x81 => match serde_json::from_slice::<Value>(&payload) {
                // A bare payload that looks like an object of ours would deceive this witness.
                Ok(json) if json.is_object() => heard.object(&json),
                _ => heard.seen.push(bare(Payload::Text(text().into()))),
            },
            0x82 => heard.seen.push(bare(Payload::Binary(payload.into()))),
            0x89 => heard.seen.push(Seen::Heartbeat),
            0x8a => {}
            0x88 => {
                let code = payload.first_chunk().map(|code| u16::from_be_bytes(*code));
                heard.seen.push(Seen::End(code.map_or_else(String::new, |code| code.to_string())));
            }
            _ => panic!("an unexpected frame {first:#x}"),
        }
    }
}

fn position(bytes: &[u8], needle: &[u8]) -> Option<usize> {
    bytes.windows(needle.len()).position(|window| window == needle)
}
