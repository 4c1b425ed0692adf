//! What the configuration reference says of a key is what the reader makes of it: the example is
//! read and means something, the default is what a key that is not given means, and a value of
//! another type is refused.

use crate::reference::own_keys;
use std::sync::Arc;
use visor_core::config::schema::{Key, Kind, SECTIONS, Section};
use visor_core::config::{
    Answer, Config, CtlConfig, CtlLoader, FileContent, Load, LoadOptions, Loader, Need, Step, User,
};

/// What was made of a text: the settings of either program, and what they were asked of the system.
#[derive(Debug, PartialEq)]
struct Read {
    daemon: Config,
    ctl: Option<CtlConfig>,
    needs: Vec<Need>,
}

/// Reads a text where every directory and every account exists, or none at all.
fn read(text: &str, exists: bool) -> Result<Read, String> {
    let options = || LoadOptions {
        path: "/etc/s.conf".to_owned(),
        current_dir: "/".to_owned(),
        temp_dir: "/tmp".to_owned(),
        ..LoadOptions::default()
    };
    let mut needs = Vec::new();
    let loaded = run(Loader::new(options()), text, exists, &mut needs)?;
    if let Some(warning) = loaded.warnings.first() {
        return Err(warning.to_string());
    }
    let wanted = text.contains("[supervisorctl]");
    let ctl = wanted.then(|| run(CtlLoader::new(options()), text, exists, &mut needs));
    let (daemon, ctl) = (loaded.config, ctl.transpose()?.map(|ctl| ctl.config));
    Ok(Read { daemon, ctl, needs })
}

fn run<T>(mut load: Load<T>, text: &str, exists: bool, needs: &mut Vec<Need>) -> Result<T, String> {
    loop {
        let need = match load.poll() {
            Step::Need(need) => need,
            Step::Done(loaded) => return Ok(*loaded),
            Step::Failed(errors) => return Err(errors.to_string()),
        };
        load.answer(match &need {
            Need::File { path } if path == "/etc/s.conf" => Answer::File(Ok(FileContent {
                bytes: text.as_bytes().to_vec(),
                mode: None,
            })),
            Need::File { .. } => Answer::File(Ok(FileContent::default())),
            Need::Glob { .. } => Answer::Paths(vec!["/etc/other.conf".to_owned()]),
            Need::Directory { .. } => Answer::Directory(exists),
            Need::UserNamed { name } => Answer::User(exists.then(|| User {
                name: name.clone(),
                uid: 33,
                gid: 33,
            })),
            Need::UserNumbered { .. } => Answer::User(None),
            Need::GroupNamed { .. } | Need::GroupNumbered { .. } => {
                Answer::Group(exists.then_some(33))
            }
            Need::Home { .. } => Answer::Home(exists.then(|| "/root".to_owned())),
        });
        needs.push(need);
    }
}

/// What a section needs beside the key that is tried.
fn beside(section: &Section, key: &Key) -> Vec<&'static str> {
    let all: &[&str] = match section.name {
        "program" => &["command=x", "process_name=p%(process_num)d"],
        "eventlistener" => &[
            "command=x",
            "process_name=p%(process_num)d",
            "events=TICK_5",
        ],
        "fcgi-program" => &[
            "command=x",
            "process_name=p%(process_num)d",
            "socket=unix:///x",
        ],
        "unix_http_server" => &["file=/x", "username=x", "password=x"],
        "inet_http_server" => &["port=7", "username=x", "password=x"],
        "group" => &["programs=web"],
        "include" => &["files=x"],
        "rpcinterface" => {
            &["supervisor.rpcinterface_factory=supervisor.rpcinterface:make_main_rpcinterface"]
        }
        "supervisord" | "supervisorctl" => &[],
        other => panic!("[{other}] is new"),
    };
    let others = |line: &&&str| line.split('=').next() != Some(key.name);
    all.iter().filter(others).copied().collect()
}

/// A whole configuration in which the key has the value, or is not there.
fn text(section: &Section, key: &Key, value: Option<&str>) -> String {
    let mut lines = vec![match section.name {
        name @ ("supervisord" | "supervisorctl" | "include" | "unix_http_server"
        | "inet_http_server") => format!("[{name}]"),
        "rpcinterface" => "[rpcinterface:supervisor]".to_owned(),
        name => format!("[{name}:x]"),
    }];
    lines.extend(beside(section, key).into_iter().map(str::to_owned));
    lines.extend(value.map(|value| format!("{}={value}", key.name)));
    if section.name != "supervisord" {
        lines.push("[supervisord]".to_owned());
    }
    if section.name == "group" {
        for program in ["web", "worker"] {
            lines.push(format!("[program:{program}]\ncommand=x"));
        }
    }
    lines.join("\n")
}

/// A value that is not of the kind, where there is one.
fn wrong(kind: Kind) -> Option<&'static str> {
    match kind {
        Kind::Text | Kind::Patterns => None,
        Kind::Integer | Kind::ByteSize => Some("1x"),
        Kind::Boolean | Kind::AutoRestart => Some("maybe"),
        Kind::Octal => Some("9"),
        Kind::Signal => Some("NOSUCH"),
        Kind::ExitCodes => Some("a"),
        Kind::LogLevel => Some("loud"),
        Kind::User | Kind::Owner | Kind::Names => Some("nosuch"),
        Kind::Directory | Kind::Path | Kind::LogFile => Some("/nosuch/x"),
        Kind::Pairs => Some("A"),
        Kind::Address | Kind::Socket => Some("x:y"),
    }
}

/// Every key in the reference but that of plug-ins, which cannot be loaded whatever it says.
fn keys() -> impl Iterator<Item = (&'static Section, &'static Key)> {
    let sections = SECTIONS
        .iter()
        .filter(|section| section.name != "ctlplugin");
    sections.flat_map(|section| own_keys(section).map(move |key| (section, key)))
}

#[test]
fn every_example_is_read_and_means_something() {
    for (section, key) in keys() {
        let place = format!("[{}] {}", section.name, key.name);
        let text = text(section, key, Some(key.example));
        let given = read(&text, true).unwrap_or_else(|error| panic!("{place}: {error}\n{text}"));
        // Of some keys there is one value only.
        if key.doc.starts_with("Only ") {
            continue;
        }
        let without = read(&self::text(section, key, None), true);
        let required = ["Required.", "goes with"]
            .iter()
            .any(|word| key.doc.contains(word));
        assert_eq!(without.is_err(), required, "{place}: {without:?}");
        if let Ok(without) = without {
            assert_ne!(given, without, "{place}: {} changes nothing", key.example);
        }
    }
}

#[test]
fn a_key_that_is_not_given_means_its_default() {
    for (section, key) in keys() {
        // Where it depends, the reader leaves it to those who know.
        let default = key.default.filter(|_| !key.doc.contains(" only."));
        if let Some(default) = default {
            let [given, without] = [Some(default), None].map(|value| {
                let text = text(section, key, value);
                let read = read(&text, true).expect("a default is fine");
                (settled(read.daemon, section), read.ctl)
            });
            assert_eq!(given, without, "{} {}", section.name, key.name);
        }
    }
}

/// A pool's key is that of its processes too, among which it makes no difference to anybody.
fn settled(mut config: Config, section: &Section) -> Config {
    if section.name == "eventlistener" {
        let processes = config.groups.iter_mut().flat_map(|g| &mut g.processes);
        processes.for_each(|process| Arc::make_mut(process).priority = 0);
    }
    config
}

#[test]
fn a_value_of_another_type_is_refused() {
    for (section, key) in keys() {
        if let Some(wrong) = wrong(key.kind) {
            let text = text(section, key, Some(wrong));
            let read = read(&text, false);
            let refusal = read.expect_err(&format!("[{}] {}={wrong}", section.name, key.name));
            let mut about = wrong.split(':').chain([key.name, section.name]);
            assert!(about.any(|word| refusal.contains(word)), "{refusal}");
        }
    }
}
