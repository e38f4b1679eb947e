"""Whole messages in one flight, where a rule of --site says so (CONFORMANCE 0.4, EXT-CHUNK-05)."""

import signal

from case import case
from peer import KEYWORDS, Dialogue
from sender import DONE, MAIL_WAITS, check, delivered_to, equal

# So many recipients a host must have taken before it gets the first message that way (refusal_rate.h).
KNOWN = 200


class Chunks(Dialogue):
    """Takes BDAT, and counts the messages whose BDAT was there before their RCPT was answered."""

    keywords = (*KEYWORDS, "CHUNKING")

    async def do_rcpt(self, line):
        if self.conn.begins_with(b"BDAT"):
            self.receiver.__dict__["flights"] = flights(self.receiver) + 1
        await super().do_rcpt(line)


class Deaf(Chunks):
    """Does not know what to do with BDAT when nobody is left to receive: takes the octets for commands."""

    async def do_bdat(self, line):
        if self.rcpts:
            await super().do_bdat(line)
        else:
            await self.conn.say("500 5.5.1 what")

    def violation(self, text):
        if not text.startswith("unknown command"):
            super().violation(text)


def flights(receiver):
    return receiver.__dict__.get("flights", 0)


def put(t, sender, process, domain, names):
    for name in names:
        sender.put(f"{name}@{domain}")
    for name in names:
        sender.wait_event(process, rcpt=f"{name}@{domain}", timeout=60)


def started(t, receiver, *flags):
    domain = t.domain(receiver)
    sender = t.sender("--workers=1", "--site-sessions=1", *flags)
    process = sender.start()
    put(t, sender, process, domain, [f"r{n}" for n in range(KNOWN)])
    equal(flights(receiver), 0, "messages in one flight before the host was known")
    return domain, sender, process


def finish(sender, process):
    process.signal(signal.SIGTERM)
    sender.finish(process, expect=(DONE, MAIL_WAITS))


@case("EXT-CHUNK-05")
def a_host_that_is_known_gets_messages_in_one_flight_and_a_refusal_ends_the_session(t):
    receiver = t.receiver(dialogue=Chunks)
    domain, sender, process = started(t, receiver, "--site", "* single-flight=on")
    put(t, sender, process, domain, [f"s{n}" for n in range(20)])
    equal(flights(receiver), 20)
    receiver.rcpt_replies[f"nobody@{domain}"] = "550 5.1.1 who"
    before = len(receiver.connections)
    put(t, sender, process, domain, ["nobody"])
    put(t, sender, process, domain, ["after"])
    finish(sender, process)
    event = sender.outcome(f"nobody@{domain}")
    equal((event["event"], event["status"], event["reply"][:3]), ("bounced", "5.1.1", "550"))
    delivered_to(sender, f"after@{domain}", receiver)
    equal(len(receiver.connections), before + 1, "a new session after the refusal")
    equal(flights(receiver), 22)
    equal(sorted(rcpt for mail in receiver.accepted() for rcpt in mail.rcpts),
          sorted(event["rcpt"] for event in sender.outcomes(event="delivered")), "each one once")
    check(all(mail.by_bdat for mail in receiver.accepted()), "by BDAT")


@case("EXT-CHUNK-05 SEC-01")
def a_host_that_takes_the_octets_for_commands_hears_no_more_and_gets_no_flight_again(t):
    receiver = t.receiver(dialogue=Deaf)
    domain, sender, process = started(t, receiver, "--site", "* single-flight=on")
    receiver.rcpt_replies[f"nobody@{domain}"] = "550 5.1.1 who"
    before = len(receiver.connections)
    put(t, sender, process, domain, ["nobody"])
    equal(flights(receiver), 1)
    put(t, sender, process, domain, [f"s{n}" for n in range(10)])
    finish(sender, process)
    equal(sender.outcome(f"nobody@{domain}")["reply"][:3], "550")
    equal(flights(receiver), 1, "no flight after that")
    check(len(receiver.connections) > before, "a new session")
    for n in range(10):
        delivered_to(sender, f"s{n}@{domain}", receiver)


@case("EXT-CHUNK-05")
def without_the_rule_nothing_goes_in_one_flight(t):
    receiver = t.receiver(dialogue=Chunks)
    domain, sender, process = started(t, receiver)
    put(t, sender, process, domain, [f"s{n}" for n in range(10)])
    finish(sender, process)
    equal(flights(receiver), 0)
