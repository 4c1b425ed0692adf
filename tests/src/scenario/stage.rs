//! The stage of a transcript: a runtime that does what it is asked, unless told otherwise.

use super::clients::Clients;
use super::config;
use super::script::{Arrange, Step, Tell};
use super::show::{self, Names, Wanted};
use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;
use visor_core::{
    Action, Boot, Command, GroupId, Input, LogId, Now, Output, Pid, ProcessId, ReadConfig,
    ServerId, SignalError, SpawnError, SpawnId, Supervisor, Timestamp, UnixTime,
};

/// 2026-01-31 12:00:00 UTC.
const START_SECS: i64 = 1_769_860_800;
/// Most actions one step may lead to: more means that it never ends.
const ACTIONS_MAX: u32 = 10_000;

pub(super) struct Stage {
    supervisor: Option<Supervisor>,
    /// What the daemon starts with.
    config: ReadConfig,
    /// What reading the configuration gives.
    pub(super) file: Result<ReadConfig, String>,
    mono: Timestamp,
    wall_nanos: i64,
    next_pid: u32,
    pub(super) known: Known,
    pub(super) answers: VecDeque<Input<'static>>,
    pub(super) clients: Clients,
    pub(super) faults: Faults,
    wanted: Wanted,
    pub(super) seen: Vec<String>,
}

/// What is known by name.
#[derive(Default)]
pub(super) struct Known {
    pub(super) processes: BTreeMap<ProcessId, String>,
    pub(super) sockets: BTreeMap<GroupId, String>,
    /// Children by process name, oldest first.
    pub(super) children: BTreeMap<String, Vec<SpawnId>>,
    pub(super) sizes: BTreeMap<LogId, u64>,
}

/// What will go wrong.
#[derive(Default)]
pub(super) struct Faults {
    pub(super) spawns: BTreeMap<String, VecDeque<SpawnError>>,
    pub(super) waiting: BTreeMap<String, ()>,
    pub(super) stdin: BTreeMap<String, ()>,
    pub(super) signals: BTreeMap<String, SignalError>,
    pub(super) opens: BTreeMap<LogId, String>,
    pub(super) pidfile: Option<String>,
    pub(super) pidfile_waits: bool,
    pub(super) listen: Option<String>,
    pub(super) socket: Option<String>,
}

impl Names for Known {
    fn of_spawn(&self, spawn: SpawnId) -> String {
        let of = |(name, spawns): (&String, &Vec<SpawnId>)| {
            spawns.contains(&spawn).then(|| name.clone())
        };
        self.children
            .iter()
            .find_map(of)
            .unwrap_or_else(|| format!("spawn {spawn}"))
    }

    fn of_process(&self, process: ProcessId) -> String {
        self.processes
            .get(&process)
            .cloned()
            .unwrap_or_else(|| format!("process {process}"))
    }

    fn of_socket(&self, group: GroupId) -> String {
        self.sockets
            .get(&group)
            .cloned()
            .unwrap_or_else(|| format!("group {group}"))
    }
}

impl Stage {
    pub(super) fn new(config: ReadConfig) -> Self {
        Self {
            supervisor: None,
            file: Ok(config.clone()),
            config,
            mono: Timestamp::from_nanos(1_000_000_000),
            wall_nanos: START_SECS * 1_000_000_000,
            next_pid: 101,
            known: Known::default(),
            answers: VecDeque::new(),
            clients: Clients::default(),
            faults: Faults::default(),
            wanted: Wanted::default(),
            seen: Vec::new(),
        }
    }

    /// Plays one step and returns the lines that belong below it.
    pub(super) fn play(&mut self, step: &Step) -> Result<Vec<String>, String> {
        match step {
            Step::Boot => {
                let boot = Boot {
                    pid: Pid(100),
                    seed: [7; 32],
                    foreground: true,
                    messages: self.config.messages.clone(),
                };
                let config = self.config.config.clone();
                let mut supervisor = Supervisor::new(config, boot, self.now());
                supervisor.keep_transitions();
                self.supervisor = Some(supervisor);
                self.settle()?;
            }
            Step::Advance(time) => self.advance(*time)?,
            Step::Sleep(time) => {
                self.pass(*time);
                return Ok(Vec::new());
            }
            Step::Tell(tell) => {
                let input = self.input(tell)?;
                self.feed(input)?;
            }
            Step::Arrange(arrange) => {
                self.arrange(arrange)?;
                return Ok(std::mem::take(&mut self.seen));
            }
        }
        self.show_wake()?;
        Ok(std::mem::take(&mut self.seen))
    }

    /// Steps that tell the stage what to do, or ask what is there: the core is not told of them.
    fn arrange(&mut self, arrange: &Arrange) -> Result<(), String> {
        match arrange {
            Arrange::NewConfig(lines) => self.file = config::read(&lines.join("\n")),
            Arrange::ConfigFails(text) => self.file = Err(text.clone()),
            Arrange::Clock(forward, jump) => {
                let jump = i64::try_from(jump.as_nanos()).map_err(|e| e.to_string())?;
                self.wall_nanos += if *forward { jump } else { -jump };
            }
            Arrange::SpawnFails(name, error, count) => {
                let errors = std::iter::repeat_n(error.clone(), *count);
                let name = self.canonical(name);
                self.faults.spawns.entry(name).or_default().extend(errors);
            }
            Arrange::SpawnWaits(name) => {
                let name = self.canonical(name);
                self.faults.waiting.insert(name, ());
            }
            Arrange::StdinWaits(name) => {
                let name = self.canonical(name);
                self.faults.stdin.insert(name, ());
            }
            Arrange::SignalsFail(name, error) => {
                let name = self.canonical(name);
                self.faults.signals.insert(name, error.clone());
            }
            Arrange::OpensFail(name, stream, error) => {
                let log = LogId::Child(self.process(name)?, *stream);
                match error {
                    Some(error) => self.faults.opens.insert(log, error.clone()),
                    None => self.faults.opens.remove(&log),
                };
            }
            Arrange::PidfileFails(error) => self.faults.pidfile = Some(error.clone()),
            Arrange::PidfileWaits => self.faults.pidfile_waits = true,
            Arrange::ListenFails(error) => self.faults.listen = Some(error.clone()),
            Arrange::SocketFails(error) => self.faults.socket = Some(error.clone()),
            Arrange::SocketWorks => self.faults.socket = None,
            Arrange::Show(what) => match what.as_str() {
                "files" => self.wanted.files = true,
                "stamps" => self.wanted.stamps = true,
                "spawns" => self.wanted.spawns = true,
                other => return Err(format!("cannot show {other}")),
            },
            Arrange::Info(name) => self.show_info(name)?,
            Arrange::Status => self.show_status()?,
        }
        Ok(())
    }

    fn input(&mut self, tell: &Tell) -> Result<Input<'static>, String> {
        Ok(match tell {
            Tell::Start(name) => Input::Command(Command::Start(self.process(name)?)),
            Tell::Stop(name) => Input::Command(Command::Stop(self.process(name)?)),
            Tell::Send(name, signal) => {
                Input::Command(Command::Signal(self.process(name)?, *signal))
            }
            Tell::Signal(signal) => Input::Signal(*signal),
            Tell::Shutdown => Input::Command(Command::Shutdown),
            Tell::Restart => Input::Command(Command::Restart),
            Tell::Reread => Input::Command(Command::Reread),
            Tell::Add(name) => Input::Command(Command::AddGroup(name.clone())),
            Tell::Remove(name) => Input::Command(Command::RemoveGroup(name.clone())),
            Tell::Exit(name, status) => Input::Exited {
                spawn: self.child(name, 0)?,
                status: *status,
            },
            Tell::LateExit(name, status) => Input::Exited {
                spawn: self.child(name, 1)?,
                status: *status,
            },
            Tell::Orphan(pid, status) => Input::OrphanReaped {
                pid: Pid(*pid),
                status: *status,
            },
            Tell::Output(name, stream, data) => Input::ChildOutput {
                spawn: self.child(name, 0)?,
                stream: *stream,
                data: data.clone().into(),
            },
            Tell::Closes(name, stream) => Input::ChildClosed {
                spawn: self.child(name, 0)?,
                stream: *stream,
            },
            Tell::ClosesStdin(name) => Input::StdinClosed {
                spawn: self.child(name, 0)?,
            },
            Tell::Call(method, words) => self.call(method, words),
            Tell::Vanish(method) => {
                let conn = self.clients.waiting_for(method);
                let conn = conn.ok_or_else(|| format!("nobody waits for {method}"))?;
                self.clients.close(conn);
                Input::ConnClosed { conn }
            }
            Tell::Spawned(name) => {
                let spawn = self.child(name, 0)?;
                let pid = self.mint_pid();
                Input::Spawned { spawn, pid }
            }
            Tell::NotSpawned(name, error) => Input::SpawnFailed {
                spawn: self.child(name, 0)?,
                error: error.clone(),
            },
            Tell::LogFails(name, stream, errno, lost_bytes, open) => Input::LogFailed {
                log: LogId::Child(self.process(name)?, *stream),
                error: format!("could not write {name}-{}.log: {errno}", stream.name()),
                lost_bytes: *lost_bytes,
                open: *open,
            },
        })
    }

    fn call(&mut self, method: &str, words: &[String]) -> Input<'static> {
        let (conn, bytes) = self.clients.call(method, words);
        let (server, peer) = (ServerId(0), String::new());
        self.answers.push_back(Input::ConnData {
            conn,
            data: bytes.into(),
        });
        Input::ConnOpened { conn, server, peer }
    }

    /// A runtime that wakes up whenever the core wants it to.
    fn advance(&mut self, time: Duration) -> Result<(), String> {
        let begin = self.mono;
        let end = begin + time;
        while let Output::Wait(Some(at)) = self.core()?.poll_output()
            && at <= end
        {
            self.pass(at.saturating_since(self.mono));
            let mark = self.seen.len();
            self.feed(Input::Wake)?;
            if at < end && self.seen.len() > mark {
                let after = at.saturating_since(begin);
                self.seen.insert(mark, format!("after {}:", shown(after)));
            }
            if at < end {
                continue;
            }
            if mark > 0 && self.seen.len() > mark {
                self.seen.insert(mark, format!("after {}:", shown(time)));
            }
            return Ok(());
        }
        self.pass(end.saturating_since(self.mono));
        self.feed(Input::Wake)
    }

    fn pass(&mut self, time: Duration) {
        self.mono = self.mono + time;
        self.wall_nanos += i64::try_from(time.as_nanos()).unwrap_or(i64::MAX);
    }

    fn feed(&mut self, input: Input<'static>) -> Result<(), String> {
        let now = self.now();
        self.core()?.handle_input(now, input);
        self.settle()
    }

    /// Performs what the core wants; what that leads to comes after all of it.
    fn settle(&mut self) -> Result<(), String> {
        let mut left = ACTIONS_MAX;
        loop {
            let core = self.core()?;
            let mut actions = Vec::new();
            while let Output::Action(action) = core.poll_output() {
                actions.push(action);
            }
            let transitions = core.transitions();
            self.learn_names()?;
            // States change before the daemon says that it ends.
            let mut last = None;
            for action in actions {
                left = left.checked_sub(1).ok_or("it goes on for ever")?;
                if matches!(action, Action::Exit(_)) {
                    last = Some(action);
                } else {
                    self.perform(action);
                }
            }
            for change in &transitions {
                self.seen.push(show::transition(change, &self.known));
            }
            if let Some(exit) = last {
                self.perform(exit);
            }
            let Some(answer) = self.answers.pop_front() else {
                return Ok(());
            };
            let now = self.now();
            self.core()?.handle_input(now, answer);
        }
    }

    fn learn_names(&mut self) -> Result<(), String> {
        let Self {
            supervisor: Some(supervisor),
            known,
            ..
        } = self
        else {
            return Err("boot comes first".to_owned());
        };
        for (id, group, name, _) in supervisor.processes() {
            let full = if group == name {
                name.to_owned()
            } else {
                format!("{group}:{name}")
            };
            known.processes.insert(id, full);
        }
        Ok(())
    }

    fn perform(&mut self, action: Action) {
        if let Action::Spawn { spawn, spec } = &action {
            let name = self.full_name(&spec.name);
            self.known.children.entry(name).or_default().push(*spawn);
        }
        if let Action::OpenSocket { group, socket } = &action {
            self.known.sockets.insert(*group, socket.url());
        }
        if !matches!(action, Action::SendConn { .. }) {
            let lines = show::action(&action, self.wanted, &self.known);
            self.seen.extend(lines);
        }
        let answer = self.answer(action);
        self.answers.extend(answer);
    }

    fn show_wake(&mut self) -> Result<(), String> {
        if let Output::Wait(Some(at)) = self.core()?.poll_output() {
            let wait = shown(at.saturating_since(self.mono));
            self.seen.push(format!("(wakes in {wait})"));
        }
        Ok(())
    }

    fn show_info(&mut self, name: &str) -> Result<(), String> {
        let (id, now) = (self.process(name)?, self.now());
        let info = self.core()?.process_info(id, &now);
        let info = info.ok_or("no such process")?;
        let state = info.state.name();
        self.seen
            .push(format!("{name} {state} {}", info.description));
        self.seen.push(format!(
            "pid {} exitstatus {} spawnerr {:?} start {} stop {} now {}",
            info.pid, info.exitstatus, info.spawnerr, info.start, info.stop, info.now
        ));
        let logs = (&info.stdout_logfile, &info.stderr_logfile);
        if self.wanted.files {
            self.seen
                .push(format!("stdout {:?} stderr {:?}", logs.0, logs.1));
        }
        Ok(())
    }

    fn show_status(&mut self) -> Result<(), String> {
        let lines: Vec<String> = self
            .core()?
            .processes()
            .map(|(_, group, name, state)| {
                let state = state.name();
                if group == name {
                    format!("{name} {state}")
                } else {
                    format!("{group}:{name} {state}")
                }
            })
            .collect();
        self.seen.extend(lines);
        Ok(())
    }

    fn core(&mut self) -> Result<&mut Supervisor, String> {
        self.supervisor
            .as_mut()
            .ok_or_else(|| "boot comes first".to_owned())
    }

    /// `group:name`, or `name` where both are the same, of a name that may lack its group.
    fn full_name(&self, name: &str) -> String {
        let full = |known: &&String| *known == name || known.ends_with(&format!(":{name}"));
        let known = self.known.processes.values().rev().find(full);
        known.cloned().unwrap_or_else(|| name.to_owned())
    }

    fn canonical(&self, name: &str) -> String {
        self.full_name(name)
    }

    fn process(&self, name: &str) -> Result<ProcessId, String> {
        let full = self.full_name(name);
        let mut known = self.known.processes.iter().rev();
        known
            .find(|(_, n)| **n == full)
            .map(|(id, _)| *id)
            .ok_or_else(|| format!("no process {name}"))
    }

    /// The latest child of a process, or an earlier one.
    fn child(&self, name: &str, back: usize) -> Result<SpawnId, String> {
        let children = self.known.children.get(&self.full_name(name));
        children
            .and_then(|c| c.iter().rev().nth(back))
            .copied()
            .ok_or_else(|| format!("{name} has no such child"))
    }

    pub(super) fn mint_pid(&mut self) -> Pid {
        self.next_pid += 1;
        Pid(self.next_pid - 1)
    }

    fn now(&self) -> Now {
        Now {
            mono: self.mono,
            wall: UnixTime::from_nanos(self.wall_nanos),
            utc_offset_secs: 0,
        }
    }
}

/// A duration as transcripts write it.
fn shown(time: Duration) -> String {
    let millis = time.as_millis();
    if millis.is_multiple_of(1_000) {
        format!("{}s", millis / 1_000)
    } else {
        format!("{millis}ms")
    }
}
