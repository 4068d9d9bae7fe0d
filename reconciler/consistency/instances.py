"""What can be wrong between an instance and what it is made of, or where it is to run."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from reconciler import quantity
from reconciler.address import Address
from reconciler.consistency.references import Mistakes, Resources
from reconciler.kinds.base import Problem, Resource, resolve
from reconciler.kinds.image import Properties
from reconciler.kinds.instance import InstanceSpec, Placement, readiness_of, volume_of
from reconciler.suggest import did_you_mean, shown

BY_AGENT = frozenset({"agent", "cloud-init"})
"""Readiness checks that the guest agent answers."""


def _instances(resources: Resources) -> Iterator[Resource]:
    return (each for each in resources.values() if each.address.kind == "Instance")


def bad_disks(resources: Resources) -> Mistakes:
    """A volume is a disk of one instance, once, and goes to no other host."""
    holders: dict[Address, tuple[Resource, str]] = {}
    for each in _instances(resources):
        for disk in each.spec.volumes:
            volume = volume_of(each, disk)
            holder, first = holders.setdefault(volume, (each, disk))
            if (holder, first) != (each, disk):
                detail = (
                    f"It is disk `{first}` of {holder.address} ({holder.place}) already, and two guests that write to"
                    " one disk destroy what is on it. Declare another Volume."
                )
                yield each, Problem(f"spec.volumes.{disk}", "volume-in-use", "volume is in use", detail)
        yield from _far_disks(resources, each)


def _far_disks(resources: Resources, instance: Resource) -> Mistakes:
    spec: InstanceSpec = instance.spec
    home, why = spec.placement.host, "this instance is to run"
    for disk in spec.volumes:
        volume = resources.get(volume_of(instance, disk))
        host = volume.spec.host if volume else None
        if volume and host and home and host != home:
            detail = (
                f"{volume.address} ({volume.place}) lies on host `{host}`, and {why} on `{home}`. A volume does not"
                " move: run the instance where it lies, or declare another Volume."
            )
            yield instance, Problem(f"spec.volumes.{disk}", "volume-elsewhere", "volume is on another host", detail)
        elif host and not home:
            home, why = host, f"disk `{disk}` lies"


def impossible_places(resources: Resources, hosts_known: bool) -> Mistakes:
    """Placements that no host of the fleet fits, whatever happens on it; told when all hosts are known."""
    hosts = {address.name: each for address, each in resources.items() if address.kind == "Host"}
    for each in _instances(resources):
        placement: Placement = each.spec.placement
        if placement.host in hosts:
            yield from _contradictions(each, hosts[placement.host])
        elif not placement.host and hosts_known:
            yield from _nowhere(each, list(hosts.values()))


class _Demand(msgspec.Struct, frozen=True):
    """What a placement wants of a host's label, or of its zone, and where it says so."""

    path: str
    wanted: str
    label: str | None = None

    def found(self, host: Resource) -> str | None:
        zone: str | None = host.spec.zone
        return host.labels.get(self.label) if self.label else zone

    def words(self, value: str | None) -> str:
        """What a host has, or has not."""
        if value is None:
            return f"no label `{self.label}`" if self.label else "no zone"
        return f"label {shown(f'{self.label}: {value}')}" if self.label else f"zone {shown(value)}"


def _demands(placement: Placement) -> Iterator[_Demand]:
    if placement.zone:
        yield _Demand("spec.placement.zone", placement.zone)
    for name, value in placement.host_labels.items():
        yield _Demand(f"spec.placement.hostLabels.{name}", value, name)


def _contradictions(instance: Resource, host: Resource) -> Mistakes:
    for demand in _demands(instance.spec.placement):
        found = demand.found(host)
        if found != demand.wanted:
            detail = (
                f"{host.address} ({host.place}) has {demand.words(found)}, and it is the host that `host` names."
                " Remove one of the two."
            )
            problem = Problem(demand.path, "placement-contradiction", "placement contradicts itself", detail)
            yield instance, problem


def _nowhere(instance: Resource, hosts: list[Resource]) -> Mistakes:
    """The first demand that leaves no host."""
    left = hosts
    for demand in _demands(instance.spec.placement):
        values = {found for host in left if (found := demand.found(host))}
        if demand.wanted not in values:
            of_those = " of those that have the rest" if len(left) < len(hosts) else ""
            hint = did_you_mean(demand.wanted, sorted(values)) or " Correct it, or the manifests of the hosts."
            detail = f"No host{of_those} has {demand.words(demand.wanted)}.{hint}"
            yield instance, Problem(demand.path, "no-such-host", "no host fits", detail)
            return
        left = [host for host in left if demand.found(host) == demand.wanted]


def misfits(resources: Resources) -> Mistakes:
    """Images in what they do not fit, or that lack what is asked of them."""
    for each in resources.values():
        name = each.spec.image if each.address.kind in ("Instance", "Volume") else None
        image = resources.get(resolve("Image", name, None)) if name else None
        if image and each.address.kind == "Volume":
            yield from _too_small(each, image, "min_disk", "spec.size", each.spec.size, "this has")
        elif image:
            yield from _small_flavor(each, image, resources)
            yield from _mute_guest(each, image)
    yield from _old_machines(resources)


def _small_flavor(instance: Resource, image: Resource, resources: Resources) -> Mistakes:
    flavor = resources.get(resolve("Flavor", instance.spec.flavor, None))
    if flavor:
        has = f"{flavor.address} ({flavor.place}) has"
        yield from _too_small(instance, image, "min_disk", "spec.flavor", flavor.spec.disk, has)
        yield from _too_small(instance, image, "min_ram", "spec.flavor", flavor.spec.memory, has)


def _too_small(user: Resource, image: Resource, need: str, path: str, size: str, has: str) -> Mistakes:
    least: str | None = getattr(image.spec.properties, need)
    if least and quantity.parse(size) < quantity.parse(least):
        what = "a disk" if need == "min_disk" else "memory"
        detail = f"{image.address} ({image.place}) needs {what} of at least {least}, and {has} {size}."
        yield user, Problem(path, "too-small-for-image", "too small for the image", f"{detail} Choose a larger one.")


def _mute_guest(instance: Resource, image: Resource) -> Mistakes:
    check = readiness_of(instance.spec).check
    if check in BY_AGENT and not image.spec.properties.guest_agent:
        detail = (
            f"The guest agent is asked for `{check}`, and {image.address} ({image.place}) does not say that it has one."
            " Write `hw_qemu_guest_agent: true` into its properties if it has, or choose another readiness."
        )
        yield instance, Problem("spec.readiness", "no-guest-agent", "image has no guest agent", detail)


def _old_machines(resources: Resources) -> Mistakes:
    """An image says nothing of its machine type, and some host gives it one on which it cannot boot securely."""
    old = [each for each in resources.values() if each.address.kind == "Host" and each.spec.machine == "pc"]
    for each in resources.values() if old else ():
        if each.address.kind == "Image" and _wants_q35(each.spec.properties):
            detail = (
                f"Secure boot needs machine type q35, and {old[0].address} ({old[0].place}) gives guests `pc`."
                " Write `hw_machine_type: q35` beside it."
            )
            path = "spec.properties.os_secure_boot"
            yield each, Problem(path, "no-secure-boot", "secure boot needs UEFI and q35", detail)


def _wants_q35(properties: Properties) -> bool:
    return properties.secure_boot == "required" and properties.machine_type is None
