"""The figures of bench/scale as tables in the form of README.md, and the goals of DESIGN 6 that they are held
against."""


def table(head, rows):
    """Columns as wide as they must be; the first one on the left, numbers on the right."""
    cells = [head] + [[str(cell) for cell in row] for row in rows]
    widths = [max(len(row[i]) for row in cells) for i in range(len(head))]

    def line(row):
        return "| " + " | ".join([row[0].ljust(widths[0])] + [
            cell.rjust(width) for cell, width in zip(row[1:], widths[1:])]) + " |"

    rule = "|" + "|".join(["-" * (widths[0] + 2)] + ["-" * (width + 1) + ":" for width in widths[1:]]) + "|"
    return "\n".join([line(cells[0]), rule] + [line(row) for row in cells[1:]])


THREAD_US_LEAST = 0.1
# What of the bound the bare loop must reach before round trips can be told from the time that all is late.
FREE_PART = 0.85


def whole(number):
    return f"{number:,.0f}"


def percent(part):
    return f"{100 * part:.1f} %"


def is_free(row):
    """The machine could have done more: what is missing to the bound are round trips."""
    return row["floor"]["messages_per_s"] >= FREE_PART * row["bound"]


def sessions(found):
    head = ("sessions", "bound, messages/s", "messages/s", "of the bound", "round trips", "took two", "CPU µs",
            "floor, messages/s", "CPU µs", "own MB", "KB a session")

    def row_of(row):
        trips = (f"{row['round_trips']:.2f}", percent(row["more_trips"])) if is_free(row) else ("", "")
        grown = row.get("session_busy_kb")
        return (whole(row["sessions_up"]), whole(row["bound"]), whole(row["messages_per_s"]),
                percent(row["part_of_bound"]), *trips, f"{row['cpu_us']:.1f}",
                whole(row["floor"]["messages_per_s"]), f"{row['floor']['cpu_us']:.1f}",
                f"{row['memory_busy_kb'] / 1024:.0f}", f"{grown:.0f}" if grown is not None else "")

    return table(head, [row_of(row) for row in found["steps"]])


def memory(found):
    resident = "{:,} to {:,}".format(*found["resident_sessions"])
    return table(("an idle TLS session", "sessions", "octets"), [
        ("heap (massif)", "{} to {}".format(*found["heap_sessions"]), whole(found["heap_bytes"])),
        ("all memory of its own", resident, whole(found["resident_bytes"]))])


def workers(found):
    head = ("worker threads", "messages/s", "CPU µs", "floor, messages/s", "CPU µs", "ratio of CPU")
    rows = [(row["workers"], whole(row["messages_per_s"]), f"{row['cpu_us']:.1f}",
             whole(row["floor"]["messages_per_s"]), f"{row['floor']['cpu_us']:.1f}", f"{row['ratio']:.2f}")
            for row in found["steps"]]
    return table(head, rows) + "\n\n" + threads(found["steps"][-1]["threads"])


def threads(by_name):
    """Which of longship's threads takes how much of a message; those that take next to nothing together."""
    ordered = sorted(by_name.items(), key=lambda item: -item[1])
    named = [(name, us) for name, us in ordered if us >= THREAD_US_LEAST]
    named.append(("all others", sum(by_name.values()) - sum(us for _, us in named)))
    return table(("thread", "CPU µs of a message"), [(name, f"{us:.1f}") for name, us in named])


def sizes(found):
    head = ("octets", "messages/s", "MB/s", "CPU µs", "floor, MB/s", "CPU µs", "ratio of CPU")
    return table(head, [
        (whole(row["size"]), whole(row["messages_per_s"]), f"{row['megabytes_per_s']:.0f}", f"{row['cpu_us']:.1f}",
         f"{row['floor']['megabytes_per_s']:.0f}", f"{row['floor']['cpu_us']:.1f}", f"{row['ratio']:.2f}")
        for row in found["steps"]])


def skew(found):
    head = (f"{found['steps'][0]['messages']:,} messages, {found['domains']:,} domains", "seconds", "messages/s",
            "CPU µs", "connections", "three sites done after", "all others after")
    rows = [(row["name"], f"{row['seconds']:.1f}", whole(row["messages_per_s"]), f"{row['cpu_us']:.1f}",
             whole(row["connections"]), f"{row['large_seconds']:.1f} s", f"{row['others_seconds']:.1f} s")
            for row in found["steps"]]
    return (table(head, rows) + f"\n\nHalf of it needs {found['large_bound_s']:.1f} s at the three sites, with "
            f"{found['site_sessions']} sessions each.")


def costs(found):
    return table(("a message of 8 KB", "CPU µs", "floor", "files", "ratio", "asked"), [
        (row["what"], f"{row['cpu_us']:.1f}", f"{row['floor_us']:.1f}",
         f"{row['files_us']:.1f}" if row["files_us"] else "", f"{row['ratio']:.2f}",
         f"≤ {row['goal']}" if row["goal"] else "") for row in found["rows"]])


# ---- goals ----

BOUND_SESSIONS, BOUND_PART = 500, 0.90
BEST_PART = 0.80
HEAP_MOST = 8 * 1024


def goals(results):
    """Each goal that what was measured says something about: text, what it is, whether it is reached."""
    if "sessions" in results:
        steps = results["sessions"]["steps"]
        for row in steps:
            if row["sessions"] == BOUND_SESSIONS:
                yield ("500 sessions, of sessions / round-trip time: at least 90 %", percent(row["part_of_bound"]),
                       row["part_of_bound"] >= BOUND_PART)
        best, last = max(row["messages_per_s"] for row in steps), steps[-1]
        if last["sessions"] > 10000:
            yield (f"{last['sessions_up']:,} sessions, of the best of the curve: at least 80 %",
                   percent(last["messages_per_s"] / best), last["messages_per_s"] / best >= BEST_PART)
            yield (f"{last['sessions']:,} sessions come up", f"{last['sessions_up']:,}",
                   last["sessions_up"] >= last["sessions"])
    if "memory" in results:
        heap = results["memory"]["heap_bytes"]
        yield "heap of an idle TLS session: at most 8 KiB", f"{heap / 1024:.1f} KiB", heap <= HEAP_MOST
    for row in results.get("skew", {}).get("steps", ()):
        yield (f"{row['name']} spread: every message is delivered in one run",
               f"{row['delivered']:,} of {row['messages']:,}", row["delivered"] == row["messages"])
    for row in results.get("costs", {}).get("rows", ()):
        if row["goal"]:
            yield (f"{row['what']}, to the floor{' and files' if row['files_us'] else ''}: at most {row['goal']}",
                   f"{row['ratio']:.2f}", row["ratio"] <= row["goal"])


TABLES = {"sessions": sessions, "memory": memory, "workers": workers, "sizes": sizes, "skew": skew, "costs": costs}


def goals_table(results):
    return table(("goal (DESIGN 6)", "measured", ""), [
        (text, value, "reached" if reached else "**missed**") for text, value, reached in goals(results)])
