//! What many have alike is there once.

use std::borrow::Borrow;
use std::collections::HashSet;
use std::hash::Hash;
use std::rc::Rc;

use crate::limits;

/// The last few different ones that somebody had: who has the same shares it.
#[derive(Debug)]
pub struct Alike<T> {
    kept: HashSet<Kept<T>>,
}

impl<T: Eq + Hash> Alike<T> {
    /// One that equals this, for another who has it: only of a new one a copy is made.
    pub fn share<Q>(&mut self, one: &Q) -> Rc<T>
    where
        Kept<T>: Borrow<Q>,
        Q: Eq + Hash + ToOwned<Owned = T> + ?Sized,
    {
        if let Some(Kept(kept)) = self.kept.get(one) {
            return Rc::clone(kept);
        }
        if self.kept.len() == limits::ALIKE_MAX {
            // Those who have them keep them.
            self.kept.clear();
        }
        let one = Rc::new(one.to_owned());
        self.kept.insert(Kept(Rc::clone(&one)));
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

/// One of them, which is found by what it is.
#[derive(PartialEq, Eq, Hash, Debug)]
pub struct Kept<T>(Rc<T>);

impl<T> Borrow<T> for Kept<T> {
    fn borrow(&self) -> &T {
        &self.0
    }
}

impl Borrow<str> for Kept<String> {
    fn borrow(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_has_the_same_shares_it_and_few_are_kept() {
        let mut alike = Alike::default();
        let first = alike.share(&0);
        assert!(Rc::ptr_eq(&first, &alike.share(&0)));
        for number in 0..limits::ALIKE_MAX {
            alike.share(&(1 + number));
            assert!(alike.kept.len() <= limits::ALIKE_MAX);
        }
        assert_eq!(Rc::strong_count(&first), 1);
        assert!(!Rc::ptr_eq(&first, &alike.share(&0)));
    }
}
