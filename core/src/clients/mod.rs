//! Connected clients: what each is asking for, what it still has to be sent, and what it waits for.
//!
//! A connection makes one request at a time; what it sends meanwhile is kept, up to a bound, and
//! then no longer read. A client that is slow holds up nobody else: what it does not take stays
//! with its session, bounded, and in the end it is dropped.

mod connections;
mod follow;
mod jobs;
mod outgoing;
mod route;
mod watch;

#[cfg(test)]
mod tests;

use crate::http::server::Connection;
use crate::notice::Notice;
use crate::rpc::{Processes, Task};
use crate::supervisor::Supervisor;
use crate::{ConnId, LogId, Now, ProcessId, ReadId, ServerId, SpawnId, Stream, Timestamp};
use alloc::collections::{BTreeMap, BTreeSet, VecDeque};
use alloc::{string::String, vec::Vec};
use core::time::Duration;
use follow::Follow;
use jobs::Job;
use outgoing::Outgoing;
use watch::Watch;

/// Most clients at once. Beyond that the one that has been idle longest is let go, and if none is
/// idle the new one.
pub(crate) const CONNECTIONS_MAX: usize = 1024;
/// Most bytes kept of what a client sends while its request is being worked on.
const WAITING_BYTES_MAX: usize = 64 << 10;
/// Most bytes that wait for a client before its next request is looked at.
const UNSENT_BYTES_MAX: usize = 1 << 20;
/// Most bytes of requests and answers kept for all clients together. Beyond that, who needs more
/// than [`WAITING_BYTES_MAX`] is dropped.
const ALL_BYTES_MAX: usize = 256 << 20;

/// How long a client may be silent between requests: as the reference's zombie timeout.
const IDLE_TIME: Duration = Duration::from_secs(30 * 60);
/// How long a client may take to send a request.
const REQUEST_TIME: Duration = Duration::from_secs(120);
/// How long a client may take nothing of its answer.
const SEND_TIME: Duration = Duration::from_secs(60);
/// The same for one that follows a log or the page: a terminal may be paused.
const FOLLOW_SEND_TIME: Duration = Duration::from_secs(30 * 60);
/// How long a connection that is being closed may take for what is still queued.
const LINGER_TIME: Duration = Duration::from_secs(30);

/// All clients.
#[derive(Clone, Debug, Default)]
pub(crate) struct Clients {
    sessions: BTreeMap<ConnId, Session>,
    /// Whose calls wait for a process.
    watchers: BTreeMap<ProcessId, BTreeSet<ConnId>>,
    /// Who gets the answers to `CheckCommand`, in order.
    pub(crate) checks: BTreeMap<ProcessId, VecDeque<ConnId>>,
    /// Who waits for a log to be emptied.
    pub(crate) clears: BTreeMap<LogId, VecDeque<ConnId>>,
    /// Whose write to a child's standard input is being tried.
    pub(crate) writers: BTreeMap<SpawnId, Vec<ConnId>>,
    /// Who waits for the configuration.
    pub(crate) readings: BTreeMap<u64, ConnId>,
    /// Who waits for a group that is being added.
    pub(crate) additions: BTreeMap<String, ConnId>,
    /// Who gets a part of a log.
    reads: BTreeMap<ReadId, ConnId>,
    /// Who follows a log.
    followers: BTreeMap<LogId, BTreeSet<ConnId>>,
    /// Whose page updates itself.
    pages: BTreeSet<ConnId>,
    /// Groups have come or gone, or the daemon's own state is another.
    pages_are_stale: bool,
    /// Processes that went with their group while somebody waited for them or followed a log.
    removed: Vec<ProcessId>,
    /// A client asked for the end of the daemon: once the present answers are given.
    pub(crate) shutdown_wanted: bool,
    /// Bytes kept of requests and answers, of all sessions.
    kept_bytes: usize,
    next_read: u64,
}

/// One client.
#[derive(Clone, Debug)]
struct Session {
    server: ServerId,
    http: Connection,
    work: Work,
    outgoing: Outgoing,
    /// Whether the runtime reads from it.
    reading: bool,
    /// Since when it is in the phase it is in: idle, sending a request, being closed; or since when it
    /// has something to take.
    since: Timestamp,
    phase: Phase,
    /// What it counts for in [`Clients::kept_bytes`].
    kept_bytes: usize,
}

fn logs_of(process: ProcessId) -> [LogId; 2] {
    [Stream::Stdout, Stream::Stderr].map(|stream| LogId::Child(process, stream))
}

/// What the present deadline of a session is about.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Phase {
    Idle,
    Receiving,
    Working,
    Closing,
}

/// What a session is working on.
#[derive(Clone, Debug)]
enum Work {
    Nothing,
    /// A request that waits. The task is taken out while it is being advanced.
    Job(Job, Option<Task>),
    Follow(Follow),
    Watch(Watch),
}

impl Supervisor {
    /// What has happened is told to whoever waits for it.
    pub(crate) fn tell_clients(&mut self, now: Now, notice: &Notice) {
        match notice {
            Notice::State(change) => {
                self.on_moved(now, change);
                self.tell_pages(now, change.process);
            }
            Notice::GroupAdded(id) => {
                self.clients.pages_are_stale = true;
                let group = self.groups.get(id).map(|group| String::from(group.name()));
                if let Some(name) = group {
                    self.on_addition(now, &name, None);
                }
            }
            Notice::GroupFailed { name, error } => {
                self.clients.pages_are_stale = true;
                self.on_addition(now, name, Some(error));
            }
            Notice::Daemon(_) => self.clients.pages_are_stale = true,
            Notice::ConfigRead { token, outcome } => self.on_reading(now, *token, outcome),
        }
    }

    /// What follows once all notices are told; whether there may be new ones.
    pub(crate) fn settle_clients(&mut self, now: Now) -> bool {
        let removed = core::mem::take(&mut self.clients.removed);
        let any = !removed.is_empty() || self.clients.shutdown_wanted;
        for process in removed {
            self.on_process_removed(now, process);
            for log in logs_of(process) {
                self.end_follows(now, log);
            }
        }
        self.end_if_wanted(now);
        if core::mem::take(&mut self.clients.pages_are_stale) {
            self.tell_pages_all(now);
        }
        any
    }

    /// A child runs: who only wanted it to be launched is answered.
    pub(crate) fn on_spawn_answered(&mut self, now: Now, spawn: SpawnId) {
        if let Some(id) = self.spawns.get(&spawn).copied() {
            self.on_launched(now, id);
        }
    }
}

impl Clients {
    /// Through which server a client came.
    #[cfg(feature = "serde")]
    pub(crate) fn server_of(&self, conn: ConnId) -> Option<ServerId> {
        self.sessions.get(&conn).map(|session| session.server)
    }

    pub(crate) fn watch(&mut self, process: ProcessId, conn: ConnId) {
        self.watchers.entry(process).or_default().insert(conn);
    }

    pub(crate) fn unwatch(&mut self, process: ProcessId, conn: ConnId) {
        if let Some(conns) = self.watchers.get_mut(&process) {
            conns.remove(&conn);
            if conns.is_empty() {
                self.watchers.remove(&process);
            }
        }
    }

    pub(crate) fn watchers_of(&self, process: ProcessId) -> Vec<ConnId> {
        self.watchers
            .get(&process)
            .map_or_else(Vec::new, |conns| conns.iter().copied().collect())
    }

    /// The processes a client's call waits for.
    fn awaited_by(&self, conn: ConnId) -> Vec<ProcessId> {
        match self.sessions.get(&conn).map(|session| &session.work) {
            Some(Work::Job(_, Some(Task::Processes(task)))) => task.left.keys().copied().collect(),
            Some(Work::Job(..) | Work::Nothing | Work::Follow(_) | Work::Watch(_)) | None => {
                Vec::new()
            }
        }
    }

    pub(crate) const fn pages_have_changed(&mut self) {
        self.pages_are_stale = true;
    }

    /// A process goes with its group.
    pub(crate) fn process_removed(&mut self, process: ProcessId) {
        let is_followed = logs_of(process)
            .iter()
            .any(|log| self.followers.contains_key(log));
        if is_followed || self.watchers.contains_key(&process) {
            self.removed.push(process);
        }
    }

    pub(crate) fn mint_read(&mut self, conn: ConnId) -> ReadId {
        let read = ReadId(self.next_read);
        self.next_read = self.next_read.saturating_add(1);
        self.reads.insert(read, conn);
        read
    }

    /// Takes out what a session waits for, if it is of the right kind.
    pub(crate) fn take_task(
        &mut self,
        conn: ConnId,
        right: impl Fn(&Task) -> bool,
    ) -> Option<Task> {
        match &mut self.sessions.get_mut(&conn)?.work {
            Work::Job(_, task) if task.as_ref().is_some_and(right) => task.take(),
            Work::Job(..) | Work::Nothing | Work::Follow(_) | Work::Watch(_) => None,
        }
    }

    pub(crate) fn take_processes(&mut self, conn: ConnId) -> Option<Processes> {
        match self.take_task(conn, |task| matches!(task, Task::Processes(_)))? {
            Task::Processes(processes) => Some(processes),
            Task::Read(_)
            | Task::Clear { .. }
            | Task::Reread { .. }
            | Task::Restart { .. }
            | Task::Stdin { .. }
            | Task::AddGroup { .. } => None,
        }
    }

    pub(crate) fn put_task(&mut self, conn: ConnId, put: Task) {
        if let Some(session) = self.sessions.get_mut(&conn)
            && let Work::Job(_, task) = &mut session.work
        {
            *task = Some(put);
        }
    }

    /// Forgets everything that was meant for a session.
    fn forget(&mut self, conn: ConnId) {
        let Some(session) = self.sessions.remove(&conn) else {
            return;
        };
        self.kept_bytes = self.kept_bytes.saturating_sub(session.kept_bytes);
        self.reads.retain(|_, reader| *reader != conn);
        match session.work {
            Work::Nothing => {}
            Work::Job(_, task) => self.forget_task(conn, task),
            Work::Follow(follow) => self.unfollow(follow.log(), conn),
            Work::Watch(_) => {
                self.pages.remove(&conn);
            }
        }
    }

    fn forget_task(&mut self, conn: ConnId, task: Option<Task>) {
        match task {
            Some(Task::Processes(processes)) => {
                for id in processes.left.keys() {
                    self.unwatch(*id, conn);
                }
            }
            Some(Task::Clear { left, .. }) => {
                for log in left {
                    if let Some(conns) = self.clears.get_mut(&log) {
                        conns.retain(|waiting| *waiting != conn);
                    }
                }
            }
            Some(Task::Reread { token } | Task::Restart { token }) => {
                self.readings.remove(&token);
            }
            Some(Task::AddGroup { name }) => {
                self.additions.remove(&name);
            }
            Some(Task::Stdin { spawn, .. }) => {
                if let Some(conns) = self.writers.get_mut(&spawn) {
                    conns.retain(|waiting| *waiting != conn);
                }
            }
            Some(Task::Read(_)) | None => {}
        }
    }

    fn unfollow(&mut self, log: LogId, conn: ConnId) {
        if let Some(conns) = self.followers.get_mut(&log) {
            conns.remove(&conn);
            if conns.is_empty() {
                self.followers.remove(&log);
            }
        }
    }
}
