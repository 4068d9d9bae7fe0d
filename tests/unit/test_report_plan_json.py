"""Plans as programs read them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from reconciler.address import Address, ObjectKey
from reconciler.diagnostic import Place, error
from reconciler.impact import Impact
from reconciler.objects import Await, Readiness
from reconciler.plan import Change, Consent, Granted, Refused, Source, Step, Waiting
from reconciler.report.data import dump
from reconciler.report.plan_json import plan_value
from tests.support.plans import COMMIT, DATA, FLEET_ID, WEB, field, make_plan

ROOT = Path(__file__).parents[2]
SCHEMA = json.loads((ROOT / "schemas" / "plan-v1.json").read_text(encoding="utf-8"))


def check(plan: object) -> None:
    """The published schema, with nothing in the plan that it does not know."""
    jsonschema.Draft202012Validator(_closed(SCHEMA)).validate(plan)


def _closed(schema: Any) -> Any:
    if isinstance(schema, list):
        return [_closed(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    closed = {key: _closed(value) for key, value in schema.items()}
    return closed | {"additionalProperties": False} if "properties" in schema and "required" in schema else closed


@pytest.mark.parametrize("consent", [Waiting("--allow x"), Refused("because"), Granted()])
def test_every_plan_is_as_its_schema_says(consent: Consent) -> None:
    values = [None, True, 5, "text", ("a", "b")]
    change = Change(
        key=ObjectKey("kvm-01", Address("Image", None, "debian"), "0123456789ab"),
        action="update",
        impact=Impact.LIVE,
        consent=consent,
        disturbs=(WEB,),
        fields=tuple(field(f"f{index}", value, None) for index, value in enumerate(values)),
    )
    nowhere, somewhere = error("a", "b"), error("a", "b", "c", Place("x", 1, 2))
    plan = make_plan(change, source=Source(work_tree=True), diagnostics=(nowhere, somewhere), partial=True)
    check(json.loads(dump(plan_value(plan))))


DOCUMENTED = {
    "formatVersion": 1,
    "fleet": "acme",
    "fleetId": FLEET_ID,
    "source": {"commit": COMMIT, "workTree": False},
    "summary": {
        "create": 0,
        "update": 1,
        "replace": 0,
        "delete": 0,
        "unchanged": 41,
        "waiting": 1,
        "refused": 0,
        "partial": False,
    },
    "changes": [
        {
            "address": "Instance/shop/web-1",
            "kind": "Instance",
            "project": "shop",
            "name": "web-1",
            "part": "",
            "hosts": ["kvm-01"],
            "action": "update",
            "impact": "restart",
            "consent": "waiting",
            "words": "--allow restart=Instance/shop/web-1",
            "reason": "größer \u202e\x7f",
            "disturbs": [],
            "source": {"path": "web.yaml", "line": 12},
            "fields": [
                {
                    "path": "memory",
                    "before": "512Mi",
                    "after": "1Gi",
                    "impact": "restart",
                    "certain": True,
                    "origin": "commit",
                    "form": "stored",
                    "reason": "",
                    "consent": "granted",
                }
            ],
        }
    ],
    "steps": [
        {
            "id": "s1",
            "verb": "update",
            "address": "Instance/shop/web-1",
            "part": "",
            "host": "kvm-01",
            "after": ["s0"],
            "ready": {"check": "tcp:443", "deadline": 60},
            "awaits": [
                {"address": "Instance/shop/db", "part": "", "host": "kvm-02", "check": "running", "deadline": 300}
            ],
        }
    ],
    "held": [{"address": "Instance/shop/web-9", "why": "no host has room"}],
    "retained": [{"address": "Volume/shop/data", "part": "", "host": "kvm-01"}],
    "diagnostics": [],
}
"""A plan that has every field that there is."""


def test_json_has_every_documented_field_and_only_printable_ascii() -> None:
    change = Change(
        key=ObjectKey("kvm-01", WEB),
        action="update",
        impact=Impact.RESTART,
        consent=Waiting("--allow restart=Instance/shop/web-1"),
        reason="größer \u202e\x7f",
        place=Place("web.yaml", 12),
        fields=(field("memory", 536870912, 1073741824, Impact.RESTART),),
    )
    other = Await(key=ObjectKey("kvm-02", Address("Instance", "shop", "db")), readiness=Readiness())
    ready = Readiness(check="tcp:443", deadline=60)
    step = Step(id="s1", key=change.key, verb="update", after=("s0",), ready=ready, awaits=(other,))
    plan = make_plan(
        change, steps=(step,), unchanged=41, held={"Instance/shop/web-9": "no host has room"}, retained=(DATA,)
    )
    dumped = dump(plan_value(plan))
    check(json.loads(dumped))
    assert dumped.replace("\n", "").isprintable()
    assert dumped.isascii()
    assert json.loads(dumped) == DOCUMENTED


def test_every_field_of_the_schema_is_documented() -> None:
    documented = (ROOT / "docs" / "plan-json.md").read_text(encoding="utf-8")
    names = {name for part in subschemas(SCHEMA) for name in part.get("properties", {})}
    assert len(names) > 40
    assert sorted(name for name in names if f"`{name}`" not in documented and f".{name}`" not in documented) == []


def subschemas(node: Any) -> Iterator[dict[str, Any]]:
    if isinstance(node, dict):
        yield node
    for inner in node.values() if isinstance(node, dict) else node if isinstance(node, list) else ():
        yield from subschemas(inner)
