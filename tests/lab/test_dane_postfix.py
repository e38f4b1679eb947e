"""Postfix beside longship: posttls-finger at level dane looks at the same hosts as the scenarios of the
play `main`, and what it finds is held against what longship found. Where the two differ on purpose,
EXPECTED says why; any other difference, and one that is not there any more, is a failure."""

import os
import re

from case import case
from finger import Finger
from sender import check, equal

# What either says about the first host that it reached, or why it reached none.
PROVEN = "proven"        # DANE, and the MX answer is secure
HALF = "half-proven"     # DANE, by an MX answer that is not
REFUSED = "refused"      # DANE is demanded, and was not shown
UNPROVEN = "unproven"    # TLS, and nothing to prove it by
CLEAR = "clear"          # no TLS, and none is demanded
NO_ANSWER = "no answer"  # a look-up failed: nobody is connected to
NO_MAIL = "no mail"      # the domain does not exist or takes none

# So much of what posttls-finger says is shown of a difference.
SHOWN = 3000

# scenario: what longship finds, what Postfix finds, and why they may differ.
EXPECTED = {
    "under_an_unsigned_mx_the_name_of_the_mail_domain_does_not_count": (
        REFUSED, HALF,
        "DANE-33: RFC 7672 3.2.2 takes the name of the domain only when its MX answer is secure"),
    "without_mx_the_name_before_the_alias_is_enough": (
        PROVEN, REFUSED,
        "DANE-34: without MX RFC 7672 3.2.2 takes the name before the alias as a second one"),
    "a_hundred_unusable_records_wait_since_not_all_are_looked_at": (
        REFUSED, UNPROVEN,
        "TLSA-28: Postfix looks at all of them; beyond our limit we take the stricter case"),
    "words_put_in_behind_the_220_make_the_mail_wait": (
        REFUSED, PROVEN,
        "STLS-04: Postfix throws the injected bytes away and goes on; we take them for an attack"),
}


def ours(result):
    """The verdict of longship, out of its events."""
    event, sessions = result.event, result.ours()
    if not sessions:
        if "more TLSA records than are looked at" in event["reason"]:
            return REFUSED
        return NO_MAIL if event["event"] == "bounced" else NO_ANSWER
    if event["ip"] != sessions[0]["ip"]:
        return REFUSED
    words = {"dane": PROVEN, "half-dane": HALF, "encrypted": UNPROVEN, "cleartext": CLEAR}
    verdict = words[event["security"]]
    if event["event"] == "deferred" and verdict in (UNPROVEN, CLEAR):
        return REFUSED
    return verdict


def theirs(said):
    """The verdict of Postfix, out of what posttls-finger prints."""
    if re.search(r"nullMX|Host not found$", said, re.MULTILINE):
        return NO_MAIL
    for line, verdict in (("Verified TLS connection established", PROVEN),
                          ("Trusted TLS connection established", HALF)):
        if line in said:
            return verdict
    has_records = "DNSSEC-signed TLSA record" in said or "unsupported TLSA" in said
    if "Untrusted TLS connection established" in said:
        usable = "DNSSEC-signed TLSA record" in said and "all TLSA records unusable" not in said
        return REFUSED if usable else UNPROVEN
    if has_records:
        return REFUSED
    return NO_ANSWER if "lookup" in said else CLEAR


def can_be_compared(scene):
    """Flags are longship's own; of several addresses each takes one by chance; and the sink plays no
    host with a dialogue of its own."""
    return not scene.flags and all(
        host.dialogue is None and len(host.addresses) == 1 for host in scene.hosts)


def differences(table, said):
    """The rows whose verdicts are not those that EXPECTED has, or else equal ones, and what Postfix
    said."""
    found = []
    for name, (own, other) in table.items():
        if (own, other) != EXPECTED.get(name, (own, own))[:2]:
            found.append(f"{name}: longship {own}, Postfix {other}\n{said[name][:SHOWN]}")
    return found


@case("POL-15 DANE-14 DANE-18 DANE-24 DANE-33 DANE-34 DANE-42 TLSA-14 TLSA-21 STLS-04")
def postfix_and_longship_say_the_same_but_where_we_know_why(t):
    stage = t.lab.stage
    results = {function: result for function, result in stage.after(t, "main").items()
               if can_be_compared(result.scene)}
    finger = Finger(t.lab)
    by_domain = finger.ask([result.scene.domain for result in results.values()])
    said = {function.__name__: by_domain[result.scene.domain]
            for function, result in results.items()}
    table = {function.__name__: (ours(result), theirs(said[function.__name__]))
             for function, result in results.items()}
    with open(os.path.join(finger.directory, "verdicts"), "w") as file:
        for name, (own, other) in table.items():
            file.write(f"{own:12} {other:12} {name}\n")
    for name, (own, other, why) in EXPECTED.items():
        print(f"# longship {own}, Postfix {other}: {name.replace('_', ' ')} ({why})", flush=True)
    equal(set(EXPECTED) - set(table), set(), "expected differences without a scenario")
    check(len(table) > 100, f"only {len(table)} scenarios were compared")
    for verdict in (PROVEN, HALF, REFUSED, UNPROVEN, CLEAR, NO_ANSWER, NO_MAIL):
        check(any(row == (verdict, verdict) for row in table.values()), f"never both {verdict}")
    found = differences(table, said)
    check(not found, "nobody expected, or they are gone:\n" + "\n".join(found))
