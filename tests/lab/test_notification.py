"""Notifications: who sent a message is told by mail what became of it, once (RFC 3464, 3461)."""

import collections
import email
import os
import signal

from case import case
from faults import TRACED, strace
from peer import Dialogue
from test_jobs import put_job
from sender import FINAL, MAIL_WAITS, check, equal, message

REFUSAL = "550 5.1.1 no such user here"


def _site(t, dialogue=Dialogue):
    """A receiver and its domain, and the domain and receiver of the sender."""
    home, home_receiver = t.domain_with_receiver()
    receiver = t.receiver(dialogue=dialogue)
    return t.domain(receiver), receiver, home, home_receiver


def _report(mail):
    """The notification, parsed: its fields for the message, and those for each recipient."""
    parsed = email.message_from_bytes(mail.content)
    equal(parsed.get_content_type(), "multipart/report", f"{mail.content}")
    equal(parsed.get_param("report-type"), "delivery-status")
    parts = parsed.get_payload()
    equal(parts[1].get_content_type(), "message/delivery-status")
    blocks = parts[1].get_payload()
    return parsed, parts, blocks[0], blocks[1:]


def _run_traced(sender, call, injection, expect):
    """Runs once with this done to a system call; the leak detector cannot be there with strace."""
    process = sender.start("--once", under=strace(call, injection), environment=TRACED)
    status = process.wait(60)
    check(status in expect, f"{call} {injection}: {status}\n{process.tail()}")
    return status


@case("DSN-01 DSN-03 DSN-04 DSN-05 DSN-07 EXT-DSN-03")
def a_refused_message_comes_back_to_its_sender_as_a_report_that_programs_can_read(t):
    domain, receiver, home, inbox = _site(t)
    receiver.rcpt_replies = {f"gone@{domain}": REFUSAL, f"full@{domain}": "552 5.2.2 no room"}
    sender = t.sender("--bounce=single")
    text = (f"X-Sender: <news@{home}> RET=HDRS ENVID=c+2B42\r\n"
            f"X-Receiver: <gone@{domain}> ORCPT=rfc822;Gone+2Bme@{domain}\r\n"
            f"X-Receiver: <full@{domain}>\r\nX-Receiver: <ann@{domain}>\r\n"
            f"X-Receiver: <never@{domain}> NOTIFY=NEVER\r\n")
    receiver.rcpt_replies[f"never@{domain}"] = REFUSAL
    sender.put_raw(text.encode() + message("an offer", "secret text\r\n"))
    sender.run()
    mails = inbox.accepted()
    equal(len(mails), 1, "one notification for all that failed together")
    equal((mails[0].sender, mails[0].rcpts), ("", [f"news@{home}"]))
    parsed, parts, of_message, of_rcpts = _report(mails[0])
    equal(parsed["Auto-Submitted"], "auto-replied")
    equal(of_message["Reporting-MTA"], "dns; mail.sender.lab")
    equal(of_message["Original-Envelope-Id"], "c+42")
    by_rcpt = {fields["Final-Recipient"].split("; ")[1]: fields for fields in of_rcpts}
    equal(set(by_rcpt), {f"gone@{domain}", f"full@{domain}"})
    gone = by_rcpt[f"gone@{domain}"]
    equal((gone["Action"], gone["Status"]), ("failed", "5.1.1"))
    equal(gone["Diagnostic-Code"], "smtp; " + REFUSAL)
    equal(gone["Original-Recipient"], f"rfc822; Gone+me@{domain}")
    check(gone["Remote-MTA"].startswith("dns; "), gone["Remote-MTA"])
    check(by_rcpt[f"full@{domain}"]["Original-Recipient"] is None)
    equal(parts[2].get_content_type(), "text/rfc822-headers")
    check("Subject: an offer" in parts[2].get_payload(), parts[2].get_payload())
    check(b"secret text" not in mails[0].content)
    equal(len(sender.events(event="bounced")), 3)
    equal(sender.waiting(), [])


@case("SMTP-38 DSN-02 DSN-07")
def nobody_is_told_of_null_senders_notifications_or_against_notify(t):
    domain, receiver, home, inbox = _site(t)
    inbox.rcpt_replies = {f"lost@{home}": REFUSAL}
    names = ("null", "never", "success", "lost")
    receiver.rcpt_replies = {f"{name}@{domain}": REFUSAL for name in names}
    sender = t.sender("--bounce=dsn")
    sender.put(f"null@{domain}", sender="")
    for name, notify in (("never", "NEVER"), ("success", "SUCCESS,DELAY")):
        sender.put_raw(f"X-Sender: <news@{home}>\r\nX-Receiver: <{name}@{domain}> NOTIFY={notify}"
                       "\r\n".encode() + message())
    # Its notification is refused itself, and that is the end of it.
    sender.put(f"lost@{domain}", sender=f"lost@{home}")
    sender.run()
    equal(inbox.mails, [])
    equal(sorted(event["rcpt"] for event in sender.events(event="bounced")),
          sorted([f"lost@{home}"] + [f"{name}@{domain}" for name in names]))
    equal(sender.waiting(), [])


@case("DSN-13")
def mail_of_a_job_is_told_of_by_events_alone_unless_it_asks(t):
    domain, receiver, home, inbox = _site(t)
    receiver.rcpt_replies = {f"{name}@{domain}": REFUSAL for name in ("job", "asks", "none")}
    sender = t.sender("--bounce=single")
    sender.put(f"job@{domain}", sender=f"job@{home}", lines=["X-Longship-Job: j1"])
    sender.put_raw(f"X-Sender: <asks@{home}>\r\nX-Receiver: <asks@{domain}> NOTIFY=FAILURE\r\n"
                   "X-Longship-Job: j1\r\n".encode() + message())
    sender.run()
    equal([mail.rcpts for mail in inbox.accepted()], [[f"asks@{home}"]])
    sender.put(f"none@{domain}", sender=f"none@{home}")
    sender.run("--bounce=event")
    sender.put(f"job@{domain}", sender=f"all@{home}", lines=["X-Longship-Job: j1"])
    sender.run("--bounce=dsn")
    equal([mail.rcpts for mail in inbox.accepted()], [[f"asks@{home}"], [f"all@{home}"]])


@case("DSN-13 DSN-01 DSN-03 DSN-08")
def failures_of_a_job_directory_are_told_to_the_sender_of_each_recipient_if_that_is_wanted(t):
    domain, receiver, home, inbox = _site(t)
    people = [{"to": f"gone@{domain}", "id": "17", "vars": {"name": "Ann"}},
              {"to": f"own@{domain}", "from": f"own@{home}", "id": "18"},
              {"to": f"never@{domain}", "notify": "NEVER", "id": "19"}, {"to": f"fine@{domain}", "id": "20"}]
    receiver.rcpt_replies = {f"{name}@{domain}": REFUSAL for name in ("gone", "own", "never", "asks")}
    sender = t.sender("--bounce=dsn")
    put_job(sender, people, sender=f"news@{home}", verp="b-{{id}}@" + home)
    sender.run()
    mails = {mail.rcpts[0]: mail for mail in inbox.accepted()}
    equal(set(mails), {f"b-17@{home}", f"own@{home}"})
    _, parts, of_message, (fields,) = _report(mails[f"b-17@{home}"])
    equal((fields["Action"], fields["Status"]), ("failed", "5.1.1"))
    check(of_message["Arrival-Date"] is not None)
    check("Subject: Hello Ann" in parts[2].get_payload(), "his own message is given back")
    equal(len(sender.events(event="bounced")), 3)
    equal(sender.waiting(), [])
    # By default events alone, but for who asks.
    put_job(sender, people[:1] + [{"to": f"asks@{domain}", "notify": "FAILURE", "id": "21"}], name="june",
            sender=f"news@{home}")
    sender.run("--bounce=single")
    equal([mail.rcpts for mail in inbox.accepted()][2:], [[f"news@{home}"]])


@case("DSN-01 SMTP-46", alone=True)
def killed_again_and_again_it_tells_of_each_failure_of_a_job_by_one_notification(t):
    count = 200
    domain, receiver, home, inbox = _site(t)
    rcpts = [f"r{n}@{domain}" for n in range(count)]
    receiver.rcpt_replies = {rcpt: REFUSAL for rcpt in rcpts[::2]}
    sender = t.sender("--bounce=dsn", "--site-sessions=3")
    put_job(sender, [{"to": rcpt, "id": str(n)} for n, rcpt in enumerate(rcpts)],
            sender=f"news@{home}", verp="b-{{id}}@" + home)
    for wanted in (10, 40, 75):
        process = sender.start()
        inbox.wait_for(lambda wanted=wanted: len(inbox.accepted()) >= wanted)
        process.signal(signal.SIGKILL)
        process.wait(10)
    sender.run()
    told = collections.defaultdict(set)
    for mail in inbox.accepted():
        told[mail.rcpts[0]].add(email.message_from_bytes(mail.content)["Message-ID"])
    equal({rcpt: len(ids) for rcpt, ids in told.items()},
          {f"b-{n}@{home}": 1 for n in range(0, count, 2)})
    final = collections.Counter(event["rcpt"] for event in sender.outcomes()
                                if event["event"] in FINAL and event["domain"] == domain)
    equal(final, collections.Counter(rcpts))
    equal(os.listdir(os.path.join(sender.spool, "tmp")), [])


@case("DSN-05 DSN-06 SMTP-37")
def what_expires_is_told_with_the_reason_and_without_a_host_that_never_spoke(t):
    home, inbox = t.domain_with_receiver()
    dead = t.domain(t.lab.refusing_address())
    sender = t.sender("--bounce=single", "--lifetime=2s", "--retry-first=1s")
    sender.put(f"you@{dead}", sender=f"news@{home}")
    process = sender.start()
    inbox.wait_for(lambda: len(inbox.accepted()) == 1)
    _, _, _, (fields,) = _report(inbox.accepted()[0])
    equal((fields["Action"], fields["Status"], fields["Remote-MTA"]), ("failed", "4.4.7", None))
    check(fields["Diagnostic-Code"].startswith("x-longship; its lifetime ended"),
          fields["Diagnostic-Code"])
    check(fields["Will-Retry-Until"] is None)
    process.until(lambda: not sender.waiting(), "both files go")


class _WithoutDsn(Dialogue):
    keywords = tuple(word for word in Dialogue.keywords if word != "DSN")


@case("EXT-DSN-01 EXT-DSN-03")
def success_is_told_by_us_where_the_receiver_does_not_and_was_asked_for(t):
    domain, receiver, home, inbox = _site(t, _WithoutDsn)
    other = t.domain(t.receiver())  # offers DSN: it tells itself
    sender = t.sender("--bounce=single")
    for rcpt, notify in ((f"asks@{domain}", " NOTIFY=SUCCESS"), (f"plain@{domain}", ""),
                         (f"fails@{domain}", " NOTIFY=FAILURE"), (f"dsn@{other}", " NOTIFY=SUCCESS")):
        sender.put_raw(f"X-Sender: <news@{home}>\r\nX-Receiver: <{rcpt}>{notify}\r\n".encode()
                       + message())
    sender.run()
    equal(len(receiver.accepted()), 3)
    equal(len(inbox.accepted()), 1)
    _, _, _, (fields,) = _report(inbox.accepted()[0])
    equal((fields["Final-Recipient"], fields["Action"]), (f"rfc822; asks@{domain}", "relayed"))
    check(fields["Status"].startswith("2."), fields["Status"])


@case("DSN-08")
def with_ret_full_a_small_message_is_given_back_whole_and_a_large_one_by_its_header(t):
    domain, receiver, home, inbox = _site(t)
    receiver.rcpt_replies = {f"{name}@{domain}": REFUSAL for name in ("small", "large")}
    sender = t.sender("--bounce=single")
    for name, size in (("small", 10), ("large", 5 * 1024 * 1024 // 70)):
        text = f"X-Sender: <{name}@{home}> RET=FULL\r\nX-Receiver: <{name}@{domain}>\r\n"
        sender.put_raw(text.encode() + message(name, ("x" * 68 + "\r\n") * size))
    sender.run()
    by_rcpt = {mail.rcpts[0]: _report(mail)[1][2] for mail in inbox.accepted()}
    equal(by_rcpt[f"small@{home}"].get_content_type(), "message/rfc822")
    equal(by_rcpt[f"small@{home}"].get_payload(0).get_payload(), ("x" * 68 + "\r\n") * 10)
    equal(by_rcpt[f"large@{home}"].get_content_type(), "text/rfc822-headers")
    check("Subject: large" in by_rcpt[f"large@{home}"].get_payload())


@case("DSN-01 SMTP-46", alone=True)
def killed_again_and_again_it_tells_of_each_failure_by_one_notification(t):
    count = 300
    domain, receiver, home, inbox = _site(t)
    rcpts = [f"r{n}@{domain}" for n in range(count)]
    receiver.rcpt_replies = {rcpt: REFUSAL for rcpt in rcpts}
    sender = t.sender("--bounce=single", "--site-sessions=5")
    for n, rcpt in enumerate(rcpts):
        sender.put(rcpt, sender=f"s{n}@{home}")
    for wanted in range(30, count, 60):
        process = sender.start()
        inbox.wait_for(lambda wanted=wanted: len(inbox.accepted()) >= wanted)
        process.signal(signal.SIGKILL)
        process.wait(10)
    sender.run()
    told = collections.defaultdict(collections.Counter)
    for mail in inbox.accepted():
        parsed, _, _, of_rcpts = _report(mail)
        for fields in of_rcpts:
            told[fields["Final-Recipient"].split("; ")[1]][parsed["Message-ID"]] += 1
    equal(set(told), set(rcpts), "of each failure somebody was told")
    # A notification is mail: a second copy of one is only for what was in flight at a kill.
    equal([rcpt for rcpt in rcpts if len(told[rcpt]) > 1], [], "told by two notifications")
    final = collections.Counter(
        (event["event"], event["rcpt"]) for event in sender.outcomes() if event["event"] in FINAL)
    equal(final, collections.Counter([("bounced", rcpt) for rcpt in rcpts]
                                     + [("delivered", f"s{n}@{home}") for n in range(count)]))
    equal(sender.waiting(), [])
    equal(os.listdir(os.path.join(sender.spool, "tmp")), [])


# Before the call that is named, the so-manieth of its thread, the process is killed. What the files
# thread does with these for its notifications: fsync of each, of tmp/, of new/; renames into new/, then of
# the files that are done; the recorder's commits are fdatasync. The first few fsyncs are those of the start.
STEPS = [("fsync", 1), ("fsync", 4), ("fsync", 6), ("fsync", 7), ("fsync", 8), ("fsync", 9),
         ("renameat2", 1), ("renameat2", 3), ("renameat2", 6), ("renameat2", 8),
         ("fdatasync", 1), ("unlinkat", 1), ("unlinkat", 3)]


@case("DSN-01")
def a_failure_that_cannot_be_told_of_is_deferred_until_it_can_be(t):
    domain, receiver, home, inbox = _site(t)
    senders = [f"news{n}@{home}" for n in range(8)]
    receiver.rcpt_replies = {f"you@{domain}": REFUSAL}
    sender = t.sender("--bounce=single", "--workers=1", "--site-sessions=1", "--retry-first=1s")
    for address in senders:
        sender.put(f"you@{domain}", sender=address)
    # Of the files thread: of a notification, or of tmp/ behind several. The start has fewer.
    _run_traced(sender, "fsync", "error=EIO:when=6", (MAIL_WAITS,))
    deferred = sender.events(event="deferred", rcpt=f"you@{domain}")
    check(deferred, f"{sender.outcomes()}")
    for event in deferred:
        check("could not be told" in event["reason"], event["reason"])
    equal(len(sender.events(event="bounced")) + len(deferred), 8)
    process = sender.start()
    inbox.wait_for(lambda: len(inbox.accepted()) >= 8)
    process.until(lambda: not sender.waiting(), "the files go")
    equal(sorted(mail.rcpts[0] for mail in inbox.accepted()), senders)
    equal(len(sender.events(event="bounced")), 8)


@case("DSN-01 SMTP-46", alone=True)
def killed_before_any_step_of_a_notification_it_is_sent_once_in_the_end(t):
    kills = 0
    for call, number in STEPS:
        domain, receiver, home, inbox = _site(t)
        senders = [f"news{n}@{home}" for n in range(4)]
        receiver.rcpt_replies = {f"you@{domain}": REFUSAL}
        inbox.rcpt_replies = dict.fromkeys(senders, "450 4.2.1 not yet")
        sender = t.sender("--bounce=single", "--workers=1", "--site-sessions=1", "--retry-first=1s")
        for address in senders:
            sender.put(f"you@{domain}", sender=address)
        status = _run_traced(sender, call, f"signal=KILL:when={number}",
                             (-signal.SIGKILL, MAIL_WAITS))
        kills += status == -signal.SIGKILL
        inbox.rcpt_replies = {}
        process = sender.start()
        inbox.wait_for(lambda inbox=inbox: len(inbox.accepted()) >= 4)
        process.until(lambda sender=sender: not sender.waiting(), "the files go")
        process.stop()
        equal(sorted(mail.rcpts[0] for mail in inbox.accepted()), senders,
              f"killed before {call} {number}")
        equal(len(sender.events(event="bounced")), 4, f"killed before {call} {number}")
        equal(os.listdir(os.path.join(sender.spool, "tmp")), [])
    check(kills > len(STEPS) // 2, f"only {kills} of {len(STEPS)} steps were reached")
