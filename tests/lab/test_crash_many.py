"""Thousands of messages through many kills, with receivers that refuse and drop some: all arrive, the spool is
empty, and nothing comes twice that had been told of.

For more than a suite has time for: CRASH_KILLS=100 tests/lab/run --only crash_many; CRASH_SEED makes the
instants those of an earlier run, as far as that can be."""

import bisect
import collections
import datetime
import json
import os
import random
import re
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
    """When each recipient's mail was accepted, in microseconds since 1970; to be asked when the sink has ended."""
    times = collections.defaultdict(list)
    with open(sink.mail_log, encoding="utf-8") as file:
        for entry in map(json.loads, file):
            if entry["event"] == "message":
                for rcpt in entry["rcpts"]:
                    times[rcpt["address"]].append(entry["time_us"])
    return times


def _us(time):
    return datetime.datetime.fromisoformat(time.replace("Z", "+00:00")).timestamp() * 1e6


def _began(processes):
    """When each run had started, unless it was killed before: what the one before had under way when it was
    killed has arrived by then, and nothing of its own."""
    lines = [re.search(r"time=(\S+) .*event=started ", process.stderr()) for process in processes]
    return [_us(line[1]) for line in lines if line]


def _is_again(times, told, began):
    """A copy needs a kill of its own, and one that came before the outcome was told."""
    runs = [bisect.bisect(began, time_us) for time_us in times]
    return max(times) > told or len(set(runs)) < len(runs)


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
    processes = []
    for kill in range(KILLS):
        processes.append(sender.start())
        _kill(chance, sender, processes[-1], kill)
    process = sender.start()
    process.until(lambda: not sender.waiting(), "the spool is empty", timeout=180)
    process.signal(signal.SIGTERM)
    sender.finish(process)
    _status, report = sink.report()
    equal((report["deliveries"]["missing"], report["deliveries"]["damaged"]), (0, 0), "at the receivers")
    arrived = _arrived(sink)
    equal(len(arrived), MESSAGES, "recipients that got their mail")
    outcomes = [event for event in sender.outcomes() if event["event"] in FINAL]
    told = {event["rcpt"]: _us(event["time"]) for event in outcomes}
    began = _began([*processes, process])
    again = {rcpt: times for rcpt, times in arrived.items() if _is_again(times, told[rcpt], began)}
    equal(again, {}, "came again though they had been told of, or without a kill")
    print(f"# {sum(map(len, arrived.values())) - len(arrived)} copies that a kill left no time to tell of", flush=True)
    equal(collections.Counter(event["event"] for event in outcomes), {"delivered": MESSAGES})
    equal(len({event["rcpt"] for event in outcomes}), MESSAGES, "recipients with an outcome")
