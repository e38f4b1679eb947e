"""Real receivers: Postfix, Exim, aiosmtpd, longship-sink, each with STARTTLS on its own address.

Each class offers `address`, `keywords` (what it announces), and `mails(count)`: waits until so many
mails arrived and returns their contents, oldest first, with CRLF line ends and without the trace
headers that the receiver put on top. What is compared with that is compared byte by byte.

Postfix and Exim come unpacked (tests/lib/setup), run from there, and deliver to a maildir.
"""

import ctypes
import glob
import json
import os
import select
import shutil
import signal

import lab as lab_module
from sender import program

IN_MOVED_TO = 0x80
IN_CREATE = 0x100
# Users that tests/lab/inside makes.
POSTFIX, EXIM, LABMAIL, POSTDROP = 64701, 64702, 64703, 64704
# What the three put above what they received.
TRACE = (b"return-path", b"delivered-to", b"received", b"x-original-to", b"envelope-to",
         b"delivery-date", b"x-peer", b"x-mailfrom", b"x-rcptto")


def without_trace(content):
    """Takes leading trace headers off, with their continuation lines."""
    lines = content.split(b"\r\n")
    at = 0
    while at < len(lines) and lines[at].split(b":")[0].lower() in TRACE:
        at += 1
        while at < len(lines) and lines[at][:1] in (b" ", b"\t"):
            at += 1
    return b"\r\n".join(lines[at:])


class Directory:
    """Waits by inotify until a directory has so many files."""

    def __init__(self, path):
        self.path = path
        self._libc = ctypes.CDLL(None, use_errno=True)
        self._fd = self._libc.inotify_init1(os.O_CLOEXEC)
        watch = self._libc.inotify_add_watch(
            self._fd, path.encode(), IN_MOVED_TO | IN_CREATE)
        if self._fd < 0 or watch < 0:
            raise OSError(ctypes.get_errno(), "inotify", path)

    def wait(self, count, timeout):
        while len(self.files()) < count:
            if not select.select([self._fd], [], [], timeout)[0]:
                raise AssertionError(
                    f"{self.path}: {len(self.files())} of {count} mails in {timeout} s")
            os.read(self._fd, 65536)
        return self.files()

    def files(self):
        return sorted(glob.glob(os.path.join(self.path, "*")), key=os.path.getmtime)


class Maildir:
    def __init__(self, path, owner):
        for part in ("", "tmp", "new", "cur"):
            os.makedirs(os.path.join(path, part), exist_ok=True)
            os.chown(os.path.join(path, part), owner, owner)
        self._new = Directory(os.path.join(path, "new"))

    def mails(self, count, timeout=30):
        contents = []
        for path in self._new.wait(count, timeout):
            with open(path, "rb") as file:
                contents.append(without_trace(file.read().replace(b"\n", b"\r\n")))
        return contents


def make_postfix_queue(queue):
    """The directories of a queue of Postfix, which insists on their owners and modes."""
    os.makedirs(queue)
    for name in ("active", "bounce", "corrupt", "defer", "deferred", "flush", "hold",
                 "incoming", "private", "saved", "trace", "maildrop", "public", "pid"):
        path = os.path.join(queue, name)
        os.mkdir(path, 0o755 if name in ("pid", "public") else 0o700)
        if name != "pid":
            os.chown(path, POSTFIX, POSTDROP if name in ("maildrop", "public") else 0)
    os.chmod(os.path.join(queue, "maildrop"), 0o730)
    os.chmod(os.path.join(queue, "public"), 0o710)


class Postfix:
    """Postfix's smtpd; mail goes through cleanup and qmgr into a maildir by virtual(8)."""

    name = "Postfix"
    needs_users = True

    def __init__(self, lab, address=None):
        self.lab = lab
        self.address = address or lab.address()
        self.directory = lab.directory_for("postfix")
        self.maildir = Maildir(os.path.join(self.directory, "mail/inbox"), LABMAIL)
        # Postfix insists on root's directories all the way, and on its own modes.
        self.config = os.path.join(self.directory, "etc")
        os.makedirs(self.config)
        usr = os.path.join(lab_module.SERVERS, "usr")
        self.library = os.path.join(usr, "lib/postfix")
        data = os.path.join(self.directory, "data")
        queue = os.path.join(self.directory, "queue")
        os.makedirs(data)
        os.chown(data, POSTFIX, POSTFIX)
        make_postfix_queue(queue)
        certificate = lab.certificate
        self._write("main.cf", f"""
compatibility_level = 3.6
config_directory = {self.config}
meta_directory = {self.config}
shlib_directory = {self.library}
daemon_directory = {usr}/lib/postfix/sbin
command_directory = {usr}/sbin
queue_directory = {queue}
data_directory = {data}
import_environment = MAIL_CONFIG MAIL_LOGTAG LD_LIBRARY_PATH TZ
mail_owner = postfix
setgid_group = postdrop
maillog_file = {self.directory}/maillog
maillog_file_prefixes = {self.directory}
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
myhostname = postfix.lab
mydestination =
mynetworks =
relay_domains =
alias_maps =
local_recipient_maps =
virtual_mailbox_domains = static:all
virtual_mailbox_maps = static:inbox/
virtual_mailbox_base = {self.directory}/mail
virtual_uid_maps = static:{LABMAIL}
virtual_gid_maps = static:{LABMAIL}
virtual_mailbox_limit = 0
message_size_limit = 0
smtpd_recipient_restrictions = permit_auth_destination, reject
smtpd_tls_security_level = may
smtpd_tls_chain_files = {certificate.key_file}, {certificate.chain_file}
smtpd_tls_session_cache_database =
tls_random_source = dev:/dev/urandom
smtpd_tls_loglevel = 1
smtpd_peername_lookup = no
smtpd_forbid_bare_newline = yes
always_add_missing_headers = no
local_header_rewrite_clients =
""")
        self._write("master.cf", f"""
{self.address}:25 inet n - n - - smtpd
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
tlsmgr unix - - n 1000? 1 tlsmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
proxymap unix - - n - - proxymap
anvil unix - - n - 1 anvil
error unix - - n - - error
virtual unix - n n - - virtual
postlog unix-dgram n - n - 1 postlogd
""")
        # -w: the command ends when the master serves, so that is our readiness.
        environment = {"LD_LIBRARY_PATH": self.library, "MAIL_CONFIG": self.config}
        master = os.path.join(usr, "lib/postfix/sbin/master")
        starter = lab_module.Process(
            "postfix", [master, "-c", self.config, "-w"], self.directory,
            environment=environment, cwd=queue)
        if starter.wait(lab_module.READY_SECONDS) != 0:
            raise RuntimeError("Postfix does not start\n" + starter.tail() + self.log())
        with open(os.path.join(queue, "pid/master.pid")) as file:
            self.pid = int(file.read())
        lab.at_stop(self.stop)

    def mails(self, count, timeout=30):
        return self.maildir.mails(count, timeout)

    def log(self):
        path = os.path.join(self.directory, "maillog")
        if not os.path.exists(path):
            return ""
        with open(path, errors="replace") as file:
            return file.read()

    def stop(self):
        pidfd = os.pidfd_open(self.pid)
        os.kill(self.pid, signal.SIGTERM)
        select.select([pidfd], [], [], 10)
        os.close(pidfd)

    def _write(self, name, text):
        with open(os.path.join(self.config, name), "w") as file:
            file.write(text)


class Exim:
    """Exim's daemon; mail goes into a maildir by appendfile."""

    name = "Exim"
    needs_users = True

    def __init__(self, lab, address=None):
        self.lab = lab
        self.address = address or lab.address()
        self.directory = lab.directory_for("exim")
        self.maildir = Maildir(os.path.join(self.directory, "mail"), EXIM)
        for name in ("spool", "log"):
            os.makedirs(os.path.join(self.directory, name))
            os.chown(os.path.join(self.directory, name), EXIM, EXIM)
        # A binary of root's, at a path of its own: Exim runs itself again for each delivery.
        self.binary = os.path.join(self.directory, "exim4")
        shutil.copy(os.path.join(lab_module.SERVERS, "usr/sbin/exim4"), self.binary)
        os.chmod(self.binary, 0o4755)
        self.config = os.path.join(self.directory, "exim.conf")
        certificate = lab.certificate
        with open(self.config, "w") as file:
            file.write(f"""
exim_path = {self.binary}
primary_hostname = exim.lab
spool_directory = {self.directory}/spool
log_file_path = {self.directory}/log/%s
pid_file_path = {self.directory}/spool/exim.pid
local_interfaces = {self.address}
daemon_smtp_ports = 25
tls_advertise_hosts = *
tls_certificate = {certificate.chain_file}
tls_privatekey = {certificate.key_file}
chunking_advertise_hosts = *
pipelining_connect_advertise_hosts = *
smtputf8_advertise_hosts = *
dsn_advertise_hosts = *
acl_smtp_rcpt = accept_all
acl_smtp_data = accept_all
host_lookup =
rfc1413_hosts =
never_users =
# -C makes Exim give up root; it then delivers as its own user.
deliver_drop_privilege = true
received_header_text = Received: by exim.lab
smtp_accept_max = 200
queue_only = false
trusted_users = root
keep_environment =
begin acl
accept_all:
  accept
begin routers
all:
  driver = accept
  transport = inbox
begin transports
inbox:
  driver = appendfile
  maildir_format
  directory = {self.directory}/mail
  create_directory = false
  maildir_quota_directory_regex =
""")
        os.chmod(self.config, 0o644)
        self.process = lab.start(
            "exim", [self.binary, "-C", self.config, "-bdf"], directory=self.directory)
        self.process.until_connect(self.address, 25)

    def mails(self, count, timeout=30):
        return self.maildir.mails(count, timeout)

    def log(self):
        text = ""
        for path in glob.glob(os.path.join(self.directory, "log/*")):
            with open(path, errors="replace") as file:
                text += file.read()
        return text


class Aiosmtpd:
    """aiosmtpd: no PIPELINING, so a peer that is spoken to in lock-step."""

    name = "aiosmtpd"
    needs_users = False

    def __init__(self, lab):
        self.lab = lab
        self.address = lab.address()
        self.directory = lab.directory_for("aiosmtpd")
        self.received = os.path.join(self.directory, "mail")
        os.makedirs(self.received)
        self._watch = Directory(self.received)
        here = os.path.dirname(os.path.abspath(__file__))
        self.process = lab.start(
            "aiosmtpd",
            ["/usr/bin/python3", os.path.join(here, "aiosmtpd_receiver.py"), self.address,
             lab.certificate.chain_file, lab.certificate.key_file, self.received],
            directory=self.directory)
        self.process.until_connect(self.address, 25)

    def mails(self, count, timeout=30):
        contents = []
        for path in self._watch.wait(count, timeout):
            with open(path, "rb") as file:
                contents.append(without_trace(file.read()))
        return contents

    def log(self):
        return self.process.tail()


class Sink:
    """longship-sink, our own receiver on the engine's ring: offers CHUNKING, checks its client."""

    name = "longship-sink"
    needs_users = False

    def __init__(self, lab, *flags, addresses=None):
        self.lab = lab
        self.addresses = addresses or [lab.address()]
        self.address = self.addresses[0]
        self.directory = lab.directory_for("sink")
        self.received = os.path.join(self.directory, "mail")
        self.report_file = os.path.join(self.directory, "report.json")
        self.mail_log = os.path.join(self.directory, "mail.log")
        os.makedirs(self.received)
        self._watch = Directory(self.received)
        command = [os.path.join(os.path.dirname(program()), "longship-sink"),
                   "--cert", lab.certificate.chain_file, "--key", lab.certificate.key_file,
                   "--store", self.received, "--report", self.report_file, "--mail-log", self.mail_log,
                   "--workers", "1"]
        for address in self.addresses:
            command += ["--listen", address]
        self.process = lab.start("longship-sink", command + list(flags), directory=self.directory)
        self.process.until(lambda: "ready" in self.process.stdout() + self.process.stderr(),
                           "is ready")

    def mails(self, count, timeout=30):
        contents = []
        for path in self._watch.wait(count, timeout):
            with open(path, "rb") as file:
                contents.append(without_trace(file.read()))
        return contents

    def report(self):
        """Ends it, and gives its exit status and what it found."""
        self.process.signal(signal.SIGTERM)
        status = self.process.wait(60)
        with open(self.report_file) as file:
            return status, json.load(file)

    def log(self):
        return self.process.tail()


REAL = (Postfix, Exim, Aiosmtpd, Sink)
