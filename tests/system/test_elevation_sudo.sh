# shellcheck shell=bash
# Stock sudo with the documented PAM lines: first with the drop-in that `orgtoken sudoers` prints (targetpw), then
# plain, where sudo asks for a proof of the caller only and the session phase decides about the account.
# shellcheck source=tests/support/tap.sh
. "$top_srcdir/tests/support/tap.sh"
# shellcheck source=tests/support/host.sh
. "$top_srcdir/tests/support/host.sh"
# shellcheck source=tests/support/elevation.sh
. "$top_srcdir/tests/support/elevation.sh"

host_install || exit 1
host_pam_lines sudo
host_pam_lines sudo-i
elevation_world || exit 1
by="by ${alice:0:10} of alice"
in_acme="in as acme-deploy for acme $by"
rule='ALL=(acme-deploy,globex-deploy,acme-admin,bob) ALL'

# --- targetpw: the drop-in ---------------------------------------------------------------------------------------
orgtoken sudoers >"$work/dropin"
succeeds "visudo accepts what orgtoken sudoers prints" visudo -cf "$work/dropin"
is "$(grep -c '^Defaults>' "$work/dropin")" 3 "with a line for each bound account"
is "$(grep '^Defaults>' "$work/dropin" | grep -vc targetpw)" 0 "each of them targetpw"
sudoers "alice $rule" "carol $rule" || exit 1
install -m 0440 "$work/dropin" /etc/sudoers.d/orgtoken
succeeds "visudo accepts the host's sudoers as a whole" visudo -c

opened "$in_acme" "targetpw: a member's token opens the account; the account names the org" \
        typed alice "$alice" sudo -k -u acme-deploy "$who"
opened "$in_acme" "targetpw: with the org behind the token" typed alice "$alice@acme" sudo -k -u acme-deploy "$who"
opened "$in_acme" "targetpw: sudo -S, without a terminal" piped alice "$alice" sudo -k -S -p '' -u acme-deploy "$who"
opened "$in_acme" "targetpw: sudo -i" typed alice "$alice" sudo -k -i -u acme-deploy "$who"
opened "$in_acme" "targetpw: sudo -s" typed alice "$alice" sudo -k -s -u acme-deploy "$who"
opened "$in_acme" "targetpw: the account by its uid" typed alice "$alice" sudo -k -u "#$(id -u acme-deploy)" "$who"
printf '#!/bin/sh\necho "%s"\n' "$alice" >"$work/answer"
chmod 0755 "$work/answer"
opened "$in_acme" "targetpw: sudo -A" as alice SUDO_ASKPASS="$work/answer" setsid -w sudo -k -A -u acme-deploy "$who"
opened "in as acme-deploy for acme by ${acme_key:0:9} of " "targetpw: the org's key" \
        typed alice "$acme_key" sudo -k -u acme-deploy "$who"
contains "$(grep "allowed: alice as acme-deploy for acme by ${alice:0:10} (sudo, /dev/pts/" "$work/daemon.log" | tail -n 1)" \
        "tty=/dev/pts/" "targetpw: one record says who, as whom, for which org, by which token, on which terminal"
refused "targetpw: another org's account" typed alice "$alice" sudo -k -u globex-deploy "$who"
refused "targetpw: with the other org named" typed alice "$alice@globex" sudo -k -u globex-deploy "$who"
refused "targetpw: somebody else's token" typed alice "$carol" sudo -k -u acme-deploy "$who"
refused "targetpw: an account for admins" typed alice "$alice" sudo -k -u acme-admin "$who"
refused "targetpw: the caller's own password" typed alice alices-password sudo -k -u acme-deploy "$who"
refused "targetpw: the account's own password, where no token was given" \
        typed alice globex-deploys-password sudo -k -u globex-deploy "$who"
opened "in as bob for  by  of " "targetpw: other accounts are asked for as before, by the caller's password" \
        typed alice alices-password sudo -k -u bob "$who"

# Tickets, one for each account. One terminal, so that there are any.
forget || exit 1
out=$(on_tty alice -a 'assword.*: ' "$alice" -x 'first over' "orgtoken pat revoke ${alice:0:10}" -- sh -c "
        sudo -u acme-deploy $who
        echo again: \$(sudo -n -u acme-deploy $who 2>&1)
        echo other: \$(sudo -n -u globex-deploy $who 2>&1)
        echo root: \$(sudo -n -u bob $who 2>&1)
        echo first over; read x
        echo revoked: \$(sudo -n -u acme-deploy $who 2>&1)" 2>&1)
contains "$out" "again: $in_acme" "targetpw: within the ticket no token is asked for"
contains "$out" "other: sudo: a password is required" "targetpw: the ticket is for that one account"
contains "$out" "root: sudo: a password is required" "targetpw: and for nobody else"
contains "$out" "revoked: sudo: " "targetpw: a revocation bites inside the ticket"
lacks "$out" "revoked: in as" "targetpw: and nothing runs"
rm /etc/sudoers.d/orgtoken

# --- plain sudo and the session line -----------------------------------------------------------------------------
new_token
forget || exit 1
opened "$in_acme" "plain: a token with @acme, for acme's account" typed alice "$alice@acme" sudo -k -u acme-deploy "$who"
opened "$in_acme" "plain: sudo -i" typed alice "$alice@acme" sudo -k -i -u acme-deploy "$who"
opened "$in_acme" "plain: sudo -s" typed alice "$alice@acme" sudo -k -s -u acme-deploy "$who"
opened "$in_acme" "plain: sudo -S, without a terminal" piped alice "$alice@acme" sudo -k -S -p '' -u acme-deploy "$who"
opened "$in_acme" "plain: the account by its uid" typed alice "$alice@acme" sudo -k -u "#$(id -u acme-deploy)" "$who"
contains "$(grep "allowed: alice as acme-deploy for acme by ${alice:0:10} (sudo, /dev/pts/" "$work/daemon.log" | tail -n 1)" \
        "actor=alice" "plain: one record says who, as whom, for which org, by which token, on which terminal"
forget || exit 1
out=$(typed alice "$alice" sudo -k -u acme-deploy "$who" 2>&1)
lacks "$out" "in as" "plain: a token that names no org"
lacks "$out" "append @org" "plain: whose caller is told nothing, since sudo has its modules keep silent"
is "$(grants)" 0 "plain: and which makes no grant"
if sudoers "Defaults !pam_silent" "alice $rule" "carol $rule" 2>/dev/null; then
        contains "$(typed alice "$alice" sudo -k -u acme-deploy "$who" 2>&1)" "append @org" "plain: and with !pam_silent is told what to do"
        sudoers "alice $rule" "carol $rule" || exit 1
fi
refused "plain: an org that the caller is not in" typed alice "$alice@globex" sudo -k -u globex-deploy "$who"
refused "plain: acme's proof, globex's account" typed alice "$alice@acme" sudo -k -u globex-deploy "$who"
refused "plain: the same with sudo -i" typed alice "$alice@acme" sudo -k -i -u globex-deploy "$who"
refused "plain: the same with sudo -s" typed alice "$alice@acme" sudo -k -s -u globex-deploy "$who"
refused "plain: an account for admins" typed alice "$alice@acme" sudo -k -u acme-admin "$who"
refused "plain: an org's key, which proves nobody's person" typed alice "$acme_key" sudo -k -u acme-deploy "$who"
opened "in as bob for acme $by" "plain: an account that is not guarded" typed alice "$alice@acme" sudo -k -u bob "$who"
opened "in as globex-deploy for globex by ${carol:0:10} of carol" "plain: who is in both orgs names the one that is meant" \
        typed carol "$carol@globex" sudo -k -u globex-deploy "$who"
refused "plain: and opens no account of the other by it" typed carol "$carol@globex" sudo -k -u acme-deploy "$who"

forget || exit 1
refused "plain: a password login opens no guarded account" typed alice alices-password sudo -k -u acme-deploy "$who"
refused "plain: nor with sudo -i" typed alice alices-password sudo -k -i -u acme-deploy "$who"
opened "in as bob for  by  of " "plain: but others, as ever" typed alice alices-password sudo -k -u bob "$who"
is "$(sudo -u acme-deploy "$who" 2>&1 | tail -n 1)" "in as acme-deploy for  by  of " "plain: sudo by root asks nothing"

# The prompt for the org, where it is asked for.
cp /etc/pam.d/sudo "$work/pam-sudo"
sed -i 's/\(auth .*pam_orgtoken.so\).*/\1 prompt_org/' /etc/pam.d/sudo
opened "$in_acme" "plain, prompt_org: the org is asked for" \
        on_tty alice -a 'assword.*: ' "$alice" -a 'rganization: ' acme -- sudo -k -u acme-deploy "$who"
forget || exit 1
refused "plain, prompt_org: another org than the account's" \
        on_tty alice -a 'assword.*: ' "$alice" -a 'rganization: ' globex -- sudo -k -u acme-deploy "$who"
refused "plain, prompt_org: no answer" on_tty alice -a 'assword.*: ' "$alice" -a 'rganization: ' '' -- sudo -k -u acme-deploy "$who"
cp "$work/pam-sudo" /etc/pam.d/sudo

# That a token ends soon is told at an ssh login, and by no sudo (test_ssh.sh has the first, test_elevation_su.sh su).
soon=$(as alice orgtoken pat create --name soon --expires "@$(($(date +%s) + 5 * 86400 - 3600))" 2>/dev/null)
printf '#!/bin/sh\necho "%s"\n' "$soon@acme" >"$work/answer"
quiet() { # WORDS COMMAND ...
        local words=$1 out
        shift
        out=$("$@" 2>&1)
        contains "$out" "in as acme-deploy for acme by ${soon:0:10} of alice" "ends soon: $words opens the account"
        lacks "$out" "orgtoken:" "ends soon: $words says nothing of it"
}
quiet "sudo" typed alice "$soon@acme" sudo -k -u acme-deploy "$who"
quiet "sudo -i" typed alice "$soon@acme" sudo -k -i -u acme-deploy "$who"
quiet "sudo -S" piped alice "$soon@acme" sudo -k -S -p '' -u acme-deploy "$who"
quiet "sudo -A" as alice SUDO_ASKPASS="$work/answer" setsid -w sudo -k -A -u acme-deploy "$who"
quiet "a ticket" typed alice "$soon@acme" sh -c "sudo -v; sudo -n -u acme-deploy $who"
as alice orgtoken pat revoke "${soon:0:10}" >/dev/null

# sudo's ticket: whom it would let in, and who gets in.
forget || exit 1
out=$(on_tty alice -a 'assword.*: ' "$alice@acme" -- sh -c "
        sudo -u acme-deploy $who
        echo again: \$(sudo -n -u acme-deploy $who 2>&1)
        echo login: \$(sudo -n -i -u acme-deploy $who 2>&1)
        echo shell: \$(sudo -n -s -u acme-deploy $who 2>&1)
        echo other: \$(sudo -n -u globex-deploy $who 2>&1)
        echo otherlogin: \$(sudo -n -i -u globex-deploy $who 2>&1)
        echo othershell: \$(sudo -n -s -u globex-deploy $who 2>&1)
        echo bob: \$(sudo -n -u bob $who 2>&1)")
for word in again login shell; do contains "$out" "$word: $in_acme" "plain, ticket: $word"; done
for word in other otherlogin othershell; do
        contains "$out" "$word: sudo: " "plain, ticket: $word org's account is refused"
        lacks "$out" "$word: in as" "plain, ticket: and nothing runs ($word)"
done
contains "$out" "bob: in as bob" "(plain: the ticket itself is good for every target of sudoers, as stock sudo's is)"

# A ticket from a password.
out=$(on_tty alice -a 'assword.*: ' alices-password -- sh -c "
        sudo -u bob $who
        sudo -k -v </dev/null
        echo guarded: \$(sudo -n -u globex-deploy $who 2>&1)")
lacks "$out" "guarded: in as" "plain, ticket of a password: no guarded account"

# What ends a grant inside a running ticket, with the session line alone and with targetpw before it.
forget || exit 1
all_endings plain
install -m 0440 "$work/dropin" /etc/sudoers.d/orgtoken
all_endings targetpw
rm /etc/sudoers.d/orgtoken
host_daemon_stop
host_daemon_start || exit 1
orgtoken member set acme carol --role admin >/dev/null
orgtoken member set acme alice --role admin >/dev/null
new_token
sudo_forget
out=$(on_tty alice -a 'assword.*: ' "$alice@acme" -x 'first over' "orgtoken member set acme alice --role member" -- sh -c "
        sudo -u acme-admin $who
        echo before: \$(sudo -n -u acme-admin $who 2>&1)
        echo first over; read x
        echo after: \$(sudo -n -u acme-admin $who 2>&1)
        echo member: \$(sudo -n -u acme-deploy $who 2>&1)" 2>/dev/null)
contains "$out" "before: in as acme-admin for acme $by" "plain, ticket: an admin, an account for admins"
contains "$out" "after: sudo: " "plain, ticket: refused after the role was lost"
contains "$out" "member: $in_acme" "plain, ticket: what a member may do goes on"

# NOPASSWD: sudo never asks for a token, so only a grant of a moment ago opens the account.
sudoers "alice ALL=(acme-deploy,globex-deploy) NOPASSWD: ALL" "alice ALL=(bob) ALL" || exit 1
forget || exit 1
refused "NOPASSWD: no token was ever given" as alice sudo -u acme-deploy "$who"
refused "NOPASSWD: nor with sudo -i" as alice sudo -i -u acme-deploy "$who"
opened "in as bob for acme $by" "NOPASSWD: sudo -u bob with the token" typed alice "$alice@acme" sudo -k -u bob "$who"
opened "$in_acme" "NOPASSWD: and now acme's account opens" as alice sudo -u acme-deploy "$who"
opened "$in_acme" "NOPASSWD: with sudo -n -i too" as alice sudo -n -i -u acme-deploy "$who"
refused "NOPASSWD: but not globex's" as alice sudo -u globex-deploy "$who"

install -m 0440 "$work/dropin" /etc/sudoers.d/orgtoken
refused "NOPASSWD, targetpw: which asks nobody: but not globex's" as alice sudo -u globex-deploy "$who"
rm /etc/sudoers.d/orgtoken

# Grants and the daemon's life.
[ "$(grants)" -ge 1 ]
ok $? "orgtoken status counts the grants"
written
host_daemon_stop
refused "NOPASSWD: with the daemon stopped" as alice sudo -u acme-deploy "$who"
opened "in as root for  by  of " "sudo by root to root, with the daemon stopped" sudo "$who"
host_daemon_start || exit 1
opened "$in_acme" "a grant survives a restart of the daemon" as alice sudo -u acme-deploy "$who"
host_daemon_stop KILL
host_daemon_start || exit 1
opened "$in_acme" "and its being killed" as alice sudo -u acme-deploy "$who"
refused "and is no wider after it" as alice sudo -u globex-deploy "$who"
orgtoken pat revoke "${alice:0:10}" >/dev/null
refused "and ends with its token" as alice sudo -u acme-deploy "$who"
host_daemon_stop
host_daemon_start || exit 1
refused "for good" as alice sudo -u acme-deploy "$who"

# A grant's life: a quarter of an hour from its last use, eight hours in all.
new_token
forget || exit 1
opened "in as bob for acme $by" "a grant" typed alice "$alice@acme" sudo -k -u bob "$who"
age 600
opened "$in_acme" "is there after ten minutes" as alice sudo -u acme-deploy "$who"
age 600
opened "$in_acme" "and, since that use renewed it, after twenty" as alice sudo -u acme-deploy "$who"
age 900
refused "but not a quarter of an hour after its last use" as alice sudo -u acme-deploy "$who"
opened "in as bob for acme $by" "another grant" typed alice "$alice@acme" sudo -k -u bob "$who"
age 28800 first_at
refused "is over after eight hours, whatever its uses" as alice sudo -u acme-deploy "$who"

# The same under targetpw, within a ticket that outlives it.
sudoers "Defaults timestamp_type=global" "alice $rule" || exit 1
install -m 0440 "$work/dropin" /etc/sudoers.d/orgtoken
opened "$in_acme" "targetpw: a ticket" typed alice "$alice" sudo -u acme-deploy "$who"
age 600
opened "$in_acme" "targetpw: after ten minutes and a restart of the daemon" as alice sudo -n -u acme-deploy "$who"
age 900
refused "targetpw: not a quarter of an hour after its last use" as alice sudo -n -u acme-deploy "$who"
opened "$in_acme" "targetpw: another grant" typed alice "$alice" sudo -k -u acme-deploy "$who"
typed alice "$alice" sudo -u acme-deploy true >/dev/null 2>&1
age 28800 first_at
refused "targetpw: over after eight hours" as alice sudo -n -u acme-deploy "$who"
rm /etc/sudoers.d/orgtoken

# An expiry inside the ticket.
sudoers "alice $rule" || exit 1
end=$(($(date +%s) + 6))
brief=$(as alice orgtoken pat create --name brief --expires "@$end" 2>/dev/null)
for id in $(orgtoken --json pat list --user alice --state live | grep -o 'pat_[0-9A-Za-z]*'); do
        [ "$id" = "${brief:0:10}" ] || orgtoken pat revoke "$id" >/dev/null 2>&1
done
out=$(on_tty alice -a 'assword.*: ' "$brief@acme" -x 'first over' "while [ \$(date +%s) -le $end ]; do sleep 0.2; done" -- sh -c "
        sudo -u acme-deploy $who
        echo first over; read x
        echo after: \$(sudo -n -u acme-deploy $who 2>&1)" 2>/dev/null)
contains "$out" "in as acme-deploy for acme by ${brief:0:10}" "plain: a token of six seconds"
contains "$out" "after: sudo: " "plain, ticket: refused after its expiry"

host_daemon_stop
lacks "$(cat "$work/daemon.log")" "${alice:11:30}" "no secret in the daemon's output"
tap_done
