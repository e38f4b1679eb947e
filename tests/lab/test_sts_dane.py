"""MTA-STS beside DANE (CONFORMANCE 0.1): DANE comes first, and replaces the policy only where it
authenticates the host on a path that is signed from the mail domain on."""

from chains import NOBODY_256, self_signed
from dane import PLAIN, SIGNED, delivered, scenario, waits
from sender import equal

WRONG = f"3 1 1 {NOBODY_256}"
NOT_IN_POLICY = "is not among the hosts of the domain's MTA-STS policy"
UNUSABLE = f"0 0 1 {NOBODY_256}"


def right(s):
    return s.stage.leaf.tlsa(3, 1, 1)


def digest_of(certificate):
    return f"3 1 1 {certificate.key_digest()}"


@scenario(waits("matches no TLSA record"), "POL-02 SEC-11", "sts")
def a_policy_does_not_rescue_a_host_whose_record_does_not_match(s):
    s.mx(s.trusted_host(zone=SIGNED, tlsa=[WRONG]))
    s.sts()
    return lambda r: equal({session["messages"] for session in r.sessions()}, {0})


@scenario(waits("matches no TLSA record"), "POL-02 SEC-11", "sts")
def a_policy_does_not_rescue_it_under_an_unsigned_mx_either(s):
    s.mx(s.trusted_host(zone=SIGNED, tlsa=[WRONG]), zone=PLAIN)
    s.sts()


@scenario(delivered("dane"), "POL-03 STS-35", "sts")
def dane_on_a_signed_path_replaces_the_certificate_of_an_authority(s):
    s.mx(s.dane_host())
    s.sts()
    return lambda r: equal(r.event["policy"], "dane")


@scenario(delivered("dane"), "POL-03", "sts")
def dane_on_a_signed_path_replaces_the_list_of_hosts(s):
    s.mx(s.dane_host())
    s.sts(mx=["mx.elsewhere.lab"])


@scenario(waits(NOT_IN_POLICY), "POL-04 SEC-10", "sts")
def dane_under_an_unsigned_mx_does_not_replace_the_list_of_hosts(s):
    """What the unsigned MX record names may be an attacker's, with perfect DANE of its own."""
    s.mx(s.dane_host(), zone=PLAIN)
    s.sts(mx=["mx.elsewhere.lab"])
    return lambda r: r.never_connected()


@scenario(waits("not for"), "POL-04", "sts")
def dane_under_an_unsigned_mx_does_not_replace_the_certificate(s):
    s.mx(s.dane_host(), zone=PLAIN)
    s.sts()


@scenario(delivered("sts"), "POL-04 POL-16", "sts")
def under_an_unsigned_mx_both_are_proven_and_sts_is_claimed(s):
    certificate = s.stage.trusted.issue([s.name("mx")])
    s.mx(s.host(certificates=[certificate], tlsa=[digest_of(certificate)]), zone=PLAIN)
    s.sts()
    return lambda r: equal(r.event["policy"], "dane+sts")


@scenario(delivered("half-dane"), "POL-04 DANE-24", "sts")
def under_an_unsigned_mx_a_policy_in_testing_adds_nothing_to_dane(s):
    s.mx(s.dane_host(), zone=PLAIN)
    s.sts("testing")


@scenario(waits("no valid path to a trusted authority"), "POL-05", "sts")
def records_of_which_none_is_usable_do_not_replace_the_certificate(s):
    s.mx(s.host(chain=[self_signed(s.name("mx"))], tlsa=[UNUSABLE]))
    s.sts()


@scenario(waits(NOT_IN_POLICY), "POL-05", "sts")
def records_of_which_none_is_usable_do_not_replace_the_list_of_hosts(s):
    s.mx(s.trusted_host(zone=SIGNED, tlsa=[UNUSABLE]))
    s.sts(mx=["mx.elsewhere.lab"])
    return lambda r: r.never_connected()


@scenario(delivered("sts"), "POL-05", "sts")
def with_records_of_which_none_is_usable_the_policy_can_be_met(s):
    s.mx(s.trusted_host(zone=SIGNED, tlsa=[UNUSABLE]))
    s.sts()


@scenario(delivered("encrypted"), "POL-05 POL-06", "sts")
def with_records_of_which_none_is_usable_and_testing_any_tls_does(s):
    s.mx(s.host(tlsa=[UNUSABLE]))
    s.sts("testing")


@scenario(waits("TLSA"), "POL-02 DANE-13", "sts")
def a_policy_does_not_rescue_a_host_whose_records_cannot_be_looked_up(s):
    host = s.trusted_host(zone=SIGNED, tlsa=[WRONG])
    s.mx(host)
    s.sts()
    s.fault(f"_25._tcp.{host.name}", "TLSA", "servfail")
    return lambda r: r.never_connected()


@scenario(delivered("dane", host=1), "POL-01 STS-38", "sts")
def each_host_has_its_own_row_of_the_table(s):
    """The first is neither in the policy nor has records; the second has no good certificate, but DANE."""
    s.mx(s.host("a"), s.dane_host("b"))
    s.sts(mx=["mx.elsewhere.lab"])
    return lambda r: r.never_connected(0)


@scenario(delivered("dane"), "POL-03 STS-22", "sts")
def a_policy_that_cannot_be_fetched_does_no_harm_to_dane(s):
    s.mx(s.dane_host(zone=SIGNED))
    s.sts(fault="error")


@scenario(delivered("half-dane"), "POL-04 STS-14", "sts")
def a_policy_that_cannot_be_fetched_leaves_half_dane(s):
    s.mx(s.dane_host(), zone=PLAIN)
    s.sts(fault="error")
