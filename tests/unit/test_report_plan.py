"""Plans as people and programs read them."""

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
from reconciler.plan import Change, Consent, FieldChange, Granted, Plan, Refused, Source, Step, Waiting
from reconciler.report.data import dump
from reconciler.report.line import plain
from reconciler.report.plan_json import plan_value
from reconciler.report.plan_text import plan_lines

ROOT = Path(__file__).parents[2]
SCHEMA = json.loads((ROOT / "schemas" / "plan-v1.json").read_text(encoding="utf-8"))
WEB = Address("Instance", "shop", "web-1")
GROUP = Address("SecurityGroup", "shop", "ssh")
DATA = ObjectKey("kvm-01", Address("Volume", "shop", "data"))
FLEET_ID = "6ba7b810-9dad-41d1-80b4-00c04fd430c8"
COMMIT = "0123456789abcdef0123456789abcdef01234567"


def make_plan(*changes: Change, **more: object) -> Plan:
    values: dict[str, object] = {"fleet": "acme", "fleet_id": FLEET_ID, "source": Source(commit=COMMIT)}
    steps = tuple(
        Step(id=f"s{index}", key=change.key, verb="update")
        for index, change in enumerate(changes)
        if isinstance(change.consent, Granted)
    )
    return Plan(**(values | {"changes": changes, "steps": steps} | more))  # type: ignore[arg-type]


def field(path: str, before: object, after: object, impact: Impact = Impact.LIVE, **more: object) -> FieldChange:
    values: dict[str, object] = {"path": path, "before": before, "after": after, "impact": impact, "origin": "commit"}
    return FieldChange(**(values | more))  # type: ignore[arg-type]


def text(plan: Plan) -> str:
    return plain(plan_lines(plan))


def test_a_plan_without_changes_says_that_all_is_as_desired() -> None:
    assert text(make_plan(unchanged=7)) == (
        "Fleet acme, commit 0123456789ab\n\nNothing to do: 7 objects are as desired.\n"
    )


def test_what_is_made_shows_its_values_and_nothing_of_what_it_lacks() -> None:
    change = Change(
        key=ObjectKey("kvm-01", WEB),
        action="create",
        impact=Impact.NONE,
        place=Place("web.yaml", 3),
        fields=(
            field("memory", None, 536870912),
            field("boot.commandLine", None, None),
            field("seed.keys", None, ("SHA256:a", "SHA256:b")),
        ),
    )
    assert text(make_plan(change)) == (
        "Fleet acme, commit 0123456789ab\n"
        "\n"
        "  + Instance/shop/web-1 on kvm-01  (web.yaml:3)\n"
        "      memory: 512Mi\n"
        "      seed.keys:\n"
        "        + SHA256:a\n"
        "        + SHA256:b\n"
        "\n"
        "Plan: 1 to create; 0 unchanged.\n"
    )


def test_an_update_tells_impact_reason_drift_and_the_words_of_consent() -> None:
    change = Change(
        key=ObjectKey("kvm-01", WEB),
        action="update",
        impact=Impact.RESTART,
        consent=Waiting("--allow restart=Instance/shop/web-1"),
        disturbs=(WEB,),
        fields=(
            field("memory", 536870912, 1073741824, Impact.RESTART, reason="memory is fixed at start"),
            field("nics.lan.filter", "absent", "enforced", origin="drift", form="running"),
        ),
    )
    assert text(make_plan(change, unchanged=1)) == (
        "Fleet acme, commit 0123456789ab\n"
        "\n"
        "  ~ Instance/shop/web-1 on kvm-01, restart\n"
        "      memory: 512Mi → 1Gi  (restart: memory is fixed at start)\n"
        "      nics.lan.filter: absent → enforced  (drift: changed outside of Git; only in the running guest; live)\n"
        "      disturbs Instance/shop/web-1\n"
        "      waits for consent: --allow restart=Instance/shop/web-1\n"
        "\n"
        "Plan: 1 to update; 1 unchanged.\n"
        "Of these 1 waits for consent; apply would carry out 0 changes.\n"
    )


def test_a_field_that_waits_does_not_hold_up_the_others_and_the_plan_says_so() -> None:
    words = Waiting("--allow restart=Instance/shop/web-1")
    change = Change(
        key=ObjectKey("kvm-01", WEB),
        action="update",
        impact=Impact.RESTART,
        consent=words,
        fields=(
            field("memory", 1 << 30, 2 << 30, Impact.RESTART, consent=words),
            field("nics.lan.dnsName", "web", "web-1"),
        ),
    )
    plan = make_plan(change, steps=(Step(id="s1", key=change.key, verb="update", paths=("nics.lan.dnsName",)),))
    assert text(plan) == (
        "Fleet acme, commit 0123456789ab\n"
        "\n"
        "  ~ Instance/shop/web-1 on kvm-01, restart\n"
        "      memory: 1Gi → 2Gi  (waits)\n"
        "      nics.lan.dnsName: web → web-1  (live)\n"
        "      waits for consent: --allow restart=Instance/shop/web-1\n"
        "      the other fields are not held up\n"
        "\n"
        "Plan: 1 to update; 0 unchanged.\n"
        "Of these 1 waits for consent; apply would carry out 1 change.\n"
    )


def test_lists_show_what_is_added_and_removed_and_hosts_that_change_alike_are_one() -> None:
    changes = [
        Change(
            key=ObjectKey(host, GROUP),
            action="update",
            impact=Impact.LIVE,
            fields=(field("rules", ("a", "b", "c"), ("b", "c", "d")), field("members", (), ("10.0.0.2",))),
        )
        for host in ("kvm-02", "kvm-01")
    ]
    assert text(make_plan(*changes)) == (
        "Fleet acme, commit 0123456789ab\n"
        "\n"
        "  ~ SecurityGroup/shop/ssh on kvm-01, kvm-02, live\n"
        "      rules:\n"
        "        - a\n"
        "        + d\n"
        "        2 unchanged\n"
        "      members:\n"
        "        + 10.0.0.2\n"
        "\n"
        "Plan: 2 to update; 0 unchanged.\n"
    )


def test_a_replacement_a_deletion_and_a_refusal_are_told_apart() -> None:
    changes = [
        Change(
            key=ObjectKey("kvm-01", Address("Image", None, "debian"), "0123456789ab"),
            action="delete",
            impact=Impact.NONE,
            reason="nothing uses this content any more",
        ),
        Change(
            key=ObjectKey("kvm-01", Address("Network", "shop", "lan")),
            action="replace",
            impact=Impact.REPLACE,
            fields=(field("cidr", "10.0.0.0/24", "10.1.0.0/24", Impact.REPLACE),),
        ),
        Change(
            key=ObjectKey("kvm-01", WEB),
            action="update",
            impact=Impact.REFUSED,
            consent=Refused("a disk cannot shrink; declare a new instance"),
            fields=(field("disk.size", 2 << 30, 1 << 30, Impact.REFUSED),),
        ),
    ]
    assert text(
        make_plan(*changes, partial=True, diagnostics=(error("clash", "a foreign network is in the way"),))
    ) == (
        "Fleet acme, commit 0123456789ab\n"
        "\n"
        "  - Image/debian#0123456789ab on kvm-01: nothing uses this content any more\n"
        "\n"
        "-/+ Network/shop/lan on kvm-01, replace\n"
        "      cidr: 10.0.0.0/24 → 10.1.0.0/24\n"
        "\n"
        "  ~ Instance/shop/web-1 on kvm-01, refused\n"
        "      disk.size: 2Gi → 1Gi\n"
        "      refused: a disk cannot shrink; declare a new instance\n"
        "\n"
        "error: a foreign network is in the way [clash]\n"
        "\n"
        "1 error.\n"
        "\n"
        "A host was not completely seen: nothing is planned there.\n"
        "Plan: 1 to update, 1 to replace, 1 to delete; 0 unchanged.\n"
        "Of these 1 is refused; apply would carry out 2 changes.\n"
    )


def test_a_value_from_outside_cannot_act_on_the_terminal() -> None:
    evil = "\x1b]52;c;AAAA\x07\nPlan: 0 to create"
    change = Change(
        key=ObjectKey("kvm-01", WEB),
        action="update",
        impact=Impact.LIVE,
        reason=evil,
        fields=(field("image", evil, "debian"), field("rules", (evil,), ())),
        consent=Refused(evil),
        place=Place(evil, 1),
    )
    shown = text(make_plan(change, diagnostics=(error("x", evil, evil, Place(evil, 1, 1), excerpt=evil),)))
    assert "\x1b" not in shown
    assert "\x07" not in shown
    assert sum(row.startswith("Plan:") for row in shown.splitlines()) == 1, "data cannot forge the summary"


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
    assert json.loads(dumped) == {
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


def test_what_is_kept_is_told_once_and_is_no_change() -> None:
    assert text(make_plan(unchanged=7, retained=(DATA,))) == (
        "Fleet acme, commit 0123456789ab\n"
        "\n"
        "Kept with its data, although nobody declares it:\n"
        "  Volume/shop/data on kvm-01\n"
        "\n"
        "Nothing to do: 7 objects are as desired.\n"
    )


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
