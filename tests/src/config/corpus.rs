//! The recording of what the reference makes of small configurations, and our answer to each.

use super::Accounts;
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use visor_core::LogLevel;
use visor_core::config::{Flag, LoadOptions, Secrets, settings_json};

/// One recorded case.
#[derive(Debug)]
pub struct Case {
    /// Its name.
    pub name: String,
    value: Value,
}

/// What came of a configuration.
#[derive(Clone, Debug, PartialEq)]
pub enum Outcome {
    /// It was accepted: the settings, and the messages with their levels.
    Accepted(Value, Vec<(String, String)>),
    /// It was refused: the text after `Error: `.
    Refused(String),
    /// The reference broke down, and what it said last.
    Traceback(String),
}

/// Directory of the corpus.
#[must_use]
pub fn directory() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("compat/config")
}

/// All recorded cases, and the accounts of the machine they were recorded on.
#[must_use]
pub fn read() -> (Vec<Case>, Accounts) {
    let text = fs::read_to_string(directory().join("recorded.json")).expect("recorded.json");
    let all: Value = serde_json::from_str(&text).expect("JSON");
    let number = |value: &Value| u32::try_from(value.as_u64().expect("a number")).expect("32 bits");
    let mut accounts = Accounts::default();
    for (name, ids) in all["accounts"]["users"].as_object().expect("users") {
        let ids = (number(&ids[0]), number(&ids[1]));
        accounts.users.insert(name.clone(), ids);
    }
    for (name, gid) in all["accounts"]["groups"].as_object().expect("groups") {
        accounts.groups.insert(name.clone(), number(gid));
    }
    let cases = all["cases"].as_object().expect("cases").iter();
    let cases = cases.map(|(name, value)| Case {
        name: name.clone(),
        value: value.clone(),
    });
    (cases.collect(), accounts)
}

/// supervisord's flags: letter, name, whether there is an argument.
const FLAGS: [(char, &str, bool); 16] = [
    ('n', "nodaemon", false),
    ('s', "silent", false),
    ('k', "nocleanup", false),
    ('t', "strip_ansi", false),
    ('u', "user", true),
    ('m', "umask", true),
    ('d', "directory", true),
    ('l', "logfile", true),
    ('y', "logfile_maxbytes", true),
    ('z', "logfile_backups", true),
    ('e', "loglevel", true),
    ('j', "pidfile", true),
    ('i', "identifier", true),
    ('q', "childlogdir", true),
    ('a', "minfds", true),
    ('\0', "minprocs", true),
];

/// The forms that occur in cases: `-x`, `-xyz`, `-x value`, `--name=value`.
fn flags(words: &[String]) -> Vec<Flag> {
    let mut found = Vec::new();
    let mut words = words.iter();
    while let Some(word) = words.next() {
        if let Some(long) = word.strip_prefix("--") {
            let (key, value) = long.split_once('=').expect("--name=value");
            found.push(flag(key, format!("--{key}"), value));
            continue;
        }
        for letter in word.strip_prefix('-').expect("a flag").chars() {
            let known = FLAGS.iter().find(|(known, _, _)| *known == letter);
            let (_, key, argument) = known.expect("a known flag");
            let value = argument.then(|| words.next().expect("an argument").as_str());
            found.push(flag(key, format!("-{letter}"), value.unwrap_or("")));
        }
    }
    found
}

fn flag(key: &str, shown: String, value: &str) -> Flag {
    let (key, value) = (key.to_owned(), value.to_owned());
    Flag { key, shown, value }
}

impl Case {
    fn text(&self, key: &str) -> &str {
        self.value[key].as_str().expect("text")
    }

    fn words(&self, key: &str, directory: &str) -> Vec<String> {
        let words = self.value[key].as_array().expect("a list").iter();
        let words = words.map(|word| word.as_str().expect("a word"));
        words.map(|word| word.replace("<dir>", directory)).collect()
    }

    /// What the reference made of it.
    #[must_use]
    pub fn recorded(&self) -> Outcome {
        let recorded = &self.value["recorded"];
        if let Some(said) = recorded["stderr"].as_str() {
            let Some(rest) = said.strip_prefix("Error: ") else {
                return Outcome::Traceback(said.trim().lines().last().unwrap_or("").to_owned());
            };
            assert_eq!(recorded["exit"], 2, "{}", self.name);
            let program = self.text("program");
            let help = format!("\nFor help, use {program} -h\n");
            let text = rest
                .strip_suffix(&help)
                .expect("the reference's way to help");
            return Outcome::Refused(text.to_owned());
        }
        let mut messages: Vec<(String, String)> = Vec::new();
        for message in recorded["messages"].as_array().expect("messages") {
            let part = |at: usize| message[at].as_str().expect("text").to_owned();
            // Said once per process by the reference, once per program by us.
            if !messages.contains(&(part(0), part(1))) {
                messages.push((part(0), part(1)));
            }
        }
        Outcome::Accepted(recorded["settings"].clone(), messages)
    }

    /// What we make of it, in `directory`, which is emptied before and after. Paths below it are
    /// shown as `<dir>`, as they were recorded.
    #[must_use]
    pub fn replay(&self, directory: &Path, accounts: &Accounts) -> Outcome {
        self.lay_out(directory);
        let shown = directory.display().to_string();
        let options = self.options(directory);
        let answer = if self.text("program") == "supervisorctl" {
            match super::load_ctl(options, accounts) {
                Ok(loaded) => Ok((ctl_settings(&loaded.config), Vec::new())),
                Err(errors) => Err(errors),
            }
        } else {
            super::load(options, accounts).map(|loaded| {
                let settings = settings_json(&loaded.config, Secrets::Shown).pretty();
                let messages = loaded.messages.into_iter().map(|(level, text)| {
                    let level = if level == LogLevel::Warn {
                        "warn"
                    } else {
                        "info"
                    };
                    (level.to_owned(), text.replace(&shown, "<dir>"))
                });
                (settings.replace(&shown, "<dir>"), messages.collect())
            })
        };
        fs::remove_dir_all(directory).expect("the directory goes");
        match answer {
            Ok((settings, messages)) => {
                let settings = settings.replace(&shown, "<dir>");
                let settings = serde_json::from_str(&settings).expect("JSON of ours");
                Outcome::Accepted(comparable(settings), messages)
            }
            Err(errors) => Outcome::Refused(errors.text().replace(&shown, "<dir>")),
        }
    }

    fn lay_out(&self, directory: &Path) {
        let _ = fs::remove_dir_all(directory);
        fs::create_dir_all(directory).expect("a directory");
        let shown = directory.display().to_string();
        for name in self.words("mkdir", &shown) {
            fs::create_dir_all(directory.join(name)).expect("a directory");
        }
        for (name, text) in self.value["files"].as_object().expect("files") {
            let text = text.as_str().expect("text").replace("<dir>", &shown);
            let path = directory.join(name);
            fs::create_dir_all(path.parent().expect("a parent")).expect("a directory");
            let latin = self.value["latin1"] == Value::Bool(true);
            let bytes = if latin {
                text.chars()
                    .map(|c| u8::try_from(c).expect("one byte"))
                    .collect()
            } else {
                text.into_bytes()
            };
            fs::write(path, bytes).expect("a file");
        }
    }

    fn options(&self, directory: &Path) -> LoadOptions {
        let shown = directory.display().to_string();
        let mut environment: BTreeMap<&str, String> = BTreeMap::new();
        environment.insert("HOME", "/root".to_owned());
        environment.insert("LC_ALL", "C.UTF-8".to_owned());
        environment.insert("PATH", "/usr/bin:/bin".to_owned());
        for (name, value) in self.value["env"].as_object().expect("variables") {
            let value = value.as_str().expect("text").replace("<dir>", &shown);
            environment.insert(name, value);
        }
        let pairs: Vec<(&str, &str)> = environment
            .iter()
            .map(|(name, value)| (*name, value.as_str()))
            .collect();
        let path = self.text("path").replace("<dir>", &shown);
        let mut options = super::options(directory, &path, &pairs);
        let args = self.words("args", &shown);
        if self.text("program") == "supervisord" {
            options.flags = flags(&args);
        }
        options
    }
}

fn ctl_settings(config: &visor_core::config::CtlConfig) -> String {
    let text = |text: &Option<String>| text.clone().map_or(Value::Null, Value::String);
    let members = [
        ("serverurl", Value::String(config.serverurl.clone())),
        ("username", text(&config.username)),
        ("password", text(&config.password)),
        ("prompt", Value::String(config.prompt.clone())),
        ("history_file", text(&config.history_file)),
    ];
    let members = members.map(|(name, value)| (name.to_owned(), value));
    Value::Object(Map::from_iter(members)).to_string()
}

/// Our settings as the recorder writes the reference's: events have no order, and a mask that is
/// not set is the reference's default.
#[must_use]
pub fn comparable(mut settings: Value) -> Value {
    if let Some(daemon) = settings.get_mut("supervisord")
        && daemon["umask"].is_null()
    {
        daemon["umask"] = Value::from("0022");
    }
    let groups = settings.get_mut("groups").and_then(Value::as_array_mut);
    for group in groups.into_iter().flatten() {
        if let Some(events) = group.get_mut("events").and_then(Value::as_array_mut) {
            events.sort_by_key(ToString::to_string);
        }
    }
    settings
}
