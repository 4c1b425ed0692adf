//! Tasks that wait, and report to the engine what they have waited for.

use crate::executors::Executors;
use crate::reactor::{Place, Reactor};
use smol::Task;
use std::cell::RefCell;
use std::collections::HashMap;
use std::io;
use std::rc::{Rc, Weak};
use visor_std::engine::{Engine, Interest, Source, Waiting};
use visor_std::sys::Fd;

/// The engine as tasks see it: gone when the daemon has ended.
pub(crate) type Shared = Weak<RefCell<Engine<Smol>>>;

/// Reports to the engine, unless the daemon has come to its end.
pub(crate) fn report(engine: &Shared, what: impl FnOnce(&mut Engine<Smol>)) {
    let Some(engine) = engine.upgrade() else {
        return;
    };
    let engine = &mut *engine.borrow_mut();
    if engine.exit().is_none() {
        what(engine);
    }
}

/// The executors, and what waits on them.
#[derive(Debug)]
pub(crate) struct Smol {
    executors: Executors,
    reactor: Rc<Reactor>,
    engine: Shared,
    sources: HashMap<Source, Watched>,
}

/// Where a source is waited for, and the task that does. Dropping the task ends the wait.
#[derive(Debug)]
struct Watched {
    place: Rc<Place>,
    _task: Task<()>,
}

impl Smol {
    pub(crate) fn new(executors: Executors, reactor: Rc<Reactor>, engine: Shared) -> Self {
        Self {
            executors,
            reactor,
            engine,
            sources: HashMap::new(),
        }
    }

    fn wait_for(&self, source: Source) -> Watched {
        let place = self.reactor.place();
        let executor = match source {
            Source::Stdout(_) | Source::Stderr(_) | Source::Stdin(_) => &self.executors.children,
            Source::Server(_) | Source::Conn(_) | Source::Log(_) => &self.executors.prompt,
        };
        let (waiter, engine) = (Rc::clone(&place), Weak::clone(&self.engine));
        let task = executor.spawn(async move {
            loop {
                let ready = waiter.readiness().await;
                report(&engine, |engine| engine.ready(source, ready));
            }
        });
        Watched { place, _task: task }
    }
}

impl Waiting for Smol {
    fn watch(&mut self, source: Source, fd: &Fd, old: Interest, new: Interest) -> io::Result<()> {
        if let Some(known) = self.sources.get(&source) {
            return self.reactor.change(&known.place, fd, old, new);
        }
        let watched = self.wait_for(source);
        let outcome = self.reactor.change(&watched.place, fd, old, new);
        if outcome.is_ok() {
            self.sources.insert(source, watched);
        } else {
            self.reactor.remove(&watched.place);
        }
        outcome
    }

    fn forget(&mut self, source: Source, fd: &Fd, old: Interest) {
        if let Some(watched) = self.sources.remove(&source) {
            // Nothing can be done about a failure, and closing will do the same.
            let _ = self.reactor.change(&watched.place, fd, old, Interest::NONE);
            self.reactor.remove(&watched.place);
        }
    }
}
