//! The laboratory: it starts a server, drives real sockets, and reads the ledger and the kernel.
//!
//! [`run`] is the experiment: it starts a [`server`] as a process of its own, has a crowd of real
//! subscribers come, wait, listen and leave, and reads the ledger between. [`figures`] turns what
//! the ledger says into figures, and refuses those that cannot be trusted; [`report`] tells them.

mod crowd;
mod error;
pub mod experiment;
pub mod figures;
mod machine;
mod payload;
mod publisher;
pub mod report;
pub mod run;
mod scene;
pub mod server;
mod subscriber;
pub mod trial;

pub use error::LabError;
pub use run::{Experimenter, Step};
