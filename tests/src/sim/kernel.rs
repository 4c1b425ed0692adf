//! A kernel that is not there: children, pids, logs and sockets, as far as the core can tell.

use super::listeners::Listeners;
use std::collections::{BTreeMap, BTreeSet};
use visor_core::{ExitStatus, GroupId, LogId, Pid, SpawnId, Stream};

/// A child.
#[derive(Clone, Debug)]
pub struct Child {
    /// From a small space: pids come back soon.
    pub pid: Pid,
    /// Whether it ignores everything but SIGKILL.
    pub ignores: bool,
    /// How it ended, if it has; it is a zombie until that is reported.
    pub ended: Option<ExitStatus>,
    /// Its exit has been reported.
    pub reported: bool,
    /// How many bytes it has written so far, to both streams.
    pub written: u64,
    /// What it does not write to any more.
    pub closed: Vec<Stream>,
}

/// What is going on.
#[derive(Clone, Debug, Default)]
pub struct Kernel {
    children: BTreeMap<SpawnId, Child>,
    /// Asked for, not answered.
    spawning: BTreeSet<SpawnId>,
    unsignallable: BTreeSet<SpawnId>,
    failed_logs: BTreeSet<LogId>,
    sizes: BTreeMap<LogId, u64>,
    broken_logs: BTreeSet<LogId>,
    sockets: BTreeSet<GroupId>,
    /// Children that listen to events.
    pub listeners: Listeners,
    /// There are clients, whose patience is limited.
    pub clients: bool,
    up: bool,
    opening: bool,
    ended: bool,
    next_pid: u32,
    /// All that were ever given.
    pids: BTreeSet<u32>,
}

impl Kernel {
    /// A spawn has been asked for.
    pub fn begin_spawn(&mut self, spawn: SpawnId) {
        self.spawning.insert(spawn);
    }

    /// It has failed.
    pub fn fail_spawn(&mut self, spawn: SpawnId) {
        self.spawning.remove(&spawn);
    }

    /// It has worked. Answers with the pid, and whether somebody else had it before.
    pub fn fork(&mut self, spawn: SpawnId, ignores: bool) -> (Pid, bool) {
        self.spawning.remove(&spawn);
        let used = |pid| {
            let mut children = self.children.values();
            children.any(|child| child.pid.0 == pid && !child.reported)
        };
        let mut pid = self.next_pid;
        loop {
            // Few more than there are children at most: reuse is the common case.
            pid = if (2..40).contains(&pid) { pid + 1 } else { 2 };
            if !used(pid) {
                break;
            }
        }
        self.next_pid = pid;
        let child = Child {
            pid: Pid(pid),
            ignores,
            ended: None,
            reported: false,
            written: 0,
            closed: Vec::new(),
        };
        self.children.insert(spawn, child);
        (Pid(pid), !self.pids.insert(pid))
    }

    /// A child, unless it is gone for good.
    pub fn child(&mut self, spawn: SpawnId) -> Option<&mut Child> {
        self.children.get_mut(&spawn)
    }

    /// Its exit is reported now: what is left is the memory of its pid.
    pub fn report(&mut self, spawn: SpawnId) {
        if let Some(child) = self.children.get_mut(&spawn) {
            child.reported = true;
        }
        self.unsignallable.remove(&spawn);
        self.listeners.forget(spawn);
    }

    /// Forgets children whose exit was reported, but the latest.
    pub fn tidy(&mut self) {
        if self.children.len() > 64 {
            self.children.retain(|_, child| !child.reported);
        }
    }

    /// A signal to it failed for want of permission.
    pub fn mark_unsignallable(&mut self, spawn: SpawnId) {
        self.unsignallable.insert(spawn);
    }

    /// Whether that ever happened to it.
    #[must_use]
    pub fn was_unsignallable(&self, spawn: SpawnId) -> bool {
        self.unsignallable.contains(&spawn)
    }

    /// Its pid, also shortly after its end; none before it is spawned.
    #[must_use]
    pub fn pid(&self, spawn: SpawnId) -> Option<Pid> {
        self.children.get(&spawn).map(|child| child.pid)
    }

    /// Whether there is a spawn that is not answered.
    #[must_use]
    pub fn is_spawning(&self) -> bool {
        !self.spawning.is_empty()
    }

    /// Whether there was ever such a spawn, as far as is remembered.
    #[must_use]
    pub fn knows(&self, spawn: SpawnId) -> bool {
        self.children.contains_key(&spawn) || self.spawning.contains(&spawn)
    }

    /// Whether it is being spawned, or its exit has not been reported.
    #[must_use]
    pub fn lives(&self, spawn: SpawnId) -> bool {
        let child = self.children.get(&spawn);
        self.spawning.contains(&spawn) || child.is_some_and(|child| !child.reported)
    }

    /// Children whose exit has not been reported, zombies included.
    pub fn unreported(&self) -> impl Iterator<Item = SpawnId> {
        let children = self.children.iter();
        children
            .filter(|(_, c)| !c.reported)
            .map(|(spawn, _)| *spawn)
    }

    /// A log is broken, or works again.
    pub fn break_log(&mut self, log: LogId, broken: bool) {
        if broken {
            self.broken_logs.insert(log);
        } else {
            self.broken_logs.remove(&log);
        }
    }

    /// Every log works again.
    pub fn mend_logs(&mut self) {
        self.broken_logs.clear();
    }

    /// Whether a log cannot be opened or written now.
    #[must_use]
    pub fn is_broken(&self, log: LogId) -> bool {
        self.broken_logs.contains(&log)
    }

    /// The core was told that a log failed.
    pub fn mark_failed(&mut self, log: LogId) {
        self.failed_logs.insert(log);
    }

    /// Whether the core was ever told that a log failed.
    #[must_use]
    pub fn has_failed(&self, log: LogId) -> bool {
        self.failed_logs.contains(&log)
    }

    /// Appends to a log and returns its size.
    pub fn append(&mut self, log: LogId, bytes: usize) -> u64 {
        let size = self.sizes.entry(log).or_default();
        *size += bytes as u64;
        *size
    }

    /// A log's size.
    #[must_use]
    pub fn size(&self, log: LogId) -> u64 {
        self.sizes.get(&log).copied().unwrap_or(0)
    }

    /// A log is empty from now on.
    pub fn truncate(&mut self, log: LogId) {
        self.sizes.remove(&log);
    }

    /// A FastCGI group's socket is open, or closed.
    pub fn set_socket(&mut self, group: GroupId, open: bool) {
        if open {
            self.sockets.insert(group);
        } else {
            self.sockets.remove(&group);
        }
    }

    /// Whether that socket is open.
    #[must_use]
    pub fn has_socket(&self, group: GroupId) -> bool {
        self.sockets.contains(&group)
    }

    /// The daemon opens; it is up; it has ended.
    pub fn daemon(&mut self, opening: bool, up: bool, ended: bool) {
        (self.opening, self.up, self.ended) = (opening, up, ended);
    }

    /// `Ready` was said.
    #[must_use]
    pub const fn is_up(&self) -> bool {
        self.up
    }

    /// The daemon begins, and `Ready` was not said.
    #[must_use]
    pub const fn is_opening(&self) -> bool {
        self.opening
    }

    /// `Exit` was said.
    #[must_use]
    pub const fn has_ended(&self) -> bool {
        self.ended
    }
}
