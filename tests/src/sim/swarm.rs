//! What kind of world a seed makes: which programs, and how often what goes wrong. Each seed turns
//! most faults off, so that rare combinations of the others are reached (swarm testing).

use super::random::Random;
use std::sync::Arc;
use visor_core::config::{
    AutoRestart, Config, FcgiSocket, GroupConfig, GroupKind, LogTarget, OutputConfig,
    ProcessConfig, ServerAddress, ServerConfig, SupervisordConfig,
};
use visor_core::{LogLevel, Signal};

/// How often things go wrong, in a thousand, unless stated otherwise.
#[derive(Clone, Debug, Default)]
pub struct Swarm {
    /// A spawn fails.
    pub spawn_fails: u32,
    /// A spawn is answered late.
    pub spawn_late: u32,
    /// A child ignores the stop signal.
    pub ignores: u32,
    /// A signal cannot be sent for want of permission.
    pub signal_fails: u32,
    /// A child that gets SIGKILL takes its time.
    pub slow_death: u32,
    /// An exit is reported late.
    pub late_exit: u32,
    /// A report is repeated after a while.
    pub stale: u32,
    /// The runtime oversleeps.
    pub oversleep: u32,
    /// The wall clock jumps.
    pub clock_jumps: u32,
    /// A log cannot be opened or written.
    pub log_fails: u32,
    /// Answers come only after all actions are performed.
    pub answers_last: u32,
    /// The configuration cannot be read.
    pub config_fails: u32,
    /// A FastCGI socket cannot be made.
    pub socket_fails: u32,
    /// How much the children write, in chunks per life at most.
    pub chunks_max: u64,
    /// Requests of users, in all.
    pub requests: u64,
    /// What clients do, in all.
    pub client_acts: u64,
    /// A client does not take what it is sent, in a thousand.
    pub slow_clients: u32,
    /// A client that vanished comes back.
    pub comebacks: u32,
    /// A server cannot listen.
    pub listen_fails: u32,
    /// The pidfile cannot be written.
    pub pidfile_fails: u32,
    /// Writing the pidfile takes its time, and the daemon's start with it.
    pub pidfile_slow: u32,
    /// What a client wants to start does not exist.
    pub command_missing: u32,
    /// A log cannot be read.
    pub unreadable: u32,
    /// A child that writes closes that output.
    pub closes: u32,
    /// A listener takes no more input.
    pub stdin_closes: u32,
    /// A listener takes its input late.
    pub stdin_slow: u32,
    /// A child ends at once.
    pub quick: u32,
    /// The daemon runs in the foreground, and shows what it logs.
    pub foreground: bool,
    /// The daemon is told to restart now and then.
    pub restarts: bool,
    /// The daemon is shut down in the midst of it all.
    pub early_shutdown: bool,
}

impl Swarm {
    /// What this seed turns on.
    pub fn draw(random: &mut Random) -> Self {
        let mut often = |permille_max: u64| {
            if random.chance(500) {
                0
            } else {
                u32::try_from(random.below(permille_max)).unwrap_or(0)
            }
        };
        Self {
            spawn_fails: often(500),
            spawn_late: often(400),
            ignores: often(800),
            signal_fails: often(150),
            slow_death: often(500),
            late_exit: often(500),
            stale: often(300),
            oversleep: often(300),
            clock_jumps: often(300),
            log_fails: often(200),
            answers_last: often(1000),
            config_fails: often(500),
            socket_fails: often(300),
            chunks_max: u64::from(often(20)),
            requests: u64::from(often(200)) + 10,
            client_acts: u64::from(often(100)),
            slow_clients: often(200),
            comebacks: often(700) + 300,
            listen_fails: often(100),
            pidfile_fails: often(500),
            pidfile_slow: often(1000),
            command_missing: often(300),
            unreadable: often(1000),
            closes: often(200),
            stdin_closes: often(50),
            stdin_slow: often(500),
            quick: if often(1000) > 800 { 980 } else { 0 },
            foreground: often(1000) > 200,
            restarts: often(1000) > 500,
            early_shutdown: often(1000) > 500,
        }
    }

    /// The end: nothing goes wrong any more.
    #[must_use]
    pub fn calm(&self) -> Self {
        Self {
            answers_last: self.answers_last,
            chunks_max: self.chunks_max,
            ..Self::default()
        }
    }
}

/// A configuration. The same names come up again and again, so that a reload finds some of them.
pub fn config(random: &mut Random, ticks: bool) -> Config {
    let count = if random.chance(50) {
        random.between(12, 18)
    } else {
        random.between(1, 6)
    };
    let mut names: Vec<String> = (0..count).map(|n| format!("p{n}")).collect();
    let mut groups = Vec::new();
    while !names.is_empty() {
        let count = if random.chance(600) {
            1
        } else {
            random.between(1, 3)
        };
        let count = usize::try_from(count).unwrap_or(1).min(names.len());
        let members: Vec<String> = names.drain(..count).collect();
        groups.push(group(random, &members));
    }
    for n in 0..random.below(3) {
        groups.push(listener(random, &format!("l{n}"), ticks));
    }
    groups.sort_by(|a, b| (a.priority, &a.name).cmp(&(b.priority, &b.name)));
    let mut servers = Vec::new();
    if random.chance(600) {
        servers.push(ServerConfig {
            section: "unix_http_server".to_owned(),
            address: ServerAddress::Unix {
                path: format!("/run/{}.sock", random.below(2)),
                mode: 0o700,
                owner: None,
            },
            credentials: None,
        });
    }
    Config {
        supervisord: SupervisordConfig {
            logfile: LogTarget::File("/log/activity".to_owned()),
            logfile_maxbytes: if random.chance(300) { 4_000 } else { 0 },
            loglevel: if random.chance(200) {
                LogLevel::Debug
            } else {
                LogLevel::Info
            },
            pidfile: "/run/pid".to_owned(),
            nocleanup: random.chance(500),
            ..SupervisordConfig::default()
        },
        servers,
        rpc_interfaces: vec!["supervisor".to_owned()],
        groups,
    }
}

fn group(random: &mut Random, members: &[String]) -> GroupConfig {
    // No two processes that can be there at the same time have one name, so that log lines tell
    // which is meant.
    let (name, names) = match members {
        [one] => (one.clone(), vec![one.clone()]),
        more => {
            let name = format!("g{}", more.join(""));
            let names = more.iter().map(|one| format!("{one}{name}")).collect();
            (name, names)
        }
    };
    let processes = names
        .iter()
        .map(|name| process(random, name).into())
        .collect();
    let kind = if random.chance(100) {
        GroupKind::Fcgi(FcgiSocket {
            address: ServerAddress::Unix {
                path: format!("/run/{name}"),
                mode: 0o700,
                owner: None,
            },
            backlog: None,
        })
    } else {
        GroupKind::Plain
    };
    let mut group = GroupConfig {
        name,
        priority: random.between(1, 4),
        kind,
        processes,
    };
    group
        .processes
        .sort_by(|a, b| (a.priority, &a.name).cmp(&(b.priority, &b.name)));
    group
}

/// Whether a process of this name is a listener.
pub(super) fn is_listener(name: &str) -> bool {
    name.starts_with('l')
}

/// A pool of one or two listeners.
fn listener(random: &mut Random, name: &str, ticks: bool) -> GroupConfig {
    let members: Vec<String> = (0..random.between(1, 2))
        .map(|n| format!("{name}-{n}"))
        .collect();
    let mut group = group(random, &members);
    name.clone_into(&mut group.name);
    group.priority = -1;
    let all = [
        "PROCESS_STATE",
        "EVENT",
        "PROCESS_STATE_RUNNING",
        "TICK_5",
        "PROCESS_GROUP",
        "SUPERVISOR_STATE_CHANGE",
    ];
    let mut events: Vec<String> = Vec::new();
    for _ in 0..random.between(1, 2) {
        events.extend(random.pick(&all).map(|event| (*event).to_owned()));
    }
    if !ticks {
        for event in &mut events {
            if event == "EVENT" || event == "TICK_5" {
                "PROCESS_STATE".clone_into(event);
            }
        }
    }
    group.kind = GroupKind::Listener {
        buffer_size: u32::try_from(random.between(1, 12)).unwrap_or(1),
        events,
    };
    for process in group.processes.iter_mut().map(Arc::make_mut) {
        process.redirect_stderr = false;
    }
    group
}

fn process(random: &mut Random, name: &str) -> ProcessConfig {
    let mut process = ProcessConfig::new(name, "/bin/child --flag 'a word'");
    if random.chance(20) {
        process.command = "'never closed".to_owned();
    }
    process.priority = random.between(1, 3);
    process.autostart = random.chance(700);
    process.startsecs = random.between(-1, 3);
    process.startretries = random.between(-1, 4);
    process.autorestart = match random.below(3) {
        0 => AutoRestart::Never,
        1 => AutoRestart::Always,
        _ => AutoRestart::Unexpected,
    };
    process.exitcodes = if random.chance(500) {
        vec![0]
    } else {
        vec![0, 2]
    };
    process.stopsignal = if random.chance(800) {
        Signal::TERM
    } else {
        Signal::INT
    };
    process.stopwaitsecs = random.between(0, 5);
    process.stopasgroup = random.chance(200);
    process.killasgroup = process.stopasgroup || random.chance(200);
    process.redirect_stderr = random.chance(200);
    process.stdout = output(random, name, "out");
    process.stderr = output(random, name, "err");
    process
}

fn output(random: &mut Random, name: &str, stream: &str) -> OutputConfig {
    OutputConfig {
        logfile: match random.below(4) {
            0 => LogTarget::None,
            1 => LogTarget::Auto,
            _ => LogTarget::File(format!("/log/{name}.{stream}")),
        },
        maxbytes: if random.chance(500) { 100 } else { 0 },
        backups: 2,
        syslog: random.chance(150),
        ..OutputConfig::default()
    }
}
