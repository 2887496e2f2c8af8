#!/bin/sh
# Counts with callgrind the instructions that one verification takes in the module (pam_sm_authenticate, against
# a daemon that only echoes) and in the daemon (decode, decide, encode, record), and fails where either is more
# than 5 % above what tests/bench/instructions says. Times are not repeatable; this is. Needs no root.
#
#   check_instructions.sh             compares
#   check_instructions.sh --record    writes the record anew, for a change that is worth it
#
# The counts hold for one compiler, C library and processor family; on others the check is skipped (77).
set -eu

here=$(cd "$(dirname "$0")" && pwd)
build=${top_builddir:-.}
build=$(cd "$build" && pwd)
record=$here/instructions
margin=5
logins=200

command -v valgrind >/dev/null || {
        echo "skipped: valgrind is not installed"
        exit 77
}

work=$(mktemp -d)
echo_pid=
trap '[ -z "$echo_pid" ] || kill "$echo_pid" 2>/dev/null || true; rm -rf "$work"' EXIT
trap 'exit 1' INT TERM

# counted FUNCTION COMMAND …: instructions under that function, a run of it.
counted() {
        function=$1
        shift
        valgrind --tool=callgrind --collect-atstart=no --toggle-collect="$function" \
                --callgrind-out-file="$work/callgrind" "$@" >"$work/output" 2>&1 || {
                cat "$work/output" >&2
                exit 1
        }
        awk -v n="$logins" '/^(summary|totals):/ {print int($2 / n); exit}' "$work/callgrind"
}

mkdir -m 0700 "$work/state" "$work/pam.d"
"$build/tests/bench/store" "$work/state" 1000 "$work/tokens"
"$build/tests/bench/echo" "$work/echo" &
echo_pid=$!
for kind in auth account; do
        echo "$kind required $build/pam/.libs/pam_orgtoken.so socket=$work/echo quiet"
done >"$work/pam.d/counted"
echo "auth required pam_deny.so" >"$work/pam.d/other"
while [ ! -S "$work/echo" ]; do sleep 0.05; done

module=$(counted pam_sm_authenticate \
        "$build/tests/bench/login" -n "$logins" "$work/pam.d" "counted=$work/tokens")
daemon=$(counted bench_verification \
        "$build/tests/bench/decide" "$work/state" "$work/tokens" "$logins")
if [ "${module:-0}" -eq 0 ] || [ "${daemon:-0}" -eq 0 ]; then
        echo "nothing was counted: module '$module', daemon '$daemon'" >&2
        exit 1
fi

flags=$(sed -n 's/^CFLAGS = //p' "$build/Makefile")
host="$(${CC:-gcc} -dumpfullversion) glibc $(getconf GNU_LIBC_VERSION | cut -d' ' -f2) $(uname -m) $flags"
if [ "${1-}" = --record ]; then
        {
                echo "# Instructions of one verification; see check_instructions.sh."
                echo "# The toolchain that they hold for: compiler, C library, processor, CFLAGS."
                echo "host $host"
                echo "module $module"
                echo "daemon $daemon"
        } >"$record"
        cat "$record"
        exit 0
fi

recorded() { sed -n "s/^$1 //p" "$record"; }
if [ "$(recorded host)" != "$host" ]; then
        echo "skipped: recorded with $(recorded host), this is $host (module $module, daemon $daemon)"
        exit 77
fi
failed=0
for what in module daemon; do
        now=$module
        [ "$what" = module ] || now=$daemon
        then=$(recorded "$what")
        echo "$what: $now instructions a verification, recorded $then"
        if [ $((now * 100)) -gt $((then * (100 + margin))) ]; then
                echo "$what: more than $margin % above the record; mend it, or run $0 --record and say why" >&2
                failed=1
        fi
done
exit $failed
