//! Loops without sockets: what they do to each other's memory.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::{Duration, Instant};
use std::{hint, thread};

use pushscope::board::{self, Member};
use pushscope::clock::SECOND_US;
use pushscope::engine::Config;
use pushscope::id::Token;

use crate::across::{self, Effort, cores};
use crate::stage::{LONG_POLL, MESSAGE, SSE, Server, WEBSOCKET, clocks};
use crate::{LOOPS, tell};

/// Lets one loop, two that share one order, and two that share nothing take turns.
pub(crate) fn compare() {
    let counts = if across::is_measured() { &[1_000, 10_000][..] } else { &[10] };
    for (name, request) in CASES {
        for &subscribers in counts {
            let one = Side::apart(1, subscribers, request);
            let sides = [
                ("ours", Side::together(LOOPS, subscribers, request)),
                ("apart", Side::apart(LOOPS, subscribers, request)),
            ];
            let effort = Effort::asked();
            let mut one_ns = Vec::new();
            let mut sides_ns = [Vec::new(), Vec::new()];
            for _ in 0..effort.passes {
                one_ns.push(one.delivery_ns(effort.span));
                for ((_, side), spent) in sides.iter().zip(&mut sides_ns) {
                    spent.push(side.delivery_ns(effort.span));
                }
            }
            for ((side, _), spent) in sides.iter().zip(&sides_ns) {
                tell(name, subscribers, &one_ns, side, spent);
            }
        }
    }
}

/// Loops, each a thread on a core of its own.
struct Side {
    /// Until when messages are published.
    orders: Vec<Sender<Instant>>,
    answers: Receiver<Answer>,
    subscribers: usize,
    course: Arc<Course>,
}

/// How many messages a loop has handed over, and when it was done with that.
struct Answer {
    messages: u64,
    ended: Instant,
}

/// How far the loops are. What is measured is not to be this: each number has cache lines of its
/// own.
struct Course {
    /// Whether the last message was handed over everywhere.
    is_over: AtomicBool,
    /// Messages that the first loop has begun to publish.
    published: Line,
    /// Messages that each loop has handed over.
    handed_over: Vec<Line>,
}

#[derive(Default)]
#[repr(align(128))]
struct Line(AtomicU64);

/// One of the loops.
struct Loop {
    server: Server,
    number: usize,
    /// Whether it hears what the first one publishes; if not, it publishes the same itself.
    hears: bool,
    subscribers: Vec<Token>,
    /// What they ask, and ask again if their answer is the end of it.
    request: &'static str,
    /// Messages that it has handed over.
    messages: u64,
    course: Arc<Course>,
}

impl Side {
    /// Loops of one server.
    fn together(count: usize, subscribers: usize, request: &'static str) -> Self {
        let members = board::members(count, UNIX_MS).into_iter().map(Some).collect();
        Self::begin(members, subscribers, request)
    }

    /// Servers of one loop.
    fn apart(count: usize, subscribers: usize, request: &'static str) -> Self {
        Self::begin((0..count).map(|_| None).collect(), subscribers, request)
    }

    fn begin(members: Vec<Option<Member>>, subscribers: usize, request: &'static str) -> Self {
        let count = members.len();
        let course = Arc::new(Course {
            is_over: AtomicBool::new(false),
            published: Line::default(),
            handed_over: members.iter().map(|_| Line::default()).collect(),
        });
        let (answer, answers) = channel();
        let orders = members.into_iter().enumerate().map(|(number, member)| {
            let (order, orders) = channel();
            let (answer, course) = (answer.clone(), Arc::clone(&course));
            // It ends with its orders.
            thread::spawn(move || {
                cores::stay_on(cores::allowed()[number]);
                let hears = member.is_some();
                let mut server = Server::seated(config(), clocks(), member);
                let subscribers = server.crowd(subscribers / count, request);
                let messages = 0;
                let mut this =
                    Loop { server, number, hears, subscribers, request, messages, course };
                let _ = answer.send(this.answer());
                for until in orders {
                    if number == 0 {
                        this.publish(until)
                    } else {
                        this.follow()
                    }
                    let _ = answer.send(this.answer());
                }
            });
            order
        });
        let side = Self { orders: orders.collect(), answers, subscribers, course };
        side.answers();
        side
    }

    /// Nanoseconds per delivery, when messages are published for so long.
    fn delivery_ns(&self, span: Duration) -> f64 {
        self.course.is_over.store(false, Ordering::Release);
        let (began, before) = (Instant::now(), self.course.published.0.load(Ordering::Acquire));
        self.orders.iter().for_each(|order| order.send(began + span).unwrap());
        let answers = self.answers();
        let ended = answers.iter().map(|answer| answer.ended).max().unwrap();
        let messages = answers[0].messages - before;
        assert!(answers.iter().all(|one| one.messages - before == messages), "one is missing");
        (ended - began).as_nanos() as f64 / (messages * self.subscribers as u64) as f64
    }

    fn answers(&self) -> Vec<Answer> {
        self.orders.iter().map(|_| self.answers.recv().unwrap()).collect()
    }
}

impl Loop {
    /// Publishes, each message when the one before is handed over everywhere.
    fn publish(&mut self, until: Instant) {
        let begun = self.messages;
        while self.messages == begun || Instant::now() < until {
            self.course.published.0.store(self.messages + 1, Ordering::Release);
            self.hand_over();
            for line in &self.course.handed_over {
                while line.0.load(Ordering::Acquire) < self.messages {
                    hint::spin_loop();
                }
            }
        }
        self.course.is_over.store(true, Ordering::Release);
    }

    /// Hands over what is published, until the last message.
    fn follow(&mut self) {
        while !self.course.is_over.load(Ordering::Acquire) {
            if self.hears {
                let taken = self.server.pass(1);
                if taken > 0 {
                    self.handed_over(taken);
                }
            } else if self.course.published.0.load(Ordering::Acquire) > self.messages {
                self.hand_over();
            }
        }
    }

    fn hand_over(&mut self) {
        let taken = self.server.publish("x", MESSAGE, 1);
        self.handed_over(taken);
    }

    /// Everybody has had a message, in so many bytes; whoever polls asks again.
    fn handed_over(&mut self, bytes: usize) {
        assert!(bytes > self.subscribers.len() * MESSAGE.len(), "a delivery is missing");
        if self.request == LONG_POLL {
            assert_eq!(self.server.hear_all(&self.subscribers, LONG_POLL.as_bytes()), 0);
        }
        self.messages += 1;
        self.course.handed_over[self.number].0.store(self.messages, Ordering::Release);
    }

    fn answer(&self) -> Answer {
        Answer { messages: self.messages, ended: Instant::now() }
    }
}

/// Nobody is due anything but messages.
fn config() -> Config {
    let mut config = Config::default();
    config.limits.heartbeat_us = YEAR_US;
    config.limits.ping_us = YEAR_US;
    config
}

const CASES: [(&str, &str); 3] =
    [("engines, SSE", SSE), ("engines, WebSocket", WEBSOCKET), ("engines, long poll", LONG_POLL)];
const YEAR_US: u64 = 365 * 24 * 3_600 * SECOND_US;
/// When the servers begin.
const UNIX_MS: u64 = 1_763_712_345_000;
