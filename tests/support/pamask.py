#!/usr/bin/python3
"""A PAM application of one line, for what no installed program does on demand.

    pamask.py SERVICE USER [ruser=NAME] [rhost=HOST] [tty=TTY] [uid=REAL UID] [target=USER] [org=ANSWER] [run=COMMAND]
              PHASE ...

PHASE: auth, account, session; run, which runs the command of run=; env, which prints what the module has put into
the environment. The answer to every prompt is the first line of standard input; with org= that word is the answer to
one with echo. target= is set as PAM_USER before the session, as sudo does. Prints the phases that succeeded, or the
code of the one that did not; status 0 where all did.
"""
import ctypes
import os
import sys

ITEMS = {"ruser": 8, "rhost": 4, "tty": 3}
USER = 2
PROMPT_ECHO_ON = 2
VARIABLES = ("ORGTOKEN_ORG", "ORGTOKEN_KEY_ID", "ORGTOKEN_USER")
PHASES = {"auth": "pam_authenticate", "account": "pam_acct_mgmt", "session": "pam_open_session"}

libc = ctypes.CDLL(None)
libpam = ctypes.CDLL("libpam.so.0")
libc.calloc.restype = ctypes.c_void_p
libc.strdup.restype = ctypes.c_void_p
libpam.pam_getenv.restype = ctypes.c_char_p


class Response(ctypes.Structure):
    _fields_ = [("text", ctypes.c_void_p), ("code", ctypes.c_int)]


class Message(ctypes.Structure):
    _fields_ = [("style", ctypes.c_int), ("text", ctypes.c_char_p)]


CONVERSE = ctypes.CFUNCTYPE(
    ctypes.c_int,
    ctypes.c_int,
    ctypes.POINTER(ctypes.POINTER(Message)),
    ctypes.POINTER(ctypes.POINTER(Response)),
    ctypes.c_void_p,
)


class Conversation(ctypes.Structure):
    _fields_ = [("function", CONVERSE), ("data", ctypes.c_void_p)]


def main():
    service, user, rest = sys.argv[1], sys.argv[2], sys.argv[3:]
    password = b"" if sys.stdin.isatty() else sys.stdin.buffer.readline().rstrip(b"\n")

    options = dict(word.split("=", 1) for word in rest if "=" in word)

    def answer(count, messages, responses, _data):
        array = libc.calloc(count, ctypes.sizeof(Response))
        replies = ctypes.cast(array, ctypes.POINTER(Response))
        for i in range(count):
            echo = messages[i].contents.style == PROMPT_ECHO_ON
            replies[i].text = libc.strdup(options["org"].encode() if echo and "org" in options else password)
        responses[0] = replies
        return 0

    conversation = Conversation(CONVERSE(answer), None)
    handle = ctypes.c_void_p()
    if libpam.pam_start(service.encode(), user.encode(), ctypes.byref(conversation), ctypes.byref(handle)) != 0:
        sys.exit("pam_start failed")
    for name, value in options.items():
        if name in ITEMS:
            libpam.pam_set_item(handle, ITEMS[name], value.encode())
    if "uid" in options:
        os.setresuid(int(options["uid"]), 0, 0)
    for phase in (word for word in rest if "=" not in word):
        if phase == "run":
            os.system(options["run"])
            continue
        if phase == "env":
            values = [libpam.pam_getenv(handle, name.encode()) for name in VARIABLES]
            print(" ".join(value.decode() if value else "-" for value in values))
            continue
        if phase == "session" and "target" in options:
            libpam.pam_set_item(handle, USER, options["target"].encode())
        code = getattr(libpam, PHASES[phase])(handle, 0)
        if code != 0:
            print("%s: %d" % (phase, code))
            sys.exit(1)
        print(phase)
    libpam.pam_end(handle, 0)


main()
