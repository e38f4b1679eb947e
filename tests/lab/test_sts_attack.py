"""Somebody who can forge every unsigned answer of the DNS, against a policy of MTA-STS that is known
(RFC 8461 10): the mail waits, whatever is forged."""

from case import case
from policy_host import PolicyHost
from sender import MAIL_WAITS, check, equal
from sts import StsDomain, bad_receiver, delivers, enforced, policy, sts_record, waits

NOT_IN_POLICY = "is not among the hosts of the domain's MTA-STS policy"


def known(t):
    """A sender that has delivered to a domain with a policy, and that domain."""
    domain, receiver = enforced(t)
    sender = t.sender()
    delivers(sender, domain, "before")
    return sender, domain, receiver


@case("SEC-10 STS-38 SEC-04")
def the_host_of_an_attacker_in_the_mx_record_gets_no_connection(t):
    sender, domain, _ = known(t)
    name = f"mx{t.lab.number()}.attacker.play.lab"
    attacker = t.receiver(certificate=t.lab.authority.issue([name]))
    domain.set_receiver(attacker, name)
    domain.set_mx(name)
    domain.set_records()
    waits(sender, domain, "you", NOT_IN_POLICY, name)
    equal(attacker.connections, [])


@case("SEC-10 STS-32")
def the_address_of_an_attacker_under_the_name_of_the_host_gets_no_mail(t):
    sender, domain, _ = known(t)
    attacker = bad_receiver(t, domain)
    domain.set_receiver(attacker)
    domain.set_records()
    waits(sender, domain, "you", "no valid path to a trusted authority")
    check(attacker.connections, "the host was not tried")
    equal(attacker.mails, [])


@case("STS-42 STS-17 SEC-10")
def a_policy_host_of_an_attacker_replaces_no_policy(t):
    sender, domain, _ = known(t)
    # The attacker's own policy would let his host through; his certificate does not name the policy host.
    name = f"mx{t.lab.number()}.attacker.play.lab"
    attacker = t.receiver(certificate=t.lab.authority.issue([name]))
    host = PolicyHost(t.lab)
    host.put(domain.name, policy(mx=[name]), certificate=t.lab.authority.issue([name]))
    domain.names.set("mta-sts." + domain.name, "A", [host.address], ttl=0)
    domain.set_receiver(attacker, name)
    domain.set_mx(name)
    domain.set_records(sts_record("forged"))
    waits(sender, domain, "you", NOT_IN_POLICY)
    equal((attacker.connections, host.requests()), ([], []))


@case("POL-14 SEC-20")
def a_forged_null_mx_does_not_bounce_mail(t):
    sender, domain, _ = known(t)
    domain.names.set(domain.name, "MX", ["0 ."], ttl=0)
    _defers(sender, domain)


@case("POL-14 SEC-20")
def a_forged_denial_of_the_domain_does_not_bounce_mail(t):
    sender, domain, _ = known(t)
    for name, rdtype in ((domain.name, "MX"), (domain.mx, "A"), ("_mta-sts." + domain.name, "TXT"),
                         ("mta-sts." + domain.name, "A")):
        domain.names.set(name, rdtype, [])
    _defers(sender, domain)


@case("POL-14 STS-31")
def a_forged_absence_of_mx_and_addresses_does_not_bounce_mail(t):
    sender, domain, _ = known(t)
    domain.names.set(domain.name, "MX", [])
    _defers(sender, domain)


def _defers(sender, domain):
    sender.put(domain.rcpt())
    sender.run(expect=MAIL_WAITS)
    event = sender.outcome(domain.rcpt())
    equal(event["event"], "deferred", f"{event}")
    check(event["status"].startswith("4."), f"{event}")


@case("SEC-03 STS-35 POL-12")
def starttls_that_is_taken_out_gets_no_mail(t):
    sender, domain, receiver = known(t)
    stripped = t.receiver(certificate=None)
    domain.set_receiver(stripped)
    waits(sender, domain, "you", "STARTTLS")
    check(stripped.connections, "the host was not tried")
    equal((stripped.mails, len(receiver.accepted())), ([], 1))


@case("SEC-07 POL-01")
def mail_of_a_domain_with_a_policy_does_not_ride_on_the_session_of_another(t):
    domain = StsDomain(t)
    receiver = bad_receiver(t, domain)
    domain.set_receiver(receiver)
    domain.set_policy(policy_id="1")
    other = t.domain(domain.mx)
    sender = t.sender("--site-sessions=1")
    for n in range(20):
        sender.put(f"r{n}@{other}")
        sender.put(domain.rcpt(f"r{n}"))
    sender.run(expect=MAIL_WAITS)
    equal({event["security"] for event in sender.outcomes(event="delivered", domain=other)},
          {"encrypted"})
    equal(len(receiver.accepted()), 20)
    equal(sender.outcomes(event="delivered", domain=domain.name), [])
    check({path for mail in receiver.accepted() for path in mail.rcpts}
          == {f"r{n}@{other}" for n in range(20)}, "mail of the other domain")


@case("SEC-07 POL-01 POL-16")
def a_session_serves_two_domains_when_it_meets_both_policies(t):
    domain, receiver = enforced(t)
    other = StsDomain(t)
    other.set_mx(domain.mx)
    other.set_policy(policy_id="1", mx=[domain.mx])
    sender = t.sender("--site-sessions=1")
    for n in range(20):
        sender.put([domain.rcpt(f"r{n}")])
        sender.put([other.rcpt(f"r{n}")])
    sender.run()
    equal({event["security"] for event in sender.outcomes(event="delivered")}, {"sts"})
    equal((len(receiver.accepted()), len(receiver.connections)), (40, 1))
