"""posttls-finger, Postfix's tool that looks at one destination as Postfix itself would."""

import os
import subprocess

import lab as lab_module
from unbound import Unbound

SECONDS = 120


class Finger:
    """Starts unbound, in front of the lab's name server, and asks posttls-finger."""

    def __init__(self, lab):
        self.directory = lab.directory_for("finger")
        self._said = os.path.join(self.directory, "said")
        os.makedirs(self._said)
        usr = os.path.join(lab_module.SERVERS, "usr")
        self._program = os.path.join(usr, "sbin/posttls-finger")
        self._environment = {
            **os.environ, "LD_LIBRARY_PATH": os.path.join(usr, "lib/postfix"),
            "MAIL_CONFIG": self._write_config(usr)}
        self._resolv = Unbound(lab, self.directory).resolv_conf

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
