# shellcheck shell=bash
# Inside scripts/sandbox: the timing measurement, in a process and over the socket, each with its control that must
# see a leak, or the measurement is void. TAP, with the figures. SAMPLES of each class in a process; over the socket
# a fifth of it.
# shellcheck source=tests/support/tap.sh
. "$top_srcdir/tests/support/tap.sh"
# shellcheck source=tests/support/host.sh
. "$top_srcdir/tests/support/host.sh"

samples=${SAMPLES:-1000000}
programs=$builddir/tests/attack
host_install || exit 1
# The daemon's own user, in the group that may verify.
timing() { setpriv --reuid=orgtoken --regid=orgtoken --groups="$(getent group orgtoken-verify | cut -d: -f3)" "$@"; }

# t WORDS: of the line that has them, without its sign and its fraction.
t() { grep -F "$1" "$work/figures" | sed 's/.*"t": -\{0,1\}\([0-9]*\).*/\1/'; }

# measure WHERE PROGRAM SAMPLES [SOCKET]
measure() {
        local where=$1
        shift
        timing "$@" >"$work/figures" 2>"$work/timing.log" || diag "$(cat "$work/timing.log")"
        sed "s/^/# $where: /" "$work/figures"
}

# sees_nothing WHERE WORDS ...: the threshold is 4.5, and a wrong alarm comes once in a hundred thousand.
sees_nothing() {
        local where=$1 what
        shift
        for what in "$@"; do
                [ "$(t "$what")" -lt 4 ] || grep -F "$what" "$work/figures" | grep -qE '"t": -?4\.[0-4]'
                ok $? "$where: nothing to see: $what"
        done
}

sees_the_leak() {
        [ "$(t "first 0 or 31")" -ge 10 ]
        ok $? "$1: the control sees the leak"
}

host_daemon_start || exit 1
host_daemon_stop
cp -a /var/lib/orgtoken "$work/state"
measure "in a process" "$programs/timing" "$work/state" "$samples"
sees_nothing "in a process" "first 0 or 42" "first 0 or 31" "a live token"
rm -r "$work/state"
cp -a /var/lib/orgtoken "$work/state"
measure "in a process, leaking" "$programs/timing_leaking" "$work/state" "$samples"
sees_the_leak "in a process"

cp -a /var/lib/orgtoken "$work/fresh"
host_daemon_start || exit 1
measure "over the socket" "$programs/timing" /var/lib/orgtoken $((samples / 5)) /run/orgtoken/verify.sock
sees_nothing "over the socket" "first 0 or 42" "first 0 or 31"
host_daemon_stop

# 31 equal bytes cost this daemon some 250 ns.
rm -r /var/lib/orgtoken
cp -a "$work/fresh" /var/lib/orgtoken
LEAK=30 "$programs/orgtokend_leaking" --state-dir /var/lib/orgtoken --runtime-dir /run/orgtoken >>"$work/daemon.log" 2>&1 &
daemon_pid=$!
host_wait 'orgtoken status' || exit 1
measure "over the socket, leaking" "$programs/timing" /var/lib/orgtoken $((samples / 5)) /run/orgtoken/verify.sock
sees_the_leak "over the socket"
host_daemon_stop
tap_done
