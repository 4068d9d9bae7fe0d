"""Why a resource is not as declared, or waits: one line each, for lists."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeVar

from reconciler.address import Address
from reconciler.plan import Change, Plan, Refused, Waiting
from reconciler.suggest import shortened

T = TypeVar("T")
_MOST = 100
_PLAIN = {"create": "not applied yet", "update": "not applied yet", "replace": "not applied yet", "delete": "goes"}


def reasons(plan: Plan) -> dict[Address, str]:
    """What holds a resource back first, then what is to happen to it, then that it is kept."""
    found: dict[Address, str] = {key.address: "kept with its data; declared by nobody" for key in plan.retained}
    for change in sorted(plan.changes, key=_weight):
        found[change.key.address] = _of_change(change)
    down = {Address.parse(address): why for address, why in plan.left_down.items()}
    held = {Address.parse(address): f"held: {why}" for address, why in plan.held.items()}
    return {address: shortened(why, _MOST) for address, why in (down | found | held).items()}


def _weight(change: Change) -> int:
    """What a person has to do something about counts last, so that it is what remains."""
    return isinstance(change.consent, Waiting) + 2 * isinstance(change.consent, Refused)


def _of_change(change: Change) -> str:
    held_back = [change.consent, *(field.consent for field in change.fields)]
    if refused := _first(held_back, Refused):
        return f"refused: {refused.why}"
    if waiting := _first(held_back, Waiting):
        return f"waits for consent: {waiting.words}"
    if change.action == "update" and change.fields and all(field.origin == "drift" for field in change.fields):
        return "changed outside of Git"
    return _PLAIN[change.action] + (f": {change.reason}" if change.reason else "")


def _first(consents: Iterable[object], kind: type[T]) -> T | None:
    return next((each for each in consents if isinstance(each, kind)), None)
