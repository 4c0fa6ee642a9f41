//! Bytes: what the ledger says, what the clients have counted, and what both kernels have.

use pushscope::cost::Kernel;
use pushscope::id::Kind;
use pushscope::statement::{Account, Statement};

use crate::auditor::{Auditor, account};
use crate::line::{Tally, eventually};
use crate::server::Server;
use crate::story::{self, is_stream};
use crate::subscriber::Subscriber;

#[test]
fn bytes_are_what_the_clients_and_the_kernel_have_counted() {
    let server = Server::start(story::limits());
    let told = story::tell(server.address);
    let mut auditor = Auditor::connect(server.address);
    let mut asked = auditor.tally();
    let mut statement = auditor.statement();
    eventually("everybody's socket is closed", || {
        asked = auditor.tally();
        statement = auditor.statement();
        let sockets: u64 = statement.accounts.iter().map(|account| account.kernel.sockets).sum();
        sockets == told.counts.len() as u64 + 1
    });

    for kind in Kind::ALL {
        let account = account(&statement, kind.name());
        let clients: Vec<_> = told.of(kind).map(|count| (count.tally, count.kernel)).collect();
        compare(account, &clients);
        assert_eq!(account.open, 0, "{}: open", kind.name());
        assert!(account.deliveries > 0 && account.ticks > 0 || kind == Kind::Poll, "{account:?}");
    }
    compare(account(&statement, "publish"), &[told.publisher]);
    // The question is heard when it is answered, the answer is not made yet.
    let question = b"GET /ledger HTTP/1.1\r\nHost: localhost\r\n\r\n".len() as u64;
    let request = account(&statement, "request");
    assert_eq!(request.received.read, asked.said + question);
    assert_eq!(request.sent.taken, asked.heard);
    is_silent(account(&statement, "loop"));
}

#[test]
fn the_kernel_tells_the_same_of_who_is_still_there() {
    let server = Server::start(story::limits());
    let mut publisher = story::Publisher::connect(server.address);
    let mut crowd: Vec<_> =
        Kind::ALL.map(|kind| Subscriber::open(server.address, kind, "room")).into();
    publisher.publish("room", "hello");
    crowd.iter_mut().for_each(|one| one.hear("hello"));
    let statement = Auditor::connect(server.address).statement_of_kernel();
    for kind in Kind::ALL {
        let account = account(&statement, kind.name());
        let kernel = account.kernel_open.unwrap();
        assert_eq!(kernel.sockets, 1, "{}", kind.name());
        assert_eq!(sent(&kernel), account.sent.taken, "{}: sent", kind.name());
        assert_eq!(kernel.bytes_received, account.received.read, "{}: read", kind.name());
        assert_eq!(account.open, u64::from(kind != Kind::Poll), "{}: open", kind.name());
        assert!(!is_stream(kind) || account.held_bytes > 0, "{}: held", kind.name());
    }
    drop(crowd);
}

/// All four must say the same; nothing waits and nothing was lost.
fn compare(account: &Account, clients: &[(Tally, Kernel)]) {
    let owner = &account.owner;
    let count = clients.len() as u64;
    let tally: Tally = clients.iter().map(|(tally, _)| *tally).sum();
    assert_eq!(account.sent.taken, tally.heard, "{owner}: the clients have heard");
    assert_eq!(account.received.read, tally.said, "{owner}: the clients have said");
    assert_eq!(account.sent.made.total(), account.sent.taken, "{owner}: made");
    assert_eq!(account.received.parsed.total(), account.received.read, "{owner}: parsed");

    // Each side's FIN is one more in the other's `bytes_received`: see `sys::kernel_counts`.
    let there = clients.iter().fold(Kernel::default(), |mut sum, (_, kernel)| {
        sum += *kernel;
        sum
    });
    assert_eq!(there.bytes_received - count, tally.heard, "{owner}: the clients' kernel");
    assert_eq!(sent(&there), tally.said, "{owner}: the clients' kernel");
    let here = &account.kernel;
    assert_eq!(here.sockets, count, "{owner}: sockets that were closed");
    assert_eq!(sent(here), account.sent.taken, "{owner}: the server's kernel");
    assert_eq!(here.bytes_received - count, account.received.read, "{owner}: the server's kernel");
}

/// What left for the first time.
fn sent(kernel: &Kernel) -> u64 {
    kernel.bytes_sent - kernel.bytes_retransmitted
}

fn is_silent(account: &Account) {
    assert_eq!(account.sent.made.total() + account.received.read, 0, "{account:?}");
}

/// A statement in which nothing is missing has an account for each of these.
#[test]
fn every_owner_has_an_account() {
    let server = Server::start(story::limits());
    let statement: Statement = Auditor::connect(server.address).statement();
    let owners: Vec<&str> = statement.accounts.iter().map(|account| &*account.owner).collect();
    let expected: Vec<&str> = pushscope::cost::Owner::all().map(|owner| owner.name()).collect();
    assert_eq!(owners, expected);
}
