"""STARTTLS and what certificates mean without a policy: nothing (SEC-37). Policies have their own
tests when they are built; what is here must hold with them as well."""

import ssl

import certificates
from case import case
from hostile import HOSTILE
from peer import Dialogue
from sender import DONE, MAIL_WAITS, check, equal


@case("STLS-01 STLS-06 TLS-01")
def tls_is_used_wherever_it_is_offered(t):
    domain, receiver = t.domain_with_receiver()
    sender = t.sender()
    sender.put(f"you@{domain}")
    sender.run()
    event = sender.outcome(f"you@{domain}")
    equal((event["tls"], event["security"], event["channel"]),
          ("TLSv1.3", "encrypted", "unauthenticated"))
    equal(receiver.mails[0].tls, "TLSv1.3")
    clear = receiver.connections[0].received_clear
    check(b"MAIL" not in clear and b"RCPT" not in clear, f"mail commands in clear: {clear!r}")


@case("STLS-13 SEC-02")
def before_tls_nothing_but_ehlo_and_starttls_is_said(t):
    domain, receiver = t.domain_with_receiver()
    sender = t.sender()
    sender.put(f"you@{domain}")
    sender.run()
    clear = receiver.connections[0].received_clear
    equal(clear, b"EHLO mail.sender.lab\r\nSTARTTLS\r\n")


@case("DANE-16 SEC-03")
def without_an_offer_of_tls_mail_goes_in_clear(t):
    domain, receiver = t.domain_with_receiver(certificate=None)
    sender = t.sender()
    sender.put(f"you@{domain}")
    sender.run()
    event = sender.outcome(f"you@{domain}")
    equal((event["event"], event["tls"], event["security"]), ("delivered", "", "cleartext"))


@case("SEC-37 TLS-25")
def no_certificate_is_too_bad_for_opportunistic_tls(t):
    authority = t.lab.authority
    certificates = {
        "expired": authority.issue(["mx.lab"], damage="expired"),
        "not yet valid": authority.issue(["mx.lab"], damage="not-yet"),
        "self-signed": authority.issue(["mx.lab"], damage="self-signed"),
        "wrong name": authority.issue(["somebody.else.lab"]),
        "RSA": authority.issue(["mx.lab"], key="rsa"),
    }
    sender = t.sender()
    domains = {}
    for name, certificate in certificates.items():
        domains[name], _ = t.domain_with_receiver(certificate=certificate)
        sender.put(f"you@{domains[name]}")
    sender.run()
    for name, domain in domains.items():
        event = sender.outcome(f"you@{domain}")
        equal((event["event"], event["security"]), ("delivered", "encrypted"), name)


@case("TLS-16 SEC-08")
def the_server_name_is_that_of_the_mx_host_before_aliases(t):
    receiver = t.receiver()
    real = t.lab.host(*receiver.addresses)
    alias = f"Alias{t.lab.number()}.play.lab"
    t.lab.names.set(alias, "CNAME", [real + "."])
    domain = t.domain(alias)
    sender = t.sender()
    sender.put(f"you@{domain}")
    sender.run()
    equal(receiver.mails[0].sni, alias.lower())


def _dhe_only(t):
    """A certificate whose contexts know no key exchange but DHE."""
    certificate = t.lab.authority.issue(["mx.lab"], key="rsa")

    class DheOnly:
        def context(self):
            context = certificate.context(maximum=ssl.TLSVersion.TLSv1_2)
            context.set_ciphers("DHE")
            context.load_dh_params(certificates.ffdhe2048(t.lab.directory))
            return context

    return DheOnly()


@case("TLS-07 TLS-27 POL-12")
def with_a_receiver_that_knows_only_dhe_there_is_no_tls(t):
    mail = {}
    for level in ("may", "encrypt"):
        domain, receiver = t.domain_with_receiver(certificate=_dhe_only(t))
        sender = t.sender(f"--tls={domain}={level}")
        sender.put(f"you@{domain}")
        sender.run(expect=(DONE, MAIL_WAITS))
        mail[level] = (sender.outcome(f"you@{domain}"), receiver)
    event, receiver = mail["may"]
    equal((event["event"], event["security"]), ("delivered", "cleartext"))
    check(len(receiver.connections) >= 2, "cleartext on the connection that was to have TLS")
    event, receiver = mail["encrypt"]
    equal((event["event"], event["status"]), ("deferred", "4.7.5"))
    for conn in receiver.connections:
        check(b"MAIL" not in conn.received_clear, "mail in clear")


@case("POL-13")
def what_fails_for_want_of_tls_waits_until_its_lifetime_ends_and_says_so(t):
    domain, receiver = t.domain_with_receiver(certificate=None)
    sender = t.sender(f"--tls={domain}=encrypt", "--retry-first=500ms", "--retry-max=500ms",
                      "--lifetime=4s")
    sender.put(f"you@{domain}")
    process = sender.start()
    (event,) = sender.wait_event(process, event="expired", rcpt=f"you@{domain}")
    check("STARTTLS" in event["reason"], f"no cause: {event}")
    process.until(lambda: not sender.waiting(), "the file goes")
    deferred = sender.outcomes(event="deferred")
    check(len(deferred) >= 2, "too few attempts")
    for event in deferred:
        check(event["status"].startswith("4.7."), f"{event}")
    equal(sender.outcomes(event="bounced"), [])
    equal(len(receiver.mails), 0)


@case("POL-12 TLS-27 STLS-08 DANE-17")
def after_a_broken_handshake_cleartext_goes_over_a_fresh_connection_to_the_same_host(t):
    first = t.receiver(dialogue=HOSTILE["tls-reads-then-closes"])
    second = t.receiver()
    domain = t.domain(first, second)
    sender = t.sender()
    sender.put(f"you@{domain}")
    sender.run()
    event = sender.outcome(f"you@{domain}")
    equal((event["event"], event["tls"], event["ip"]), ("delivered", "", first.addresses[0]))
    # CONFORMANCE 0.4, TLS-03: once more at TLS 1.2 before cleartext.
    check(len(first.connections) in (2, 3), f"{len(first.connections)} connections")
    for broken in first.connections[:-1]:
        check(b"MAIL" not in broken.received_clear, "mail on a broken connection")
    equal(len(second.connections), 0)
    results = [session["result"] for session in sender.sessions(domain=domain)]
    check(any(result not in ("", "success") for result in results),
          f"no session event tells of the failure: {results}")


@case("POL-12 TLS-27")
def the_next_message_to_a_host_with_a_broken_handshake_is_still_delivered(t):
    receiver = t.receiver(dialogue=HOSTILE["tls-garbage"])
    domain = t.domain(receiver)
    sender = t.sender("--messages-per-session=1")
    for n in range(5):
        sender.put(f"r{n}@{domain}")
    sender.run()
    equal(len(receiver.accepted()), 5)


@case("STLS-04 SEC-01 TLS-27")
def after_an_injection_nothing_is_sent_in_clear_and_the_next_host_gets_the_mail(t):
    first = t.receiver(dialogue=HOSTILE["injects-after-220"])
    second = t.receiver()
    domain = t.domain(first, second)
    sender = t.sender()
    sender.put(f"you@{domain}")
    sender.run()
    event = sender.outcome(f"you@{domain}")
    equal((event["event"], event["ip"]), ("delivered", second.addresses[0]))
    equal(len(first.mails), 0)
    for conn in first.connections:
        check(b"MAIL" not in conn.received_clear + conn.received_tls, "mail after an injection")


@case("STLS-11 POL-10 POL-12")
def a_floor_of_encrypt_never_sends_in_clear(t):
    plain, broken = t.receiver(certificate=None), t.receiver(dialogue=HOSTILE["tls-garbage"])
    good = t.receiver()
    domains = {name: t.domain(receiver) for name, receiver in
               (("plain", plain), ("broken", broken), ("good", good))}
    sender = t.sender("--tls", "*=encrypt")
    for domain in domains.values():
        sender.put(f"you@{domain}")
    sender.run(expect=MAIL_WAITS)
    equal({name: sender.outcome(f"you@{domain}")["event"] for name, domain in domains.items()},
          {"plain": "deferred", "broken": "deferred", "good": "delivered"})
    for receiver in (plain, broken):
        check(all(b"MAIL" not in conn.received_clear for conn in receiver.connections))
    check(sender.outcome(f"you@{domains['plain']}")["status"].startswith("4.7."), "status")


@case("POL-14 SEC-20")
def under_a_floor_a_521_before_tls_does_not_bounce(t):
    class Refuses(Dialogue):
        answers = {"banner": "521 we take no mail"}

    domain = t.domain(t.receiver(dialogue=Refuses))
    sender = t.sender("--tls", f"{domain}=encrypt")
    sender.put(f"you@{domain}")
    sender.run(expect=MAIL_WAITS)
    equal(sender.outcome(f"you@{domain}")["event"], "deferred")


@case("POL-11")
def a_ceiling_of_none_asks_for_no_tls(t):
    domain, receiver = t.domain_with_receiver()
    sender = t.sender("--tls", f"{domain}=none")
    sender.put(f"you@{domain}")
    sender.run()
    equal(receiver.mails[0].tls, "")
    check(b"STARTTLS" not in receiver.connections[0].received_clear)
    equal(sender.outcome(f"you@{domain}")["policy"], "none")


@case("STLS-05 STLS-07")
def what_was_offered_before_tls_is_forgotten(t):
    receiver = t.receiver(dialogue=HOSTILE["promises-before-tls"])
    domain = t.domain(receiver)
    sender = t.sender()
    sender.put(f"you@{domain}")
    sender.run()
    equal(receiver.mails[0].sender_parameters, [])
    equal(receiver.violations, [])


@case("TLS-18 TLS-11 TLSA-25")
def the_client_hello_has_no_alpn_no_early_data_and_no_raw_keys(t):
    import struct

    domain, receiver = t.domain_with_receiver()
    sender = t.sender()
    for n in range(3):
        sender.put(f"r{n}@{domain}")
    sender.run("--messages-per-session=1")
    for conn in receiver.connections:
        hello = conn.client_hello
        at = 5 + 4 + 2 + 32
        at += 1 + hello[at]
        at += 2 + struct.unpack_from("!H", hello, at)[0]
        at += 1 + hello[at]
        end = at + 2 + struct.unpack_from("!H", hello, at)[0]
        at += 2
        kinds = set()
        while at < end:
            kind, length = struct.unpack_from("!HH", hello, at)
            kinds.add(kind)
            at += 4 + length
        # 16 ALPN, 42 early_data, 19 and 20 certificate types; 0 server_name is there.
        equal(kinds & {16, 42, 19, 20}, set())
        check(0 in kinds, "no server name")
