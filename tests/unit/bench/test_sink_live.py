#!/usr/bin/env python3
"""longship-sink over real sockets: what its session cannot show, since it does no I/O. Usage:
test_sink_live.py LONGSHIP-SINK LONGSHIP-FLOOR LONGSHIP-LOAD"""
import datetime
import json
import os
import pathlib
import signal
import socket
import ssl
import struct
import subprocess
import sys
import tempfile
import time
import unittest

try:
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.x509.oid import NameOID
except ImportError:
    print("python3-cryptography is missing")
    sys.exit(77)

SINK, FLOOR, LOAD = sys.argv[1:4]
NO_URING, SKIPPED = 69, 77
PATIENCE_S = 20


def make_certificate(folder, name):
    """A key and a self-signed certificate; returns the two paths."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.datetime(2024, 1, 1)
    cert = (x509.CertificateBuilder().subject_name(subject).issuer_name(subject)
            .public_key(key.public_key()).serial_number(x509.random_serial_number())
            .not_valid_before(now).not_valid_after(now + datetime.timedelta(days=36500))
            .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), False)
            .sign(key, hashes.SHA256()))
    cert_path, key_path = folder / f"{name}.pem", folder / f"{name}.key"
    cert_path.write_bytes(cert.public_bytes(serialization.Encoding.PEM))
    key_path.write_bytes(key.private_bytes(serialization.Encoding.PEM,
                                           serialization.PrivateFormat.PKCS8, serialization.NoEncryption()))
    return str(cert_path), str(key_path)


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def tls_context():
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


class Client:
    """A client that sees octets as they come."""

    def __init__(self, port, address="127.0.0.1"):
        self.socket = socket.create_connection((address, port), timeout=PATIENCE_S)
        self.pending = b""

    def say(self, text):
        self.socket.sendall(text.encode() if isinstance(text, str) else text)

    def line(self):
        while b"\n" not in self.pending:
            piece = self.socket.recv(65536)
            if not piece:
                raise EOFError(self.pending)
            self.pending += piece
        line, self.pending = self.pending.split(b"\n", 1)
        return line.rstrip(b"\r").decode("latin-1")

    def reply(self):
        lines = [self.line()]
        while lines[-1][3:4] == "-":
            lines.append(self.line())
        return lines

    def ask(self, text):
        self.say(text + "\r\n")
        return self.reply()

    def rest(self):
        """Everything until the end, and how it ended."""
        data = self.pending
        try:
            while piece := self.socket.recv(65536):
                data += piece
        except ConnectionResetError:
            return data, "reset"
        return data, "end"

    def hello(self):
        self.reply()
        return self.ask("EHLO client.lab")

    def to_tls(self, name="sink.lab"):
        self.hello()
        assert self.ask("STARTTLS")[0].startswith("220")
        self.socket = tls_context().wrap_socket(self.socket, server_hostname=name)
        return self.ask("EHLO client.lab")

    def send(self, rcpt="ann@d1.lab", text="Subject: x\r\n\r\nhi\r\n"):
        self.ask("MAIL FROM:<a@b.lab>")
        reply = self.ask(f"RCPT TO:<{rcpt}>")
        if not reply[0].startswith("250"):
            return reply
        self.ask("DATA")
        self.say(text)
        return self.ask(".")


class Sink:
    """longship-sink for the time of a test."""

    def __init__(self, folder, *flags, addresses=("127.0.0.1",)):
        self.folder, self.port, self.clients = folder, free_port(), []
        cert, key = make_certificate(folder, "sink.lab")
        self.report_path = folder / "report.json"
        command = [SINK, "--workers", "2", "--cert", cert, "--key", key, "--report", str(self.report_path), "--quiet"]
        for address in addresses:
            command += ["--listen", f"{address}:{self.port}"]
        self.process = subprocess.Popen(command + list(flags), stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                        text=True)
        if "ready" not in self.process.stdout.readline():
            status = self.process.wait()
            message = self.process.stderr.read()
            if status == NO_URING:
                print(message)
                os._exit(SKIPPED)
            raise RuntimeError(f"status {status}: {message}")

    def client(self, address="127.0.0.1"):
        self.clients.append(Client(self.port, address))
        return self.clients[-1]

    def report(self):
        self.report_path.unlink(missing_ok=True)
        self.process.send_signal(signal.SIGUSR1)
        for _ in range(PATIENCE_S * 100):
            if self.report_path.exists():
                return json.loads(self.report_path.read_text())
            time.sleep(0.01)
        raise TimeoutError("no report")

    def stop(self):
        for client in self.clients:
            client.socket.close()
        self.process.terminate()
        status = self.process.wait(PATIENCE_S)
        self.process.stdout.close()
        self.process.stderr.close()
        return status


class LiveSink(unittest.TestCase):
    def setUp(self):
        self.temporary = tempfile.TemporaryDirectory()
        self.folder = pathlib.Path(self.temporary.name)
        self.sink = None

    def tearDown(self):
        if self.sink is not None:
            self.assertIn(self.sink.stop(), (0, 1))
        self.temporary.cleanup()

    def start(self, *flags, **more):
        self.sink = Sink(self.folder, *flags, **more)
        return self.sink

    def test_mail_arrives_inside_tls_and_is_stored_as_it_was_sent(self):
        store, mail_log, log = self.folder / "store", self.folder / "mail.log", self.folder / "dialogue.log"
        sink = self.start("--store", str(store), "--mail-log", str(mail_log), "--log", str(log))
        client = sink.client()
        self.assertNotIn("250-STARTTLS", client.to_tls())
        text = "Subject: x\r\n\r\n..dot\r\n" + "line\r\n" * 20000
        self.assertTrue(client.send(text=text)[0].startswith("250"))
        client.ask("QUIT")
        self.assertEqual(client.rest(), (b"", "end"))
        report = sink.report()
        self.assertEqual(report["counters"]["messages_tls"], 1)
        self.assertEqual(report["counters"]["handshakes"], 1)
        self.assertEqual(report["oddities"]["NO_QUIT"], 0)
        lines = [json.loads(line) for line in mail_log.read_text().splitlines()]
        self.assertEqual([line["event"] for line in lines], ["message", "session"])
        self.assertEqual(lines[0]["rcpts"], [{"address": "ann@d1.lab", "parameters": ""}])
        self.assertEqual(lines[0]["sni"], "sink.lab")
        stored = (store / lines[0]["file"]).read_bytes()
        self.assertEqual(stored, text.replace("\r\n..dot", "\r\n.dot").encode())
        dialogue = log.read_text()
        self.assertIn(" plain C: STARTTLS\n", dialogue)
        self.assertIn(" tls C: MAIL FROM:<a@b.lab>\n", dialogue)

    def test_a_second_certificate_answers_to_its_name(self):
        cert, key = make_certificate(self.folder, "other.lab")
        sink = self.start("--identity", f"other.lab={cert},{key}")
        for name in ("sink.lab", "other.lab"):
            client = sink.client()
            client.to_tls(name)
            shown = x509.load_der_x509_certificate(client.socket.getpeercert(True))
            self.assertEqual(shown.subject.rfc4514_string(), f"CN={name}")

    def test_misbehaviour_of_the_handshake(self):
        cases = {
            "tls-garbage": lambda data, end: data.startswith(b"These octets are not TLS") and end == "end",
            "tls-alert:42": lambda data, end: data == bytes.fromhex("1503030002022a") and end == "end",
            "tls-close": lambda data, end: data == b"" and end == "end",
            "tls-reset": lambda data, end: data == b"" and end == "reset",
        }
        addresses = [f"127.0.0.{10 + n}" for n in range(len(cases))]
        flags = [flag for address, bug in zip(addresses, cases) for flag in ("--bug", f"{address}/{bug}")]
        sink = self.start(*flags, addresses=addresses)
        for address, (bug, holds) in zip(addresses, cases.items()):
            client = sink.client(address)
            client.hello()
            client.ask("STARTTLS")
            client.say(b"\x16\x03\x01\x00\x05hello")
            self.assertTrue(holds(*client.rest()), bug)

    def test_a_handshake_that_stalls_or_drips(self):
        sink = self.start("--bug", "127.0.0.10/tls-stall", "--bug", "127.0.0.11/tls-drip:20",
                          addresses=("127.0.0.10", "127.0.0.11"))
        client = sink.client("127.0.0.10")
        client.hello()
        client.ask("STARTTLS")
        client.say(b"\x16\x03\x01\x00\x05hello")
        client.socket.settimeout(0.5)
        self.assertRaises(socket.timeout, client.socket.recv, 1)
        client = sink.client("127.0.0.11")
        client.hello()
        client.ask("STARTTLS")
        client.say(b"\x16\x03\x01\x00\x05hello")
        began, data = time.monotonic(), b""
        while len(data) < 20:
            data += client.socket.recv(100)
        self.assertEqual(data[:9], bytes.fromhex("160303400002003ffc"))
        self.assertGreater(time.monotonic() - began, 0.15)

    def test_tls_that_drops_or_speaks_first(self):
        sink = self.start("--bug", "127.0.0.10/tls-drop", "--bug", "127.0.0.11/greet-tls",
                          addresses=("127.0.0.10", "127.0.0.11"))
        client = sink.client("127.0.0.10")
        with self.assertRaises((EOFError, ConnectionResetError, BrokenPipeError, ssl.SSLError)):
            client.to_tls()
        client = sink.client("127.0.0.11")
        self.assertIn("220 Hello again", client.to_tls()[0])

    def test_settings_of_tls_belong_to_an_address(self):
        sink = self.start("--bug", "127.0.0.10/tls-max:1.2", "--bug", "127.0.0.11/tls-client-cert",
                          "--bug", "127.0.0.12/tls-name", addresses=[f"127.0.0.{n}" for n in (10, 11, 12, 13)])
        for address, version in (("127.0.0.10", "TLSv1.2"), ("127.0.0.13", "TLSv1.3")):
            client = sink.client(address)
            client.to_tls()
            self.assertEqual(client.socket.version(), version)
        client = sink.client("127.0.0.11")
        with self.assertRaises((ssl.SSLError, EOFError, ConnectionResetError)):
            client.to_tls()
        client = sink.client("127.0.0.12")
        with self.assertRaises(ssl.SSLError):
            client.to_tls("unknown.lab")

    def test_plaintext_injected_late_comes_before_the_handshake(self):
        sink = self.start("--bug", "inject-late:200")
        client = sink.client()
        client.hello()
        began = time.monotonic()
        self.assertEqual(client.ask("STARTTLS"), ["220 2.0.0 Go ahead"])
        client.say(b"\x16\x03\x01")
        self.assertEqual(client.line(), "250 Injected, late")
        self.assertGreater(time.monotonic() - began, 0.15)

    def test_octets_by_drips(self):
        sink = self.start("--bug", "drip-mail:20")
        client = sink.client()
        client.hello()
        began = time.monotonic()
        self.assertEqual(client.ask("MAIL FROM:<a@b.lab>"), ["250 2.1.0 Ok"])
        self.assertGreater(time.monotonic() - began, 12 * 0.018)
        self.assertEqual(client.ask("RCPT TO:<ann@d1.lab>"), ["250 2.1.5 Ok"])

    def test_an_endless_reply_is_read_at_leisure(self):
        sink = self.start("--bug", "endless-ehlo")
        client = sink.client()
        client.reply()
        client.say("EHLO client.lab\r\n")
        for _ in range(20000):
            self.assertTrue(client.line().startswith("250-"))
        client.socket.close()
        other = sink.client()
        other.reply()
        self.assertEqual(other.ask("NOOP"), ["250 2.0.0 Ok"])

    def test_a_half_closed_connection_still_reads(self):
        sink = self.start("--bug", "halfclose-mail")
        client = sink.client()
        client.hello()
        self.assertEqual(client.ask("MAIL FROM:<a@b.lab>"), ["250 2.1.0 Ok"])
        self.assertEqual(client.socket.recv(100), b"")
        client.say("RCPT TO:<ann@d1.lab>\r\n" * 100)
        time.sleep(0.1)
        client.say("RCPT TO:<ann@d1.lab>\r\n")

    def test_resets_and_deafness_inside_the_body(self):
        sink = self.start("--bug", "127.0.0.10/body-reset:100", "--bug", "127.0.0.11/body-stall:100",
                          addresses=("127.0.0.10", "127.0.0.11"))
        client = sink.client("127.0.0.10")
        client.hello()
        for command in ("MAIL FROM:<a@b.lab>", "RCPT TO:<ann@d1.lab>", "DATA"):
            client.ask(command)
        client.say("x" * 200)
        self.assertEqual(client.rest()[1], "reset")
        client = sink.client("127.0.0.11")
        client.hello()
        for command in ("MAIL FROM:<a@b.lab>", "RCPT TO:<ann@d1.lab>", "DATA"):
            client.ask(command)
        client.socket.settimeout(1)
        with self.assertRaises(socket.timeout):
            for _ in range(1000):
                client.say(b"x" * 100000)

    def test_every_reply_comes_later_and_none_waits_for_another(self):
        sink = self.start("--delay", "200ms")
        clients = [sink.client() for _ in range(20)]
        began = time.monotonic()
        for client in clients:
            client.reply()
        for client in clients:
            client.say("EHLO client.lab\r\n")
        for client in clients:
            client.reply()
        for client in clients:
            client.say("MAIL FROM:<a@b.lab>\r\nRCPT TO:<ann@d1.lab>\r\nDATA\r\n")
        for client in clients:
            self.assertEqual([client.line()[:3] for _ in range(3)], ["250", "250", "354"])
        spent = time.monotonic() - began
        self.assertGreater(spent, 0.55)
        self.assertLess(spent, 2)
        self.assertTrue(all(client.ask(".")[0].startswith("250") for client in clients))

    def test_a_delayed_sink_still_does_tls(self):
        sink = self.start("--delay", "50ms")
        client = sink.client()
        client.to_tls()
        self.assertTrue(client.send()[0].startswith("250"))

    def test_what_comes_during_a_wait_is_kept_and_answered(self):
        sink = self.start("--bug", "delay-mail:200")
        client = sink.client()
        client.hello()
        client.say("MAIL FROM:<a@b.lab>\r\n")
        time.sleep(0.05)
        client.say("RCPT TO:<ann@d1.lab>\r\nDATA\r\n")
        self.assertEqual([client.line()[:3] for _ in range(3)], ["250", "250", "354"])

    def test_idle_and_silent_clients_are_closed(self):
        sink = self.start("--bug", "127.0.0.10/idle-421:200", "--patience", "1s", "--bug", "127.0.0.12/stall-mail",
                          addresses=("127.0.0.10", "127.0.0.11", "127.0.0.12"))
        idle = sink.client("127.0.0.10")
        idle.hello()
        began = time.monotonic()
        self.assertTrue(idle.line().startswith("421"))
        self.assertLess(time.monotonic() - began, 0.8)
        silent = sink.client("127.0.0.11")
        silent.reply()
        self.assertTrue(silent.line().startswith("421"))
        stalled = sink.client("127.0.0.12")
        stalled.hello()
        stalled.say("MAIL FROM:<a@b.lab>\r\n")
        stalled.socket.settimeout(2.5)
        self.assertRaises(socket.timeout, stalled.socket.recv, 1)

    def test_too_many_sessions_hear_421(self):
        sink = self.start("--bug", "sessions-max:2")
        first, second, third = sink.client(), None, None
        self.assertTrue(first.reply()[0].startswith("220"))
        second = sink.client()
        self.assertTrue(second.reply()[0].startswith("220"))
        third = sink.client()
        self.assertTrue(third.reply()[0].startswith("421"))
        first.ask("QUIT")
        first.rest()
        for _ in range(50):
            again = sink.client()
            if again.reply()[0].startswith("220"):
                break
            time.sleep(0.05)
        else:
            self.fail("the place of a session that ended is not given to another")

    def test_a_client_that_does_not_read_costs_only_itself(self):
        sink = self.start()
        greedy = sink.client()
        greedy.hello()
        greedy.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        greedy.socket.settimeout(1)
        try:
            for _ in range(200):
                greedy.say("NOOP\r\n" * 5000)
        except (socket.timeout, ConnectionResetError, BrokenPipeError):
            pass
        other = sink.client()
        other.hello()
        self.assertTrue(other.send()[0].startswith("250"))

    def test_a_reset_client_is_forgotten(self):
        sink = self.start()
        for _ in range(50):
            client = sink.client()
            client.hello()
            client.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            client.socket.close()
        for _ in range(100):
            if sink.report()["counters"]["sessions"] == 0:
                return
        self.fail("connections are left")


class Tools(unittest.TestCase):
    """The three programs with one another."""

    def setUp(self):
        self.temporary = tempfile.TemporaryDirectory()
        self.folder = pathlib.Path(self.temporary.name)

    def tearDown(self):
        self.temporary.cleanup()

    def run_tool(self, *command):
        return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)

    def test_floor_measures_against_the_sink(self):
        sink = Sink(self.folder)
        for more in ((), ("--handshakes",), ("--plain",), ("--workers", "2")):
            done = self.run_tool(FLOOR, "--to", f"127.0.0.1:{sink.port}", "--sessions", "20", "--messages", "400",
                                 "--rounds", "2", "--json", *more)
            self.assertEqual(done.returncode, 0, done.stderr)
            floor = json.loads(done.stdout)["floor"]
            self.assertEqual(floor["refused"], 0)
            self.assertGreater(floor["best"]["cpu_us"], 0)
            self.assertEqual(len(floor["rounds"]), 2)
        report = sink.report()
        self.assertGreaterEqual(report["counters"]["messages"], 3 * 800)
        self.assertEqual(report["counters"]["messages_intact"], report["counters"]["messages"])
        self.assertEqual({name: count for name, count in report["oddities"].items()
                          if count and name != "CLEARTEXT_MAIL"}, {})
        self.assertEqual(sink.stop(), 0)

    def test_floor_says_when_there_is_no_floor(self):
        done = self.run_tool(FLOOR, "--to", f"127.0.0.1:{free_port()}", "--sessions", "2")
        self.assertEqual(done.returncode, 3)
        self.assertIn("cannot connect", done.stderr)

    def test_files_are_measured_and_removed(self):
        done = self.run_tool(FLOOR, "--files", str(self.folder), "--messages", "50", "--rounds", "2", "--json")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(json.loads(done.stdout)["files"]["best"]["files"], 50)
        self.assertEqual(list(self.folder.iterdir()), [])

    def fill(self, *flags):
        done = self.run_tool(LOAD, "--spool", str(self.folder / "spool"), *flags)
        self.assertEqual(done.returncode, 0, done.stderr)
        return sorted((self.folder / "spool" / "new").iterdir())

    def test_load_refuses_what_is_no_spool(self):
        (self.folder / "spool").mkdir()
        done = self.run_tool(LOAD, "--spool", str(self.folder / "spool"))
        self.assertEqual(done.returncode, 3)
        self.assertIn("is no spool", done.stderr)

    def test_a_spool_is_filled_as_asked(self):
        files = self.fill("--create", "--count", "100", "--size", "2K", "--rcpts-per-message", "3", "--line-ends", "lf",
                          "--transactional", "50", "--sync", "all", "--manifest", str(self.folder / "manifest"))
        self.assertEqual(len(files), 100)
        self.assertEqual(list((self.folder / "spool" / "tmp").iterdir()), [])
        texts = [path.read_bytes() for path in files]
        self.assertTrue(all(text.count(b"X-Receiver:") == 3 and b"\r" not in text for text in texts))
        self.assertTrue(10 < sum(b"X-Longship-Class: transactional" in text for text in texts) < 90)
        rows = [line.split("\t") for line in (self.folder / "manifest").read_text().splitlines()
                if not line.startswith("#")]
        self.assertEqual({row[2] for row in rows}, {path.name for path in files})
        self.assertEqual(len({rcpt for row in rows for rcpt in row[4:]}), 300)

    def test_a_rate_is_kept(self):
        self.fill("--create", "--count", "0")
        began = time.monotonic()
        self.fill("--count", "100", "--rate", "200")
        self.assertGreater(time.monotonic() - began, 0.45)

    def test_the_manifest_decides_what_is_missing(self):
        """Every spool file is sent by hand; then one is left out, and one is sent twice."""
        manifest = self.folder / "manifest"
        files = self.fill("--create", "--count", "20", "--manifest", str(manifest))
        for send, status in ((files, 0), (files[1:], 1), (files + files[:1], 1)):
            sink = Sink(self.folder, "--manifest", str(manifest), "--expect", "20")
            client = sink.client()
            client.hello()
            for path in send:
                header, _, body = path.read_bytes().decode().partition("\r\n\r\n")
                lines = header.split("\r\n")
                rcpt = next(line for line in lines if line.startswith("X-Receiver:")).split("<")[1].rstrip(">")
                kept = [line for line in lines if not line.startswith(("X-Sender:", "X-Receiver:"))]
                body = ("\r\n" + body).replace("\r\n.", "\r\n..")
                reply = client.send(rcpt, "\r\n".join(kept) + "\r\n" + body)
                self.assertTrue(reply[0].startswith("250"), reply)
            report = sink.report()["deliveries"]
            self.assertEqual(report["missing"], 20 - len(set(send)))
            self.assertEqual(report["duplicates"], len(send) - len(set(send)))
            self.assertEqual((report["damaged"], report["unexpected"]), (0, 0))
            self.assertEqual(sink.stop(), status)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1], verbosity=2)
