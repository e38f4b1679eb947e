"""What bench/scale does inside the lab: the sweeps, one after the other, and what became of them. Exit status
1: a goal of DESIGN 6 is missed.

    scale.py BUILD_DIRECTORY [--quick] [--only SWEEP] [--disk DIR] [--results DIR] [--write-readme]
"""

import argparse
import json
import os
import sys
import time

sys.dont_write_bytecode = True
BENCH = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(os.path.dirname(BENCH), "tests/lab"), BENCH]

import machine  # noqa: E402
import readme_section  # noqa: E402
import scale_costs  # noqa: E402
import scale_load  # noqa: E402
import scale_memory  # noqa: E402
import scale_plots  # noqa: E402
import scale_sessions  # noqa: E402
import scale_skew  # noqa: E402
import scale_tables  # noqa: E402
from scale_lab import ScaleLab  # noqa: E402

# In the order in which they run and are shown; what each table shows.
SWEEPS = {
    "sessions": (scale_sessions.sweep, "Sessions, receivers that answer after 50 ms; messages of 8 KB from a job"),
    "memory": (scale_memory.sweep, "Sessions without work"),
    "workers": (scale_load.workers, "Worker threads, 500 sessions, receivers that answer at once"),
    "sizes": (scale_load.sizes, "Sizes of messages, 100 sessions, one worker thread"),
    "skew": (scale_skew.sweep, "Skewed domains: half of all mail to three sites"),
    "costs": (scale_costs.sweep, "What a message costs, against the floor and the bare files of the same run"),
}


def say(text):
    print(f"scale: {text}", file=sys.stderr, flush=True)


def domains_wanted(names, quick):
    skewed = scale_skew.DOMAINS_QUICK if quick else scale_skew.DOMAINS
    return scale_skew.LARGE + skewed if "skew" in names else scale_skew.LARGE + 500


def measure(build, names, quick, disk):
    results = {"machine": machine.describe(), "quick": quick}
    began = time.monotonic()
    say("makes the lab")
    lab = ScaleLab(build, domains_wanted(names, quick), disk)
    results["files_max"] = lab.files_max
    for name in names:
        results[name] = SWEEPS[name][0](lab, quick, say)
    lab.stop()
    results["minutes"] = (time.monotonic() - began) / 60
    return results


def parts(results, plots=()):
    """Headings, tables, pictures, as they stand in README.md."""
    yield f"As measured ({results['machine']}; {results['minutes']:.0f} minutes):\n"
    for name, (_, heading) in SWEEPS.items():
        if name not in results:
            continue
        yield f"{heading}:\n"
        yield scale_tables.TABLES[name](results[name]) + "\n"
        if name == "sessions" and results["files_max"] < scale_sessions.STEPS[-1] + scale_sessions.FILES_BESIDE:
            yield f"(No process may have more than {results['files_max']:,} files open there.)\n"
        for plot in plots:
            sweep, _, shows = scale_plots.PLOTS[plot]
            if sweep == name:
                yield f"![{shows}](results/{plot}.svg)\n"
    yield scale_tables.goals_table(results) + "\n"


def arguments():
    parser = argparse.ArgumentParser(prog="bench/scale", description="How far longship goes.")
    parser.add_argument("build", help=argparse.SUPPRESS)
    parser.add_argument("--quick", action="store_true", help="two minutes instead of ten: fewer steps, one round")
    parser.add_argument("--only", action="append", choices=SWEEPS, help="this sweep; repeated for more")
    parser.add_argument("--disk", metavar="DIR",
                        help="where spools with a file for each message are made; default: TMPDIR or /tmp")
    parser.add_argument("--results", metavar="DIR", help="write the figures as JSON and plots as SVG there")
    parser.add_argument("--write-readme", action="store_true",
                        help="write both into bench/results, and the tables into bench/README.md")
    return parser.parse_args()


def main():
    options = arguments()
    names = [name for name in SWEEPS if options.only is None or name in options.only]
    if options.write_readme and len(names) < len(SWEEPS):
        sys.exit("scale: --write-readme shows all sweeps: leave --only out")
    results = measure(options.build, names, options.quick, options.disk)
    print("\n" + "\n".join(parts(results)))
    directory = os.path.join(BENCH, "results") if options.write_readme else options.results
    if directory:
        plots = scale_plots.write(results, directory)
        with open(os.path.join(directory, "scale.json"), "w", encoding="utf-8") as file:
            json.dump(results, file, indent=1)
            file.write("\n")
    if options.write_readme:
        readme_section.write("scale", "\n".join(parts(results, plots)))
    return 0 if all(reached for _, _, reached in scale_tables.goals(results)) else 1


if __name__ == "__main__":
    sys.exit(main())
