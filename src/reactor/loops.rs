//! Several loops, each on a thread of its own, with a listener, a slab and a replica of every log.

use std::io;
use std::net::SocketAddr;
use std::thread::{self, Builder};

use super::{Clock, Company, Ground, Handle, Reactor};
use crate::board;
use crate::cost::{Owner, Syscall};
use crate::engine::Config;
use crate::keyring::Keyring;
use crate::limits;
use crate::listener::Listener;

/// All loops of a server, as many as there are or one that is alone.
///
/// A connection stays with the loop that has accepted it: the kernel chooses by its addresses and
/// ports. What is published to one loop is in the logs of all, in the same order.
pub struct Loops {
    /// It runs on the caller's thread, and has the signals.
    first: Reactor,
    others: Vec<Other>,
    handles: Vec<Handle>,
}

/// A loop that has no thread yet. Connections share frames without locks, so that a loop is made
/// where it runs.
struct Other {
    ground: Ground,
    config: Config,
    company: Company,
}

impl Loops {
    /// So many loops that listen on `address`.
    ///
    /// # Errors
    /// What the system says.
    pub fn bind(address: SocketAddr, config: Config, count: usize) -> io::Result<Self> {
        let count = count.clamp(1, limits::LOOPS_MAX);
        if count == 1 {
            let first = Reactor::bind(address, config)?;
            return Ok(Self { handles: vec![first.handle()], first, others: Vec::new() });
        }
        let grounds = grounds(address, count)?;
        let handles: Vec<Handle> = grounds.iter().map(|ground| ground.inbox.handle()).collect();
        let config = share(config, count);
        let begun = grounds.first().ok_or(io::ErrorKind::InvalidInput)?.clock.now();
        let members = board::members(count, begun.unix_ms());
        let mut loops = grounds.into_iter().zip(members).map(|(ground, member)| {
            let company = Company { member, handles: handles.clone() };
            Other { ground, config: config.clone(), company }
        });
        let first = loops.next().ok_or(io::ErrorKind::InvalidInput)?;
        let others = loops.collect();
        let first = Reactor::on(first.ground, first.config, Some(first.company));
        Ok(Self { first, others, handles })
    }

    /// The address they really listen on.
    ///
    /// # Errors
    /// What the system says.
    pub fn address(&self) -> io::Result<SocketAddr> {
        self.first.address()
    }

    /// How many there are.
    pub const fn count(&self) -> usize {
        1 + self.others.len()
    }

    /// The ways to reach each of them from another thread.
    pub fn handles(&self) -> &[Handle] {
        &self.handles
    }

    /// Takes signals, as [`Reactor::take_signals`] says: for all loops.
    ///
    /// # Errors
    /// What the system says.
    pub fn take_signals(&mut self, keyring: Keyring) -> io::Result<()> {
        self.first.take_signals(keyring)
    }

    /// Runs until all are drained.
    ///
    /// # Errors
    /// What the first that fails says; then the others are drained.
    pub fn run(self) -> io::Result<()> {
        let Self { mut first, others, handles } = self;
        thread::scope(|scope| {
            let mut ended = Ok(());
            let mut threads = Vec::new();
            for (number, other) in (1..).zip(others) {
                let handles = &handles;
                let run = move || {
                    let ended = kept(other.run(), handles);
                    // Who waits to be the last is told.
                    handles.iter().for_each(Handle::call);
                    ended
                };
                match Builder::new().name(format!("loop {number}")).spawn_scoped(scope, run) {
                    Ok(thread) => threads.push(thread),
                    Err(error) => ended = kept(Err(error), handles),
                }
            }
            ended = ended.and(kept(first.run(), &handles));
            // Its place goes with it: nobody is to wait until it has heard what it will not hear.
            drop(first);
            for thread in threads {
                let joined = thread.join();
                ended = ended.and(joined.unwrap_or_else(|_| Err(io::Error::other("a loop broke"))));
            }
            ended
        })
    }
}

impl Other {
    fn run(self) -> io::Result<()> {
        Reactor::on(self.ground, self.config, Some(self.company)).run()
    }
}

/// Where a loop has failed, the others leave: the half of a server is none.
fn kept(ended: io::Result<()>, handles: &[Handle]) -> io::Result<()> {
    if let Err(error) = &ended {
        log::error!("a loop has failed: {error}");
        handles.iter().for_each(Handle::follow);
    }
    ended
}

/// Listeners on one address: the first finds the port, if that is 0.
fn grounds(address: SocketAddr, count: usize) -> io::Result<Vec<Ground>> {
    let clock = Clock::start();
    if address.port() != 0 {
        Listener::probe(address)?;
    }
    let first = Listener::bind_shared(address)?;
    let address = first.address()?;
    let mut grounds = vec![Ground::new(first, clock)?];
    for _ in 1..count {
        grounds.push(Ground::new(Listener::bind_shared(address)?, clock)?);
    }
    Ok(grounds)
}

/// What is bounded for all loops together and counted in each: its equal part.
fn share(mut config: Config, count: usize) -> Config {
    let all = &mut config.limits.queue_all_bytes_max;
    *all = (*all / count).max(1);
    config
}

impl Reactor {
    /// The ways to the other loops, for the one that speaks for all.
    pub(super) fn others(&self) -> impl Iterator<Item = &Handle> {
        self.handles.iter().skip(1)
    }

    /// Hears what other loops have said before anything is done that may tell of it. It leaves as
    /// it comes: who reads is not slow because this loop was.
    pub(super) fn hear(&mut self) {
        self.engine.take_in();
        while self.engine.hear_on() {
            if self.engine.take_crowded() {
                self.flush();
            }
        }
    }

    /// Wakes the loops that were told something: they have it before anybody here hears of it.
    pub(super) fn call_others(&mut self) {
        let mut calls = self.engine.take_calls();
        while calls != 0 {
            if let Some(handle) = self.handles.get(calls.trailing_zeros() as usize) {
                handle.call();
                self.engine.book_for(Owner::Loop, Syscall::Wake);
            }
            calls &= calls - 1;
        }
    }

    pub(super) fn is_one_of_several(&self) -> bool {
        !self.handles.is_empty()
    }
}
