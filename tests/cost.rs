//! The experiment as users run it: the command, its servers, real subscribers.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may panic")]

use std::fs;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;

const KINDS: [&str; 6] = ["poll", "long_poll", "iframe", "xhr_stream", "sse", "websocket"];

fn cost(arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_pushscope"));
    command.arg("cost").args(arguments).env_clear().stdin(Stdio::null());
    command.output().unwrap()
}

/// Exit code 0, or 1 when the machine was too busy to measure times, which is no failure here.
fn text(output: &Output) -> &str {
    let complaint = str::from_utf8(&output.stderr).unwrap();
    let busy = complaint.split("; ").all(|refused| refused.contains("the client was the bottle"));
    assert!(complaint.is_empty() || busy, "{complaint}");
    assert_eq!(output.status.code(), Some(i32::from(!complaint.is_empty())), "{output:?}");
    str::from_utf8(&output.stdout).unwrap()
}

/// The median of a column.
fn median(row: &Value, question: &str, column: &str) -> f64 {
    let median = row[question][column]["median"].as_f64();
    median.unwrap_or_else(|| panic!("{question} {column}: {row:#}"))
}

#[track_caller]
fn expect(row: &Value, question: &str, column: &str, expected: f64) {
    let found = median(row, question, column);
    assert!(
        (found - expected).abs() < 1e-6,
        "{question} {column}: {found}, not {expected}: {row:#}"
    );
}

#[test]
fn every_mechanism_costs_what_its_formula_says() {
    let output = cost(&[
        "--subscribers",
        "5",
        "--messages",
        "10",
        "--rate",
        "20",
        "--quiet",
        "2",
        "--interval",
        "0.5",
        "--together",
        "--json",
    ]);
    let experiment: Value = serde_json::from_str(text(&output)).unwrap();
    let rows = experiment["rows"].as_array().unwrap();
    let names: Vec<&str> = rows.iter().filter_map(|row| row["mechanism"].as_str()).collect();
    assert_eq!(names, KINDS);
    let [poll, long_poll, iframe, xhr_stream, sse, websocket] = &rows[..] else { panic!() };

    // Nine ids of 13 + 1 + 1 characters, and one of 13 + 1 + 2.
    expect(sse, "message", "down_bytes", 64.0 + 13.0 + 15.1);
    expect(sse, "message", "overhead_factor", (64.0 + 13.0 + 15.1) / 64.0);
    expect(websocket, "message", "down_bytes", 64.0 + 2.0);
    for stream in [iframe, xhr_stream, sse, websocket] {
        expect(stream, "message", "up_bytes", 0.0);
        // accept, epoll_ctl, one read, one write.
        expect(stream, "open", "calls", 4.0);
    }
    for row in rows {
        assert!(median(row, "message", "overhead_factor") > 1.0, "{row:#}");
        assert!(median(row, "open", "segments") >= 4.0, "{row:#}");
    }

    // Heartbeats of 3 bytes every 15 s, pings of 2 and pongs of 6 every 25 s, parks of 25 s, and a
    // short poll every 0.5 s.
    expect(sse, "quiet", "down_bytes", 3.0 * 60.0 / 15.0);
    expect(websocket, "quiet", "down_bytes", 2.0 * 60.0 / 25.0);
    expect(websocket, "quiet", "up_bytes", 6.0 * 60.0 / 25.0);
    expect(long_poll, "quiet", "calls", 2.0 * 60.0 / 25.0);
    expect(poll, "quiet", "calls", 2.0 * 60.0 / 0.5);

    // A close frame with its code: masked 8 bytes, bare 4.
    expect(websocket, "close", "up_bytes", 8.0);
    expect(websocket, "close", "down_bytes", 4.0);
    expect(sse, "close", "up_bytes", 0.0);
}

#[test]
fn an_experiment_is_told_as_text_and_as_csv_and_as_a_page() {
    let brief = ["--subscribers", "2", "--messages", "3", "--quiet", "0", "--interval", "0.1"];
    let csv = cost(&[&brief[..], &["--csv"]].concat());
    let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("costs.html");
    let html = cost(&[&brief[..], &["--html", path.to_str().unwrap()]].concat());
    let page = fs::read_to_string(&path).unwrap();
    for kind in KINDS {
        assert!(text(&csv).contains(&format!("message,{kind},down_bytes,bytes,")), "{kind}");
        assert!(text(&html).contains(kind), "{kind}");
        assert!(page.contains(kind), "{kind}");
    }
    assert!(page.starts_with("<!doctype html>"), "{page:.40}");
    let told = text(&html).split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(told.contains(&format!(" --html {}", path.to_str().unwrap())), "{told}");
}

#[test]
fn what_cannot_be_measured_is_refused_at_once() {
    let cases: [(i32, &str, &[&str]); 8] = [
        (2, "needs a mechanism, a subscriber", &["--subscribers", "0"]),
        (2, "at most 10,000", &["--rate", "nan"]),
        (2, "at most 1 MiB", &["--size", "2MiB"]),
        (2, "no room for two short polls", &["--interval", "3"]),
        (2, "at most ten minutes", &["--messages", "1000", "--rate", "1"]),
        (2, "one of poll, long_poll", &["--mechanisms", "sse,smoke"]),
        (2, "cannot be used with", &["--json", "--csv"]),
        (1, "descriptors", &["--subscribers", "4000000000"]),
    ];
    for (code, said, arguments) in cases {
        let output = cost(arguments);
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {output:?}");
        let complaint = str::from_utf8(&output.stderr).unwrap();
        assert!(complaint.contains(said), "{arguments:?}: {complaint}");
    }
}

#[test]
fn a_page_that_cannot_be_written_is_refused_before_anything_is_measured() {
    let begun = Instant::now();
    let output = cost(&["--quiet", "60", "--html", "/nowhere/costs.html"]);
    assert!(begun.elapsed() < Duration::from_secs(30), "{:?}", begun.elapsed());
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let complaint = str::from_utf8(&output.stderr).unwrap();
    assert!(complaint.contains("/nowhere/costs.html cannot be written"), "{complaint}");
}

#[test]
fn who_is_killed_leaves_no_server_behind() {
    let mut command = Command::new(env!("CARGO_BIN_EXE_pushscope"));
    command.args(["cost", "--quiet", "60"]).env_clear();
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let mut parent = command.spawn().unwrap();
    let server = until(|| server_of(parent.id()));
    // SIGKILL: nobody can clean up after that.
    parent.kill().unwrap();
    parent.wait().unwrap();
    until(|| (!is_running(server)).then_some(()));
}

/// The server that a process has started.
fn server_of(parent: u32) -> Option<u32> {
    let entries = fs::read_dir("/proc").unwrap();
    let mut processes = entries.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
    processes.find(|process| {
        let line = fs::read(format!("/proc/{process}/cmdline")).unwrap_or_default();
        stat(*process).is_some_and(|(_, its_parent)| its_parent == parent)
            && line.split(|byte| *byte == 0).any(|word| word == b"serve")
    })
}

/// Who has ended and whom nobody has waited for yet does not run.
fn is_running(process: u32) -> bool {
    stat(process).is_some_and(|(state, _)| !matches!(state, 'Z' | 'X'))
}

/// The state of a process, and its parent (proc_pid_stat(5)).
fn stat(process: u32) -> Option<(char, u32)> {
    let text = fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    let mut fields = text.rsplit_once(')')?.1.split_whitespace();
    Some((fields.next()?.chars().next()?, fields.next()?.parse().ok()?))
}

/// Waits for what is to happen.
fn until<T>(happened: impl Fn() -> Option<T>) -> T {
    let deadline = Instant::now() + Duration::from_secs(20);
    loop {
        if let Some(it) = happened() {
            return it;
        }
        assert!(Instant::now() < deadline, "it has not happened");
        thread::yield_now();
    }
}
