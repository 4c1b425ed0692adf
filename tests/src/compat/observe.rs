//! From what a run left behind to the text that is compared: normalised, grouped, sorted.

use super::scenario::Scenario;
use super::shapes::{between, replace_number, replace_random, replace_shape};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::FileTypeExt;
use std::path::Path;

const STAMP: &str = "9999-99-99 99:99:99,999";
/// `2026-01-31 23:59:59,123 ` before the level.
const STAMP_BYTES: usize = 24;
const SHOWN_CHARS_MAX: usize = 20_000;

/// What a step recorded.
#[derive(Clone, Debug)]
pub(super) enum Outcome {
    /// The result of a call.
    Result(Value),
    /// Text, such as the whole answer of a call.
    Text(String),
}

/// Everything that was seen, as it was.
#[derive(Debug)]
pub(super) struct Seen<'a> {
    pub(super) scenario: &'a Scenario,
    pub(super) directory: &'a Path,
    /// `<dir>` and the like with what they stood for.
    pub(super) variables: &'a [(&'static str, String)],
    pub(super) daemon_pid: u32,
    pub(super) exit: i32,
    pub(super) log: String,
    pub(super) steps: Vec<(String, Outcome)>,
    pub(super) states: Option<Vec<Value>>,
}

impl Seen<'_> {
    /// The recording.
    pub(super) fn recording(&self) -> String {
        let names = Names::new(self);
        let mut out: Vec<String> = Vec::new();
        for (step, outcome) in &self.steps {
            out.push(format!("> {step}"));
            out.push(match outcome {
                Outcome::Result(value) => names.value(value, "").to_string(),
                Outcome::Text(text) => names.raw(text).trim_end_matches('\n').to_owned(),
            });
        }
        if !self.scenario.says("only", "results") {
            out.push("-- exit".to_owned());
            out.push(self.exit.to_string());
            self.states(&names, &mut out);
            for (owner, lines) in self.streams(&names) {
                out.push(format!("-- log {owner}"));
                out.extend(lines);
            }
            for (name, text) in self.outputs(&names) {
                out.push(format!("-- file {name}"));
                out.push(text);
            }
        }
        out.join("\n") + "\n"
    }

    fn states(&self, names: &Names<'_>, out: &mut Vec<String>) {
        let Some(states) = &self.states else { return };
        out.push("-- states".to_owned());
        let line = |state: &Value| {
            let state = names.value(state, "");
            let plain = |key: &str| {
                let value = &state[key];
                value
                    .as_str()
                    .map_or_else(|| value.to_string(), str::to_owned)
            };
            format!(
                "{}:{} {} pid={} exitstatus={} spawnerr={} description={}",
                plain("group"),
                plain("name"),
                plain("statename"),
                plain("pid"),
                plain("exitstatus"),
                state["spawnerr"],
                state["description"]
            )
        };
        let mut lines: Vec<String> = states.iter().map(line).collect();
        lines.sort();
        out.extend(lines);
    }

    /// The activity log's lines, each stream in order.
    fn streams(&self, names: &Names<'_>) -> BTreeMap<String, Vec<String>> {
        let keep: Vec<&str> = self.scenario.directives("keep").collect();
        let drop: Vec<&str> = self.scenario.directives("drop").collect();
        let total = self.scenario.says("order", "total");
        let mut streams: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for line in messages(&self.log) {
            if line.contains("Supervisor is running as root.")
                || (!keep.is_empty() && !keep.iter().any(|text| line.contains(text)))
                || drop.iter().any(|text| line.contains(text))
            {
                continue;
            }
            let text = names.normal(&line);
            let owner = if total { "all" } else { owner(&line) };
            let stream = streams.entry(owner.to_owned()).or_default();
            let repeated = text.contains("waiting for ") && stream.contains(&text);
            if !repeated && !depends_on_haste(&text) {
                stream.push(text);
            }
        }
        streams.retain(|_, lines| !lines.is_empty());
        streams
    }

    /// Every file the run left behind, other than what the scenario laid out.
    fn outputs(&self, names: &Names<'_>) -> Vec<(String, String)> {
        let mut paths = Vec::new();
        walk(self.directory, "", &mut paths);
        let ignored: Vec<&str> = self.scenario.directives("ignore").collect();
        let known = ["supervisord.conf", "supervisord.log", "supervisord.old.log"];
        let mut found = Vec::new();
        for path in paths {
            if known.contains(&path.as_str())
                || self.scenario.files.iter().any(|file| file.path == path)
                || ignored.iter().any(|text| path.contains(text))
            {
                continue;
            }
            let text = self.output(names, &path);
            let name = names.normal(&path);
            let dull = name.contains("<random>") || path.starts_with("daemon.std");
            if !(text == "(empty)" && dull) {
                found.push((name, text));
            }
        }
        found.sort();
        found
    }

    fn output(&self, names: &Names<'_>, path: &str) -> String {
        let full = self.directory.join(path);
        let kind = fs::symlink_metadata(&full).map(|meta| meta.file_type());
        if !kind.is_ok_and(|kind| kind.is_file() && !kind.is_socket()) {
            return "(not a file)".to_owned();
        }
        let text = shown(&read(&full));
        let name = path.rsplit('/').next().unwrap_or(path);
        if name.starts_with("pid") && text.bytes().all(|b| b.is_ascii_digit()) {
            return names.pid(&text);
        }
        names.normal(&text)
    }
}

/// What pids, paths and ports of one run are called.
struct Names<'a> {
    variables: &'a [(&'static str, String)],
    daemon_pid: String,
    pids: BTreeMap<String, String>,
}

impl<'a> Names<'a> {
    fn new(seen: &'a Seen<'_>) -> Self {
        let daemon_pid = seen.daemon_pid.to_string();
        let mut pids = BTreeMap::from([(daemon_pid.clone(), "<daemon>".to_owned())]);
        let mut spawns: BTreeMap<&str, u32> = BTreeMap::new();
        for line in seen.log.lines() {
            let Some(name) = between(line, "spawned: '", "' with pid ") else {
                continue;
            };
            let pid = line.rsplit(' ').next().unwrap_or("");
            let count = spawns.entry(name).or_default();
            *count += 1;
            pids.insert(pid.to_owned(), format!("<{name}.{count}>"));
        }
        Self {
            variables: seen.variables,
            daemon_pid,
            pids,
        }
    }

    fn pid(&self, number: &str) -> String {
        if number == "0" {
            return number.to_owned();
        }
        let known = self.pids.get(number).cloned();
        known.unwrap_or_else(|| "<pid>".to_owned())
    }

    /// What differs from run to run is replaced by a name in angle brackets.
    fn normal(&self, text: &str) -> String {
        let mut text = text.to_owned();
        for (name, value) in self.variables {
            text = text.replace(value, name);
        }
        text = replace_shape(&text, STAMP, "<stamp>");
        text = replace_random(&text);
        let pid = |number: &str| self.pid(number);
        for before in ["pid ", "pid:", "pid="] {
            text = replace_number(&text, before, "", true, pid);
        }
        text = replace_number(&text, "' (", ")", false, pid);
        text = replace_number(&text, "when:", "", false, |_| "<when>".to_owned());
        text = replace_number(&text, "len:", "", true, |_| "<len>".to_owned());
        for shape in ["uptime 9:99:99", "uptime 99:99:99"] {
            text = replace_shape(&text, shape, "uptime <uptime>");
        }
        text = replace_shape(&text, "Ull 99 99:99 UM", "<date>");
        for day in ["99", "%209"] {
            let shape = format!("Ull%20Ull%20{day}%2099%3A99%3A99%209999");
            text = replace_shape(&text, &shape, "<time>");
        }
        let inode = |_: &str| "<inode>".to_owned();
        replace_number(&text, "socket:[", "]", false, inode)
    }

    /// A result of a call, with clocks and pids replaced.
    fn value(&self, value: &Value, key: &str) -> Value {
        match value {
            Value::Object(members) => {
                let member =
                    |(key, value): (&String, &Value)| (key.clone(), self.value(value, key));
                Value::Object(members.iter().map(member).collect())
            }
            Value::Array(items) => items.iter().map(|item| self.value(item, "")).collect(),
            Value::String(text) => json!(self.normal(text)),
            Value::Number(number) => {
                let zero = number.as_i64() == Some(0);
                if ["start", "stop", "now"].contains(&key) && !zero {
                    json!("<time>")
                } else if !zero && (key == "pid" || number.to_string() == self.daemon_pid) {
                    json!(self.pid(&number.to_string()))
                } else {
                    value.clone()
                }
            }
            Value::Null | Value::Bool(_) => value.clone(),
        }
    }

    /// The text of an answer, with clocks and pids replaced.
    fn raw(&self, text: &str) -> String {
        let mut text = text.to_owned();
        for member in ["start", "stop", "now"] {
            let before = format!("<name>{member}</name>\n<value><int>");
            let time = |number: &str| match number {
                "0" => "0".to_owned(),
                _ => "<time>".to_owned(),
            };
            text = replace_number(&text, &before, "<", false, time);
        }
        let before = "<name>pid</name>\n<value><int>";
        text = replace_number(&text, before, "<", false, |number| self.pid(number));
        let daemon = format!("<int>{}</int>", self.daemon_pid);
        self.normal(&text.replace(&daemon, "<int><daemon></int>"))
    }
}

/// The activity log's messages without their times; further lines of one are joined to it.
fn messages(log: &str) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    for line in log.lines() {
        let stamped = line.get(..STAMP_BYTES - 1);
        let stamped = stamped.is_some_and(|stamp| replace_shape(stamp, STAMP, "").is_empty());
        if stamped {
            found.push(line.get(STAMP_BYTES..).unwrap_or("").to_owned());
        } else if let Some(last) = found.last_mut().filter(|_| !line.is_empty()) {
            last.push_str("\n  | ");
            last.push_str(line);
        }
    }
    found
}

/// The process that a message is about, or `daemon`.
fn owner(message: &str) -> &str {
    let surrounded = [
        ("spawned: '", "' with pid"),
        ("exited: ", " ("),
        ("stopped: ", " ("),
        ("success: ", " entered"),
        ("gave up: ", " entered"),
        ("waiting for ", " to stop"),
        ("killing '", "' ("),
        ("process '", "' already"),
        ("'", "' stdout output:"),
        ("'", "' stderr output:"),
    ];
    let mut found = surrounded.iter();
    let found = found.find_map(|(before, after)| between(message, before, after));
    let said = [
        ": has entered",
        ": bad result",
        ": event was",
        ": READY",
        ": ACKNOWLEDGED",
        ": BUSY",
    ];
    let speaker = || {
        let (before, _) = said.iter().find_map(|after| message.split_once(after))?;
        before.rsplit(' ').next()
    };
    found.or_else(speaker).unwrap_or("daemon")
}

/// Lines whose presence depends on when the reference happened to look: reports of a client's
/// wait, and RUNNING with startsecs=0, which is not logged when the exit is noticed first.
fn depends_on_haste(text: &str) -> bool {
    let waits = text.strip_prefix("INFO waiting for ");
    let waits = waits.and_then(|rest| rest.strip_suffix(" to stop"));
    waits.is_some_and(|name| !name.contains(' '))
        || (text.starts_with("INFO success: ") && text.contains(" > than 0 seconds"))
}

/// A file's bytes as text; what is not UTF-8 is written as Python's `backslashreplace` does.
pub(super) fn text_of(bytes: &[u8]) -> String {
    let mut text = String::new();
    for chunk in bytes.utf8_chunks() {
        text.push_str(chunk.valid());
        for byte in chunk.invalid() {
            text.push_str(&format!("\\x{byte:02x}"));
        }
    }
    text
}

/// A file's text, `""` if it cannot be read.
pub(super) fn read(path: &Path) -> String {
    fs::read(path)
        .map(|bytes| text_of(&bytes))
        .unwrap_or_default()
}

/// How a file's text is recorded.
pub(super) fn shown(text: &str) -> String {
    if text.is_empty() {
        return "(empty)".to_owned();
    }
    if text.chars().count() > SHOWN_CHARS_MAX {
        return format!("({} bytes)", text.chars().count());
    }
    match text.strip_suffix('\n') {
        Some(text) => text.to_owned(),
        None => format!("{text}<no newline>"),
    }
}

fn walk(directory: &Path, prefix: &str, paths: &mut Vec<String>) {
    let Ok(entries) = fs::read_dir(directory) else {
        return;
    };
    for entry in entries.flatten() {
        let path = format!("{prefix}{}", entry.file_name().to_string_lossy());
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            walk(&entry.path(), &format!("{path}/"), paths);
        } else {
            paths.push(path);
        }
    }
}
