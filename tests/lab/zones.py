"""The lab's DNS: zones as text, signed by Knot's tools, served by knotd.

The tree hangs below one top-level domain of our own, `lab.`: libunbound answers `test.`, `invalid.`
and other special names itself, so they cannot be used (DNS-30). knotd serves all zones, root
included, on the addresses of the root servers, on 192.0.2.53 (ns.lab) and on 127.0.0.53, so that
both longship's own recursion and `--resolver 127.0.0.53@53` work.

    .               signed
    lab.            signed, NSEC
    signed.lab.     signed, NSEC
    nsec3.lab.      signed, NSEC3 with opt-out, with the unsigned delegation child.nsec3.lab.
    iterations.lab. the same with 500 iterations of its hash, which no validator goes along with
    unsigned.lab.   not signed
    island.lab.     signed, but without DS at the parent
    bogus.lab.      signed, then its MX and address records changed (CONFORMANCE 0.3: corrupted)
    expired.lab.    signed sixty days ago for fourteen days
    future.lab.     signed for fourteen days that begin in thirty
    algorithm.lab.  signed with an algorithm that nobody knows
    badds.lab.      the parent's DS is of a key that the zone does not have
    servfail.lab.   delegated and configured, but without data: SERVFAIL
    dane.lab.       signed, with a TLSA record 3 1 1 of the key that receivers in the lab have
    danebad.lab.    the same, of a key that nobody has
    fading.lab.     like dane.lab, its records with short lives: for tests that change it
    tlsa.lab. and others  what the scenarios of dane.py put there
    play.lab.       not signed; not here: names.py answers it, as the tests wish
    bulk.lab.       signed; as many mail domains as the lab was asked for
"""

import concurrent.futures
import hashlib
import os
import re
import subprocess
import time

ROOT_SERVERS = (
    "198.41.0.4 170.247.170.2 199.9.14.201 192.33.4.12 199.7.91.13 192.203.230.10 192.5.5.241 "
    "192.112.36.4 198.97.190.53 192.36.148.17 192.58.128.30 193.0.14.129 199.7.83.42 202.12.27.33"
).split()
NS_ADDRESS = "192.0.2.53"
KNOT_ADDRESS = "127.0.0.53"
DAY = 86400
# When broken zones are signed, in days from now.
SIGNED_AT_DAYS = {"expired": -60, "future": 30}
ALGORITHM, UNKNOWN_ALGORITHM = 13, 200

# Where the mail of each fixed zone is received; the receiver is the test's business.
MX_ADDRESS = {
    "signed.lab": "127.10.0.1",
    "nsec3.lab": "127.10.0.2",
    "unsigned.lab": "127.10.0.3",
    "bogus.lab": "127.10.0.4",
    "expired.lab": "127.10.0.5",
    "badds.lab": "127.10.0.6",
    "island.lab": "127.10.0.7",
    "child.nsec3.lab": "127.10.0.8",
    "future.lab": "127.10.0.10",
    "algorithm.lab": "127.10.0.11",
    "dane.lab": "127.10.0.12",
    "danebad.lab": "127.10.0.13",
    "fading.lab": "127.10.0.14",
}


class Zone:
    """One zone: its lines without SOA and NS, how it is signed, and what is broken in it. `forged`:
    owner and type of records that are changed after the signing."""

    def __init__(self, name, lines=(), signed=None, damage=None, ds_at_parent=True, forged=(), iterations=0):
        assert signed in (None, "nsec", "nsec3")
        assert damage in (
            None, "bogus", "expired", "future", "algorithm", "badds", "servfail")
        self.name = name
        self.lines = list(lines)
        self.signed = signed
        self.damage = damage
        self.forged = list(forged)
        self.iterations = iterations
        self.ds_at_parent = ds_at_parent and signed is not None
        self.ds = []
        self.serial = 1

    def origin(self):
        return "." if self.name == "." else self.name + "."

    def text(self):
        head = [
            f"$ORIGIN {self.origin()}",
            "$TTL 300",
            f"@ SOA ns.lab. hostmaster.lab. {self.serial} 3600 600 86400 60",
            "@ NS ns.lab.",
        ]
        return "\n".join(head + self.lines) + "\n"


def mail_domain(address):
    """The records of a zone that is a mail domain of one receiver."""
    return [
        "@ MX 10 mx",
        f"mx A {address}",
        "alias CNAME @",
        "outside CNAME mx.unsigned.lab.",
        "*.wild MX 10 mx",
    ]


def bulk_lines(domains, addresses, dead=0):
    """N mail domains over M receivers, in the mix that a real list has; and `dead` ones, each with a
    host of its own where nobody listens.

    Of ten: five have one MX, two have two MX of different preference, one has two MX of equal
    preference, one is a CNAME of such a domain, and one has no MX but an address of its own.
    """
    lines = [f"mx{n} A {address}" for n, address in enumerate(addresses)]
    for n in range(domains):
        first, second = n % len(addresses), (n * 7 + 1) % len(addresses)
        kind = n % 10
        if kind < 5:
            lines.append(f"d{n} MX 10 mx{first}")
        elif kind < 7:
            lines += [f"d{n} MX 10 mx{first}", f"d{n} MX 20 mx{second}"]
        elif kind == 7:
            lines.append(f"d{n} MX 10 mx{first}")
            if second != first:
                lines.append(f"d{n} MX 10 mx{second}")
        elif kind == 8:
            lines += [f"d{n} CNAME real{n}", f"real{n} MX 10 mx{first}"]
        else:
            lines.append(f"d{n} A {addresses[first]}")
    lines += [f"dead{n} A 127.3.{n // 250}.{n % 250 + 1}" for n in range(dead)]
    return lines


def bulk_domain(number):
    return f"d{number}.bulk.lab"


def dane_domain(address, digest):
    """A mail domain whose receiver must have the key of this SHA-256."""
    return mail_domain(address) + [f"_25._tcp.mx TLSA 3 1 1 {digest}"]


def fading_domain(more):
    """Answers that a test can see the end of, denials too."""
    return ["$TTL 2", "@ MX 10 mx", f"mx A {MX_ADDRESS['fading.lab']}"] + more


def standard_zones(key_digest, bulk_domains=0, bulk_addresses=(), more=(), bulk_dead=0):
    """The zones of the docstring above and `more`. `key_digest`: of the key that receivers have, in
    hex."""
    nobody = hashlib.sha256(b"a key that nobody has").hexdigest()
    zones = [
        Zone(
            "signed.lab",
            mail_domain(MX_ADDRESS["signed.lab"]) + ["dname DNAME signed.lab."],
            signed="nsec",
        ),
        Zone(
            "nsec3.lab",
            mail_domain(MX_ADDRESS["nsec3.lab"]) + ["child NS ns.lab."],
            signed="nsec3",
        ),
        Zone("child.nsec3.lab", mail_domain(MX_ADDRESS["child.nsec3.lab"])),
        Zone("iterations.lab", mail_domain("127.10.0.12"), "nsec3", iterations=500),
        Zone("unsigned.lab", mail_domain(MX_ADDRESS["unsigned.lab"])),
        Zone("island.lab", mail_domain(MX_ADDRESS["island.lab"]), "nsec", ds_at_parent=False),
        Zone("bogus.lab", mail_domain(MX_ADDRESS["bogus.lab"]), "nsec", "bogus"),
        Zone("expired.lab", mail_domain(MX_ADDRESS["expired.lab"]), "nsec", "expired"),
        Zone("future.lab", mail_domain(MX_ADDRESS["future.lab"]), "nsec", "future"),
        Zone("algorithm.lab", mail_domain(MX_ADDRESS["algorithm.lab"]), "nsec", "algorithm"),
        Zone("badds.lab", mail_domain(MX_ADDRESS["badds.lab"]), "nsec", "badds"),
        Zone("servfail.lab", damage="servfail"),
        Zone("dane.lab", dane_domain(MX_ADDRESS["dane.lab"], key_digest), "nsec"),
        Zone("fading.lab", fading_domain([f"_25._tcp.mx TLSA 3 1 1 {key_digest}"]), "nsec"),
        Zone("danebad.lab", dane_domain(MX_ADDRESS["danebad.lab"], nobody), "nsec"),
    ]
    if bulk_domains:
        zones.append(Zone("bulk.lab", bulk_lines(bulk_domains, bulk_addresses, bulk_dead), "nsec"))
    zones += more
    children = [zone.name for zone in zones if zone.name.count(".") == 1] + ["play.lab"]
    top = [f"ns A {NS_ADDRESS}", "own-recursion MX 10 mx.own-recursion",
           "mx.own-recursion A 127.10.0.9"]
    top += [f"{name[:-4]} NS ns.lab." for name in children]
    zones.append(Zone("lab", top, "nsec"))
    zones.append(Zone(".", ["lab NS ns.lab.", f"ns.lab. A {NS_ADDRESS}"], "nsec"))
    return zones


class ZoneBuilder:
    """Signs zones and writes what knotd needs, all below one directory."""

    def __init__(self, directory, servers):
        self.directory = directory
        self.environment = dict(os.environ)
        self.kzonesign = os.path.join(servers, "usr/bin/kzonesign")
        self.keymgr = os.path.join(servers, "usr/sbin/keymgr")
        self.knotd = os.path.join(servers, "usr/sbin/knotd")
        os.makedirs(directory, exist_ok=True)

    def build(self, zones):
        """Signs and writes all zones; leaves knot.conf and root.key (the trust anchor) behind."""
        by_name = {zone.name: zone for zone in zones}
        children = [zone for zone in zones if zone.name not in (".", "lab")]
        with concurrent.futures.ThreadPoolExecutor() as pool:
            list(pool.map(self._sign, children))
        for zone in children:
            parent = by_name.get(zone.name.split(".", 1)[1])
            if parent is not None and zone.ds_at_parent:
                parent.lines += zone.ds
        self._sign(by_name["lab"])
        by_name["."].lines += by_name["lab"].ds
        self._sign(by_name["."])
        self._write_config(zones)
        return self.trust_anchor()

    def change(self, zone):
        """Signs and writes a zone anew, with the key that it has."""
        zone.serial += 1
        self._sign(zone)

    def trust_anchor(self):
        """The file for --trust-anchor: the DS records of the root's key."""
        return os.path.join(self.directory, "root.key")

    def config(self):
        return os.path.join(self.directory, "knot.conf")

    def _file(self, zone):
        return os.path.join(self.directory, (zone.name if zone.name != "." else "root") + ".zone")

    def _sign(self, zone):
        if zone.damage == "servfail":
            return
        if zone.signed is None:
            with open(self._file(zone), "w") as file:
                file.write(zone.text())
            return
        # A directory for each: the key store takes one writer at a time.
        work = self._file(zone) + ".work"
        os.makedirs(os.path.join(work, "signed"), exist_ok=True)
        with open(os.path.join(work, "in.zone"), "w") as file:
            file.write(zone.text())
        config = os.path.join(work, "knot.conf")
        with open(config, "w") as file:
            file.write(_signing_config(work, zone))
        command = [self.kzonesign, "-c", config, "-o", os.path.join(work, "signed")]
        if zone.damage in SIGNED_AT_DAYS:
            command += ["-t", str(int(time.time()) + SIGNED_AT_DAYS[zone.damage] * DAY)]
        self._run(command + [zone.origin()])
        keys = self._run([self.keymgr, "-c", config, zone.origin(), "ds"])
        # SHA-256 digests only: type 2.
        zone.ds = [line for line in keys.splitlines() if re.search(r" DS \d+ \d+ 2 ", line)]
        assert zone.ds, f"no DS for {zone.name}: {keys}"
        if zone.damage == "badds":
            other = hashlib.sha256(b"a key of somebody else").hexdigest()
            zone.ds = [re.sub(r"[0-9a-f]{64}", other, line) for line in zone.ds]
        if zone.name == ".":
            with open(self.trust_anchor(), "w") as file:
                file.write("\n".join(line.replace(" DS ", " IN DS ") for line in zone.ds) + "\n")
        (result,) = os.listdir(os.path.join(work, "signed"))
        with open(os.path.join(work, "signed", result)) as file:
            text = file.read()
        if zone.damage == "bogus":
            text, changes = re.subn(r"\tMX\t10 ", "\tMX\t11 ", text)
            text, more = re.subn(r"\tA\t127\.10\.", "\tA\t127.11.", text)
            assert changes and more, "nothing to corrupt"
        for owner, rdtype in zone.forged:
            text = _forge(text, owner, rdtype)
        if zone.damage == "algorithm":
            # RFC 4035 5.2: a zone whose every DS has an unknown algorithm is an unsigned one.
            text = re.sub(rf"(\tDNSKEY\t257 3 ){ALGORITHM} ", rf"\g<1>{UNKNOWN_ALGORITHM} ", text)
            text = re.sub(rf"(\tRRSIG\t\w+ ){ALGORITHM} ", rf"\g<1>{UNKNOWN_ALGORITHM} ", text)
            zone.ds = [
                re.sub(rf" DS (\d+) {ALGORITHM} ", rf" DS \1 {UNKNOWN_ALGORITHM} ", line)
                for line in zone.ds
            ]
        with open(self._file(zone), "w") as file:
            file.write(text)

    def _write_config(self, zones):
        listen = "\n".join(
            f"  listen: {address}@53" for address in [KNOT_ADDRESS, NS_ADDRESS] + ROOT_SERVERS
        )
        with open(self.config(), "w") as file:
            file.write(f'server:\n  rundir: "{self.directory}"\n{listen}\n')
            file.write("  udp-workers: 1\n  tcp-workers: 1\n  background-workers: 1\n")
            file.write("log:\n  - target: stderr\n    any: info\n")
            file.write(f'database:\n  storage: "{self.directory}"\n')
            file.write(
                f'template:\n  - id: default\n    storage: "{self.directory}"\n'
                "    zonefile-sync: -1\n    zonefile-load: whole\n    journal-content: none\n"
            )
            file.write("zone:\n")
            for zone in zones:
                file.write(f'  - domain: "{zone.origin()}"\n    file: "{self._file(zone)}"\n')

    def _run(self, command):
        done = subprocess.run(command, capture_output=True, text=True, env=self.environment)
        if done.returncode != 0:
            raise RuntimeError(f"{' '.join(command)}: {done.stderr}{done.stdout}")
        return done.stdout


def _forge(text, owner, rdtype):
    """Other data of the same form in all records of an owner and type; their signatures stay."""
    def change(match):
        data = match.group(2)
        if rdtype == "MX":
            data = re.sub(r"^\d", lambda digit: str((int(digit.group()) + 1) % 10), data)
        elif rdtype == "CNAME":
            data = "forged-" + data
        else:
            last = "1" if data[-1] != "1" else "2"
            data = data[:-1] + last
        return match.group(1) + data

    pattern = rf"^({re.escape(owner)}\.\s+(?:\d+\s+)?{rdtype}\s+)(\S.*?)\s*$"
    text, changes = re.subn(pattern, change, text, flags=re.MULTILINE)
    assert changes, f"no {rdtype} of {owner} to forge"
    return text


def _signing_config(work, zone):
    return f"""server:
  rundir: "{work}"
database:
  storage: "{work}"
policy:
  - id: lab
    algorithm: ecdsap256sha256
    single-type-signing: on
    cds-cdnskey-publish: none
    rrsig-lifetime: 14d
    nsec3: {"on" if zone.signed == "nsec3" else "off"}
    nsec3-iterations: {zone.iterations}
    nsec3-salt-length: 0
    nsec3-opt-out: {"on" if zone.signed == "nsec3" else "off"}
zone:
  - domain: "{zone.origin()}"
    storage: "{work}"
    file: in.zone
    dnssec-signing: on
    dnssec-policy: lab
"""
