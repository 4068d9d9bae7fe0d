"""What stands once in a fleet: an instance, whose identity must not run twice, and a volume, which has one set of data.

Drivers check what stands on their own host. That nothing of the kind stands on another one, only a look at all can say.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence

from reconciler.observation import Snapshot
from reconciler.plan import Step
from reconciler.snapshots import Snapshots

ONCE = frozenset({"Instance", "Volume"})


def made_once(steps: Iterable[Step]) -> list[Step]:
    """The steps that make such a thing."""
    return [step for step in steps if step.verb == "create" and step.wanted and step.key.address.kind in ONCE]


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
