"""What we write on a domain or network: whose it is, and a digest of each field that was last applied.

One element of our own namespace in libvirt's <metadata>. The reader is strict about belonging (whatever is odd makes
the object foreign, so that it is never touched) and lenient about nothing else being there.
"""

from __future__ import annotations

from xml.etree import ElementTree
from xml.etree.ElementTree import Element, SubElement

import msgspec

from reconciler.address import Address
from reconciler.objects import Value, digest
from reconciler_libvirt.xml.tree import child

NAMESPACE = "urn:vm-reconciler:ledger"
VERSION = 1
MOST = 1 << 16
"""Characters in one record; a guest with 16 NICs needs about a tenth."""

_TAG = f"{{{NAMESPACE}}}object"
ElementTree.register_namespace("reconciler", NAMESPACE)


class Record(msgspec.Struct, frozen=True, kw_only=True):
    """`owned` has a digest per path; `noted` the few values that libvirt has no place for and that are no secrets."""

    fleet_id: str
    address: Address
    origin: Address
    commit: str = ""
    owned: dict[str, str] = {}
    guards: tuple[str, ...] = ()
    noted: dict[str, Value] = {}


class NotOurs(Exception):
    """The object does not belong to the fleet; the text says why."""


def owned(fields: dict[str, Value], waiting: tuple[str, ...], last: Record | None) -> dict[str, str]:
    """The digests to record for fields that are applied. One that waits keeps what was last applied to it, or its
    drift would pass for ours.
    """
    before = last.owned if last else {}
    applied = {path: digest(value) for path, value in sorted(fields.items()) if path not in waiting}
    return applied | {path: before[path] for path in waiting if path in before}


def same(known: Record, wanted: Record) -> bool:
    """Whether two records say the same, whatever the commit: a commit alone is no reason to write."""
    return msgspec.structs.replace(known, commit=wanted.commit) == wanted


def place(root: Element, record: Record) -> None:
    """Write the record into a domain's or network's metadata, beside what others wrote there."""
    metadata = child(root, "metadata")
    for node in metadata.findall(_TAG):
        metadata.remove(node)
    metadata.append(write(record))


def write(record: Record) -> Element:
    """The record as an element."""
    node = Element(_TAG, {"version": str(VERSION), "fleet": record.fleet_id})
    node.attrib.update(address=str(record.address), origin=str(record.origin), commit=record.commit)
    for guard in sorted(record.guards):
        SubElement(node, f"{{{NAMESPACE}}}guard", {"name": guard})
    for path, known in sorted(record.owned.items()):
        SubElement(node, f"{{{NAMESPACE}}}owned", {"path": path, "digest": known})
    for path, value in sorted(record.noted.items()):
        SubElement(node, f"{{{NAMESPACE}}}noted", {"path": path}).text = msgspec.json.encode(value).decode()
    return node


def read(root: Element, fleet_id: str, kind: str) -> Record:
    """The record of a domain or network. Raises `NotOurs`."""
    nodes = root.findall(f"metadata//{_TAG}")
    if len(nodes) != 1:
        raise NotOurs("it has no mark of ours" if not nodes else "it has several marks of ours")
    if len(ElementTree.tostring(nodes[0], encoding="unicode")) > MOST:
        raise NotOurs("its mark is oversized")
    try:
        record = _record(nodes[0])
    except (ValueError, KeyError) as error:
        raise NotOurs(f"its mark cannot be read ({error})") from None
    if record.fleet_id != fleet_id:
        raise NotOurs(f"it belongs to fleet {record.fleet_id}")
    if record.address.kind != kind or record.origin.kind != kind:
        raise NotOurs(f"its mark is that of a {record.address.kind}")
    return record


def _record(node: Element) -> Record:
    if int(node.attrib["version"]) > VERSION:
        raise NotOurs("its mark was written by a newer version of this program")
    return Record(
        fleet_id=node.attrib["fleet"],
        address=Address.parse(node.attrib["address"]),
        origin=Address.parse(node.attrib["origin"]),
        commit=node.get("commit", ""),
        owned={known.attrib["path"]: known.attrib["digest"] for known in node.findall(f"{{{NAMESPACE}}}owned")},
        guards=tuple(sorted(guard.attrib["name"] for guard in node.findall(f"{{{NAMESPACE}}}guard"))),
        noted={
            note.attrib["path"]: msgspec.json.decode(note.text or "", type=Value)
            for note in node.findall(f"{{{NAMESPACE}}}noted")
        },
    )
