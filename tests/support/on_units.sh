#!/bin/bash
# Runs one system test on a host that systemd booted, and then asks whether the daemon's filter of system calls
# ever ended it. (test_systemd.sh shows that a denied call would be seen.)
#
#   on_units.sh TEST
# shellcheck source=tests/support/tap.sh
. "$top_srcdir/tests/support/tap.sh"

/bin/bash "$1"
status=$?
journalctl --sync >/dev/null 2>&1
is "$(systemctl show -P LoadState orgtokend.service)" loaded "the daemon was the shipped unit"
[ "$(journalctl --no-pager -o cat -u orgtokend.service | grep -c 'Started orgtokend')" -gt 0 ]
ok $? "and systemd started it"
is "$(journalctl --no-pager -o cat -u orgtokend.service | grep -c 'status=31/SYS')" 0 "no system call was denied"
[ "$tap_failed" = 0 ] && exit $status
exit 1
