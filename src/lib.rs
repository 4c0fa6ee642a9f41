//! pushscope: every way a server can push, on one hand-written reactor.
pub mod clock;
pub mod cost;
pub mod event;
pub mod frame;
pub mod id;
pub mod limits;
pub mod wire;
