from __future__ import annotations

from typing import Any

import pytest

from reconciler.impact import CONDITIONS, Impact, Row, Situation, evaluate
from reconciler.objects import Value

TABLE = (
    Row(kind="Instance", path="memory", impact=Impact.RESTART, when="running", reason="cold"),
    Row(kind="Instance", path="memory", impact=Impact.NONE),
    Row(kind="Instance", path="nics.*.address", impact=Impact.RESTART),
)


def situation(before: Value = 1, after: Value = 2, **more: Any) -> Situation:
    return Situation(before=before, after=after, **{"running": True, "attached": False, **more})


@pytest.mark.parametrize(
    ("kind", "path", "running", "impact", "reason"),
    [
        ("Instance", "memory", True, Impact.RESTART, "the first row whose condition holds decides"),
        ("Instance", "memory", False, Impact.NONE, "the next one where it does not"),
        ("Instance", "nics.lan.address", True, Impact.RESTART, "a pattern stands for every name"),
        ("Instance", "vcpus", True, Impact.REFUSED, "what no row declares cannot be changed"),
        ("Network", "memory", True, Impact.REFUSED, "a row counts for its kind alone"),
    ],
)
def test_the_first_row_that_fits_decides(kind: str, path: str, running: bool, impact: Impact, reason: str) -> None:
    assert evaluate(TABLE, kind, path, situation(running=running))[0] is impact, reason


@pytest.mark.parametrize(
    ("name", "given", "holds"),
    [
        ("grows", situation(1, 2), True),
        ("grows", situation(2, 1), False),
        ("grows", situation(None, 1), False),
        ("shrinks", situation(2, 1), True),
        ("shrinks", situation(1, 1), False),
        ("absent", situation(None, 1), False),
        ("absent", situation(None, 1, present=False), True),
        ("empty", situation(None, 1), True),
        ("empty", situation(None, 1, present=False), False),
        ("attached", situation(attached=True), True),
        ("stopped", situation(running=False), True),
        ("headroom", situation(1, 2, most=2), True),
        ("headroom", situation(1, 3, most=2), False),
        ("headroom", situation(2, 1, most=2), False),
        ("headroom", situation(1, 2), False),
        ("headroom", situation(1, 2, most=2, running=False), False),
    ],
)
def test_conditions_look_at_one_field_of_one_object(name: str, given: Situation, holds: bool) -> None:
    assert CONDITIONS[name](given) is holds


def test_only_what_a_user_would_notice_needs_consent() -> None:
    assert [impact for impact in Impact if not impact.needs_consent] == [Impact.NONE, Impact.LIVE]
