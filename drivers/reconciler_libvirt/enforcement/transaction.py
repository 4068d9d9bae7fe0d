"""The one transaction that turns what a table holds into what it shall hold.

Only what differs is touched. Rules are replaced a chain at a time, and nftables lets a packet see either all of a
transaction or nothing of it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec

from reconciler_libvirt.enforcement.nft import Command
from reconciler_libvirt.enforcement.ruleset import UNRECOGNISED, Chain, Collection, Ruleset, same, targets


def transaction(family: str, name: str, before: Ruleset, after: Ruleset) -> list[Command]:
    """The commands, in an order that nftables takes; none when nothing differs.

    A table that was not there is *created*, which fails when somebody else made one of that name meanwhile.
    """
    table = {"family": family, "name": name}
    if after == Ruleset():
        return [] if before == after else [{"delete": {"table": table}}]
    change = _Change({"family": family, "table": name}, before, after)
    commands = [*change.clear(), *change.remove(), *change.add()]
    if before == Ruleset():
        return [{"create": {"table": table}}, *commands]
    # Adding a table that is there takes flags off it: a dormant one wakes.
    return [{"add": {"table": table}}, *commands] if commands or before.other != after.other else []


class _Change:
    """The difference of two rulesets of one table."""

    def __init__(self, table: dict[str, str], before: Ruleset, after: Ruleset) -> None:
        self._table, self._before, self._after = table, before, after
        self._remade = {
            name
            for name, old in before.collections.items()
            if name not in after.collections
            or (_foreign(old) and old != after.collections[name])
            or _definition(old) != _definition(after.collections[name])
        }
        self._rehooked = {
            name
            for name, old in before.chains.items()
            if name not in after.chains or old.base != after.chains[name].base
        }
        self._rewritten = {name for name, new in after.chains.items() if self._differs(name, new)}

    def _differs(self, name: str, new: Chain) -> bool:
        old = self._before.chains.get(name)
        if old is None or name in self._rehooked:
            return True
        return not same(old.rules, new.rules) or any(target[1:] in self._remade for target in targets(old.rules))

    def clear(self) -> Iterator[Command]:
        """Empty the chains that change, so that nothing is in use any more by what goes."""
        for name in self._before.chains:
            if name in self._rehooked or name in self._rewritten:
                yield self._command("flush", "chain", name)

    def remove(self) -> Iterator[Command]:
        """Elements, then the sets and maps, then the chains that these led to."""
        for name, old in self._before.collections.items():
            if name not in self._remade:
                new = self._after.collections[name].elements
                gone = [key for key, value in old.elements.items() if new.get(key, _ABSENT) != value]
                yield from self._elements("delete", name, msgspec.structs.replace(old, elements=_of(old, gone)))
        for name in sorted(self._remade):
            yield self._command("delete", _kind(self._before.collections[name]), name)
        for name in sorted(self._rehooked):
            yield self._command("delete", "chain", name)
        for kind, name in self._before.other:
            if kind != "table" and (kind, name) not in self._after.other:
                yield self._command("delete", kind, name)

    def add(self) -> Iterator[Command]:
        """Chains, then sets and maps, which may lead to them, then rules, which need both."""
        for name, chain in self._after.chains.items():
            if name in self._rehooked or name not in self._before.chains:
                yield self._command("add", "chain", name, **chain.base)
        for name, new in self._after.collections.items():
            yield from self._collection(name, new)
        for name, chain in self._after.chains.items():
            if name in self._rewritten:
                for rule in chain.rules:
                    yield {"add": {"rule": {**self._table, "chain": name, "expr": list(rule)}}}

    def _collection(self, name: str, new: Collection) -> Iterator[Command]:
        old = self._before.collections.get(name)
        if old is None or name in self._remade:
            old = msgspec.structs.replace(new, elements={})
            yield self._command("add", _kind(new), name, type=new.type, **({"map": new.map} if new.map else {}))
        fresh = [key for key, value in new.elements.items() if old.elements.get(key, _ABSENT) != value]
        yield from self._elements("add", name, msgspec.structs.replace(new, elements=_of(new, fresh)))

    def _command(self, verb: str, kind: str, name: str, **more: Any) -> Command:
        return {verb: {kind: {**self._table, "name": name, **more}}}

    def _elements(self, verb: str, name: str, collection: Collection) -> Iterator[Command]:
        elements = [_spelled(key, value) for key, value in collection.elements.items()]
        if elements:
            yield self._command(verb, "element", name, elem=elements)


_ABSENT = object()


def _definition(collection: Collection) -> tuple[Any, ...]:
    return collection.type, collection.map, collection.more


def _foreign(collection: Collection) -> bool:
    """Whether it holds an element that we cannot name, and so cannot delete."""
    return any(key.startswith(UNRECOGNISED) for key in collection.elements)


def _kind(collection: Collection) -> str:
    return "map" if collection.map else "set"


def _of(collection: Collection, keys: list[str]) -> dict[str, Any]:
    return {key: collection.elements[key] for key in keys}


def _spelled(key: str, value: Any) -> Any:
    if isinstance(value, dict):
        return [key, value]
    return {"elem": {"val": key, "comment": value}} if value else key
