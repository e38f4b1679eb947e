"""aiosmtpd as a program: ADDRESS CHAIN KEY DIRECTORY. Each message becomes a file, as received."""

import asyncio
import itertools
import os
import ssl
import sys

from aiosmtpd.smtp import SMTP


class Keep:
    def __init__(self, directory):
        self.directory = directory
        self.numbers = itertools.count(1)

    async def handle_DATA(self, server, session, envelope):
        number = next(self.numbers)
        hidden = os.path.join(os.path.dirname(self.directory), f"part-{number}")
        with open(hidden, "wb") as file:
            file.write(envelope.original_content)
        # Appears under its name only when it is whole.
        os.rename(hidden, os.path.join(self.directory, f"{number:06d}"))
        return "250 2.0.0 kept"


async def serve(address, chain, key, directory):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(chain, key)
    keep = Keep(directory)
    server = await asyncio.get_running_loop().create_server(
        lambda: SMTP(keep, hostname="aiosmtpd.lab", tls_context=context, enable_SMTPUTF8=True,
                     data_size_limit=0),
        address, 25)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(serve(*sys.argv[1:5]))
