//! From answers to lines: what each action does with what the server said.

use super::{
    Ctl,
    actions::Action,
    complete,
    failure::Failure,
    format::{
        Changes, Outcome, RUNNING, Verb, avail_line, exit, fault, processes, status_table, text,
    },
    format::{Process, number},
    json,
    line::{Target, full_name, target},
    machine::Step,
};
use crate::xmlrpc::Value;
use alloc::{
    format,
    string::{String, ToString as _},
    vec::Vec,
};

/// What is done with the answer to a call.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum Then {
    /// The server's API version, before the action itself.
    Check,
    /// `status` of these names; of all if there are none.
    Status(Vec<String>),
    DaemonPid,
    AllPids,
    /// `pid` of this name.
    Pid(String),
    /// Of a process, shown by this name.
    Outcome(Verb, String),
    /// Of a group, or of all.
    Outcomes(Verb, Option<String>),
    /// All processes, of which a group's logs are to be cleared.
    ClearGroup(String),
    /// A log of this name.
    Log(String),
    Avail,
    Reread,
    /// `update` of these groups; of all if there are none.
    Update(Vec<String>),
    /// The processes that are active, before these groups are updated.
    UpdateGroups(Changes, Vec<String>),
    /// A group of `update` has been stopped; it will be removed for good, or added again.
    UpdateStopped {
        group: String,
        for_good: bool,
    },
    UpdateRemoved {
        group: String,
        for_good: bool,
    },
    UpdateAdded {
        group: String,
        new: bool,
    },
    Added(String),
    Removed(String),
    Shutdown,
    Reload,
    Version,
    /// The process to attach to.
    Foreground(String),
    ForegroundSent,
    ForegroundChecked,
    /// Names that could complete this line.
    Names(String),
}

/// A result, or a fault's code and text.
pub(super) type Answer = Result<Value, (i64, String)>;

impl Ctl {
    pub(super) fn answer(&mut self, method: &'static str, then: Then, answer: Answer) {
        let fault = |(code, text)| Failure::Fault { method, code, text };
        let failure = match then {
            Then::Check => self.checked(answer),
            Then::Outcome(verb, name) => self.outcome(verb, name, answer),
            Then::Outcomes(verb, group) => self.outcomes(verb, group, answer),
            Then::Pid(name) => self.pid(name, answer),
            Then::Log(name) => self.log(&name, answer),
            Then::Avail => self.avail(answer),
            Then::Reread => self.reread(answer),
            Then::Update(groups) => self.update(groups, answer),
            Then::UpdateAdded { group, new } => self.update_added(&group, new, answer),
            Then::Added(group) => self.added(&group, answer),
            Then::Removed(group) => self.removed(&group, answer),
            Then::Shutdown => self.shut_down(answer),
            Then::Reload => self.reloaded(answer),
            Then::Foreground(name) => self.foreground_found(name, answer),
            Then::ForegroundSent => self.foreground_sent(answer),
            Then::ForegroundChecked => answer.map(|value| self.foreground_checked(&value)),
            Then::Status(names) => answer.map(|value| self.status(&names, &value)),
            Then::DaemonPid => answer.map(|value| self.daemon_pid(&value)),
            Then::AllPids => answer.map(|value| self.all_pids(&value)),
            Then::ClearGroup(group) => answer.map(|value| self.clear_group(&group, &value)),
            Then::UpdateGroups(changes, groups) => {
                answer.map(|value| self.update_groups(&changes, &groups, &value))
            }
            Then::UpdateStopped { group, for_good } => {
                answer.map(|value| self.update_stopped(&group, for_good, &value))
            }
            Then::UpdateRemoved { group, for_good } => answer.map(|_| {
                if for_good {
                    self.say(format!("{group}: removed process group"));
                }
            }),
            Then::Version => answer.map(|value| self.version(&value)),
            Then::Names(line) => answer.map(|value| self.names(&line, &value)),
        };
        match failure {
            Err(failed) if self.action == Action::Fg => self.foreground_fault(&failed.1),
            Err(failed) => {
                let unknown = failed.0 == fault::UNKNOWN_METHOD;
                let failure = if unknown {
                    Failure::NoNamespace
                } else {
                    fault(failed)
                };
                self.fail_at(&failure, method == "supervisor.getVersion");
            }
            Ok(()) => {}
        }
    }

    pub(super) fn odd(&mut self, method: &'static str) {
        self.fail_at(&Failure::OddResult(method), false);
    }

    fn checked(&mut self, answer: Answer) -> Result<(), (i64, String)> {
        let value = answer?;
        match value.as_str() {
            Some("3.0") => {}
            Some(version) => self.fail_at(&Failure::WrongApi(version.to_string()), true),
            None => self.odd("supervisor.getVersion"),
        }
        Ok(())
    }

    fn status(&mut self, names: &[String], value: &Value) {
        if value.as_array().is_none() {
            return self.odd("supervisor.getAllProcessInfo");
        }
        let all = processes(value);
        let mut shown: Vec<&Process> = Vec::new();
        let mut items = Vec::new();
        let mut problems = Vec::new();
        if names.is_empty() {
            shown.extend(&all);
        }
        for name in names {
            let (label, kind) = match target(name) {
                Target::Process(group, process) => {
                    let found = all.iter().find(|p| p.group == group && p.name == process);
                    shown.extend(found);
                    if found.is_some() {
                        continue;
                    }
                    (name.clone(), "no such process")
                }
                Target::Group(group) => {
                    let before = shown.len();
                    shown.extend(all.iter().filter(|p| p.group == group));
                    if shown.len() > before {
                        continue;
                    }
                    (group.to_string(), "no such group")
                }
            };
            items.push(json::unknown(&label, kind));
            problems.push(format!("{label}: ERROR ({kind})"));
        }
        if self.action != Action::Open {
            if !problems.is_empty() {
                self.exit = exit::UNKNOWN;
            }
            if shown.iter().any(|p| p.is_stopped()) {
                self.exit = exit::STATUS_STOPPED;
            }
        }
        if self.options.json {
            items.extend(shown.iter().map(|p| json::process(p)));
            return self.say(json::array(&items));
        }
        for line in problems {
            self.say(line);
        }
        for line in status_table(&shown) {
            self.say(line);
        }
    }

    fn daemon_pid(&mut self, value: &Value) {
        let Some(pid) = value.as_int() else {
            return self.odd("supervisor.getPID");
        };
        let line = if self.options.json {
            json::object(&[("pid", pid.to_string())])
        } else {
            pid.to_string()
        };
        self.say(line);
    }

    fn all_pids(&mut self, value: &Value) {
        if value.as_array().is_none() {
            return self.odd("supervisor.getAllProcessInfo");
        }
        let all = processes(value);
        if self.options.json {
            let items: Vec<String> = all
                .iter()
                .map(|p| json::pid(&p.full_name(), p.pid))
                .collect();
            return self.say(json::array(&items));
        }
        for process in all {
            self.say(process.pid.to_string());
        }
    }

    fn pid(&mut self, name: String, answer: Answer) -> Result<(), (i64, String)> {
        match answer {
            Ok(value) => {
                let pid = number(&value, "pid");
                if pid == 0 {
                    self.exit = exit::NOT_RUNNING;
                }
                if self.options.json {
                    let name = full_name(text(&value, "group"), text(&value, "name"));
                    self.items.push(json::pid(&name, pid));
                } else {
                    self.say(pid.to_string());
                }
            }
            Err((fault::BAD_NAME, _)) => {
                self.exit = exit::GENERIC;
                if self.options.json {
                    self.items.push(json::unknown(&name, "no such process"));
                } else {
                    self.say(format!("No such process {name}"));
                }
            }
            Err(fault) => return Err(fault),
        }
        Ok(())
    }

    fn outcome(&mut self, verb: Verb, name: String, answer: Answer) -> Result<(), (i64, String)> {
        let outcome = match answer {
            Ok(value) if value.as_array().is_some() => {
                return self.outcomes(verb, None, Ok(value));
            }
            Ok(_) => Outcome {
                name,
                code: fault::SUCCESS,
                text: String::new(),
            },
            Err((code, text)) => {
                let outcome = Outcome { name, code, text };
                if code == fault::SHUTDOWN_STATE {
                    return Err((code, outcome.text));
                }
                outcome
            }
        };
        self.report(verb, &outcome);
        Ok(())
    }

    fn outcomes(
        &mut self,
        verb: Verb,
        group: Option<String>,
        answer: Answer,
    ) -> Result<(), (i64, String)> {
        match (answer, group) {
            (Ok(value), _) => {
                let outcomes = value.as_array().unwrap_or_default().iter();
                for outcome in outcomes.map(Outcome::from_value) {
                    self.report(verb, &outcome);
                }
                Ok(())
            }
            (Err((fault::BAD_NAME, _)), Some(group)) => {
                self.no_such_group(verb, &group);
                Ok(())
            }
            (Err(fault), _) => Err(fault),
        }
    }

    fn report(&mut self, verb: Verb, outcome: &Outcome) {
        if let Some(exit) = outcome.exit(verb) {
            self.exit = exit;
        }
        self.say(outcome.line(verb));
    }

    fn no_such_group(&mut self, verb: Verb, group: &str) {
        self.exit = if verb == Verb::Start {
            exit::BAD_ARGUMENTS
        } else {
            exit::GENERIC
        };
        self.say(format!("{group}: ERROR (no such group)"));
    }

    fn clear_group(&mut self, group: &str, value: &Value) {
        let later: Vec<Step> = self.steps.drain(..).collect();
        for process in processes(value).iter().filter(|p| p.group == group) {
            let then = Then::Outcome(Verb::Clear, process.full_name());
            let name = format!("{group}:{}", process.name);
            self.push(
                "supervisor.clearProcessLogs",
                Vec::from([name.into()]),
                then,
            );
        }
        if self.steps.is_empty() {
            self.no_such_group(Verb::Clear, group);
        }
        self.steps.extend(later);
    }

    fn log(&mut self, name: &str, answer: Answer) -> Result<(), (i64, String)> {
        let reason = match answer {
            Ok(value) => {
                match value.as_str() {
                    Some(log) => self.say(log),
                    None => self.odd("the call for a log"),
                }
                return Ok(());
            }
            Err((fault::NO_FILE, _)) => "no log file",
            Err((fault::FAILED, _)) => "unknown error reading log",
            Err((fault::BAD_NAME, _)) if self.action == Action::Tail => "no such process name",
            Err(fault) => return Err(fault),
        };
        self.exit = exit::GENERIC;
        self.say(format!("{name}: ERROR ({reason})"));
        Ok(())
    }

    fn avail(&mut self, answer: Answer) -> Result<(), (i64, String)> {
        match answer {
            Ok(value) => {
                let Some(configs) = value.as_array() else {
                    self.odd("supervisor.getAllConfigInfo");
                    return Ok(());
                };
                if self.options.json {
                    let items: Vec<String> = configs.iter().map(json::config).collect();
                    self.say(json::array(&items));
                } else {
                    for config in configs {
                        self.say(avail_line(config));
                    }
                }
                Ok(())
            }
            Err((fault::SHUTDOWN_STATE, _)) => {
                self.error_line("ERROR: supervisor shutting down");
                Ok(())
            }
            Err(fault) => Err(fault),
        }
    }

    pub(super) fn error_line(&mut self, line: impl Into<String>) {
        self.exit = exit::GENERIC;
        self.complain(line);
    }

    fn reread(&mut self, answer: Answer) -> Result<(), (i64, String)> {
        match answer {
            Ok(value) => match Changes::from_value(&value) {
                Some(changes) => {
                    for line in changes.lines() {
                        self.say(line);
                    }
                }
                None => self.odd("supervisor.reloadConfig"),
            },
            Err((fault::SHUTDOWN_STATE, _)) => self.error_line("ERROR: supervisor shutting down"),
            Err((fault::CANT_REREAD, text)) => self.error_line(format!("ERROR: {text}")),
            Err(fault) => return Err(fault),
        }
        Ok(())
    }

    fn added(&mut self, group: &str, answer: Answer) -> Result<(), (i64, String)> {
        match answer {
            Ok(_) => self.say(format!("{group}: added process group")),
            Err((fault::SHUTDOWN_STATE, _)) => self.error_line("ERROR: shutting down"),
            // Scripts add what may be there already: this is no failure.
            Err((fault::ALREADY_ADDED, _)) => self.say("ERROR: process group already active"),
            Err((fault::BAD_NAME, _)) => {
                self.error_line(format!("ERROR: no such process/group: {group}"));
            }
            Err((fault::FAILED, text)) => self.error_line(format!("ERROR: {group}: {text}")),
            Err(fault) => return Err(fault),
        }
        Ok(())
    }

    fn removed(&mut self, group: &str, answer: Answer) -> Result<(), (i64, String)> {
        match answer {
            Ok(_) => self.say(format!("{group}: removed process group")),
            Err((fault::STILL_RUNNING, _)) => {
                self.error_line(format!("ERROR: process/group still running: {group}"));
            }
            Err((fault::BAD_NAME, _)) => {
                self.error_line(format!("ERROR: no such process/group: {group}"));
            }
            Err(fault) => return Err(fault),
        }
        Ok(())
    }

    fn shut_down(&mut self, answer: Answer) -> Result<(), (i64, String)> {
        match answer {
            Ok(_) => self.say("Shut down"),
            // What was asked for is happening already.
            Err((fault::SHUTDOWN_STATE, _)) => self.say("ERROR: already shutting down"),
            Err(fault) => return Err(fault),
        }
        Ok(())
    }

    fn reloaded(&mut self, answer: Answer) -> Result<(), (i64, String)> {
        match answer {
            Ok(_) => self.say("Restarted supervisord"),
            Err((fault::SHUTDOWN_STATE, _)) => self.error_line("ERROR: already shutting down"),
            Err((fault::CANT_REREAD, text)) => self.error_line(format!("ERROR: {text}")),
            Err(fault) => return Err(fault),
        }
        Ok(())
    }

    fn version(&mut self, value: &Value) {
        let Some(version) = value.as_str() else {
            return self.odd("supervisor.getSupervisorVersion");
        };
        let line = if self.options.json {
            json::object(&[("version", json::quoted(version))])
        } else {
            version.to_string()
        };
        self.say(line);
    }

    fn foreground_found(&mut self, name: String, answer: Answer) -> Result<(), (i64, String)> {
        match answer {
            Ok(value) if number(&value, "state") == RUNNING => self.enter_foreground(name),
            Ok(_) => self.error_line("ERROR: process not running"),
            Err((fault::BAD_NAME, _)) => self.error_line("ERROR: bad process name supplied"),
            Err(fault) => return Err(fault),
        }
        Ok(())
    }

    fn foreground_sent(&mut self, answer: Answer) -> Result<(), (i64, String)> {
        match answer {
            Ok(_) => Ok(()),
            Err((fault::NOT_RUNNING, _)) => {
                self.foreground_killed();
                Ok(())
            }
            Err(fault) => Err(fault),
        }
    }

    fn foreground_checked(&mut self, value: &Value) {
        if number(value, "state") != RUNNING {
            self.foreground_killed();
        }
    }

    fn foreground_fault(&mut self, text: &str) {
        self.error_line(format!("ERROR: {text}"));
        self.finish();
    }

    fn names(&mut self, line: &str, value: &Value) {
        let names: Vec<(String, String)> = value
            .as_array()
            .unwrap_or_default()
            .iter()
            .map(|v| (text(v, "group").to_string(), text(v, "name").to_string()))
            .collect();
        for candidate in complete::candidates(line, &names) {
            self.say(candidate);
        }
    }
}
