# shellcheck shell=bash
# Stock su with the documented PAM lines. The account is PAM_USER and names the org, the caller is PAM_RUSER, so
# the whole decision falls where the token is typed.
# shellcheck source=tests/support/tap.sh
. "$top_srcdir/tests/support/tap.sh"
# shellcheck source=tests/support/host.sh
. "$top_srcdir/tests/support/host.sh"
# shellcheck source=tests/support/elevation.sh
. "$top_srcdir/tests/support/elevation.sh"

host_install || exit 1
host_pam_lines su
elevation_world || exit 1
by="by ${alice:0:10} of alice"

# su -c runs its words in a shell, so it is given a path.
opened "in as acme-deploy for acme $by" "su: a member's token opens the account; the account names the org" \
        typed alice "$alice" su acme-deploy -c "$who"
opened "in as acme-deploy for acme $by" "su -: a login shell likewise" typed alice "$alice" su - acme-deploy -c "$who"
opened "in as acme-deploy for acme $by" "su with the org behind the token" typed alice "$alice@acme" su acme-deploy -c "$who"
opened "in as acme-deploy for acme $by" "su without a terminal" piped alice "$alice" su acme-deploy -c "$who"
opened "in as acme-deploy for acme $by" "su - without a terminal" piped alice "$alice" su - acme-deploy -c "$who"
opened "in as acme-deploy for acme by ${acme_key:0:9} of " "su with the org's key" \
        typed alice "$acme_key" su acme-deploy -c "$who"
opened "in as alice for acme $by" "su to oneself" typed alice "$alice@acme" su alice -c "$who"
out=$(on_tty alice -a 'assword: ' "$alice" -a '\$ ' "$who" -a 'in as [^$]*\$ ' exit -- su - acme-deploy)
contains "$out" "in as acme-deploy for acme $by" "an interactive su - has the environment too"
opened "in as bob for  by  of " "su to an account of nobody's, with its password" \
        typed alice bobs-password su bob -c "$who"

# The record joins who, as whom, for which org, by which token, on which terminal.
record=$(grep "allowed: alice as acme-deploy for acme by ${alice:0:10} (su-l, /dev/pts/" "$work/daemon.log" | head -n 1)
contains "$record" "allowed: alice as acme-deploy" "the record says who, as whom, for which org, by what, and where"

# Who may not.
refused "another org behind the token" typed alice "$alice@globex" su acme-deploy -c "$who"
refused "the account of an org that the caller is not in" typed alice "$alice" su globex-deploy -c "$who"
refused "the same, with her own org named" typed alice "$alice@acme" su globex-deploy -c "$who"
refused "the same, with the other named" typed alice "$alice@globex" su globex-deploy -c "$who"
refused "the same, without a terminal" piped alice "$alice@globex" su - globex-deploy -c "$who"
refused "somebody else's token" typed alice "$carol" su acme-deploy -c "$who"
refused "a key of another org" typed alice "$globex_key" su acme-deploy -c "$who"
refused "somebody else's account of a person" typed alice "$alice@acme" su bob -c "$who"
refused "root, with a token" typed alice "$alice@acme" su root -c "$who"
refused "root, with a key" typed alice "$acme_key" su root -c "$who"
refused "a token cut short" typed alice "${alice%????}" su acme-deploy -c "$who"
refused "a token with one character changed" typed alice "${alice%?}_" su acme-deploy -c "$who"
refused "a token with rubbish behind it" typed alice "$alice@acme@globex" su acme-deploy -c "$who"
refused "an account that wants admins, with a member's token" typed alice "$alice" su acme-admin -c "$who"
refused "an account that wants admins, with a key" typed alice "$acme_key" su acme-admin -c "$who"
orgtoken member set acme alice --role admin >/dev/null 2>&1
opened "in as acme-admin for acme $by" "the same member, made an admin" typed alice "$alice" su acme-admin -c "$who"
orgtoken member add acme bob --role admin >/dev/null 2>&1
orgtoken member set acme alice --role member >/dev/null 2>&1
refused "and a member again" typed alice "$alice" su acme-admin -c "$who"

# A guarded account has no other door for a person: its own password is one that the session refuses.
refused "the account's own password, where no token was given" typed alice globex-deploys-password su globex-deploy -c "$who"
carols=$(typed carol "$carol" su globex-deploy -c "$who")
contains "$carols" "in as globex-deploy for globex" "(carol, who is in both orgs, may with her token)"

# root needs none: it can be anybody.
is "$(su acme-deploy -c "$who" 2>&1 | tail -n 1)" "in as acme-deploy for  by  of " "su by root asks nothing"
refused "from one elevated account to another, with the first one's token" \
        typed acme-deploy "$alice" su globex-deploy -c "$who"
refused "and with a token of somebody who may" typed acme-deploy "$carol" su globex-deploy -c "$who"

# Limits.
as_alice_pat() { as alice orgtoken pat create --name "$1" "${@:2}" 2>/dev/null; }
su_only=$(as_alice_pat su-only --service su)
opened "in as acme-deploy for acme by ${su_only:0:10} of alice" "a token limited to su" typed alice "$su_only" su acme-deploy -c "$who"
refused "is not one for su -, whose service is su-l" typed alice "$su_only" su - acme-deploy -c "$who"
other=$(as_alice_pat other --account acme-admin)
refused "a token limited to another account" typed alice "$other" su acme-deploy -c "$who"
far=$(as_alice_pat far --source 127.0.0.0/8)
refused "a token limited to a network, where there is no address" typed alice "$far" su acme-deploy -c "$who"
orgtoken account bind acme acme-deploy --service su >/dev/null 2>&1
refused "an account bound for su only, by su -" typed alice "$alice" su - acme-deploy -c "$who"
opened "in as acme-deploy for acme $by" "and by su" typed alice "$alice" su acme-deploy -c "$who"
orgtoken account bind acme acme-deploy >/dev/null 2>&1

# What ends it.
end=$(($(date +%s) + 8))
short=$(as_alice_pat short --expires "@$end")
opened "in as acme-deploy for acme by ${short:0:10} of alice" "a token before its end" typed alice "$short" su acme-deploy -c "$who"
# Only as a login shell does su show what its modules say; and that is no ssh login (test_ssh.sh).
lacks "$(on_tty alice -a 'assword.*: ' "$short" -a '[$] ' exit -- su - acme-deploy 2>&1)" "orgtoken:" "of whose end su - says nothing"
while [ "$(date +%s)" -lt "$end" ]; do sleep 0.2; done
refused "and after it" typed alice "$short" su acme-deploy -c "$who"
orgtoken org suspend acme >/dev/null 2>&1
refused "a suspended org" typed alice "$alice" su acme-deploy -c "$who"
orgtoken org resume acme >/dev/null 2>&1
orgtoken user suspend alice >/dev/null 2>&1
refused "a suspended user" typed alice "$alice" su acme-deploy -c "$who"
orgtoken user resume alice >/dev/null 2>&1
orgtoken member remove acme alice >/dev/null 2>&1
refused "a member who left" typed alice "$alice" su acme-deploy -c "$who"
orgtoken member add acme alice >/dev/null 2>&1
opened "in as acme-deploy for acme $by" "and came back" typed alice "$alice" su acme-deploy -c "$who"
orgtoken account unbind acme acme-deploy >/dev/null 2>&1
refused "an account that was unbound" typed alice "$alice" su acme-deploy -c "$who"
usermod -p "$(openssl passwd -6 -salt orgtoken deploys)" acme-deploy
refused "which stays guarded: its password does not open it" typed alice deploys su acme-deploy -c "$who"
orgtoken account release acme-deploy >/dev/null 2>&1
opened "in as acme-deploy for  by  of " "until root releases it" typed alice deploys su acme-deploy -c "$who"
orgtoken account bind acme acme-deploy >/dev/null 2>&1
as alice orgtoken pat revoke "${alice:0:10}" >/dev/null
refused "a revoked token" typed alice "$alice" su acme-deploy -c "$who"

# Without the daemon: root goes on, passwords get no further than accounts that need no question.
host_daemon_stop
refused "a token, with the daemon stopped" typed carol "$carol" su acme-deploy -c "$who"
refused "a password for somebody else, whom only the daemon could know to be unguarded" \
        typed alice bobs-password su bob -c "$who"
is "$(su acme-deploy -c "$who" 2>&1 | tail -n 1)" "in as acme-deploy for  by  of " "su by root, with the daemon stopped"
usermod -p "$(openssl passwd -6 -salt orgtoken roots)" root
opened "in as root for  by  of " "su to root by its password, with the daemon stopped" typed alice roots su root -c "$who"
host_daemon_start || exit 1
opened "in as acme-deploy for acme by ${carol:0:10} of carol" "and all is as before when it is back" \
        typed carol "$carol" su acme-deploy -c "$who"

host_daemon_stop
lacks "$(cat "$work/daemon.log")" "${alice:11:30}" "no secret in the daemon's output"
tap_done
