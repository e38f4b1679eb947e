"""How fast a site is worked: sessions that adapt to what it takes, and limits of the operator's rules (SMTP-39)."""

import asyncio
import os
import signal

from case import case
from peer import Dialogue, Over
from sender import ARGUMENTS, DONE, MAIL_WAITS, check, equal


class FourAtOnce(Dialogue):
    """421 instead of a greeting for who comes while four are here."""

    async def run(self):
        book = self.receiver.__dict__
        book["here"] = book.get("here", 0) + 1
        try:
            if book["here"] > 4:
                book["refused"] = book.get("refused", 0) + 1
                await self.conn.say("421 4.7.0 too many sessions from you")
                raise Over
            await super().run()
        finally:
            book["here"] -= 1

    async def at(self, stage):
        if stage == "dot":
            await asyncio.sleep(0.05)


class SlowTogether(Dialogue):
    """The more messages it has at once, the longer each reply takes."""

    async def at(self, stage):
        if stage == "dot":
            book = self.receiver.__dict__
            book["taking"] = book.get("taking", 0) + 1
            await asyncio.sleep(0.2 * book["taking"])
            book["taking"] -= 1


def _changes(sender):
    return [event["reason"] for event in sender.events(event="site-changed")]


@case("SMTP-39")
def a_receiver_that_says_421_above_four_sessions_gets_four(t):
    domain, receiver = t.domain_with_receiver(dialogue=FourAtOnce)
    sender = t.sender("--site-sessions=10", "--retry-first=2s", "--workers=2")
    for n in range(300):
        sender.put(f"r{n}@{domain}")
    process = sender.start()
    sender.wait_event(process, count=300, event="delivered", timeout=90)
    process.signal(signal.SIGTERM)
    sender.finish(process)
    changes = _changes(sender)
    check(any("421 4.7.0 too many sessions from you" in change for change in changes), changes)
    check(any(change.startswith("resumed") for change in changes), changes)
    # Each trouble is one change, not one for each session or message; and it learns.
    refused = receiver.__dict__["refused"]
    check(1 <= refused <= 20, f"{refused} sessions were refused: {changes}")
    check(len(changes) <= 20, changes)
    wrong = [event for event in sender.events(event="site-changed") if not event["mx"].startswith("mx:")]
    equal(wrong, [])


@case("SMTP-39")
def a_receiver_that_gets_slower_under_load_gets_less(t):
    domain, _ = t.domain_with_receiver(dialogue=SlowTogether)
    sender = t.sender("--site-sessions=10", "--workers=1")
    for n in range(200):
        sender.put(f"r{n}@{domain}")
    process = sender.start()
    process.until(lambda: any("its replies take" in change for change in _changes(sender)),
                  "fewer sessions for slow replies", timeout=60)
    process.signal(signal.SIGTERM)
    sender.finish(process, expect=(DONE, MAIL_WAITS))
    change = next(change for change in _changes(sender) if "its replies take" in change)
    check(change.startswith("slowed down, "), change)
    before, after = (int(word) for word in change.split() if word.isdigit())
    check(1 <= after < before <= 10, change)


@case("SMTP-39")
def rules_for_sites_are_read_again_on_sighup(t):
    domain, receiver = t.domain_with_receiver()
    sender = t.sender()
    rules = os.path.join(sender.directory, "rules")

    def write(text):
        with open(rules, "w") as file:
            file.write(text)

    write(f"# by the hour\n{domain} rate=1/h\n")
    for n in range(9):
        sender.put(f"r{n}@{domain}")
    process = sender.start("--site-rules", rules)
    sender.wait_event(process, event="delivered")
    # A file that is wrong is told of, and changes nothing.
    write(f"{domain} rate=1000/s\n{domain} sessions=none\n")
    process.signal(signal.SIGHUP)
    process.until(lambda: "site_rules_refused" in process.stderr(), "a line about the bad file")
    check("line 2: 'sessions=none' is no number of sessions" in process.stderr(), process.stderr())
    equal(len(receiver.accepted()), 1)
    write(f"{domain} rate=1000/s per-session=2 sessions=1\n")
    process.signal(signal.SIGHUP)
    sender.wait_event(process, count=9, event="delivered")
    process.signal(signal.SIGTERM)
    sender.finish(process)
    check("site_rules_read" in process.stderr(), process.stderr())
    check(any(change.startswith("limited, ") and "allow 1" in change for change in _changes(sender)),
          _changes(sender))
    carried = [event for event in sender.sessions() if event["result"] == "success"]
    check(len(carried) >= 5, f"9 messages in {len(carried)} sessions, two in each at most")


@case("SMTP-39")
def a_rule_is_shared_by_all_domains_of_a_host(t):
    receiver = t.receiver()
    domains = [t.domain(receiver) for _ in range(4)]
    sender = t.sender("--site", "play.lab sessions=2 per-session=5", "--site-sessions=10")
    for n in range(15):
        for domain in domains:
            sender.put(f"r{n}@{domain}")
    sender.run()
    equal(len(receiver.accepted()), 60)
    most, marks = 0, []
    for conn in receiver.connections:
        marks += [(conn.opened_at, 1), (conn.closed_at, -1)]
    now = 0
    for _, step in sorted(marks):
        now += step
        most = max(most, now)
    check(most <= 2, f"{most} sessions at once")
    check(len(receiver.connections) >= 12, f"{len(receiver.connections)} sessions for 60 messages")


@case("")
def a_rule_that_cannot_be_meant_so_is_told_in_words(t):
    sender = t.sender("--site", "google sessions=many")
    process = sender.run(expect=ARGUMENTS)
    check("--site 'google sessions=many': 'sessions=many' is no number of sessions" in process.stderr(),
          process.stderr())
