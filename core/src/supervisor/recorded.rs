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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Config, GroupConfig, GroupKind, ProcessConfig};
    use crate::{Action, Boot, Now, Output, Pid};

    /// Whether the output of a program is looked into.
    fn looks(
        change: impl FnOnce(&mut ProcessConfig),
        events: Option<&str>,
        level: LogLevel,
    ) -> bool {
        let mut web = ProcessConfig::new("web", "/bin/web");
        change(&mut web);
        let mut config = Config::embedded().program(web);
        config.supervisord.loglevel = level;
        config.groups.extend(events.map(|event| GroupConfig {
            name: "mail".into(),
            priority: 999,
            kind: GroupKind::Listener {
                buffer_size: 10,
                events: alloc::vec![event.into()],
            },
            processes: alloc::vec![],
        }));
        let boot = Boot {
            pid: Pid(1),
            seed: [0; 32],
            foreground: true,
            messages: alloc::vec![],
        };
        let mut core = Supervisor::new(config, boot, Now::default());
        while let Output::Action(action) = core.poll_output() {
            if let Action::Spawn { spawn, .. } = action {
                return core.looks_into(spawn, Stream::Stdout);
            }
        }
        panic!("nothing was spawned")
    }

    #[test]
    fn output_is_looked_into_where_anything_depends_on_it() {
        let info = LogLevel::Info;
        assert!(!looks(|_| {}, None, info));
        assert!(looks(|web| web.stdout.syslog = true, None, info));
        assert!(looks(|web| web.stdout.capture_maxbytes = 1, None, info));
        assert!(looks(|_| {}, None, LogLevel::Debug));
        let with_events = |web: &mut ProcessConfig| web.stdout.events_enabled = true;
        assert!(looks(with_events, Some("PROCESS_LOG"), info));
        // Nobody wants these events, or there are none.
        assert!(!looks(with_events, None, info));
        assert!(!looks(with_events, Some("PROCESS_STATE"), info));
        assert!(!looks(|_| {}, Some("PROCESS_LOG"), info));
    }
}
