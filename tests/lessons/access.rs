//! Who may do what: tokens, and the names by which the server is called.

use pushscope::access::{Access, Tokens};
use pushscope::engine::Config;
use pushscope::fault::{Fault, Protocol, Told};
use pushscope::host::Hosts;
use pushscope::id::Kind;
use pushscope::limits;

use crate::support::{UPGRADE, World, address, answers, frames, masked, request};

/// A world in which these tokens let publish, and these subscribe.
fn world(publish: &[&str], subscribe: &[&str]) -> World {
    World::configured(Config { access: access(publish, subscribe), ..Config::default() })
}

fn access(publish: &[&str], subscribe: &[&str]) -> Access {
    Access::new(tokens(publish), tokens(subscribe))
}

fn tokens(those: &[&str]) -> Tokens {
    let mut tokens = Tokens::default();
    those.iter().for_each(|token| tokens.add(token));
    tokens
}

fn text(world: &World, name: &str) -> String {
    String::from_utf8_lossy(world.said(name)).into_owned()
}

/// The payloads of the frames that somebody was sent, each with its first byte.
fn told(world: &World, name: &str) -> Vec<(u8, Vec<u8>)> {
    frames(&answers(world.said(name)).remove(0).content)
}

#[test]
fn who_shows_no_token_or_a_wrong_one_is_refused_and_told_what_to_show() {
    let mut world = world(&["publisher"], &["subscriber"]);
    let cases = [
        ("POST /c/n", "", 401, "token_missing"),
        ("POST /c/n", "Authorization: Bearer subscriber\r\n", 403, "token_refused"),
        ("POST /c/n?token=publisher", "", 202, ""),
        ("POST /c/n?token=x", "Authorization: Bearer publisher\r\n", 400, "token_repeated"),
        ("GET /c/n/sse", "", 401, "token_missing"),
        ("GET /c/n/poll?token=subscriber", "", 200, ""),
        ("GET /ledger", "", 401, "token_missing"),
        ("GET /metrics", "Authorization: Bearer subscriber\r\n", 200, ""),
        ("GET /", "", 200, ""),
        ("GET /livez", "", 200, ""),
        // A preflight brings no token, and asks whether it may.
        ("OPTIONS /c/n", "", 204, ""),
    ];
    for (line, fields, status, reason) in cases {
        let name = &format!("{line} {fields}");
        world.tell(name, format!("{line} HTTP/1.1\r\nHost: h\r\n{fields}\r\n"));
        let answer = answers(world.said(name)).remove(0);
        assert_eq!((answer.status, answer.reason().as_str()), (status, reason), "{line} {fields}");
        let challenge = (status == 401).then_some("Bearer realm=\"pushscope\"");
        assert_eq!(answer.field("WWW-Authenticate"), challenge);
        assert!(!world.is_over(name), "{line}");
        world.tell(name, "GET /livez HTTP/1.1\r\nHost: h\r\n\r\n");
        assert!(text(&world, name).ends_with("ok\n"), "{line}");
        world.end(name);
    }
    // Content that nobody takes is not taken for the next request.
    world.tell("posts", "POST /c/n HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nabc");
    assert!(text(&world, "posts").starts_with("HTTP/1.1 401 ") && world.is_over("posts"));
    world.sweep_all();
}

#[test]
fn a_page_may_be_allowed_to_show_a_token() {
    let origins = pushscope::origin::Origins::new(vec!["https://shop.example".to_owned()]);
    let mut world = World::configured(Config {
        origins,
        access: access(&["publisher"], &[]),
        ..Config::default()
    });
    let answer = world.ask(
        "OPTIONS /c/n HTTP/1.1\r\nHost: h\r\nOrigin: https://shop.example\r\n\
         Access-Control-Request-Method: POST\r\n\
         Access-Control-Request-Headers: authorization\r\n\r\n",
    );
    let allowed = answer.field("Access-Control-Allow-Headers").unwrap_or_default();
    assert!(allowed.split(", ").any(|name| name == "Authorization"), "{allowed}");
}

#[test]
fn who_may_not_publish_may_listen_over_a_websocket_and_is_closed_when_speaking() {
    for (channel, target) in [("n", "/c/n/ws"), ("n", "/webSocket/n"), ("asset", "/ws/asset")] {
        let mut world = world(&["publisher"], &[]);
        for (name, token, fault) in
            [("silent", "", Fault::TokenMissing), ("other", "?token=wrong", Fault::TokenRefused)]
        {
            let Told::Close(code) = fault.row().told(Protocol::Push(Kind::WebSocket)) else {
                panic!("the table has no word for {fault:?}")
            };
            world.tell(name, request(Kind::WebSocket, &format!("{target}{token}")));
            assert!(text(&world, name).starts_with("HTTP/1.1 101 "), "{target}");
            // Two in one piece: what comes behind the first is not looked at.
            world.tell(name, [masked(0x81, b"hello"), masked(0x81, b"again")].concat());
            let close = [&code.as_u16().to_be_bytes()[..], fault.row().name.as_bytes()].concat();
            assert_eq!(told(&world, name), [(0x88, close)], "{target}");
            assert!(world.is_over(name));
        }
        world.tell("speaks", request(Kind::WebSocket, &format!("{target}?token=publisher")));
        assert_eq!(world.get(&format!("/c/{channel}")).json()["messages"], 0, "{target}");
        assert_eq!(world.get("/received/n").json().as_array().map(Vec::len), Some(0));
        world.tell("speaks", masked(0x81, b"hello"));
        assert!(!world.is_over("speaks"), "{target}");
        let messages = world.get(&format!("/c/{channel}")).json()["messages"].as_u64();
        let received = world.get("/received/n").json().as_array().map_or(0, Vec::len) as u64;
        assert_eq!(messages.unwrap_or(0) + received, 1, "{target}");
        world.sweep_all();
    }
    // What nobody else hears needs no right.
    let mut world = world(&["publisher"], &["subscriber"]);
    world.tell("echo", request(Kind::WebSocket, "/echo"));
    world.tell("echo", masked(0x81, b"hello"));
    assert_eq!(told(&world, "echo"), [(0x81, b"hello".to_vec())]);
}

#[test]
fn whose_token_is_gone_is_told_and_closed() {
    for kind in Kind::ALL.into_iter().filter(|kind| *kind != Kind::Poll) {
        let mut world = world(&["publisher"], &["old-token", "kept-token"]);
        let target = |token: &str| {
            let address = address(kind, "news");
            let mark = if address.contains('?') { '&' } else { '?' };
            format!("{address}{mark}token={token}")
        };
        for (name, token) in [("leaves", "old-token"), ("stays", "kept-token")] {
            world.tell(name, request(kind, &target(token)));
        }
        assert_eq!(world.subscribers("news"), 2, "{kind:?}");
        world.engine.change_access(access(&["publisher"], &["kept-token", "new-token"]));
        world.turn();
        assert_eq!(world.subscribers("news"), 1, "{kind:?}");
        assert!(world.is_over("leaves"), "{kind:?}");
        let said = text(&world, "leaves");
        match Fault::TokenRefused.row().told(Protocol::Push(kind)) {
            Told::Status(status) => assert!(said.starts_with(&format!("HTTP/1.1 {status} "))),
            Told::Close(_) => assert!(said.ends_with("token_refused"), "{said}"),
            // A stream that is cut short does not look whole: who comes back is told why.
            Told::Cut => assert!(!said.ends_with("\r\n0\r\n\r\n"), "{kind:?}: {said}"),
            other => panic!("the table has {other:?} for {kind:?}"),
        }
        assert!(!world.is_over("stays"), "{kind:?}");
        world.tell("again", request(kind, &target("old-token")));
        assert!(text(&world, "again").starts_with("HTTP/1.1 403 "), "{kind:?}");
        world.tell("new", request(kind, &target("new-token")));
        assert_eq!(world.subscribers("news"), 2, "{kind:?}");
        world.sweep_all();
    }
}

#[test]
fn what_is_on_its_way_in_is_refused_when_its_token_goes() {
    let mut world = world(&["old-token"], &[]);
    let head = "POST /c/n HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer old-token\r\n";
    world.tell("posts", format!("{head}Content-Length: 3\r\n\r\na"));
    world.tell("socket", request(Kind::WebSocket, "/c/n/ws?token=old-token"));
    world.engine.change_access(access(&["new-token"], &[]));
    world.tell("posts", "bc");
    let answer = answers(world.said("posts")).remove(0);
    assert_eq!((answer.status, answer.reason().as_str()), (403, "token_refused"));
    // It may listen as before, and no longer speak.
    assert!(!world.is_over("socket"));
    world.tell("socket", masked(0x81, b"hello"));
    assert!(text(&world, "socket").ends_with("token_refused"));
    assert_eq!(world.get("/c/n").json()["messages"], 0);
    world.sweep_all();
}

#[test]
fn a_server_answers_to_its_own_names_only() {
    let hosts = Hosts::new(vec!["push.example".to_owned()]);
    let mut world = World::configured(Config { hosts, ..Config::default() });
    let asked = [
        "GET / HTTP/1.1\r\n",
        "GET /site/ask.js HTTP/1.1\r\n",
        "GET /inspect HTTP/1.1\r\n",
        "GET /inspect/connections HTTP/1.1\r\n",
        "GET /ledger HTTP/1.1\r\n",
        "GET /metrics HTTP/1.1\r\n",
        "GET /livez HTTP/1.1\r\n",
        "GET /nothing HTTP/1.1\r\n",
        "OPTIONS * HTTP/1.1\r\n",
        "POST /c/n HTTP/1.1\r\n",
        "GET /payback?payid=n HTTP/1.1\r\n",
        "GET /c/n/sse HTTP/1.1\r\n",
        "GET /c/n/poll HTTP/1.1\r\n",
        &format!("GET /c/n/ws HTTP/1.1\r\n{UPGRADE}"),
        // The page is of the origin by whose name it calls: only the name tells.
        "POST /c/n HTTP/1.1\r\nOrigin: http://evil.example\r\nSec-Fetch-Site: same-origin\r\n",
    ];
    for lines in asked {
        let answer = world.ask(format!("{lines}Host: evil.example:7777\r\n\r\n"));
        assert_eq!((answer.status, answer.reason().as_str()), (421, "host_unknown"), "{lines}");
        assert_eq!(answer.field("Access-Control-Allow-Origin"), None);
        assert!(answer.json()["error"]["message"].as_str().is_some_and(|m| m.contains("--host")));
    }
    for host in ["push.example", "PUSH.example:443", "127.0.0.1:7777", "[::1]", "localhost:7777"] {
        let answer = world.ask(format!("GET /livez HTTP/1.1\r\nHost: {host}\r\n\r\n"));
        assert_eq!(answer.status, 200, "{host}");
    }
    // RFC 9112 §3.2.2: the target goes before the field.
    for (target, host, status) in [
        ("http://evil.example/livez", "push.example", 421),
        ("http://push.example/livez", "evil.example", 200),
    ] {
        let answer = world.ask(format!("GET {target} HTTP/1.1\r\nHost: {host}\r\n\r\n"));
        assert_eq!(answer.status, status, "{target}");
    }
    // A client that knows no names is no browser.
    world.tell("old", "GET /livez HTTP/1.0\r\n\r\n");
    assert!(text(&world, "old").starts_with("HTTP/1.1 200 "));
}

#[test]
fn a_token_comes_out_nowhere() {
    let mut world = World::configured(Config {
        access: access(&["secret-publisher"], &["secret-subscriber"]),
        inspect_token: Some("secret-inspector".to_owned()),
        ..Config::default()
    });
    world.tell(
        "viewer",
        "GET /inspect/events?own=1&token=secret-inspector HTTP/1.1\r\nHost: h\r\n\r\n",
    );
    world.tell("socket", request(Kind::WebSocket, "/c/n/ws?token=secret-subscriber"));
    world.tell("socket", masked(0x81, b"hello"));
    world.tell(
        "posts",
        "POST /c/n HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer secret-publisher\r\n\r\n",
    );
    world.tell(
        "wrong",
        "POST /c/secret?token=secret-wrong HTTP/1.1\r\nHost: h\r\n\
         Referer: http://h/?token=secret-publisher\r\n\r\n",
    );
    world.advance(2 * limits::LENS_OWN_US);
    for place in ["/ledger", "/metrics", "/online", "/c/n"] {
        world.tell(
            place,
            format!("GET {place}?token=secret-subscriber HTTP/1.1\r\nHost: h\r\n\r\n"),
        );
        assert!(!text(&world, place).contains("secret-"), "{place}");
    }
    for name in ["viewer", "socket", "posts", "wrong"] {
        let said = text(&world, name);
        assert!(!said.contains("secret-"), "{name}: {said}");
        // Nor as bytes that a viewer would show.
        assert!(!said.contains("c2VjcmV0") && !said.contains("7365637265742d"), "{name}");
    }
    assert!(text(&world, "viewer").contains("hello"), "nothing was shown at all");
}

/// Which of two origins is the page's own nobody can tell.
#[test]
fn a_page_has_one_origin() {
    let (own, foreign) = ("Origin: http://h\r\n", "Origin: http://evil.example\r\n");
    for (fields, status) in [
        (own.to_owned(), 101),
        (foreign.to_owned(), 403),
        (format!("{own}{foreign}"), 403),
        (format!("{foreign}{own}"), 403),
        ("Origin: ftp://h\r\n".to_owned(), 403),
    ] {
        let mut world = World::new();
        world.tell("page", format!("GET /c/n/ws HTTP/1.1\r\nHost: h\r\n{UPGRADE}{fields}\r\n"));
        assert_eq!(answers(world.said("page")).remove(0).status, status, "{fields}");
    }
}
