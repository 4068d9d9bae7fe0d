"""Plans from what changed, by the command's own way: real repositories, simulated hosts, and a memory on the disk."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import msgspec
import pytest

from reconciler.diagnostic import Untrusted
from reconciler.guard import parse_allow
from reconciler.incremental import Look, look
from reconciler.listener import Silent
from reconciler.reconcile import Options, apply_round, plan_round, record_round
from tests.support.manifests import blob, manifest
from tests.support.repository import Repository
from tests.system.test_reconcile import DISK, IMAGE

HOMES = {"blog": "kvm-01", "shop": "kvm-02"}


def files(**more: bytes) -> dict[str, bytes]:
    """Two projects, each on a host of its own, with an instance whose user data stands in a file."""
    image = manifest("Image", "tiny", IMAGE)
    documents = {"fleet": manifest("Fleet"), "flavor": manifest("Flavor"), "image": image}
    for number, (project, host) in enumerate(HOMES.items()):
        documents[host] = manifest("Host", host, {"driver": "simulator"})
        network = {"cidr": f"10.{number}.0.0/24", "host": host}
        documents[f"{project}/lan"] = manifest("Network", "lan", network, project=project)
        documents[f"{project}/web"] = web(project)
    found = {f"{name}.yaml": blob(document).data for name, document in documents.items()}
    found |= {f"{project}/data": b"#!/bin/true\n" for project in HOMES}
    return found | {"images/disk.raw": DISK} | more


def web(project: str, **more: Any) -> dict[str, Any]:
    usual = {"flavor": "small", "image": "tiny", "networks": {"lan": {}}, "placement": {"host": HOMES[project]}}
    return manifest("Instance", "web", {**usual, "userDataFrom": {"file": "data"}, **more}, project=project)


pytestmark = pytest.mark.usefixtures("homes")


@pytest.fixture
def repository(repository: Repository) -> Repository:
    """A fleet that stands, and is remembered."""
    repository.commit(files())
    applied(options(repository))
    assert seen(repository).plan.empty
    return repository


def options(repository: Repository, **more: Any) -> Options:
    return Options(**{"repo": repository.path, "rev": "HEAD", **more})


def applied(options: Options) -> None:
    with plan_round(options) as round_:
        outcomes = apply_round(round_, round_.plan, Silent(), threading.Event())
        assert {each.status for each in outcomes} <= {"succeeded"}
        record_round(round_, round_.plan, outcomes, "me")


def seen(repository: Repository, **more: Any) -> Look:
    """The plan; it must be that of the whole."""
    found = look(options(repository, **more))
    with plan_round(options(repository, **more)) as round_:
        assert msgspec.json.encode(found.plan) == msgspec.json.encode(round_.plan)
    return found


def test_a_second_plan_goes_through_nothing_and_says_the_same(repository: Repository) -> None:
    found = seen(repository)
    assert (found.whole, found.plan.empty) == (False, True)
    assert found.plan.unchanged > 0


def test_an_edited_manifest_is_planned_alone(repository: Repository) -> None:
    repository.commit({"shop/web.yaml": blob(web("shop", powerState="Stopped")).data})
    found = seen(repository)
    assert not found.whole
    assert [str(each.key) for each in found.plan.changes] == ["Instance/shop/web@kvm-02"]
    applied(options(repository, allow=parse_allow(["restart=Instance/shop/web"])))
    assert not seen(repository).whole


def test_so_is_one_that_was_edited_in_the_work_tree(repository: Repository) -> None:
    assert seen(repository, rev=None).whole
    repository.write({"shop/web.yaml": blob(web("shop", powerState="Stopped")).data})
    found = seen(repository, rev=None)
    assert not found.whole
    assert [str(each.key) for each in found.plan.changes] == ["Instance/shop/web@kvm-02"]
    assert seen(repository).plan.empty


def test_what_a_file_that_manifests_name_says_counts(repository: Repository) -> None:
    repository.commit({"shop/data": b"#!/bin/false\n"})
    found = seen(repository)
    assert [str(each.key) for each in found.plan.changes] == ["Instance/shop/web@kvm-02"]
    repository.commit({"shop/data": b"#!/bin/true\n"})
    assert seen(repository).plan.empty


def test_what_moved_on_a_host_is_seen(repository: Repository, tmp_path: Path) -> None:
    repository.commit({"shop/web.yaml": blob(web("shop", powerState="Stopped")).data})
    applied(options(repository, allow=parse_allow(["restart=Instance/shop/web"])))
    repository.commit({"shop/web.yaml": blob(web("shop")).data})
    found = seen(repository)
    assert not found.whole
    assert [str(each.key) for each in found.plan.changes] == ["Instance/shop/web@kvm-02"]


def test_a_host_that_cannot_be_seen_is_told(repository: Repository, tmp_path: Path) -> None:
    (state,) = (tmp_path / "state").rglob("kvm-02.json")
    data = state.read_bytes()
    state.write_bytes(b"{}\n" + data)
    found = seen(repository)
    assert (found.whole, found.plan.partial) == (True, True)
    state.write_bytes(data)
    assert seen(repository).plan.empty


def test_the_trusted_configuration_is_asked_each_time(repository: Repository, tmp_path: Path) -> None:
    config = tmp_path / "config" / "reconciler" / "config.yaml"
    config.parent.mkdir(parents=True)
    fleet_id = seen(repository).plan.fleet_id
    config.write_text(f"fleets:\n  {fleet_id}:\n    hosts:\n      old:\n        driver: simulator\n")
    config.chmod(0o600)
    found = seen(repository)
    assert found.whole
    assert [each.code for each in found.plan.diagnostics] == ["undeclared-host"]
    config.write_text(
        f"fleets:\n  {fleet_id}:\n    hosts:\n      kvm-01: {{driver: simulator, pools: {{fast: 1Ti}}}}\n"
    )
    assert seen(repository).whole
    assert not seen(repository).whole
    config.unlink()
    assert seen(repository).whole


def test_a_memory_that_was_tampered_with_is_none(repository: Repository, tmp_path: Path) -> None:
    (memory,) = (tmp_path / "cache" / "reconciler" / "plans").iterdir()
    data = memory.read_bytes()
    memory.write_bytes(data.replace(b"shop", b"chop"))
    assert seen(repository).whole
    assert not seen(repository).whole


def test_whoever_asks_for_more_than_usual_gets_a_whole_plan(repository: Repository) -> None:
    assert seen(repository, allow=parse_allow(["delete=1"])).whole
    assert seen(repository, destroy=True).whole


def test_what_projects_may_use_is_not_overlooked(repository: Repository, tmp_path: Path) -> None:
    with plan_round(options(repository)) as round_:
        fleet_id = round_.plan.fleet_id
    config = tmp_path / "config" / "reconciler" / "config.yaml"
    config.parent.mkdir(parents=True)
    config.write_text(f"fleets:\n  {fleet_id}:\n    projects: {{blog: {{hosts: [kvm-01]}}}}\n")
    assert seen(repository).whole
    assert seen(repository).whole
    repository.commit({"blog/web.yaml": blob(web("blog", placement={"host": "kvm-02"})).data})
    with pytest.raises(Untrusted):
        look(options(repository))


def test_consent_that_commits_give_is_not_overlooked(repository: Repository) -> None:
    text = "Stop it\n\nReconciler-Allow: restart Instance/shop/web\n"
    repository.commit({"shop/web.yaml": blob(web("shop", powerState="Stopped")).data}, message=text)
    found = seen(repository)
    assert found.whole
    assert found.plan.steps


def test_a_quota_that_is_raised_and_used_at_once_is_refused_all_the_same(repository: Repository) -> None:
    one = {name: manifest("Project", name, {"quotas": {"instances": 1}}) for name in HOMES}
    repository.commit({f"{name}/project.yaml": blob(each).data for name, each in one.items()})
    applied(options(repository))
    assert seen(repository).plan.empty
    raised = blob(manifest("Project", "shop", {"quotas": {"instances": 2}})).data
    more = manifest("Instance", "more", {**web("shop")["spec"]}, project="shop")
    repository.commit({"shop/project.yaml": raised, "shop/more.yaml": blob(more).data})
    with pytest.raises(Untrusted, match="quota"):
        look(options(repository))
