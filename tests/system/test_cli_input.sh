# shellcheck shell=bash
# What is no name, no key id, no WHEN and no limit, typed as people and scripts get it wrong: each is refused with its
# reason and its exit status, and nothing has changed.
# shellcheck source=tests/support/tap.sh
. "$top_srcdir/tests/support/tap.sh"
# shellcheck source=tests/support/host.sh
. "$top_srcdir/tests/support/host.sh"

as() {
        local user=$1
        shift
        setpriv --reuid "$user" --regid "$user" --init-groups "$@"
}
revision() { orgtoken --json status | sed 's/.*"store_revision": \([0-9]*\).*/\1/'; }

host_install || exit 1
for user in alice acme-deploy; do host_user $user; done
host_daemon_start || exit 1
orgtoken org create acme >/dev/null 2>&1
orgtoken org create acme-labs >/dev/null 2>&1
orgtoken member add acme alice --role admin >/dev/null
key=$(orgtoken --json key create acme --name ci | sed 's/.*"key_id": "\([^"]*\)".*/\1/')
pat=$(as alice orgtoken --json pat create --name laptop | sed 's/.*"key_id": "\([^"]*\)".*/\1/')
start=$(revision)

# bad STATUS REASON PIECE DESCRIPTION COMMAND ...: refused so, in words and in JSON, and the words have PIECE in them.
bad() {
        local status=$1 reason=$2 piece=$3 words=$4 got
        shift 4
        exits "$status" "$words" "$@"
        contains "$tap_out" "$piece" "... and it says so: $piece"
        lacks "$tap_out" $'\n'$'\n' "... on lines of their own"
        got=$("$@" --json 2>&1 >"$work/stdout" | sed -n 's/.*"error": {"reason": "\([^"]*\)".*/\1/p')
        is "$got" "$reason" "... in JSON: $reason"
        is "$(cat "$work/stdout")" "" "... and nothing on standard output"
}

# Names of tokens.
name_rule="printable characters"
long=$(printf 'x%.0s' $(seq 101))
names=("" "   " $'\t' "$long" "$(printf 'a\377b')" "$(printf 'a\303')" "$(printf '\355\240\200')" "$(printf '\300\257')"
        $'a\nb' $'a\033[2Jb' "$(printf 'a\177')" "$(printf 'a\302\205b')"
        "$(printf 'a\342\200\256b')" "$(printf 'a\342\201\246b')" "$(printf 'a\342\200\213b')" "$(printf '\302\240\343\200\200')")
what=("empty" "blanks" "a tab" "101 characters" "a byte that is no UTF-8" "half a character" "a surrogate" "an overlong slash"
        "a line break" "an escape sequence" "DEL" "a control character of the upper half"
        "a change of direction" "an isolate" "a character without width" "wide and no-break blanks")
for i in "${!names[@]}"; do
        for command in "key create acme --name" "pat rename $pat"; do
                # shellcheck disable=SC2086 # words
                exits 1 "a name: ${what[$i]} (${command% --name})" orgtoken $command "${names[$i]}"
                contains "$tap_out" "$name_rule" "... and it says what a name is"
                lacks "$tap_out" $'\033' "... and shows nothing that moves the cursor"
        done
done
contains "$(as alice orgtoken pat list)" laptop "the token has its name still"

# Names of organisations, users, accounts and services.
for org in Acme ACME acme- -- 1acme 'ac me' acme/ ../acme acme@ "$(printf 'acm\303\251')" "a$long" 'acme;id' 'acme*' ''; do
        exits 1 "an organisation name: '$org'" orgtoken org create -- "$org"
        contains "$tap_out" "a-z, 0-9 and '-'" "... and it says what one is"
done
bad 1 not-found "did you mean 'acme'" "an organisation that is nearly right" orgtoken key list acmee
bad 1 not-found "did you mean 'acme-labs'" "another" orgtoken org show acme-lab
bad 1 not-found "'orgtoken org list'" "one that is like none" orgtoken org show umbrella
bad 1 not-found acmee "a key for it is not made" orgtoken key create acmee --name x
for user in '' 'al ice' -alice "$long" 'alice:x' 'ali/ce' "$(printf 'al\303\257ce')"; do
        exits 1 "a user name: '$user'" orgtoken member add acme -- "$user"
        contains "$tap_out" "1 to 64 characters" "... and it says what one is"
        exits 1 "an account name: '$user'" orgtoken account bind acme -- "$user"
done
bad 1 bad-service "1 to 64" "a service with a slash" orgtoken key create acme --name x --service ../su
bad 1 bad-service "never means any" "a service that is empty" orgtoken key create acme --name x --service ''
bad 1 bad-account "never means any" "an account that is empty" orgtoken key create acme --name x --account ''

# Limits.
for cidr in '' x 10.0.0.0/33 10.0.0/8 10.0.0.1/8 256.1.1.1 fd00::/129 fd00::1/8 10.0.0.0/ /8 10.0.0.0/-1 10.0.0.0/08 \
        ' 10.0.0.0/8' '10.0.0.0/8 ' 010.0.0.0/8 fe80::1%eth0 example.org 10.0.0.0/8,11.0.0.0/8 0x0a000000/8; do
        exits 2 "a network: '$cidr'" orgtoken key create acme --name x --source "$cidr"
        contains "$tap_out" "accepted: a numeric network" "... and it says what one is"
done
many=()
for i in $(seq 10000); do many+=(--service "s$i"); done
exits 1 "10 000 limits" orgtoken key create acme --name x "${many[@]}"
contains "$tap_out" "at most 16" "... and it says how many there may be"
many=()
for i in $(seq 16); do many+=(--service "s$i$(printf 'x%.0s' $(seq 60))" --source "2001:db8:1:$i::/64" --account "a$i$(printf 'y%.0s' $(seq 60))"); done
exits 0 "as many as there may be, each as long as it may be" orgtoken key create acme --name full "${many[@]}"
is "$(orgtoken --json key list acme --name full | grep -o 'y"' | wc -l)" 16 "... and none of them is lost"

# WHEN.
for when in '' 0d 366d 1000000d -1d 1.5d 1D 1h 30 '1 d' ' 1d' 1d1d d Never NEVER nevr forever tomorrow yesterday now \
        2020-01-01 2027-13-01 2027-00-10 2027-02-29 2027-2-3 27-01-01 2027/01/01 01.02.2027 2027-01-01T 2027-01-01T00:00:00 \
        2027-01-01T24:00:01Z 2027-01-01T00:60:00Z 2027-01-01T00:00:61Z '2027-01-01 00:00:00' 2027-01-01T00:00:00+25:00 \
        @ @-1 @0 @1 @abc @1e9 @99999999999999999999 @253402300800 10000-01-01 "$(printf '\331\241d')"; do
        exits 2 "a WHEN: '$when'" orgtoken key create acme --name x --expires "$when"
        contains "$tap_out" "1d to 365d, never, a date" "... and it says what one is"
        exits 2 "... nor for a rotation" orgtoken rotate "$key" --expires "$when"
done
bad 2 usage "accepted: 1d to 365d" "a WHEN in JSON" orgtoken key create acme --name x --expires 366d
for overlap in '' 91d 7776001s -1s 1w 1 5x never 2027-01-01 1.5h; do
        exits 2 "an overlap: '$overlap'" orgtoken rotate "$key" --overlap "$overlap"
done
for span in '' 0d -1d 4000d never x; do
        exits 2 "a span: '$span'" orgtoken key list acme --expiring "$span"
        exits 2 "... and of disuse" orgtoken key list acme --unused "$span"
done
for since in '' never 2999-01-01 @99999999999 x; do
        exits 2 "a time in the past: '$since'" orgtoken revoke --all --used-since "$since"
done

# Key ids.
bad 1 bad-key-id "no key id" "a kind alone" orgtoken key revoke ak_
bad 1 bad-key-id "no key id" "an id without its kind" orgtoken key revoke "${key#ak_}"
bad 1 bad-key-id "no key id" "one with a character that is none" orgtoken key revoke "ak_a-b"
bad 1 bad-key-id "no key id" "one that is too long" orgtoken key revoke "ak_0123456789a"
bad 1 not-found "orgtoken key list" "one that matches none" orgtoken key revoke ak_0000000000
bad 1 wrong-kind "" "a personal token where a key is meant" orgtoken key revoke "$pat"
bad 1 wrong-kind "" "and the reverse" orgtoken pat revoke "$key"
# Two keys of one first letter: there are 62 letters.
first=
while [ -z "$first" ]; do
        orgtoken key create acme --name more >/dev/null 2>&1
        first=$(orgtoken --json key list acme | grep -o '"key_id": "ak_.' | sort | uniq -d | head -n 1)
done
made=$(revision)
for command in "key revoke" rotate; do
        # shellcheck disable=SC2086 # words
        bad 1 ambiguous "more characters" "a prefix that matches several: $command" orgtoken $command "ak_${first: -1}"
done
is "$(revision)" "$made" "and none of them was touched"

# Verbs, options and words.
bad 2 usage "did you mean: orgtoken key list" "a verb that is nearly right" orgtoken key lsit acme
bad 2 usage "did you mean: orgtoken member" "a noun that is nearly right" orgtoken members list acme
bad 2 usage "did you mean: --expires" "an option that is nearly right" orgtoken key create acme --name x --expire 1d
bad 2 usage "cannot be renamed" "the verb that keys do not have" orgtoken key rename "$key" x
bad 2 usage "" "one word too many" orgtoken org show acme acme-labs
bad 2 usage "" "an option given twice" orgtoken key create acme --name x --name y
bad 2 usage "" "an option without its value" orgtoken key create acme --name
bad 2 usage "missing" "no name" orgtoken key create acme
bad 2 usage "member or admin" "a role that is none" orgtoken member add acme alice --role owner
bad 2 usage "" "a policy that is none" orgtoken org set acme max-live=30d
bad 2 usage "" "a policy's value that is none" orgtoken org set acme max-life=often
bad 2 usage "" "self-service of an organisation" orgtoken org set acme self-service=off
bad 2 usage "" "a state that is none" orgtoken key list acme --state dead
bad 2 usage "--all" "revoke without --all" orgtoken revoke --org acme

# A token where a name should be is not repeated, whatever else is wrong.
whole=$(orgtoken key create acme --name leaky 2>/dev/null)
made=$(revision)
for words in "key revoke TOKEN" "key create acme --name TOKEN" "org create TOKEN" "TOKEN" "check TOKEN" "member add acme TOKEN" \
        "key create acme --name x --service TOKEN" "key create acme --name x --expires TOKEN" "key list acme --name TOKEN"; do
        # shellcheck disable=SC2086 # words
        fails "a token as an argument: $words" orgtoken ${words/TOKEN/$whole}
        lacks "$tap_out" "${whole:14:20}" "... is not shown again"
done
is "$(revision)" "$made" "and nothing was done with it"

is "$(orgtoken --json org list | grep -o '"org": "[^"]*"' | tr '\n' ' ')" '"org": "acme" "org": "acme-labs" ' "no organisation was made by any of these"
lacks "$(orgtoken key list acme)" ' x ' "nor a key"
is "$(orgtoken --json member list acme | grep -c '"user"')" 1 "nor a member"
is "$(orgtoken --json account list)" '{"accounts": []}' "nor a binding"
[ "$start" -le "$made" ]
ok $? "(there were $made revisions)"
lacks "$(cat "$work/daemon.log")" "${whole:14:20}" "no secret is in the log"
host_daemon_stop
tap_done
