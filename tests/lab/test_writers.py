"""The writers of README.md: what a platform copies from there has to work as it stands."""

import os
import shutil
import subprocess
import sys

from case import Skipped, case
from sender import check, equal, message

_README = os.path.join(os.path.dirname(__file__), "..", "..", "README.md")


def _example(introduction):
    """The block behind the line `INTRODUCTION:`, without its indentation."""
    with open(_README, encoding="utf-8") as file:
        lines = file.read().split(f"\n{introduction}:\n\n")[1].splitlines()
    block = []
    for line in lines:
        if line and not line.startswith("    "):
            break
        block.append(line[4:])
    return "\n".join(block)


def _run(t, language, program, suffix, call):
    if shutil.which(program) is None and not os.path.exists(program):
        raise Skipped(f"{program} is not here")
    domain, receiver = t.domain_with_receiver()
    sender = t.sender()
    path = os.path.join(sender.directory, "writer" + suffix)
    text = message("written").decode()
    with open(path, "w", encoding="utf-8") as file:
        file.write(_example(language) + "\n" + call.format(spool=sender.spool, domain=domain, text=repr(text)))
    done = subprocess.run([program, path], capture_output=True, text=True, timeout=60, check=False)
    equal(done.returncode, 0, done.stderr)
    equal(os.listdir(os.path.join(sender.spool, "tmp")), [])
    equal(len(sender.waiting()), 1)
    sender.run()
    (mail,) = receiver.accepted()
    equal((mail.sender, sorted(mail.rcpts)), ("news@sender.lab", [f"ann@{domain}", f"bob@{domain}"]))
    check(mail.content == text.encode(), f"{mail.content}")


@case()
def the_writer_in_python_works_as_it_stands(t):
    _run(t, "Python", sys.executable, ".py",
         "submit('{spool}', 'news@sender.lab', ['ann@{domain}', 'bob@{domain}'], {text}.encode())\n")


@case()
def the_writer_in_node_works_as_it_stands(t):
    _run(t, "Node", "node", ".js",
         "submit('{spool}', 'news@sender.lab', ['ann@{domain}', 'bob@{domain}'], {text});\n")


@case()
def the_job_directory_of_the_readme_works_as_it_stands(t):
    domain, receiver = t.domain_with_receiver()
    sender = t.sender()
    hidden = os.path.join(sender.spool, "tmp", "may")
    os.makedirs(hidden)
    files = {
        "template.eml": _example("`template.eml`, a message with places for values"),
        # Its day may not have come where a clock is slow.
        "recipients.jsonl": _example("`recipients.jsonl`, one a line; only `to` must be there").replace(
            "example.org", domain).replace("example.net", domain).replace("2026-09", "2020-09"),
        "manifest.json": _example(
            "`manifest.json`, with which the other two must agree, or the job goes to `bad/`"),
    }
    for name, text in files.items():
        with open(os.path.join(hidden, name), "w", encoding="utf-8") as file:
            file.write(text)
    os.rename(hidden, os.path.join(sender.spool, "new", "may"))
    sender.run()
    texts = {mail.rcpts[0]: mail.content.decode() for mail in receiver.accepted()}
    equal(sorted(texts), [f"ann@{domain}", f"bob@{domain}"])
    ann, bob = texts[f"ann@{domain}"], texts[f"bob@{domain}"]
    check("Subject: Ann, our news of May" in ann and "<p>Dear Ann,</p>" in ann and "<b>Ten</b>" in ann, ann)
    check("Subject: Our news of May" in bob and "<p>Dear friend,</p>" in bob, bob)
    check(f"To: friend <bob@{domain}>" in bob, bob)
    (event,) = [event for event in sender.outcomes() if event["rcpt"] == f"ann@{domain}"]
    equal((event["id"], event["job"]), ("4711", "May news"))
