//! Tasks that wait, and report to the engine what they have waited for.

use crate::alarm::Alarm;
use crate::executors::Executors;
use async_process::{Child, Command};
use rustix::process::{Pid as RawPid, PidfdFlags, pidfd_open};
use smol::future::poll_fn;
use smol::{Async, Task};
use std::cell::RefCell;
use std::collections::{HashMap, HashSet};
use std::io;
use std::os::unix::process::ExitStatusExt;
use std::rc::{Rc, Weak};
use std::task::Poll;
use visor_core::{ExitStatus, Pid, SpawnError, SpawnId};
use visor_std::engine::{Engine, Interest, Source, Waiting};
use visor_std::sys::pipes::TheirEnds;
use visor_std::sys::signals::with_all_blocked;
use visor_std::sys::spawn::{Prepared, Spawner, fork_error};
use visor_std::sys::{Fd, reap};

/// The engine as tasks see it: gone when the daemon has ended.
pub(crate) type Shared = Weak<RefCell<Engine<Smol>>>;

/// Reports to the engine, and sets the alarm to what has become of its deadline.
pub(crate) fn report(engine: &Shared, what: impl FnOnce(&mut Engine<Smol>)) {
    let Some(engine) = engine.upgrade() else {
        return;
    };
    let engine = &mut *engine.borrow_mut();
    if engine.exit().is_some() {
        return;
    }
    engine.tick();
    what(engine);
    let (deadline, over) = (engine.deadline(), engine.exit().is_some());
    engine.waiting.alarm.set(deadline, over);
}

/// Collects the dead that nobody here started.
///
/// The kernel shows one at a time. While it is a child of ours, whose task has yet to collect it,
/// others may hide behind it: then that task looks again.
pub(crate) fn collect_orphans(engine: &mut Engine<Smol>) {
    engine.waiting.look_again = false;
    while let Some(pid) = reap::peek() {
        if engine.waiting.own.contains(&pid) {
            engine.waiting.look_again = true;
            return;
        }
        if let Some(status) = reap::one(pid) {
            engine.orphan(pid, status);
        }
    }
}

/// The executors, and what waits on it.
#[derive(Debug)]
pub(crate) struct Smol {
    executors: Executors,
    engine: Shared,
    alarm: Alarm,
    sources: HashMap<Source, Watched>,
    /// Children whose tasks have not collected them.
    own: HashSet<Pid>,
    /// A child of ours was in the way of a look for orphans.
    look_again: bool,
}

/// A descriptor known to async-io, and the task that waits for it; none while nothing is waited
/// for. Dropping the task ends the wait.
#[derive(Debug)]
struct Watched {
    io: Rc<Async<Fd>>,
    _task: Option<Task<()>>,
}

impl Smol {
    pub(crate) fn new(executors: Executors, engine: Shared, alarm: Alarm) -> Self {
        Self {
            executors,
            engine,
            alarm,
            sources: HashMap::new(),
            own: HashSet::new(),
            look_again: false,
        }
    }

    fn wait_for(&self, source: Source, io: Rc<Async<Fd>>, interest: Interest) -> Task<()> {
        let engine = Weak::clone(&self.engine);
        let executor = match source {
            Source::Stdout(_) | Source::Stderr(_) | Source::Stdin(_) => &self.executors.children,
            Source::Server(_) | Source::Conn(_) | Source::Log(_) => &self.executors.prompt,
        };
        executor.spawn(async move {
            loop {
                let ready = readiness(&io, interest).await;
                report(&engine, |engine| engine.ready(source, ready));
            }
        })
    }
}

/// An error of the wait shows to whoever reads or writes next.
///
/// Nobody else waits for this descriptor, so the one place for a waker that async-io has in it for
/// each direction will do: it costs a third of the memory of `readable` and `writable`, which
/// admit any number of tasks.
async fn readiness(io: &Async<Fd>, interest: Interest) -> Interest {
    poll_fn(|cx| {
        if interest.read && io.poll_readable(cx).is_ready() {
            Poll::Ready(Interest::READ)
        } else if interest.write && io.poll_writable(cx).is_ready() {
            Poll::Ready(Interest::WRITE)
        } else {
            Poll::Pending
        }
    })
    .await
}

impl Waiting for Smol {
    fn watch(&mut self, source: Source, fd: &Fd, _old: Interest, new: Interest) -> io::Result<()> {
        let io = match self.sources.get(&source) {
            Some(known) => Rc::clone(&known.io),
            None => Rc::new(Async::new_nonblocking(Rc::clone(fd))?),
        };
        let task = (new != Interest::NONE).then(|| self.wait_for(source, Rc::clone(&io), new));
        self.sources.insert(source, Watched { io, _task: task });
        Ok(())
    }

    fn forget(&mut self, source: Source, _fd: &Fd, _old: Interest) {
        self.sources.remove(&source);
    }

    fn spawn(
        &mut self,
        spawn: SpawnId,
        prepared: Prepared,
        ends: &TheirEnds,
        _spawner: &mut Spawner,
    ) -> Result<Pid, SpawnError> {
        let mut child = start(prepared, ends).map_err(|error| fork_error(&error))?;
        let pid = Pid(child.id());
        self.own.insert(pid);
        let engine = Weak::clone(&self.engine);
        let end = async move {
            let status = child.status().await;
            // Nobody else collects it, so its status cannot be missed.
            let status = status.map_or(ExitStatus::Code(-1), |status| {
                reap::exit_status(status.into_raw())
            });
            report(&engine, |engine| ended(engine, spawn, pid, status));
        };
        self.executors.children.spawn(end).detach();
        Ok(pid)
    }

    fn adopt(&mut self, spawn: SpawnId, pid: Pid) -> io::Result<()> {
        if !reap::is_child(pid) {
            return Err(rustix::io::Errno::CHILD.into());
        }
        let raw = i32::try_from(pid.0).ok().and_then(RawPid::from_raw);
        let raw = raw.ok_or(rustix::io::Errno::SRCH)?;
        // Not yet collected, it keeps its pid: this is the process that was meant.
        let pidfd = Async::new(pidfd_open(raw, PidfdFlags::empty())?)?;
        self.own.insert(pid);
        let engine = Weak::clone(&self.engine);
        let end = async move {
            let status = loop {
                // An error shows in the next look.
                let _ = pidfd.readable().await;
                if let Some(status) = reap::one(pid) {
                    break status;
                }
            };
            report(&engine, |engine| ended(engine, spawn, pid, status));
        };
        self.executors.children.spawn(end).detach();
        Ok(())
    }
}

/// Starts a child by `posix_spawn` if it needs no more than that can do; if not, or if its program
/// cannot be executed, by a fork and our own steps, which end with the program or say why not.
fn start(prepared: Prepared, ends: &TheirEnds) -> io::Result<Child> {
    if let Some(command) = prepared.plain_command() {
        let [stdin, stdout, stderr] = ends.copies()?;
        let mut command = Command::from(command);
        command.stdin(stdin).stdout(stdout).stderr(stderr);
        match prepared.with_umask(|| command.spawn()) {
            Err(error) if !lacks_means(&error) => {}
            done => return done,
        }
    }
    let mut command = Command::from(prepared.into_command(ends));
    // A forked child must not run the daemon's handlers before it has reset them.
    with_all_blocked(|| command.spawn())
}

/// Errors of the daemon's side, which another way of spawning would meet again.
fn lacks_means(error: &io::Error) -> bool {
    use rustix::io::Errno;
    let means = [
        Errno::AGAIN,
        Errno::NOMEM,
        Errno::MFILE,
        Errno::NFILE,
        Errno::NOSPC,
    ];
    Errno::from_io_error(error).is_some_and(|error| means.contains(&error))
}

/// A child of ours has been collected; its pid may be anybody's from now on.
fn ended(engine: &mut Engine<Smol>, spawn: SpawnId, pid: Pid, status: ExitStatus) {
    engine.waiting.own.remove(&pid);
    engine.exited(spawn, status);
    if engine.waiting.look_again {
        collect_orphans(engine);
    }
}
