# shellcheck shell=bash
# alice holds a token of acme's and wants to be globex-deploy. sudoers lets her become either, as sudoers does that
# knows nothing of organisations. What doc/ELEVATION.md says does not hold is shown here not to hold, so that the day on
# which it does is seen too; what closes it is shown beside it, or in test_elevation_plugin.sh.
# shellcheck source=tests/support/tap.sh
. "$top_srcdir/tests/support/tap.sh"
# shellcheck source=tests/support/host.sh
. "$top_srcdir/tests/support/host.sh"
# shellcheck source=tests/support/elevation.sh
. "$top_srcdir/tests/support/elevation.sh"

host_install || exit 1
# Where sudo -e puts its copies.
mount -t tmpfs -o mode=1777 tmpfs /var/tmp
for service in sudo sudo-i su; do host_pam_lines $service; done
elevation_world || exit 1
by="by ${alice:0:10} of alice"
echo "globex's secret" >/home/globex-deploy/secret
chmod 0600 /home/globex-deploy/secret
chown globex-deploy: /home/globex-deploy/secret
uid=$(id -u globex-deploy)
ticket="Defaults timestamp_type=global"
rule='ALL=(acme-deploy,globex-deploy,globex-twin,alice : acme-deploy,globex-deploy) SETENV: ALL'

# armed: alice has a ticket of sudo's, for all terminals, and a grant for acme.
armed() {
        forget || exit 1
        opened "in as acme-deploy for acme $by" "(armed: a ticket, and a grant for acme)" \
                typed alice "$alice@acme" sudo -u acme-deploy "$who"
}

# --- the session line alone --------------------------------------------------------------------------------------
sudoers "$ticket" "alice $rule" || exit 1
armed
refused "the ticket" as alice sudo -n -u globex-deploy "$who"
refused "by uid" as alice sudo -n -u "#$uid" "$who"
refused "sudo -i" as alice sudo -n -i -u globex-deploy "$who"
refused "sudo -s" as alice sudo -n -s -u globex-deploy "$who"
refused "with a group of acme's" as alice sudo -n -u globex-deploy -g acme-deploy "$who"
refused "in the background" as alice sh -c "sudo -n -b -u globex-deploy $who && sleep 0.5 && false"
refused "with ORGTOKEN_ORG set by sudo" as alice sudo -n -u globex-deploy ORGTOKEN_ORG=globex ORGTOKEN_USER=carol "$who"
refused "with ORGTOKEN_ORG in the environment" as alice ORGTOKEN_ORG=globex ORGTOKEN_USER=carol ORGTOKEN_KEY_ID="${carol:0:10}" \
        sudo -n -E -u globex-deploy "$who"
refused "with USER and LOGNAME set to somebody's who may" as alice USER=carol LOGNAME=carol SUDO_USER=carol SUDO_UID=0 PAM_RUSER=carol \
        sudo -n -u globex-deploy "$who"
refused "with another socket in the environment" as alice ORGTOKEN_SOCKET=/tmp/x ORGTOKEN_VERIFY_SOCKET=/tmp/x sudo -n -u globex-deploy "$who"
refused "the token again, with globex behind it" typed alice "$alice@globex" sudo -k -u globex-deploy "$who"
sudoers "$ticket" "alice $rule" "acme-deploy ALL=(globex-deploy) NOPASSWD: ALL" || exit 1
armed
refused "by way of acme's account: sudo" as alice sudo -n -u acme-deploy sudo -n -u globex-deploy "$who"
refused "by way of acme's account: su, with her token" \
        on_tty alice -a 'assword: ' "$alice@acme" -- sudo -n -u acme-deploy su globex-deploy -c "$who"
refused "by way of acme's account: su, with globex behind the token" \
        on_tty alice -a 'assword: ' "$alice@globex" -- sudo -n -u acme-deploy su globex-deploy -c "$who"
refused "su, with USER and LOGNAME of somebody's who may" \
        on_tty alice -a 'assword: ' "$alice" -- env USER=carol LOGNAME=carol PAM_RUSER=carol su globex-deploy -c "$who"
refused "su -p" on_tty alice -a 'assword: ' "$alice" -- env ORGTOKEN_ORG=globex su -p globex-deploy -c "$who"
refused "su, with another's token that was found" typed alice "$carol" su globex-deploy -c "$who"
refused "sudo, with another's token that was found" typed alice "$carol@globex" sudo -k -u globex-deploy "$who"
opened "in as globex-deploy for globex by ${globex_key:0:9} of " "(a key is nobody's in person: who has globex's key is in)" \
        typed alice "$globex_key" su globex-deploy -c "$who"
refused "and sudo takes none, since it asks for the caller" typed alice "$globex_key" sudo -k -u acme-deploy "$who"

# What only looks like a proof.
forget || exit 1
sudoers "alice ALL=(acme-deploy,globex-deploy) NOPASSWD: ALL" || exit 1
for service in dovecot nginx postgresql vsftpd cron sshd polkit-1 login runuser; do cp /etc/pam.d/su /etc/pam.d/$service; done
sed -i /pam_rootok/d /etc/pam.d/dovecot /etc/pam.d/nginx /etc/pam.d/postgresql /etc/pam.d/vsftpd /etc/pam.d/sshd /etc/pam.d/polkit-1 /etc/pam.d/cron
cp /etc/pam.d/cron /etc/pam.d/login
a=$(id -u alice)
ask() {
        local secret=$1
        shift
        printf '%s\n' "$secret" | "$pamask" "$@"
}
succeeds "an IMAP server's verification (the user is the actor)" ask "$alice@acme" dovecot alice ruser=alice rhost=127.0.0.1 auth account
succeeds "a web server's worker" ask "$alice@acme" nginx alice rhost=127.0.0.1 auth account
succeeds "PostgreSQL" ask "$alice@acme" postgresql alice auth account
succeeds "vsftpd, of alice's real uid" ask "$alice@acme" vsftpd alice ruser=alice uid="$a" auth account
succeeds "sshd" ask "$alice@acme" sshd alice rhost=127.0.0.1 tty=ssh auth account
succeeds "a polkit helper" ask "$alice@acme" polkit-1 alice ruser=alice uid="$a" auth account
succeeds "login" ask "$alice@acme" login alice auth account
cp /etc/pam.d/cron /etc/pam.d/asudo
succeeds "a service whose name only begins like sudo" ask "$alice@acme" asudo alice ruser=alice uid="$a" auth account
succeeds "sudo's name, but with an address" ask "$alice@acme" sudo alice ruser=alice uid="$a" rhost=127.0.0.1 auth account
succeeds "sudo's name, but a host name" ask "$alice@acme" sudo alice ruser=alice uid="$a" rhost=elsewhere auth account
succeeds "sudo's name, but of a process that is root" ask "$alice@acme" sudo alice ruser=alice auth account
succeeds "sudo's name, but no actor" ask "$alice@acme" sudo alice uid="$a" auth account
useradd -r -G orgtoken-verify www
succeeds "sudo's name, but a process of another user's" setpriv --reuid www --regid www --init-groups \
        sh -c "echo '$alice@acme' | $pamask sudo alice ruser=alice auth"
is "$(grants)" 0 "none of these makes a grant"
refused "so that NOPASSWD opens nothing" as alice sudo -u acme-deploy "$who"
succeeds "sudo's name, of alice's real uid and as root" ask "$alice@acme" sudo alice ruser=alice uid="$a" auth account
is "$(grants)" 1 "does make one"
succeeds "it is alice's" ask '' sudo alice ruser=alice uid="$a" target=acme-deploy session
fails "not that of who calls himself alice" ask '' sudo alice ruser=alice uid="$(id -u bob)" target=acme-deploy session
fails "nor of alice calling herself bob" ask '' sudo alice ruser=bob uid="$a" target=acme-deploy session
fails "nor for globex" ask '' sudo alice ruser=alice uid="$a" target=globex-deploy session
fails "nor by the name of root, of a process that is not" ask '' sudo alice ruser=root uid="$a" target=globex-deploy session
fails "nor for who may ask the daemon, but is not root" setpriv --reuid www --regid www --init-groups \
        "$pamask" sudo alice ruser=alice target=acme-deploy session
succeeds "sudo -e has real uid 0 at the session, where it is not compared" ask '' sudo alice ruser=alice target=acme-deploy session

# The same names with something else behind them.
usermod -u 5555 alice
refused "the grant of an alice with another uid" as alice sudo -u acme-deploy "$who"
fails "nor does her token, until root says so" typed alice "$alice@acme" sudo -k -u acme-deploy "$who"
usermod -u "$a" alice
opened "in as acme-deploy for acme $by" "(and with the old one)" as alice sudo -u acme-deploy "$who"
quiet() { "$@" >/dev/null 2>&1; }
quiet orgtoken org create initech
quiet orgtoken member add initech alice
host_user initech-deploy
quiet orgtoken account bind initech initech-deploy
sudoers "alice ALL=(acme-deploy,globex-deploy,initech-deploy) NOPASSWD: ALL" "alice ALL=(alice) PASSWD: ALL" || exit 1
refused "an org that alice is in too, without a word of hers about it" as alice sudo -u initech-deploy "$who"
ask "$alice@initech" sudo alice ruser=alice uid="$a" auth >/dev/null
opened "in as initech-deploy for initech $by" "and with it" as alice sudo -u initech-deploy "$who"
quiet orgtoken account unbind initech initech-deploy
quiet orgtoken org delete initech
quiet orgtoken org create initech
quiet orgtoken member add initech alice
quiet orgtoken account bind initech initech-deploy
refused "an org of the name of a deleted one has nothing of its grants" as alice sudo -u initech-deploy "$who"
host_user shared
quiet orgtoken account bind acme shared --service su
quiet orgtoken account bind globex shared --service sudo
sudoers "alice ALL=(acme-deploy,shared) NOPASSWD: ALL" || exit 1
opened "in as shared for acme $by" "an account of two orgs: acme's for su" typed alice "$alice" su shared -c "$who"
refused "is globex's for sudo" as alice sudo -u shared "$who"
refused "and nobody's for su -" typed alice "$alice" su - shared -c "$who"

# --- what the session line does not cover ------------------------------------------------------------------------
sudoers "$ticket" "alice $rule" || exit 1
armed
refused "sudo -e: the editor is not started" as alice SUDO_EDITOR=/bin/cat sudo -n -e -u globex-deploy /home/globex-deploy/secret
# Its copy is there by then, is alice's to read, and stays.
is "$(as alice sh -c 'cat /var/tmp/secret.*')" "globex's secret" "NOT HELD by the session line: sudo -e, the copy made for the editor"
rm -f /var/tmp/secret.*
is "$(as alice sudo -n -g globex-deploy id -gn 2>&1)" globex-deploy "NOT HELD by the session line: sudo -g"
is "$(as alice sudo -n -u acme-deploy -g globex-deploy id -gn 2>&1)" globex-deploy "NOT HELD by the session line: sudo -u acme's -g globex's"
fails "a uid with two names cannot be bound" sh -c "useradd -o -u $(id -u acme-admin) -M acme-twin && orgtoken account bind acme acme-twin"
userdel acme-twin 2>/dev/null
useradd -o -u "$uid" -M -d /home/globex-deploy globex-twin
out=$(as alice sudo -n -u globex-twin cat /home/globex-deploy/secret 2>&1)
is "$out" "globex's secret" "NOT HELD by the session line: a second name for the uid"
refused "(su to the second name is held: nobody is asked for a token for it)" typed alice "$alice@acme" su globex-twin -c "$who"
sudoers "$ticket" "Defaults !pam_session" "alice $rule" || exit 1
typed alice "$alice@acme" sudo -v >/dev/null 2>&1
is "$(as alice sudo -n -u globex-deploy cat /home/globex-deploy/secret 2>&1)" "globex's secret" "NOT HELD by the session line: !pam_session"
sudoers "$ticket" "alice $rule" || exit 1
cp /etc/pam.d/sudo "$work/pam-sudo"
sed -i 's/^session required pam_orgtoken/session optional pam_orgtoken/' /etc/pam.d/sudo
typed alice "$alice@acme" sudo -v >/dev/null 2>&1
is "$(as alice sudo -n -u globex-deploy cat /home/globex-deploy/secret 2>&1)" "globex's secret" "NOT HELD: a session line that is optional"
cp "$work/pam-sudo" /etc/pam.d/sudo

# --- targetpw ----------------------------------------------------------------------------------------------------
orgtoken sudoers >"$work/dropin"
install -m 0440 "$work/dropin" /etc/sudoers.d/orgtoken
cases() {
        forget || exit 1
        opened "in as acme-deploy for acme $by" "$1: (armed for acme)" typed alice "$alice" sudo -u acme-deploy "$who"
        refused "$1: the ticket" as alice sudo -n -u globex-deploy "$who"
        refused "$1: sudo -i" as alice sudo -n -i -u globex-deploy "$who"
        refused "$1: names in the environment" as alice ORGTOKEN_ORG=globex USER=carol LOGNAME=carol SUDO_USER=carol \
                sudo -n -u globex-deploy "$who"
        refused "$1: by way of acme's account, which sudoers allows all" as alice sudo -n -u acme-deploy sudo -n -u globex-deploy "$who"
        refused "$1: the token" typed alice "$alice" sudo -u globex-deploy "$who"
        refused "$1: the token with acme behind it" typed alice "$alice@acme" sudo -u globex-deploy "$who"
        out=$(on_tty alice -a 'assword.*: ' "$alice@acme" -- env SUDO_EDITOR=/bin/cat sudo -e -u globex-deploy /home/globex-deploy/secret 2>&1)
        lacks "$out" "globex's secret" "$1: sudo -e"
        is "$(find /var/tmp -name 'secret.*')" "" "$1: sudo -e leaves no copy"
}
cases targetpw
sudoers "$ticket" "Defaults !pam_session" "alice $rule" || exit 1
cases "targetpw, !pam_session"
sed -i 's/^session required pam_orgtoken/session optional pam_orgtoken/' /etc/pam.d/sudo
sudoers "$ticket" "alice $rule" || exit 1
cases "targetpw, no session line"
sudo_forget
opened "in as globex-deploy for  by  of " "NOT HELD by targetpw without a session line: the account's own password" \
        typed alice globex-deploys-password sudo -k -u globex-deploy "$who"
cp "$work/pam-sudo" /etc/pam.d/sudo
sed -i.bak '/^session required pam_orgtoken/d' /etc/pam.d/su
opened "in as globex-deploy for  by  of " "NOT HELD by su without a session line: the account's own password" \
        typed alice globex-deploys-password su globex-deploy -c "$who"
mv /etc/pam.d/su.bak /etc/pam.d/su
typed alice "$alice@acme" sudo -u globex-twin true >/dev/null 2>&1
is "$(as alice sudo -n -u globex-twin cat /home/globex-deploy/secret 2>&1)" "globex's secret" "NOT HELD by targetpw: a second name for the uid"
is "$(as alice sudo -n -u acme-deploy -g globex-deploy id -gn 2>&1)" globex-deploy "NOT HELD by targetpw: sudo -g"
sudoers "$ticket" "Defaults>globex-twin targetpw" "alice ALL=(acme-deploy,globex-deploy,globex-twin) ALL" || exit 1
refused "targetpw for the second name too holds it" typed alice "$alice@acme" sudo -u globex-twin "$who"
typed alice "$alice" sudo -u acme-deploy true >/dev/null 2>&1
refused "a rule that gives no groups holds sudo -g" as alice sudo -n -g globex-deploy "$who"
refused "and sudo -u -g" as alice sudo -n -u acme-deploy -g globex-deploy "$who"

tap_done
