//! The whole machine: processes in groups, the daemon's own life, and who is told what.

mod events;
mod groups;
mod launch;
mod life;
mod logs;
#[cfg(feature = "serde")]
mod recorded;

pub use groups::{AddError, RemoveError};
pub use launch::Progress;

use crate::activity::Activity;
use crate::clients::Clients;
use crate::config::{Config, GroupConfig, ServerConfig};
use crate::cx::{Cx, Mood};
use crate::deadlines::Deadlines;
use crate::group::{Group, Names};
use crate::notice::{Notice, StateChange};
use crate::process::{Event, Process};
use crate::sockets::Sockets;
use crate::{
    Action, Command, ConnId, GroupId, Input, LogLevel, Now, Output, Pid, ProcessId, ReadConfig,
};
use crate::{ProcessInfo, ProcessState, Timestamp};
use crate::{ServerId, SpawnId};
use alloc::collections::{BTreeMap, BTreeSet, VecDeque};
use alloc::{boxed::Box, string::String, sync::Arc, vec::Vec};
pub(crate) use events::Pools;
use launch::Launch;
pub(crate) use life::Reading;
use life::{Phase, Stopping};
#[cfg(feature = "serde")]
pub(crate) use recorded::gate;

/// What the core must know of the process it runs in.
///
/// ```
/// use visor_core::{Boot, LogLevel, Pid};
/// let boot = Boot {
///     pid: Pid(std::process::id()),
///     foreground: true,
///     seed: [7; 32], // better: 32 bytes that nobody can guess
///     messages: vec![(LogLevel::Info, "Set uid to user 33 succeeded".into())],
/// };
/// assert!(boot.foreground);
/// ```
#[derive(Clone, Debug, Eq, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Boot {
    /// The daemon's own pid.
    pub pid: Pid,
    /// Where unpredictable names (AUTO logs) and tokens (web forms) come from: 32 random bytes,
    /// read once by the runtime. The core has no randomness of its own.
    pub seed: [u8; 32],
    /// The daemon stays in the foreground: the activity log also goes to the console.
    pub foreground: bool,
    /// Lines for the activity log from before there was one: what was read, which user and limits
    /// were set.
    pub messages: Vec<(LogLevel, String)>,
}

/// So much room is kept for actions when there are none.
const OUT_KEPT: usize = 64;
/// How often one input may lead to something that is due at once: more is left to the next wake-up.
const DUE_ROUNDS_MAX: u32 = 8;

/// Who can have a deadline.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) enum Due {
    /// The daemon's own report of who keeps it from ending.
    Stopping,
    /// A process.
    Process(ProcessId),
    /// A listener pool that delivers a rejected event again.
    Pool(GroupId),
    /// The next slice of the wall clock somebody wants to know of.
    Tick,
    /// The report that a client waits for a process to stop.
    StopReport(ProcessId),
    /// A client that may be too slow.
    Conn(ConnId),
    /// A write to a child's standard input that was tried.
    Stdin(SpawnId),
}

/// A supervisor.
///
/// Methods come in three kinds. [`new`](Self::new) makes one from a configuration.
/// [`handle_input`](Self::handle_input) tells it what happened. [`poll_output`](Self::poll_output)
/// asks what to do; when there is nothing left to do, it says until when to wait. That is the whole
/// boundary: no callbacks, no traits, no clock.
///
/// A program runs; it ends; it is started again:
///
/// ```
/// use visor_core::config::{AutoRestart, Config, GroupConfig, GroupKind, ProcessConfig};
/// use visor_core::{Action, Boot, ExitStatus, Input, Now, Output, Pid, Supervisor};
///
/// let mut web = ProcessConfig::new("web", "/usr/bin/web");
/// web.autorestart = AutoRestart::Always;
/// web.startsecs = 0;
/// let config = Config {
///     groups: vec![GroupConfig {
///         name: "web".into(),
///         priority: 999,
///         kind: GroupKind::Plain,
///         processes: vec![web.into()],
///     }],
///     ..Config::default()
/// };
/// let boot = Boot { pid: Pid(1), seed: [0; 32], foreground: true, messages: vec![] };
/// let now = Now::default();
/// let mut supervisor = Supervisor::new(config, boot, now);
/// let mut spawns = 0;
/// loop {
///     match supervisor.poll_output() {
///         Output::Action(Action::WritePidfile { .. }) => {
///             supervisor.handle_input(now, Input::PidfileWritten { result: Ok(()) });
///         }
///         Output::Action(Action::Spawn { spawn, .. }) => {
///             spawns += 1;
///             supervisor.handle_input(now, Input::Spawned { spawn, pid: Pid(99 + spawns) });
///             if spawns == 1 {
///                 let status = ExitStatus::Code(1);
///                 supervisor.handle_input(now, Input::Exited { spawn, status });
///             }
///         }
///         Output::Action(_) => {}
///         Output::Wait(_) => break,
///     }
/// }
/// assert_eq!(spawns, 2);
/// ```
#[derive(Clone, Debug)]
pub struct Supervisor {
    /// What the current configuration says of the daemon and its servers; its groups are in
    /// `available`.
    pub(crate) config: Config,
    /// Groups that could be added: what was read last.
    pub(crate) available: Vec<Arc<GroupConfig>>,
    pub(crate) boot: Boot,
    pub(crate) server_url: Option<String>,
    pub(crate) mood: Mood,
    phase: Phase,
    stopping: Option<Stopping>,
    /// The start of many processes, while somebody may watch it.
    launch: Option<Launch>,
    /// The configuration to start anew with, once everything is stopped.
    restart_with: Option<ReadConfig>,
    pub(crate) groups: BTreeMap<GroupId, Group>,
    pub(crate) group_names: BTreeMap<String, GroupId>,
    /// Groups in start order.
    pub(crate) group_order: BTreeSet<(i64, String, GroupId)>,
    /// Boxed: a map that grows at its end is half empty, and a process is large.
    pub(crate) processes: BTreeMap<ProcessId, Box<Process>>,
    /// Whose child a spawn is. Only living attempts are in here.
    pub(crate) spawns: BTreeMap<SpawnId, ProcessId>,
    sockets: Sockets,
    pub(crate) pools: Pools,
    pub(crate) clients: Clients,
    /// The HTTP servers that are open or being opened.
    pub(crate) servers: BTreeMap<ServerId, ServerConfig>,
    /// What `ReadConfig` actions are waiting for, in order.
    readings: VecDeque<Reading>,
    /// The pidfile that was written.
    pidfile: Option<String>,
    pub(crate) deadlines: Deadlines<Due>,
    pub(crate) activity: Activity,
    pub(crate) out: VecDeque<Action>,
    notices: VecDeque<Notice>,
    names: Names,
    next_spawn: u64,
    next_process: u32,
    next_group: u32,
    next_server: u32,
    next_reading: u64,
    latest: Timestamp,
    /// Every change of state since somebody last looked, if somebody wants to look.
    transitions: Option<Vec<StateChange>>,
    /// Clients have the marks of a masked recording instead of passwords.
    #[cfg(feature = "serde")]
    pub(crate) marked: bool,
}

impl Supervisor {
    /// A daemon that has just started. Poll it: the first actions open its logs and servers.
    #[must_use]
    pub fn new(config: Config, boot: Boot, now: Now) -> Self {
        let names = Names::new(&boot.seed);
        let mut this = Self {
            config: Config::default(),
            available: Vec::new(),
            boot,
            server_url: None,
            mood: Mood::Running,
            phase: Phase::Opening {
                first: true,
                waiting: 0,
                failed: None,
            },
            stopping: None,
            launch: None,
            restart_with: None,
            groups: BTreeMap::new(),
            group_names: BTreeMap::new(),
            group_order: BTreeSet::new(),
            processes: BTreeMap::new(),
            spawns: BTreeMap::new(),
            sockets: Sockets::default(),
            pools: Pools::new(now),
            clients: Clients::default(),
            servers: BTreeMap::new(),
            readings: VecDeque::new(),
            pidfile: None,
            deadlines: Deadlines::new(),
            activity: Activity::silent(),
            out: VecDeque::new(),
            notices: VecDeque::new(),
            names,
            next_spawn: 0,
            next_process: 0,
            next_group: 0,
            next_server: 0,
            next_reading: 0,
            latest: now.mono,
            transitions: None,
            #[cfg(feature = "serde")]
            marked: false,
        };
        let messages = core::mem::take(&mut this.boot.messages);
        this.begin(now, ReadConfig { config, messages });
        this.settle(now);
        this
    }

    /// Tells the core what happened. Never fails, never blocks, is legal at any time, also while
    /// outputs are left to poll. Costs O(log n) in the number of processes, plus what follows from
    /// the input.
    pub fn handle_input(&mut self, mut now: Now, input: Input<'_>) {
        if self.has_ended() {
            return;
        }
        // A clock that went back would make a deadline come twice.
        self.latest = self.latest.max(now.mono);
        now.mono = self.latest;
        self.tick(now);
        self.dispatch(now, input);
        // What follows may itself be due at once, a SIGKILL without patience say: nobody has to
        // wake up for it.
        for _ in 0..DUE_ROUNDS_MAX {
            for due in self.deadlines.take_due(now.mono) {
                self.on_due(now, due);
            }
            self.settle(now);
            if self.deadlines.next().is_none_or(|at| at > now.mono) {
                break;
            }
        }
    }

    /// The next thing to do, or how long there is nothing to do.
    pub fn poll_output(&mut self) -> Output {
        match self.out.pop_front() {
            Some(action) => {
                self.saw_action(&action);
                Output::Action(action)
            }
            None => {
                // A start of a thousand programs at once is not what comes next.
                self.out.shrink_to(OUT_KEPT);
                if self.has_ended() {
                    Output::Wait(None)
                } else {
                    Output::Wait(self.deadlines.next())
                }
            }
        }
    }

    /// What the daemon as a whole is doing.
    #[must_use]
    pub const fn mood(&self) -> Mood {
        self.mood
    }

    /// All processes, by id: group, name and state.
    pub fn processes(&self) -> impl Iterator<Item = (ProcessId, &str, &str, ProcessState)> {
        self.processes.values().map(|process| {
            let group = self.groups.get(&process.group).map_or("", Group::name);
            (
                process.id,
                group,
                process.config.name.as_str(),
                process.state(),
            )
        })
    }

    /// A process as clients see it; `None` once its group is removed.
    #[must_use]
    pub fn process_info(&self, id: ProcessId, now: &Now) -> Option<ProcessInfo> {
        let process = self.processes.get(&id)?;
        let group = self.groups.get(&process.group).map_or("", Group::name);
        Some(process.info(group, now))
    }

    /// From now on every change of state is kept until [`transitions`](Self::transitions) is
    /// called: for simulators and replays, which want to see each step. Only what happens after
    /// this call is kept.
    pub fn keep_transitions(&mut self) {
        self.transitions.get_or_insert_default();
    }

    /// All changes of state since the last call, oldest first; none unless
    /// [`keep_transitions`](Self::keep_transitions) was called.
    pub fn transitions(&mut self) -> Vec<StateChange> {
        self.transitions
            .as_mut()
            .map_or_else(Vec::new, core::mem::take)
    }

    fn dispatch(&mut self, now: Now, input: Input<'_>) {
        match input {
            Input::Wake => {}
            Input::Spawned { spawn, pid } => {
                self.send_to(now, spawn, Event::Spawned(pid));
                self.on_spawn_answered(now, spawn);
            }
            Input::SpawnFailed { spawn, error } => {
                self.send_to(now, spawn, Event::SpawnFailed(error));
            }
            Input::Exited { spawn, status } => self.on_exited(now, spawn, status),
            Input::OrphanReaped { pid, status } => self.on_orphan_reaped(now, pid, status),
            Input::SignalFailed {
                spawn,
                signal,
                error,
            } => self.send_to(now, spawn, Event::SignalFailed(signal, error)),
            Input::ChildOutput {
                spawn,
                stream,
                data,
            } => self.on_output(now, spawn, stream, data),
            Input::StdinProgress { spawn } => self.on_stdin_progress(now, spawn),
            Input::StdinClosed { spawn } => self.on_stdin_closed(now, spawn),
            Input::SocketOpened { group } => self.on_socket_opened(now, group),
            Input::SocketFailed { group, error } => self.on_socket_failed(now, group, error),
            log @ (Input::LogOpened { .. } | Input::LogFailed { .. }) => self.on_log(now, log),
            Input::Listening { server } => self.on_listening(now, server),
            Input::ListenFailed { server, error } => self.on_listen_failed(now, server, &error),
            Input::Command(command) => self.on_command(now, command),
            Input::Signal(signal) => self.on_signal(now, signal),
            Input::ConfigRead { result } => self.on_config_read(now, result),
            Input::PidfileWritten { result } => self.on_pidfile_written(now, result),
            Input::RecordingEnded { end } => self.on_recording_ended(now, &end),
            Input::CommandChecked { process, result } => {
                self.on_command_checked(now, process, result);
            }
            Input::LogRead { read, result } => self.on_log_read(now, read, result),
            Input::ConnOpened { conn, server, .. } => self.on_conn_opened(now, conn, server),
            Input::ConnData { conn, data } => self.on_conn_data(now, conn, &data),
            Input::ConnDrained { conn } => self.on_conn_drained(now, conn),
            Input::ConnClosed { conn } => self.on_conn_closed(conn),
            Input::ChildClosed { .. } => {}
        }
    }

    /// A log, its owner, a client that waits for it to be cleared and those who follow it.
    fn on_log(&mut self, now: Now, input: Input<'_>) {
        if let Input::LogOpened {
            log,
            size_bytes,
            regular,
        } = input
        {
            self.on_log_opened(log, size_bytes, regular);
            self.on_log_answer(now, log, None);
            self.on_followed_log_opened(now, log, size_bytes);
        } else if let Input::LogFailed {
            log,
            error,
            lost_bytes,
            open,
        } = input
        {
            self.on_log_failed(now, log, &error, lost_bytes, open);
            self.on_log_answer(now, log, Some(&error));
            self.on_followed_log_failed(now, log);
        }
    }

    fn on_command(&mut self, now: Now, command: Command) {
        match command {
            Command::Start(id) => self.send(now, id, Event::Start),
            Command::Stop(id) => self.send(now, id, Event::Stop),
            Command::Signal(id, signal) => self.send(now, id, Event::Signal(signal)),
            // What these refuse is visible in what is there afterwards.
            Command::AddGroup(name) => {
                let _ = self.add_group(now, &name);
            }
            Command::RemoveGroup(name) => {
                let _ = self.remove_group(now, &name);
            }
            Command::Reread => {
                self.read_config(false);
            }
            Command::Restart => {
                self.read_config(true);
            }
            Command::Shutdown => self.stop_daemon(now, Mood::Shutdown),
        }
    }

    fn on_due(&mut self, now: Now, due: Due) {
        match due {
            Due::Stopping => self.report_stopping(now),
            Due::Process(id) => self.send(now, id, Event::Deadline),
            Due::Pool(group) => self.deliver(now, group),
            Due::Tick => self.arm_ticks(),
            Due::StopReport(id) => self.report_stop_wait(now, id),
            Due::Conn(conn) => self.on_conn_due(now, conn),
            Due::Stdin(spawn) => self.on_stdin_tried(now, spawn, false),
        }
    }

    /// Hands notices on until none are left, then sees whether the daemon can go on ending.
    fn settle(&mut self, now: Now) {
        loop {
            while let Some(notice) = self.notices.pop_front() {
                self.on_notice(now, &notice);
                self.tell_clients(now, &notice);
            }
            if self.settle_clients(now) {
                continue;
            }
            if !self.continue_stopping(now) {
                return;
            }
        }
    }

    fn on_notice(&mut self, now: Now, notice: &Notice) {
        match notice {
            Notice::State(change) => {
                if let Some(transitions) = &mut self.transitions {
                    transitions.push(change.clone());
                }
                self.note_launch(change);
                if change.to != ProcessState::Stopping {
                    self.deadlines.set(Due::StopReport(change.process), None);
                }
                self.emit_state(now, change);
            }
            Notice::GroupAdded(_) | Notice::GroupFailed { .. } | Notice::ConfigRead { .. } => {}
            Notice::Daemon(mood) => self.emit_mood(now, *mood),
        }
    }

    /// Gives a process an event, and indexes what it has become.
    pub(crate) fn send(&mut self, now: Now, id: ProcessId, event: Event) {
        let Some(process) = self.processes.get_mut(&id) else {
            return;
        };
        let before = process.child().map(|child| child.spawn);
        process.handle(
            &mut Cx {
                now,
                mood: self.mood,
                next_spawn: &mut self.next_spawn,
                out: &mut self.out,
                activity: &mut self.activity,
                notices: &mut self.notices,
                sockets: &mut self.sockets,
            },
            event,
        );
        let after = process.child().map(|child| child.spawn);
        let deadline = process.deadline(self.mood == Mood::Running);
        if process.state() != ProcessState::Running {
            // The notices of this come later; until then no event may go to the child of before.
            self.pools.suspend(id);
        }
        if before != after {
            if let Some(spawn) = before {
                self.spawns.remove(&spawn);
            }
            if let Some(spawn) = after {
                self.spawns.insert(spawn, id);
            }
        }
        self.deadlines.set(Due::Process(id), deadline);
    }

    /// A late report about a child that is gone ends here.
    fn send_to(&mut self, now: Now, spawn: SpawnId, event: Event) {
        if let Some(id) = self.spawns.get(&spawn).copied() {
            self.send(now, id, event);
        }
    }

    pub(crate) fn log(&mut self, now: Now, level: LogLevel, text: core::fmt::Arguments<'_>) {
        self.activity.log(now, &mut self.out, level, text);
    }
}

#[cfg(test)]
mod tests;
