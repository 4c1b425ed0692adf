//! Replays recorded sessions of supervisorctl: our client with our daemon, our client with the
//! reference's daemon, the reference's client with our daemon. `tests/compat/ctl/README.md`
//! describes the format.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};
use visor_core::text::shell_words;
use visor_tests::e2e::{Daemon, Finished, Runtime, Setup, binary, free_port, reference, skip};

/// Everything up to here in a configuration file stays when a session writes a new one.
const MARK: &str = "; the session's sections\n";

/// Whose client talks to which daemon.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Pairing {
    Ours(Runtime),
    OursToReference,
    ReferenceToOurs,
}

impl Pairing {
    fn client(self, directory: &Path) -> Client {
        match self {
            Self::Ours(_) | Self::OursToReference => Client::Program(binary("supervisorctl")),
            Self::ReferenceToOurs => Client::Interpreter(Interpreter::start(directory)),
        }
    }

    fn daemon(self) -> Runtime {
        match self {
            Self::Ours(runtime) => runtime,
            Self::OursToReference => Runtime::Reference,
            Self::ReferenceToOurs => Runtime::Smol,
        }
    }

    fn needs_reference(self) -> bool {
        !matches!(self, Self::Ours(_))
    }
}

/// What runs command lines.
enum Client {
    Program(PathBuf),
    Interpreter(Interpreter),
}

/// The reference's client, see `client.py`: starting Python for each line would take minutes.
struct Interpreter {
    process: Child,
    answers: BufReader<ChildStdout>,
    directory: PathBuf,
}

impl Interpreter {
    fn start(directory: &Path) -> Self {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("compat/ctl/client.py");
        let mut process = Command::new(reference("python").expect("checked before"))
            .arg(script)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .env_remove("TERM")
            .spawn()
            .expect("start Python");
        let answers = BufReader::new(process.stdout.take().expect("piped"));
        Self {
            process,
            answers,
            directory: directory.to_path_buf(),
        }
    }

    fn run(&mut self, words: &[String], typed: &str) -> Finished {
        let file = |name: &str, text: &str| {
            let path = self.directory.join(name);
            std::fs::write(&path, text).expect("a recorded session");
            path
        };
        let files = [file("in", typed), file("out", ""), file("err", "")];
        let request = serde_json::json!({
            "words": words, "directory": self.directory,
            "stdin": files[0], "stdout": files[1], "stderr": files[2],
        });
        let input = self.process.stdin.as_mut().expect("piped");
        writeln!(input, "{request}").expect("a recorded session");
        let mut answer = String::new();
        self.answers
            .read_line(&mut answer)
            .expect("a recorded session");
        Finished {
            code: answer.trim().parse().ok(),
            stdout: std::fs::read_to_string(&files[1]).expect("a recorded session"),
            stderr: std::fs::read_to_string(&files[2]).expect("a recorded session"),
        }
    }
}

impl Drop for Interpreter {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// One step of a session.
#[derive(Debug)]
enum Step {
    Config(String),
    Directive(Vec<String>),
    Run(Run),
}

#[derive(Debug, Default)]
struct Run {
    line: String,
    options: Vec<String>,
    typed: String,
    recorded: Seen,
    /// What ours does otherwise, under the name of a row of the table in `docs/switching.md`.
    ours: Option<Seen>,
}

/// What a client did: standard output, exit status, whether standard error had anything.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
struct Seen {
    out: String,
    end: String,
}

fn parse(text: &str) -> Vec<Step> {
    let mut steps = Vec::new();
    let mut lines = text.lines().peekable();
    while let Some(line) = lines.next() {
        if line == "%config" {
            let sections: Vec<&str> = lines.by_ref().take_while(|line| *line != "%end").collect();
            steps.push(Step::Config(sections.join("\n") + "\n"));
        } else if let Some(words) = line.strip_prefix('%') {
            let words = words.split_whitespace().map(String::from).collect();
            steps.push(Step::Directive(words));
        } else if let Some(rest) = line.strip_prefix('$') {
            let (options, line) = match rest.strip_prefix('[').and_then(|r| r.split_once(']')) {
                Some((options, line)) => (options, line),
                None => ("", rest),
            };
            steps.push(Step::Run(Run {
                line: line.trim().to_owned(),
                options: options.split(',').map(String::from).collect(),
                ..Run::default()
            }));
        } else if let (Some(Step::Run(run)), true) = (steps.last_mut(), line.starts_with(">> ")) {
            run.ours = Some(Seen::default());
        } else if let Some(Step::Run(run)) = steps.last_mut() {
            let (mark, text) = line.split_at(line.len().min(1));
            let text = text.strip_prefix(' ').unwrap_or(text);
            match mark {
                "<" => run.typed.push_str(&format!("{text}\n")),
                "|" => run.recorded.out.push_str(&format!("{text}\n")),
                "\\" => {
                    // The line break recorded before it stays; this one has none.
                    run.recorded.out.push_str(text);
                }
                "=" => run.recorded.end = text.to_owned(),
                ">" => {
                    let ours = run.ours.as_mut().expect("a row of the table above it");
                    match text.strip_prefix('=') {
                        Some(end) => ours.end = end.trim().to_owned(),
                        None => ours.out.push_str(&format!("{text}\n")),
                    }
                }
                _ => {}
            }
        }
    }
    steps
}

struct Replay {
    pairing: Pairing,
    client: Client,
    daemon: Option<Daemon>,
    setup: Option<Setup>,
    directory: PathBuf,
    port: String,
    differences: Vec<String>,
}

impl Replay {
    fn fill(&self, text: &str) -> String {
        text.replace("{dir}", &self.directory.to_string_lossy())
            .replace("{port}", &self.port)
    }

    fn config(&mut self, sections: &str) {
        let sections = format!("{MARK}{}", self.fill(sections));
        if let Some(daemon) = &self.daemon {
            let text = std::fs::read_to_string(daemon.config()).expect("a recorded session");
            let head = text
                .split(MARK)
                .next()
                .expect("a recorded session")
                .to_owned();
            std::fs::write(daemon.config(), head + &sections).expect("a recorded session");
        } else {
            self.setup = self.setup.take().map(|setup| setup.sections(&sections));
        }
    }

    fn directive(&mut self, words: &[String]) {
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        match words[..] {
            ["start"] => self.daemon = self.setup.take().map(Setup::start),
            ["wait", name, state] => {
                let daemon = self.daemon.as_ref().expect("started");
                daemon.wait_up();
                daemon.wait_state(name, state);
            }
            ["gone"] => {
                self.daemon.as_mut().expect("started").wait_exit();
            }
            ["file", path, ref lines @ ..] => {
                let text: String = lines.iter().map(|line| format!("{line}\n")).collect();
                std::fs::write(self.fill(path), self.fill(&text)).expect("a recorded session");
            }
            _ => panic!("unknown directive {words:?}"),
        }
    }

    fn run(&mut self, run: &Run) {
        let mut words = shell_words(&self.fill(&run.line)).expect("a recorded session");
        if !run.options.iter().any(|option| option == "raw") {
            let config = self.directory.join("supervisord.conf");
            words.splice(
                0..0,
                ["-c".to_owned(), config.to_string_lossy().into_owned()],
            );
        }
        let typed = self.fill(&run.typed);
        let done = match &mut self.client {
            Client::Interpreter(interpreter) => interpreter.run(&words, &typed),
            Client::Program(program) => {
                let mut command = Command::new(program);
                command
                    .args(words)
                    .current_dir(&self.directory)
                    .env_remove("TERM");
                finish(command, &typed)
            }
        };
        let seen = self.seen(&done);
        let expected = match &run.ours {
            Some(ours) if self.pairing != Pairing::ReferenceToOurs => ours,
            Some(_) | None => &run.recorded,
        };
        if !same(&run.options, expected, &seen) {
            self.differences.push(format!(
                "$ {}\nexpected ({})\n{}\ngot ({})\n{}",
                run.line, expected.end, expected.out, seen.end, seen.out
            ));
        }
    }

    fn seen(&self, done: &Finished) -> Seen {
        let stderr = if done.stderr.is_empty() {
            ""
        } else {
            " stderr"
        };
        Seen {
            out: normal(&done.stdout, &self.directory, &self.port),
            end: format!("{}{stderr}", done.code.unwrap_or(-1)),
        }
    }
}

fn finish(mut command: Command, typed: &str) -> Finished {
    command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = command.spawn().expect("start a client");
    // A client that ends early does not read it all.
    let _ = child
        .stdin
        .take()
        .expect("piped")
        .write_all(typed.as_bytes());
    let output = child.wait_with_output().expect("wait for a client");
    Finished {
        code: output.status.code(),
        stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}

fn same(options: &[String], expected: &Seen, seen: &Seen) -> bool {
    let option = |name: &str| options.iter().any(|option| option == name);
    let sorted = |text: &str| {
        let mut lines: Vec<String> = text.lines().map(String::from).collect();
        lines.sort();
        lines
    };
    let printed = if option("class") {
        expected.out.is_empty() == seen.out.is_empty()
    } else if option("first") {
        expected.out.lines().next() == seen.out.lines().next()
    } else if option("unordered") {
        sorted(&expected.out) == sorted(&seen.out)
    } else {
        expected.out == seen.out
    };
    // The last failure decides the status, so with the order it differs which one it is.
    let class = |end: &str| end.trim_start_matches(|c| c != '0' && c != ' ').to_owned();
    let ended = if option("unordered") {
        class(&expected.end) == class(&seen.end)
    } else {
        expected.end == seen.end
    };
    printed && ended
}

/// Replaces what differs from run to run, as the recorder does.
fn normal(text: &str, directory: &Path, port: &str) -> String {
    let text = text
        .replace(&*directory.to_string_lossy(), "{dir}")
        .replace(port, "{port}");
    let lines: Vec<String> = text.split('\n').map(normal_line).collect();
    lines.join("\n")
}

fn normal_line(line: &str) -> String {
    if !line.is_empty() && !line.starts_with('0') && line.bytes().all(|c| c.is_ascii_digit()) {
        return "PID".to_owned();
    }
    // The head is not as long everywhere.
    if let Some((before, rest)) = line.split_once("[line ")
        && let Some((_, after)) = rest.split_once(']')
        && !rest.starts_with('N')
    {
        return normal_line(&format!("{before}[line N]{after}"));
    }
    // Behind a Python class the reference names its own source file.
    if let Some((before, _)) = line.split_once(": file: ") {
        return format!("{before}: file: FILE line: N");
    }
    let words: Vec<&str> = line.split(' ').collect();
    let number = |word: &str| !word.is_empty() && word.bytes().all(|c| c.is_ascii_digit());
    let mut out: Vec<String> = Vec::new();
    let mut i = 0;
    while let Some(word) = words.get(i) {
        let next = |k: usize| words.get(i + k).copied().unwrap_or_default();
        let is_pid = *word == "pid" && number(next(1).trim_end_matches(','));
        if is_pid && next(2) == "uptime" {
            out.push("pid PID, uptime TIME".to_owned());
            i += 4;
        } else if is_pid && out.last().is_some_and(|last| last == "with") {
            out.push("pid PID".to_owned());
            i += 2;
        } else if word.len() == 3 && number(next(1)) && matches!(next(3), "AM" | "PM") {
            out.push("DATE".to_owned());
            i += 4;
        } else if word.len() == 10 && word.matches('-').count() == 2 && next(1).contains(',') {
            out.push("STAMP".to_owned());
            i += 2;
        } else {
            out.push((*word).to_owned());
            i += 1;
        }
    }
    out.join(" ")
}

fn replay(name: &str, pairing: Pairing) {
    if pairing.needs_reference() && reference("supervisorctl").is_none() {
        return skip("target/reference is not installed");
    }
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("compat/ctl")
        .join(name);
    let steps = parse(
        &std::fs::read_to_string(path.with_extension("session")).expect("a recorded session"),
    );
    let setup = Setup::new(pairing.daemon());
    let mut replay = Replay {
        pairing,
        client: pairing.client(setup.directory.path()),
        daemon: None,
        directory: setup.directory.path().to_path_buf(),
        setup: Some(setup),
        port: free_port().to_string(),
        differences: Vec::new(),
    };
    for step in &steps {
        match step {
            Step::Config(sections) => replay.config(sections),
            Step::Directive(words) => replay.directive(words),
            Step::Run(run) => replay.run(run),
        }
    }
    let differences = replay.differences;
    assert!(
        differences.is_empty(),
        "{name}, {pairing:?}: {} differences\n{}",
        differences.len(),
        differences.join("\n")
    );
}

macro_rules! sessions {
    ($($name:ident)*) => {$(
        mod $name {
            use super::*;

            #[test]
            fn our_client_and_our_daemon_on_smol_print_what_was_recorded() {
                replay(stringify!($name), Pairing::Ours(Runtime::Smol));
            }

            #[test]
            fn our_client_and_our_daemon_on_std_print_what_was_recorded() {
                replay(stringify!($name), Pairing::Ours(Runtime::Std));
            }

            #[test]
            fn our_client_prints_what_was_recorded_with_the_reference_s_daemon() {
                replay(stringify!($name), Pairing::OursToReference);
            }

            #[test]
            fn the_reference_s_client_prints_what_was_recorded_with_our_daemon() {
                replay(stringify!($name), Pairing::ReferenceToOurs);
            }
        }
    )*};
}

sessions! { asking acting logs changing errors ending }

#[test]
fn at_least_120_command_lines_are_recorded() {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("compat/ctl");
    let mut lines = 0;
    for entry in std::fs::read_dir(directory).expect("a recorded session") {
        let path = entry.expect("a recorded session").path();
        if path
            .extension()
            .is_some_and(|extension| extension == "session")
        {
            let steps = parse(&std::fs::read_to_string(path).expect("a recorded session"));
            let runs = steps.iter().filter_map(|step| match step {
                Step::Run(run) => Some(run),
                Step::Config(_) | Step::Directive(_) => None,
            });
            lines += runs
                .inspect(|run| assert!(!run.recorded.end.is_empty(), "{run:?}"))
                .count();
        }
    }
    assert!(lines >= 120, "{lines}");
}
