"""Mail that waits for long: its sender is told once that it is delayed (--warn-after; RFC 3464, 3461)."""

import datetime
import email
import json
import os
import shutil
import signal
import subprocess

from case import Skipped, case
from sender import MAIL_WAITS, check, equal, message, program
from test_jobs import put_job

LATER = "450 4.2.1 not yet, come back"


def _site(t):
    """A domain that takes nothing yet, its receiver, and the domain and receiver of the sender."""
    home, inbox = t.domain_with_receiver()
    domain, receiver = t.domain_with_receiver()
    return domain, receiver, home, inbox


def _reports(inbox):
    """Each notification that came in: its recipient, and the fields for each it tells of."""
    found = []
    for mail in inbox.accepted():
        parsed = email.message_from_bytes(mail.content)
        blocks = parsed.get_payload()[1].get_payload()
        found.append((mail.rcpts[0], {fields["Final-Recipient"].split("; ")[1]: fields
                                      for fields in blocks[1:]}))
    return found


@case("DSN-06 DSN-07 DSN-02 DSN-01")
def who_still_waits_is_told_of_once_by_one_notification_as_notify_allows(t):
    domain, receiver, home, inbox = _site(t)
    other, other_receiver = t.domain_with_receiver()
    rcpts = {"plain": "", "delay": " NOTIFY=DELAY", "failure": " NOTIFY=FAILURE",
             "never": " NOTIFY=NEVER", "orcpt": " ORCPT=rfc822;Old@x.lab"}
    receiver.rcpt_replies = {f"{name}@{domain}": LATER for name in rcpts}
    receiver.rcpt_replies[f"null@{domain}"] = LATER
    other_receiver.rcpt_replies = {f"far@{other}": LATER}
    sender = t.sender("--bounce=single", "--warn-after=2s", "--retry-first=1h", "--park-after=1h")
    head = f"X-Sender: <news@{home}> ENVID=c42 RET=FULL\r\nX-Receiver: <fine@{domain}>\r\n"
    head += f"X-Receiver: <far@{other}>\r\n"
    head += "".join(f"X-Receiver: <{name}@{domain}>{notify}\r\n" for name, notify in rcpts.items())
    sender.put_raw(head.encode() + message("an offer", "secret text\r\n"))
    sender.put(f"null@{domain}", sender="")
    process = sender.start()
    inbox.wait_for(lambda: len(inbox.accepted()) == 1)
    ((told, fields),) = _reports(inbox)
    equal(told, f"news@{home}")
    equal(set(fields), {f"plain@{domain}", f"delay@{domain}", f"orcpt@{domain}", f"far@{other}"})
    plain = fields[f"plain@{domain}"]
    equal((plain["Action"], plain["Status"]), ("delayed", "4.2.1"))
    check(LATER in plain["Diagnostic-Code"], plain["Diagnostic-Code"])
    check(plain["Will-Retry-Until"] is not None, "how long it is tried")
    equal(fields[f"orcpt@{domain}"]["Original-Recipient"], "rfc822; Old@x.lab")
    mail = inbox.accepted()[0]
    equal(mail.sender, "")
    check(b"Original-Envelope-Id: c42" in mail.content and b"Subject: an offer" in mail.content)
    check(b"secret text" not in mail.content, "a message that is on its way is not given back")
    equal(len(sender.outcomes(event="deferred")), 7)
    equal(len(sender.outcomes(event="bounced")), 0)
    # It goes out with the next run, and nobody is told again: neither of the delay, nor of the success.
    process.stop()
    receiver.rcpt_replies = other_receiver.rcpt_replies = {}
    for name in (domain, other):
        _queue(sender, "retry", "--domain", name)
    sender.run()
    equal(len(inbox.accepted()), 1)
    equal(len(sender.outcomes(event="delivered")), 9)


def _queue(sender, *words):
    command = [program(), "queue", *words, "--spool", sender.spool, "--json"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    return [json.loads(line) for line in done.stdout.splitlines()]


def _time(text):
    return datetime.datetime.fromisoformat(text.replace("Z", "+00:00"))


@case("DSN-07 SMTP-46")
def what_is_parked_on_disk_is_told_of_and_waits_on_for_its_own_time(t):
    domain, receiver, home, inbox = _site(t)
    receiver.rcpt_replies = {f"you@{domain}": LATER}
    sender = t.sender("--bounce=single", "--warn-after=5s", "--retry-first=1h", "--park-after=0s")
    sender.put(f"you@{domain}", sender=f"news@{home}")
    sender.run(expect=(MAIL_WAITS,))
    equal(inbox.mails, [])
    (before,) = _queue(sender, "list")
    process = sender.start()
    inbox.wait_for(lambda: len(inbox.accepted()) == 1)
    process.until(lambda: [entry["parked"] for entry in _queue(sender, "list")] == [True], "it is parked again")
    process.stop()
    (after,) = _queue(sender, "list")
    moved = _time(after["next"]) - _time(before["next"])
    check(abs(moved.total_seconds()) < 1, f"the time of its next attempt: {before} {after}")
    equal(after["attempt"], before["attempt"])
    equal(len(receiver.connections), 1, "it was not tried for that")
    # Another run has nothing to tell.
    sender.run(expect=(MAIL_WAITS,))
    equal(len(inbox.accepted()), 1)


@case("DSN-07 SMTP-46", alone=True)
def killed_before_any_step_of_a_warning_it_is_sent_once_in_the_end(t):
    if shutil.which("strace") is None:
        raise Skipped("strace is not here")
    kills = 0
    # As in test_notification.py: of each file and of tmp/, of new/, into new/, the recorder's commits.
    steps = [("fsync", 6), ("fsync", 7), ("fsync", 8), ("renameat2", 1), ("fdatasync", 2), ("fdatasync", 3)]
    for call, number in steps:
        domain, receiver, home, inbox = _site(t)
        receiver.rcpt_replies = {f"you@{domain}": LATER}
        # Older than that already: it is tried, and then told of at once.
        sender = t.sender("--bounce=single", "--warn-after=1ms", "--retry-first=1h", "--workers=1")
        names = [f"news{n}@{home}" for n in range(3)]
        for name in names:
            sender.put(f"you@{domain}", sender=name)
        strace = ["strace", "-f", "-qq", "-o", "/dev/null", f"--trace={call}",
                  f"--inject={call}:signal=KILL:when={number}"]
        process = sender.start("--once", under=strace, environment={"ASAN_OPTIONS": "detect_leaks=0"})
        status = process.wait(60)
        check(status in (-signal.SIGKILL, MAIL_WAITS), f"{status}\n{process.tail()}")
        kills += status == -signal.SIGKILL
        sender.run(expect=(MAIL_WAITS,))
        sender.run(expect=(MAIL_WAITS,))
        told = {}
        for mail in inbox.accepted():
            parsed = email.message_from_bytes(mail.content)
            told.setdefault(mail.rcpts[0], set()).add(parsed["Message-ID"])
        equal({name: len(ids) for name, ids in told.items()}, dict.fromkeys(names, 1),
              f"killed before {call} {number}")
        equal(os.listdir(os.path.join(sender.spool, "tmp")), [])
    check(kills > len(steps) // 2, f"only {kills} of {len(steps)} steps were reached")


def _tell_through_kills(t, count, put):
    """Each of r0 to rN is refused for now; put() gives their mail, of which s0 to sN are to hear."""
    domain, receiver, home, inbox = _site(t)
    receiver.rcpt_replies = {f"r{n}@{domain}": LATER for n in range(count)}
    sender = t.sender("--bounce=dsn", "--warn-after=2s", "--retry-first=1h", "--park-after=0s")
    put(sender, domain, home)
    for wanted in (count // 12, count // 3, 2 * count // 3):
        process = sender.start()
        inbox.wait_for(lambda wanted=wanted: len(inbox.accepted()) >= wanted)
        process.signal(signal.SIGKILL)
        process.wait(10)
    process = sender.start()
    inbox.wait_for(lambda: len({mail.rcpts[0] for mail in inbox.accepted()}) == count)
    process.stop()
    # Nor by another run, which has nothing to tell.
    process = sender.start()
    process.until(lambda: len(_queue(sender, "list")) == count, "it knows all that waits")
    process.stop()
    told = {}
    for mail in inbox.accepted():
        parsed = email.message_from_bytes(mail.content)
        told.setdefault(mail.rcpts[0], set()).add(parsed["Message-ID"])
    equal(set(told), {f"s{n}@{home}" for n in range(count)})
    equal([name for name, ids in told.items() if len(ids) > 1], [], "told by two notifications")


@case("DSN-07", alone=True)
def killed_again_and_again_nobody_is_told_twice(t):
    count = 60

    def put(sender, domain, home):
        for n in range(count):
            sender.put(f"r{n}@{domain}", sender=f"s{n}@{home}")

    _tell_through_kills(t, count, put)


@case("DSN-07 SMTP-46", alone=True)
def killed_again_and_again_nobody_is_told_twice_of_recipients_of_a_job(t):
    count = 120

    def put(sender, domain, home):
        put_job(sender, [{"to": f"r{n}@{domain}", "from": f"s{n}@{home}"} for n in range(count)])

    _tell_through_kills(t, count, put)
