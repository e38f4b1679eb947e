"""What else the rate depends on: worker threads and the size of the messages. Receivers answer at once, so that
the CPU is what bounds; windows of a job under way. The bare loop runs with as many threads, and
with messages of the same size, at the same receivers."""

import os

import scale_spool
from scale_sessions import RATE_MOST, SITE_SESSIONS, UP_SECONDS
from scale_window import window

WORKERS_SESSIONS, SIZES_SESSIONS = 500, 100
SIZES = (2048, 8192, 32768, 131072, 524288, 1048576)
SIZES_QUICK = (2048, 32768, 1048576)
SIZE = 8192
# No sender sends more octets a second.
BYTES_MOST = 750 * 1000 * 1000 * os.cpu_count()
WARM_MESSAGES_A_SESSION = 10
FLOOR_SECONDS = 2
FLOOR_MESSAGES_A_SESSION = 10


def under_way(lab, sessions, size, seconds, *flags):
    site_sessions = min(sessions, SITE_SESSIONS)
    sites = sessions // site_sessions
    count = int(min(RATE_MOST, BYTES_MOST / size) * (seconds + 6)) + 10 * sessions
    spool = scale_spool.make(lab.fresh("spool"))
    scale_spool.write_job(spool, count, size, lambda n: n % sites)
    sender = lab.sender(spool, f"--sessions={sessions}", f"--site-sessions={site_sessions}",
                        "--messages-per-session=1000000", *flags)
    sender.until_started()
    scale_spool.hand_over_job(spool)
    if not sender.until(lambda: sender.delivered() >= WARM_MESSAGES_A_SESSION * sessions, UP_SECONDS):
        raise RuntimeError(f"the job does not come to speed\n{sender.process.tail()}")
    figures = window(sender, seconds, count)
    del figures["gaps"]
    sender.kill()
    lab.forget(spool, sender.events)
    return figures


def floor(lab, sessions, size, rate, *flags):
    """Its best round; `rate`: about how many messages a second there will be."""
    # Rounds so long that what is in flight when one begins does not weigh.
    messages = max(int(rate * FLOOR_SECONDS), FLOOR_MESSAGES_A_SESSION * sessions)
    best = lab.floor(size, sessions, messages, 3, *flags)
    return {"messages_per_s": best["messages_per_s"], "cpu_us": best["cpu_us"]}


def row_of(lab, sessions, size, seconds, flags):
    figures = under_way(lab, sessions, size, seconds, *flags)
    figures["floor"] = floor(lab, sessions, size, figures["messages_per_s"], *flags)
    figures["ratio"] = figures["cpu_us"] / figures["floor"]["cpu_us"]
    figures["size"] = size
    return figures


def workers(lab, quick, say):
    rows = []
    sinks = lab.receive()
    for count in range(1, os.cpu_count() + 1):
        say(f"{count} worker threads")
        row = row_of(lab, WORKERS_SESSIONS, SIZE, 2 if quick else 4, (f"--workers={count}",))
        rows.append({"workers": count, **row})
    lab.end_receiving(sinks)
    return {"sessions": WORKERS_SESSIONS, "steps": rows}


def sizes(lab, quick, say):
    rows = []
    sinks = lab.receive()
    for size in SIZES_QUICK if quick else SIZES:
        say(f"messages of {size:,} octets")
        row = row_of(lab, SIZES_SESSIONS, size, 2 if quick else 4, ("--workers=1",))
        row["megabytes_per_s"] = row["messages_per_s"] * size / 1e6
        row["floor"]["megabytes_per_s"] = row["floor"]["messages_per_s"] * size / 1e6
        rows.append(row)
    lab.end_receiving(sinks)
    return {"sessions": SIZES_SESSIONS, "steps": rows}
