"""What bench/security does inside the lab: measures plain STARTTLS, DANE-EE, DANE-TA and MTA-STS, cold and
warm, and prints a table. Exit status 1: a goal of DESIGN 6 is missed.

    security.py BUILD_DIRECTORY [--rounds N] [--connections N] [--json FILE]

Two measures, since neither is enough on a machine that others use too. Instructions of every thread under
callgrind do not depend on the load; start-up cancels in the difference of two runs. CPU time has the kernel in
it: the modes take turns in a random order, and the ratio of each round to plain of the same round has an
interval.
"""

import argparse
import datetime
import json
import os
import platform
import random
import statistics
import sys

sys.dont_write_bytecode = True
ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path[:0] = [os.path.join(ROOT, "tests/lab"), os.path.join(ROOT, "bench")]

from callgrind import Callgrind  # noqa: E402
from security_lab import MESSAGE_BYTES, MODES, SecurityLab  # noqa: E402

# Domains of a mode, each with a host of its own; and how many of them are sent to when a connection is what is
# measured: enough for 40 sessions at once, and few enough that finding their routes does not weigh.
DOMAINS, WARM_DOMAINS = 100, 4
PLAIN = MODES[0]
# DESIGN 6: instructions of a warm connection, above plain.
GOALS = {"dane-ee": 0.02, "dane-ta": 0.02, "sts": 0.03}
ONE_EACH, KEPT_OPEN = ("--messages-per-session=1",), ("--messages-per-session=1000000",)
TRACED_CONNECTIONS, TRACED_MESSAGES = 200, 500
RESAMPLES = 4000


def say(text):
    print(f"security: {text}", file=sys.stderr, flush=True)


# ---- figures ----


def interval(rounds, figure):
    """The median of figure(…) over the rounds, and between what 95 of 100 such medians lie, by drawing rounds
    anew. figure: a list with a number for each of the rounds that it is given."""
    chance = random.Random(4)
    medians = sorted(
        statistics.median(figure([chance.choice(rounds) for _ in rounds])) for _ in range(RESAMPLES))
    low, high = medians[RESAMPLES // 40], medians[RESAMPLES - 1 - RESAMPLES // 40]
    return {"median": statistics.median(figure(rounds)), "low": low, "high": high}


def of_connections(rounds, name, count):
    """CPU microseconds of one connection, without those of the start."""
    start = statistics.median(a_round["start"] for a_round in rounds)
    return [(a_round[name] - start) / count for a_round in rounds]


def compare(rounds, count):
    """Of each mode its connection, and its ratio to plain."""
    def ratios(name):
        return lambda drawn: [mode / plain for mode, plain in zip(
            of_connections(drawn, name, count), of_connections(drawn, PLAIN.name, count))]

    return {mode.name: {
        "cpu_us": interval(rounds, lambda drawn, name=mode.name: of_connections(drawn, name, count)),
        "ratio": interval(rounds, ratios(mode.name)),
    } for mode in MODES}


# ---- what is measured ----


class Bench:
    def __init__(self, build, rounds, connections):
        self.rounds = rounds
        self.connections = connections
        say(f"makes the lab: {DOMAINS} domains of each mode")
        self.lab = SecurityLab(build, DOMAINS)
        self.callgrind = Callgrind(self.lab.directory)
        self.asked = {mode.name: {"queries": 0, "gets": 0, "connections": 0, "starts": 0} for mode in MODES}

    def first(self, mode, store):
        return self.lab.run(mode, store, DOMAINS, DOMAINS, *ONE_EACH)

    def warm(self, mode, messages, domains=WARM_DOMAINS, flags=ONE_EACH, wrapper=()):
        """A start on the mode's own store, and what was asked of others meanwhile."""
        run = self.lab.run(mode, self.lab.store(mode), messages, domains, *flags, wrapper=wrapper)
        asked = self.asked[mode.name]
        asked["queries"] += run.queries
        asked["gets"] += run.gets
        asked["connections"] += run.sessions
        asked["starts"] += 1
        return run

    def cold(self):
        """First contacts, each round with an empty store."""
        rounds, asked = [], {}
        for number in range(max(self.rounds // 3, 3)):
            a_round = {"start": self.lab.run(None, self.lab.fresh_store(), 0, 1).cpu_us}
            for mode in random.sample(MODES, len(MODES)):
                run = self.first(mode, self.lab.store(mode) if number == 0 else self.lab.fresh_store())
                a_round[mode.name] = run.cpu_us
                asked[mode.name] = {"queries": run.queries / DOMAINS, "gets": run.gets / DOMAINS}
            rounds.append(a_round)
        result = compare(rounds, DOMAINS)
        for name, counts in asked.items():
            result[name].update(counts)
        return result

    def connections_warm(self, rounds):
        """Starts on a warm store, the modes taking turns; and the median of an empty start."""
        results = []
        for _ in range(rounds):
            a_round = {"start": self.lab.run(None, self.lab.store(PLAIN), 0, 1).cpu_us}
            for mode in random.sample(MODES, len(MODES)):
                run = self.warm(mode, self.connections)
                if run.sessions != self.connections:
                    raise RuntimeError(f"{run.sessions} connections for {self.connections} messages")
                a_round[mode.name] = run.cpu_us
            results.append(a_round)
        return compare(results, self.connections), statistics.median(r["start"] for r in results)

    def messages_warm(self):
        """CPU of one more message over sessions that are open: the difference of two runs."""
        few, many = 2000, 6000
        rounds = []
        for _ in range(max(self.rounds // 6, 3)):
            a_round = {}
            for mode in random.sample(MODES, len(MODES)):
                less = self.warm(mode, few, flags=KEPT_OPEN).cpu_us
                a_round[mode.name] = (self.warm(mode, many, flags=KEPT_OPEN).cpu_us - less) / (many - few)
            rounds.append(a_round)
        return {mode.name: interval(
            rounds, lambda drawn, name=mode.name: [a_round[name] for a_round in drawn]) for mode in MODES}

    def traced(self):
        """Instructions of a connection, of a message, and of what a domain costs once after a restart."""
        result = {}
        for mode in MODES:
            def count(*arguments, mode=mode, **options):
                run = self.warm(mode, *arguments, wrapper=self.callgrind.command(), **options)
                return run.sessions, self.callgrind.threads()

            _, base = count(TRACED_CONNECTIONS)
            _, twice = count(2 * TRACED_CONNECTIONS)
            _, over_all = count(TRACED_CONNECTIONS, domains=DOMAINS)
            few_sessions, few = count(TRACED_MESSAGES, flags=KEPT_OPEN)
            sessions, many = count(3 * TRACED_MESSAGES, flags=KEPT_OPEN)
            connection = (twice - base) / TRACED_CONNECTIONS
            message = (many - few - connection * (sessions - few_sessions)) / (2 * TRACED_MESSAGES)
            domain = (over_all - base) / (DOMAINS - WARM_DOMAINS)
            result[mode.name] = {"connection": connection.by_thread, "message": message.by_thread,
                                 "domain": domain.by_thread}
        return result

    def run(self):
        self.lab.receive()
        say("first contacts, with an empty store")
        results = {"cold": self.cold()}
        say(f"{self.rounds} rounds of {self.connections} connections, warm")
        results["warm"], results["start_cpu_us"] = self.connections_warm(self.rounds)
        say("messages over open sessions")
        results["messages"] = self.messages_warm()
        say("instructions, under callgrind")
        results["instructions"] = self.traced()
        self.lab.receive(tickets=True)
        say("resumed handshakes")
        rounds = max(self.rounds // 3, 3)
        results["resumed"], _ = self.connections_warm(rounds)
        self.lab.end_receiving()
        results["resumed_part"] = self.lab.resumed / (rounds * len(MODES) * self.connections)
        results["asked"] = self.asked
        self.lab.stop()
        return results


# ---- the table ----


def whole(by_thread):
    return sum(by_thread.values())


def above_plain(results, name, thread=None):
    """How much more instructions a warm connection takes than plain: of one thread, or of all."""
    def of(mode):
        threads = results["instructions"][mode]["connection"]
        return threads[thread] if thread else whole(threads)

    return of(name) / of(PLAIN.name) - 1


def signed(ratio):
    return f"{100 * ratio:+.2f} %"


def ratio_text(figure):
    return f"{figure['ratio']['median']:.3f} [{figure['ratio']['low']:.3f}, {figure['ratio']['high']:.3f}]"


def rows(results, bench):
    """The tables, each a list of rows of texts with the heads first."""
    instructions, warm, cold = results["instructions"], results["warm"], results["cold"]
    yield [("a warm connection", "instructions", "worker", "all threads", "CPU µs", "to plain [95 %]", "resumed, µs",
            "to plain [95 %]")] + [
        (mode.name, f"{whole(instructions[mode.name]['connection']):,.0f}",
         signed(above_plain(results, mode.name, "worker")), signed(above_plain(results, mode.name)),
         f"{warm[mode.name]['cpu_us']['median']:.0f}", ratio_text(warm[mode.name]),
         f"{results['resumed'][mode.name]['cpu_us']['median']:.0f}", ratio_text(results["resumed"][mode.name]))
        for mode in MODES]
    yield [("one more message", "instructions", "CPU µs [95 %]")] + [
        (mode.name, f"{whole(instructions[mode.name]['message']):,.0f}",
         "{median:.1f} [{low:.1f}, {high:.1f}]".format(**results["messages"][mode.name])) for mode in MODES]
    yield [("a domain after a restart", "instructions", "of these, its chain")] + [
        (mode.name, f"{whole(instructions[mode.name]['domain']):,.0f}",
         f"{instructions[mode.name]['domain'].get('verifier', 0):,.0f}") for mode in MODES]
    yield [("a first contact (cold)", "CPU µs", "to plain [95 %]", "DNS queries", "GETs")] + [
        (mode.name, f"{cold[mode.name]['cpu_us']['median']:.0f}", ratio_text(cold[mode.name]),
         f"{cold[mode.name]['queries']:.2f}", f"{cold[mode.name]['gets']:.2f}") for mode in MODES]
    yield [("asked while warm", "starts", "connections", "DNS queries", "GETs")] + [
        (mode.name, *(f"{bench.asked[mode.name][key]:,}" for key in ("starts", "connections", "queries", "gets")))
        for mode in MODES]


def print_table(table):
    widths = [max(map(len, column)) for column in zip(*table)]
    for number, row in enumerate(table):
        cells = [row[0].ljust(widths[0])] + [text.rjust(width) for text, width in zip(row[1:], widths[1:])]
        print("| " + " | ".join(cells) + " |")
        if number == 0:
            print("|" + "|".join("-" * (width + 2) for width in widths) + "|")
    print()


def missed(results):
    for name, goal in GOALS.items():
        if above_plain(results, name) > goal:
            yield f"{name}: {signed(above_plain(results, name))} a connection, the goal is {signed(goal)}"
    for name, asked in results["asked"].items():
        if asked["queries"] or asked["gets"]:
            yield f"{name}: {asked['queries']} DNS queries and {asked['gets']} GETs with all known"
    if results["resumed_part"] < 0.5:
        yield f"only {100 * results['resumed_part']:.0f} % of the handshakes were resumed where all may be"


def machine():
    with open("/proc/cpuinfo") as file:
        model = next((line.split(":")[1].strip() for line in file if line.startswith("model name")), "unknown")
    return f"{os.cpu_count()} cores, {model}, Linux {platform.release()}, {datetime.date.today()}"


def main():
    parser = argparse.ArgumentParser(prog="bench/security", description=__doc__.split("\n\n", maxsplit=1)[0])
    parser.add_argument("build")
    parser.add_argument("--rounds", type=int, default=30, help="of warm connections; others take fewer")
    parser.add_argument("--connections", type=int, default=500, help="of each mode in a round")
    parser.add_argument("--json", help="write all figures there too")
    options = parser.parse_args()
    bench = Bench(options.build, options.rounds, options.connections)
    results = bench.run()
    results["machine"] = machine()
    print(f"\n{results['machine']}\nmessages of {MESSAGE_BYTES} octets, {options.rounds} rounds of "
          f"{options.connections} connections; an empty start takes {results['start_cpu_us'] / 1000:.0f} ms of CPU\n"
          f"handshakes are full ones; of those called resumed {100 * results['resumed_part']:.0f} % are\n")
    for table in rows(results, bench):
        print_table(table)
    if options.json:
        with open(options.json, "w") as file:
            json.dump(results, file, indent=1)
    problems = list(missed(results))
    print("\n".join(["MISSED:"] + problems) if problems else "all goals reached")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
