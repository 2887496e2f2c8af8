# shellcheck shell=bash
# Stock sudo with the approval plugin, and no session line: before each command it asks by uid and gid whether the
# caller may. What the session line cannot hold (test_elevation_attack.sh) is held here.
# shellcheck source=tests/support/tap.sh
. "$top_srcdir/tests/support/tap.sh"
# shellcheck source=tests/support/host.sh
. "$top_srcdir/tests/support/host.sh"
# shellcheck source=tests/support/elevation.sh
. "$top_srcdir/tests/support/elevation.sh"

host_install || exit 1
plugin=$(find /usr/lib* /usr/libexec -path '*sudo/orgtoken_sudo.so' 2>/dev/null | head -n 1)
if [ -z "$plugin" ]; then
        echo "1..0 # SKIP built without sudo's header"
        exit 0
fi
is "$(find "$(dirname "$plugin")" -name '*.la')" "" "make install leaves no .la beside the plugin"
mount -t tmpfs -o mode=1777 tmpfs /var/tmp
for service in sudo sudo-i; do
        host_pam_lines $service
        sed -i '/^session required pam_orgtoken/d' /etc/pam.d/$service
done
plugin_lines() { printf '%s\n' "$@" >/etc/sudo.conf; }
use="Plugin orgtoken_approval $plugin"
plugin_lines "$use"
elevation_world || exit 1
by="by ${alice:0:10} of alice"
for org in acme globex; do
        echo "$org's secret" >/home/$org-deploy/secret
        chmod 0600 /home/$org-deploy/secret
        chown $org-deploy: /home/$org-deploy/secret
done
useradd -o -u "$(id -u globex-deploy)" -M -d /home/globex-deploy globex-twin
printf '#!/bin/sh\ncat "$@"\n' >"$work/editor"
chmod 0755 "$work/editor"
ticket="Defaults timestamp_type=global"
rule='ALL=(acme-deploy,acme-admin,globex-deploy,globex-twin,bob,alice : acme-deploy,globex-deploy,bob) ALL'
nopasswd="${rule/) ALL/) NOPASSWD: ALL}"

# The account runs a command, whether it has anything of orgtoken's in its environment or not.
user() { echo "in as $1"; }
cat >"$work/id" <<'ID'
#!/bin/sh
echo "in as $(id -un)"
ID
chmod 0755 "$work/id"
id=$work/id

sudoers "$ticket" "alice $rule" "carol $rule" || exit 1
opened "$(user acme-deploy)" "a token with @acme opens acme's account" \
        typed alice "$alice@acme" sudo -u acme-deploy "$id"
opened "$(user acme-deploy)" "and again within the ticket" as alice sudo -n -u acme-deploy "$id"
opened "$(user acme-deploy)" "sudo -i" as alice sudo -n -i -u acme-deploy "$id"
opened "$(user acme-deploy)" "sudo -s" as alice sudo -n -s -u acme-deploy "$id"
opened "acme's secret" "sudo -e" as alice SUDO_EDITOR="$work/editor" sh -c \
        'sudo -n -e -u acme-deploy /home/acme-deploy/secret 2>/dev/null'
is "$(as alice sudo -n -g acme-deploy id -gn 2>&1)" acme-deploy "sudo -g"
opened "$(user bob)" "an account of nobody's" as alice sudo -n -u bob "$id"
is "$(as alice sudo -n -g bob id -gn 2>&1)" bob "a group of nobody's"
opened "$(user alice)" "herself" as alice sudo -n -u alice "$id"
is "$(sudo -u globex-deploy "$id" 2>&1)" "$(user globex-deploy)" "root"
succeeds "sudo -l asks nothing" as alice sudo -n -l
succeeds "sudo -v asks nothing" as alice sudo -n -v
succeeds "sudo -V names the plugin's version without harm" sudo -V

held() {
        local set=$1
        refused "$set: globex's account" as alice sudo -n -u globex-deploy "$id"
        refused "$set: by uid" as alice sudo -n -u "#$(id -u globex-deploy)" "$id"
        refused "$set: sudo -i" as alice sudo -n -i -u globex-deploy "$who"
        refused "$set: sudo -s" as alice sudo -n -s -u globex-deploy "$who"
        refused "$set: sudo -e" as alice SUDO_EDITOR="$work/editor" sudo -n -e -u globex-deploy /home/globex-deploy/secret
        is "$(find /var/tmp -name 'secret*')" "" "$set: sudo -e leaves no copy"
        refused "$set: sudo -g" as alice sudo -n -g globex-deploy "$id"
        refused "$set: sudo -u acme's -g globex's" as alice sudo -n -u acme-deploy -g globex-deploy "$id"
        refused "$set: a second name for the uid" as alice sudo -n -u globex-twin "$id"
        refused "$set: names in the environment" as alice ORGTOKEN_ORG=globex USER=carol LOGNAME=carol SUDO_USER=carol \
                sudo -n -u globex-deploy "$id"
        refused "$set: by way of acme's account" as alice sudo -n -u acme-deploy sudo -n -u globex-deploy "$id"
        refused "$set: acme's account for admins" as alice sudo -n -u acme-admin "$id"
}
held "ticket"
# acme's account may use sudo for everything here, so that nothing else refuses it.
sudoers "$ticket" "Defaults !pam_session" "alice $nopasswd" "acme-deploy $nopasswd" || exit 1
held "NOPASSWD, !pam_session"
opened "$(user acme-deploy)" "NOPASSWD, !pam_session: acme's account" as alice sudo -n -u acme-deploy "$id"
contains "$(as alice sudo -n -u globex-deploy true 2>&1)" "may not act as globex" "and says why"
forget || exit 1
refused "NOPASSWD: no token was ever given" as alice sudo -n -u acme-deploy "$id"
sudoers "$ticket" "alice $rule" "carol $rule" || exit 1
refused "a password opens no guarded account" typed alice alices-password sudo -u acme-deploy "$id"
opened "$(user bob)" "and others, as ever" as alice sudo -n -u bob "$id"

# What ends it stops the next command.
forget || exit 1
sudoers "alice $rule" || exit 1
all_endings plugin
new_token
forget || exit 1
out=$(on_tty alice -a 'assword.*: ' "$alice@acme" -x 'first over' "orgtoken pat revoke ${alice:0:10}" -- sh -c "
        sudo -u acme-deploy $who
        echo first over; read x
        echo after: \$(sudo -n -u acme-deploy $who 2>&1)" 2>/dev/null)
contains "$out" "in as acme-deploy for acme $by" "before the revocation"
contains "$out" "after: orgtoken: alice may not act as acme-deploy" "after it, the next command is refused"
new_token
sudoers "$ticket" "alice $rule" || exit 1

# A grant's life, within a ticket that outlives it.
typed alice "$alice@acme" sudo -v >/dev/null 2>&1
age 600
opened "$(user acme-deploy)" "after ten minutes and a restart of the daemon" as alice sudo -n -u acme-deploy "$id"
age 900
refused "not a quarter of an hour after its last use" as alice sudo -n -u acme-deploy "$id"
typed alice "$alice@acme" sudo -k -v >/dev/null 2>&1
typed alice "$alice@acme" sudo -v >/dev/null 2>&1
age 28800 first_at
refused "over after eight hours" as alice sudo -n -u acme-deploy "$id"
sudo_forget

# Bound for one of sudo's two services.
orgtoken account bind acme acme-deploy --service sudo-i >/dev/null 2>&1
sudo_forget
typed alice "$alice@acme" sudo -v >/dev/null 2>&1
refused "an account bound for sudo-i, by sudo" as alice sudo -n -u acme-deploy "$id"
opened "$(user acme-deploy)" "and by sudo -i" as alice sudo -n -i -u acme-deploy "$id"
orgtoken account bind acme acme-deploy >/dev/null 2>&1

# With targetpw and the session line beside it.
host_sessions() { for service in sudo sudo-i; do echo "session required pam_orgtoken.so" >>/etc/pam.d/$service; done; }
host_sessions
orgtoken sudoers >"$work/dropin"
install -m 0440 "$work/dropin" /etc/sudoers.d/orgtoken
forget || exit 1
opened "in as acme-deploy for acme by ${alice:0:10} of alice" "all three together" typed alice "$alice" sudo -u acme-deploy "$who"
opened "in as acme-deploy for acme by ${acme_key:0:9} of " "and with a key" typed alice "$acme_key" sudo -k -u acme-deploy "$who"
refused "all three: sudo -g" as alice sudo -n -g globex-deploy "$id"
refused "all three: a second name for the uid" typed alice "$alice@acme" sudo -u globex-twin "$id"
rm /etc/sudoers.d/orgtoken

# Nobody to ask, or nobody who may answer.
sudoers "$ticket" "alice $nopasswd" || exit 1
host_daemon_stop
out=$(as alice sudo -n -u bob true 2>&1) && out="$out: it ran"
contains "$out" "nobody can say now" "with the daemon stopped nobody is let through who would have to be asked about"
is "$(sudo -u globex-deploy "$id" 2>&1)" "$(user globex-deploy)" "and root is"
host_daemon_start || exit 1
as bob python3 -c '
import os, socket, sys, time
s = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
s.bind("/var/tmp/verify.sock"); os.chmod("/var/tmp/verify.sock", 0o666); s.listen(5); time.sleep(30)' &
liar=$!
host_wait 'test -S /var/tmp/verify.sock'
plugin_lines "$use socket=/var/tmp/verify.sock"
refused "a socket that somebody else listens on" as alice sudo -n -u acme-deploy "$id"
kill $liar
plugin_lines "$use socket=/run/orgtoken/verify.sock timeout=500"
typed alice "$alice@acme" sudo -k -u alice true >/dev/null 2>&1
printf '%s\n' "$alice@acme" | "$pamask" sudo alice ruser=alice uid="$(id -u alice)" auth >/dev/null
opened "$(user acme-deploy)" "its options are read" as alice sudo -n -u acme-deploy "$id"
kill -STOP "$daemon_pid"
began=$(date +%s%N)
refused "a daemon that does not answer" as alice sudo -n -u acme-deploy "$id"
[ $((($(date +%s%N) - began) / 1000000)) -lt 2500 ]
ok $? "is waited for as long as timeout= says"
kill -CONT "$daemon_pid"
for wrong in socket=relative timeout=0 timeout=x nonsense; do
        plugin_lines "$use $wrong"
        refused "an option that is none: $wrong" as alice sudo -n -u bob "$id"
done
tap_done
