"""Six thousand messages through six kills, with receivers that refuse and drop some (issue of the durable
queue): all arrive, the spool is empty, and nothing comes twice that had been told of."""

import collections
import json
import os
import signal

import receivers
from case import case
from sender import FINAL, check, equal, program

MESSAGES = 6000
KILLS = 6


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


@case("SMTP-46 SMTP-17 SMTP-36", alone=True)
def six_thousand_messages_go_through_six_kills(t):
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
    untold = 0  # accepted, and their outcome was not on disk when the sender was killed
    for kill in range(KILLS):
        process = sender.start()
        wanted = MESSAGES * (kill + 1) // (KILLS + 2)
        process.until(lambda wanted=wanted: len(sender.events(event="delivered")) >= wanted,
                      f"{wanted} are delivered", timeout=120)
        process.signal(signal.SIGKILL)
        process.wait(10)
        told = collections.Counter(event["rcpt"] for event in sender.events(event="delivered"))
        untold += sum((_arrived(sink) - told).values())
    process = sender.start()
    process.until(lambda: not sender.waiting(), "the spool is empty", timeout=180)
    process.signal(signal.SIGTERM)
    sender.finish(process)
    arrived = _arrived(sink)
    _status, report = sink.report()
    equal((report["deliveries"]["missing"], report["deliveries"]["damaged"]), (0, 0), "at the receivers")
    equal(len(arrived), MESSAGES, "recipients that got their mail")
    copies = sum(arrived.values()) - len(arrived)
    check(copies <= untold, f"{copies} copies, though only {untold} were accepted and not told")
    outcomes = [event for event in sender.outcomes() if event["event"] in FINAL]
    equal(collections.Counter(event["event"] for event in outcomes), {"delivered": MESSAGES})
    equal(len({event["rcpt"] for event in outcomes}), MESSAGES, "recipients with an outcome")
