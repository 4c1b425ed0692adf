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
///
/// ```
/// use visor_core::config::{Config, ProcessConfig, diff};
/// let old = Config::embedded().program(ProcessConfig::new("web", "/bin/web"));
/// let new = Config::embedded().program(ProcessConfig::new("web", "/bin/web --fast"));
/// let diff = diff(&old, &new);
/// assert!(diff.added.is_empty() && diff.removed.is_empty());
/// assert_eq!(diff.changed[0].reasons, ["web.command"]);
/// ```
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
///         processes: vec![ProcessConfig::new("web", command).into()] }],
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
    before.extend(old.processes.iter().map(|one| (one.name.as_str(), &**one)));
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{AutoRestart, ServerAddress, User};
    use alloc::sync::Arc;
    use alloc::vec;
    fn group(kind: GroupKind) -> GroupConfig {
        GroupConfig {
            name: "g".into(),
            priority: 999,
            kind,
            processes: vec![ProcessConfig::new("a", "/bin/a").into()],
        }
    }

    /// What differs once a group was changed, seen from both sides.
    fn after(kind: GroupKind, change: impl FnOnce(&mut GroupConfig)) -> Vec<String> {
        let old = group(kind);
        let mut new = old.clone();
        change(&mut new);
        let reasons = group_reasons(&old, &new);
        assert_eq!(group_reasons(&new, &old).len(), reasons.len());
        reasons
    }

    #[test]
    fn what_is_the_same_is_not_changed() {
        let old = Config::embedded().group("g", 1, [ProcessConfig::new("a", "/bin/a")]);
        assert_eq!(diff(&old, &old.clone()), Diff::default());
    }

    #[test]
    fn groups_come_go_and_change() {
        let one = |name: &str, command: &str| {
            let mut group = group(GroupKind::Plain);
            group.name = name.into();
            group.processes = vec![ProcessConfig::new(name, command).into()];
            group
        };
        let of = |groups: Vec<GroupConfig>| Config {
            groups,
            ..Config::default()
        };
        let old = of(vec![one("kept", "x"), one("other", "x"), one("gone", "x")]);
        let new = of(vec![one("new", "x"), one("other", "y"), one("kept", "x")]);
        let diff = diff(&old, &new);
        assert_eq!(diff.added, ["new"]);
        assert_eq!(diff.removed, ["gone"]);
        assert_eq!(diff.changed.len(), 1);
        assert_eq!(diff.changed[0].group, "other");
        assert_eq!(diff.changed[0].reasons, ["other.command"]);
    }

    #[test]
    fn every_key_of_a_program_can_be_the_reason() {
        type Change = fn(&mut ProcessConfig);
        let changes: [(&str, Change); 21] = [
            ("command", |p| p.command.push('x')),
            ("priority", |p| p.priority = 1),
            ("autostart", |p| p.autostart = false),
            ("startsecs", |p| p.startsecs = 9),
            ("startretries", |p| p.startretries = 9),
            ("autorestart", |p| p.autorestart = AutoRestart::Always),
            ("exitcodes", |p| p.exitcodes.push(2)),
            ("stopsignal", |p| p.stopsignal = crate::Signal::INT),
            ("stopwaitsecs", |p| p.stopwaitsecs = 9),
            ("stopasgroup", |p| p.stopasgroup = true),
            ("killasgroup", |p| p.killasgroup = true),
            ("user", |p| {
                p.user = Some(User {
                    name: "u".into(),
                    uid: 5,
                    gid: 5,
                });
            }),
            ("directory", |p| p.directory = Some("/".into())),
            ("umask", |p| p.umask = Some(0o22)),
            ("environment", |p| {
                p.environment.push(("A".into(), "b".into()));
            }),
            ("serverurl", |p| p.serverurl = Some("http://h".into())),
            ("redirect_stderr", |p| p.redirect_stderr = true),
            ("stdout_logfile_maxbytes", |p| p.stdout.maxbytes = 1),
            ("stdout_logfile_backups", |p| p.stdout.backups = 1),
            ("stderr_capture_maxbytes", |p| p.stderr.capture_maxbytes = 1),
            ("stderr_events_enabled", |p| p.stderr.events_enabled = true),
        ];
        for (key, change) in changes {
            let reasons = after(GroupKind::Plain, |group| {
                change(Arc::make_mut(&mut group.processes[0]))
            });
            assert_eq!(reasons, [format!("a.{key}")]);
        }
        let syslog =
            |group: &mut GroupConfig| Arc::make_mut(&mut group.processes[0]).stdout.syslog = true;
        assert_eq!(after(GroupKind::Plain, syslog), ["a.stdout_syslog"]);
    }

    #[test]
    fn logs_differ_by_what_the_file_says_of_them() {
        let targets = [
            LogTarget::None,
            LogTarget::Auto,
            LogTarget::Syslog,
            LogTarget::File("/a".into()),
            LogTarget::File("/b".into()),
        ];
        for old in &targets {
            for new in &targets {
                let mut before = ProcessConfig::new("a", "/bin/a");
                let mut after = before.clone();
                before.stderr.logfile = old.clone();
                after.stderr.logfile = new.clone();
                let reasons = process_reasons(&before, &after);
                assert_eq!(reasons.is_empty(), old == new, "{old:?} {new:?}");
            }
        }
    }

    #[test]
    fn the_order_of_variables_is_no_difference() {
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        let mut old = ProcessConfig::new("a", "/bin/a");
        let mut new = old.clone();
        old.environment = vec![pair("A", "1"), pair("B", "2")];
        new.environment = vec![pair("B", "2"), pair("A", "1")];
        assert!(process_reasons(&old, &new).is_empty());
        new.environment = vec![pair("B", "2"), pair("A", "2")];
        assert_eq!(process_reasons(&old, &new), ["environment"]);
    }

    #[test]
    fn groups_differ_by_priority_kind_and_members() {
        assert_eq!(after(GroupKind::Plain, |g| g.priority = 1), ["priority"]);
        let more = |g: &mut GroupConfig| g.processes.push(ProcessConfig::new("b", "/bin/b").into());
        assert_eq!(after(GroupKind::Plain, more), ["b (new)"]);
        let none = |g: &mut GroupConfig| g.processes.clear();
        assert_eq!(after(GroupKind::Plain, none), ["a (gone)"]);
        let other = |g: &mut GroupConfig| g.kind = listener(10, &["TICK_5"]);
        assert_eq!(after(GroupKind::Plain, other), ["kind of group"]);
    }

    fn listener(buffer_size: u64, events: &[&str]) -> GroupKind {
        GroupKind::Listener {
            buffer_size: buffer_size.try_into().unwrap(),
            events: events.iter().map(|event| (*event).to_owned()).collect(),
        }
    }

    #[test]
    fn pools_differ_by_buffer_and_events_in_any_order() {
        let old = || listener(10, &["TICK_5", "EVENT"]);
        let becomes = |new: GroupKind| after(old(), |group| group.kind = new);
        assert!(becomes(listener(10, &["EVENT", "TICK_5"])).is_empty());
        assert_eq!(becomes(listener(11, &["TICK_5", "EVENT"])), ["buffer_size"]);
        assert_eq!(becomes(listener(10, &["TICK_5"])), ["events"]);
    }

    #[test]
    fn fastcgi_groups_differ_by_their_socket() {
        let unix = |path: &str, mode| ServerAddress::Unix {
            path: path.into(),
            mode,
            owner: None,
        };
        let socket = |address, backlog| GroupKind::Fcgi(FcgiSocket { address, backlog });
        let old = || socket(unix("/s", 0o700), None);
        let becomes = |new: GroupKind| after(old(), |group| group.kind = new);
        assert!(becomes(old()).is_empty());
        assert_eq!(becomes(socket(unix("/t", 0o700), None)), ["socket"]);
        assert_eq!(
            becomes(socket(unix("/s", 0o600), None)),
            ["socket_owner or socket_mode"]
        );
        assert_eq!(
            becomes(socket(unix("/s", 0o700), Some(5))),
            ["socket_backlog"]
        );
    }
}
