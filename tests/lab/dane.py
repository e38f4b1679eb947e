"""Scenarios of DANE and MTA-STS: each a mail domain with hosts, certificates, TLSA records, a policy and
faults of its own, and the outcome that one message to it must have.

    @scenario(waits("matches no TLSA record"), "DANE-14 DANE-18")
    def a_key_that_no_record_names(s):
        s.mx(s.host(tlsa=[f"3 1 1 {NOBODY_256}"]))

All scenarios live in four zones that the lab signs once at its start. The scenarios of one `play`
get their mail from one run of longship, and one longship-sink has all their hosts, each on an
address of its own; the first test that asks for a play runs it. What a scenario's function returns
is called at the end with what happened (`Result`), for what the outcome alone does not show.
"""

import collections
import dataclasses
import json
import os
import threading

import policy_host
import receivers
from case import CASES, Case, timed
from chains import Chains, self_signed
from sender import IMPATIENT, MAIL_WAITS, check, equal
from sts import policy, sts_record
from zones import Zone

# Signed with NSEC; signed with NSEC3 and opt-out, and an unsigned child of it; not signed.
SIGNED, OPT_OUT, CHILD, PLAIN = "tlsa.lab", "tlsa3.lab", "child.tlsa3.lab", "open.lab"

SCENARIOS = []
# Flags of the run of each play. A name server that says nothing makes libunbound shy of it, so such
# scenarios have plays of their own.
PLAYS = {"main": (), "mute": ("--dns-timeout=3s",), "ignore": ("--half-dane=ignore",), "sts": (),
         "sts-slow": ()}


# What must happen to the message.


def delivered(security, host=0):
    """By this host of the scenario (its index), with this security in the event."""
    def judge(scene, event):
        equal((event["event"], event["security"]), ("delivered", security), f"{event}")
        wanted = scene.hosts[host]
        check(event["ip"] in wanted.addresses, f"{event['ip']} is not of {wanted.name}")
        equal(event["channel"],
              "unauthenticated" if security in ("cleartext", "encrypted") else "authenticated",
              f"{event}")
    return judge


def waits(*words, status="4.7."):
    """Deferred with such a status and a reason that has these words and names the first host."""
    def judge(scene, event):
        equal(event["event"], "deferred", f"{event}")
        check(event["status"].startswith(status), f"{event}")
        for word in words + (scene.first_host(),):
            check(word in event["reason"], f"no {word!r} in {event['reason']!r}")
    return judge


def waits_for_dns(*words, status="4.4.3"):
    """Deferred since a name server did not say what is needed: no host is known."""
    def judge(_, event):
        equal(event["event"], "deferred", f"{event}")
        check(event["status"].startswith(status), f"{event}")
        for word in words:
            check(word in event["reason"], f"no {word!r} in {event['reason']!r}")
    return judge


def bounced(status):
    def judge(_, event):
        equal((event["event"], event["status"]), ("bounced", status), f"{event}")
    return judge


# What a scenario is made of.


class Host:
    """`certificates`: of each address. `bugs`: of longship-sink, unless a `dialogue` of peer.py plays the
    host."""

    def __init__(self, name, addresses, certificates, bugs, port, dialogue):
        self.name = name
        self.addresses = addresses
        self.certificates = certificates
        self.bugs = bugs
        self.port = port
        self.dialogue = dialogue


@dataclasses.dataclass
class Published:
    """The policy of a domain: what PolicyHost.put() takes, or the octets that a ByteHost sends, at
    this address."""

    domain: str
    text: str
    options: dict
    octets: bytes
    address: str
    byte_host: object = None


class Scene:
    """What one scenario adds to the zones and to the receivers. Names are of its own label."""

    def __init__(self, stage, number, play):
        self.stage = stage
        self.label = f"s{number}"
        self.play = play
        self.hosts = []
        self.domain = None
        self.mx_names = []
        self.flags = []
        self.published = []

    def name(self, label="", zone=SIGNED):
        """A name of this scenario in a zone."""
        return ".".join(part for part in (label, self.label, zone) if part)

    def record(self, owner, rdtype, *datas):
        zone = max((zone for zone in self.stage.lines if owner.endswith("." + zone)), key=len)
        self.stage.lines[zone] += [f"{owner}. {rdtype} {data}" for data in datas]

    def alias(self, owner, target):
        self.record(owner, "CNAME", target + ".")
        return owner

    def tlsa(self, host, *records, port=25):
        self.record(f"_{port}._tcp.{host}", "TLSA", *records)

    def host(self, label="mx", zone=SIGNED, chain=None, tlsa=(), bugs=(), port=25, name=None,
             certificates=None, dialogue=None):
        """A host; `chain`: the links that it shows. With `certificates` it has as many addresses."""
        name = name or self.name(label, zone)
        if certificates is None:
            certificates = [self.stage.chains.certificate(*(chain or [self.stage.leaf]))]
        addresses = [self.stage.address() for _ in certificates]
        host = Host(name, addresses, certificates, list(bugs), port, dialogue)
        self.record(name, "A", *addresses)
        if tlsa:
            self.tlsa(name, *tlsa, port=port)
        self.hosts.append(host)
        return host

    def dane_host(self, label="mx", zone=SIGNED, **options):
        """A host whose record is that of its key."""
        return self.host(label, zone, tlsa=[self.stage.leaf.tlsa(3, 1, 1)], **options)

    def mx(self, *hosts, zone=SIGNED, domain=None):
        """The mail domain: hosts (or their names) of falling preference."""
        self.domain = domain or self.name(zone=zone)
        self.mx_names = [getattr(host, "name", host) for host in hosts]
        self.record(self.domain, "MX", *(
            f"{10 * index} {name}." for index, name in enumerate(self.mx_names, 1)))

    def trusted_host(self, label="mx", zone=PLAIN, names=None, **options):
        """A host with a certificate of the authority that longship trusts, for its own name."""
        names = names or [options.get("name") or self.name(label, zone)]
        return self.host(label, zone, certificates=[self.stage.trusted.issue(names)], **options)

    def sts(self, mode="enforce", mx=None, text=None, domain=None, records=(sts_record("1"),), octets=None,
            address=None, **options):
        """Publishes a policy for the mail domain. `mx`: its patterns, None for the hosts of the MX records;
        `text`: the whole of it instead. `octets`: what the policy host answers, which then is one of
        its own. `address`: where none is, nothing answers. Options are those of PolicyHost.put()."""
        domain = domain or self.domain
        if text is None:
            text = policy(mode, self.mx_names if mx is None else mx)
        if octets is not None:
            address = self.stage.address()
        self.published.append(Published(domain, text, options, octets, address))
        if records:
            self.record("_mta-sts." + domain, "TXT", *(f'"{line}"' for line in records))
        self.record("mta-sts." + domain, "A", address or policy_host.ADDRESS)

    def first_host(self):
        """The name by which people know the first host: that of the MX record."""
        return (self.mx_names + [host.name for host in self.hosts])[0]

    def corrupt(self, owner, rdtype):
        """Changes the signed record: a forgery that its signature shows."""
        zone = max((zone for zone in self.stage.lines if owner.endswith("." + zone)), key=len)
        self.stage.forged[zone].append((owner, rdtype))

    def fault(self, owner, rdtype, kind):
        self.stage.faults.append((owner, rdtype, kind))

    def rcpt(self):
        return f"you@{self.domain}"


class Result:
    """What happened to the message of one scenario."""

    def __init__(self, scene, event, happened):
        self.scene = scene
        self.event = event
        self.seconds = happened.seconds
        self._happened = happened

    def sessions(self, host=0):
        """What the sink wrote about each connection to a host, in order."""
        addresses = self.scene.hosts[host].addresses
        return [line for line in self._happened.sessions if line["address"] in addresses]

    def ours(self):
        """What longship says of each connection for this domain, in order."""
        return [event for event in self._happened.ours if event["domain"] == self.scene.domain]

    def peer(self, host=0):
        """The receiver that played a host with a dialogue of its own."""
        return self._happened.peers[self.scene.hosts[host]]

    def check_sessions(self):
        """By what the sink saw: nothing of a message that waits, and nothing in clear unless the
        event says so."""
        for number in range(len(self.scene.hosts)):
            for session in self.sessions(number):
                if session["messages"] == 0:
                    continue
                equal(self.event["event"], "delivered", f"{session}")
                equal(session["tls"] == "", self.event["security"] == "cleartext", f"{session}")

    def never_connected(self, host=0):
        equal(self.sessions(host), [], "connections")

    def fetches(self, count, domain=None):
        """Asserts how often the policy host was asked for the policy; gives what was asked."""
        own = [policy.byte_host for policy in self.scene.published if policy.byte_host]
        host = "mta-sts." + (domain or self.scene.domain)
        found = own[0].requests if own else [
            request for request in self._happened.requests if request["host"] == host]
        equal(len(found), count, f"fetches: {found}")
        return found

    def asked(self, name, rdtype):
        return self._happened.questions[(name.lower(), rdtype)]


# How scenarios are played.


@dataclasses.dataclass
class Happened:
    """In one play: the sessions that the sink had, those that longship tells of, the other receivers,
    what the name server and the policy host were asked until its end, how long it took."""

    sessions: list
    ours: list
    peers: dict
    questions: collections.Counter
    requests: list
    seconds: float


class Stage:
    """All scenarios of a lab: zones for its start, and each play once it is asked for."""

    def __init__(self, directory, address, trusted):
        """`address` gives a new one; `trusted`: the authority of --ca-file."""
        self.address = address
        self.trusted = trusted
        self.chains = Chains(directory)
        self.leaf = self_signed("nobody.asks.for.this.name.lab")
        self.lines = {SIGNED: [], OPT_OUT: ["child NS ns.lab."], CHILD: [], PLAIN: []}
        self.forged = {zone: [] for zone in self.lines}
        self.faults = []
        self.scenes = {}
        self.finals = {}
        self._after = {}
        self._plays = {name: (threading.Lock(), []) for name in PLAYS}
        for number, (function, play) in enumerate(SCENARIOS, 1):
            scene = Scene(self, number, play)
            self.scenes[function] = scene
            self.finals[function] = function(scene)

    def zones(self):
        signed = {SIGNED: "nsec", OPT_OUT: "nsec3"}
        return [Zone(name, lines, signed.get(name), forged=self.forged[name])
                for name, lines in self.lines.items()]

    def hosts(self, play):
        """The hosts of all scenarios of a play."""
        return [host for scene in self.scenes.values() if scene.play == play
                for host in scene.hosts]

    def sink(self, lab, hosts):
        """A receiver for these hosts."""
        flags, addresses = [], []
        for host in hosts:
            if host.dialogue is not None:
                continue
            for address, certificate in zip(host.addresses, host.certificates):
                addresses.append(f"{address}:{host.port}")
                pair = f"{certificate.chain_file},{certificate.key_file}"
                for bug in [f"tls-cert:{pair}"] + host.bugs:
                    flags += ["--bug", f"{address}/{bug}"]
        return receivers.Sink(lab, *flags, addresses=addresses)

    def result(self, t, function):
        """What happened to the message of a scenario; plays it if that was not done yet."""
        scene = self.scenes[function]
        lock, results = self._plays[scene.play]
        with lock:
            if not results:
                results.append({})
                results[0].update(self._run(t, scene.play))
        check(function in results[0], "the play broke off: see the first test of it that failed")
        return results[0][function]

    def after(self, t, play):
        """The results of a play by scenario, and a sink in place of the one that it had: for others to
        look at the same hosts. It is there until the lab ends."""
        self.result(t, next(function for function, scene in self.scenes.items()
                            if scene.play == play))
        lock, results = self._plays[play]
        with lock:
            if play not in self._after:
                self._after[play] = self.sink(t.lab, self.hosts(play))
        return results[0]

    def publish(self, lab, published):
        """Serves these policies. Gives the policy host that has most of them."""
        shared = lab.policy_host()
        for policy in published:
            if policy.octets is not None:
                own = self.trusted.issue(["mta-sts." + policy.domain])
                policy.byte_host = policy_host.ByteHost(
                    lab, own, policy.octets, address=policy.address)
            elif policy.address is None:
                shared.put(policy.domain, policy.text, **policy.options)
        return shared

    def _run(self, t, play):
        """One run of longship with a message for every scenario of the play."""
        scenes = {function: scene for function, scene in self.scenes.items() if scene.play == play}
        for owner, rdtype, kind in self.faults:
            t.lab.names.fault(owner, rdtype, kind)
        published = [policy for scene in scenes.values() for policy in scene.published]
        policies = self.publish(t.lab, published) if published else None
        sink = self.sink(t.lab, self.hosts(play))
        peers = {host: t.receiver(host.addresses, host.dialogue, certificate=host.certificates[0])
                 for host in self.hosts(play) if host.dialogue is not None}
        flags = [flag for scene in scenes.values() for flag in scene.flags]
        sender = t.sender(*IMPATIENT, *PLAYS[play], *flags)
        for scene in scenes.values():
            sender.put(scene.rcpt())
        seconds = timed(sender.run, expect=(0, MAIL_WAITS))
        _, report = sink.report()
        # Which messages may go in clear is said by each scenario.
        odd = {name for name, count in report["oddities"].items() if count} - {"CLEARTEXT_MAIL"}
        equal(odd, set(), "what the sink found odd in the sender")
        sessions = [line for line in log_lines(sink.mail_log) if line["event"] == "session"]
        questions = collections.Counter(query[:2] for query in t.lab.names.queries())
        requests = policies.requests() if policies else []
        happened = Happened(sessions, sender.sessions(), peers, questions, requests, seconds)
        return {function: Result(scene, sender.outcome(scene.rcpt()), happened)
                for function, scene in scenes.items()}


def log_lines(path):
    """What a sink wrote about sessions and messages."""
    if not os.path.exists(path):
        return []
    with open(path, encoding="utf-8") as file:
        return [json.loads(line) for line in file]


def setting(function):
    """Registers zones and hosts that tests use in their own way: t.lab.stage.scenes[function]."""
    SCENARIOS.append((function, None))
    return function


def scenario(judge, ids, play="main", sentence=None):
    """Registers a scenario, and the test that looks at its outcome."""
    def register(function):
        function.__name__ = sentence or function.__name__
        def test(t):
            result = t.lab.stage.result(t, function)
            judge(result.scene, result.event)
            result.check_sessions()
            final = t.lab.stage.finals[function]
            if final is not None:
                final(result)

        test.__name__ = function.__name__
        test.__module__ = function.__module__
        SCENARIOS.append((function, play))
        CASES.append(Case(test, ids, False))
        return function
    return register
