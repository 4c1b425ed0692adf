//! What the core wants done.

use crate::config::{FcgiSocket, ServerConfig, User};
use crate::{ConnId, GroupId, LogId, LogLevel, ProcessId, ReadId, ServerId, Signal, SpawnId};
use crate::{Pid, Progress, Timestamp};
use alloc::{string::String, sync::Arc, vec::Vec};

/// What the runtime must do next. Actions are performed in the order they are polled.
///
/// Where the core must know the outcome, exactly one [`Input`](crate::Input) answers; each such
/// variant names it. A runtime may answer at once, before it polls the next action, or later.
///
/// Plain data, so that what was decided can be compared, counted, or shown, without anything being
/// done:
///
/// ```
/// use visor_core::config::{Config, ProcessConfig};
/// use visor_core::{Action, Boot, Now, Output, Pid, Supervisor};
/// let config = Config::embedded().program(ProcessConfig::new("web", "/bin/web --port 80"));
/// let boot = Boot { pid: Pid(1), seed: [0; 32], foreground: true, messages: vec![] };
/// let mut supervisor = Supervisor::new(config, boot, Now::default());
/// let mut started = Vec::new();
/// while let Output::Action(action) = supervisor.poll_output() {
///     // A match that names them all is told of new ones by the compiler; here one is of interest.
///     if let Action::Spawn { spec, .. } = action {
///         started.push(spec.argv.clone());
///     }
/// }
/// assert_eq!(started, [["/bin/web", "--port", "80"]]);
/// ```
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[must_use]
pub enum Action {
    // ---- processes ----
    /// Start a child. Answered by `Spawned` or `SpawnFailed`; after `Spawned`, by exactly one
    /// `Exited`, which comes after the last `ChildOutput` of that spawn.
    Spawn {
        /// Names the child from here on.
        spawn: SpawnId,
        /// What to run and how.
        spec: Arc<SpawnSpec>,
    },
    /// Take over a child that outlived an `execve` of the daemon. Answered like `Spawn`.
    Adopt {
        /// The name the child had.
        spawn: SpawnId,
        /// Its pid.
        pid: Pid,
    },
    /// Send a signal to a child. Answered by `SignalFailed` only if it could not be sent.
    Signal {
        /// The child.
        spawn: SpawnId,
        /// What to send.
        signal: Signal,
        /// To its whole process group.
        group: bool,
    },
    /// Write to a child's standard input, after what is queued already. The runtime reports
    /// `StdinProgress` whenever its queue for that child has become empty, and `StdinClosed` once
    /// the child will take no more.
    WriteStdin {
        /// The child.
        spawn: SpawnId,
        /// What to write.
        data: Vec<u8>,
    },
    /// Find out whether the command of a process could be executed, without doing so. Answered by
    /// `CommandChecked`.
    CheckCommand {
        /// Whose command.
        process: ProcessId,
        /// What a spawn would be given.
        spec: Arc<SpawnSpec>,
    },
    /// Create, bind and listen on the socket a FastCGI group shares; later spawns with
    /// [`StdinSpec::Socket`] of that group get it as descriptor 0. Answered by `SocketOpened` or
    /// `SocketFailed`.
    OpenSocket {
        /// The group.
        group: GroupId,
        /// Where and how.
        socket: FcgiSocket,
    },
    /// Close that socket, and unlink its file.
    CloseSocket {
        /// The group.
        group: GroupId,
    },

    // ---- logs ----
    /// Open a log for append, create it if need be, replace an earlier one of the same id.
    /// Answered by `LogOpened` or `LogFailed`.
    OpenLog {
        /// Names the log from here on.
        log: LogId,
        /// Path, or `/dev/stdout` and the like: the daemon's own descriptors.
        path: String,
        /// The file must not exist yet, and only the daemon may read it (AUTO logs).
        create_new: bool,
    },
    /// Append to an open log. Never answered when it works; `LogFailed` if bytes were lost.
    WriteLog {
        /// The log.
        log: LogId,
        /// What to append, as it is.
        data: Vec<u8>,
    },
    /// If the file has really reached `size_bytes`: rename FILE.{n-1} to FILE.n … FILE to FILE.1
    /// and open FILE anew, empty; with no backups, truncate it. Answered by `LogOpened` with the
    /// size it then has, or `LogFailed`.
    RotateLog {
        /// The log.
        log: LogId,
        /// The size that led to this.
        size_bytes: u64,
        /// How many old files are kept.
        backups: u32,
    },
    /// Close and open again by path, after an external rotation. Answered as `OpenLog`.
    ReopenLog {
        /// The log.
        log: LogId,
    },
    /// Remove the file and open it again; if the log is not open, empty the file if there is one.
    /// Answered by `LogOpened` (with size 0) or `LogFailed`.
    ClearLog {
        /// The log.
        log: LogId,
        /// Its path: the log need not be open.
        path: String,
    },
    /// Close a log.
    CloseLog {
        /// The log.
        log: LogId,
    },
    /// Remove the AUTO logs an earlier daemon of the same identifier left in a directory.
    CleanAutoLogs {
        /// `childlogdir`.
        directory: String,
        /// Whose: names of the form `NAME-stdout---IDENTIFIER-XXXXXXXX.log`, backups included.
        identifier: String,
    },
    /// Read a part of a log file. Answered by `LogRead`.
    ReadLog {
        /// Names the request.
        read: ReadId,
        /// Which file.
        path: String,
        /// Which part of it.
        range: ReadRange,
    },
    /// Send lines to the system's log.
    Syslog {
        /// Priority of the lines.
        level: LogLevel,
        /// One message each.
        line: String,
    },
    /// Show a line of the activity log on the daemon's standard output, in the foreground. Never
    /// answered: there is nowhere left to say that it failed.
    ShowLine {
        /// How important it is: terminals may show it by a colour.
        level: LogLevel,
        /// The line, ended.
        line: Vec<u8>,
    },
    /// Show how far the start has come, in place of what was shown before, if standard output is
    /// a terminal; anything else must not see it. The last one is over.
    ShowProgress(Progress),

    // ---- clients ----
    /// Listen. Answered by `Listening` or `ListenFailed`.
    Listen {
        /// Names the server from here on.
        server: ServerId,
        /// Where, with which mode and owner.
        config: ServerConfig,
    },
    /// Stop listening and unlink the socket's file.
    Unlisten {
        /// The server.
        server: ServerId,
    },
    /// Send to a client, after what is queued already. The runtime reports `ConnDrained` whenever
    /// its queue for that connection has become empty.
    SendConn {
        /// The connection.
        conn: ConnId,
        /// What to send.
        data: Vec<u8>,
    },
    /// Stop or go on reading from a client. Connections start with reading on.
    ReadConn {
        /// The connection.
        conn: ConnId,
        /// Whether to read.
        on: bool,
    },
    /// Send what is queued, then close. Answered by `ConnClosed`.
    CloseConn {
        /// The connection.
        conn: ConnId,
    },
    /// Close at once; what is queued is dropped: the client does not take it. May follow
    /// `CloseConn`. Answered by `ConnClosed`, once for both.
    DropConn {
        /// The connection.
        conn: ConnId,
    },

    // ---- the daemon ----
    /// Read the configuration anew, with the flags and paths of the start. Answered by
    /// `ConfigRead`.
    ReadConfig,
    /// Write the daemon's pid to a file. Answered by `PidfileWritten`.
    WritePidfile {
        /// The file.
        path: String,
    },
    /// Remove it.
    RemovePidfile {
        /// The file.
        path: String,
    },
    /// The daemon is up: sockets are bound, the pidfile is written. Tell whoever waits for it.
    Ready,
    /// Something the operator must see although no log is open: to standard error.
    Diagnose(String),
    /// End the daemon with this exit status, after all queued output is written.
    Exit(i32),
}

/// How to start one child. Made once per process, shared by all its spawns.
///
/// ```
/// use visor_core::config::{Config, ProcessConfig};
/// use visor_core::{Action, Boot, Now, Output, Pid, Supervisor};
/// let config = Config::embedded().program(ProcessConfig::new("web", "/bin/web --port '80 80'"));
/// let boot = Boot { pid: Pid(1), seed: [0; 32], foreground: true, messages: vec![] };
/// let mut supervisor = Supervisor::new(config, boot, Now::default());
/// let spec = loop {
///     match supervisor.poll_output() {
///         Output::Action(Action::Spawn { spec, .. }) => break spec,
///         Output::Action(_) => {}
///         Output::Wait(_) => unreachable!("it starts by itself"),
///     }
/// };
/// assert_eq!(spec.argv, ["/bin/web", "--port", "80 80"]);
/// ```
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct SpawnSpec {
    /// Process name, for messages.
    pub name: String,
    /// Program and arguments; never empty.
    pub argv: Vec<String>,
    /// Where a program without `/` is looked up: the `PATH` of its own environment. `None`: the
    /// daemon's.
    pub path: Option<String>,
    /// Set on top of the daemon's own environment, in order.
    pub environment: Vec<(String, String)>,
    /// Working directory.
    pub directory: Option<String>,
    /// File mode creation mask.
    pub umask: Option<u32>,
    /// The user to become, with all its groups.
    pub user: Option<User>,
    /// Descriptor 0.
    pub stdin: StdinSpec,
    /// Descriptor 2 goes into the pipe of descriptor 1.
    pub redirect_stderr: bool,
}

/// What a child gets as descriptor 0.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum StdinSpec {
    /// A pipe.
    Pipe,
    /// The listening socket of its FastCGI group.
    Socket(GroupId),
}

/// Which part of a log file to read.
///
/// ```
/// use visor_core::ReadRange;
/// let tail = ReadRange::Last { length: 1024 };
/// let all = ReadRange::From { offset: 0, length: u64::MAX };
/// assert_ne!(tail, all);
/// ```
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum ReadRange {
    /// At most `length` bytes from `offset`.
    From {
        /// Bytes from the start of the file.
        offset: u64,
        /// Bytes; `u64::MAX` for all, up to the limit of one answer.
        length: u64,
    },
    /// The last `length` bytes, or all if there are fewer.
    Last {
        /// Bytes.
        length: u64,
    },
}

/// One result of [`Supervisor::poll_output`](crate::Supervisor::poll_output).
///
/// ```
/// use visor_core::config::Config;
/// use visor_core::{Boot, Now, Output, Pid, Supervisor};
/// let boot = Boot { pid: Pid(1), seed: [0; 32], foreground: true, messages: vec![] };
/// let mut idle = Supervisor::new(Config::embedded(), boot, Now::default());
/// while let Output::Action(_) = idle.poll_output() {}
/// assert_eq!(idle.poll_output(), Output::Wait(None), "nothing wakes who has nothing to do");
/// ```
#[derive(Clone, Debug, Eq, PartialEq)]
#[must_use]
pub enum Output {
    /// Do this, then poll again.
    Action(Action),
    /// Nothing left to do. Wait for an input, or until this time if there is one, then feed
    /// [`Input::Wake`](crate::Input::Wake).
    Wait(Option<Timestamp>),
}
