"""Thousands of messages through many kills, with receivers that refuse and drop some: all arrive, the spool is
empty, and nothing comes twice that had been told of.

For more than a suite has time for: CRASH_KILLS=100 tests/lab/run --only crash_many; CRASH_SEED makes the
instants those of an earlier run, as far as that can be."""

import collections
import json
import os
import random
import signal
import subprocess

import receivers
from case import case
from sender import FINAL, check, equal, program

MESSAGES = 6000
KILLS = int(os.environ.get("CRASH_KILLS", "6"))
SEED = int(os.environ.get("CRASH_SEED", str(random.randrange(1 << 32))))
# A kill comes so long after what was waited for; one of some without waiting for anything.
KILL_AFTER_MAX_S = 0.2
UNWAITED = 5


def _arrived(sink):
    """How often each recipient's mail was accepted."""
    counts = collections.Counter()
    with open(sink.mail_log, encoding="utf-8") as file:
        text = file.read()
    for line in text[:text.rfind("\n") + 1].splitlines():
        entry = json.loads(line)
        if entry["event"] == "message":
            counts.update(rcpt["address"] for rcpt in entry["rcpts"])
    return counts


def _kill(chance, sender, process, kill):
    """At an instant that nobody foresees: while it starts, or in the middle of its work."""
    if kill % UNWAITED != UNWAITED - 1:
        wanted = MESSAGES * (kill + 1) // (KILLS + 2)
        process.until(lambda: len(sender.events(event="delivered")) >= wanted,
                      f"{wanted} are delivered", timeout=120)
    try:
        process.popen.wait(chance.uniform(0, KILL_AFTER_MAX_S))
    except subprocess.TimeoutExpired:
        process.popen.kill()
    equal(process.wait(10), -9, f"it ended by itself before kill {kill}\n{process.tail()}")


@case("SMTP-46 SMTP-17 SMTP-36", alone=True)
def six_thousand_messages_go_through_kills_at_any_instant(t):
    chance = random.Random(SEED)
    print(f"# CRASH_SEED={SEED} CRASH_KILLS={KILLS}", flush=True)
    addresses = [t.lab.address() for _ in range(4)]
    for n in range(20):
        t.domain(addresses[n % 4], name=f"kill{n}.play.lab")
    sender = t.sender("--retry-first=300ms", "--retry-max=1s", "--park-after=0s")
    manifest = os.path.join(sender.directory, "manifest")
    load = t.lab.start("longship-load", [
        os.path.join(os.path.dirname(program()), "longship-load"), "--spool", sender.spool,
        "--create", "--count", str(MESSAGES), "--size", "2K", "--domains", "20",
        "--domain-pattern", "kill%d.play.lab", "--manifest", manifest], directory=sender.directory)
    equal(load.wait(120), 0, load.tail())
    sink = receivers.Sink(t.lab, "--manifest", manifest, "--expect", str(MESSAGES),
                          "--bug", "reply-rcpt%5:451 4.3.0 later", "--bug", "close-data%2",
                          addresses=addresses)
    untold = collections.Counter()  # how often a copy was accepted whose outcome a kill kept from the disk
    before = collections.Counter()
    for kill in range(KILLS):
        _kill(chance, sender, sender.start(), kill)
        told = {event["rcpt"] for event in sender.events(event="delivered")}
        arrived = _arrived(sink)
        untold.update({rcpt: count for rcpt, count in (arrived - before).items() if rcpt not in told})
        before = arrived
    process = sender.start()
    process.until(lambda: not sender.waiting(), "the spool is empty", timeout=180)
    process.signal(signal.SIGTERM)
    sender.finish(process)
    arrived = _arrived(sink)
    _status, report = sink.report()
    equal((report["deliveries"]["missing"], report["deliveries"]["damaged"]), (0, 0), "at the receivers")
    equal(len(arrived), MESSAGES, "recipients that got their mail")
    again = {rcpt: count for rcpt, count in arrived.items() if count - 1 > untold[rcpt]}
    equal(again, {}, "came again though they had been told of")
    copies = sum(arrived.values()) - len(arrived)
    print(f"# {copies} copies of {sum(untold.values())} that no kill had left time to tell of", flush=True)
    outcomes = [event for event in sender.outcomes() if event["event"] in FINAL]
    equal(collections.Counter(event["event"] for event in outcomes), {"delivered": MESSAGES})
    equal(len({event["rcpt"] for event in outcomes}), MESSAGES, "recipients with an outcome")
