"""One instance being changed: what is wanted, what was found, and the networks that it is in."""

from __future__ import annotations

from collections.abc import Mapping
from xml.etree.ElementTree import Element

import libvirt
import msgspec

from reconciler.address import Address
from reconciler.driver import DriverError, ErrorClass
from reconciler.objects import Value, texts
from reconciler_libvirt import names
from reconciler_libvirt.connection import calls, unless
from reconciler_libvirt.ledger import NotOurs
from reconciler_libvirt.reading import look
from reconciler_libvirt.rereading import read_networks
from reconciler_libvirt.site import Site, Task
from reconciler_libvirt.xml import domain as xml
from reconciler_libvirt.xml.domain import DomainSpec
from reconciler_libvirt.xml.network import NetworkSpec
from reconciler_libvirt.xml.tree import parse


class Nic(msgspec.Struct, frozen=True, kw_only=True):
    """A NIC as it is wanted. `address6` may be empty; a network of mode bridge gives no `dns_name`."""

    name: str
    network: Address
    mac: str
    address: str
    address6: str
    dns_name: str | None
    groups: tuple[Address, ...]
    tap: str

    @property
    def addresses(self) -> tuple[str, ...]:
        """Its addresses of either family."""
        return tuple(address for address in (self.address, self.address6) if address)


class Work(msgspec.Struct, frozen=True, kw_only=True):
    """The domain as it was found, if there is one: its stored tree, and that understood. `networks` by address."""

    task: Task
    domain: libvirt.virDomain | None
    tree: Element | None
    stored: DomainSpec | None
    nics: tuple[Nic, ...]
    networks: Mapping[Address, NetworkSpec]

    @classmethod
    def of(cls, task: Task) -> Work:
        """Look everything up. Raises `DriverError`."""
        nics = tuple(_nic(task, name) for name in _nic_names(task))
        domain = find(task.site, task.name)
        tree = None if domain is None else _stored(domain)
        return cls(
            task=task,
            domain=domain,
            tree=tree,
            stored=None if tree is None else understood(task.site, tree),
            nics=nics,
            networks=_networks(task, nics),
        )

    @property
    def fields(self) -> Mapping[str, Value]:
        """The wanted fields. What waits for consent is as it was observed, or not among them."""
        return self.task.wanted.fields

    @property
    def site(self) -> Site:
        """Where the work is done."""
        return self.task.site

    @property
    def origin(self) -> Address:
        """What its identity derives from."""
        return self.task.wanted.origin

    @property
    def active(self) -> bool:
        """Whether the guest runs now."""
        return self.domain is not None and bool(self.domain.isActive())

    @property
    def wants_running(self) -> bool:
        """Whether it is to run."""
        return self.fields["powerState"] == "Running"

    def running(self, domain: libvirt.virDomain | None) -> DomainSpec | None:
        """What runs now, if anything does."""
        if domain is None or not domain.isActive():
            return None
        form = look(self.site, domain).running
        return form if isinstance(form, DomainSpec) else None


def _nic_names(task: Task) -> list[str]:
    return sorted({path.split(".")[1] for path in task.wanted.fields if path.startswith("nics.")})


def _nic(task: Task, name: str) -> Nic:
    fields, base = task.wanted.fields, f"nics.{name}"
    dns_name = fields.get(f"{base}.dnsName")
    groups = texts(fields.get(f"{base}.securityGroups"))
    return Nic(
        name=name,
        network=Address.parse(str(fields[f"{base}.network"])),
        mac=str(fields[f"{base}.mac"]),
        address=str(fields[f"{base}.address"]),
        address6=str(fields.get(f"{base}.address6") or ""),
        dns_name=str(dns_name) if dns_name else None,
        groups=tuple(Address.parse(group) for group in groups),
        tap=names.tap(task.site.identity, task.wanted.origin, name),
    )


def _networks(task: Task, nics: tuple[Nic, ...]) -> dict[Address, NetworkSpec]:
    found: dict[Address, NetworkSpec] = {}
    for network in {nic.network for nic in nics}:
        name = task.site.identity.name(network)
        form = next((reading.stored for reading in read_networks(task.site, [name])), None)
        if not isinstance(form, NetworkSpec):
            raise DriverError(ErrorClass.YOURS, f"{task.name}: {network} is not on this host")
        found[network] = form
    return found


def find(site: Site, name: str) -> libvirt.virDomain | None:
    """libvirt's handle of a domain, if there is one."""
    with unless(ErrorClass.GONE), calls(f"looking for the domain {name}"):
        return site.connection.lookupByName(name)
    return None


def _stored(domain: libvirt.virDomain) -> Element:
    """The stored tree, secrets included, since it is written back; of a transient domain what it would be."""
    with calls(f"reading {domain.name()}"):
        return parse(domain.XMLDesc(libvirt.VIR_DOMAIN_XML_INACTIVE | libvirt.VIR_DOMAIN_XML_SECURE))


def understood(site: Site, tree: Element) -> DomainSpec:
    """A domain of ours. Raises `DriverError` (exists) when it is another's."""
    try:
        return xml.read(tree, site.identity.fleet_id)
    except NotOurs as verdict:
        raise DriverError(ErrorClass.EXISTS, f"the domain {tree.findtext('name')} is not ours: {verdict}") from None
