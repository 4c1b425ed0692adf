//! What the runtimes share besides single system calls: it carries out the core's actions and
//! turns readiness into inputs. How to wait for readiness is the only thing it does not know.

mod children;
mod clients;
mod deaths;

use crate::Hooks;
use crate::record::Recorded;
use crate::sys::Fd;
use crate::sys::accept::Spares;
use crate::sys::clock::Clock;
use crate::sys::log::Backlog;
use crate::sys::performer::{Left, Performer};
use crate::sys::signals::{Delivered, SignalFd};
use children::Child;
use clients::{Conn, Server};
use deaths::Deaths;
use std::collections::HashMap;
use std::io;
use visor_core::config::Config;
use visor_core::{
    Boot, ConnId, Input, Now, Output, Pid, ServerId, Signal, SpawnId, Supervisor, Timestamp,
};

/// One read takes at most this much, which is what a pipe holds, until there is a child with a large
/// pipe. All descriptors share the one buffer: a buffer for each would cost more memory than all the
/// rest.
const READ_BYTES: usize = 64 << 10;
/// Descriptors held back for refusing clients and for starting children cleanly when there are no
/// others.
const SPARES: usize = 4;

pub use crate::sys::epoll::Interest;

/// Something a runtime waits for. Names are never used again, so a late report finds nothing.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Source {
    /// A child's standard output.
    Stdout(SpawnId),
    /// A child's standard error.
    Stderr(SpawnId),
    /// A child's standard input.
    Stdin(SpawnId),
    /// A listening socket.
    Server(ServerId),
    /// A client's connection.
    Conn(ConnId),
    /// A log that does not take everything at once, by the number of its opening.
    Log(u64),
}

/// A runtime's way of waiting.
pub trait Waiting {
    /// Changes what is waited for, from `old` to `new`. Readiness is a level: a source that is
    /// still ready after a report is reported again. With [`Interest::NONE`] nothing is reported,
    /// not even an error, until the next change.
    ///
    /// # Errors
    /// The descriptor cannot be waited for.
    fn watch(&mut self, source: Source, fd: &Fd, old: Interest, new: Interest) -> io::Result<()>;

    /// A source is about to be closed; `old` is what it was waited for.
    fn forget(&mut self, source: Source, fd: &Fd, old: Interest);

    /// A child is there. A runtime that is told of all ends by SIGCHLD ([`Engine::child_ended`]) has
    /// nothing to do here; any other must see to it that this one's end leads to
    /// [`Engine::collect_child`].
    ///
    /// # Errors
    /// Nobody would learn of its end: such a child must not run.
    fn watch_child(&mut self, _spawn: SpawnId, _pid: Pid) -> io::Result<()> {
        Ok(())
    }
}

/// The core, the system, and between them all that is open.
///
/// A runtime makes one, then calls [`tick`](Self::tick) and whatever fits for each batch of
/// reports: [`ready`](Self::ready), [`child_ended`](Self::child_ended), [`signal`](Self::signal), and
/// after them [`wake`](Self::wake). After each of them all actions are done.
/// It waits until [`deadline`](Self::deadline) at most, and ends when [`exit`](Self::exit) says so.
#[derive(Debug)]
pub struct Engine<W> {
    /// The runtime's way of waiting.
    pub waiting: W,
    supervisor: Recorded,
    performer: Performer,
    clock: Clock,
    now: Now,
    children: HashMap<SpawnId, Child>,
    /// Whose a pid is. A pid leaves as it is collected, so it cannot have two owners.
    pids: HashMap<Pid, SpawnId>,
    deaths: Deaths,
    servers: HashMap<ServerId, Server>,
    conns: HashMap<ConnId, Conn>,
    last_conn: u64,
    /// Logs that are waited for, by the number of their opening, and the children that pause until
    /// they can be written to.
    backlogs: HashMap<u64, (Fd, Vec<SpawnId>)>,
    /// A log that became congested by the input in hand.
    congested: Option<u64>,
    /// When listening sockets that could not be served are looked at again.
    retry_servers: Option<Timestamp>,
    spares: Spares,
    /// What was read last, if it was not given away.
    buffer: Vec<u8>,
    /// What the buffer has room for at least: what the largest pipe holds that was needed.
    read_bytes: usize,
    core_deadline: Option<Timestamp>,
    exit: Option<i32>,
}

impl<W: Waiting> Engine<W> {
    /// Starts the core, and does what it wants first. Signal handling must be set up before.
    #[must_use]
    pub fn new(config: Config, boot: Boot, mut hooks: Hooks, waiting: W) -> Self {
        let mut clock = Clock::new();
        let now = clock.now();
        let pid = boot.pid;
        let mut engine = Self {
            waiting,
            supervisor: Recorded::new(config, boot, now, hooks.recorder.take()),
            performer: Performer::new(hooks, pid),
            clock,
            now,
            children: HashMap::new(),
            pids: HashMap::new(),
            deaths: Deaths::default(),
            servers: HashMap::new(),
            conns: HashMap::new(),
            last_conn: 0,
            backlogs: HashMap::new(),
            congested: None,
            retry_servers: None,
            spares: Spares::new(SPARES),
            buffer: Vec::with_capacity(READ_BYTES),
            read_bytes: READ_BYTES,
            core_deadline: None,
            exit: None,
        };
        engine.drain();
        engine
    }

    /// A new batch of reports begins: reads the clock, once for all of them.
    pub fn tick(&mut self) {
        self.now = self.clock.now();
    }

    /// Until when to wait at most.
    #[must_use]
    pub fn deadline(&self) -> Option<Timestamp> {
        let recording = self.supervisor.deadline();
        let deaths = self.deaths_due();
        let deadlines = [self.core_deadline, self.retry_servers, recording, deaths];
        deadlines.into_iter().flatten().min()
    }

    /// The exit status, once the daemon has come to its end.
    #[must_use]
    pub fn exit(&self) -> Option<i32> {
        self.exit
    }

    /// A deadline may have passed.
    pub fn wake(&mut self) {
        // What has happened comes before what has not: an exit before the end of startsecs.
        if self.deaths_due().is_some_and(|at| at <= self.now.mono) {
            self.collect();
        }
        if self.retry_servers.is_some_and(|at| at <= self.now.mono) {
            self.retry_servers = None;
            self.resume_servers();
        }
        if self.core_deadline.is_some_and(|at| at <= self.now.mono) {
            self.feed(Input::Wake);
        }
        if self.supervisor.flush(self.now.mono) {
            self.drain();
        }
    }

    /// The daemon received a signal.
    pub fn signal(&mut self, signal: Signal) {
        self.feed(Input::Signal(signal));
    }

    /// Takes the signals that were delivered to a descriptor.
    pub fn take_signals(&mut self, signals: &SignalFd) {
        while let Some(delivered) = signals.read() {
            match delivered {
                Delivered::Child(pid) => self.child_ended(pid),
                Delivered::Told(signal) => self.signal(signal),
            }
        }
    }

    /// The program the daemon is part of wants something.
    pub fn command(&mut self, command: visor_core::Command) {
        self.feed(Input::Command(command));
    }

    /// The core, to look at.
    pub fn supervisor(&mut self) -> &mut Supervisor {
        self.supervisor.get()
    }

    /// The time of the batch in hand.
    #[must_use]
    pub fn now(&self) -> Now {
        self.now
    }

    /// A source is ready.
    pub fn ready(&mut self, source: Source, ready: Interest) {
        match source {
            Source::Stdout(spawn) => self.read_child(spawn, visor_core::Stream::Stdout),
            Source::Stderr(spawn) => self.read_child(spawn, visor_core::Stream::Stderr),
            Source::Stdin(spawn) => self.flush_stdin(spawn),
            Source::Server(server) => self.accept(server),
            Source::Conn(conn) => {
                if ready.write {
                    self.flush_conn(conn);
                }
                if ready.read {
                    self.read_conn(conn);
                }
            }
            Source::Log(serial) => self.flush_log(serial),
        }
    }

    fn feed(&mut self, input: Input<'_>) {
        self.supervisor.handle_input(self.now, input);
        self.drain();
    }

    /// Carries out what the core wants until it wants no more.
    fn drain(&mut self) {
        while self.exit.is_none() {
            match self.supervisor.poll_output() {
                Output::Wait(deadline) => {
                    self.core_deadline = deadline;
                    return;
                }
                Output::Action(action) => {
                    let rezone = matches!(action, visor_core::Action::ReadConfig);
                    let left = self.performer.perform(action, &self.now);
                    if rezone {
                        self.clock.reload_zone();
                        self.tick();
                    }
                    self.do_left(left);
                }
            }
        }
    }

    fn do_left(&mut self, left: Left) {
        match left {
            Left::Nothing => {}
            Left::Answer(input) => self.answer(input),
            Left::Backlog(backlog, input) => {
                self.watch_log(&backlog);
                if let Some(input) = input {
                    self.answer(input);
                }
            }
            Left::Spawn(spawn, spec) => self.spawn(spawn, &spec),
            Left::Adopt(spawn, pid) => self.adopt(spawn, pid),
            Left::Signal(spawn, signal, group) => self.signal_child(spawn, signal, group),
            Left::WriteStdin(spawn, data) => self.write_stdin(spawn, data),
            Left::Listen(server, config) => self.listen(server, &config),
            Left::Unlisten(server) => self.unlisten(server),
            Left::SendConn(conn, data) => self.send_conn(conn, data),
            Left::ReadConn(conn, on) => self.set_reading(conn, on),
            Left::CloseConn(conn) => self.close_conn(conn),
            Left::DropConn(conn) => self.drop_conn(conn),
            Left::Exit(status) => self.end(status),
        }
    }

    /// An input that comes up while actions are being done: what follows from it is polled with
    /// the rest.
    fn answer(&mut self, input: Input<'_>) {
        self.supervisor.handle_input(self.now, input);
    }

    fn watch_log(&mut self, backlog: &Backlog) {
        if backlog.congested {
            self.congested = Some(backlog.serial);
        }
        if self.backlogs.contains_key(&backlog.serial) {
            return;
        }
        let source = Source::Log(backlog.serial);
        let watched = self
            .waiting
            .watch(source, &backlog.fd, Interest::NONE, Interest::WRITE);
        if watched.is_ok() {
            let entry = (backlog.fd.clone(), Vec::new());
            self.backlogs.insert(backlog.serial, entry);
        } else {
            // Not to be waited for: then it must take everything now.
            while crate::sys::wait_writable(&backlog.fd, 1000)
                && self.performer.logs.flush(backlog.serial).is_some()
            {}
        }
    }

    fn flush_log(&mut self, serial: u64) {
        let left = self.performer.logs.flush(serial);
        if left.as_ref().is_some_and(|left| left.congested) {
            return;
        }
        let Some((fd, paused)) = self.backlogs.get_mut(&serial) else {
            return;
        };
        let paused = std::mem::take(paused);
        if left.is_none() {
            self.waiting
                .forget(Source::Log(serial), fd, Interest::WRITE);
            self.backlogs.remove(&serial);
        }
        for spawn in paused {
            self.resume_child(spawn);
        }
    }

    /// The daemon's end: what is queued for clients and logs is written, if it is taken within a
    /// second.
    fn end(&mut self, status: i32) {
        let patience = 1000;
        let conns: Vec<ConnId> = self.conns.keys().copied().collect();
        for conn in conns {
            self.last_words(conn, patience);
        }
        for backlog in self.performer.logs.backlogs() {
            while crate::sys::wait_writable(&backlog.fd, patience)
                && self.performer.logs.flush(backlog.serial).is_some()
            {}
        }
        self.servers.clear();
        self.supervisor.finish();
        self.exit = Some(status);
    }
}
