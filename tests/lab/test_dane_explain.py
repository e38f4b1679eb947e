"""longship explain beside longship send: about the same hosts it has the same verdict, and the same words
for it."""

import concurrent.futures
import json

from case import case
from sender import HELO, check, equal
from test_explain import explain

# One of each kind; all of them would take as long as all other tests of DANE.
NAMES = """
2_0_1_of_the_right_certificate_delivers_with_p256
3_1_1_of_the_right_certificate_delivers_with_rsa
a_better_host_without_records_comes_before_one_with_records
a_certificate_that_is_cut_short_or_has_more_behind_it_is_unusable
a_customer_of_an_anchor_that_only_the_dns_has_cannot_issue_for_others
a_forged_mx_waits_without_a_connection
a_forged_record_waits_without_a_connection
a_host_that_nsec3_says_has_no_records_has_no_dane
a_host_without_records_under_dane_only_waits_without_a_connection
a_permanent_refusal_of_starttls_waits
a_route_to_another_port_has_the_records_of_that_port
a_signed_alias_of_an_unsigned_host_has_its_own_records
a_wrong_record_under_audit_is_delivered_and_told
a_wrong_sha_512_beside_a_right_sha_256_waits
after_a_wrong_host_the_next_one_is_tried
an_expired_leaf_under_2_0_1_waits
an_unsigned_alias_of_a_signed_domain_is_not_secure
an_unsigned_domain_with_a_signed_host_is_half_dane
records_of_an_unsigned_host_are_not_even_asked_for
two_wrong_hosts_wait_and_both_are_named
under_an_unsigned_mx_the_name_of_the_mail_domain_does_not_count
without_mx_the_name_before_the_alias_is_enough
words_put_in_behind_the_220_make_the_mail_wait
""".split()
STS_NAMES = """
a_certificate_for_the_mail_domain_alone_gets_nothing
a_certificate_of_nobody_gets_nothing
a_common_name_counts_for_nothing
a_host_of_the_policy_with_its_certificate_is_secure
a_host_that_is_not_in_the_policy_is_passed_over_in_its_place
a_page_of_html_is_no_policy
a_policy_does_not_rescue_a_host_whose_record_does_not_match
a_policy_host_with_an_expired_certificate_has_no_policy
a_record_of_a_provider_counts_behind_an_alias
a_route_to_a_name_has_the_policy_of_that_name
dane_on_a_signed_path_replaces_the_list_of_hosts
dane_under_an_unsigned_mx_does_not_replace_the_list_of_hosts
records_of_which_none_is_usable_do_not_replace_the_certificate
testing_delivers_to_a_certificate_of_nobody
two_records_are_as_none
under_an_unsigned_mx_both_are_proven_and_sts_is_claimed
""".split()


def _check_delivered(found, event):
    equal((found["exit"], found["verdict"], found["security"], found["host"]),
          (0, "deliverable", event["security"], event["mx"]), found["decision"])
    host = next(host for host in found["hosts"] if host["name"] == event["mx"])
    (made,) = [made for made in host["tries"] if made["ip"] == event["ip"]]
    equal(made["verdict"], "passed")
    if "dane" in event["security"]:
        check(made["matched"] in host["usable"], f"{made['matched']} of {host['usable']}")


def _check_waits(found, event):
    check(found["exit"] != 0 and found["security"] == "", f"{found}")
    check(event["reason"] in found["decision"],
          f"send:    {event['reason']}\nexplain: {found['decision']}")


def _same(t, play, names):
    """Holds what explain says of these scenarios against what happened to their mail."""
    results = {function.__name__: result
               for function, result in t.lab.stage.after(t, play).items()}
    equal([name for name in names if name not in results], [], "scenarios that are no more")

    def facts(name):
        scene = results[name].scene
        _, out, err = explain(
            t, scene.domain, "--json", "--connect", "--helo", HELO, *scene.flags)
        check(out, err)
        return json.loads(out)

    with concurrent.futures.ThreadPoolExecutor() as pool:
        for name, found in zip(names, pool.map(facts, names)):
            event = results[name].event
            try:
                judge = _check_delivered if event["event"] == "delivered" else _check_waits
                judge(found, event)
            except AssertionError as error:
                raise AssertionError(f"{name}: {error}") from None


@case("POL-15 DANE-14 DANE-18 DANE-26 TLSA-30")
def explain_says_of_each_kind_of_host_what_send_does(t):
    _same(t, "main", NAMES)


@case("POL-01 POL-02 POL-03 POL-04 POL-05 STS-35")
def explain_says_of_each_kind_of_policy_what_send_does(t):
    _same(t, "sts", STS_NAMES)
