"""Where instances and networks stand. Nothing moves by itself: what is observed somewhere stays there."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import msgspec

from reconciler.address import Address
from reconciler.desired import Desired
from reconciler.diagnostic import Diagnostic, error
from reconciler.kinds.base import Problem, Resource
from reconciler.kinds.instance import nic_network
from reconciler.snapshots import Snapshots


class Placement(msgspec.Struct, frozen=True, kw_only=True):
    """`hosts` has the host of every instance and network that has one. What is `held` is left as it is, whatever its
    manifest says; a diagnostic tells why. What is `unsure` may stand on one of those hosts, which were not seen.
    """

    hosts: Mapping[Address, str]
    held: frozenset[Address] = frozenset()
    unsure: Mapping[Address, tuple[str, ...]] = {}
    diagnostics: tuple[Diagnostic, ...] = ()


class _Spot(msgspec.Struct, frozen=True, kw_only=True):
    """What was decided for one resource. `host` is also known for some that are held."""

    host: str | None = None
    held: bool = False
    unsure: tuple[str, ...] = ()
    diagnostic: Diagnostic | None = None


def placement(desired: Desired, snapshots: Snapshots, undeclared: Sequence[str] = ()) -> Placement:
    """Instances first: declared, else observed, else the only active host. Networks follow them.

    On hosts that are `undeclared` things may stand as on those that could not be seen.
    """
    hosts = _Hosts(desired, snapshots, undeclared)
    instances = _of_kind(desired, "Instance")
    spots = {resource.address: _instance_spot(resource, hosts) for resource in instances}
    first = _first_instances(instances, spots)
    for network in _of_kind(desired, "Network"):
        spots[network.address] = _network_spot(network, hosts, first.get(network.address))
    held = {address for address, spot in spots.items() if spot.held}
    apart = dict(_apart(instances, spots))
    diagnostics = [spot.diagnostic for spot in spots.values() if spot.diagnostic]
    return Placement(
        hosts={address: spot.host for address, spot in spots.items() if spot.host},
        held=frozenset(held | set(apart) | set(_without_network(instances, held))),
        unsure={address: spot.unsure for address, spot in spots.items() if spot.unsure},
        diagnostics=(*diagnostics, *apart.values(), *_waiting_for_networks(instances, spots)),
    )


class _Hosts:
    """The hosts of the fleet as placement sees them."""

    def __init__(self, desired: Desired, snapshots: Snapshots, undeclared: Sequence[str]) -> None:
        self.states = {each.address.name: each.spec.state for each in _of_kind(desired, "Host")}
        self.active = [name for name, state in self.states.items() if state == "Active"]
        self.unseen = (*(name for name in self.states if name not in snapshots.complete), *undeclared)
        self._snapshots = snapshots

    def observed(self, resource: Resource) -> list[str]:
        """The hosts on which a resource is seen."""
        return sorted({each.key.host for each in self._snapshots.of(resource.origin)})

    @property
    def choice(self) -> str:
        """What could be written."""
        return f"Active hosts: {', '.join(self.active)}." if self.active else "No host is Active."

    @property
    def only(self) -> str | None:
        """The one host that takes new things, when there is but one."""
        return self.active[0] if len(self.active) == 1 else None


def _of_kind(desired: Desired, kind: str) -> list[Resource]:
    return sorted((each for each in desired.resources.values() if each.address.kind == kind), key=lambda r: r.address)


def _instance_spot(resource: Resource, hosts: _Hosts) -> _Spot:
    declared: str | None = resource.spec.placement.host
    seen = hosts.observed(resource)
    if len(seen) > 1:
        return _Spot(held=True, diagnostic=_seen_twice(resource, seen))
    if seen:
        return _stays(resource, "spec.placement.host", declared, seen[0])
    host = declared or hosts.only
    if host is None:
        return _Spot(held=True, diagnostic=_unplaced(resource, hosts))
    if problem := _closed(resource, host, hosts):
        return _Spot(held=True, diagnostic=problem)
    return _Spot(host=host, unsure=tuple(name for name in hosts.unseen if name != host))


def _network_spot(resource: Resource, hosts: _Hosts, first: str | None) -> _Spot:
    declared: str | None = resource.spec.host
    seen = hosts.observed(resource)
    if declared in seen:
        return _Spot(host=declared)
    if len(seen) > 1:
        return _Spot(held=True, diagnostic=_seen_twice(resource, seen))
    if seen:
        return _stays(resource, "spec.host", declared, seen[0])
    if not declared and hosts.unseen and len({*hosts.states, *hosts.unseen}) > 1:
        return _Spot(held=True, diagnostic=_maybe_elsewhere(resource, hosts))
    host = declared or first or hosts.only
    if host is None:
        return _Spot(held=True, diagnostic=_unused(resource, hosts))
    if problem := _closed(resource, host, hosts):
        return _Spot(held=True, diagnostic=problem)
    return _Spot(host=host)


def _stays(resource: Resource, field: str, declared: str | None, seen: str) -> _Spot:
    if declared in (None, seen):
        return _Spot(host=seen)
    detail = (
        f"{resource.address} stands on {seen} and is declared on {declared}. Nothing moves by itself: "
        f"write {seen} here, or delete it in one commit and declare it anew in the next."
    )
    problem = Problem(field, "placement-differs", "declared on another host than where it stands", detail)
    return _Spot(host=seen, diagnostic=resource.mistake(problem))


def _first_instances(instances: list[Resource], spots: Mapping[Address, _Spot]) -> dict[Address, str]:
    """Per network, the host of its first instance by address."""
    first: dict[Address, str] = {}
    for resource in instances:
        host = spots[resource.address].host
        for nic in resource.spec.networks if host else ():
            first.setdefault(nic_network(resource, nic), host or "")
    return first


def _apart(instances: list[Resource], spots: Mapping[Address, _Spot]) -> Iterator[tuple[Address, Diagnostic]]:
    """Instances that would have to stand on several hosts at once."""
    for resource in instances:
        host = spots[resource.address].host
        lies = {nic_network(resource, nic): spots[nic_network(resource, nic)].host for nic in resource.spec.networks}
        if host and (elsewhere := {network: at for network, at in lies.items() if at not in (None, host)}):
            yield resource.address, _on_other_hosts(resource, host, elsewhere)


def _without_network(instances: list[Resource], held: set[Address]) -> Iterator[Address]:
    for resource in instances:
        if any(nic_network(resource, nic) in held for nic in resource.spec.networks):
            yield resource.address


def _waiting_for_networks(instances: list[Resource], spots: Mapping[Address, _Spot]) -> Iterator[Diagnostic]:
    waiting: dict[Address, list[str]] = {}
    for resource in instances:
        for network in sorted({nic_network(resource, nic) for nic in resource.spec.networks}):
            if spots[network].held:
                waiting.setdefault(network, []).append(str(resource.address))
    for network, names in sorted(waiting.items()):
        yield error(
            "network-held",
            "instances wait for their network",
            f"{network} is held (see its own message); left as they are until then: {', '.join(names)}.",
        )


def _closed(resource: Resource, host: str, hosts: _Hosts) -> Diagnostic | None:
    state = hosts.states.get(host)
    if state == "Active":
        return None
    detail = (
        f"{resource.address} is to be made on {host}, which is {state or 'not declared'}. Only Active hosts take "
        "new instances and networks: name another host, or make this one Active."
    )
    return resource.mistake(Problem(_field(resource), "host-closed", "the host takes nothing new", detail))


def _field(resource: Resource) -> str:
    """Where a resource says its host."""
    return "spec.placement.host" if resource.address.kind == "Instance" else "spec.host"


def _unplaced(resource: Resource, hosts: _Hosts) -> Diagnostic:
    if hosts.unseen:
        return _maybe_elsewhere(resource, hosts)
    detail = (
        f"{resource.address} is new, and there is not exactly one Active host to put it on. "
        f"Write `placement: {{host: NAME}}` in its spec. {hosts.choice}"
    )
    return resource.mistake(Problem("spec.placement", "unplaced", "instance has no host", detail))


def _maybe_elsewhere(resource: Resource, hosts: _Hosts) -> Diagnostic:
    detail = (
        f"{resource.address} was not found, and may stand on {', '.join(hosts.unseen)}, which was not completely seen. "
        f"Declare that host and make it reachable, or write `{_field(resource)}`."
    )
    return resource.mistake(Problem(_field(resource), "maybe-elsewhere", "may stand on an unseen host", detail))


def _unused(resource: Resource, hosts: _Hosts) -> Diagnostic:
    detail = (
        f"{resource.address} has no instance that is placed. Write `host: NAME` in its spec, or place an instance "
        f"in it. {hosts.choice}"
    )
    return resource.mistake(Problem("spec", "network-unplaced", "network has no host yet", detail, severity="warning"))


def _seen_twice(resource: Resource, seen: list[str]) -> Diagnostic:
    detail = (
        f"{resource.address} stands on {', '.join(seen)}. Nothing of it is touched: find out which one is to stay, "
        "and remove the other by hand."
    )
    return resource.mistake(Problem("metadata.name", "seen-twice", "one resource stands on several hosts", detail))


def _on_other_hosts(resource: Resource, host: str, elsewhere: Mapping[Address, str | None]) -> Diagnostic:
    lies = "; ".join(f"{network} lies on {at}" for network, at in sorted(elsewhere.items()))
    detail = (
        f"{resource.address} stands on {host}; {lies}. A network lives on one host: join the instance to networks "
        f"of {host}, or place it where its networks are."
    )
    return resource.mistake(Problem("spec.networks", "networks-apart", "networks lie on other hosts", detail))
