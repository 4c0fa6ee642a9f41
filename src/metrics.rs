//! The ledger for Prometheus: the text of `GET /metrics`.
//!
//! ```text
//! # HELP pushscope_taken_bytes_total Bytes that the sockets took.
//! # TYPE pushscope_taken_bytes_total counter
//! pushscope_taken_bytes_total{owner="sse"} 1234
//! ```
//!
//! Every series of an account has the label `owner`: a mechanism, `publish`, `request` or `loop`.
//! The other labels are `kind`, `call` and `phase`, and `reason` where refusals and closings are
//! counted. All of them have few values, which no client can add to. Units are bytes and seconds.

use std::collections::BTreeMap;
use std::fmt::{self, Write};

use crate::cost::Bytes;
use crate::fault::{self, Ends};
use crate::statement::{Account, Statement};

#[cfg(test)]
mod tests;

/// The media type of [`encode`]'s text.
///
/// Source: Prometheus, *Exposition formats*, text-based format 0.0.4.
pub const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// Encodes a statement that covers all since the loop began.
///
/// A difference is not for this format: counters never fall, and whoever scrapes them subtracts.
/// The heap is there when the build counts it. Of the kernel's figures those of closed connections
/// are there; asking about all that are open would cost two calls for each of them.
pub fn encode(statement: &Statement) -> String {
    let mut text = Text { text: String::new() };
    text.about("build_info", Type::Gauge, "The program that answers; always 1.");
    text.sample("build_info", &[("version", env!("CARGO_PKG_VERSION"))], Value::Count(1));
    text.about("uptime_seconds", Type::Gauge, "Time since the loop began.");
    text.sample("uptime_seconds", &[], Value::Us(statement.span_us));
    text.about("ledger_balances", Type::Gauge, "Whether every account balances: 1 if so.");
    text.sample("ledger_balances", &[], Value::Count(statement.balances.into()));
    let unasked = statement.unasked.connections;
    text.about("unasked_connections", Type::Gauge, "Open connections without a request so far.");
    text.sample("unasked_connections", &[], Value::Count(unasked));
    text.faults(&statement.faults);
    for family in FAMILIES {
        text.family(family, &statement.accounts);
    }
    if statement.heap_counted {
        for family in HEAP_FAMILIES {
            text.family(family, &statement.accounts);
        }
    }
    text.delays(&statement.accounts);
    text.text
}

/// The text as it grows.
struct Text {
    text: String,
}

impl Text {
    /// The two lines in front of a family's samples.
    fn about(&mut self, name: &str, kind: Type, help: &str) {
        let kind = kind.name();
        // A String takes everything, here and below.
        let _ = writeln!(self.text, "# HELP {PREFIX}{name} {help}");
        let _ = writeln!(self.text, "# TYPE {PREFIX}{name} {kind}");
    }

    fn sample(&mut self, name: &str, labels: &[(&str, &str)], value: Value) {
        let _ = write!(self.text, "{PREFIX}{name}");
        for (at, (label, value)) in labels.iter().enumerate() {
            let mark = if at == 0 { '{' } else { ',' };
            let _ = write!(self.text, "{mark}{label}=\"{}\"", Escaped(value));
        }
        let end = if labels.is_empty() { "" } else { "}" };
        let _ = writeln!(self.text, "{end} {value}");
    }

    fn family(&mut self, family: &Family, accounts: &[Account]) {
        self.about(family.name, family.kind, family.help);
        for account in accounts {
            let owner = ("owner", account.owner.as_str());
            match family.samples {
                Samples::One(read) => self.sample(family.name, &[owner], read(account)),
                Samples::By(label, read) => {
                    for (name, value) in read(account) {
                        self.sample(family.name, &[owner, (label, name)], value);
                    }
                }
            }
        }
    }

    /// A series for every reason, also for those that nobody was given so far: what begins at 0 has
    /// a rate from its first on.
    fn faults(&mut self, faults: &BTreeMap<String, u64>) {
        self.about(FAULTS, Type::Counter, FAULTS_HELP);
        for row in fault::FAULTS.iter().filter(|row| row.fault.ends() != Ends::Answer) {
            let count = faults.get(row.name).copied().unwrap_or_default();
            self.sample(FAULTS, &[("reason", row.name)], Value::Count(count));
        }
    }

    fn delays(&mut self, accounts: &[Account]) {
        self.about(DELAY, Type::Summary, DELAY_HELP);
        for account in accounts {
            let owner = ("owner", account.owner.as_str());
            let delay = &account.delay_us;
            for (quantile, us) in [("0.5", delay.p50), ("0.9", delay.p90), ("0.99", delay.p99)] {
                // Of nothing there is no median.
                let value = if delay.count == 0 { Value::None } else { Value::Us(us) };
                self.sample(DELAY, &[owner, ("quantile", quantile)], value);
            }
            let sum_s = delay.mean * delay.count as f64 / 1e6;
            self.sample(&format!("{DELAY}_sum"), &[owner], Value::Seconds(sum_s));
            self.sample(&format!("{DELAY}_count"), &[owner], Value::Count(delay.count));
        }
    }
}

/// A value of a sample; it is printed in base units.
#[derive(Clone, Copy, PartialEq, Debug)]
enum Value {
    /// A number of whatever the name says.
    Count(u64),
    /// Microseconds.
    Us(u64),
    /// Nanoseconds.
    Ns(u64),
    /// Seconds.
    Seconds(f64),
    /// Nothing was measured.
    None,
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let decimal = match self {
            Self::Count(count) => return write!(f, "{count}"),
            Self::Seconds(seconds) => return write!(f, "{seconds}"),
            Self::None => return f.write_str("NaN"),
            // Digit by digit: an f64 would forget nanoseconds after three months.
            Self::Us(us) => format!("{}.{:06}", us / 1_000_000, us % 1_000_000),
            Self::Ns(ns) => format!("{}.{:09}", ns / 1_000_000_000, ns % 1_000_000_000),
        };
        f.write_str(decimal.trim_end_matches('0').trim_end_matches('.'))
    }
}

/// A label's value, in which backslash, quotation mark and line feed are escaped.
struct Escaped<'a>(&'a str);

impl fmt::Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for character in self.0.chars() {
            match character {
                '\\' => f.write_str("\\\\")?,
                '"' => f.write_str("\\\"")?,
                '\n' => f.write_str("\\n")?,
                _ => f.write_char(character)?,
            }
        }
        Ok(())
    }
}

/// Samples that share a name.
struct Family {
    name: &'static str,
    kind: Type,
    help: &'static str,
    samples: Samples,
}

/// How samples are read from an account.
#[derive(Clone, Copy)]
enum Samples {
    One(fn(&Account) -> Value),
    /// One for each value of a label.
    By(&'static str, fn(&Account) -> Vec<(&str, Value)>),
}

/// What may become of a family's values.
#[derive(Clone, Copy)]
enum Type {
    /// They never fall, but to 0 when the server begins anew.
    Counter,
    /// They rise and fall.
    Gauge,
    /// Quantiles, their sum and their count.
    Summary,
}

impl Type {
    const fn name(self) -> &'static str {
        match self {
            Self::Counter => "counter",
            Self::Gauge => "gauge",
            Self::Summary => "summary",
        }
    }
}

const fn counter(name: &'static str, help: &'static str, read: fn(&Account) -> Value) -> Family {
    Family { name, kind: Type::Counter, help, samples: Samples::One(read) }
}

const fn gauge(name: &'static str, help: &'static str, read: fn(&Account) -> Value) -> Family {
    Family { name, kind: Type::Gauge, help, samples: Samples::One(read) }
}

const fn counters(
    name: &'static str,
    label: &'static str,
    help: &'static str,
    read: fn(&Account) -> Vec<(&str, Value)>,
) -> Family {
    Family { name, kind: Type::Counter, help, samples: Samples::By(label, read) }
}

fn kinds(bytes: &Bytes) -> Vec<(&str, Value)> {
    vec![
        ("head", Value::Count(bytes.head)),
        ("framing", Value::Count(bytes.framing)),
        ("payload", Value::Count(bytes.payload)),
        ("control", Value::Count(bytes.control)),
    ]
}

fn calls(account: &Account) -> Vec<(&str, Value)> {
    account.calls.iter().map(|(name, count)| (name.as_str(), Value::Count(*count))).collect()
}

fn cpu(account: &Account) -> Vec<(&str, Value)> {
    account.cpu_ns.iter().map(|(phase, ns)| (phase.as_str(), Value::Ns(*ns))).collect()
}

const PREFIX: &str = "pushscope_";
const FAULTS: &str = "faults_total";
const FAULTS_HELP: &str =
    "Refusals and closings by reason; GET /faults says what each of them means.";
const DELAY: &str = "delivery_delay_seconds";
const DELAY_HELP: &str = "From the publishing of a message until the kernel took its last byte; \
                          quantiles are of all deliveries since the server began.";

#[rustfmt::skip]
const FAMILIES: &[Family] = &[
    counter("opened_total", "Times that it was opened: every poll is one.", |account| Value::Count(account.opened)),
    gauge("connections", "How many are open: parked polls, streams, sockets.", |account| Value::Count(account.open)),
    counter("open_seconds_total", "Time for which they were open, summed over all of them.", |account| Value::Us(account.open_us)),
    counter("deliveries_total", "Messages whose last byte the kernel took, summed over subscribers.", |account| Value::Count(account.deliveries)),
    counter("missed_total", "Messages that were dropped because their readers were slow, who were told so.", |account| Value::Count(account.missed)),
    counter("ticks_total", "Deadlines that have passed: heartbeats, pings, parks that are over.", |account| Value::Count(account.ticks)),
    counters("sent_bytes_total", "kind", "Bytes that were made for the peers, by what they are for.", |account| kinds(&account.sent.made)),
    counter("brought_bytes_total", "Bytes that an earlier owner of the connection had made and not sent.", |account| Value::Count(account.sent.brought)),
    counter("taken_bytes_total", "Bytes that the sockets took.", |account| Value::Count(account.sent.taken)),
    gauge("queued_bytes", "Bytes that wait for a socket.", |account| Value::Count(account.sent.queued)),
    counter("dropped_bytes_total", "Bytes that were thrown away unsent.", |account| Value::Count(account.sent.dropped)),
    counter("carried_bytes_total", "Bytes that were left to a later owner of the connection to send.", |account| Value::Count(account.sent.carried)),
    counters("received_bytes_total", "kind", "Bytes that were parsed, by what they are for.", |account| kinds(&account.received.parsed)),
    gauge("waiting_bytes", "Bytes that wait for a parser.", |account| Value::Count(account.received.waiting)),
    counters("syscalls_total", "call", "System calls, by name and by what came of them.", calls),
    counters("cpu_seconds_total", "phase", "CPU time of the loop's thread, by what it was doing.", cpu),
    gauge("held_bytes", "Memory that open connections hold: struct, queue, tail, subscription, timer.", |account| Value::Count(account.held_bytes)),
    counter("kernel_sockets_total", "Closed connections that the kernel was asked about.", |account| Value::Count(account.kernel.sockets)),
    counter("kernel_sent_bytes_total", "Bytes that closed connections sent (tcpi_bytes_sent).", |account| Value::Count(account.kernel.bytes_sent)),
    counter("kernel_retransmitted_bytes_total", "Bytes that closed connections sent again (tcpi_bytes_retrans).", |account| Value::Count(account.kernel.bytes_retransmitted)),
    counter("kernel_acked_bytes_total", "Bytes that the peers of closed connections acknowledged (tcpi_bytes_acked).", |account| Value::Count(account.kernel.bytes_acked)),
    counter("kernel_received_bytes_total", "Bytes that closed connections received (tcpi_bytes_received).", |account| Value::Count(account.kernel.bytes_received)),
    counter("kernel_sent_segments_total", "Segments that closed connections sent (tcpi_segs_out).", |account| Value::Count(account.kernel.segments_out)),
    counter("kernel_received_segments_total", "Segments that closed connections received (tcpi_segs_in).", |account| Value::Count(account.kernel.segments_in)),
    counter("kernel_retransmitted_segments_total", "Segments that closed connections sent again (tcpi_total_retrans).", |account| Value::Count(account.kernel.segments_retransmitted)),
];

#[rustfmt::skip]
const HEAP_FAMILIES: &[Family] = &[
    counter("heap_allocations_total", "Blocks that the allocator handed out.", |account| Value::Count(account.heap.allocations)),
    counter("heap_frees_total", "Blocks that the allocator took back.", |account| Value::Count(account.heap.frees)),
    counter("heap_allocated_bytes_total", "Bytes of the blocks handed out.", |account| Value::Count(account.heap.allocated_bytes)),
    counter("heap_freed_bytes_total", "Bytes of the blocks taken back.", |account| Value::Count(account.heap.freed_bytes)),
];
