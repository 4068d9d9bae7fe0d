"""Whose a domain or network is: name, UUID and mark must all be ours; anything less is never touched."""

from __future__ import annotations

from reconciler.address import Address, ObjectKey
from reconciler.identity import Identity
from reconciler.observation import Foreign
from reconciler_libvirt.ledger import Record
from reconciler_libvirt.names import read_name


def judge(
    identity: Identity, host: str, kind: str, name: str, uuid: str, record: Record | None, reason: str = ""
) -> Record | Foreign | None:
    """Ours (its record), foreign and in our way, or none of our business (None).

    `record` is its mark, or None with the `reason` why that is not ours.
    """
    bears = read_name(identity, kind, name)
    what = {"Instance": "domain", "Network": "network"}[kind]
    if record is None:
        if not name.startswith(identity.prefix + "."):
            return None
        return Foreign(what, name, reason, ObjectKey(host, bears) if bears else None)
    if (name, uuid) == (identity.name(record.origin), identity.uuid(record.origin)):
        return record
    return Foreign(
        what, name, "it has a copy of our mark under another name or UUID", _claim(identity, host, uuid, record, bears)
    )


def _claim(identity: Identity, host: str, uuid: str, record: Record, bears: Address | None) -> ObjectKey | None:
    if bears:
        return ObjectKey(host, bears)
    return ObjectKey(host, record.origin) if uuid == identity.uuid(record.origin) else None
