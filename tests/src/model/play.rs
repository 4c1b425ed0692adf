//! The same things happen to the core and to the rules.
#![allow(
    clippy::wildcard_enum_match_arm,
    reason = "what the rules do not speak of is not compared"
)]

use super::rules::{Rules, Seen, in_order};
use std::collections::BTreeMap;
use visor_core::config::{AutoRestart, Config, GroupConfig, GroupKind, LogTarget, ProcessConfig};
use visor_core::{
    Action, Boot, Command, ExitStatus, Input, LogId, Now, Output, Pid, ProcessId, ProcessState,
    Signal, SignalError, SpawnError, SpawnId, Supervisor, Timestamp, Transition, UnixTime,
};

const MILLI: u64 = 1_000_000;

/// What a program is like.
#[derive(Clone, Debug)]
pub struct Program {
    /// `autostart`.
    pub autostart: bool,
    /// `startsecs`, -1 to 3.
    pub startsecs: i64,
    /// `startretries`, -1 to 3.
    pub startretries: i64,
    /// `autorestart`.
    pub autorestart: AutoRestart,
    /// `stopwaitsecs`, 0 to 3.
    pub stopwaitsecs: i64,
    /// `stopasgroup` and `killasgroup`.
    pub as_group: (bool, bool),
    /// `priority`.
    pub priority: i64,
}

/// How spawns are answered from now on.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Answer {
    /// They work.
    Works,
    /// They fail.
    Fails,
    /// They are not answered until somebody says so.
    Waits,
}

/// One thing that happens.
#[derive(Clone, Debug)]
pub enum Op {
    /// Somebody starts a process.
    Start(usize),
    /// Somebody stops a process.
    Stop(usize),
    /// Somebody sends a process SIGHUP.
    Signal(usize),
    /// A child ends with this code; -1: by SIGSEGV.
    Exit(usize, i32),
    /// Time passes, in milliseconds, with a wake-up whenever one is due.
    Advance(u64),
    /// Time passes, in milliseconds, and only then does the runtime look.
    Oversleep(u64),
    /// How spawns are answered from now on.
    Spawns(Answer),
    /// Answers the spawn of a process that waits for it.
    Answered(usize, bool),
    /// The next signal fails.
    SignalFails,
    /// The daemon shall end.
    Shutdown,
}

/// The core, with a kernel that does as it is told.
struct Core {
    supervisor: Supervisor,
    now: u64,
    ids: Vec<ProcessId>,
    names: BTreeMap<ProcessId, String>,
    spawns: BTreeMap<usize, SpawnId>,
    answer: Answer,
    signal_fails: bool,
    next_pid: u32,
}

/// What a kernel did, for the rules to be told as well.
enum Reply {
    Spawned(usize, u32),
    NotSpawned(usize),
    NotSignalled(usize, Signal),
}

/// Plays what happens and compares after each step.
///
/// # Errors
/// The first difference, with what led to it.
pub fn play(programs: &[Program], ops: &[Op]) -> Result<(), String> {
    let configs = configs(programs);
    let mut core = Core::new(&configs);
    let mut rules = Rules::new(&configs, core.now);
    let (mut seen, replies) = core.settle();
    // What the daemon says of itself before it is up is not what this is about.
    seen.actions.retain(|line| !line.contains("supervisord"));
    let mut told = Seen::default();
    finish(&mut core, &mut rules, seen, replies, &mut told)
        .map_err(|error| format!("at the start: {error}"))?;
    for (number, op) in ops.iter().enumerate() {
        if rules.has_ended() {
            return Ok(());
        }
        step(&mut core, &mut rules, op)
            .map_err(|error| format!("step {number}, {op:?}: {error}"))?;
    }
    Ok(())
}

/// What happened, as a transcript that can be put into `tests/scenario`, without its results.
#[must_use]
pub fn transcript(programs: &[Program], ops: &[Op]) -> String {
    let mut text = String::new();
    for config in configs(programs) {
        let restart = match config.autorestart {
            AutoRestart::Never => "false",
            AutoRestart::Always => "true",
            AutoRestart::Unexpected => "unexpected",
        };
        text += &format!(
            "[program:{}]\ncommand=/bin/x\npriority={}\nautostart={}\nstartsecs={}\n\
             startretries={}\nautorestart={restart}\nstopwaitsecs={}\n",
            config.name,
            config.priority,
            config.autostart,
            config.startsecs,
            config.startretries,
            config.stopwaitsecs,
        );
    }
    text += "\n> boot\n";
    for op in ops {
        let line = match op {
            Op::Start(i) => format!("start p{i}"),
            Op::Stop(i) => format!("stop p{i}"),
            Op::Signal(i) => format!("send p{i} HUP"),
            Op::Exit(i, -1) => format!("exit p{i} SEGV"),
            Op::Exit(i, code) => format!("exit p{i} {code}"),
            Op::Advance(ms) => format!("advance {ms}ms"),
            Op::Oversleep(ms) => format!("sleep {ms}ms"),
            Op::Answered(i, true) => format!("spawned p{i}"),
            Op::Answered(i, false) => format!("not-spawned p{i} fork"),
            Op::Shutdown => "shutdown".to_owned(),
            Op::Spawns(_) | Op::SignalFails => {
                text += &format!("# {op:?}\n");
                continue;
            }
        };
        text += &format!("> {line}\n");
    }
    text
}

fn configs(programs: &[Program]) -> Vec<ProcessConfig> {
    let configs: Vec<ProcessConfig> = programs
        .iter()
        .enumerate()
        .map(|(i, program)| {
            let mut config = ProcessConfig::new(&format!("p{i}"), "/bin/x");
            config.autostart = program.autostart;
            config.startsecs = program.startsecs;
            config.startretries = program.startretries;
            config.autorestart = program.autorestart;
            config.stopwaitsecs = program.stopwaitsecs;
            (config.stopasgroup, config.killasgroup) = program.as_group;
            config.priority = program.priority;
            config.stdout.logfile = LogTarget::None;
            config.stderr.logfile = LogTarget::None;
            config
        })
        .collect();
    in_order(&configs)
}

fn step(core: &mut Core, rules: &mut Rules, op: &Op) -> Result<(), String> {
    let count = core.ids.len().max(1);
    let mut told = Seen::default();
    match op {
        Op::Advance(millis) | Op::Oversleep(millis) => {
            let end = core.now + millis * MILLI;
            while let Some(due) = rules.next_due()
                && due <= end
                && matches!(op, Op::Advance(_))
                && !rules.has_ended()
            {
                core.now = due.max(core.now);
                both(core, rules, Input::Wake, |_| {}, &mut told)?;
            }
            core.now = end;
            if !rules.has_ended() {
                both(core, rules, Input::Wake, |_| {}, &mut told)?;
            }
            return Ok(());
        }
        Op::Spawns(answer) => core.answer = *answer,
        Op::SignalFails => core.signal_fails = true,
        Op::Start(i) => {
            let i = i % count;
            let input = Input::Command(Command::Start(core.id(i)));
            both(core, rules, input, |rules| rules.start(i), &mut told)?;
        }
        Op::Stop(i) => {
            let i = i % count;
            let input = Input::Command(Command::Stop(core.id(i)));
            both(core, rules, input, |rules| rules.stop(i), &mut told)?;
        }
        Op::Signal(i) => {
            let i = i % count;
            let input = Input::Command(Command::Signal(core.id(i), Signal::HUP));
            let tell = |rules: &mut Rules| rules.signal(i, Signal::HUP);
            both(core, rules, input, tell, &mut told)?;
        }
        Op::Exit(i, code) => {
            let i = i % count;
            if let Some(spawn) = core.spawns.get(&i).copied()
                && !rules.is_unanswered(i)
            {
                let status = status(*code);
                let input = Input::Exited { spawn, status };
                both(
                    core,
                    rules,
                    input,
                    |rules| rules.exited(i, status),
                    &mut told,
                )?;
            }
        }
        Op::Answered(i, works) => {
            let i = i % count;
            if let Some(spawn) = core.spawns.get(&i).copied()
                && rules.is_unanswered(i)
            {
                answered(core, rules, i, spawn, *works, &mut told)?;
            }
        }
        Op::Shutdown => {
            let input = Input::Command(Command::Shutdown);
            both(core, rules, input, Rules::shutdown, &mut told)?;
        }
    }
    Ok(())
}

fn answered(
    core: &mut Core,
    rules: &mut Rules,
    i: usize,
    spawn: SpawnId,
    works: bool,
    told: &mut Seen,
) -> Result<(), String> {
    if works {
        let pid = core.mint_pid();
        let input = Input::Spawned {
            spawn,
            pid: Pid(pid),
        };
        both(core, rules, input, |rules| rules.spawned(i, pid), told)
    } else {
        let error = SpawnError::BadCommand("no".to_owned());
        let input = Input::SpawnFailed { spawn, error };
        both(core, rules, input, |rules| rules.not_spawned(i, "no"), told)
    }
}

/// Tells both, and what follows from it.
fn both(
    core: &mut Core,
    rules: &mut Rules,
    input: Input<'static>,
    tell: impl FnOnce(&mut Rules),
    told: &mut Seen,
) -> Result<(), String> {
    core.tell(input);
    let (seen, replies) = core.settle();
    rules.advance_clock(core.now);
    tell(rules);
    rules.wake(core.now);
    finish(core, rules, seen, replies, told)
}

/// Compares, then lets the kernel's answers follow.
fn finish(
    core: &mut Core,
    rules: &mut Rules,
    seen: Seen,
    replies: Vec<Reply>,
    told: &mut Seen,
) -> Result<(), String> {
    compare(core, rules, seen)?;
    for reply in replies {
        match reply {
            Reply::Spawned(i, pid) => {
                let Some(spawn) = core.spawns.get(&i).copied() else {
                    continue;
                };
                let input = Input::Spawned {
                    spawn,
                    pid: Pid(pid),
                };
                both(core, rules, input, |rules| rules.spawned(i, pid), told)?;
            }
            Reply::NotSpawned(i) => {
                let Some(spawn) = core.spawns.get(&i).copied() else {
                    continue;
                };
                let error = SpawnError::BadCommand("no".to_owned());
                let input = Input::SpawnFailed { spawn, error };
                both(core, rules, input, |rules| rules.not_spawned(i, "no"), told)?;
            }
            Reply::NotSignalled(i, signal) => {
                let Some(spawn) = core.spawns.get(&i).copied() else {
                    continue;
                };
                let input = Input::SignalFailed {
                    spawn,
                    signal,
                    error: SignalError::Other("EPERM".to_owned()),
                };
                let tell = |rules: &mut Rules| rules.not_signalled(i, signal);
                both(core, rules, input, tell, told)?;
            }
        }
    }
    Ok(())
}

fn compare(core: &mut Core, rules: &mut Rules, core_seen: Seen) -> Result<(), String> {
    let rules_seen = rules.seen();
    if core_seen != rules_seen {
        return Err(format!("core: {core_seen:#?}\nrules: {rules_seen:#?}"));
    }
    if rules.has_ended() {
        return Ok(());
    }
    let states: Vec<ProcessState> = core
        .ids
        .iter()
        .filter_map(|id| core.supervisor.processes().find(|(i, ..)| i == id))
        .map(|(.., state)| state)
        .collect();
    if states != rules.states() {
        return Err(format!("core: {states:?}, rules: {:?}", rules.states()));
    }
    let wait = match core.supervisor.poll_output() {
        Output::Wait(wait) => wait.map(Timestamp::as_nanos),
        Output::Action(action) => return Err(format!("unexpected {action:?}")),
    };
    if wait != rules.next_due() {
        return Err(format!(
            "core waits until {wait:?}, rules {:?}",
            rules.next_due()
        ));
    }
    Ok(())
}

fn status(code: i32) -> ExitStatus {
    if code < 0 {
        ExitStatus::Signaled {
            signal: Signal::from_number(11).unwrap_or(Signal::KILL),
            core_dumped: false,
        }
    } else {
        ExitStatus::Code(code)
    }
}

impl Core {
    fn new(configs: &[ProcessConfig]) -> Self {
        let group = |process: &ProcessConfig| GroupConfig {
            name: process.name.clone(),
            priority: process.priority,
            kind: GroupKind::Plain,
            processes: vec![process.clone().into()],
        };
        let config = Config {
            groups: configs.iter().map(group).collect(),
            ..Config::default()
        };
        let boot = Boot {
            pid: Pid(1),
            seed: [0; 32],
            foreground: false,
            messages: Vec::new(),
        };
        let now = 1_000 * MILLI;
        let mut supervisor = Supervisor::new(config, boot, reading(now));
        supervisor.keep_transitions();
        let names: BTreeMap<ProcessId, String> = supervisor
            .processes()
            .map(|(id, _, name, _)| (id, name.to_owned()))
            .collect();
        let find = |config: &ProcessConfig| {
            let mut all = names.iter();
            all.find(|(_, name)| **name == config.name)
                .map(|(id, _)| *id)
        };
        Self {
            ids: configs.iter().filter_map(find).collect(),
            supervisor,
            now,
            names,
            spawns: BTreeMap::new(),
            answer: Answer::Works,
            signal_fails: false,
            next_pid: 100,
        }
    }

    fn id(&self, i: usize) -> ProcessId {
        self.ids.get(i).copied().unwrap_or(ProcessId(u32::MAX))
    }

    fn tell(&mut self, input: Input<'static>) {
        self.supervisor.handle_input(reading(self.now), input);
    }

    fn mint_pid(&mut self) -> u32 {
        self.next_pid += 1;
        self.next_pid
    }

    /// What the core wants, and what the kernel will say to it.
    fn settle(&mut self) -> (Seen, Vec<Reply>) {
        let (mut seen, mut replies) = (Seen::default(), Vec::new());
        while let Output::Action(action) = self.supervisor.poll_output() {
            match action {
                Action::Spawn { spawn, spec } => {
                    seen.actions.push(format!("spawn {}", spec.name));
                    let Some(i) = self.index(&spec.name) else {
                        continue;
                    };
                    self.spawns.insert(i, spawn);
                    match self.answer {
                        Answer::Works => replies.push(Reply::Spawned(i, self.mint_pid())),
                        Answer::Fails => replies.push(Reply::NotSpawned(i)),
                        Answer::Waits => {}
                    }
                }
                Action::Signal {
                    spawn,
                    signal,
                    group,
                } => {
                    let mut spawns = self.spawns.iter();
                    let Some(i) = spawns.find(|(_, s)| **s == spawn).map(|(i, _)| *i) else {
                        continue;
                    };
                    let whose = if group { "'s group" } else { "" };
                    let name = self.name(i);
                    seen.actions.push(format!("send {signal} to {name}{whose}"));
                    if std::mem::take(&mut self.signal_fails) {
                        replies.push(Reply::NotSignalled(i, signal));
                    }
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
                    let result = Ok(());
                    self.tell(Input::PidfileWritten { result });
                }
                Action::Exit(status) => seen.actions.push(format!("exit {status}")),
                _ => {}
            }
        }
        for change in self.supervisor.transitions() {
            seen.changes.push(self.show(&change));
        }
        (seen, replies)
    }

    fn show(&self, change: &Transition) -> String {
        use ProcessState as S;
        let name = self.names.get(&change.process).map_or("?", String::as_str);
        let (from, to) = (change.from.name(), change.to.name());
        let detail = match change.to {
            S::Starting | S::Backoff => format!("tries:{}", change.tries),
            S::Running | S::Stopping | S::Stopped => format!("pid:{}", change.pid),
            S::Exited => format!("expected:{} pid:{}", i32::from(change.expected), change.pid),
            S::Fatal | S::Unknown => String::new(),
        };
        format!("{name}: {from} -> {to} {detail}")
    }

    fn index(&self, name: &str) -> Option<usize> {
        let of = |id: &ProcessId| self.names.get(id).is_some_and(|n| n == name);
        self.ids.iter().position(of)
    }

    fn name(&self, i: usize) -> String {
        let id = self.ids.get(i);
        let name = id.and_then(|id| self.names.get(id));
        name.cloned().unwrap_or_default()
    }
}

fn reading(now: u64) -> Now {
    Now {
        mono: Timestamp::from_nanos(now),
        wall: UnixTime::from_nanos(now.cast_signed()),
        utc_offset_secs: 0,
    }
}
