"""Policies of MTA-STS that grow old: they are renewed without mail that asks, and are over when their time
is (RFC 8461 3.3, 10.2). What takes days is in tests/unit/engine/route/test_sts_policies.c."""

import datetime

from case import case
from policy_host import PolicyHost
from sender import check, equal
from sts import bad_receiver, enforced

NOT_IN_POLICY = "is not among the hosts of the domain's MTA-STS policy"
# No policy is renewed earlier than a minute after its fetch (STS_RENEW_MIN_S), less a quarter by chance.
RENEWED_SECONDS = (45, 75)


def when(event):
    return datetime.datetime.fromisoformat(event["time"].replace("Z", "+00:00"))


@case("STS-40 STS-44 STS-13")
def a_policy_is_renewed_without_record_and_mail_and_under_the_same_id(t):
    domain, receiver = enforced(t)
    domain.set_policy(policy_id="1", max_age=120)
    sender = t.sender()
    process = sender.start()
    sender.put(domain.rcpt("first"))
    (first,) = sender.wait_event(process, event="delivered", rcpt=domain.rcpt("first"))
    equal((first["security"], domain.fetches(1)), ("sts", 1))
    domain.set_policy(mx=["mx.elsewhere.lab"], max_age=120)
    domain.set_records()
    process.until(lambda: domain.fetches() == 2, "the renewal", timeout=RENEWED_SECONDS[1])
    passed = (datetime.datetime.now(datetime.timezone.utc) - when(first)).total_seconds()
    check(passed > RENEWED_SECONDS[0] - 1, f"after {passed} s")
    sender.put(domain.rcpt("second"))
    (second,) = sender.wait_event(process, event="deferred", rcpt=domain.rcpt("second"))
    check(NOT_IN_POLICY in second["reason"], f"{second}")
    equal((len(receiver.accepted()), len(receiver.connections)), (1, 1))


@case("STS-39 STS-14 SEC-05")
def a_policy_that_cannot_be_renewed_is_over_after_its_time_and_not_before(t):
    max_age = 12
    host = PolicyHost(t.lab)
    domain, good = enforced(t, host=host)
    domain.set_policy(policy_id="1", max_age=max_age)
    sender = t.sender("--retry-first=1s", "--retry-max=1s")
    process = sender.start()
    sender.put(domain.rcpt("first"))
    (first,) = sender.wait_event(process, event="delivered", rcpt=domain.rcpt("first"))
    host.stop()
    good.stop()
    domain.set_receiver(bad_receiver(t, domain))
    sender.put(domain.rcpt("second"))
    (last,) = sender.wait_event(process, event="delivered", rcpt=domain.rcpt("second"))
    equal(last["security"], "encrypted")
    # Its life is counted in whole seconds from the fetch, which was a little before the first mail.
    passed = (when(last) - when(first)).total_seconds()
    check(passed > max_age - 2, f"after {passed} s")
    reasons = [event["reason"] for event in sender.events(event="deferred", policy="sts")]
    check(any("no valid path to a trusted authority" in reason for reason in reasons), f"{reasons}")
    changed = sender.wait_event(process, event="policy-changed", domain=domain.name)
    equal(len(changed), 1, f"{changed}")
    check("policy_fetch_failed" in process.stderr(), "no word about the fetch that failed")
