//! Going to the background, with a launcher that waits for the outcome.

use rustix::process::{WaitOptions, waitpid};
use std::io::{self, Write};
use std::os::fd::OwnedFd;
use visor_core::Pid;
use visor_std::sys::daemonize::{self, Forked};

/// Exit status of a launcher whose daemon ended before it was up, without an error of its own.
const NOT_UP: i32 = 1;

/// Which of the two processes goes on.
#[derive(Debug)]
pub(super) enum Side {
    /// The one that was started: it exits with this status.
    Launcher(i32),
    /// The daemon, which must say when it is up.
    Daemon(Word),
}

/// The daemon's word to its launcher. Dropped without being given, it means failure.
#[derive(Debug)]
pub(super) struct Word(OwnedFd);

impl Word {
    /// Lets the launcher return, and lets go of the terminal: until then messages of a start that
    /// fails are seen where it was asked for.
    pub(super) fn give(self) {
        // Without /dev/null the terminal stays open, which is better than not to run.
        let _ = daemonize::null_std_fds();
        // A launcher that was killed reads nothing; the daemon is up all the same.
        let _ = rustix::io::write(&self.0, b"+");
    }
}

/// Splits the process in two, and waits in the old one until the new one is up or has ended.
///
/// # Errors
/// The system's, from making a pipe or from fork.
pub(super) fn split() -> io::Result<Side> {
    let (read, write) = daemonize::status_pipe()?;
    match daemonize::fork()? {
        Forked::Parent(pid) => {
            drop(write);
            Ok(Side::Launcher(outcome(&read, pid)))
        }
        Forked::Child => {
            drop(read);
            daemonize::new_session();
            Ok(Side::Daemon(Word(write)))
        }
    }
}

fn outcome(read: &OwnedFd, pid: Pid) -> i32 {
    let mut byte = [0];
    loop {
        match rustix::io::read(read, &mut byte) {
            Ok(0) => return status_of(pid),
            Ok(_) => return 0,
            Err(rustix::io::Errno::INTR) => {}
            Err(_) => return NOT_UP,
        }
    }
}

/// The exit status of a daemon that ended before it was up; never 0.
fn status_of(pid: Pid) -> i32 {
    let raw = i32::try_from(pid.0)
        .ok()
        .and_then(rustix::process::Pid::from_raw);
    let ended = match waitpid(raw, WaitOptions::empty()) {
        Ok(Some((_, status))) => status,
        Ok(None) | Err(_) => return NOT_UP,
    };
    if let Some(signal) = ended.terminating_signal() {
        let signal = visor_core::Signal::from_number(signal.into());
        let name = signal.map_or_else(|| "a signal".to_owned(), |signal| signal.to_string());
        let _ = writeln!(
            io::stderr(),
            "Error: the daemon was ended by {name} before it was up"
        );
    }
    match ended.exit_status() {
        Some(0) | None => NOT_UP,
        Some(status) => status,
    }
}
