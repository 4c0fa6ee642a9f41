//! A stage for the tests of mechanisms: one connection without a socket, at a fixed time.

use std::sync::Arc;

use crate::answer::Manner;
use crate::clock::{Instant, Now};
use crate::cost::Account;
use crate::event::{Batch, Course, Event, Gap, Payload};
use crate::fault::Fault;
use crate::frame::Frames;
use crate::id::{ChannelKey, Id};
use crate::limits::Limits;
use crate::mech::mould::{Act, Address, Brought, Door, Dress, Mechanism, Out};
use crate::queue::Queue;
use crate::wire::cursor::Parse;
use crate::wire::date::Date;
use crate::wire::head::{self, Scan};

/// One connection, its books, and what the mechanism left to be done.
pub(crate) struct Stage {
    pub(crate) now: Now,
    pub(crate) limits: Limits,
    pub(crate) address: Address,
    pub(crate) dress: Dress,
    pub(crate) gap: Option<Gap>,
    pub(crate) missed: Vec<Event>,
    pub(crate) acts: Vec<Act>,
    pub(crate) account: Account,
    queue: Queue,
    date: Date,
}

impl Stage {
    pub(crate) fn new() -> Self {
        Self {
            now: Now { at: Instant::ZERO, unix_us: 1_000_000 },
            limits: Limits::default(),
            address: Address::Canonical,
            dress: Dress::Bare,
            gap: None,
            missed: Vec::new(),
            acts: Vec::new(),
            account: Account::default(),
            queue: Queue::default(),
            date: Date::at(0),
        }
    }

    pub(crate) fn out(&mut self) -> Out<'_> {
        Out {
            now: self.now,
            date: &self.date,
            limits: &self.limits,
            queue: &mut self.queue,
            account: &mut self.account,
            acts: &mut self.acts,
        }
    }

    /// Opens a mechanism with this request head.
    pub(crate) fn open<M: Mechanism>(&mut self, request: &str) -> Result<M, Fault> {
        let mut room = head::room();
        let mut scan = Scan::default();
        let parsed = head::parse(request.as_bytes(), &mut scan, &mut room).unwrap();
        let Parse::Complete(head, _) = parsed else { panic!("the head is not complete") };
        let missed = std::mem::take(&mut self.missed);
        let manner = Manner::new(&head, None);
        let door = Door {
            head: &head,
            manner: &manner,
            address: self.address,
            dress: self.dress,
            channel: (self.address != Address::Echo).then_some(CHANNEL),
            replay: batch(&missed, self.gap),
            cursor: Brought::Cursor,
            park_us: self.limits.park_us,
            slow: None,
            session: 1,
        };
        M::open(&door, &mut self.out())
    }

    /// Delivers these messages.
    pub(crate) fn deliver<M: Mechanism>(&mut self, mech: &mut M, events: &[Event]) {
        mech.deliver(&batch(events, None), &mut Frames::default(), &mut self.out());
    }

    /// Lets the mechanism's deadline pass.
    pub(crate) fn tick<M: Mechanism>(&mut self, mech: &mut M) -> Result<(), Fault> {
        self.now.at = mech.deadline();
        mech.tick(&mut self.out())
    }

    /// What has been queued since the last look, as text; bytes that are none are escaped.
    pub(crate) fn said(&mut self) -> String {
        self.said_bytes().escape_ascii().to_string().replace("\\r\\n", "\n").replace("\\n", "\n")
    }

    /// What has been queued since the last look.
    pub(crate) fn said_bytes(&mut self) -> Vec<u8> {
        let mut slices = [std::io::IoSlice::new(&[]); 16];
        let count = self.queue.gather(&mut slices);
        let bytes: Vec<u8> = slices[..count].iter().flat_map(|slice| slice.to_vec()).collect();
        self.queue.sent(bytes.len(), &mut Vec::new());
        self.account.book_taken(bytes.len());
        assert!(self.account.balances(0), "{:?}", self.account);
        bytes
    }

    /// Forgets what was queued and left so far.
    pub(crate) fn clear(&mut self) {
        self.said_bytes();
        self.left();
    }

    /// What the mechanism has left to be done since the last look.
    pub(crate) fn left(&mut self) -> Vec<Act> {
        std::mem::take(&mut self.acts)
    }
}

/// The only channel on this stage.
pub(crate) const CHANNEL: ChannelKey = ChannelKey(3);

/// The message with this offset.
pub(crate) fn text(offset: u64, text: &str) -> Event {
    event(offset, Payload::Text(Arc::from(text)))
}

/// A message of any kind.
pub(crate) fn event(offset: u64, payload: Payload) -> Event {
    let id = Id { epoch: 7, offset };
    Event { id, time_ms: 1_000, at: Instant::ZERO, channel: Arc::from("c"), name: None, payload }
}

/// A batch of these messages, of which the first has been read.
pub(crate) fn batch(events: &[Event], gap: Option<Gap>) -> Batch<'_> {
    let cursor = events.last().map_or(Id { epoch: 7, offset: 9 }, |event| event.id);
    Batch { events, gap, cursor, unread: 4, time_ms: 1_000, course: Course::CaughtUp }
}

/// Sizes of payloads around which framings change.
pub(crate) const SIZES: [usize; 6] = [0, 1, 125, 126, 65_535, 65_536];
