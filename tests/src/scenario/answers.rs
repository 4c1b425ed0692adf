//! What the stage says to what the core wants done.

use super::show::Names as _;
use super::stage::Stage;
use std::collections::VecDeque;
use visor_core::{Action, ConnId, Input, ListenError, LogId, ServerId, SpawnId};

impl Stage {
    pub(super) fn answer(&mut self, action: Action) -> Option<Input<'static>> {
        match action {
            Action::Spawn { spawn, .. } => self.answer_spawn(spawn),
            Action::Adopt { spawn, pid } => Some(Input::Spawned { spawn, pid }),
            Action::Signal { spawn, signal, .. } => {
                let error = self.faults.signals.remove(&self.known.of_spawn(spawn))?;
                Some(Input::SignalFailed {
                    spawn,
                    signal,
                    error,
                })
            }
            Action::CheckCommand { process, .. } => Some(Input::CommandChecked {
                process,
                result: Ok(()),
            }),
            Action::OpenSocket { group, .. } => Some(match &self.faults.socket {
                Some(error) => Input::SocketFailed {
                    group,
                    error: error.clone(),
                },
                None => Input::SocketOpened { group },
            }),
            Action::OpenLog { log, .. } | Action::ReopenLog { log } => Some(self.open(log)),
            Action::RotateLog { log, .. } | Action::ClearLog { log, .. } => {
                self.known.sizes.insert(log, 0);
                Some(self.open(log))
            }
            Action::WriteLog { log, data } => self.write(log, data.len() as u64),
            Action::Listen { server, .. } => Some(self.answer_listen(server)),
            Action::ReadConfig => Some(Input::ConfigRead {
                result: self.file.clone().map(Box::new),
            }),
            Action::WritePidfile { .. } if self.faults.pidfile_waits => None,
            Action::WritePidfile { .. } => Some(Input::PidfileWritten {
                result: self.faults.pidfile.take().map_or(Ok(()), Err),
            }),
            Action::CloseConn { conn } | Action::DropConn { conn } => {
                let open = self.clients.close(conn);
                open.then_some(Input::ConnClosed { conn })
            }
            Action::SendConn { conn, data } => Some(self.answer_client(conn, &data)),
            Action::WriteStdin { spawn, .. } => {
                let waits = self.faults.stdin.contains_key(&self.known.of_spawn(spawn));
                (!waits).then_some(Input::StdinProgress { spawn })
            }
            Action::CloseSocket { .. }
            | Action::CloseLog { .. }
            | Action::CleanAutoLogs { .. }
            | Action::ReadLog { .. }
            | Action::Syslog { .. }
            | Action::ShowLine { .. }
            | Action::ShowProgress(_)
            | Action::Unlisten { .. }
            | Action::ReadConn { .. }
            | Action::RemovePidfile { .. }
            | Action::Ready
            | Action::Diagnose(_)
            | Action::Exit(_) => None,
        }
    }

    fn write(&mut self, log: LogId, length_bytes: u64) -> Option<Input<'static>> {
        if let Some(errno) = self.faults.opens.get(&log) {
            return Some(Input::LogFailed {
                log,
                error: format!("could not write the log: {errno}"),
                lost_bytes: length_bytes,
                open: false,
            });
        }
        *self.known.sizes.entry(log).or_default() += length_bytes;
        None
    }

    /// A client that has its answer goes.
    fn answer_client(&mut self, conn: ConnId, data: &[u8]) -> Input<'static> {
        match self.clients.receive(conn, data) {
            Ok(None) => Input::ConnDrained { conn },
            Ok(Some(line)) | Err(line) => {
                self.seen.push(line);
                self.clients.close(conn);
                Input::ConnClosed { conn }
            }
        }
    }

    fn answer_spawn(&mut self, spawn: SpawnId) -> Option<Input<'static>> {
        let name = self.known.of_spawn(spawn);
        if self.faults.waiting.remove(&name).is_some() {
            return None;
        }
        let error = self
            .faults
            .spawns
            .get_mut(&name)
            .and_then(VecDeque::pop_front);
        Some(match error {
            Some(error) => Input::SpawnFailed { spawn, error },
            None => Input::Spawned {
                spawn,
                pid: self.mint_pid(),
            },
        })
    }

    fn answer_listen(&mut self, server: ServerId) -> Input<'static> {
        match self.faults.listen.take() {
            None => Input::Listening { server },
            Some(error) => Input::ListenFailed {
                server,
                error: match error.as_str() {
                    "in-use" => ListenError::InUse,
                    _ => ListenError::Os {
                        name: error,
                        number: 13,
                    },
                },
            },
        }
    }

    fn open(&self, log: LogId) -> Input<'static> {
        match self.faults.opens.get(&log) {
            Some(errno) => Input::LogFailed {
                log,
                error: format!("could not open the log: {errno}"),
                lost_bytes: 0,
                open: false,
            },
            None => Input::LogOpened {
                log,
                size_bytes: self.known.sizes.get(&log).copied().unwrap_or(0),
                regular: true,
            },
        }
    }
}
