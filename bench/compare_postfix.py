"""Postfix as a sender: with TLS connection reuse, and as many processes as are of use here."""

import os
import re
import shutil
import subprocess

import lab as lab_module
from compare_peer import Missing, Peer, files_in
from receivers import POSTFIX, make_postfix_queue

PROCESSES = 40
TROUBLE = re.compile(r"warning:|error:|fatal:|panic:|status=(?!sent)")
TLS = {
    "none": "smtp_tls_security_level = none",
    "encrypt": "smtp_tls_security_level = encrypt",
    # dane-only: DANE is demanded, not only taken where it is there.
    "dane": "smtp_tls_security_level = dane-only\nsmtp_dns_support_level = dnssec",
}


class Postfix(Peer):
    name = "Postfix"
    settings = (f"smtp_tls_connection_reuse = yes, no limit of deliveries on a connection, {PROCESSES} smtp "
                "processes, all destinations at full concurrency from the start")

    def __init__(self, bench):
        super().__init__(bench)
        self._usr = os.path.join(lab_module.SERVERS, "usr")
        self._master = os.path.join(self._usr, "lib/postfix/sbin/master")
        if not os.access(self._master, os.X_OK):
            raise Missing("the package postfix")
        if bench.lab.single_user:
            raise Missing("user ids beside one's own (run as root, or see /etc/subuid)")
        self._data = os.path.join(self.directory, "data")
        os.makedirs(self._data)
        os.chown(self._data, POSTFIX, POSTFIX)

    def version(self):
        postconf = os.path.join(self._usr, "sbin/postconf")
        done = subprocess.run([postconf, "-d", "-h", "mail_version"], capture_output=True, text=True, check=True,
                              env={**os.environ, "LD_LIBRARY_PATH": os.path.join(self._usr, "lib/postfix")})
        return done.stdout.strip()

    def environment(self):
        return {"LD_LIBRARY_PATH": os.path.join(self._usr, "lib/postfix")}

    def make_queue(self):
        shutil.rmtree(self.queue, ignore_errors=True)
        make_postfix_queue(self.queue)

    def queued(self):
        return [directory for part in ("incoming", "active", "deferred")
                for directory in files_in(os.path.join(self.queue, part))]

    def receiving(self):
        # Without a queue manager what cleanup writes stays in incoming.
        return self._command("receiving", "", f"""
{self.address}:25 inet n - n - - smtpd
cleanup unix n - n - 0 cleanup
""")

    def sending(self, level):
        return self._command(level, TLS[level], """
qmgr unix n - n 300 1 qmgr
smtp unix - - n - - smtp
tlsproxy unix - - n - 0 tlsproxy
scache unix - - n - 1 scache
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
error unix - - n - - error
retry unix - - n - - error
""")

    def log(self):
        path = os.path.join(self.directory, "maillog")
        if not os.path.exists(path):
            return self.process.tail()
        with open(path, errors="replace") as file:
            troubles = [line for line in file if TROUBLE.search(line)]
        return self.process.tail() + "".join(troubles[-20:])

    def _command(self, name, tls, services):
        config = os.path.join(self.directory, f"etc-{name}")
        os.makedirs(config, exist_ok=True)
        with open(os.path.join(config, "main.cf"), "w") as file:
            file.write(f"""
compatibility_level = 3.6
config_directory = {config}
meta_directory = {config}
shlib_directory = {self._usr}/lib/postfix
daemon_directory = {self._usr}/lib/postfix/sbin
command_directory = {self._usr}/sbin
queue_directory = {self.queue}
data_directory = {self._data}
import_environment = MAIL_CONFIG MAIL_LOGTAG LD_LIBRARY_PATH TZ
mail_owner = postfix
setgid_group = postdrop
maillog_file = {self.directory}/maillog
maillog_file_prefixes = {self.directory}
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
myhostname = mail.sender.lab
mydestination =
mynetworks = 127.0.0.0/8
alias_maps =
local_recipient_maps =
message_size_limit = 0
smtpd_relay_restrictions = permit_mynetworks, reject
smtpd_peername_lookup = no
smtpd_client_connection_count_limit = 0
in_flow_delay = 0
tls_random_source = dev:/dev/urandom
default_process_limit = {PROCESSES}
initial_destination_concurrency = {PROCESSES}
default_destination_concurrency_limit = {PROCESSES}
smtp_connection_cache_on_demand = yes
smtp_connection_reuse_count_limit = 0
smtp_tls_connection_reuse = yes
{tls}
""")
        with open(os.path.join(config, "master.cf"), "w") as file:
            file.write(f"""
tlsmgr unix - - n 1000? 1 tlsmgr
rewrite unix - - n - - trivial-rewrite
proxymap unix - - n - - proxymap
anvil unix - - n - 1 anvil
postlog unix-dgram n - n - 1 postlogd
{services}""")
        return [self._master, "-c", config]
