//! What each mechanism costs, to the byte, to the call and to the allocation: `budgets.txt`.
//!
//! The figures are counts, not times, so they are the same at every run: one byte or one call more
//! or less changes the file. `UPDATE_BUDGETS=1 cargo test --test budgets` writes it anew, and the
//! commit says why it had to.
//!
//! The reactor is turned by hand on the test's thread, with real sockets, and the ledger is asked
//! over one of them. How often something must be said in silence is counted on the engine, whose
//! clock can be turned; what that costs each time, on the reactor.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

#[path = "budgets/figures.rs"]
mod figures;
#[path = "budgets/house.rs"]
mod house;
mod support;

use std::sync::LazyLock;
use std::thread;

use pushscope::clock::SECOND_US;
use pushscope::cost::Owner;
use pushscope::id::Kind;
use pushscope::limits::{Limits, PARK_US_MAX};
use pushscope::mech::CARDS;
use pushscope::sys::Counting;

use figures::Figures;
use house::{CHANNEL, HISTORY, House, PONG, Subscriber};
use support::{World, address, evaluate, masked, request};

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Measured once for all tests.
static BUDGETS: LazyLock<Vec<Budget>> = LazyLock::new(|| {
    // At once: most of the time is spent waiting for a second to pass.
    let measure = |kind| thread::spawn(move || Budget::measure(kind));
    Kind::ALL.map(measure).into_iter().map(|budget| budget.join().unwrap()).collect()
});

/// What a mechanism costs a subscriber.
struct Budget {
    kind: Kind,
    open: Figures,
    message: Figures,
    /// The publisher's request of that message.
    publish: Figures,
    /// Each time that something must be said.
    tick: Figures,
    /// Bytes and ticks of [`SILENCE_S`].
    silence: Figures,
    close: Figures,
}

#[test]
fn nothing_costs_more_or_less_than_its_budget() {
    let found = table(&BUDGETS);
    if std::env::var_os("UPDATE_BUDGETS").is_some() {
        return std::fs::write(PATH, found).unwrap();
    }
    let expected = std::fs::read_to_string(PATH).unwrap_or_default();
    let lacks = |text: &str, line: &str| !text.lines().any(|other| other == line);
    let gone = expected.lines().filter(|line| lacks(&found, line)).map(|line| format!("- {line}"));
    let new = found.lines().filter(|line| lacks(&expected, line)).map(|line| format!("+ {line}"));
    let difference: Vec<String> = gone.chain(new).collect();
    assert!(
        found == expected,
        "the costs are not those of {PATH}:\n{}\n\
         If they must be others now, UPDATE_BUDGETS=1 writes them, and the commit says why.",
        difference.join("\n")
    );
}

#[test]
fn calls_are_those_that_the_cards_state() {
    for (card, budget) in CARDS.iter().zip(BUDGETS.iter()) {
        let connect = format!("accept + epoll_ctl + {}", card.costs.open.calls);
        let rows = [
            ("open", connect.as_str(), &budget.open),
            ("message", card.costs.message.calls, &budget.message),
            ("quiet", card.costs.quiet.calls, &budget.tick),
        ];
        for (what, formula, figures) in rows {
            for (name, count) in &figures.calls {
                let stated = evaluate(formula, &|call| Some(u64::from(call == name)));
                assert_eq!(*count, stated, "{}, {what}: {name} in {formula:?}", card.title);
            }
        }
    }
}

/// The engine's silence and the reactor's are the same.
#[test]
fn silence_is_what_its_ticks_are() {
    for (card, budget) in CARDS.iter().zip(BUDGETS.iter()) {
        let us = card.costs.quiet_us.unwrap_or(INTERVAL_US);
        assert_eq!(budget.silence.ticks, SILENCE_S * SECOND_US / us, "{}", card.title);
        assert_eq!(budget.silence.down, budget.tick.down.times(budget.silence.ticks));
    }
}

fn table(budgets: &[Budget]) -> String {
    let mut lines = vec![PREFACE.to_owned(), Figures::header()];
    lines.extend(budgets.iter().map(|budget| budget.row("open", &budget.open)));
    lines.push(String::new());
    lines.extend(budgets.iter().map(|budget| budget.row("message", &budget.message)));
    let publish = budgets.iter().find(|budget| budget.kind == Kind::Sse).unwrap();
    lines.push(publish.publish.row("message", Owner::Publish.name(), 1));
    lines.push(String::new());
    lines.extend(budgets.iter().map(|budget| {
        let Figures { down, up, ticks, .. } = budget.silence;
        let silence = Figures { down, up, ..budget.tick.times(ticks) };
        silence.row("quiet", budget.kind.name(), SILENCE_S / 60)
    }));
    lines.push(String::new());
    lines.extend(budgets.iter().map(|budget| budget.row("close", &budget.close)));
    lines.push(String::new());
    lines.join("\n")
}

impl Budget {
    fn measure(kind: Kind) -> Self {
        // However long this takes, nothing is said of its own accord.
        let silent =
            Limits { heartbeat_us: 0, ping_us: 0, park_us: PARK_US_MAX, ..Limits::default() };
        let mut house = House::new(silent);
        let owner = Owner::Mech(kind);
        let (mut opens, mut closes) = (Vec::new(), Vec::new());
        let mut before = house.statement();
        for _ in 0..ROUNDS {
            let subscriber = house.subscribe(kind, "");
            let opened = house.statement();
            house.leave(subscriber);
            let closed = house.statement();
            opens.push(Figures::between(owner, &before, &opened));
            closes.push(Figures::between(owner, &opened, &closed));
            before = closed;
        }
        let mut subscriber = house.subscribe(kind, "");
        let (mut messages, mut publishes) = (Vec::new(), Vec::new());
        before = house.statement();
        for _ in 0..ROUNDS {
            house.deliver(&mut subscriber, &"x".repeat(MESSAGE_BYTES));
            let after = house.statement();
            messages.push(Figures::between(owner, &before, &after));
            publishes.push(Figures::between(Owner::Publish, &before, &after));
            before = after;
        }
        let tick = match kind {
            Kind::Poll => Figures::usual(questions(&mut house, &mut subscriber)),
            _ => Figures::usual(ticks(kind)),
        };
        let mut open = Figures::usual(opens);
        if kind == Kind::Poll {
            // There is nothing to open: it is what the first question costs more than the next.
            open = open - &tick;
        }
        let (message, publish) = (Figures::usual(messages), Figures::usual(publishes));
        let close = Figures::usual(closes);
        Self { kind, open, message, publish, tick, silence: silence(kind), close }
    }

    fn row(&self, question: &str, figures: &Figures) -> String {
        figures.row(question, self.kind.name(), 1)
    }
}

/// Questions of a short poll that bring nothing.
fn questions(house: &mut House, subscriber: &mut Subscriber) -> Vec<Figures> {
    let mut questions = Vec::new();
    let mut before = house.statement();
    for _ in 0..ROUNDS {
        house.ask_again(subscriber);
        let after = house.statement();
        questions.push(Figures::between(Owner::Mech(Kind::Poll), &before, &after));
        before = after;
    }
    questions
}

/// What must be said in silence, in a house where that is every second.
fn ticks(kind: Kind) -> Vec<Figures> {
    let limits = Limits { heartbeat_us: SECOND_US, ping_us: SECOND_US, ..Limits::default() };
    let mut house = House::new(limits);
    let query = if kind == Kind::LongPoll { "&timeout=1" } else { "" };
    let mut subscriber = house.subscribe(kind, query);
    let mut ticks = Vec::new();
    // On a machine that stands still for a second there are two at once.
    while ticks.len() < TICKS {
        let before = house.statement();
        house.wait_for_tick(&mut subscriber);
        let tick = Figures::between(Owner::Mech(kind), &before, &house.statement());
        ticks.extend(Some(tick).filter(|tick| tick.ticks == 1));
    }
    ticks
}

/// Bytes and deadlines of [`SILENCE_S`], by default, on the engine.
fn silence(kind: Kind) -> Figures {
    let mut world = World::new();
    let mut id = String::new();
    for _ in 0..HISTORY {
        id = world.publish(CHANNEL, "x").id();
    }
    let question = request(kind, &format!("{}?since={id}", address(kind, CHANNEL)));
    world.tell(NAME, &question);
    let before = engine_figures(&mut world, kind);
    for _ in 0..SILENCE_S {
        let said = world.said(NAME).len();
        world.advance(SECOND_US);
        match kind {
            Kind::Poll => world.tell(NAME, &question),
            Kind::LongPoll if world.said(NAME).len() > said => world.tell(NAME, &question),
            Kind::WebSocket if world.said(NAME).len() > said => world.tell(NAME, masked(PONG, b"")),
            _ => {}
        }
    }
    let silence = engine_figures(&mut world, kind) - &before;
    let ticks = if kind == Kind::Poll { SILENCE_S } else { silence.ticks };
    Figures { ticks, ..silence }
}

fn engine_figures(world: &mut World, kind: Kind) -> Figures {
    let snapshot = world.engine.snapshot();
    let (_, row) = snapshot.rows().find(|(owner, _)| *owner == Owner::Mech(kind)).unwrap();
    Figures { down: row.made, up: row.parsed, ticks: row.ticks, ..Figures::default() }
}

const PATH: &str = "tests/budgets.txt";
/// How often everything is done.
const ROUNDS: usize = 15;
/// How many ticks are waited for.
const TICKS: usize = 2;
const MESSAGE_BYTES: usize = 64;
/// Five minutes are a whole number of every interval.
const SILENCE_S: u64 = 300;
/// Between two questions of a short poll.
const INTERVAL_US: u64 = SECOND_US;
/// The subscriber's connection to the engine.
const NAME: &str = "subscriber";

const PREFACE: &str = "\
# What a subscriber costs the server: bytes by kind, allocations and system calls, from the ledger.
# Channel \"news\", ids of 16 bytes. Written by UPDATE_BUDGETS=1 cargo test --test budgets; whoever
# changes a line says in the commit why it had to change.
#
# open     a connection, and the subscription; by short polling there is only the connection
# message  64 bytes, alone in their turn; the publisher's request is `publish`
# quiet    a minute without a message, with default heartbeats; a short poll asks every second
# close    the subscriber leaves
#
#                    bytes down                      bytes up";
