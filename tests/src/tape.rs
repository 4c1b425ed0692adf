//! A daemon in memory that is recorded while things happen to it, once as it is and once without
//! secrets, and whose recordings are replayed.

use crate::scenario::read_config;
use visor_core::record::{Editor, Entry, Header, Replay, Tally};
use visor_core::xmlrpc::{Message, Value, encode};
use visor_core::{
    Action, Boot, ConnId, ExitStatus, Input, LogPart, Now, Output, Pid, ReadConfig, ServerId,
    Signal, SpawnId, Stream, Supervisor, Timestamp, UnixTime,
};

const SECOND: u64 = 1_000_000_000;
/// Most that a step leads to; who restarts without a pause goes on in the next.
const ACTIONS_MAX: usize = 10_000;
/// Texts that clients and programs write; the first ones are names that mean something.
const TEXTS: [&str; 16] = [
    "web",
    "cap",
    "ear",
    "all",
    "HUP",
    "group:web",
    "nobody",
    "",
    "se&cr<e>t",
    "p\u{e4}ssw\u{f6}rd",
    "two\nlines\n",
    "READY\n",
    "RESULT 2\nOK",
    "<!--XSUPERVISOR:BEGIN-->s3cret<!--XSUPERVISOR:END-->",
    "\u{1b}[1mbold\u{1b}[0m",
    "\u{1f600}",
];
const METHODS: [&str; 16] = [
    "supervisor.sendProcessStdin",
    "supervisor.sendRemoteCommEvent",
    "supervisor.signalProcess",
    "supervisor.startProcess",
    "supervisor.stopProcess",
    "supervisor.getAllProcessInfo",
    "supervisor.getProcessInfo",
    "supervisor.readProcessStdoutLog",
    "supervisor.tailProcessStdoutLog",
    "supervisor.reloadConfig",
    "supervisor.getState",
    "supervisor.clearProcessLogs",
    "supervisor.startAllProcesses",
    "supervisor.sendProcesStdin",
    "system.listMethods",
    "supervisor.restart",
];

/// What happens.
#[derive(Clone, Copy, Debug)]
pub enum Told {
    /// A child writes one of the texts so many times.
    Output(u8, u8, u8),
    /// A child ends.
    Exit(u8, u8),
    /// A client connects to the one server or the other.
    Connect(u8),
    /// A client calls a method with two of the texts, or asks for a page; with a right password, a
    /// wrong one, or none. The request comes in two reads.
    Ask(u8, u8, u8),
    /// A client sends a form with the right token or a wrong one.
    Form(u8, u8),
    /// A client sends what is no request, or no call.
    Noise(u8, u8),
    /// A client goes.
    Hang(u8),
    /// Time passes.
    Pass(u8),
    /// The daemon gets a signal.
    Signal(u8),
}

impl Told {
    /// Any four bytes are something that happens.
    #[must_use]
    pub fn of([what, a, b, c]: [u8; 4]) -> Self {
        match what % 16 {
            0..=2 => Self::Output(a, b, c),
            3 | 4 => Self::Exit(a, b),
            5 => Self::Connect(a),
            6..=9 => Self::Ask(a, b, c),
            10 => Self::Form(a, b),
            11 => Self::Noise(a, b),
            12 => Self::Hang(a),
            13 | 14 => Self::Pass(a),
            _ => Self::Signal(a),
        }
    }
}

/// One recording.
#[derive(Debug)]
struct Tape {
    text: String,
    tally: Tally,
    editor: Editor,
}

/// The daemon.
#[derive(Debug)]
pub struct Live {
    supervisor: Supervisor,
    header: Header,
    now: Now,
    tapes: [Tape; 2],
    variant: u8,
    spawns: Vec<SpawnId>,
    conns: Vec<ConnId>,
    token: Option<String>,
    /// Actions so far.
    polled: u64,
}

impl Live {
    /// Starts one. Bits of `variant` decide of its configuration.
    ///
    /// # Panics
    /// If its configuration is none.
    #[must_use]
    pub fn new(variant: u8) -> Self {
        let ReadConfig { config, messages } = configuration(variant, 0);
        let boot = Boot {
            pid: Pid(1),
            seed: core::array::from_fn(|i| variant.wrapping_add(u8::try_from(i).unwrap_or(0))),
            foreground: variant & 1 == 0,
            messages,
        };
        let now = Now {
            mono: Timestamp::from_nanos(SECOND),
            wall: UnixTime::from_secs(1_000_000_000),
            ..Now::default()
        };
        let header = Header::new(config, boot, now);
        let tape = |masked: bool| {
            let mut header = header.clone();
            let mut editor = Editor::new(masked);
            editor.begin(&mut header);
            Tape {
                text: line(&header),
                tally: Tally::default(),
                editor,
            }
        };
        let mut live = Self {
            supervisor: Supervisor::new(header.config.clone(), header.boot.clone(), now),
            tapes: [tape(false), tape(true)],
            header,
            now,
            variant,
            spawns: Vec::new(),
            conns: Vec::new(),
            token: None,
            polled: 0,
        };
        live.drain();
        live
    }

    /// What its recording begins with.
    #[must_use]
    pub fn header(&self) -> &Header {
        &self.header
    }

    /// The recording so far.
    #[must_use]
    pub fn recording(&self, masked: bool) -> &str {
        &self.tapes[usize::from(masked)].text
    }

    /// Lets something happen, and does all that comes of it.
    pub fn tell(&mut self, told: Told) {
        match told {
            Told::Output(which, text, count) => {
                let Some(spawn) = pick(&self.spawns, which >> 1) else {
                    return;
                };
                let stream = [Stream::Stdout, Stream::Stderr][usize::from(which & 1)];
                let data = TEXTS[usize::from(text) % TEXTS.len()].repeat(usize::from(count) + 1);
                if !data.is_empty() {
                    let data = data.into_bytes().into();
                    self.feed(Input::ChildOutput {
                        spawn,
                        stream,
                        data,
                    });
                }
            }
            Told::Exit(which, status) => {
                if let Some(spawn) = pick(&self.spawns, which) {
                    self.spawns.retain(|one| *one != spawn);
                    let status = ExitStatus::Code(i32::from(status & 1));
                    self.feed(Input::Exited { spawn, status });
                }
            }
            Told::Connect(server) => self.connect(server),
            Told::Ask(which, what, how) => self.ask(which, what, how),
            Told::Form(which, wrong) => self.form(which, wrong),
            Told::Noise(which, what) => {
                let text = TEXTS[usize::from(what) % TEXTS.len()];
                let bodies = [
                    text.to_owned(),
                    format!("<methodCall><methodName>{text}"),
                    format!("\r\nauthorization: {text}\r\n"),
                ];
                let body = &bodies[usize::from(what >> 4) % bodies.len()];
                let head = format!("POST /RPC2 HTTP/1.1\r\nContent-Length: {}\r\n", body.len());
                let password = authorization(which);
                self.send(which, &format!("{head}{password}\r\n{body}"), what);
            }
            Told::Hang(which) => {
                if let Some(conn) = pick(&self.conns, which) {
                    self.conns.retain(|one| *one != conn);
                    self.feed(Input::ConnClosed { conn });
                }
            }
            Told::Pass(tenths) => {
                let nanos = u64::from(tenths) * SECOND / 10;
                self.now.mono = Timestamp::from_nanos(self.now.mono.as_nanos() + nanos);
                let wall = self.now.wall.as_nanos() + i64::try_from(nanos).unwrap_or(0);
                self.now.wall = UnixTime::from_nanos(wall);
                self.feed(Input::Wake);
            }
            Told::Signal(which) => {
                let signals = [Signal::HUP, Signal::USR1, Signal::USR2, Signal::TERM];
                // Not often the end.
                let signal = signals[usize::from(which % 32).min(3) % 4];
                if which % 32 <= 3 {
                    self.feed(Input::Signal(signal));
                }
            }
        }
    }

    /// Replays both recordings.
    ///
    /// # Panics
    /// If a decision differs.
    pub fn replay(&self) {
        for tape in &self.tapes {
            let mut lines = tape.text.lines();
            let header = lines.next().expect("a header");
            let mut replay = Replay::new(serde_json::from_str(header).expect("a header"));
            for (at, line) in lines.enumerate() {
                let entry: Entry<'_> = serde_json::from_str(line).expect("an entry");
                if let Err(divergence) = replay.step(entry) {
                    let masked = tape.editor.masks();
                    let before: Vec<&str> = tape.text.lines().take(at + 2).collect();
                    let before = before[before.len().saturating_sub(3)..].join("\n");
                    panic!(
                        "input {at} (masked: {masked}): {divergence}: {:#?}\n{before}",
                        divergence.actions
                    );
                }
            }
        }
    }

    fn connect(&mut self, server: u8) {
        let conn = ConnId(self.polled + 1);
        if self.conns.contains(&conn) {
            return;
        }
        self.conns.push(conn);
        self.feed(Input::ConnOpened {
            conn,
            server: ServerId(u32::from(server & 1)),
            peer: String::new(),
        });
    }

    fn ask(&mut self, which: u8, what: u8, how: u8) {
        let text = |at: u8| Value::from(TEXTS[usize::from(at) % TEXTS.len()]);
        let second = match how >> 6 {
            0 => Value::Base64(TEXTS[usize::from(how & 15)].as_bytes().to_vec()),
            1 => Value::Int(i64::from(how & 15)),
            _ => text(how),
        };
        let method = METHODS[usize::from(what & 15)];
        let params = vec![text(what >> 4), second];
        let message = if how & 32 == 32 {
            let call = Value::Struct(vec![
                ("methodName".into(), method.into()),
                ("params".into(), Value::Array(params)),
            ]);
            Message::Call {
                method: "system.multicall".into(),
                params: vec![Value::Array(vec![call.clone(), call])],
            }
        } else {
            Message::Call {
                method: method.into(),
                params,
            }
        };
        let body = encode(&message);
        let request = if what % 8 == 7 && how.is_multiple_of(4) {
            let page = [
                "/",
                "/logtail/web",
                "/tail.html?processname=web",
                "/mainlogtail",
            ];
            let page = page[usize::from(how >> 6)];
            format!("GET {page} HTTP/1.1\r\n{}\r\n", authorization(which))
        } else {
            let (length, password) = (body.len(), authorization(which));
            format!("POST /RPC2 HTTP/1.1\r\n{password}Content-Length: {length}\r\n\r\n{body}")
        };
        self.send(which, &request, how);
    }

    fn form(&mut self, which: u8, wrong: u8) {
        let token = match (&self.token, wrong & 3) {
            (Some(token), 0 | 1) => token.clone(),
            (Some(token), 2) => token.replace('0', "1"),
            _ => "0123".to_owned(),
        };
        let body = format!("token={token}&process=web&action=stop");
        let (length, password) = (body.len(), authorization(which));
        let head = format!("POST / HTTP/1.1\r\n{password}Content-Length: {length}\r\n\r\n");
        self.send(which, &(head + &body), wrong);
    }

    /// Two reads, cut somewhere.
    fn send(&mut self, which: u8, request: &str, cut: u8) {
        let Some(conn) = pick(&self.conns, which >> 3) else {
            return;
        };
        let (first, second) = request
            .as_bytes()
            .split_at(request.len() * usize::from(cut) / 256);
        for read in [first, second] {
            if !read.is_empty() && self.conns.contains(&conn) {
                self.feed(Input::ConnData {
                    conn,
                    data: read.into(),
                });
            }
        }
    }

    fn feed(&mut self, input: Input<'_>) {
        self.answer(input);
        self.drain();
    }

    fn answer(&mut self, input: Input<'_>) {
        for tape in &mut self.tapes {
            let editor = &mut tape.editor;
            let before = tape.tally.take();
            let entry = Entry::recorded(&self.supervisor, editor, self.now, &input, before);
            tape.text.push_str(&line(&entry));
        }
        self.supervisor.handle_input(self.now, input);
    }

    fn drain(&mut self) {
        for _ in 0..ACTIONS_MAX {
            let Output::Action(action) = self.supervisor.poll_output() else {
                return;
            };
            self.polled += 1;
            for tape in &mut self.tapes {
                tape.tally.add(&action, tape.editor.masks());
            }
            self.perform(action);
        }
    }

    #[allow(clippy::wildcard_enum_match_arm)] // All others are not answered.
    fn perform(&mut self, action: Action) {
        match action {
            Action::Spawn { spawn, .. } => {
                self.spawns.push(spawn);
                let pid = Pid(u32::try_from(spawn.0).unwrap_or(0).wrapping_add(100));
                self.answer(Input::Spawned { spawn, pid });
            }
            Action::Signal { spawn, signal, .. }
                if signal != Signal::HUP && self.spawns.contains(&spawn) =>
            {
                self.spawns.retain(|one| *one != spawn);
                let status = ExitStatus::Signaled {
                    signal,
                    core_dumped: false,
                };
                self.answer(Input::Exited { spawn, status });
            }
            Action::WriteStdin { spawn, .. } => self.answer(Input::StdinProgress { spawn }),
            Action::CheckCommand { process, .. } => self.answer(Input::CommandChecked {
                process,
                result: Ok(()),
            }),
            Action::OpenLog { log, .. }
            | Action::RotateLog { log, .. }
            | Action::ReopenLog { log }
            | Action::ClearLog { log, .. } => self.answer(Input::LogOpened {
                log,
                size_bytes: 0,
                regular: true,
            }),
            Action::ReadLog { read, .. } => {
                let data = TEXTS.concat().into_bytes();
                let size_bytes = data.len() as u64;
                let part = LogPart {
                    data,
                    offset: 0,
                    size_bytes,
                };
                self.answer(Input::LogRead {
                    read,
                    result: Ok(part),
                });
            }
            Action::Listen { server, .. } => self.answer(Input::Listening { server }),
            Action::SendConn { conn, data } => {
                self.find_token(&data);
                if self.conns.contains(&conn) {
                    self.answer(Input::ConnDrained { conn });
                }
            }
            Action::CloseConn { conn } | Action::DropConn { conn }
                if self.conns.contains(&conn) =>
            {
                self.conns.retain(|one| *one != conn);
                self.answer(Input::ConnClosed { conn });
            }
            Action::ReadConfig => {
                // Sometimes a value of the environment has changed, and nothing else.
                let turn = u8::try_from(self.polled % 3).unwrap_or(0);
                let read = configuration(self.variant, turn);
                self.answer(Input::ConfigRead {
                    result: Ok(Box::new(read)),
                });
            }
            Action::WritePidfile { .. } => self.answer(Input::PidfileWritten { result: Ok(()) }),
            _ => {}
        }
    }

    /// The token of the page's forms, if somebody has just been sent the page.
    fn find_token(&mut self, page: &[u8]) {
        let page = String::from_utf8_lossy(page);
        if let Some((_, rest)) = page.split_once("name=\"token\" value=\"") {
            self.token = rest.split('"').next().map(str::to_owned);
        }
    }
}

fn configuration(variant: u8, turn: u8) -> ReadConfig {
    let bit = |bit: u8, yes: &'static str| if variant >> bit & 1 == 1 { yes } else { "" };
    let password = ["s3cret", "{SHA}fef341f85d87439e7d91a2d465b9871ef66b5e98"];
    let password = password[usize::from(variant >> 1 & 1)];
    let text = format!(
        "[supervisord]\nenvironment=KEY=\"s3cret-{turn}\",OTHER=\"x\"\nloglevel={}\n\
         [inet_http_server]\nport=127.0.0.1:9001\nusername=admin\npassword={password}\n\
         [unix_http_server]\nfile=/run/s.sock\n\
         [rpcinterface:supervisor]\n\
         supervisor.rpcinterface_factory=supervisor.rpcinterface:make_main_rpcinterface\n\
         [program:web]\ncommand=/bin/web\nenvironment=PATH=\"/s3cret-{turn}\"\nstartsecs=1\n{}{}\
         [program:cap]\ncommand=/bin/cap\nstdout_capture_maxbytes=100\nstartsecs=0\n\
         [eventlistener:ear]\ncommand=/bin/ear\nevents=PROCESS_STATE,REMOTE_COMMUNICATION{}\n",
        if variant & 4 == 4 { "debug" } else { "info" },
        bit(3, "strip_ansi=true\n"),
        bit(4, "stdout_events_enabled=true\nstdout_logfile=syslog\n"),
        bit(5, ",PROCESS_LOG,PROCESS_COMMUNICATION"),
    );
    read_config(&text).expect("a configuration")
}

/// admin:s3cret, admin:wrong, or nothing.
fn authorization(how: u8) -> &'static str {
    match how & 7 {
        0..=4 => "Authorization: Basic YWRtaW46czNjcmV0\r\n",
        5 => "authorization:Basic YWRtaW46d3Jvbmc=\r\n",
        6 => "Authorization: Digest x\r\n",
        _ => "",
    }
}

fn pick<T: Copy>(from: &[T], which: u8) -> Option<T> {
    from.get(usize::from(which) % from.len().max(1)).copied()
}

fn line(value: &impl serde::Serialize) -> String {
    serde_json::to_string(value).expect("JSON") + "\n"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_masked_recording_has_no_secret_that_the_plain_one_has() {
        for variant in [0, 2] {
            let mut live = Live::new(variant);
            for step in [
                Told::Connect(0),
                Told::Ask(0, 0, 0x89),
                Told::Ask(5, 5, 0),
                Told::Ask(0, 7, 0x80),
                Told::Signal(0),
                Told::Pass(20),
            ] {
                live.tell(step);
            }
            let secrets = ["s3cret", "admin", "YWRtaW46czNjcmV0", "p\u{e4}ssw\u{f6}rd"];
            for secret in secrets
                .into_iter()
                .filter(|one| variant == 0 || *one != "s3cret")
            {
                assert!(live.recording(false).contains(secret), "{secret}");
            }
            for secret in secrets {
                assert!(!live.recording(true).contains(secret), "{secret}");
            }
            live.replay();
        }
    }
}
