"""An SMTP receiver that is exact about what it hears, and that tests can make say anything.

Receiver listens and keeps what happened: each connection with its bytes, each mail byte by byte,
and each violation of the protocol by the sender. Dialogue is one conversation, well behaved; what
misbehaves (hostile.py) is a subclass with one thing changed. STAGES are the points at which a
dialogue can be made to go wrong.
"""

import asyncio
import collections
import re
import socket
import ssl
import threading

from conn import Conn, Hangup, Over

# In the order of a session. `body` is in the middle of the message, before its end was seen.
STAGES = (
    "banner", "ehlo", "starttls", "handshake", "ehlo-tls", "mail", "rcpt", "data", "body", "dot",
    "quit",
)
KEYWORDS = ("PIPELINING", "SIZE 52428800", "8BITMIME", "SMTPUTF8", "ENHANCEDSTATUSCODES", "DSN")


class Mail:
    """One accepted or refused transaction that got as far as its content."""

    def __init__(self, conn, helo, sender, sender_parameters, rcpts):
        self.conn = conn
        self.helo = helo
        self.sender = sender
        self.sender_parameters = sender_parameters
        self.rcpts = rcpts
        self.tls = conn.tls
        self.sni = conn.sni
        self.raw = b""
        self.content = b""
        self.reply = ""
        self.by_bdat = False


def _unstuff(raw):
    """RFC 5321 4.5.2: the first period of a line that begins with one is taken off."""
    return re.sub(rb"(\A|\r\n)\.", rb"\1", raw)


class Dialogue:
    """A whole conversation with one sender. Class attributes are what a variant changes."""

    banner = "220 mx.lab ESMTP lab"
    keywords = KEYWORDS
    offers_starttls = True
    # What to answer at a stage instead of yes.
    answers = {}

    def __init__(self, receiver, conn):
        self.receiver = receiver
        self.conn = conn
        self.helo = None
        self.sender = None
        self.parameters = []
        self.rcpts = []
        self.chunks = b""

    # The frame.

    async def run(self):
        await self.greet()
        while True:
            line = await self.conn.line()
            if not line.endswith(b"\r\n") or b"\r" in line[:-2] or b"\0" in line:
                self.violation(f"not a command line: {line[:200]!r}")
            verb = line.split()[0].decode("latin-1").lower() if line.split() else ""
            handler = getattr(self, "do_" + verb, None)
            if handler is None:
                self.violation(f"unknown command: {line[:200]!r}")
                await self.conn.say("500 5.5.1 what")
                continue
            await handler(line.strip().decode("utf-8", "replace"))

    async def at(self, stage):
        """Called at each stage before its answer; a subclass may do anything here, or end."""

    async def answer(self, stage, text):
        await self.at(stage)
        text = self.answers.get(stage, text)
        await self.conn.say(text)
        if text.startswith("421"):
            raise Over
        return text

    def violation(self, text):
        self.receiver.note_violation(self.conn, text)

    def must_be_last(self, command):
        """RFC 2920 3.1: these commands end a group, so nothing may wait behind them."""
        if self.conn.buffered():
            self.violation(f"bytes behind {command}")

    def may_be_in_group(self, command):
        if "PIPELINING" not in self.keywords:
            self.must_be_last(command + " without PIPELINING")

    def offered(self):
        keywords = list(self.keywords)
        if self.offers_starttls and self.receiver.certificate and not self.conn.tls:
            keywords.append("STARTTLS")
        return keywords

    def ehlo_reply(self):
        lines = ["mx.lab at your service"] + self.offered()
        return "\n".join([f"250-{line}" for line in lines[:-1]] + [f"250 {lines[-1]}"])

    # The commands.

    async def greet(self):
        if self.conn.buffered():
            self.violation("spoke before the banner")
        await self.answer("banner", self.banner)

    async def do_ehlo(self, line):
        self.must_be_last("EHLO")
        self.helo = line[5:]
        self.sender, self.rcpts = None, []
        await self.answer("ehlo-tls" if self.conn.tls else "ehlo", self.ehlo_reply())

    async def do_helo(self, line):
        self.must_be_last("HELO")
        self.helo = line[5:]
        await self.answer("helo", "250 mx.lab")

    async def do_starttls(self, line):
        self.must_be_last("STARTTLS")
        if line != "STARTTLS":
            self.violation(f"not STARTTLS: {line!r}")
        if self.conn.tls or not self.offers_starttls:
            self.violation("STARTTLS was not offered")
        reply = await self.answer("starttls", "220 2.0.0 go ahead")
        if reply.startswith("220"):
            await self.at("handshake")
            await self.start_tls()

    async def start_tls(self):
        try:
            await self.conn.handshake(self.receiver.certificate.context())
        except ssl.SSLError as error:
            self.conn.end = f"handshake: {error.reason}"
            raise Over from None
        self.helo = None

    async def do_mail(self, line):
        self.may_be_in_group("MAIL")
        match = re.fullmatch(r"MAIL FROM:<([^<>]*)>((?: [^ ]+)*)", line)
        if match is None:
            self.violation(f"bad MAIL: {line!r}")
        if self.helo is None:
            self.violation("MAIL before EHLO")
        if self.sender is not None:
            self.violation("MAIL inside a transaction")
        parameters = match.group(2).split() if match else []
        self.check_parameters(parameters)
        reply = await self.answer("mail", "250 2.1.0 ok")
        if reply.startswith("2"):
            self.sender = match.group(1) if match else line
            self.parameters, self.rcpts, self.chunks = parameters, [], b""

    def check_parameters(self, parameters):
        """RFC 5321 4.1.1.11: only what the last EHLO offered (SMTP-20)."""
        needs = {"SIZE": "SIZE", "BODY": "8BITMIME", "SMTPUTF8": "SMTPUTF8", "RET": "DSN",
                 "ENVID": "DSN", "NOTIFY": "DSN", "ORCPT": "DSN"}
        offered = {keyword.split()[0].upper() for keyword in self.offered()}
        for parameter in parameters:
            name = parameter.split("=")[0].upper()
            if needs.get(name, name) not in offered:
                self.violation(f"parameter {parameter} was not offered")

    async def do_rcpt(self, line):
        self.may_be_in_group("RCPT")
        match = re.fullmatch(r'RCPT TO:<((?:"[^"]*"|[^<>])+)>((?: [^ ]+)*)', line)
        if match is None:
            self.violation(f"bad RCPT: {line!r}")
        self.check_parameters(match.group(2).split() if match else [])
        path = match.group(1) if match else line
        reply = await self.answer("rcpt", self.rcpt_reply(path))
        if reply.startswith("2"):
            self.rcpts.append(path)

    def rcpt_reply(self, path):
        if self.sender is None:
            return "503 5.5.1 MAIL first"
        return self.receiver.rcpt_replies.get(path, "250 2.1.5 ok")

    async def do_data(self, line):
        self.must_be_last("DATA")
        if not self.rcpts:
            await self.conn.say("503 5.5.1 no valid recipients")
            return
        reply = await self.answer("data", "354 go on")
        if not reply.startswith("354"):
            return
        await self.take_content()

    async def take_content(self):
        if not self.conn.buffered():
            await self.conn.more()
        await self.at("body")
        mail = self.new_mail()
        mail.raw = await self.conn.until_dot()
        mail.content = _unstuff(mail.raw)
        await self.finish(mail)

    def new_mail(self):
        return Mail(self.conn, self.helo, self.sender, self.parameters, list(self.rcpts))

    async def finish(self, mail):
        if re.search(rb"(?<!\r)\n|\r(?!\n)|\0", mail.content):
            self.violation("bare CR, bare LF or NUL in the content")
        if any(len(line) > 998 for line in mail.content.split(b"\r\n")):
            self.violation("a line over 998 octets")
        self.sender, self.rcpts = None, []
        try:
            await self.at("dot")
        finally:
            mail.reply = self.answers.get("dot", self.final_reply(mail))
            self.receiver.note_mail(mail)
        await self.conn.say(mail.reply)
        if mail.reply.startswith("421"):
            raise Over

    def final_reply(self, mail):
        return "250 2.0.0 queued as LAB"

    async def do_bdat(self, line):
        if "CHUNKING" not in self.keywords:
            self.violation("BDAT was not offered")
        words = line.split()
        last = len(words) == 3 and words[2].upper() == "LAST"
        self.chunks += await self.conn.exactly(int(words[1]))
        if not self.rcpts:
            await self.conn.say("503 5.5.1 no valid recipients")
        elif last:
            mail = self.new_mail()
            mail.raw = mail.content = self.chunks
            mail.by_bdat = True
            await self.finish(mail)
        else:
            await self.conn.say("250 2.0.0 more")

    async def do_rset(self, line):
        self.may_be_in_group("RSET")
        self.sender, self.rcpts = None, []
        await self.answer("rset", "250 2.0.0 ok")

    async def do_noop(self, line):
        self.must_be_last("NOOP")
        await self.conn.say("250 2.0.0 ok")

    async def do_quit(self, line):
        self.must_be_last("QUIT")
        await self.answer("quit", "221 2.0.0 bye")
        raise Over


def refusing_at_first(count, reply="451 4.3.0 come back"):
    """A dialogue that refuses each recipient so many times, and takes it then."""
    class Patient(Dialogue):
        seen = collections.Counter()

        async def do_rcpt(self, line):
            rcpt = re.search("<(.*)>", line).group(1)
            self.seen[rcpt] += 1
            if self.seen[rcpt] <= count:
                await self.conn.say(reply)
            else:
                await super().do_rcpt(line)

    return Patient


class Receiver:
    """Listens on one or more addresses and holds one Dialogue with everybody who connects."""

    def __init__(self, background, addresses, dialogue=Dialogue, certificate=None, port=25,
                 backlog=1024):
        self.addresses = [addresses] if isinstance(addresses, str) else list(addresses)
        self.dialogue = dialogue
        self.certificate = certificate
        self.rcpt_replies = {}
        self.connections = []
        self.mails = []
        self.violations = []
        self._changed = threading.Condition()
        self._background = background
        self._tasks = []
        self._sockets = []
        background.call(self._listen(port, backlog))

    # What tests ask.

    def accepted(self):
        """The mails that were answered with 2xx."""
        with self._changed:
            return [mail for mail in self.mails if mail.reply.startswith("2")]

    def wait_for(self, condition, timeout=60):
        """Waits until condition() holds, looking again at each thing that happens here."""
        with self._changed:
            if not self._changed.wait_for(condition, timeout):
                raise AssertionError(f"{self.addresses}: not in {timeout} s")

    def stop(self):
        async def close():
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)
            for sock in self._sockets:
                sock.close()
            for conn in self.connections:
                conn.close()

        self._background.call(close())

    # What dialogues tell.

    def note_mail(self, mail):
        with self._changed:
            self.mails.append(mail)
            self._changed.notify_all()

    def note_violation(self, conn, text):
        with self._changed:
            self.violations.append(f"{conn.local}: {text}")
            self._changed.notify_all()

    # What runs on the loop.

    async def _listen(self, port, backlog):
        loop = asyncio.get_running_loop()
        for address in self.addresses:
            family = socket.AF_INET6 if ":" in address else socket.AF_INET
            sock = socket.socket(family, socket.SOCK_STREAM)
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            sock.bind((address, port))
            sock.listen(backlog)
            sock.setblocking(False)
            self._sockets.append(sock)
            self._tasks.append(loop.create_task(self._accept(loop, sock)))

    async def _accept(self, loop, sock):
        while True:
            accepted, address = await loop.sock_accept(sock)
            accepted.setblocking(False)
            accepted.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            conn = Conn(accepted, address[0], loop)
            with self._changed:
                self.connections.append(conn)
                self._changed.notify_all()
            self._tasks.append(loop.create_task(self._serve(conn)))

    async def _serve(self, conn):
        try:
            await self.dialogue(self, conn).run()
        except (Over, Hangup, ConnectionError):
            pass
        except ssl.SSLError as error:
            conn.end = f"tls: {error.reason}"
        except OSError as error:
            conn.end = f"socket: {error}"
        except Exception as error:  # a mistake in a test's own dialogue must not go unseen
            self.note_violation(conn, f"the dialogue itself failed: {error!r}")
        finally:
            conn.close()
            with self._changed:
                self._changed.notify_all()
