# shellcheck shell=bash
# shellcheck disable=SC2034 # used by those that source it
# Sourced after tap.sh and host.sh by the tests of elevation: two organisations that share nobody but carol, an
# account of each, and ways to run su, sudo and doas as a person, with a terminal and without one.

drive=$top_srcdir/tests/support/ptydrive.py
# Others than root run it too, and the tree may be root's alone.
install -m 0755 "$top_srcdir/tests/support/pamask.py" "$work/pamask.py"
pamask=$work/pamask.py

# as USER COMMAND ...: as that user, with the environment of a login and nothing else.
as() {
        local user=$1
        shift
        setpriv --reuid "$user" --regid "$user" --init-groups env -i HOME="/home/$user" USER="$user" \
                LOGNAME="$user" SHELL=/bin/sh TERM=dumb \
                PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin "$@"
}

as_words() {
        echo "setpriv --reuid $1 --regid $1 --init-groups env -i HOME=/home/$1 USER=$1 LOGNAME=$1 SHELL=/bin/sh \
TERM=dumb PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
}

# typed USER SECRET COMMAND ...: at a terminal, with SECRET typed at the prompt for a password.
typed() {
        local user=$1 secret=$2
        shift 2
        # shellcheck disable=SC2046 # words
        "$drive" -a '[Pp]assword.*: ?' "$secret" -- $(as_words "$user") "$@"
}

# on_tty USER [STEP ...] -- COMMAND ...: the same with steps of ptydrive.py.
on_tty() {
        local user=$1 steps=()
        shift
        while [ "$1" != -- ]; do
                steps+=("$1")
                shift
        done
        shift
        # shellcheck disable=SC2046 # words
        "$drive" "${steps[@]}" -- $(as_words "$user") "$@"
}

# piped USER SECRET COMMAND ...: without a terminal, SECRET on standard input.
piped() {
        local user=$1 secret=$2
        shift 2
        printf '%s\n' "$secret" | as "$user" timeout 20 setsid -w "$@"
}

# opened WANT DESCRIPTION COMMAND ...: it succeeds, and its last line is WANT.
opened() {
        local want=$1 words=$2 out status=0
        shift 2
        out=$("$@" 2>&1) || status=$?
        # Without a terminal the prompt is on the same line.
        [ "$status" = 0 ] && [ "$(tail -n 1 <<<"$out" | sed 's/^.*: in as /in as /')" = "$want" ]
        status=$?$status
        ok "${status:0:1}" "$words"
        if [ "${status:0:1}" != 0 ]; then
                diag "status ${status:1}, expected '$want': $*"
                diag "$out"
                diag "$(tail -n 3 "$work/daemon.log")"
        fi
}

# refused DESCRIPTION COMMAND ...: it fails, in time, and no line of its is the "in as NAME" of a command that ran.
refused() {
        local words=$1 out status=0
        shift
        out=$("$@" 2>&1) || status=$?
        [ "$status" != 0 ] && [ "$status" != 124 ] && [ "$status" != 127 ] && ! grep -q 'in as ' <<<"$out"
        status=$?$status
        ok "${status:0:1}" "$words"
        if [ "${status:0:1}" != 0 ]; then
                diag "status ${status:1}: $*"
                diag "$out"
                diag "$(tail -n 3 "$work/daemon.log")"
        fi
}

# What the commands run. Prints "in as ACCOUNT for ORG by KEY_ID of USER".
cat >"$work/who" <<'WHO'
#!/bin/sh
echo "in as $(id -un) for $ORGTOKEN_ORG by $ORGTOKEN_KEY_ID of $ORGTOKEN_USER"
WHO
chmod 0755 "$work/who"
who=$work/who

# sudoers LINE ...: these lines and nothing else, beside the host's own sudoers file.
sudoers() {
        {
                # One try, so that a refusal is one. No mail, no lecture.
                echo "Defaults passwd_tries=1, lecture=never, !mail_badpass"
                printf '%s\n' "$@"
        } >"$work/sudoers"
        visudo -cf "$work/sudoers" >"$work/visudo.log" 2>&1 || {
                cat "$work/visudo.log" >&2
                return 1
        }
        install -m 0440 "$work/sudoers" /etc/sudoers.d/test
        sudo_forget
}

# sudo's tickets, all of them.
sudo_forget() { rm -rf /run/sudo/ts; }

# grants: how many the daemon holds.
grants() { orgtoken --json status | tr -d ' ' | grep -o '"grants":[0-9]*' | cut -d: -f2; }

# forget: no ticket and no grant, as on a new day.
forget() {
        sudo_forget
        host_daemon_stop
        sqlite3 /var/lib/orgtoken/orgtoken.db 'DELETE FROM grants' || return 1
        host_daemon_start
}

# written: waits until a grant is in the store; the daemon writes them when it has answered.
# shellcheck disable=SC2016 # for eval
written() { host_wait '[ "$(sqlite3 /var/lib/orgtoken/orgtoken.db "SELECT count(*) FROM grants")" -ge 1 ]'; }

# age SECONDS [COLUMN]: makes all grants older, as if the time had passed.
age() {
        written
        host_daemon_stop
        sqlite3 /var/lib/orgtoken/orgtoken.db "UPDATE grants SET ${2-renewed_at} = ${2-renewed_at} - $1" || return 1
        host_daemon_start
}

# new_token: another token of alice's, and the words about it.
new_token() {
        alice=$(as alice orgtoken pat create --name laptop 2>/dev/null)
        by="by ${alice:0:10} of alice"
        in_acme="in as acme-deploy for acme $by"
}

# ended SET-UP WORDS COMMAND UNDO: with a running ticket acme's account opens before COMMAND and not after it.
ended() {
        local words="$1: $2" command=$3 undo=$4 out
        new_token
        sudo_forget
        out=$(on_tty alice -a 'assword.*: ' "$alice@acme" -x 'first over' "$command" -x 'second over' "$undo" -- sh -c "
                sudo -u acme-deploy $who
                echo before: \$(sudo -n -u acme-deploy $who 2>&1)
                echo first over; read x
                echo after: \$(sudo -n -u acme-deploy $who 2>&1)
                echo second over; read x" 2>/dev/null)
        contains "$out" "before: in as acme-deploy" "$words: before it the ticket opens the account"
        contains "$out" "after: " "$words: and it is asked for again"
        lacks "$out" "after: in as" "$words: after it the ticket does not"
        as alice orgtoken pat revoke "${alice:0:10}" >/dev/null 2>&1
}

# all_endings SET-UP
all_endings() {
        local bind="orgtoken account bind acme acme-deploy"
        ended "$1" "the token revoked" \
                "for id in \$(orgtoken --json pat list --user alice --state live | grep -o 'pat_[0-9A-Za-z]*'); do
                orgtoken pat revoke \$id; done" true
        ended "$1" "the org left" "orgtoken member remove acme alice" "orgtoken member add acme alice"
        ended "$1" "the account unbound" "orgtoken account unbind acme acme-deploy" "$bind"
        ended "$1" "the account another org's" \
                "orgtoken account unbind acme acme-deploy; orgtoken account bind globex acme-deploy" \
                "orgtoken account unbind globex acme-deploy; $bind"
        ended "$1" "the account for admins" "$bind --role admin" "$bind"
        ended "$1" "the account bound for su only" "$bind --service su" "$bind"
        ended "$1" "the org suspended" "orgtoken org suspend acme" "orgtoken org resume acme"
        ended "$1" "the user suspended" "orgtoken user suspend alice" "orgtoken user resume alice"
        ended "$1" "the daemon stopped" "$(host_stop_words)" true
        host_daemon_stop
        host_daemon_start
        as alice orgtoken pat revoke "${alice:0:10}" >/dev/null 2>&1
}

# elevation_world: users, organisations, accounts, tokens.
elevation_world() {
        echo "127.0.0.1 $(hostname)" >>/etc/hosts
        host_user alice alices-password
        host_user bob bobs-password
        host_user carol carols-password
        host_user acme-deploy
        host_user acme-admin
        host_user globex-deploy globex-deploys-password
        host_daemon_start "$@" || return 1
        for org in acme globex; do
                orgtoken org create $org && orgtoken account bind $org $org-deploy || return 1
        done >/dev/null 2>&1
        {
                orgtoken account bind acme acme-admin --role admin
                orgtoken member add acme alice
                orgtoken member add acme carol
                orgtoken member add globex carol
                orgtoken member add globex bob --role admin
        } >/dev/null 2>&1 || return 1
        acme_key=$(orgtoken key create acme --name ci 2>/dev/null)
        globex_key=$(orgtoken key create globex --name ci 2>/dev/null)
        alice=$(as alice orgtoken pat create --name laptop 2>/dev/null)
        bob=$(as bob orgtoken pat create --name laptop 2>/dev/null)
        carol=$(as carol orgtoken pat create --name laptop 2>/dev/null)
        [ -n "$acme_key" ] && [ -n "$globex_key" ] && [ -n "$alice" ] && [ -n "$bob" ] && [ -n "$carol" ]
}
