"""Job directories: one message for many, out of a template (DESIGN 1, format 3)."""

import collections
import json
import os
import shutil
import signal
import subprocess

from case import case
from peer import Dialogue, refusing_at_first
from sender import DONE, FINAL, MAIL_WAITS, check, equal, program

TEMPLATE = (
    "From: News <news@sender.lab>\r\nTo: {{name|friend}} <{{to}}>\r\n"
    "Subject: Hello {{name|friend}}\r\nMIME-Version: 1.0\r\n"
    "Content-Type: text/plain; charset=utf-8\r\n\r\nDear {{name|friend}}, you are {{id|nobody}}.\r\n")


def put_job(sender, people, /, name="may", template=TEMPLATE, place="new", **manifest):
    """Puts a job into the spool, by rename. `people` are objects, or lines as they are."""
    hidden = os.path.join(sender.spool, "tmp", name)
    os.makedirs(hidden)
    lines = [line if isinstance(line, str) else json.dumps(line) for line in people]
    _write(hidden, "recipients.jsonl", "".join(line + "\n" for line in lines))
    _write(hidden, "template.eml", template)
    _write(hidden, "manifest.json", json.dumps({
        "version": 1, "id": name + "-1", "recipients": len(lines), "sender": "news@sender.lab",
        **manifest}))
    path = os.path.join(sender.spool, place, name)
    if place != "tmp":
        os.rename(hidden, path)
    return path


def _write(directory, name, text):
    with open(os.path.join(directory, name), "w", newline="") as file:
        file.write(text)


def _people(count, *domains):
    return [{"to": f"r{n}@{domains[n % len(domains)]}", "id": f"id{n}", "vars": {"name": f"Name {n}"}}
            for n in range(count)]


def _finals(sender):
    return [event for event in sender.outcomes() if event["event"] in FINAL]


def _state(sender):
    return os.listdir(os.path.join(sender.spool, "state/jobs"))


def _check_no_state(sender):
    """What a run had no time to remove at its end goes with the next one."""
    if _state(sender):
        sender.run()
    equal(_state(sender), [])


@case()
def a_job_is_merged_and_sent_to_each_of_its_recipients(t):
    pairs = [t.domain_with_receiver() for _ in range(3)]
    sender = t.sender()
    people = _people(300, *(domain for domain, _ in pairs))
    put_job(sender, people, job="May letter", verp="b-{{id}}@list.sender.lab")
    sender.run()
    equal(sender.waiting(), [])
    equal(sender.bad(), [])
    _check_no_state(sender)
    mails = [mail for _, receiver in pairs for mail in receiver.accepted()]
    equal(len(mails), 300)
    equal(collections.Counter(rcpt for mail in mails for rcpt in mail.rcpts),
          collections.Counter(person["to"] for person in people))
    events = {event["rcpt"]: event for event in sender.outcomes()}
    equal(len(sender.outcomes()), 300)
    for n, person in enumerate(people):
        event = events[person["to"]]
        equal((event["event"], event["file"], event["job"], event["id"], event["from"]),
              ("delivered", "may", "May letter", f"id{n}", f"b-id{n}@list.sender.lab"))


@case()
def who_cannot_be_read_or_merged_is_refused_alone(t):
    domain, receiver = t.domain_with_receiver()
    sender = t.sender()
    put_job(sender, [
        {"to": f"good@{domain}", "vars": {"name": "Ann"}},
        "no json",
        {"to": f"breaks@{domain}", "id": "b", "vars": {"name": "x\r\nBcc: all@else.lab"}},
        {"to": "no address"},
        {"to": f"also.good@{domain}"}])
    sender.run()
    outcomes = sender.outcomes()
    equal(collections.Counter(event["event"] for event in outcomes),
          collections.Counter({"delivered": 2, "rejected-input": 3}))
    equal([event["id"] for event in outcomes if event["rcpt"] == f"breaks@{domain}"], ["b"])
    check(all(event["reason"] and event["file"] == "may" for event in outcomes
              if event["event"] == "rejected-input"), "no reason")
    equal(len(receiver.accepted()), 2)
    equal(sender.waiting(), [])


@case()
def a_manifest_that_does_not_agree_refuses_the_job_whole(t):
    domain, receiver = t.domain_with_receiver()
    sender = t.sender()
    put_job(sender, _people(3, domain), name="a", recipients=4)
    put_job(sender, _people(3, domain), name="b", recipients_bytes=1)
    put_job(sender, _people(3, domain), name="c", template="{{#if}} no header\r\n")
    sender.run()
    equal(receiver.accepted(), [])
    equal([name for name in sender.bad() if not name.endswith(".reason")], ["a", "b", "c"])
    check("4 recipients, and there are 3" in sender.bad_reason("a"), sender.bad_reason("a"))
    equal([event["event"] for event in sender.outcomes()], ["rejected-input"] * 3)
    _check_no_state(sender)


@case()
def a_job_without_its_manifest_waits_for_it(t):
    domain, receiver = t.domain_with_receiver()
    sender = t.sender()
    path = put_job(sender, _people(3, domain))
    os.rename(os.path.join(path, "manifest.json"), os.path.join(sender.spool, "tmp/manifest.json"))
    process = sender.run(expect=MAIL_WAITS)
    equal(receiver.accepted(), [])
    process = sender.start()
    os.rename(os.path.join(sender.spool, "tmp/manifest.json"), os.path.join(path, "manifest.json"))
    sender.wait_event(process, count=3, event="delivered")
    process.until(lambda: not sender.waiting(), "the job goes")


@case("SMTP-36")
def recipients_that_are_deferred_wait_in_the_queue_and_come_back(t):
    domain = t.domain(t.receiver(dialogue=refusing_at_first(2)))
    sender = t.sender("--retry-first=200ms", "--retry-max=300ms", "--park-after=0s")
    people = _people(200, domain)
    put_job(sender, people)
    process = sender.start()
    sender.wait_event(process, count=200, event="delivered")
    process.until(lambda: not sender.waiting(), "the job goes")
    process.until(lambda: not _state(sender), "and its state")
    for person in people:
        equal([event["attempt"] for event in sender.outcomes(rcpt=person["to"])], ["1", "2", "3"])


@case("SMTP-46")
def a_restart_goes_on_where_the_job_was(t):
    receiver = t.receiver(dialogue=refusing_at_first(1))
    domain = t.domain(receiver)
    other, willing = t.domain_with_receiver()
    sender = t.sender("--retry-first=1h", "--park-after=0s")
    put_job(sender, _people(60, domain, other))
    sender.run(expect=MAIL_WAITS)
    equal(len(sender.outcomes(event="delivered")), 30)
    equal(len(sender.outcomes(event="deferred")), 30)
    sender.run(expect=MAIL_WAITS)
    equal(len(sender.outcomes()), 60)
    retried = subprocess.run([program(), "queue", "retry", "--domain", domain, "--spool",
                              sender.spool], capture_output=True, text=True, check=False)
    equal(retried.returncode, DONE, retried.stdout + retried.stderr)
    process = sender.start()
    sender.wait_event(process, count=60, event="delivered")
    process.until(lambda: not sender.waiting(), "the job goes")
    equal((len(willing.accepted()), len(receiver.accepted())), (30, 30))


@case()
def a_job_that_is_moved_away_is_withdrawn(t):
    domain = t.domain(t.receiver(dialogue=refusing_at_first(9)))
    other, receiver = t.domain_with_receiver()
    sender = t.sender("--retry-first=1h", "--park-after=0s", "--site-sessions=1")
    path = put_job(sender, _people(400, domain, other))
    process = sender.start()
    sender.wait_event(process, count=20, event="deferred")
    os.rename(path, os.path.join(sender.spool, "tmp", "cancelled"))
    process.until(lambda: len(_finals(sender)) == 400, "all have an outcome")
    process.until(lambda: not _state(sender), "the state goes")
    equal(collections.Counter(event["rcpt"] for event in _finals(sender)),
          collections.Counter(person["to"] for person in _people(400, domain, other)))
    kinds = collections.Counter(event["event"] for event in _finals(sender))
    equal(set(kinds), {"delivered", "withdrawn"})
    equal(kinds["delivered"], len(receiver.accepted()))
    check(all(event["id"] for event in _finals(sender)), "no id")


@case()
def a_job_that_is_moved_away_between_two_runs_is_withdrawn(t):
    domain = t.domain(t.receiver(dialogue=refusing_at_first(9)))
    sender = t.sender("--retry-first=1h", "--park-after=0s")
    path = put_job(sender, _people(40, domain) + [
        {"to": f"later{n}@{domain}", "id": "l", "not_before": "2099-01-01T00:00:00Z"}
        for n in range(10)])
    sender.run(expect=MAIL_WAITS)
    shutil.rmtree(path)
    sender.run()
    equal(len(sender.outcomes(event="withdrawn")), 50)
    equal({event["file"] for event in sender.outcomes()}, {"may"})
    _check_no_state(sender)


@case()
def a_provider_that_takes_none_does_not_stop_the_others(t):
    """It answers 421 to everybody, and the job has many more for it than for the others."""
    class Busy(Dialogue):
        async def do_mail(self, line):
            await self.conn.say("421 4.3.2 too busy")
            raise ConnectionError("closed")

    busy = t.domain(t.receiver(dialogue=Busy))
    domain, receiver = t.domain_with_receiver()
    sender = t.sender("--sessions=4", "--retry-first=1h")
    people = _people(6000, busy) + _people(500, domain)
    put_job(sender, people)
    process = sender.start()
    sender.wait_event(process, count=500, event="delivered", domain=domain)
    equal(len(receiver.accepted()), 500)


@case()
def a_job_that_is_held_is_not_even_made_until_it_is_released(t):
    domain, receiver = t.domain_with_receiver()
    sender = t.sender("--site-sessions=1")
    put_job(sender, _people(2000, domain), job="May letter")
    process = sender.start()
    sender.wait_event(process, count=20, event="delivered")
    _queue(sender, "hold", "--job", "May letter")
    process.until(lambda: _queue(sender, "list", "--job", "May letter", expect=None), "they wait")
    held = len(receiver.accepted())
    check(held < 1500, f"{held} were sent before it was held")
    sender.put(f"other@{domain}")
    sender.wait_event(process, event="delivered", rcpt=f"other@{domain}")
    check(len(receiver.accepted()) <= held + 30, "the job went on")
    _queue(sender, "release", "--job", "May letter")
    sender.wait_event(process, count=2001, event="delivered")
    process.until(lambda: not sender.waiting(), "the job goes")


def _queue(sender, *words, expect=0):
    done = subprocess.run([program(), "queue", *words, "--spool", sender.spool],
                          capture_output=True, text=True, timeout=60, check=False)
    if expect is not None:
        equal(done.returncode, expect, f"{words}: {done.stdout}{done.stderr}")
    return done.stdout


@case()
def transactional_mail_overtakes_a_job(t):
    domain, receiver = t.domain_with_receiver()
    sender = t.sender("--site-sessions=1")
    put_job(sender, _people(3000, domain))
    process = sender.start()
    sender.wait_event(process, count=20, event="delivered")
    sender.put(f"now@{domain}", lines=("X-Longship-Class: transactional",))
    sender.wait_event(process, event="delivered", rcpt=f"now@{domain}")
    check(len(receiver.accepted()) < 1500, f"after {len(receiver.accepted())} of the job")


@case("SMTP-46 SMTP-17", alone=True)
def killed_again_and_again_every_recipient_has_one_outcome(t):
    receiver = t.receiver(dialogue=refusing_at_first(1))
    domain, other = t.domain(receiver), t.domain(receiver)
    willing, second = t.domain_with_receiver()
    sender = t.sender("--retry-first=100ms", "--retry-max=300ms", "--park-after=0s",
                      "--site-sessions=3")
    people = _people(600, domain, willing, other)
    put_job(sender, people)
    for wanted in range(20, 560, 40):
        process = sender.start()
        process.until(lambda wanted=wanted: len(_finals(sender)) >= wanted, f"{wanted} are done")
        process.signal(signal.SIGKILL)
        process.wait(10)
    process = sender.start()
    process.until(lambda: not sender.waiting(), "the job goes", timeout=90)
    process.until(lambda: not _state(sender), "its state goes")
    arrived = collections.Counter(
        rcpt for mail in receiver.accepted() + second.accepted() for rcpt in mail.rcpts)
    equal(set(arrived), {person["to"] for person in people})
    equal(collections.Counter(event["rcpt"] for event in _finals(sender)),
          collections.Counter(person["to"] for person in people), "one final outcome for each")
    equal({event["event"] for event in _finals(sender)}, {"delivered"})
    sequence = [int(event["seq"]) for event in sender.events()]
    equal(sequence, sorted(set(sequence)), "no line of events is missing its place or there twice")


def _start(sender):
    """A sender that answers."""
    process = sender.start()
    process.until(lambda: os.path.exists(os.path.join(sender.spool, "state/control")), "the socket")
    return process


def _job(sender, *words, expect=0):
    return [json.loads(line) for line in _queue(sender, "job", *words, "--json", expect=expect).splitlines()]


@case()
def a_job_is_shown_with_what_it_has_come_to_so_far(t):
    slow = t.domain(t.receiver(dialogue=refusing_at_first(9)))
    domain = t.domain_with_receiver()[0]
    sender = t.sender("--retry-first=1h", "--park-after=0s")
    put_job(sender, _people(40, domain, slow) + ["no json"], job="May letter")
    process = sender.start()
    sender.wait_event(process, count=20, event="delivered")
    sender.wait_event(process, count=20, event="deferred")
    process.until(lambda: _job(sender, "show", "may")[0]["parked"] == 20, "they are parked")
    (job,) = _job(sender, "show", "May letter")
    equal({key: job[key] for key in ("directory", "job", "state", "recipients", "delivered", "rejected",
                                     "bounced", "pending", "unmade", "in_memory", "parked", "held")},
          {"directory": "may", "job": "May letter", "state": "running", "recipients": 41, "delivered": 20,
           "rejected": 1, "bounced": 0, "pending": 20, "unmade": 0, "in_memory": 0, "parked": 20, "held": ""})
    equal([(row["domain"], row["recipients"], row["delivered"], row["failed"], row["pending"])
           for row in job["domains"]],
          [(slow, 20, 0, 0, 20), (domain, 20, 20, 0, 0), ("", 1, 0, 1, 0)])
    check(job["begun"] and job["expires"], f"{job}")
    check("20 delivered, 1 rejected, 20 pending (20 on disk)" in _queue(sender, "job", "show", "may"))
    _queue(sender, "job", "show", "june", expect=1)
    # Another one, of single files.
    sender.put(f"a@{domain}", lines=("X-Longship-Job: alarm",))
    sender.put(f"b@{slow}", lines=("X-Longship-Job: alarm",))
    sender.wait_event(process, event="delivered", job="alarm")
    process.until(lambda: [row["pending"] for row in _job(sender, "show", "alarm")] == [1], "it waits")
    equal([(row["job"], row["delivered"], row["pending"]) for row in _job(sender, "list")],
          [("May letter", 20, 20), ("alarm", 1, 1)])
    _queue(sender, "hold", "--job", "May letter")
    equal([(row["state"], row["held"]) for row in _job(sender, "show", "may")],
          [("held", "job May letter")])


def _check_each_has_one(sender, people, **kinds):
    """Each has one final outcome, and so many are of these kinds."""
    equal(collections.Counter(event["rcpt"] for event in _finals(sender)),
          collections.Counter(person["to"] for person in people))
    found = collections.Counter(event["event"] for event in _finals(sender))
    equal({kind: found[kind] for kind in kinds}, kinds)


@case()
def a_job_that_is_dropped_is_withdrawn_to_the_last_recipient_though_the_sender_is_killed(t):
    first, receiver = t.domain_with_receiver()
    second = t.domain(t.receiver(dialogue=refusing_at_first(9)))
    sender = t.sender("--site-sessions=1", "--retry-first=1h")
    people = _people(3000, first, second)
    put_job(sender, people, job="May letter", verp="b-{{id}}@list.sender.lab")
    process = sender.start()
    sender.wait_event(process, count=20, event="delivered")
    said = json.loads(_queue(sender, "drop", "--job", "May letter", "--json"))
    check(said["drop"] > 100, f"{said}")
    process.signal(signal.SIGKILL)
    process.wait(10)
    sent = len(receiver.accepted())
    process = sender.start()
    process.until(lambda: not sender.waiting(), "the job goes")
    process.until(lambda: not _state(sender), "its state goes")
    equal(len(receiver.accepted()), sent, "some were sent after they were dropped")
    delivered = len(sender.events(event="delivered"))
    _check_each_has_one(sender, people, delivered=delivered, withdrawn=3000 - delivered)
    withdrawn = sender.events(event="withdrawn")
    equal({event["reason"] for event in withdrawn}, {"dropped by the operator"})
    equal({(event["file"], event["job"]) for event in withdrawn}, {("may", "May letter")})
    check(all(event["from"] for event in withdrawn), "no sender")


@case()
def of_a_job_that_is_held_one_domain_can_be_dropped(t):
    first, receiver = t.domain_with_receiver()
    second, other = t.domain_with_receiver()
    sender = t.sender()
    people = _people(600, first, second)
    process = _start(sender)
    _queue(sender, "hold", "--job", "may-1")
    put_job(sender, people)
    process.until(lambda: _job(sender, "list") and _job(sender, "list")[0]["state"] == "held", "it is held")
    equal(_job(sender, "show", "may")[0]["unmade"], 600)
    equal(json.loads(_queue(sender, "drop", "--domain", second, "--json"))["drop"], 300)
    sender.wait_event(process, count=300, event="withdrawn", domain=second)
    equal((receiver.accepted(), other.accepted()), ([], []))
    equal([(row["pending"], row["withdrawn"]) for row in _job(sender, "show", "may")], [(300, 300)])
    _queue(sender, "drop", "--domain", second, expect=1)
    _queue(sender, "release", "--job", "may-1")
    sender.wait_event(process, count=300, event="delivered")
    process.until(lambda: not sender.waiting(), "the job goes")
    equal((len(receiver.accepted()), len(other.accepted())), (300, 0))
    _check_each_has_one(sender, people, delivered=300, withdrawn=300)


@case()
def who_is_of_a_domain_that_is_held_is_not_even_made_until_it_is_released(t):
    first, receiver = t.domain_with_receiver()
    second, other = t.domain_with_receiver()
    sender = t.sender("--park-after=0s")
    process = _start(sender)
    _queue(sender, "hold", "--domain", second)
    put_job(sender, _people(400, first, second))
    sender.wait_event(process, count=200, event="delivered")
    (entry,) = [json.loads(line) for line in
                _queue(sender, "list", "--domain", second, "--json").splitlines()]
    equal((entry["file"], entry["state"], entry["recipients"], entry["parked"]), ("may", "held", 200, False))
    check(f"held by the operator: domain {second}" in entry["why"], entry["why"])
    equal([(row["unmade"], row["domains"][0]["held"]) for row in _job(sender, "show", "may")],
          [(200, f"domain {second}")])
    equal(len(other.accepted()), 0)
    check("200 recipients released" in _queue(sender, "release", "--domain", second))
    sender.wait_event(process, count=400, event="delivered")
    process.until(lambda: not sender.waiting(), "the job goes")
    equal((len(receiver.accepted()), len(other.accepted())), (200, 200))


@case()
def a_job_of_which_all_waits_on_disk_is_dropped_by_the_name_of_its_directory(t):
    domain = t.domain(t.receiver(dialogue=refusing_at_first(9)))
    sender = t.sender("--retry-first=1h", "--park-after=0s")
    people = _people(50, domain)
    put_job(sender, people)
    process = _start(sender)
    process.until(lambda: _job(sender, "list") and _job(sender, "list")[0]["parked"] == 50, "they are parked")
    check("50 recipients dropped" in _queue(sender, "drop", "may"))
    process.until(lambda: not sender.waiting(), "the job goes")
    _check_each_has_one(sender, people, withdrawn=50)


@case()
def without_a_sender_a_job_is_shown_and_dropped_on_disk(t):
    first, receiver = t.domain_with_receiver()
    slow = t.domain(t.receiver(dialogue=refusing_at_first(9)))
    sender = t.sender("--retry-first=1h", "--park-after=0s", "--site-sessions=1")
    people = _people(1000, first, slow)
    put_job(sender, people, job="May letter")
    put_job(sender, _people(7, first), name="later", place="tmp")
    process = _start(sender)
    sender.wait_event(process, count=30, event="delivered")
    process.until(lambda: _job(sender, "list")[0]["parked"] > 5, "some are parked")
    process.signal(signal.SIGKILL)
    process.wait(10)
    os.rename(os.path.join(sender.spool, "tmp/later"), os.path.join(sender.spool, "new/later"))
    may = {row["directory"]: row for row in _job(sender, "list")}["may"]
    delivered = may["delivered"]  # by the journal, which the kill may have found ahead of the events
    check(delivered >= len(sender.events(event="delivered")), f"{delivered} delivered")
    equal((may["state"], may["recipients"]), ("stopped", 1000))
    equal((may["pending"], may["unmade"] + may["parked"], may["in_memory"]),
          (1000 - delivered, 1000 - delivered, 0))
    (later,) = _job(sender, "show", "later")
    equal((later["state"], later["pending"]), ("new", 7))
    # By domain: who waits in the queue and who was never made.
    rows = {row["domain"]: row for row in _job(sender, "show", "may")[0]["domains"]}
    equal(json.loads(_queue(sender, "drop", "--domain", slow, "--job", "May letter", "--json"))["drop"],
          rows[slow]["pending"])
    _queue(sender, "drop", "--domain", slow, "--job", "May letter", expect=1)
    equal(json.loads(_queue(sender, "drop", "later", "--json"))["drop"], 7)
    _queue(sender, "show", "may")
    process = sender.start()
    process.until(lambda: not sender.waiting(), "the jobs go")
    # What was in transaction when the sender was killed may have come twice.
    equal(len({rcpt for mail in receiver.accepted() for rcpt in mail.rcpts}), 500)
    equal([event["domain"] for event in sender.events(event="withdrawn", job="May letter")], [slow] * 500)
    equal(len(sender.events(event="withdrawn", file="later")), 7)
    equal(len(_finals(sender)), 1007)
