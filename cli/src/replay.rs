//! `supervisord replay FILE`: what a recorded daemon decided, decided again.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Write};
use std::time::Duration;
use visor_core::record::{Entry, Header, Replay, VERSION};
use visor_core::{Action, Input, LogId, Timestamp};

/// How the words after `supervisord` begin.
pub const WORD: &str = "replay";

const USAGE: &str = "usage: supervisord replay FILE [--until N] [--trace]

Runs the core again on a recording made with --record, without touching anything, and compares
what it decides with what it decided then.

  --until N   stop after the first N inputs
  --trace     show each input, and what the core wanted because of it";

#[derive(Debug, Default, PartialEq)]
struct Options {
    file: String,
    until: Option<u64>,
    trace: bool,
}

/// Runs the command; `words` are those after `replay`. Returns the exit status: 0 if the replay is
/// the same, 1 if it is not, 2 if there is nothing to compare.
pub fn run(words: &[String], out: &mut impl Write, err: &mut impl Write) -> i32 {
    let options = match parse(words) {
        Ok(options) => options,
        Err(error) => return fail(err, &format!("{error}\n{USAGE}")),
    };
    let file = match File::open(&options.file) {
        Ok(file) => file,
        Err(error) => return fail(err, &format!("could not read {}: {error}", options.file)),
    };
    match replay(BufReader::new(file), &options, out) {
        Ok(status) => status,
        // Whoever reads a trace may have seen enough.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => 0,
        Err(error) => fail(err, &format!("{}: {error}", options.file)),
    }
}

fn fail(err: &mut impl Write, text: &str) -> i32 {
    // With standard error closed there is nobody to tell.
    let _ = writeln!(err, "Error: {text}");
    2
}

fn parse(words: &[String]) -> Result<Options, String> {
    let mut options = Options::default();
    let mut words = words.iter();
    while let Some(word) = words.next() {
        match word.as_str() {
            "--trace" => options.trace = true,
            "--until" => {
                let count = words.next().ok_or("--until needs a number of inputs")?;
                let parsed = count.parse();
                options.until =
                    Some(parsed.map_err(|_| format!("--until needs a number, not '{count}'"))?);
            }
            flag if flag.starts_with('-') => return Err(format!("option {flag} not recognized")),
            file if options.file.is_empty() => file.clone_into(&mut options.file),
            more => return Err(format!("one recording at a time, not also '{more}'")),
        }
    }
    if options.file.is_empty() {
        return Err("which recording?".to_owned());
    }
    Ok(options)
}

fn replay(file: impl BufRead, options: &Options, out: &mut impl Write) -> io::Result<i32> {
    let mut lines = file.lines();
    let bad = |line: u64, what: &dyn std::fmt::Display| {
        io::Error::new(io::ErrorKind::InvalidData, format!("line {line}: {what}"))
    };
    let first = lines.next().ok_or_else(|| bad(1, &"the file is empty"))??;
    let header: Header = serde_json::from_str(&first).map_err(|error| bad(1, &error))?;
    if header.version != VERSION {
        let text = format!(
            "a recording of version {}; this program reads version {VERSION}",
            header.version
        );
        return Err(bad(1, &text));
    }
    let (begun, masked) = (header.now.mono, header.masked);
    let mut replay = Replay::new(header);
    let (mut inputs, mut actions) = (0_u64, 0_u64);
    for line in lines {
        if options.until.is_some_and(|until| inputs >= until) {
            break;
        }
        let line = line?;
        let entry: Entry<'_> =
            serde_json::from_str(&line).map_err(|error| bad(inputs + 2, &error))?;
        actions = entry.before.count();
        let (now, input) = (entry.now.mono, entry.input.clone());
        match replay.step(entry) {
            Ok(wanted) => {
                inputs += 1;
                if options.trace {
                    for action in &wanted {
                        writeln!(out, "      {}", show_action(action))?;
                    }
                    let since = at(now, begun);
                    writeln!(out, "{inputs:>5} {since} {}", show_input(&input))?;
                }
            }
            Err(divergence) => {
                writeln!(
                    out,
                    "input {} is where it differs: {divergence}",
                    inputs + 1
                )?;
                return Ok(1);
            }
        }
    }
    let compared = if masked {
        "counted only: secrets are masked"
    } else {
        "all the same"
    };
    writeln!(out, "{inputs} inputs, {actions} actions, {compared}")?;
    Ok(0)
}

fn at(now: Timestamp, begun: Timestamp) -> String {
    let since: Duration = now.saturating_since(begun);
    format!("+{}.{:06}", since.as_secs(), since.subsec_micros())
}

/// Bytes in a trace are shown as text, and not all of them.
fn show_bytes(data: &[u8]) -> String {
    const SHOWN: usize = 120;
    let text = String::from_utf8_lossy(data.get(..SHOWN).unwrap_or(data)).into_owned();
    let more = if data.len() > SHOWN { " …" } else { "" };
    format!("{} bytes {text:?}{more}", data.len())
}

// Whatever is not long is shown as it is.
#[allow(clippy::wildcard_enum_match_arm)]
fn show_input(input: &Input<'_>) -> String {
    match input {
        Input::ChildOutput {
            spawn,
            stream,
            data,
        } => format!("output of {spawn} {} {}", stream.name(), show_bytes(data)),
        Input::ConnData { conn, data } => format!("from client {conn} {}", show_bytes(data)),
        Input::ConfigRead { result: Ok(read) } => {
            format!("configuration read, {} groups", read.config.groups.len())
        }
        input => format!("{input:?}"),
    }
}

// As above.
#[allow(clippy::wildcard_enum_match_arm)]
fn show_action(action: &Action) -> String {
    match action {
        Action::WriteLog { log, data } => {
            let log = match log {
                LogId::Activity => "activity log".to_owned(),
                LogId::Child(id, stream) => format!("log of {id} {}", stream.name()),
            };
            format!("write to {log} {}", show_bytes(data))
        }
        Action::ShowLine { line, .. } => format!("show {}", show_bytes(line)),
        Action::WriteStdin { spawn, data } => format!("to stdin of {spawn} {}", show_bytes(data)),
        Action::SendConn { conn, data } => format!("to client {conn} {}", show_bytes(data)),
        Action::Spawn { spawn, spec } => format!("spawn {spawn} {} {:?}", spec.name, spec.argv),
        action => format!("{action:?}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use visor_core::config::{Config, ProcessConfig};
    use visor_core::record::Tally;
    use visor_core::{Boot, Now, Output, Pid, Supervisor};

    fn words(line: &str) -> Vec<String> {
        line.split_whitespace().map(str::to_owned).collect()
    }

    /// A recording of a daemon whose one program is spawned and fails.
    fn recording() -> String {
        let boot = Boot {
            pid: Pid(1),
            seed: [0; 32],
            foreground: true,
            messages: vec![],
        };
        let config = Config::embedded().program(ProcessConfig::new("web", "/bin/web"));
        let header = Header::new(config.clone(), boot.clone(), Now::default());
        let mut text = serde_json::to_string(&header).unwrap() + "\n";
        let mut live = Supervisor::new(config, boot, Now::default());
        let mut before = Tally::default();
        while let Output::Action(action) = live.poll_output() {
            before.add(&action);
            if let Action::Spawn { spawn, .. } = action {
                let input = Input::Spawned { spawn, pid: Pid(7) };
                let entry = Entry {
                    now: Now::default(),
                    input: input.clone(),
                    before,
                };
                text += &(serde_json::to_string(&entry).unwrap() + "\n");
                live.handle_input(Now::default(), input);
            }
        }
        let entry = Entry {
            now: Now::default(),
            input: Input::Wake,
            before,
        };
        text + &serde_json::to_string(&entry).unwrap() + "\n"
    }

    fn replayed(text: &str, options: &Options) -> (i32, String) {
        let mut out = Vec::new();
        let status = replay(text.as_bytes(), options, &mut out).unwrap();
        (status, String::from_utf8(out).unwrap())
    }

    #[test]
    fn a_recording_replays_to_the_same_actions() {
        let options = Options {
            trace: true,
            ..Options::default()
        };
        let (status, text) = replayed(&recording(), &options);
        assert_eq!(status, 0, "{text}");
        assert!(text.contains("spawn 0 web"), "{text}");
        assert!(text.ends_with("all the same\n"), "{text}");
    }

    #[test]
    fn a_recording_of_another_decision_is_told_apart() {
        let text = recording().replace("\"/bin/web\"", "\"/bin/other\"");
        let (status, text) = replayed(&text, &Options::default());
        assert_eq!(status, 1);
        assert!(text.starts_with("input 1 is where it differs"), "{text}");
    }

    #[test]
    fn words_are_checked() {
        let options = parse(&words("f --until 3 --trace")).unwrap();
        assert_eq!((options.until, options.trace), (Some(3), true));
        for wrong in ["", "f --until", "f --until x", "f g", "f --what"] {
            assert!(parse(&words(wrong)).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_file_that_is_no_recording_is_named_with_its_line() {
        let error = replay(&b"{}\n"[..], &Options::default(), &mut Vec::new()).unwrap_err();
        assert!(error.to_string().starts_with("line 1: "), "{error}");
    }
}
