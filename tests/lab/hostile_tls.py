"""Hostile receivers: STARTTLS and TLS."""

import asyncio
import os
import ssl

from hostile_table import DRIP_SECONDS, hostile
from peer import Dialogue, Over


@hostile("injects-after-220", "STLS-04 SEC-01")
class InjectsAfter220(Dialogue):
    """Sends replies for later behind the 220 of STARTTLS, in one segment; then does TLS."""

    injected = b"250-injected\r\n250 PIPELINING\r\n250 2.1.0 ok\r\n"

    async def do_starttls(self, line):
        await self.conn.send(b"220 2.0.0 go ahead\r\n" + self.injected)
        await self.start_tls()

    async def do_mail(self, line):
        if not self.conn.tls:
            self.violation("MAIL in clear after an injection")
        await super().do_mail(line)


@hostile("injects-one-octet-after-220", "STLS-04 SEC-01")
class InjectsOneOctet(InjectsAfter220):
    """Sends a single octet behind the 220 of STARTTLS."""

    injected = b"2"


@hostile("injects-then-closes", "STLS-04 TLS-27")
class InjectsThenCloses(InjectsAfter220):
    """Sends replies behind the 220 of STARTTLS and closes, as if the injection had failed."""

    async def start_tls(self):
        raise Over


@hostile("454-starttls", "STLS-10")
class StarttlsLater(Dialogue):
    """Offers STARTTLS and answers 454."""

    answers = {"starttls": "454 4.7.0 TLS not available"}


@hostile("554-starttls", "STLS-03 DANE-20")
class StarttlsRefused(Dialogue):
    """Offers STARTTLS and answers 554."""

    answers = {"starttls": "554 5.7.0 no"}


@hostile("250-starttls", "STLS-03")
class Starttls250(Dialogue):
    """Answers 250 to STARTTLS and then waits for a ClientHello or whatever comes."""

    async def do_starttls(self, line):
        await self.conn.say("250 2.0.0 go ahead")
        line = await self.conn.line()
        if line.startswith(b"\x16\x03"):
            self.violation("a ClientHello after 250")
        raise Over


@hostile("late-220", "STLS-02 SEC-02")
class Late220(Dialogue):
    """Takes its time for the 220 of STARTTLS and looks whether anything comes before it."""

    async def at(self, stage):
        if stage == "starttls":
            try:
                await asyncio.wait_for(self.conn.more(), 0.5)
                self.violation("spoke between STARTTLS and its reply")
            except asyncio.TimeoutError:
                pass


@hostile("late-banner", "SMTP-01")
class LateBanner(Dialogue):
    """Takes its time for the greeting and looks whether anything comes before it."""

    async def at(self, stage):
        if stage == "banner":
            try:
                await asyncio.wait_for(self.conn.more(), 0.5)
                self.violation("spoke before the greeting")
            except asyncio.TimeoutError:
                pass


@hostile("tls-garbage", "STLS-08 TLS-27")
class TlsGarbage(Dialogue):
    """Answers the ClientHello with octets that are no TLS."""

    async def at(self, stage):
        if stage == "handshake":
            await self.conn.more()
            await self.conn.send(b"500 5.5.1 what is that\r\n" + os.urandom(200))
            raise Over


@hostile("tls-reads-then-closes", "STLS-08 TLS-27")
class TlsReadsThenCloses(Dialogue):
    """Reads the ClientHello and closes."""

    async def at(self, stage):
        if stage == "handshake":
            await self.conn.more()
            raise Over


@hostile("tls-drips", "TLS-21")
class TlsDrips(Dialogue):
    """Sends a TLS record header and then one octet of the record at a time, for ever."""

    async def at(self, stage):
        if stage == "handshake":
            await self.conn.more()
            await self.conn.send(b"\x16\x03\x03\x3f\xff\x02\x00\x3f\xfb")
            while True:
                await self.conn.send(b"\x00")
                await asyncio.sleep(DRIP_SECONDS)


class _Context(Dialogue):
    """One handshake with a context of its own."""

    def context(self):
        raise NotImplementedError

    async def start_tls(self):
        try:
            await self.conn.handshake(self.context())
        except ssl.SSLError as error:
            self.conn.end = f"handshake: {error.reason}"
            raise Over from None
        self.helo = None


@hostile("tls-1.1-only", "TLS-02 TLS-03")
class OldTls(_Context):
    """Speaks TLS 1.1 at most."""

    def context(self):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.set_ciphers("ALL:@SECLEVEL=0")
        context.minimum_version = ssl.TLSVersion.TLSv1
        context.maximum_version = ssl.TLSVersion.TLSv1_1
        certificate = self.receiver.certificate
        context.load_cert_chain(certificate.chain_file, certificate.key_file)
        return context


@hostile("tls-1.2-only", "TLS-01 TLS-09")
class Tls12(_Context):
    """Speaks TLS 1.2 at most."""

    def context(self):
        return self.receiver.certificate.context(maximum=ssl.TLSVersion.TLSv1_2)


@hostile("tls-wants-client-certificate", "STLS-19 TLS-19")
class WantsClientCertificate(_Context):
    """Demands a client certificate; with TLS 1.3 the refusal comes after the handshake."""

    def context(self):
        context = self.receiver.certificate.context()
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_verify_locations(self.receiver.certificate.chain_file)
        return context


@hostile("tls-asks-for-client-certificate", "TLS-19")
class AsksForClientCertificate(_Context):
    """Asks for a client certificate and goes on without."""

    def context(self):
        context = self.receiver.certificate.context()
        context.verify_mode = ssl.CERT_OPTIONAL
        context.load_verify_locations(self.receiver.certificate.chain_file)
        return context


@hostile("greets-inside-tls", "STLS-15")
class GreetsInsideTls(Dialogue):
    """Greets a second time when TLS is up, before it was asked anything."""

    async def start_tls(self):
        await super().start_tls()
        await self.conn.say(self.banner)


@hostile("offers-starttls-inside-tls", "STLS-07")
class OffersInsideTls(Dialogue):
    """Goes on offering STARTTLS inside TLS."""

    def offered(self):
        return list(super().offered()) + (["STARTTLS"] if self.conn.tls else [])


@hostile("promises-before-tls", "STLS-05 EXT-LIM-02")
class PromisesBeforeTls(Dialogue):
    """Offers everything before TLS, with a tiny SIZE, and nothing inside it."""

    keywords = ()

    def offered(self):
        if self.conn.tls:
            return ["HELP"]
        return ["PIPELINING", "SIZE 10", "8BITMIME", "CHUNKING", "BINARYMIME", "DSN", "SMTPUTF8",
                "LIMITS RCPTMAX=1 MAILMAX=1", "STARTTLS"]


@hostile("garbles-starttls", "SEC-03")
class GarblesStarttls(Dialogue):
    """Has its STARTTLS overwritten, as some middleboxes do."""

    offers_starttls = False
    keywords = ("PIPELINING", "XXXXXXXA", "8BITMIME")


@hostile("named-like-a-keyword", "EXT-GEN-01 SEC-36")
class NamedLikeAKeyword(Dialogue):
    """Is called STARTTLS in the first line of EHLO, and offers nothing."""

    offers_starttls = False
    keywords = ()

    def ehlo_reply(self):
        return "250-STARTTLS CHUNKING PIPELINING\n250 HELP"


@hostile("mixed-case-keywords", "STLS-16 EXT-GEN-01")
class MixedCase(Dialogue):
    """Writes its keywords in mixed case, STARTTLS with a parameter, and unknown ones."""

    def offered(self):
        offered = ["PipeLining", "sIzE 1000000", "8BitMime", "X-UNKNOWN a=b", "FUTURE=1"]
        return offered if self.conn.tls else offered + ["StartTLS now"]

    def may_be_in_group(self, command):
        pass


@hostile("421-after-tls", "STLS-18")
class GoesAwayAfterTls(Dialogue):
    """Says 421 to the EHLO inside TLS."""

    answers = {"ehlo-tls": "421 4.3.2 not now"}


@hostile("502-ehlo-after-tls", "STLS-17")
class NoEhloAfterTls(Dialogue):
    """Knows EHLO in clear, but only HELO inside TLS."""

    answers = {"ehlo-tls": "502 5.5.1 what"}

    def may_be_in_group(self, command):
        self.must_be_last(command)

    def offered(self):
        return [] if self.conn.tls else super().offered()
