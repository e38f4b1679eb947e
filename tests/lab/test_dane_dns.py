"""What the DNS says on the way to TLSA records: signed or not, denied in each way, forged, or silent;
and what then happens to this host, to the next one, and to the mail."""

from chains import NOBODY_256
from dane import CHILD, OPT_OUT, PLAIN, bounced, delivered, scenario, waits, waits_for_dns
from sender import check, equal

WRONG = f"3 1 1 {NOBODY_256}"
ADDRESS_TYPES = ("A", "AAAA")


def right(s):
    return s.stage.leaf.tlsa(3, 1, 1)


# Without records, and with records that do not count.


@scenario(delivered("encrypted"), "DANE-16 DANE-03")
def a_host_that_nsec_says_has_no_records_has_no_dane(s):
    """havedane.net, dont; Exim: secure denial."""
    s.mx(s.host())


@scenario(delivered("encrypted"), "DANE-16 DNS-20")
def a_host_that_nsec3_says_has_no_records_has_no_dane(s):
    s.mx(s.host(zone=OPT_OUT), zone=OPT_OUT)


@scenario(delivered("dane"), "DANE-14 DNS-20")
def records_in_a_zone_with_nsec3_count(s):
    s.mx(s.dane_host(zone=OPT_OUT), zone=OPT_OUT)


@scenario(waits("matches no TLSA record"), "DANE-14 DNS-20")
def wrong_records_in_a_zone_with_nsec3_count_too(s):
    s.mx(s.host(zone=OPT_OUT, tlsa=[WRONG]), zone=OPT_OUT)


@scenario(delivered("encrypted"), "DNS-20 DANE-02 TLSA-29")
def an_unsigned_child_in_an_opt_out_span_has_no_dane(s):
    host = s.host(zone=CHILD, tlsa=[WRONG])
    s.mx(host, zone=CHILD)
    return lambda r: equal(r.asked(f"_25._tcp.{host.name}", "TLSA"), 0)


@scenario(delivered("cleartext"), "DANE-02 DANE-16 TLSA-29")
def records_of_an_unsigned_host_are_not_even_asked_for(s):
    host = s.host(zone=PLAIN, tlsa=[WRONG], bugs=["without:STARTTLS"])
    s.mx(host, zone=PLAIN)
    s.fault(f"_25._tcp.{host.name}", "TLSA", "servfail")
    return lambda r: equal(r.asked(f"_25._tcp.{host.name}", "TLSA"), 0)


@scenario(delivered("encrypted"), "DANE-02")
def an_unsigned_host_of_a_signed_domain_has_no_dane(s):
    """Exim: insecure A."""
    s.mx(s.host(zone=PLAIN, tlsa=[WRONG]))


@scenario(delivered("encrypted"), "DANE-11")
def records_of_another_port_do_not_count(s):
    host = s.host()
    s.tlsa(host.name, WRONG, port=2525)
    s.tlsa(host.name, WRONG, port=465)
    s.mx(host)


@scenario(delivered("dane"), "DANE-11 DANE-29")
def a_route_to_another_port_has_the_records_of_that_port(s):
    host = s.host(port=2525, tlsa=[right(s)])
    s.tlsa(host.name, WRONG, port=25)
    s.domain = s.name("routed")
    s.flags += ["--route", f"{s.domain}={host.name}:2525"]
    return lambda r: equal(r.asked(f"_25._tcp.{host.name}", "TLSA"), 0)


@scenario(waits("matches no TLSA record"), "DANE-29 DANE-46")
def a_route_to_a_host_whose_record_does_not_match_waits(s):
    host = s.host(tlsa=[WRONG])
    s.domain = s.name("routed", PLAIN)
    s.flags += ["--route", f"{s.domain}={host.name}"]


# A domain whose MX answer is not signed.


@scenario(delivered("half-dane"), "DANE-24 DANE-27 POL-15")
def an_unsigned_domain_with_a_signed_host_is_half_dane(s):
    s.mx(s.dane_host(), zone=PLAIN)


@scenario(waits("matches no TLSA record"), "DANE-24")
def an_unsigned_domain_with_a_signed_host_of_another_key_waits(s):
    s.mx(s.host(tlsa=[WRONG]), zone=PLAIN)


@scenario(delivered("encrypted"), "DANE-24", play="ignore")
def with_half_dane_ignored_a_wrong_record_behind_an_unsigned_mx_does_not_count(s):
    s.mx(s.host(tlsa=[WRONG]), zone=PLAIN)


@scenario(delivered("dane"), "DANE-24 DANE-14", play="ignore")
def with_half_dane_ignored_a_signed_mx_still_counts(s):
    s.mx(s.dane_host())


@scenario(waits("dane-only"), "DANE-25")
def an_unsigned_domain_under_dane_only_waits_without_a_connection(s):
    s.mx(s.dane_host(), zone=PLAIN)
    s.flags += ["--tls", f"{s.domain}=dane-only"]
    return lambda r: r.never_connected()


@scenario(waits("dane-only"), "POL-10 DANE-44")
def a_host_without_records_under_dane_only_waits_without_a_connection(s):
    s.mx(s.host())
    s.flags += ["--tls", f"{s.domain}=dane-only"]
    return lambda r: r.never_connected()


@scenario(delivered("encrypted"), "POL-11 DANE-43")
def a_wrong_record_under_audit_is_delivered_and_told(s):
    s.mx(s.host(tlsa=[WRONG]))
    s.flags += ["--tls", f"{s.domain}=audit"]


@scenario(delivered("encrypted"), "POL-11")
def a_wrong_record_under_may_is_not_asked_for(s):
    host = s.host(tlsa=[WRONG])
    s.mx(host)
    s.flags += ["--tls", f"{s.domain}=may"]
    return lambda r: equal(r.asked(f"_25._tcp.{host.name}", "TLSA"), 0)


# Forged at each step.


@scenario(waits_for_dns("signature"), "DNS-02 DANE-51 POL-04")
def a_forged_mx_waits_without_a_connection(s):
    s.mx(s.dane_host())
    s.corrupt(s.domain, "MX")
    return lambda r: r.never_connected()


@scenario(waits_for_dns(), "DNS-02 DANE-13 DANE-51")
def a_forged_alias_of_the_host_waits_without_a_connection(s):
    real = s.dane_host("real")
    s.mx(s.alias(s.name("mx"), real.name))
    s.corrupt(s.name("mx"), "CNAME")
    return lambda r: r.never_connected()


@scenario(waits_for_dns(), "DNS-02 DANE-13 DANE-51")
def a_forged_address_waits_without_a_connection(s):
    host = s.dane_host()
    s.mx(host)
    s.corrupt(host.name, "A")
    return lambda r: r.never_connected()


@scenario(delivered("dane"), "DNS-31 DNS-02")
def a_forged_address_of_one_family_leaves_the_other_with_dane(s):
    host = s.dane_host()
    s.record(host.name, "AAAA", "fd00:6c61:62::ff01")
    s.mx(host)
    s.corrupt(host.name, "AAAA")


@scenario(waits("_25._tcp.mx.", "TLSA"), "DANE-13 DNS-02 DANE-51")
def a_forged_record_waits_without_a_connection(s):
    host = s.dane_host()
    s.mx(host)
    s.corrupt(f"_25._tcp.{host.name}", "TLSA")
    return lambda r: r.never_connected()


@scenario(delivered("dane", host=1), "DANE-13 DNS-02 POL-17")
def a_forged_record_makes_only_its_host_wait(s):
    first, second = s.dane_host("mx1"), s.dane_host("mx2")
    s.mx(first, second)
    s.corrupt(f"_25._tcp.{first.name}", "TLSA")
    return lambda r: r.never_connected(0)


@scenario(waits("_25._tcp.mx.", "TLSA"), "DANE-12 DANE-13 DNS-08")
def a_forged_alias_of_the_records_waits_without_a_connection(s):
    host = s.host()
    s.record(s.name("kept"), "TLSA", right(s))
    s.alias(f"_25._tcp.{host.name}", s.name("kept"))
    s.mx(host)
    s.corrupt(f"_25._tcp.{host.name}", "CNAME")
    return lambda r: r.never_connected()


@scenario(waits("_25._tcp.mx.", "bogus"), "DNS-10 DANE-13 DANE-51")
def a_record_that_a_resolver_forged_and_calls_validated_waits_without_a_connection(s):
    host = s.dane_host()
    s.mx(host)
    s.fault(f"_25._tcp.{host.name}", "TLSA", "forge")
    return lambda r: r.never_connected()


@scenario(waits_for_dns("bogus"), "DNS-10 DANE-51")
def an_mx_that_a_resolver_forged_and_calls_validated_waits_without_a_connection(s):
    s.mx(s.dane_host())
    s.fault(s.domain, "MX", "forge")
    return lambda r: r.never_connected()


# SERVFAIL and silence at each step.


@scenario(waits_for_dns(), "DNS-03 DANE-13")
def no_answer_for_the_mx_waits_without_a_connection(s):
    s.mx(s.dane_host())
    s.fault(s.domain, "MX", "servfail")
    return lambda r: r.never_connected()


@scenario(waits_for_dns(), "DNS-03 DANE-13")
def no_answer_for_the_addresses_waits_without_a_connection(s):
    host = s.dane_host()
    s.mx(host)
    for rdtype in ADDRESS_TYPES:
        s.fault(host.name, rdtype, "servfail")
    return lambda r: r.never_connected()


@scenario(waits("_25._tcp.mx.", "TLSA"), "DANE-13 DANE-51 DNS-03")
def no_answer_for_the_records_waits_without_a_connection(s):
    """Exim: A secure and TLSA SERVFAIL."""
    host = s.dane_host()
    s.mx(host)
    s.fault(f"_25._tcp.{host.name}", "TLSA", "servfail")
    return lambda r: r.never_connected()


@scenario(delivered("encrypted", host=1), "DANE-13 DANE-22 POL-17")
def no_answer_for_the_records_makes_only_this_host_wait(s):
    first, second, third = s.dane_host("mx1"), s.host("mx2"), s.dane_host("mx3")
    s.mx(first, second, third)
    s.fault(f"_25._tcp.{first.name}", "TLSA", "refused")

    def then(r):
        r.never_connected(0)
        r.never_connected(2)
    return then


@scenario(waits("mx1", "mx2"), "DANE-13 DANE-51")
def no_answer_for_the_records_of_both_hosts_waits(s):
    """Exim: both MX TLSA lookups fail."""
    hosts = s.dane_host("mx1"), s.dane_host("mx2")
    s.mx(*hosts)
    for host in hosts:
        s.fault(f"_25._tcp.{host.name}", "TLSA", "servfail")

    def then(r):
        r.never_connected(0)
        r.never_connected(1)
    return then


@scenario(waits_for_dns("_25._tcp.real.", status="4.7."), "DANE-09 DANE-13")
def no_answer_behind_an_alias_is_not_healed_by_records_at_the_alias(s):
    real = s.dane_host("real")
    alias = s.alias(s.name("mx"), real.name)
    s.tlsa(alias, right(s))
    s.mx(alias)
    s.fault(f"_25._tcp.{real.name}", "TLSA", "servfail")

    def then(r):
        r.never_connected()
        equal(r.asked(f"_25._tcp.{alias}", "TLSA"), 0)
    return then


@scenario(waits_for_dns(), "DNS-08")
def a_loop_of_signed_aliases_waits(s):
    one, two = s.name("one"), s.name("two")
    s.alias(one, two)
    s.alias(two, one)
    s.mx(one)


@scenario(waits_for_dns(), "DNS-35 DANE-13", play="mute")
def silence_about_the_mx_waits_without_a_connection(s):
    s.mx(s.dane_host())
    s.fault(s.domain, "MX", "drop")
    return lambda r: r.never_connected()


@scenario(waits_for_dns(), "DNS-31 DNS-35 DANE-13", play="mute")
def silence_about_the_addresses_waits_without_a_connection(s):
    host = s.dane_host()
    s.mx(host)
    for rdtype in ADDRESS_TYPES:
        s.fault(host.name, rdtype, "drop")
    return lambda r: r.never_connected()


@scenario(waits("_25._tcp.mx.", "TLSA"), "DNS-35 DANE-13 DANE-51", play="mute")
def silence_about_the_records_waits_without_a_connection(s):
    host = s.dane_host()
    s.mx(host)
    s.fault(f"_25._tcp.{host.name}", "TLSA", "drop")
    return lambda r: r.never_connected()


@scenario(delivered("dane"), "DNS-31", play="mute")
def silence_about_one_family_leaves_the_other_with_dane(s):
    host = s.dane_host()
    s.mx(host)
    s.fault(host.name, "AAAA", "drop")


# The order of hosts, and domains that take no mail.


@scenario(delivered("encrypted"), "DANE-21 POL-17")
def a_better_host_without_records_comes_before_one_with_records(s):
    s.mx(s.host("mx1"), s.dane_host("mx2"))
    return lambda r: r.never_connected(1)


@scenario(delivered("dane", host=1), "DANE-18 POL-17")
def after_a_wrong_host_the_next_one_is_tried(s):
    s.mx(s.host("mx1", tlsa=[WRONG]), s.dane_host("mx2"))

    def then(r):
        check(len(r.sessions(0)) >= 1, "the better host was not tried first")
        check("mx1" in r.event["reason"], r.event["reason"])
    return then


@scenario(delivered("encrypted", host=1), "DANE-22")
def after_a_wrong_host_one_without_records_may_take_the_mail(s):
    s.mx(s.host("mx1", tlsa=[WRONG]), s.host("mx2"))


@scenario(waits("mx1", "mx2"), "DANE-18")
def two_wrong_hosts_wait_and_both_are_named(s):
    s.mx(s.host("mx1", tlsa=[WRONG]), s.host("mx2", tlsa=[WRONG]))


@scenario(delivered("encrypted"), "DANE-23 MX-19")
def an_address_in_place_of_a_domain_has_no_dane(s):
    host = s.host(tlsa=[WRONG])
    s.domain = f"[{host.addresses[0]}]"


@scenario(bounced("5.1.10"), "MX-05")
def a_signed_domain_that_takes_no_mail_bounces(s):
    s.domain = s.name()
    s.record(s.domain, "MX", "0 .")


@scenario(bounced("5.1.2"), "MX-01")
def a_signed_name_that_does_not_exist_bounces(s):
    s.domain = s.name("nowhere")
