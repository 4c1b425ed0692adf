//! What could complete a line: actions, names of processes and groups, signals, channels.

use super::{
    actions::{ACTIONS, Arguments, help_of},
    line::full_name,
};
use alloc::{
    format,
    string::{String, ToString as _},
    vec::Vec,
};

/// Which names the server is to be asked for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Source {
    /// None.
    Nothing,
    /// Processes that exist.
    Processes,
    /// Processes that are configured, active or not.
    Groups,
}

const SIGNALS: &[&str] = &[
    "ABRT", "ALRM", "CONT", "HUP", "INT", "KILL", "QUIT", "STOP", "TERM", "TTIN", "TTOU", "USR1",
    "USR2", "WINCH",
];

/// What stands where the last word is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Kind {
    Nothing,
    Action,
    Processes,
    Process,
    LogOrOption,
    Groups,
    Signal,
    Channel,
    Follow,
}

/// Where the word begins that is to be completed: a byte index into `line`.
#[must_use]
pub fn word_start(line: &str) -> usize {
    line.char_indices()
        .rev()
        .find(|(_, c)| c.is_whitespace())
        .map_or(0, |(at, c)| at + c.len_utf8())
}

/// Which names are needed to complete `line`.
///
/// ```
/// use visor_core::ctl::{Source, source};
/// assert_eq!(source("sta"), Source::Nothing);
/// assert_eq!(source("start we"), Source::Processes);
/// assert_eq!(source("add "), Source::Groups);
/// ```
#[must_use]
pub fn source(line: &str) -> Source {
    match kind(line) {
        Kind::Processes | Kind::Process | Kind::LogOrOption => Source::Processes,
        Kind::Groups => Source::Groups,
        Kind::Nothing | Kind::Action | Kind::Signal | Kind::Channel | Kind::Follow => {
            Source::Nothing
        }
    }
}

/// What could stand in place of the last word of `line`, sorted. `names` are pairs of group and
/// process, as [`source`] asked for.
#[must_use]
pub fn candidates(line: &str, names: &[(String, String)]) -> Vec<String> {
    let word = line.get(word_start(line)..).unwrap_or_default();
    let mut found: Vec<String> = match kind(line) {
        Kind::Nothing => Vec::new(),
        Kind::Action => ACTIONS.iter().map(|help| help.name.to_string()).collect(),
        Kind::Processes => {
            let mut found = processes(names);
            found.extend(groups_of_many(names).map(|group| format!("{group}:*")));
            found.push("all".to_string());
            found
        }
        Kind::Process => processes(names),
        Kind::LogOrOption => {
            let mut found = processes(names);
            found.push("-f".to_string());
            found
        }
        Kind::Groups => {
            let mut found: Vec<String> = names.iter().map(|(group, _)| group.clone()).collect();
            if line.trim_start().starts_with("update") {
                found.push("all".to_string());
            }
            found
        }
        Kind::Signal => SIGNALS.iter().map(|name| (*name).to_string()).collect(),
        Kind::Channel => Vec::from(["stderr".to_string(), "stdout".to_string()]),
        Kind::Follow => Vec::from(["-f".to_string()]),
    };
    found.retain(|candidate| candidate.starts_with(word));
    found.sort_unstable();
    found.dedup();
    found
}

fn processes(names: &[(String, String)]) -> Vec<String> {
    names
        .iter()
        .map(|(group, process)| full_name(group, process))
        .collect()
}

/// Groups whose processes are not simply named as they are.
fn groups_of_many(names: &[(String, String)]) -> impl Iterator<Item = &String> {
    names
        .iter()
        .filter(|(group, process)| group != process)
        .map(|(group, _)| group)
}

fn kind(line: &str) -> Kind {
    let before = line.get(..word_start(line)).unwrap_or_default();
    let mut words = before.split_whitespace();
    let Some(action) = words.next() else {
        return Kind::Action;
    };
    let Some(help) = help_of(action) else {
        return Kind::Nothing;
    };
    let given: Vec<&str> = words.collect();
    let names = given.iter().filter(|word| !word.starts_with('-')).count();
    match help.arguments {
        Arguments::None => Kind::Nothing,
        Arguments::Free if help.name == "maintail" && given.is_empty() => Kind::Follow,
        Arguments::Free => Kind::Nothing,
        Arguments::Processes => Kind::Processes,
        Arguments::SignalAndProcesses if given.is_empty() => Kind::Signal,
        Arguments::SignalAndProcesses => Kind::Processes,
        Arguments::Groups => Kind::Groups,
        Arguments::Log if given.is_empty() => Kind::LogOrOption,
        Arguments::Log if names == 0 => Kind::Process,
        Arguments::Log if names == 1 => Kind::Channel,
        Arguments::Process if given.is_empty() => Kind::Process,
        Arguments::Action if given.is_empty() => Kind::Action,
        Arguments::Log | Arguments::Process | Arguments::Action => Kind::Nothing,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;

    fn names() -> Vec<(String, String)> {
        [("cat", "cat"), ("w", "w_00"), ("w", "w_01")]
            .map(|(group, process)| (group.to_string(), process.to_string()))
            .to_vec()
    }

    #[test]
    fn actions_complete_the_first_word() {
        assert_eq!(candidates("sta", &[]), ["start", "status"]);
        assert_eq!(candidates("  sto", &[]), ["stop"]);
        assert_eq!(
            candidates("help re", &[]),
            ["reload", "remove", "reread", "restart"]
        );
        assert_eq!(candidates("", &[]).len(), ACTIONS.len());
        assert_eq!(candidates("nope ", &names()), [""; 0]);
        assert_eq!(candidates("help start ", &[]), [""; 0]);
    }

    #[test]
    fn names_complete_the_other_words() {
        assert_eq!(
            candidates("start ", &names()),
            ["all", "cat", "w:*", "w:w_00", "w:w_01"]
        );
        assert_eq!(candidates("stop cat w:w", &names()), ["w:w_00", "w:w_01"]);
        assert_eq!(candidates("add ", &names()), ["cat", "w"]);
        assert_eq!(candidates("update ", &names()), ["all", "cat", "w"]);
        assert_eq!(candidates("fg ", &names()), ["cat", "w:w_00", "w:w_01"]);
        assert_eq!(candidates("fg cat ", &names()), [""; 0]);
        assert_eq!(candidates("version ", &names()), [""; 0]);
    }

    #[test]
    fn signals_options_and_channels_complete_where_they_belong() {
        assert_eq!(candidates("signal US", &[]), ["USR1", "USR2"]);
        assert_eq!(candidates("signal HUP c", &names()), ["cat"]);
        assert_eq!(candidates("tail -", &names()), ["-f"]);
        assert_eq!(candidates("tail -f c", &names()), ["cat"]);
        assert_eq!(candidates("tail cat std", &names()), ["stderr", "stdout"]);
        assert_eq!(candidates("tail -f cat ", &names()), ["stderr", "stdout"]);
        assert_eq!(candidates("maintail ", &names()), ["-f"]);
        assert_eq!(candidates("tail cat stderr ", &names()), [""; 0]);
        assert_eq!(candidates("maintail -f ", &[]), [""; 0]);
        assert_eq!(candidates("open ", &[]), [""; 0]);
        assert_eq!(candidates("open http://h -", &[]), [""; 0]);
        assert_eq!(source("maintail "), Source::Nothing);
    }

    #[test]
    fn any_text_can_be_completed() {
        let wide = "start caf\u{e9}\u{2003}x";
        assert_eq!(wide.get(word_start(wide)..), Some("x"));
        assert_eq!(
            candidates(wide, &[("x".to_string(), "x".to_string())]),
            vec!["x"]
        );
    }
}
