"""What bench/waiting does inside the lab.

    waiting.py BUILD_DIRECTORY
"""

import os
import sys
import time

sys.dont_write_bytecode = True
ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, os.path.join(ROOT, "tests/lab"))
os.environ.setdefault("MESSAGES", "200000")
os.environ.setdefault("SIZE", "2K")

import demo as demo_module  # noqa: E402
import lab as lab_module  # noqa: E402

SEND_SECONDS = 1200
MAIL_WAITS = 75


def run(demo, what):
    """One run with --once: seconds, CPU seconds, MB of its own and with mapped files, at most."""
    print(f"waiting: {what}", file=sys.stderr, flush=True)
    started = time.monotonic()
    process = demo.lab.start(f"longship-{what}", [
        demo.program("longship"), "send", "--spool", demo.spool, "--store", demo.path("store"),
        "--events", demo.events, "--helo", "mail.sender.lab", "--resolver", lab_module.KNOT,
        "--trust-anchor", demo.lab.trust_anchor, "--allow-private", "--once", "--status=off",
        "--retry-first=6h", "--retry-max=6h", "--site-sessions=20"])
    own = 0  # MB at most of memory of its own; what is mapped of files the system may take back
    while True:
        pid, status, usage = os.wait4(process.pid, os.WNOHANG)
        if pid != 0:
            break
        with open(f"/proc/{process.pid}/status") as file:
            own = max([own] + [int(line.split()[1]) / 1024 for line in file
                               if line.startswith("RssAnon:")])
        time.sleep(0.05)
    process.popen.returncode = os.waitstatus_to_exitcode(status)
    if process.popen.returncode != MAIL_WAITS:
        sys.exit(f"{what}: ended with {process.popen.returncode}\n{process.tail()}")
    return (time.monotonic() - started, usage.ru_utime + usage.ru_stime, own,
            usage.ru_maxrss / 1024)


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
