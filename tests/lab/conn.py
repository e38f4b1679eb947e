"""One accepted connection, exact to the byte: in clear or through TLS, with everything it heard."""

import asyncio
import socket
import ssl
import struct
import time

COMMAND_MAX = 4096
# A sender that says nothing for so long is stuck; no test waits as long.
SILENCE_SECONDS = 120


class Hangup(Exception):
    """The sender closed or reset the connection."""


class Over(Exception):
    """The dialogue ends here, by our own wish."""


class Conn:
    """One accepted connection: bytes in and out, in clear or through TLS."""

    def __init__(self, sock, address, loop):
        self.sock = sock
        self.address = address
        self.local = sock.getsockname()[0]
        self.opened_at = time.monotonic()
        self.closed_at = None
        self.received_clear = bytearray()
        self.received_tls = bytearray()
        self.client_hello = b""
        self.tls = ""
        self.sni = None
        self.close_notify = False
        self.end = None
        self.eol = b"\r\n"
        self.gap_seconds = 0
        self._loop = loop
        self._pending = b""
        self._object = None
        self._in = None
        self._out = None

    def buffered(self):
        return len(self._pending)

    def begins_with(self, octets):
        """What is there already and was not taken."""
        return bytes(self._pending[:len(octets)]) == octets

    def forget(self):
        """Throws away what is there and was not taken."""
        self._pending = b""

    async def more(self):
        """Waits for more bytes. Hangup at the end of the stream."""
        while True:
            if self._object is not None:
                try:
                    data = self._object.read(65536)
                    if data:
                        self._take(data)
                        return
                    self.close_notify = True
                    raise Hangup
                except ssl.SSLWantReadError:
                    pass
                except ssl.SSLZeroReturnError:
                    self.close_notify = True
                    raise Hangup from None
            data = await self._raw()
            if self._object is None:
                self._take(data)
                return
            self._in.write(data)

    async def line(self):
        """The next line, with whatever ended it. A line over COMMAND_MAX is given as it is."""
        while b"\n" not in self._pending and len(self._pending) < COMMAND_MAX:
            await self.more()
        end = self._pending.find(b"\n") + 1 or len(self._pending)
        line, self._pending = self._pending[:end], self._pending[end:]
        return line

    async def exactly(self, count):
        while len(self._pending) < count:
            await self.more()
        data, self._pending = self._pending[:count], self._pending[count:]
        return data

    async def until_dot(self):
        """The message as it is on the wire, up to the first CRLF.CRLF (which is taken off)."""
        data = bytearray()
        while True:
            searched = max(len(data) - 4, 0)
            data += self._pending
            self._pending = b""
            if data.startswith(b".\r\n"):
                self._pending = bytes(data[3:])
                return b""
            end = data.find(b"\r\n.\r\n", searched)
            if end >= 0:
                self._pending = bytes(data[end + 5:])
                return bytes(data[:end + 2])
            await self.more()

    async def send(self, data):
        if self._object is not None:
            self._object.write(data)
            data = self._out.read()
        try:
            if self.gap_seconds:
                for n in range(len(data)):
                    await self._loop.sock_sendall(self.sock, data[n:n + 1])
                    await asyncio.sleep(self.gap_seconds)
            else:
                await self._loop.sock_sendall(self.sock, data)
        except (ConnectionError, OSError):
            self._ended("reset")
            raise Hangup from None

    async def say(self, text):
        """Sends reply lines, each with the line end of the day."""
        if isinstance(text, str):
            text = text.encode()
        await self.send(b"".join(line + self.eol for line in text.split(b"\n")))

    async def handshake(self, context):
        """The server's half of a TLS handshake; ssl.SSLError when it fails."""
        self._in, self._out = ssl.MemoryBIO(), ssl.MemoryBIO()
        tls = context.wrap_bio(self._in, self._out, server_side=True)
        early, self._pending = self._pending, b""
        self.client_hello = early
        self._in.write(early)
        while True:
            try:
                tls.do_handshake()
                break
            except ssl.SSLWantReadError:
                await self._flush()
                data = await self._raw()
                self.client_hello = self.client_hello or data
                self._in.write(data)
            except ssl.SSLError:
                await self._flush()
                raise
        await self._flush()
        self._object = tls
        self.tls = tls.version()
        self.sni = sni_of(self.client_hello)

    async def until_hangup(self):
        """Says nothing any more, and hears until the sender goes away."""
        while True:
            self._pending = b""
            await self.more()

    def shut_down_write(self):
        self.sock.shutdown(socket.SHUT_WR)

    def reset(self):
        """Closes with RST."""
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._ended("we reset")
        self.sock.close()

    def close(self):
        if self.sock.fileno() >= 0:
            if self.end is None:
                self._ended("we closed")
            self.sock.close()

    def _take(self, data):
        self._pending += data
        if self._object is not None:
            self.received_tls += data
        else:
            self.received_clear += data

    def _ended(self, how):
        self.end = self.end or how
        self.closed_at = self.closed_at or time.monotonic()

    async def _raw(self):
        try:
            data = await asyncio.wait_for(
                self._loop.sock_recv(self.sock, 65536), SILENCE_SECONDS)
        except asyncio.TimeoutError:
            self._ended("silence")
            raise Hangup from None
        except (ConnectionError, OSError):
            self._ended("reset")
            raise Hangup from None
        if not data:
            self._ended("closed")
            raise Hangup
        return data

    async def _flush(self):
        data = self._out.read()
        if data:
            try:
                await self._loop.sock_sendall(self.sock, data)
            except (ConnectionError, OSError):
                self._ended("reset")
                raise Hangup from None


def sni_of(hello):
    """The server name in a ClientHello record, or None."""
    try:
        at = 5 + 4 + 2 + 32
        at += 1 + hello[at]
        at += 2 + struct.unpack_from("!H", hello, at)[0]
        at += 1 + hello[at]
        end = at + 2 + struct.unpack_from("!H", hello, at)[0]
        at += 2
        while at < end:
            kind, length = struct.unpack_from("!HH", hello, at)
            if kind == 0:
                (size,) = struct.unpack_from("!H", hello, at + 7)
                return hello[at + 9:at + 9 + size].decode("ascii")
            at += 4 + length
    except (struct.error, IndexError):
        pass
    return None
