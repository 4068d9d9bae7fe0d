"""Whose a domain or a network is, and what was last applied to it: written on the thing itself."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from reconciler.address import Address
from reconciler.objects import digest
from reconciler.observation import Foreign
from reconciler.prepared import prepared
from reconciler_simulator.collection import Things
from reconciler_simulator.model import Domain, Network
from reconciler_simulator.site import Site, Task

THINGS = {"Instance": "domain", "Network": "network"}
"""What hypervisors call that which stands for a kind."""
LARGEST = 64 * 1024
"""Metadata beyond this many characters is not ours and not read."""


@prepared
class Ledger(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Our metadata element. `owned` has a digest of the value last applied per path, never the value."""

    format: int = 1
    fleet: str
    address: str
    origin: str
    commit: str = ""
    owned: dict[str, str] = {}
    guards: tuple[str, ...] = ()


def ledger_of(site: Site, task: Task, elements: tuple[str, ...], mark: str = "") -> Ledger:
    """What is to be written on an object that has these elements now, with one more `mark`.

    A field that waits keeps what was last applied to it, or its drift would pass for ours.
    """
    wanted, last = task.wanted, owned(elements)
    now = {path: digest(value) for path, value in wanted.fields.items() if path not in task.waiting}
    now |= {path: last[path] for path in task.waiting if path in last}
    return Ledger(
        fleet=site.fleet_id,
        address=str(wanted.key.address),
        origin=str(wanted.origin),
        commit=task.commit,
        owned=now,
        guards=(*wanted.guards, mark) if mark else wanted.guards,
    )


def owned(elements: tuple[str, ...]) -> dict[str, str]:
    """The digests of what was last applied; none where no ledger of ours is to be read."""
    try:
        return read(elements).owned
    except ValueError:
        return {}


def guards(elements: tuple[str, ...]) -> tuple[str, ...]:
    """The marks on an object; none where no ledger of ours is to be read."""
    try:
        return read(elements).guards
    except ValueError:
        return ()


def text_of(ledger: Ledger) -> str:
    """The element's text."""
    return msgspec.json.encode(ledger).decode()


def read(elements: tuple[str, ...]) -> Ledger:
    """Read our element back; raises `ValueError` with a reason for people."""
    if len(elements) != 1:
        raise ValueError("has no metadata of ours" if not elements else "has our metadata element more than once")
    if len(elements[0]) > LARGEST:
        raise ValueError("has metadata that is too large to be ours")
    try:
        ledger = msgspec.json.decode(elements[0], type=Ledger)
        Address.parse(ledger.address), Address.parse(ledger.origin)
    except ValueError:
        raise ValueError("has metadata in our namespace that is malformed") from None
    if ledger.format != 1:
        raise ValueError(f"has metadata of format {ledger.format}, which only a newer version may change")
    return ledger


def same_intent(elements: tuple[str, ...], ledger: Ledger) -> bool:
    """Whether what stands there says the same, whatever the commit: a commit alone is no reason to write."""
    try:
        return msgspec.structs.replace(read(elements), commit=ledger.commit) == ledger
    except ValueError:
        return False


def judge(site: Site, kind: str, name: str, uuid: str, elements: tuple[str, ...]) -> Ledger | Foreign | None:
    """Ours (its ledger), foreign and in our way, or none of our business (None).

    Name, UUID and metadata must all be ours: anything less is never touched.
    """
    named = site.named(kind, name)
    try:
        ledger = read(elements)
        stranger = "belongs to another fleet" if ledger.fleet != site.fleet_id else ""
    except ValueError as reason:
        ledger, stranger = None, str(reason)
    if ledger is None or stranger:
        claimed = site.key(named[0]) if named else None
        return Foreign(THINGS[kind], name, stranger, claimed) if site.claims(name) else None
    origin = Address.parse(ledger.origin)
    if origin.kind == kind and (name, uuid) == (site.identity.name(origin), site.identity.uuid(origin)):
        return ledger
    clashes = name == site.identity.name(origin) or uuid == site.identity.uuid(origin)
    claimed = site.key(named[0]) if named else site.key(origin) if clashes else None
    return Foreign(THINGS[kind], name, "has a copy of our metadata under another name or UUID", claimed)


def candidates(site: Site, things: Things[Domain] | Things[Network], *addresses: Address) -> Iterable[str]:
    """The names of the things that can be, or be in the way of, the object with one of these addresses."""
    found: dict[str, None] = {}
    for address in addresses:
        names = (site.identity.name(address), *things.having(f"uuid {site.identity.uuid(address)}"))
        found.update((name, None) for name in names if name in things)
    return found
