#!/usr/bin/env python3
"""longship submit and longship-sendmail as they are called: real processes, a real spool.
Usage: test_submit_live.py LONGSHIP LONGSHIP-SENDMAIL"""
import json
import os
import pathlib
import pwd
import shutil
import stat
import subprocess
import sys
import tempfile
import unittest

LONGSHIP, SENDMAIL = sys.argv[1:3]
MESSAGE = b"From: me@a.example\nTo: Ann <ann@a.example>\nBcc: hid@h.example\nSubject: s\n\nbody\n.\nmore\n"
ENVELOPE = b"X-Sender: <news@list.example>\nX-Receiver: <ann@a.example>\n"
PATIENCE_S = 60


class Spool(unittest.TestCase):
    def setUp(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="submit-"))
        self.addCleanup(shutil.rmtree, self.folder)
        self.spool = self.folder / "spool"
        for name in ("tmp", "new", "bad"):
            (self.spool / name).mkdir(parents=True)

    def run_program(self, words, data=b"", env=(), **more):
        environment = {"PATH": os.environ["PATH"], "LONGSHIP_DOMAIN": "host.example", **dict(env)}
        for name in ("ASAN_OPTIONS", "UBSAN_OPTIONS", "TMPDIR"):
            if name in os.environ:
                environment[name] = os.environ[name]
        return subprocess.run(words, input=data, capture_output=True, env=environment, timeout=PATIENCE_S,
                              check=False, **more)

    def new(self):
        """What is in new/, by name; nothing is ever left in tmp/."""
        self.assertEqual(os.listdir(self.spool / "tmp"), [])
        return {path.name: path.read_bytes() for path in (self.spool / "new").iterdir()}

    def written(self, name, data):
        path = self.folder / name
        path.write_bytes(data)
        return str(path)


class Submit(Spool):
    def submit(self, *words, **more):
        return self.run_program([LONGSHIP, "submit", *words], **more)

    def test_files_are_copied_whole_under_their_names(self):
        one, two = self.written("one.eml", ENVELOPE + MESSAGE), self.written("two.eml", ENVELOPE + b"\nx\n")
        run = self.submit("--spool", str(self.spool), one, two)
        self.assertEqual((run.returncode, run.stderr), (0, b""))
        self.assertEqual(self.new(), {"one.eml": ENVELOPE + MESSAGE, "two.eml": ENVELOPE + b"\nx\n"})
        self.assertEqual(run.stdout.decode(), f"{one}: one.eml\n{two}: two.eml\n")
        self.assertEqual(os.listdir(self.folder / "spool" / "bad"), [])

    def test_a_name_that_is_taken_or_hidden_gets_a_number(self):
        (self.spool / "new" / "one.eml").write_bytes(b"another")
        one, hidden = self.written("one.eml", ENVELOPE + b"\n1\n"), self.written(".h", ENVELOPE + b"\n2\n")
        long = self.written("l" * 255, ENVELOPE + b"\n3\n")
        (self.spool / "new" / ("l" * 255)).write_bytes(b"another")
        run = self.submit(one, hidden, long, "-", env={"LONGSHIP_SPOOL": str(self.spool)},
                          data=ENVELOPE + b"\n4\n")
        self.assertEqual((run.returncode, run.stderr), (0, b""))
        new = self.new()
        self.assertEqual(new["one.eml"], b"another")
        names = sorted(new, key=lambda name: new[name])
        self.assertEqual(len(names), 6)
        self.assertRegex(names[0], r"^one\.eml-[0-9a-f]{16}$")
        self.assertRegex(names[1], r"^h-[0-9a-f]{16}$")
        self.assertRegex(names[2], r"^l{238}-[0-9a-f]{16}$")
        self.assertEqual(names[3], "stdin")

    def test_what_the_sender_would_put_into_bad_is_refused_and_the_others_go_in(self):
        bad = {"no-sender": b"X-Receiver: <a@b.c>\n\n", "no-receiver": b"X-Sender: <>\n\n", "plain": MESSAGE,
               "empty": b"", "nul": ENVELOPE + b"\na\0b\n", "long": ENVELOPE + b"\n" + b"x" * 999 + b"\n",
               "address": ENVELOPE + b"X-Receiver: <no address>\n\n"}
        says = {"no-sender": b"no sender", "no-receiver": b"no receiver", "plain": b"no sender",
                "empty": b"empty", "nul": b"NUL", "long": b"999 octets", "address": b"line 3"}
        for name, data in bad.items():
            run = self.submit("--spool", str(self.spool), self.written(name, data),
                              self.written("good-" + name, ENVELOPE + b"\nx\n"))
            self.assertEqual(run.returncode, 1, run.stderr)
            self.assertIn(says[name], run.stderr)
            self.assertEqual(list(self.new()), ["good-" + name])
            (self.spool / "new" / ("good-" + name)).unlink()

    def test_check_writes_nothing_and_json_says_each(self):
        good, bad = self.written("good", ENVELOPE + b"\nx\n"), self.written("bad", b"x")
        run = self.submit("--check", "--json", good, bad)
        self.assertEqual(run.returncode, 1)
        answers = [json.loads(line) for line in run.stdout.splitlines()]
        self.assertEqual([(a["file"], a["taken"], a["name"]) for a in answers],
                         [(good, True, ""), (bad, False, "")])
        self.assertIn("line 1", answers[1]["reason"])
        self.assertEqual(self.new(), {})

    def test_without_a_spool_or_a_file_it_says_what_is_missing(self):
        one = self.written("one.eml", ENVELOPE + b"\nx\n")
        for words, says in (([one], b"--spool"), (["--spool", str(self.spool)], b"FILE"),
                            (["--spool", str(self.folder / "none"), one], b"longship send"),
                            (["--spool", str(self.spool), str(self.folder / "none")], b"none")):
            run = self.submit(*words)
            self.assertEqual(run.returncode, 2, words)
            self.assertIn(says, run.stderr)

    def test_a_batch_is_looked_at_and_told_from_where_on_it_is_bad(self):
        head = b"EHLO x\nMAIL FROM:<a@b.c>\nRCPT TO:<no address>\nRCPT TO:<d@e.f>\nDATA\nSubject: s\n\n..\n.\n"
        good = self.written("good", head + b"QUIT\n")
        run = self.submit("--check", good)
        self.assertEqual((run.returncode, run.stdout.decode()), (0, f"{good}: would be taken\n"))
        self.assertIn(b"recipients that cannot be sent to: 1; the first, line 3: 'no address' is not", run.stderr)
        answer = json.loads(self.submit("--check", "--json", good).stdout)
        self.assertEqual((answer["taken"], answer["recipients_refused"]), (True, 1))
        for tail, says in ((b"MAIL FROM:<a@b.c>\nRCPT TO:<d@e.f>\n", b"ends inside of a transaction"),
                           (b"Subject: x\n", b"line 10, at offset 84"),
                           (b"MAIL FROM:<a@b.c>\nRCPT TO:<d@e.f>\nDATA\na\rb\n.\n", b"transaction in line 10")):
            run = self.submit("--check", self.written("bad", head + tail))
            self.assertEqual(run.returncode, 1, run.stderr)
            self.assertIn(says, run.stderr)
        # What is good of it is put; of its bad recipients the sender tells by events.
        run = self.submit("--spool", str(self.spool), good)
        self.assertEqual(run.returncode, 0)
        self.assertIn(b"recipients that cannot be sent to: 1", run.stderr)
        self.assertEqual(self.new(), {"good": head + b"QUIT\n"})

    def job(self, **changes):
        folder = self.folder / "job"
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        lines = b'{"to":"a@b.c","vars":{"name":"Ann"}}\n{"to":"no address"}\n\n{"to":"d@e.f"}'
        files = {"template.eml": b"Subject: Hello {{name|you}}\n\nx\n", "recipients.jsonl": lines,
                 "manifest.json": {"version": 1, "id": "may", "recipients": 3, "sender": "n@l.e",
                                   "recipients_bytes": len(lines)}}
        files["manifest.json"].update(changes.pop("manifest", {}))
        files["manifest.json"] = json.dumps(files["manifest.json"]).encode()
        for name, data in {**files, **changes.pop("files", {})}.items():
            if data is not None:
                (folder / name).write_bytes(data)
        return str(folder)

    def test_a_job_directory_must_be_what_its_manifest_says(self):
        run = self.submit("--check", self.job())
        self.assertEqual(run.returncode, 0, run.stderr)
        self.assertIn(b"recipients that cannot be sent to: 1; the first, line 2: 'to': 'no'", run.stderr)
        for changes, says in (({"manifest": {"recipients": 4}}, b"says 4 recipients, and there are 3"),
                              ({"manifest": {"recipients_bytes": 7}}, b"says 7 octets in recipients.jsonl"),
                              ({"manifest": {"verp": "{{x"}}, b"manifest.json: verp"),
                              ({"manifest": {"sender": "x"}}, b"manifest.json: sender"),
                              ({"files": {"template.eml": b"x\n"}}, b"template.eml: line 1"),
                              ({"files": {"template.eml": None}}, b"without template.eml"),
                              ({"files": {"recipients.jsonl": None}}, b"without recipients.jsonl"),
                              ({"files": {"manifest.json": None}}, b"without manifest.json")):
            run = self.submit("--check", self.job(**changes))
            self.assertEqual(run.returncode, 1, changes)
            self.assertIn(says, run.stderr)
        run = self.submit("--spool", str(self.spool), self.job())
        self.assertEqual(run.returncode, 1)
        self.assertIn(b"a job directory", run.stderr)
        self.assertEqual(self.new(), {})

    def test_links_and_fifos_of_the_caller_do_not_hang(self):
        os.mkfifo(self.folder / "fifo")
        run = self.submit("--spool", str(self.spool), str(self.folder / "fifo"))
        self.assertEqual(run.returncode, 2)
        self.assertEqual(self.new(), {})

    @unittest.skipIf(not os.path.exists("/dev/full"), "no /dev/full")
    def test_standard_output_that_cannot_be_written_is_an_error(self):
        one = self.written("one.eml", ENVELOPE + b"\nx\n")
        with open("/dev/full", "wb") as full:
            run = subprocess.run([LONGSHIP, "submit", "--spool", str(self.spool), one], stdout=full,
                                 stderr=subprocess.PIPE, timeout=PATIENCE_S, check=False)
        self.assertEqual(run.returncode, 2)


class Sendmail(Spool):
    def sendmail(self, *words, data=MESSAGE, env=(), **more):
        run = self.run_program([SENDMAIL, *words], data=data,
                               env={"LONGSHIP_SPOOL": str(self.spool), **dict(env)}, **more)
        self.assertEqual(run.stdout if run.returncode else b"", b"")
        return run

    def one(self):
        (data,) = self.new().values()
        head, _, body = data.partition(b"\n\n")
        return head.decode().split("\n"), body

    def test_php_gets_its_mail_into_the_spool(self):
        run = self.sendmail("-t", "-i", "-fbounce@a.example", data=MESSAGE.replace(b"\n", b"\r\n"))
        self.assertEqual((run.returncode, run.stderr), (0, b""))
        (data,) = self.new().values()
        self.assertEqual(data, b"X-Sender: <bounce@a.example>\nX-Receiver: <ann@a.example>\n"
                         b"X-Receiver: <hid@h.example>\nFrom: me@a.example\r\nTo: Ann <ann@a.example>\r\n"
                         b"Subject: s\r\n\r\nbody\r\n.\r\nmore\r\n")

    def test_without_i_a_dot_ends_the_message(self):
        self.assertEqual(self.sendmail("ann@a.example").returncode, 0)
        self.assertEqual(self.one()[1], b"body\n")

    def test_cron_writes_to_a_name_of_this_host(self):
        run = self.sendmail("-FCronDaemon", "-i", "-B8BITMIME", "-oem", "root",
                            data=b"Subject: Cron\nTo: root\n\ndone\n")
        self.assertEqual((run.returncode, run.stderr), (0, b""))
        caller = pwd.getpwuid(os.getuid()).pw_name
        self.assertEqual(self.one()[0], [f"X-Sender: <{caller}@host.example> BODY=8BITMIME",
                                         "X-Receiver: <root@host.example>",
                                         f"From: CronDaemon <{caller}@host.example>",
                                         "Subject: Cron", "To: root"])

    def test_wishes_for_notifications_come_through(self):
        self.assertEqual(self.sendmail("-Nsuccess,delay", "-Rhdrs", "-V", "a+b c", "-f", "x@y.z", "ann@a.example",
                                       data=b"From: x@y.z\n\n").returncode, 0)
        self.assertEqual(self.one()[0][:2], ["X-Sender: <x@y.z> RET=HDRS ENVID=a+2Bb+20c",
                                             "X-Receiver: <ann@a.example> NOTIFY=success,delay"])

    def test_the_null_sender_may_send(self):
        self.assertEqual(self.sendmail("-f", "<>", "ann@a.example").returncode, 0)
        self.assertEqual(self.one()[0][0], "X-Sender: <>")

    def test_each_refusal_has_the_status_that_callers_know(self):
        gone = str(self.folder / "none")
        for words, data, status, says in (
                (["-t"], b"From: a@b.c\n\n", 65, b"no receiver"),
                ([], MESSAGE, 64, b"no receiver"),
                (["-bs"], MESSAGE, 64, b"-bs"),
                (["-f", "no address@", "a@b.c"], MESSAGE, 64, b"address"),
                (["-N", "never,success", "a@b.c"], MESSAGE, 65, b"NOTIFY"),
                (["-N", "never a", "a@b.c"], MESSAGE, 64, b"-N"),
                (["-V", "x" * 101, "a@b.c"], MESSAGE, 64, b"-V"),
                (["a b"], MESSAGE, 65, b"no address"),
                (["a@b.c"], b"From: a@b.c\n\na\0b\n", 65, b"NUL"),
                (["a@b.c"], b"From: a@b.c\n\na\rb\n", 65, b"CR"),
                (["--spool", gone, "a@b.c"], MESSAGE, 78, b"no spool")):
            run = self.sendmail(*words, data=data)
            self.assertEqual(run.returncode, status, (words, run.stderr))
            self.assertIn(says, run.stderr, words)
            self.assertEqual(self.new(), {})

    def test_an_address_without_domain_needs_one(self):
        run = self.sendmail("--domain", "-bad-", "root")
        self.assertEqual(run.returncode, 64)
        run = self.sendmail("--domain=d.example", "root")
        self.assertEqual(run.returncode, 0)
        self.assertIn("X-Receiver: <root@d.example>", self.one()[0])

    @unittest.skipIf(os.getuid() == 0, "root may write everywhere")
    def test_a_spool_that_may_not_be_written_is_77(self):
        os.chmod(self.spool / "tmp", stat.S_IRUSR | stat.S_IXUSR)
        self.addCleanup(os.chmod, self.spool / "tmp", stat.S_IRWXU)
        self.assertEqual(self.sendmail("ann@a.example").returncode, 77)

    def test_nothing_is_said_to_be_in_before_it_is_on_the_disk(self):
        strace = shutil.which("strace")
        if strace is None:
            self.skipTest("strace is missing")
        log = self.folder / "trace"
        run = self.run_program([strace, "-f", "-qq", "-o", str(log), "-e", "trace=fsync,renameat2,exit_group",
                                SENDMAIL, "-i", "ann@a.example"], data=MESSAGE,
                               env={"LONGSHIP_SPOOL": str(self.spool), "ASAN_OPTIONS": "detect_leaks=0"})
        if run.returncode != 0 and b"ptrace" in run.stderr:
            self.skipTest("ptrace is forbidden here")
        self.assertEqual(run.returncode, 0, run.stderr)
        calls = [line.split("(")[0].split()[-1] for line in log.read_text().splitlines() if "(" in line]
        self.assertEqual(calls, ["fsync", "renameat2", "fsync", "exit_group"])

    def test_bytes_of_any_size_come_through(self):
        for size in (0, 1, 65535, 65536, 65537, 3 << 20):
            body = (b"0123456789abcde\n" * (size // 16 + 1))[:size]
            self.assertEqual(self.sendmail("-i", "ann@a.example", data=b"From: a@b.c\n\n" + body).returncode, 0)
            self.assertEqual(self.one()[1], body)
            for name in os.listdir(self.spool / "new"):
                (self.spool / "new" / name).unlink()


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
