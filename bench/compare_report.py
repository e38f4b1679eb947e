"""What bench/compare found, as a table and as plots."""

import math
import os
import shutil
import statistics
import subprocess

from compare_lab import LEVELS

OF_ALL = "longship"  # the sender that others are compared with: as much mail as Postfix has
# DESIGN 6: how many times less CPU time a message takes than with Postfix, in TLS. Of ours the one whose start
# weighs as little as Postfix's does.
GOAL, OURS, THEIRS = 30, "longship ×10", "Postfix"


def runs_of(results, sender, level):
    return [run for run in results["runs"] if (run["sender"], run["level"]) == (sender, level)]


def median(runs, key):
    return statistics.median(run[key] for run in runs)


def cpu_us(results, sender, level):
    """The median over the rounds; None when there are none."""
    runs = runs_of(results, sender, level)
    return median(runs, "cpu_us") if runs else None


def bare(floor, level):
    """What the bare message of a level and its file took in one round."""
    return floor["clear" if level == "none" else "tls"] + floor["files"]


def to_floor(results, runs, level):
    """CPU time as a multiple of what the bare message took in the same round."""
    return statistics.median(run["cpu_us"] / bare(results["floor"][run["round"]], level) for run in runs)


# ---- the table ----


def rows(results):
    yield ("level", "sender", "messages", "a second", "CPU µs", "least, most", "× floor + files", "× longship",
           "received, µs", "connections", "handshakes", "system calls")
    for level, zone in LEVELS.items():
        reference = cpu_us(results, OF_ALL, level)
        for sender in results["senders"]:
            runs = runs_of(results, sender["name"], level)
            if not runs:
                yield (level, sender["name"], sender["cannot"].get(level, "failed")) + ("",) * 9
                continue
            cpu = median(runs, "cpu_us")
            cpus = sorted(run["cpu_us"] for run in runs)
            received = results["receiving"].get(sender["name"], {}).get(zone)
            calls = results["calls"].get(sender["name"], {}).get(level)
            yield (level, sender["name"], f"{runs[0]['messages']:,}", f"{median(runs, 'per_s'):,.0f}", f"{cpu:,.0f}",
                   f"{cpus[0]:,.0f}, {cpus[-1]:,.0f}", f"{to_floor(results, runs, level):.2f}",
                   f"{cpu / reference:.1f}" if reference else "", f"{received['cpu_us']:,.0f}" if received else "",
                   f"{median(runs, 'connections'):,.0f}", f"{median(runs, 'handshakes'):,.0f}",
                   f"{calls:,.1f}" if calls is not None else "")


def goals(results):
    """How far the goal is reached at each level in TLS, as sentences."""
    for level in LEVELS:
        ours, theirs = cpu_us(results, OURS, level), cpu_us(results, THEIRS, level)
        if level != "none" and ours and theirs:
            yield (f"{level}: {OURS} takes {theirs / ours:.1f} times less CPU time than {THEIRS}; the goal is {GOAL}: "
                   f"{'reached' if theirs / ours >= GOAL else 'MISSED'}.")


def table(results):
    """All that a person should know of the run, as Markdown."""
    lines = list(rows(results))
    widths = [max(map(len, column)) for column in zip(*lines)]
    text = [f"{results['machine']}; messages of {results['size']}, {results['domains']} domains, "
            f"{results['rounds']} rounds. CPU "
            f"time: {results['cpu_by']}; system calls: {results['calls_by'] or 'not counted'}.", ""]
    for number, line in enumerate(lines):
        cells = [cell.ljust(width) if column < 2 else cell.rjust(width)
                 for column, (cell, width) in enumerate(zip(line, widths))]
        text.append("| " + " | ".join(cells) + " |")
        if number == 0:
            text.append("|" + "|".join("-" * (width + 2) for width in widths) + "|")
    floors = {key: statistics.median(floor[key] for floor in results["floor"]) for key in ("tls", "clear", "files")}
    text += ["", f"Floor: {floors['tls']:.1f} µs in TLS, {floors['clear']:.1f} µs in the clear; files: "
             f"{floors['files']:.1f} µs.", ""]
    text += [f"- {sentence}" for sentence in goals(results)]
    for sender in results["senders"]:
        text.append(f"- {sender['name']} ({sender['version']}): {sender['settings']}.")
    text += [f"- {name}: left out, {why} is not here." for name, why in results["missing"].items()]
    text += [f"- FAILED: {what}." for what in results["failed"]]
    return "\n".join(text) + "\n"


# ---- the plots ----

PLOTS = (
    ("compare-cpu.svg", "cpu_us", "CPU time of a message, µs (logarithmic)"),
    ("compare-rate.svg", "per_s", "messages a second (logarithmic)"),
)


def _bars(results, key, levels):
    """Of each sender its name, and the median at each level or None."""
    if key == "cpu_us":
        yield "floor + files", [statistics.median(bare(floor, level) for floor in results["floor"]) for level in levels]
    for sender in results["senders"]:
        of_levels = [runs_of(results, sender["name"], level) for level in levels]
        yield sender["name"], [median(runs, key) if runs else None for runs in of_levels]


def _plot(results, key, title, path):
    # gnuplot takes no column without a value.
    levels = [level for level in LEVELS if any(run["level"] == level for run in results["runs"])]
    bars = list(_bars(results, key, levels))
    least = min(value for _, values in bars for value in values if value is not None)
    lines = ["$data << END", "sender " + " ".join(levels)]
    for name, values in bars:
        lines.append(f'"{name}" ' + " ".join("NaN" if value is None else f"{value:.1f}" for value in values))
    lines += [
        "END",
        'set terminal svg size 820,360 font "sans-serif,11" background rgb "white"',
        f'set output "{path}"', f'set title "{title}"',
        "set style data histograms", "set style histogram clustered gap 1", "set style fill solid 0.85 noborder",
        # A bar of a logarithmic scale begins anywhere: a power of ten that leaves something of the least.
        f"set logscale y; set yrange [{10 ** math.floor(math.log10(least / 2))}:*]",
        "set grid ytics", "set key outside top center horizontal",
        f"plot for [i=2:{len(levels) + 1}] $data using i:xtic(1) title columnheader(i)"]
    subprocess.run(["gnuplot"], input="\n".join(lines) + "\n", text=True, check=True)


def plots(results, directory):
    """Writes the plots; their paths, none where there is no gnuplot or nothing to show."""
    if shutil.which("gnuplot") is None or not results["runs"]:
        return []
    paths = []
    for name, key, title in PLOTS:
        paths.append(os.path.join(directory, name))
        _plot(results, key, title, paths[-1])
    return paths


def section(text, paths):
    """The table with the plots under it, for bench/README.md."""
    names = [os.path.basename(path) for path in paths]
    return text + "\n" + "\n".join(f"![{name}](results/{name})" for name in names)
