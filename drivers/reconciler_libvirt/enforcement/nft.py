"""The `nft` command on a host: JSON in, JSON out, one transaction per call."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import msgspec

from reconciler.driver import DriverError, ErrorClass

Command = dict[str, Any]
"""One command or object in libnftables' JSON schema (libnftables-json(5)): `{"add": {"table": {…}}}`."""


class Completed(Protocol):
    """How a command ended; `subprocess.CompletedProcess` is one."""

    @property
    def returncode(self) -> int:
        """Its exit status, 0 for success."""

    @property
    def stdout(self) -> bytes:
        """What it printed."""

    @property
    def stderr(self) -> bytes:
        """What it complained about."""


class Channel(Protocol):
    """Runs commands as root on a host; safe to call from several threads."""

    def run(self, argv: Sequence[str], stdin: bytes = b"") -> Completed:
        """Run one command to its end. Raises `DriverError` when the host cannot be reached."""


class Nft:
    """nftables on one host."""

    def __init__(self, channel: Channel) -> None:
        self._channel = channel

    def tables(self) -> set[tuple[str, str]]:
        """Family and name of every table there is."""
        return {(t["family"], t["name"]) for t in _values(self._list("-j", "tables"), "table")}

    def read(self, family: str, name: str) -> list[Command]:
        """All that a table holds.

        The inet family is read with numbers for ICMP types, protocols and states, since their names depend on the
        host; not so the bridge family, where nft prints the numbers of ether types in the host's byte order.
        """
        return self._list("-jn" if family == "inet" else "-j", "table", family, name)

    def commit(self, commands: Sequence[Command], *, dry: bool = False) -> None:
        """Carry all of `commands` out, or none; `dry`: only have the kernel check them. Raises `DriverError`."""
        if commands:
            self._run(["nft", "-j", *(["-c"] if dry else []), "-f", "-"], msgspec.json.encode({"nftables": commands}))

    def _list(self, flags: str, *what: str) -> list[Command]:
        answer = self._run(["nft", flags, "list", *what])
        try:
            objects: list[Command] = msgspec.json.decode(answer)["nftables"]
        except (msgspec.DecodeError, KeyError, TypeError) as error:
            message = f"`nft {flags} list {' '.join(what)}` printed no JSON; nft must be built with JSON support"
            raise DriverError(ErrorClass.UNSUPPORTED, message) from error
        return [one for one in objects if "metainfo" not in one]

    def _run(self, argv: list[str], stdin: bytes = b"") -> bytes:
        done = self._channel.run(argv, stdin)
        if done.returncode:
            said = done.stderr.decode(errors="replace").strip() or f"exit status {done.returncode}"
            raise DriverError(ErrorClass.YOURS, f"`{' '.join(argv)}` failed on the host: {said}")
        return done.stdout


def _values(objects: list[Command], kind: str) -> list[Any]:
    return [one[kind] for one in objects if kind in one]
