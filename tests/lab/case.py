"""How a lab test is written: a function whose name is a sentence, with the ids that it covers.

    @case("MX-08")
    def the_lowest_preference_is_tried_first(t):
        ...

`t` makes what a test needs and takes it away again. Tests of one lab run side by side; one that
measures time or needs the whole machine says @case(..., alone=True).
"""

import time

from sender import Sender

CASES = []


class Skipped(Exception):
    """Cannot be run here; the runner says so and counts it."""


class Case:
    def __init__(self, function, ids, alone):
        self.function = function
        self.ids = ids
        self.alone = alone
        self.module = function.__module__
        self.sentence = function.__name__.replace("_", " ")

    def title(self):
        return f"{self.module[5:]}: {self.sentence}" + (f" ({self.ids})" if self.ids else "")


def case(ids="", alone=False):
    def register(function):
        CASES.append(Case(function, ids, alone))
        return function

    return register


class Test:
    """What one running test made, and the checks that hold for every test."""

    def __init__(self, lab):
        self.lab = lab
        self.receivers = []
        self.senders = []
        self.violations_allowed = False

    def sender(self, *flags, **options):
        sender = Sender(self.lab, *flags, **options)
        self.senders.append(sender)
        return sender

    def receiver(self, *arguments, **options):
        receiver = self.lab.receiver(*arguments, **options)
        self.receivers.append(receiver)
        return receiver

    def domain(self, *mx, **options):
        return self.lab.domain(*mx, **options)

    def domain_with_receiver(self, **options):
        """A mail domain with one receiver of its own."""
        receiver = self.receiver(**options)
        return self.domain(receiver), receiver

    def problems(self):
        """What is wrong after a test whose own checks all held."""
        found = []
        for sender in self.senders:
            found += sender.complaints()
        if not self.violations_allowed:
            for receiver in self.receivers:
                found += receiver.violations
        return found

    def close(self):
        for sender in self.senders:
            sender.stop()
        for receiver in self.receivers:
            receiver.stop()


def timed(function, *arguments, **options):
    start = time.monotonic()
    function(*arguments, **options)
    return time.monotonic() - start
