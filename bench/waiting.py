"""What bench/waiting does inside the lab.

    waiting.py BUILD_DIRECTORY
"""

import os
import sys

sys.dont_write_bytecode = True
ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, os.path.join(ROOT, "tests/lab"))
os.environ.setdefault("MESSAGES", "200000")
os.environ.setdefault("SIZE", "2K")

import demo as demo_module  # noqa: E402

MAIL_WAITS = 75


def run(demo, what):
    """One run on mail that nobody takes now; the figures of Demo.measured()."""
    print(f"waiting: {what}", file=sys.stderr, flush=True)
    return demo.measured(f"longship-{what}", MAIL_WAITS, "--retry-first=6h", "--retry-max=6h",
                         "--site-sessions=20")


def main():
    demo = demo_module.Demo(sys.argv[1])
    count = demo_module.MESSAGES
    demo.load()
    os.makedirs(demo.path("store"))
    demo.sink("sink", demo.addresses, "--bug", "reply-rcpt:450 4.2.1 not now")
    first = run(demo, "first")
    again = run(demo, "again")
    waiting = len(os.listdir(os.path.join(demo.spool, "new")))
    deferred = demo.outcomes()[0].get("deferred", 0)
    print(f"\n{count:,} messages of {demo_module.SIZE} on {os.cpu_count()} cores, "
          f"{deferred:,} deferred, {waiting:,} files wait\n")
    print(f"  {'':<28}{'seconds':>9}{'CPU s':>9}{'own MB':>9}{'with mapped':>13}")
    for name, figures in (("each tried once, parked", first), ("a start on what waits", again)):
        print(f"  {name:<28}{figures[0]:>9.1f}{figures[1]:>9.1f}{figures[2]:>9.0f}"
              f"{figures[3]:>13.0f}")
    demo.lab.stop()
    return 0 if waiting == count and deferred == count else 1


if __name__ == "__main__":
    sys.exit(main())
