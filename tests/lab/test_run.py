"""The program itself: exit statuses, signals, one sender at a time, what events tell."""

import asyncio
import collections
import datetime
import json
import os
import resource
import signal
import subprocess

from case import Skipped, case
from peer import Dialogue
from sender import (ARGUMENTS, DONE, FINAL, MAIL_WAITS, NO_IO_URING, NOT_WRITABLE, SPOOL_OWNED,
                    check, equal, message, program)


def _call(*arguments, timeout=30):
    return subprocess.run([program(), *arguments], capture_output=True, text=True, timeout=timeout)


@case("")
def an_empty_spool_is_done_at_once(t):
    sender = t.sender()
    sender.run()
    equal(sender.events(), [])


@case("SMTP-12")
def wrong_arguments_are_told_in_one_line_and_exit_with_2(t):
    directory = t.lab.directory_for("arguments")
    wrong = (
        ["send"],
        ["send", "--spool", directory],
        ["send", "--spool", directory, "--store", directory],
        ["send", "--no-such-flag"],
        ["send", "--spool", directory, "--store", directory, "--helo", "localhost"],
        ["send", "--spool", directory, "--store", directory, "--helo", "a b.lab"],
        ["send", "--spool", directory, "--store", directory, "--helo", "mail.sender.lab",
         "--port", "70000"],
        ["send", "--spool", directory, "--store", directory, "--helo", "mail.sender.lab",
         "--tls", "x.lab=nonsense"],
        ["send", "--spool", directory, "--store", directory, "--helo", "mail.sender.lab",
         "--route", "nonsense"],
        ["no-such-command"],
    )
    for arguments in wrong:
        done = _call(*arguments)
        equal(done.returncode, ARGUMENTS, f"{arguments}: {done.stderr}")
        check(done.stderr.strip(), f"{arguments}: says nothing")
        # An unknown command is answered with the list of those that there are.
        most = 3 if arguments[0] == "send" else 12
        check(len(done.stderr.strip().splitlines()) <= most, f"{arguments}: {done.stderr}")


@case("")
def help_names_every_flag_that_scripts_rely_on(t):
    done = _call("send", "--help")
    equal(done.returncode, DONE)
    for flag in ("spool store events once workers helo port resolver trust-anchor ca-file "
                 "allow-private tls route retry-first retry-max lifetime site-sessions "
                 "sessions source drain-timeout commit-interval").split():
        check("--" + flag in done.stdout, f"--{flag} is not in --help")


@case("")
def flags_can_come_from_a_file(t):
    domain, receiver = t.domain_with_receiver()
    sender = t.sender()
    sender.put(f"you@{domain}")
    path = os.path.join(sender.directory, "flags")
    with open(path, "w") as file:
        file.write("# a comment\n--once\n--site-sessions=2\n")
    sender.finish(sender.start("@" + path))
    equal(len(receiver.accepted()), 1)


@case("")
def a_second_sender_on_the_same_spool_exits_with_73(t):
    domain, receiver = t.domain_with_receiver()
    sender = t.sender()
    first = sender.start()
    sender.put(f"one@{domain}")
    receiver.wait_for(lambda: len(receiver.accepted()) == 1)
    second = sender.run(expect=SPOOL_OWNED, events=os.path.join(sender.directory, "events-2"))
    check(second.stderr().strip(), "says nothing")
    sender.put(f"two@{domain}")
    receiver.wait_for(lambda: len(receiver.accepted()) == 2)
    check(first.running(), "the first was disturbed")


@case("")
def events_that_cannot_be_written_exit_with_74_before_any_mail_is_sent(t):
    domain, receiver = t.domain_with_receiver()
    sender = t.sender()
    name = sender.put(f"you@{domain}")
    process = sender.run(expect=NOT_WRITABLE, events="/nonexistent/directory/events")
    check(process.stderr().strip(), "says nothing")
    equal(receiver.mails, [])
    equal(sender.waiting(), [name])


@case("")
def an_event_file_on_a_full_disk_stops_in_order_with_74(t):
    domain, receiver = t.domain_with_receiver()
    sender = t.sender()
    for n in range(20):
        sender.put(f"r{n}@{domain}")
    process = sender.run(expect=NOT_WRITABLE, events="/dev/full")
    check(process.stderr().strip(), "says nothing")
    # What was sent was recorded or is still there; nothing is lost.
    check(len(sender.waiting()) + len(receiver.accepted()) >= 20)


@case("")
def mail_that_waits_exits_with_75(t):
    sender = t.sender()
    sender.put(f"you@{t.domain(t.lab.refusing_address())}")
    sender.run(expect=MAIL_WAITS)


@case("")
def events_go_to_standard_output_when_told(t):
    domain, _ = t.domain_with_receiver()
    sender = t.sender()
    sender.put(f"you@{domain}")
    process = sender.run(events="-")
    lines = [json.loads(line) for line in process.stdout().splitlines()]
    equal([line["event"] for line in lines if line["event"] != "session"], ["delivered"])


def _as_nobody(t, sender, prepare):
    """Runs the sender as an ordinary user after prepare() in the child."""
    if t.lab.single_user:
        raise Skipped("needs a second user: run as root")
    for path in (sender.directory, sender.spool, sender.store):
        os.chown(path, 65534, 65534)
    for name in os.listdir(sender.spool):
        os.chown(os.path.join(sender.spool, name), 65534, 65534)
    for name in sender.waiting():
        os.chown(sender.path(name), 65534, 65534)

    def become():
        prepare()
        os.setgroups([])
        os.setgid(65534)
        os.setuid(65534)

    return sender.start("--once", preexec_fn=become)


@case("")
def too_little_locked_memory_is_told_in_one_line_or_does_no_harm(t):
    domain, receiver = t.domain_with_receiver()
    sender = t.sender()
    sender.put(f"you@{domain}")
    process = _as_nobody(t, sender, lambda: resource.setrlimit(resource.RLIMIT_MEMLOCK, (0, 0)))
    # Kernels since 5.12 charge rings to the memory cgroup and not to RLIMIT_MEMLOCK, but buffers
    # that are registered still count.
    status = process.wait(60)
    check(status in (DONE, NO_IO_URING), f"{status}\n{process.tail()}")
    if status == NO_IO_URING:
        check("memlock" in process.stderr().lower(), process.stderr())
        equal(receiver.mails, [])


@case("")
def where_io_uring_is_forbidden_one_line_says_so_and_the_exit_is_69(t):
    domain, receiver = t.domain_with_receiver()
    sender = t.sender()
    name = sender.put(f"you@{domain}")
    process = sender.start("--once", preexec_fn=_forbid_io_uring)
    status = process.wait(60)
    equal(status, NO_IO_URING, process.tail())
    check("io_uring" in process.stderr(), process.stderr())
    equal(sender.waiting(), [name])
    equal(receiver.mails, [])


def _forbid_io_uring():
    """A seccomp filter: io_uring_setup fails with EPERM, as in a container's default profile."""
    import ctypes
    import struct

    set_no_new_privs, set_seccomp, mode_filter = 38, 22, 2
    io_uring_setup, eperm = 425, 1
    # Load the number of the call; if it is io_uring_setup return EPERM, else allow.
    program_bytes = b"".join((
        struct.pack("HBBI", 0x20, 0, 0, 0),
        struct.pack("HBBI", 0x15, 0, 1, io_uring_setup),
        struct.pack("HBBI", 0x06, 0, 0, 0x00050000 | eperm),
        struct.pack("HBBI", 0x06, 0, 0, 0x7fff0000),
    ))
    libc = ctypes.CDLL(None, use_errno=True)
    buffer = ctypes.create_string_buffer(program_bytes)
    filters = struct.pack("HxxxxxxP", 4, ctypes.addressof(buffer))
    if libc.prctl(set_no_new_privs, 1, 0, 0, 0) or libc.prctl(set_seccomp, mode_filter, filters):
        os._exit(111)


def _heard(receiver, octets):
    return any(octets in conn.received_tls for conn in list(receiver.connections))


class SlowEnd(Dialogue):
    """Takes a second for the reply to each message."""

    async def at(self, stage):
        if stage == "dot":
            self.receiver.__dict__["in_flight"] = self.receiver.__dict__.get("in_flight", 0) + 1
            await asyncio.sleep(1)


@case("")
def sigterm_finishes_what_is_in_flight_and_begins_nothing_new(t):
    domain, receiver = t.domain_with_receiver(dialogue=SlowEnd)
    sender = t.sender("--site-sessions=4")
    for n in range(40):
        sender.put(f"r{n}@{domain}")
    process = sender.start()
    process.until(lambda: receiver.__dict__.get("in_flight", 0) >= 4, "four in flight")
    process.signal(signal.SIGTERM)
    sender.finish(process, expect=(DONE, MAIL_WAITS), timeout=30)
    delivered = {event["rcpt"] for event in sender.outcomes(event="delivered")}
    got = [rcpt for mail in receiver.accepted() for rcpt in mail.rcpts]
    equal(sorted(delivered), sorted(got), "what was taken was recorded")
    check(4 <= len(got) < 40, f"{len(got)} of 40 were sent")
    equal(len(sender.waiting()), 40 - len(got), "files left")
    # The rest goes out with the next start, each once.
    sender.run(timeout=60)
    got = [rcpt for mail in receiver.accepted() for rcpt in mail.rcpts]
    equal(sorted(got), sorted(f"r{n}@{domain}" for n in range(40)))


@case("")
def sigterm_waits_no_longer_than_the_drain_timeout(t):
    import hostile

    domain = t.domain(t.receiver(dialogue=hostile.HOSTILE["silence-at-dot"]))
    sender = t.sender("--drain-timeout=1s")
    sender.put(f"you@{domain}")
    process = sender.start()
    receiver = t.receivers[0]
    process.until(lambda: _heard(receiver, b"\r\n.\r\n"), "the dot was sent")
    process.signal(signal.SIGTERM)
    sender.finish(process, expect=(DONE, MAIL_WAITS), timeout=10)
    equal(len(sender.waiting()), 1)


@case("")
def a_second_sigterm_stops_at_once(t):
    import hostile

    domain = t.domain(t.receiver(dialogue=hostile.HOSTILE["silence-at-mail"]))
    sender = t.sender("--drain-timeout=60s")
    sender.put(f"you@{domain}")
    process = sender.start()
    receiver = t.receivers[0]
    process.until(lambda: _heard(receiver, b"MAIL FROM"), "MAIL was sent")
    process.signal(signal.SIGTERM)
    # The first one must have been taken: it says so on a line of its own.
    process.until(lambda: "stopping" in process.stderr(), "a line about stopping")
    process.signal(signal.SIGTERM)
    sender.finish(process, expect=(DONE, MAIL_WAITS), timeout=10)
    equal(len(sender.waiting()), 1)


@case("DSN-13 POL-15")
def events_have_every_field_and_true_values(t):
    domain, receiver = t.domain_with_receiver()
    sender = t.sender()
    content = message("true values")
    name = sender.put(f"you@{domain}", content, lines=["X-Longship-Job: spring",
                                                       "X-Longship-Class: bulk"])
    before = datetime.datetime.now(datetime.timezone.utc) - datetime.timedelta(seconds=2)
    sender.run()
    event = sender.outcome(f"you@{domain}")
    wanted = {
        "event": "delivered", "file": name, "id": "<true.values@sender.lab>", "job": "spring",
        "class": "bulk", "from": "news@sender.lab", "rcpt": f"you@{domain}", "domain": domain,
        "ip": receiver.addresses[0], "helo": "mail.sender.lab", "status": "2.0.0",
        "bounce_class": "", "size": str(len(content)), "tls": "TLSv1.3",
        "channel": "unauthenticated", "security": "encrypted", "policy": "may", "attempt": "1"}
    wrong = {field: (event[field], value) for field, value in wanted.items()
             if event[field].strip("<>") != value.strip("<>")}
    equal(wrong, {}, "fields as (got, wanted)")
    check(event["mx"].endswith(".play.lab"), event["mx"])
    check(event["source"].startswith("127."), event["source"])
    check("queued as LAB" in event["reply"], event["reply"])
    check(event["seq"].isdigit() and int(event["seq"]) >= 1, event["seq"])
    when = datetime.datetime.fromisoformat(event["time"].replace("Z", "+00:00"))
    check(before <= when <= datetime.datetime.now(datetime.timezone.utc), event["time"])
    check(event["time"].endswith("Z") and len(event["time"].split(".")[1]) == 7, event["time"])


@case("RPT-09 DSN-13")
def each_connection_closes_with_a_session_event(t):
    domain, receiver = t.domain_with_receiver()
    dead = t.domain(t.lab.refusing_address())
    sender = t.sender("--site-sessions=1")
    for n in range(10):
        sender.put(f"r{n}@{domain}")
    sender.put(f"you@{dead}")
    sender.run(expect=MAIL_WAITS)
    (session,) = sender.sessions(ip=receiver.addresses[0])
    equal(session["result"], "success")
    equal(session["tls"], "TLSv1.3")
    ids = {event["session"] for event in sender.outcomes(event="delivered")}
    equal(ids, {session["session"]}, "the deliveries name their session")
    refused = [event for event in sender.sessions() if event["ip"] != receiver.addresses[0]]
    check(refused, "no session event for the refused connection")
    check(all(event["reason"] for event in refused), f"{refused}")


@case("DSN-13")
def outcomes_add_up_to_what_was_put_in(t):
    good, receiver = t.domain_with_receiver()
    receiver.rcpt_replies = {f"gone{n}@{good}": "550 5.1.1 no" for n in range(10)}
    dead = t.domain(t.lab.refusing_address())
    sender = t.sender()
    for n in range(10):
        sender.put([f"ok{n}@{good}", f"gone{n}@{good}"])
        sender.put(f"wait{n}@{dead}")
    sender.run(expect=MAIL_WAITS)
    kinds = collections.Counter(event["event"] for event in sender.outcomes())
    # Those who were never offered to the dead host have no event, but they wait.
    check(1 <= kinds.pop("deferred") <= 10, f"{kinds}")
    equal(kinds, {"delivered": 10, "bounced": 10})
    equal(len(sender.waiting()), 10)
    sequence = [int(event["seq"]) for event in sender.outcomes()]
    equal(sequence, sorted(set(sequence)), "seq grows and is never the same")


@case("")
def no_recipient_has_two_final_outcomes_over_several_runs(t):
    domain, receiver = t.domain_with_receiver()
    sender = t.sender()
    for n in range(3):
        for m in range(5):
            sender.put(f"r{n}.{m}@{domain}")
        sender.run()
    finals = collections.Counter(
        event["rcpt"] for event in sender.outcomes() if event["event"] in FINAL)
    equal(set(finals.values()), {1})
    equal(len(finals), 15)
    sequence = [int(event["seq"]) for event in sender.outcomes()]
    equal(sequence, sorted(set(sequence)), "seq goes on from run to run")


@case("")
def sighup_reopens_the_event_file(t):
    domain, receiver = t.domain_with_receiver()
    sender = t.sender()
    process = sender.start()
    sender.put(f"one@{domain}")
    sender.wait_event(process, event="delivered", rcpt=f"one@{domain}")
    os.rename(sender.event_file, sender.event_file + ".1")
    process.signal(signal.SIGHUP)
    process.until(lambda: os.path.exists(sender.event_file), "a new event file")
    sender.put(f"two@{domain}")
    sender.wait_event(process, event="delivered", rcpt=f"two@{domain}")
    equal(sender.events(rcpt=f"one@{domain}"), [])


@case("SMTP-12")
def mail_leaves_from_the_source_that_was_given_under_its_name(t):
    domain, receiver = t.domain_with_receiver()
    sources = [t.lab.address() for _ in range(2)]
    sender = t.sender("--source", f"{sources[0]},helo=one.sender.lab",
                      "--source", f"{sources[1]},helo=two.sender.lab", "--site-sessions=2")
    for n in range(40):
        sender.put(f"r{n}@{domain}")
    sender.run()
    used = {(mail.conn.address, mail.helo) for mail in receiver.accepted()}
    check(used <= {(sources[0], "one.sender.lab"), (sources[1], "two.sender.lab")}, f"{used}")
    events = sender.outcomes(event="delivered")
    check({event["source"] for event in events} <= set(sources), "events name the source")


@case("SMTP-39", alone=True)
def a_thousand_sessions_are_open_at_once(t):
    class Holds(Dialogue):
        """Answers the message only when so many others are waiting too."""

        async def at(self, stage):
            if stage == "dot":
                state = self.receiver.__dict__
                state["waiting"] = state.get("waiting", 0) + 1
                event = state.setdefault("event", asyncio.Event())
                if state["waiting"] >= 1000:
                    event.set()
                await asyncio.wait_for(event.wait(), 200)

    if resource.getrlimit(resource.RLIMIT_NOFILE)[1] < 4096:
        raise Skipped("needs 4,096 open files: ulimit -Hn is lower")
    receiver = t.receiver([t.lab.address() for _ in range(100)], dialogue=Holds, backlog=4096)
    domains = [t.domain(address) for address in receiver.addresses]
    sender = t.sender("--sessions=1000", "--site-sessions=10", "--tls-timeout=90s",
                      "--greeting-timeout=90s", "--connect-timeout=60s", "--final-timeout=250s")
    # More than one for each session, since a session may have the next one bound already.
    for domain in domains:
        for n in range(30):
            sender.put(f"r{n}@{domain}")
    sender.run(timeout=300)
    equal(len(receiver.accepted()), 3000)
    equal(len(sender.outcomes(event="delivered")), 3000)
