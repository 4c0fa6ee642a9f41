//! What does it cost the server to hand a message to its subscribers, beside the least that this
//! kernel allows?
//!
//! Unit: CPU time of the server per delivery. `ours` is the reactor, driven turn by turn: a turn
//! reads the publisher's request, answers it, and hands the message to every subscriber. `limit`
//! knows its subscribers and their bytes beforehand, calls `send` once for each, and does nothing
//! else; sixteen in flight are to both one turn, and to the limit one `send` of sixteen frames. Its
//! sockets come from the same listener, with the same options; their requests are read; they are
//! watched by an epoll; and it sends in the order of our flush, from the last to the first.
//!
//! Each side is a process on one core, and the crowd that reads what it has sent is another on the
//! other: it reads between two turns only, so that nobody is woken at the server's expense. A case
//! starts both sides anew several times, because where a process has its memory stays with it; in
//! each start the sides take turns, ours first, then the limit first. What is told is the median of
//! the ratios of neighbours, of each start; of these the median, the least and the most; and
//! whether all of them keep to the bound (`below`), none does (`above`), or only some
//! (`undecided`).
//!
//! CPU time is what the kernel charges the process with (`CLOCK_PROCESS_CPUTIME_ID`): the system
//! calls, and what interrupts and softirqs did meanwhile, which are charged to whoever runs. On
//! loopback the sender's call goes through the receiver's half of TCP, too, up to the queue of its
//! socket. What `ksoftirqd` does is charged to neither: beside it stands the time on the clock
//! (`wall`). The server is alone on its core: where both differ, something else was there.
//! `user` is the part of the CPU time that is not the kernel's, by its ticks (`/proc/PID/stat`).
//!
//! Found: of a delivery the kernel has 92 to 97 % on our side, and 98 to 100 % of the limit's. What
//! the limit leaves out is thus all that the ratio can tell: our own code, of which
//! `benches/engine.rs` and `benches/count` know more, one `epoll_wait` for all, and what the
//! publisher's request and its answer are to one of so many. The medians are 0.95 to 1.11 with one
//! message in flight, 0.97 to 1.16 with sixteen: README has the table. The starts of one case lie
//! 0.1 to 0.2 apart, so that most cases are not decided at a bound of 1.08.
//!
//! ```text
//! cargo bench --bench fanout                      # all of it: a quarter of an hour
//! cargo bench --bench fanout -- sse 1000 64 1     # mechanism, subscribers, bytes, in flight
//! ```
#![allow(clippy::unwrap_used, clippy::panic, reason = "a bench that cannot run must stop")]
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a table is what it is for")]

mod across;
#[path = "fanout/crowd.rs"]
mod crowd;
#[path = "fanout/sides.rs"]
mod sides;

use std::env;
use std::io::{BufRead, BufReader, Lines, Write};
use std::process::{Child, ChildStdin, ChildStdout, Stdio};

use across::server::{self, Ticks};
use across::{cores, quartile};

use sides::{Limit, Ours, play};

fn main() {
    let arguments: Vec<String> = env::args().skip(1).filter(|word| word != "--bench").collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["ours", core, case @ ..] => play(Ours::open(&Case::read(case), number(core))),
        ["limit", core, bytes, case @ ..] => {
            play(Limit::open(&Case::read(case), number(core), number(bytes)));
        }
        ["crowd", address, case @ ..] => crowd::read(address.parse().unwrap(), &Case::read(case)),
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
    println!(
        "mechanism   subscribers  bytes  in flight   ours (wall, user)         \
         limit (wall, user)        ratio (starts)      bound"
    );
    for case in Case::asked(filter) {
        let starts = if across::is_measured() { STARTS } else { 1 };
        let starts: Vec<Start> = (0..starts).map(|_| Start::measure(&case)).collect();
        let ratios: Vec<f64> = starts.iter().map(Start::ratio).collect();
        let [low, middle, high] = [0, 2, 4].map(|quarter| quartile(&ratios, quarter));
        let bound = if case.in_flight == 1 { BOUND } else { BOUND_OF_MANY };
        let verdict = match (low <= bound, high <= bound) {
            (_, true) => "below",
            (false, _) => "above",
            _ => "undecided",
        };
        let Case { mechanism, subscribers, bytes, in_flight } = case;
        let [ours, limit] = [0, 1].map(|side| spent(&starts, side));
        println!(
            "{mechanism:<11} {subscribers:>11} {bytes:>6} {in_flight:>10}   {ours}   {limit}   \
             {middle:.2} ({low:.2}–{high:.2})   {verdict} {bound:.2}"
        );
    }
}

/// What was found with the two sides once started: ours, then the limit.
struct Start {
    /// By pass.
    cpu_ns: [Vec<f64>; 2],
    wall_ns: [Vec<f64>; 2],
    /// Ticks of a side, of all passes.
    ticks: [Ticks; 2],
}

impl Start {
    fn measure(case: &Case) -> Self {
        let mut ours = Side::start("ours", &[], case);
        let frames_bytes = ours.said();
        let mut limit = Side::start("limit", &[frames_bytes], case);
        limit.said();
        let mut sides = [ours, limit];
        let passes = if across::is_measured() { PASSES } else { 1 };
        let times = (TIMES * 1_000 / case.subscribers).clamp(1, TIMES);
        let deliveries = (times * case.subscribers * case.in_flight) as f64;
        let mut found = Self {
            cpu_ns: [const { Vec::new() }; 2],
            wall_ns: [const { Vec::new() }; 2],
            ticks: [Ticks::default(); 2],
        };
        let before = sides.each_ref().map(Side::ticks);
        for pass in 0..passes {
            for place in if pass % 2 == 0 { [0, 1] } else { [1, 0] } {
                let [cpu_ns, wall_ns] = sides[place].spend(times);
                found.cpu_ns[place].push(cpu_ns / deliveries);
                found.wall_ns[place].push(wall_ns / deliveries);
            }
        }
        for (place, before) in before.into_iter().enumerate() {
            let after = sides[place].ticks();
            found.ticks[place] =
                Ticks { user: after.user - before.user, system: after.system - before.system };
        }
        found
    }

    /// The median of the ratios of neighbours.
    fn ratio(&self) -> f64 {
        let [ours, limit] = &self.cpu_ns;
        let ratios: Vec<f64> = ours.iter().zip(limit).map(|(ours, limit)| ours / limit).collect();
        quartile(&ratios, 2)
    }
}

/// CPU time and time on the clock per delivery, and the part of the CPU time that is the user's.
fn spent(starts: &[Start], side: usize) -> String {
    let median = |figures: fn(&Start) -> &[Vec<f64>; 2]| {
        let all: Vec<f64> = starts.iter().flat_map(|one| figures(one)[side].clone()).collect();
        quartile(&all, 2) / 1_000.0
    };
    let [cpu, wall] = [median(|one| &one.cpu_ns), median(|one| &one.wall_ns)];
    let ticks = |of: fn(&Ticks) -> u64| starts.iter().map(|one| of(&one.ticks[side])).sum::<u64>();
    let (user, all) = (ticks(|ticks| ticks.user), ticks(|ticks| ticks.user + ticks.system));
    let user = 100 * user / all.max(1);
    format!("{cpu:>6.2} µs ({wall:>6.2}, {user:>2} %)")
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
    server: Bound,
    orders: ChildStdin,
    answers: Lines<BufReader<ChildStdout>>,
}

impl Side {
    fn start(name: &str, more: &[usize], case: &Case) -> Self {
        let mut command = cores::this_program_on(cores::servers());
        // Of a process that is pinned to one core there seems to be one.
        command.arg(name).arg(cores::load().to_string());
        command.args(more.iter().map(usize::to_string)).args(case.words());
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let orders = child.stdin.take().unwrap();
        let answers = BufReader::new(child.stdout.take().unwrap()).lines();
        Self { server: Bound(child), orders, answers }
    }

    fn said(&mut self) -> usize {
        number(&self.answers.next().unwrap().unwrap())
    }

    /// CPU time and time on the clock of so many fan-outs, in nanoseconds.
    fn spend(&mut self, times: usize) -> [f64; 2] {
        writeln!(self.orders, "{times}").unwrap();
        [self.said() as f64, self.said() as f64]
    }

    fn ticks(&self) -> Ticks {
        server::ticks(self.server.0.id())
    }
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
/// Of a delivery beside the limit's, where a message is alone in its turn.
const BOUND: f64 = 1.08;
/// The same where sixteen are together.
const BOUND_OF_MANY: f64 = 1.10;
/// Times that both sides are started anew.
const STARTS: usize = 5;
/// Times that they take turns then.
const PASSES: usize = 4;
/// Fan-outs to 1,000 that are measured together.
const TIMES: usize = 10;
