"""The figures of bench/scale as plots, by gnuplot."""

import os
import subprocess

HEAD = """set terminal svg size 720,420 font "sans-serif,12" background "white"
set output "{output}"
set title "{title}"
set xlabel "{x}"
set ylabel "{y}"
set key top left
set grid
{settings}
plot {curves}
"""


class Plot:
    """One diagram. Each curve is its name and its points."""

    def __init__(self, title, x, y, settings=""):
        self.title, self.x, self.y, self.settings = title, x, y, settings
        self.curves = []

    def add(self, name, points, style="linespoints linewidth 2 pointtype 7 pointsize 0.5"):
        self.curves.append((name, points, style))
        return self

    def script(self, output):
        blocks, plots = [], []
        for n, (name, points, style) in enumerate(self.curves):
            blocks.append(f"$curve{n} << EOD\n" + "".join(f"{x} {y}\n" for x, y in points) + "EOD\n")
            plots.append(f'$curve{n} using 1:2 with {style} title "{name}"')
        return "".join(blocks) + HEAD.format(
            output=output, title=self.title, x=self.x, y=self.y, settings=self.settings, curves=", ".join(plots))

    def write(self, path):
        subprocess.run(["gnuplot"], input=self.script(path), text=True, check=True)


LOG_BOTH, LOG_X = "set logscale xy 10", "set logscale x 10"


def sessions(found):
    steps = found["steps"]
    title = f"Messages a second, receivers that answer after {found['delay_ms']} ms"
    return Plot(title, "sessions", "messages a second", LOG_BOTH).add(
        "sessions / round-trip time", [(row["sessions"], row["bound"]) for row in steps], "lines dashtype 2").add(
        "floor: the bare loop", [(row["sessions"], row["floor"]["messages_per_s"]) for row in steps]).add(
        "longship", [(row["sessions_up"], row["messages_per_s"]) for row in steps])


def memory(found):
    return Plot("Memory of longship", "sessions", "MB", LOG_X).add(
        "at work, with the messages that wait", [(row["sessions_up"], row["memory_busy_kb"] / 1024)
                                                 for row in found["steps"]])


def workers(found):
    steps = found["steps"]
    return Plot("Worker threads, the receivers on the same cores", "threads", "messages a second",
                "set yrange [0:*]; set xtics 1").add(
        "floor: the bare loop", [(row["workers"], row["floor"]["messages_per_s"]) for row in steps]).add(
        "longship", [(row["workers"], row["messages_per_s"]) for row in steps])


def sizes(found):
    steps = found["steps"]
    return Plot("CPU of a message", "octets of the message", "µs", LOG_BOTH).add(
        "floor: the bare loop", [(row["size"], row["floor"]["cpu_us"]) for row in steps]).add(
        "longship", [(row["size"], row["cpu_us"]) for row in steps])


def megabytes(found):
    steps = found["steps"]
    return Plot("Megabytes a second, the receivers on the same cores", "octets of the message", "MB/s", LOG_X).add(
        "floor: the bare loop", [(row["size"], row["floor"]["megabytes_per_s"]) for row in steps]).add(
        "longship", [(row["size"], row["megabytes_per_s"]) for row in steps])


# name of the plot: which figures, how they are drawn, what they show
PLOTS = {
    "scale-sessions": ("sessions", sessions, "messages a second over sessions"),
    "scale-memory": ("sessions", memory, "memory over sessions"),
    "scale-workers": ("workers", workers, "messages a second over worker threads"),
    "scale-sizes": ("sizes", sizes, "CPU of a message over its size"),
    "scale-megabytes": ("sizes", megabytes, "megabytes a second over the size of messages"),
}


def write(results, directory):
    """The plots of what was measured, as DIRECTORY/NAME.svg; their names."""
    os.makedirs(directory, exist_ok=True)
    names = [name for name, (sweep, _, _) in PLOTS.items() if sweep in results]
    for name in names:
        sweep, draw, _ = PLOTS[name]
        draw(results[sweep]).write(os.path.join(directory, name + ".svg"))
    return names
