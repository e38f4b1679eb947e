"""A name server that answers as the tests wish, on 127.0.0.54 (the address for `--resolver`).

It is the authority for play.lab, an unsigned zone that tests fill as they go, and hands everything
else to knotd unchanged. For any name and type, also those of knotd, it can misbehave on demand:

    servfail, refused, notimp, formerr    that answer code
    drop                                  no answer at all
    delay:SECONDS                         the right answer, late
    truncate                              TC over UDP; the right answer over TCP
    truncate-udp-only                     TC over UDP; TCP connections are closed at once
    garbage                               bytes that are no DNS message
    forge                                 the answer with other data, said to be validated (AD)
    nosoa                                 a denial without the SOA that makes it cacheable
    ad                                    the right answer, with the word that it was validated (AD)

All names below one can have a slow server: pace(). Every query is recorded: a test can say what was
never asked.
"""

import asyncio
import struct
import threading

import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdata
import dns.rdatatype
import dns.rrset

ADDRESS = "127.0.0.54"
ZONE = "play.lab"
TTL = 5
UPSTREAM = ("127.0.0.53", 53)
UPSTREAM_SECONDS = 5
CODES = {
    "servfail": dns.rcode.SERVFAIL,
    "refused": dns.rcode.REFUSED,
    "notimp": dns.rcode.NOTIMP,
    "formerr": dns.rcode.FORMERR,
}
CNAMES_MAX = 30


def _key(name):
    return name.rstrip(".").lower()


class Names:
    def __init__(self, background):
        self._background = background
        self._lock = threading.Lock()
        self._records = {}
        self._faults = {}
        self._paces = {}
        self._queries = []
        self._transports = []
        self._server = None

    # What tests call.

    def set(self, name, rdtype, rdatas, ttl=TTL):
        """The records of a name of play.lab from now on; an empty list removes them."""
        assert _key(name) == ZONE or _key(name).endswith("." + ZONE), name
        with self._lock:
            if rdatas:
                rrset = dns.rrset.from_text_list(_key(name) + ".", ttl, "IN", rdtype, rdatas)
                self._records[(_key(name), rdtype)] = rrset
            else:
                self._records.pop((_key(name), rdtype), None)

    def fault(self, name, rdtype, kind):
        """Answers this question in a wrong way; kind None ends that."""
        assert kind is None or kind in CODES or kind.split(":")[0] in (
            "drop", "delay", "truncate", "truncate-udp-only", "garbage", "nosoa", "ad",
            "forge"), kind
        with self._lock:
            if kind is None:
                self._faults.pop((_key(name), rdtype), None)
            else:
                self._faults[(_key(name), rdtype)] = kind

    def pace(self, parent, seconds):
        """From now on questions about names below this one wait for each other, and each takes so long:
        a name server that a burst is too much for. What was given up by who asked takes its time too."""
        with self._lock:
            self._paces["." + _key(parent)] = (seconds, asyncio.Lock())

    def queries(self, name=None, rdtype=None):
        """The (name, type, transport) that were asked, in order; a filter of None takes all."""
        with self._lock:
            return [
                query
                for query in self._queries
                if (name is None or query[0] == _key(name))
                and (rdtype is None or query[1] == rdtype)
            ]

    def start(self):
        self._background.call(self._start())

    def stop(self):
        async def close():
            self._server.close()
            for transport in self._transports:
                transport.close()

        self._background.call(close())

    # What runs on the loop.

    async def _start(self):
        loop = asyncio.get_running_loop()
        outer = self

        class Udp(asyncio.DatagramProtocol):
            def connection_made(self, transport):
                self.transport = transport
                self.tasks = set()

            def datagram_received(self, data, address):
                task = loop.create_task(self.answer(data, address))
                self.tasks.add(task)
                task.add_done_callback(self.tasks.discard)

            async def answer(self, data, address):
                reply = await outer._reply(data, "udp")
                if reply is not None:
                    self.transport.sendto(reply, address)

        transport, _ = await loop.create_datagram_endpoint(Udp, local_addr=(ADDRESS, 53))
        self._transports.append(transport)
        self._server = await asyncio.start_server(self._serve_tcp, ADDRESS, 53)

    async def _serve_tcp(self, reader, writer):
        try:
            while True:
                (length,) = struct.unpack("!H", await reader.readexactly(2))
                reply = await self._reply(await reader.readexactly(length), "tcp")
                if reply is None:
                    return
                writer.write(struct.pack("!H", len(reply)) + reply)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    async def _reply(self, data, transport):
        """The bytes to answer a query with; None for silence (over TCP: for closing)."""
        query = dns.message.from_wire(data)
        question = query.question[0]
        name = _key(question.name.to_text())
        rdtype = dns.rdatatype.to_text(question.rdtype)
        with self._lock:
            self._queries.append((name, rdtype, transport))
            fault = self._faults.get((name, rdtype))
            pace = next((self._paces[end] for end in self._paces if name.endswith(end)), None)
        if pace is not None:
            async with pace[1]:
                await asyncio.sleep(pace[0])
        if fault in CODES:
            reply = dns.message.make_response(query)
            reply.set_rcode(CODES[fault])
            return reply.to_wire()
        if fault == "drop":
            return None
        if fault == "garbage":
            return data[:2] + b"\xff" * 20
        if fault == "truncate-udp-only" and transport == "tcp":
            return None
        if fault in ("truncate", "truncate-udp-only") and transport == "udp":
            reply = dns.message.make_response(query)
            reply.flags |= dns.flags.TC
            return reply.to_wire()
        if fault is not None and fault.startswith("delay:"):
            await asyncio.sleep(float(fault[6:]))
        ours = name == ZONE or name.endswith("." + ZONE)
        if not ours or (name == ZONE and rdtype == "DS"):
            reply = await self._forward(data, transport)
            if fault == "ad" and reply is not None:
                (flags,) = struct.unpack("!H", reply[2:4])
                reply = reply[:2] + struct.pack("!H", flags | dns.flags.AD) + reply[4:]
            return _forged(reply, question.rdtype) if fault == "forge" and reply else reply
        return self._authoritative(query, name, rdtype, fault).to_wire(max_size=65535)

    def _authoritative(self, query, name, rdtype, fault):
        reply = dns.message.make_response(query)
        reply.flags |= dns.flags.AA | dns.flags.RA
        with self._lock:
            for _ in range(CNAMES_MAX):
                found = self._records.get((name, rdtype))
                alias = self._records.get((name, "CNAME"))
                if found is not None:
                    reply.answer.append(found)
                    return reply
                if alias is None:
                    break
                reply.answer.append(alias)
                name = _key(alias[0].target.to_text())
                if not (name == ZONE or name.endswith("." + ZONE)):
                    return reply
            names = {key[0] for key in self._records}
        exists = name == ZONE or any(
            other == name or other.endswith("." + name) for other in names
        )
        if not exists:
            reply.set_rcode(dns.rcode.NXDOMAIN)
        if fault != "nosoa":
            reply.authority.append(
                dns.rrset.from_text(
                    ZONE + ".", TTL, "IN", "SOA",
                    f"ns.lab. hostmaster.lab. 1 3600 600 86400 {TTL}"))
        return reply

    async def _forward(self, data, transport):
        """Asks knotd the same way the question came, and hands back what it says."""
        try:
            if transport == "tcp":
                return await asyncio.wait_for(_ask_tcp(data), UPSTREAM_SECONDS)
            return await asyncio.wait_for(_ask_udp(data), UPSTREAM_SECONDS)
        except (OSError, asyncio.TimeoutError, asyncio.IncompleteReadError):
            return None


def _forged(reply, rdtype):
    """An octet of each record of the type changed (of an MX its preference), and AD set."""
    at = 1 if rdtype == dns.rdatatype.MX else -1
    message = dns.message.from_wire(reply)
    message.flags |= dns.flags.AD
    for rrset in message.answer:
        if rrset.rdtype == rdtype:
            for rdata in list(rrset):
                wire = bytearray(rdata.to_wire())
                wire[at] ^= 1
                rrset.remove(rdata)
                rrset.add(dns.rdata.from_wire("IN", rdtype, bytes(wire), 0, len(wire)))
    return message.to_wire(max_size=65535)


async def _ask_tcp(data):
    reader, writer = await asyncio.open_connection(*UPSTREAM)
    try:
        writer.write(struct.pack("!H", len(data)) + data)
        (length,) = struct.unpack("!H", await reader.readexactly(2))
        return await reader.readexactly(length)
    finally:
        writer.close()


async def _ask_udp(data):
    loop = asyncio.get_running_loop()
    answer = loop.create_future()

    class Once(asyncio.DatagramProtocol):
        def datagram_received(self, received, address):
            if not answer.done():
                answer.set_result(received)

        def error_received(self, error):
            if not answer.done():
                answer.set_exception(error)

    transport, _ = await loop.create_datagram_endpoint(Once, remote_addr=UPSTREAM)
    try:
        transport.sendto(data)
        return await answer
    finally:
        transport.close()
