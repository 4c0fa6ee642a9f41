//! What many have alike is there once.

use std::collections::HashSet;
use std::hash::Hash;
use std::rc::Rc;

use crate::limits;

/// The last few different ones that somebody had: who has the same shares it.
#[derive(Debug)]
pub struct Alike<T> {
    kept: HashSet<Rc<T>>,
}

impl<T: Eq + Hash> Alike<T> {
    /// One that equals this, for another who has it.
    pub fn share(&mut self, one: T) -> Rc<T> {
        if let Some(kept) = self.kept.get(&one) {
            return Rc::clone(kept);
        }
        if self.kept.len() == limits::ALIKE_MAX {
            // Those who have them keep them.
            self.kept.clear();
        }
        let one = Rc::new(one);
        self.kept.insert(Rc::clone(&one));
        one
    }

    /// Keeps none of them any more.
    pub fn forget(&mut self) {
        self.kept.clear();
    }
}

impl<T> Default for Alike<T> {
    fn default() -> Self {
        Self { kept: HashSet::new() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_has_the_same_shares_it_and_few_are_kept() {
        let mut alike = Alike::default();
        let first = alike.share(0);
        assert!(Rc::ptr_eq(&first, &alike.share(0)));
        for number in 0..limits::ALIKE_MAX {
            alike.share(1 + number);
            assert!(alike.kept.len() <= limits::ALIKE_MAX);
        }
        assert_eq!(Rc::strong_count(&first), 1);
        assert!(!Rc::ptr_eq(&first, &alike.share(0)));
    }
}
