"""Hostile receivers: extensions, limits, and sessions that end."""

import asyncio
import time

from hostile_table import hostile
from peer import Dialogue, Over


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
        if self.conn.buffered():
            return
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
