"""The spool: what is read, what is left alone, what goes to bad/, and when a file goes away."""

import os

from case import case
from sender import DONE, MAIL_WAITS, check, equal, message


def _rejected(sender, name, *words):
    """The file is in bad/ with a reason beside it that has these words, and an event tells so."""
    check(name in sender.bad(), f"{name} is not in bad/: {sender.bad()}\n{sender.tail()}")
    check(name not in sender.waiting(), f"{name} is still in new/")
    reason = sender.bad_reason(name).lower()
    check(reason.strip(), "an empty reason")
    for word in words:
        check(word in reason, f"no {word!r} in {reason!r}")
    events = sender.events(event="rejected-input", file=name)
    check(events, f"no event for {name}: {sender.events()}")
    check(events[0]["reason"], "an event without a reason")


@case("SMTP-24 DATA-07 DATA-06 DATA-02 SEC-19")
def what_cannot_be_read_as_mail_goes_to_bad_with_a_reason_and_an_event(t):
    domain, receiver = t.domain_with_receiver()
    sender = t.sender()
    good = f"X-Sender: <news@sender.lab>\r\nX-Receiver: <you@{domain}>\r\n".encode()
    bad = {
        "empty.eml": b"",
        "no-sender.eml": f"X-Receiver: <you@{domain}>\r\n".encode() + message(),
        "no-receiver.eml": b"X-Sender: <news@sender.lab>\r\n" + message(),
        "no-envelope.eml": message(),
        "bad-sender.eml":
            f"X-Sender: <news@@sender>\r\nX-Receiver: <you@{domain}>\r\n".encode() + message(),
        "nul.eml": good + message(body="a\0b\r\n"),
        "bare-cr.eml": good + message(body="a\rb\r\n"),
        "long-line.eml": good + message(body="x" * 999 + "\r\n"),
        "binary.eml": bytes(range(256)) * 10,
        "huge-header.eml": good + message(headers="X-Filler: y\r\n" * 200000),
    }
    for name, data in bad.items():
        sender.put_raw(data, name)
    sender.put(f"you@{domain}")
    sender.run()
    words = {"no-sender.eml": ["sender"], "no-receiver.eml": ["receiver"], "nul.eml": ["nul"],
             "bare-cr.eml": ["cr"], "long-line.eml": ["line"]}
    for name in bad:
        _rejected(sender, name, *words.get(name, []))
    equal(len(receiver.accepted()), 1, "only the good one arrives")
    equal(sender.waiting(), [])
    for name, data in bad.items():
        with open(os.path.join(sender.spool, "bad", name), "rb") as file:
            equal(file.read() == data, True, f"{name} was changed on its way to bad/")


@case("SMTP-24")
def a_bad_receiver_is_rejected_and_the_good_ones_get_their_mail(t):
    domain, receiver = t.domain_with_receiver()
    sender = t.sender()
    head = ("X-Sender: <news@sender.lab>\r\n"
            f"X-Receiver: <good@{domain}>\r\n"
            "X-Receiver: <not an address>\r\n").encode()
    sender.put_raw(head + message())
    sender.run()
    check(sender.events(event="rejected-input"), f"{sender.events()}")
    # Either the file as a whole is bad, or its good recipient got the mail; never both or neither.
    bad = [name for name in sender.bad() if not name.endswith(".reason")]
    equal(len(receiver.accepted()) + len(bad), 1)


@case("SMTP-24 SEC-19")
def a_command_hidden_in_an_address_is_never_sent(t):
    domain, receiver = t.domain_with_receiver()
    sender = t.sender()
    head = ("X-Sender: <news@sender.lab>\r\n"
            f"X-Receiver: <a@{domain}>\\r\\nRCPT TO:<b@{domain}>\r\n").encode()
    sender.put_raw(head + message())
    sender.put_raw((f"X-Sender: <a@sender.lab> RET=FULL\tSIZE=1>\r\nX-Receiver: <c@{domain}> "
                    "NOTIFY=NEVER>RSET\r\n").encode() + message())
    sender.put(f"you@{domain}")
    sender.run()
    equal([mail.rcpts for mail in receiver.accepted()], [[f"you@{domain}"]])


@case("")
def names_with_a_leading_dot_and_things_that_are_no_files_are_left_alone(t):
    domain, receiver = t.domain_with_receiver()
    sender = t.sender()
    sender.put(f"you@{domain}", name=".hidden.eml")
    target = os.path.join(sender.directory, "outside.eml")
    with open(target, "wb") as file:
        file.write(f"X-Sender: <a@sender.lab>\r\nX-Receiver: <you@{domain}>\r\n".encode()
                   + message())
    os.symlink(target, sender.path("link.eml"))
    os.mkfifo(sender.path("pipe.eml"))
    sender.run(expect=(DONE, MAIL_WAITS))
    equal(receiver.mails, [])
    check(".hidden.eml" in sender.waiting())
    check(os.path.exists(target), "the file behind the link is gone")


@case("")
def a_file_that_is_still_open_for_writing_is_left_alone_until_it_is_closed(t):
    domain, receiver = t.domain_with_receiver()
    sender = t.sender()
    process = sender.start()
    content = message(body="part one\r\npart two\r\n")
    head = f"X-Sender: <a@sender.lab>\r\nX-Receiver: <slow@{domain}>\r\n".encode()
    with open(sender.path("slow.eml"), "wb") as file:
        file.write(head + content[:-10])
        file.flush()
        # A whole message that came after it goes through: the other was not forgotten by chance.
        for n in range(3):
            sender.put(f"quick{n}@{domain}")
            receiver.wait_for(lambda n=n: len(receiver.accepted()) == n + 1)
        check("slow.eml" in sender.waiting())
        file.write(content[-10:])
    receiver.wait_for(lambda: len(receiver.accepted()) == 4)
    equal([mail.content for mail in receiver.mails if mail.rcpts == [f"slow@{domain}"]], [content])
    process.until(lambda: not sender.waiting(), "new/ is empty")


@case("")
def with_once_a_file_that_is_still_open_means_mail_waits(t):
    domain, receiver = t.domain_with_receiver()
    sender = t.sender()
    with open(sender.path("open.eml"), "wb") as file:
        file.write(f"X-Sender: <a@sender.lab>\r\nX-Receiver: <you@{domain}>\r\n".encode())
        file.flush()
        sender.run(expect=MAIL_WAITS)
    equal(receiver.mails, [])
    equal(sender.waiting(), ["open.eml"])


@case("")
def files_that_come_while_it_runs_are_sent_whether_renamed_or_written_in_place(t):
    domain, receiver = t.domain_with_receiver()
    sender = t.sender()
    sender.put(f"before@{domain}")
    process = sender.start()
    receiver.wait_for(lambda: len(receiver.accepted()) == 1)
    sender.put(f"renamed@{domain}")
    with open(sender.path("in-place.eml"), "wb") as file:
        file.write(f"X-Sender: <a@sender.lab>\r\nX-Receiver: <placed@{domain}>\r\n".encode()
                   + message())
    receiver.wait_for(lambda: len(receiver.accepted()) == 3)
    process.until(lambda: not sender.waiting(), "new/ is empty")
    equal(sorted(mail.rcpts[0].split("@")[0] for mail in receiver.mails),
          ["before", "placed", "renamed"])


@case("")
def a_thousand_files_that_come_at_once_are_each_sent_once(t):
    domain, receiver = t.domain_with_receiver()
    sender = t.sender("--site-sessions=4")
    process = sender.start()
    for n in range(1000):
        sender.put(f"r{n}@{domain}", message(f"number {n}"))
    receiver.wait_for(lambda: len(receiver.accepted()) >= 1000, 120)
    process.until(lambda: not sender.waiting(), "new/ is empty")
    equal(sorted(mail.rcpts[0] for mail in receiver.accepted()),
          sorted(f"r{n}@{domain}" for n in range(1000)))


@case("")
def a_file_stays_until_every_recipient_has_a_final_outcome(t):
    good, receiver = t.domain_with_receiver()
    dead = t.domain(t.lab.refusing_address())
    sender = t.sender("--retry-first=1s", "--retry-max=1s")
    name = sender.put([f"a@{good}", f"b@{dead}"])
    process = sender.start()
    sender.wait_event(process, event="delivered", rcpt=f"a@{good}")
    sender.wait_event(process, event="deferred", rcpt=f"b@{dead}")
    equal(sender.waiting(), [name])
    t.domain(receiver, name=dead)
    sender.wait_event(process, event="delivered", rcpt=f"b@{dead}")
    process.until(lambda: not sender.waiting(), "the file goes")
    equal(len(sender.events(event="delivered", rcpt=f"a@{good}")), 1)


@case("")
def a_file_that_is_removed_by_hand_is_withdrawn(t):
    dead = t.domain(t.lab.refusing_address())
    sender = t.sender("--retry-first=1s", "--retry-max=1s")
    name = sender.put(f"you@{dead}")
    process = sender.start()
    sender.wait_event(process, event="deferred", rcpt=f"you@{dead}")
    os.unlink(sender.path(name))
    sender.wait_event(process, event="withdrawn", rcpt=f"you@{dead}")


@case("")
def a_name_that_returns_with_another_message_is_new_mail(t):
    domain, receiver = t.domain_with_receiver()
    sender = t.sender()
    process = sender.start()
    for n in range(3):
        sender.put(f"r{n}@{domain}", message(f"number {n}"), name="same.eml")
        receiver.wait_for(lambda n=n: len(receiver.accepted()) == n + 1)
        process.until(lambda: not sender.waiting(), "the file goes")


@case("SMTP-44")
def only_our_own_headers_are_taken_off_and_only_missing_ones_added(t):
    domain, receiver = t.domain_with_receiver()
    sender = t.sender()
    taken = ("X-Longship-Class: transactional\r\nX-Longship-Job: j1\r\nx-job: j1\r\n"
             "x-virtual-mta: pool1\r\nBcc: secret@sender.lab\r\n"
             "Resent-Bcc: other@sender.lab\r\nReturn-Path: <old@sender.lab>\r\n")
    kept = ("Received: from somewhere\r\nX-Mailer: a\r\n b\r\nX-Receivers: kept\r\n"
            "To: somebody@else.lab\r\nCc: third@else.lab\r\nSubject: s\r\n")
    body = "\r\nX-Receiver: <in@body.lab>\r\nBcc: in the body\r\n"
    head = f"X-Sender: <news@sender.lab>\r\nX-Receiver: <you@{domain}>\r\n"
    sender.put_raw((head + taken + kept + body).encode())
    sender.run()
    content = receiver.mails[0].content.decode()
    headers, rest = content.split("\r\n\r\n", 1)
    equal(rest, body[2:])
    check(kept.rstrip() in headers, f"kept headers were changed: {headers}")
    for name in ("X-Sender", "X-Receiver:", "X-Longship", "x-job", "x-virtual-mta", "Bcc",
                 "Return-Path"):
        check(name.lower() not in "\n".join(
            line.lower() for line in headers.split("\r\n") if not line.startswith(" ")
        ).replace("x-receivers:", ""), f"{name} was left in")
    equal(headers.lower().count("date:"), 1, "Date")
    equal(headers.lower().count("message-id:"), 1, "Message-ID")
    equal(headers.count("Received:"), 1, "Received is never added")
    event = sender.outcome(f"you@{domain}")
    equal((event["class"], event["job"]), ("transactional", "j1"))


@case("")
def receivers_named_twice_get_one_copy(t):
    domain, receiver = t.domain_with_receiver()
    sender = t.sender()
    sender.put([f"you@{domain}", f"you@{domain.upper()}", f"me@{domain}"])
    sender.run()
    equal(sorted(receiver.mails[0].rcpts), sorted([f"you@{domain}", f"me@{domain}"]))
    equal(len(sender.outcomes()), 2)


@case("")
def what_other_programs_write_is_read(t):
    """Envelope forms of .NET's pickup directory, Exchange's replay and PowerMTA (PEERS 4)."""
    domain, receiver = t.domain_with_receiver()
    sender = t.sender()
    # .NET writes no angle brackets, and the body's own headers follow at once.
    sender.put_raw(f"X-Sender: news@sender.lab\r\nX-Receiver: net@{domain}\r\n".encode()
                   + message("net"))
    # x-sender in lower case, override wins.
    sender.put_raw((f"x-sender: old@sender.lab\r\nX-Sender-Override: new@sender.lab\r\n"
                    f"x-receiver: override@{domain}\r\n").encode() + message("override"))
    # X-Sender after other headers, as nothing says that it comes first.
    sender.put_raw(message("late").replace(
        b"Subject:", f"X-Sender: <>\r\nX-Receiver: <late@{domain}>\r\nSubject:".encode(), 1))
    sender.run()
    got = {mail.rcpts[0].split("@")[0]: mail.sender for mail in receiver.mails}
    equal(got, {"net": "news@sender.lab", "override": "new@sender.lab", "late": ""},
          sender.tail())
