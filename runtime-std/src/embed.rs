//! A supervisor inside another program: it supervises helpers of that program, on a thread of its
//! own, and leaves the program's signals and its other children alone.
//!
//! ```no_run
//! use visor_core::config::{Config, ProcessConfig};
//! use visor_core::{Command, ProcessState};
//! use visor_std::embed::Embedded;
//! let config = Config::embedded().program(ProcessConfig::new("cache", "redis-server"));
//! let helpers = Embedded::start(config)?;
//! let up = helpers.wait_until(std::time::Duration::from_secs(10), |processes| {
//!     processes.iter().all(|process| process.state == ProcessState::Running)
//! });
//! assert!(up);
//! helpers.shutdown();
//! # Ok::<(), std::io::Error>(())
//! ```

use crate::Hooks;
use crate::engine::{Engine, Interest, Source, Waiting};
use crate::epoll::{decode, encode};
use crate::sys::Fd;
use crate::sys::daemonize::random_seed;
use crate::sys::epoll::{Epoll, Reports};
use rustix::event::{EventfdFlags, eventfd};
use rustix::io::Errno;
use rustix::process::{PidfdFlags, pidfd_open};
use std::collections::{BTreeMap, HashMap};
use std::io;
use std::os::fd::OwnedFd;
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
use visor_core::config::Config;
use visor_core::{Boot, Command, Pid, ProcessId, ProcessInfo, SpawnId};

/// Helpers under supervision. Dropping it leaves them running under supervision until the program
/// ends; [`shutdown`](Self::shutdown) stops them.
#[derive(Debug)]
pub struct Embedded {
    commands: Sender<Command>,
    bell: Arc<OwnedFd>,
    seen: Arc<Seen>,
    thread: JoinHandle<i32>,
}

/// What the processes were doing when something last changed.
#[derive(Debug, Default)]
struct Seen {
    processes: Mutex<BTreeMap<ProcessId, ProcessInfo>>,
    changed: Condvar,
}

impl Embedded {
    /// Starts supervising on a thread of its own.
    ///
    /// # Errors
    /// There is no descriptor or no thread left.
    pub fn start(config: Config) -> io::Result<Self> {
        let bell = Arc::new(eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?);
        let seen = Arc::new(Seen::default());
        let (commands, received) = mpsc::channel();
        let (started, outcome) = mpsc::channel();
        let (their_bell, their_seen) = (Arc::clone(&bell), Arc::clone(&seen));
        let body = move || match Waits::new(&their_bell) {
            Ok(waiting) => {
                let _ = started.send(Ok(()));
                run(config, waiting, &their_bell, &received, &their_seen)
            }
            Err(error) => {
                let _ = started.send(Err(error));
                1
            }
        };
        let name = std::thread::Builder::new().name("supervisor".to_owned());
        let thread = name.spawn(body)?;
        outcome
            .recv()
            .map_err(|_| io::Error::from(io::ErrorKind::BrokenPipe))??;
        Ok(Self {
            commands,
            bell,
            seen,
            thread,
        })
    }

    /// Asks for something. What becomes of it shows in [`processes`](Self::processes).
    pub fn command(&self, command: Command) {
        // When the supervisor has ended there is nobody to ask, and nothing left to stop.
        let _ = self.commands.send(command);
        let _ = rustix::io::write(&*self.bell, &1_u64.to_ne_bytes());
    }

    /// All processes by id, as of the last change. Commands take these ids.
    #[must_use]
    pub fn processes(&self) -> BTreeMap<ProcessId, ProcessInfo> {
        self.seen
            .processes
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Waits until `condition` holds, at most for `patience`. Returns whether it does.
    pub fn wait_until(
        &self,
        patience: Duration,
        condition: impl Fn(&[&ProcessInfo]) -> bool,
    ) -> bool {
        let end = Instant::now() + patience;
        let holds = |processes: &BTreeMap<_, ProcessInfo>| {
            condition(&processes.values().collect::<Vec<_>>())
        };
        let mut processes = self
            .seen
            .processes
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        while !holds(&processes) {
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return false;
            }
            let waited = self.seen.changed.wait_timeout(processes, left);
            processes = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        true
    }

    /// Stops all processes, in order, and waits for their end. Returns 0, or the status with which
    /// the supervisor could not begin.
    pub fn shutdown(self) -> i32 {
        self.command(Command::Shutdown);
        self.thread.join().unwrap_or(1)
    }
}

/// What the thread does.
fn run(
    config: Config,
    waiting: Waits,
    bell: &OwnedFd,
    commands: &Receiver<Command>,
    seen: &Seen,
) -> i32 {
    let boot = Boot {
        pid: Pid(std::process::id()),
        // Nothing unpredictable is made of it: no AUTO logs, no web page.
        seed: random_seed().unwrap_or_default(),
        foreground: true,
        messages: Vec::new(),
    };
    let hooks = Hooks {
        read_config: Box::new(|| Err("this supervisor has no configuration file".to_owned())),
        ready: Box::new(|| {}),
        recorder: None,
    };
    let mut engine = Engine::new(config, boot, hooks, waiting);
    engine.supervisor().keep_transitions();
    publish_all(&mut engine, seen);
    let mut reports = Reports::default();
    loop {
        publish_changes(&mut engine, seen);
        if let Some(status) = engine.exit() {
            return status;
        }
        let deadline = engine.deadline();
        let Ok(ready) = engine.waiting.epoll.wait(&mut reports, deadline) else {
            return 1;
        };
        engine.tick();
        for (token, readiness) in ready {
            take(&mut engine, token, readiness, bell, commands);
        }
        engine.wake();
    }
}

fn take(
    engine: &mut Engine<Waits>,
    token: u64,
    readiness: Interest,
    bell: &OwnedFd,
    commands: &Receiver<Command>,
) {
    if token == BELL {
        let _ = rustix::io::read(bell, &mut [0; 8]);
        for command in commands.try_iter() {
            engine.command(command);
        }
    } else if let Some(source) = decode(token) {
        engine.ready(source, readiness);
    } else {
        let spawn = SpawnId(token >> 3);
        if engine.collect_child(spawn) {
            engine.waiting.forget_child(spawn);
        }
    }
}

fn publish_all(engine: &mut Engine<Waits>, seen: &Seen) {
    let now = engine.now();
    let supervisor = engine.supervisor();
    let ids: Vec<ProcessId> = supervisor.processes().map(|(id, ..)| id).collect();
    let infos = ids
        .into_iter()
        .filter_map(|id| Some((id, supervisor.process_info(id, &now)?)))
        .collect();
    *seen
        .processes
        .lock()
        .unwrap_or_else(PoisonError::into_inner) = infos;
    seen.changed.notify_all();
}

fn publish_changes(engine: &mut Engine<Waits>, seen: &Seen) {
    let now = engine.now();
    let changes = engine.supervisor().transitions();
    if changes.is_empty() {
        return;
    }
    let mut processes = seen
        .processes
        .lock()
        .unwrap_or_else(PoisonError::into_inner);
    for id in changes.into_iter().map(|change| change.process) {
        match engine.supervisor().process_info(id, &now) {
            Some(info) => drop(processes.insert(id, info)),
            None => drop(processes.remove(&id)),
        }
    }
    drop(processes);
    seen.changed.notify_all();
}

#[derive(Debug)]
struct Waits {
    epoll: Epoll,
    /// Each child's pidfd, so that no signal is needed to learn of its end.
    children: HashMap<SpawnId, OwnedFd>,
}

/// The token of the bell that is rung for commands: what signals have elsewhere.
const BELL: u64 = 0;
/// A child's token: a kind that no source has.
const CHILD: u64 = 7;

fn child_token(spawn: SpawnId) -> u64 {
    spawn.0 << 3 | CHILD
}

impl Waits {
    fn new(bell: &OwnedFd) -> io::Result<Self> {
        let epoll = Epoll::new()?;
        epoll.change(BELL, bell, Interest::NONE, Interest::READ)?;
        Ok(Self {
            epoll,
            children: HashMap::new(),
        })
    }

    /// It has been collected.
    fn forget_child(&mut self, spawn: SpawnId) {
        if let Some(pidfd) = self.children.remove(&spawn) {
            let token = child_token(spawn);
            let _ = self
                .epoll
                .change(token, &pidfd, Interest::READ, Interest::NONE);
        }
    }
}

impl Waiting for Waits {
    fn watch(&mut self, source: Source, fd: &Fd, old: Interest, new: Interest) -> io::Result<()> {
        self.epoll.change(encode(source), fd, old, new)
    }

    fn forget(&mut self, source: Source, fd: &Fd, old: Interest) {
        // Nothing can be done about a failure, and closing will do the same.
        let _ = self.watch(source, fd, old, Interest::NONE);
    }

    fn watch_child(&mut self, spawn: SpawnId, pid: Pid) -> io::Result<()> {
        let raw = i32::try_from(pid.0).ok();
        let raw = raw.and_then(rustix::process::Pid::from_raw);
        let pidfd = pidfd_open(raw.ok_or(Errno::CHILD)?, PidfdFlags::NONBLOCK)?;
        self.epoll
            .change(child_token(spawn), &pidfd, Interest::NONE, Interest::READ)?;
        self.children.insert(spawn, pidfd);
        Ok(())
    }
}
