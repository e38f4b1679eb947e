"""longship queue: what waits and why, and what an operator makes of it, with a sender that runs and without."""

import collections
import json
import os
import re
import signal
import subprocess

from case import case
from peer import Dialogue
from sender import ARGUMENTS, DONE, MAIL_WAITS, SPOOL_OWNED, check, equal, program

NOTHING_MEANT = 1
PARKED = ("--park-after=0s",)
IN_MEMORY = ("--park-after=7d",)


class Refuses(Dialogue):
    """Refuses every recipient for now, until it is told to take them."""
    takes = False

    async def do_rcpt(self, line):
        if type(self).takes:
            await super().do_rcpt(line)
        else:
            await self.conn.say("450 4.2.1 not now")


def _refusing():
    return type("Refusing", (Refuses,), {})


def _ask(sender, *words, expect=DONE):
    """Runs the command on the spool; returns what it printed."""
    done = subprocess.run([program(), "queue", *words, "--spool", sender.spool],
                          capture_output=True, text=True, timeout=60, check=False)
    equal(done.returncode, expect, f"queue {' '.join(words)}: {done.stdout}{done.stderr}")
    return done.stdout


def _entries(sender, *words, **options):
    return [json.loads(line) for line in _ask(sender, *words, "--json", **options).splitlines()]


def _waits(t, *flags, job=None):
    """A sender that runs, with one file that has been deferred; the receiver's dialogue."""
    dialogue = _refusing()
    domain = t.domain(t.receiver(dialogue=dialogue))
    sender = t.sender("--retry-first=1h", *flags)
    name = sender.put([f"a@{domain}", f"b@{domain}"], lines=[f"X-Longship-Job: {job}"] if job else [])
    process = _start(sender)
    sender.wait_event(process, count=2, event="deferred")
    process.until(lambda: len(_waiting(sender)) == 1, "it waits")
    if flags == PARKED:
        process.until(lambda: _waiting(sender)[0]["parked"], "it is parked")
    return sender, process, domain, name, dialogue


def _waiting(sender):
    return [entry for entry in _entries(sender, "list") if entry.get("state") in ("waiting", "held")]


def _start(sender):
    """A sender that answers."""
    process = sender.start()
    process.until(lambda: os.path.exists(_socket(sender)), "the socket")
    return process


def _socket(sender):
    return os.path.join(sender.spool, "state/control")


def _finals(sender):
    return collections.Counter(event["event"] for event in sender.outcomes()
                               if event["event"] != "deferred")


for where, flags in (("in memory", IN_MEMORY), ("parked", PARKED)):
    suffix = where.replace(" ", "_")

    def says_why(t, flags=flags):
        sender, _, domain, name, _ = _waits(t, *flags, job="spring")
        (entry,) = _entries(sender, "show", name)
        equal((entry["file"], entry["domain"], entry["job"], entry["state"]),
              (name, domain, "spring", "waiting"))
        equal(sorted(entry["rcpts"]), [f"a@{domain}", f"b@{domain}"])
        equal((entry["recipients"], entry["attempt"]), (2, 2))
        check(re.search(r": 450 4\.2\.1 not now", entry["last"]), f"no last reply: {entry}")
        check(entry["next"] > "2026" and entry["expires"] > entry["next"], f"no times: {entry}")
        equal(entry["parked"], flags == PARKED)
        text = _ask(sender, "list")
        check(text.startswith("2 recipients: 2 waiting\n") and "450 4.2.1 not now" in text, text)
        check(f"{domain}: 2 recipients waiting" in _ask(sender, "list", "--job", "spring"), "by job")
        check("b@" in _ask(sender, "show", name), "show without recipients")
        equal(_entries(sender, "list", "--domain", "other.lab", expect=NOTHING_MEANT), [])
        _ask(sender, "show", "no-such-file", expect=NOTHING_MEANT)

    def retried(t, flags=flags):
        sender, process, domain, name, dialogue = _waits(t, *flags)
        _ask(sender, "retry", "--domain", "other.lab", expect=NOTHING_MEANT)
        dialogue.takes = True
        check("2 recipients due now" in _ask(sender, "retry", "--domain", domain), "none due")
        sender.wait_event(process, count=2, event="delivered")
        process.until(lambda: not sender.waiting(), "the file goes")

    def dropped(t, flags=flags):
        sender, process, domain, name, _ = _waits(t, *flags, job="spring")
        check("2 recipients dropped" in _ask(sender, "drop", "--job", "spring"), "none dropped")
        events = sender.wait_event(process, count=2, event="withdrawn")
        equal({event["reason"] for event in events}, {"dropped by the operator"})
        process.until(lambda: not sender.waiting(), "the file goes")
        process.signal(signal.SIGTERM)
        sender.finish(process, DONE)
        equal(_finals(sender), collections.Counter({"withdrawn": 2}))

    def held(t, flags=flags):
        sender, process, domain, name, dialogue = _waits(t, *flags)
        dialogue.takes = True
        check("2 recipients held" in _ask(sender, "hold", "--domain", domain), "none held")
        late = sender.put(f"late@{domain}")
        process.until(lambda: len(_waiting(sender)) == 2, "the new mail is held as well")
        equal({entry["state"] for entry in _waiting(sender)}, {"held"})
        check(f"held: domain {domain}" in _ask(sender, "list"), "the rule is not told")
        (entry,) = _entries(sender, "show", late)
        equal(entry["why"], f"held by the operator: domain {domain}")
        # What is held is not retried, and stays held over a restart.
        process.signal(signal.SIGTERM)
        sender.finish(process, MAIL_WAITS)
        process = _start(sender)
        process.until(lambda: len(_waiting(sender)) == 2, "held after the restart")
        _ask(sender, "retry", late, expect=NOTHING_MEANT)
        equal(sender.outcomes(event="delivered"), [])
        check("released" in _ask(sender, "release", "--domain", domain), "none released")
        sender.wait_event(process, count=1, event="delivered", rcpt=f"late@{domain}")
        _ask(sender, "retry", name)
        sender.wait_event(process, count=3, event="delivered")
        process.until(lambda: not sender.waiting(), "the files go")
        _ask(sender, "release", "--domain", domain, expect=NOTHING_MEANT)

    for function, name in ((says_why, "a_tool_is_told_why_mail_waits_that_is_"),
                           (retried, "mail_is_due_now_when_the_operator_says_so_that_is_"),
                           (dropped, "what_is_dropped_is_withdrawn_and_its_file_goes_that_is_"),
                           (held, "what_is_held_stays_until_it_is_released_that_is_")):
        function.__name__ = name + suffix
        globals()[name + suffix] = case()(function)


@case()
def only_the_domain_that_is_meant_is_dropped(t):
    dialogue = _refusing()
    receiver = t.receiver(dialogue=dialogue)
    first, second = t.domain(receiver), t.domain(receiver)
    sender = t.sender("--retry-first=1h", *PARKED)
    name = sender.put([f"a@{first}", f"b@{second}"])
    process = _start(sender)
    sender.wait_event(process, count=2, event="deferred")
    process.until(lambda: all(entry["parked"] for entry in _waiting(sender)), "it is parked")
    _ask(sender, "drop", "--domain", first)
    sender.wait_event(process, count=1, event="withdrawn", rcpt=f"a@{first}")
    equal(sender.waiting(), [name])
    dialogue.takes = True
    process.until(lambda: [entry["domain"] for entry in _waiting(sender)] == [second], "the other stays")
    _ask(sender, "retry", name)
    sender.wait_event(process, count=1, event="delivered", rcpt=f"b@{second}")
    process.until(lambda: not sender.waiting(), "the file goes")


@case()
def without_a_sender_the_queue_is_read_and_changed_on_disk(t):
    sender, process, domain, name, dialogue = _waits(t, *PARKED)
    process.signal(signal.SIGTERM)
    sender.finish(process, MAIL_WAITS)
    fresh = sender.put([f"new@{domain}"])
    (entry,) = _entries(sender, "show", name)
    equal((entry["state"], entry["parked"], sorted(entry["rcpts"])),
          ("waiting", True, [f"a@{domain}", f"b@{domain}"]))
    (entry,) = _entries(sender, "show", fresh)
    equal((entry["state"], entry["rcpts"]), ("new", [f"new@{domain}"]))
    _ask(sender, "hold", "--domain", domain)
    equal({entry["state"] for entry in _waiting(sender)}, {"held"})
    sender.run(expect=MAIL_WAITS)
    equal(len(sender.outcomes()), 2)
    _ask(sender, "release", "--domain", domain)
    dialogue.takes = True
    _ask(sender, "retry", name)
    sender.run()
    equal(_finals(sender), collections.Counter({"delivered": 3}))


@case()
def without_a_sender_what_is_dropped_is_withdrawn_by_the_next_one(t):
    sender, process, domain, name, _ = _waits(t, *PARKED)
    process.signal(signal.SIGTERM)
    sender.finish(process, MAIL_WAITS)
    fresh = sender.put(f"new@{domain}")
    both = sender.put([f"new@{domain}", "someone@other.lab"])
    check("3 recipients dropped" in _ask(sender, "drop", "--domain", domain, expect=MAIL_WAITS), "drop")
    equal(sender.waiting(), sorted([name, both]))
    check(fresh not in sender.waiting(), "the file of which all is dropped is there")
    _ask(sender, "drop", both)
    sender.run()
    equal(_finals(sender), collections.Counter({"withdrawn": 2}))
    equal(sender.waiting(), [])


@case()
def what_was_told_as_dropped_is_never_sent_though_the_sender_is_killed(t):
    for flags in (PARKED, IN_MEMORY):
        dialogue = _refusing()
        domain = t.domain(t.receiver(dialogue=dialogue))
        sender = t.sender("--retry-first=1h", *flags)
        for n in range(300):
            sender.put(f"r{n}@{domain}")
        process = _start(sender)
        sender.wait_event(process, count=300, event="deferred")
        check("300 recipients dropped" in _ask(sender, "drop", "--all"), "not all are dropped")
        process.signal(signal.SIGKILL)
        process.wait(30)
        dialogue.takes = True
        sender.run()
        events = sender.outcomes(event="withdrawn")
        equal(collections.Counter(event["rcpt"] for event in events),
              collections.Counter(f"r{n}@{domain}" for n in range(300)))
        equal(_finals(sender), collections.Counter({"withdrawn": 300}))
        equal(sender.waiting(), [])


@case()
def mail_that_waits_for_its_time_is_not_retried_before_it(t):
    domain = t.domain_with_receiver()[0]
    for flags in (PARKED, IN_MEMORY):
        sender = t.sender(*flags)
        name = sender.put(f"you@{domain}", lines=["X-Longship-Not-Before: 2036-01-01T00:00:00Z"])
        process = _start(sender)
        process.until(lambda: len(_waiting(sender)) == 1, "it waits")
        _ask(sender, "retry", name, expect=NOTHING_MEANT)
        check("waits for its time" in _waiting(sender)[0]["why"], "why not said")
        _ask(sender, "drop", "--all")
        sender.wait_event(process, count=1, event="withdrawn")
        process.until(lambda: not sender.waiting(), "the file goes")


@case()
def a_spool_whose_sender_does_not_answer_is_not_changed(t):
    sender, process, domain, name, _ = _waits(t, *PARKED)
    socket = _socket(sender)
    equal(os.stat(socket).st_mode & 0o777, 0o600)
    os.unlink(socket)
    _ask(sender, "drop", name, expect=SPOOL_OWNED)
    equal(len(_entries(sender, "list")), 1)
    # The next one takes the place of a socket that a dead one has left.
    process.signal(signal.SIGKILL)
    process.wait(30)
    process = _start(sender)
    process.signal(signal.SIGKILL)
    process.wait(30)
    check(os.path.exists(socket), "no socket was left")
    process = sender.start()
    process.until(lambda: "event=started" in process.stderr(), "the next one runs")
    _ask(sender, "drop", name)
    sender.wait_event(process, count=2, event="withdrawn")


@case()
def wrong_words_are_told_apart(t):
    sender = t.sender()
    for words in (["drop"], ["list", "--all"], ["show"], ["hold"], ["hold", "--domain", "a..b"],
                  ["hold", "x", "--job", "y"], ["nonsense"], ["show", "../x"], ["list"]):
        # The last: no sender has ever run there.
        _ask(sender, *words, expect=ARGUMENTS)
