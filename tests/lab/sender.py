"""longship as tests use it: a spool to put mail into, one or several runs, and what they reported.

The program is $LONGSHIP, else build/longship; $LONGSHIP_WRAPPER may stand before it (valgrind).
"""

import json
import os
import re

import lab as lab_module
from lab import ROOT

# DESIGN 1, `--events`: all of these are in every line, as strings. `result` is the type of RFC 8460
# that a session event closes with.
FIELDS = (
    "event seq time file id job class from rcpt domain mx ip source helo session reply status "
    "bounce_class size tls channel security policy attempt reason result").split()
KINDS = set(
    "delivered deferred bounced expired withdrawn suppressed rejected-input session "
    "policy-changed site-changed".split())
FINAL = {"delivered", "bounced", "expired", "withdrawn", "suppressed", "rejected-input"}
HELO = "mail.sender.lab"
RUN_SECONDS = 90

# Exit statuses (DESIGN 1).
DONE, ARGUMENTS, NO_IO_URING, SPOOL_OWNED, NOT_WRITABLE, MAIL_WAITS = 0, 2, 69, 73, 74, 75

# Time limits for tests with receivers that never answer: short, but long enough for a sanitizer
# build on a busy machine.
IMPATIENT = (
    "--connect-timeout=6s --greeting-timeout=6s --tls-timeout=6s --command-timeout=6s "
    "--data-timeout=6s --final-timeout=6s --session-timeout=30s --dns-timeout=6s").split()


def program():
    return os.environ.get("LONGSHIP", os.path.join(ROOT, "build/longship"))


def message(subject="test", body="Hello.\r\n", headers=""):
    """A message as it is to arrive; what longship would add when absent is there."""
    return (
        "From: News <news@sender.lab>\r\n"
        "To: you <you@somewhere.lab>\r\n"
        "Date: Tue, 24 Nov 2026 10:00:00 +0000\r\n"
        f"Message-ID: <{subject.replace(' ', '.')}@sender.lab>\r\n"
        f"Subject: {subject}\r\n{headers}\r\n{body}").encode()


class Sender:
    """One spool, one store, one event file."""

    def __init__(self, lab, *flags, resolver=lab_module.RESOLVER):
        self.lab = lab
        self.directory = lab.directory_for("sender")
        self.spool = os.path.join(self.directory, "spool")
        self.store = os.path.join(self.directory, "store")
        self.event_file = os.path.join(self.directory, "events")
        self.flags = [
            "--spool", self.spool, "--store", self.store, "--helo", HELO,
            "--trust-anchor", lab.trust_anchor, "--ca-file", lab.ca_file, "--allow-private",
            "--bounce=event"]  # test_notification.py asks for more: elsewhere it would be more mail
        if resolver:
            self.flags += ["--resolver", resolver]
        self.flags += flags
        self.runs = 0
        self.processes = []
        for name in ("tmp", "new"):
            os.makedirs(os.path.join(self.spool, name))
        os.makedirs(self.store)

    def use_store(self, directory):
        """From the next run on the cache of another sender."""
        self.flags[self.flags.index(self.store)] = directory
        self.store = directory

    # The spool.

    def put(self, rcpts, content=None, sender="news@sender.lab", name=None, lines=()):
        """Puts a message for these recipients into the spool, by rename. Returns its file name."""
        if isinstance(rcpts, str):
            rcpts = [rcpts]
        head = [f"X-Sender: <{sender}>"] + [f"X-Receiver: <{rcpt}>" for rcpt in rcpts] + list(lines)
        text = "".join(line + "\r\n" for line in head).encode()
        return self.put_raw(text + (message() if content is None else content), name)

    def put_raw(self, data, name=None):
        name = name or f"m{self.lab.number()}.eml"
        hidden = os.path.join(self.spool, "tmp", name)
        with open(hidden, "wb") as file:
            file.write(data)
        os.rename(hidden, self.path(name))
        return name

    def path(self, name):
        return os.path.join(self.spool, "new", name)

    def waiting(self):
        return sorted(os.listdir(os.path.join(self.spool, "new")))

    def bad(self):
        directory = os.path.join(self.spool, "bad")
        return sorted(os.listdir(directory)) if os.path.isdir(directory) else []

    def bad_reason(self, name):
        with open(os.path.join(self.spool, "bad", name + ".reason"), errors="replace") as file:
            return file.read()

    # Runs.

    def command(self, *flags, events=None):
        wrapper = os.environ.get("LONGSHIP_WRAPPER", "").split()
        return wrapper + [program(), "send", *self.flags, "--events", events or self.event_file,
                          *flags]

    def start(self, *flags, events=None, under=(), **options):
        """Starts longship; the lab ends it if the test does not. `under`: what stands before it."""
        self.runs += 1
        command = [*under, *self.command(*flags, events=events)]
        process = self.lab.start(f"longship-{self.runs}", command, self.directory, **options)
        self.processes.append(process)
        return process

    def run(self, *flags, expect=(DONE,), timeout=RUN_SECONDS, **options):
        """Runs with --once to the end and checks the exit status. Returns the process."""
        process = self.start("--once", *flags, **options)
        return self.finish(process, expect, timeout)

    def finish(self, process, expect=(DONE,), timeout=RUN_SECONDS):
        status = process.wait(timeout)
        expected = (expect,) if isinstance(expect, int) else expect
        check(status in expected, f"exit status {status}, not {expected}\n{process.tail()}")
        return process

    # Events.

    def events(self, **wanted):
        """The events so far whose fields have these values."""
        if not os.path.exists(self.event_file):
            return []
        with open(self.event_file, encoding="utf-8") as file:
            text = file.read()
        whole = text[:text.rfind("\n") + 1]
        events = [_checked(line) for line in whole.splitlines()]
        return [event for event in events
                if all(event[field] == value for field, value in wanted.items())]

    def outcomes(self, **wanted):
        """Events about recipients: all but session and *-changed."""
        return [event for event in self.events(**wanted)
                if event["event"] in FINAL or event["event"] == "deferred"]

    def sessions(self, **wanted):
        return self.events(event="session", **wanted)

    def outcome(self, rcpt):
        """The one outcome of a recipient; more than one, or none, is a failure."""
        found = self.outcomes(rcpt=rcpt)
        check(len(found) == 1, f"{rcpt} has {len(found)} outcomes: {found}\n{self.tail()}")
        return found[0]

    def wait_event(self, process, timeout=60, count=1, **wanted):
        """Waits until so many events with these values are there, while the process runs."""
        process.until(lambda: len(self.events(**wanted)) >= count, f"{count} of {wanted}",
                      timeout=timeout)
        return self.events(**wanted)

    # What went wrong.

    def tail(self):
        return "\n".join(process.tail() for process in self.processes[-2:])

    def complaints(self):
        """What sanitizers, valgrind and our own checks say in any run."""
        bad = []
        for process in self.processes:
            for line in process.stderr().splitlines():
                if re.search(r"AddressSanitizer|LeakSanitizer|runtime error:|CHECK failed|"
                             r"ERROR SUMMARY: [1-9]|DEADLYSIGNAL", line):
                    bad.append(f"{process.name}: {line}")
            if not process.running() and process.popen.returncode < 0 \
                    and -process.popen.returncode not in (9, 15):
                bad.append(f"{process.name} ended by signal {-process.popen.returncode}")
        return bad

    def stop(self):
        for process in self.processes:
            process.stop()


def _checked(line):
    event = json.loads(line)
    check(set(event) == set(FIELDS), f"fields differ by {set(event) ^ set(FIELDS)}: {line}")
    check(all(isinstance(value, str) for value in event.values()), f"not all strings: {line}")
    check(event["event"] in KINDS, f"unknown kind: {line}")
    return event


def check(condition, text="does not hold"):
    """An assertion that is there whatever Python's flags are."""
    if not condition:
        raise AssertionError(text)


def equal(got, wanted, what=""):
    check(got == wanted, f"{what}\n  got    {got!r}\n  wanted {wanted!r}")


def delivered_to(sender, rcpt, receiver):
    """The recipient's one outcome: delivered, at an address of this receiver."""
    event = sender.outcome(rcpt)
    equal(event["event"], "delivered", f"{event}")
    check(event["ip"] in receiver.addresses, f"{event['ip']} is not of {receiver.addresses}")
    return event
