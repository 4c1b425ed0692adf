//! A line and its words: what Python's `cmd` makes of a line, names of processes, and the arguments
//! of `tail`.

use super::actions::Action;
use alloc::{
    format,
    string::{String, ToString as _},
    vec::Vec,
};

/// A line, taken apart.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum Line<'a> {
    /// Nothing but white space.
    Empty,
    /// An action and the text behind it, trimmed.
    Action(Action, &'a str),
    /// No action has this name. The trimmed line.
    Unknown(&'a str),
}

/// Reads a line as the reference's shell does: the action's name ends at the first character that
/// is no letter, digit or underscore, so `pid;x` is `pid` of `;x`, and `?x` is `help x`.
pub(super) fn parse(line: &str) -> Line<'_> {
    let line = line.trim();
    if line.is_empty() {
        return Line::Empty;
    }
    if let Some(topic) = line.strip_prefix('?') {
        return Line::Action(Action::Help, topic.trim());
    }
    let end = line
        .find(|c: char| !c.is_ascii_alphanumeric() && c != '_')
        .unwrap_or(line.len());
    let (name, arguments) = line.split_at_checked(end).unwrap_or((line, ""));
    Action::named(name).map_or(Line::Unknown(line), |action| {
        Line::Action(action, arguments.trim())
    })
}

/// What a name on the command line means.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Target<'a> {
    /// `process` or `group:process`: both names.
    Process(&'a str, &'a str),
    /// `group:*` or `group:`.
    Group(&'a str),
}

/// Reads a name.
pub(super) fn target(name: &str) -> Target<'_> {
    match name.split_once(':') {
        None => Target::Process(name, name),
        Some((group, "" | "*")) => Target::Group(group),
        Some((group, process)) => Target::Process(group, process),
    }
}

/// How a process is named in results: `group:process`, or the one name when they are equal.
pub(super) fn full_name(group: &str, process: &str) -> String {
    if group == process {
        process.to_string()
    } else {
        format!("{group}:{process}")
    }
}

/// A number as Python's `int()` reads it; beyond 64 bits the nearest that fits.
pub(super) fn python_int(text: &str) -> Option<i64> {
    let text = text.trim();
    let (negative, digits) = match text.strip_prefix('-') {
        Some(digits) => (true, digits),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    let mut value: i64 = 0;
    let mut underscore_may_follow = false;
    for c in digits.chars() {
        match c.to_digit(10) {
            Some(digit) => {
                value = value.saturating_mul(10).saturating_add(i64::from(digit));
                underscore_may_follow = true;
            }
            None if c == '_' && underscore_may_follow => underscore_may_follow = false,
            None => return None,
        }
    }
    underscore_may_follow.then_some(if negative { -value } else { value })
}

/// How much of a log is wanted.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Amount {
    /// So many bytes from its end; negative: from so many bytes behind its start.
    Last(i64),
    /// Its end, and what comes.
    Follow,
}

/// Bytes shown when no number is given.
const TAIL_BYTES: i64 = 1600;

/// What `tail` is to show.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Tail {
    pub(super) amount: Amount,
    pub(super) name: String,
    /// `stdout` or `stderr`.
    pub(super) channel: &'static str,
}

/// Why arguments are not understood: the line to print, and whether the help follows.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Misuse {
    pub(super) message: String,
    pub(super) help: bool,
}

impl Misuse {
    fn new(message: impl Into<String>, help: bool) -> Self {
        Self {
            message: message.into(),
            help,
        }
    }
}

/// Reads `[-f, -N] name [stdout, stderr]`.
pub(super) fn tail(arguments: &str) -> Result<Tail, Misuse> {
    let mut words: Vec<&str> = arguments.split_whitespace().collect();
    if words.is_empty() {
        return Err(Misuse::new("Error: too few arguments", true));
    }
    if words.len() > 3 {
        return Err(Misuse::new("Error: too many arguments", true));
    }
    let modifier = words.first().filter(|word| word.starts_with('-')).copied();
    if modifier.is_some() {
        words.remove(0);
    }
    let (Some(name), Some(last)) = (words.first(), words.last()) else {
        return Err(Misuse::new("Error: tail requires process name", false));
    };
    let channel = if words.len() == 1 {
        "stdout"
    } else {
        match last.to_lowercase().as_str() {
            "stdout" => "stdout",
            "stderr" => "stderr",
            other => return Err(Misuse::new(format!("Error: bad channel '{other}'"), false)),
        }
    };
    Ok(Tail {
        amount: amount(modifier)?,
        name: (*name).to_string(),
        channel,
    })
}

/// Reads `[-f, -N]`.
pub(super) fn maintail(arguments: &str) -> Result<Amount, Misuse> {
    let mut words = arguments.split_whitespace();
    let modifier = words.next();
    if words.next().is_some() {
        return Err(Misuse::new("Error: too many arguments", true));
    }
    if let Some(word) = modifier.filter(|word| !word.starts_with('-')) {
        return Err(Misuse::new(format!("Error: bad argument {word}"), false));
    }
    amount(modifier)
}

fn amount(modifier: Option<&str>) -> Result<Amount, Misuse> {
    match modifier {
        None => Ok(Amount::Last(TAIL_BYTES)),
        Some("-f") => Ok(Amount::Follow),
        Some(word) => word
            .strip_prefix('-')
            .and_then(python_int)
            .map(Amount::Last)
            .ok_or_else(|| Misuse::new(format!("Error: bad argument {word}"), false)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_action_ends_where_its_name_does() {
        assert_eq!(parse("  "), Line::Empty);
        assert_eq!(parse(" status  a b "), Line::Action(Action::Status, "a b"));
        assert_eq!(parse("pid;version"), Line::Action(Action::Pid, ";version"));
        assert_eq!(parse("?start"), Line::Action(Action::Help, "start"));
        assert_eq!(parse("? start"), Line::Action(Action::Help, "start"));
        assert_eq!(parse("frob  a"), Line::Unknown("frob  a"));
        assert_eq!(parse("!ls"), Line::Unknown("!ls"));
        assert_eq!(parse("Start a"), Line::Unknown("Start a"));
    }

    #[test]
    fn names_are_processes_or_groups() {
        assert_eq!(target("a"), Target::Process("a", "a"));
        assert_eq!(target("g:a"), Target::Process("g", "a"));
        assert_eq!(target("g:*"), Target::Group("g"));
        assert_eq!(target("g:"), Target::Group("g"));
        assert_eq!(target(":a"), Target::Process("", "a"));
        assert_eq!(target("g:a:b"), Target::Process("g", "a:b"));
        assert_eq!(full_name("a", "a"), "a");
        assert_eq!(full_name("", "a"), ":a");
    }

    #[test]
    fn numbers_are_read_as_python_does() {
        for (text, value) in [
            ("5", 5),
            ("+5", 5),
            ("-5", -5),
            ("1_0", 10),
            (" 7 ", 7),
            ("99999999999999999999", i64::MAX),
        ] {
            assert_eq!(python_int(text), Some(value), "{text}");
        }
        for text in ["", "-", "1_", "_1", "1__0", "x", "0x5", "1.0"] {
            assert_eq!(python_int(text), None, "{text}");
        }
    }

    #[test]
    fn tail_takes_an_amount_a_name_and_a_channel() {
        let ok = |words: &str| tail(words).map(|t| (t.amount, t.name, t.channel)).unwrap();
        assert_eq!(ok("a"), (Amount::Last(1600), "a".into(), "stdout"));
        assert_eq!(ok("-f a STDERR"), (Amount::Follow, "a".into(), "stderr"));
        assert_eq!(ok("-1_0 a"), (Amount::Last(10), "a".into(), "stdout"));
        assert_eq!(ok("--5 a"), (Amount::Last(-5), "a".into(), "stdout"));
        assert_eq!(ok("-f -5"), (Amount::Follow, "-5".into(), "stdout"));
        assert_eq!(
            ok("a odd stderr"),
            (Amount::Last(1600), "a".into(), "stderr")
        );
    }

    #[test]
    fn tail_says_what_it_does_not_understand() {
        let error = |words: &str| tail(words).unwrap_err();
        assert_eq!(error(""), Misuse::new("Error: too few arguments", true));
        assert_eq!(
            error("-f a stderr x"),
            Misuse::new("Error: too many arguments", true)
        );
        assert_eq!(
            error("-f"),
            Misuse::new("Error: tail requires process name", false)
        );
        assert_eq!(
            error("-x a foo"),
            Misuse::new("Error: bad channel 'foo'", false)
        );
        assert_eq!(error("- a"), Misuse::new("Error: bad argument -", false));
        assert_eq!(maintail("x").unwrap_err().message, "Error: bad argument x");
        assert_eq!(
            maintail("-f x").unwrap_err().message,
            "Error: too many arguments"
        );
        assert_eq!(maintail("-7"), Ok(Amount::Last(7)));
    }
}
