# shellcheck shell=bash
# Random verbs by random callers against the daemon as it runs, over its socket and from as many uids: it and the model
# agree on every refusal, every revision and every list. The same in one process, and longer, is in `make check`.
# shellcheck source=tests/support/tap.sh
. "$top_srcdir/tests/support/tap.sh"
# shellcheck source=tests/support/host.sh
. "$top_srcdir/tests/support/host.sh"

host_install || exit 1
make -C "$builddir" tests/daemon/test_manage_model >"$work/build.log" 2>&1 || tail "$work/build.log" >&2
host_daemon_start || exit 1
# Another seed each day; a failure names it.
seed=${ORGTOKEN_MODEL_SEED-$(($(date +%s) / 86400))}
succeeds "${ORGTOKEN_MODEL_STEPS-2000} steps, seed $seed" env ORGTOKEN_MODEL_SOCKET=/run/orgtoken/manage.sock \
        ORGTOKEN_MODEL_STEPS="${ORGTOKEN_MODEL_STEPS-2000}" ORGTOKEN_MODEL_SEED="$seed" \
        "$builddir/tests/daemon/test_manage_model"
diag "$tap_out"
succeeds "the daemon is none the worse" orgtoken status
host_daemon_stop
tap_done
