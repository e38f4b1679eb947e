"""MTA-STS of mail domains that tests make in play.lab: what a policy and its record say, and a domain all of
whose parts can change from one moment to the next."""

from sender import DONE, MAIL_WAITS, check, equal


def policy(mode="enforce", mx=(), max_age=86400, ending="\r\n", more=()):
    """The text of a policy. `more`: other lines of it."""
    lines = ["version: STSv1", f"mode: {mode}"] + [f"mx: {pattern}" for pattern in mx]
    return "".join(line + ending for line in [*lines, f"max_age: {max_age}", *more])


def sts_record(policy_id):
    """The text of the TXT record with this id."""
    return f"v=STSv1; id={policy_id};"


class StsDomain:
    """A mail domain with one host, mx.DOMAIN, and a policy. What is set here is not kept by anybody: the TTLs
    are 0 unless told otherwise."""

    def __init__(self, t, host=None, ttl=0):
        """`host`: the policy host, None for the one that is shared."""
        self.names = t.lab.names
        self.authority = t.lab.authority
        self.host = host or t.lab.policy_host()
        self.ttl = ttl
        self.name = f"sts{t.lab.number()}.play.lab"
        self.mx = "mx." + self.name
        self.set_mx(self.mx)
        self._set("mta-sts." + self.name, "AAAA" if ":" in self.host.address else "A",
                  [self.host.address])

    def _set(self, name, rdtype, rdatas):
        self.names.set(name, rdtype, rdatas, ttl=self.ttl)

    def certificate(self, damage=None):
        """For mx.DOMAIN, of the lab's authority."""
        return self.authority.issue([self.mx], damage=damage)

    def rcpt(self, local="you"):
        return f"{local}@{self.name}"

    # What changes.

    def set_mx(self, *hosts):
        self._set(self.name, "MX", [f"{10 * n} {host}." for n, host in enumerate(hosts, 1)])

    def set_receiver(self, receiver, name=None):
        """The host of this name, mx.DOMAIN if none is given, is this receiver from now on."""
        self._set(name or self.mx, "A", receiver.addresses)

    def set_records(self, *texts):
        """The TXT records; none takes them away."""
        self._set("_mta-sts." + self.name, "TXT", [f'"{text}"' for text in texts])

    def set_policy(self, mode="enforce", policy_id=None, mx=None, text=None, max_age=86400, **options):
        """The policy, and its record if it has an id. Options are those of PolicyHost.put()."""
        patterns = ([] if mode == "none" else [self.mx]) if mx is None else mx
        self.host.put(self.name, text or policy(mode, patterns, max_age), **options)
        if policy_id is not None:
            self.set_records(sts_record(policy_id))

    # What happened.

    def fetches(self, count=0):
        """How often the policy was asked for: waits for `count`, and fails without."""
        return len(self.host.requests(self.name, count))

    def asked_until(self, process):
        """Waits until the policy host was looked up, while the process runs."""
        process.until(lambda: self.names.queries("mta-sts." + self.name), "a look-up of the policy host")

    def asked_for_record(self):
        return len(self.names.queries("_mta-sts." + self.name, "TXT"))


def good_receiver(t, domain, **options):
    return t.receiver(certificate=domain.certificate(), **options)


def bad_receiver(t, domain, **options):
    """With the right name, of nobody."""
    return t.receiver(certificate=domain.certificate("self-signed"), **options)


def enforced(t, **options):
    """A domain with an enforced policy under the id 1, and its receiver."""
    domain = StsDomain(t, **options)
    receiver = good_receiver(t, domain)
    domain.set_receiver(receiver)
    domain.set_policy(policy_id="1")
    return domain, receiver


def delivers(sender, domain, local, security="sts"):
    """A run with one message, which is delivered so; others may still wait."""
    sender.put(domain.rcpt(local))
    sender.run(expect=(DONE, MAIL_WAITS))
    event = sender.outcome(domain.rcpt(local))
    equal((event["event"], event["security"]), ("delivered", security), f"{event}")


def waits(sender, domain, local, *words):
    """A run with one message, which waits for a better host."""
    sender.put(domain.rcpt(local))
    sender.run(expect=MAIL_WAITS)
    event = sender.outcome(domain.rcpt(local))
    equal(event["event"], "deferred", f"{event}")
    check(event["status"].startswith("4.7."), f"{event}")
    for word in words:
        check(word in event["reason"], f"no {word!r} in {event['reason']!r}")
