# shellcheck shell=bash
# Real programs and a daemon that hangs, lies, is somebody else's or is not there: nobody gets in by a token, nothing
# waits much longer than the deadline, nothing crashes, and passwords work.
# shellcheck source=tests/support/tap.sh
. "$top_srcdir/tests/support/tap.sh"
# shellcheck source=tests/support/host.sh
. "$top_srcdir/tests/support/host.sh"
# shellcheck source=tests/support/elevation.sh
. "$top_srcdir/tests/support/elevation.sh"

host_install || exit 1
for service in su sudo; do host_pam_lines $service; done
# Less than the others: sshd itself doubles what a failure took.
host_pam_lines sshd timeout=1500
# A service as nginx or PostgreSQL have one: no session, a user of its own.
printf '%s required pam_orgtoken.so\n' auth account >/etc/pam.d/web
useradd -r -G orgtoken-verify -s /bin/sh web
elevation_world || exit 1
sudoers "Defaults>acme-deploy targetpw" "alice ALL=(acme-deploy) ALL" "bob ALL=(acme-deploy) ALL" || exit 1
host_sshd_start "PasswordAuthentication yes" "KbdInteractiveAuthentication yes" || exit 1
mkdir "$work/out"
socket=/run/orgtoken/verify.sock

ssh_as() {
        local name=$1 secret=$2 method=$3 user=$4
        # An askpass of its own: these run side by side.
        printf '#!/bin/sh\necho "%s"\n' "$secret" >"$work/askpass.$name"
        chmod 0700 "$work/askpass.$name"
        # shellcheck disable=SC2086 # a list of options
        SSH_ASKPASS=$work/askpass.$name SSH_ASKPASS_REQUIRE=force DISPLAY=none setsid -w ssh -p "$ssh_port" $ssh_options \
                -o PreferredAuthentications="$method" "$user@127.0.0.1" id -un </dev/null
}

host_su() { piped alice "$alice" su acme-deploy -c 'id -un'; }
host_su_login() { typed alice "$alice" su - acme-deploy -c 'id -un'; }
# bob asks with sudo's own rules: the caller is proved.
host_sudo() { piped bob "$bob@globex" sudo -k -S -p '' -u acme-deploy id -un; }
host_sudo_target() { piped alice "$alice" sudo -k -S -p '' -u acme-deploy id -un; }
host_ssh() { ssh_as password "$acme_key" password acme-deploy; }
host_ssh_kbd() { ssh_as kbd "$alice" keyboard-interactive acme-deploy; }
host_root_app() { printf '%s\n' "$acme_key" | "$pamask" web acme-deploy auth account; }
host_web_app() {
        printf '%s\n' "$acme_key" | setpriv --reuid web --regid web --init-groups "$pamask" web acme-deploy auth account
}
hosts="su su_login sudo sudo_target ssh ssh_kbd root_app web_app"

# meet: every program at once; what each said and how it ended, in files.
meet() {
        local host
        rm -f "$work/out"/*
        for host in $hosts; do
                (
                        "host_$host" >"$work/out/$host" 2>&1
                        echo $? >"$work/out/$host.status"
                ) &
                meeting+=($!)
        done
        wait "${meeting[@]}"
        meeting=()
}
meeting=()

# Without a terminal the prompt is on the same line.
let_in() { grep -lE '^(Password: )?(acme-deploy|account)$' "$work/out"/* 2>/dev/null | xargs -r -n 1 basename | tr '\n' ' '; }
# By a signal, or by the time limit of those who gave them one.
ended_badly() { grep -lE '^(124|1[3-9][0-9])$' "$work/out"/*.status | xargs -r -n 1 basename | tr '\n' ' '; }

# nobody WORDS
nobody() {
        local began took
        began=$(date +%s)
        meet
        took=$(($(date +%s) - began))
        is "$(let_in)" "" "$1: nobody is let in"
        is "$(ended_badly)" "" "$1: and every program ends by itself"
        diag "$1: $took s for all"
}

meet
is "$(let_in)" "root_app ssh ssh_kbd su su_login sudo_target web_app " "with the daemon they are let in"
host_daemon_stop

# Nothing there, or nothing that could be.
rm -f "$socket"
nobody "no socket"
mkdir "$socket"
nobody "a directory"
rmdir "$socket"
touch "$socket"
nobody "a file"
rm "$socket"
python3 -c "import socket; socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET).bind('$socket')"
chmod 0666 "$socket"
nobody "a socket that nobody listens on"
rm "$socket"
is "$(ssh_as bob bobs-password password bob)" bob "a password opens, without the daemon"

# play NAME [UID]
play() {
        rm -f "$work/ready"
        "$builddir/tests/attack/impostor" "$socket" "$@" >"$work/ready" &
        impostor=$!
        host_wait "grep -q ready $work/ready"
}
stop_play() {
        kill -KILL $impostor
        wait $impostor 2>/dev/null
        rm -f "$socket"
}

play allow
meet
contains " $(let_in)" " ssh " "(an impostor that plays its part lets them in)"
contains " $(let_in)" " su " "(su too)"
stop_play
play allow "$(id -u alice)"
nobody "a socket that alice listens on"
contains "$(cat "$work/out/root_app")" "auth: 4" "which is a system error"
stop_play

for name in silent full late close close-after unavailable no-then-yes wrong-nonce wrong-verb short long trailing garbage \
        empty echo verdict-allow; do
        play $name
        nobody "$name"
        if [ $name = silent ]; then
                is "$(ssh_as bob bobs-password password bob)" bob "a password opens, while the daemon is silent"
        fi
        stop_play
done
play replay
echo "acme-deploy $acme_key" >"$work/tokens"
"$builddir/tests/attack/ask" "$socket" "$work/tokens" 1 >"$work/asked"
nobody "an answer from before"
stop_play

# The real one, stopped in the middle.
host_daemon_start || exit 1
kill -STOP "$daemon_pid"
nobody "the daemon, frozen"
kill -CONT "$daemon_pid"
host_wait 'orgtoken status'
meet
is "$(let_in)" "root_app ssh ssh_kbd su su_login sudo_target web_app " "and let in again when it goes on"
host_sshd_stop
tap_done
