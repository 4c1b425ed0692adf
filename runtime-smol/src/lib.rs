//! A runtime on smol: the waiting of [`visor_std::engine`] done by tasks on a local executor, one for
//! each thing that is waited for.
//!
//! All run on the thread that calls [`run`], and so does what wakes them: an epoll. async-io, which
//! does that elsewhere, has a thread of its own for it, and sets each wait up anew
//! (`docs/adr/0014-readiness-of-smol.md`).
//!
//! There is one function, with the arguments of [`visor_std::run`], whose documentation has an
//! example: whoever has a daemon on one runtime changes a name to have it on the other. Nothing is
//! decided here, and nothing of the system touched except through `visor_std::sys`; so this crate is
//! also the shortest answer to what it takes to bring visor to another executor. `docs/runtimes.md`
//! compares the two, `docs/write-a-runtime.md` has the rules.

mod executors;
mod reactor;
mod waiting;

use executors::Executors;
use reactor::Reactor;
use std::cell::RefCell;
use std::future::Future;
use std::io::{self, Write};
use std::rc::{Rc, Weak};
use visor_core::Boot;
use visor_core::config::Config;
use visor_std::Hooks;
use visor_std::engine::{Engine, Interest};
use visor_std::sys::daemonize::mark_inherited_descriptors;
use visor_std::sys::epoll::Reports;
use visor_std::sys::signals::{SignalFd, TOLD, survive_write_signals};
use visor_std::sys::{clock, error_name};
use waiting::{Shared, Smol, report};

/// Exit status of a daemon that could not even begin to wait.
const CANNOT_WAIT: i32 = 1;

/// Runs a daemon until its end, on the calling thread, and returns its exit status. A system that
/// has no descriptors for an epoll and for signals ends it at once, with a line on standard error.
///
/// All children of the process are taken to be the daemon's: those it did not start are orphans,
/// and are collected. Threads that run already must block SIGCHLD and the signals of [`TOLD`].
#[must_use]
pub fn run(config: Config, boot: Boot, hooks: Hooks) -> i32 {
    match live(config, boot, hooks) {
        Ok(status) => status,
        Err(error) => {
            // With standard error closed there is nobody to tell.
            let name = error_name(&error);
            let _ = writeln!(io::stderr(), "Error: could not wait for events: {name}");
            CANNOT_WAIT
        }
    }
}

fn live(config: Config, boot: Boot, hooks: Hooks) -> io::Result<i32> {
    survive_write_signals();
    mark_inherited_descriptors();
    let executors = Executors::default();
    let reactor = Rc::new(Reactor::new()?);
    // Two, because the ends of children are the work of their class.
    let (told, deaths) = (SignalFd::of(&TOLD)?, SignalFd::of_children()?);
    let engine = Rc::new_cyclic(|engine| {
        let waiting = Smol::new(executors.clone(), Rc::clone(&reactor), Weak::clone(engine));
        RefCell::new(Engine::new(config, boot, hooks, waiting))
    });
    let shared = Rc::downgrade(&engine);
    let signals = hand_on(&reactor, told, Weak::clone(&shared))?;
    executors.prompt.spawn(signals).detach();
    let ends = hand_on(&reactor, deaths, Weak::clone(&shared))?;
    executors.children.spawn(ends).detach();
    // Children may have ended before anybody listened.
    report(&shared, |engine| engine.child_ended(None));
    let mut reports = Reports::default();
    let mut busy = false;
    loop {
        report(&shared, Engine::wake);
        if let Some(status) = engine.borrow().exit() {
            return Ok(status);
        }
        let deadline = if busy {
            Some(clock::monotonic())
        } else {
            engine.borrow().deadline()
        };
        reactor.wait(&mut reports, deadline)?;
        report(&shared, Engine::tick);
        busy = executors.turn();
    }
}

/// A task that hands signals on to the engine.
fn hand_on(
    reactor: &Rc<Reactor>,
    signals: SignalFd,
    engine: Shared,
) -> io::Result<impl Future<Output = ()> + use<>> {
    let place = reactor.place();
    reactor.change(&place, &signals, Interest::NONE, Interest::READ)?;
    Ok(async move {
        loop {
            place.readiness().await;
            report(&engine, |engine| engine.take_signals(&signals));
        }
    })
}
