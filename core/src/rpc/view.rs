//! What clients are told, as values.

use super::fault::Fault;
use crate::config::{AutoRestart, GroupConfig, LogTarget, OutputConfig, ProcessConfig};
use crate::process::Glance;
use crate::xmlrpc::{Name, Value, Writer};
use alloc::{borrow::Cow, string::String, vec::Vec};

/// Times are told as 32-bit numbers, which is what most clients can read.
const SECS_MAX: i64 = i32::MAX as i64;

/// A process as `getProcessInfo` gives it, members in the reference's order. It is written at once:
/// a tree of values for each of thousands would cost more than all else about the answer.
pub(super) fn write_process_info(out: &mut Writer<'_>, of: &Glance<'_>) {
    let secs = |secs: i64| secs.clamp(0, SECS_MAX);
    out.structure(|members| {
        members.text("name", of.name);
        members.text("group", of.group);
        members.int("start", secs(of.start));
        members.int("stop", secs(of.stop));
        members.int("now", secs(of.now));
        members.int("state", i64::from(of.state.code()));
        members.text("statename", of.state.name());
        members.text("spawnerr", of.spawnerr);
        members.int("exitstatus", i64::from(of.exitstatus));
        members.text("logfile", of.stdout_logfile);
        members.text("stdout_logfile", of.stdout_logfile);
        members.text("stderr_logfile", of.stderr_logfile);
        members.int("pid", i64::from(of.pid.0));
        members.text("description", &of.description);
    });
}

/// The outcome for one process of a group.
pub(super) fn status(name: &str, group: &str, outcome: &Result<(), Fault>) -> Value {
    let (code, description) = match outcome {
        Ok(()) => (super::FaultKind::Success.code(), Cow::Borrowed("OK")),
        Err(fault) => (fault.kind.code(), Cow::Owned(fault.text())),
    };
    structure([
        ("name", Value::from(name)),
        ("group", Value::from(group)),
        ("status", Value::Int(code)),
        ("description", Value::Str(description.into_owned())),
    ])
}

/// What `getAllConfigInfo` knows of a process besides its configuration.
pub(super) struct Active<'a> {
    /// Its group is active.
    pub(super) inuse: bool,
    /// The files of its logs, once they have one.
    pub(super) stdout_path: Option<&'a str>,
    pub(super) stderr_path: Option<&'a str>,
}

/// A process as `getAllConfigInfo` gives it.
pub(super) fn config_info(
    group: &GroupConfig,
    process: &ProcessConfig,
    active: &Active<'_>,
) -> Value {
    let or_none = |text: Option<&str>| Value::from(text.unwrap_or("none"));
    let uid = process.user.as_ref().map(|user| i64::from(user.uid));
    let mut members = Vec::with_capacity(32);
    let mut add = |name: &'static str, value: Value| members.push((Name::Borrowed(name), value));
    add("autostart", Value::Bool(process.autostart));
    add("autorestart", autorestart(process.autorestart));
    add("directory", or_none(process.directory.as_deref()));
    add("uid", uid.map_or_else(|| or_none(None), Value::Int));
    add("command", Value::from(process.command.as_str()));
    let codes = process.exitcodes.iter();
    add(
        "exitcodes",
        Value::Array(codes.map(|code| Value::Int(i64::from(*code))).collect()),
    );
    add("group", Value::from(group.name.as_str()));
    add("group_prio", Value::Int(group.priority));
    add("inuse", Value::Bool(active.inuse));
    add("killasgroup", Value::Bool(process.killasgroup));
    add("name", Value::from(process.name.as_str()));
    add("process_prio", Value::Int(process.priority));
    add("redirect_stderr", Value::Bool(process.redirect_stderr));
    add("startretries", Value::Int(process.startretries));
    add("startsecs", Value::Int(process.startsecs));
    output(
        &mut add,
        &STDOUT_MEMBERS,
        &process.stdout,
        active.stdout_path,
    );
    let signal = i64::from(process.stopsignal.number());
    add("stopsignal", Value::Int(signal));
    add("stopwaitsecs", Value::Int(process.stopwaitsecs));
    output(
        &mut add,
        &STDERR_MEMBERS,
        &process.stderr,
        active.stderr_path,
    );
    add("serverurl", or_none(process.serverurl.as_deref()));
    Value::Struct(members)
}

fn autorestart(policy: AutoRestart) -> Value {
    match policy {
        AutoRestart::Never => Value::Bool(false),
        AutoRestart::Always => Value::Bool(true),
        AutoRestart::Unexpected => Value::from("unexpected"),
    }
}

const STDOUT_MEMBERS: [&str; 6] = [
    "stdout_capture_maxbytes",
    "stdout_events_enabled",
    "stdout_logfile",
    "stdout_logfile_backups",
    "stdout_logfile_maxbytes",
    "stdout_syslog",
];
const STDERR_MEMBERS: [&str; 6] = [
    "stderr_capture_maxbytes",
    "stderr_events_enabled",
    "stderr_logfile",
    "stderr_logfile_backups",
    "stderr_logfile_maxbytes",
    "stderr_syslog",
];

fn output(
    add: &mut impl FnMut(&'static str, Value),
    names: &[&'static str; 6],
    config: &OutputConfig,
    path: Option<&str>,
) {
    let bytes = |bytes: u64| Value::Int(i64::try_from(bytes).unwrap_or(i64::MAX));
    let [capture, events, logfile, backups, maxbytes, syslog] = *names;
    add(capture, bytes(config.capture_maxbytes));
    add(events, Value::Bool(config.events_enabled));
    let file = match (&config.logfile, path) {
        (LogTarget::None | LogTarget::Syslog, _) => "none",
        (LogTarget::File(file), _) => file,
        (LogTarget::Auto, Some(path)) => path,
        (LogTarget::Auto, None) => "auto",
    };
    add(logfile, Value::from(file));
    add(backups, Value::Int(i64::from(config.backups)));
    add(maxbytes, bytes(config.maxbytes));
    add(syslog, Value::Bool(config.syslog));
}

/// A struct whose member names are known.
pub(super) fn structure<const N: usize>(members: [(&'static str, Value); N]) -> Value {
    let members = members.into_iter();
    Value::Struct(members.map(|(n, v)| (Name::Borrowed(n), v)).collect())
}

/// An array of texts.
pub(super) fn texts(texts: impl IntoIterator<Item = String>) -> Value {
    Value::Array(texts.into_iter().map(Value::Str).collect())
}
