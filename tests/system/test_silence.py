"""Daemons that hang, end and come back: on a real libvirtd, stopped and killed by signals."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import libvirt
import pytest
from msgspec.structs import replace

from reconciler.apply import apply
from reconciler.driver import HostConfig
from reconciler.hosts import reach
from reconciler.installed import driver_type
from reconciler.listener import Silent
from reconciler.observation import Complete, Failed
from reconciler.plan import Plan, Source, Step
from tests.support import hosts
from tests.support.contract import LAN, WEB
from tests.support.guests import BOOT_SECONDS
from tests.support.hosts import Host, until
from tests.support.libvirt_bench import LibvirtBench, bench
from tests.support.rig import Rig

pytestmark = pytest.mark.libvirtd
LONG = 120.0
"""Seconds that a run gives its hosts here: what is given up sooner was given up by the driver."""


@pytest.fixture
def rig(request: pytest.FixtureRequest) -> Iterator[Rig]:
    with bench(request) as clean:
        opened = Rig(clean)
        yield opened
        opened.driver.close()
        clean.connection = libvirt.open(clean.host.uri)  # whether the former is alive shows only at its use


@pytest.fixture
def hung(libvirt_host: Host) -> Iterator[None]:
    """The host's daemon accepts connections, and does nothing more."""
    pid = libvirt_host.run("cat", "/run/libvirtd.pid").stdout.strip()
    libvirt_host.run("kill", "-STOP", pid)
    yield
    libvirt_host.run("kill", "-CONT", pid)


def config(rig: Rig, name: str, host: Host) -> HostConfig:
    assert isinstance(rig.bench, LibvirtBench)
    return replace(rig.bench.config, name=name, connection=host.connection)


def creation(rig: Rig, address: str) -> Step:
    wanted = rig.scene()[address]
    return Step(id=f"create {address}", key=wanted.key, verb="create", wanted=wanted)


def test_a_daemon_that_hangs_fails_its_host_and_delays_no_other(
    rig: Rig, libvirt_host: Host, request: pytest.FixtureRequest
) -> None:
    with hosts.running("other") as other:
        request.getfixturevalue("hung")
        wanted = [config(rig, "hung", libvirt_host), config(rig, "other", other)]
        reached = reach(wanted, rig.bench.files, LONG, driver_type)
        hung, well = reached.snapshots
        assert isinstance(hung.status, Failed)
        assert "accepts connections and does not answer" in hung.status.error
        assert well.status == Complete()
        assert list(reached.drivers) == ["other"]
        reached.close()


def test_a_daemon_that_falls_silent_under_an_apply_fails_its_steps_once_and_is_taken_up_again(
    rig: Rig, libvirt_host: Host
) -> None:
    pid = libvirt_host.run("cat", "/run/libvirtd.pid").stdout.strip()
    libvirt_host.run("kill", "-STOP", pid)
    steps = (creation(rig, LAN), creation(rig, "SecurityGroup/default/ssh"))
    plan = Plan(fleet="test", fleet_id=rig.bench.config.fleet_id, source=Source(), steps=steps)
    notes: list[str] = []

    class Told(Silent):
        def noted(self, step: Step, text: str) -> None:
            notes.append(text)

    network, _ = apply(plan, {steps[0].key.host: rig.driver}, Told(), threading.Event())
    assert network.status == "failed"
    assert "does not answer" in network.error
    assert len(notes) <= len(steps), "a silent daemon is not asked again and again"
    libvirt_host.run("kill", "-CONT", pid)
    until(lambda: rig.driver.observe().complete, 30, "the host to be taken up again")


def test_after_a_restart_of_the_daemon_everything_is_read_anew(rig: Rig, libvirt_host: Host) -> None:
    wanted = rig.scene()
    rig.make([wanted[LAN]])
    before = rig.driver.observe()
    libvirt_host.restart_libvirtd()
    libvirt_host.virsh("net-destroy", rig.name(LAN))
    libvirt_host.virsh("net-undefine", rig.name(LAN))
    after = rig.driver.observe()
    assert after.status == Complete()
    assert {each.key for each in before.objects} - {each.key for each in after.objects} == {wanted[LAN].key}


class Killing(Silent):
    """The daemon dies right before a modifying call, the first of that name, and is started anew a little later."""

    def __init__(self, host: Host, name: str) -> None:
        self._host, self._name = host, name
        self._starting: threading.Thread | None = None

    def called(self, step: Step, name: str, target: str) -> None:
        if name == self._name and self._starting is None:
            self._host.run("kill", "-KILL", self._host.run("cat", "/run/libvirtd.pid").stdout.strip())
            self._starting = threading.Thread(target=self._host.run, args=("libvirtd", "-d"))
            self._starting.start()

    def over(self) -> None:
        assert self._starting is not None
        self._starting.join(BOOT_SECONDS)


def test_a_daemon_that_is_killed_under_an_apply_and_comes_back_costs_nothing_but_time(
    rig: Rig, libvirt_host: Host
) -> None:
    wanted = rig.scene()
    names = list(wanted)
    steps = tuple(
        replace(creation(rig, name), after=tuple(f"create {each}" for each in names[:number]))
        for number, name in enumerate(names)
    )
    _carried_out(rig, Killing(libvirt_host, "domain.define"), *steps)
    assert {str(each.key.address) for each in rig.driver.observe().objects} == set(names)
    deletion = Step(id="delete", key=wanted[WEB].key, verb="delete", expect=rig.seen(wanted[WEB]).digest())
    _carried_out(rig, Killing(libvirt_host, "domain.destroy"), deletion)
    assert rig.look(wanted[WEB]) is None


def _carried_out(rig: Rig, killing: Killing, *steps: Step) -> None:
    plan = Plan(fleet="test", fleet_id=rig.bench.config.fleet_id, source=Source(), steps=steps)
    outcomes = apply(plan, {steps[0].key.host: rig.driver}, killing, threading.Event())
    killing.over()
    assert {outcome.status for outcome in outcomes} == {"succeeded"}, outcomes
