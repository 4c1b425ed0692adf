//! One process: the machine that starts it, watches it, restarts it and stops it.
//!
//! [`Process::handle`] is the only writer of the state. Transitions are of two kinds, in two
//! exhaustive matches: those that an event triggers ([`Process::next`]) and those that the state
//! itself triggers ([`Process::settle`]). Each step is a notice of its own, so nobody misses one.

mod effects;
mod state;
mod view;

pub(crate) use effects::spawn_error_text;
pub use state::ProcessState;
pub(crate) use state::{Child, State};
pub(crate) use view::Glance;
pub use view::{ProcessInfo, describe};

use crate::config::{AutoRestart, ProcessConfig};
use crate::cx::Cx;
use crate::group::Birth;
use crate::notice::{Notice, StateChange};
use crate::output::Channel;
use crate::{Action, ExitStatus, GroupId, LogLevel, Pid, ProcessId, Signal, SignalError};
use crate::{SpawnError, SpawnSpec, Timestamp, UnixTime};
use alloc::{string::String, sync::Arc};
use core::time::Duration;

/// No event leads through more states than this: Starting, Running, Exited, Starting, Backoff, Fatal.
const STEPS_MAX: u32 = 8;

/// A process that ends this soon after its start and is restarted without `startsecs` in between
/// is paced: an accident of the reference (it looks once a second) would otherwise be missed.
const HOT_LIFE: Duration = Duration::from_secs(1);
/// So many restarts of that kind follow at once …
const HOT_RESTARTS_MAX: u32 = 10;
/// … and the others this far apart.
const HOT_PACE: Duration = Duration::from_millis(100);
/// The least time between one SIGKILL and the next.
const KILL_AGAIN_MIN: Duration = Duration::from_secs(1);

/// What can happen to a process.
#[derive(Clone, Debug)]
pub(crate) enum Event {
    /// Its deadline may have passed.
    Deadline,
    /// The daemon is up, or its group was added.
    Autostart,
    /// Somebody wants it to run.
    Start,
    /// Somebody wants it to stop.
    Stop,
    /// The daemon stops its group: as `Stop`, but a failed start counts as given up.
    StopAll,
    /// Somebody wants it to get a signal.
    Signal(Signal),
    /// The runtime's reports.
    Spawned(Pid),
    SpawnFailed(SpawnError),
    SignalFailed(Signal, SignalError),
    Exited(ExitStatus),
}

/// One step: the new state, and an event that has to be looked at in it.
struct Step {
    state: State,
    then: Option<Event>,
}

impl From<State> for Step {
    fn from(state: State) -> Self {
        Self { state, then: None }
    }
}

/// A configured process and what has become of it.
#[derive(Clone, Debug)]
pub(crate) struct Process {
    pub(crate) id: ProcessId,
    pub(crate) group: GroupId,
    /// `group:name`, or `name` where both are the same.
    pub(crate) config: Arc<ProcessConfig>,
    /// What else it takes to start it.
    birth: Arc<Birth>,
    state: State,
    /// Failed starts in a row. A stop does not reset it; a success, giving up or an exit does.
    failures: u32,
    /// Restarts in a row after less than [`HOT_LIFE`].
    hot: u32,
    /// Why it is not running, if it should be.
    pub(crate) spawnerr: String,
    /// How it ended, if that counted as an exit.
    pub(crate) exit: Option<ExitStatus>,
    /// When it was last spawned, or that was tried.
    pub(crate) started: Option<UnixTime>,
    /// When it was last reaped.
    pub(crate) stopped: Option<UnixTime>,
    /// Whether the exit is the end of a stop that could not be signalled.
    stop_wanted: bool,
    /// The group whose socket it counts among the users of.
    socket: Option<GroupId>,
    /// Its standard input takes no more.
    pub(crate) stdin_closed: bool,
    /// What was written to its standard input and has not been taken yet, at most.
    pub(crate) stdin_queued_bytes: usize,
    /// Its two outputs.
    pub(crate) stdout: Channel,
    pub(crate) stderr: Channel,
}

impl Process {
    pub(crate) const fn new(
        id: ProcessId,
        group: GroupId,
        config: Arc<ProcessConfig>,
        birth: Arc<Birth>,
        stdout: Channel,
        stderr: Channel,
    ) -> Self {
        Self {
            id,
            group,
            config,
            birth,
            state: State::Stopped,
            failures: 0,
            hot: 0,
            spawnerr: String::new(),
            exit: None,
            started: None,
            stopped: None,
            stop_wanted: false,
            socket: None,
            stdin_closed: false,
            stdin_queued_bytes: 0,
            stdout,
            stderr,
        }
    }

    /// What to spawn, or why that cannot be said.
    pub(crate) fn spec(&self) -> Result<Arc<SpawnSpec>, SpawnError> {
        self.birth.spec(&self.config)
    }

    /// Whether its standard input is a pipe to write to.
    pub(crate) fn has_stdin(&self) -> bool {
        self.birth.socket().is_none()
    }

    /// Takes in an event, and everything that follows from it.
    pub(crate) fn handle(&mut self, cx: &mut Cx<'_>, event: Event) {
        let mut pending = Some(event);
        for _ in 0..STEPS_MAX {
            let step = match pending.take() {
                Some(event) => self.next(cx, event),
                None => match self.settle(cx) {
                    Some(step) => step,
                    None => return,
                },
            };
            self.enter(cx, step.state);
            pending = step.then;
        }
        debug_assert!(false, "transitions of a process did not come to rest");
    }

    fn enter(&mut self, cx: &mut Cx<'_>, new: State) {
        let (from, to) = (self.state.name(), new.name());
        let pid = self.pid().or_else(|| new.child().and_then(|c| c.pid));
        let child = self.state.child().or_else(|| new.child());
        self.state = new;
        if from == to {
            return;
        }
        if to == ProcessState::Backoff {
            self.failures = self.failures.saturating_add(1);
        }
        cx.notices.push_back(Notice::State(StateChange {
            process: self.id,
            from,
            to,
            tries: self.failures,
            pid: pid.unwrap_or(Pid(0)),
            spawn: child.map(|child| child.spawn),
            expected: self.exit.is_some_and(|exit| self.expects(exit)),
        }));
    }

    /// Transitions that the state itself triggers. Named, not `_`: a new state must be placed here.
    fn settle(&mut self, cx: &mut Cx<'_>) -> Option<Step> {
        match self.state {
            State::Starting { child } if child.pid.is_some() && self.config.startsecs <= 0 => {
                Some(self.succeed(cx, child))
            }
            State::Backoff { .. } if i64::from(self.failures) > self.config.startretries => {
                Some(self.give_up(cx))
            }
            State::Exited { restart_at } if self.restarts() && cx.may_start() => match restart_at {
                Some(at) if cx.now.mono < at => None,
                Some(_) | None => Some(self.spawn(cx)),
            },
            State::Starting { .. }
            | State::Backoff { .. }
            | State::Exited { .. }
            | State::Stopped
            | State::Running { .. }
            | State::Stopping { .. }
            | State::Fatal
            | State::Unknown { .. } => None,
        }
    }

    /// Transitions that an event triggers. A state in which an event means nothing stays as it is.
    fn next(&mut self, cx: &mut Cx<'_>, event: Event) -> Step {
        match event {
            Event::Autostart => self.on_autostart(cx),
            Event::Start => self.on_start(cx),
            Event::Stop => self.on_stop(cx, false),
            Event::StopAll => self.on_stop(cx, true),
            Event::Signal(signal) => self.on_signal(cx, signal),
            Event::Deadline => self.on_deadline(cx),
            Event::Spawned(pid) => self.on_spawned(cx, pid),
            Event::SpawnFailed(error) => self.on_spawn_failed(cx, &error),
            Event::SignalFailed(signal, error) => self.on_signal_failed(cx, signal, &error),
            Event::Exited(status) => self.on_exited(cx, status),
        }
    }

    fn on_autostart(&mut self, cx: &mut Cx<'_>) -> Step {
        match self.state {
            State::Stopped if self.started.is_none() && self.config.autostart && cx.may_start() => {
                self.spawn(cx)
            }
            State::Stopped
            | State::Starting { .. }
            | State::Running { .. }
            | State::Backoff { .. }
            | State::Stopping { .. }
            | State::Exited { .. }
            | State::Fatal
            | State::Unknown { .. } => self.state.into(),
        }
    }

    fn on_start(&mut self, cx: &mut Cx<'_>) -> Step {
        match self.state {
            State::Stopped | State::Exited { .. } | State::Fatal | State::Backoff { .. }
                if cx.may_start() =>
            {
                self.hot = 0;
                self.spawn(cx)
            }
            State::Starting { .. } | State::Running { .. } | State::Stopping { .. } => {
                let name = crate::text::py_repr(&self.config.name);
                cx.log(
                    LogLevel::Warn,
                    format_args!("process {name} already running"),
                );
                self.state.into()
            }
            // The child lives: it is running again.
            State::Unknown { child } if cx.may_start() => {
                self.stop_wanted = false;
                if child.pid.is_none() {
                    // It is not even known yet whether there is one.
                    return State::Starting { child }.into();
                }
                self.failures = 0;
                State::Running { child }.into()
            }
            State::Stopped
            | State::Exited { .. }
            | State::Fatal
            | State::Backoff { .. }
            | State::Unknown { .. } => self.state.into(),
        }
    }

    fn on_stop(&mut self, cx: &mut Cx<'_>, all: bool) -> Step {
        match self.state {
            State::Starting { child } | State::Running { child } => {
                self.stop_wanted = true;
                let (signal, group) = (self.config.stopsignal, self.config.stopasgroup);
                self.kill(cx, child, signal, group);
                State::Stopping {
                    child,
                    kill_at: cx.now.mono + self.config.stop_time(),
                }
                .into()
            }
            State::Backoff { .. } if all => self.give_up_quietly(),
            // Between two paced restarts: whoever stops it there means it.
            State::Exited {
                restart_at: Some(_),
            } if !all && self.restarts() => State::Stopped.into(),
            State::Backoff { .. } => {
                let name = &self.config.name;
                cx.log(
                    LogLevel::Debug,
                    format_args!("Attempted to kill {name}, which is in BACKOFF state."),
                );
                State::Stopped.into()
            }
            State::Stopped
            | State::Stopping { .. }
            | State::Exited { .. }
            | State::Fatal
            | State::Unknown { .. } => self.state.into(),
        }
    }

    fn on_signal(&self, cx: &mut Cx<'_>, signal: Signal) -> Step {
        match self.state {
            State::Starting { child }
            | State::Running { child }
            | State::Stopping { child, .. } => {
                self.log_sending(cx, child, signal);
                cx.act(Action::Signal {
                    spawn: child.spawn,
                    signal,
                    group: false,
                });
            }
            State::Stopped
            | State::Backoff { .. }
            | State::Exited { .. }
            | State::Fatal
            | State::Unknown { .. } => {}
        }
        self.state.into()
    }

    fn on_deadline(&mut self, cx: &mut Cx<'_>) -> Step {
        if self
            .deadline(cx.may_start())
            .is_none_or(|at| cx.now.mono < at)
        {
            return self.state.into();
        }
        match self.state {
            State::Starting { child } => self.succeed(cx, child),
            State::Backoff { .. } => self.spawn(cx),
            State::Stopping { child, .. } => {
                let name = crate::text::py_repr(&self.config.name);
                let pid = child.pid.unwrap_or(Pid(0));
                cx.log(
                    LogLevel::Warn,
                    format_args!("killing {name} ({pid}) with SIGKILL"),
                );
                self.kill(cx, child, Signal::KILL, self.config.killasgroup);
                State::Stopping {
                    child,
                    kill_at: cx.now.mono + self.config.stop_time().max(KILL_AGAIN_MIN),
                }
                .into()
            }
            // `settle` goes on from there.
            State::Exited { .. }
            | State::Stopped
            | State::Running { .. }
            | State::Fatal
            | State::Unknown { .. } => self.state.into(),
        }
    }

    fn on_spawned(&mut self, cx: &mut Cx<'_>, pid: Pid) -> Step {
        let Some(child) = self.state.child() else {
            return self.state.into();
        };
        if child.pid.is_some() {
            return self.state.into();
        }
        let name = crate::text::py_repr(&self.config.name);
        cx.log(
            LogLevel::Info,
            format_args!("spawned: {name} with pid {pid}"),
        );
        self.spawnerr.clear();
        self.state.with_pid(pid).into()
    }

    fn on_spawn_failed(&mut self, cx: &mut Cx<'_>, error: &SpawnError) -> Step {
        match self.state {
            State::Starting { .. } => {
                self.record_spawn_error(cx, error);
                self.release(cx);
                self.back_off(cx)
            }
            // A stop came before the answer: there is nothing to stop.
            State::Stopping { .. } | State::Unknown { .. } => {
                self.record_spawn_error(cx, error);
                self.release(cx);
                State::Stopped.into()
            }
            State::Stopped
            | State::Running { .. }
            | State::Backoff { .. }
            | State::Exited { .. }
            | State::Fatal => self.state.into(),
        }
    }

    fn on_signal_failed(&self, cx: &mut Cx<'_>, signal: Signal, error: &SignalError) -> Step {
        let name = &self.config.name;
        let Some(child) = self.state.child() else {
            return self.state.into();
        };
        let pid = child.pid.unwrap_or(Pid(0));
        match error {
            SignalError::NoSuchProcess => {
                cx.log(
                    LogLevel::Debug,
                    format_args!(
                        "unable to signal {name} (pid {pid}), it probably just exited on its own: \
                         no such process"
                    ),
                );
                self.state.into()
            }
            SignalError::Other(reason) => {
                cx.log(
                    LogLevel::Critical,
                    format_args!("unknown problem sending {signal} to {name} ({pid}): {reason}"),
                );
                State::Unknown { child }.into()
            }
        }
    }

    fn on_exited(&mut self, cx: &mut Cx<'_>, status: ExitStatus) -> Step {
        let Some(child) = self.state.child() else {
            return self.state.into();
        };
        let life = cx.now.mono.saturating_since(child.since);
        match self.state {
            State::Starting { .. } if life < self.config.start_time() => {
                self.reaped(cx);
                self.exited_too_quickly(cx, status)
            }
            // It had been up long enough, only nobody had looked: RUNNING first, then EXITED.
            State::Starting { child } => Step {
                state: State::Running { child },
                then: Some(Event::Exited(status)),
            },
            State::Stopping { .. } => {
                self.reaped(cx);
                self.exited_when_asked(cx, status)
            }
            State::Unknown { .. } if self.stop_wanted => {
                self.reaped(cx);
                self.exited_when_asked(cx, status)
            }
            State::Running { .. } | State::Unknown { .. } => {
                self.reaped(cx);
                self.exited_by_itself(cx, status, life)
            }
            State::Stopped | State::Backoff { .. } | State::Exited { .. } | State::Fatal => {
                self.state.into()
            }
        }
    }

    /// When the machine has to be looked at again, if nothing happens before. Derived from the
    /// state, so no timer can outlive the state that armed it.
    pub(crate) fn deadline(&self, may_start: bool) -> Option<Timestamp> {
        match self.state {
            State::Starting { child } => child.pid.map(|_| child.since + self.config.start_time()),
            State::Backoff { retry_at } => may_start.then_some(retry_at),
            State::Stopping { kill_at, .. } => Some(kill_at),
            State::Exited { restart_at } => restart_at.filter(|_| may_start && self.restarts()),
            State::Stopped | State::Running { .. } | State::Fatal | State::Unknown { .. } => None,
        }
    }

    pub(crate) const fn state(&self) -> ProcessState {
        self.state.name()
    }

    pub(crate) const fn child(&self) -> Option<Child> {
        self.state.child()
    }

    pub(crate) fn pid(&self) -> Option<Pid> {
        self.state.child().and_then(|child| child.pid)
    }

    /// Whether a stop would do anything: it runs, or waits for its next start.
    pub(crate) fn can_stop(&self) -> bool {
        let paced = matches!(
            self.state,
            State::Exited {
                restart_at: Some(_)
            }
        );
        self.state().is_running() || (paced && self.restarts())
    }

    /// Whether autorestart applies to the way it ended.
    fn restarts(&self) -> bool {
        match self.config.autorestart {
            AutoRestart::Never => false,
            AutoRestart::Always => true,
            AutoRestart::Unexpected => !self.exit.is_some_and(|exit| self.expects(exit)),
        }
    }

    fn expects(&self, exit: ExitStatus) -> bool {
        self.config.exitcodes.contains(&exit.code())
    }
}
