//! The flags of supervisord: Supervisor's, and a few of our own.

use crate::getopt::{GetoptError, getopt_with};
use visor_core::config::{Flag, byte_size};
use visor_core::text::py_repr;

const SHORT: &str = "?hc:nvu:m:d:l:y:z:e:j:i:q:kta:s";

/// Supervisor's, in its order: prefixes of them may be used.
const LONG: &[&str] = &[
    "help",
    "configuration=",
    "nodaemon",
    "version",
    "user=",
    "umask=",
    "directory=",
    "logfile=",
    "logfile_maxbytes=",
    "logfile_backups=",
    "loglevel=",
    "pidfile=",
    "identifier=",
    "childlogdir=",
    "nocleanup",
    "strip_ansi",
    "minfds=",
    "minprocs=",
    "silent",
    "profile_options=",
];

/// Ours.
const OWN: &[&str] = &[
    "runtime=",
    "check",
    "print-config",
    "format=",
    "record=",
    "record-masked=",
    "record-maxbytes=",
];

/// What the flags say to do.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Options {
    /// `-c`: the configuration's file; otherwise it is searched for.
    pub configuration: Option<String>,
    /// Flags that win over `[supervisord]`, in the order given.
    pub flags: Vec<Flag>,
    /// `--runtime`; otherwise the default of this build.
    pub runtime: Option<RuntimeName>,
    /// What to do with the configuration.
    pub task: Task,
    /// `--format`.
    pub format: Format,
    /// `--record` or `--record-masked`.
    pub record: Option<Record>,
    /// `--record-maxbytes`: the size at which a recording ends.
    pub record_bytes_max: Option<u64>,
}

/// Where to write down what the daemon is told.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Record {
    /// The file.
    pub path: String,
    /// Whether secrets are left out.
    pub masked: bool,
}

/// What to do with the configuration.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Task {
    /// Supervise what it says.
    #[default]
    Run,
    /// `--check`: say what is wrong with it.
    Check,
    /// `--print-config`: show what it means.
    Print,
}

/// How `--check` and `--print-config` write.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Format {
    /// For people.
    #[default]
    Text,
    /// For programs.
    Json,
}

/// What waits for events.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum RuntimeName {
    /// Tasks on smol's executor.
    Smol,
    /// A loop on epoll.
    Std,
}

impl RuntimeName {
    /// As `--runtime` has it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Smol => "smol",
            Self::Std => "std",
        }
    }
}

/// What a command line asks for.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Request {
    /// `-h`.
    Help,
    /// `-v` or `--version`, as written.
    Version(String),
    /// Anything else.
    Go(Options),
}

/// Why a command line is refused.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Refusal {
    /// It fits no option.
    Getopt(GetoptError),
    /// Something is left behind the options.
    Positional(Vec<String>),
    /// An option is given twice. Carries the second, as written.
    Conflict(String),
    /// The value of one of our own options is none of its values: option, value, values.
    Value(String, String, &'static str),
    /// The value of one of Supervisor's options cannot be used; the whole message.
    Flag(String),
}

impl std::fmt::Display for Refusal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Getopt(error) => error.fmt(f),
            Self::Positional(words) => {
                let words: Vec<String> = words.iter().map(|word| py_repr(word)).collect();
                let words = words.join(", ");
                write!(f, "positional arguments are not supported: [{words}]")
            }
            Self::Conflict(option) => {
                write!(f, "conflicting command line option {}", py_repr(option))
            }
            Self::Value(option, value, values) => {
                let value = py_repr(value);
                write!(f, "invalid value for {option} {value}: not one of {values}")
            }
            Self::Flag(text) => f.write_str(text),
        }
    }
}

impl std::error::Error for Refusal {}

/// Reads a command line without the program's name.
///
/// Options count from left to right: a bad value before `-h` is an error, one behind it is not
/// looked at. `check_flags` says whether the values of Supervisor's options can be used.
///
/// # Errors
/// See [`Refusal`].
pub fn parse(
    args: &[String],
    check_flags: impl Fn(&[Flag]) -> Result<(), String>,
) -> Result<Request, Refusal> {
    let parsed = getopt_with(args, SHORT, LONG, OWN).map_err(Refusal::Getopt)?;
    if !parsed.arguments.is_empty() {
        return Err(Refusal::Positional(parsed.arguments));
    }
    let mut options = Options::default();
    let mut seen: Vec<&str> = Vec::new();
    let check = |options: &Options| check_flags(&options.flags).map_err(Refusal::Flag);
    for (shown, value) in parsed.options {
        let Some(name) = long_name(&shown) else {
            continue;
        };
        if name == "help" {
            check(&options)?;
            return Ok(Request::Help);
        }
        if name == "version" {
            check(&options)?;
            return Ok(Request::Version(shown));
        }
        let again = seen.contains(&name);
        take(&mut options, name, &shown, value)?;
        if again {
            check(&options)?;
            return Err(Refusal::Conflict(shown));
        }
        seen.push(name);
    }
    check(&options)?;
    Ok(Request::Go(options))
}

fn take(options: &mut Options, name: &str, shown: &str, value: String) -> Result<(), Refusal> {
    let bad = |values| Err(Refusal::Value(shown.to_owned(), value.clone(), values));
    match name {
        "configuration" => options.configuration = Some(value),
        "runtime" => match value.as_str() {
            "smol" => options.runtime = Some(RuntimeName::Smol),
            "std" => options.runtime = Some(RuntimeName::Std),
            _ => return bad("smol, std"),
        },
        "format" => match value.as_str() {
            "text" => options.format = Format::Text,
            "json" => options.format = Format::Json,
            _ => return bad("text, json"),
        },
        "check" => options.task = Task::Check,
        "print-config" => options.task = Task::Print,
        "record" => {
            options.record = Some(Record {
                path: value,
                masked: false,
            });
        }
        "record-masked" => {
            options.record = Some(Record {
                path: value,
                masked: true,
            });
        }
        "record-maxbytes" => match byte_size(&value) {
            Ok(bytes) => options.record_bytes_max = Some(bytes),
            Err(_) => return bad("numbers of bytes, such as 500MB"),
        },
        // It makes Supervisor profile itself. Accepted, so that no script breaks.
        "profile_options" => {}
        key => options.flags.push(Flag {
            key: key.to_owned(),
            shown: shown.to_owned(),
            value,
        }),
    }
    Ok(())
}

/// The long name of an option as getopt reports it.
fn long_name(shown: &str) -> Option<&'static str> {
    if let Some(long) = shown.strip_prefix("--") {
        let mut names = LONG
            .iter()
            .chain(OWN)
            .map(|name| name.trim_end_matches('='));
        return names.find(|name| *name == long);
    }
    Some(match shown.chars().nth(1)? {
        '?' | 'h' => "help",
        'c' => "configuration",
        'n' => "nodaemon",
        'v' => "version",
        'u' => "user",
        'm' => "umask",
        'd' => "directory",
        'l' => "logfile",
        'y' => "logfile_maxbytes",
        'z' => "logfile_backups",
        'e' => "loglevel",
        'j' => "pidfile",
        'i' => "identifier",
        'q' => "childlogdir",
        'k' => "nocleanup",
        't' => "strip_ansi",
        'a' => "minfds",
        's' => "silent",
        _ => return None,
    })
}

/// What `-h` prints.
pub(super) const HELP: &str = "\
supervisord starts programs, keeps them running and takes orders from supervisorctl.

Usage: {program} [options]

  -c, --configuration FILE    read this file; otherwise the first that exists of those
                              listed when none does
  -n, --nodaemon              stay in the foreground
  -s, --silent                in the foreground, do not show the log
  -h, --help                  show this and exit
  -v, --version               show the version and exit

Options of [supervisord], which win over the file:
  -u, --user USER             become this user (name or number); root only
  -m, --umask UMASK           file mode creation mask, octal (default 022)
  -d, --directory DIR         where to run in the background
  -l, --logfile FILE          the activity log
  -y, --logfile_maxbytes N    its size at which a new one is begun (default 50MB, 0: never)
  -z, --logfile_backups N     how many old ones are kept (default 10)
  -e, --loglevel LEVEL        critical, error, warn, info, debug, trace or blather
  -j, --pidfile FILE          where the daemon's pid is written
  -i, --identifier NAME       the daemon's name
  -q, --childlogdir DIR       where programs without a log of their own have theirs
  -k, --nocleanup             keep such logs of earlier runs
  -t, --strip_ansi            remove escape sequences from what programs write
  -a, --minfds N              files it must be possible to have open (default 1024)
      --minprocs N            processes it must be possible to have (default 200)
      --profile_options X     accepted, without effect

Beyond Supervisor:
      --check                 read the configuration, say what is wrong or doubtful, exit
      --print-config          show what the configuration means, every default filled in, exit
      --format text|json      how these two write (default text)
      --runtime smol|std      what waits for events (default {runtime})
      --record FILE           write down everything the daemon is told, to be replayed
      --record-masked FILE    the same without passwords, environments and input of programs
      --record-maxbytes N     the size at which a recording ends (default 1GB)
  replay FILE                 decide again what a recorded daemon decided, and compare
";

#[cfg(test)]
mod tests {
    use super::*;

    fn read(line: &str) -> Result<Request, Refusal> {
        let args: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
        parse(&args, |flags| {
            match flags.iter().find(|flag| flag.value == "bad") {
                Some(flag) => Err(format!("bad {}", flag.shown)),
                None => Ok(()),
            }
        })
    }

    fn refusal(line: &str) -> String {
        read(line).unwrap_err().to_string()
    }

    #[test]
    fn options_are_taken_from_left_to_right() {
        assert_eq!(read("-h -e bad"), Ok(Request::Help));
        assert_eq!(refusal("-e bad -h"), "bad -e");
        assert_eq!(read("-v -n -n"), Ok(Request::Version("-v".to_owned())));
        assert_eq!(refusal("-n -n -v"), "conflicting command line option '-n'");
        assert_eq!(refusal("-e x --logl bad"), "bad --loglevel");
        assert_eq!(
            refusal("-e x --logl y"),
            "conflicting command line option '--loglevel'"
        );
        assert_eq!(
            refusal("-v x"),
            "positional arguments are not supported: ['x']"
        );
    }

    #[test]
    fn flags_keep_their_order_and_their_shape() {
        let Ok(Request::Go(options)) = read("-nc f -e debug --minprocs=3 --runtime std --check")
        else {
            panic!("refused");
        };
        assert_eq!(options.configuration.as_deref(), Some("f"));
        assert_eq!(
            (options.runtime, options.task),
            (Some(RuntimeName::Std), Task::Check)
        );
        let flags: Vec<(&str, &str, &str)> = options
            .flags
            .iter()
            .map(|flag| (flag.key.as_str(), flag.shown.as_str(), flag.value.as_str()))
            .collect();
        let expected = [
            ("nodaemon", "-n", ""),
            ("loglevel", "-e", "debug"),
            ("minprocs", "--minprocs", "3"),
        ];
        assert_eq!(flags, expected);
    }

    #[test]
    fn our_own_options_name_their_values() {
        let expected = "invalid value for --runtime 'tokio': not one of smol, std";
        assert_eq!(refusal("--runtime tokio"), expected);
        let expected = "invalid value for --record-maxbytes 'much': not one of numbers of bytes, such as 500MB";
        assert_eq!(refusal("--record-maxbytes much"), expected);
    }

    #[test]
    fn options_of_the_profiler_are_accepted_and_mean_nothing() {
        assert_eq!(read("--profile_options cumulative,calls"), read(""));
    }

    #[test]
    fn every_option_is_in_the_help() {
        for name in LONG.iter().chain(OWN) {
            let name = format!("--{}", name.trim_end_matches('='));
            assert!(HELP.contains(&name), "{name}");
        }
    }
}
