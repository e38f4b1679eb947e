"""The lab of bench/scale: mail domains that differ in nothing but their number, receivers at many addresses, and
longship as it is run for a measurement.

    dN.scale.lab   one MX host each, of its own name (a provider of its own), at one of ADDRESSES addresses
"""

import collections
import itertools
import json
import os
import resource
import shutil
import signal
import subprocess

import lab as lab_module
from scale_sender import Sender
from scale_spool import ZONE
from security_lab import LastingZone

# A connection needs a local port that no other one to the same address and port has: of 20,000 each gets 100.
ADDRESSES = 200
FLOOR_ADDRESS = "127.3.0.1"
RECEIVER_PORT = 25
# Of 20,000 sessions, and what else is open.
FILES_WANTED = 65536
FLOOR_SECONDS = 300
END_SECONDS = 60
SINKS = 2

Sink = collections.namedtuple("Sink", "process report")


def raise_files():
    """As many open files as the system lets us have; longship and the sink inherit them."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (max(hard, FILES_WANTED),) * 2)
    except (ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return resource.getrlimit(resource.RLIMIT_NOFILE)[0]


class Stage:
    """The zone, for Lab(stage=...)."""

    def __init__(self, domains):
        self.addresses = [f"127.2.{n // 250}.{n % 250 + 1}" for n in range(ADDRESSES)]
        self.domains = domains

    def zones(self):
        lines = []
        for n in range(self.domains):
            lines += [f"d{n} MX 10 mx{n}", f"mx{n} A {self.addresses[n % ADDRESSES]}"]
        yield LastingZone(ZONE, lines)


class ScaleLab:
    def __init__(self, build, domains, disk=None):
        """`disk`: where spools are made that are to be on a disk."""
        self.build = build
        self.files_max = raise_files()
        self.stage = Stage(domains)
        self.lab = lab_module.Lab(stage=lambda *_: self.stage)
        self.directory = self.lab.directory
        self.certificate = self.lab.authority.issue([f"*.{ZONE}", "floor.lab"])
        self.store = self.made("store")
        self.disk = disk or self.made("disk")
        self._numbers = itertools.count(1)

    def made(self, name):
        path = os.path.join(self.directory, name)
        os.makedirs(path, exist_ok=True)
        return path

    def memory_directory(self):
        """A directory on a tmpfs of the lab's own."""
        path = self.made("memory")
        if not os.path.ismount(path):
            subprocess.run(["mount", "-t", "tmpfs", "tmpfs", path], check=True)
            self.lab.at_stop(lambda: subprocess.run(["umount", path], check=True))
        return path

    def number(self):
        return next(self._numbers)

    def fresh(self, name):
        return self.made(f"{name}-{self.number()}")

    def program(self, name):
        return os.path.join(self.build, name)

    # The receivers.

    def receive(self, *flags):
        """Receivers at all addresses, that of the floor as well: two, since one alone has not more descriptors
        than the sender and needs some to listen."""
        addresses = [FLOOR_ADDRESS] + self.stage.addresses
        return [self._sink(addresses[n::SINKS], flags) for n in range(SINKS)]

    def _sink(self, addresses, flags):
        number = self.number()
        report = os.path.join(self.directory, f"sink-{number}.json")
        command = [self.program("longship-sink"), "--cert", self.certificate.chain_file, "--key",
                   self.certificate.key_file, "--report", report, "--quiet", "--sessions=40000",
                   "--workers", str(max(os.cpu_count() // SINKS, 1)), *flags]
        for address in addresses:
            command += ["--listen", address]
        process = self.lab.start(f"sink-{number}", command)
        # It says so itself: a connection made to find out would be counted.
        process.until(lambda: "ready" in process.stdout() + process.stderr(), "is ready")
        return Sink(process, report)

    def end_receiving(self, sinks):
        """Ends receivers; what they report, added up."""
        total = {"counters": collections.Counter(), "oddities": collections.Counter(), "cpu_us": 0}
        for sink in sinks:
            sink.process.signal(signal.SIGTERM)
            sink.process.wait(END_SECONDS)
            with open(sink.report) as file:
                report = json.load(file)
            for name in ("counters", "oddities"):
                total[name].update(report[name])
            total["cpu_us"] += report["cpu_us"]
        return total

    # The sender.

    def sender(self, spool, *flags, wrapper=(), store=None):
        """longship on this spool, on the store that all share unless told another."""
        number = self.number()
        events = os.path.join(self.directory, f"events-{number}")
        process = self.lab.start(f"longship-{number}", [
            *wrapper, self.program("longship"), "send", "--spool", spool, "--store", store or self.store,
            "--events", events, "--helo", "mail.sender.lab", "--resolver", lab_module.KNOT, "--trust-anchor",
            self.lab.trust_anchor, "--allow-private", "--status=off", *flags])
        return Sender(process, events)

    def floor(self, size, sessions, messages, rounds, *flags):
        """The best of a few rounds of the bare loop at the receivers, with what longship-floor tells of it."""
        return self._floor("--to", f"{FLOOR_ADDRESS}:{RECEIVER_PORT}", "--size", str(size), "--sessions",
                           str(sessions), "--messages", str(messages), "--rounds", str(rounds),
                           *flags)["floor"]["best"]

    def bare_files(self, directory, size, files):
        """The same of files that are opened, read, closed and unlinked on the file system of a directory."""
        return self._floor("--files", directory, "--size", str(size), "--messages", str(files), "--rounds",
                           "1")["files"]["best"]

    def _floor(self, *flags):
        process = self.lab.start(f"floor-{self.number()}", [self.program("longship-floor"), "--json", *flags])
        if process.wait(FLOOR_SECONDS) != 0:
            raise RuntimeError(process.tail())
        return json.loads(process.stdout())

    def queue(self, spool, *words):
        """longship queue, while a sender runs."""
        process = self.lab.start(f"queue-{self.number()}",
                                 [self.program("longship"), "queue", "--spool", spool, *words])
        if process.wait(END_SECONDS) != 0:
            raise RuntimeError(process.tail())

    def forget(self, *paths):
        for path in paths:
            shutil.rmtree(path) if os.path.isdir(path) else os.remove(path)

    def stop(self):
        self.lab.stop()
