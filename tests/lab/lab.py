"""The lab: its directory, its processes, its names, certificates and addresses.

Runs inside tests/lab/enter. A Lab starts knotd and the programmable name server, hands out
addresses and mail domains, and starts programs; whatever it started it ends by process id when it
is stopped. Nothing here waits by sleeping: a service is ready when it answers.
"""

import itertools
import os
import resource
import select
import signal
import socket
import subprocess
import sys
import threading
import time

import dns.message
import dns.query

import policy_host
import zones
from background import Background
from certificates import Authority
from names import ADDRESS as NAMES_ADDRESS
from names import Names
from peer import Dialogue, Receiver

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
SERVERS = os.path.join(ROOT, "build/lab/servers")
RESOLVER = f"{NAMES_ADDRESS}@53"
KNOT = f"{zones.KNOT_ADDRESS}@53"
READY_SECONDS = 20
# Of the certificate that receivers have unless told otherwise.
LAB_NAMES = ["mx.lab", "*.lab", "*.play.lab"]
# How long to wait before something is looked at again, unless the process ends before: from
# short, since most are ready at once, to long, so that looking costs next to nothing.
AGAIN_FIRST_MS, AGAIN_MAX_MS = 4, 64


class Process:
    """A program that the lab started, with its output in files."""

    def __init__(self, name, command, directory, environment=None, cwd=None, **options):
        self.name = name
        self.command = command
        self.out = os.path.join(directory, name + ".out")
        self.err = os.path.join(directory, name + ".err")
        with open(self.out, "wb") as out, open(self.err, "wb") as err:
            self.popen = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=out, stderr=err, cwd=cwd,
                env={**os.environ, **(environment or {})}, **options)
        self.pid = self.popen.pid

    def running(self):
        return self.popen.poll() is None

    def wait(self, timeout):
        """The exit status; a process that does not end in time is killed, and that is an error."""
        try:
            return self.popen.wait(timeout)
        except subprocess.TimeoutExpired:
            self.popen.kill()
            self.popen.wait()
            raise AssertionError(f"{self.name} did not end in {timeout} s\n{self.tail()}") from None

    def signal(self, number):
        self.popen.send_signal(number)

    def stop(self, timeout=10):
        if self.running():
            self.popen.terminate()
            try:
                self.popen.wait(timeout)
            except subprocess.TimeoutExpired:
                self.popen.kill()
                self.popen.wait()
        return self.popen.returncode

    def stderr(self):
        with open(self.err, errors="replace") as file:
            return file.read()

    def stdout(self):
        with open(self.out, errors="replace") as file:
            return file.read()

    def tail(self, lines=30):
        text = self.stdout() + self.stderr()
        return "\n".join(f"    {self.name}: {line}" for line in text.splitlines()[-lines:])

    def until(self, attempt, what, timeout=READY_SECONDS):
        """Calls attempt() until it is true; ends at once when the process ends."""
        deadline = time.monotonic() + timeout
        pidfd = os.pidfd_open(self.pid)
        again_ms = AGAIN_FIRST_MS
        try:
            while not attempt():
                if time.monotonic() > deadline:
                    raise RuntimeError(f"{self.name}: {what} not in {timeout} s\n{self.tail()}")
                if select.select([pidfd], [], [], again_ms / 1000)[0]:
                    raise RuntimeError(f"{self.name} ended before {what}\n{self.tail()}")
                again_ms = min(again_ms * 2, AGAIN_MAX_MS)
        finally:
            os.close(pidfd)

    def until_connect(self, address, port, **options):
        self.until(lambda: connects(address, port), f"{address}:{port} accepts", **options)


def connects(address, port):
    try:
        socket.create_connection((address, port), timeout=1).close()
        return True
    except OSError:
        return False


class Lab:
    def __init__(self, bulk_domains=0, bulk_addresses=(), stage=None, bulk_dead=0):
        """`stage`: dane.Stage, for a lab that has its scenarios. The others: zones.bulk_lines()."""
        if os.environ.get("LAB_USERNS") not in ("0", "1"):
            sys.exit("lab: run this through tests/lab/enter")
        if not os.path.exists(os.path.join(SERVERS, ".unpacked")):
            sys.exit("lab: the servers are missing: run tests/lib/setup lab test server")
        # A thousand sessions end in this process: the usual soft limit of 1,024 is too low.
        _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
        self.directory = os.environ["LAB_DIR"]
        self.single_user = os.environ["LAB_USERNS"] == "1" and not _maps_user("postfix")
        self.processes = []
        self.receivers = []
        self._at_stop = []
        self._lock = threading.Lock()
        self._addresses = (
            f"127.{a}.{b}.{c}" for a in range(20, 250) for b in range(256) for c in range(1, 255))
        self._addresses6 = (f"fd00:6c61:62::{n:x}" for n in range(1, 33))
        self._numbers = itertools.count(1)
        self.background = Background()
        self.authority = Authority(os.path.join(self.directory, "certificates"))
        self.certificate = self.authority.issue(LAB_NAMES)
        self.ca_file = self.authority.ca_file
        builder = zones.ZoneBuilder(os.path.join(self.directory, "dns"), SERVERS)
        self.stage = (
            stage(os.path.join(self.directory, "dane"), self.address, self.authority)
            if stage else None)
        self._builder = builder
        self._zones = zones.standard_zones(
            self.certificate.key_digest(), bulk_domains, bulk_addresses,
            self.stage.zones() if stage else (), bulk_dead)
        self.trust_anchor = builder.build(self._zones)
        self.knot = self.start("knotd", [builder.knotd, "-c", builder.config()])
        self.knot.until(_answers(zones.KNOT_ADDRESS, "lab."), "answers for lab.")
        self.names = Names(self.background)
        self.names.start()
        self._black_holes = {}
        self._policy_host = None
        self._policy_host_lock = threading.Lock()

    # Programs and receivers.

    def start(self, name, command, directory=None, **options):
        """Starts a program; it is stopped with the lab."""
        process = Process(name, command, directory or self.directory, **options)
        with self._lock:
            self.processes.append(process)
        return process

    def receiver(self, addresses=None, dialogue=Dialogue, **options):
        """A receiver of ours (peer.py) on a new address unless told one. With the lab's
        certificate, unless certificate=None is given."""
        options.setdefault("certificate", self.certificate)
        receiver = Receiver(self.background, addresses or self.address(), dialogue, **options)
        with self._lock:
            self.receivers.append(receiver)
        return receiver

    def policy_host(self):
        """The policy host that is shared; others stop and disturb one of their own."""
        with self._policy_host_lock:
            if self._policy_host is None:
                self._policy_host = policy_host.PolicyHost(self, policy_host.ADDRESS)
            return self._policy_host

    def at_stop(self, function):
        """For what runs outside of `start`: called when the lab is stopped."""
        with self._lock:
            self._at_stop.append(function)

    def directory_for(self, name):
        path = os.path.join(self.directory, f"{name}-{self.number()}")
        os.makedirs(path)
        os.chmod(path, 0o755)
        return path

    def change_zone(self, name, lines):
        """Other records in one of knotd's zones, until somebody changes it again."""
        (zone,) = [zone for zone in self._zones if zone.name == name]
        zone.lines = list(lines)
        self._builder.change(zone)
        self.knot.signal(signal.SIGHUP)
        self.knot.until(
            lambda: _serial(zones.KNOT_ADDRESS, name) == zone.serial, f"has the new {name}")

    # Addresses and names, each handed out once.

    def number(self):
        with self._lock:
            return next(self._numbers)

    def address(self):
        with self._lock:
            return next(self._addresses)

    def address6(self):
        with self._lock:
            return next(self._addresses6)

    def host(self, *addresses, name=None):
        """A new host name of play.lab with these addresses."""
        name = name or f"mx{self.number()}.play.lab"
        for rdtype, wanted in (("A", False), ("AAAA", True)):
            of_family = [address for address in addresses if (":" in address) == wanted]
            self.names.set(name, rdtype, of_family)
        return name

    def domain(self, *mx, name=None):
        """A new mail domain of play.lab. Each mx is an address, a Receiver, a host name with
        dots in letters, or (preference, one of these); without preference 10, 20, 30 …"""
        name = name or f"d{self.number()}.play.lab"
        records = []
        for index, entry in enumerate(mx):
            preference, target = entry if isinstance(entry, tuple) else (10 + 10 * index, entry)
            if isinstance(target, Receiver):
                target = self.host(*target.addresses)
            elif _is_address(target):
                target = self.host(target)
            records.append(f"{preference} {target}.")
        self.names.set(name, "MX", records)
        return name

    def refusing_address(self):
        """An address where nobody listens: the kernel refuses at once."""
        return self.address()

    def black_hole(self, address=None):
        """An address whose SYNs are never answered: a listener whose backlog is full."""
        address = address or self.address()
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        listener = socket.socket(family)
        listener.bind((address, 25))
        listener.listen(0)
        fillers = []
        while len(fillers) < 8:
            sock = socket.socket(family)
            sock.setblocking(False)
            sock.connect_ex((address, 25))
            fillers.append(sock)
        with self._lock:
            self._black_holes[address] = [listener] + fillers
        return address

    def fill_hole(self, address):
        """Nobody listens at that black hole any more: something else can."""
        with self._lock:
            sockets = self._black_holes.pop(address)
        for sock in sockets:
            sock.close()

    # The end.

    def stop(self):
        """Ends everything; what does not end on SIGTERM is killed."""
        for receiver in self.receivers:
            receiver.stop()
        for function in reversed(self._at_stop):
            function()
        for process in reversed(self.processes):
            if process.running():
                process.signal(signal.SIGTERM)
        for process in reversed(self.processes):
            process.stop()
        self.names.stop()
        self.background.stop()


def _is_address(text):
    return ":" in text or text.replace(".", "").isdigit()


def _maps_user(name):
    """True when the ids of the lab's users exist in this user namespace."""
    with open("/proc/self/uid_map") as file:
        ranges = [line.split() for line in file]
    return any(int(first) <= 64701 < int(first) + int(count) for first, _, count in ranges)


def _answers(address, name):
    query = dns.message.make_query(name, "SOA")

    def attempt():
        try:
            return bool(dns.query.udp(query, address, timeout=0.5).answer)
        except (OSError, dns.exception.Timeout):
            return False

    return attempt


def _serial(address, name):
    try:
        reply = dns.query.udp(dns.message.make_query(name, "SOA"), address, timeout=0.5)
        return reply.answer[0][0].serial if reply.answer else None
    except (OSError, dns.exception.Timeout):
        return None
