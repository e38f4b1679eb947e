"""In words: which machine, how busy it was, and when."""

import datetime
import os
import platform


def processor():
    with open("/proc/cpuinfo") as file:
        names = [line.split(":", 1)[1].strip() for line in file if line.startswith("model name")]
    return names[0] if names else platform.machine()


def describe():
    today = datetime.datetime.now(datetime.timezone.utc).date().isoformat()
    memory_gb = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 1e9
    return (f"{os.cpu_count()} cores, {processor()}, {memory_gb:.0f} GB, Linux {platform.release().split('-')[0]}, "
            f"{today}, load {os.getloadavg()[0]:.1f} before the run")
