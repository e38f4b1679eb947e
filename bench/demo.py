"""What bench/demo does inside the lab: spool, deliver, check, and print a table.

    demo.py BUILD_DIRECTORY
"""

import json
import os
import signal
import sys
import time

sys.dont_write_bytecode = True
ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, os.path.join(ROOT, "tests/lab"))

import lab as lab_module  # noqa: E402

MESSAGES = int(os.environ.get("MESSAGES", 10_000))
DOMAINS = int(os.environ.get("DOMAINS", 200))
SIZE = os.environ.get("SIZE", "8K")
RECEIVERS = 20
# One receiver in twenty offers no TLS, as in life some do not.
WITHOUT_TLS = 1
FLOOR_SESSIONS = 100
SEND_SECONDS = 150


class Demo:
    def __init__(self, build, dead=0):
        self.build = build
        self.addresses = [f"127.1.0.{n + 1}" for n in range(RECEIVERS)]
        self.clear_addresses = set(self.addresses[-WITHOUT_TLS:])
        say(f"makes the lab: {DOMAINS} domains, {RECEIVERS} receivers")
        self.lab = lab_module.Lab(DOMAINS, self.addresses, bulk_dead=dead)
        self.directory = self.lab.directory
        self.spool = self.path("spool")
        self.events = self.path("events")
        self.certificate = self.lab.authority.issue(["*.bulk.lab", "*.lab"])

    def path(self, name):
        return os.path.join(self.directory, name)

    def program(self, name):
        return os.path.join(self.build, name)

    def sink(self, name, addresses, *flags):
        """A longship-sink that is ready."""
        command = [self.program("longship-sink"), "--cert", self.certificate.chain_file, "--key",
                   self.certificate.key_file, "--report", self.path(name + ".json"), "--quiet"]
        for address in addresses:
            command += ["--listen", address]
        process = self.lab.start(name, command + list(flags))
        # It says so itself: a connection made to find out would be counted.
        process.until(lambda: "ready" in process.stdout() + process.stderr(), "is ready")
        return process

    def report(self, process, name):
        """Ends a sink and reads what it reports."""
        process.signal(signal.SIGTERM)
        process.wait(30)
        with open(self.path(name + ".json")) as file:
            return json.load(file)

    def load(self):
        say(f"spools {MESSAGES:,} messages of {SIZE}")
        done = self.lab.start("load", [
            self.program("longship-load"), "--spool", self.spool, "--create", "--count",
            str(MESSAGES), "--size", SIZE, "--domains", str(DOMAINS), "--domain-pattern",
            "d%d.bulk.lab", "--manifest", self.path("manifest")])
        if done.wait(900) != 0:
            sys.exit(done.tail())

    def send(self):
        """Delivers all; returns the process and the figures of watched()."""
        say("delivers them")
        os.makedirs(self.path("store"))
        process = self.lab.start("longship", self.send_command("--once"))
        signal.signal(signal.SIGALRM, lambda *_: process.popen.kill())
        signal.setitimer(signal.ITIMER_REAL, SEND_SECONDS + MESSAGES / 1000)
        figures = self.watched(process)
        signal.setitimer(signal.ITIMER_REAL, 0)
        return process, figures

    def send_command(self, *flags):
        return [
            self.program("longship"), "send", "--spool", self.spool, "--store",
            self.path("store"), "--events", self.events, "--helo", "mail.sender.lab",
            "--resolver", lab_module.KNOT, "--trust-anchor", self.lab.trust_anchor,
            "--allow-private", "--status=off", *flags]

    def measured(self, name, expect, *flags):
        """One run with --once; the figures of watched()."""
        process = self.lab.start(name, self.send_command("--once", *flags))
        figures = self.watched(process)
        if process.popen.returncode != expect:
            sys.exit(f"{name} ended with {process.popen.returncode}\n{process.tail()}")
        return figures

    @staticmethod
    def watched(process):
        """To its end: seconds, CPU seconds, MB of its own and with mapped files, at most."""
        started = time.monotonic()
        own = 0  # what is mapped of files the system may take back
        # wait4 instead of Popen.wait: it also tells the CPU time of this one child.
        while True:
            pid, status, usage = os.wait4(process.pid, os.WNOHANG)
            if pid != 0:
                break
            with open(f"/proc/{process.pid}/status") as file:
                own = max([own] + [int(line.split()[1]) / 1024 for line in file
                                   if line.startswith("RssAnon:")])
            time.sleep(0.05)
        process.popen.returncode = os.waitstatus_to_exitcode(status)
        return (time.monotonic() - started, usage.ru_utime + usage.ru_stime, own,
                usage.ru_maxrss / 1024)

    def floor(self):
        """CPU of one message over a warm session, and of reading and removing its file."""
        say("measures the floor: the same messages over warm sessions, and the bare files")
        sink = self.sink("floor-sink", ["127.2.0.1"])
        warm = self._floor_run("--to", "127.2.0.1:25", "--sessions", str(FLOOR_SESSIONS),
                               "--messages", str(MESSAGES), "--rounds", "3")
        self.report(sink, "floor-sink")
        files = self._floor_run("--files", self.directory, "--messages", "1000", "--rounds", "2")
        return warm["floor"]["best"]["cpu_us"], files["files"]["best"]["cpu_us"]

    def _floor_run(self, *flags):
        process = self.lab.start(f"floor-{self.lab.number()}", [
            self.program("longship-floor"), "--size", SIZE, "--json", *flags])
        if process.wait(120) != 0:
            sys.exit(process.tail())
        return json.loads(process.stdout())

    def outcomes(self):
        counts, domains, wrong_channel, in_tls = {}, set(), 0, 0
        if not os.path.exists(self.events):
            return counts, domains, wrong_channel, in_tls
        with open(self.events) as file:
            for line in file:
                event = json.loads(line)
                counts[event["event"]] = counts.get(event["event"], 0) + 1
                if event["event"] == "delivered":
                    domains.add(event["domain"])
                    in_tls += event["tls"] != ""
                    wrong_channel += (event["tls"] == "") != (event["ip"] in self.clear_addresses)
        return counts, domains, wrong_channel, in_tls


def say(text):
    print(f"demo: {text}", file=sys.stderr, flush=True)


def row(name, value, note=""):
    print(f"  {name:<34}{value:>12}   {note}".rstrip())


def main():
    demo = Demo(sys.argv[1])
    without = [f"--bug={address}/without-plain:STARTTLS" for address in demo.clear_addresses]
    demo.load()
    sink = demo.sink("sink", demo.addresses, "--manifest", demo.path("manifest"), "--expect",
                     str(MESSAGES), *without)
    process, (seconds, cpu_seconds, own, mapped) = demo.send()
    cpu_us = 1e6 * cpu_seconds
    report = demo.report(sink, "sink")
    counts, domains, wrong_channel, in_tls = demo.outcomes()
    floor_us, files_us = demo.floor()
    delivered = counts.get("delivered", 0)
    arrived, counters = report["deliveries"], report["counters"]
    oddities = {name: count for name, count in report["oddities"].items() if count}
    whole = (arrived["delivered"] == MESSAGES and not arrived["missing"]
             and not arrived["duplicates"] and not arrived["damaged"] and sink.popen.returncode == 0)
    problems = [text for text, bad in (
        (f"longship ended with {process.popen.returncode}", process.popen.returncode != 0),
        (f"{delivered} of {MESSAGES} delivered", delivered != MESSAGES),
        (f"the receivers say: {arrived}", not whole),
        (f"{wrong_channel} messages in the wrong channel", wrong_channel != 0),
        (f"violations of the protocol: {oddities}", oddities != {}),
        ("files were left in the spool", os.listdir(os.path.join(demo.spool, "new")) != []),
    ) if bad]

    print(f"\n{MESSAGES:,} messages of {SIZE} on {os.cpu_count()} cores\n")
    print("what happened")
    row("delivered", f"{delivered:,}", f"of {MESSAGES:,} put into the spool")
    row("arrived once and whole", f"{arrived['delivered'] - arrived['damaged']:,}",
        "as the receivers themselves checked")
    row("deferred, bounced", f"{counts.get('deferred', 0)}, {counts.get('bounced', 0)}")
    row("domains", f"{len(domains):,}", f"at {RECEIVERS} receivers")
    row("sessions", f"{counters['connections']:,}",
        f"{counters['sessions_most']:,} at once at most")
    row("under TLS", f"{100 * in_tls / max(delivered, 1):.1f} %",
        f"{RECEIVERS - WITHOUT_TLS} of {RECEIVERS} receivers offer it, theirs is "
        + ("all" if wrong_channel == 0 else "NOT all"))
    print("how fast")
    row("seconds", f"{seconds:.2f}", "start of the program, DNS and TLS handshakes included")
    row("messages per second", f"{delivered / seconds:,.0f}", "receivers on the same cores")
    row("CPU per message", f"{cpu_us / max(delivered, 1):.1f} µs")
    row("  beside: floor", f"{floor_us:.1f} µs", "the same message over a warm TLS session")
    row("  beside: files", f"{files_us:.1f} µs", "open, read, close and unlink of its file, fsynced")
    row("  ratio to floor + files", f"{cpu_us / max(delivered, 1) / (floor_us + files_us):.2f}")
    print("memory")
    row("of its own", f"{own:.0f} MB", "at most")
    row("with mapped files", f"{mapped:.0f} MB", "these the system may take back")
    demo.lab.stop()
    if problems:
        print("\nNOT as it should be:\n  " + "\n  ".join(problems))
        print(process.tail())
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
