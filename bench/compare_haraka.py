"""Haraka as a sender: its outbound queue, with as many deliveries at once as the receivers' sites take."""

import os
import shutil
import subprocess

import lab as lab_module
from compare_lab import DOMAINS
from compare_peer import Missing, Peer, files_in

HARAKA = os.path.join(lab_module.ROOT, "build/lab/haraka/node_modules/Haraka")
CONCURRENCY = 10 * DOMAINS
# Whoever connects may relay: nobody else is in the lab.
RELAY = "exports.hook_connect = (next, connection) => { connection.relaying = true; next() }\n"


class Haraka(Peer):
    name = "Haraka"
    settings = f"concurrency_max = {CONCURRENCY}, one process, which here takes less than a cluster does"
    share = 3
    cannot = {"dane": "knows no DANE"}

    def __init__(self, bench):
        super().__init__(bench)
        self._program = os.path.join(HARAKA, "bin/haraka")
        self._node = shutil.which("node")
        if self._node is None or not os.path.exists(self._program):
            raise Missing("npm's package Haraka, or node to run it")
        done = subprocess.run([self._node, self._program, "--version"], capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise Missing(f"a node that is new enough for it ({(done.stdout + done.stderr).strip()[-100:]})")
        self._version = done.stdout.split()[-1]

    def version(self):
        return self._version

    def make_queue(self):
        shutil.rmtree(self.queue, ignore_errors=True)
        os.makedirs(self.queue)

    def queued(self):
        return files_in(self.queue)

    def receiving(self):
        return self._command("receiving", disabled="true", enable_tls="false")

    def sending(self, level):
        return self._command(level, disabled="false", enable_tls="true" if level == "encrypt" else "false")

    def _command(self, name, **outbound):
        base = os.path.join(self.directory, f"home-{name}")
        shutil.rmtree(base, ignore_errors=True)
        shutil.copytree(os.path.join(HARAKA, "config"), os.path.join(base, "config"))
        os.mkdir(os.path.join(base, "plugins"))
        for path, text in {
                "config/me": "mail.sender.lab\n",
                "config/smtp.ini": f"listen={self.address}:25\nnodes=0\n",
                "config/log.ini": "level=warn\n",
                "config/plugins": "relaying\n",
                "config/queue_dir": self.queue + "\n",
                "config/outbound.ini": f"concurrency_max={CONCURRENCY}\nlocal_mx_ok=true\ninet_prefer=v4\n" + "".join(
                    f"{key}={value}\n" for key, value in outbound.items()),
                "plugins/relaying.js": RELAY,
        }.items():
            with open(os.path.join(base, path), "w") as file:
                file.write(text)
        return [self._node, self._program, "-c", base]
