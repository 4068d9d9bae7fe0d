"""The resident controller on a real libvirtd with a real guest: events are heard, and a daemon that ends is no end."""

from __future__ import annotations

import logging
import subprocess
from collections.abc import Iterator

import libvirt
import pytest

from tests.support.command import Desk
from tests.support.guests import GuestImage
from tests.support.hosts import Host, until
from tests.support.resident import STARTING, bare_start, first_fleet, healed, quiet, still
from tests.support.serving import Serving, condition, resource

pytestmark = pytest.mark.libvirtd

WEB = "Instance/default/web-1"
_LOG = logging.getLogger(__name__)


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory, libvirt_host: Host, tiny_image: GuestImage) -> Iterator[Desk]:
    """The first fleet, on a real host, not applied yet."""
    desk = Desk(tmp_path_factory.mktemp("desk"))
    first_fleet(desk, libvirt_host, tiny_image)
    yield desk
    number = desk.run("destroy", "--allow", "delete=0", "-o", "json").value["plan"]["summary"]["delete"]
    ran = desk.run("destroy", "--allow", f"delete={number}")
    assert ran.code == 0, ran.out + ran.err


@pytest.fixture(scope="module")
def serving(desk: Desk) -> Iterator[Serving]:
    with Serving(desk) as running:
        running.until_done(desk.git("rev-parse", "HEAD").strip())
        yield running


@pytest.fixture
def guest(libvirt_host: Host, serving: Serving) -> Iterator[libvirt.virDomain]:
    """The guest, seen over a connection of the administrator's."""
    connection = libvirt.open(libvirt_host.uri)
    (domain,) = connection.listAllDomains()
    until(domain.isActive, STARTING, "the guest to run")
    yield domain
    connection.close()


def test_a_guest_that_is_switched_off_runs_again_soon(guest: libvirt.virDomain, serving: Serving) -> None:
    floor = bare_start(guest, serving)
    took = healed(guest, serving)
    _LOG.info("running again after %.2f s; a bare start took %.2f s", took, floor)
    assert took < 20 * floor
    (step,) = [each for each in serving.told("StepSucceeded") if each.address == WEB][-1:]
    assert "updated" in step.message


def test_a_daemon_that_is_started_anew_is_connected_anew_and_all_is_looked_at(
    libvirt_host: Host, guest: libvirt.virDomain, serving: Serving
) -> None:
    until(lambda: still(serving), STARTING, "the controller to have nothing to do")
    libvirt_host.stop_libvirtd()
    serving.until(lambda now: condition(now, "HostsReady").status == "False")
    subprocess.run([*libvirt_host.prefix, "pkill", "-KILL", "qemu-system"], check=False)
    libvirt_host.start_libvirtd()
    serving.until(lambda now: condition(now, "HostsReady").status == "True")
    assert serving.told("HostLost")
    connection = libvirt.open(libvirt_host.uri)
    until(connection.lookupByUUIDString(guest.UUIDString()).isActive, STARTING, "the guest to run again")
    until(lambda: still(serving), STARTING, "the controller to have nothing to do")
    connection.lookupByUUIDString(guest.UUIDString()).destroy()
    until(connection.lookupByUUIDString(guest.UUIDString()).isActive, STARTING, "events to be heard as before")
    connection.close()


def test_while_another_guest_is_becoming_ready_one_that_is_switched_off_runs_again_as_soon(
    desk: Desk, guest: libvirt.virDomain, serving: Serving
) -> None:
    floor = bare_start(guest, serving)
    text = (desk.repo / "instances.yaml").read_text(encoding="utf-8").replace("web-1", "slow")
    says = "readiness: tcp:81\n  readinessDeadline: 5m"
    (desk.repo / "slow.yaml").write_text(text.replace("readiness: running", says), encoding="utf-8")
    commit = desk.commit("Add a guest that nobody reaches")
    serving.until(lambda now: now.in_force == commit and condition(now, "Ready").reason == "BecomingReady")
    took = healed(guest, serving, over=quiet)
    _LOG.info("running again after %.2f s; a bare start took %.2f s", took, floor)
    assert took < 20 * floor
    waiting = resource(serving.status(), "Instance/default/slow")
    assert waiting is not None
    assert waiting.state == "becoming-ready", "it is waited for all that time"
