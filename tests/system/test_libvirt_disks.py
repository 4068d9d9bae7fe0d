"""What only a real libvirtd with a real guest can show of data disks, growth, firmware and starts."""

from __future__ import annotations

from typing import Any

import libvirt
import pytest
from msgspec.structs import replace

from reconciler.driver import DriverError, ErrorClass
from reconciler.impact import Impact
from reconciler.objects import Observed, Wanted
from reconciler_libvirt.xml.domain import SPARE_PORTS
from tests.support.contract import MIB, WEB, manifest
from tests.support.guests import Keys, answer
from tests.support.hosts import Host, until
from tests.support.libvirt_bench import TABLE, LibvirtBench
from tests.support.rig import Rig, Watch, shown
from tests.support.scene import scene

pytestmark = pytest.mark.libvirtd

ADDRESS = "10.77.0.10"
DATA = "Volume/default/data"
BOOT = "cat /proc/sys/kernel/random/boot_id"


def _scene(
    rig: Rig,
    key: str,
    flavor: dict[str, Any],
    image: dict[str, Any] | None = None,
    size: str = "64Mi",
    *,
    boots: bool = True,
    **web: Any,
) -> dict[str, Wanted]:
    assert isinstance(rig.bench, LibvirtBench)
    tiny: Any = rig.bench.image.manifest("own")
    if not boots:
        del tiny["spec"]["boot"]
    spec = {"flavor": "own", "image": "own", "keypairs": ["admin"], "securityGroups": ["ssh"], **web}
    return scene(
        rig.bench.config.name,
        rig.bench.manifests()
        + manifest("Flavor", "own", **{"vcpus": 1, "memory": "128Mi", "disk": "1Gi", **flavor})
        + manifest("Image", "own", **tiny["spec"], **({"properties": image} if image else {}))
        + manifest("Keypair", "admin", publicKey=key)
        + manifest("Network", "lan", cidr="10.77.0.0/24")
        + manifest("SecurityGroup", "ssh", ingress=[{"protocol": "tcp", "ports": 22}])
        + manifest("Volume", "data", size=size)
        + manifest("Instance", "web", **spec, networks={"lan": {"address": ADDRESS}}),
    )


def _update(rig: Rig, wanted: Wanted, impact: Impact = Impact.LIVE) -> Observed:
    updated = rig.update(wanted, impact)
    assert shown(updated, wanted) == wanted.fields
    assert updated.running is not None
    assert {path: updated.running.get(path) for path in wanted.fields if path != "powerState"} == {
        path: value for path, value in wanted.fields.items() if path != "powerState"
    }
    watch = Watch()
    rig.update(wanted, watch=watch)
    assert watch.calls == []
    return updated


def test_a_running_guest_gets_disks_size_and_memory_and_gives_disks_back(
    rig: Rig, libvirt_host: Host, keys: Keys, clean: LibvirtBench
) -> None:
    room = {"maxVcpus": 2, "maxMemory": "256Mi"}
    wanted = _scene(rig, keys.public, room)
    rig.make(wanted.values())
    boot = answer(libvirt_host, ADDRESS, keys, BOOT)
    disk = _scene(rig, keys.public, room, volumes={"data": {}}, autostart=True)[WEB]
    given = _update(rig, disk)
    assert wanted[DATA].key in given.needs
    serial = str(disk.fields["volumes.data.serial"])
    assert answer(libvirt_host, ADDRESS, keys, "cat /sys/block/vdc/serial") == serial
    answer(libvirt_host, ADDRESS, keys, "echo precious > /dev/vdc; sync")
    with pytest.raises(Exception, match="in use"):
        rig.delete(wanted[DATA])
    grown = _scene(rig, keys.public, room, size="96Mi")[DATA]
    rig.update(grown)
    assert answer(libvirt_host, ADDRESS, keys, "cat /sys/block/vdc/size") == str(96 * MIB // 512)
    large = _scene(rig, keys.public, {**room, "vcpus": 2, "memory": "256Mi"}, volumes={"data": {}}, autostart=True)
    _update(rig, large[WEB])
    assert answer(libvirt_host, ADDRESS, keys, "grep -c ^processor /proc/cpuinfo") == "2"
    memory = int(answer(libvirt_host, ADDRESS, keys, "awk '/MemTotal/ {print $2}' /proc/meminfo"))
    assert memory > 160 << 10
    bare = _scene(rig, keys.public, {**room, "vcpus": 2, "memory": "256Mi"})[WEB]
    _update(rig, bare)
    assert answer(libvirt_host, ADDRESS, keys, "ls /sys/block").split() == ["vda", "vdb"]
    read_only = {"data": {"readOnly": True}}
    _update(rig, _scene(rig, keys.public, {**room, "vcpus": 2, "memory": "256Mi"}, volumes=read_only)[WEB])
    assert answer(libvirt_host, ADDRESS, keys, "head -n 1 /dev/vdc; cat /sys/block/vdc/ro") == "precious\n1"
    assert answer(libvirt_host, ADDRESS, keys, BOOT) == boot
    rig.delete(wanted[WEB])
    rig.create(disk)
    assert answer(libvirt_host, ADDRESS, keys, "head -n 1 /dev/vdc") == "precious"


def test_a_guest_starts_with_uefi_and_secure_boot_and_leaves_no_variables_behind(
    rig: Rig, libvirt_host: Host, keys: Keys, clean: LibvirtBench
) -> None:
    before = libvirt_host.run("find", "/var/lib/libvirt/qemu/nvram", check=False).stdout
    roomy = {"memory": "256Mi"}  # with less, UEFI loads the kernel over itself
    wanted = _scene(rig, keys.public, roomy, {"hw_firmware_type": "uefi", "hw_machine_type": "q35"})
    rig.make(wanted.values())
    assert answer(libvirt_host, ADDRESS, keys, "ls -d /sys/firmware/efi") == "/sys/firmware/efi"
    facts = rig.snapshot().facts
    assert facts is not None
    assert {"uefi", "secure-boot"} <= set(facts.features)
    _update(rig, wanted[WEB])
    secure = {"hw_firmware_type": "uefi", "hw_machine_type": "q35", "os_secure_boot": "required"}
    _update(rig, _scene(rig, keys.public, roomy, secure)[WEB], Impact.RESTART)
    _update(rig, _scene(rig, keys.public, roomy)[WEB], Impact.RESTART)
    assert answer(libvirt_host, ADDRESS, keys, BOOT)
    rig.delete(wanted[WEB])
    assert libvirt_host.run("find", "/var/lib/libvirt/qemu/nvram", check=False).stdout == before


def test_what_a_guest_does_not_follow_is_told_and_comes_with_its_next_start(
    rig: Rig, keys: Keys, clean: LibvirtBench
) -> None:
    """Nothing runs in it: its disk holds no system that the firmware could start."""
    clean.config = replace(clean.config, connection={**clean.config.connection, "follow_deadline": 1.0})
    room = {"maxMemory": "256Mi"}
    without = _scene(rig, keys.public, room, boots=False)
    given = _scene(rig, keys.public, room, boots=False, volumes={"data": {}})[WEB]
    rig.make(wanted for address, wanted in without.items() if address != WEB)
    rig.create(given)
    boot = clean.boot(rig.name(WEB))
    with pytest.raises(DriverError, match="let go of the disk data and has not followed") as refusal:
        rig.update(without[WEB])
    assert refusal.value.error_class is ErrorClass.NOT_FOLLOWED
    left = rig.look(without[WEB])
    assert left is not None
    assert left.running is not None
    assert ("volumes.data.volume" in left.stored, "volumes.data.volume" in left.running) == (False, True)
    assert clean.boot(rig.name(WEB)) == boot
    with pytest.raises(DriverError, match="in use"):
        rig.delete(without[DATA])
    _update(rig, without[WEB], Impact.RESTART)
    rig.delete(without[DATA])


EXTRAS = {
    "hw:cpu_sockets": 2,
    "hw:cpu_cores": 2,
    "hw:watchdog_action": "reset",
    "hw:mem_page_size": "large",
    "hw_rng:allowed": False,
    "quota:cpu_shares": 512,
    "quota:cpu_period": 100000,
    "quota:cpu_quota": 50000,
    "quota:disk_total_bytes_sec": 10 * MIB,
    "quota:disk_total_iops_sec": 500,
    "quota:vif_inbound_average": 1024,
    "quota:vif_outbound_average": 2048,
}


def test_every_finer_trait_is_taken_by_libvirt_read_back_and_given_up(rig: Rig, keys: Keys) -> None:
    fine, image = {"maxVcpus": 4, "extraSpecs": EXTRAS}, {"hw_qemu_guest_agent": False}
    volumes: dict[str, Any] = {"data": {}}
    wanted = _scene(rig, keys.public, fine, image, powerState="Stopped", volumes=volumes)
    assert len([path for path in wanted[WEB].fields if path.startswith("extra.")]) == len(EXTRAS)
    rig.make(each for address, each in wanted.items() if address != WEB)
    made = rig.create(wanted[WEB])
    assert shown(made, wanted[WEB]) == wanted[WEB].fields
    plain = _scene(rig, keys.public, {}, powerState="Stopped", volumes=volumes)[WEB]
    given_up = rig.update(plain, Impact.NONE)
    assert shown(given_up, plain) == plain.fields
    assert not [path for path in given_up.stored if path in wanted[WEB].fields.keys() - plain.fields.keys()]


def test_a_guest_that_starts_with_its_host_is_cut_off_until_a_run_has_filtered_it(
    rig: Rig, libvirt_host: Host, keys: Keys, clean: LibvirtBench
) -> None:
    wanted = _scene(rig, keys.public, {}, autostart=True)
    rig.make(wanted.values())
    clean.stop_guest(rig.name(WEB))
    for family in ("inet", "bridge"):
        libvirt_host.run("nft", "delete", "table", family, TABLE)  # what is left of them by a reboot
    libvirt_host.run("rm", "-f", "/run/libvirt/qemu/autostarted")
    libvirt_host.restart_libvirtd()
    clean.connection = libvirt.open(libvirt_host.uri)
    until(lambda: clean.connection.lookupByName(rig.name(WEB)).isActive(), 30, "the guest to be started")
    assert clean.unfiltered() == []
    again = Rig(clean)
    observed = again.look(wanted[WEB])
    assert observed is not None
    assert observed.stored["nics.lan.filter"] == "absent"
    again.create(wanted["SecurityGroup/default/ssh"])
    _update(again, wanted[WEB])
    assert answer(libvirt_host, ADDRESS, keys, "hostname") == "web"


def test_disks_beyond_the_free_slots_of_a_running_guest_come_with_its_next_start(rig: Rig, clean: LibvirtBench) -> None:
    names = [f"disk-{number}" for number in range(SPARE_PORTS + 1)]
    volumes = [manifest("Volume", name, size="1Mi") for name in names]
    rig.make(rig.scene(*volumes).values())
    clean.await_guest(rig.name(WEB))
    fits = rig.scene(*volumes, volumes={name: {} for name in names[:-1]})[WEB]
    assert shown(rig.update(fits), fits) == fits.fields
    beyond = rig.scene(*volumes, volumes={name: {} for name in names})[WEB]
    with pytest.raises(DriverError, match="no free slot for the disk") as refusal:
        rig.update(beyond)
    assert refusal.value.error_class is ErrorClass.UNSUPPORTED
    assert len(clean.serials(rig.name(WEB))) == len(names) - 1
    rig.update(beyond, Impact.RESTART)
    assert len(clean.serials(rig.name(WEB))) == len(names)


def test_the_disk_of_a_guest_whose_domain_is_gone_gives_way_with_consent_only(rig: Rig, clean: LibvirtBench) -> None:
    rig.make(rig.scene(powerState="Stopped").values())
    root = rig.name(WEB, "root")
    clean.write(root, "precious")
    clean.connection.lookupByName(rig.name(WEB)).undefine()
    other = rig.scene(powerState="Stopped", image="other")
    rig.make(each for each in other.values() if each.key.address.kind == "Image")
    with pytest.raises(DriverError, match="consent to a rebuild"):
        rig.create(other[WEB])
    assert clean.written(root) == "precious"
    assert shown(rig.update(other[WEB], Impact.REBUILD), other[WEB]) == other[WEB].fields
    assert clean.written(root) == ""
