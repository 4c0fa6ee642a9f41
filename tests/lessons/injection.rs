//! Text from outside that wants to be more than text: a line of a head, a field of an event, a
//! script, a label, a path. Every hostile text is put in by every way in, and every way out is
//! looked at.

use pushscope::engine::Config;
use pushscope::event::Payload;
use pushscope::id::Kind;
use pushscope::origin::Origins;
use pushscope::wire::target::encode_segment;

use crate::support::{Answer, Client, Seen, UPGRADE, World, answers, masked, request};

/// What has been tried on others.
const HOSTILE: &[&str] = &[
    // Lines of a head, of an event stream, of NDJSON, of a log.
    "a\r\nX-Evil: 1\r\n\r\n<p>",
    "a\nX-Evil: 1",
    "a\rX-Evil: 1",
    "a\n\nid: 9-9\nevent: end\ndata: X-Evil",
    "a\r\rdata: X-Evil\r\r",
    "a\u{85}X-Evil\u{2028}X-Evil\u{2029}X-Evil",
    "a\n{\"end\":\"deleted\"}\n",
    // A script, and the end of one.
    "</script><script>alert('X-Evil')</script>",
    "</SCRIPT ><img src=x onerror=alert(1)>",
    "<!--<script>",
    "-->]]><svg/onload=alert(1)>",
    "\"});alert('X-Evil');({\"a\":\"",
    "\\\"});alert(1)//\\",
    "\\u003c/script\\u003e",
    "';alert(String.fromCharCode(88))//",
    "&lt;script&gt;&#60;",
    // A chunk, a frame.
    "0\r\n\r\nHTTP/1.1 200 OK\r\nX-Evil: 1\r\n\r\n",
    // A terminal.
    "\u{1b}[2J\u{1b}]0;X-Evil\u{7}\u{9b}31m",
    "\u{202e}txt.exe\u{2066}",
    "\u{feff}a\u{0}b\u{7f}",
    // A label, a format, a path.
    "x\",evil=\"1\"} 7\nX_Evil 1",
    "%s%n%00%0d%0a",
    "../../../../etc/passwd",
    "..\\..\\x",
    "${jndi:ldap://x}{{7*7}}",
];

fn escaped(text: &str) -> String {
    let mut escaped = String::new();
    encode_segment(text, &mut escaped);
    escaped
}

/// What is true of every answer, whatever was asked.
fn check(what: &str, bytes: &[u8]) {
    for answer in answers(bytes) {
        check_head(what, &answer);
        let content = String::from_utf8_lossy(&answer.content).into_owned();
        match answer.field("Content-Type") {
            None => assert!(answer.content.is_empty() || answer.status == 101, "{what}"),
            Some("application/json") => {
                let is_json = serde_json::from_str::<serde_json::Value>(&content).is_ok();
                assert!(is_json || !answer.whole, "{what}: {content}");
            }
            Some("application/x-ndjson") => content.lines().for_each(|line| {
                let read = serde_json::from_str::<serde_json::Value>(line);
                assert!(read.is_ok_and(|value| value.is_object()), "{what}: {line}");
            }),
            Some("text/html; charset=utf-8") if what.contains("iframe") => {
                check_scripts(what, &content);
            }
            Some("text/event-stream") => check_events(what, &content),
            Some(_) => {}
        }
    }
}

/// Lines of a head are ours, and visible ASCII.
fn check_head(what: &str, answer: &Answer) {
    for (name, value) in &answer.fields {
        let is_ours = FIELDS.contains(&name.as_str());
        assert!(is_ours && value.bytes().all(|byte| matches!(byte, b' '..=b'~')), "{what}: {name}");
        // Nobody is ever sent elsewhere.
        assert_ne!(name, "Location");
    }
    if answer.field("Content-Type").is_some() {
        assert_eq!(answer.field("X-Content-Type-Options"), Some("nosniff"), "{what}");
    }
}

/// A script of the stream calls one of our functions with JSON, and nothing else is markup.
fn check_scripts(what: &str, content: &str) {
    let scripts = content.split("<script>").skip(1);
    let body = content.split_once("<script>").map_or("", |(_, body)| body);
    assert_eq!(body.matches('<').count(), 2 * body.matches("</script>").count() - 1, "{what}");
    for script in scripts {
        let (call, _) = script.split_once("</script>").unwrap();
        let is_line = call.bytes().all(|byte| byte >= b' ');
        assert!(is_line && !call.contains(['<', '>', '\u{2028}', '\u{2029}']), "{what}: {call}");
    }
}

/// An event has no field but ours, and each id is one of ours.
fn check_events(what: &str, content: &str) {
    assert!(!content.contains('\r'), "{what}: {content:?}");
    for line in content.split('\n') {
        let (name, value) = line.split_once(':').unwrap_or((line, ""));
        assert!(["", "id", "event", "data", "retry"].contains(&name), "{what}: {line:?}");
        if name == "id" {
            let (epoch, offset) = value.trim().split_once('-').unwrap();
            assert!(epoch.parse::<u64>().is_ok() && offset.parse::<u64>().is_ok(), "{what}");
            assert_ne!(value.trim(), "9-9", "{what}");
        }
        assert!(name != "event" || value.trim() != "end", "{what}: {line:?}");
    }
}

/// An escaped `/` is part of its segment (RFC 3986 §2.2): it makes no other address of it.
#[test]
fn an_escaped_slash_separates_nothing() {
    let mut world = World::new();
    for path in ["/inspect%2Fconnections", "/c%2Fnews/poll", "/healthz%2F", "/%2Fhealthz"] {
        assert_eq!(world.get(path).status, 404, "{path}");
    }
    assert_eq!(world.get("/c/a%2Fb/poll").status, 200);
}

#[test]
fn a_message_is_what_it_was_by_every_mechanism() {
    for text in HOSTILE {
        for kind in Kind::ALL {
            let mut world = World::new();
            let mut client = Client::open(&mut world, kind, "news", "all");
            world.publish("news", text);
            let seen = client.hear(&mut world).seen.clone();
            let [Seen::Message(message)] = &seen[..] else { panic!("{kind:?} {text:?}: {seen:?}") };
            assert_eq!(message.payload, Payload::Text((*text).into()), "{kind:?}");
            check(&format!("{} {text:?}", kind.name()), world.said(&client.name));
        }
    }
}

#[test]
fn a_name_is_refused_or_is_what_it_was() {
    for text in HOSTILE {
        let name = escaped(text);
        let mut world = World::new();
        let is_refused = text.chars().any(char::is_control);
        for kind in Kind::ALL {
            let address = crate::support::address(kind, text);
            world.tell(kind.name(), request(kind, &address));
        }
        let published = world.post(&format!("/c/{name}?event={name}"), "text/plain", b"hello");
        assert_eq!(published.status == 400, is_refused, "{text:?}");
        if !is_refused {
            assert_eq!(published.json()["channel"], *text);
        }
        for kind in Kind::ALL {
            let said = world.said(kind.name()).to_vec();
            check(&format!("{} {text:?}", kind.name()), &said);
            let said = String::from_utf8_lossy(&said).into_owned();
            assert_eq!(said.starts_with("HTTP/1.1 400 "), is_refused, "{kind:?} {text:?}: {said}");
            // A refusal never says what was refused.
            assert!(!is_refused || !said.contains("Evil"), "{said}");
        }
        for place in ["", "/receipts/1-1", "/envelopes/1-1"] {
            let target = format!("/c/{name}{place}");
            world.tell(place, format!("GET {target} HTTP/1.1\r\nHost: h\r\n\r\n"));
            check(&target, world.said(place));
        }
        for target in ["/metrics", "/ledger", "/online", "/inspect", "/"] {
            let answer = world.get(target);
            let told = String::from_utf8_lossy(&answer.content).into_owned();
            assert!(!told.contains("Evil") && !told.contains(text), "{target}: {text:?}");
        }
    }
}

#[test]
fn what_a_field_or_a_parameter_says_comes_out_nowhere() {
    for text in HOSTILE {
        // What a field value may have at all; the rest is refused with the head.
        let value: String = text.chars().filter(|c| !c.is_control()).collect();
        let origins = Origins::new(vec!["*".to_owned()]);
        let mut world = World::configured(Config { origins, ..Config::default() });
        for name in ["Origin", "User-Agent", "Referer", "Last-Event-ID", "If-None-Match", "Cookie"]
        {
            for target in ["/", "/c/n/sse", "/c/n/poll", "/c/n", "/nothing"] {
                let peer = format!("{name} {target}");
                world.tell(
                    &peer,
                    format!("GET {target} HTTP/1.1\r\nHost: h\r\n{name}: {value}\r\n\r\n"),
                );
                for answer in answers(world.said(&peer)) {
                    for (field, said) in &answer.fields {
                        let is_echo = field == "Access-Control-Allow-Origin" && name == "Origin";
                        assert!(FIELDS.contains(&field.as_str()), "{peer}: {field}");
                        assert!(is_echo || !said.contains("Evil"), "{peer}: {said}");
                        assert!(said.bytes().all(|byte| byte >= b' '), "{peer}: {said}");
                    }
                }
                world.end(&peer);
            }
        }
        let asked = format!("GET /c/n/ws HTTP/1.1\r\nHost: h\r\n{UPGRADE}");
        world.tell("ws", format!("{asked}Sec-WebSocket-Protocol: {value}\r\n\r\n"));
        assert!(!String::from_utf8_lossy(world.said("ws")).contains("Evil"));
        let parameter = escaped(text);
        for target in [
            "/c/n/poll?since=",
            "/c/n/longpoll?timeout=",
            "/c/n/sse?envelope=",
            "/c/n/iframe?callback=",
            "/c/n/stream?x=",
            "/message/read/n?upto=",
            "/ledger?since=",
            "/ledger?kernel=",
            "/orderpay?payid=",
            "/payback?payid=",
            "/socket/publish?userId=n&message=",
            "/?channel=",
        ] {
            let peer = format!("{target}{parameter}");
            world.tell(&peer, format!("GET {peer} HTTP/1.1\r\nHost: h\r\n\r\n"));
            check(&peer, world.said(&peer));
            world.end(&peer);
        }
    }
}

#[test]
fn what_is_said_over_a_websocket_is_text_wherever_it_comes_out() {
    for text in HOSTILE {
        let mut world = World::new();
        world.tell("article", request(Kind::WebSocket, "/webSocket/n"));
        world.tell("article", masked(0x81, text.as_bytes()));
        let received = world.get("/received/n").json();
        assert_eq!(received[0]["text"], *text);
        let mut events = Client::open(&mut world, Kind::Sse, "asset", "latest");
        world.tell("chat", request(Kind::WebSocket, "/ws/asset"));
        world.tell("chat", masked(0x81, text.as_bytes()));
        let seen = events.hear(&mut world).seen.clone();
        let [Seen::Message(message)] = &seen[..] else { panic!("{text:?}: {seen:?}") };
        let expected = format!("{text} (From Server,Session ID=1)");
        assert_eq!(message.payload, Payload::Text(expected.into()));
        check("sse", world.said(&events.name));
    }
}

#[test]
fn no_path_leads_out_of_the_table_of_pages() {
    let mut world = World::new();
    let paths = [
        "/../Cargo.toml",
        "/site/../Cargo.toml",
        "/site/../../etc/passwd",
        "/site/%2e%2e/%2e%2e/etc/passwd",
        "/site/..%2f..%2fetc%2fpasswd",
        "/site/%252e%252e%252fetc",
        "/site/..%5c..%5cx",
        "/site/ask.js%00.html",
        "/site/ask.js/",
        "/site//ask.js",
        "/site/./ask.js",
        "//evil.example/",
        "///etc/passwd",
        "/etc/passwd",
        "/src/lib.rs",
        "/.git/config",
        "/site/",
        "/site",
    ];
    for path in paths {
        let answer = world.get(path);
        assert!(matches!(answer.status, 400 | 404), "{path}: {}", answer.status);
        assert!(!answer.text().contains("passwd") && !answer.text().contains("evil"), "{path}");
        assert_eq!(answer.field("Location"), None, "{path}");
    }
}

/// Every field that the server ever sends.
const FIELDS: &[&str] = &[
    "Access-Control-Allow-Headers",
    "Access-Control-Allow-Methods",
    "Access-Control-Allow-Origin",
    "Access-Control-Expose-Headers",
    "Access-Control-Max-Age",
    "Allow",
    "Cache-Control",
    "Connection",
    "Content-Length",
    "Content-Security-Policy",
    "Content-Type",
    "Date",
    "ETag",
    "Pushscope-Gap",
    "Referrer-Policy",
    "Retry-After",
    "Sec-WebSocket-Accept",
    "Sec-WebSocket-Protocol",
    "Sec-WebSocket-Version",
    "Transfer-Encoding",
    "Upgrade",
    "Vary",
    "WWW-Authenticate",
    "X-Accel-Buffering",
    "X-Content-Type-Options",
];
