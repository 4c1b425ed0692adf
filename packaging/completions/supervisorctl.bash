# Completion of supervisorctl for bash: actions, and the names of what the daemon supervises.
_supervisorctl() {
    local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD - 1]} options=() at action=
    local actions="add avail clear exit fg help maintail open pid quit reload remove reread restart
        shutdown signal start status stop tail update version"
    case $before in
        -c | --configuration | -r | --history-file)
            compopt -o filenames
            mapfile -t COMPREPLY < <(compgen -f -- "$word")
            return
            ;;
    esac
    for ((at = 1; at < COMP_CWORD; at++)); do
        case ${COMP_WORDS[at]} in
            -c | -s | -u | -p | -r) options+=("${COMP_WORDS[at]}" "${COMP_WORDS[++at]}") ;;
            -*) ;;
            *) action=${action:-${COMP_WORDS[at]}} ;;
        esac
    done
    case $action in
        '')
            mapfile -t COMPREPLY < <(compgen -W "$actions --configuration --help --interactive
                --serverurl --username --password --history-file" -- "$word")
            ;;
        help) mapfile -t COMPREPLY < <(compgen -W "$actions" -- "$word") ;;
        start | stop | restart | status | signal | tail | clear | fg | pid)
            local names
            names=$(supervisorctl "${options[@]}" status 2>/dev/null | awk '{ print $1 }')
            mapfile -t COMPREPLY < <(compgen -W "$names all" -- "$word")
            # A colon separates words; only what follows it may be replaced.
            if declare -F __ltrim_colon_completions >/dev/null; then
                __ltrim_colon_completions "$word"
            fi
            ;;
    esac
}
complete -F _supervisorctl supervisorctl
