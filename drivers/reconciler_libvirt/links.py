"""The network devices of a host, as its kernel shows them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from reconciler_libvirt.channel import Channel


class Link(msgspec.Struct, frozen=True, kw_only=True):
    """A network device. `kind` is empty for hardware; `master` is the bridge that it is plugged into; a VLAN device
    has its `vlan` and the device `below` it. `silent`: it takes no IPv6 address by itself.
    """

    name: str
    kind: str = ""
    master: str = ""
    below: str = ""
    vlan: int | None = None
    up: bool = False
    silent: bool = False


Links = Mapping[str, Link]


def read(channel: Channel) -> dict[str, Link]:
    """All of them by name. Raises `DriverError`."""
    found = msgspec.json.decode(channel.run("ip", "-d", "-j", "link", "show"))
    return {link.name: link for link in map(_link, found)}


def _link(shown: dict[str, Any]) -> Link:
    info = shown.get("linkinfo", {})
    return Link(
        name=shown["ifname"],
        kind=info.get("info_kind", ""),
        master=shown.get("master", ""),
        below=shown.get("link", ""),
        vlan=info.get("info_data", {}).get("id") if info.get("info_kind") == "vlan" else None,
        up="UP" in shown.get("flags", ()),
        silent=shown.get("inet6_addr_gen_mode") == "none",
    )
