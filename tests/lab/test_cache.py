"""The shared cache while mail is sent: what it saves, what it may never do, and other processes at it."""

import json
import os
import signal
import subprocess
import sys
import time

import zones
from case import case
from sender import DONE, IMPATIENT, MAIL_WAITS, NOT_WRITABLE, check, delivered_to, equal, program

LONG_S = 3600
HOLD = os.path.join(os.path.dirname(os.path.abspath(__file__)), "hold_cache.py")


def cache(sender, *words, status=0):
    """What `longship cache` prints about the store of this sender."""
    done = subprocess.run(
        [program(), "cache", *words, "--store", sender.store], capture_output=True, text=True,
        check=False, timeout=60)
    equal(done.returncode, status, done.stdout + done.stderr)
    return done.stdout


def entries(sender, *words):
    return [json.loads(line) for line in cache(sender, *words, "--json").splitlines()]


def shares_store(sender, other):
    """From now on it uses the store of the other."""
    sender.flags[sender.flags.index(sender.store)] = other.store
    sender.store = other.store


def lasting_domain(t, receiver, name=None):
    """A mail domain whose every answer lives for an hour. The receiver has an address of each family."""
    names = t.lab.names
    domain, host = name or f"d{t.lab.number()}.play.lab", f"mx{t.lab.number()}.play.lab"
    for rdtype in ("A", "AAAA"):
        names.set(host, rdtype, [address for address in receiver.addresses
                                 if (":" in address) == (rdtype == "AAAA")], ttl=LONG_S)
    names.set(domain, "MX", [f"10 {host}."], ttl=LONG_S)
    return domain, host


def lasting_receiver(t):
    return t.receiver(addresses=[t.lab.address(), t.lab.address6()])


def asked_since(t, mark, *ends):
    """What was asked of names with these ends, after the first `mark` questions; without what belongs
    to MTA-STS, which has tests of its own."""
    return [query[:2] for query in t.lab.names.queries()[mark:]
            if query[0].endswith(ends) and not query[0].startswith("_mta-sts.")]


def mark(t):
    return len(t.lab.names.queries())


# One after the other.


@case("DNS-12 SEC-34 STS-47", alone=True)
def a_second_start_asks_for_nothing_that_has_not_expired_and_still_proves_dane(t):
    receiver = t.receiver(zones.MX_ADDRESS["dane.lab"])
    sender = t.sender()
    sender.put("one@dane.lab")
    sender.run()
    equal(delivered_to(sender, "one@dane.lab", receiver)["security"], "dane")
    before = mark(t)
    sender.put("two@dane.lab")
    sender.run()
    equal(delivered_to(sender, "two@dane.lab", receiver)["security"], "dane")
    equal(asked_since(t, before, "dane.lab"), [])


@case("DNS-12 DNS-24")
def what_has_expired_is_asked_again(t):
    domain, receiver = t.domain_with_receiver()  # five seconds
    sender = t.sender()
    sender.put(f"one@{domain}")
    sender.run()
    wait_until_expired(sender, 6)
    before = mark(t)
    t.lab.names.fault(domain, "MX", "servfail")
    sender.put(f"two@{domain}")
    sender.run(*IMPATIENT, expect=MAIL_WAITS)
    check((domain, "MX") in asked_since(t, before, domain), "the MX records were not asked for")
    equal(sender.outcome(f"two@{domain}")["event"], "deferred")
    equal(len(receiver.accepted()), 1)


def wait_until_expired(sender, seconds):
    """Until the longest life in the cache is over, at most so long."""
    deadline = time.monotonic() + seconds
    while entries(sender, "list"):
        check(time.monotonic() < deadline, "entries stay in the cache")


@case("DNS-25")
def another_trust_anchor_or_forwarder_finds_nothing_of_the_old_one(t):
    receiver = lasting_receiver(t)
    domain, host = lasting_domain(t, receiver)
    sender = t.sender()
    sender.put(f"one@{domain}")
    sender.run()
    anchor = os.path.join(sender.directory, "root.key")
    with open(t.lab.trust_anchor, encoding="ascii") as file:
        text = file.read()
    with open(anchor, "w", encoding="ascii") as file:
        file.write(text + ". IN DS 12345 13 2 " + "ab" * 32 + "\n")
    at = sender.flags.index(t.lab.trust_anchor)
    whole = [(domain, "MX"), (host, "A"), (host, "AAAA")]
    for number, (file_name, questions) in enumerate(((anchor, whole), (t.lab.trust_anchor, []))):
        sender.flags[at] = file_name
        before = mark(t)
        sender.put(f"two{number}@{domain}")
        sender.run()
        equal(sorted(set(asked_since(t, before, domain, host))), sorted(questions))
        delivered_to(sender, f"two{number}@{domain}", receiver)


@case("DNS-27 SMTP-46", alone=True)
def killed_again_and_again_it_loses_nothing_that_was_written(t):
    rounds, each = 6, 15
    receiver = t.receiver()
    host = t.lab.host(*receiver.addresses)
    t.lab.names.set(host, "A", receiver.addresses, ttl=LONG_S)
    parent = f"kill{t.lab.number()}.play.lab"
    domains = [f"d{number}.{parent}" for number in range(rounds * each)]
    for domain in domains:
        t.lab.names.set(domain, "MX", [f"10 {host}."], ttl=LONG_S)
    sender = t.sender()

    def written():
        return {(entry["name"], "MX") for entry in entries(sender, "list")
                if entry["name"] in domains}

    kept = set()
    for number in range(rounds):
        before = mark(t)
        for domain in domains[number * each:(number + 1) * each]:
            sender.put(f"you@{domain}")
        process = sender.start()
        receiver.wait_for(lambda got=number * each + 5: len(receiver.accepted()) >= got)
        if number % 2 == 0:  # as soon as it is written; else in the middle of it, or before
            process.until(lambda: len(written()) > len(kept), "more is written")
        process.signal(signal.SIGKILL)
        process.wait(10)
        check("cache_set_aside" not in process.stderr(), process.tail())
        known = written()
        check(len(known) >= len(kept), f"{kept - known} are not kept any more")
        check(not set(asked_since(t, before, parent)) & kept, "asked again though it was kept")
        kept = known
    check(len(kept) > each, f"only {len(kept)} are kept")
    before = mark(t)
    process = sender.run()
    check("cache_set_aside" not in process.stderr(), process.tail())
    check(not set(asked_since(t, before, parent)) & kept, "asked again though it was kept")
    equal({event["event"] for event in sender.outcomes()}, {"delivered"})


@case("DNS-27")
def a_cache_of_another_version_is_set_aside_with_one_line(t):
    receiver = lasting_receiver(t)
    domain, _ = lasting_domain(t, receiver)
    sender = t.sender()
    sender.put(f"one@{domain}")
    sender.run()
    file_name = os.path.join(sender.store, "cache", "data.mdb")
    with open(file_name, "rb") as file:
        data = file.read()
    check(b"LSCH\0\0\0\2" in data, "no head in the cache")
    with open(file_name, "wb") as file:
        file.write(data.replace(b"LSCH\0\0\0\2", b"LSCH\0\0\0\1"))
    before = mark(t)
    sender.put(f"two@{domain}")
    process = sender.run()
    lines = [line for line in process.stderr().splitlines() if "cache_set_aside" in line]
    equal(len(lines), 1, process.tail())
    check("has version 1 instead of 2" in lines[0] and "set aside as" in lines[0], lines[0])
    check(os.path.exists(os.path.join(sender.store, "cache.set-aside", "data.mdb")), "it is gone")
    delivered_to(sender, f"two@{domain}", receiver)
    check((domain, "MX") in asked_since(t, before, domain), "believed all the same")


@case("DNS-27")
def a_store_that_cannot_be_used_stops_the_start(t):
    for path, words in (("store/cache", "may be written by others"), ("store", "directory")):
        sender = t.sender()
        if path == "store":
            os.rmdir(sender.store)
            with open(sender.store, "w", encoding="ascii") as file:
                file.write("no directory")
        else:
            os.mkdir(os.path.join(sender.directory, path))
            os.chmod(os.path.join(sender.directory, path), 0o777)
        process = sender.run(expect=NOT_WRITABLE)
        check(words in process.stderr(), process.tail())


@case("SMTP-46")
def without_store_the_spool_has_a_cache_of_its_own(t):
    receiver = lasting_receiver(t)
    domain, host = lasting_domain(t, receiver)
    sender = t.sender()
    at = sender.flags.index("--store")
    del sender.flags[at:at + 2]
    sender.put(f"one@{domain}")
    sender.run()
    before = mark(t)
    sender.put(f"two@{domain}")
    sender.run()
    equal(asked_since(t, before, domain, host), [])
    sender.store = os.path.join(sender.spool, "state")
    check(domain in cache(sender, "show", domain), "not in the spool's state")


# At the same time.


@case("SEC-34")
def a_second_sender_sees_what_the_first_has_learned(t):
    receiver = lasting_receiver(t)
    domain, host = lasting_domain(t, receiver)
    first, second = t.sender(), t.sender()
    shares_store(second, first)
    first.put(f"one@{domain}")
    process = first.start()
    first.wait_event(process, event="delivered")
    process.until(lambda: len(entries(first, "list")) >= 3, "what was learned is written")
    before = mark(t)
    second.put(f"two@{domain}")
    second.run()
    delivered_to(second, f"two@{domain}", receiver)
    equal(asked_since(t, before, domain, host), [])
    check("cache_" not in process.stderr(), process.tail())


@case("STS-51")
def what_is_forgotten_by_hand_is_asked_anew_by_a_sender_that_runs(t):
    old, new = lasting_receiver(t), lasting_receiver(t)
    domain, host = lasting_domain(t, old)
    sender = t.sender("--idle-timeout=100ms")
    sender.put(f"first@{domain}")
    process = sender.start()
    sender.wait_event(process, event="delivered")
    process.until(lambda: len(entries(sender, "list")) >= 3, "what was learned is written")
    check(domain in {entry["name"] for entry in entries(sender, "show", domain)}, "it is not shown")
    check(old.addresses[0] in cache(sender, "show", host), "the address is not shown")
    for rdtype, address in zip(("A", "AAAA"), new.addresses):
        t.lab.names.set(host, rdtype, [address], ttl=LONG_S)
    cache(sender, "forget", host)
    cache(sender, "show", host, status=1)
    # Within the life of a route, which is a minute.
    start = time.monotonic()
    while not new.accepted():
        check(time.monotonic() - start < 65, f"still at the old address\n{process.tail()}")
        sender.put(f"m{t.lab.number()}@{domain}")
        count = len(sender.events(event="delivered"))
        sender.wait_event(process, event="delivered", count=count + 1)
        process.until(lambda at=time.monotonic(): time.monotonic() - at > 1, "a second is over")
    equal(process.stderr().count("cache_forgotten"), 1)
    check(new.addresses[0] in cache(sender, "show", host), "the new address is not kept")
    equal(len(t.lab.names.queries(domain, "MX")), 1)


@case("SMTP-46", alone=True)
def a_process_that_was_stopped_while_it_writes_stops_nothing(t):
    receiver = lasting_receiver(t)
    domain, _ = lasting_domain(t, receiver)
    sender = t.sender()
    sender.put(f"one@{domain}")
    sender.run()
    holder = t.lab.start("hold-cache", [sys.executable, HOLD, os.path.join(sender.store, "cache")],
                         sender.directory)
    holder.until(lambda: "held" in holder.stdout(), "the lock")
    holder.signal(signal.SIGSTOP)
    other, _ = lasting_domain(t, receiver)
    for rcpt in (f"two@{domain}", f"three@{other}"):
        sender.put(rcpt)
    process = sender.run(expect=DONE, timeout=30)
    check("cache_blocked" in process.stderr(), process.tail())
    for rcpt in (f"two@{domain}", f"three@{other}"):
        delivered_to(sender, rcpt, receiver)
    holder.signal(signal.SIGKILL)
    holder.wait(10)
    sender.put(f"four@{other}")
    process = sender.run()
    check("cache_" not in process.stderr(), process.tail())
    check(other in cache(sender, "show", other), "nothing is kept afterwards")


# What is not there any more.


@case("DANE-14 POL-15", alone=True)
def records_that_vanish_give_one_event(t):
    receiver = t.receiver(zones.MX_ADDRESS["fading.lab"])
    digest = t.lab.certificate.key_digest()
    first, second = t.sender(), t.sender()
    shares_store(second, first)
    process = first.start()
    first.put("one@fading.lab")
    first.wait_event(process, event="delivered")
    equal(delivered_to(first, "one@fading.lab", receiver)["security"], "dane")
    process.until(lambda: "mx.fading.lab" in cache(first, "list", "--dane"), "it is written")
    try:
        t.lab.change_zone("fading.lab", zones.fading_domain([]))
        # Seen when the route in use is renewed, without any mail.
        (event,) = first.wait_event(process, event="policy-changed")
        first.put("two@fading.lab")
        first.wait_event(process, event="delivered", count=2)
        process.signal(signal.SIGTERM)  # what it learned is written
        first.finish(process)
        second.put("two@fading.lab")
        second.run()
    finally:
        t.lab.change_zone(
            "fading.lab", zones.fading_domain([f"_25._tcp.mx TLSA 3 1 1 {digest}"]))
    for sender in (first, second):
        equal(delivered_to(sender, "two@fading.lab", receiver)["security"], "encrypted")
    equal((event["domain"], event["mx"], event["policy"]), ("fading.lab", "mx.fading.lab", "none"))
    check("dane before, none now: there are no TLSA records any more at _25._tcp.mx.fading.lab"
          in event["reason"], event["reason"])
    equal(len(first.events(event="policy-changed")), 1)
    equal(second.events(event="policy-changed"), [])
    equal(process.stderr().count("event=policy_changed"), 1)
