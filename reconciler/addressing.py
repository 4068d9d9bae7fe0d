"""Which address each NIC has: declared, else the one that it has, else the lowest that nobody has."""

from __future__ import annotations

import ipaddress
from collections import defaultdict
from collections.abc import Iterator, Mapping

import msgspec

from reconciler.address import Address
from reconciler.desired import Desired
from reconciler.diagnostic import Diagnostic
from reconciler.identity import Identity
from reconciler.kinds.base import Nic, Problem, Resource
from reconciler.kinds.instance import nic_network
from reconciler.kinds.network import address6_of, addresses_of
from reconciler.objects import Observed
from reconciler.placement import Placement
from reconciler.snapshots import Snapshots

_Holders = dict[str, dict[str, Address]]
"""Network (as text, since observed ones are) to address to the origin of the instance that has it."""

NOWHERE = ""
"""Stands for the network of an address of which only a leftover filter is seen: it counts in every network."""


class Addressing(msgspec.Struct, frozen=True, kw_only=True):
    """`nics` has every NIC of the instances that can be realised; the others are `held`."""

    nics: Mapping[tuple[Address, str], Nic]
    held: frozenset[Address] = frozenset()
    diagnostics: tuple[Diagnostic, ...] = ()


def addressing(desired: Desired, placement: Placement, snapshots: Snapshots) -> Addressing:
    """Settle all NICs.

    An address that is seen in use is not given to another in the same plan, not even when the plan frees it. On a
    host that was not completely seen nothing is assigned, since what is taken there is not known.
    """
    placed = [
        each
        for address, each in sorted(desired.resources.items())
        if address.kind == "Instance" and address in placement.hosts and address not in placement.held
    ]
    work = _Settling(desired, snapshots)
    for resource in placed:
        work.settle_known(resource)
    for resource in placed:
        if placement.hosts[resource.address] in snapshots.complete:
            work.settle_rest(resource)
    incomplete = {each.address for each in placed if not work.settled(each)}
    return Addressing(
        nics={key: nic for key, nic in work.nics.items() if key[0] not in incomplete},
        held=frozenset(incomplete),
        diagnostics=tuple(work.diagnostics),
    )


class _Settling:
    """The settled NICs, and who holds which address: wanted by somebody, or seen in use."""

    def __init__(self, desired: Desired, snapshots: Snapshots) -> None:
        self.nics: dict[tuple[Address, str], Nic] = {}
        self.diagnostics: list[Diagnostic] = []
        self._identity = Identity(desired.fleet_id)
        self._desired, self._snapshots = desired, snapshots
        self._declared = _declared(desired)
        self._seen = _seen(snapshots)
        self._free: dict[Address, Iterator[str]] = {}

    def settled(self, resource: Resource) -> bool:
        return all((resource.address, nic) in self.nics for nic in resource.spec.networks)

    def settle_known(self, resource: Resource) -> None:
        """The NICs whose address is declared or observed."""
        for name, nic in sorted(resource.spec.networks.items()):
            network = nic_network(resource, name)
            observed = self._observed(resource, name, network)
            if nic.address and (holder := self._holder(resource, network, nic.address)):
                self.diagnostics.append(_in_use(resource, name, nic.address, holder))
                if observed:
                    self._take(resource, name, network, observed)
            elif nic.address or observed:
                self._take(resource, name, network, nic.address or observed or "")

    def settle_rest(self, resource: Resource) -> None:
        """The other NICs, lowest free address first."""
        for name, nic in sorted(resource.spec.networks.items()):
            if nic.address or (resource.address, name) in self.nics:
                continue
            network = nic_network(resource, name)
            if address := self._lowest_free(network):
                self._take(resource, name, network, address)
            else:
                self.diagnostics.append(_exhausted(resource, name, network))

    def _take(self, resource: Resource, name: str, network: Address, address: str) -> None:
        mac = self._identity.mac(network, address)
        declared6: str | None = resource.spec.networks[name].address6
        address6 = declared6 or address6_of(self._desired.resources[network].spec, address)
        self.nics[resource.address, name] = Nic(network, address, mac, address6)

    def _observed(self, resource: Resource, name: str, network: Address) -> str | None:
        """The address that the NIC has, as long as it stays in its network."""
        for each in self._snapshots.of(resource.origin):
            for found_name, found_network, address in _nics_in(each):
                here = found_network == str(network) or (not found_network and self._inside(address, network))
                if found_name == name and here:
                    return address
        return None

    def _inside(self, address: str, network: Address) -> bool:
        return ipaddress.IPv4Address(address) in ipaddress.IPv4Network(self._desired.resources[network].spec.cidr)

    def _holder(self, resource: Resource, network: Address, address: str) -> Address | None:
        """Who else has an address that `resource` declares: by declaration before it, or as seen."""
        first = self._declared[str(network)].get(address, resource.origin)
        seen = self._seen[str(network)].get(address, resource.origin)
        return next((each for each in (first, seen) if each != resource.origin), None)

    def _lowest_free(self, network: Address) -> str | None:
        if network not in self._free:
            taken = self._declared[str(network)].keys() | self._seen[str(network)].keys() | self._seen[NOWHERE].keys()
            spec = self._desired.resources[network].spec
            self._free[network] = (each for each in addresses_of(spec) if each not in taken)
        return next(self._free[network], None)


def _declared(desired: Desired) -> _Holders:
    """Every declared address, of instances that are held as well; who is first by address has it."""
    found: _Holders = defaultdict(dict)
    for address, resource in sorted(desired.resources.items()):
        for name, nic in resource.spec.networks.items() if address.kind == "Instance" else ():
            if nic.address:
                found[str(nic_network(resource, name))].setdefault(nic.address, resource.origin)
    return found


def _seen(snapshots: Snapshots) -> _Holders:
    """Every address that is in use by something of ours, in either form."""
    found: _Holders = defaultdict(dict)
    for each in snapshots.objects.values():
        for _, network, address in _nics_in(each):
            found[network].setdefault(address, each.origin)
    return found


def _nics_in(each: Observed) -> Iterator[tuple[str, str, str]]:
    """NIC name, network and address in both forms; the network is empty where only parts of an object are left."""
    for fields in (each.stored, each.running or {}):
        for path, address in fields.items():
            if path.startswith("nics.") and path.endswith(".address") and isinstance(address, str):
                network = fields.get(path.removesuffix("address") + "network")
                yield path.split(".")[1], network if isinstance(network, str) else NOWHERE, address


def _in_use(resource: Resource, nic: str, address: str, holder: Address) -> Diagnostic:
    detail = (
        f"{resource.address} declares {address}, which {holder} has. If {holder} is to give it up, apply that first: "
        "an address is not handed on within one plan."
    )
    return resource.mistake(Problem(f"spec.networks.{nic}.address", "address-in-use", "address is in use", detail))


def _exhausted(resource: Resource, nic: str, network: Address) -> Diagnostic:
    detail = (
        f"{resource.address} needs an address in {network}, and every one of its range is taken. Remove an instance "
        "(what it frees can be assigned by the next run), or declare another network and join this one to that."
    )
    return resource.mistake(Problem(f"spec.networks.{nic}", "addresses-exhausted", "no free address", detail))
