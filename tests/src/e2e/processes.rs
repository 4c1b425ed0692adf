//! What `/proc` says about the processes a test started, and signals for them.

use rustix::process::{Pid, Signal};
use std::fs;
use std::path::PathBuf;

/// Sends a signal to one process that the test started.
///
/// # Panics
/// If `pid` is no pid.
pub fn send_signal(pid: u32, signal: Signal) {
    let pid = i32::try_from(pid).ok().and_then(Pid::from_raw);
    let _ = rustix::process::kill_process(pid.expect("a pid"), signal);
}

/// Whether a process is there and not a zombie.
#[must_use]
pub fn alive(pid: u32) -> bool {
    process_state(pid).is_some_and(|state| state != 'Z')
}

/// The state letter of a process, if it is there: `R`, `S`, `T`, `Z` …
#[must_use]
pub fn process_state(pid: u32) -> Option<char> {
    stat(pid).map(|(state, ..)| state)
}

/// The children of a process, in the order of their pids.
#[must_use]
pub fn children(parent: u32) -> Vec<u32> {
    let mut found: Vec<u32> = pids()
        .filter(|pid| stat(*pid).is_some_and(|(_, ppid, _)| ppid == parent))
        .collect();
    found.sort_unstable();
    found
}

/// A process that cannot be mistaken for a later one with the same pid.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Known {
    pub(super) pid: u32,
    started: u64,
}

impl Known {
    pub(super) fn of(pid: u32) -> Option<Self> {
        stat(pid).map(|(_, _, started)| Self { pid, started })
    }

    pub(super) fn kill(self) {
        if Self::of(self.pid) == Some(self) {
            send_signal(self.pid, Signal::KILL);
        }
    }
}

/// All descendants of a process.
pub(super) fn descendants(root: u32) -> Vec<Known> {
    let mut found = Vec::new();
    let mut next = vec![root];
    while let Some(parent) = next.pop() {
        for child in children(parent) {
            found.extend(Known::of(child));
            next.push(child);
        }
    }
    found
}

/// The open descriptors of a process: number and what it points at.
#[must_use]
pub fn descriptors(pid: u32) -> Vec<(u32, PathBuf)> {
    let Ok(entries) = fs::read_dir(format!("/proc/{pid}/fd")) else {
        return Vec::new();
    };
    let mut found: Vec<(u32, PathBuf)> = entries
        .filter_map(|entry| {
            let entry = entry.ok()?;
            let number = entry.file_name().to_str()?.parse().ok()?;
            Some((number, fs::read_link(entry.path()).unwrap_or_default()))
        })
        .collect();
    found.sort_unstable();
    found
}

/// How often all threads of a process have gone to sleep of their own accord: once for each
/// wake-up.
#[must_use]
pub fn voluntary_switches(pid: u32) -> u64 {
    let Ok(tasks) = fs::read_dir(format!("/proc/{pid}/task")) else {
        return 0;
    };
    tasks
        .filter_map(|task| {
            let status = fs::read_to_string(task.ok()?.path().join("status")).ok()?;
            let line = status
                .lines()
                .find_map(|line| line.strip_prefix("voluntary_ctxt_switches:"))?;
            line.trim().parse::<u64>().ok()
        })
        .sum()
}

/// A port of the loopback address that nobody uses at the moment.
///
/// # Panics
/// If the machine has none.
#[must_use]
pub fn free_port() -> u16 {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("bind a loopback port");
    listener.local_addr().expect("a bound port").port()
}

fn pids() -> impl Iterator<Item = u32> {
    fs::read_dir("/proc")
        .into_iter()
        .flatten()
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
}

/// State, parent and start time of a process.
fn stat(pid: u32) -> Option<(char, u32, u64)> {
    let text = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name comes in parentheses and may hold anything; what follows the last one is regular.
    let mut fields = text.rsplit_once(')')?.1.split_whitespace();
    let state = fields.next()?.chars().next()?;
    let parent = fields.next()?.parse().ok()?;
    let started = fields.nth(17)?.parse().ok()?;
    Some((state, parent, started))
}
