//! The runtime of one thread: an epoll, a descriptor for signals, and one place to sleep.

use crate::Hooks;
use crate::engine::{Engine, Interest, Source, Waiting};
use crate::sys::daemonize::mark_inherited_descriptors;
use crate::sys::epoll::{Epoll, Reports};
use crate::sys::signals::{SignalFd, survive_write_signals};
use crate::sys::{Fd, error_name};
use std::io::{self, Write};
use visor_core::config::Config;
use visor_core::{Boot, ConnId, ServerId, SpawnId};

/// Exit status of a daemon that could not even begin to wait.
const CANNOT_WAIT: i32 = 1;

/// Runs a daemon until its end, on the calling thread, and returns its exit status. A system that
/// has no descriptors for an epoll and for signals ends it at once, with a line on standard error.
///
/// All children of the process are taken to be the daemon's: those it did not start are orphans,
/// and are collected. Threads that run already must block SIGCHLD and the signals of
/// [`TOLD`](crate::sys::signals::TOLD).
#[must_use]
pub fn run(config: Config, boot: Boot, hooks: Hooks) -> i32 {
    match wait_and_do(config, boot, hooks) {
        Ok(status) => status,
        Err(error) => {
            // With standard error closed there is nobody to tell.
            let name = error_name(&error);
            let _ = writeln!(io::stderr(), "Error: could not wait for events: {name}");
            CANNOT_WAIT
        }
    }
}

fn wait_and_do(config: Config, boot: Boot, hooks: Hooks) -> io::Result<i32> {
    survive_write_signals();
    mark_inherited_descriptors();
    let signals = SignalFd::new()?;
    let epoll = Epoll::new()?;
    epoll.change(SIGNALS, &signals, Interest::NONE, Interest::READ)?;
    let mut engine = Engine::new(config, boot, hooks, Waits(epoll));
    let mut reports = Reports::default();
    engine.child_ended(None);
    engine.wake();
    loop {
        if let Some(status) = engine.exit() {
            return Ok(status);
        }
        let deadline = engine.deadline();
        let ready = engine.waiting.0.wait(&mut reports, deadline)?;
        engine.tick();
        for (token, readiness) in ready {
            if engine.exit().is_some() {
                break;
            }
            match decode(token) {
                Some(source) => engine.ready(source, readiness),
                None => engine.take_signals(&signals),
            }
        }
        engine.wake();
    }
}

#[derive(Debug)]
struct Waits(Epoll);

impl Waiting for Waits {
    fn watch(&mut self, source: Source, fd: &Fd, old: Interest, new: Interest) -> io::Result<()> {
        self.0.change(encode(source), fd, old, new)
    }

    fn forget(&mut self, source: Source, fd: &Fd, old: Interest) {
        // Nothing can be done about a failure, and closing will do the same.
        let _ = self.watch(source, fd, old, Interest::NONE);
    }
}

/// The token of the signal descriptor. Sources have a kind above 0 in the low three bits.
const SIGNALS: u64 = 0;

/// A source as the number an epoll keeps for it. Ids count up from 0 and do not reach 61 bits.
pub(crate) fn encode(source: Source) -> u64 {
    let (kind, id) = match source {
        Source::Stdout(spawn) => (1, spawn.0),
        Source::Stderr(spawn) => (2, spawn.0),
        Source::Stdin(spawn) => (3, spawn.0),
        Source::Server(server) => (4, u64::from(server.0)),
        Source::Conn(conn) => (5, conn.0),
        Source::Log(serial) => (6, serial),
    };
    id << 3 | kind
}

pub(crate) fn decode(token: u64) -> Option<Source> {
    let id = token >> 3;
    match token & 7 {
        1 => Some(Source::Stdout(SpawnId(id))),
        2 => Some(Source::Stderr(SpawnId(id))),
        3 => Some(Source::Stdin(SpawnId(id))),
        4 => Some(Source::Server(ServerId(u32::try_from(id).ok()?))),
        5 => Some(Source::Conn(ConnId(id))),
        6 => Some(Source::Log(id)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_source_survives_its_number() {
        for source in [
            Source::Stdout(SpawnId(0)),
            Source::Stderr(SpawnId(1 << 60)),
            Source::Stdin(SpawnId(7)),
            Source::Server(ServerId(u32::MAX)),
            Source::Conn(ConnId(9)),
            Source::Log(1),
        ] {
            assert_eq!(decode(encode(source)), Some(source));
        }
        assert_eq!(decode(SIGNALS), None);
    }
}
