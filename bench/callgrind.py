"""Instructions of a program under callgrind, thread by thread."""

import glob
import os
import re

# A function that only this thread runs. libunbound's own thread has none of ours.
THREADS = {
    "main": "main", "recorder": "recorder_run", "cache": "cache_writer_run", "resolver": "resolver_run",
    "verifier": "verifier_run", "worker": "worker_run", "scheduler": "scheduler_run", "files": "files_run",
}


class Counts:
    """Instructions by thread, to calculate with."""

    def __init__(self, by_thread):
        self.by_thread = by_thread

    def __sub__(self, other):
        return Counts({name: count - other.by_thread[name] for name, count in self.by_thread.items()})

    def __mul__(self, factor):
        return Counts({name: count * factor for name, count in self.by_thread.items()})

    def __truediv__(self, divisor):
        return Counts({name: count / divisor for name, count in self.by_thread.items()})


class Callgrind:
    def __init__(self, directory):
        self._file = os.path.join(directory, "callgrind")

    def command(self):
        """What stands before the program. The files of the run before are removed."""
        for path in glob.glob(self._file + "*"):
            os.remove(path)
        # Without --fair-sched a thread that computes keeps the others waiting.
        return ("valgrind", "--tool=callgrind", "--separate-threads=yes", "--fair-sched=yes",
                f"--callgrind-out-file={self._file}")

    def threads(self):
        """What the run has written, once it has ended."""
        by_thread = {}
        for path in glob.glob(self._file + "-*"):
            with open(path) as file:
                text = file.read()
            functions = set(re.findall(r"^c?fn=\(\d+\) (\w+)$", text, re.MULTILINE))
            name = next((name for name, function in THREADS.items() if function in functions), "unbound")
            by_thread[name] = by_thread.get(name, 0) + int(
                re.search(r"^(?:totals|summary): (\d+)", text, re.MULTILINE).group(1))
        if set(by_thread) != set(THREADS) | {"unbound"}:
            raise RuntimeError(f"callgrind tells of the threads {sorted(by_thread)}, not of {sorted(THREADS)}")
        return Counts(by_thread)
