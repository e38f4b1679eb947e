"""The lab of bench/compare: ten mail domains with a receiver each, once in a zone without DNSSEC and once in a
signed one with TLSA records; a resolver that validates, for those who believe one; longship-sink at the
receivers' addresses; the mail that everybody is given, and the floor that everybody is measured against.
"""

import itertools
import json
import os
import shutil
import signal
import subprocess
import time

import lab as lab_module
from compare_meter import IN_MODIFY, Watch
from security_lab import LastingZone
from unbound import Unbound

# What a sender is told to ask of a channel, and the zone whose mail shows it.
LEVELS = {"none": "plain.lab", "encrypt": "plain.lab", "dane": "pinned.lab"}
DOMAINS = 10
SIZE = "8K"
FLOOR_SECONDS = 120


class Stage:
    """The zones, for Lab(stage=…)."""

    def __init__(self, address, trusted):
        self.addresses = [address() for _ in range(DOMAINS)]
        self.certificate = trusted.issue([f"*.{zone}" for zone in sorted(set(LEVELS.values()))])

    def zones(self):
        for zone, pinned in (("plain.lab", False), ("pinned.lab", True)):
            lines = []
            for n, address in enumerate(self.addresses):
                lines += [f"d{n} MX 10 mx{n}", f"mx{n} A {address}"]
                if pinned:
                    lines.append(f"_25._tcp.mx{n} TLSA 3 1 1 {self.certificate.key_digest()}")
            yield LastingZone(zone, lines, "nsec" if pinned else None)


class Mail:
    """The messages of a spool of longship-load, for those who are given them in another way."""

    def __init__(self, spool):
        self._directory = os.path.join(spool, "new")

    def __iter__(self):
        """Sender, recipient and octets of each, without the lines that only a spool has."""
        for name in sorted(os.listdir(self._directory)):
            with open(os.path.join(self._directory, name), "rb") as file:
                sender, rcpt, content = file.read().split(b"\r\n", 2)
            yield _address(sender, b"X-Sender"), _address(rcpt, b"X-Receiver"), content


def _address(line, field):
    name, value = line.split(b":", 1)
    if name != field:
        raise ValueError(f"{line} where {field} should be")
    return value.strip().strip(b"<>").decode()


class Receiver:
    """longship-sink at all addresses. `logs`: it tells of each message at once, so that one can wait for
    them; this costs it some microseconds each."""

    def __init__(self, bench, number, level, logs):
        self._report = bench.path(f"sink-{number}.json")
        self._log = bench.path(f"sink-{number}.log")
        self._seen, self._count = 0, 0
        certificate = bench.stage.certificate
        command = [bench.program("longship-sink"), "--quiet", "--report", self._report]
        if level != "none":
            command += ["--cert", certificate.chain_file, "--key", certificate.key_file]
        if logs:
            command += ["--mail-log", self._log]
        for address in bench.stage.addresses:
            command += ["--listen", address]
        self.process = bench.lab.start(f"sink-{number}", command)
        self.process.until(lambda: "ready" in self.process.stdout() + self.process.stderr(), "is ready")

    def wait(self, count, seconds, sender):
        """Until so many messages have come. An error when the time is up, or `sender` ends before."""
        deadline = time.monotonic() + seconds
        watch = Watch([self._log], IN_MODIFY)
        try:
            while self._arrived() < count:
                if not watch.wait(deadline - time.monotonic(), sender) and self._arrived() < count:
                    raise RuntimeError(f"{self._count} of {count} messages came\n{sender.tail()}")
        finally:
            watch.close()

    def _arrived(self):
        with open(self._log, "rb") as file:
            file.seek(self._seen)
            text = file.read()
        # Behind the last line end may be a part of a line that is just being written.
        text = text[:text.rfind(b"\n") + 1]
        self._seen += len(text)
        self._count += text.count(b'{"event":"message"')
        return self._count

    def report(self):
        """Ends it; what it counted."""
        self.process.signal(signal.SIGTERM)
        self.process.wait(60)
        with open(self._report) as file:
            return json.load(file)


class CompareLab:
    def __init__(self, build):
        self.build = build
        self.lab = lab_module.Lab(stage=self._stage)
        self.directory = self.lab.directory
        self.unbound = Unbound(self.lab, self.lab.directory_for("unbound"), lab_module.KNOT)
        self._believe_unbound()
        self._numbers = itertools.count(1)

    def _stage(self, _, address, trusted):
        self.stage = Stage(address, trusted)
        return self.stage

    def _believe_unbound(self):
        """Whoever asks the system's resolver asks unbound. The file is mounted over the system's own, so that it
        is written in place."""
        with open(self.unbound.resolv_conf) as file:
            text = file.read()
        with open(self.path("resolv.conf"), "w") as file:
            file.write(text)
        with open("/etc/resolv.conf") as file:
            if file.read() != text:
                raise RuntimeError("the lab's resolv.conf is not the one that programs here read")

    def path(self, name):
        return os.path.join(self.directory, name)

    def program(self, name):
        return os.path.join(self.build, name)

    def receive(self, level, logs):
        return Receiver(self, next(self._numbers), level, logs)

    def spool(self, path, zone, count):
        """A spool with so many messages to the domains of a zone, always the same ones, on disk."""
        shutil.rmtree(path, ignore_errors=True)
        done = self.lab.start(f"load-{next(self._numbers)}", [
            self.program("longship-load"), "--spool", path, "--create", "--count", str(count), "--size", SIZE,
            "--domains", str(DOMAINS), "--domain-pattern", f"d%d.{zone}", "--seed", "1", "--quiet"])
        if done.wait(300) != 0:
            raise RuntimeError(done.tail())
        on_disk(path)

    def mail(self, zone, count):
        """The same messages, to be given to others."""
        path = self.path(f"mail-{zone}-{count}")
        if not os.path.exists(path):
            self.spool(path, zone, count)
        return Mail(path)

    def floor(self, rounds, messages):
        """CPU microseconds that nobody can send for less: a message over a warm session with TLS and without,
        and its file."""
        certificate = self.stage.certificate
        sink = self.lab.start(f"floor-sink-{next(self._numbers)}", [
            self.program("longship-sink"), "--quiet", "--cert", certificate.chain_file, "--key",
            certificate.key_file, "--listen", "127.2.0.1"])
        sink.until(lambda: "ready" in sink.stdout() + sink.stderr(), "is ready")
        to = ("--to", "127.2.0.1:25", "--messages", str(messages), "--rounds", str(rounds))
        figures = {
            "tls": self._floor(*to)["floor"]["best"]["cpu_us"],
            "clear": self._floor(*to, "--plain")["floor"]["best"]["cpu_us"],
            "files": self._floor("--files", self.directory, "--messages", "2000", "--rounds", str(rounds))
            ["files"]["best"]["cpu_us"],
        }
        sink.stop()
        return figures

    def _floor(self, *flags):
        process = self.lab.start(f"floor-{next(self._numbers)}", [
            self.program("longship-floor"), "--size", SIZE, "--json", *flags])
        if process.wait(FLOOR_SECONDS) != 0:
            raise RuntimeError(process.tail())
        return json.loads(process.stdout())

    def stop(self):
        self.lab.stop()


def on_disk(path):
    """Writes what is in memory of the file system of path."""
    subprocess.run(["sync", "--file-system", path], check=True)
