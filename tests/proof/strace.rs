//! The command under `strace`, and what its loop was seen to call.

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use pushscope::cost::Syscall;

/// `pushscope serve`, watched.
pub(crate) struct Strace {
    /// None once it has ended.
    strace: Option<Child>,
    file: PathBuf,
    pub(crate) address: SocketAddr,
}

/// A call that the loop was seen to make.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Seen {
    line: String,
    is_of_signals: bool,
}

impl Strace {
    /// Whether there is an `strace` that may watch; why not, if there is none.
    pub(crate) fn check() -> Result<(), String> {
        let tried = Command::new("strace").args(["-o", "/dev/null", "true"]).output();
        match tried {
            Ok(output) if output.status.success() => Ok(()),
            Ok(output) => Err(String::from_utf8_lossy(&output.stderr).into_owned()),
            Err(error) => Err(error.to_string()),
        }
    }

    /// Starts the server.
    pub(crate) fn serve(arguments: &[&str]) -> Self {
        let name = format!("strace-{}", std::process::id());
        let file = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
        let mut strace = Command::new("strace")
            .args(["-f", "-qq", "-e", "signal=none", "-s", "128", "-o"])
            .arg(&file)
            .args([env!("CARGO_BIN_EXE_pushscope"), "serve", "--listen", "127.0.0.1:0"])
            // What is watched is one thread.
            .args(["--reactors", "1"])
            .args(arguments)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(strace.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
        let address = line.trim_end().strip_prefix("pushscope listens on http://").unwrap();
        let address = address.trim_end_matches('/').parse().unwrap();
        Self { strace: Some(strace), file, address }
    }

    /// Sends the server a signal, by its name.
    pub(crate) fn signal(&self, name: &str) {
        // The first line is the server's own start.
        let text = fs::read_to_string(&self.file).unwrap_or_default();
        if let Some((id, _)) = text.split_once(' ') {
            let _ = Command::new("kill").args(["-s", name, id]).status();
        }
    }

    /// Ends it, and tells what its loop has called from the call that carried the first mark, and
    /// without it, to the one that carried the last, and with it.
    pub(crate) fn between(mut self, first: &str, last: &str) -> Vec<Seen> {
        self.end();
        let text = fs::read_to_string(&self.file).unwrap();
        let calls = whole(&text);
        let place = |mark| calls.iter().position(|(_, line)| line.contains(mark)).expect("a mark");
        let (first, last) = (place(first), place(last));
        let (thread, _) = calls[first];
        let signals = signal_sockets(&calls);
        let seen = calls[first + 1..=last].iter().filter(|(of, _)| *of == thread);
        seen.map(|(_, line)| Seen {
            line: line.clone(),
            is_of_signals: signals.iter().any(|socket| line.starts_with(socket)),
        })
        .collect()
    }

    /// Has the server leave, and `strace` with it: it would leave the server behind.
    fn end(&mut self) {
        let Some(mut strace) = self.strace.take() else { return };
        self.signal("KILL");
        let _ = strace.wait();
    }
}

impl Drop for Strace {
    fn drop(&mut self) {
        self.end();
        let _ = fs::remove_file(&self.file);
    }
}

impl Seen {
    /// The kernel's name of it.
    pub(crate) fn name(&self) -> &str {
        self.line.split('(').next().unwrap()
    }

    /// Under which name the ledger books it, if it does.
    pub(crate) fn booked(&self) -> Option<Syscall> {
        if self.is_of_signals {
            return None;
        }
        let whole = |call, short| if self.is_whole() { call } else { short };
        let done = |call, blocked| if self.result() >= 0 { call } else { blocked };
        Some(match self.name() {
            "accept4" => done(Syscall::Accept, Syscall::AcceptBlocked),
            "epoll_ctl" => Syscall::EpollCtl,
            "recvfrom" => done(Syscall::Read, Syscall::ReadBlocked),
            "sendto" => whole(Syscall::Send, Syscall::SendShort),
            "writev" => whole(Syscall::Writev, Syscall::WritevShort),
            "shutdown" => Syscall::Shutdown,
            "setsockopt" => Syscall::Setsockopt,
            "getsockopt" => Syscall::Getsockopt,
            "getpeername" => Syscall::Getpeername,
            "close" => Syscall::Close,
            // The C library of some machines has the one, of others the other.
            "epoll_wait" | "epoll_pwait" => Syscall::EpollWait,
            "write" if !self.is_of_log() => Syscall::Wake,
            "clock_gettime" if self.line.contains("CLOCK_THREAD_CPUTIME_ID") => Syscall::CpuClock,
            _ => return None,
        })
    }

    /// Whether it writes to the standard error.
    pub(crate) fn is_of_log(&self) -> bool {
        self.line.starts_with("write(2,")
    }

    /// Whether a signal has caused it: its handler writes to a socket, which the loop reads.
    pub(crate) fn is_of_signals(&self) -> bool {
        self.is_of_signals || self.name() == "rt_sigreturn"
    }

    fn result(&self) -> i64 {
        let (_, result) = self.line.rsplit_once(" = ").unwrap();
        result.split(' ').next().unwrap().parse().unwrap()
    }

    /// Whether the kernel took everything that it was offered.
    fn is_whole(&self) -> bool {
        let (call, _) = self.line.rsplit_once(" = ").unwrap();
        let offered: i64 = match self.name() {
            "sendto" => call.rsplit(", ").nth(3).unwrap().parse().unwrap(),
            _ => {
                assert!(!call.contains("...]"), "not all pieces are told: {call}");
                let lengths = call.split("iov_len=").skip(1);
                lengths.map(|rest| rest.split('}').next().unwrap().parse::<i64>().unwrap()).sum()
            }
        };
        self.result() == offered
    }
}

/// How calls begin that are made on the sockets through which signals come.
fn signal_sockets(calls: &[(u32, String)]) -> Vec<String> {
    let made = calls.iter().filter(|(_, line)| line.starts_with("socketpair("));
    let pairs = made.filter_map(|(_, line)| line.split_once('[')?.1.split_once(']'));
    let sockets = pairs.flat_map(|(pair, _)| pair.split(", "));
    sockets.flat_map(|fd| [format!("recvfrom({fd},"), format!("sendto({fd},")]).collect()
}

/// Every call with its thread, those whole again that another thread's has interrupted.
fn whole(text: &str) -> Vec<(u32, String)> {
    let mut begun: BTreeMap<u32, String> = BTreeMap::new();
    let mut calls = Vec::new();
    for line in text.lines() {
        let (thread, line) = line.split_once(' ').unwrap();
        let (thread, line) = (thread.parse().unwrap(), line.trim_start());
        if let Some(beginning) = line.strip_suffix(" <unfinished ...>") {
            begun.insert(thread, beginning.to_owned());
        } else if let Some((_, rest)) = line.split_once(" resumed>") {
            calls.push((thread, begun.remove(&thread).unwrap() + rest));
        } else if line.contains('(') {
            calls.push((thread, line.to_owned()));
        }
    }
    calls
}
