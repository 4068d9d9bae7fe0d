"""Who runs this, as it is written down for others: a user on a machine."""

from __future__ import annotations

import getpass
import os
import socket
from datetime import UTC, datetime

MOST_LETTERS = 200


def whoever() -> str:
    """Who runs this: a user on a machine."""
    try:
        user = getpass.getuser()
    except (KeyError, OSError):  # a user id without a name
        user = "someone"
    return f"{user}@{socket.gethostname()}"


def claimant() -> str:
    """Who takes a lock now, for whoever is refused it: which process that is, whose, where, and since when."""
    return f"process {os.getpid()} of {whoever()}, since {datetime.now(UTC):%Y-%m-%d %H:%M:%S} UTC"


def claimed_by(written: str) -> str:
    """What a lock says of its holder, for people; whoever can write there may have written anything."""
    first = written.partition("\n")[0]
    return "".join(letter for letter in first if letter.isprintable())[:MOST_LETTERS].strip() or "another run"
