#!/bin/sh
# An event listener that answers its events with the words given, one per event, each as printf takes it;
# after the last it accepts. Appends the headers and payloads to the file $1.
file=$1
shift
while :; do
    printf 'READY\n'
    read -r header || exit 0
    payload=$(head -c "${header##*len:}"; echo .)
    printf '%s\n%s\n' "$header" "${payload%.}" >> "$file"
    if [ $# -gt 0 ]; then
        printf "$1"
        shift
    else
        printf 'RESULT 2\nOK'
    fi
done
