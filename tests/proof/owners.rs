//! Attribution: while one owner works beside a crowd that is idle, its account has the calls that
//! the test knows it has caused, and the time that the scheduler says has passed. No mechanism of
//! the crowd has a call, or a nanosecond.

use std::ops::RangeInclusive;

use pushscope::clock::SECOND_US;
use pushscope::cost::Owner;
use pushscope::id::Kind;
use pushscope::limits::{self, Limits};
use pushscope::statement::{Account, Statement};

use crate::auditor::{Auditor, account};
use crate::line::{Line, eventually};
use crate::server::Server;
use crate::story::{Publisher, is_stream};
use crate::subscriber::Subscriber;

#[test]
fn what_one_owner_causes_is_on_its_account_alone() {
    let mut scene = Scene::new();
    for owner in Owner::all().filter(|owner| *owner != Owner::Loop) {
        let mut busy = scene.enter(owner);
        let before = scene.look(None);
        let mut caused = Caused::default();
        while scene.server.task.on_cpu_ns() < before.on_cpu_ns.end() + LOAD_NS {
            let more = scene.round(&mut busy);
            caused = Caused { reads: caused.reads + more.reads, sends: caused.sends + more.sends };
        }
        let after = scene.look(Some(&before.statement));
        let asked = after.questions - before.questions;
        check_calls(owner, &after.statement, caused, asked);
        check_cpu(owner, &after.statement, &after.spent_since(&before));
        // Who leaves costs something: nobody does before it is over.
        scene.staying.push(busy);
    }
}

/// A server, the crowd that is idle there, and everybody who has worked.
struct Scene {
    server: Server,
    auditor: Auditor,
    questions: u64,
    /// How many are to be open of each mechanism, in the order of [`Kind::ALL`].
    open: [u64; Kind::ALL.len()],
    staying: Vec<Busy>,
    _crowd: Vec<Subscriber>,
}

/// Those who work for one owner.
enum Busy {
    Subscribers(Vec<Subscriber>),
    Publisher(Publisher),
    Visitor(Line),
}

/// System calls that the test has made the server make.
#[derive(Clone, Copy, Default)]
struct Caused {
    reads: u64,
    sends: u64,
}

/// A statement, and what else was known when it was made.
struct Look {
    statement: Statement,
    /// Time on a CPU before the question was sent and after it was answered: the statement was
    /// made in between.
    on_cpu_ns: RangeInclusive<u64>,
    /// Questions that were asked before it.
    questions: u64,
}

impl Look {
    /// The least and the most that can have been spent between the two statements.
    fn spent_since(&self, earlier: &Self) -> RangeInclusive<u64> {
        let least = self.on_cpu_ns.start() - earlier.on_cpu_ns.end();
        least..=self.on_cpu_ns.end() - earlier.on_cpu_ns.start()
    }
}

impl Scene {
    fn new() -> Self {
        // Nothing happens by itself while the test lasts.
        let limits = Limits {
            heartbeat_us: 600 * SECOND_US,
            ping_us: 600 * SECOND_US,
            park_us: limits::PARK_US_MAX,
            keep_alive_us_max: 600 * SECOND_US,
            ..Limits::default()
        };
        let server = Server::start(limits);
        let kinds = Kind::ALL.into_iter().flat_map(|kind| std::iter::repeat_n(kind, IDLE));
        let crowd = kinds.map(|kind| Subscriber::open(server.address, kind, "quiet")).collect();
        let auditor = Auditor::connect(server.address);
        let open = Kind::ALL.map(|kind| if kind == Kind::Poll { 0 } else { IDLE as u64 });
        Self { server, auditor, questions: 0, open, staying: Vec::new(), _crowd: crowd }
    }

    /// Those come who will work for this owner, and have worked once: what a first request costs
    /// besides is over then.
    fn enter(&mut self, owner: Owner) -> Busy {
        let address = self.server.address;
        let mut busy = match owner {
            // Each on a channel of its own.
            Owner::Mech(kind) => {
                if kind != Kind::Poll {
                    self.open[kind as usize] += BUSY as u64;
                }
                let open = |_| Subscriber::open(address, kind, kind.name());
                Busy::Subscribers((0..BUSY).map(open).collect())
            }
            Owner::Publish => Busy::Publisher(Publisher::connect(address)),
            Owner::Request | Owner::Loop => Busy::Visitor(Line::connect(address)),
        };
        self.round(&mut busy);
        busy
    }

    /// They work once. A message is published without a request, so that nobody else has a call.
    fn round(&mut self, busy: &mut Busy) -> Caused {
        let all = BUSY as u64;
        match busy {
            Busy::Publisher(publisher) => publisher.publish("empty", "nobody hears this"),
            Busy::Visitor(line) => assert_eq!(line.ask("/livez").status, 200),
            Busy::Subscribers(subscribers) => {
                let kind = subscribers.first().unwrap().kind;
                if kind == Kind::Poll {
                    subscribers.iter_mut().for_each(Subscriber::hear_silence);
                    return Caused { reads: all, sends: all };
                }
                self.server.publish(kind.name(), TEXT);
                subscribers.iter_mut().for_each(|one| one.hear(TEXT));
                return Caused { reads: if is_stream(kind) { 0 } else { all }, sends: all };
            }
        }
        Caused { reads: 1, sends: 1 }
    }

    /// Asks for a statement once everybody waits who should: the last request of a long poll has
    /// no answer, so it may still be on its way.
    fn look(&mut self, earlier: Option<&Statement>) -> Look {
        let mut found = None;
        eventually("everybody waits", || {
            let questions = self.questions;
            self.questions += 1;
            let from_ns = self.server.task.on_cpu_asleep_ns();
            let statement = match earlier {
                Some(earlier) => self.auditor.since(earlier),
                None => self.auditor.statement(),
            };
            let open = Kind::ALL.map(|kind| account(&statement, kind.name()).open);
            let on_cpu_ns = from_ns..=self.server.task.on_cpu_asleep_ns();
            found = Some(Look { statement, questions, on_cpu_ns });
            open == self.open
        });
        found.unwrap()
    }
}

/// The owner has the calls that were caused; those who asked the questions have theirs; the loop
/// has what none of them makes; nobody else has any.
fn check_calls(owner: Owner, gain: &Statement, caused: Caused, questions: u64) {
    for account in &gain.accounts {
        let mut expected = Caused::default();
        if account.owner == owner.name() {
            expected = caused;
        }
        if account.owner == Owner::Request.name() {
            // A statement is made before its own question and its own answer are booked.
            expected.reads += questions;
            expected.sends += questions;
        }
        let calls = |names: &[&str]| names.iter().map(|name| account.calls[*name]).sum::<u64>();
        let of_loop = calls(&["epoll_wait", "cpu_clock"]);
        assert_eq!(of_loop > 0, account.owner == Owner::Loop.name(), "{account:?}");
        let (reads, sends) = (calls(&["read"]), calls(&["send", "writev"]));
        assert_eq!((reads, sends), (expected.reads, expected.sends), "{owner:?}: {account:?}");
        assert_eq!(account.calls_total(), reads + sends + of_loop, "{owner:?}: {account:?}");
    }
}

/// All accounts together have the time that the scheduler has counted, and no mechanism has any
/// but the one that works.
fn check_cpu(owner: Owner, gain: &Statement, spent_ns: &RangeInclusive<u64>) {
    let of = |owner: Owner| account(gain, owner.name()).cpu_ns_total();
    let mine = of(owner);
    let booked: u64 = gain.accounts.iter().map(Account::cpu_ns_total).sum();
    let (least, most) = (spent_ns.start() / 100 * 98, spent_ns.end() / 100 * 102);
    assert!((least..=most).contains(&booked), "{booked} ns booked, {spent_ns:?} spent");
    // The rest is the loop's own, and that of those who publish and who ask.
    assert!(mine > spent_ns.start() / 4, "{owner:?}: {mine} of {spent_ns:?} ns");
    for other in Kind::ALL.map(Owner::Mech).into_iter().filter(|other| *other != owner) {
        assert_eq!(of(other), 0, "{other:?} beside {owner:?}");
    }
}

/// Of each mechanism, in the crowd.
const IDLE: usize = 50;
/// Those who work.
const BUSY: usize = 10;
/// CPU time for which each owner works.
const LOAD_NS: u64 = 200_000_000;
const TEXT: &str = "a message.";
