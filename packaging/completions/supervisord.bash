# Completion of supervisord for bash.
_supervisord() {
    local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD - 1]}
    case $before in
        -c | --configuration | -l | --logfile | -j | --pidfile | --record | --record-masked)
            compopt -o filenames
            mapfile -t COMPREPLY < <(compgen -f -- "$word")
            ;;
        -d | --directory | -q | --childlogdir)
            compopt -o filenames
            mapfile -t COMPREPLY < <(compgen -d -- "$word")
            ;;
        -u | --user) mapfile -t COMPREPLY < <(compgen -u -- "$word") ;;
        -e | --loglevel)
            mapfile -t COMPREPLY < <(compgen -W "critical error warn info debug trace blather" -- "$word")
            ;;
        --runtime) mapfile -t COMPREPLY < <(compgen -W "smol std" -- "$word") ;;
        --format) mapfile -t COMPREPLY < <(compgen -W "text json" -- "$word") ;;
        *)
            mapfile -t COMPREPLY < <(compgen -W "--configuration --nodaemon --silent --help --version --user
                --umask --directory --logfile --logfile_maxbytes --logfile_backups --loglevel --pidfile
                --identifier --childlogdir --nocleanup --strip_ansi --minfds --minprocs --check
                --print-config --format --runtime --record --record-masked --record-maxbytes" -- "$word")
            ;;
    esac
}
complete -F _supervisord supervisord
