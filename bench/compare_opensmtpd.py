"""OpenSMTPD as a sender: its limits of connections and its pauses between them taken away."""

import os
import shutil
import subprocess

import lab as lab_module
from compare_lab import DOMAINS
from compare_peer import Missing, Peer, files_in

USER, QUEUE_USER = 64711, 64712
SESSIONS = 10
RELAY = {"none": "relay", "encrypt": "relay tls no-verify"}


class OpenSmtpd(Peer):
    name = "OpenSMTPD"
    settings = (f"{SESSIONS} connections to a host, no pause between connections, 100,000 envelopes in flight")
    share = 3
    cannot = {"dane": "knows no DANE"}

    def __init__(self, bench):
        super().__init__(bench)
        self._program = os.path.join(lab_module.ROOT, "build/lab/peers/usr/sbin/smtpd")
        if not os.access(self._program, os.X_OK):
            raise Missing("the package opensmtpd")
        if bench.lab.single_user:
            raise Missing("user ids beside one's own (run as root, or see /etc/subuid)")
        for file, lines in (("passwd", (f"opensmtpd:x:{USER}:{USER}::/nonexistent:/usr/sbin/nologin",
                                        f"opensmtpq:x:{QUEUE_USER}:{QUEUE_USER}::/nonexistent:/usr/sbin/nologin")),
                            ("group", (f"opensmtpd:x:{USER}:", f"opensmtpq:x:{QUEUE_USER}:"))):
            add_lines(bench.path(file), lines)
        # Where it looks for things is compiled into it: it gets them by mounts of its own.
        self._mounts = {"/var/spool": self.queue}
        for target, part in (("/var/lib", "lib"), ("/run", "run")):
            self._mounts[target] = os.path.join(self.directory, part)
            os.makedirs(self._mounts[target])
        os.makedirs(os.path.join(self._mounts["/var/lib"], "opensmtpd/empty"))

    def version(self):
        done = subprocess.run([self._program, "-h"], capture_output=True, text=True, check=False)
        return (done.stdout + done.stderr).split("version: OpenSMTPD ")[1].split()[0]

    def make_queue(self):
        shutil.rmtree(self.queue, ignore_errors=True)
        os.makedirs(os.path.join(self.queue, "smtpd"), 0o711)

    def queued(self):
        return files_in(os.path.join(self.queue, "smtpd/queue"))

    def receiving(self):
        return self._command("receiving", "none", "-P", "mta")

    def sending(self, level):
        return self._command(level, level)

    def _command(self, name, level, *flags):
        config = os.path.join(self.directory, f"smtpd-{name}.conf")
        with open(config, "w") as file:
            file.write(f"""
listen on {self.address} port 25 hostname mail.sender.lab
smtp limit max-mails 1000000
action out {RELAY[level]} helo mail.sender.lab
match from any for any action out
mta limit inet4
mta limit max-conn-per-host {SESSIONS}
mta limit max-conn-per-route {SESSIONS}
mta limit max-conn-per-source {DOMAINS * SESSIONS}
mta limit max-conn-per-connector {DOMAINS * SESSIONS}
mta limit max-conn-per-relay {SESSIONS}
mta limit max-conn-per-domain {SESSIONS}
mta limit reconn-delay-route 0
mta limit conn-delay-host 0
mta limit conn-delay-source 0
mta limit conn-delay-connector 0
mta limit conn-delay-relay 0
mta limit conn-delay-domain 0
scheduler limit max-inflight 100000
""")
        os.chmod(config, 0o600)
        mounts = " && ".join(f"mount --bind '{source}' {target}" for target, source in self._mounts.items())
        return ["unshare", "--mount", "sh", "-c",
                f"{mounts} && exec '{self._program}' -d -f '{config}' {' '.join(flags)}"]


def add_lines(path, lines):
    with open(path, "r+") as file:
        there = file.read()
        file.write("".join(line + "\n" for line in lines if line not in there))
