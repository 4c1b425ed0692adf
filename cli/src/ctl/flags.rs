//! supervisorctl's command line and `[supervisorctl]`.

use crate::getopt::getopt;
use crate::search;
use visor_core::config::CtlConfig;
use visor_std::sys::needs;

/// A flag, as the help, the completions and the manual page show it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Flag {
    /// `-c`; empty if there is none.
    pub short: &'static str,
    /// `--configuration`.
    pub long: &'static str,
    /// What its value is; empty if it takes none.
    pub value: &'static str,
    /// What it does.
    pub meaning: &'static str,
}

/// All flags.
pub const FLAGS: &[Flag] = &[
    Flag {
        short: "-c",
        long: "--configuration",
        value: "FILE",
        meaning: "read [supervisorctl] from this file instead of searching for one",
    },
    Flag {
        short: "-h",
        long: "--help",
        value: "",
        meaning: "show this help and exit",
    },
    Flag {
        short: "-i",
        long: "--interactive",
        value: "",
        meaning: "start the shell if no action is given",
    },
    Flag {
        short: "-s",
        long: "--serverurl",
        value: "URL",
        meaning: "the server: http://HOST:PORT or unix:///PATH (default http://localhost:9001)",
    },
    Flag {
        short: "-u",
        long: "--username",
        value: "NAME",
        meaning: "user name for the server",
    },
    Flag {
        short: "-p",
        long: "--password",
        value: "PASSWORD",
        meaning: "password for the server; others can see it in the list of processes",
    },
    Flag {
        short: "-r",
        long: "--history-file",
        value: "FILE",
        meaning: "keep the shell's history in this file",
    },
    Flag {
        short: "",
        long: "--json",
        value: "",
        meaning: "print JSON (status, avail, pid and version)",
    },
];

const SHORT: &str = "c:hi?s:u:p:r:";
const LONG: &[&str] = &[
    "configuration=",
    "help",
    "interactive",
    "serverurl=",
    "username=",
    "password=",
    "history-file=",
    "json",
];

/// What the command line and the configuration say.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Invocation {
    pub(super) config: CtlConfig,
    pub(super) json: bool,
    /// The action and its arguments; none for the shell.
    pub(super) words: Vec<String>,
}

/// Why nothing is run.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum Stop {
    /// The help was asked for.
    Help,
    /// The command line or the configuration is wrong: what to say behind `Error: `.
    Error(String),
}

#[derive(Debug, Default)]
struct Given {
    configuration: Option<String>,
    serverurl: Option<String>,
    username: Option<String>,
    password: Option<String>,
    history_file: Option<String>,
    json: bool,
}

/// Reads a command line (without the program's name) and the configuration it leads to.
pub(super) fn read(program: &str, arguments: &[String]) -> Result<Invocation, Stop> {
    let parsed = getopt(arguments, SHORT, LONG).map_err(|error| Stop::Error(error.to_string()))?;
    let mut given = Given::default();
    for (name, value) in parsed.options {
        let slot = match name.as_str() {
            "-h" | "-?" | "--help" => return Err(Stop::Help),
            "--json" => {
                given.json = true;
                continue;
            }
            "-c" | "--configuration" => &mut given.configuration,
            "-s" | "--serverurl" => &mut given.serverurl,
            "-u" | "--username" => &mut given.username,
            "-p" | "--password" => &mut given.password,
            "-r" | "--history-file" => &mut given.history_file,
            _ => continue,
        };
        if slot.is_some() {
            return Err(Stop::Error(format!(
                "conflicting command line option '{name}'"
            )));
        }
        if name.starts_with("-s") || name.starts_with("--s") {
            check_url(&value)?;
        }
        *slot = Some(value);
    }
    let config = configuration(program, &given)?;
    Ok(Invocation {
        config: CtlConfig {
            serverurl: given.serverurl.unwrap_or(config.serverurl),
            username: given.username.or(config.username),
            password: given.password.or(config.password),
            prompt: config.prompt,
            history_file: given.history_file.or(config.history_file),
        },
        json: given.json,
        words: parsed.arguments,
    })
}

/// A URL has a scheme and something behind it; which schemes can be used is found out later.
fn check_url(url: &str) -> Result<(), Stop> {
    use visor_core::ctl::{ServerUrl, UrlError};
    match ServerUrl::parse(url) {
        Err(UrlError::NotAUrl(_)) => Err(Stop::Error(format!(
            "invalid value for -s '{url}': value '{url}' is not a URL"
        ))),
        Ok(_) | Err(UrlError::Protocol(_) | UrlError::Port(_)) => Ok(()),
    }
}

/// The configuration: of the file that is named, or of the first that is found, or the defaults.
fn configuration(program: &str, given: &Given) -> Result<CtlConfig, Stop> {
    let path = match &given.configuration {
        Some(path) => path.clone(),
        None => match search::find(program) {
            Ok(path) => path,
            Err(_) => return Ok(CtlConfig::default()),
        },
    };
    match needs::load_ctl(needs::options(&path)) {
        Ok(loaded) => Ok(loaded.config),
        Err(errors) => Err(Stop::Error(errors.to_string())),
    }
}

/// What `--help` prints.
pub(crate) fn help(program: &str) -> String {
    let mut text = format!(
        "supervisorctl: see and control the programs that supervisord runs\n\n\
         Usage: {program} [options] [action [arguments]]\n\n\
         Without an action it is a shell; `help` lists the actions there.\n\n\
         Options:\n"
    );
    for flag in FLAGS {
        let names = [flag.short, flag.long];
        let names: Vec<&str> = names.into_iter().filter(|name| !name.is_empty()).collect();
        let form = format!("{} {}", names.join(", "), flag.value);
        text.push_str(&format!("  {form:32}{}\n", flag.meaning));
    }
    text.push_str("\nActions:\n");
    for help in visor_core::ctl::ACTIONS {
        text.push_str(&format!("  {:10}{}\n", help.name, help.summary));
    }
    text.push_str(
        "\nExamples:\n  supervisorctl status\n  supervisorctl -c web.conf restart web workers:*\n  \
         supervisorctl -s unix:///run/supervisor.sock tail -f web\n",
    );
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(line: &str) -> Vec<String> {
        line.split_whitespace().map(String::from).collect()
    }

    #[test]
    fn flags_win_over_the_file() {
        let directory =
            std::env::temp_dir().join(format!("visor-ctl-flags-{}", std::process::id()));
        std::fs::create_dir_all(&directory).unwrap();
        let file = directory.join("s.conf");
        std::fs::write(
            &file,
            "[supervisorctl]\nserverurl=unix:///a\nusername=u\nprompt=p\n",
        )
        .unwrap();
        let file = file.to_str().unwrap();
        let read = |line: &str| read("x", &words(line)).unwrap();
        let from_file = read(&format!("-c {file} status a"));
        assert_eq!(from_file.config.serverurl, "unix:///a");
        assert_eq!(from_file.config.prompt, "p");
        assert_eq!(from_file.words, ["status", "a"]);
        let flagged = read(&format!("-c {file} -shttp://h:1 --user bob --json pid"));
        assert_eq!(flagged.config.serverurl, "http://h:1");
        assert_eq!(flagged.config.username.as_deref(), Some("bob"));
        assert!(flagged.json);
        std::fs::remove_dir_all(directory).unwrap();
    }

    #[test]
    fn wrong_lines_are_told_as_the_reference_does() {
        for (line, message) in [
            ("-z", "option -z not recognized"),
            ("-u", "option -u requires argument"),
            (
                "-s foo pid",
                "invalid value for -s 'foo': value 'foo' is not a URL",
            ),
            (
                "-s unix:///a -s unix:///b pid",
                "conflicting command line option '-s'",
            ),
            ("-c /none pid", "could not find config file /none"),
        ] {
            assert_eq!(
                read("x", &words(line)),
                Err(Stop::Error(message.into())),
                "{line}"
            );
        }
        assert_eq!(
            read("x", &words("-? -z")),
            Err(Stop::Error("option -z not recognized".into()))
        );
        assert_eq!(read("x", &words("-? pid")), Err(Stop::Help));
        assert!(help("x").contains("--history-file FILE"));
    }
}
