#!/usr/bin/python3
"""Runs a command on a terminal of its own, as somebody at a keyboard does, and ends with its status.

    ptydrive.py [-t SECONDS] [-a REGEX REPLY | -x REGEX COMMAND] ... -- COMMAND [ARGUMENT ...]

-a types REPLY and Return once REGEX has been printed. -x runs a shell command instead, as the caller and not on
that terminal, and then types Return. Steps come in order, each once. What the terminal showed goes to standard
output. Status 124: it did not end in time; a step that was never reached is reported, and is no failure.
"""
import fcntl
import os
import pty
import re
import select
import struct
import subprocess
import sys
import termios
import time


def usage():
    sys.stderr.write(__doc__)
    sys.exit(2)


def parse(args):
    limit, steps = 15.0, []
    while args and args[0] != "--":
        if args[0] == "-t" and len(args) >= 2:
            limit, args = float(args[1]), args[2:]
        elif args[0] in ("-a", "-x") and len(args) >= 3:
            steps.append((args[0], re.compile(args[1].encode()), args[2]))
            args = args[3:]
        else:
            usage()
    if len(args) < 2:
        usage()
    return limit, steps, args[1:]


def act(fd, kind, value):
    if kind == "-x":
        subprocess.run(value, shell=True, stdin=subprocess.DEVNULL, stdout=sys.stderr, check=False)
        value = ""
    else:
        # A program that throws away what was typed ahead does so right after its prompt.
        time.sleep(0.02)
    os.write(fd, value.encode() + b"\n")


def drive(fd, limit, steps):
    """Everything that was shown, and whether it ended in time."""
    shown, seen, end = b"", 0, time.monotonic() + limit
    while time.monotonic() < end:
        if select.select([fd], [], [], 0.1)[0]:
            try:
                piece = os.read(fd, 65536)
            except OSError:
                return shown, True
            if not piece:
                return shown, True
            shown += piece
        if steps:
            found = steps[0][1].search(shown, seen)
            if found:
                seen = found.end()
                kind, _, value = steps.pop(0)
                act(fd, kind, value)
    return shown, False


def main():
    limit, steps, command = parse(sys.argv[1:])
    pid, fd = pty.fork()
    if pid == 0:
        try:
            os.execvp(command[0], command)
        except OSError as error:
            sys.stderr.write("%s: %s\n" % (command[0], error))
        os._exit(127)
    # Without a size psql and git think that one line is too many, and start a pager.
    fcntl.ioctl(fd, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
    shown, ended = drive(fd, limit, steps)
    if not ended:
        os.kill(pid, 9)
    status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    sys.stdout.write(shown.decode("utf8", "replace").replace("\r", ""))
    for _, regex, _ in steps:
        sys.stdout.write("[never shown: %s]\n" % regex.pattern.decode())
    sys.stdout.flush()
    sys.exit(124 if not ended else status & 255)


main()
