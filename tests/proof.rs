//! The ledger against a second witness: the client's own count, the kernel's, `strace`, the
//! allocator, the thread's clock and the scheduler. What they say must be equal, not alike.
//!
//! The clients share no code with the server. Nothing waits a fixed time to be right: what is to
//! happen is awaited up to a deadline.
//!
//! System calls are proven with `strace`. Where it is missing, or may not watch, the test fails
//! unless `PUSHSCOPE_NO_STRACE` is set.
#![cfg(feature = "ledger")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test may panic")]

#[path = "proof/auditor.rs"]
mod auditor;
#[path = "proof/balance.rs"]
mod balance;
#[path = "proof/bytes.rs"]
mod bytes;
#[path = "proof/calls.rs"]
mod calls;
#[path = "proof/line.rs"]
mod line;
#[path = "proof/owners.rs"]
mod owners;
#[path = "proof/runs.rs"]
mod runs;
#[path = "proof/server.rs"]
mod server;
#[path = "proof/story.rs"]
mod story;
#[path = "proof/strace.rs"]
mod strace;
#[path = "proof/subscriber.rs"]
mod subscriber;
#[path = "proof/task.rs"]
mod task;

use pushscope::sys::Counting;

/// Counts for each thread: a test sees its own allocations and no other's.
#[global_allocator]
static ALLOCATOR: Counting = Counting;
