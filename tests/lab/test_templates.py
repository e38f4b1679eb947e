"""Templates through a whole run: what of template.eml and a recipient's line arrives, compared whole."""

import base64
import email
import email.policy
import email.utils
import re

from case import case
from sender import check, equal
from test_jobs import put_job

PICTURE = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAQAAAC1HAwCAAAAC0lEQVR42mNkYAAAAAYAAjCB0C8AAAAASUVORK5CYII="

LETTER = (
    "From: Grüße von Büro <news@sender.lab>\r\n"
    "To: {{name}} <{{to}}>\r\n"
    "Reply-To: \"Office, {{city}}\" <office+{{id}}@sender.lab>\r\n"
    "Subject: {{name}}, neues aus {{city}} für Sie\r\n"
    "List-Unsubscribe: <https://list.sender.lab/u?{{id}}>, <mailto:u-{{id}}@list.sender.lab>\r\n"
    "X-Letter: {{job}}; {{id}}; {{to_local}} at {{to_domain}}\r\n"
    "MIME-Version: 1.0\r\n"
    "Content-Type: multipart/mixed; boundary=outer\r\n\r\n"
    "--outer\r\nContent-Type: multipart/alternative; boundary=inner\r\n\r\n"
    "--inner\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n"
    "Dear {{name}},\r\n{{#premium}}\r\nyour code: {{code}}\r\n{{/premium}}\r\n"
    "{{^premium}}\r\nbecome one of us.\r\n{{/premium}}\r\n.\r\nFrom the office in {{city}}\r\n"
    "--inner\r\nContent-Type: text/html; charset=utf-8\r\n\r\n"
    "<p>Dear {{name}}, {{{greeting}}}</p>{{\"{{\"}}{{! a note }}\r\n"
    "--inner--\r\n"
    "--outer\r\nX-Longship-If: premium\r\nContent-Type: image/png; name=\"card.png\"\r\n"
    "Content-Transfer-Encoding: base64\r\nContent-Disposition: attachment\r\n\r\n"
    + PICTURE + "\r\n"
    "--outer\r\nX-Longship-Unless: premium\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n"
    "{{city}} has no card for you, {{name}}.\r\n"
    "--outer--\r\n")

PEOPLE = {
    "ann": {"id": "1", "vars": {"name": "Ann", "city": "Lab", "premium": True, "code": "A&B <1>",
                                "greeting": "<b>hello</b>"}},
    "jürgen": {"to": "juergen", "id": "2", "vars": {
        "name": "Jürgen \"Der\" Groß, sen.", "city": "Österreich ob der Enns", "premium": "yes",
        "code": "ü" * 300, "greeting": "<i>grüß' dich</i>"}},
    "bob": {"id": "3", "vars": {"name": "Bob & <Eve>", "city": "日本国", "premium": False,
                                "greeting": "Tom &amp; Jerry"}},
}


def _parsed(mail):
    return email.message_from_bytes(mail.content, policy=email.policy.default)


def _parts(message):
    """What it is made of, each part with its text or octets, decoded."""
    return [(part.get_content_type(), part.get_content()) for part in message.walk()
            if not part.is_multipart()]


def _check_wire(content):
    """Everything that we have made is ASCII in short lines, and no place for a value is left."""
    check(content.isascii(), "octets beyond ASCII")
    check(all(len(line) <= 998 for line in content.split(b"\r\n")), "a long line")
    check(b"\n" not in content.replace(b"\r\n", b""), "a bare LF")
    check(b"X-Longship" not in content, "a field of ours")


def _html(text):
    for plain, escaped in (("&", "&amp;"), ("<", "&lt;"), (">", "&gt;"), ('"', "&quot;"), ("'", "&#39;")):
        text = text.replace(plain, escaped)
    return text


def _wanted_parts(values):
    if values["premium"]:
        middle = f"your code: {values['code']}"
        last = ("image/png", base64.b64decode(PICTURE))
    else:
        middle = "become one of us."
        last = ("text/plain", f"{values['city']} has no card for you, {values['name']}.")
    return [
        ("text/plain", f"Dear {values['name']},\r\n{middle}\r\n.\r\n"
                       f"From the office in {values['city']}"),
        ("text/html", f"<p>Dear {_html(values['name'])}, {values['greeting']}</p>{{{{"),
        last]


@case("SEC-19")
def each_gets_a_letter_of_his_own_of_text_and_html_with_the_parts_that_are_for_him(t):
    domain, receiver = t.domain_with_receiver()
    sender = t.sender()
    people = [{"to": f"{person.get('to', local)}@{domain}", "id": person["id"],
               "vars": person["vars"]} for local, person in PEOPLE.items()]
    put_job(sender, people, job="May letter", template=LETTER,
            verp="b-{{id}}-{{to_local}}={{to_domain}}@list.sender.lab")
    sender.run()
    mails = {mail.rcpts[0]: mail for mail in receiver.accepted()}
    equal(set(mails), {person["to"] for person in people})
    ids = set()
    for person in people:
        mail, values, number = mails[person["to"]], person["vars"], person["id"]
        local = person["to"].split("@")[0]
        _check_wire(mail.content)
        message = _parsed(mail)
        equal(mail.sender, f"b-{number}-{local}={domain}@list.sender.lab")
        equal([(address.display_name, address.addr_spec) for address in message["To"].addresses],
              [(values["name"], person["to"])])
        equal([(address.display_name, address.addr_spec) for address in message["From"].addresses],
              [("Grüße von Büro", "news@sender.lab")])
        equal([(address.display_name, address.addr_spec)
               for address in message["Reply-To"].addresses],
              [(f"Office, {values['city']}", f"office+{number}@sender.lab")])
        equal(str(message["Subject"]), f"{values['name']}, neues aus {values['city']} für Sie")
        equal(message["List-Unsubscribe"], f"<https://list.sender.lab/u?{number}>, "
              f"<mailto:u-{number}@list.sender.lab>")
        equal(message["X-Letter"], f"May letter; {number}; {local} at {domain}")
        check(email.utils.parsedate_to_datetime(message["Date"]) is not None, "no date")
        check(re.fullmatch(r"<[0-9a-f]+@[^<>@]+>", message["Message-ID"]), message["Message-ID"])
        ids.add(message["Message-ID"])
        equal(sorted(key.lower() for key in message.keys()), sorted([
            "from", "to", "reply-to", "subject", "list-unsubscribe", "x-letter", "mime-version",
            "content-type", "date", "message-id"]))
        equal(_parts(message), _wanted_parts(values), local)
    equal(len(ids), 3, "a Message-ID of his own for each")


@case("SEC-19")
def a_value_that_would_break_a_header_or_an_address_refuses_its_recipient_alone(t):
    domain, receiver = t.domain_with_receiver()
    sender = t.sender()
    good = {"name": "Ann", "city": "Lab", "premium": True, "code": "1", "greeting": "hi"}
    bad = {
        "subject": {"city": "Lab\r\nBcc: victim@else.lab"},
        "newline": {"city": "Lab\nX-Evil: 1"},
        "body": {"name": "x\r\n\r\nown body"},
        "control": {"name": "a\u0001b"},
        "missing": {"code": None},
        "verp": {},
        "smuggled": {"name": "x\r\n.\r\nMAIL FROM:<a@b>"},
    }
    people = [{"to": f"first@{domain}", "id": "1", "vars": good}]
    for name, change in bad.items():
        values = {key: value for key, value in {**good, **change}.items() if value is not None}
        people.append({"to": f"{name}@{domain}", "id": "a b" if name == "verp" else name,
                       "vars": values})
    people.append({"to": f"last@{domain}", "id": "2", "vars": good})
    put_job(sender, people, template=LETTER, verp="b-{{id}}@list.sender.lab")
    sender.run()
    equal(sorted(mail.rcpts[0] for mail in receiver.accepted()),
          [f"first@{domain}", f"last@{domain}"])
    for mail in receiver.accepted():
        equal(_parts(_parsed(mail)), _wanted_parts(good))
        equal(_parsed(mail).get_all("Bcc"), None)
    for name in bad:
        event, = sender.outcomes(rcpt=f"{name}@{domain}")
        equal((event["event"], event["file"], event["status"]), ("rejected-input", "may", "5.6.0"))
        check(event["reason"], f"{name}: no reason")
        check(event["reason"].isprintable(), event["reason"])
    check("no value for 'code'" in sender.outcomes(rcpt=f"missing@{domain}")[0]["reason"],
          sender.outcomes(rcpt=f"missing@{domain}")[0]["reason"])
    check("verp" in sender.outcomes(rcpt=f"verp@{domain}")[0]["reason"], "not by name")
    equal(sender.waiting(), [])


@case()
def who_lacks_a_value_gets_the_default_or_nothing_as_the_manifest_says(t):
    domain, receiver = t.domain_with_receiver()
    sender = t.sender()
    template = ("From: News <news@sender.lab>\r\nTo: {{to}}\r\nSubject: for {{name|you}}\r\n"
                "Message-ID: <letter-{{id}}@sender.lab>\r\nContent-Type: text/html; charset=utf-8\r\n"
                "\r\n<p>{{greeting}} {{name|you}}{{^name}}?{{/name}}|{{town}}|</p>\r\n")
    people = [{"to": f"all@{domain}", "id": "1",
               "vars": {"name": "Ann", "greeting": "Hi", "town": "Lab & Co"}},
              {"to": f"some@{domain}", "id": "2", "vars": {"town": ""}},
              {"to": f"none@{domain}", "id": "3"}]
    put_job(sender, people, name="refuse", template=template, defaults={"greeting": "Dear"})
    put_job(sender, people, name="empty", template=template, defaults={"greeting": "Dear"},
            missing="empty")
    sender.run()
    arrived = {}
    for mail in receiver.accepted():
        message = _parsed(mail)
        equal(message["To"].addresses[0].addr_spec, mail.rcpts[0])
        arrived.setdefault(mail.rcpts[0].split("@")[0], []).append(
            (str(message["Subject"]), message["Message-ID"], message.get_content().strip()))
    equal(arrived, {
        "all": [("for Ann", "<letter-1@sender.lab>", "<p>Hi Ann|Lab &amp; Co|</p>")] * 2,
        "some": [("for you", "<letter-2@sender.lab>", "<p>Dear you?||</p>")] * 2,
        "none": [("for you", "<letter-3@sender.lab>", "<p>Dear you?||</p>")]})
    refused, = sender.outcomes(event="rejected-input")
    equal((refused["rcpt"], refused["file"], refused["reason"]),
          (f"none@{domain}", "refuse", "there is no value for 'town'"))
