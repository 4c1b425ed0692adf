//! One run of one scenario: the daemon is started in a directory of its own, the steps are taken.

use super::client::{self, Answer};
use super::observe::{Outcome, Seen, read, shown};
use super::scenario::{Scenario, home};
use crate::e2e::{Runtime, alive, free_port, reference, send_signal};
use rustix::process::Signal;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt};
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// How long a step may wait for its condition.
const LIMIT: Duration = Duration::from_secs(60);

const BASE: &str = "[supervisord]
logfile=<dir>/supervisord.log
pidfile=<dir>/supervisord.pid
childlogdir=<dir>/logs
nodaemon=true
silent=true
[unix_http_server]
file=<dir>/s.sock
[rpcinterface:supervisor]
supervisor.rpcinterface_factory=supervisor.rpcinterface:make_main_rpcinterface
";

type Called = JoinHandle<Result<Value, String>>;

/// A run. Dropping it kills whatever it started and removes its directory.
pub(super) struct Run<'a> {
    scenario: &'a Scenario,
    directory: PathBuf,
    variables: Vec<(&'static str, String)>,
    daemon: Option<Child>,
    status: Option<ExitStatus>,
    results: Vec<(String, Outcome)>,
    pending: BTreeMap<String, Called>,
}

/// Plays a scenario and returns its recording.
pub(super) fn play(scenario: &Scenario, runtime: Runtime) -> Result<String, String> {
    let mut run = Run::new(scenario, runtime)?;
    run.recording(runtime).map_err(|error| {
        let stderr = read(&run.at("daemon.stderr"));
        format!("{error}\n--- log\n{}--- stderr\n{stderr}", run.log())
    })
}

impl<'a> Run<'a> {
    fn new(scenario: &'a Scenario, runtime: Runtime) -> Result<Self, String> {
        static COUNT: std::sync::atomic::AtomicU32 = std::sync::atomic::AtomicU32::new(0);
        let count = COUNT.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let name = format!("visor-compat-{}-{count}", std::process::id());
        let directory = std::env::temp_dir().join(name);
        fs::create_dir(&directory).map_err(text)?;
        let mode = |bits| fs::Permissions::from_mode(bits);
        fs::set_permissions(&directory, mode(0o755)).map_err(text)?;
        let python = reference("python").unwrap_or_else(|| PathBuf::from("python3"));
        let variables = vec![
            ("<dir>", directory.display().to_string()),
            ("<helpers>", home().join("helpers").display().to_string()),
            ("<python>", python.display().to_string()),
            (
                "<supervisord>",
                runtime.supervisord().0.display().to_string(),
            ),
            ("<port>", free_port().to_string()),
            ("<port2>", free_port().to_string()),
        ];
        let run = Self {
            scenario,
            directory,
            variables,
            daemon: None,
            status: None,
            results: Vec::new(),
            pending: BTreeMap::new(),
        };
        fs::create_dir(run.at("logs")).map_err(text)?;
        fs::set_permissions(run.at("logs"), mode(0o777)).map_err(text)?;
        for file in &scenario.files {
            let path = run.at(&file.path);
            fs::create_dir_all(path.parent().unwrap_or(&path)).map_err(text)?;
            fs::write(&path, run.fill(&file.text)).map_err(text)?;
            fs::set_permissions(&path, mode(file.mode)).map_err(text)?;
        }
        run.configure(&scenario.config)?;
        Ok(run)
    }

    fn fill(&self, text: &str) -> String {
        let fill = |text: String, (name, value): &(&str, String)| text.replace(name, value);
        self.variables.iter().fold(text.to_owned(), fill)
    }

    fn at(&self, path: &str) -> PathBuf {
        self.directory.join(path)
    }

    fn socket(&self) -> PathBuf {
        self.at("s.sock")
    }

    fn configure(&self, config: &str) -> Result<(), String> {
        let base = if self.scenario.says("base", "none") {
            ""
        } else {
            BASE
        };
        let config = self.fill(&format!("{base}{config}"));
        fs::write(self.at("supervisord.conf"), config).map_err(text)
    }

    fn launch(&mut self, runtime: Runtime) -> Result<(), String> {
        let (program, flags) = runtime.supervisord();
        let mut command = Command::new(program);
        command
            .args(flags)
            .arg("-c")
            .arg(self.at("supervisord.conf"));
        for line in self.scenario.directives("args") {
            command.args(self.fill(line).split_whitespace());
        }
        command.env_clear().envs([
            (
                "PATH",
                "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
            ),
            ("LANG", "C.UTF-8"),
            ("HOME", "/root"),
        ]);
        command.env("VISOR_COMPAT", &self.directory);
        for pair in self.scenario.directives("env") {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            command.env(name, self.fill(value));
        }
        let output = |name: &str| File::create(self.at(name)).map_err(text);
        command.stdin(Stdio::null()).current_dir(&self.directory);
        command
            .stdout(output("daemon.stdout")?)
            .stderr(output("daemon.stderr")?);
        self.daemon = Some(command.spawn().map_err(text)?);
        self.until("the daemon to start", |run| {
            run.log().contains("supervisord started with pid")
                || run.at("supervisord.pid").exists()
                || run.ended()
        })
    }

    fn recording(&mut self, runtime: Runtime) -> Result<String, String> {
        self.launch(runtime)?;
        for step in &self.scenario.steps {
            self.step(step)
                .map_err(|error| format!("{step}: {error}"))?;
        }
        let mut states = None;
        if !self.ended() {
            let known = self.rpc("supervisor.getAllProcessInfo", &[]);
            states = known.ok().and_then(|value| value.as_array().cloned());
            send_signal(self.daemon_pid(), Signal::TERM);
            self.until("the daemon to end", Self::ended)?;
        }
        let status = self.status.ok_or("no exit status")?;
        let signal = || -status.signal().unwrap_or(0);
        let seen = Seen {
            scenario: self.scenario,
            directory: &self.directory,
            variables: &self.variables,
            daemon_pid: self.daemon_pid(),
            exit: status.code().unwrap_or_else(signal),
            log: self.log(),
            steps: std::mem::take(&mut self.results),
            states,
        };
        Ok(seen.recording())
    }

    fn daemon_pid(&self) -> u32 {
        self.daemon.as_ref().map_or(0, Child::id)
    }

    fn ended(&mut self) -> bool {
        if self.status.is_none() {
            let waited = self.daemon.as_mut().map(Child::try_wait);
            self.status = waited.and_then(Result::ok).flatten();
        }
        self.status.is_some()
    }

    /// The activity log; a scenario that moves it away calls the old part supervisord.old.log.
    fn log(&self) -> String {
        read(&self.at("supervisord.old.log")) + &read(&self.at("supervisord.log"))
    }

    fn until(
        &mut self,
        what: &str,
        mut condition: impl FnMut(&mut Self) -> bool,
    ) -> Result<(), String> {
        let start = Instant::now();
        while !condition(self) {
            if start.elapsed() > LIMIT {
                return Err(format!("waited in vain for {what}"));
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        Ok(())
    }

    fn post(&self, path: &str, body: &str) -> Result<Answer, String> {
        client::post(&self.socket(), path, body).map_err(text)
    }

    fn rpc(&self, method: &str, params: &[Value]) -> Result<Value, String> {
        ask(&self.socket(), method, params)
    }

    fn state(&self, name: &str) -> String {
        let info = self.rpc("supervisor.getProcessInfo", &[json!(name)]);
        let state = info
            .ok()
            .and_then(|info| info["statename"].as_str().map(str::to_owned));
        state.unwrap_or_default()
    }

    fn target(&mut self, target: &str) -> Result<u32, String> {
        if target == "daemon" {
            return Ok(self.daemon_pid());
        }
        if let Some(path) = target.strip_prefix('@') {
            let path = self.at(path);
            self.until("a pid in a file", |_| !read(&path).trim().is_empty())?;
            return read(&path).trim().parse().map_err(text);
        }
        let info = self.rpc("supervisor.getProcessInfo", &[json!(target)])?;
        let pid = info["pid"].as_u64().unwrap_or(0);
        u32::try_from(pid).map_err(text)
    }

    fn step(&mut self, line: &str) -> Result<(), String> {
        let (verb, rest) = line.split_once(' ').unwrap_or((line, ""));
        let rest = rest.trim();
        if verb.starts_with("wait") {
            return self.wait(verb, rest);
        }
        let filled = self.fill(rest);
        let (first, more) = rest.split_once(' ').unwrap_or((rest, ""));
        match verb {
            "rpc" | "quiet" => {
                let (method, params) = call_of(&filled)?;
                let value = self.rpc(method, &params)?;
                if verb == "rpc" {
                    self.note(line, Outcome::Result(value));
                }
            }
            "call" => {
                let (method, params) = call_of(&filled)?;
                let answer = self.post("/RPC2", &client::request(method, &params))?;
                let body = if answer.status == 200 {
                    &answer.body
                } else {
                    ""
                };
                self.note(
                    line,
                    Outcome::Text(format!("HTTP {}\n{body}", answer.status)),
                );
            }
            "post" => {
                let body = self.fill(self.scenario.text_of(first)?);
                let path = if more.is_empty() { "/RPC2" } else { more };
                let answer = self.post(path, &body)?;
                let body = if answer.status == 200 {
                    &answer.body
                } else {
                    ""
                };
                let text = format!("HTTP {} {}\n{body}", answer.status, answer.kind);
                self.note(line, Outcome::Text(text));
            }
            "http" => {
                let request = self.fill(self.scenario.text_of(first)?);
                let until = self.fill(more);
                let answer = client::converse(&self.socket(), &request, &until).map_err(text)?;
                self.note(line, Outcome::Text(answer));
            }
            "start" => {
                let (ident, call) = filled.split_once(' ').ok_or("no call")?;
                let (method, params) = call_of(call)?;
                let (method, socket) = (method.to_owned(), self.socket());
                let thread = std::thread::spawn(move || ask(&socket, &method, &params));
                self.pending.insert(ident.to_owned(), thread);
            }
            "join" => {
                let thread = self.pending.remove(rest).ok_or("no such call")?;
                let value = thread.join().map_err(|_| "the call panicked")??;
                self.note(line, Outcome::Result(value));
            }
            "signal" => {
                let pid = self.target(first)?;
                send_signal(pid, signal_of(more).ok_or("no such signal")?);
            }
            _ => return self.look(line, verb, rest),
        }
        Ok(())
    }

    fn note(&mut self, line: &str, outcome: Outcome) {
        self.results.push((line.to_owned(), outcome));
    }

    fn wait(&mut self, verb: &str, rest: &str) -> Result<(), String> {
        let (first, more) = rest.split_once(' ').unwrap_or((rest, ""));
        let path = self.at(first);
        match verb {
            "wait" => self.until(rest, |run| {
                let state = run.state(first);
                more.split_whitespace().any(|wanted| wanted == state)
            }),
            "wait-log" => {
                let (times, text) = counted(rest);
                let text = self.fill(text);
                self.until(rest, |run| run.log().matches(&text).count() >= times)
            }
            "wait-file" => {
                let (times, text) = counted(more);
                let text = self.fill(text);
                self.until(rest, |_| read(&path).matches(&text).count() >= times)
            }
            "wait-empty" => self.until(rest, |_| {
                fs::metadata(&path).is_ok_and(|meta| meta.len() == 0)
            }),
            "wait-exists" => self.until(rest, |_| path.exists()),
            "wait-no-file" => self.until(rest, |_| fs::symlink_metadata(&path).is_err()),
            "wait-exit" => self.until("the daemon to end", Self::ended),
            "wait-dead" => {
                let pid = self.target(rest)?;
                self.until(rest, |_| !alive(pid))
            }
            "wait-fault" => {
                let (method, params) = call_of(rest)?;
                let faulted = |run: &mut Self| {
                    let value = run.rpc(method, &params);
                    value.is_ok_and(|value| value.get("$fault").is_some())
                };
                self.until(rest, faulted)
            }
            _ => Err("unknown step".to_owned()),
        }
    }

    /// Steps that change or show files and processes.
    fn look(&mut self, line: &str, verb: &str, rest: &str) -> Result<(), String> {
        let (first, more) = rest.split_once(' ').unwrap_or((rest, ""));
        let path = self.at(first);
        let mut note = |text: String| self.results.push((line.to_owned(), Outcome::Text(text)));
        match verb {
            "write" | "append" => {
                let content: String = serde_json::from_str(more).map_err(text)?;
                let mut options = OpenOptions::new();
                options.create(true).write(true).append(verb == "append");
                let mut file = options
                    .truncate(verb == "write")
                    .open(&path)
                    .map_err(text)?;
                file.write_all(self.fill(&content).as_bytes())
                    .map_err(text)?;
            }
            "remove" if path.is_dir() => fs::remove_dir_all(&path).map_err(text)?,
            "remove" => fs::remove_file(&path).map_err(text)?,
            "mkdir" => fs::create_dir(&path).map_err(text)?,
            "chmod" => {
                let bits = u32::from_str_radix(first, 8).map_err(text)?;
                let mode = fs::Permissions::from_mode(bits);
                fs::set_permissions(self.at(more), mode).map_err(text)?;
            }
            "rename" => fs::rename(&path, self.at(more)).map_err(text)?,
            "copy" => drop(fs::copy(&path, self.at(more)).map_err(text)?),
            "config" => self.configure(self.scenario.text_of(rest)?)?,
            "show" => note(shown(&read(&path))),
            "ls" => note(listing(&path)?),
            "stat" => note(status_of(&path)),
            "alive" => {
                let pid = self.target(rest)?;
                let word = if alive(pid) { "alive" } else { "dead" };
                self.note(line, Outcome::Text(word.to_owned()));
            }
            "daemon" => {
                let word = if self.ended() { "gone" } else { "running" };
                self.note(line, Outcome::Text(word.to_owned()));
            }
            _ => return Err("unknown step".to_owned()),
        }
        Ok(())
    }
}

impl Drop for Run<'_> {
    fn drop(&mut self) {
        if let Some(daemon) = &mut self.daemon {
            let _ = daemon.kill();
            let _ = daemon.wait();
        }
        let mark = format!("VISOR_COMPAT={}", self.directory.display());
        for entry in fs::read_dir("/proc").into_iter().flatten().flatten() {
            let pid = entry.file_name().to_string_lossy().parse::<u32>();
            let environment = fs::read(entry.path().join("environ")).unwrap_or_default();
            let mut variables = environment.split(|byte| *byte == 0);
            if let (Ok(pid), true) = (pid, variables.any(|v| v == mark.as_bytes())) {
                send_signal(pid, Signal::KILL);
            }
        }
        let _ = fs::remove_dir_all(&self.directory);
    }
}

fn ask(socket: &Path, method: &str, params: &[Value]) -> Result<Value, String> {
    let answer = client::post(socket, "/RPC2", &client::request(method, params)).map_err(text)?;
    if answer.status != 200 {
        return Ok(json!({"$http": answer.status}));
    }
    client::result(&answer.body)
}

fn call_of(rest: &str) -> Result<(&str, Vec<Value>), String> {
    let (method, params) = rest.split_once(' ').unwrap_or((rest, "[]"));
    Ok((method, serde_json::from_str(params).map_err(text)?))
}

/// `x3 TEXT`: three times; without a count, once.
fn counted(rest: &str) -> (usize, &str) {
    let counted = rest.strip_prefix('x').and_then(|rest| {
        let (times, text) = rest.split_once(' ')?;
        Some((times.parse().ok()?, text))
    });
    counted.unwrap_or((1, rest))
}

fn signal_of(name: &str) -> Option<Signal> {
    let known = [
        ("HUP", Signal::HUP),
        ("INT", Signal::INT),
        ("QUIT", Signal::QUIT),
        ("TERM", Signal::TERM),
        ("KILL", Signal::KILL),
        ("USR1", Signal::USR1),
        ("USR2", Signal::USR2),
        ("SEGV", Signal::SEGV),
    ];
    known
        .iter()
        .find(|(known, _)| *known == name)
        .map(|(_, signal)| *signal)
}

fn listing(path: &Path) -> Result<String, String> {
    let entries = fs::read_dir(path).map_err(text)?.flatten();
    let name = |entry: fs::DirEntry| entry.file_name().to_string_lossy().into_owned();
    let mut names: Vec<String> = entries.map(name).collect();
    names.sort();
    Ok(names.join("\n"))
}

fn status_of(path: &Path) -> String {
    let Ok(meta) = fs::symlink_metadata(path) else {
        return "missing".to_owned();
    };
    let kind = match meta.file_type() {
        kind if kind.is_socket() => "socket",
        kind if kind.is_file() => "file",
        _ => "other",
    };
    let mode = meta.mode() & 0o7777;
    format!("{kind} {mode:03o} {}:{}", meta.uid(), meta.gid())
}

fn text(error: impl std::fmt::Display) -> String {
    error.to_string()
}
