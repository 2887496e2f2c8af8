# shellcheck shell=bash
# On a host booted with systemd, with a stock sshd, pam_systemd and logind: revoking ends the sessions that were
# opened with the token, and no other, where it is asked for or the organisation's policy says so.
# shellcheck source=tests/support/tap.sh
. "$top_srcdir/tests/support/tap.sh"
# shellcheck source=tests/support/host.sh
. "$top_srcdir/tests/support/host.sh"

make -C "$builddir" install >"$work/install.log" 2>&1 || {
        tail "$work/install.log"
        exit 1
}
systemd-sysusers && systemd-tmpfiles --create
systemctl daemon-reload
systemctl start orgtokend-verify.socket orgtokend-manage.socket
succeeds "the unit files are well-formed" systemd-analyze verify --recursive-errors=no --man=no \
        orgtoken-sessiond.service orgtoken-sessiond.socket
succeeds "the helper's sandbox scores 0.7 or less" systemd-analyze security --offline=yes --threshold=7 \
        orgtoken-sessiond.service
diag "$(systemd-analyze security --offline=yes orgtoken-sessiond.service | tail -n 1)"

as() {
        local user=$1
        shift
        setpriv --reuid "$user" --regid "$user" --init-groups "$@"
}
for user in alice bob acme-deploy globex-deploy; do host_user "$user" "$user-password"; done
host_pam_lines sshd
for org in acme globex; do
        orgtoken org create $org >/dev/null
        orgtoken account bind $org $org-deploy >/dev/null
        orgtoken member add $org alice >/dev/null
        orgtoken member add $org bob >/dev/null
done
# A unit, so that sshd is in no session of ours and pam_systemd makes one for each login.
mkdir -p /run/sshd
ssh-keygen -q -t ed25519 -N '' -f "$work/hostkey"
printf '%s\n' "Port $ssh_port" "ListenAddress 127.0.0.1" "HostKey $work/hostkey" "UsePAM yes" "UseDNS no" \
        "PidFile none" "PasswordAuthentication yes" "KbdInteractiveAuthentication yes" >"$work/sshd_config"
ip link set lo up 2>/dev/null
systemd-run -q --unit=test-sshd /usr/sbin/sshd -D -f "$work/sshd_config"
host_wait "ss -tln | grep -q 127.0.0.1:$ssh_port"

# login NAME SECRET METHOD USER: a session that stays open; its logind id and process are in $work/NAME.*
login() {
        local name=$1 secret=$2 method=$3 user=$4
        rm -f "/tmp/$name.id"
        (
                # An askpass of its own: logins overlap.
                printf '%s\n' "$secret" >"$work/$name.secret"
                printf '#!/bin/sh\ncat %s\n' "$work/$name.secret" >"$work/$name.askpass"
                chmod 0700 "$work/$name.askpass"
                # shellcheck disable=SC2086 # a list of options
                SSH_ASKPASS=$work/$name.askpass SSH_ASKPASS_REQUIRE=force DISPLAY=none setsid -w ssh -p "$ssh_port" \
                        $ssh_options -o PreferredAuthentications="$method" "$user@127.0.0.1" \
                        "echo \$XDG_SESSION_ID >/tmp/$name.id; exec sleep 600" </dev/null
        ) >/dev/null 2>&1 &
        host_wait "test -s /tmp/$name.id" || {
                diag "$name is not logged in"
                return 1
        }
}
session_of() { cat "/tmp/$1.id"; }
is_open() { [ "$(loginctl show-session "$(session_of "$1")" -p State --value 2>/dev/null)" = active ]; }
gone() { host_wait "! loginctl show-session $(session_of "$1")"; }
new_pat() { as "$1" orgtoken pat create --name "$2" 2>/dev/null; }
# The daemon has written what it was told.
noted() { orgtoken status --json >/dev/null; }
still() {
        local name
        for name in "$@"; do
                is_open "$name" || {
                        diag "$name is not open"
                        return 1
                }
        done
}

key=$(orgtoken key create acme --name ci 2>/dev/null)
key2=$(orgtoken key create acme --name ci2 2>/dev/null)
gkey=$(orgtoken key create globex --name ci 2>/dev/null)
pat=$(new_pat alice one)
pat2=$(new_pat alice two)
bobs=$(new_pat bob one)

# Nobody there to do it.
login first "$key" password acme-deploy
succeeds "a session is opened with a key" is_open first
out=$(orgtoken key revoke "${key:0:9}" --end-sessions 2>&1) && out="$out: status 0"
contains "$out" "orgtoken-sessiond.socket" "without the helper it says what is missing"
contains "$out" "1 session" "and how many are left"
is "$(orgtoken --json key list acme --state revoked | grep -c "${key:0:9}")" 1 "the key is revoked all the same"
succeeds "the session is open" is_open first

systemctl start orgtoken-sessiond.socket
is "$(stat -c '%a %U' /run/orgtoken/session.sock)" "600 orgtoken" "its socket is the daemon's alone"
is "$(systemctl is-active orgtoken-sessiond.service)" inactive "and it does not run yet"
login key2 "$key2" password acme-deploy
login kbd "$pat" keyboard-interactive acme-deploy
login own "$pat@acme" password alice
login own2 "$pat2@acme" password alice
login bob "$bobs@acme" keyboard-interactive bob
login globex "$gkey" password globex-deploy
login plain alice-password password alice
succeeds "seven more sessions" still key2 kbd own own2 bob globex plain
all="key2 kbd own own2 bob globex plain"

succeeds "a key that is revoked already: its sessions end" orgtoken key revoke "${key:0:9}" --end-sessions
succeeds "that one is gone" gone first
# shellcheck disable=SC2086 # a list of names
succeeds "and no other" still $all
out=$(orgtoken --json pat revoke "${pat:0:10}" --end-sessions 2>&1)
contains "$out" '"sessions": 2' "a personal token: two sessions, in two accounts"
succeeds "as the org's account, by keyboard-interactive" gone kbd
succeeds "and as its user" gone own
succeeds "not that of another token of hers, of another user, of another org, or by password" \
        still key2 own2 bob globex plain

journalctl --sync
contains "$(journalctl -o cat MESSAGE_ID=7a41c0de95b24f3c8e6d2b19f0a3c586)" "of acme-deploy by ${pat:0:10}" \
        "the journal says which was ended"
contains "$(journalctl -o cat -u orgtoken-sessiond.service)" "end session" "and the helper says so"

# The policy.
orgtoken pat revoke "${pat2:0:10}" >/dev/null
succeeds "without the option and the policy it stays open" still own2
orgtoken member remove acme bob >/dev/null
succeeds "and so does one of who left" still bob
out=$(orgtoken org set acme end-sessions=yes 2>&1)
contains "$(orgtoken org show acme)" "end-sessions=yes" "the policy is set"
succeeds "with it, what has lost its ground already ends" gone own2
succeeds "of who left too" gone bob
succeeds "and nothing else" still key2 globex plain

orgtoken member add acme bob >/dev/null
login bob "$bobs@acme" password bob
login bobglobex "$bobs@globex" password bob
orgtoken member remove acme bob >/dev/null
succeeds "member remove ends the sessions for that org" gone bob
succeeds "not those for another" still bobglobex key2 globex plain
orgtoken member add acme bob >/dev/null
login bob "$bobs@acme" password bob
orgtoken user suspend bob >/dev/null
succeeds "user suspend" gone bob
succeeds "only where the org's policy says so" still bobglobex
orgtoken user resume bob >/dev/null
login bob "$bobs" password acme-deploy
systemctl restart orgtokend.service
orgtoken user remove bob >/dev/null
succeeds "user remove, and a restart of the daemon between" gone bob
succeeds "and nothing else" still key2 globex plain bobglobex
orgtoken org suspend acme >/dev/null
succeeds "org suspend" gone key2
orgtoken org resume acme >/dev/null
key=$(orgtoken key create acme --name again 2>/dev/null)
login again "$key" password acme-deploy
new=$(orgtoken rotate "${key:0:9}" 2>/dev/null)
is "${#new}" 63 "the key is rotated"
orgtoken org set acme max-life=none >/dev/null
succeeds "rotating ends none" still again
out=$(orgtoken revoke --all --org acme --end-sessions --dry-run 2>&1)
contains "$out" "would end 1 open session" "revoke --all --dry-run counts"
succeeds "and does nothing" still again
out=$(orgtoken revoke --all --org acme --end-sessions 2>&1)
contains "$out" "1 open session ended" "revoke --all"
succeeds "ends it" gone again
succeeds "and not those of another org" still globex plain bobglobex
orgtoken account unbind acme acme-deploy >/dev/null
key=$(orgtoken key create globex --name last 2>/dev/null)
login last "$key" password globex-deploy
orgtoken org set globex end-sessions=yes >/dev/null
orgtoken account unbind globex globex-deploy >/dev/null
succeeds "account unbind, for all who are in it" gone last
succeeds "with another key too" gone globex
succeeds "alice's password session is still there" still plain

# Lies. A person's own environment file cannot keep a session out of it, or put another's in.
orgtoken account bind globex globex-deploy >/dev/null
printf 'XDG_SESSION_ID DEFAULT=%s\nORGTOKEN_KEY_ID DEFAULT=ak_0000000\n' "$(session_of plain)" \
        >/home/globex-deploy/.pam_environment
chown globex-deploy: /home/globex-deploy/.pam_environment
sed -i 's/pam_env.so user_readenv=1/pam_env.so user_readenv=1 debug/' /etc/pam.d/sshd
grep -q '^session.*pam_env.so.*user_readenv=1' /etc/pam.d/sshd
ok $? "Debian's sshd reads a person's own environment"
for method in password keyboard-interactive; do
        key=$(orgtoken key create globex --name lies 2>/dev/null)
        login lies "$key" $method globex-deploy
        is "$(session_of lies)" "$(session_of plain)" "$method: the session has another's id in its environment"
        pid=$(pgrep -n -u globex-deploy -x sleep)
        succeeds "$method: revoked" orgtoken key revoke "${key:0:9}" --end-sessions
        succeeds "$method: it ends" host_wait "! kill -0 $pid"
        succeeds "$method: and not the one that it named" still plain
done
rm /home/globex-deploy/.pam_environment

# Who does not want to go.
key=$(orgtoken key create globex --name deaf 2>/dev/null)
printf '%s\n' "$key" >"$work/password"
cat >/tmp/deaf <<'DEAF'
#!/bin/bash
trap '' HUP TERM INT
echo $$ >/tmp/deaf.pid
while :; do sleep 1; done
DEAF
chmod 0755 /tmp/deaf
(ssh_login "$key" password globex-deploy /tmp/deaf) >/dev/null 2>&1 &
host_wait "test -s /tmp/deaf.pid"
orgtoken key revoke "${key:0:9}" --end-sessions >/dev/null 2>&1
pid=$(cat /tmp/deaf.pid)
succeeds "a process that ignores every polite signal is killed" host_wait "! kill -0 $pid"

# su. In somebody's session it makes none of its own; elsewhere it does.
host_pam_lines su
orgtoken account bind acme acme-deploy >/dev/null 2>&1
sleeper() {
        rm -f /tmp/su.pid /tmp/su.id
        # shellcheck disable=SC2016 # the script's own
        printf '#!/bin/sh\necho "$XDG_SESSION_ID" >/tmp/su.id\necho $$ >/tmp/su.pid\nexec sleep 600\n' >/tmp/sleeper
        chmod 0755 /tmp/sleeper
}
sleeper
pat=$(new_pat alice su)
printf '%s\n' "$pat" >/home/alice/token
chown alice: /home/alice/token
systemd-run -q --unit=test-su --uid=alice sh -c 'su acme-deploy -c /tmp/sleeper <~alice/token'
host_wait "test -s /tmp/su.pid"
is "$(loginctl show-session "$(cat /tmp/su.id)" -p Name --value)" acme-deploy "su from a service: a session of the account's"
orgtoken pat revoke "${pat:0:10}" --end-sessions >/dev/null 2>&1
succeeds "it ends with the token" host_wait "! kill -0 $(cat /tmp/su.pid)"
sleeper
pat=$(new_pat alice su)
printf '%s\n' "$pat" >/home/alice/token
(ssh_login alice-password password alice 'su acme-deploy -c /tmp/sleeper <token') >/dev/null 2>&1 &
host_wait "test -s /tmp/su.pid"
out=$(orgtoken pat revoke "${pat:0:10}" --end-sessions 2>&1)
contains "$out" "0 open sessions ended" "su within an ssh session is none of its own"
kill -0 "$(cat /tmp/su.pid)"
ok $? "NOT HELD: it goes on, as doc/ELEVATION.md says"
kill "$(cat /tmp/su.pid)"

# By the profiles.
sed -i '/pam_orgtoken/d' /etc/pam.d/sshd /etc/pam.d/su
DEBIAN_FRONTEND=noninteractive pam-auth-update --enable orgtoken orgtoken-sessions
is "$(grep -oE 'pam_(systemd|orgtoken)' /etc/pam.d/common-session | xargs)" "pam_orgtoken pam_systemd pam_orgtoken" \
        "pam-auth-update: a line behind pam_systemd"
for method in password keyboard-interactive; do
        key=$(orgtoken key create acme --name profile 2>/dev/null)
        login profile "$key" $method acme-deploy
        orgtoken key revoke "${key:0:9}" --end-sessions >/dev/null 2>&1
        succeeds "with the profiles, $method: it ends" gone profile
done

# Only the daemon's uid is listened to.
for uid in 0 $(id -u alice); do
        out=$(setpriv --reuid "$uid" --clear-groups python3 - <<'PY' 2>&1
import socket
s = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
s.settimeout(3)
try:
    s.connect("/run/orgtoken/session.sock"); s.send(b"x" * 24); print("answer", len(s.recv(100)))
except OSError as e:
    print("refused", e.strerror)
PY
)
        case $out in refused*|"answer 0") r=0 ;; *) r=1 ;; esac
        ok $r "uid $uid gets no answer ($out)"
done
is "$(sed -n 's/^CapEff:\t//p' "/proc/$(systemctl show -P MainPID orgtoken-sessiond.service)/status")" 0000000000000000 \
        "the helper has no capability"
is "$(systemctl show -P CapEff orgtokend.service; sed -n 's/^CapEff:\t//p' "/proc/$(systemctl show -P MainPID orgtokend.service)/status")" \
        0000000000000000 "and the daemon none either"

# No logind.
systemctl mask --runtime --now systemd-logind.service dbus-org.freedesktop.login1.service >/dev/null 2>&1
key=$(orgtoken key create globex --name nologind 2>/dev/null)
out=$(orgtoken key revoke "${key:0:9}" --end-sessions 2>&1) && out="$out: status 0"
contains "$out" "no logind that answers" "without logind it says so"
lacks "$out" "status 0" "with a status of its own"
systemctl unmask --runtime systemd-logind.service dbus-org.freedesktop.login1.service >/dev/null 2>&1
systemctl start systemd-logind.service
denied=$(journalctl --no-pager -o cat _AUDIT_TYPE_NAME=SECCOMP 2>/dev/null | grep -c orgtoken)
is "$denied" 0 "no system call was denied"
tap_done
