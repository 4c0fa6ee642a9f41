//! What the benches across processes share: servers on one core, the load on another, and figures
//! that are compared within one run.
//!
//! A server that is kept on one core takes that for all there are, and is one loop, like the peers
//! that it is compared with.
//!
//! The server's CPU time is the kernel's word (`/proc/PID/task/*/schedstat`), user and system
//! together. The load works in rounds: it writes to every connection, then it reads from every
//! one what that asks for. The sides take turns, a fraction of a second each, and what is told is
//! the median of the ratios of neighbours: what else the machine does meets both.
#![allow(dead_code, reason = "each bench needs some of it")]

use std::fs;
use std::io::{BufRead, BufReader, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{self, Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

/// A server in a process of its own, on a core of its own.
pub(crate) struct Server {
    pub(crate) name: &'static str,
    pub(crate) address: SocketAddr,
    child: Child,
    /// Where its configuration lies.
    directory: Option<PathBuf>,
}

impl Server {
    /// The server of this package, as it was built for this bench.
    pub(crate) fn ours() -> Self {
        Self::pushscope("pushscope", pinned(env!("CARGO_BIN_EXE_pushscope")), &[])
    }

    /// The same with so many loops, on whichever cores there are; who is silent is left in peace.
    pub(crate) fn of_loops(count: usize) -> Self {
        let command = Command::new(env!("CARGO_BIN_EXE_pushscope"));
        let count = count.to_string();
        let more = ["--reactors", &count, "--heartbeat-s", "0", "--ping-s", "0"];
        Self::pushscope("pushscope", command, &more)
    }

    /// Another build of it, if `PUSHSCOPE_FORMER` names one: what has a change brought?
    pub(crate) fn former() -> Option<Self> {
        let program = std::env::var_os("PUSHSCOPE_FORMER")?;
        Some(Self::pushscope("former", pinned(program), &[]))
    }

    fn pushscope(name: &'static str, mut command: Command, more: &[&str]) -> Self {
        command.args(["serve", "--listen", "127.0.0.1:0", "--log", "error"]).args(more);
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let mut said = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut said).unwrap();
        let address = said.trim_end().trim_end_matches('/').rsplit('/').next().unwrap();
        Self { name, address: address.parse().unwrap(), child, directory: None }
    }

    /// nginx with these modules and locations, if they are installed.
    pub(crate) fn nginx(modules: &str, locations: &str) -> Option<Self> {
        let directory = std::env::temp_dir().join(format!("pushscope-bench-{}", process::id()));
        fs::create_dir_all(&directory).unwrap();
        let address = free();
        let settings = format!("{modules}\n{}", NGINX.replace("ADDRESS", &address.to_string()));
        let file = directory.join("nginx.conf");
        fs::write(&file, settings.replace("LOCATIONS", locations)).unwrap();
        let mut command = pinned("nginx");
        command.arg("-p").arg(&directory).arg("-c").arg(&file).args(["-e", "error.log"]);
        let mut found = Self::peer("nginx", command, address);
        match &mut found {
            Some(server) => server.directory = Some(directory),
            None => {
                let _ = fs::remove_dir_all(directory);
                eprintln!("not compared with nginx: `apt-get install nginx libnginx-mod-nchan`");
            }
        }
        found
    }

    /// uWebSockets, which sends back what comes at `/echo`, if it was built.
    pub(crate) fn uws() -> Option<Self> {
        let address = free();
        let mut command = pinned(concat!(env!("CARGO_MANIFEST_DIR"), "/target/uws/echo"));
        command.arg(address.port().to_string());
        let found = Self::peer("uWebSockets", command, address);
        if found.is_none() {
            eprintln!("not compared with uWebSockets: benches/echo.rs says how it is built");
        }
        found
    }

    /// Another server, which is to listen there; none if it does not.
    pub(crate) fn peer(
        name: &'static str,
        mut command: Command,
        address: SocketAddr,
    ) -> Option<Self> {
        let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().ok()?;
        let until = Instant::now() + PATIENCE;
        while Instant::now() < until && child.try_wait().unwrap().is_none() {
            if TcpStream::connect(address).is_ok() {
                return Some(Self { name, address, child, directory: None });
            }
            thread::yield_now();
        }
        let _ = child.kill();
        let _ = child.wait();
        None
    }

    /// The CPU time of all its threads so far, in nanoseconds.
    pub(crate) fn cpu_ns(&self) -> u64 {
        let threads = fs::read_dir(format!("/proc/{}/task", self.child.id())).unwrap();
        let spent = threads.map(|thread| {
            let told = fs::read_to_string(thread.unwrap().path().join("schedstat")).unwrap();
            told.split(' ').next().unwrap().parse::<u64>().unwrap()
        });
        spent.sum()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if let Some(directory) = &self.directory {
            let _ = fs::remove_dir_all(directory);
        }
    }
}

/// What is asked of a server, round by round.
pub(crate) trait Load {
    /// One round; returns how many answers it has read.
    fn round(&mut self) -> u64;
}

/// How long is measured.
#[derive(Clone, Copy)]
pub(crate) struct Effort {
    /// Times that the sides take turns.
    pub(crate) passes: usize,
    /// How long a turn is, at least.
    pub(crate) span: Duration,
}

impl Effort {
    /// A moment, unless cargo says that it is to be measured (`cargo bench`).
    pub(crate) fn asked() -> Self {
        match is_measured() {
            true => Self { passes: 15, span: Duration::from_millis(300) },
            false => Self { passes: 1, span: Duration::from_millis(20) },
        }
    }
}

/// Whether this is `cargo bench`, and no test of whether it runs.
pub(crate) fn is_measured() -> bool {
    std::env::args().any(|argument| argument == "--bench")
}

/// Lets the sides take turns, and prints the server's CPU time per answer of each, and how the
/// first compares with the others; returns names and nanoseconds.
pub(crate) fn compare<L: Load>(
    question: &str,
    sides: &mut [(&Server, L)],
) -> Vec<(&'static str, f64)> {
    let effort = Effort::asked();
    let mut figures = vec![Vec::new(); sides.len()];
    for _ in 0..effort.passes {
        for ((server, load), figures) in sides.iter_mut().zip(&mut figures) {
            let before = server.cpu_ns();
            let (until, mut answers) = (Instant::now() + effort.span, 0);
            while answers == 0 || Instant::now() < until {
                answers += load.round();
            }
            figures.push((server.cpu_ns() - before) as f64 / answers as f64);
        }
    }
    let (ours, others) = figures.split_first().unwrap();
    for ((server, _), figures) in sides.iter().zip(&figures) {
        println!("{question:<25} {:<24} {:>9.2} µs", server.name, quartile(figures, 2) / 1_000.0);
    }
    for ((server, _), theirs) in sides.iter().skip(1).zip(others) {
        let ratios: Vec<f64> = ours.iter().zip(theirs).map(|(our, their)| our / their).collect();
        let [low, middle, high] = [1, 2, 3].map(|quarter| quartile(&ratios, quarter));
        println!("{question:<25} against {:<16} {middle:>9.2} ({low:.2}–{high:.2})", server.name);
    }
    let names = sides.iter().map(|(server, _)| server.name);
    names.zip(figures.iter().map(|figures| quartile(figures, 2))).collect()
}

/// The quartile of that number: 2 is the median.
pub(crate) fn quartile(figures: &[f64], quarter: usize) -> f64 {
    let mut sorted = figures.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted[(sorted.len() - 1) * quarter / 4]
}

/// Connections of which each has the same asked in every round, and reads so much.
pub(crate) struct Lockstep {
    pub(crate) connections: Vec<TcpStream>,
    pub(crate) request: Vec<u8>,
    pub(crate) answer_bytes: usize,
    /// Answers that one request asks for.
    pub(crate) answers: u64,
}

impl Load for Lockstep {
    fn round(&mut self) -> u64 {
        let mut answer = vec![0xa5; self.answer_bytes];
        for connection in &mut self.connections {
            connection.write_all(&self.request).unwrap();
        }
        for connection in &mut self.connections {
            connection.read_exact(&mut answer).unwrap();
        }
        self.connections.len() as u64 * self.answers
    }
}

pub(crate) fn connect(address: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(address).unwrap();
    stream.set_nodelay(true).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    stream
}

/// Reads up to the end of a head.
pub(crate) fn read_head(stream: &mut TcpStream) -> String {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0xa5];
        stream.read_exact(&mut byte).unwrap();
        head.extend_from_slice(&byte);
    }
    String::from_utf8(head).unwrap()
}

/// Reads an answer that is a success; returns its head and its content.
pub(crate) fn answer(stream: &mut TcpStream) -> (String, Vec<u8>) {
    let head = read_head(stream);
    let length = field(&head, "Content-Length").map_or(0, |length| length.parse().unwrap());
    let mut content = vec![0xa5; length];
    stream.read_exact(&mut content).unwrap();
    assert!(head.split(' ').nth(1).is_some_and(|status| status.starts_with('2')), "{head}");
    (head, content)
}

/// Reads what is there, from a socket that does not block; returns how much that was.
pub(crate) fn drain(stream: &mut TcpStream) -> usize {
    let mut bytes = [0xa5; 16 * 1024];
    let mut total = 0;
    loop {
        match stream.read(&mut bytes) {
            Ok(count) => {
                assert!(count > 0, "a connection was closed");
                total += count;
            }
            Err(error) => {
                assert_eq!(error.kind(), ErrorKind::WouldBlock, "{error}");
                return total;
            }
        }
    }
}

/// The value of a field in a head.
pub(crate) fn field<'h>(head: &'h str, name: &str) -> Option<&'h str> {
    let mut lines = head.lines().filter_map(|line| line.split_once(": "));
    lines.find_map(|(this, value)| this.eq_ignore_ascii_case(name).then_some(value))
}

/// An address at which nobody listens.
pub(crate) fn free() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}

/// A command that runs where the servers run.
pub(crate) fn pinned(program: impl AsRef<Path>) -> Command {
    pinned_to(0, program)
}

/// A command that runs on this core.
pub(crate) fn pinned_to(core: usize, program: impl AsRef<Path>) -> Command {
    let mut command = Command::new("taskset");
    command.args(["-c", &core.to_string()]).arg(program.as_ref());
    command
}

/// The core of the load: not the servers', where there is another.
pub(crate) fn last_core() -> usize {
    thread::available_parallelism().map_or(1, usize::from) - 1
}

/// Has this process stay away from the servers' core.
pub(crate) fn stand_aside() {
    confine(&process::id().to_string(), last_core());
}

/// Has this thread stay on a core.
pub(crate) fn stay_on(core: usize) {
    let thread = fs::read_link("/proc/thread-self").unwrap();
    confine(thread.file_name().unwrap().to_str().unwrap(), core);
}

fn confine(thread: &str, core: usize) {
    let mut command = Command::new("taskset");
    command.args(["-cp", &core.to_string(), thread]).stdout(Stdio::null());
    let done = command.status();
    assert!(done.is_ok_and(|status| status.success()), "this needs taskset (util-linux)");
}

/// One process that serves until it is killed, and logs nothing.
const NGINX: &str = "\
daemon off; master_process off; pid nginx.pid;
events { worker_connections 4096; }
http {
    access_log off; error_log error.log; server_tokens off;
    client_body_temp_path t; proxy_temp_path t; fastcgi_temp_path t; uwsgi_temp_path t;
    scgi_temp_path t; keepalive_requests 1000000000; keepalive_timeout 3600s;
    default_type text/plain;
    server { listen ADDRESS; LOCATIONS }
}";
/// How soon a server must listen.
const PATIENCE: Duration = Duration::from_secs(3);
