//! A daemon without a system around it: files are in memory, children are numbers.

use crate::config::{Config, GroupConfig, GroupKind, LogTarget, ProcessConfig};
use crate::config::{ServerAddress, ServerConfig};
use crate::http::client::{Event, Receiver, request};
use crate::xmlrpc::{Message, Value, decode, encode};
use crate::{Action, Boot, ConnId, ExitStatus, Input, LogId, LogPart, Now, Output, Pid};
use crate::{ReadError, ReadRange, ServerId, SpawnError, SpawnId, Supervisor, Timestamp, UnixTime};
use alloc::borrow::Cow;
use alloc::collections::BTreeMap;
use alloc::string::{String, ToString as _};
use alloc::sync::Arc;
use alloc::{format, vec, vec::Vec};
use core::time::Duration;

/// A daemon and the world around it.
pub(super) struct Daemon {
    pub(super) core: Supervisor,
    pub(super) now: Now,
    pub(super) conns: BTreeMap<ConnId, Conn>,
    pub(super) next_conn: u64,
    pub(super) files: BTreeMap<String, Vec<u8>>,
    pub(super) logs: BTreeMap<LogId, String>,
    pub(super) children: BTreeMap<SpawnId, String>,
    /// What was written to children.
    pub(super) written: Vec<u8>,
    /// Programs that cannot be found.
    pub(super) missing: Vec<&'static str>,
    pub(super) deadline: Option<Timestamp>,
    pub(super) ended: bool,
    /// What the runtime will say about files, if it takes its time.
    pub(super) late: Option<Vec<Input<'static>>>,
    /// Logs cannot be rotated.
    pub(super) rotations_fail: bool,
}

#[derive(Default)]
pub(super) struct Conn {
    pub(super) received: Vec<u8>,
    /// Takes nothing of what it is sent.
    pub(super) is_stuck: bool,
    pub(super) is_closed: bool,
    pub(super) is_read: bool,
}

/// A process of a configuration, to be changed.
pub(super) fn process(config: &mut Config, group: usize, process: usize) -> &mut ProcessConfig {
    Arc::make_mut(&mut config.groups[group].processes[process])
}

impl Daemon {
    pub(super) fn new(programs: &[(&str, &str)]) -> Self {
        Self::with(programs, |_| {})
    }

    /// Programs by group and name, each with a log, one server, and a log of the daemon.
    pub(super) fn config(programs: &[(&str, &str)]) -> Config {
        let mut groups: BTreeMap<&str, Vec<_>> = BTreeMap::new();
        for (group, name) in programs {
            let mut process = ProcessConfig::new(name, &format!("/bin/{name} x"));
            process.stdout.logfile = LogTarget::File(format!("/log/{group}-{name}"));
            process.stderr.logfile = LogTarget::None;
            process.autostart = false;
            groups.entry(group).or_default().push(process.into());
        }
        let mut config = Config {
            groups: groups
                .into_iter()
                .map(|(name, processes)| GroupConfig {
                    name: name.into(),
                    priority: 999,
                    kind: GroupKind::Plain,
                    processes,
                })
                .collect(),
            servers: vec![ServerConfig {
                section: "unix_http_server".into(),
                address: ServerAddress::Tcp {
                    host: String::new(),
                    port: 9001,
                },
                credentials: None,
            }],
            rpc_interfaces: vec!["supervisor".into()],
            ..Config::default()
        };
        config.supervisord.logfile = LogTarget::File("/log/main".into());
        config
    }

    pub(super) fn with(programs: &[(&str, &str)], change: impl FnOnce(&mut Config)) -> Self {
        let mut config = Self::config(programs);
        change(&mut config);
        let now = Now {
            mono: Timestamp::from_nanos(1_000_000_000),
            wall: UnixTime::from_secs(1_795_454_000),
            utc_offset_secs: 0,
        };
        let boot = Boot {
            pid: Pid(77),
            seed: [3; 32],
            foreground: false,
            messages: vec![],
        };
        let mut this = Self {
            core: Supervisor::new(config, boot, now),
            now,
            conns: BTreeMap::new(),
            next_conn: 0,
            files: BTreeMap::new(),
            logs: BTreeMap::new(),
            children: BTreeMap::new(),
            written: vec![],
            missing: vec![],
            deadline: None,
            ended: false,
            late: None,
            rotations_fail: false,
        };
        this.run();
        this
    }

    pub(super) fn tell(&mut self, input: Input<'_>) {
        self.core.handle_input(self.now, input);
        self.run();
    }

    /// Does what the core wants until it wants nothing more.
    pub(super) fn run(&mut self) {
        loop {
            match self.core.poll_output() {
                Output::Action(action) => self.perform(action),
                Output::Wait(deadline) => {
                    self.deadline = deadline;
                    return;
                }
            }
        }
    }

    pub(super) fn answer(&mut self, input: Input<'_>) {
        self.core.handle_input(self.now, input);
    }

    /// An answer about a file, now or later.
    fn answer_late(&mut self, input: Input<'static>) {
        match &mut self.late {
            Some(late) => late.push(input),
            None => self.answer(input),
        }
    }

    /// The runtime has done what it took its time for.
    pub(super) fn catch_up(&mut self) {
        for input in self.late.take().unwrap() {
            self.tell(input);
        }
    }

    pub(super) fn perform(&mut self, action: Action) {
        match action {
            Action::Spawn { spawn, spec } => {
                self.children.insert(spawn, spec.name.clone());
                let pid = Pid(100 + u32::try_from(spawn.0).unwrap());
                self.answer(Input::Spawned { spawn, pid });
            }
            Action::Signal { spawn, .. } if self.children.remove(&spawn).is_some() => {
                let status = ExitStatus::Code(0);
                self.answer(Input::Exited { spawn, status });
            }
            Action::Signal { .. } => {}
            Action::CheckCommand { process, spec } => {
                let result = self.found(&spec.argv[0]);
                self.answer_late(Input::CommandChecked { process, result });
            }
            Action::OpenLog { log, path, .. } => {
                let size_bytes = self.files.entry(path.clone()).or_default().len() as u64;
                self.logs.insert(log, path);
                self.opened(log, size_bytes);
            }
            Action::WriteLog { log, data } => {
                if let Some(path) = self.logs.get(&log) {
                    self.files.entry(path.clone()).or_default().extend(data);
                }
            }
            Action::RotateLog { log, .. } => self.rotate(log),
            Action::ClearLog { log, path } => {
                self.files.insert(path, vec![]);
                self.answer_late(Input::LogOpened {
                    log,
                    size_bytes: 0,
                    regular: true,
                });
            }
            Action::ReadLog { read, path, range } => {
                let result = self.read(&path, range);
                self.answer_late(Input::LogRead { read, result });
            }
            Action::Listen { server, .. } => self.answer(Input::Listening { server }),
            Action::WritePidfile { .. } => self.answer(Input::PidfileWritten { result: Ok(()) }),
            Action::SendConn { conn, data } => self.receive(conn, data),
            Action::ReadConn { conn, on } => self.conns.get_mut(&conn).unwrap().is_read = on,
            Action::CloseConn { conn } | Action::DropConn { conn } => {
                self.conns.get_mut(&conn).unwrap().is_closed = true;
                self.answer(Input::ConnClosed { conn });
            }
            Action::Exit(_) => self.ended = true,
            Action::WriteStdin { data, .. } => self.written.extend(data),
            Action::Adopt { .. }
            | Action::OpenSocket { .. }
            | Action::CloseSocket { .. }
            | Action::ReopenLog { .. }
            | Action::CloseLog { .. }
            | Action::CleanAutoLogs { .. }
            | Action::Syslog { .. }
            | Action::ShowLine { .. }
            | Action::ShowProgress(_)
            | Action::Unlisten { .. }
            | Action::ReadConfig
            | Action::RemovePidfile { .. }
            | Action::Ready
            | Action::Diagnose(_) => {}
        }
    }

    fn receive(&mut self, conn: ConnId, data: Vec<u8>) {
        let client = self.conns.get_mut(&conn).unwrap();
        assert!(!client.is_closed, "sent to a closed connection");
        client.received.extend(data);
        if !client.is_stuck {
            self.answer(Input::ConnDrained { conn });
        }
    }

    fn found(&self, command: &str) -> Result<(), SpawnError> {
        if self.missing.iter().any(|name| command.ends_with(name)) {
            Err(SpawnError::NotFound(command.into()))
        } else {
            Ok(())
        }
    }

    fn rotate(&mut self, log: LogId) {
        if self.rotations_fail {
            self.answer(Input::LogFailed {
                log,
                error: "EACCES".into(),
                lost_bytes: 0,
                open: true,
            });
            return;
        }
        let path = self.logs[&log].clone();
        let old = self.files.insert(path.clone(), vec![]).unwrap();
        self.files.insert(format!("{path}.1"), old);
        self.opened(log, 0);
    }

    pub(super) fn opened(&mut self, log: LogId, size_bytes: u64) {
        self.answer(Input::LogOpened {
            log,
            size_bytes,
            regular: true,
        });
    }

    pub(super) fn read(&self, path: &str, range: ReadRange) -> Result<LogPart, ReadError> {
        let file = self.files.get(path).ok_or(ReadError::NotFound)?;
        let size_bytes = file.len() as u64;
        let (offset, length) = match range {
            ReadRange::From { offset, length } => (offset, length),
            ReadRange::Last { length } => (size_bytes.saturating_sub(length), length),
        };
        let start = offset.min(size_bytes) as usize;
        let end = offset.saturating_add(length).min(size_bytes) as usize;
        Ok(LogPart {
            data: file[start..end.max(start)].to_vec(),
            offset,
            size_bytes,
        })
    }

    pub(super) fn connect(&mut self) -> ConnId {
        let conn = ConnId(self.next_conn);
        self.next_conn += 1;
        let client = Conn {
            is_read: true,
            ..Conn::default()
        };
        self.conns.insert(conn, client);
        self.tell(Input::ConnOpened {
            conn,
            server: ServerId(0),
            peer: String::new(),
        });
        conn
    }

    pub(super) fn send(&mut self, conn: ConnId, bytes: &[u8]) {
        self.tell(Input::ConnData {
            conn,
            data: Cow::Borrowed(bytes),
        });
    }

    pub(super) fn received(&mut self, conn: ConnId) -> String {
        let bytes = core::mem::take(&mut self.conns.get_mut(&conn).unwrap().received);
        String::from_utf8_lossy(&bytes).into_owned()
    }

    pub(super) fn begin_call(&mut self, method: &str, params: &[Value]) -> ConnId {
        let conn = self.connect();
        self.send(conn, &call(method, params));
        conn
    }

    pub(super) fn end_call(&mut self, conn: ConnId) -> Option<String> {
        Some(match self.answer_to(conn)? {
            Message::Response(value) => shown(&value),
            Message::Fault { text, code } => format!("{code} {text}"),
            Message::Call { .. } => panic!("a call is no answer"),
        })
    }

    /// The answer to a call, if it has come.
    pub(super) fn answer_to(&mut self, conn: ConnId) -> Option<Message> {
        let bytes = core::mem::take(&mut self.conns.get_mut(&conn).unwrap().received);
        let mut receiver = Receiver::new();
        receiver.receive(&bytes);
        let mut body = vec![];
        loop {
            match receiver.next().unwrap() {
                Some(Event::Head(head)) => assert_eq!(head.status, 200),
                Some(Event::Body(more)) => body.extend(more),
                Some(Event::End) => return Some(decode(&body).unwrap()),
                None => return None,
            }
        }
    }

    pub(super) fn call(&mut self, method: &str, params: &[Value]) -> String {
        let conn = self.begin_call(method, params);
        self.end_call(conn).unwrap_or_else(|| "waits".into())
    }

    pub(super) fn get(&mut self, target: &str, headers: &[(&str, &str)]) -> String {
        let conn = self.connect();
        self.send(conn, &request("GET", target, headers, None));
        self.received(conn)
    }

    /// Lets time pass, every deadline on the way at its time.
    pub(super) fn advance(&mut self, by: Duration) {
        let end = self.now.mono + by;
        while let Some(at) = self.deadline.filter(|at| *at <= end) {
            self.to(at);
        }
        self.to(end);
    }

    pub(super) fn to(&mut self, at: Timestamp) {
        let nanos = at.as_nanos() - self.now.mono.as_nanos();
        let wall = self.now.wall.as_nanos() + i64::try_from(nanos).unwrap();
        self.now.wall = UnixTime::from_nanos(wall);
        self.now.mono = at;
        self.tell(Input::Wake);
    }

    pub(super) fn spawn_of(&self, name: &str) -> SpawnId {
        let child = self.children.iter().find(|(_, n)| *n == name);
        *child.unwrap().0
    }

    pub(super) fn exit(&mut self, name: &str, code: i32) {
        let spawn = self.spawn_of(name);
        self.children.remove(&spawn);
        self.tell(Input::Exited {
            spawn,
            status: ExitStatus::Code(code),
        });
    }

    pub(super) fn output(&mut self, name: &str, data: &[u8]) {
        let spawn = self.spawn_of(name);
        self.tell(Input::ChildOutput {
            spawn,
            stream: crate::Stream::Stdout,
            data: Cow::Borrowed(data),
        });
    }
}

pub(super) fn call(method: &str, params: &[Value]) -> Vec<u8> {
    let body = encode(&Message::Call {
        method: method.into(),
        params: params.to_vec(),
    });
    request("POST", "/RPC2", &[], Some(body.as_bytes()))
}

fn members(value: &Value) -> String {
    let Value::Struct(members) = value else {
        return String::new();
    };
    let each = members.iter().map(|(n, v)| format!("{n}: {}", shown(v)));
    format!("{{{}}}", each.collect::<Vec<_>>().join(", "))
}

/// Values in short: texts bare, structs by what tells most.
pub(super) fn shown(value: &Value) -> String {
    match value {
        Value::Str(text) => text.clone(),
        Value::Int(number) => number.to_string(),
        Value::Bool(truth) => truth.to_string(),
        Value::Array(values) => {
            let each: Vec<String> = values.iter().map(shown).collect();
            format!("[{}]", each.join(", "))
        }
        Value::Struct(_) => match (value.member("name"), value.member("description")) {
            (Some(name), Some(description)) => format!("{}={}", shown(name), shown(description)),
            _ => match value.member("faultString") {
                Some(text) => format!("fault {}", shown(text)),
                None => members(value),
            },
        },
        Value::Nil | Value::Double(_) | Value::DateTime(_) | Value::Base64(_) => {
            format!("{value:?}")
        }
    }
}
