# shellcheck shell=sh
# Sourced inside scripts/sandbox by the demonstration and by the system tests: puts orgtoken on the throw-away
# host as an administrator would, starts the daemon and a stock sshd, and talks to them as their users do.
# Expects $top_srcdir and $builddir (a configured and built tree whose prefix is /usr).
#
# On a host that was booted with systemd (scripts/systemd-host) the daemon is the shipped unit, behind the shipped
# sockets and in its sandbox; elsewhere it is started by hand. Its output is in $work/daemon.log either way.

work=$(mktemp -d /run/orgtoken-test.XXXXXX)
chmod 0755 "$work"
ssh_port=2222

host_has_systemd() { [ -d /run/systemd/system ]; }

host_install() {
        make -C "$builddir" install >"$work/install.log" 2>&1 || {
                tail -n 20 "$work/install.log" >&2
                return 1
        }
        systemd-sysusers /usr/lib/sysusers.d/orgtoken.conf >"$work/sysusers.log" 2>&1 || {
                cat "$work/sysusers.log" >&2
                return 1
        }
        if host_has_systemd; then
                systemd-tmpfiles --create orgtoken.conf
                systemctl daemon-reload
                return
        fi
        # What the socket units and StateDirectory= do where systemd runs.
        install -d -m 0755 /run/orgtoken
        install -d -m 0700 -o orgtoken -g orgtoken /var/lib/orgtoken
}

# host_user NAME [PASSWORD]: an ordinary account with a home.
host_user() {
        useradd -m -s /bin/sh "$1"
        if [ -n "${2-}" ]; then
                # One round of a plain hash: the tests log in hundreds of times.
                usermod -p "$(openssl passwd -6 -salt orgtoken "$2")" "$1"
        fi
}

host_units="orgtokend-verify.socket orgtokend-manage.socket"

# host_daemon_start [OPTION ...]
host_daemon_start() {
        if host_has_systemd; then
                host_unit_start "$@"
                return
        fi
        # At the priority that the unit gives it.
        nice -n "$(sed -n 's/^Nice=//p' "$builddir/systemd/orgtokend.service")" \
                orgtokend --state-dir /var/lib/orgtoken --runtime-dir /run/orgtoken "$@" \
                >>"$work/daemon.log" 2>&1 &
        daemon_pid=$!
        host_wait 'orgtoken status' || {
                cat "$work/daemon.log" >&2
                return 1
        }
}

# The unit as it is shipped, but for its options and for where its records go: where it cannot reach the journal
# they come out of standard error.
host_unit_start() {
        mkdir -p /run/systemd/system/orgtokend.service.d
        {
                echo "[Service]"
                echo "StandardError=append:$work/daemon.log"
                echo "InaccessiblePaths=/run/systemd/journal"
                echo "ExecStart="
                echo "ExecStart=/usr/sbin/orgtokend $*"
        } >/run/systemd/system/orgtokend.service.d/test.conf
        systemctl daemon-reload
        # shellcheck disable=SC2086 # a list of words
        systemctl enable --now $host_units 2>>"$work/daemon.log"
        host_wait 'orgtoken status' || {
                systemctl status --no-pager orgtokend.service >&2
                return 1
        }
        daemon_pid=$(systemctl show -P MainPID orgtokend.service)
}

# What stops it, as words for another shell: of a unit the sockets too, or the next request starts it again.
host_stop_words() {
        if host_has_systemd; then
                echo "systemctl stop $host_units orgtokend.service"
        else
                # A signal is not yet an end.
                echo "kill $daemon_pid; while orgtoken status >/dev/null 2>&1; do sleep 0.05; done"
        fi
}

# host_daemon_stop [SIGNAL]: with a dash or without.
host_daemon_stop() {
        if host_has_systemd; then
                signal=${1:-TERM}
                if [ "${signal#-}" != TERM ]; then systemctl kill -s "${signal#-}" orgtokend.service; fi
                eval "$(host_stop_words)" 2>/dev/null
                return 0
        fi
        signal=${1:-TERM}
        kill -"${signal#-}" "$daemon_pid" 2>/dev/null || true
        wait "$daemon_pid" 2>/dev/null || true
}

# host_wait COMMAND: up to ten seconds for it to succeed.
host_wait() {
        for _ in $(seq 200); do
                if eval "$1" >/dev/null 2>&1; then return 0; fi
                sleep 0.05
        done
        return 1
}

# host_pam_lines SERVICE [AUTH OPTION ...]: the documented lines, where the README says that they go.
host_pam_lines() {
        file=/etc/pam.d/$1
        shift
        grep -q '^@include common-auth' "$file" || {
                echo "$file does not include common-auth" >&2
                return 1
        }
        awk -v options="$*" '
                /^@include common-auth/ {
                        print "auth [success=2 user_unknown=ignore default=die] pam_orgtoken.so " options
                        print "account required pam_orgtoken.so"
                }
                {print}
                END {print "session required pam_orgtoken.so"}' "$file" >"$work/pam.new"
        cat "$work/pam.new" >"$file"
}

# host_sshd_start [CONFIGURATION LINE ...]
host_sshd_start() {
        mkdir -p /run/sshd
        [ -e "$work/hostkey" ] || ssh-keygen -q -t ed25519 -N '' -f "$work/hostkey"
        {
                echo "Port $ssh_port"
                echo "ListenAddress 127.0.0.1"
                echo "HostKey $work/hostkey"
                echo "PidFile $work/sshd.pid"
                echo "UsePAM yes"
                echo "UseDNS no"
                echo "MaxStartups 200"
                echo "Subsystem sftp internal-sftp"
                for line in "$@"; do echo "$line"; done
        } >"$work/sshd_config"
        /usr/sbin/sshd -f "$work/sshd_config" -E "$work/sshd.log"
        host_wait "test -s $work/sshd.pid"
}

host_sshd_stop() {
        if [ -s "$work/sshd.pid" ]; then
                kill "$(cat "$work/sshd.pid")" 2>/dev/null || true
                host_wait "! test -e $work/sshd.pid"
        fi
}

# ssh asks this program for the password; the secret is in a file that only root reads.
cat >"$work/askpass" <<ASKPASS
#!/bin/sh
case "\$1" in
*rganization*) cat $work/org 2>/dev/null ;;
*) cat $work/password ;;
esac
ASKPASS
chmod 0700 "$work/askpass"

ssh_options="-o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o LogLevel=ERROR
-o PubkeyAuthentication=no -o NumberOfPasswordPrompts=1 -o ConnectTimeout=10"

# with_password SECRET COMMAND ...: runs an OpenSSH client that answers its prompts with SECRET.
with_password() {
        printf '%s\n' "$1" >"$work/password"
        shift
        SSH_ASKPASS=$work/askpass SSH_ASKPASS_REQUIRE=force DISPLAY=none \
                timeout 30 setsid -w "$@" </dev/null
}

# ssh_login SECRET METHOD USER COMMAND ...: METHOD is password or keyboard-interactive.
ssh_login() {
        secret=$1 method=$2 user=$3
        shift 3
        # shellcheck disable=SC2086 # a list of options
        with_password "$secret" ssh -p "$ssh_port" $ssh_options \
                -o PreferredAuthentications="$method" "$user@127.0.0.1" "$@"
}
