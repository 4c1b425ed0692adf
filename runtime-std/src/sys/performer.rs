//! The actions that are done at once and answered at once: whatever the runtime, these are the
//! same.

use super::log::{Backlog, Logs};
use super::spawn::Spawner;
use super::syslog::Syslog;
use super::{files, listen::Listener, program};
use crate::Hooks;
use std::collections::HashMap;
use std::io::Write;
use std::sync::Arc;
use visor_core::config::ServerConfig;
use visor_core::{
    Action, ConnId, GroupId, Input, LogId, Now, Pid, ServerId, Signal, SpawnId, SpawnSpec,
};

/// What is left of an action for the one who waits: everything that has to do with readiness.
#[derive(Debug)]
pub enum Left {
    /// Nothing.
    Nothing,
    /// An answer.
    Answer(Input<'static>),
    /// A log whose target took less than was written to it.
    Backlog(Backlog, Option<Input<'static>>),
    /// [`Action::Spawn`].
    Spawn(SpawnId, Arc<SpawnSpec>),
    /// [`Action::Adopt`].
    Adopt(SpawnId, Pid),
    /// [`Action::Signal`]: child, signal, whole group.
    Signal(SpawnId, Signal, bool),
    /// [`Action::WriteStdin`].
    WriteStdin(SpawnId, Vec<u8>),
    /// [`Action::Listen`].
    Listen(ServerId, ServerConfig),
    /// [`Action::Unlisten`].
    Unlisten(ServerId),
    /// [`Action::SendConn`].
    SendConn(ConnId, Vec<u8>),
    /// [`Action::ReadConn`].
    ReadConn(ConnId, bool),
    /// [`Action::CloseConn`].
    CloseConn(ConnId),
    /// [`Action::DropConn`].
    DropConn(ConnId),
    /// [`Action::Exit`].
    Exit(i32),
}

/// Performs them, and keeps what they leave open.
pub struct Performer {
    /// The open logs.
    pub logs: Logs,
    /// Starts children.
    pub spawner: Spawner,
    sockets: HashMap<GroupId, Listener>,
    syslog: Syslog,
    hooks: Hooks,
    pid: Pid,
    written: Vec<u8>,
}

impl std::fmt::Debug for Performer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Performer")
            .field("logs", &self.logs)
            .field("sockets", &self.sockets)
            .finish_non_exhaustive()
    }
}

impl Performer {
    /// Make it after signal handling is set up: see [`Spawner::new`].
    #[must_use]
    pub fn new(hooks: Hooks, pid: Pid) -> Self {
        Self {
            logs: Logs::default(),
            spawner: Spawner::new(),
            sockets: HashMap::new(),
            syslog: Syslog::default(),
            hooks,
            pid,
            written: Vec::new(),
        }
    }

    /// The memory of what was written to a log last, to be read into.
    pub(crate) fn take_written(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.written)
    }

    /// The socket a FastCGI group shares, if it is open.
    #[must_use]
    pub fn socket(&self, group: GroupId) -> Option<&Listener> {
        self.sockets.get(&group)
    }

    /// Performs an action as far as it needs no waiting.
    pub fn perform(&mut self, action: Action, now: &Now) -> Left {
        match action {
            Action::CheckCommand { process, spec } => Left::Answer(Input::CommandChecked {
                process,
                result: program::find(&spec).map(drop),
            }),
            Action::OpenSocket { group, socket } => {
                // An earlier one goes first: its file's name may be the same.
                self.sockets.remove(&group);
                Left::Answer(match Listener::fcgi(&socket) {
                    Ok(listener) => {
                        self.sockets.insert(group, listener);
                        Input::SocketOpened { group }
                    }
                    Err(error) => Input::SocketFailed { group, error },
                })
            }
            Action::CloseSocket { group } => {
                self.sockets.remove(&group);
                Left::Nothing
            }
            Action::OpenLog { .. }
            | Action::WriteLog { .. }
            | Action::RotateLog { .. }
            | Action::ReopenLog { .. }
            | Action::ClearLog { .. }
            | Action::CloseLog { .. }
            | Action::CleanAutoLogs { .. }
            | Action::ReadLog { .. }
            | Action::Syslog { .. }
            | Action::ShowLine { .. }
            | Action::ShowProgress(_) => self.perform_log(action, now),
            Action::ReadConfig => Left::Answer(Input::ConfigRead {
                result: (self.hooks.read_config)(),
            }),
            Action::WritePidfile { path } => Left::Answer(Input::PidfileWritten {
                result: files::write_pidfile(&path, self.pid),
            }),
            Action::RemovePidfile { path } => {
                files::remove_pidfile(&path);
                Left::Nothing
            }
            Action::Ready => {
                (self.hooks.ready)();
                Left::Nothing
            }
            Action::Diagnose(line) => {
                self.logs.step_aside();
                // With standard error closed there is nobody to tell.
                let _ = writeln!(std::io::stderr(), "{line}");
                Left::Nothing
            }
            Action::Spawn { spawn, spec } => Left::Spawn(spawn, spec),
            Action::Adopt { spawn, pid } => Left::Adopt(spawn, pid),
            Action::Signal {
                spawn,
                signal,
                group,
            } => Left::Signal(spawn, signal, group),
            Action::WriteStdin { spawn, data } => Left::WriteStdin(spawn, data),
            Action::Listen { server, config } => Left::Listen(server, config),
            Action::Unlisten { server } => Left::Unlisten(server),
            Action::SendConn { conn, data } => Left::SendConn(conn, data),
            Action::ReadConn { conn, on } => Left::ReadConn(conn, on),
            Action::CloseConn { conn } => Left::CloseConn(conn),
            Action::DropConn { conn } => Left::DropConn(conn),
            Action::Exit(status) => Left::Exit(status),
        }
    }

    fn perform_log(&mut self, action: Action, now: &Now) -> Left {
        match action {
            Action::OpenLog {
                log,
                path,
                create_new,
            } => Left::Answer(self.logs.open(log, path, create_new)),
            Action::WriteLog { log, data } => {
                let left = self.write_log(log, &data);
                self.written = data;
                left
            }
            Action::RotateLog {
                log,
                size_bytes,
                backups,
            } => Left::Answer(self.logs.rotate(log, size_bytes, backups)),
            Action::ReopenLog { log } => Left::Answer(self.logs.reopen(log)),
            Action::ClearLog { log, path } => Left::Answer(self.logs.clear(log, &path)),
            Action::CloseLog { log } => {
                self.logs.close(log);
                Left::Nothing
            }
            Action::CleanAutoLogs {
                directory,
                identifier,
            } => {
                files::clean_auto_logs(&directory, &identifier);
                Left::Nothing
            }
            Action::ReadLog { read, path, range } => Left::Answer(Input::LogRead {
                read,
                result: files::read_part(&path, range),
            }),
            Action::Syslog { level, line } => {
                self.syslog.send(now, level, &line);
                Left::Nothing
            }
            Action::ShowLine { level, line } => shown(self.logs.show_line(level, &line)),
            Action::ShowProgress(progress) => shown(self.logs.show_progress(progress)),
            // The caller passes only those above.
            Action::Spawn { .. }
            | Action::Adopt { .. }
            | Action::Signal { .. }
            | Action::WriteStdin { .. }
            | Action::CheckCommand { .. }
            | Action::OpenSocket { .. }
            | Action::CloseSocket { .. }
            | Action::Listen { .. }
            | Action::Unlisten { .. }
            | Action::SendConn { .. }
            | Action::ReadConn { .. }
            | Action::CloseConn { .. }
            | Action::DropConn { .. }
            | Action::ReadConfig
            | Action::WritePidfile { .. }
            | Action::RemovePidfile { .. }
            | Action::Ready
            | Action::Diagnose(_)
            | Action::Exit(_) => Left::Nothing,
        }
    }

    fn write_log(&mut self, log: LogId, data: &[u8]) -> Left {
        let answer = self.logs.write(log, data);
        match (self.logs.backlog(log), answer) {
            (Some(backlog), answer) => Left::Backlog(backlog, answer),
            (None, Some(answer)) => Left::Answer(answer),
            (None, None) => Left::Nothing,
        }
    }
}

fn shown(backlog: Option<Backlog>) -> Left {
    backlog.map_or(Left::Nothing, |backlog| Left::Backlog(backlog, None))
}
