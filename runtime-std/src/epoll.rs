//! The runtime of one thread: an epoll, a descriptor for signals, and one place to sleep.

use crate::Hooks;
use crate::engine::{Engine, Interest, Source, Waiting};
use crate::sys::daemonize::mark_inherited_descriptors;
use crate::sys::signals::{Delivered, SignalFd, survive_write_signals};
use crate::sys::{Fd, clock, error_name};
use rustix::event::{Timespec, epoll};
use rustix::io::Errno;
use std::io::{self, Write};
use std::mem::MaybeUninit;
use std::os::fd::OwnedFd;
use visor_core::config::Config;
use visor_core::{Boot, ConnId, ServerId, SpawnId, Timestamp};

/// Reports taken from the kernel in one go.
const EVENTS: usize = 256;

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
    let waiting = Epoll::new(&signals)?;
    let mut engine = Engine::new(config, boot, hooks, waiting);
    let mut space = [MaybeUninit::uninit(); EVENTS];
    engine.child_ended(None);
    engine.wake();
    loop {
        if let Some(status) = engine.exit() {
            return Ok(status);
        }
        let timeout = engine.deadline().map(sleep_until);
        let events = match epoll::wait(&engine.waiting.epoll, &mut space, timeout.as_ref()) {
            Ok((events, _)) => events,
            Err(Errno::INTR) => continue,
            Err(error) => return Err(error.into()),
        };
        engine.tick();
        for event in events {
            if engine.exit().is_some() {
                break;
            }
            match decode(event.data.u64()) {
                Some(source) => engine.ready(source, readiness(event.flags)),
                None => take_signals(&mut engine, &signals),
            }
        }
        engine.wake();
    }
}

/// Hands on what was delivered.
fn take_signals(engine: &mut Engine<Epoll>, signals: &SignalFd) {
    while let Some(delivered) = signals.read() {
        match delivered {
            Delivered::Child(pid) => engine.child_ended(pid),
            Delivered::Told(signal) => engine.signal(signal),
        }
    }
}

/// How long to sleep, in whole milliseconds (finer waits need a newer kernel), never too short: to
/// wake up early would only mean to sleep again.
pub(crate) fn sleep_until(deadline: Timestamp) -> Timespec {
    let nanos = deadline.saturating_since(clock::monotonic()).as_nanos();
    let millis = i64::try_from(nanos.div_ceil(1_000_000)).unwrap_or(i64::MAX);
    // A day at a time: the kernel counts in 32 bits.
    let millis = millis.min(86_400_000);
    Timespec {
        tv_sec: millis / 1000,
        tv_nsec: millis % 1000 * 1_000_000,
    }
}

#[derive(Debug)]
struct Epoll {
    epoll: OwnedFd,
}

impl Epoll {
    fn new(signals: &SignalFd) -> io::Result<Self> {
        let epoll = epoll::create(epoll::CreateFlags::CLOEXEC)?;
        epoll::add(
            &epoll,
            signals,
            epoll::EventData::new_u64(SIGNALS),
            epoll::EventFlags::IN,
        )?;
        Ok(Self { epoll })
    }
}

impl Waiting for Epoll {
    fn watch(&mut self, source: Source, fd: &Fd, old: Interest, new: Interest) -> io::Result<()> {
        change(&self.epoll, encode(source), fd, old, new)
    }

    fn forget(&mut self, source: Source, fd: &Fd, old: Interest) {
        // Nothing can be done about a failure, and closing will do the same.
        let _ = self.watch(source, fd, old, Interest::NONE);
    }
}

/// Changes what an epoll waits for.
pub(crate) fn change(
    epoll: &OwnedFd,
    token: u64,
    fd: &Fd,
    old: Interest,
    new: Interest,
) -> io::Result<()> {
    let data = epoll::EventData::new_u64(token);
    let mut flags = epoll::EventFlags::empty();
    flags.set(epoll::EventFlags::IN, new.read);
    flags.set(epoll::EventFlags::OUT, new.write);
    // An epoll reports hang-ups of all it knows, so what is not waited for must leave it.
    match (old == Interest::NONE, new == Interest::NONE) {
        (true, true) => {}
        (true, false) => epoll::add(epoll, fd, data, flags)?,
        (false, true) => epoll::delete(epoll, fd)?,
        (false, false) => epoll::modify(epoll, fd, data, flags)?,
    }
    Ok(())
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

/// A hang-up or an error shows to whoever reads or writes next.
pub(crate) fn readiness(flags: epoll::EventFlags) -> Interest {
    let over = epoll::EventFlags::HUP | epoll::EventFlags::ERR;
    Interest {
        read: flags.intersects(epoll::EventFlags::IN | over),
        write: flags.intersects(epoll::EventFlags::OUT | over),
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

    #[test]
    fn sleeps_are_rounded_up_to_milliseconds() {
        let soon = clock::monotonic() + std::time::Duration::from_micros(300);
        let sleep = sleep_until(soon);
        assert_eq!((sleep.tv_sec, sleep.tv_nsec), (0, 1_000_000));
        let past = sleep_until(Timestamp::from_nanos(0));
        assert_eq!((past.tv_sec, past.tv_nsec), (0, 0));
    }
}
