"""What the simulator can change, and how: the impact table. Plain data, importable without a hypervisor."""

from __future__ import annotations

from collections.abc import Iterator

from reconciler.impact import Impact, ImpactTable, Row

FIRST_BOOT = "it is used at the first boot only, so the root disk is made anew"
SEED = "the seed, which tells it, is missing and written again; no guest reads it before its next start"
LOST = "the root disk is missing: with it goes what was on it, unless you bring it back"
UNPLUGS = "instances are joined to it and would be cut off; declare a new network and move them"


def _row(kind: str, path: str, impact: Impact, call: str, reason: str, when: str = "always") -> Row:
    return Row(kind=kind, path=path, impact=impact, when=when, call=call, reason=reason)


def _cold(path: str, reason: str = "it is read at a cold start only") -> Iterator[Row]:
    """A field of an instance that a running guest takes up by a restart, and a stopped one at no cost."""
    yield _row("Instance", path, Impact.RESTART, "define_domain", reason, when="running")
    yield _row("Instance", path, Impact.NONE, "define_domain", "it takes effect at the next start")


def _first_boot(path: str) -> Iterator[Row]:
    """What an instance takes up with a new root disk only, unless the seed, which shows it, is missing."""
    yield _row("Instance", path, Impact.NONE, "create_volume", SEED, when="absent")
    yield _row("Instance", path, Impact.REBUILD, "create_volume", FIRST_BOOT)


def _headroom(path: str, call: str) -> Iterator[Row]:
    """A size that grows as the guest runs, up to what it was started with."""
    yield _row("Instance", path, Impact.LIVE, call, "the guest was started with room for it", when="headroom")
    yield from _cold(path)


def _volume() -> Iterator[Row]:
    """A volume grows; all else of it is decided when it is made."""
    shrinks = "a volume that shrinks loses data; declare another one"
    yield _row("Volume", "size", Impact.REFUSED, "", shrinks, when="shrinks")
    yield _row("Volume", "size", Impact.LIVE, "resize_volume", "a volume grows as its guest runs", when="grows")
    gone = "its data is missing: a new one is blank, unless you bring the old one back"
    yield _row("Volume", "size", Impact.REBUILD, "create_volume", gone)
    for path in ("format", "image", "pool"):
        yield _row("Volume", path, Impact.REFUSED, "", "its content would have to move; declare another volume")


def _network(path: str) -> Iterator[Row]:
    """A field of a network, which can change only while nobody is joined to it."""
    yield _row("Network", path, Impact.REFUSED, "", UNPLUGS, when="attached")
    yield _row("Network", path, Impact.REPLACE, "define_network", "a network of another shape is another network")


def _rows() -> Iterator[Row]:
    yield _row("Instance", "powerState", Impact.LIVE, "start_domain", "it is started or stopped")
    yield from _headroom("vcpus", "set_vcpus")
    yield from _headroom("memory", "set_memory")
    for path in ("machine", "virtType", "cpu", "boot.commandLine", "vcpus.max", "memory.max"):
        yield from _cold(path)
    for path in ("firmware", "secureBoot", "guestAgent", "extra.*"):
        yield from _cold(path)
    yield _row("Instance", "autostart", Impact.LIVE, "set_autostart", "it counts when the host starts")
    for path in ("volume", "serial"):
        yield _row("Instance", f"volumes.*.{path}", Impact.LIVE, "attach_disk", "disks are plugged as the guest runs")
    yield from _cold("volumes.*.readOnly", "how a disk is plugged in changes at a cold start only")
    shrinks = "a disk that shrinks loses data; declare a new instance"
    yield _row("Instance", "disk.size", Impact.REFUSED, "", shrinks, when="shrinks")
    yield _row("Instance", "disk.size", Impact.LIVE, "resize_volume", "the disk grows as the guest runs", when="grows")
    yield _row("Instance", "disk.size", Impact.REBUILD, "create_volume", LOST)
    yield _row("Instance", "image", Impact.REBUILD, "create_volume", LOST, when="absent")
    yield _row("Instance", "image", Impact.REBUILD, "create_volume", FIRST_BOOT)
    yield from _first_boot("seed.*")
    yield _row("Instance", "nics.*.securityGroups", Impact.LIVE, "write_nic", "the NIC's filter is replaced at once")
    yield _row("Instance", "nics.*.filter", Impact.LIVE, "write_nic", "the NIC's filter is put in force")
    yield _row("Instance", "nics.*.dnsName", Impact.LIVE, "add_dns_name", "the resolver takes up names as it runs")
    for path in ("network", "mac", "address", "address6"):
        yield from _cold(f"nics.*.{path}", "the NIC is replaced at a cold start")
    yield _row("Network", "active", Impact.LIVE, "start_network", "it is started")
    resolvers = "the network is interrupted for a moment while it takes up other resolvers"
    yield _row("Network", "dns.servers", Impact.INTERRUPT, "reload_network", resolvers, when="attached")
    yield _row("Network", "dns.servers", Impact.LIVE, "reload_network", "nobody is joined to it")
    for path in ("cidr", "mode", "gateway", "addresses", "dns.domain", "cidr6", "gateway6", "dhcp"):
        yield from _network(path)
    for path in ("physicalNetwork", "vlan"):
        yield from _network(path)
    for path in ("rules", "members"):
        yield _row("SecurityGroup", path, Impact.LIVE, "write_group", "the group is replaced in one transaction")
    yield from _volume()
    yield _row("Image", "files", Impact.LIVE, "upload_volume", "missing files are uploaded")
    yield _row("Image", "format", Impact.REFUSED, "", "an image in another format is another image")


IMPACTS: ImpactTable = tuple(_rows())
