//! A daemon under test: how it is configured, started, asked and ended.

use super::processes::{Known, descendants};
use super::{Directory, Endpoint, LIMIT, Runtime, Value, call, send_signal, until, until_within};
use rustix::process::Signal;
use std::ffi::OsString;
use std::fs::File;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

/// A configuration to be started. `{dir}` in any text stands for the test's directory.
#[derive(Debug)]
pub struct Setup {
    /// The test's directory, where the daemon runs and puts everything.
    pub directory: Directory,
    runtime: Runtime,
    supervisord: String,
    rest: String,
    flags: Vec<String>,
    environment: Vec<(String, String)>,
    wrapper: Vec<String>,
    server: String,
}

impl Setup {
    /// No programs yet; a Unix socket to ask through.
    #[must_use]
    pub fn new(runtime: Runtime) -> Self {
        Self {
            directory: Directory::new(),
            runtime,
            supervisord: String::new(),
            rest: String::new(),
            flags: Vec::new(),
            environment: Vec::new(),
            wrapper: Vec::new(),
            server: "[unix_http_server]\nfile={dir}/s.sock\n".to_owned(),
        }
    }

    /// Adds lines to `[supervisord]`.
    #[must_use]
    pub fn supervisord(mut self, lines: &str) -> Self {
        self.supervisord.push_str(lines);
        self.supervisord.push('\n');
        self
    }

    /// Adds sections.
    #[must_use]
    pub fn sections(mut self, text: &str) -> Self {
        self.rest.push_str(text);
        self.rest.push('\n');
        self
    }

    /// Replaces the section of the HTTP server. It must go on to have the same socket, or the
    /// daemon cannot be asked.
    #[must_use]
    pub fn server(mut self, text: &str) -> Self {
        text.clone_into(&mut self.server);
        self
    }

    /// Adds command-line arguments.
    #[must_use]
    pub fn flags(mut self, flags: &[&str]) -> Self {
        let flags = flags.iter().map(|flag| self.directory.fill(flag));
        self.flags.extend(flags);
        self
    }

    /// Sets a variable in the daemon's environment.
    #[must_use]
    pub fn env(mut self, name: &str, value: &str) -> Self {
        let value = self.directory.fill(value);
        self.environment.push((name.to_owned(), value));
        self
    }

    /// Creates a directory in the test's directory.
    ///
    /// # Panics
    /// If it cannot be created.
    #[must_use]
    pub fn prepared(self, name: &str) -> Self {
        std::fs::create_dir_all(self.directory.file(name)).expect("create a directory");
        self
    }

    /// Starts the daemon through another program: `setpriv …`, `unshare …`.
    #[must_use]
    pub fn wrapper(mut self, words: &[&str]) -> Self {
        self.wrapper = words.iter().map(|word| (*word).to_owned()).collect();
        self
    }

    /// The configuration's text.
    #[must_use]
    pub fn text(&self) -> String {
        let text = format!(
            "[supervisord]\nlogfile={{dir}}/supervisord.log\npidfile={{dir}}/supervisord.pid\n\
             childlogdir={{dir}}\n{}{}\n[supervisorctl]\nserverurl=unix://{{dir}}/s.sock\n\
             [rpcinterface:supervisor]\n\
             supervisor.rpcinterface_factory=supervisor.rpcinterface:make_main_rpcinterface\n{}",
            self.supervisord, self.server, self.rest
        );
        self.directory.fill(&text)
    }

    /// The command that starts the daemon, its configuration written.
    #[must_use]
    pub fn command(&self, more: &[&str]) -> Command {
        let config = self.directory.write("supervisord.conf", &self.text());
        let (program, runtime_flags) = self.runtime.supervisord();
        let mut words: Vec<String> = self.wrapper.clone();
        words.push(program.to_string_lossy().into_owned());
        words.extend(runtime_flags.iter().map(|flag| (*flag).to_owned()));
        words.extend(["-c".to_owned(), config.to_string_lossy().into_owned()]);
        words.extend(more.iter().map(|flag| (*flag).to_owned()));
        words.extend(self.flags.iter().cloned());
        let mut command = Command::new(&words[0]);
        command.args(&words[1..]).current_dir(self.directory.path());
        for name in [
            "NOTIFY_SOCKET",
            "SUPERVISOR_ENABLED",
            "SUPERVISOR_SERVER_URL",
        ] {
            command.env_remove(name);
        }
        let environment = self.environment.iter();
        command.envs(environment.map(|(name, value)| (name, value)));
        command.stdin(Stdio::null());
        command
    }

    /// Starts it in the foreground and waits until it answers.
    ///
    /// # Panics
    /// If it does not come up.
    #[must_use]
    pub fn start(self) -> Daemon {
        let command = self.command(&["-n"]);
        let daemon = self.spawn(command);
        daemon.wait_up();
        daemon
    }

    /// Starts it in the foreground and waits for nothing.
    #[must_use]
    pub fn start_unasked(self) -> Daemon {
        let command = self.command(&["-n"]);
        self.spawn(command)
    }

    /// Starts it in the foreground and expects it to end by itself.
    #[must_use]
    pub fn start_failing(&self) -> Finished {
        finish(self.command(&["-n"]))
    }

    /// Starts it in the background: what the launcher said, and the daemon if it succeeded.
    ///
    /// # Panics
    /// If the launcher succeeds and there is no pidfile.
    #[must_use]
    pub fn daemonize(self) -> (Finished, Option<Daemon>) {
        let launcher = finish(self.command(&[]));
        if launcher.code != Some(0) {
            return (launcher, None);
        }
        let read_pid = || self.directory.read("supervisord.pid").trim().parse().ok();
        // The reference's launcher does not wait for its daemon.
        let pid = until("a pidfile", read_pid);
        let daemon = Daemon {
            directory: self.directory,
            runtime: self.runtime,
            pid,
            process: None,
            words: Vec::new(),
        };
        (launcher, Some(daemon))
    }

    fn spawn(self, mut command: Command) -> Daemon {
        let words = std::iter::once(command.get_program()).chain(command.get_args());
        let words = words.map(std::ffi::OsStr::to_owned).collect();
        let output = |name| File::create(self.directory.file(name)).expect("create an output file");
        command.stdout(output("stdout")).stderr(output("stderr"));
        let process = command.spawn().expect("start the daemon");
        Daemon {
            pid: process.id(),
            directory: self.directory,
            runtime: self.runtime,
            process: Some(process),
            words,
        }
    }
}

/// A running daemon. Dropping it kills it and all its descendants.
#[derive(Debug)]
pub struct Daemon {
    /// The test's directory.
    pub directory: Directory,
    /// What it runs under.
    pub runtime: Runtime,
    pid: u32,
    process: Option<Child>,
    words: Vec<OsString>,
}

impl Daemon {
    /// Its pid; with a wrapper that forks, the wrapper's.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.pid
    }

    /// Where it listens.
    #[must_use]
    pub fn endpoint(&self) -> Endpoint {
        Endpoint::Unix(self.directory.file("s.sock"))
    }

    /// Its configuration file.
    #[must_use]
    pub fn config(&self) -> PathBuf {
        self.directory.file("supervisord.conf")
    }

    /// Waits until it answers `getState` with RUNNING.
    ///
    /// # Panics
    /// If it ends instead, or does not come up in time.
    pub fn wait_up(&self) {
        let up = || {
            let state = call(&self.endpoint(), "supervisor.getState", &[]).ok()?;
            if let Value::Struct(_) = state {
                return (state.member("statename").text() == "RUNNING").then_some(true);
            }
            None
        };
        let ended = || (!super::alive(self.pid)).then_some(false);
        let came = until_within(LIMIT, || up().or_else(ended));
        assert!(
            came == Some(true),
            "the daemon did not come up:\n{}{}{}",
            self.directory.read("stderr"),
            self.directory.read("stdout"),
            self.log()
        );
    }

    /// Calls a method.
    ///
    /// # Panics
    /// If the connection fails. A fault is a value.
    pub fn rpc(&self, method: &str, params: &[Value]) -> Value {
        call(&self.endpoint(), method, params).unwrap_or_else(|error| panic!("{method}: {error}"))
    }

    /// `getProcessInfo`.
    #[must_use]
    pub fn info(&self, name: &str) -> Value {
        self.rpc("supervisor.getProcessInfo", &[name.into()])
    }

    /// The name of a process's state.
    #[must_use]
    pub fn state(&self, name: &str) -> String {
        self.info(name).member("statename").text().to_owned()
    }

    /// Waits until a process is in a state.
    ///
    /// # Panics
    /// If it does not come to that in time.
    pub fn wait_state(&self, name: &str, state: &str) -> Value {
        let what = || {
            let info = self.info(name);
            (info.member("statename").text() == state).then_some(info)
        };
        until_within(LIMIT, what).unwrap_or_else(|| {
            let (info, log) = (self.info(name), self.log());
            panic!("{name} did not become {state}: {info:?}\n{log}")
        })
    }

    /// Waits until a process is RUNNING and returns its pid.
    ///
    /// # Panics
    /// If it does not come to that in time.
    pub fn wait_running(&self, name: &str) -> u32 {
        let info = self.wait_state(name, "RUNNING");
        u32::try_from(info.member("pid").int()).expect("a pid")
    }

    /// The activity log.
    #[must_use]
    pub fn log(&self) -> String {
        self.directory.read("supervisord.log")
    }

    /// The activity log without the times: `INFO spawned: …`.
    #[must_use]
    pub fn log_lines(&self) -> Vec<String> {
        let log = self.log();
        log.lines()
            .map(|line| line.get(24..).unwrap_or(line).to_owned())
            .collect()
    }

    /// How many lines of the activity log contain `part`.
    #[must_use]
    pub fn log_count(&self, part: &str) -> usize {
        self.log()
            .lines()
            .filter(|line| line.contains(part))
            .count()
    }

    /// Waits until the activity log has `count` lines that contain `part`.
    ///
    /// # Panics
    /// If it does not come to that in time.
    pub fn wait_log_count(&self, part: &str, count: usize) {
        let seen = until_within(LIMIT, || (self.log_count(part) >= count).then_some(()));
        assert!(
            seen.is_some(),
            "no {count} lines with {part:?} in:\n{}",
            self.log()
        );
    }

    /// Waits until the activity log has a line that contains `part`.
    ///
    /// # Panics
    /// If it does not come to that in time.
    pub fn wait_log(&self, part: &str) {
        self.wait_log_count(part, 1);
    }

    /// Sends the daemon a signal.
    pub fn signal(&self, signal: Signal) {
        send_signal(self.pid, signal);
    }

    /// Waits until a foreground daemon has ended and returns its exit status, or the negative
    /// number of the signal that ended it.
    ///
    /// # Panics
    /// If it does not end in time, or is not the test's own child.
    pub fn wait_exit(&mut self) -> i32 {
        use std::os::unix::process::ExitStatusExt;
        let process = self.process.as_mut().expect("a foreground daemon");
        let status = until("the daemon to end", || process.try_wait().expect("wait"));
        status
            .code()
            .unwrap_or_else(|| -status.signal().unwrap_or(0))
    }

    /// Ends it with SIGTERM and waits; returns the exit status.
    ///
    /// # Panics
    /// As [`Daemon::wait_exit`].
    pub fn terminate(&mut self) -> i32 {
        self.signal(Signal::TERM);
        self.wait_exit()
    }

    /// After it has ended: starts it once more, in the same directory with the same command, and
    /// waits until it answers.
    ///
    /// # Panics
    /// If it does not come up.
    #[must_use]
    pub fn again(&self) -> Self {
        let directory = self.directory.share();
        let mut command = Command::new(&self.words[0]);
        command.args(&self.words[1..]).current_dir(directory.path());
        let output = |name| File::create(directory.file(name)).expect("create an output file");
        command.stdout(output("stdout")).stderr(output("stderr"));
        let process = command
            .stdin(Stdio::null())
            .spawn()
            .expect("start the daemon");
        let daemon = Self {
            pid: process.id(),
            directory,
            runtime: self.runtime,
            process: Some(process),
            words: self.words.clone(),
        };
        daemon.wait_up();
        daemon
    }

    /// Runs a `supervisorctl` (ours if `program` is none) with the daemon's configuration.
    #[must_use]
    pub fn ctl(&self, program: Option<PathBuf>, args: &[&str]) -> Finished {
        let program = program.unwrap_or_else(|| super::binary("supervisorctl"));
        let mut command = Command::new(program);
        command.arg("-c").arg(self.config()).args(args);
        command
            .current_dir(self.directory.path())
            .stdin(Stdio::null());
        finish(command)
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        // A stopped daemon starts nothing more while its descendants are counted.
        send_signal(self.pid, Signal::STOP);
        let family: Vec<Known> = Known::of(self.pid)
            .into_iter()
            .chain(descendants(self.pid))
            .collect();
        for member in family {
            member.kill();
        }
        if let Some(process) = &mut self.process {
            let _ = process.wait();
        }
    }
}

/// What a program that ended left behind.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Finished {
    /// Exit status; none if a signal ended it.
    pub code: Option<i32>,
    /// What it wrote to standard output.
    pub stdout: String,
    /// What it wrote to standard error.
    pub stderr: String,
}

/// Runs a command to its end.
///
/// # Panics
/// If it cannot be started or does not end in time; it is killed then.
#[must_use]
pub fn finish(mut command: Command) -> Finished {
    // Files, not pipes: a daemon that inherits an output must not keep us waiting for its end.
    let directory = Directory::new();
    let output = |name| File::create(directory.file(name)).expect("create an output file");
    command.stdout(output("stdout")).stderr(output("stderr"));
    let mut process = command
        .spawn()
        .unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let status = until_within(LIMIT, || process.try_wait().expect("wait"));
    if status.is_none() {
        let _ = process.kill();
    }
    let status = process.wait().expect("wait");
    let finished = Finished {
        code: status.code(),
        stdout: directory.read("stdout"),
        stderr: directory.read("stderr"),
    };
    assert!(
        status.code().is_some(),
        "{command:?} was killed: {finished:?}"
    );
    finished
}

/// Runs a program with arguments to its end.
///
/// # Panics
/// As [`finish`].
#[must_use]
pub fn run(program: &str, args: &[&str]) -> Finished {
    let mut command = Command::new(program);
    command.args(args).stdin(Stdio::null());
    finish(command)
}
