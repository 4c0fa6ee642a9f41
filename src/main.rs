//! The command `pushscope`.
use pushscope::{engine::Config, reactor::Reactor};
use std::io::Write;
fn main() -> std::io::Result<()> {
    let a = std::env::args().nth(1).unwrap_or("127.0.0.1:7777".into());
    let mut r =
        Reactor::bind(a.parse().map_err(|_| std::io::ErrorKind::InvalidInput)?, Config::default())?;
    r.take_signals()?;
    writeln!(std::io::stdout(), "pushscope listens on http://{}/", r.address()?)?;
    r.run()
}
