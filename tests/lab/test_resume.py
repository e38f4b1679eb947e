"""Sessions of TLS that go on where an earlier connection to the same receiver ended, with the servers that
give tickets; and where they must not."""

import re
import ssl

import receivers
from case import Skipped, case
from peer import Dialogue
from sender import check, equal

MAILS = 6

# One message a connection, one connection at a time, all by one worker: whoever comes later has a ticket.
ONE_BY_ONE = ("--messages-per-session=1", "--site-sessions=1", "--workers=1")


class GivesTickets(Dialogue):
    """All connections of a receiver share a context, as those of a server of one process do."""

    version = ssl.TLSVersion.MAXIMUM_SUPPORTED
    options = 0

    async def start_tls(self):
        receiver = self.receiver
        if not hasattr(receiver, "context"):
            receiver.context = receiver.certificate.context(maximum=self.version)
            receiver.context.options |= self.options
        await self.conn.handshake(receiver.context)


class WithoutExtendedMasterSecret(GivesTickets):
    version = ssl.TLSVersion.TLSv1_2
    options = 1  # SSL_OP_NO_EXTENDED_MASTER_SECRET of OpenSSL 3, for which Python has no name


class GivesTicketsOfTls12(GivesTickets):
    version = ssl.TLSVersion.TLSv1_2


def _send(t, domains, flags=()):
    """MAILS messages, to the domains in turn; the fields of the last line of the log."""
    sender = t.sender(*ONE_BY_ONE, *flags)
    for n in range(MAILS):
        sender.put(f"r{n}@{domains[n % len(domains)]}")
    process = sender.run()
    equal({event["event"] for event in sender.outcomes()}, {"delivered"})
    check(all(event["tls"] for event in sender.outcomes()), "not all under TLS")
    last = [line for line in process.stderr().splitlines() if "resumed=" in line][-1]
    return {name: int(value) for name, value in re.findall(r"(\w+)=(\d+)", last)}


def _check_counts(counts, resumed):
    equal((counts["connections"], counts["handshakes"], counts["resumed"]), (MAILS, MAILS, resumed))


@case("TLS-13 TLS-14 TLS-15")
def later_connections_to_the_sink_resume_the_session(t):
    for version in ("1.2", "1.3"):
        sink = receivers.Sink(t.lab, "--bug", "tls-tickets", "--bug", f"tls-max:{version}")
        counts = _send(t, [t.domain(sink.address)])
        _check_counts(counts, MAILS - 1)
        status, report = sink.report()
        equal(status, 0, sink.log())
        equal(report["counters"]["handshakes"], MAILS)
        equal(report["counters"]["handshakes_resumed"], MAILS - 1)


@case("TLS-14 TLS-15")
def connections_to_postfix_resume_as_often_as_it_gives_tickets(t):
    if t.lab.single_user:
        raise Skipped("Postfix needs more than one user: run as root, or install uidmap")
    postfix = receivers.Postfix(t.lab)
    counts = _send(t, [t.domain(postfix.address)])
    # It gives one ticket in a full handshake and none in a resumed one, and we use each once.
    _check_counts(counts, MAILS // 2)
    postfix.mails(MAILS)
    handshakes = re.findall(r"TLS connection established from .*", postfix.log())
    equal(len(handshakes), MAILS)
    signed = [line for line in handshakes if "server-digest" in line]
    equal(len(signed), MAILS - MAILS // 2, "handshakes with a certificate")


@case("TLS-14 SEC-06 SEC-07")
def another_demand_on_the_same_host_makes_a_full_handshake(t):
    sink = receivers.Sink(t.lab, "--bug", "tls-tickets")
    host = t.lab.host(sink.address)
    domains = [t.domain(host), t.domain(host)]
    # One of them demands more: each resumes its own sessions and not the other's.
    counts = _send(t, domains, ["--tls", f"{domains[1]}=encrypt"])
    _check_counts(counts, MAILS - 2)
    _, report = sink.report()
    equal(report["counters"]["handshakes_resumed"], MAILS - 2)


@case("TLS-14")
def domains_that_demand_the_same_share_the_sessions_of_their_host(t):
    sink = receivers.Sink(t.lab, "--bug", "tls-tickets")
    host = t.lab.host(sink.address)
    _check_counts(_send(t, [t.domain(host), t.domain(host)]), MAILS - 1)


@case("TLS-14")
def a_server_that_gives_no_tickets_is_sent_to_as_ever(t):
    sink = receivers.Sink(t.lab)
    _check_counts(_send(t, [t.domain(sink.address)]), 0)


@case("TLS-10")
def a_session_without_extended_master_secret_is_not_resumed(t):
    for dialogue, resumed in ((WithoutExtendedMasterSecret, 0), (GivesTicketsOfTls12, MAILS - 1),
                              (GivesTickets, MAILS - 1)):
        domain, _ = t.domain_with_receiver(dialogue=dialogue)
        _check_counts(_send(t, [domain]), resumed)
