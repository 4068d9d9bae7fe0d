"""What a host is and can do."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import PurePosixPath
from xml.etree.ElementTree import Element

import libvirt

from reconciler.driver import ErrorClass
from reconciler.observation import HostFacts
from reconciler_libvirt.channel import CommandError
from reconciler_libvirt.connection import calls, unless
from reconciler_libvirt.enforcement import TableState, preflight
from reconciler_libvirt.site import Site
from reconciler_libvirt.xml.tree import parse

ARCHITECTURE = "x86_64"
VIRT_TYPES = ("kvm", "qemu")


def read(site: Site, table: TableState | None) -> HostFacts:
    """The host's facts. Raises `DriverError` when libvirt does not answer."""
    with calls("reading what the host is"):
        info = site.connection.getInfo()
        version = dotted(site.connection.getLibVersion())
        vcpus, memory = _others(site)
    reason = _no_enforcement(site, table)
    return HostFacts(
        host=site.host,
        driver="libvirt",
        version=version,
        virt_types=virt_types(site.connection),
        vcpus=int(info[2]),
        memory=int(info[1]) << 20,
        disk=_disk(site),
        other_vcpus=vcpus,
        other_memory=memory,
        features=features(site.connection),
        pools=dict(_pools(site)),
        physical_networks=tuple(sorted(site.settings.physical_networks)),
        enforcement="" if reason else "nftables",
        enforcement_reason=reason,
    )


def dotted(version: int) -> str:
    """libvirt's version number as people write it."""
    return f"{version // 1_000_000}.{version // 1000 % 1000}.{version % 1000}"


def virt_types(connection: libvirt.virConnect) -> tuple[str, ...]:
    """What libvirt offers for guests of our architecture. A type that is offered need not be one that works."""
    return tuple(name for name in VIRT_TYPES if _offered(connection, name))


def _offered(connection: libvirt.virConnect, name: str) -> bool:
    with unless(ErrorClass.YOURS, ErrorClass.UNSUPPORTED), calls(f"asking what virtType {name} can do"):
        connection.getDomainCapabilities(None, ARCHITECTURE, None, name)
        return True
    return False


def features(connection: libvirt.virConnect) -> tuple[str, ...]:
    """What libvirt can give to guests of the machine type q35: firmware that it has the files of."""
    with unless(ErrorClass.YOURS, ErrorClass.UNSUPPORTED), calls("asking what guests can have"):
        offered = parse(connection.getDomainCapabilities(None, ARCHITECTURE, "q35", None))
        firmware = offered.find("os/enum[@name='firmware']")
        secure = offered.find("os/loader/enum[@name='secure']")
        found = {"uefi": _has(firmware, "efi"), "secure-boot": _has(firmware, "efi") and _has(secure, "yes")}
        return tuple(sorted(name for name, there in found.items() if there))
    return ()


def _has(enum: Element | None, value: str) -> bool:
    return enum is not None and value in [node.text for node in enum.iterfind("value")]


def _others(site: Site) -> tuple[int, int]:
    """The vCPUs and the bytes of memory of guests that are not ours; of those that stand still too, since somebody
    may start them at any time.
    """
    vcpus = memory = 0
    for domain in site.connection.listAllDomains():
        if not domain.name().startswith(site.identity.prefix + "."):
            with unless(ErrorClass.GONE), calls(f"reading {domain.name()}"):
                _, most, _, count, _ = domain.info()
                vcpus, memory = vcpus + count, memory + (most << 10)
    return vcpus, memory


def _pools(site: Site) -> Iterator[tuple[str, int]]:
    """The capacity of each pool that may be used by name and is there."""
    for name, pool in sorted(site.storage.named.items()):
        with unless(ErrorClass.YOURS):
            yield name, pool.form().capacity


def _disk(site: Site) -> int:
    """The size of the file system that holds the storage pool, or will."""
    folder = PurePosixPath(site.storage.path)
    for path in (folder, *folder.parents):
        try:
            blocks, size = site.channel.run("stat", "-f", "-c", "%b %S", "--", str(path)).split()
        except CommandError:
            continue  # not made yet: the folder above it is on the same file system
        return int(blocks) * int(size)
    return 0


def _no_enforcement(site: Site, table: TableState | None) -> str:
    """Why security groups cannot be enforced here; empty when they can."""
    if table is not None and table.foreign:
        return table.foreign
    failed = [f"{what}: no; {remedy}" for passed, what, remedy in preflight(site.channel) if not passed]
    return "; ".join(failed)
