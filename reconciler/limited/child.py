"""The child's side: shut itself in, import what is ours, then read the question, and answer it."""

from __future__ import annotations

import gc
import importlib
import os
import signal
import sys
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from reconciler.limited.limits import OUT_OF_MEMORY

if TYPE_CHECKING:
    import ctypes

NETWORK = Path("/proc/self/ns/net")
"""Names the network that a process is in."""
_NEW_USER, _NEW_NET = 0x10000000, 0x40000000
_PARENT_DEATH, _NO_NEW_PRIVILEGES = 1, 38
"""`unshare` and `prctl` of Linux, which this version of Python does not have."""


def main(function: str, network: str) -> int:
    """Answer the question on standard input, on standard output."""
    gc.set_threshold(10_000, 20, 50)  # as in any command: there are many values, and few go before the end
    shut_in(network == "none")
    module, _, name = function.partition(":")
    work = getattr(importlib.import_module(module), name)
    try:
        answer = work(sys.stdin.buffer.read())
    except MemoryError:
        return OUT_OF_MEMORY
    sys.stdout.buffer.write(answer)
    return 0


def alone(question: bytes) -> bytes:
    """Whether this child is in another network than the one that is asked about; for `doctor`."""
    return b"no" if bytes(NETWORK.readlink()) == question else b"yes"


def shut_in(alone: bool) -> bool:
    """Die with the parent, gain no privilege by any program, and, if `alone`, leave the network. Whether all of that
    was possible: a container or a hardened kernel may not let it, and then the other limits hold.
    """
    # Some Pythons lack the module, and where no memory may be made executable it cannot be loaded.
    with suppress(ImportError, OSError, AttributeError, MemoryError):
        import ctypes

        system = ctypes.CDLL(None, use_errno=True)
        system.prctl(_PARENT_DEATH, int(signal.SIGKILL), 0, 0, 0)
        system.prctl(_NO_NEW_PRIVILEGES, 1, 0, 0, 0)
        return not alone or _leave_network(system)
    return False


def _leave_network(system: ctypes.CDLL) -> bool:
    """As root at once; as anybody else within a user namespace, in which one keeps one's own id."""
    user, group = os.geteuid(), os.getegid()
    if system.unshare(_NEW_NET) == 0:
        return True
    if system.unshare(_NEW_USER | _NEW_NET) != 0:
        return False
    with suppress(OSError):
        Path("/proc/self/setgroups").write_text("deny", encoding="ascii")
        Path("/proc/self/uid_map").write_text(f"{user} {user} 1", encoding="ascii")
        Path("/proc/self/gid_map").write_text(f"{group} {group} 1", encoding="ascii")
    return True
