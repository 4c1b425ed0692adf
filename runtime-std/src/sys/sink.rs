//! Where the bytes of a log go.

use super::Fd;
use super::log::is_regular;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{FileType, Mode, OFlags, fcntl_setfl, fstat, open};
use rustix::io::{Errno, fcntl_dupfd_cloexec, write};
use rustix::net::{SendFlags, send};
use std::collections::VecDeque;
use std::os::fd::{BorrowedFd, OwnedFd, RawFd};
use std::rc::Rc;

/// Beyond this, whoever produces the bytes should pause.
const CONGESTED_BYTES: usize = 256 << 10;
/// Beyond this, bytes are lost: only what could not be paused comes so far.
const QUEUE_BYTES_MAX: usize = 16 << 20;
/// A pipe that poll calls writable takes this much without blocking.
const PIPE_BUF: usize = 4096;

/// An open target of a log.
#[derive(Debug)]
pub(super) enum Sink {
    /// A regular file, opened for append.
    File(OwnedFd),
    /// Anything else: written without blocking, and what it does not take waits.
    Stream(Stream),
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
    pub(super) fn open(path: &str, create_new: bool) -> Result<Self, Errno> {
        if let Some(number) = own_descriptor(path) {
            return Stream::of_descriptor(number).map(Self::Stream);
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
        Ok(Self::Stream(Stream::new(fd, Way::NonBlocking)))
    }

    pub(super) fn write(&mut self, data: &[u8]) -> Written {
        match self {
            Self::File(file) => write_file(file, data),
            Self::Stream(stream) => stream.write(data),
        }
    }

    /// Tries again to write what waits.
    pub(super) fn flush(&mut self) {
        match self {
            Self::File(_) => {}
            Self::Stream(stream) => stream.flush(),
        }
    }

    /// What to wait for while something waits to be written, and whether it is much.
    pub(super) fn backlog(&self) -> Option<(Fd, bool)> {
        match self {
            Self::File(_) => None,
            Self::Stream(stream) if stream.queue.is_empty() => None,
            Self::Stream(stream) => {
                Some((Rc::clone(&stream.fd), stream.queue.len() > CONGESTED_BYTES))
            }
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

/// A target that may not take all that is written to it.
#[derive(Debug)]
pub(super) struct Stream {
    fd: Fd,
    way: Way,
    queue: VecDeque<u8>,
}

/// How to write without blocking.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Way {
    /// The open file is ours alone and has O_NONBLOCK.
    NonBlocking,
    /// A socket shared with others: each send says that it does not wait.
    Socket,
    /// A pipe or terminal shared with others, whose flags are not ours to change: ask first, and
    /// write no more than then fits.
    AskFirst,
    /// A regular file behind one of our own descriptors.
    Plain,
}

impl Stream {
    fn new(fd: OwnedFd, way: Way) -> Self {
        Self {
            fd: Rc::new(fd),
            way,
            queue: VecDeque::new(),
        }
    }

    /// Writes through a descriptor the daemon was started with.
    fn of_descriptor(number: RawFd) -> Result<Self, Errno> {
        // SAFETY: a number that is no descriptor makes the call fail; the borrow ends with it.
        let borrowed = unsafe { BorrowedFd::borrow_raw(number) };
        let copy = fcntl_dupfd_cloexec(borrowed, 3)?;
        let kind = FileType::from_raw_mode(fstat(&copy)?.st_mode);
        if kind == FileType::Socket {
            return Ok(Self::new(copy, Way::Socket));
        }
        if kind == FileType::RegularFile {
            return Ok(Self::new(copy, Way::Plain));
        }
        // Opening it anew gives it flags of its own, if the user who runs the daemon may.
        let flags = OFlags::WRONLY | OFlags::CLOEXEC | OFlags::NOCTTY | OFlags::NONBLOCK;
        match open(format!("/proc/self/fd/{number}"), flags, Mode::empty()) {
            Ok(own) => Ok(Self::new(own, Way::NonBlocking)),
            Err(_) => Ok(Self::new(copy, Way::AskFirst)),
        }
    }

    fn write(&mut self, data: &[u8]) -> Written {
        let mut rest = data;
        if self.queue.is_empty() {
            match self.push(data) {
                Ok(count) => rest = data.get(count..).unwrap_or_default(),
                Err(error) => {
                    return Written::Lost {
                        error,
                        bytes: data.len() as u64,
                    };
                }
            }
        }
        let room = QUEUE_BYTES_MAX
            .saturating_sub(self.queue.len())
            .min(rest.len());
        let (fits, lost) = rest.split_at(room);
        self.queue.extend(fits);
        if lost.is_empty() {
            Written::All
        } else {
            Written::Lost {
                error: Errno::AGAIN,
                bytes: lost.len() as u64,
            }
        }
    }

    fn flush(&mut self) {
        while !self.queue.is_empty() {
            let (front, _) = self.queue.as_slices();
            match self.push(front) {
                Ok(0) => break,
                Ok(count) => drop(self.queue.drain(..count)),
                // The reader is gone: nobody will ever see these bytes.
                Err(_) => self.queue.clear(),
            }
        }
        if self.queue.is_empty() {
            self.queue = VecDeque::new();
        }
    }

    /// Writes as much as is taken at once. Returns how much.
    fn push(&self, data: &[u8]) -> Result<usize, Errno> {
        let mut done = 0;
        while let Some(rest) = data.get(done..).filter(|rest| !rest.is_empty()) {
            let written = match self.way {
                Way::NonBlocking | Way::Plain => write(&self.fd, rest),
                Way::Socket => send(&self.fd, rest, SendFlags::DONTWAIT | SendFlags::NOSIGNAL),
                Way::AskFirst if !self.is_writable() => Err(Errno::AGAIN),
                Way::AskFirst => write(&self.fd, rest.get(..PIPE_BUF).unwrap_or(rest)),
            };
            match written {
                Ok(count) => done += count,
                Err(Errno::INTR) => {}
                Err(Errno::AGAIN) => break,
                Err(error) if done == 0 => return Err(error),
                Err(_) => break,
            }
        }
        Ok(done)
    }

    fn is_writable(&self) -> bool {
        let mut fds = [PollFd::new(&self.fd, PollFlags::OUT)];
        let at_once = Timespec {
            tv_sec: 0,
            tv_nsec: 0,
        };
        poll(&mut fds, Some(&at_once)).is_ok_and(|ready| ready > 0)
    }
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
