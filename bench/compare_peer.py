"""A mail server whose sending is measured: what bench/compare asks of each, and how mail gets into its queue.

The queue is filled once, by SMTP, while the server delivers nothing; then the server ends, and a copy of the
queue is kept. Each measured delivery starts the server on a copy of that copy.
"""

import concurrent.futures
import os
import shutil
import signal
import smtplib
import subprocess

from compare_lab import on_disk
from compare_meter import IN_DELETE, IN_MOVED_FROM, Watch, real_process

INJECTORS = 8
DRAIN_SECONDS = 30


class Missing(Exception):
    """The server is not on this machine; the text says what is missing."""


class Peer:
    """One server. Each has `name`, as people know it, `settings`, what it was given beyond its defaults, and
    `cannot`: level to reason, for levels that it does not know."""

    name = ""
    settings = ""
    cannot = {}
    # Mail is given to it by SMTP; and the receiver has to tell when all has come.
    takes_smtp = True
    # It is given so many times fewer messages than the others, since it takes so much longer for them.
    share = 1

    def __init__(self, bench):
        self.bench = bench
        self.directory = bench.lab.directory_for(type(self).__name__.lower())
        self.address = bench.lab.address()
        self.queue = os.path.join(self.directory, "queue")
        self.process = None
        self._wrapped = False

    # What each has its own way to do.

    def version(self):
        """As the program says it."""
        raise NotImplementedError

    def make_queue(self):
        """An empty queue at self.queue."""
        raise NotImplementedError

    def receiving(self):
        """The command that takes mail at self.address and delivers none."""
        raise NotImplementedError

    def sending(self, level):
        """The command that delivers what is in the queue."""
        raise NotImplementedError

    def queued(self):
        """The directories in which a message is, while it is not done with."""
        raise NotImplementedError

    def log(self):
        """What it wrote of its troubles, for an error that a person reads."""
        return self.process.tail()

    def environment(self):
        return {}

    # What all have in common.

    def fill(self, zone, count, group):
        """Takes so much mail for a zone by SMTP, and keeps the queue."""
        self.make_queue()
        self.start("receiving", self.receiving(), group)
        self.process.until_connect(self.address, 25)
        inject(self.address, self.bench.mail(zone, count))
        self.stop()
        copy(self.queue, self._kept(zone, count))

    def prepare(self, zone, count):
        """The queue as it was filled, on disk."""
        copy(self._kept(zone, count), self.queue)
        on_disk(self.queue)

    def deliver(self, level, group, wrapper=()):
        """Starts on the queue."""
        self.start("sending", self.sending(level), group, wrapper)

    def wait_delivered(self, receiver, count, seconds):
        """Until the receiver has so many messages."""
        try:
            receiver.wait(count, seconds, self.process)
        except RuntimeError as error:
            raise RuntimeError(f"{self.name}: {error}\n{self.log()}") from None

    def wait_done(self):
        """Until the queue is empty: what has been delivered is also written down as that."""
        while directories := self.queued():
            watch = Watch([self.queue] + directories, IN_DELETE | IN_MOVED_FROM)
            try:
                # Once more, since it may have happened before the watch began.
                if self.queued() and not watch.wait(DRAIN_SECONDS, self.process):
                    raise RuntimeError(f"{self.name}: its queue is not empty: {self.queued()}\n{self.log()}")
            finally:
                watch.close()

    def start(self, what, command, group=None, wrapper=()):
        options = {"preexec_fn": group.enter} if group is not None else {}
        self.process = self.bench.lab.start(
            f"{what}-{self.bench.lab.number()}", [*wrapper, *command], self.directory,
            environment=self.environment(), **options)
        self._wrapped = bool(wrapper)

    def stop(self):
        if self.process.running():
            pid = real_process(self.process) if self._wrapped else self.process.pid
            if pid is not None:
                os.kill(pid, signal.SIGTERM)
        self.process.wait(DRAIN_SECONDS)

    def _kept(self, zone, count):
        return os.path.join(self.directory, f"kept-{zone}-{count}")


def copy(source, target):
    shutil.rmtree(target, ignore_errors=True)
    # cp keeps owners, modes and times, which servers insist on.
    subprocess.run(["cp", "-a", source, target], check=True)


def inject(address, mail):
    """Gives the server all the mail, over several sessions at once."""
    messages = list(mail)

    def session(part):
        with smtplib.SMTP(address, 25, local_hostname="client.sender.lab", timeout=60) as client:
            for sender, rcpt, content in part:
                client.sendmail(sender, [rcpt], content)

    with concurrent.futures.ThreadPoolExecutor(INJECTORS) as pool:
        for done in [pool.submit(session, messages[n::INJECTORS]) for n in range(INJECTORS)]:
            done.result()


def files_in(path):
    """The directories below path, itself included, that have files."""
    return [directory for directory, _, names in os.walk(path) if names]
