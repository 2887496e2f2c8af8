# shellcheck shell=bash
# The daemon started by hand, without systemd: by root, whose privileges it gives up, and by anybody else for
# themselves. Each thing that it refuses to start with has a sentence, and leaves what it found as it was.
# shellcheck source=tests/support/tap.sh
. "$top_srcdir/tests/support/tap.sh"
# shellcheck source=tests/support/host.sh
. "$top_srcdir/tests/support/host.sh"

state=$work/state runtime=$work/runtime

# start: in the background, until it answers.
start() {
        orgtokend --state-dir "$state" --runtime-dir "$runtime" >>"$work/daemon.log" 2>&1 &
        daemon_pid=$!
        host_wait "orgtoken --socket $runtime/manage.sock status" || cat "$work/daemon.log"
}

# refuses SENTENCE DESCRIPTION [ARGUMENT ...]: it ends by itself, with status 1 and that sentence.
refuses() {
        local sentence=$1 words=$2
        shift 2
        exits 1 "$words" timeout 20 orgtokend --state-dir "$state" --runtime-dir "$runtime" "$@"
        # shellcheck disable=SC2154 # of tap.sh
        contains "$tap_out" "$sentence" "  and says so"
}

as() {
        local user=$1
        shift
        setpriv --reuid "$user" --regid "$user" --init-groups "$@"
}

mode() { stat -c '%A %U:%G' "$1"; }

# ---- before there is a group, and a user ----
make -C "$builddir" install >"$work/install.log" 2>&1 || exit 1
refuses "orgtoken-verify: there is no such group" "without the group"
is "$(ls "$work")" "$(printf 'askpass\ninstall.log')" "and nothing was made"
groupadd -r orgtoken-verify
refuses "orgtoken: there is no such user" "without the user"
systemd-sysusers /usr/lib/sysusers.d/orgtoken.conf >"$work/install.log" 2>&1 || exit 1
host_user alice
host_user bob

# ---- by root ----
refuses "the daemon never serves as root" "--user root" --user root
refuses "nosuch: there is no such user" "--user of nobody" --user nosuch
exits 2 "--user with a number" orgtokend --user 0 --state-dir "$state" --runtime-dir "$runtime"
rm -rf "$state" "$runtime"
start
is "$(mode "$state")" "drwx------ orgtoken:orgtoken" "the state directory is made, for the daemon's user alone"
is "$(mode "$state/key")" "-rw------- orgtoken:orgtoken" "so is the key"
is "$(mode "$state/orgtoken.db")" "-rw------- orgtoken:orgtoken" "and the store"
is "$(mode "$runtime")" "drwxr-xr-x root:root" "the runtime directory stays root's"
is "$(mode "$runtime/verify.sock")" "srw-rw---- root:orgtoken-verify" "verify.sock is for the group"
is "$(mode "$runtime/manage.sock")" "srw-rw-rw- root:root" "manage.sock is for everybody"
is "$(ps -o ruser=,euser=,suser=,rgroup=,egroup= -p "$daemon_pid" | tr -s ' ')" \
        "orgtoken orgtoken orgtoken orgtoken orgtoken" "it runs as the system user, for good"
is "$(awk '/^(CapPrm|CapEff|Groups)/ {printf "%s", $2}' "/proc/$daemon_pid/status")" \
        "00000000000000000000000000000000" "with no capability and no further group"
succeeds "root manages" orgtoken --socket "$runtime/manage.sock" org create acme
exits 1 "alice does not" as alice orgtoken --socket "$runtime/manage.sock" org create globex
refuses "another program listens there" "a second one in the same place"
runtime=$work/runtime2
refuses "another orgtokend is using this state directory" "a second one with the same state"
runtime=$work/runtime state=$work/state2
refuses "another program listens there" "a second one with the same sockets"
[ ! -e "$work/state2" ]
ok $? "made no state for that"
state=$work/state
succeeds "and the first still serves" orgtoken --socket "$runtime/manage.sock" org show acme
host_daemon_stop KILL
[ -S "$runtime/verify.sock" ]
ok $? "a daemon that was killed leaves its sockets"
start
succeeds "the next one takes their place, with the store as it was" orgtoken --socket "$runtime/manage.sock" org show acme
host_daemon_stop
is "$?" 0 "SIGTERM ends it"

# ---- what it does not start with ----
rm -rf "$runtime"
for bad in 0777 1777 0775; do
        install -d -m $bad "$runtime"
        refuses "others can write the runtime directory" "a runtime directory of mode $bad"
        is "$(ls -A "$runtime")" "" "  and nothing is in it"
        rmdir "$runtime"
done
install -d -o alice "$runtime"
refuses "others can write the runtime directory" "a runtime directory of alice's"
rmdir "$runtime"
mkdir "$runtime"
touch "$runtime/verify.sock"
refuses "is in the way: not a socket" "a file in the socket's place"
rm -rf "$runtime"
chmod 0770 "$state"
refuses "the state directory must be our own, and 0700" "a state directory that the group can write"
chmod 0755 "$state"
start
is "$(mode "$state")" "drwx------ orgtoken:orgtoken" "one that others can read is closed to them"
host_daemon_stop
rm -rf "$state"
mkdir "$state"
touch "$state/diary"
refuses "holds other files than ours" "a state directory with something else in it"
is "$(mode "$state")" "drwxr-xr-x root:root" "  and it stays root's"
install -d -m 0700 "$work/closed"
state=$work/closed/state
refuses "the daemon's user cannot get there" "a state directory that its user cannot reach"
state=$work/missing/state
rm -rf "$runtime"
start
is "$(mode "$work/missing")" "drwxr-xr-x root:root" "missing directories are made, above it too"
host_daemon_stop

# ---- by somebody else ----
state=/home/alice/t/state runtime=/home/alice/t/run
for other in bob orgtoken nosuch; do
        exits 1 "alice does not start one as $other" as alice timeout 20 orgtokend --state-dir $state --runtime-dir $runtime --user $other
        contains "$tap_out" "only root starts a daemon as another user" "  and is told so"
done
[ ! -e /home/alice/t ]
ok $? "which left nothing"
setpriv --reuid alice --regid alice --init-groups orgtokend --state-dir $state --runtime-dir $runtime --user alice \
        >"$work/private.log" 2>&1 &
daemon_pid=$!
host_wait "as alice orgtoken --socket $runtime/manage.sock status" || cat "$work/private.log"
is "$(mode $runtime/verify.sock)" "srw------- alice:alice" "alice's own: verify.sock is hers alone"
is "$(mode $runtime/manage.sock)" "srw------- alice:alice" "and so is manage.sock"
succeeds "she is its administrator" as alice orgtoken --socket $runtime/manage.sock org create acme
chmod 0666 $runtime/manage.sock
exits 3 "bob is not served, could he connect" as bob orgtoken --socket $runtime/manage.sock whoami
exits 3 "nor is root" orgtoken --socket $runtime/manage.sock whoami
succeeds "and she still is" as alice orgtoken --socket $runtime/manage.sock org show acme
host_daemon_stop
is "$(ls -A $runtime)" "" "what she started takes its sockets away"
tap_done
