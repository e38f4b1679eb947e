"""unbound, a validating resolver in front of the lab's name servers: for mail servers that believe what a
resolver says of DNSSEC."""

import os

import lab as lab_module

ADDRESS = "127.0.0.55"


class Unbound:
    """Started and ready. `resolv_conf`: the file that makes a program ask it."""

    def __init__(self, lab, directory, forward=lab_module.RESOLVER):
        program = os.path.join(lab_module.SERVERS, "usr/sbin/unbound")
        if not os.access(program, os.X_OK):
            raise RuntimeError(f"{program} is missing: run tests/lib/setup server")
        # trust-ad: without it glibc hides that an answer was validated.
        self.resolv_conf = os.path.join(directory, "resolv.conf")
        with open(self.resolv_conf, "w") as file:
            file.write(f"nameserver {ADDRESS}\noptions trust-ad edns0 attempts:4\n")
        config = os.path.join(directory, "unbound.conf")
        address, port = forward.split("@")
        with open(config, "w") as file:
            file.write(f"""server:
  interface: {ADDRESS}
  directory: "{directory}"
  pidfile: "{directory}/unbound.pid"
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
        self.process = lab.start("unbound", [program, "-d", "-c", config], directory=directory)
        self.process.until_connect(ADDRESS, 53)
