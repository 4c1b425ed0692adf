//! The daemon's own life: it opens, runs, restarts, ends.

use super::{Due, Supervisor};
use crate::activity::Activity;
use crate::config::{GroupConfig, LogTarget, ServerConfig};
use crate::cx::Mood;
use crate::group::server_url;
use crate::logfile::LogFile;
use crate::notice::Notice;
use crate::process::Event;
use crate::{
    Action, GroupId, ListenError, LogId, LogLevel, Now, ReadConfig, RecordingEnd, ServerId, Signal,
};
use alloc::{format, string::String, sync::Arc, vec::Vec};
use core::time::Duration;

/// How often the log says who keeps the daemon from ending.
const STOPPING_REPORT: Duration = Duration::from_secs(3);
/// How often the log says that a client waits for a process to stop.
const STOP_WAIT_REPORT: Duration = Duration::from_secs(2);

/// How far the daemon has come.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum Phase {
    /// Servers and sockets are being opened.
    Opening {
        /// The daemon has just started: what cannot be opened is the end of it.
        first: bool,
        /// Answers to come.
        waiting: u32,
        /// The first thing that could not be opened.
        failed: Option<String>,
    },
    /// The pidfile is being written.
    WritingPidfile,
    /// Processes may run.
    Up,
    /// `Exit` was said.
    Ended,
}

/// Groups are stopped one after the other, last started first.
#[derive(Clone, Debug)]
pub(super) struct Stopping {
    /// Groups not wholly stopped, in start order.
    groups: Vec<GroupId>,
    /// Whether the last of them has been asked.
    asked: bool,
    /// Where in it one was not stopped yet: a look at all of it for each that ends would cost more
    /// than the end.
    unstopped: usize,
}

/// Why the configuration is being read.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Reading {
    /// Which request.
    pub(crate) token: u64,
    /// To start anew with it, not only to see what has changed.
    pub(crate) restart: bool,
}

impl Supervisor {
    /// Starts anew with a configuration: at the very start, and after everything was stopped for a
    /// restart.
    pub(super) fn begin(&mut self, now: Now, read: ReadConfig) {
        let first = matches!(self.phase, Phase::Opening { .. });
        self.activity.close(&mut self.out);
        self.config = read.config;
        self.available = core::mem::take(&mut self.config.groups)
            .into_iter()
            .map(Arc::new)
            .collect();
        self.server_url = server_url(&self.config.servers);
        self.mood = Mood::Running;
        self.stopping = None;
        self.open_activity();
        self.log_messages(now, &read.messages);
        let daemon = &self.config.supervisord;
        if !daemon.nocleanup {
            self.out.push_back(Action::CleanAutoLogs {
                directory: daemon.childlogdir.clone(),
                identifier: daemon.identifier.clone(),
            });
        }
        // One answer more than there are, so that none of them can be the last before all are asked.
        self.phase = Phase::Opening {
            first,
            waiting: 1,
            failed: None,
        };
        for config in self.available.clone() {
            let is_fcgi = is_fcgi(&config);
            self.activate(now, config);
            if is_fcgi {
                self.expect_one();
            }
        }
        self.listen();
        self.opened_one(now);
    }

    fn open_activity(&mut self) {
        let daemon = &self.config.supervisord;
        let file = match &daemon.logfile {
            LogTarget::File(path) => Some(LogFile::new(
                LogId::Activity,
                path.clone(),
                daemon.logfile_maxbytes,
                daemon.logfile_backups,
            )),
            LogTarget::None | LogTarget::Auto | LogTarget::Syslog => None,
        };
        let console = self.boot.foreground && !daemon.silent;
        let syslog = daemon.logfile == LogTarget::Syslog;
        self.activity = Activity::new(daemon.loglevel, file, console, syslog);
        self.activity.open(&mut self.out);
    }

    /// What was to be said before there was a log: the worst first.
    fn log_messages(&mut self, now: Now, messages: &[(LogLevel, String)]) {
        for level in LogLevel::ALL {
            for (_, text) in messages.iter().filter(|(l, _)| *l == level) {
                self.log(now, level, format_args!("{text}"));
            }
        }
    }

    /// Servers that stay where they are stay open: nobody is refused during a restart.
    fn listen(&mut self) {
        let mut old = core::mem::take(&mut self.servers);
        for config in self.config.servers.clone() {
            let same = old
                .iter()
                .find(|(_, old)| old.address == config.address)
                .map(|(id, _)| *id);
            match same {
                Some(id) => {
                    old.remove(&id);
                    self.servers.insert(id, config);
                }
                None => self.listen_to(config),
            }
        }
        for server in old.into_keys() {
            self.out.push_back(Action::Unlisten { server });
        }
    }

    fn listen_to(&mut self, config: ServerConfig) {
        let server = ServerId(self.next_server);
        self.next_server = self.next_server.saturating_add(1);
        self.out.push_back(Action::Listen {
            server,
            config: config.clone(),
        });
        self.servers.insert(server, config);
        self.expect_one();
    }

    fn expect_one(&mut self) {
        if let Phase::Opening { waiting, .. } = &mut self.phase {
            *waiting = waiting.saturating_add(1);
        }
    }

    pub(super) fn on_listening(&mut self, now: Now, server: ServerId) {
        let Some(config) = self.servers.get(&server) else {
            return;
        };
        let unguarded = config.credentials.is_none().then(|| config.section.clone());
        for name in self.config.rpc_interfaces.clone() {
            self.log(
                now,
                LogLevel::Info,
                format_args!("RPC interface '{name}' initialized"),
            );
        }
        if let Some(section) = unguarded {
            self.log(
                now,
                LogLevel::Critical,
                format_args!("Server '{section}' running without any HTTP authentication checking"),
            );
        }
        self.opened_one(now);
    }

    pub(super) fn on_listen_failed(&mut self, now: Now, server: ServerId, error: &ListenError) {
        if self.servers.remove(&server).is_none() {
            return;
        }
        let text = match error {
            ListenError::InUse => String::from(
                "Another program is already listening on a port that one of our HTTP servers is \
                 configured to use.  Shut this program down first before starting supervisord.",
            ),
            ListenError::Os { name, number } => {
                format!("Cannot open an HTTP server: socket.error reported errno.{name} ({number})")
            }
            ListenError::Other(text) => format!("Cannot open an HTTP server: {text}"),
        };
        match &mut self.phase {
            Phase::Opening {
                first: true,
                failed,
                ..
            } => {
                failed.get_or_insert(text);
            }
            // The daemon does not die of it: its children are worth more than this server.
            Phase::Opening { .. } | Phase::WritingPidfile | Phase::Up | Phase::Ended => {
                self.log(now, LogLevel::Error, format_args!("{text}"));
            }
        }
        self.opened_one(now);
    }

    pub(super) fn socket_failed_at_start(&mut self, error: &str) {
        if let Phase::Opening {
            first: true,
            failed,
            ..
        } = &mut self.phase
        {
            failed.get_or_insert_with(|| String::from(error));
        }
    }

    /// One answer less to wait for. After the last, the pidfile is written.
    pub(super) fn opened_one(&mut self, now: Now) {
        let Phase::Opening {
            first,
            waiting,
            failed,
        } = &mut self.phase
        else {
            return;
        };
        *waiting = waiting.saturating_sub(1);
        if *waiting > 0 {
            return;
        }
        if let Some(error) = failed.take() {
            self.out
                .push_back(Action::Diagnose(format!("Error: {error}")));
            self.end(2);
            return;
        }
        if *first && !self.boot.foreground {
            self.log(
                now,
                LogLevel::Info,
                format_args!("daemonizing the supervisord process"),
            );
            if let Some(directory) = self.config.supervisord.directory.clone() {
                let directory = crate::text::py_repr(&directory);
                self.log(
                    now,
                    LogLevel::Info,
                    format_args!("set current directory: {directory}"),
                );
            }
        }
        let path = self.config.supervisord.pidfile.clone();
        if path.is_empty() {
            self.up(now);
        } else {
            self.phase = Phase::WritingPidfile;
            self.out.push_back(Action::WritePidfile { path });
        }
    }

    pub(super) fn on_pidfile_written(&mut self, now: Now, result: Result<(), String>) {
        if self.phase != Phase::WritingPidfile {
            return;
        }
        let path = &self.config.supervisord.pidfile;
        match result {
            Ok(()) => {
                self.pidfile = Some(path.clone());
                let pid = self.boot.pid;
                self.log(
                    now,
                    LogLevel::Info,
                    format_args!("supervisord started with pid {pid}"),
                );
            }
            Err(reason) => {
                let text = format!("could not write pidfile {path}: {reason}");
                self.log(now, LogLevel::Critical, format_args!("{text}"));
            }
        }
        self.up(now);
    }

    pub(super) fn on_recording_ended(&mut self, now: Now, end: &RecordingEnd) {
        match end {
            RecordingEnd::Full { bytes_max } => self.log(
                now,
                LogLevel::Warn,
                format_args!(
                    "the recording has its maximal size of {bytes_max} bytes and ends here"
                ),
            ),
            RecordingEnd::Failed { error } => self.log(
                now,
                LogLevel::Error,
                format_args!("the recording ends here, it could not be written: {error}"),
            ),
        }
    }

    /// Everything is open: processes may start.
    fn up(&mut self, now: Now) {
        self.phase = Phase::Up;
        self.out.push_back(Action::Ready);
        // A stop that was asked for in the meantime goes first.
        if self.mood == Mood::Running {
            self.notices.push_back(Notice::Daemon(Mood::Running));
            self.begin_launch();
            for group in self.groups_in_order().collect::<Vec<_>>() {
                self.autostart(now, group);
            }
        }
    }

    /// `Exit` was said: whatever happens now is nobody's concern any more.
    pub(super) fn has_ended(&self) -> bool {
        self.phase == Phase::Ended
    }

    pub(super) fn is_up(&self) -> bool {
        self.phase == Phase::Up
    }

    pub(super) fn on_signal(&mut self, now: Now, signal: Signal) {
        match signal {
            Signal::TERM | Signal::INT | Signal::QUIT => {
                self.log(
                    now,
                    LogLevel::Warn,
                    format_args!("received {signal} indicating exit request"),
                );
                self.stop_daemon(now, Mood::Shutdown);
            }
            Signal::HUP if self.mood == Mood::Shutdown => self.log(
                now,
                LogLevel::Warn,
                format_args!("ignored {signal} indicating restart request (shutdown in progress)"),
            ),
            Signal::HUP => {
                self.log(
                    now,
                    LogLevel::Warn,
                    format_args!("received {signal} indicating restart request"),
                );
                self.read_config(true);
            }
            Signal::USR2 => {
                self.log(
                    now,
                    LogLevel::Info,
                    format_args!("received {signal} indicating log reopen request"),
                );
                self.reopen_logs(now);
            }
            signal => self.log(
                now,
                LogLevel::Debug,
                format_args!("received {signal} indicating nothing"),
            ),
        }
    }

    /// Asks for the configuration. The outcome is a notice with the token that is returned; after
    /// a good one for a restart, the daemon begins to stop.
    pub(crate) fn read_config(&mut self, restart: bool) -> u64 {
        let token = self.next_reading;
        self.next_reading = self.next_reading.saturating_add(1);
        self.readings.push_back(Reading { token, restart });
        self.out.push_back(Action::ReadConfig);
        token
    }

    pub(super) fn on_config_read(
        &mut self,
        now: Now,
        result: Result<alloc::boxed::Box<ReadConfig>, String>,
    ) {
        let Some(reading) = self.readings.pop_front() else {
            return;
        };
        let outcome = match result {
            Err(error) => {
                if reading.restart {
                    self.log(
                        now,
                        LogLevel::Error,
                        format_args!("cannot restart, everything goes on as before: {error}"),
                    );
                }
                Err(error)
            }
            Ok(read) if reading.restart => {
                if self.mood != Mood::Shutdown {
                    self.restart_with = Some(*read);
                    self.stop_daemon(now, Mood::Restarting);
                }
                Ok(())
            }
            Ok(read) => {
                for (level, text) in &read.messages {
                    if *level >= LogLevel::Warn {
                        self.log(now, *level, format_args!("{text}"));
                    }
                }
                self.available = read.config.groups.into_iter().map(Arc::new).collect();
                Ok(())
            }
        };
        self.notices.push_back(Notice::ConfigRead {
            token: reading.token,
            outcome,
        });
    }

    /// Begins to stop everything. A shutdown overrules a restart, not the other way round.
    pub(crate) fn stop_daemon(&mut self, now: Now, mood: Mood) {
        if self.mood == Mood::Shutdown {
            return;
        }
        self.mood = mood;
        if self.stopping.is_some() {
            return;
        }
        self.notices.push_back(Notice::Daemon(mood));
        self.give_up_launch();
        self.stopping = Some(Stopping {
            groups: self.groups_in_order().collect(),
            asked: false,
            unstopped: 0,
        });
        // Nothing is retried from now on: do not wake up for it.
        for (id, process) in &self.processes {
            let deadline = process.deadline(false);
            self.deadlines.set(Due::Process(*id), deadline);
        }
        self.continue_stopping(now);
        self.report_stopping(now);
    }

    /// Asks the last group that is not wholly stopped, or ends when there is none. Returns whether
    /// it did anything.
    pub(super) fn continue_stopping(&mut self, now: Now) -> bool {
        let mut any = false;
        while let Some(stopping) = &mut self.stopping {
            let Some(group) = stopping.groups.last().copied() else {
                self.stopping = None;
                self.all_stopped(now);
                return true;
            };
            let from = stopping.unstopped;
            if !core::mem::replace(&mut stopping.asked, true) {
                any = true;
                for process in self.group_processes(group).into_iter().rev() {
                    self.send(now, process, Event::StopAll);
                }
            }
            let unstopped = self.unstopped_from(group, from);
            if let Some(stopping) = &mut self.stopping {
                stopping.unstopped = unstopped.unwrap_or(0);
                if unstopped.is_some() {
                    return any;
                }
                stopping.groups.pop();
                stopping.asked = false;
            }
            any = true;
        }
        any
    }

    pub(super) fn report_stopping(&mut self, now: Now) {
        if self.stopping.is_none() {
            return;
        }
        // The last one may have ended in the moment of a report.
        let names = self.unstopped().join(", ");
        if !names.is_empty() {
            let text = format_args!("waiting for {names} to die");
            self.log(now, LogLevel::Info, text);
        }
        self.deadlines
            .set(Due::Stopping, Some(now.mono + STOPPING_REPORT));
    }

    fn unstopped(&self) -> Vec<String> {
        self.groups_in_order()
            .flat_map(|group| self.group_processes(group))
            .filter_map(|id| self.processes.get(&id))
            .filter(|process| !process.state().is_stopped())
            .map(|process| process.config.name.clone())
            .collect()
    }

    fn all_stopped(&mut self, now: Now) {
        self.deadlines.set(Due::Stopping, None);
        match self
            .restart_with
            .take()
            .filter(|_| self.mood == Mood::Restarting)
        {
            Some(read) => {
                for group in self.groups_in_order().collect::<Vec<_>>() {
                    self.forget_group(group);
                }
                self.notices.clear();
                self.phase = Phase::Up;
                self.begin(now, read);
            }
            None => self.end(0),
        }
    }

    fn end(&mut self, status: i32) {
        for server in core::mem::take(&mut self.servers).into_keys() {
            self.out.push_back(Action::Unlisten { server });
        }
        self.sockets.close_all(&mut self.out);
        if let Some(path) = self.pidfile.take() {
            self.out.push_back(Action::RemovePidfile { path });
        }
        self.phase = Phase::Ended;
        self.activity.close(&mut self.out);
        // What is still handed on, events that nobody will get, has nothing to say any more.
        self.activity = Activity::silent();
        self.out.push_back(Action::Exit(status));
    }

    /// A client waits for this process to stop: the log says so, now and again.
    pub(crate) fn report_stop_wait(&mut self, now: Now, id: crate::ProcessId) {
        let Some(process) = self.processes.get(&id) else {
            return;
        };
        if process.state() != crate::ProcessState::Stopping {
            return;
        }
        let name = process.config.name.clone();
        self.log(
            now,
            LogLevel::Info,
            format_args!("waiting for {name} to stop"),
        );
        self.deadlines
            .set(Due::StopReport(id), Some(now.mono + STOP_WAIT_REPORT));
    }

    fn reopen_logs(&mut self, now: Now) {
        self.activity.reopen(now, &mut self.out);
        self.log(now, LogLevel::Info, format_args!("supervisord logreopen"));
        for process in self.processes.values_mut() {
            for channel in [&mut process.stdout, &mut process.stderr] {
                if let Some(file) = channel.file_mut() {
                    file.reopen(now, &mut self.out);
                }
            }
        }
    }
}

fn is_fcgi(config: &GroupConfig) -> bool {
    match config.kind {
        crate::config::GroupKind::Fcgi(_) => true,
        crate::config::GroupKind::Plain | crate::config::GroupKind::Listener { .. } => false,
    }
}
