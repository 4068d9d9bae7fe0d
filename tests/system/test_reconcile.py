"""One round after another, from real repositories to the simulator."""

from __future__ import annotations

import hashlib
import threading
from pathlib import Path

import msgspec
import pytest

from reconciler.address import Address
from reconciler.diagnostic import DiagnosticError
from reconciler.driver import DriverError, ErrorClass
from reconciler.guard import parse_allow
from reconciler.listener import Silent
from reconciler.observation import Failed, Snapshot
from reconciler.plan import Plan, Step
from reconciler.planfile import dump
from reconciler.reconcile import (
    Options,
    StalePlan,
    apply_round,
    connect,
    load,
    observe,
    plan_round,
    saved_round,
)
from reconciler.source import SourceError
from tests.support.manifests import blob, manifest
from tests.support.repository import Repository

DISK = bytes(1 << 20)
IMAGE = {"source": "images/disk.raw", "sha256": hashlib.sha256(DISK).hexdigest(), "format": "raw"}
WEB = {"flavor": "small", "image": "tiny", "networks": {"lan": {}}, "keypairs": ["ops"]}


def files(*instances: str) -> dict[str, bytes]:
    """A fleet with these instances on one simulated host, and the image beside the manifests."""
    documents = [
        manifest("Fleet"), manifest("Host", "lab", {"driver": "simulator"}), manifest("Flavor"), manifest("Keypair"),
        manifest("Image", "tiny", IMAGE), manifest("Network", "lan", {"cidr": "10.10.0.0/24"}),
    ]  # fmt: skip
    found = {f"{number}.yaml": blob(document).data for number, document in enumerate(documents)}
    found |= {f"instances/{name}.yaml": blob(manifest("Instance", name, WEB)).data for name in instances}
    return found | {"images/disk.raw": DISK}


pytestmark = pytest.mark.usefixtures("homes")


@pytest.fixture
def options(repository: Repository) -> Options:
    return Options(repo=repository.path, rev="HEAD")


class CallLog(Silent):
    """The modifying calls of a run."""

    def __init__(self) -> None:
        self.calls: list[str] = []

    def called(self, step: Step, name: str, target: str) -> None:
        self.calls.append(f"{name} {target}")


def go(options: Options, log: CallLog | None = None) -> Plan:
    """Plan and apply; every step must succeed."""
    with plan_round(options) as round_:
        outcomes = apply_round(round_, round_.plan, log or CallLog(), threading.Event())
    assert [each for each in outcomes if each.status != "succeeded"] == []
    return round_.plan


def planned(options: Options) -> list[str]:
    with plan_round(options) as round_:
        return sorted(f"{change.action} {change.key.address}" for change in round_.plan.changes)


def standing(options: Options) -> list[str]:
    """The addresses of what stands."""
    snapshots = observe(load(options), options)
    return sorted(str(each.key.address) for snapshot in snapshots for each in snapshot.objects)


def test_a_commit_becomes_running_guests_and_the_next_plan_is_empty(repository: Repository, options: Options) -> None:
    commit = repository.commit(files("web-1", "web-2"))
    plan = go(options)
    assert (plan.source.commit, plan.source.work_tree) == (commit, False)
    assert standing(options) == [
        "Image/tiny", "Instance/default/web-1", "Instance/default/web-2", "Network/default/lan",
        "SecurityGroup/default/default",
    ]  # fmt: skip
    (snapshot,) = observe(load(options), options)
    assert {each.commit for each in snapshot.objects if each.key.address.kind == "Instance"} == {commit}
    assert planned(options) == []


def test_a_second_apply_makes_no_modifying_call(repository: Repository, options: Options) -> None:
    repository.commit(files("web-1"))
    first, second = CallLog(), CallLog()
    go(options, first)
    go(options, second)
    assert first.calls
    assert second.calls == []


def test_a_removed_manifest_removes_its_object_alone(repository: Repository, options: Options) -> None:
    repository.commit(files("web-1", "web-2"))
    go(options)
    (repository.path / "instances/web-2.yaml").unlink()
    repository.commit()
    assert "delete Instance/default/web-2" in planned(options)
    go(options)
    assert "Instance/default/web-2" not in standing(options)
    assert "Instance/default/web-1" in standing(options)


def test_the_work_tree_can_be_planned_before_it_is_committed(repository: Repository, options: Options) -> None:
    repository.commit(files("web-1"))
    go(options)
    repository.write(files("web-1", "web-2"))
    assert planned(options) == []
    assert "create Instance/default/web-2" in planned(msgspec.structs.replace(options, rev=None))


def test_destroy_wants_nothing(repository: Repository, options: Options) -> None:
    repository.commit(files("web-1"))
    go(options)
    allow = parse_allow(["delete=4"])
    go(msgspec.structs.replace(options, destroy=True, allow=allow))
    assert standing(options) == []


def test_a_broken_commit_is_never_planned(repository: Repository, options: Options) -> None:
    repository.commit(files("web-1"))
    go(options)
    repository.commit({"instances/web-1.yaml": "kind: Instance\nspec: [\n"})
    loaded = load(options)
    assert loaded.diagnostics
    with pytest.raises(DiagnosticError) as caught, plan_round(options):
        raise AssertionError("planned")
    assert caught.value.diagnostics == tuple(loaded.diagnostics)
    before = msgspec.structs.replace(options, rev=repository.git("rev-parse", "HEAD~1"))
    assert "Instance/default/web-1" in standing(before)


def test_a_link_in_place_of_a_manifest_stops_the_round(repository: Repository, options: Options) -> None:
    repository.commit(files("web-1"))
    go(options)
    (repository.path / "instances/web-1.yaml").unlink()
    (repository.path / "instances/web-1.yaml").symlink_to("../0.yaml")
    repository.commit()
    with pytest.raises(DiagnosticError) as caught, plan_round(options):
        raise AssertionError("planned")
    assert "symlink" in [each.code for each in caught.value.diagnostics]


def test_a_vanished_folder_stops_the_round(repository: Repository, options: Options) -> None:
    repository.commit({f"lab/{name}": content for name, content in files("web-1").items()})
    inside = msgspec.structs.replace(options, path="lab")
    go(inside)
    repository.git("mv", "lab", "elsewhere")
    repository.commit()
    with pytest.raises(SourceError), plan_round(inside):
        raise AssertionError("planned")


def test_a_host_without_an_entry_stops_the_round(repository: Repository, options: Options) -> None:
    repository.commit(files("web-1") | {"1.yaml": blob(manifest("Host", "lab", {})).data})
    with pytest.raises(DiagnosticError) as caught, connect(load(options), options):
        raise AssertionError("connected")
    assert [each.code for each in caught.value.diagnostics] == ["no-host-entry"]


def test_a_host_that_cannot_be_read_is_a_failed_snapshot_and_nothing_is_planned_there(
    repository: Repository, options: Options, tmp_path: Path
) -> None:
    repository.commit(files("web-1"))
    go(options)
    (state,) = (tmp_path / "state").rglob("lab.json")
    state.write_bytes(b"damaged")
    with plan_round(options) as round_:
        (snapshot,) = round_.snapshots
        assert isinstance(snapshot.status, Failed)
        assert (round_.plan.steps, round_.plan.partial) == ((), True)


def test_planning_writes_nothing_but_what_it_has_understood(
    repository: Repository, options: Options, tmp_path: Path
) -> None:
    repository.commit(files("web-1"))
    before = set(tmp_path.rglob("*"))
    planned(options)
    cache = tmp_path / "cache"
    made = {path for path in tmp_path.rglob("*") if path not in before}
    assert {path for path in made if path != cache and cache not in path.parents} == set()
    assert {path.parent for path in made if path.is_file()} == {cache / "reconciler" / "manifests"}


# Saved plans


@pytest.fixture
def saved(repository: Repository, options: Options) -> bytes:
    repository.commit(files("web-1"))
    with plan_round(options) as round_:
        return dump(round_.plan)


def apply_saved(options: Options, data: bytes) -> list[str]:
    with saved_round(options, data) as round_:
        return [each.status for each in apply_round(round_, round_.plan, Silent(), threading.Event())]


def test_a_saved_plan_applies_its_own_commit_and_not_a_later_one(
    repository: Repository, options: Options, saved: bytes
) -> None:
    repository.commit(files("web-1", "web-2"))
    assert set(apply_saved(options, saved)) == {"succeeded"}
    assert "Instance/default/web-1" in standing(options)
    assert "Instance/default/web-2" not in standing(options)


def test_a_saved_plan_is_stale_once_it_was_applied(options: Options, saved: bytes) -> None:
    apply_saved(options, saved)
    before = snapshot_of(options)
    with pytest.raises(StalePlan) as caught:
        apply_saved(options, saved)
    assert caught.value.moved
    assert snapshot_of(options) == before


def snapshot_of(options: Options) -> Snapshot:
    (snapshot,) = observe(load(options), options)
    return snapshot


def test_an_edited_plan_is_refused(options: Options, saved: bytes) -> None:
    with pytest.raises(DiagnosticError) as caught:
        apply_saved(options, saved.replace(b"web-1", b"web-9"))
    assert caught.value.diagnostics[0].code == "plan-file"
    assert standing(options) == []


def test_a_plan_of_another_fleet_is_refused(repository: Repository, options: Options, saved: bytes) -> None:
    spec = {"id": "00000000-6a0e-4f43-9d53-0c2f6f6f2a10"}
    repository.commit({"0.yaml": blob(manifest("Fleet", "other", spec)).data})
    with pytest.raises(DiagnosticError) as caught:
        apply_saved(options, saved)
    assert "is a plan for fleet" in caught.value.diagnostics[0].detail


def test_two_runs_do_not_write_to_one_host(options: Options, saved: bytes) -> None:
    with saved_round(options, saved) as round_:
        with round_.drivers["lab"].lock(), pytest.raises(DriverError) as caught:
            apply_saved(options, saved)
        assert caught.value.error_class is ErrorClass.HELD
        assert set(apply_saved(options, saved)) == {"succeeded"}


def test_the_guests_of_a_host_that_left_git_are_not_started_on_another(
    repository: Repository, options: Options, tmp_path: Path
) -> None:
    config = tmp_path / "config.yaml"
    fleet_id = manifest("Fleet")["spec"]["id"]
    config.write_text(f"fleets: {{{fleet_id}: {{hosts: {{old: {{driver: simulator}}}}}}}}\n")
    options = msgspec.structs.replace(options, config=config)
    old = {**files("web"), "1.yaml": blob(manifest("Host", "old", {"driver": "simulator"})).data}
    repository.commit(old)
    with plan_round(options) as round_:
        assert {each.status for each in apply_round(round_, round_.plan, Silent(), threading.Event())} == {"succeeded"}
        assert Address("Instance", "default", "web") in {step.key.address for step in round_.plan.steps}
    config.write_text(
        f"fleets: {{{fleet_id}: {{hosts: {{lab: {{driver: simulator}}, old: {{driver: simulator}}}}}}}}\n"
    )
    repository.commit(files("web"))
    with plan_round(options) as round_:
        assert [step for step in round_.plan.steps if step.key.address.kind in ("Instance", "Network")] == []
        assert {"undeclared-host", "maybe-elsewhere"} <= {each.code for each in round_.plan.diagnostics}
