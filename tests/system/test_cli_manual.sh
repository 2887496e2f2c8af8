# shellcheck shell=bash
# The manual page tells of everything: each command and option that --help knows, and each name that --json prints.
# shellcheck source=tests/support/tap.sh
. "$top_srcdir/tests/support/tap.sh"
# shellcheck source=tests/support/host.sh
. "$top_srcdir/tests/support/host.sh"

host_install || exit 1
for user in alice acme-deploy; do host_user $user; done
host_daemon_start || exit 1
manual=$(mandoc -Tascii /usr/share/man/man1/orgtoken.1 | col -b | tr -s ' \n' '  ')

# Every command, as --help lists them.
verbs_of() { orgtoken "$1" --help | sed -n '/^Verbs:/,/^$/s/^  \([a-z][a-z-]*\) .*/\1/p'; }
commands=()
for noun in $(orgtoken --help | sed -n '/^Commands:/,/^$/s/^  \([a-z][a-z-]*\) .*/\1/p'); do
        verbs=$(verbs_of "$noun")
        [ -n "$verbs" ] || commands+=("$noun")
        for verb in $verbs; do commands+=("$noun $verb"); done
done
[ ${#commands[@]} -ge 40 ]
ok $? "--help lists ${#commands[@]} commands"
missing=
for command in "${commands[@]}"; do
        case $manual in *" $command "*) ;; *) missing+=" [$command]" ;; esac
        # shellcheck disable=SC2086 # words
        usage=$(orgtoken $command --help) || missing+=" [$command --help]"
        while read -r option; do
                case $manual in *"$option"*) ;; *) missing+=" [$command $option]" ;; esac
        done < <(grep -o -- '--[a-z][a-z-]*' <<<"$usage" | sort -u)
done
is "$missing" "" "the manual has each of them, and each of their options"

# Every name that --json prints.
j() { orgtoken --json "$@" 2>&1 | grep -o '"[a-z_]*":' | sort -u; }
{
        j org create acme
        j org set acme max-life=400d
        j member add acme alice --role admin
        j member set acme alice --role admin
        j account bind acme acme-deploy --service su
        orgtoken key create acme --name ci --expires 30d >"$work/key" 2>/dev/null
        j key create acme --name other --expires 30d
        j rotate "$(cut -c1-9 "$work/key")"
        setpriv --reuid alice --regid alice --init-groups orgtoken pat create --name mine >"$work/pat" 2>/dev/null
        j pat rename "$(cut -c1-10 "$work/pat")" laptop
        for words in "org list" "org show acme" "user list" "member list acme" "account list" "key list acme" "pat list" \
                "host show" status sudoers "clock reset" notify "user suspend alice" "user resume alice" \
                "user reassign alice" "org suspend acme" "org resume acme" "revoke --all --dry-run" \
                "user remove alice --dry-run" "org delete acme" doctor "scan $work/key" \
                "backup /var/lib/orgtoken/copy" "key list nope" "no such"; do
                # shellcheck disable=SC2086 # words
                j $words
        done
        j check <"$work/key"
        j check <"$work/pat"
        setpriv --reuid alice --regid alice --init-groups orgtoken --json whoami | grep -o '"[a-z_]*":'
        j pat revoke "$(cut -c1-10 "$work/pat")"
        j account unbind acme acme-deploy
        j account release acme-deploy
        j member remove acme alice
        j user remove alice
} | sort -u | tr -d '":' >"$work/names"
[ "$(wc -l <"$work/names")" -ge 60 ]
ok $? "--json prints $(wc -l <"$work/names") names"
missing=
while read -r name; do
        # A metric of each verdict; the manual has the pattern of them.
        case $name in verifications_*) name=verifications_unavailable ;; esac
        grep -qw -- "$name" <<<"$manual" || missing+=" $name"
done <"$work/names"
is "$missing" "" "the manual has each of them"
host_daemon_stop
tap_done
