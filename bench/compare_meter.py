"""What bench/compare measures a group of processes with: their CPU time, all children included, and how often
they called the kernel."""

import ctypes
import os
import select
import shutil
import signal
import subprocess
import tempfile
import time

IN_MOVED_FROM, IN_DELETE, IN_MODIFY = 0x40, 0x200, 0x2
CLOCK_TICK_US = 1_000_000 // os.sysconf("SC_CLK_TCK")
END_SECONDS = 10


# ---- CPU time ----


def _mounts(kind):
    """Where control groups of this kind ("cgroup2", or a controller of version 1) are mounted, and our own path
    below that."""
    with open("/proc/self/cgroup") as file:
        ours = {names: path for _, names, path in (line.strip().split(":", 2) for line in file)}
    with open("/proc/mounts") as file:
        for _, where, fs_type, options, *_ in map(str.split, file):
            if fs_type == "cgroup2" and kind == "cgroup2" and "" in ours:
                yield where + ours[""]
            if fs_type == "cgroup" and kind in options.split(","):
                yield where + next((path for names, path in ours.items() if kind in names.split(",")), "")


class ControlGroup:
    """A group that the kernel keeps: whoever a member starts is a member."""

    def __init__(self, base, name):
        # Process ids are those of a namespace, so they are no name that is ours alone.
        self.path = tempfile.mkdtemp(prefix=f"longship-compare-{name}-", dir=base)
        self._version2 = os.path.exists(os.path.join(self.path, "cpu.stat")) and \
            "usage_usec" in self._read("cpu.stat")
        self.cpu_us()

    def enter(self):
        """For preexec_fn: the process that is being started becomes a member."""
        with open(os.path.join(self.path, "cgroup.procs"), "w") as file:
            file.write("0")

    def cpu_us(self):
        """User and system time of all members there ever were, in microseconds."""
        if self._version2:
            return int(dict(map(str.split, self._read("cpu.stat").splitlines()))["usage_usec"])
        return int(self._read("cpuacct.usage")) / 1000

    def close(self):
        """Ends members that are left, as a server's children may be for a moment longer than it."""
        while pids := self._read("cgroup.procs").split():
            for pid in map(int, pids):
                _end(pid)
        # A process is a member until somebody has asked how it ended; who has no parent waits for the shell
        # that tests/lab/enter leaves as the first process.
        deadline = time.monotonic() + END_SECONDS
        events = os.path.join(self.path, "cgroup.events")
        watch = Watch([events] if os.path.exists(events) else [], IN_MODIFY)
        while True:
            try:
                os.rmdir(self.path)
                break
            except OSError:
                if time.monotonic() > deadline:
                    raise
                watch.wait(0.05)
        watch.close()

    def _read(self, name):
        with open(os.path.join(self.path, name)) as file:
            return file.read()


def _end(pid):
    try:
        pidfd = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    try:
        signal.pidfd_send_signal(pidfd, signal.SIGKILL)
        select.select([pidfd], [], [], END_SECONDS)
    except ProcessLookupError:
        pass
    finally:
        os.close(pidfd)


class ProcessTree:
    """Where no control group may be made: everybody who descends from a process that entered, in /proc. What
    a process left behind that nobody waited for is not counted."""

    def __init__(self):
        self._marker, self._write = os.pipe()

    def enter(self):
        os.write(self._write, b"%d\n" % os.getpid())

    def cpu_us(self):
        os.set_blocking(self._marker, False)
        self._roots = getattr(self, "_roots", set())
        try:
            self._roots |= set(map(int, os.read(self._marker, 65536).split()))
        except BlockingIOError:
            pass
        parents, times = {}, {}
        for name in filter(str.isdigit, os.listdir("/proc")):
            try:
                with open(f"/proc/{name}/stat") as file:
                    fields = file.read().rsplit(")", 1)[1].split()
            except (FileNotFoundError, ProcessLookupError):
                continue
            parents[int(name)] = int(fields[1])
            times[int(name)] = sum(map(int, fields[11:15]))
        return CLOCK_TICK_US * sum(ticks for pid, ticks in times.items() if self._descends(pid, parents))

    def _descends(self, pid, parents):
        while pid in parents:
            if pid in self._roots:
                return True
            pid = parents[pid]
        return False

    def close(self):
        os.close(self._marker)
        os.close(self._write)


class Meter:
    """Makes groups, in the best way that this machine allows; `how` says which."""

    def __init__(self):
        self._count = 0
        self._base = None
        self.how = "/proc, finished children included"
        for kind, how in (("cgroup2", "control group, version 2"), ("cpuacct", "control group, version 1")):
            for base in _mounts(kind):
                try:
                    ControlGroup(base, "probe").close()
                except (OSError, KeyError, ValueError):
                    continue
                self._base, self.how = base, how
                return

    def group(self):
        if self._base is None:
            return ProcessTree()
        self._count += 1
        return ControlGroup(self._base, self._count)


# ---- system calls ----


class SystemCalls:
    """Counts the system calls of a command and of all that it starts: by perf where it may count them, else by
    strace. Either disturbs, so nothing else is measured meanwhile."""

    def __init__(self, directory):
        self._file = os.path.join(directory, "calls")
        self.how = None
        for self.how in ("perf", "strace"):
            if shutil.which(self.how) is not None and self._works():
                return
        self.how = None

    def wrapper(self):
        """What goes before the command."""
        if self.how == "perf":
            return ["perf", "stat", "-x,", "-e", "raw_syscalls:sys_enter", "-o", self._file, "--"]
        return ["strace", "-f", "-c", "-o", self._file, "--"]

    def count(self):
        """Of the command that has ended."""
        with open(self._file) as file:
            lines = [line for line in file if line.strip()]
        os.unlink(self._file)
        if self.how == "perf":
            return next(int(line.split(",")[0]) for line in lines if "sys_enter" in line)
        # "100.00    0.003402          35        97         9 total"
        return next(int(line.split()[3]) for line in reversed(lines) if line.split()[-1] == "total")

    def _works(self):
        done = subprocess.run([*self.wrapper(), "true"], capture_output=True, check=False)
        try:
            return done.returncode == 0 and self.count() > 0
        except (OSError, ValueError, StopIteration, IndexError):
            return False


def real_process(process):
    """The process id of the command behind a wrapper of SystemCalls: its first child. None: it has ended, and
    the wrapper is about to."""
    with open(f"/proc/{process.pid}/task/{process.pid}/children") as file:
        children = file.read().split()
    return int(children[0]) if children else None


# ---- waiting ----


class Watch:
    """Waits for changes in directories or files, by inotify."""

    def __init__(self, paths, mask):
        self._libc = ctypes.CDLL(None, use_errno=True)
        self._fd = self._libc.inotify_init1(os.O_CLOEXEC)
        if self._fd < 0:
            raise OSError(ctypes.get_errno(), "inotify_init1")
        for path in paths:
            # A directory that has gone meanwhile has nothing to wait for.
            if self._libc.inotify_add_watch(self._fd, path.encode(), mask) < 0 and os.path.exists(path):
                raise OSError(ctypes.get_errno(), "inotify_add_watch", path)

    def wait(self, seconds, process=None):
        """Until something changed; False when the time is up, or when `process` has ended."""
        ended = os.pidfd_open(process.pid) if process is not None else -1
        try:
            ready = select.select([self._fd] + ([ended] if ended >= 0 else []), [], [], max(seconds, 0))[0]
        finally:
            if ended >= 0:
                os.close(ended)
        if self._fd in ready:
            os.read(self._fd, 65536)
        return self._fd in ready

    def close(self):
        os.close(self._fd)
