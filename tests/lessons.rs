//! What every mechanism owes its subscribers, and every protocol its peers: tables, run through
//! the engine without a socket.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

#[path = "lessons/access.rs"]
mod access;
#[path = "lessons/articles.rs"]
mod articles;
#[path = "lessons/goodbyes.rs"]
mod goodbyes;
#[path = "lessons/injection.rs"]
mod injection;
#[path = "lessons/inspect.rs"]
mod inspect;
#[path = "lessons/learn.rs"]
mod learn;
#[path = "lessons/ledger.rs"]
mod ledger;
#[path = "lessons/limits.rs"]
mod limits;
#[path = "lessons/messages.rs"]
mod messages;
#[path = "lessons/neighbours.rs"]
mod neighbours;
#[path = "lessons/obligations.rs"]
mod obligations;
#[path = "lessons/readers.rs"]
mod readers;
#[path = "lessons/reasons.rs"]
mod reasons;
#[path = "lessons/receipts.rs"]
mod receipts;
#[path = "lessons/refusals.rs"]
mod refusals;
#[path = "lessons/resuming.rs"]
mod resuming;
#[path = "lessons/slow.rs"]
mod slow;
mod support;
#[path = "lessons/websocket.rs"]
mod websocket;
