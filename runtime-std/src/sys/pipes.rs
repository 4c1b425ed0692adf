//! The pipes between the daemon and one child.

use super::{Fd, errno_name};
use rustix::fs::{OFlags, fcntl_setfl};
use rustix::io::Errno;
use rustix::pipe::{PipeFlags, pipe_with};
use rustix::process::{Resource, getrlimit};
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::rc::Rc;
use visor_core::SpawnError;

/// Size of a pipe whose child writes much. More gains nothing; as much for every pipe would use up
/// what the system allows one user (64 MiB), after which pipes shrink to 8 KiB.
pub const LARGE_PIPE_BYTES: usize = 256 << 10;

/// Our ends of a child's pipes, non-blocking.
#[derive(Debug)]
pub struct OurEnds {
    /// Write end of its standard input; none if it has a socket there.
    pub stdin: Option<Fd>,
    /// Read end of its standard output.
    pub stdout: Fd,
    /// Read end of its standard error, unless that goes into the pipe of standard output.
    pub stderr: Option<Fd>,
}

/// What becomes the child's descriptors 0, 1 and 2. Blocking, as programs expect; closed in the
/// daemon as soon as the child has them.
#[derive(Debug)]
pub struct TheirEnds {
    stdin: ChildStdin,
    stdout: OwnedFd,
    stderr: Option<OwnedFd>,
}

#[derive(Debug)]
enum ChildStdin {
    Pipe(OwnedFd),
    Socket(Fd),
}

impl TheirEnds {
    /// The numbers of what becomes 0, 1 and 2. All are above 2: the standard library opens
    /// `/dev/null` where a program was started without one of the three.
    pub(super) fn numbers(&self) -> [RawFd; 3] {
        self.borrowed().map(|end| end.as_raw_fd())
    }

    /// What becomes 0, 1 and 2.
    pub(super) fn borrowed(&self) -> [BorrowedFd<'_>; 3] {
        let stdin = match &self.stdin {
            ChildStdin::Pipe(end) => end.as_fd(),
            ChildStdin::Socket(socket) => socket.as_fd(),
        };
        let stderr = self.stderr.as_ref().unwrap_or(&self.stdout);
        [stdin, self.stdout.as_fd(), stderr.as_fd()]
    }

    /// Copies of the three, for a spawner that wants to own them.
    ///
    /// # Errors
    /// EMFILE.
    pub fn copies(&self) -> io::Result<[OwnedFd; 3]> {
        let stdin = match &self.stdin {
            ChildStdin::Pipe(end) => end,
            ChildStdin::Socket(socket) => &**socket,
        };
        let stderr = self.stderr.as_ref().unwrap_or(&self.stdout);
        Ok([
            stdin.try_clone()?,
            self.stdout.try_clone()?,
            stderr.try_clone()?,
        ])
    }

    /// Whether there may be fewer than `needed` descriptors left: they are numbered from below.
    #[must_use]
    pub fn is_near_limit(&self, needed: usize) -> bool {
        let limit = getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX);
        let highest = self.numbers().into_iter().max().unwrap_or(0);
        // The pipe's other end may have the next number.
        u64::from(highest.unsigned_abs()) + 2 + needed as u64 > limit
    }
}

/// Makes the pipes for one child. With `socket`, that is its descriptor 0.
///
/// # Errors
/// [`SpawnError::TooManyFiles`] and [`SpawnError::Pipes`]; nothing stays open then.
pub fn make(socket: Option<Fd>, redirect_stderr: bool) -> Result<(OurEnds, TheirEnds), SpawnError> {
    let (stdin, their_stdin) = match socket {
        Some(socket) => (None, ChildStdin::Socket(socket)),
        None => {
            let (theirs, ours) = pipe()?;
            (Some(non_blocking(ours)?), ChildStdin::Pipe(theirs))
        }
    };
    let (stdout, their_stdout) = output()?;
    let (stderr, their_stderr) = if redirect_stderr {
        (None, None)
    } else {
        let (ours, theirs) = output()?;
        (Some(ours), Some(theirs))
    };
    let ours = OurEnds {
        stdin,
        stdout,
        stderr,
    };
    let theirs = TheirEnds {
        stdin: their_stdin,
        stdout: their_stdout,
        stderr: their_stderr,
    };
    Ok((ours, theirs))
}

/// Makes a pipe large. Whether it works is of no matter.
pub fn enlarge(pipe: &Fd) {
    let _ = rustix::pipe::fcntl_setpipe_size(pipe, LARGE_PIPE_BYTES);
}

/// How many bytes wait in a pipe.
#[must_use]
pub fn waiting_bytes(pipe: &Fd) -> u64 {
    rustix::io::ioctl_fionread(pipe).unwrap_or(0)
}

fn output() -> Result<(Fd, OwnedFd), SpawnError> {
    let (ours, theirs) = pipe()?;
    Ok((non_blocking(ours)?, theirs))
}

fn pipe() -> Result<(OwnedFd, OwnedFd), SpawnError> {
    pipe_with(PipeFlags::CLOEXEC).map_err(pipe_error)
}

/// O_NONBLOCK belongs to one end: the child's stays blocking.
fn non_blocking(end: OwnedFd) -> Result<Fd, SpawnError> {
    fcntl_setfl(&end, OFlags::NONBLOCK).map_err(pipe_error)?;
    Ok(Rc::new(end))
}

fn pipe_error(error: Errno) -> SpawnError {
    if error == Errno::MFILE {
        SpawnError::TooManyFiles
    } else {
        SpawnError::Pipes(errno_name(error.raw_os_error()).to_owned())
    }
}
