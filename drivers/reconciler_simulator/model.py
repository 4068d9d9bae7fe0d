"""What the make-believe hypervisor holds.

It follows libvirt: domains and networks have a stored and a running form and carry metadata; volumes have nothing but
a name and what is in them; what filters the guests' traffic are tables of the kernel, which know no domains.
"""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from reconciler.objects import Ended, Value
from reconciler.prepared import prepared
from reconciler_simulator.collection import Things

FORMAT = 2
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


def _words(name: str, thing: Domain | Network) -> Iterator[str]:
    return thing.words()


def _words_of_volume(name: str, volume: Volume) -> Iterator[str]:
    if volume.backing:
        yield f"backing {volume.backing}"
    beside, mark, _ = name.partition(MARK)
    if mark:
        yield f"beside {beside}"


def _words_of_name(name: str, host: str) -> Iterator[str]:
    yield f"network {name.partition('/')[0]}"


def _words_of_group(name: str, group: Group) -> Iterator[str]:
    yield f"table {name.partition('/')[0]}"


def _words_of_filter(name: str, entry: Entry) -> Iterator[str]:
    table = name.partition("/")[0]
    yield f"table {table}"
    yield f"domain {entry.domain}"
    yield from (f"group {table}/{group}" for group in entry.groups)


@prepared
class Changes(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What one call changed, as it is written down: things by name, None for what is gone.

    The names of networks' resolvers go by `NETWORK/ADDRESS`, groups and filters by `TABLE/NAME`.
    """

    format: int = 0
    domains: dict[str, Domain | None] = {}
    networks: dict[str, Network | None] = {}
    names: dict[str, str | None] = {}
    volumes: dict[str, Volume | None] = {}
    tables: dict[str, Table | None] = {}
    groups: dict[str, Group | None] = {}
    filters: dict[str, Entry | None] = {}


KINDS = tuple(name for name in Changes.__struct_fields__ if name != "format")


class State:
    """All that a host has. Its things are frozen values, which are replaced."""

    def __init__(self) -> None:
        self.domains: Things[Domain] = Things(_words)
        self.networks: Things[Network] = Things(_words)
        self.names: Things[str] = Things(_words_of_name)
        self.volumes: Things[Volume] = Things(_words_of_volume)
        self.tables: Things[Table] = Things()
        self.groups: Things[Group] = Things(_words_of_group)
        self.filters: Things[Entry] = Things(_words_of_filter)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, State) and all(self.of(kind) == other.of(kind) for kind in KINDS)

    __hash__ = None  # type: ignore[assignment]

    def of(self, kind: str) -> Things[object]:
        """The things of one of `KINDS`."""
        things: Things[object] = getattr(self, kind)
        return things

    def whole(self) -> Changes:
        """Everything, as the changes that lead here from an empty host."""
        return Changes(format=FORMAT, **{kind: dict(self.of(kind)) for kind in KINDS})  # type: ignore[arg-type]

    def changes(self) -> Changes:
        """What changed since it was last kept."""
        return Changes(**{kind: self.of(kind).changes() for kind in KINDS})  # type: ignore[arg-type]

    def accept(self, changes: Changes) -> None:
        """Take over what somebody else has changed."""
        for kind in KINDS:
            if found := getattr(changes, kind):
                self.of(kind).accept(found)

    def keep(self) -> None:
        """What changed is how it is."""
        for kind in KINDS:
            self.of(kind).keep()

    def take_back(self) -> None:
        """Nothing has changed after all."""
        for kind in KINDS:
            self.of(kind).take_back()
