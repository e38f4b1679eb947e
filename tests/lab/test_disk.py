"""Disks that fail, are full, or have files on them that change while they are in work: a clear message, an
orderly stop or another try, and nothing lost (DESIGN 2, 5)."""

import collections
import os
import signal

from case import case
from faults import TRACED, SmallDisk, child_of, strace
from peer import refusing_at_first
from sender import DONE, FINAL, MAIL_WAITS, NOT_WRITABLE, check, equal, message
from test_jobs import put_job

PARK = ("--park-after=0s", "--retry-first=300ms", "--retry-max=500ms")


def _queue_file(sender):
    return os.path.join(sender.spool, "state/queue/data.mdb")


def _finals(sender):
    return collections.Counter(
        event["rcpt"] for event in sender.outcomes() if event["event"] in FINAL)


def _check_each_once(sender, receiver, rcpts, where=""):
    """Sent once, told once, and nothing is left."""
    equal(collections.Counter(rcpt for mail in receiver.accepted() for rcpt in mail.rcpts),
          collections.Counter(rcpts), f"arrived {where}")
    equal(_finals(sender), collections.Counter(rcpts), f"told {where}")
    sequence = [int(event["seq"]) for event in sender.events()]
    equal(sequence, sorted(set(sequence)), f"lines {where}")
    equal(sender.waiting(), [], where)


# Of the queue's file alone: the pages of a transaction, their sync, the page that makes it valid. Of one thread,
# so many times; what comes first are those of the start.
QUEUE_STEPS = [
    ("fdatasync", "error=EIO:when=2..4"), ("fdatasync", "error=ENOSPC:when=5..6"),
    ("pwrite64", "error=ENOSPC:when=3"), ("pwrite64", "error=EIO:when=4"),
    ("pwrite64", "error=EIO:when=5"), ("pwrite64", "error=ENOSPC:when=6"),
    ("pwrite64", "retval=100:when=4"), ("pwritev", "error=ENOSPC:when=1..3"),
    ("pwritev", "retval=4096:when=2")]


@case("SMTP-46", alone=True)
def a_queue_that_cannot_be_written_loses_nothing_and_sends_nothing_twice(t):
    seen = collections.Counter()
    for call, injection in QUEUE_STEPS:
        receiver = t.receiver(dialogue=refusing_at_first(2))
        domain = t.domain(receiver)
        sender = t.sender("--workers=1", *PARK)
        rcpts = [f"r{n}@{domain}" for n in range(6)]
        for rcpt in rcpts:
            sender.put(rcpt)
        process = sender.start(under=strace(call, injection, _queue_file(sender)), environment=TRACED)
        where = f"{call} {injection}"
        try:
            process.until(lambda s=sender: not s.waiting(), where, timeout=60)
            os.kill(child_of(process), signal.SIGTERM)
        except RuntimeError:
            check(not process.running(), f"{where}\n{process.tail()}")
        status = process.wait(30)
        check(status in (DONE, NOT_WRITABLE), f"{where}: {status}\n{process.tail()}")
        said = process.stderr()
        seen["stopped"] += status == NOT_WRITABLE
        seen["told"] += "event=queue_not_written" in said or "event=queue_failed" in said \
            or "cannot" in said
        if status == NOT_WRITABLE:
            check("state/queue" in said, f"{where}: what failed is not named\n{said}")
        process = sender.start()
        process.until(lambda s=sender: not s.waiting(), f"the files go after {where}")
        process.stop()
        _check_each_once(sender, receiver, rcpts, where)
    check(seen["told"] > len(QUEUE_STEPS) // 2, f"{seen}: the calls are not reached")
    check(seen["stopped"] > 0, f"{seen}: no page that makes a transaction valid was hit")


@case("SMTP-46")
def a_disk_that_fills_up_while_mail_is_sent_loses_none_of_it(t):
    """The spool is on a file system of its own, with the event file or without."""
    for where in ("spool", "."):
        receiver = t.receiver(dialogue=refusing_at_first(2))
        domain = t.domain(receiver)
        sender = t.sender("--site-sessions=3", *PARK)
        sender.event_file = os.path.join(sender.directory, where, "events")
        with SmallDisk(sender, "40m") as disk:
            rcpts = [f"r{n}@{domain}" for n in range(300)]
            for rcpt in rcpts:
                sender.put(rcpt)
            process = sender.start()
            sender.wait_event(process, count=20, event="deferred")
            disk.fill()
            said = "event=queue_not_written" if where == "." else "event=events_failed"
            process.until(lambda p=process, said=said: said in p.stderr(), "it is full")
            check("No space left" in process.stderr(), process.stderr())
            if where == "spool":
                equal(process.wait(60), NOT_WRITABLE, process.tail())
                process = sender.start()
            disk.make_room()
            process.until(lambda s=sender: not s.waiting(), "the files go", timeout=60)
            process.stop()
            _check_each_once(sender, receiver, rcpts, where)


@case("")
def a_disk_that_is_full_from_the_first_is_said_to_be(t):
    sender = t.sender()
    with SmallDisk(sender, "4m") as disk:
        disk.fill()
        process = sender.run(expect=NOT_WRITABLE)
    check("No space left" in process.stderr() and sender.spool in process.stderr(), process.stderr())


@case("SMTP-46")
def a_job_that_the_disk_has_no_room_for_is_accepted_when_it_has(t):
    domain, receiver = t.domain_with_receiver()
    sender = t.sender()
    with SmallDisk(sender, "40m") as disk:
        sender.event_file = os.path.join(sender.directory, "events")
        process = sender.start()
        process.until(lambda: "event=started" in process.stderr(), "it runs")
        people = [{"to": f"r{n}@{domain}"} for n in range(2000)]
        path = put_job(sender, people, place="tmp")
        disk.fill()
        os.rename(path, os.path.join(sender.spool, "new/may"))
        process.until(lambda: "event=spool_file_unreadable" in process.stderr(), "it says so")
        check("file=may" in process.stderr() and "No space left" in process.stderr(), process.stderr())
        disk.make_room()
        sender.wait_event(process, count=2000, event="delivered")
        process.until(lambda: not sender.waiting(), "the job goes")
        _check_each_once(sender, receiver, [person["to"] for person in people])


@case("SMTP-46")
def lines_of_a_job_that_cannot_be_read_for_a_moment_are_read_again(t):
    domain, receiver = t.domain_with_receiver()
    sender = t.sender("--workers=1")
    people = [{"to": f"r{n}@{domain}"} for n in range(60)]
    put_job(sender, people)
    lines = os.path.join(sender.spool, "new/may/recipients.jsonl")
    process = sender.start(under=strace("pread64", "error=EIO:when=10", lines), environment=TRACED)
    sender.wait_event(process, count=60, event="delivered")
    process.until(lambda: not sender.waiting(), "the job goes")
    os.kill(child_of(process), signal.SIGTERM)
    process.wait(30)
    _check_each_once(sender, receiver, [person["to"] for person in people])


@case("SMTP-46")
def an_index_of_a_job_that_cannot_be_read_is_read_again_or_made_anew(t):
    domain, receiver = t.domain_with_receiver()
    sender = t.sender("--workers=1", "--site-sessions=1")
    people = [{"to": f"r{n}@{domain}"} for n in range(100)]
    put_job(sender, people)
    index = os.path.join(sender.spool, "state/jobs/may/index")
    process = sender.start(under=strace("pread64", "error=EIO:when=20", index), environment=TRACED)
    sender.wait_event(process, count=100, event="delivered")
    check("reading the recipients of a job" in process.stderr(), process.stderr())
    os.kill(child_of(process), signal.SIGTERM)
    process.wait(30)
    others = [{"to": f"o{n}@{domain}"} for n in range(3000)]
    put_job(sender, others, name="june")
    process = sender.start()
    sender.wait_event(process, count=120, event="delivered")
    process.stop()
    with open(os.path.join(sender.spool, "state/jobs/june/index"), "r+b") as file:
        file.write(b"damage")
    process = sender.start()
    process.until(lambda: not sender.waiting(), "the job goes")
    check("event=job_index_damaged" in process.stderr(), process.stderr())
    _check_each_once(sender, receiver, [person["to"] for person in people + others])


# While it is accepted, and while it runs: of its index and of who is done.
JOB_STEPS = [("fsync", "error=EIO:when=1", "index.tmp"), ("pwrite64", "error=ENOSPC:when=1", "index.tmp"),
             ("pwrite64", "error=ENOSPC:when=1", "done"), ("pwrite64", "error=EIO:when=2", "done"),
             ("fdatasync", "error=EIO:when=1..2", "done"), ("fsync", "error=EIO:when=1", "done")]


@case("SMTP-46")
def a_state_of_a_job_that_cannot_be_written_is_written_later(t):
    running = []
    for call, injection, name in JOB_STEPS:
        domain, receiver = t.domain_with_receiver()
        sender = t.sender("--workers=1")
        people = [f"r{n}@{domain}" for n in range(30)]
        put_job(sender, [{"to": rcpt} for rcpt in people])
        path = os.path.join(sender.spool, "state/jobs/may", name)
        process = sender.start(under=strace(call, injection, path), environment=TRACED)
        running.append((f"{call} {injection} of {name}", process, sender, receiver, people))
    for where, process, sender, receiver, people in running:
        process.until(lambda s=sender: not s.waiting(), where, timeout=60)
        os.kill(child_of(process), signal.SIGTERM)
        sender.finish(process)
        check("event=spool_file_unreadable" in process.stderr() or
              "saving the progress of a job" in process.stderr(), f"{where}\n{process.stderr()}")
        _check_each_once(sender, receiver, people, where)


@case("")
def a_job_in_work_whose_files_are_touched_added_to_or_removed_goes_on(t):
    domain, receiver = t.domain_with_receiver()
    sender = t.sender("--site-sessions=1")
    people = [{"to": f"r{n}@{domain}"} for n in range(600)]
    path = put_job(sender, people)
    process = sender.start()
    sender.wait_event(process, count=20, event="delivered")
    lines = os.path.join(path, "recipients.jsonl")
    with open(lines, "a", encoding="utf-8") as file:
        file.write('{"to":"later@' + domain + '"}\n')
    os.unlink(os.path.join(path, "template.eml"))
    sender.wait_event(process, count=60, event="delivered")
    os.unlink(lines)
    sender.wait_event(process, count=600, event="delivered")
    process.until(lambda: not sender.waiting(), "the job goes")
    check("event=job_changed" in process.stderr(), process.stderr())
    _check_each_once(sender, receiver, [person["to"] for person in people])


@case("")
def recipients_that_are_changed_while_the_job_is_in_work_get_nothing(t):
    """Nobody gets mail who was not in the job that was accepted, in this run or the next."""
    for restarts in (False, True):
        domain, receiver = t.domain_with_receiver()
        sender = t.sender("--site-sessions=1")
        people = [{"to": f"r{n:04}@{domain}"} for n in range(3000)]
        path = put_job(sender, people)
        process = sender.start()
        sender.wait_event(process, count=20, event="delivered")
        if restarts:
            process.stop()
        with open(os.path.join(path, "recipients.jsonl"), "r+b") as file:
            data = file.read()
            file.seek(0)
            file.write(data.replace(b"{\"to\": \"r", b"{\"to\": \"x"))
        if restarts:
            process = sender.start()
            process.until(lambda s=sender: s.bad() != [], "the job is moved away")
            check("changed after the job was accepted" in sender.bad_reason("may"))
        else:
            process.until(lambda s=sender: sum(_finals(s).values()) == 3000, "all have an outcome")
            kinds = collections.Counter(event["event"] for event in sender.outcomes())
            equal(set(kinds), {"delivered", "rejected-input"})
            equal(kinds["delivered"], len(receiver.accepted()))
        check(not [mail for mail in receiver.accepted() if mail.rcpts[0].startswith("x")],
              "somebody got mail who was not in the job")


@case("SMTP-46")
def what_is_done_and_cannot_be_removed_is_told_and_not_sent_again_until_it_can_be(t):
    domain, receiver = t.domain_with_receiver()
    for number, inside in enumerate(("", "/job1")):
        sender = t.sender("--workers=1")
        people = [{"to": f"r{n}.{number}@{domain}"} for n in range(50)]
        rcpts = [person["to"] for person in people] + [f"you{number}@{domain}"]
        put_job(sender, people, name=f"job{number}")
        sender.put(f"you{number}@{domain}")
        aside = os.path.join(sender.spool, "state/leaving")
        for run in range(2):
            process = sender.start("--once", under=strace("unlinkat", "error=EIO", aside + inside),
                                   environment=TRACED)
            # Of a file that an earlier run has left aside a start makes sure first.
            is_refused = run == 1 and not inside
            equal(process.wait(60), NOT_WRITABLE if is_refused else DONE, process.tail())
            check(("cannot remove" if is_refused else "tried again") in process.stderr(), process.stderr())
            equal(_finals(sender), collections.Counter(rcpts), "told in the first run, and never again")
        sender.run()
        equal(_finals(sender), collections.Counter(rcpts))
        mails = [rcpt for mail in receiver.accepted() for rcpt in mail.rcpts if rcpt in rcpts]
        equal(collections.Counter(mails), collections.Counter(rcpts))
        equal((sender.waiting(), os.listdir(aside)), ([], []))
        if os.listdir(os.path.join(sender.spool, "state/jobs")):  # of which there was no directory any more
            sender.run()
        equal(os.listdir(os.path.join(sender.spool, "state/jobs")), [])


@case("SMTP-46")
def mail_that_waits_keeps_no_segment_of_the_journal(t):
    """Of each kind that can wait for days; every run begins a segment of its own."""
    later, receiver = t.domain_with_receiver()
    fine = t.domain(t.receiver())
    receiver.rcpt_replies = {f"{name}@{later}": "450 4.2.1 not yet" for name in ("one", "job")}
    sender = t.sender("--retry-first=1h", "--park-after=0s")
    sender.put_raw(f"X-Sender: <news@sender.lab>\r\nX-Receiver: <one@{later}>\r\nX-Receiver: <done@{later}>\r\n"
                   f"X-Receiver: <done@{fine}>\r\n".encode() + message())
    put_job(sender, [{"to": f"job@{later}"}, {"to": f"more@{fine}"}])
    for number in range(6):
        sender.put(f"r{number}@{fine}")
        sender.run(expect=MAIL_WAITS)
    equal(len(sender.outcomes(event="delivered")), 9)
    segments = [name for name in os.listdir(os.path.join(sender.spool, "state"))
                if name.startswith("journal-")]
    check(len(segments) <= 2, f"{segments}")


@case("")
def a_spool_of_another_version_is_refused_and_left_as_it_is(t):
    """By its queue, or by its journal: here as they would be with the format after this one."""
    domain = t.domain(t.receiver(dialogue=refusing_at_first(1)))
    sender = t.sender("--park-after=0s", "--retry-first=1s")
    sender.put(f"you@{domain}")
    sender.run(expect=MAIL_WAITS)
    state = os.path.join(sender.spool, "state")
    journal = sorted(name for name in os.listdir(state) if name.startswith("journal-"))[0]
    # The number of the first segment and its first record, and the checksum of all before it.
    header = bytes.fromhex("4c534a524e4c0d0a000000020000100000000000000000010000000000000001886505 87")
    files = [(_queue_file(sender), "state/queue", lambda data: data.replace(b"LSQU\0\0\0\1", b"LSQU\0\0\0\2")),
             (os.path.join(state, journal), journal, lambda data: header + data[len(header):])]
    for path, name, change in files:
        with open(path, "rb") as file:
            data = file.read()
        check(change(data) != data, f"{name} is not what it is taken for")
        with open(path, "wb") as file:
            file.write(change(data))
        said = sender.run(expect=NOT_WRITABLE).stderr()
        check(name in said and "another version of longship" in said and "let that version" in said, said)
        with open(path, "wb") as file:
            file.write(data)
    process = sender.start()
    process.until(lambda: not sender.waiting(), "all is as it was")
    equal([event["event"] for event in sender.outcomes()], ["deferred", "delivered"])
