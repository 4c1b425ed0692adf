//! The machine against a server that answers from a script.

#![allow(clippy::wildcard_enum_match_arm)]

mod answers;
mod hostile;
mod links;
mod progress;
mod streams;

use super::*;
use crate::xmlrpc::{Message, Value, decode, encode};
use alloc::{
    format,
    string::{String, ToString as _},
    vec,
    vec::Vec,
};

/// What a scripted server answers to a method.
type Answers = fn(&str, &[Value]) -> Result<Value, (i64, &'static str)>;

/// A client, its scripted server, and what became visible.
struct Pair {
    ctl: Ctl,
    answers: Answers,
    /// User input for questions, in order.
    answers_typed: Vec<&'static str>,
    /// What `GET` gives: status and body.
    log: (u16, &'static [u8]),
    password: Option<&'static str>,
    now: Timestamp,
    out: Vec<String>,
    err: Vec<String>,
    asked: Vec<&'static str>,
    /// The questions whose answers are not shown.
    secrets: Vec<&'static str>,
    connects: Vec<Channel>,
    closes: Vec<Channel>,
    /// Methods that are not answered.
    silent: Vec<&'static str>,
    calls: Vec<String>,
    /// The parameters of the last call.
    params: Vec<Value>,
    /// What every call but the check gives instead.
    said: Option<Value>,
    /// The fault that every call but the check gives instead.
    fault: Option<i64>,
    waiting: Option<(Option<Timestamp>, bool)>,
    done: Option<(u8, bool)>,
}

impl Pair {
    fn new(answers: Answers) -> Self {
        let server = ServerUrl::parse("unix:///s").unwrap();
        Self {
            ctl: Ctl::new(CtlOptions::new(server)),
            answers,
            answers_typed: vec![],
            log: (200, b"log\n"),
            password: None,
            now: Timestamp::default(),
            out: vec![],
            err: vec![],
            asked: vec![],
            secrets: vec![],
            connects: vec![],
            closes: vec![],
            silent: vec![],
            calls: vec![],
            params: vec![],
            said: None,
            fault: None,
            waiting: None,
            done: None,
        }
    }

    fn with(answers: Answers, change: impl FnOnce(&mut CtlOptions)) -> Self {
        let mut options = CtlOptions::new(ServerUrl::parse("unix:///s").unwrap());
        change(&mut options);
        Self {
            ctl: Ctl::new(options),
            ..Self::new(answers)
        }
    }

    fn run(&mut self, line: &str) -> (Vec<String>, u8) {
        self.out.clear();
        self.err.clear();
        self.calls.clear();
        self.done = None;
        self.ctl.run_line(self.now, line);
        self.drain();
        let status = self.done.map_or(255, |(status, _)| status);
        (self.out.clone(), status)
    }

    fn input(&mut self, input: CtlInput<'_>) {
        self.ctl.handle_input(self.now, input);
        self.drain();
    }

    fn drain(&mut self) {
        self.waiting = None;
        loop {
            match self.ctl.poll_output() {
                CtlOutput::Connect { channel, .. } => {
                    self.connects.push(channel);
                    self.ctl
                        .handle_input(self.now, CtlInput::Connected(channel));
                }
                CtlOutput::Send { channel, bytes } => {
                    let response = self.respond(&bytes);
                    let input = CtlInput::Data {
                        channel,
                        bytes: &response,
                    };
                    self.ctl.handle_input(self.now, input);
                }
                CtlOutput::Close(channel) => self.closes.push(channel),
                CtlOutput::Print(line) => self.out.push(line),
                CtlOutput::Write(bytes) => {
                    self.out
                        .push(format!("> {}", String::from_utf8_lossy(&bytes)));
                }
                CtlOutput::PrintError(line) => self.err.push(line),
                CtlOutput::Progress(text) => self.err.push(text.unwrap_or_else(|| "-".into())),
                CtlOutput::Ask { prompt, secret } => {
                    self.asked.push(prompt);
                    self.secrets.extend(secret.then_some(prompt));
                    let answer =
                        (!self.answers_typed.is_empty()).then(|| self.answers_typed.remove(0));
                    self.ctl.handle_input(self.now, CtlInput::Answer(answer));
                }
                CtlOutput::Wait { deadline, typing } => {
                    self.waiting = Some((deadline, typing));
                    return;
                }
                CtlOutput::Done { status, leave } => {
                    self.done = Some((status, leave));
                    return;
                }
            }
        }
    }

    fn respond(&mut self, request: &[u8]) -> Vec<u8> {
        let text = String::from_utf8_lossy(request).into_owned();
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        if let Some(password) = self.password
            && !head.contains(&format!("Authorization: {password}"))
        {
            return b"HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n".to_vec();
        }
        if head.starts_with("GET") {
            let path = head.split(' ').nth(1).unwrap().to_string();
            self.calls.push(path);
            let (status, body) = self.log;
            let mut bytes = format!(
                "HTTP/1.1 {status} X\r\nTransfer-Encoding: chunked\r\n\r\n{:x}\r\n",
                body.len()
            )
            .into_bytes();
            bytes.extend_from_slice(body);
            bytes.extend_from_slice(if status == 200 {
                b"\r\n"
            } else {
                b"\r\n0\r\n\r\n"
            });
            return bytes;
        }
        let Ok(Message::Call { method, params }) = decode(body.as_bytes()) else {
            panic!("no call: {body}");
        };
        self.calls
            .push(method.trim_start_matches("supervisor.").to_string());
        let bare = method.trim_start_matches("supervisor.");
        let answer = match (&self.said, self.fault) {
            (_, _) if bare == "getVersion" => (self.answers)(bare, &params),
            (Some(value), _) => Ok(value.clone()),
            (None, Some(code)) => Err((code, "TEXT")),
            (None, None) => (self.answers)(bare, &params),
        };
        let is_silent = self.silent.contains(&bare);
        self.params = params;
        let message = match answer {
            Ok(value) => Message::Response(value),
            Err((code, text)) => Message::Fault {
                code,
                text: text.into(),
            },
        };
        if is_silent {
            return vec![];
        }
        let body = encode(&message);
        format!(
            "HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        )
        .into_bytes()
    }
}

fn structure(members: &[(&'static str, Value)]) -> Value {
    Value::Struct(
        members
            .iter()
            .map(|(n, v)| ((*n).into(), v.clone()))
            .collect(),
    )
}

fn info(group: &str, name: &str, state: i64, statename: &str, pid: i64) -> Value {
    structure(&[
        ("group", group.into()),
        ("name", name.into()),
        ("state", state.into()),
        ("statename", statename.into()),
        ("description", "text".into()),
        ("pid", pid.into()),
    ])
}

fn outcome(group: &str, name: &str, status: i64) -> Value {
    structure(&[
        ("group", group.into()),
        ("name", name.into()),
        ("status", status.into()),
        ("description", "TEXT".into()),
    ])
}

/// A process of `getAllConfigInfo`, with both priorities.
fn config(group: &str, name: &str, on: bool, priorities: (i64, i64)) -> Value {
    structure(&[
        ("group", group.into()),
        ("name", name.into()),
        ("inuse", on.into()),
        ("autostart", on.into()),
        ("group_prio", priorities.0.into()),
        ("process_prio", priorities.1.into()),
    ])
}

fn all() -> Value {
    Value::Array(vec![
        info("cat", "cat", 20, "RUNNING", 7),
        info("w", "w_00", 20, "RUNNING", 8),
        info("w", "w_01", 0, "STOPPED", 0),
    ])
}

/// A server on which everything goes well.
fn good(method: &str, params: &[Value]) -> Result<Value, (i64, &'static str)> {
    let name = params.first().and_then(Value::as_str).unwrap_or_default();
    Ok(match method {
        "getVersion" => "3.0".into(),
        "getSupervisorVersion" => "4.3.0".into(),
        "getPID" => 5.into(),
        "getAllProcessInfo" => all(),
        "getProcessInfo" if name == "cat" => info("cat", "cat", 20, "RUNNING", 7),
        "getProcessInfo" if name == "w:w_01" => info("w", "w_01", 0, "STOPPED", 0),
        "startProcessGroup" | "stopProcessGroup" if name == "w" => {
            Value::Array(vec![outcome("w", "w_00", 80), outcome("w", "w_01", 50)])
        }
        "getProcessInfo" | "startProcess" | "stopProcess" | "startProcessGroup"
        | "stopProcessGroup"
            if name == "nope" =>
        {
            return Err((10, "BAD_NAME"));
        }
        "reloadConfig" => Value::Array(vec![Value::Array(vec![
            Value::Array(vec!["n".into()]),
            Value::Array(vec!["c".into()]),
            Value::Array(vec!["r".into()]),
        ])]),
        "readProcessStdoutLog" => "tail".into(),
        "readLog" => "main".into(),
        "signalProcessGroup" => Value::Array(vec![outcome("w", "w_00", 11)]),
        "signalAllProcesses" => Value::Array(vec![outcome("w", "w_00", 80)]),
        "getAllConfigInfo" => Value::Array(vec![
            config("a", "a", true, (999, 5)),
            config("g", "b", false, (1, 2)),
        ]),
        _ => true.into(),
    })
}

#[test]
fn status_lists_unknown_names_first_and_exits_with_3_if_something_is_stopped() {
    let mut pair = Pair::new(good);
    let (out, status) = pair.run("status cat nope g:*");
    assert_eq!(
        out,
        [
            "nope: ERROR (no such process)",
            "g: ERROR (no such group)",
            "cat                              RUNNING   text",
        ]
    );
    assert_eq!(status, 4);
    assert_eq!(pair.run("status nope w:*").1, 3);
    assert_eq!(pair.run("status nope all").0.len(), 3);
    assert_eq!(pair.run("status cat").1, 0);
}

#[test]
fn names_act_one_by_one_and_all_anywhere_means_all() {
    let mut pair = Pair::new(good);
    let (out, status) = pair.run("start cat nope nope:* w:*");
    assert_eq!(
        out,
        [
            "cat: started",
            "nope: ERROR (no such process)",
            "nope: ERROR (no such group)",
            "w:w_00: started",
            "w:w_01: ERROR (spawn error)",
        ]
    );
    assert_eq!(status, 7);
    pair.run("stop cat all");
    assert_eq!(pair.calls, ["getVersion", "stopAllProcesses"]);
    assert_eq!(pair.run("start nope:*").1, 2);
    assert_eq!(pair.run("stop nope:*").1, 1);
    assert_eq!(
        pair.run("restart nope").0,
        [
            "nope: ERROR (no such process)",
            "nope: ERROR (no such process)"
        ]
    );
}

#[test]
fn a_missing_name_is_said_with_the_help() {
    let mut pair = Pair::new(good);
    for (line, message, status) in [
        ("start", "Error: start requires a process name", 2),
        ("stop", "Error: stop requires a process name", 1),
        ("restart", "Error: restart requires a process name", 1),
        (
            "signal HUP",
            "Error: signal requires a signal name and a process name",
            1,
        ),
        ("clear", "Error: clear requires a process name", 1),
        ("fg", "ERROR: no process name supplied", 1),
        ("version x", "Error: version accepts no arguments", 1),
    ] {
        let (out, exit) = pair.run(line);
        assert_eq!((out[0].as_str(), exit), (message, status), "{line}");
        assert!(out.len() > 1, "{line}");
    }
}

#[test]
fn clear_of_a_group_clears_each_of_its_processes() {
    let mut pair = Pair::new(good);
    let (out, status) = pair.run("clear w:* cat");
    assert_eq!(out, ["w:w_00: cleared", "w:w_01: cleared", "cat: cleared"]);
    assert_eq!(status, 0);
    assert_eq!(
        pair.run("clear x:*"),
        (vec!["x: ERROR (no such group)".into()], 1)
    );
}

#[test]
fn update_removes_then_changes_then_adds() {
    let mut pair = Pair::new(good);
    let expected = [
        "r: stopped",
        "r: removed process group",
        "c: stopped",
        "c: updated process group",
        "n: added process group",
    ];
    assert_eq!(pair.run("update"), (expected.map(String::from).to_vec(), 0));
    // Only who names groups wants to know which there are.
    assert!(!pair.calls.contains(&"getAllProcessInfo".into()));
    assert_eq!(pair.run("update n").0, ["n: added process group"]);
    assert_eq!(
        pair.run("update nope cat"),
        (vec!["ERROR: no such group: nope".into()], 1)
    );
}

#[test]
fn a_group_that_does_not_stop_is_not_removed() {
    let mut pair = Pair::new(|method, params| match method {
        "stopProcessGroup" => Ok(Value::Array(vec![outcome("a", "b", 30)])),
        _ => good(method, params),
    });
    let (out, _) = pair.run("update r n");
    assert_eq!(out, ["ERROR: no such group: r"]);
    let (out, _) = pair.run("update");
    assert_eq!(out[..2], ["r: stopped", "r: has problems; not removing"]);
    assert_eq!(out.last().unwrap(), "n: added process group");
}

#[test]
fn a_group_that_cannot_be_added_fails_alone() {
    let mut pair = Pair::new(|method, params| match method {
        "addProcessGroup" if params[0] == Value::from("c") => Err((30, "FAILED: no socket")),
        _ => good(method, params),
    });
    let (out, status) = pair.run("update");
    assert_eq!(
        out[2..],
        [
            "c: stopped",
            "ERROR: c: FAILED: no socket",
            "n: added process group"
        ]
    );
    assert_eq!(status, 1);
}

#[test]
fn pids_are_printed_one_per_line() {
    let mut pair = Pair::new(good);
    assert_eq!(pair.run("pid"), (vec!["5".into()], 0));
    assert_eq!(
        pair.run("pid all"),
        (vec!["7".into(), "8".into(), "0".into()], 0)
    );
    let (out, status) = pair.run("pid nope w:w_01 cat");
    assert_eq!(out, ["No such process nope", "0", "7"]);
    assert_eq!(status, 7);
}

#[test]
fn json_gives_one_document_and_complains_on_standard_error() {
    let mut pair = Pair::with(good, |options| options.json = true);
    assert_eq!(pair.run("pid").0, ["{\"pid\": 5}"]);
    assert_eq!(
        pair.run("pid cat nope").0,
        ["[{\"name\": \"cat\", \"pid\": 7}, {\"name\": \"nope\", \"error\": \"no such process\"}]"]
    );
    assert_eq!(pair.run("version").0, ["{\"version\": \"4.3.0\"}"]);
    let (out, status) = pair.run("status cat nope");
    assert!(out[0].starts_with("[{\"name\": \"nope\", \"error\": \"no such process\"}, {\"name\": \"cat\", \"group\": \"cat\""));
    assert_eq!((out.len(), status), (1, 4));
    let (out, status) = pair.run("start cat");
    assert_eq!((out.len(), pair.err.len(), status), (0, 1, 2));
}

#[test]
fn a_server_with_another_api_is_refused() {
    let mut pair = Pair::new(|_, _| Ok("2.0".into()));
    let (out, status) = pair.run("pid");
    assert!(out[0].contains("speaks version 2.0"), "{out:?}");
    assert_eq!(status, 5);
    assert_eq!(pair.run("status").1, 4);
    let mut pair = Pair::new(|_, _| Err((1, "UNKNOWN_METHOD")));
    assert!(pair.run("pid").0[0].contains("[rpcinterface:supervisor]"));
    assert_eq!(pair.run("pid").1, 3);
    assert_eq!(pair.run("avail").1, 1);
}

#[test]
fn a_server_that_shuts_down_says_so_in_each_action_s_way() {
    let mut pair = Pair::new(|method, params| match method {
        "getVersion" => good(method, params),
        _ => Err((6, "SHUTDOWN_STATE")),
    });
    for (line, message, status) in [
        ("reread", "ERROR: supervisor shutting down", 1),
        ("avail", "ERROR: supervisor shutting down", 1),
        ("update", "ERROR: already shutting down", 1),
        ("add x", "ERROR: shutting down", 1),
        ("shutdown", "ERROR: already shutting down", 0),
        ("reload", "ERROR: already shutting down", 1),
    ] {
        assert_eq!(pair.run(line), (vec![message.into()], status), "{line}");
    }
    let (out, status) = pair.run("start a b");
    assert!(out.len() == 1 && out[0].starts_with("error: "), "{out:?}");
    assert_eq!(status, 1);
}

#[test]
fn the_shell_asks_before_it_ends_the_daemon() {
    let mut pair = Pair::with(good, |options| options.shell = true);
    pair.answers_typed = vec!["n", "yes", ""];
    assert_eq!(pair.run("shutdown").0, [""; 0]);
    assert_eq!(pair.run("shutdown").0, ["Shut down"]);
    assert_eq!(pair.run("reload").0, [""; 0]);
    assert_eq!(pair.run("reload").0, [""]);
    assert_eq!(pair.asked.len(), 4);
}

#[test]
fn the_shell_asks_for_name_and_password_and_runs_the_line_again() {
    let mut pair = Pair::with(good, |options| options.shell = true);
    pair.password = Some("Basic Ym9iOnNlY3JldA==");
    pair.answers_typed = vec!["bob", "wrong", "bob", "secret"];
    let (out, status) = pair.run("version");
    let required = "Server requires authentication";
    assert_eq!(out, [required, "", required, "", "4.3.0"]);
    assert_eq!(status, 0);
    assert_eq!(pair.asked[..2], ["Username:", "Password:"]);
    assert_eq!(pair.secrets, ["Password:", "Password:"]);
    assert_eq!(pair.ctl.options().username, "bob");
}

#[test]
fn outside_the_shell_a_wrong_password_is_an_error() {
    let mut pair = Pair::new(good);
    pair.password = Some("Basic x");
    let (out, status) = pair.run("status");
    assert_eq!(out[0], "Server requires authentication");
    assert!(out[1].starts_with("error: ") && out[1].contains("-u and -p"));
    assert_eq!((out.len(), status), (2, 1));
}
