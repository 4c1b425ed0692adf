//! A runtime on smol: the waiting of [`visor_std::engine`] done by tasks on a local executor.
//! Readiness and timers are async-io's, signals async-signal's but for SIGCHLD, whose descriptor says
//! which child has ended.
//!
//! All tasks run on the thread that calls [`run`]. A second thread is async-io's: it waits for
//! readiness while this one is busy.
//!
//! There is one function, with the arguments of [`visor_std::run`], whose documentation has an
//! example: whoever has a daemon on one runtime changes a name to have it on the other. Nothing is
//! decided here, and nothing of the system touched except through `visor_std::sys`; so this crate is
//! also the shortest answer to what it takes to bring visor to another executor. `docs/runtimes.md`
//! compares the two, `docs/write-a-runtime.md` has the rules.

mod alarm;
mod executors;
mod waiting;

use alarm::Alarm;
use executors::Executors;
use smol::Async;
use smol::future::FutureExt;
use smol::stream::StreamExt;
use std::cell::RefCell;
use std::io::{self, Write};
use std::rc::{Rc, Weak};
use visor_core::config::Config;
use visor_core::{Boot, Signal};
use visor_std::Hooks;
use visor_std::engine::Engine;
use visor_std::sys::daemonize::mark_inherited_descriptors;
use visor_std::sys::error_name;
use visor_std::sys::signals::{Delivered, SignalFd, TOLD, survive_write_signals, unblock_all};
use waiting::Smol;

/// Exit status of a daemon that could not even begin to wait.
const CANNOT_WAIT: i32 = 1;

/// Runs a daemon until its end, on the calling thread, and returns its exit status. A system that
/// has no descriptors for signals ends it at once, with a line on standard error.
///
/// All children of the process are taken to be the daemon's: those it did not start are orphans,
/// and are collected. Threads that run already must block SIGCHLD.
#[must_use]
pub fn run(config: Config, boot: Boot, hooks: Hooks) -> i32 {
    survive_write_signals();
    unblock_all();
    mark_inherited_descriptors();
    let executors = Executors::default();
    // Blocks the signal, and must do so before async-io's thread is there: a thread that does not
    // block it would take it, and nobody would hear of it.
    let deaths = SignalFd::of_children();
    let daemon = live(executors.clone(), deaths, config, boot, hooks);
    match smol::block_on(daemon.or(executors.run())) {
        Ok(status) => status,
        Err(error) => {
            // With standard error closed there is nobody to tell.
            let name = error_name(&error);
            let _ = writeln!(io::stderr(), "Error: could not wait for events: {name}");
            CANNOT_WAIT
        }
    }
}

async fn live(
    executors: Executors,
    deaths: io::Result<SignalFd>,
    config: Config,
    boot: Boot,
    hooks: Hooks,
) -> io::Result<i32> {
    // One stream for each: a stream that holds too many unread signals drops any of them.
    let told = TOLD
        .into_iter()
        .map(|signal| Ok((signal, signals(signal)?)))
        .collect::<io::Result<Vec<_>>>()?;
    let deaths = Async::new_nonblocking(deaths?)?;
    let (alarm, rings) = Alarm::new();
    let engine = Rc::new_cyclic(|engine| {
        let waiting = Smol::new(executors.clone(), Weak::clone(engine), alarm);
        RefCell::new(Engine::new(config, boot, hooks, waiting))
    });
    for (signal, mut stream) in told {
        let engine = Rc::downgrade(&engine);
        let report = async move {
            while stream.next().await.is_some() {
                waiting::report(&engine, |engine| engine.signal(signal));
            }
        };
        executors.prompt.spawn(report).detach();
    }
    let weak = Rc::downgrade(&engine);
    let collect = async move {
        // Children may have ended before anybody listened.
        waiting::report(&weak, |engine| engine.child_ended(None));
        while deaths.readable().await.is_ok() {
            waiting::report(&weak, |engine| {
                while let Some(Delivered::Child(pid)) = deaths.get_ref().read() {
                    engine.child_ended(pid);
                }
            });
        }
    };
    executors.children.spawn(collect).detach();
    loop {
        if let Some(status) = engine.borrow().exit() {
            return Ok(status);
        }
        let deadline = engine.borrow().deadline();
        rings.wait(deadline).await;
        waiting::report(&Rc::downgrade(&engine), |_| {});
    }
}

fn signals(signal: Signal) -> io::Result<async_signal::Signals> {
    use async_signal::Signal as Theirs;
    let known = [
        (Signal::TERM, Theirs::Term),
        (Signal::INT, Theirs::Int),
        (Signal::QUIT, Theirs::Quit),
        (Signal::HUP, Theirs::Hup),
        (Signal::USR1, Theirs::Usr1),
        (Signal::USR2, Theirs::Usr2),
    ];
    let theirs = known.into_iter().find(|(ours, _)| *ours == signal);
    async_signal::Signals::new(theirs.map(|(_, theirs)| theirs))
}
