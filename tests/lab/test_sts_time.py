"""Policies of MTA-STS that change, vanish and cannot be fetched any more, from one run of longship to the
next on the same --store and within a run (RFC 8461 3.3, 5.1)."""

import itertools
import signal
import subprocess

from case import case
from peer import Dialogue
from policy_host import PolicyHost
from sender import DONE, MAIL_WAITS, check, equal, program
from sts import StsDomain, bad_receiver, delivers, enforced, sts_record, waits

AT_ONCE = ("--retry-first=1s", "--retry-max=1s")


def cache_list(sender):
    done = subprocess.run([program(), "cache", "list", "--sts", "--store", sender.store],
                          capture_output=True, text=True, timeout=30)
    equal(done.returncode, DONE, done.stderr)
    return done.stdout


# A policy that is known is not taken away by what goes wrong.


def _keeps(sentence, ids, change):
    """After change(domain) what was known of the policy still holds: a good host gets its mail, and one with
    the certificate of nobody gets none."""
    def test(t):
        domain, receiver = enforced(t)
        sender = t.sender()
        delivers(sender, domain, "first")
        equal(domain.fetches(1), 1)
        change(domain)
        delivers(sender, domain, "second")
        equal(len(receiver.accepted()), 2)
        other = bad_receiver(t, domain)
        domain.set_receiver(other)
        waits(sender, domain, "third", "no valid path to a trusted authority")
        check(other.connections, "the host was not tried")
        equal(other.mails, [])

    test.__name__ = sentence
    test.__module__ = __name__
    case(ids)(test)


def _fault(kind):
    return lambda domain: domain.names.fault("_mta-sts." + domain.name, "TXT", kind)


def _cannot_be_fetched(domain, fault="error", policy_id="2"):
    domain.set_policy("none", policy_id, fault=fault)


_keeps("without_its_record_a_known_policy_holds", "STS-13 SEC-04", lambda domain: domain.set_records())
_keeps("with_two_records_a_known_policy_holds", "STS-13 STS-06 SEC-35",
       lambda domain: domain.set_records(sts_record("1"), sts_record("2")))
_keeps("with_a_broken_record_a_known_policy_holds", "STS-13 STS-09",
       lambda domain: domain.set_records("v=STSv1; id=not-one;"))
_keeps("with_a_record_that_cannot_be_looked_up_a_known_policy_holds", "STS-13 STS-15 SEC-04",
       _fault("servfail"))
_keeps("with_a_new_id_and_a_policy_host_that_fails_a_known_policy_holds", "STS-42", _cannot_be_fetched)
_keeps("with_a_new_id_and_a_policy_that_is_none_a_known_policy_holds", "STS-42 STS-26",
       lambda domain: domain.set_policy(policy_id="2", text="version: STSv1\r\nmode: none\r\n"))


@case("STS-47 STS-13")
def after_a_restart_without_record_and_policy_host_a_known_policy_holds(t):
    host = PolicyHost(t.lab)
    domain, receiver = enforced(t, host=host)
    sender = t.sender()
    delivers(sender, domain, "first")
    host.stop()
    _fault("servfail")(domain)
    delivers(sender, domain, "second")
    domain.set_receiver(bad_receiver(t, domain))
    waits(sender, domain, "third")
    equal(len(receiver.accepted()), 2)


@case("STS-51 STS-14")
def a_policy_that_was_forgotten_by_command_holds_no_longer(t):
    host = PolicyHost(t.lab)
    domain, _ = enforced(t, host=host)
    sender = t.sender()
    delivers(sender, domain, "first")
    host.stop()
    domain.set_receiver(bad_receiver(t, domain))
    waits(sender, domain, "second")
    done = subprocess.run([program(), "cache", "forget", domain.name, "--store", sender.store],
                          capture_output=True, text=True, timeout=30)
    equal(done.returncode, DONE, done.stderr)
    delivers(sender, domain, "third", "encrypted")


# What is new replaces it.


@case("STS-43 STS-12")
def mode_none_under_a_new_id_replaces_an_enforced_policy(t):
    domain, _ = enforced(t)
    sender = t.sender()
    delivers(sender, domain, "first")
    domain.set_receiver(bad_receiver(t, domain))
    domain.set_policy("none", "2")
    delivers(sender, domain, "second", "encrypted")
    equal(domain.fetches(2), 2)
    # It may vanish without a word then.
    domain.set_records()
    delivers(sender, domain, "third", "encrypted")
    changed = sender.events(event="policy-changed", domain=domain.name)
    equal(len(changed), 1, f"{changed}")


@case("STS-12 STS-45")
def any_other_id_means_a_fetch_and_the_same_none(t):
    domain, _ = enforced(t)
    sender = t.sender()
    for local, policy_id, fetches in (("a", "2", 1), ("b", "2", 1), ("c", "1", 2), ("d", "1", 2),
                                      ("e", "2", 3)):
        domain.set_policy(policy_id=policy_id)
        delivers(sender, domain, local)
        equal(domain.fetches(fetches), fetches, f"with {local}")


@case("STS-19 STS-12")
def words_about_caching_in_http_mean_nothing(t):
    domain, _ = enforced(t)
    domain.set_policy(policy_id="1", fault="cacheable")
    sender = t.sender()
    delivers(sender, domain, "first")
    domain.set_policy(policy_id="2", fault="cacheable")
    delivers(sender, domain, "second")
    requests = domain.host.requests(domain.name, 2)
    equal([(request["if-none-match"], request["if-modified-since"]) for request in requests],
          [("", "")] * 2)


@case("STS-42 STS-43")
def the_id_of_a_fetch_that_failed_is_not_taken_for_fetched(t):
    domain, _ = enforced(t)
    sender = t.sender()
    delivers(sender, domain, "first")
    _cannot_be_fetched(domain)
    delivers(sender, domain, "second")
    # Now it can be fetched, under an id that nobody has waited for yet.
    domain.set_policy("none", "3")
    domain.set_receiver(bad_receiver(t, domain))
    delivers(sender, domain, "third", "encrypted")


@case("STS-28")
def a_policy_that_may_not_be_kept_is_fetched_again(t):
    domain, _ = enforced(t)
    domain.set_policy(policy_id="1", max_age=0)
    sender = t.sender()
    delivers(sender, domain, "first")
    delivers(sender, domain, "second")
    equal(domain.fetches(2), 2)


# Mail that waits is judged by the policy of its next attempt.


@case("STS-46 STS-36")
def mail_that_waits_is_released_by_a_later_policy(t):
    domain, _ = enforced(t)
    receiver = bad_receiver(t, domain)
    domain.set_receiver(receiver)
    sender = t.sender(*AT_ONCE)
    sender.put(domain.rcpt())
    process = sender.start()
    sender.wait_event(process, event="deferred", rcpt=domain.rcpt())
    domain.set_policy("none", "2")
    (event,) = sender.wait_event(process, event="delivered", rcpt=domain.rcpt())
    equal(event["security"], "encrypted")


class Later(Dialogue):
    """Wants to be asked again by those whom it does not know."""

    async def at(self, stage):
        self.answers = {"rcpt": "451 4.7.1 later"} if len(self.receiver.connections) == 1 else {}


@case("STS-46")
def mail_that_waits_is_bound_by_a_later_policy(t):
    domain = StsDomain(t)
    receiver = bad_receiver(t, domain, dialogue=Later)
    domain.set_receiver(receiver)
    domain.set_policy("none", "0")
    sender = t.sender("--retry-first=3s", "--retry-max=3s")
    sender.put(domain.rcpt())
    process = sender.start()
    sender.wait_event(process, event="deferred", rcpt=domain.rcpt())
    domain.set_policy(policy_id="1")
    events = sender.wait_event(process, count=2, event="deferred", rcpt=domain.rcpt())
    equal((events[1]["policy"], receiver.accepted()), ("sts", []), f"{events}")


@case("STS-36 POL-13")
def before_mail_expires_the_policy_is_looked_at_once_more(t):
    # The last attempt is a twentieth of the lifetime before its end, when the host is tried again after its
    # fault: that takes 15 s and some more.
    domain, _ = enforced(t)
    receiver = bad_receiver(t, domain)
    domain.set_receiver(receiver)
    sender = t.sender("--retry-first=1h", "--retry-max=1h", "--lifetime=24s")
    sender.put(domain.rcpt())
    process = sender.start()
    sender.wait_event(process, event="deferred", rcpt=domain.rcpt())
    domain.set_policy("none", "2")
    process.until(lambda: sender.events(event="delivered") or sender.events(event="expired"),
                  "an end of the mail", timeout=60)
    equal(sender.events(event="expired"), [])
    equal(len(receiver.accepted()), 1)


@case("POL-13 STS-36")
def mail_that_no_host_may_have_expires_with_the_reason(t):
    domain, _ = enforced(t)
    receiver = bad_receiver(t, domain)
    domain.set_receiver(receiver)
    sender = t.sender(*AT_ONCE, "--lifetime=4s")
    sender.put(domain.rcpt())
    process = sender.start()
    (event,) = sender.wait_event(process, event="expired", rcpt=domain.rcpt())
    check("no valid path to a trusted authority" in event["reason"], f"{event}")
    equal(receiver.accepted(), [])


# How often is asked.


@case("STS-22 STS-14")
def a_policy_host_that_fails_is_asked_once_for_a_hundred_messages(t):
    domain, receiver = enforced(t)
    domain.set_policy(policy_id="1", fault="error")
    sender = t.sender()
    process = sender.start()
    for part in range(4):
        for n in range(25):
            sender.put(domain.rcpt(f"r{part}.{n}"))
        sender.wait_event(process, count=25 * (part + 1), event="delivered", domain=domain.name)
    equal({event["security"] for event in sender.outcomes()}, {"encrypted"})
    equal(domain.fetches(1), 1)
    # Another id is another question, once a second has gone by since the record was looked up.
    domain.set_policy(policy_id="2")
    for n in itertools.count():
        sender.put(domain.rcpt(f"later{n}"))
        (event,) = sender.wait_event(process, event="delivered", rcpt=domain.rcpt(f"later{n}"))
        if event["security"] == "sts":
            break
    equal(domain.fetches(2), 2)
    equal(len(receiver.accepted()), 101 + n)


@case("STS-45 SEC-15")
def a_policy_host_that_does_not_answer_holds_up_nobody_else(t):
    mute, _ = enforced(t)
    mute.set_policy(fault="slow")
    domain, _ = enforced(t)
    sender = t.sender()
    process = sender.start()
    sender.put(mute.rcpt())
    mute.asked_until(process)
    for n in range(20):
        sender.put(domain.rcpt(f"r{n}"))
    sender.wait_event(process, count=20, event="delivered", domain=domain.name, timeout=20)
    equal(sender.outcomes(domain=mute.name), [])


@case("STS-45")
def a_sender_that_is_told_to_stop_does_not_wait_for_a_policy(t):
    domains = [enforced(t)[0] for _ in range(3)]
    sender = t.sender()
    process = sender.start()
    for domain in domains:
        domain.set_policy(fault="slow")
        sender.put(domain.rcpt())
    for domain in domains:
        domain.asked_until(process)
    process.signal(signal.SIGTERM)
    sender.finish(process, expect=(MAIL_WAITS,), timeout=10)
    equal(sender.outcomes(), [])
    for domain in domains:
        domain.set_policy()
    sender.run()
    equal({event["security"] for event in sender.outcomes(event="delivered")}, {"sts"})


@case("STS-47 STS-45")
def a_second_sender_on_the_same_store_has_the_policies_of_the_first(t):
    domain, receiver = enforced(t)
    first, second = t.sender(), t.sender()
    second.use_store(first.store)
    process = first.start()
    first.put(domain.rcpt("first"))
    first.wait_event(process, event="delivered", rcpt=domain.rcpt("first"), security="sts")
    # It is written within a part of a second; until then the other one fetches for itself.
    process.until(lambda: domain.name in cache_list(first), "the policy in the cache")
    before = domain.fetches(1)
    delivers(second, domain, "second")
    equal(domain.fetches(), before)
    check(process.running(), "the first was disturbed")
    equal(len(receiver.accepted()), 2)


@case("STS-45")
def a_thousand_messages_to_a_new_domain_are_one_question_and_one_fetch(t):
    domain, receiver = enforced(t, ttl=300)
    sender = t.sender()
    for n in range(1000):
        sender.put(domain.rcpt(f"r{n}"))
    sender.run()
    equal({event["security"] for event in sender.outcomes(event="delivered")}, {"sts"})
    equal(len(receiver.accepted()), 1000)
    equal((domain.asked_for_record(), domain.fetches(1)), (1, 1))
