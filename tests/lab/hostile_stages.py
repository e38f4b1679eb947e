"""Hostile receivers: one thing at one stage, for all stages at which it makes sense."""

import asyncio

from hostile_table import DRIP_SECONDS, hostile
from peer import Dialogue, Over

MEGABYTE = 1 << 20
# What an endless peer sends at most, so that a sender without limits fails instead of filling up.
ENDLESS_BYTES = 64 * MEGABYTE


def at_stages(action_name, ids, stages, about):
    """Makes a dialogue ACTION-at-STAGE for each stage, out of an action on a dialogue."""
    def register(action):
        for stage in stages.split():
            _at_stage(action_name, ids, stage, about, action)
        return action

    return register


def _at_stage(action_name, ids, wanted, about, action):
    class AtStage(Dialogue):
        async def at(self, stage):
            if stage == wanted:
                await action(self, stage)

    AtStage.__doc__ = about.format(stage=wanted)
    hostile(f"{action_name}-at-{wanted}", ids)(AtStage)


EVERYWHERE = "banner ehlo starttls handshake ehlo-tls mail rcpt data body dot quit"
REPLIES = "banner ehlo starttls ehlo-tls mail rcpt data dot quit"


@at_stages("close", "SMTP-16 SMTP-17 STLS-08", EVERYWHERE, "Closes the connection at {stage}.")
async def _close(dialogue, stage):
    raise Over


@at_stages("reset", "SMTP-16 SMTP-17 STLS-08", EVERYWHERE, "Resets the connection at {stage}.")
async def _reset(dialogue, stage):
    dialogue.conn.reset()
    raise Over


@at_stages("silence", "SMTP-02 TLS-21 SEC-15", EVERYWHERE, "Says nothing any more from {stage} on.")
async def _silence(dialogue, stage):
    await dialogue.conn.until_hangup()


@at_stages("421", "SMTP-15", REPLIES, "Says 421 at {stage} and closes.")
async def _goes_away(dialogue, stage):
    await dialogue.conn.say("421 4.3.2 shutting down")
    raise Over


@at_stages("cut", "TLS-22 SMTP-16", REPLIES, "Sends half of its reply at {stage}, then closes.")
async def _cut(dialogue, stage):
    await dialogue.conn.send(b"250-and the re")
    raise Over


@at_stages("endless", "SMTP-09 SEC-14", "banner ehlo mail dot",
           "Answers at {stage} with a multi-line reply that never ends.")
async def _endless(dialogue, stage):
    code = b"220" if stage == "banner" else b"250"
    line = code + b"-and so on and so on and so on and so on\r\n"
    for _ in range(ENDLESS_BYTES // len(line) // 100):
        await dialogue.conn.send(line * 100)
    raise Over


@at_stages("megabyte-line", "SMTP-09 SEC-14", "banner ehlo rcpt dot",
           "Answers at {stage} with a line of a megabyte.")
async def _megabyte_line(dialogue, stage):
    code = b"220 " if stage == "banner" else b"250 "
    await dialogue.conn.send(code + b"x" * MEGABYTE + b"\r\n")


@at_stages("drip-forever", "SMTP-03 SEC-15", "banner ehlo mail dot",
           "Sends a reply at {stage} octet by octet and never ends it.")
async def _drip_forever(dialogue, stage):
    await dialogue.conn.send(b"220 " if stage == "banner" else b"250 ")
    while True:
        await dialogue.conn.send(b".")
        await asyncio.sleep(DRIP_SECONDS)


@at_stages("half-close", "SMTP-16 SMTP-41", "banner ehlo mail dot",
           "Closes its sending side instead of a reply at {stage}, and reads on.")
async def _half_close(dialogue, stage):
    dialogue.conn.shut_down_write()
    await dialogue.conn.until_hangup()
