//! The command `pushscope`.
fn main(){}
