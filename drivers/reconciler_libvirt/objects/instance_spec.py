"""Instances, as domains: what libvirt is told of one that is wanted."""

from __future__ import annotations

from msgspec.structs import replace

from reconciler.driver import DriverError, ErrorClass
from reconciler.objects import Value, number
from reconciler_libvirt import ledger, names
from reconciler_libvirt.ledger import Record
from reconciler_libvirt.objects import instance_disks as disks
from reconciler_libvirt.objects.instance_extras import MAX_MEMORY, with_extras
from reconciler_libvirt.objects.instance_form import SEED
from reconciler_libvirt.objects.instance_work import Nic, Work
from reconciler_libvirt.xml.device import NicSpec
from reconciler_libvirt.xml.disk import DiskSpec
from reconciler_libvirt.xml.domain import BootSpec, DomainSpec

_MIB = 1 << 20


def spec_of(work: Work, data: tuple[DiskSpec, ...], told: bool) -> DomainSpec:
    """The domain with these data disks; `told`: its seed was written in this step."""
    task, site, fields = work.task, work.site, work.fields
    virt_type, cpu = str(fields["virtType"]), fields.get("cpu")
    spec = DomainSpec(
        name=task.name,
        uuid=task.uuid,
        record=_record(work, told),
        virt_type=virt_type,
        machine=str(fields["machine"]),
        vcpus=number(fields["vcpus"]),
        memory=_memory(work),
        root=f"{site.storage.path}/{names.root(site.identity, work.origin)}",
        seed=f"{site.storage.path}/{names.seed(site.identity, work.origin)}",
        nics=tuple(_nic(work, nic) for nic in work.nics),
        disks=data,
        cpu=str(cpu) if cpu else "host-model" if virt_type == "kvm" else None,
        boot=boot(work),
    )
    return with_extras(spec, fields, work.stored)


def _memory(work: Work) -> int:
    memory = number(work.fields["memory"])
    if memory % _MIB:
        raise DriverError(ErrorClass.YOURS, f"{work.task.name}: libvirt gives memory in whole MiB, not {memory} bytes")
    return memory


def _nic(work: Work, nic: Nic) -> NicSpec:
    return NicSpec(name=nic.name, mac=nic.mac, network=work.networks[nic.network].name, tap=nic.tap)


def boot(work: Work) -> BootSpec | None:
    """What it boots, where that is not its disk's matter; without an image that stays as it is."""
    line = work.fields.get("boot.commandLine")
    if line is None:
        return None
    if work.fields.get("image") is None:
        found = work.stored.boot if work.stored else None
        return found and replace(found, command_line=str(line))
    kernel, initrd = disks.image_file(work, "kernel"), disks.image_file(work, "initrd")
    if kernel is None:
        raise DriverError(ErrorClass.YOURS, f"{work.task.name}: the image's kernel is not on this host")
    return BootSpec(kernel=kernel.path, initrd=initrd.path if initrd else None, command_line=str(line))


def _record(work: Work, told: bool) -> Record:
    """What the seed said is noted until there is another: the guest was told that, whatever is wanted."""
    wanted, last = work.task.wanted, work.stored.record if work.stored else None
    source = wanted.fields if told or last is None else last.noted
    noted = {path: source[path] for path in SEED if path in source}
    if wanted.fields.get(MAX_MEMORY) is not None:
        noted["memory"] = wanted.fields["memory"]  # what the guest is asked to take at its start
    return Record(
        fleet_id=work.site.identity.fleet_id,
        address=wanted.key.address,
        origin=wanted.origin,
        commit=work.task.commit,
        owned=ledger.owned(wanted.fields, work.task.waiting, last),
        guards=tuple(sorted(wanted.guards)),
        noted={**noted, **_noted_addresses(work)},
    )


def _noted_addresses(work: Work) -> dict[str, Value]:
    noted: dict[str, Value] = {f"nics.{nic.name}.address": nic.address for nic in work.nics}
    return noted | {f"nics.{nic.name}.address6": nic.address6 for nic in work.nics if nic.address6}
