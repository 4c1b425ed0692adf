//! Events: whole, in order, once, true, and never to a listener that is not ready.

use super::{Checker, Kind, Verdict, View, ensure};
use crate::sim::listeners::{Arrived, parse};
use std::collections::BTreeMap;
use visor_core::{Action, Input, ProcessId, ProcessState, SpawnId, Transition};

#[derive(Clone, Default)]
pub(super) struct Events {
    owners: BTreeMap<SpawnId, ProcessId>,
    /// What each process went through, as events should tell it.
    lives: BTreeMap<String, Vec<String>>,
    pools: BTreeMap<ProcessId, PoolBook>,
}

/// What one pool was sent.
#[derive(Clone, Default)]
struct PoolBook {
    /// By poolserial, those that were sent.
    sent: BTreeMap<u64, Arrived>,
    latest: Option<u64>,
    /// How far the history of each process was told.
    told: BTreeMap<String, usize>,
}

impl Checker for Events {
    fn name(&self) -> &'static str {
        "events"
    }

    fn change(&mut self, view: View<'_>, _input: &Input<'_>, change: &Transition) -> Verdict {
        if let (ProcessState::Starting, Some(spawn)) = (change.to, change.spawn) {
            self.owners.insert(spawn, change.process);
        }
        let Some(fact) = view.facts.processes.get(&change.process) else {
            return Ok(());
        };
        let (name, group) = (&fact.config.name, &fact.group.1);
        let (from, to, tries) = (change.from.name(), change.to.name(), change.tries);
        use ProcessState as S;
        let extra = match change.to {
            S::Starting | S::Backoff => format!(" tries:{tries}"),
            S::Running | S::Stopping | S::Stopped => format!(" pid:{}", change.pid),
            S::Exited => format!(
                " expected:{} pid:{}",
                i32::from(change.expected),
                change.pid
            ),
            S::Fatal | S::Unknown => String::new(),
        };
        let payload = format!("processname:{name} groupname:{group} from_state:{from}{extra}");
        let life = self.lives.entry(name.clone()).or_default();
        life.push(format!("PROCESS_STATE_{to} {payload}"));
        Ok(())
    }

    fn action(&mut self, view: View<'_>, action: &Action) -> Verdict {
        let Action::WriteStdin { spawn, data } = action else {
            return Ok(());
        };
        let Some(id) = self.owners.get(spawn) else {
            return Err(format!("stdin of unknown {spawn}"));
        };
        let Some(fact) = view.facts.processes.get(id) else {
            return Ok(());
        };
        let arrived = parse(data)?;
        ensure!(
            view.kernel.listeners.is_ready(*spawn) || !view.kernel.lives(*spawn),
            "{arrived:?} to a listener that is not ready"
        );
        ensure!(
            arrived.pool == fact.group.1,
            "{arrived:?} to the wrong pool"
        );
        view.note(Kind::EventsSent);
        // A pool that was removed and added again is another one.
        let mut members = view.facts.processes.iter();
        let first = members.find(|(_, other)| other.group == fact.group);
        let book = self
            .pools
            .entry(first.map_or(*id, |(id, _)| *id))
            .or_default();
        if let Some(before) = book.sent.get(&arrived.poolserial) {
            ensure!(*before == arrived, "{before:?} comes again as {arrived:?}");
            view.note(Kind::EventsAgain);
            return Ok(());
        }
        ensure!(
            book.latest < Some(arrived.poolserial),
            "{arrived:?} after {:?}",
            book.latest
        );
        book.latest = Some(arrived.poolserial);
        if arrived.name.starts_with("PROCESS_STATE_") {
            let text = format!("{} {}", arrived.name, arrived.payload);
            let name = arrived.payload.split([':', ' ']).nth(1).unwrap_or_default();
            let life = self.lives.get(name).map_or(&[][..], Vec::as_slice);
            let told = book.told.entry(name.to_owned()).or_default();
            let rest = life.get(*told..).unwrap_or_default();
            let Some(found) = rest.iter().position(|line| *line == text) else {
                return Err(format!("{text} is not what happened: {rest:?}"));
            };
            *told += found + 1;
            view.note(Kind::EventsTrue);
        } else {
            view.note(Kind::EventsOfOthers);
        }
        book.sent.insert(arrived.poolserial, arrived);
        Ok(())
    }
}
