//! Real sockets, raw bytes: what only the kernel can show.
//!
//! Most tests have a reactor of their own on a thread of their own, on port 0; those that end,
//! starve or measure a process start the command. Nothing waits a fixed time to be right: what is
//! to happen is awaited up to a deadline, and what must not happen is watched for a while.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test may panic")]

#[path = "loopback/access.rs"]
mod access;
#[path = "loopback/crowd.rs"]
mod crowd;
#[path = "loopback/http.rs"]
mod http;
#[path = "loopback/leaving.rs"]
mod leaving;
#[path = "loopback/ledger.rs"]
mod ledger;
#[path = "loopback/loops.rs"]
mod loops;
#[path = "loopback/parting.rs"]
mod parting;
#[path = "loopback/peer.rs"]
mod peer;
#[path = "loopback/server.rs"]
mod server;
#[path = "loopback/slow.rs"]
mod slow;
#[path = "loopback/stream.rs"]
mod stream;
#[path = "loopback/turns.rs"]
mod turns;
