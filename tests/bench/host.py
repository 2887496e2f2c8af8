"""The throw-away host of a benchmark: what stands in for systemd and the journal, the daemons, their stores."""

import contextlib
import os
import pathlib
import shutil
import socket
import subprocess
import sys
import time

DAEMON_CPU = 1
CLIENT_CPU = 0
SECURITY = pathlib.Path("/usr/lib") / (os.uname().machine + "-linux-gnu") / "security"


class Skipped(Exception):
    """Cannot be measured here; the text says why."""


def run(*command, **options):
    """Runs a command to its end and gives its output; ends the benchmark where it fails."""
    done = subprocess.run([str(word) for word in command], stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, text=True, check=False, **options)
    if done.returncode != 0:
        raise SystemExit(f"bench: {command[0]}: {done.stderr or done.stdout}")
    return done.stdout


def tasks(pid):
    return [int(task) for task in os.listdir(f"/proc/{pid}/task")]


def pin(pid, *cpus):
    for task in tasks(pid):
        os.sched_setaffinity(task, set(cpus) & AVAILABLE or AVAILABLE)


def children(pid):
    with contextlib.suppress(OSError):
        for task in tasks(pid):
            for child in pathlib.Path(f"/proc/{pid}/task/{task}/children").read_text().split():
                yield int(child)
                yield from children(int(child))


def pin_tree(pid, *cpus):
    """With what it started: SSSD is a process a service, freeradius one that stays."""
    for process in (pid, *children(pid)):
        with contextlib.suppress(OSError):
            pin(process, *cpus)


AVAILABLE = os.sched_getaffinity(0)


def pinned(*cpus):
    """For Popen(preexec_fn=)."""
    return lambda: os.sched_setaffinity(0, set(cpus) & AVAILABLE or AVAILABLE)


def cpu_seconds(pid):
    """What all threads of a process have run so far."""
    total = 0
    for task in tasks(pid):
        total += int(pathlib.Path(f"/proc/{pid}/task/{task}/schedstat").read_text().split()[0])
    return total / 1e9


def resident(pid):
    """(private, all) resident KiB."""
    fields = dict(line.split(":") for line in
                  pathlib.Path(f"/proc/{pid}/status").read_text().splitlines() if ":" in line)
    number = lambda name: int(fields[name].split()[0])
    return number("RssAnon"), number("VmRSS")


def wait_for(path, process=None):
    for _ in range(1000):
        if os.path.exists(path):
            return
        if process and process.poll() is not None:
            break
        time.sleep(.01)
    raise Skipped(f"{path} does not appear")


def private_dev():
    """A /dev of our own, so that a /dev/log can be made in it."""
    keep = "/run/bench-dev"
    os.makedirs(keep)
    run("mount", "--bind", "/dev", keep)
    run("mount", "-t", "tmpfs", "-o", "mode=0755", "tmpfs", "/dev")
    for name in ("null", "zero", "full", "random", "urandom", "tty"):
        pathlib.Path(f"/dev/{name}").touch()
        run("mount", "--bind", f"{keep}/{name}", f"/dev/{name}")
    for name in ("pts", "shm"):
        os.mkdir(f"/dev/{name}")
        run("mount", "--rbind", f"{keep}/{name}", f"/dev/{name}")
    os.symlink("/proc/self/fd", "/dev/fd")
    os.symlink("/run/systemd/journal/dev-log", "/dev/log")


def journal_sink():
    """Takes what is sent to the journal and to syslog, and forgets it, some milliseconds later and many at a
    time: what a journal does with a record is left out, and what it costs to send one is not."""
    os.makedirs("/run/systemd/journal")
    pathlib.Path("/proc/sys/net/unix/max_dgram_qlen").write_text("16384\n")
    ends = []
    for name in ("socket", "dev-log"):
        end = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        end.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8 << 20)
        end.bind(f"/run/systemd/journal/{name}")
        os.chmod(f"/run/systemd/journal/{name}", 0o666)
        ends.append(end)
    for end in ends:
        if os.fork() == 0:
            buffer = bytearray(65536)
            while True:
                time.sleep(.005)
                with contextlib.suppress(BlockingIOError):
                    while end.recv_into(buffer, 0, socket.MSG_DONTWAIT):
                        pass


class Host:
    """The build, a folder to work in, and everything that was started."""

    def __init__(self, builddir, stores=None):
        self.build = pathlib.Path(builddir)
        self.programs = self.build / "tests/bench"
        # Where its peers are, and without its symbols, as packages install it.
        self.module = SECURITY / "pam_orgtoken.so"
        run("strip", "--strip-unneeded", "-o", self.module, self.build / "pam/.libs/pam_orgtoken.so")
        self.prompt = SECURITY / "pam_bench_prompt.so"
        run("strip", "--strip-unneeded", "-o", self.prompt, self.programs / ".libs/pam_prompt.so")
        self.daemon = self.build / "daemon/orgtokend"
        # The disk and not a tmpfs: writes are measured too.
        self.work = pathlib.Path(run("mktemp", "-d", "/var/tmp/orgtoken-bench.XXXXXX").strip())
        os.chmod(self.work, 0o755)
        # Stores are kept only where somebody names a folder for them: ten million tokens take minutes.
        self.stores = pathlib.Path(stores).resolve() if stores else self.work
        self.stores.mkdir(mode=0o755, exist_ok=True)
        self.confdir = self.work / "pam.d"
        self.confdir.mkdir()
        self.started = []
        private_dev()
        journal_sink()
        run("systemd-sysusers", self.build / "systemd/sysusers.d/orgtoken.conf")
        self.stack("other", "auth required pam_deny.so", "account required pam_deny.so")

    def close(self):
        for process in self.started:
            process.kill()
        shutil.rmtree(self.work)

    def stack(self, name, *lines):
        (self.confdir / name).write_text("\n".join(lines) + "\n")
        return name

    def credentials(self, name, *lines):
        path = self.work / f"{name}.credentials"
        path.write_text("".join(line + "\n" for line in lines))
        return path

    def start(self, *command, cpu=None, **options):
        process = subprocess.Popen([str(word) for word in command], stdout=subprocess.DEVNULL,
                                   stderr=open(self.work / "log", "a", encoding="utf-8"),
                                   preexec_fn=pinned(cpu) if cpu is not None else None, **options)
        self.started.append(process)
        return process

    def make_store(self, tokens):
        state, sample = self.stores / f"state-{tokens}", self.stores / f"tokens-{tokens}"
        took = self.stores / f"seconds-{tokens}"
        if not took.exists():
            state.mkdir(mode=0o700)
            start = time.monotonic()
            run(self.programs / "store", state, tokens, sample)
            took.write_text(str(time.monotonic() - start))
        run("chown", "-R", "orgtoken:orgtoken", state)
        seconds = float(took.read_text())
        return Store(self, state, sample, tokens, seconds)

    def start_echo(self):
        path = self.work / "echo.sock"
        process = self.start(self.programs / "echo", path, cpu=DAEMON_CPU)
        wait_for(path, process)
        os.chmod(path, 0o666)
        return path, process


class Store:
    """A store, and the daemon that serves it."""

    def __init__(self, host, state, sample, tokens, seconds):
        self.host, self.state, self.sample, self.tokens = host, state, sample, tokens
        self.seconds = seconds
        self.bytes = (state / "orgtoken.db").stat().st_size
        self.run_dir = host.work / f"run-{tokens}"
        self.verify = self.run_dir / "verify.sock"
        self.manage = self.run_dir / "manage.sock"
        self.process = None

    def start(self):
        self.process = self.host.start(self.host.daemon, "--state-dir", self.state,
                                       "--runtime-dir", self.run_dir, cpu=DAEMON_CPU)
        wait_for(self.manage, self.process)
        time.sleep(.2)
        if self.process.poll() is not None:
            sys.exit((self.host.work / "log").read_text())

    def stop(self):
        self.process.terminate()
        self.process.wait()
        self.host.started.remove(self.process)
