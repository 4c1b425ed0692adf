//! What recordings must know of a supervisor.

use super::Supervisor;
use crate::config::ServerConfig;
use crate::http::auth::Gate;
use crate::{ConnId, LogLevel, SpawnId, Stream};

impl Supervisor {
    /// Whether anything depends on what a child writes to a stream besides how much it is:
    /// captures, escape sequences, the system's log, the listener protocol, or an activity log that
    /// shows it. Events only pass it on, with its length in characters, but what is no text is told
    /// in other words, and a character may be cut where a read ends: of ASCII neither is so.
    pub(crate) fn looks_into(&self, spawn: SpawnId, stream: Stream, data: &[u8]) -> bool {
        let id = self.spawns.get(&spawn);
        let Some((id, process)) = id.and_then(|id| Some((*id, self.processes.get(id)?))) else {
            return false;
        };
        let channel = match stream {
            Stream::Stdout => &process.stdout,
            Stream::Stderr => &process.stderr,
        };
        if self.activity.wants(LogLevel::Debug) || channel.looks_inside() {
            return true;
        }
        if channel.makes_events() {
            // Those of a listener's protocol never do.
            let is_plain = channel.log_text.is_empty() && data.is_ascii();
            return !is_plain && self.wants_log_events(id, stream);
        }
        stream == Stream::Stdout && self.is_listener(id)
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
    use crate::{Action, Boot, Input, Now, Output, Pid};

    /// A daemon with one program, and its spawn.
    fn daemon(
        change: impl FnOnce(&mut ProcessConfig),
        events: Option<&str>,
        level: LogLevel,
    ) -> (Supervisor, SpawnId) {
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
        started(config)
    }

    fn started(config: Config) -> (Supervisor, SpawnId) {
        let boot = Boot {
            pid: Pid(1),
            seed: [0; 32],
            foreground: true,
            messages: alloc::vec![],
        };
        let mut core = Supervisor::new(config, boot, Now::default());
        while let Output::Action(action) = core.poll_output() {
            if let Action::Spawn { spawn, .. } = action {
                return (core, spawn);
            }
        }
        panic!("nothing was spawned")
    }

    /// Whether text, plain and other, is looked into.
    fn looks(
        change: impl FnOnce(&mut ProcessConfig),
        events: Option<&str>,
        level: LogLevel,
    ) -> [bool; 2] {
        let (core, spawn) = daemon(change, events, level);
        ["plain", "\u{e9}"].map(|text| core.looks_into(spawn, Stream::Stdout, text.as_bytes()))
    }

    #[test]
    fn output_is_looked_into_where_anything_depends_on_it() {
        let info = LogLevel::Info;
        let (never, always) = ([false; 2], [true; 2]);
        assert_eq!(looks(|_| {}, None, info), never);
        assert_eq!(looks(|web| web.stdout.syslog = true, None, info), always);
        assert_eq!(
            looks(|web| web.stdout.capture_maxbytes = 1, None, info),
            always
        );
        assert_eq!(looks(|_| {}, None, LogLevel::Debug), always);
        let with_events = |web: &mut ProcessConfig| web.stdout.events_enabled = true;
        assert_eq!(looks(with_events, Some("PROCESS_LOG"), info), [false, true]);
        // Nobody wants these events, or there are none.
        assert_eq!(looks(with_events, None, info), never);
        assert_eq!(looks(with_events, Some("PROCESS_STATE"), info), never);
        assert_eq!(looks(|_| {}, Some("PROCESS_LOG"), info), never);
    }

    #[test]
    fn plain_text_behind_half_a_character_is_looked_into() {
        let with_events = |web: &mut ProcessConfig| web.stdout.events_enabled = true;
        let (mut core, spawn) = daemon(with_events, Some("PROCESS_LOG"), LogLevel::Info);
        core.handle_input(Now::default(), Input::Spawned { spawn, pid: Pid(7) });
        let stream = Stream::Stdout;
        let mut looks_after = |data: &'static [u8]| {
            let data = data.into();
            let output = Input::ChildOutput {
                spawn,
                stream,
                data,
            };
            core.handle_input(Now::default(), output);
            core.looks_into(spawn, stream, b"plain")
        };
        assert!(!looks_after(b"plain"));
        assert!(looks_after(b"caf\xc3"));
        assert!(!looks_after(b"\xa9"));
    }

    #[test]
    fn what_a_listener_says_in_the_protocol_is_looked_into() {
        let group = GroupConfig {
            name: "mail".into(),
            priority: 999,
            kind: GroupKind::Listener {
                buffer_size: 10,
                events: alloc::vec!["TICK".into()],
            },
            processes: alloc::vec![ProcessConfig::new("mail", "/bin/mail").into()],
        };
        let mut config = Config::embedded();
        config.groups.push(group);
        let (core, spawn) = started(config);
        let looks = |stream| core.looks_into(spawn, stream, b"x");
        assert_eq!([Stream::Stdout, Stream::Stderr].map(looks), [true, false]);
    }

    #[test]
    fn of_a_child_that_is_not_known_nothing_is_looked_into() {
        let (core, _) = daemon(|web| web.stdout.syslog = true, None, LogLevel::Info);
        assert!(!core.looks_into(SpawnId(u64::MAX), Stream::Stdout, b"x"));
    }
}
