# shellcheck shell=bash
# The shipped units on a host that systemd booted: activation by the first request, the sandbox, the watchdog, a
# restart under load, the journal, credentials.
# shellcheck source=tests/support/tap.sh
. "$top_srcdir/tests/support/tap.sh"
# shellcheck source=tests/support/host.sh
. "$top_srcdir/tests/support/host.sh"

make -C "$builddir" install >"$work/install.log" 2>&1 || {
        tail "$work/install.log"
        exit 1
}
succeeds "sysusers makes the user and the group" systemd-sysusers
succeeds "tmpfiles takes its snippet" systemd-tmpfiles --create
succeeds "the unit files are well-formed" systemd-analyze verify --recursive-errors=no --man=no \
        orgtokend.service orgtokend-verify.socket orgtokend-manage.socket
succeeds "the sandbox scores 0.5 or less" systemd-analyze security --offline=yes --threshold=5 orgtokend.service
systemctl daemon-reload
succeeds "the sockets start" systemctl start orgtokend-verify.socket orgtokend-manage.socket
is "$(stat -c '%a %U:%G' /run/orgtoken/verify.sock)" "660 root:orgtoken-verify" "verify.sock is root's and its group's"
is "$(stat -c '%a' /run/orgtoken/manage.sock)" 666 "manage.sock is everybody's"
is "$(stat -c '%a %U' /run/orgtoken)" "755 root" "their directory is root's"
is "$(systemctl is-active orgtokend.service)" inactive "the daemon does not run yet"
succeeds "the first request starts it" orgtoken org create acme
is "$(systemctl is-active orgtokend.service)" active "now it runs"
main_pid() { systemctl show -P MainPID orgtokend.service; }
is "$(ps -o user= -p "$(main_pid)")" orgtoken "as a user of its own"
is "$(grep -c '^CapEff:.*0000000000000000$' "/proc/$(main_pid)/status")" 1 "without a capability"
is "$(ps -o ni= -p "$(main_pid)" | tr -d ' ')" -10 "before those who keep the processors busy"
# The container has a filter too, which every process in it inherits.
filters() { sed -n 's/^Seccomp_filters:\t//p' "/proc/$1/status"; }
[ "$(filters "$(main_pid)")" -gt "$(filters 1)" ]
ok $? "behind a filter of system calls"
is "$(sed -n 's/^NoNewPrivs:\t//p' "/proc/$(main_pid)/status")" 1 "and gains no privilege"
is "$(stat -c '%a %U' /var/lib/orgtoken)" "700 orgtoken" "the state directory is its own alone"

host_user alice
host_user acme-deploy
host_pam_lines su
orgtoken member add acme alice >/dev/null
orgtoken account bind acme acme-deploy >/dev/null
pat=$(setpriv --reuid alice --regid alice --init-groups orgtoken pat create --name laptop 2>/dev/null)
key=$(orgtoken key create acme --name ci 2>/dev/null)
is "${#pat} ${#key}" "64 63" "tokens are made"
become() {
        printf '%s\n' "$pat" | setpriv --reuid alice --regid alice --init-groups env -i PATH="$PATH" USER=alice \
                setsid -w timeout 20 su acme-deploy -c 'id -un' 2>/dev/null
}
is "$(become)" acme-deploy "a token opens an account, through the sandbox"

# The sockets were started and not enabled: the doctor sees that, and that nothing else is wrong.
is "$(orgtoken doctor --json | grep -o '"level": "wrong".*"code": "[a-z-]*"' | sed 's/.*"code": //' | sort | uniq -c |
        sed 's/^ *//')" '2 "unit-disabled"' "orgtoken doctor: the sockets are not enabled, and nothing else is wrong"
systemctl enable orgtokend-verify.socket orgtokend-manage.socket >/dev/null 2>&1
exits 0 "orgtoken doctor: enabled, nothing is wrong" orgtoken doctor

journal() { journalctl --sync >/dev/null 2>&1; journalctl -o json --no-pager "$@"; }
contains "$(journal ORGTOKEN_ORG=acme ORGTOKEN_VERDICT=allow)" '"ORGTOKEN_KEY_ID":"'"${pat:0:10}"'"' \
        "the journal finds the decision by its fields"
contains "$(journal MESSAGE_ID=6f1d2a0c5b8e4c7f9a3d1e5b7c90f214)" '"ORGTOKEN_SERVICE":"su"' \
        "and by its message id"
contains "$(journal MESSAGE_ID=b2c47e19d06a4f58a1c3e8f70d924b6e)" '"ORGTOKEN_VERB":"org create"' "and the changes"
lacks "$(journalctl --no-pager -o json)" "${pat#*.}" "no secret is in the journal"
printf 'auth required pam_orgtoken.so\n' >/etc/pam.d/fields
printf '%s\n' "$pat" | "$top_srcdir/tests/support/pamask.py" fields acme-deploy ruser=alice rhost=192.0.2.7 auth >/dev/null
record=$(journal ORGTOKEN_SOURCE=192.0.2.7 | tail -n 1)
for field in KEY_ID="${pat:0:10}" ORG=acme USER=alice ACCOUNT=acme-deploy SERVICE=fields SOURCE=192.0.2.7 VERDICT=allow \
        CALLER_UID=0; do
        contains "$(journal "ORGTOKEN_$field" | tail -n 1)" "\"ORGTOKEN_${field%%=*}\":\"${field#*=}\"" "the journal is searched by $field"
        contains "$record" "\"ORGTOKEN_${field%%=*}\":\"${field#*=}\"" "and that record has it"
done
reference=$(sed -n 's/.*"ORGTOKEN_REFERENCE":"\([0-9a-f]*\)".*/\1/p' <<<"$record")
contains "$(journalctl --no-pager -o cat | grep -v orgtokend)" "reference=$reference" "the module's line has the same reference"
[ ${#reference} = 16 ]
ok $? "(which is one)"

# Tokens that end soon.
orgtoken key create acme --name soon --expires 7d >/dev/null 2>&1
succeeds "the timer starts" systemctl start orgtoken-notify.timer
contains "$(systemctl list-timers --no-pager orgtoken-notify.timer)" orgtoken-notify.service "and has a next time"
succeeds "its service runs in its sandbox" systemctl start orgtoken-notify.service
contains "$(journal MESSAGE_ID=3c5f9b24e1a84760b7d28c0f64ea1d93)" 'ends in' "a token that ends soon is in the journal"

# Each socket is known by its name, whatever its place in the list.
systemctl stop orgtokend.service 2>/dev/null
is "$(become)" acme-deploy "a first request on verify.sock starts the daemon too"
mkdir -p /etc/systemd/system/orgtokend.service.d
for order in "verify manage" "manage verify"; do
        printf '[Service]\nSockets=\n' >/etc/systemd/system/orgtokend.service.d/order.conf
        for name in $order; do
                echo "Sockets=orgtokend-$name.socket" >>/etc/systemd/system/orgtokend.service.d/order.conf
        done
        systemctl daemon-reload
        systemctl restart orgtokend.service
        is "$(become) $(orgtoken org list | grep -c acme)" "acme-deploy 1" "the sockets in the order $order"
done
rm /etc/systemd/system/orgtokend.service.d/order.conf
systemctl daemon-reload

# Restarts.
systemctl restart orgtokend.service
is "$(become)" acme-deploy "after a restart"
kill -KILL "$(main_pid)"
is "$(become)" acme-deploy "after a crash: the next request starts it"
field() { sed -n "s/.*\"$1\": \([0-9]*\).*/\1/p" "$work/asked"; }
echo "acme-deploy $key" >"$work/tokens"
"$builddir/tests/attack/ask" /run/orgtoken/verify.sock "$work/tokens" 600000 >"$work/asked" &
asking=$!
# One while it starts, the next once it has answered, and so on; each of them is another process.
procs=/sys/fs/cgroup/system.slice/orgtokend.service/cgroup.procs crashes=0 last='' began=$SECONDS
while [ $crashes -lt 100 ] && [ $((SECONDS - began)) -lt 300 ]; do
        pid='' name=''
        [ $((crashes % 2)) = 0 ] || orgtoken status >/dev/null 2>&1
        { read -r pid <"$procs"; } 2>/dev/null
        if [ -n "$pid" ] && [ "$pid" != "$last" ] && { read -r name <"/proc/$pid/comm"; } 2>/dev/null &&
                [ "$name" = orgtokend ] && kill -KILL "$pid"; then
                crashes=$((crashes + 1)) last=$pid
        fi
        sleep 0.002
done
is "$crashes" 100 "it is killed a hundred times, each time another process"
diag "that took $((SECONDS - began)) s"
is "$(systemctl is-active orgtokend-verify.socket) $(systemctl is-active orgtokend-manage.socket)" "active active" \
        "leave the sockets listening"
kill $asking
wait $asking
diag "verifications meanwhile: $(cat "$work/asked")"
is "$(field other)" 0 "nobody was told anything but yes, or that there is no answer now"
[ "$(field allowed)" -gt 0 ]
ok $? "and some were told yes"
is "$(become)" acme-deploy "and the next login works"

"$builddir/tests/attack/ask" /run/orgtoken/verify.sock "$work/tokens" 4000 >"$work/asked" &
asking=$!
(for _ in $(seq 12); do
        sleep 0.3
        systemctl restart orgtokend.service
done) &
restarting=$!
lost=0 commands=0
while kill -0 $restarting 2>/dev/null; do
        orgtoken status >/dev/null 2>&1 || lost=$((lost + 1))
        commands=$((commands + 1))
done
wait $asking $restarting
is "$lost" 0 "twelve restarts under load lose no command ($commands)"
is "$(field asked) $(field unavailable)" "$(field allowed) 0" "and no verification ($(field asked))"

# The watchdog, sooner than the shipped one bites.
is "$(systemctl show -P WatchdogUSec orgtokend.service)" 30s "the watchdog bites after half a minute"
printf '[Service]\nWatchdogSec=3\n' >/etc/systemd/system/orgtokend.service.d/watchdog.conf
systemctl daemon-reload
systemctl restart orgtokend.service
before=$(main_pid)
kill -STOP "$before"
replaced() {
        pid=$(main_pid)
        [ "$pid" != "$before" ] && [ "$pid" != 0 ]
}
succeeds "the watchdog ends a daemon that hangs, and it starts again" host_wait replaced
host_wait 'orgtoken status'
is "$(become)" acme-deploy "after the watchdog"
contains "$(journalctl --no-pager -o cat -u orgtokend.service)" "Watchdog timeout" "(it was the watchdog)"
rm /etc/systemd/system/orgtokend.service.d/watchdog.conf
systemctl daemon-reload
systemctl restart orgtokend.service

# The host key as a credential.
systemctl stop orgtokend.service
mkdir -p /etc/credstore
install -m 0600 /var/lib/orgtoken/key /etc/credstore/orgtoken.key
mkdir -p /etc/systemd/system/orgtokend.service.d
printf '[Service]\nLoadCredential=orgtoken.key:/etc/credstore/orgtoken.key\n' >/etc/systemd/system/orgtokend.service.d/key.conf
rm /var/lib/orgtoken/key
systemctl daemon-reload
is "$(become)" acme-deploy "the host key as a systemd credential, and no file"
systemctl stop orgtokend.service
rm -r /etc/systemd/system/orgtokend.service.d
if systemd-creds encrypt --with-key=host --name=orgtoken.key /etc/credstore/orgtoken.key \
        /etc/credstore.encrypted/orgtoken.key 2>"$work/creds" ||
        { mkdir -p /etc/credstore.encrypted && systemd-creds encrypt --with-key=host --name=orgtoken.key \
                /etc/credstore/orgtoken.key /etc/credstore.encrypted/orgtoken.key 2>"$work/creds"; }; then
        mv /etc/credstore/orgtoken.key "$work/key"
        systemctl daemon-reload
        is "$(become)" acme-deploy "the host key as an encrypted credential, where the unit looks by itself"
else
        ok 1 "systemd-creds encrypts the host key"
        diag "$(cat "$work/creds")"
fi
systemctl stop orgtokend.service
rm -f /etc/credstore.encrypted/orgtoken.key
is "$(become)" "" "a store without its key opens nothing"
contains "$(journalctl --no-pager -u orgtokend.service -n 20)" "key" "and the journal says why"
[ ! -e /var/lib/orgtoken/key ]
ok $? "no new key was made beside the store"
install -m 0600 -o orgtoken -g orgtoken "$work/key" /var/lib/orgtoken/key
systemctl restart orgtokend.service
is "$(become)" acme-deploy "with its key again, it does"

# A denied call ends the daemon with SIGSYS, which the journal tells: shown with a filter that takes one away.
denied() {
        journalctl --sync >/dev/null 2>&1
        journalctl --no-pager -o cat -u orgtokend.service | grep -c 'status=31/SYS'
}
is "$(denied)" 0 "no system call was denied"
is "$(systemctl is-failed orgtokend.service)" active "the unit never failed for good"
mkdir -p /etc/systemd/system/orgtokend.service.d
printf '[Service]\nSystemCallFilter=~fdatasync fsync\n' >/etc/systemd/system/orgtokend.service.d/filter.conf
systemctl daemon-reload
systemctl restart orgtokend.service
orgtoken org create denied >/dev/null 2>&1
[ "$(denied)" -gt 0 ]
ok $? "(one that is denied would be seen)"
rm /etc/systemd/system/orgtokend.service.d/filter.conf
systemctl daemon-reload
systemctl restart orgtokend.service
is "$(become)" acme-deploy "in its own sandbox it goes on"
tap_done
