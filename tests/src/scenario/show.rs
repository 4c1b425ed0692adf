//! How a transcript shows what the core did.

use std::fmt::Write as _;
use visor_core::config::ServerAddress;
use visor_core::{Action, LogId, ProcessState, SpawnSpec, StdinSpec, Stream, Transition};

/// What is shown only when asked for.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Wanted {
    pub(super) files: bool,
    pub(super) stamps: bool,
    pub(super) spawns: bool,
}

/// Looks up the name of a process from what an action says of it.
pub(super) trait Names {
    fn of_spawn(&self, spawn: visor_core::SpawnId) -> String;
    fn of_process(&self, process: visor_core::ProcessId) -> String;
    fn of_socket(&self, group: visor_core::GroupId) -> String;
}

/// The lines for one action; none if it is of a kind that is not shown.
pub(super) fn action(action: &Action, wanted: Wanted, names: &impl Names) -> Vec<String> {
    let line = match action {
        Action::Spawn { spawn, spec } => return spawn_lines(&names.of_spawn(*spawn), spec, wanted),
        Action::Adopt { spawn, pid } => format!("adopt {} with pid {pid}", names.of_spawn(*spawn)),
        Action::Signal {
            spawn,
            signal,
            group,
        } => {
            let whose = if *group { "'s process group" } else { "" };
            format!("send {signal} to {}{whose}", names.of_spawn(*spawn))
        }
        Action::WriteStdin { spawn, data } => {
            format!("stdin of {}: {}", names.of_spawn(*spawn), quoted(data))
        }
        Action::CheckCommand { process, .. } => {
            format!("check the command of {}", names.of_process(*process))
        }
        Action::WriteLog { log, data } => match log {
            LogId::Activity => return vec![activity(data, wanted)],
            LogId::Child(..) => format!("log {}: {}", log_name(*log, names), quoted(data)),
        },
        Action::RotateLog {
            log,
            size_bytes,
            backups,
        } => format!(
            "rotate the log of {} at {size_bytes} bytes, keep {backups}",
            log_name(*log, names)
        ),
        Action::ClearLog { log, path } => {
            format!("clear the log of {}, {path}", log_name(*log, names))
        }
        Action::ReadLog { path, range, .. } => format!("read {path} {range:?}"),
        Action::Syslog { line, .. } => format!("syslog: {line}"),
        // The activity log once more.
        Action::ShowLine { .. } => return Vec::new(),
        Action::ShowProgress(progress) => format!(
            "progress: {} of {} running, {} failed",
            progress.running, progress.processes, progress.failed
        ),
        Action::SendConn { conn, data } => format!("to client {conn}: {}", quoted(data)),
        Action::ReadConn { .. } => return Vec::new(),
        Action::CloseConn { .. } => return Vec::new(),
        Action::DropConn { conn } => format!("drop client {conn}"),
        Action::ReadConfig => "read the configuration".to_owned(),
        Action::Diagnose(text) => format!("stderr: {text}"),
        Action::Exit(status) => format!("exit with status {status}"),
        Action::OpenSocket { socket, .. } => format!("open socket {}", socket.url()),
        Action::CloseSocket { group } => format!("close socket {}", names.of_socket(*group)),
        Action::OpenLog { .. }
        | Action::ReopenLog { .. }
        | Action::CloseLog { .. }
        | Action::CleanAutoLogs { .. }
        | Action::Listen { .. }
        | Action::Unlisten { .. }
        | Action::WritePidfile { .. }
        | Action::RemovePidfile { .. }
        | Action::Ready => {
            // What is done to files and sockets is shown only when that is wanted.
            let text = file_action(action, names).filter(|_| wanted.files);
            return text.into_iter().collect();
        }
    };
    vec![line]
}

/// Actions on files and sockets.
fn file_action(action: &Action, names: &impl Names) -> Option<String> {
    Some(
        if let Action::OpenLog {
            log,
            path,
            create_new,
        } = action
        {
            let how = if *create_new { "create" } else { "open" };
            format!("{how} {}: {path}", log_name(*log, names))
        } else if let Action::ReopenLog { log } = action {
            format!("reopen {}", log_name(*log, names))
        } else if let Action::CloseLog { log } = action {
            format!("close {}", log_name(*log, names))
        } else if let Action::CleanAutoLogs {
            directory,
            identifier,
        } = action
        {
            format!("remove old AUTO logs of {identifier} in {directory}")
        } else if let Action::Listen { config, .. } = action {
            listen(&config.address)
        } else if let Action::Unlisten { .. } = action {
            "stop listening".to_owned()
        } else if let Action::WritePidfile { path } = action {
            format!("write pidfile {path}")
        } else if let Action::RemovePidfile { path } = action {
            format!("remove pidfile {path}")
        } else if *action == Action::Ready {
            "ready".to_owned()
        } else {
            return None;
        },
    )
}

fn listen(address: &ServerAddress) -> String {
    match address {
        ServerAddress::Unix { path, .. } => format!("listen at {path}"),
        ServerAddress::Tcp { host, port } => format!("listen at {host}:{port}"),
    }
}

/// What a change of state says, with what its event would say.
pub(super) fn transition(change: &Transition, names: &impl Names) -> String {
    let (from, to) = (change.from.name(), change.to.name());
    let mut line = format!("{}: {from} -> {to}", names.of_process(change.process));
    let _ = match change.to {
        ProcessState::Starting | ProcessState::Backoff => write!(line, ", tries {}", change.tries),
        ProcessState::Running | ProcessState::Stopping | ProcessState::Stopped => {
            write!(line, ", pid {}", change.pid)
        }
        ProcessState::Exited => {
            let not = if change.expected { "" } else { "not " };
            write!(line, ", pid {}, {not}expected", change.pid)
        }
        ProcessState::Fatal | ProcessState::Unknown => Ok(()),
    };
    line
}

fn spawn_lines(name: &str, spec: &SpawnSpec, wanted: Wanted) -> Vec<String> {
    if !wanted.spawns {
        return vec![format!("spawn {name}")];
    }
    let mut lines = vec![format!("spawn {name}: {:?}", spec.argv)];
    for (key, value) in &spec.environment {
        lines.push(format!("  {key}={value}"));
    }
    let mut also = |what: &str, value: Option<String>| {
        if let Some(value) = value {
            lines.push(format!("  {what} {value}"));
        }
    };
    also("looked up in", spec.path.clone());
    also("in directory", spec.directory.clone());
    also("with umask", spec.umask.map(|mask| format!("{mask:03o}")));
    also("as user", spec.user.as_ref().map(|u| u.uid.to_string()));
    also(
        "stdin is",
        match spec.stdin {
            StdinSpec::Pipe => None,
            StdinSpec::Socket(_) => Some("the group's socket".to_owned()),
        },
    );
    also(
        "stderr",
        spec.redirect_stderr.then(|| "goes into stdout".to_owned()),
    );
    lines
}

/// A line of the activity log: without its date, unless that is wanted.
fn activity(data: &[u8], wanted: Wanted) -> String {
    let text = String::from_utf8_lossy(data);
    let text = text.strip_suffix('\n').unwrap_or(&text);
    let text = if wanted.stamps {
        text
    } else {
        text.get(24..).unwrap_or(text)
    };
    text.replace('\n', "\n    | ").trim_end().to_owned()
}

fn log_name(log: LogId, names: &impl Names) -> String {
    match log {
        LogId::Activity => "supervisord".to_owned(),
        LogId::Child(process, stream) => {
            let name = names.of_process(process);
            match stream {
                Stream::Stdout => name,
                Stream::Stderr => format!("{name} stderr"),
            }
        }
    }
}

pub(super) fn quoted(data: &[u8]) -> String {
    match std::str::from_utf8(data) {
        Ok(text) => format!("{text:?}"),
        Err(_) => format!("\"{}\"", data.escape_ascii()),
    }
}
