"""The writers of README.md: what a platform copies from there has to work as it stands."""

import os
import shutil
import subprocess
import sys

from case import Skipped, case
from sender import check, equal, message

_README = os.path.join(os.path.dirname(__file__), "..", "..", "README.md")


def _example(language):
    """The block behind the line `LANGUAGE:`, without its indentation."""
    with open(_README, encoding="utf-8") as file:
        lines = file.read().split(f"\n{language}:\n\n")[1].splitlines()
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
