"""What bench/compare does inside the lab: has longship and other mail servers deliver the same mail to the same
receivers, and tells what it took. Exit status 1: something could not be measured that should have been.

    compare.py BUILD_DIRECTORY [--quick] [--messages N] [--rounds N] [--only NAME,...] [--results DIR] [--write-readme]

Every server has its queue filled before, by SMTP and while it delivers nothing. What is measured begins with the
start of the server on that queue, ends for the rate when the receivers have the last message, and for the CPU
time when the queue is empty; it is that of all its processes together. The senders take turns in a random order,
round after round, each round with its own floor.
"""

import argparse
import json
import os
import random
import sys
import time

sys.dont_write_bytecode = True
ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path[:0] = [os.path.join(ROOT, "tests/lab"), os.path.join(ROOT, "bench")]

import compare_report  # noqa: E402
import machine  # noqa: E402
import readme_section  # noqa: E402
from compare_exim import Exim  # noqa: E402
from compare_haraka import Haraka  # noqa: E402
from compare_lab import DOMAINS, LEVELS, SIZE, CompareLab  # noqa: E402
from compare_longship import Longship, LongshipMore  # noqa: E402
from compare_meter import Meter, SystemCalls  # noqa: E402
from compare_opensmtpd import OpenSmtpd  # noqa: E402
from compare_peer import Missing  # noqa: E402
from compare_postfix import Postfix  # noqa: E402

SENDERS = (Longship, LongshipMore, Postfix, Exim, OpenSmtpd, Haraka)
DELIVER_SECONDS = 300
FLOOR_ROUNDS, FLOOR_MESSAGES = 2, 20_000


def say(text):
    print(f"compare: {text}", file=sys.stderr, flush=True)


class Compare:
    def __init__(self, build, messages, rounds, only):
        self.messages = messages
        self.rounds = rounds
        say(f"makes the lab: {DOMAINS} domains, each with a receiver")
        self.lab = CompareLab(build)
        self.meter = Meter()
        self.calls = SystemCalls(self.lab.directory)
        self.senders = []
        self.results = {
            "machine": machine.describe(), "messages": messages, "size": SIZE, "rounds": rounds, "domains": DOMAINS,
            "cpu_by": self.meter.how, "calls_by": self.calls.how, "senders": [],
            "missing": {}, "failed": [], "receiving": {}, "calls": {}, "floor": [], "runs": []}
        for kind in SENDERS:
            if not only or kind.name in only:
                self._add(kind)

    def _add(self, kind):
        try:
            sender = kind(self.lab)
        except Missing as missing:
            say(f"leaves out {kind.name}: {missing} is not here")
            self.results["missing"][kind.name] = str(missing)
            return
        self.senders.append(sender)
        self.results["senders"].append({
            "name": sender.name, "version": sender.version(), "settings": sender.settings, "cannot": sender.cannot,
            "messages": self.count(sender)})

    def count(self, sender):
        return max(round(self.messages / sender.share), 1)

    def pairs(self):
        """Who is measured at what level: all once."""
        return [(sender, level) for sender in self.senders for level in LEVELS if level not in sender.cannot]

    # One thing each.

    def fill(self, sender, zone):
        group = self.meter.group()
        count = self.count(sender)
        began = time.monotonic()
        sender.fill(zone, count, group)
        self.results["receiving"].setdefault(sender.name, {})[zone] = {
            "cpu_us": group.cpu_us() / count, "per_s": count / (time.monotonic() - began)}
        group.close()

    def deliver(self, sender, level, wrapper=()):
        """One delivery of the whole queue; what it took."""
        count = self.count(sender)
        sender.prepare(LEVELS[level], count)
        receiver = self.lab.receive(level, sender.takes_smtp)
        group = self.meter.group()
        try:
            began = time.monotonic()
            sender.deliver(level, group, wrapper)
            sender.wait_delivered(receiver, count, DELIVER_SECONDS)
            seconds = time.monotonic() - began
            sender.wait_done()
            cpu_us = group.cpu_us() / count
        finally:
            try:
                sender.stop()
            finally:
                group.close()
                report = receiver.report()
        check(sender, level, count, report)
        counters = report["counters"]
        return {"sender": sender.name, "level": level, "messages": count, "per_s": count / seconds,
                "cpu_us": cpu_us, "connections": counters["connections"], "handshakes": counters["handshakes"],
                "sessions_most": counters["sessions_most"]}

    def attempt(self, sender, what, function, *arguments):
        """Calls it; what fails is told, and the others go on."""
        try:
            function(*arguments)
            return True
        except (AssertionError, OSError, RuntimeError, ValueError) as error:
            say(f"{sender.name}, {what}: {error}")
            self.results["failed"].append(f"{sender.name}, {what}: {str(error).splitlines()[0]}")
            return False

    # All of it.

    def fill_all(self):
        for sender in list(self.senders):
            zones = {LEVELS[level] for one, level in self.pairs() if one is sender}
            if sender.takes_smtp and not all(
                    self.attempt(sender, "filling its queue", self.fill, sender, zone) for zone in sorted(zones)):
                self.senders.remove(sender)

    def count_calls(self, sender, level):
        wrapper = self.calls.wrapper() if self.calls.how else ()
        run = self.deliver(sender, level, wrapper)
        if wrapper:
            self.results["calls"].setdefault(sender.name, {})[level] = self.calls.count() / run["messages"]

    def measure(self, number, sender, level):
        self.results["runs"].append({**self.deliver(sender, level), "round": number})

    def run(self):
        say("fills the queues")
        self.fill_all()
        say("counts system calls; this also warms what can be warm")
        able = [(sender, level) for sender, level in self.pairs()
                if self.attempt(sender, level, self.count_calls, sender, level)]
        for number in range(self.rounds):
            say(f"round {number + 1} of {self.rounds}")
            self.results["floor"].append(self.lab.floor(FLOOR_ROUNDS, FLOOR_MESSAGES))
            for sender, level in random.sample(able, len(able)):
                self.attempt(sender, level, self.measure, number, sender, level)
        self.lab.stop()
        return self.results


def check(sender, level, count, report):
    """Nothing counts that did not arrive once, whole, and in the channel that was asked for."""
    deliveries, in_tls = report["deliveries"], report["counters"]["messages_tls"]
    if (deliveries["delivered"], deliveries["duplicates"], deliveries["damaged"]) != (count, 0, 0):
        raise RuntimeError(f"of {count} messages {deliveries['delivered']} came, {deliveries['duplicates']} again, "
                           f"{deliveries['damaged']} damaged\n{sender.log()}")
    if in_tls != (0 if level == "none" else count):
        raise RuntimeError(f"{in_tls} of {count} messages came in TLS\n{sender.log()}")


def main():
    parser = argparse.ArgumentParser(prog="bench/compare", description=__doc__.split("\n\n", maxsplit=1)[0])
    parser.add_argument("build")
    parser.add_argument("--messages", type=int, help="of a delivery (3,000); slow senders get fewer")
    parser.add_argument("--rounds", type=int, help="how often each delivery is measured (3)")
    parser.add_argument("--quick", action="store_true", help="one round of 600 messages, to see that all works")
    parser.add_argument("--only", default="", help="these senders only, by name, with commas")
    parser.add_argument("--results", default=os.path.join(ROOT, "build/compare"),
                        help="directory for compare.json and the plots (build/compare)")
    parser.add_argument("--write-readme", action="store_true",
                        help="write figures and plots into bench/results instead, the table into bench/README.md")
    options = parser.parse_args()
    if options.write_readme and (options.only or options.quick):
        parser.error("--write-readme shows a whole run: leave --only and --quick out")
    compare = Compare(options.build, options.messages or (600 if options.quick else 3000),
                      options.rounds or (1 if options.quick else 3),
                      [name.strip() for name in options.only.split(",") if name.strip()])
    results = compare.run()
    directory = os.path.join(ROOT, "bench/results") if options.write_readme else options.results
    os.makedirs(directory, exist_ok=True)
    with open(os.path.join(directory, "compare.json"), "w") as file:
        json.dump(results, file, indent=1)
        file.write("\n")
    text = compare_report.table(results)
    print("\n" + text)
    plots = compare_report.plots(results, directory)
    if not plots:
        say("no plots: gnuplot is not here, or there is nothing to show")
    if options.write_readme:
        readme_section.write("compare", compare_report.section(text, plots))
    say(f"all figures are in {os.path.relpath(directory, ROOT)}")
    return 1 if results["failed"] else 0


if __name__ == "__main__":
    sys.exit(main())
