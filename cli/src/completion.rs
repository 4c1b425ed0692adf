//! Completion of supervisorctl in bash, zsh and fish. The scripts know the flags; everything behind
//! them is asked of `supervisorctl __complete`, which asks the server, so that names are those that
//! exist at this moment.

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

    /// The name that the shell looks for.
    #[must_use]
    pub const fn file_name(self) -> &'static str {
        match self {
            Self::Bash => "supervisorctl",
            Self::Zsh => "_supervisorctl",
            Self::Fish => "supervisorctl.fish",
        }
    }

    /// The script.
    ///
    /// ```
    /// use visor::completion::Shell;
    /// assert!(Shell::Zsh.script().starts_with("#compdef supervisorctl\n"));
    /// ```
    #[must_use]
    pub fn script(self) -> String {
        match self {
            Self::Bash => bash(),
            Self::Zsh => zsh(),
            Self::Fish => fish(),
        }
    }
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
        let meaning = flag
            .meaning
            .replace('[', "\\[")
            .replace(']', "\\]")
            .replace(':', "\\:")
            .replace('\'', "'\\''");
        let all: Vec<&str> = names(flag).collect();
        let value = match flag.value {
            "" => String::new(),
            "FILE" => ":file:_files".to_owned(),
            value => format!(":{}:", value.to_lowercase()),
        };
        let spec = if all.len() == 2 {
            format!(
                "'({})'{{{}}}'[{meaning}]{value}'",
                all.join(" "),
                all.join(",")
            )
        } else {
            format!("'{}[{meaning}]{value}'", all.concat())
        };
        script.push_str(&format!("        {spec} \\\n"));
    }
    script + TAIL
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
            let script = shell.script();
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
