"""Mail that waits on disk alone: parked when it is deferred, read again when it is due (DESIGN 2, 5)."""

import asyncio
import collections
import os
import re
import signal
import subprocess

from case import case
from peer import Dialogue, refusing_at_first
from sender import DONE, FINAL, MAIL_WAITS, NOT_WRITABLE, check, equal, message, program

# Everything that waits at all is parked.
PARK = ("--park-after=0s", "--retry-max=1s")


def _refuses(*locals_, reply="450 4.2.1 not now"):
    """Refuses these local parts for now, takes the others."""
    class Choosy(Dialogue):
        async def do_rcpt(self, line):
            if re.search("<(.*)@", line).group(1) in locals_:
                await self.conn.say(reply)
            else:
                await super().do_rcpt(line)

    return Choosy


def _parked(sender):
    """Whether the sender holds no message in memory, though files wait."""
    return os.path.exists(os.path.join(sender.spool, "state/queue/data.mdb"))


@case("SMTP-36")
def what_is_parked_is_tried_again_in_its_time_and_counts_on(t):
    domain = t.domain(t.receiver(dialogue=refusing_at_first(3, "450 4.7.1 greylisted")))
    sender = t.sender("--retry-first=400ms", *PARK)
    for n in range(20):
        sender.put(f"r{n}@{domain}")
    process = sender.start()
    sender.wait_event(process, count=20, event="delivered")
    process.until(lambda: not sender.waiting(), "the files go")
    for n in range(20):
        tries = [event["attempt"] for event in sender.outcomes(rcpt=f"r{n}@{domain}")]
        equal(tries, ["1", "2", "3", "4"])
    check(_parked(sender), "nothing was parked")


@case("SMTP-36 SMTP-46")
def a_restart_knows_attempt_and_time(t):
    domain = t.domain(t.receiver(dialogue=refusing_at_first(1, "450 4.7.1 greylisted")))
    sender = t.sender("--retry-first=1h", "--park-after=0s")
    for n in range(5):
        sender.put(f"r{n}@{domain}")
    sender.run(expect=MAIL_WAITS)
    equal(len(sender.outcomes(event="deferred")), 5)
    # It is not due yet: the next run has nothing to do.
    sender.run(expect=MAIL_WAITS)
    equal(len(sender.outcomes()), 5)
    retried = subprocess.run([program(), "queue", "retry", "--domain", domain, "--spool", sender.spool],
                             capture_output=True, text=True, check=False)
    equal(retried.returncode, DONE, retried.stdout + retried.stderr)
    process = sender.start()
    sender.wait_event(process, count=5, event="delivered")
    for n in range(5):
        tries = [event["attempt"] for event in sender.outcomes(rcpt=f"r{n}@{domain}")]
        equal(tries, ["1", "2"])
    process.until(lambda: not sender.waiting(), "the files go")


@case("SMTP-46")
def a_file_of_which_some_recipients_are_done_waits_for_the_others_only(t):
    receiver = t.receiver(dialogue=_refuses("b", "d"))
    domain, other = t.domain(receiver), t.domain_with_receiver()[0]
    sender = t.sender("--retry-first=1h", *PARK[:1])
    sender.put([f"{local}@{domain}" for local in "abcd"] + [f"e@{other}"])
    sender.run(expect=MAIL_WAITS)
    sender.run(expect=MAIL_WAITS)
    equal(collections.Counter(event["event"] for event in sender.outcomes()),
          collections.Counter({"delivered": 3, "deferred": 2}))
    equal(len(receiver.accepted()), 1)
    equal(sorted(event["rcpt"] for event in sender.outcomes(event="deferred")),
          [f"b@{domain}", f"d@{domain}"])


@case("SMTP-36")
def once_ends_though_one_domain_comes_due_while_another_is_at_work(t):
    """Refused together, each comes back at a time of its own; the first one's answer takes longer than that."""
    class Slow(Dialogue):
        tries = 0

        async def do_rcpt(self, line):
            Slow.tries += 1
            if Slow.tries <= 6:
                await self.conn.say("450 4.2.1 not now")
            else:
                await asyncio.sleep(6)
                await super().do_rcpt(line)

    receiver = t.receiver(dialogue=Slow)
    domains = [t.domain(receiver) for _ in range(6)]
    sender = t.sender("--retry-first=3s", *PARK[:1])
    sender.put([f"you@{domain}" for domain in domains])
    sender.run(expect=MAIL_WAITS)
    equal(len(sender.outcomes(event="deferred")), 6)
    while not sender.outcomes(event="delivered"):
        sender.run(expect=(0, MAIL_WAITS))
    check(len(sender.outcomes(event="delivered")) > 1, "none came due while another was at work")


@case()
def a_parked_file_that_is_written_over_in_place_is_withdrawn_and_then_read_anew(t):
    domain, other = t.domain(t.receiver(dialogue=_refuses("you"))), t.domain_with_receiver()[0]
    sender = t.sender("--retry-first=2s", *PARK[:1])
    broken, replaced = sender.put(f"you@{domain}"), sender.put(f"you@{domain}")
    sender.run(expect=MAIL_WAITS)
    with open(sender.path(broken), "r+b") as file:
        file.truncate()
        file.write(b"no mail\n")
    with open(sender.path(replaced), "r+b") as file:
        text = file.read().replace(f"you@{domain}".encode(), f"me@{other}".encode())
        file.seek(0)
        file.truncate()
        file.write(text)
    process = sender.start()
    sender.wait_event(process, count=2, event="withdrawn", rcpt=f"you@{domain}")
    sender.wait_event(process, event="rejected-input", file=broken)
    sender.wait_event(process, event="delivered", rcpt=f"me@{other}")
    process.until(lambda: not sender.waiting(), "both files go")


@case("DSN-12")
def what_is_parked_expires_when_its_lifetime_ends(t):
    domain = t.domain(t.receiver(dialogue=_refuses("you")))
    sender = t.sender("--retry-first=1s", "--lifetime=5s", *PARK)
    process = sender.start()
    process.until(lambda: "event=started" in process.stderr(), "it has started")
    sender.put(f"you@{domain}")
    (event,) = sender.wait_event(process, event="expired", rcpt=f"you@{domain}")
    check("450" in event["reason"] or "450" in event["reply"], f"no cause: {event}")
    process.until(lambda: not sender.waiting(), "the file goes")


@case()
def a_parked_file_that_is_removed_by_hand_is_withdrawn(t):
    domain = t.domain(t.receiver(dialogue=_refuses("you", "me")))
    sender = t.sender("--retry-first=1h", *PARK[:1])
    name = sender.put([f"you@{domain}", f"me@{domain}"],
                      lines=("X-Longship-Job: spring", "X-Longship-Id: n1"))
    process = sender.start()
    sender.wait_event(process, count=2, event="deferred")
    os.unlink(sender.path(name))
    events = sender.wait_event(process, count=2, event="withdrawn")
    equal(sorted(event["rcpt"] for event in events), [f"me@{domain}", f"you@{domain}"])
    equal({(event["file"], event["from"], event["job"], event["id"]) for event in events},
          {(name, "news@sender.lab", "spring", "n1")})


@case("SMTP-46")
def a_parked_file_that_went_away_between_two_runs_is_withdrawn(t):
    domain = t.domain(t.receiver(dialogue=_refuses("you", "me")))
    sender = t.sender("--retry-first=1h", *PARK[:1])
    gone, stays = sender.put(f"you@{domain}"), sender.put(f"me@{domain}")
    sender.run(expect=MAIL_WAITS)
    os.unlink(sender.path(gone))
    sender.run(expect=MAIL_WAITS)
    equal(sender.outcomes()[-1]["event"], "withdrawn")
    equal(len(sender.outcomes(event="withdrawn")), 1)
    equal(sender.waiting(), [stays])
    sender.run(expect=MAIL_WAITS)
    equal(len(sender.outcomes(event="withdrawn")), 1, "told once")


@case()
def a_file_that_takes_the_name_of_a_parked_one_is_new_mail(t):
    for running in (True, False):
        domain = t.domain(t.receiver(dialogue=_refuses("old")))
        sender = t.sender("--retry-first=1h", *PARK[:1])
        name = sender.put(f"old@{domain}")
        if running:
            process = sender.start()
            sender.wait_event(process, event="deferred")
            sender.put(f"new@{domain}", name=name)
            sender.wait_event(process, event="delivered", rcpt=f"new@{domain}")
            sender.wait_event(process, event="withdrawn", rcpt=f"old@{domain}")
            process.until(lambda sender=sender: not sender.waiting(), "the file goes")
        else:
            sender.run(expect=MAIL_WAITS)
            sender.put(f"new@{domain}", name=name)
            sender.run()
            equal({(event["rcpt"], event["event"]) for event in sender.outcomes()[1:]},
                  {(f"new@{domain}", "delivered"), (f"old@{domain}", "withdrawn")})
            equal(sender.waiting(), [])


@case("SMTP-46")
def a_file_whose_entry_in_the_queue_is_damaged_is_not_sent_again(t):
    """Who of it is done nobody knows any more: the sender says so, and sends what else there is."""
    receiver = t.receiver(dialogue=_refuses("b"))
    domain = t.domain(receiver)
    sender = t.sender("--retry-first=1h", *PARK[:1])
    name = sender.put([f"a@{domain}", f"b@{domain}"])
    sender.run(expect=MAIL_WAITS)
    path = os.path.join(sender.spool, "state/queue/data.mdb")
    with open(path, "rb") as file:
        data = file.read()
    check(b"news@sender.lab" in data, "the entry is not where it is looked for")
    with open(path, "wb") as file:
        file.write(data.replace(b"news@sender.lab", b"mews@sender.lab"))
    sender.put(f"new@{domain}")
    process = sender.run(expect=MAIL_WAITS)
    check(f"queue_damaged thread=keeper file={name}" in process.stderr(), process.stderr())
    equal((len(receiver.accepted()), len(sender.outcomes()), sender.waiting()), (2, 3, [name]))
    # The operator takes it away: who waited in there is withdrawn.
    os.unlink(sender.path(name))
    sender.run()
    equal([event["rcpt"] for event in sender.outcomes(event="withdrawn")], [f"b@{domain}"])
    equal(len(sender.outcomes()), 4)


@case()
def mail_that_is_not_to_be_sent_yet_waits_on_disk(t):
    domain, receiver = t.domain_with_receiver()
    sender = t.sender(*PARK)
    sender.put(f"you@{domain}", lines=("X-Longship-Not-Before: 2099-01-01T00:00:00Z",))
    sender.run(expect=MAIL_WAITS)
    sender.run(expect=MAIL_WAITS)
    equal((sender.outcomes(), receiver.accepted()), ([], []))
    equal(len(sender.waiting()), 1)


@case("SMTP-40", alone=True)
def mail_to_others_is_seen_behind_more_for_a_slow_receiver_than_memory_holds(t):
    """--memory=16M holds 8,192 messages; the slow receiver has a line of 14,000."""
    class Slow(Dialogue):
        async def do_rcpt(self, line):
            await asyncio.sleep(2)
            await super().do_rcpt(line)

    slow = t.domain(t.receiver(dialogue=Slow))
    domain, _receiver = t.domain_with_receiver()
    sender = t.sender("--memory=16M", "--site-sessions=1", "--log-level=debug")
    for _ in range(14_000):
        sender.put(f"you@{slow}")
    process = sender.start()
    sender.wait_event(process, event="delivered", domain=slow)
    sender.put(f"you@{domain}")
    sender.wait_event(process, event="delivered", domain=domain)
    process.signal(signal.SIGTERM)
    sender.finish(process, MAIL_WAITS)
    delivered = len(sender.events(event="delivered", domain=slow))
    equal(len(sender.waiting()), 14_000 - delivered, "files that stay")


@case("SMTP-46 SMTP-17", alone=True)
def killed_while_much_is_parked_and_comes_back_nothing_is_lost_or_told_twice(t):
    """The crash test with mail that is refused once or twice, so that all of it passes the queue."""
    receiver = t.receiver(dialogue=refusing_at_first(2, "451 4.3.0 come back"))
    domain = t.domain(receiver)
    sender = t.sender("--retry-first=100ms", "--park-after=0s", "--retry-max=300ms",
                      "--site-sessions=5")
    rcpts = [f"r{n}@{domain}" for n in range(240)]
    for n in range(0, 240, 2):
        sender.put(rcpts[n:n + 2], content=message(f"two {n}"))
    for wanted in range(10, 230, 20):
        process = sender.start()
        process.until(lambda wanted=wanted: len(sender.events(event="delivered")) >= wanted,
                      f"{wanted} are delivered")
        process.signal(signal.SIGKILL)
        process.wait(10)
    process = sender.start()
    process.until(lambda: not sender.waiting(), "all files go", timeout=90)
    arrived = collections.Counter(rcpt for mail in receiver.accepted() for rcpt in mail.rcpts)
    equal(set(arrived), set(rcpts), "every recipient got the mail")
    outcomes = [event for event in sender.outcomes() if event["event"] in FINAL]
    equal(collections.Counter(event["rcpt"] for event in outcomes),
          collections.Counter(rcpts), "one final outcome for each")
    equal({event["event"] for event in outcomes}, {"delivered"})
    sequence = [int(event["seq"]) for event in sender.events()]
    equal(sequence, sorted(set(sequence)), "no line of events is missing its place or there twice")
    equal(sender.waiting(), [])
