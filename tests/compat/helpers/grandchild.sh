#!/bin/sh
# Has a child of its own, whose pid it writes to $1; both live until they are killed.
sleep 1000 &
echo $! > "$1.tmp"
mv "$1.tmp" "$1"
wait
