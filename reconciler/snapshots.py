"""All snapshots of a round, indexed once: what else would be searched for again and again."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

from reconciler.address import Address, ObjectKey
from reconciler.kinds.instance import AFTER
from reconciler.objects import Observed, Wanted
from reconciler.observation import Foreign, HostFacts, Snapshot


def identity(each: Wanted | Observed) -> ObjectKey:
    """What pairs wanted with observed: the object's key under its origin, which a rename does not touch."""
    return ObjectKey(each.key.host, each.origin, each.key.part)


class Snapshots:
    """What the hosts show, by object, by origin and by use. The order of the snapshots makes no difference."""

    def __init__(self, snapshots: Sequence[Snapshot]) -> None:
        self.hosts: Mapping[str, Snapshot] = {each.host: each for each in sorted(snapshots, key=lambda s: s.host)}
        self.complete = frozenset(name for name, each in self.hosts.items() if each.complete)
        self.objects: dict[ObjectKey, Observed] = {}
        self._by_origin: dict[Address, list[Observed]] = defaultdict(list)
        self._users: dict[ObjectKey, list[Observed]] = defaultdict(list)
        self._followers: dict[str, list[Observed]] = defaultdict(list)
        for snapshot in self.hosts.values():
            self._add(snapshot.objects)
        self._foreign = {each.claims: each for host in self.hosts.values() for each in sorted_foreign(host.foreign)}

    def _add(self, objects: Iterable[Observed]) -> None:
        for each in sorted(objects, key=identity):
            self.objects[identity(each)] = each
            self._by_origin[each.origin].append(each)
            for need in sorted(set(each.needs)):
                self._users[need].append(each)
            for guard in each.guards:
                if guard.startswith(AFTER):
                    self._followers[guard.removeprefix(AFTER)].append(each)

    def of(self, origin: Address) -> Sequence[Observed]:
        """The objects that stand for an origin, over all hosts."""
        return self._by_origin.get(origin, ())

    def users(self, key: ObjectKey) -> Sequence[Observed]:
        """The objects that are seen to use another."""
        return self._users.get(key, ())

    def followers(self, origin: Address) -> Sequence[Observed]:
        """The instances that depend on another, by their marks: they go before it."""
        return self._followers.get(str(origin), ())

    def clash(self, key: ObjectKey) -> Foreign | None:
        """What is not ours and bears the name of that object."""
        return self._foreign.get(key)

    def assumed(self, host: str) -> bool:
        """Whether nobody looked at a host: what stands there is what a commit would have made."""
        return host in self.hosts and self.hosts[host].assumed

    def facts(self, host: str) -> HostFacts | None:
        """What a host can do, when it said so."""
        snapshot = self.hosts.get(host)
        return snapshot.facts if snapshot else None


def sorted_foreign(foreign: Iterable[Foreign]) -> list[Foreign]:
    """Foreign things in a stable order (a claim may be absent, so they do not sort by themselves)."""
    return sorted(foreign, key=lambda each: (each.what, each.name, each.reason, str(each.claims)))
