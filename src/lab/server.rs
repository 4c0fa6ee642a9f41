//! A server as a process of its own, whose memory and time are nobody else's.

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::Duration;

use crate::client::Address;
use crate::lab::LabError;
use crate::sys;

/// A server that runs as a child of this process, and ends with this value, or with the thread that
/// started it, even if that is killed.
#[derive(Debug)]
pub struct Server {
    child: Child,
    address: Address,
}

impl Server {
    /// Runs `program serve --listen 127.0.0.1:0 --reactors 1` with more arguments, and waits until
    /// it listens.
    ///
    /// Variables that would set its flags do not reach it.
    ///
    /// # Errors
    /// [`LabError::Start`], in the server's own words if it has any.
    pub fn start(program: &Path, arguments: &[String]) -> Result<Self, LabError> {
        let mut command = Command::new(program);
        command.args(SERVE).args(arguments);
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("PUSHSCOPE_") {
                command.env_remove(name);
            }
        }
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        sys::die_with_parent(&mut command);
        let mut child = command
            .spawn()
            .map_err(|error| LabError::Start(format!("{}: {error}", program.display())))?;
        let first = child.stdout.take().map(first_line);
        let line = first.and_then(|first| first.recv_timeout(PATIENCE).ok());
        let address = line.as_deref().and_then(address);
        let Some(address) = address else { return Err(LabError::Start(last_words(child))) };
        Ok(Self { child, address })
    }

    /// Where it listens.
    pub const fn address(&self) -> &Address {
        &self.address
    }

    /// The process.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Memory that it shares with nobody, in bytes; none where the kernel does not tell.
    pub fn private_bytes(&self) -> Option<u64> {
        let text = fs::read_to_string(format!("/proc/{}/smaps_rollup", self.pid())).ok()?;
        private_bytes(&text)
    }
}

impl Drop for Server {
    /// Nobody is connected any more who would deserve a goodbye.
    fn drop(&mut self) {
        end(&mut self.child);
    }
}

/// It is killed, if it has not ended already, and waited for: no process is left behind.
fn end(child: &mut Child) {
    let _ = child.kill();
    let _ = child.wait();
}

/// The first line of what it prints; the rest is read, so that it may print.
fn first_line(out: ChildStdout) -> Receiver<String> {
    let (sender, receiver) = channel();
    thread::spawn(move || {
        for line in BufReader::new(out).lines().map_while(Result::ok) {
            // Only the first one is awaited.
            let _ = sender.send(line);
        }
    });
    receiver
}

fn address(line: &str) -> Option<Address> {
    Address::parse(line.split_whitespace().find(|word| word.starts_with("http://"))?).ok()
}

fn last_words(mut child: Child) -> String {
    end(&mut child);
    let mut words = String::new();
    if let Some(mut errors) = child.stderr.take() {
        // What cannot be read is not told.
        let _ = errors.read_to_string(&mut words);
    }
    match words.trim() {
        "" => "it does not say where it listens".to_owned(),
        words => words.trim_start_matches("pushscope: ").to_owned(),
    }
}

/// `Private_Clean` and `Private_Dirty` of a `smaps_rollup` (proc(5)), in bytes.
fn private_bytes(text: &str) -> Option<u64> {
    let kib = |name: &str| -> Option<u64> {
        let line = text.lines().find(|line| line.starts_with(name))?;
        line.split_whitespace().nth(1)?.parse().ok()
    };
    Some((kib("Private_Clean:")? + kib("Private_Dirty:")?) * 1_024)
}

/// By one loop: what a delivery costs is not to depend on how many cores there are, nor on which
/// loop the kernel gives whom to.
const SERVE: [&str; 7] = ["serve", "--listen", "127.0.0.1:0", "--log", "off", "--reactors", "1"];
/// Time in which a server must say where it listens.
const PATIENCE: Duration = Duration::from_secs(10);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_server_is_told_in_its_own_words() {
        let start = |program: &str| {
            let started = Server::start(Path::new(program), &["--more".to_owned()]);
            started.err().map(|error| error.to_string()).unwrap_or_default()
        };
        assert!(start("/nowhere/pushscope").starts_with("the server does not start: /nowhere/"));
        let silent = "the server does not start: it does not say where it listens";
        assert_eq!(start("true"), silent);
    }

    #[test]
    fn memory_that_nobody_shares_is_clean_or_dirty() {
        let text = "Shared_Clean:  900 kB\nPrivate_Clean:  8 kB\nPrivate_Dirty:  16 kB\n";
        assert_eq!(private_bytes(text), Some(24 * 1_024));
        assert_eq!(private_bytes("Rss: 1 kB"), None);
    }

    #[test]
    fn a_server_says_where_it_listens() {
        let found = address("pushscope listens on http://127.0.0.1:41234/");
        assert_eq!(found.map(|address| address.authority().to_owned()).as_deref(), WHERE);
        assert_eq!(address("hello"), None);
    }

    const WHERE: Option<&str> = Some("127.0.0.1:41234");
}
