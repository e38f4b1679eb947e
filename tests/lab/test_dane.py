"""DANE over a whole run: many messages to domains with records of all kinds, first with the right keys,
then with others, then over forged zones."""

import re

import dane
import receivers
from case import Skipped, case
from chains import NOBODY_256, authority, self_signed
from lab import LAB_NAMES
from sender import DONE, MAIL_WAITS, check, equal, message

# Of each of six domains.
MAILS = 100


def _kinds(s):
    """For each domain: its label, what its host shows, what another with the same names would show,
    and the record that its zone has. EC and RSA take turns."""
    def own(label, key, selector):
        name = s.name(label)
        leaf = self_signed(name, key=key)
        return label, [leaf], [self_signed(name, key=key)], leaf.tlsa(3, selector, 1)

    def below(label, key, selector, matching, shows_root):
        chains = []
        for _ in "right", "other":
            root = authority(f"Root of {label}", key=key)
            leaf = root.leaf(s.name(label), key=key)
            chains.append(([leaf, root] if shows_root else [leaf], root))
        (right, root), (other, _) = chains
        return label, right, other, root.tlsa(2, selector, matching)

    yield own("a", "p256", 1)
    yield own("b", "rsa", 0)
    yield below("c", "p256", 0, 1, True)
    yield below("d", "rsa", 1, 1, True)
    yield below("e", "p256", 0, 0, False)
    yield own("f", "rsa", 1)


@dane.setting
def six(s):
    s.domains, s.records, s.others = [], [], []
    for label, right, other, record in _kinds(s):
        host = s.host(label, chain=right, tlsa=[record])
        s.mx(host, domain=s.name("mail-" + label))
        s.domains.append(s.domain)
        s.records.append(record)
        s.others.append([s.stage.chains.certificate(*other)])


@dane.setting
def forged(s):
    """A zone of which nothing can be believed: MX, addresses and records are all changed."""
    host = s.dane_host()
    s.mx(host)
    for owner, rdtype in ((s.domain, "MX"), (host.name, "A"), (f"_25._tcp.{host.name}", "TLSA")):
        s.corrupt(owner, rdtype)


@dane.setting
def forged_host(s):
    """A good domain whose host is in such a zone."""
    host = s.dane_host()
    s.mx(host)
    for owner, rdtype in ((host.name, "A"), (f"_25._tcp.{host.name}", "TLSA")):
        s.corrupt(owner, rdtype)


def _put(sender, domains, count):
    """So many messages to each domain; the recipients of each."""
    rcpts = {domain: [f"r{n}@{domain}" for n in range(count)] for domain in domains}
    for group in rcpts.values():
        for rcpt in group:
            sender.put(rcpt)
    return rcpts


def _with_other_keys(scene):
    """The same hosts at the same addresses, with keys that nobody published."""
    return [dane.Host(host.name, host.addresses, certificates, [], host.port, None)
            for host, certificates in zip(scene.hosts, scene.others)]


@case("DANE-14 DANE-18 DANE-41 DANE-43 POL-12 POL-13 POL-15 TLSA-07 TLSA-17")
def six_hundred_mails_go_by_dane_and_with_other_keys_none_goes(t):
    scene = t.lab.stage.scenes[six]
    sink = t.lab.stage.sink(t.lab, scene.hosts)
    sender = t.sender()
    sent = _put(sender, scene.domains, MAILS)
    sender.run(expect=DONE, timeout=60)
    for (domain, rcpts), host in zip(sent.items(), scene.hosts):
        events = sender.outcomes(domain=domain)
        equal(sorted(event["rcpt"] for event in events), sorted(rcpts))
        equal({(event["event"], event["security"], event["policy"], event["channel"], event["mx"])
               for event in events}, {("delivered", "dane", "dane", "authenticated", host.name)})
    status, report = sink.report()
    equal((status, report["counters"]["messages"]), (0, 6 * MAILS), sink.log())
    equal([count for count in report["oddities"].values() if count], [])

    sink = t.lab.stage.sink(t.lab, _with_other_keys(scene))
    sender = t.sender()
    _put(sender, scene.domains, MAILS)
    sender.run(expect=MAIL_WAITS, timeout=60)
    equal({event["event"] for event in sender.outcomes()}, {"deferred"})
    for domain, host, record in zip(scene.domains, scene.hosts, scene.records):
        # After the first of them the host is left alone: what was never offered to it has no event.
        events = sender.outcomes(domain=domain)
        check(events, f"no word about {domain}")
        for event in events:
            check(event["status"].startswith("4.7."), f"{event}")
            # Of a digest or a certificate the beginning is shown.
            for words in (host.name, record[:len("u s m ") + 16]):
                check(words in event["reason"], f"no {words!r} in {event['reason']!r}")
            check(re.search("TLSA record|path to the anchor", event["reason"]), event["reason"])
    equal(len(sender.waiting()), 6 * MAILS, "files that wait")
    status, report = sink.report()
    equal((report["counters"]["messages"], report["counters"]["transactions"]), (0, 0))


@dane.setting
def real_hosts(s):
    """Two hosts with the lab's certificate, and for each a domain whose record is another key's."""
    right = s.stage.trusted.issue(LAB_NAMES)
    s.pairs = []
    for label in ("postfix", "exim"):
        host = s.host(label, certificates=[right], tlsa=[f"3 1 1 {right.key_digest()}"])
        wrong = s.name("wrong-" + label)
        s.record(wrong, "A", *host.addresses)
        s.tlsa(wrong, f"3 1 1 {NOBODY_256}")
        good, bad = s.name("to-" + label), s.name("not-to-" + label)
        s.mx(host, domain=good)
        s.mx(wrong, domain=bad)
        s.pairs.append((host.addresses[0], good, bad))


@case("DANE-14 DANE-18 POL-15")
def postfix_and_exim_get_mail_by_dane_and_nothing_when_their_key_is_another(t):
    if t.lab.single_user:
        raise Skipped("Postfix and Exim need more than one user: run as root, or install uidmap")
    scene = t.lab.stage.scenes[real_hosts]
    sender = t.sender()
    servers = []
    for kind, (address, good, bad) in zip((receivers.Postfix, receivers.Exim), scene.pairs):
        servers.append(kind(t.lab, address))
        sender.put(f"you@{good}", message(f"to {kind.name}"))
        sender.put(f"you@{bad}", message(f"not to {kind.name}"))
    sender.run(expect=MAIL_WAITS)
    for server, (address, good, bad) in zip(servers, scene.pairs):
        event = sender.outcome(f"you@{good}")
        equal((event["event"], event["security"], event["ip"]), ("delivered", "dane", address))
        event = sender.outcome(f"you@{bad}")
        equal((event["event"], event["status"][:4]), ("deferred", "4.7."), f"{event}")
        check("matches no TLSA record" in event["reason"], event["reason"])
        (content,) = server.mails(1)
        check(b"Subject: to " + server.name.encode() in content, content)


@case("DNS-02 DANE-13 DANE-51")
def forged_zones_are_never_connected_to(t):
    scenes = [t.lab.stage.scenes[function] for function in (forged, forged_host)]
    sink = t.lab.stage.sink(t.lab, [host for scene in scenes for host in scene.hosts])
    sender = t.sender()
    for scene in scenes:
        _put(sender, [scene.domain], 20)
    sender.run(expect=MAIL_WAITS)
    equal({event["event"] for event in sender.outcomes()}, {"deferred"})
    equal(len(sender.outcomes()), 40)
    for event in sender.outcomes():
        check(event["status"].startswith("4.") and "bogus" in event["reason"], f"{event}")
    equal(sender.sessions(), [], "sessions that longship tells of")
    status, report = sink.report()
    equal((status, report["counters"]["connections"]), (0, 0), sink.log())


@case("DANE-18 DANE-53 POL-13")
def what_waited_for_the_right_key_goes_once_the_host_has_it(t):
    scene = t.lab.stage.scenes[rolled]
    wrong = t.lab.stage.sink(t.lab, _with_other_keys(scene))
    sender = t.sender("--retry-first=1s", "--retry-max=1s")
    _put(sender, [scene.domain], 5)
    process = sender.start()
    sender.wait_event(process, event="deferred", count=5)
    _, report = wrong.report()
    equal(report["counters"]["messages"], 0)
    t.lab.stage.sink(t.lab, scene.hosts)
    for event in sender.wait_event(process, event="delivered", count=5):
        equal((event["security"], event["ip"]), ("dane", scene.hosts[0].addresses[0]))


@dane.setting
def rolled(s):
    s.mx(s.dane_host())
    s.others = [[s.stage.chains.certificate(self_signed(s.name("mx")))]]
