"""Somebody in the middle, or a host that cannot do better: STARTTLS withheld or refused, handshakes that
break, replies before the channel is up, and certificates that look right. Under DANE none of them gets
a word of the mail, and none makes it bounce."""

from chains import NOBODY_256, Link, authority, self_signed
from dane import bounced, delivered, scenario, waits
from peer import Dialogue
from sender import HELO, check, equal

WRONG = f"3 1 1 {NOBODY_256}"
EHLO = f"EHLO {HELO}\r\n".encode()


# STARTTLS.


class Strips(Dialogue):
    """As one in the middle would: the offer of STARTTLS taken out, everything else as it was."""

    offers_starttls = False


class Refuses(Dialogue):
    answers = {"starttls": "502 5.5.1 unknown command"}


class Greylists(Dialogue):
    """Offers STARTTLS only to whom it knows (RFC 7672 9.2)."""

    def __init__(self, receiver, conn):
        super().__init__(receiver, conn)
        self.offers_starttls = len(receiver.connections) > 1


@scenario(waits("STARTTLS"), "DANE-19 POL-12 SEC-03")
def a_host_whose_starttls_was_taken_out_gets_nothing(s):
    s.mx(s.dane_host(dialogue=Strips))

    def then(r):
        for conn in r.peer().connections:
            heard = bytes(conn.received_clear).replace(b"QUIT\r\n", b"")
            equal(heard, EHLO)
        check(r.peer().connections, "the host was not tried")
    return then


@scenario(waits("STARTTLS", status="4."), "DANE-20 POL-12 POL-14")
def a_host_that_does_not_know_starttls_when_it_comes_gets_nothing(s):
    s.mx(s.dane_host(dialogue=Refuses))

    def then(r):
        for conn in r.peer().connections:
            heard = bytes(conn.received_clear).replace(b"QUIT\r\n", b"")
            equal(heard, EHLO + b"STARTTLS\r\n")
        check(r.peer().connections, "the host was not tried")
    return then


@scenario(waits("STARTTLS"), "DANE-47 DANE-19")
def a_host_that_offers_starttls_later_gets_no_first_try_in_clear(s):
    s.mx(s.dane_host(dialogue=Greylists))

    def then(r):
        check(all(b"MAIL" not in conn.received_clear for conn in r.peer().connections))
        equal(r.peer().mails, [])
    return then


@scenario(waits("454"), "DANE-20")
def a_temporary_refusal_of_starttls_waits(s):
    s.mx(s.dane_host(bugs=["reply-starttls:454 4.7.0 TLS not available"]))


@scenario(waits("554"), "DANE-20 POL-14")
def a_permanent_refusal_of_starttls_waits(s):
    s.mx(s.dane_host(bugs=["reply-starttls:554 5.7.0 TLS never"]))


@scenario(delivered("dane", host=1), "DANE-19 POL-17")
def after_a_host_without_starttls_the_next_one_is_tried(s):
    s.mx(s.dane_host("mx1", bugs=["without:STARTTLS"]), s.dane_host("mx2"))
    return lambda r: check("mx1" in r.event["reason"], r.event["reason"])


# Replies that anybody on the way can forge.


@scenario(waits(status="4."), "POL-14 SEC-20")
def a_permanent_greeting_does_not_bounce(s):
    s.mx(s.dane_host(bugs=["reply-banner:554 5.7.1 we take no mail"]))


@scenario(waits(status="4."), "POL-14 SEC-20")
def a_greeting_of_521_does_not_bounce(s):
    s.mx(s.dane_host(bugs=["reply-banner:521 5.3.2 we take no mail"]))


@scenario(waits(status="4."), "POL-14")
def a_permanent_answer_to_ehlo_and_helo_does_not_bounce(s):
    s.mx(s.dane_host(bugs=["reply-ehlo:550 5.7.1 no", "reply-helo:550 5.7.1 no"]))


@scenario(bounced("5.1.1"), "POL-14")
def a_permanent_answer_inside_the_proven_channel_bounces(s):
    s.mx(s.dane_host(bugs=["reply-rcpt:550 5.1.1 nobody of this name"]))
    return lambda r: equal(r.event["channel"], "authenticated")


# Handshakes that break.


def _breaks(bug):
    def plays(s):
        s.mx(s.dane_host(bugs=[bug]))
        return lambda r: check(all(not session["messages"] for session in r.sessions()))

    plays.__module__ = __name__
    name = bug.split(":")[0].replace("-", "_")
    scenario(waits(), "POL-12 DANE-18 TLS-27",
             sentence=f"a_handshake_that_ends_in_{name}_is_not_followed_by_cleartext")(plays)


for _bug in ("tls-close", "tls-reset", "tls-alert", "tls-garbage", "tls-drop"):
    _breaks(_bug)


@scenario(waits(), "TLS-01 POL-12")
def a_host_that_only_speaks_tls_1_1_waits(s):
    s.mx(s.dane_host(bugs=["tls-min:1.0", "tls-max:1.1"]))


@scenario(waits(), "STLS-04 SEC-01")
def words_put_in_behind_the_220_make_the_mail_wait(s):
    s.mx(s.dane_host(bugs=["inject"]))


# Certificates that look right.


@scenario(waits("matches no TLSA record"), "DANE-14 TLSA-22 TLSA-26")
def a_certificate_of_a_trusted_authority_for_the_right_name_gets_nothing(s):
    """The authority is that of --ca-file: name, dates and signature would do for web PKI."""
    s.mx(s.host(certificates=[s.stage.trusted.issue([s.name("mx")])], tlsa=[WRONG],
                dialogue=Dialogue))

    def then(r):
        (conn,) = r.peer().connections
        equal(bytes(conn.received_clear), EHLO + b"STARTTLS\r\n")
        equal(bytes(conn.received_tls), b"")
        # TLSA-26: an alert says why, in the handshake or, with TLS 1.3, right behind it.
        check("UNKNOWN_CA" in (conn.end or ""), f"{conn.end}")
    return then


@scenario(waits(), "TLSA-21 TLSA-22")
def the_right_anchor_behind_a_leaf_that_it_did_not_sign_gets_nothing(s):
    """An anchor is public: whoever forges can show it too."""
    root = authority("Root that is shown")
    s.mx(s.host(chain=[self_signed(s.name("mx")), root], tlsa=[root.tlsa(2, 0, 1)]))


@scenario(waits(), "TLSA-21 TLSA-22")
def an_authority_that_has_the_name_of_the_anchor_but_another_key_gets_nothing(s):
    root, other = authority("Root of this name"), authority("Root of this name")
    s.mx(s.host(chain=[other.leaf(s.name("mx")), other, root],
                tlsa=[root.tlsa(2, 0, 1), root.tlsa(2, 1, 1)]))


@scenario(waits(), "TLSA-21 TLSA-17")
def a_leaf_that_names_an_anchor_of_the_dns_as_its_signer_gets_nothing(s):
    root, other = authority("Root of 2 0 0"), authority("Root of 2 0 0")
    s.mx(s.host(chain=[other.leaf(s.name("mx"))], tlsa=[root.tlsa(2, 0, 0)]))


@scenario(waits(), "TLSA-21 TLSA-18")
def a_leaf_that_the_key_of_2_1_0_did_not_sign_gets_nothing(s):
    root, other = authority("Root of 2 1 0"), authority("Root of 2 1 0")
    s.mx(s.host(chain=[other.leaf(s.name("mx"))], tlsa=[root.tlsa(2, 1, 0)]))


@scenario(waits(), "TLSA-21")
def a_customer_of_the_anchor_cannot_issue_for_others(s):
    """The leaf of one host signs the leaf of another; both are below the right anchor."""
    root = authority("Root with a bad customer")
    customer = root.leaf("customer.lab")
    forged = Link(s.name("mx"), customer, [s.name("mx")])
    s.mx(s.host(chain=[forged, customer, root], tlsa=[root.tlsa(2, 1, 1)]))


@scenario(waits("invalid CA certificate"), "TLSA-21 TLSA-18")
def a_customer_of_an_anchor_that_only_the_dns_has_cannot_issue_for_others(s):
    """The key of 2 1 0 has signed the customer, which so is the top of what is shown."""
    root = authority("Root with a bad customer, at home")
    customer = root.leaf("customer.lab")
    forged = Link(s.name("mx"), customer, [s.name("mx")])
    s.mx(s.host(chain=[forged, customer], tlsa=[root.tlsa(2, 1, 0)]))


@scenario(waits("matches no TLSA record"), "DANE-14 TLSA-16")
def the_right_leaf_shown_behind_another_one_gets_nothing(s):
    """Usage 3 is about the certificate whose key the server has: the first one."""
    right = self_signed(s.name("mx"))
    s.mx(s.host(chain=[self_signed(s.name("mx")), right], tlsa=[right.tlsa(3, 1, 1)]))


@scenario(delivered("dane"), "DANE-48")
def another_address_of_the_host_may_have_the_right_key(s):
    right, other = self_signed(s.name("mx")), self_signed(s.name("mx"))
    certificates = [s.stage.chains.certificate(link) for link in (other, right)]
    s.mx(s.host(certificates=certificates, tlsa=[right.tlsa(3, 1, 1)]))
