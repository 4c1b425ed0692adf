//! The actions: names, forms and help. One table, from which the shell's help, the completions and
//! the manual page are made.

use alloc::{format, string::String, vec::Vec};

/// What can be asked for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Action {
    /// Make a group of the last read configuration active.
    Add,
    /// List configured processes.
    Avail,
    /// Empty logs.
    Clear,
    /// Leave the shell.
    Exit,
    /// Attach to a process.
    Fg,
    /// Explain.
    Help,
    /// Show or follow the activity log.
    Maintail,
    /// Talk to another server.
    Open,
    /// Show pids.
    Pid,
    /// Leave the shell.
    Quit,
    /// Restart the daemon.
    Reload,
    /// Take a stopped group out.
    Remove,
    /// Read the configuration, changing nothing that runs.
    Reread,
    /// Stop and start processes.
    Restart,
    /// End the daemon.
    Shutdown,
    /// Send a signal to processes.
    Signal,
    /// Start processes.
    Start,
    /// Show states.
    Status,
    /// Stop processes.
    Stop,
    /// Show or follow a process's log.
    Tail,
    /// Read the configuration and apply what changed.
    Update,
    /// Show the server's version.
    Version,
    /// End of input.
    Eof,
    /// Print what could complete a line: nothing that can be typed, see `Ctl::complete`.
    Complete,
}

/// What an action's arguments name, for completion.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Arguments {
    /// Nothing.
    None,
    /// Processes and `group:*`.
    Processes,
    /// A signal, then processes.
    SignalAndProcesses,
    /// Groups.
    Groups,
    /// An option, one process, a channel.
    Log,
    /// One process.
    Process,
    /// An action.
    Action,
    /// Something that cannot be guessed.
    Free,
}

/// How an action is used.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct ActionHelp {
    /// Which action.
    pub action: Action,
    /// Its name.
    pub name: &'static str,
    /// What it does, in one line.
    pub summary: &'static str,
    /// Forms and what each does.
    pub forms: &'static [(&'static str, &'static str)],
    /// What else one should know; may be empty.
    pub notes: &'static str,
    /// Lines as one would type them.
    pub examples: &'static [&'static str],
    /// What the arguments name.
    pub arguments: Arguments,
}

/// All actions that people see, sorted by name.
pub const ACTIONS: &[ActionHelp] = &[
    ActionHelp {
        action: Action::Add,
        name: "add",
        summary: "activate groups that reread found",
        forms: &[(
            "add GROUP...",
            "activate each group; its autostart processes start",
        )],
        notes: "Run reread first. update does both, and removes what is gone.",
        examples: &["add web"],
        arguments: Arguments::Groups,
    },
    ActionHelp {
        action: Action::Avail,
        name: "avail",
        summary: "list what is configured",
        forms: &[(
            "avail",
            "each process: in use or not, started automatically or not, priorities",
        )],
        notes: "",
        examples: &["avail"],
        arguments: Arguments::None,
    },
    ActionHelp {
        action: Action::Clear,
        name: "clear",
        summary: "empty the logs of processes",
        forms: &[
            (
                "clear NAME...",
                "empty stdout and stderr logs of these processes",
            ),
            ("clear GROUP:*", "of all processes in a group"),
            ("clear all", "of all processes"),
        ],
        notes: "",
        examples: &["clear web", "clear workers:*"],
        arguments: Arguments::Processes,
    },
    ActionHelp {
        action: Action::Exit,
        name: "exit",
        summary: "leave the shell",
        forms: &[("exit", "leave the shell; quit and ^D do the same")],
        notes: "",
        examples: &["exit"],
        arguments: Arguments::None,
    },
    ActionHelp {
        action: Action::Fg,
        name: "fg",
        summary: "attach to a process",
        forms: &[(
            "fg NAME",
            "show its output as it comes, and send it the lines you type",
        )],
        notes: "Ctrl-C or Ctrl-D detaches; the process runs on.",
        examples: &["fg console"],
        arguments: Arguments::Process,
    },
    ActionHelp {
        action: Action::Help,
        name: "help",
        summary: "explain an action",
        forms: &[
            ("help", "list the actions"),
            ("help ACTION", "explain one of them"),
        ],
        notes: "",
        examples: &["help start"],
        arguments: Arguments::Action,
    },
    ActionHelp {
        action: Action::Maintail,
        name: "maintail",
        summary: "show the daemon's own log",
        forms: &[
            ("maintail", "the last 1600 bytes of the activity log"),
            ("maintail -N", "the last N bytes"),
            ("maintail -f", "its end, and then what comes, until Ctrl-C"),
        ],
        notes: "",
        examples: &["maintail -4000", "maintail -f"],
        arguments: Arguments::Free,
    },
    ActionHelp {
        action: Action::Open,
        name: "open",
        summary: "talk to another server",
        forms: &[(
            "open URL",
            "use this server from now on, and show its status",
        )],
        notes: "URLs are http://HOST:PORT, http://[IPV6]:PORT or unix:///PATH.",
        examples: &[
            "open http://localhost:9001",
            "open unix:///run/supervisor.sock",
        ],
        arguments: Arguments::Free,
    },
    ActionHelp {
        action: Action::Pid,
        name: "pid",
        summary: "show process ids",
        forms: &[
            ("pid", "the daemon's own"),
            (
                "pid NAME...",
                "those of processes; 0 for one that does not run",
            ),
            ("pid all", "those of all processes"),
        ],
        notes: "",
        examples: &["pid web"],
        arguments: Arguments::Processes,
    },
    ActionHelp {
        action: Action::Quit,
        name: "quit",
        summary: "leave the shell",
        forms: &[("quit", "leave the shell; exit and ^D do the same")],
        notes: "",
        examples: &["quit"],
        arguments: Arguments::None,
    },
    ActionHelp {
        action: Action::Reload,
        name: "reload",
        summary: "restart the daemon",
        forms: &[(
            "reload",
            "stop all processes, read the configuration, start again",
        )],
        notes: "To apply changes without stopping what has not changed, use update.",
        examples: &["reload"],
        arguments: Arguments::None,
    },
    ActionHelp {
        action: Action::Remove,
        name: "remove",
        summary: "deactivate stopped groups",
        forms: &[(
            "remove GROUP...",
            "take each group out of the running configuration",
        )],
        notes: "All processes of the group must be stopped first.",
        examples: &["remove web"],
        arguments: Arguments::Groups,
    },
    ActionHelp {
        action: Action::Reread,
        name: "reread",
        summary: "read the configuration files",
        forms: &[("reread", "read them and list what is new, changed or gone")],
        notes: "Nothing is started or stopped. add, remove and update apply what was found.",
        examples: &["reread"],
        arguments: Arguments::None,
    },
    ActionHelp {
        action: Action::Restart,
        name: "restart",
        summary: "stop and start processes",
        forms: &[
            ("restart NAME...", "stop these processes, then start them"),
            ("restart GROUP:*", "all processes in a group"),
            ("restart all", "all processes"),
        ],
        notes: "The configuration files are not read anew: for that, see reread and update.",
        examples: &["restart web", "restart workers:*"],
        arguments: Arguments::Processes,
    },
    ActionHelp {
        action: Action::Shutdown,
        name: "shutdown",
        summary: "end the daemon",
        forms: &[("shutdown", "stop all processes and end supervisord")],
        notes: "",
        examples: &["shutdown"],
        arguments: Arguments::None,
    },
    ActionHelp {
        action: Action::Signal,
        name: "signal",
        summary: "send a signal to processes",
        forms: &[
            ("signal SIGNAL NAME...", "to these processes"),
            ("signal SIGNAL GROUP:*", "to all processes in a group"),
            ("signal SIGNAL all", "to all processes that run"),
        ],
        notes: "SIGNAL is a name, with or without SIG, or a number.",
        examples: &["signal HUP web", "signal USR1 workers:*"],
        arguments: Arguments::SignalAndProcesses,
    },
    ActionHelp {
        action: Action::Start,
        name: "start",
        summary: "start processes",
        forms: &[
            (
                "start NAME...",
                "start these processes and wait until they run",
            ),
            ("start GROUP:*", "all processes in a group"),
            ("start all", "all processes"),
        ],
        notes: "",
        examples: &["start web", "start web workers:*"],
        arguments: Arguments::Processes,
    },
    ActionHelp {
        action: Action::Status,
        name: "status",
        summary: "show the state of processes",
        forms: &[
            ("status", "of all processes"),
            ("status NAME...", "of these processes"),
            ("status GROUP:*", "of all processes in a group"),
        ],
        notes: "The exit status is 3 if any of them is stopped, 4 if a name is unknown.",
        examples: &["status", "status web workers:*"],
        arguments: Arguments::Processes,
    },
    ActionHelp {
        action: Action::Stop,
        name: "stop",
        summary: "stop processes",
        forms: &[
            (
                "stop NAME...",
                "stop these processes and wait until they have ended",
            ),
            ("stop GROUP:*", "all processes in a group"),
            ("stop all", "all processes"),
        ],
        notes: "",
        examples: &["stop web", "stop workers:*"],
        arguments: Arguments::Processes,
    },
    ActionHelp {
        action: Action::Tail,
        name: "tail",
        summary: "show a process's log",
        forms: &[
            (
                "tail NAME [stdout|stderr]",
                "the last 1600 bytes of its log; stdout if not said",
            ),
            ("tail -N NAME [stdout|stderr]", "the last N bytes"),
            (
                "tail -f NAME [stdout|stderr]",
                "its end, and then what comes, until Ctrl-C",
            ),
        ],
        notes: "",
        examples: &[
            "tail web",
            "tail -4000 web stderr",
            "tail -f workers:worker_00",
        ],
        arguments: Arguments::Log,
    },
    ActionHelp {
        action: Action::Update,
        name: "update",
        summary: "apply changes of the configuration",
        forms: &[
            (
                "update",
                "read the files; restart changed groups, add new ones, remove old ones",
            ),
            ("update all", "the same"),
            ("update GROUP...", "only these groups"),
        ],
        notes: "Groups that have not changed run on.",
        examples: &["update", "update web"],
        arguments: Arguments::Groups,
    },
    ActionHelp {
        action: Action::Version,
        name: "version",
        summary: "show the server's version",
        forms: &[(
            "version",
            "the version of Supervisor that the server is compatible with",
        )],
        notes: "",
        examples: &["version"],
        arguments: Arguments::None,
    },
];

impl Action {
    /// The action of this name. Names are case-sensitive.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        match name {
            "EOF" => Some(Self::Eof),
            _ => help_of(name).map(|help| help.action),
        }
    }

    /// Its help; `None` for the actions that people do not see.
    #[must_use]
    pub fn help(self) -> Option<&'static ActionHelp> {
        ACTIONS.iter().find(|help| help.action == self)
    }
}

/// The help of an action, by name.
///
/// ```
/// use visor_core::ctl::help_of;
/// assert!(help_of("restart").is_some() && help_of("dance").is_none());
/// ```
#[must_use]
pub fn help_of(name: &str) -> Option<&'static ActionHelp> {
    ACTIONS.iter().find(|help| help.name == name)
}

impl ActionHelp {
    /// The help as `help ACTION` prints it; with `colour`, forms are bold.
    ///
    /// ```
    /// let help = visor_core::ctl::help_of("exit").unwrap();
    /// assert_eq!(help.lines(false)[0], "exit    leave the shell; quit and ^D do the same");
    /// ```
    #[must_use]
    pub fn lines(&self, colour: bool) -> Vec<String> {
        let (on, off) = if colour {
            ("\x1b[1m", "\x1b[0m")
        } else {
            ("", "")
        };
        let width = self
            .forms
            .iter()
            .map(|(form, _)| form.len())
            .max()
            .unwrap_or_default();
        let mut lines: Vec<String> = self
            .forms
            .iter()
            .map(|(form, meaning)| format!("{on}{form:width$}{off}    {meaning}"))
            .collect();
        if !self.notes.is_empty() {
            lines.push(self.notes.into());
        }
        let word = if self.examples.len() == 1 {
            "Example"
        } else {
            "Examples"
        };
        lines.push(format!("{word}: {}", self.examples.join(" | ")));
        lines
    }
}

/// What `help` prints.
#[must_use]
pub(super) fn overview() -> Vec<String> {
    let mut lines = Vec::from([String::from("Actions (help ACTION explains one):")]);
    lines.extend(
        ACTIONS
            .iter()
            .map(|help| format!("  {:10}{}", help.name, help.summary)),
    );
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn help_ends_with_notes_and_examples() {
        let lines = |name: &str| help_of(name).expect("an action").lines(false);
        let of = |name: &str, what: &str| lines(name).last().unwrap().starts_with(what);
        assert!(of("add", "Example: add web") && of("maintail", "Examples: maintail -4000 | "));
        for help in ACTIONS {
            let notes = usize::from(!help.notes.is_empty());
            let lines = help.lines(false);
            assert_eq!(lines.len(), help.forms.len() + notes + 1, "{lines:?}");
            assert!(lines.iter().all(|line| !line.is_empty()), "{lines:?}");
        }
    }

    #[test]
    fn the_table_is_sorted_and_finds_every_action() {
        assert!(ACTIONS.is_sorted_by_key(|help| help.name));
        for help in ACTIONS {
            assert_eq!(Action::named(help.name), Some(help.action));
            assert_eq!(help.action.help(), Some(help));
            assert!(!help.examples.is_empty() && !help.forms.is_empty());
        }
        assert_eq!(Action::named("eof"), None);
        assert_eq!(Action::named("EOF"), Some(Action::Eof));
    }

    #[test]
    fn every_action_is_in_the_overview() {
        let text = overview().join("\n");
        assert!(ACTIONS.iter().all(|help| text.contains(help.name)));
    }
}
