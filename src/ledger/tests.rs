use std::cell::Cell;
use std::sync::Arc;

use super::*;
use crate::event::{Event, Payload};
use crate::limits;

const SSE: Owner = Owner::Mech(Kind::Sse);
const POLL: Owner = Owner::Mech(Kind::Poll);

/// Messages of a channel from this offset on, of these sizes.
fn events(first: u64, sizes: &[usize]) -> Vec<Event> {
    let event = |(offset, size): (u64, &usize)| Event {
        id: Id { epoch: 7, offset },
        time_ms: 9,
        at: Instant::ZERO,
        channel: Arc::from("c"),
        name: None,
        payload: Payload::Text("x".repeat(*size).into()),
    };
    (first..).zip(sizes).map(event).collect()
}

fn batch(events: &[Event], course: Course) -> Batch<'_> {
    Batch { events, course, ..Batch::none(9) }
}

/// A frame with 10 bytes of framing around each message.
fn frame(kind: Kind, batch: &Batch<'_>) -> Frame {
    let payload: usize = batch.events.iter().map(|event| event.payload.bytes().len()).sum();
    let total = payload + 10 * batch.events.len();
    Frame::new(kind, vec![b'.'; total], Bytes::wrapped(total, payload), batch)
}

fn part(receipt: &receipts::Receipt, kind: Kind) -> receipts::Part {
    receipt.parts.iter().find(|(of, _)| *of == kind).map(|(_, part)| *part).unwrap()
}

/// Time that stands still, at 50 µs behind the beginning of the turn.
fn ledger() -> Ledger {
    let mut ledger = Ledger::new(Gauge::STILL);
    ledger.begin(Now { at: Instant::from_us(50), unix_us: 0 });
    ledger
}

fn account(made: usize, taken: usize) -> Account {
    let mut account = Account::default();
    account.book_made(Bytes::framing(made));
    account.book_taken(taken);
    account
}

#[test]
fn a_connection_that_changes_hands_takes_what_is_queued_along() {
    let mut ledger = ledger();
    let mut books = account(100, 60);
    books.book_received(30);
    books.book_parsed(Bytes::head(20));
    ledger.fold(POLL, &mut books, 40);
    let begin = (books.brought(), books.received());
    assert_eq!(begin, (40, 10), "unparsed bytes are the next owner's");
    assert!(books.balances(40) && books.balances_received(10));
    books.book_taken(40);
    books.book_parsed(Bytes::head(10));
    ledger.fold(SSE, &mut books, 0);
    let mut snapshot = ledger.snapshot(Instant::from_us(60));
    assert!(snapshot.balances());
    assert_eq!((snapshot.row(POLL).carried, snapshot.row(SSE).brought), (40, 40));
    assert_eq!((snapshot.row(POLL).read, snapshot.row(SSE).read), (20, 10));
}

#[test]
fn a_difference_balances_and_adds_up_to_the_whole() {
    let mut ledger = ledger();
    let mut books = account(100, 60);
    let open = |ledger: &mut Ledger, books: &Account, queued, at| {
        let mut snapshot = ledger.snapshot(Instant::from_us(at));
        snapshot.row(SSE).add_open(books, queued, 304);
        snapshot
    };
    ledger.opened(Kind::Sse, Instant::from_us(100));
    books.book_received(5);
    let earlier = open(&mut ledger, &books, 40, 200);
    books.book_taken(30);
    books.book_made(Bytes::control(20));
    books.book_parsed(Bytes::control(5));
    let later = open(&mut ledger, &books, 30, 500);
    let mut gain = later.clone().since(&earlier);
    assert!(earlier.balances() && later.balances() && gain.balances(), "{gain:?}");
    let row = gain.row(SSE);
    assert_eq!((row.brought, row.made.total(), row.taken, row.queued), (40, 20, 30, 30));
    assert_eq!((row.read, row.parsed.total(), row.waiting), (5, 5, 0));
    assert_eq!((row.opened, row.open, row.open_us), (0, 1, 300));
}

#[test]
fn calls_that_a_connection_cannot_count_are_its_owners() {
    let mut ledger = ledger();
    let mut books = Account::default();
    for call in [Syscall::Read, Syscall::Close] {
        ledger.book_for(&mut books, Some(SSE), call);
    }
    let mut snapshot = ledger.snapshot(Instant::ZERO);
    assert_eq!(snapshot.row(SSE).calls.total(), 1, "the other is in the connection's books");
    ledger.fold(SSE, &mut books, 0);
    let mut snapshot = ledger.snapshot(Instant::ZERO);
    assert_eq!(snapshot.row(SSE).calls.of(Syscall::Read), 1);
    assert_eq!(snapshot.row(SSE).calls.of(Syscall::Close), 1);
}

#[test]
fn messages_that_leave_together_share_their_calls() {
    let mut ledger = ledger();
    let events = events(1, &[4, 0, 8]);
    let course = ledger.course(&batch(&events, Course::Replayed));
    let frame = frame(Kind::Sse, &batch(&events, course));
    ledger.queued(Some((frame.clone(), 2)));
    for _ in 0..2 {
        ledger.delivered(1, std::slice::from_ref(&frame));
    }
    let receipt = ledger.receipt("c", Id { epoch: 7, offset: 3 }).unwrap();
    assert_eq!((receipt.bytes, receipt.batch), (8, 3));
    let part = part(&receipt, Kind::Sse);
    assert_eq!((part.subscribers, part.delivered), (2, 2));
    assert!((part.calls - 2.0 / 3.0).abs() < 1e-9, "two calls for three messages");
    assert!((part.framing - 20.0).abs() < 1e-9 && (part.payload - 16.0).abs() < 1e-9);
    assert_eq!((part.delay_us_min, part.delay_us_max), (50, 50));
    assert!(ledger.receipt("c", Id { epoch: 7, offset: 4 }).is_none());
    assert!(ledger.receipt("d", Id { epoch: 7, offset: 3 }).is_none());
}

#[test]
fn one_call_for_two_frames_is_half_a_call_each() {
    let mut ledger = ledger();
    let frames: Vec<Frame> = [events(1, &[4]), events(2, &[4])]
        .iter()
        .map(|events| {
            frame(Kind::Sse, &batch(events, ledger.course(&batch(events, Course::Replayed))))
        })
        .collect();
    ledger.delivered(1, &frames);
    for offset in [1, 2] {
        let receipt = ledger.receipt("c", Id { epoch: 7, offset }).unwrap();
        assert!((part(&receipt, Kind::Sse).calls - 0.5).abs() < 1e-9);
    }
}

#[test]
fn a_polls_answer_is_booked_on_the_receipts_of_its_messages() {
    let mut ledger = ledger();
    let published = events(1, &[4, 4]);
    ledger.course(&batch(&published[..1], Course::Replayed));
    ledger.course(&batch(&published[1..], Course::Replayed));
    let answer = batch(&published, Course::CaughtUp);
    ledger.caught_up(Kind::Poll, &answer);
    ledger.delivered(1, &[frame(Kind::Poll, &answer)]);
    for offset in [1, 2] {
        let receipt = ledger.receipt("c", Id { epoch: 7, offset }).unwrap();
        let part = part(&receipt, Kind::Poll);
        assert_eq!((part.subscribers, part.delivered), (1, 1));
        assert!((part.calls - 0.5).abs() < 1e-9 && (part.framing - 10.0).abs() < 1e-9);
    }
    let mut snapshot = ledger.snapshot(Instant::ZERO);
    assert_eq!((snapshot.row(POLL).deliveries, snapshot.row(POLL).delays.len()), (2, 2));
}

#[test]
fn a_poll_of_some_messages_of_a_batch_is_on_their_receipts_alone() {
    let mut ledger = ledger();
    let published = events(1, &[4, 4, 4]);
    ledger.course(&batch(&published, Course::Replayed));
    ledger.delivered(1, &[frame(Kind::Poll, &batch(&published[2..], Course::CaughtUp))]);
    let parts = |offset| ledger.receipt("c", Id { epoch: 7, offset }).unwrap().parts.len();
    assert_eq!((parts(1), parts(2), parts(3)), (0, 0, 1));
}

#[test]
fn every_write_that_a_message_took_is_a_call() {
    let mut ledger = ledger();
    let published = events(1, &[9]);
    let course = ledger.course(&batch(&published, Course::Replayed));
    let frame = frame(Kind::Sse, &batch(&published, course));
    ledger.queued(Some((frame.clone(), 1)));
    ledger.delivered(30, &[frame]);
    let receipt = ledger.receipt("c", Id { epoch: 7, offset: 1 }).unwrap();
    assert!((part(&receipt, Kind::Sse).calls - 30.0).abs() < 1e-9);
}

#[test]
fn what_was_there_before_its_reader_is_delivered_without_a_delay() {
    let mut ledger = ledger();
    let events = events(1, &[4]);
    ledger.delivered(1, &[frame(Kind::Sse, &batch(&events, Course::Replayed))]);
    let mut snapshot = ledger.snapshot(Instant::ZERO);
    assert_eq!((snapshot.row(SSE).deliveries, snapshot.row(SSE).delays.len()), (1, 0));
}

#[test]
fn the_oldest_receipt_gives_way() {
    let mut ledger = ledger();
    for offset in 1..=limits::RECEIPTS_MAX as u64 + 1 {
        ledger.course(&batch(&events(offset, &[1]), Course::Replayed));
    }
    let receipt = |offset| ledger.receipt("c", Id { epoch: 7, offset });
    assert!(receipt(1).is_none() && receipt(2).is_some());
}

#[test]
fn a_snapshot_that_is_asked_for_is_kept() {
    let mut snapshots = Snapshots::new(7);
    let first = snapshots.keep(ledger().snapshot(Instant::ZERO));
    let second = snapshots.keep(ledger().snapshot(Instant::ZERO));
    for _ in 0..2 * crate::limits::SNAPSHOTS_MAX {
        snapshots.keep(ledger().snapshot(Instant::ZERO));
        assert!(snapshots.find(first).is_some());
    }
    assert!(snapshots.find(second).is_none());
}

thread_local! {
    /// Nanoseconds that have passed, and as many blocks that were handed out.
    static SPENT: Cell<u64> = const { Cell::new(0) };
}

fn spend(spent: u64) {
    SPENT.set(SPENT.get() + spent);
}

#[test]
fn what_comes_before_a_request_is_understood_is_its_own() {
    SPENT.set(1_000);
    let heap = || Heap { allocations: SPENT.get(), ..Heap::default() };
    let clocks = Gauge { time_ns: || SPENT.get(), cpu_ns: || SPENT.get(), heap };
    let mut ledger = Ledger::new(clocks);
    ledger.begin(Now { at: Instant::ZERO, unix_us: 0 });
    let mut ask = |owner, before: u64, behind: u64| {
        ledger.enter(Phase::Receive, None);
        spend(before);
        ledger.claim(owner);
        spend(behind);
    };
    ask(POLL, 3, 20);
    ask(POLL, 4, 30);
    // Only from here on is it known that owners change.
    ask(Owner::Request, 500, 1_000);
    ask(POLL, 50, 60);
    ask(Owner::Request, 7_000, 8_000);
    ledger.settle();
    let mut snapshot = ledger.snapshot(Instant::ZERO);
    let mut spent = |owner| {
        let row = snapshot.row(owner);
        (row.heap.allocations, row.cpu_ns[Phase::Receive as usize])
    };
    assert_eq!(spent(POLL), (3 + 20 + 4 + 30 + 50 + 60, 3 + 20 + 4 + 30 + 500 + 50 + 60));
    assert_eq!(spent(Owner::Request), (500 + 1_000 + 7_000 + 8_000, 1_000 + 7_000 + 8_000));
}

#[test]
fn what_is_told_apart_is_bounded() {
    let mut ledger = ledger();
    let sizes = [1; 64];
    for first in (1..).step_by(sizes.len()).take(400) {
        let published = events(first, &sizes);
        ledger.course(&batch(&published, Course::Replayed));
        let answer = batch(&published, Course::CaughtUp);
        ledger.delivered(1, &[frame(Kind::Poll, &batch(&answer.events[1..], Course::CaughtUp))]);
    }
    let told = (1..=400 * 64).filter(|offset| {
        let receipt = ledger.receipt("c", Id { epoch: 7, offset: *offset });
        receipt.is_some_and(|receipt| !receipt.parts.is_empty())
    });
    let told = told.count();
    assert!(told > limits::RECEIPTS_APART_MAX / 2 && told <= limits::RECEIPTS_APART_MAX, "{told}");
}
