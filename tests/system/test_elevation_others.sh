# shellcheck shell=bash
# The other programs that make one user of another: doas, runuser, login, cron, at, the helper of polkit.
# shellcheck source=tests/support/tap.sh
. "$top_srcdir/tests/support/tap.sh"
# shellcheck source=tests/support/host.sh
. "$top_srcdir/tests/support/host.sh"
# shellcheck source=tests/support/elevation.sh
. "$top_srcdir/tests/support/elevation.sh"

host_install || exit 1
elevation_world || exit 1
by="by ${alice:0:10} of alice"
skip() { ok 0 "$1 # SKIP not installed"; }
# A PAM file where there is none, made of the host's common ones.
pam_file() {
        [ -e "/etc/pam.d/$1" ] || printf '@include common-%s\n' auth account session-noninteractive >"/etc/pam.d/$1"
        host_pam_lines "$@"
}

# The second prompt, in a PAM file.
ask_org() { sed -i 's/\(auth .*pam_orgtoken.so\).*/\1 prompt_org/' "/etc/pam.d/$1"; }

# --- doas: as plain sudo, it asks for the caller, and the account is seen at the session only --------------------
if [ -x /usr/bin/doas ]; then
        pam_file doas
        doas_rules() {
                printf '%s\n' "$@" >/etc/doas.conf
                chmod 0600 /etc/doas.conf
                rm -rf /run/doas
        }
        # doas carries nothing of the PAM environment over.
        in_acme="in as acme-deploy for  by  of "
        doas_rules "permit alice as acme-deploy" "permit alice as globex-deploy" "permit alice as bob"
        opened "$in_acme" "doas: a token with @acme opens acme's account" typed alice "$alice@acme" doas -u acme-deploy "$who"
        refused "doas: and not globex's" typed alice "$alice@acme" doas -u globex-deploy "$who"
        refused "doas: a token that names no org" typed alice "$alice" doas -u acme-deploy "$who"
        refused "doas: somebody else's token" typed alice "$carol@globex" doas -u globex-deploy "$who"
        opened "in as bob for  by  of " "doas: an account of nobody's, by password" typed alice alices-password doas -u bob "$who"
        forget || exit 1
        refused "doas: a password opens no guarded account" typed alice alices-password doas -u acme-deploy "$who"
        doas_rules "permit nopass alice as acme-deploy" "permit nopass alice as globex-deploy" "permit alice as bob"
        refused "doas nopass: no token was ever given" as alice doas -u acme-deploy "$who"
        opened "in as bob for  by  of " "doas nopass: a proof for acme" typed alice "$alice@acme" doas -u bob "$who"
        opened "$in_acme" "doas nopass: opens acme's account" as alice doas -u acme-deploy "$who"
        refused "doas nopass: and not globex's" as alice doas -u globex-deploy "$who"
        doas_rules "permit persist alice as acme-deploy" "permit persist alice as globex-deploy"
        out=$(on_tty alice -a 'assword.*: ' "$alice@acme" -x 'first over' "orgtoken pat revoke ${alice:0:10}" -- sh -c "
                doas -u acme-deploy $who
                echo again: \$(doas -n -u acme-deploy $who 2>&1)
                echo other: \$(doas -n -u globex-deploy $who 2>&1)
                echo first over; read x
                echo after: \$(doas -n -u acme-deploy $who 2>&1)" 2>/dev/null)
        contains "$out" "in as acme-deploy" "doas persist: the first time with a token"
        lacks "$out" "other: in as" "doas persist: globex's account stays closed"
        lacks "$out" "after: in as" "doas persist: a revocation is seen"
        new_token
        doas_rules "permit alice as acme-deploy"
        refused "doas, without a terminal to ask on" piped alice "$alice@acme" doas -u acme-deploy "$who"
        ask_org doas
        opened "in as acme-deploy for  by  of " "doas, prompt_org" \
                on_tty alice -a 'assword.*: ' "$alice" -a 'rganization: ' acme -- doas -u acme-deploy "$who"
        refused "doas, prompt_org: the other org" \
                on_tty alice -a 'assword.*: ' "$alice" -a 'rganization: ' globex -- doas -u acme-deploy "$who"
else
        skip "doas"
fi

# --- root's own: runuser, su, sudo, cron, login -f ask nothing ---------------------------------------------------
for service in runuser runuser-l; do
        if [ -e "/etc/pam.d/$service" ]; then echo "session required pam_orgtoken.so" >>"/etc/pam.d/$service"; fi
done
opened "in as acme-deploy for  by  of " "runuser -u" runuser -u acme-deploy "$who"
opened "in as acme-deploy for  by  of " "runuser -l" runuser -l acme-deploy -c "$who"
refused "runuser, by alice" as alice runuser -u acme-deploy "$who"
host_daemon_stop
opened "in as acme-deploy for  by  of " "runuser, with the daemon stopped" runuser -u acme-deploy "$who"
host_daemon_start || exit 1
# The real ones: cron runs @reboot jobs when it starts, atd what is due.
for service in cron atd; do host_pam_lines $service; done
jobs=$work/jobs
install -d -m 1777 "$jobs"
printf '@reboot acme-deploy %s >%s/cron 2>&1\n' "$who" "$jobs" >/etc/cron.d/orgtoken-test
rm -f /run/crond.reboot /run/crond.pid
cron -f &
cron=$!
host_wait "test -s $jobs/cron"
is "$(cat "$jobs/cron")" "in as acme-deploy for  by  of " "cron: a job of a guarded account"
host_daemon_stop
rm -f /run/crond.reboot /run/crond.pid "$jobs/cron"
kill $cron
cron -f &
cron=$!
host_wait "test -s $jobs/cron"
is "$(cat "$jobs/cron")" "in as acme-deploy for  by  of " "cron, with the daemon stopped"
kill $cron
mkdir -p /run/lock
atd -f -b 1 &
atd=$!
host_wait "test -s /run/atd.pid"
# A job begins in the directory it was made in, and the tree may be root's alone.
echo "$who >$jobs/at 2>&1" | (cd / && as acme-deploy at now) >/dev/null 2>&1
host_wait "test -s $jobs/at"
is "$(cat "$jobs/at")" "in as acme-deploy for  by  of " "at: a job of a guarded account, with the daemon stopped"
kill $atd
host_daemon_start || exit 1
ask() {
        local secret=$1
        shift
        printf '%s\n' "$secret" | "$pamask" "$@"
}
is "$(ask '' cron acme-deploy tty=cron account session | xargs)" "account session" \
        "cron's calls, for a job of a guarded account: nobody is asked"
host_daemon_stop
is "$(ask '' cron acme-deploy tty=cron account session | xargs)" "account session" "nor needed, with the daemon stopped"
host_daemon_start || exit 1

forget || exit 1

# --- login -------------------------------------------------------------------------------------------------------
host_pam_lines login
sed -i '/pam_faildelay/d' /etc/pam.d/login
console() {
        local user=$1 secret=$2
        shift 2
        timeout 20 "$drive" -a 'login: $' "$user" -a 'assword: $' "$secret" -a '\$ $' "$who" -a 'in as [^$]*\$ $' exit -- login "$@"
}
contains "$(console acme-deploy "$acme_key")" "in as acme-deploy for acme by ${acme_key:0:9} of " "login: a key, at its account"
contains "$(console acme-deploy "$alice")" "in as acme-deploy for acme $by" "login: a member's token, at the org's account"
contains "$(console alice "$alice@acme")" "in as alice for acme $by" "login: a token, at its user's account"
contains "$(console alice alices-password)" "in as alice for  by  of " "login: a password"
short() { timeout 20 "$drive" -t 4 -a 'login: $' "$1" -a 'assword: $' "$2" -a '\$ $' "$who; exit" -- login; }
lacks "$(short globex-deploy "$alice")" "in as" "login: not the account of another org"
lacks "$(short root "$alice@acme")" "in as" "login: not root"
contains "$(timeout 20 "$drive" -a '\$ $' "$who" -a 'in as [^$]*\$ $' exit -- login -f acme-deploy)" "in as acme-deploy for  by  of " \
        "login -f, by root: nobody is asked"
is "$(grants)" 0 "login makes no grant"

# --- polkit ------------------------------------------------------------------------------------------------------
helper=/usr/lib/polkit-1/polkit-agent-helper-1
if [ -u "$helper" ]; then
        pam_file polkit-1
        polkit() { printf 'cookie\n%s\n' "$1" | as "$2" timeout 20 "$helper" "$3" 2>&1; }
        # What comes after PAM needs polkitd, which is not running here; the daemon's record says what PAM said.
        polkit "$alice@acme" alice alice >/dev/null
        contains "$(tail -n 1 "$work/daemon.log")" "allowed: alice for acme $(cut -d' ' -f1,2 <<<"$by") (polkit-1)" \
                "polkit: a token proves its user"
        polkit "$alice@globex" alice alice >/dev/null
        contains "$(tail -n 1 "$work/daemon.log")" "refused: alice" "polkit: not for an org that she is not in"
        polkit "$alice@acme" alice root >/dev/null
        contains "$(tail -n 1 "$work/daemon.log")" "refused: alice as root" "polkit: not root, as an administrator"
        is "$(grants)" 0 "polkit: makes no grant"
else
        skip "polkit's helper"
fi

# --- a second prompt, and sudo asking for root's password --------------------------------------------------------
host_pam_lines su
ask_org su
in_acme="in as acme-deploy for acme $by"
opened "$in_acme" "su, prompt_org: the account names the org, nothing is asked" typed alice "$alice" su acme-deploy -c "$who"
orgtoken account bind globex acme-deploy >/dev/null 2>&1
opened "$in_acme" "su, prompt_org: an account of two orgs" \
        on_tty alice -a 'assword.*: ' "$alice" -a 'rganization: ' acme -- su acme-deploy -c "$who"
refused "su, prompt_org: the one that she is not in" \
        on_tty alice -a 'assword.*: ' "$alice" -a 'rganization: ' globex -- su acme-deploy -c "$who"
orgtoken account unbind globex acme-deploy >/dev/null 2>&1
ask_org login
contains "$(timeout 20 "$drive" -a 'login: $' alice -a 'assword: $' "$alice" -a 'rganization: $' acme -a '\$ $' "$who" \
        -a 'in as [^$]*\$ $' exit -- login)" "in as alice for acme $by" "login, prompt_org"
if [ -u "$helper" ]; then
        ask_org polkit-1
        printf 'cookie\n%s\nacme\n' "$alice" | as alice timeout 20 "$helper" alice >/dev/null 2>&1
        contains "$(tail -n 1 "$work/daemon.log")" "allowed: alice for acme" "polkit, prompt_org"
fi
for service in sudo sudo-i; do host_pam_lines $service; done
ask_org sudo
sudoers "alice ALL=(acme-deploy,globex-deploy) ALL" || exit 1
opened "$in_acme" "sudo -S, prompt_org: one line each" \
        piped alice "$alice"$'\nacme' sudo -k -S -p '' -u acme-deploy "$who"
# shellcheck disable=SC2016 # the script's own
printf '#!/bin/sh\ncase $1 in *rganization*) echo acme ;; *) echo %s ;; esac\n' "$alice" >"$work/ask"
chmod 0755 "$work/ask"
opened "$in_acme" "sudo -A, prompt_org" as alice SUDO_ASKPASS="$work/ask" sudo -k -A -u acme-deploy "$who"
forget || exit 1
for what in rootpw runaspw; do
        sudoers "Defaults $what" "alice ALL=(acme-deploy,globex-deploy) ALL" || exit 1
        refused "$what asks for root's password, and a token is none" typed alice "$alice@acme" sudo -u acme-deploy "$who"
        usermod -p "$(openssl passwd -6 -salt orgtoken roots-password)" root
        refused "$what: root's own opens no guarded account either" typed alice roots-password sudo -u acme-deploy "$who"
done
tap_done
