#!/bin/bash
# doc/RECOVERY.md, step by step: a disk is lost, a store is damaged, the key is changed.
set -u
. "$top_srcdir/tests/support/tap.sh"
. "$top_srcdir/tests/support/host.sh"
state=/var/lib/orgtoken

check() { printf '%s\n' "$1" | orgtoken check --account acme-deploy --service sshd >/dev/null 2>&1; }
verdict() { printf '%s\n' "$1" | orgtoken --json check --account acme-deploy --service sshd 2>/dev/null |
        sed -n 's/.*"verdict": *"\([a-z-]*\)".*/\1/p'; }
key_id_of() { printf '%.9s' "$1"; }

host_install || exit 1
host_user acme-deploy
host_user alice
host_daemon_start || exit 1
orgtoken org create acme >/dev/null
orgtoken member add acme alice --role admin >/dev/null
orgtoken account bind acme acme-deploy >/dev/null 2>&1
good=$(orgtoken key create acme --name good 2>/dev/null)
stolen=$(orgtoken key create acme --name stolen 2>/dev/null)

# Keep.
install -m 0600 $state/key /root/orgtoken.key
(
        while :; do orgtoken key create acme --name busy >/dev/null 2>&1 || exit; done
) &
busy=$!
succeeds "a backup is written while others write" orgtoken backup $state/backup-today.db
kill $busy
wait $busy 2>/dev/null
is "$(stat -c '%a %U' $state/backup-today.db)" "600 orgtoken" "it is for the daemon's user only"
exits 1 "a second one does not replace it" orgtoken backup $state/backup-today.db
mv $state/backup-today.db /root/backup-today.db
if grep -qF "$(head -c 12 $state/key)" /root/backup-today.db; then ok 1 "the key is not in it"; else ok 0 "the key is not in it"; fi

exits 1 "nobody restores under a running daemon" orgtokend --restore /root/backup-today.db
contains "$tap_out" "another orgtokend" "and is told why"
orgtoken key revoke "$(key_id_of "$stolen")" >/dev/null

# The store is damaged: a page of it, which the daemon meets in the middle of its work.
host_daemon_stop
size=$(stat -c %s $state/orgtoken.db)
cp -a $state/orgtoken.db /root/whole.db
dd if=/dev/zero of=$state/orgtoken.db bs=4096 seek=$((size / 4096 - 1)) count=1 conv=notrunc 2>/dev/null
before=$(sha256sum <$state/orgtoken.db)
exits 1 "a damaged store cannot tell all: refused" orgtokend --restore /root/backup-today.db
contains "$tap_out" "revision" "the gap is printed"
contains "$tap_out" "--accept-lost-revocations" "and how to go on"
is "$(sha256sum <$state/orgtoken.db)" "$before" "nothing was changed"
cp -a /root/whole.db $state/orgtoken.db
succeeds "a whole one tells all: nothing is asked" orgtokend --restore /root/backup-today.db
contains "$tap_out" "1 tokens ended" "the revocation was taken over"
is "$(find $state -name 'orgtoken.db.old-*' | wc -l)" 1 "the one that was there is beside it"
is "$(stat -c '%a %U' $state/orgtoken.db)" "600 orgtoken" "the new one is the daemon's alone"
host_daemon_start
is "$(verdict "$good")" allow "what was good is good"
is "$(verdict "$stolen")" revoked "what was revoked since the backup stays revoked"

# The disk is lost.
host_daemon_stop
rm -rf $state
install -d -m 0700 -o orgtoken -g orgtoken $state
exits 1 "without the key there is nothing to restore for" orgtokend --restore /root/backup-today.db
contains "$tap_out" "host key" "and it says so"
install -m 0600 -o orgtoken -g orgtoken /root/orgtoken.key $state/key
exits 1 "what was revoked since nobody knows: refused" orgtokend --restore /root/backup-today.db
is "$(ls $state)" key "and nothing was made"
exits 2 "no time: a mistake in the line" \
        orgtokend --restore /root/backup-today.db --revoke-older-than yesterday
succeeds "accepted" orgtokend --restore /root/backup-today.db --accept-lost-revocations
host_daemon_start
is "$(verdict "$good")" allow "back"
is "$(verdict "$stolen")" allow "with what was accepted"
host_daemon_stop
rm -f $state/orgtoken.db*
# "Before" does not hold for what was made in the same second.
sleep 2
succeeds "all older tokens ended instead" \
        orgtokend --restore /root/backup-today.db --revoke-older-than "@$(date +%s)"
host_daemon_start
is "$(verdict "$good")" revoked "every token"
new=$(orgtoken key create acme --name new 2>/dev/null)
is "$(verdict "$new")" allow "a new one works"

# The key is changed.
exits 1 "not under a running daemon" orgtokend --rotate-key
host_daemon_stop
succeeds "the key is changed" orgtokend --rotate-key
fails "it is another one" cmp -s $state/key /root/orgtoken.key
is "$(stat -c '%a %U' $state/key)" "600 orgtoken" "and the daemon's alone"
host_daemon_start
is "$(verdict "$new")" allow "tokens go on working"
is "$(verdict "$good")" unknown "a revoked one's secret is not known any more"
contains "$(orgtoken key list acme)" revoked "but its row says what it is"
host_daemon_stop
exits 1 "an older backup needs the older key" \
        orgtokend --restore /root/backup-today.db --accept-lost-revocations
succeeds "with it, it goes over to the new one" orgtokend --restore /root/backup-today.db \
        --backup-key /root/orgtoken.key --accept-lost-revocations
host_daemon_start
is "$(verdict "$new")" unknown "the backup was from before it"
is "$(verdict "$stolen")" revoked "and what was ended by age stays so"
again=$(orgtoken key create acme --name again 2>/dev/null)
host_daemon_stop
# A key that comes from a credential only.
install -d -m 0755 /run/credentials
install -m 0644 $state/key /run/credentials/orgtoken.key
rm $state/key
head -c 32 /dev/urandom >/root/next.key
succeeds "a credential's key is changed to one made beforehand" \
        env CREDENTIALS_DIRECTORY=/run/credentials orgtokend --rotate-key --new-key /root/next.key
is "$(find $state -name 'key*')" "" "no key is left in the state directory"
install -m 0644 /root/next.key /run/credentials/orgtoken.key
if host_has_systemd; then
        printf '[Service]\nLoadCredential=orgtoken.key:/run/credentials/orgtoken.key\n' \
                >/run/systemd/system/orgtokend.service.d/key.conf
fi
CREDENTIALS_DIRECTORY=/run/credentials host_daemon_start
is "$(verdict "$again")" allow "and works with it"
host_daemon_stop
tap_done
