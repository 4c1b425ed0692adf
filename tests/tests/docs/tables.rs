//! The tables of events.md and xmlrpc.md, from the code, a running daemon, and what was recorded.

use crate::pages::{Page, workspace};
use crate::reference::assert_made;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use visor_core::event::{EventKind, Occurrence, StateChange};
use visor_core::rpc::FaultKind;
use visor_core::{Mood, ProcessState, Stream};
use visor_tests::e2e::{Daemon, Runtime, Setup, Value};

/// The state a process leaves, what becomes of it, and when, for a type of event that tells of that.
fn change(kind: EventKind) -> Option<(&'static str, StateChange, &'static str)> {
    use StateChange::{Backoff, Exited, Fatal, Running, Starting, Stopped, Stopping, Unknown};
    let (pid, expected) = (4711, true);
    let changes = [
        ("STOPPED", Starting { tries: 0 }, "it is started"),
        ("STARTING", Running { pid }, "it has run for `startsecs`"),
        (
            "STARTING",
            Backoff { tries: 1 },
            "it ended before, or could not be started",
        ),
        ("RUNNING", Stopping { pid }, "it is asked to end"),
        ("RUNNING", Exited { pid, expected }, "it ended by itself"),
        ("STOPPING", Stopped { pid }, "it ended as it was asked to"),
        ("BACKOFF", Fatal, "it is given up"),
        ("STOPPING", Unknown, "a signal could not be sent to it"),
    ];
    changes
        .into_iter()
        .find(|(from, change, _)| state(from, *change).kind() == kind)
}

fn state(from_state: &'static str, change: StateChange) -> Occurrence<'static> {
    let (process, group) = ("web", "web");
    Occurrence::ProcessState {
        process,
        group,
        from_state,
        change,
    }
}

/// An event of a type, and when it happens; `None` for those that are never sent themselves.
fn example(kind: EventKind) -> Option<(Occurrence<'static>, &'static str)> {
    if let Some((from, change, when)) = change(kind) {
        return Some((state(from, change), when));
    }
    let (pid, process, group, data) = (4711, "web", "web", b"data".as_slice());
    let said = |stream| Occurrence::Communication {
        process,
        group,
        pid,
        stream,
        data,
    };
    let log = |stream| Occurrence::Log {
        process,
        group,
        pid,
        stream,
        data,
    };
    let examples = [
        (said(Stream::Stdout), "it said something in capture mode"),
        (said(Stream::Stderr), "the same, on standard error"),
        (log(Stream::Stdout), "it wrote something"),
        (log(Stream::Stderr), "the same, on standard error"),
        (
            Occurrence::Remote {
                kind: "greeting",
                data: "data",
            },
            "a client called `sendRemoteCommEvent`",
        ),
        (Occurrence::SupervisorRunning, "the daemon is up"),
        (
            Occurrence::SupervisorStopping,
            "the daemon begins to shut down or to restart",
        ),
        (
            Occurrence::Tick5 {
                when: 1_700_000_005,
            },
            "five seconds have passed",
        ),
        (
            Occurrence::Tick60 {
                when: 1_700_000_040,
            },
            "a minute has passed",
        ),
        (
            Occurrence::Tick3600 {
                when: 1_700_002_800,
            },
            "an hour has passed",
        ),
        (Occurrence::GroupAdded { group }, "a group was added"),
        (Occurrence::GroupRemoved { group }, "a group was removed"),
    ];
    examples.into_iter().find(|(what, _)| what.kind() == kind)
}

#[test]
fn the_table_of_events_is_that_of_the_core() {
    let mut text = "\n| type | when | payload |\n|---|---|---|\n".to_owned();
    for kind in EventKind::ALL {
        let Some((what, when)) = example(kind) else {
            // Only parents are never sent.
            let parent = EventKind::ALL
                .iter()
                .any(|child| child.parent() == Some(kind));
            assert!(parent, "{} has no example", kind.name());
            let _ = writeln!(text, "| `{}` | any of those below | |", kind.name());
            continue;
        };
        assert_eq!(what.kind(), kind);
        let payload = String::from_utf8(what.payload()).expect("text");
        let lines: Vec<String> = payload.lines().map(|line| format!("`{line}`")).collect();
        let shown = if lines.is_empty() {
            "empty".to_owned()
        } else {
            lines.join("<br>")
        };
        let _ = writeln!(text, "| `{}` | {when} | {shown} |", kind.name());
    }
    assert_made("docs/events.md", "types", &format!("{text}\n"));
}

/// What each method can fault with, besides what any can.
const FAULTS: &[(&str, &[&str])] = &[
    ("addProcessGroup", &["ALREADY_ADDED", "BAD_NAME", "FAILED"]),
    ("clearAllProcessLogs", &[]),
    ("clearLog", &["NO_FILE", "FAILED"]),
    ("clearProcessLog", &["BAD_NAME", "FAILED"]),
    ("clearProcessLogs", &["BAD_NAME", "FAILED"]),
    ("getProcessInfo", &["BAD_NAME"]),
    ("methodHelp", &["SIGNATURE_UNSUPPORTED"]),
    ("methodSignature", &["SIGNATURE_UNSUPPORTED"]),
    ("readLog", &["BAD_ARGUMENTS", "NO_FILE", "FAILED"]),
    ("readMainLog", &["BAD_ARGUMENTS", "NO_FILE", "FAILED"]),
    (
        "readProcessLog",
        &["BAD_NAME", "BAD_ARGUMENTS", "NO_FILE", "FAILED"],
    ),
    (
        "readProcessStderrLog",
        &["BAD_NAME", "BAD_ARGUMENTS", "NO_FILE", "FAILED"],
    ),
    (
        "readProcessStdoutLog",
        &["BAD_NAME", "BAD_ARGUMENTS", "NO_FILE", "FAILED"],
    ),
    ("reloadConfig", &["CANT_REREAD"]),
    ("removeProcessGroup", &["BAD_NAME", "STILL_RUNNING"]),
    ("restart", &["CANT_REREAD"]),
    (
        "sendProcessStdin",
        &["BAD_NAME", "NOT_RUNNING", "NO_FILE", "FAILED"],
    ),
    ("signalAllProcesses", &["BAD_SIGNAL"]),
    (
        "signalProcess",
        &["BAD_NAME", "BAD_SIGNAL", "NOT_RUNNING", "FAILED"],
    ),
    ("signalProcessGroup", &["BAD_NAME", "BAD_SIGNAL"]),
    (
        "startProcess",
        &[
            "BAD_NAME",
            "NO_FILE",
            "NOT_EXECUTABLE",
            "ALREADY_STARTED",
            "SPAWN_ERROR",
            "ABNORMAL_TERMINATION",
            "FAILED",
        ],
    ),
    ("startProcessGroup", &["BAD_NAME"]),
    ("stopProcess", &["BAD_NAME", "NOT_RUNNING", "FAILED"]),
    ("stopProcessGroup", &["BAD_NAME"]),
    ("tailProcessLog", &["BAD_NAME", "FAILED"]),
    ("tailProcessStderrLog", &["BAD_NAME", "FAILED"]),
    ("tailProcessStdoutLog", &["BAD_NAME", "FAILED"]),
];

/// A daemon with one process of each kind of log.
fn daemon() -> Daemon {
    let setup = Setup::new(Runtime::Std).sections("[program:web]\ncommand=sleep 1000");
    let daemon = setup.start();
    daemon.wait_running("web");
    daemon
}

fn faults(method: &str) -> &'static [&'static str] {
    let listed = FAULTS.iter().find(|(name, _)| *name == method);
    listed.map_or(&[], |(_, faults)| faults)
}

#[test]
fn the_methods_are_those_of_the_daemon() {
    let daemon = daemon();
    let mut text = String::from("\n");
    for full in daemon.rpc("system.listMethods", &[]).items() {
        let full = full.text().to_owned();
        let types = daemon.rpc("system.methodSignature", &[full.as_str().into()]);
        let help = daemon.rpc("system.methodHelp", &[full.as_str().into()]);
        let (what, tags) = help.text().split_once("\n\n").expect("tags");
        let mut parameters = Vec::new();
        let mut notes = Vec::new();
        let mut result = "";
        for tag in tags.lines() {
            let (head, meaning) = tag.split_once("  ").unwrap_or_else(|| {
                // `@param string name  Meaning`: two spaces end the name.
                panic!("{full}: {tag}")
            });
            let words: Vec<&str> = head.split(' ').collect();
            if words[0] == "@param" {
                parameters.push(format!("{} {}", words[1], words[2]));
                notes.push(format!("`{}`: {meaning}.", words[2]));
            } else {
                result = meaning;
            }
        }
        assert_eq!(types.items().len(), parameters.len() + 1, "{full}");
        let method = full.split('.').nth(1).expect("two parts");
        let called = format!("**`{full}({})`**", parameters.join(", "));
        let returned = format!("→ {}: {result}.", types.items()[0].text());
        let _ = writeln!(text, "- {called} {returned}<br>{}", what.replace('\n', " "));
        if !notes.is_empty() {
            let _ = writeln!(text, "  {}", notes.join(" "));
        }
        if !faults(method).is_empty() {
            let _ = writeln!(text, "  Faults: {}.", faults(method).join(", "));
        }
    }
    assert_made("docs/xmlrpc.md", "methods", &format!("{text}\n"));
}

/// Faults of single calls that were recorded from Supervisor, by method.
fn recorded() -> BTreeMap<String, BTreeSet<String>> {
    let mut found: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    let files = std::fs::read_dir(workspace().join("tests/compat/rpc")).expect("recordings");
    for file in files.flatten() {
        let text = std::fs::read_to_string(file.path()).unwrap_or_default();
        let (_, answers) = text.split_once("== recorded").unwrap_or_default();
        for answer in answers.split("\n> ").skip(1) {
            let mut words = answer.split_whitespace();
            let method = (words.next() == Some("call"))
                .then(|| words.next())
                .flatten();
            let fault = answer.split_once("<name>faultString</name>\n<value><string>");
            let (Some(method), Some((_, fault))) = (method, fault) else {
                continue;
            };
            let name = fault.split([':', '<']).next().unwrap_or_default();
            let method = method.split('.').nth(1).unwrap_or_default();
            found
                .entry(method.to_owned())
                .or_default()
                .insert(name.to_owned());
        }
    }
    found
}

#[test]
fn every_recorded_fault_of_a_method_is_documented() {
    let any = ["INCORRECT_PARAMETERS", "SHUTDOWN_STATE", "UNKNOWN_METHOD"];
    let recorded = recorded();
    assert!(recorded.len() > 30, "{recorded:?}");
    for (method, names) in recorded {
        // The faults in its results are those of the calls in it.
        if method == "multicall" {
            continue;
        }
        for name in names.iter().map(String::as_str) {
            let known = any.contains(&name) || faults(&method).contains(&name);
            assert!(known, "{method} faults {name}");
        }
    }
}

/// The rows of the table under a heading, as cells without backquotes.
fn rows(page: &Page, heading: &str) -> Vec<Vec<String>> {
    let lines = page
        .section(heading)
        .lines()
        .filter(|line| line.starts_with('|'));
    let cells = |line: &str| {
        let cells = line.trim_matches('|').split('|');
        cells.map(|cell| cell.trim().replace('`', "")).collect()
    };
    lines.skip(2).map(cells).collect()
}

/// Code and name in the first two cells.
fn codes(page: &Page, heading: &str) -> BTreeMap<i64, String> {
    let rows = rows(page, heading).into_iter();
    rows.map(|row| (row[0].parse().expect("a number"), row[1].clone()))
        .collect()
}

/// Every kind of fault; whoever adds one comes by here.
fn kinds() -> [FaultKind; 18] {
    use FaultKind::*;
    let all = [
        UnknownMethod,
        IncorrectParameters,
        BadArguments,
        SignatureUnsupported,
        ShutdownState,
        BadName,
        BadSignal,
        NoFile,
        NotExecutable,
        Failed,
        AbnormalTermination,
        SpawnError,
        AlreadyStarted,
        NotRunning,
        Success,
        AlreadyAdded,
        StillRunning,
        CantReread,
    ];
    for kind in all {
        match kind {
            UnknownMethod | IncorrectParameters | BadArguments | SignatureUnsupported
            | ShutdownState | BadName | BadSignal | NoFile | NotExecutable | Failed
            | AbnormalTermination | SpawnError | AlreadyStarted | NotRunning | Success
            | AlreadyAdded | StillRunning | CantReread => {}
        }
    }
    all
}

#[test]
fn codes_of_faults_and_states_are_those_of_the_core() {
    let page = Page::read("docs/xmlrpc.md");
    let faults: BTreeMap<i64, String> = kinds()
        .map(|kind| (kind.code(), kind.name().to_owned()))
        .into();
    assert_eq!(codes(&page, "## Faults"), faults);
    for (_, names) in FAULTS {
        for name in *names {
            assert!(faults.values().any(|known| known == name), "{name}");
        }
    }
    let states: BTreeMap<i64, String> = ProcessState::ALL
        .map(|state| (i64::from(state.code()), state.name().to_owned()))
        .into();
    assert_eq!(codes(&page, "## States of a process"), states);
    for mood in [Mood::Running, Mood::Restarting, Mood::Shutdown] {
        let told = format!("{} {}", mood.code(), mood.name());
        assert!(page.text.contains(&told), "{told}");
    }
}

#[test]
fn members_of_structs_are_those_of_the_daemon() {
    let page = Page::read("docs/xmlrpc.md");
    let daemon = daemon();
    let info = daemon.info("web");
    let all = daemon.rpc("supervisor.getAllConfigInfo", &[]);
    let statuses = daemon.rpc("supervisor.clearAllProcessLogs", &[]);
    for (heading, value) in [
        ("## Process information", &info),
        ("## Configuration of a process", &all.items()[0]),
        ("## Status structs", &statuses.items()[0]),
    ] {
        let Value::Struct(members) = value else {
            panic!("{value:?}");
        };
        let real: BTreeSet<String> = members.iter().map(|(name, _)| name.clone()).collect();
        let rows = rows(&page, heading);
        let told = rows.iter().flat_map(|row| row[0].split(", "));
        assert_eq!(
            told.map(str::to_owned).collect::<BTreeSet<_>>(),
            real,
            "{heading}"
        );
    }
}
