"""The suppression list in a whole run: who is on it gets no mail, and hard bounces put their address there
(--suppress-bounces), but only where nobody can have forged them unless the operator wants otherwise."""

import json
import os
import signal
import subprocess
import sys

from case import case
from sender import check, equal, message, program

HOLD = os.path.join(os.path.dirname(os.path.abspath(__file__)), "hold_cache.py")
NO_USER = "550 5.1.1 no such user here"


def _list(sender, *arguments, expect=(0,)):
    """`longship suppress` on the spool: one object a line."""
    command = [program(), "suppress", *arguments, "--spool", sender.spool, "--json"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    check(done.returncode in expect, f"{command}: {done.returncode} {done.stderr}")
    return [json.loads(line) for line in done.stdout.splitlines()]


def _twice(sender, rcpt):
    """Two messages to one address, in two runs; the events of its two outcomes."""
    for _ in range(2):
        sender.put(rcpt)
        sender.run()
    return [event["event"] for event in sender.outcomes(rcpt=rcpt)]


def _secure(t):
    """A domain whose host proves itself by a certificate for it, and the flag that wants it to."""
    receiver = t.receiver()
    domain = t.domain(receiver)
    return domain, receiver, f"--tls={domain}=secure:mx.lab"


@case("SEC-20 DESIGN-5")
def a_hard_bounce_over_a_proven_channel_ends_all_further_mail(t):
    domain, receiver, flag = _secure(t)
    rcpt = f"Gone@{domain}"
    receiver.rcpt_replies = {rcpt: NO_USER, f"full@{domain}": "552 5.2.2 mailbox full"}
    sender = t.sender(flag, "--suppress-bounces=authenticated")
    sender.put(f"full@{domain}")
    equal(_twice(sender, rcpt), ["bounced", "suppressed"])
    sessions = {event["session"] for event in sender.outcomes(rcpt=rcpt)}
    equal(len(sessions - {""}), 1, "the second message was not even tried")
    (entry,) = _list(sender, "list")
    equal(entry["address"], rcpt.lower())
    equal(entry["reason"], f"automatic: hard bounce (mailbox, heard over secure): {NO_USER}")
    equal(entry["automatic"], True)
    event = sender.outcomes(event="suppressed")[0]
    equal(event["reason"], "on the suppression list: " + entry["reason"])
    equal(sender.outcomes(event="bounced", rcpt=rcpt)[0]["security"], "secure")
    # It is taken off by hand, and only a new bounce brings it back.
    equal(_list(sender, "del", rcpt), [{"address": rcpt.lower(), "deleted": True}])
    receiver.rcpt_replies = {}
    sender.put(rcpt)
    sender.run()
    equal(len(receiver.accepted()), 1)
    equal(_list(sender, "list"), [])


@case("SEC-20 POL-14 DESIGN-5")
def what_anybody_on_the_way_can_say_burns_no_address_unless_that_is_wanted(t):
    receiver = t.receiver(certificate=None)
    domain = t.domain(receiver)
    for flag, second in (("authenticated", "bounced"), ("demanded", "suppressed")):
        rcpt = f"{flag}@{domain}"
        receiver.rcpt_replies[rcpt] = NO_USER
        sender = t.sender(f"--suppress-bounces={flag}")
        equal(_twice(sender, rcpt), ["bounced", second], flag)
        found = [entry["address"] for entry in _list(sender, "list")]
        equal(found, [rcpt] if second == "suppressed" else [])


@case("SMTP-46 DESIGN-5", alone=True)
def killed_again_and_again_it_suppresses_whoever_bounced(t):
    count = 200
    receiver = t.receiver()
    domain = t.domain(receiver)
    rcpts = [f"r{n}@{domain}" for n in range(count)]
    receiver.rcpt_replies = {rcpt: NO_USER for rcpt in rcpts}
    sender = t.sender("--suppress-bounces=demanded", "--site-sessions=3")
    for rcpt in rcpts:
        sender.put(rcpt)
    for wanted in (20, 70, 130):
        process = sender.start()
        sender.wait_event(process, event="bounced", count=wanted)
        process.signal(signal.SIGKILL)
        process.wait(10)
    sender.run()
    equal(sorted(event["rcpt"] for event in sender.outcomes(event="bounced")), sorted(rcpts))
    equal(sorted(entry["address"] for entry in _list(sender, "list")), sorted(rcpts))
    check(all(entry["automatic"] for entry in _list(sender, "list")))


def _send_while_held(sender, receiver, domain):
    sender.put(f"gone@{domain}")
    for n in range(20):
        sender.put(f"ann{n}@{domain}")
    process = sender.run()
    equal(len(receiver.accepted()), 21)
    equal(len(sender.outcomes(event="bounced")), 1)
    check("event=suppress_blocked" in process.stderr(), process.tail())


@case("DESIGN-5", alone=True)
def a_tool_that_holds_the_list_stops_no_mail_and_no_end(t):
    domain, receiver = t.domain_with_receiver()
    receiver.rcpt_replies = {f"gone@{domain}": NO_USER}
    sender = t.sender("--suppress-bounces=demanded")
    sender.put(f"first@{domain}")
    sender.run()
    # It takes the list with its first line, and has read some when the pipe has taken all of this.
    command = [program(), "suppress", "import", "-", "--spool", sender.spool]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL) as tool:
        tool.stdin.write(b"".join(b"held%d@nowhere.lab\n" % n for n in range(7000)))
        tool.stdin.flush()
        _send_while_held(sender, receiver, domain)
        tool.stdin.close()
        equal(tool.wait(30), 0)
    # What is not on it yet is put there by the next start.
    sender.put(f"gone@{domain}")
    sender.run()
    equal([event["event"] for event in sender.outcomes(rcpt=f"gone@{domain}")],
          ["bounced", "suppressed"])


@case("DESIGN-5", alone=True)
def a_start_that_waits_for_another_writer_of_the_list_says_for_whom(t):
    domain, receiver = t.domain_with_receiver()
    sender = t.sender()
    folder = os.path.join(sender.spool, "state", "suppress")
    os.makedirs(folder, mode=0o700)
    with subprocess.Popen(
            [sys.executable, HOLD, folder, "16"], stdout=subprocess.PIPE, text=True) as holder:
        equal(holder.stdout.readline(), "held\n")
        sender.put(f"ann@{domain}")
        process = sender.start("--once")
        process.until(lambda: "event=suppress_held" in process.stderr(), "a word of it")
        check(f'who="{holder.pid} (' in process.stderr(), process.tail())
        equal(receiver.accepted(), [])
        holder.kill()
    sender.finish(process)
    equal(len(receiver.accepted()), 1)


@case("DNS-01")
def without_a_network_a_run_that_needs_no_route_ends_at_once(t):
    sender = t.sender(resolver=f"{t.lab.address()}@53")  # nobody is there
    sender.run()
    _list(sender, "add", "ann@nowhere.lab")
    sender.put("ann@nowhere.lab", content=message())
    process = sender.run()
    equal(sender.outcome("ann@nowhere.lab")["event"], "suppressed")
    check("dnssec" not in process.stderr(), "the self-test was not waited for")
