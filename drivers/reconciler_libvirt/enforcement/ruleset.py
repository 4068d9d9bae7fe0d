"""What a table holds, as a value, and how the kernel's listing becomes one.

Everything here is family-blind: it knows chains, rules, sets and maps, but not what they are for.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from reconciler_libvirt.enforcement.nft import Command

Statement = dict[str, Any]
"""One match or verdict of a rule, in libnftables' JSON schema."""

Expression = tuple[Statement, ...]
"""One rule: what must match, then the verdict."""


class Chain(msgspec.Struct, frozen=True):
    """Rules in order. `base` says where a base chain hooks in (type, hook, prio, policy); it is empty for others."""

    rules: tuple[Expression, ...] = ()
    base: dict[str, Any] = {}


class Collection(msgspec.Struct, frozen=True):
    """A set, or a map (`map` says of what). `elements` maps a set's keys to their comments, a map's to verdicts."""

    type: Any
    map: str = ""
    elements: dict[str, Any] = {}
    more: dict[str, Any] = {}


class Ruleset(msgspec.Struct, frozen=True):
    """One table; an empty one stands for a table that is not there. `other` is what else is in it, by
    kind and name; we make nothing of that kind.
    """

    chains: dict[str, Chain] = {}
    collections: dict[str, Collection] = {}
    other: tuple[tuple[str, str], ...] = ()

    def elements(self, name: str) -> dict[str, Any]:
        """What is in a set or map; nothing when there is none of that name."""
        return self.collections[name].elements if name in self.collections else {}

    def with_chains(self, chains: Mapping[str, Chain]) -> Ruleset:
        """With these chains added, or in place of their namesakes."""
        return msgspec.structs.replace(self, chains={**self.chains, **chains})

    def with_collection(self, name: str, collection: Collection) -> Ruleset:
        """With a set or map added, or in place of its namesake."""
        return msgspec.structs.replace(self, collections={**self.collections, name: collection})

    def filled(self, name: str, elements: dict[str, Any]) -> Ruleset:
        """With a set or map holding exactly `elements`."""
        return self.with_collection(name, msgspec.structs.replace(self.collections[name], elements=elements))


_IDENTITY = ("family", "name", "table", "handle", "comment")


def from_kernel(objects: list[Command]) -> Ruleset:
    """Read a table's listing. Nothing of it is left out; what we never make ends up where it makes a difference."""
    bare: dict[str, dict[str, Any]] = {}
    rules: dict[str, list[Expression]] = {}
    collections: dict[str, Collection] = {}
    other = []
    for (kind, body), *_ in (one.items() for one in objects):
        if kind == "chain":
            bare[body["name"]] = {key: value for key, value in body.items() if key not in _IDENTITY}
        elif kind == "rule":
            rules.setdefault(body["chain"], []).append(tuple(body["expr"]))
        elif kind in ("set", "map"):
            collections[body["name"]] = _collection(body)
        elif kind != "table" or body.get("flags"):
            other.append((kind, str(body.get("name", ""))))
    chains = {name: Chain(tuple(rules.get(name, ())), base) for name, base in bare.items()}
    return Ruleset(chains, collections, tuple(sorted(other)))


def _collection(body: Command) -> Collection:
    known = (*_IDENTITY, "type", "map", "elem")
    more = {key: value for key, value in body.items() if key not in known}
    return Collection(body["type"], body.get("map", ""), dict(map(_element, body.get("elem", ()))), more)


def _element(element: Any) -> tuple[str, Any]:
    """An element's key, and its comment (of a set) or verdict (of a map)."""
    if isinstance(element, list):
        return _element(element[0])[0], element[1]
    if isinstance(element, dict) and set(element.get("elem", ())) == {"val", "comment"}:
        return _element(element["elem"]["val"])[0], element["elem"]["comment"]
    return str(normal(element)) if isinstance(element, str) else unrecognised(element), ""


UNRECOGNISED = "unrecognised: "


def unrecognised(value: object) -> str:
    """Text that differs from everything we write."""
    return UNRECOGNISED + msgspec.json.encode(value, order="deterministic").decode()


def same(one: tuple[Expression, ...], other: tuple[Expression, ...]) -> bool:
    """Whether two chains' rules mean the same, though nft may list a set's elements and addresses its own way."""
    return one == other or bool(normal(one) == normal(other))


def normal(value: Any) -> Any:
    """`value` with the freedom taken out that listings have: the order in sets, the spelling of addresses."""
    if value == _NAMED_TARGET:
        return _RAW_TARGET
    if isinstance(value, dict):
        return {key: _sorted(value["set"]) if key == "set" else normal(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [normal(item) for item in value]
    return _address(value) if isinstance(value, str) and (":" in value or len(value) == _LONG_NUMBER) else value


_NAMED_TARGET = {"protocol": "icmpv6", "field": "taddr"}
_RAW_TARGET = {"base": "th", "offset": 64, "len": 128}
"""The target of neighbour discovery, as later and as earlier versions of nft list it."""
_LONG_NUMBER = 34
"""How long 128 bits are as text: `0x` and 32 digits."""


def _sorted(items: list[Any]) -> list[Any]:
    return sorted((normal(item) for item in items), key=str)


def _address(text: str) -> str:
    try:
        if text.startswith("0x"):
            return str(ipaddress.IPv6Address(int(text, 16)))
        return str(ipaddress.ip_address(text))
    except ValueError:
        return text


def targets(*parts: Any) -> Iterator[str]:
    """The chains that rules or verdicts lead to, and the sets and maps (with a leading `@`) that they look into."""
    todo = list(reversed(parts))
    while todo:
        part = todo.pop()
        if isinstance(part, dict):
            for key, value in part.items():
                if key in _LEADING and isinstance(value, dict):
                    yield value["target"]
                else:
                    todo.append(value)
        elif isinstance(part, (list, tuple)):
            todo += reversed(part)
        elif isinstance(part, str) and part.startswith("@"):
            yield part


_LEADING = ("jump", "goto")


def stem(name: str) -> str:
    """What a chain or set stands for: its name without the last part."""
    return name.removeprefix("@").rpartition("-")[0]
