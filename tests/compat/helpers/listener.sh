#!/bin/sh
# An event listener: appends each header and payload to the file $1 and accepts every event.
while :; do
    printf 'READY\n'
    read -r header || exit 0
    payload=$(head -c "${header##*len:}"; echo .)
    printf '%s\n%s\n' "$header" "${payload%.}" >> "$1"
    printf 'RESULT 2\nOK'
done
