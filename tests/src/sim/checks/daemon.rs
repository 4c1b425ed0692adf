//! The daemon as a whole: when it starts, when it ends, and that it is over then.

use super::{Checker, Kind, Verdict, View, ensure};
use std::collections::{BTreeMap, BTreeSet};
use visor_core::{
    Action, Command, Input, Mood, ProcessId, ProcessState as S, SpawnId, Timestamp, Transition,
};

#[derive(Clone, Default)]
pub(super) struct Daemon {
    states: BTreeMap<ProcessId, S>,
    /// Spawns that nobody asked for, of processes that are started with the daemon: not before it
    /// is up.
    unasked: BTreeSet<SpawnId>,
    ended: bool,
}

impl Checker for Daemon {
    fn name(&self) -> &'static str {
        "daemon"
    }

    fn change(&mut self, view: View<'_>, input: &Input<'_>, change: &Transition) -> Verdict {
        self.states.insert(change.process, change.to);
        let asked = matches!(
            input,
            Input::Command(Command::Start(_))
                | Input::ConnData { .. }
                | Input::CommandChecked { .. }
        );
        if (change.from, change.to) == (S::Stopped, S::Starting) && !asked {
            self.unasked.extend(change.spawn);
        }
        ensure!(
            change.to != S::Starting || view.facts.mood == Some(Mood::Running),
            "{} is started while the daemon is {:?}",
            change.process,
            view.facts.mood
        );
        Ok(())
    }

    fn after(&mut self, view: View<'_>, _input: &Input<'_>) -> Verdict {
        self.states
            .retain(|id, _| view.facts.processes.contains_key(id));
        Ok(())
    }

    fn action(&mut self, view: View<'_>, action: &Action) -> Verdict {
        ensure!(!self.ended, "after the end: {action:?}");
        if let Action::Spawn { spawn, .. } = action {
            let asked = !self.unasked.remove(spawn);
            ensure!(
                asked || view.kernel.is_up(),
                "{spawn} comes by itself before the daemon is up"
            );
        }
        if let Action::Exit(status) = action {
            let alive = self.states.iter().find(|(_, state)| !state.is_stopped());
            ensure!(alive.is_none(), "it ends while {alive:?}");
            ensure!(
                *status == 0 || !view.kernel.is_up(),
                "it ends with status {status}"
            );
            self.ended = true;
            view.note(Kind::Ended);
        }
        Ok(())
    }

    fn rest(&mut self, view: View<'_>, _wait: Option<Timestamp>) -> Verdict {
        let stopping = view.facts.mood != Some(Mood::Running);
        let all_stopped = self.states.values().all(|state| state.is_stopped());
        ensure!(
            !stopping || !all_stopped || self.ended || view.kernel.is_opening(),
            "everything is stopped, and the daemon goes on"
        );
        Ok(())
    }
}
