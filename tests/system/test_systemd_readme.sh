# shellcheck shell=bash
# The five steps of the README, as they stand in it, on a host that systemd booted: who follows them to the letter
# gets in with a token, keeps the passwords, and finds the examples working.
# shellcheck source=tests/support/tap.sh
. "$top_srcdir/tests/support/tap.sh"
# shellcheck source=tests/support/host.sh
. "$top_srcdir/tests/support/host.sh"
readme=$top_srcdir/README.md

# block HEADING N: the N-th block of code under a heading, without its indentation.
block() {
        awk -v heading="$1" -v n="$2" '
                /^##/ {inside = index($0, heading) > 0}
                inside && /^ *```/ {fence++; next}
                inside && fence == 2 * n - 1 {sub(/^   /, ""); print}' "$readme"
}

as() {
        local user=$1
        shift
        setpriv --reuid "$user" --regid "$user" --init-groups env -i HOME="/home/$user" USER="$user" PATH="$PATH" "$@"
}

# run_block HEADING N DESCRIPTION: runs it as a shell would that stops at the first error.
run_block() {
        block "$1" "$2" >"$work/block"
        [ -s "$work/block" ]
        ok $? "the README has the block: $3"
        succeeds "  and it works" bash -e "$work/block"
}

ssh_port=22
host_user alice 'correct horse battery'

# Step 1 as it stands builds for a minute what is built already; its last word is what counts here.
contains "$(block 'Install it' 1)" './configure --prefix=/usr --sysconfdir=/etc --localstatedir=/var && make && make install' \
        "step 1 builds for the prefix that this build has"
succeeds "  and it installs" make -C "$builddir" install
run_block 'Install it' 2 "step 2, the user and the sockets"
is "$(systemctl is-enabled orgtokend-verify.socket orgtokend-manage.socket | sort -u)" enabled "  they start at every boot"
run_block 'Install it' 3 "step 3, an organisation, its people, an account"
block 'The PAM lines' 1 >"$work/lines"
for service in sshd su sudo sudo-i; do
        # "the first two right before @include common-auth, the session line at the end"
        awk -v lines="$work/lines" '
                /^@include common-auth/ {while ((getline line < lines) > 0 && line ~ /^(auth|account)/) print line}
                {print}' "/etc/pam.d/$service" >"$work/pam"
        grep '^session' "$work/lines" >>"$work/pam"
        grep -q 'pam_orgtoken' "$work/pam"
        ok $? "step 4: the lines find their place in $service"
        cat "$work/pam" >"/etc/pam.d/$service"
done
block 'Install it' 4 >"$work/step5"
key=$(bash -e <(grep 'key create' "$work/step5") 2>"$work/notes")
is "${#key}" 63 "step 5 makes a key"
contains "$(cat "$work/notes")" "cannot be shown again" "  and says that it is shown once"
contains "$(cat "$work/step5")" "ssh acme-deploy@host" "  for this login"
ssh-keygen -A >/dev/null 2>&1
systemctl start ssh.service
is "$(ssh_login "$key" password acme-deploy 'id -un')" acme-deploy "which works, over the sshd of Debian"
is "$(ssh_login 'correct horse battery' password alice 'id -un')" alice "and a password still does"
fails "(and a wrong one does not)" ssh_login wrong password alice true

# The examples.
block 'One example' 1 | sed -n 's/^alice\$ orgtoken/orgtoken/p' >"$work/example"
pat=$(as alice bash -e "$work/example" 2>/dev/null)
is "${#pat}" 64 "a person: alice makes a token for herself"
is "$(ssh_login "$pat@acme" password alice 'id -un')" alice "and logs in with it, the organisation behind it"
block 'One example' 2 | sed 's/^root# //' >"$work/example"
ci=$(bash -e "$work/example" 2>/dev/null)
is "${#ci}" 63 "a job: its key, limited"
fails "which is refused from another network" ssh_login "$ci" password acme-deploy true
block 'One example' 3 | grep -v '^#' >/etc/sudoers.d/orgtoken
chmod 0440 /etc/sudoers.d/orgtoken
succeeds "sudo takes the drop-in" visudo -c
contains "$(orgtoken sudoers)" 'Defaults>"acme-deploy" targetpw' "which orgtoken sudoers prints as well"
is "$(printf '%s\n' "$pat" | as alice setsid -w su - acme-deploy -c 'id -un' 2>/dev/null)" acme-deploy "su"
is "$(printf '%s\n' "$pat" | as alice sudo -k -S -p '' -u acme-deploy id -un 2>/dev/null)" acme-deploy "and sudo"
fails "sudo with the account's own password, of which there is none" \
        as alice sh -c 'echo x | sudo -k -S -p "" -u acme-deploy true'

# Day to day: each line, with the key id of a key that is there.
block 'Day to day' 1 | sed "s/ *#.*//; s/ak_4fK9aQ/${key:0:9}/" >"$work/daily"
# What it calls a leaked log is one, with a token that is there.
cd "$work" && printf 'login with %s\n' "$ci" >leaked.log || exit 1
while read -r line; do
        case $line in
        *"orgtoken check"*) succeeds "$line" bash -c "printf '%s\n' '$pat' | $line --service sshd" ;;
        # 1: something was found.
        *"orgtoken scan"*) is "$($line 2>&1; echo $?)" "leaked.log:1: ${ci:0:9} revoked
1" "$line" ;;
        *) succeeds "$line" bash -c "$line" ;;
        esac
done <"$work/daily"
[ "$(wc -l <"$work/daily")" -ge 5 ]
ok $? "(that was all of the day)"
systemctl stop orgtokend.service orgtokend-verify.socket orgtokend-manage.socket
is "$(ssh_login 'correct horse battery' password alice 'id -un')" alice "with all of it stopped a password works"
fails "and a token does not" ssh_login "$pat@acme" password alice true
tap_done
