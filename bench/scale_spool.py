"""Spools for bench/scale: a job directory, or a file for each message."""

import json
import os

# Of the mail domains: dN.scale.lab.
ZONE = "scale.lab"
SENDER = "news@sender.lab"
JOB = "bench"
LINE = "this is a line of the letter that all of them get, and it is long enough.\r\n"
# What longship adds to a message of a job: Date and Message-ID.
ADDED = 120
LOAD_SECONDS = 600


def template(size):
    """A template whose merged messages have about so many octets."""
    head = ("From: News <news@sender.lab>\r\nTo: <{{to}}>\r\nSubject: News for {{name}}\r\n"
            "MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n\r\nDear {{name}},\r\n")
    return head + LINE * max((size - ADDED - len(head)) // len(LINE), 0)


def make(spool):
    """The directories of an empty spool; the spool."""
    for name in ("tmp", "new"):
        os.makedirs(os.path.join(spool, name))
    return spool


def write_job(spool, count, size, domain, job=JOB, in_class="bulk"):
    """Writes a job in tmp/; domain(n): the number of the domain that recipient n is in."""
    hidden = os.path.join(spool, "tmp", job)
    os.makedirs(hidden)
    with open(os.path.join(hidden, "template.eml"), "w", newline="") as file:
        file.write(template(size))
    with open(os.path.join(hidden, "recipients.jsonl"), "w") as file:
        file.writelines(f'{{"to":"r{n}@d{domain(n)}.{ZONE}","id":"{n}","vars":{{"name":"Person {n}"}}}}\n'
                        for n in range(count))
    with open(os.path.join(hidden, "manifest.json"), "w") as file:
        json.dump({"version": 1, "id": job, "recipients": count, "sender": SENDER, "class": in_class}, file)


def hand_over_job(spool, job=JOB):
    os.rename(os.path.join(spool, "tmp", job), os.path.join(spool, "new", job))


def write_files(lab, spool, count, size, domains):
    """A file for each message, each fsynced."""
    process = lab.lab.start(f"load-{lab.number()}", [
        lab.program("longship-load"), "--spool", spool, "--create", "--count", str(count), "--size", str(size),
        "--domains", str(domains), "--domain-pattern", f"d%d.{ZONE}", "--sync=all", "--quiet"])
    if process.wait(LOAD_SECONDS) != 0:
        raise RuntimeError(process.tail())
