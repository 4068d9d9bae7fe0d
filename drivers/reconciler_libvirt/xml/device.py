"""A domain's NICs, as far as they are ours. They are known by their aliases."""

from __future__ import annotations

import copy
from xml.etree.ElementTree import Element

import msgspec

from reconciler_libvirt.xml.tree import attribute, child, device, own_device

NIC = "ua-nic-"


class NicSpec(msgspec.Struct, frozen=True, kw_only=True):
    """A NIC: its name with us, MAC, libvirt's name of its network, and the fixed name of the host's end.

    `up` is whether its link is: that is only read, since the stored link is always written down.
    """

    name: str
    mac: str
    network: str
    tap: str
    up: bool = False


def write_nics(devices: Element, nics: tuple[NicSpec, ...]) -> None:
    """Edit a domain's NICs: ours as they should be, the rest as it is."""
    ours = {NIC + nic.name for nic in nics}
    for node in devices.findall("interface"):
        alias = attribute(node, "alias", "name") or ""
        if alias.startswith(NIC) and alias not in ours:
            devices.remove(node)
    for nic in nics:
        _nic(devices, nic)


def _nic(devices: Element, nic: NicSpec) -> None:
    """The link is stored down: it is raised on the running guest, after its filter was read back."""
    node = own_device(devices, "interface", NIC + nic.name)
    node.set("type", "network")
    child(node, "mac", address=nic.mac)
    source = child(node, "source")
    source.attrib.clear()
    source.set("network", nic.network)
    child(node, "target", dev=nic.tap)
    child(node, "model", type="virtio")
    child(node, "link", state="down")


def read_nics(tree: Element) -> tuple[NicSpec, ...]:
    """Our NICs, by name."""
    found = [
        NicSpec(
            name=(attribute(node, "alias", "name") or "").removeprefix(NIC),
            mac=(attribute(node, "mac", "address") or "").lower(),
            network=attribute(node, "source", "network") or "",
            tap=attribute(node, "target", "dev") or "",
            up=attribute(node, "link", "state") != "down",
        )
        for node in tree.iterfind("devices/interface")
        if (attribute(node, "alias", "name") or "").startswith(NIC)
    ]
    return tuple(sorted(found, key=lambda nic: nic.name))


def with_link_up(tree: Element, nic: str) -> Element | None:
    """The NIC's live device with its link up, for libvirt to update it to; None when there is no such NIC."""
    found = device(tree, "interface", NIC + nic)
    if found is None:
        return None
    node = copy.deepcopy(found)
    node.set("type", "network")  # of one in a network of mode bridge the live form says what that came to
    child(node, "source").attrib.pop("bridge", None)
    child(node, "link", state="up")
    return node
