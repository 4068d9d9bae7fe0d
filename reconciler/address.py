"""Names of resources and of the objects that stand for them: values at the bottom of the import graph."""

from __future__ import annotations

import functools
import re

import msgspec

NAME_PATTERN = r"^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$(?!\n)"
"""An ASCII DNS label (RFC 1123). The look-ahead closes Python's `$`, which would accept a trailing newline."""

_NAME = re.compile(NAME_PATTERN)


def valid_name(text: str) -> bool:
    """Whether `text` may name a project or a resource."""
    return _NAME.match(text) is not None


class Address(msgspec.Struct, frozen=True, order=True):
    """What a manifest declares: `Instance/shop/web-1`, or `Flavor/small` for kinds of the whole fleet."""

    kind: str
    project: str | None
    name: str

    def __str__(self) -> str:
        return f"{self.kind}/{self.name}" if self.project is None else f"{self.kind}/{self.project}/{self.name}"

    @classmethod
    def parse(cls, text: str) -> Address:
        """Read an address back; raises `ValueError` when the text is none."""
        return _parsed(text)


@functools.lru_cache(maxsize=1 << 17)
def _parsed(text: str) -> Address:
    """The same addresses stand in many fields, and are read in every round."""
    kind, *names = text.split("/")
    if len(names) not in (1, 2) or not kind.isalpha() or not all(valid_name(name) for name in names):
        raise ValueError(f"{text!r} is no address; write Kind/name or Kind/project/name")
    return Address(kind, names[0] if len(names) == 2 else None, names[-1])


class ObjectKey(msgspec.Struct, frozen=True, order=True):
    """One object on one host. `part` tells objects of one resource on one host apart (an image's content id)."""

    host: str
    address: Address
    part: str = ""

    def __str__(self) -> str:
        part = f"#{self.part}" if self.part else ""
        return f"{self.address}{part}@{self.host}"
