"""longship explain: each step with its security, the verdict of every host, the decision."""

import json
import os
import subprocess
import time

import lab as lab_module
import receivers
import zones
from case import case
from peer import Dialogue
from sender import HELO, IMPATIENT, check, equal, program

DELIVERABLE, REFUSED, ARGUMENTS, WAITS = 0, 1, 2, 75


# Runs a command where the system has no bundle of public authorities.
WITHOUT_BUNDLE = ["unshare", "--mount", "sh", "-c",
                  "bundle=/etc/ssl/certs/ca-certificates.crt; "
                  '[ ! -e $bundle ] || mount --bind /dev/null $bundle && exec "$@"', "sh"]


def explain(t, domain, *flags, resolver=lab_module.RESOLVER, ca_file=True, wrapper=()):
    """The exit status, what stands on standard output, and what is said to people about errors."""
    command = [*wrapper, *os.environ.get("LONGSHIP_WRAPPER", "").split()]
    command += [program(), "explain", domain, "--trust-anchor", t.lab.trust_anchor,
                "--allow-private", *IMPATIENT[:4]]
    command += ["--resolver", resolver] if resolver else []
    command += ["--ca-file", t.lab.ca_file if ca_file is True else ca_file] if ca_file else []
    done = subprocess.run(
        command + list(flags), capture_output=True, text=True, check=False, timeout=120)
    for word in ("Sanitizer", "runtime error", "CHECK failed"):
        check(word not in done.stderr, done.stderr)
    return done.returncode, done.stdout, done.stderr


def facts(t, domain, *flags, status, **options):
    """The JSON object, after a look at its agreement with the exit status and the text."""
    got, out, err = explain(t, domain, "--json", *flags, **options)
    equal(got, status, out + err)
    found = json.loads(out)
    equal((found["exit"], found["domain"]), (status, domain))
    equal(out.count("\n"), 1, "one object in one line")
    return found


def steps(found):
    return {f"{step['name']} {step['type']}": step["security"] for step in found["steps"]}


@case("DNS-02 DNS-05 DANE-01 DANE-24")
def explain_tells_secure_from_insecure_steps(t):
    found = facts(t, "signed.lab", status=DELIVERABLE)
    equal(steps(found), {
        "signed.lab MX": "secure", "mx.signed.lab A": "secure", "mx.signed.lab AAAA": "secure",
        "_25._tcp.mx.signed.lab TLSA": "secure", "_mta-sts.signed.lab TXT": "secure"})
    ttls = [step["ttl"] for step in found["steps"]]
    check(all(0 < ttl <= 300 for ttl in ttls), f"{ttls}")
    equal([step["text"] for step in found["steps"]],
          ["10 mx.signed.lab", "127.10.0.1", "no such record", "no such name", "no such name"])
    equal(found["sts"]["finding"], "none is published")
    equal((found["mx_secure"], found["verdict"], found["host"], found["policy"]),
          (True, "deliverable", "mx.signed.lab", "may"))
    check("validation works" in found["dnssec"], found["dnssec"])
    found = facts(t, "unsigned.lab", status=DELIVERABLE)
    equal(set(steps(found).values()), {"insecure"})
    equal((found["mx_secure"], found["host"]), (False, "mx.unsigned.lab"))


@case("DNS-02 DNS-03 DNS-33 MX-03")
def explain_tells_bogus_from_failed_and_both_wait(t):
    found = facts(t, "bogus.lab", status=WAITS)
    equal((steps(found), found["hosts"]), ({"bogus.lab MX": "bogus"}, []))
    check("signature" in found["decision"], found["decision"])
    found = facts(t, "servfail.lab", status=WAITS)
    equal((steps(found), found["verdict"]), ({"servfail.lab MX": "failed"}, "waits"))
    check("SERVFAIL" in found["decision"], found["decision"])


@case("MX-05 MX-12 MX-01")
def explain_says_what_bounces_and_with_which_status(t):
    null = f"null{t.lab.number()}.play.lab"
    t.lab.names.set(null, "MX", ["0 ."])
    for domain, cause, status in ((null, "NULL_MX", "5.1.10"),
                                  ("nope.signed.lab", "NO_DOMAIN", "5.1.2"),
                                  ("a..b", "BAD_NAME", "5.1.2")):
        found = facts(t, domain, status=REFUSED)
        equal((found["cause"], found["status"], found["verdict"]), (cause, status, "refused"))
        check(f"bounces ({status})" in found["decision"], found["decision"])


@case("MX-07 MX-11 DNS-06 DNS-07")
def explain_follows_aliases_and_shows_where_they_lead(t):
    found = facts(t, "alias.signed.lab", status=DELIVERABLE)
    equal(found["steps"][0]["text"], "alias of signed.lab: 10 mx.signed.lab")
    domain = t.domain("outside.signed.lab")
    found = facts(t, domain, status=DELIVERABLE)
    equal(found["hosts"][0]["canonical"], "mx.unsigned.lab")
    equal(steps(found)["outside.signed.lab CNAME"], "secure")


@case("DNS-02")
def explain_without_a_resolver_asks_the_name_servers(t):
    found = facts(t, "signed.lab", status=DELIVERABLE, resolver=None)
    equal(set(steps(found).values()), {"secure"})


@case("DNS-35")
def explain_ends_when_nobody_answers(t):
    domain = f"mute{t.lab.number()}.play.lab"
    t.lab.names.fault(domain, "MX", "drop")
    start = time.monotonic()
    status, out, err = explain(t, domain, "--dns-timeout=1s")
    equal(status, WAITS, out + err)
    check("no answer within 1 s" in out, out)
    # libunbound itself goes on for a quarter of a minute.
    check(time.monotonic() - start < 10, "ends only when libunbound gives up")


@case("POL-10 POL-13")
def explain_refuses_what_no_host_can_prove(t):
    found = facts(t, "signed.lab", "--tls", "signed.lab=dane-only", status=REFUSED)
    equal((found["hosts"][0]["state"], found["hosts"][0]["policy"]), ("waits", "dane"))
    check("dane-only" in found["decision"], found["decision"])


@case("STLS-01 STLS-05 STLS-13")
def explain_connects_up_to_where_mail_would_begin(t):
    sink = receivers.Sink(t.lab)
    domain = t.domain(sink.address)
    found = facts(t, domain, "--connect", "--helo", HELO, status=DELIVERABLE)
    equal((found["security"], found["connected"]), ("encrypted", True))
    (made,) = found["hosts"][0]["tries"]
    equal((made["ip"], made["verdict"], made["security"], made["tls"], made["reason"]),
          (sink.address, "passed", "encrypted", "TLSv1.3", ""))
    check("PIPELINING" in made["offers"] and "CHUNKING" in made["offers"], made["offers"])
    text = subprocess.run(
        ["openssl", "x509", "-in", t.lab.certificate.chain_file, "-outform", "DER"],
        capture_output=True, check=True).stdout
    equal(made["certificate"], _sha256(text))
    status, report = sink.report()
    equal(status, 0, sink.log())
    equal({name: count for name, count in report["oddities"].items() if count}, {}, "oddities")
    equal(report["counters"]["messages"], 0)


def _sha256(data):
    import hashlib
    return hashlib.sha256(data).hexdigest()


@case("DANE-01 DANE-03 TLSA-06")
def explain_shows_tlsa_records_and_verify_agrees_with_them(t):
    found = facts(t, "dane.lab", status=DELIVERABLE)
    equal(steps(found)["_25._tcp.mx.dane.lab TLSA"], "secure")
    host = found["hosts"][0]
    equal((host["tlsa_base"], host["tlsa"]),
          ("mx.dane.lab", [f"3 1 1 {t.lab.certificate.key_digest()}"]))
    bad = facts(t, "danebad.lab", status=DELIVERABLE)["hosts"][0]["tlsa"]
    for records, status, verdict in ((host["tlsa"], 0, "match"), (bad, 1, "no-match"),
                                     (["1 1 1 00"], 3, "unusable"), (["3 1 1 x"], 2, None)):
        done = subprocess.run(
            [program(), "verify", "--json", "--chain", t.lab.certificate.chain_file,
             "--tlsa", *records], capture_output=True, text=True, check=False, timeout=60)
        equal(done.returncode, status, done.stdout + done.stderr)
        if verdict is not None:
            equal(json.loads(done.stdout)["verdict"], verdict)


@case("DANE-01 DANE-37 TLSA-26 POL-12")
def explain_proves_dane_or_refuses(t):
    receivers_of = {domain: t.receiver(addresses=zones.MX_ADDRESS[domain])
                    for domain in ("dane.lab", "danebad.lab")}
    record = f"3 1 1 {t.lab.certificate.key_digest()}"
    found = facts(t, "dane.lab", "--connect", "--helo", HELO, status=DELIVERABLE)
    equal((found["policy"], found["security"]), ("dane", "dane"))
    (made,) = found["hosts"][0]["tries"]
    equal((found["hosts"][0]["usable"], made["matched"], made["depth"]), ([record], record, 0))
    found = facts(t, "danebad.lab", "--connect", "--helo", HELO, status=REFUSED)
    (made,) = found["hosts"][0]["tries"]
    equal((made["verdict"], made["matched"], made["key"]), ("refused", "", record[6:]))
    check("matches no TLSA record" in found["decision"], found["decision"])
    status, out, _ = explain(t, "danebad.lab", "--connect", "--helo", HELO, "--tls",
                             "danebad.lab=may")
    equal((status, "passed, encrypted" in out), (DELIVERABLE, True), out)
    found = facts(t, "danebad.lab", "--tls", "danebad.lab=audit", status=DELIVERABLE)
    check("dane" in found["hosts"][0]["audit"], found["hosts"][0]["audit"])
    for receiver in receivers_of.values():
        equal(receiver.mails, [])


@case("POL-12 STLS-11 MX-08 MX-10")
def explain_tries_every_host_and_the_first_that_passes_decides(t):
    clear = t.receiver(certificate=None)
    good = t.receiver()
    domain = t.domain(t.lab.refusing_address(), clear, good)
    flags = ("--connect", "--helo", HELO, "--tls", f"{domain}=encrypt")
    found = facts(t, domain, *flags, status=DELIVERABLE)
    equal([made["verdict"] for host in found["hosts"] for made in host["tries"]],
          ["failed", "refused", "passed"])
    equal(found["host"], found["hosts"][2]["name"])
    equal(clear.mails + good.mails, [])
    status, out, _ = explain(t, domain, *flags)
    equal(status, DELIVERABLE)
    for words in ("cannot connect: Connection refused",
                  "NOT PROVEN: STARTTLS is required and was not offered\n", "passed, encrypted"):
        check(words in out, out)


@case("POL-10 TLS-23 TLS-25")
def explain_proves_what_secure_demands_by_the_authorities_given(t):
    domain, receiver = t.domain_with_receiver()
    flags = ("--connect", "--helo", HELO, "--tls", f"{domain}=secure")
    found = facts(t, domain, *flags, status=DELIVERABLE)
    equal((found["policy"], found["security"]), ("secure", "secure"))
    found = facts(t, domain, *flags[:-1], f"{domain}=secure:other.example", status=REFUSED)
    equal(found["hosts"][0]["tries"][0]["result"], "certificate-host-mismatch")
    stranger = t.lab.authority.issue(["stranger.example"], damage="self-signed").chain_file
    found = facts(t, domain, *flags, ca_file=stranger, status=REFUSED)
    equal(found["hosts"][0]["tries"][0]["result"], "certificate-not-trusted")
    equal(receiver.mails, [])


@case("")
def explain_without_any_authorities_says_so_and_goes_on(t):
    status, out, err = explain(t, "signed.lab", ca_file=None, wrapper=WITHOUT_BUNDLE)
    equal(status, DELIVERABLE, out + err)
    check("mail for signed.lab goes to mx.signed.lab" in out, out)
    check("ca-certificates" in err, err)


@case("POL-12 STLS-11")
def explain_refuses_where_no_host_proves_what_is_demanded(t):
    domain, receiver = t.domain_with_receiver(certificate=None)
    found = facts(t, domain, "--connect", "--helo", HELO, "--tls", f"{domain}=encrypt",
                  status=REFUSED)
    check("until a host proves what is demanded" in found["decision"], found["decision"])
    found = facts(t, domain, "--connect", "--helo", HELO, status=DELIVERABLE)
    equal(found["security"], "cleartext")
    equal(receiver.mails, [])


@case("MX-06 SMTP-02")
def explain_waits_for_hosts_that_cannot_be_talked_to(t):
    class Busy(Dialogue):
        async def greet(self):
            await self.conn.say("421 4.3.2 busy")

    domain = t.domain(t.receiver(dialogue=Busy), t.lab.refusing_address(), t.lab.black_hole())
    found = facts(t, domain, "--connect", "--helo", HELO, "--connect-timeout=1s", status=WAITS)
    reasons = [made["reason"] for host in found["hosts"] for made in host["tries"]]
    check("421 4.3.2 busy" in reasons[0], reasons)
    equal(reasons[1:], ["cannot connect: Connection refused", "no connection within the time limit"])


@case("MX-19")
def explain_of_an_address_asks_nothing(t):
    receiver = t.receiver()
    found = facts(t, f"[{receiver.addresses[0]}]", "--connect", "--helo", HELO, status=DELIVERABLE)
    equal((found["steps"], found["origin"], found["security"]), ([], "literal", "encrypted"))
