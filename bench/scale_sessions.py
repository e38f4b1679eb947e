"""How the rate grows with the sessions: receivers that answer after 50 ms, and a job with mail for as long as it
takes. Each step is a start of longship with so many sessions; what is measured is a window in which all of them
are up. Then the job is held, the sessions stay open without work, and their memory is read.

Bulk opens no more sessions than keep the machine busy, so they are brought up by a job of transactional mail, which
is held before the window: the mail in it is bulk, and may use as many of them as it likes.

The bound is sessions / delay: one round trip a message. longship-floor at the same receivers, with the same number
of sessions and no other work, tells how much of it this machine can do, receivers included."""

import os
import time

import scale_spool
from scale_window import window

STEPS = (10, 30, 100, 300, 500, 1000, 3000, 10000, 20000)
STEPS_QUICK = (10, 100, 500, 3000)
DELAY_MS = 50
SIZE = 8192
SITE_SESSIONS = 100
# Open besides the sessions: rings, the spool, the store, sockets of the resolver.
FILES_BESIDE = 150
# More than that no sender does, so that a job lasts.
RATE_MOST = 15000 * os.cpu_count()
# The job that brings the sessions up.
UP = "up"
UP_SECONDS = 120
# Before the window: as many as are of use find to their work.
WARM_SECONDS = 2
QUIET_SECONDS = 20
FLOOR_ROUNDS = 2
# A message that comes so long after the one before it has waited for a second round trip.
LATE_ROUND_TRIPS = 1.7


def steps(quick, files_max):
    """The steps that the limit of open files allows; the last one is cut to it."""
    most = files_max - FILES_BESIDE
    return sorted({min(step, most) for step in (STEPS_QUICK if quick else STEPS)})


def job_count(sessions, seconds):
    """Recipients that last for so long."""
    return int(min(sessions * 1000 // DELAY_MS, RATE_MOST) * seconds)


def floor(lab, sessions, seconds):
    """What the bare loop does with so many sessions."""
    messages = int(min(sessions * 1000 / DELAY_MS, RATE_MOST) * seconds / FLOOR_ROUNDS)
    best = lab.floor(SIZE, sessions, max(messages, sessions), FLOOR_ROUNDS)
    return {"messages_per_s": best["messages_per_s"], "cpu_us": best["cpu_us"]}


def all_up(sender, sessions, before):
    """Waits until all sessions are up, or no more come; how many there are, and after how many seconds."""
    began, most = time.monotonic(), {"at": time.monotonic(), "count": 0}

    def settled():
        count, now = sender.sockets() - before, time.monotonic()
        if count > most["count"]:
            most.update(at=now, count=count)
        return count >= sessions or (most["count"] > 0 and now - most["at"] > QUIET_SECONDS)

    sender.until(settled, UP_SECONDS)
    return most["count"], most["at"] - began


def idle(lab, sender, spool, before, job=scale_spool.JOB):
    """Holds the job and waits until nothing more comes; the memory and the sessions that are open then."""
    lab.queue(spool, "hold", "--job", job)
    last = {"count": -1, "at": time.monotonic()}

    def quiet():
        count, now = sender.delivered(), time.monotonic()
        if count != last["count"]:
            last.update(count=count, at=now)
        return now - last["at"] > 1

    if not sender.until(quiet, UP_SECONDS):
        raise RuntimeError("a job that is held is sent on")
    return {"sessions_idle": sender.sockets() - before, "memory_idle_kb": sender.memory_kb()}


def step(lab, sessions, seconds):
    site_sessions = min(sessions, SITE_SESSIONS)
    sites = -(-sessions // site_sessions)
    count = job_count(sessions, seconds + WARM_SECONDS + 4)
    spool = scale_spool.make(lab.fresh("spool"))
    scale_spool.write_job(spool, job_count(sessions, 8 + sessions / 400), SIZE, lambda n: n % sites, UP,
                          "transactional")
    scale_spool.write_job(spool, count, SIZE, lambda n: n % sites)
    sender = lab.sender(spool, f"--sessions={sessions}", f"--site-sessions={site_sessions}",
                        "--messages-per-session=1000000", "--idle-timeout=5m")
    sender.until_started()
    before, empty_kb = sender.sockets(), sender.memory_kb()
    scale_spool.hand_over_job(spool, UP)
    up, up_seconds = all_up(sender, sessions, before)
    idle(lab, sender, spool, before, UP)
    scale_spool.hand_over_job(spool)
    brought = sender.delivered()
    if not sender.until(lambda: sender.delivered() > brought, UP_SECONDS):
        raise RuntimeError(f"the job is not begun\n{sender.process.tail()}")
    time.sleep(WARM_SECONDS)
    figures = window(sender, seconds, brought + count)
    gaps = figures.pop("gaps")
    late = sum(gap > LATE_ROUND_TRIPS * DELAY_MS for gap in gaps)
    figures["more_trips"] = late / len(gaps) if gaps else None
    figures.update(sessions=sessions, sessions_up=up, up_seconds=up_seconds, sites=sites, memory_empty_kb=empty_kb,
                   memory_busy_kb=sender.memory_kb(), bound=sessions * 1000 / DELAY_MS)
    figures.update(idle(lab, sender, spool, before))
    sender.kill()
    lab.forget(spool, sender.events)
    return figures


def memory_of_a_session(rows):
    """KiB of its own that one more session takes, between each step and the one before, busy and idle."""
    for less, more in zip(rows, rows[1:]):
        # What does not depend on the sessions, the index of the job above all, is there in both.
        sessions = more["sessions_idle"] - less["sessions_idle"]
        for name in ("busy", "idle"):
            grown = more[f"memory_{name}_kb"] - less[f"memory_{name}_kb"]
            more[f"session_{name}_kb"] = grown / sessions if sessions > 0 else None


def sweep(lab, quick, say):
    seconds = 2 if quick else 4
    rows = []
    sinks = lab.receive(f"--delay={DELAY_MS}ms")
    for sessions in steps(quick, lab.files_max):
        say(f"{sessions:,} sessions")
        row = step(lab, sessions, seconds)
        row["floor"] = floor(lab, sessions, seconds)
        row["part_of_bound"] = row["messages_per_s"] / row["bound"]
        row["round_trips"] = row["sessions_up"] * 1000 / DELAY_MS / row["messages_per_s"]
        rows.append(row)
    memory_of_a_session(rows)
    report = lab.end_receiving(sinks)
    return {"delay_ms": DELAY_MS, "size": SIZE, "steps": rows, "sink": report["counters"],
            "oddities": report["oddities"]}
