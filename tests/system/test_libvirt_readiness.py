"""Readiness on a real libvirtd with a real guest: what is missing is said in words, and nothing is touched."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from reconciler.address import Address
from reconciler.driver import DriverError
from tests.support.contract import WEB
from tests.support.guests import BOOT_SECONDS
from tests.support.hosts import until
from tests.support.libvirt_bench import LibvirtBench
from tests.support.rig import Rig

pytestmark = pytest.mark.libvirtd
GUEST = Address.parse(WEB)
IP = "10.77.0.10"


def test_a_guest_that_is_paused_or_boots_nothing_has_no_address(rig: Rig, clean: LibvirtBench) -> None:
    rig.make(rig.scene(image="other").values())
    assert rig.driver.ready(GUEST, "address") == f"nobody answers for its address {IP} yet"
    domain = clean.connection.lookupByName(rig.name(WEB))
    domain.suspend()
    assert rig.driver.ready(GUEST, "address") == "it is paused"


def test_a_guest_that_was_switched_off_is_not_waited_for(rig: Rig) -> None:
    rig.make(rig.scene().values())
    rig.bench.stop_guest(rig.name(WEB))
    with pytest.raises(DriverError, match="does not run any more"):
        rig.driver.ready(GUEST, "running")
    with pytest.raises(DriverError, match="is not on host"):
        rig.driver.ready(Address.parse("Instance/default/nobody"), "running")


# One guest for all that follows


@pytest.fixture(scope="module")
def booted(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    """A guest that has started; SSH and HTTP may come in, though nobody answers at 8081."""
    host, image = request.getfixturevalue("libvirt_host"), request.getfixturevalue("tiny_image")
    clean = LibvirtBench(host, image, tmp_path_factory.mktemp("bench"))
    rig = Rig(clean)
    try:
        rig.make(rig.scene(ports="22-8079").values())
        until(lambda: not rig.driver.ready(GUEST, "tcp:22"), BOOT_SECONDS, "the guest to answer")
        yield rig
    finally:
        rig.driver.close()
        clean.clean()


@pytest.mark.parametrize("check", ["running", "address", "tcp:22"])
def test_a_guest_that_has_started_is_ready(booted: Rig, check: str) -> None:
    until(lambda: not booted.driver.ready(GUEST, check), BOOT_SECONDS, check)


def test_asking_leaves_everything_as_it_is(booted: Rig) -> None:
    before = booted.bench.everything()
    for check in ("running", "address", "tcp:22", "tcp:8080", "agent", "cloud-init"):
        booted.driver.ready(GUEST, check)
    assert booted.bench.everything() == before


@pytest.mark.parametrize(
    ("check", "reason"),
    [
        ("tcp:8079", f"TCP port 8079 of {IP} cannot be connected to (Connection refused)"),
        (
            "tcp:8080",
            f"TCP port 8080 of {IP} does not answer, and no rule of its security groups lets its host (10.77.0.1)",
        ),
        ("agent", "its guest agent has not started"),
        ("cloud-init", "its guest agent has not started (cloud-init is asked through it)"),
    ],
)
def test_what_is_missing_is_said(booted: Rig, check: str, reason: str) -> None:
    assert booted.driver.ready(GUEST, check).startswith(reason)
