//! Configurations made by a program instead of read from a file.

use super::{Config, GroupConfig, GroupKind, LogTarget, ProcessConfig};
use alloc::string::String;

impl Config {
    /// A supervisor inside another program: no activity log, no console, no pidfile, no servers,
    /// and nothing is cleaned up. Processes have no logs either until they are given some.
    ///
    /// ```
    /// use visor_core::config::{AutoRestart, Config, ProcessConfig};
    /// let mut cache = ProcessConfig::new("cache", "/usr/bin/redis-server --port 7001");
    /// cache.autorestart = AutoRestart::Always;
    /// let config = Config::embedded()
    ///     .program(cache)
    ///     .group("workers", 1000, (0..4).map(|n| {
    ///         ProcessConfig::new(&format!("worker{n}"), "/usr/bin/worker")
    ///     }));
    /// assert_eq!(config.groups.len(), 2);
    /// ```
    #[must_use]
    pub fn embedded() -> Self {
        let mut config = Self::default();
        let daemon = &mut config.supervisord;
        daemon.logfile = LogTarget::None;
        daemon.pidfile = String::new();
        daemon.nodaemon = true;
        daemon.silent = true;
        daemon.nocleanup = true;
        config
    }

    /// Adds a process in a group of its own, which has its name and priority. AUTO logs become none: a
    /// program that wants logs names files.
    #[must_use]
    pub fn program(self, process: ProcessConfig) -> Self {
        let (name, priority) = (process.name.clone(), process.priority);
        self.group(&name, priority, [process])
    }

    /// Adds a group of processes. Groups start in ascending order of (priority, name).
    #[must_use]
    pub fn group(
        mut self,
        name: &str,
        priority: i64,
        processes: impl IntoIterator<Item = ProcessConfig>,
    ) -> Self {
        let processes = processes
            .into_iter()
            .map(|mut process| {
                for output in [&mut process.stdout, &mut process.stderr] {
                    if output.logfile == LogTarget::Auto {
                        output.logfile = LogTarget::None;
                    }
                }
                process.into()
            })
            .collect();
        self.groups.push(GroupConfig {
            name: name.into(),
            priority,
            kind: GroupKind::Plain,
            processes,
        });
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Credentials;
    use alloc::format;

    #[test]
    fn an_embedded_supervisor_keeps_no_files() {
        let config = Config::embedded();
        let daemon = &config.supervisord;
        assert_eq!(daemon.logfile, LogTarget::None);
        assert_eq!(daemon.pidfile, "");
        assert!(daemon.nodaemon && daemon.silent && daemon.nocleanup);
        assert!(config.groups.is_empty() && config.servers.is_empty());
    }

    #[test]
    fn a_program_is_a_group_of_its_own_without_automatic_logs() {
        let mut web = ProcessConfig::new("web", "/bin/web");
        web.priority = 7;
        web.stderr.logfile = LogTarget::File("/log/web".into());
        let config =
            Config::embedded()
                .program(web)
                .group("g", 3, [ProcessConfig::new("a", "/bin/a")]);
        let [web, g] = &config.groups[..] else {
            panic!("{:?}", config.groups);
        };
        assert_eq!((web.name.as_str(), web.priority), ("web", 7));
        assert_eq!(web.processes[0].stdout.logfile, LogTarget::None);
        let named = LogTarget::File("/log/web".into());
        assert_eq!(web.processes[0].stderr.logfile, named);
        assert_eq!((g.name.as_str(), g.priority), ("g", 3));
        assert_eq!(g.processes[0].name, "a");
    }

    #[test]
    fn what_is_shown_for_debugging_has_no_password() {
        let credentials = Credentials {
            username: "bob".into(),
            password: "secret".into(),
        };
        assert_eq!(format!("{credentials:?}"), "Credentials(***)");
    }
}
