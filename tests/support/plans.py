"""Plans as tests need them, made of a few words."""

from __future__ import annotations

from typing import Any

from reconciler.address import Address, ObjectKey
from reconciler.impact import Impact
from reconciler.plan import Change, FieldChange, Granted, Plan, Source, Step

WEB = Address("Instance", "shop", "web-1")
GROUP = Address("SecurityGroup", "shop", "ssh")
DATA = ObjectKey("kvm-01", Address("Volume", "shop", "data"))
FLEET_ID = "6ba7b810-9dad-41d1-80b4-00c04fd430c8"
COMMIT = "0123456789abcdef0123456789abcdef01234567"


def make_plan(*changes: Change, **more: Any) -> Plan:
    """A plan with these changes, and a step for each that is granted."""
    values: dict[str, Any] = {"fleet": "acme", "fleet_id": FLEET_ID, "source": Source(commit=COMMIT)}
    steps = tuple(
        Step(id=f"s{index}", key=change.key, verb="update")
        for index, change in enumerate(changes)
        if isinstance(change.consent, Granted)
    )
    return Plan(**(values | {"changes": changes, "steps": steps} | more))


def field(path: str, before: object, after: object, impact: Impact = Impact.LIVE, **more: Any) -> FieldChange:
    """A difference that a commit made."""
    values: dict[str, Any] = {"path": path, "before": before, "after": after, "impact": impact, "origin": "commit"}
    return FieldChange(**(values | more))
