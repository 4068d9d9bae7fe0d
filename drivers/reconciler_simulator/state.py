"""All that a make-believe host holds, and what of it changed since it was last kept."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec

from reconciler.prepared import prepared
from reconciler_simulator.collection import Things
from reconciler_simulator.model import MARK, Domain, Entry, Group, Network, Table, Volume

FORMAT = 2
"""Of what is written down."""


@prepared
class Changes(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What one call changed, as it is written down: things by name, None for what is gone.

    The names of networks' resolvers go by `NETWORK/ADDRESS`, groups and filters by `TABLE/NAME`.
    """

    format: int = 0
    domains: dict[str, Domain | None] = {}
    networks: dict[str, Network | None] = {}
    names: dict[str, str | None] = {}
    volumes: dict[str, Volume | None] = {}
    tables: dict[str, Table | None] = {}
    groups: dict[str, Group | None] = {}
    filters: dict[str, Entry | None] = {}


KINDS = tuple(name for name in Changes.__struct_fields__ if name != "format")


class State:
    """All that a host has. Its things are frozen values, which are replaced."""

    def __init__(self) -> None:
        self.domains: Things[Domain] = Things(_words)
        self.networks: Things[Network] = Things(_words)
        self.names: Things[str] = Things(_words_of_name)
        self.volumes: Things[Volume] = Things(_words_of_volume)
        self.tables: Things[Table] = Things()
        self.groups: Things[Group] = Things(_words_of_group)
        self.filters: Things[Entry] = Things(_words_of_filter)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, State) and all(self.of(kind) == other.of(kind) for kind in KINDS)

    def of(self, kind: str) -> Things[Any]:
        """The things of one of `KINDS`."""
        things: Things[Any] = getattr(self, kind)
        return things

    def whole(self) -> Changes:
        """Everything, as the changes that lead here from an empty host."""
        things: dict[str, Any] = {kind: dict(self.of(kind)) for kind in KINDS}
        return Changes(format=FORMAT, **things)

    def changes(self) -> Changes:
        """What changed since it was last kept."""
        changed: dict[str, Any] = {kind: self.of(kind).changes() for kind in KINDS}
        return Changes(**changed)

    def accept(self, changes: Changes) -> None:
        """Take over what somebody else has changed."""
        for kind in KINDS:
            if found := getattr(changes, kind):
                self.of(kind).accept(found)

    def keep(self) -> None:
        """What changed is how it is."""
        for kind in KINDS:
            self.of(kind).keep()

    def take_back(self) -> None:
        """Nothing has changed after all."""
        for kind in KINDS:
            self.of(kind).take_back()


def _words(name: str, thing: Domain | Network) -> Iterator[str]:
    return thing.words()


def _words_of_volume(name: str, volume: Volume) -> Iterator[str]:
    if volume.backing:
        yield f"backing {volume.backing}"
    beside, mark, _ = name.partition(MARK)
    if mark:
        yield f"beside {beside}"


def _words_of_name(name: str, host: str) -> Iterator[str]:
    yield f"network {name.partition('/')[0]}"


def _words_of_group(name: str, group: Group) -> Iterator[str]:
    yield f"table {name.partition('/')[0]}"


def _words_of_filter(name: str, entry: Entry) -> Iterator[str]:
    table = name.partition("/")[0]
    yield f"table {table}"
    yield f"domain {entry.domain}"
    yield from (f"group {table}/{group}" for group in entry.groups)
