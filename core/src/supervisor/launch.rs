//! How far a start of many processes has come, for those who sit and watch it.

use super::Supervisor;
use crate::notice::StateChange;
use crate::{Action, ProcessId, ProcessState};
use alloc::collections::BTreeSet;

/// Fewer processes than this are told by their log lines.
const MANY: usize = 10;

/// How far the processes have come that a daemon starts by itself when it comes up.
///
/// ```
/// use visor_core::Progress;
///
/// let mut progress = Progress { processes: 12, running: 9, failed: 2 };
/// assert!(!progress.is_over());
/// progress.running += 1;
/// assert!(progress.is_over());
/// ```
#[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Progress {
    /// All of them, without those that were stopped meanwhile. None: nothing is being started any
    /// more, as the daemon ends.
    pub processes: u32,
    /// Those that stayed up for their `startsecs`.
    pub running: u32,
    /// Those that did not the first time, nor since.
    pub failed: u32,
}

impl Progress {
    /// Whether it is known of each of them how its first attempt ended.
    #[must_use]
    pub const fn is_over(&self) -> bool {
        self.running.saturating_add(self.failed) >= self.processes
    }
}

/// A start under way.
#[derive(Clone, Debug)]
pub(super) struct Launch {
    /// Those whose first attempt is not over.
    undecided: BTreeSet<ProcessId>,
    failed: BTreeSet<ProcessId>,
    running: u32,
}

impl Launch {
    /// Takes note of a change; whether it makes a difference.
    fn note(&mut self, change: &StateChange) -> bool {
        let id = change.process;
        match change.to {
            ProcessState::Starting => false,
            ProcessState::Running => {
                let counts = self.undecided.remove(&id) || self.failed.remove(&id);
                self.running = self.running.saturating_add(counts.into());
                counts
            }
            ProcessState::Backoff
            | ProcessState::Fatal
            | ProcessState::Exited
            | ProcessState::Unknown => self.undecided.remove(&id) && self.failed.insert(id),
            // Somebody does not want it any more.
            ProcessState::Stopping | ProcessState::Stopped => {
                self.undecided.remove(&id) || self.failed.remove(&id)
            }
        }
    }

    fn progress(&self) -> Progress {
        let count = |set: &BTreeSet<ProcessId>| u32::try_from(set.len()).unwrap_or(u32::MAX);
        let failed = count(&self.failed);
        let decided = self.running.saturating_add(failed);
        Progress {
            processes: decided.saturating_add(count(&self.undecided)),
            running: self.running,
            failed,
        }
    }
}

impl Supervisor {
    /// The daemon is up and will start what starts by itself.
    pub(super) fn begin_launch(&mut self) {
        if !self.activity.has_console() {
            return;
        }
        let starts = self.processes.values().filter(|p| p.config.autostart);
        let undecided: BTreeSet<ProcessId> = starts.map(|process| process.id).collect();
        if undecided.len() < MANY {
            return;
        }
        let launch = Launch {
            undecided,
            failed: BTreeSet::new(),
            running: 0,
        };
        self.out.push_back(Action::ShowProgress(launch.progress()));
        self.launch = Some(launch);
    }

    pub(super) fn note_launch(&mut self, change: &StateChange) {
        let Some(launch) = &mut self.launch else {
            return;
        };
        if launch.note(change) {
            let progress = launch.progress();
            self.out.push_back(Action::ShowProgress(progress));
            if progress.is_over() {
                self.launch = None;
            }
        }
    }

    /// The daemon begins to stop: what was being started does not matter any more.
    pub(super) fn give_up_launch(&mut self) {
        if self.launch.take().is_some() {
            self.out
                .push_back(Action::ShowProgress(Progress::default()));
        }
    }
}
