"""What goes wrong with a disk: system calls that fail or kill (strace), and a file system that is full."""

import os
import shutil
import subprocess

from case import Skipped

# The leak detector cannot be there with strace.
TRACED = {"ASAN_OPTIONS": "detect_leaks=0"}


def strace(call, injection, path=None):
    """What stands before a sender for this to happen to a system call, on that file alone if it is given."""
    if shutil.which("strace") is None:
        raise Skipped("strace is not here")
    where = [] if path is None else ["-P", path]
    return ["strace", "-f", "-qq", "-o", "/dev/null", *where, f"--trace={call}",
            f"--inject={call}:{injection}"]


def child_of(process):
    """The sender that strace has started: signals are for it."""
    with open(f"/proc/{process.pid}/task/{process.pid}/children", encoding="ascii") as children:
        return int(children.read().split()[0])


class SmallDisk:
    """A file system of its own for the spool of a sender that has not run yet; with it as a context."""

    def __init__(self, sender, size):
        self.directory = sender.spool
        done = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", self.directory],
                              capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise Skipped(f"no file system can be mounted: {done.stderr.strip()}")
        for name in ("tmp", "new"):
            os.makedirs(os.path.join(self.directory, name))
        self._ballast = os.path.join(self.directory, "ballast")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        subprocess.run(["umount", "--lazy", self.directory], check=False)

    def fill(self):
        """To the last octet."""
        with open(self._ballast, "ab", buffering=0) as file:
            size = 1 << 20
            while size > 0:
                try:
                    file.write(bytes(size))
                except OSError:
                    size //= 2

    def make_room(self):
        os.unlink(self._ballast)
