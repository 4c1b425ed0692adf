//! What a new configuration changes: pure, on two configurations.

use super::{Config, FcgiSocket, GroupConfig, GroupKind, LogTarget, OutputConfig, ProcessConfig};
use alloc::{
    borrow::ToOwned,
    collections::{BTreeMap, BTreeSet},
    format,
    string::String,
    vec::Vec,
};

/// The difference between two configurations, as `reread` reports it: groups alone take part.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Diff {
    /// Groups that are new, in the new configuration's order.
    pub added: Vec<String>,
    /// Groups that are in both, but not the same, in the new configuration's order.
    pub changed: Vec<Changed>,
    /// Groups that are gone, in the old configuration's order.
    pub removed: Vec<String>,
}

/// A group that is not what it was.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Changed {
    /// Its name.
    pub group: String,
    /// What differs: `web_00.command`, `web_01 (new)`, `priority`, `events`; never empty.
    pub reasons: Vec<String>,
}

/// Compares two configurations.
///
/// A log's name that the daemon makes up (`AUTO`) is no part of a configuration and never differs;
/// a change between `AUTO` and a name that is given is one.
///
/// ```
/// use visor_core::config::{Config, GroupConfig, GroupKind, ProcessConfig, diff};
/// let with = |command: &str| Config {
///     groups: vec![GroupConfig { name: "web".into(), priority: 999, kind: GroupKind::Plain,
///         processes: vec![ProcessConfig::new("web", command)] }],
///     ..Config::default()
/// };
/// let diff = diff(&with("/bin/a"), &with("/bin/b"));
/// assert_eq!(diff.changed[0].reasons, ["web.command"]);
/// ```
#[must_use]
pub fn diff(old: &Config, new: &Config) -> Diff {
    let by_name = |config: &Config| {
        let names = config.groups.iter().map(|group| group.name.clone());
        names.collect::<BTreeSet<String>>()
    };
    let before: BTreeMap<&str, &GroupConfig> = old
        .groups
        .iter()
        .map(|group| (group.name.as_str(), group))
        .collect();
    let after = by_name(new);
    let mut diff = Diff::default();
    for group in &new.groups {
        match before.get(group.name.as_str()) {
            None => diff.added.push(group.name.clone()),
            Some(was) => {
                let reasons = group_reasons(was, group);
                if !reasons.is_empty() {
                    diff.changed.push(Changed {
                        group: group.name.clone(),
                        reasons,
                    });
                }
            }
        }
    }
    let gone = old
        .groups
        .iter()
        .filter(|group| !after.contains(&group.name));
    diff.removed = gone.map(|group| group.name.clone()).collect();
    diff
}

/// What differs between two states of a group; empty: nothing.
#[must_use]
pub fn group_reasons(old: &GroupConfig, new: &GroupConfig) -> Vec<String> {
    let mut reasons = Vec::new();
    if old.priority != new.priority {
        reasons.push("priority".to_owned());
    }
    kind_reasons(&old.kind, &new.kind, &mut reasons);
    let mut before: BTreeMap<&str, &ProcessConfig> = BTreeMap::new();
    before.extend(old.processes.iter().map(|one| (one.name.as_str(), one)));
    for process in &new.processes {
        let name = &process.name;
        match before.remove(name.as_str()) {
            None => reasons.push(format!("{name} (new)")),
            Some(was) => {
                let keys = process_reasons(was, process);
                reasons.extend(keys.into_iter().map(|key| format!("{name}.{key}")));
            }
        }
    }
    let gone = before.keys().map(|name| format!("{name} (gone)"));
    reasons.extend(gone);
    reasons
}

fn kind_reasons(old: &GroupKind, new: &GroupKind, reasons: &mut Vec<String>) {
    match (old, new) {
        (GroupKind::Plain, GroupKind::Plain) => {}
        (
            GroupKind::Listener {
                buffer_size: old_size,
                events: old_events,
            },
            GroupKind::Listener {
                buffer_size,
                events,
            },
        ) => {
            if old_size != buffer_size {
                reasons.push("buffer_size".to_owned());
            }
            let set = |events: &[String]| events.iter().cloned().collect::<BTreeSet<_>>();
            if set(old_events) != set(events) {
                reasons.push("events".to_owned());
            }
        }
        (GroupKind::Fcgi(old), GroupKind::Fcgi(new)) => socket_reasons(old, new, reasons),
        (GroupKind::Plain | GroupKind::Listener { .. } | GroupKind::Fcgi(_), _) => {
            reasons.push("kind of group".to_owned());
        }
    }
}

fn socket_reasons(old: &FcgiSocket, new: &FcgiSocket, reasons: &mut Vec<String>) {
    if old.url() != new.url() {
        reasons.push("socket".to_owned());
    } else if old.address != new.address {
        reasons.push("socket_owner or socket_mode".to_owned());
    }
    if old.backlog != new.backlog {
        reasons.push("socket_backlog".to_owned());
    }
}

/// The keys in which two processes differ.
#[must_use]
pub fn process_reasons(old: &ProcessConfig, new: &ProcessConfig) -> Vec<String> {
    let uid = |process: &ProcessConfig| process.user.as_ref().map(|user| user.uid);
    let keys = [
        ("command", old.command == new.command),
        ("priority", old.priority == new.priority),
        ("autostart", old.autostart == new.autostart),
        ("startsecs", old.startsecs == new.startsecs),
        ("startretries", old.startretries == new.startretries),
        ("autorestart", old.autorestart == new.autorestart),
        ("exitcodes", old.exitcodes == new.exitcodes),
        ("stopsignal", old.stopsignal == new.stopsignal),
        ("stopwaitsecs", old.stopwaitsecs == new.stopwaitsecs),
        ("stopasgroup", old.stopasgroup == new.stopasgroup),
        ("killasgroup", old.killasgroup == new.killasgroup),
        ("user", uid(old) == uid(new)),
        ("directory", old.directory == new.directory),
        ("umask", old.umask == new.umask),
        (
            "environment",
            same_variables(&old.environment, &new.environment),
        ),
        ("serverurl", old.serverurl == new.serverurl),
        (
            "redirect_stderr",
            old.redirect_stderr == new.redirect_stderr,
        ),
    ];
    let differing = keys.into_iter().filter(|(_, same)| !same);
    let mut reasons: Vec<String> = differing.map(|(key, _)| key.to_owned()).collect();
    output_reasons("stdout", &old.stdout, &new.stdout, &mut reasons);
    output_reasons("stderr", &old.stderr, &new.stderr, &mut reasons);
    reasons
}

/// The order of variables does not matter.
fn same_variables(old: &[(String, String)], new: &[(String, String)]) -> bool {
    let set = |pairs: &[(String, String)]| pairs.iter().cloned().collect::<BTreeMap<_, _>>();
    old == new || set(old) == set(new)
}

fn output_reasons(stream: &str, old: &OutputConfig, new: &OutputConfig, reasons: &mut Vec<String>) {
    let same_log = match (&old.logfile, &new.logfile) {
        (LogTarget::File(old), LogTarget::File(new)) => old == new,
        (LogTarget::None, LogTarget::None)
        | (LogTarget::Auto, LogTarget::Auto)
        | (LogTarget::Syslog, LogTarget::Syslog) => true,
        (LogTarget::None | LogTarget::Auto | LogTarget::File(_) | LogTarget::Syslog, _) => false,
    };
    let keys = [
        ("logfile", same_log),
        ("logfile_maxbytes", old.maxbytes == new.maxbytes),
        ("logfile_backups", old.backups == new.backups),
        (
            "capture_maxbytes",
            old.capture_maxbytes == new.capture_maxbytes,
        ),
        ("events_enabled", old.events_enabled == new.events_enabled),
        ("syslog", old.syslog == new.syslog),
    ];
    let differing = keys.into_iter().filter(|(_, same)| !same);
    reasons.extend(differing.map(|(key, _)| format!("{stream}_{key}")));
}
