//! Command lines as Python's `getopt` reads them, messages included.
//!
//! Scripts that start `supervisord` or `supervisorctl` rely on its ways: `-cFILE`, clusters such as
//! `-nc FILE`, unique prefixes of long names, options ending at the first positional argument, and a
//! value that may begin with a dash.

use std::fmt;

/// A command line, taken apart.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Parsed {
    /// Options in the order given: the name with its dashes (long names in full), and the value,
    /// empty for options that take none.
    pub options: Vec<(String, String)>,
    /// What follows the options.
    pub arguments: Vec<String>,
}

/// Why a command line could not be read. Displays as Python's `GetoptError` does.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum GetoptError {
    /// No such option.
    NotRecognized(String),
    /// The option is last on the line and needs a value.
    RequiresArgument(String),
    /// The long option takes no value and was given one.
    TakesNoArgument(String),
    /// More than one long option begins so.
    NotUnique(String),
}

impl fmt::Display for GetoptError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotRecognized(option) => write!(f, "option {option} not recognized"),
            Self::RequiresArgument(option) => write!(f, "option {option} requires argument"),
            Self::TakesNoArgument(option) => {
                write!(f, "option {option} must not have an argument")
            }
            Self::NotUnique(option) => write!(f, "option {option} not a unique prefix"),
        }
    }
}

impl std::error::Error for GetoptError {}

/// Takes a command line apart.
///
/// `short` holds the letters, each followed by a colon if it takes a value; `long` the names without
/// dashes, each followed by `=` if it takes a value.
///
/// # Errors
/// The first thing on the line that fits no option.
///
/// ```
/// let args = ["-nc", "web.conf", "status"].map(String::from);
/// let parsed = visor::getopt::getopt(&args, "nc:", &["nodaemon", "configuration="])?;
/// assert_eq!(parsed.options[1], ("-c".into(), "web.conf".into()));
/// assert_eq!(parsed.arguments, ["status"]);
/// # Ok::<(), visor::getopt::GetoptError>(())
/// ```
pub fn getopt(args: &[String], short: &str, long: &[&str]) -> Result<Parsed, GetoptError> {
    getopt_with(args, short, long, &[])
}

/// As [`getopt`], with more long names that must be written in full: options of our own, which must
/// not make a prefix ambiguous that Supervisor's users may write.
///
/// # Errors
/// The first thing on the line that fits no option.
pub fn getopt_with(
    args: &[String],
    short: &str,
    long: &[&str],
    exact: &[&str],
) -> Result<Parsed, GetoptError> {
    let mut parsed = Parsed::default();
    let mut rest = args.iter();
    while let Some(arg) = rest.as_slice().first() {
        if arg == "--" {
            rest.next();
            break;
        }
        if let Some(option) = arg.strip_prefix("--") {
            rest.next();
            parsed
                .options
                .push(long_option(option, &mut rest, long, exact)?);
        } else if let Some(cluster) = arg.strip_prefix('-').filter(|letters| !letters.is_empty()) {
            rest.next();
            short_options(cluster, &mut rest, short, &mut parsed.options)?;
        } else {
            break;
        }
    }
    parsed.arguments = rest.cloned().collect();
    Ok(parsed)
}

type Rest<'a> = std::slice::Iter<'a, String>;

fn long_option(
    option: &str,
    rest: &mut Rest<'_>,
    long: &[&str],
    exact: &[&str],
) -> Result<(String, String), GetoptError> {
    let (given, value) = match option.split_once('=') {
        Some((name, value)) => (name, Some(value.to_owned())),
        None => (option, None),
    };
    let (name, takes_value) = find_long(given, long, exact)?;
    let name = format!("--{name}");
    let value = match (takes_value, value) {
        (true, Some(value)) => value,
        (true, None) => match rest.next() {
            Some(value) => value.clone(),
            None => return Err(GetoptError::RequiresArgument(name)),
        },
        (false, Some(_)) => return Err(GetoptError::TakesNoArgument(name)),
        (false, None) => String::new(),
    };
    Ok((name, value))
}

/// The long option meant by a name or a unique prefix, and whether it takes a value.
fn find_long<'a>(
    given: &str,
    long: &[&'a str],
    exact: &[&'a str],
) -> Result<(&'a str, bool), GetoptError> {
    let split = |name: &'a str| match name.strip_suffix('=') {
        Some(name) => (name, true),
        None => (name, false),
    };
    if let Some(name) = exact.iter().find(|name| split(name).0 == given) {
        return Ok(split(name));
    }
    let mut candidates = long.iter().filter(|name| name.starts_with(given));
    if let Some(exact) = candidates.clone().find(|name| split(name).0 == given) {
        return Ok(split(exact));
    }
    match (candidates.next(), candidates.next()) {
        (None, _) => Err(GetoptError::NotRecognized(format!("--{given}"))),
        (Some(name), None) => Ok(split(name)),
        (Some(_), Some(_)) => Err(GetoptError::NotUnique(format!("--{given}"))),
    }
}

fn short_options(
    cluster: &str,
    rest: &mut Rest<'_>,
    short: &str,
    options: &mut Vec<(String, String)>,
) -> Result<(), GetoptError> {
    let mut letters = cluster.chars();
    while let Some(letter) = letters.next() {
        let name = format!("-{letter}");
        let after = match short.split_once(letter) {
            Some((_, after)) if letter != ':' => after,
            Some(_) | None => return Err(GetoptError::NotRecognized(name)),
        };
        if !after.starts_with(':') {
            options.push((name, String::new()));
            continue;
        }
        let value = match (letters.as_str(), rest) {
            ("", rest) => match rest.next() {
                Some(value) => value.clone(),
                None => return Err(GetoptError::RequiresArgument(name)),
            },
            (attached, _) => attached.to_owned(),
        };
        options.push((name, value));
        return Ok(());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::getopt;

    const SHORT: &str = "?hc:nvu:m:d:l:y:z:e:j:i:q:kta:s";
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

    /// What Python 3.11's `getopt` made of these command lines, recorded: options as `name:value`,
    /// then what follows `|`, or `!` and the message. `_` stands for an argument of no characters.
    const RECORDED: &[(&str, &str)] = &[
        ("-c f -n", "-c:f -n: |"),
        ("-cf -n", "-c:f -n: |"),
        ("-nc f", "-n: -c:f |"),
        ("-ncf", "-n: -c:f |"),
        ("-n -e debug", "-n: -e:debug |"),
        ("--loglevel=debug", "--loglevel:debug |"),
        ("--loglevel debug", "--loglevel:debug |"),
        ("--log=x", "! option --log not a unique prefix"),
        ("--logl=x", "--loglevel:x |"),
        ("--conf x", "--configuration:x |"),
        ("--configuration=", "--configuration: |"),
        (
            "--nodaemon=1",
            "! option --nodaemon must not have an argument",
        ),
        ("-n -n", "-n: -n: |"),
        ("-c a -c b", "-c:a -c:b |"),
        ("-c", "! option -c requires argument"),
        (
            "--configuration",
            "! option --configuration requires argument",
        ),
        ("-x", "! option -x not recognized"),
        ("--bogus", "! option --bogus not recognized"),
        ("foo", "| foo"),
        ("-n foo -c x", "-n: | foo -c x"),
        ("-- -n", "| -n"),
        ("-", "| -"),
        ("-c -n", "-c:-n |"),
        ("-c --", "-c:-- |"),
        ("-e", "! option -e requires argument"),
        ("--help", "--help: |"),
        ("-?", "-?: |"),
        ("-h", "-h: |"),
        ("-v", "-v: |"),
        ("-nkst", "-n: -k: -s: -t: |"),
        ("--logfile_maxbytes=1MB", "--logfile_maxbytes:1MB |"),
        (
            "--logfile-maxbytes=1MB",
            "! option --logfile-maxbytes not recognized",
        ),
        ("-y50MB", "-y:50MB |"),
        ("-c=f", "-c:=f |"),
        ("--no", "! option --no not a unique prefix"),
        ("--node", "! option --node not recognized"),
        ("--minfds 10 --minprocs=5", "--minfds:10 --minprocs:5 |"),
        ("-u root --user=x", "-u:root --user:x |"),
        ("--=x", "! option -- not a unique prefix"),
        ("-ä", "! option -ä not recognized"),
        ("--c x", "! option --c not a unique prefix"),
        ("-:", "! option -: not recognized"),
        ("_", "| _"),
    ];

    fn shown(line: &str) -> String {
        let args: Vec<String> = line
            .split(' ')
            .map(|arg| if arg == "_" { "" } else { arg }.to_owned())
            .collect();
        match getopt(&args, SHORT, LONG) {
            Err(error) => format!("! {error}"),
            Ok(parsed) => {
                let mut words: Vec<String> = parsed
                    .options
                    .iter()
                    .map(|(name, value)| format!("{name}:{value}"))
                    .collect();
                words.push("|".to_owned());
                words.extend(
                    parsed
                        .arguments
                        .into_iter()
                        .map(|arg| if arg.is_empty() { "_".to_owned() } else { arg }),
                );
                words.join(" ")
            }
        }
    }

    #[test]
    fn command_lines_are_read_as_python_reads_them() {
        for (line, expected) in RECORDED {
            assert_eq!(&shown(line), expected, "{line}");
        }
    }

    #[test]
    fn our_own_options_make_no_prefix_ambiguous() {
        let args = ["--ch=d", "--check", "--pr", "x"].map(str::to_owned);
        let long = ["childlogdir=", "profile_options="];
        let parsed = super::getopt_with(&args, "", &long, &["check", "print-config"]);
        let names: Vec<String> = parsed.unwrap().options.into_iter().map(|o| o.0).collect();
        assert_eq!(names, ["--childlogdir", "--check", "--profile_options"]);
        let parsed = super::getopt_with(&["--chec".to_owned()], "", &long, &["check"]);
        assert_eq!(
            parsed.unwrap_err().to_string(),
            "option --chec not recognized"
        );
    }
}
