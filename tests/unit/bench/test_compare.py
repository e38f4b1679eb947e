#!/usr/bin/env python3
"""What bench/compare counts and tells, without its lab. Usage: test_compare.py ROOT"""
import os
import pathlib
import subprocess
import sys
import tempfile
import unittest

ROOT = pathlib.Path(sys.argv[1])
sys.dont_write_bytecode = True
sys.path[:0] = [str(ROOT / "tests/lab"), str(ROOT / "bench")]
try:
    import compare_report
    from compare_lab import Mail
except ImportError as missing:
    print(missing)
    sys.exit(77)
import compare_meter  # noqa: E402

BURN = "import time\nwhile time.process_time() < 0.3: pass"


def sender(name, **more):
    return {"name": name, "version": "1", "settings": "none", "cannot": {}, "messages": 10, **more}


def run(name, level, number, cpu_us):
    return {"sender": name, "level": level, "round": number, "messages": 10, "per_s": 100.0, "cpu_us": cpu_us,
            "connections": 1, "handshakes": 0, "sessions_most": 1}


def results(**more):
    return {"machine": "a machine", "messages": 10, "size": "8K", "rounds": 3, "domains": 10,
            "cpu_by": "hand", "calls_by": None, "missing": {}, "failed": [], "receiving": {}, "calls": {},
            "floor": [{"tls": 10.0, "clear": 5.0, "files": 15.0}, {"tls": 20.0, "clear": 5.0, "files": 30.0},
                      {"tls": 10.0, "clear": 5.0, "files": 15.0}],
            "senders": [sender("longship"), sender("Slow", cannot={"dane": "knows no DANE"})],
            "runs": [run("longship", "encrypt", n, cpu) for n, cpu in enumerate((50.0, 100.0, 75.0))] +
                    [run("Slow", "encrypt", n, 750.0) for n in range(3)], **more}


def cells(text, level, name):
    return next([cell.strip() for cell in line.split("|")[1:-1]] for line in text.splitlines()
                if line.replace(" ", "").startswith(f"|{level}|{name}|"))


class Report(unittest.TestCase):
    def test_a_sender_is_held_against_longship_and_against_the_floor_of_the_same_round(self):
        text = compare_report.table(results())
        # 50 / 25, 100 / 50 and 75 / 25: their median is 2, though that of the times is 75.
        self.assertEqual(cells(text, "encrypt", "longship")[4:8], ["75", "50, 100", "2.00", "1.0"])
        self.assertEqual(cells(text, "encrypt", "Slow")[4:8], ["750", "750, 750", "30.00", "10.0"])

    def test_who_cannot_do_a_level_says_so_and_who_failed_too(self):
        text = compare_report.table(results(failed=["Slow, none: no"], missing={"Gone": "its package"}))
        self.assertEqual(cells(text, "dane", "Slow")[2], "knows no DANE")
        self.assertEqual(cells(text, "none", "Slow")[2], "failed")
        self.assertIn("- FAILED: Slow, none: no.\n", text)
        self.assertIn("- Gone: left out, its package is not here.\n", text)

    def test_a_goal_that_is_missed_is_called_so(self):
        for theirs, said in ((2999.0, "MISSED"), (3000.0, "reached")):
            runs = [run("longship ×10", "encrypt", 0, 100.0), run("Postfix", "encrypt", 0, theirs)]
            self.assertIn(f"than Postfix; the goal is 30: {said}.", compare_report.table(results(runs=runs)))

    def test_the_section_of_the_readme_shows_the_plots_from_where_they_are_kept(self):
        self.assertEqual(compare_report.section("table\n", ["some/where/a.svg", "b.svg"]),
                         "table\n\n![a.svg](results/a.svg)\n![b.svg](results/b.svg)")


class Meters(unittest.TestCase):
    def measured(self, group):
        """CPU microseconds of a shell whose child burns 0.3 s, while the shell still runs."""
        shell = subprocess.Popen(["sh", "-c", f"'{sys.executable}' -c '{BURN}'; echo; read end"],
                                 preexec_fn=group.enter, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        shell.stdout.readline()
        spent = group.cpu_us()
        shell.communicate(b"\n")
        group.close()
        return spent

    def test_the_tree_of_processes_has_the_time_of_children_that_ended(self):
        self.assertGreaterEqual(self.measured(compare_meter.ProcessTree()), 280_000)

    def test_the_group_that_this_machine_allows_has_it_too(self):
        self.assertGreaterEqual(self.measured(compare_meter.Meter().group()), 280_000)

    def test_what_is_left_in_a_group_is_ended_with_it(self):
        group = compare_meter.Meter().group()
        if isinstance(group, compare_meter.ProcessTree):
            self.skipTest("no control groups here")
        left = subprocess.Popen(["sleep", "60"], preexec_fn=group.enter)
        group.close()
        self.assertNotEqual(left.wait(10), 0)
        self.assertFalse(os.path.exists(group.path))

    def test_more_work_is_more_system_calls(self):
        with tempfile.TemporaryDirectory() as folder:
            calls = compare_meter.SystemCalls(folder)
            if calls.how is None:
                self.skipTest("neither perf nor strace may count here")
            counts = []
            for script in ("true", "for n in 1 2 3 4 5 6 7 8 9; do /bin/true; done"):
                subprocess.run([*calls.wrapper(), "sh", "-c", script], check=True)
                counts.append(calls.count())
            self.assertGreater(counts[1], counts[0] + 9 * 10)


class Spool(unittest.TestCase):
    def test_a_message_is_given_without_the_lines_of_the_spool(self):
        with tempfile.TemporaryDirectory() as folder:
            os.mkdir(os.path.join(folder, "new"))
            content = b"From: a\r\n\r\nX-Sender: <text>\r\n"
            pathlib.Path(folder, "new/1.eml").write_bytes(
                b"X-Sender: <a@a.lab>\r\nX-Receiver: <b@b.lab>\r\n" + content)
            self.assertEqual(list(Mail(folder)), [("a@a.lab", "b@b.lab", content)])


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
