//! What an operator says and hears: who may do what, what is wrong with that, and the log.

use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::Command;
use std::time::Instant;

use super::{NAMES, PATIENCE, Server, file, pushscope, run, several_loops, text};

#[test]
fn a_server_that_others_reach_wants_to_know_who_may_publish() {
    let said = "other machines can reach 0.0.0.0:0, and could publish: --publish-token-file FILE \
                says who may, --open lets everybody";
    let output = run(&["serve", "--listen", "0.0.0.0:0"]);
    assert_eq!((output.status.code(), &*output.stdout), (Some(2), &b""[..]));
    assert_eq!(text(&output.stderr), format!("pushscope: {said}\n"));
    let cases: [(&[&str], &str); 3] = [
        (&["--open"], "warning: 0.0.0.0:0 can be reached by other machines, and whoever"),
        (&["--publish-token", "long-enough"], "to publish: 1 token\n"),
        (&["--publish-token", "long-enough,and-another"], "to publish: 2 tokens\n"),
    ];
    for (flags, said) in cases {
        let output = run(&[&["serve", "--listen", "0.0.0.0:0", "--check"][..], flags].concat());
        assert_eq!(output.status.code(), Some(0), "{flags:?}: {output:?}");
        assert!(text(&output.stdout).contains(said), "{flags:?}: {output:?}");
        assert!(!text(&output.stdout).contains("long-enough"), "{output:?}");
    }
}

#[test]
fn a_check_says_everything_that_is_wrong_and_shows_no_token() {
    let tokens = file("check-tokens", b"# none yet\n");
    let tokens = tokens.to_str().unwrap();
    let settings =
        b"heartbeat-s = soon\n\nother = 1\npublish-token = sec:ret\nlisten = 0.0.0.0:0\n";
    let settings = file("check-settings", settings);
    let mut command = pushscope(&[
        "serve",
        "--check",
        "--config",
        settings.to_str().unwrap(),
        "--park-s",
        "soon",
        "--origin=shop.example",
        "--unheard-of",
        "--subscribe-token-file",
        tokens,
        "--inspect-token",
        "s3cret",
    ]);
    let output = command.env("PUSHSCOPE_PING_S", "later").output().unwrap();
    let (code, said) = (output.status.code(), text(&output.stderr));
    assert_eq!((code, &*output.stdout), (Some(2), &b""[..]), "{said}");
    let parts = [
        "invalid value 'soon' for '--park-s <SECONDS>'",
        "invalid value 'shop.example' for '--cors-origin <ORIGIN>'",
        "unexpected argument '--unheard-of' found",
        "invalid value 'later' for '--ping-s <SECONDS>'",
        "check-settings:1: invalid value 'soon' for '--heartbeat-s <SECONDS>'",
        "check-settings:3: no flag with a value is named `other`",
        "--publish-token, no. 1: a token is 8 to 512 of the characters",
        "check-tokens: there is no token in it, which would let in everybody",
        "--inspect-token: a token has at least 8 visible ASCII characters",
    ];
    for part in parts {
        assert!(said.lines().any(|line| line.contains(part)), "{part}: {said}");
    }
    assert_eq!(said.lines().count(), parts.len(), "{said}");
    for secret in ["sec:ret", "s3cret"] {
        assert!(!said.contains(secret), "{said}");
    }

    // What is right is told, and nothing listens.
    fs::write(tokens, "first-token\nsecond-token\n").unwrap();
    let right = ["serve", "--check", "--heartbeat-s", "1", "--subscribe-token-file", tokens];
    let output = run(&[&right[..], &["--host", "push.example"]].concat());
    let said = text(&output.stdout);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    assert!(said.starts_with("ok: it would listen on 127.0.0.1:7777; whether it can was not"));
    let loops = format!("  reactors: {}\n", several_loops().unwrap_or(1));
    let more = ["heartbeat", "to publish: no token", "to subscribe: 2 tokens", "push.example"];
    for part in more.into_iter().chain([loops.as_str()]) {
        assert!(said.contains(part), "{part}: {said}");
    }
    assert!(!said.contains("first-token") && said.contains("can be read by other users"), "{said}");
    assert_eq!(run(&["pub", "--check", "c", "m"]).status.code(), Some(2));
}

#[test]
fn clients_show_their_token_and_are_told_when_it_is_missing() {
    let publish = ["--publish-token", "publisher-1,both-12345"];
    let server = Server::with(&[&publish[..], &["--subscribe-token", "both-12345"]].concat());
    let url = server.url.as_str();
    let output = run(&["pub", url, "c", "m"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stderr).contains("401 (token_missing) This needs a token"), "{output:?}");
    let output = run(&["pub", url, "c", "m", "--token", "wrong-token"]);
    assert!(text(&output.stderr).contains("403 (token_refused) "), "{output:?}");
    assert!(!text(&output.stderr).contains("wrong-token"), "{output:?}");
    let mut command = pushscope(&["pub", url, "c", "hello"]);
    assert!(command.env("PUSHSCOPE_TOKEN", "publisher-1").output().unwrap().status.success());
    for name in NAMES {
        let sub = ["sub", url, "c", "--as", name, "--since", "all", "-C", "1", "--timeout", "20"];
        let output = run(&[&sub[..], &["--token", "both-12345"]].concat());
        assert_eq!((output.status.code(), text(&output.stdout)), (Some(0), "hello\n"), "{name}");
        let output = run(&[&sub[..], &["--token", "publisher-1"]].concat());
        assert_eq!(output.status.code(), Some(1), "{name}");
        assert!(text(&output.stderr).contains("(token_refused)"), "{name}: {output:?}");
    }
    assert_eq!(run(&["ledger", url, "--token", "both-12345"]).status.code(), Some(0));
    assert_eq!(run(&["ledger", url]).status.code(), Some(1));
    assert_eq!(run(&["pub", url, "c", "m", "--token", "a b"]).status.code(), Some(2));
}

#[test]
fn what_is_logged_is_lines_of_visible_ascii() {
    for format in ["text", "json"] {
        let server = Server::with(&["--log", "debug", "--log-format", format]);
        let evil = "a\r\n12:00:00.000 error evil\u{1b}[2J\u{9b}1m\u{2028}\u{202e}\0\u{7f}é";
        let escaped: String = evil.bytes().map(|byte| format!("%{byte:02x}")).collect();
        let mut peer = TcpStream::connect(&server.authority).unwrap();
        let upgrade = "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n\
                       Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
        let fields = "Host: localhost\r\nUser-Agent: \u{9b}31mevil\u{202e}\r\n";
        let name = "caf%c3%a9%e2%80%a8evil%c2%a0";
        let head = format!("GET /webSocket/{name} HTTP/1.1\r\n{fields}{upgrade}\r\n");
        peer.write_all(head.as_bytes()).unwrap();
        let mut frame = vec![0x81, 0x80 | u8::try_from(evil.len()).unwrap(), 0, 0, 0, 0];
        frame.extend_from_slice(evil.as_bytes());
        peer.write_all(&frame).unwrap();
        for target in
            [format!("/c/{escaped}/sse"), format!("/{escaped}"), format!("/c/x?since={escaped}")]
        {
            let mut peer = TcpStream::connect(&server.authority).unwrap();
            let head = format!("GET {target} HTTP/1.1\r\n{fields}Connection: close\r\n\r\n");
            peer.write_all(head.as_bytes()).unwrap();
            let _ = peer.read_to_end(&mut Vec::new()).unwrap();
        }
        let mut head = [0; 16];
        peer.read_exact(&mut head).unwrap();
        let asked = format!("/received/{name}");
        let deadline = Instant::now() + PATIENCE;
        while !server.ask("GET", &asked).contains("evil") {
            assert!(Instant::now() < deadline, "it was not received");
        }
        let pid = server.running.child.id().to_string();
        drop(peer);
        assert!(Command::new("kill").args(["-TERM", &pid]).status().unwrap().success());
        let (_, _, log) = server.running.end();
        assert!(log.contains("evil") && log.contains("refused"), "{log}");
        for line in log.lines() {
            assert!(line.bytes().all(|byte| matches!(byte, b' '..=b'~')), "{line:?}");
            let begins = if format == "json" {
                line.starts_with("{\"time\":")
            } else {
                !line.starts_with("12:00:00.000 error evil")
                    && line.as_bytes().get(12) == Some(&b' ')
            };
            assert!(begins, "{line:?}");
        }
        assert_eq!(log.matches('\n').count(), log.lines().count());
    }
}
