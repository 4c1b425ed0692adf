//! The order of starts and stops.

use super::{Checker, Kind, Verdict, View, ensure};
use std::collections::BTreeMap;
use visor_core::{Command, Input, Mood, ProcessId, ProcessState as S, Transition};

#[derive(Clone, Default)]
pub(super) struct Order {
    states: BTreeMap<ProcessId, S>,
    /// Where the last process stands that this input started, or stopped.
    last: Option<Place>,
}

/// Group, then process, in start order.
type Place = ((i64, String), (i64, String));

impl Checker for Order {
    fn name(&self) -> &'static str {
        "order"
    }

    fn before(&mut self, _view: View<'_>, _input: &Input<'_>) -> Verdict {
        self.last = None;
        Ok(())
    }

    fn change(&mut self, view: View<'_>, input: &Input<'_>, change: &Transition) -> Verdict {
        let id = change.process;
        self.states.insert(id, change.to);
        let Some(fact) = view.facts.processes.get(&id) else {
            return Ok(());
        };
        let place = (
            fact.group.clone(),
            (fact.config.priority, fact.config.name.clone()),
        );
        let asked = matches!(
            input,
            Input::Command(Command::Stop(_) | Command::Start(_))
                | Input::ConnData { .. }
                | Input::CommandChecked { .. }
        );
        let stops = change.to == S::Stopping;
        if view.facts.mood != Some(Mood::Running) && stops && !asked {
            for (other, fact) in &view.facts.processes {
                let state = self.states.get(other).copied().unwrap_or(S::Stopped);
                ensure!(
                    fact.group <= place.0 || state.is_stopped(),
                    "{id} is stopped while {other} of a later group is {state:?}"
                );
            }
            if let Some(last) = &self.last {
                ensure!(place < *last, "{id} is stopped after {last:?}");
                view.note(Kind::Stops);
            }
            self.last = Some(place);
        } else if change.from == S::Stopped && change.to == S::Starting && !asked {
            if let Some(last) = &self.last {
                ensure!(place > *last, "{id} is started after {last:?}");
                view.note(Kind::Starts);
            }
            self.last = Some(place);
        }
        Ok(())
    }

    fn after(&mut self, view: View<'_>, _input: &Input<'_>) -> Verdict {
        self.states
            .retain(|id, _| view.facts.processes.contains_key(id));
        Ok(())
    }
}
