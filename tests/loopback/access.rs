//! Tokens in files, and what SIGHUP makes of them: only a process has signals.

use std::fs::{self, File};
use std::os::unix::process::ExitStatusExt;
use std::path::PathBuf;

use crate::peer::{Peer, Response, eventually};
use crate::server::Process;

/// Files of one test.
struct Scratch(PathBuf);

impl Scratch {
    fn new(name: &str) -> Self {
        let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
        fs::create_dir_all(&folder).unwrap();
        Self(folder)
    }

    fn path(&self, name: &str) -> String {
        self.0.join(name).to_str().unwrap().to_owned()
    }

    fn write(&self, name: &str, content: &str) {
        fs::write(self.path(name), content).unwrap();
    }

    fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap()
    }
}

fn publish(process: &Process, token: &str) -> Response {
    let mut peer = Peer::connect(process.address);
    let head = "POST /c/n HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\n";
    peer.say(format!("{head}Authorization: Bearer {token}\r\n\r\nhello").as_bytes());
    peer.response()
}

#[test]
fn sighup_reads_the_tokens_anew_and_keeps_them_where_anything_is_wrong() {
    let scratch = Scratch::new("sighup");
    let [publishers, readers] = ["publishers", "readers"].map(|name| scratch.path(name));
    scratch.write("publishers", "# the shop\nfirst-publisher\n");
    scratch.write("readers", "leaving-reader\nstaying-reader\n");
    let arguments = ["--publish-token-file", &publishers, "--subscribe-token-file", &readers];
    let log = File::create(scratch.path("log")).unwrap();
    let process = Process::serve_logging(&[&arguments[..], &["--log", "debug"]].concat(), log);
    assert_eq!(publish(&process, "first-publisher").status, 202);
    assert_eq!(publish(&process, "second-publisher").status, 403);
    let mut leaving = Peer::connect(process.address);
    leaving.upgrade("/c/n/ws?token=leaving-reader");
    let mut staying = Peer::connect(process.address);
    staying.get("/c/n/sse?token=staying-reader");
    assert!(String::from_utf8(staying.until(b"\r\n\r\n")).unwrap().starts_with("HTTP/1.1 200 "));

    scratch.write("publishers", "second-publisher\n");
    scratch.write("readers", "staying-reader\n");
    process.signal("HUP");
    eventually("the new token is good", || publish(&process, "second-publisher").status == 201);
    assert_eq!(publish(&process, "first-publisher").status, 403);
    let close = [&1008_u16.to_be_bytes()[..], b"token_refused"].concat();
    assert_eq!(leaving.frame(), (0x88, close));
    staying.until(b"data: hello\n");

    // An empty file would let in everybody, and half of the rules are none.
    scratch.write("publishers", "third-publisher\n");
    for (count, content) in (1..).zip([Some(""), Some("# none\n"), Some("not a token\n"), None]) {
        match content {
            Some(content) => scratch.write("readers", content),
            None => fs::remove_file(&readers).unwrap(),
        }
        process.signal("HUP");
        let kept = || scratch.read("log").matches("the tokens stay as they were").count();
        eventually("the log says so", || kept() == count);
        assert_eq!(publish(&process, "second-publisher").status / 100, 2, "{content:?}");
        assert_eq!(publish(&process, "third-publisher").status, 403, "{content:?}");
    }
    assert_eq!(Peer::connect(process.address).ask("/c/n/poll").status, 401);

    scratch.write("readers", "staying-reader\n");
    process.signal("HUP");
    eventually("the third is good", || publish(&process, "third-publisher").status / 100 == 2);
    let log = scratch.read("log");
    assert!(log.contains("readers:1: a token is 8 to 512 "), "{log}");
    assert!(log.contains("readers: there is no token in it"), "{log}");
    for secret in ["first-publisher", "second-", "third-", "leaving-", "staying-", "not a token"] {
        assert!(!log.contains(secret), "{secret} is in {log}");
    }
    process.signal("TERM");
    assert_eq!(process.end().code(), Some(0));
}

#[test]
fn sighup_hands_the_new_tokens_to_every_loop() {
    let scratch = Scratch::new("sighup-loops");
    let publishers = scratch.path("publishers");
    scratch.write("publishers", "first-publisher\n");
    let process = Process::serve(&["--publish-token-file", &publishers, "--reactors", "2"]);
    // Enough new connections for every loop to have some.
    let all =
        |token: &str, class: u16| (0..32).all(|_| publish(&process, token).status / 100 == class);
    assert!(all("first-publisher", 2) && all("second-publisher", 4));
    scratch.write("publishers", "second-publisher\n");
    process.signal("HUP");
    eventually("the new token is good everywhere", || all("second-publisher", 2));
    assert!(all("first-publisher", 4), "a loop has the old token still");
    process.signal("TERM");
    assert_eq!(process.end().code(), Some(0));
}

#[test]
fn without_files_of_tokens_sighup_is_what_it_always_is() {
    let process = Process::serve(&["--publish-token", "said-in-words"]);
    assert_eq!(publish(&process, "said-in-words").status, 202);
    process.signal("HUP");
    assert_eq!(process.end().signal(), Some(1));
}
