"""CPU of longship for a message, divided by what the bare loop and the bare files take of it in the same run.

What a start costs cancels: each figure is the difference of two whole runs, of few and of many messages, and
each of the two is the cheapest of a few rounds, as the floor is the cheapest of its rounds: what else the machine
does only makes dearer. Reading the recipients of a job, its journal and its events are in it, and so are the
unlinks of files."""

import os

import scale_spool

SIZE = 8192
SESSIONS, SITE_SESSIONS = 500, 100
SITES = SESSIONS // SITE_SESSIONS
FLOOR_MESSAGES, FLOOR_ROUNDS = 20000, 2
FILES_MESSAGES = 1000
ONE_EACH_SESSIONS = 100
FLAGS = (f"--sessions={SESSIONS}", f"--site-sessions={SITE_SESSIONS}", "--messages-per-session=1000000")
ONE_EACH_FLAGS = (f"--sessions={ONE_EACH_SESSIONS}", f"--site-sessions={ONE_EACH_SESSIONS}",
                  "--messages-per-session=1")
# Of DESIGN 6; a tmpfs is only shown.
FILES_GOAL, JOB_GOAL, ONE_EACH_GOAL = 1.35, 1.7, 1.7


class Cheapest:
    """The cheapest of a few measurements under each name."""

    def __init__(self):
        self.figures = {}

    def add(self, name, figure):
        self.figures[name] = min(figure, self.figures.get(name, figure))

    def __getitem__(self, name):
        return self.figures[name]


def run_once(lab, spool, count, *flags):
    """CPU microseconds of a run that delivers what is in the spool."""
    sender = lab.sender(spool, "--once", *flags)
    cpu_us = sender.end()
    if sender.delivered() != count:
        raise RuntimeError(f"{sender.delivered()} of {count} messages delivered\n{sender.process.tail()}")
    lab.forget(spool, sender.events)
    return cpu_us


def job_run(lab, count, *flags, sites=SITES, size=SIZE):
    spool = scale_spool.make(lab.fresh("spool"))
    scale_spool.write_job(spool, count, size, lambda n: n % sites)
    scale_spool.hand_over_job(spool)
    return run_once(lab, spool, count, *flags)


def files_run(lab, directory, count):
    spool = os.path.join(directory, f"spool-{lab.number()}")
    scale_spool.write_files(lab, spool, count, SIZE, SITES)
    return run_once(lab, spool, count, *FLAGS)


def floor(lab, *flags, messages=FLOOR_MESSAGES, sessions=SESSIONS):
    """CPU microseconds of a message in the bare loop, the cheapest round."""
    return lab.floor(SIZE, sessions, messages, FLOOR_ROUNDS, *flags)["cpu_us"]


def file_system(directory):
    """The type of the file system that a directory is on."""
    device = os.stat(directory).st_dev
    best = ("", "?")
    with open("/proc/self/mountinfo") as file:
        for line in file:
            left, right = line.rstrip().split(" - ")
            mount_point = left.split()[4]
            inside = directory == mount_point or directory.startswith(mount_point.rstrip("/") + "/")
            if inside and len(mount_point) >= len(best[0]) and os.stat(mount_point).st_dev == device:
                best = (mount_point, right.split()[0])
    return best[1]


def one_each(lab, count):
    return job_run(lab, count, *ONE_EACH_FLAGS, sites=1)


def sweep(lab, quick, say):
    """The rows of costs: what, CPU of a message, what it is divided by and how much that is."""
    rounds, scale = (1, 1) if quick else (3, 2)
    disk, memory = lab.disk, lab.memory_directory()
    runs = {
        "disk": (lambda count: files_run(lab, disk, count), 2000 * scale, 10000 * scale),
        "memory": (lambda count: files_run(lab, memory, count), 2000 * scale, 10000 * scale),
        "job": (lambda count: job_run(lab, count, *FLAGS), 20000 * scale, 100000 * scale),
        "one each": (lambda count: one_each(lab, count), 500 * scale, 2000 * scale),
    }
    best = Cheapest()
    sinks = lab.receive()
    job_run(lab, 1000, *FLAGS)  # every name is in the store, as it is in a sender that has run for a day
    for number in range(rounds):
        say(f"costs against the floor, round {number + 1} of {rounds}")
        best.add("floor", floor(lab))
        best.add("handshakes", floor(lab, "--handshakes", sessions=ONE_EACH_SESSIONS, messages=2000 * scale))
        for name, (run, few, many) in runs.items():
            best.add((name, "few"), run(few))
            best.add((name, "many"), run(many))
        best.add("disk files", lab.bare_files(disk, SIZE, FILES_MESSAGES)["cpu_us"])
        best.add("memory files", lab.bare_files(memory, SIZE, FILES_MESSAGES)["cpu_us"])
    resumed = lab.end_receiving(sinks)["counters"]["handshakes_resumed"]

    def row(name, what, goal, floor_us, files_us=0.0):
        _, few, many = runs[name]
        cpu_us = (best[(name, "many")] - best[(name, "few")]) / (many - few)
        return {"what": what, "goal": goal, "cpu_us": cpu_us, "floor_us": floor_us, "files_us": files_us,
                "ratio": cpu_us / (floor_us + files_us)}

    rows = [row("disk", f"a file for each message, {file_system(disk)}", FILES_GOAL, best["floor"],
                best["disk files"]),
            row("memory", "a file for each message, tmpfs", None, best["floor"], best["memory files"]),
            row("job", "a job directory", JOB_GOAL, best["floor"]),
            row("one each", "one message a connection", ONE_EACH_GOAL, best["handshakes"])]
    return {"rows": rows, "rounds": rounds, "sessions": SESSIONS, "size": SIZE, "resumed": resumed}
