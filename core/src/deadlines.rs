//! Which deadline is next, without a scan. An index over deadlines that are derived from states:
//! whoever changes a state says what its deadline is now.

use crate::Timestamp;
use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;

/// An index of owners by deadline. Every operation costs O(log n) in the number of owners that
/// have one.
#[derive(Clone, Debug)]
pub(crate) struct Deadlines<K> {
    by_time: BTreeSet<(Timestamp, K)>,
    by_owner: BTreeMap<K, Timestamp>,
}

impl<K: Copy + Ord> Deadlines<K> {
    pub(crate) const fn new() -> Self {
        Self {
            by_time: BTreeSet::new(),
            by_owner: BTreeMap::new(),
        }
    }

    /// The owner's deadline is this from now on.
    pub(crate) fn set(&mut self, owner: K, at: Option<Timestamp>) {
        let old = match at {
            Some(at) => self.by_owner.insert(owner, at),
            None => self.by_owner.remove(&owner),
        };
        if old != at {
            if let Some(old) = old {
                self.by_time.remove(&(old, owner));
            }
            if let Some(at) = at {
                self.by_time.insert((at, owner));
            }
        }
    }

    pub(crate) fn next(&self) -> Option<Timestamp> {
        self.by_time.first().map(|(at, _)| *at)
    }

    /// Takes out all owners whose deadline has come, earliest first. Their machines say anew what
    /// their deadline is.
    pub(crate) fn take_due(&mut self, now: Timestamp) -> Vec<K> {
        let mut due = Vec::new();
        while let Some((at, owner)) = self.by_time.first().copied()
            && at <= now
        {
            self.by_time.pop_first();
            self.by_owner.remove(&owner);
            due.push(owner);
        }
        due
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(nanos: u64) -> Timestamp {
        Timestamp::from_nanos(nanos)
    }

    #[test]
    fn the_earliest_is_next_and_due_ones_come_out_once() {
        let mut deadlines = Deadlines::new();
        deadlines.set('a', Some(at(30)));
        deadlines.set('b', Some(at(10)));
        deadlines.set('c', Some(at(20)));
        deadlines.set('a', Some(at(5)));
        deadlines.set('c', None);
        assert_eq!(deadlines.next(), Some(at(5)));
        assert_eq!(deadlines.take_due(at(10)), ['a', 'b']);
        assert_eq!(deadlines.next(), None);
        assert!(deadlines.take_due(at(99)).is_empty());
    }
}
