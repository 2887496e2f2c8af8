# shellcheck shell=bash
# orgtoken doctor on a host that was set up as documented, then spoilt in one way after the other. What it calls
# wrong is tried with the real programs, and what it says to type is typed.
# shellcheck source=tests/support/tap.sh
. "$top_srcdir/tests/support/tap.sh"
# shellcheck source=tests/support/host.sh
. "$top_srcdir/tests/support/host.sh"

# finds CODE DESCRIPTION [ARGUMENT ...]: as something wrong, or to beware of with beware:CODE.
finds() {
        local level=wrong code=$1 words=$2 out
        shift 2
        case $code in beware:*) level=beware code=${code#*:} ;; esac
        out=$(orgtoken doctor --json "$@")
        grep -q "\"level\": \"$level\".*\"code\": \"$code\"" <<<"$out"
        ok $? "$words"
        grep -q "\"level\": \"$level\".*\"code\": \"$code\"" <<<"$out" || diag "no $level $code in: $out"
}
# mend CODE [ARGUMENT ...]: what it says to type.
mend() {
        local code=$1
        shift
        orgtoken doctor --json "$@" | grep "\"code\": \"$code\"" | head -n 1 | sed 's/.*"mend": "\(.*\)"}.*/\1/; s/\\"/"/g'
}
# spoil FILE COMMAND ...: keeps the file for restore.
spoil() {
        cp -a "$1" "$work/kept"
        kept=$1
        shift
        "$@"
}
restore() { cp -a "$work/kept" "$kept"; }
tokens_get_in() { [ "$(ssh_login "$key" password acme-deploy id -un 2>/dev/null)" = acme-deploy ]; }

host_install || exit 1
exits 1 "without a daemon it works, and says that nobody answers" orgtoken doctor
# shellcheck disable=SC2154 # of tap.sh
contains "$tap_out" "the daemon does not answer" "in words"
finds daemon-silent "the daemon is silent"
finds socket-missing "the sockets are not there"
finds beware:store-absent "there is no store yet"
finds beware:no-services "no service takes tokens yet"

host_user alice 'correct horse'
host_user acme-deploy
host_daemon_start || exit 1
host_sshd_start "PasswordAuthentication yes" || exit 1
orgtoken org create acme >/dev/null 2>&1
orgtoken member add acme alice >/dev/null
orgtoken account bind acme acme-deploy >/dev/null 2>&1
key=$(orgtoken key create acme --name ci 2>/dev/null)
setpriv --reuid alice --regid alice --init-groups orgtoken pat create --name laptop >/dev/null 2>&1
for service in sshd su sudo sudo-i; do host_pam_lines $service; done
orgtoken sudoers >/etc/sudoers.d/orgtoken && chmod 0440 /etc/sudoers.d/orgtoken
exits 0 "a host set up as the README says: nothing is wrong" orgtoken doctor
lacks "$tap_out" "wrong   " "in words"
is "$(orgtoken doctor --json | grep -c '"level": "beware"')" 1 "and to beware of only that systemd does not run here"
finds beware:no-systemd "(that)"
exits 0 "one service" orgtoken doctor sshd
exits 1 "a service that is not there" orgtoken doctor shd
exits 2 "an option that is not there" orgtoken doctor --rot /
exits 2 "a root that is not there" orgtoken doctor --root /nowhere
contains "$(orgtoken __complete -- doctor s)" sshd "a shell completes the services"
orgtoken doctor --json | python3 -c 'import json, sys; json.load(sys.stdin)'
ok $? "the JSON is a document"
succeeds "(and tokens get in)" tokens_get_in

# Jumps, tried before and behind what it says to type.
spoil /etc/pam.d/sshd sed -i 's/success=2/success=1/' /etc/pam.d/sshd
finds jump-wrong "a jump that is too short" sshd
fails "(it is)" tokens_get_in
line=$(mend jump-wrong sshd)
is "$line" "/etc/pam.d/sshd line 4: auth [success=2 user_unknown=ignore default=die] pam_orgtoken.so" \
        "it says which line, and how it should be"
number=${line#*line } number=${number%%:*}
sed -i "${number}s/.*/${line#*: }/" /etc/pam.d/sshd
succeeds "with that typed tokens get in" tokens_get_in
exits 0 "and nothing is wrong any more" orgtoken doctor sshd
restore
spoil /etc/pam.d/common-auth sed -i '1,/pam_unix/s/^auth.*pam_unix.*/&\nauth [success=1 default=ignore] pam_ldap.so/; s/success=1 default=ignore\(.*unix\)/success=2 default=ignore\1/' /etc/pam.d/common-auth
finds jump-wrong "a directory service that came later into common-auth" sshd
contains "$(mend jump-wrong sshd)" "success=3" "has to be jumped over too"
restore
spoil /etc/pam.d/sshd sed -i 's/^auth .*pam_orgtoken.*/auth sufficient pam_orgtoken.so/' /etc/pam.d/sshd
finds token-leak "sufficient in auth" sshd
restore
spoil /etc/pam.d/sshd sed -i 's/^account .*pam_orgtoken.*/account sufficient pam_orgtoken.so/' /etc/pam.d/sshd
chage -E 1 acme-deploy
finds expiry-hidden "sufficient in account" sshd
succeeds "(with it an expired account gets in)" tokens_get_in
restore
fails "(and not without it)" tokens_get_in
chage -E -1 acme-deploy
spoil /etc/pam.d/sshd sed -i 's/^auth .*pam_orgtoken.so/& socket=\/run\/elsewhere/' /etc/pam.d/sshd
finds socket-missing "a line that names a socket that is not there" sshd
fails "(no token gets in)" tokens_get_in
restore
spoil /etc/pam.d/sudo sed -i '/session required pam_orgtoken/d' /etc/pam.d/sudo
finds session-missing "sudo without its session line"
restore
mv /etc/pam.d/sudo-i "$work/sudo-i"
sed '/pam_orgtoken/d' "$work/sudo-i" >/etc/pam.d/sudo-i
finds beware:twin-missing "sudo-i forgotten"
mv "$work/sudo-i" /etc/pam.d/sudo-i

# Groups.
printf 'auth required pam_orgtoken.so org=acme token_only\naccount required pam_orgtoken.so\n' >/etc/pam.d/orgpg
mkdir -p /etc/postgresql/15/test
echo 'host all all 127.0.0.1/32 pam pamservice=orgpg' >/etc/postgresql/15/test/pg_hba.conf
id postgres >/dev/null 2>&1 || useradd -r postgres
finds user-not-in-group "postgres is not in the group"
what=$(mend user-not-in-group)
is "${what%%,*}" "adduser postgres orgtoken-verify" "it says how to put it there"
eval "${what%%,*}" >/dev/null 2>&1
exits 0 "and with that nothing is wrong" orgtoken doctor orgpg
rm /etc/pam.d/orgpg

# Sockets and files.
verify=/run/orgtoken/verify.sock
chmod 0666 $verify
finds socket-mode "a socket that everybody may use"
chmod 0660 $verify
chown orgtoken $verify
finds socket-owner "a socket of somebody else's"
chown root $verify
chgrp root $verify
finds socket-owner "a socket without its group"
chgrp orgtoken-verify $verify
chmod 0777 /run/orgtoken
finds run-directory "a folder in which anybody can listen"
chmod 0755 /run/orgtoken
for file in orgtoken.db key; do
        chmod 0640 /var/lib/orgtoken/$file
        finds store-mode "a $file that others can read"
        chmod 0600 /var/lib/orgtoken/$file
done
chmod 0755 /var/lib/orgtoken
finds store-mode "a state directory that others can enter"
chmod 0700 /var/lib/orgtoken
chown root /var/lib/orgtoken/key
finds store-owner "a key that is not the daemon's"
chown orgtoken /var/lib/orgtoken/key
mv /var/lib/orgtoken/key "$work/key"
finds key-missing "a store without its key"
mv "$work/key" /var/lib/orgtoken/key
module=$(find /lib /usr/lib -name pam_orgtoken.so | head -n 1)
mv "$module" "$work/module"
finds module-missing "no module"
mv "$work/module" "$module"
spoil /etc/group sed -i '/^orgtoken-verify:/d' /etc/group
finds group-missing "no group"
restore
exits 0 "all of it mended" orgtoken doctor

# Ending sessions, where an organisation wants it or the socket is there. pam_systemd makes the session, if it is
# installed here or not.
session=/run/orgtoken/session.sock
lacks "$(orgtoken doctor --json)" '"subject": "sessions"' "nobody wants sessions ended: no word of it"
orgtoken org set acme end-sessions=yes >/dev/null
finds sessions-socket "a policy that nothing can carry out"
contains "$(orgtoken doctor)" "the policy of acme says end-sessions=yes, and no session is ended" "in words"
is "$(mend sessions-socket)" "systemctl enable --now orgtoken-sessiond.socket" "it says what to type"
listen() { python3 -c 'import socket, sys; socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET).bind(sys.argv[1])' $session; }
listen
chmod 0600 $session
finds sessions-socket "a socket that is not the daemon's"
what=$(mend sessions-socket)
is "${what%%,*}" "chown orgtoken:orgtoken $session && chmod 0600 $session" "it says how to mend it"
eval "${what%%,*}"
exits 0 "with that typed nothing is wrong" orgtoken doctor
contains "$tap_out" "open sessions can be ended" "in words"
chmod 0660 $session
finds sessions-socket "a socket that others may use"
chmod 0600 $session
orgtoken org set acme end-sessions=no >/dev/null
spoil /etc/pam.d/sshd sed -i '/session required pam_orgtoken/a session optional pam_systemd.so' /etc/pam.d/sshd
sed -i '/pam_systemd/d' /etc/pam.d/common-session
finds session-early "a session line before the one that makes the session"
echo 'session optional pam_orgtoken.so quiet' >>/etc/pam.d/sshd
exits 0 "and another behind it" orgtoken doctor
restore
rm $session
lacks "$(orgtoken doctor --json)" '"subject": "sessions"' "without the socket no word of it again"

# Units, as the files of a folder say.
image=$work/image
mkdir -p "$image/usr/lib/systemd/system" "$image/etc/systemd/system/sockets.target.wants" "$image/usr/lib/x/security"
cp -a /etc/pam.d /etc/passwd /etc/group "$image/etc"
cp "$module" "$image/usr/lib/x/security"
cp /usr/lib/systemd/system/orgtokend* "$image/usr/lib/systemd/system"
finds unit-disabled "an image: sockets that are not enabled" --root "$image"
ln -s ../orgtokend-verify.socket ../orgtokend-manage.socket "$image/etc/systemd/system/sockets.target.wants"
exits 0 "an image: enabled" orgtoken doctor --root "$image/"
ln -s ../orgtoken-sessiond.socket "$image/etc/systemd/system/sockets.target.wants"
contains "$(orgtoken doctor --root "$image")" "open sessions can be ended" "an image: sessions too"
sed -i '/session required pam_orgtoken/a session optional pam_systemd.so' "$image/etc/pam.d/sshd"
finds session-early "an image: which no session line could tell of" --root "$image"
rm "$image/etc/systemd/system/sockets.target.wants/orgtoken-sessiond.socket"
ln -s /dev/null "$image/etc/systemd/system/orgtokend.service"
finds unit-masked "an image: a masked unit" --root "$image"
rm "$image/usr/lib/systemd/system/orgtokend-manage.socket"
finds unit-missing "an image: no unit" --root "$image"

# Accounts and people.
usermod -p "$(openssl passwd -6 -salt orgtoken deploy)" acme-deploy
finds beware:account-password "a bound account with a password"
is "$(mend account-password)" "passwd -l acme-deploy" "it says how to end it"
usermod -p '' acme-deploy
finds account-password "an empty one is wrong"
usermod -p '!' acme-deploy
install -d -o acme-deploy -m 0700 /home/acme-deploy/.ssh
echo 'ssh-ed25519 AAAA somebody' >/home/acme-deploy/.ssh/authorized_keys
finds beware:account-ssh-keys "ssh keys of a bound account"
rm /home/acme-deploy/.ssh/authorized_keys
useradd -o -u "$(id -u acme-deploy)" alias
finds uid-shared "another name for the uid of a bound account"
userdel alias 2>/dev/null
useradd -o -u 0 toor
finds beware:uid-shared "another name for root"
sed -i '/^toor:/d' /etc/passwd /etc/shadow
rm /etc/sudoers.d/orgtoken
finds beware:sudo-targetpw "sudo without targetpw"
echo 'Plugin orgtoken_approval orgtoken_approval.so' >>/etc/sudo.conf
lacks "$(orgtoken doctor --json)" sudo-targetpw "with the approval plugin that is enough"
sed -i '/orgtoken_approval/d' /etc/sudo.conf
echo 'Defaults !pam_session' >/etc/sudoers.d/session
finds sudo-no-session "sudo without sessions"
rm /etc/sudoers.d/session
orgtoken sudoers >/etc/sudoers.d/orgtoken && chmod 0440 /etc/sudoers.d/orgtoken
usermod -u 4444 alice 2>/dev/null
finds user-uid "whose name has another uid by now"
is "$(setpriv --reuid alice --regid alice --init-groups orgtoken pat list 2>&1 | grep -c 'had uid')" 1 "(whom the daemon refuses)"
contains "$(mend user-uid)" "orgtoken user reassign alice" "and what to type"
orgtoken user reassign alice >/dev/null
setpriv --reuid alice --regid alice --init-groups orgtoken pat list >/dev/null
lacks "$(orgtoken doctor --json)" user-uid "with that typed no word of it"
passwd -q -l alice
finds beware:user-locked "who has a locked password and tokens"
passwd -q -u alice
chage -E 1 alice
finds beware:user-expired "whose account has expired"
chage -E -1 alice
userdel alice 2>/dev/null
finds beware:user-gone "who is gone"
contains "$(mend user-gone)" "orgtoken user remove alice" "and how to end it"
orgtoken user remove alice >/dev/null
exits 0 "and then nothing is wrong" orgtoken doctor

# An ordinary user sees what can be seen, and that it is not all.
useradd bob
out=$(setpriv --reuid bob --regid bob --clear-groups orgtoken doctor)
status=$?
is $status 0 "an ordinary user"
[ $status = 0 ] || diag "$out"
contains "$out" "run orgtoken doctor as root" "is told who sees more"
host_sshd_stop
host_daemon_stop
tap_done
