//! What strangers say, on a terminal: text, and never a command to the terminal.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::process::{Command, Stdio};
use std::thread;

use super::{Server, file, run, run_with, text};

/// Clears the screen, names the window, colours, turns the direction, ends lines.
const HOSTILE: &str =
    "a\u{1b}[2J\u{1b}]0;evil\u{7}\u{9b}31m\u{202e}b\u{2028}c\rd\ne\u{0}\u{7f}\u{8}";

/// Runs the command on a terminal of its own, and returns everything that it was sent.
fn on_terminal(arguments: &[&str]) -> String {
    let quoted = |word: &&str| format!("'{}'", word.replace('\'', r"'\''"));
    let words: Vec<String> = arguments.iter().map(quoted).collect();
    let line = format!("{} {}", env!("CARGO_BIN_EXE_pushscope"), words.join(" "));
    let mut command = Command::new("script");
    command.args(["-qec", &line, "/dev/null"]).env("NO_COLOR", "1").stdin(Stdio::null());
    let output = command.output().unwrap();
    // What is explained may be wrong, and then so is the exit code.
    assert!(matches!(output.status.code(), Some(0 | 1)), "{arguments:?}: {output:?}");
    String::from_utf8(output.stdout).unwrap()
}

fn check(what: &str, said: &str) {
    // A terminal's line ends in both.
    let harmful = |c: &char| {
        let is_line_end = matches!(c, '\r' | '\n');
        (c.is_control() && !is_line_end) || matches!(c, '\u{2028}'..='\u{202e}')
    };
    let found = said.chars().find(harmful);
    assert!(found.is_none(), "{what}: {found:?} in {said:?}");
    assert!(said.lines().all(|line| !line.contains('\r')), "{what}: {said:?}");
    assert!(said.contains("evil"), "{what} does not show it: {said:?}");
}

#[test]
fn what_strangers_say_is_only_text_on_a_terminal() {
    let server = Server::start();
    let url = server.url.as_str();
    // What has no control characters may be a name.
    let name = "evil\u{202e}\u{2028}";
    let published = run_with(&["pub", url, name, "--event", name], HOSTILE.as_bytes());
    let id = text(&published.stdout).split(' ').next().unwrap().to_owned();
    for mechanism in ["sse", "websocket", "poll"] {
        let sub = ["sub", url, name, "--since", "all", "-C", "1", "--timeout", "20"];
        let said = on_terminal(&[&sub[..], &["--as", mechanism]].concat());
        check(mechanism, &said);
        assert_eq!(said.lines().count(), 1, "{said:?}");
    }
    check("a receipt", &on_terminal(&["ledger", url, "--receipt", name, &id]));
}

#[test]
fn what_is_explained_is_only_text_on_a_terminal() {
    let request = format!("GET /evil HTTP/1.1\r\nHost: h\r\nX: {HOSTILE}\r\n\r\n");
    let events =
        format!("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\ndata: {HOSTILE}\n\n");
    let mut frame = vec![0x81, u8::try_from(HOSTILE.len()).unwrap()];
    frame.extend_from_slice(HOSTILE.as_bytes());
    for (name, bytes, protocol) in [
        ("evil-request", request.as_bytes(), "http"),
        ("evil-events", events.as_bytes(), "http"),
        ("evil-frame", &frame, "websocket"),
    ] {
        let path = file(name, bytes);
        let said = on_terminal(&["explain", path.to_str().unwrap(), "--as", protocol]);
        check(name, &said);
    }
}

#[test]
fn what_a_server_refuses_with_is_only_text_on_a_terminal() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let server = thread::spawn(move || {
        for stream in listener.incoming().take(2) {
            let mut stream = stream.unwrap();
            let mut asked = [0; 4096];
            assert!(stream.read(&mut asked).unwrap() > 0);
            let error = serde_json::json!({ "error": { "reason": HOSTILE, "message": HOSTILE } });
            let content = error.to_string();
            let head = format!("HTTP/1.1 403 Forbidden\r\nContent-Length: {}\r\n", content.len());
            stream
                .write_all(format!("{head}Connection: close\r\n\r\n{content}").as_bytes())
                .unwrap();
        }
    });
    for command in [&["pub", &url, "c", "m"][..], &["sub", &url, "c"]] {
        let output = run(command);
        assert_eq!(output.status.code(), Some(1));
        let said = text(&output.stderr);
        check(command[0], said);
        assert_eq!(said.lines().count(), 1, "{said:?}");
    }
    server.join().unwrap();
}
