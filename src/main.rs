//! The command `pushscope`: a server of every way to push, and a client of each.

mod cli;

use std::process::ExitCode;

fn main() -> ExitCode {
    cli::main()
}
