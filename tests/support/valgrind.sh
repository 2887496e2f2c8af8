#!/bin/sh
# Runs test programs under valgrind, in the build directory: leaks, uninitialised reads and bad accesses fail.
# TAP on standard output, one line a program.
echo "1..$#"
n=0 bad=0
for program in "$@"; do
        n=$((n + 1))
        log=$program.valgrind.log
        if libtool_words=$(./libtool --mode=execute valgrind --quiet --error-exitcode=99 --leak-check=full \
                --show-leak-kinds=definite --errors-for-leak-kinds=definite --keep-debuginfo=yes \
                --log-file="$PWD/$log" "./$program" 2>&1); then
                echo "ok $n - $program"
        else
                bad=$((bad + 1))
                echo "not ok $n - $program"
                { tail -n 5 "$log"; printf '%s\n' "$libtool_words" | grep -E 'not ok|FAILED|rror' | tail -n 10; } | sed 's/^/# /'
        fi
done
[ $bad = 0 ]
