"""Skewed mail: half of all to three sites, the rest over ten thousand domains with a host each; beside it the same
number spread evenly over all of them. Receivers answer after 50 ms. Each is a whole run, from the start of the
program with an empty store to its end.

Half of the mail cannot be faster than three sites with their sessions allow, and connections have to be made to
all the others: what is asked is that neither waits for the other."""

import json
import time

import scale_spool
from scale_sessions import DELAY_MS, SITE_SESSIONS

LARGE = 3
SESSIONS = 1000
SIZE = 8192
# What is left behind is told in the figures.
MAIL_WAITS = 75
MESSAGES, MESSAGES_QUICK = 100000, 20000
DOMAINS, DOMAINS_QUICK = 10000, 2000


def skewed(domains):
    """Every second message to one of the large, the others in turn."""
    return lambda n: n // 2 % LARGE if n % 2 == 0 else LARGE + n // 2 % domains


def evenly(domains):
    return lambda n: n % (LARGE + domains)


def last_times(events, process):
    """Seconds from the first delivery to the last one to a large site, and to another domain."""
    first, last = None, {True: 0.0, False: 0.0}
    large = {f"d{n}.{scale_spool.ZONE}" for n in range(LARGE)}
    with open(events) as file:
        for line in file:
            if '"event":"delivered"' not in line:
                continue
            event = json.loads(line)
            at = seconds_of(event["time"])
            first = at if first is None else min(first, at)
            is_large = event["domain"] in large
            last[is_large] = max(last[is_large], at)
    if first is None:
        raise RuntimeError(process.tail())
    return last[True] - first, last[False] - first


def seconds_of(text):
    """RFC 3339, with microseconds, of the same month or so: only differences count."""
    day, clock = text.rstrip("Z").split("T")
    hours, minutes, seconds = clock.split(":")
    return ((int(day.split("-")[2]) * 24 + int(hours)) * 60 + int(minutes)) * 60 + float(seconds)


def run(lab, name, count, domain):
    spool = scale_spool.make(lab.fresh("spool"))
    scale_spool.write_job(spool, count, SIZE, domain)
    scale_spool.hand_over_job(spool)
    sinks = lab.receive(f"--delay={DELAY_MS}ms")
    began = time.monotonic()
    sender = lab.sender(spool, "--once", f"--sessions={SESSIONS}", f"--site-sessions={SITE_SESSIONS}",
                        store=lab.fresh("store"))
    cpu_us = sender.end(MAIL_WAITS)
    seconds = time.monotonic() - began
    large, others = last_times(sender.events, sender.process)
    report, delivered = lab.end_receiving(sinks), sender.delivered()
    lab.forget(spool, sender.events)
    return {"name": name, "messages": count, "delivered": delivered, "seconds": seconds,
            "messages_per_s": count / seconds, "cpu_us": cpu_us / count,
            "connections": report["counters"]["connections"], "large_seconds": large, "others_seconds": others}


def sweep(lab, quick, say):
    count, domains = (MESSAGES_QUICK, DOMAINS_QUICK) if quick else (MESSAGES, DOMAINS)
    rows = []
    for name, spread in (("evenly", evenly), ("skewed", skewed)):
        say(f"{count:,} messages, {name} over {domains + LARGE:,} domains")
        rows.append(run(lab, name, count, spread(domains)))
    return {"steps": rows, "domains": domains + LARGE, "sessions": SESSIONS, "site_sessions": SITE_SESSIONS,
            "large_bound_s": count / 2 / (LARGE * SITE_SESSIONS * 1000 / DELAY_MS)}
