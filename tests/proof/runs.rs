//! Heap and CPU time: a loop that is turned by the test's own thread, whose allocator, whose clock
//! and whose scheduler are the second witness.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use pushscope::cost::Heap;
use pushscope::id::Kind;
use pushscope::limits::Limits;
use pushscope::reactor::Reactor;
use pushscope::statement::Statement;
use pushscope::sys;

use crate::auditor::Auditor;
use crate::server::reactor;
use crate::story::{self, Publisher};
use crate::subscriber::Subscriber;
use crate::task::Task;

#[test]
fn allocations_are_those_of_the_allocator() {
    let mut turned = Turned::new(story::limits());
    turned.statement();
    let before = turned.statement();
    turned.beside(|address, _| drop(story::tell(address)));
    let after = turned.statement();
    assert!(before.statement.heap_counted, "this test has an allocator that counts");
    let ledger = heap(&after.statement) - heap(&before.statement);
    assert_eq!(ledger, after.heap - before.heap);
    assert!(ledger.allocations > 500, "{ledger:?}");
    for account in &after.statement.accounts {
        assert!(account.heap.allocations > 0, "{}: {:?}", account.owner, account.heap);
    }
}

/// That the accounts add up to the thread's clock is so by construction: it is what is spread over
/// them. What this finds is time that is lost on the way, or booked twice; and the scheduler, which
/// the ledger never asks, says whether the clock is the right one. Whether time is on the right
/// account is for `owners.rs` to find.
#[test]
fn cpu_time_is_that_of_the_thread() {
    let mut turned = Turned::new(Limits::default());
    let before = turned.statement();
    turned.beside(|address, enough| {
        let mut publisher = Publisher::connect(address);
        let mut crowd: Vec<_> =
            Kind::ALL.map(|kind| Subscriber::open(address, kind, "room")).into();
        let mut round = 0;
        while !enough.load(Ordering::Relaxed) {
            round += 1;
            let text = format!("round {round}.");
            publisher.publish("room", &text);
            crowd.iter_mut().for_each(|one| one.hear(&text));
        }
    });
    let after = turned.statement();
    let ledger = cpu_ns(&after.statement) - cpu_ns(&before.statement);
    let thread = after.cpu_ns - before.cpu_ns;
    let scheduler = after.on_cpu_ns - before.on_cpu_ns;
    println!("{ledger} ns in the ledger, {thread} on the thread's clock, {scheduler} scheduled");
    assert!(thread >= LOAD_NS);
    for spent in [thread, scheduler] {
        assert!(ledger.abs_diff(spent) <= spent / 50, "{ledger} ns, but {spent} ns were spent");
    }
    for account in &after.statement.accounts {
        assert!(account.cpu_ns_total() > 0, "{}: {:?}", account.owner, account.cpu_ns);
    }
}

/// A loop that this thread turns.
struct Turned {
    reactor: Reactor,
    auditor: Auditor,
    /// What turns have asked of the allocator.
    heap: Heap,
}

/// A statement, and what the witnesses said when the turn began that made it.
struct Witnessed {
    statement: Statement,
    heap: Heap,
    cpu_ns: u64,
    on_cpu_ns: u64,
}

impl Turned {
    fn new(limits: Limits) -> Self {
        let reactor = reactor(limits);
        let auditor = Auditor::connect(reactor.address().unwrap());
        let mut turned = Self { reactor, auditor, heap: Heap::default() };
        // Lets the auditor in: its first question is then a turn like that of any other.
        turned.turn();
        turned
    }

    /// One turn; returns what it has asked of the allocator.
    fn turn(&mut self) -> Heap {
        let before = sys::heap();
        self.reactor.turn(Some(NAP)).unwrap();
        let asked = sys::heap() - before;
        self.heap += asked;
        asked
    }

    /// Turns for as long as another thread works; tells it when there was load enough.
    fn beside(&mut self, work: impl FnOnce(SocketAddr, &AtomicBool) + Send) {
        let address = self.reactor.address().unwrap();
        let enough = AtomicBool::new(false);
        let end_ns = sys::thread_cpu_ns() + LOAD_NS;
        std::thread::scope(|scope| {
            let worker = scope.spawn(|| work(address, &enough));
            while !worker.is_finished() {
                self.turn();
                enough.store(sys::thread_cpu_ns() >= end_ns, Ordering::Relaxed);
            }
        });
    }

    /// Asks for a statement. All questions are the same bytes on the same connection, so that as
    /// much of each turn lies before its snapshot as of any other.
    fn statement(&mut self) -> Witnessed {
        let task = Task::own();
        let witnesses = |heap| (heap, sys::thread_cpu_ns(), task.on_cpu_ns());
        self.auditor.say_question();
        let mut began = witnesses(self.heap);
        while !self.auditor.is_answered() {
            let now = witnesses(self.heap);
            // A turn that allocates nothing has made no statement.
            if self.turn() != Heap::default() {
                began = now;
            }
        }
        let (heap, cpu_ns, on_cpu_ns) = began;
        Witnessed { statement: self.auditor.answer(), heap, cpu_ns, on_cpu_ns }
    }
}

fn heap(statement: &Statement) -> Heap {
    statement.accounts.iter().fold(Heap::default(), |mut sum, account| {
        sum += account.heap;
        sum
    })
}

fn cpu_ns(statement: &Statement) -> u64 {
    statement.accounts.iter().map(|account| account.cpu_ns_total()).sum()
}

/// How long a turn sleeps when nothing happens.
const NAP: Duration = Duration::from_millis(10);
/// CPU time under load, at least.
const LOAD_NS: u64 = 1_000_000_000;
