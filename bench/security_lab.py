"""The lab of bench/security: for each mode mail domains that differ in nothing but what they publish, one
receiver for all of them, and longship as it is run for a measurement.

The hosts of all modes are the same addresses and show the same chain: a leaf with a P-256 key and its
intermediate. DANE-EE names the leaf, DANE-TA the intermediate; the root of MTA-STS is in --ca-file. Domains
without DANE are in unsigned zones, as most are. TTLs are a day, so that nothing expires meanwhile.
"""

import collections
import itertools
import json
import os
import shutil
import signal

import chains
import lab as lab_module
import policy_host
import sts
from zones import Zone

Mode = collections.namedtuple("Mode", "name zone signed security")
MODES = (
    Mode("plain", "plain.lab", None, "encrypted"),
    Mode("dane-ee", "ee.lab", "nsec", "dane"),
    Mode("dane-ta", "ta.lab", "nsec", "dane"),
    Mode("sts", "sts.lab", None, "sts"),
)
RUN_SECONDS = 600
MESSAGE_BYTES = 8192
TTL_S = 86400


class LastingZone(Zone):
    """A zone whose records and denials are good for a day."""

    def text(self):
        return super().text().replace("$TTL 300", f"$TTL {TTL_S}").replace(" 86400 60\n", f" 86400 {TTL_S}\n")


class Stage:
    """The zones and the chain, for Lab(stage=…)."""

    def __init__(self, domains, directory, address, trusted):
        self.domains = domains
        self.trusted = trusted
        self.addresses = [address() for _ in range(domains)]
        self.root = chains.authority("Bench root")
        self.middle = self.root.sub("Bench intermediate")
        self.leaf = self.middle.leaf(*(f"*.{mode.zone}" for mode in MODES))
        self.certificate = chains.Chains(directory).certificate(self.leaf, self.middle)
        self.ca_file = os.path.join(directory, "roots.pem")
        with open(self.ca_file, "wb") as file, open(trusted.ca_file, "rb") as of_lab:
            file.write(self.root.certificate.public_bytes(chains.PEM) + of_lab.read())

    def zones(self):
        tlsa = {"dane-ee": self.leaf.tlsa(3, 1, 1), "dane-ta": self.middle.tlsa(2, 1, 1)}
        for mode in MODES:
            lines = []
            for n, address in enumerate(self.addresses):
                lines += [f"d{n} MX 10 mx{n}", f"mx{n} A {address}"]
                if mode.name in tlsa:
                    lines.append(f"_25._tcp.mx{n} TLSA {tlsa[mode.name]}")
                if mode.name == "sts":
                    lines += [f'_mta-sts.d{n} TXT "{sts.sts_record("1")}"',
                              f"mta-sts.d{n} A {policy_host.ADDRESS}"]
            yield LastingZone(mode.zone, lines, mode.signed)


class Run:
    """What one run of longship took and asked."""

    def __init__(self, cpu_us, queries, gets, sessions):
        self.cpu_us = cpu_us
        self.queries = queries
        self.gets = gets
        self.sessions = sessions


class SecurityLab:
    def __init__(self, build, domains):
        self.build = build
        self.lab = lab_module.Lab(
            stage=lambda directory, address, trusted: self._stage(domains, directory, address, trusted))
        self.directory = self.lab.directory
        self.policies = self.lab.policy_host()
        for n in range(domains):
            self.policies.put(f"d{n}.sts.lab", sts.policy(mx=[f"mx{n}.sts.lab"], max_age=7 * TTL_S))
        self.sink = None
        self.resumed = 0
        self._numbers = itertools.count(1)
        self._text = _message()

    def _stage(self, domains, directory, address, trusted):
        os.makedirs(directory, exist_ok=True)
        self.stage = Stage(domains, directory, address, trusted)
        return self.stage

    # The receiver.

    def receive(self, tickets=False):
        """A longship-sink at the addresses of all hosts, in place of the one before. With `tickets` it lets
        TLS sessions be resumed; without, every handshake is a full one."""
        self.end_receiving()
        certificate = self.stage.certificate
        command = [os.path.join(self.build, "longship-sink"), "--workers", "1", "--quiet", "--cert",
                   certificate.chain_file, "--key", certificate.key_file, "--report",
                   os.path.join(self.directory, "sink.json")]
        for address in self.stage.addresses:
            command += ["--listen", address]
            command += ["--bug", f"{address}/tls-tickets"] if tickets else []
        self.sink = self.lab.start(f"sink-{next(self._numbers)}", command)
        self.sink.until(lambda: "ready" in self.sink.stdout() + self.sink.stderr(), "is ready")

    def end_receiving(self):
        """Ends the receiver; counts its handshakes that were resumed."""
        if self.sink is None:
            return
        self.sink.signal(signal.SIGTERM)
        self.sink.wait(60)
        with open(os.path.join(self.directory, "sink.json")) as file:
            self.resumed = json.load(file)["counters"]["handshakes_resumed"]
        self.sink = None

    # The sender.

    def store(self, mode):
        """The store of a mode that all its warm runs share."""
        return self._made(f"store-{mode.name}")

    def fresh_store(self):
        return self._made(f"store-{next(self._numbers)}")

    def _made(self, name):
        path = os.path.join(self.directory, name)
        os.makedirs(path, exist_ok=True)
        return path

    def run(self, mode, store, messages, domains, *flags, wrapper=()):
        """Sends so many messages to so many domains of a mode, in turn. Fails unless every one was delivered
        with the security of the mode. None for the mode: an empty spool."""
        number = next(self._numbers)
        base = self._made(f"run-{number}")
        spool = os.path.join(base, "spool")
        events = os.path.join(base, "events")
        for name in ("tmp", "new"):
            os.makedirs(os.path.join(spool, name))
        for n in range(messages):
            head = f"X-Sender: <news@sender.lab>\r\nX-Receiver: <you{n}@d{n % domains}.{mode.zone}>\r\n"
            with open(os.path.join(spool, "new", f"m{n}.eml"), "wb") as file:
                file.write(head.encode() + self._text)
        queries, gets = self.queries(), self.gets()
        process = self.lab.start(f"longship-{number}", [
            *wrapper, os.path.join(self.build, "longship"), "send", "--spool", spool, "--store", store,
            "--events", events, "--helo", "mail.sender.lab", "--resolver", lab_module.RESOLVER,
            "--trust-anchor", self.lab.trust_anchor, "--ca-file", self.stage.ca_file, "--allow-private",
            "--workers=1", "--once", "--status=off", *flags])
        cpu_us = _wait(process)
        sessions = _check(events, mode, messages, process)
        shutil.rmtree(base)
        return Run(cpu_us, self.queries() - queries, self.gets() - gets, sessions)

    def queries(self):
        """How often a name server was asked about a mail domain. Every start asks for the keys of the root, to
        hold the trust anchor against them (RFC 8145 has libunbound tell which it has)."""
        return sum(name != "" and not name.startswith("_ta-") for name, _, _ in self.lab.names.queries())

    def gets(self):
        return len(self.policies.requests())

    def stop(self):
        self.end_receiving()
        self.lab.stop()


def _message():
    head = ("From: News <news@sender.lab>\r\nTo: you <you@somewhere.lab>\r\n"
            "Date: Tue, 24 Nov 2026 10:00:00 +0000\r\nMessage-ID: <bench@sender.lab>\r\n"
            "Subject: bench\r\n\r\n")
    line = "All that is gold does not glitter, not all those who wander are lost.\r\n"
    lines = (MESSAGE_BYTES - len(head)) // len(line)
    return (head + line * lines).encode()


def _wait(process):
    """CPU microseconds of a process, user and system, once it has ended. wait4 tells them of this one
    child."""
    signal.signal(signal.SIGALRM, lambda *_: process.popen.kill())
    signal.setitimer(signal.ITIMER_REAL, RUN_SECONDS)
    _, status, usage = os.wait4(process.pid, 0)
    signal.setitimer(signal.ITIMER_REAL, 0)
    process.popen.returncode = os.waitstatus_to_exitcode(status)
    if process.popen.returncode != 0:
        raise RuntimeError(f"longship ended with {process.popen.returncode}\n{process.tail()}")
    return (usage.ru_utime + usage.ru_stime) * 1e6


def _check(path, mode, messages, process):
    """Counts the sessions in a file of events, and looks at every outcome."""
    delivered = sessions = 0
    if os.path.exists(path):
        with open(path, encoding="utf-8") as file:
            for event in map(json.loads, file):
                sessions += event["event"] == "session"
                delivered += event["event"] == "delivered" and event["security"] == mode.security
    if delivered != messages:
        raise RuntimeError(f"{delivered} of {messages} messages delivered as "
                           f"{mode and mode.security}\n{process.tail()}")
    return sessions
