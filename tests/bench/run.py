#!/usr/bin/env python3
"""Measures orgtoken against its floor, its targets and its peers; prints a table, writes JSON and two plots.

Run by `make bench` inside scripts/sandbox:  run.py BUILDDIR [--quick] [--debs DIR] [--out DIR]
"""

import argparse
import json
import os
import pathlib
import platform
import statistics
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).parent))
import host as hosts  # noqa: E402
import peers  # noqa: E402
import plot  # noqa: E402
from host import CLIENT_CPU, DAEMON_CPU, run  # noqa: E402


class Measured:
    """What the login driver printed: medians of each round, and quantiles over all."""

    def __init__(self, text):
        lines = [json.loads(line) for line in text.splitlines()]
        self.rounds, self.all = {}, {}
        for line in lines:
            if "round" in line:
                self.rounds.setdefault(line["stack"], {})[line["round"]] = line
            else:
                self.all[line["stack"]] = line
        for name, line in self.all.items():
            if line["failures"]:
                print(f"  note: {name}: {line['failures']} of {line['logins']} logins did not go as "
                      "they should", file=sys.stderr)

    def ratio(self, over, under, what="whole"):
        """The median of the rounds' ratios: both were measured in the same tenth of a second."""
        if over not in self.rounds or under not in self.rounds:
            return None
        pairs = [(self.rounds[over][n][what], self.rounds[under][n][what])
                 for n in self.rounds[over] if n in self.rounds[under]]
        return statistics.median(a / b for a, b in pairs if b)

    def median(self, name, what="whole"):
        return self.all[name][what]["p50"] if name in self.all else None


class Bench:
    def __init__(self, args):
        self.args = args
        self.quick = args.quick
        self.host = hosts.Host(args.builddir, args.stores)
        self.sizes = [10**3, 10**5] if self.quick else [10**3, 10**5, 10**6, 10**7]
        if args.sizes:
            self.sizes = [int(float(size)) for size in args.sizes.split(",")]
        self.stores = {}
        self.rows = []
        self.result = {"machine": machine(), "quick": self.quick}

    def driver(self, stacks, rounds, slice_ms, *options, cpus=(CLIENT_CPU,)):
        command = [self.host.programs / "login", "-r", rounds, "-s", slice_ms, *options,
                   self.host.confdir, *(f"{name}={file}" for name, file in stacks)]
        return Measured(run(*command, preexec_fn=hosts.pinned(*cpus)))

    def say(self, text):
        print(f"… {text}", file=sys.stderr, flush=True)

    # ---- what is measured ----

    def set_up(self):
        host = self.host
        for size in self.sizes:
            self.say(f"a store of {size} tokens")
            self.stores[size] = host.make_store(size)
        self.echo, self.echo_process = host.start_echo()
        for store in self.stores.values():
            store.start()
        module = host.module
        host.stack("permit", "auth required pam_permit.so", "account required pam_permit.so")
        host.stack("echo", *(f"{kind} required {module} socket={self.echo}"
                             for kind in ("auth", "account")))
        host.stack("prompt", f"auth required {host.prompt}", "account required pam_permit.so")
        socket = self.stores[self.middle].verify
        host.stack("refuse", f"auth required {module} socket={socket}",
                   "account required pam_permit.so")
        host.stack("quiet", *(f"{kind} required {module} socket={socket} quiet"
                              for kind in ("auth", "account")))
        host.stack("pat", *(f"{kind} required {module} socket={socket}"
                            for kind in ("auth", "account")))
        for size, store in self.stores.items():
            host.stack(f"orgtoken-{size}", *(f"{kind} required {module} socket={store.verify}"
                                             for kind in ("auth", "account")))
        self.password = host.credentials("password", "bench correct horse battery")

    @property
    def middle(self):
        return 10**5 if 10**5 in self.sizes else self.sizes[0]

    @property
    def largest(self):
        return self.sizes[-1]

    def ours(self):
        sample = self.stores[self.middle].sample
        return [("raw", self.echo), ("permit", self.password), ("echo", sample),
                *((f"orgtoken-{size}", store.sample) for size, store in self.stores.items()),
                ("pat", f"{sample}.pat"), ("quiet", sample), ("prompt!", self.password),
                ("refuse!", self.password)]

    def pin_daemons(self, cpu):
        for process in self.host.started:
            if process.poll() is None:
                hosts.pin_tree(process.pid, cpu)

    def read_stores(self):
        """So that the first logins don't wait for the disk: a store in use is in the page cache. The other case has a
        row of its own, the start with everything evicted."""
        for store in self.stores.values():
            with open(store.state / "orgtoken.db", "rb", buffering=0) as file:
                while file.read(1 << 24):
                    pass

    def measure_logins(self):
        rounds, slice_ms = (9, 60) if self.quick else (13, 150)
        self.read_stores()
        self.say("logins, one core")
        self.pin_daemons(CLIENT_CPU)
        self.one = self.driver(self.ours(), rounds, slice_ms)
        self.say("logins, two cores")
        self.pin_daemons(DAEMON_CPU)
        self.two = self.driver(self.ours(), rounds, slice_ms)
        self.say("logins, a process each")
        few = [("permit", self.password), ("echo", self.stores[self.middle].sample),
               (f"orgtoken-{self.middle}", self.stores[self.middle].sample)]
        self.process = self.driver(few, rounds, slice_ms, "-p")

    def measure_peers(self):
        self.say("peers")
        stacks, self.skipped = peers.set_up(self.host, self.args.debs, self.say)
        sample = self.stores[self.middle].sample
        mine = [("permit", self.password), (f"orgtoken-{self.middle}", sample)]
        rounds, slice_ms = (5, 60) if self.quick else (13, 100)
        self.pin_daemons(CLIENT_CPU)
        self.peers_one = self.driver(mine + [(n, f) for n, f, _ in stacks], rounds, slice_ms)
        peers.reset(self.host, stacks)
        self.pin_daemons(DAEMON_CPU)
        self.peers = self.driver(mine + [(n, f) for n, f, _ in stacks], rounds, slice_ms)
        peers.reset(self.host, stacks)
        self.peers_process = self.driver(mine + [(n, f) for n, f, _ in stacks], rounds, slice_ms,
                                         "-p")
        self.peer_names = {name: words for name, _, words in stacks}

    def measure_throughput(self):
        """The daemon's own processor time for a verification: what a core gives, whoever else uses it."""
        self.say("verifications a second")
        rounds, ms = (5, 300) if self.quick else (9, 700)
        cost = {}
        targets = [("echo", self.echo, self.echo_process, self.stores[self.middle].sample)]
        targets += [(size, s.verify, s.process, s.sample) for size, s in self.stores.items()]
        self.pin_daemons(DAEMON_CPU)
        for _ in range(rounds):
            for name, path, process, sample in targets:
                before = hosts.cpu_seconds(process.pid)
                out = json.loads(run(self.host.programs / "flood", path, sample, ms,
                                     preexec_fn=hosts.pinned(CLIENT_CPU)))
                if out["failures"]:
                    self.say(f"note: {name}: {out['failures']} of {out['asked']} not allowed")
                spent = hosts.cpu_seconds(process.pid) - before
                cost.setdefault(name, []).append(spent / out["asked"] * 1e6)
        self.cost = cost
        self.result["daemon_cpu_us"] = {str(k): statistics.median(v) for k, v in cost.items()}

    def measure_writes(self):
        """Rounds in turn without and with a hundred tokens a second being made."""
        self.say("logins while tokens are made")
        store, pairs = self.stores[self.middle], []
        for _ in range(5 if self.quick else 13):
            quiet = self.driver([(f"orgtoken-{self.middle}", store.sample)], 1, 400)
            writer = subprocess.Popen([self.host.programs / "create", store.manage, "org-1", "700", "100"],
                                      stdout=subprocess.DEVNULL, preexec_fn=hosts.pinned(DAEMON_CPU))
            time.sleep(.15)
            busy = self.driver([(f"orgtoken-{self.middle}", store.sample)], 1, 400)
            writer.wait()
            pairs.append([next(iter(m.all.values()))["whole"] for m in (quiet, busy)])
        self.writes = {q: statistics.median(b[q] / a[q] for a, b in pairs) for q in ("p50", "p99")}

    def measure_clients(self):
        """Eight programs that log in at once, on all cores."""
        self.say("eight clients")
        store = self.stores[self.middle]
        self.pin_daemons_everywhere()
        seconds = 1.5 if self.quick else 4
        command = [str(w) for w in (self.host.programs / "login", "-r", 1, "-s", int(seconds * 1000),
                                    self.host.confdir, f"orgtoken-{self.middle}={store.sample}")]
        with_each = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(8)]
        outputs = [Measured(p.communicate()[0]).all[f"orgtoken-{self.middle}"] for p in with_each]
        self.result["eight_clients"] = {
            "logins_a_second": sum(o["logins"] for o in outputs) / seconds,
            "p50": statistics.median(o["whole"]["p50"] for o in outputs),
            "p99": max(o["whole"]["p99"] for o in outputs),
            "failures": sum(o["failures"] for o in outputs)}

    def pin_daemons_everywhere(self):
        for process in self.host.started:
            if process.poll() is None:
                hosts.pin(process.pid, *hosts.AVAILABLE)

    def measure_creation(self):
        """In turns with the disk's own rate, which moves more from second to second than anything else here."""
        self.say("creating tokens")
        store = self.stores[self.middle]
        self.pin_daemons_everywhere()
        rates = {1: [], 8: []}
        for _ in range(7 if self.quick else 21):
            for clients, found in rates.items():
                before = fsync_rate(self.host.work / "sync", .15)
                created = self.create(store, clients, 250)
                synced = (before + fsync_rate(self.host.work / "sync", .15)) / 2
                found.append((created / synced, created, synced))
        self.creation = [statistics.median(r for r, _, _ in found) for found in rates.values()]
        self.result["creation"] = {
            str(clients): {"tokens_a_second": statistics.median(c for _, c, _ in found),
                           "fsyncs_a_second": statistics.median(s for _, _, s in found)}
            for clients, found in rates.items()}

    def create(self, store, clients, ms):
        """Tokens a second by so many clients, each of which waits for its token before it asks for the next."""
        command = [str(w) for w in (self.host.programs / "create", store.manage, "org-1", ms)]
        each = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(clients)]
        done = [json.loads(p.communicate()[0]) for p in each]
        return sum(d["created"] / d["seconds"] for d in done)

    def measure_memory(self):
        store = self.stores[self.largest]
        private, everything = hosts.resident(store.process.pid)
        self.resident = everything / 1024
        self.result["daemon_resident_kib"] = {"private": private, "all": everything}
        module = run(sys.executable, "-c", MODULE_MEMORY, self.host.module).split()
        self.module_kb = int(module[0])

    def measure_start(self):
        self.say("activation to first answer")
        store = self.stores[self.largest]
        store.stop()
        rounds = 5 if self.quick else 15
        out = [json.loads(run(self.host.programs / "activate", self.host.daemon, store.state,
                              store.sample, rounds, *evict)) for evict in ((), ("evict",))]
        self.activation = [o["p50"] / 1000 for o in out]
        store.start()

    # ---- what it says ----

    def row(self, what, target, limit, values, unit="", least=False):
        values = [v for v in values if v is not None]
        if not values:
            self.rows.append((what, target, "–", "not measured"))
            return
        limits = limit if isinstance(limit, tuple) else (limit,) * len(values)
        good = all(v >= l if least else v <= l for v, l in zip(values, limits))
        shown = " · ".join(f"{v:.2f}" if v < 100 else f"{v:.0f}" for v in values) + unit
        self.rows.append((what, target, shown, ("met" if good else "MISSED") if target else ""))

    def judge(self):
        small, large = f"orgtoken-{self.sizes[0]}", f"orgtoken-{self.largest}"
        middle = f"orgtoken-{self.middle}"
        one, two = self.one, self.two
        at_large = f"10^{len(str(self.largest)) - 1}"
        self.row("pam_authenticate ÷ raw echo, one core · two", "≤ 3.5 · ≤ 2.6", (3.5, 2.6),
                 [m.ratio_across(middle, "raw") for m in (Across(one), Across(two))])
        self.row("the same with `quiet` (no line to syslog)", "", (99, 99),
                 [m.ratio_across("quiet", "raw") for m in (Across(one), Across(two))])
        self.row("login ÷ echoing daemon, 10^3, one core · two", "≤ 1.15", 1.15,
                 [m.ratio(small, "echo") for m in (one, two)])
        self.row(f"login ÷ echoing daemon, {at_large}, one core · two", "≤ 1.3", 1.3,
                 [m.ratio(large, "echo") for m in (one, two)])
        self.row("login ÷ pam_permit, one handle each, one core · two", "≤ 2.2", 2.2,
                 [m.ratio(middle, "permit") for m in (one, two)])
        self.row("login ÷ pam_permit, one process each", "≤ 1.5", 1.5,
                 [self.process.ratio(middle, "permit")])
        for name, target, limit in (("unix-yescrypt", "≥ 150", 150), ("sss", "≥ 20", 20), ("sss-uncached", "", 0),
                                    ("ldap", "≥ 3.5", 3.5), ("google", "≥ 1", 1)):
            self.row(f"{peers.WORDS[name]} ÷ login, one core · two", target, limit,
                     [m.ratio(name, middle) for m in (self.peers_one, self.peers)], least=True)
        self.row("refusing a password ÷ prompting module, one core · two", "≤ 1.05", 1.05,
                 [m.ratio("refuse", "prompt") for m in (one, two)])
        for size in dict.fromkeys((self.middle, self.largest)):
            ratio = statistics.median(e / c for e, c in zip(self.cost["echo"], self.cost[size]))
            self.row(f"daemon's verifications a second and core ÷ echo's, 10^{len(str(size)) - 1}",
                     "≥ 0.6", .6, [ratio], least=True)
        self.result["verifications_a_second_and_core"] = {
            str(k): 1e6 / statistics.median(v) for k, v in self.cost.items()}
        self.row(f"growth 10^3 → {at_large}, median", "≤ 1.2", 1.2, [two.ratio(large, small)])
        self.row(f"growth 10^3 → {at_large}, p99", "≤ 2", 2, [two.ratio(large, small, "p99")])
        self.row("while 100 tokens a second are made ÷ quiet, p50 · p99", "≤ 1.2 · ≤ 1.5",
                 (1.2, 1.5), [self.writes["p50"], self.writes["p99"]])
        self.row(f"activation to first answer, {at_large} · evicted", "≤ 8 ms", 8, self.activation,
                 " ms")
        self.row(f"daemon's resident memory, {at_large}", "≤ 12 MiB", 12, [self.resident], " MiB")
        self.row("private memory of the loaded module", "≤ 120 kB", 120, [self.module_kb], " kB")
        self.row("pam_start + pam_end ÷ pam_permit's", "≤ 1.25", 1.25,
                 [m.ratio(middle, "permit", "frame") for m in (one, two)])
        self.row("tokens created a second ÷ fsyncs a second, one client · eight", "≥ 0.5", .5,
                 self.creation, least=True)
        made = self.stores[self.largest]
        self.row("store of 10^6 tokens", "≤ 60 s", 60, [made.seconds * 10**6 / made.tokens], " s")

    def collect(self):
        self.result["rows"] = [dict(zip(("what", "target", "value", "judgement"), r)) for r in self.rows]
        for name, m in (("one_core", self.one), ("two_cores", self.two), ("process", self.process),
                        ("peers_one_core", self.peers_one), ("peers", self.peers), ("peers_process", self.peers_process)):
            self.result[name] = m.all
        self.result["skipped"] = self.skipped
        self.result["peer_words"] = self.peer_names
        self.result["stores"] = {str(s.tokens): {"seconds": s.seconds, "bytes": s.bytes}
                                 for s in self.stores.values()}
        self.result["against_permit"] = {
            name: self.peers.ratio(name, "permit") for name in self.peers.all}
        self.result["against_permit_process"] = {
            name: self.peers_process.ratio(name, "permit") for name in self.peers_process.all}


class Across(Measured):
    """The raw echo has no phases: its whole is compared with pam_authenticate alone."""

    def __init__(self, other):  # pylint: disable=super-init-not-called
        self.rounds, self.all = other.rounds, other.all

    def ratio_across(self, over, under):
        return self.ratio(over, under, "auth")


# Private dirty pages that loading the module and nothing else adds, in kB.
MODULE_MEMORY = """
import ctypes, sys
def private():
    text = open("/proc/self/smaps_rollup").read()
    return sum(int(l.split()[1]) for l in text.splitlines() if l.startswith("Private_"))
ctypes.CDLL("libpam.so.0")
before = private()
ctypes.CDLL(sys.argv[1])
after = private()
total = sum(int(l.split()[1]) for l in open("/proc/self/smaps") if l.startswith("Rss:"))
print(after - before, total)
"""


def fsync_rate(path, seconds):
    """Appends of a page, each synced: what the disk gives."""
    fd = os.open(path, os.O_WRONLY | os.O_CREAT, 0o600)
    page, n, start = b"x" * 4096, 0, time.monotonic()
    while time.monotonic() - start < seconds:
        os.pwrite(fd, page, n % 64 * 4096)
        os.fdatasync(fd)
        n += 1
    os.close(fd)
    return n / (time.monotonic() - start)


def machine():
    cpu = next((l.split(":")[1].strip() for l in open("/proc/cpuinfo") if l.startswith("model name")),
               platform.machine())
    release = platform.freedesktop_os_release().get("PRETTY_NAME", "?")
    memory = int(open("/proc/meminfo").readline().split()[1]) // 1024
    return {"cpu": cpu, "cores": os.cpu_count(), "memory_mib": memory, "kernel": platform.release(),
            "system": release, "date": time.strftime("%Y-%m-%d"),
            "load_at_start": os.getloadavg()[0]}


def print_table(rows):
    widths = [max(len(str(row[i])) for row in rows) for i in range(len(rows[0]))]
    for row in rows:
        print("  ".join(str(cell).ljust(width) for cell, width in zip(row, widths)).rstrip())


def print_result(bench):
    m = bench.result["machine"]
    print(f"\n{m['cpu']}, {m['cores']} cores, {m['memory_mib']} MiB, Linux {m['kernel']}, {m['system']}; "
          f"load at the start {m['load_at_start']:.1f}\n")
    print_table([("what", "target", "measured", "")] + bench.rows)
    print("\nlogins, median µs (one handle each; pam.d of its own, no `other`)")
    table = [("stack", "one core", "two cores", "p99, two")]
    for name, line in bench.two.all.items():
        table.append((name, bench.one.median(name), line["whole"]["p50"], line["whole"]["p99"]))
    print_table(table)
    print("\nbeside the peers, median µs and × pam_permit")
    table = [("stack", "µs", "× permit", "a process each, µs", "× permit")]
    for name, line in sorted(bench.peers.all.items(), key=lambda item: item[1]["whole"]["p50"]):
        alone = bench.peers_process
        table.append((bench.peer_names.get(name, name), line["whole"]["p50"],
                      f"{bench.peers.ratio(name, 'permit'):.1f}", alone.median(name),
                      f"{alone.ratio(name, 'permit'):.1f}"))
    print_table(table)
    for name, why in bench.skipped.items():
        print(f"skipped: {name}: {why}")
    eight = bench.result["eight_clients"]
    print(f"\neight clients at once: {eight['logins_a_second']:.0f} logins a second, "
          f"median {eight['p50']:.0f} µs, p99 {eight['p99']:.0f} µs")
    for size, rate in bench.result["verifications_a_second_and_core"].items():
        print(f"verifications a second and core of the daemon, {size}: {rate:.0f}")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("builddir")
    environment = os.environ.get
    parser.add_argument("--quick", action="store_true", default=environment("QUICK", "") not in ("", "0"))
    parser.add_argument("--debs", default=environment("PEERS"), help="folder of Debian packages of the peers, installed in the sandbox")
    parser.add_argument("--sizes", help="numbers of tokens, 1e3,1e5")
    parser.add_argument("--stores", default=environment("STORES"), help="folder in which stores are kept, and taken from the next time")
    parser.add_argument("--out", default=None)
    args = parser.parse_args()
    bench = Bench(args)
    try:
        for step in (bench.set_up, bench.measure_logins, bench.measure_throughput,
                     bench.measure_writes, bench.measure_creation, bench.measure_clients,
                     bench.measure_memory, bench.measure_start, bench.measure_peers, bench.judge,
                     bench.collect):
            step()
        print_result(bench)
        out = pathlib.Path(args.out or args.builddir)
        (out / "bench.json").write_text(json.dumps(bench.result, indent=1) + "\n")
        (out / "bench.svg").write_text(plot.draw(bench.result))
        print(f"\n{out}/bench.json, {out}/bench.svg")
    finally:
        bench.host.close()


main()
