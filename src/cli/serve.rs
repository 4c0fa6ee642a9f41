//! `pushscope serve`: the server.

use std::io::{self, ErrorKind, Write};
use std::net::SocketAddr;

use clap::Args;
use pushscope::engine::Config;
use pushscope::limits::{self, Limits, Row};
use pushscope::origin::Origins;
use pushscope::reactor::Reactor;

use super::sink::{self, Format, Level};
use super::value::{self, Bytes, Seconds};
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
    /// The longest message
    #[arg(long, value_name = "BYTES", env = "PUSHSCOPE_MESSAGE_BYTES_MAX", hide_env = true)]
    #[arg(value_parser = Bytes::parse, default_value_t = Bytes(limits::MESSAGE_BYTES_MAX))]
    message_bytes_max: Bytes,
    /// Messages kept per channel
    #[arg(long, value_name = "COUNT", env = "PUSHSCOPE_HISTORY_MESSAGES_MAX")]
    #[arg(default_value_t = limits::HISTORY_MESSAGES_MAX, hide_env = true)]
    history_messages_max: usize,
    /// Bytes of messages kept per channel
    #[arg(long, value_name = "BYTES", env = "PUSHSCOPE_HISTORY_BYTES_MAX", hide_env = true)]
    #[arg(value_parser = Bytes::parse, default_value_t = Bytes(limits::HISTORY_BYTES_MAX))]
    history_bytes_max: Bytes,
    /// For how long a message is kept
    #[arg(long, value_name = "SECONDS", env = "PUSHSCOPE_HISTORY_S_MAX", hide_env = true)]
    #[arg(value_parser = Seconds::parse)]
    #[arg(default_value_t = Seconds::from_us(limits::HISTORY_US_MAX))]
    history_s_max: Seconds,
    /// Silence of a stream before a heartbeat; 0 is never
    #[arg(long, value_name = "SECONDS", env = "PUSHSCOPE_HEARTBEAT_S", hide_env = true)]
    #[arg(value_parser = Seconds::parse)]
    #[arg(default_value_t = Seconds::from_us(limits::HEARTBEAT_US))]
    heartbeat_s: Seconds,
    /// Silence of a WebSocket before a ping; 0 is never
    #[arg(long, value_name = "SECONDS", env = "PUSHSCOPE_PING_S", hide_env = true)]
    #[arg(value_parser = Seconds::parse, default_value_t = Seconds::from_us(limits::PING_US))]
    ping_s: Seconds,
    /// Time for which a long poll is parked, unless it asks otherwise; at most 120
    #[arg(long, value_name = "SECONDS", env = "PUSHSCOPE_PARK_S", hide_env = true)]
    #[arg(value_parser = Seconds::parse_park)]
    #[arg(default_value_t = Seconds::from_us(limits::PARK_US))]
    park_s: Seconds,
    /// Time for a whole request head
    #[arg(long, value_name = "SECONDS", env = "PUSHSCOPE_HEAD_S_MAX", hide_env = true)]
    #[arg(value_parser = Seconds::parse, default_value_t = Seconds::from_us(limits::HEAD_US_MAX))]
    head_s_max: Seconds,
    /// Time for which a kept-alive connection may stay silent
    #[arg(long, value_name = "SECONDS", env = "PUSHSCOPE_KEEP_ALIVE_S_MAX")]
    #[arg(value_parser = Seconds::parse, hide_env = true)]
    #[arg(default_value_t = Seconds::from_us(limits::KEEP_ALIVE_US_MAX))]
    keep_alive_s_max: Seconds,
    /// Time for clients to leave after SIGTERM; a second one does not wait
    #[arg(long, value_name = "SECONDS", env = "PUSHSCOPE_DRAIN_S_MAX", hide_env = true)]
    #[arg(value_parser = Seconds::parse, default_value_t = Seconds::from_us(limits::DRAIN_US_MAX))]
    drain_s_max: Seconds,
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
}

impl Serve {
    /// Serves until SIGTERM or SIGINT.
    pub(super) fn run(self) -> Result<(), Failure> {
        let limits = self.limits();
        if self.print_limits {
            return print_limits(&limits);
        }
        sink::install(self.log, self.log_format);
        let origins = Origins::new(self.origin);
        let config = Config { limits, origins, inspect_token: self.inspect_token };
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

    const fn limits(&self) -> Limits {
        Limits {
            message_bytes_max: self.message_bytes_max.0,
            history_messages_max: self.history_messages_max,
            history_bytes_max: self.history_bytes_max.0,
            history_us_max: self.history_s_max.us,
            heartbeat_us: self.heartbeat_s.us,
            ping_us: self.ping_s.us,
            park_us: self.park_s.us,
            head_us_max: self.head_s_max.us,
            keep_alive_us_max: self.keep_alive_s_max.us,
            drain_us_max: self.drain_s_max.us,
        }
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

fn print_limits(limits: &Limits) -> Result<(), Failure> {
    let mut text = String::new();
    for Row { name, value } in limits::TABLE {
        let value = set(limits, name).unwrap_or(*value);
        text.push_str(&format!("{name:26} {value}\n"));
    }
    printed(io::stdout().write_all(text.as_bytes()))
}

/// The value of a bound that a flag may set.
fn set(limits: &Limits, name: &str) -> Option<u64> {
    let count = match name {
        "message_bytes_max" => limits.message_bytes_max,
        "history_messages_max" => limits.history_messages_max,
        "history_bytes_max" => limits.history_bytes_max,
        "history_us_max" => return Some(limits.history_us_max),
        "heartbeat_us" => return Some(limits.heartbeat_us),
        "ping_us" => return Some(limits.ping_us),
        "park_us" => return Some(limits.park_us),
        "head_us_max" => return Some(limits.head_us_max),
        "keep_alive_us_max" => return Some(limits.keep_alive_us_max),
        "drain_us_max" => return Some(limits.drain_us_max),
        _ => return None,
    };
    u64::try_from(count).ok()
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bound_that_a_flag_sets_has_a_line() {
        let limits = Limits::default();
        let lines: Vec<&Row> =
            limits::TABLE.iter().filter(|row| set(&limits, row.name).is_some()).collect();
        assert_eq!(lines.len(), 10);
        for row in lines {
            assert_eq!(set(&limits, row.name), Some(row.value), "{}", row.name);
        }
    }
}
