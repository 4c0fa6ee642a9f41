//! The parts of the simulation.

mod book;
mod client;
mod dice;
mod door;
mod laws;
mod plan;
mod reader;
mod scene;
mod shrink;
mod socket;
mod trail;
mod turn;
mod world;

pub(crate) use plan::{Class, Plan};
pub(crate) use shrink::{Outcome, asked, hush, outcome, shrink};
pub(crate) use trail::Tally;
