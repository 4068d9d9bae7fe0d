"""Keypairs as `ssh-keygen -l` shows them, and who uses them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec

from reconciler import publickey
from reconciler.address import Address
from reconciler.kinds.base import Resource, resource_kind
from reconciler.report.line import Line, Span, line, table
from reconciler.report.plan_text import file_and_line


class Key(msgspec.Struct, frozen=True, kw_only=True):
    """One declared keypair."""

    resource: Resource
    used_by: tuple[Address, ...]

    @property
    def line(self) -> str:
        """The public key, as in authorized_keys."""
        return str(self.resource.spec.public_key)

    @property
    def comment(self) -> str:
        """What follows the key on its line, as `ssh-keygen` says it."""
        return publickey.comment(self.line) or "no comment"


def keys(resources: Mapping[Address, Resource]) -> list[Key]:
    """All keypairs, by address."""
    users: dict[Address, list[Address]] = {}
    for address, resource in sorted(resources.items()):
        for target in {reference.target for reference in resource_kind(resource).references(resource)}:
            users.setdefault(target, []).append(address)
    return [
        Key(resource=resource, used_by=tuple(users.get(address, ())))
        for address, resource in sorted(resources.items())
        if address.kind == "Keypair"
    ]


def keys_lines(found: Sequence[Key]) -> list[Line]:
    """The table."""
    rows = [
        (
            str(key.resource.address),
            f"{publickey.bits(key.line)} {publickey.family(key.line)}",
            publickey.fingerprint(key.line),
            publickey.md5_fingerprint(key.line),
            _names(key.used_by) or "-",
        )
        for key in found
    ]
    return table(("KEYPAIR", "KEY", "SHA256", "MD5", "USED BY"), rows) if rows else []


def key_lines(key: Key) -> list[Line]:
    """One keypair in full."""
    prints = [publickey.fingerprint(key.line), publickey.md5_fingerprint(key.line)]
    size, family = publickey.bits(key.line), publickey.family(key.line)
    return [
        line(Span(str(key.resource.address), "bold"), f"  ({file_and_line(key.resource.place)})"),
        *(line(f"  {size} {text} {key.comment} ({family})") for text in prints),
        line(Span("  public key  ", "dim"), key.line.strip()),
        line(Span("  used by     ", "dim"), _names(key.used_by) or "nobody"),
    ]


def _names(addresses: Iterable[Address]) -> str:
    return ", ".join(map(str, addresses))


def key_value(key: Key) -> dict[str, Any]:
    """One keypair, for programs."""
    place = key.resource.place
    return {
        "address": str(key.resource.address),
        "type": publickey.family(key.line),
        "bits": publickey.bits(key.line),
        "sha256": publickey.fingerprint(key.line),
        "md5": publickey.md5_fingerprint(key.line),
        "comment": publickey.comment(key.line),
        "usedBy": list(map(str, key.used_by)),
        "source": {"path": place.path, "line": place.line or None},
    }
