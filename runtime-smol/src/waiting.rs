//! Tasks that wait, and report to the engine what they have waited for.

use crate::alarm::Alarm;
use crate::executors::Executors;
use smol::future::poll_fn;
use smol::{Async, Task};
use std::cell::RefCell;
use std::collections::HashMap;
use std::io;
use std::rc::{Rc, Weak};
use std::task::Poll;
use visor_std::engine::{Engine, Interest, Source, Waiting};
use visor_std::sys::Fd;

/// The engine as tasks see it: gone when the daemon has ended.
pub(crate) type Shared = Weak<RefCell<Engine<Smol>>>;

/// Reports to the engine, lets it do what is due, and sets the alarm to what has become of its
/// deadline.
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
    engine.wake();
    let (deadline, over) = (engine.deadline(), engine.exit().is_some());
    engine.waiting.alarm.set(deadline, over);
}

/// The executors, and what waits on it.
#[derive(Debug)]
pub(crate) struct Smol {
    executors: Executors,
    engine: Shared,
    alarm: Alarm,
    sources: HashMap<Source, Watched>,
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
}
