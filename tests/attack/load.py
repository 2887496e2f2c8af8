#!/usr/bin/env python3
"""Attacks a running daemon from three uids at a time, in every way that tests/attack/hostile knows, while root
verifies tokens and other people ask for the status. TAP: the answers stay right, nobody holds more than his share,
and nothing grows. Times are told and not judged, unless --judge says so: then root's p99 must stay within five times the
quiet one while 20 000 connections a second of strangers arrive on manage.sock, whatever they do there, and under 50 ms
whatever arrives on either socket, as fast as three processes can. Judged is the median of three rounds, each compared
with the quiet before and after it: other work on the machine, for a while, is in both or in one round only.

  load.py [--seconds N] [--judge] PROGRAMS DAEMON_PID RUNTIME_DIR TOKENS VERIFY_GID
"""
import argparse
import json
import os
import pathlib
import statistics
import subprocess
import sys
import time

HOSTILE_UIDS = (20001, 20002, 20003)
BYSTANDER = 20004
SHARE = 32  # connections of one uid on each socket
RATE, BURST = 50, 200  # requests a second on manage.sock
GROWTH_KIB = 1024
CONNECTION_KIB = 64  # of the daemon's own memory
SLOW_US = 50000
TIMES = 5
LINGER = 1  # seconds that an attack goes on behind what is timed
RATE_OF_ONE = 6667  # connections a second; there are three of them
# (name, mode, socket, its number for each uid, its connections a second or 0 for as many as it can)
ROWS = [
    ("silent callers", "silent", "manage", 500, RATE_OF_ONE),
    ("silent callers without end", "silent", "manage", 500, 0),
    ("silent callers without end", "silent", "verify", 500, 0),
    ("a byte and no more", "byte", "manage", 500, RATE_OF_ONE),
    ("a byte and no more, without end", "byte", "verify", 500, 0),
    ("half a header", "header", "manage", 500, RATE_OF_ONE),
    ("callers who hang up half, without end", "half", "verify", 500, 0),
    ("callers who never read, without end", "deaf", "manage", 500, 0),
    ("connections by the thousand", "flood", "manage", RATE_OF_ONE, RATE_OF_ONE),
    ("connections by the thousand", "flood", "verify", RATE_OF_ONE, RATE_OF_ONE),
    ("a bomb of processes", "forks", "manage", 24, 0),
    ("requests without end", "ask", "manage", 1, 0),
]


class Tap:
    def __init__(self):
        self.count = self.failed = 0

    def ok(self, good, words, why=""):
        self.count += 1
        self.failed += not good
        print(f"{'' if good else 'not '}ok {self.count} - {words}")
        if not good and why:
            print(f"# {why}")

    def note(self, words):
        print(f"# {words}", flush=True)

    def end(self):
        print(f"1..{self.count}")
        return self.failed != 0


class Daemon:
    def __init__(self, pid):
        self.proc = pathlib.Path("/proc") / str(pid)

    def is_alive(self):
        return self.proc.exists()

    def descriptors(self):
        return len(os.listdir(self.proc / "fd"))

    def resident(self):
        """Its own memory in KiB: not what it maps of files."""
        for line in (self.proc / "status").read_text(encoding="ascii").splitlines():
            if line.startswith("RssAnon:"):
                return int(line.split()[1])
        raise SystemExit("no RssAnon")

    def settles(self, most):
        """Waits until it holds no more descriptors than that."""
        for _ in range(300):
            if self.descriptors() <= most:
                break
            time.sleep(.1)
        return self.descriptors()


class Load:
    def __init__(self, options):
        self.options, self.tap = options, Tap()
        self.daemon = Daemon(options.pid)
        self.programs = pathlib.Path(options.programs)
        self.run_dir = pathlib.Path(options.runtime_dir)

    def start(self, *command):
        return subprocess.Popen([str(word) for word in command], stdout=subprocess.PIPE, text=True)

    def start_ask(self, seconds):
        return self.start(self.programs / "ask", self.run_dir / "verify.sock", self.options.tokens,
                          int(seconds * 1000))

    def attack(self, row, seconds):
        _, mode, socket, number, rate = row
        group = self.options.gid if socket == "verify" else BYSTANDER
        return [self.start(self.programs / "hostile", uid, group, mode, self.run_dir / f"{socket}.sock", number,
                           int(seconds * 1000), rate) for uid in HOSTILE_UIDS]

    def status_works(self, uid):
        who = ["setpriv", f"--reuid={uid}", f"--regid={uid}", "--clear-groups"] if uid else []
        return subprocess.run([*who, "orgtoken", "status"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                              check=False, timeout=120).returncode == 0

    def quiet(self, seconds):
        asked = json.loads(self.start_ask(seconds).communicate()[0])
        self.tap.ok(asked["asked"] == asked["allowed"] > 0, "in quiet, root's verifications are allowed", asked)
        return asked["p99"]

    def attacked(self, row, seconds):
        """What root's verifications got beside the attack, and what the attack was."""
        hostile = self.attack(row, seconds + LINGER)
        time.sleep(.2)
        ask, most, peak = self.start_ask(seconds), 0, 0
        while ask.poll() is None:
            most = max(most, self.daemon.descriptors())
            peak = max(peak, self.daemon.resident())
            time.sleep(.02)
        asked = json.loads(ask.communicate()[0])
        # Behind what is timed, for they are programs that start; the attack goes on.
        others = [self.status_works(0) and self.status_works(BYSTANDER) for _ in range(3)]
        return asked, [json.loads(process.communicate()[0]) for process in hostile], most, peak, others

    def run_round(self, row, seconds):
        name = f"{row[0]}, {row[2]}.sock"
        asked, attacks, most, peak, others = self.attacked(row, seconds)
        self.tap.ok(asked["asked"] == asked["allowed"] > 0, f"{name}: every verification of root's is allowed", asked)
        self.tap.ok(all(others), f"{name}: root and a bystander get their status", f"{others}")
        bound = self.base_fds + SHARE * len(HOSTILE_UIDS) + 8
        self.tap.ok(most <= bound, f"{name}: nobody holds more than his share", f"{most} descriptors, {bound} at most")
        room = self.base_memory + SHARE * len(HOSTILE_UIDS) * CONNECTION_KIB
        self.tap.ok(peak <= room, f"{name}: nor more memory", f"{peak} KiB, {room} at most")
        self.tap.ok(all(attack["connections"] > SHARE for attack in attacks), f"{name}: (it was an attack)", attacks)
        if row[1] == "ask":
            # Half a second more for those that were let in before and answered after it.
            allowance = BURST + RATE * (seconds + LINGER + .5)
            answers = [attack["connections"] for attack in attacks]
            self.tap.ok(max(answers) <= allowance, f"{name}: nobody is answered more than his share",
                        f"{answers}, {allowance}")
        rate = sum(attack["connections"] + attack["refused"] for attack in attacks) / (seconds + LINGER)
        self.tap.note(f"{name}: {rate:.0f} connections/s, {most} descriptors, root's p50 {asked['p50']} p99 "
                      f"{asked['p99']} max {asked['max']} us, {asked['asked']} asked, {peak} KiB")
        return asked["p99"], rate

    def run_row(self, row):
        """Rounds of it between quiet times; the shorter form has one and doesn't look at the clock."""
        rounds = 3 if self.options.judge else 1
        seconds, times, p99s, rates = self.options.seconds / rounds, [], [], []
        for _ in range(rounds):
            before, (p99, rate) = self.quiet_p99, self.run_round(row, seconds)
            self.quiet_p99 = self.quiet(seconds / 4)
            p99s.append(p99)
            rates.append(rate)
            times.append(round(2 * p99 / (before + self.quiet_p99), 1))
        name, p99, ratio = f"{row[0]}, {row[2]}.sock", statistics.median(p99s), statistics.median(times)
        self.tap.note(f"{name}: root's p99 {p99} us, of {p99s}; {ratio} x the quiet one, of {times}")
        if not self.options.judge:
            return
        self.tap.ok(p99 < SLOW_US, f"{name}: root's p99 is under 50 ms", f"{p99s}")
        if row[2] == "manage" and row[4]:
            self.tap.ok(ratio <= TIMES, f"{name}: and within five times the quiet one", f"{times}")
            self.tap.ok(statistics.median(rates) > .9 * RATE_OF_ONE * len(HOSTILE_UIDS),
                        f"{name}: (at 20 000 connections a second)", f"{rates}")

    def run(self):
        base = self.daemon.descriptors()
        # What a daemon takes once and keeps: stacks, arenas, caches.
        for row in ROWS:
            for process in self.attack(row, .3):
                process.wait()
        self.base_fds = self.daemon.settles(base)
        self.tap.ok(self.base_fds <= base, "after a first round no descriptor is left", f"{self.base_fds}, {base}")
        self.quiet_p99 = self.quiet(self.options.seconds / 4)
        before = self.base_memory = self.daemon.resident()
        for row in ROWS:
            self.run_row(row)
        after = self.daemon.settles(self.base_fds)
        self.tap.ok(after <= self.base_fds, "in the end no descriptor is left", f"{after}, was {self.base_fds}")
        grown = self.daemon.resident() - before
        self.tap.ok(grown <= GROWTH_KIB, "nor did memory grow", f"{grown} KiB more than {before}")
        self.tap.note(f"memory: {before} KiB before, {before + grown} after")
        self.tap.ok(self.daemon.is_alive() and self.status_works(0), "it is the same daemon, and it answers")
        return self.tap.end()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=float, default=1)
    parser.add_argument("--judge", action="store_true")
    parser.add_argument("programs")
    parser.add_argument("pid", type=int)
    parser.add_argument("runtime_dir")
    parser.add_argument("tokens")
    parser.add_argument("gid", type=int)
    return Load(parser.parse_args()).run()


if __name__ == "__main__":
    sys.exit(main())
