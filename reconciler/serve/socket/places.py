"""Who may have how many conversations with a controller at once."""

from __future__ import annotations

import threading
from collections import Counter

from reconciler.serve.socket.peer import Peer

MOST_AT_ONCE = 128
MOST_OF_A_USER = 32
"""Those of one user who may not command: a few users together do not keep out all others."""
KEPT = 16
"""Places that only root and the controller's own user get, so that they can always ask and command."""


class Places:
    """Places, given and taken back by any thread."""

    def __init__(self) -> None:
        self._taken: Counter[int] = Counter()
        self._lock = threading.Lock()

    def take(self, peer: Peer) -> str:
        """Take a place; why there is none, or empty."""
        with self._lock:
            theirs, all_ = self._taken[peer.uid], self._taken.total()
            if not peer.may_command and theirs >= MOST_OF_A_USER:
                return f"{peer.name} is asking {theirs} times at once, and nobody may more often; try again in a moment"
            if all_ >= (MOST_AT_ONCE if peer.may_command else MOST_AT_ONCE - KEPT):
                return "too many are asking at once; try again in a moment"
            self._taken[peer.uid] += 1
            return ""

    def leave(self, peer: Peer) -> None:
        """Give a place back."""
        with self._lock:
            self._taken[peer.uid] -= 1
            self._taken += Counter()  # users that have none are forgotten
