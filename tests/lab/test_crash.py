"""kill -9 at any instant: nothing accepted is lost, every recipient has one final outcome (DESIGN 5)."""

import collections
import signal

from case import case
from sender import FINAL, check, equal

MESSAGES = 400


def _arrived(receiver):
    return collections.Counter(mail.rcpts[0] for mail in receiver.accepted())


@case("SMTP-46 SMTP-17", alone=True)
def killed_again_and_again_it_loses_nothing_and_tells_each_outcome_once(t):
    domain, receiver = t.domain_with_receiver()
    sender = t.sender("--site-sessions=5")
    rcpts = [f"r{n}@{domain}" for n in range(MESSAGES)]
    for rcpt in rcpts:
        sender.put(rcpt)
    told = collections.Counter()  # what had arrived of those that were told as delivered, at a kill
    for wanted in range(40, MESSAGES, 60):
        process = sender.start()
        receiver.wait_for(lambda wanted=wanted: len(receiver.accepted()) >= wanted)
        process.signal(signal.SIGKILL)
        process.wait(10)
        arrived = _arrived(receiver)
        told.update({event["rcpt"]: arrived[event["rcpt"]]
                     for event in sender.events(event="delivered") if event["rcpt"] not in told})
    sender.run()
    arrived = _arrived(receiver)
    equal(set(arrived), set(rcpts), "every recipient got the mail")
    check(len(told) > 100, f"only {len(told)} were told before the last kill")
    # A second copy is only for a message whose outcome was not yet in a completed commit.
    again = {rcpt: arrived[rcpt] for rcpt in told if arrived[rcpt] != told[rcpt]}
    equal(again, {}, "sent again though its outcome was durable")
    outcomes = [event for event in sender.outcomes() if event["event"] in FINAL]
    equal(collections.Counter(event["rcpt"] for event in outcomes),
          collections.Counter(rcpts), "one final outcome for each")
    sequence = [int(event["seq"]) for event in sender.events()]
    equal(sequence, sorted(set(sequence)), "no line of events is missing its place or there twice")
    equal(sender.waiting(), [])
