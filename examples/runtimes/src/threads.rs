//! A runtime of plain std: a thread per pipe, one channel in, no async.
//!
//! What it leaves out is what needs more than std: servers (`Listen` is refused), other users,
//! descriptors beyond 0 to 2, shared sockets. A descendant that keeps a pipe open delays the report
//! of its parent's exit, since std cannot look into a pipe without waiting.

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
use std::process::{ChildStdin, Command, Stdio};
use std::sync::mpsc::{self, Sender, SyncSender};
use std::thread::{self, JoinHandle};
use std::time::{Instant, SystemTime, UNIX_EPOCH};
use visor_core::{
    Action, Boot, ExitStatus, Input, ListenError, LogId, Now, Output, Pid, Signal, SignalError,
    SpawnError, SpawnId, SpawnSpec, Stream, Supervisor, Timestamp, UnixTime, config::Config,
};

/// How many reports may wait. A full channel blocks the threads that read, their pipes fill, and
/// the children wait: nothing is queued without a bound.
const REPORTS_MAX: usize = 256;

/// Supervises what `config` says until it is told to end. `inputs` is called with a way to send
/// commands; what it starts may go on sending.
///
/// Returns the exit status for the process.
pub fn run(config: Config, inputs: impl FnOnce(SyncSender<Input<'static>>)) -> i32 {
    let (reports, received) = mpsc::sync_channel(REPORTS_MAX);
    inputs(reports.clone());
    let clock = Clock(Instant::now());
    let boot = Boot {
        pid: Pid(std::process::id()),
        seed: [0; 32], // Only names of AUTO logs come from it; a real daemon needs a random one.
        foreground: true,
        messages: Vec::new(),
    };
    let mut supervisor = Supervisor::new(config, boot, clock.now());
    let mut performer = Performer {
        reports,
        children: BTreeMap::new(),
        logs: BTreeMap::new(),
    };
    loop {
        // 1. Drain: every action, in order; an answer that is known at once joins the same drain.
        let deadline = loop {
            match supervisor.poll_output() {
                Output::Action(Action::Exit(status)) => return status,
                Output::Action(action) => {
                    if let Some(answer) = performer.perform(action) {
                        supervisor.handle_input(clock.now(), answer);
                    }
                }
                Output::Wait(deadline) => break deadline,
            }
        };
        // 2. Wait in exactly one place, for a report or for the deadline.
        let first = match deadline.map(|at| at.saturating_since(clock.now().mono)) {
            Some(time) => received.recv_timeout(time).ok(),
            None => received.recv().ok(),
        };
        // 3. Feed all there is, with one reading of the clock.
        let now = clock.now();
        let more = received.try_iter().take(REPORTS_MAX);
        for input in first.or(Some(Input::Wake)).into_iter().chain(more) {
            if let Input::Exited { spawn, .. } = input {
                performer.children.remove(&spawn);
            }
            supervisor.handle_input(now, input);
        }
    }
}

struct Clock(Instant);

impl Clock {
    fn now(&self) -> Now {
        let wall = SystemTime::now().duration_since(UNIX_EPOCH);
        let wall = wall.unwrap_or_default().as_nanos();
        Now {
            mono: Timestamp::default() + self.0.elapsed(),
            wall: UnixTime::from_nanos(i64::try_from(wall).unwrap_or(i64::MAX)),
            utc_offset_secs: 0,
        }
    }
}

/// What the core has asked for and still holds by name.
struct Performer {
    reports: SyncSender<Input<'static>>,
    children: BTreeMap<SpawnId, Kid>,
    logs: BTreeMap<LogId, (String, File)>,
}

struct Kid {
    pid: u32,
    stdin: Sender<Vec<u8>>,
}

impl Performer {
    /// Does one thing. Returns the answer, if there is one and it is known now.
    fn perform(&mut self, action: Action) -> Option<Input<'static>> {
        match action {
            Action::Spawn { spawn, spec } => Some(match self.spawn(spawn, &spec) {
                Ok(pid) => Input::Spawned { spawn, pid },
                Err(error) => Input::SpawnFailed { spawn, error },
            }),
            Action::Signal {
                spawn,
                signal,
                group,
            } => self.signal(spawn, signal, group),
            Action::WriteStdin { spawn, data } => {
                let taken = self
                    .children
                    .get(&spawn)
                    .is_some_and(|kid| kid.stdin.send(data).is_ok());
                (!taken).then_some(Input::StdinClosed { spawn })
            }
            Action::OpenLog { log, path, .. } => Some(self.open(log, path)),
            Action::WriteLog { log, data } => self.write(log, &data),
            Action::RotateLog { log, backups, .. } => Some(self.rotate(log, backups)),
            Action::CloseLog { log } => {
                self.logs.remove(&log);
                None
            }
            Action::Listen { server, .. } => Some(Input::ListenFailed {
                server,
                error: ListenError::Other("this runtime has no servers".into()),
            }),
            Action::OpenSocket { group, .. } => Some(Input::SocketFailed {
                group,
                error: "this runtime has no sockets".into(),
            }),
            Action::ReadConfig => Some(Input::ConfigRead {
                result: Err("this runtime has no configuration file".into()),
            }),
            Action::WritePidfile { .. } => Some(Input::PidfileWritten { result: Ok(()) }),
            Action::ShowLine { line, .. } => {
                let _ = io::stdout().write_all(&line);
                None
            }
            Action::Diagnose(text) => {
                let _ = writeln!(io::stderr(), "{text}");
                None
            }
            // Never asked for without clients, signals to the daemon and snapshots.
            Action::Adopt { .. }
            | Action::CheckCommand { .. }
            | Action::ClearLog { .. }
            | Action::ReadLog { .. }
            | Action::ReopenLog { .. }
            | Action::Syslog { .. }
            | Action::ShowProgress(_)
            | Action::CloseSocket { .. }
            | Action::CleanAutoLogs { .. }
            | Action::Unlisten { .. }
            | Action::SendConn { .. }
            | Action::ReadConn { .. }
            | Action::CloseConn { .. }
            | Action::DropConn { .. }
            | Action::RemovePidfile { .. }
            | Action::Ready
            | Action::Exit(_) => None,
        }
    }

    fn spawn(&mut self, spawn: SpawnId, spec: &SpawnSpec) -> Result<Pid, SpawnError> {
        let (program, arguments) = spec
            .argv
            .split_first()
            .ok_or_else(|| SpawnError::BadCommand("command is empty".into()))?;
        let mut command = Command::new(program);
        command
            .args(arguments)
            .envs(spec.environment.iter().map(|(key, value)| (key, value)))
            .process_group(0)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        if let Some(directory) = &spec.directory {
            command.current_dir(directory);
        }
        let mut child = command.spawn().map_err(|error| {
            if error.kind() == io::ErrorKind::NotFound {
                SpawnError::NotFound(program.clone())
            } else {
                SpawnError::Fork(error.kind().to_string())
            }
        })?;
        let (pid, stdin) = (child.id(), child.stdin.take());
        let readers = [
            self.reader(spawn, Stream::Stdout, child.stdout.take()),
            self.reader(spawn, Stream::Stderr, child.stderr.take()),
        ];
        let reports = self.reports.clone();
        thread::spawn(move || {
            // First all output, then the exit: that is the order the core relies on.
            readers.into_iter().flatten().for_each(|reader| {
                let _ = reader.join();
            });
            if let Ok(status) = child.wait() {
                let status = exit_status(status);
                let _ = reports.send(Input::Exited { spawn, status });
            }
        });
        let stdin = self.writer(spawn, stdin);
        self.children.insert(spawn, Kid { pid, stdin });
        Ok(Pid(pid))
    }

    fn reader(
        &self,
        spawn: SpawnId,
        stream: Stream,
        pipe: Option<impl Read + Send + 'static>,
    ) -> Option<JoinHandle<()>> {
        let (mut pipe, reports) = (pipe?, self.reports.clone());
        Some(thread::spawn(move || {
            let mut buffer = [0; 1 << 16];
            while let Ok(n @ 1..) = pipe.read(&mut buffer) {
                let data = buffer.iter().copied().take(n).collect::<Vec<u8>>().into();
                let report = Input::ChildOutput {
                    spawn,
                    stream,
                    data,
                };
                if reports.send(report).is_err() {
                    return;
                }
            }
            let _ = reports.send(Input::ChildClosed { spawn, stream });
        }))
    }

    fn writer(&self, spawn: SpawnId, pipe: Option<ChildStdin>) -> Sender<Vec<u8>> {
        let (sender, queue) = mpsc::channel::<Vec<u8>>();
        let reports = self.reports.clone();
        thread::spawn(move || {
            let Some(mut pipe) = pipe else { return };
            for data in queue {
                let report = match pipe.write_all(&data) {
                    Ok(()) => Input::StdinProgress { spawn },
                    Err(_) => Input::StdinClosed { spawn },
                };
                if reports.send(report).is_err() {
                    return;
                }
            }
        });
        sender
    }

    fn signal(&self, spawn: SpawnId, signal: Signal, group: bool) -> Option<Input<'static>> {
        let kid = self.children.get(&spawn)?;
        let pid = rustix::process::Pid::from_raw(i32::try_from(kid.pid).ok()?)?;
        let number = rustix::process::Signal::from_named_raw(signal.number())?;
        let sent = if group {
            rustix::process::kill_process_group(pid, number)
        } else {
            rustix::process::kill_process(pid, number)
        };
        let error = match sent.err()? {
            rustix::io::Errno::SRCH => SignalError::NoSuchProcess,
            error => SignalError::Other(format!("{error:?}")),
        };
        Some(Input::SignalFailed {
            spawn,
            signal,
            error,
        })
    }

    fn open(&mut self, log: LogId, path: String) -> Input<'static> {
        match OpenOptions::new().create(true).append(true).open(&path) {
            Ok(file) => {
                let (size_bytes, regular) = file
                    .metadata()
                    .map_or((0, false), |meta| (meta.len(), meta.is_file()));
                self.logs.insert(log, (path, file));
                Input::LogOpened {
                    log,
                    size_bytes,
                    regular,
                }
            }
            Err(error) => log_failed(log, &format!("could not open {path}: {error}"), 0, false),
        }
    }

    fn write(&mut self, log: LogId, data: &[u8]) -> Option<Input<'static>> {
        let lost = u64::try_from(data.len()).unwrap_or(u64::MAX);
        let Some((path, file)) = self.logs.get_mut(&log) else {
            return Some(log_failed(log, "the log is not open", lost, false));
        };
        let error = file.write_all(data).err()?;
        let error = format!("could not write {path}: {error}");
        Some(log_failed(log, &error, lost, true))
    }

    fn rotate(&mut self, log: LogId, backups: u32) -> Input<'static> {
        let Some((path, file)) = self.logs.remove(&log) else {
            return log_failed(log, "the log is not open", 0, false);
        };
        for n in (1..backups).rev() {
            let _ = fs::rename(format!("{path}.{n}"), format!("{path}.{}", n + 1));
        }
        let _ = match backups {
            0 => file.set_len(0),
            _ => fs::rename(&path, format!("{path}.1")),
        };
        self.open(log, path)
    }
}

fn log_failed(log: LogId, error: &str, lost_bytes: u64, open: bool) -> Input<'static> {
    Input::LogFailed {
        log,
        error: error.into(),
        lost_bytes,
        open,
    }
}

fn exit_status(status: std::process::ExitStatus) -> ExitStatus {
    let signal = status.signal().map(i64::from).and_then(Signal::from_number);
    match signal {
        None => ExitStatus::Code(status.code().unwrap_or(-1)),
        Some(signal) => ExitStatus::Signaled {
            signal,
            core_dumped: status.core_dumped(),
        },
    }
}
