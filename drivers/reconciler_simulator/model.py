"""The things that the make-believe hypervisor holds.

It follows libvirt: domains and networks have a stored and a running form and carry metadata; volumes have nothing but
a name and what is in them; what filters the guests' traffic are tables of the kernel, which know no domains.
"""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from reconciler.objects import Ended, Value

MARK = ".mark."
"""Stands in the name of a volume that says something about another one, whose name begins alike."""


class Nic(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A network interface of a domain, as one of its forms has it. `link` is `up` or `down`."""

    network: str
    mac: str
    address: str
    address6: str | None = None
    link: str = "down"


class Disk(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A data disk of a domain: the volume, and what the guest knows it by."""

    volume: str
    serial: str
    read_only: bool = False


class Form(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a domain is made of. `memory` is bytes; `disks`, `data` and `nics` go by alias; disks name volumes."""

    vcpus: int
    memory: int
    max_vcpus: int | None = None
    max_memory: int | None = None
    machine: str = "q35"
    virt_type: str = "kvm"
    cpu: str | None = None
    firmware: str | None = None
    secure_boot: bool | None = None
    guest_agent: bool | None = None
    extra: dict[str, Value] = {}
    kernel: str | None = None
    initrd: str | None = None
    command_line: str | None = None
    disks: dict[str, str] = {}
    data: dict[str, Disk] = {}
    nics: dict[str, Nic] = {}

    def volumes(self) -> Iterator[str]:
        """Every volume that it names."""
        yield from self.disks.values()
        yield from (disk.volume for disk in self.data.values())
        yield from (name for name in (self.kernel, self.initrd) if name)

    def networks(self) -> set[str]:
        """Every network that it names."""
        return {nic.network for nic in self.nics.values()}


class Domain(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A guest. `metadata` has the elements of our XML namespace: one is usual, more are somebody's mistake. `starts`
    counts its cold starts; `ended` says how the last one came to its end, as long as the daemon knows. `deaf`: it does
    not follow what it is asked for, such as to let go of a disk. `looks` is how often a run has to look until the guest
    is ready; None: it never is.
    """

    uuid: str
    stored: Form
    running: Form | None = None
    autostart: bool = False
    starts: int = 0
    metadata: tuple[str, ...] = ()
    deaf: bool = False
    looks: int | None = 0
    ended: Ended = ""

    def words(self) -> Iterator[str]:
        """What it is found by."""
        yield f"uuid {self.uuid}"
        for form in (self.stored, self.running):
            if form:
                yield from (f"network {name}" for name in form.networks())
                yield from (f"volume {name}" for name in form.volumes())


class NetworkForm(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a network is made of. One of mode `bridge` has no address of its own: it is a wire of the host's."""

    mode: str
    cidr: str
    gateway: str | None = None
    addresses: str | None = None
    domain: str | None = None
    cidr6: str | None = None
    gateway6: str | None = None
    dhcp: bool = True
    servers: tuple[str, ...] = ()
    physical_network: str | None = None
    vlan: int | None = None


class Network(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A virtual network; it is active while it has a running form. `breaks` counts how often it was interrupted."""

    uuid: str
    stored: NetworkForm
    running: NetworkForm | None = None
    metadata: tuple[str, ...] = ()
    breaks: int = 0

    def words(self) -> Iterator[str]:
        """What it is found by."""
        yield f"uuid {self.uuid}"
        if self.running:
            yield "active"


class Volume(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A file in the fleet's own pool, or in `pool`. `capacity` is bytes; `backing` is the volume that it is an overlay
    of; `content` has the files of a small one; `written` stands for what its guest wrote.
    """

    capacity: int
    format: str = "raw"
    pool: str | None = None
    backing: str | None = None
    content: dict[str, str] = {}
    written: str = ""


class Table(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A table of the kernel's packet filter; what is in it stands beside it."""

    comment: str


class Group(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The rules of a security group, the addresses that are in it, and a digest of each as last applied (`owned`)."""

    rules: tuple[str, ...]
    members: tuple[str, ...]
    owned: dict[str, str] = {}


class Entry(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What one NIC may send and receive: nothing but from its own MAC and addresses, and what its groups allow."""

    domain: str
    nic: str
    mac: str
    address: str
    address6: str | None = None
    groups: tuple[str, ...]
