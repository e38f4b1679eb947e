"""Deliveries to real servers: what arrives is compared byte by byte with what was put in."""

import os

import receivers
from case import Skipped, case
from sender import check, equal, message, program

# For a run that loads the whole machine: nothing may fail because it takes its time.
PATIENT = ("--connect-timeout=60s", "--tls-timeout=120s", "--dns-timeout=60s")

# Everything that a byte-by-byte comparison could trip over, within what mail may contain.
BODIES = {
    "plain": b"Hello,\r\n\r\nthis is a letter.\r\n",
    "empty": b"",
    "dots": b".\r\n..\r\n...\r\n.a\r\n\r\n.\r\n.b.\r\nend.\r\n.\r\n",
    "from lines": b"From here\r\nFrom: there\r\n>From\r\n",
    "long lines": b"x" * 998 + b"\r\n" + b"." + b"y" * 900 + b"\r\n",
    "eight bit": "Grüße, 漢字, \u00ad\r\n".encode() + bytes(range(128, 256)) + b"\r\n",
    "white space": b" \r\n\t\r\n  trailing  \r\n\r\n\r\n\r\n",
    "large": b"".join(b"%07d .line of a larger message\r\n" % n for n in range(8000)),
}


def _letters():
    return {name: message(subject=name, body="") + body for name, body in BODIES.items()}


def _sends_all_bodies(t, cls, flags=()):
    if cls.needs_users and t.lab.single_user:
        raise Skipped(f"{cls.name} needs more than one user: run as root, or install uidmap")
    receiver = cls(t.lab)
    domain = t.domain(receiver.address)
    sender = t.sender(*flags)
    letters = _letters()
    for name, content in letters.items():
        sender.put(f"{name.replace(' ', '-')}@{domain}", content)
    try:
        sender.run()
        arrived = receiver.mails(len(letters))
    except AssertionError as error:
        raise AssertionError(f"{error}\n{receiver.log()}") from None
    equal(len(arrived), len(letters), "how many arrived")
    for name, content in letters.items():
        check(content in arrived, f"{name!r} did not arrive as sent: {_nearest(content, arrived)}")
    events = sender.outcomes()
    equal({event["event"] for event in events}, {"delivered"})
    check(all(event["tls"] == "TLSv1.3" for event in events), "not all under TLS 1.3")
    equal(sender.waiting(), [], "files left in new/")
    return receiver


def _nearest(content, arrived):
    """The mail of the same subject and where it begins to differ."""
    subject = content.split(b"\r\nSubject: ")[1].split(b"\r\n")[0]
    for mail in arrived:
        if b"\r\nSubject: " + subject + b"\r\n" in mail:
            at = next((n for n, (a, b) in enumerate(zip(content, mail)) if a != b),
                      min(len(content), len(mail)))
            return (f"differs at {at} (of {len(content)} sent, {len(mail)} arrived): "
                    f"sent {content[at - 20:at + 40]!r}, arrived {mail[at - 20:at + 40]!r}")
    return f"{len(arrived)} arrived, none with this subject"


@case("SMTP-44 DATA-03 DATA-04 DATA-06")
def postfix_receives_every_byte_under_tls(t):
    _sends_all_bodies(t, receivers.Postfix)


@case("SMTP-44 DATA-03 DATA-04 DATA-06")
def exim_receives_every_byte_under_tls(t):
    _sends_all_bodies(t, receivers.Exim)


@case("SMTP-44 DATA-03 DATA-04 DATA-06 EXT-PIPE-01")
def aiosmtpd_receives_every_byte_under_tls(t):
    _sends_all_bodies(t, receivers.Aiosmtpd)


@case("SMTP-44 DATA-03 DATA-04 DATA-06 EXT-CHUNK-01")
def longship_sink_receives_every_byte_and_finds_nothing_odd(t):
    sink = _sends_all_bodies(t, receivers.Sink)
    status, report = sink.report()
    equal(status, 0, sink.log())
    odd = {name: count for name, count in report["oddities"].items() if count}
    equal(odd, {}, "oddities")
    equal(report["counters"]["messages_tls"], len(BODIES))


@case("MX-25 SMTP-40", alone=True)
def two_thousand_messages_of_longship_load_arrive_once_and_whole(t):
    addresses = [t.lab.address() for _ in range(8)]
    for n in range(40):
        t.domain(addresses[n % 8], name=f"load{n}.play.lab")
    sender = t.sender(*PATIENT)
    manifest = os.path.join(sender.directory, "manifest")
    load = t.lab.start("longship-load", [
        os.path.join(os.path.dirname(program()), "longship-load"), "--spool", sender.spool,
        "--create", "--count", "2000", "--rcpts-per-message", "2", "--mixed-domains", "--size",
        "1K:60,20K:35,300K:5", "--8bit", "20", "--transactional", "10", "--line-ends", "lf",
        "--domains", "40", "--domain-pattern", "load%d.play.lab", "--zipf", "1",
        "--manifest", manifest], directory=sender.directory)
    equal(load.wait(60), 0, load.tail())
    sink = receivers.Sink(t.lab, "--manifest", manifest, "--expect", "4000", addresses=addresses)
    sender.run(timeout=200)
    status, report = sink.report()
    odd = {name: count for name, count in report["oddities"].items() if count}
    equal((odd, report["deliveries"]["missing"], report["deliveries"]["duplicates"],
           report["deliveries"]["damaged"]), ({}, 0, 0, 0))
    equal(status, 0, sink.log())
    equal(len(sender.outcomes(event="delivered")), 4000)
    equal(sender.waiting(), [])


@case("SMTP-44 DATA-03 DATA-04 DATA-06")
def our_own_exact_receiver_receives_every_byte(t):
    domain, receiver = t.domain_with_receiver()
    sender = t.sender()
    letters = _letters()
    for name, content in letters.items():
        sender.put(f"{name.replace(' ', '-')}@{domain}", content)
    sender.run()
    equal(sorted(mail.content for mail in receiver.accepted()), sorted(letters.values()))
    check(all(mail.tls == "TLSv1.3" for mail in receiver.mails), "not all under TLS")


@case("EXT-CHUNK-01 EXT-CHUNK-04")
def a_receiver_with_chunking_receives_every_byte(t):
    from peer import KEYWORDS, Dialogue

    class Chunking(Dialogue):
        keywords = KEYWORDS + ("CHUNKING",)

    domain, receiver = t.domain_with_receiver(dialogue=Chunking)
    sender = t.sender()
    letters = _letters()
    for name, content in letters.items():
        sender.put(f"{name.replace(' ', '-')}@{domain}", content)
    sender.run()
    equal(sorted(mail.content for mail in receiver.accepted()), sorted(letters.values()))


@case("DATA-02 DATA-01")
def a_file_with_lf_line_ends_arrives_with_crlf(t):
    domain, receiver = t.domain_with_receiver()
    sender = t.sender()
    content = message(body="one\r\n.two\r\n\r\nthree\r\n")
    head = f"X-Sender: <news@sender.lab>\nX-Receiver: <you@{domain}>\n".encode()
    sender.put_raw(head + content.replace(b"\r\n", b"\n"))
    sender.run()
    equal([mail.content for mail in receiver.accepted()], [content])


@case("DATA-04")
def a_last_line_without_line_end_gets_one(t):
    domain, receiver = t.domain_with_receiver()
    sender = t.sender()
    content = message(body="the end")
    sender.put(f"you@{domain}", content)
    sender.run()
    equal([mail.content for mail in receiver.accepted()], [content + b"\r\n"])
