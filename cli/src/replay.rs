//! `supervisord replay FILE`: what a recorded daemon decided, decided again.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Write};
use std::time::Duration;
use visor_core::record::{Divergence, Entry, Header, Replay, VERSION};
use visor_core::{Action, Input, LogId, Timestamp};

/// How the words after `supervisord` begin.
pub const WORD: &str = "replay";

const USAGE: &str = "usage: supervisord replay FILE [--until N] [--trace]

Runs the core again on a recording made with --record, without touching anything, and compares
what it decides with what it decided then.

  --until N   stop after the first N inputs
  --trace     show each input, and below it what changed and what the core wanted because of it";

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

/// What came of a recording.
#[derive(Debug, Default)]
struct Told {
    inputs: u64,
    trace: bool,
    begun: Timestamp,
}

fn replay(mut file: impl BufRead, options: &Options, out: &mut impl Write) -> io::Result<i32> {
    let header = header(&line(&mut file)?.unwrap_or_default())?;
    let mut told = Told {
        trace: options.trace,
        begun: header.now.mono,
        ..Told::default()
    };
    let masked = if header.masked {
        ", secrets masked"
    } else {
        ""
    };
    let mut replay = Replay::new(header);
    let mut cut = false;
    while let Some(line) = line(&mut file)? {
        let entry: Entry<'_> = match serde_json::from_slice(&line) {
            Ok(entry) => entry,
            // The daemon, its disk or its machine ended in the middle of it.
            Err(_) if !line.ends_with(b"\n") => {
                cut = true;
                break;
            }
            Err(error) => return Err(bad(told.inputs + 2, &error)),
        };
        let is_last = options.until.is_some_and(|until| told.inputs >= until);
        let outcome = if is_last {
            replay.poll_to(entry.before)
        } else {
            replay.step(entry.clone())
        };
        match outcome {
            Ok(wanted) => told.actions(out, &wanted)?,
            Err(divergence) => return told.divergence(out, &divergence),
        }
        if is_last {
            break;
        }
        told.input(out, &entry, &mut replay)?;
    }
    let actions = replay.actions();
    if options.until.is_none_or(|until| told.inputs < until) {
        told.actions(out, &replay.rest())?;
    }
    let inputs = told.inputs;
    writeln!(
        out,
        "{inputs} inputs, {actions} actions, all the same{masked}"
    )?;
    if cut {
        writeln!(
            out,
            "the recording is cut off in the middle of input {}",
            inputs + 1
        )?;
    }
    Ok(0)
}

/// The next line with its end; the last may have none.
fn line(file: &mut impl BufRead) -> io::Result<Option<Vec<u8>>> {
    let mut line = Vec::new();
    file.read_until(b'\n', &mut line)?;
    Ok((!line.is_empty()).then_some(line))
}

fn bad(line: u64, what: &dyn std::fmt::Display) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, format!("line {line}: {what}"))
}

fn header(line: &[u8]) -> io::Result<Header> {
    let not = |why: &str| {
        let text = format!("this is not a recording ({why})");
        io::Error::new(io::ErrorKind::InvalidData, text)
    };
    if line.is_empty() {
        return Err(not("the file is empty"));
    }
    let any: serde_json::Value =
        serde_json::from_slice(line).map_err(|_| not("its first line is not JSON"))?;
    let version = any.get("version").and_then(serde_json::Value::as_u64);
    let version = version.ok_or_else(|| not("its first line has no version"))?;
    if version != u64::from(VERSION) {
        let text = format!(
            "a recording of version {version}; this program reads version {VERSION}: replay it \
             with the visor that made it"
        );
        return Err(io::Error::new(io::ErrorKind::InvalidData, text));
    }
    serde_json::from_value(any).map_err(|error| bad(1, &error))
}

impl Told {
    fn actions(&self, out: &mut impl Write, actions: &[Action]) -> io::Result<()> {
        if self.trace {
            for action in actions {
                writeln!(out, "      {}", show_action(action))?;
            }
        }
        Ok(())
    }

    fn input(
        &mut self,
        out: &mut impl Write,
        entry: &Entry<'_>,
        replay: &mut Replay,
    ) -> io::Result<()> {
        self.inputs += 1;
        if !self.trace {
            return Ok(());
        }
        let (inputs, since) = (self.inputs, at(replay.now().mono, self.begun));
        let more = match entry.omitted_bytes() {
            None => String::new(),
            Some(bytes) => format!(" and {bytes} bytes that were not recorded"),
        };
        let what = if let (true, Input::ConnData { conn, .. }) = (entry.is_again(), &*entry.input) {
            format!("from client {conn} the same again")
        } else {
            show_input(&entry.input)
        };
        writeln!(out, "{inputs:>5} {since} {what}{more}")?;
        for change in replay.transitions() {
            let mut processes = replay.supervisor().processes();
            let known = processes.find(|(id, ..)| *id == change.process);
            let name = known.map_or_else(
                || change.process.to_string(),
                |(_, group, name, _)| match group == name {
                    true => name.to_owned(),
                    false => format!("{group}:{name}"),
                },
            );
            let (from, to) = (change.from.name(), change.to.name());
            writeln!(out, "      {name}: {from} to {to}")?;
        }
        Ok(())
    }

    fn divergence(&self, out: &mut impl Write, divergence: &Divergence) -> io::Result<i32> {
        let before = self.inputs + 1;
        writeln!(
            out,
            "before input {before} it differs: {divergence}; the replay has"
        )?;
        for action in &divergence.actions {
            writeln!(out, "      {}", show_action(action))?;
        }
        Ok(1)
    }
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
    use visor_core::record::{Since, Tally};
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
            before.add(&action, false);
            if let Action::Spawn { spawn, .. } = action {
                let input = Input::Spawned { spawn, pid: Pid(7) };
                let entry = Entry::new(Since::default(), &input, before.take());
                text += &(serde_json::to_string(&entry).unwrap() + "\n");
                live.handle_input(Now::default(), input);
            }
        }
        let entry = Entry::new(Since::default(), &Input::Wake, before);
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
        assert!(text.starts_with("before input 1 it differs"), "{text}");
        assert!(text.contains("spawn 0 web [\"/bin/other\"]"), "{text}");
    }

    #[test]
    fn a_replay_can_end_early_and_shows_what_came_of_the_last_input() {
        let options = Options {
            trace: true,
            until: Some(0),
            ..Options::default()
        };
        let (status, text) = replayed(&recording(), &options);
        assert_eq!(status, 0);
        assert!(text.contains("spawn 0 web"), "{text}");
        assert!(text.contains("\n0 inputs, "), "{text}");
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
    fn a_recording_that_was_cut_replays_up_to_the_cut() {
        let text = recording();
        let begins = text.find('\n').unwrap() + 1;
        let mut complete = 0;
        for cut in begins..text.len() {
            let (status, said) = replayed(&text[..cut], &Options::default());
            assert_eq!(status, 0, "{said}");
            let lines = text[..cut].matches('\n').count() - 1;
            let last = &text[..cut].rsplit('\n').next().unwrap();
            if !last.is_empty() && serde_json::from_str::<Entry<'_>>(last).is_err() {
                let expected = format!("cut off in the middle of input {}\n", lines + 1);
                assert!(said.ends_with(&expected), "{said}");
            } else {
                complete += 1;
                assert!(said.ends_with("all the same\n"), "{said}");
            }
        }
        assert!(complete >= 2);
    }

    #[test]
    fn what_is_no_recording_is_said_to_be_none() {
        let this = format!("\"version\":{VERSION}");
        let other = recording().replacen(&this, "\"version\":1", 1);
        let unmasked = format!("{{{this}}}\n");
        let refused = format!(
            "a recording of version 1; this program reads version {VERSION}: replay it with the visor that made it"
        );
        let broken = recording() + "{}\n";
        for (text, expected) in [
            ("", "this is not a recording (the file is empty)"),
            (
                "{}\n",
                "this is not a recording (its first line has no version)",
            ),
            (
                "\u{7f}ELF\n",
                "this is not a recording (its first line is not JSON)",
            ),
            (&unmasked, "line 1: missing field `masked`"),
            (&other, &refused),
            (&broken, "line 4: an entry has one of i, o, d, a and p"),
        ] {
            let error = replay(text.as_bytes(), &Options::default(), &mut Vec::new()).unwrap_err();
            assert_eq!(error.to_string(), expected);
        }
    }

    #[test]
    fn errors_name_the_file() {
        for (words, expected) in [
            (
                "/nowhere/at/all",
                "Error: could not read /nowhere/at/all: No such file or directory (os error 2)\n",
            ),
            (
                "/dev/null",
                "Error: /dev/null: this is not a recording (the file is empty)\n",
            ),
            ("/", "Error: /: Is a directory (os error 21)\n"),
        ] {
            let (mut out, mut err) = (Vec::new(), Vec::new());
            let words = [words.to_owned()];
            assert_eq!(run(&words, &mut out, &mut err), 2);
            assert_eq!(String::from_utf8(err).unwrap(), expected);
        }
    }
}
