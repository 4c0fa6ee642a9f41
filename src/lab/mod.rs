//! The laboratory: it starts a server, drives real sockets, and reads the ledger and the kernel.

pub mod experiment;
