"""What a real libvirtd shows of disks on which somebody put a snapshot: nothing of what was written since gets lost."""

from __future__ import annotations

from typing import Any

import pytest

from reconciler.driver import DriverError
from reconciler.impact import Impact
from reconciler.objects import Wanted
from reconciler_libvirt.xml.disk import DATA as VOLUME
from reconciler_libvirt.xml.disk import ROOT
from reconciler_libvirt.xml.tree import attribute, device, parse
from tests.support.contract import WEB, manifest
from tests.support.hosts import Host
from tests.support.libvirt_bench import LibvirtBench
from tests.support.rig import Rig, shown

pytestmark = pytest.mark.libvirtd

DATA = manifest("Volume", "data", size="64Mi")
LARGER = manifest("Flavor", "larger", vcpus=2, memory="128Mi", disk="1Gi")
GROWN = manifest("Flavor", "grown", vcpus=1, memory="128Mi", disk="2Gi")


def _scene(rig: Rig, flavor: str = "small", **web: Any) -> dict[str, Wanted]:
    return rig.scene(DATA, LARGER, GROWN, flavor=flavor, volumes={"data": {}}, **web)


def _written_to(host: Host, domain: str) -> list[str | None]:
    """The files that the guest's root and data disks are written to, as they are stored and as they run."""
    trees = [parse(host.virsh("dumpxml", *form, domain)) for form in (("--inactive",), ())]
    disks = [device(tree, "disk", alias) for tree in trees for alias in (ROOT, f"{VOLUME}data")]
    return [None if disk is None else attribute(disk, "source", "file") for disk in disks]


def test_a_snapshot_on_a_guests_disks_is_left_on_them(rig: Rig, clean: LibvirtBench, libvirt_host: Host) -> None:
    wanted, domain = _scene(rig), rig.name(WEB)
    rig.make(wanted.values())
    libvirt_host.virsh("snapshot-create-as", domain, "monday", "--disk-only", "--no-metadata")
    files = _written_to(libvirt_host, domain)
    assert all(str(file).endswith(".monday") for file in files)
    observed = rig.look(wanted[WEB])
    assert observed
    assert shown(observed, wanted[WEB]) == wanted[WEB].fields
    larger = _scene(rig, "larger")[WEB]
    assert shown(rig.update(larger, Impact.RESTART), larger) == larger.fields
    assert _written_to(libvirt_host, domain) == files


def test_below_a_snapshot_no_volume_grows(rig: Rig, clean: LibvirtBench, libvirt_host: Host) -> None:
    rig.make(_scene(rig).values())
    libvirt_host.virsh("snapshot-create-as", rig.name(WEB), "monday", "--disk-only", "--no-metadata")
    grown = rig.scene(manifest("Volume", "data", size="96Mi"), volumes={"data": {}})["Volume/default/data"]
    with pytest.raises(DriverError, match="blockcommit") as refusal:
        rig.update(grown)
    libvirt_host.virsh(*str(refusal.value).split("`")[1].split()[1:], "--delete")
    assert shown(rig.update(grown), grown) == grown.fields


@pytest.mark.parametrize("change", [{"flavor": "grown"}, {"userData": "#cloud-config\n"}])
def test_below_a_snapshot_no_root_disk_is_changed(
    rig: Rig, clean: LibvirtBench, libvirt_host: Host, change: dict[str, str]
) -> None:
    wanted, domain = _scene(rig), rig.name(WEB)
    rig.make(wanted.values())
    libvirt_host.virsh("snapshot-create-as", domain, "monday", "--disk-only", "--no-metadata")
    before = clean.everything()
    changed = _scene(rig, **change)[WEB]
    with pytest.raises(DriverError, match="blockcommit") as refusal:
        rig.update(changed, Impact.REBUILD)
    assert clean.everything() == before
    command = str(refusal.value).split("`")[1].split()
    libvirt_host.virsh(*command[1:], "--delete")
    assert shown(rig.update(changed, Impact.REBUILD), changed) == changed.fields
