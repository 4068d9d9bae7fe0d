"""The parts of an instance, each made only where it is not as it should be: root disk, seed, DNS names, filters."""

from __future__ import annotations

from collections.abc import Iterator

import libvirt
import msgspec

from reconciler.address import Address
from reconciler.driver import DriverError, ErrorClass, Progress
from reconciler.objects import Value, digest
from reconciler_libvirt import names, seed
from reconciler_libvirt.connection import calls
from reconciler_libvirt.enforcement import NicFilter
from reconciler_libvirt.objects import network
from reconciler_libvirt.objects.instance_form import SEED, image_of
from reconciler_libvirt.reading import look
from reconciler_libvirt.seed import Seed, SeedNic
from reconciler_libvirt.site import Site, Task
from reconciler_libvirt.xml.network import NetworkSpec, dns_host
from reconciler_libvirt.xml.storage import Volume, VolumeSpec
from reconciler_libvirt.xml.tree import render


class Nic(msgspec.Struct, frozen=True, kw_only=True):
    """A NIC as it is wanted."""

    name: str
    network: Address
    mac: str
    address: str
    dns_name: str
    groups: tuple[Address, ...]
    gateway: str
    prefix: int
    domain: str


def nics(task: Task) -> list[Nic]:
    """The wanted NICs, by name."""
    found = sorted({path.split(".")[1] for path in task.wanted.fields if path.startswith("nics.")})
    return [_nic(task, name) for name in found]


def _nic(task: Task, name: str) -> Nic:
    fields, payload, base = task.wanted.fields, task.wanted.payload, f"nics.{name}"
    groups = fields[f"{base}.securityGroups"]
    assert isinstance(groups, tuple)
    return Nic(
        name=name,
        network=Address.parse(str(fields[f"{base}.network"])),
        mac=str(fields[f"{base}.mac"]),
        address=str(fields[f"{base}.address"]),
        dns_name=str(fields[f"{base}.dnsName"]),
        groups=tuple(Address.parse(group) for group in groups),
        gateway=payload[f"{base}.gateway"],
        prefix=int(payload[f"{base}.prefix"]),
        domain=payload.get(f"{base}.domain", ""),
    )


def image_file(task: Task, role: str) -> Volume | None:
    """The volume of a file of the wanted image."""
    name, _, content = str(task.wanted.fields["image"]).partition("@")
    address = Address("Image", None, name)
    formats = ("qcow2", "raw") if role == "disk" else ("raw",)
    found = (names.image(task.site.identity, address, content, role, each) for each in formats)
    return next((volume for each in found if (volume := task.site.storage.volume(each))), None)


def ensure_root(task: Task, anew: bool) -> None:
    """The root disk, an overlay of its image; one that stands on another image is only ever replaced when `anew`."""
    storage, name, size = task.site.storage, names.root(task.site.identity, task.wanted.origin), _size(task)
    base = image_file(task, "disk")
    if base is None:
        raise DriverError(ErrorClass.YOURS, f"{name}: the image {task.wanted.fields['image']} is not on this host")
    if base.capacity > size:
        message = f"{name}: the image is {base.capacity} bytes large, more than the disk of {size}; use a larger flavor"
        raise DriverError(ErrorClass.YOURS, message)
    root = storage.volume(name)
    if root is None or anew:
        volume = names.read_volume(task.site.identity, base.name)
        assert volume is not None
        spec = VolumeSpec(name=name, capacity=size, format="qcow2", backing=(base.path, volume.format))
        storage.create(spec, task.progress)


def root_outdated(task: Task) -> bool:
    """Whether the root disk stands on another image than the wanted one, or is larger than it should be."""
    root = task.site.storage.volume(names.root(task.site.identity, task.wanted.origin))
    base = image_of(task.site.identity, root.backing) if root else None
    found = f"{base[0].name}@{base[1]}" if base else ""
    return root is not None and (found != task.wanted.fields["image"] or root.capacity > _size(task))


def _size(task: Task) -> int:
    size = task.wanted.fields["disk.size"]
    assert isinstance(size, int)
    return size


def grow_root(task: Task, domain: libvirt.virDomain | None, target: str) -> None:
    """Grow the root disk. A shrink is refused here again, right before the call: QEMU would carry it out, and the
    data would be gone.
    """
    name, size = names.root(task.site.identity, task.wanted.origin), _size(task)
    root = task.site.storage.volume(name)
    if root is None or root.capacity == size:
        return
    if root.capacity > size:
        message = f"{name}: a disk cannot shrink from {root.capacity} to {size} bytes"
        raise DriverError(ErrorClass.UNSUPPORTED, message)
    if domain is None or not domain.isActive():
        task.site.storage.grow(name, size, task.progress)
        return
    task.progress.call("domain.resize", name)
    with calls(f"growing the disk of {task.name}"):
        domain.blockResize(target, size, libvirt.VIR_DOMAIN_BLOCK_RESIZE_BYTES)


def seed_of(task: Task) -> Seed:
    """What the guest is to be told. The instance id changes exactly with what takes a new root disk."""
    fields, payload = task.wanted.fields, task.wanted.payload
    marks: list[Value] = [fields["image"], *(fields.get(path) for path in SEED)]
    return Seed(
        instance_id=f"{task.uuid}-{digest(marks)}",
        hostname=str(fields["seed.hostname"]),
        keys=tuple(line for line in payload.get("keys", "").splitlines() if line),
        user_data=payload.get("userData"),
        nics=tuple(_seed_nic(nic, payload.get("primaryNic", "")) for nic in nics(task)),
    )


def _seed_nic(nic: Nic, primary: str) -> SeedNic:
    return SeedNic(
        name=nic.name,
        mac=nic.mac,
        address=nic.address,
        prefix=nic.prefix,
        gateway=nic.gateway,
        domain=nic.domain,
        route=nic.name == primary,
    )


def ensure_seed(task: Task) -> None:
    """Write the seed; only called while no guest has it open."""
    name, content = names.seed(task.site.identity, task.wanted.origin), seed.image(seed_of(task))
    task.site.storage.create(VolumeSpec(name=name, capacity=len(content), format="raw"), task.progress)
    task.site.storage.fill(name, len(content), iter([content]), task.progress)


def ensure_names(task: Task) -> None:
    """Each NIC's name, in the stored and in the live form of its network."""
    for nic in nics(task):
        _name(task.site, nic.network, nic.address, nic.dns_name, task.progress)


def forget_name(site: Site, origin: Address, address: str, progress: Progress) -> None:
    """Take the name of an address out of a network."""
    _name(site, origin, address, None, progress)


def _name(site: Site, origin: Address, address: str, wanted: str | None, progress: Progress) -> None:
    """libvirt refuses a second name for an address, so that a former one goes first."""
    name = site.identity.name(origin)
    handle = network.find(site, name)
    if handle is None:
        if wanted is None:
            return
        raise DriverError(ErrorClass.YOURS, f"the network {name} is not on this host")
    reading = look(site, handle)
    forms = (
        (reading.stored, libvirt.VIR_NETWORK_UPDATE_AFFECT_CONFIG),
        (reading.running, libvirt.VIR_NETWORK_UPDATE_AFFECT_LIVE),
    )
    for form, flag in forms:
        known = dict(form.names).get(address) if isinstance(form, NetworkSpec) else wanted
        if known != wanted and known is not None:
            _update(handle, libvirt.VIR_NETWORK_UPDATE_COMMAND_DELETE, address, known, flag, progress)
        if known != wanted and wanted is not None:
            _update(handle, libvirt.VIR_NETWORK_UPDATE_COMMAND_ADD_LAST, address, wanted, flag, progress)


def _update(handle: libvirt.virNetwork, command: int, address: str, name: str, flag: int, progress: Progress) -> None:
    progress.call("network.update", f"{handle.name()} {name}")
    with calls(f"changing the names of the network {handle.name()}"):
        handle.update(command, libvirt.VIR_NETWORK_SECTION_DNS_HOST, -1, render(dns_host(address, name)), flag)


def filters(task: Task) -> Iterator[NicFilter]:
    """What is to confine each NIC."""
    for nic in nics(task):
        yield NicFilter(
            instance=task.wanted.origin,
            nic=nic.name,
            tap=names.tap(task.site.identity, task.wanted.origin, nic.name),
            mac=nic.mac,
            address=nic.address,
            gateway=nic.gateway,
            groups=nic.groups,
        )
