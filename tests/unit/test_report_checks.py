from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from reconciler.address import Address, ObjectKey
from reconciler.diagnostic import Place, error
from reconciler.firewall.meaning import Turn, turns
from reconciler.impact import Impact
from reconciler.plan import Change, FieldChange, Plan, Refused, Source
from reconciler.report.findings import plan_findings
from reconciler.report.github import github_log
from reconciler.report.gitlab import codequality_value, terraform_value
from reconciler.report.markdown import MARK, MOST_CHARACTERS, failure_markdown, plan_markdown
from reconciler.report.sarif import sarif_value

GOLDEN = Path(__file__).parents[1] / "golden"
ANYONE = "ingress IPv4 tcp 443 from anyone"
SOME = "ingress IPv4 tcp 443 from 10.0.0.0/8"


def plan_of(*changes: Change, **more: Any) -> Plan:
    return Plan(fleet="lab", fleet_id="id", source=Source(commit="c0ffee"), changes=changes, **more)


def change(number: int = 1, **more: Any) -> Change:
    key = ObjectKey("kvm-01", Address("Instance", "shop", f"web-{number}"))
    usual: dict[str, Any] = {"key": key, "action": "create", "impact": Impact.NONE, "place": Place("web.yaml", number)}
    return Change(**(usual | more))


@pytest.mark.parametrize(
    ("before", "after", "told"),
    [
        ([], [ANYONE], [Turn(rule=ANYONE, opens=True)]),
        ([ANYONE], [], [Turn(rule=ANYONE, opens=False)]),
        ([ANYONE], [ANYONE, SOME], [Turn(rule=SOME, opens=True, covered=ANYONE)]),
        ([ANYONE, SOME], [ANYONE], [Turn(rule=SOME, opens=False, covered=ANYONE)]),
        ([ANYONE], [SOME], [Turn(rule=SOME, opens=True, covered=ANYONE), Turn(rule=ANYONE, opens=False)]),
        (["no rule"], [ANYONE], [Turn(rule=ANYONE, opens=True), Turn(rule="no rule", opens=False)]),
    ],
)
def test_a_rule_that_another_covers_opens_and_closes_nothing(
    before: list[str], after: list[str], told: list[Turn]
) -> None:
    assert turns(before, after) == told


@pytest.mark.parametrize(
    ("wide", "narrow", "covered"),
    [
        ("ingress IPv4 any from anyone", "ingress IPv4 tcp 22 from SecurityGroup/shop/web", True),
        ("ingress IPv4 tcp 20-30 from anyone", "ingress IPv4 tcp 22 from anyone", True),
        ("ingress IPv4 tcp 22 from anyone", "ingress IPv4 tcp from anyone", False),
        ("ingress IPv4 icmp type 8 from anyone", "ingress IPv4 icmp type 8 code 0 from anyone", True),
        ("ingress IPv4 icmp type 8 code 0 from anyone", "ingress IPv4 icmp type 8 from anyone", False),
        ("ingress IPv6 any from anyone", "ingress IPv4 tcp 22 from anyone", False),
        ("egress IPv4 any to anyone", "ingress IPv4 tcp 22 from anyone", False),
        ("ingress IPv4 tcp 22 from SecurityGroup/shop/web", "ingress IPv4 tcp 22 from 10.0.0.1/32", False),
        ("ingress IPv4 tcp 22 from 10.0.0.0/8", "ingress IPv4 tcp 22 from SecurityGroup/shop/web", False),
        ("ingress IPv6 tcp 22 from fd00::/8", "ingress IPv6 tcp 22 from fd00:1::/64", True),
    ],
)
def test_what_a_rule_covers(wide: str, narrow: str, covered: bool) -> None:
    assert turns([wide], [wide, narrow])[0].covered == (wide if covered else "")


def test_a_comment_of_a_great_plan_fits_and_counts_what_it_left_out() -> None:
    lists = tuple(f"SHA256:{number:060}" for number in range(50))
    fields = (FieldChange(path="seed.keys", before=(), after=lists, impact=Impact.NONE, origin="commit"),)
    text = plan_markdown(plan_of(*(change(number, fields=fields) for number in range(1, 1001))))
    assert len(text) <= MOST_CHARACTERS
    shown = text.count("<details>")
    assert 0 < shown < 1000
    assert f"*{1000 - shown} more changes left out here: there is no room.*" in text
    rows = text.count("\n| `+`")
    assert f"*{1000 - rows} more changes left out here" in text


def test_a_comment_of_many_mistakes_fits_and_counts_what_it_left_out() -> None:
    mistakes = [error("bad", "bad", "why " * 400, Place("a.yaml", number)) for number in range(1, 300)]
    text = failure_markdown(mistakes)
    assert text.startswith(MARK)
    assert len(text) <= MOST_CHARACTERS
    assert "more messages left out here" in text


def test_a_plan_with_nothing_to_do_is_one_line_and_a_mark() -> None:
    assert plan_markdown(plan_of(unchanged=7)) == (
        f"{MARK}\n### Nothing to do: 7 objects are as desired.\n\nFleet `lab`, commit `c0ffee`.\n"
    )


def test_a_message_ends_no_annotation_and_begins_no_other() -> None:
    refused = change(consent=Refused("100%\n::error::x"), place=Place("a,b:c.yaml", 3))
    log = github_log(plan_findings(plan_of(refused)), [])
    assert log.splitlines()[0] == (
        "::error file=a%2Cb%3Ac.yaml,line=3,title=create is refused [change-refused]"
        "::Instance/shop/web-1 on kvm-01: create, none. 100%25%0A::error::x"
    )


def test_a_replacement_counts_for_gitlab_as_a_deletion_and_a_creation() -> None:
    assert terraform_value(plan_of(change(action="replace"))) == {"create": 1, "update": 0, "delete": 1}


def test_a_finding_keeps_its_fingerprint_when_its_line_moves_and_has_one_of_its_own() -> None:
    refused = [change(1, consent=Refused("no"), place=Place("a.yaml", line)) for line in (1, 9)]
    other = change(2, consent=Refused("no"), place=Place("a.yaml", 1))
    prints = [codequality_value(plan_findings(plan_of(each)))[0]["fingerprint"] for each in (*refused, other)]
    assert prints[0] == prints[1] != prints[2]


def test_sarif_has_a_place_for_every_result_and_tells_the_others_as_notifications() -> None:
    gone = change(action="delete", place=None)
    run = sarif_value(plan_findings(plan_of(gone, change(2, consent=Refused("no")))))["runs"][0]
    assert [each["ruleId"] for each in run["results"]] == ["change-refused"]
    assert all(each["locations"] for each in run["results"])
    assert [each["descriptor"]["id"] for each in run["invocations"][0]["toolExecutionNotifications"]] == ["deletion"]
    assert json.dumps(run)


CODE_QUALITY = {
    "type": "object",
    "required": ["description", "check_name", "fingerprint", "severity", "location"],
    "properties": {
        "description": {"type": "string"},
        "check_name": {"type": "string"},
        "fingerprint": {"type": "string"},
        "severity": {"enum": ["info", "minor", "major", "critical", "blocker"]},
        "location": {
            "type": "object",
            "required": ["path", "lines"],
            "properties": {
                "path": {"type": "string", "minLength": 1},
                "lines": {"required": ["begin"], "properties": {"begin": {"type": "integer", "minimum": 1}}},
            },
        },
    },
}
"""What GitLab asks of a finding (its documentation of code quality; its parser asks for less)."""


def test_every_finding_has_what_gitlab_asks_for_and_a_fingerprint_of_its_own() -> None:
    files = [path for path in GOLDEN.rglob("*codequality.json") if path.read_text(encoding="utf-8") != "[]\n"]
    assert files
    for path in files:
        findings = json.loads(path.read_bytes())
        for each in findings:
            jsonschema.validate(each, CODE_QUALITY)
        assert len({each["fingerprint"] for each in findings}) == len(findings)


def test_every_result_of_sarif_has_a_rule_a_message_and_a_place_that_is_a_uri() -> None:
    files = list(GOLDEN.rglob("*sarif.json"))
    assert files
    for path in files:
        (run,) = json.loads(path.read_bytes())["runs"]
        rules = [rule["id"] for rule in run["tool"]["driver"]["rules"]]
        assert len(set(rules)) == len(rules)
        for each in run["results"]:
            assert rules[each["ruleIndex"]] == each["ruleId"]
            assert each["level"] in ("error", "warning", "note")
            place = each["locations"][0]["physicalLocation"]
            assert re.fullmatch(r"[A-Za-z0-9_.~/%-]+", place["artifactLocation"]["uri"])
            assert all(number >= 1 for number in place["region"].values())


def test_reports_have_no_more_findings_than_a_forge_takes_and_say_how_many_were_left_out() -> None:
    refused = plan_of(*(change(number, consent=Refused("no " * 5000)) for number in range(1, 6_001)))
    for entries in (
        sarif_value(plan_findings(refused))["runs"][0]["results"],
        codequality_value(plan_findings(refused)),
    ):
        assert 5_000 <= len(entries) <= 5_001
    assert "1000 more findings left out here" in json.dumps(sarif_value(plan_findings(refused)))
    last = codequality_value(plan_findings(refused))[-1]
    assert (last["severity"], last["location"]["path"]) == ("info", ".")
    assert len(codequality_value(plan_findings(refused))[0]["description"]) < 4_200
