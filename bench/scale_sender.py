"""A longship that is being measured: what it has delivered, what it costs, how many sessions it has open."""

import collections
import glob
import os
import signal
import time

DELIVERED = b'"event":"delivered"'
TICKS = os.sysconf("SC_CLK_TCK")
START_SECONDS, END_SECONDS = 20, 60
AGAIN_SECONDS = 0.1
BLOCK = 1 << 20


class Sender:
    def __init__(self, process, events):
        self.process = process
        self.pid = process.pid
        self.events = events
        self._counted = 0
        self.told_bytes = 0  # of the file of events, as far as it was counted

    def delivered(self):
        """Messages told as delivered so far. Lines are counted as they come, each once."""
        if not os.path.exists(self.events):
            return 0
        with open(self.events, "rb") as file:
            file.seek(self.told_bytes)
            while block := file.read(BLOCK):
                whole = block.rfind(b"\n") + 1
                self._counted += block.count(DELIVERED, 0, whole)
                self.told_bytes += whole
                file.seek(self.told_bytes)
                if len(block) < BLOCK:
                    break
        return self._counted

    def cpu_us(self):
        """User and system so far, all threads, those that ended too."""
        with open(f"/proc/{self.pid}/stat") as file:
            fields = file.read().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) * 1e6 / TICKS

    def threads_us(self):
        """CPU microseconds so far of the threads that run, by name; those that share one added up."""
        threads = collections.Counter()
        for task in glob.glob(f"/proc/{self.pid}/task/*"):
            try:
                with open(task + "/comm") as file, open(task + "/schedstat") as times:
                    threads[file.read().strip().split("-")[0]] += int(times.read().split()[0]) / 1000
            except (FileNotFoundError, ProcessLookupError):
                pass
        return threads

    def memory_kb(self):
        """Memory of its own: what is mapped of files is not in it."""
        with open(f"/proc/{self.pid}/status") as file:
            return next(int(line.split()[1]) for line in file if line.startswith("RssAnon:"))

    def sockets(self):
        """Open sockets: sessions, and a few of its own."""
        directory = f"/proc/{self.pid}/fd"
        count = 0
        for name in os.listdir(directory):
            try:
                count += os.readlink(os.path.join(directory, name)).startswith("socket:")
            except FileNotFoundError:
                pass
        return count

    def until(self, condition, seconds):
        """Looks again and again until condition(); False when the time is over."""
        deadline = time.monotonic() + seconds
        while not condition():
            if self.process.popen.poll() is not None:
                raise RuntimeError(f"longship ended too early\n{self.process.tail()}")
            if time.monotonic() > deadline:
                return False
            time.sleep(AGAIN_SECONDS)
        return True

    def until_started(self):
        if not self.until(lambda: "event=started" in self.process.stderr(), START_SECONDS):
            raise RuntimeError(f"longship does not start\n{self.process.tail()}")

    def end(self, *expect):
        """Waits for the end of a run with --once; its CPU microseconds, all of them. `expect`: other exit statuses
        than 0 that it may have."""
        _, status, usage = os.wait4(self.pid, 0)
        self.process.popen.returncode = os.waitstatus_to_exitcode(status)
        if self.process.popen.returncode not in (0, *expect):
            raise RuntimeError(f"longship ended with {self.process.popen.returncode}\n{self.process.tail()}")
        return (usage.ru_utime + usage.ru_stime) * 1e6

    def kill(self):
        self.process.signal(signal.SIGKILL)
        self.process.wait(END_SECONDS)
