"""What a plan may be about: hosts that were completely seen, resources that are not held, and what was targeted."""

from __future__ import annotations

from reconciler.address import Address
from reconciler.desired import Desired
from reconciler.diff import Pair
from reconciler.realise import closure
from reconciler.snapshots import Snapshots


class Scope:
    """`hosts` are planned on; `unseen` would be, had they been seen. `declared` are the origins of all resources."""

    def __init__(
        self, desired: Desired, seen: Snapshots, held: frozenset[Address], targets: frozenset[Address]
    ) -> None:
        states = {
            address.name: resource.spec.state
            for address, resource in sorted(desired.resources.items())
            if address.kind == "Host"
        }
        working = [name for name, state in states.items() if state != "Maintenance"]
        self.hosts = frozenset(working) & seen.complete
        self.unseen = tuple(name for name in working if name not in seen.complete)
        self.held = held
        self.held_origins = frozenset(desired.resources[address].origin for address in held)
        self.declared = frozenset(resource.origin for resource in desired.resources.values())
        self.known = desired.resources.keys() | {each.key.address for each in seen.objects.values()}
        self.unknown_targets = tuple(sorted(targets - self.known))
        self._reached = closure(desired, targets) | targets if targets else None

    def includes(self, pair: Pair) -> bool:
        """Whether the plan is about that object."""
        return self._reached is None or any(side.key.address in self._reached for side in pair if side)
