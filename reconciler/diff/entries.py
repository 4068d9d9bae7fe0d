"""Entries with a name, such as a NIC or a data disk: several fields that come, go and wait together."""

from __future__ import annotations

import msgspec

from reconciler.address import Address, ObjectKey
from reconciler.objects import Wanted
from reconciler.plan import FieldChange
from reconciler.snapshots import Snapshots

HEADS = {"nics": "network", "volumes": "volume"}
"""Of entries with a name, such as `nics.lan`, the field that says what they are joined to."""


def entry_of(path: str) -> str:
    """The NIC or data disk that a field belongs to (`nics.lan`), or nothing."""
    kind, _, rest = path.partition(".")
    return f"{kind}.{rest.partition('.')[0]}" if kind in HEADS and "." in rest else ""


def is_head(path: str) -> bool:
    """Whether a field says what its NIC or data disk is joined to."""
    entry = entry_of(path)
    return bool(entry) and path == f"{entry}.{HEADS[entry.partition('.')[0]]}"


def taken_back(field: FieldChange, wanted: Wanted, snapshots: Snapshots) -> FieldChange:
    """The volume that a disk is to be, when it stands already: nothing is made for it, and its data comes with it."""
    if not (field.path.startswith("volumes.") and is_head(field.path) and isinstance(field.after, str)):
        return field
    standing = snapshots.objects.get(ObjectKey(wanted.key.host, Address.parse(field.after)))
    if standing is None or standing.incomplete:
        return field
    told = f"stands already on {wanted.key.host}, and is attached with its data"
    return msgspec.structs.replace(field, reason="; ".join(filter(None, [field.reason, told])))


def whole_entries(fields: tuple[FieldChange, ...]) -> tuple[FieldChange, ...]:
    """A NIC or data disk that comes or goes does so as a whole: all its fields have the impact of that."""
    entries = {
        entry_of(field.path): field for field in fields if is_head(field.path) and None in (field.before, field.after)
    }

    def alike(field: FieldChange) -> FieldChange:
        entry = entries.get(entry_of(field.path))
        if entry is None:
            return field
        shared = {"impact": entry.impact, "reason": entry.reason, "certain": entry.certain, "possible": entry.possible}
        return msgspec.structs.replace(field, **shared)

    return tuple(alike(field) for field in fields) if entries else fields
