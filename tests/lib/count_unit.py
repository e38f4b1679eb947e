"""count_unit.py TESTLOG: prints how many unit tests passed and failed, from meson's testlog.json.

A test program of cmocka counts for each of its test functions, anything else for one.
"""

import json
import re
import sys


def count(lines):
    passed = failed = 0
    for line in lines:
        test = json.loads(line)
        output = (test.get("stdout") or "") + (test.get("stderr") or "")
        good = sum(int(n) for n in re.findall(r"^\[  PASSED  \] (\d+) test", output, re.M))
        bad = sum(int(n) for n in re.findall(r"^\[  FAILED  \] (?:[^:\n]*: )?(\d+) test", output, re.M))
        if test["result"] in ("OK", "EXPECTEDFAIL"):
            passed += good or 1
        elif test["result"] != "SKIP":
            passed += good
            failed += bad or 1
    return passed, failed


if __name__ == "__main__":
    try:
        with open(sys.argv[1]) as log:
            print(*count(log))
    except OSError:
        print("0 1")
