#!/bin/sh
# Runs a test program. cmocka reports a test that was skipped as "not ok 3 # SKIP name", which TAP reads as a
# failure: `make check` would fail for everybody but root. The exit status is the program's.
exec 3>&1
status=$({ { "$@" 3>&- 4>&-; echo $? >&4; } | sed -u 's/^not ok \([0-9]* # SKIP\)/ok \1/' >&3; } 4>&1)
exit "$status"
