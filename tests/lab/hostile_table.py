"""Receivers that misbehave, by name: the table, and how one gets into it."""

HOSTILE = {}
# Between two octets of a peer that drips: slow enough to be a nuisance, quick enough for a test.
DRIP_SECONDS = 0.05


def hostile(name, ids):
    """Registers a Dialogue (peer.py) with one thing changed. Its docstring says what it does; the
    ids are the entries of CONFORMANCE about what a sender must make of it."""
    def register(dialogue):
        assert name not in HOSTILE, name
        assert dialogue.__doc__, name
        dialogue.name, dialogue.ids = name, ids.split()
        HOSTILE[name] = dialogue
        return dialogue

    return register
