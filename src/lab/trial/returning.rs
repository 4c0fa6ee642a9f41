//! A server whose event streams end at once, and clients that come back to it: after how long?

use std::env;
use std::ffi::{OsStr, OsString};
use std::fs;
use std::io::{self, ErrorKind, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use super::Mistrial;

/// A server whose event streams end at once.
#[derive(Debug)]
pub(super) struct Returning {
    listener: TcpListener,
}

impl Returning {
    /// Listens on a free port.
    pub(super) fn bind() -> Result<Self, Mistrial> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        listener.set_nonblocking(true)?;
        Ok(Self { listener })
    }

    /// Where it listens.
    pub(super) fn authority(&self) -> Result<String, Mistrial> {
        Ok(self.listener.local_addr()?.to_string())
    }

    /// After how long a client comes back, having been told each of these times or nothing.
    pub(super) fn waits(
        &self,
        told: &[Option<Duration>],
        deadline: Instant,
    ) -> Result<Vec<Duration>, Mistrial> {
        let mut waits = Vec::new();
        let mut ended: Option<Instant> = None;
        loop {
            let (mut stream, came) = self.accept(deadline)?;
            let Some(question) = question(&mut stream) else { continue };
            if !question.contains("/sse") {
                // A browser that hangs up is one that has what it wants.
                let _ = stream.write_all(&page(&question));
                continue;
            }
            waits.extend(ended.map(|ended| came - ended));
            let Some(told) = told.get(waits.len()) else { return Ok(waits) };
            stream.write_all(&brief_stream(*told))?;
            drop(stream);
            ended = Some(Instant::now());
        }
    }

    fn accept(&self, deadline: Instant) -> Result<(TcpStream, Instant), Mistrial> {
        loop {
            match self.listener.accept() {
                Ok((stream, _)) => {
                    let came = Instant::now();
                    stream.set_nonblocking(false)?;
                    stream.set_read_timeout(Some(HEAD_TIME))?;
                    return Ok((stream, came));
                }
                Err(error) if error.kind() != ErrorKind::WouldBlock => return Err(error.into()),
                Err(_) if Instant::now() >= deadline => {
                    return Err(Mistrial::new("a client did not come back"));
                }
                Err(_) => thread::park_timeout(PAUSE),
            }
        }
    }
}

/// A browser without a window, and a profile that ends with it.
#[derive(Debug)]
pub(super) struct Browser {
    child: Child,
    profile: PathBuf,
}

impl Browser {
    /// A Chromium on the path, if there is one.
    pub(super) fn find() -> Option<PathBuf> {
        find(&env::var_os("PATH")?)
    }

    /// Opens a page.
    pub(super) fn open(program: &Path, url: &str) -> io::Result<Self> {
        let profile = env::temp_dir().join(format!("pushscope-trial-{}", std::process::id()));
        let mut command = Command::new(program);
        // It is shown nothing but our own page, and root has no sandbox.
        command.args(["--headless", "--no-sandbox", "--disable-gpu", "--no-first-run"]);
        command.arg("--remote-debugging-port=0").arg(user_data(&profile)).arg(url);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        Ok(Self { child: command.spawn()?, profile })
    }
}

impl Drop for Browser {
    /// Its other processes end with it; until then they may still write.
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        for _ in 0..PROFILE_TRIES {
            match fs::remove_dir_all(&self.profile) {
                Err(error) if error.kind() != ErrorKind::NotFound => thread::park_timeout(LINGER),
                _ => return,
            }
        }
    }
}

fn find(path: &OsStr) -> Option<PathBuf> {
    let places = env::split_paths(path);
    let mut programs = places.flat_map(|place| BROWSERS.map(|name| place.join(name)));
    programs.find(|program| program.is_file())
}

fn user_data(profile: &Path) -> OsString {
    let mut argument = OsString::from("--user-data-dir=");
    argument.push(profile);
    argument
}

/// The first line of a request, once its head is there; none from who says nothing.
fn question(stream: &mut TcpStream) -> Option<String> {
    let (mut head, mut buffer) = (Vec::new(), [0; 4_096]);
    while !head.windows(4).any(|end| end == b"\r\n\r\n") {
        match stream.read(&mut buffer) {
            Ok(count) if count > 0 && head.len() < HEAD_BYTES_MAX => {
                head.extend_from_slice(buffer.get(..count)?);
            }
            _ => return None,
        }
    }
    Some(String::from_utf8_lossy(&head).lines().next()?.to_owned())
}

/// The page that subscribes, or that there is no other one.
fn page(question: &str) -> Vec<u8> {
    let (status, content) = match question.starts_with("GET / ") {
        true => ("200 OK", PAGE),
        false => ("404 Not Found", ""),
    };
    let length = content.len();
    format!(
        "HTTP/1.1 {status}\r\nContent-Type: text/html\r\nContent-Length: {length}\r\n\
         Connection: close\r\n\r\n{content}"
    )
    .into_bytes()
}

/// An event stream without an event.
fn brief_stream(told: Option<Duration>) -> Vec<u8> {
    let retry = told.map(|told| format!("retry: {}\n\n", told.as_millis())).unwrap_or_default();
    format!(
        "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n\
         id: 1-0\n\n{retry}"
    )
    .into_bytes()
}

const PAGE: &str = "<!doctype html><title>t</title><script>new EventSource('/c/t/sse')</script>";
const BROWSERS: [&str; 3] = ["chromium", "chromium-browser", "google-chrome"];
/// Time for a head: a browser also makes connections that it has no use for yet.
const HEAD_TIME: Duration = Duration::from_millis(100);
const HEAD_BYTES_MAX: usize = 16 * 1_024;
const PAUSE: Duration = Duration::from_millis(1);
const LINGER: Duration = Duration::from_millis(50);
const PROFILE_TRIES: u32 = 40;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_does_not_come_back_is_not_awaited_for_ever() {
        let returning = Returning::bind().unwrap();
        let waits = returning.waits(&[None], Instant::now());
        assert_eq!(waits, Err(Mistrial::new("a client did not come back")));
    }

    #[test]
    fn a_browser_is_looked_for_on_the_path() {
        assert_eq!(find(OsStr::new("/nowhere:/neither")), None);
        assert!(page("GET / HTTP/1.1").ends_with(PAGE.as_bytes()));
        assert!(page("GET /favicon.ico HTTP/1.1").starts_with(b"HTTP/1.1 404 "));
    }
}
