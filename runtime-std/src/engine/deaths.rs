//! Who has died, without a look at everybody who lives.
//!
//! To ask the kernel for any dead child costs a look at each child there is, dead or not; to ask for
//! a certain one costs the same however many there are. SIGCHLD names one, but one signal may stand
//! for several deaths. So first those are looked at that were named, then those that have closed
//! their outputs, as the dead do. All are looked at as well, in case there is another, but so long
//! after the signal that it takes a small part of the time however many there are.

use super::{Engine, Waiting};
use crate::sys::reap;
use std::collections::VecDeque;
use std::time::Duration;
use visor_core::{ExitStatus, Input, Pid, SpawnId, Timestamp};

/// So many of the dead are collected, and their successors started, before others get their turn:
/// programs that crash as fast as they start must not keep clients waiting.
const TURN: usize = 16;
/// All children are looked at so long after a signal, for each of them. The look takes between one
/// and two thousandths of that.
const REST: Duration = Duration::from_micros(100);
/// However many there are, no later than that.
const LONGEST: Duration = Duration::from_secs(1);
/// So few children are looked at at once.
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
    /// When all are to be looked at: there was a signal that may stand for others than it named.
    look: Option<Timestamp>,
    /// Signals are heard: all children are ours.
    all_ours: bool,
}

impl Deaths {
    /// When somebody is to be looked at, if there is anybody: `now` for at once.
    fn due(&self, now: Timestamp) -> Option<Timestamp> {
        if !self.named.is_empty() || self.unseen > 0 {
            Some(now)
        } else {
            self.look.map(|look| look.max(now))
        }
    }

    /// There was a signal. One that names nobody stands for anybody.
    fn signalled(&mut self, pid: Option<Pid>, children: usize, now: Timestamp) {
        self.named.extend(pid);
        self.unseen = self.closed.len();
        self.all_ours = true;
        let children = if pid.is_some() { children } else { 0 };
        self.look_at_all(children, now);
    }

    /// All are to be looked at, by and by.
    fn look_at_all(&mut self, children: usize, now: Timestamp) {
        let many = u32::try_from(children).unwrap_or(u32::MAX);
        let rest = if children <= FEW {
            Duration::ZERO
        } else {
            REST.saturating_mul(many).min(LONGEST)
        };
        let look = now + rest;
        self.look = Some(self.look.map_or(look, |earlier| earlier.min(look)));
    }

    /// All were looked at.
    fn seen(&mut self) {
        self.look = None;
        self.closed.clear();
        self.unseen = 0;
    }

    /// A child has closed its outputs.
    fn closed(&mut self, pid: Pid, children: usize, now: Timestamp) {
        if !self.all_ours {
            return;
        }
        if self.closed.len() >= CLOSED {
            self.closed.clear();
            self.unseen = 0;
            self.look_at_all(children, now);
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
        self.deaths
            .signalled(pid, self.children.len(), self.now.mono);
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
        self.deaths.closed(pid, self.children.len(), self.now.mono);
    }

    /// Looks at all children, for up to `most` that are dead.
    fn collect_any(&mut self, most: usize) {
        for _ in 0..most {
            if self.exit.is_some() {
                return;
            }
            match reap::any() {
                Some((pid, status)) => self.collected(pid, status),
                None => return self.deaths.seen(),
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
        deaths.closed(Pid(1), 3, at(1));
        assert_eq!((deaths.due(at(1)), suspects(&mut deaths)), (None, vec![]));
        deaths.signalled(None, 3, at(1));
        deaths.seen();
        assert_eq!(deaths.due(at(1)), None);
        deaths.closed(Pid(2), 3, at(1));
        deaths.closed(Pid(3), 3, at(1));
        assert_eq!(deaths.due(at(2)), Some(at(2)));
        assert_eq!(suspects(&mut deaths), [2, 3]);
        deaths.closed(Pid(4), 3, at(2));
        assert_eq!(suspects(&mut deaths), [4]);
        assert_eq!(deaths.due(at(2)), None);
        deaths.signalled(Some(Pid(9)), 3, at(2));
        assert_eq!(suspects(&mut deaths), [9, 2, 3, 4]);
        deaths.seen();
        deaths.signalled(Some(Pid(9)), 3, at(3));
        assert_eq!(suspects(&mut deaths), [9]);
    }

    #[test]
    fn the_more_children_there_are_the_later_all_are_looked_at() {
        let mut deaths = Deaths::default();
        let later = [(FEW, 0), (1_000, 100), (10_000, 1_000), (1_000_000, 1_000)];
        for (children, rest) in later {
            deaths.signalled(Some(Pid(1)), children, at(5));
            assert_eq!(deaths.due(at(5)), Some(at(5)));
            assert_eq!(suspects(&mut deaths), [1]);
            assert_eq!(deaths.due(at(5)), Some(at(5 + rest)));
            assert_eq!(deaths.due(at(5_000)), Some(at(5_000)));
            deaths.seen();
            assert_eq!(deaths.due(at(5_000)), None);
        }
    }

    #[test]
    fn no_signal_puts_off_the_look_at_all() {
        let mut deaths = Deaths::default();
        deaths.signalled(Some(Pid(1)), 1_000, at(5));
        deaths.signalled(Some(Pid(2)), 2_000, at(50));
        assert_eq!(suspects(&mut deaths), [1, 2]);
        assert_eq!(deaths.due(at(50)), Some(at(105)));
        deaths.signalled(None, 1_000, at(60));
        assert_eq!(deaths.due(at(60)), Some(at(60)));
    }

    #[test]
    fn of_those_that_close_their_outputs_no_more_are_remembered_than_a_signal_is_worth() {
        let mut deaths = Deaths::default();
        deaths.signalled(None, 10_000, at(0));
        deaths.seen();
        let most = u32::try_from(CLOSED).unwrap();
        for pid in 1..=most {
            deaths.closed(Pid(pid), 1_000, at(1));
        }
        assert_eq!(suspects(&mut deaths).len(), CLOSED);
        assert_eq!(deaths.due(at(1)), None);
        deaths.closed(Pid(most + 1), 1_000, at(1));
        assert_eq!(suspects(&mut deaths), [most + 1]);
        assert_eq!(deaths.due(at(1)), Some(at(101)));
    }
}
