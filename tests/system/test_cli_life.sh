# shellcheck shell=bash
# Tokens through their whole life with the command alone, on a real host: limits, rotation with overlap, rename,
# revocation, policies, suspension, removal, the leak kit; and what becomes of a token that could not be delivered,
# whoever failed: the client, its output, or the daemon.
# shellcheck source=tests/support/tap.sh
. "$top_srcdir/tests/support/tap.sh"
# shellcheck source=tests/support/host.sh
. "$top_srcdir/tests/support/host.sh"

as() {
        local user=$1
        shift
        setpriv --reuid "$user" --regid "$user" --init-groups "$@"
}
json() { python3=/usr/bin/python3 && $python3 -c 'import json,sys
d=json.load(sys.stdin)
for step in sys.argv[1].split("."):
    d=d[int(step)] if step.lstrip("-").isdigit() else d[step]
print(d if not isinstance(d, bool) else str(d).lower())' "$1"; }
# field KEY_ID NAME ORG|"": what the list says of a key of an organisation, or of a personal token.
field() {
        if [ -n "$3" ]; then orgtoken --json key list "$3"; else orgtoken --json pat list; fi |
                grep "\"key_id\": \"$1" | sed -n "s/.*[{ ]\"$2\": \"\{0,1\}\([^,\"]*\).*/\1/p"
}
# verdict TOKEN OPTION ...
verdict() { orgtoken check "${@:2}" <<<"$1" 2>/dev/null | head -n 1; }
in_words() { orgtoken check "${@:2}" <<<"$1" 2>&1; }
now() { date +%s; }

host_install || exit 1
for user in alice bob acme-deploy; do host_user $user; done
host_daemon_start || exit 1
orgtoken org create acme >/dev/null 2>&1
orgtoken org create globex >/dev/null 2>&1
orgtoken member add acme alice --role admin >/dev/null
orgtoken member add acme bob >/dev/null
orgtoken account bind acme acme-deploy >/dev/null 2>&1

# Every preset and form of an end is what it says.
for want in 1d:86400 30d:2592000 365d:31536000; do
        end=$(orgtoken --json key create acme --name "${want%:*}" --expires "${want%:*}" | json expires_at)
        [ $((end - $(now) - ${want#*:})) -ge -2 ] && [ $((end - $(now) - ${want#*:})) -le 1 ]
        ok $? "--expires ${want%:*}"
done
is "$(orgtoken --json key create acme --name date --expires 2033-05-18 | json expires_at)" 1999987200 "--expires with a date: its start, UTC"
is "$(orgtoken --json key create acme --name time --expires 2033-05-18T03:33:20Z | json expires_at)" 2000000000 "--expires with a time"
is "$(orgtoken --json key create acme --name time --expires 2033-05-18T05:33:20+02:00 | json expires_at)" 2000000000 "--expires with a time and its offset"
is "$(orgtoken --json key create acme --name epoch --expires @2000000000 | json expires_at)" 2000000000 "--expires with seconds"
is "$(orgtoken --json key create acme --name never --expires never | json expires_at)" None "--expires never"

# Limits, as check tells them.
key=$(orgtoken key create acme --name limited --service sshd --service su --source 10.0.0.0/8 --source 2001:db8::/32 --account acme-deploy 2>/dev/null)
for want in "allow --service sshd --source 10.1.2.3" "allow --service su --source 2001:db8::7" \
        "limited --service sudo --source 10.1.2.3" "limited --service sshd --source 11.1.2.3" \
        "limited --service sshd --source 2001:db9::7" "limited --service sshd" "limited --source 10.1.2.3" \
        "allow --service sshd --source ::ffff:10.1.2.3"; do
        # shellcheck disable=SC2086 # words
        is "$(verdict "$key" --account acme-deploy ${want#* })" "${want%% *}" "a limited key: $want"
done
contains "$(in_words "$key" --account acme-deploy --service sudo --source 10.1.2.3)" sshd "and the reason names the services that would do"

# Rotation of both kinds.
rotated=$(orgtoken key create acme --name rot --expires 30d --service sshd 2>/dev/null)
next=$(orgtoken rotate "${rotated:0:9}" --overlap 1h 2>"$work/notes")
is "${#next}" 63 "rotate prints the successor alone"
contains "$(cat "$work/notes")" "1 h" "and says how long the old one still works"
is "$(verdict "$rotated" --service sshd) $(verdict "$next" --service sshd)" "allow allow" "in the overlap both work"
is "$(field "${rotated:0:9}" successor acme)" "${next:0:9}" "the list names the successor"
contains "$(orgtoken key list acme --name rot)" "never" "and says that the old one was never used"
is "$(verdict "$next" --service su)" limited "the successor has the limits of the old one"
end=$(field "${next:0:9}" expires_at acme)
[ $((end - $(now) - 2592000)) -ge -3 ] && [ $((end - $(now) - 2592000)) -le 1 ]
ok $? "and its length of life, from now"
third=$(orgtoken rotate "${next:0:9}" --expires never 2>/dev/null)
is "$(verdict "$next" --service sshd) $(verdict "$third" --service sshd)" "revoked allow" "without an overlap the old one ends at once"
is "$(field "${third:0:9}" expires_at acme)" null "--expires overrules"
exits 1 "a token that was rotated cannot be rotated again" orgtoken rotate "${next:0:9}"
quick=$(orgtoken rotate "${third:0:9}" --overlap 1s 2>/dev/null)
pat=$(as alice orgtoken pat create --name laptop --expires 7d 2>/dev/null)
pat2=$(as alice orgtoken rotate "${pat:0:10}" --overlap 2d 2>/dev/null)
is "$(verdict "$pat@acme") $(verdict "$pat2@acme")" "allow allow" "a personal token is rotated by its user"
is "$(field "${pat2:0:10}" name '')" laptop "with its name"

# Names.
succeeds "rename" as alice orgtoken pat rename "${pat2:0:10}" 'größer als vorher'
is "$(field "${pat2:0:10}" name '')" 'größer als vorher' "is seen in the list"
is "$(verdict "$pat2@acme")" allow "and the token goes on"
exits 2 "a key is not renamed" orgtoken key rename "${quick:0:9}" x
contains "$tap_out" "cannot be renamed" "and the command says so"
exits 1 "nor by way of the other noun" orgtoken pat rename "${quick:0:9}" x
short=$(as alice orgtoken pat create --name short --expires "@$(($(now) + 1))" 2>/dev/null)
sleep 1.3
is "$(verdict "$third" --service sshd) $(verdict "$quick" --service sshd)" "revoked allow" "an overlap ends"
is "$(verdict "$short@acme")" expired "a token expires"
is "$(field "${short:0:10}" state '')" expired "and stays listed"
succeeds "an expired token can be renamed" as alice orgtoken pat rename "${short:0:10}" old
succeeds "revoke" as alice orgtoken pat revoke "${pat:0:10}"
is "$(verdict "$pat@acme") $(verdict "$pat2@acme")" "revoked allow" "ends that token and no other"
is "$(field "${pat:0:10}" state '')" revoked "and it stays listed"
exits 1 "a revoked token is not revoked again" as alice orgtoken pat revoke "${pat:0:10}"
exits 1 "nor renamed" as alice orgtoken pat rename "${pat:0:10}" x
exits 1 "nor rotated" as alice orgtoken rotate "${pat:0:10}"
is "$(as alice orgtoken --json pat list --state live | grep -c key_id)" 1 "--state live"
is "$(as alice orgtoken --json pat list --state expired --name OLD | grep -c key_id)" 1 "--state and --name, in either case"
is "$(as alice orgtoken --json pat list --expiring 30d | grep -c key_id)" 1 "--expiring"
is "$(as alice orgtoken --json pat list --expiring 1d | grep -c key_id)" 0 "--expiring, of which none is so soon"
is "$(as alice orgtoken --json pat list --unused 1d | grep -c key_id)" 0 "--unused: what is new has not been unused for a day"
contains "$(as alice orgtoken pat list --name none-such 2>&1)" "none matches" "a filter that leaves nothing says so"
# bash keeps no NUL, so a name cannot have one; the longest that may be is 400 bytes.
long=$(printf '\360\237\224\221%.0s' $(seq 100))
succeeds "a name of 100 characters of four bytes" as alice orgtoken pat create --name "$long"
exits 1 "and one more is too long" as alice orgtoken pat create --name "${long}x"

# Policies.
orgtoken org set acme max-life=10d never=no >/dev/null
exits 1 "a policy: no token without an end" orgtoken key create acme --name p
contains "$tap_out" "10d" "and the refusal names the longest life"
exits 1 "nor one that lives longer" orgtoken key create acme --name p --expires 11d
succeeds "one within it" orgtoken key create acme --name p --expires 10d
exits 1 "nor by rotation" orgtoken rotate "${quick:0:9}"
is "$(verdict "$quick" --service sshd)" allow "a key made before it, without an end, lives for as long as the policy lets it"
orgtoken org set acme max-life=1s >/dev/null
is "$(verdict "$quick" --service sshd)" expired "and is over where that has passed"
contains "$(in_words "$quick" --service sshd)" policy "and check says that it is the policy"
orgtoken org set acme max-life=none never=yes >/dev/null
is "$(verdict "$quick" --service sshd)" allow "until the policy is lifted"
orgtoken host set max-life=5d self-service=limited >/dev/null
exits 1 "self-service=limited binds who is not root" as alice orgtoken pat create --name p --expires 6d
succeeds "within its life they may" as alice orgtoken pat create --name p --expires 5d
orgtoken host set self-service=off >/dev/null
exits 1 "self-service=off" as alice orgtoken pat create --name p --expires 1d
contains "$tap_out" root "says who may"
exits 1 "off: nor an admin for the organisation" as alice orgtoken key create acme --name p --expires 1d
succeeds "revoking goes on" as alice orgtoken pat revoke "$(as alice orgtoken --json pat list --state live --name p | sed -n 's/.*"key_id": "\([^"]*\).*/\1/p')"
contains "$(as bob orgtoken status)" "self-service=off" "status tells everybody what the policy is"
orgtoken host set max-life=none self-service=full >/dev/null

# Suspension, of an organisation and of a user.
key=$(orgtoken key create acme --name susp 2>/dev/null)
orgtoken org suspend acme >/dev/null 2>&1
is "$(verdict "$key") $(verdict "$pat2@acme")" "not-member not-member" "a suspended organisation"
contains "$(in_words "$key")" suspended "check says why"
orgtoken org resume acme >/dev/null
is "$(verdict "$key") $(verdict "$pat2@acme")" "allow allow" "resumed"
orgtoken user suspend alice >/dev/null 2>&1
is "$(verdict "$key") $(verdict "$pat2@acme")" "allow not-member" "a suspended user: the organisation's keys go on"
orgtoken user resume alice >/dev/null
is "$(verdict "$pat2@acme")" allow "resumed"

# A login name that another person has by now.
bobs=$(as bob orgtoken pat create --name bobs 2>/dev/null)
usermod -u 1888 bob 2>/dev/null
exits 1 "who has the name of another is refused" as bob orgtoken pat list
contains "$tap_out" "reassign" "with what root may do about it"
succeeds "user reassign" orgtoken user reassign bob
succeeds "after which they are let in" as bob orgtoken pat list

# Removal.
exits 0 "user remove --dry-run" orgtoken user remove bob --dry-run
is "$(verdict "$bobs@acme")" allow "does nothing"
succeeds "user remove" orgtoken user remove bob
[ "$(verdict "$bobs@acme")" != allow ]
ok $? "ends the tokens of the user"
lacks "$(orgtoken member list acme)" bob "and the memberships"

# The leak kit.
printf 'x\nTOKEN=%s;\n%s\n%s\n' "$key" "${key%?}" "$pat2@acme" >"$work/leak.log"
exits 1 "scan finds tokens" orgtoken scan "$work/leak.log"
is "$(orgtoken scan "$work/leak.log" 2>/dev/null)" "$work/leak.log:2: ${key:0:9}
$work/leak.log:4: ${pat2:0:10}" "by line and key id, and only whole ones"
is "$(orgtoken --socket /nonexistent scan - <"$work/leak.log" 2>/dev/null | wc -l)" 2 "without a daemon too"
lacks "$(orgtoken --json scan "$work/leak.log" 2>&1)" "${key:12:20}" "and prints no secret"
echo nothing >"$work/clean"
exits 0 "a file without any" orgtoken scan "$work/clean"
exits 2 "a file that is not there is not clean" orgtoken scan "$work/clean" "$work/none"
head -c 3000000 /dev/urandom >"$work/big"
printf '\0%s\0' "$key" >>"$work/big"
is "$(orgtoken --json scan "$work/big" | json tokens.0.key_id)" "${key:0:9}" "one at the end of 3 MB of noise"
# The rule that other scanners take: it finds what scan finds, whatever stands around it, and no half of one.
cat >"$work/rule.py" <<'PYTHON'
import re, sys, tomllib

with open("/usr/share/orgtoken/gitleaks.toml", "rb") as f:
    rule, = tomllib.load(f)["rules"]
if len(sys.argv) > 1:
    with open(sys.argv[1]) as page:
        sys.exit(rule["regex"] not in page.read().replace("\\e", "\\"))
for line in sys.stdin:
    for whole, _ in re.findall("(" + rule["regex"] + ")", line):
        assert any(k in whole for k in rule["keywords"])
        print(whole)
PYTHON
is "$(python3 "$work/rule.py" <"$work/leak.log")" "$key
$pat2" "the rule for gitleaks finds the same"
is "$(printf '"%s",\nBearer %s\nx%s\nak_%s hunter2 ak_short.x\n' "$key" "$pat2" "$key" "${key:3:40}" | python3 "$work/rule.py")" "$key
$pat2" "in quotes and behind Bearer, and nothing that is half of one"
succeeds "and the manual has the same expression" python3 "$work/rule.py" "$top_srcdir/man/orgtoken.1"
succeeds "and the README" python3 "$work/rule.py" "$top_srcdir/README.md"
exits 1 "scan --revoke" orgtoken scan --revoke "$work/leak.log"
is "$(verdict "$key") $(verdict "$pat2@acme")" "revoked revoked" "ends what it found"

# revoke --all.
for _ in 1 2 3; do orgtoken key create acme --name mass >/dev/null 2>&1; done
other=$(orgtoken key create globex --name other 2>/dev/null)
live=$(orgtoken --json status | json keys_live)
would=$(orgtoken --json revoke --all --org acme --dry-run)
is "$(json 'done' <<<"$would") $(orgtoken --json status | json keys_live)" "false $live" "revoke --all --dry-run does nothing"
is "$(orgtoken --json revoke --all --org acme --used-since 1d --dry-run | json count)" 0 "--used-since leaves what was used"
did=$(orgtoken --json revoke --all --org acme)
is "$(json count <<<"$did")" "$(json count <<<"$would")" "revoke --all ends as many as it said that it would"
is "$(verdict "$other" --account nobody-bound)" account-denied "and none of another organisation"
is "$(orgtoken --json key list acme --state live | grep -c key_id)" 0 "of its own there is none left"
contains "$(orgtoken revoke --all --org acme)" "0 tokens" "done again it ends none"

# An organisation's end.
exits 1 "an organisation with an account is not deleted" orgtoken org delete acme
contains "$tap_out" "account list acme" "and the command says what to look at"
orgtoken account unbind acme acme-deploy >/dev/null 2>&1
succeeds "org delete --dry-run" orgtoken org delete acme --dry-run
contains "$(orgtoken org list)" acme "does nothing"
deleted=$(orgtoken key create acme --name last 2>/dev/null)
succeeds "org delete" orgtoken org delete acme
lacks "$(orgtoken org list)" acme "it is gone"
[ "$(verdict "$deleted")" != allow ]
ok $? "and its keys with it"
succeeds "another one of its name" orgtoken org create acme
is "$(orgtoken --json key list acme)" '{"keys": []}' "does not inherit its keys"
[ "$(verdict "$deleted")" != allow ]
ok $? "which stay dead"
lacks "$(as alice orgtoken whoami)" "acme, admin" "nor its members"
orgtoken account bind acme acme-deploy >/dev/null 2>&1

# Tokens that nobody got. not_delivered NAME DESCRIPTION: the key of that name is there, and dead.
not_delivered() {
        host_wait "orgtoken --json key list acme --name $1 | grep -q revoked"
        is "$(orgtoken --json key list acme --name "$1" | sed -n 's/.*"state": "\([^"]*\)".*"ended_reason": "\([^"]*\)".*/\1 \2/p')" \
                "revoked not-delivered" "$2"
}
orgtoken key create acme --name full >/dev/full 2>"$work/err"
is $? 1 "a full disk: exit status 1"
contains "$(cat "$work/err")" "revoked" "and the command says what became of the token"
not_delivered full "which is dead"
(
        trap '' PIPE
        orgtoken key create acme --name pipe 2>/dev/null
        echo $? >"$work/status"
) | true
is "$(cat "$work/status")" 1 "a pipe that nobody reads: exit status 1"
not_delivered pipe "and a dead token"
exits 1 "a standard output that is closed" sh -c 'orgtoken key create acme --name closed >&-'
not_delivered closed "and a dead token"
(
        ulimit -f 0
        orgtoken key create acme --name limit >"$work/none" 2>/dev/null
        echo $? >/dev/null
)
not_delivered limit "a limit on the size of files"
# Read-only descriptors fail too.
exits 1 "a standard output that cannot be written" sh -c 'orgtoken key create acme --name readonly 1</dev/null'
not_delivered readonly "and a dead token"

# A client that is stuck or dead between the two messages: its output is a pipe that is full.
# stuck FIFO NAME COMMAND ...: until there is one key of that name more.
named() { orgtoken --json key list acme --name "$1" | grep -c key_id; }
stuck() {
        before=$(named "$2")
        mkfifo "$work/$1.fifo"
        exec 9<>"$work/$1.fifo"
        # More than any pipe holds; timeout ends it when the pipe is full.
        timeout 0.3 dd if=/dev/zero of="$work/$1.fifo" bs=4096 status=none
        "${@:3}" >"$work/$1.fifo" 2>"$work/$1.err" &
        stuck=$!
        host_wait "[ \$(named $2) -gt $before ]"
}
stuck frozen frozen orgtoken key create acme --name frozen
not_delivered frozen "a command that does not print within a second: the token is ended"
kill -0 $stuck
ok $? "(it was still at it)"
timeout 0.5 cat <&9 | tr -d '\0' >"$work/late"
status=0
wait $stuck || status=$?
[ $status != 0 ]
ok $? "and when it prints at last, its exit status is not 0 ($status)"
contains "$(cat "$work/frozen.err")" "does not work" "and it says that the token is worth nothing"
exec 9>&-
stuck killed killed orgtoken key create acme --name killed
kill -KILL $stuck
wait $stuck 2>/dev/null
not_delivered killed "a command that is killed before it printed: the token is ended"
exec 9>&-

# The daemon dies between making a token and hearing that it was printed; for rotate the old one must go on.
old=$(orgtoken key create acme --name turned 2>/dev/null)
for signal in KILL TERM; do
        stuck "rotate$signal" turned orgtoken rotate "${old:0:9}"
        host_daemon_stop -$signal
        timeout 0.5 cat <&9 | tr -d '\0' >"$work/late"
        status=0
        wait $stuck || status=$?
        [ $status != 0 ]
        ok $? "SIG$signal at the daemon between a token and its acknowledgement: the command fails ($status)"
        exec 9>&-
        host_daemon_start || exit 1
        is "$(verdict "$old")" allow "the old token goes on"
        late=$(grep -o 'ak_.*' "$work/late")
        [ ${#late} = 63 ] && [ "$(verdict "$late")" != allow ]
        ok $? "and the successor that was printed too late does not work"
done
# Made and acknowledged is there for good.
kept=$(orgtoken key create acme --name kept 2>/dev/null)
host_daemon_stop -KILL
exits 3 "without a daemon" orgtoken key create acme --name none
exits 3 "nor a list" orgtoken key list acme
contains "$(orgtoken --json key list acme 2>&1)" '"reason": "not-reachable"' "and with --json the error is JSON"
host_daemon_start || exit 1
is "$(verdict "$kept")" allow "an acknowledged token survives a kill right after it"
orgtoken key revoke "${kept:0:9}" >/dev/null
host_daemon_stop -KILL
host_daemon_start || exit 1
is "$(verdict "$kept")" revoked "and so does a revocation"
kill -STOP "$daemon_pid"
# (Other commands wait for a minute; see the unit tests of the session.)
exits 0 "with a daemon that is frozen, completion does not keep anybody waiting" timeout 5 orgtoken __complete -- key list ''
kill -CONT "$daemon_pid"
host_wait "orgtoken status"
succeeds "and none the worse when it goes on" orgtoken status

# "sudo orgtoken pat create" makes one of root's.
contains "$(orgtoken pat create --name own 2>&1)" "note: it is root's own" "root is told that a token is root's own"
lacks "$(orgtoken pat create --name theirs --user bob 2>&1)" "root's own" "and not where it is somebody else's"
lacks "$(setpriv --reuid alice --regid alice --init-groups orgtoken pat create --name own 2>&1)" "root's own" "nor who is not root"

# Binding again replaces, and says what holds then.
bound() { orgtoken account bind acme acme-deploy "$@" 2>&1; }
contains "$(bound --service su --service su-l)" "it is bound through su, su-l, for keys and members" "account bind says through what"
contains "$(bound --role admin)" "it is bound through every service, for admins" "and that naming only the role gave up the services"
contains "$(bound --service sshd --role member)" "it is bound through sshd, for members; binding again replaces that" "role and service"
contains "$(orgtoken --json account list acme)" '"services": ["sshd"], "role": "member"' "(as the list has it)"
contains "$(bound)" "it is bound through every service, for keys and members" "or all of it"

# No secret anywhere.
host_daemon_stop
for token in "$key" "$pat" "$old" "$kept" "$late"; do
        grep -aqr -- "${token: -40:20}" /var/lib/orgtoken "$work/daemon.log" /run/orgtoken /var/log && echo "${token:0:9}"
done >"$work/found"
is "$(cat "$work/found")" "" "no secret is in the store or the log"
tap_done
