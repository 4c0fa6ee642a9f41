//! The loop's inbox: how other threads reach it.

use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

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
        let (directives, woken) = (Arc::default(), Arc::default());
        Ok(Self { receiver, handle: Handle { sender, directives, waker, woken } })
    }

    /// A way to reach it from another thread.
    pub(super) fn handle(&self) -> Handle {
        self.handle.clone()
    }

    /// The loop looks into it: whatever comes from now on wakes it anew. What it is told to do is
    /// done behind the errands that are there: they were given before.
    pub(super) fn open(&self) -> Directives {
        self.handle.woken.swap(false, Ordering::AcqRel);
        std::mem::take(&mut *self.handle.directives())
    }

    /// The next errand.
    pub(super) fn take(&self) -> Option<Errand> {
        self.receiver.try_recv().ok()
    }

    /// Whether there is none.
    pub(super) fn is_empty(&self) -> bool {
        self.receiver.is_empty()
    }

    /// Has the loop look into it once more.
    pub(super) fn wake(&self) {
        self.handle.call();
    }
}

/// What another thread wants published.
#[derive(Debug)]
pub(super) struct Errand {
    pub(super) channel: String,
    pub(super) draft: Draft,
}

/// What whoever runs the server wants done. It needs no room: of each there is one, however often
/// and however late it is said.
#[derive(Debug, Default)]
pub(super) struct Directives {
    /// By which tokens the loop lets in from now on, if by others.
    pub(super) access: Option<Access>,
    /// How often it was told to leave: the second time, at once.
    pub(super) drains: usize,
    /// Whether another loop has failed, so that this one leaves unless it does already.
    pub(super) is_half: bool,
}

/// A way to reach a loop from another thread.
#[derive(Clone, Debug)]
pub struct Handle {
    sender: Sender<Errand>,
    directives: Arc<Mutex<Directives>>,
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
        let errand = Errand { channel: channel.to_owned(), draft };
        self.sender.try_send(errand).map_err(|_| InboxFull)?;
        self.wake();
        Ok(())
    }

    /// Has the loop say goodbye to everybody, and end: behind what was published through this
    /// handle before. The second time it ends at once. Of several loops each is told; from the
    /// first on, none takes a message any more.
    pub fn drain(&self) {
        self.directives().drains += 1;
        self.wake();
    }

    /// Has the loop leave because another has failed: the half of a server is none.
    pub(super) fn follow(&self) {
        self.directives().is_half = true;
        self.wake();
    }

    /// Has the loop let in by other tokens from now on.
    pub(super) fn change_access(&self, access: &Access) {
        self.directives().access = Some(access.clone());
        self.wake();
    }

    /// Wakes the loop, for news wait for it.
    pub(super) fn call(&self) {
        // A poll that cannot be woken has been woken already.
        let _ = self.waker.wake();
    }

    /// Wakes the loop, for there is something in its inbox, unless somebody has done so.
    fn wake(&self) {
        // Set when it is in, cleared before the inbox is emptied: none is left behind.
        if !self.woken.swap(true, Ordering::AcqRel) {
            self.call();
        }
    }

    fn directives(&self) -> MutexGuard<'_, Directives> {
        self.directives.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use mio::Poll;

    use super::*;
    use crate::event::Payload;

    #[test]
    fn what_the_loop_is_told_to_do_needs_no_room() {
        let poll = Poll::new().unwrap();
        let inbox = Inbox::new(poll.registry(), Token(0)).unwrap();
        let handle = inbox.handle();
        let draft = Draft { name: None, payload: Payload::Text("x".into()) };
        while handle.publish("c", draft.clone()).is_ok() {}
        for _ in 0..2 {
            handle.change_access(&Access::default());
            handle.drain();
        }
        let told = inbox.open();
        assert!(told.access.is_some() && told.drains == 2, "{told:?}");
        let told = inbox.open();
        assert!(told.access.is_none() && told.drains == 0, "{told:?}");
    }
}
