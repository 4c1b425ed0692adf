//! Every section and key that is known, as data: the reader takes its defaults from here, the
//! warning about unknown names its suggestions, and the documentation its tables.

/// What a value looks like.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Kind {
    /// Any text.
    Text,
    /// A whole number.
    Integer,
    /// yes, true, on, 1 or no, false, off, 0.
    Boolean,
    /// Bytes, with KB, MB or GB.
    ByteSize,
    /// An octal number.
    Octal,
    /// A signal's name or number.
    Signal,
    /// Exit codes, separated by commas.
    ExitCodes,
    /// true, false or unexpected.
    AutoRestart,
    /// critical, error, warn, info, debug, trace or blather.
    LogLevel,
    /// A user's name or number.
    User,
    /// `user` or `user:group`.
    Owner,
    /// A directory that exists.
    Directory,
    /// A path in a directory that exists.
    Path,
    /// Such a path, or NONE, AUTO.
    LogFile,
    /// `KEY="value",KEY2="value"`.
    Pairs,
    /// Names, separated by commas.
    Names,
    /// Patterns of files, separated by spaces.
    Patterns,
    /// `host:port` or a port.
    Address,
    /// `tcp://host:port` or `unix:///path`.
    Socket,
}

impl Kind {
    /// How documentation and `--check` name the kind.
    #[must_use]
    pub const fn describe(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Integer => "integer",
            Self::Boolean => "boolean",
            Self::ByteSize => "byte size",
            Self::Octal => "octal number",
            Self::Signal => "signal",
            Self::ExitCodes => "exit codes",
            Self::AutoRestart => "true, false or unexpected",
            Self::LogLevel => "log level",
            Self::User => "user",
            Self::Owner => "user or user:group",
            Self::Directory => "existing directory",
            Self::Path => "path in an existing directory",
            Self::LogFile => "log file, NONE or AUTO",
            Self::Pairs => "KEY=\"value\" list",
            Self::Names => "list of names",
            Self::Patterns => "list of file patterns",
            Self::Address => "host:port",
            Self::Socket => "tcp:// or unix:// address",
        }
    }
}

/// One key.
#[derive(Debug)]
pub struct Key {
    /// Its name.
    pub name: &'static str,
    /// What its value looks like.
    pub kind: Kind,
    /// The value it has when it is not given, in the file's own syntax; `None`: none.
    pub default: Option<&'static str>,
    /// A value that it may be given, another one than the default if there is another.
    pub example: &'static str,
    /// One line for people.
    pub doc: &'static str,
}

/// One kind of section.
///
/// ```
/// use visor_core::config::schema::SECTIONS;
/// let program = SECTIONS.iter().find(|section| section.name == "program").expect("it is known");
/// let key = program.keys.iter().find(|key| key.name == "startsecs").expect("it has this key");
/// assert_eq!((key.default, key.kind.describe()), (Some("1"), "integer"));
/// ```
#[derive(Debug)]
pub struct Section {
    /// Its name, without the part behind the colon.
    pub name: &'static str,
    /// Whether it is `[name:x]`, `[name]`, or may be either.
    pub naming: Naming,
    /// Its keys, most important first.
    pub keys: &'static [&'static Key],
    /// Whether other keys mean something too (they are passed to a plug-in).
    pub open: bool,
    /// One line for people.
    pub doc: &'static str,
}

/// How a section's header is written.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Naming {
    /// `[name]`.
    Plain,
    /// `[name:x]`.
    Named,
    /// `[name]` or `[name:x]`.
    Either,
}

macro_rules! keys {
    ($($id:ident $name:literal $kind:ident $default:expr, $example:literal, $doc:literal;)*) => {
        $(pub(in crate::config) static $id: Key =
            Key { name: $name, kind: Kind::$kind, default: $default, example: $example, doc: $doc };)*
    };
}

/// Keys of `[supervisord]`.
pub(super) mod daemon {
    use super::{Key, Kind};
    keys! {
        LOGFILE "logfile" Path Some("supervisord.log"), "/var/log/supervisor/supervisord.log", "The activity log; `syslog` for the system's log.";
        LOGFILE_MAXBYTES "logfile_maxbytes" ByteSize Some("50MB"), "10MB", "Size at which the activity log is rotated; 0: never.";
        LOGFILE_BACKUPS "logfile_backups" Integer Some("10"), "5", "How many rotated activity logs are kept.";
        LOGLEVEL "loglevel" LogLevel Some("info"), "warn", "Least important level that is logged.";
        PIDFILE "pidfile" Path Some("supervisord.pid"), "/run/supervisord.pid", "Where the daemon's process number is written.";
        UMASK "umask" Octal Some("022"), "027", "File mode creation mask of the daemon; the default holds in the background only.";
        NODAEMON "nodaemon" Boolean Some("false"), "true", "Stay in the foreground.";
        SILENT "silent" Boolean Some("false"), "true", "Write no log to standard output in the foreground.";
        MINFDS "minfds" Integer Some("1024"), "4096", "Least number of file descriptors that must be available.";
        MINPROCS "minprocs" Integer Some("200"), "500", "Least number of processes that must be available.";
        NOCLEANUP "nocleanup" Boolean Some("false"), "true", "Keep the AUTO logs of earlier runs.";
        CHILDLOGDIR "childlogdir" Directory None, "/var/log/supervisor", "Directory of AUTO logs; the system's directory for temporary files.";
        USER "user" User None, "www-data", "The user to become when started as root.";
        DIRECTORY "directory" Directory None, "/srv", "Directory to change to when becoming a daemon.";
        STRIP_ANSI "strip_ansi" Boolean Some("false"), "true", "Remove ANSI escape sequences from the programs' logs.";
        ENVIRONMENT "environment" Pairs Some(""), "KEY=\"value\",OTHER=\"a, b\"", "Added to the environment of every program.";
        IDENTIFIER "identifier" Text Some("supervisor"), "site", "The daemon's name, in events and names of AUTO logs.";
    }
}

/// Keys of the HTTP servers.
pub(super) mod server {
    use super::{Key, Kind};
    keys! {
        FILE "file" Text None, "/run/supervisor.sock", "Path of the socket. Required.";
        CHMOD "chmod" Octal Some("0700"), "0770", "Permissions of the socket.";
        CHOWN "chown" Owner None, "root:adm", "Owner of the socket.";
        PORT "port" Address None, "127.0.0.1:9001", "Where to listen: `127.0.0.1:9001`, `*:9001` or `9001`. Required.";
        USERNAME "username" Text None, "me", "Name that clients must give; goes with `password`.";
        PASSWORD "password" Text None, "secret", "Password that clients must give, or `{SHA}` and its SHA-1 in hex; goes with `username`.";
    }
}

/// Keys of `[supervisorctl]`.
pub(super) mod ctl {
    use super::{Key, Kind};
    keys! {
        SERVERURL "serverurl" Text Some("http://localhost:9001"), "unix:///run/supervisor.sock", "Where the daemon listens: `unix:///path` or `http://host:port`.";
        USERNAME "username" Text None, "me", "Name to give to the daemon.";
        PASSWORD "password" Text None, "123", "Password to give to the daemon.";
        PROMPT "prompt" Text Some("supervisor"), "site", "Prompt of the interactive shell.";
        HISTORY_FILE "history_file" Text None, "~/.sc_history", "File that keeps the shell's history.";
    }
}

/// Keys of `[program:x]`; `[fcgi-program:x]` and `[eventlistener:x]` have them too.
pub(super) mod program {
    use super::{Key, Kind};
    keys! {
        COMMAND "command" Text None, "/usr/bin/web --port 8080", "The command line to run. Required.";
        PROCESS_NAME "process_name" Text Some("%(program_name)s"), "%(program_name)s_%(process_num)02d", "Name of a process; needs `%(process_num)` when numprocs is above 1.";
        NUMPROCS "numprocs" Integer Some("1"), "4", "How many processes to run.";
        NUMPROCS_START "numprocs_start" Integer Some("0"), "1", "Number of the first process.";
        PRIORITY "priority" Integer Some("999"), "10", "Low numbers start first and stop last.";
        AUTOSTART "autostart" Boolean Some("true"), "false", "Start with the daemon.";
        STARTSECS "startsecs" Integer Some("1"), "5", "Seconds to stay up before the start counts as successful.";
        STARTRETRIES "startretries" Integer Some("3"), "10", "How many times a failed start is tried again.";
        AUTORESTART "autorestart" AutoRestart Some("unexpected"), "true", "Whether to start again after an exit.";
        EXITCODES "exitcodes" ExitCodes Some("0"), "0,2", "Exit codes that are expected.";
        STOPSIGNAL "stopsignal" Signal Some("TERM"), "INT", "Signal that asks the program to stop.";
        STOPWAITSECS "stopwaitsecs" Integer Some("10"), "60", "Seconds to wait for that before SIGKILL.";
        STOPASGROUP "stopasgroup" Boolean Some("false"), "true", "Send the stop signal to the whole process group.";
        KILLASGROUP "killasgroup" Boolean None, "true", "Send SIGKILL to the whole process group; as stopasgroup.";
        USER "user" User None, "www-data", "The user to run as.";
        REDIRECT_STDERR "redirect_stderr" Boolean Some("false"), "true", "Send standard error where standard output goes.";
        STDOUT_LOGFILE "stdout_logfile" LogFile Some("AUTO"), "/var/log/web.log", "Log of standard output.";
        STDOUT_LOGFILE_MAXBYTES "stdout_logfile_maxbytes" ByteSize Some("50MB"), "10MB", "Size at which that log is rotated; 0: never.";
        STDOUT_LOGFILE_BACKUPS "stdout_logfile_backups" Integer Some("10"), "0", "How many rotated logs are kept.";
        STDOUT_CAPTURE_MAXBYTES "stdout_capture_maxbytes" ByteSize Some("0"), "64KB", "Most bytes captured for one event; 0: no capture.";
        STDOUT_EVENTS_ENABLED "stdout_events_enabled" Boolean Some("false"), "true", "Make an event of everything written.";
        STDOUT_SYSLOG "stdout_syslog" Boolean Some("false"), "true", "Send what is written to the system's log too.";
        STDERR_LOGFILE "stderr_logfile" LogFile Some("AUTO"), "NONE", "Log of standard error.";
        STDERR_LOGFILE_MAXBYTES "stderr_logfile_maxbytes" ByteSize Some("50MB"), "1MB", "Size at which that log is rotated; 0: never.";
        STDERR_LOGFILE_BACKUPS "stderr_logfile_backups" Integer Some("10"), "3", "How many rotated logs are kept.";
        STDERR_CAPTURE_MAXBYTES "stderr_capture_maxbytes" ByteSize Some("0"), "64KB", "Most bytes captured for one event; 0: no capture.";
        STDERR_EVENTS_ENABLED "stderr_events_enabled" Boolean Some("false"), "true", "Make an event of everything written.";
        STDERR_SYSLOG "stderr_syslog" Boolean Some("false"), "true", "Send what is written to the system's log too.";
        ENVIRONMENT "environment" Pairs Some(""), "HOME=\"/srv\",LANG=\"C.UTF-8\"", "Added to the program's environment.";
        DIRECTORY "directory" Text None, "/srv/web", "Directory to run in.";
        UMASK "umask" Octal None, "027", "File mode creation mask.";
        SERVERURL "serverurl" Text Some("AUTO"), "unix:///run/supervisor.sock", "What SUPERVISOR_SERVER_URL says; AUTO: where the daemon listens.";
    }
}

/// Further keys of `[eventlistener:x]`.
pub(super) mod listener {
    use super::{Key, Kind};
    keys! {
        EVENTS "events" Names None, "PROCESS_STATE_FATAL,TICK_60", "Event types to be told of. Required.";
        BUFFER_SIZE "buffer_size" Integer Some("10"), "100", "How many events may wait.";
        PRIORITY "priority" Integer Some("-1"), "-10", "Low numbers start first and stop last.";
        RESULT_HANDLER "result_handler" Text Some("supervisor.dispatchers:default_handler"), "supervisor.dispatchers:default_handler", "Only the default can be named.";
    }
}

/// Further keys of `[fcgi-program:x]`.
pub(super) mod fcgi {
    use super::{Key, Kind};
    keys! {
        SOCKET "socket" Socket None, "unix:///run/%(program_name)s.sock", "The socket the processes share. Required.";
        SOCKET_BACKLOG "socket_backlog" Integer None, "128", "Length of the queue of waiting connections, 1 to 65535.";
        SOCKET_OWNER "socket_owner" Owner None, "www-data:www-data", "Owner of a Unix socket.";
        SOCKET_MODE "socket_mode" Octal Some("0700"), "0770", "Permissions of a Unix socket.";
    }
}

/// Keys of the remaining sections.
pub(super) mod other {
    use super::{Key, Kind};
    keys! {
        FILES "files" Patterns None, "conf.d/*.conf", "Files to read as well, relative to the main file's directory. Required.";
        PROGRAMS "programs" Names Some(""), "web,worker", "The programs in the group.";
        PRIORITY "priority" Integer Some("999"), "10", "Low numbers start first and stop last.";
        RPC_FACTORY "supervisor.rpcinterface_factory" Text None, "supervisor.rpcinterface:make_main_rpcinterface", "Only `supervisor.rpcinterface:make_main_rpcinterface` can be named.";
        CTL_FACTORY "supervisor.ctl_factory" Text None, "package.module:factory", "Python code, which cannot be loaded.";
    }
}

/// The factory that makes the built-in RPC interface.
pub const MAIN_RPC_FACTORY: &str = "supervisor.rpcinterface:make_main_rpcinterface";

/// Whether `spec` names the object `known` as Python's entry points do: `module:object`, spaces
/// around the colon, and extras in brackets behind it that mean nothing.
#[cfg(feature = "ini")]
pub(super) fn names_object(spec: &str, known: &str) -> bool {
    let object = spec.split('[').next().unwrap_or(spec);
    let parts = object.split_once(':');
    parts.map(|(module, name)| (module.trim(), name.trim())) == known.split_once(':')
}

/// Why a plug-in cannot be used; ends the message that names it.
#[cfg(feature = "ini")]
pub(super) const NO_PYTHON: &str = "it is Python code, which cannot be loaded";

/// All sections.
pub static SECTIONS: [Section; 12] = [
    Section {
        name: "supervisord",
        naming: Naming::Plain,
        keys: &DAEMON,
        open: false,
        doc: "The daemon itself. Required.",
    },
    Section {
        name: "unix_http_server",
        naming: Naming::Either,
        keys: &UNIX,
        open: false,
        doc: "A socket that supervisorctl talks to.",
    },
    Section {
        name: "inet_http_server",
        naming: Naming::Either,
        keys: &INET,
        open: false,
        doc: "A TCP port for supervisorctl and browsers.",
    },
    Section {
        name: "supervisorctl",
        naming: Naming::Plain,
        keys: &CTL,
        open: false,
        doc: "Settings of supervisorctl.",
    },
    Section {
        name: "program",
        naming: Naming::Named,
        keys: &PROGRAM,
        open: false,
        doc: "A program to run.",
    },
    Section {
        name: "group",
        naming: Naming::Named,
        keys: &GROUP,
        open: false,
        doc: "Programs that are handled together.",
    },
    Section {
        name: "fcgi-program",
        naming: Naming::Named,
        keys: &FCGI,
        open: false,
        doc: "A FastCGI program whose processes share a socket.",
    },
    Section {
        name: "eventlistener",
        naming: Naming::Named,
        keys: &LISTENER,
        open: false,
        doc: "A program that is told of events. Its redirect_stderr must be false.",
    },
    Section {
        name: "include",
        naming: Naming::Plain,
        keys: &[&other::FILES],
        open: false,
        doc: "Further files.",
    },
    Section {
        name: "rpcinterface",
        naming: Naming::Named,
        keys: &[&other::RPC_FACTORY],
        open: true,
        doc: "An RPC interface.",
    },
    Section {
        name: "ctlplugin",
        naming: Naming::Named,
        keys: &[&other::CTL_FACTORY],
        open: true,
        doc: "A plug-in of supervisorctl.",
    },
    // No section of its own, but a header that means something.
    Section {
        name: "DEFAULT",
        naming: Naming::Plain,
        keys: &[],
        open: true,
        doc: "Options that every other section has unless it sets them itself.",
    },
];

static DAEMON: [&Key; 17] = [
    &daemon::LOGFILE,
    &daemon::LOGFILE_MAXBYTES,
    &daemon::LOGFILE_BACKUPS,
    &daemon::LOGLEVEL,
    &daemon::PIDFILE,
    &daemon::UMASK,
    &daemon::NODAEMON,
    &daemon::SILENT,
    &daemon::MINFDS,
    &daemon::MINPROCS,
    &daemon::NOCLEANUP,
    &daemon::CHILDLOGDIR,
    &daemon::USER,
    &daemon::DIRECTORY,
    &daemon::STRIP_ANSI,
    &daemon::ENVIRONMENT,
    &daemon::IDENTIFIER,
];

static UNIX: [&Key; 5] = [
    &server::FILE,
    &server::CHMOD,
    &server::CHOWN,
    &server::USERNAME,
    &server::PASSWORD,
];

static INET: [&Key; 3] = [&server::PORT, &server::USERNAME, &server::PASSWORD];

static CTL: [&Key; 5] = [
    &ctl::SERVERURL,
    &ctl::USERNAME,
    &ctl::PASSWORD,
    &ctl::PROMPT,
    &ctl::HISTORY_FILE,
];

static GROUP: [&Key; 2] = [&other::PROGRAMS, &other::PRIORITY];

macro_rules! program_keys {
    ($($more:expr),*) => {[
        $($more,)*
        &program::COMMAND, &program::PROCESS_NAME, &program::NUMPROCS, &program::NUMPROCS_START,
        &program::PRIORITY, &program::AUTOSTART, &program::STARTSECS, &program::STARTRETRIES,
        &program::AUTORESTART, &program::EXITCODES, &program::STOPSIGNAL, &program::STOPWAITSECS,
        &program::STOPASGROUP, &program::KILLASGROUP, &program::USER, &program::REDIRECT_STDERR,
        &program::STDOUT_LOGFILE, &program::STDOUT_LOGFILE_MAXBYTES,
        &program::STDOUT_LOGFILE_BACKUPS, &program::STDOUT_CAPTURE_MAXBYTES,
        &program::STDOUT_EVENTS_ENABLED, &program::STDOUT_SYSLOG,
        &program::STDERR_LOGFILE, &program::STDERR_LOGFILE_MAXBYTES,
        &program::STDERR_LOGFILE_BACKUPS, &program::STDERR_CAPTURE_MAXBYTES,
        &program::STDERR_EVENTS_ENABLED, &program::STDERR_SYSLOG,
        &program::ENVIRONMENT, &program::DIRECTORY, &program::UMASK, &program::SERVERURL,
    ]};
}

static PROGRAM: [&Key; 32] = program_keys!();
static FCGI: [&Key; 36] = program_keys!(
    &fcgi::SOCKET,
    &fcgi::SOCKET_BACKLOG,
    &fcgi::SOCKET_OWNER,
    &fcgi::SOCKET_MODE
);
static LISTENER: [&Key; 36] = program_keys!(
    &listener::EVENTS,
    &listener::BUFFER_SIZE,
    &listener::PRIORITY,
    &listener::RESULT_HANDLER
);

/// All event types that a listener can subscribe to.
pub static EVENT_TYPES: [&str; 27] = [
    "EVENT",
    "PROCESS_COMMUNICATION",
    "PROCESS_COMMUNICATION_STDERR",
    "PROCESS_COMMUNICATION_STDOUT",
    "PROCESS_GROUP",
    "PROCESS_GROUP_ADDED",
    "PROCESS_GROUP_REMOVED",
    "PROCESS_LOG",
    "PROCESS_LOG_STDERR",
    "PROCESS_LOG_STDOUT",
    "PROCESS_STATE",
    "PROCESS_STATE_BACKOFF",
    "PROCESS_STATE_EXITED",
    "PROCESS_STATE_FATAL",
    "PROCESS_STATE_RUNNING",
    "PROCESS_STATE_STARTING",
    "PROCESS_STATE_STOPPED",
    "PROCESS_STATE_STOPPING",
    "PROCESS_STATE_UNKNOWN",
    "REMOTE_COMMUNICATION",
    "SUPERVISOR_STATE_CHANGE",
    "SUPERVISOR_STATE_CHANGE_RUNNING",
    "SUPERVISOR_STATE_CHANGE_STOPPING",
    "TICK",
    "TICK_3600",
    "TICK_5",
    "TICK_60",
];

/// The kind of section that a header names.
///
/// ```
/// use visor_core::config::schema;
/// assert_eq!(schema::section("program:web").unwrap().name, "program");
/// assert!(schema::section("programm:web").is_none());
/// ```
#[must_use]
pub fn section(header: &str) -> Option<&'static Section> {
    let (base, named) = match header.split_once(':') {
        Some((base, _)) => (base, true),
        None => (header, false),
    };
    let section = SECTIONS.iter().find(|section| section.name == base)?;
    let fits = match section.naming {
        Naming::Plain => !named,
        Naming::Named => named,
        Naming::Either => true,
    };
    fits.then_some(section)
}

impl Section {
    /// The key of that name.
    #[must_use]
    pub fn key(&self, name: &str) -> Option<&'static Key> {
        self.keys.iter().find(|key| key.name == name).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_key_is_listed_once_and_explained() {
        for section in &SECTIONS {
            assert!(section.doc.ends_with('.'), "{}", section.name);
            for key in section.keys {
                let same = section.keys.iter().filter(|other| other.name == key.name);
                // A listener's priority hides that of any program.
                let allowed = if section.name == "eventlistener" && key.name == "priority" {
                    2
                } else {
                    1
                };
                assert_eq!(same.count(), allowed, "{} {}", section.name, key.name);
                assert!(key.doc.ends_with('.'), "{}", key.name);
                assert_eq!(key.name, key.name.to_lowercase());
            }
        }
    }

    #[test]
    fn objects_are_named_as_entry_points_are() {
        assert!(names_object(MAIN_RPC_FACTORY, MAIN_RPC_FACTORY));
        let spaced = "supervisor.rpcinterface : make_main_rpcinterface\n[y]";
        assert!(names_object(spaced, MAIN_RPC_FACTORY));
        assert!(!names_object("supervisor.rpcinterface", MAIN_RPC_FACTORY));
    }
}
