//! The language of transcripts.

use std::time::Duration;
use visor_core::text::shell_words;
use visor_core::{ExitStatus, Signal, SignalError, SpawnError, Stream};

/// One command of a transcript. `quietly` before it hides what it leads to; `N times` repeats it.
///
/// Processes are named as in the configuration: `web`, or `group:web` where that is not unique.
/// Texts in quotes may contain `\n`, `\r`, `\t`, `\e` and `\xNN`. Durations are `2s`, `500ms`,
/// `1m`, `1h`.
#[derive(Clone, Debug, PartialEq)]
pub enum Step {
    /// `boot`: the daemon starts.
    Boot,
    /// `advance D`: time passes; the runtime wakes up whenever the core wants it to.
    Advance(Duration),
    /// `sleep D`: time passes, and nobody looks at the clock before the next step.
    Sleep(Duration),
    /// The core is told something.
    Tell(Tell),
    /// The stage is told something, or asked.
    Arrange(Arrange),
}

/// What somebody wants, or what the world does.
#[derive(Clone, Debug, PartialEq)]
pub enum Tell {
    /// `start P`: somebody wants it to run.
    Start(String),
    /// `stop P`.
    Stop(String),
    /// `send P SIGNAL`: somebody wants the process to get a signal.
    Send(String, Signal),
    /// `signal SIGNAL`: the daemon gets a signal.
    Signal(Signal),
    /// `shutdown`.
    Shutdown,
    /// `restart`.
    Restart,
    /// `reread`.
    Reread,
    /// `add G`.
    Add(String),
    /// `remove G`.
    Remove(String),
    /// `exit P CODE` or `exit P SIGNAL [core]`: the child ends.
    Exit(String, ExitStatus),
    /// `late-exit P CODE`: a report about the child before the present one.
    LateExit(String, ExitStatus),
    /// `orphan PID CODE`: a child that is not ours ends.
    Orphan(u32, ExitStatus),
    /// `output P [stderr] TEXT`: the child writes.
    Output(String, Stream, Vec<u8>),
    /// `closes P [stderr]`: the child closes an output.
    Closes(String, Stream),
    /// `closes-stdin P`: the child takes no more input.
    ClosesStdin(String),
    /// `call METHOD [WORD …]`: a client calls a method, of `supervisor.` unless it says otherwise.
    Call(String, Vec<String>),
    /// `vanish METHOD`: the client that waits for its answer goes away.
    Vanish(String),
    /// `spawned P`: answers it.
    Spawned(String),
    /// `not-spawned P REASON`: answers it.
    NotSpawned(String, SpawnError),
    /// `log-fails P [stderr] ERRNO BYTES`: a write failed, the log stays open. `log-breaks`: it
    /// does not.
    LogFails(String, Stream, String, u64, bool),
}

/// What will go wrong from now on, what the configuration says, what is shown.
#[derive(Clone, Debug, PartialEq)]
pub enum Arrange {
    /// `new-config`, followed by lines that begin with `| `: what the file says from now on.
    NewConfig(Vec<String>),
    /// `config-fails TEXT`: the file cannot be read from now on.
    ConfigFails(String),
    /// `clock +D` or `clock -D`: the wall clock jumps.
    Clock(bool, Duration),
    /// `spawn-fails P REASON [N]`: the next N spawns fail. Reasons: `not-found`, `directory`,
    /// `not-executable`, `no-permission`, `files`, `pipes`, `processes`, `fork`.
    SpawnFails(String, SpawnError, usize),
    /// `spawn-waits P`: the next spawn is not answered until `spawned P` or `not-spawned P REASON`.
    SpawnWaits(String),
    /// `stdin-waits P`: what is written to the child stays in its pipe from now on.
    StdinWaits(String),
    /// `signals-fail P ERRNO`: the next signal to it fails, silently if it is ESRCH.
    SignalsFail(String, SignalError),
    /// `opens-fail P [stderr] ERRNO`: the log of a stream cannot be opened from now on.
    /// `opens-work P [stderr]`: it can again.
    OpensFail(String, Stream, Option<String>),
    /// `pidfile-fails ERRNO`.
    PidfileFails(String),
    /// `pidfile-waits`: writing the pidfile takes until the end of the transcript.
    PidfileWaits,
    /// `listen-fails in-use`, or the errno's name.
    ListenFails(String),
    /// `socket-fails TEXT`: FastCGI sockets cannot be made from now on.
    SocketFails(String),
    /// `socket-works`.
    SocketWorks,
    /// `info P`: what clients are told of the process.
    Info(String),
    /// `status`: all processes and their states.
    Status,
    /// `show files|stamps|spawns`: also show what is done to log files and sockets; the date in
    /// log lines; how children are spawned.
    Show(String),
}

pub(super) struct Script {
    pub(super) config: String,
    pub(super) lines: Vec<Line>,
}

pub(super) enum Line {
    Verbatim(String),
    Step {
        text: String,
        step: Step,
        /// What it leads to is not shown.
        quietly: bool,
        times: u32,
    },
}

impl Script {
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let mut config = String::new();
        let mut lines = Vec::new();
        let mut begun = false;
        for (index, line) in text.lines().enumerate() {
            let fail = |error| format!("line {}: {error}", index + 1);
            if let Some(command) = line.strip_prefix("> ") {
                begun = true;
                lines.push(parse_step(command).map_err(fail)?);
            } else if let Some(rest) = line.strip_prefix('|') {
                match lines.last_mut() {
                    Some(Line::Step {
                        step: Step::Arrange(Arrange::NewConfig(config)),
                        ..
                    }) => config.push(rest.strip_prefix(' ').unwrap_or(rest).to_owned()),
                    Some(_) | None => return Err(fail("`|` belongs below new-config".to_owned())),
                }
            } else if !begun {
                config.push_str(line);
                config.push('\n');
                lines.push(Line::Verbatim(line.to_owned()));
            } else if line.is_empty() || line.starts_with('#') {
                lines.push(Line::Verbatim(line.to_owned()));
            } else if !line.starts_with("  ") {
                return Err(fail(format!("neither a step nor a comment: {line}")));
            }
        }
        Ok(Self { config, lines })
    }
}

/// The words of one command.
struct Words {
    words: std::vec::IntoIter<String>,
}

/// `[quietly] [N times] STEP`.
fn parse_step(command: &str) -> Result<Line, String> {
    let text = command.to_owned();
    let (quietly, command) = match command.strip_prefix("quietly ") {
        Some(rest) => (true, rest),
        None => (false, command),
    };
    let (times, command) = match command.split_once(" times ") {
        Some((n, rest)) => (n.parse().map_err(|_| format!("`{n}` is no number"))?, rest),
        None => (1, command),
    };
    let words = shell_words(command).map_err(|error| error.to_string())?;
    let mut words = Words {
        words: words.into_iter(),
    };
    let verb = words.next("a command")?;
    let step = words.step(&verb)?;
    match words.words.next() {
        None => Ok(Line::Step {
            text,
            step,
            quietly,
            times,
        }),
        Some(extra) => Err(format!("`{extra}` is one word too many")),
    }
}

impl Words {
    fn step(&mut self, verb: &str) -> Result<Step, String> {
        Ok(match verb {
            "boot" => Step::Boot,
            "advance" => Step::Advance(self.duration()?),
            "sleep" => Step::Sleep(self.duration()?),
            verb => match self.tell(verb)? {
                Some(tell) => Step::Tell(tell),
                None => Step::Arrange(self.arrange(verb)?),
            },
        })
    }

    fn tell(&mut self, verb: &str) -> Result<Option<Tell>, String> {
        Ok(Some(match verb {
            "start" => Tell::Start(self.next("a process")?),
            "stop" => Tell::Stop(self.next("a process")?),
            "send" => Tell::Send(self.next("a process")?, self.signal()?),
            "signal" => Tell::Signal(self.signal()?),
            "shutdown" => Tell::Shutdown,
            "restart" => Tell::Restart,
            "reread" => Tell::Reread,
            "add" => Tell::Add(self.next("a group")?),
            "remove" => Tell::Remove(self.next("a group")?),
            "exit" => Tell::Exit(self.next("a process")?, self.status()?),
            "late-exit" => Tell::LateExit(self.next("a process")?, self.status()?),
            "orphan" => Tell::Orphan(self.number()?, self.status()?),
            "output" => Tell::Output(
                self.next("a process")?,
                self.stream(),
                unescape(&self.next("a text")?)?,
            ),
            "closes" => Tell::Closes(self.next("a process")?, self.stream()),
            "closes-stdin" => Tell::ClosesStdin(self.next("a process")?),
            "call" => Tell::Call(self.next("a method")?, self.words.by_ref().collect()),
            "vanish" => Tell::Vanish(self.next("a method")?),
            "spawned" => Tell::Spawned(self.next("a process")?),
            "not-spawned" => Tell::NotSpawned(self.next("a process")?, self.spawn_error()?),
            "log-fails" | "log-breaks" => Tell::LogFails(
                self.next("a process")?,
                self.stream(),
                self.next("an errno")?,
                u64::from(self.number()?),
                verb == "log-fails",
            ),
            _ => return Ok(None),
        }))
    }

    fn arrange(&mut self, verb: &str) -> Result<Arrange, String> {
        Ok(match verb {
            "new-config" => Arrange::NewConfig(Vec::new()),
            "config-fails" => Arrange::ConfigFails(self.next("a text")?),
            "clock" => {
                let jump = self.next("a jump")?;
                let forward = jump.starts_with('+');
                Arrange::Clock(forward, duration(jump.trim_start_matches(['+', '-']))?)
            }
            "spawn-fails" => {
                let process = self.next("a process")?;
                let error = self.spawn_error()?;
                let count = self.words.next().map_or(Ok(1), |n| {
                    n.parse().map_err(|_| format!("`{n}` is no number"))
                })?;
                Arrange::SpawnFails(process, error, count)
            }
            "spawn-waits" => Arrange::SpawnWaits(self.next("a process")?),
            "stdin-waits" => Arrange::StdinWaits(self.next("a process")?),
            "signals-fail" => Arrange::SignalsFail(
                self.next("a process")?,
                match self.next("an errno")?.as_str() {
                    "ESRCH" => SignalError::NoSuchProcess,
                    other => SignalError::Other(other.to_owned()),
                },
            ),
            "opens-fail" => Arrange::OpensFail(
                self.next("a process")?,
                self.stream(),
                Some(self.next("an errno")?),
            ),
            "opens-work" => Arrange::OpensFail(self.next("a process")?, self.stream(), None),
            "pidfile-fails" => Arrange::PidfileFails(self.next("an errno")?),
            "pidfile-waits" => Arrange::PidfileWaits,
            "listen-fails" => Arrange::ListenFails(self.next("an errno")?),
            "socket-fails" => Arrange::SocketFails(self.next("a text")?),
            "socket-works" => Arrange::SocketWorks,
            "info" => Arrange::Info(self.next("a process")?),
            "status" => Arrange::Status,
            "show" => Arrange::Show(self.next("what to show")?),
            other => return Err(format!("no such command: {other}")),
        })
    }

    fn next(&mut self, what: &str) -> Result<String, String> {
        self.words
            .next()
            .ok_or_else(|| format!("{what} is missing"))
    }

    fn number(&mut self) -> Result<u32, String> {
        let word = self.next("a number")?;
        word.parse().map_err(|_| format!("`{word}` is no number"))
    }

    fn signal(&mut self) -> Result<Signal, String> {
        let word = self.next("a signal")?;
        Signal::from_name(&word).ok_or_else(|| format!("`{word}` is no signal"))
    }

    /// `stderr` if that is the next word, else standard output.
    fn stream(&mut self) -> Stream {
        if self.words.as_slice().first().is_some_and(|w| w == "stderr") {
            self.words.next();
            Stream::Stderr
        } else {
            Stream::Stdout
        }
    }

    fn status(&mut self) -> Result<ExitStatus, String> {
        let word = self.next("a status")?;
        if let Ok(code) = word.parse() {
            return Ok(ExitStatus::Code(code));
        }
        let signal = Signal::from_name(&word).ok_or_else(|| format!("`{word}` is no status"))?;
        let core_dumped = self.words.as_slice().first().is_some_and(|w| w == "core");
        if core_dumped {
            self.words.next();
        }
        Ok(ExitStatus::Signaled {
            signal,
            core_dumped,
        })
    }

    fn duration(&mut self) -> Result<Duration, String> {
        duration(&self.next("a duration")?)
    }

    fn spawn_error(&mut self) -> Result<SpawnError, String> {
        let word = self.next("a reason")?;
        Ok(match word.as_str() {
            "not-found" => SpawnError::NotFound("/no/such/program".to_owned()),
            "directory" => SpawnError::IsDirectory("/tmp".to_owned()),
            "not-executable" => SpawnError::NotExecutable("/etc/passwd".to_owned()),
            "no-permission" => SpawnError::NoPermission("/root/x".to_owned()),
            "files" => SpawnError::TooManyFiles,
            "pipes" => SpawnError::Pipes("ENFILE".to_owned()),
            "processes" => SpawnError::TooManyProcesses,
            "fork" => SpawnError::Fork("ENOMEM".to_owned()),
            other => return Err(format!("`{other}` is no reason")),
        })
    }
}

fn duration(word: &str) -> Result<Duration, String> {
    let fail = || format!("`{word}` is no duration");
    let digits = word.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let number: u64 = digits.parse().map_err(|_| fail())?;
    let unit = word.strip_prefix(digits).unwrap_or_default();
    let millis = match unit {
        "ms" => 1,
        "s" => 1_000,
        "m" => 60_000,
        "h" => 3_600_000,
        _ => return Err(fail()),
    };
    Ok(Duration::from_millis(number * millis))
}

fn unescape(text: &str) -> Result<Vec<u8>, String> {
    let mut out = Vec::new();
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        if c != '\\' {
            out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
            continue;
        }
        match chars.next() {
            Some('n') => out.push(b'\n'),
            Some('r') => out.push(b'\r'),
            Some('t') => out.push(b'\t'),
            Some('e') => out.push(0x1b),
            Some('x') => {
                let hex: String = chars.by_ref().take(2).collect();
                out.push(u8::from_str_radix(&hex, 16).map_err(|_| format!("bad \\x{hex}"))?);
            }
            other => return Err(format!("unknown escape \\{}", other.unwrap_or(' '))),
        }
    }
    Ok(out)
}
