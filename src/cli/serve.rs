//! `pushscope serve`: the server.

use std::io::{self, ErrorKind, Write};
use std::net::SocketAddr;

use clap::Args;
use pushscope::engine::Config;
use pushscope::origin::Origins;
use pushscope::reactor::Reactor;
use pushscope::slow::Policies;

use super::bounds::{self, Bounds};
use super::sink::{self, Format, Level};
use super::value::{self, Slow};
use super::{Failure, printed};

/// Serves every mechanism on one port, and says what to try
#[derive(Debug, Args)]
#[command(after_help = EXAMPLE)]
pub(super) struct Serve {
    /// Where to listen; port 0 takes a free one, which is printed
    #[arg(long, value_name = "ADDRESS", env = "PUSHSCOPE_LISTEN", hide_env = true)]
    #[arg(value_parser = value::listen, default_value = "127.0.0.1:7777")]
    listen: SocketAddr,
    /// Origins whose pages may connect besides the server's own: a list, or repeated; `*` is all
    #[arg(long, value_name = "ORIGIN", env = "PUSHSCOPE_ORIGIN", hide_env = true)]
    #[arg(value_parser = value::origin, value_delimiter = ',')]
    origin: Vec<String>,
    /// Lets whoever gives this as `?token=` use the inspector; without it, only this machine may
    #[arg(long, value_name = "TOKEN", env = "PUSHSCOPE_INSPECT_TOKEN", hide_env = true)]
    #[arg(hide_env_values = true, value_parser = value::token)]
    inspect_token: Option<String>,
    /// What is done about slow readers, of one mechanism or of all: close, oldest, newest, latest
    ///
    /// close ends the connection with a reason, and the cursor brings the client back. The others
    /// leave it behind until its queue has run dry: oldest goes on where it was, newest with what
    /// comes next, latest with the latest message alone; a gap tells how many were dropped. A bare
    /// WebSocket, which cannot be told of a gap, is closed. Clients choose with ?slow=.
    #[arg(long, value_name = "[MECHANISM=]POLICY", env = "PUSHSCOPE_SLOW", hide_env = true)]
    #[arg(value_parser = value::slow, value_delimiter = ',')]
    slow: Vec<Slow>,
    /// Prints every bound, as the other flags set it, and ends
    #[arg(long)]
    print_limits: bool,
    #[arg(long, value_name = "LEVEL", env = "PUSHSCOPE_LOG", hide_env = true)]
    #[arg(value_enum, default_value_t = Level::Info, hide_possible_values = true)]
    #[arg(help = "How much is logged, to the standard error: off, error, warn, info or debug")]
    log: Level,
    #[arg(help = "What a line of the log looks like: text or json")]
    #[arg(long, value_name = "FORMAT", env = "PUSHSCOPE_LOG_FORMAT", hide_env = true)]
    #[arg(value_enum, default_value_t = Format::Text, hide_possible_values = true)]
    log_format: Format,
    #[command(flatten)]
    bounds: Bounds,
}

impl Serve {
    /// Serves until SIGTERM or SIGINT.
    pub(super) fn run(self) -> Result<(), Failure> {
        let limits = self.bounds.0;
        if self.print_limits {
            return printed(io::stdout().write_all(bounds::lines(&limits).as_bytes()));
        }
        if let [wrong, ..] = limits.contradictions()[..] {
            return Err(Failure::Usage(wrong.to_owned()));
        }
        sink::install(self.log, self.log_format);
        for flag in bounds::changed(&limits) {
            log::debug!("bound: {flag}");
        }
        let origins = Origins::new(self.origin);
        let mut slow = Policies::default();
        for Slow { kinds, policy } in self.slow {
            kinds.into_iter().for_each(|kind| slow.set(kind, policy));
        }
        let config = Config { limits, origins, slow, inspect_token: self.inspect_token };
        let mut reactor = Reactor::bind(self.listen, config)
            .map_err(|error| Failure::Failed(refused(self.listen, &error)))?;
        reactor.take_signals().map_err(failed)?;
        let address = reactor.address().map_err(failed)?;
        if !address.ip().is_loopback() {
            log::warn!(
                "{address} can be reached by other machines, and whoever reaches it may publish"
            );
        }
        greet(address);
        reactor.run().map_err(failed)
    }
}

/// Says where it listens and what to try, in words that a shell takes.
fn greet(address: SocketAddr) {
    let text = format!(
        "pushscope listens on http://{address}/\n  \
         look        http://{address}/\n  \
         publish     curl -d 'hello' http://{address}/c/10086\n  \
         subscribe   curl -N http://{address}/c/10086/sse\n  \
         inspect     http://{address}/inspect\n"
    );
    // Whoever has started it in the background may not listen: it serves all the same.
    let mut out = io::stdout();
    let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
}

/// Why it cannot listen there, and what to do about it.
fn refused(address: SocketAddr, error: &io::Error) -> String {
    match error.kind() {
        ErrorKind::AddrInUse => format!(
            "{address} is in use: another server listens there; --listen {}:0 takes a free port",
            host(address)
        ),
        ErrorKind::PermissionDenied => format!(
            "{address} is not allowed: ports below 1024 need a privilege; --listen {}:7777",
            host(address)
        ),
        ErrorKind::AddrNotAvailable => {
            format!("{address} is no address of this machine: --listen 127.0.0.1:7777")
        }
        _ => format!("{address} cannot be listened on: {error}"),
    }
}

fn host(address: SocketAddr) -> String {
    match address {
        SocketAddr::V4(address) => address.ip().to_string(),
        SocketAddr::V6(address) => format!("[{}]", address.ip()),
    }
}

fn failed(error: io::Error) -> Failure {
    Failure::Failed(format!("the server has failed: {error}"))
}

const EXAMPLE: &str = "\
Example:
  pushscope serve --listen 127.0.0.1:0 --origin https://shop.example --message-bytes-max 64MiB";
