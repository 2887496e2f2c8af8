# shellcheck shell=bash
# orgtoken-askpass with the stock programs that run ssh, against a stock sshd: nobody types anything, and no
# wrapper stands between.
# shellcheck source=tests/support/tap.sh
. "$top_srcdir/tests/support/tap.sh"
# shellcheck source=tests/support/host.sh
. "$top_srcdir/tests/support/host.sh"

drive=$top_srcdir/tests/support/ptydrive.py

host_install || exit 1
host_user alice
host_user acme-deploy
host_user globex-deploy
host_pam_lines sshd
# Refusals need not wait: an empty password, which ssh sends where nothing is answered, is pam_unix's to delay.
sed -i 's/pam_unix.so nullok/& nodelay/' /etc/pam.d/common-auth
host_daemon_start || exit 1
host_sshd_start "PasswordAuthentication yes" "KbdInteractiveAuthentication yes" || exit 1
for org in acme globex; do
        orgtoken org create $org >/dev/null 2>&1
        orgtoken account bind $org $org-deploy >/dev/null 2>&1
        orgtoken member add $org alice >/dev/null
done
acme=$(orgtoken key create acme --name ci 2>/dev/null)
globex=$(orgtoken key create globex --name ci 2>/dev/null)

# What the user has: known hosts, names for this host, and a place for tokens.
home=/home/alice
echo '127.0.0.1 build.example db.example other.example' >>/etc/hosts
install -d -o alice -g alice -m 0700 $home/.ssh $home/.config $home/.config/orgtoken
for name in build.example db.example other.example localhost; do
        echo "[$name]:$ssh_port $(cut -d ' ' -f 1,2 "$work/hostkey.pub")"
done >$home/.ssh/known_hosts
printf '%s\n' "Host *" "Port $ssh_port" "NumberOfPasswordPrompts 1" "ConnectTimeout 10" >$home/.ssh/config
config=$home/.config/orgtoken/askpass

# as COMMAND ...: as alice, with the two variables and without a terminal.
as() {
        setpriv --reuid alice --regid alice --init-groups env -i -C $home HOME=$home USER=alice LOGNAME=alice \
                PATH=/usr/local/bin:/usr/bin:/bin LANG=C.UTF-8 SSH_ASKPASS=orgtoken-askpass SSH_ASKPASS_REQUIRE=force \
                ${extra+"$extra"} timeout 60 "$@" </dev/null
}
alice() { setpriv --reuid alice --regid alice --init-groups env -C $home "$@"; }
configure() { alice sh -c "umask 077; cat >$config"; }
keep() { printf '%s\n' "$1" | alice sh -c "umask 077; cat >$home/.config/orgtoken/$2"; }

keep "$acme" acme
keep "$globex" globex
configure <<CONFIG
# a line a host, and one of another user there
build.example:globex-deploy  file=$home/.config/orgtoken/globex
build.example                file=$home/.config/orgtoken/acme
db.example                   command=cat $home/.config/orgtoken/globex
CONFIG

# --- each program
for method in password keyboard-interactive; do
        is "$(as ssh -o PreferredAuthentications=$method acme-deploy@build.example id -un)" acme-deploy "ssh, $method"
done
is "$(as ssh globex-deploy@build.example id -un)" globex-deploy "another user there has another token"
is "$(as ssh globex-deploy@db.example id -un)" globex-deploy "another host too, from a command"
fails "a host that is not named" as ssh acme-deploy@other.example true
fails "a token for another account" as ssh acme-deploy@db.example true
echo 'build 1234' >$home/file
succeeds "scp" as scp -q file acme-deploy@build.example:scp
echo 'put file sftp' >$home/batch
succeeds "sftp" as sftp -q -oBatchMode=no -b batch acme-deploy@build.example
succeeds "rsync" as rsync file acme-deploy@build.example:rsync
for f in scp sftp rsync; do
        succeeds "what $f copied is what was sent" cmp $home/file /home/acme-deploy/$f
done
runuser -u acme-deploy -- git init -q --bare /home/acme-deploy/site.git
succeeds "git clone" as git clone -q acme-deploy@build.example:site.git site
as sh -c 'cd site && git config user.email a@b && git config user.name a && git commit -q --allow-empty -m one'
succeeds "git push" as git -C site push -q origin HEAD:main
is "$(runuser -u acme-deploy -- git -C /home/acme-deploy/site.git log --format=%s main)" one "what it pushed is there"
echo 'build.example ansible_user=acme-deploy ansible_python_interpreter=/usr/bin/python3' >$home/inventory
contains "$(as ansible -i inventory all -m command -a 'id -un' 2>&1)" "acme-deploy" "ansible"

# --- each place for a token
keep_key() { # NAME RIGHTS COMMAND ...: a session keyring of its own with the token in it
        local name=$1 rights=$2
        shift 2
        as keyctl session - sh -c "key=\$(keyctl padd user $name @s <$home/.config/orgtoken/acme) &&
                keyctl setperm \$key $rights && $*" 2>&1
}
configure <<<"build.example keyring=deploy-token"
contains "$(keep_key deploy-token 0x3f010000 ssh acme-deploy@build.example id -un)" acme-deploy "the kernel's keyring"
contains "$(keep_key deploy-token 0x3f010003 ssh acme-deploy@build.example id -un)" "others can use the key" \
        "a key that others can read is refused"
contains "$(keep_key another 0x3f010000 ssh acme-deploy@build.example id -un)" "in none of your keyrings" \
        "a key that is not there"
configure <<<"build.example credential=deploy-token"
install -d -m 0700 -o alice "$work/credentials"
install -m 0400 -o alice /dev/stdin "$work/credentials/deploy-token" <<<"$acme"
extra=CREDENTIALS_DIRECTORY=$work/credentials
is "$(as ssh acme-deploy@build.example id -un)" acme-deploy "a credential of systemd's"
unset extra
fails "without its folder" as ssh acme-deploy@build.example true
configure <<<"build.example command=printenv DEPLOY_TOKEN"
extra=DEPLOY_TOKEN=$acme
is "$(as ssh acme-deploy@build.example id -un)" acme-deploy "the environment of a job"
unset extra
pat=$(setpriv --reuid alice --regid alice --init-groups orgtoken pat create --name laptop 2>/dev/null)
keep "$pat" laptop
configure <<<"build.example org=globex file=$home/.config/orgtoken/laptop"
# shellcheck disable=SC2016 # for the other side's shell
is "$(as ssh alice@build.example 'echo "$ORGTOKEN_ORG"')" globex "a personal token, and the org of the line behind it"

# --- what is refused
configure <<<"build.example file=$home/.config/orgtoken/acme"
for mode in 0640 0604 0620 0602; do
        chmod $mode $home/.config/orgtoken/acme
        out=$(as ssh acme-deploy@build.example true 2>&1)
        contains "$out" "others can use" "a file of mode $mode is refused"
        lacks "$out" "${acme:14:20}" "and not shown"
done
chmod 0600 $home/.config/orgtoken/acme
chown bob $home/.config/orgtoken/acme 2>/dev/null || chown globex-deploy $home/.config/orgtoken/acme
fails "a file of somebody else's" as ssh acme-deploy@build.example true
chown alice $home/.config/orgtoken/acme
chmod 0666 $config
fails "a configuration that others can write" as ssh acme-deploy@build.example true
chmod 0600 $config
is "$(as ssh acme-deploy@build.example id -un)" acme-deploy "(and with all of that mended it works)"
keep 'correct horse battery' acme
fails "what is no token goes to nobody" as ssh acme-deploy@build.example true
lacks "$(cat "$work/sshd.log")" "correct horse" "nor into sshd's log"
keep "$acme" acme

# --- never on a terminal: not by itself, and not through ssh
question="acme-deploy@build.example's password: "
# shellcheck disable=SC2016 # for the inner shell
out=$("$drive" -- setpriv --reuid alice --regid alice --init-groups env -C $home HOME=$home orgtoken-askpass "$question" 2>&1)
contains "$out" "never to a terminal" "on a terminal it says no"
lacks "$out" "${acme:14:20}" "and no more"
out=$("$drive" -- setpriv --reuid alice --regid alice --init-groups env -C $home HOME=$home USER=alice \
        SSH_ASKPASS=orgtoken-askpass SSH_ASKPASS_REQUIRE=force ssh -vvv acme-deploy@build.example id -un 2>&1)
contains "$out" "acme-deploy" "ssh -vvv on a terminal gets in"
lacks "$out" "${acme:14:20}" "and shows nothing of the token"
as orgtoken-askpass "$question" >"$work/out" 2>"$work/err"
is "$(cat "$work/out")" "" "into a file it says no"
is "$(as orgtoken-askpass "$question" | cat)" "$acme" "(into a pipe it gives the token)"
as orgtoken-askpass "Enter passphrase for key '/x': " 2>&1 | grep -q "left unanswered"
ok $? "a passphrase is left unanswered"

# A server that asks for something else gets nothing: the first line of what it asks is its own.
fails "no secret in the arguments of a process or on disk but where it was put" \
        grep -rqF "${acme:14:20}" /var/log $home/.ssh $home/site "$work/sshd.log" "$work/daemon.log"
host_sshd_stop
host_daemon_stop
tap_done
