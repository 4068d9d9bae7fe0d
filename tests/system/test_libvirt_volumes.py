"""What only a real libvirtd can show of volumes."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from reconciler.driver import DriverError, ErrorClass
from reconciler.impact import Impact
from reconciler.objects import Wanted
from reconciler_libvirt.driver import LibvirtDriver
from reconciler_libvirt.objects import image
from reconciler_libvirt.pool import described
from reconciler_libvirt.site import Task
from tests.support.contract import KEY, MIB, TINY, manifest
from tests.support.hosts import POOL, Host
from tests.support.libvirt_bench import NAMED_POOL, POOL_NAME, LibvirtBench
from tests.support.rig import Cut, Rig, Watch, shown, with_fields
from tests.support.scene import scene

pytestmark = pytest.mark.libvirtd

DATA = "Volume/default/data"


def _scene(rig: Rig, **volume: Any) -> dict[str, Wanted]:
    more = manifest("Keypair", "admin", publicKey=KEY) + manifest("Volume", "data", **{"size": "64Mi", **volume})
    return scene(rig.bench.config.name, rig.bench.manifests() + more)


def _files(host: Host, folder: str) -> list[str]:
    return sorted(host.run("ls", "-A", folder, check=False).stdout.split())


@pytest.mark.parametrize("file_format", ["qcow2", "raw"])
@pytest.mark.parametrize("pool", [None, NAMED_POOL])
def test_a_volume_is_made_grown_marked_and_deleted_without_a_trace(
    rig: Rig, clean: LibvirtBench, file_format: str, pool: str | None
) -> None:
    before = clean.everything()
    spec = {"format": file_format, **({"pool": pool} if pool else {})}
    data = _scene(rig, **spec)[DATA]
    created = rig.create(data)
    assert created.stored == data.fields
    assert created == rig.look(data)
    watch = Watch()
    rig.create(data, watch)
    assert watch.calls == []
    assert rig.seen(data).guards == ()
    marked = _scene(rig, **spec, size="96Mi", deletionPolicy="Delete", protected=True)[DATA]
    grown = rig.update(marked)
    assert (grown.stored["size"], grown.guards) == (96 * MIB, ("deletable", "protected"))
    with pytest.raises(DriverError, match="shrink"):
        rig.update(data, Impact.REBUILD)
    assert rig.update(with_fields(data, size=96 * MIB)).guards == ()
    rig.delete(data)
    assert clean.everything() == before


@pytest.mark.parametrize("pool", [None, NAMED_POOL])
def test_a_volume_whose_mark_somebody_removed_is_taken_back_as_its_message_says(
    rig: Rig, clean: LibvirtBench, libvirt_host: Host, pool: str | None
) -> None:
    data = _scene(rig, **({"pool": pool} if pool else {}))[DATA]
    created = rig.create(data)
    (mark,) = [file for file in _files(libvirt_host, f"{POOL}/{POOL_NAME}") if ".mark." in file]
    libvirt_host.virsh("vol-delete", mark, POOL_NAME)
    assert rig.look(data) is None
    (namesake,) = [foreign for foreign in rig.snapshot().foreign if foreign.what == "volume"]
    command = namesake.reason.split("`")[1].split()
    assert command[0] == "virsh"
    libvirt_host.virsh(*command[1:])
    assert rig.look(data) == created


def test_a_volume_with_an_images_content_stands_alone(rig: Rig, clean: LibvirtBench, libvirt_host: Host) -> None:
    wanted = _scene(rig, image="tiny", size="2Gi", pool=NAMED_POOL)
    rig.create(wanted[TINY])
    created = rig.create(wanted[DATA])
    assert created.stored == wanted[DATA].fields
    silent = _scene(rig, size="2Gi", protected=True)[DATA]
    assert rig.update(silent).stored == wanted[DATA].fields, "where it lies and what it started from is history"
    rig.delete(wanted[TINY])
    (file,) = _files(libvirt_host, f"{POOL}/{NAMED_POOL}")
    told = libvirt_host.run("qemu-img", "info", f"{POOL}/{NAMED_POOL}/{file}").stdout
    assert "backing" not in told
    content = libvirt_host.run("qemu-img", "compare", f"{POOL}/{NAMED_POOL}/{file}", str(clean.image.path("disk")))
    assert "identical" in content.stdout


def test_a_volume_is_never_whole_before_all_of_it_is_there(rig: Rig) -> None:
    wanted = _scene(rig, image="tiny", size="2Gi", deletionPolicy="Delete")
    rig.create(wanted[TINY])
    count = Watch()
    rig.create(wanted[DATA], count)
    rig.delete(wanted[DATA])
    for call in range(1, len(count.calls) + 1):
        with pytest.raises(Cut):
            rig.create(wanted[DATA], Watch(cut=call))
        left = rig.look(wanted[DATA])
        assert left is None or left.incomplete, count.calls[call - 1]
        created = rig.create(wanted[DATA])
        assert created.stored == wanted[DATA].fields
        assert created.guards == ("deletable",)
        rig.delete(wanted[DATA])


def test_a_lost_volume_is_not_made_anew_without_consent(rig: Rig, libvirt_host: Host) -> None:
    data = _scene(rig)[DATA]
    rig.create(data)
    libvirt_host.run("rm", f"{POOL}/{POOL_NAME}/{rig.name(DATA, 'data.qcow2')}")
    observed = rig.look(data)
    assert observed is not None
    assert (observed.incomplete, observed.stored.get("size")) == (False, None)
    with pytest.raises(DriverError, match="is gone from the pool"):
        rig.update(data)
    assert shown(rig.update(data, Impact.REBUILD), data) == data.fields


@pytest.mark.parametrize("pool", [None, NAMED_POOL])
def test_what_bears_a_volumes_name_and_no_mark_is_reported_and_left_alone(
    rig: Rig, clean: LibvirtBench, libvirt_host: Host, pool: str | None
) -> None:
    wanted = _scene(rig, **({"pool": pool} if pool else {}))
    rig.create(wanted[TINY])
    libvirt_host.virsh("vol-create-as", pool or POOL_NAME, rig.name(DATA, "data.qcow2"), "1M")
    before = clean.everything()
    (foreign,) = rig.snapshot().foreign
    assert (foreign.what, foreign.claims) == ("volume", wanted[DATA].key)
    with pytest.raises(DriverError) as refusal:
        rig.create(wanted[DATA])
    assert refusal.value.error_class is ErrorClass.EXISTS
    assert clean.everything() == before


def test_a_pool_that_cannot_be_seen_hides_no_volume(rig: Rig, clean: LibvirtBench, libvirt_host: Host) -> None:
    data = _scene(rig, pool=NAMED_POOL)[DATA]
    rig.create(data)
    libvirt_host.virsh("pool-destroy", NAMED_POOL)
    snapshot = rig.snapshot()
    assert not snapshot.complete
    assert NAMED_POOL in str(snapshot.status)
    clean.add_pool()
    assert shown(rig.look(data), data) == data.fields


def test_a_pool_that_nobody_trusts_is_refused(rig: Rig) -> None:
    with pytest.raises(DriverError, match="list it under `pools`"):
        rig.create(_scene(rig, pool="other")[DATA])
    assert rig.snapshot().objects == ()


def test_what_a_guest_writes_on_a_raw_volume_changes_nothing_about_it(rig: Rig, libvirt_host: Host) -> None:
    data = _scene(rig, format="raw")[DATA]
    rig.create(data)
    path = f"{POOL}/{POOL_NAME}/{rig.name(DATA, 'data.raw')}"
    evil = ["qemu-img", "create", "-q", "-f", "qcow2", "-u", "-F", "raw", "-b", "/etc/shadow", "/run/evil", "1M"]
    libvirt_host.run(*evil)
    libvirt_host.run("dd", "if=/run/evil", f"of={path}", "conv=notrunc", "status=none")
    assert shown(rig.look(data), data) == data.fields
    with pytest.raises(DriverError, match="take it for qcow2"):
        rig.update(with_fields(data, size=96 * MIB))


@pytest.mark.parametrize("by", ["path", "pool"])
def test_a_volume_that_anybodys_guest_has_is_kept(rig: Rig, clean: LibvirtBench, by: str) -> None:
    data = _scene(rig)[DATA]
    rig.create(data)
    name = rig.name(DATA, "data.qcow2")
    how = {
        "path": f"type='file'><source file='{POOL}/{POOL_NAME}/{name}'/>",
        "pool": f"type='volume'><source pool='{POOL_NAME}' volume='{name}'/>",
    }
    devices = f"<devices><disk {how[by]}<target dev='vda'/></disk></devices>"
    system = "<memory>65536</memory><os><type>hvm</type></os>"
    theirs = clean.connection.defineXML(f"<domain type='qemu'><name>theirs</name>{system}{devices}</domain>")
    with pytest.raises(DriverError, match="theirs has it"):
        rig.delete(data)
    theirs.undefine()
    rig.delete(data)


def test_an_image_that_a_strangers_overlay_stands_on_is_kept(rig: Rig, libvirt_host: Host) -> None:
    tiny, folder = _scene(rig)[TINY], f"{POOL}/{POOL_NAME}"
    rig.create(tiny)
    (base,) = [file for file in _files(libvirt_host, folder) if file.endswith(".disk.qcow2")]
    overlay = [NAMED_POOL, "overlay", "1G", "--format", "qcow2", "--backing-vol", f"{folder}/{base}"]
    libvirt_host.virsh("vol-create-as", *overlay, "--backing-vol-format", "qcow2")
    with pytest.raises(DriverError, match="base of overlay"):
        rig.delete(tiny)
    libvirt_host.virsh("vol-delete", "overlay", NAMED_POOL)
    rig.delete(tiny)


def test_a_host_tells_of_its_pools_and_of_guests_that_are_not_ours(rig: Rig, clean: LibvirtBench) -> None:
    facts = rig.snapshot().facts
    assert facts is not None
    assert (facts.other_vcpus, facts.other_memory) == (0, 0)
    assert facts.pools[NAMED_POOL] > 1 << 30
    system = "<vcpu>2</vcpu><memory unit='MiB'>48</memory><os><type>hvm</type></os>"
    paused = clean.connection.createXML(f"<domain type='qemu'><name>theirs</name>{system}</domain>", 1)
    facts = rig.snapshot().facts
    paused.destroy()
    assert facts is not None
    assert (facts.other_vcpus, facts.other_memory) == (2, 48 * MIB)


def test_an_image_that_several_need_at_once_is_uploaded_once(rig: Rig) -> None:
    assert isinstance(rig.driver, LibvirtDriver)
    wanted, watch = _scene(rig)[TINY], Watch()
    task = Task(site=rig.driver._site, progress=watch, wanted=wanted, commit="c0ffee")
    with ThreadPoolExecutor(3) as threads:
        list(threads.map(image.ensure, [task] * 3))
    uploads = [target for call, target in watch.calls if call == "volume.upload"]
    assert len(uploads) == len(set(uploads)) == 3
    assert shown(rig.look(wanted), wanted) == wanted.fields


def test_a_volume_that_is_deleted_while_its_pool_is_listed_is_gone_and_no_failure(clean: LibvirtBench) -> None:
    pool = clean.connection.storagePoolLookupByName(NAMED_POOL)
    pool.createXML("<volume><name>short-lived</name><capacity>1024</capacity></volume>")
    (listed,) = pool.listAllVolumes()
    seen = described(listed)
    assert seen is not None
    assert seen.name == "short-lived"
    listed.delete()
    assert described(listed) is None
