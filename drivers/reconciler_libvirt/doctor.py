"""Checks of a host that people can run before anything relies on it."""

from __future__ import annotations

from collections.abc import Iterator

from reconciler.driver import DriverError
from reconciler_libvirt import facts, links
from reconciler_libvirt.channel import CommandError
from reconciler_libvirt.connection import calls
from reconciler_libvirt.enforcement import preflight
from reconciler_libvirt.site import Site

Check = tuple[bool, str, str]
_OLDEST = 9_000_000


def checks(site: Site) -> Iterator[Check]:
    """Every check, each read-only on the host."""
    yield _libvirt(site)
    yield from _virt_types(site)
    yield _root(site)
    yield from preflight(site.channel)
    yield _installed(site, "dnsmasq", "it gives guests their addresses and names: install dnsmasq-base on the host")
    yield _installed(site, "flock", "it keeps two runs from writing at once: install util-linux on the host")
    yield _installed(site, "bash", "guests are asked whether they are ready, and reached, through it: install bash")
    yield _readable(site)
    yield from _wires(site)


def _libvirt(site: Site) -> Check:
    with calls("asking libvirt for its version"):
        version = site.connection.getLibVersion()
    what = f"libvirt {facts.dotted(version)} answers at {site.settings.place}"
    return version >= _OLDEST, what, f"libvirt {facts.dotted(_OLDEST)} or later is needed; upgrade the host"


def _virt_types(site: Site) -> Iterator[Check]:
    found = facts.virt_types(site.connection)
    for name in facts.VIRT_TYPES:
        remedy = f"guests with virtType {name} cannot run here; install QEMU, and for kvm enable virtualisation"
        what = f"libvirt offers virtType {name}"
        if name == "kvm":
            what += " (offered is not working: a guest that hangs at boot needs virtType qemu)"
        yield name in found, what, remedy


def _root(site: Site) -> Check:
    what = "the host channel runs commands as root"
    try:
        root = site.channel.run("id", "-u").strip() == "0"
    except DriverError as error:
        return False, what, str(error)
    return root, what, "run as root, or give the channel a prefix such as sudo"


def _installed(site: Site, program: str, remedy: str) -> Check:
    try:
        site.channel.run(program, "--version")
    except DriverError:
        return False, f"{program} is there", remedy
    return True, f"{program} is there", remedy


def _readable(site: Site) -> Check:
    """QEMU runs as a user of its own, which has to get through every folder above the images."""
    what = f"QEMU's user can reach {site.settings.pool}"
    remedy = "give others the right to walk through each folder of that path (chmod o+x)"
    folders = site.settings.pool.rstrip("/").split("/")
    for count in range(2, len(folders) + 1):
        folder = "/".join(folders[:count])
        try:
            mode = int(site.channel.run("stat", "-c", "%a", "--", folder).strip(), 8)
        except CommandError:
            return True, what, remedy  # libvirt makes what is missing, with the right modes
        if not mode & 0o001:
            return False, what, f"{remedy}: {folder} is closed to others"
    return True, what, remedy


def _wires(site: Site) -> Iterator[Check]:
    """What its physical networks are said to be. A VLAN, or what is plugged where, only a network's own step tells."""
    there = links.read(site.channel) if site.settings.physical_networks else {}
    for name, wire in sorted(site.settings.physical_networks.items()):
        device = wire.bridge or wire.interface or ""
        kind = "a bridge" if wire.bridge else "an interface"
        found = device in there and (wire.bridge is None or there[device].kind == "bridge")
        what = f"the physical network {name} is {kind} of the host, {device}"
        yield found, what, f"make it on the host, or correct physical_networks.{name} in the trusted configuration"
