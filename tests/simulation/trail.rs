//! What has happened: a hash of all of it, the last of it in words when a failure is told, and
//! how much of it there was.

use std::collections::VecDeque;
use std::fmt;
use std::ops::AddAssign;

/// The trail of one run.
#[derive(Debug, Default)]
pub(crate) struct Trail {
    pub(crate) hash: u64,
    /// Whether words are kept.
    is_told: bool,
    lines: VecDeque<String>,
    pub(crate) tally: Tally,
}

/// How much there was.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct Tally {
    pub(crate) runs: u64,
    pub(crate) turns: u64,
    /// Reads, writes and deadlines.
    pub(crate) events: u64,
    pub(crate) connections: u64,
    pub(crate) published: u64,
    pub(crate) delivered: u64,
    pub(crate) resets: u64,
    pub(crate) gaps: u64,
    pub(crate) missed: u64,
    pub(crate) slow_gaps: u64,
    pub(crate) refusals: u64,
    pub(crate) given: u64,
    pub(crate) taken: u64,
    pub(crate) restarts: u64,
    pub(crate) virtual_s: u64,
}

impl Trail {
    /// A trail that begins, kept in words or not.
    pub(crate) fn new(is_told: bool) -> Self {
        Self { is_told, ..Self::default() }
    }

    /// Something has happened: so much of it.
    pub(crate) fn mix(&mut self, what: u64, how_much: u64) {
        for word in [what, how_much] {
            self.hash = (self.hash ^ word).wrapping_mul(0x0100_0000_01b3).rotate_left(29);
        }
    }

    /// These bytes went somewhere.
    pub(crate) fn mix_bytes(&mut self, bytes: &[u8]) {
        let (eights, rest) = bytes.as_chunks::<8>();
        for eight in eights {
            self.mix(u64::from_le_bytes(*eight), 0);
        }
        for byte in rest {
            self.mix(u64::from(*byte), 1);
        }
    }

    /// The same in words.
    pub(crate) fn tell(&mut self, line: impl FnOnce() -> String) {
        if self.is_told {
            if self.lines.len() == LINES_MAX {
                self.lines.pop_front();
            }
            self.lines.push_back(line());
        }
    }

    /// The last of it; first what names `whom`.
    pub(crate) fn last(&self, whom: Option<&str>) -> String {
        let own = self.lines.iter().filter(|line| whom.is_some_and(|whom| line.contains(whom)));
        let own: Vec<&str> = own.map(String::as_str).collect();
        let all: Vec<&str> = self.lines.iter().map(String::as_str).collect();
        let told = std::env::var("SIMULATION_LINES").ok().and_then(|count| count.parse().ok());
        let told = told.unwrap_or(TOLD);
        let tail = |lines: &[&str]| lines[lines.len().saturating_sub(told)..].join("\n  ");
        format!("  {}\n  -- all:\n  {}", tail(&own), tail(&all))
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { runs, turns, events, connections, .. } = self;
        write!(f, "{runs} runs, {turns} turns, {events} events, {connections} connections, ")?;
        write!(f, "{} published, {} delivered, ", self.published, self.delivered)?;
        write!(f, "{} gaps of {} messages, ", self.gaps, self.missed)?;
        write!(f, "{} of them in mid-stream, ", self.slow_gaps)?;
        write!(f, "{} resets, {} refusals, ", self.resets, self.refusals)?;
        write!(f, "{} bytes in, {} bytes out, ", self.given, self.taken)?;
        write!(f, "{} restarts, {} virtual s", self.restarts, self.virtual_s)
    }
}

impl AddAssign for Tally {
    fn add_assign(&mut self, more: Self) {
        self.runs += more.runs;
        self.turns += more.turns;
        self.events += more.events;
        self.connections += more.connections;
        self.published += more.published;
        self.delivered += more.delivered;
        self.resets += more.resets;
        self.gaps += more.gaps;
        self.missed += more.missed;
        self.slow_gaps += more.slow_gaps;
        self.refusals += more.refusals;
        self.given += more.given;
        self.taken += more.taken;
        self.restarts += more.restarts;
        self.virtual_s += more.virtual_s;
    }
}

const LINES_MAX: usize = 50_000;
const TOLD: usize = 30;
