"""What libvirt can change, and how: the impact table. Plain data, importable without libvirt."""

from __future__ import annotations

from collections.abc import Iterator

from reconciler.impact import Impact, ImpactTable, Row

_FIRST_BOOT = "it is used at the first boot only, so the root disk is made anew"
_SEED = "the seed, which tells it, is missing and written again; no guest reads it before its next start"
_LOST = "the root disk is missing: with it goes what was on it, unless you bring it back"
_UNPLUGS = "instances are joined to it and would be cut off; declare a new network and point the instances at it"


def _row(kind: str, path: str, impact: Impact, call: str, reason: str, when: str = "always") -> Row:
    return Row(kind=kind, path=path, impact=impact, when=when, call=call, reason=reason)


def _cold(path: str, reason: str) -> Iterator[Row]:
    """A field that a running guest takes up by a cold start only; the next start brings it to a stopped one."""
    yield _row("Instance", path, Impact.RESTART, "domain.define", reason, when="running")
    yield _row("Instance", path, Impact.NONE, "domain.define", "it takes effect at the next start")


def _first_boot(path: str) -> Iterator[Row]:
    """A field that takes a new root disk, unless all that is missing is the seed, which shows it. A running guest
    has no need of it: to take its root disk for that would be to lose data for nothing.
    """
    yield _row("Instance", path, Impact.NONE, "volume.create", _SEED, when="absent")
    yield _row("Instance", path, Impact.REBUILD, "volume.create", _FIRST_BOOT)


def _disk() -> Iterator[Row]:
    shrinks = "a disk that shrinks loses data; declare a new instance"
    yield _row("Instance", "disk.size", Impact.REFUSED, "", shrinks, when="shrinks")
    yield _row("Instance", "disk.size", Impact.LIVE, "domain.resize", "a disk grows as the guest runs", when="grows")
    yield _row("Instance", "disk.size", Impact.REBUILD, "volume.create", _LOST)
    unfinished = "a rebuild was cut off after the root disk was made anew"
    yield _row("Instance", "image", Impact.REBUILD, "volume.create", _LOST, when="absent")
    yield _row("Instance", "image", Impact.REBUILD, "volume.create", _FIRST_BOOT, when="running")
    yield _row("Instance", "image", Impact.NONE, "domain.define", unfinished, when="empty")
    yield _row("Instance", "image", Impact.REBUILD, "volume.create", _FIRST_BOOT)


def _network(path: str) -> Iterator[Row]:
    yield _row("Network", path, Impact.REFUSED, "", _UNPLUGS, when="attached")
    yield _row("Network", path, Impact.REPLACE, "network.define", "a network of another shape is another network")


def _volume() -> Iterator[Row]:
    shrinks = "a volume that shrinks loses data; declare another one"
    yield _row("Volume", "size", Impact.REFUSED, "", shrinks, when="shrinks")
    yield _row("Volume", "size", Impact.LIVE, "volume.resize", "a volume grows as its guest runs", when="grows")
    lost = "the volume is missing: with it goes what was on it, unless you bring it back"
    yield _row("Volume", "size", Impact.REBUILD, "volume.create", lost)
    for path in ("format", "image", "pool"):
        yield _row("Volume", path, Impact.REFUSED, "", "its content would have to move; declare another volume")


def _rows() -> Iterator[Row]:
    yield _row("Instance", "powerState", Impact.LIVE, "domain.start", "it is started or stopped")
    for path, call in (("vcpus", "domain.grow-vcpus"), ("memory", "domain.grow-memory")):
        yield _row("Instance", path, Impact.LIVE, call, "it grows within its maximum as it runs", when="headroom")
    yield from _cold("*.max", "QEMU takes it at its start only")
    for path in ("vcpus", "memory", "machine", "virtType", "cpu", "boot.commandLine"):
        yield from _cold(path, "QEMU takes it at its start only")
    for path in ("firmware", "secureBoot", "guestAgent", "extra.*"):
        yield from _cold(path, "QEMU takes it at its start only")
    yield _row("Instance", "autostart", Impact.LIVE, "domain.autostart", "it counts when the host starts")
    yield from _disk()
    yield _row("Instance", "volumes.*", Impact.LIVE, "domain.attach", "disks are plugged in and out as it runs")
    yield from _first_boot("seed.*")
    yield _row("Instance", "nics.*.securityGroups", Impact.LIVE, "nic.filter", "one transaction replaces the filter")
    yield _row("Instance", "nics.*.filter", Impact.LIVE, "nic.filter", "the filter is written, and the link raised")
    yield _row("Instance", "nics.*.dnsName", Impact.LIVE, "network.update", "the resolver takes up names as it runs")
    for path in ("network", "mac", "address", "address6"):
        yield from _cold(f"nics.*.{path}", "a NIC is replaced at a cold start")
    yield _row("Network", "active", Impact.LIVE, "network.start", "it is started")
    shape = ("cidr", "cidr6", "mode", "gateway", "gateway6", "addresses", "dhcp", "dns.*", "physicalNetwork", "vlan")
    for path in shape:
        yield from _network(path)
    for path in ("rules", "members"):
        yield _row("SecurityGroup", path, Impact.LIVE, "group.write", "one transaction replaces the group")
    yield from _volume()
    yield _row("Image", "files", Impact.LIVE, "volume.upload", "missing files are uploaded")
    yield _row("Image", "format", Impact.REFUSED, "", "an image in another format is another image")


IMPACTS: ImpactTable = tuple(_rows())
