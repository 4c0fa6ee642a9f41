//! Whoever asks for the ledger, and looks at every statement whether it balances.

use std::net::SocketAddr;

use pushscope::statement::{Account, Statement};

use crate::line::{Line, Tally};

/// Somebody with a connection of its own for questions to the ledger.
#[derive(Debug)]
pub(crate) struct Auditor {
    line: Line,
}

impl Auditor {
    /// Connects.
    pub(crate) fn connect(address: SocketAddr) -> Self {
        Self { line: Line::connect(address) }
    }

    /// Everything since the server began.
    pub(crate) fn statement(&mut self) -> Statement {
        self.ask("/ledger")
    }

    /// The same, with what the kernel says about everybody who is connected.
    pub(crate) fn statement_of_kernel(&mut self) -> Statement {
        self.ask("/ledger?kernel=1")
    }

    /// What has come since an earlier statement.
    pub(crate) fn since(&mut self, earlier: &Statement) -> Statement {
        self.ask(&format!("/ledger?since={}", earlier.snapshot))
    }

    /// What it has said and heard so far.
    pub(crate) fn tally(&self) -> Tally {
        self.line.tally()
    }

    /// Asks, without awaiting the answer.
    pub(crate) fn say_question(&mut self) {
        self.line.get("/ledger");
    }

    /// Whether an answer has begun to arrive.
    pub(crate) fn is_answered(&self) -> bool {
        self.line.has_arrived()
    }

    /// The answer to the question that was asked.
    pub(crate) fn answer(&mut self) -> Statement {
        let response = self.line.response();
        let text = str::from_utf8(&response.content).unwrap();
        assert_eq!(response.status, 200, "{text}");
        let statement: Statement = serde_json::from_str(text).unwrap();
        check(&statement);
        statement
    }

    fn ask(&mut self, target: &str) -> Statement {
        self.line.get(target);
        self.answer()
    }

    /// Says the beginning of a question, which has the server wait for its end.
    pub(crate) fn hesitate(&mut self) {
        self.line.say(b"GET /ledger HTTP/1.1\r\nHost: local");
    }

    /// Says the rest of it: [`LAST`] is in these bytes and in no others.
    pub(crate) fn go_on(&mut self) -> Statement {
        self.line.say(b"host\r\nX-Last: word\r\n\r\n");
        self.answer()
    }
}

/// The mark of an auditor's first question.
pub(crate) const FIRST: &str = "GET /ledger HTTP/1.1";
/// The mark of a hesitant auditor's last words.
pub(crate) const LAST: &str = "X-Last";

/// An account that every statement has.
pub(crate) fn account<'s>(statement: &'s Statement, owner: &str) -> &'s Account {
    statement.account(owner).unwrap_or_else(|| panic!("no account of {owner}"))
}

/// What a statement says of itself must be so.
fn check(statement: &Statement) {
    for account in &statement.accounts {
        let owner = &account.owner;
        assert!(account.sent.balances(), "{owner}: {:?}", account.sent);
        assert!(account.received.balances(), "{owner}: {:?}", account.received);
    }
    assert!(statement.balances, "{statement:?}");
    // What one owner has left to another, the other was given.
    let carried: u64 = statement.accounts.iter().map(|account| account.sent.carried).sum();
    let brought: u64 = statement.accounts.iter().map(|account| account.sent.brought).sum();
    if statement.since.is_none() {
        assert_eq!(carried, brought, "{statement:?}");
    }
}
