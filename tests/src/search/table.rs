//! The table of a process's states in `docs/processes.md`, made from what searches found.
#![allow(
    clippy::wildcard_enum_match_arm,
    reason = "most inputs are about no process"
)]

use super::Changes;
use crate::sim::facts::Facts;
use std::collections::BTreeSet;
use std::fmt::Write as _;
use visor_core::{Command, Input, Mood, ProcessState as S, Transition};

/// What a change of state comes from.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Cause {
    /// The daemon is up, or the group was added.
    Up,
    /// Somebody wants it to run.
    Start,
    /// Somebody wants it to stop.
    Stop,
    /// The daemon ends, or begins anew.
    End,
    /// There is a child.
    Spawned,
    /// There is none.
    NotSpawned,
    /// The child is gone.
    Exit,
    /// The child cannot be signalled.
    NotSignalled,
    /// Something is due.
    Time,
    /// The change before leads to it at once.
    AtOnce,
}

impl Cause {
    /// As the table has it.
    #[must_use]
    pub const fn text(self) -> &'static str {
        match self {
            Self::Up => "the daemon is up, the group is added",
            Self::Start => "start request",
            Self::Stop => "stop request",
            Self::End => "shutdown or restart of the daemon",
            Self::Spawned => "spawned",
            Self::NotSpawned => "spawn failed",
            Self::Exit => "exit",
            Self::NotSignalled => "signal could not be sent",
            Self::Time => "time",
            Self::AtOnce => "at once",
        }
    }

    /// The cause of a change that an input led to: whether the input is about that process, the
    /// process has changed before because of it, something was due at that moment. Nothing if it
    /// could be one or the other.
    pub(super) fn of(
        input: &Input<'_>,
        change: &Transition,
        own: bool,
        again: bool,
        was_due: bool,
        facts: &Facts,
    ) -> Option<Self> {
        let ending = facts.mood != Some(Mood::Running);
        if again {
            return Some(match (input, change.to) {
                (Input::Exited { .. }, S::Exited) => Self::Exit,
                // It was due to be RUNNING in the moment in which its group's turn came.
                (_, S::Stopping) if ending => Self::End,
                _ => Self::AtOnce,
            });
        }
        if matches!(input, Input::PidfileWritten { .. }) {
            return Some(Self::Up);
        }
        if !own {
            let stops = matches!(change.to, S::Stopping | S::Fatal);
            return Some(if ending && stops {
                Self::End
            } else {
                Self::Time
            });
        }
        match input {
            // These may mean nothing to it, and what is due is done all the same.
            Input::Command(_) | Input::SignalFailed { .. } if was_due => None,
            Input::Command(Command::Start(_)) => Some(Self::Start),
            Input::Command(Command::Stop(_)) => Some(Self::Stop),
            Input::Spawned { .. } => Some(Self::Spawned),
            Input::SpawnFailed { .. } => Some(Self::NotSpawned),
            Input::Exited { .. } => Some(Self::Exit),
            Input::SignalFailed { .. } => Some(Self::NotSignalled),
            _ => None,
        }
    }
}

/// One rule: what it says, and the transcripts that show it.
#[derive(Clone, Copy, Debug)]
pub struct Rule {
    /// In which state.
    pub from: S,
    /// What happens.
    pub cause: Cause,
    /// What it is then.
    pub to: S,
    /// Under which circumstances, and what else is done.
    pub text: &'static str,
    /// Files of `tests/scenario`, without their ending.
    pub transcripts: &'static [&'static str],
}

/// All that may be, in the order in which it is read.
pub const RULES: &[Rule] = &[
    rule(
        S::Stopped,
        Cause::Up,
        S::Starting,
        "`autostart=true`, never started before: spawned",
        &["autostart"],
    ),
    rule(S::Stopped, Cause::Start, S::Starting, "spawned", &["stop"]),
    rule(
        S::Starting,
        Cause::Spawned,
        S::Running,
        "`startsecs=0`",
        &["start_without_startsecs"],
    ),
    rule(
        S::Starting,
        Cause::Time,
        S::Running,
        "`startsecs` have passed since the spawn was tried",
        &["start_becomes_running", "spawn_answered_late"],
    ),
    rule(
        S::Starting,
        Cause::Exit,
        S::Running,
        "`startsecs` had passed, only nobody had looked; EXITED follows",
        &["exit_seen_late"],
    ),
    rule(
        S::Starting,
        Cause::Exit,
        S::Backoff,
        "before `startsecs`: one more failure; failure number n waits n seconds",
        &["quick_exit_backs_off"],
    ),
    rule(
        S::Starting,
        Cause::NotSpawned,
        S::Backoff,
        "one more failure, likewise",
        &["spawn_failure_backs_off", "spawn_errors"],
    ),
    rule(
        S::Starting,
        Cause::Stop,
        S::Stopping,
        "`stopsignal` is sent",
        &["stop_while_starting", "stop_before_spawn_is_answered"],
    ),
    rule(
        S::Starting,
        Cause::End,
        S::Stopping,
        "when its group's turn has come: `stopsignal` is sent",
        &["shutdown_again", "shutdown_order"],
    ),
    rule(
        S::Starting,
        Cause::NotSignalled,
        S::Unknown,
        "unless it has just ended (ESRCH)",
        &["unknown_from_each_state", "signal_to_what_just_ended"],
    ),
    rule(
        S::Running,
        Cause::Exit,
        S::Exited,
        "expected if the code is in `exitcodes`",
        &["exit_expected", "exit_by_signal_is_never_expected"],
    ),
    rule(
        S::Running,
        Cause::Stop,
        S::Stopping,
        "`stopsignal` is sent",
        &["stop", "stop_as_group"],
    ),
    rule(
        S::Running,
        Cause::End,
        S::Stopping,
        "when its group's turn has come: `stopsignal` is sent",
        &["shutdown_again", "shutdown_order"],
    ),
    rule(
        S::Running,
        Cause::NotSignalled,
        S::Unknown,
        "unless it has just ended (ESRCH)",
        &["unknown_from_each_state", "signal_to_what_just_ended"],
    ),
    rule(
        S::Backoff,
        Cause::Time,
        S::Starting,
        "its wait is over, and the daemon is not ending: spawned",
        &["quick_exit_backs_off", "shutdown_starts_nothing"],
    ),
    rule(
        S::Backoff,
        Cause::Start,
        S::Starting,
        "spawned without waiting",
        &["start_in_backoff"],
    ),
    rule(
        S::Backoff,
        Cause::AtOnce,
        S::Fatal,
        "more failures than `startretries`",
        &["too_many_failures_are_fatal", "no_retries"],
    ),
    rule(
        S::Backoff,
        Cause::Stop,
        S::Stopped,
        "no signal: there is no child",
        &["stop_in_backoff"],
    ),
    rule(
        S::Backoff,
        Cause::End,
        S::Fatal,
        "when its group's turn has come",
        &["shutdown_gives_up_backoff", "restart_starts_nothing"],
    ),
    rule(S::Stopping, Cause::Exit, S::Stopped, "", &["stop"]),
    rule(
        S::Stopping,
        Cause::NotSpawned,
        S::Stopped,
        "the stop came before the answer",
        &["stop_before_spawn_is_answered"],
    ),
    rule(
        S::Stopping,
        Cause::NotSignalled,
        S::Unknown,
        "SIGKILL as well as `stopsignal`",
        &["unknown_from_each_state", "signal_that_cannot_be_sent"],
    ),
    rule(
        S::Exited,
        Cause::AtOnce,
        S::Starting,
        "`autorestart` says so, and the daemon is not ending: spawned",
        &[
            "exit_unexpected_restarts_at_once",
            "autorestart_true",
            "shutdown_starts_nothing",
        ],
    ),
    rule(
        S::Exited,
        Cause::Time,
        S::Starting,
        "likewise, after ten short lives in a row: at most ten a second",
        &["hot_restarts_are_paced"],
    ),
    rule(
        S::Exited,
        Cause::Start,
        S::Starting,
        "spawned",
        &["autorestart_false"],
    ),
    rule(
        S::Exited,
        Cause::Stop,
        S::Stopped,
        "only between two paced restarts",
        &["stop_between_paced_restarts", "stop_of_what_is_stopped"],
    ),
    rule(
        S::Fatal,
        Cause::Start,
        S::Starting,
        "spawned; failures are counted anew",
        &["too_many_failures_are_fatal"],
    ),
    rule(
        S::Unknown,
        Cause::Exit,
        S::Exited,
        "as from RUNNING",
        &["signal_that_cannot_be_sent"],
    ),
    rule(
        S::Unknown,
        Cause::Exit,
        S::Stopped,
        "if a stop was wanted",
        &["signal_that_cannot_be_sent"],
    ),
    rule(
        S::Unknown,
        Cause::NotSpawned,
        S::Stopped,
        "there never was a child",
        &["unknown_before_the_spawn_is_answered"],
    ),
    rule(
        S::Unknown,
        Cause::Start,
        S::Running,
        "its child lives",
        &["start_leads_out_of_unknown"],
    ),
    rule(
        S::Unknown,
        Cause::Start,
        S::Starting,
        "it is not known yet whether it has a child",
        &["unknown_before_the_spawn_is_answered"],
    ),
];

const fn rule(
    from: S,
    cause: Cause,
    to: S,
    text: &'static str,
    transcripts: &'static [&'static str],
) -> Rule {
    Rule {
        from,
        cause,
        to,
        text,
        transcripts,
    }
}

/// Changes that were found and have no rule, and rules that nothing was found for.
#[must_use]
pub fn differences(found: &Changes) -> Vec<String> {
    let found: BTreeSet<(S, Cause, S)> = found.keys().copied().collect();
    let ruled: BTreeSet<(S, Cause, S)> = RULES.iter().map(|r| (r.from, r.cause, r.to)).collect();
    let without = found.difference(&ruled).map(|(from, cause, to)| {
        let (from, to, cause) = (from.name(), to.name(), cause.text());
        format!("from {from} to {to} by {cause}: no rule says so")
    });
    let never = ruled.difference(&found).map(|(from, cause, to)| {
        let (from, to, cause) = (from.name(), to.name(), cause.text());
        format!("from {from} to {to} by {cause}: it never happens")
    });
    without.chain(never).collect()
}

/// The table, in Markdown: what was found, each with its rule.
#[must_use]
pub fn table(found: &Changes) -> String {
    let mut text = String::from("| from | when | to | rule | seen in |\n|---|---|---|---|---|\n");
    for rule in RULES {
        if !found.contains_key(&(rule.from, rule.cause, rule.to)) {
            continue;
        }
        let links: Vec<String> = rule
            .transcripts
            .iter()
            .map(|name| format!("[{name}](../tests/scenario/{name}.txt)"))
            .collect();
        // Writing to a String cannot fail.
        let _ = writeln!(
            text,
            "| {} | {} | {} | {} | {} |",
            rule.from.name(),
            rule.cause.text(),
            rule.to.name(),
            rule.text,
            links.join(", ")
        );
    }
    text
}
