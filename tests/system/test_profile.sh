# shellcheck shell=bash
# The pam-auth-update profile as an administrator gets it: written into common-* by pam-auth-update itself, on top
# of what Debian ships, and beside other profiles. No service file is touched.
# shellcheck source=tests/support/tap.sh
. "$top_srcdir/tests/support/tap.sh"
# shellcheck source=tests/support/host.sh
. "$top_srcdir/tests/support/host.sh"
# shellcheck source=tests/support/elevation.sh
. "$top_srcdir/tests/support/elevation.sh"

common='common-auth common-account common-session common-session-noninteractive common-password'
stacks() { (cd /etc/pam.d && for f in $common; do echo "== $f" && grep -v '^#' "$f"; done); }

# A module that keeps what it is given to check, as the profile of another directory service.
spied=$work/spied
install -m 0755 /dev/stdin "$work/spy" <<SPY
#!/bin/sh
cat >>$spied
echo >>$spied
exit 1
SPY
# spy_profile PRIORITY: that module in a primary block of this priority.
spy_profile() {
        cat >/usr/share/pam-configs/orgtoken-spy <<SPY
Name: spy
Default: no
Priority: $1
Auth-Type: Primary
Auth:
	[success=end default=ignore] pam_exec.so quiet expose_authtok $work/spy
Auth-Initial:
	[success=end default=ignore] pam_exec.so quiet expose_authtok $work/spy
SPY
        pam-auth-update --enable orgtoken-spy
}

host_install || exit 1
host_user alice 'correct horse'
host_user bob staple
host_user acme-deploy
before=$(stacks)
succeeds "pam-auth-update turns it on" pam-auth-update --enable orgtoken
contains "$(stacks)" "[success=2 user_unknown=ignore default=die]	pam_orgtoken.so" \
        "and counts the lines to jump over"
rm -rf /etc/sudoers.d/*
# shellcheck disable=SC2154 # of elevation.sh
cat >/etc/sudoers.d/orgtoken <<SUDOERS
Defaults timestamp_timeout=0, passwd_tries=1
Defaults>acme-deploy targetpw
alice ALL=(ALL) ALL
bob ALL=(ALL) NOPASSWD: ALL
SUDOERS
chmod 0440 /etc/sudoers.d/orgtoken
host_daemon_start || exit 1
host_sshd_start "PasswordAuthentication yes" "KbdInteractiveAuthentication yes" || exit 1
orgtoken org create acme >/dev/null
orgtoken member add acme alice >/dev/null
orgtoken account bind acme acme-deploy >/dev/null
key=$(orgtoken key create acme --name ci 2>/dev/null)
pat=$(as alice orgtoken pat create --name laptop 2>/dev/null)
gone=$(orgtoken key create acme --name gone 2>/dev/null)
orgtoken key revoke "${gone:0:9}" >/dev/null

# over_ssh WORDS METHOD
over_ssh() {
        local how="$1, $2" method=$2
        is "$(ssh_login 'correct horse' "$method" alice id -un)" alice "$how: a password"
        fails "$how: a wrong password" ssh_login wrong "$method" alice true
        is "$(ssh_login "$pat@acme" "$method" alice id -un)" alice "$how: a personal token"
        is "$(ssh_login "$key" "$method" acme-deploy id -un)" acme-deploy "$how: a key"
        fails "$how: a token without its org" ssh_login "$pat" "$method" alice true
        fails "$how: a revoked key" ssh_login "$gone" "$method" acme-deploy true
        fails "$how: a key cut short" ssh_login "${key%?}" "$method" acme-deploy true
        fails "$how: somebody else's token" ssh_login "$pat@acme" "$method" bob true
}
over_ssh "alone" password
over_ssh "alone" keyboard-interactive
fails "an empty password" ssh_login '' keyboard-interactive alice true
fails "a user that is not there" ssh_login "$pat@acme" password nobody-here true
opened "in as acme-deploy for acme by ${pat:0:10} of alice" "su, by token" \
        typed alice "$pat" su acme-deploy -c "$who"
opened "in as acme-deploy for acme by ${pat:0:10} of alice" "su -, by token" \
        typed alice "$pat" su - acme-deploy -c "$who"
opened "in as bob for  by  of " "su, by password" typed alice staple su bob -c "$who"
refused "su, by a revoked key" typed alice "$gone" su acme-deploy -c "$who"
refused "su, by a wrong password" typed alice wrong su bob -c "$who"
opened "in as acme-deploy for acme by ${pat:0:10} of alice" "sudo, by token" \
        typed alice "$pat" sudo -u acme-deploy "$who"
opened "in as root for  by  of " "sudo, by password" typed alice 'correct horse' sudo "$who"
refused "sudo, by a wrong password" typed alice wrong sudo "$who"
refused "NOPASSWD does not open a bound account" piped bob '' sudo -n -u acme-deploy "$who"
opened "in as alice for  by  of " "NOPASSWD opens others as before" piped bob '' sudo -n -u alice "$who"
opened "in as alice for  by  of " "runuser" runuser -u alice -- "$who"

exits 0 "orgtoken doctor finds nothing wrong" orgtoken doctor

# What looks at accounts goes on to look.
chage -E 1 alice
fails "an expired account: a token does not open it" ssh_login "$pat@acme" password alice true
fails "nor does its password" ssh_login 'correct horse' password alice true
chage -E -1 alice
chage -E 1 acme-deploy
refused "an expired account is not opened by su" typed alice "$pat" su acme-deploy -c "$who"
chage -E -1 acme-deploy
is "$(ssh_login "$pat@acme" password alice id -un)" alice "(and it was the expiry)"
passwd -q -l alice
fails "a locked password opens nothing" ssh_login 'correct horse' password alice true
is "$(ssh_login "$pat@acme" password alice id -un)" alice \
        "but locking the password ends no token: passwd -l is about the password"
passwd -q -u alice
touch /run/nologin
fails "nologin holds for tokens" ssh_login "$pat@acme" password alice true
rm /run/nologin

# The daemon stopped, and frozen: passwords as before, and no token.
host_daemon_stop
is "$(ssh_login 'correct horse' password alice id -un)" alice "daemon stopped: a password over ssh"
opened "in as root for  by  of " "daemon stopped: a password for sudo" typed alice 'correct horse' sudo "$who"
fails "daemon stopped: a wrong password" ssh_login wrong password alice true
fails "daemon stopped: a token" ssh_login "$pat@acme" password alice true
fails "daemon stopped: a key" ssh_login "$key" keyboard-interactive acme-deploy true
refused "daemon stopped: a token for su" typed alice "$pat" su acme-deploy -c "$who"
refused "daemon stopped: a bound account by NOPASSWD" piped bob '' sudo -n -u acme-deploy "$who"
host_daemon_start || exit 1
kill -STOP "$daemon_pid"
is "$(ssh_login 'correct horse' password alice id -un)" alice "daemon frozen: a password over ssh"
fails "daemon frozen: a token" ssh_login "$pat@acme" password alice true
kill -CONT "$daemon_pid"

# Beside the profile of a directory service, with the priority of Debian's Kerberos, which is asked before pam_unix.
spy_profile 704
contains "$(stacks)" "success=3 user_unknown" "another profile, before pam_unix, is jumped over as well"
: >"$spied"
over_ssh "beside another" password
exits 0 "orgtoken doctor finds nothing wrong beside another" orgtoken doctor
lacks "$(cat "$spied")" "${pat:15:30}" "the other module was given no personal token"
lacks "$(cat "$spied")" "${key:14:30}" "nor a key"
lacks "$(cat "$spied")" "${gone:14:30}" "nor a refused one"
contains "$(cat "$spied")" "correct horse" "(it was asked about passwords)"
pam-auth-update --disable orgtoken-spy

# The module gone while its lines are there: nobody gets in by it, and it is not taken for a yes.
module=$(find /lib /usr/lib -name pam_orgtoken.so | head -n 1)
mv "$module" "$work/module"
fails "without the module: a token" ssh_login "$pat@acme" password alice true
fails "without the module: a wrong password" ssh_login wrong password alice true
mv "$work/module" "$module"
sed -i 's/default=die\]\tpam_orgtoken.so/& orgg=acme/' /etc/pam.d/common-auth
fails "with a mistyped option: a token" ssh_login "$pat@acme" password alice true
fails "with a mistyped option: a wrong password" ssh_login wrong password alice true
sed -i 's/ orgg=acme//' /etc/pam.d/common-auth
is "$(ssh_login "$pat@acme" password alice id -un)" alice "(and back again)"

pam-auth-update --disable orgtoken
is "$(stacks)" "$before" "pam-auth-update turns it off without a trace"
is "$(ssh_login 'correct horse' password alice id -un)" alice "and passwords work"
fails "while tokens do not" ssh_login "$pat@acme" password alice true
host_sshd_stop
host_daemon_stop
tap_done
