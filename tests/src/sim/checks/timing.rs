//! Every deadline: kept to the nanosecond if the runtime wakes up in time, never early, never
//! forgotten, and nothing else wakes the daemon.

use super::{Checker, Kind, Verdict, View, ensure};
use std::collections::BTreeMap;
use visor_core::config::{AutoRestart, ProcessConfig};
use visor_core::{
    Action, Command, ExitStatus, Input, LogId, Mood, ProcessId, ProcessState as S, Signal,
};
use visor_core::{SpawnId, Timestamp, Transition};

const SECOND: u64 = 1_000_000_000;

#[derive(Clone, Default)]
pub(super) struct Timing {
    clocks: BTreeMap<ProcessId, Clock>,
    owners: BTreeMap<SpawnId, ProcessId>,
    /// A client's signal request, of which the Signal action is still to come.
    requested: Option<(ProcessId, Signal)>,
    report_at: Option<u64>,
}

/// What is due for one process.
#[derive(Clone, Copy, Default)]
struct Clock {
    state: Option<S>,
    spawn: Option<SpawnId>,
    started: u64,
    answered: bool,
    failures: u64,
    due: Option<u64>,
    /// Lives of less than a second in a row that were followed by a restart.
    hot: u32,
    exit: Option<ExitStatus>,
    /// The next signal to come is the stop signal.
    stop_signal_due: bool,
    /// It is not known how many short lives count.
    unsure: bool,
    /// SIGKILL was decided together with the stop signal.
    kill_decided: bool,
    /// SIGKILL was sent.
    killed: bool,
}

impl Clock {
    /// What a new state means for what is due.
    fn enter(&mut self, config: &ProcessConfig, change: &Transition, now: u64, by_request: bool) {
        let (from, to) = (change.from, change.to);
        let age = now - self.started;
        // Decided in the same moment, before it was known that it cannot be signalled.
        self.kill_decided = to == S::Unknown && self.due.is_some_and(|due| due <= now);
        self.due = None;
        self.stop_signal_due = false;
        match to {
            S::Starting if from == S::Unknown => {}
            S::Starting => {
                self.spawn = change.spawn;
                self.started = now;
                self.answered = false;
                self.exit = None;
                if by_request {
                    self.hot = 0;
                }
            }
            S::Backoff => {
                self.failures += 1;
                self.due = Some(now + self.failures * SECOND);
            }
            S::Stopping => {
                let wait = u64::try_from(config.stopwaitsecs).unwrap_or(0) * SECOND;
                self.due = Some(now + wait);
                self.stop_signal_due = true;
                self.kill_decided = wait == 0;
                self.killed = false;
            }
            S::Exited => {
                self.failures = 0;
                let expected = self
                    .exit
                    .is_some_and(|e| config.exitcodes.contains(&e.code()));
                let restarts = match config.autorestart {
                    AutoRestart::Never => false,
                    AutoRestart::Always => true,
                    AutoRestart::Unexpected => !expected,
                };
                self.hot = if restarts && age < SECOND {
                    self.hot + 1
                } else {
                    0
                };
                if restarts {
                    let pace = self.started + SECOND / 10;
                    self.due = Some(if self.hot > 10 { pace.max(now) } else { now });
                }
            }
            S::Running | S::Fatal => self.failures = 0,
            S::Stopped | S::Unknown => {}
        }
        self.state = Some(to);
    }
}

impl Checker for Timing {
    fn name(&self) -> &'static str {
        "timing"
    }

    fn before(&mut self, _view: View<'_>, input: &Input<'_>) -> Verdict {
        match input {
            Input::Spawned { spawn, .. } => {
                if let Some(clock) = self.clock_of(*spawn) {
                    clock.answered = true;
                }
            }
            Input::Exited { spawn, status } => {
                let status = *status;
                if let Some(clock) = self.clock_of(*spawn) {
                    clock.exit = Some(status);
                }
            }
            Input::Command(Command::Signal(id, signal)) => {
                self.requested = Some((*id, *signal));
            }
            _ => {}
        }
        Ok(())
    }

    fn change(&mut self, view: View<'_>, input: &Input<'_>, change: &Transition) -> Verdict {
        let (id, now) = (change.process, view.facts.now);
        let Some(fact) = view.facts.processes.get(&id) else {
            return Ok(());
        };
        let config = &fact.config;
        let clock = self.clocks.entry(id).or_default();
        let asked = matches!(input, Input::ConnData { .. } | Input::CommandChecked { .. });
        // Whether it was the client or the clock nobody can tell from outside.
        clock.unsure |= asked && clock.due.is_some_and(|due| due <= now);
        let by_request = *input == Input::Command(Command::Start(id)) || asked;
        let (from, to) = (change.from, change.to);
        let startsecs = u64::try_from(config.startsecs).unwrap_or(0) * SECOND;
        let age = now - clock.started;
        match (from, to) {
            (S::Backoff | S::Exited, S::Starting) if !by_request => {
                let due = clock.due.unwrap_or(now);
                ensure!(now >= due, "{id} is started {} ns early", due - now);
                view.note(match from {
                    S::Exited if clock.hot > 10 => Kind::Paced,
                    _ => Kind::RetryDelays,
                });
            }
            (S::Starting, S::Running) => {
                ensure!(age >= startsecs, "{id} is RUNNING after {age} ns");
                view.note(Kind::Startsecs);
            }
            (S::Starting, S::Backoff) if fact.spawnable && clock.exit.is_some() => {
                ensure!(age < startsecs, "{id} is BACKOFF after {age} ns");
                view.note(Kind::TooQuick);
            }
            _ => {}
        }
        clock.enter(config, change, now, by_request);
        if let (S::Starting, Some(spawn)) = (to, change.spawn) {
            self.owners.insert(spawn, id);
        }
        Ok(())
    }

    /// There is no child: a signal that was meant for it goes nowhere, and may.
    fn after(&mut self, _view: View<'_>, input: &Input<'_>) -> Verdict {
        if let Input::SpawnFailed { spawn, .. } = input {
            self.owners.remove(spawn);
        }
        Ok(())
    }

    fn action(&mut self, view: View<'_>, action: &Action) -> Verdict {
        match action {
            Action::Signal {
                spawn,
                signal,
                group,
            } => self.signal(view, *spawn, *signal, *group),
            Action::WriteLog { data, .. } => {
                let text = String::from_utf8_lossy(data);
                if text.contains(" INFO waiting for ") && text.ends_with(" to die\n") {
                    let due = self.report_at.unwrap_or(view.facts.now);
                    ensure!(view.facts.now >= due, "a report comes early");
                    if self.report_at.is_some() {
                        view.note(Kind::Reports);
                    }
                    self.report_at = Some(view.facts.now + 3 * SECOND);
                }
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn rest(&mut self, view: View<'_>, wait: Option<Timestamp>) -> Verdict {
        self.clocks
            .retain(|id, _| view.facts.processes.contains_key(id));
        self.requested = None;
        let now = view.facts.now;
        let running = view.facts.mood == Some(Mood::Running);
        if running || view.kernel.has_ended() {
            self.report_at = None;
        }
        let mut next = self.report_at;
        let mut unsure = false;
        for (id, clock) in &self.clocks {
            let Some(config) = view.facts.processes.get(id).map(|fact| &fact.config) else {
                continue;
            };
            ensure!(!clock.stop_signal_due, "{id} is STOPPING without a signal");
            let due = match clock.state {
                Some(S::Starting) if clock.answered => {
                    Some(clock.started + u64::try_from(config.startsecs).unwrap_or(0) * SECOND)
                }
                Some(S::Stopping) => clock.due,
                Some(S::Backoff | S::Exited) if running => clock.due,
                _ => None,
            };
            if clock.unsure && clock.state == Some(S::Exited) {
                unsure = true;
                continue;
            }
            if let Some(due) = due {
                ensure!(due > now, "{id} in {:?} is overdue", clock.state);
                next = Some(next.map_or(due, |next| next.min(due)));
            }
        }
        let wait = wait.map(Timestamp::as_nanos);
        // A report that could not be logged was not seen.
        let early = wait.is_some() && (wait < next || next.is_none());
        let mut processes = view.facts.processes.values();
        let pools = processes.any(|fact| fact.group.0 == -1);
        let others = view.kernel.clients || pools;
        unsure |= early && others;
        unsure |= !running && view.kernel.has_failed(LogId::Activity);
        ensure!(
            wait == next || unsure || view.kernel.has_ended(),
            "it wants to wake up at {wait:?}, but {next:?} is what is due"
        );
        if wait.is_some() && !unsure {
            view.note(Kind::Waits);
        }
        Ok(())
    }
}

impl Timing {
    fn clock_of(&mut self, spawn: SpawnId) -> Option<&mut Clock> {
        let id = self.owners.get(&spawn)?;
        let clock = self.clocks.get_mut(id);
        clock.filter(|clock| clock.spawn == Some(spawn))
    }

    fn signal(&mut self, view: View<'_>, spawn: SpawnId, signal: Signal, group: bool) -> Verdict {
        let Some(id) = self.owners.get(&spawn).copied() else {
            return Ok(());
        };
        if self.requested == Some((id, signal)) && !group {
            self.requested = None;
            return Ok(());
        }
        let (Some(clock), Some(fact)) = (self.clocks.get_mut(&id), view.facts.processes.get(&id))
        else {
            return Ok(());
        };
        let config = &fact.config;
        if std::mem::take(&mut clock.stop_signal_due) {
            ensure!(
                signal == config.stopsignal && group == config.stopasgroup,
                "{id} is stopped with {signal}, group {group}"
            );
            view.note(Kind::StopSignals);
            return Ok(());
        }
        let now = view.facts.now;
        // Asked for by a client: nobody has it for a stop signal here.
        if signal == Signal::HUP {
            return Ok(());
        }
        ensure!(signal == Signal::KILL, "{id} gets {signal} unasked");
        ensure!(
            group == config.killasgroup,
            "SIGKILL to {id}, group {group}"
        );
        let due = clock.due.unwrap_or(u64::MAX);
        ensure!(
            std::mem::take(&mut clock.kill_decided)
                || clock.state == Some(S::Stopping) && now >= due,
            "SIGKILL to {id} early"
        );
        let is_again = std::mem::replace(&mut clock.killed, true);
        view.note(if is_again {
            Kind::KillsAgain
        } else {
            Kind::Kills
        });
        let again = u64::try_from(config.stopwaitsecs).unwrap_or(0).max(1) * SECOND;
        clock.due = Some(now + again);
        Ok(())
    }
}
