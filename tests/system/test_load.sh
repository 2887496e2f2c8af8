# shellcheck shell=bash
# What hostile callers of three uids can do to the others: nothing. The long form is `make check-load`.
# shellcheck source=tests/support/tap.sh
. "$top_srcdir/tests/support/tap.sh"
# shellcheck source=tests/support/host.sh
. "$top_srcdir/tests/support/host.sh"

host_install || exit 1
host_user acme-deploy
host_daemon_start || exit 1
orgtoken org create acme >/dev/null || exit 1
orgtoken account bind acme acme-deploy >/dev/null 2>&1 || exit 1
for n in 1 2 3 4; do
        echo "acme-deploy $(orgtoken key create acme --name "load $n" 2>/dev/null)"
done >"$work/tokens"
gid=$(getent group orgtoken-verify | cut -d: -f3)
# shellcheck disable=SC2086 # a list of options
exec "$top_srcdir/tests/attack/load.py" ${LOAD_OPTIONS-} "$builddir/tests/attack" "$daemon_pid" /run/orgtoken "$work/tokens" "$gid"
