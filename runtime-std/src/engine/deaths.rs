//! Who has died, without a look at everybody who lives.
//!
//! To ask the kernel for any dead child costs a look at each child there is, dead or not; to ask for
//! a certain one costs the same however many there are. SIGCHLD names one, but one signal may stand
//! for several deaths. So first those are asked for that were named, then those that have just closed
//! their outputs, as the dead do. All are looked at as well, in case there is another, but so seldom
//! that it takes a small part of the time, or of what the dead since the last look took, however many
//! there are.

use super::{Engine, Waiting};
use crate::sys::reap;
use std::collections::VecDeque;
use std::time::Duration;
use visor_core::{ExitStatus, Input, Pid, SpawnId, Timestamp};

/// So many of the dead are collected, and their successors started, before others get their turn:
/// programs that crash as fast as they start must not keep clients waiting.
const TURN: usize = 16;
/// All children are looked at so long after a signal, for each of them: a look takes less than
/// a thousandth of that.
const REST: Duration = Duration::from_micros(500);
/// However many there are, no later than that.
const LONGEST: Duration = Duration::from_secs(5);
/// Nor later than after a death among so many: what a look takes for these is a small part of what
/// a death and a start take.
const DEATHS: usize = 32;
/// So few children are looked at at once.
const FEW: usize = 64;
/// Who has closed its outputs is asked for at each signal so long. One that still lives then will
/// go on without them.
const CLOSING: Duration = Duration::from_secs(1);

/// Who may have died.
#[derive(Debug, Default)]
pub(super) struct Deaths {
    /// Named by a signal.
    named: VecDeque<Pid>,
    /// They have closed their outputs.
    closed: VecDeque<Closed>,
    /// They have, and lived when they were asked for. They are asked for again at the next signal.
    closing: VecDeque<Closed>,
    /// The first signal since all were looked at: it may stand for others than it named.
    since: Option<Timestamp>,
    /// There was one that named nobody.
    nameless: bool,
    /// So many were found dead since all were looked at.
    found: usize,
    /// Signals are heard: all children are ours.
    all_ours: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Closed {
    pid: Pid,
    at: Timestamp,
}

/// One to ask for, and why.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Suspect {
    Named(Pid),
    Closed(Closed),
}

impl Suspect {
    fn pid(self) -> Pid {
        match self {
            Self::Named(pid) => pid,
            Self::Closed(closed) => closed.pid,
        }
    }
}

impl Deaths {
    /// When somebody is to be looked at, if there is anybody: `now` for at once.
    fn due(&self, children: usize, now: Timestamp) -> Option<Timestamp> {
        if !self.named.is_empty() || !self.closed.is_empty() {
            return Some(now);
        }
        let since = self.since?;
        if self.nameless || children <= FEW || self.found >= children / DEATHS {
            return Some(now);
        }
        let many = u32::try_from(children).unwrap_or(u32::MAX);
        let look = since + REST.saturating_mul(many).min(LONGEST);
        Some(look.max(now))
    }

    /// There was a signal. One that names nobody stands for anybody.
    fn signalled(&mut self, pid: Option<Pid>, now: Timestamp) {
        self.all_ours = true;
        self.named.extend(pid);
        self.nameless |= pid.is_none();
        self.since.get_or_insert(now);
        let closing = self.closing.drain(..);
        self.closed
            .extend(closing.filter(|closed| now.saturating_since(closed.at) < CLOSING));
    }

    /// All were looked at. Those that are about to die are still to be asked for.
    fn seen(&mut self) {
        self.since = None;
        self.nameless = false;
        self.found = 0;
    }

    /// A child has closed its outputs.
    fn closed(&mut self, pid: Pid, at: Timestamp) {
        if self.all_ours {
            self.closed.push_back(Closed { pid, at });
        }
    }

    /// The next that may be dead, of those there is a reason to ask for.
    fn suspect(&mut self) -> Option<Suspect> {
        let named = self.named.pop_front().map(Suspect::Named);
        named.or_else(|| self.closed.pop_front().map(Suspect::Closed))
    }

    /// One that was asked for is alive.
    fn lives(&mut self, suspect: Suspect) {
        if let Suspect::Closed(closed) = suspect {
            self.closing.push_back(closed);
        }
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
        self.deaths.signalled(pid, self.now.mono);
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
        self.deaths.due(self.children.len(), self.now.mono)
    }

    /// Collects some of those that may be dead.
    pub(super) fn collect(&mut self) {
        let mut left = TURN;
        while left > 0
            && self.exit.is_none()
            && let Some(suspect) = self.deaths.suspect()
        {
            if self.collect_one(suspect.pid()) {
                left -= 1;
            } else if self.pids.contains_key(&suspect.pid()) {
                self.deaths.lives(suspect);
            }
        }
        if left > 0 && self.deaths_due().is_some_and(|due| due <= self.now.mono) {
            self.collect_any(left);
        }
    }

    /// The outputs of a child have come to their end, as a rule because it has.
    pub(super) fn outputs_closed(&mut self, pid: Pid) {
        self.deaths.closed(pid, self.now.mono);
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
        self.deaths.found += 1;
        match self.pids.remove(&pid) {
            Some(spawn) => self.exited(spawn, status),
            None => self.feed(Input::OrphanReaped { pid, status }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Asks for all there is a reason to ask for, of whom these are found dead.
    fn ask(deaths: &mut Deaths, dead: &[u32]) -> Vec<u32> {
        let mut asked = Vec::new();
        while let Some(suspect) = deaths.suspect() {
            let pid = suspect.pid().0;
            if !dead.contains(&pid) {
                deaths.lives(suspect);
            } else if !asked.contains(&pid) {
                deaths.found += 1;
            }
            asked.push(pid);
        }
        asked
    }

    fn at(millis: u64) -> Timestamp {
        Timestamp::from_nanos(millis * 1_000_000)
    }

    #[test]
    fn who_closes_its_outputs_is_asked_for_then_and_at_each_signal_for_a_while() {
        let mut deaths = Deaths::default();
        deaths.closed(Pid(1), at(1));
        assert_eq!(
            (deaths.due(3, at(1)), ask(&mut deaths, &[])),
            (None, vec![])
        );
        deaths.signalled(None, at(1));
        assert_eq!(deaths.due(1_000, at(1)), Some(at(1)));
        deaths.seen();
        assert_eq!(deaths.due(3, at(1)), None);
        deaths.closed(Pid(2), at(1));
        deaths.closed(Pid(3), at(1));
        assert_eq!(deaths.due(1_000, at(2)), Some(at(2)));
        assert_eq!(ask(&mut deaths, &[3]), [2, 3]);
        deaths.closed(Pid(4), at(2));
        assert_eq!(ask(&mut deaths, &[]), [4]);
        assert_eq!(deaths.due(1_000, at(2)), None);
        deaths.signalled(Some(Pid(9)), at(1_000));
        assert_eq!(ask(&mut deaths, &[9]), [9, 2, 4]);
        deaths.signalled(Some(Pid(9)), at(1_001));
        assert_eq!(ask(&mut deaths, &[9]), [9, 4]);
        deaths.seen();
        assert_eq!(deaths.due(1_000, at(1_001)), None);
        deaths.signalled(Some(Pid(9)), at(1_001));
        assert_eq!(ask(&mut deaths, &[9]), [9, 4]);
        deaths.signalled(Some(Pid(9)), at(1_002));
        assert_eq!(ask(&mut deaths, &[9]), [9]);
    }

    #[test]
    fn who_was_collected_is_not_asked_for_again() {
        let mut deaths = Deaths::default();
        deaths.signalled(Some(Pid(1)), at(1));
        for _ in ["stdout", "stderr"] {
            deaths.closed(Pid(1), at(1));
        }
        assert_eq!(ask(&mut deaths, &[1]), [1, 1, 1]);
        deaths.signalled(Some(Pid(2)), at(2));
        assert_eq!(ask(&mut deaths, &[2]), [2]);
        assert_eq!(deaths.due(1_000, at(2)), Some(at(501)));
    }

    #[test]
    fn the_more_children_there_are_the_later_all_are_looked_at() {
        let mut deaths = Deaths::default();
        let later = [
            (FEW, 0),
            (100, 50),
            (1_000, 500),
            (10_000, 5_000),
            (1_000_000, 5_000),
        ];
        for (children, rest) in later {
            deaths.signalled(Some(Pid(1)), at(5));
            assert_eq!(deaths.due(children, at(5)), Some(at(5)));
            assert_eq!(ask(&mut deaths, &[1]), [1]);
            assert_eq!(deaths.due(children, at(5)), Some(at(5 + rest)));
            assert_eq!(deaths.due(children, at(50_000)), Some(at(50_000)));
            deaths.seen();
            assert_eq!(deaths.due(children, at(50_000)), None);
        }
    }

    #[test]
    fn no_signal_puts_off_the_look_at_all() {
        let mut deaths = Deaths::default();
        deaths.signalled(Some(Pid(1)), at(5));
        deaths.signalled(Some(Pid(2)), at(50));
        assert_eq!(ask(&mut deaths, &[1, 2]), [1, 2]);
        assert_eq!(deaths.due(1_000, at(50)), Some(at(505)));
        deaths.signalled(None, at(60));
        assert_eq!(deaths.due(1_000, at(60)), Some(at(60)));
    }

    #[test]
    fn the_more_have_died_the_sooner_all_are_looked_at() {
        for (children, deaths_among) in [(64, 1), (128, 4), (1_000, 31), (10_000, 312)] {
            let mut deaths = Deaths::default();
            for pid in 1..=deaths_among {
                assert_ne!(deaths.due(children, at(0)), Some(at(0)), "{children} {pid}");
                deaths.signalled(Some(Pid(pid)), at(0));
                assert_eq!(ask(&mut deaths, &[pid]), [pid]);
            }
            assert_eq!(deaths.due(children, at(0)), Some(at(0)), "{children}");
            deaths.seen();
            assert_eq!(deaths.due(children, at(0)), None);
        }
    }
}
