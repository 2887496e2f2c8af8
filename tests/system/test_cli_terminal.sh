# shellcheck shell=bash
# The command at a terminal: widths, colours, the prompt without echo, and the terminal after Ctrl-C.
# shellcheck source=tests/support/tap.sh
. "$top_srcdir/tests/support/tap.sh"
# shellcheck source=tests/support/host.sh
. "$top_srcdir/tests/support/host.sh"

as() {
        local user=$1
        shift
        setpriv --reuid "$user" --regid "$user" --init-groups "$@"
}

host_install || exit 1
for user in alice acme-deploy; do host_user $user; done
host_daemon_start || exit 1

cat >"$work/onterm.py" <<'PYTHON'
"""onterm.py WIDTH [-t TEXT | -c | -z | -e | -k SIGNAL]... -- COMMAND: on a terminal of WIDTH columns. Types TEXT and Return,
Ctrl-C, Ctrl-Z, Ctrl-D, or sends SIGNAL, each once the terminal has no echo. Prints what was shown; the last lines are
"echo BEFORE DURING AFTER" and "widest N"."""
import fcntl, os, pty, re, select, signal, struct, sys, termios, time, unicodedata

width, words = int(sys.argv[1]), sys.argv[2:]
keys = []
while words[0] != "--":
    word = words.pop(0)
    keys.append((word, words.pop(0) if word in ("-t", "-k") else ""))
master, slave = pty.openpty()
fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, width, 0, 0))


def echo():
    return bool(termios.tcgetattr(slave)[3] & termios.ECHO)


before, during, shown = echo(), None, b""
pid = os.fork()
if pid == 0:
    os.setsid()
    fcntl.ioctl(slave, termios.TIOCSCTTY, 0)
    # A job of a shell, so that Ctrl-Z has an effect.
    for fd in (0, 1, 2):
        os.dup2(slave, fd)
    for name in (signal.SIGPIPE, signal.SIGINT, signal.SIGTSTP, signal.SIGTTOU):
        signal.signal(name, signal.SIG_DFL)
    inner = os.fork()
    if inner == 0:
        os.setpgid(0, 0)
        signal.signal(signal.SIGTTOU, signal.SIG_IGN)
        os.tcsetpgrp(0, os.getpid())
        signal.signal(signal.SIGTTOU, signal.SIG_DFL)
        os.execvp(words[1], words[1:])
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    while True:
        status = os.waitpid(inner, os.WUNTRACED)[1]
        if not os.WIFSTOPPED(status):
            break
        os.write(1, b"[stopped, echo %d]\n" % bool(termios.tcgetattr(0)[3] & termios.ECHO))
        os.kill(inner, signal.SIGCONT)
    os.write(1, b"[ended %d]\n" % os.waitstatus_to_exitcode(status))
    os._exit(0)
end = time.monotonic() + 15
while time.monotonic() < end and b"[ended" not in shown:
    if keys and not echo():
        during = False
        kind, text = keys.pop(0)
        # What is typed comes to one who reads; a signal comes when it comes, mostly before.
        time.sleep(0 if kind == "-k" else 0.05)
        if kind == "-k":
            os.kill(os.tcgetpgrp(master), getattr(signal, text))
        else:
            os.write(master, {"-t": text.encode() + b"\n", "-c": b"\x03", "-z": b"\x1a", "-e": b"\x04"}[kind])
        time.sleep(0.05)
    if select.select([master], [], [], 0.02)[0]:
        shown += os.read(master, 65536)
shown = shown.decode("utf-8", "replace").replace("\r", "")
sys.stdout.write(shown)
print("echo", before, during, echo())
# Columns: East Asian characters take two, escape sequences none.
lines = [line for line in re.sub("\x1b\\[[0-9;]*m", "", shown).split("\n") if not line.startswith("[ended")]
print("widest", max(sum(1 + (unicodedata.east_asian_width(c) in "WF") for c in line) for line in lines))
PYTHON
tty() { /usr/bin/python3 "$work/onterm.py" "$@"; }
widest() { sed -n 's/^widest //p' <<<"$1"; }
escape=$(printf '\033')

orgtoken org create acme >/dev/null 2>&1
orgtoken member add acme alice --role admin >/dev/null
orgtoken account bind acme acme-deploy >/dev/null 2>&1
key=$(orgtoken key create acme --name 'CI deploy of everything that there is, twice a day' --expires 30d \
        --service sshd --service su --service su-l --service sudo --source 10.0.0.0/8 --source 2001:db8::/32 2>/dev/null)
orgtoken key create acme --name '鍵の名前はとても長いのである' 2>/dev/null >"$work/wide"
orgtoken key create acme --name dead 2>/dev/null >"$work/dead"
orgtoken key revoke "$(cut -c1-9 "$work/dead")" >/dev/null
pat=$(as alice orgtoken pat create --name laptop 2>/dev/null)

# Widths.
for width in 40 80 200; do
        for words in "key list acme" "pat list" "org list" "org show acme" "account list" "member list acme" whoami status \
                "user list" --help "key create --help" "key --help" "revoke --help"; do
                # shellcheck disable=SC2086 # words
                shown=$(tty $width -- orgtoken $words)
                got=$(widest "$shown")
                [ "$got" -le $width ] && [[ $shown == *"[ended 0]"* ]]
                ok $? "$words, at $width columns (takes $got)"
                [ "$got" -le $width ] || diag "$shown"
        done
done
narrow=$(tty 40 -- orgtoken key list acme)
for piece in "${key:0:9}" sshd 10.0.0.0/8 revoked; do
        contains "$narrow" "$piece" "at 40 columns nothing is lost: $piece"
done
contains "$(tty 200 -- orgtoken key list acme | grep "${key:0:9}")" "2001:db8::/32" "at 200 columns a token is one line"
shown=$(COLUMNS=50 tty 200 -- orgtoken key list acme)
[ "$(widest "$shown")" -le 50 ]
ok $? "COLUMNS is believed before the terminal"
for junk in -1 0 99999999999 x ''; do
        contains "$(COLUMNS=$junk tty 80 -- orgtoken key list acme)" "[ended 0]" "COLUMNS='$junk' does no harm"
done
contains "$(tty 1 -- orgtoken key list acme)" "[ended 0]" "a terminal of one column"
contains "$(tty 0 -- orgtoken key list acme)" "[ended 0]" "a terminal that does not know its size"
[ "$(orgtoken key list acme | grep -c "${key:0:9}.*sshd.*2001:db8::/32")" = 1 ]
ok $? "in a pipe a token is one line, whatever its length"
# same COMMAND OTHER DESCRIPTION: both print the same; tried again, for "5 s ago" may have become "6 s ago" in between.
same() {
        local one other
        for _ in 1 2 3 4 5; do
                one=$(eval "$1") other=$(eval "$2")
                if [ "$one" = "$other" ]; then break; fi
        done
        is "$one" "$other" "$3"
}
same "COLUMNS=40 orgtoken key list acme" "orgtoken key list acme" "and COLUMNS has no say there"

# Colours.
contains "$(tty 200 -- orgtoken key list acme)" "${escape}[" "colour on a terminal"
contains "$(NO_COLOR='' tty 200 -- orgtoken key list acme)" "${escape}[" "an empty NO_COLOR is none"
lacks "$(NO_COLOR=1 tty 200 -- orgtoken key list acme)" "$escape" "no colour with NO_COLOR"
lacks "$(TERM=dumb tty 200 -- orgtoken key list acme)" "$escape" "nor on a dumb terminal"
lacks "$(orgtoken key list acme; orgtoken org show acme; orgtoken whoami)" "$escape" "nor in a pipe"
lacks "$(tty 200 -- orgtoken --json key list acme)" "$escape" "nor in JSON"
same "NO_COLOR=1 tty 200 -- orgtoken key list acme" "tty 200 -- orgtoken key list acme | sed 's/$escape\[[0-9;]*m//g'" \
        "and it carries nothing that is not also said"
# What could be an escape sequence of somebody else's is shown as what it is.
exits 1 "a name with an escape sequence" orgtoken key create acme --name "$(printf 'a\033[2Jb')"
lacks "$tap_out" "$escape" "and the error does not print it"
exits 2 "nor does that of a bad verb" orgtoken "$(printf 'x\033[2J')"
lacks "$tap_out" "$escape" "but in a form that can be seen"

# The prompt of check.
shown=$(tty 80 -t "$pat@acme" -- orgtoken check --account alice)
contains "$shown" "allow" "check asks at a terminal and is answered"
contains "$shown" "oken" "there is a prompt"
lacks "$shown" "${pat:15:20}" "the token is not shown"
contains "$shown" "echo True False True" "echo is off while it is typed, and on again after it"
shown=$(tty 80 -c -- orgtoken check)
contains "$shown" "[ended -2]" "Ctrl-C ends it as it ends any program"
contains "$shown" "echo True False True" "and the terminal has its echo back"
for signal in SIGTERM SIGHUP SIGQUIT SIGTERM SIGHUP SIGQUIT SIGTERM SIGHUP SIGQUIT; do
        shown=$(ulimit -c 0; tty 80 -k $signal -- orgtoken check)
        contains "$shown" "echo True False True" "so it has after $signal"
        lacks "$shown" "[ended 0]" "which ends it"
done
shown=$(tty 80 -z -- orgtoken check)
contains "$shown" "[stopped, echo 1]" "Ctrl-Z gives the terminal back with its echo"
contains "$shown" "[ended" "and it does not hang when it goes on"
contains "$shown" "echo True False True" "nor leaves the terminal without echo"
shown=$(tty 80 -e -- orgtoken check)
contains "$shown" "[ended 2]" "Ctrl-D: no token came"
shown=$(tty 80 -t '' -- orgtoken check)
contains "$shown" "[ended 2]" "nothing but Return: likewise"
shown=$(tty 80 -t "$(head -c 3000 /dev/zero | tr '\0' x)" -- orgtoken check)
contains "$shown" "not-a-token" "a line longer than any token"
# Typed ahead of the prompt it would have been shown; it must not be taken for the token.
is "$(orgtoken check --account acme-deploy <<<"$key" | head -n 1)" limited "without a terminal it is one line of standard input"
is "$(printf '%s' "$key" | orgtoken check --account acme-deploy --service sshd --source 10.1.2.3 | head -n 1)" allow "that need not end"
is "$(printf '%s\r\nmore\n' "$key" | orgtoken check --account acme-deploy --service sshd --source 10.1.2.3 | head -n 1)" allow \
        "or ends as Windows has it"
fails "standard input that is closed" sh -c 'orgtoken check <&-'

# Notes go where people look, the token where scripts look.
shown=$(orgtoken key create acme --name split 2>"$work/notes")
is "${#shown}" 63 "on standard output there is the token alone"
contains "$(cat "$work/notes")" "shown once" "and what is to be said on standard error"
is "$(orgtoken --json key create acme --name json 2>&1 | wc -l)" 1 "with --json nothing but the document"

lacks "$(cat "$work/daemon.log")" "${pat:15:20}" "no secret is in the log"
host_daemon_stop
tap_done
