"""What single flight saves (--site 'NAME single-flight=on'): the time from the message in the spool to its event,
to a receiver that answers after 50 ms, with the rule and without it, the two in turn. First in a session that is
open and idle, then with a session for each message.

    tests/lab/enter /usr/bin/python3 bench/flight.py BUILD_DIRECTORY [--messages N]
"""

import argparse
import calendar
import json
import os
import statistics
import sys
import time

sys.dont_write_bytecode = True
BENCH = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(os.path.dirname(BENCH), "tests/lab"), BENCH]

import scale_spool  # noqa: E402
from scale_lab import ScaleLab  # noqa: E402

DELAY_MS = 50
# More than a host must have taken before messages fly (engine/plan/refusal_rate.h).
WARM_UP = 220
WAIT_SECONDS = 300
RULES = {"step by step": (), "single flight": ("--site", "* single-flight=on")}
SESSIONS = {"idle session": (), "a session each": ("--messages-per-session=1",)}


class Run:
    def __init__(self, lab, flags):
        self.spool = scale_spool.make(lab.fresh("spool"))
        self.sender = lab.sender(self.spool, "--workers=1", "--site-sessions=1", "--idle-timeout=5m", *flags)
        self.sender.until_started()
        self.count = 0

    def put(self):
        name = f"m{self.count}.eml"
        hidden = os.path.join(self.spool, "tmp", name)
        with open(hidden, "w", newline="") as file:
            file.write(f"X-Sender: <me@sender.lab>\r\nX-Receiver: <r{self.count}@d0.{scale_spool.ZONE}>\r\n"
                       "X-Longship-Class: transactional\r\nFrom: me@sender.lab\r\nSubject: your code\r\n\r\n123456\r\n")
        self.count += 1
        at = time.time()
        os.rename(hidden, os.path.join(self.spool, "new", name))
        return at

    def until_told(self):
        """All that was put has its event."""
        end = time.monotonic() + WAIT_SECONDS
        while self.sender.delivered() < self.count:
            if time.monotonic() > end:
                raise RuntimeError(f"{self.count - self.sender.delivered()} messages were not delivered\n"
                                   + self.sender.process.tail())
            time.sleep(0.002)

    def last_told(self):
        with open(self.sender.events, encoding="utf-8") as file:
            event = [json.loads(line) for line in file if '"event":"delivered"' in line][-1]
        whole, part = event["time"].rstrip("Z").split(".")
        return calendar.timegm(time.strptime(whole, "%Y-%m-%dT%H:%M:%S")) + float("0." + part)

    def one(self):
        """Milliseconds from the spool to the event."""
        at = self.put()
        self.until_told()
        return 1000 * (self.last_told() - at)


def measure(lab, flags, messages):
    runs = {name: Run(lab, (*flags, *rule)) for name, rule in RULES.items()}
    for run in runs.values():
        for _ in range(WARM_UP):
            run.put()
    for run in runs.values():
        run.until_told()
    times = {name: [] for name in runs}
    for _ in range(messages):
        for name, run in runs.items():
            times[name].append(run.one())
    for run in runs.values():
        run.sender.kill()
    return times


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("build")
    parser.add_argument("--messages", type=int, default=60)
    args = parser.parse_args()
    lab = ScaleLab(os.path.abspath(args.build), 1)
    sinks = lab.receive(f"--delay={DELAY_MS}ms")
    print("| | step by step, ms (p50, p95) | single flight, ms (p50, p95) | round trips fewer |\n|---|---|---|---|")
    for name, flags in SESSIONS.items():
        times = measure(lab, flags, args.messages)
        cells, middles = [], []
        for figures in times.values():
            middles.append(statistics.median(figures))
            cells.append(f"{middles[-1]:.0f}, {statistics.quantiles(figures, n=20)[-1]:.0f}")
        print(f"| {name} | {' | '.join(cells)} | {(middles[0] - middles[1]) / DELAY_MS:.2f} |", flush=True)
    report = lab.end_receiving(sinks)
    print("oddities: " + (", ".join(f"{k} {v}" for k, v in report["oddities"].items() if v) or "none"))
    lab.stop()


if __name__ == "__main__":
    main()
