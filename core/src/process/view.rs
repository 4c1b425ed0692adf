//! What clients are told of a process.

use super::{Process, ProcessState};
use crate::{Civil, Now, Pid, UnixTime};
use alloc::{borrow::ToOwned, format, string::String};

/// A process as `getProcessInfo` gives it.
///
/// ```
/// use visor_core::config::{Config, ProcessConfig};
/// use visor_core::{Boot, Now, Pid, ProcessState, Supervisor};
/// let mut web = ProcessConfig::new("web", "/bin/web");
/// web.autostart = false;
/// let now = Now::default();
/// let boot = Boot { pid: Pid(1), seed: [0; 32], foreground: true, messages: vec![] };
/// let supervisor = Supervisor::new(Config::embedded().program(web), boot, now);
/// let id = supervisor.processes().next().expect("there is one").0;
/// let info = supervisor.process_info(id, &now).expect("it exists");
/// assert_eq!((info.state, info.description.as_str()), (ProcessState::Stopped, "Not started"));
/// ```
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ProcessInfo {
    /// Process name.
    pub name: String,
    /// Group name.
    pub group: String,
    /// Time of the last start, in seconds since the epoch; 0: never.
    pub start: i64,
    /// Time of the last end; 0: never.
    pub stop: i64,
    /// The time of this answer.
    pub now: i64,
    /// What it is doing.
    pub state: ProcessState,
    /// Why it is not running, or empty.
    pub spawnerr: String,
    /// Exit code of the last run; -1 after a death by signal; 0 if it has not ended.
    pub exitstatus: i32,
    /// Path of the standard output log, or empty.
    pub stdout_logfile: String,
    /// Path of the standard error log, or empty.
    pub stderr_logfile: String,
    /// Its pid; 0 if it has none.
    pub pid: Pid,
    /// One line for people.
    pub description: String,
}

/// The same, as long as nothing happens: what is told of thousands of processes is not copied
/// before it is written.
#[derive(Clone, Debug)]
pub(crate) struct Glance<'a> {
    pub(crate) name: &'a str,
    pub(crate) group: &'a str,
    pub(crate) start: i64,
    pub(crate) stop: i64,
    pub(crate) now: i64,
    pub(crate) state: ProcessState,
    pub(crate) spawnerr: &'a str,
    pub(crate) exitstatus: i32,
    pub(crate) stdout_logfile: &'a str,
    pub(crate) stderr_logfile: &'a str,
    pub(crate) pid: Pid,
    pub(crate) description: String,
}

impl From<Glance<'_>> for ProcessInfo {
    fn from(glance: Glance<'_>) -> Self {
        Self {
            name: glance.name.to_owned(),
            group: glance.group.to_owned(),
            start: glance.start,
            stop: glance.stop,
            now: glance.now,
            state: glance.state,
            spawnerr: glance.spawnerr.to_owned(),
            exitstatus: glance.exitstatus,
            stdout_logfile: glance.stdout_logfile.to_owned(),
            stderr_logfile: glance.stderr_logfile.to_owned(),
            pid: glance.pid,
            description: glance.description,
        }
    }
}

impl Process {
    pub(crate) fn info(&self, group: &str, now: &Now) -> ProcessInfo {
        self.glance(group, now).into()
    }

    pub(crate) fn glance<'a>(&'a self, group: &'a str, now: &Now) -> Glance<'a> {
        let secs = |time: Option<UnixTime>| time.map_or(0, UnixTime::as_secs);
        Glance {
            name: &self.config.name,
            group,
            start: secs(self.started),
            stop: secs(self.stopped),
            now: now.wall.as_secs(),
            state: self.state(),
            spawnerr: &self.spawnerr,
            exitstatus: self.exit.map_or(0, crate::ExitStatus::code),
            stdout_logfile: self.stdout.path().unwrap_or_default(),
            stderr_logfile: self.stderr.path().unwrap_or_default(),
            pid: self.pid().unwrap_or(Pid(0)),
            description: self.description(now),
        }
    }

    fn description(&self, now: &Now) -> String {
        let up_secs = self
            .child()
            .map_or(0, |child| now.mono.saturating_since(child.since).as_secs());
        describe(
            self.state(),
            self.pid().unwrap_or(Pid(0)),
            up_secs,
            &self.spawnerr,
            &self.config.name,
            self.stopped,
            now.utc_offset_secs,
        )
    }
}

/// The last column of `supervisorctl status`.
///
/// ```
/// use visor_core::{Pid, ProcessState, describe};
/// let shown = describe(ProcessState::Running, Pid(7), 61, "", "web", None, 0);
/// assert_eq!(shown, "pid 7, uptime 0:01:01");
/// ```
#[must_use]
pub fn describe(
    state: ProcessState,
    pid: Pid,
    up_secs: u64,
    spawnerr: &str,
    name: &str,
    stopped: Option<UnixTime>,
    utc_offset_secs: i32,
) -> String {
    match state {
        ProcessState::Running => format!("pid {pid}, uptime {}", uptime(up_secs)),
        ProcessState::Fatal | ProcessState::Backoff if spawnerr.is_empty() => {
            format!("unknown error (try \"tail {name}\")")
        }
        ProcessState::Fatal | ProcessState::Backoff => spawnerr.to_owned(),
        ProcessState::Stopped | ProcessState::Exited => stopped.map_or_else(
            || String::from("Not started"),
            |time| Civil::at(time, utc_offset_secs).stop_stamp(),
        ),
        ProcessState::Starting | ProcessState::Stopping | ProcessState::Unknown => String::new(),
    }
}

/// As Python prints a timedelta of whole seconds.
fn uptime(secs: u64) -> String {
    let (days, rest) = (secs / 86_400, secs % 86_400);
    let clock = format!("{}:{:02}:{:02}", rest / 3_600, rest / 60 % 60, rest % 60);
    match days {
        0 => clock,
        1 => format!("1 day, {clock}"),
        n => format!("{n} days, {clock}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn uptimes_are_shown_as_python_shows_them() {
        assert_eq!(uptime(5), "0:00:05");
        assert_eq!(uptime(86_405), "1 day, 0:00:05");
        assert_eq!(uptime(3 * 86_400 + 36_000), "3 days, 10:00:00");
    }

    #[test]
    fn descriptions_follow_the_state() {
        let of = |state, spawnerr, stopped| describe(state, Pid(7), 61, spawnerr, "w", stopped, 0);
        assert_eq!(of(ProcessState::Running, "", None), "pid 7, uptime 0:01:01");
        assert_eq!(
            of(ProcessState::Fatal, "", None),
            "unknown error (try \"tail w\")"
        );
        assert_eq!(of(ProcessState::Backoff, "no", None), "no");
        assert_eq!(of(ProcessState::Stopped, "", None), "Not started");
        let stop = Some(UnixTime::from_secs(0));
        assert_eq!(of(ProcessState::Exited, "", stop), "Jan 01 12:00 AM");
        assert_eq!(of(ProcessState::Starting, "x", stop), "");
    }
}
