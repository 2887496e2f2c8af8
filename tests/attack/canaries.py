#!/usr/bin/env python3
"""Canaries: some hundred tokens are made, used in every way that ends well or badly, and then looked for in all
places where a secret must not be: the daemon's memory, its files and free pages, its system calls, both logs, the
command line and environment of every process. A piece of twelve characters counts, and its base64 or hex.

Root, inside scripts/sandbox, with orgtoken installed and the users alice and acme-deploy. TAP.

  canaries.py COUNT
"""
import base64
import contextlib
import os
import pathlib
import re
import resource
import signal
import socket
import stat
import subprocess
import sys
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "support"))
import recipe  # noqa: E402

PIECE = 12
RUN = re.compile(rb"[0-9A-Za-z+/=_-]{%d,}" % PIECE)
STATE, RUNTIME = "/var/lib/orgtoken", "/run/orgtoken"
PAMASK = str(pathlib.Path(recipe.__file__).with_name("pamask.py"))
ALICE = ["setpriv", "--reuid=alice", "--regid=alice", "--init-groups"]
# One call of the trace; one that another thread interrupted is told in two lines.
TALK = re.compile(rb"(?:\d+ +)?(?:<\.\.\. )?(recvfrom|recvmsg|sendto|sendmsg)(?:\(| resumed>)")


class Tap:
    count = failed = 0

    def ok(self, good, words, why=""):
        self.count += 1
        self.failed += not good
        print(f"{'' if good else 'not '}ok {self.count} - {words}", flush=True)
        if not good and why:
            print(f"# {str(why)[:600]}")


class Pieces:
    """Every piece of every secret, plain and encoded."""

    def __init__(self):
        self.by_length = {PIECE: {}, 2 * PIECE: {}, 4 * PIECE // 3: {}}

    def add(self, token):
        secret = token.split(b".", 1)[1]
        for at in range(len(secret) - PIECE + 1):
            piece = secret[at:at + PIECE]
            for text in (piece, piece.hex().encode(), piece.hex().upper().encode(), base64.b64encode(piece),
                         base64.urlsafe_b64encode(piece)):
                self.by_length[len(text)][text] = token[:10]

    def find(self, data):
        """The key ids of those of which something is in it."""
        found = set()
        for match in RUN.finditer(data):
            text = match.group()
            for length, pieces in self.by_length.items():
                for at in range(len(text) - length + 1):
                    who = pieces.get(text[at:at + length])
                    if who:
                        found.add(who)
        return found


def memory(pid):
    """All that a process can write, region by region."""
    with open(f"/proc/{pid}/maps", encoding="ascii") as maps, open(f"/proc/{pid}/mem", "rb", 0) as mem:
        for line in maps:
            fields = line.split()
            if "w" not in fields[1] or fields[-1] in ("[vvar]", "[vsyscall]"):
                continue
            start, end = (int(n, 16) for n in fields[0].split("-"))
            mem.seek(start)
            # A guard page is mapped and cannot be read.
            with contextlib.suppress(OSError):
                yield fields[-1], mem.read(end - start)


class Logs:
    """The journal's socket and syslog's, kept in memory."""

    def __init__(self):
        self.text = {}
        os.makedirs("/run/systemd/journal", exist_ok=True)
        for path in ("/run/systemd/journal/socket", "/dev/log"):
            end = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
            end.bind(path)
            os.chmod(path, 0o666)
            self.text[path] = []
            threading.Thread(target=self.keep, args=(end, self.text[path]), daemon=True).start()

    @staticmethod
    def keep(end, to):
        while True:
            to.append(end.recv(1 << 17))


class Daemon:
    def __init__(self, log):
        self.log = log
        self.start()

    def start(self):
        no_limit = lambda: resource.setrlimit(resource.RLIMIT_CORE, (-1, -1))
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(["orgtokend", "--state-dir", STATE, "--runtime-dir", RUNTIME],
                                            stdin=subprocess.DEVNULL, stdout=log, stderr=log, preexec_fn=no_limit)
        if not recipe.waits(lambda: run("orgtoken", "status")[0] == 0):
            raise SystemExit("orgtokend does not start")
        self.pid = self.process.pid


def run(*command, stdin=b""):
    done = subprocess.run(command, input=stdin, stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False,
                          timeout=60)
    return done.returncode, done.stdout


def must(*command, stdin=b""):
    status, out = run(*command, stdin=stdin)
    if status != 0:
        raise SystemExit(f"{command}: {status}")
    return out.strip()


def raw(path, data):
    """Bytes that are no request, on a socket of the daemon."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as end, contextlib.suppress(OSError):
        end.connect(path)
        end.send(data)
        end.settimeout(5)
        end.recv(4096)


# ---- what is done with a token: whatever comes of it ----

def by_pam(text, user="acme-deploy", *phases):
    return run(PAMASK, "canary", user, "ruser=alice", "rhost=192.0.2.7", *(phases or ("auth", "account")),
               stdin=text + b"\n")[0] == 0


def by_su(text):
    return run(*ALICE, "setsid", "-w", "su", "acme-deploy", "-c", "true", stdin=text + b"\n")[0] == 0


def by_name(text):
    """Pasted at the prompt for a name."""
    by_pam(b"a password", text.decode())


def by_command(text):
    """Pasted into commands where something else belongs."""
    token = text.decode()
    for words in (("org", "create", token), ("member", "add", "acme", token), ("account", "bind", "acme", token),
                  ("key", "create", "acme", "--name", token), ("key", "create", "acme", "--name", "x", "--service", token),
                  ("check", "--org", token)):
        run("orgtoken", *words, stdin=text + b"\n")


WAYS = [
    lambda t: by_pam(t),
    lambda t: by_su(t),
    lambda t: by_pam(t[:-3]),
    lambda t: by_pam(t + b"rubbish"),
    lambda t: by_pam(b"Bearer " + t),
    lambda t: by_pam(t + b"@acme"),
    lambda t: by_pam(t + b"@nosuch"),
    lambda t: by_pam(t[:20] + bytes([t[20] ^ 1]) + t[21:]),
    lambda t: by_pam(t, "alice"),
    lambda t: by_pam(t, "nobody"),
    by_name,
    by_command,
    lambda t: run("orgtoken", "check", "--account", "acme-deploy", stdin=t + b"\n"),
    lambda t: run(*ALICE, "orgtoken", "check", stdin=t + b"\n"),
    lambda t: raw(RUNTIME + "/verify.sock", t),
    lambda t: raw(RUNTIME + "/manage.sock", t * 60),
]


class Canaries:
    def __init__(self, count, work):
        self.tap, self.pieces, self.tokens = Tap(), Pieces(), []
        self.count, self.work, self.started = count, work, time.time()
        self.trace = os.path.join(work, "trace")
        recipe.private_dev()
        self.logs = Logs()
        self.daemon = Daemon(os.path.join(work, "daemon.log"))

    def controls(self):
        """The search finds what is there."""
        sample = b"ak_0123456789." + bytes(range(0x41, 0x41 + 25)) + bytes(range(0x61, 0x61 + 24))
        pieces = Pieces()
        pieces.add(sample)
        piece = sample[20:32]
        for name, text in (("plain", piece), ("base64", base64.b64encode(b"xy" + sample)),
                           ("hex", sample.hex().encode()), ("upper-case hex", piece.hex().upper().encode())):
            self.tap.ok(pieces.find(b"\0\1" + text + b"\n"), f"(the search finds a piece: {name})")
        self.tap.ok(not pieces.find(b"\0" + sample[20:31] + b"\n"), "(and not what is too short)")
        with subprocess.Popen(["cat"], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as cat:
            cat.stdin.write(sample)
            cat.stdin.flush()
            cat.stdout.read(len(sample))
            found = any(pieces.find(data) for _, data in memory(cat.pid))
            cat.stdin.close()
        self.tap.ok(found, "(and in a process that has read one)")

    def world(self):
        pathlib.Path("/etc/pam.d/canary").write_text(
            "auth required pam_orgtoken.so debug\naccount required pam_orgtoken.so debug\n", encoding="ascii")
        must("orgtoken", "org", "create", "acme")
        must("orgtoken", "member", "add", "acme", "alice")
        must("orgtoken", "account", "bind", "acme", "acme-deploy")

    def make(self):
        for n in range(self.count):
            if n % 2:
                token = must("orgtoken", "key", "create", "acme", "--name", f"canary {n}")
            else:
                token = must(*ALICE, "orgtoken", "pat", "create", "--name", f"canary {n}", "--expires", "30d")
            self.tokens.append(token)
            self.pieces.add(token)
        self.tap.ok(len(set(self.tokens)) == self.count, f"{self.count} tokens are made")

    def use(self):
        allowed = 0
        for n, token in enumerate(self.tokens):
            WAYS[n % len(WAYS)](token)
            WAYS[(n // len(WAYS) + n + 1) % len(WAYS)](token)
            if n % 10 == 3:
                run("orgtoken", "key" if token.startswith(b"ak") else "pat", "revoke", token[:12].decode())
            elif n % 10 == 6:
                out = run("orgtoken", "rotate", token[:12].decode(), "--overlap", "1h")[1].strip()
                if out:
                    self.pieces.add(out)
            allowed += by_pam(token)
        self.tap.ok(allowed > self.count / 2, "they are used in every way, and most are let in", allowed)

    def starve(self):
        """No memory is to be had: the daemon cannot map another page."""
        status = pathlib.Path(f"/proc/{self.daemon.pid}/status").read_text(encoding="ascii")
        size = int(re.search(r"VmSize:\s+(\d+)", status).group(1)) * 1024
        self.limit_memory(size)
        for token in self.tokens[:20]:
            by_pam(token)
            run("orgtoken", "check", stdin=token + b"\n")
        self.limit_memory("unlimited")
        self.tap.ok(run("orgtoken", "status")[0] == 0, "without memory, the daemon goes on")

    def limit_memory(self, soft):
        """By its own user: a container's root may lack the capability for other users' processes."""
        must("setpriv", "--reuid=orgtoken", "--regid=orgtoken", "--clear-groups", "prlimit", f"--pid={self.daemon.pid}",
             f"--as={soft}:")

    # ---- the search ----

    def clean(self, words, found):
        self.tap.ok(not found, words, found)

    def look_at_memory(self, when):
        found, size = {}, 0
        for name, data in memory(self.daemon.pid):
            size += len(data)
            who = self.pieces.find(data)
            if who:
                found[name] = who
        self.clean(f"no secret in the daemon's memory {when} ({size >> 10} KiB)", found)

    def look_at_files(self, words, *roots):
        found, files = {}, 0
        for root in roots:
            for path in pathlib.Path(root).rglob("*"):
                with contextlib.suppress(OSError):
                    info = path.lstat()
                    if not stat.S_ISREG(info.st_mode) or info.st_mtime < self.started - 1 or self.trace in str(path):
                        continue
                    files += 1
                    who = self.pieces.find(path.read_bytes())
                    if who:
                        found[str(path)] = who
        self.clean(f"no secret in {words} ({files} files)", found)

    def look_at_processes(self):
        found = {}
        for process in pathlib.Path("/proc").glob("[0-9]*"):
            for name in ("cmdline", "environ"):
                with contextlib.suppress(OSError):
                    who = self.pieces.find((process / name).read_bytes())
                    if who:
                        found[str(process / name)] = who
        self.clean("no secret in a command line or an environment", found)

    def look_at_logs(self):
        for path, records in self.logs.text.items():
            self.tap.ok(len(records) > self.count, f"({len(records)} records came to {path})")
            self.clean(f"no secret in them", self.pieces.find(b"\n".join(records)))

    def look_at_trace(self):
        told, heard, wrong = {}, 0, []
        with open(self.trace, "rb") as trace:
            for line in trace:
                who = self.pieces.find(line)
                call = TALK.match(line)
                if who and not call:
                    wrong.append(line[:80])
                elif who and call.group(1).startswith(b"send"):
                    for token in who:
                        told[token] = told.get(token, 0) + 1
                heard += bool(who)
        self.tap.ok(heard > self.count, f"(the trace of its system calls has {heard} with a secret)")
        self.clean("it neither writes nor passes a secret anywhere but on its sockets", wrong)
        self.clean("and tells it once, to whom it makes it for", {t: n for t, n in told.items() if n != 1})

    def crash(self):
        mem = f"/proc/{self.daemon.pid}/mem"
        status, _ = run("setpriv", "--reuid=orgtoken", "--regid=orgtoken", "--clear-groups", "head", "-c0", mem)
        self.tap.ok(status != 0, "its own user cannot look into it")
        for token in self.tokens[:10]:
            raw(RUNTIME + "/verify.sock", token)
        os.kill(self.daemon.pid, signal.SIGABRT)
        _, status = os.waitpid(self.daemon.pid, 0)
        self.tap.ok(os.WIFSIGNALED(status) and not os.WCOREDUMP(status), "a crash leaves no core")
        self.daemon.process.returncode = -1

    def run(self):
        self.controls()
        self.world()
        strace = subprocess.Popen(["strace", "-f", "-q", "-s", "8192", "-o", self.trace, "-p", str(self.daemon.pid)],
                                  stderr=subprocess.DEVNULL)
        recipe.waits(lambda: os.path.exists(self.trace) and "\nTracerPid:\t0\n" not in
                     pathlib.Path(f"/proc/{self.daemon.pid}/status").read_text(encoding="ascii"))
        self.make()
        self.look_at_memory("when they are made")
        self.use()
        self.starve()
        self.look_at_memory("when they were used")
        self.look_at_processes()
        self.look_at_files("the store and its journal", STATE)
        strace.terminate()
        strace.wait()
        self.look_at_trace()
        self.crash()
        self.look_at_files("what a crash leaves of the store", STATE)
        self.daemon.start()
        must("orgtoken", "status")
        self.daemon.process.terminate()
        self.daemon.process.wait()
        self.look_at_files("the store that was closed", STATE)
        self.look_at_files("/run, /tmp, /var/log or the work directory", "/run", "/tmp", "/var/log", self.work)
        self.look_at_logs()
        print(f"1..{self.tap.count}")
        return self.tap.failed != 0


if __name__ == "__main__":
    os.makedirs(recipe.WORK, exist_ok=True)
    sys.exit(Canaries(int(sys.argv[1]), recipe.WORK).run())
