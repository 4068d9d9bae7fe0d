"""Finer traits of a domain: firmware, CPU topology, the pages of its memory, and small devices."""

from __future__ import annotations

from xml.etree.ElementTree import Element, SubElement

import msgspec

from reconciler_libvirt.xml.tree import attribute, child, drop, own_device

AGENT = "org.qemu.guest_agent.0"
_WATCHDOG = "ua-watchdog"


class Traits(msgspec.Struct, frozen=True, kw_only=True):
    """`topology` is sockets, cores of each and threads of each; `watchdog` what a guest that hangs gets."""

    uefi: bool = False
    secure_boot: bool = False
    agent: bool = True
    random: bool = True
    huge_pages: bool = False
    watchdog: str | None = None
    topology: tuple[int, int, int] | None = None


def write_traits(tree: Element, traits: Traits) -> None:
    """Edit a domain: these traits as they should be, all else as it is."""
    _firmware(tree, traits)
    devices = child(tree, "devices")
    _agent(devices, traits.agent)
    _random(devices, traits.random)
    _watchdog(devices, traits.watchdog)
    _pages(tree, traits.huge_pages)
    _topology(tree, traits.topology)


def _firmware(tree: Element, traits: Traits) -> None:
    """Ours are the choice of UEFI and of secure boot alone. libvirt finds the files by itself, and writes them down;
    they stay until the choice is another.
    """
    system = child(tree, "os")
    if (_uefi(system), _secure(system)) == (traits.uefi, traits.secure_boot):
        return
    drop(system, "loader", "nvram", "firmware")
    system.attrib.pop("firmware", None)
    if not traits.uefi:
        return
    system.set("firmware", "efi")
    enabled = "yes" if traits.secure_boot else "no"
    features = SubElement(system, "firmware")
    for name in ("enrolled-keys", "secure-boot"):
        SubElement(features, "feature", enabled=enabled, name=name)
    if traits.secure_boot:
        child(child(tree, "features"), "smm", state="on")


def _uefi(system: Element) -> bool:
    return system.get("firmware") == "efi" or attribute(system, "loader", "type") == "pflash"


def _secure(system: Element) -> bool:
    """That keys are enrolled is what makes a guest start with nothing that is not signed."""
    features = {node.get("name"): node.get("enabled") for node in system.iterfind("firmware/feature")}
    return _uefi(system) and features.get("secure-boot") == "yes" and features.get("enrolled-keys") != "no"


def nvram(tree: Element) -> str:
    """The file in which a guest's UEFI keeps its variables; empty if there is none."""
    return tree.findtext("os/nvram") or ""


def _agent(devices: Element, wanted: bool) -> None:
    channels = [node for node in devices.findall("channel") if attribute(node, "target", "name") == AGENT]
    for node in [] if wanted else channels:
        devices.remove(node)
    if wanted and not channels:
        node = SubElement(devices, "channel", type="unix")
        SubElement(node, "target", type="virtio", name=AGENT)


def _random(devices: Element, wanted: bool) -> None:
    if not wanted:
        drop(devices, "rng")
    elif devices.find("rng") is None:
        node = SubElement(devices, "rng", model="virtio")
        SubElement(node, "backend", model="random").text = "/dev/urandom"


def _watchdog(devices: Element, action: str | None) -> None:
    if action is not None:
        own_device(devices, "watchdog", _WATCHDOG).attrib.update(model="i6300esb", action=action)
        return
    for node in devices.findall("watchdog"):
        if attribute(node, "alias", "name") == _WATCHDOG:
            devices.remove(node)


def _pages(tree: Element, huge: bool) -> None:
    node = tree.find("memoryBacking")
    if huge:
        child(child(tree, "memoryBacking"), "hugepages")
    elif node is not None:
        drop(node, "hugepages")
        if len(node) == 0:
            tree.remove(node)


def _topology(tree: Element, topology: tuple[int, int, int] | None) -> None:
    node = tree.find("cpu")
    if topology is not None:
        sockets, cores, threads = map(str, topology)
        place = child(child(tree, "cpu"), "topology")
        place.attrib.clear()
        place.attrib.update(sockets=sockets, dies="1", cores=cores, threads=threads)
    elif node is not None:
        drop(node, "topology")
        if len(node) == 0 and not node.attrib:
            tree.remove(node)


def read_traits(tree: Element) -> Traits:
    """What a domain's tree, stored or live, says of them."""
    system = child(tree, "os")
    watchdogs = [node for node in tree.iterfind("devices/watchdog") if attribute(node, "alias", "name") == _WATCHDOG]
    return Traits(
        uefi=_uefi(system),
        secure_boot=_secure(system),
        agent=any(attribute(node, "target", "name") == AGENT for node in tree.iterfind("devices/channel")),
        random=tree.find("devices/rng") is not None,
        huge_pages=tree.find("memoryBacking/hugepages") is not None,
        watchdog=watchdogs[0].get("action") if watchdogs else None,
        topology=_read_topology(tree.find("cpu/topology")),
    )


def _read_topology(node: Element | None) -> tuple[int, int, int] | None:
    if node is None:
        return None
    sockets, cores, threads = (int(node.get(name, "1")) for name in ("sockets", "cores", "threads"))
    return sockets, cores, threads
