"""What TLSA records ask of certificates, against longship-sink: usages, selectors, digests, dates,
paths, and sets of several records. The scenarios of havedane.net, email-security-scans.org and
Exim's scripts 5800 to 5840 (RECEIVERS.md 7) that turn on the records are among them."""

from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID

from chains import EXPIRED, NOBODY_256, NOBODY_512, NOT_YET, authority, self_signed
from dane import delivered, scenario, waits
from peer import Dialogue

WRONG = f"3 1 1 {NOBODY_256}"
WRONG_512 = f"3 1 2 {NOBODY_512}"
NO_MATCH = "matches no TLSA record"


# Every kind of record, and the key or digest that is not the right one.


def _every_combination():
    """TLSA-07: usage 2 and 3, both selectors, all three matching types, EC and RSA."""
    for usage in (2, 3):
        for selector in (0, 1):
            for matching in (0, 1, 2):
                for key in ("p256", "rsa"):
                    if key == "rsa" and matching == 2:
                        continue
                    _combination(usage, selector, matching, key)


def _combination(usage, selector, matching, key):
    def plays(s):
        root = authority("Root of one")
        leaf = root.leaf(s.name("mx"), key=key)
        named = root if usage == 2 else leaf
        s.mx(s.host(chain=[leaf, root], tlsa=[named.tlsa(usage, selector, matching)]))

    plays.__module__ = __name__
    # DANE-52: none of these certificates is in a log of certificate transparency.
    scenario(delivered("dane"), "TLSA-07 TLSA-09 DANE-52", sentence=(
        f"{usage}_{selector}_{matching}_of_the_right_certificate_delivers_with_{key}"))(plays)


_every_combination()


@scenario(waits(NO_MATCH, "3 1 1"), "DANE-14 DANE-18 DANE-43")
def a_key_that_no_record_names_waits(s):
    s.mx(s.host(tlsa=[WRONG]))

    def then(r):
        (session,) = r.sessions()
        assert session["messages"] == 0, session
    return then


@scenario(waits(NO_MATCH), "DANE-18")
def altered_digests_of_both_usages_wait(s):
    """havedane.net, wrong: 2 1 1 and 3 1 1, both altered."""
    root = authority("Root of wrong")
    s.mx(s.host(chain=[root.leaf(s.name("mx")), root], tlsa=[WRONG, f"2 1 1 {NOBODY_256}"]))


@scenario(delivered("dane"), "TLSA-10")
def matching_digests_of_both_usages_deliver(s):
    """havedane.net, do: no MX, 2 1 1 and 3 1 1."""
    root = authority("Root of do")
    s.domain = s.name()
    leaf = root.leaf(s.domain)
    s.host(name=s.domain, chain=[leaf, root], tlsa=[leaf.tlsa(3, 1, 1), root.tlsa(2, 1, 1)])


@scenario(waits(NO_MATCH, "3 0 1"), "TLSA-08 DANE-18")
def a_renewed_certificate_under_3_0_1_waits(s):
    old = self_signed(s.name("mx"))
    s.mx(s.host(chain=[self_signed(s.name("mx"), same_key_as=old)], tlsa=[old.tlsa(3, 0, 1)]))


@scenario(delivered("dane"), "TLSA-09")
def a_renewed_certificate_of_the_same_key_under_3_1_1_delivers(s):
    old = self_signed(s.name("mx"))
    s.mx(s.host(chain=[self_signed(s.name("mx"), same_key_as=old)], tlsa=[old.tlsa(3, 1, 1)]))


@scenario(delivered("dane"), "TLSA-09")
def a_384_bit_key_under_3_1_1_delivers(s):
    leaf = self_signed(s.name("mx"), key="p384")
    s.mx(s.host(chain=[leaf], tlsa=[leaf.tlsa(3, 1, 1)]))


def _rare_key(kind):
    def plays(s):
        leaf = self_signed(s.name("mx"), key=kind)
        s.mx(s.host(chain=[leaf], tlsa=[leaf.tlsa(3, 1, 1)], dialogue=Dialogue))

    plays.__module__ = __name__
    scenario(delivered("dane"), "TLSA-27", sentence=f"a_key_of_{kind}_under_3_1_1_delivers")(plays)


for _kind in ("p521", "ed25519"):
    _rare_key(_kind)


@scenario(delivered("dane"), "DANE-39")
def a_leaf_that_is_only_for_clients_under_3_1_1_delivers(s):
    leaf = self_signed(s.name("mx"), extensions=[
        x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH])])
    s.mx(s.host(chain=[leaf], tlsa=[leaf.tlsa(3, 1, 1)]))


@scenario(waits("2 1 1"), "TLSA-21 TLS-24")
def a_leaf_that_is_only_for_clients_under_2_1_1_waits(s):
    root = authority("Root for clients")
    leaf = root.leaf(s.name("mx"), extensions=[
        x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH])])
    s.mx(s.host(chain=[leaf, root], tlsa=[root.tlsa(2, 1, 1)]))


@scenario(waits(NO_MATCH), "TLSA-28")
def a_hundred_records_none_of_which_matches_wait(s):
    s.mx(s.host(tlsa=[f"3 1 1 {number:064x}" for number in range(1, 101)]))


@scenario(waits("more TLSA records than are looked at"), "TLSA-28 DANE-15")
def a_hundred_unusable_records_wait_since_not_all_are_looked_at(s):
    """A usable one may be among the others, which would ask for more than TLS."""
    s.mx(s.host(tlsa=[f"1 1 1 {number:064x}" for number in range(1, 101)]))


# Dates and names.


@scenario(delivered("dane"), "DANE-38")
def an_expired_leaf_under_3_1_1_delivers(s):
    leaf = self_signed(s.name("mx"), days=EXPIRED)
    s.mx(s.host(chain=[leaf], tlsa=[leaf.tlsa(3, 1, 1)]))


@scenario(delivered("dane"), "DANE-38")
def a_leaf_that_is_not_valid_yet_under_3_0_1_delivers(s):
    leaf = self_signed(s.name("mx"), days=NOT_YET)
    s.mx(s.host(chain=[leaf], tlsa=[leaf.tlsa(3, 0, 1)]))


@scenario(waits("2 0 1"), "TLSA-21")
def an_expired_leaf_under_2_0_1_waits(s):
    root = authority("Root of the expired")
    s.mx(s.host(chain=[root.leaf(s.name("mx"), days=EXPIRED), root], tlsa=[root.tlsa(2, 0, 1)]))


@scenario(waits("2 1 1"), "TLSA-21")
def a_leaf_that_is_not_valid_yet_under_2_1_1_waits(s):
    root = authority("Root of the early")
    s.mx(s.host(chain=[root.leaf(s.name("mx"), days=NOT_YET), root], tlsa=[root.tlsa(2, 1, 1)]))


@scenario(delivered("dane"), "TLSA-21 DANE-38")
def an_expired_leaf_under_2_0_1_and_3_1_1_delivers(s):
    root = authority("Root of both")
    leaf = root.leaf(s.name("mx"), days=EXPIRED)
    s.mx(s.host(chain=[leaf, root], tlsa=[root.tlsa(2, 0, 1), leaf.tlsa(3, 1, 1)]))


@scenario(waits("2 0 1"), "TLSA-31")
def an_expired_anchor_under_2_0_1_waits(s):
    root = authority("An old root", days=EXPIRED)
    s.mx(s.host(chain=[root.leaf(s.name("mx")), root], tlsa=[root.tlsa(2, 0, 1)]))


@scenario(delivered("dane"), "DANE-37 DANE-39")
def another_name_in_the_leaf_under_3_1_1_delivers(s):
    leaf = authority("Not shown").leaf("somebody.else.lab")
    s.mx(s.host(chain=[leaf], tlsa=[leaf.tlsa(3, 1, 1)]))


@scenario(waits("somebody.else.lab"), "DANE-31")
def another_name_in_the_leaf_under_2_0_1_waits(s):
    root = authority("Root of other names")
    s.mx(s.host(chain=[root.leaf("somebody.else.lab"), root], tlsa=[root.tlsa(2, 0, 1)]))


# Where the anchor is.


@scenario(waits("matches no TLSA record", "2 0 1"), "TLSA-16")
def an_anchor_that_is_not_shown_under_2_0_1_waits(s):
    root = authority("Root at home")
    s.mx(s.host(chain=[root.leaf(s.name("mx"))], tlsa=[root.tlsa(2, 0, 1)]))


@scenario(waits("matches no TLSA record", "2 1 2"), "TLSA-16")
def an_anchor_that_is_not_shown_under_2_1_2_waits(s):
    root = authority("Root at home too")
    s.mx(s.host(chain=[root.leaf(s.name("mx"))], tlsa=[root.tlsa(2, 1, 2)]))


@scenario(delivered("dane"), "TLSA-17")
def an_anchor_that_only_the_dns_has_under_2_0_0_delivers(s):
    root = authority("Root in the DNS")
    middle = root.sub("Middle of 2 0 0")
    s.mx(s.host(chain=[middle.leaf(s.name("mx")), middle], tlsa=[root.tlsa(2, 0, 0)]))


@scenario(delivered("dane"), "TLSA-18")
def the_key_of_an_anchor_that_only_the_dns_has_under_2_1_0_delivers(s):
    root = authority("Key in the DNS")
    s.mx(s.host(chain=[root.leaf(s.name("mx"))], tlsa=[root.tlsa(2, 1, 0)]))


@scenario(waits("2 1 0"), "TLSA-18")
def an_expired_certificate_below_the_key_of_2_1_0_waits(s):
    root = authority("Key of the expired")
    middle = root.sub("Expired middle", days=EXPIRED)
    s.mx(s.host(chain=[middle.leaf(s.name("mx")), middle], tlsa=[root.tlsa(2, 1, 0)]))


@scenario(delivered("dane"), "TLSA-19 TLSA-22")
def an_intermediate_as_anchor_without_its_root_delivers(s):
    middle = authority("Root above").sub("Anchor in the middle")
    s.mx(s.host(chain=[middle.leaf(s.name("mx")), middle], tlsa=[middle.tlsa(2, 1, 1)]))


@scenario(delivered("dane"), "TLSA-24")
def a_chain_out_of_order_with_a_stranger_in_it_delivers(s):
    root = authority("Root of the shuffled")
    first = root.sub("First below")
    second = first.sub("Second below")
    s.mx(s.host(chain=[second.leaf(s.name("mx")), root, authority("A stranger"), first, second],
                tlsa=[root.tlsa(2, 0, 1)]))


@scenario(waits("2 0 1"), "TLSA-20")
def an_anchor_that_allows_no_authority_below_it_waits(s):
    root = authority("Root without heirs", path_length=0)
    middle = root.sub("An heir")
    s.mx(s.host(chain=[middle.leaf(s.name("mx")), middle, root], tlsa=[root.tlsa(2, 0, 1)]))


@scenario(waits("2 0 1"), "TLSA-23")
def a_leaf_is_no_anchor_of_its_own_under_2_0_1(s):
    leaf = self_signed(s.name("mx"))
    s.mx(s.host(chain=[leaf], tlsa=[leaf.tlsa(2, 0, 1)]))


@scenario(waits("invalid CA certificate"), "TLSA-21 TLSA-20")
def a_leaf_below_something_that_is_no_authority_waits(s):
    fake = authority("Root of a fake").leaf("not.an.authority.lab")
    s.mx(s.host(chain=[fake.leaf(s.name("mx")), fake], tlsa=[fake.tlsa(2, 0, 1)]))


@scenario(waits(NO_MATCH), "TLSA-22")
def a_chain_of_the_trusted_authority_without_a_record_waits(s):
    """Its names and dates are right and --ca-file trusts it; DANE asks something else."""
    s.mx(s.host(certificates=[s.stage.trusted.issue([s.name("mx")])], tlsa=[WRONG]))


# Sets of several records.


@scenario(waits(NO_MATCH), "TLSA-14 DANE-42")
def a_wrong_sha_512_beside_a_right_sha_256_waits(s):
    leaf = self_signed(s.name("mx"))
    s.mx(s.host(chain=[leaf], tlsa=[leaf.tlsa(3, 1, 1), WRONG_512]))


@scenario(delivered("dane"), "TLSA-12 DANE-42")
def a_right_sha_512_beside_a_wrong_sha_256_delivers(s):
    leaf = self_signed(s.name("mx"))
    s.mx(s.host(chain=[leaf], tlsa=[WRONG, leaf.tlsa(3, 1, 2)]))


@scenario(delivered("dane"), "TLSA-15")
def a_wrong_sha_512_of_another_selector_does_not_count(s):
    leaf = self_signed(s.name("mx"))
    s.mx(s.host(chain=[leaf], tlsa=[f"3 0 2 {NOBODY_512}", leaf.tlsa(3, 1, 1)]))


@scenario(delivered("dane"), "TLSA-15")
def a_whole_key_counts_beside_a_wrong_sha_512(s):
    leaf = self_signed(s.name("mx"))
    s.mx(s.host(chain=[leaf], tlsa=[WRONG_512, leaf.tlsa(3, 1, 0)]))


@scenario(delivered("dane"), "TLSA-11 TLSA-04")
def a_sha_512_of_wrong_length_does_not_suppress_a_sha_256(s):
    leaf = self_signed(s.name("mx"))
    s.mx(s.host(chain=[leaf], tlsa=[f"3 1 2 {NOBODY_512[:-2]}", leaf.tlsa(3, 1, 1)]))


@scenario(delivered("dane"), "TLSA-10")
def one_matching_record_of_a_rollover_is_enough(s):
    leaf = self_signed(s.name("mx"))
    s.mx(s.host(chain=[leaf], tlsa=[WRONG, leaf.tlsa(3, 1, 1)]))


@scenario(delivered("dane"), "TLSA-10")
def a_wrong_leaf_under_a_right_anchor_delivers(s):
    """Exim: a mixed set, EE failing and TA good."""
    root = authority("Root of the mixed")
    s.mx(s.host(chain=[root.leaf(s.name("mx")), root], tlsa=[WRONG, root.tlsa(2, 0, 1)]))


@scenario(delivered("dane"), "DANE-41")
def an_unusable_record_beside_a_right_one_delivers(s):
    leaf = self_signed(s.name("mx"))
    s.mx(s.host(chain=[leaf], tlsa=[f"0 0 1 {NOBODY_256}", leaf.tlsa(3, 1, 1)]))


@scenario(waits(NO_MATCH), "DANE-41")
def an_unusable_record_that_matches_does_not_help_a_wrong_one(s):
    leaf = self_signed(s.name("mx"))
    s.mx(s.host(chain=[leaf], tlsa=[leaf.tlsa(1, 1, 1), WRONG]))


# Sets without a usable record: TLS, without authentication.


@scenario(delivered("encrypted"), "DANE-15 DANE-40")
def usage_1_alone_demands_tls_and_proves_nothing(s):
    leaf = self_signed(s.name("mx"))
    s.mx(s.host(chain=[leaf], tlsa=[leaf.tlsa(1, 1, 1)]))

    def then(r):
        assert r.event["policy"] == "encrypt", r.event
    return then


@scenario(delivered("encrypted"), "TLSA-03 TLSA-04 DANE-15")
def unknown_values_and_wrong_lengths_are_unusable(s):
    s.mx(s.host(tlsa=[f"3 1 255 {NOBODY_256}", f"4 1 1 {NOBODY_256}", f"3 2 1 {NOBODY_256}",
                      f"3 1 1 {NOBODY_256[:-2]}"]))


@scenario(delivered("encrypted"), "TLSA-05 DANE-15")
def a_certificate_that_is_cut_short_or_has_more_behind_it_is_unusable(s):
    root = authority("Root cut short")
    record = root.tlsa(2, 0, 0)
    s.mx(s.host(tlsa=[record[:-2], record + "00"]))


@scenario(waits("STARTTLS"), "DANE-15 DANE-19")
def only_unusable_records_and_no_starttls_wait(s):
    s.mx(s.host(tlsa=[f"1 1 1 {NOBODY_256}"], bugs=["without:STARTTLS"]))


@scenario(waits("TLS"), "DANE-15 POL-12")
def only_unusable_records_and_a_broken_handshake_wait(s):
    s.mx(s.host(tlsa=[f"1 1 1 {NOBODY_256}"], bugs=["tls-close"]))

    def then(r):
        assert all(session["messages"] == 0 for session in r.sessions()), r.sessions()
    return then


@scenario(waits("dane-only"), "DANE-44")
def only_unusable_records_under_dane_only_wait_without_a_connection(s):
    s.mx(s.host(tlsa=[f"1 1 1 {NOBODY_256}"]))
    s.flags += ["--tls", f"{s.domain}=dane-only"]
    return lambda r: r.never_connected()
