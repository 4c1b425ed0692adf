//! Where the bytes of a log go.

use super::Fd;
use super::log::is_regular;
use super::stream::{Stream, Streams, Way};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{Mode, OFlags, fcntl_setfl, fstat, open};
use rustix::io::{Errno, write};
use std::os::fd::{OwnedFd, RawFd};

/// An open target of a log.
#[derive(Debug)]
pub(super) enum Sink {
    /// A regular file, opened for append.
    File(OwnedFd),
    /// Anything else: written without blocking, and what it does not take waits. By the number it
    /// has among [`Streams`].
    Stream(u64),
}

/// What became of a write.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Written {
    /// It is written or waits to be.
    All,
    /// The last `bytes` of it are lost.
    Lost { error: Errno, bytes: u64 },
}

impl Sink {
    /// Opens a path. `/dev/stdout` and the like mean the daemon's own descriptors, whatever is
    /// behind them and whoever may open that by name.
    pub(super) fn open(path: &str, create_new: bool, streams: &mut Streams) -> Result<Self, Errno> {
        if let Some(number) = own_descriptor(path) {
            let stream = Stream::of_descriptor(number)?;
            return Ok(Self::Stream(streams.add(stream)));
        }
        let (extra, mode) = if create_new {
            (OFlags::EXCL, 0o600)
        } else {
            (OFlags::empty(), 0o666)
        };
        // NONBLOCK: a FIFO that nobody reads is an error, not a daemon that stands still.
        let flags = OFlags::WRONLY
            | OFlags::APPEND
            | OFlags::CREATE
            | OFlags::CLOEXEC
            | OFlags::NOCTTY
            | OFlags::NONBLOCK
            | extra;
        let fd = open(path, flags, Mode::from_raw_mode(mode))?;
        if is_regular(fstat(&fd)?.st_mode) {
            return Ok(Self::File(fd));
        }
        let stream = Stream::new(fd, Way::NonBlocking)?;
        Ok(Self::Stream(streams.add(stream)))
    }

    pub(super) fn write(&self, data: &[u8], streams: &mut Streams) -> Written {
        match self {
            Self::File(file) => write_file(file, data),
            Self::Stream(number) => streams.write(*number, data),
        }
    }

    pub(super) fn close(self, streams: &mut Streams) {
        match self {
            Self::File(_) => {}
            Self::Stream(number) => streams.release(number),
        }
    }

    pub(super) fn size_bytes(&self) -> u64 {
        match self {
            Self::File(file) => {
                fstat(file).map_or(0, |found| u64::try_from(found.st_size).unwrap_or(0))
            }
            Self::Stream(_) => 0,
        }
    }
}

fn write_file(file: &OwnedFd, mut data: &[u8]) -> Written {
    while !data.is_empty() {
        match write(file, data) {
            Ok(count) => data = data.get(count..).unwrap_or_default(),
            Err(Errno::INTR) => {}
            Err(error) => {
                return Written::Lost {
                    error,
                    bytes: data.len() as u64,
                };
            }
        }
    }
    Written::All
}

/// Blocks until the target takes more, for the daemon's last words; at most so long.
pub(crate) fn wait_writable(fd: &Fd, millis: u32) -> bool {
    let mut fds = [PollFd::new(fd, PollFlags::OUT)];
    let timeout = Timespec {
        tv_sec: i64::from(millis / 1000),
        tv_nsec: i64::from(millis % 1000) * 1_000_000,
    };
    poll(&mut fds, Some(&timeout)).is_ok_and(|ready| ready > 0)
}

/// The number of the daemon's own descriptor a path stands for.
fn own_descriptor(path: &str) -> Option<RawFd> {
    match path {
        "/dev/stdout" => Some(1),
        "/dev/stderr" => Some(2),
        _ => {
            let number = path
                .strip_prefix("/dev/fd/")
                .or_else(|| path.strip_prefix("/proc/self/fd/"))?;
            number.parse().ok().filter(|number| *number >= 0)
        }
    }
}

/// Gives a descriptor O_NONBLOCK.
pub(super) fn set_nonblocking(fd: &OwnedFd) -> Result<(), Errno> {
    fcntl_setfl(fd, OFlags::NONBLOCK)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_daemons_own_descriptors_are_taken_for_them() {
        assert_eq!(own_descriptor("/dev/stdout"), Some(1));
        assert_eq!(own_descriptor("/dev/fd/17"), Some(17));
        assert_eq!(own_descriptor("/proc/self/fd/2"), Some(2));
        assert_eq!(own_descriptor("/dev/fd/x"), None);
        assert_eq!(own_descriptor("/dev/fd/-1"), None);
        assert_eq!(own_descriptor("/var/log/stdout"), None);
    }
}
