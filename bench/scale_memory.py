"""What a TLS session without work takes: of the heap as massif counts it, to the octet, and of all memory that is
not mapped from files. Both are the difference of two numbers of sessions; mail is small, since malloc keeps the room
that messages once had.

massif sees malloc only: the structures of sessions, which are cut from memory that was mapped at the start, are in
the second figure."""

import os
import subprocess

import scale_spool
from scale_sessions import DELAY_MS, SITE_SESSIONS, all_up, idle

HEAP_SESSIONS = (100, 300)
RESIDENT_SESSIONS, RESIDENT_SESSIONS_QUICK = (1000, 5000), (300, 1500)
SMALL = 1024
SNAPSHOT_SECONDS = 60


def heap_bytes(path):
    with open(path) as file:
        return next(int(line.split("=")[1]) for line in file if line.startswith("mem_heap_B="))


def idle_run(lab, sessions, wrapper=(), look=lambda sender: None):
    """Brings so many sessions up and lets them idle; what idle() tells, and what `look` says of that moment."""
    site_sessions = min(sessions, SITE_SESSIONS)
    sites = -(-sessions // site_sessions)
    spool = scale_spool.make(lab.fresh("spool"))
    # Enough for as long as the sessions come up, under valgrind too.
    scale_spool.write_job(spool, 40000 + 60 * sessions, SMALL, lambda n: n % sites, in_class="transactional")
    sender = lab.sender(spool, f"--sessions={sessions}", f"--site-sessions={site_sessions}",
                        "--messages-per-session=1000000", "--idle-timeout=5m", wrapper=wrapper)
    sender.until_started()
    before = sender.sockets()
    scale_spool.hand_over_job(spool)
    all_up(sender, sessions, before)
    figures = idle(lab, sender, spool, before)
    if figures["sessions_idle"] < sessions:
        raise RuntimeError(f"{figures['sessions_idle']} of {sessions} sessions are open\n{sender.process.tail()}")
    figures["seen"] = look(sender)
    sender.kill()
    lab.forget(spool, sender.events)
    return figures


def heap_of_a_session(lab):
    """Octets of malloc that one more idle session has."""
    path = os.path.join(lab.directory, "massif")

    def snapshot(sender):
        subprocess.run(["vgdb", f"--pid={sender.pid}", "snapshot", path], check=True, capture_output=True,
                       timeout=SNAPSHOT_SECONDS)
        return heap_bytes(path)

    wrapper = ("valgrind", "--tool=massif", f"--massif-out-file={path}.end")
    few, many = (idle_run(lab, sessions, wrapper, snapshot)["seen"] for sessions in HEAP_SESSIONS)
    return (many - few) / (HEAP_SESSIONS[1] - HEAP_SESSIONS[0])


def resident_of_a_session(lab, sessions):
    """Octets of its own memory that one more idle session has."""
    few, many = (idle_run(lab, count) for count in sessions)
    return 1024 * (many["memory_idle_kb"] - few["memory_idle_kb"]) / (sessions[1] - sessions[0])


def sweep(lab, quick, say):
    sinks = lab.receive(f"--delay={DELAY_MS}ms")
    resident = RESIDENT_SESSIONS_QUICK if quick else RESIDENT_SESSIONS
    say("memory of idle sessions")
    figures = {"resident_sessions": resident, "resident_bytes": resident_of_a_session(lab, resident)}
    say("the same under massif")
    figures.update(heap_sessions=HEAP_SESSIONS, heap_bytes=heap_of_a_session(lab))
    lab.end_receiving(sinks)
    return figures
