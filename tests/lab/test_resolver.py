"""dns_resolver against real name servers, without a sender around it: what each answer is classed as.

Runs build/tests/unit/dns/dns_ask ($DNS_ASK names another one), which prints a line for each answer.
"""

import os
import re
import subprocess

import lab as lab_module
from case import case
from sender import check, equal, program

LINE = re.compile(
    r'^(?P<name>\S+) (?P<type>[A-Z]+) (?P<klass>failure|(?:in)?secure (?:data|denial)) '
    r'nxdomain=(?P<nxdomain>[01]) alias=(?P<alias>\S+) ttl=(?P<ttl>\d+) records="(?P<records>.*)" '
    r'why="(?P<why>.*)" after=(?P<after>\d+) waiting=(?P<waiting>\d+)$')


def dns_ask():
    return os.environ.get(
        "DNS_ASK", os.path.join(os.path.dirname(program()), "tests/unit/dns/dns_ask"))


def run(t, *arguments, forward=lab_module.RESOLVER, anchor=None):
    """Runs dns_ask; its exit status, its output and what it says to people."""
    command = [dns_ask(), "--anchor", anchor or t.lab.trust_anchor]
    command += ["--forward", forward] if forward else []
    done = subprocess.run(
        command + list(arguments), capture_output=True, text=True, check=False, timeout=120)
    check("Sanitizer" not in done.stderr, done.stderr)
    return done.returncode, done.stdout, done.stderr


def ask(t, *questions, **options):
    """The answers to questions like "signed.lab MX", in their order."""
    words = [word for question in questions for word in question.split()]
    status, out, err = run(t, *words, **options)
    equal(status, 0, out + err)
    answers = {}
    for line in out.splitlines():
        match = LINE.match(line)
        check(match is not None, f"not a line of dns_ask: {line}")
        answers[f"{match['name']} {match['type']}"] = match
    return [answers[question] for question in questions]


@case("DNS-02 DNS-04 DNS-05 DNS-20")
def every_kind_of_zone_has_its_class(t):
    expected = {
        "signed.lab MX": "secure data",
        "mx.signed.lab A": "secure data",
        "signed.lab A": "secure denial",
        "nope.signed.lab A": "secure denial",
        "nsec3.lab MX": "secure data",
        "nope.nsec3.lab MX": "insecure denial",
        "child.nsec3.lab MX": "insecure data",
        "nope.child.nsec3.lab MX": "insecure denial",
        "unsigned.lab MX": "insecure data",
        "unsigned.lab A": "insecure denial",
        "island.lab MX": "insecure data",
        "bogus.lab MX": "failure",
        "mx.bogus.lab A": "failure",
        "expired.lab MX": "failure",
        "badds.lab MX": "failure",
        "servfail.lab MX": "failure",
    }
    for answer, (question, klass) in zip(ask(t, *expected), expected.items()):
        equal(answer["klass"], klass, question)


@case("DNS-10")
def what_a_forwarder_says_of_its_answers_counts_for_nothing(t):
    lies = {"bogus.lab MX": "failure", "mx.bogus.lab A": "failure", "unsigned.lab MX": "insecure data"}
    for question in lies:
        t.lab.names.fault(*question.split(), "ad")
    try:
        for answer, (question, klass) in zip(ask(t, *lies), lies.items()):
            equal(answer["klass"], klass, question)
    finally:
        for question in lies:
            t.lab.names.fault(*question.split(), None)


@case("DNS-21")
def a_denial_with_too_many_iterations_is_insecure(t):
    expected = {
        "mx.nsec3.lab TLSA": "secure denial",
        "mx.iterations.lab TLSA": "insecure denial",
        "iterations.lab MX": "secure data",
    }
    for answer, (question, klass) in zip(ask(t, *expected), expected.items()):
        equal(answer["klass"], klass, question)


@case("DNS-02 DNS-05")
def own_recursion_classes_as_a_forwarder_does(t):
    signed, unsigned, bogus = ask(
        t, "signed.lab MX", "unsigned.lab MX", "bogus.lab MX", forward=None)
    equal([signed["klass"], unsigned["klass"], bogus["klass"]],
          ["secure data", "insecure data", "failure"])


@case("DNS-33 DNS-23")
def a_bogus_answer_says_why(t):
    bogus, expired, badds = ask(t, "bogus.lab MX", "expired.lab MX", "badds.lab MX")
    check("signature" in bogus["why"], bogus["why"])
    check("signature expired" in expired["why"], expired["why"])
    check("DS" in badds["why"], badds["why"])
    equal([answer["ttl"] for answer in (bogus, expired, badds)], ["0"] * 3)


@case("DNS-06 DNS-07")
def a_signed_alias_of_an_unsigned_host_is_insecure_but_itself_secure(t):
    address, alias, inside = ask(
        t, "outside.signed.lab A", "outside.signed.lab CNAME", "alias.signed.lab MX")
    equal((address["klass"], address["alias"]), ("insecure data", "mx.unsigned.lab"))
    equal((alias["klass"], alias["alias"]), ("secure data", "-"))
    equal((inside["klass"], inside["alias"]), ("secure data", "signed.lab"))


@case("DNS-08")
def loops_and_long_chains_of_aliases_are_failures(t):
    number = t.lab.number()
    names = [f"chain{number}-{i}.play.lab" for i in range(22)]
    for name, target in zip(names, names[1:]):
        t.lab.names.set(name, "CNAME", [target + "."])
    t.lab.names.set(names[-1], "A", ["127.0.0.1"])
    one, two = f"one{number}.play.lab", f"two{number}.play.lab"
    t.lab.names.set(one, "CNAME", [two + "."])
    t.lab.names.set(two, "CNAME", [one + "."])
    chain, loop = ask(t, f"{names[0]} A", f"{one} A")
    equal((chain["klass"], loop["klass"]), ("failure", "failure"))


@case("DNS-03")
def every_code_that_is_no_answer_is_one_class(t):
    questions = []
    for fault in ("servfail", "refused", "notimp", "formerr", "garbage"):
        name = f"{fault}{t.lab.number()}.play.lab"
        t.lab.names.set(name, "MX", ["10 mx.play.lab."])
        t.lab.names.fault(name, "MX", fault)
        questions.append(f"{name} MX")
    for answer in ask(t, *questions):
        equal((answer["klass"], answer["records"]), ("failure", ""), answer["name"])


@case("DNS-15 DNS-16")
def a_denial_lives_as_long_as_its_soa_and_without_one_not_at_all(t):
    bare = f"bare{t.lab.number()}.play.lab"
    t.lab.names.set(bare, "TXT", ["x"])
    t.lab.names.fault(bare, "A", "nosoa")
    signed, play, without = ask(
        t, "nope.signed.lab A", f"nope{t.lab.number()}.play.lab A", f"{bare} A")
    equal((signed["klass"], signed["ttl"]), ("secure denial", "60"))
    equal((play["nxdomain"], play["ttl"]), ("1", "5"))
    equal((without["nxdomain"], without["ttl"]), ("0", "0"))


@case("DNS-13 DNS-14")
def a_ttl_is_clamped_to_a_day_and_zero_stays_zero(t):
    long, none = f"long{t.lab.number()}.play.lab", f"none{t.lab.number()}.play.lab"
    t.lab.names.set(long, "MX", ["10 mx.play.lab."], ttl=2**31 - 1)
    t.lab.names.set(none, "MX", ["10 mx.play.lab."], ttl=0)
    clamped, zero = ask(t, f"{long} MX", f"{none} MX")
    equal((clamped["klass"], clamped["ttl"]), ("insecure data", "86400"))
    equal((zero["klass"], zero["ttl"]), ("insecure data", "0"))


@case("DNS-32 MX-22")
def a_large_answer_comes_over_tcp_and_without_tcp_fails(t):
    big, cut = f"big{t.lab.number()}.play.lab", f"cut{t.lab.number()}.play.lab"
    for name in (big, cut):
        t.lab.names.set(name, "MX", [f"{i} mx{i}.play.lab." for i in range(200)])
    t.lab.names.fault(big, "MX", "truncate")
    t.lab.names.fault(cut, "MX", "truncate-udp-only")
    whole, without = ask(t, f"{big} MX", f"{cut} MX")
    equal(whole["records"].count("play.lab"), 200)
    equal(without["klass"], "failure")


@case("DNS-30")
def special_names_are_answered_without_a_packet(t):
    local, invalid = ask(t, "localhost A", "mail.invalid MX")
    equal((local["klass"], local["records"]), ("insecure data", "127.0.0.1"))
    equal((invalid["klass"], invalid["nxdomain"]), ("insecure denial", "1"))
    check(not t.lab.names.queries("mail.invalid"), "invalid. was asked for")


@case("DNS-28")
def malformed_records_do_not_disturb_the_others(t):
    name = f"odd{t.lab.number()}.play.lab"
    t.lab.names.set(name, "TLSA", [r"\# 3 030101", r"\# 5 030101abcd"])
    (tlsa,) = ask(t, f"{name} TLSA")
    equal(sorted(tlsa["records"].split(", ")), ["3 1 1 abcd", r"\# 3 030101"])


@case("DNS-34 SEC-17")
def a_zone_with_ten_thousand_questions_leaves_places_for_the_others(t):
    # Own recursion, since behind one forwarder all zones have the same server. In the order of
    # asking, the one question about another zone would be the last to be answered.
    status, out, err = run(t, "--private", "--flood", "10000", "servfail.lab", "signed.lab", "MX",
                           forward=None)
    equal(status, 0, out + err)
    match = LINE.match(out.splitlines()[0])
    equal(match["klass"], "secure data")
    check(int(match["waiting"]) > 0, "the flood was over before the other zone was answered")


@case("DNS-35")
def a_burst_of_questions_to_a_slow_server_loses_none(t):
    # The first answers come at once, so that libunbound expects the others as soon.
    quick = [f"quick{n}.play.lab" for n in range(20)]
    slow = [f"slow{n}.burst.play.lab" for n in range(100)]
    for name in quick + slow:
        t.lab.names.set(name, "A", ["127.0.0.1"])
    t.lab.names.pace("burst.play.lab", 0.008)
    questions = [word for name in quick + slow for word in (name, "A")]
    status, out, err = run(t, "--first", str(len(quick)), *questions)
    equal(status, 0, out + err)
    lost = [line for line in out.splitlines() if " insecure data " not in line]
    equal(lost, [], f"{len(lost)} of {len(slow)} lost")


@case("DNS-35")
def a_cancelled_question_is_not_answered(t):
    status, out, err = run(t, "--cancel", "1", "signed.lab", "MX", "unsigned.lab", "MX")
    equal(status, 0, err)
    equal([line.split()[0] for line in out.splitlines()], ["unsigned.lab"])


# The trust anchor.


def self_test(t, **options):
    status, out, err = run(t, "--self-test", **options)
    equal(status, 0, out + err)
    return out.strip()


@case("DNS-01")
def the_self_test_says_that_validation_works(t):
    check(self_test(t).startswith("self-test secure: "), self_test(t))
    check(self_test(t, forward=None).startswith("self-test secure: "), "own recursion")


@case("DNS-01 SEC-38")
def the_self_test_says_that_the_anchor_is_another_roots(t):
    wrong = os.path.join(t.lab.directory_for("anchor"), "root.key")
    with open(wrong, "w") as file:
        file.write(". IN DS 20326 8 2 "
                   "E06D44B80B8F1D39A95C0B0D7C65D08458E880409BBC683457104237C7F8EC8D\n")
    said = self_test(t, anchor=wrong)
    check(said.startswith("self-test bogus: "), said)
    (answer,) = ask(t, "signed.lab MX", anchor=wrong)
    equal(answer["klass"], "failure")


@case("DNS-01")
def an_anchor_file_that_cannot_be_used_is_refused(t):
    directory = t.lab.directory_for("anchor")
    empty, garbage = os.path.join(directory, "empty"), os.path.join(directory, "garbage")
    with open(empty, "w") as file:
        file.write("; only a comment about a DNSKEY\n\n")
    with open(garbage, "w") as file:
        file.write(". IN DS this is no key\n")
    for path, words in ((os.path.join(directory, "absent"), "cannot be read"),
                        (empty, "no DS and no DNSKEY"), (garbage, "does not start with")):
        status, out, err = run(t, "signed.lab", "MX", anchor=path)
        equal(status, 3, out + err)
        check(words in err and path in err, err)


@case("DNS-01")
def a_resolver_that_is_no_address_is_refused(t):
    for forward in ("ns.lab", "127.0.0.53:53", "127.0.0.53@0", "127.0.0.53@x", ""):
        command = [dns_ask(), "--forward", forward, "signed.lab", "MX"]
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
        equal(done.returncode, 3, forward)
        check("is not ADDRESS or ADDRESS@PORT" in done.stderr, done.stderr)
