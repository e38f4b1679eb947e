"""Exim as a sender: queue runners side by side.

Connections are not passed on from one message to the next: for that Exim needs two-phase queue runs, which route
all mail first, and starts a process more for each message; measured here, this takes half as much CPU again and
delivers one message at a time to a host."""

import os
import shutil
import subprocess

import lab as lab_module
from compare_peer import DRAIN_SECONDS, Missing, Peer, files_in
from receivers import EXIM

TLS = {
    "none": "hosts_avoid_tls = *",
    "encrypt": "hosts_require_tls = *",
    "dane": "hosts_require_dane = *",
}
RUNNERS = 8


class Exim(Peer):
    name = "Exim"
    settings = (f"{RUNNERS} queue runners (-q), message_logs = false, split_spool_directory, no roots of certificates "
                "loaded; its two-phase runs (-qq), which pass connections on, take more CPU and are slower")
    share = 10

    def __init__(self, bench):
        super().__init__(bench)
        program = os.path.join(lab_module.SERVERS, "usr/sbin/exim4")
        if not os.access(program, os.X_OK):
            raise Missing("the package exim4-daemon-light")
        if bench.lab.single_user:
            raise Missing("user ids beside one's own (run as root, or see /etc/subuid)")
        # A binary of root's, at a path of its own: Exim runs itself again for each message.
        self._program = os.path.join(self.directory, "exim4")
        shutil.copy(program, self._program)
        os.chmod(self._program, 0o4755)
        self._logs = os.path.join(self.directory, "log")
        os.makedirs(self._logs)
        os.chown(self._logs, EXIM, EXIM)
        said = subprocess.run([self._program, "-bV"], capture_output=True, text=True, check=False).stdout
        self._version = said.split()[2] if said.startswith("Exim version ") else "unknown"
        if " DANE" not in said:
            self.cannot = {"dane": "built without DANE"}

    def version(self):
        return self._version

    def make_queue(self):
        shutil.rmtree(self.queue, ignore_errors=True)
        os.makedirs(self.queue)
        os.chown(self.queue, EXIM, EXIM)

    def queued(self):
        return files_in(os.path.join(self.queue, "input"))

    def receiving(self):
        return [self._program, "-C", self._config("receiving", "none"), "-bdf"]

    def sending(self, level):
        runner = f"'{self._program}' -C '{self._config(level, level)}' -q &"
        return ["sh", "-c", "\n".join([runner] * RUNNERS + ["wait"])]

    def wait_done(self):
        """Until the runners have ended, as they do when the queue is empty."""
        self.process.wait(DRAIN_SECONDS)
        super().wait_done()

    def log(self):
        text = self.process.tail()
        for name in ("paniclog", "mainlog"):
            path = os.path.join(self._logs, name)
            if os.path.exists(path):
                with open(path, errors="replace") as file:
                    text += "".join(file.readlines()[-20:])
        return text

    def _config(self, name, level):
        path = os.path.join(self.directory, f"exim-{name}.conf")
        with open(path, "w") as file:
            file.write(f"""
exim_path = {self._program}
primary_hostname = mail.sender.lab
spool_directory = {self.queue}
log_file_path = {self._logs}/%s
pid_file_path = {self.directory}/exim.pid
local_interfaces = {self.address}
daemon_smtp_ports = 25
disable_ipv6 = true
dns_dnssec_ok = 1
acl_smtp_rcpt = accept_all
acl_smtp_data = accept_all
host_lookup =
rfc1413_hosts =
never_users =
# -C makes Exim give up root; it then delivers as its own user.
deliver_drop_privilege = true
tls_advertise_hosts =
smtp_accept_max = 100
smtp_accept_max_per_connection = 0
smtp_accept_queue_per_connection = 0
split_spool_directory = true
message_logs = false
queue_only = true
trusted_users = root
keep_environment =
begin acl
accept_all:
  accept
begin routers
all:
  driver = dnslookup
  self = send
  transport = out
begin transports
out:
  driver = smtp
  tls_verify_certificates =
  tls_try_verify_hosts =
  {TLS[level]}
begin retry
* * F,1h,1m
""")
        os.chmod(path, 0o644)
        return path
