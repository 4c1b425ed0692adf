//! A group: the unit that is added, removed, started and stopped together.

use crate::config::{GroupConfig, GroupKind, LogTarget, ProcessConfig, ServerAddress};
use crate::config::{ServerConfig, SupervisordConfig};
use crate::output::Channel;
use crate::process::Process;
use crate::text::{py_repr, shell_words};
use crate::{GroupId, ProcessId, SpawnError, SpawnSpec, StdinSpec, Stream};
use alloc::{format, string::String, sync::Arc, vec::Vec};

/// A group that is active.
#[derive(Clone, Debug)]
pub(crate) struct Group {
    pub(crate) id: GroupId,
    pub(crate) config: Arc<GroupConfig>,
    /// Sorted by (priority, name).
    pub(crate) processes: Vec<ProcessId>,
    by_name: Vec<(Arc<ProcessConfig>, ProcessId)>,
    /// Its socket is being tried; until that is answered, nothing is started.
    pub(crate) pending: bool,
}

impl Group {
    pub(crate) fn new(id: GroupId, config: Arc<GroupConfig>, first: ProcessId) -> Self {
        let mut sorted: Vec<&Arc<ProcessConfig>> = config.processes.iter().collect();
        sorted.sort_by(|a, b| (a.priority, &a.name).cmp(&(b.priority, &b.name)));
        let ids = (first.0..).map(ProcessId);
        let mut by_name: Vec<_> = sorted.into_iter().cloned().zip(ids).collect();
        let processes = by_name.iter().map(|(_, id)| *id).collect();
        by_name.sort_by(|(a, _), (b, _)| a.name.cmp(&b.name));
        Self {
            id,
            pending: false,
            processes,
            by_name,
            config,
        }
    }

    pub(crate) fn name(&self) -> &str {
        &self.config.name
    }

    pub(crate) fn process(&self, name: &str) -> Option<ProcessId> {
        let search = |(config, _): &(Arc<ProcessConfig>, _)| config.name.as_str().cmp(name);
        let at = self.by_name.binary_search_by(search).ok()?;
        self.by_name.get(at).map(|(_, id)| *id)
    }

    /// Processes by name: the order of `getAllProcessInfo`.
    pub(crate) fn by_name(&self) -> impl Iterator<Item = (&str, ProcessId)> {
        self.by_name
            .iter()
            .map(|(config, id)| (config.name.as_str(), *id))
    }
}

/// What the processes of a group need to know of the daemon.
pub(crate) struct Daemon<'a> {
    pub(crate) config: &'a SupervisordConfig,
    /// What `SUPERVISOR_SERVER_URL` says, unless a program says otherwise.
    pub(crate) server_url: Option<&'a str>,
    pub(crate) names: &'a mut Names,
}

impl Daemon<'_> {
    /// A process of a group, not yet started.
    pub(crate) fn process(
        &mut self,
        id: ProcessId,
        group: &Group,
        config: Arc<ProcessConfig>,
        birth: Arc<Birth>,
    ) -> Process {
        let stdout = self.channel(id, group, Stream::Stdout, &config);
        let stderr = if config.redirect_stderr {
            Channel::unused(Stream::Stderr)
        } else {
            self.channel(id, group, Stream::Stderr, &config)
        };
        Process::new(id, group.id, config, birth, stdout, stderr)
    }

    fn channel(
        &mut self,
        id: ProcessId,
        group: &Group,
        stream: Stream,
        config: &ProcessConfig,
    ) -> Channel {
        let is_listener = matches!(group.config.kind, GroupKind::Listener { .. });
        let (output, protocol) = match stream {
            Stream::Stdout => (&config.stdout, is_listener),
            Stream::Stderr => (&config.stderr, false),
        };
        let strip_ansi = self.config.strip_ansi;
        let (daemon, names) = (self.config, &mut *self.names);
        Channel::new(id, stream, output, (protocol, strip_ansi), || {
            format!(
                "{}/{}-{}---{}-{}.log",
                daemon.childlogdir.trim_end_matches('/'),
                config.name,
                stream.name(),
                daemon.identifier,
                names.next()
            )
        })
    }

    /// What the births of all processes of a group have in common.
    pub(crate) fn birth(&self, group: &Group) -> Birth {
        Birth {
            group: group.id,
            config: group.config.clone(),
            server_url: self.server_url.map(String::from),
            environment: self.config.environment.clone(),
        }
    }
}

/// What it takes to start the processes of a group, besides what each of them says itself. What is
/// spawned is worked out at each start: kept, it would be half of what a process costs.
#[derive(Debug)]
pub(crate) struct Birth {
    group: GroupId,
    config: Arc<GroupConfig>,
    server_url: Option<String>,
    /// The daemon's.
    environment: Vec<(String, String)>,
}

impl Birth {
    /// Whose socket the processes have as standard input, if they have one.
    pub(crate) fn socket(&self) -> Option<GroupId> {
        match self.config.kind {
            GroupKind::Plain | GroupKind::Listener { .. } => None,
            GroupKind::Fcgi(_) => Some(self.group),
        }
    }

    /// What to spawn, or why that cannot be said.
    pub(crate) fn spec(&self, config: &ProcessConfig) -> Result<Arc<SpawnSpec>, SpawnError> {
        let argv = shell_words(&config.command).map_err(|error| {
            let command = py_repr(&config.command);
            SpawnError::BadCommand(format!("can't parse command {command}: {error}"))
        })?;
        if argv.is_empty() {
            return Err(SpawnError::BadCommand(String::from("command is empty")));
        }
        let path = config
            .environment
            .iter()
            .rev()
            .find(|(key, _)| key == "PATH")
            .map(|(_, path)| path.clone());
        Ok(Arc::new(SpawnSpec {
            name: config.name.clone(),
            argv,
            path,
            environment: self.environment(config),
            directory: config.directory.clone(),
            umask: config.umask,
            user: config.user.clone(),
            stdin: self.socket().map_or(StdinSpec::Pipe, StdinSpec::Socket),
            redirect_stderr: config.redirect_stderr,
        }))
    }

    fn environment(&self, config: &ProcessConfig) -> Vec<(String, String)> {
        let group = self.config.name.clone();
        let mut environment = alloc::vec![
            (String::from("SUPERVISOR_ENABLED"), String::from("1")),
            (String::from("SUPERVISOR_PROCESS_NAME"), config.name.clone()),
            (String::from("SUPERVISOR_GROUP_NAME"), group),
        ];
        if let Some(url) = config.serverurl.as_ref().or(self.server_url.as_ref()) {
            environment.push((String::from("SUPERVISOR_SERVER_URL"), url.clone()));
        }
        // What was read from a file has the daemon's entries in each program already.
        let own = &config.environment;
        let given = self.environment.iter();
        environment.extend(
            given
                .filter(|(key, _)| !own.iter().any(|(name, _)| name == key))
                .cloned(),
        );
        environment.extend(own.iter().cloned());
        environment
    }
}

/// Where a daemon with these servers can be reached from this machine: the first Unix socket, else
/// the first TCP port.
pub(crate) fn server_url(servers: &[ServerConfig]) -> Option<String> {
    let unix = servers.iter().find_map(|server| match &server.address {
        ServerAddress::Unix { path, .. } => Some(format!("unix://{path}")),
        ServerAddress::Tcp { .. } => None,
    });
    unix.or_else(|| {
        servers.iter().find_map(|server| match &server.address {
            ServerAddress::Unix { .. } => None,
            ServerAddress::Tcp { host, port } => Some(if host.is_empty() {
                format!("http://localhost:{port}")
            } else if host.contains(':') {
                format!("http://[{host}]:{port}")
            } else {
                format!("http://{host}:{port}")
            }),
        })
    })
}

/// Whether a stream's file is named by the daemon.
pub(crate) const fn is_auto(target: &LogTarget) -> bool {
    matches!(target, LogTarget::Auto)
}

/// Unpredictable parts of file names, from the seed the runtime gave.
#[derive(Clone, Debug)]
pub(crate) struct Names(u64);

impl Names {
    pub(crate) fn new(seed: &[u8; 32]) -> Self {
        let mut first = [0; 8];
        first.copy_from_slice(seed.split_at(8).0);
        Self(u64::from_le_bytes(first))
    }

    /// Eight characters, as the reference's temporary file names have.
    pub(crate) fn next(&mut self) -> String {
        const LETTERS: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyz012345";
        // SplitMix64: every seed gives a full period, and neighbours do not look alike.
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^= z >> 31;
        (0..8)
            .map(|i| {
                let index = usize::from((z >> (i * 5)) as u8 & 31);
                char::from(LETTERS.get(index).copied().unwrap_or(b'_'))
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_differ_and_follow_from_the_seed() {
        let mut a = Names::new(&[7; 32]);
        let mut b = Names::new(&[7; 32]);
        let (first, second) = (a.next(), a.next());
        assert_eq!(first.len(), 8);
        assert_ne!(first, second);
        assert_eq!(first, b.next());
    }

    #[test]
    fn a_program_of_an_embedded_supervisor_has_the_daemon_s_environment_under_its_own() {
        use crate::{Boot, Output, Supervisor};
        use alloc::vec;
        let pair = |name: &str, value: &str| (String::from(name), String::from(value));
        let mut web = crate::config::ProcessConfig::new("web", "/bin/web");
        web.environment = vec![pair("B", "own"), pair("C", "own")];
        let mut config = crate::config::Config::embedded().program(web);
        config.supervisord.environment = vec![pair("A", "daemon"), pair("B", "daemon")];
        let boot = Boot {
            pid: crate::Pid(1),
            seed: [0; 32],
            foreground: true,
            messages: vec![],
        };
        let mut supervisor = Supervisor::new(config, boot, crate::Now::default());
        let environment = loop {
            match supervisor.poll_output() {
                Output::Action(crate::Action::Spawn { spec, .. }) => {
                    break spec.environment.clone();
                }
                Output::Action(_) => {}
                Output::Wait(_) => panic!("nothing was spawned"),
            }
        };
        let own = [pair("A", "daemon"), pair("B", "own"), pair("C", "own")];
        assert_eq!(environment[3..], own);
    }
}
