//! pidproxy: runs a command that puts its real process's pid into a file, and passes signals on to
//! that process. For programs that cannot be kept in the foreground themselves but whose start
//! script can.
//!
//! As Supervisor's it ends with status 0 once it has passed on TERM, INT or QUIT, or when the
//! command has ended.

use rustix::event::{PollFd, PollFlags, poll};
use rustix::process::{Pid, kill_process};
use std::fmt;
use std::io::{self, Write};
use std::process::{Child, Command};
use visor_core::Signal;
use visor_std::sys::error_name;
use visor_std::sys::signals::{Delivered, SignalFd};

const USAGE: &str = "\
pidproxy runs a command and passes signals on to the process whose pid is in a file.

Usage: {program} PIDFILE COMMAND [ARGUMENT ...]

TERM, INT, QUIT, HUP, USR1 and USR2 are passed on; after the first three pidproxy ends. It also ends
when the command does.
";

/// What is printed for a wrong command line; `{program}` stands for the program's name.
pub(crate) const fn help() -> &'static str {
    USAGE
}

/// Exit status of a wrong command line.
const WRONG_USE: i32 = 1;

/// Exit status of a command that cannot be started, as a shell has it.
const NOT_STARTED: i32 = 127;

/// Does what the process's command line says, and returns the exit status.
#[must_use]
pub fn main() -> i32 {
    let mut words = std::env::args_os();
    let program = words.next().unwrap_or_default();
    let (Some(pidfile), Some(command)) = (words.next(), words.next()) else {
        let program = program.to_string_lossy();
        let usage = USAGE.replace("{program}", &program);
        let _ = io::stdout().write_all(usage.as_bytes());
        return WRONG_USE;
    };
    // From here on no signal is lost: those that come before the command runs wait.
    let signals = match SignalFd::new() {
        Ok(signals) => signals,
        Err(error) => {
            return fail(format_args!(
                "no signals can be read: {}",
                error_name(&error)
            ));
        }
    };
    let child = Command::new(&command).args(words).spawn();
    match child {
        Ok(child) => watch(&signals, child, &pidfile.to_string_lossy()),
        Err(error) => {
            let (command, name) = (command.to_string_lossy(), error_name(&error));
            fail(format_args!("could not start {command}: {name}"));
            NOT_STARTED
        }
    }
}

fn watch(signals: &SignalFd, mut child: Child, pidfile: &str) -> i32 {
    loop {
        let _ = poll(&mut [PollFd::new(signals, PollFlags::IN)], None);
        while let Some(delivered) = signals.read() {
            match delivered {
                Delivered::Child(_) => {
                    if !matches!(child.try_wait(), Ok(None)) {
                        return 0;
                    }
                }
                Delivered::Told(signal) => {
                    if let Some(status) = pass_on(signal, pidfile) {
                        return status;
                    }
                }
            }
        }
    }
}

/// Sends a signal to the process of the pidfile. The exit status, if that was the end.
fn pass_on(signal: Signal, pidfile: &str) -> Option<i32> {
    let Some(pid) = read_pid(pidfile) else {
        let _ = writeln!(io::stdout(), "Can't read child pidfile {pidfile}!");
        return None;
    };
    let last = matches!(signal, Signal::TERM | Signal::INT | Signal::QUIT);
    let sent = rustix::process::Signal::from_named_raw(signal.number())
        .ok_or(rustix::io::Errno::INVAL)
        .and_then(|signal| kill_process(pid, signal));
    match sent {
        Ok(()) => last.then_some(0),
        Err(error) => {
            let name = error_name(&error.into());
            let status = fail(format_args!(
                "could not signal {}: {name}",
                pid.as_raw_pid()
            ));
            last.then_some(status)
        }
    }
}

/// The pid in a file. Nothing but a positive number is one: kill gives others a wider meaning.
fn read_pid(pidfile: &str) -> Option<Pid> {
    let text = std::fs::read_to_string(pidfile).ok()?;
    let number: i32 = text.trim().parse().ok()?;
    Pid::from_raw(number).filter(|_| number > 0)
}

fn fail(text: fmt::Arguments<'_>) -> i32 {
    // With standard error closed there is nobody to tell.
    let _ = writeln!(io::stderr(), "pidproxy: {text}");
    WRONG_USE
}
