//! Who has died, without a look at everybody who lives.
//!
//! To ask the kernel for any dead child costs a look at each child there is, dead or not; to ask for
//! a certain one costs the same however many there are. SIGCHLD names one, but one signal may stand
//! for several deaths. So first those are looked at that were named, then those that have closed
//! their outputs, as the dead do. All are looked at as well, in case there is another, but only so
//! often that it takes a small part of the time however many there are.

use super::{Engine, Waiting};
use crate::sys::reap;
use std::collections::VecDeque;
use std::time::Duration;
use visor_core::{ExitStatus, Input, Pid, SpawnId, Timestamp};

/// So many of the dead are collected, and their successors started, before others get their turn:
/// programs that crash as fast as they start must not keep clients waiting.
const TURN: usize = 16;
/// After a look at all children there is no other for so long for each of them. One takes about a
/// hundredth of that.
const REST: Duration = Duration::from_micros(10);
/// A look at so few children is always worth it.
const FEW: usize = 64;
/// So many that have closed their outputs are remembered.
const CLOSED: usize = 1024;

/// Who may have died.
#[derive(Debug, Default)]
pub(super) struct Deaths {
    /// Named by a signal.
    named: VecDeque<Pid>,
    /// They have closed their outputs since all were looked at.
    closed: VecDeque<Pid>,
    /// So many of the last of those are to be looked at.
    unseen: usize,
    /// Since when there has been a signal that may stand for others than it names.
    signalled: bool,
    /// When all may be looked at again.
    rested: Option<Timestamp>,
    /// Signals are heard: all children are ours.
    all_ours: bool,
}

impl Deaths {
    /// When somebody is to be looked at, if there is anybody: `now` for at once.
    fn due(&self, now: Timestamp) -> Option<Timestamp> {
        if !self.named.is_empty() || self.unseen > 0 {
            Some(now)
        } else if self.signalled {
            Some(self.rested.map_or(now, |rested| rested.max(now)))
        } else {
            None
        }
    }

    /// There was a signal.
    fn named(&mut self, pid: Option<Pid>) {
        self.named.extend(pid);
        self.unseen = self.closed.len();
        self.signalled = true;
        self.all_ours = true;
    }

    /// All were looked at.
    fn seen(&mut self, children: usize, now: Timestamp) {
        let many = u32::try_from(children).unwrap_or(u32::MAX);
        self.rested = (children > FEW).then(|| now + REST * many);
        self.signalled = false;
        self.closed.clear();
        self.unseen = 0;
    }

    /// A child has closed its outputs.
    fn closed(&mut self, pid: Pid) {
        if !self.all_ours {
            return;
        }
        if self.closed.len() >= CLOSED {
            self.closed.clear();
            self.unseen = 0;
            self.signalled = true;
        }
        self.closed.push_back(pid);
        self.unseen += 1;
    }

    /// The next that may be dead, of those there is a reason to look at.
    fn suspect(&mut self) -> Option<Pid> {
        if let Some(pid) = self.named.pop_front() {
            return Some(pid);
        }
        self.unseen = self.unseen.min(self.closed.len());
        let at = self.closed.len() - self.unseen;
        self.unseen = self.unseen.checked_sub(1)?;
        self.closed.get(at).copied()
    }
}

impl<W: Waiting> Engine<W> {
    /// SIGCHLD came, and this is the child it names, if that is known. What has ended is collected by
    /// [`wake`](Self::wake), whoever started it: children that nobody here started are orphans.
    ///
    /// Call it once at the beginning as well, without a name: children may have ended before there
    /// was anybody to be told. A program that has other children than the daemon's must not call
    /// it; see [`Waiting::watch_child`].
    pub fn child_ended(&mut self, pid: Option<Pid>) {
        self.deaths.named(pid);
    }

    /// Collects one child, if it is dead: for a program that has other children too. Returns
    /// whether it was.
    pub fn collect_child(&mut self, spawn: SpawnId) -> bool {
        let Some(pid) = self.children.get(&spawn).map(|child| child.pid) else {
            return false;
        };
        self.collect_one(pid)
    }

    /// When [`collect`](Self::collect) has something to do.
    pub(super) fn deaths_due(&self) -> Option<Timestamp> {
        self.deaths.due(self.now.mono)
    }

    /// Collects some of those that may be dead.
    pub(super) fn collect(&mut self) {
        let mut left = TURN;
        while left > 0
            && self.exit.is_none()
            && let Some(pid) = self.deaths.suspect()
        {
            left -= usize::from(self.collect_one(pid));
        }
        if left > 0 && self.deaths_due().is_some_and(|due| due <= self.now.mono) {
            self.collect_any(left);
        }
    }

    /// The outputs of a child have come to their end, as a rule because it has.
    pub(super) fn outputs_closed(&mut self, pid: Pid) {
        self.deaths.closed(pid);
    }

    /// Looks at all children, for up to `most` that are dead.
    fn collect_any(&mut self, most: usize) {
        for _ in 0..most {
            if self.exit.is_some() {
                return;
            }
            match reap::any() {
                Some((pid, status)) => self.collected(pid, status),
                None => return self.deaths.seen(self.children.len(), self.now.mono),
            }
        }
    }

    fn collect_one(&mut self, pid: Pid) -> bool {
        match reap::one(pid) {
            Some(status) => {
                self.collected(pid, status);
                true
            }
            None => false,
        }
    }

    fn collected(&mut self, pid: Pid, status: ExitStatus) {
        match self.pids.remove(&pid) {
            Some(spawn) => self.exited(spawn, status),
            None => self.feed(Input::OrphanReaped { pid, status }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn suspects(deaths: &mut Deaths) -> Vec<u32> {
        std::iter::from_fn(|| deaths.suspect().map(|pid| pid.0)).collect()
    }

    fn at(millis: u64) -> Timestamp {
        Timestamp::from_nanos(millis * 1_000_000)
    }

    #[test]
    fn who_closes_its_outputs_is_looked_at_then_and_at_each_signal() {
        let mut deaths = Deaths::default();
        deaths.closed(Pid(1));
        assert_eq!((deaths.due(at(1)), suspects(&mut deaths)), (None, vec![]));
        deaths.named(None);
        deaths.seen(3, at(1));
        assert_eq!(deaths.due(at(1)), None);
        deaths.closed(Pid(2));
        deaths.closed(Pid(3));
        assert_eq!(deaths.due(at(2)), Some(at(2)));
        assert_eq!(suspects(&mut deaths), [2, 3]);
        deaths.closed(Pid(4));
        assert_eq!(suspects(&mut deaths), [4]);
        assert_eq!(deaths.due(at(2)), None);
        deaths.named(Some(Pid(9)));
        assert_eq!(suspects(&mut deaths), [9, 2, 3, 4]);
        deaths.seen(3, at(3));
        deaths.named(Some(Pid(9)));
        assert_eq!(suspects(&mut deaths), [9]);
    }

    #[test]
    fn the_more_children_there_are_the_longer_is_the_rest_after_a_look_at_all() {
        let mut deaths = Deaths::default();
        for (children, rest) in [(FEW, 0), (1_000, 10), (10_000, 100)] {
            deaths.seen(children, at(5));
            assert_eq!(deaths.due(at(5)), None);
            deaths.named(None);
            assert_eq!(deaths.due(at(5)), Some(at(5 + rest)));
            assert_eq!(deaths.due(at(500)), Some(at(500)));
        }
        deaths.named(Some(Pid(1)));
        assert_eq!(deaths.due(at(5)), Some(at(5)));
    }

    #[test]
    fn of_those_that_close_their_outputs_no_more_are_remembered_than_a_signal_is_worth() {
        let mut deaths = Deaths::default();
        deaths.named(None);
        deaths.seen(10_000, at(0));
        let most = u32::try_from(CLOSED).unwrap();
        for pid in 1..=most {
            deaths.closed(Pid(pid));
        }
        assert_eq!(suspects(&mut deaths).len(), CLOSED);
        assert_eq!(deaths.due(at(1)), None);
        deaths.closed(Pid(most + 1));
        assert_eq!(suspects(&mut deaths), [most + 1]);
        assert_eq!(deaths.due(at(1)), Some(at(100)));
    }
}
