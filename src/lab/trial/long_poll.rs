//! Claim 2: long polling connects anew for every message.

use std::path::Path;
use std::time::Duration;

use super::evidence::{Cell, Evidence, Outcome, written};
use super::session::{Session, hear, settle};
use super::{Brief, Mistrial, Verdict};
use crate::clock::SECOND_US;
use crate::cost::Syscall;
use crate::id::Kind;
use crate::lab::figures::real;
use crate::statement::Account;

pub(super) const BRIEF: Brief = Brief {
    sentence: "Long polling needs its connection re-created for every message.",
    rule: "The connections that the server accepts from one subscriber are counted while messages \
           arrive one by one: true when there is one for every message, false when there is one \
           in all.",
    commands: &[
        "pushscope sub news --as long_poll -C 20 & sleep 1; \
         for n in $(seq 20); do pushscope pub news $n; done; wait $!",
        "pushscope ledger",
    ],
    us: SECOND_US,
};

/// What one subscriber has cost.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(super) struct Measured {
    messages: f64,
    connections: f64,
    questions: f64,
    down_bytes: f64,
    up_bytes: f64,
    calls: f64,
}

impl Measured {
    /// Has one subscriber come and hear messages, one by one.
    pub(super) fn of(program: &Path) -> Result<Self, Mistrial> {
        let mut session = Session::start(program, &[])?;
        let mut crowd = session.crowd("news", SIZE_BYTES)?;
        let before = crowd.traffic();
        crowd.invite(Kind::LongPoll, 1);
        settle(&mut crowd)?;
        hear(&mut crowd, &[Kind::LongPoll], MESSAGES, INTERVAL)?;
        let statement = session.gained(&mut crowd, before, &[Kind::LongPoll])?;
        statement
            .account(Kind::LongPoll.name())
            .map(Self::read)
            .ok_or_else(|| Mistrial::new("the ledger has no account of long polling"))
    }

    fn read(account: &Account) -> Self {
        let accepted = account.calls.get(Syscall::Accept.name()).copied();
        Self {
            messages: f64::from(MESSAGES),
            connections: real(accepted.unwrap_or_default()),
            questions: real(account.opened),
            down_bytes: real(account.sent.taken),
            up_bytes: real(account.received.read),
            calls: real(account.calls_total()),
        }
    }

    /// The verdict, and the figures behind it.
    pub(super) fn outcome(&self) -> Outcome {
        let columns = [
            ("messages", "count"),
            ("connections accepted", "count"),
            ("questions", "count"),
            ("down", "B/message"),
            ("up", "B/message"),
            ("system calls", "1/message"),
        ];
        let each = |figure: f64| figure / self.messages;
        let cells = [
            self.messages,
            self.connections,
            self.questions,
            each(self.down_bytes),
            each(self.up_bytes),
            each(self.calls),
        ];
        let evidence = Evidence::new(
            "One subscriber by long polling, its opening included",
            "subscriber",
            &columns,
        )
        .line("long_poll", cells.map(Cell::from));
        let (connections, questions) = (written(self.connections), written(self.questions));
        let messages = written(self.messages);
        let (verdict, reason) = if self.connections <= 1.0 {
            let reason = format!(
                "{messages} messages came over {connections} connection: what is repeated is the \
                 question, {questions} times, and its head, which is dear enough. HTTP/1.1 keeps \
                 the connection (RFC 9112 §9.3)."
            );
            (Verdict::False, reason)
        } else if self.connections >= self.messages {
            let reason = format!("{messages} messages took {connections} connections.");
            (Verdict::True, reason)
        } else {
            let reason = format!(
                "{messages} messages took {connections} connections: some were used again, and \
                 some were not."
            );
            (Verdict::Depends, reason)
        };
        Outcome { evidence, verdict, reason }
    }
}

const MESSAGES: u32 = 20;
const SIZE_BYTES: usize = 10;
const INTERVAL: Duration = Duration::from_millis(20);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_verdict_follows_from_the_figures() {
        let verdict = |accepted: u64| {
            let calls = [("accept".to_owned(), accepted), ("send".to_owned(), 20)];
            let account = Account { opened: 21, calls: calls.into(), ..Account::default() };
            Measured::read(&account).outcome().verdict
        };
        assert_eq!(verdict(1), Verdict::False);
        assert_eq!(verdict(7), Verdict::Depends);
        assert_eq!(verdict(20), Verdict::True);
        assert_eq!(verdict(21), Verdict::True);
    }
}
