"""The TXT record of MTA-STS: which sets of records say that there is a policy (RFC 8461 3.1).

The policy behind the records that must not count names a host that the domain does not have."""

from dane import PLAIN, delivered, scenario
from sender import equal
from sts import sts_record

ELSEWHERE = "mx.elsewhere.lab"


def _says_nothing(sentence, ids, *records):
    @scenario(delivered("encrypted"), ids, "sts", sentence=sentence)
    def without_policy(s):
        s.mx(s.host("mx", PLAIN), zone=PLAIN)
        s.sts(mx=[ELSEWHERE], records=records)

        def then(r):
            r.fetches(0)
            equal(r.asked(f"_mta-sts.{s.domain}", "TXT"), 1, "questions for the record")
        return then


def _counts(sentence, ids, *records):
    @scenario(delivered("sts"), ids, "sts", sentence=sentence)
    def with_policy(s):
        s.mx(s.trusted_host(), zone=PLAIN)
        s.sts(records=records)
        return lambda r: r.fetches(1)


_says_nothing("two_records_are_as_none", "STS-06 SEC-35", sts_record("1"), sts_record("2"))
_says_nothing("two_records_with_the_same_id_are_as_none", "STS-06", sts_record("1"), "v=STSv1; id=1")
_says_nothing("a_version_that_is_not_first_is_none", "STS-07 SEC-35", "id=1; v=STSv1;")
_says_nothing("a_version_in_other_case_is_none", "STS-07 SEC-35", "V=stsv1; id=1;")
_says_nothing("another_version_is_none", "STS-06 SEC-35", "v=STSv10; id=1;")
_says_nothing("a_record_without_id_is_none", "STS-09", "v=STSv1;")
_says_nothing("a_record_with_an_empty_id_is_none", "STS-09", "v=STSv1; id=;")
_says_nothing("an_id_with_a_hyphen_is_none", "STS-09", "v=STSv1; id=a-b;")
_says_nothing("an_id_of_33_characters_is_none", "STS-09", sts_record("a" * 33))
_says_nothing("no_record_at_all_is_none", "STS-14 SEC-04")
_counts("a_record_beside_others_counts", "STS-06 SEC-35",
        "v=spf1 -all", "see v=STSv1; id=2;", "v=STSv1", sts_record("1"), "")
_counts("a_record_in_pieces_counts", "STS-05", 'v=STSv1; i" "d=20261130')
_counts("an_id_of_32_characters_counts", "STS-09", sts_record("a" * 32))
_counts("the_first_of_two_ids_counts_and_unknown_fields_do_no_harm", "STS-10",
        "v=STSv1; id=1; id=2; foo=bar")
_counts("a_record_with_a_space_before_the_semicolon_counts", "STS-08", "v=STSv1 ; id=1")


@scenario(delivered("sts"), "STS-11", "sts")
def a_record_of_a_provider_counts_behind_an_alias(s):
    s.mx(s.trusted_host(), zone=PLAIN)
    s.sts(records=())
    provider = s.name("_mta-sts.provider", PLAIN)
    s.record(provider, "TXT", f'"{sts_record("9")}"')
    s.alias("_mta-sts." + s.domain, provider)


@scenario(delivered("encrypted"), "STS-15 STS-14", "sts")
def a_record_that_cannot_be_looked_up_does_not_hold_up_the_first_contact(s):
    s.mx(s.host("mx", PLAIN), zone=PLAIN)
    s.sts(mx=[ELSEWHERE])
    s.fault("_mta-sts." + s.domain, "TXT", "servfail")
    return lambda r: r.fetches(0)
