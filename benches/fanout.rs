//! What does it cost the server to hand a message to its subscribers, beside the least that this
//! kernel allows?
//!
//! Unit: CPU time of the server per delivery. `ours` is the reactor, driven turn by turn: a turn
//! reads the publisher's request, answers it, and hands the message to every subscriber. `limit`
//! knows its subscribers and their bytes beforehand, calls `send` once for each, and does nothing
//! else; sixteen in flight are to both one turn, and to the limit one `send` of sixteen frames.
//! Each side is a process on one core, and the crowd that reads what it has sent is another on the
//! other: it reads between two turns only, so that nobody is woken at the server's expense. The
//! sides take turns, and what is told is the median of the ratios of neighbours, with the
//! quartiles.
//!
//! ```text
//! cargo bench --bench fanout                      # all of it: some minutes
//! cargo bench --bench fanout -- sse 1000 64 1     # mechanism, subscribers, bytes, in flight
//! ```
#![allow(clippy::unwrap_used, clippy::panic, reason = "a bench that cannot run must stop")]
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a table is what it is for")]

mod across;

use std::env;
use std::io::{BufRead, BufReader, Lines, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::{Child, ChildStdin, ChildStdout, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::Duration;

use pushscope::engine::Config;
use pushscope::reactor::Reactor;
use pushscope::sys;

use across::drain;

fn main() {
    let arguments: Vec<String> = env::args().skip(1).filter(|word| word != "--bench").collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["ours", core, case @ ..] => play(Ours::open(&Case::read(case), number(core))),
        ["limit", core, bytes, case @ ..] => {
            play(Limit::open(&Case::read(case), number(core), number(bytes)));
        }
        ["crowd", address, case @ ..] => crowd(address.parse().unwrap(), &Case::read(case)),
        filter => compare(filter),
    }
}

/// What is handed over, and to how many.
#[derive(Clone, Copy)]
struct Case {
    mechanism: &'static str,
    subscribers: usize,
    /// Bytes of a message.
    bytes: usize,
    /// Messages that arrive together.
    in_flight: usize,
}

impl Case {
    fn words(&self) -> [String; 4] {
        let numbers = [self.subscribers, self.bytes, self.in_flight].map(|one| one.to_string());
        let [subscribers, bytes, in_flight] = numbers;
        [self.mechanism.to_owned(), subscribers, bytes, in_flight]
    }

    fn read(words: &[&str]) -> Self {
        let [mechanism, subscribers, bytes, in_flight] = words else { panic!("{words:?}") };
        let mechanism = MECHANISMS.into_iter().find(|one| one == mechanism).unwrap();
        let [subscribers, bytes, in_flight] = [subscribers, bytes, in_flight].map(|w| number(w));
        Self { mechanism, subscribers, bytes, in_flight }
    }

    /// Those that were asked for; as a test of whether it runs, one small one of each mechanism.
    fn asked(filter: &[&str]) -> Vec<Self> {
        let sizes: &[(usize, usize, usize)] =
            if across::is_measured() { &SIZES } else { &[(10, 64, 1)] };
        let cases = MECHANISMS.into_iter().flat_map(|mechanism| {
            sizes.iter().map(move |&(subscribers, bytes, in_flight)| Self {
                mechanism,
                subscribers,
                bytes,
                in_flight,
            })
        });
        let wanted = |case: &Self| case.words().iter().zip(filter).all(|(is, want)| is == want);
        let is_filtered = across::is_measured() && !filter.is_empty();
        cases.filter(|case| !is_filtered || wanted(case)).collect()
    }
}

fn compare(filter: &[&str]) {
    println!("mechanism    subscribers  bytes  in flight   ours      limit     ratio (quartiles)");
    for case in Case::asked(filter) {
        let mut ours = Side::start("ours", &[], &case);
        let frame_bytes = ours.said();
        let mut limit = Side::start("limit", &[frame_bytes], &case);
        limit.said();
        let passes = if across::is_measured() { PASSES } else { 1 };
        let times = (TIMES * 1_000 / case.subscribers).clamp(1, TIMES);
        let figures: Vec<(f64, f64)> =
            (0..passes).map(|_| (ours.spent(times), limit.spent(times))).collect();
        let deliveries = (times * case.subscribers * case.in_flight) as f64;
        let of = |pick: fn(&(f64, f64)) -> f64| {
            let figures: Vec<f64> = figures.iter().map(pick).collect();
            [1, 2, 3].map(|quarter| across::quartile(&figures, quarter))
        };
        let [_, ours_ns, _] = of(|pass| pass.0);
        let [_, limit_ns, _] = of(|pass| pass.1);
        let [low, middle, high] = of(|pass| pass.0 / pass.1);
        let Case { mechanism, subscribers, bytes, in_flight } = case;
        println!(
            "{mechanism:<12} {subscribers:>11} {bytes:>6} {in_flight:>10} {:>6.2} µs {:>6.2} µs \
             {middle:>6.2} ({low:.2}–{high:.2})",
            ours_ns / deliveries / 1_000.0,
            limit_ns / deliveries / 1_000.0,
        );
    }
}

/// A process that ends with whoever has it.
struct Bound(Child);

impl Drop for Bound {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A server in a process of its own, which is told when to work and says how long it has.
struct Side {
    _server: Bound,
    orders: ChildStdin,
    answers: Lines<BufReader<ChildStdout>>,
}

impl Side {
    fn start(name: &str, more: &[usize], case: &Case) -> Self {
        let mut command = across::pinned(env::current_exe().unwrap());
        // Of a process that is pinned to one core there seems to be one.
        command.arg(name).arg(across::last_core().to_string());
        command.args(more.iter().map(usize::to_string)).args(case.words());
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let orders = child.stdin.take().unwrap();
        let answers = BufReader::new(child.stdout.take().unwrap()).lines();
        Self { _server: Bound(child), orders, answers }
    }

    fn said(&mut self) -> usize {
        number(&self.answers.next().unwrap().unwrap())
    }

    /// Nanoseconds of so many fan-outs.
    fn spent(&mut self, times: usize) -> f64 {
        writeln!(self.orders, "{times}").unwrap();
        self.said() as f64
    }
}

/// Something that can be told to hand over.
trait FanOut {
    /// Hands over once; returns the CPU time that it took.
    fn fan_out(&mut self) -> Duration;
    /// Its readers.
    fn crowd(&mut self) -> &mut Crowd;
}

/// Says how many bytes a subscriber gets at a time, then works as it is told.
fn play(mut side: impl FanOut) {
    side.fan_out();
    println!("{}", side.crowd().read());
    for line in std::io::stdin().lines() {
        let mut spent = Duration::ZERO;
        for _ in 0..number(&line.unwrap()) {
            spent += side.fan_out();
            side.crowd().read();
        }
        println!("{}", spent.as_nanos());
    }
}

/// The server under test, driven turn by turn on this thread.
struct Ours {
    reactor: Reactor,
    publisher: TcpStream,
    requests: Vec<u8>,
    crowd: Crowd,
}

impl Ours {
    fn open(case: &Case, core: usize) -> Self {
        let address = "127.0.0.1:0".parse().unwrap();
        let mut reactor = Reactor::bind(address, Config::default()).unwrap();
        let address = reactor.address().unwrap();
        let crowd = Crowd::gather(address, case, core, || turn(&mut reactor));
        let publisher = connect(address);
        turn(&mut reactor);
        let (length, message) = (case.bytes, "x".repeat(case.bytes));
        let request =
            format!("POST /c/x HTTP/1.1\r\nHost: x\r\nContent-Length: {length}\r\n\r\n{message}");
        Self { reactor, publisher, requests: request.repeat(case.in_flight).into_bytes(), crowd }
    }
}

impl FanOut for Ours {
    fn fan_out(&mut self) -> Duration {
        self.publisher.write_all(&self.requests).unwrap();
        let before = sys::process_cpu_ns();
        turn(&mut self.reactor);
        let spent = sys::process_cpu_ns() - before;
        assert!(drain(&mut self.publisher) > 0, "the publisher was not answered in this turn");
        Duration::from_nanos(spent)
    }

    fn crowd(&mut self) -> &mut Crowd {
        &mut self.crowd
    }
}

fn turn(reactor: &mut Reactor) {
    reactor.turn(Some(Duration::from_millis(10))).unwrap();
}

/// The least there is to do: one `send` per subscriber.
struct Limit {
    frames: Vec<u8>,
    sockets: Vec<TcpStream>,
    crowd: Crowd,
}

impl Limit {
    fn open(case: &Case, core: usize, frames_bytes: usize) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let mut sockets = Vec::new();
        let crowd = Crowd::gather(listener.local_addr().unwrap(), case, core, || {
            if let Ok((mut socket, _)) = listener.accept() {
                socket.set_nodelay(true).unwrap();
                socket.write_all(HEAD).unwrap();
                sockets.push(socket);
            }
        });
        Self { frames: vec![b'x'; frames_bytes], sockets, crowd }
    }
}

impl FanOut for Limit {
    fn fan_out(&mut self) -> Duration {
        let before = sys::process_cpu_ns();
        for socket in &mut self.sockets {
            assert_eq!(socket.write(&self.frames).unwrap(), self.frames.len());
        }
        Duration::from_nanos(sys::process_cpu_ns() - before)
    }

    fn crowd(&mut self) -> &mut Crowd {
        &mut self.crowd
    }
}

/// The subscribers of one side, in a process of their own, seen from the server.
struct Crowd {
    _subscribers: Bound,
    orders: ChildStdin,
    answers: Receiver<String>,
}

impl Crowd {
    /// Has everybody come, while the server does what lets them in.
    fn gather(address: SocketAddr, case: &Case, core: usize, mut serve: impl FnMut()) -> Self {
        let mut command = across::pinned_to(core, env::current_exe().unwrap());
        command.arg("crowd").arg(address.to_string()).args(case.words());
        let child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let mut subscribers = Bound(child);
        let orders = subscribers.0.stdin.take().unwrap();
        let lines = BufReader::new(subscribers.0.stdout.take().unwrap()).lines();
        let (sender, answers) = mpsc::channel();
        // It ends with its orders.
        thread::spawn(move || lines.map_while(Result::ok).try_for_each(|line| sender.send(line)));
        while answers.try_recv().is_err() {
            serve();
        }
        Self { _subscribers: subscribers, orders, answers }
    }

    /// Has everybody read what has come; returns how many bytes the last of them has read.
    fn read(&mut self) -> usize {
        writeln!(self.orders).unwrap();
        number(&self.answers.recv().unwrap())
    }
}

/// The subscribers themselves.
fn crowd(address: SocketAddr, case: &Case) {
    let request = match case.mechanism {
        "websocket" => WEBSOCKET.to_owned(),
        "sse" => get("/c/x/sse"),
        "xhr_stream" => get("/c/x/stream"),
        name => get(&format!("/c/x/{name}")),
    };
    let mut subscribers: Vec<TcpStream> = (0..case.subscribers)
        .map(|_| {
            let mut subscriber = connect(address);
            subscriber.write_all(request.as_bytes()).unwrap();
            while drain(&mut subscriber) == 0 {
                thread::yield_now();
            }
            subscriber
        })
        .collect();
    println!("here");
    for _ in std::io::stdin().lines() {
        let mut last = 0;
        for subscriber in &mut subscribers {
            last = drain(subscriber);
            assert!(last >= case.bytes * case.in_flight, "a delivery is missing");
        }
        println!("{last}");
    }
}

fn connect(address: SocketAddr) -> TcpStream {
    let stream = across::connect(address);
    stream.set_nonblocking(true).unwrap();
    stream
}

fn get(target: &str) -> String {
    format!("GET {target} HTTP/1.1\r\nHost: x\r\n\r\n")
}

fn number(word: &str) -> usize {
    word.trim().parse().unwrap()
}

const MECHANISMS: [&str; 4] = ["sse", "websocket", "xhr_stream", "iframe"];
/// Subscribers, bytes of a message, messages in flight. Sixteen of 16 KiB are more than a socket
/// takes while nobody reads: they would be told by several turns.
const SIZES: [(usize, usize, usize); 10] = [
    (1_000, 64, 1),
    (1_000, 1_024, 1),
    (1_000, 16_384, 1),
    (1_000, 64, 16),
    (1_000, 1_024, 16),
    (10_000, 64, 1),
    (10_000, 1_024, 1),
    (10_000, 16_384, 1),
    (10_000, 64, 16),
    (10_000, 1_024, 16),
];
/// Times that the sides take turns.
const PASSES: usize = 25;
/// Fan-outs to 1,000 that are measured together.
const TIMES: usize = 10;
/// What makes the limit's subscribers known as connected.
const HEAD: &[u8] = b"HTTP/1.1 200 OK\r\n\r\n";
const WEBSOCKET: &str = "GET /c/x/ws HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\n\
                         Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n\
                         Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
