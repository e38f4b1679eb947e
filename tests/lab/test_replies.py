"""What becomes of a recipient, by what the receiver says (the table of CONFORMANCE 0.4)."""

import signal

from case import case
from peer import Dialogue
from sender import DONE, MAIL_WAITS, check, equal, message


def _answering(**answers):
    """A dialogue with these answers; stages by name, with _ for -."""
    named = {stage.replace("_", "-"): text for stage, text in answers.items()}
    return type("Answering", (Dialogue,), {"answers": named})


@case("SMTP-28 EXT-PIPE-03")
def each_recipient_has_the_outcome_of_its_own_reply(t):
    domain, receiver = t.domain_with_receiver()
    good, busy, gone = f"good@{domain}", f"busy@{domain}", f"gone@{domain}"
    receiver.rcpt_replies = {busy: "450 4.2.1 try later", gone: "550 5.1.1 no such user"}
    sender = t.sender()
    name = sender.put([good, busy, gone])
    sender.run(expect=MAIL_WAITS)
    equal(sender.outcome(good)["event"], "delivered")
    event = sender.outcome(busy)
    equal((event["event"], event["status"]), ("deferred", "4.2.1"))
    check("450" in event["reply"] and "try later" in event["reply"], event["reply"])
    event = sender.outcome(gone)
    equal((event["event"], event["status"], event["bounce_class"]), ("bounced", "5.1.1", "mailbox"))
    equal([mail.rcpts for mail in receiver.accepted()], [[good]])
    equal(sender.waiting(), [name])


@case("SMTP-28 SMTP-33")
def a_file_goes_when_all_its_recipients_have_a_final_outcome(t):
    domain, receiver = t.domain_with_receiver()
    receiver.rcpt_replies = {f"gone@{domain}": "550 5.1.1 no such user"}
    sender = t.sender()
    sender.put([f"good@{domain}", f"gone@{domain}"])
    sender.run()
    equal(sender.waiting(), [])
    equal(len(sender.outcomes()), 2)


@case("SMTP-35 SMTP-34")
def a_temporary_refusal_of_a_recipient_keeps_the_host(t):
    first = t.receiver(dialogue=_answering(rcpt="450 4.7.1 greylisted"))
    second = t.receiver()
    domain = t.domain(first, second)
    sender = t.sender()
    sender.put(f"you@{domain}")
    sender.run(expect=MAIL_WAITS)
    equal(sender.outcome(f"you@{domain}")["event"], "deferred")
    equal(len(second.connections), 0, "connections to the next host")


@case("SMTP-35 SMTP-34")
def a_permanent_refusal_of_a_recipient_asks_no_other_host(t):
    first = t.receiver(dialogue=_answering(rcpt="550 5.1.1 no such user"))
    second = t.receiver()
    domain = t.domain(first, second)
    sender = t.sender()
    sender.put(f"you@{domain}")
    sender.run()
    equal(sender.outcome(f"you@{domain}")["event"], "bounced")
    equal(len(second.connections), 0, "connections to the next host")


@case("SMTP-14 SMTP-15")
def a_refusing_banner_sends_the_mail_to_the_next_host(t):
    for banner in ("450 4.3.2 later", "554 5.7.1 not you", "521 no mail here"):
        first, second = t.receiver(dialogue=_answering(banner=banner)), t.receiver()
        domain = t.domain(first, second)
        sender = t.sender()
        sender.put(f"you@{domain}")
        sender.run()
        equal(sender.outcome(f"you@{domain}")["ip"], second.addresses[0], banner)


@case("SMTP-14")
def a_554_banner_of_all_hosts_defers_and_521_bounces(t):
    for banner, kind, status in (("554 5.7.1 not you", "deferred", MAIL_WAITS),
                                 ("521 no mail here", "bounced", DONE)):
        domain = t.domain(*[t.receiver(dialogue=_answering(banner=banner)) for _ in range(2)])
        sender = t.sender()
        sender.put(f"you@{domain}")
        sender.run(expect=status)
        equal(sender.outcome(f"you@{domain}")["event"], kind, banner)


@case("SMTP-15")
def a_421_does_not_lead_to_the_next_host(t):
    for stage in ("mail", "rcpt", "data", "dot"):
        first = t.receiver(dialogue=_answering(**{stage: "421 4.7.0 slow down"}))
        second = t.receiver()
        domain = t.domain(first, second)
        sender = t.sender()
        sender.put(f"you@{domain}")
        sender.run(expect=MAIL_WAITS)
        equal(sender.outcome(f"you@{domain}")["event"], "deferred", stage)
        equal(len(second.accepted()), 0, stage)


@case("SMTP-33")
def the_final_reply_holds_for_all_recipients_that_were_accepted(t):
    for reply, kind, status in (("451 4.3.0 later", "deferred", MAIL_WAITS),
                                ("554 5.6.0 no", "bounced", DONE)):
        domain = t.domain(t.receiver(dialogue=_answering(dot=reply)))
        rcpts = [f"a@{domain}", f"b@{domain}"]
        sender = t.sender()
        sender.put(rcpts)
        sender.run(expect=status)
        equal([sender.outcome(rcpt)["event"] for rcpt in rcpts], [kind, kind], reply)


@case("SMTP-19 EXT-PIPE-07 SMTP-27")
def a_refused_transaction_leaves_the_session_good_for_the_next(t):
    domain, receiver = t.domain_with_receiver()
    receiver.rcpt_replies = {f"gone{n}@{domain}": "550 5.1.1 no" for n in range(5)}
    sender = t.sender("--site-sessions=1")
    for n in range(5):
        sender.put(f"gone{n}@{domain}")
        sender.put(f"good{n}@{domain}")
    sender.run()
    equal(len(sender.outcomes(event="bounced")), 5)
    equal(len(sender.outcomes(event="delivered")), 5)
    equal(len(receiver.connections), 1, "connections")


@case("SMTP-40 SMTP-45")
def many_messages_of_a_domain_share_a_few_sessions(t):
    domain, receiver = t.domain_with_receiver()
    sender = t.sender("--site-sessions=2")
    for n in range(100):
        sender.put(f"r{n}@{domain}", message(f"number {n}"))
    sender.run()
    equal(len(receiver.accepted()), 100)
    check(len(receiver.connections) <= 2, f"{len(receiver.connections)} connections")


@case("SMTP-39")
def no_more_sessions_to_one_provider_than_allowed(t):
    domain, receiver = t.domain_with_receiver()
    sender = t.sender("--site-sessions=3")
    for n in range(60):
        sender.put(f"r{n}@{domain}")
    sender.run()
    equal(len(receiver.accepted()), 60)
    moments = [(conn.opened_at, 1) for conn in receiver.connections]
    moments += [(conn.closed_at, -1) for conn in receiver.connections]
    open_now = highest = 0
    for _, change in sorted(moments):
        open_now += change
        highest = max(highest, open_now)
    check(highest <= 3, f"{highest} at once")


@case("SMTP-22 SMTP-21")
def local_parts_keep_their_case_and_quotes(t):
    domain, receiver = t.domain_with_receiver()
    rcpts = [f"MiXed.Case@{domain}", f'"a b"@{domain}', f"o'neil+tag@{domain}"]
    sender = t.sender()
    sender.put(rcpts, sender="News.Letter+VERP=x@sender.lab")
    sender.run()
    equal(sorted(receiver.mails[0].rcpts), sorted(rcpts))
    equal(receiver.mails[0].sender, "News.Letter+VERP=x@sender.lab")


@case("SMTP-48")
def the_null_sender_is_sent_as_such(t):
    domain, receiver = t.domain_with_receiver()
    sender = t.sender()
    sender.put(f"you@{domain}", sender="")
    sender.run()
    equal([mail.sender for mail in receiver.accepted()], [""])
    equal(sender.outcome(f"you@{domain}")["from"], "")


@case("EXT-SIZE-01")
def the_announced_size_is_what_arrives(t):
    domain, receiver = t.domain_with_receiver()
    sender = t.sender()
    content = message(body=".dot\r\n" * 100)
    sender.put(f"you@{domain}", content)
    sender.run()
    check(f"SIZE={len(content)}" in receiver.mails[0].sender_parameters,
          f"{receiver.mails[0].sender_parameters}, {len(content)} octets")
    equal(sender.outcome(f"you@{domain}")["size"], str(len(content)))


@case("EXT-8B-01 EXT-8B-02 EXT-U8-02 DATA-08")
def the_body_parameter_follows_the_content(t):
    domain, receiver = t.domain_with_receiver()
    sender = t.sender("--site-sessions=1")
    sender.put(f"seven@{domain}", message("seven"))
    sender.put(f"eight@{domain}", message("eight", body="Grüße\r\n"))
    sender.run()
    parameters = {mail.rcpts[0].split("@")[0]: mail.sender_parameters for mail in receiver.mails}
    check("BODY=8BITMIME" in parameters["eight"], f"{parameters}")
    check("BODY=8BITMIME" not in parameters["seven"], f"{parameters}")
    check(all("SMTPUTF8" not in some for some in parameters.values()), f"{parameters}")


@case("EXT-PIPE-01 SMTP-02")
def a_host_that_throws_groups_away_gets_its_commands_one_at_a_time(t):
    class Forgetful(Dialogue):
        """Offers PIPELINING and reads nothing but the first command of a group."""

        async def do_mail(self, line):
            await super().do_mail(line)
            self.conn.forget()

    domain, receiver = t.domain_with_receiver(dialogue=Forgetful)
    sender = t.sender("--workers=1", "--retry-first=1s", "--command-timeout=2s")
    process = sender.start()
    sender.put(f"you@{domain}")
    sender.wait_event(process, event="delivered", rcpt=f"you@{domain}", timeout=60)
    # Once may be the network; from the second time on it is remembered.
    equal([event["event"] for event in sender.outcomes(rcpt=f"you@{domain}")],
          ["deferred", "deferred", "delivered"])
    before = len(receiver.connections)
    sender.put(f"next@{domain}")
    (event,) = sender.wait_event(process, event="delivered", rcpt=f"next@{domain}", timeout=60)
    equal(event["attempt"], "1")
    check(len(receiver.connections) <= before + 1, "at once")
    process.signal(signal.SIGTERM)
    sender.finish(process)


@case("EXT-8B-01")
def eight_bit_text_prefers_the_host_that_takes_it(t):
    class Seven(Dialogue):
        keywords = ("PIPELINING", "SIZE 1000000")

    first, second = t.receiver(dialogue=Seven), t.receiver()
    domain = t.domain(first, second)
    sender = t.sender()
    sender.put(f"you@{domain}", message(body="Grüße\r\n"))
    sender.run()
    equal(sender.outcome(f"you@{domain}")["ip"], second.addresses[0])
    equal(len(first.mails), 0)


@case("EXT-8B-01")
def eight_bit_text_that_no_host_takes_is_sent_as_it_is_or_bounced_as_told(t):
    class Seven(Dialogue):
        keywords = ("PIPELINING", "SIZE 1000000")

    for flag, kind in (("--8bit=as-is", "delivered"), ("--8bit=strict", "bounced")):
        domain, receiver = t.domain_with_receiver(dialogue=Seven)
        content = message(body="Grüße\r\n")
        sender = t.sender(flag)
        sender.put(f"you@{domain}", content)
        sender.run()
        event = sender.outcome(f"you@{domain}")
        equal(event["event"], kind, flag)
        if kind == "delivered":
            equal([mail.content for mail in receiver.accepted()], [content])
        else:
            equal(event["status"], "5.6.3")


@case("EXT-U8-01 EXT-U8-02")
def an_address_in_another_script_needs_smtputf8(t):
    class Plain(Dialogue):
        keywords = ("PIPELINING", "8BITMIME")

    with_it, without = t.domain_with_receiver(), t.domain_with_receiver(dialogue=Plain)
    sender = t.sender()
    sender.put(f"grüße@{with_it[0]}")
    sender.put(f"grüße@{without[0]}")
    sender.run()
    equal(sender.outcome(f"grüße@{with_it[0]}")["event"], "delivered")
    check("SMTPUTF8" in with_it[1].mails[0].sender_parameters)
    event = sender.outcome(f"grüße@{without[0]}")
    equal((event["event"], event["status"]), ("bounced", "5.6.7"))
    equal(len(without[1].mails), 0)


@case("EXT-DSN-01 EXT-DSN-02 SMTP-20")
def dsn_parameters_go_to_hosts_that_offer_dsn_only(t):
    class NoDsn(Dialogue):
        keywords = ("PIPELINING", "8BITMIME", "SIZE 1000000")

    lines = ["x-envid: QQ314159"]
    for options, wanted in (({}, True), ({"dialogue": NoDsn}, False)):
        domain, receiver = t.domain_with_receiver(**options)
        sender = t.sender()
        head = (f"X-Sender: <news@sender.lab> RET=HDRS\r\n"
                f"X-Receiver: <you@{domain}> NOTIFY=FAILURE ORCPT=rfc822;you@{domain}\r\n"
                f"{lines[0]}\r\n").encode()
        sender.put_raw(head + message())
        sender.run()
        got = receiver.mails[0].sender_parameters
        equal("RET=HDRS" in got, wanted, f"{got}")
        equal("ENVID=QQ314159" in got, wanted, f"{got}")


@case("EXT-DSN-04")
def orcpt_passes_unchanged_and_none_is_made_up(t):
    domain, receiver = t.domain_with_receiver(certificate=None)
    sender = t.sender()
    head = ("X-Sender: <news@sender.lab>\r\n"
            f"X-Receiver: <you@{domain}> ORCPT=rfc822;Old+2BName@else.where.lab\r\n"
            f"X-Receiver: <two@{domain}> NOTIFY=NEVER\r\n"
            f"X-Receiver: <three@{domain}>\r\n").encode()
    sender.put_raw(head + message())
    sender.run()
    said = receiver.connections[0].received_clear
    for line in (f"RCPT TO:<you@{domain}> ORCPT=rfc822;Old+2BName@else.where.lab\r\n",
                 f"RCPT TO:<two@{domain}> NOTIFY=NEVER\r\n", f"RCPT TO:<three@{domain}>\r\n"):
        check(line.encode() in said, f"{line!r} is not in {said!r}")


@case("SMTP-17")
def a_connection_lost_after_the_dot_is_tried_again_and_never_bounced(t):
    class LosesOnce(Dialogue):
        async def at(self, stage):
            if stage == "dot" and len(self.receiver.mails) == 0:
                self.conn.reset()
                raise ConnectionError

    domain, receiver = t.domain_with_receiver(dialogue=LosesOnce)
    sender = t.sender("--retry-first=1s")
    sender.put(f"you@{domain}")
    process = sender.start()
    sender.wait_event(process, event="delivered", rcpt=f"you@{domain}")
    equal(len(receiver.mails), 2, "copies that arrived")
    equal(sender.outcomes(event="bounced"), [])


@case("SMTP-37 DSN-12")
def a_recipient_expires_when_its_lifetime_ends(t):
    domain = t.domain(t.receiver(dialogue=_answering(rcpt="450 4.2.1 never today")))
    sender = t.sender("--retry-first=500ms", "--retry-max=500ms", "--lifetime=6s")
    sender.put(f"you@{domain}")
    process = sender.start()
    (event,) = sender.wait_event(process, event="expired", rcpt=f"you@{domain}")
    check("450" in event["reply"] or "450" in event["reason"], f"no cause: {event}")
    process.until(lambda: not sender.waiting(), "the file goes")
    check(len(sender.outcomes(event="deferred")) >= 2, "too few attempts")
