//! A world around the engine: a clock that is turned by hand, sockets without a kernel, clients
//! of every mechanism, and witnesses that read what was said without the codecs that said it.
#![allow(dead_code, unused_imports, reason = "each test uses its own part of the world")]

mod client;
mod formula;
mod witness;
mod world;

pub(crate) use client::{Client, Dress, UPGRADE, address, request};
pub(crate) use formula::{evaluate, names};
pub(crate) use witness::{Answer, Heard, Message, Seen, answers, frames, hear};
pub(crate) use world::{World, masked};
