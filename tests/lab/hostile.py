"""Receivers that misbehave, by name: HOSTILE[name], all of them.

hostile_stages.py has what can happen at any stage, hostile_replies.py odd and refusing replies,
hostile_tls.py STARTTLS and TLS, hostile_extensions.py extensions, limits and sessions. What the lab
expects longship to do with each is a row in test_hostile.py: a new one needs a class and a row.
"""

import hostile_extensions  # noqa: F401
import hostile_replies  # noqa: F401
import hostile_stages  # noqa: F401
import hostile_tls  # noqa: F401
from hostile_table import HOSTILE


def expectations_missing(names):
    """Names without a row, or rows without a name; for the test of the table itself."""
    return sorted(set(HOSTILE) ^ set(names))
