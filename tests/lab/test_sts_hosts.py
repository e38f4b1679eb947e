"""What an MTA-STS policy that is enforced asks of the hosts of a domain: to be in it, STARTTLS, and a
certificate of a trusted authority for the name in the MX record. And what one asks that is not enforced."""

from chains import authority, self_signed
from dane import PLAIN, SIGNED, bounced, delivered, scenario, waits
from hostile import HOSTILE
from peer import Dialogue
from policy_host import PATH
from sender import HELO, check, equal
from sts import policy

NOT_IN_POLICY = "is not among the hosts of the domain's MTA-STS policy"


def enforced(s, *hosts, patterns=None, **options):
    """An unsigned domain with these hosts and an enforced policy."""
    s.mx(*hosts, zone=PLAIN)
    s.sts(mx=patterns, **options)


def with_names(s, *names, **options):
    return s.trusted_host(names=list(names), **options)


# The policy is fetched, and the host is in it.


@scenario(delivered("sts"), "STS-16 STS-19 STS-30 STS-32 STS-33 POL-01", "sts")
def a_host_of_the_policy_with_its_certificate_is_secure(s):
    host = s.trusted_host()
    enforced(s, host)

    def then(r):
        (request,) = r.fetches(1)
        own = f"mta-sts.{s.domain}"
        equal((request["method"], request["path"], request["host"], request["sni"]),
              ("GET", PATH, own, own))
        equal({name: request[name] for name in (
            "cookie", "authorization", "referer", "if-none-match", "if-modified-since", "range")},
              dict.fromkeys(("cookie", "authorization", "referer", "if-none-match",
                             "if-modified-since", "range"), ""))
        equal(request["accept-encoding"], "identity")
        equal((r.event["policy"], r.event["channel"]), ("sts", "authenticated"))
        equal([session["sni"] for session in r.sessions()], [host.name])
    return then


@scenario(delivered("sts"), "STS-23 STS-24 STS-27", "sts")
def a_policy_with_bare_line_feeds_and_unknown_fields_counts(s):
    s.mx(s.trusted_host(), zone=PLAIN)
    s.sts(text=policy(mx=s.mx_names, ending="\n", more=["mode: none", "future_field: some value"]))


@scenario(delivered("sts"), "STS-30", "sts")
def a_wildcard_in_the_policy_stands_for_one_label(s):
    enforced(s, s.trusted_host(), patterns=[f"*.{s.name(zone=PLAIN)}"])


@scenario(delivered("sts"), "STS-30 DNS-36", "sts")
def patterns_of_a_policy_are_compared_without_regard_to_case(s):
    enforced(s, s.trusted_host(), patterns=[s.name("mx", PLAIN).upper()])


@scenario(waits(NOT_IN_POLICY), "STS-30 STS-35 STS-37", "sts")
def a_wildcard_in_the_policy_does_not_stand_for_two_labels(s):
    enforced(s, s.trusted_host("a.b"), patterns=[f"*.{s.name(zone=PLAIN)}"])
    return lambda r: r.never_connected()


@scenario(waits(NOT_IN_POLICY), "STS-30 STS-35", "sts")
def a_wildcard_in_the_policy_does_not_stand_for_nothing(s):
    name = s.name("mail", PLAIN)
    enforced(s, s.trusted_host(name=name), patterns=[f"*.{name}"])
    return lambda r: r.never_connected()


@scenario(waits(NOT_IN_POLICY), "STS-30 STS-35 STS-37", "sts")
def a_host_that_is_not_in_the_policy_is_not_even_connected_to(s):
    enforced(s, s.trusted_host(), patterns=["mx.elsewhere.lab"])
    return lambda r: r.never_connected()


# The order of the hosts.


@scenario(delivered("sts", host=1), "STS-38 MX-08", "sts")
def a_host_that_is_not_in_the_policy_is_passed_over_in_its_place(s):
    first, second, third = (s.trusted_host(label) for label in ("a", "b", "c"))
    enforced(s, first, second, third, patterns=[second.name, third.name])

    def then(r):
        r.never_connected(0)
        r.never_connected(2)
    return then


@scenario(delivered("sts", host=1), "STS-35 STS-38", "sts")
def after_a_host_without_a_good_certificate_the_next_one_is_tried(s):
    enforced(s, s.host("a", PLAIN), s.trusted_host("b"))
    return lambda r: equal([session["messages"] for session in r.sessions(0)], [0])


@scenario(bounced("5.4.6"), "STS-38 MX-15", "sts")
def our_own_name_counts_though_it_is_not_in_the_policy(s):
    host = s.trusted_host()
    enforced(s, HELO, host, patterns=[host.name])
    return lambda r: r.never_connected()


@scenario(delivered("sts"), "MX-10 STS-38", "sts")
def the_second_address_of_a_host_of_the_policy_is_tried(s):
    good = s.stage.trusted.issue([s.name("mx", PLAIN)])
    bad = s.stage.chains.certificate(self_signed(s.name("mx", PLAIN)))
    enforced(s, s.host("mx", PLAIN, certificates=[bad, good]))


@scenario(delivered("sts"), "STS-31", "sts")
def without_mx_records_the_domain_is_its_own_host(s):
    s.domain = s.name("alone", PLAIN)
    s.trusted_host(name=s.domain)
    s.sts(mx=[s.domain])


@scenario(waits(NOT_IN_POLICY), "STS-31", "sts")
def without_mx_records_the_domain_must_be_in_its_policy(s):
    s.domain = s.name("alone", PLAIN)
    s.trusted_host(name=s.domain)
    s.sts(mx=[f"*.{s.domain}"])
    return lambda r: r.never_connected()


# Certificates.


@scenario(waits("no valid path to a trusted authority"), "STS-32 STS-35 STS-37 POL-06", "sts")
def a_certificate_of_nobody_gets_nothing(s):
    enforced(s, s.host("mx", PLAIN, chain=[self_signed(s.name("mx", PLAIN))]))

    def then(r):
        check(r.sessions(), "the host was not tried")
        equal({session["messages"] for session in r.sessions()}, {0})
        equal((r.event["policy"], r.ours()[0]["result"]), ("sts", "certificate-not-trusted"))
    return then


@scenario(waits("no valid path to a trusted authority"), "STS-32 STS-48", "sts")
def a_certificate_of_another_authority_gets_nothing(s):
    root = authority(f"Root of {s.label}")
    name = s.name("mx", PLAIN)
    enforced(s, s.host("mx", PLAIN, chain=[root.leaf(name), root]))


@scenario(waits("not for"), "STS-32 SEC-09", "sts")
def a_certificate_for_the_mail_domain_alone_gets_nothing(s):
    enforced(s, with_names(s, s.name(zone=PLAIN)))
    return lambda r: equal(r.ours()[0]["result"], "certificate-host-mismatch")


@scenario(waits("not for"), "STS-32 SEC-09", "sts")
def a_certificate_for_the_pattern_of_the_policy_alone_gets_nothing(s):
    other = s.name("other", PLAIN)
    enforced(s, with_names(s, other), patterns=[other, s.name("mx", PLAIN)])


@scenario(waits("no name"), "STS-32 TLS-23", "sts")
def a_common_name_counts_for_nothing(s):
    name = s.name("mx", PLAIN)
    enforced(s, s.host("mx", PLAIN, certificates=[
        s.stage.trusted.issue([name], damage="common-name")]))


@scenario(waits("expired"), "STS-32", "sts")
def an_expired_certificate_gets_nothing(s):
    name = s.name("mx", PLAIN)
    enforced(s, s.host("mx", PLAIN, certificates=[s.stage.trusted.issue([name], damage="expired")]))
    return lambda r: equal(r.ours()[0]["result"], "certificate-expired")


@scenario(delivered("sts"), "STS-32 SEC-09", "sts")
def a_wildcard_certificate_covers_one_label(s):
    enforced(s, with_names(s, f"*.{s.name(zone=PLAIN)}"))


@scenario(waits("not for"), "STS-32 SEC-09", "sts")
def a_wildcard_certificate_does_not_cover_two_labels(s):
    enforced(s, with_names(s, f"*.{s.name(zone=PLAIN)}", label="a.b"))


@scenario(delivered("sts"), "STS-33 MX-11", "sts")
def an_alias_in_the_mx_record_is_the_name_that_counts(s):
    alias = s.alias(s.name("mx", PLAIN), s.name("real", PLAIN))
    with_names(s, alias, label="real")
    enforced(s, alias)
    return lambda r: equal([session["sni"] for session in r.sessions()], [alias])


# STARTTLS and what comes before it.


class Strips(Dialogue):
    offers_starttls = False


class RefusesAtOnce(Dialogue):
    banner = "554 5.7.1 go away"


@scenario(waits("STARTTLS"), "STS-35 SEC-03 POL-12", "sts")
def a_host_of_the_policy_without_starttls_gets_nothing(s):
    enforced(s, s.trusted_host(dialogue=Strips))

    def then(r):
        check(r.peer().connections, "the host was not tried")
        equal(r.peer().mails, [])
        equal({event["result"] for event in r.ours()}, {"starttls-not-supported"})
    return then


@scenario(waits(), "STS-34 TLS-02", "sts")
def a_host_of_the_policy_with_tls_1_1_gets_nothing(s):
    enforced(s, s.trusted_host(dialogue=HOSTILE["tls-1.1-only"]))
    return lambda r: equal(r.peer().mails, [])


@scenario(waits(status="4."), "POL-14 SEC-20", "sts")
def a_refusal_before_the_channel_is_up_does_not_bounce(s):
    enforced(s, s.trusted_host(dialogue=RefusesAtOnce))


@scenario(bounced("5.1.1"), "POL-14", "sts")
def a_refusal_inside_of_the_channel_bounces(s):
    enforced(s, s.trusted_host(bugs=["reply-rcpt:550 5.1.1 nobody here"]))
    return lambda r: equal(r.event["channel"], "authenticated")


# Policies that are not enforced.


@scenario(delivered("encrypted"), "STS-50 POL-06", "sts")
def testing_delivers_to_a_certificate_of_nobody(s):
    s.mx(s.host("mx", PLAIN, chain=[self_signed(s.name("mx", PLAIN))]), zone=PLAIN)
    s.sts("testing")

    def then(r):
        equal(r.event["policy"], "may")
        equal([event["result"] for event in r.ours()], ["certificate-not-trusted"])
    return then


@scenario(delivered("encrypted"), "STS-50 POL-06", "sts")
def testing_delivers_to_a_host_that_is_not_in_the_policy(s):
    s.mx(s.host("mx", PLAIN), zone=PLAIN)
    s.sts("testing", mx=["mx.elsewhere.lab"])


@scenario(delivered("cleartext"), "STS-50", "sts")
def testing_delivers_to_a_host_without_starttls(s):
    s.mx(s.host("mx", PLAIN, bugs=["without:STARTTLS"]), zone=PLAIN)
    s.sts("testing")
    return lambda r: equal([event["result"] for event in r.ours()], ["starttls-not-supported"])


@scenario(delivered("encrypted"), "STS-43 POL-06", "sts")
def none_delivers_to_any_host(s):
    s.mx(s.host("mx", PLAIN), zone=PLAIN)
    s.sts("none", mx=[])


# Levels of the operator stand beside the policy.


@scenario(delivered("encrypted"), "POL-11", "sts")
def a_ceiling_of_the_operator_stands_above_the_policy(s):
    s.mx(s.host("mx", PLAIN), zone=PLAIN)
    s.sts()
    s.flags.append(f"--tls={s.domain}=may")


@scenario(delivered("encrypted"), "POL-11", "sts")
def under_audit_a_failed_policy_is_told_and_not_enforced(s):
    s.mx(s.host("mx", PLAIN), zone=PLAIN)
    s.sts()
    s.flags.append(f"--tls={s.domain}=audit")


@scenario(waits("dane-only"), "POL-10", "sts")
def a_floor_of_the_operator_is_not_lowered_by_a_policy(s):
    enforced(s, s.trusted_host())
    s.flags.append(f"--tls={s.domain}=dane-only")


# Which domain's policy it is.


@scenario(waits(NOT_IN_POLICY), "STS-03", "sts")
def a_route_to_a_name_has_the_policy_of_that_name(s):
    name = s.name("relay", PLAIN)
    s.trusted_host(name=name)
    s.domain = s.name("routed", PLAIN)
    s.sts(mx=["mx.elsewhere.lab"], domain=name)
    s.flags += ["--route", f"{s.domain}={name}"]
    return lambda r: equal(r.asked(f"_mta-sts.{s.domain}", "TXT"), 0)


@scenario(delivered("encrypted"), "STS-02", "sts")
def the_policy_of_the_parent_is_not_looked_for(s):
    parent = s.name(zone=PLAIN)
    s.mx(s.host("mx", PLAIN), domain=s.name("sub", PLAIN))
    s.sts(mx=["mx.elsewhere.lab"], domain=parent)

    def then(r):
        equal(r.asked(f"_mta-sts.{parent}", "TXT"), 0)
        r.fetches(0, domain=parent)
    return then


@scenario(delivered("encrypted"), "STS-01", "sts")
def the_policy_of_what_the_domain_is_an_alias_of_is_not_its_own(s):
    real = s.name("real", PLAIN)
    s.mx(s.host("mx", PLAIN), domain=real)
    s.sts(mx=["mx.elsewhere.lab"], domain=real)
    s.domain = s.alias(s.name(zone=PLAIN), real)
    return lambda r: r.fetches(0, domain=real)


@scenario(delivered("sts"), "STS-16", "sts")
def a_signed_domain_without_tlsa_records_has_its_policy(s):
    host = s.trusted_host(zone=SIGNED)
    s.mx(host)
    s.sts()
