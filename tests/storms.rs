//! Storms: what outsiders do in thousands, and what is left of it when they are gone.
//!
//! The server is a process of its own, so that its descriptors, its private memory and its CPU
//! time are its own, too. Each storm says what they were before it, at its peak and after it;
//! `cargo test --test storms -- --nocapture` prints the table. Descriptors return exactly; memory
//! but for what a storm states; and a server that has nothing to do does nothing.
//!
//! What stands for what:
//!
//! - *vanished*, a peer whose cable was cut: a socket whose own filter drops whatever it is sent
//!   (`SO_ATTACH_FILTER`), so that nothing is ever acknowledged; no firewall is asked.
//! - *reset*, a peer that crashed: `SO_LINGER` of zero, and a close.
//! - *abandoned*: a close in the middle, without a word of the protocol.
//! - *out of memory*: calls of the server that `strace` has the kernel refuse.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test may panic")]
#![allow(clippy::print_stdout, reason = "what a storm has taken is a row of a table")]

#[path = "storms/absent.rs"]
mod absent;
#[path = "storms/crowds.rs"]
mod crowds;
#[path = "storms/kernel.rs"]
mod kernel;
#[path = "loopback/peer.rs"]
mod peer;
#[path = "loopback/server.rs"]
mod server;
#[path = "storms/slowness.rs"]
mod slowness;
#[path = "storms/toll.rs"]
mod toll;
