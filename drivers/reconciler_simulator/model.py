"""What the make-believe hypervisor holds: the shape of its state file.

It follows libvirt: domains and networks have a stored and a running form and carry metadata; volumes have nothing but
a name and what is in them; what filters the guests' traffic are tables of the kernel, which know no domains.
"""

from __future__ import annotations

import msgspec


class Nic(msgspec.Struct, frozen=True, kw_only=True):
    """A network interface of a domain, as one of its forms has it. `link` is `up` or `down`."""

    network: str
    mac: str
    address: str
    link: str = "down"


class Form(msgspec.Struct, frozen=True, kw_only=True):
    """What a domain is made of. `memory` is bytes; `disks` and `nics` go by alias; disks name volumes."""

    vcpus: int
    memory: int
    machine: str = "q35"
    virt_type: str = "kvm"
    cpu: str | None = None
    kernel: str | None = None
    initrd: str | None = None
    command_line: str | None = None
    disks: dict[str, str] = {}
    nics: dict[str, Nic] = {}


class Domain(msgspec.Struct, frozen=True, kw_only=True):
    """A guest. `metadata` has the elements of our XML namespace: one is usual, more are somebody's mistake. `starts`
    counts its cold starts.
    """

    uuid: str
    stored: Form
    running: Form | None = None
    starts: int = 0
    metadata: tuple[str, ...] = ()


class NetworkForm(msgspec.Struct, frozen=True, kw_only=True):
    """What a network is made of."""

    mode: str
    cidr: str
    gateway: str
    addresses: str
    domain: str | None = None


class Network(msgspec.Struct, frozen=True, kw_only=True):
    """A virtual network; it is active while it has a running form. `names` are its DNS hosts by address."""

    uuid: str
    stored: NetworkForm
    running: NetworkForm | None = None
    names: dict[str, str] = {}
    metadata: tuple[str, ...] = ()


class Volume(msgspec.Struct, frozen=True, kw_only=True):
    """A file in the only pool. `capacity` is bytes; `backing` is the volume that it is an overlay of; `content` has
    the files of a small one; `written` stands for what its guest wrote.
    """

    capacity: int
    format: str = "raw"
    backing: str | None = None
    content: dict[str, str] = {}
    written: str = ""


class Group(msgspec.Struct, frozen=True, kw_only=True):
    """The rules of a security group, the addresses that are in it, and a digest of each as last applied (`owned`)."""

    rules: tuple[str, ...]
    members: tuple[str, ...]
    owned: dict[str, str] = {}


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """What one NIC may send and receive: nothing but from its own MAC and address, and what its groups allow."""

    domain: str
    nic: str
    mac: str
    address: str
    groups: tuple[str, ...]


class Table(msgspec.Struct, frozen=True, kw_only=True):
    """A table of the kernel's packet filter. `nics` goes by the name of the tap."""

    comment: str
    groups: dict[str, Group] = {}
    nics: dict[str, Entry] = {}


class State(msgspec.Struct, kw_only=True):
    """All that a host has. The only thing here that changes in place: its parts are replaced."""

    format: int = 1
    domains: dict[str, Domain] = {}
    networks: dict[str, Network] = {}
    volumes: dict[str, Volume] = {}
    tables: dict[str, Table] = {}
