"""Batch SMTP files: several transactions in one file, each with its own envelope (DESIGN 1, format 2)."""

import collections
import os
import signal

from case import case
from faults import TRACED, child_of, strace
from sender import FINAL, MAIL_WAITS, check, equal, message


def _transaction(rcpts, subject, sender="news@sender.lab", body="Hello.\r\n", lines=()):
    """As a batch has it, dot-stuffed."""
    text = f"MAIL FROM:<{sender}>\r\n"
    text += "".join(f"RCPT TO:{rcpt}\r\n" for rcpt in rcpts)
    content = message(subject, body).decode().replace("\r\n.", "\r\n..")
    return text + "".join(line + "\r\n" for line in lines) + "DATA\r\n" + content + ".\r\n"


def _subjects(receiver):
    return collections.Counter(
        line[9:].decode() for mail in receiver.accepted()
        for line in mail.content.split(b"\r\n") if line.startswith(b"Subject: "))


def _tmp(sender):
    return os.listdir(os.path.join(sender.spool, "tmp"))


@case("")
def each_transaction_of_a_batch_is_a_message_with_its_own_envelope(t):
    domain, receiver = t.domain_with_receiver()
    sender = t.sender()
    body = ".leading dot\r\n..two\r\n\r\nMAIL FROM:<x@sender.lab>\r\n"
    sender.put_raw(("EHLO client.lab\r\n"
                    + _transaction([f"<a@{domain}>", f"<b@{domain}>"], "one", body=body)
                    + "RSET\r\nNOOP\r\n"
                    + _transaction([f"<c@{domain}> NOTIFY=NEVER"], "two", sender="")
                    + "QUIT\r\n").encode(), "batch.bsmtp")
    sender.run()
    mails = {tuple(sorted(mail.rcpts)): mail for mail in receiver.accepted()}
    equal(set(mails), {(f"a@{domain}", f"b@{domain}"), (f"c@{domain}",)})
    first, second = mails[(f"a@{domain}", f"b@{domain}")], mails[(f"c@{domain}",)]
    equal((first.sender, second.sender), ("news@sender.lab", ""))
    equal(first.content, message("one", body))
    equal(second.content, message("two"))
    equal((sender.waiting(), sender.bad(), _tmp(sender)), ([], [], []))


@case("")
def a_batch_of_one_transaction_is_sent_as_it_is(t):
    domain, receiver = t.domain_with_receiver()
    sender = t.sender()
    # X-Receiver in a message of a batch means nothing.
    text = _transaction([f"<a@{domain}>"], "one").replace(
        "Subject:", f"X-Receiver: <evil@{domain}>\r\nX-Sender: <evil@{domain}>\r\nSubject:")
    sender.put_raw(text.encode(), "one.bsmtp")
    sender.run()
    equal([(mail.rcpts, mail.content) for mail in receiver.accepted()],
          [([f"a@{domain}"], message("one"))])
    equal([event["file"] for event in sender.events(event="delivered")], ["one.bsmtp"])
    equal(sender.waiting(), [])


@case("SMTP-24 SEC-19")
def bad_addresses_get_an_event_each_and_what_follows_bad_syntax_goes_to_bad(t):
    domain, receiver = t.domain_with_receiver()
    sender = t.sender()
    good = (_transaction([f"<a@{domain}>", "<not an address>", f"<b@{domain}>"], "one")
            + _transaction([f"<c@{domain}>"], "two", sender="bad@@sender")
            + _transaction(["<>"], "three") + _transaction([f"<d@{domain}>"], "four"))
    rest = "EXPN staff\r\n" + _transaction([f"<injected@{domain}>"], "five")
    sender.put_raw((good + rest).encode(), "batch.bsmtp")
    sender.run()
    equal(_subjects(receiver), collections.Counter(["one", "four"]))
    equal(sorted(rcpt for mail in receiver.accepted() for rcpt in mail.rcpts),
          [f"a@{domain}", f"b@{domain}", f"d@{domain}"])
    refused = sender.events(event="rejected-input")
    equal([event["rcpt"] for event in refused],
          ["<not an address>", f"<c@{domain}>", "<>", ""])
    equal({event["file"] for event in refused}, {"batch.bsmtp"})
    check(all(event["reason"] for event in refused))
    check(f"at offset {len(good)}" in refused[-1]["reason"], refused[-1]["reason"])
    name = f"batch.bsmtp.at-{len(good)}"
    equal(sender.bad(), [name, name + ".reason"])
    with open(os.path.join(sender.spool, "bad", name), encoding="ascii", newline="") as file:
        equal(file.read(), rest)
    check("EXPN" in sender.bad_reason(name), sender.bad_reason(name))
    equal((sender.waiting(), _tmp(sender)), ([], []))


@case("")
def a_batch_that_begins_with_bad_syntax_is_bad_as_a_whole(t):
    sender = t.sender()
    sender.put_raw(b"EHLO a.lab\r\nMAIL FROM:<a@sender.lab>\r\nDATA\r\n", "batch.bsmtp")
    sender.run()
    equal([event["rcpt"] for event in sender.events(event="rejected-input")], [""])
    equal(len(sender.bad()), 2)
    equal((sender.waiting(), _tmp(sender)), ([], []))


@case("", alone=True)
def three_thousand_transactions_in_one_file_are_each_sent_once(t):
    domain, receiver = t.domain_with_receiver()
    sender = t.sender("--site-sessions=5")
    count = 3000
    sender.put_raw("".join(_transaction([f"<r{n}@{domain}>"], f"s{n}") for n in range(count)).encode(),
                   "big.bsmtp")
    process = sender.start()
    # Other mail has its turn meanwhile.
    receiver_of_other = t.receiver()
    sender.put(f"you@{t.domain(receiver_of_other)}")
    receiver_of_other.wait_for(lambda: len(receiver_of_other.accepted()) == 1)
    check("big.bsmtp" in sender.waiting() or not _subjects(receiver))
    receiver.wait_for(lambda: len(receiver.accepted()) >= count, 120)
    process.until(lambda: not sender.waiting(), "all files go")
    equal(_subjects(receiver), collections.Counter(f"s{n}" for n in range(count)))
    equal(_tmp(sender), [])


@case("")
def a_sender_that_stops_in_the_middle_of_a_batch_gives_it_back(t):
    domain, receiver = t.domain_with_receiver()
    sender = t.sender()
    count = 300
    sender.put_raw("".join(_transaction([f"<r{n}@{domain}>"], f"s{n}") for n in range(count)).encode(),
                   "big.bsmtp")
    # With a disk that takes 20 ms.
    process = sender.start(under=strace("fsync", "delay_enter=20000"), environment=TRACED)
    process.until(lambda: len(_tmp(sender)) > 3, "it is being split")
    os.kill(child_of(process), signal.SIGTERM)
    sender.finish(process, MAIL_WAITS)
    equal((sender.waiting(), _tmp(sender), receiver.accepted()), (["big.bsmtp"], [], []))
    sender.run()
    equal(_subjects(receiver), collections.Counter(f"s{n}" for n in range(count)))


# Before the call that is named, the so-manieth of its thread, the process is killed: fsync of each part, of
# tmp/, of new/; the renames of the parts and of the rest, then of the batch itself on its way out; the
# commits are fdatasync.
STEPS = ([("fsync", n) for n in (1, 4, 5, 6, 7, 8, 9, 10)] + [("renameat2", n) for n in range(1, 8)]
         + [("fdatasync", 1), ("unlinkat", 1)])


@case("SMTP-46", alone=True)
def killed_before_any_step_of_a_batch_each_transaction_is_sent_once_in_the_end(t):
    kills = 0
    for call, number in STEPS:
        domain, receiver = t.domain_with_receiver()
        rcpts = [f"r{n}@{domain}" for n in range(4)]
        receiver.rcpt_replies = dict.fromkeys(rcpts, "450 4.2.1 not yet")
        sender = t.sender("--workers=1", "--retry-first=1s")
        sender.put_raw(("".join(_transaction([f"<{rcpt}>", "<bad"], rcpt) for rcpt in rcpts)
                        + "HELP\r\n").encode(), "batch.bsmtp")
        under = strace(call, f"signal=KILL:when={number}")
        process = sender.start("--once", under=under, environment=TRACED)
        status = process.wait(60)
        check(status in (-signal.SIGKILL, MAIL_WAITS), f"{call} {number}: {status}")
        kills += status == -signal.SIGKILL
        receiver.rcpt_replies = {}
        process = sender.start()
        receiver.wait_for(lambda receiver=receiver: len(receiver.accepted()) >= 4)
        process.until(lambda sender=sender: not sender.waiting(), "the files go")
        process.stop()
        where = f"killed before {call} {number}"
        equal(_subjects(receiver), collections.Counter(rcpts), where)
        equal(len(sender.events(event="rejected-input")), 5, where)
        final = [event for event in sender.outcomes() if event["event"] in FINAL]
        equal(len(final), 9, where)
        equal(len(sender.bad()), 2, where)
        equal(_tmp(sender), [], where)
    check(kills > len(STEPS) // 2, f"only {kills} of {len(STEPS)} steps were reached")


@case("SMTP-46 SMTP-17", alone=True)
def killed_again_and_again_while_batches_come_nothing_is_lost_or_told_twice(t):
    domain, receiver = t.domain_with_receiver()
    sender = t.sender("--site-sessions=5")
    rcpts = []
    for batch in range(20):
        part = [f"b{batch}n{n}@{domain}" for n in range(40)]
        rcpts += part
        sender.put_raw("".join(_transaction([f"<{rcpt}>"], rcpt) for rcpt in part).encode(),
                       f"batch{batch}.bsmtp")
    for wanted in range(100, 800, 140):
        process = sender.start()
        receiver.wait_for(lambda wanted=wanted: len(receiver.accepted()) >= wanted)
        process.signal(signal.SIGKILL)
        process.wait(10)
    sender.run()
    equal(set(_subjects(receiver)), set(rcpts))
    final = [event["rcpt"] for event in sender.outcomes() if event["event"] in FINAL]
    equal(collections.Counter(final), collections.Counter(rcpts), "one final outcome for each")
    equal((sender.waiting(), _tmp(sender), sender.bad()), ([], [], []))
