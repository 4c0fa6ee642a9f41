//! The loop's inbox: how other threads reach it.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crossbeam_channel::{Receiver, Sender};
use mio::{Registry, Token, Waker};

use crate::access::Access;
use crate::hub::Draft;
use crate::limits;

/// Through which other threads reach the loop.
#[derive(Debug)]
pub(super) struct Inbox {
    receiver: Receiver<Errand>,
    handle: Handle,
}

impl Inbox {
    /// An empty inbox, which wakes a poll with this token.
    pub(super) fn new(registry: &Registry, token: Token) -> io::Result<Self> {
        let (sender, receiver) = crossbeam_channel::bounded(limits::INBOX_MAX);
        let waker = Arc::new(Waker::new(registry, token)?);
        Ok(Self { receiver, handle: Handle { sender, waker, woken: Arc::default() } })
    }

    /// A way to reach it from another thread.
    pub(super) fn handle(&self) -> Handle {
        self.handle.clone()
    }

    /// The loop looks into it: whatever comes from now on wakes it anew.
    pub(super) fn open(&self) {
        self.handle.woken.swap(false, Ordering::AcqRel);
    }

    /// The next errand.
    pub(super) fn take(&self) -> Option<Errand> {
        self.receiver.try_recv().ok()
    }

    /// Has the loop look into it once more.
    pub(super) fn wake(&self) {
        self.handle.call();
    }
}

/// What another thread wants done.
#[derive(Debug)]
pub(super) enum Errand {
    Publish(String, Draft),
    ChangeAccess(Box<Access>),
    Drain,
}

/// A way to reach a loop from another thread.
#[derive(Clone, Debug)]
pub struct Handle {
    sender: Sender<Errand>,
    waker: Arc<Waker>,
    /// Whether the loop has been woken and has not looked into its inbox since.
    woken: Arc<AtomicBool>,
}

/// The loop's inbox is full, or the loop has ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct InboxFull;

impl Handle {
    /// Publishes to a channel, at the loop's next turn.
    pub fn publish(&self, channel: &str, draft: Draft) -> Result<(), InboxFull> {
        self.send(Errand::Publish(channel.to_owned(), draft))
    }

    /// Has the loop say goodbye to everybody, and end.
    pub fn drain(&self) -> Result<(), InboxFull> {
        self.send(Errand::Drain)
    }

    /// Has the loop let in by other tokens from now on.
    pub(super) fn change_access(&self, access: &Access) -> Result<(), InboxFull> {
        self.send(Errand::ChangeAccess(Box::new(access.clone())))
    }

    /// Wakes the loop, for news wait for it.
    pub(super) fn call(&self) {
        // A poll that cannot be woken has been woken already.
        let _ = self.waker.wake();
    }

    fn send(&self, errand: Errand) -> Result<(), InboxFull> {
        self.sender.try_send(errand).map_err(|_| InboxFull)?;
        // Set when the errand is in, cleared before the inbox is emptied: none is left behind.
        if !self.woken.swap(true, Ordering::AcqRel) {
            self.waker.wake().map_err(|_| InboxFull)?;
        }
        Ok(())
    }
}
