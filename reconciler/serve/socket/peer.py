"""Who is at the other end of a socket, as the kernel says; and what they say themselves, which is shown only."""

from __future__ import annotations

import os
import pwd
import socket
import struct
from collections.abc import Mapping

import msgspec

_CREDENTIALS = struct.Struct("3i")
_HINTS = ("GL_USERNAME", "GITEA_PUSHER_NAME", "GL_USER", "REMOTE_USER")
"""Variables in which forges and gitolite tell a hook who pushes; whoever runs the hook may set them."""
_LONGEST_HINT = 100


class Peer(msgspec.Struct, frozen=True):
    """A process of this machine: the user that it runs as, by the kernel's word. `pid` is 0 where we cannot see it."""

    uid: int
    pid: int = 0

    @property
    def name(self) -> str:
        """The user's name, or number where it has none."""
        return user_name(self.uid)

    @property
    def may_command(self) -> bool:
        """Whether it is the controller's own user or root: whoever else may connect is told, and commands nothing."""
        return self.uid in (0, os.geteuid())

    def known_as(self, hint: str) -> str:
        """`git`, or `git (alice)`: the user, and in brackets who they say they are."""
        shown = "".join(letter for letter in hint if letter.isprintable())[:_LONGEST_HINT]
        return f"{self.name} ({shown})" if shown and shown != self.name else self.name


def peer_of(connection: socket.socket) -> Peer:
    """The process that connected; for who connected, the one that listens."""
    data = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
    pid, uid, _ = _CREDENTIALS.unpack(data)
    return Peer(uid, pid)


def user_name(uid: int) -> str:
    """The name of a user of this machine, or its number."""
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"user {uid}"


def hinted(environment: Mapping[str, str]) -> str:
    """Who the environment of a hook says is pushing; empty when it says nothing more than the user does."""
    for name in _HINTS:
        if environment.get(name):
            return environment[name]
    address = environment.get("SSH_CONNECTION", "").partition(" ")[0]
    return f"from {address}" if address else ""
