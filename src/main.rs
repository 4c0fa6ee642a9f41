//! The command `pushscope`: a server of every way to push, and a client of each.

mod cli;

use std::process::ExitCode;

#[cfg(feature = "heap")]
#[global_allocator]
static ALLOCATOR: pushscope::sys::Counting = pushscope::sys::Counting;

fn main() -> ExitCode {
    cli::main()
}
