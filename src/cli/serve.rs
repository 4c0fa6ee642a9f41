//! `pushscope serve`: the server.

use std::io::{self, ErrorKind, Write};
use std::net::SocketAddr;

use clap::Args;
use pushscope::id::Kind;
use pushscope::limits::Limits;
use pushscope::reactor::Loops;
use pushscope::slow::{Policies, Policy};

use super::access::{Granted, Rights};
use super::bounds::{self, Bounds};
use super::sink::{self, Format, Level};
use super::value::{self, Slow};
use super::{Failure, printed, text};

/// Serves every mechanism on one port, and says what to try
#[derive(Debug, Args)]
#[command(after_help = EXAMPLE)]
pub(super) struct Serve {
    /// Where to listen; port 0 takes a free one, which is printed
    #[arg(long, value_name = "ADDRESS", env = "PUSHSCOPE_LISTEN", hide_env = true)]
    #[arg(value_parser = value::listen, default_value = "127.0.0.1:7777")]
    listen: SocketAddr,
    /// How many loops serve it, each on a thread of its own: 1 to 64, or cores for one each
    ///
    /// cores are those that this process may run on. Loops that have nothing to do sleep, but every
    /// message wakes all of them: whoever serves few is served as well by one.
    #[arg(long, value_name = "COUNT", env = "PUSHSCOPE_REACTORS", hide_env = true)]
    #[arg(value_parser = value::reactors, default_value = "cores")]
    reactors: usize,
    #[command(flatten)]
    rights: Rights,
    /// What is done about slow readers, of one mechanism or of all: close, oldest, newest, latest
    ///
    /// close ends the connection with a reason, and the cursor brings the client back. The others
    /// leave it behind until its queue has run dry: oldest goes on where it was, newest with what
    /// comes next, latest with the latest message alone; a gap tells how many were dropped. Who
    /// cannot be told of a gap, such as a bare WebSocket, is closed. What is said last holds.
    /// Clients choose with ?slow=.
    #[arg(long, value_name = "[MECHANISM=]POLICY", env = "PUSHSCOPE_SLOW", hide_env = true)]
    #[arg(value_parser = value::slow, value_delimiter = ',')]
    slow: Vec<Slow>,
    /// Prints every bound, as the other flags set it, and ends
    #[arg(long)]
    print_limits: bool,
    /// Checks flags, variables, files and bounds, says what they have come to, and ends
    #[arg(long)]
    check: bool,
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
        let granted = granted(self.rights, self.listen, limits).map_err(Failure::Usages)?;
        let Granted { mut config, keyring, warnings } = granted;
        sink::install(self.log, self.log_format);
        for flag in bounds::changed(&limits) {
            log::debug!("bound: {flag}");
        }
        config.slow = policies(&self.slow);
        let mut loops = Loops::bind(self.listen, config, self.reactors)
            .map_err(|error| Failure::Failed(refused(self.listen, &error)))?;
        loops.take_signals(keyring).map_err(failed)?;
        let address = loops.address().map_err(failed)?;
        warnings.iter().for_each(|warning| log::warn!("{warning}"));
        greet(address, loops.count());
        loops.run().map_err(failed)
    }

    /// Says what it would serve, or everything that keeps it from serving, besides what was found
    /// to be wrong already.
    pub(super) fn check(self, mut wrong: Vec<String>) -> Result<(), Failure> {
        let (limits, listen) = (self.bounds.0, self.listen);
        let granted = granted(self.rights, listen, limits);
        wrong.extend(granted.as_ref().err().into_iter().flatten().cloned());
        let Some(granted) = granted.ok().filter(|_| wrong.is_empty()) else {
            return Err(Failure::Usages(wrong));
        };
        let mut said = format!("ok: it would listen on {listen}; whether it can was not tried\n");
        said.push_str(&format!("  reactors: {}\n", self.reactors));
        let bounds = bounds::changed(&limits).into_iter().map(|flag| format!("bound: {flag}"));
        let policies = policies(&self.slow);
        let slow = Kind::ALL.map(|kind| (kind.name(), policies.of(kind))).into_iter();
        let slow = slow.filter(|(_, policy)| *policy != Policy::Close);
        let slow = slow.map(|(kind, policy)| format!("slow: {kind}={}", policy.name()));
        for line in bounds.chain(slow).chain(granted.describe()) {
            said.push_str(&format!("  {}\n", text::escaped(&line)));
        }
        printed(io::stdout().write_all(said.as_bytes()))
    }
}

/// What is done about slow readers: what is said last holds.
fn policies(said: &[Slow]) -> Policies {
    let mut policies = Policies::default();
    for Slow { kinds, policy } in said {
        kinds.iter().for_each(|kind| policies.set(*kind, *policy));
    }
    policies
}

/// Who may do what, within these bounds; or everything that is wrong with either.
fn granted(rights: Rights, listen: SocketAddr, limits: Limits) -> Result<Granted, Vec<String>> {
    let granted = rights.resolve(listen, limits);
    let mut wrong: Vec<String> = limits.contradictions().into_iter().map(str::to_owned).collect();
    match granted {
        Ok(granted) if wrong.is_empty() => Ok(granted),
        Ok(_) => Err(wrong),
        Err(found) => {
            wrong.extend(found);
            Err(wrong)
        }
    }
}

/// Says where it listens and what to try, in words that a shell takes.
fn greet(address: SocketAddr, reactors: usize) {
    let reactors =
        if reactors > 1 { format!("  by          {reactors} reactors\n") } else { String::new() };
    let text = format!(
        "pushscope listens on http://{address}/\n{reactors}  \
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
  pushscope serve --listen 127.0.0.1:0 --cors-origin https://shop.example --check
  pushscope serve --listen 0.0.0.0:7777 --host push.example --publish-token-file tokens";
