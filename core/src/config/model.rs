//! What a configuration means, once read: plain data, every default filled in, every value checked.
//!
//! The shapes follow `supervisord.conf`; a field has the name of its key.

use crate::{LogLevel, Signal};
use alloc::{string::String, sync::Arc, vec::Vec};
use core::time::Duration;

/// A whole configuration.
///
/// ```
/// use visor_core::config::Config;
/// let config = Config::default();
/// assert_eq!(config.supervisord.identifier, "supervisor");
/// assert!(config.groups.is_empty());
/// ```
#[derive(Clone, Debug, Default, Eq, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Config {
    /// `[supervisord]`.
    pub supervisord: SupervisordConfig,
    /// `[inet_http_server]` and `[unix_http_server]` sections, in the order they are opened.
    pub servers: Vec<ServerConfig>,
    /// Names of `[rpcinterface:x]` sections that use the built-in factory. Without one named
    /// so, the `supervisor.` methods are not served.
    pub rpc_interfaces: Vec<String>,
    /// All groups, sorted by (priority, name): single programs, `[group:x]`, listener pools and
    /// FastCGI groups alike.
    pub groups: Vec<GroupConfig>,
}

/// `[supervisord]`, command-line flags already applied.
#[derive(Clone, Debug, Eq, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[allow(clippy::struct_excessive_bools)]
pub struct SupervisordConfig {
    /// The activity log.
    pub logfile: LogTarget,
    /// Size at which the activity log is rotated, in bytes; 0: never.
    pub logfile_maxbytes: u64,
    /// How many rotated activity logs are kept.
    pub logfile_backups: u32,
    /// Least important level that is logged.
    pub loglevel: LogLevel,
    /// Where the daemon's pid is written; empty: nowhere.
    pub pidfile: String,
    /// File mode creation mask of the daemon; `None`: not set in the file, 022 when daemonizing.
    pub umask: Option<u32>,
    /// Stay in the foreground.
    pub nodaemon: bool,
    /// In the foreground, do not log to standard output.
    pub silent: bool,
    /// Least number of descriptors the daemon needs.
    pub minfds: u64,
    /// Least number of processes the daemon needs.
    pub minprocs: u64,
    /// Keep old AUTO logs at start.
    pub nocleanup: bool,
    /// Directory of AUTO logs.
    pub childlogdir: String,
    /// The user to become, when started as root.
    pub user: Option<User>,
    /// Directory to change to when daemonizing.
    pub directory: Option<String>,
    /// Remove ANSI escape sequences from children's output.
    pub strip_ansi: bool,
    /// Added to every child's environment, in order.
    pub environment: Vec<(String, String)>,
    /// The daemon's name, in events and AUTO logs.
    pub identifier: String,
}

impl Default for SupervisordConfig {
    fn default() -> Self {
        Self {
            logfile: LogTarget::File(String::from("supervisord.log")),
            logfile_maxbytes: 50 << 20,
            logfile_backups: 10,
            loglevel: LogLevel::Info,
            pidfile: String::from("supervisord.pid"),
            umask: None,
            nodaemon: false,
            silent: false,
            minfds: 1024,
            minprocs: 200,
            nocleanup: false,
            childlogdir: String::from("/tmp"),
            user: None,
            directory: None,
            strip_ansi: false,
            environment: Vec::new(),
            identifier: String::from("supervisor"),
        }
    }
}

/// A user, looked up while the configuration was read.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct User {
    /// Login name, as the user database has it; empty if it has none for `uid`.
    pub name: String,
    /// User number.
    pub uid: u32,
    /// The user's primary group.
    pub gid: u32,
}

/// An owner of a file: user and group numbers.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Owner {
    /// User number.
    pub uid: u32,
    /// Group number; `None`: the group stays as it is.
    pub gid: Option<u32>,
}

/// Where a log goes.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum LogTarget {
    /// Nowhere (`NONE`, `OFF`).
    None,
    /// A file of its own in `childlogdir`, named by the daemon.
    #[default]
    Auto,
    /// This file.
    File(String),
    /// The system's log (deprecated; only `[supervisord] logfile`; a program's becomes `None` with
    /// its `syslog` flag set).
    Syslog,
}

/// One `[unix_http_server]` or `[inet_http_server]`.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct ServerConfig {
    /// Section name, for messages.
    pub section: String,
    /// Where it listens.
    pub address: ServerAddress,
    /// Who may use it; `None`: whoever can connect.
    pub credentials: Option<Credentials>,
}

/// Where an HTTP server listens.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum ServerAddress {
    /// A Unix domain socket.
    Unix {
        /// Path of the socket.
        path: String,
        /// Permission bits.
        mode: u32,
        /// Owner, if not the daemon's own user.
        owner: Option<Owner>,
    },
    /// A TCP socket. An empty host: all IPv4 addresses, as Supervisor binds it.
    Tcp {
        /// Name or address, without brackets.
        host: String,
        /// Port.
        port: u16,
    },
}

/// A user name and password for HTTP basic authentication. `Debug` shows neither.
#[derive(Clone, Eq, Hash, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Credentials {
    /// User name.
    pub username: String,
    /// Password, or `{SHA}` and the hex SHA-1 of it.
    pub password: String,
}

impl core::fmt::Debug for Credentials {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("Credentials(***)")
    }
}

/// A group: what add, remove and update act on.
#[derive(Clone, Debug, Eq, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct GroupConfig {
    /// Unique name.
    pub name: String,
    /// Groups start in ascending, stop in descending order of (priority, name).
    pub priority: i64,
    /// What kind of group it is.
    pub kind: GroupKind,
    /// Its processes, sorted by (priority, name). Shared with what is made of them.
    pub processes: Vec<Arc<ProcessConfig>>,
}

/// What a group is besides a list of processes.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum GroupKind {
    /// `[program:x]` or `[group:x]`.
    #[default]
    Plain,
    /// `[eventlistener:x]`.
    Listener {
        /// How many events wait for a listener at most; at least 1.
        buffer_size: u32,
        /// Subscribed event types in upper case, in file order.
        events: Vec<String>,
    },
    /// `[fcgi-program:x]`: the processes share a listening socket as descriptor 0.
    Fcgi(FcgiSocket),
}

/// The socket that the processes of a FastCGI group share.
///
/// ```
/// use visor_core::config::{FcgiSocket, ServerAddress};
/// let address = ServerAddress::Tcp { host: "localhost".into(), port: 9000 };
/// assert_eq!(FcgiSocket { address, backlog: None }.url(), "tcp://localhost:9000");
/// ```
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct FcgiSocket {
    /// Where it listens; [`ServerAddress::Unix`] has `socket_mode` and `socket_owner`.
    pub address: ServerAddress,
    /// `socket_backlog`; `None`: the system's maximum.
    pub backlog: Option<u32>,
}

impl FcgiSocket {
    /// `unix:///path` or `tcp://host:port`, as log lines name it.
    #[must_use]
    pub fn url(&self) -> String {
        match &self.address {
            ServerAddress::Unix { path, .. } => alloc::format!("unix://{path}"),
            ServerAddress::Tcp { host, port } => alloc::format!("tcp://{host}:{port}"),
        }
    }
}

/// One process, its program's options expanded for its number.
///
/// ```
/// use std::time::Duration;
/// use visor_core::config::{AutoRestart, ProcessConfig};
/// let web = ProcessConfig::new("web", "/bin/web");
/// assert_eq!(web.start_time(), Duration::from_secs(1));
/// assert_eq!(web.stop_time(), Duration::from_secs(10));
/// assert_eq!(web.autorestart, AutoRestart::Unexpected);
/// ```
#[derive(Clone, Debug, Eq, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[allow(clippy::struct_excessive_bools)]
pub struct ProcessConfig {
    /// `process_name`.
    pub name: String,
    /// Command line, to be split with shell-word rules at each start.
    pub command: String,
    /// Order within the group.
    pub priority: i64,
    /// Start with the daemon, or when the group is added.
    pub autostart: bool,
    /// How long it must stay up to count as started. Seconds; negative is as 0.
    pub startsecs: i64,
    /// How many times a failed start is tried again.
    pub startretries: i64,
    /// Whether an exit leads to a new start.
    pub autorestart: AutoRestart,
    /// Exit codes that are expected.
    pub exitcodes: Vec<i32>,
    /// What asks it to stop.
    pub stopsignal: Signal,
    /// How long after that SIGKILL follows. Seconds.
    pub stopwaitsecs: i64,
    /// The stop signal goes to the whole process group.
    pub stopasgroup: bool,
    /// SIGKILL goes to the whole process group.
    pub killasgroup: bool,
    /// The user to run as.
    pub user: Option<User>,
    /// Working directory.
    pub directory: Option<String>,
    /// File mode creation mask.
    pub umask: Option<u32>,
    /// Added to the environment, in order; `[supervisord] environment` is already merged in.
    pub environment: Vec<(String, String)>,
    /// `SUPERVISOR_SERVER_URL`, if not derived from the servers.
    pub serverurl: Option<String>,
    /// Standard error goes where standard output goes.
    pub redirect_stderr: bool,
    /// `stdout_*`.
    pub stdout: OutputConfig,
    /// `stderr_*`.
    pub stderr: OutputConfig,
}

impl ProcessConfig {
    /// `startsecs` as a duration.
    #[must_use]
    pub fn start_time(&self) -> Duration {
        Duration::from_secs(u64::try_from(self.startsecs).unwrap_or(0))
    }

    /// `stopwaitsecs` as a duration.
    #[must_use]
    pub fn stop_time(&self) -> Duration {
        Duration::from_secs(u64::try_from(self.stopwaitsecs).unwrap_or(0))
    }

    /// A process that runs `command`, everything else as when the file says nothing.
    ///
    /// ```
    /// let web = visor_core::config::ProcessConfig::new("web", "/usr/bin/web --port 80");
    /// assert_eq!(web.startretries, 3);
    /// ```
    #[must_use]
    pub fn new(name: &str, command: &str) -> Self {
        Self {
            name: name.into(),
            command: command.into(),
            priority: 999,
            autostart: true,
            startsecs: 1,
            startretries: 3,
            autorestart: AutoRestart::Unexpected,
            exitcodes: alloc::vec![0],
            stopsignal: Signal::TERM,
            stopwaitsecs: 10,
            stopasgroup: false,
            killasgroup: false,
            user: None,
            directory: None,
            umask: None,
            environment: Vec::new(),
            serverurl: None,
            redirect_stderr: false,
            stdout: OutputConfig::default(),
            stderr: OutputConfig::default(),
        }
    }
}

/// `autorestart`.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum AutoRestart {
    /// `false`.
    Never,
    /// `true`.
    Always,
    /// `unexpected`: only when the exit code is not in `exitcodes`.
    Unexpected,
}

/// What becomes of one output stream.
#[derive(Clone, Debug, Eq, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct OutputConfig {
    /// `*_logfile`.
    pub logfile: LogTarget,
    /// `*_logfile_maxbytes`; 0: never rotated.
    pub maxbytes: u64,
    /// `*_logfile_backups`.
    pub backups: u32,
    /// `*_capture_maxbytes`; 0: no capture mode.
    pub capture_maxbytes: u64,
    /// `*_events_enabled`.
    pub events_enabled: bool,
    /// `*_syslog`.
    pub syslog: bool,
}

impl Default for OutputConfig {
    fn default() -> Self {
        Self {
            logfile: LogTarget::Auto,
            maxbytes: 50 << 20,
            backups: 10,
            capture_maxbytes: 0,
            events_enabled: false,
            syslog: false,
        }
    }
}
