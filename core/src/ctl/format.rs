//! The lines that scripts read, byte for byte those of the reference.

use super::line::full_name;
use crate::xmlrpc::Value;
use alloc::{
    format,
    string::{String, ToString as _},
    vec::Vec,
};

/// Fault codes that have a line of their own.
pub(super) mod fault {
    pub(crate) const UNKNOWN_METHOD: i64 = 1;
    pub(crate) const SHUTDOWN_STATE: i64 = 6;
    pub(crate) const BAD_NAME: i64 = 10;
    pub(crate) const BAD_SIGNAL: i64 = 11;
    pub(crate) const NO_FILE: i64 = 20;
    pub(crate) const NOT_EXECUTABLE: i64 = 21;
    pub(crate) const FAILED: i64 = 30;
    pub(crate) const ABNORMAL_TERMINATION: i64 = 40;
    pub(crate) const SPAWN_ERROR: i64 = 50;
    pub(crate) const ALREADY_STARTED: i64 = 60;
    pub(crate) const NOT_RUNNING: i64 = 70;
    pub(crate) const SUCCESS: i64 = 80;
    pub(crate) const ALREADY_ADDED: i64 = 90;
    pub(crate) const STILL_RUNNING: i64 = 91;
    pub(crate) const CANT_REREAD: i64 = 92;
}

/// State code of a process that runs.
pub(super) const RUNNING: i64 = 20;
/// STOPPED, EXITED, FATAL and UNKNOWN: what `status` reports by its exit status.
const STOPPED_STATES: [i64; 4] = [0, 100, 200, 1000];

/// Exit statuses, as the reference has them.
pub(super) mod exit {
    pub(crate) const OK: u8 = 0;
    pub(crate) const GENERIC: u8 = 1;
    pub(crate) const BAD_ARGUMENTS: u8 = 2;
    /// The server does not serve what is needed.
    pub(crate) const UNIMPLEMENTED: u8 = 3;
    /// `status`: something is stopped.
    pub(crate) const STATUS_STOPPED: u8 = 3;
    /// Refused; `status`: no such name.
    pub(crate) const UNKNOWN: u8 = 4;
    pub(crate) const WRONG_API: u8 = 5;
    pub(crate) const NOT_RUNNING: u8 = 7;
    /// Ended by ^C, as shells report it.
    pub(crate) const INTERRUPTED: u8 = 130;
}

/// What was asked of processes.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Verb {
    Start,
    Stop,
    Signal,
    Clear,
}

/// What became of one process: a struct of a group operation, or a single call's answer.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Outcome {
    pub(super) name: String,
    pub(super) code: i64,
    pub(super) text: String,
}

impl Outcome {
    pub(super) fn from_value(value: &Value) -> Self {
        Self {
            name: full_name(text(value, "group"), text(value, "name")),
            code: number(value, "status"),
            text: text(value, "description").to_string(),
        }
    }

    /// The line that says so.
    pub(super) fn line(&self, verb: Verb) -> String {
        let name = &self.name;
        let reason = match (verb, self.code) {
            (Verb::Start, fault::SUCCESS) => return format!("{name}: started"),
            (Verb::Stop, fault::SUCCESS) => return format!("{name}: stopped"),
            (Verb::Signal, fault::SUCCESS) => return format!("{name}: signalled"),
            (Verb::Clear, fault::SUCCESS) => return format!("{name}: cleared"),
            (_, fault::BAD_NAME) => "no such process",
            (Verb::Start, fault::NO_FILE) => "no such file",
            (Verb::Start, fault::NOT_EXECUTABLE) => "file is not executable",
            (Verb::Start, fault::ALREADY_STARTED) => "already started",
            (Verb::Start, fault::SPAWN_ERROR) => "spawn error",
            (Verb::Start, fault::ABNORMAL_TERMINATION) => "abnormal termination",
            (Verb::Signal, fault::BAD_SIGNAL) => "bad signal name",
            (Verb::Stop | Verb::Signal, fault::NOT_RUNNING) => "not running",
            (Verb::Stop | Verb::Signal, fault::FAILED) => return self.text.clone(),
            (Verb::Clear, fault::FAILED) => "failed",
            (_, _) => return format!("error: {name}: {}", self.text),
        };
        format!("{name}: ERROR ({reason})")
    }

    /// The exit status it leads to; `None` if it is no failure.
    pub(super) const fn exit(&self, verb: Verb) -> Option<u8> {
        match (verb, self.code) {
            (_, fault::SUCCESS)
            | (Verb::Start, fault::ALREADY_STARTED)
            | (Verb::Stop, fault::NOT_RUNNING) => None,
            (Verb::Start, fault::SPAWN_ERROR | fault::ABNORMAL_TERMINATION)
            | (Verb::Signal, fault::NOT_RUNNING) => Some(exit::NOT_RUNNING),
            (_, _) => Some(exit::GENERIC),
        }
    }
}

/// A process as `getProcessInfo` describes it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Process {
    pub(super) group: String,
    pub(super) name: String,
    pub(super) state: i64,
    pub(super) statename: String,
    pub(super) description: String,
    pub(super) pid: i64,
    pub(super) start: i64,
    pub(super) stop: i64,
    pub(super) now: i64,
    pub(super) exitstatus: i64,
    pub(super) spawnerr: String,
}

impl Process {
    pub(super) fn from_value(value: &Value) -> Self {
        let owned = |member| text(value, member).to_string();
        Self {
            group: owned("group"),
            name: owned("name"),
            state: number(value, "state"),
            statename: owned("statename"),
            description: owned("description"),
            pid: number(value, "pid"),
            start: number(value, "start"),
            stop: number(value, "stop"),
            now: number(value, "now"),
            exitstatus: number(value, "exitstatus"),
            spawnerr: owned("spawnerr"),
        }
    }

    pub(super) fn full_name(&self) -> String {
        full_name(&self.group, &self.name)
    }

    pub(super) fn is_stopped(&self) -> bool {
        STOPPED_STATES.contains(&self.state)
    }
}

/// All structs of an array; none if it is no array.
pub(super) fn processes(value: &Value) -> Vec<Process> {
    value
        .as_array()
        .unwrap_or_default()
        .iter()
        .map(Process::from_value)
        .collect()
}

/// The table of `status`: the first column grows with the longest name.
pub(super) fn status_table(processes: &[&Process]) -> Vec<String> {
    let names: Vec<String> = processes.iter().map(|p| p.full_name()).collect();
    let longest = names.iter().map(|name| name.chars().count()).max();
    let width = longest.unwrap_or_default().max(30) + 3;
    names
        .iter()
        .zip(processes)
        .map(|(name, p)| format!("{name:width$}{:10}{}", p.statename, p.description))
        .collect()
}

/// One line of `avail`, from a struct of `getAllConfigInfo`.
pub(super) fn avail_line(config: &Value) -> String {
    let (name, in_use, auto) = avail(config);
    let in_use = if in_use { "in use" } else { "avail" };
    let auto = if auto { "auto" } else { "manual" };
    let (group, process) = (number(config, "group_prio"), number(config, "process_prio"));
    format!("{name:32} {in_use:9} {auto:9} {group}:{process}")
}

/// Name, whether in use, whether started automatically.
pub(super) fn avail(config: &Value) -> (String, bool, bool) {
    let truth = |member| {
        config
            .member(member)
            .is_some_and(|v| v.as_bool().unwrap_or_else(|| v.as_int().unwrap_or(0) != 0))
    };
    let name = full_name(text(config, "group"), text(config, "name"));
    (name, truth("inuse"), truth("autostart"))
}

/// What `reloadConfig` found.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(super) struct Changes {
    pub(super) added: Vec<String>,
    pub(super) changed: Vec<String>,
    pub(super) removed: Vec<String>,
}

impl Changes {
    /// `[[added, changed, removed]]`; `None` for any other shape.
    pub(super) fn from_value(value: &Value) -> Option<Self> {
        let [lists] = value.as_array()? else {
            return None;
        };
        let [added, changed, removed] = lists.as_array()? else {
            return None;
        };
        let names = |list: &Value| -> Option<Vec<String>> {
            let names = list.as_array()?.iter();
            names.map(|name| name.as_str().map(String::from)).collect()
        };
        Some(Self {
            added: names(added)?,
            changed: names(changed)?,
            removed: names(removed)?,
        })
    }

    /// The lines of `reread`, sorted by name.
    pub(super) fn lines(&self) -> Vec<String> {
        let mut found: Vec<(&String, &str)> = Vec::new();
        found.extend(self.added.iter().map(|name| (name, "available")));
        found.extend(self.changed.iter().map(|name| (name, "changed")));
        found.extend(self.removed.iter().map(|name| (name, "disappeared")));
        found.sort_unstable();
        if found.is_empty() {
            return Vec::from([String::from("No config updates to processes")]);
        }
        found
            .iter()
            .map(|(name, what)| format!("{name}: {what}"))
            .collect()
    }
}

/// A member's text; empty if there is none.
pub(super) fn text<'a>(value: &'a Value, member: &str) -> &'a str {
    value
        .member(member)
        .and_then(Value::as_str)
        .unwrap_or_default()
}

/// A member's number; 0 if there is none.
pub(super) fn number(value: &Value, member: &str) -> i64 {
    value
        .member(member)
        .and_then(Value::as_int)
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;

    fn process(group: &str, name: &str, statename: &str, description: &str) -> Process {
        Process::from_value(&Value::Struct(vec![
            ("group".into(), group.into()),
            ("name".into(), name.into()),
            ("statename".into(), statename.into()),
            ("description".into(), description.into()),
        ]))
    }

    #[test]
    fn the_first_column_grows_with_the_longest_name() {
        let cat = process("cat", "cat", "RUNNING", "pid 7, uptime 0:00:03");
        let starting = process("cat", "cat", "STARTING", "");
        let long = process(
            "g",
            "a-program-with-a-very-long-name-in",
            "STOPPED",
            "Not started",
        );
        assert_eq!(
            status_table(&[&cat, &starting]),
            [
                "cat                              RUNNING   pid 7, uptime 0:00:03",
                "cat                              STARTING  ",
            ]
        );
        assert_eq!(
            status_table(&[&long, &cat]),
            [
                "g:a-program-with-a-very-long-name-in   STOPPED   Not started",
                "cat                                    RUNNING   pid 7, uptime 0:00:03",
            ]
        );
    }

    #[test]
    fn avail_has_fixed_columns() {
        let config = Value::Struct(vec![
            ("group".into(), "w".into()),
            ("name".into(), "w_00".into()),
            ("inuse".into(), true.into()),
            ("autostart".into(), Value::Int(0)),
            ("group_prio".into(), Value::Int(999)),
            ("process_prio".into(), Value::Int(-1)),
        ]);
        assert_eq!(
            avail_line(&config),
            "w:w_00                           in use    manual    999:-1"
        );
    }

    #[test]
    fn reread_sorts_by_name() {
        let changes = Changes {
            added: vec!["n".into(), "b".into()],
            changed: vec!["c".into()],
            removed: vec!["r".into()],
        };
        assert_eq!(
            changes.lines(),
            [
                "b: available",
                "c: changed",
                "n: available",
                "r: disappeared"
            ]
        );
        assert_eq!(
            Changes::default().lines(),
            ["No config updates to processes"]
        );
        assert_eq!(Changes::from_value(&Value::Array(vec![])), None);
    }

    #[test]
    fn outcomes_have_the_line_and_the_exit_status_of_their_code() {
        let of = |verb, code| {
            let outcome = Outcome {
                name: "a".into(),
                code,
                text: "TEXT".into(),
            };
            (outcome.line(verb), outcome.exit(verb))
        };
        for (verb, code, line, exit) in [
            (Verb::Start, 80, "a: started", None),
            (Verb::Start, 60, "a: ERROR (already started)", None),
            (Verb::Start, 50, "a: ERROR (spawn error)", Some(7)),
            (Verb::Start, 40, "a: ERROR (abnormal termination)", Some(7)),
            (
                Verb::Start,
                21,
                "a: ERROR (file is not executable)",
                Some(1),
            ),
            (Verb::Start, 20, "a: ERROR (no such file)", Some(1)),
            (Verb::Start, 10, "a: ERROR (no such process)", Some(1)),
            (Verb::Start, 30, "error: a: TEXT", Some(1)),
            (Verb::Stop, 80, "a: stopped", None),
            (Verb::Stop, 70, "a: ERROR (not running)", None),
            (Verb::Stop, 30, "TEXT", Some(1)),
            (Verb::Signal, 80, "a: signalled", None),
            (Verb::Signal, 70, "a: ERROR (not running)", Some(7)),
            (Verb::Signal, 11, "a: ERROR (bad signal name)", Some(1)),
            (Verb::Clear, 80, "a: cleared", None),
            (Verb::Clear, 30, "a: ERROR (failed)", Some(1)),
            (Verb::Clear, 6, "error: a: TEXT", Some(1)),
        ] {
            assert_eq!(of(verb, code), (line.into(), exit), "{verb:?} {code}");
        }
    }
}
