#!/bin/bash
# The disk of the store is full, has no room for another file, is read-only, or has no store: verification
# goes on where it can, changes are refused in words, nothing is made anew, and when the disk is back so is everything.
set -u
. "$top_srcdir/tests/support/tap.sh"
. "$top_srcdir/tests/support/host.sh"
state=/var/lib/orgtoken

verdict() { printf '%s\n' "$1" | orgtoken --json check --account acme-deploy --service sshd 2>/dev/null |
        sed -n 's/.*"verdict": *"\([a-z-]*\)".*/\1/p'; }
# As a login does, over verify.sock and through the module.
printf 'auth required pam_orgtoken.so token_only\naccount required pam_orgtoken.so\n' >/etc/pam.d/storage
logs_in() { printf "%s\n" "$1" | python3 "$top_srcdir/tests/support/pamask.py" storage acme-deploy auth account >/dev/null 2>&1; }
key_id_of() { printf '%.9s' "$1"; }
fill() { dd if=/dev/zero of=$state/filler bs=4096 2>/dev/null; : >>$state/filler2 2>/dev/null; }
mount_store() { # OPTIONS: an empty file system for the store
        host_daemon_stop 2>/dev/null
        umount $state 2>/dev/null
        mount -t tmpfs -o "mode=0700,uid=$(id -u orgtoken),gid=$(id -g orgtoken),$1" tmpfs $state
}
make_tokens() {
        orgtoken org create acme >/dev/null
        orgtoken account bind acme acme-deploy >/dev/null 2>&1
        good=$(orgtoken key create acme --name good 2>/dev/null)
        bad=$(orgtoken key create acme --name bad 2>/dev/null)
        orgtoken key revoke "$(key_id_of "$bad")" >/dev/null
}

# patiently COMMAND ...: a store that did not open is tried again every half minute.
patiently() {
        for _ in $(seq 90); do
                if "$@"; then return 0; fi
                sleep 1
        done
        return 1
}

# start_without_store LOG: it does not become ready to serve, and says so there.
start_without_store() {
        if host_has_systemd; then
                : >"$work/daemon.log"
                ln -s "$work/daemon.log" "$1"
                # shellcheck disable=SC2086 # a list of words
                systemctl start $host_units orgtokend.service
        else
                orgtokend --state-dir $state --runtime-dir /run/orgtoken >"$1" 2>&1 &
                daemon_pid=$!
        fi
}

host_install || exit 1
host_user acme-deploy
daemon_pid=

# Full.
mount_store size=1m
host_daemon_start || exit 1
make_tokens
is "$(verdict "$good")" allow "a token works"
succeeds "and logs in" logs_in "$good"
fill
exits 1 "full: nothing can be made" orgtoken key create acme --name more
contains "$tap_out" "disk of the store is full" "and it says why"
exits 1 "nothing can be revoked" orgtoken key revoke "$(key_id_of "$good")"
exits 1 "and no backup written" orgtoken backup $state/backup.db
is "$(find $state -name '.backup*')" "" "nor the beginning of one left"
is "$(verdict "$good")" allow "what was good is good"
succeeds "and logs in" logs_in "$good"
is "$(verdict "$bad")" revoked "what was revoked is revoked"
fails "and does not log in" logs_in "$bad"
host_daemon_stop -KILL
fill
host_daemon_start
is "$(verdict "$good")" allow "so it is after kill -9 and a start on the full disk"
host_daemon_stop
fill
host_daemon_start
is "$(verdict "$good")" allow "and after a stop and a start"
is "$(verdict "$bad")" revoked "with what was revoked"
rm -f $state/filler*
succeeds "with room again it goes on by itself" patiently orgtoken key create acme --name more
host_daemon_stop

# No room for another file.
mount_store nr_inodes=7
host_daemon_start
make_tokens
n=0
while : >"$state/filler$n"; do n=$((n + 1)); done 2>/dev/null
exits 1 "no more files: no backup" orgtoken backup $state/backup.db
contains "$tap_out" "No space left" "and it says why"
is "$(verdict "$good")" allow "what was good is good"
succeeds "changes need no new file" orgtoken key create acme --name more
rm -f $state/filler*
succeeds "with room there is a backup" orgtoken backup $state/backup.db
host_daemon_stop

# A first start without room for it leaves nothing that a later one would stumble over.
mount_store size=20k
start_without_store "$work/small.log"
host_wait "grep -q 'cannot be' $work/small.log"
contains "$(cat "$work/small.log")" "cannot be" "no room for a store: it says so"
is "$(find $state -name orgtoken.db)" "" "and there is no half of one"
mount -o remount,size=1m $state
host_daemon_stop
host_daemon_start
make_tokens
is "$(verdict "$good")" allow "with room it begins"
host_daemon_stop

# Read-only from the start.
mount_store size=1m
host_daemon_start
make_tokens
host_daemon_stop -KILL
mount -o remount,ro $state 2>/dev/null || mount -o bind,remount,ro $state
start_without_store "$work/ro.log"
host_wait "test -s $work/ro.log"
fails "what was revoked does not log in" logs_in "$bad"
mount -o remount,rw $state 2>/dev/null || mount -o bind,remount,rw $state
# The unit has mounts of its own, made while it was read-only.
if host_has_systemd; then systemctl restart orgtokend.service; fi
succeeds "writable again: it goes on by itself" patiently orgtoken key create acme --name more
is "$(verdict "$bad")" revoked "with what was revoked"
host_daemon_stop

# The store itself goes away under the daemon, and comes back.
mv $state/orgtoken.db $state/moved
start_without_store "$work/gone.log"
host_wait "test -s $work/gone.log"
fails "no store: nobody logs in" logs_in "$good"
is "$(find $state -name orgtoken.db)" "" "and none is made"
mv $state/moved $state/orgtoken.db
succeeds "back: it goes on by itself" patiently logs_in "$good"
host_daemon_stop
umount $state
tap_done
