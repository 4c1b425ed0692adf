//! The core, told what the rules were told.
#![allow(
    clippy::wildcard_enum_match_arm,
    reason = "what the rules do not speak of is not compared"
)]

use super::rules::{Seen, Want};
use super::story::{Event, Op, Program, Round, Story};
use visor_core::config::{Config, GroupConfig, GroupKind, ProcessConfig};
use visor_core::{
    Action, Boot, Command, Input, LogId, Now, Output, Pid, ProcessId, ProcessState, SignalError,
    SpawnError, SpawnId, Supervisor, Timestamp, Transition, UnixTime,
};

/// A supervisor, with what a runtime knows of it.
pub struct Core {
    supervisor: Supervisor,
    processes: Vec<Process>,
}

struct Process {
    id: ProcessId,
    name: String,
    /// Its children, oldest first.
    spawns: Vec<SpawnId>,
}

/// Plays what can happen of this, and compares after each step.
///
/// # Errors
/// The first difference, and all that led to it as a transcript.
pub fn play(programs: &[Program], ops: &[Op]) -> Result<(), String> {
    let mut story = Story::new(programs);
    let mut core = Core::new(&story);
    let told = |difference, story: &Story| format!("{difference}\n\n{}", story.transcript());
    core.follow(&story).map_err(|error| told(error, &story))?;
    for op in ops {
        if story.allows(op) {
            story.apply(op);
            core.follow(&story).map_err(|error| told(error, &story))?;
        }
    }
    Ok(())
}

impl Core {
    /// A daemon with the configuration of the story, which has just started.
    #[must_use]
    pub fn new(story: &Story) -> Self {
        let group = |process: &ProcessConfig| GroupConfig {
            name: process.name.clone(),
            priority: process.priority,
            kind: GroupKind::Plain,
            processes: vec![process.clone().into()],
        };
        let config = Config {
            groups: story.configs().iter().map(group).collect(),
            ..Config::default()
        };
        let boot = Boot {
            pid: Pid(100),
            seed: [0; 32],
            foreground: true,
            messages: Vec::new(),
        };
        let now = story.rounds().first().map_or(0, |round| round.at);
        let mut supervisor = Supervisor::new(config, boot, reading(now));
        supervisor.keep_transitions();
        let process = |config: &ProcessConfig| {
            let mut all = supervisor.processes();
            let (id, ..) = all.find(|(_, _, name, _)| *name == config.name)?;
            Some(Process {
                id,
                name: config.name.clone(),
                spawns: Vec::new(),
            })
        };
        Self {
            processes: story.configs().iter().filter_map(process).collect(),
            supervisor,
        }
    }

    /// Is told the last step of the story, and does what the rules say.
    ///
    /// # Errors
    /// The first difference.
    pub fn follow(&mut self, story: &Story) -> Result<(), String> {
        self.hear(story, |event| event)
    }

    /// Is told the last step of the story in other words, and does what the rules say.
    ///
    /// # Errors
    /// The first difference.
    pub fn hear(&mut self, story: &Story, words: fn(Event) -> Event) -> Result<(), String> {
        for round in story.rounds() {
            let after = |difference| format!("after {:?}: {difference}", round.event);
            if let Some(input) = self.input(words(round.event)) {
                self.supervisor.handle_input(reading(round.at), input);
            }
            let seen = self.see(round.at);
            self.compare(round, &seen).map_err(after)?;
        }
        Ok(())
    }

    fn compare(&mut self, round: &Round, seen: &Seen) -> Result<(), String> {
        if *seen != round.seen {
            return Err(format!("core: {seen:#?}\nrules: {:#?}", round.seen));
        }
        let Some(expected) = &round.states else {
            return Ok(());
        };
        let states: Vec<ProcessState> = self
            .processes
            .iter()
            .filter_map(|process| {
                let mut all = self.supervisor.processes();
                all.find(|(id, ..)| *id == process.id)
            })
            .map(|(.., state)| state)
            .collect();
        if states != *expected {
            return Err(format!("core: {states:?}, rules: {expected:?}"));
        }
        let wait = match self.supervisor.poll_output() {
            Output::Wait(wait) => wait.map(Timestamp::as_nanos),
            Output::Action(action) => return Err(format!("unexpected {action:?}")),
        };
        if wait != round.due {
            let due = round.due;
            return Err(format!("core waits until {wait:?}, rules {due:?}"));
        }
        Ok(())
    }

    fn input(&self, event: Event) -> Option<Input<'static>> {
        let id = |i: usize| self.processes.get(i).map_or(ProcessId(u32::MAX), |p| p.id);
        let spawn = |i: usize, back: usize| {
            let process = self.processes.get(i);
            process.and_then(|p| p.spawns.iter().rev().nth(back).copied())
        };
        Some(match event {
            Event::Boot => return None,
            Event::Wake => Input::Wake,
            Event::Start(i) => Input::Command(Command::Start(id(i))),
            Event::Stop(i) => Input::Command(Command::Stop(id(i))),
            Event::Signal(i, signal) => Input::Command(Command::Signal(id(i), signal)),
            Event::Shutdown => Input::Command(Command::Shutdown),
            Event::Exited(i, back, status) => Input::Exited {
                spawn: spawn(i, back)?,
                status,
            },
            Event::Spawned(i, pid) => Input::Spawned {
                spawn: spawn(i, 0)?,
                pid: Pid(pid),
            },
            Event::NotSpawned(i) => Input::SpawnFailed {
                spawn: spawn(i, 0)?,
                error: SpawnError::NotFound("/no/such/program".to_owned()),
            },
            Event::NotSignalled(i, signal) => Input::SignalFailed {
                spawn: spawn(i, 0)?,
                signal,
                error: SignalError::Other("EPERM".to_owned()),
            },
        })
    }

    /// What it does.
    fn see(&mut self, now: u64) -> Seen {
        let mut seen = Seen::default();
        while let Output::Action(action) = self.supervisor.poll_output() {
            match action {
                Action::Spawn { spawn, spec } => {
                    seen.actions.push(format!("spawn {}", spec.name));
                    let mut all = self.processes.iter_mut().enumerate();
                    if let Some((i, process)) = all.find(|(_, p)| p.name == spec.name) {
                        process.spawns.push(spawn);
                        seen.wants.push(Want::Spawn(i));
                    }
                }
                Action::Signal {
                    spawn,
                    signal,
                    group,
                } => {
                    let mut all = self.processes.iter().enumerate();
                    let whose = if group { "'s process group" } else { "" };
                    let found = all.find(|(_, p)| p.spawns.last() == Some(&spawn));
                    let name = found.map_or("nobody", |(_, p)| &p.name);
                    seen.actions.push(format!("send {signal} to {name}{whose}"));
                    seen.wants
                        .extend(found.map(|(i, _)| Want::Signal(i, signal)));
                }
                Action::WriteLog {
                    log: LogId::Activity,
                    data,
                } => {
                    let text = String::from_utf8_lossy(&data);
                    let line = text.get(24..).unwrap_or_default().trim_end();
                    seen.actions.push(line.to_owned());
                }
                Action::WritePidfile { .. } => {
                    let input = Input::PidfileWritten { result: Ok(()) };
                    self.supervisor.handle_input(reading(now), input);
                }
                Action::Exit(status) => seen.exit = Some(format!("exit with status {status}")),
                _ => {}
            }
        }
        for change in self.supervisor.transitions() {
            seen.changes.push(self.show(&change));
        }
        seen
    }

    fn show(&self, change: &Transition) -> String {
        use ProcessState as S;
        let mut all = self.processes.iter();
        let process = all.find(|process| process.id == change.process);
        let name = process.map_or("?", |process| &process.name);
        let (from, to) = (change.from.name(), change.to.name());
        let not = if change.expected { "" } else { "not " };
        let detail = match change.to {
            S::Starting | S::Backoff => format!(", tries {}", change.tries),
            S::Running | S::Stopping | S::Stopped => format!(", pid {}", change.pid),
            S::Exited => format!(", pid {}, {not}expected", change.pid),
            S::Fatal | S::Unknown => String::new(),
        };
        format!("{name}: {from} -> {to}{detail}")
    }
}

fn reading(now: u64) -> Now {
    Now {
        mono: Timestamp::from_nanos(now),
        wall: UnixTime::from_nanos(now.cast_signed()),
        utc_offset_secs: 0,
    }
}
