#!/bin/bash
# Runs test programs under valgrind, in the build directory, one a processor: leaks, uninitialised reads and bad
# accesses fail. TAP on standard output, one line a program.
#
#   valgrind.sh PROGRAM ...
set -uo pipefail

if [ "${1-}" = --one ]; then
        program=$2
        log=$program.valgrind.log
        if words=$(./libtool --mode=execute valgrind --quiet --error-exitcode=99 --leak-check=full \
                --show-leak-kinds=definite --errors-for-leak-kinds=definite --keep-debuginfo=yes \
                --log-file="$PWD/$log" "./$program" 2>&1); then
                echo "ok - $program"
        else
                # In one piece, so that two programs' words do not mix.
                echo "not ok - $program
$({ tail -n 5 "$log"; printf '%s\n' "$words" | grep -E 'not ok|FAILED|rror' | tail -n 10; } | sed 's/^/# /')"
        fi
        exit 0
fi

results=$(mktemp)
trap 'rm -f "$results"' EXIT
echo "1..$#"
printf '%s\n' "$@" | xargs -P "$(nproc)" -I PROGRAM bash "$0" --one PROGRAM | tee "$results"
[ "$(grep -c '^ok' "$results")" = $# ]
