"""MTA-STS of the mail domains that tests make in play.lab: the record, the policy host, the policy."""



def policy(mode="enforce", mx=(), max_age=86400, ending="\r\n", more=()):
    """The text of a policy. `more`: other lines of it."""
    lines = ["version: STSv1", f"mode: {mode}"] + [f"mx: {pattern}" for pattern in mx]
    return "".join(line + ending for line in [*lines, f"max_age: {max_age}", *more])


def sts_record(policy_id):
    """The text of the TXT record with this id."""
    return f"v=STSv1; id={policy_id};"


def set_records(t, domain, *texts):
    """The TXT records of a domain of play.lab from now on; none takes them away."""
    t.lab.names.set("_mta-sts." + domain, "TXT", [f'"{text}"' for text in texts])


def publish(t, domain, text, policy_id="1", host=None, **options):
    """From now on a domain of play.lab has this policy. `host`: the policy host, None for the one that is
    shared; options are those of PolicyHost.put()."""
    host = host or t.lab.policy_host()
    host.put(domain, text, **options)
    t.lab.names.set("mta-sts." + domain, "A", [host.address])
    set_records(t, domain, sts_record(policy_id))


def fetches(t, domain, count=0, host=None):
    """How often the policy of a domain was asked for: `count` or more, or it fails."""
    return len((host or t.lab.policy_host()).requests(domain, count))


