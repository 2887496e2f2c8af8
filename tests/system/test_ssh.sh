# shellcheck shell=bash
# A stock sshd with the documented PAM lines: who gets in, who does not, and what happens when the daemon is
# gone, frozen or restarted under way.
# shellcheck source=tests/support/tap.sh
. "$top_srcdir/tests/support/tap.sh"
# shellcheck source=tests/support/host.sh
. "$top_srcdir/tests/support/host.sh"

as() {
        local user=$1
        shift
        setpriv --reuid "$user" --regid "$user" --init-groups "$@"
}

host_install || exit 1
host_user alice 'correct horse battery'
host_user bob staple
host_user acme-deploy
host_user globex-deploy
host_pam_lines sshd
host_daemon_start || exit 1
host_sshd_start "PasswordAuthentication yes" "KbdInteractiveAuthentication yes" "MaxAuthTries 3" || exit 1

for org in acme globex; do
        orgtoken org create $org >/dev/null || exit 1
        orgtoken account bind $org $org-deploy >/dev/null || exit 1
done
orgtoken member add acme alice >/dev/null
orgtoken member add globex alice >/dev/null
orgtoken member add acme bob --role admin >/dev/null
key=$(orgtoken key create acme --name ci 2>/dev/null)
pat=$(as alice orgtoken pat create --name laptop 2>/dev/null)
bobs=$(as bob orgtoken pat create --name bob --expires 7d 2>/dev/null)
[ ${#key} = 63 ] && [ ${#pat} = 64 ]
ok $? "tokens were made: an org key by root, personal tokens by their users"

# shellcheck disable=SC2016 # for the other side's shell
words='echo "$(id -un) $ORGTOKEN_ORG $ORGTOKEN_KEY_ID $ORGTOKEN_USER"'
for method in password keyboard-interactive; do
        is "$(ssh_login "$key" $method acme-deploy "$words")" "acme-deploy acme ${key:0:9} " \
                "$method: an org key opens its bound account"
        is "$(ssh_login "$pat@acme" $method alice "$words")" "alice acme ${pat:0:10} alice" \
                "$method: a personal token with @acme opens its user's account"
        is "$(ssh_login "$pat@globex" $method alice "$words")" "alice globex ${pat:0:10} alice" \
                "$method: the same token works for the other org of its user"
        is "$(ssh_login "$pat" $method acme-deploy "$words")" "acme-deploy acme ${pat:0:10} alice" \
                "$method: for a bound account the account names the org"
        is "$(ssh_login 'correct horse battery' $method alice "$words")" "alice   " \
                "$method: an ordinary password still works"
        fails "$method: a personal token that names no org" ssh_login "$pat" $method alice true
        fails "$method: the org of another account" ssh_login "$pat@globex" $method acme-deploy true
        fails "$method: an org that does not exist" ssh_login "$pat@initech" $method alice true
        fails "$method: an org that its user is not in" ssh_login "$bobs@globex" $method bob true
        fails "$method: somebody else's token" ssh_login "$pat@acme" $method bob true
        fails "$method: a key for an account of another org" ssh_login "$key" $method globex-deploy true
        fails "$method: a key for a person's account" ssh_login "$key" $method alice true
        fails "$method: a key with another org behind it" ssh_login "$key@globex" $method acme-deploy true
        fails "$method: a wrong password" ssh_login wrong $method alice true
        fails "$method: a token with a wrong last character" ssh_login "${key%?}!" $method acme-deploy true
        fails "$method: a token cut short" ssh_login "${key%???}" $method acme-deploy true
        fails "$method: a token with a quote before it" ssh_login "'$key" $method acme-deploy true
        fails "$method: an unknown user, by a token" ssh_login "$pat@acme" $method nobody-here true
        fails "$method: an unknown user, by a password" ssh_login 'correct horse battery' $method nobody-here true
        fails "$method: an empty password" ssh_login "" $method alice true
done
is "$(ssh_login "$key@acme" password acme-deploy 'id -un')" acme-deploy "a key may name its own org"
long=$(head -c 100000 /dev/zero | tr '\0' a)
fails "a password of 100 kB" ssh_login "$long" keyboard-interactive alice true
fails "a token with 100 kB behind it" ssh_login "$key$long" keyboard-interactive acme-deploy true
is "$(ssh_login "$key" password acme-deploy 'id -un')" acme-deploy "and the next login is as before"

# Copying, by every program that people use for it.
echo 'build 1234' >"$work/file"
# shellcheck disable=SC2086
{
        succeeds "scp" with_password "$key" scp -q -P $ssh_port $ssh_options "$work/file" acme-deploy@127.0.0.1:scp
        echo "put $work/file sftp" >"$work/batch"
        succeeds "sftp" with_password "$key" sftp -q -P $ssh_port $ssh_options -oBatchMode=no -b "$work/batch" acme-deploy@127.0.0.1
        succeeds "rsync" with_password "$key" rsync -e "ssh -p $ssh_port ${ssh_options//$'\n'/ }" "$work/file" acme-deploy@127.0.0.1:rsync
}
for f in scp sftp rsync; do
        succeeds "what $f copied is what was sent" cmp "$work/file" /home/acme-deploy/$f
done

# The life of a token.
end=$(($(date +%s) + 8))
short=$(orgtoken key create acme --name short --expires "@$end" 2>/dev/null)
is "$(ssh_login "$short" password acme-deploy 'id -un')" acme-deploy "a token works until it expires"
limited=$(orgtoken key create acme --name limited --service cron --expires 1d 2>/dev/null)
fails "a token limited to another service" ssh_login "$limited" password acme-deploy true
near=$(orgtoken key create acme --name near --source 127.0.0.0/8 2>/dev/null)
is "$(ssh_login "$near" password acme-deploy 'id -un')" acme-deploy "a token limited to loopback, from there"
far=$(orgtoken key create acme --name far --source 10.0.0.0/8 2>/dev/null)
fails "a token limited to another network" ssh_login "$far" password acme-deploy true
host_wait "[ \$(date +%s) -ge $end ]"
fails "the same token once it has expired" ssh_login "$short" password acme-deploy true
orgtoken key revoke "${near:0:9}" >/dev/null
fails "a revoked key" ssh_login "$near" password acme-deploy true
orgtoken member remove acme alice >/dev/null
fails "a member who left" ssh_login "$pat@acme" password alice true
is "$(ssh_login "$pat@globex" password alice 'id -un')" alice "and her other org is not touched by it"
orgtoken member add acme alice >/dev/null

# The use is seen.
host_wait 'orgtoken --json key list acme | grep -q "\"last_used_at\": *[0-9]"'
used=$(orgtoken --json key list acme)
contains "$used" '127.0.0.1' "the list shows from where a key was last used"

# Also while it is only noted: who uses a stolen token right now is whom that command is for.
orgtoken org create leaky >/dev/null && host_user leaky-app && orgtoken account bind leaky leaky-app >/dev/null 2>&1
stolen=$(orgtoken key create leaky --name stolen 2>/dev/null)
orgtoken key create leaky --name kept >/dev/null 2>&1
is "$(ssh_login "$stolen" password leaky-app 'orgtoken status >/dev/null; id -un')" leaky-app "a key is used"
is "$(orgtoken revoke --all --org leaky --used-since 1d)" "1 token revoked: 1 key, 0 PATs" "and revoked by its use at once"
fails "which ends it" ssh_login "$stolen" password leaky-app true

# A token that ends soon: a line where somebody reads it, in an interactive login.
soon=$(orgtoken key create acme --name soon --expires "@$(($(date +%s) + 5 * 86400 - 3600))" 2>/dev/null)
interactive() { # TOKEN
        printf '%s\n' "$1" >"$work/password"
        # shellcheck disable=SC2086 # a list of options
        (sleep 2; echo exit) | SSH_ASKPASS=$work/askpass SSH_ASKPASS_REQUIRE=force DISPLAY=none timeout 30 setsid -w \
                ssh -tt -p "$ssh_port" $ssh_options -o PreferredAuthentications=password acme-deploy@127.0.0.1 2>&1
}
contains "$(interactive "$soon")" "orgtoken: ${soon:0:9} ends in 4 days" "an interactive login says that the token ends soon"
lacks "$(interactive "$key")" "orgtoken:" "and nothing of one that does not"
for method in password keyboard-interactive; do
        # shellcheck disable=SC2086 # a list of options
        out=$("$top_srcdir/tests/support/ptydrive.py" -a 'assword: ?' "$soon" -a 'ends in 4 days' exit -- \
                ssh -tt -p "$ssh_port" $ssh_options -o PreferredAuthentications=$method acme-deploy@127.0.0.1 2>&1)
        contains "${out#*assword:}" "orgtoken: ${soon:0:9} ends in 4 days" "$method: it is said behind the password"
        lacks "${out%%assword:*}" "orgtoken" "$method: and nothing before it, nor at its prompt"
done
is "$(ssh_login "$soon" password acme-deploy 'echo data')" data "nor anything among what a command prints"

# ForceCommand sees who it was.
host_sshd_stop
host_sshd_start "PasswordAuthentication yes" "KbdInteractiveAuthentication yes" \
        "ForceCommand echo forced \$ORGTOKEN_ORG \$SSH_ORIGINAL_COMMAND" || exit 1
is "$(ssh_login "$key" password acme-deploy deploy now)" "forced acme deploy now" "ForceCommand knows the org"
host_sshd_stop
host_sshd_start "PasswordAuthentication yes" "KbdInteractiveAuthentication yes" || exit 1

# An ordinary password asks the daemon nothing. The session phase may ask about an actor; sshd names none.
strace -f -qq -e trace=connect -o "$work/trace" -p "$(cat "$work/sshd.pid")" &
tracer=$!
host_wait "grep -q TracerPid:.*$tracer /proc/$(cat "$work/sshd.pid")/status || sleep 0.2"
is "$(ssh_login 'correct horse battery' password alice 'id -un')" alice "a password login under strace"
fails "a wrong password under strace" ssh_login wrong keyboard-interactive alice true
is "$(grep -c orgtoken "$work/trace")" 0 "an ordinary password causes no connection to the daemon"
is "$(ssh_login "$key" password acme-deploy 'id -un')" acme-deploy "a token login under strace"
[ "$(grep -c orgtoken/verify.sock "$work/trace")" -ge 1 ]
ok $? "(and the trace would have shown one)"
kill $tracer
wait $tracer 2>/dev/null

# The daemon frozen, dead, back again.
kill -STOP "$daemon_pid"
before=$(date +%s)
fails "a token, with the daemon frozen" ssh_login "$key" password acme-deploy true
[ $(($(date +%s) - before)) -le 20 ]
ok $? "is refused, and nobody waits for ever"
is "$(ssh_login 'correct horse battery' password alice 'id -un')" alice "a password, with the daemon frozen"
kill -CONT "$daemon_pid"
is "$(ssh_login "$key" password acme-deploy 'id -un')" acme-deploy "a token, once it goes on"
host_daemon_stop KILL
is "$(ssh_login 'correct horse battery' password alice 'id -un')" alice "a password, with the daemon killed"
fails "a token, with the daemon killed" ssh_login "$key" password acme-deploy true
host_daemon_start || exit 1
is "$(ssh_login "$key" password acme-deploy 'id -un')" acme-deploy "a token, after the restart"
fails "a revoked key, after the restart" ssh_login "$near" password acme-deploy true
(
        sleep 0.3
        kill -TERM "$daemon_pid"
) &
refusals=0
for _ in 1 2 3 4 5 6; do
        ssh_login "$key" password acme-deploy true >/dev/null 2>&1 || refusals=$((refusals + 1))
        if ! kill -0 "$daemon_pid" 2>/dev/null; then host_daemon_start; fi
done
[ $refusals -le 2 ]
ok $? "a restart in the middle of logins refuses at most those it hit ($refusals of 6)"
is "$(ssh_login "$pat@acme" password alice 'id -un')" alice "and none after it"

# No secret anywhere: no twelve characters in a row of any, plain or in base64, in what anybody can ask for, in what
# is kept, or in what is logged.
{
        for json in "" --json; do
                for words in "key list acme" "pat list" "whoami" "org show acme" "member list acme" "account list" \
                        "status" "user list" "sudoers" "revoke --all --dry-run"; do
                        # shellcheck disable=SC2086 # lists of words
                        orgtoken $json $words
                done
                # shellcheck disable=SC2086
                as alice orgtoken $json pat list
                # shellcheck disable=SC2086
                as alice orgtoken $json whoami
                for token in "$key" "$pat@acme" "$bobs" "$short" "${key%?}_"; do
                        # shellcheck disable=SC2086
                        printf '%s\n' "$token" | orgtoken $json check --account acme-deploy --service sshd
                done
        done
} >"$work/lists" 2>&1
tr '\0' '\n' <"/proc/$daemon_pid/environ" >>"$work/lists"
tr '\0' '\n' <"/proc/$daemon_pid/cmdline" >>"$work/lists"
host_daemon_stop
for token in "$key" "$pat" "$bobs" "$short" "$near" "$far" "$limited"; do
        secret=${token#*.}
        for ((i = 0; i + 12 <= ${#secret}; i++)); do echo "${secret:i:12}"; done
        for ((i = 0; i < 3; i++)); do printf '%s' "${secret:i:36}" | base64 -w0 && echo; done
done >"$work/pieces"
places="/var/lib/orgtoken /run/orgtoken /var/log $work/daemon.log $work/sshd.log $work/lists"
# shellcheck disable=SC2086 # a list of places
is "$(grep -larF -f "$work/pieces" $places)" "" \
        "no piece of a secret is in the store, the logs, the daemon's output or any list"
printf 'x%s\n' "$near" >"$work/planted"
is "$(grep -larF -f "$work/pieces" "$work/planted")" "$work/planted" "(and it would be found)"
[ "$(wc -l <"$work/lists")" -gt 100 ]
ok $? "(and the lists were there)"
lacks "$(cat "$work/daemon.log")" "correct horse" "nor is a password"
contains "$(cat "$work/daemon.log")" "${pat:0:10}" "(the key id is)"
is "$(stat -c %a /var/lib/orgtoken)" 700 "the state directory is its owner's alone"
is "$(find /var/lib/orgtoken -type f -perm /077)" "" "and so is every file in it"
host_sshd_stop
tap_done
