//! The rules.

use std::collections::BTreeMap;
use visor_core::config::{AutoRestart, ProcessConfig};
use visor_core::{ExitStatus, ProcessState as S, Signal};

const SECOND: u64 = 1_000_000_000;

/// What can be seen from outside, in order, as transcripts say it.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Seen {
    /// `web: STOPPED -> STARTING …`
    pub changes: Vec<String>,
    /// Spawns, signals, and the lines of the log.
    pub actions: Vec<String>,
    /// What the kernel is asked for.
    pub wants: Vec<Want>,
    /// `exit with status …`
    pub exit: Option<String>,
}

/// What a kernel may refuse; the process by its place in start order.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Want {
    /// A child.
    Spawn(usize),
    /// A signal to a child.
    Signal(usize, Signal),
}

/// One process.
#[derive(Clone, Debug)]
struct Process {
    config: ProcessConfig,
    state: S,
    pid: u32,
    answered: bool,
    started: u64,
    ever_started: bool,
    failures: u32,
    /// When BACKOFF ends, SIGKILL is due, or a paced restart.
    due: u64,
    short_lives: u32,
    exit: Option<ExitStatus>,
    stop_asked: bool,
}

/// All processes, each in a group of its own, in start order.
#[derive(Clone, Debug)]
pub struct Rules {
    processes: Vec<Process>,
    now: u64,
    stopping: bool,
    ended: bool,
    report_due: u64,
    seen: Seen,
}

impl Rules {
    /// A daemon that is up, in the moment before anything is started.
    #[must_use]
    pub fn new(configs: &[ProcessConfig], now: u64) -> Self {
        let process = |config: &ProcessConfig| Process {
            config: config.clone(),
            state: S::Stopped,
            pid: 0,
            answered: false,
            started: 0,
            ever_started: false,
            failures: 0,
            due: 0,
            short_lives: 0,
            exit: None,
            stop_asked: false,
        };
        let mut rules = Self {
            processes: configs.iter().map(process).collect(),
            now,
            stopping: false,
            ended: false,
            report_due: 0,
            seen: Seen::default(),
        };
        rules.log("INFO supervisord started with pid 100");
        for i in 0..rules.processes.len() {
            if rules.processes.get(i).is_some_and(|p| p.config.autostart) {
                rules.spawn(i);
            }
        }
        rules
    }

    /// What could be seen since the last call.
    pub fn seen(&mut self) -> Seen {
        std::mem::take(&mut self.seen)
    }

    /// The daemon has ended.
    #[must_use]
    pub const fn has_ended(&self) -> bool {
        self.ended
    }

    /// States, in start order.
    #[must_use]
    pub fn states(&self) -> Vec<S> {
        self.processes.iter().map(|p| p.state).collect()
    }

    /// Whether it has a child, or one is being made.
    #[must_use]
    pub fn has_child(&self, i: usize) -> bool {
        self.processes.get(i).is_some_and(|p| has_child(p.state))
    }

    /// Whether its spawn is still to be answered.
    #[must_use]
    pub fn is_unanswered(&self, i: usize) -> bool {
        self.has_child(i) && self.processes.get(i).is_some_and(|p| !p.answered)
    }

    /// When something is due next.
    #[must_use]
    pub fn next_due(&self) -> Option<u64> {
        let processes = self.processes.iter().filter_map(|p| self.due_of(p));
        let report = (self.stopping && !self.ended).then_some(self.report_due);
        processes.chain(report).min()
    }

    fn due_of(&self, p: &Process) -> Option<u64> {
        match p.state {
            S::Starting if p.answered => Some(p.started + startsecs(p)),
            S::Stopping => Some(p.due),
            S::Backoff if !self.stopping => Some(p.due),
            S::Exited if !self.stopping && restarts(p) => Some(p.due),
            S::Starting
            | S::Stopped
            | S::Running
            | S::Backoff
            | S::Exited
            | S::Fatal
            | S::Unknown => None,
        }
    }

    // ---- what happens ----

    /// Somebody wants a process to run.
    pub fn start(&mut self, i: usize) {
        let Some(p) = self.processes.get_mut(i) else {
            return;
        };
        let name = p.config.name.clone();
        match p.state {
            S::Stopped | S::Exited | S::Fatal | S::Backoff => {
                if !self.stopping {
                    p.short_lives = 0;
                    self.spawn(i);
                }
            }
            S::Starting | S::Running | S::Stopping => {
                self.log(&format!("WARN process '{name}' already running"));
            }
            S::Unknown if self.stopping => {}
            S::Unknown => {
                p.stop_asked = false;
                let to = if p.answered { S::Running } else { S::Starting };
                self.enter(i, to);
            }
        }
        self.settle(i);
    }

    /// Somebody wants a process to stop.
    pub fn stop(&mut self, i: usize) {
        let Some(p) = self.processes.get(i) else {
            return;
        };
        match p.state {
            S::Starting | S::Running => self.send_stop(i),
            S::Backoff => self.enter(i, S::Stopped),
            // Between two paced restarts.
            S::Exited if restarts(p) && p.short_lives > 10 => self.enter(i, S::Stopped),
            S::Exited | S::Stopped | S::Stopping | S::Fatal | S::Unknown => {}
        }
        self.settle(i);
    }

    /// Somebody wants a process to get a signal.
    pub fn signal(&mut self, i: usize, signal: Signal) {
        if let Some(p) = self.processes.get(i)
            && matches!(p.state, S::Starting | S::Running | S::Stopping)
        {
            self.send(i, signal, false);
        }
    }

    /// A spawn worked.
    pub fn spawned(&mut self, i: usize, pid: u32) {
        if !self.is_unanswered(i) {
            return;
        }
        let Some(p) = self.processes.get_mut(i) else {
            return;
        };
        p.answered = true;
        p.pid = pid;
        let text = format!("INFO spawned: '{}' with pid {pid}", p.config.name);
        self.log(&text);
        self.settle(i);
    }

    /// A spawn failed.
    pub fn not_spawned(&mut self, i: usize, reason: &str) {
        if !self.is_unanswered(i) {
            return;
        }
        self.log(&format!("INFO spawnerr: {reason}"));
        let Some(p) = self.processes.get(i) else {
            return;
        };
        if p.state == S::Starting {
            self.enter(i, S::Backoff);
        } else {
            self.enter(i, S::Stopped);
        }
        self.settle(i);
    }

    /// A child ended.
    pub fn exited(&mut self, i: usize, status: ExitStatus) {
        let Some(p) = self.processes.get_mut(i) else {
            return;
        };
        if !has_child(p.state) {
            return;
        }
        let (name, age) = (p.config.name.clone(), self.now - p.started);
        let expected = p.config.exitcodes.contains(&status.code());
        let asked = p.state == S::Stopping || (p.state == S::Unknown && p.stop_asked);
        if p.state == S::Starting && age < startsecs(p) {
            p.exit = None;
            self.log(&format!("WARN exited: {name} ({status}; not expected)"));
            self.enter(i, S::Backoff);
        } else if asked {
            p.exit = Some(status);
            let level = if expected { "INFO" } else { "WARN" };
            self.log(&format!("{level} stopped: {name} ({status})"));
            self.enter(i, S::Stopped);
        } else {
            if p.state == S::Starting {
                self.enter(i, S::Running);
            }
            let Some(p) = self.processes.get_mut(i) else {
                return;
            };
            p.exit = Some(status);
            let pid = p.pid;
            let (level, not) = if expected {
                ("INFO", "")
            } else {
                ("WARN", "not ")
            };
            self.log(&format!("{level} exited: {name} ({status}; {not}expected)"));
            self.pace(i, age);
            self.enter(i, S::Exited);
            if let Some(p) = self.processes.get_mut(i) {
                p.pid = if p.state == S::Exited { 0 } else { pid };
            }
        }
        self.settle(i);
    }

    /// A signal could not be sent, for a reason other than that nobody is there.
    pub fn not_signalled(&mut self, i: usize, signal: Signal) {
        if let Some(p) = self.processes.get(i)
            && has_child(p.state)
        {
            let before = p.state;
            let text = format!(
                "CRIT unknown problem sending {signal} to {} ({}): EPERM",
                p.config.name, p.pid
            );
            self.log(&text);
            if before != S::Unknown {
                self.enter(i, S::Unknown);
            }
            self.settle(i);
        }
    }

    /// The daemon shall end.
    pub fn shutdown(&mut self) {
        if self.stopping {
            return;
        }
        self.stopping = true;
        self.stop_next();
        self.report();
    }

    /// It is later now; what is due is not looked at yet.
    pub const fn advance_clock(&mut self, now: u64) {
        self.now = now;
    }

    /// Time passes until then; what is due is done as it becomes due, and then a shutdown goes on.
    pub fn wake(&mut self, now: u64) {
        self.now = now;
        loop {
            let due = |p: &Process| self.due_of(p).filter(|due| *due <= now);
            let processes = self.processes.iter().enumerate();
            let first = processes
                .filter_map(|(i, p)| due(p).map(|due| (due, 1, i)))
                .chain(
                    (self.stopping && !self.ended && self.report_due <= now).then_some((
                        self.report_due,
                        0,
                        0,
                    )),
                )
                .min();
            match first {
                None if self.stopping && self.stop_next() => {}
                None => return,
                Some((_, 0, _)) => self.report(),
                Some((_, _, i)) => self.come_due(i),
            }
        }
    }

    fn come_due(&mut self, i: usize) {
        let Some(p) = self.processes.get_mut(i) else {
            return;
        };
        match p.state {
            S::Starting => self.succeed(i),
            S::Backoff | S::Exited => self.spawn(i),
            S::Stopping => {
                let again = u64::try_from(p.config.stopwaitsecs).unwrap_or(0).max(1);
                p.due = self.now + again * SECOND;
                let (name, pid, group) = (p.config.name.clone(), p.pid, p.config.killasgroup);
                self.log(&format!("WARN killing '{name}' ({pid}) with SIGKILL"));
                self.send(i, Signal::KILL, group);
            }
            S::Stopped | S::Running | S::Fatal | S::Unknown => {}
        }
        self.settle(i);
    }

    // ---- what follows from a state ----

    fn settle(&mut self, i: usize) {
        let Some(p) = self.processes.get(i) else {
            return;
        };
        match p.state {
            S::Starting if p.answered && startsecs(p) == 0 => self.succeed(i),
            S::Backoff if i64::from(p.failures) > p.config.startretries => {
                let name = &p.config.name;
                let text = format!(
                    "INFO gave up: {name} entered FATAL state, too many start retries too quickly"
                );
                self.log(&text);
                self.enter(i, S::Fatal);
            }
            S::Exited if restarts(p) && !self.stopping && p.due <= self.now => self.spawn(i),
            S::Starting
            | S::Backoff
            | S::Exited
            | S::Stopped
            | S::Running
            | S::Stopping
            | S::Fatal
            | S::Unknown => {}
        }
    }

    fn spawn(&mut self, i: usize) {
        let now = self.now;
        if let Some(p) = self.processes.get_mut(i) {
            p.started = now;
            p.ever_started = true;
            p.answered = false;
            p.pid = 0;
            p.exit = None;
            p.stop_asked = false;
            let text = format!("spawn {}", p.config.name);
            self.seen.actions.push(text);
            self.seen.wants.push(Want::Spawn(i));
        }
        self.enter(i, S::Starting);
    }

    fn succeed(&mut self, i: usize) {
        if let Some(p) = self.processes.get(i) {
            let text = format!(
                "INFO success: {} entered RUNNING state, process has stayed up for > than {} \
                 seconds (startsecs)",
                p.config.name, p.config.startsecs
            );
            self.log(&text);
        }
        self.enter(i, S::Running);
    }

    fn send_stop(&mut self, i: usize) {
        if let Some(p) = self.processes.get_mut(i) {
            p.stop_asked = true;
            let (signal, group) = (p.config.stopsignal, p.config.stopasgroup);
            self.send(i, signal, group);
        }
        self.enter(i, S::Stopping);
    }

    /// Stops the last that is not stopped, if it was not asked before, and ends after the first.
    /// Whether anything was done.
    fn stop_next(&mut self) -> bool {
        let mut any = false;
        for i in (0..self.processes.len()).rev() {
            match self.processes.get(i).map(|p| p.state) {
                Some(S::Starting | S::Running) => {
                    self.send_stop(i);
                    return true;
                }
                Some(S::Stopping) => return any,
                Some(S::Backoff) => {
                    self.enter(i, S::Fatal);
                    any = true;
                }
                Some(S::Stopped | S::Exited | S::Fatal | S::Unknown) | None => {}
            }
        }
        any |= !self.ended;
        if !std::mem::replace(&mut self.ended, true) {
            self.seen.exit = Some("exit with status 0".to_owned());
        }
        any
    }

    fn report(&mut self) {
        let unstopped = self.processes.iter().filter(|p| !p.state.is_stopped());
        let names: Vec<&str> = unstopped.map(|p| p.config.name.as_str()).collect();
        if !names.is_empty() {
            let text = format!("INFO waiting for {} to die", names.join(", "));
            self.log(&text);
        }
        self.report_due = self.now + 3 * SECOND;
    }

    /// Lives of less than a second that lead to a restart: the eleventh in a row has to wait.
    fn pace(&mut self, i: usize, age: u64) {
        let now = self.now;
        let Some(p) = self.processes.get_mut(i) else {
            return;
        };
        p.due = now;
        if !restarts(p) || age >= SECOND {
            p.short_lives = 0;
            return;
        }
        p.short_lives += 1;
        if p.short_lives > 10 {
            p.due = (p.started + SECOND / 10).max(now);
        }
        if p.short_lives == 11 {
            let text = format!(
                "WARN {} exits as soon as it is started; it is restarted at most ten times a \
                 second from now on",
                p.config.name
            );
            self.log(&text);
        }
    }

    fn enter(&mut self, i: usize, to: S) {
        let now = self.now;
        let Some(p) = self.processes.get_mut(i) else {
            return;
        };
        let from = std::mem::replace(&mut p.state, to);
        match to {
            S::Backoff => {
                p.failures += 1;
                p.due = now + u64::from(p.failures) * SECOND;
            }
            S::Stopping => {
                let wait = u64::try_from(p.config.stopwaitsecs).unwrap_or(0);
                p.due = now + wait * SECOND;
            }
            S::Running | S::Exited | S::Fatal => p.failures = 0,
            S::Stopped | S::Starting | S::Unknown => {}
        }
        let (name, tries) = (&p.config.name, p.failures);
        let expected = p
            .exit
            .is_some_and(|e| p.config.exitcodes.contains(&e.code()));
        let not = if expected { "" } else { "not " };
        let detail = match to {
            S::Starting | S::Backoff => format!(", tries {tries}"),
            S::Running | S::Stopping | S::Stopped => format!(", pid {}", p.pid),
            S::Exited => format!(", pid {}, {not}expected", p.pid),
            S::Fatal | S::Unknown => String::new(),
        };
        let text = format!("{name}: {} -> {}{detail}", from.name(), to.name());
        self.seen.changes.push(text);
        if !has_child(to) {
            p.pid = 0;
        }
    }

    fn send(&mut self, i: usize, signal: Signal, group: bool) {
        let whose = if group { "'s process group" } else { "" };
        if let Some(p) = self.processes.get(i) {
            let text = format!("send {signal} to {}{whose}", p.config.name);
            self.seen.actions.push(text);
            self.seen.wants.push(Want::Signal(i, signal));
        }
    }

    fn log(&mut self, text: &str) {
        self.seen.actions.push(text.to_owned());
    }
}

/// Process names in start order are what the rules are about: by priority, then name.
#[must_use]
pub(super) fn in_order(configs: &[ProcessConfig]) -> Vec<ProcessConfig> {
    let sorted: BTreeMap<(i64, String), ProcessConfig> = configs
        .iter()
        .map(|c| ((c.priority, c.name.clone()), c.clone()))
        .collect();
    sorted.into_values().collect()
}

fn startsecs(p: &Process) -> u64 {
    u64::try_from(p.config.startsecs).unwrap_or(0) * SECOND
}

fn restarts(p: &Process) -> bool {
    match p.config.autorestart {
        AutoRestart::Never => false,
        AutoRestart::Always => true,
        AutoRestart::Unexpected => {
            let expected = |e: ExitStatus| p.config.exitcodes.contains(&e.code());
            !p.exit.is_some_and(expected)
        }
    }
}

fn has_child(state: S) -> bool {
    matches!(state, S::Starting | S::Running | S::Stopping | S::Unknown)
}
