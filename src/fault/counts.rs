//! How often each reason was given.

use std::ops::AddAssign;

use super::{FAULTS, Row};

/// One count for each line of the table.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Counts {
    counts: [u64; FAULTS.len()],
}

impl Counts {
    /// Once more; returns how often that is.
    pub const fn book(&mut self, row: &Row) -> u64 {
        // A line of the table has a place in it; the one that stands in for none has the first.
        let count = &mut self.counts[row.place];
        *count += 1;
        *count
    }

    /// Every line with its count.
    pub fn by_reason(&self) -> impl Iterator<Item = (&'static Row, u64)> + '_ {
        FAULTS.iter().zip(self.counts)
    }

    /// All reasons together.
    pub fn total(&self) -> u64 {
        self.counts.iter().sum()
    }

    /// What has come since an earlier look.
    pub fn since(mut self, earlier: &Self) -> Self {
        for (count, before) in self.counts.iter_mut().zip(earlier.counts) {
            *count -= before;
        }
        self
    }
}

impl AddAssign<&Self> for Counts {
    fn add_assign(&mut self, more: &Self) {
        for (count, more) in self.counts.iter_mut().zip(more.counts) {
            *count += more;
        }
    }
}

impl Default for Counts {
    fn default() -> Self {
        Self { counts: [0; FAULTS.len()] }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fault::Fault;

    #[test]
    fn what_is_booked_is_counted_where_it_stands() {
        let mut counts = Counts::default();
        assert_eq!(counts.book(Fault::Idle.row()), 1);
        let earlier = counts;
        assert_eq!((counts.book(Fault::Idle.row()), counts.book(Fault::NotFound.row())), (2, 1));
        let gained = counts.since(&earlier);
        let named: Vec<(&str, u64)> = gained
            .by_reason()
            .map(|(row, count)| (row.name, count))
            .filter(|it| it.1 > 0)
            .collect();
        assert_eq!(named, [("not_found", 1), ("idle", 1)]);
        assert_eq!((counts.total(), gained.total()), (3, 2));
    }
}
