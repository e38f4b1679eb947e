"""longship explain: the record of MTA-STS, the policy that is in force, and what it makes of each host."""

import json
import subprocess

import lab as lab_module
from case import case
from sender import check, equal, program
from sts import bad_receiver, delivers, enforced
from test_explain import DELIVERABLE, REFUSED, explain, facts, steps


@case("STS-16 STS-30 STS-32")
def explain_tells_the_policy_and_what_it_demands(t):
    domain, _ = enforced(t)
    found = facts(t, domain.name, status=DELIVERABLE)
    equal(steps(found)[f"_mta-sts.{domain.name} TXT"], "insecure")
    sts = found["sts"]
    equal((sts["mode"], sts["id"], sts["mx"], sts["why"]), ("enforce", "1", domain.mx, ""))
    check("fetched now" in sts["finding"] and 86000 < sts["left"] <= 86400, f"{sts}")
    equal((found["host"], found["policy"], found["hosts"][0]["names"]), (domain.mx, "sts", [domain.mx]))
    found = facts(t, domain.name, "--connect", "--helo", "mail.sender.lab", status=DELIVERABLE)
    equal((found["security"], found["hosts"][0]["tries"][0]["verdict"]), ("sts", "passed"))
    _, text, _ = explain(t, domain.name)
    check(f"mode enforce, id 1, for 86400 s; hosts {domain.mx}" in text, text)
    equal(domain.fetches(3), 3)


@case("STS-35 STS-37")
def explain_refuses_hosts_that_the_policy_refuses(t):
    domain, _ = enforced(t)
    domain.set_policy(mx=["mx.elsewhere.lab"])
    found = facts(t, domain.name, status=REFUSED)
    equal((found["hosts"][0]["state"], found["verdict"]), ("waits", "refused"), f"{found}")
    check("not among the hosts" in found["decision"], found["decision"])
    domain.set_policy()
    domain.set_receiver(bad_receiver(t, domain))
    found = facts(t, domain.name, "--connect", "--helo", "mail.sender.lab", status=REFUSED)
    check("no valid path to a trusted authority" in found["decision"], found["decision"])


@case("STS-50")
def explain_says_what_a_policy_in_testing_would_refuse(t):
    domain, _ = enforced(t)
    domain.set_policy("testing", mx=["mx.elsewhere.lab"])
    found = facts(t, domain.name, status=DELIVERABLE)
    host = found["hosts"][0]
    equal((found["policy"], host["testing"], found["sts"]["mode"]), ("may", True, "testing"))
    check("not among the hosts" in host["audit"], f"{host}")


@case("STS-09 STS-14 STS-18 STS-26")
def explain_says_why_there_is_no_policy(t):
    domain, _ = enforced(t)

    def why():
        found = facts(t, domain.name, status=DELIVERABLE)
        equal((found["policy"], found["sts"]["mode"]), ("may", ""))
        return found["sts"]["finding"] + ": " + found["sts"]["why"]

    domain.set_policy(fault="error")
    check("status 500" in why(), why())
    domain.set_policy(text="version: STSv1\r\n")
    check("mode" in why(), why())
    domain.set_records("v=STSv1; id=;")
    check("no id" in why(), why())
    domain.set_records()
    check("no TXT record" in why(), why())


@case("STS-13 STS-47")
def explain_with_the_store_of_a_sender_tells_the_policy_that_is_in_force_there(t):
    domain, receiver = enforced(t)
    sender = t.sender()
    delivers(sender, domain, "first")
    domain.set_records()
    domain.set_mx("elsewhere." + domain.name)
    domain.set_receiver(receiver, "elsewhere." + domain.name)
    found = facts(t, domain.name, status=DELIVERABLE)
    equal(found["sts"]["finding"], "none is published")
    found = facts(t, domain.name, "--store", sender.store, status=REFUSED)
    sts = found["sts"]
    equal((sts["finding"], sts["mode"], sts["id"]),
          ("a policy that was fetched before and stays", "enforce", "1"))
    check("not among the hosts" in found["decision"], found["decision"])
    equal(steps(found)[f"{domain.name} MX"], "insecure")
    status, out, err = explain(t, domain.name, "--store", sender.store + "/nowhere")
    equal((status, out), (2, ""), err)
    check("--store: " in err, err)


@case("STS-53 SEC-13")
def a_policy_host_with_a_private_address_is_not_connected_to(t):
    domain, _ = enforced(t)
    host = "mta-sts." + domain.name
    for rdtype, address in (("A", domain.host.address), ("A", "10.0.0.1"), ("A", "169.254.169.254"),
                            ("A", "0.0.0.0"), ("AAAA", "::1"), ("AAAA", "fe80::1"),
                            ("AAAA", "::ffff:" + domain.host.address)):
        for each in "A", "AAAA":
            domain.names.set(host, each, [address] if each == rdtype else [], ttl=0)
        # Without --allow-private, so that the receiver is refused as well; what counts is the policy host.
        done = subprocess.run(
            [program(), "explain", domain.name, "--json", "--trust-anchor", t.lab.trust_anchor,
             "--resolver", lab_module.RESOLVER, "--ca-file", t.lab.ca_file],
            capture_output=True, text=True, timeout=60)
        sts = json.loads(done.stdout)["sts"]
        check("no address of the policy host is a public one" in sts["why"], f"{address}: {sts}")
    equal(domain.fetches(), 0)
