//! Reading the ledger, and receipts of messages.

use serde::de::DeserializeOwned;

use crate::client::address::Address;
use crate::client::connection::{Connection, encode_request};
use crate::client::error::{ClientError, Refused};
use crate::id::Id;
use crate::statement::{Receipt, Statement};
use crate::wire::head::Method;
use crate::wire::json::JsonError;
use crate::wire::target::encode_segment;

/// A server's ledger, over one connection that is kept between questions.
///
/// Each question is a request, and stands in the account of `request` in the next statement.
///
/// ```no_run
/// use pushscope::client::{Address, Ledger, StatementOptions};
///
/// # fn main() -> Result<(), pushscope::client::ClientError> {
/// let mut ledger = Ledger::open(&Address::parse("http://127.0.0.1:7777")?)?;
/// let before = ledger.statement(StatementOptions::default())?;
/// let since = Some(before.snapshot.as_str());
/// let gained = ledger.statement(StatementOptions { since, ..Default::default() })?;
/// assert!(gained.balances);
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Ledger {
    connection: Connection,
}

/// Which statement is wanted.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct StatementOptions<'a> {
    /// The snapshot that is to be subtracted; without one, all since the server began.
    pub since: Option<&'a str>,
    /// Whether the kernel is asked about every open connection, which costs two calls for each.
    pub kernel_open: bool,
}

impl Ledger {
    /// Connects to a server.
    ///
    /// # Errors
    /// [`ClientError::Connect`].
    pub fn open(address: &Address) -> Result<Self, ClientError> {
        Ok(Self { connection: Connection::open(address)? })
    }

    /// Asks for a statement.
    ///
    /// # Errors
    /// [`ClientError::Refused`] when the server no longer has the snapshot.
    pub fn statement(&mut self, options: StatementOptions<'_>) -> Result<Statement, ClientError> {
        parse(&self.statement_json(options)?)
    }

    /// Asks for a statement, and leaves it in the server's own JSON.
    ///
    /// # Errors
    /// As [`Ledger::statement`]; what it says is for [`parse`] to find out.
    pub fn statement_json(&mut self, options: StatementOptions<'_>) -> Result<String, ClientError> {
        let mut path = String::from("/ledger");
        let mut mark = '?';
        if let Some(since) = options.since {
            path.push_str("?since=");
            encode_segment(since, &mut path);
            mark = '&';
        }
        if options.kernel_open {
            path.push(mark);
            path.push_str("kernel=1");
        }
        self.ask(&path)
    }

    /// Asks what a message has cost so far, mechanism by mechanism.
    ///
    /// # Errors
    /// [`ClientError::Refused`] when the server has no receipt of it, or none any more.
    pub fn receipt(&mut self, channel: &str, id: Id) -> Result<Receipt, ClientError> {
        parse(&self.receipt_json(channel, id)?)
    }

    /// The same, in the server's own JSON.
    ///
    /// # Errors
    /// As [`Ledger::receipt`]; what it says is for [`parse`] to find out.
    pub fn receipt_json(&mut self, channel: &str, id: Id) -> Result<String, ClientError> {
        let mut path = String::from("/c/");
        encode_segment(channel, &mut path);
        path.push_str("/receipts/");
        path.push_str(&id.to_string());
        self.ask(&path)
    }

    fn ask(&mut self, path: &str) -> Result<String, ClientError> {
        let address = self.connection.address();
        let question = encode_request(Method::Get, address, &address.target(path), &[], None);
        let answer = self.connection.exchange(&question)?;
        match answer.status {
            200 => Ok(String::from_utf8(answer.content).map_err(|_| JsonError::NotJson)?),
            status @ 400.. => {
                let refused = Refused::parse(status, answer.retry_after, &answer.content);
                Err(ClientError::Refused(Box::new(refused)))
            }
            status => Err(ClientError::StatusUnexpected(status)),
        }
    }
}

/// Reads a [`Statement`] or a [`Receipt`] from the server's own JSON.
///
/// # Errors
/// [`ClientError::Json`] when it is none.
pub fn parse<T: DeserializeOwned>(json: &str) -> Result<T, ClientError> {
    let error = match serde_json::from_str(json) {
        Ok(told) => return Ok(told),
        Err(error) => error,
    };
    Err(if error.is_data() { JsonError::MemberWrong } else { JsonError::NotJson }.into())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::client::connection::tests::{answer, serve};
    use crate::statement::{Account, Share, Unasked};

    fn statement() -> Statement {
        Statement {
            snapshot: "7".to_owned(),
            since: Some("a b".to_owned()),
            time: 1,
            span_us: 2,
            heap_counted: false,
            balances: true,
            accounts: vec![Account { owner: "sse".to_owned(), opened: 3, ..Account::default() }],
            unasked: Unasked::default(),
            faults: BTreeMap::from([("idle".to_owned(), 1)]),
        }
    }

    fn receipt() -> Receipt {
        let share = Share { mechanism: "sse".to_owned(), calls: 0.25, ..Share::default() };
        Receipt {
            id: "7-1".to_owned(),
            channel: "a/b".to_owned(),
            time: 1,
            bytes: 5,
            batch: 1,
            mechanisms: vec![share],
        }
    }

    #[test]
    fn statements_and_receipts_come_over_one_connection() {
        let told = serde_json::to_string(&statement()).unwrap();
        let answers = vec![
            answer("200 OK", &told),
            answer("200 OK", &told),
            answer("200 OK", &told),
            answer("200 OK", &serde_json::to_string(&receipt()).unwrap()),
        ];
        let (address, server) = serve(vec![answers]);
        let mut ledger = Ledger::open(&address).unwrap();
        let options = |since, kernel_open| StatementOptions { since, kernel_open };
        assert_eq!(ledger.statement(options(None, false)).unwrap(), statement());
        assert_eq!(ledger.statement(options(None, true)).unwrap(), statement());
        let json = ledger.statement_json(options(Some("a b"), true)).unwrap();
        assert_eq!(json, told);
        assert_eq!(ledger.receipt("a/b", Id { epoch: 7, offset: 1 }).unwrap(), receipt());
        let asked = server.join().unwrap();
        assert_eq!(asked[0], "GET /ledger HTTP/1.1");
        assert_eq!(asked[1], "GET /ledger?kernel=1 HTTP/1.1");
        assert_eq!(asked[2], "GET /ledger?since=a%20b&kernel=1 HTTP/1.1");
        assert_eq!(asked[3], "GET /c/a%2Fb/receipts/7-1 HTTP/1.1");
    }

    #[test]
    fn what_is_no_statement_is_told_apart() {
        let refused = r#"{"error":{"reason":"snapshot_unknown","message":"Gone."}}"#;
        let answers = vec![
            answer("404 Not Found", refused),
            answer("200 OK", "<h1>"),
            answer("200 OK", r#"{"snapshot":7}"#),
            answer("302 Found", ""),
        ];
        let (address, server) = serve(vec![answers]);
        let mut ledger = Ledger::open(&address).unwrap();
        let mut ask = || ledger.statement(StatementOptions::default()).unwrap_err();
        assert_eq!(ask().to_string(), "the server refuses: 404 (snapshot_unknown) Gone.");
        assert!(matches!(ask(), ClientError::Json(JsonError::NotJson)));
        assert!(matches!(ask(), ClientError::Json(JsonError::MemberWrong)));
        assert!(matches!(ask(), ClientError::StatusUnexpected(302)));
        server.join().unwrap();
    }
}
