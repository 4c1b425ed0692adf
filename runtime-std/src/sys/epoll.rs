//! Readiness of descriptors.

use super::clock;
use rustix::buffer::spare_capacity;
use rustix::event::{Timespec, epoll};
use rustix::io::Errno;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use visor_core::Timestamp;

/// Reports taken from the kernel in one go.
const REPORTS: usize = 256;

/// What a descriptor is waited for; also, what it has turned out to be ready for.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Interest {
    /// Something can be read, or the other end is gone.
    pub read: bool,
    /// Something can be written, or never again.
    pub write: bool,
}

impl Interest {
    /// Nothing.
    pub const NONE: Self = Self {
        read: false,
        write: false,
    };
    /// Reading.
    pub const READ: Self = Self {
        read: true,
        write: false,
    };
    /// Writing.
    pub const WRITE: Self = Self {
        read: false,
        write: true,
    };
}

/// Descriptors that are waited for, each under a number of the caller's. Readiness is a level: who is
/// still ready is reported again.
#[derive(Debug)]
pub struct Epoll(OwnedFd);

/// Where reports are put, again and again.
pub struct Reports(Vec<epoll::Event>);

impl Epoll {
    /// One that knows no descriptor.
    ///
    /// # Errors
    /// EMFILE and the like.
    pub fn new() -> io::Result<Self> {
        Ok(Self(epoll::create(epoll::CreateFlags::CLOEXEC)?))
    }

    /// Changes what a descriptor is waited for. With [`Interest::NONE`] it is not known any more and
    /// not even its errors are reported, but by reports that were taken already.
    ///
    /// # Errors
    /// EPERM of what is always ready, as a file; ENOSPC and ENOMEM.
    pub fn change(
        &self,
        token: u64,
        fd: impl AsFd,
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
            (true, false) => epoll::add(&self.0, fd, data, flags)?,
            (false, true) => epoll::delete(&self.0, fd)?,
            (false, false) => epoll::modify(&self.0, fd, data, flags)?,
        }
        Ok(())
    }

    /// Waits until something is ready, until a signal has been handled, or until the deadline; without
    /// one, for ever. Returns the numbers of what is ready, and for what.
    ///
    /// # Errors
    /// None that the caller could mend.
    pub fn wait<'r>(
        &self,
        reports: &'r mut Reports,
        deadline: Option<Timestamp>,
    ) -> io::Result<impl Iterator<Item = (u64, Interest)> + use<'r>> {
        let timeout = deadline.map(sleep_until);
        reports.0.clear();
        match epoll::wait(&self.0, spare_capacity(&mut reports.0), timeout.as_ref()) {
            Ok(_) | Err(Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
        let reports = reports.0.iter();
        Ok(reports.map(|report| (report.data.u64(), readiness(report.flags))))
    }
}

impl Default for Reports {
    fn default() -> Self {
        Self(Vec::with_capacity(REPORTS))
    }
}

/// How long to sleep, in whole milliseconds (finer waits need a newer kernel), never too short: to
/// wake up early would only mean to sleep again.
fn sleep_until(deadline: Timestamp) -> Timespec {
    let nanos = deadline.saturating_since(clock::monotonic()).as_nanos();
    let millis = i64::try_from(nanos.div_ceil(1_000_000)).unwrap_or(i64::MAX);
    // A day at a time: the kernel counts in 32 bits.
    let millis = millis.min(86_400_000);
    Timespec {
        tv_sec: millis / 1000,
        tv_nsec: millis % 1000 * 1_000_000,
    }
}

/// A hang-up or an error shows to whoever reads or writes next.
fn readiness(flags: epoll::EventFlags) -> Interest {
    let over = epoll::EventFlags::HUP | epoll::EventFlags::ERR;
    Interest {
        read: flags.intersects(epoll::EventFlags::IN | over),
        write: flags.intersects(epoll::EventFlags::OUT | over),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn sleeps_are_rounded_up_to_milliseconds() {
        let soon = clock::monotonic() + Duration::from_micros(300);
        let sleep = sleep_until(soon);
        assert_eq!((sleep.tv_sec, sleep.tv_nsec), (0, 1_000_000));
        let past = sleep_until(Timestamp::from_nanos(0));
        assert_eq!((past.tv_sec, past.tv_nsec), (0, 0));
    }

    #[test]
    fn what_is_waited_for_is_reported_until_it_is_not() {
        let epoll = Epoll::new().unwrap();
        let (reader, writer) = std::io::pipe().unwrap();
        let mut reports = Reports::default();
        let mut ready = || {
            let past = Some(Timestamp::from_nanos(0));
            epoll.wait(&mut reports, past).unwrap().collect::<Vec<_>>()
        };
        let change = |old, new| epoll.change(7, &reader, old, new).unwrap();
        change(Interest::NONE, Interest::READ);
        assert_eq!(ready(), []);
        rustix::io::write(&writer, b"x").unwrap();
        assert_eq!(ready(), [(7, Interest::READ)]);
        assert_eq!(ready(), [(7, Interest::READ)]);
        change(Interest::READ, Interest::NONE);
        drop(writer);
        assert_eq!(ready(), []);
        change(Interest::NONE, Interest::READ);
        assert_eq!(ready().len(), 1);
    }
}
