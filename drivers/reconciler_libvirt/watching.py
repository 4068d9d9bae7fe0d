"""What libvirt tells of a host by itself, handed on as notices.

It tells of domains, networks and storage pools that are defined, started, stopped and removed, and of devices that are
plugged in and out. It tells nothing of volumes, of memory, vCPUs and links that somebody changes on a running guest,
and nothing of the kernel's packet filter: who wants to know that has to look. Nor is anybody told here that a pool was
read anew: each look of ours does that.
"""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Callable, Iterator, Mapping

import libvirt

from reconciler.address import Address
from reconciler.driver import ErrorClass, Notice
from reconciler_libvirt.connection import Link, calls, unless
from reconciler_libvirt.names import read_name
from reconciler_libvirt.site import Site

_DOMAIN = {
    libvirt.VIR_DOMAIN_EVENT_DEFINED: "defined",
    libvirt.VIR_DOMAIN_EVENT_UNDEFINED: "undefined",
    libvirt.VIR_DOMAIN_EVENT_STARTED: "started",
    libvirt.VIR_DOMAIN_EVENT_SUSPENDED: "paused",
    libvirt.VIR_DOMAIN_EVENT_RESUMED: "resumed",
    libvirt.VIR_DOMAIN_EVENT_STOPPED: "stopped",
    libvirt.VIR_DOMAIN_EVENT_PMSUSPENDED: "suspended by its guest",
    libvirt.VIR_DOMAIN_EVENT_CRASHED: "crashed",
}
"""Without SHUTDOWN: that it will stop soon is no news, since it is told again when it has."""
_STOPPED = {
    libvirt.VIR_DOMAIN_EVENT_STOPPED_SHUTDOWN: "shut down",
    libvirt.VIR_DOMAIN_EVENT_STOPPED_DESTROYED: "switched off",
    libvirt.VIR_DOMAIN_EVENT_STOPPED_CRASHED: "died",
    libvirt.VIR_DOMAIN_EVENT_STOPPED_MIGRATED: "moved away",
    libvirt.VIR_DOMAIN_EVENT_STOPPED_SAVED: "saved",
    libvirt.VIR_DOMAIN_EVENT_STOPPED_FAILED: "died",
    libvirt.VIR_DOMAIN_EVENT_STOPPED_FROM_SNAPSHOT: "went back to a snapshot",
}
_NETWORK = {
    libvirt.VIR_NETWORK_EVENT_DEFINED: "defined",
    libvirt.VIR_NETWORK_EVENT_UNDEFINED: "undefined",
    libvirt.VIR_NETWORK_EVENT_STARTED: "started",
    libvirt.VIR_NETWORK_EVENT_STOPPED: "stopped",
}
_POOL = {
    libvirt.VIR_STORAGE_POOL_EVENT_DEFINED: "defined",
    libvirt.VIR_STORAGE_POOL_EVENT_UNDEFINED: "undefined",
    libvirt.VIR_STORAGE_POOL_EVENT_STARTED: "started",
    libvirt.VIR_STORAGE_POOL_EVENT_STOPPED: "stopped",
    libvirt.VIR_STORAGE_POOL_EVENT_CREATED: "built",
    libvirt.VIR_STORAGE_POOL_EVENT_DELETED: "deleted",
}


class Watch:
    """The callbacks on one connection. They only hand on: libvirt runs them in its event loop, where every call of it
    would wait for itself. `known` has the addresses of what was seen, by UUID.
    """

    def __init__(self, site: Site, known: Mapping[str, Address], heard: Callable[[Notice], None]) -> None:
        self._site, self._known, self._heard = site, known, heard
        self._pools = frozenset({site.storage.name, *site.storage.named})
        self._ends: list[Callable[[], object]] = []

    def begin(self, link: Link) -> bool:
        """From now on hand on what concerns us; False when this libvirt tells nothing. Raises `DriverError`."""
        there = self._site.connection
        if not self._domains(there):
            return False
        lifecycle = libvirt.VIR_NETWORK_EVENT_ID_LIFECYCLE
        with unless(ErrorClass.UNSUPPORTED), calls("asking libvirt to tell of networks"):
            number = there.networkEventRegisterAny(None, lifecycle, self._network, None)
            self._ends.append(functools.partial(there.networkEventDeregisterAny, number))
        lifecycle = libvirt.VIR_STORAGE_POOL_EVENT_ID_LIFECYCLE
        with unless(ErrorClass.UNSUPPORTED), calls("asking libvirt to tell of storage pools"):
            number = there.storagePoolEventRegisterAny(None, lifecycle, self._pool, None)
            self._ends.append(functools.partial(there.storagePoolEventDeregisterAny, number))
        link.when_lost(self._lost)
        return True

    def end(self) -> None:
        """Hear nothing more. As long as there are callbacks, libvirt closes no connection."""
        while self._ends:
            with contextlib.suppress(libvirt.libvirtError):
                self._ends.pop()()

    def _domains(self, there: libvirt.virConnect) -> bool:
        for event, callback in self._callbacks():
            with unless(ErrorClass.UNSUPPORTED), calls("asking libvirt to tell of domains"):
                number = there.domainEventRegisterAny(None, event, callback, None)
                self._ends.append(functools.partial(there.domainEventDeregisterAny, number))
        return bool(self._ends)

    def _callbacks(self) -> Iterator[tuple[int, Callable[..., None]]]:
        yield libvirt.VIR_DOMAIN_EVENT_ID_LIFECYCLE, self._domain
        yield libvirt.VIR_DOMAIN_EVENT_ID_DEVICE_ADDED, self._plugged
        yield libvirt.VIR_DOMAIN_EVENT_ID_DEVICE_REMOVED, self._unplugged
        yield libvirt.VIR_DOMAIN_EVENT_ID_METADATA_CHANGE, self._described

    def _domain(self, _: object, domain: libvirt.virDomain, event: int, detail: int, opaque: object) -> None:
        if event in _DOMAIN:
            how = _STOPPED.get(detail, "") if event == libvirt.VIR_DOMAIN_EVENT_STOPPED else ""
            self._tell("Instance", domain, f"its domain {_DOMAIN[event]}" + (f": {how}" if how else ""))

    def _plugged(self, _: object, domain: libvirt.virDomain, alias: str, opaque: object) -> None:
        self._tell("Instance", domain, f"device {alias} plugged in")

    def _unplugged(self, _: object, domain: libvirt.virDomain, alias: str, opaque: object) -> None:
        self._tell("Instance", domain, f"device {alias} plugged out")

    def _described(self, _: object, domain: libvirt.virDomain, kind: int, space: str, opaque: object) -> None:
        self._tell("Instance", domain, "its domain has other metadata")

    def _network(self, _: object, network: libvirt.virNetwork, event: int, detail: int, opaque: object) -> None:
        if event in _NETWORK:
            self._tell("Network", network, f"its network {_NETWORK[event]}")

    def _pool(self, _: object, pool: libvirt.virStoragePool, event: int, detail: int, opaque: object) -> None:
        if event in _POOL and pool.name() in self._pools:
            self._heard(Notice(host=self._site.host, cause=f"storage pool {pool.name()} {_POOL[event]}"))

    def _tell(self, kind: str, thing: libvirt.virDomain | libvirt.virNetwork, cause: str) -> None:
        """Name and UUID come with the event: asking for them is no call."""
        identity, name = self._site.identity, thing.name()
        address = self._known.get(thing.UUIDString()) or read_name(identity, kind, name)
        if address or name.startswith(identity.prefix + "."):
            self._heard(Notice(host=self._site.host, address=address, cause=cause))

    def _lost(self, why: str) -> None:
        self._heard(Notice(host=self._site.host, cause=why, lost=True))
