//! What the kernel says to what the core wants done.

use super::happened::Kind;
use super::listeners;
use super::swarm::{self, is_listener};
use super::world::{Due, World};
use visor_core::{
    Action, ExitStatus, GroupId, Input, ListenError, LogId, LogPart, Pid, ReadConfig, ReadError,
    ReadId, Signal, SignalError, SpawnError, SpawnId, SpawnSpec, StdinSpec, Stream,
};

impl World {
    pub(super) fn perform(&mut self, action: Action) -> Result<Option<Input<'static>>, String> {
        Ok(match action {
            Action::Spawn { spawn, spec } => self.spawn_what(spawn, &spec),
            Action::Adopt { spawn, pid } => Some(Input::Spawned { spawn, pid }),
            Action::Signal {
                spawn,
                signal,
                group: _,
            } => self.signal(spawn, signal),
            Action::WriteStdin { spawn, data } => self.write_stdin(spawn, data),
            Action::CheckCommand { process, .. } => {
                let missing = self.strikes(self.swarm.command_missing, Kind::CommandRefused);
                let error = SpawnError::NotFound("/bin/child".to_owned());
                let result = if missing { Err(error) } else { Ok(()) };
                Some(Input::CommandChecked { process, result })
            }
            Action::OpenSocket { group, .. } => Some(self.open_socket(group)),
            Action::OpenLog { log, .. } | Action::ReopenLog { log } => Some(self.open(log)),
            Action::RotateLog { log, .. } | Action::ClearLog { log, .. } => {
                self.kernel.truncate(log);
                Some(self.open(log))
            }
            Action::WriteLog { log, data } => self.write(log, data.len()),
            Action::ReadLog { read, .. } => Some(self.read_log(read)),
            Action::ReadConfig => {
                self.readings.push(self.asked.pop_front().unwrap_or(false));
                Some(self.read_config())
            }
            Action::WritePidfile { .. } => self.write_pidfile(),
            Action::Ready => {
                self.kernel.daemon(false, true, false);
                None
            }
            Action::Exit(_) => {
                let up = self.kernel.is_up();
                self.kernel.daemon(false, up, true);
                None
            }
            action @ (Action::Listen { .. }
            | Action::Unlisten { .. }
            | Action::CloseConn { .. }
            | Action::DropConn { .. }
            | Action::SendConn { .. }) => self.perform_for_clients(action)?,
            Action::CloseSocket { group } => {
                self.kernel.set_socket(group, false);
                None
            }
            Action::CloseLog { .. }
            | Action::CleanAutoLogs { .. }
            | Action::Syslog { .. }
            | Action::ShowLine { .. }
            | Action::ShowProgress(_)
            | Action::ReadConn { .. }
            | Action::RemovePidfile { .. }
            | Action::Diagnose(_) => None,
        })
    }

    fn open_socket(&mut self, group: GroupId) -> Input<'static> {
        let fails = self.strikes(self.swarm.socket_fails, Kind::SocketRefused);
        self.kernel.set_socket(group, !fails);
        if fails {
            let error = "no permission".to_owned();
            Input::SocketFailed { group, error }
        } else {
            Input::SocketOpened { group }
        }
    }

    fn read_log(&mut self, read: ReadId) -> Input<'static> {
        let fails = self.strikes(self.swarm.unreadable, Kind::LogUnreadable);
        let part = LogPart {
            data: b"a line\n".to_vec(),
            offset: 0,
            size_bytes: 7,
        };
        let result = if fails {
            Err(ReadError::NotFound)
        } else {
            Ok(part)
        };
        Input::LogRead { read, result }
    }

    fn write_pidfile(&mut self) -> Option<Input<'static>> {
        let fails = self.strikes(self.swarm.pidfile_fails, Kind::PidfileRefused);
        let result = if fails {
            Err("EACCES".to_owned())
        } else {
            Ok(())
        };
        let written = Input::PidfileWritten { result };
        if !self.random.chance(self.swarm.pidfile_slow) {
            return Some(written);
        }
        let later = self.random.below(2_000);
        self.after(later, Due::Tell(Box::new(written)));
        None
    }

    fn write_stdin(&mut self, spawn: SpawnId, data: Vec<u8>) -> Option<Input<'static>> {
        self.kernel.listeners.set_ready(spawn, false);
        if self.strikes(self.swarm.stdin_closes, Kind::StdinClosed) {
            return Some(Input::StdinClosed { spawn });
        }
        if self.strikes(self.swarm.stdin_slow, Kind::StdinSlow) {
            let later = self.random.below(2_000);
            self.after(later, Due::Takes(spawn, data));
            return None;
        }
        listeners::receive(self, spawn, &data);
        Some(Input::StdinProgress { spawn })
    }

    fn spawn_what(&mut self, spawn: SpawnId, spec: &SpawnSpec) -> Option<Input<'static>> {
        match spec.stdin {
            StdinSpec::Socket(group) if !self.kernel.has_socket(group) => {
                self.note(Kind::SpawnWithoutSocket);
                let error = SpawnError::Pipes("ENOTSOCK".to_owned());
                Some(Input::SpawnFailed { spawn, error })
            }
            StdinSpec::Socket(_) | StdinSpec::Pipe => self.spawn(spawn, is_listener(&spec.name)),
        }
    }

    /// What is done for clients; anything else is nothing.
    #[allow(clippy::wildcard_enum_match_arm)]
    fn perform_for_clients(&mut self, action: Action) -> Result<Option<Input<'static>>, String> {
        Ok(match action {
            Action::Listen { server, .. }
                if self.strikes(self.swarm.listen_fails, Kind::ListenRefused) =>
            {
                let error = ListenError::InUse;
                Some(Input::ListenFailed { server, error })
            }
            Action::Listen { server, .. } => {
                self.clients.listening(server, true);
                Some(Input::Listening { server })
            }
            Action::Unlisten { server } => {
                self.clients.listening(server, false);
                None
            }
            Action::CloseConn { conn } | Action::DropConn { conn } => {
                let open = self.clients.closed(conn);
                open.then_some(Input::ConnClosed { conn })
            }
            Action::SendConn { conn, data } => {
                let taken = self.clients.receive(conn, &data, &self.happened)?;
                taken.then_some(Input::ConnDrained { conn })
            }
            _ => None,
        })
    }

    fn spawn(&mut self, spawn: SpawnId, listener: bool) -> Option<Input<'static>> {
        self.kernel.begin_spawn(spawn);
        if self.strikes(self.swarm.spawn_fails, Kind::SpawnFails) {
            self.kernel.fail_spawn(spawn);
            let error = match self.random.below(3) {
                0 => SpawnError::NotFound("/bin/child".to_owned()),
                1 => SpawnError::TooManyProcesses,
                _ => SpawnError::Fork("ENOMEM".to_owned()),
            };
            return Some(Input::SpawnFailed { spawn, error });
        }
        if self.strikes(self.swarm.spawn_late, Kind::SpawnLate) {
            let late = self.random.below(4_000);
            self.after(late, Due::Fork(spawn, listener));
            return None;
        }
        Some(self.fork(spawn, listener))
    }

    pub(super) fn fork(&mut self, spawn: SpawnId, listener: bool) -> Input<'static> {
        let ignores = self.random.chance(self.swarm.ignores);
        let (pid, again) = self.kernel.fork(spawn, ignores);
        if again {
            self.note(Kind::PidAgain);
        }
        let life = match self.random.below(8) {
            _ if self.calm => None,
            _ if self.random.chance(self.swarm.quick) => Some(0),
            0 => Some(0),
            1 => Some(self.random.below(100)),
            2 => Some(1_000 * self.random.below(4)),
            3..5 => Some(self.random.below(4_000)),
            _ => None,
        };
        if let Some(life) = life {
            let status = self.status();
            self.after(life, Due::Dies(spawn, status));
        }
        if listener {
            listeners::begin(self, spawn);
        }
        let chunks = if listener {
            0
        } else {
            self.swarm.chunks_max + 1
        };
        for _ in 0..self.random.below(chunks) {
            let at = self.random.below(3_000);
            let length = usize::try_from(self.random.below(60)).unwrap_or(0) + 1;
            let stream = if self.random.chance(700) {
                Stream::Stdout
            } else {
                Stream::Stderr
            };
            self.after(at, Due::Writes(spawn, stream, length));
        }
        if self.strikes(self.swarm.stale, Kind::SpawnedAgain) {
            let later = self.random.below(1_000);
            let again = Input::Spawned {
                spawn,
                pid: Pid(99),
            };
            self.after(later, Due::Tell(Box::new(again)));
        }
        Input::Spawned { spawn, pid }
    }

    fn status(&mut self) -> ExitStatus {
        match self.random.below(6) {
            0 | 1 => ExitStatus::Code(0),
            2 => ExitStatus::Code(2),
            3 | 4 => ExitStatus::Code(1),
            _ => ExitStatus::Signaled {
                signal: Signal::KILL,
                core_dumped: false,
            },
        }
    }

    fn signal(&mut self, spawn: SpawnId, signal: Signal) -> Option<Input<'static>> {
        if self.random.chance(self.swarm.signal_fails) && self.kernel.lives(spawn) {
            self.note(Kind::SignalRefused);
            self.kernel.mark_unsignallable(spawn);
            return Some(Input::SignalFailed {
                spawn,
                signal,
                error: SignalError::Other("EPERM".to_owned()),
            });
        }
        let ignores = self.kernel.child(spawn).filter(|c| c.ended.is_none());
        let Some(ignores) = ignores.map(|child| child.ignores) else {
            self.note(Kind::SignalTooLate);
            return Some(Input::SignalFailed {
                spawn,
                signal,
                error: SignalError::NoSuchProcess,
            });
        };
        let deadly = matches!(signal, Signal::TERM | Signal::INT);
        let after = if signal == Signal::KILL {
            if self.strikes(self.swarm.slow_death, Kind::DiesSlowly) {
                self.random.below(8_000)
            } else {
                self.random.below(5)
            }
        } else if !ignores && (deadly || self.random.chance(100)) {
            self.random.below(2_000)
        } else {
            if ignores && deadly {
                self.note(Kind::StopIgnored);
            }
            return None;
        };
        let status = if signal == Signal::KILL {
            ExitStatus::Signaled {
                signal,
                core_dumped: false,
            }
        } else {
            self.status()
        };
        self.after(after, Due::Dies(spawn, status));
        None
    }

    fn open(&mut self, log: LogId) -> Input<'static> {
        let broken = self.strikes(self.swarm.log_fails, Kind::LogUnopened);
        self.kernel.break_log(log, broken);
        if broken {
            self.kernel.mark_failed(log);
            return Input::LogFailed {
                log,
                error: "could not open the log: EACCES".to_owned(),
                lost_bytes: 0,
                open: false,
            };
        }
        Input::LogOpened {
            log,
            size_bytes: self.kernel.size(log),
            regular: true,
        }
    }

    fn write(&mut self, log: LogId, length: usize) -> Option<Input<'static>> {
        let full = self.random.chance(self.swarm.log_fails);
        let broken = self.kernel.is_broken(log);
        if !full && !broken {
            self.kernel.append(log, length);
            return None;
        }
        self.kernel.mark_failed(log);
        let lost = if broken {
            length as u64
        } else {
            1 + self.random.below(length as u64)
        };
        let whole = lost == length as u64;
        self.note(if whole {
            Kind::LogUnwritten
        } else {
            Kind::LogPartWritten
        });
        Some(Input::LogFailed {
            log,
            error: "could not write the log: ENOSPC".to_owned(),
            lost_bytes: lost,
            open: !broken,
        })
    }

    fn read_config(&mut self) -> Input<'static> {
        let result = if self.strikes(self.swarm.config_fails, Kind::ConfigUnreadable) {
            Err("Error: nonsense".to_owned())
        } else {
            let config = if self.calm {
                self.facts.available.clone()
            } else {
                swarm::config(&mut self.random, self.ticks)
            };
            if config != self.facts.available {
                self.note(Kind::ConfigChanged);
            }
            let messages = Vec::new();
            Ok(Box::new(ReadConfig { config, messages }))
        };
        Input::ConfigRead { result }
    }
}
