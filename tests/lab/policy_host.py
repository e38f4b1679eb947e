"""Policy hosts of MTA-STS: nginx with as many policies as tests ask for, and a server in Python for what
nginx would never send.

nginx has one server for all names: certificate and files are found by the name in SNI and in Host, so
that a domain can be added, and its policy replaced, while it runs. What a host does with its policy
instead of serving it is one of FAULTS.
"""

import asyncio
import gzip
import json
import os
import ssl
import threading

import lab as lab_module

# Of the policy host that scenarios and most tests share.
ADDRESS = "127.0.0.56"
PORT = 443
PATH = "/.well-known/mta-sts.txt"

# What nginx does for such a host. Under an error the policy comes all the same, so that only the status
# says that it is none; /policy is the file.
FAULTS = {
    "redirect": "return 301 https://$host/moved;",
    "not-found": "error_page 404 /served; return 404;",
    "error": "error_page 500 /served; return 500;",
    "unavailable": "error_page 503 /served; return 503;",
    "no-content": "return 204;",
    "html": "default_type text/html; try_files /policy =404;",
    "charset": "charset utf-8; charset_types text/plain; try_files /policy =404;",
    "cacheable": "expires 1y; try_files /policy =404;",
    "chunked": "sub_filter_types text/plain; sub_filter 'in no policy' ''; try_files /policy =404;",
    "gzip": "gzip_static always; try_files /policy =404;",
    # One octet a second.
    "slow": "limit_rate 1; try_files /policy =404;",
}
# What is written of each request. nginx has no variable for all headers at once.
HEADERS = ("host user-agent accept accept-encoding connection cookie authorization referer "
           "if-none-match if-modified-since range").split()


def _log_format():
    fields = {"sni": "$ssl_server_name", "method": "$request_method", "path": "$request_uri",
              "protocol": "$server_protocol", "status": "$status"}
    fields |= {name: "$http_" + name.replace("-", "_") for name in HEADERS}
    return json.dumps(fields)


def _config(directory, address):
    faults = "\n".join(
        f"if (-f $document_root/fault-{name}) {{ rewrite ^ /{name} last; }}" for name in FAULTS)
    places = "\n".join(
        f"location = /{name} {{ internal; {does} }}" for name, does in FAULTS.items())
    temporary = "\n".join(
        f"{name}_temp_path {directory}/temporary/{name};"
        for name in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
    return f"""
daemon off;
master_process off;
pid {directory}/nginx.pid;
error_log stderr info;
events {{ worker_connections 4096; }}
http {{
log_format requests escape=json '{_log_format()}';
access_log {directory}/requests requests;
{temporary}
types {{}}
default_type text/plain;
server {{
listen {f"[{address}]" if ":" in address else address}:{PORT} ssl backlog=4096;
ssl_certificate {directory}/certificates/$ssl_server_name.pem;
ssl_certificate_key {directory}/certificates/$ssl_server_name.key;
root {directory}/hosts/$host;
location / {{ return 404; }}
location = {PATH} {{
{faults}
try_files /policy =404;
}}
location = /served {{ internal; try_files /policy =404; }}
location = /moved {{ try_files /policy =404; }}
{places}
}}
}}
"""


def _write(path, data):
    """By rename, so that nobody reads half of it."""
    with open(path + ".new", "wb") as file:
        file.write(data)
    os.rename(path + ".new", path)


class PolicyHost:
    """nginx on an address of the lab. It is ended with the lab, or by stop()."""

    def __init__(self, lab, address=None):
        self.lab = lab
        self.address = address or lab.address()
        self.directory = lab.directory_for("policies")
        self.log = os.path.join(self.directory, "requests")
        for name in ("certificates", "hosts", "temporary"):
            os.makedirs(os.path.join(self.directory, name))
        self._config = os.path.join(self.directory, "nginx.conf")
        with open(self._config, "w") as file:
            file.write(_config(self.directory, self.address))
        self.process = None
        self.start()

    def start(self):
        program = os.path.join(lab_module.SERVERS, "usr/sbin/nginx")
        if not os.access(program, os.X_OK):
            raise RuntimeError("nginx is missing: run tests/lib/setup server")
        self.process = self.lab.start(
            "nginx", [program, "-p", self.directory, "-c", self._config, "-e", "stderr"],
            directory=self.directory)
        self.process.until_connect(self.address, PORT)

    def stop(self):
        self.process.stop()

    def put(self, domain, policy, fault=None, certificate=None):
        """From now on the policy of this mail domain, and how it is served. `certificate`: None for one
        of the lab's authority for the host."""
        assert fault is None or fault in FAULTS, fault
        host = "mta-sts." + domain
        certificate = certificate or self.lab.authority.issue([host])
        for source, ending in ((certificate.chain_file, "pem"), (certificate.key_file, "key")):
            with open(source, "rb") as file:
                _write(os.path.join(self.directory, "certificates", f"{host}.{ending}"), file.read())
        files = os.path.join(self.directory, "hosts", host)
        os.makedirs(files, exist_ok=True)
        for name in os.listdir(files):
            if name.startswith("fault-"):
                os.remove(os.path.join(files, name))
        if fault is not None:
            _write(os.path.join(files, "fault-" + fault), b"")
        data = policy.encode() if isinstance(policy, str) else policy
        _write(os.path.join(files, "policy"), data)
        _write(os.path.join(files, "policy.gz"), gzip.compress(data))

    def requests(self, domain=None, count=0):
        """What was asked of the host of this domain (None: of all), in order. nginx writes of a request
        once its answer is on the way: waits until there are `count`, and fails without them."""
        host = domain and "mta-sts." + domain

        def found():
            if not os.path.exists(self.log):
                return []
            with open(self.log, encoding="utf-8") as file:
                lines = [json.loads(line) for line in file.read().split("\n")[:-1]]
            return [line for line in lines if host in (None, line["host"])]

        if count > 0:
            self.process.until(lambda: len(found()) >= count, f"{count} requests to {host}")
        return found()


class ByteHost:
    """A policy host that answers every request with these bytes and closes: for answers that are cut
    short, without end or no HTTP. `pause_s`: between two octets."""

    def __init__(self, lab, certificate, answer, pause_s=0, address=None):
        self.address = address or lab.address()
        self.requests = []
        self._answer = answer
        self._pause_s = pause_s
        self._lock = threading.Lock()
        self._background = lab.background
        self._server = lab.background.call(asyncio.start_server(
            self._serve, self.address, PORT, ssl=certificate.context()))
        lab.at_stop(self.stop)

    def stop(self):
        async def close():
            self._server.close()

        self._background.call(close())

    async def _serve(self, reader, writer):
        try:
            request = await reader.readuntil(b"\r\n\r\n")
            with self._lock:
                self.requests.append(request)
            if self._pause_s == 0:
                writer.write(self._answer)
                await writer.drain()
            else:
                for octet in self._answer:
                    writer.write(bytes([octet]))
                    await writer.drain()
                    await asyncio.sleep(self._pause_s)
        except (OSError, asyncio.IncompleteReadError, ssl.SSLError):
            pass
        finally:
            writer.close()
