"""What a sender does in a window of time in which nothing changes."""

import collections
import re
import time

# Of the events of a window, as many as are looked at one by one.
LOOKED_AT_BYTES = 40 << 20
OF_A_DELIVERY = re.compile(
    rb'^\{"event":"delivered".*?"time":"[^"]*:(\d\d):(\d\d\.\d+)Z".*?"session":"(\d+)"', re.MULTILINE)


def gaps_ms(events, first, last):
    """Milliseconds between each two deliveries of a session that follow one another, from these octets of a file
    of events."""
    with open(events, "rb") as file:
        file.seek(first)
        lines = file.read(min(last - first, LOOKED_AT_BYTES))
    before, gaps = collections.defaultdict(float), []
    for minute, second, session in OF_A_DELIVERY.findall(lines):
        at = int(minute) * 60000 + float(second) * 1000
        if session in before:
            gaps.append((at - before[session]) % 3600000)
        before[session] = at
    return gaps


def window(sender, seconds, total):
    """Messages a second and CPU of each, by thread too, while it has mail; `total`: how many it was given."""
    cpu_us, threads_us, delivered = sender.cpu_us(), sender.threads_us(), sender.delivered()
    first = sender.told_bytes
    began = time.monotonic()
    time.sleep(seconds)
    spent_us, done = sender.cpu_us() - cpu_us, sender.delivered() - delivered
    took = time.monotonic() - began
    threads = {name: (us - threads_us[name]) / max(done, 1) for name, us in sender.threads_us().items()}
    if delivered + done >= total:
        raise RuntimeError(f"all {total:,} messages were delivered before the window was over")
    return {"messages": done, "seconds": took, "messages_per_s": done / took, "cpu_us": spent_us / max(done, 1),
            "threads": threads, "gaps": gaps_ms(sender.events, first, sender.told_bytes)}
