#!/bin/bash
# The parts of doc/RECOVERY.md that need systemd: the key as an encrypted credential, changed; and a backup
# restored between stopping and starting the units.
set -u
. "$top_srcdir/tests/support/tap.sh"
. "$top_srcdir/tests/support/host.sh"
state=/var/lib/orgtoken

verdict() { printf '%s\n' "$1" | orgtoken --json check --account acme-deploy --service sshd 2>/dev/null |
        sed -n 's/.*"verdict": *"\([a-z-]*\)".*/\1/p'; }
start() { systemctl start orgtokend-verify.socket orgtokend-manage.socket; }
stop() { systemctl stop orgtokend-verify.socket orgtokend-manage.socket orgtokend.service; }

host_install || exit 1
host_user acme-deploy
systemctl daemon-reload
start
orgtoken org create acme >/dev/null
orgtoken account bind acme acme-deploy >/dev/null 2>&1
good=$(orgtoken key create acme --name good 2>/dev/null)
stolen=$(orgtoken key create acme --name stolen 2>/dev/null)
succeeds "the shipped unit writes a backup in its directory" orgtoken backup $state/backup-today.db
mv $state/backup-today.db /root/backup-today.db
orgtoken key revoke "${stolen:0:9}" >/dev/null

exits 1 "not beside the running unit" orgtokend --restore /root/backup-today.db
stop
succeeds "restored while it is stopped" orgtokend --restore /root/backup-today.db
start
is "$(verdict "$good")" allow "what was good is good"
is "$(verdict "$stolen")" revoked "what was revoked is revoked"

# The key goes from the file into an encrypted credential.
stop
mkdir -p /etc/credstore.encrypted
systemd-creds encrypt --with-key=host --name=orgtoken.key $state/key /etc/credstore.encrypted/orgtoken.key \
        2>"$work/creds" || {
        ok 1 "systemd-creds encrypts the host key"
        diag "$(cat "$work/creds")"
        tap_done
        exit
}
rm $state/key
start
is "$(verdict "$good")" allow "the encrypted credential is the host key"
stop

# As the document has it.
head -c 32 /dev/urandom >/run/new.key
succeeds "the new key is encrypted" systemd-creds encrypt --with-key=host --name=orgtoken.key /run/new.key \
        /etc/credstore.encrypted/orgtoken.key.new
# shellcheck disable=SC2016 # for the shell inside
succeeds "the store goes over to it" systemd-run --wait --pipe -p User=orgtoken \
        -p LoadCredentialEncrypted=orgtoken.key -p LoadCredential=new.key:/run/new.key \
        sh -c 'orgtokend --rotate-key --new-key "$CREDENTIALS_DIRECTORY/new.key"'
mv /etc/credstore.encrypted/orgtoken.key.new /etc/credstore.encrypted/orgtoken.key
shred -u /run/new.key
is "$(find $state -name 'key*')" "" "no key is left in the state directory"
start
is "$(verdict "$good")" allow "tokens go on working"
is "$(verdict "$stolen")" unknown "a revoked one's secret is not known any more"
contains "$(journalctl -q -o cat ORGTOKEN_VERB=rotate-key)" "sealed anew" "and the journal knows of it"
contains "$(journalctl -q -o cat ORGTOKEN_VERB=restore)" "restored revision" "and of the restore"
tap_done
