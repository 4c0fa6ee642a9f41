//! System calls: what the ledger says, and what `strace` has seen.

use std::collections::BTreeMap;
use std::io::Write;
use std::net::SocketAddr;

use pushscope::cost::Syscall;
use pushscope::id::Kind;
use pushscope::statement::Statement;

use crate::auditor::{Auditor, FIRST, LAST, account};
use crate::line::{Line, eventually};
use crate::story;
use crate::strace::{Seen, Strace};
use crate::subscriber::Subscriber;

#[test]
fn system_calls_are_those_that_strace_has_seen() {
    if let Err(why) = Strace::check() {
        let told = std::env::var_os("PUSHSCOPE_NO_STRACE").is_some();
        assert!(told, "strace cannot watch here ({why}); PUSHSCOPE_NO_STRACE=1 goes without");
        // Not by a macro: what a test prints that passes is hidden.
        let warning = format!("\nSYSTEM CALLS ARE NOT PROVEN: strace cannot watch here: {why}\n");
        std::io::stderr().write_all(warning.as_bytes()).unwrap();
        return;
    }
    let strace = Strace::serve(&["--heartbeat-s", "1", "--ping-s", "2", "--park-s", "1"]);
    let mut auditor = Auditor::connect(strace.address);
    let before = auditor.statement();
    story::tell(strace.address);
    misbehave(strace.address);
    let after = drain(&strace);

    let seen = strace.between(FIRST, LAST);
    let unexplained: Vec<&Seen> = seen.iter().filter(|seen| !is_explained(seen)).collect();
    assert!(unexplained.is_empty(), "neither in the ledger nor outside it: {unexplained:#?}");
    let mut counted: BTreeMap<Syscall, u64> = BTreeMap::new();
    for call in seen.iter().filter_map(Seen::booked) {
        *counted.entry(call).or_default() += 1;
    }
    let mut wrong = Vec::new();
    for call in Syscall::ALL {
        let booked = of(&after, call) - of(&before, call);
        let seen = counted.get(&call).copied().unwrap_or_default();
        println!("{:14} {:14} {booked:6} {seen:6}", call.name(), call.kernel_name());
        if booked != seen {
            wrong.push(format!("{}: {booked} in the ledger, {seen} seen", call.name()));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    for call in EXPECTED {
        assert!(counted.contains_key(&call), "{call:?} has not happened: it is not proven");
    }
}

/// What a server sees besides: refusals, somebody who goes in the middle of it, a slow reader who
/// is thrown away.
fn misbehave(address: SocketAddr) {
    let mut line = Line::connect(address);
    assert_eq!(line.ask("/nowhere").status, 404);
    assert_eq!(line.ask("/inspect/connections").status, 200);
    line.say(b"no request\r\n\r\n");
    line.until_thrown_away();
    Subscriber::open(address, Kind::Sse, "room").into_line().reset();
    // Two who do not read: one is told why it ends, for its stream has begun; of the other's,
    // which waits behind pages, nothing has, and it is thrown away with all that it has not read.
    let slow = Subscriber::on(Line::connect_narrow(address), Kind::XhrStream, "flood");
    let mut deaf = Line::connect_narrow(address);
    for target in ["/", "/", "/", "/", "/c/flood/sse"] {
        deaf.get(target);
    }
    let mut auditor = Auditor::connect(address);
    let mut open = || {
        let statement = auditor.statement_of_kernel();
        [Kind::XhrStream, Kind::Sse].map(|kind| account(&statement, kind.name()).open)
    };
    eventually("two subscribers", || open() == [1, 1]);
    let mut publisher = story::Publisher::connect(address);
    let large = vec!["x".repeat(64 * 1024); 8];
    eventually("who does not read is thrown away", || {
        publisher.publish_all("flood", &large);
        open() == [0, 0]
    });
    slow.into_line().until_thrown_away();
    deaf.until_thrown_away();
}

/// Has the server say goodbye to everybody, and asks it in the midst of that.
fn drain(strace: &Strace) -> Statement {
    let mut hesitant = Auditor::connect(strace.address);
    hesitant.hesitate();
    let mut staying: Vec<_> =
        Kind::ALL.map(|kind| Subscriber::open(strace.address, kind, "room")).into();
    strace.signal("TERM");
    let told = staying.iter_mut().find(|one| one.kind == Kind::Sse).unwrap();
    told.hear("retry: 3000\n\n");
    hesitant.go_on()
}

fn of(statement: &Statement, call: Syscall) -> u64 {
    let of = |account: &pushscope::statement::Account| account.calls.get(call.name()).copied();
    statement.accounts.iter().filter_map(of).sum()
}

/// Whether the ledger books it, or stands outside it for a reason.
fn is_explained(seen: &Seen) -> bool {
    seen.booked().is_some()
        || seen.is_of_log()
        || seen.is_of_signals()
        || OUTSIDE.iter().any(|(name, _)| *name == seen.name())
}

/// What the loop calls outside the ledger, and why; beside the log, which writes to the standard
/// error, and signals, which come once or twice in a server's life.
const OUTSIDE: [(&str, &str); 6] = [
    ("brk", "the allocator has no more pages"),
    ("mmap", "the allocator has no more pages"),
    ("mremap", "the allocator moves a large block"),
    ("munmap", "the allocator gives pages back"),
    ("madvise", "the allocator gives pages back"),
    ("fcntl", "a build for debugging looks at a descriptor before it closes it"),
];

/// What must have happened for this to be a proof; the rest depends on how fast somebody was.
const EXPECTED: [Syscall; 13] = [
    Syscall::Accept,
    Syscall::AcceptBlocked,
    Syscall::EpollCtl,
    Syscall::Read,
    Syscall::Send,
    Syscall::Writev,
    Syscall::WritevShort,
    Syscall::Setsockopt,
    Syscall::Getsockopt,
    Syscall::Getpeername,
    Syscall::Close,
    Syscall::EpollWait,
    Syscall::CpuClock,
];
