"""MTA-STS for many domains at once: each policy is fetched once, and never again by who has it."""

from case import case
from policy_host import PolicyHost
from sender import MAIL_WAITS, check, equal
from sts import StsDomain, policy, sts_record

DOMAINS, HOSTS, EACH = 200, 20, 3
# More than one fetch for a domain would be one too many; the issue grants a tenth.
FETCHES_MAX = 220
TTL = 3600


@case("STS-45 STS-47 STS-16 STS-35", alone=True)
def two_hundred_domains_are_fetched_once_and_enforced_without_the_policy_host(t):
    zone = f"many{t.lab.number()}.play.lab"
    names = [f"mx{n}.{zone}" for n in range(HOSTS)]
    host = PolicyHost(t.lab)
    receiver = t.receiver([t.lab.address() for _ in names],
                          certificate=t.lab.authority.issue(names))
    for name, address in zip(names, receiver.addresses):
        t.lab.names.set(name, "A", [address], ttl=TTL)
    domains = [StsDomain(t, host=host, ttl=TTL) for _ in range(DOMAINS)]
    for n, domain in enumerate(domains):
        domain.set_mx(names[n % HOSTS], names[(n + 1) % HOSTS])
        host.put(domain.name, policy(mx=[f"*.{zone}"]))
        domain.set_records(sts_record("1"))
    sender = t.sender()

    def send(part):
        for domain in domains:
            for n in range(EACH):
                sender.put(domain.rcpt(f"{part}{n}"))

    send("first")
    sender.run()
    events = sender.outcomes(event="delivered")
    equal((len(events), {event["security"] for event in events}), (DOMAINS * EACH, {"sts"}))
    fetches = len(host.requests(count=DOMAINS))
    check(fetches <= FETCHES_MAX, f"{fetches} fetches")
    equal({domain.fetches(1) for domain in domains}, {1})

    host.stop()
    questions = len(t.lab.names.queries())
    send("second")
    sender.run()
    events = sender.outcomes(event="delivered")
    equal((len(events), {event["security"] for event in events}), (2 * DOMAINS * EACH, {"sts"}))
    equal(len(host.requests()), fetches)
    questions = t.lab.names.queries()[questions:]
    print(f"# {fetches} fetches, then none and {len(questions)} questions to the name server", flush=True)

    receiver.stop()
    nobody = t.receiver(receiver.addresses,
                        certificate=t.lab.authority.issue(names, damage="self-signed"))
    for domain in domains[:HOSTS]:
        sender.put(domain.rcpt("third"))
    sender.run(expect=MAIL_WAITS)
    waiting = sender.outcomes(event="deferred")
    # Those who were never offered to a host have no event.
    check(waiting and {event["policy"] for event in waiting} == {"sts"}, f"{waiting}")
    check(all(event["status"].startswith("4.7.") for event in waiting), f"{waiting}")
    check(nobody.connections, "no host was tried")
    equal((nobody.mails, len(sender.waiting())), ([], HOSTS))
