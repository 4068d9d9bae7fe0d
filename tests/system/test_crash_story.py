"""`kill -9` of `apply` in front of and behind every call of a whole story, and an error that hides each call's success.

The next run always ends where an undisturbed one ends: nothing twice, nothing left over, no needless restart, no
data lost (T01, T02, T05), and no guest lies open on the way (I12).
"""

from __future__ import annotations

import hashlib
import subprocess
import sys
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec
import pytest

from reconciler.apply import apply
from reconciler.guard import parse_allow
from reconciler.listener import Silent
from reconciler.performing import Retry
from reconciler.plan import Step
from reconciler.reconcile import Options, plan_round
from reconciler_simulator import admin
from reconciler_simulator.store import Store
from tests.support import crash
from tests.support.contract import FLEET_ID, KEY, manifest
from tests.support.effort import some
from tests.support.repository import Repository
from tests.support.simulator_bench import unfiltered
from tests.support.zygote import run as run_command

DISK = b"a disk that no guest boots from"
ROOT_1, ROOT_2 = (f"{FLEET_ID[:8]}.default.web-{number}.root" for number in (1, 2))
PHASES = ("create", "edit", "destroy")
STRIKES = [("before", "kill"), ("after-effect", "kill"), ("after-effect", "error")]

FIXED = (
    manifest("Fleet", "acme", id=FLEET_ID)
    + manifest("Host", "sim", driver="simulator")
    + manifest("Flavor", "small", vcpus=1, memory="128Mi", disk="1Gi")
    + manifest("Flavor", "large", vcpus=2, memory="256Mi", disk="2Gi")
    + manifest("Image", "tiny", source="disk.raw", sha256=hashlib.sha256(DISK).hexdigest(), format="raw")
    + manifest("Keypair", "admin", publicKey=KEY)
    + manifest("Network", "lan", cidr="10.77.0.0/24", dns={"domain": "shop.internal"})
)


def _instance(name: str, **changes: object) -> str:
    spec = {
        "flavor": "small",
        "image": "tiny",
        "keypairs": ["admin"],
        "securityGroups": ["ssh"],
        "networks": {"lan": {}},
    }
    return manifest("Instance", name, **{**spec, **changes})


def _ssh(port: int) -> str:
    return manifest("SecurityGroup", "ssh", ingress=[{"protocol": "tcp", "ports": port}])


CREATED = FIXED + _ssh(22) + _instance("web-1") + _instance("web-2")
EDITED = FIXED + _ssh(2222) + _instance("web-1", flavor="large") + _instance("web-2", userData="#cloud-config\n")
EDITS = ("restart=Instance/default/web-1", "rebuild=Instance/default/web-2")
DELETIONS = (
    "delete=Instance/default/web-1",
    "delete=Instance/default/web-2",
    "delete=Network/default/lan",
    "delete=SecurityGroup/default/ssh",
    "delete=Image/tiny",
)


class Phase(msgspec.Struct, frozen=True):
    """One command of the story, the state before and after it, and its calls."""

    command: str
    commit: str
    allow: tuple[str, ...]
    before: bytes | None = None
    after: Mapping[str, Any] = {}
    calls: tuple[tuple[str, str], ...] = ()

    @property
    def arguments(self) -> tuple[str, ...]:
        """The command line."""
        return (self.command, "--rev", self.commit, *(word for each in self.allow for word in ("--allow", each)))


class Story(Silent):
    """The repository, and the story as it goes when nothing happens."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.repository = Repository(folder / "repo")
        self._calls: list[tuple[str, str]] = []
        created = self.repository.commit({"fleet.yaml": CREATED, "disk.raw": DISK})
        edited = self.repository.commit({"fleet.yaml": EDITED})
        self.phases = {
            "create": Phase("apply", created, ()),
            "edit": Phase("apply", edited, EDITS),
            "destroy": Phase("destroy", edited, DELETIONS),
        }

    def home(self, name: str) -> tuple[dict[str, str], Store]:
        """The environment of one run, and the state that it works on."""
        return crash.home(self.folder / name), crash.host(self.folder / name, FLEET_ID, "sim")

    def tell(self, patch: pytest.MonkeyPatch) -> None:
        """Run it once undisturbed, in this process, and remember everything."""
        environment, store = self.home("reference")
        for name, value in environment.items():
            patch.setenv(name, value)
        for name, phase in self.phases.items():
            before = store.path.read_bytes() if store.path.exists() else None
            self._calls = []
            assert self.carry_out(phase) == []
            if name == "create":
                write_marks(store)
            after = crash.contents(store)
            self.phases[name] = msgspec.structs.replace(phase, before=before, after=after, calls=tuple(self._calls))

    def carry_out(self, phase: Phase) -> list[str]:
        """Plan and apply in this process; returns what failed."""
        allow = parse_allow(phase.allow)
        destroy = phase.command == "destroy"
        options = Options(repo=self.repository.path, rev=phase.commit, allow=allow, destroy=destroy)
        with plan_round(options) as round_:
            retry = Retry(first=0.0)
            outcomes = apply(round_.plan, round_.drivers, self, threading.Event(), retry=retry)
        return [outcome.error for outcome in outcomes if outcome.status != "succeeded"]

    def called(self, step: Step, name: str, target: str) -> None:
        """Keep the call log."""
        self._calls.append((name, target))


def write_marks(store: Store) -> None:
    """Let the guests write to their disks."""
    with store.changing() as state:
        for root in (ROOT_1, ROOT_2):
            admin.write(state, root, f"precious data of {root}")
        store.write(state)


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> Story:
    told = Story(tmp_path_factory.mktemp("story"))
    with pytest.MonkeyPatch.context() as patch:
        told.tell(patch)
    return told


def _set_out(phase: Phase, store: Store) -> None:
    store.path.parent.mkdir(parents=True, exist_ok=True)
    store.path.unlink(missing_ok=True)
    if phase.before is not None:
        store.path.write_bytes(phase.before)


def _differences(phase: Phase, store: Store) -> list[str]:
    """In what the state is not that of the undisturbed story."""
    if phase.command == "apply" and phase.before is None:
        write_marks(store)
    return crash.differences(crash.contents(store), phase.after)


def test_the_story_touches_all_kinds_of_objects_and_keeps_or_drops_data_as_it_should(story: Story) -> None:
    names = {name for phase in story.phases.values() for name, _ in phase.calls}
    assert names == {
        *("create_volume", "upload_volume", "rename_volume", "resize_volume", "delete_volume"),
        *("define_network", "start_network", "stop_network", "undefine_network", "add_dns_name", "delete_dns_name"),
        *("define_domain", "start_domain", "stop_domain", "undefine_domain", "set_link"),
        *("write_group", "delete_group", "write_nic", "delete_nic"),
    }
    edited = story.phases["edit"].after
    assert edited["volumes"][ROOT_1]["written"], "a restart keeps the data"
    assert "written" not in edited["volumes"][ROOT_2], "a rebuild does not, and was consented to"
    assert not any(story.phases["destroy"].after.get(things) for things in ("domains", "networks", "volumes"))


@pytest.mark.parametrize("name", PHASES)
@pytest.mark.parametrize(("point", "kind"), STRIKES)
def test_after_a_strike_at_any_call_the_next_run_ends_where_an_undisturbed_one_ends(
    story: Story, name: str, point: str, kind: str
) -> None:
    phase = story.phases[name]
    environment, store = story.home(f"{name}-{point}-{kind}")
    output = story.folder / f"{name}-{point}-{kind}.txt"

    def run(**more: str) -> int:
        return run_command(phase.arguments, story.repository.path, environment | more, output)

    assert len(phase.calls) == len(set(phase.calls)), "each call of the log is struck"
    for call, target in some(phase.calls, 2):
        _set_out(phase, store)
        struck = run(**crash.fault(f"{call} {target}", point, kind))
        assert struck == (-9 if kind == "kill" else 1), f"{call} {target}: {output.read_text()}"
        assert unfiltered(store.read()) == []
        assert run() == 0, f"after a {kind} {point} {call} {target}: {output.read_text()}"
        assert _differences(phase, store) == [], f"after a {kind} {point} {call} {target}"


@pytest.mark.parametrize("name", PHASES)
def test_an_error_worth_trying_again_is_overcome_within_the_run(
    story: Story, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    phase = story.phases[name]
    environment, store = story.home(f"{name}-transient")
    for variable, value in environment.items():
        monkeypatch.setenv(variable, value)
    for number in range(1, len(phase.calls) + 1):
        _set_out(phase, store)
        for variable, value in crash.fault(number, "after-effect", "transient").items():
            monkeypatch.setenv(variable, value)
        assert story.carry_out(phase) == [], f"call {number}"
        assert _differences(phase, store) == [], f"call {number}"


def test_a_command_of_a_process_of_its_own_is_killed_and_finished_alike(story: Story) -> None:
    """The same once more without the forking process, as a user's shell would do it."""
    phase = story.phases["create"]
    environment, store = story.home("process")
    _set_out(phase, store)

    def run(more: dict[str, str]) -> int:
        command = [sys.executable, "-m", "reconciler", *phase.arguments]
        ran = subprocess.run(
            command, cwd=story.repository.path, env=environment | more, capture_output=True, check=False, timeout=60
        )
        return ran.returncode

    assert run(crash.fault(f"start_domain {ROOT_1.removesuffix('.root')}", "after-effect", "kill")) == -9
    assert store.read().domains, "the kill came in the middle"
    assert run({}) == 0
    assert _differences(phase, store) == []


def test_killed_at_one_call_after_the_other_it_still_gets_there(story: Story) -> None:
    """Each run is killed in front of its sixth call; an upload that begins anew takes four."""
    phase = story.phases["create"]
    environment, store = story.home("again")
    _set_out(phase, store)
    fault = crash.fault(6, "before", "kill")
    output = story.folder / "again.txt"
    for _ in range(2 * len(phase.calls)):
        if run_command(phase.arguments, story.repository.path, environment | fault, output) == 0:
            break
    assert _differences(phase, store) == [], output.read_text()
