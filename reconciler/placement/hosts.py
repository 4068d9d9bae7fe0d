"""The hosts of the fleet as placement sees them."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

from reconciler.address import Address
from reconciler.desired import Desired
from reconciler.kinds.base import Resource
from reconciler.kinds.host import HostSpec
from reconciler.kinds.instance import nic_network
from reconciler.observation import HostFacts
from reconciler.snapshots import Snapshots

Barred = Mapping[str, Collection[str]]
"""By project, the hosts that it may not use."""
NONE_BARRED: Barred = {}


def stands_once(resource: Resource) -> bool:
    """Whether a resource stands on one host, by a decision of its own; all others stand wherever something needs them.

    A network of mode bridge is where its wire is, which may be everywhere.
    """
    kind = resource.address.kind
    return kind in ("Instance", "Volume") or (kind == "Network" and resource.spec.mode != "bridge")


def of_kind(desired: Desired, kind: str) -> list[Resource]:
    """The resources of a kind, by address."""
    return sorted((each for each in desired.resources.values() if each.address.kind == kind), key=lambda r: r.address)


def networks_of(instance: Resource) -> list[Address]:
    """The networks that an instance is joined to, each once, by address."""
    return sorted({nic_network(instance, nic) for nic in instance.spec.networks})


class Hosts:
    """Every declared host, and those that nobody looked at. `active` take new things, in the order of their names."""

    def __init__(self, desired: Desired, snapshots: Snapshots, undeclared: Sequence[str], barred: Barred) -> None:
        self._resources = {each.address.name: each for each in of_kind(desired, "Host")}
        self.states = {name: each.spec.state for name, each in self._resources.items()}
        self.active = [name for name, state in self.states.items() if state == "Active"]
        self.unseen = (*(name for name in self.states if name not in snapshots.complete), *undeclared)
        self.snapshots = snapshots
        self._barred = barred

    def __iter__(self) -> Iterator[str]:
        return iter(self.states)

    def spec(self, host: str) -> HostSpec:
        """What is declared of a host."""
        spec: HostSpec = self._resources[host].spec
        return spec

    def labels(self, host: str) -> dict[str, str]:
        """The labels of a host."""
        return self._resources[host].labels

    def facts(self, host: str) -> HostFacts | None:
        """What a host can do, when it said so."""
        return self.snapshots.facts(host)

    def bars(self, project: str | None, host: str) -> bool:
        """Whether a project may not use a host."""
        return host in self._barred.get(str(project), ())

    def restricted(self, resources: Iterable[Resource]) -> tuple[str, ...]:
        """The projects of these that may not use every host."""
        return tuple(sorted({str(each.address.project) for each in resources} & self._barred.keys()))

    def complete(self, host: str) -> bool:
        """Whether all of it was seen."""
        return host in self.snapshots.complete

    def observed(self, resource: Resource) -> list[str]:
        """The hosts on which a resource is seen."""
        return sorted({each.key.host for each in self.snapshots.of(resource.origin)})

    def others_unseen(self, host: str) -> tuple[str, ...]:
        """The hosts beside one that were not completely seen."""
        return tuple(name for name in self.unseen if name != host) if self.unseen else ()

    @property
    def anywhere(self) -> bool:
        """Whether what was not found may stand elsewhere: some host was not seen, and it is not the only one."""
        return bool(self.unseen) and len({*self.states, *self.unseen}) > 1

    @property
    def only(self) -> str | None:
        """The one host that takes new things, when there is but one."""
        return self.active[0] if len(self.active) == 1 else None

    @property
    def choice(self) -> str:
        """What could be written."""
        return f"Active hosts: {', '.join(self.active)}." if self.active else "No host is Active."
