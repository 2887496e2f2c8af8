# shellcheck shell=bash
# Completion as bash, zsh and fish do it, with the files that are installed: verbs, options, organisations, key ids,
# members, policies and files, and for everybody only what they may see.
# shellcheck source=tests/support/tap.sh
. "$top_srcdir/tests/support/tap.sh"
# shellcheck source=tests/support/host.sh
. "$top_srcdir/tests/support/host.sh"

as() {
        local user=$1
        shift
        setpriv --reuid "$user" --regid "$user" --init-groups env HOME="/home/$user" "$@"
}

host_install || exit 1
for user in alice carol acme-deploy; do host_user $user; done
host_daemon_start || exit 1
for org in acme umbrella; do orgtoken org create $org >/dev/null 2>&1; done
orgtoken member add acme alice --role admin >/dev/null
orgtoken member add umbrella carol --role admin >/dev/null
orgtoken account bind acme acme-deploy >/dev/null 2>&1
key=$(orgtoken --json key create acme --name 'CI: deploy' | sed 's/.*"key_id": "\([^"]*\)".*/\1/')
dead=$(orgtoken --json key create acme --name dead | sed 's/.*"key_id": "\([^"]*\)".*/\1/')
orgtoken key revoke "$dead" >/dev/null
pat=$(as alice orgtoken --json pat create --name laptop | sed 's/.*"key_id": "\([^"]*\)".*/\1/')
theirs=$(as carol orgtoken --json pat create --name hers | sed 's/.*"key_id": "\([^"]*\)".*/\1/')
touch "$work/leak.log"

# What a shell offers for the last word of a line, one a line: in_SHELL USER LINE.
cat >"$work/complete.bash" <<'BASH'
. /usr/share/bash-completion/completions/orgtoken
# The words as readline breaks them: at blanks and at "=".
mapfile -t COMP_WORDS < <(sed -E 's/=/ = /g; s/ +/\n/g' <<<"$1")
COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
_orgtoken
printf '%s\n' "${COMPREPLY[@]}"
BASH
in_bash() { as "$1" bash --norc "$work/complete.bash" "$2" 2>&1; }
# shellcheck disable=SC2016 # fish's own
in_fish() { as "$1" fish -c 'complete -C "$argv[1]"' "$2" 2>&1 | cut -f1; }
# zsh completes in its line editor only: on a terminal. What it is given to offer is printed.
cat >"$work/complete.py" <<'PYTHON'
import os, pty, re, select, sys, time

pid, fd = pty.fork()
if pid == 0:
    os.environ.update(TERM="dumb", LANG="C.UTF-8")
    os.execvp("zsh", ["zsh", "-f", "-i"])
shown = b""


def type_and_wait(text, for_what):
    global shown
    os.write(fd, text)
    end = time.monotonic() + 20
    while time.monotonic() < end and not re.search(for_what, shown):
        if select.select([fd], [], [], 0.05)[0]:
            shown += os.read(fd, 65536)


type_and_wait(rb"""PS1= PS2= RPS1= LISTMAX=0; unsetopt prompt_sp prompt_cr
fpath=(/usr/share/zsh/vendor-completions $fpath); autoload -Uz compinit; compinit -u -D
compadd() {
        local -a found
        builtin compadd -O found "$@"
        for x in $found; do print -r -- "off""er:$x"; done
        builtin compadd "$@"
}
functions -c _orgtoken _theirs 2>/dev/null; autoload +X -U _orgtoken; functions -c _orgtoken _theirs
_orgtoken() { _theirs "$@"; print -r -- "all of"" them"; }
print -r -- "rea""dy"
""", b"ready\r?\n")
type_and_wait(sys.argv[1].encode() + b"\t", b"all of them")
os.write(fd, b"\x15exit\n")
for line in re.findall(rb"offer:([^\r\n]*)", shown):
    print(line.decode())
PYTHON
in_zsh() { as "$1" /usr/bin/python3 "$work/complete.py" "$2" 2>&1; }

# offers USER LINE EXPECTED DESCRIPTION: exactly these words, in every shell. What bash breaks off at a "=" is not in
# its offers.
offers() {
        local shell expected got
        for shell in bash zsh fish; do
                expected=$3
                [ $shell = bash ] && [[ $2 == *=* ]] && expected=${expected//"${2##* }"/}
                got=$(in_$shell "$1" "$2" | grep -v '^$' | sort -u | tr '\n' ' ')
                is "${got% }" "$(tr ' ' '\n' <<<"$expected" | sort | tr '\n' ' ' | sed 's/ $//')" "$shell: $4"
        done
}
offers alice 'orgtoken ke' key "a noun"
offers alice 'orgtoken key ' "create list revoke" "the verbs of a noun"
offers alice 'orgtoken pat re' "rename revoke" "verbs that begin so"
offers alice 'orgtoken key list ' acme "an admin's organisations"
offers carol 'orgtoken key list ' umbrella "and somebody else's"
offers root 'orgtoken org show ' "acme umbrella" "and all of them, for root"
offers alice 'orgtoken key revoke ak_' "$key" "the keys that can be revoked"
offers alice 'orgtoken pat rename ' "$pat" "one's own tokens"
offers carol 'orgtoken pat rename ' "$theirs" "and somebody else's"
offers alice 'orgtoken rotate ' "$key $pat" "tokens of either kind"
offers alice "orgtoken rotate ${key:0:5}" "$key" "by the first characters of the id"
offers alice 'orgtoken key create acme --ex' --expires "an option"
offers alice 'orgtoken key create acme --name x --expires 3' "30d 365d" "a time"
offers alice 'orgtoken member remove acme ' alice "the members of an organisation, for its admin"
offers root 'orgtoken member add acme alice --role ' "admin member" "a role"
offers root 'orgtoken account unbind acme ' acme-deploy "an account"
offers root 'orgtoken org set acme max-l' "max-life= max-life=none" "a policy"
offers root 'orgtoken org set acme never=' "never=no never=yes" "and its values"
for shell in bash zsh fish; do
        contains "$(in_$shell root "orgtoken scan $work/leak")" leak.log "$shell: a file"
done
offers alice 'orgtoken nonsense ' "" "nothing behind what is no command"
offers alice 'orgtoken key nonsense ' "" "nor behind what is no verb"
offers alice 'orgtoken help ke' key "a noun to be told about"
contains "$(as alice fish -c 'complete -C "orgtoken key revoke ak_"')" 'CI: deploy' "fish shows the name of a key"
host_daemon_stop
offers alice 'orgtoken key list ' "" "without a daemon nothing, and no complaint"
tap_done
