"""Runs the lab tests and prints one line for each, as TAP does. Called by tests/lab/run.

All tests share one lab and run side by side in threads, since they mostly wait. A test fails by its
own checks, by a violation of the protocol that a receiver of it saw, or by what a sanitizer said.
The last line is `N passed, N failed`; the exit status is not 0 when something failed.
"""

import argparse
import concurrent.futures
import importlib
import os
import sys
import threading
import time
import traceback

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)

import case as case_module  # noqa: E402
import dane  # noqa: E402
import lab as lab_module  # noqa: E402
import sender as sender_module  # noqa: E402


class Report:
    """Numbers and prints results as they come."""

    def __init__(self, total):
        self.total = total
        self.number = 0
        self.passed = 0
        self.failed = []
        self.skipped = []
        self._lock = threading.Lock()
        print(f"1..{total}", flush=True)

    def add(self, case, seconds, problem, skipped):
        with self._lock:
            self.number += 1
            word = "ok" if problem is None else "not ok"
            tail = f" # SKIP {skipped}" if skipped else f" # {seconds:.1f} s"
            print(f"{word} {self.number} - {case.title()}{tail}")
            if skipped:
                self.skipped.append((case, skipped))
            elif problem is None:
                self.passed += 1
            else:
                self.failed.append(case)
                for line in problem.rstrip().splitlines():
                    print(f"# {line}")
            sys.stdout.flush()


def run_one(case, lab, report):
    test = case_module.Test(lab)
    start = time.monotonic()
    problem = skipped = None
    try:
        case.function(test)
        problems = test.problems()
        problem = "\n".join(problems) or None
    except case_module.Skipped as reason:
        skipped = str(reason)
    except Exception:
        problem = traceback.format_exc()
        problem += "".join(f"\nalso: {text}" for text in test.problems())
        problem += "".join(f"\n{sender.tail()}" for sender in test.senders)
    finally:
        test.close()
    report.add(case, time.monotonic() - start, problem, skipped)


def chosen(only):
    for name in sorted(os.listdir(HERE)):
        if name.startswith("test_") and name.endswith(".py"):
            importlib.import_module(name[:-3])
    return [case for case in case_module.CASES
            if only is None or any(text in case.title() for text in only)]


def main():
    parser = argparse.ArgumentParser(prog="tests/lab/run")
    parser.add_argument("--only", action="append", help="tests whose title has this text")
    parser.add_argument("--jobs", type=int, default=2 * (os.cpu_count() or 1))
    parser.add_argument("--list", action="store_true", help="print the titles and stop")
    arguments = parser.parse_args()
    cases = chosen(arguments.only)
    if arguments.list:
        print("\n".join(case.title() for case in cases))
        return 0
    if not os.access(sender_module.program(), os.X_OK):
        sys.exit(f"lab: {sender_module.program()} is not there; build it first")
    start = time.monotonic()
    lab = lab_module.Lab(stage=dane.Stage)
    print(f"# lab up in {time.monotonic() - start:.1f} s, in {lab.directory}", flush=True)
    report = Report(len(cases))
    with concurrent.futures.ThreadPoolExecutor(arguments.jobs) as pool:
        for future in [pool.submit(run_one, case, lab, report)
                       for case in cases if not case.alone]:
            future.result()
    for case in cases:
        if case.alone:
            run_one(case, lab, report)
    lab.stop()
    for case, reason in report.skipped:
        print(f"# not run: {case.title()}: {reason}")
    for case in report.failed:
        print(f"# failed: {case.title()}")
    print(f"# {time.monotonic() - start:.0f} s")
    print(f"{report.passed} passed, {len(report.failed)} failed")
    return 1 if report.failed else 0


if __name__ == "__main__":
    sys.exit(main())
