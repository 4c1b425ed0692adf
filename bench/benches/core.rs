//! What the core itself costs: one input with 10, 1,000 and 10,000 processes, the codecs, reading a
//! configuration, an event that many pools want. `cargo bench -p visor-bench`.
// criterion's macros make functions without; nobody carries out the other actions.
#![allow(missing_docs, clippy::wildcard_enum_match_arm)]

use criterion::{BatchSize, BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use std::borrow::Cow;
use std::collections::VecDeque;
use std::hint::black_box;
use std::time::Duration;
use visor_bench::configuration;
use visor_core::config::{
    AutoRestart, Config, GroupConfig, GroupKind, LogTarget, ProcessConfig, ServerAddress,
    ServerConfig,
};
use visor_core::xmlrpc::{Message, decode, encode};
use visor_core::{
    Action, Boot, Command, ConnId, ExitStatus, Input, LogId, Now, Output, Pid, ServerId, SpawnId,
    Stream, Supervisor,
};

const COUNTS: [usize; 3] = [10, 1_000, 10_000];

/// A supervisor whose actions are carried out at once by nobody.
struct Bed {
    supervisor: Supervisor,
    now: Now,
    spawns: VecDeque<SpawnId>,
    server: Option<ServerId>,
    sent: Vec<u8>,
}

impl Bed {
    /// So many programs that run, and so many pools that want what they write.
    fn new(programs: usize, pools: usize) -> Self {
        let program = |n: usize| {
            let mut config = ProcessConfig::new(&format!("p{n:05}"), "/bin/program --of many");
            config.autorestart = AutoRestart::Always;
            config.stdout.logfile = LogTarget::File(format!("/var/log/p{n:05}.log"));
            config.stdout.events_enabled = pools > 0;
            config
        };
        let mut config = Config::embedded().group("g", 999, (0..programs).map(program));
        for n in 0..pools {
            let mut listener = ProcessConfig::new("listener", "/bin/listener");
            listener.stdout.logfile = LogTarget::None;
            listener.stderr.logfile = LogTarget::None;
            config.groups.push(GroupConfig {
                name: format!("pool{n}"),
                priority: -1,
                kind: GroupKind::Listener {
                    buffer_size: 10,
                    events: vec!["PROCESS_LOG".to_owned()],
                },
                processes: vec![listener.into()],
            });
        }
        config.rpc_interfaces = vec!["supervisor".to_owned()];
        config.servers = vec![ServerConfig {
            section: "unix_http_server".to_owned(),
            address: ServerAddress::Unix {
                path: "/run/bench.sock".to_owned(),
                mode: 0o700,
                owner: None,
            },
            credentials: None,
        }];
        let boot = Boot {
            pid: Pid(1),
            seed: [7; 32],
            foreground: true,
            messages: Vec::new(),
        };
        let mut bed = Self {
            supervisor: Supervisor::new(config, boot, Now::default()),
            now: Now::default(),
            spawns: VecDeque::new(),
            server: None,
            sent: Vec::new(),
        };
        bed.drain();
        assert_eq!(bed.spawns.len(), programs + pools);
        bed.pass(Duration::from_secs(2));
        bed
    }

    fn pass(&mut self, time: Duration) {
        self.now.mono = self.now.mono + time;
        self.tell(Input::Wake);
    }

    fn tell(&mut self, input: Input<'_>) {
        self.supervisor.handle_input(self.now, input);
        self.drain();
    }

    fn drain(&mut self) {
        while let Output::Action(action) = self.supervisor.poll_output() {
            let answer = match action {
                Action::Spawn { spawn, .. } => {
                    self.spawns.push_back(spawn);
                    let pid = Pid(2 + u32::try_from(spawn.0).unwrap_or(0));
                    Some(Input::Spawned { spawn, pid })
                }
                Action::Listen { server, .. } => {
                    self.server = Some(server);
                    Some(Input::Listening { server })
                }
                Action::OpenLog { log, .. } => Some(opened(log)),
                Action::SendConn { conn, data } => {
                    self.sent.extend_from_slice(&data);
                    Some(Input::ConnDrained { conn })
                }
                Action::WriteStdin { spawn, .. } => Some(Input::StdinProgress { spawn }),
                other => {
                    drop(black_box(other));
                    None
                }
            };
            if let Some(answer) = answer {
                self.supervisor.handle_input(self.now, answer);
            }
        }
    }

    /// A program ends and is started again, and is up.
    fn respawn(&mut self) {
        if let Some(spawn) = self.spawns.pop_front() {
            let status = ExitStatus::Code(1);
            self.tell(Input::Exited { spawn, status });
            self.pass(Duration::from_secs(2));
        }
    }

    /// The daemon is to end, and all programs do, those first that were started first.
    fn shut_down(&mut self) {
        self.tell(Input::Command(Command::Shutdown));
        while let Some(spawn) = self.spawns.pop_front() {
            let status = ExitStatus::Code(0);
            self.tell(Input::Exited { spawn, status });
        }
    }

    fn write(&mut self, data: &[u8]) {
        if let Some(spawn) = self.spawns.back().copied() {
            self.tell(Input::ChildOutput {
                spawn,
                stream: Stream::Stdout,
                data: Cow::Borrowed(data),
            });
        }
    }

    fn connect(&mut self) -> ConnId {
        let conn = ConnId(1);
        if let Some(server) = self.server {
            self.tell(Input::ConnOpened {
                conn,
                server,
                peer: String::new(),
            });
        }
        conn
    }

    fn call(&mut self, conn: ConnId, request: &[u8]) -> usize {
        self.sent.clear();
        self.tell(Input::ConnData {
            conn,
            data: Cow::Borrowed(request),
        });
        self.sent.len()
    }
}

const fn opened(log: LogId) -> Input<'static> {
    Input::LogOpened {
        log,
        size_bytes: 0,
        regular: false,
    }
}

fn request(method: &str) -> Vec<u8> {
    visor_bench::sides::Client::request(method, &[])
}

fn inputs(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("one input");
    for count in COUNTS {
        let mut bed = Bed::new(count, 0);
        let line = [b'x'; 64];
        group.bench_function(BenchmarkId::new("exit, restart, up", count), |b| {
            b.iter(|| bed.respawn());
        });
        group.bench_function(BenchmarkId::new("64 bytes to a log", count), |b| {
            b.iter(|| bed.write(&line));
        });
        group.bench_function(BenchmarkId::new("nothing is due", count), |b| {
            b.iter(|| bed.pass(Duration::ZERO));
        });
        let conn = bed.connect();
        let state = request("supervisor.getState");
        assert!(bed.call(conn, &state) > 100);
        group.bench_function(BenchmarkId::new("getState", count), |b| {
            b.iter(|| bed.call(conn, &state));
        });
        let all = request("supervisor.getAllProcessInfo");
        group.bench_function(BenchmarkId::new("getAllProcessInfo", count), |b| {
            b.iter(|| bed.call(conn, &all));
        });
    }
    group.finish();
    let mut group = criterion.benchmark_group("shutdown");
    group.sample_size(10);
    for count in COUNTS {
        group.throughput(Throughput::Elements(count as u64));
        group.bench_function(BenchmarkId::new("all programs end", count), |b| {
            b.iter_batched_ref(
                || Bed::new(count, 0),
                Bed::shut_down,
                BatchSize::PerIteration,
            );
        });
    }
    group.finish();
}

fn output(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("output");
    let block = vec![b'x'; 64 << 10];
    let mut bed = Bed::new(10, 0);
    group.throughput(Throughput::Bytes(64 << 10));
    group.bench_function("64 KiB to a log", |b| b.iter(|| bed.write(&block)));
    group.finish();
    let mut group = criterion.benchmark_group("event");
    for pools in [1, 10, 100] {
        let mut bed = Bed::new(10, pools);
        group.bench_function(BenchmarkId::new("PROCESS_LOG to pools", pools), |b| {
            b.iter(|| bed.write(b"one line of a program\n"));
        });
    }
    group.finish();
}

fn codecs(criterion: &mut Criterion) {
    let mut bed = Bed::new(1_000, 0);
    let conn = bed.connect();
    bed.call(conn, &request("supervisor.getAllProcessInfo"));
    let body = bed.sent.windows(4).position(|four| four == b"\r\n\r\n");
    let body = bed.sent.split_off(body.map_or(0, |at| at + 4));
    let message: Message = decode(&body).expect("an answer is XML-RPC");
    let mut group = criterion.benchmark_group("XML-RPC");
    group.throughput(Throughput::Bytes(body.len() as u64));
    group.sample_size(20);
    group.bench_function("encode all of 1,000", |b| b.iter(|| encode(&message)));
    group.bench_function("decode all of 1,000", |b| b.iter(|| decode(&body)));
    group.finish();
}

fn configurations(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("configuration");
    group.sample_size(10);
    for count in [10, 1_000, 10_000] {
        let text = configuration::text(count);
        group.throughput(Throughput::Elements(u64::from(count)));
        group.bench_function(BenchmarkId::new("read", count), |b| {
            b.iter(|| configuration::read(&text).expect("it is right"));
        });
    }
    group.finish();
}

criterion_group!(benches, inputs, output, codecs, configurations);
criterion_main!(benches);
