"""The `nft` command on a host: JSON in, JSON out, one transaction per call."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import msgspec

from reconciler.driver import DriverError, ErrorClass

Command = dict[str, Any]
"""One command or object in libnftables' JSON schema (libnftables-json(5)): `{"add": {"table": {…}}}`."""


class Channel(Protocol):
    """Runs commands as root on a host; safe to call from several threads."""

    def run(self, *command: str, stdin: str = "") -> str:
        """What the command prints. Raises `DriverError` when it fails, or the host cannot be reached."""


class Nft:
    """nftables on one host."""

    def __init__(self, channel: Channel) -> None:
        self._channel = channel

    def tables(self) -> frozenset[tuple[str, str]]:
        """Family and name of every table there is. In text, since a table with flags, be it anybody's, breaks the JSON
        of nft 1.0.6 off.
        """
        lines = (line.split() for line in self._channel.run("nft", "list", "tables").splitlines())
        return frozenset((family, name) for _, family, name in lines)

    def read(self, family: str, name: str) -> list[Command]:
        """All that a table holds.

        The inet family is read with numbers for ICMP types, protocols and states, since their names depend on the
        host; not so the bridge family, where nft prints the numbers of ether types in the host's byte order.
        """
        return self._list("-jn" if family == "inet" else "-j", "table", family, name)

    def commit(self, commands: Sequence[Command], *, dry: bool = False) -> None:
        """Carry all of `commands` out, or none; `dry`: only have the kernel check them. Raises `DriverError`."""
        if commands:
            text = msgspec.json.encode({"nftables": commands}).decode()
            self._channel.run("nft", "-j", *(["-c"] if dry else []), "-f", "-", stdin=text)

    def sleeping(self, family: str, name: str) -> str:
        """The text of a dormant table, of which nft 1.0.6 lists no JSON; empty when it is not dormant."""
        text = self._channel.run("nft", "list", "table", family, name)
        return text if "flags dormant" in text else ""

    def _list(self, flags: str, *what: str) -> list[Command]:
        answer = self._channel.run("nft", flags, "list", *what)
        try:
            objects: list[Command] = msgspec.json.decode(answer)["nftables"]
        except (msgspec.DecodeError, KeyError, TypeError) as error:
            said = (
                f"`nft {flags} list {' '.join(what)}` printed no JSON: install nftables with JSON support on the host"
            )
            raise DriverError(ErrorClass.UNSUPPORTED, said) from error
        return [one for one in objects if "metainfo" not in one]
