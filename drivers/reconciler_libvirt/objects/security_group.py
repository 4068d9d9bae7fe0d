"""Security groups: what the kernel enforces of them.

Their ledger, a digest of each value last applied, is the note beside a group in the table.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator

from reconciler.driver import Progress
from reconciler.objects import Observed, Value, digest, texts
from reconciler.observation import Foreign
from reconciler_libvirt.enforcement.layout import Names
from reconciler_libvirt.reading import HostReading
from reconciler_libvirt.site import Site, Task


def observe(site: Site, reading: HostReading) -> Iterator[Observed | Foreign]:
    """The groups in our tables; a table of our name that is another's."""
    if reading.table is None:
        return
    if reading.table.foreign:
        yield Foreign("table", Names(site.identity).table, reading.table.foreign)
    for name in reading.table.stray:
        yield Foreign("nftables", name, "it stands in our table and was not made by us")
    for address, group in sorted(reading.table.groups.items()):
        stored: dict[str, Value] = {"rules": group.rules, "members": group.members}
        uid = site.identity.uuid(address)
        yield Observed(key=site.key(address), origin=address, uid=uid, stored=stored, owned=_owned(group.note))


def ensure(task: Task) -> None:
    """Make rules and members exactly what is wanted, in one transaction."""
    rules, members = texts(task.wanted.fields["rules"]), texts(task.wanted.fields["members"])
    note = f"rules={digest(rules)} members={digest(members)}"
    origin = task.wanted.origin
    announce = functools.partial(task.progress.call, "group.write", str(origin))
    task.site.table.apply_group(origin, rules, members, note, announce)


def _owned(note: str) -> dict[str, str]:
    entries = (entry.partition("=") for entry in note.split())
    return {path: applied for path, _, applied in entries if path in ("rules", "members")}


def delete(site: Site, observed: Observed, progress: Progress) -> None:
    """Take the group away; one that a NIC is in is refused."""
    progress.call("group.delete", str(observed.origin))
    site.table.remove_group(observed.origin)
