//! What recordings must know of a supervisor.

use super::Supervisor;
use crate::config::ServerConfig;
use crate::http::auth::Gate;
use crate::process::Process;
use crate::{ConnId, LogLevel, ProcessId, SpawnId, Stream};

impl Supervisor {
    /// Whether anything depends on what a child writes to a stream besides how much it is: then
    /// events, captures, escape sequences, the system's log, the listener protocol, or an activity
    /// log that shows it.
    pub(crate) fn looks_into(&self, spawn: SpawnId, stream: Stream) -> bool {
        let process = self.spawns.get(&spawn);
        process.is_some_and(|id| self.looks_into_output(*id, stream))
    }

    /// The same for the log of a process.
    pub(crate) fn looks_into_output(&self, id: ProcessId, stream: Stream) -> bool {
        let channel = |process: &Process| match stream {
            Stream::Stdout => process.stdout.looks_inside(),
            Stream::Stderr => process.stderr.looks_inside(),
        };
        self.activity.wants(LogLevel::Debug)
            || self
                .processes
                .get(&id)
                .is_some_and(|process| channel(process))
            || self.wants_log_events(id, stream)
            || self.is_listener(id)
    }

    /// Whether what is written to a child's standard input is made here: events for a listener.
    pub(crate) fn is_listening(&self, spawn: SpawnId) -> bool {
        let process = self.spawns.get(&spawn);
        process.is_some_and(|id| self.is_listener(*id))
    }

    /// Whether an `Authorization` header's value opens the server a client came through.
    pub(crate) fn admits(&self, conn: ConnId, value: &[u8]) -> bool {
        let server = self.clients.server_of(conn);
        let server = server.and_then(|server| self.servers.get(&server));
        server.is_none_or(|server| gate(server, self.marked).admits(Some(value)))
    }

    /// From now on clients have the marks of a masked recording instead of passwords.
    pub(crate) fn expect_marks(&mut self) {
        self.marked = true;
    }
}

/// Who may use a server. `marked`: those with the marks of a masked recording.
pub(crate) fn gate(server: &ServerConfig, marked: bool) -> Gate {
    if marked && server.credentials.is_some() {
        Gate::marked()
    } else {
        Gate::new(server.credentials.as_ref())
    }
}
