# shellcheck shell=bash
# A store of a million tokens: every list is whole, a search finds the one that is meant, whoever reads slowly or not at
# all holds up nobody, and the daemon needs no more memory for it. How long each took is printed and not judged.
# shellcheck source=tests/support/tap.sh
. "$top_srcdir/tests/support/tap.sh"
# shellcheck source=tests/support/host.sh
. "$top_srcdir/tests/support/host.sh"

tokens=${ORGTOKEN_LARGE_TOKENS-1000000}
now() { date +%s%N; }
# timed DESCRIPTION COMMAND ...: its output in $work/out, and how long it took as a comment.
timed() {
        local words=$1 start
        shift
        start=$(now)
        "$@" >"$work/out" 2>"$work/err"
        ok $? "$words"
        diag "$((($(now) - start) / 1000000)) ms: ${*}"
}

host_install || exit 1
make -C "$builddir" tests/bench/store >"$work/build.log" 2>&1 || tail "$work/build.log" >&2
# The unit makes it only when it starts.
install -d -m 0700 /var/lib/orgtoken
timed "a store of $tokens tokens" "$builddir/tests/bench/store" /var/lib/orgtoken "$tokens" "$work/sample"
chown -R orgtoken:orgtoken /var/lib/orgtoken
host_daemon_start || exit 1

timed "status counts" orgtoken --json status
pats=$((tokens / 8)) keys=$((tokens - tokens / 8))
is "$(sed 's/.*"keys_live": \([0-9]*\).*"pats_live": \([0-9]*\).*/\1 \2/' "$work/out")" "$keys $pats" "every token of either kind"
timed "the list of an organisation" orgtoken --json key list org-5
near=$(($(grep -c key_id "$work/out") - keys / 100))
[ ${near#-} -le 1 ]
ok $? "has all keys of it"
timed "the same for people" orgtoken key list org-5
timed "a search by name" orgtoken key list org-5 --name "$(sed -n '40s/.*"\?bench \([0-9]*\).*/\1/p' "$work/out")"
is "$(grep -c '^ak_' "$work/out")" 1 "finds the one"
timed "a search that finds nothing" orgtoken key list org-5 --name nothing-of-that-name
contains "$(cat "$work/err")" "none matches" "says so"
timed "a search among everybody's" orgtoken pat list --name "bench $((pats * 4 + 7 - pats * 4 % 8))"
timed "the tokens of one person" orgtoken pat list --user user-3
near=$(($(grep -c '^pat_' "$work/out") - pats / 1000))
[ ${near#-} -le 1 ]
ok $? "has all of them"
timed "the list of all personal tokens" orgtoken --json pat list
is "$(grep -c key_id "$work/out")" "$pats" "is whole"
is "$(sort "$work/out" | uniq -d | grep -c key_id)" 0 "and names none twice"
timed "all organisations" orgtoken org list
timed "all users" orgtoken user list
timed "what ends soon" orgtoken key list org-5 --expiring 14d
timed "the timer's run over all of them" orgtoken notify
timed "what revoke --all would do" orgtoken revoke --all --dry-run
contains "$(cat "$work/out")" "$tokens tokens" "is to revoke all"
timed "revoke --all of one organisation" orgtoken revoke --all --org org-7
timed "a key id completed" orgtoken __complete -- key revoke ak_

# Of a million a short prefix is never one token's; a key id of the list always is.
exits 1 "a prefix of one character" orgtoken key revoke ak_0
contains "$tap_out" "more characters" "is refused"
id=$(orgtoken --json key list org-5 | grep -o 'ak_[0-9A-Za-z]*' | tail -n 1)
timed "a key id as the list shows it" orgtoken key revoke "$id"
contains "$(cat "$work/out")" "$id" "means that one"
timed "a new token" orgtoken key create org-1 --name one-more

# A reader that has stopped, and one that goes away, in the middle of a long list.
mkfifo "$work/stuck"
exec 9<>"$work/stuck"
orgtoken --json pat list >"$work/stuck" 2>/dev/null &
stuck=$!
timed "while somebody does not read a list, others are served" orgtoken org show org-1
kill -0 $stuck
ok $? "(it still does not)"
kill $stuck
wait $stuck 2>/dev/null
exec 9>&-
orgtoken --json pat list | head -c 100 >/dev/null
# shellcheck disable=SC2016 # awk's
peak=$(awk '/VmHWM/ {print $2}' "/proc/$daemon_pid/status")
[ "$peak" -lt 65536 ]
ok $? "the daemon has needed less than 64 MiB ($peak KiB)"
host_daemon_stop
tap_done
