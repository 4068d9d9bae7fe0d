"""Instances as fields: what a domain's form, its root disk, its filters and its DNS names show."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from pathlib import PurePosixPath

import msgspec

from reconciler.address import Address, ObjectKey
from reconciler.identity import Identity
from reconciler.objects import Value
from reconciler_libvirt import names
from reconciler_libvirt.objects.instance_extras import AUTOSTART, shown
from reconciler_libvirt.objects.instance_nics import noted_addresses
from reconciler_libvirt.reading import HostReading, Reading
from reconciler_libvirt.site import Site
from reconciler_libvirt.xml.device import NicSpec
from reconciler_libvirt.xml.disk import DiskSpec
from reconciler_libvirt.xml.domain import DomainSpec
from reconciler_libvirt.xml.network import NetworkSpec
from reconciler_libvirt.xml.storage import Volume

SEED = ("seed.hostname", "seed.keys", "seed.userData")


Names = Mapping[tuple[str, bool], Mapping[str, str]]
"""What DNS answers: by libvirt's name of the network and whether the live form is meant, address to name."""


def dns_names(host: HostReading) -> Names:
    """All names of a host's networks. Of one that has lost a form, or has not started, those that the other form has
    are what it will answer: such a network is what is to be repaired, not the names in it.
    """
    forms = {
        (one.name, live): (one.running or one.stored) if live else (one.stored or one.running)
        for one in host.networks
        for live in (False, True)
    }
    return {key: dict(form.names) for key, form in forms.items() if isinstance(form, NetworkSpec)}


class View(msgspec.Struct, frozen=True, kw_only=True):
    """One domain of ours in its host's reading."""

    site: Site
    host: HostReading
    names: Names
    domain: Reading
    origin: Address

    def fields(self, spec: DomainSpec, live: bool) -> dict[str, Value]:
        """What one form shows, with what both forms share."""
        fields: dict[str, Value] = {
            "vcpus": spec.vcpus,
            "memory": self._memory(spec, live),
            AUTOSTART: self._autostart(),
            "machine": spec.machine,
            "virtType": spec.virt_type,
            "boot.commandLine": spec.boot.command_line if spec.boot else None,
            **self._seed(spec),
            **root_fields(self.site.identity, self.host.volumes, self.origin, spec),
            **volume_fields(self.site.identity, spec.disks),
            **dict(shown(spec, self._owned(spec))),
        }
        if cpu := self._cpu(spec):
            fields["cpu"] = cpu
        for nic in spec.nics:
            fields.update({f"nics.{nic.name}.{path}": value for path, value in self._nic(spec, nic, live)})
        return fields

    def _memory(self, spec: DomainSpec, live: bool) -> int:
        """A guest that was started with room to grow has all of it until it gives back what it was not asked to take:
        until then what it was asked to take counts.
        """
        asked, stored = spec.record.noted.get("memory"), self.domain.stored
        if not live or not isinstance(asked, int) or spec.memory <= asked:
            return spec.memory
        meant = stored.memory if isinstance(stored, DomainSpec) else asked
        return meant if asked < meant <= spec.memory else asked

    def _owned(self, spec: DomainSpec) -> Collection[str]:
        """The paths that are ours, of both forms alike."""
        return (self.domain.stored or spec).record.owned

    def _autostart(self) -> bool | None:
        """Nothing where nobody declared it and it is not so."""
        form = self.domain.stored or self.domain.running
        declared = form is not None and AUTOSTART in form.record.owned
        return self.domain.autostart if declared or self.domain.autostart else None

    def _seed(self, spec: DomainSpec) -> dict[str, Value]:
        """What the seed said; nothing if it is missing."""
        if names.seed(self.site.identity, self.origin) not in self.host.volumes:
            return {}
        return {path: value for path, value in spec.record.noted.items() if path in SEED}

    def _cpu(self, spec: DomainSpec) -> str | None:
        """The live form of `host-model` is the CPU that it came to, spelled out."""
        stored = self.domain.stored
        if spec.cpu is None and isinstance(stored, DomainSpec) and stored.cpu == "host-model":
            return "host-model"
        return spec.cpu

    def _nic(self, spec: DomainSpec, nic: NicSpec, live: bool) -> Iterator[tuple[str, Value]]:
        network = names.read_name(self.site.identity, "Network", nic.network)
        address, address6 = (spec.record.noted.get(f"nics.{nic.name}.{path}") for path in ("address", "address6"))
        table = self.host.table
        state = table.nics.get((self.origin, nic.name)) if table else None
        yield "network", str(network) if network else nic.network
        yield "mac", nic.mac
        yield "address", address
        yield "address6", address6
        yield "dnsName", self._dns_name(spec, nic, live)
        yield "securityGroups", tuple(sorted(str(group) for group in state.groups)) if state else ()
        yield "filter", self._filter(nic, str(address), str(address6 or ""))

    def _dns_name(self, spec: DomainSpec, nic: NicSpec, live: bool) -> str | None:
        """The name of the first of the instance's NICs in the network that has one: it stands for all of them. One
        that not all addresses of that NIC have is none.
        """
        known = self.names.get((nic.network, live), {})
        for alike in (one.name for one in spec.nics if one.network == nic.network):
            held = {known.get(address) for address in noted_addresses(spec.record, alike)}
            if held - {None}:
                return held.pop() if len(held) == 1 else None
        return None

    def _filter(self, nic: NicSpec, address: str, address6: str) -> str:
        """`enforced` means that the kernel filters the NIC and that it is reachable behind that filter alone: stored
        with its link down, and if it runs, raised and plugged into its network's bridge. `broken` says what is amiss.
        """
        table = self.host.table
        if table is None or table.foreign:
            return "unknown"
        state = table.nics.get((self.origin, nic.name))
        if state is None:
            return "absent"
        found = (state.mac.lower(), state.address, state.address6, state.tap)
        other = "" if found == (nic.mac, address, address6, nic.tap) else "it is made for another MAC, address or tap"
        # Which rule it is would change as other steps put theirs right, and so what this NIC's step was planned on.
        altered = "" if state.intact else "the kernel's rules are not as they were written"
        reason = altered or other or self._apart(nic)
        return f"broken: {reason}" if reason else "enforced"

    def _apart(self, nic: NicSpec) -> str:
        """Why a NIC is reachable past its filter, or not at all; empty when it is reachable behind it alone."""
        stored, running = (
            {nic.name: nic for nic in spec.nics} if isinstance(spec, DomainSpec) else {}
            for spec in (self.domain.stored, self.domain.running)
        )
        if nic.name in stored and stored[nic.name].up:
            return "the link is up in the stored form, so that the guest would start unfiltered"
        live = running.get(nic.name)
        if live is None:
            return ""
        return "the link is down" if not live.up else "" if nic.tap in self.host.bridges else "the tap is unplugged"


def volume_fields(identity: Identity, disks: tuple[DiskSpec, ...]) -> dict[str, Value]:
    """What data disks show: which volume each is, by the file's name, and what the guest sees of it."""
    fields: dict[str, Value] = {}
    for disk in disks:
        named = names.read_volume(identity, PurePosixPath(disk.path).name)
        known = named is not None and named.role == "data"
        fields[f"volumes.{disk.name}.volume"] = str(named.origin) if named and known else disk.path
        fields[f"volumes.{disk.name}.serial"] = disk.serial
        fields[f"volumes.{disk.name}.readOnly"] = disk.read_only
    return fields


def root_fields(
    identity: Identity, volumes: Mapping[str, Volume], origin: Address, spec: DomainSpec | None
) -> dict[str, Value]:
    """What the root disk shows, nothing if it is missing. The image is none where the kernel is of another one, as
    after a rebuild that was cut off.
    """
    root = volumes.get(names.root(identity, origin))
    if root is None:
        return {}
    base = image_of(identity, root.backing)
    kernel = image_of(identity, spec.boot.kernel) if spec and spec.boot else base
    known = base if base == kernel else None
    return {"disk.size": root.capacity, "image": f"{known[0].name}@{known[1]}" if known else None}


def image_of(identity: Identity, path: str | None) -> tuple[Address, str] | None:
    """The image and content id of a file in our pool."""
    volume = names.read_volume(identity, PurePosixPath(path).name) if path else None
    return (volume.origin, volume.part) if volume and volume.origin.kind == "Image" else None


def needs_of(site: Site, fields: Mapping[str, Value]) -> tuple[ObjectKey, ...]:
    """The objects that an instance is seen to use."""
    found: set[ObjectKey] = set()
    for path, value in fields.items():
        if path == "image" and value is not None:
            name, _, content = str(value).partition("@")
            found.add(site.key(Address("Image", None, name), content))
        elif path.endswith((".network", ".volume")) and str(value).startswith(("Network/", "Volume/")):
            found.add(site.key(Address.parse(str(value))))
        elif path.endswith(".securityGroups") and isinstance(value, tuple):
            found.update(site.key(Address.parse(group)) for group in value)
    return tuple(sorted(found))
