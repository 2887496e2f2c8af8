# shellcheck shell=bash
# What people complain of in other modules that take something else than the password of /etc/shadow: a second
# prompt, a prompt that is not the one asked for, text before it, a failure in the log of who got in, lock-outs, a
# token that is typed into the wrong prompt. With the stock programs, on a host whose journal can be read.
# shellcheck source=tests/support/tap.sh
. "$top_srcdir/tests/support/tap.sh"
# shellcheck source=tests/support/host.sh
. "$top_srcdir/tests/support/host.sh"
# shellcheck source=tests/support/elevation.sh
. "$top_srcdir/tests/support/elevation.sh"

host_install || exit 1
for service in sudo su sshd; do host_pam_lines $service; done
elevation_world || exit 1
sudoers "alice ALL=(bob,acme-deploy) ALL" || exit 1
host_sshd_start "PasswordAuthentication yes" "KbdInteractiveAuthentication yes" || exit 1
ssh_words() { # METHOD USER
        # shellcheck disable=SC2086 # a list of options
        echo ssh -p "$ssh_port" $ssh_options -o PreferredAuthentications="$1" "$2@127.0.0.1" id -un
}
# prompts TEXT: how often a password was asked for.
prompts() { grep -o '[Pp]assword' <<<"$1" | wc -l; }

# --- one prompt, nothing before it, and the one that was asked for -----------------------------------------------
for secret in alices-password "$alice@acme"; do
        kind=password
        if [ "$secret" != alices-password ]; then kind=token; fi
        for method in password keyboard-interactive; do
                # shellcheck disable=SC2046 # words
                out=$("$drive" -a 'assword: ?' "$secret" -- $(ssh_words $method alice) 2>&1 | tr -d '\r')
                is "$(tail -n 1 <<<"$out")" alice "ssh, $method, a $kind: in"
                is "$(prompts "$out")" 1 "ssh, $method, a $kind: asked for once"
                is "$(head -n 1 <<<"$out" | grep -c '^([^)]*) Password:\|^alice@[^ ]* password:')" 1 \
                        "ssh, $method, a $kind: and nothing is said before"
        done
        out=$(typed alice "$secret" sudo -k -p 'BECOME password for %p:' -u bob id -un 2>&1 | tr -d '\r')
        is "$out" "$(printf 'BECOME password for alice:\nbob')" "sudo -p, a $kind: the caller's prompt, once, alone"
        out=$(printf '%s\n' "$secret" | as alice setsid -w sudo -k -S -p 'become:' -u bob id -un 2>&1)
        is "$out" "become:bob" "sudo -S -p, a $kind: likewise"
done
out=$(typed alice "$alice" su acme-deploy -c 'id -un' 2>&1 | tr -d '\r')
is "$out" "$(printf 'Password: \nacme-deploy')" "su, a token: its prompt, once, alone"
out=$(typed alice bobs-password su bob -c 'id -un' 2>&1 | tr -d '\r')
is "$out" "$(printf 'Password: \nbob')" "su, a password: its prompt, once, alone"

# --- what watches the log for failures sees none of who got in ---------------------------------------------------
journalctl --sync >/dev/null 2>&1
mark=$(journalctl -n 0 --show-cursor --no-pager -q | sed -n 's/^-- cursor: //p')
is "$(ssh_login "$alice@acme" password alice id -un)" alice "a token over ssh"
is "$(ssh_login "$acme_key" keyboard-interactive acme-deploy id -un)" acme-deploy "a key over ssh"
is "$(typed alice "$alice" su acme-deploy -c 'id -un' 2>&1 | tail -n 1 | tr -d '\r')" acme-deploy "a token in su"
since() { journalctl --sync >/dev/null 2>&1; journalctl --after-cursor "$mark" --no-pager -o cat; cat "$work/sshd.log"; }
out=$(since | grep -iE 'authentication failure|failed password|FAILED SU' | grep -v 'alices-password')
is "$out" "" "who got in leaves no failure of pam_unix, sshd or su in the log"
lacks "$(since)" "${alice#*.}" "nor the token"
fails "a wrong token" ssh_login "${globex_key:0:20}" password acme-deploy true
contains "$(since)" "Failed password for acme-deploy" "(and who did not, does: the log is looked at)"

# --- no lock-out: there is nothing to guess, and a lock is a weapon ----------------------------------------------
for _ in $(seq 40); do
        printf '%s\n' "$globex_key" | "$pamask" sshd acme-deploy auth >/dev/null
        printf '%s\n' "${acme_key}x" | "$pamask" sshd acme-deploy auth >/dev/null
done
is "$(ssh_login "$acme_key" password acme-deploy id -un)" acme-deploy "eighty refusals lock nobody out"

# --- a program that gives every prompt the same answer ----------------------------------------------------------
sed -i 's/^\(auth .*pam_orgtoken.so\).*/\1 prompt_org/' /etc/pam.d/sshd
printf 'acme\n' >"$work/org"
is "$(ssh_login "$alice" keyboard-interactive alice id -un)" alice "prompt_org: keyboard-interactive answers it"
mark=$(journalctl -n 0 --show-cursor --no-pager -q | sed -n 's/^-- cursor: //p')
fails "prompt_org: the password method cannot, which is a refusal" ssh_login "$alice" password alice true
contains "$(tail -n 2 "$work/daemon.log")" "org-required" "prompt_org: as if no organisation were named"
is "$(ssh_login "$alice@acme" password alice id -un)" alice "prompt_org: with @acme nobody is asked"
printf '%s\n' "$alice" >"$work/org"
fails "prompt_org: a token typed at the wrong prompt" ssh_login "$alice" keyboard-interactive alice true
lacks "$(since; cat "$work/daemon.log")" "${alice#*.}" "prompt_org: is in no log"

# --- a key is the organisation's: it outlives who made it -------------------------------------------------------
orgtoken member add acme bob --role admin >/dev/null
made=$(as bob orgtoken key create acme --name deploy 2>/dev/null)
orgtoken user remove bob >/dev/null
userdel bob 2>/dev/null
is "$(ssh_login "$made" password acme-deploy id -un)" acme-deploy "the key of an admin who is gone"
exits 1 "whose own tokens are none any more" sh -c "printf '%s\n' '$bob@globex' | orgtoken check"
host_sshd_stop
tap_done
