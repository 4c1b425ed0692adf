//! The sample configuration that `echo_supervisord_conf` prints: every section and every key, each
//! with what it means and what it is when it is not given. Made from the schema, so that none is
//! forgotten.

use std::fmt::Write as _;
use visor_core::config::schema::{Key, Naming, SECTIONS, Section};

const HEAD: &str = "\
; A configuration of supervisord.
;
; Lines that begin with ; or # say nothing. Behind a value a comment needs a space before its sign:
; `a=b ;comment` is cut, `a=b;c` is not, and quotes make no difference.
; %(ENV_HOME)s stands for the variable HOME of supervisord's environment, %(here)s for the directory
; of this file, %% for a percent sign. A line that is indented goes on with the value above it.
; Shells are not involved: `~`, `$VAR` and `>` mean nothing in a command; use sh -c '...' for them.
; supervisord --check -c FILE says what is wrong with a file, --print-config what it means.
";

/// Sections that are in use as they stand; the others are commented out.
const ACTIVE: [&str; 4] = [
    "supervisord",
    "unix_http_server",
    "supervisorctl",
    "rpcinterface",
];

/// What the name behind the colon is in the sample.
const NAMES: [(&str, &str); 6] = [
    ("program", "web"),
    ("group", "site"),
    ("fcgi-program", "php"),
    ("eventlistener", "watch"),
    ("rpcinterface", "supervisor"),
    ("ctlplugin", "name"),
];

/// Values in use, by section and key.
const VALUES: [(&str, &str, &str); 5] = [
    ("unix_http_server", "file", "/tmp/supervisor.sock"),
    ("supervisord", "logfile", "/tmp/supervisord.log"),
    ("supervisord", "pidfile", "/tmp/supervisord.pid"),
    ("supervisorctl", "serverurl", "unix:///tmp/supervisor.sock"),
    (
        "rpcinterface",
        "supervisor.rpcinterface_factory",
        "supervisor.rpcinterface:make_main_rpcinterface",
    ),
];

/// Column where the explanations begin, from the line's beginning.
const COLUMN: usize = 46;

/// The sample.
///
/// ```
/// let sample = visor::sample::conf();
/// assert!(sample.contains("\n[supervisord]\n"));
/// assert!(sample.contains("\n;[program:web]\n"));
/// ```
#[must_use]
pub fn conf() -> String {
    let mut out = HEAD.to_owned();
    for section in SECTIONS.iter().filter(|section| !section.keys.is_empty()) {
        write_section(&mut out, section);
    }
    out
}

fn write_section(out: &mut String, section: &Section) {
    let active = ACTIVE.contains(&section.name);
    let sign = if active { "" } else { ";" };
    let name = NAMES.iter().find(|(base, _)| *base == section.name);
    let named = match (section.naming, name) {
        (Naming::Named, Some((_, name))) => format!("{}:{name}", section.name),
        (Naming::Plain | Naming::Named | Naming::Either, _) => section.name.to_owned(),
    };
    // Writing to a String cannot fail.
    let _ = writeln!(out, "\n; {}\n{sign}[{named}]", section.doc);
    let mut seen: Vec<&str> = Vec::new();
    for key in section.keys {
        if !seen.contains(&key.name) {
            seen.push(key.name);
            write_key(out, section, key, active);
        }
    }
}

fn write_key(out: &mut String, section: &Section, key: &Key, active: bool) {
    let used = VALUES
        .iter()
        .find(|(base, name, _)| *base == section.name && *name == key.name);
    let value = match (used, key.default) {
        (Some((_, _, value)), _) => value,
        (None, Some(default)) if !default.is_empty() => default,
        (None, _) => key.example,
    };
    let sign = if active && used.is_some() { "" } else { ";" };
    let setting = format!("{sign}{}={value}", key.name);
    let _ = writeln!(out, "{setting:COLUMN$} ; {}", key.doc);
}

#[cfg(test)]
mod tests {
    use super::*;
    use visor_core::config::{
        Answer, FileContent, LoadErrors, LoadOptions, Loaded, Loader, Need, Step, User,
    };

    fn read(text: &str) -> Result<Loaded, LoadErrors> {
        let mut loader = Loader::new(LoadOptions {
            path: "/etc/s.conf".to_owned(),
            current_dir: "/".to_owned(),
            temp_dir: "/tmp".to_owned(),
            ..LoadOptions::default()
        });
        loop {
            match loader.poll() {
                Step::Need(need) => loader.answer(match need {
                    Need::File { .. } => Answer::File(Ok(FileContent {
                        bytes: text.as_bytes().to_vec(),
                        mode: None,
                    })),
                    Need::Glob { .. } => Answer::Paths(Vec::new()),
                    Need::Directory { .. } => Answer::Directory(true),
                    Need::UserNamed { name } => Answer::User(Some(User {
                        name,
                        uid: 33,
                        gid: 33,
                    })),
                    Need::UserNumbered { .. } => Answer::User(None),
                    Need::GroupNamed { .. } | Need::GroupNumbered { .. } => Answer::Group(Some(33)),
                    Need::Home { .. } => Answer::Home(None),
                }),
                Step::Done(loaded) => return Ok(*loaded),
                Step::Failed(errors) => return Err(errors),
            }
        }
    }

    #[test]
    fn the_sample_is_a_configuration_without_a_warning() {
        let loaded = read(&conf()).unwrap();
        assert_eq!(loaded.warnings, []);
        assert_eq!(loaded.config.rpc_interfaces, ["supervisor"]);
        assert_eq!(loaded.config.servers.len(), 1);
        assert!(loaded.config.groups.is_empty());
    }

    #[test]
    fn every_section_and_key_works_when_its_sign_is_taken_away() {
        let uncommented: String = conf()
            .lines()
            .map(|line| line.strip_prefix(';').unwrap_or(line))
            .filter(|line| line.starts_with('[') || line.contains('=') && !line.starts_with(' '))
            .filter(|line| !line.contains("ctlplugin") && !line.contains("ctl_factory"))
            .map(|line| format!("{line}\n"))
            .collect();
        let whole = uncommented + "[program:worker]\ncommand=/usr/bin/worker\n";
        let loaded = read(&whole).unwrap();
        let odd: Vec<String> = loaded.warnings.iter().map(ToString::to_string).collect();
        // conf.d is empty here; nothing else is doubtful.
        assert_eq!(odd.len(), 1, "{odd:#?}");
        assert_eq!(loaded.config.groups.len(), 3);
    }

    #[test]
    fn the_sample_names_every_key() {
        let sample = conf();
        for section in &SECTIONS {
            for key in section.keys {
                assert!(sample.contains(&format!("{}=", key.name)), "{}", key.name);
            }
        }
        assert!(sample.lines().all(|line| line.len() < 160));
    }
}
