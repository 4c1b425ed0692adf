#!/bin/sh
# Exits with status $3 on signal $2; says in the file $1 when it is ready for that.
trap "exit $3" "$2"
echo ready > "$1"
while :; do sleep 0.05; done
