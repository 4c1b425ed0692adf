//! A runtime without an operating system: children are scripted, and time passes when there is
//! nothing else to do.

use std::collections::BTreeMap;
use std::time::Duration;
use visor_core::config::Config;
use visor_core::{
    Action, Boot, ExitStatus, Input, Now, Output, Pid, ProcessState, Signal, SpawnId, Supervisor,
    Timestamp, UnixTime,
};

/// What a program does when it is started.
#[derive(Clone, Copy, Debug)]
pub struct Script {
    /// It exits by itself after this long; `None`: never.
    pub life: Option<Duration>,
    /// With this code.
    pub code: i32,
    /// It ends at once when it is asked to; otherwise only SIGKILL ends it.
    pub obeys: bool,
}

/// A supervisor whose children are scripts.
#[derive(Debug)]
pub struct VirtualTime {
    supervisor: Supervisor,
    scripts: BTreeMap<String, Script>,
    now: Now,
    children: BTreeMap<SpawnId, Kid>,
    next_pid: u32,
    /// The lines of the activity log, without their time stamps.
    pub log: Vec<String>,
    /// The status the daemon has ended with.
    pub exited: Option<i32>,
}

#[derive(Clone, Copy, Debug)]
struct Kid {
    script: Script,
    ends_at: Option<Timestamp>,
}

impl VirtualTime {
    /// Starts a daemon. A program without a script runs for ever and obeys.
    #[must_use]
    pub fn new(config: Config, scripts: BTreeMap<String, Script>) -> Self {
        let boot = Boot {
            pid: Pid(1),
            seed: [0; 32],
            foreground: true,
            messages: Vec::new(),
        };
        let now = Now {
            wall: UnixTime::from_secs(1_000_000_000),
            ..Now::default()
        };
        let mut this = Self {
            supervisor: Supervisor::new(config, boot, now),
            scripts,
            now,
            children: BTreeMap::new(),
            next_pid: 100,
            log: Vec::new(),
            exited: None,
        };
        this.drain();
        this
    }

    /// Tells it something.
    pub fn input(&mut self, input: Input<'_>) {
        self.supervisor.handle_input(self.now, input);
        self.drain();
    }

    /// Lets time pass: from one deadline or end of a script to the next, nothing in between.
    pub fn advance(&mut self, by: Duration) {
        let end = self.now.mono + by;
        while self.exited.is_none() {
            let deadline = self.drain();
            let next_end = self
                .children
                .iter()
                .filter_map(|(spawn, kid)| Some((kid.ends_at?, *spawn)))
                .min();
            let next = [deadline, next_end.map(|(at, _)| at)]
                .into_iter()
                .flatten()
                .min();
            let Some(at) = next.filter(|at| *at <= end) else {
                break;
            };
            self.pass_to(at);
            match next_end.filter(|(ends, _)| *ends <= at) {
                Some((_, spawn)) => self.end(spawn, None),
                None => self.input(Input::Wake),
            }
        }
        self.pass_to(end);
    }

    /// The state of the process `group:name`.
    #[must_use]
    pub fn state(&self, group: &str, name: &str) -> Option<ProcessState> {
        self.supervisor
            .processes()
            .find(|(_, g, n, _)| *g == group && *n == name)
            .map(|(_, _, _, state)| state)
    }

    fn pass_to(&mut self, at: Timestamp) {
        let step = at.saturating_since(self.now.mono);
        self.now.mono = self.now.mono.max(at);
        let nanos = i64::try_from(step.as_nanos()).unwrap_or(i64::MAX);
        self.now.wall = UnixTime::from_nanos(self.now.wall.as_nanos().saturating_add(nanos));
    }

    fn end(&mut self, spawn: SpawnId, signal: Option<Signal>) {
        let Some(kid) = self.children.remove(&spawn) else {
            return;
        };
        let status = signal.map_or(ExitStatus::Code(kid.script.code), |signal| {
            ExitStatus::Signaled {
                signal,
                core_dumped: false,
            }
        });
        self.input(Input::Exited { spawn, status });
    }

    fn drain(&mut self) -> Option<Timestamp> {
        loop {
            match self.supervisor.poll_output() {
                Output::Wait(deadline) => return deadline,
                Output::Action(action) => self.perform(action),
            }
        }
    }

    fn perform(&mut self, action: Action) {
        match action {
            Action::Spawn { spawn, spec } => {
                let script = self.scripts.get(&spec.name).copied().unwrap_or(Script {
                    life: None,
                    code: 0,
                    obeys: true,
                });
                let ends_at = script.life.map(|life| self.now.mono + life);
                self.children.insert(spawn, Kid { script, ends_at });
                self.next_pid += 1;
                let pid = Pid(self.next_pid);
                self.supervisor
                    .handle_input(self.now, Input::Spawned { spawn, pid });
            }
            Action::Signal { spawn, signal, .. } => {
                let dies = self
                    .children
                    .get(&spawn)
                    .is_some_and(|kid| kid.script.obeys || signal == Signal::KILL);
                if dies {
                    self.end(spawn, Some(signal));
                }
            }
            Action::WritePidfile { .. } => self
                .supervisor
                .handle_input(self.now, Input::PidfileWritten { result: Ok(()) }),
            Action::ShowLine { line, .. } => {
                let line = String::from_utf8_lossy(&line);
                let text = line
                    .trim_end()
                    .chars()
                    .skip("2001-09-09 01:46:40,000 ".len());
                self.log.push(text.collect());
            }
            Action::Exit(status) => self.exited = Some(status),
            // Nothing else has an effect in a world of scripts.
            Action::Adopt { .. }
            | Action::WriteStdin { .. }
            | Action::CheckCommand { .. }
            | Action::OpenSocket { .. }
            | Action::CloseSocket { .. }
            | Action::OpenLog { .. }
            | Action::WriteLog { .. }
            | Action::RotateLog { .. }
            | Action::ReopenLog { .. }
            | Action::ClearLog { .. }
            | Action::CloseLog { .. }
            | Action::CleanAutoLogs { .. }
            | Action::ReadLog { .. }
            | Action::Syslog { .. }
            | Action::ShowProgress(_)
            | Action::Listen { .. }
            | Action::Unlisten { .. }
            | Action::SendConn { .. }
            | Action::ReadConn { .. }
            | Action::CloseConn { .. }
            | Action::DropConn { .. }
            | Action::ReadConfig
            | Action::RemovePidfile { .. }
            | Action::Ready
            | Action::Diagnose(_) => {}
        }
    }
}
