//! What the core is told.

use crate::config::Config;
use crate::{
    ConnId, ExitStatus, GroupId, LogId, Pid, ProcessId, ReadId, ServerId, Signal, SpawnId,
};
use crate::{LogLevel, Stream};
use alloc::{borrow::Cow, boxed::Box, string::String, vec::Vec};

/// Everything the world can tell the core. Any input is legal at any time; one that does not fit
/// (a late report about a child that is gone, say) changes nothing.
///
/// ```
/// use visor_core::config::Config;
/// use visor_core::{Boot, ExitStatus, Input, Now, Output, Pid, SpawnId, Supervisor};
/// let boot = Boot { pid: Pid(1), seed: [0; 32], foreground: true, messages: vec![] };
/// let now = Now::default();
/// let mut supervisor = Supervisor::new(Config::embedded(), boot, now);
/// while let Output::Action(_) = supervisor.poll_output() {}
/// // A child that nobody knows has ended: nothing follows.
/// let (spawn, status) = (SpawnId(7), ExitStatus::Code(0));
/// supervisor.handle_input(now, Input::Exited { spawn, status });
/// assert_eq!(supervisor.poll_output(), Output::Wait(None));
/// ```
#[derive(Clone, Debug, Eq, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum Input<'a> {
    /// A deadline may have passed. Always safe, also when none has.
    Wake,

    // ---- processes ----
    /// A child runs. What happens to it between fork and exec is its own business: it is reported
    /// as output and an exit with status 127.
    Spawned {
        /// Which.
        spawn: SpawnId,
        /// Its pid.
        pid: Pid,
    },
    /// There is no child.
    SpawnFailed {
        /// Which.
        spawn: SpawnId,
        /// Why.
        error: SpawnError,
    },
    /// A child ended and was reaped. All its pending output has been reported before.
    Exited {
        /// Which.
        spawn: SpawnId,
        /// How.
        status: ExitStatus,
    },
    /// A child that is not ours ended: an orphan reaped as PID 1 or subreaper.
    OrphanReaped {
        /// Its pid.
        pid: Pid,
        /// How.
        status: ExitStatus,
    },
    /// A signal could not be sent.
    SignalFailed {
        /// To which child.
        spawn: SpawnId,
        /// What.
        signal: Signal,
        /// Why.
        error: SignalError,
    },
    /// A child wrote something.
    ChildOutput {
        /// Which.
        spawn: SpawnId,
        /// Where.
        stream: Stream,
        /// What: one read, never empty.
        #[cfg_attr(feature = "serde", serde(borrow, with = "crate::record::cow"))]
        data: Cow<'a, [u8]>,
    },
    /// A child closed one of its output channels.
    ChildClosed {
        /// Which.
        spawn: SpawnId,
        /// Which channel.
        stream: Stream,
    },
    /// All that was written to a child's standard input has been taken by the pipe.
    StdinProgress {
        /// Which child.
        spawn: SpawnId,
    },
    /// A child takes no more input; what was queued is dropped.
    StdinClosed {
        /// Which.
        spawn: SpawnId,
    },
    /// Answers `CheckCommand`.
    CommandChecked {
        /// Whose.
        process: ProcessId,
        /// Whether it could be executed.
        result: Result<(), SpawnError>,
    },
    /// Answers `OpenSocket`.
    SocketOpened {
        /// The group.
        group: GroupId,
    },
    /// Answers `OpenSocket`.
    SocketFailed {
        /// The group.
        group: GroupId,
        /// One plain sentence.
        error: String,
    },

    // ---- logs ----
    /// Answers `OpenLog`, `RotateLog`, `ReopenLog`, `ClearLog`.
    LogOpened {
        /// Which.
        log: LogId,
        /// The file's size now.
        size_bytes: u64,
        /// Whether it is a regular file, which can be rotated, cleared and read back.
        regular: bool,
    },
    /// A log could not be opened, rotated or written.
    LogFailed {
        /// Which.
        log: LogId,
        /// What was tried, and the system's reason: `could not write /x/y: ENOSPC`.
        error: String,
        /// Bytes of `WriteLog` that are lost.
        lost_bytes: u64,
        /// Whether the log can still be written to (a full disk, a rotation that could not rename);
        /// if not, it must be opened again first.
        open: bool,
    },
    /// Answers `ReadLog`.
    LogRead {
        /// Which request.
        read: ReadId,
        /// The bytes and the file's size, or why not.
        result: Result<LogPart, ReadError>,
    },

    // ---- clients ----
    /// Answers `Listen`.
    Listening {
        /// Which.
        server: ServerId,
    },
    /// Answers `Listen`.
    ListenFailed {
        /// Which.
        server: ServerId,
        /// Why.
        error: ListenError,
    },
    /// A client connected.
    ConnOpened {
        /// Names the connection.
        conn: ConnId,
        /// The server it came through.
        server: ServerId,
        /// `127.0.0.1:4711`, or empty for a Unix socket.
        peer: String,
    },
    /// A client sent something.
    ConnData {
        /// Which.
        conn: ConnId,
        /// What: one read, never empty.
        #[cfg_attr(feature = "serde", serde(borrow, with = "crate::record::cow"))]
        data: Cow<'a, [u8]>,
    },
    /// All that was sent to a client has been taken by the socket.
    ConnDrained {
        /// Which.
        conn: ConnId,
    },
    /// A connection is gone, whoever closed it. What was queued is dropped.
    ConnClosed {
        /// Which.
        conn: ConnId,
    },

    // ---- the daemon ----
    /// Whoever runs the core in its own process wants something: what clients ask for through a
    /// server, without one. What cannot be done is not done.
    Command(Command),
    /// The daemon received a signal (never CHLD: that is the runtime's business).
    Signal(Signal),
    /// Answers `ReadConfig`.
    ConfigRead {
        /// The new configuration with the messages its reading gave, or the error's text.
        result: Result<Box<ReadConfig>, String>,
    },
    /// Answers `WritePidfile`.
    PidfileWritten {
        /// Or the system's reason.
        result: Result<(), String>,
    },
    /// What the core is told is no longer recorded: the operator should know.
    RecordingEnded {
        /// Why.
        end: RecordingEnd,
    },
}

/// Why a recording ended before the daemon did.
#[derive(Clone, Debug, Eq, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum RecordingEnd {
    /// It may not grow any more.
    Full {
        /// Its maximal size.
        bytes_max: u64,
    },
    /// It could not be written.
    Failed {
        /// The system's reason: `ENOSPC`.
        error: String,
    },
}

/// A request from the program the core runs in.
///
/// ```
/// use visor_core::config::{Config, ProcessConfig};
/// use visor_core::{Action, Boot, Command, Input, Now, Output, Pid, Supervisor};
/// let mut helper = ProcessConfig::new("helper", "/bin/helper");
/// helper.autostart = false;
/// let config = Config::embedded().program(helper);
/// let boot = Boot { pid: Pid(1), seed: [0; 32], foreground: true, messages: vec![] };
/// let now = Now::default();
/// let mut supervisor = Supervisor::new(config, boot, now);
/// while let Output::Action(_) = supervisor.poll_output() {}
/// let id = supervisor.processes().next().map(|(id, ..)| id).expect("there is one");
/// supervisor.handle_input(now, Input::Command(Command::Start(id)));
/// assert!(matches!(supervisor.poll_output(), Output::Action(Action::Spawn { .. })));
/// ```
#[derive(Clone, Debug, Eq, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum Command {
    /// Start a process.
    Start(ProcessId),
    /// Stop a process.
    Stop(ProcessId),
    /// Send a process a signal.
    Signal(ProcessId, Signal),
    /// Add a group of the configuration that was read last.
    AddGroup(String),
    /// Remove a group all of whose processes are stopped.
    RemoveGroup(String),
    /// Read the configuration; groups can be added from it afterwards.
    Reread,
    /// Stop everything and start anew with a new configuration.
    Restart,
    /// Stop everything and end.
    Shutdown,
}

/// A configuration that has been read.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct ReadConfig {
    /// What it says.
    pub config: Config,
    /// Lines for the activity log: warnings, included files.
    pub messages: Vec<(LogLevel, String)>,
}

/// Why there is no child. What people are told is the reference's words for it:
///
/// ```
/// use visor_core::config::{Config, ProcessConfig};
/// use visor_core::{Action, Boot, Input, Now, Output, Pid, ProcessState};
/// use visor_core::{SpawnError, Supervisor};
/// let config = Config::embedded().program(ProcessConfig::new("web", "web"));
/// let now = Now::default();
/// let boot = Boot { pid: Pid(1), seed: [0; 32], foreground: true, messages: vec![] };
/// let mut supervisor = Supervisor::new(config, boot, now);
/// while let Output::Action(action) = supervisor.poll_output() {
///     if let Action::Spawn { spawn, .. } = action {
///         let error = SpawnError::NotFound("web".into());
///         supervisor.handle_input(now, Input::SpawnFailed { spawn, error });
///     }
/// }
/// let id = supervisor.processes().next().expect("there is one").0;
/// let web = supervisor.process_info(id, &now).expect("it exists");
/// assert_eq!(web.state, ProcessState::Backoff);
/// assert_eq!(web.spawnerr, "can't find command 'web'");
/// ```
#[derive(Clone, Debug, Eq, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum SpawnError {
    /// No such file, here or anywhere in `PATH`. Carries the program as it was given.
    NotFound(String),
    /// It is a directory. Carries the path, as do the next two.
    IsDirectory(String),
    /// No execute bit is set.
    NotExecutable(String),
    /// The daemon may not execute it.
    NoPermission(String),
    /// The command line cannot be split into words, or is empty. Carries the whole message.
    BadCommand(String),
    /// EMFILE while making pipes.
    TooManyFiles,
    /// Another error while making pipes. Carries its name: `ENFILE`.
    Pipes(String),
    /// EAGAIN from fork.
    TooManyProcesses,
    /// Another error from fork. Carries its name: `ENOMEM`.
    Fork(String),
}

/// Why a signal could not be sent.
#[derive(Clone, Debug, Eq, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum SignalError {
    /// ESRCH: it has just ended; the exit will be reported.
    NoSuchProcess,
    /// Anything else. Carries the error's name: `EPERM`.
    Other(String),
}

/// Bytes of a log file.
#[derive(Clone, Debug, Eq, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct LogPart {
    /// The bytes asked for, at most [`READ_BYTES_MAX`].
    #[cfg_attr(feature = "serde", serde(with = "crate::record::owned"))]
    pub data: Vec<u8>,
    /// Where `data` starts in the file.
    pub offset: u64,
    /// The file's size.
    pub size_bytes: u64,
}

/// Most bytes one [`LogRead`](Input::LogRead) carries. A client that asks for more than this gets
/// this much: the reference has no limit and reads whole files into memory.
pub const READ_BYTES_MAX: u64 = 16 << 20;

/// Why a log file could not be read.
#[derive(Clone, Debug, Eq, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum ReadError {
    /// There is no such file.
    NotFound,
    /// It is there, but cannot be read. Carries the error's name: `EACCES`.
    Failed(String),
}

/// Why a server cannot listen.
#[derive(Clone, Debug, Eq, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum ListenError {
    /// A live server has that address.
    InUse,
    /// Any other error: name and number.
    Os {
        /// `EACCES`.
        name: String,
        /// 13.
        number: i32,
    },
    /// One plain sentence: the host is unknown, the path is not a socket.
    Other(String),
}
