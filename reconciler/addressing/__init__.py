"""Which addresses each NIC has: declared, else those that it has, else the lowest that nobody has."""

from __future__ import annotations

import ipaddress
from collections import defaultdict
from collections.abc import Iterator, Mapping

import msgspec

from reconciler.address import Address
from reconciler.addressing import words
from reconciler.addressing.holders import NOWHERE, canonical6, declared, rounds, seen_in, seen_nics
from reconciler.desired import Desired
from reconciler.diagnostic import Diagnostic
from reconciler.identity import Identity
from reconciler.kinds.base import Nic, Resource
from reconciler.kinds.instance import nic_network
from reconciler.kinds.network import address6_of, addresses_of
from reconciler.placement import Placement
from reconciler.snapshots import Snapshots


class Addressing(msgspec.Struct, frozen=True, kw_only=True):
    """`nics` has every NIC of the instances that can be realised; the others are `held`: in one line why."""

    nics: Mapping[tuple[Address, str], Nic]
    held: Mapping[Address, str] = {}
    diagnostics: tuple[Diagnostic, ...] = ()


def addressing(desired: Desired, placement: Placement, snapshots: Snapshots) -> Addressing:
    """Settle all NICs.

    An address that is seen in use, on any host, is not given to another in the same plan, not even when the plan frees
    it. Nothing is assigned while a host was not completely seen on which instances of the network may be, since what is
    taken there is not known.
    """
    placed = [
        each
        for address, each in sorted(desired.resources.items())
        if address.kind == "Instance" and address in placement.hosts and address not in placement.held
    ]
    work = _Settling(desired, placement, snapshots)
    for resource in placed:
        work.settle_known(resource)
    for resource in placed:
        work.settle_rest(resource)
    held = {each.address: work.why(each) for each in placed if not work.settled(each)}
    return Addressing(
        nics={key: nic for key, nic in work.nics.items() if key[0] not in held},
        held=held,
        diagnostics=(*work.diagnostics, *work.waiting()),
    )


class _Settling:
    """The settled NICs, and who holds which address: wanted by somebody, or seen in use."""

    def __init__(self, desired: Desired, placement: Placement, snapshots: Snapshots) -> None:
        self.nics: dict[tuple[Address, str], Nic] = {}
        self.diagnostics: list[Diagnostic] = []
        self._identity = Identity(desired.fleet_id)
        self._desired, self._placement, self._snapshots = desired, placement, snapshots
        self._declared = declared(desired)
        self._nics = seen_nics(snapshots)
        self._seen = seen_in(self._nics)
        self._rounds = rounds(desired, self._seen)
        self._free: dict[Address, Iterator[str]] = {}
        self._why: dict[Address, str] = {}
        self._unseen: dict[Address, list[str]] = defaultdict(list)

    def settled(self, resource: Resource) -> bool:
        return all((resource.address, nic) in self.nics for nic in resource.spec.networks)

    def why(self, resource: Resource) -> str:
        """In one line, why it is not settled."""
        return self._why.get(resource.address, "a NIC of it has no address yet")

    def settle_known(self, resource: Resource) -> None:
        """The NICs whose address is declared or observed."""
        for name, nic in sorted(resource.spec.networks.items()):
            network = nic_network(resource, name)
            has, has6 = self._observed(resource, name, network)
            wants = nic.address or has
            if wants is None or self._parks(resource, name):
                continue
            if self._free_for(resource, name, nic.address, canonical6(nic.address6)):
                self._take(resource, name, wants, self._beside(resource, name, wants))
            elif has:
                self._take(resource, name, has, has6)

    def settle_rest(self, resource: Resource) -> None:
        """The other NICs, lowest free address first."""
        for name, nic in sorted(resource.spec.networks.items()):
            parks = self._parks(resource, name)
            if (resource.address, name) in self.nics or (nic.address and not parks):
                continue
            network = nic_network(resource, name)
            if not self._sure(network):
                self._why[resource.address] = f"a host is unseen, and with it which addresses of {network} are taken"
                if self._placement.hosts[resource.address] in self._snapshots.complete:
                    self._unseen[network].append(str(resource.address))
            elif not self._free_for(resource, name, None, canonical6(nic.address6)):
                continue
            elif address := self._lowest_free(network):
                self._take(resource, name, address, self._beside(resource, name, address))
                self.diagnostics += [words.parked(resource, name, address)] if parks else []
            else:
                self._why[resource.address] = f"{network} has no free address"
                self.diagnostics.append(words.exhausted(resource, name, network))

    def waiting(self) -> Iterator[Diagnostic]:
        """What cannot get an address before more is seen; of a network of one host that host's own message tells."""
        for network, names in sorted(self._unseen.items()):
            if network not in self._placement.hosts:
                yield words.unsure(network, names, self._placement.unseen)

    def _parks(self, resource: Resource, name: str) -> bool:
        """Whether the NIC is one of several that hand their addresses round, and can be given another meanwhile."""
        network = nic_network(resource, name)
        return (str(network), resource.origin, name) in self._rounds and self._sure(network)

    def _sure(self, network: Address) -> bool:
        """Whether every host was seen on which instances of a network may be."""
        host = self._placement.hosts.get(network)
        return host in self._snapshots.complete if host else not self._placement.unseen

    def _beside(self, resource: Resource, name: str, address: str) -> str | None:
        """The IPv6 address that goes with an IPv4 one."""
        declared = canonical6(resource.spec.networks[name].address6)
        return declared or address6_of(self._desired.resources[nic_network(resource, name)].spec, address)

    def _free_for(self, resource: Resource, name: str, *addresses: str | None) -> bool:
        """Whether nobody else has any of these; who has one is told."""
        network = nic_network(resource, name)
        for address in addresses:
            if address and (holder := self._holder(resource, network, address)):
                self._why[resource.address] = f"its {address} is in use by {holder}"
                self.diagnostics.append(words.in_use(resource, name, address, holder))
                return False
        return True

    def _take(self, resource: Resource, name: str, address: str, address6: str | None) -> None:
        network = nic_network(resource, name)
        self.nics[resource.address, name] = Nic(network, address, self._identity.mac(network, address), address6)

    def _observed(self, resource: Resource, name: str, network: Address) -> tuple[str | None, str | None]:
        """The addresses that the NIC has, as long as it stays in its network."""
        for found_name, found_network, address, address6 in self._nics.get(resource.origin, ()):
            here = found_network == str(network) or (not found_network and self._inside(address, network))
            if found_name == name and here:
                return address, address6
        return None, None

    def _inside(self, address: str, network: Address) -> bool:
        return ipaddress.IPv4Address(address) in ipaddress.IPv4Network(self._desired.resources[network].spec.cidr)

    def _holder(self, resource: Resource, network: Address, address: str) -> Address | None:
        """Who else has an address that `resource` is to have: by declaration before it, or as seen."""
        first = self._declared[str(network)].get(address, resource.origin)
        seen = self._seen[str(network)].get(address, resource.origin)
        return next((each for each in (first, seen) if each != resource.origin), None)

    def _lowest_free(self, network: Address) -> str | None:
        if network not in self._free:
            taken = self._declared[str(network)].keys() | self._seen[str(network)].keys() | self._seen[NOWHERE].keys()
            spec = self._desired.resources[network].spec
            self._free[network] = (each for each in addresses_of(spec) if each not in taken)
        return next(self._free[network], None)
