//! One state: the core, what surrounds it, and the books of those who watch.
#![allow(
    clippy::wildcard_enum_match_arm,
    reason = "the surroundings of so small a daemon look only at what it has"
)]

use super::Changes;
use super::key::Writer;
use super::moves::{Move, Word};
use super::settings::Setting;
use super::table::Cause;
use crate::sim::checks::{self, Checker, Verdict, View, ensure};
use crate::sim::facts::Facts;
use crate::sim::kernel::Kernel;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::hash::{DefaultHasher, Hasher as _};
use visor_core::{
    Action, Boot, ExitStatus, Input, Now, Output, Pid, ProcessId, ProcessState, ReadConfig, Signal,
    SignalError, SpawnError, SpawnId, Supervisor, Timestamp, Transition, UnixTime,
};

/// More actions than this on one input never end.
const ACTIONS_MAX: u32 = 1_000;
/// When everything begins: long enough ago for every age to be a time.
const BEGIN: u64 = 10_000_000_000;

/// A child, as its surroundings see it.
#[derive(Clone, Debug)]
pub(super) struct Child {
    pub(super) spawn: SpawnId,
    pub(super) answered: bool,
    /// The signal it was sent by what happened last.
    pub(super) signalled: Option<Signal>,
    /// It speaks the protocol of listeners.
    pub(super) listens: bool,
    /// Something was written to its input that it has not taken.
    pub(super) input_waits: bool,
    /// It takes no input any more.
    pub(super) deaf: bool,
}

#[derive(Clone)]
pub(super) struct Node {
    core: Supervisor,
    pub(super) facts: Facts,
    kernel: Kernel,
    checkers: Vec<Box<dyn Checker>>,
    /// What the core wants to be woken up for.
    wait: Option<Timestamp>,
    step: u64,
    states: BTreeMap<ProcessId, ProcessState>,
    pub(super) children: BTreeMap<ProcessId, Child>,
    /// A child that is no more.
    dead: Option<SpawnId>,
    /// Requests to read the configuration that are not answered.
    pub(super) readings: u8,
    /// Events that were rejected since time passed.
    pub(super) rejections: u8,
    pub(super) faults_left: Option<u8>,
    pub(super) requests_left: Option<u8>,
}

impl Node {
    pub(super) fn new(setting: &Setting, changes: &mut Changes) -> Result<Self, String> {
        let config = setting.config.clone();
        let boot = Boot {
            pid: Pid(1),
            seed: [0; 32],
            foreground: true,
            messages: Vec::new(),
        };
        let mut facts = Facts::new(config.clone());
        facts.now = BEGIN;
        let mut kernel = Kernel::default();
        kernel.daemon(true, false, false);
        let mut core = Supervisor::new(config, boot, reading(facts.now));
        core.keep_transitions();
        let mut node = Self {
            core,
            facts,
            kernel,
            checkers: checks::all(),
            wait: None,
            step: u64::try_from(setting.step.as_nanos()).unwrap_or(u64::MAX),
            states: BTreeMap::new(),
            children: BTreeMap::new(),
            dead: None,
            readings: 0,
            rejections: 0,
            faults_left: setting.faults_max,
            requests_left: setting.requests_max,
        };
        node.facts.refresh(&node.core);
        node.drain(changes)?;
        Ok(node)
    }

    pub(super) const fn has_ended(&self) -> bool {
        self.kernel.has_ended()
    }

    pub(super) fn is_due(&self) -> bool {
        self.wait.is_some_and(|at| at.as_nanos() <= self.facts.now)
    }

    /// How much time passes in one step.
    pub(super) fn step_nanos(&self) -> u64 {
        let until = self.wait.map(|at| at.as_nanos() - self.facts.now);
        until.map_or(self.step, |until| until.min(self.step))
    }

    /// Names this state.
    pub(super) fn key(&self, writer: &mut Writer) -> u128 {
        let mut surroundings = format!(
            "{:?} {:?} {} {}",
            self.faults_left, self.requests_left, self.readings, self.rejections
        );
        for child in self.children.values() {
            // Writing to a String cannot fail.
            let _ = write!(
                surroundings,
                ", {} {:?} {} {}",
                child.answered, child.signalled, child.input_waits, child.deaf
            );
        }
        let text = writer.write(&self.core, self.facts.now);
        let half = |salt: u8| {
            let mut hasher = DefaultHasher::new();
            hasher.write_u8(salt);
            hasher.write(surroundings.as_bytes());
            hasher.write(text.as_bytes());
            u128::from(hasher.finish())
        };
        half(0) << 64 | half(1)
    }

    /// Does what happens, with all that follows from it.
    pub(super) fn make(
        &mut self,
        step: &Move,
        setting: &Setting,
        changes: &mut Changes,
    ) -> Verdict {
        if step.is_fault() {
            self.faults_left = self.faults_left.map(|left| left.saturating_sub(1));
        }
        if step.is_request() {
            self.requests_left = self.requests_left.map(|left| left.saturating_sub(1));
        }
        let Some(mut input) = self.input(step)? else {
            self.facts.now += self.step_nanos();
            self.rejections = 0;
            self.calm_down();
            return Ok(());
        };
        if !matches!(step, Move::NotSignalled(..)) {
            self.calm_down();
        }
        match (step, &mut input) {
            (Move::Spawned(id), Input::Spawned { spawn, pid }) => {
                *pid = self.kernel.fork(*spawn, false).0;
                if let Some(child) = self.children.get_mut(id) {
                    child.answered = true;
                    if child.listens {
                        self.kernel.listeners.begin(*spawn, 0);
                    }
                }
            }
            (Move::NotSignalled(id, error), Input::SignalFailed { spawn, .. }) => {
                if let Some(child) = self.children.get_mut(id) {
                    child.signalled = None;
                }
                if *error != SignalError::NoSuchProcess {
                    self.kernel.mark_unsignallable(*spawn);
                }
            }
            (Move::Says(_, Word::Ready), Input::ChildOutput { spawn, .. }) => {
                self.kernel.listeners.set_ready(*spawn, true);
            }
            (Move::Says(_, Word::Reject), _) => self.rejections += 1,
            (Move::TakesInput(id), _) => self.child(*id)?.input_waits = false,
            (Move::ClosesInput(id), _) => self.child(*id)?.deaf = true,
            (Move::ConfigRead(works), _) => {
                self.readings -= 1;
                if *works {
                    self.facts.restart_with = Some(setting.config.clone());
                }
            }
            _ => {}
        }
        self.tell(input, changes)?;
        self.drain(changes)?;
        let wait = self.wait;
        self.check(|checker, view| checker.rest(view, wait))
    }

    fn child(&mut self, id: ProcessId) -> Result<&mut Child, String> {
        self.children
            .get_mut(&id)
            .ok_or_else(|| format!("{id} has no child"))
    }

    /// It is too late for the last signals to fail.
    fn calm_down(&mut self) {
        for child in self.children.values_mut() {
            child.signalled = None;
        }
    }

    pub(super) fn config_read(&self, works: bool) -> Input<'static> {
        let config = self.facts.available.clone();
        let messages = Vec::new();
        let read = Box::new(ReadConfig { config, messages });
        let result = works.then_some(read);
        Input::ConfigRead {
            result: result.ok_or_else(|| "Error: nonsense".to_owned()),
        }
    }

    fn tell(&mut self, input: Input<'static>, changes: &mut Changes) -> Verdict {
        self.check(|checker, view| checker.before(view, &input))?;
        let was_due = self.is_due();
        let target = target(&self.children, &input);
        if let (Some(id), Input::Exited { .. } | Input::SpawnFailed { .. }) = (target, &input) {
            self.dead = self.children.remove(&id).map(|child| child.spawn);
        }
        self.core
            .handle_input(reading(self.facts.now), input.clone());
        if self.facts.refresh(&self.core) {
            self.kernel.daemon(true, false, false);
        }
        let mut before = None;
        for change in self.core.transitions() {
            self.check(|checker, view| checker.change(view, &input, &change))?;
            self.note(&change)?;
            let own = target == Some(change.process);
            let again = before.replace(change.process) == Some(change.process);
            if let Some(cause) = Cause::of(&input, &change, own, again, was_due, &self.facts) {
                *changes.entry((change.from, cause, change.to)).or_default() += 1;
            }
        }
        if let Input::Exited { spawn, .. } = &input {
            self.kernel.report(*spawn);
        }
        if let Input::SpawnFailed { spawn, .. } = &input {
            self.kernel.fail_spawn(*spawn);
        }
        self.check(|checker, view| checker.after(view, &input))?;
        let there = &self.facts.processes;
        self.children.retain(|id, _| there.contains_key(id));
        self.states.retain(|id, _| there.contains_key(id));
        for (id, _, name, state) in self.core.processes() {
            let known = self.states.get(&id).copied();
            let known = known.unwrap_or(ProcessState::Stopped);
            ensure!(state == known, "{name} is {state:?}, but went to {known:?}");
        }
        Ok(())
    }

    fn note(&mut self, change: &Transition) -> Verdict {
        let known = self.states.insert(change.process, change.to);
        let known = known.unwrap_or(ProcessState::Stopped);
        ensure!(change.from == known, "{change:?} from {known:?}");
        let (id, listens) = (change.process, self.listens(change.process));
        if let (ProcessState::Starting, Some(spawn)) = (change.to, change.spawn)
            && change.from != ProcessState::Unknown
        {
            let child = Child {
                spawn,
                answered: false,
                signalled: None,
                listens,
                input_waits: false,
                deaf: false,
            };
            let other = self.children.insert(id, child);
            ensure!(other.is_none(), "{id} has two children");
        }
        Ok(())
    }

    fn listens(&self, id: ProcessId) -> bool {
        let fact = self.facts.processes.get(&id);
        fact.is_some_and(|fact| fact.group.0 == -1)
    }

    fn drain(&mut self, changes: &mut Changes) -> Verdict {
        for _ in 0..ACTIONS_MAX {
            let action = match self.core.poll_output() {
                Output::Action(action) => action,
                Output::Wait(wait) => {
                    self.wait = wait;
                    let now = self.facts.now;
                    let late = wait.is_some_and(|at| at.as_nanos() <= now);
                    ensure!(!late, "it wants to be woken up at {wait:?}, at {now}");
                    return Ok(());
                }
            };
            self.check(|checker, view| checker.action(view, &action))?;
            match action {
                Action::Spawn { spawn, .. } => self.kernel.begin_spawn(spawn),
                Action::Signal { spawn, signal, .. } => {
                    for child in self.children.values_mut().filter(|c| c.spawn == spawn) {
                        child.signalled = Some(signal);
                    }
                }
                Action::WriteStdin { spawn, .. } => {
                    self.kernel.listeners.set_ready(spawn, false);
                    for child in self.children.values_mut().filter(|c| c.spawn == spawn) {
                        child.input_waits = true;
                    }
                }
                Action::ReadConfig => self.readings += 1,
                Action::WritePidfile { .. } => {
                    let result = Ok(());
                    self.tell(Input::PidfileWritten { result }, changes)?;
                }
                Action::Ready => self.kernel.daemon(false, true, false),
                Action::Exit(_) => self.kernel.daemon(false, true, true),
                _ => {}
            }
        }
        Err("no end of actions".to_owned())
    }

    fn check(&mut self, ask: impl FnMut(&mut dyn Checker, View<'_>) -> Verdict) -> Verdict {
        let view = View {
            facts: &self.facts,
            kernel: &self.kernel,
            happened: None,
        };
        checks::ask(&mut self.checkers, view, ask)
    }

    /// Reports about children that are gone, and those that were made before, change nothing; nor
    /// does anything once the daemon has ended.
    pub(super) fn ignores_what_is_old(&self, writer: &mut Writer) -> Verdict {
        if self.is_due() {
            return Ok(());
        }
        let mut core = self.core.clone();
        let before = writer.write(&core, self.facts.now).to_owned();
        let mut inputs = Vec::new();
        if let Some(spawn) = self.dead {
            let status = ExitStatus::Code(7);
            let error = SpawnError::TooManyProcesses;
            let forbidden = SignalError::Other("EPERM".to_owned());
            inputs.extend([
                Input::Exited { spawn, status },
                Input::Spawned { spawn, pid: Pid(7) },
                Input::SpawnFailed { spawn, error },
                Input::SignalFailed {
                    spawn,
                    signal: Signal::TERM,
                    error: forbidden,
                },
                Input::StdinProgress { spawn },
                Input::StdinClosed { spawn },
            ]);
        }
        for child in self.children.values().filter(|child| child.answered) {
            let spawn = child.spawn;
            inputs.push(Input::Spawned { spawn, pid: Pid(7) });
        }
        if self.has_ended() {
            inputs.extend(
                self.facts
                    .processes
                    .keys()
                    .map(|id| Input::Command(visor_core::Command::Start(*id))),
            );
            inputs.push(Input::Signal(Signal::HUP));
            inputs.push(Input::Command(visor_core::Command::Reread));
        }
        inputs.push(Input::Wake);
        for input in inputs {
            let shown = format!("{input:?}");
            core.handle_input(reading(self.facts.now), input);
            let output = core.poll_output();
            ensure!(
                output == Output::Wait(self.wait),
                "{shown} leads to {output:?}"
            );
        }
        let after = writer.write(&core, self.facts.now);
        ensure!(after == before, "they change something:\n{before}\n{after}");
        Ok(())
    }
}

/// Whose state an input is about.
fn target(children: &BTreeMap<ProcessId, Child>, input: &Input<'_>) -> Option<ProcessId> {
    use visor_core::Command;
    match input {
        Input::Spawned { spawn, .. }
        | Input::SpawnFailed { spawn, .. }
        | Input::Exited { spawn, .. }
        | Input::SignalFailed { spawn, .. } => {
            let mut children = children.iter();
            children
                .find(|(_, child)| child.spawn == *spawn)
                .map(|(id, _)| *id)
        }
        Input::Command(Command::Start(id) | Command::Stop(id)) => Some(*id),
        _ => None,
    }
}

fn reading(now: u64) -> Now {
    Now {
        mono: Timestamp::from_nanos(now),
        wall: UnixTime::from_nanos(now.cast_signed()),
        utc_offset_secs: 0,
    }
}
