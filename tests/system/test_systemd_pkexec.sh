# shellcheck shell=bash
# pkexec, with the real polkitd on a host booted with systemd: what doc/ELEVATION.md says of it. It proves the caller
# with a token, and then opens whatever polkit's rules allow, without a session that names the caller.
# shellcheck source=tests/support/tap.sh
. "$top_srcdir/tests/support/tap.sh"
# shellcheck source=tests/support/host.sh
. "$top_srcdir/tests/support/host.sh"
# shellcheck source=tests/support/elevation.sh
. "$top_srcdir/tests/support/elevation.sh"

host_install || exit 1
[ -e /etc/pam.d/polkit-1 ] || printf '@include common-%s\n' auth account session-noninteractive >/etc/pam.d/polkit-1
host_pam_lines polkit-1
elevation_world || exit 1
systemctl start polkit.service
rule() {
        mkdir -p /etc/polkit-1/rules.d
        printf 'polkit.addRule(function(a, s) { if (a.id == "org.freedesktop.policykit.exec" && s.user == "alice" && %s) return %s; });\n' \
                "$1" "$2" >/etc/polkit-1/rules.d/10-test.rules
        # So many starts within ten seconds would be too many.
        systemctl reset-failed polkit.service
        systemctl restart polkit.service
}
# With pkttyagent, as people without a desktop do: the agent that pkexec brings itself is known not to be heard
# outside of a login session.
cat >"$work/exec" <<'EXEC'
#!/bin/sh
mkfifo "/tmp/agent.$$"
pkttyagent --process $$ --notify-fd 3 3>"/tmp/agent.$$" &
cat "/tmp/agent.$$"
pkexec --user "$1" /usr/bin/id -un | sed 's/^/in as /'
kill $!
EXEC
chmod 0755 "$work/exec"
exec_as() { typed alice "$1" "$work/exec" "$2" 2>&1 | tr -d '\r'; }

lacks "$(exec_as "$alice@acme" acme-deploy)" "in as" "polkit's own rules: an administrator is asked for, and alice's token is none"
rule 'a.lookup("user") == "acme-deploy"' polkit.Result.AUTH_SELF
contains "$(exec_as "$alice@acme" acme-deploy)" "in as acme-deploy" "a rule that lets her: a token proves that it is alice"
contains "$(cat "$work/daemon.log")" "allowed: alice for acme by ${alice:0:10} (polkit-1" "by polkit's helper"
is "$(grants)" 0 "and makes no grant"
lacks "$(exec_as "$alice@globex" acme-deploy)" "in as" "not a token for an org that she is not in"
lacks "$(exec_as "$alice@acme" globex-deploy)" "in as" "nor for an account that the rule does not name"
rule true polkit.Result.AUTH_SELF
contains "$(exec_as "$alice@acme" globex-deploy)" "in as globex-deploy" "NOT HELD where polkit allows it: globex's account, with a token for acme"
rule true polkit.Result.YES
is "$(as alice sh -c 'pkexec --user globex-deploy /usr/bin/id -un; exit $?' 2>&1)" globex-deploy "NOT HELD where polkit allows it: without a token"

# With sudo's approval plugin, which pkexec never loads: the last column of that table.
plugin=$(find /usr/lib* /usr/libexec -path '*sudo/orgtoken_sudo.so' 2>/dev/null | head -n 1)
is "$([ -n "$plugin" ] && echo built)" built "the plugin is installed"
echo "Plugin orgtoken_approval $plugin" >>/etc/sudo.conf
sudoers "alice ALL=(globex-deploy) NOPASSWD: ALL" || exit 1
lacks "$(as alice sudo -n -u globex-deploy "$who" 2>&1)" "in as" "plugin: sudo asks it, and is refused"
rule true polkit.Result.NO
lacks "$(exec_as "$alice@acme" globex-deploy)" "in as" "plugin: polkit's rules close globex's account"
rule true polkit.Result.AUTH_SELF
contains "$(exec_as "$alice@acme" globex-deploy)" "in as globex-deploy" "plugin: NOT HELD where they allow it, with a token for acme"
rule true polkit.Result.YES
is "$(as alice sh -c 'pkexec --user globex-deploy /usr/bin/id -un; exit $?' 2>&1)" globex-deploy "plugin: NOT HELD, without a token"
is "$(grants)" 0 "plugin: and no grant was made that sudo would take"
lacks "$(as alice sudo -n -u globex-deploy "$who" 2>&1)" "in as" "plugin: nor does sudo open it behind that"
tap_done
