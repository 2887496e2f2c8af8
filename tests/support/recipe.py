#!/usr/bin/python3
"""Runs a page of doc/recipes against the program it is about. TAP on standard output.

    scripts/sandbox tests/support/recipe.py doc/recipes/PAGE.md

Inside scripts/sandbox, with orgtoken installed. What is run is what the page says, and nothing else: its marked
code blocks in order, then every row of its table, then what must be refused everywhere. A mark is the first line
of a fenced block:

    file PATH [MODE]             the file is this
    lines PATH before|end TEXT   these lines go into the file that Debian ships, before the line TEXT or at its end
    sh                           root does this
    sh group                     root does this too; the program is first tried without it, and must refuse
    sh start                     this starts the program, or makes it read its files anew
    typed USER ACCOUNT           USER types what follows "$ ", answers the prompts below it up to the token, and
                                 sees the lines below that. Rows put their own account for ACCOUNT. A last line
                                 "^C" is typed once the line above it is there.
    sh then, typed USER ACCOUNT then [VERDICT]
                                 another way to set it up, after all the rest: root does that, and USER sees this;
                                 with VERDICT it is a refusal
    seen                         who is refused sees these lines there
    log FILE | syslog            a refusal leaves these lines there
    log orgtokend                and these are in the daemon's own log
    log forgot                   and these, in syslog, where "sh group" was forgotten
    undisturbed USER             USER types what follows "$ ", types no password, and sees the lines below it:
                                 the same with the daemon stopped, and frozen. Of a program that takes no tokens,
                                 and needs no table.

"…" stands for anything. Other blocks are for reading only and have no mark, or "text". The preparation (who is
in which organisation) is the page README.md beside it. <!-- sandbox: COMMAND --> is for the test alone.

The table: | account | password typed | answer |, where an answer is "in" or "refused" with more words behind it;
a word in back quotes behind "refused" is the verdict that must be in the log. In the rows pat_… is a token of
alice, ak_… a key of acme; "its password" is the account's, "her own password" that of alice, both tried before any
token is, and "its password, after a token" after them. Behind what is typed may stand ", its account expired",
", its account gone" or ", its password locked": then the account is made so for that row.
"""
import json
import os
import pwd
import re
import signal
import socket
import subprocess
import sys
import threading
import time
import zlib

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
DRIVE = os.path.join(TOP, "tests/support/ptydrive.py")
MARKS = ("file", "lines", "sh", "typed", "seen", "log", "undisturbed")
PASSWORDS = {"alice": "correct-horse", "bob": "battery-staple", "acme-deploy": "deploy-password"}
STATES = {", its account expired": ("usermod -e 1 %s", "usermod -e '' %s"),
          ", its password locked": ("passwd -q -l %s", "passwd -q -u %s"),
          ", its account gone": ("cp -a /etc/passwd /run/passwd.kept; sed -i '/^%s:/d' /etc/passwd",
                                 "cp -a /run/passwd.kept /etc/passwd; getent passwd %s")}
BEFORE, AFTER = ("its password", "her own password", "its password, mistyped"), ("its password, after a token",)
TOKEN = re.compile(r"(?:pat|ak)_…(?:@[a-z]+)?|its password")
ORGANIZATION = re.compile(r"Organization: \S")
DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
WORK = "/run/orgtoken-recipe"


class Bad(Exception):
    """The page cannot be run."""


# --- the page


class Block:
    def __init__(self, mark, lines):
        self.kind, _, self.rest = mark.partition(" ")
        self.lines = lines


def parse(path):
    """The blocks in order, hidden commands among them as `sh`, and the rows of the table."""
    blocks, rows, mark, held = [], [], None, []
    with open(path, encoding="utf8") as page:
        text = page.read().splitlines()
    for number, line in enumerate(text, 1):
        if mark is None and line.startswith("```"):
            mark, held = line[3:].strip() or "text", []
        elif mark is not None and line.startswith("```"):
            if mark != "text":
                if mark.split()[0] not in MARKS:
                    raise Bad("line %d: unknown mark '%s'" % (number, mark))
                blocks.append(Block(mark, held))
            mark = None
        elif mark is not None:
            held.append(line)
        elif line.startswith("<!-- sandbox: "):
            blocks.append(Block("sh", [line[14:].rsplit(" -->", 1)[0]]))
        elif line.startswith("| `"):
            cells = [cell.strip() for cell in line.strip("|").split("|")]
            rows.append((cells[0].strip("`"), cells[1].strip("`"), cells[2]))
    if mark is not None:
        raise Bad("a block that is not closed")
    return blocks, rows


# --- the host


class Syslog(threading.Thread):
    """/dev/log of this sandbox, as one growing text."""

    def __init__(self):
        super().__init__(daemon=True)
        self.text = ""
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind("/dev/log")
        os.chmod("/dev/log", 0o666)

    def run(self):
        while True:
            line = self.socket.recv(65536).decode("utf8", "replace").rstrip("\0\n")
            # "<PRI>Nov 24 00:20:33 NAME: MESSAGE"
            self.text += re.sub(r"^<\d+>(?:\w{3} [ \d]\d [\d:]{8} )?", "", line) + "\n"

    def waits_for(self, pattern, start):
        return waits(lambda: re.search(pattern, self.text[start:]))


def waits(condition, seconds=10.0):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        found = condition()
        if found:
            return found
        time.sleep(0.02)
    return condition()


def shell(command, check=True, stdin=subprocess.DEVNULL):
    """Root types it. Into a file: a server that it starts would hold a pipe open."""
    with open(WORK + "/sh.out", "w+", encoding="utf8", errors="replace") as out:
        done = subprocess.run(["sh", "-ec", command], stdin=stdin, stdout=out, stderr=out, timeout=60, check=False)
        out.seek(0)
        if check and done.returncode != 0:
            raise Bad("status %d: %s\n%s" % (done.returncode, command, out.read()))
        out.seek(0)
        return out.read()


def private_dev():
    """A /dev of our own, so that /dev/log is; the host's is shared otherwise."""
    shell(
        """d=$(mktemp -d /run/dev.XXXXXX); mount -t tmpfs -o mode=0755,nosuid tmpfs $d
        for n in null zero full random urandom tty net/tun; do
                mkdir -p $d/$(dirname $n)
                [ -e /dev/$n ] || { mknod $d/$n c 10 200; continue; }  # only tun may be missing
                touch $d/$n; mount --bind /dev/$n $d/$n
        done
        mkdir $d/pts $d/shm; mount --bind /dev/shm $d/shm
        mount -t devpts -o newinstance,ptmxmode=0666,mode=0620,gid=5 devpts $d/pts; ln -s pts/ptmx $d/ptmx
        ln -s /proc/self/fd $d/fd; for n in 0 1 2; do ln -s /proc/self/fd/$n $d/$n; done
        ln -s fd/0 $d/stdin; ln -s fd/1 $d/stdout; ln -s fd/2 $d/stderr
        mount --move $d /dev"""
    )


class Daemon:
    def __init__(self):
        self.process = None

    def start(self):
        with open(WORK + "/daemon.log", "a", encoding="utf8") as log:
            command = ["orgtokend", "--state-dir", "/var/lib/orgtoken", "--runtime-dir", "/run/orgtoken"]
            self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        if not waits(lambda: subprocess.run(["orgtoken", "status"], capture_output=True, check=False).returncode == 0):
            raise Bad("orgtokend does not start")

    def stop(self):
        self.process.terminate()
        self.process.wait()


def as_user(user):
    home = "/root" if user == "root" else "/home/" + user
    return ["setpriv", "--reuid", user, "--regid", user, "--init-groups", "env", "-i", "-C", home, "HOME=" + home,
            "USER=" + user, "LOGNAME=" + user, "SHELL=/bin/sh", "TERM=dumb", "LANG=C.UTF-8",
            "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"]


def make_token(user, *words):
    command = as_user(user) + ["orgtoken", *words]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    token = done.stdout.strip()
    if done.returncode != 0 or not re.fullmatch(r"(pat|ak)_\S+", token):
        raise Bad("no token: %s: %s" % (" ".join(words), done.stderr))
    return token


def other_secret(token):
    """Well-formed, and made by nobody: the checksum fits."""
    body = token[:-7] + ("x" if token[-7] != "x" else "y")
    number, digits = zlib.crc32(body.encode()), ""
    for _ in range(6):
        number, digit = divmod(number, 62)
        digits = DIGITS[digit] + digits
    return body + digits


class World:
    """The organisations of README.md, and tokens in every condition."""

    def __init__(self, preparation):
        for user, password in PASSWORDS.items():
            hashed = subprocess.run(["openssl", "passwd", "-6", "-salt", "orgtoken", password],
                                    capture_output=True, text=True, check=True).stdout.strip()
            shell("useradd -m -s /bin/sh %s; usermod -p '%s' %s" % (user, hashed, user))
        for block in preparation:
            if block.kind != "sh":
                raise Bad("the preparation has a block of another kind: " + block.kind)
            shell("\n".join(block.lines))
        # On a busy machine the four commands below take their time, too.
        soon = "@%d" % (time.time() + 5)
        self.soon = time.monotonic() + 5
        self.pat = {"good": make_token("alice", "pat", "create", "--name", "laptop"),
                    "expired": make_token("alice", "pat", "create", "--name", "short", "--expires", soon),
                    "revoked": make_token("alice", "pat", "create", "--name", "gone")}
        self.key = {"good": make_token("root", "key", "create", "acme", "--name", "ci"),
                    "expired": make_token("root", "key", "create", "acme", "--name", "short", "--expires", soon),
                    "revoked": make_token("root", "key", "create", "acme", "--name", "gone"),
                    "stranger": make_token("root", "key", "create", "initech", "--name", "theirs")}
        shell("orgtoken pat revoke %s; orgtoken key revoke %s" % (self.pat["revoked"].split(".")[0], self.key["revoked"].split(".")[0]))

    def secret(self, words, account, which="good"):
        """What is typed for the words of a row."""
        kind, _, org = words.partition("@")
        suffix = "@" + org if org else ""
        if kind == "pat_…":
            return self.pat[which] + suffix
        if kind == "ak_…":
            return self.key[which] + suffix
        if words == "its password" or words in AFTER:
            return PASSWORDS[account]
        if words == "her own password":
            return PASSWORDS["alice"]
        if words == "its password, mistyped":
            return PASSWORDS[account] + "x"
        raise Bad("a row with an unknown password: " + words)


# --- what a user types


class Typed:
    """A `typed` block."""

    def __init__(self, block):
        words = block.rest.split()
        if not 2 <= len(words) <= 4 or words[2:3] not in ([], ["then"]) or not block.lines[0].startswith("$ "):
            raise Bad("a typed block is: typed USER ACCOUNT [then [VERDICT]], and a line that begins with '$ '")
        self.user, self.account = words[:2]
        self.verdict = words[3] if len(words) == 4 else None
        self.command = block.lines[0][2:]
        at = max([i for i, line in enumerate(block.lines) if TOKEN.search(line)], default=None)
        if at is None:
            raise Bad("a typed block in which no token is typed: " + self.command)
        self.words = TOKEN.search(block.lines[at]).group()
        at = max([at] + [i for i, line in enumerate(block.lines) if ORGANIZATION.search(line)])
        self.prompts = block.lines[1:at + 1]
        after = block.lines[at + 1:]
        self.interrupted = after[-1:] == ["^C"]
        after = after[:-1] if self.interrupted else after
        self.session = [line[2:] for line in after if line.startswith("$ ")]
        self.shown = [line for line in after if not line.startswith("$ ")]
        if not self.shown:
            raise Bad("a typed block after which nothing is seen: " + self.command)

    def put(self, text, account, secret):
        text = TOKEN.sub(lambda _: secret, text)
        return re.sub(r"(?<![\w.-])%s(?![\w-])" % re.escape(self.account), account, text)

    def run(self, account, secret):
        """Did it let them in? And what was shown."""
        steps = []
        for line in self.prompts:
            prompt, _, answer = line.rpartition(": ")
            steps += ["-a", wild(self.put(prompt, account, secret)) + ": ?", self.put(answer, account, secret)]
        for line in self.session:
            steps += ["-a", r"[$#] $", line]
        if self.interrupted:
            steps += ["-a", wild(self.put(self.shown[-1], account, secret)), "\x03"]
        command = [DRIVE, "-t", "25", *steps, "--", *as_user(self.user), "sh", "-c",
                   self.put(self.command, account, secret)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        text = re.sub(r"\x1b\[[0-9;]*m", "", done.stdout + done.stderr)  # colours
        lines = [line.strip() for line in text.splitlines()]
        want = [wild(self.put(line, account, secret).strip()) for line in self.shown]
        found = all(any(re.fullmatch(one, line) for line in lines) for one in want)
        # Who is refused never sees what comes behind the token.
        beyond = 0 if found else len(self.session) + self.interrupted
        if (done.returncode == 124 or "Traceback" in done.stderr or re.search("(?m)^sh: .*: not found$", text)
                or text.count("[never shown: ") > beyond):
            return None, "it did not run to its end as described, status %d:\n%s" % (done.returncode, text)
        return found, text


def wild(text):
    return ".*".join(re.escape(part) for part in text.split("…"))


# --- the run


class Run:
    def __init__(self, path):
        self.count = self.failed = 0
        self.name = os.path.basename(path)[:-3]
        self.blocks, self.rows = parse(path)
        self.preparation = parse(os.path.join(os.path.dirname(path), "README.md"))[0]
        self.variants = [block for block in self.blocks if "then" in block.rest.split()]
        self.blocks = [block for block in self.blocks if block not in self.variants]
        self.typed = [Typed(block) for block in self.blocks if block.kind == "typed"]
        self.undisturbed = [block for block in self.blocks if block.kind == "undisturbed"]
        self.has_askpass = any("orgtoken-askpass" in line for block in self.blocks for line in block.lines)
        self.seen = [line for block in self.blocks if block.kind == "seen" for line in block.lines]
        self.syslog, self.daemon, self.world = None, Daemon(), None

    def ok(self, good, words, more=""):
        self.count += 1
        self.failed += not good
        print("%s %d - %s: %s" % ("ok" if good else "not ok", self.count, self.name, words))
        if not good:
            for line in more.splitlines()[-25:]:
                print("# " + line)
        sys.stdout.flush()

    def check_page(self):
        if self.undisturbed:
            return
        answers = [row[2].split()[0].rstrip(",:") for row in self.rows]
        if not {"typed", "log"} <= {block.kind for block in self.blocks}:
            raise Bad("it has to say what is typed and what a refusal looks like in the log")
        if not {"in", "refused"} <= set(answers) or set(answers) - {"in", "refused"}:
            raise Bad("its table has to say who is in and who is refused")
        for what, pattern in (("names no organisation", r"pat_…"), ("names one", r"pat_…@acme"),
                              ("names a wrong one", r"pat_…@globex"), ("is a key", r"ak_…"),
                              ("is of an expired account", r"pat_.*, its account expired"), ("is a password", r"(?:its|her own) password"), ("is a wrong password", r"its password, mistyped")):
            if not any(re.fullmatch(pattern, words) for _, words, _ in self.rows):
                raise Bad("its table has no row in which what is typed " + what)

    def prepare(self):
        private_dev()
        self.syslog = Syslog()
        self.syslog.start()
        os.makedirs("/run/orgtoken", 0o755, exist_ok=True)
        shell("install -d -m 0700 -o orgtoken -g orgtoken /var/lib/orgtoken")
        with open("/etc/hosts", "a", encoding="utf8") as hosts:
            hosts.write("127.0.0.1 %s\n" % socket.gethostname())
        self.daemon.start()
        self.world = World(self.preparation)

    def apply(self, want_group):
        """The page's files and commands, up to and with its start; without the group at first."""
        for block in self.blocks:
            text = "\n".join(block.lines) + "\n"
            if block.kind == "file":
                path, *mode = block.rest.split()
                os.makedirs(os.path.dirname(path), exist_ok=True)
                with open(path, "w", encoding="utf8") as out:
                    out.write(text)
                if mode:
                    os.chmod(path, int(mode[0], 8))
            elif block.kind == "lines":
                add_lines(block.rest, text)
            elif block.kind == "sh" and (block.rest != "group" or want_group):
                shell(text)

    def group_and_start(self):
        for kind in ("group", "start"):
            for block in self.blocks:
                if block.kind == "sh" and block.rest == kind:
                    shell("\n".join(block.lines))

    def attempt(self, typed, account, secret, want, words, verdict=None):
        start = len(self.syslog.text)
        opened, shown = typed.run(account, secret)
        good = opened is want
        if good and verdict:
            if not self.syslog.waits_for(r"(token rejected|session refused): %s;" % verdict, start):
                good, shown = False, shown + "\nno '%s' in syslog" % verdict
            lines = [line.strip() for line in shown.splitlines()]
            for want_line in self.seen if want is False else []:
                if not any(re.fullmatch(wild(want_line), line) for line in lines):
                    good, shown = False, shown + "\nnot seen: " + want_line
        self.ok(good, words, shown + "\n-- syslog:\n" + self.syslog.text[start:])
        return start

    def first_in(self, kind):
        for account, words, answer in self.rows:
            if words.startswith(kind) and answer.startswith("in"):
                return account, words
        return None

    def forgot(self):
        """The program, before it is in the group."""
        lines = [line for block in self.blocks if block.kind == "log" and block.rest == "forgot" for line in block.lines]
        if not lines:
            raise Bad("it has 'sh group', but not the log of who forgot it")
        account, words = self.first_in("pat_") or self.first_in("ak_")
        self.check_doctor(True)
        start = self.attempt(self.typed[0], account, self.world.secret(words, account), False,
                             "without the group a good token is refused")
        for line in lines:
            self.ok(bool(self.syslog.waits_for("(?m)^%s$" % wild(line), start)), "and syslog says so",
                    self.syslog.text[start:])
        self.group_and_start()

    def check_doctor(self, forgotten):
        """What the page set up is right in the eyes of orgtoken doctor, which is thereby right about it."""
        services = sorted({os.path.basename(block.rest.split()[0]) for block in self.blocks
                           if block.kind in ("file", "lines") and block.rest.startswith("/etc/pam.d/")})
        if not services:
            return
        done = subprocess.run(["orgtoken", "--json", "doctor", *services], capture_output=True, text=True, check=False)
        found = [(one["subject"], one["code"], one["message"]) for one in json.loads(done.stdout)["findings"]
                 if one["level"] == "wrong"]
        if forgotten:
            self.ok("user-not-in-group" in [code for _, code, _ in found], "orgtoken doctor sees that the group was forgotten",
                    "\n".join(map(str, found)))
        else:
            self.ok(not found, "orgtoken doctor finds nothing wrong with it", "\n".join(map(str, found)))

    def run_table(self):
        # Whoever has just typed a token has a grant, and what a password then opens is another question.
        for account, words, answer in sorted(self.rows, key=lambda row: 0 if row[1] in BEFORE else
                                             2 if row[1] in AFTER else 1):
            verdict = re.match(r"refused,? `([a-z-]+)`", answer)
            state = next((one for one in STATES if words.endswith(one)), None)
            if state:
                shell(STATES[state][0] % account)
            self.attempt(self.typed[0], account, self.world.secret(words.removesuffix(state or ""), account),
                         answer.startswith("in"), "%s with %s is %s" % (account, words, answer.replace("`", "")),
                         verdict and verdict.group(1))
            if state:
                shell(STATES[state][1] % account)

    def run_others(self):
        """The page's other commands, as they stand."""
        for typed in self.typed[1:]:
            secret = self.world.secret(typed.words, typed.account)
            self.attempt(typed, typed.account, secret, True, typed.command)

    def run_refusals(self):
        for kind in ("pat_", "ak_"):
            found = self.first_in(kind)
            if not found:
                continue
            account, words = found
            kind_words, _, org = words.partition("@")
            suffix = "@" + org if org else ""
            good = self.world.secret(kind_words, account)
            time.sleep(max(0.0, self.world.soon - time.monotonic()))
            refusals = [("cut short", good[:-3] + suffix, "malformed"),
                        ("of nobody's", other_secret(good) + suffix, "unknown"),
                        ("expired", self.world.secret(words, account, "expired"), "expired"),
                        ("revoked", self.world.secret(words, account, "revoked"), "revoked")]
            if kind == "pat_":
                refusals.append(("of another org", good + "@initech", "org-mismatch|not-member|account-denied"))
            else:
                refusals.append(("of another org", self.world.secret("ak_…", account, "stranger"),
                                 "org-mismatch|account-denied"))
                refusals.append(("with another org behind it", good + "@initech", "org-mismatch"))
            for what, secret, verdict in refusals:
                # orgtoken-askpass sends nobody what is no token.
                self.attempt(self.typed[0], account, secret, False, "%s… %s is refused" % (kind, what),
                             None if self.has_askpass and verdict == "malformed" else "(?:%s)" % verdict)

    def run_without_daemon(self, how):
        """Tokens are refused, with a line that says why, and passwords are as before."""
        for kind in ("pat_", "ak_") if how == "stopped" else ("pat_",):
            found = self.first_in(kind)
            if found:
                account, words = found
                start = self.attempt(self.typed[0], account, self.world.secret(words, account), False,
                                     "%s… is refused with the daemon %s" % (kind, how))
                self.ok(bool(self.syslog.waits_for("no answer from /run/orgtoken/verify.sock", start)),
                        "and syslog says that nobody answered", self.syslog.text[start:])
        for account, words, answer in self.rows:
            if words in BEFORE:
                self.attempt(self.typed[0], account, self.world.secret(words, account),
                             answer.startswith("in") and "daemon" not in answer,
                             "%s of %s, with the daemon %s: as before" % (words, account, how))

    def run_daemon_away(self):
        self.daemon.stop()
        self.run_without_daemon("stopped")
        self.daemon.start()
        self.daemon.process.send_signal(signal.SIGSTOP)
        try:
            self.run_without_daemon("frozen")
        finally:
            self.daemon.process.send_signal(signal.SIGCONT)
        account, words = self.first_in("pat_") or self.first_in("ak_")
        self.attempt(self.typed[0], account, self.world.secret(words, account), True, "and in again when it is back")

    def run_undisturbed(self, when):
        for block in self.undisturbed:
            command = block.lines[0].removeprefix("$ ")
            done = subprocess.run([*as_user(block.rest), "sh", "-c", command], stdin=subprocess.DEVNULL, timeout=100,
                                  capture_output=True, text=True, check=False)
            lines = [line.strip() for line in (done.stdout + done.stderr).splitlines()]
            missing = [line for line in block.lines[1:] if not any(re.fullmatch(wild(line), one) for one in lines)]
            self.ok(not missing and len(block.lines) > 1, "%s%s" % (command, when),
                    "\n".join(lines + ["-- syslog:", self.syslog.text]))

    def run_variants(self):
        for block in self.variants:
            if block.kind == "sh":
                shell("\n".join(block.lines))
                continue
            typed = Typed(block)
            secret = self.world.secret(typed.words, typed.account)
            self.attempt(typed, typed.account, secret, True, "%s, then: %s" %
                         (typed.command, typed.verdict or "in"), typed.verdict)

    def log_text(self, name):
        if name == "syslog":
            return self.syslog.text
        with open(WORK + "/daemon.log" if name == "orgtokend" else name, encoding="utf8", errors="replace") as log:
            return log.read()

    def check_logs(self):
        for block in self.blocks:
            if block.kind != "log" or block.rest == "forgot":
                continue
            for line in block.lines:
                found = waits(lambda name=block.rest, line=line: re.search("(?m)^%s$" % wild(line), self.log_text(name)))
                self.ok(bool(found), "%s has: %s" % (block.rest, line), self.log_text(block.rest))

    def check_claims(self):
        """Who asked is the kernel's word, and stands beside what they claimed."""
        with open("/etc/group", encoding="utf8") as groups:
            members = [line.strip().split(":")[3] for line in groups if line.startswith("orgtoken-verify:")][0].split(",")
        uids = {str(pwd.getpwnam(name).pw_uid) for name in members}
        asked = re.findall(r"\[verdict=allow .*caller_uid=(\d+)", self.log_text("orgtokend"))
        self.ok(bool(asked) and set(asked) <= uids, "each record of an allow names uid %s as who asked" % "/".join(uids),
                "they name: " + " ".join(sorted(set(asked))) + "\n" + self.log_text("orgtokend"))

    def check_secrets(self):
        """No secret in any log."""
        leaks = []
        for name, token in [*self.world.pat.items(), *self.world.key.items()]:
            piece = token.split(".", 1)[1][4:24]
            if piece in self.syslog.text:
                leaks.append(name + " in syslog")
            if subprocess.run(["grep", "-aqrF", piece, "/var/log", WORK + "/daemon.log"], check=False).returncode == 0:
                leaks.append(name + " in /var/log")
        self.ok(not leaks, "no secret is in a log", "\n".join(leaks))

    def go(self):
        self.check_page()
        self.prepare()
        has_group = any(block.kind == "sh" and block.rest == "group" for block in self.blocks)
        self.apply(not has_group)
        if has_group:
            self.forgot()
        self.check_doctor(False)
        if self.undisturbed:
            self.run_undisturbed("")
            self.daemon.stop()
            self.run_undisturbed(", with the daemon stopped")
            self.daemon.start()
            self.daemon.process.send_signal(signal.SIGSTOP)
            self.run_undisturbed(", with the daemon frozen")
            self.daemon.process.send_signal(signal.SIGCONT)
        else:
            self.run_table()
            self.run_others()
            self.run_refusals()
            self.run_daemon_away()
            self.run_variants()
        self.check_logs()
        if has_group:
            self.check_claims()
        self.check_secrets()


def add_lines(words, text):
    path, where, *rest = words.split(None, 2)
    with open(path, encoding="utf8") as old:
        lines = old.readlines()
    if where == "end":
        lines.append(text)
    elif where == "before" and rest:
        at = [i for i, line in enumerate(lines) if line.strip() == rest[0].strip()]
        if not at:
            raise Bad("%s has no line '%s'" % (path, rest[0]))
        lines.insert(at[0], text)
    else:
        raise Bad("lines PATH before TEXT, or lines PATH end")
    with open(path, "w", encoding="utf8") as new:
        new.writelines(lines)


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    os.makedirs(WORK, 0o755, exist_ok=True)
    started = time.monotonic()
    try:
        run = Run(sys.argv[1])
    except (Bad, OSError) as error:
        print("not ok 1 - %s cannot be run: %s" % (sys.argv[1], error))
        sys.exit(1)
    try:
        run.go()
    except (Bad, OSError, subprocess.SubprocessError) as error:
        run.ok(False, "the page cannot be run", str(error))
    print("1..%d" % run.count)
    print("# %s: %.1f s" % (run.name, time.monotonic() - started))
    sys.exit(1 if run.failed else 0)


if __name__ == "__main__":
    main()
