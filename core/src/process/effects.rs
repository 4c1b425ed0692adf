//! What the steps of a process do besides changing its state: spawn, signal, account, log.

use super::{Child, Event, State};
use super::{HOT_LIFE, HOT_PACE, HOT_RESTARTS_MAX, Process, Step};
use crate::cx::Cx;
use crate::text::py_repr;
use crate::{Action, ExitStatus, LogLevel, Pid, Signal, SpawnError};
use alloc::{format, string::String};
use core::time::Duration;

impl Process {
    /// An attempt to start: STARTING, whatever comes of it.
    pub(super) fn spawn(&mut self, cx: &mut Cx<'_>) -> Step {
        self.spawnerr.clear();
        self.exit = None;
        self.stop_wanted = false;
        self.stdin_closed = false;
        self.stdin_queued_bytes = 0;
        self.started = Some(cx.now.wall);
        let child = Child {
            spawn: cx.mint_spawn(),
            pid: None,
            since: cx.now.mono,
        };
        let state = State::Starting { child };
        match self.spec() {
            Ok(spec) => {
                self.socket = self.birth.socket();
                if let Some(group) = self.socket
                    && let Some(line) = cx.sockets.acquire(group, cx.out)
                {
                    cx.log(LogLevel::Info, format_args!("{line}"));
                }
                self.stdout.open(cx.out);
                self.stderr.open(cx.out);
                cx.act(Action::Spawn {
                    spawn: child.spawn,
                    spec,
                });
                state.into()
            }
            Err(error) => Step {
                state,
                then: Some(Event::SpawnFailed(error)),
            },
        }
    }

    pub(super) fn succeed(&mut self, cx: &mut Cx<'_>, child: Child) -> Step {
        self.failures = 0;
        let (name, secs) = (&self.config.name, self.config.startsecs);
        cx.log(
            LogLevel::Info,
            format_args!(
                "success: {name} entered RUNNING state, process has stayed up for > than {secs} \
                 seconds (startsecs)"
            ),
        );
        State::Running { child }.into()
    }

    pub(super) fn give_up(&mut self, cx: &mut Cx<'_>) -> Step {
        let name = &self.config.name;
        cx.log(
            LogLevel::Info,
            format_args!("gave up: {name} entered FATAL state, too many start retries too quickly"),
        );
        self.give_up_quietly()
    }

    /// As when the daemon ends: nothing was too quick, there is just no more time.
    pub(super) fn give_up_quietly(&mut self) -> Step {
        self.failures = 0;
        State::Fatal.into()
    }

    /// The failure is counted when BACKOFF is entered; number n waits n seconds.
    pub(super) fn back_off(&self, cx: &Cx<'_>) -> Step {
        let secs = u64::from(self.failures).saturating_add(1);
        State::Backoff {
            retry_at: cx.now.mono + Duration::from_secs(secs),
        }
        .into()
    }

    pub(super) fn kill(&self, cx: &mut Cx<'_>, child: Child, signal: Signal, group: bool) {
        let name = &self.config.name;
        let pid = child.pid.unwrap_or(Pid(0));
        let whom = if group { "process group " } else { "" };
        cx.log(
            LogLevel::Debug,
            format_args!("killing {name} (pid {pid}) {whom}with signal {signal}"),
        );
        cx.act(Action::Signal {
            spawn: child.spawn,
            signal,
            group,
        });
    }

    pub(super) fn log_sending(&self, cx: &mut Cx<'_>, child: Child, signal: Signal) {
        let name = &self.config.name;
        let pid = child.pid.unwrap_or(Pid(0));
        cx.log(
            LogLevel::Debug,
            format_args!("sending {name} (pid {pid}) sig {signal}"),
        );
    }

    /// The child is gone: its outputs end, and its time is noted.
    pub(super) fn reaped(&mut self, cx: &mut Cx<'_>) {
        self.stopped = Some(cx.now.wall);
        self.stdin_closed = true;
        self.release(cx);
    }

    /// There is no child any more: what it used is closed.
    pub(super) fn release(&mut self, cx: &mut Cx<'_>) {
        self.stdout.close(cx.out);
        self.stderr.close(cx.out);
        if let Some(group) = self.socket.take()
            && let Some(line) = cx.sockets.release(group, cx.out)
        {
            cx.log(LogLevel::Info, format_args!("{line}"));
        }
    }

    pub(super) fn exited_too_quickly(&mut self, cx: &mut Cx<'_>, status: ExitStatus) -> Step {
        self.exit = None;
        self.spawnerr = String::from("Exited too quickly (process log may have details)");
        let name = &self.config.name;
        cx.log(
            LogLevel::Warn,
            format_args!("exited: {name} ({status}; not expected)"),
        );
        self.back_off(cx)
    }

    pub(super) fn exited_when_asked(&mut self, cx: &mut Cx<'_>, status: ExitStatus) -> Step {
        self.exit = Some(status);
        let level = if self.expects(status) {
            LogLevel::Info
        } else {
            LogLevel::Warn
        };
        let name = &self.config.name;
        cx.log(level, format_args!("stopped: {name} ({status})"));
        State::Stopped.into()
    }

    pub(super) fn exited_by_itself(
        &mut self,
        cx: &mut Cx<'_>,
        status: ExitStatus,
        life: Duration,
    ) -> Step {
        self.exit = Some(status);
        self.failures = 0;
        let name = &self.config.name;
        if self.expects(status) {
            self.spawnerr.clear();
            cx.log(
                LogLevel::Info,
                format_args!("exited: {name} ({status}; expected)"),
            );
        } else {
            self.spawnerr = format!("Bad exit code {}", status.code());
            cx.log(
                LogLevel::Warn,
                format_args!("exited: {name} ({status}; not expected)"),
            );
        }
        State::Exited {
            restart_at: self.pace(cx, life),
        }
        .into()
    }

    /// Only a process that has no `startsecs` to fail can get here this fast, again and again.
    fn pace(&mut self, cx: &mut Cx<'_>, life: Duration) -> Option<crate::Timestamp> {
        if life >= HOT_LIFE || !self.restarts() {
            self.hot = 0;
            return None;
        }
        self.hot = self.hot.saturating_add(1);
        if self.hot <= HOT_RESTARTS_MAX {
            return None;
        }
        if self.hot == HOT_RESTARTS_MAX + 1 {
            let name = &self.config.name;
            cx.log(
                LogLevel::Warn,
                format_args!(
                    "{name} exits as soon as it is started; it is restarted at most ten times a \
                     second from now on"
                ),
            );
        }
        // The pace is from spawn to spawn; what is left of it after this short life.
        Some(cx.now.mono + HOT_PACE.saturating_sub(life))
    }

    pub(super) fn record_spawn_error(&mut self, cx: &mut Cx<'_>, error: &SpawnError) {
        self.spawnerr = spawn_error_text(error, &self.config.name);
        let text = &self.spawnerr;
        cx.log(LogLevel::Info, format_args!("spawnerr: {text}"));
    }
}

/// The text of `spawnerr`, of the log line, and of the fault a client gets.
pub(crate) fn spawn_error_text(error: &SpawnError, name: &str) -> String {
    let name = || py_repr(name);
    match error {
        SpawnError::NotFound(program) => format!("can't find command {}", py_repr(program)),
        SpawnError::IsDirectory(path) => {
            format!("command at {} is a directory", py_repr(path))
        }
        SpawnError::NotExecutable(path) => {
            format!("command at {} is not executable", py_repr(path))
        }
        SpawnError::NoPermission(path) => {
            format!("no permission to run command {}", py_repr(path))
        }
        SpawnError::BadCommand(text) => text.clone(),
        SpawnError::TooManyFiles => format!("too many open files to spawn {}", name()),
        SpawnError::Pipes(errno) => {
            format!("unknown error making dispatchers for {}: {errno}", name())
        }
        SpawnError::TooManyProcesses => {
            format!("Too many processes in process table to spawn {}", name())
        }
        SpawnError::Fork(errno) => format!("unknown error during fork for {}: {errno}", name()),
    }
}
