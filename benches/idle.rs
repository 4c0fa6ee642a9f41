//! What does a connection cost the server on which nothing happens: memory, CPU time, wake-ups?
//!
//! Unit: bytes by which the server's own memory (`Private_Clean + Private_Dirty` of
//! `/proc/<pid>/smaps_rollup`) has grown, per connection, with 18,000 of them; then CPU time and
//! context switches of a window in which nothing is due: heartbeats and pings are off, and the
//! deadline of the request head, after which each connection is looked at once more, is over. The
//! server is a process of its own, that has served one connection of each mechanism before anything
//! is counted. `served` is the same after one message to all of them, where one can be sent without
//! an answer: what a fan-out has taken and not given back.
//!
//! Found, with one loop, in bytes: 308 by short polling, 303 by long polling, 288 by iframe, 286
//! by XHR stream, 286 by SSE, 290 by WebSocket; and 13 more once a message has gone to all. It was
//! 371 to 410 when [`Conn`](pushscope::conn::Conn) had 352 bytes; it has 256 now. The rest is the
//! entry among the deadlines (24), the place in the list of subscribers (12) or of idle connections
//! (24), and the descriptor (4). No CPU time and no switch.
//!
//! What a socket takes of the kernel is not in it.
//!
//! ```text
//! cargo bench --bench idle
//! ```
#![allow(clippy::unwrap_used, clippy::panic, reason = "a bench that cannot run must stop")]
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a table is what it is for")]

mod across;

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream, ToSocketAddrs};
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use pushscope::client::{Ledger, StatementOptions};
use pushscope::id::Kind;
use pushscope::lab::server::Server;
use pushscope::sys;

use across::server::{cpu_ns, tasks};
use across::talk::{answer, connect, get, handshake};

fn main() {
    let (connections, window) = if across::is_measured() {
        (18_000, Duration::from_secs(3))
    } else {
        (100, Duration::from_millis(20))
    };
    sys::raise_descriptor_limit().unwrap();
    println!("{connections} connections    bytes each    served    CPU µs    switches");
    for kind in Kind::ALL {
        let Idle { opened, served, cpu_ns, switches } = Idle::of(kind, connections, window);
        let name = kind.name();
        let served = served.map_or_else(|| "–".to_owned(), |bytes| format!("{bytes:.0}"));
        let cpu_us = cpu_ns / 1_000;
        println!("{name:18}    {opened:10.0}    {served:>6}    {cpu_us:6}    {switches:8}");
    }
}

/// What idle connections of one mechanism have taken.
struct Idle {
    /// Bytes per connection.
    opened: f64,
    /// The same after a message to all.
    served: Option<f64>,
    cpu_ns: u64,
    switches: u64,
}

impl Idle {
    fn of(kind: Kind, connections: u32, window: Duration) -> Self {
        let arguments = ["--heartbeat-s", "0", "--ping-s", "0", "--head-s-max", HEAD_S];
        let arguments = arguments.map(str::to_owned);
        let server = Server::start(Path::new(env!("CARGO_BIN_EXE_pushscope")), &arguments).unwrap();
        let mut ledger = Ledger::open(server.address()).unwrap();
        let warm = Kind::ALL.map(|kind| open(&server, kind));
        await_open(&mut ledger, kind, 1);
        publish(&server);
        drop(warm);
        await_open(&mut ledger, kind, 0);

        let before = server.private_bytes().unwrap();
        let grown = || (server.private_bytes().unwrap() - before) as f64 / f64::from(connections);
        let mut sockets: Vec<TcpStream> = (0..connections).map(|_| open(&server, kind)).collect();
        await_open(&mut ledger, kind, connections);
        let opened = grown();

        thread::park_timeout(window);
        let spent = || (cpu_ns(server.pid()), switches(server.pid()));
        let (cpu_before, switches_before) = spent();
        thread::park_timeout(window);
        let (cpu_ns, switches) = spent();

        let served = streams(kind).then(|| {
            publish(&server);
            sockets.iter_mut().for_each(|socket| read_until(socket, MESSAGE));
            grown()
        });
        let (cpu_ns, switches) = (cpu_ns - cpu_before, switches - switches_before);
        Self { opened, served, cpu_ns, switches }
    }
}

/// A connection on which everything is said that is said at its beginning.
fn open(server: &Server, kind: Kind) -> TcpStream {
    let mut socket = connect(address(server));
    socket.write_all(request(kind).as_bytes()).unwrap();
    if kind != Kind::LongPoll {
        read_until(&mut socket, "\r\n\r\n");
    }
    socket
}

/// Waits until the server has so many of them; a short poll is over when it is answered.
fn await_open(ledger: &mut Ledger, kind: Kind, connections: u32) {
    let is_there = |ledger: &mut Ledger| {
        let statement = ledger.statement(StatementOptions::default()).unwrap();
        statement.account(kind.name()).unwrap().open == u64::from(connections)
    };
    let deadline = Instant::now() + PATIENCE;
    while kind != Kind::Poll && !is_there(ledger) {
        assert!(Instant::now() < deadline, "{connections} by {kind:?} are not there");
        thread::park_timeout(Duration::from_millis(10));
    }
}

fn publish(server: &Server) {
    let length = MESSAGE.len();
    let mut socket = connect(address(server));
    let head = format!("POST /c/idle HTTP/1.1\r\nHost: localhost\r\nContent-Length: {length}");
    socket.write_all(format!("{head}\r\n\r\n{MESSAGE}").as_bytes()).unwrap();
    answer(&mut socket);
}

fn read_until(socket: &mut TcpStream, end: &str) {
    let mut heard = Vec::new();
    let mut bytes = [0xa5; 4 * 1024];
    while !heard.windows(end.len()).any(|window| window == end.as_bytes()) {
        let count = socket.read(&mut bytes).unwrap();
        heard.extend_from_slice(&bytes[..count]);
        let is_refused = heard.starts_with(b"HTTP/1.1 4") || heard.starts_with(b"HTTP/1.1 5");
        assert!(count > 0 && !is_refused, "{}", String::from_utf8_lossy(&heard));
    }
}

/// Context switches of all threads of a process so far.
fn switches(process: u32) -> u64 {
    let of_each = tasks(process, "status");
    let counts = of_each.iter().flat_map(|status| status.lines());
    let counts = counts.filter(|line| line.contains("ctxt_switches"));
    counts.map(|line| line.split_whitespace().last().unwrap().parse::<u64>().unwrap()).sum()
}

fn address(server: &Server) -> SocketAddr {
    let place = (server.address().host(), server.address().port());
    place.to_socket_addrs().unwrap().next().unwrap()
}

fn request(kind: Kind) -> String {
    match kind {
        Kind::Poll => get("/c/idle/poll"),
        Kind::LongPoll => get("/c/idle/longpoll?timeout=120"),
        Kind::Iframe => get("/c/idle/iframe"),
        Kind::XhrStream => get("/c/idle/stream"),
        Kind::Sse => get("/c/idle/sse"),
        Kind::WebSocket => handshake("/c/idle/ws"),
    }
}

/// Whether a message to it is not the end of it.
const fn streams(kind: Kind) -> bool {
    !matches!(kind, Kind::Poll | Kind::LongPoll)
}

/// Time for a request head, in seconds: shorter than a window, in which its deadlines pass.
const HEAD_S: &str = "2";
const PATIENCE: Duration = Duration::from_secs(30);
const MESSAGE: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
