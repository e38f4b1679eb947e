"""longship as a sender among its peers."""

import os

import lab as lab_module
from compare_peer import Peer, files_in

TLS = {"none": ["--tls", "*=none"], "encrypt": ["--tls", "*=encrypt"], "dane": ["--tls", "*=dane-only"]}


class Longship(Peer):
    name = "longship"
    settings = "its defaults; the store is warm"
    takes_smtp = False

    def __init__(self, bench):
        super().__init__(bench)
        self._events = os.path.join(self.directory, "events")
        self._store = os.path.join(self.directory, "store")
        os.makedirs(self._store)

    def version(self):
        return "this tree"

    def prepare(self, zone, count):
        self.bench.spool(self.queue, zone, count)
        if os.path.exists(self._events):
            os.unlink(self._events)

    def queued(self):
        return files_in(os.path.join(self.queue, "new"))

    def wait_delivered(self, receiver, count, seconds):
        """Until it has ended: with --once it does so when there is nothing more to do."""
        status = self.process.wait(seconds)
        if status != 0:
            raise RuntimeError(f"longship ended with {status}\n{self.process.tail()}")

    def sending(self, level):
        return [self.bench.program("longship"), "send", "--spool", self.queue, "--store", self._store, "--events",
                self._events, "--helo", "mail.sender.lab", "--resolver",
                lab_module.KNOT, "--trust-anchor", self.bench.lab.trust_anchor, "--ca-file",
                self.bench.lab.ca_file, "--allow-private", "--once", "--status=off", *TLS[level]]


class LongshipMore(Longship):
    """The same with more mail, so that its start weighs as little as that of a server which takes minutes."""

    name = "longship ×10"
    share = 0.1
