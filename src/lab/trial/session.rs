//! A server of its own for a claim, the ledger at hand, and crowds that come to it.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use super::Mistrial;
use crate::client::{Address, Ledger, StatementOptions};
use crate::id::Kind;
use crate::lab::LabError;
use crate::lab::crowd::{Asking, Crowd, Topic, Traffic};
use crate::lab::figures::{MESSAGE, refusal_of_bytes, refusal_of_deliveries};
use crate::lab::payload::Payloads;
use crate::lab::server::Server;
use crate::limits;
use crate::statement::Statement;

/// A server, and the ledger since it was last read.
#[derive(Debug)]
pub(super) struct Session {
    ledger: Ledger,
    snapshot: String,
    server: Server,
}

impl Session {
    /// Starts a server with these arguments, and opens its books.
    pub(super) fn start(program: &Path, arguments: &[&str]) -> Result<Self, Mistrial> {
        let arguments: Vec<String> = arguments.iter().map(|word| (*word).to_owned()).collect();
        let server = Server::start(program, &arguments)?;
        let mut ledger = Ledger::open(server.address()).map_err(LabError::Ledger)?;
        let statement = ledger.statement(StatementOptions::default()).map_err(LabError::Ledger)?;
        Ok(Self { ledger, snapshot: statement.snapshot, server })
    }

    /// Where the server listens.
    pub(super) const fn address(&self) -> &Address {
        self.server.address()
    }

    /// Memory that the server shares with nobody, in bytes.
    pub(super) fn private_bytes(&self) -> Result<u64, Mistrial> {
        let bytes = self.server.private_bytes();
        bytes.ok_or_else(|| Mistrial::new("the kernel does not tell the server's memory"))
    }

    /// Threads of the server.
    pub(super) fn threads(&self) -> Result<u64, Mistrial> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.server.pid()))?;
        threads(&status).ok_or_else(|| Mistrial::new("the kernel does not tell the threads"))
    }

    /// Nobody yet, but a place for messages of that size.
    pub(super) fn crowd(&self, channel: &str, size_bytes: usize) -> Result<Crowd, Mistrial> {
        Ok(Crowd::new(Topic {
            address: self.address().clone(),
            channel: channel.to_owned(),
            interval: Duration::from_secs(1),
            payloads: Payloads::new(size_bytes),
        })?)
    }

    /// What the ledger has gained since it was last asked, once the crowd has counted the same
    /// bytes since `before`.
    ///
    /// # Errors
    /// Which bytes the two witnesses do not agree on, when they go on not to.
    pub(super) fn gained(
        &mut self,
        crowd: &mut Crowd,
        before: [Traffic; Kind::ALL.len()],
        kinds: &[Kind],
    ) -> Result<Statement, Mistrial> {
        let mut asked = 0;
        loop {
            let options = StatementOptions { since: Some(&self.snapshot), kernel_open: true };
            let statement = self.ledger.statement(options).map_err(LabError::Ledger)?;
            asked += 1;
            crowd.turn(Instant::now())?;
            let disagreed = kinds.iter().find_map(|kind| {
                let [now, before] = [crowd.traffic(), before].map(|all| all[*kind as usize]);
                let account = statement.account(kind.name())?;
                let (down, up) = (now.received - before.received, now.sent - before.sent);
                refusal_of_bytes(MESSAGE, account, down, up)
            });
            match disagreed {
                Some(refused) if asked == STATEMENTS_MAX => {
                    return Err(Mistrial::new(refused.reason));
                }
                Some(_) => crowd.drive(Instant::now() + PAUSE)?,
                None if !statement.balances => {
                    return Err(Mistrial::new("the server's ledger does not balance"));
                }
                None => {
                    self.snapshot.clone_from(&statement.snapshot);
                    return Ok(statement);
                }
            }
        }
    }

    /// What the ledger has gained since it was last asked, once `is_there` says that it has it.
    pub(super) fn gained_when(
        &mut self,
        is_there: impl Fn(&Statement) -> bool,
    ) -> Result<Statement, Mistrial> {
        for _ in 0..STATEMENTS_MAX {
            let options = StatementOptions { since: Some(&self.snapshot), kernel_open: false };
            let statement = self.ledger.statement(options).map_err(LabError::Ledger)?;
            if is_there(&statement) {
                self.snapshot.clone_from(&statement.snapshot);
                return Ok(statement);
            }
            std::thread::park_timeout(PAUSE);
        }
        Err(Mistrial::new("the ledger says otherwise than the bytes that were seen here"))
    }
}

/// Drives the crowd until everybody is there, and has nothing under way.
pub(super) fn settle(crowd: &mut Crowd) -> Result<(), Mistrial> {
    let patience = Instant::now() + COME_MAX;
    crowd.set_asking(Asking::Held);
    while !crowd.is_settled() {
        crowd.turn(Instant::now() + PAUSE)?;
        if let Some((kind, error)) = crowd.take_fault() {
            return Err(LabError::Subscriber(kind, error).into());
        }
        match crowd.unsettled() {
            Some(kind) if Instant::now() >= patience => return Err(LabError::Late(kind).into()),
            _ => {}
        }
    }
    Ok(())
}

/// Publishes, and waits until everybody has heard all of it and is settled again.
///
/// # Errors
/// How many deliveries are missing, or came twice.
pub(super) fn hear(
    crowd: &mut Crowd,
    kinds: &[Kind],
    messages: u32,
    interval: Duration,
) -> Result<(), Mistrial> {
    let patience = Instant::now() + interval * messages + COME_MAX;
    crowd.publish(messages, interval)?;
    let is_over = |crowd: &Crowd| crowd.has_published() && crowd.has_heard(messages);
    while !is_over(crowd) && Instant::now() < patience {
        crowd.turn(Instant::now() + PAUSE)?;
        if let Some((kind, error)) = crowd.take_fault() {
            let name = kind.name();
            return Err(Mistrial::new(format!("a subscriber of {name} was lost: {error}")));
        }
    }
    let all: Vec<_> = kinds.iter().flat_map(|kind| crowd.heard(*kind)).collect();
    let expected = all.len() as u64 * u64::from(messages);
    let heard = all.iter().map(|heard| heard.messages).sum();
    let doubled = all.iter().map(|heard| heard.doubled).sum();
    match refusal_of_deliveries(expected, heard, doubled) {
        Some(refused) => Err(Mistrial::new(refused.reason)),
        None => settle(crowd),
    }
}

fn threads(status: &str) -> Option<u64> {
    status.lines().find_map(|line| line.strip_prefix("Threads:"))?.trim().parse().ok()
}

/// Time for everybody to come, and for what was published to arrive.
const COME_MAX: Duration = Duration::from_secs(5);
/// Between two questions that may be answered otherwise.
const PAUSE: Duration = Duration::from_millis(10);
/// Fewer than the server keeps snapshots.
const STATEMENTS_MAX: usize = limits::SNAPSHOTS_MAX / 2;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn threads_are_what_the_kernel_says() {
        assert_eq!(threads("Name:\tx\nThreads:\t12\nSigQ:\t1\n"), Some(12));
        assert_eq!(threads("Name:\tx\n"), None);
    }
}
