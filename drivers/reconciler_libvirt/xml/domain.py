"""Domains: what we set of one, written into a tree and read back from it.

Writing edits the stored tree if there is one, so that what others added (devices, tuning, PCI addresses, the machine's
exact version) stays. A new domain is the same edit of a skeleton. Our devices are known by their aliases.
"""

from __future__ import annotations

import copy
from xml.etree.ElementTree import Element, SubElement

import msgspec

from reconciler_libvirt import ledger
from reconciler_libvirt.ledger import Record
from reconciler_libvirt.xml.device import NicSpec, read_nics, write_nics
from reconciler_libvirt.xml.disk import ROOT, SEED, DiskSpec, disk_source, read_disks, write_disks
from reconciler_libvirt.xml.traits import Traits, read_traits, write_traits
from reconciler_libvirt.xml.tree import attribute, child, drop, put
from reconciler_libvirt.xml.tuning import Tuning, read_tuning, write_tuning

SPARE_PORTS = 8
"""Free PCIe root ports of a q35 machine, so that devices can be plugged in later."""
_FIXED_DEVICES = 5
"""PCIe devices besides the NICs: two disks, random numbers, balloon, the channel's bus."""
_MACHINES = {"q35": "q35", "pc": "i440fx"}
_KIBI = 1024
_UNITS = {"b": 1, "bytes": 1, "KiB": 1 << 10, "k": 1 << 10, "MiB": 1 << 20, "M": 1 << 20, "GiB": 1 << 30, "G": 1 << 30}


class BootSpec(msgspec.Struct, frozen=True, kw_only=True):
    """Direct kernel boot."""

    kernel: str
    initrd: str | None = None
    command_line: str = ""


class DomainSpec(msgspec.Struct, frozen=True, kw_only=True):
    """What we set of a domain. `memory` is bytes, whole KiB. `root` and `seed` are paths; `cpu` a mode or None.
    `max_vcpus` and `max_memory` are what it can grow to as it runs, None if no further.
    """

    name: str
    uuid: str
    record: Record
    virt_type: str
    machine: str
    vcpus: int
    memory: int
    root: str
    seed: str
    nics: tuple[NicSpec, ...] = ()
    disks: tuple[DiskSpec, ...] = ()
    cpu: str | None = None
    boot: BootSpec | None = None
    max_vcpus: int | None = None
    max_memory: int | None = None
    traits: Traits = Traits()
    tuning: Tuning = Tuning()


def write(spec: DomainSpec, stored: Element | None = None) -> Element:
    """The domain's tree: `stored` with our part of it as the spec says, or a new one."""
    tree = _skeleton() if stored is None else copy.deepcopy(stored)
    tree.set("type", spec.virt_type)
    put(tree, "name", spec.name)
    put(tree, "uuid", spec.uuid)
    ledger.place(tree, spec.record)
    for tag, size in (("memory", spec.max_memory or spec.memory), ("currentMemory", spec.memory)):
        child(tree, tag, unit="KiB").text = str(size // _KIBI)
    _vcpus(tree, spec.vcpus, spec.max_vcpus)
    _machine(tree, spec)
    _boot(child(tree, "os"), spec.boot)
    _cpu(tree, spec)
    devices = child(tree, "devices")
    write_disks(devices, spec.root, spec.seed, spec.disks)
    write_nics(devices, spec.nics)
    write_traits(tree, spec.traits)
    write_tuning(tree, spec.tuning)
    return tree


def _skeleton() -> Element:
    """What every guest of ours has: ACPI, UTC, a serial console."""
    tree = Element("domain")
    features = SubElement(tree, "features")
    SubElement(features, "acpi")
    SubElement(features, "apic")
    SubElement(tree, "clock", offset="utc")
    for event, action in (("on_poweroff", "destroy"), ("on_reboot", "restart"), ("on_crash", "destroy")):
        put(tree, event, action)
    devices = SubElement(tree, "devices")
    SubElement(devices, "controller", type="usb", model="none")
    serial = SubElement(devices, "serial", type="pty")
    SubElement(serial, "target", port="0")
    console = SubElement(devices, "console", type="pty")
    SubElement(console, "target", type="serial", port="0")
    return tree


def _vcpus(tree: Element, count: int, most: int | None) -> None:
    vcpu = child(tree, "vcpu")
    vcpu.attrib.pop("current", None)
    if most is not None:
        vcpu.set("current", str(count))
    vcpu.text = str(count if most is None else most)
    drop(tree, "vcpus")


def _machine(tree: Element, spec: DomainSpec) -> None:
    """A machine of another family has other buses, so that no address of the former one may stay."""
    kind = child(child(tree, "os"), "type", arch="x86_64")
    kind.text = "hvm"
    devices = child(tree, "devices")
    if machine_family(kind.get("machine")) != spec.machine:
        kind.set("machine", spec.machine)
        for bus in devices.findall("controller[@type='pci']"):
            devices.remove(bus)
        for device in devices:
            if attribute(device, "address", "type") == "pci":
                drop(device, "address")
    if spec.machine == "q35" and devices.find("controller[@type='pci']") is None:
        _ports(devices, len(spec.nics) + len(spec.disks) + _FIXED_DEVICES + SPARE_PORTS)


def _ports(devices: Element, count: int) -> None:
    """Once any port is listed, the root has to be, too."""
    SubElement(devices, "controller", type="pci", index="0", model="pcie-root")
    for index in range(1, count + 1):
        SubElement(devices, "controller", type="pci", index=str(index), model="pcie-root-port")


def machine_family(machine: str | None) -> str | None:
    """`q35` or `pc` of a machine's exact name (`pc-q35-7.2`); None for others."""
    return next(
        (family for family, mark in _MACHINES.items() if machine and (machine == family or mark in machine)), None
    )


def _boot(system: Element, boot: BootSpec | None) -> None:
    if boot is None:
        drop(system, "kernel", "initrd", "cmdline")
        if system.find("boot") is None:
            SubElement(system, "boot", dev="hd")
        return
    put(system, "kernel", boot.kernel)
    put(system, "initrd", boot.initrd)
    put(system, "cmdline", boot.command_line or None)


def _cpu(tree: Element, spec: DomainSpec) -> None:
    """Without a mode, one of ours is taken back, and a CPU that somebody composed is left alone."""
    if attribute(tree, "cpu", "mode") in ({spec.cpu} - {None}):
        return
    if spec.cpu or read_cpu(tree):
        drop(tree, "cpu")
    if spec.cpu:
        SubElement(tree, "cpu", mode=spec.cpu)


def read_cpu(tree: Element) -> str | None:
    """The CPU's mode; a CPU that is spelled out counts as none, since libvirt does that by itself."""
    mode = attribute(tree, "cpu", "mode")
    return None if mode == "custom" else mode


def read(tree: Element, fleet_id: str) -> DomainSpec:
    """What a domain's tree, stored or live, says of what we set. Raises `ledger.NotOurs` or `ValueError`."""
    return DomainSpec(
        name=tree.findtext("name") or "",
        uuid=tree.findtext("uuid") or "",
        record=ledger.read(tree, fleet_id, "Instance"),
        virt_type=tree.get("type") or "",
        machine=machine_family(attribute(tree, "os/type", "machine")) or "",
        vcpus=int(attribute(tree, "vcpu", "current") or tree.findtext("vcpu") or 0),
        memory=_memory(tree),
        root=disk_source(tree, ROOT),
        seed=disk_source(tree, SEED),
        nics=read_nics(tree),
        disks=read_disks(tree),
        cpu=read_cpu(tree),
        boot=_read_boot(tree),
        max_vcpus=_more(int(tree.findtext("vcpu") or 0), int(attribute(tree, "vcpu", "current") or 0)),
        max_memory=_more(_bytes(tree.find("memory")), _memory(tree)),
        traits=read_traits(tree),
        tuning=read_tuning(tree),
    )


def _more(most: int, now: int) -> int | None:
    return most if 0 < now < most else None


def _memory(tree: Element) -> int:
    """What the guest has, which is less than what it could have when somebody took some of it away."""
    node = tree.find("currentMemory")
    return _bytes(tree.find("memory") if node is None else node)


def _bytes(node: Element | None) -> int:
    return 0 if node is None else int(node.text or 0) * _UNITS[node.get("unit", "KiB")]


def _read_boot(tree: Element) -> BootSpec | None:
    kernel = tree.findtext("os/kernel")
    if kernel is None:
        return None
    return BootSpec(kernel=kernel, initrd=tree.findtext("os/initrd"), command_line=tree.findtext("os/cmdline") or "")
