//! The steps that make a process a daemon, each on its own; the command line decides their order.

use rustix::fs::{Mode, OFlags};
use std::io;
use std::os::fd::OwnedFd;
use visor_core::Pid;

/// Which side of a [`fork`] this is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Forked {
    /// The new process.
    Child,
    /// The old one, with the pid of the new.
    Parent(Pid),
}

/// Splits the process in two.
///
/// # Errors
/// The system's: EAGAIN, ENOMEM. Also if there is more than one thread: only one would survive in
/// the child, and locks held by the others would stay locked for ever.
pub fn fork() -> io::Result<Forked> {
    if std::fs::read_dir("/proc/self/task").is_ok_and(|tasks| tasks.count() > 1) {
        return Err(io::Error::other("cannot fork with more than one thread"));
    }
    // SAFETY: there is one thread, so the child is a whole copy and may do anything.
    match unsafe { libc::fork() } {
        0 => Ok(Forked::Child),
        -1 => Err(io::Error::last_os_error()),
        pid => Ok(Forked::Parent(Pid(pid.unsigned_abs()))),
    }
}

/// A pipe on which the daemon tells its launcher how the start went: read end, write end.
/// Neither reaches any child.
///
/// # Errors
/// EMFILE, ENFILE.
pub fn status_pipe() -> io::Result<(OwnedFd, OwnedFd)> {
    Ok(rustix::pipe::pipe_with(rustix::pipe::PipeFlags::CLOEXEC)?)
}

/// Leaves the terminal and its session: `setsid`. A process that leads its session already stays.
pub fn new_session() {
    // EPERM, the only error there is, means that we lead a process group already.
    let _ = rustix::process::setsid();
}

/// Points descriptors 0, 1 and 2 at `/dev/null`.
///
/// # Errors
/// `/dev/null` cannot be opened.
pub fn null_std_fds() -> io::Result<()> {
    let null = rustix::fs::open("/dev/null", OFlags::RDWR | OFlags::CLOEXEC, Mode::empty())?;
    rustix::stdio::dup2_stdin(&null)?;
    rustix::stdio::dup2_stdout(&null)?;
    rustix::stdio::dup2_stderr(&null)?;
    Ok(())
}

/// Sets the file mode creation mask.
pub fn set_umask(mask: u32) {
    rustix::process::umask(Mode::from_raw_mode(mask & 0o777));
}

/// Marks every descriptor above 2 that the daemon inherited close-on-exec, so that none reaches a
/// child even on a kernel without `close_range`.
pub fn mark_inherited_descriptors() {
    let Ok(entries) = std::fs::read_dir("/proc/self/fd") else {
        return;
    };
    for entry in entries.flatten() {
        let number = entry.file_name().to_str().and_then(|n| n.parse().ok());
        if let Some(number @ 3..) = number {
            // SAFETY: F_SETFD on a number that is no descriptor (any more) fails and does nothing.
            unsafe { libc::fcntl(number, libc::F_SETFD, libc::FD_CLOEXEC) };
        }
    }
}

/// 32 bytes nobody can guess, for [`Boot::seed`](visor_core::Boot).
///
/// # Errors
/// The system has no source of randomness.
pub fn random_seed() -> io::Result<[u8; 32]> {
    let mut seed = [0; 32];
    let mut filled = 0;
    while let Some(rest) = seed.get_mut(filled..).filter(|rest| !rest.is_empty()) {
        filled += rustix::rand::getrandom(rest, rustix::rand::GetRandomFlags::empty())?;
    }
    Ok(seed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seeds_differ() {
        assert_ne!(random_seed().unwrap(), random_seed().unwrap());
    }

    #[test]
    fn a_process_with_threads_is_not_forked() {
        // The test harness runs each test on a thread of its own.
        assert!(fork().is_err());
    }
}
