#!/usr/bin/env python3
"""What bench/scale calculates and writes, without a lab: test_scale.py BENCH_DIRECTORY"""
import json
import os
import sys
import tempfile
import unittest

sys.dont_write_bytecode = True
sys.path.insert(0, sys.argv[1])

import scale_plots  # noqa: E402
import scale_sessions  # noqa: E402
import scale_skew  # noqa: E402
import scale_spool  # noqa: E402
import scale_tables  # noqa: E402
import scale_window  # noqa: E402


def delivered(session, time):
    return f'{{"event":"delivered","seq":"1","time":"{time}","session":"{session}","reply":"250 ok"}}\n'


class Gaps(unittest.TestCase):
    def gaps(self, text, first=0):
        with tempfile.NamedTemporaryFile("w") as file:
            file.write(text)
            file.flush()
            return [round(gap, 3) for gap in scale_window.gaps_ms(file.name, first, len(text))]

    def test_they_are_those_of_each_session_by_itself(self):
        text = (delivered(1, "2026-12-01T10:00:00.000000Z") + delivered(2, "2026-12-01T10:00:00.020000Z")
                + delivered(1, "2026-12-01T10:00:00.051000Z") + delivered(2, "2026-12-01T10:00:00.121500Z"))
        self.assertEqual(self.gaps(text), [51.0, 101.5])

    def test_an_hour_may_end_meanwhile(self):
        text = delivered(7, "2026-12-01T10:59:59.990000Z") + delivered(7, "2026-12-01T11:00:00.040000Z")
        self.assertEqual(self.gaps(text), [50.0])

    def test_what_was_not_delivered_and_what_came_before_does_not_count(self):
        before = delivered(1, "2026-12-01T10:00:00.000000Z")
        other = delivered(1, "2026-12-01T10:00:01.000000Z").replace("delivered", "deferred")
        self.assertEqual(self.gaps(before + other + delivered(1, "2026-12-01T10:00:02.000000Z"), len(before)), [])


class Sessions(unittest.TestCase):
    def test_the_last_step_is_cut_to_the_open_files_that_are_allowed(self):
        self.assertEqual(scale_sessions.steps(False, 65536)[-1], 20000)
        beside = scale_sessions.FILES_BESIDE
        self.assertEqual(scale_sessions.steps(False, 20000)[-1], 20000 - beside)
        self.assertEqual(scale_sessions.steps(False, 1024), [10, 30, 100, 300, 500, 1024 - beside])

    def test_a_job_lasts_for_the_whole_window_at_the_bound(self):
        for sessions in scale_sessions.STEPS:
            rate = min(sessions * 1000 / scale_sessions.DELAY_MS, scale_sessions.RATE_MOST)
            self.assertGreaterEqual(scale_sessions.job_count(sessions, 4), 4 * rate)

    def test_memory_of_a_session_is_the_difference_of_two_steps(self):
        rows = [{"sessions_idle": n, "memory_busy_kb": 1000 + 20 * n, "memory_idle_kb": 1000 + 5 * n}
                for n in (10, 30, 30)]
        scale_sessions.memory_of_a_session(rows)
        self.assertEqual((rows[1]["session_busy_kb"], rows[1]["session_idle_kb"]), (20, 5))
        self.assertIsNone(rows[2]["session_idle_kb"])


class Skew(unittest.TestCase):
    def test_half_of_all_goes_to_three_domains_and_every_other_domain_gets_its_share(self):
        domain = scale_skew.skewed(100)
        counts = {}
        for n in range(2000):
            counts[domain(n)] = counts.get(domain(n), 0) + 1
        self.assertEqual(sum(counts[n] for n in range(scale_skew.LARGE)), 1000)
        self.assertEqual({counts[n] for n in range(scale_skew.LARGE, scale_skew.LARGE + 100)}, {10})

    def test_evenly_leaves_no_domain_out(self):
        domain = scale_skew.evenly(100)
        self.assertEqual({domain(n) for n in range(206)}, set(range(103)))


class Spool(unittest.TestCase):
    def test_a_job_says_how_many_recipients_it_has_and_is_handed_over_whole(self):
        with tempfile.TemporaryDirectory() as spool:
            scale_spool.make(spool)
            scale_spool.write_job(spool, 7, 8192, lambda n: n % 3)
            self.assertEqual(os.listdir(os.path.join(spool, "new")), [])
            scale_spool.hand_over_job(spool)
            job = os.path.join(spool, "new", scale_spool.JOB)
            with open(os.path.join(job, "recipients.jsonl")) as file:
                people = [json.loads(line)["to"] for line in file]
            with open(os.path.join(job, "manifest.json")) as file:
                self.assertEqual(json.load(file)["recipients"], len(people))
            self.assertEqual(people[:4], [f"r{n}@d{n % 3}.scale.lab" for n in range(4)])

    def test_a_template_is_about_as_large_as_its_messages_shall_be(self):
        for size in (2048, 8192, 1048576):
            self.assertLess(abs(len(scale_spool.template(size)) + scale_spool.ADDED - size), 100)


class Tables(unittest.TestCase):
    ROW = {"sessions": 500, "sessions_up": 500, "messages_per_s": 9500.0, "part_of_bound": 0.95}

    def goals(self, **results):
        return [(value, reached) for _, value, reached in scale_tables.goals(results)]

    def test_columns_stand_under_each_other(self):
        lines = scale_tables.table(("what", "µs"), [("a message", "1.5"), ("b", 12345)]).split("\n")
        self.assertEqual(lines, ["| what      |    µs |", "|-----------|------:|", "| a message |   1.5 |",
                                 "| b         | 12345 |"])

    def test_a_goal_is_missed_by_what_is_one_too_little(self):
        self.assertEqual(self.goals(sessions={"steps": [self.ROW]}), [("95.0 %", True)])
        self.assertEqual(self.goals(sessions={"steps": [{**self.ROW, "part_of_bound": 0.899}]}), [("89.9 %", False)])
        self.assertEqual(self.goals(memory={"heap_bytes": 8193}), [("8.0 KiB", False)])
        self.assertEqual(self.goals(skew={"steps": [{"name": "x", "messages": 2, "delivered": 1}]}),
                         [("1 of 2", False)])

    def test_many_sessions_are_held_against_the_best_of_the_curve(self):
        many = {"sessions": 20000, "sessions_up": 20000, "messages_per_s": 7000.0, "part_of_bound": 0.1}
        self.assertEqual(self.goals(sessions={"steps": [self.ROW, many]}),
                         [("95.0 %", True), ("73.7 %", False), ("20,000", True)])

    def test_a_cost_without_a_goal_is_only_shown(self):
        row = {"what": "x", "goal": None, "ratio": 9.0, "files_us": 0.0}
        self.assertEqual(self.goals(costs={"rows": [row]}), [])
        self.assertEqual(self.goals(costs={"rows": [{**row, "goal": 1.7}]}), [("9.00", False)])


class Plots(unittest.TestCase):
    def test_a_plot_has_each_point_of_each_curve(self):
        script = scale_plots.Plot("t", "x", "y").add("one", [(1, 2.5), (3, 4)]).add("two", [(5, 6)]).script("f.svg")
        self.assertIn("$curve0 << EOD\n1 2.5\n3 4\nEOD\n", script)
        self.assertIn("$curve1 << EOD\n5 6\nEOD\n", script)
        self.assertIn('title "one"', script)
        self.assertIn('set output "f.svg"', script)


if __name__ == "__main__":
    del sys.argv[1]
    unittest.main()
