# shellcheck shell=bash
# Many commands at once, by several people: each is done wholly or refused, what may be done once is done once, and the
# store is as if they had come one after the other.
# shellcheck source=tests/support/tap.sh
. "$top_srcdir/tests/support/tap.sh"
# shellcheck source=tests/support/host.sh
. "$top_srcdir/tests/support/host.sh"

as() {
        local user=$1
        shift
        [ "$user" = root ] || set -- setpriv --reuid "$user" --regid "$user" --init-groups "$@"
        "$@"
}
# at_once N COMMAND ...: N of them, with {} standing for the number; the exit statuses, sorted and counted: "1x0 7x1".
at_once() {
        local n=$1
        shift
        rm -f "$work"/status.*
        for i in $(seq "$n"); do
                (
                        "${@//\{\}/$i}" >"$work/out.$i" 2>"$work/err.$i"
                        echo $? >"$work/status.$i"
                ) &
                pids[i]=$!
        done
        wait "${pids[@]}"
        cat "$work"/status.* | sort | uniq -c | sed 's/^ *\([0-9]*\) \(.*\)/\1x\2/' | tr '\n' ' ' | sed 's/ $//'
}
pids=()
revision() { orgtoken --json status | sed 's/.*"store_revision": \([0-9]*\).*/\1/'; }
key_id() { sed 's/.*"key_id": "\([^"]*\)".*/\1/'; }

host_install || exit 1
people=()
for i in $(seq 12); do people+=("person$i"); done
for user in "${people[@]}"; do host_user "$user"; done
host_daemon_start || exit 1
orgtoken org create acme >/dev/null 2>&1
for user in "${people[@]}"; do orgtoken member add acme "$user" --role admin >/dev/null; done

# Everybody makes tokens.
before=$(revision)
make_many() { as "person$(($1 % 12 + 1))" orgtoken pat create --name "token $1"; }
is "$(at_once 60 make_many '{}')" "60x0" "60 tokens by 12 people at once"
is "$(cat "$work"/out.* | sort -u | grep -c '^pat_')" 60 "all different"
is "$(orgtoken --json pat list --state live | grep -c key_id)" 60 "all there, and live"
is "$(revision)" $((before + 60)) "one revision each"
is "$(orgtoken --json pat list --user person3 | grep -c key_id)" 5 "each its maker's"

# One thing that can be done once.
key=$(orgtoken --json key create acme --name once | key_id)
is "$(at_once 16 orgtoken key revoke "$key")" "1x0 15x1" "of 16 revocations of one key one is done"
key=$(orgtoken --json key create acme --name turn | key_id)
is "$(at_once 16 orgtoken rotate "$key" --overlap 1h)" "1x0 15x1" "of 16 rotations of one key one is done"
is "$(orgtoken --json key list acme --name turn --state live | grep -c key_id)" 2 "the old one and one successor are live"
is "$(cat "$work"/out.* | grep -c '^ak_')" "$(orgtoken --json key list acme --name turn | grep -c '"ended_reason": "not-delivered"\|"state": "live"' | xargs -I{} expr {} - 1)" \
        "every other token that was printed is revoked"
alive=0
for i in $(seq 16); do
        token=$(cat "$work/out.$i")
        [ -z "$token" ] || [ "$(orgtoken check --account x <<<"$token" 2>/dev/null | head -n 1)" = revoked ] || alive=$((alive + 1))
        [ -z "$token" ] || [ "$(cat "$work/status.$i")" = 0 ] || grep -q "revoked\|does not work" "$work/err.$i" || alive=99
done
is "$alive" 1 "of what was printed one works, and whoever got another was told"
is "$(at_once 16 orgtoken org create new)" "1x0 15x1" "of 16 organisations of one name one is made"
is "$(at_once 16 orgtoken user remove person12)" "1x0 15x1" "a user is removed once"

# The last admin, removed by each other.
orgtoken org create pair >/dev/null 2>&1
for user in person1 person2; do orgtoken member add pair $user --role admin >/dev/null; done
each_other() { as "person$((3 - $1))" orgtoken member remove pair "person$1"; }
is "$(at_once 2 each_other '{}')" "1x0 1x1" "two admins who remove each other: one does"
is "$(orgtoken --json member list pair | grep -c '"role": "admin"')" 1 "and an admin is left"

# Lists while all of it changes: never half a row, never a row twice.
churn() {
        local id
        for _ in 1 2 3 4 5; do
                id=$(as "person$1" orgtoken --json pat create --name churn | key_id)
                as "person$1" orgtoken pat rename "$id" churned && as "person$1" orgtoken pat revoke "$id" || return 1
        done
}
look() {
        for _ in 1 2 3 4 5; do
                orgtoken --json pat list >"$work/list.$1" || return 1
                python3 -c 'import json,sys
ids=[t["key_id"] for t in json.load(open(sys.argv[1]))["pats"]]
sys.exit(len(ids) != len(set(ids)) or len(ids) < 60)' "$work/list.$1" || return 9
        done
}
both() { if [ "$1" -le 8 ]; then churn "$1"; else look "$1"; fi; }
is "$(at_once 12 both '{}')" "12x0" "8 people change their tokens while 4 look at all of them"
is "$(orgtoken --json pat list --name churned --state revoked | grep -c key_id)" 40 "and every change was made"

# Ending all of it while some go on making more.
make_or_end() { if [ "$1" = 5 ]; then orgtoken revoke --all --org acme; else as "person$1" orgtoken key create acme --name late; fi; }
is "$(at_once 10 make_or_end '{}')" "10x0" "revoke --all between nine new keys"
working=0
for i in 1 2 3 4 6 7 8 9 10; do
        [ "$(orgtoken check --account x <"$work/out.$i" 2>/dev/null | head -n 1)" = revoked ] || working=$((working + 1))
done
is "$(orgtoken --json key list acme --state live | grep -c key_id)" "$working" "leaves those that came after it, and no other"
host_daemon_stop
host_daemon_start || exit 1
is "$(orgtoken --json key list acme --state live | grep -c key_id)" "$working" "and a new daemon sees the same"
host_daemon_stop
tap_done
