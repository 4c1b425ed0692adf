//! From an action and its arguments to steps.

use super::{
    Ctl,
    actions::{Action, help_of, overview},
    answers::Then,
    complete::{self, Source},
    format::{Verb, exit},
    line::{self, Amount, Misuse, Target, full_name},
    link::logtail_path,
    machine::{Call, Step},
    progress::{Waiting, Who},
    url::ServerUrl,
};
use crate::xmlrpc::Value;
use alloc::{
    format,
    string::{String, ToString as _},
    vec::Vec,
};

impl Ctl {
    /// Plans the current action.
    pub(super) fn plan(&mut self, arguments: &str) {
        let words: Vec<&str> = arguments.split_whitespace().collect();
        if self.options.json && !allows_json(self.action) {
            return self.misuse(
                "Error: --json works with status, avail, pid and version only",
                None,
                exit::BAD_ARGUMENTS,
            );
        }
        match self.action {
            Action::Status => self.plan_status(&words),
            Action::Pid => self.plan_pid(&words),
            Action::Start => self.plan_verb(Verb::Start, &words),
            Action::Stop => self.plan_verb(Verb::Stop, &words),
            Action::Restart => self.plan_restart(&words),
            Action::Signal => self.plan_signal(&words),
            Action::Clear => self.plan_verb(Verb::Clear, &words),
            Action::Tail => self.plan_tail(arguments),
            Action::Maintail => self.plan_maintail(arguments),
            Action::Update => self.plan_update(&words),
            Action::Add => self.plan_groups(&words, "supervisor.addProcessGroup", Then::Added),
            Action::Remove => {
                self.plan_groups(&words, "supervisor.removeProcessGroup", Then::Removed);
            }
            Action::Avail => self.plan_plain(&words, Self::plan_avail),
            Action::Reread => self.plan_plain(&words, Self::plan_reread),
            Action::Version => self.plan_plain(&words, Self::plan_version),
            Action::Shutdown => self.plan_plain(&words, Self::plan_shutdown),
            Action::Reload => self.plan_plain(&words, Self::plan_reload),
            Action::Fg => self.plan_fg(&words),
            Action::Open => self.plan_open(arguments),
            Action::Help => self.help(arguments),
            Action::Exit | Action::Quit | Action::Eof => {
                self.leave = true;
                self.say(String::new());
            }
            Action::Complete => self.plan_complete(arguments),
        }
    }

    pub(super) fn push(&mut self, method: &'static str, params: Vec<Value>, then: Then) {
        self.push_waiting(method, params, then, None);
    }

    pub(super) fn push_waiting(
        &mut self,
        method: &'static str,
        params: Vec<Value>,
        then: Then,
        waiting: Option<Waiting>,
    ) {
        self.steps.push_back(Step::Call(Call {
            method,
            params,
            then,
            waiting,
        }));
    }

    /// Most actions look first whether the server speaks our API.
    fn check(&mut self) {
        self.push("supervisor.getVersion", Vec::new(), Then::Check);
    }

    fn misuse(&mut self, message: impl Into<String>, help: Option<Action>, status: u8) {
        self.steps
            .push_back(Step::Misuse(message.into(), help, status));
    }

    fn not_understood(&mut self, misuse: Misuse) {
        let help = misuse.help.then_some(self.action);
        self.misuse(misuse.message, help, exit::GENERIC);
    }

    fn plan_status(&mut self, words: &[&str]) {
        let names = if words.contains(&"all") { &[] } else { words };
        let names = names.iter().map(|name| (*name).to_string()).collect();
        self.check();
        self.push(
            "supervisor.getAllProcessInfo",
            Vec::new(),
            Then::Status(names),
        );
    }

    fn plan_pid(&mut self, words: &[&str]) {
        self.check();
        if words.is_empty() {
            self.push("supervisor.getPID", Vec::new(), Then::DaemonPid);
        } else if words.contains(&"all") {
            self.push("supervisor.getAllProcessInfo", Vec::new(), Then::AllPids);
        } else {
            for name in words {
                let then = Then::Pid((*name).to_string());
                self.push(
                    "supervisor.getProcessInfo",
                    Vec::from([(*name).into()]),
                    then,
                );
            }
            if self.options.json {
                self.steps.push_back(Step::Items);
            }
        }
    }

    fn plan_verb(&mut self, verb: Verb, words: &[&str]) {
        self.check();
        if words.is_empty() {
            let status = if verb == Verb::Start {
                exit::BAD_ARGUMENTS
            } else {
                exit::GENERIC
            };
            let message = format!("Error: {} requires a process name", verb.name());
            return self.misuse(message, Some(self.action), status);
        }
        self.push_verb(verb, words, None);
    }

    fn plan_restart(&mut self, words: &[&str]) {
        self.check();
        if words.is_empty() {
            let message = "Error: restart requires a process name";
            return self.misuse(message, Some(Action::Restart), exit::GENERIC);
        }
        self.push_verb(Verb::Stop, words, None);
        self.push_verb(Verb::Start, words, None);
    }

    fn plan_signal(&mut self, words: &[&str]) {
        self.check();
        match words.split_first() {
            Some((signal, names)) if !names.is_empty() => {
                self.push_verb(Verb::Signal, names, Some(signal));
            }
            Some(_) | None => {
                let message = "Error: signal requires a signal name and a process name";
                self.misuse(message, Some(Action::Signal), exit::GENERIC);
            }
        }
    }

    fn push_verb(&mut self, verb: Verb, names: &[&str], signal: Option<&str>) {
        if names.contains(&"all") {
            let params = signal.map(Value::from).into_iter().collect();
            let waiting = verb.waiting(Who::All);
            let then = Then::Outcomes(verb, None);
            return self.push_waiting(verb.methods().2, params, then, waiting);
        }
        for name in names {
            match line::target(name) {
                Target::Process(group, process) => {
                    let shown = full_name(group, process);
                    let waiting = verb.waiting(Who::Process(shown.clone()));
                    let mut params = Vec::from([Value::from(*name)]);
                    params.extend(signal.map(Value::from));
                    let then = Then::Outcome(verb, shown);
                    self.push_waiting(verb.methods().0, params, then, waiting);
                }
                Target::Group(group) if verb == Verb::Clear => {
                    // The server clears single processes only.
                    let then = Then::ClearGroup(group.to_string());
                    self.push("supervisor.getAllProcessInfo", Vec::new(), then);
                }
                Target::Group(group) => {
                    let waiting = verb.waiting(Who::Group(group.to_string()));
                    let mut params = Vec::from([Value::from(group)]);
                    params.extend(signal.map(Value::from));
                    let then = Then::Outcomes(verb, Some(group.to_string()));
                    self.push_waiting(verb.methods().1, params, then, waiting);
                }
            }
        }
    }

    fn plan_tail(&mut self, arguments: &str) {
        self.check();
        let tail = match line::tail(arguments) {
            Ok(tail) => tail,
            Err(misuse) => return self.not_understood(misuse),
        };
        match tail.amount {
            Amount::Follow => {
                let path = logtail_path(&tail.name, tail.channel);
                self.steps.push_back(Step::Follow(path));
            }
            Amount::Last(bytes) => {
                let method = if tail.channel == "stdout" {
                    "supervisor.readProcessStdoutLog"
                } else {
                    "supervisor.readProcessStderrLog"
                };
                let params = Vec::from([tail.name.as_str().into(), (-bytes).into(), 0.into()]);
                self.push(method, params, Then::Log(tail.name));
            }
        }
    }

    fn plan_maintail(&mut self, arguments: &str) {
        self.check();
        match line::maintail(arguments) {
            Ok(Amount::Follow) => self
                .steps
                .push_back(Step::Follow("/mainlogtail".to_string())),
            Ok(Amount::Last(bytes)) => {
                let then = Then::Log("supervisord".to_string());
                self.push(
                    "supervisor.readLog",
                    Vec::from([(-bytes).into(), 0.into()]),
                    then,
                );
            }
            Err(misuse) => self.not_understood(misuse),
        }
    }

    fn plan_update(&mut self, words: &[&str]) {
        let groups = if words.contains(&"all") { &[] } else { words };
        let groups = groups.iter().map(|group| (*group).to_string()).collect();
        self.push("supervisor.reloadConfig", Vec::new(), Then::Update(groups));
    }

    fn plan_groups(&mut self, words: &[&str], method: &'static str, then: fn(String) -> Then) {
        for group in words {
            self.push(
                method,
                Vec::from([(*group).into()]),
                then((*group).to_string()),
            );
        }
    }

    /// Actions that take no arguments.
    fn plan_plain(&mut self, words: &[&str], plan: fn(&mut Self)) {
        if words.is_empty() {
            return plan(self);
        }
        let name = self.action.help().map(|help| help.name).unwrap_or_default();
        let message = format!("Error: {name} accepts no arguments");
        self.misuse(message, Some(self.action), exit::GENERIC);
    }

    fn plan_avail(&mut self) {
        self.push("supervisor.getAllConfigInfo", Vec::new(), Then::Avail);
    }

    fn plan_reread(&mut self) {
        self.push("supervisor.reloadConfig", Vec::new(), Then::Reread);
    }

    fn plan_version(&mut self) {
        self.check();
        self.push("supervisor.getSupervisorVersion", Vec::new(), Then::Version);
    }

    fn plan_shutdown(&mut self) {
        self.confirm("Really shut the remote supervisord process down y/N? ");
        self.push("supervisor.shutdown", Vec::new(), Then::Shutdown);
    }

    fn plan_reload(&mut self) {
        self.confirm("Really restart the remote supervisord process y/N? ");
        self.push("supervisor.restart", Vec::new(), Then::Reload);
    }

    fn confirm(&mut self, prompt: &'static str) {
        if self.options.shell {
            self.steps.push_back(Step::Confirm(prompt));
        }
    }

    fn plan_fg(&mut self, words: &[&str]) {
        self.check();
        match words {
            [] => self.misuse(
                "ERROR: no process name supplied",
                Some(Action::Fg),
                exit::GENERIC,
            ),
            [name] => {
                let then = Then::Foreground((*name).to_string());
                self.push(
                    "supervisor.getProcessInfo",
                    Vec::from([(*name).into()]),
                    then,
                );
            }
            [_, _, ..] => {
                self.misuse(
                    "ERROR: too many process names supplied",
                    None,
                    exit::GENERIC,
                );
            }
        }
    }

    fn plan_open(&mut self, arguments: &str) {
        if !["http://", "unix://"]
            .iter()
            .any(|scheme| arguments.starts_with(scheme))
        {
            let message = "ERROR: url must be http:// or unix://";
            return self.misuse(message, None, exit::GENERIC);
        }
        match ServerUrl::parse(arguments) {
            Ok(url) => {
                self.options.server = url;
                self.plan_status(&[]);
            }
            Err(error) => self.misuse(format!("ERROR: {error}"), None, exit::GENERIC),
        }
    }

    fn help(&mut self, topic: &str) {
        let lines = if topic.is_empty() {
            overview()
        } else {
            match help_of(topic) {
                Some(help) => help.lines(self.options.colour),
                None => Vec::from([format!("*** No help on {topic}")]),
            }
        };
        for line in lines {
            self.say(line);
        }
    }

    /// Plans to print what could complete a line.
    pub(super) fn plan_complete(&mut self, line: &str) {
        let then = Then::Names(line.to_string());
        match complete::source(line) {
            Source::Nothing => {
                for candidate in complete::candidates(line, &[]) {
                    self.say(candidate);
                }
            }
            Source::Processes => self.push("supervisor.getAllProcessInfo", Vec::new(), then),
            Source::Groups => self.push("supervisor.getAllConfigInfo", Vec::new(), then),
        }
    }
}

impl Verb {
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Start => "start",
            Self::Stop => "stop",
            Self::Signal => "signal",
            Self::Clear => "clear",
        }
    }

    /// Methods for a process, a group, and all.
    const fn methods(self) -> (&'static str, &'static str, &'static str) {
        match self {
            Self::Start => (
                "supervisor.startProcess",
                "supervisor.startProcessGroup",
                "supervisor.startAllProcesses",
            ),
            Self::Stop => (
                "supervisor.stopProcess",
                "supervisor.stopProcessGroup",
                "supervisor.stopAllProcesses",
            ),
            Self::Signal => (
                "supervisor.signalProcess",
                "supervisor.signalProcessGroup",
                "supervisor.signalAllProcesses",
            ),
            Self::Clear => (
                "supervisor.clearProcessLogs",
                "supervisor.clearProcessLogs",
                "supervisor.clearAllProcessLogs",
            ),
        }
    }

    /// Who is waited for, for those that wait.
    fn waiting(self, who: Who) -> Option<Waiting> {
        match self {
            Self::Start | Self::Stop => Some(Waiting { who, verb: self }),
            Self::Signal | Self::Clear => None,
        }
    }
}

const fn allows_json(action: Action) -> bool {
    matches!(
        action,
        Action::Status | Action::Avail | Action::Pid | Action::Version
    )
}
