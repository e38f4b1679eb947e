"""Receivers that misbehave, by name: HOSTILE[name].

Each is a Dialogue (peer.py) with one thing changed; its docstring says what it does, and its ids are
the entries of CONFORMANCE about what a sender must make of it. What the lab expects longship to do
with each is in test_hostile.py; a new one needs a class here and a row there.
"""

import asyncio
import os
import ssl
import time

from peer import Dialogue, Hangup, Over

HOSTILE = {}
MEGABYTE = 1 << 20
# Between two octets of a peer that drips: slow enough to be a nuisance, quick enough for a test.
DRIP_SECONDS = 0.05
# What an endless peer sends at most, so that a sender without limits fails instead of filling up.
ENDLESS_BYTES = 64 * MEGABYTE


def hostile(name, ids):
    def register(dialogue):
        assert name not in HOSTILE, name
        assert dialogue.__doc__, name
        dialogue.name, dialogue.ids = name, ids.split()
        HOSTILE[name] = dialogue
        return dialogue

    return register


# One thing at one stage, for all stages at which it makes sense.


def at_stages(action_name, ids, stages, about):
    """Makes a dialogue ACTION-at-STAGE for each stage, out of an action on a dialogue."""
    def register(action):
        for stage in stages.split():
            _at_stage(action_name, ids, stage, about, action)
        return action

    return register


def _at_stage(action_name, ids, wanted, about, action):
    class AtStage(Dialogue):
        async def at(self, stage):
            if stage == wanted:
                await action(self, stage)

    AtStage.__doc__ = about.format(stage=wanted)
    hostile(f"{action_name}-at-{wanted}", ids)(AtStage)


EVERYWHERE = "banner ehlo starttls handshake ehlo-tls mail rcpt data body dot quit"
REPLIES = "banner ehlo starttls ehlo-tls mail rcpt data dot quit"


@at_stages("close", "SMTP-16 SMTP-17 STLS-08", EVERYWHERE, "Closes the connection at {stage}.")
async def _close(dialogue, stage):
    raise Over


@at_stages("reset", "SMTP-16 SMTP-17 STLS-08", EVERYWHERE, "Resets the connection at {stage}.")
async def _reset(dialogue, stage):
    dialogue.conn.reset()
    raise Over


@at_stages("silence", "SMTP-02 TLS-21 SEC-15", EVERYWHERE, "Says nothing any more from {stage} on.")
async def _silence(dialogue, stage):
    await dialogue.conn.until_hangup()


@at_stages("421", "SMTP-15", REPLIES, "Says 421 at {stage} and closes.")
async def _goes_away(dialogue, stage):
    await dialogue.conn.say("421 4.3.2 shutting down")
    raise Over


@at_stages("cut", "TLS-22 SMTP-16", REPLIES, "Sends half of its reply at {stage}, then closes.")
async def _cut(dialogue, stage):
    await dialogue.conn.send(b"250-and the re")
    raise Over


@at_stages("endless", "SMTP-09 SEC-14", "banner ehlo mail dot",
           "Answers at {stage} with a multi-line reply that never ends.")
async def _endless(dialogue, stage):
    code = b"220" if stage == "banner" else b"250"
    line = code + b"-and so on and so on and so on and so on\r\n"
    for _ in range(ENDLESS_BYTES // len(line) // 100):
        await dialogue.conn.send(line * 100)
    raise Over


@at_stages("megabyte-line", "SMTP-09 SEC-14", "banner ehlo rcpt dot",
           "Answers at {stage} with a line of a megabyte.")
async def _megabyte_line(dialogue, stage):
    code = b"220 " if stage == "banner" else b"250 "
    await dialogue.conn.send(code + b"x" * MEGABYTE + b"\r\n")


@at_stages("drip-forever", "SMTP-03 SEC-15", "banner ehlo mail dot",
           "Sends a reply at {stage} octet by octet and never ends it.")
async def _drip_forever(dialogue, stage):
    await dialogue.conn.send(b"220 " if stage == "banner" else b"250 ")
    while True:
        await dialogue.conn.send(b".")
        await asyncio.sleep(DRIP_SECONDS)


@at_stages("half-close", "SMTP-16 SMTP-41", "banner ehlo mail dot",
           "Closes its sending side instead of a reply at {stage}, and reads on.")
async def _half_close(dialogue, stage):
    dialogue.conn.shut_down_write()
    await dialogue.conn.until_hangup()


# Replies that are not as the RFC wants them.


@hostile("slow-replies", "SMTP-02")
class SlowReplies(Dialogue):
    """Sends every reply octet by octet, but ends each: slow, not hostile."""

    offers_starttls = False
    keywords = ("PIPELINING",)

    async def run(self):
        self.conn.gap_seconds = 0.005
        await super().run()


@hostile("lf-replies", "SMTP-11")
class LfReplies(Dialogue):
    """Ends its replies with a bare LF."""

    offers_starttls = False

    async def run(self):
        self.conn.eol = b"\n"
        await super().run()


@hostile("cr-replies", "SMTP-11")
class CrReplies(Dialogue):
    """Ends its replies with a bare CR."""

    async def run(self):
        self.conn.eol = b"\r"
        await super().run()


@hostile("bare-codes", "SMTP-07")
class BareCodes(Dialogue):
    """Answers MAIL, RCPT and the dot with three digits and nothing else."""

    answers = {"mail": "250", "rcpt": "250", "data": "354", "dot": "250"}


@hostile("multi-line-everywhere", "SMTP-06 STLS-14")
class MultiLineEverywhere(Dialogue):
    """Uses a multi-line reply wherever it answers."""

    answers = {
        "banner": "220-mx.lab\n220-no spam\n220 ESMTP",
        "starttls": "220-wait\n220 go",
        "mail": "250-2.1.0 a\n250 2.1.0 b",
        "rcpt": "250-2.1.5 a\n250 2.1.5 b",
        "data": "354-go\n354 on",
        "dot": "250-2.0.0 a\n250 2.0.0 b",
        "quit": "221-bye\n221 bye",
    }


@hostile("differing-classes-at-rcpt", "SMTP-08")
class DifferingClasses(Dialogue):
    """A multi-line reply to RCPT whose lines have codes of different classes."""

    answers = {"rcpt": "250-yes\n550 no"}


@hostile("differing-codes-at-rcpt", "SMTP-08")
class DifferingCodes(Dialogue):
    """A multi-line reply to RCPT with two codes of one class: the last one counts."""

    answers = {"rcpt": "250-yes\n251 elsewhere, too"}


@hostile("unknown-codes", "SMTP-04")
class UnknownCodes(Dialogue):
    """Says yes with codes that no RFC has: only the first digit counts."""

    answers = {"mail": "299 fine", "rcpt": "259 fine", "dot": "290 fine"}


@hostile("unknown-4yz-at-rcpt", "SMTP-04 SMTP-28")
class Unknown4yz(Dialogue):
    """Refuses RCPT with 459, which no RFC has."""

    answers = {"rcpt": "459 not today"}


@hostile("unknown-5yz-at-rcpt", "SMTP-04 SMTP-28")
class Unknown5yz(Dialogue):
    """Refuses RCPT with 599, which no RFC has."""

    answers = {"rcpt": "599 never"}


@hostile("1yz-at-mail", "SMTP-05")
class Preliminary(Dialogue):
    """Answers MAIL with 150, a class that SMTP does not use."""

    answers = {"mail": "150 hm"}


@hostile("6yz-at-rcpt", "SMTP-05")
class SixHundred(Dialogue):
    """Answers RCPT with 650, a class that does not exist."""

    answers = {"rcpt": "650 hm"}


@hostile("garbage-banner", "SMTP-10")
class GarbageBanner(Dialogue):
    """Greets with octets that are no reply."""

    async def greet(self):
        await self.conn.send(b"\x00\x01\x02 hello there\r\n")
        await self.conn.until_hangup()


@hostile("speaks-http", "SEC-29")
class SpeaksHttp(Dialogue):
    """Is a web server."""

    async def greet(self):
        await self.conn.send(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")
        raise Over


@hostile("garbage-before-final-reply", "SMTP-10")
class GarbageBeforeFinal(Dialogue):
    """Says a line that is no reply, then 250, after the final dot."""

    answers = {"dot": "hello\n250 2.0.0 ok"}


@hostile("early-final-reply", "SMTP-10 DATA-11")
class EarlyFinalReply(Dialogue):
    """Sends the reply to the dot together with 354, before it saw any message."""

    answers = {"data": "354 go on\n250 2.0.0 taken already"}

    async def take_content(self):
        await self.conn.until_hangup()


@hostile("reply-before-question", "SMTP-10 SMTP-42")
class ReplyBeforeQuestion(Dialogue):
    """Says yes to MAIL before it was asked, together with the answer to EHLO."""

    offers_starttls = False

    def ehlo_reply(self):
        return super().ehlo_reply() + "\n250 2.1.0 sender ok"


@hostile("control-characters", "SMTP-11 DSN-10 SEC-32")
class ControlCharacters(Dialogue):
    """Refuses with a text full of NUL, ESC, quotes, newline escapes and octets over 127."""

    async def do_rcpt(self, line):
        await self.conn.send(
            b'550 5.1.1 \x00\x1b[31m"\\n\x7f\xff\xfe{"event":"delivered"} no\r\n')


@hostile("wrong-enhanced-code", "SMTP-43 EXT-ESC-01")
class WrongEnhancedCode(Dialogue):
    """Refuses for good with an enhanced code of the success class."""

    answers = {"rcpt": "550 2.1.5 no such user"}


# Replies that are a refusal, each where it stands.


def _refusing(name, ids, stage, reply):
    class Refusing(Dialogue):
        answers = {stage: reply}

    Refusing.__doc__ = f"Answers {reply!r} at {stage}."
    hostile(name, ids)(Refusing)


_refusing("554-banner", "SMTP-14", "banner", "554 5.7.1 we do not talk to you")
_refusing("521-banner", "SMTP-14", "banner", "521 mx.lab does not accept mail")
_refusing("450-banner", "SMTP-15", "banner", "450 4.3.2 later")
_refusing("451-mail", "SMTP-26", "mail", "451 4.3.0 later")
_refusing("550-mail", "SMTP-26", "mail", "550 5.1.8 bad sender")
_refusing("552-mail", "SMTP-26 EXT-SIZE-03", "mail", "552 5.3.4 too big")
_refusing("450-rcpt", "SMTP-28", "rcpt", "450 4.2.1 busy")
_refusing("550-rcpt", "SMTP-28", "rcpt", "550 5.1.1 no such user")
_refusing("551-rcpt", "SMTP-31", "rcpt", "551 5.1.6 try <other@d.lab>")
_refusing("556-rcpt", "SMTP-47", "rcpt", "556 5.1.10 null mx")
_refusing("251-rcpt", "SMTP-31", "rcpt", "251 2.1.5 will forward to <other@d.lab>")
_refusing("252-rcpt", "SMTP-28", "rcpt", "252 2.1.5 cannot verify")
_refusing("250-data", "SMTP-32", "data", "250 2.0.0 thanks already")
_refusing("451-data", "SMTP-32", "data", "451 4.3.0 later")
_refusing("554-data", "SMTP-32", "data", "554 5.5.1 no")
_refusing("451-dot", "SMTP-33", "dot", "451 4.3.0 later")
_refusing("452-dot", "SMTP-33", "dot", "452 4.3.1 disk full")
_refusing("554-dot", "SMTP-33", "dot", "554 5.6.0 not this")
_refusing("251-dot", "SMTP-33", "dot", "251 2.0.0 taken")


@hostile("no-ehlo", "SMTP-13 STLS-17")
class NoEhlo(Dialogue):
    """Knows HELO only."""

    keywords = ()
    answers = {"ehlo": "502 5.5.1 what is EHLO"}


@hostile("no-hello", "SMTP-13")
class NoHello(Dialogue):
    """Refuses EHLO and HELO."""

    answers = {"ehlo": "550 5.7.1 no", "helo": "550 5.7.1 no"}


@hostile("354-for-refused-rcpts", "EXT-PIPE-04")
class DataForRefused(Dialogue):
    """Refuses all recipients, and still says 354 to DATA."""

    answers = {"rcpt": "550 5.1.1 no such user"}

    async def do_data(self, line):
        await self.conn.say("354 go on")
        mail = self.new_mail()
        mail.raw = await self.conn.until_dot()
        if mail.raw:
            self.violation(f"sent {len(mail.raw)} octets to nobody")
        await self.conn.say("554 5.5.1 no valid recipients")


@hostile("354-after-refused-mail", "EXT-PIPE-07")
class DataAfterRefusedMail(DataForRefused):
    """Refuses MAIL, says 503 to RCPT and 354 to DATA."""

    answers = {"mail": "550 5.7.1 not you", "rcpt": "503 5.5.1 MAIL first"}


@hostile("552-in-mid-data", "DATA-11")
class RefusesInMidData(Dialogue):
    """Says 552 while the message is still coming, and reads on."""

    async def at(self, stage):
        if stage == "body":
            await self.conn.say("552 5.3.4 that is enough")
            await self.conn.until_hangup()


# STARTTLS and TLS.


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


# Extensions, limits and sessions.


@hostile("no-pipelining", "EXT-PIPE-01")
class NoPipelining(Dialogue):
    """Does not offer PIPELINING and looks for octets behind each command."""

    keywords = ("SIZE 52428800", "8BITMIME")

    async def do_mail(self, line):
        await self._listen("MAIL")
        await super().do_mail(line)

    async def do_rcpt(self, line):
        await self._listen("RCPT")
        await super().do_rcpt(line)

    async def _listen(self, command):
        try:
            await asyncio.wait_for(self.conn.more(), 0.1)
            self.violation(f"spoke before {command} was answered")
        except asyncio.TimeoutError:
            pass


@hostile("nothing-offered", "SMTP-20 EXT-DSN-01")
class NothingOffered(Dialogue):
    """Offers no extension at all."""

    offers_starttls = False
    keywords = ()


@hostile("tiny-size", "EXT-SIZE-02")
class TinySize(Dialogue):
    """Offers SIZE 100."""

    keywords = ("PIPELINING", "SIZE 100", "8BITMIME")


@hostile("odd-sizes", "EXT-SIZE-02")
class OddSize(Dialogue):
    """Offers a SIZE of twenty digits, which no 64-bit number can hold."""

    keywords = ("PIPELINING", "SIZE 99999999999999999999", "8BITMIME")


@hostile("no-size-number", "EXT-SIZE-02")
class NoSizeNumber(Dialogue):
    """Offers SIZE abc."""

    keywords = ("PIPELINING", "SIZE abc", "8BITMIME")


@hostile("no-parameters", "EXT-GEN-02")
class NoParameters(Dialogue):
    """Offers SIZE and answers 555 to a MAIL that uses it."""

    async def do_mail(self, line):
        if "SIZE=" in line:
            await self.conn.say("555 5.5.4 unknown parameter")
        else:
            await super().do_mail(line)


@hostile("closes-after-each-message", "SMTP-40 SMTP-41")
class ClosesAfterEach(Dialogue):
    """Closes without a word after each message."""

    async def finish(self, mail):
        await super().finish(mail)
        raise Over


@hostile("421-when-idle", "SMTP-42")
class GoesAwayWhenIdle(Dialogue):
    """Says 421, unasked, a moment after a message."""

    async def finish(self, mail):
        await super().finish(mail)
        try:
            await asyncio.wait_for(self.conn.more(), 0.2)
        except asyncio.TimeoutError:
            await self.conn.say("421 4.4.2 idle too long")
            raise Over from None


@hostile("no-221", "SMTP-18")
class No221(Dialogue):
    """Does not answer QUIT."""

    async def do_quit(self, line):
        self.must_be_last("QUIT")
        await self.conn.until_hangup()


@hostile("greylisting", "SMTP-36 SMTP-34")
class Greylisting(Dialogue):
    """Says 451 to each sender, recipient and address for a second, then yes."""

    seconds = 1.0

    def rcpt_reply(self, path):
        seen = self.receiver.__dict__.setdefault("greylist", {})
        first = seen.setdefault((self.sender, path, self.conn.address), time.monotonic())
        if time.monotonic() - first < self.seconds:
            return "451 4.7.1 greylisted, come again"
        return super().rcpt_reply(path)


def _too_many(name, code, about):
    class TooMany(Dialogue):
        rcpts_max = 3

        def rcpt_reply(self, path):
            if len(self.rcpts) >= self.rcpts_max:
                return f"{code} 4.5.3 too many recipients" if code == 452 else f"{code} too many"
            return super().rcpt_reply(path)

    TooMany.__doc__ = about
    hostile(name, "SMTP-29")(TooMany)


_too_many("452-from-fourth-rcpt", 452, "Takes three recipients a transaction, then says 452.")
_too_many("552-from-fourth-rcpt", 552, "Takes three recipients a transaction, then says 552.")


@hostile("reads-nothing-until-asked-thrice", "EXT-PIPE-05")
class SlowReader(Dialogue):
    """Reads one command at a time, slowly, from a small receive buffer, and answers at length."""

    async def do_rcpt(self, line):
        self.answers = {"rcpt": "250-2.1.5 " + "y" * 400 + "\n250 2.1.5 ok"}
        await asyncio.sleep(0)
        await super().do_rcpt(line)


def expectations_missing(names):
    """Names without a row, or rows without a name; for the test of the table itself."""
    return sorted(set(HOSTILE) ^ set(names))


__all__ = ["HOSTILE", "Hangup", "expectations_missing"]
