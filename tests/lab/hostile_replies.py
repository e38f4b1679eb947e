"""Hostile receivers: replies that are not as the RFC wants them, and replies that refuse."""

from hostile_table import hostile
from peer import Dialogue, Over


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
