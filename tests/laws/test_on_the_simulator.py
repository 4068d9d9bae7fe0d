"""The laws once more, on the simulator driver and through `apply`: the pure world must not be a kinder place."""

from __future__ import annotations

import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec
from hypothesis import given, settings

from reconciler import planning
from reconciler.apply import apply
from reconciler.desired import Desired
from reconciler.driver import Driver, HostConfig
from reconciler.guard import Allow
from reconciler.impact import Impact
from reconciler.listener import Silent
from reconciler.plan import Granted, Outcome, Plan, Source
from reconciler_simulator import DRIVER
from tests.laws.strategies import HOSTS, WIRE, everything, fleets, without_choices
from tests.support import fleet
from tests.support.fleet import Manifest

few = settings(max_examples=15)


class Content(msgspec.Struct, frozen=True):
    """Files of no interest: every digest has the same content."""

    file: Path

    def fetch(self, source: str, sha256: str) -> Path:
        return self.file

    def secret(self, name: str) -> str:
        raise AssertionError(name)


class Hosts(msgspec.Struct, frozen=True):
    """Simulated hosts, and a round on them."""

    drivers: dict[str, Driver]

    def plan(self, desired: Desired, allow: Allow = Allow()) -> Plan:
        snapshots = [driver.observe() for driver in self.drivers.values()]
        return planning.planned(
            desired, snapshots, dict.fromkeys(self.drivers, DRIVER.impacts), Source(commit="c0ffee"), allow
        ).plan

    def apply(self, planned: Plan) -> list[Outcome]:
        return apply(planned, self.drivers, Silent(), threading.Event())


@contextmanager
def simulated() -> Iterator[Hosts]:
    """Hosts with nothing on them, for one example."""
    with tempfile.TemporaryDirectory() as name:
        content = Content(Path(name) / "content")
        content.file.write_bytes(b"a disk")
        yield Hosts({host: _open(host, content) for host in HOSTS})


def _open(host: str, content: Content) -> Driver:
    state = str(content.file.with_name(f"{host}.json"))
    connection: dict[str, object] = {"state": state, "physical_networks": [WIRE]}
    config = HostConfig(name=host, driver="simulator", fleet="lab", fleet_id=fleet.FLEET_ID, connection=connection)
    return DRIVER.open(config, content)


def _errors(outcomes: list[Outcome]) -> list[str]:
    return [f"{each.step}: {each.error}" for each in outcomes if each.status == "failed"]


@few
@given(fleets(), fleets())
def test_one_run_with_consent_closes_every_difference(before: list[Manifest], after: list[Manifest]) -> None:
    with simulated() as hosts:
        for manifests in (before, after):
            desired = fleet.desired(*manifests)
            assert _errors(hosts.apply(hosts.plan(desired, everything(manifests)))) == []
            assert hosts.plan(desired).empty


@few
@given(fleets(), fleets())
def test_without_consent_nothing_beyond_live_happens_and_what_waits_makes_no_work(
    before: list[Manifest], after: list[Manifest]
) -> None:
    with simulated() as hosts:
        hosts.apply(hosts.plan(fleet.desired(*before)))
        desired = fleet.desired(*after)
        planned = hosts.plan(desired)
        assert all(step.impact.rank <= Impact.LIVE.rank for step in planned.steps)
        assert _errors(hosts.apply(planned)) == []
        again = hosts.plan(desired)
        assert again.steps == ()
        assert not any(isinstance(change.consent, Granted) for change in again.changes)


@few
@given(fleets(), fleets())
def test_the_way_to_a_state_does_not_matter(before: list[Manifest], after: list[Manifest]) -> None:
    assert _end([before, after]) == _end([after])


def _end(way: list[list[Manifest]]) -> object:
    """What stands after a run with consent for each of the manifests."""
    with simulated() as hosts:
        for manifests in way:
            hosts.apply(hosts.plan(fleet.desired(*manifests), everything(manifests)))
        standing = [each for driver in hosts.drivers.values() for each in driver.observe().objects]
        return without_choices(standing, hosts.plan(fleet.desired(*way[-1])).retained)
