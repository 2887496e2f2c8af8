# shellcheck shell=bash
# Where a secret must not be, after two hundred of them were made and used in every way.
# shellcheck source=tests/support/host.sh
. "$top_srcdir/tests/support/host.sh"

host_install || exit 1
host_user alice
host_user acme-deploy
host_pam_lines su
PYTHONDONTWRITEBYTECODE=1 exec "$top_srcdir/tests/attack/canaries.py" "${CANARIES:-200}"
