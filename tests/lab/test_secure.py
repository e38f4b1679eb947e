"""--tls DOMAIN=secure: a certificate of a public authority (here that of --ca-file) for names of ours, in
addition to what is published."""

from dane import PLAIN, SIGNED, delivered, scenario, waits


def trusted(s, *names):
    """A certificate of the authority that longship was told to trust."""
    return [s.stage.trusted.issue(list(names))]


def secure(s, host, *names, zone=PLAIN):
    s.mx(host, zone=zone)
    s.flags.append(f"--tls={s.domain}=secure" + (":" + "|".join(names) if names else ""))


@scenario(delivered("secure"), "POL-10 POL-15 TLS-23")
def a_certificate_of_a_trusted_authority_for_the_domain_is_secure(s):
    secure(s, s.host(zone=PLAIN, certificates=trusted(s, s.name(zone=PLAIN))))


@scenario(delivered("secure"), "POL-10")
def one_of_the_names_that_the_flag_lists_is_enough(s):
    mx = s.name("mx", PLAIN)
    secure(s, s.host(zone=PLAIN, certificates=trusted(s, mx)), "elsewhere.lab", mx)


@scenario(waits("not for"), "SEC-09")
def a_certificate_for_the_host_alone_is_not_one_for_the_domain(s):
    secure(s, s.host(zone=PLAIN, certificates=trusted(s, s.name("mx", PLAIN))))


@scenario(waits("no valid path to a trusted authority"), "SEC-23")
def a_certificate_of_nobody_is_not_secure(s):
    secure(s, s.host(zone=PLAIN), "nobody.asks.for.this.name.lab")


@scenario(waits("TLSA record"), "POL-10")
def secure_does_not_replace_what_the_domain_has_published(s):
    name = s.name(zone=SIGNED)
    wrong = f"3 1 1 {'ab' * 32}"
    secure(s, s.host(certificates=trusted(s, name), tlsa=[wrong]), zone=SIGNED)
