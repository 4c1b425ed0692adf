//! Completion of supervisorctl and supervisord in bash, zsh and fish. The scripts know the flags; what
//! is behind those of supervisorctl is asked of `supervisorctl __complete`, which asks the server, so
//! that names are those that exist at this moment.

mod daemon;

use crate::ctl::{FLAGS, Flag};

/// A shell that can complete.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Shell {
    /// bash 4 or later.
    Bash,
    /// zsh.
    Zsh,
    /// fish 3 or later.
    Fish,
}

impl Shell {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Bash, Self::Zsh, Self::Fish];

    /// The name of the file in which the shell looks for the completion of a program.
    #[must_use]
    pub const fn file_name(self, program: Program) -> &'static str {
        match (self, program) {
            (Self::Bash, Program::Supervisorctl) => "supervisorctl",
            (Self::Zsh, Program::Supervisorctl) => "_supervisorctl",
            (Self::Fish, Program::Supervisorctl) => "supervisorctl.fish",
            (Self::Bash, Program::Supervisord) => "supervisord",
            (Self::Zsh, Program::Supervisord) => "_supervisord",
            (Self::Fish, Program::Supervisord) => "supervisord.fish",
        }
    }

    /// The script.
    ///
    /// ```
    /// use visor::completion::{Program, Shell};
    /// let script = Shell::Zsh.script(Program::Supervisorctl);
    /// assert!(script.starts_with("#compdef supervisorctl\n"));
    /// ```
    #[must_use]
    pub fn script(self, program: Program) -> String {
        match (self, program) {
            (_, Program::Supervisord) => daemon::script(self),
            (Self::Bash, Program::Supervisorctl) => bash(),
            (Self::Zsh, Program::Supervisorctl) => zsh(),
            (Self::Fish, Program::Supervisorctl) => fish(),
        }
    }
}

/// A program with something to complete.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Program {
    /// The daemon.
    Supervisord,
    /// Its client.
    Supervisorctl,
}

impl Program {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Supervisord, Self::Supervisorctl];
}

fn names(flag: &Flag) -> impl Iterator<Item = &'static str> {
    [flag.short, flag.long]
        .into_iter()
        .filter(|name| !name.is_empty())
}

/// Names of flags, of those with a value if `valued`, else of all.
fn joined(valued: bool, with: &str) -> String {
    let flags = FLAGS
        .iter()
        .filter(|flag| !valued || !flag.value.is_empty());
    let names: Vec<&str> = flags.flat_map(names).collect();
    names.join(with)
}

fn bash() -> String {
    const SCRIPT: &str = r#"# Completion of supervisorctl for bash.
_supervisorctl() {
    local line=${COMP_LINE:0:COMP_POINT} words word current flags=() rest=() i
    read -ra words <<< "$line"
    current=
    if [[ $line != *[[:space:]] ]]; then
        current=${words[${#words[@]} - 1]}
        unset "words[${#words[@]} - 1]"
    fi
    for ((i = 1; i < ${#words[@]}; i++)); do
        word=${words[i]}
        if ((${#rest[@]})); then
            rest+=("$word")
            continue
        fi
        case $word in
            @VALUED@)
                if ((i + 1 == ${#words[@]})); then
                    compopt -o default
                    return
                fi
                flags+=("$word" "${words[++i]}") ;;
            -*) flags+=("$word") ;;
            *) rest+=("$word") ;;
        esac
    done
    if ((!${#rest[@]})) && [[ $current == -* ]]; then
        mapfile -t COMPREPLY < <(compgen -W '@ALL@' -- "$current")
        return
    fi
    rest+=("$current")
    mapfile -t COMPREPLY < <("$1" "${flags[@]}" __complete "${rest[*]}" 2>/dev/null)
    # What is before the last colon stands on the line already.
    if [[ $current == *:* && $COMP_WORDBREAKS == *:* ]]; then
        COMPREPLY=("${COMPREPLY[@]#"${current%"${current##*:}"}"}")
    fi
}
complete -F _supervisorctl supervisorctl
"#;
    SCRIPT
        .replace("@VALUED@", &joined(true, " | "))
        .replace("@ALL@", &joined(false, " "))
}

fn zsh() -> String {
    const HEAD: &str = "#compdef supervisorctl\n# Completion of supervisorctl for zsh.\n\
        _supervisorctl() {\n    local curcontext=$curcontext state line flag\n    \
        local -a flags candidates\n    typeset -A opt_args\n    _arguments -C -S \\\n";
    const TAIL: &str = r#"        '*::action:->action'
    [[ $state == action ]] || return
    for flag in -c --configuration -s --serverurl -u --username -p --password; do
        (( ${+opt_args[$flag]} )) && flags+=($flag ${(Q)opt_args[$flag]})
    done
    candidates=(${(f)"$(_call_program candidates supervisorctl ${(q)flags} __complete ${(q)${(j: :)words[1,CURRENT]}})"})
    compadd -a candidates
}
_supervisorctl "$@"
"#;
    let mut script = String::from(HEAD);
    for flag in FLAGS {
        let meaning = zsh_text(flag.meaning);
        let all: Vec<&str> = names(flag).collect();
        let value = match flag.value {
            "" => String::new(),
            "FILE" => ":file:_files".to_owned(),
            value => format!(":{}:", value.to_lowercase()),
        };
        let spec = zsh_spec(&all, &meaning, &value);
        script.push_str(&format!("        {spec} \\\n"));
    }
    script + TAIL
}

/// A meaning as a part of a specification, in quotes.
fn zsh_text(meaning: &str) -> String {
    meaning
        .replace('[', "\\[")
        .replace(']', "\\]")
        .replace(':', "\\:")
        .replace('\'', "'\\''")
}

/// What `_arguments` is told of a flag with one name or two, of which one may be given.
fn zsh_spec(names: &[&str], meaning: &str, value: &str) -> String {
    if names.len() == 2 {
        format!(
            "'({})'{{{}}}'[{meaning}]{value}'",
            names.join(" "),
            names.join(",")
        )
    } else {
        format!("'{}[{meaning}]{value}'", names.concat())
    }
}

fn fish() -> String {
    const SCRIPT: &str = r#"# Completion of supervisorctl for fish.
function __supervisorctl_words --description 'flags in the first line, the action in the second'
    set -l words (commandline -opc)
    set -e words[1]
    set -l flags
    while set -q words[1]
        switch $words[1]
            case @VALUED@
                set -a flags $words[1..2]
                set -e words[1]
            case '-*'
                set -a flags $words[1]
            case '*'
                break
        end
        set -e words[1]
    end
    string join -- \x1f $flags
    string join ' ' -- $words
end
function __supervisorctl_candidates
    set -l parts (__supervisorctl_words)
    set -l flags
    test -n "$parts[1]"; and set flags (string split \x1f -- $parts[1])
    set -l line (commandline -ct)
    test -n "$parts[2]"; and set line "$parts[2] $line"
    supervisorctl $flags __complete "$line" 2>/dev/null
end
complete -c supervisorctl -f -a '(__supervisorctl_candidates)'
"#;
    let mut script = SCRIPT.replace("@VALUED@", &joined(true, " "));
    for flag in FLAGS {
        let short = flag.short.trim_start_matches('-');
        let short = if short.is_empty() {
            String::new()
        } else {
            format!(" -s {short}")
        };
        let value = match flag.value {
            "" => "",
            "FILE" => " -r -F",
            _ => " -x",
        };
        let long = flag.long.trim_start_matches('-');
        let meaning = flag.meaning.replace('\'', "\\'");
        script.push_str(&format!(
            "complete -c supervisorctl{short} -l {long}{value} -d '{meaning}'\n"
        ));
    }
    script
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_script_knows_every_flag_and_asks_the_server() {
        for shell in Shell::ALL {
            let script = shell.script(Program::Supervisorctl);
            for flag in FLAGS {
                assert!(
                    script.contains(flag.long.trim_start_matches('-')),
                    "{shell:?} {flag:?}"
                );
            }
            assert!(
                script.contains("__complete")
                    && !script.contains('@'.to_string().repeat(2).as_str())
            );
            assert!(!script.contains("@VALUED@") && !script.contains("@ALL@"));
        }
    }
}
