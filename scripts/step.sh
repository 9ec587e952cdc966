#!/usr/bin/env bash
# step.sh NAME COMMAND…: runs the command between two lines that tell its name and its time.
set -u
name=$1
shift
printf '== %s\n' "$name"
start=$SECONDS
"$@"
code=$?
if [ "$code" -eq 0 ]; then
    printf '== %s: ok in %d s\n' "$name" $((SECONDS - start))
else
    printf '== %s: FAILED (exit code %d) after %d s\n' "$name" "$code" $((SECONDS - start)) >&2
fi
exit "$code"
