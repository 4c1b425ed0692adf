//! supervisord: from the command line to a running daemon.
//!
//! Every step that can refuse does so before the next one begins: flags, configuration, user,
//! limits. Then the process goes to the background, if it is to, and becomes the runtime's.

mod background;
mod flags;
mod notify;
mod rights;

use crate::{check, replay, search};
use background::{Side, Word};
pub use flags::{Format, Options, Record, Refusal, Request, RuntimeName, Task, parse};
use std::cell::{Cell, RefCell};
use std::io::{self, Write};
use std::path::Path;
use std::rc::Rc;
use visor_core::config::{Config, Flag, LoadErrors, LoadOptions, Loader, Need, Step};
use visor_core::{Boot, Pid, ReadConfig};
use visor_std::Hooks;
use visor_std::record::{BYTES_MAX, Recorder};
use visor_std::sys::{daemonize, needs, privileges};

/// The version of Supervisor that this is a replacement for.
const COMPATIBLE: &str = "4.3.0";

/// Exit status of a start that is refused.
const REFUSED: i32 = 2;

/// The mask of a daemon in the background whose configuration sets none.
const UMASK: u32 = 0o022;

#[cfg(not(any(feature = "smol", feature = "std")))]
compile_error!("supervisord needs a runtime: the feature smol, or std, or both");

/// Does what the process's command line says, and returns the exit status.
#[must_use]
pub fn main() -> i32 {
    let mut words = std::env::args_os().map(|word| word.to_string_lossy().into_owned());
    let program = words.next().unwrap_or_else(|| "supervisord".to_owned());
    let args: Vec<String> = words.collect();
    if let Some((first, rest)) = args.split_first()
        && first == replay::WORD
    {
        return replay::run(rest, &mut io::stdout().lock(), &mut io::stderr());
    }
    match obey(&program, &args) {
        Ok(status) => status,
        Err(text) => {
            // With standard error closed there is nobody to tell; the exit status says it.
            let _ = writeln!(io::stderr(), "Error: {text}\n{}", help_line(&program));
            REFUSED
        }
    }
}

fn help_line(program: &str) -> String {
    format!("For help, use {program} -h")
}

/// # Errors
/// Why the start is refused: what follows `Error: `.
fn obey(program: &str, args: &[String]) -> Result<i32, String> {
    let request = parse(args, check_flags).map_err(|refusal| refusal.to_string())?;
    match request {
        Request::Help => {
            let help = flags::HELP.replace("{program}", program);
            print(&help.replace("{runtime}", DEFAULT_RUNTIME.name()));
            Ok(0)
        }
        // Scripts read what -v prints.
        Request::Version(shown) if shown == "-v" => {
            print(&format!("{COMPATIBLE}\n"));
            Ok(0)
        }
        Request::Version(_) => {
            let ours = env!("CARGO_PKG_VERSION");
            print(&format!("{COMPATIBLE} (visor {ours})\n"));
            Ok(0)
        }
        Request::Go(options) => go(program, options),
    }
}

fn print(text: &str) {
    // Who closes standard output does not want to know.
    let _ = io::stdout().write_all(text.as_bytes());
}

/// What `-h` prints; `{program}` and `{runtime}` stand for names.
pub(crate) const fn help() -> &'static str {
    flags::HELP
}

/// Whether the values of flags can be used, which is looked at before any file is.
fn check_flags(flags: &[Flag]) -> Result<(), String> {
    let mut loader = Loader::new(LoadOptions {
        flags: flags.to_vec(),
        ..needs::options("")
    });
    loop {
        match loader.poll() {
            // The flags are through: now it asks for the configuration.
            Step::Need(Need::File { .. }) | Step::Done(_) => return Ok(()),
            Step::Need(need) => loader.answer(needs::answer(&need)),
            Step::Failed(errors) => return Err(errors.to_string()),
        }
    }
}

fn go(program: &str, options: Options) -> Result<i32, String> {
    let run = runtime(options.runtime)?;
    let path = match options.configuration {
        Some(path) => path,
        None => {
            warn_of_search();
            search::find(program)?
        }
    };
    let load = LoadOptions {
        flags: options.flags,
        ..needs::options(&path)
    };
    match options.task {
        Task::Run => {
            let bytes_max = options.record_bytes_max.unwrap_or(BYTES_MAX);
            let record = options.record.map(|record| (record, bytes_max));
            supervise(program, load, run, record)
        }
        Task::Check => Ok(check::check(load, options.format)),
        Task::Print => check::print_config(load, options.format),
    }
}

/// Anybody may put a file into a directory that root happens to be in.
fn warn_of_search() {
    if privileges::is_root() {
        let _ = writeln!(
            io::stderr(),
            "Warning: looking for a configuration around the current directory, as root; name one \
             with -c and an absolute path."
        );
    }
}

/// Becomes the daemon, and returns its exit status when it has ended. In a launcher: that of the
/// start.
fn supervise(
    program: &str,
    load: LoadOptions,
    run: Run,
    record: Option<(Record, u64)>,
) -> Result<i32, String> {
    let loaded = needs::load(load.clone()).map_err(|errors| explained(&errors))?;
    daemonize::mark_inherited_descriptors();
    let (mut config, mut messages) = (loaded.config, loaded.messages);
    rights::become_user(&config.supervisord, &mut messages)?;
    rights::raise_limits(&config.supervisord, &mut messages)?;
    let recorder = record.as_ref().map(recorder).transpose()?;
    let foreground = config.supervisord.nodaemon;
    let word = if foreground {
        if let Some(mask) = config.supervisord.umask {
            daemonize::set_umask(mask);
        }
        None
    } else {
        let split = background::split();
        match split.map_err(|error| format!("could not go to the background: {error}"))? {
            Side::Launcher(status) => return Ok(status),
            Side::Daemon(word) => {
                settle(&mut config, &mut messages);
                Some(word)
            }
        }
    };
    let seed = daemonize::random_seed();
    let boot = Boot {
        pid: Pid(std::process::id()),
        seed: seed.map_err(|error| format!("there is no source of randomness: {error}"))?,
        foreground,
        messages,
    };
    let up = Rc::new(Cell::new(false));
    let status = run(config, boot, hooks(load, word, recorder, Rc::clone(&up)));
    if status == REFUSED && !up.get() {
        // The core has said why.
        let _ = writeln!(io::stderr(), "{}", help_line(program));
    }
    Ok(status)
}

/// What the background changes: directory and mask.
fn settle(config: &mut Config, messages: &mut rights::Messages) {
    let daemon = &mut config.supervisord;
    daemonize::set_umask(daemon.umask.unwrap_or(UMASK));
    let Some(directory) = &daemon.directory else {
        return;
    };
    if let Err(error) = std::env::set_current_dir(directory) {
        let name = visor_std::sys::error_name(&error);
        let text = format!(
            "can't chdir into {}: {name}",
            visor_core::text::py_repr(directory)
        );
        messages.push((visor_core::LogLevel::Critical, text));
        daemon.directory = None;
    }
}

fn recorder((record, bytes_max): &(Record, u64)) -> Result<Recorder, String> {
    Recorder::create(Path::new(&record.path), *bytes_max, record.masked).map_err(|error| {
        let name = visor_std::sys::error_name(&error);
        format!("could not record to {}: {name}", record.path)
    })
}

fn hooks(
    mut load: LoadOptions,
    word: Option<Word>,
    recorder: Option<Recorder>,
    up: Rc<Cell<bool>>,
) -> Hooks {
    // The daemon may have gone to another directory by the time it reads the file again.
    let path = Path::new(&load.current_dir).join(&load.path);
    load.path = path.to_string_lossy().into_owned();
    let word = RefCell::new(word);
    Hooks {
        recorder,
        read_config: Box::new(move || {
            let loaded = needs::load(load.clone()).map_err(|errors| errors.to_string())?;
            Ok(Box::new(ReadConfig {
                config: loaded.config,
                messages: loaded.messages,
            }))
        }),
        ready: Box::new(move || {
            up.set(true);
            if let Some(word) = word.take() {
                word.give();
            }
            notify::ready();
        }),
    }
}

/// The text of an error, and on a line of its own where it is, unless the text says so itself.
fn explained(errors: &LoadErrors) -> String {
    let text = errors.text();
    match errors.place() {
        Some(place) if place.line > 0 && !text.contains("line") => format!("{text}\n  ({place})"),
        Some(_) | None => text.to_owned(),
    }
}

/// A runtime: runs a daemon until its end and returns the exit status.
type Run = fn(Config, Boot, Hooks) -> i32;

const DEFAULT_RUNTIME: RuntimeName = if cfg!(feature = "smol") {
    RuntimeName::Smol
} else {
    RuntimeName::Std
};

fn runtime(name: Option<RuntimeName>) -> Result<Run, String> {
    let name = name.unwrap_or(DEFAULT_RUNTIME);
    let built: Option<Run> = match name {
        #[cfg(feature = "smol")]
        RuntimeName::Smol => Some(visor_smol::run),
        #[cfg(not(feature = "smol"))]
        RuntimeName::Smol => None,
        #[cfg(feature = "std")]
        RuntimeName::Std => Some(visor_std::run),
        #[cfg(not(feature = "std"))]
        RuntimeName::Std => None,
    };
    built.ok_or_else(|| {
        let name = name.name();
        format!("this supervisord was built without the runtime {name}")
    })
}
