//! Collecting the dead, and signalling the living.

use super::errno_name;
use std::ffi::c_int;
use std::mem::MaybeUninit;
use visor_core::{ExitStatus, Pid, Signal, SignalError};

/// Collects one dead child, whoever started it: `None` if there is none.
#[must_use]
pub fn any() -> Option<(Pid, ExitStatus)> {
    wait(-1)
}

/// Collects this child if it is dead.
#[must_use]
pub fn one(pid: Pid) -> Option<ExitStatus> {
    wait(raw(pid)?).map(|(_, status)| status)
}

/// Whether this process is a child of ours, alive or not yet collected.
#[must_use]
pub fn is_child(pid: Pid) -> bool {
    let mut info = MaybeUninit::<libc::siginfo_t>::zeroed();
    let options = libc::WEXITED | libc::WNOHANG | libc::WNOWAIT;
    // SAFETY: the call writes to `info` only.
    unsafe { libc::waitid(libc::P_PID, pid.0, info.as_mut_ptr(), options) == 0 }
}

/// Sends a signal to a process that has not been collected, or to its whole group.
///
/// # Errors
/// The system's.
pub fn signal(pid: Pid, signal: Signal, group: bool) -> Result<(), SignalError> {
    let pid = raw(pid).ok_or(SignalError::NoSuchProcess)?;
    let target = if group { -pid } else { pid };
    // SAFETY: a plain system call on numbers.
    if unsafe { libc::kill(target, signal.number()) } == 0 {
        return Ok(());
    }
    match std::io::Error::last_os_error().raw_os_error() {
        Some(libc::ESRCH) => Err(SignalError::NoSuchProcess),
        number => Err(SignalError::Other(
            errno_name(number.unwrap_or(0)).to_owned(),
        )),
    }
}

/// How a process ended, from what `wait` says.
#[must_use]
pub fn exit_status(raw: c_int) -> ExitStatus {
    if libc::WIFSIGNALED(raw) {
        ExitStatus::Signaled {
            // The C library's own two signals have no name here; nothing but a kill sends them.
            signal: Signal::from_number(libc::WTERMSIG(raw).into()).unwrap_or(Signal::KILL),
            core_dumped: libc::WCOREDUMP(raw),
        }
    } else {
        ExitStatus::Code(libc::WEXITSTATUS(raw))
    }
}

fn wait(which: c_int) -> Option<(Pid, ExitStatus)> {
    let mut status = 0;
    loop {
        // SAFETY: the call writes to `status` only.
        match unsafe { libc::waitpid(which, &raw mut status, libc::WNOHANG) } {
            0 => return None,
            -1 => {
                let error = std::io::Error::last_os_error();
                if error.kind() != std::io::ErrorKind::Interrupted {
                    return None;
                }
            }
            pid => return Some((Pid(pid.unsigned_abs()), exit_status(status))),
        }
    }
}

/// 0 and numbers beyond a pid would mean somebody else.
fn raw(pid: Pid) -> Option<c_int> {
    c_int::try_from(pid.0).ok().filter(|pid| *pid > 0)
}
