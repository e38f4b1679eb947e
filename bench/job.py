"""What bench/job does inside the lab.

    job.py BUILD_DIRECTORY
"""

import json
import os
import sys

sys.dont_write_bytecode = True
ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, os.path.join(ROOT, "tests/lab"))
os.environ.setdefault("MESSAGES", "1000000")
DEAD = int(os.environ.get("DEAD", 0))
DEAD_EACH = 2
MAIL_WAITS = 75

import demo as demo_module  # noqa: E402

TEMPLATE = (
    "From: News <news@sender.lab>\r\nTo: {{name}} <{{to}}>\r\nSubject: News for {{name}}\r\n"
    "MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n\r\nDear {{name}},\r\n"
    + "this is a line of the letter that all of them get, and it is long enough.\r\n" * 25)


def put_job(demo, count):
    hidden = os.path.join(demo.spool, "tmp", "million")
    for directory in (hidden, os.path.join(demo.spool, "new")):
        os.makedirs(directory, exist_ok=True)
    with open(os.path.join(hidden, "template.eml"), "w", newline="") as file:
        file.write(TEMPLATE)
    with open(os.path.join(hidden, "recipients.jsonl"), "w") as file:
        for n in range(DEAD * DEAD_EACH):  # they come first, so that all others are behind them
            file.write(f'{{"to":"r{n}@dead{n % DEAD}.bulk.lab","id":"dead{n}",'
                       f'"vars":{{"name":"Nobody {n}"}}}}\n')
        for n in range(count):
            file.write(f'{{"to":"r{n}@d{n % demo_module.DOMAINS}.bulk.lab","id":"{n}",'
                       f'"vars":{{"name":"Person {n}"}}}}\n')
    with open(os.path.join(hidden, "manifest.json"), "w") as file:
        json.dump({"version": 1, "id": "million", "recipients": count + DEAD * DEAD_EACH,
                   "sender": "news@sender.lab"}, file)
    os.rename(hidden, os.path.join(demo.spool, "new", "million"))


def main():
    demo = demo_module.Demo(sys.argv[1], DEAD)
    count = demo_module.MESSAGES
    put_job(demo, count)
    os.makedirs(demo.path("store"))
    demo.sink("sink", demo.addresses,
              *(f"--bug={address}/without-plain:STARTTLS" for address in demo.clear_addresses))
    seconds, cpu, own, mapped = demo.measured(
        "longship", MAIL_WAITS if DEAD else 0, "--retry-first=6h", "--retry-max=6h")
    outcomes = demo.outcomes()[0]
    delivered = outcomes.get("delivered", 0)
    print(f"\none job, {count:,} recipients in {demo_module.DOMAINS} domains, on {os.cpu_count()} "
          f"cores with the sinks: {delivered:,} delivered\n"
          f"  beside {DEAD:,} dead domains of {DEAD_EACH} recipients each, "
          f"{outcomes.get('deferred', 0):,} deferred\n"
          f"  {seconds:.1f} s, {count / seconds:,.0f} a second, {cpu:.1f} s of CPU, "
          f"{1e6 * cpu / count:.1f} us each\n"
          f"  {own:.0f} MB of its own, {mapped:.0f} MB with mapped files, at most")
    demo.lab.stop()
    left = os.listdir(os.path.join(demo.spool, "new"))
    return 0 if delivered == count and bool(left) == bool(DEAD) else 1


if __name__ == "__main__":
    sys.exit(main())
