"""How a network of mode bridge is joined to a physical one: by a bridge of the host's own, or by one of ours.

Ours stands over the interface, or over a VLAN device of ours on it, and has no address: the host takes no part in the
network. Both are made by `ip`, so that a reboot of the host takes them away; the next run makes them anew.
"""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from reconciler.address import Address
from reconciler.driver import DriverError, ErrorClass, Progress
from reconciler.objects import Value, number
from reconciler_libvirt import links, names
from reconciler_libvirt.channel import CommandError
from reconciler_libvirt.links import Link, Links
from reconciler_libvirt.site import Site


class Wire(msgspec.Struct, frozen=True, kw_only=True):
    """What a network's `bridge` is made of. `base` is the host's device: empty when the bridge is the host's own.
    `port` is what is plugged in: the base, or our device for `vlan` on it.
    """

    bridge: str
    base: str = ""
    port: str = ""
    vlan: int | None = None

    @property
    def told(self) -> str:
        """What of the host it is, for people and for the network's notes."""
        return (self.base if self.vlan is None else f"{self.base}, VLAN {self.vlan}") or self.bridge


def wire(site: Site, origin: Address, physical: Value, vlan: Value) -> Wire:
    """What a network is to be joined by. Raises `DriverError` when the host does not say what the wire is."""
    chosen = site.settings.physical_networks.get(str(physical))
    if chosen is None:
        known = ", ".join(sorted(site.settings.physical_networks)) or "none"
        message = (
            f"{origin}: host {site.host} does not say what its physical network {physical} is (it knows: {known});"
            f" write in its section of the trusted configuration"
            f" `physical_networks: {{{physical}: {{interface: eth1}}}}`,"
            f" or `{{bridge: br0}}` for a bridge that the host has"
        )
        raise DriverError(ErrorClass.YOURS, message)
    if chosen.bridge and vlan is None:
        return Wire(bridge=chosen.bridge)
    base, bridge = chosen.bridge or chosen.interface or "", names.bridge(site.identity, origin)
    if vlan is None:
        return Wire(bridge=bridge, base=base, port=base)
    return Wire(bridge=bridge, base=base, port=names.vlan(site.identity, origin), vlan=number(vlan))


def stands(wanted: Wire, there: Links) -> bool:
    """Whether the wire is whole: then guests that are plugged in reach it."""
    bridge = there.get(wanted.bridge)
    if bridge is None or bridge.kind != "bridge":
        return False
    return not wanted.base or (bridge.up and _joined(wanted, there))


def _joined(wanted: Wire, there: Links) -> bool:
    base, port = there.get(wanted.base), there.get(wanted.port)
    if base is None or port is None:
        return False
    on_it = wanted.vlan is None or _is_vlan(wanted, port)
    return on_it and port.master == wanted.bridge and base.up and port.up


def _is_vlan(wanted: Wire, port: Link) -> bool:
    return (port.kind, port.below, port.vlan) == ("vlan", wanted.base, wanted.vlan)


def ensure(site: Site, wanted: Wire, progress: Progress) -> None:
    """Make what is missing, in a fixed order. Raises `DriverError` (yours) where the host has something else there."""
    there = links.read(site.channel)
    if reason := _obstacle(site, wanted, there):
        raise DriverError(ErrorClass.YOURS, f"host {site.host}: {reason}")
    for command in missing(wanted, there):
        progress.call(f"link.{command[1]}", wanted.bridge)
        _run(site, command)


def _run(site: Site, command: tuple[str, ...]) -> None:
    try:
        site.channel.run("ip", *command)
    except CommandError as error:
        if "vlan" in command and "Unknown device type" in error.said:
            message = (
                f"host {site.host}: its kernel has no VLANs (802.1Q); load its module 8021q, or take another kernel"
            )
            raise DriverError(ErrorClass.UNSUPPORTED, message) from None
        raise


def _obstacle(site: Site, wanted: Wire, there: Links) -> str:
    """What of the host's is in the way, and what to do; empty when nothing is."""
    if not wanted.base:
        bridge = there.get(wanted.bridge)
        found = "is not there" if bridge is None else "is no bridge" if bridge.kind != "bridge" else ""
        return f"the bridge {wanted.bridge} of its physical_networks {found}; make it, or correct them" if found else ""
    if wanted.base not in there:
        return f"{wanted.base} of its physical_networks is not there; correct them"
    bridge, port = there.get(wanted.bridge), there.get(wanted.port)
    if bridge and bridge.kind != "bridge":
        return f"{wanted.bridge} is in the way of a bridge; remove it if nobody needs it"
    if port and port.master not in ("", wanted.bridge):
        return f"{wanted.port} is plugged into {port.master}; map the physical network to that bridge instead"
    if wanted.vlan is None:
        return _in_use(site, wanted) if port and not port.master else ""
    return _vlan_obstacle(wanted, there)


def _in_use(site: Site, wanted: Wire) -> str:
    """An interface that has addresses is how the host is reached: plugged into a bridge, it would be no longer."""
    shown = msgspec.json.decode(site.channel.run("ip", "-j", "address", "show", "dev", wanted.base, "scope", "global"))
    addresses = [address["local"] for link in shown for address in link.get("addr_info", ())]
    if not addresses:
        return ""
    return (
        f"{wanted.base} has an address of the host's own ({', '.join(addresses)}), which it would lose; give the host a"
        " bridge over it and map the physical network to that"
    )


def _vlan_obstacle(wanted: Wire, there: Links) -> str:
    port = there.get(wanted.port)
    if port and not _is_vlan(wanted, port):
        return f"{wanted.port} is in the way of VLAN {wanted.vlan} of {wanted.base}; remove it if nobody needs it"
    other = [link.name for link in there.values() if _is_vlan(wanted, link) and link.name != wanted.port]
    return f"VLAN {wanted.vlan} of {wanted.base} is taken by {other[0]}; the kernel gives it once" if other else ""


def missing(wanted: Wire, there: Links) -> Iterator[tuple[str, ...]]:
    """The `ip` commands that are still to be run. Up comes last: that is what lets frames through."""
    if not wanted.base:
        return  # the bridge is the host's own
    if not there[wanted.base].up:
        yield _set(wanted.base, "up")
    # Whether anybody listens on the wire is not ours to know: multicast goes everywhere, as on a plain switch.
    kind = ("type", "bridge", "stp_state", "0", "forward_delay", "0", "mcast_snooping", "0")
    yield from _device(wanted.bridge, there, kind)
    if wanted.vlan is not None:
        yield from _device(wanted.port, there, ("type", "vlan", "id", str(wanted.vlan)), ("link", wanted.base))
    if wanted.port not in there or there[wanted.port].master != wanted.bridge:
        yield _set(wanted.port, "master", wanted.bridge)
    for name in sorted({wanted.port, wanted.bridge} - {wanted.base}, reverse=True):
        if name not in there or not there[name].up:
            yield _set(name, "up")


def _device(name: str, there: Links, kind: tuple[str, ...], below: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """A device of ours, without an address: the host takes no part in the network."""
    if name not in there:
        yield ("link", "add", *below, "name", name, *kind)
    if name not in there or not there[name].silent:
        yield _set(name, "addrgenmode", "none")


def _set(name: str, *what: str) -> tuple[str, ...]:
    return ("link", "set", "dev", name, *what)


def remove(site: Site, origin: Address, progress: Progress) -> None:
    """Take our devices away, as far as they are there; the interface stays as it is."""
    there = links.read(site.channel)
    for name, kind in ((names.bridge(site.identity, origin), "bridge"), (names.vlan(site.identity, origin), "vlan")):
        if name in there and there[name].kind == kind:
            progress.call("link.delete", name)
            site.channel.run("ip", "link", "delete", "dev", name)
