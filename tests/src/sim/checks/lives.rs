//! Lives of processes: allowed transitions for allowed reasons, with the right values; no two
//! living children of one process; no child that nobody owns.

use super::{Checker, Kind, Verdict, View, ensure};
use crate::sim::facts::Fact;
use std::collections::{BTreeMap, BTreeSet};
use visor_core::config::AutoRestart;
use visor_core::{Action, Command, ExitStatus, Input, Mood, ProcessId, ProcessState as S};
use visor_core::{SignalError, SpawnId, Timestamp, Transition};

#[derive(Clone, Default)]
pub(super) struct Lives {
    books: BTreeMap<ProcessId, Book>,
    /// Decided, but the action has not been polled.
    decided: BTreeSet<SpawnId>,
    latest: Option<SpawnId>,
    /// Children that the core has been told of: it cannot name the pid of another, which is there
    /// already while the answers to earlier actions are on their way.
    told: BTreeSet<SpawnId>,
}

/// What is known of one process.
#[derive(Clone, Copy, Default)]
struct Book {
    state: Option<S>,
    failures: u32,
    spawn: Option<SpawnId>,
    ever_started: bool,
}

impl Checker for Lives {
    fn name(&self) -> &'static str {
        "lives"
    }

    fn before(&mut self, _view: View<'_>, input: &Input<'_>) -> Verdict {
        if let Input::Spawned { spawn, .. } = input {
            self.told.insert(*spawn);
        }
        Ok(())
    }

    fn change(&mut self, view: View<'_>, input: &Input<'_>, change: &Transition) -> Verdict {
        let id = change.process;
        // A group that is forgotten at a restart may still have had something to say.
        let Some(fact) = view.facts.processes.get(&id) else {
            return Ok(());
        };
        let book = self.books.entry(id).or_default();
        let (from, to) = (change.from, change.to);
        let known = book.state.unwrap_or(S::Stopped);
        ensure!(from == known, "{id} goes from {from:?}, but was {known:?}");
        let reason = Reason::of(input, id, book.spawn);
        let mood = view.facts.mood;
        ensure!(
            allowed(from, to, &reason, fact, book, mood == Some(Mood::Running)),
            "{id} goes from {from:?} to {to:?} because of {input:?} (failures {}, mood {mood:?})",
            book.failures
        );
        view.note(Kind::Transitions);
        match to {
            S::Backoff => book.failures += 1,
            S::Running | S::Exited | S::Fatal => book.failures = 0,
            S::Starting => {
                book.ever_started = true;
                book.spawn = change.spawn;
                if let Some(spawn) = change.spawn.filter(|_| fact.spawnable) {
                    ensure!(
                        self.latest < Some(spawn) || from == S::Unknown,
                        "{spawn} is used twice"
                    );
                    if self.latest < Some(spawn) {
                        self.latest = Some(spawn);
                        self.decided.insert(spawn);
                    }
                }
            }
            S::Stopped | S::Stopping | S::Unknown => {}
        }
        if matches!(to, S::Starting | S::Backoff) {
            let (tries, failures) = (change.tries, book.failures);
            ensure!(tries == failures, "{id}: {tries} tries, not {failures}");
            view.note(Kind::Tries);
        }
        if let (S::Exited, Reason::Exit(status)) = (to, &reason) {
            let expected = fact.config.exitcodes.contains(&status.code());
            ensure!(change.expected == expected, "{id}: {status} misjudged");
            view.note(Kind::Judgements);
        }
        if !matches!(to, S::Starting) || !fact.spawnable {
            let told = book.spawn.filter(|spawn| self.told.contains(spawn));
            let pid = told.and_then(|spawn| view.kernel.pid(spawn));
            let pid = pid.filter(|_| has_child(from) || has_child(to));
            let said = Some(change.pid).filter(|pid| pid.0 != 0);
            ensure!(said == pid, "{id} to {to:?}: pid {said:?}, not {pid:?}");
            if said.is_some() {
                view.note(Kind::Pids);
            }
        }
        book.state = Some(to);
        if !has_child(to) {
            book.spawn = None;
        }
        Ok(())
    }

    fn after(&mut self, view: View<'_>, input: &Input<'_>) -> Verdict {
        self.books
            .retain(|id, _| view.facts.processes.contains_key(id));
        let running = view.facts.mood == Some(Mood::Running);
        if let Input::Command(command) = input {
            let state = |id| self.books.get(id).and_then(|b: &Book| b.state);
            match command {
                Command::Stop(id) => ensure!(
                    !matches!(state(id), Some(S::Starting | S::Running | S::Backoff)),
                    "a stop of {id} was ignored"
                ),
                Command::Start(id) if running && view.kernel.is_up() => ensure!(
                    state(id).is_some() || !view.facts.processes.contains_key(id),
                    "a start of {id} was ignored"
                ),
                Command::Start(_)
                | Command::Signal(..)
                | Command::AddGroup(_)
                | Command::RemoveGroup(_)
                | Command::Reread
                | Command::Restart
                | Command::Shutdown => return Ok(()),
            }
            view.note(Kind::Obeyed);
        }
        Ok(())
    }

    fn action(&mut self, view: View<'_>, action: &Action) -> Verdict {
        if let Action::Spawn { spawn, .. } = action {
            ensure!(
                self.decided.remove(spawn),
                "spawn {spawn} comes out of nowhere"
            );
            ensure!(!view.kernel.knows(*spawn), "spawn id {spawn} used twice");
            view.note(Kind::OneChild);
        }
        if let Action::Signal { spawn, .. } = action {
            // Its owner may have moved on since: then nothing is there to be hit any more.
            let owned = self.books.values().any(|book| book.spawn == Some(*spawn));
            let unsignallable = view.kernel.was_unsignallable(*spawn);
            ensure!(
                owned || unsignallable || !view.kernel.lives(*spawn),
                "signal to {spawn}, which is nobody's"
            );
            view.note(Kind::SignalsOwned);
        }
        Ok(())
    }

    fn rest(&mut self, view: View<'_>, _wait: Option<Timestamp>) -> Verdict {
        ensure!(
            self.decided.is_empty(),
            "{:?} were decided, not done",
            self.decided
        );
        for spawn in view.kernel.unreported() {
            let owner = self.books.values().find(|book| book.spawn == Some(spawn));
            match owner {
                Some(book) => ensure!(
                    book.state.is_some_and(has_child),
                    "child {spawn} of a process in {:?}",
                    book.state
                ),
                None => ensure!(
                    view.kernel.was_unsignallable(spawn),
                    "child {spawn} is nobody's"
                ),
            }
            view.note(Kind::Owned);
        }
        for (id, book) in &self.books {
            if book.state.is_some_and(has_child) && view.facts.processes.contains_key(id) {
                let living = book.spawn.is_some_and(|spawn| view.kernel.lives(spawn));
                ensure!(living, "{id} is {:?} without a child", book.state);
            }
        }
        Ok(())
    }
}

/// Why a process could change its state.
enum Reason {
    Exit(ExitStatus),
    SpawnFailed,
    Spawned,
    Unsignallable,
    Start,
    Stop,
    /// A client may have asked for anything.
    Asked,
    Other,
}

impl Reason {
    fn of(input: &Input<'_>, id: ProcessId, own: Option<SpawnId>) -> Self {
        match input {
            Input::Exited { spawn, status } if own == Some(*spawn) => Self::Exit(*status),
            Input::SpawnFailed { spawn, .. } if own == Some(*spawn) => Self::SpawnFailed,
            Input::Spawned { spawn, .. } if own == Some(*spawn) => Self::Spawned,
            Input::SignalFailed {
                spawn,
                error: SignalError::Other(_),
                ..
            } if own == Some(*spawn) => Self::Unsignallable,
            Input::Command(Command::Start(process)) if *process == id => Self::Start,
            Input::Command(Command::Stop(process)) if *process == id => Self::Stop,
            Input::ConnData { .. } | Input::CommandChecked { .. } => Self::Asked,
            _ => Self::Other,
        }
    }
}

/// The table of processes.md, with the reasons. Times are for another checker.
fn allowed(from: S, to: S, reason: &Reason, fact: &Fact, book: &Book, running: bool) -> bool {
    let gave_up = i64::from(book.failures) > fact.config.startretries;
    let stops = matches!(reason, Reason::Stop | Reason::Asked) || !running;
    match (from, to) {
        (S::Stopped, S::Starting) => {
            let by_itself = fact.config.autostart && !book.ever_started;
            running && (matches!(reason, Reason::Start | Reason::Asked) || by_itself)
        }
        (S::Fatal, S::Starting) => running && matches!(reason, Reason::Start | Reason::Asked),
        (S::Backoff, S::Starting) => running && !gave_up,
        (S::Exited, S::Starting) => {
            running
                && (matches!(reason, Reason::Start | Reason::Asked)
                    || fact.config.autorestart != AutoRestart::Never)
        }
        (S::Starting, S::Backoff) => {
            matches!(reason, Reason::Exit(_) | Reason::SpawnFailed) || !fact.spawnable
        }
        (S::Starting, S::Running) => true,
        (S::Starting | S::Running, S::Stopping) => stops,
        (S::Backoff, S::Fatal) => gave_up || !running,
        (S::Backoff, S::Stopped) => matches!(reason, Reason::Stop | Reason::Asked),
        (S::Exited, S::Stopped) => matches!(reason, Reason::Stop | Reason::Asked),
        (S::Stopping, S::Stopped) => matches!(reason, Reason::Exit(_) | Reason::SpawnFailed),
        (S::Running | S::Unknown, S::Exited) => matches!(reason, Reason::Exit(_)),
        (S::Unknown, S::Stopped) => matches!(reason, Reason::Exit(_) | Reason::SpawnFailed),
        (S::Unknown, S::Running | S::Starting) => matches!(reason, Reason::Start | Reason::Asked),
        (S::Starting | S::Running | S::Stopping, S::Unknown) => {
            matches!(reason, Reason::Unsignallable)
        }
        _ => false,
    }
}

fn has_child(state: S) -> bool {
    matches!(state, S::Starting | S::Running | S::Stopping | S::Unknown)
}
