"""What stands once in a fleet: an instance, whose identity must not run twice, a volume, which has one set of data, and
an address in a network.

Drivers check what stands on their own host. That nothing of the kind stands on another one, only a look at all can say.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence

from reconciler.address import Address
from reconciler.objects import Fields
from reconciler.observation import Snapshot
from reconciler.plan import Step
from reconciler.snapshots import Snapshots

ONCE = frozenset({"Instance", "Volume"})


def made_once(steps: Iterable[Step]) -> list[Step]:
    """The steps that make such a thing."""
    return [step for step in steps if step.verb == "create" and step.wanted and step.key.address.kind in ONCE]


def relying(steps: Iterable[Step]) -> bool:
    """Whether some step is right only as long as nobody else has made the same, or taken the same address."""
    return any(made_once([step]) or any(_given(step)) for step in steps)


def _given(step: Step) -> Iterator[tuple[str, str]]:
    """The addresses that a step gives to an instance, each with its network."""
    if step.wanted is None or step.key.address.kind != "Instance":
        return
    for network, path, address in _addresses(step.wanted.fields):
        if step.verb == "create" or path in step.paths:
            yield network, address


def _addresses(fields: Fields) -> Iterator[tuple[str, str, str]]:
    for path, address in fields.items():
        if path.startswith("nics.") and path.endswith((".address", ".address6")) and isinstance(address, str):
            yield str(fields.get(f"{path.rpartition('.')[0]}.network")), path, address


def taken(steps: Iterable[Step], snapshots: Sequence[Snapshot]) -> dict[str, str]:
    """By the id of each step that would give an address which somebody else has by now: whose it is."""
    holders: dict[tuple[str, str], set[Address]] = {}
    for each in Snapshots(snapshots).objects.values():
        for form in (each.stored, each.running or {}) if each.key.address.kind == "Instance" else ():
            for network, _, address in _addresses(form):
                holders.setdefault((network, address), set()).add(each.origin)
    found: dict[str, str] = {}
    for step in steps:
        for network, address in _given(step):
            assert step.wanted is not None
            for other in sorted(holders.get((network, address), set()) - {step.wanted.origin}):
                found[step.id] = f"{address} of {network} is {other}'s by now; plan again"
    return found


def elsewhere(steps: Iterable[Step], snapshots: Sequence[Snapshot], sure: Collection[str]) -> dict[str, str]:
    """By the id of each step that would make a second one: why it must not. `sure` are the hosts that were completely
    seen when the plan was made; one that no longer is may have got anything meanwhile.
    """
    seen = Snapshots(snapshots)
    lost = sorted(set(sure) - seen.complete)
    found: dict[str, str] = {}
    for step in made_once(steps):
        assert step.wanted is not None
        others = sorted({each.key.host for each in seen.of(step.wanted.origin)} - {step.key.host})
        unsure = [host for host in lost if host != step.key.host]
        if others:
            found[step.id] = f"{step.key.address} stands on {' and '.join(others)} by now; plan again"
        elif unsure:
            found[step.id] = (
                f"whether {step.key.address} stands on {' or '.join(unsure)} by now could not be seen; plan again"
            )
    return found
