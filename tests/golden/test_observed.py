"""What a check shows against a published observation, as documentation: each folder has what stands, and a commit."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import msgspec
import pytest

from reconciler.address import Address, ObjectKey
from reconciler.against import against
from reconciler.desired import load
from reconciler.installed import impacts
from reconciler.manifest import Blob
from reconciler.observation import Failed
from reconciler.plan import Look, Plan, Source
from reconciler.published.redaction import user_data
from reconciler.report.data import dump
from reconciler.report.findings import diagnostic_findings, plan_findings
from reconciler.report.github import github_log
from reconciler.report.gitlab import codequality_value, terraform_value
from reconciler.report.line import plain
from reconciler.report.markdown import failure_markdown, plan_markdown
from reconciler.report.plan_json import plan_value
from reconciler.report.plan_text import plan_lines
from reconciler.report.sarif import sarif_value
from tests.golden.test_checks import read
from tests.laws.strategies import everything_of
from tests.support.golden import Golden
from tests.support.publishing import COMMIT, TIME, published, travelled
from tests.support.world import World, facts_of

CASE = Path(__file__).parent / "observed" / "a-set-of-changes"
HOSTS = ("kvm-01", "kvm-02", "kvm-03")
SCHEMA = Path(__file__).parents[2] / "schemas" / "plan-v1.json"
DRIFTED = ObjectKey("kvm-01", Address("Instance", "shop", "drifted"))


def planned() -> Plan:
    """The commit, against a world in which something drifted and a host was not seen."""
    stands, head = read(CASE / "stands.yaml"), read(CASE / "head.yaml")
    facts = {host: msgspec.structs.replace(facts_of(host), driver="libvirt") for host in HOSTS}
    world = World(hosts=HOSTS, impacts=impacts("libvirt"), facts=facts)
    world = world.applied(world.plan(stands, allow=everything_of(stands)))
    seen = published(stands, drifted(world).snapshots({"kvm-03": Failed("no route to 192.0.2.7")}), "libvirt")
    look = Look(time=TIME, age=754, commit=COMMIT, signer="controller@example.org")
    return against(head, travelled(seen), user_data(stands), Source(commit="c0ffee", look=look))


def drifted(world: World) -> World:
    """The world after somebody gave a guest more memory by hand."""
    found = world.objects[DRIFTED]
    more = {"memory": 1 << 30}
    changed = msgspec.structs.replace(found, stored=found.stored | more, running=(found.running or {}) | more)
    return msgspec.structs.replace(world, objects={**world.objects, DRIFTED: changed})


@pytest.fixture(scope="module")
def plan() -> Plan:
    return planned()


def test_a_check_shows_what_was_read(plan: Plan, golden: Golden) -> None:
    findings = plan_findings(plan)
    golden.check(CASE / "plan.txt", plain(plan_lines(plan)))
    golden.check(CASE / "comment.md", plan_markdown(plan))
    golden.check(CASE / "github.txt", github_log(findings, plan_lines(plan)))
    golden.check(CASE / "sarif.json", dump(sarif_value(findings)))
    golden.check(CASE / "gitlab-terraform.json", dump(terraform_value(plan)))
    golden.check(CASE / "gitlab-codequality.json", dump(codequality_value(findings)))


def test_what_programs_get_is_as_its_schema_says(plan: Plan, golden: Golden) -> None:
    text = dump(plan_value(plan))
    jsonschema.validate(json.loads(text), json.loads(SCHEMA.read_bytes()))
    golden.check(CASE / "plan.json", text)


def test_the_set_has_every_impact_and_verdict_and_nothing_that_was_kept_back(plan: Plan) -> None:
    assert {str(field.impact) for each in plan.changes for field in each.fields} >= {
        *("none", "live", "restart", "rebuild", "replace", "refused")
    }
    assert {type(each.consent).__name__ for each in plan.changes} == {"Granted", "Waiting", "Refused"}
    assert {each.action for each in plan.changes} == {"create", "update", "replace", "delete"}
    assert "192.0.2.7" not in plain(plan_lines(plan))


def test_a_commit_with_mistakes_is_shown_the_same_against_an_observation(golden: Golden) -> None:
    text = (CASE / "head.yaml").read_text(encoding="utf-8")
    broken = text.replace("flavor: medium", "flavour: medium", 1).replace("10.21.0.0/24", "10.21.0.1/24")
    _, mistakes = load([Blob(path="head.yaml", data=broken.encode())], lambda file: None)
    golden.check(CASE / "mistakes.md", failure_markdown(mistakes))
    golden.check(CASE / "mistakes.codequality.json", dump(codequality_value(diagnostic_findings(mistakes))))
