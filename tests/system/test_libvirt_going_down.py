"""A host that is being shut down shuts its guests down as well: that is no wish of theirs, and none of the fleet's."""

from __future__ import annotations

import pytest

from reconciler.observation import Complete, Partial
from reconciler_libvirt.ending import NO_LOGIN
from tests.support.contract import WEB
from tests.support.libvirt_bench import LibvirtBench
from tests.support.rig import Rig

pytestmark = pytest.mark.libvirtd


def test_while_a_host_goes_down_nothing_is_said_of_its_guests(rig: Rig, clean: LibvirtBench) -> None:
    rig.make(rig.scene().values())
    clean.host.run("touch", NO_LOGIN)
    assert isinstance(rig.snapshot().status, Complete), "as long as nobody has ended, there is nothing to take wrongly"
    clean.stop_guest(rig.name(WEB))
    status = rig.snapshot().status
    assert isinstance(status, Partial)
    assert NO_LOGIN in status.gaps[0]
    clean.host.run("rm", NO_LOGIN)
    assert isinstance(rig.snapshot().status, Complete)
