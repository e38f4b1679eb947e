"""From which of our addresses mail leaves: weights, names, pools, and the warm-up of new ones."""

import asyncio
import collections
import json
import os
import re
import signal
import subprocess

from case import case
from peer import Dialogue
from sender import ARGUMENTS, DONE, MAIL_WAITS, NOT_WRITABLE, check, equal, program
from test_jobs import put_job

A, B = "127.0.0.51", "127.0.0.52"


def _put(sender, domain, count, lines=()):
    for n in range(count):
        sender.put(f"r{sender.lab.number()}@{domain}", lines=lines)


def _delivered(sender, **wanted):
    """How many left from which source."""
    return dict(collections.Counter(event["source"] for event in sender.events(event="delivered", **wanted)))


class Slow(Dialogue):
    async def at(self, stage):
        if stage == "dot":
            await asyncio.sleep(0.05)


def _path(sender):
    return os.path.join(sender.spool, "state/warmup")


def _has_file(sender):
    return os.path.exists(_path(sender))


def _sent(sender, source):
    """What the last line about it says, of all providers."""
    with open(_path(sender), encoding="ascii") as file:
        found = re.findall(rf"^sent [0-9-]+ {re.escape(source)} (\S+) (\d+)$", file.read(), re.M)
    return sum(int(number) for number in dict(found).values())


@case()
def sources_share_the_mail_each_under_its_own_name(t):
    domain, receiver = t.domain_with_receiver()
    sender = t.sender("--source", f"{A} weight=3 helo=a.sender.lab", "--source", f"{B} helo=b.sender.lab")
    _put(sender, domain, 40)
    sender.run()
    equal(_delivered(sender), {A: 30, B: 10})
    equal({(event["source"], event["helo"]) for event in sender.events(event="delivered")},
          {(A, "a.sender.lab"), (B, "b.sender.lab")})
    equal(len(receiver.accepted()), 40)


@case()
def a_message_and_a_job_leave_from_the_pool_that_they_name(t):
    domain, _ = t.domain_with_receiver()
    sender = t.sender("--source", A, "--source", f"{B} pool=news,alerts")
    _put(sender, domain, 3)
    _put(sender, domain, 3, lines=["X-Longship-Pool: alerts"])
    _put(sender, domain, 3, lines=["x-virtual-mta: NEWS"])
    put_job(sender, [{"to": f"j{n}@{domain}"} for n in range(10)], pool="news")
    sender.run()
    equal(_delivered(sender), {A: 3, B: 16})
    equal(_delivered(sender, job="may-1"), {B: 10})


@case()
def mail_for_a_pool_that_nobody_has_waits_and_says_so(t):
    domain, _ = t.domain_with_receiver()
    sender = t.sender("--source", A, "--source", f"{B} pool=news")
    name = sender.put(f"r1@{domain}", lines=["X-Longship-Pool: nwes"])
    put_job(sender, [{"to": f"j{n}@{domain}"} for n in range(10)], pool="nwse")
    process = sender.run(expect=MAIL_WAITS)
    event = sender.outcome(f"r1@{domain}")
    equal((event["event"], event["status"]), ("deferred", "4.3.5"))
    check("no --source has the pool 'nwes'" in event["reason"], event)
    check("job_pool_unknown" in process.stderr(), process.stderr())
    equal(sorted(sender.waiting()), sorted([name, "may"]))
    # Flags that are right bring it on its way.
    sender.run("--source", "127.0.0.53 pool=nwse", "--source", "127.0.0.54 pool=nwes", "--retry-first=1ms",
               expect=(DONE, MAIL_WAITS))
    equal(_delivered(sender, job="may-1"), {"127.0.0.53": 10})


@case()
def what_a_warm_up_does_not_allow_goes_from_a_warm_address_also_over_a_restart(t):
    domain, receiver = t.domain_with_receiver()
    other, _ = t.domain_with_receiver()
    sender = t.sender("--source", f"{A} warmup=5,10", "--source", B)
    _put(sender, domain, 16)
    sender.run()
    equal(_delivered(sender), {A: 5, B: 11})
    equal(_sent(sender, A), 5)
    _put(sender, domain, 8)
    _put(sender, other, 16)
    sender.run()
    equal(_delivered(sender, domain=domain), {A: 5, B: 19})
    equal(_delivered(sender, domain=other), {A: 5, B: 11})
    equal(len(receiver.accepted()), 24)


@case()
def without_a_warm_address_mail_waits_for_the_next_day(t):
    domain, receiver = t.domain_with_receiver()
    sender = t.sender("--source", f"{A} warmup=5,10")
    _put(sender, domain, 5)
    process = sender.start()
    process.until(lambda: _has_file(sender) and _sent(sender, A) == 5, "five that were sent")
    _put(sender, domain, 3)
    process.until(lambda: len(_waiting(sender)) == 3, "three that wait")
    for entry in _waiting(sender):
        check("what the warm-up of our addresses allows" in entry["why"] + entry["last"], entry)
        check("T00:00:0" in entry["next"], entry)
    process.signal(signal.SIGTERM)
    sender.finish(process, MAIL_WAITS)
    put_job(sender, [{"to": f"j{n}@{domain}"} for n in range(10)])
    sender.run(expect=MAIL_WAITS)
    equal(_delivered(sender), {A: 5})
    equal(len(receiver.accepted()), 5)
    equal(sender.events(event="deferred"), [])
    # The ramp is over.
    sender.run("--source", f"{B}", expect=(DONE, MAIL_WAITS))
    equal(_delivered(sender, job="may-1"), {B: 10})


def _waiting(sender):
    done = subprocess.run([program(), "queue", "list", "--json", "--spool", sender.spool],
                          capture_output=True, text=True, timeout=60, check=False)
    return [json.loads(line) for line in done.stdout.splitlines()]


@case()
def after_a_crash_the_day_goes_on_with_what_was_sent(t):
    domain, receiver = t.domain_with_receiver(dialogue=Slow)
    sender = t.sender("--source", f"{A} warmup=20", "--source", B, "--site-sessions=1")
    _put(sender, domain, 20)
    process = sender.start()
    process.until(lambda: _has_file(sender) and _sent(sender, A) >= 4, "four of it in the file")
    process.signal(signal.SIGKILL)
    process.wait(10)
    _put(sender, domain, 50)
    sender.run()
    # Three were bound to its session, and the file is a tenth of a second behind: two messages.
    check(20 <= _delivered(sender)[A] <= 20 + 3 + 2, _delivered(sender))
    check(len(receiver.accepted()) <= 70 + 2 * 3, len(receiver.accepted()))


@case()
def a_file_of_another_format_stops_the_start(t):
    sender = t.sender("--source", f"{A} warmup=5")
    os.makedirs(os.path.join(sender.spool, "state"))
    with open(_path(sender), "w", encoding="ascii") as file:
        file.write("longship-warmup 2\n")
    process = sender.run(expect=NOT_WRITABLE)
    check("state/warmup" in process.stderr() and "no file of this version of longship" in process.stderr(),
          process.stderr())


@case()
def a_source_that_cannot_be_meant_so_is_told_in_words(t):
    process = t.sender("--source", f"{A} warmup=50,x").run(expect=ARGUMENTS)
    check(f"--source {A}: 'x' of the warm-up is no number of recipients a day" in process.stderr(),
          process.stderr())
