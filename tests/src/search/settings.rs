//! How small the daemon is, and what may happen to it.

use std::time::Duration;
use visor_core::LogLevel;
use visor_core::config::{
    AutoRestart, Config, GroupConfig, GroupKind, LogTarget, ProcessConfig, SupervisordConfig,
};

/// A daemon, and its surroundings.
#[derive(Clone, Debug)]
pub struct Setting {
    /// Short, for messages.
    pub name: &'static str,
    /// The configuration.
    pub config: Config,
    /// The most time that passes in one step. It ends at the next deadline, if that is sooner, so
    /// that everything can happen just before it and just after it.
    pub step: Duration,
    /// Anything may happen while a spawn is not answered. Otherwise the answer is the next thing
    /// that happens.
    pub late_answers: bool,
    /// Anything may happen while something is due that the daemon was not woken up for.
    pub late_wakes: bool,
    /// The most faults on one way, if not any number: spawns that fail, signals that cannot be
    /// sent, listeners that say nonsense, reject, or close their input, configurations that cannot
    /// be read.
    pub faults_max: Option<u8>,
    /// The most requests on one way, if not any number: starts, stops, signals, the end of the
    /// daemon, a new beginning.
    pub requests_max: Option<u8>,
    /// There are fewer states than this. A core with more has states that grow without end.
    pub states_max: usize,
    /// The daemon may be told to begin anew, which leads back to its first state.
    pub restarts: bool,
}

/// Small enough for every run of the tests.
#[must_use]
pub fn quick() -> Vec<Setting> {
    let mut settings = vec![alone(), paced(), together(0, 0)];
    for setting in &mut settings {
        setting.restarts = false;
        setting.states_max = 30_000;
    }
    settings
}

/// Everything: takes minutes.
#[must_use]
pub fn full() -> Vec<Setting> {
    vec![
        alone(),
        paced(),
        together(1, 1),
        Setting {
            name: "two processes and a listener, late answers",
            late_answers: true,
            ..together(0, 1)
        },
    ]
}

/// One process, and whatever can happen to one, any number of times.
fn alone() -> Setting {
    Setting {
        name: "one process",
        config: config(vec![group(GroupKind::Plain, patient("a"))]),
        step: Duration::from_secs(1),
        late_answers: true,
        late_wakes: true,
        faults_max: None,
        requests_max: None,
        states_max: 10_000_000,
        restarts: true,
    }
}

/// One that is up as soon as it is spawned, and comes back whenever it ends: restarts are paced.
fn paced() -> Setting {
    let mut process = instant("a");
    process.autorestart = AutoRestart::Always;
    Setting {
        name: "one process without startsecs",
        config: config(vec![group(GroupKind::Plain, process)]),
        ..alone()
    }
}

/// Two processes, and a listener that is told what they do.
fn together(requests_max: u8, faults_max: u8) -> Setting {
    let pool = GroupKind::Listener {
        buffer_size: 1,
        events: vec!["PROCESS_STATE".to_owned()],
    };
    let mut listener = instant("l");
    listener.priority = -1;
    Setting {
        name: "two processes and a listener",
        config: config(vec![
            group(pool, listener),
            group(GroupKind::Plain, patient("a")),
            group(GroupKind::Plain, instant("b")),
        ]),
        late_answers: false,
        late_wakes: false,
        faults_max: Some(faults_max),
        requests_max: Some(requests_max),
        ..alone()
    }
}

/// It has to be up for a second, may fail once, and has a second to stop.
fn patient(name: &str) -> ProcessConfig {
    let mut process = ProcessConfig::new(name, "/bin/x");
    process.startsecs = 1;
    process.startretries = 1;
    process.stopwaitsecs = 1;
    process.autorestart = AutoRestart::Unexpected;
    process.stdout.logfile = LogTarget::None;
    process.stderr.logfile = LogTarget::None;
    process
}

/// It is up at once, may not fail, is killed at once, and stays down.
fn instant(name: &str) -> ProcessConfig {
    let mut process = patient(name);
    process.startsecs = 0;
    process.startretries = 0;
    process.stopwaitsecs = 0;
    process.autorestart = AutoRestart::Never;
    process
}

fn group(kind: GroupKind, process: ProcessConfig) -> GroupConfig {
    GroupConfig {
        name: process.name.clone(),
        priority: process.priority,
        kind,
        processes: vec![process.into()],
    }
}

fn config(groups: Vec<GroupConfig>) -> Config {
    Config {
        supervisord: SupervisordConfig {
            logfile: LogTarget::None,
            loglevel: LogLevel::Info,
            ..SupervisordConfig::default()
        },
        groups,
        ..Config::default()
    }
}
