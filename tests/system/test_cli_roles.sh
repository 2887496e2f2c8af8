# shellcheck shell=bash
# Every verb of the command, typed by everybody: root, an admin, a member, the admin of another organisation, a
# stranger, a suspended admin, an admin whose login name has another uid by now, an organisation's account, a uid
# without a name, and nobody (65534). Over the real socket: the kernel says who asks.
# shellcheck source=tests/support/tap.sh
. "$top_srcdir/tests/support/tap.sh"
# shellcheck source=tests/support/host.sh
. "$top_srcdir/tests/support/host.sh"

callers=(root alice bob carol dave sally erin acme-deploy 4242 65534)

as() {
        local user=$1
        shift
        case $user in
        root) "$@" ;;
        [0-9]*) setpriv --reuid "$user" --regid "$user" --clear-groups "$@" ;;
        *) setpriv --reuid "$user" --regid "$user" --init-groups "$@" ;;
        esac
}

revision() { orgtoken --json status | sed 's/.*"store_revision": \([0-9]*\).*/\1/'; }
key_id() { sed 's/.*"key_id": "\([^"]*\)".*/\1/'; }

host_install || exit 1
for user in alice bob carol dave sally erin acme-deploy acme-db acme-old; do host_user $user; done
host_daemon_start || exit 1
for org in acme globex; do orgtoken org create $org >/dev/null || exit 1; done
for user in alice sally erin; do orgtoken member add acme $user --role admin >/dev/null || exit 1; done
orgtoken member add acme bob >/dev/null
orgtoken member add globex carol --role admin >/dev/null
orgtoken account bind acme acme-deploy >/dev/null
# Whoever is seen first under a name has it; then somebody else is given the login.
as erin orgtoken pat create --name first >/dev/null 2>&1
usermod -u 1999 erin 2>/dev/null
orgtoken user suspend sally >/dev/null 2>&1

# run CALLER COMMAND ...: one letter for what came of it. Standard input is a real token, for check.
# . done; N not-allowed; F not-found; S suspended; M uid-mismatch; A is-account; - no-name; U answered as an unknown
# token; X not served at all. Anything else is told in full.
run() {
        local caller=$1 status=0 reason
        shift
        as "$caller" orgtoken "$@" --json <"$work/stdin" >"$work/out" 2>"$work/err" || status=$?
        reason=$(sed -n 's/.*"error": {"reason": "\([^"]*\)".*/\1/p' "$work/err")
        case $status:$reason in
        0:) echo . ;;
        1:not-allowed) echo N ;;
        1:not-found) echo F ;;
        1:suspended) echo S ;;
        1:uid-mismatch) echo M ;;
        1:is-account) echo A ;;
        1:no-name) echo - ;;
        1:) if grep -q '"verdict": "unknown".*"key_id": null.*"explanation": \[\]' "$work/out"; then echo U; else echo '?'; fi ;;
        3:*) echo X ;;
        *) echo "[$status $reason]" ;;
        esac
}

# Fresh tokens, where the verb ends what it names.
new_key() { key=$(orgtoken --json key create acme --name ci | key_id); }
new_pat() { pat=$(orgtoken --json pat create --name laptop --user bob | key_id); }
nothing() { :; }

# row EXPECTED PREPARE UNDO WORD ...: KEY and PAT in the words become key ids. Those who are refused first, and the
# store is as before; then those who may, each on a fresh object.
row() {
        local expected=$1 prepare=$2 undo=$3 got='' before after i words
        shift 3
        $prepare
        words=("${@/#KEY/$key}")
        words=("${words[@]/#PAT/$pat}")
        before=$(revision)
        for i in "${!callers[@]}"; do
                if [ "${expected:$i:1}" = . ]; then got+=.; else got+=$(run "${callers[$i]}" "${words[@]}"); fi
        done
        after=$(revision)
        is "$got" "$expected" "refused to whom it has to be: $*"
        [ "$before" = "$after" ] || {
                ok 1 "and a refusal changes nothing: $*"
                diag "revision $before became $after"
        }
        got=
        for i in "${!callers[@]}"; do
                [ "${expected:$i:1}" = . ] || continue
                $prepare
                words=("${@/#KEY/$key}")
                words=("${words[@]/#PAT/$pat}")
                got+=$(run "${callers[$i]}" "${words[@]}")
                $undo >/dev/null 2>&1
        done
        is "$got" "${expected//[^.]/}" "allowed to whom it may: $*"
}

remove_dave() { orgtoken member remove acme dave; }
add_bob() { orgtoken member add acme bob; }
demote_bob() { orgtoken member set acme bob --role member; }
resume_acme() { orgtoken org resume acme; }
make_empty() { orgtoken org create empty >/dev/null 2>&1; }
drop_new() { orgtoken org delete newone; }
resume_bob() { orgtoken user resume bob; }
make_gone() { orgtoken member add acme gone >/dev/null 2>&1; }
bind_db() { orgtoken account bind acme acme-db >/dev/null 2>&1; }
drop_db() { orgtoken account unbind acme acme-db && orgtoken account release acme-db; }
leave_old() { orgtoken account bind acme acme-old && orgtoken account unbind acme acme-old; } >/dev/null 2>&1
drop_backup() { rm -f /var/lib/orgtoken/copy; }
drop_policy() { orgtoken org set acme max-unused=none; }

orgtoken key create acme --name checked 2>/dev/null >"$work/stdin"
chmod 0644 "$work/stdin"
new_key
new_pat

#   root alice bob carol dave sally erin acme-deploy 4242 65534
row '.........X' nothing nothing status
row '......M.-X' nothing nothing whoami
row '..UUUSMU-X' nothing nothing check --account acme-deploy
row '.NNNNNNNNX' nothing drop_new org create newone
row '.....SM.-X' nothing nothing org list
row '...FFSMF-X' nothing nothing org show acme
row '.NNNNNNNNX' make_empty nothing org delete empty
row '.NNNNNNNNX' nothing drop_policy org set acme max-unused=900d
row '.NNNNNNNNX' nothing resume_acme org suspend acme
row '.NNNNNNNNX' nothing nothing org resume acme
row '.NNNNNNNNX' nothing nothing user list
row '.NNNNNNNNX' nothing resume_bob user suspend bob
row '.NNNNNNNNX' nothing nothing user resume bob
row '.NNNNNNNNX' nothing nothing user reassign bob
row '.NNNNNNNNX' make_gone nothing user remove gone
row '..NFFSMF-X' nothing remove_dave member add acme dave
row '..NFFSMF-X' nothing demote_bob member set acme bob --role admin
row '..NFFSMF-X' nothing add_bob member remove acme bob
row '...FFSMF-X' nothing nothing member list acme
row '.NNNNNNNNX' nothing drop_db account bind acme acme-db
row '.NNNNNNNNX' bind_db nothing account unbind acme acme-db
row '.NNNNNNNNX' leave_old nothing account release acme-old
row '...FFSMF-X' nothing nothing account list acme
row '.....SM.-X' nothing nothing account list
row '..NFFSMF-X' nothing nothing key create acme --name another
row '..NFFSMF-X' nothing nothing key list acme
row '..FFFSMF-X' new_key nothing key revoke KEY
row '.....SMA-X' nothing nothing pat create --name mine
row '.N.NNSMN-X' nothing nothing pat create --name theirs --user bob
row '.....SM.-X' nothing nothing pat list
row '.F.FFSMF-X' nothing nothing pat list --user bob
row '.F.FFSMF-X' new_pat nothing pat rename PAT other
row '.F.FFSMF-X' new_pat nothing pat revoke PAT
row '..FFFSMF-X' new_key nothing rotate KEY
row '.F.FFSMF-X' new_pat nothing rotate PAT
row '.NNNNNNNNX' nothing nothing revoke --all --org globex
row '.NNNNNNNNX' nothing nothing revoke --all --dry-run
row '.NNNNNNNNX' nothing nothing host show
row '.NNNNNNNNX' nothing nothing host set max-unused=none
row '.NNNNNNNNX' nothing nothing sudoers
row '.NNNNNNNNX' nothing nothing clock reset
row '.NNNNNNNNX' nothing drop_backup backup /var/lib/orgtoken/copy

# Leaving out --json must not make a difference to who may.
exits 1 "a refusal in words" as dave orgtoken org create theirs
contains "$tap_out" "only root may do that" "and they say who may"
exits 1 "scan --revoke by an ordinary user" as alice orgtoken scan --revoke "$work/stdin"
contains "$tap_out" "only root" "says so"
is "$(as alice orgtoken check --account acme-deploy <"$work/stdin" | head -n 1)" allow "and ended nothing"

# "Not there" and "not yours" are one answer, and no suggestion tells of what one may not see.
for words in "key list ORG" "member list ORG" "org show ORG" "account list ORG"; do
        # shellcheck disable=SC2086 # words
        there=$(as dave orgtoken ${words/ORG/acme} 2>&1) not_there=$(as dave orgtoken ${words/ORG/nope} 2>&1)
        is "${there//acme/nope}" "$not_there" "a stranger cannot tell whether an organisation is there: $words"
        # shellcheck disable=SC2086
        lacks "$(as dave orgtoken ${words/ORG/acm} 2>&1)" acme "nor is one suggested: $words"
done
new_key
new_pat
for words in "key revoke KEY" "rotate KEY" "pat revoke PAT" "pat rename PAT x"; do
        real=${words/KEY/$key} real=${real/PAT/$pat} none=${words/KEY/ak_0000000000} none=${none/PAT/pat_0000000000}
        # shellcheck disable=SC2086
        there=$(as dave orgtoken $real 2>&1) not_there=$(as dave orgtoken $none 2>&1)
        there=${there//$key/ID} not_there=${not_there//ak_0000000000/ID}
        is "${there//$pat/ID}" "${not_there//pat_0000000000/ID}" "nor a token: $words"
done
lacks "$(as bob orgtoken org list)" globex "a member's list of organisations has no other"
lacks "$(as bob orgtoken account list)$(as carol orgtoken account list)" "globex-" "nor has that of accounts"
is "$(as carol orgtoken --json account list)" '{"accounts": []}' "whose organisation has none sees none"
as bob orgtoken member list acme >"$work/out"
contains "$(cat "$work/out")" alice "a member sees the members of their organisation"
lacks "$(as alice orgtoken pat list)" "$pat" "an admin does not see the personal tokens of a member"
lacks "$(as carol orgtoken whoami)" acme "whoami tells nothing of other organisations"
lacks "$(as alice orgtoken status)" "keys" "status counts no tokens for ordinary users"

# A prefix is ambiguous only among what the caller may see.
as carol orgtoken pat create --name hers >/dev/null 2>&1
hers=$(as carol orgtoken --json pat list | key_id | tail -n 1)
found=
for _ in $(seq 2000); do
        new_pat
        [ "${pat:0:5}" = "${hers:0:5}" ] && found=yes && break
done
is "$found" yes "(two people have tokens of one first letter)"
succeeds "a prefix that means one of one's own tokens, and somebody else's" as carol orgtoken pat rename "${hers:0:5}" mine
exits 1 "to root it means two" orgtoken pat rename "${hers:0:5}" roots
contains "$tap_out" more "and root is told to give more of it"
contains "$(as carol orgtoken pat list)" mine "and nothing changed"

# Whose an account is, is nobody's business but its organisation's: carol's own token, and acme's account.
useradd initech-app
orgtoken org create initech >/dev/null 2>&1
orgtoken account bind initech initech-app >/dev/null 2>&1
hers=$(as carol orgtoken pat create --name check 2>/dev/null)
asks() { printf '%s\n' "$1" | orgtoken_as "$2" check --json --account initech-app; }
orgtoken_as() { if [ "$1" = root ]; then orgtoken "${@:2}"; else as "$1" orgtoken "${@:2}"; fi; }
for token in "$hers" "$hers@globex"; do
        contains "$(asks "$token" root | sed 's/initech-app//g')" initech "check: root is told whose the account is"
        contains "$(asks "$token" carol)" '"key_id": "pat_' "check: an answer to its owner"
        lacks "$(asks "$token" carol | sed 's/initech-app//g')" initech "check: who is not in the organisation is not told its name"
done
orgtoken org suspend initech >/dev/null 2>&1
lacks "$(asks "$hers" carol | sed 's/initech-app//g')" initech "check: nor where it is suspended"

# Who is root in a user namespace of their own is not root.
if as dave unshare -Ur true 2>/dev/null; then
        before=$(revision)
        fails "root of a user namespace" as dave unshare -Ur orgtoken org create theirs
        fails "a user namespace in which one is somebody else" as dave unshare --map-user=0 orgtoken host set never=no
        is "$(revision)" "$before" "and nothing changed"
else
        echo "ok - no user namespaces here # SKIP"
fi
# Neither is who can reach the socket of the PAM module.
exits 3 "the other socket refuses an ordinary user" as alice orgtoken --socket /run/orgtoken/verify.sock status
fails "and takes no command of root's" orgtoken --socket /run/orgtoken/verify.sock org create theirs
lacks "$(orgtoken org list)" theirs "no organisation was made by any of them"

lacks "$(cat "$work/daemon.log")" "$(cut -d. -f2 "$work/stdin")" "no secret is in the log"
contains "$(cat "$work/daemon.log")" not-allowed "(refusals are)"
host_daemon_stop
tap_done
