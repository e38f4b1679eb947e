"""What bench/overtake does inside the lab.

    overtake.py BUILD_DIRECTORY
"""

import calendar
import json
import os
import signal
import sys
import time

sys.dont_write_bytecode = True
ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, os.path.join(ROOT, "bench"))

import job as job_module  # noqa: E402
from job import demo_module  # noqa: E402

A_SECOND = 20
SECONDS = 20


def put(demo, name, n):
    """One message into the spool; the time at which it was there."""
    rcpt = f"{name}{n}@d{n % demo_module.DOMAINS}.bulk.lab"
    hidden = os.path.join(demo.spool, "tmp", f"{name}{n}.eml")
    with open(hidden, "w", newline="") as file:
        file.write(f"X-Sender: <me@sender.lab>\r\nX-Receiver: <{rcpt}>\r\n"
                   "X-Longship-Class: transactional\r\nFrom: me@sender.lab\r\n"
                   f"To: {rcpt}\r\nSubject: your code\r\n\r\n123456\r\n")
    os.rename(hidden, os.path.join(demo.spool, "new", f"{name}{n}.eml"))
    return rcpt, time.time()


def put_many(demo, name):
    """As many as there are places for, evenly."""
    times, start = {}, time.monotonic()
    for n in range(A_SECOND * SECONDS):
        rcpt, at = put(demo, name, n)
        times[rcpt] = at
        time.sleep(max(0, start + (n + 1) / A_SECOND - time.monotonic()))
    return times


def told(demo):
    """When each transactional recipient was told as delivered, and how many others were."""
    times, others = {}, 0
    with open(demo.events, encoding="utf-8") as file:
        for line in file:
            if '"event":"delivered"' not in line:
                continue
            if '"class":"transactional"' not in line:
                others += 1
                continue
            event = json.loads(line)
            whole, part = event["time"].rstrip("Z").split(".")
            stamp = time.strptime(whole, "%Y-%m-%dT%H:%M:%S")
            times[event["rcpt"]] = calendar.timegm(stamp) + float("0." + part)
    return times, others


def wait_for(demo, process, wanted):
    while not wanted():
        if process.popen.poll() is not None:
            sys.exit(process.tail())
        time.sleep(0.2)


def figures(put_at, told_at):
    took = sorted(1000 * (told_at[rcpt] - at) for rcpt, at in put_at.items())
    return took[len(took) // 2], took[len(took) * 99 // 100], took[-1]


def main():
    demo = demo_module.Demo(sys.argv[1])
    for directory in ("tmp", "new"):
        os.makedirs(os.path.join(demo.spool, directory))
    os.makedirs(demo.path("store"))
    demo.sink("sink", demo.addresses)
    process = demo.lab.start("longship", demo.send_command())
    put_many(demo, "warm")
    alone = put_many(demo, "alone")
    wait_for(demo, process, lambda: len(told(demo)[0]) == 2 * len(alone))
    job_module.put_job(demo, demo_module.MESSAGES)
    wait_for(demo, process, lambda: told(demo)[1] > 0)
    beside = put_many(demo, "beside")
    before = told(demo)[1]
    wait_for(demo, process, lambda: set(beside) <= set(told(demo)[0]))
    told_at = told(demo)[0]
    print(f"\ntransactional messages, {A_SECOND} a second for {SECONDS} s, ms from rename to outcome"
          f"\n  {'':<42}{'median':>8}{'p99':>8}{'most':>8}")
    rows = (("alone", alone), (f"beside a job ({before:,} sent meanwhile)", beside))
    for name, put_at in rows:
        print(f"  {name:<42}" + "".join(f"{value:>8.1f}" for value in figures(put_at, told_at)))
    limit = 2 * figures(alone, told_at)[1] + 50
    print(f"  asked: p99 beside it at most {limit:.1f}")
    process.signal(signal.SIGKILL)
    demo.lab.stop()
    return 0 if before < demo_module.MESSAGES and figures(beside, told_at)[1] <= limit else 1


if __name__ == "__main__":
    sys.exit(main())
