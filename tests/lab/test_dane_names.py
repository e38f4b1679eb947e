"""Which names a certificate of usage 2 must have, which name the server hears by SNI, and where the
TLSA records of a host with aliases are."""

from chains import NOBODY_256, authority, self_signed
from dane import OPT_OUT, PLAIN, SIGNED, delivered, scenario, waits
from sender import check, equal

WRONG = f"3 1 1 {NOBODY_256}"


def anchored(s, *names, label="mx", zone=SIGNED, **options):
    """A host below an anchor of its own, whose leaf has these names; without records yet."""
    root = authority(f"Root of {s.label}")
    host = s.host(label, zone, chain=[root.leaf(*names, **options), root])
    return host, root.tlsa(2, 0, 1)


# Names that count (RFC 7672 3.2.2).


@scenario(delivered("dane"), "DANE-32")
def the_name_of_the_mail_domain_is_enough(s):
    host, record = anchored(s, s.name())
    s.tlsa(host.name, record)
    s.mx(host)


@scenario(delivered("dane"), "DANE-32")
def the_name_that_the_mail_domain_is_an_alias_of_is_enough(s):
    host, record = anchored(s, s.name("real"))
    s.tlsa(host.name, record)
    s.mx(host, domain=s.name("real"))
    s.domain = s.alias(s.name(), s.name("real"))


@scenario(waits(), "DANE-33")
def under_an_unsigned_mx_the_name_of_the_mail_domain_does_not_count(s):
    host, record = anchored(s, s.name(zone=PLAIN))
    s.tlsa(host.name, record)
    s.mx(host, zone=PLAIN)


@scenario(delivered("half-dane"), "DANE-33 DANE-24")
def under_an_unsigned_mx_the_name_of_the_host_counts(s):
    host, record = anchored(s, s.name("mx"))
    s.tlsa(host.name, record)
    s.mx(host, zone=PLAIN)


@scenario(delivered("dane"), "DANE-34 DANE-28")
def without_mx_the_name_before_the_alias_is_enough(s):
    host, record = anchored(s, s.name(), label="real")
    s.tlsa(host.name, record)
    s.domain = s.alias(s.name(), host.name)


@scenario(delivered("dane"), "DANE-34 DANE-28")
def without_mx_the_name_behind_the_alias_is_enough(s):
    host, record = anchored(s, s.name("real"), label="real")
    s.tlsa(host.name, record)
    s.domain = s.alias(s.name(), host.name)


@scenario(delivered("dane"), "DANE-35")
def a_common_name_counts_where_there_is_no_other(s):
    host, record = anchored(s, common_name=s.name("mx"))
    s.tlsa(host.name, record)
    s.mx(host)


@scenario(waits("somebody.else.lab"), "DANE-35")
def a_common_name_does_not_count_beside_an_alternative_one(s):
    host, record = anchored(s, "somebody.else.lab", common_name=s.name("mx"))
    s.tlsa(host.name, record)
    s.mx(host)


@scenario(delivered("dane"), "DANE-36")
def a_wildcard_covers_one_label(s):
    host, record = anchored(s, "*." + s.name())
    s.tlsa(host.name, record)
    s.mx(host)


@scenario(waits(), "DANE-36")
def a_wildcard_does_not_cover_two_labels(s):
    host, record = anchored(s, "*." + s.name(), label="a.b")
    s.tlsa(host.name, record)
    s.mx(host)


@scenario(waits(), "DANE-36")
def a_wildcard_does_not_cover_the_name_below_which_it_is(s):
    host, record = anchored(s, "*." + s.name("mx"))
    s.tlsa(host.name, record)
    s.mx(host)


@scenario(waits(), "DANE-36")
def a_wildcard_for_a_part_of_a_label_does_not_count(s):
    host, record = anchored(s, "smtp*." + s.name(), label="smtp1")
    s.tlsa(host.name, record)
    s.mx(host)


# Aliases of the host: where the records are looked for, and the name in SNI.


@scenario(delivered("dane"), "DANE-04 DANE-30 DNS-06")
def an_alias_finds_the_records_at_the_name_behind_it(s):
    """Exim: MX -> secure CNAME -> host with TLSA. What stands at the alias is not looked at."""
    real = s.dane_host("real")
    alias = s.alias(s.name("mx"), real.name)
    s.tlsa(alias, WRONG)
    s.mx(alias)

    def then(r):
        equal(r.asked(f"_25._tcp.{alias}", "TLSA"), 0)
        equal([session["sni"] for session in r.sessions()], [real.name])
        equal(r.event["mx"], alias, "the name before the alias (DANE-26)")
    return then


@scenario(delivered("dane"), "DANE-04 DANE-10 DANE-30")
def an_alias_finds_the_records_at_its_own_name_when_there_are_none_behind_it(s):
    real = s.host("real")
    alias = s.alias(s.name("mx"), real.name)
    s.tlsa(alias, s.stage.leaf.tlsa(3, 1, 1))
    s.mx(alias)

    def then(r):
        check(r.asked(f"_25._tcp.{alias}", "TLSA") > 0, "its own name was not asked for")
        equal([session["sni"] for session in r.sessions()], [alias])
    return then


@scenario(delivered("encrypted"), "DANE-07 SEC-25")
def names_in_the_middle_of_aliases_are_never_asked_for_records(s):
    real = s.host("real")
    middle = s.alias(s.name("middle"), real.name)
    s.tlsa(middle, WRONG)
    s.mx(s.alias(s.name("mx"), middle))
    return lambda r: equal(r.asked(f"_25._tcp.{middle}", "TLSA"), 0)


@scenario(delivered("encrypted"), "DANE-08 DANE-15")
def only_unusable_records_behind_an_alias_end_the_search(s):
    real = s.host("real", tlsa=[f"0 0 1 {NOBODY_256}"])
    alias = s.alias(s.name("mx"), real.name)
    s.tlsa(alias, WRONG)
    s.mx(alias)

    def then(r):
        equal(r.event["policy"], "encrypt")
        equal(r.asked(f"_25._tcp.{alias}", "TLSA"), 0)
    return then


@scenario(delivered("dane"), "DANE-05 DNS-07 DANE-30 SEC-24")
def a_signed_alias_of_an_unsigned_host_has_its_own_records(s):
    real = s.host("real", PLAIN)
    alias = s.alias(s.name("mx"), real.name)
    s.tlsa(alias, s.stage.leaf.tlsa(3, 1, 1))
    s.mx(alias)

    def then(r):
        equal(r.asked(f"_25._tcp.{real.name}", "TLSA"), 0)
        equal([session["sni"] for session in r.sessions()], [alias])
    return then


@scenario(waits("matches no TLSA record"), "DANE-05 DNS-07")
def a_signed_alias_of_an_unsigned_host_waits_when_its_own_record_does_not_match(s):
    real = s.host("real", PLAIN)
    alias = s.alias(s.name("mx"), real.name)
    s.tlsa(alias, WRONG)
    s.mx(alias)


@scenario(delivered("encrypted"), "DANE-06 DNS-06")
def an_unsigned_alias_of_a_signed_host_has_no_dane(s):
    real = s.host("real", tlsa=[WRONG])
    alias = s.alias(s.name("mx", PLAIN), real.name)
    s.mx(alias)
    return lambda r: equal(r.asked(f"_25._tcp.{real.name}", "TLSA"), 0)


@scenario(delivered("dane"), "DNS-09 DANE-04")
def a_renamed_tree_above_the_host_is_followed(s):
    real = s.dane_host("mx.new")
    s.record(s.name("old"), "DNAME", s.name("new") + ".")
    s.mx(s.name("mx.old"))
    return lambda r: equal([session["sni"] for session in r.sessions()], [real.name])


# Aliases of the records.


@scenario(delivered("dane"), "DANE-12 DANE-30")
def an_alias_of_the_records_changes_neither_the_name_that_is_checked_nor_the_one_sent(s):
    host, record = anchored(s, s.name("mx"))
    s.record(s.name("kept", OPT_OUT), "TLSA", record)
    s.alias(f"_25._tcp.{host.name}", s.name("kept", OPT_OUT))
    s.mx(host)
    return lambda r: equal([session["sni"] for session in r.sessions()], [host.name])


@scenario(waits(), "DANE-12 DANE-31")
def the_name_that_the_records_are_an_alias_of_is_no_name_of_the_host(s):
    host, record = anchored(s, s.name("kept"))
    s.record(s.name("kept"), "TLSA", record)
    s.alias(f"_25._tcp.{host.name}", s.name("kept"))
    s.mx(host)


@scenario(delivered("encrypted"), "DANE-12 TLSA-29")
def an_alias_of_the_records_into_an_unsigned_zone_has_no_dane(s):
    host = s.host()
    s.record(s.name("kept", PLAIN), "TLSA", WRONG)
    s.alias(f"_25._tcp.{host.name}", s.name("kept", PLAIN))
    s.mx(host)


# Aliases of the mail domain.


@scenario(delivered("dane"), "DANE-50 MX-07")
def a_signed_alias_of_a_signed_domain_is_secure(s):
    s.mx(s.dane_host(), domain=s.name("real"))
    s.domain = s.alias(s.name(), s.name("real"))


@scenario(delivered("half-dane"), "DANE-50 DNS-06")
def an_unsigned_alias_of_a_signed_domain_is_not_secure(s):
    s.mx(s.dane_host(), domain=s.name("real"))
    s.domain = s.alias(s.name(zone=PLAIN), s.name("real"))


@scenario(delivered("half-dane"), "DANE-50 DNS-06")
def a_signed_alias_of_an_unsigned_domain_is_not_secure(s):
    s.mx(s.dane_host(), domain=s.name("real", PLAIN))
    s.domain = s.alias(s.name(), s.name("real", PLAIN))


@scenario(waits("matches no TLSA record"), "DANE-50 DANE-24")
def an_unsigned_alias_of_a_signed_domain_still_demands_what_the_host_publishes(s):
    s.mx(s.host(tlsa=[WRONG]), domain=s.name("real"))
    s.domain = s.alias(s.name(zone=PLAIN), s.name("real"))


@scenario(delivered("dane"), "DANE-28")
def a_domain_without_mx_is_its_own_host(s):
    s.domain = s.name()
    s.dane_host(name=s.domain)


@scenario(waits("matches no TLSA record"), "DANE-28")
def a_domain_without_mx_waits_when_its_record_does_not_match(s):
    s.domain = s.name()
    s.host(name=s.domain, tlsa=[WRONG], chain=[self_signed(s.domain)])
