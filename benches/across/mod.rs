//! What the benches across processes share: servers on one core, the load on another, and figures
//! that are compared within one run.
//!
//! A server that is kept on one core takes that for all there are, and is one loop, like the peers
//! that it is compared with. The cores are those that this process was given; if that is one, it
//! is said, and the figures are worth little.
//!
//! The server's CPU time is the kernel's word (`/proc/PID/task/*/schedstat`), user and system
//! together, with the interrupts and softirqs that met it. The kernel's work for a segment that
//! comes in over loopback is done in its sender's call: what the load sends, a SYN or a request, is
//! taken in on the load's core, up to the queue of the server's socket, and is in no server's
//! figure; over a network the server's core would do it. What the server sends is charged to it up
//! to the queue of the load's socket.
//!
//! The load works in rounds: it writes to every connection, then it reads from every one what that
//! asks for; when a round is over, the server has nothing left to do. The sides take turns, a
//! fraction of a second each, there and back, and what is told is the median of the ratios of
//! neighbours: what else the machine does meets both.
#![allow(dead_code, reason = "each bench needs some of it")]

pub(crate) mod cores;
pub(crate) mod server;
pub(crate) mod talk;

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use server::Server;

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
            true => Self { passes: 16, span: Duration::from_millis(300) },
            false => Self { passes: 1, span: Duration::from_millis(20) },
        }
    }
}

/// Whether this is `cargo bench`, and no test of whether it runs.
pub(crate) fn is_measured() -> bool {
    std::env::args().any(|argument| argument == "--bench")
}

/// To how many a message goes, and how long it is: as many as is usual, and as many as 20,000
/// descriptors of a process allow to both sides together.
pub(crate) fn crowds() -> impl Iterator<Item = (usize, usize)> {
    let counts = if is_measured() { &[1_000, 9_000][..] } else { &[10] };
    counts.iter().flat_map(|count| [64, 1_024, 16_384].map(|size| (*count, size)))
}

/// Lets the sides take turns, and prints the server's CPU time per answer of each, and how the
/// first compares with the others; returns names and nanoseconds.
pub(crate) fn compare<L: Load>(
    question: &str,
    sides: &mut [(&Server, L)],
) -> Vec<(&'static str, f64)> {
    let effort = Effort::asked();
    let mut figures = vec![Vec::new(); sides.len()];
    for pass in 0..effort.passes {
        // There and back: whoever is first, or comes behind another, is so as often as any.
        let mut order: Vec<usize> = (0..sides.len()).collect();
        if pass % 2 == 1 {
            order.reverse();
        }
        for place in order {
            let (server, load) = &mut sides[place];
            let before = server.cpu_ns();
            let (until, mut answers) = (Instant::now() + effort.span, 0);
            while answers == 0 || Instant::now() < until {
                answers += load.round();
            }
            figures[place].push((server.cpu_ns() - before) as f64 / answers as f64);
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

/// Connections of which each has the same asked in every round, and reads what that asks for.
pub(crate) struct Lockstep {
    pub(crate) connections: Vec<TcpStream>,
    /// Requests in one piece.
    pub(crate) requests: Vec<u8>,
    /// Answers that they ask for.
    pub(crate) answers: usize,
    pub(crate) answer: Expected,
}

/// What every answer is, whatever stands in its middle: a date may.
pub(crate) struct Expected {
    pub(crate) bytes: usize,
    pub(crate) begin: Vec<u8>,
    pub(crate) end: Vec<u8>,
}

impl Expected {
    fn is(&self, answer: &[u8]) -> bool {
        answer.starts_with(&self.begin) && answer.ends_with(&self.end)
    }
}

impl Load for Lockstep {
    fn round(&mut self) -> u64 {
        let mut answers = vec![0xa5; self.answer.bytes * self.answers];
        for connection in &mut self.connections {
            connection.write_all(&self.requests).unwrap();
        }
        for connection in &mut self.connections {
            connection.read_exact(&mut answers).unwrap();
            let mut each = answers.chunks_exact(self.answer.bytes);
            assert!(each.all(|answer| self.answer.is(answer)), "another answer than at first");
        }
        (self.connections.len() * self.answers) as u64
    }
}
