//! Counts of one account, and how they are written down.

use std::collections::BTreeMap;
use std::ops::Sub;

use pushscope::cost::{Bytes, Owner, Syscall};
use pushscope::statement::{Account, Statement};

/// What something has cost.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct Figures {
    pub(crate) down: Bytes,
    pub(crate) up: Bytes,
    /// System calls by name.
    pub(crate) calls: BTreeMap<String, u64>,
    pub(crate) allocations: u64,
    /// Deadlines that have passed meanwhile.
    pub(crate) ticks: u64,
}

impl Figures {
    /// What an owner has cost between two statements.
    pub(crate) fn between(owner: Owner, before: &Statement, after: &Statement) -> Self {
        let [before, after] = [before, after].map(|statement| {
            Self::of(statement.account(owner.name()).expect("every owner has an account"))
        });
        after - &before
    }

    fn of(account: &Account) -> Self {
        Self {
            down: account.sent.made,
            up: account.received.parsed,
            calls: account.calls.clone(),
            allocations: account.heap.allocations,
            ticks: account.ticks,
        }
    }

    /// What the same thing costs each time. Bytes and calls are always the same; now and then
    /// something grows that is shared by all, a table with its length, a histogram with each delay
    /// that is longer than all before; so of the allocations it is the median.
    pub(crate) fn usual(mut times: Vec<Self>) -> Self {
        times.sort_by_key(|figures| figures.allocations);
        let usual = times.get(times.len() / 2).expect("it was done at least once").clone();
        for figures in times {
            assert_eq!(Self { allocations: usual.allocations, ..figures }, usual);
        }
        usual
    }

    /// So often the same.
    pub(crate) fn times(&self, count: u64) -> Self {
        Self {
            down: self.down.times(count),
            up: self.up.times(count),
            calls: self.calls.iter().map(|(name, calls)| (name.clone(), calls * count)).collect(),
            allocations: self.allocations * count,
            ticks: self.ticks * count,
        }
    }

    /// What stands above the columns.
    pub(crate) fn header() -> String {
        let kinds = ["head", "framing", "payload", "control"];
        let columns = kinds.iter().chain(&kinds).chain(&["allocs"]);
        let columns: String = columns.map(|column| format!("{column:>8}")).collect();
        format!("{:19}{columns}    calls", "#")
    }

    /// A row of the table: each figure divided by `by`.
    pub(crate) fn row(&self, question: &str, owner: &str, by: u64) -> String {
        let mut row = format!("{question:8} {owner:10}");
        for bytes in [self.down, self.up] {
            for count in [bytes.head, bytes.framing, bytes.payload, bytes.control] {
                row.push_str(&format!("{:>8}", divided(count, by)));
            }
        }
        row.push_str(&format!("{:>8}    ", divided(self.allocations, by)));
        let calls = Syscall::ALL.map(|call| (call.name(), self.calls.get(call.name())));
        let calls = calls.into_iter().filter_map(|(name, count)| match count {
            None | Some(0) => None,
            Some(count) if *count == by => Some(name.to_owned()),
            Some(count) => Some(format!("{}·{name}", divided(*count, by))),
        });
        let calls = calls.collect::<Vec<_>>().join(" + ");
        row.push_str(if calls.is_empty() { "–" } else { &calls });
        row
    }
}

impl Sub<&Self> for Figures {
    type Output = Self;

    fn sub(mut self, before: &Self) -> Self {
        for (name, count) in &mut self.calls {
            *count -= before.calls.get(name).copied().unwrap_or_default();
        }
        Self {
            down: self.down - before.down,
            up: self.up - before.up,
            calls: self.calls,
            allocations: self.allocations - before.allocations,
            ticks: self.ticks - before.ticks,
        }
    }
}

/// A quotient with as many digits behind the point as it needs, at most two.
fn divided(count: u64, by: u64) -> String {
    let (whole, hundredths) = (count / by, count % by * 100 / by);
    match hundredths {
        0 => whole.to_string(),
        tenths if tenths % 10 == 0 => format!("{whole}.{}", tenths / 10),
        _ => format!("{whole}.{hundredths:02}"),
    }
}
