"""Who uses a file or device of a host: guests, ours or not, and volumes that stand on it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import PurePosixPath
from xml.etree.ElementTree import Element

import libvirt
import msgspec

from reconciler.driver import ErrorClass
from reconciler_libvirt.connection import calls, unless
from reconciler_libvirt.site import Site
from reconciler_libvirt.xml.storage import read_volume
from reconciler_libvirt.xml.tree import parse

_STORED = libvirt.VIR_DOMAIN_XML_INACTIVE


class User(msgspec.Struct, frozen=True, kw_only=True):
    """A guest or a volume. `domain` is the handle of a guest that runs with it, as its disk `target`."""

    name: str
    domain: libvirt.virDomain | None = None
    target: str = ""


def users(site: Site, paths: Iterable[str]) -> Iterator[User]:
    """All that name one of these paths: each guest, and each volume of any active pool."""
    wanted = frozenset(paths)
    yield from guests(site, wanted)
    yield from _overlays(site, wanted)


def guests(site: Site, paths: Iterable[str]) -> Iterator[User]:
    """The guests that name one of these paths, each in its stored and its live form."""
    wanted = frozenset(paths)
    with calls("listing domains"):
        domains = site.connection.listAllDomains()
    for domain in domains:
        with unless(ErrorClass.GONE), calls(f"reading {domain.name()}"):
            yield from _of_domain(domain, wanted)


def _of_domain(domain: libvirt.virDomain, paths: frozenset[str]) -> Iterator[User]:
    running = parse(domain.XMLDesc(0)) if domain.isActive() else None
    if running is not None:
        yield from (User(name=domain.name(), domain=domain, target=target) for target in _targets(running, paths))
    if domain.isPersistent():
        stored = parse(domain.XMLDesc(_STORED))
        yield from (User(name=domain.name()) for _ in _targets(stored, paths))


def _targets(tree: Element, paths: frozenset[str]) -> Iterator[str]:
    """The target names of the disks that have one of the paths anywhere; empty for a kernel and the like."""
    seen = set()
    for disk in tree.iterfind("devices/disk"):
        if _names(disk, paths):
            target = disk.find("target")
            seen.add("" if target is None else target.get("dev", ""))
    if not seen and _names(tree, paths):
        seen.add("")
    yield from sorted(seen)


def _names(root: Element, paths: frozenset[str]) -> bool:
    """By path, or by the name in its pool: ours are unlike any other's."""
    volumes = {PurePosixPath(path).name for path in paths}
    return any(
        node.text in paths or not paths.isdisjoint(node.attrib.values()) or node.get("volume") in volumes
        for node in root.iter()
    )


def _overlays(site: Site, paths: frozenset[str]) -> Iterator[User]:
    """Pools of others are not looked at anew: what libvirt knows of them has to do."""
    with calls("listing storage pools"):
        pools = site.connection.listAllStoragePools(libvirt.VIR_CONNECT_LIST_STORAGE_POOLS_ACTIVE)
    for pool in pools:
        with unless(ErrorClass.GONE), calls(f"listing the volumes of {pool.name()}"):
            found = [read_volume(parse(volume.XMLDesc())) for volume in pool.listAllVolumes()]
            yield from (User(name=volume.name) for volume in found if volume.backing in paths)
