//! The command line as its users meet it: the real program, over loopback.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test may panic")]

#[path = "cli/operator.rs"]
mod operator;
#[path = "cli/terminal.rs"]
mod terminal;

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::PathBuf;
use std::process::{Child, ChildStdout, Command, Output, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use pushscope::client::{Address, Ledger, StatementOptions};
use pushscope::id::Kind;
use pushscope::limits;
use serde_json::{Value, json};

/// A running program, which does not outlive its test.
struct Running {
    child: Child,
    /// Its standard output, as long as somebody reads it.
    out: Option<BufReader<ChildStdout>>,
}

impl Running {
    fn start(arguments: &[&str]) -> Self {
        let mut child = pushscope(arguments).spawn().unwrap();
        let out = child.stdout.take().map(BufReader::new);
        Self { child, out }
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        self.out.as_mut().unwrap().read_line(&mut line).unwrap();
        line
    }

    fn has_ended(&mut self) -> bool {
        self.child.try_wait().unwrap().is_some()
    }

    /// Its exit code, and what it has left to say on either output.
    fn end(mut self) -> (Option<i32>, String, String) {
        let deadline = Instant::now() + PATIENCE;
        let status = loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                break status;
            }
            assert!(Instant::now() < deadline, "it goes on");
            thread::park_timeout(Duration::from_millis(5));
        };
        let (mut out, mut err) = (String::new(), String::new());
        if let Some(rest) = &mut self.out {
            rest.read_to_string(&mut out).unwrap();
        }
        self.child.stderr.take().unwrap().read_to_string(&mut err).unwrap();
        (status.code(), out, err)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A server on a free port.
struct Server {
    running: Running,
    /// Host and port.
    authority: String,
    /// The same as a URL.
    url: String,
}

impl Server {
    fn start() -> Self {
        Self::with(&["--log", "warn"])
    }

    fn with(flags: &[&str]) -> Self {
        let serve = ["serve", "--listen", "127.0.0.1:0"];
        let mut running = Running::start(&[&serve[..], flags].concat());
        let first = running.line();
        let url = first.trim_end().strip_prefix("pushscope listens on ").unwrap().to_owned();
        let url = url.strip_suffix('/').unwrap().to_owned();
        let authority = url.strip_prefix("http://").unwrap().to_owned();
        if let Some(loops) = several_loops() {
            assert_eq!(running.line(), format!("  by          {loops} reactors\n"));
        }
        assert_eq!(running.line(), format!("  look        {url}/\n"));
        assert_eq!(running.line(), format!("  publish     curl -d 'hello' {url}/c/10086\n"));
        assert_eq!(running.line(), format!("  subscribe   curl -N {url}/c/10086/sse\n"));
        assert_eq!(running.line(), format!("  inspect     {url}/inspect\n"));
        Self { running, authority, url }
    }

    fn publish(&self, channel: &str, message: &str) {
        let output = run(&["pub", "--to", &self.url, "--", channel, message]);
        assert_eq!(output.status.code(), Some(0), "{output:?}");
    }

    /// An answer, its head included.
    fn ask(&self, method: &str, target: &str) -> String {
        let mut stream = TcpStream::connect(&self.authority).unwrap();
        let head =
            format!("{method} {target} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
        stream.write_all(head.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
        answer
    }
}

/// How many loops serve by default: one for each core that this process may run on.
fn several_loops() -> Option<usize> {
    let cores = thread::available_parallelism().map_or(1, usize::from).min(limits::LOOPS_MAX);
    (cores > 1).then_some(cores)
}

fn pushscope(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_pushscope"));
    command.args(arguments).env_clear();
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

fn run(arguments: &[&str]) -> Output {
    pushscope(arguments).output().unwrap()
}

/// Runs to the end with an input.
fn run_with(arguments: &[&str], input: &[u8]) -> Output {
    let mut child = pushscope(arguments).stdin(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(input).unwrap();
    child.wait_with_output().unwrap()
}

fn file(name: &str, content: &[u8]) -> PathBuf {
    let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
    fs::write(&path, content).unwrap();
    path
}

fn text(bytes: &[u8]) -> &str {
    str::from_utf8(bytes).unwrap()
}

/// No step of a test takes longer than this, unless it hangs.
const PATIENCE: Duration = Duration::from_secs(20);

/// Every mechanism, by each of its names.
const NAMES: [&str; 9] =
    ["poll", "longpoll", "long_poll", "sse", "ws", "websocket", "iframe", "stream", "xhr_stream"];

#[test]
fn every_mechanism_brings_the_same_messages() {
    let server = Server::start();
    let subscribe = |name: &str| {
        Running::start(&[
            "sub",
            "--to",
            &server.url,
            "a/b é",
            "--as",
            name,
            "--since",
            "all",
            "--interval",
            "0.01",
            "-C",
            "3",
            "--json",
            "--timeout",
            "20",
        ])
    };
    let live: Vec<Running> = NAMES.iter().map(|name| subscribe(name)).collect();
    let first = "two\nlines \"quoted\" \\ </script> 🦀 \u{2028}\r\n";
    server.publish("a/b é", first);
    let place = ["pub", "--to", &server.url, "a/b é"];
    let typed = ["--content-type", "application/octet-stream", "--event", "blob"];
    let output = run_with(&[place, typed].concat(), &[0x00, 0xff, b'\n']);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    server.publish("a/b é", "");
    let late: Vec<Running> = NAMES.iter().map(|name| subscribe(name)).collect();

    let mut all = live.into_iter().chain(late).map(Running::end);
    let (code, expected, err) = all.next().unwrap();
    assert_eq!((code, &*err), (Some(0), ""));
    let messages: Vec<Value> =
        expected.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(messages.len(), 3);
    assert!(messages.iter().all(|message| message["channel"] == "a/b é"));
    assert_eq!(messages[0]["data"], first);
    assert_eq!((&messages[1]["base64"], &messages[1]["event"]), (&"AP8K".into(), &"blob".into()));
    assert_eq!(messages[2]["data"], "");
    for (name, ended) in NAMES.iter().chain(&NAMES).skip(1).zip(all) {
        assert_eq!(ended, (Some(0), expected.clone(), String::new()), "{name}");
    }
}

#[test]
fn lines_are_messages_and_bytes_stay_bytes() {
    let server = Server::start();
    let place = format!("{}/c/lines", server.url);
    let output = run_with(&["pub", &place, "--lines", "--json"], b"one\n\ntwo\r\nthree");
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let answers: Vec<Value> =
        text(&output.stdout).lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(answers.len(), 4);
    assert_eq!((&answers[2]["channel"], &answers[2]["bytes"]), (&"lines".into(), &4.into()));

    let blob = file("blob", &[0x00, 0x1b, 0xff]);
    let output = run(&["pub", &place, "--file", blob.to_str().unwrap()]);
    assert!(text(&output.stdout).ends_with("  no subscribers\n"), "{output:?}");

    let all = ["sub", &place, "--since", "all", "--timeout", "20", "-C", "5"];
    let output = run(&[&all[..], &["--raw"]].concat());
    assert_eq!(output.stdout, b"onetwo\rthree\x00\x1b\xff");
    let output = run(&all);
    assert_eq!(output.stdout, b"one\n\ntwo\r\nthree\nABv/\n");
    assert!(text(&output.stderr).ends_with("is binary: 3 bytes, printed in base64\n"));
}

#[test]
fn exit_codes_say_what_happened() {
    let server = Server::start();
    let url = server.url.as_str();
    let cases: [(i32, &str, &[&str]); 14] = [
        (0, "", &["--help"]),
        (0, "", &["serve", "--print-limits"]),
        (1, "is in use", &["serve", "--listen", &server.authority]),
        (1, "no connection to 127.0.0.1:1", &["pub", "http://127.0.0.1:1", "c", "m"]),
        (1, "(event_name_reserved)", &["pub", url, "c", "m", "--event", "gap"]),
        (1, "(channel_refused)", &["sub", url, "", "--as", "ws"]),
        (2, "TLS is not spoken yet", &["sub", "https://127.0.0.1", "c"]),
        (2, "which channel?", &["sub", "http://127.0.0.1"]),
        (2, "--cors-origin", &["serve", "--origin", "shop.example"]),
        (2, "--park-s must not be more", &["serve", "--park-s", "121"]),
        (2, "at least 0.000001", &["serve", "--stall-s-max", "0"]),
        (2, "at most 64KiB", &["serve", "--head-bytes-max", "65KiB"]),
        (2, "one of poll, long_poll", &["sub", "c", "--as", "smoke"]),
        (124, "the time is over", &["sub", url, "c", "--timeout", "0.05"]),
    ];
    for (code, said, arguments) in cases {
        let output = run(arguments);
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {output:?}");
        assert!(text(&output.stderr).contains(said), "{arguments:?}: {output:?}");
        assert_eq!(code == 0, output.stderr.is_empty(), "{arguments:?}: {output:?}");
    }
}

#[test]
fn a_flag_goes_before_its_variable_and_that_before_the_file() {
    let path = file("settings", b"# comment\nheartbeat-s = 1\nas = ws\nlisten = 127.0.0.1:0\n");
    let path = path.to_str().unwrap();
    let heartbeat = |variable: Option<&str>, flags: &[&str]| {
        let mut command = pushscope(&[&["serve", "--print-limits"][..], flags].concat());
        command.envs(variable.map(|value| ("PUSHSCOPE_HEARTBEAT_S", value)));
        let output = command.output().unwrap();
        let line = text(&output.stdout).lines().find(|line| line.starts_with("heartbeat_us "));
        line.expect("the line").split_whitespace().last().unwrap().to_owned()
    };
    assert_eq!(heartbeat(None, &[]), "15000000");
    assert_eq!(heartbeat(None, &["--config", path]), "1000000");
    assert_eq!(heartbeat(Some("2"), &["--config", path]), "2000000");
    assert_eq!(heartbeat(Some("2"), &["--config", path, "--heartbeat-s", "3"]), "3000000");

    let wrong = file("wrong", b"# comment\n\nheartbeat-s = soon\n");
    let output = run(&["serve", "--config", wrong.to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(2));
    assert!(text(&output.stderr).contains("wrong:3: invalid value 'soon'"), "{output:?}");
}

#[test]
fn a_reader_that_leaves_is_no_failure() {
    let server = Server::start();
    server.publish("c", "first");
    let mut running =
        Running::start(&["sub", "--to", &server.url, "c", "--since", "all", "--timeout", "20"]);
    assert_eq!(running.line(), "first\n");
    running.out = None;
    server.publish("c", "second");
    assert_eq!(running.end(), (Some(0), String::new(), String::new()));
}

#[test]
fn a_channel_that_is_deleted_ends_its_subscribers() {
    let server = Server::start();
    // A short poll is never there to be told.
    for name in NAMES.into_iter().filter(|name| *name != "poll") {
        let mut running =
            Running::start(&["sub", "--to", &server.url, "c", "--as", name, "--timeout", "20"]);
        let deadline = Instant::now() + PATIENCE;
        // A long poll that is between two questions learns nothing of it: its next one makes the
        // channel anew.
        while !running.has_ended() {
            assert!(Instant::now() < deadline, "{name} goes on");
            if !server.ask("GET", "/c/c").contains("\"subscribers\":{}") {
                server.ask("DELETE", "/c/c");
            }
            thread::park_timeout(Duration::from_millis(5));
        }
        let (code, out, err) = running.end();
        assert_eq!((code, &*out), (Some(0), ""), "{name}: {err}");
        let last = err.lines().last().unwrap_or_default();
        assert!(last.starts_with("pushscope: the channel is over: "), "{name}: {err}");
    }
}

#[test]
fn a_server_that_is_told_to_leave_leaves_in_peace() {
    let server = Server::start();
    let pid = server.running.child.id().to_string();
    assert!(Command::new("kill").args(["-TERM", &pid]).status().unwrap().success());
    assert_eq!(server.running.end(), (Some(0), String::new(), String::new()));
}

#[test]
fn the_ledger_tells_what_every_mechanism_has_cost() {
    let server = Server::start();
    let mut subscriber =
        Running::start(&["sub", "--to", &server.url, "news", "--since", "all", "-C", "1"]);
    server.publish("news", "hello");
    assert_eq!(subscriber.line(), "hello\n");
    assert_eq!(subscriber.end().0, Some(0));
    let tables = run(&["ledger", &server.url, "--kernel"]);
    assert_eq!(tables.status.code(), Some(0), "{tables:?}");
    let told = text(&tables.stdout);
    for name in ["poll", "long_poll", "iframe", "xhr_stream", "sse", "websocket"] {
        assert!(told.lines().any(|line| line.split(' ').next() == Some(name)), "{name}: {told}");
    }
    assert!(told.contains("\nEvery account balances"), "{told}");
    assert!(told.lines().all(|line| line.chars().count() <= 100), "{told}");
    assert!(!told.contains('\u{1b}'), "{told}");

    let json = run(&["ledger", "--to", &server.url, "--json"]);
    let statement: Value = serde_json::from_slice(&json.stdout).unwrap();
    let sse = &statement["accounts"][Kind::Sse as usize];
    assert_eq!((&sse["owner"], &sse["deliveries"]), (&json!("sse"), &json!(1)));
    assert_eq!(json.stdout.iter().filter(|byte| **byte == b'\n').count(), 1);

    let snapshot = statement["snapshot"].as_str().unwrap();
    let gained = run(&["ledger", &server.url, "--since", snapshot, "--json"]);
    let gained: Value = serde_json::from_slice(&gained.stdout).unwrap();
    assert_eq!(gained["since"], snapshot);
    assert_eq!(gained["accounts"][Kind::Sse as usize]["deliveries"], 0);
}

#[test]
fn a_receipt_tells_what_one_message_has_cost() {
    let server = Server::start();
    let id = text(&run(&["pub", "--to", &server.url, "a b", "hello"]).stdout).to_owned();
    let id = id.split(' ').next().unwrap();
    let poll = ["sub", "--to", &server.url, "a b", "--as", "poll", "--since", "all", "-C", "1"];
    assert_eq!(run(&poll).stdout, b"hello\n");
    let receipt = run(&["ledger", &server.url, "--receipt", "a b", id]);
    assert_eq!(receipt.status.code(), Some(0), "{receipt:?}");
    assert!(text(&receipt.stdout).starts_with(&format!("{id} of channel a b, ")), "{receipt:?}");
    let receipt = run(&["ledger", &server.url, "--receipt", "a b", id, "--json"]);
    let receipt: Value = serde_json::from_slice(&receipt.stdout).unwrap();
    assert_eq!((&receipt["id"], &receipt["bytes"]), (&json!(id), &json!(5)));
}

#[test]
fn what_the_ledger_cannot_tell_is_said_in_a_sentence() {
    let server = Server::start();
    let cases: [(&[&str], i32, &str); 6] = [
        (&["ledger", "http://127.0.0.1:1"], 1, "pushscope: no connection to 127.0.0.1:1: "),
        (&["ledger", &server.url, "--since", "99"], 1, "pushscope: the server refuses: 404 "),
        (&["ledger", &server.url, "--since", "\n"], 1, "pushscope: the server refuses: 404 "),
        (&["ledger", &server.url, "--receipt", "c", "1-1"], 1, "pushscope: the server refuses: "),
        (&["ledger", &server.url, "--receipt", "c", "x"], 2, "pushscope: x is no message's id"),
        (&["ledger", &server.url, "--watch", "0"], 2, "pushscope: --watch takes "),
    ];
    for (arguments, code, sentence) in cases {
        let output = run(arguments);
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {output:?}");
        assert!(text(&output.stderr).starts_with(sentence), "{arguments:?}: {output:?}");
    }
}

#[test]
fn a_watch_tells_what_has_come_meanwhile_until_nobody_reads_it() {
    let server = Server::start();
    let mut watch = Running::start(&["ledger", &server.url, "--watch", "0.2", "--json"]);
    let mut statement = || -> Value { serde_json::from_str(&watch.line()).unwrap() };
    let first = statement();
    assert_eq!(first["since"], Value::Null);
    assert_eq!(statement()["since"], first["snapshot"]);
    // Others ask so often that its last snapshot gives way to theirs: it begins anew.
    let mut ledger = Ledger::open(&Address::parse(&server.url).unwrap()).unwrap();
    let seen = AtomicBool::new(false);
    let deadline = Instant::now() + PATIENCE;
    thread::scope(|scope| {
        scope.spawn(|| {
            while !seen.load(Ordering::Relaxed) && Instant::now() < deadline {
                ledger.statement(StatementOptions::default()).unwrap();
            }
        });
        while statement()["since"] != Value::Null && Instant::now() < deadline {}
        seen.store(true, Ordering::Relaxed);
        assert!(Instant::now() < deadline, "the last snapshot is always there");
    });
    watch.out = None;
    let (code, _, err) = watch.end();
    assert_eq!(code, Some(0), "{err}");
    assert!(err.starts_with("pushscope: the last snapshot has given way to others"), "{err}");
}
