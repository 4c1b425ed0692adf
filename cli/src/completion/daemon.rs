//! Completion of supervisord: its options and their values, taken from the text of its help.

use super::Shell;

/// An option, as the help shows it.
#[derive(Debug, Eq, PartialEq)]
struct Opt {
    /// `-c`; empty if there is none.
    short: String,
    /// `--configuration`.
    long: String,
    /// What it wants behind it: `FILE`, `text|json`; empty if nothing.
    value: String,
    meaning: String,
}

impl Opt {
    /// All options of the help. What stands on further lines goes on with the meaning.
    fn all() -> Vec<Self> {
        let help = crate::daemon::help().replace("{runtime}", "smol");
        let mut all: Vec<Self> = Vec::new();
        for line in help.lines().filter(|line| line.starts_with("  ")) {
            let (form, meaning) = line
                .trim()
                .split_once("  ")
                .unwrap_or_else(|| (line.trim(), ""));
            if form.starts_with('-') {
                let mut words = form.split_whitespace().map(|word| word.trim_matches(','));
                let first = words.next().unwrap_or_default();
                let (short, long) = if first.starts_with("--") {
                    ("", first)
                } else {
                    (first, words.next().unwrap_or_default())
                };
                all.push(Self {
                    short: short.to_owned(),
                    long: long.to_owned(),
                    value: words.next().unwrap_or_default().to_owned(),
                    meaning: meaning.trim().to_owned(),
                });
            } else if let (Some(last), true) = (all.last_mut(), line.starts_with("      ")) {
                last.meaning.push(' ');
                last.meaning.push_str(form);
            }
        }
        all
    }

    fn names(&self) -> impl Iterator<Item = &str> {
        let names = [self.short.as_str(), self.long.as_str()];
        names.into_iter().filter(|name| !name.is_empty())
    }

    /// The words that are all there is to choose from.
    fn choices(&self) -> Vec<String> {
        match self.value.as_str() {
            "LEVEL" => {
                let words = self.meaning.split([' ', ',']);
                let levels = words.filter(|word| !["", "or"].contains(word));
                levels.map(str::to_owned).collect()
            }
            value if value.contains('|') => value.split('|').map(str::to_owned).collect(),
            _ => Vec::new(),
        }
    }
}

/// The script for a shell.
pub(super) fn script(shell: Shell) -> String {
    let options = Opt::all();
    match shell {
        Shell::Bash => bash(&options),
        Shell::Zsh => zsh(&options),
        Shell::Fish => fish(&options),
    }
}

fn bash(options: &[Opt]) -> String {
    let mut cases = String::new();
    let mut case = |names: String, what: &str| {
        cases.push_str(&format!("        {names}) {what} ;;\n"));
    };
    let offer = |what: &str| format!("mapfile -t COMPREPLY < <(compgen {what} -- \"$word\")");
    let named = |wanted: &str| {
        let those = options.iter().filter(|option| option.value == wanted);
        those.flat_map(Opt::names).collect::<Vec<_>>().join(" | ")
    };
    let files = format!("compopt -o filenames; {}", offer("-f"));
    case(named("FILE") + " | replay", &files);
    case(
        named("DIR"),
        &format!("compopt -o filenames; {}", offer("-d")),
    );
    case(named("USER"), &offer("-u"));
    for option in options.iter().filter(|option| !option.choices().is_empty()) {
        let names: Vec<&str> = option.names().collect();
        let words = format!("-W '{}'", option.choices().join(" "));
        case(names.join(" | "), &offer(&words));
    }
    // What is to be made up is not offered; anything else would be an option.
    let others = options.iter().filter(|option| {
        let known = ["", "FILE", "DIR", "USER"].contains(&option.value.as_str());
        !known && option.choices().is_empty()
    });
    case(
        others.flat_map(Opt::names).collect::<Vec<_>>().join(" | "),
        "COMPREPLY=()",
    );
    let all: Vec<&str> = options.iter().flat_map(Opt::names).collect();
    case(
        "*".to_owned(),
        &offer(&format!("-W '{} replay'", all.join(" "))),
    );
    format!(
        "# Completion of supervisord for bash.\n_supervisord() {{\n    local \
         word=${{COMP_WORDS[COMP_CWORD]}} before=${{COMP_WORDS[COMP_CWORD - 1]}}\n    case \
         $before in\n{cases}    esac\n}}\ncomplete -F _supervisord supervisord\n"
    )
}

fn zsh(options: &[Opt]) -> String {
    let mut script = String::from(
        "#compdef supervisord\n# Completion of supervisord for zsh.\n_arguments -S \\\n",
    );
    for option in options {
        let meaning = super::zsh_text(&option.meaning);
        let choices = option.choices();
        let value = match option.value.as_str() {
            "" => String::new(),
            "FILE" => ":file:_files".to_owned(),
            "DIR" => ":directory:_files -/".to_owned(),
            "USER" => ":user:_users".to_owned(),
            value if choices.is_empty() => format!(":{}:", value.to_lowercase()),
            _ => format!(":word:({})", choices.join(" ")),
        };
        let names: Vec<&str> = option.names().collect();
        let spec = super::zsh_spec(&names, &meaning, &value);
        script.push_str(&format!("    {spec} \\\n"));
    }
    script + "    '1::command:(replay)' '2::file:_files'\n"
}

fn fish(options: &[Opt]) -> String {
    let mut script = String::from(
        "# Completion of supervisord for fish.\ncomplete -c supervisord -f\ncomplete -c \
         supervisord -n 'test (count (commandline -opc)) -eq 1' -a replay -d 'decide again what a \
         recorded daemon decided'\ncomplete -c supervisord -n \
         '__fish_seen_subcommand_from replay' -F\n",
    );
    for option in options {
        let choices = option.choices();
        let value = match option.value.as_str() {
            "" => String::new(),
            "FILE" => " -r -F".to_owned(),
            "DIR" => " -x -a '(__fish_complete_directories)'".to_owned(),
            "USER" => " -x -a '(__fish_complete_users)'".to_owned(),
            _ if choices.is_empty() => " -x".to_owned(),
            _ => format!(" -x -a '{}'", choices.join(" ")),
        };
        let short = match option.short.trim_start_matches('-') {
            "" => String::new(),
            letter => format!(" -s {letter}"),
        };
        let long = option.long.trim_start_matches('-');
        let meaning = option.meaning.replace('\'', "\\'");
        script.push_str(&format!(
            "complete -c supervisord{short} -l {long}{value} -d '{meaning}'\n"
        ));
    }
    script
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_are_those_of_the_help() {
        let all = Opt::all();
        assert_eq!(all.len(), crate::daemon::help().matches("--").count());
        let option = |long: &str| all.iter().find(|option| option.long == long).unwrap();
        let configuration = option("--configuration");
        assert_eq!(configuration.short, "-c");
        assert_eq!(configuration.value, "FILE");
        assert!(configuration.meaning.ends_with("listed when none does"));
        assert_eq!(option("--nodaemon").value, "");
        assert_eq!(option("--format").choices(), ["text", "json"]);
        let levels = [
            "critical", "error", "warn", "info", "debug", "trace", "blather",
        ];
        assert_eq!(option("--loglevel").choices(), levels);
    }

    #[test]
    fn every_script_knows_every_option() {
        for shell in Shell::ALL {
            let script = script(shell);
            for option in Opt::all() {
                let long = option.long.trim_start_matches('-');
                assert!(script.contains(long), "{shell:?} {long}");
            }
        }
    }
}
