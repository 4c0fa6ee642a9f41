//! The loopback, captured.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use crate::talk::PATIENCE;

/// `dumpcap`, at work.
pub(crate) struct Capture {
    dumpcap: Child,
    file: Captured,
}

/// What it has written, which is removed in the end.
pub(crate) struct Captured(PathBuf);

impl Captured {
    pub(crate) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Captured {
    fn drop(&mut self) {
        // It is not there if nothing was captured.
        let _ = fs::remove_file(&self.0);
    }
}

/// Whether there is a `tshark`, and a `dumpcap` that may listen to the loopback; why not, if not.
pub(crate) fn check() -> Result<(), String> {
    for (program, arguments) in
        [("tshark", &["--version"][..]), ("dumpcap", &["-q", "-i", "lo", "-L"])]
    {
        match Command::new(program).args(arguments).output() {
            Ok(output) if output.status.success() => {}
            Ok(output) => return Err(String::from_utf8_lossy(&output.stderr).into_owned()),
            Err(error) => return Err(format!("{program}: {error}")),
        }
    }
    Ok(())
}

impl Capture {
    /// Begins with what passes this port.
    pub(crate) fn begin(port: u16) -> Self {
        let name = format!("tshark-{}.pcapng", std::process::id());
        let file = Captured(PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name));
        let mut dumpcap = Command::new("dumpcap")
            .args(["-q", "-i", "lo", "-f", &format!("tcp port {port}"), "-w"])
            .arg(file.path())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let stderr = BufReader::new(dumpcap.stderr.take().unwrap());
        let capture = Self { dumpcap, file };
        let mut said = String::new();
        // It names its file as soon as it listens.
        for line in stderr.lines() {
            said += &line.unwrap();
            if said.contains("File: ") {
                return capture;
            }
        }
        panic!("dumpcap does not listen: {said}");
    }

    /// Ends behind what `last` says, which has [`LAST`] in it.
    pub(crate) fn end(mut self, last: impl FnOnce() -> Vec<u8>) -> Captured {
        last();
        let deadline = Instant::now() + PATIENCE;
        let is_captured = || {
            let bytes = fs::read(self.file.path()).unwrap_or_default();
            bytes.windows(LAST.len()).any(|window| window == LAST.as_bytes())
        };
        while !is_captured() {
            assert!(Instant::now() < deadline, "dumpcap does not write what it has heard");
            // Nobody says when it has written.
            thread::park_timeout(Duration::from_millis(20));
        }
        let process = self.dumpcap.id().to_string();
        let told = Command::new("kill").args(["-s", "INT", &process]).status().unwrap();
        assert!(told.success());
        assert!(self.dumpcap.wait().unwrap().success());
        std::mem::replace(&mut self.file, Captured(PathBuf::new()))
    }
}

impl Drop for Capture {
    fn drop(&mut self) {
        // After a failure it is still there.
        let _ = self.dumpcap.kill();
        let _ = self.dumpcap.wait();
    }
}

/// The target of the last request: when it is captured, all is.
pub(crate) const LAST: &str = "/healthz?the-last-words-of-this-capture";
