"""posttls-finger, Postfix's tool that looks at one destination as Postfix itself would, and the
validating resolver that it believes."""

import os
import subprocess

import lab as lab_module

UNBOUND_ADDRESS = "127.0.0.55"
SECONDS = 120


class Finger:
    """Starts unbound, in front of the lab's name server, and asks posttls-finger."""

    def __init__(self, lab):
        self.directory = lab.directory_for("finger")
        self._said = os.path.join(self.directory, "said")
        os.makedirs(self._said)
        usr = os.path.join(lab_module.SERVERS, "usr")
        self._program = os.path.join(usr, "sbin/posttls-finger")
        unbound = os.path.join(usr, "sbin/unbound")
        if not os.access(unbound, os.X_OK):
            raise RuntimeError(f"{unbound} is missing: run tests/lib/setup server")
        self._environment = {
            **os.environ, "LD_LIBRARY_PATH": os.path.join(usr, "lib/postfix"),
            "MAIL_CONFIG": self._write_config(usr)}
        resolver = lab.start("unbound", [unbound, "-d", "-c", self._write_unbound(lab)],
                             directory=self.directory)
        resolver.until_connect(UNBOUND_ADDRESS, 53)

    def ask(self, domains):
        """What it says about each domain under the level `dane`: all of it, by domain."""
        # A resolv.conf of its own: the lab's is that of a name server which validates nothing.
        script = f"""
mount --bind "{self._resolv}" /etc/resolv.conf || exit 1
exec xargs -P {2 * (os.cpu_count() or 1)} -I DOMAIN sh -c '
	"{self._program}" -c -l dane -L summary,verbose -T 5 -t 5 DOMAIN >"{self._said}/DOMAIN" 2>&1
	:'
"""
        done = subprocess.run(
            ["unshare", "--mount", "sh", "-c", script], input="\n".join(domains), text=True,
            capture_output=True, check=False, timeout=SECONDS, env=self._environment)
        if done.returncode != 0:
            raise RuntimeError(done.stdout + done.stderr)
        said = {}
        for domain in domains:
            with open(os.path.join(self._said, domain), errors="replace") as file:
                said[domain] = file.read()
        return said

    def _write_config(self, usr):
        config = os.path.join(self.directory, "etc")
        os.makedirs(config)
        with open(os.path.join(config, "main.cf"), "w") as file:
            file.write(
                "compatibility_level = 3.6\ninet_protocols = ipv4\nmyhostname = finger.lab\n"
                f"config_directory = {config}\nmeta_directory = {config}\n"
                f"shlib_directory = {usr}/lib/postfix\ndaemon_directory = {usr}/lib/postfix/sbin\n"
                f"queue_directory = {self.directory}\ndata_directory = {self.directory}\n"
                "tls_random_source = dev:/dev/urandom\n")
        return config

    def _write_unbound(self, lab):
        # trust-ad: without it glibc hides from Postfix that an answer was validated.
        self._resolv = os.path.join(self.directory, "resolv.conf")
        with open(self._resolv, "w") as file:
            file.write(f"nameserver {UNBOUND_ADDRESS}\noptions trust-ad edns0 attempts:4\n")
        path = os.path.join(self.directory, "unbound.conf")
        address, port = lab_module.RESOLVER.split("@")
        with open(path, "w") as file:
            file.write(f"""server:
  interface: {UNBOUND_ADDRESS}
  directory: "{self.directory}"
  pidfile: "{self.directory}/unbound.pid"
  chroot: ""
  username: ""
  use-syslog: no
  do-not-query-localhost: no
  do-daemonize: no
  trust-anchor-file: "{lab.trust_anchor}"
  access-control: 127.0.0.0/8 allow
  module-config: "validator iterator"
  infra-keep-probing: yes
  private-domain: "lab"
remote-control:
  control-enable: no
forward-zone:
  name: "."
  forward-addr: {address}@{port}
""")
        return path
