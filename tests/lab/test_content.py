"""The bytes on the wire: line ends, dots, and the sequences that smuggle a second message."""

import re

from case import case
from peer import KEYWORDS, Dialogue
from sender import check, equal, message

# RECEIVERS.md, hostile servers: what vulnerable receivers take for the end of the data.
SMUGGLING = (
    b"\n.\n", b"\r.\r", b"\r.\n", b"\n.\r", b"\n.\r\n", b"\r\n.\n", b"\r.\r\n", b"\r\n.\r",
    b"\r\n\0.\r\n", b"\r\n.\0\r\n", b"\r\n.\r\n", b"\n\r.\r\n", b"\n\n..\r\r\n", b"\r\n..\n",
)
SECOND = b"MAIL FROM:<forged@bank.lab>\r\nRCPT TO:<victim@here.lab>\r\nDATA\r\nforged\r\n.\r\n"


class RawLogger(Dialogue):
    """Reads the data as the most tolerant of receivers would, and keeps every octet."""

    keywords = ("PIPELINING", "SIZE 52428800", "8BITMIME")
    offers_starttls = False

    async def take_content(self):
        mail = self.new_mail()
        mail.raw = await self.conn.until_dot()
        mail.content = re.sub(rb"(\A|\r\n)\.", rb"\1", mail.raw)
        await self.finish(mail)


def _tolerant_ends(raw):
    """How many ends of data a receiver would see that takes bare CR and bare LF for line ends."""
    lines = re.split(rb"\r\n|\r|\n", raw)
    return sum(1 for line in lines if line in (b".", b"\0.", b".\0"))


@case("DATA-05 DATA-01 DATA-02 SEC-18")
def no_smuggling_sequence_leaves_as_it_was_put_in(t):
    domain, receiver = t.domain_with_receiver(dialogue=RawLogger)
    sender = t.sender()
    names = []
    for n, sequence in enumerate(SMUGGLING):
        head = f"X-Sender: <a@sender.lab>\r\nX-Receiver: <r{n}@{domain}>\r\n".encode()
        names.append(sender.put_raw(
            head + message(f"number {n}", body="before") + sequence + SECOND))
    sender.run()
    seen = {mail.rcpts[0]: mail for mail in receiver.accepted()}
    check(all(rcpt.endswith(domain) for rcpt in seen), f"a smuggled message: {list(seen)}")
    for n, sequence in enumerate(SMUGGLING):
        mail = seen.get(f"r{n}@{domain}")
        if mail is None:
            # Refused as a whole is as good; forgotten is not.
            check(names[n] in sender.bad(), f"{sequence!r} is neither sent nor in bad/")
            continue
        raw = mail.raw + b"."
        check(not re.search(rb"(?<!\r)\n|\r(?!\n)|\0", mail.raw), f"{sequence!r} left {mail.raw!r}")
        equal(_tolerant_ends(raw), 1, f"ends of data for {sequence!r}")
        check(b"\r\nMAIL FROM" in mail.raw, f"{sequence!r} cut the message")


@case("DATA-10")
def a_signed_message_arrives_as_it_was_signed(t):
    # A signature covers what is there, and that a Date is not: nothing may be added, and the dots
    # are doubled on the way only.
    signed = (b"From: News <news@sender.lab>\r\n"
              b"DKIM-Signature: v=1; a=rsa-sha256; d=sender.lab; s=s; c=simple/simple;\r\n"
              b"\th=from:subject:date; bh=AAAA; b=BBBB\r\n"
              b"Subject: =?utf-8?q?gr=C3=BC=C3=9Fe?=\r\n \tfolded\r\n\r\n"
              b".\r\n..two \r\n\t\r\n.end\r\n\r\n\r\n")
    domain, receiver = t.domain_with_receiver()
    sender = t.sender()
    sender.put(f"you@{domain}", signed)
    sender.run()
    equal([mail.content for mail in receiver.accepted()], [signed])


@case("DATA-05 EXT-CHUNK-04 SEC-18")
def no_smuggling_sequence_leaves_by_bdat(t):
    class Chunking(Dialogue):
        keywords = KEYWORDS + ("CHUNKING",)

    domain, receiver = t.domain_with_receiver(dialogue=Chunking)
    sender = t.sender()
    for n, sequence in enumerate(SMUGGLING):
        head = f"X-Sender: <a@sender.lab>\r\nX-Receiver: <r{n}@{domain}>\r\n".encode()
        sender.put_raw(head + message(body="before") + sequence + SECOND)
    sender.run()
    for mail in receiver.mails:
        check(mail.rcpts[0].endswith(domain))
        check(not re.search(rb"(?<!\r)\n|\r(?!\n)|\0", mail.content))


@case("DATA-03")
def dots_are_doubled_at_every_border_of_a_buffer(t):
    """Lines that begin with a dot, at distances around the sizes that buffers have."""
    domain, receiver = t.domain_with_receiver()
    sender = t.sender()
    letters = []
    for size in (512, 1024, 2048, 4096, 8192, 16384, 32768, 65536):
        head = message(f"size {size}", body="")
        body = b""
        for distance in range(-3, 4):
            # Filled so that the dot stands at size + distance from the start of the content.
            room = size + distance - len(head) % size - len(body) % size
            room %= size
            while room > 900:
                body += b"f" * 898 + b"\r\n"
                room -= 900
            body += b"f" * max(room - 2, 0) + b"\r\n" + b".dot\r\n"
        letters.append(head + body)
        sender.put(f"s{size}@{domain}", head + body)
    sender.run()
    equal(sorted(len(mail.content) for mail in receiver.accepted()),
          sorted(len(letter) for letter in letters))
    equal(sorted(mail.content for mail in receiver.accepted()) == sorted(letters), True, "contents")


@case("DATA-03 DATA-04")
def a_message_of_dots_only_arrives(t):
    domain, receiver = t.domain_with_receiver()
    sender = t.sender()
    content = message(body=".\r\n" * 5000)
    sender.put(f"you@{domain}", content)
    sender.run()
    equal([mail.content == content for mail in receiver.accepted()], [True])


@case("DATA-06 EXT-8B-03")
def a_line_of_998_octets_is_sent_and_one_of_999_is_refused(t):
    domain, receiver = t.domain_with_receiver()
    sender = t.sender()
    longest = message(body="." + "x" * 997 + "\r\n")
    sender.put(f"fits@{domain}", longest)
    too_long = sender.put(f"not@{domain}", message(body="." + "x" * 998 + "\r\n"))
    sender.run()
    equal([mail.content for mail in receiver.accepted()], [longest])
    equal([name for name in sender.bad() if not name.endswith(".reason")], [too_long])


@case("EXT-PIPE-05 SMTP-09")
def a_message_of_thirty_megabytes_arrives_whole(t):
    domain, receiver = t.domain_with_receiver()
    sender = t.sender()
    content = message(body="".join(f"{n:076d}\r\n" for n in range(400_000)))
    sender.put(f"you@{domain}", content)
    sender.run(timeout=120)
    equal([mail.content == content for mail in receiver.accepted()], [True])
    equal(sender.outcome(f"you@{domain}")["size"], str(len(content)))
