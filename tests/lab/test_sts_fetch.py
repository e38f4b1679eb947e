"""The fetch of a policy on first contact: what counts as one, and that mail is delivered without one
(RFC 8461 3.3).

Policies that must not count name a host that the domain does not have: the mail is delivered only because
they do not."""

from case import case
from dane import PLAIN, delivered, scenario
from policy_host import PolicyHost
from sender import check, equal
from sts import delivers, enforced, policy

ELSEWHERE = "mx.elsewhere.lab"
LIMIT = 65536
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n"


def not_counted(s, text=None, **options):
    s.mx(s.host("mx", PLAIN), zone=PLAIN)
    s.sts(mx=[ELSEWHERE], text=text, **options)
    return lambda r: r.fetches(1)


def counted(s, text=None, **options):
    s.mx(s.trusted_host(), zone=PLAIN)
    s.sts(text=text(s) if text else None, **options)


def octets(body, head=HEAD, length=None):
    length = len(body) if length is None else length
    return head + b"Content-Length: %d\r\n\r\n" % length + body


def a_policy():
    return policy(mx=[ELSEWHERE]).encode()


# The HTTP status.


@scenario(delivered("encrypted"), "STS-18", "sts")
def a_redirect_is_not_followed(s):
    return not_counted(s, fault="redirect")


def _status(fault):
    @scenario(delivered("encrypted"), "STS-18 STS-14", "sts",
              sentence=f"a_policy_host_that_says_{fault.replace('-', '_')}_has_no_policy")
    def without_policy(s):
        return not_counted(s, fault=fault)


for _fault in ("not-found", "error", "unavailable", "no-content"):
    _status(_fault)


# The media type, the coding, the size.


@scenario(delivered("encrypted"), "STS-20", "sts")
def a_page_of_html_is_no_policy(s):
    return not_counted(s, fault="html")


@scenario(delivered("sts"), "STS-20", "sts")
def a_charset_beside_the_media_type_does_no_harm(s):
    counted(s, fault="charset")


@scenario(delivered("encrypted"), "STS-21 STS-52", "sts")
def a_policy_with_a_coding_that_was_not_asked_for_is_none(s):
    return not_counted(s, fault="gzip")


@scenario(delivered("sts"), "STS-52", "sts")
def a_policy_in_chunks_counts(s):
    counted(s, fault="chunked")


def _filled(s, size):
    """A valid policy of so many octets that names the hosts of the domain."""
    text = policy(mx=s.mx_names or [ELSEWHERE])
    line = f"filler: {'x' * 90}\r\n"
    text += line * ((size - len(text) - len(line)) // len(line))
    return text + f"f: {'x' * (size - len(text) - 5)}\r\n"


@scenario(delivered("sts"), "STS-21", "sts")
def a_policy_of_64_kilobytes_counts(s):
    counted(s, lambda s: _filled(s, LIMIT))


@scenario(delivered("encrypted"), "STS-21", "sts")
def a_policy_of_one_octet_more_does_not(s):
    return not_counted(s, text=_filled(s, LIMIT + 1))


@scenario(delivered("encrypted"), "STS-21 STS-52", "sts")
def a_body_without_end_is_given_up(s):
    return not_counted(s, octets=octets(a_policy() + b"f: x\r\n" * 40000, length=10**9))


@scenario(delivered("sts"), "STS-21 STS-30", "sts")
def the_last_of_two_thousand_hosts_of_a_policy_counts(s):
    counted(s, lambda s: policy(mx=[f"mx{n}.elsewhere.lab" for n in range(2000)] + s.mx_names))


# What is no whole HTTP answer.


@scenario(delivered("encrypted"), "STS-52", "sts")
def a_body_that_is_cut_short_is_no_policy(s):
    return not_counted(s, octets=octets(a_policy(), length=len(a_policy()) + 1))


@scenario(delivered("encrypted"), "STS-52", "sts")
def a_body_in_chunks_without_the_last_one_is_no_policy(s):
    body = b"%x\r\n%s\r\n" % (len(a_policy()), a_policy())
    return not_counted(s, octets=HEAD + b"Transfer-Encoding: chunked\r\n\r\n" + body)


@scenario(delivered("encrypted"), "STS-52", "sts")
def a_body_with_two_lengths_is_no_policy(s):
    return not_counted(s, octets=octets(a_policy(), HEAD + b"Content-Length: 10\r\n"))


@scenario(delivered("encrypted"), "STS-52", "sts")
def a_flood_of_header_fields_is_given_up(s):
    return not_counted(s, octets=octets(a_policy(), HEAD + b"X-Flood: once more\r\n" * 20000))


@scenario(delivered("encrypted"), "STS-52", "sts")
def an_answer_without_any_head_is_no_policy(s):
    return not_counted(s, octets=a_policy())


@scenario(delivered("encrypted"), "STS-52", "sts")
def a_policy_host_that_closes_without_a_word_has_no_policy(s):
    return not_counted(s, octets=b"")


# TLS with the policy host.


def _certificate(s, *names, damage=None):
    return s.stage.trusted.issue(list(names) or [f"mta-sts.{s.domain}"], damage=damage)


@scenario(delivered("sts"), "STS-17 SEC-09", "sts")
def a_wildcard_certificate_of_the_policy_host_counts(s):
    s.mx(s.trusted_host(), zone=PLAIN)
    s.sts(certificate=_certificate(s, f"*.{s.domain}"))


def _bad_certificate(sentence, make):
    @scenario(delivered("encrypted"), "STS-17 STS-14", "sts", sentence=sentence)
    def without_policy(s):
        s.mx(s.host("mx", PLAIN), zone=PLAIN)
        s.sts(mx=[ELSEWHERE], certificate=make(s))
        return lambda r: r.fetches(0)


for _sentence, _make in {
        "a_policy_host_with_the_name_of_its_provider_has_no_policy":
            lambda s: _certificate(s, "sts.provider.lab"),
        "a_policy_host_with_the_name_of_the_mail_domain_has_no_policy":
            lambda s: _certificate(s, s.domain),
        "a_policy_host_with_a_wildcard_of_another_depth_has_no_policy":
            lambda s: _certificate(s, f"*.{s.domain.split('.', 1)[1]}"),
        "a_policy_host_with_a_common_name_alone_has_no_policy":
            lambda s: _certificate(s, damage="common-name"),
        "a_policy_host_with_an_expired_certificate_has_no_policy":
            lambda s: _certificate(s, damage="expired"),
        "a_policy_host_with_a_certificate_of_tomorrow_has_no_policy":
            lambda s: _certificate(s, damage="not-yet"),
        "a_policy_host_with_a_certificate_of_nobody_has_no_policy":
            lambda s: _certificate(s, damage="self-signed")}.items():
    _bad_certificate(_sentence, _make)


@scenario(delivered("encrypted"), "STS-14 STS-45", "sts")
def where_nothing_listens_there_is_no_policy(s):
    not_counted(s, address=s.stage.address())


# The policy itself.


def _invalid(sentence, ids, lines):
    @scenario(delivered("encrypted"), ids, "sts", sentence=sentence)
    def without_policy(s):
        return not_counted(s, text="".join(line + "\r\n" for line in lines))


VALID = ["version: STSv1", "mode: enforce", f"mx: {ELSEWHERE}", "max_age: 86400"]
for _number, _key in enumerate(("version", "mode", "mx", "max_age")):
    _invalid(f"a_policy_without_{_key}_is_none", "STS-26", VALID[:_number] + VALID[_number + 1:])
_invalid("a_policy_with_a_star_alone_is_none", "STS-29", VALID + ["mx: *"])
_invalid("a_policy_with_an_unknown_mode_is_none", "STS-24", [
    line.replace("enforce", "Enforce") for line in VALID])
_invalid("a_policy_with_a_space_before_the_colon_is_none", "STS-24", [
    line.replace("mode:", "mode :") for line in VALID])
_invalid("a_policy_with_a_mark_before_it_is_none", "STS-25", ["\N{ZERO WIDTH NO-BREAK SPACE}" + VALID[0],
                                                           *VALID[1:]])


@scenario(delivered("sts"), "STS-28", "sts")
def a_policy_that_may_not_be_kept_counts_for_the_mail_that_waits_for_it(s):
    counted(s, lambda s: policy(mx=s.mx_names, max_age=0))


@scenario(delivered("sts"), "STS-28", "sts")
def a_policy_for_more_than_a_year_counts(s):
    counted(s, lambda s: policy(mx=s.mx_names, max_age=9999999999))


@scenario(delivered("encrypted"), "STS-21 STS-45", "sts-slow")
def a_policy_that_drips_is_given_up_after_a_minute(s):
    not_counted(s, fault="slow")
    return lambda r: check(60 <= r.seconds < 75, f"{r.seconds}")


# Where the policy host is.


@case("STS-16 STS-11 STS-17")
def the_policy_host_may_be_an_alias_of_that_of_a_provider(t):
    domain, _ = enforced(t)
    own, provider = "mta-sts." + domain.name, f"provider{t.lab.number()}.play.lab"
    domain.names.set(provider, "A", [domain.host.address])
    domain.names.set(own, "A", [])
    domain.names.set(own, "CNAME", [provider + "."])
    delivers(t.sender(), domain, "you")
    equal([(request["sni"], request["host"]) for request in domain.host.requests(domain.name, 1)],
          [(own, own)])


@case("STS-21 STS-16")
def the_next_address_of_the_policy_host_is_tried(t):
    domain, _ = enforced(t)
    domain.names.set("mta-sts." + domain.name, "A", [t.lab.refusing_address(), domain.host.address])
    delivers(t.sender(), domain, "you")
    equal(domain.fetches(1), 1)


@case("STS-16 MX-17")
def a_policy_host_with_an_ipv6_address_alone_is_asked(t):
    host = PolicyHost(t.lab, t.lab.address6())
    domain, _ = enforced(t, host=host)
    delivers(t.sender(), domain, "you")
    equal(domain.fetches(1), 1)
